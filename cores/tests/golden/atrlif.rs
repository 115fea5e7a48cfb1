//! Lava's ATRLIF on one core with dense synapses.

use super::lava_lif::rows;
use super::{Outcome, same};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    n: usize,
    m: usize,
    deltas_over_4096: BTreeMap<String, i64>,
    params: BTreeMap<String, i64>,
    weights: Vec<Vec<i32>>,
    input_spikes: Vec<Vec<u32>>,
    i: Vec<Vec<i64>>,
    v: Vec<Vec<i64>>,
    theta: Vec<Vec<i64>>,
    r: Vec<Vec<i64>>,
    s: Vec<Vec<i64>>,
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let (bits, exponent, truncation) = (8, 0, Truncation::Lava);
    let format = WeightFormat { bits, exponent, sign_mode: SignMode::Mixed, truncation };
    let weights = rows(&case.weights, case.m, |w| format.mantissa(w) as i16);
    let dense = weights.iter().map(|weights| DenseRow { weights, delays: &[], group: 0 });
    let store = DenseRows::new(case.n as u32, &[0], dense).map_err(|e| e.to_string())?;
    let given =
        case.deltas_over_4096.iter().chain(&case.params).map(|(name, &value)| (name.as_str(), value.into()));
    let parameters = Parameters::new(ModelKind::AtrLif, case.n, given).map_err(|e| format!("{e:?}"))?;
    let config = CoreConfig::new(parameters, Arc::new(Synapses::Dense(store)));
    let mut core = Core::new(&config).map_err(|e| e.to_string())?;
    for t in 0..case.v.len() {
        let mut spikes = Vec::new();
        core.tick(&mut spikes);
        let state = core.state();
        let wanted = [("i", &case.i), ("v", &case.v), ("theta", &case.theta), ("r", &case.r)];
        for ((what, wanted), values) in wanted.into_iter().zip(&state) {
            same(t, what, &wanted[t], &values.iter().collect::<Vec<_>>())?;
        }
        let mut out = vec![0; case.n];
        spikes.iter().for_each(|s| out[s.neuron.0 as usize] = i64::from(s.payload));
        same(t, "s", &case.s[t], &out)?;
        case.input_spikes[t].iter().for_each(|&source| core.deliver(AxonId(source), 1, 0));
    }
    Ok(())
}
