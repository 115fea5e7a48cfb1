//! Sparse rows by axon, four bytes a synapse, or two where all synapses of a row have one weight and one delay.
//!
//! ```text
//! bit 31          23 22      17 16                       0
//!     [  mantissa 9  ][ delay 6 ][        target 17        ]     effective weight = mantissa << shift of the row
//! ```
//! Many rows are plainer than that: a projection has one delay, a random network one weight a source. A row whose delays
//! are equal is added to one slot of the ring; a row whose weights are equal too is a list of 16-bit targets.

use super::{AccumulatorRing, DELAY_MOST, Synapse, SynapseError, SynapseStore};
use crate::prefetch::prefetch;
use crate::{AxonId, NeuronId};
use serde::{Deserialize, Serialize};

const TARGET_BITS: u32 = 17;
const DELAY_BITS: u32 = 6;
/// The mantissa lies on top, so that a shift alone extends its sign.
const MANTISSA_PLACE: u32 = TARGET_BITS + DELAY_BITS;
pub(super) const TARGET_LIMIT: u32 = 1 << TARGET_BITS;
pub(super) const SHIFT_MOST: u8 = 22;

const MANTISSAS: std::ops::RangeInclusive<i16> = -256..=255;
/// Bytes in a line of the cache.
const LINE_BYTES: usize = 64;
/// Lines of a row that are touched.
const TOUCHED_LINES: usize = 4;

/// How the synapses of a row are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// Words, each with its delay.
    Words,
    /// Words of one delay.
    OneDelay,
    /// Targets of 16 bits; weight and delay are the row's.
    Targets,
}

/// Where a row lies and what its synapses have in common, together, because a short row costs little more than finding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    start: u32,
    len: u32,
    mantissa: i16,
    shift: u8,
    delay: u8,
    kind: Kind,
}

impl Row {
    #[inline]
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// Rows of 9-bit mantissas with a shift for each row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparseRows {
    neurons: u32,
    max_delay: u32,
    rows: Vec<Row>,
    words: Vec<u32>,
    targets: Vec<u16>,
}

/// Collects rows.
#[derive(Debug)]
pub struct SparseRowsBuilder {
    rows: SparseRows,
}

impl SparseRows {
    /// A builder for a core of `neurons` neurons.
    pub fn builder(neurons: u32) -> SparseRowsBuilder {
        SparseRowsBuilder { rows: SparseRows { neurons, ..SparseRows::default() } }
    }

    /// Checks what deserialised data promises: offsets within bounds and ascending, targets within a core of
    /// `neurons` neurons.
    ///
    /// # Errors
    /// The first broken promise.
    pub(crate) fn validate(&self, neurons: usize) -> Result<(), SynapseError> {
        if self.neurons as usize != neurons {
            return Err(SynapseError::beyond(
                "the number of neurons of the store",
                self.neurons as usize,
                neurons,
            ));
        }
        if self.max_delay > u32::from(DELAY_MOST) {
            return Err(SynapseError::beyond(
                "the longest delay",
                self.max_delay as usize,
                usize::from(DELAY_MOST),
            ));
        }
        // Rows lie one behind the other, each kind in its own array.
        let (mut words, mut targets) = (0, 0);
        for row in &self.rows {
            let next = if row.kind == Kind::Targets { &mut targets } else { &mut words };
            if row.range().start != *next {
                return Err(SynapseError::beyond("the start of a row", row.range().start, *next));
            }
            *next = row.range().end;
        }
        for (end, len) in [(words, self.words.len()), (targets, self.targets.len())] {
            if end != len {
                return Err(SynapseError::beyond("the end of the last row", end, len));
            }
        }
        for row in &self.rows {
            if row.shift > SHIFT_MOST {
                return Err(SynapseError::beyond("a row's shift", row.shift.into(), SHIFT_MOST.into()));
            }
            let mut fault = None;
            self.visit_row(*row, |synapse| {
                let one_delay = row.kind == Kind::Words || synapse.delay == row.delay;
                if synapse.target.0 >= self.neurons {
                    fault = Some(SynapseError::Target { target: synapse.target.0, neurons: self.neurons });
                } else if u32::from(synapse.delay) > self.max_delay || !one_delay {
                    fault =
                        Some(SynapseError::beyond("a delay", synapse.delay.into(), self.max_delay as usize));
                }
            });
            if let Some(fault) = fault {
                return Err(fault);
            }
            if row.kind == Kind::Targets && !MANTISSAS.contains(&row.mantissa) {
                let value = row.mantissa.into();
                return Err(SynapseError::Range { what: "a mantissa", value, least: -256, most: 255 });
            }
        }
        Ok(())
    }

