//! Kinds of search, for the portfolio to try: flat annealing, whole cores swapped, spectral order, clusters from coarse to fine.

use crate::anneal::{Phase, Search};
use crate::coarsen::cluster;
use crate::grid::Grid;
use crate::metric::Metric;
use crate::problem::Problem;
use crate::random::Random;
use crate::spectral::{self, Modes};
use crate::starts::{self, Cores};
use crate::state::{Limits, State, Word};

/// A placement on the way, and its cost.
pub(crate) type Found = (i64, Cores);

/// What all parts of a search share.
pub(crate) struct Run<'a, M> {
    pub(crate) problem: &'a Problem,
    pub(crate) grid: &'a Grid,
    pub(crate) metric: M,
    pub(crate) seed: u64,
    /// Mean rate of a source, the unit of temperatures.
    pub(crate) mean: i64,
    /// Visits of nets so far.
    pub(crate) work: u64,
    /// Evaluations so far.
    pub(crate) evaluations: u64,
    /// Searches so far: each has a random stream of its own.
    streams: u64,
    /// Work there may be.
    budget: u64,
    watch: &'a dyn Fn(u64, u64) -> bool,
    pub(crate) stopped: bool,
    /// What hard phases keep beside room.
    pub(crate) limits: Option<&'a Limits>,
    /// Placements by the network's slowest modes, best first, once they were asked for.
    by_modes: Option<Vec<Found>>,
    /// Whether the network is known to have no shape: vertices that hardly move are then left alone more often.
    pub(crate) shapeless: bool,
    /// Work of a visit of a net in the start that was looked at last.
    visit: u64,
}

/// Temperatures of an annealing from hot to cold, in thousandths of the mean rate.
#[derive(Clone, Copy)]
pub(crate) struct Heat(pub(crate) i64, pub(crate) i64);

/// A level of clusters.
#[derive(Clone, Copy)]
struct Level {
    /// Vertices of 100 of the finer level that are left.
    keep: usize,
    /// Clusters take up this part of a core at the most.
    part: u32,
    heat: Heat,
    /// Its share of the work.
    share: u64,
}

/// From fine to coarse. A level is as hot as sets its clusters in motion, and nothing coarser.
const LEVELS: [Level; 3] = [
    Level { keep: 40, part: 32, heat: Heat(300, 100), share: 1 },
    Level { keep: 40, part: 8, heat: Heat(1000, 300), share: 3 },
    Level { keep: 40, part: 4, heat: Heat(3000, 1000), share: 3 },
];
/// Heat and share of single neurons.
const SINGLE: (Heat, u64) = (Heat(150, 30), 1);
/// Heat of the first and the last cycle, in hundredths of the above.
const HEATS: [i64; 2] = [100, 60];
/// How fast the price of a full core grows in cycles.
const ETA: i64 = 300;

impl<'a, M: Metric + Clone> Run<'a, M> {
    pub(crate) fn new(
        problem: &'a Problem,
        grid: &'a Grid,
        metric: M,
        seed: u64,
        budget: u64,
        watch: &'a dyn Fn(u64, u64) -> bool,
    ) -> Self {
        let mean = problem.mean_rate() * metric.unit();
        Self {
            problem,
            grid,
            metric,
            seed,
            mean,
            work: 0,
            evaluations: 0,
            streams: 0,
            budget,
            watch,
            stopped: false,
            limits: None,
            by_modes: None,
            shapeless: false,
            visit: 1,
        }
    }

    /// The same run under another metric.
    pub(crate) fn with_metric<N>(&self, metric: N) -> Run<'a, N> {
        let &Self {
            problem,
            grid,
            seed,
            mean,
            work,
            evaluations,
            streams,
            budget,
            watch,
            stopped,
            limits,
            shapeless,
            visit,
            ..
        } = self;
        let by_modes = None; // Their costs are those of this run's metric.
        Run {
            problem,
            grid,
            metric,
            seed,
            mean,
            work,
            evaluations,
            streams,
            budget,
            watch,
            stopped,
            limits,
            by_modes,
            shapeless,
            visit,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// A placement that keeps every core's room, and its cost.
    pub(crate) fn settled<W: Word>(&mut self, core: Cores) -> Found {
        let mut state: State<'_, W, M> = State::new(self.problem, self.grid, self.metric.clone(), core);
        let mut search = self.search(&state, 0, self.mean);
        search.repair(&mut state, &movable(self.problem, 0));
        self.done(&search);
        self.visit = state.visit;
        self.work += self.problem.members();
        (state.cost, state.core)
    }

    fn search<'w, W: Word>(&self, state: &State<'_, W, M>, seed: u64, mean: i64) -> Search<'w>
    where
        'a: 'w,
    {
        Search::new(state, seed, mean, self.watch, [self.work, self.budget], self.stopped)
    }

    fn stream(&mut self) -> u64 {
        self.streams += 1;
        self.seed.wrapping_mul(0x9E37_79B9).wrapping_add(self.streams)
    }

