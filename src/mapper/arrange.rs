//! Cuts and places at once: a search over neurons under the cost of the chip's own packets.
//!
//! Where only the number of neurons limits a core, a portfolio of starts is searched freely. Where the result breaks another
//! limit, or neurons of several models must be kept apart, the sequential cut, which keeps every limit, is improved instead:
//! whole cores are swapped, then neurons move and swap as long as input axons and synapse memory allow. What comes out is
//! counted anew by the rules of the cut; if a limit is broken after all, or nothing was gained, the sequential cut stays.

use super::partition::{Partition, groups};
use super::quantise::Quantised;
use super::traffic::Traffic;
use super::{MapOptions, Search, Target};
use crate::chip::{ChipSpec, FanOut};
use crate::error::{Error, ErrorKind};
use crate::network::Network;
use serde::Serialize;
use spikemesh_placement::{
    Cost, Grid, Limits, LinkPrices, Objective, Options, PlaceError, Placement, Step, in_order,
};

/// Told of work done and work there may be; answers whether to go on.
pub type Watch<'a> = &'a dyn Fn(u64, u64) -> bool;

/// What a search came to.
#[derive(Clone, Debug, Serialize)]
pub struct Arrangement {
    /// Static cost of neurons in order, along the mesh's Hilbert curve.
    pub before: Cost,
    /// Static cost of the mapping.
    pub after: Cost,
    /// What was tried.
    pub steps: Vec<Step>,
    /// Visits of nets.
    pub work: u64,
    /// Moves whose change of cost was found.
    pub evaluations: u64,
    /// Whether the search was stopped early.
    pub stopped: bool,
    /// Core of each neuron, and of the ports after them.
    #[serde(skip)]
    pub core: Vec<u32>,
    /// Who sends to whom.
    #[serde(skip)]
    pub traffic: Traffic,
}

/// A link that is dead costs as many others.
const DEAD_LINK: i64 = 1000;

/// The chip as the search sees it.
pub fn grid(spec: &ChipSpec, options: &MapOptions) -> Grid {
    let room = options.neurons_per_core.unwrap_or(spec.core.neurons).min(spec.core.neurons);
    let mut grid = Grid::new(spec.width.into(), spec.height.into(), spec.cores_per_router.into(), room);
    for &core in options.dead_cores.iter().filter(|c| u64::from(**c) < spec.cores()) {
        grid.set_room(core, 0);
    }
    grid
}

/// The objective in the search's terms: dead links cost much, and links are weighed where that is asked for.
fn objective(spec: &ChipSpec, grid: &Grid, target: Target) -> Objective {
    let unicast = match target {
        Target::Multicast => false,
        Target::Unicast => true,
        Target::Chip => spec.fan_out == FanOut::Unicast,
    };
    if spec.dead_links.is_empty() {
        return if unicast { Objective::Unicast } else { Objective::Multicast };
    }
    let mut prices = LinkPrices::uniform(grid, 1, 1);
    for dead in &spec.dead_links {
        let router = usize::from(dead.from.y) * usize::from(spec.width) + usize::from(dead.from.x);
        use spikemesh_router::Direction;
        match dead.direction {
            Direction::East => prices.east[router] = DEAD_LINK,
            Direction::West => prices.west[router] = DEAD_LINK,
            Direction::North => prices.north[router] = DEAD_LINK,
            Direction::South => prices.south[router] = DEAD_LINK,
        }
    }
    if unicast { Objective::PricedUnicast(prices) } else { Objective::Priced(prices) }
}

/// Relief of the busiest link knows multicast alone, and links that are all alike.
fn check_relief(settings: &Options, place: &str) -> Result<(), Error> {
    if settings.link_weight == 0.0 || settings.objective == Objective::Multicast {
        return Ok(());
    }
    Err(Error::one(
        ErrorKind::Invalid,
        place,
        "the busiest link is relieved under multicast alone, on a mesh without dead links",
        "take --objective multicast, or leave --link-weight out",
    ))
}