    /// Brings near where a row lies, for [`SparseRows::touch`] some events later.
    #[inline]
    pub(crate) fn approach(&self, axon: AxonId) {
        prefetch(&self.rows, axon.0 as usize);
    }

    /// Brings near the beginning of a row; what follows the processor fetches ahead by itself.
    #[inline]
    pub(crate) fn touch(&self, axon: AxonId) {
        let row = self.rows[axon.0 as usize];
        if row.kind == Kind::Targets {
            touch(&self.targets, row);
        } else {
            touch(&self.words, row);
        }
    }

    #[inline]
    fn visit_row(&self, row: Row, mut visit: impl FnMut(Synapse)) {
        if row.kind == Kind::Targets {
            let (weight, delay) = (i32::from(row.mantissa) << row.shift, row.delay);
            let targets = self.targets[row.range()].iter();
            targets.for_each(|&target| visit(Synapse { target: NeuronId(target.into()), weight, delay }));
        } else {
            self.words[row.range()].iter().for_each(|&word| visit(unpack(word, row.shift)));
        }
    }
}

/// Brings the first lines of a row near.
#[inline]
fn touch<T>(items: &[T], row: Row) {
    for line in 0..TOUCHED_LINES {
        prefetch(items, row.start as usize + line * LINE_BYTES / size_of::<T>());
    }
}

/// The word of a synapse; `target` may be relative to a base, as in [`super::SharedRows`].
///
/// # Errors
/// A mantissa or delay that the word does not hold.
pub(super) fn pack(target: u32, mantissa: i16, delay: u8) -> Result<u32, SynapseError> {
    let range = |what, value: i64, least, most| SynapseError::Range { what, value, least, most };
    if !MANTISSAS.contains(&mantissa) {
        return Err(range("a mantissa", i64::from(mantissa), -256, 255));
    }
    if delay > DELAY_MOST {
        return Err(range("a delay", i64::from(delay), 0, i64::from(DELAY_MOST)));
    }
    Ok(((mantissa as u32) << MANTISSA_PLACE) | (u32::from(delay) << TARGET_BITS) | target)
}

/// The shift that represents all weights of a row exactly, and the row's (target, mantissa, delay) under it.
///
/// # Errors
/// There is none.
pub(super) fn mantissas(
    synapses: &[Synapse],
) -> Result<(u8, impl Iterator<Item = (NeuronId, i16, u8)>), SynapseError> {
    let common = synapses.iter().fold(0, |bits, s| bits | s.weight);
    let shift = if common == 0 { 0 } else { common.trailing_zeros().min(u32::from(SHIFT_MOST)) };
    if synapses.iter().any(|s| !(-256..=255).contains(&(s.weight >> shift))) {
        return Err(SynapseError::NoShift);
    }
    Ok((shift as u8, synapses.iter().map(move |s| (s.target, (s.weight >> shift) as i16, s.delay))))
}

fn mantissa(word: u32) -> i32 {
    word as i32 >> MANTISSA_PLACE
}

/// Calls `act` for each item, eight at a time, so that a short row has few branches.
#[inline(always)]
fn for_each_unrolled<T: Copy>(items: &[T], mut act: impl FnMut(T)) {
    let (chunks, rest) = items.as_chunks::<8>();
    for chunk in chunks {
        for &item in chunk {
            act(item);
        }
    }
    rest.iter().for_each(|&item| act(item));
}

