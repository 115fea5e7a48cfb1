//! SpiNNaker's s16.15 neurons: one neuron, a recorded input current.

use super::{Outcome, equal};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    params: BTreeMap<String, i64>,
    #[serde(default)]
    in_exc: Vec<i32>,
    #[serde(default)]
    in_inh: Vec<i32>,
    #[serde(default)]
    in_net: Vec<i32>,
    columns: Vec<String>,
    rows: Vec<Vec<i64>>,
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let (model, inputs) = if case.in_net.is_empty() {
        (ModelKind::SpinnakerLif, vec![&case.in_exc, &case.in_inh])
    } else {
        (ModelKind::SpinnakerIzhikevich, vec![&case.in_net])
    };
    let given = case.params.iter().map(|(name, &value)| (name.as_str(), value.into()));
    let parameters = Parameters::new(model, 1, given).map_err(|e| format!("{e:?}"))?;
    // One axon a channel with a weight of one unit; the payload is the input.
    let mut rows = WideRows::builder(inputs.len() as u32);
    for channel in 0..inputs.len() as u32 {
        let synapse = Synapse { target: NeuronId(channel), weight: 1, delay: 0 };
        rows.push_row(&[synapse]).map_err(|e| e.to_string())?;
    }
    let config = CoreConfig::new(parameters, Arc::new(Synapses::Wide(rows.build())));
    let mut core = Core::new(&config).map_err(|e| e.to_string())?;
    for (t, row) in case.rows.iter().enumerate() {
        for (channel, input) in inputs.iter().enumerate() {
            core.deliver(AxonId(channel as u32), input[t], 0);
        }
        let before = core.membrane(NeuronId(0));
        let mut spikes = Vec::new();
        core.tick(&mut spikes);
        let state: Vec<i64> = core.state().iter().map(|values| values.at(0)).collect();
        for (column, &wanted) in case.columns.iter().zip(row) {
            let got = match column.as_str() {
                "v_before" => before,
                "v" | "v_after" => state[0],
                "exc_after_decay" | "u" => state[1],
                "inh_after_decay" | "this_h" => state[2],
                "spike" => spikes.len() as i64,
                other => return Err(format!("an unknown column `{other}`")),
            };
            equal(t, 0, column, wanted, got)?;
        }
    }
    Ok(())
}
