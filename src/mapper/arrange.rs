//! Cuts and places at once: a search over neurons under the cost of the chip's own packets.
//!
//! A portfolio of starts is searched freely, as if only the number of neurons limited a core. Where the result breaks another
//! limit, or neurons of several models must be kept apart, it is cut anew under every limit; that cut and the sequential one
//! are improved instead: whole cores are swapped, then neurons move and swap as long as input axons and synapse memory allow.
//! What comes out is counted anew by the rules of the cut; if a limit is broken after all, or nothing was gained, the
//! sequential cut stays.

use super::constraints::{Resolved, cores_in_order};
use super::objective::{Board, Crossings, Pricing, Weighed};
use super::partition::{Partition, groups};
use super::quantise::Quantised;
use super::traffic::Traffic;
use super::{DeadLinks, MapOptions, Search};
use crate::chip::{ChipSpec, FanOut};
use crate::error::{Error, ErrorKind};
use crate::network::Network;
use serde::Serialize;
use spikemesh_placement::{
    Cost, Effort, Grid, Limits, LinkPrices, Objective, Options, PlaceError, Placement, Problem, Step, in_order,
};
use std::collections::BTreeMap;

/// Told of work done and work there may be; answers whether to go on.
pub type Watch<'a> = &'a dyn Fn(u64, u64) -> bool;

/// What a search came to.
#[derive(Clone, Debug, Serialize)]
pub struct Arrangement {
    /// Static cost of neurons in order, along the mesh's Hilbert curve.
    pub before: Cost,
    /// Static cost of the mapping.
    pub after: Cost,
    /// The objective, where links have prices.
    pub weighed: Option<Weighed>,
    /// Packets from chip to chip, on a board.
    pub crossings: Option<Crossings>,
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

/// The chip as the search sees it.
pub fn grid(spec: &ChipSpec, options: &MapOptions) -> Grid {
    let room = room(spec, options);
    let mut grid = Grid::new(spec.width.into(), spec.height.into(), spec.cores_per_router.into(), room);
    for &core in options.dead_cores.iter().filter(|c| u64::from(**c) < spec.cores()) {
        grid.set_room(core, 0);
    }
    grid
}

/// Neurons a live core has room for.
fn room(spec: &ChipSpec, options: &MapOptions) -> u32 {
    options.neurons_per_core.unwrap_or(spec.core.neurons).min(spec.core.neurons)
}

/// Relief of the busiest link knows multicast alone, links that are all alike, and no regions.
fn check_relief(settings: &Options, regions: bool, place: &str) -> Result<(), Error> {
    if settings.link_weight == 0.0 || settings.objective == Objective::Multicast && !regions {
        return Ok(());
    }
    Err(Error::one(
        ErrorKind::Invalid,
        place,
        "the busiest link is relieved under multicast alone, on a mesh without dead links, regions, or links of different prices",
        "take --objective multicast, or leave --link-weight out",
    ))
}

/// A network to be arranged on a chip.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) network: &'a Network,
    pub(super) spec: &'a ChipSpec,
    pub(super) options: &'a MapOptions,
    pub(super) search: &'a Search,
    pub(super) resolved: &'a Resolved,
}

/// Searches so often for a mapping without dead links, where that is demanded.
const TRIES: u64 = 4;

