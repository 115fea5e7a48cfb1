//! Simulated annealing of single moves: first with soft room on the cores, then with hard room and swaps.

use crate::metric::Metric;
use crate::random::Random;
use crate::state::{Scratch, State, Word};
use std::sync::LazyLock;

/// A phase of the search. Temperatures are in thousandths of the mean rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    pub(crate) hot: i64,
    pub(crate) cold: i64,
    /// Visits of nets it may take.
    pub(crate) work: u64,
    /// Neurons over the room of a core at the start and at the end; for soft phases.
    pub(crate) over: [u32; 2],
    /// How fast a full core's price grows, in thousandths; for soft phases.
    pub(crate) eta: i64,
    /// Whether vertices rest that are far better off where they are; for soft phases on small meshes.
    pub(crate) rests: bool,
    /// Of 256 proposals: to a core of a related vertex; to a neighbouring core; the rest go anywhere.
    pub(crate) related: u32,
    pub(crate) near: u32,
}

impl Phase {
    /// What all hard phases have in common.
    pub(crate) const HARD: Self =
        Self { hot: 0, cold: 0, work: 0, over: [0; 2], eta: 0, rests: false, related: 160, near: 64 };

    /// Sweeps that a vertex rests for, which any other core would cost `margin` more: it would stay anyhow.
    fn rest(&self, margin: i64, temperature: i64) -> u8 {
        if self.rests { (margin / temperature - 3).clamp(0, 20) as u8 } else { 0 }
    }
}

/// Where to a vertex goes.
struct Draw {
    to: u16,
    /// Change of cost.
    delta: i64,
    /// How much more the next best core would cost than the one it is on, beside luck.
    margin: i64,
}

/// -ln of evenly spaced probabilities, in 65,536ths.
static THRESHOLDS: LazyLock<Vec<i64>> =
    LazyLock::new(|| (0..4096).map(|i| (-libm::log((f64::from(i) + 0.5) / 4096.0) * 65536.0) as i64).collect());

/// Gumbel's distribution at evenly spaced probabilities, in 65,536ths.
static GUMBEL: LazyLock<Vec<i64>> = LazyLock::new(|| {
    let at = |i: i32| -libm::log(-libm::log((f64::from(i) + 0.5) / 4096.0));
    (0..4096).map(|i| (at(i) * 65536.0) as i64).collect()
});

/// Vertices by core, each found at once.
pub(crate) struct Members {
    lists: Vec<Vec<u32>>,
    at: Vec<u32>,
}

impl Members {
    fn new(core: &[u16], cores: usize, movable: &[u32]) -> Self {
        let mut members = Self { lists: vec![Vec::new(); cores], at: vec![0; core.len()] };
        movable.iter().for_each(|&v| members.insert(v, core[v as usize]));
        members
    }

    fn insert(&mut self, v: u32, core: u16) {
        let list = &mut self.lists[core as usize];
        self.at[v as usize] = list.len() as u32;
        list.push(v);
    }

    fn remove(&mut self, v: u32, core: u16) {
        let list = &mut self.lists[core as usize];
        let at = self.at[v as usize];
        list.swap_remove(at as usize);
        if let Some(&moved) = list.get(at as usize) {
            self.at[moved as usize] = at;
        }
    }
}

/// What a search needs beside the state.
pub(crate) struct Search<'w> {
    random: Random,
    /// Neighbouring cores with room, by core.
    near: Vec<Vec<u16>>,
    /// Place of each core among the costs of a small mesh.
    slots: Vec<u8>,
    /// Cores with room.
    open: Vec<u16>,
    mean: i64,
    scratch: Scratch,
    watch: &'w dyn Fn(u64, u64) -> bool,
    /// Work done before, and work there may be.
    told: [u64; 2],
    /// Whether the user has had enough.
    pub(crate) stopped: bool,
    /// Visits of nets so far.
    pub(crate) work: u64,
    /// Evaluations so far.
    pub(crate) evaluations: u64,
}

impl<'w> Search<'w> {
    pub(crate) fn new<W: Word, M: Metric>(
        state: &State<'_, W, M>,
        seed: u64,
        mean: i64,
        watch: &'w dyn Fn(u64, u64) -> bool,
        told: [u64; 2],
        stopped: bool,
    ) -> Self {
        let grid = state.grid;
        let open: Vec<u16> = (0..grid.cores() as u16).filter(|c| grid.room[*c as usize] > 0).collect();
        let near = (0..grid.cores() as u32).map(|core| grid.neighbours(core)).collect();
        let slots =
            (0..grid.cores() as u32).map(|c| grid.place(c)).map(|p| p.x.wrapping_mul(8).wrapping_add(p.bit));
        let slots = slots.collect();
        Self {
            random: Random::new(seed, 1),
            near,
            slots,
            open,
            mean,
            scratch: Scratch::default(),
            watch,
            told,
            stopped,
            work: 0,
            evaluations: 0,
        }
    }

