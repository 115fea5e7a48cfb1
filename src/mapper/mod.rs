//! From a network and a chip to the chip's memories: named passes, each of which only adds.
//!
//! ```text
//! partition -> quantise -> place -> (arrange) -> address -> verify
//! ```
//! `partition` comes first because it needs shapes only: a network that does not fit is told so before a weight is
//! copied. `verify` shares no code with the passes that build: it walks every synapse of the finished image.

mod address;
mod arrange;
mod constraints;
mod cores;
mod kernels;
mod mismatch;
mod objective;
mod partition;
mod place;
mod quantise;
mod tables;
mod traffic;
mod verify;

pub use address::core_uses;
pub use arrange::{Arrangement, Watch, arrange_traffic, grid as chip_grid};
pub use constraints::{Block, Constraints, MOST_REGION_WEIGHT, Pin, Region, RegionUse, Site};
pub use mismatch::Mismatch;
pub use objective::{Board, Crossings, HopPrices, MOST_LINK_PRICE, Weighed};
pub use partition::{CoreUse, Part, Partition, smallest_mesh};
pub use place::{Hilbert, Placement, Placer, RowMajor, placers};
pub use quantise::{PopulationLoss, Quantised};
pub use spikemesh_placement::{Cost, Effort, Grid};
pub use tables::{MappingTables, map_with_tables, tables};
pub use traffic::{Traffic, spread_rates};
pub use verify::{LostWay, lost_ways, verify, verify_pins};

use crate::chip::{ChipImage, ChipSpec};
use crate::error::{Error, ErrorKind, Problem};
use crate::network::Network;

/// What the user may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct MapOptions {
    /// Most neurons a core may get, below the chip's own limit.
    pub neurons_per_core: Option<u32>,
    /// Where parts of the sequential cut go.
    pub placement: Placement,
    /// Cores that are not used.
    pub dead_cores: Vec<u32>,
    /// What becomes of a mapping whose packets need a dead link of the chip.
    pub dead_links: DeadLinks,
    /// Chips that make up the mesh, if links between them are dearer to a search.
    pub board: Option<Board>,
    /// What the user says of places.
    pub constraints: Constraints,
    /// Routers whose links are dearer to a search, by column and row: quarters of a link more for each that leads there.
    /// [`map_with_tables`] sets them where tables are too long.
    pub crowded: Vec<([u16; 2], u32)>,
    /// Search for a better cut and placement.
    pub search: Option<Search>,
}

impl Default for MapOptions {
    fn default() -> Self {
        Self {
            neurons_per_core: None,
            placement: Placement::Hilbert,
            dead_cores: Vec::new(),
            dead_links: DeadLinks::Report,
            board: None,
            constraints: Constraints::default(),
            crowded: Vec::new(),
            search: None,
        }
    }
}

/// What becomes of a mapping whose packets need a dead link of the chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadLinks {
    /// It stands, and [`Mapping::lost`] names the ways; the chip drops those packets. A search avoids such links where
    /// it can.
    #[default]
    Report,
    /// It is refused; a search tries several times to do without.
    Refuse,
}