#[inline]
pub(super) fn unpack(word: u32, shift: u8) -> Synapse {
    Synapse {
        target: NeuronId(word & (TARGET_LIMIT - 1)),
        weight: mantissa(word) << shift,
        delay: ((word >> TARGET_BITS) & ((1 << DELAY_BITS) - 1)) as u8,
    }
}

impl SparseRowsBuilder {
    /// Adds a row of (target, mantissa -256..=255, delay 0..=63) with a shift 0..=22; returns its axon.
    ///
    /// # Errors
    /// The first synapse that does not fit; the row is then not added.
    pub fn push_row(
        &mut self,
        shift: u8,
        synapses: impl IntoIterator<Item = (NeuronId, i16, u8)>,
    ) -> Result<AxonId, SynapseError> {
        let rows = &mut self.rows;
        if rows.neurons > TARGET_LIMIT {
            return Err(SynapseError::Neurons { neurons: rows.neurons, limit: TARGET_LIMIT });
        }
        if shift > SHIFT_MOST {
            return Err(SynapseError::beyond("a row's shift", usize::from(shift), usize::from(SHIFT_MOST)));
        }
        let start = rows.words.len();
        for (target, mantissa, delay) in synapses {
            let word = if target.0 < rows.neurons {
                pack(target.0, mantissa, delay)
            } else {
                Err(SynapseError::Target { target: target.0, neurons: rows.neurons })
            };
            match word {
                Ok(word) => rows.words.push(word),
                Err(error) => {
                    rows.words.truncate(start);
                    return Err(error);
                }
            }
            rows.max_delay = rows.max_delay.max(u32::from(delay));
        }
        let len = (rows.words.len() - start) as u32;
        let first = rows.words.get(start).map_or(0, |word| *word);
        let common = |bits: u32| rows.words[start..].iter().all(|word| (word ^ first) & bits == 0);
        let Synapse { weight, delay, .. } = unpack(first, 0);
        let mut row =
            Row { start: start as u32, len, mantissa: weight as i16, shift, delay, kind: Kind::Words };
        if rows.neurons <= 1 << 16 && common(!(TARGET_LIMIT - 1)) {
            (row.kind, row.start) = (Kind::Targets, rows.targets.len() as u32);
            rows.targets.extend(rows.words.drain(start..).map(|word| (word & (TARGET_LIMIT - 1)) as u16));
        } else if common(((1 << DELAY_BITS) - 1) << TARGET_BITS) {
            row.kind = Kind::OneDelay;
        }
        rows.rows.push(row);
        Ok(AxonId(rows.rows.len() as u32 - 1))
    }

    /// Adds a row of effective weights, finding the shift that represents all of them exactly.
    ///
    /// # Errors
    /// [`SynapseError::NoShift`] if there is none, else as [`SparseRowsBuilder::push_row`].
    pub fn push_effective_row(&mut self, synapses: &[Synapse]) -> Result<AxonId, SynapseError> {
        let (shift, mantissas) = mantissas(synapses)?;
        self.push_row(shift, mantissas)
    }

    /// The finished store.
    pub fn build(self) -> SparseRows {
        self.rows
    }
}

impl SynapseStore for SparseRows {
    fn axon_count(&self) -> usize {
        self.rows.len()
    }

    fn synapse_count(&self) -> u64 {
        (self.words.len() + self.targets.len()) as u64
    }

    fn max_delay(&self) -> u32 {
        self.max_delay
    }