    /// Where a vertex might go.
    fn proposal<W: Word, M: Metric>(&mut self, state: &State<'_, W, M>, v: u32, phase: &Phase) -> u16 {
        let draw = (self.random.next() & 255) as u32;
        let here = state.core[v as usize];
        if draw < phase.related {
            let problem = state.problem;
            let (received, sent) = (problem.received.row(v as usize), problem.sent.row(v as usize));
            let to_own = !sent.is_empty() && (received.is_empty() || draw & 3 == 0);
            let net = if to_own {
                sent[self.random.below(sent.len())].net
            } else if !received.is_empty() {
                received[self.random.below(received.len())]
            } else {
                return self.open[self.random.below(self.open.len())];
            };
            let (pins, sources) = (problem.pins.row(net as usize), problem.sources.row(net as usize));
            let other = if !to_own && draw & 4 == 0 {
                sources[self.random.below(sources.len())].vertex
            } else {
                pins[self.random.below(pins.len())]
            };
            return state.core[other as usize];
        }
        let near = &self.near[here as usize];
        if draw < phase.related + phase.near && !near.is_empty() {
            return near[self.random.below(near.len())];
        }
        self.open[self.random.below(self.open.len())]
    }

    fn exact<W: Word, M: Metric>(&mut self, state: &State<'_, W, M>, v: u32, to: u16) -> i64 {
        state
            .eval(v, to, i64::MAX, &mut self.scratch)
            .expect("invariant: no change of cost is the largest number")
    }

    /// How much worse a move may be at this temperature.
    fn allowance(&mut self, temperature: i64) -> i64 {
        let draw = THRESHOLDS[(self.random.next() >> 52) as usize];
        ((i128::from(temperature) * i128::from(draw)) >> 16) as i64 + 1
    }

    /// Whether a phase is over that began at `start` and has `work`.
    fn is_over(&mut self, start: u64, work: u64) -> bool {
        self.stopped = self.stopped || !(self.watch)(self.told[0] + self.work, self.told[1]);
        self.stopped || self.work - start >= work
    }

    fn temperature(&self, phase: &Phase, done: u64) -> i64 {
        let part = (done as f64 / phase.work.max(1) as f64).min(1.0);
        let (hot, cold) = (phase.hot.max(1) as f64, phase.cold.max(1) as f64);
        let now = hot * libm::exp(libm::log(cold / hot) * part);
        ((now * self.mean as f64 / 1000.0) as i64).max(1)
    }