/// A better cut and its cores than the given one's, or the given one.
pub(super) fn arrange(
    task: &Task<'_>,
    sequential: (Partition, Vec<u32>),
    quantised: &Quantised,
    watch: Watch<'_>,
) -> Result<(Partition, Vec<u32>, Arrangement), Error> {
    let &Task { network, spec, options, search, resolved } = task;
    let traffic = Traffic::of_network(network, spec, quantised, search.rates.as_deref())?;
    let grid = grid(spec, options);
    let mesh = [spec.width, spec.height];
    let pricing =
        Pricing::new(&grid, mesh, options.board, (spec.fan_out, &spec.dead_links), &options.crowded, search)?;
    let problem = traffic.problem_pinned(|v| resolved.pin(v)).hinted(&resolved.hints);
    let start = core_of(&traffic, &sequential.0, &sequential.1);
    let searcher = Searcher {
        task,
        pricing: &pricing,
        grid: &grid,
        left: resolved.room_left(&grid, room(spec, options)),
        traffic: &traffic,
        problem: &problem,
        groups: groups(network),
        watch,
    };
    let mut arrangement = Arrangement::none(&traffic, &grid, &pricing, &start);
    let (mut partition, mut cores) = sequential;
    // Other routings may find ways of their own, which is checked in the end.
    let refuses = options.dead_links == DeadLinks::Refuse && spec.routing == "xy";
    // Neurons that are said never to spike must not need a dead link either.
    let ones = vec![1.0; traffic.len()];
    let dead =
        |core: &[u32]| spikemesh_placement::priced(&traffic.targets, &ones, &grid, &pricing.dead, false, core);
    for attempt in 0..TRIES {
        // Each time dead links are dearer and draws are others.
        let severity = 10i64.pow(attempt as u32);
        let found = searcher.search(&start, severity, search.seed.wrapping_add(attempt))?;
        arrangement.steps.extend(found.steps);
        arrangement.work += found.work;
        arrangement.evaluations += found.evaluations;
        arrangement.stopped |= found.stopped;
        let objective = pricing.objective(severity);
        // Where dead links are refused, the fewer are needed the better, whatever the rest costs.
        let judged = |core: &[u32]| (if refuses { dead(core) } else { 0.0 }, searcher.judged(&objective, core));
        if let Some((better, places, core)) = found.best
            && judged(&core) <= judged(&arrangement.core)
        {
            (partition, cores) = (better, places);
            arrangement.settle(&traffic, &grid, &pricing, core);
        }
        if !refuses || dead(&arrangement.core) == 0.0 || arrangement.stopped {
            break;
        }
    }
    arrangement.traffic = traffic;
    Ok((partition, cores, arrangement))
}

/// The core of each neuron of a cut, and of the ports.
fn core_of(traffic: &Traffic, partition: &Partition, cores: &[u32]) -> Vec<u32> {
    let mut core: Vec<u32> = traffic.pinned.iter().map(|p| p.unwrap_or(0)).collect();
    for (part, at) in partition.parts.iter().zip(cores) {
        partition.neurons[part.range.clone()].iter().for_each(|n| core[*n as usize] = *at);
    }
    core
}

impl Arrangement {
    /// The given cores, before any search.
    fn none(traffic: &Traffic, grid: &Grid, pricing: &Pricing, core: &[u32]) -> Self {
        let before = traffic.cost(grid, core);
        let weighed = pricing.is_dear().then(|| {
            let before = traffic.priced(grid, &pricing.exact, pricing.unicast, core);
            Weighed { unit: pricing.unit, before, after: before }
        });
        let crossings = pricing.between.as_ref().map(|between| {
            let before = traffic.priced(grid, between, pricing.unicast, core);
            Crossings { before, after: before }
        });
        Self {
            after: before.clone(),
            before,
            weighed,
            crossings,
            steps: Vec::new(),
            work: 0,
            evaluations: 0,
            stopped: false,
            core: core.to_vec(),
            traffic: Traffic::default(),
        }
    }

    /// Takes over what a search found.
    fn settle(&mut self, traffic: &Traffic, grid: &Grid, pricing: &Pricing, core: Vec<u32>) {
        let found = Self::none(traffic, grid, pricing, &core);
        self.after = found.after;
        for (own, found) in self.weighed.iter_mut().zip(found.weighed) {
            own.after = found.after;
        }
        for (own, found) in self.crossings.iter_mut().zip(found.crossings) {
            own.after = found.after;
        }
        self.core = core;
    }
}

/// Shares of the limits, in hundredths, that a search keeps, the next one where the rules of the cut find a limit broken all the
/// same: an input axon is a source's for each projection, and the search counts it once; output axons it does not know.
const SHARES: [u64; 3] = [100, 95, 85];

/// What searches of one network share.
struct Searcher<'a> {
    task: &'a Task<'a>,
    pricing: &'a Pricing,
    grid: &'a Grid,
    /// The grid with the room that pinned neurons leave.
    left: Grid,
    traffic: &'a Traffic,
    problem: &'a Problem,
    /// By population: those that can share a core.
    groups: Vec<u32>,
    watch: Watch<'a>,
}

/// What one search came to.
#[derive(Default)]
struct Found {
    /// The best that keeps every limit: parts, their cores, the core of each neuron.
    best: Option<(Partition, Vec<u32>, Vec<u32>)>,
    steps: Vec<Step>,
    work: u64,
    evaluations: u64,
    stopped: bool,
}