    /// Soft annealing, then repair, if wanted.
    pub(crate) fn soft<W: Word>(
        &mut self,
        problem: &Problem,
        start: Cores,
        heat: Heat,
        work: u64,
        eta: i64,
        repair: bool,
    ) -> Found {
        let seed = self.stream();
        let mut state: State<'_, W, M> = State::new(problem, self.grid, self.metric.clone(), start);
        let mut search = self.search(&state, seed, self.mean);
        let mut order = movable(problem, seed);
        let largest = problem.sizes.iter().copied().max().unwrap_or(0);
        let over = [16.max(2 * largest), 1.max(largest / 2)];
        let rests = self.shapeless;
        let phase = Phase { hot: heat.0, cold: heat.1, work, over, eta, rests, related: 160, near: 64 };
        search.soft(&mut state, &phase, &mut order);
        if repair {
            search.repair(&mut state, &order);
        }
        self.done(&search);
        (state.cost, state.core)
    }

    /// Hard annealing.
    pub(crate) fn hard<W: Word>(&mut self, problem: &Problem, start: Cores, heat: Heat, work: u64) -> Found {
        let seed = self.stream();
        let mut state: State<'_, W, M> = State::new(problem, self.grid, self.metric.clone(), start);
        if let Some(limits) = self.limits {
            state = state.limited(limits);
        }
        let mut search = self.search(&state, seed, self.mean);
        let mut order = movable(problem, seed);
        search.repair(&mut state, &order);
        let phase = Phase { hot: heat.0, cold: heat.1, work, ..Phase::HARD };
        search.hard(&mut state, &phase, &mut order);
        self.done(&search);
        (state.cost, state.core)
    }

    fn done(&mut self, search: &Search<'_>) {
        self.work += search.work;
        self.evaluations += search.evaluations;
        self.stopped |= search.stopped;
    }

    /// Cost of a placement.
    pub(crate) fn cost<W: Word>(&self, core: &Cores) -> i64 {
        State::<W, M>::new(self.problem, self.grid, self.metric.clone(), core.clone()).cost
    }

    /// Soft annealing and a cold finish.
    pub(crate) fn flat<W: Word>(&mut self, start: Cores, heat: Heat, work: u64, eta: i64) -> Found {
        let (_, core) = self.soft::<W>(self.problem, start, heat, work - work / 12, eta, true);
        self.hard::<W>(self.problem, core, Heat(heat.1.min(300), 20), work / 12)
    }

    /// Whole cores as vertices, swapped.
    pub(crate) fn cores_swapped<W: Word>(&mut self, start: &Cores, heat: Heat, work: u64) -> Found {
        let cores = self.grid.cores();
        let mut place: Vec<u32> = start.iter().map(|c| u32::from(*c)).collect();
        let mut next = cores as u32;
        for (v, pinned) in self.problem.pinned.iter().enumerate() {
            if pinned.is_some() {
                place[v] = next;
                next += 1;
            }
        }
        let mut coarse = self.problem.coarsened(&place, next as usize);
        // Every core has room for one set of neurons, if it has room for the largest; others keep theirs.
        let mut grid = self.grid.clone();
        let largest = coarse.sizes[..cores].iter().copied().max().unwrap_or(0).max(1);
        coarse.sizes.iter_mut().take(cores).for_each(|s| *s = 1);
        grid.room.iter_mut().for_each(|r| *r = u32::from(*r >= largest));
        let mut at: Cores = (0..cores as u16).collect();
        at.extend(self.problem.pinned.iter().filter_map(|p| p.map(|p| p as u16)));
        for (core, room) in grid.room.iter().enumerate() {
            if *room == 0 {
                coarse.sizes[core] = 0;
                coarse.pinned[core] = Some(core as u32);
            }
        }
        let seed = self.stream();
        let mut state: State<'_, W, M> = State::new(&coarse, &grid, self.metric.clone(), at);
        let mut search = self.search(&state, seed, coarse.mean_rate() * self.metric.unit());
        let mut order = movable(&coarse, seed);
        let phase = Phase { hot: heat.0, cold: heat.1, work, related: 128, ..Phase::HARD };
        search.hard(&mut state, &phase, &mut order);
        let (cost, moved) = (state.cost, state.core);
        self.done(&search);
        let core = start.iter().enumerate().map(|(v, c)| match self.problem.pinned[v] {
            Some(_) => *c,
            None => moved[*c as usize],
        });
        (cost, core.collect())
    }

