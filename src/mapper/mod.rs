//! From a network and a chip to the chip's memories: named passes, each of which only adds.
//!
//! ```text
//! partition -> quantise -> place -> address -> verify
//! ```
//! `partition` comes first because it needs shapes only: a network that does not fit is told so before a weight is
//! copied. `verify` shares no code with the passes that build: it walks every synapse of the finished image.

mod address;
mod cores;
mod kernels;
mod mismatch;
mod partition;
mod place;
mod quantise;
mod verify;

pub use address::core_uses;
pub use mismatch::Mismatch;
pub use partition::{CoreUse, Part, Partition, smallest_mesh};
pub use place::{Hilbert, Placement, Placer, RowMajor, placers};
pub use quantise::{PopulationLoss, Quantised};
pub use verify::verify;

use crate::chip::{ChipImage, ChipSpec};
use crate::error::Error;
use crate::network::Network;

/// What the user may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapOptions {
    /// Most neurons a core may get, below the chip's own limit.
    pub neurons_per_core: Option<u32>,
    /// Where parts go.
    pub placement: Placement,
}

impl Default for MapOptions {
    fn default() -> Self {
        Self { neurons_per_core: None, placement: Placement::Hilbert }
    }
}

/// A finished mapping: the image, and what was lost and used on the way.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The chip's memories.
    pub image: ChipImage,
    /// What rounding to the chip's registers cost, by population.
    pub losses: Vec<PopulationLoss>,
    /// What each core in use holds.
    pub uses: Vec<CoreUse>,
    /// Synapses the verifier walked and found right.
    pub synapses_verified: u64,
}

/// A pass of the pipeline, for lists.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub description: &'static str,
}

/// The passes in their order.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "partition",
        description: "cuts the neurons into cores under every limit of the chip, from shapes alone",
    },
    Pass {
        name: "quantise",
        description: "rounds weights, thresholds, decays and biases to the chip's registers",
    },
    Pass { name: "place", description: "gives every part a core of the mesh" },
    Pass { name: "address", description: "builds synapse rows, axons, fan-out tables and routes" },
    Pass { name: "verify", description: "walks every synapse of the finished image, independently" },
];

/// Maps a network onto a chip.
///
/// # Errors
/// The network does not fit (every limit that is broken), the chip cannot do what it asks for, or, as a bug of ours,
/// the image is not the network.
pub fn map(network: &Network, spec: &ChipSpec, options: &MapOptions) -> Result<Mapping, Error> {
    spec.check_supported()?;
    quantise::check_semantics(network, spec)?;
    let partition = {
        let _span = tracing::info_span!("partition").entered();
        Partition::new(network, spec, options)?
    };
    let quantised = {
        let _span = tracing::info_span!("quantise").entered();
        Quantised::new(network, spec)?
    };
    let cores = {
        let _span = tracing::info_span!("place").entered();
        options.placement.placer().place(partition.parts.len(), spec)
    };
    let (image, uses) = {
        let _span = tracing::info_span!("address").entered();
        address::build(network, spec, &partition, &quantised, &cores)?
    };
    let synapses_verified = {
        let _span = tracing::info_span!("verify").entered();
        verify(network, &quantised, &image)?
    };
    Ok(Mapping { image, losses: quantised.losses, uses, synapses_verified })
}
