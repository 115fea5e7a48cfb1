//! Times of steps on Loihi as SANA-FE's cycle-accurate model gives them: of a single packet, and of many.

use super::Case;
use crate::chip::{Chip, TickSpikes};
use crate::error::Error;
use crate::sanafe::{Graph, RandomGraph, Record, build};
use spikemesh_router::Level;

const SOURCE: &str = "SANA-FE 2.2.9, cycle-accurate time of one step with one spike; a simulation, not silicon";

/// One neuron that fires once, in the first step, onto another one.
struct Pair {
    cores: Vec<u32>,
}

impl Graph for Pair {
    fn name(&self) -> String {
        "pair".into()
    }

    fn cores(&self) -> &[u32] {
        &self.cores
    }

    fn synapses(&self, neuron: u32, out: &mut Vec<(u32, i32)>) {
        if neuron == 0 {
            out.push((1, 1));
        }
    }

    fn neuron(&self, neuron: u32) -> [i64; 3] {
        [1, 0, if neuron == 0 { 2 } else { 0 }]
    }

    fn leak(&self) -> i64 {
        64
    }

    fn force_update(&self) -> bool {
        false
    }

    fn synaptic_operation_ps(&self) -> u64 {
        4700
    }

    fn synaptic_operation_pj(&self) -> &'static str {
        "35.5"
    }
}

/// All of them.
///
/// # Errors
/// The network does not fit its chip: a bug.
pub fn packets() -> Result<Vec<Case>, Error> {
    // Cores of the mesh of 8 x 4 tiles of 4 cores, tiles row by row.
    let ends =
        [("onto its own core", 0, 0.679), ("one tile away", 32, 1.073), ("to the far corner", 127, 1.109)];
    let cases = ends.into_iter().map(|(what, end, measured)| {
        let mut image = build(&Pair { cores: if end == 0 { vec![0, 2] } else { vec![0, 1, 2] } })?;
        if end > 0 {
            image.cores[1].core = end;
            image.routes[0].destinations = vec![end];
        }
        let mut chip = Chip::load(&image, Level::Packet)?;
        let mut spikes = TickSpikes::default();
        chip.tick(&[], false, &mut spikes);
        Ok(Case {
            group: "Loihi single packet",
            name: format!("Loihi, a step with one spike {what}"),
            unit: "us",
            measured,
            ours: spikes.tick_ps as f64 * 1e-6,
            tolerance_percent: Some(10.0),
            source: SOURCE,
        })
    });
    cases.collect()
}

/// A random network of SANA-FE's benchmark and what its cycle-accurate model says of it.
struct Steps {
    neurons: u32,
    cores: u32,
    fan_out: u32,
    /// Cores a neuron sends to; 0 is any.
    own_cores: u32,
    seed: u64,
    steps: u32,
    /// Time of all steps, in microseconds.
    measured_us: f64,
}

const FITTED: &str =
    "SANA-FE 2.2.9 in cycle mode; a simulation, and one of those by which receive_packets was chosen";
const HELD_OUT: &str = "SANA-FE 2.2.9 in cycle mode; a simulation that no number of the chip was chosen by";

/// Mean times of a step under contention, where packets wait for each other and for cores.
///
/// # Errors
/// A network does not fit its chip: a bug.
pub fn steps() -> Result<Vec<Case>, Error> {
    let row = |[neurons, cores, fan_out, own_cores, seed, steps]: [u32; 6], measured_us| Steps {
        neurons,
        cores,
        fan_out,
        own_cores,
        seed: seed.into(),
        steps,
        measured_us,
    };
    let rows = [
        (FITTED, row([1024, 8, 100, 0, 1, 100], 367.407)),
        (FITTED, row([16_384, 64, 100, 0, 1, 8], 105.235)),
        (FITTED, row([16_384, 64, 100, 8, 1, 8], 55.707)),
        (HELD_OUT, row([16_384, 64, 100, 0, 2, 4], 54.021)),
        (HELD_OUT, row([16_384, 64, 100, 4, 3, 6], 41.482)),
        (HELD_OUT, row([8192, 32, 60, 0, 4, 8], 59.161)),
        (HELD_OUT, row([16_384, 128, 50, 16, 5, 6], 25.205)),
    ];
    let cases = rows.into_iter().map(|(source, row)| {
        let graph = RandomGraph::new(row.neurons, row.cores, row.fan_out, row.own_cores, 0.03, row.seed)?;
        let image = build(&graph)?;
        let mut chip = Chip::load(&image, Level::Packet)?;
        let record = Record::run(&mut chip, &image, row.steps)?;
        let ours_us = record.total(|step| step.tick_ps) as f64 * 1e-6;
        let to = if row.own_cores == 0 { "all".into() } else { row.own_cores.to_string() };
        Ok(Case {
            group: "Loihi steps",
            name: format!(
                "Loihi, a step of {} on {} cores, seed {}, to {to}",
                row.neurons, row.cores, row.seed
            ),
            unit: "us",
            measured: row.measured_us / f64::from(row.steps),
            ours: ours_us / f64::from(row.steps),
            tolerance_percent: Some(10.0),
            source,
        })
    });
    cases.collect()
}
