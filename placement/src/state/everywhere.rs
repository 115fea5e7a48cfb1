//! The cost of a vertex on all cores of a small mesh at once.
//!
//! A column is a byte, a net's columns a word of eight. What a pin adds to a column, in each of its rows, is an entry of a
//! table: eight bytes that are added to those of the row of columns and weighed by the rate, all cores together.

use super::{State, Word};
use crate::grid::Place;
use crate::metric::Metric;
use crate::problem::MOST_RATE;

impl<W: Word, M: Metric> State<'_, W, M> {
    /// Whether [`Self::everywhere`] can be asked: at most 8 x 8 routers of one core, all links alike, multicast.
    pub(crate) fn is_small(&self) -> bool {
        M::UNIT && self.grid.width <= 8 && self.grid.bits() <= 8
    }

    /// Costs of vertex `v` on each core, by column and row (8 of each), up to a constant.
    pub(crate) fn everywhere(&self, v: u32, costs: &mut [i64; 64]) {
        everywhere(self, v, costs);
        if self.problem.is_hinted() {
            for (core, place) in self.places.iter().enumerate() {
                costs[8 * usize::from(place.x) + usize::from(place.bit)] += self.hint(v, core as u16);
            }
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

/// What pins add, by column and row, and by column.
struct Sums {
    up: [u32; 64],
    across: [u32; 8],
}

impl Sums {
    const NONE: Self = Self { up: [0; 64], across: [0; 8] };

    /// Adds what a pin on each core adds to the tree of a source at `from`; a byte of `some` is a column.
    #[inline(always)]
    fn add(&mut self, some: u64, columns: u64, rate: u32, from: Place) {
        let own = some | EVERY << from.bit;
        let mut links = [0; 64];
        for (x, links) in links.chunks_exact_mut(8).enumerate() {
            links.copy_from_slice(&ADDED[(own >> (8 * x) & 255) as usize].to_le_bytes());
        }
        let across = ADDED[(columns as u8 | 1 << from.x) as usize].to_le_bytes();
        // Where the bytes are known to lie in memory, they are widened eight at once.
        let (links, across) = std::hint::black_box((&links, &across));
        for (sum, links) in self.up.iter_mut().zip(links) {
            *sum = sum.wrapping_add(rate.wrapping_mul(u32::from(*links)));
        }
        for (sum, links) in self.across.iter_mut().zip(across) {
            *sum = sum.wrapping_add(rate.wrapping_mul(u32::from(*links)));
        }
    }

    /// Adds these, times a factor, to costs by column and row.
    #[inline(always)]
    fn add_to(&self, costs: &mut [i64; 64], factor: i64) {
        for ((costs, up), across) in costs.chunks_exact_mut(8).zip(self.up.chunks_exact(8)).zip(&self.across) {
            costs.iter_mut().zip(up).for_each(|(cost, up)| *cost += factor * i64::from(up + across));
        }
    }

    /// What a pin on each core adds to the tree of one source.
    #[inline(always)]
    fn of(some: u64, columns: u64, from: Place) -> Self {
        let mut sums = Self::NONE;
        sums.add(some, columns, 1, from);
        sums
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+fma", "x86_64+sse4.1"))]
fn everywhere<W: Word, M: Metric>(state: &State<'_, W, M>, v: u32, costs: &mut [i64; 64]) {
    let here = state.places[state.core[v as usize] as usize];
    let (ax, off) = (usize::from(here.x), 1u64 << (8 * here.x + here.bit));
    *costs = [0; 64];
    let pins = |net: usize| W::row(&state.words[state.at(net, 0)..]);
    // Columns of a net without the vertex's own pin, and which have pins.
    let without = |net: usize| {
        let one = state.one(net, ax) << (8 * ax) & off;
        let some = pins(net) & !one;
        (some, state.heads[net].columns & !(u64::from(some >> (8 * ax) & 255 == 0) << ax))
    };
    for nets in state.problem.received.row(v as usize).chunks(ADDABLE) {
        let mut sums = Sums::NONE;
        for &net in nets {
            let net = net as usize;
            let (some, columns) = without(net);
            let head = &state.heads[net];
            if head.rate.wrapping_sub(1) < MOST_RATE {
                sums.add(some, columns, head.rate, head.source);
                continue;
            }
            // Several sources, or joined ones, can be more than 32 bits hold; such nets are few.
            if head.rate > 0 {
                Sums::of(some, columns, head.source).add_to(costs, head.rate.into());
            }
            for &(core, rate) in &state.many[net] {
                Sums::of(some, columns, state.places[core as usize]).add_to(costs, rate as i64);
            }
        }
        sums.add_to(costs, 1);
    }
    for sent in state.problem.sent.row(v as usize) {
        let net = sent.net as usize;
        let rate = i64::from(sent.rate);
        let (mut some, mut columns) = (pins(net), state.heads[net].columns);
        if sent.is_pin {
            // Its pins were counted as if the source stayed.
            (some, columns) = without(net);
            Sums::of(some, columns, here).add_to(costs, -rate);
        }
        let up: u64 = some.to_le_bytes().iter().map(|bits| SPAN[usize::from(*bits)]).sum();
        let across = SPAN[usize::from(columns as u8)].to_le_bytes();
        for (costs, across) in costs.chunks_exact_mut(8).zip(across) {
            let links = (up + u64::from(across) * EVERY).to_le_bytes();
            costs.iter_mut().zip(links).for_each(|(cost, links)| *cost += rate * i64::from(links));
        }
    }
}
