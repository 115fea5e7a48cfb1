//! Lava's fixed-point LIF family on one core with dense synapses.

use super::{Outcome, equal, same};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    n: usize,
    m: usize,
    sign_mode: i64,
    weight_exp: i8,
    num_weight_bits: u8,
    weights: Vec<Vec<i32>>,
    du: i64,
    dv: i64,
    bias_mant: Vec<i64>,
    bias_exp: Vec<i64>,
    input_spikes: Vec<Vec<u32>>,
    vth: Option<i64>,
    vth_lo: Option<i64>,
    vth_hi: Option<i64>,
    delays: Option<Vec<Vec<u8>>>,
    reset_interval: Option<i64>,
    reset_offset: Option<i64>,
    rec_weights: Option<Vec<Vec<i32>>>,
    rec_weight_exp: Option<i8>,
    u: Vec<Vec<i64>>,
    v: Vec<Vec<i64>>,
    s_out: Vec<Vec<i64>>,
    #[serde(default)]
    independent_check: Value,
}

/// `matrix[target][source]` turned into rows by source.
pub(super) fn rows<T: Copy, R>(matrix: &[Vec<T>], sources: usize, convert: impl Fn(T) -> R) -> Vec<Vec<R>> {
    (0..sources).map(|source| matrix.iter().map(|row| convert(row[source])).collect()).collect()
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let sign_mode = SignMode::from_number(case.sign_mode).ok_or("an unknown sign mode")?;
    let format =
        |bits, exponent, sign_mode| WeightFormat { bits, exponent, sign_mode, truncation: Truncation::Lava };
    let input = format(case.num_weight_bits, case.weight_exp, sign_mode);
    let weights = rows(&case.weights, case.m, |w| input.mantissa(w) as i16);
    let delays = case.delays.as_ref().map(|delays| rows(delays, case.m, |d| d));
    let recurrent = format(8, case.rec_weight_exp.unwrap_or(0), SignMode::Mixed);
    let back = case.rec_weights.as_ref().map(|w| rows(w, case.n, |w| recurrent.mantissa(w) as i16));
    let no_delays = Vec::new();
    let first = weights.iter().enumerate().map(|(source, weights)| {
        let delays = delays.as_ref().map_or(&no_delays, |delays| &delays[source]);
        DenseRow { weights, delays, group: 0 }
    });
    let second = back.iter().flatten().map(|weights| DenseRow { weights, delays: &[], group: 1 });
    let exponents = [case.weight_exp, case.rec_weight_exp.unwrap_or(0)];
    let store = DenseRows::new(case.n as u32, &exponents, first.chain(second)).map_err(|e| e.to_string())?;

    let mut given: Vec<(&str, Column)> = vec![
        ("du", case.du.into()),
        ("dv", case.dv.into()),
        ("bias_mant", case.bias_mant.clone().into()),
        ("bias_exp", case.bias_exp.clone().into()),
    ];
    let optional = [
        ("vth", case.vth),
        ("vth_lo", case.vth_lo),
        ("vth_hi", case.vth_hi),
        ("reset_interval", case.reset_interval),
        ("reset_offset", case.reset_offset),
    ];
    given.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?.into()))));
    let model = if case.vth_lo.is_some() {
        ModelKind::TernaryLif
    } else if case.reset_interval.is_some() {
        ModelKind::ResetLif
    } else {
        ModelKind::LavaLif
    };
    let parameters = Parameters::new(model, case.n, given).map_err(|e| format!("{e:?}"))?;
    let config = CoreConfig::new(parameters, Arc::new(Synapses::Dense(store)));
    let mut core = Core::new(&config).map_err(|e| e.to_string())?;
    for t in 0..case.u.len() {
        let mut spikes = Vec::new();
        core.tick(&mut spikes);
        let state = core.state();
        same(t, "u", &case.u[t], &state[0].iter().collect::<Vec<_>>())?;
        same(t, "v", &case.v[t], &state[1].iter().collect::<Vec<_>>())?;
        let mut out = vec![0; case.n];
        spikes.iter().for_each(|s| out[s.neuron.0 as usize] = i64::from(s.payload));
        same(t, "s_out", &case.s_out[t], &out)?;
        case.input_spikes[t].iter().for_each(|&source| core.deliver(AxonId(source), 1, 0));
        if back.is_some() {
            for spike in &spikes {
                core.deliver(AxonId(case.m as u32 + spike.neuron.0), spike.payload, 0);
            }
        }
    }
    let counted = |name: &str| case.independent_check.get(name).and_then(Value::as_i64);
    for (name, got) in [("wraps", core.counters().wraps), ("vclips", core.counters().clips)] {
        if let Some(wanted) = counted(name) {
            equal(case.u.len(), 0, name, wanted, got as i64)?;
        }
    }
    Ok(())
}