impl Found {
    /// Takes note of a placement's steps, under a heading.
    fn note(&mut self, heading: &str, placement: &Placement) {
        let before = self.work;
        self.steps.extend(placement.steps.iter().map(|step| Step {
            name: if heading.is_empty() { step.name.clone() } else { format!("{heading}: {}", step.name) },
            work: before + step.work,
            cost: step.cost,
        }));
        self.work += placement.work;
        self.evaluations += placement.evaluations;
        self.stopped |= placement.stopped;
    }
}

impl Searcher<'_> {
    /// What the search makes small, counted from the network.
    fn judged(&self, objective: &Objective, core: &[u32]) -> f64 {
        let (prices, unicast) = match objective {
            Objective::Multicast => (LinkPrices::uniform(self.grid, 1, 1), false),
            Objective::Unicast => (LinkPrices::uniform(self.grid, 1, 1), true),
            Objective::Priced(prices) => (prices.clone(), false),
            Objective::PricedUnicast(prices) => (prices.clone(), true),
        };
        self.traffic.priced(self.grid, &prices, unicast, core)
            + self.problem.hint_cost(core) * prices.unit() as f64
    }

    fn cut(&self, core: &[u32]) -> Option<(Partition, Vec<u32>)> {
        Partition::of_cores(self.task.network, self.task.spec, self.task.options, core)
    }

    fn search(&self, start: &[u32], severity: i64, seed: u64) -> Result<Found, Error> {
        let &Task { spec, search, resolved, .. } = self.task;
        let name = format!("chip {}", spec.name);
        let mut settings = Options::new(seed, search.effort);
        settings.objective = self.pricing.objective(severity);
        settings.layers.clone_from(&self.traffic.layers);
        settings.link_weight = search.link_weight;
        check_relief(&settings, !resolved.hints.is_empty(), &name)?;
        if resolved.has_blocks() {
            settings.starts.push(("blocks".into(), start.to_vec()));
        }
        let too_large = |error: PlaceError| {
            let hint = "use placement = \"hilbert\", which takes any mesh";
            Error::one(ErrorKind::Invalid, &name, error.to_string(), hint)
        };
        let mut found = Found::default();
        let one_group = self.groups.iter().all(|g| *g == self.groups[0]);
        let effort = search.effort.work(self.problem.members());
        if !one_group {
            settings.effort = Effort::Work(effort / 2);
        }
        let free = spikemesh_placement::place(self.problem, &self.left, &settings, self.watch);
        let free = match free {
            Ok(free) => {
                found.note(if one_group { "" } else { "without models" }, &free);
                Some(free.core)
            }
            // Limits may leave room where numbers alone do not; the cut has been made, and its starts are.
            Err(PlaceError::Room { .. }) => None,
            Err(error) => return Err(too_large(error)),
        };
        settings.starts.clear();
        if let Some(core) = free.as_ref().filter(|_| one_group)
            && let Some((partition, cores)) = self.cut(core)
        {
            found.best = Some((partition, cores, core.clone()));
            return Ok(found);
        }
        let mut starts = vec![("sequential", start.to_vec())];
        if let Some(core) = free.as_ref().and_then(|core| self.cut_anew(core)) {
            starts.push(("cut anew", core));
        }
        let improve = |settings: &Options, from: &[u32], share: u64| {
            let limits = self.limits(share);
            spikemesh_placement::improve(self.problem, &self.left, settings, from, &limits, self.watch)
        };
        // A little of each start, then most for the better one.
        settings.effort = Effort::Work(effort / 4);
        let mut best: Option<(f64, &str, u64)> = None;
        for (name, start) in starts {
            for share in SHARES {
                let placement = improve(&settings, &start, share).map_err(too_large)?;
                found.note(name, &placement);
                let Some((partition, cores)) = self.cut(&placement.core) else { continue };
                if best.is_none_or(|best| placement.cost < best.0) {
                    best = Some((placement.cost, name, share));
                    found.best = Some((partition, cores, placement.core));
                }
                break;
            }
        }
        if let (Some((cost, name, share)), Some((_, _, from))) = (best, &found.best) {
            settings.effort = search.effort;
            let placement = improve(&settings, from, share).map_err(too_large)?;
            found.note(name, &placement);
            if placement.cost <= cost
                && let Some((partition, cores)) = self.cut(&placement.core)
            {
                found.best = Some((partition, cores, placement.core));
            }
        }
        Ok(found)
    }

    /// A share, in hundredths, of the limits of the chip's cores in the search's terms.
    fn limits(&self, share: u64) -> Limits {
        let core = &self.task.spec.core;
        let row_words = (0..=u64::from(core.neurons.min(4096))).map(|n| core.row_words(n)).collect();
        let group = |(v, layer): (usize, &u32)| match self.traffic.pinned[v] {
            Some(_) => Limits::NO_GROUP,
            None => self.groups[*layer as usize],
        };
        Limits {
            in_axons: u64::from(core.in_axons) * share / 100,
            words: if core.shared_kernels { u64::MAX } else { core.synapse_words.saturating_mul(share) / 100 },
            row_words,
            groups: self.traffic.layers.iter().enumerate().map(group).collect(),
        }
    }

    /// A placement that breaks limits, cut anew: neurons in the order of their cores, model by model, fill parts under every
    /// limit, and each part goes to the free core next to where most of its neurons were. `None` if cores do not do.
    fn cut_anew(&self, core: &[u32]) -> Option<Vec<u32>> {
        let &Task { network, spec, options, resolved, .. } = self.task;
        let order = cores_in_order(options, spec);
        let mut rank = vec![usize::MAX; self.grid.cores()];
        order.iter().enumerate().for_each(|(i, core)| rank[*core as usize] = i);
        let mut neurons: Vec<(u32, usize, u32)> = (0..network.neuron_count())
            .filter(|v| self.traffic.pinned[*v as usize].is_none())
            .map(|v| {
                let group = self.groups[self.traffic.layers[v as usize] as usize];
                (group, rank[core[v as usize] as usize], v)
            })
            .collect();
        neurons.sort_unstable();
        let units = resolved.units_in(neurons.into_iter().map(|(_, _, v)| v));
        let (partition, mut cores) = Partition::of_units(network, spec, options, &units, &order).ok()?;
        if units.pinned.is_empty() {
            let mut free = order;
            for (part, place) in partition.parts.iter().zip(&mut cores) {
                let mut there: BTreeMap<u32, u32> = BTreeMap::new();
                for neuron in &partition.neurons[part.range.clone()] {
                    *there.entry(core[*neuron as usize]).or_default() += 1;
                }
                let most = there.into_iter().max_by_key(|(_, n)| *n).map_or(0, |(core, _)| core);
                let (x, y) = self.grid.coord(most);
                let far = |core: u32| {
                    let (cx, cy) = self.grid.coord(core);
                    (x.abs_diff(cx) + y.abs_diff(cy), core != most)
                };
                let at = (0..free.len()).min_by_key(|i| far(free[*i]))?;
                *place = free.remove(at);
            }
        }
        Some(core_of(self.traffic, &partition, &cores))
    }
}