    /// Moves single vertices; full cores cost more and more, up to a hard ceiling. Ends with cores over their room.
    pub(crate) fn soft<W: Word, M: Metric>(
        &mut self,
        state: &mut State<'_, W, M>,
        phase: &Phase,
        order: &mut [u32],
    ) {
        let start = self.work;
        let cores = state.grid.cores();
        let hot = (phase.hot * self.mean / 1000).max(1);
        let mut price = vec![0i64; cores];
        let mut rest = vec![0u8; state.core.len()];
        let by_core = state.is_large();
        while !order.is_empty() && !self.is_over(start, phase.work) {
            if by_core {
                order.sort_by_key(|v| state.core[*v as usize]);
            }
            let mut temperature = 0;
            let mut ceiling = 0;
            for (i, &v) in order.iter().enumerate() {
                if i & 511 == 0 {
                    let done = self.work - start;
                    if self.is_over(start, phase.work) {
                        return;
                    }
                    temperature = self.temperature(phase, done);
                    let [wide, tight] = phase.over.map(u64::from);
                    ceiling = (wide - (wide - tight) * done / phase.work) as u32;
                }
                let from = state.core[v as usize];
                let size = state.problem.sizes[v as usize];
                if state.is_small() {
                    let rest = &mut rest[v as usize];
                    if *rest > 0 {
                        *rest -= 1;
                        self.work += 2;
                        continue;
                    }
                    self.work += 3 * state.work(v) + 60;
                    self.evaluations += 1;
                    let stiff = temperature.max(hot / 5);
                    let Draw { to, delta, margin } = {
                        let (room, load) = (&state.grid.room, &state.load);
                        let square = |load: u32, room: u32| i64::from(load.saturating_sub(room)).pow(2);
                        self.drawn(state, v, temperature, |c| {
                            let load = if c == usize::from(from) { load[c] - size } else { load[c] };
                            let most = room[c].saturating_add(ceiling);
                            (load + size <= most || c == usize::from(from)).then(|| {
                                let push = square(load + size, room[c]) - square(load, room[c]);
                                stiff * push / 2 + i64::from(size) * price[c]
                            })
                        })
                    };
                    if to != from {
                        self.work += state.work(v);
                        state.apply(v, to, delta);
                    } else {
                        *rest = phase.rest(margin, temperature);
                    }
                    continue;
                }
                let to = self.proposal(state, v, phase);
                let (f, t) = (from as usize, to as usize);
                let room = &state.grid.room;
                self.work += 4;
                if to == from || room[t] == 0 || state.load[t] + size > room[t].saturating_add(ceiling) {
                    continue;
                }
                let stiff = temperature.max(hot / 5);
                let square = |load: u32, room: u32| i64::from(load.saturating_sub(room)).pow(2);
                let push = square(state.load[t] + size, room[t]) - square(state.load[t], room[t])
                    + square(state.load[f] - size, room[f])
                    - square(state.load[f], room[f]);
                let penalty = stiff * push / 2 + i64::from(size) * (price[t] - price[f]);
                self.work += state.work(v);
                self.evaluations += 1;
                let limit = self.allowance(temperature) - penalty;
                if let Some(delta) = state.eval(v, to, limit, &mut self.scratch) {
                    self.work += state.work(v);
                    state.apply(v, to, delta);
                }
            }
            let stiff = temperature.max(hot / 5);
            for ((price, load), room) in price.iter_mut().zip(&state.load).zip(&state.grid.room) {
                let over = i64::from(*load) - i64::from(*room);
                *price = (*price + stiff * phase.eta * over / 1000).max(0);
            }
        }
    }

    /// A core for a vertex, drawn as heat has it (Gibbs sampling: the least of cost minus temperature times a Gumbel
    /// variable). `extra` is what a core costs beside its trees; `None` is no core.
    fn drawn<W: Word, M: Metric>(
        &mut self,
        state: &State<'_, W, M>,
        v: u32,
        temperature: i64,
        extra: impl Fn(usize) -> Option<i64>,
    ) -> Draw {
        let mut costs = [0; 64];
        state.everywhere(v, &mut costs);
        let here = state.core[v as usize];
        let cost_of = |core: u16| costs[usize::from(self.slots[usize::from(core)])];
        let mut best = (i64::MAX, here);
        let (mut own, mut other) = (0, i64::MAX);
        let gumbel: &[i64] = &GUMBEL;
        let mut random = self.random.clone();
        let mut bits = 0;
        for (i, &core) in self.open.iter().enumerate() {
            if i % 5 == 0 {
                bits = random.next();
            }
            let Some(extra) = extra(core.into()) else { continue };
            let luck = (temperature * gumbel[(bits & 4095) as usize]) >> 16;
            bits >>= 12;
            let cost = cost_of(core) + extra;
            if core == here {
                own = cost;
            } else {
                other = other.min(cost);
            }
            if cost - luck < best.0 {
                best = (cost - luck, core);
            }
        }
        let delta = cost_of(best.1) - cost_of(here);
        self.random = random;
        Draw { to: best.1, delta, margin: other.saturating_sub(own) }
    }

