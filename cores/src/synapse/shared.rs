//! Rows that axons share: a row is stored once and an axon is (row, base), its targets being the row's plus the base.
//!
//! ```text
//! axon 0 -> (row 3, base 17)      row 3: word of target 0, word of target 1, word of target 16, ...
//! axon 1 -> (row 3, base 18)             the words and the shift of a row are those of sparse rows
//! axon 2 -> (row 5, base 18)
//! ```
//! The rows of a convolution's sources are translations of each other but for the borders, so a kernel takes the memory
//! of a few rows however large the map is.

use super::sparse::{SHIFT_MOST, TARGET_LIMIT, mantissas, pack, unpack};
use super::{AccumulatorRing, DELAY_MOST, Synapse, SynapseError, SynapseStore};
use crate::{AxonId, NeuronId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Where an axon's synapses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AxonRow {
    row: u32,
    /// Added to every target of the row.
    base: u32,
}

/// Distinct rows of 9-bit mantissas with a shift for each, and axons that point to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedRows {
    neurons: u32,
    max_delay: u32,
    /// Where each row starts; one more than there are rows.
    offsets: Vec<u32>,
    shifts: Vec<u8>,
    /// Targets are relative to the base of an axon.
    words: Vec<u32>,
    axons: Vec<AxonRow>,
}

/// Collects rows and finds those that are translations of earlier ones.
#[derive(Debug)]
pub struct SharedRowsBuilder {
    rows: SharedRows,
    /// Rows by (shift, words). It only finds them again; their numbers are in order of first use.
    known: HashMap<(u8, Vec<u32>), u32>,
}

impl SharedRows {
    /// A builder for a core of `neurons` neurons.
    pub fn builder(neurons: u32) -> SharedRowsBuilder {
        let rows = SharedRows { neurons, offsets: vec![0], ..SharedRows::default() };
        SharedRowsBuilder { rows, known: HashMap::new() }
    }

    /// Number of distinct rows.
    pub fn row_count(&self) -> usize {
        self.shifts.len()
    }

    /// Synapses of the distinct rows; [`SynapseStore::synapse_count`] counts those of all axons.
    pub fn stored_synapses(&self) -> u64 {
        self.words.len() as u64
    }

