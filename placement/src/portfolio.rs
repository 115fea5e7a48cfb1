//! The portfolio: cheap starts, trials of each kind of search, and the rest of the budget for the winner.

use crate::grid::Grid;
use crate::metric::{LinkPrices, Metric, Priced, Unit};
use crate::problem::Problem;
use crate::search::{Found, Heat, Run};
use crate::starts;
use crate::state::{Limits, State, Word, is_large, state_bytes};
use serde::Serialize;

/// How much work a search may take. Work is counted, not timed, so that a seed gives the same placement everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// About a second of one core for a network of a million synapses whose nets fit the caches; longer beyond.
    Fast,
    /// About three seconds, likewise.
    Good,
    /// About ten seconds, likewise.
    Best,
    /// So many visits of nets; about 300 million take a second.
    Work(u64),
}

impl Effort {
    /// Efforts by name.
    pub const NAMED: [(&'static str, Effort); 3] =
        [("fast", Effort::Fast), ("good", Effort::Good), ("best", Effort::Best)];

    /// The effort of that name; `None` if there is none.
    pub fn named(name: &str) -> Option<Effort> {
        Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, effort)| *effort)
    }

    /// Visits of nets that it may take for a problem with so many pins and sources: where starts alone would use it up,
    /// some visits of each.
    pub fn work(self, members: u64) -> u64 {
        match self {
            Effort::Fast => (10 * members).max(250_000_000),
            Effort::Good => (30 * members).max(900_000_000),
            Effort::Best => (90 * members).max(2_600_000_000),
            Effort::Work(work) => work,
        }
    }
}

/// What is to be made small.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Objective {
    /// Links of XY multicast trees, times rates.
    #[default]
    Multicast,
    /// Links of XY paths, one packet for each core reached, times rates.
    Unicast,
    /// Prices of links of XY multicast trees, times rates.
    Priced(LinkPrices),
    /// Prices of links of XY paths, likewise.
    PricedUnicast(LinkPrices),
}

/// What the user may choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of all draws.
    pub seed: u64,
    /// Most work.
    pub effort: Effort,
    /// What is to be made small.
    pub objective: Objective,
    /// Layer of each vertex, or nothing. Of the starts, one gives layers cores of their own, where there are enough;
    /// vertices of a layer follow each other.
    pub layers: Vec<u32>,
    /// Share by which the load of all links may grow so that the busiest one's falls; 0 leaves it alone. For multicast.
    pub link_weight: f64,
    /// Further placements to start from, by name: core of each vertex.
    pub starts: Vec<(String, Vec<u32>)>,
}

impl Options {
    /// Multicast at an effort, no layers.
    pub fn new(seed: u64, effort: Effort) -> Self {
        Self {
            seed,
            effort,
            objective: Objective::default(),
            layers: Vec::new(),
            link_weight: 0.0,
            starts: Vec::new(),
        }
    }
}

/// What one step of a search came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What was done.
    pub name: String,
    /// The objective after it, in the unit of rates.
    pub cost: f64,
    /// Visits of nets until then.
    pub work: u64,
}

/// Why a problem cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// More neurons than room.
    #[error("{needed} neurons, and room for {there}; take a larger mesh or more neurons a core")]
    Room {
        /// Neurons.
        needed: u64,
        /// Room of all cores.
        there: u64,
    },
    /// What the search keeps would not fit into memory.
    #[error(
        "{nets} nets on {cores} cores take {bytes} bytes to search, the most is {most}; place neurons in order, or fewer of them"
    )]
    Memory {
        /// Nets.
        nets: usize,
        /// Cores.
        cores: usize,
        /// Bytes of what is kept of the nets.
        bytes: u64,
        /// Most of them.
        most: u64,
    },
    /// A mesh that the search has no words for.
    #[error("a mesh {width} wide with {bits} cores a column; the search takes 64 of both")]
    Mesh {
        /// Columns.
        width: usize,
        /// Rows times cores a router.
        bits: usize,
    },
}

/// A placement that keeps every core's room.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Core of each vertex.
    pub core: Vec<u32>,
    /// The objective, in the unit of rates, within the rounding of rates.
    pub cost: f64,
    /// What was tried, in order.
    pub steps: Vec<Step>,
    /// Visits of nets.
    pub work: u64,
    /// Moves whose change of cost was found.
    pub evaluations: u64,
    /// Whether the search was told to stop.
    pub stopped: bool,
}