    /// For nets with small strong clusters (layers with local receptive fields), whose order matters most: the best of several
    /// spectral starts, improved by cycles: after a cycle of each, the better half goes on, until one
    /// is left; then `cycles` more of that one, hotter to colder. Many short cycles find more than few long ones.
    pub(crate) fn multilevel_from<W: Word>(&mut self, work: u64, starts: usize, cycles: u64) -> Found {
        let mut found = self.spectral::<W>(starts);
        let trials: u64 =
            std::iter::successors(Some(found.len() as u64), |n| (*n > 1).then(|| n.div_ceil(2))).sum();
        let each = work / (trials + cycles);
        loop {
            for found in &mut found {
                self.improve::<W>(found, each, HEATS[0]);
            }
            found.sort_by_key(|found| found.0);
            if found.len() == 1 {
                break;
            }
            found.truncate(found.len().div_ceil(2));
        }
        let mut best = found.swap_remove(0);
        for i in 0..cycles as i64 {
            let heat = HEATS[0] + (HEATS[1] - HEATS[0]) * i / (cycles as i64 - 1).max(1);
            self.improve::<W>(&mut best, each, heat);
        }
        best
    }

    /// How often so much work visits every vertex; at least 1.
    pub(crate) fn sweeps(&self, work: u64) -> f64 {
        let visit = self.visit.max(3) * self.problem.members() + 140 * self.problem.len() as u64;
        (work as f64 / visit.max(1) as f64).max(1.0)
    }

    /// About the work of [`Self::spectral`], the first time.
    pub(crate) fn spectral_work(&self) -> u64 {
        60 * self.problem.members()
    }

    /// Whether joining vertices is worth a try: nets are few against vertices, or narrow.
    pub(crate) fn clusters_help(&self) -> bool {
        self.problem.nets() * 2 < self.problem.len() && self.problem.members() < 40 * self.problem.len() as u64
    }

    fn improve<W: Word>(&mut self, best: &mut Found, work: u64, heat: i64) {
        let found = self.cycle::<W>(&best.1, work, heat);
        if found.0 < best.0 {
            *best = found;
        }
    }

    /// Joins vertices that lie together, level by level, and anneals from coarse to fine at `heat` hundredths of the levels'
    /// heats. Coarse levels move what is right as it is as a whole; cores over their room are put right at the end alone.
    fn cycle<W: Word>(&mut self, start: &Cores, work: u64, heat: i64) -> Found {
        let mut random = Random::new(self.stream(), 5);
        let room = self.grid.room.iter().copied().max().unwrap_or(0);
        let (mut problems, mut maps): (Vec<Problem>, Vec<Vec<u32>>) = (vec![], vec![]);
        let mut core = start.clone();
        for level in &LEVELS {
            let finer = problems.last().unwrap_or(self.problem);
            let most = (room / level.part).max(1);
            let clusters = cluster(finer, &core, level.keep, most, &mut random);
            self.work += clusters.visits / 2;
            core = lifted(&clusters.of, clusters.count, &core);
            problems.push(finer.coarsened(&clusters.of, clusters.count));
            maps.push(clusters.of);
        }
        let shares = SINGLE.1 + LEVELS.iter().map(|level| level.share).sum::<u64>();
        let hot = |Heat(hot, cold): Heat| Heat(hot * heat / 100, cold);
        for ((level, problem), map) in LEVELS.iter().zip(&problems).zip(&maps).rev() {
            let share = work * level.share / shares;
            core = self.soft::<W>(problem, core, hot(level.heat), share, ETA, false).1;
            core = map.iter().map(|c| core[*c as usize]).collect();
        }
        self.soft::<W>(self.problem, core, hot(SINGLE.0), work * SINGLE.1 / shares, ETA, true)
    }

    /// Columns and rows from the slowest modes of the network: the best `most` of several ways to turn them, best first.
    pub(crate) fn spectral<W: Word>(&mut self, most: usize) -> Vec<Found> {
        let found = match self.by_modes.take() {
            Some(found) => found,
            None => self.by_modes::<W>(),
        };
        let best = found[..most.clamp(1, found.len())].to_vec();
        self.by_modes = Some(found);
        best
    }

    fn by_modes<W: Word>(&mut self) -> Vec<Found> {
        let Modes { modes, steps, has_shape } = spectral::modes(self.problem, self.seed);
        self.shapeless = !has_shape;
        self.work += steps * 2 * self.problem.pins.items().len() as u64;
        let mut found: Vec<Found> = Vec::new();
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            for turn in 0..8 {
                let (sin, cos) = libm::sincos(f64::from(turn) * std::f64::consts::PI / 8.0);
                let along = |c: f64, s: f64| -> Vec<f64> {
                    modes[i].iter().zip(&modes[j]).map(|(a, b)| c * a + s * b).collect()
                };
                let core = starts::by_coordinates(self.problem, self.grid, &along(cos, sin), &along(-sin, cos));
                found.push((self.cost::<W>(&core), core));
            }
        }
        found.sort_by_key(|found| found.0);
        found
    }
}

fn movable(problem: &Problem, seed: u64) -> Vec<u32> {
    let order = Random::new(seed, 2).order(problem.len());
    order.into_iter().filter(|v| problem.pinned[*v as usize].is_none()).collect()
}

/// Cores of clusters, each of which lies on one.
fn lifted(cluster: &[u32], clusters: usize, core: &[u16]) -> Cores {
    let mut lifted = vec![0; clusters];
    cluster.iter().zip(core).for_each(|(c, core)| lifted[*c as usize] = *core);
    lifted
}
