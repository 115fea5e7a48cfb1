//! A placement and its exact cost, kept up to date move by move.
//!
//! Of each net the search keeps, column by column, which cores have a pin and which have exactly one, as bits of a word.
//! The XY tree of a source runs along its row to the outermost columns and in each column from the row to the
//! outermost pins, so taking a pin off one core and putting it on another changes two columns and perhaps the span of
//! columns: the change of cost takes a fixed number of operations, whatever the mesh. How many pins a core has beyond
//! one matters only when some leave: that is kept where memory allows, and else counted among the net's pins.

use crate::grid::{Grid, Place};
use crate::metric::Metric;
use crate::problem::Problem;

mod everywhere;
mod limits;

use limits::Held;
pub use limits::Limits;

/// A word of bits, one a core of a column.
pub(crate) trait Word: Copy + Default + std::fmt::Debug + PartialEq + Eq {
    fn wide(self) -> u64;
    fn narrow(bits: u64) -> Self;
    /// Words from a column to the next.
    const STEP: usize;
    /// Words from cores with a pin to cores with one pin, of `stride` columns.
    fn apart(stride: usize) -> usize;
    /// The lowest bytes of eight columns' words.
    #[inline(always)]
    fn row(words: &[Self]) -> u64 {
        let words = &words[..8 * Self::STEP];
        (0..8).fold(0, |row, x| row | (words[x * Self::STEP].wide() & 255) << (8 * x))
    }
}

macro_rules! words {
    ($($t:ty: $step:literal, $apart:expr);*) => {$(
        impl Word for $t {
            const STEP: usize = $step;
            #[inline(always)]
            fn apart(stride: usize) -> usize {
                let apart: fn(usize) -> usize = $apart;
                apart(stride)
            }
            #[inline(always)]
            fn wide(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn narrow(bits: u64) -> Self {
                bits as $t
            }
        }
    )*};
}
// Bytes of a small mesh are read eight columns at once; of larger meshes, moves read single columns.
words!(u8: 1, |stride| stride; u16: 2, |_| 1; u32: 2, |_| 1; u64: 2, |_| 1);

/// What a net's moves need first.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// Columns with a pin.
    columns: u64,
    /// Rate of its only source; 0 if it has several.
    rate: u32,
    /// Where its only source is; else `(x, bit)` hold no meaning.
    source: Place,
}

/// Counts of pins by net and core that are kept at the most, 512 MiB.
const MOST_COUNTS: u64 = 1 << 28;

/// A placement of a problem on a grid.
#[derive(Clone, Debug)]
pub(crate) struct State<'a, W, M> {
    pub(crate) problem: &'a Problem,
    pub(crate) grid: &'a Grid,
    metric: M,
    places: Vec<Place>,
    heads: Vec<Head>,
    /// Columns of a net in `words`.
    stride: usize,
    /// By net and column: cores with a pin, and cores with one pin, as near to each other as [`Word`] has it.
    words: Vec<W>,
    /// Pins by net and core; empty where they would be too many, and pins are counted when asked for.
    counts: Vec<u16>,
    /// Of nets with several sources: rates by core, ascending by core.
    many: Vec<Vec<(u16, u64)>>,
    /// Core of each vertex.
    pub(crate) core: Vec<u16>,
    /// Neurons by core.
    pub(crate) load: Vec<u32>,
    /// Rate-weighted cost of all trees.
    pub(crate) cost: i64,
    held: Option<Held<'a>>,
    /// Work of a visit of a net, see [`Self::work`].
    pub(crate) visit: u64,
}

#[inline(always)]
fn high(bits: u64) -> u32 {
    63 - bits.leading_zeros()
}

#[inline(always)]
fn low(bits: u64) -> u32 {
    bits.trailing_zeros()
}

impl<'a, W: Word, M: Metric> State<'a, W, M> {
    pub(crate) fn new(problem: &'a Problem, grid: &'a Grid, metric: M, core: Vec<u16>) -> Self {
        let keeps = problem.nets() as u64 * grid.cores() as u64 <= MOST_COUNTS
            && problem.pins.rows().all(|row| row.len() <= usize::from(u16::MAX));
        Self::counting(problem, grid, metric, core, keeps)
    }