/// Places a problem's vertices. `watch` is told now and then of the work done and the work there may be; where it
/// answers false, the search ends and the best so far is kept.
///
/// # Errors
/// There is less room than needed, the mesh is larger than 64 x 64 bits (rows times cores a router), or what is kept of the
/// nets would take more than 3 GiB.
///
/// # Panics
/// `options.layers` is neither empty nor as long as the problem, a start is not as long, or one of them or a pinned vertex
/// names a core that the grid lacks.
pub fn place(
    problem: &Problem,
    grid: &Grid,
    options: &Options,
    watch: &dyn Fn(u64, u64) -> bool,
) -> Result<Placement, PlaceError> {
    if problem.room_needed() > grid.total_room() {
        return Err(PlaceError::Room { needed: problem.room_needed(), there: grid.total_room() });
    }
    check(problem, grid, options)?;
    dispatch(problem, grid, options, watch, None)
}

/// Makes a placement better that keeps all of a chip's limits, and keeps them: whole cores are swapped, then vertices move
/// and swap. Where cores that have room by number are not to be used, say so by their room.
///
/// # Errors
/// As [`place`].
///
/// # Panics
/// As [`place`], or `start` is not as long as the problem or names a core that the grid lacks.
pub fn improve(
    problem: &Problem,
    grid: &Grid,
    options: &Options,
    start: &[u32],
    limits: &Limits,
    watch: &dyn Fn(u64, u64) -> bool,
) -> Result<Placement, PlaceError> {
    assert_eq!(start.len(), problem.len(), "one core a vertex");
    check(problem, grid, options)?;
    assert!(start.iter().all(|core| (*core as usize) < grid.cores()), "cores of the grid");
    dispatch(problem, grid, options, watch, Some((start, limits)))
}

/// Bytes that the words of all nets may take.
const MOST_BYTES: u64 = 3 << 30;

/// Whether the search has words and memory for the problem.
fn check(problem: &Problem, grid: &Grid, options: &Options) -> Result<(), PlaceError> {
    assert!(options.layers.is_empty() || options.layers.len() == problem.len(), "one layer a vertex");
    assert!(problem.pinned.iter().flatten().all(|core| (*core as usize) < grid.cores()), "cores of the grid");
    for (name, core) in &options.starts {
        assert_eq!(core.len(), problem.len(), "start {name}: one core a vertex");
        assert!(core.iter().all(|core| (*core as usize) < grid.cores()), "start {name}: cores of the grid");
    }
    if grid.bits() > 64 || grid.width > 64 {
        return Err(PlaceError::Mesh { width: grid.width, bits: grid.bits() });
    }
    let (nets, cores) = (problem.nets(), grid.cores());
    let bytes = state_bytes(problem, grid);
    if bytes > MOST_BYTES {
        return Err(PlaceError::Memory { nets, cores, bytes, most: MOST_BYTES });
    }
    Ok(())
}

/// A placement to begin with and what it keeps.
type Given<'a> = Option<(&'a [u32], &'a Limits)>;

fn dispatch(
    problem: &Problem,
    grid: &Grid,
    options: &Options,
    watch: &dyn Fn(u64, u64) -> bool,
    given: Given<'_>,
) -> Result<Placement, PlaceError> {
    let unit = LinkPrices::uniform(grid, 1, 1);
    Ok(match &options.objective {
        Objective::Multicast if grid.each == 1 => {
            with_word(problem, grid, options, Unit::<false>, watch, given)
        }
        Objective::Unicast if grid.each == 1 => with_word(problem, grid, options, Unit::<true>, watch, given),
        Objective::Multicast => {
            with_word(problem, grid, options, Priced::<false>::new(grid, &unit), watch, given)
        }
        Objective::Unicast => with_word(problem, grid, options, Priced::<true>::new(grid, &unit), watch, given),
        Objective::Priced(prices) => {
            with_word(problem, grid, options, Priced::<false>::new(grid, prices), watch, given)
        }
        Objective::PricedUnicast(prices) => {
            with_word(problem, grid, options, Priced::<true>::new(grid, prices), watch, given)
        }
    })
}

fn with_word<M: Metric + Clone>(
    problem: &Problem,
    grid: &Grid,
    options: &Options,
    metric: M,
    watch: &dyn Fn(u64, u64) -> bool,
    given: Given<'_>,
) -> Placement {
    match grid.bits() {
        ..=8 => Portfolio::new(problem, grid, options, metric, watch).from::<u8>(given),
        9..=16 => Portfolio::new(problem, grid, options, metric, watch).from::<u16>(given),
        17..=32 => Portfolio::new(problem, grid, options, metric, watch).from::<u32>(given),
        _ => Portfolio::new(problem, grid, options, metric, watch).from::<u64>(given),
    }
}

