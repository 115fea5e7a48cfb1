//! A placement and its exact cost, kept up to date move by move.
//!
//! Of each net the search keeps, column by column, which cores have a pin and which have exactly one, as bits of a word.
//! The XY tree of a source runs along its row to the outermost columns and in each column from the row to the
//! outermost pins, so taking a pin off one core and putting it on another changes two columns and perhaps the span of
//! columns: the change of cost takes a fixed number of operations, whatever the mesh.

use crate::grid::{Grid, Place};
use crate::metric::Metric;
use crate::problem::{MOST_RATE, Problem};

/// A word of bits, one a core of a column.
pub(crate) trait Word: Copy + Default + std::fmt::Debug + PartialEq + Eq {
    fn wide(self) -> u64;
    fn narrow(bits: u64) -> Self;
    /// Eight words' lowest bytes.
    fn row(words: &[Self]) -> u64 {
        words.iter().rev().fold(0, |row, word| row << 8 | word.wide() & 255)
    }
}

macro_rules! words {
    ($($t:ty),*) => {$(
        impl Word for $t {
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
words!(u8, u16, u32, u64);

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

/// What cores hold beside neurons, each with its limit.
#[derive(Clone, Debug)]
pub(crate) struct Held<'a> {
    limits: &'a Limits,
    /// By core.
    axons: Vec<u64>,
    /// By core.
    words: Vec<u64>,
    /// Group of the vertices of each core; `None` for an empty one.
    group: Vec<Option<u32>>,
}

impl Held<'_> {
    /// Takes note that a core's pins of a net, all axons of `sources`, went from `before` to `after`.
    fn change(&mut self, core: usize, sources: u64, before: u32, after: u32) {
        let words = |pins: u32| self.limits.row_words(pins);
        self.words[core] = self.words[core] + sources * words(after) - sources * words(before);
        self.axons[core] = self.axons[core] + sources * u64::from(after > 0) - sources * u64::from(before > 0);
    }
}

/// Limits of a core beside its room, which moves keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most input axons: sources with a pin on the core.
    pub in_axons: u64,
    /// Most words of synapse memory.
    pub words: u64,
    /// Words of a row of so many synapses; the last holds for all longer rows, in proportion.
    pub row_words: Vec<u64>,
    /// Vertices of different groups share no core; empty for one group.
    pub groups: Vec<u32>,
}

impl Limits {
    fn row_words(&self, pins: u32) -> u64 {
        let pins = pins as usize;
        self.row_words.get(pins).copied().unwrap_or_else(|| {
            let last = self.row_words.len().max(2) - 1;
            (self.row_words.last().copied().unwrap_or(0) * pins as u64).div_ceil(last as u64)
        })
    }
}

/// A placement of a problem on a grid.
#[derive(Clone, Debug)]
pub(crate) struct State<'a, W, M> {
    pub(crate) problem: &'a Problem,
    pub(crate) grid: &'a Grid,
    metric: M,
    places: Vec<Place>,
    heads: Vec<Head>,
    /// Words of a net's columns follow each other; there are `stride` of them.
    stride: usize,
    /// Cores with a pin.
    some: Vec<W>,
    /// Cores with one pin.
    one: Vec<W>,
    /// Pins by net and core.
    counts: Vec<u32>,
    /// Of nets with several sources: rates by core, ascending by core.
    many: Vec<Vec<(u16, u64)>>,
    /// Core of each vertex.
    pub(crate) core: Vec<u16>,
    /// Neurons by core.
    pub(crate) load: Vec<u32>,
    /// Rate-weighted cost of all trees.
    pub(crate) cost: i64,
    held: Option<Held<'a>>,
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
        let (nets, cores) = (problem.nets(), grid.cores());
        let stride = grid.width.max(8);
        let mut state = Self {
            problem,
            grid,
            metric,
            places: (0..cores as u32).map(|c| grid.place(c)).collect(),
            heads: vec![Head::default(); nets],
            stride,
            some: vec![W::default(); nets * stride],
            one: vec![W::default(); nets * stride],
            counts: vec![0; nets * cores],
            many: vec![Vec::new(); nets],
            core,
            load: vec![0; cores],
            cost: 0,
            held: None,
        };
        for (v, &core) in state.core.iter().enumerate() {
            state.load[core as usize] += problem.sizes[v];
        }
        for net in 0..nets {
            for &pin in problem.pins.row(net) {
                state.put(net, state.core[pin as usize]);
            }
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
        state.cost = state.recounted();
        state
    }

    /// Keeps the given limits from here on; see [`Self::keeps_limits`].
    pub(crate) fn limited(mut self, limits: &'a Limits) -> Self {
        let cores = self.load.len();
        let mut held = Held { limits, axons: vec![0; cores], words: vec![0; cores], group: vec![None; cores] };
        for net in 0..self.problem.nets() {
            let sources = self.problem.sources.row(net).len() as u64;
            for core in 0..cores {
                held.change(core, sources, 0, self.counts[net * cores + core]);
            }
        }
        for (v, &core) in self.core.iter().enumerate() {
            if let (Some(group), None) = (limits.groups.get(v), self.problem.pinned[v]) {
                held.group[core as usize] = Some(*group);
            }
        }
        self.held = Some(held);
        self
    }

    /// Whether vertex `v` may be on core `to`, as far as its group goes.
    pub(crate) fn may_join(&self, v: u32, to: u16) -> bool {
        let Some(held) = &self.held else { return true };
        match (held.group[to as usize], held.limits.groups.get(v as usize)) {
            (Some(there), Some(own)) => there == *own,
            // An empty core stays empty: it has no group of its own.
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }

    /// Whether a core keeps its limits, after a move to it.
    pub(crate) fn keeps_limits(&self, core: u16) -> bool {
        self.held.as_ref().is_none_or(|held| {
            held.axons[core as usize] <= held.limits.in_axons && held.words[core as usize] <= held.limits.words
        })
    }

    /// The cost from what is kept of the nets, without what is kept of the cost.
    pub(crate) fn recounted(&self) -> i64 {
        (0..self.problem.nets()).map(|net| self.net_cost(net)).sum()
    }

    fn net_cost(&self, net: usize) -> i64 {
        self.weigh(net, |source| self.tree(net, source, |_, some| some))
    }

    /// Cost of the ways from a place to the pins of a net, whose columns `edit` may change.
    fn tree(&self, net: usize, from: Place, edit: impl Fn(usize, u64) -> u64) -> i64 {
        let own = 1u64 << from.bit;
        let mut spanned = 1u64 << from.x;
        let mut total = 0;
        for (x, some) in self.some[net * self.stride..][..self.grid.width].iter().enumerate() {
            let some = edit(x, some.wide());
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
        let (ax, bx, stride) = (usize::from(a.x), usize::from(b.x), self.stride);
        let nets = self.problem.received.row(v as usize);
        scratch.grow(nets.len());
        let (mut leaving, mut entering) = (0, 0);
        for &net in nets {
            let start = net as usize * stride;
            scratch.leaving[leaving] = net;
            leaving += (self.one[start + ax].wide() >> a.bit & 1) as usize;
            scratch.entering[entering] = net;
            entering += (self.some[start + bx].wide() >> b.bit & 1 ^ 1) as usize;
        }
        let mut delta = 0;
        for &net in &scratch.leaving[..leaving] {
            let net = net as usize;
            let before = self.some[net * stride + ax].wide();
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
                let gone = if x == ax { self.one[net * stride + x].wide() & off } else { 0 };
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
            let gone = self.one[net * stride + ax].wide() & off;
            let rest = self.some[net * stride + ax].wide() & !gone;
            let before = if ax == bx { rest } else { self.some[net * stride + bx].wide() };
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
        if M::UNICAST {
            return self.way(source, at);
        }
        let (own, home) = (1u64 << source.bit, 1u64 << source.x);
        let column = |bits: u64| self.metric.column(at.x.into(), low(bits), source.bit.into(), high(bits));
        let row = |bits: u64| self.metric.row(source.bit.into(), low(bits), source.x.into(), high(bits));
        let (bits, spanned) = (some | own, columns | home);
        column(bits | 1 << at.bit) - column(bits) + row(spanned | 1 << at.x) - row(spanned)
    }

    /// Moves a vertex, given what [`Self::eval`] says of it.
    pub(crate) fn apply(&mut self, v: u32, to: u16, delta: i64) {
        let from = std::mem::replace(&mut self.core[v as usize], to);
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

    #[inline]
    fn put(&mut self, net: usize, core: u16) {
        let place = self.places[core as usize];
        let count = &mut self.counts[net * self.load.len() + core as usize];
        *count += 1;
        if let Some(held) = &mut self.held {
            held.change(core.into(), self.problem.sources.row(net).len() as u64, *count - 1, *count);
        }
        let (bit, at) = (1u64 << place.bit, net * self.stride + usize::from(place.x));
        match *count {
            1 => {
                self.some[at] = W::narrow(self.some[at].wide() | bit);
                self.one[at] = W::narrow(self.one[at].wide() | bit);
                self.heads[net].columns |= 1 << place.x;
            }
            2 => self.one[at] = W::narrow(self.one[at].wide() & !bit),
            _ => {}
        }
    }

    #[inline]
    fn take(&mut self, net: usize, core: u16) {
        let place = self.places[core as usize];
        let count = &mut self.counts[net * self.load.len() + core as usize];
        *count -= 1;
        if let Some(held) = &mut self.held {
            held.change(core.into(), self.problem.sources.row(net).len() as u64, *count + 1, *count);
        }
        let (bit, at) = (1u64 << place.bit, net * self.stride + usize::from(place.x));
        match *count {
            0 => {
                self.some[at] = W::narrow(self.some[at].wide() & !bit);
                self.one[at] = W::narrow(self.one[at].wide() & !bit);
                self.heads[net].columns &= !(u64::from(self.some[at].wide() == 0) << place.x);
            }
            1 => self.one[at] = W::narrow(self.one[at].wide() | bit),
            _ => {}
        }
    }

    /// Whether [`Self::everywhere`] can be asked: at most 8 x 8 routers of one core, all links alike, multicast.
    pub(crate) fn is_small(&self) -> bool {
        M::UNIT && self.grid.width <= 8 && self.grid.bits() <= 8
    }

    /// Costs of vertex `v` on each core, by column and row (8 of each), up to a constant.
    pub(crate) fn everywhere(&self, v: u32, costs: &mut [i64; 64]) {
        everywhere(self, v, costs);
    }

    /// Whether the nets are more than a core's caches hold.
    pub(crate) fn is_large(&self) -> bool {
        self.some.len() > 1 << 20
    }

    /// Work of an evaluation: visits of nets, which take longer where caches miss, and a fixed part.
    #[inline]
    pub(crate) fn work(&self, v: u32) -> u64 {
        let visits = 12
            + self.problem.received.row(v as usize).len() as u64
            + 2 * (self.problem.sent.row(v as usize).len() * self.grid.width) as u64;
        if self.is_large() { 3 * visits } else { visits }
    }
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

/// A row of bytes, one a row or column of a small mesh, the first lowest.
const fn bytes_of(f: [u8; 8]) -> u64 {
    u64::from_le_bytes(f)
}

/// What a pin adds to a column that has the bits of the index: a byte for each row.
static ADDED: [u64; 256] = {
    let mut table = [0; 256];
    let mut bits = 1usize;
    while bits < 256 {
        let (low, high) = (bits.trailing_zeros(), 31 - (bits as u32).leading_zeros());
        let mut row = [0; 8];
        let mut y = 0;
        while y < 8 {
            row[y as usize] = (low.saturating_sub(y) + y.saturating_sub(high)) as u8;
            y += 1;
        }
        table[bits] = bytes_of(row);
        bits += 1;
    }
    table
};

/// From the lowest to the highest bit of the index with one bit more: a byte for each.
static SPAN: [u64; 256] = {
    let mut table = [0; 256];
    let mut bits = 0usize;
    while bits < 256 {
        let mut row = [0; 8];
        let mut y = 0;
        while y < 8 {
            let with = bits as u32 | 1 << y;
            row[y] = (31 - with.leading_zeros() - with.trailing_zeros()) as u8;
            y += 1;
        }
        table[bits] = bytes_of(row);
        bits += 1;
    }
    table
};

/// Nets whose costs add up within 32 bits: a rate is [`MOST_RATE`] at the most, a pin adds 14 links at the most.
const ADDABLE: usize = 1000;
/// A byte, eight times.
const EVERY: u64 = 0x0101_0101_0101_0101;

/// Adds what a pin on each core adds to the tree of a source at `from`; a byte of `some` is a column.
#[inline(always)]
fn add_everywhere(sums: &mut [u32; 64], some: u64, columns: u64, rate: u32, from: Place) {
    let mut links = [0; 64];
    let own = some | EVERY << from.bit;
    let across = ADDED[(columns as u8 | 1 << from.x) as usize];
    for x in 0..8 {
        let column = ADDED[(own >> (8 * x) & 255) as usize] + (across >> (8 * x) & 255) * EVERY;
        links[8 * x..8 * x + 8].copy_from_slice(&column.to_le_bytes());
    }
    for (sum, links) in sums.iter_mut().zip(std::hint::black_box(&links)) {
        *sum = sum.wrapping_add(rate.wrapping_mul(u32::from(*links)));
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+fma", "x86_64+sse4.1"))]
fn everywhere<W: Word, M: Metric>(state: &State<'_, W, M>, v: u32, costs: &mut [i64; 64]) {
    let here = state.places[state.core[v as usize] as usize];
    let (ax, off) = (usize::from(here.x), 1u64 << (8 * here.x + here.bit));
    *costs = [0; 64];
    let pins = |net: usize| W::row(&state.some[net * state.stride..][..8]);
    // Columns of a net without the vertex's own pin, and which have pins.
    let without = |net: usize| {
        let one = state.one[net * state.stride + ax].wide() << (8 * ax) & off;
        let some = pins(net) & !one;
        (some, state.heads[net].columns & !(u64::from(some >> (8 * ax) & 255 == 0) << ax))
    };
    for nets in state.problem.received.row(v as usize).chunks(ADDABLE) {
        let mut sums = [0u32; 64];
        for &net in nets {
            let net = net as usize;
            let (some, columns) = without(net);
            let head = &state.heads[net];
            if head.rate.wrapping_sub(1) < MOST_RATE {
                add_everywhere(&mut sums, some, columns, head.rate, head.source);
                continue;
            }
            // Several sources, or joined ones, can be more than 32 bits hold; such nets are few.
            let mut add = |rate: i64, from: Place| {
                let mut own = [0u32; 64];
                add_everywhere(&mut own, some, columns, 1, from);
                costs.iter_mut().zip(&own).for_each(|(cost, links)| *cost += rate * i64::from(*links));
            };
            if head.rate > 0 {
                add(head.rate.into(), head.source);
            }
            for &(core, rate) in &state.many[net] {
                add(rate as i64, state.places[core as usize]);
            }
        }
        costs.iter_mut().zip(&sums).for_each(|(cost, sum)| *cost += i64::from(*sum));
    }
    for sent in state.problem.sent.row(v as usize) {
        let net = sent.net as usize;
        let rate = i64::from(sent.rate);
        let (mut some, mut columns) = (pins(net), state.heads[net].columns);
        if sent.is_pin {
            // Its pins were counted as if the source stayed.
            (some, columns) = without(net);
            let mut links = [0u32; 64];
            add_everywhere(&mut links, some, columns, 1, here);
            for (cost, links) in costs.iter_mut().zip(&links) {
                *cost -= rate * i64::from(*links);
            }
        }
        let up: u64 = some.to_le_bytes().iter().map(|bits| SPAN[usize::from(*bits)]).sum();
        let across = SPAN[usize::from(columns as u8)].to_le_bytes();
        for (costs, across) in costs.chunks_exact_mut(8).zip(across) {
            let links = (up + u64::from(across) * EVERY).to_le_bytes();
            costs.iter_mut().zip(links).for_each(|(cost, links)| *cost += rate * i64::from(links));
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
mod tests {
    use super::*;
    use crate::list::Lists;
    use crate::metric::{LinkPrices, Priced, Unit, UnitUnicast};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A problem as the user gives it, a mesh and moves. The first vertex has the largest rate, so that rate units are 1.
    #[derive(Clone, Debug)]
    struct Case {
        targets: Vec<Vec<u32>>,
        rates: Vec<u32>,
        sizes: Vec<u32>,
        pinned: Vec<bool>,
        size: (usize, usize, usize),
        /// Prices to the east, west, north and south, by router.
        prices: [Vec<i64>; 4],
        start: Vec<u16>,
        moves: Vec<(u32, u16)>,
    }

    fn mesh() -> impl Strategy<Value = (usize, usize, usize)> {
        prop_oneof![
            4 => (1usize..=8, 1usize..=8, Just(1usize)),
            2 => (1usize..=5, 1usize..=5, 2usize..=4),
            1 => Just((20, 10, 1)),
            1 => prop_oneof![Just((3, 30, 1)), Just((64, 64, 1)), Just((2, 32, 2))],
        ]
    }

    /// Vertices choose among few rows of targets, so that nets have several sources.
    fn case() -> impl Strategy<Value = Case> {
        (mesh(), 1usize..12).prop_flat_map(|(size, n)| {
            let (width, height, each) = size;
            let cores = (width * height * each) as u16;
            let v = 0..n as u32;
            let prices = || prop::collection::vec(0i64..50, width * height);
            let rows = prop::collection::vec(prop::collection::btree_set(v.clone(), 0..=n.min(6)), 1..5);
            let vertices =
                prop::collection::vec((0usize..5, 1u32..=1 << 18, 0u32..5, any::<bool>(), 0..cores), n);
            let moves = prop::collection::vec((v, 0..cores), 0..25);
            (rows, vertices, [prices(), prices(), prices(), prices()], moves).prop_map(
                move |(rows, vertices, prices, moves)| {
                    let rows: Vec<Vec<u32>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
                    let mut rates: Vec<u32> = vertices.iter().map(|v| v.1).collect();
                    rates[0] = 1 << 18;
                    Case {
                        targets: vertices.iter().map(|v| rows[v.0 % rows.len()].clone()).collect(),
                        rates,
                        sizes: vertices.iter().map(|v| v.2).collect(),
                        pinned: vertices.iter().map(|v| v.3).collect(),
                        size,
                        prices,
                        start: vertices.iter().map(|v| v.4).collect(),
                        moves,
                    }
                },
            )
        })
    }

    impl Case {
        fn problem(&self) -> Problem {
            let rates: Vec<f64> = self.rates.iter().map(|r| f64::from(*r)).collect();
            let places =
                self.pinned.iter().zip(&self.start).map(|(pinned, at)| pinned.then_some(u32::from(*at)));
            let mut problem = Problem::new(Lists::from_rows(self.targets.clone()), &rates, places.collect());
            problem.sizes.clone_from(&self.sizes);
            problem
        }

        fn grid(&self) -> Grid {
            Grid::new(self.size.0, self.size.1, self.size.2, 10)
        }

        fn link_prices(&self) -> LinkPrices {
            let [east, west, north, south] = self.prices.clone();
            LinkPrices { east, west, north, south }
        }

        /// The cost, link by link: along the row, then along the column.
        fn oracle(&self, core: &[u16], prices: &[Vec<i64>; 4], unicast: bool) -> i64 {
            let (width, _, each) = self.size;
            let mut total = 0;
            for (u, row) in self.targets.iter().enumerate() {
                let cores: BTreeSet<u16> = row.iter().map(|t| core[*t as usize]).collect();
                let mut links = Vec::new();
                for to in cores {
                    let mut at = usize::from(core[u]) / each;
                    let to = usize::from(to) / each;
                    while at != to {
                        let (x, y, tx, ty) = (at % width, at / width, to % width, to / width);
                        let (way, next) = match (tx.cmp(&x), ty.cmp(&y)) {
                            (std::cmp::Ordering::Greater, _) => (0, at + 1),
                            (std::cmp::Ordering::Less, _) => (1, at - 1),
                            (_, std::cmp::Ordering::Greater) => (2, at + width),
                            _ => (3, at - width),
                        };
                        links.push((at, way));
                        at = next;
                    }
                }
                if !unicast {
                    links = links.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
                }
                let price: i64 = links.iter().map(|&(at, way)| prices[way][at]).sum();
                total += i64::from(self.rates[u]) * price;
            }
            total
        }
    }

    fn check<W: Word, M: Metric>(case: &Case, metric: M, prices: &[Vec<i64>; 4]) -> Result<(), TestCaseError> {
        let (problem, grid) = (case.problem(), case.grid());
        let oracle = |core: &[u16]| case.oracle(core, prices, M::UNICAST);
        let mut state: State<'_, W, M> = State::new(&problem, &grid, metric, case.start.clone());
        let mut scratch = Scratch::default();
        prop_assert_eq!(state.cost, oracle(&state.core));
        for &(v, to) in &case.moves {
            let mut moved = state.core.clone();
            moved[v as usize] = to;
            let change = oracle(&moved) - state.cost;
            prop_assert_eq!(state.eval(v, to, i64::MAX, &mut scratch), Some(change));
            for limit in [change - 1, change, change + 1, change / 2, 0, 1, i64::MIN] {
                let known = state.eval(v, to, limit, &mut scratch);
                prop_assert_eq!(known, (change < limit).then_some(change), "limit {}", limit);
            }
            if state.is_small() {
                let mut costs = [0; 64];
                state.everywhere(v, &mut costs);
                let cost = |core: u16| {
                    let place = grid.place(core.into());
                    costs[8 * usize::from(place.x) + usize::from(place.bit)]
                };
                let here = cost(state.core[v as usize]);
                for core in 0..grid.cores() as u16 {
                    let known = state.eval(v, core, i64::MAX, &mut scratch);
                    prop_assert_eq!(Some(cost(core) - here), known, "core {}", core);
                }
            }
            state.apply(v, to, change);
            prop_assert_eq!(&state.core, &moved);
            prop_assert_eq!(state.cost, state.recounted());
        }
        for core in 0..grid.cores() {
            let there = state.core.iter().zip(&case.sizes).filter(|(c, _)| usize::from(**c) == core);
            prop_assert_eq!(state.load[core], there.map(|(_, size)| *size).sum::<u32>());
        }
        Ok(())
    }

    /// With the narrowest words and the widest.
    fn check_words<M: Metric + Clone>(
        case: &Case,
        metric: M,
        prices: &[Vec<i64>; 4],
    ) -> Result<(), TestCaseError> {
        match case.grid().bits() {
            ..=8 => check::<u8, M>(case, metric.clone(), prices)?,
            9..=16 => check::<u16, M>(case, metric.clone(), prices)?,
            17..=32 => check::<u32, M>(case, metric.clone(), prices)?,
            _ => {}
        }
        check::<u64, M>(case, metric, prices)
    }

    proptest! {
        #[test]
        fn the_cost_kept_is_that_of_trees_walked_link_by_link(case in case()) {
            let routers = case.size.0 * case.size.1;
            let ones = [(); 4].map(|()| vec![1; routers]);
            let (grid, uniform) = (case.grid(), LinkPrices::uniform(&case.grid(), 1, 1));
            if case.size.2 == 1 {
                check_words(&case, Unit, &ones)?;
                check_words(&case, UnitUnicast, &ones)?;
            }
            check_words(&case, Priced::<false>::new(&grid, &uniform), &ones)?;
            check_words(&case, Priced::<false>::new(&grid, &case.link_prices()), &case.prices)?;
            check_words(&case, Priced::<true>::new(&grid, &case.link_prices()), &case.prices)?;
        }

        #[test]
        fn axons_and_words_held_are_those_counted_neuron_by_neuron(
            case in case(),
            steps in prop::collection::vec(0u64..9, 1..5),
            in_axons in 0u64..8, words in 0u64..60,
        ) {
            let (problem, grid) = (case.problem(), case.grid());
            let mut row_words = vec![0];
            steps.iter().for_each(|step| row_words.push(row_words[row_words.len() - 1] + step));
            let limits = Limits { in_axons, words, row_words: row_words.clone(), groups: Vec::new() };
            let mut state: State<'_, u64, Priced<false>> =
                State::new(&problem, &grid, Priced::new(&grid, &case.link_prices()), case.start.clone())
                    .limited(&limits);
            let of_row = |pins: usize| match row_words.get(pins) {
                Some(words) => *words,
                // In proportion to the longest row named, rounded up.
                None => (row_words[row_words.len() - 1] * pins as u64).div_ceil(row_words.len() as u64 - 1),
            };
            for step in 0..=case.moves.len() {
                for core in 0..grid.cores() as u16 {
                    let pins = |row: &Vec<u32>| row.iter().filter(|t| state.core[**t as usize] == core).count();
                    let rows: Vec<usize> = case.targets.iter().map(pins).filter(|pins| *pins > 0).collect();
                    let (axons, words) = (rows.len() as u64, rows.iter().map(|pins| of_row(*pins)).sum::<u64>());
                    let held = state.held.as_ref().expect("limits are kept");
                    prop_assert_eq!((held.axons[usize::from(core)], held.words[usize::from(core)]), (axons, words));
                    prop_assert_eq!(state.keeps_limits(core), axons <= limits.in_axons && words <= limits.words);
                }
                if let Some(&(v, to)) = case.moves.get(step) {
                    state.apply(v, to, 0);
                }
            }
        }
    }

    /// Vertices that join others' groups only, and no empty core.
    #[test]
    fn a_vertex_joins_its_own_group_alone() {
        let targets = Lists::from_rows([vec![1], vec![0], vec![], vec![]]);
        let problem = Problem::new(targets, &[1.0; 4], vec![None, None, None, Some(2)]);
        let grid = Grid::new(2, 2, 1, 4);
        let limits = Limits { groups: vec![7, 8, 7, 9], ..Limits::default() };
        let state: State<'_, u8, Unit> = State::new(&problem, &grid, Unit, vec![0, 1, 0, 2]).limited(&limits);
        let allowed = |v: u32| (0..4).filter(|to| state.may_join(v, *to)).collect::<Vec<u16>>();
        assert_eq!([0, 1, 2].map(allowed), [vec![0], vec![1], vec![0]]);
    }

    /// Layers of equal rates that are joined to one vertex send more than 32 bits hold.
    #[test]
    fn joined_sources_may_send_more_than_32_bits_hold() {
        for layer in [50u32, 10_000, 20_000] {
            let n = 3 * layer + 1;
            let target = n - 1;
            let rows = (0..n).map(|v| if v == target { vec![] } else { vec![v / layer * layer, target] });
            let fine = Problem::new(Lists::from_rows(rows), &vec![1.0; n as usize], vec![None; n as usize]);
            let cluster: Vec<u32> = (0..n).map(|v| v / layer).collect();
            let coarse = fine.coarsened(&cluster, 4);
            let grid = Grid::new(8, 8, 1, 1 << 20);
            let start = vec![0, 9, 17, 63];
            let lifted: Vec<u16> = cluster.iter().map(|c| start[*c as usize]).collect();
            let same: State<'_, u8, Unit> = State::new(&fine, &grid, Unit, lifted);
            let state: State<'_, u8, Unit> = State::new(&coarse, &grid, Unit, start);
            assert_eq!(state.cost, same.cost, "{layer} joined");
            let mut costs = [0; 64];
            state.everywhere(3, &mut costs);
            for to in 0..64 {
                let place = grid.place(to);
                let change = costs[8 * usize::from(place.x) + usize::from(place.bit)] - costs[63];
                let known = state.eval(3, to as u16, i64::MAX, &mut Scratch::default());
                assert_eq!(Some(change), known, "{layer} joined, core {to}");
            }
        }
    }

    /// A core counts pins of a net without an end.
    #[test]
    fn a_core_holds_more_pins_of_a_net_than_16_bits_count() {
        let n = 70_000;
        let rows = (0..n).map(|v| if v == 0 { (1..n).collect() } else { vec![] });
        let problem = Problem::new(Lists::from_rows(rows), &vec![1.0; n as usize], vec![None; n as usize]);
        let grid = Grid::new(2, 1, 1, n);
        let mut state: State<'_, u8, Unit> = State::new(&problem, &grid, Unit, vec![0; n as usize]);
        // All but a few of the pins on core 0 are taken off again.
        for v in 1..n - 10 {
            let change = state.eval(v, 1, i64::MAX, &mut Scratch::default()).expect("no limit");
            state.apply(v, 1, change);
        }
        assert_eq!(state.cost, state.recounted());
        assert_eq!(state.cost, 1 << 18);
        assert_eq!(state.eval(0, 1, i64::MAX, &mut Scratch::default()), Some(0));
    }
}