    /// Makes every core keep its room: the cheapest moves to cores that have some.
    pub(crate) fn repair<W: Word, M: Metric>(&mut self, state: &mut State<'_, W, M>, movable: &[u32]) {
        let room = &state.grid.room;
        let is_full = |state: &State<'_, W, M>| (0..room.len()).any(|c| state.load[c] > room[c]);
        while is_full(state) {
            let mut leavers: Vec<(i64, u32)> = Vec::new();
            for &v in movable {
                let from = state.core[v as usize] as usize;
                if state.load[from] > room[from] {
                    // By neuron, so that clusters do not win for being large.
                    let size = i64::from(state.problem.sizes[v as usize]).max(1);
                    leavers.extend(self.cheapest(state, v).map(|(delta, _)| (delta / size, v)));
                }
            }
            leavers.sort_unstable();
            let mut moved = false;
            for (_, v) in leavers {
                let from = state.core[v as usize] as usize;
                if state.load[from] <= room[from] {
                    continue;
                }
                if let Some((delta, to)) = self.cheapest(state, v) {
                    state.apply(v, to, delta);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// The core with room for a vertex that costs least, and the change of cost.
    fn cheapest<W: Word, M: Metric>(&mut self, state: &State<'_, W, M>, v: u32) -> Option<(i64, u16)> {
        let (here, size) = (state.core[v as usize], state.problem.sizes[v as usize]);
        let has_room = |c: usize| state.load[c] + size <= state.grid.room[c];
        if state.is_small() {
            self.work += 3 * state.work(v) + 60;
            let Draw { to, delta, .. } =
                self.drawn(state, v, 0, |c| (c != usize::from(here) && has_room(c)).then_some(0));
            return (to != here).then_some((delta, to));
        }
        let mut best: Option<(i64, u16)> = None;
        // On a large mesh, cores of related vertices first; all cores only where none of them has room.
        let phase = Phase { related: 192, ..Phase::HARD };
        let mut some: Vec<u16> = (0..24).map(|_| self.proposal(state, v, &phase)).collect();
        some.sort_unstable();
        some.dedup();
        some.retain(|c| *c != here && has_room((*c).into()));
        if some.is_empty() {
            some.clone_from(&self.open);
        }
        for to in some {
            if to != here && has_room(to.into()) {
                self.work += state.work(v);
                let limit = best.map_or(i64::MAX, |b| b.0);
                best = state.eval(v, to, limit, &mut self.scratch).map(|delta| (delta, to)).or(best);
            }
        }
        best
    }

    /// Moves and swaps that keep every core's room.
    pub(crate) fn hard<W: Word, M: Metric>(
        &mut self,
        state: &mut State<'_, W, M>,
        phase: &Phase,
        order: &mut [u32],
    ) {
        let start = self.work;
        let mut members = Members::new(&state.core, state.grid.cores(), order);
        let by_core = state.is_large();
        while !order.is_empty() && !self.is_over(start, phase.work) {
            if by_core {
                order.sort_by_key(|v| state.core[*v as usize]);
            }
            let mut temperature = 0;
            for (i, &v) in order.iter().enumerate() {
                if i & 255 == 0 {
                    let done = self.work - start;
                    if self.is_over(start, phase.work) {
                        return;
                    }
                    temperature = self.temperature(phase, done);
                }
                let from = state.core[v as usize];
                let (to, known) = if state.is_small() {
                    self.work += 3 * state.work(v) + 60;
                    let Draw { to, delta, .. } = self.drawn(state, v, temperature, |_| Some(0));
                    (to, Some(delta))
                } else {
                    (self.proposal(state, v, phase), None)
                };
                let (f, t) = (from as usize, to as usize);
                self.work += 4;
                if to == from || state.grid.room[t] == 0 || !state.may_join(v, to) {
                    continue;
                }
                self.work += state.work(v);
                self.evaluations += 1;
                let allowance = self.allowance(temperature);
                let size = state.problem.sizes[v as usize];
                if state.load[t] + size <= state.grid.room[t] {
                    if let Some(delta) = state.eval(v, to, allowance, &mut self.scratch) {
                        self.work += state.work(v);
                        state.apply(v, to, delta);
                        if state.keeps_limits(to) {
                            members.remove(v, from);
                            members.insert(v, to);
                        } else {
                            state.apply(v, from, -delta);
                        }
                    }
                    continue;
                }
                let delta = known.unwrap_or_else(|| self.exact(state, v, to));
                for _ in 0..2 {
                    let there = &members.lists[t];
                    if there.is_empty() {
                        break;
                    }
                    let other = there[self.random.below(there.len())];
                    let other_size = state.problem.sizes[other as usize];
                    let room = &state.grid.room;
                    if state.load[t] + size - other_size > room[t]
                        || state.load[f] + other_size - size > room[f]
                    {
                        continue;
                    }
                    self.work += state.work(other);
                    self.evaluations += 1;
                    let guess = delta + self.exact(state, other, from);
                    // The guess is exact unless the two share nets.
                    if guess > allowance + 2 * self.mean {
                        continue;
                    }
                    self.work += state.work(v) + 2 * state.work(other);
                    state.apply(v, to, delta);
                    let back = self.exact(state, other, from);
                    if delta + back < allowance {
                        state.apply(other, from, back);
                        if !(state.keeps_limits(from) && state.keeps_limits(to)) {
                            state.apply(other, to, -back);
                            state.apply(v, from, -delta);
                            continue;
                        }
                        members.remove(v, from);
                        members.remove(other, to);
                        members.insert(v, to);
                        members.insert(other, from);
                        break;
                    }
                    state.apply(v, from, -delta);
                }
            }
        }
    }
}