    /// A state that keeps counts of pins by net and core, or scans a net's pins instead.
    fn counting(problem: &'a Problem, grid: &'a Grid, metric: M, core: Vec<u16>, keeps: bool) -> Self {
        let (nets, cores) = (problem.nets(), grid.cores());
        let stride = stride(grid);
        let mut state = Self {
            problem,
            grid,
            metric,
            places: (0..cores as u32).map(|c| grid.place(c)).collect(),
            heads: vec![Head::default(); nets],
            stride,
            words: vec![W::default(); 2 * nets * stride],
            counts: if keeps { vec![0; nets * cores] } else { Vec::new() },
            many: vec![Vec::new(); nets],
            core,
            load: vec![0; cores],
            cost: 0,
            held: None,
            visit: 1,
        };
        for (v, &core) in state.core.iter().enumerate() {
            state.load[core as usize] += problem.sizes[v];
        }
        for net in 0..nets {
            state.set_pins(net);
            match problem.sources.row(net) {
                [source] => {
                    state.heads[net].rate = source.rate;
                    state.heads[net].source = state.places[state.core[source.vertex as usize] as usize];
                }
                sources => {
                    for source in sources {
                        add_rate(
                            &mut state.many[net],
                            state.core[source.vertex as usize],
                            i64::from(source.rate),
                        );
                    }
                }
            }
        }
        if state.is_large() {
            // The more pins are alone on their cores, the less the vertices of a core share in the caches.
            let of_net =
                |net| -> u64 { (0..grid.width).map(|x| u64::from(state.one(net, x).count_ones())).sum() };
            let alone: u64 = (0..nets).map(of_net).sum();
            let share = alone as f64 / problem.pins.items().len().max(1) as f64;
            state.visit = (3.0 + 12.0 * share * share) as u64;
        }
        state.cost = state.recounted();
        state
    }

    /// Where a net's cores with a pin in a column are among the words.
    #[inline(always)]
    fn at(&self, net: usize, x: usize) -> usize {
        2 * net * self.stride + x * W::STEP
    }

    /// Cores of a column with a pin of a net.
    #[inline(always)]
    fn some(&self, net: usize, x: usize) -> u64 {
        self.words[self.at(net, x)].wide()
    }

    /// Cores of a column with one pin of a net.
    #[inline(always)]
    fn one(&self, net: usize, x: usize) -> u64 {
        self.words[self.at(net, x) + W::apart(self.stride)].wide()
    }

    /// The cost from what is kept of the nets, without what is kept of the cost.
    pub(crate) fn recounted(&self) -> i64 {
        let hints: i64 = self.core.iter().enumerate().map(|(v, core)| self.hint(v as u32, *core)).sum();
        (0..self.problem.nets()).map(|net| self.net_cost(net)).sum::<i64>() + hints
    }

    /// What a vertex pays for being on a core that it is hinted away from.
    #[inline(always)]
    fn hint(&self, v: u32, core: u16) -> i64 {
        self.problem.hint(v, core) * self.metric.unit()
    }

    fn net_cost(&self, net: usize) -> i64 {
        self.weigh(net, |source| self.tree(net, source, |_, some| some))
    }

    /// Cost of the ways from a place to the pins of a net, whose columns `edit` may change.
    fn tree(&self, net: usize, from: Place, edit: impl Fn(usize, u64) -> u64) -> i64 {
        let own = 1u64 << from.bit;
        let mut spanned = 1u64 << from.x;
        let mut total = 0;
        for x in 0..self.grid.width {
            let some = edit(x, self.some(net, x));
            total += i64::from(some.count_ones()) * self.metric.arrival();
            if M::UNICAST {
                let mut left = some;
                while left != 0 {
                    total += self.way(from, Place { x: x as u8, bit: low(left) as u8 });
                    left &= left - 1;
                }
            } else {
                let bits = some | own;
                spanned |= u64::from(some != 0) << x;
                total += self.metric.column(x, low(bits), from.bit.into(), high(bits));
            }
        }
        total + self.metric.row(from.bit.into(), low(spanned), from.x.into(), high(spanned))
    }

    /// Cost of the XY way between two places.
    #[inline]
    fn way(&self, from: Place, to: Place) -> i64 {
        let (fx, tx) = (u32::from(from.x), u32::from(to.x));
        let (fb, tb) = (u32::from(from.bit), u32::from(to.bit));
        self.metric.row(fb, fx.min(tx), fx, fx.max(tx))
            + self.metric.column(to.x.into(), fb.min(tb), fb, fb.max(tb))
    }

