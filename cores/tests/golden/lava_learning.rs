//! Lava's LearningDense: plastic synapses with recorded random streams and postsynaptic spikes from outside.

use super::{Outcome, same};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    m: usize,
    n: usize,
    params: BTreeMap<String, f64>,
    dw: String,
    w0: Vec<Vec<i32>>,
    pre: Vec<Vec<usize>>,
    post: Vec<Vec<u32>>,
    w: Vec<Vec<Vec<i64>>>,
    x1: Vec<Vec<i64>>,
    y1: Vec<Vec<i64>>,
    y2: Vec<Vec<i64>>,
    a_out: Vec<Vec<i64>>,
    streams: RawStreams,
}

#[derive(Deserialize)]
struct RawStreams {
    x_decay: Vec<f64>,
    y_decay: Vec<f64>,
    x_impulse: Vec<u8>,
    y_impulse: Vec<u8>,
    weight_round: Vec<f64>,
}

/// Uniform numbers of 53 bits, which f64 holds exactly.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| (x * (1u64 << 53) as f64) as u64).collect()
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let number = |name: &str| case.params.get(name).copied().unwrap_or(0.0);
    let trace = |name: &str| {
        let (impulse, tau) = (number(&format!("{name}_impulse")), number(&format!("{name}_tau")));
        let keep = if tau > 0.0 { ((-1.0 / tau).exp() * 4_294_967_296.0).round() as u64 } else { 0 };
        let impulse_fraction = (impulse.fract() * 256.0) as u8;
        TraceSettings { impulse: impulse as u8, impulse_fraction, keep, ..TraceSettings::default() }
    };
    let rule = Rule {
        traces: ["x1", "x2", "y1", "y2", "y3"].map(trace),
        epoch: number("t_epoch") as u32,
        weight_least: -256,
        weight_most: 255,
        ..Rule::new(Engine::Loihi, Expression::parse(&case.dw).map_err(|e| e.to_string())?)
    };
    let row = |source: usize| {
        let synapse = |target: usize| Synapse {
            target: NeuronId(target as u32),
            weight: case.w0[target][source],
            delay: 0,
        };
        (source as u32, (0..case.n).map(synapse).collect())
    };
    let rows = PlasticRows::new(rule, (0..case.n as u32).collect(), (0..case.m).map(row));
    let streams = RecordedStreams {
        x_decay: bits(&case.streams.x_decay),
        y_decay: bits(&case.streams.y_decay),
        x_impulse: case.streams.x_impulse.clone(),
        y_impulse: case.streams.y_impulse.clone(),
        weight_round: bits(&case.streams.weight_round),
    };
    let plastic = Plastic::new(Arc::new(rows), case.n).map_err(|e| e.to_string())?;
    let mut plastic = plastic.with_streams(Streams::Recorded(Box::new(streams)));
    let mut ring = AccumulatorRing::new(case.n, 0);
    let mut counters = CoreCounters::default();
    for t in 0..case.w.len() {
        let out: Vec<i64> = ring.current().iter().map(|&a| a.into()).collect();
        same(t, "a_out", &case.a_out[t], &out)?;
        ring.advance();
        for &source in &case.pre[t] {
            plastic.deliver(source, 1, 0, &mut ring);
        }
        let post: Vec<NeuronId> = case.post[t].iter().map(|&n| NeuronId(n)).collect();
        plastic.learn(&post, &|_| (false, false), &mut counters, None);
        for (target, wanted) in case.w[t].iter().enumerate() {
            let got: Vec<i64> =
                (0..case.m).map(|source| plastic.weights()[source * case.n + target].into()).collect();
            same(t, &format!("weights onto neuron {target}, by source:"), wanted, &got)?;
        }
        for (what, index, wanted) in [("x1", 0, &case.x1), ("y1", 2, &case.y1), ("y2", 3, &case.y2)] {
            same(t, what, &wanted[t], &plastic.trace(index))?;
        }
    }
    Ok(())
}
