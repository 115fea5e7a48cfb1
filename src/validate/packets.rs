//! Times of a single packet on Loihi as SANA-FE's cycle-accurate model gives them.

use super::Case;
use crate::chip::{Chip, TickSpikes};
use crate::error::Error;
use crate::sanafe::{Graph, build};
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