    /// Change of the cost if vertex `v` moved to core `to`; `None` if it is `limit` or more.
    ///
    /// What the move saves comes first and what it costs after, so that a hopeless move is given up early. Nets that
    /// change are collected without a branch: most do not change, and which do cannot be foreseen.
    pub(crate) fn eval(&self, v: u32, to: u16, limit: i64, scratch: &mut Scratch) -> Option<i64> {
        let from = self.core[v as usize];
        if from == to {
            return (limit > 0).then_some(0);
        }
        let (a, b) = (self.places[from as usize], self.places[to as usize]);
        let (off, on) = (1u64 << a.bit, 1u64 << b.bit);
        let (ax, bx) = (usize::from(a.x), usize::from(b.x));
        let nets = self.problem.received.row(v as usize);
        scratch.grow(nets.len());
        let (mut leaving, mut entering) = (0, 0);
        for &net in nets {
            scratch.leaving[leaving] = net;
            leaving += (self.one(net as usize, ax) >> a.bit & 1) as usize;
            scratch.entering[entering] = net;
            entering += (self.some(net as usize, bx) >> b.bit & 1 ^ 1) as usize;
        }
        let mut delta = self.hint(v, to) - self.hint(v, from);
        for &net in &scratch.leaving[..leaving] {
            let net = net as usize;
            let before = self.some(net, ax);
            let columns = self.heads[net].columns;
            let left = columns & !(u64::from(before == off) << a.x);
            delta -= self.weigh(net, |source| self.added(source, a, before & !off, left));
        }
        for sent in self.problem.sent.row(v as usize) {
            let net = sent.net as usize;
            let edit = |x: usize, some: u64| {
                if !sent.is_pin {
                    return some;
                }
                let gone = if x == ax { self.one(net, x) & off } else { 0 };
                let new = if x == bx { on } else { 0 };
                some & !gone | new
            };
            delta += i64::from(sent.rate) * (self.tree(net, b, edit) - self.tree(net, a, edit));
        }
        for &net in &scratch.entering[..entering] {
            if delta >= limit {
                return None;
            }
            let net = net as usize;
            let gone = self.one(net, ax) & off;
            let rest = self.some(net, ax) & !gone;
            let before = if ax == bx { rest } else { self.some(net, bx) };
            let columns = self.heads[net].columns & !(u64::from(rest == 0) << a.x);
            delta += self.weigh(net, |source| self.added(source, b, before, columns));
        }
        (delta < limit).then_some(delta)
    }

    /// A net's cost where a source's is `each`.
    #[inline(always)]
    fn weigh(&self, net: usize, each: impl Fn(Place) -> i64) -> i64 {
        let head = &self.heads[net];
        if head.rate > 0 {
            return i64::from(head.rate) * each(head.source);
        }
        self.many[net].iter().map(|&(core, rate)| rate as i64 * each(self.places[core as usize])).sum()
    }

    /// What a pin at a place adds to the tree of a source whose pins are `some` in that column and in `columns`.
    #[inline(always)]
    fn added(&self, source: Place, at: Place, some: u64, columns: u64) -> i64 {
        let arrival = self.metric.arrival();
        if M::UNICAST {
            return self.way(source, at) + arrival;
        }
        let (own, home) = (1u64 << source.bit, 1u64 << source.x);
        let column = |bits: u64| self.metric.column(at.x.into(), low(bits), source.bit.into(), high(bits));
        let row = |bits: u64| self.metric.row(source.bit.into(), low(bits), source.x.into(), high(bits));
        let (bits, spanned) = (some | own, columns | home);
        column(bits | 1 << at.bit) - column(bits) + row(spanned | 1 << at.x) - row(spanned) + arrival
    }

    /// Moves a vertex, given what [`Self::eval`] says of it.
    pub(crate) fn apply(&mut self, v: u32, to: u16, delta: i64) {
        let from = std::mem::replace(&mut self.core[v as usize], to);
        if from == to {
            return;
        }
        let size = self.problem.sizes[v as usize];
        self.load[from as usize] -= size;
        self.load[to as usize] += size;
        self.cost += delta;
        for &net in self.problem.received.row(v as usize) {
            self.take(net as usize, from);
            self.put(net as usize, to);
        }
        for sent in self.problem.sent.row(v as usize) {
            let net = sent.net as usize;
            if self.heads[net].rate > 0 {
                self.heads[net].source = self.places[to as usize];
            } else {
                add_rate(&mut self.many[net], from, -i64::from(sent.rate));
                add_rate(&mut self.many[net], to, i64::from(sent.rate));
            }
        }
    }

    /// Takes note of all pins of a net, the first time.
    fn set_pins(&mut self, net: usize) {
        let (mut some, mut several) = ([0u64; 64], [0u64; 64]);
        for &pin in self.problem.pins.row(net) {
            let core = usize::from(self.core[pin as usize]);
            let place = self.places[core];
            let (x, bit) = (usize::from(place.x), 1u64 << place.bit);
            several[x] |= some[x] & bit;
            some[x] |= bit;
            if let Some(count) = self.counts.get_mut(net * self.load.len() + core) {
                *count += 1;
            }
        }
        for (x, (some, several)) in some.iter().zip(&several).take(self.grid.width).enumerate() {
            let at = self.at(net, x);
            self.words[at] = W::narrow(*some);
            self.words[at + W::apart(self.stride)] = W::narrow(some & !several);
            self.heads[net].columns |= u64::from(*some != 0) << x;
        }
    }