struct Portfolio<'a, M> {
    run: Run<'a, M>,
    options: &'a Options,
    budget: u64,
    best: Option<Found>,
    steps: Vec<Step>,
}

/// Pins and sources of a problem whose cores are swapped several times.
const FEW: u64 = 100_000;

/// Visits of every vertex from which soft room wins on large problems.
const OFTEN: f64 = 40.0;

/// A kind of search, for trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Soft room, from hot.
    Flat,
    /// Hard room, moves and swaps.
    Hard,
    /// From clusters to vertices.
    Multilevel,
}

impl<'a, M: Metric + Clone> Portfolio<'a, M> {
    fn new(
        problem: &'a Problem,
        grid: &'a Grid,
        options: &'a Options,
        metric: M,
        watch: &'a dyn Fn(u64, u64) -> bool,
    ) -> Self {
        let budget = options.effort.work(problem.members());
        Self {
            run: Run::new(problem, grid, metric, options.seed, budget, watch),
            options,
            budget,
            best: None,
            steps: Vec::new(),
        }
    }

    /// Takes note of a placement; returns it.
    fn note(&mut self, name: String, found: Found) -> Found {
        self.steps.push(Step { name, cost: found.0 as f64 / self.run.problem.rate_scale, work: self.run.work });
        if self.best.as_ref().is_none_or(|best| found.0 < best.0) {
            self.best = Some(found.clone());
        }
        found
    }

    fn from<W: Word>(self, given: Given<'a>) -> Placement {
        match given {
            None => self.search::<W>(),
            Some((start, limits)) => self.improve::<W>(start, limits),
        }
    }

    fn improve<W: Word>(mut self, start: &[u32], limits: &'a Limits) -> Placement {
        let start: Vec<u16> = start.iter().map(|c| *c as u16).collect();
        let cost = self.run.cost::<W>(&start);
        let mut found = self.note("given".into(), (cost, start));
        let swapped = self.run.cores_swapped::<W>(&found.1, Heat(3000, 50), self.budget / 8);
        // Pinned pins stay when the rest of their core goes, so that a core may come to hold more than it did.
        let state: State<'_, W, M> =
            State::new(self.run.problem, self.run.grid, self.run.metric.clone(), swapped.1.clone());
        let state = state.limited(limits);
        if swapped.0 < found.0 && state.is_within_limits() {
            found = self.note("cores swapped".into(), swapped);
        }
        self.run.limits = Some(limits);
        let rest = self.budget.saturating_sub(self.run.work);
        let moved = self.run.kind::<W>(Kind::Hard, &found, rest);
        self.note("hard".into(), moved);
        self.relieve::<W>();
        self.finished()
    }