/// Places traffic on a mesh of `mesh` columns and rows where nothing but the room of its cores limits it. A chip's own
/// packets are multicast.
///
/// # Errors
/// There is too little room, the mesh or the memory it takes is larger than the search's, chips of a board do not divide the
/// mesh, or the busiest link is to be relieved under unicast or on a board.
pub fn arrange_traffic(
    traffic: Traffic,
    grid: &Grid,
    mesh: [u16; 2],
    board: Option<Board>,
    search: &Search,
    name: &str,
    watch: Watch<'_>,
) -> Result<Arrangement, Error> {
    let pricing = Pricing::new(grid, mesh, board, (FanOut::Multicast, &[]), &[], search)?;
    let mut settings = Options::new(search.seed, search.effort);
    settings.objective = pricing.objective(1);
    settings.layers.clone_from(&traffic.layers);
    settings.link_weight = search.link_weight;
    check_relief(&settings, false, name)?;
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
    let start = in_order(&problem, grid);
    let mut arrangement = Arrangement::none(&traffic, grid, &pricing, &start);
    arrangement.settle(&traffic, grid, &pricing, placement.core);
    Ok(Arrangement {
        steps: placement.steps,
        work: placement.work,
        evaluations: placement.evaluations,
        stopped: placement.stopped,
        traffic,
        ..arrangement
    })
}