    /// Takes note of a pin that came to a core.
    #[inline(always)]
    fn put(&mut self, net: usize, core: u16) {
        let place = self.places[core as usize];
        let after = match self.counts.get_mut(net * self.load.len() + core as usize) {
            Some(count) => {
                *count += 1;
                u32::from(*count)
            }
            None => 1 + (self.some(net, place.x.into()) >> place.bit & 1) as u32,
        };
        if self.held.is_some() {
            let after = self.pins_on(net, core, u32::MAX);
            self.hold(net, core, after - 1, after);
        }
        self.mark(net, place, after);
    }

    /// Takes note of a pin that left a core.
    #[inline(always)]
    fn take(&mut self, net: usize, core: u16) {
        let place = self.places[core as usize];
        let after = if let Some(count) = self.counts.get_mut(net * self.load.len() + core as usize) {
            *count -= 1;
            u32::from(*count)
        } else if self.one(net, place.x.into()) >> place.bit & 1 == 1 {
            0
        } else {
            self.pins_on(net, core, 2)
        };
        if self.held.is_some() {
            let after = self.pins_on(net, core, u32::MAX);
            self.hold(net, core, after + 1, after);
        }
        self.mark(net, place, after);
    }

    /// Sets what is kept of a core that has so many pins of a net; without a branch, as nothing foresees the number.
    #[inline(always)]
    fn mark(&mut self, net: usize, place: Place, pins: u32) {
        let (at, bit) = (self.at(net, place.x.into()), place.bit);
        let set = |word: W, on: bool| word.wide() & !(1 << bit) | u64::from(on) << bit;
        let some = set(self.words[at], pins > 0);
        self.words[at] = W::narrow(some);
        let one = &mut self.words[at + W::apart(self.stride)];
        *one = W::narrow(set(*one, pins == 1));
        let columns = &mut self.heads[net].columns;
        *columns = *columns & !(1 << place.x) | u64::from(some != 0) << place.x;
    }

    /// Pins of a net on a core, at least `enough` if there are so many.
    #[inline]
    fn pins_on(&self, net: usize, core: u16, enough: u32) -> u32 {
        let counted = self.counts.get(net * self.load.len() + core as usize);
        counted.map(|count| u32::from(*count)).unwrap_or_else(|| {
            let there = self.problem.pins.row(net).iter().filter(|pin| self.core[**pin as usize] == core);
            there.take(enough as usize).count() as u32
        })
    }

    /// See [`is_large`].
    pub(crate) fn is_large(&self) -> bool {
        is_large(self.problem, self.grid)
    }

    /// Work of an evaluation: visits of nets, which take longer where caches miss, and a fixed part.
    #[inline]
    pub(crate) fn work(&self, v: u32) -> u64 {
        let visits = 12
            + self.problem.received.row(v as usize).len() as u64
            + 2 * (self.problem.sent.row(v as usize).len() * self.grid.width) as u64;
        self.visit * visits
    }
}

/// About the bytes a state takes that keeps no counts.
pub(crate) fn state_bytes(problem: &Problem, grid: &Grid) -> u64 {
    let word = grid.bits().next_power_of_two().max(8) / 8;
    let net = size_of::<Head>() + size_of::<Vec<(u16, u64)>>() + 2 * word * stride(grid);
    (problem.nets() * net) as u64
}

/// Words that the columns of a net take.
fn stride(grid: &Grid) -> usize {
    grid.width.max(8)
}

/// Whether the nets are more than a core's caches hold.
pub(crate) fn is_large(problem: &Problem, grid: &Grid) -> bool {
    problem.nets() * stride(grid) > 1 << 20
}

/// Room for the nets that a move changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    leaving: Vec<u32>,
    entering: Vec<u32>,
}

impl Scratch {
    fn grow(&mut self, nets: usize) {
        if self.leaving.len() < nets {
            self.leaving.resize(nets, 0);
            self.entering.resize(nets, 0);
        }
    }
}

fn add_rate(rates: &mut Vec<(u16, u64)>, core: u16, rate: i64) {
    match rates.binary_search_by_key(&core, |r| r.0) {
        Ok(i) => {
            rates[i].1 = rates[i].1.wrapping_add_signed(rate);
            if rates[i].1 == 0 {
                rates.remove(i);
            }
        }
        Err(i) => rates.insert(i, (core, rate as u64)),
    }
}

#[cfg(test)]
mod tests;
