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