    #[inline]
    fn deliver(&self, axon: AxonId, payload: i32, delay_slot: u32, ring: &mut AccumulatorRing) -> u64 {
        let row = self.rows[axon.0 as usize];
        let factor = payload.wrapping_shl(row.shift.into());
        let later = delay_slot as usize;
        match row.kind {
            Kind::Targets => {
                let slot = ring.slot_mut(later + usize::from(row.delay));
                let weight = i32::from(row.mantissa).wrapping_mul(factor);
                for_each_unrolled(&self.targets[row.range()], |target| {
                    let sum = &mut slot[usize::from(target)];
                    *sum = sum.wrapping_add(weight);
                });
            }
            Kind::OneDelay => {
                let slot = ring.slot_mut(later + usize::from(row.delay));
                for_each_unrolled(&self.words[row.range()], |word| {
                    let sum = &mut slot[(word & (TARGET_LIMIT - 1)) as usize];
                    *sum = sum.wrapping_add(mantissa(word).wrapping_mul(factor));
                });
            }
            Kind::Words => {
                let mut slots = ring.slots_mut(later);
                for_each_unrolled(&self.words[row.range()], |word| {
                    let synapse = unpack(word, 0);
                    let sum = slots.sum(synapse.delay.into(), synapse.target.0 as usize);
                    *sum = sum.wrapping_add(synapse.weight.wrapping_mul(factor));
                });
            }
        }
        row.len.into()
    }

    fn memory_bytes(&self) -> u64 {
        (size_of_val(&self.words[..]) + size_of_val(&self.targets[..]) + size_of_val(&self.rows[..])) as u64
    }

    fn row_len(&self, axon: AxonId) -> usize {
        self.rows[axon.0 as usize].len as usize
    }

    fn visit(&self, axon: AxonId, visit: &mut dyn FnMut(Synapse)) {
        self.visit_row(self.rows[axon.0 as usize], visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_synapses_are_refused_whole() {
        let mut builder = SparseRows::builder(4);
        assert!(builder.push_row(0, [(NeuronId(0), 1, 0), (NeuronId(4), 1, 0)]).is_err());
        assert!(builder.push_row(0, [(NeuronId(0), 256, 0)]).is_err());
        assert!(builder.push_row(0, [(NeuronId(0), 1, 64)]).is_err());
        assert!(builder.push_row(23, []).is_err());
        let weights = [1, 512].map(|weight| Synapse { target: NeuronId(0), weight, delay: 0 });
        assert_eq!(builder.push_effective_row(&weights), Err(SynapseError::NoShift));
        assert_eq!(builder.build().synapse_count(), 0);
    }

    proptest! {
        #[test]
        fn rows_read_back_and_deliver_what_they_hold(
            row in prop::collection::vec((0u32..40, -256i16..=255, 0u8..=63), 0..60),
            shift in 0u8..=13, payload in -3i32..4, wait in 0usize..3, alike in 0..3,
        ) {
            // Rows whose delays, or delays and weights, are equal are kept in other ways.
            let (_, mantissa, delay) = row.first().copied().unwrap_or_default();
            let row: Vec<_> = row.into_iter().map(|(t, m, d)| match alike {
                0 => (t, m, d),
                1 => (t, m, delay),
                _ => (t, mantissa, delay),
            }).collect();
            let mut builder = SparseRows::builder(40);
            builder.push_row(0, [(NeuronId(39), 7, 63)]).unwrap();
            let axon = builder.push_row(shift, row.iter().map(|&(t, m, d)| (NeuronId(t), m, d))).unwrap();
            let store = builder.build();
            prop_assert!(store.validate(40).is_ok());
            prop_assert!(store.validate(41).is_err());
            let read = store.row(axon);
            prop_assert_eq!(read.len(), store.row_len(axon));
            let mut ring = AccumulatorRing::new(40, 63 + 2);
            prop_assert_eq!(store.deliver(axon, payload, wait as u32, &mut ring), row.len() as u64);
            // A synapse of delay d (and delay slot w) acts d + w ticks after the current one, and at no other.
            for tick in 0..66usize {
                let mut wanted = [0i32; 40];
                for (synapse, &(t, m, d)) in read.iter().zip(&row) {
                    prop_assert_eq!(*synapse, Synapse { target: NeuronId(t), weight: i32::from(m) << shift, delay: d });
                    if usize::from(d) + wait == tick {
                        wanted[t as usize] += synapse.weight * payload;
                    }
                }
                prop_assert_eq!(ring.current(), &wanted[..]);
                ring.advance();
            }
        }
    }
}