/// A better cut and its cores than the given one's, or the given one.
pub(super) fn arrange(
    network: &Network,
    spec: &ChipSpec,
    options: &MapOptions,
    search: &Search,
    sequential: (Partition, Vec<u32>),
    quantised: &Quantised,
    watch: Watch<'_>,
) -> Result<(Partition, Vec<u32>, Arrangement), Error> {
    let traffic = Traffic::of_network(network, spec, quantised, search.rates.as_deref())?;
    let grid = grid(spec, options);
    let core_of = |partition: &Partition, cores: &[u32]| -> Vec<u32> {
        let mut core: Vec<u32> = traffic.pinned.iter().map(|p| p.unwrap_or(0)).collect();
        for (part, at) in partition.parts.iter().zip(cores) {
            partition.neurons[part.range.clone()].iter().for_each(|n| core[*n as usize] = *at);
        }
        core
    };
    let start = core_of(&sequential.0, &sequential.1);
    let before = traffic.cost(&grid, &start);
    let mut settings = Options::new(search.seed, search.effort);
    settings.objective = objective(spec, &grid, search.target);
    settings.layers.clone_from(&traffic.layers);
    settings.link_weight = search.link_weight;
    check_relief(&settings, &format!("chip {}", spec.name))?;
    let problem = traffic.problem();
    let too_large = |error: PlaceError| {
        Error::one(
            ErrorKind::Invalid,
            format!("chip {}", spec.name),
            error.to_string(),
            "use placement = \"hilbert\", which takes any mesh",
        )
    };
    let groups = groups(network);
    let mut found: Option<(Partition, Vec<u32>, Placement)> = None;
    if groups.iter().all(|g| *g == groups[0]) {
        let placement = spikemesh_placement::place(&problem, &grid, &settings, watch).map_err(too_large)?;
        if let Some((partition, cores)) = Partition::of_cores(network, spec, options, &placement.core) {
            found = Some((partition, cores, placement));
        }
    }
    if found.is_none() {
        let row_words = (0..=u64::from(spec.core.neurons.min(4096))).map(|n| spec.core.row_words(n)).collect();
        let limits = Limits {
            in_axons: spec.core.in_axons.into(),
            words: if spec.core.shared_kernels { u64::MAX } else { spec.core.synapse_words },
            row_words,
            groups: traffic.layers.iter().map(|l| groups.get(*l as usize).copied().unwrap_or(0)).collect(),
        };
        let placement = spikemesh_placement::improve(&problem, &grid, &settings, &start, &limits, watch)
            .map_err(too_large)?;
        if let Some((partition, cores)) = Partition::of_cores(network, spec, options, &placement.core) {
            found = Some((partition, cores, placement));
        }
    }
    let (mut partition, mut cores) = sequential;
    let mut arrangement = Arrangement {
        before: before.clone(),
        after: before,
        steps: Vec::new(),
        work: 0,
        evaluations: 0,
        stopped: false,
        core: start,
        traffic,
    };
    if let Some((better, places, placement)) = found {
        let after = arrangement.traffic.cost(&grid, &placement.core);
        let judged = |cost: &Cost| match settings.objective {
            Objective::Unicast | Objective::PricedUnicast(_) => cost.hops_unicast,
            _ => cost.hops_multicast,
        };
        let gained = judged(&after) <= judged(&arrangement.before) || !spec.dead_links.is_empty();
        arrangement.steps = placement.steps;
        arrangement.work = placement.work;
        arrangement.evaluations = placement.evaluations;
        arrangement.stopped = placement.stopped;
        if gained {
            (partition, cores) = (better, places);
            arrangement.after = after;
            arrangement.core = placement.core;
        }
    }
    Ok((partition, cores, arrangement))
}

/// Places traffic on a mesh where nothing but the room of its cores limits it.
///
/// # Errors
/// There is too little room, the mesh or the memory it takes is larger than the search's, or the busiest link is to be
/// relieved under unicast.
pub fn arrange_traffic(
    traffic: Traffic,
    grid: &Grid,
    search: &Search,
    name: &str,
    watch: Watch<'_>,
) -> Result<Arrangement, Error> {
    let mut settings = Options::new(search.seed, search.effort);
    settings.objective =
        if search.target == Target::Unicast { Objective::Unicast } else { Objective::Multicast };
    settings.layers.clone_from(&traffic.layers);
    settings.link_weight = search.link_weight;
    check_relief(&settings, name)?;
    let problem = traffic.problem();
    let placement = spikemesh_placement::place(&problem, grid, &settings, watch);
    let placement = placement.map_err(|error| {
        let (kind, hint) = match error {
            PlaceError::Room { .. } => {
                let (w, h) = super::smallest_mesh(traffic.len() as u64, u64::from(grid.most_room().max(1)));
                (ErrorKind::DoesNotFit, format!("the smallest mesh that would do is {w}x{h}"))
            }
            _ => (ErrorKind::Invalid, "map a part of the network, or on a smaller mesh".to_owned()),
        };
        Error::one(kind, name, error.to_string(), hint)
    })?;
    Ok(Arrangement {
        before: traffic.cost(grid, &in_order(&problem, grid)),
        after: traffic.cost(grid, &placement.core),
        steps: placement.steps,
        work: placement.work,
        evaluations: placement.evaluations,
        stopped: placement.stopped,
        core: placement.core,
        traffic,
    })
}
