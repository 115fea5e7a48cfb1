//! RANC: cores on a grid with relative destinations, delivery ticks and an output bus.

use super::{Outcome, equal, same};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    reset_type_code: i64,
    input: Input,
    output_bus: Vec<Vec<i64>>,
    potentials: Vec<BTreeMap<String, Vec<i64>>>,
    spikes: Vec<Vec<(String, i64)>>,
    #[serde(default)]
    warnings: Option<i64>,
}

#[derive(Deserialize)]
struct Input {
    packets: Vec<Vec<Packet>>,
    output_bus: Bus,
    cores: Vec<RancCore>,
}

#[derive(Deserialize)]
struct Packet {
    destination_core: (i64, i64),
    destination_axon: u32,
    destination_tick: u32,
}

#[derive(Deserialize)]
struct Bus {
    coordinates: (i64, i64),
    num_outputs: i64,
}

#[derive(Deserialize)]
struct RancCore {
    axons: Vec<u8>,
    neurons: Vec<Neuron>,
    connections: Vec<Vec<u8>>,
    coordinates: (i64, i64),
}

#[derive(Deserialize)]
struct Neuron {
    reset_potential: i64,
    weights: [i64; 4],
    leak: i64,
    positive_threshold: i64,
    negative_threshold: i64,
    destination_core_offset: (i64, i64),
    destination_axon: u32,
    destination_tick: u32,
    current_potential: i64,
    reset_mode: i64,
}

fn build(core: &RancCore, lower_test: i64) -> Result<Core, String> {
    let n = core.neurons.len();
    let rows = core
        .axons
        .iter()
        .enumerate()
        .map(|(axon, &kind)| (kind, 0, core.connections.iter().map(|neuron| neuron[axon] != 0).collect()));
    let crossbar = Crossbar::typed(n as u32, rows).map_err(|e| e.to_string())?;
    let column = |read: &dyn Fn(&Neuron) -> i64| Column::Each(core.neurons.iter().map(read).collect());
    let given = [
        ("w0", column(&|n| n.weights[0])),
        ("w1", column(&|n| n.weights[1])),
        ("w2", column(&|n| n.weights[2])),
        ("w3", column(&|n| n.weights[3])),
        ("leak", column(&|n| n.leak)),
        ("positive_threshold", column(&|n| n.positive_threshold)),
        ("negative_threshold", column(&|n| n.negative_threshold)),
        ("reset_potential", column(&|n| n.reset_potential)),
        ("reset_mode", column(&|n| n.reset_mode)),
        ("initial", column(&|n| n.current_potential)),
        ("lower_test", lower_test.into()),
    ];
    let parameters = Parameters::new(ModelKind::Ranc, n, given).map_err(|e| format!("{e:?}"))?;
    Core::new(&CoreConfig::new(parameters, Arc::new(Synapses::Crossbar(crossbar)))).map_err(|e| e.to_string())
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let input = &case.input;
    let mut cores: BTreeMap<(i64, i64), (Core, &RancCore)> = BTreeMap::new();
    for core in &input.cores {
        let (x, y) = core.coordinates;
        // Keyed by (y, x): cores run in row-major order.
        cores.insert((y, x), (build(core, case.reset_type_code)?, core));
    }
    let mut on_bus = BTreeSet::new();
    for t in 0..case.potentials.len() {
        for packet in input.packets.get(t).into_iter().flatten() {
            let (x, y) = packet.destination_core;
            if let Some((core, _)) = cores.get_mut(&(y, x)) {
                core.deliver(AxonId(packet.destination_axon), 1, packet.destination_tick);
            }
        }
        let wanted: Vec<i64> = std::mem::take(&mut on_bus).into_iter().collect();
        same(t, "output bus", &case.output_bus[t], &wanted)?;
        let (mut fired, mut sent) = (Vec::new(), Vec::new());
        for (&(y, x), (core, described)) in &mut cores {
            let mut spikes = Vec::new();
            core.tick(&mut spikes);
            let key = format!("{x},{y}");
            let potentials: Vec<i64> = core.state()[0].iter().collect();
            let wanted = case.potentials[t].get(&key).ok_or_else(|| format!("no potentials of core {key}"))?;
            same(t, &format!("core {key}, potential"), wanted, &potentials)?;
            for spike in spikes {
                let neuron = &described.neurons[spike.neuron.0 as usize];
                let (dx, dy) = neuron.destination_core_offset;
                fired.push((key.clone(), i64::from(spike.neuron.0)));
                sent.push(((x + dx, y + dy), neuron.destination_axon, neuron.destination_tick));
            }
        }
        if case.spikes[t] != fired {
            return Err(format!("step {t}: spikes wanted {:?}, got {fired:?}", case.spikes[t]));
        }
        for ((x, y), axon, tick) in sent {
            if (x, y) == input.output_bus.coordinates {
                if i64::from(axon) < input.output_bus.num_outputs {
                    on_bus.insert(axon.into());
                }
            } else if let Some((core, _)) = cores.get_mut(&(y, x)) {
                core.deliver(AxonId(axon), 1, tick);
            }
        }
    }
    let merged: u64 = cores.values().map(|(core, _)| core.counters().merged + core.counters().dropped).sum();
    case.warnings.map_or(Ok(()), |wanted| equal(case.potentials.len(), 0, "warnings", wanted, merged as i64))
}
