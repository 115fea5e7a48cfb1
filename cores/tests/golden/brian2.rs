//! brian2-loihi: unbounded LIF, delays by group, precision, and a rule without random numbers.

use super::{Outcome, same};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
struct Case {
    n: usize,
    m: usize,
    #[serde(rename = "decay_I")]
    decay_i: i64,
    decay_v: i64,
    refractory: i64,
    threshold_v_mant: i64,
    synapses: Vec<Group>,
    input_spikes: Vec<Vec<usize>>,
    #[serde(rename = "I")]
    current: Vec<Vec<i64>>,
    v: Vec<Vec<i64>>,
    spikes: Vec<Vec<i64>>,
    #[serde(default)]
    w_trace: Vec<Vec<i64>>,
}

#[derive(Deserialize)]
struct Group {
    source: String,
    sign_mode: i64,
    w_exp: i8,
    num_weight_bits: u8,
    delay: u8,
    i: Vec<usize>,
    j: Vec<u32>,
    w: Vec<i32>,
    #[serde(default)]
    w_act: Vec<i64>,
    #[serde(default)]
    dw: String,
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let mut wide = WideRows::builder(case.n as u32);
    // Axons by (group, source); plastic groups follow the fixed ones. The delay of a group that learns is spent before its
    // axons: x0 and the weight are those of the row of arrival, and a core's own delays lie behind both.
    let mut axons: Vec<(bool, usize, usize, AxonId)> = Vec::new();
    let mut fixed = 0;
    let mut plastic = Vec::new();
    for learns in [false, true] {
        for group in case.synapses.iter().filter(|g| g.dw.is_empty() != learns) {
            let sign_mode = SignMode::from_number(group.sign_mode).ok_or("an unknown sign mode")?;
            let (bits, exponent, truncation) = (group.num_weight_bits, group.w_exp, Truncation::Brian2);
            let format = WeightFormat { bits, exponent, sign_mode, truncation };
            let effective: Vec<i64> = group.w.iter().map(|&w| format.effective(w).into()).collect();
            if !group.w_act.is_empty() {
                same(0, "effective weights, by synapse:", &group.w_act, &effective)?;
            }
            let is_input = group.source == "input";
            let sources = if is_input { case.m } else { case.n };
            let row = |source: usize| -> Vec<Synapse> {
                let own = (0..group.w.len()).filter(|&k| group.i[k] == source);
                own.map(|k| Synapse {
                    target: NeuronId(group.j[k]),
                    weight: if learns { format.mantissa(group.w[k]) } else { effective[k] as i32 },
                    delay: if learns { 0 } else { group.delay },
                })
                .collect()
            };
            for source in 0..sources {
                let ahead = if learns { group.delay.into() } else { 0 };
                axons.push((is_input, source, ahead, AxonId(axons.len() as u32)));
                if !learns {
                    wide.push_row(&row(source)).map_err(|e| e.to_string())?;
                    fixed += 1;
                }
            }
            if learns {
                let dw = Expression::parse(&group.dw).map_err(|e| e.to_string())?;
                let (least, most) = match sign_mode {
                    SignMode::Mixed => (-256, 254),
                    SignMode::Excitatory => (0, 255),
                    SignMode::Inhibitory => (-256, 0),
                };
                let rule = Rule {
                    weight_least: least,
                    weight_most: most,
                    exponent: group.w_exp,
                    shift: 6,
                    precision: 1 << (8 - group.num_weight_bits + u8::from(sign_mode == SignMode::Mixed)),
                    ..Rule::new(Engine::EveryTick, dw)
                };
                let rows = (0..sources).map(|source| (source as u32, row(source)));
                plastic.push(Arc::new(PlasticRows::new(rule, (0..case.n as u32).collect(), rows)));
            }
        }
    }
    assert!(fixed <= axons.len());
    let parameters = Parameters::new(
        ModelKind::Brian2Lif,
        case.n,
        [
            ("decay_i", case.decay_i.into()),
            ("decay_v", case.decay_v.into()),
            ("threshold", (case.threshold_v_mant * 64).into()),
            ("refractory", case.refractory.into()),
        ],
    );
    let parameters = parameters.map_err(|e| format!("{e:?}"))?;
    let config = CoreConfig { plastic, ..CoreConfig::new(parameters, Arc::new(Synapses::Wide(wide.build()))) };
    let mut core = Core::new(&config).map_err(|e| e.to_string())?;
    let learning = case.synapses.iter().find(|g| !g.dw.is_empty());
    let mut history: Vec<Vec<i64>> = Vec::new();
    for t in 0..case.v.len() {
        // A generator's spike acts in the same row, a neuron's in the next.
        for &(is_input, source, ahead, axon) in &axons {
            let spiked = if is_input {
                t.checked_sub(ahead).is_some_and(|row| case.input_spikes[row].contains(&source))
            } else {
                t.checked_sub(ahead + 1).is_some_and(|row| history[row].contains(&(source as i64)))
            };
            if spiked {
                core.deliver(axon, 1, 0);
            }
        }
        let mut spikes = Vec::new();
        core.tick(&mut spikes);
        let fired: Vec<i64> = spikes.iter().map(|s| s.neuron.0.into()).collect();
        let state = core.state();
        same(t, "I", &case.current[t], &state[0].iter().collect::<Vec<_>>())?;
        same(t, "v", &case.v[t], &state[1].iter().collect::<Vec<_>>())?;
        same(t, "spikes", &case.spikes[t], &fired)?;
        history.push(fired);
        if let (Some(group), Some(wanted)) = (learning, case.w_trace.get(t)) {
            // Weights lie by source, and within a source in the order of the group.
            let mut order: Vec<usize> = (0..group.w.len()).collect();
            order.sort_by_key(|&k| group.i[k]);
            let mut got = vec![0; order.len()];
            let weights = core.plastic()[0].weights();
            order.iter().zip(weights).for_each(|(&k, &w)| got[k] = w.into());
            same(t, "w, by synapse:", wanted, &got)?;
        }
    }
    Ok(())
}