    fn search<W: Word>(mut self) -> Placement {
        let (problem, grid) = (self.run.problem, self.run.grid);
        let by_number = [
            ("row-major", starts::row_major(problem, grid)),
            ("snake", starts::snake(problem, grid)),
            ("hilbert", starts::hilbert(problem, grid)),
        ];
        let mut ordered: Option<(&'a str, Found)> = None;
        for (name, core) in by_number {
            let found = self.run.settled::<W>(core);
            let found = self.note(name.into(), found);
            if ordered.as_ref().is_none_or(|(_, best)| found.0 < best.0) {
                ordered = Some((name, found));
            }
        }
        // Annealing with soft room gets on faster where no core is full at first.
        let found = self.run.settled::<W>(starts::spread(problem, grid));
        let spread = self.note("snake, spread".into(), found);
        let mut starts: Vec<(&'a str, Found)> = ordered.into_iter().collect();
        let ordered = starts[0].0;
        if self.options.layers.last().is_some_and(|last| self.options.layers[0] != *last) {
            let found = self.run.settled::<W>(starts::layers(problem, grid, &self.options.layers));
            starts.push(("layers", self.note("layers".into(), found)));
        }
        let large = is_large(problem, grid);
        for (name, core) in &self.options.starts {
            let found = self.run.settled::<W>(core.iter().map(|c| *c as u16).collect());
            let found = self.note(name.clone(), found);
            starts.push((name, found));
        }
        for (name, start) in &mut starts {
            // Few nets make whole cores cheap to swap, and their order the most of it: the best of several tries. Of many
            // nets, a core is in most.
            let tries = if problem.members() < FEW { 4 } else { u32::from(!large) };
            let swaps = self.budget / if tries > 1 { 24 } else { 48 };
            let from = start.clone();
            for _ in 0..tries {
                let found = self.run.cores_swapped::<W>(&from.1, Heat(3000, 50), swaps);
                let found = self.note(format!("{name}, cores swapped"), found);
                if found.0 < start.0 {
                    *start = found;
                }
            }
        }
        if self.run.spectral_work() < self.budget / if large { 8 } else { 2 } {
            let found = self.run.spectral::<W>(1).swap_remove(0);
            starts.push(("spectral", self.note("spectral".into(), found)));
        }
        // Trials: the two best starts, each kind of search.
        starts.sort_by_key(|(_, found)| found.0);
        // Networks without a shape show late which search is right.
        let short = self.options.effort != Effort::Fast && !self.run.shapeless;
        let trial = self.budget / if short { 48 } else { 24 };
        let mut trials: Vec<(i64, usize, Kind)> = Vec::new();
        // Where nets fill more than the caches, there is no time for trials: soft room wins where every vertex is visited often
        // enough; before, moves and swaps, which lose nothing of a good start.
        let tried = match self.options.effort {
            _ if large => {
                let often = self.run.sweeps(self.budget.saturating_sub(self.run.work)) >= OFTEN;
                trials.push((0, 0, if often { Kind::Flat } else { Kind::Hard }));
                0
            }
            Effort::Fast => 1,
            _ => 2,
        };
        for (i, (name, start)) in starts.iter().enumerate().take(tried) {
            for kind in [Kind::Flat, Kind::Hard] {
                let start = if kind == Kind::Flat && *name == ordered { &spread } else { start };
                let found = self.run.kind::<W>(kind, start, trial);
                let found = self.note(format!("{name}, {kind:?} trial").to_lowercase(), found);
                // Soft room gains later than hard room does: in a trial it is judged a little better than it looks, the
                // more so the shorter the trial.
                let lean = if tried < 2 { 64 } else { 100 };
                let judged = if kind == Kind::Flat { found.0 - found.0 / lean } else { found.0 };
                trials.push((judged, i, kind));
            }
        }
        if !large && self.run.clusters_help() {
            let found = self.run.kind::<W>(Kind::Multilevel, &starts[0].1, self.budget / 12);
            let found = self.note("multilevel trial".into(), found);
            trials.push((found.0, 0, Kind::Multilevel));
        }
        let &(_, start, kind) = trials.iter().min_by_key(|t| t.0).expect("invariant: there is a start");
        let rest = self.budget.saturating_sub(self.run.work);
        let (name, from) = &starts[start];
        let name = match kind {
            // It has starts of its own.
            Kind::Multilevel => "multilevel".to_owned(),
            _ => format!("{name}, {kind:?}").to_lowercase(),
        };
        let from = if kind == Kind::Flat && starts[start].0 == ordered { &spread } else { from };
        let found = self.run.kind::<W>(kind, from, rest);
        self.note(name, found);
        self.relieve::<W>();
        self.finished()
    }

    /// Brings down the busiest link, if that is asked for, for a quarter of the budget more.
    fn relieve<W: Word>(&mut self) {
        let share = self.options.link_weight;
        if share > 0.0 && self.options.objective == Objective::Multicast {
            let best = self.best.take().expect("invariant: there is a start");
            let (found, link) = self.run.relieved::<W>(&best, share, self.budget / 4);
            let name = format!("busiest link relieved to {:.4e}", link as f64 / self.run.problem.rate_scale);
            self.note(name, found);
        }
    }

    fn finished(self) -> Placement {
        let best = self.best.expect("invariant: there is a start");
        Placement {
            core: best.1.iter().map(|c| u32::from(*c)).collect(),
            cost: best.0 as f64 / self.run.problem.rate_scale,
            steps: self.steps,
            work: self.run.work,
            evaluations: self.run.evaluations,
            stopped: self.run.is_stopped(),
        }
    }
}

impl<M: Metric + Clone> Run<'_, M> {
    fn kind<W: Word>(&mut self, kind: Kind, start: &Found, work: u64) -> Found {
        match kind {
            // The longer the search, the hotter it may begin.
            Kind::Flat => {
                let hot = (200.0 + 320.0 * libm::log2(self.sweeps(work))) as i64;
                self.flat::<W>(start.1.clone(), Heat(hot.clamp(1300, 3500), 280), work, 400)
            }
            Kind::Hard => self.hard::<W>(self.problem, start.1.clone(), Heat(1000, 50), work),
            Kind::Multilevel => {
                let (starts, cycles) = match work {
                    0..=100_000_000 => (1, 1),
                    100_000_001..=400_000_000 => (2, 2),
                    _ => (8, 16),
                };
                self.multilevel_from::<W>(work, starts, cycles)
            }
        }
    }
}