    /// Checks what deserialised data promises: offsets within bounds and ascending, axons that name rows, targets
    /// within a core of `neurons` neurons whatever the base.
    ///
    /// # Errors
    /// The first broken promise.
    pub(crate) fn validate(&self, neurons: usize) -> Result<(), SynapseError> {
        let rows = self.shifts.len();
        for (what, value, most) in [
            ("the number of neurons of the store", self.neurons as usize, neurons),
            ("the longest delay", self.max_delay as usize, usize::from(DELAY_MOST)),
            ("the number of row offsets", self.offsets.len(), rows + 1),
        ] {
            if value > most {
                return Err(SynapseError::beyond(what, value, most));
            }
        }
        if (self.neurons as usize, self.offsets.len()) != (neurons, rows + 1) || self.neurons > TARGET_LIMIT {
            return Err(SynapseError::beyond(
                "the number of neurons of the store",
                self.neurons as usize,
                neurons,
            ));
        }
        if self.offsets[0] != 0
            || self.offsets.windows(2).any(|w| w[0] > w[1])
            || self.offsets[rows] as usize != self.words.len()
        {
            return Err(SynapseError::beyond(
                "the last row offset",
                self.offsets[rows] as usize,
                self.words.len(),
            ));
        }
        if let Some(&shift) = self.shifts.iter().find(|s| **s > SHIFT_MOST) {
            return Err(SynapseError::beyond("a row's shift", usize::from(shift), usize::from(SHIFT_MOST)));
        }
        // The largest base of each row; a row without an axon still has targets within the core.
        let mut bases = vec![0; rows];
        for axon in &self.axons {
            let Some(base) = bases.get_mut(axon.row as usize) else {
                return Err(SynapseError::beyond(
                    "the row of an axon",
                    axon.row as usize,
                    rows.saturating_sub(1),
                ));
            };
            // An empty row has no target that would give a bad base away.
            if axon.base > self.neurons {
                return Err(SynapseError::beyond("the base of an axon", axon.base as usize, neurons));
            }
            *base = axon.base.max(*base);
        }
        for (row, &base) in bases.iter().enumerate() {
            for &word in self.row_words(row) {
                let synapse = unpack(word, 0);
                if u64::from(synapse.target.0) + u64::from(base) >= u64::from(self.neurons) {
                    let target = synapse.target.0.saturating_add(base);
                    return Err(SynapseError::Target { target, neurons: self.neurons });
                }
                if u32::from(synapse.delay) > self.max_delay {
                    return Err(SynapseError::beyond(
                        "a delay",
                        usize::from(synapse.delay),
                        self.max_delay as usize,
                    ));
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn row_words(&self, row: usize) -> &[u32] {
        &self.words[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    #[inline]
    fn axon(&self, axon: AxonId) -> (&[u32], u8, u32) {
        let AxonRow { row, base } = self.axons[axon.0 as usize];
        (self.row_words(row as usize), self.shifts[row as usize], base)
    }
}

impl SharedRowsBuilder {
    /// Adds a row of (target, mantissa -256..=255, delay 0..=63) with a shift 0..=22; returns its axon. Rows are shared
    /// if they differ in their lowest target alone, synapses being in the same order.
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
        let synapses: Vec<_> = synapses.into_iter().collect();
        if let Some(bad) = synapses.iter().find(|s| s.0.0 >= rows.neurons) {
            return Err(SynapseError::Target { target: bad.0.0, neurons: rows.neurons });
        }
        let base = synapses.iter().map(|s| s.0.0).min().unwrap_or(0);
        let words = synapses.iter().map(|&(target, mantissa, delay)| pack(target.0 - base, mantissa, delay));
        let words: Vec<u32> = words.collect::<Result<_, _>>()?;
        let longest = synapses.iter().map(|s| u32::from(s.2)).max().unwrap_or(0);
        rows.max_delay = rows.max_delay.max(longest);
        let row = *self.known.entry((shift, words)).or_insert_with_key(|(shift, words)| {
            rows.words.extend_from_slice(words);
            rows.offsets.push(rows.words.len() as u32);
            rows.shifts.push(*shift);
            rows.shifts.len() as u32 - 1
        });
        rows.axons.push(AxonRow { row, base });
        Ok(AxonId(rows.axons.len() as u32 - 1))
    }

    /// Adds a row of effective weights, finding the shift that represents all of them exactly.
    ///
    /// # Errors
    /// [`SynapseError::NoShift`] if there is none, else as [`SharedRowsBuilder::push_row`].
    pub fn push_effective_row(&mut self, synapses: &[Synapse]) -> Result<AxonId, SynapseError> {
        let (shift, mantissas) = mantissas(synapses)?;
        self.push_row(shift, mantissas)
    }

    /// The finished store.
    pub fn build(self) -> SharedRows {
        self.rows
    }
}

impl SynapseStore for SharedRows {
    fn axon_count(&self) -> usize {
        self.axons.len()
    }

    fn synapse_count(&self) -> u64 {
        self.axons.iter().map(|axon| self.row_words(axon.row as usize).len() as u64).sum()
    }

    fn memory_bytes(&self) -> u64 {
        let words = self.words.len() + self.offsets.len() + 2 * self.axons.len();
        4 * words as u64 + self.shifts.len() as u64
    }

    fn max_delay(&self) -> u32 {
        self.max_delay
    }

    fn deliver(&self, axon: AxonId, payload: i32, delay_slot: u32, ring: &mut AccumulatorRing) -> u64 {
        let (words, shift, base) = self.axon(axon);
        let factor = payload.wrapping_shl(u32::from(shift));
        let (later, base) = (delay_slot as usize, base as usize);
        let add = |slot: &mut [i32], word: u32| {
            let synapse = unpack(word, 0);
            let sum = &mut slot[synapse.target.0 as usize];
            *sum = sum.wrapping_add(synapse.weight.wrapping_mul(factor));
        };
        if self.max_delay == 0 {
            let slot = &mut ring.slot_mut(later)[base..];
            words.iter().for_each(|&word| add(slot, word));
        } else {
            for &word in words {
                add(&mut ring.slot_mut(later + usize::from(unpack(word, 0).delay))[base..], word);
            }
        }
        words.len() as u64
    }

    fn row_len(&self, axon: AxonId) -> usize {
        self.axon(axon).0.len()
    }

    fn visit(&self, axon: AxonId, visit: &mut dyn FnMut(Synapse)) {
        let (words, shift, base) = self.axon(axon);
        for &word in words {
            let synapse = unpack(word, shift);
            visit(Synapse { target: NeuronId(synapse.target.0 + base), ..synapse });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SparseRows;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_synapses_are_refused_whole() {
        let mut builder = SharedRows::builder(4);
        assert!(builder.push_row(0, [(NeuronId(0), 1, 0), (NeuronId(4), 1, 0)]).is_err());
        assert!(builder.push_row(0, [(NeuronId(0), 256, 0)]).is_err());
        assert!(builder.push_row(0, [(NeuronId(0), 1, 64)]).is_err());
        assert!(builder.push_row(23, []).is_err());
        let weights = [1, 512].map(|weight| Synapse { target: NeuronId(0), weight, delay: 0 });
        assert_eq!(builder.push_effective_row(&weights), Err(SynapseError::NoShift));
        let store = builder.build();
        assert_eq!((store.axon_count(), store.row_count(), store.stored_synapses()), (0, 0, 0));
    }

    #[test]
    fn a_store_that_lies_is_refused() {
        let mut builder = SharedRows::builder(9);
        builder.push_row(2, [(NeuronId(3), 5, 7), (NeuronId(8), -5, 0)]).unwrap();
        builder.push_row(2, [(NeuronId(0), 5, 7), (NeuronId(5), -5, 0)]).unwrap();
        let good = builder.build();
        assert_eq!((good.row_count(), good.validate(9)), (1, Ok(())));
        assert!(good.validate(8).is_err() && good.validate(10).is_err());
        let lies: &[fn(&mut SharedRows)] = &[
            |s| s.axons[0].row = 1,
            |s| s.axons[1].base = 4,
            |s| s.axons[1].base = u32::MAX,
            |s| s.max_delay = 6,
            |s| s.max_delay = 64,
            |s| s.shifts[0] = 23,
            |s| s.offsets[1] = 3,
            |s| s.offsets.clear(),
            |s| s.offsets = vec![0, 2, 1],
            |s| s.words.push(0),
            |s| (s.offsets, s.words, s.axons[0].base) = (vec![0, 0], Vec::new(), 10),
        ];
        for (i, lie) in lies.iter().enumerate() {
            let mut store = good.clone();
            lie(&mut store);
            assert!(store.validate(9).is_err(), "lie {i}");
        }
    }

    #[test]
    fn a_convolution_stores_its_kernel_a_few_times() {
        // A 3 x 3 kernel over a map of 20 x 20 with zeros around it: a row for each border and corner, and one inside.
        let (side, kernel) = (20i32, [[1i16, 2, 3], [4, 5, 6], [7, 8, 9]]);
        let mut builder = SharedRows::builder(400);
        let mut synapses = 0;
        for source in 0..side * side {
            let (y, x) = (source / side, source % side);
            let mut row = Vec::new();
            for (dy, weights) in kernel.iter().rev().enumerate() {
                for (dx, &weight) in weights.iter().rev().enumerate() {
                    let (ty, tx) = (y + dy as i32 - 1, x + dx as i32 - 1);
                    if (0..side).contains(&ty) && (0..side).contains(&tx) {
                        row.push((NeuronId((ty * side + tx) as u32), weight, 0));
                    }
                }
            }
            synapses += row.len() as u64;
            builder.push_row(0, row).unwrap();
        }
        let store = builder.build();
        assert_eq!((store.axon_count(), store.row_count(), store.synapse_count()), (400, 9, synapses));
        assert_eq!(store.stored_synapses(), 9 + 4 * 6 + 4 * 4);
    }

    proptest! {
        /// The same rows in both stores read and deliver the same.
        #[test]
        fn shared_rows_equal_sparse_rows(
            rows in prop::collection::vec(
                (0u8..=13, prop::collection::vec((0u32..40, -256i16..=255, 0u8..=63), 0..9), 0usize..4), 1..12),
            effective in any::<bool>(), payload in -3i32..4, wait in 0u32..3,
        ) {
            let (mut shared, mut sparse) = (SharedRows::builder(44), SparseRows::builder(44));
            for (shift, row, copies) in &rows {
                // Translations of each row by 0 to 4 neurons.
                for base in 0..=*copies as u32 {
                    let moved = row.iter().map(|&(t, m, d)| (NeuronId(t + base), m, d));
                    if effective {
                        let moved: Vec<_> = moved
                            .map(|(target, m, delay)| Synapse { target, weight: i32::from(m) << shift, delay })
                            .collect();
                        prop_assert_eq!(shared.push_effective_row(&moved), sparse.push_effective_row(&moved));
                    } else {
                        prop_assert_eq!(shared.push_row(*shift, moved.clone()), sparse.push_row(*shift, moved));
                    }
                }
            }
            let (shared, sparse) = (shared.build(), sparse.build());
            prop_assert_eq!(shared.validate(44), Ok(()));
            prop_assert!(shared.row_count() <= rows.len());
            prop_assert_eq!(shared.synapse_count(), sparse.synapse_count());
            prop_assert_eq!(shared.max_delay(), sparse.max_delay());
            for axon in (0..sparse.axon_count() as u32).map(AxonId) {
                prop_assert_eq!(shared.row(axon), sparse.row(axon));
                prop_assert_eq!(shared.row_len(axon), sparse.row_len(axon));
                let mut rings = [(); 2].map(|()| AccumulatorRing::new(44, 66));
                let read = shared.deliver(axon, payload, wait, &mut rings[0]);
                prop_assert_eq!(read, sparse.deliver(axon, payload, wait, &mut rings[1]));
                let states = rings.each_ref().map(|ring| {
                    let mut words = Vec::new();
                    ring.state_words(&mut words);
                    words
                });
                prop_assert_eq!(&states[0], &states[1]);
            }
        }
    }
}