impl DeadLinks {
    /// Choices by name.
    pub const NAMED: [(&'static str, DeadLinks); 2] =
        [("report", DeadLinks::Report), ("refuse", DeadLinks::Refuse)];
}

/// What a search makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Links that multicast packets cross.
    Multicast,
    /// Links that unicast packets cross.
    Unicast,
    /// Whichever of the two the chip sends.
    Chip,
    /// What the packets that the chip sends take in its links and at the cores they reach.
    Energy(HopPrices),
}

impl Target {
    /// Targets by name; energy needs prices.
    pub const NAMED: [(&'static str, Target); 3] =
        [("multicast", Target::Multicast), ("unicast", Target::Unicast), ("chip", Target::Chip)];

    /// The target of that name; `None` if there is none.
    pub fn named(name: &str) -> Option<Target> {
        Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
    }
}

/// A search for a better cut and placement.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// How much work it may take.
    pub effort: Effort,
    /// Seed of its draws.
    pub seed: u64,
    /// What it makes small.
    pub target: Target,
    /// Spikes of each neuron of the network, in any unit; `None` is the same for all.
    pub rates: Option<Vec<f64>>,
    /// Share by which hops may grow so that the busiest link's load falls; 0 leaves it alone.
    pub link_weight: f64,
}

impl Search {
    /// For the packets the chip sends, all rates alike.
    pub fn new(effort: Effort, seed: u64) -> Self {
        Self { effort, seed, target: Target::Chip, rates: None, link_weight: 0.0 }
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
    /// Pinned neurons that the verifier found on their cores.
    pub pins_verified: u64,
    /// How many neurons of each region are outside.
    pub regions: Vec<RegionUse>,
    /// Ways of packets that lead over dead links.
    pub lost: Vec<LostWay>,
    /// What the search came to, if there was one.
    pub arrangement: Option<Arrangement>,
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
    Pass {
        name: "arrange",
        description: "if asked to, moves neurons and cores until their packets cross fewer links, under every limit",
    },
    Pass { name: "address", description: "builds synapse rows, axons, fan-out tables and routes" },
    Pass { name: "verify", description: "walks every synapse of the finished image, independently" },
];

/// Maps a network onto a chip.
///
/// # Errors
/// The network does not fit (every limit that is broken), the chip cannot do what it asks for, a constraint is not of this
/// network and chip, packets need dead links where that is refused, or, as a bug of ours, the image is not the network.
pub fn map(network: &Network, spec: &ChipSpec, options: &MapOptions) -> Result<Mapping, Error> {
    map_watched(network, spec, options, &|_, _| true)
}

/// As [`map`]; `watch` is told of a search's work done and work there may be, and answers whether to go on. A search
/// that is stopped leaves the best so far.
///
/// # Errors
/// As [`map`].
pub fn map_watched(
    network: &Network,
    spec: &ChipSpec,
    options: &MapOptions,
    watch: Watch<'_>,
) -> Result<Mapping, Error> {
    spec.check_supported()?;
    quantise::check_semantics(network, spec)?;
    let resolved = options.constraints.resolve(network, spec, options)?;
    let (mut partition, cut_onto) = {
        let _span = tracing::info_span!("partition").entered();
        if resolved.is_plain() {
            (Partition::new(network, spec, options)?, None)
        } else {
            let cores = constraints::cores_in_order(options, spec);
            let cut = Partition::of_units(network, spec, options, &resolved.units(network), &cores)?;
            (cut.0, Some(cut.1))
        }
    };
    let quantised = {
        let _span = tracing::info_span!("quantise").entered();
        Quantised::new(network, spec)?
    };
    let mut cores = {
        let _span = tracing::info_span!("place").entered();
        cut_onto.unwrap_or_else(|| place::live_cores(options, partition.parts.len(), spec))
    };
    let mut arrangement = None;
    if let Some(search) = &options.search {
        let _span = tracing::info_span!("arrange").entered();
        let task = arrange::Task { network, spec, options, search, resolved: &resolved };
        let found = arrange::arrange(&task, (partition, cores), &quantised, watch)?;
        (partition, cores, arrangement) = (found.0, found.1, Some(found.2));
    }
    let (image, uses) = {
        let _span = tracing::info_span!("address").entered();
        address::build(network, spec, &partition, &quantised, &cores)?
    };
    let synapses_verified = {
        let _span = tracing::info_span!("verify").entered();
        verify(network, &quantised, &image)?
    };
    let pins_verified = verify_pins(network, &options.constraints.pins, &image)?;
    let mut core_of = vec![None; network.neuron_count() as usize];
    for core in &image.cores {
        core.config.neurons.iter().for_each(|n| core_of[*n as usize] = Some(core.core));
    }
    let regions = options.constraints.region_uses(network, spec, |n| core_of[n as usize]);
    let lost = lost_ways(&image)?;
    if options.dead_links == DeadLinks::Refuse && !lost.is_empty() {
        return Err(refused(spec, &lost, options.search.is_some()));
    }
    let losses = quantised.losses;
    Ok(Mapping { image, losses, uses, synapses_verified, pins_verified, regions, lost, arrangement })
}

/// Ways over dead links, as the error that refuses them: the first 20 and how many there are.
fn refused(spec: &ChipSpec, lost: &[LostWay], searched: bool) -> Error {
    let hint = if searched {
        "search longer (--effort best, another --seed), leave cores beside the link out (dead_cores), or dead_links = \"report\""
    } else {
        "search for places that do without it (--effort good), or dead_links = \"report\""
    };
    let mut problems: Vec<Problem> =
        lost.iter().take(20).map(|way| Problem::new(way.place(spec), way.to_string(), hint)).collect();
    if lost.len() > 20 {
        let what = format!("{} further ways lead over dead links", lost.len() - 20);
        problems.push(Problem::new(format!("chip {}", spec.name), what, hint));
    }
    Error { kind: ErrorKind::DoesNotFit, problems }
}
