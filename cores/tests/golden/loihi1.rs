//! nengo-loihi's emulator: blocks of CUBA LIF neurons, one core each.

use super::{Outcome, equal, same};
use serde::Deserialize;
use serde_json::Value;
use spikemesh_cores::*;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    blocks: Vec<Block>,
    synapses: Vec<Group>,
    input_spikes: Vec<Vec<usize>>,
    u: Vec<Vec<i64>>,
    v: Vec<Vec<i64>>,
    spikes: Vec<Vec<i64>>,
    #[serde(default)]
    events: Option<Events>,
}

#[derive(Deserialize)]
struct Block {
    n: usize,
    decay_u: Vec<i64>,
    decay_v: Vec<i64>,
    vth: Vec<i64>,
    bias: Vec<i64>,
    refract_delay: Vec<i64>,
    vmin: i64,
    vmax: i64,
}

#[derive(Deserialize)]
struct Group {
    source: Value,
    target_block: usize,
    axons: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    w: Vec<i32>,
    i: Vec<u32>,
}

#[derive(Deserialize)]
struct Events {
    wraps: i64,
    vclips: i64,
    spikes: i64,
}

/// Axons that the source (block or `None` for the input, index) reaches: (source, index, target block, axon).
type FanOut = Vec<(Option<usize>, usize, usize, AxonId)>;

fn build(case: &Case) -> (Vec<Core>, FanOut) {
    let mut rows: Vec<Vec<Vec<Synapse>>> = vec![Vec::new(); case.blocks.len()];
    let mut fan_out = FanOut::new();
    for group in &case.synapses {
        let source = group.source.as_u64().map(|block| block as usize);
        for (index, row) in group.axons.iter().enumerate() {
            let block = &mut rows[group.target_block];
            fan_out.push((source, index, group.target_block, AxonId(block.len() as u32)));
            let synapse = |(&weight, &target)| Synapse { target: NeuronId(target), weight, delay: 0 };
            block.push(row.w.iter().zip(&row.i).map(synapse).collect());
        }
    }
    let cores = case.blocks.iter().zip(&rows).map(|(block, rows)| {
        let parameters = Parameters::new(
            ModelKind::CubaLif,
            block.n,
            [
                ("decay_u", block.decay_u.clone().into()),
                ("decay_v", block.decay_v.clone().into()),
                ("threshold", block.vth.clone().into()),
                ("bias", block.bias.clone().into()),
                ("refractory", block.refract_delay.clone().into()),
                ("v_min", block.vmin.into()),
                ("v_max", block.vmax.into()),
            ],
        );
        let parameters = parameters.expect("a recorded case is valid");
        Core::new(&CoreConfig::new(parameters, Arc::new(store(block.n, rows))))
            .expect("a recorded case is valid")
    });
    (cores.collect(), fan_out)
}

/// Sparse rows where every row has a common shift, else wide ones.
fn store(neurons: usize, rows: &[Vec<Synapse>]) -> Synapses {
    let mut sparse = SparseRows::builder(neurons as u32);
    if rows.iter().all(|row| sparse.push_effective_row(row).is_ok()) {
        return Synapses::Sparse(sparse.build());
    }
    let mut wide = WideRows::builder(neurons as u32);
    for row in rows {
        wide.push_row(row).expect("targets lie within the block");
    }
    Synapses::Wide(wide.build())
}

pub(super) fn run(case: Value) -> Outcome {
    let case: Case = serde_json::from_value(case).map_err(|e| e.to_string())?;
    let (mut cores, fan_out) = build(&case);
    let mut arrived: Vec<(Option<usize>, usize)> = Vec::new();
    for (t, input) in case.input_spikes.iter().enumerate() {
        for &(source, index, block, axon) in &fan_out {
            for _ in arrived.iter().filter(|&&who| who == (source, index)) {
                cores[block].deliver(axon, 1, 0);
            }
        }
        arrived = input.iter().map(|&i| (None, i)).collect();
        let (mut u, mut v, mut fired, mut first) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (block, core) in cores.iter_mut().enumerate() {
            let mut spikes = Vec::new();
            core.tick(&mut spikes);
            let state = core.state();
            u.extend(state[0].iter());
            v.extend(state[1].iter());
            fired.extend(spikes.iter().map(|s| first + i64::from(s.neuron.0)));
            arrived.extend(spikes.iter().map(|s| (Some(block), s.neuron.0 as usize)));
            first += core.neuron_count() as i64;
        }
        same(t, "u", &case.u[t], &u)?;
        same(t, "v", &case.v[t], &v)?;
        same(t, "spikes", &case.spikes[t], &fired)?;
    }
    if let Some(events) = &case.events {
        let mut sum = CoreCounters::default();
        cores.iter().for_each(|core| sum += *core.counters());
        let last = case.u.len();
        equal(last, 0, "wraps", events.wraps, sum.wraps as i64)?;
        equal(last, 0, "clips", events.vclips, sum.clips as i64)?;
        equal(last, 0, "spike count", events.spikes, sum.spikes as i64)?;
    }
    Ok(())
}
