//! Golden vectors: every step of every case recorded from real emulators.
//!
//! Files lie in `tests/data/golden` of the workspace; the environment variable `SPIKEMESH_GOLDEN_DIR` names a
//! folder of further files of the same form. Fields: `tests/data/golden/README.md`.

use serde::Deserialize;
use spikemesh_cores::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    kind: String,
    seed: u64,
    blocks: Vec<Block>,
    synapses: Vec<Group>,
    input_spikes: Vec<Vec<usize>>,
    u: Vec<Vec<i32>>,
    v: Vec<Vec<i32>>,
    spikes: Vec<Vec<u32>>,
    #[serde(default)]
    events: Option<Events>,
}

#[derive(Deserialize)]
struct Block {
    n: usize,
    decay_u: Vec<u16>,
    decay_v: Vec<u16>,
    vth: Vec<i32>,
    bias: Vec<i32>,
    refract_delay: Vec<u16>,
    vmin: i32,
    vmax: i32,
}

#[derive(Deserialize)]
struct Group {
    source: serde_json::Value,
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
    wraps: u64,
    vclips: u64,
    spikes: u64,
}

/// Axons that the source (block or `None` for the input, index) reaches: (target block, axon).
type FanOut = Vec<(Option<usize>, usize, usize, AxonId)>;

fn build(case: &Case) -> (Vec<Core>, FanOut) {
    let mut builders: Vec<_> = case.blocks.iter().map(|b| SparseRows::builder(b.n as u32)).collect();
    let mut fan_out = FanOut::new();
    for group in &case.synapses {
        let source = group.source.as_u64().map(|block| block as usize);
        for (index, row) in group.axons.iter().enumerate() {
            let synapses: Vec<_> = row
                .w
                .iter()
                .zip(&row.i)
                .map(|(&weight, &target)| Synapse { target: NeuronId(target), weight, delay: 0 })
                .collect();
            let builder = &mut builders[group.target_block];
            // Effective weights of one row may need several shifts; then the row takes one axon a synapse.
            if let Ok(axon) = builder.push_effective_row(&synapses) {
                fan_out.push((source, index, group.target_block, axon));
            } else {
                for synapse in synapses {
                    let axon = builder.push_effective_row(&[synapse]).expect("one weight has a shift");
                    fan_out.push((source, index, group.target_block, axon));
                }
            }
        }
    }
    let cores = case.blocks.iter().zip(builders).map(|(block, builder)| {
        let parameters = CubaLifParameters {
            decay_u: block.decay_u.clone(),
            decay_v: block.decay_v.clone(),
            threshold: block.vth.clone(),
            bias: block.bias.clone(),
            initial_u: vec![0; block.n],
            refractory: block.refract_delay.clone(),
            v_min: block.vmin,
            v_max: block.vmax,
            subtracts: false,
        };
        let synapses = Arc::new(Synapses::Sparse(builder.build()));
        Core::new(ModelParameters::CubaLif(parameters), synapses).expect("a recorded case is valid")
    });
    (cores.collect(), fan_out)
}

/// Runs a case; the first difference as text.
fn run(case: &Case) -> Result<(), String> {
    let (mut cores, fan_out) = build(case);
    let mut arrived: Vec<(Option<usize>, usize)> = Vec::new();
    for (t, input) in case.input_spikes.iter().enumerate() {
        for &(source, index, block, axon) in &fan_out {
            let times = arrived.iter().filter(|&&who| who == (source, index)).count();
            for _ in 0..times {
                cores[block].deliver(axon, 1, 0);
            }
        }
        arrived = input.iter().map(|&i| (None, i)).collect();
        let (mut u, mut v, mut fired, mut first) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (block, core) in cores.iter_mut().enumerate() {
            let mut spikes = Vec::new();
            core.tick(&mut spikes);
            u.extend_from_slice(core.u());
            v.extend_from_slice(core.v());
            fired.extend(spikes.iter().map(|s| first + s.neuron.0));
            arrived.extend(spikes.iter().map(|s| (Some(block), s.neuron.0 as usize)));
            first += core.neuron_count() as u32;
        }
        for (what, wanted, got) in [("u", &case.u[t], &u), ("v", &case.v[t], &v)] {
            if let Some(n) = (0..wanted.len()).find(|&n| wanted[n] != got[n]) {
                return Err(format!("step {t}, neuron {n}: {what} wanted {}, got {}", wanted[n], got[n]));
            }
        }
        if case.spikes[t] != fired {
            return Err(format!("step {t}: spikes wanted {:?}, got {fired:?}", case.spikes[t]));
        }
    }
    if let Some(events) = &case.events {
        let mut sum = CoreCounters::default();
        cores.iter().for_each(|core| sum += *core.counters());
        let got = (sum.wraps, sum.clips, sum.spikes);
        let wanted = (events.wraps, events.vclips, events.spikes);
        if got != wanted {
            return Err(format!("(wraps, clips, spikes) wanted {wanted:?}, got {got:?}"));
        }
    }
    Ok(())
}

fn files() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/golden");
    let further = std::env::var_os("SPIKEMESH_GOLDEN_DIR").map(PathBuf::from);
    let mut files: Vec<_> = std::iter::once(own)
        .chain(further)
        .flat_map(|folder| std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("loihi1_nengo_emulator")))
        .collect();
    files.sort();
    files
}

#[test]
fn golden_loihi1_nengo_emulator() {
    let (mut cases, mut failed) = (0, 0);
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let list: Vec<Case> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        for (i, case) in list.iter().enumerate() {
            cases += 1;
            if let Err(difference) = run(case) {
                failed += 1;
                println!("{}: case {i} ({}, seed {}): {difference}", file.display(), case.kind, case.seed);
            }
        }
    }
    println!("golden: {cases} cases, {failed} failed");
    assert!(cases >= 24 && failed == 0, "{failed} of {cases} golden cases failed");
}
