//! ODIN and tinyODIN: one neuron, one event a row.

use super::{Outcome, equal};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    model: String,
    params: BTreeMap<String, i64>,
    events: Events,
    columns: Vec<String>,
    rows: Vec<Vec<i64>>,
}

#[derive(Deserialize)]
struct Events {
    #[serde(default)]
    weight4: Vec<i32>,
    #[serde(default)]
    weight3: Vec<i32>,
    #[serde(default)]
    sign: Vec<i32>,
    time_ref: Vec<i32>,
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let tiny = case.model.starts_with("tiny");
    let model = if tiny { ModelKind::TinyOdin } else { ModelKind::Odin };
    let given = case.params.iter().map(|(name, &value)| (name.as_str(), value.into()));
    let parameters = Parameters::new(model, 1, given).map_err(|e| format!("{e:?}"))?;
    // One axon whose weight is one unit; the payload is the event's weight.
    let mut rows = WideRows::builder(1);
    let synapse = Synapse { target: NeuronId(0), weight: 1, delay: 0 };
    rows.push_row(&[synapse]).map_err(|e| e.to_string())?;
    let config = CoreConfig::new(parameters, Arc::new(Synapses::Wide(rows.build())));
    let mut core = Core::new(&config).map_err(|e| e.to_string())?;
    for (t, row) in case.rows.iter().enumerate() {
        let before = core.counters().spikes;
        if case.events.time_ref[t] == 1 {
            core.tick(&mut Vec::new());
        } else {
            let weight = if tiny {
                let field = case.events.weight4[t];
                if field > 7 { field - 16 } else { field }
            } else {
                case.events.weight3[t] * if case.events.sign[t] == 1 { -1 } else { 1 }
            };
            core.deliver(AxonId(0), weight, 0);
        }
        let state: Vec<i64> = core.state().iter().map(|values| values.at(0)).collect();
        let (up, down) = core.learning_flags(NeuronId(0));
        for (column, &wanted) in case.columns.iter().zip(row) {
            let got = match column.as_str() {
                "v" => state[0],
                "ca" | "calcium" => state[1],
                "caleak_cnt" => state[2],
                "v_up" => up.into(),
                "v_down" => down.into(),
                "spike" => (core.counters().spikes - before) as i64,
                other => return Err(format!("an unknown column `{other}`")),
            };
            equal(t, 0, column, wanted, got)?;
        }
    }
    Ok(())
}
