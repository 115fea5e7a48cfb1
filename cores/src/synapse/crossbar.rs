//! A binary crossbar: one bit for each (axon, neuron), and a weight for each (axon type, neuron), as on TrueNorth
//! (Merolla et al. 2014): a set bit adds the target's weight for the axon's type. A *typed* crossbar keeps no weights: a
//! set bit adds 1 to the channel of the axon's type, and the neuron, which has the weights, counts.

use super::{AccumulatorRing, DELAY_MOST, Synapse, SynapseError, SynapseStore};
use crate::{AxonId, NeuronId};
use bitvec::prelude::{BitVec, Lsb0};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

/// Number of axon types.
const TYPES: usize = 4;

/// Rows of bits by axon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossbar {
    neurons: u32,
    words_a_row: u32,
    axon_types: Vec<u8>,
    delays: Vec<u8>,
    /// `bits[axon * words_a_row * 64 + neuron]`, rows padded to whole words.
    bits: Vec<u64>,
    /// `weights[type * neurons + neuron]`; none in a typed crossbar.
    weights: Vec<i32>,
}

/// A row of a crossbar: axon type 0..=3, delay, one bit for each neuron.
pub type CrossbarRow = (u8, u8, BitVec<u64, Lsb0>);

impl Crossbar {
    /// A crossbar from rows and weights by type and neuron.
    ///
    /// # Errors
    /// The first row or table that does not fit.
    pub fn new(
        neurons: u32,
        weights: [Vec<i32>; TYPES],
        rows: impl IntoIterator<Item = CrossbarRow>,
    ) -> Result<Self, SynapseError> {
        if let Some(table) = weights.iter().find(|table| table.len() != neurons as usize) {
            return Err(SynapseError::beyond("the length of a weight table", table.len(), neurons as usize));
        }
        Self::build(neurons, weights.concat(), rows)
    }

    /// A typed crossbar, for models that count active axons by type.
    ///
    /// # Errors
    /// The first row that does not fit.
    pub fn typed(neurons: u32, rows: impl IntoIterator<Item = CrossbarRow>) -> Result<Self, SynapseError> {
        Self::build(neurons, Vec::new(), rows)
    }

    fn build(
        neurons: u32,
        weights: Vec<i32>,
        rows: impl IntoIterator<Item = CrossbarRow>,
    ) -> Result<Self, SynapseError> {
        let mut crossbar = Crossbar {
            neurons,
            words_a_row: neurons.div_ceil(64),
            axon_types: Vec::new(),
            delays: Vec::new(),
            bits: Vec::new(),
            weights,
        };
        for (axon_type, delay, row) in rows {
            if usize::from(axon_type) >= TYPES {
                return Err(SynapseError::beyond("an axon type", usize::from(axon_type), TYPES - 1));
            }
            if delay > DELAY_MOST {
                return Err(SynapseError::beyond("a delay", usize::from(delay), usize::from(DELAY_MOST)));
            }
            if row.len() != neurons as usize {
                return Err(SynapseError::beyond("the length of a row", row.len(), neurons as usize));
            }
            crossbar.axon_types.push(axon_type);
            crossbar.delays.push(delay);
            // Bits beyond the length of a bit vector are not defined, so the last word is masked.
            let mut row = row;
            row.set_uninitialized(false);
            crossbar.bits.extend_from_slice(row.as_raw_slice());
        }
        Ok(crossbar)
    }

    /// Checks what deserialised data promises: tables of the right length, no bit beyond the core's `targets` (neurons
    /// times channels).
    ///
    /// # Errors
    /// The first broken promise.
    pub(crate) fn validate(&self, targets: usize) -> Result<(), SynapseError> {
        let typed = self.weights.is_empty();
        let neurons = if typed { targets / TYPES } else { targets };
        if typed && !targets.is_multiple_of(TYPES) {
            return Err(SynapseError::beyond("channels of a typed crossbar", targets, TYPES));
        }
        let (axons, words) = (self.axon_types.len(), neurons.div_ceil(64));
        for (what, value, wanted) in [
            ("the number of neurons of the store", self.neurons as usize, neurons),
            ("the words of a row", self.words_a_row as usize, words),
            ("the number of delays", self.delays.len(), axons),
            ("the words of all rows", self.bits.len(), axons * words),
            ("the number of weights", self.weights.len(), if typed { 0 } else { TYPES * neurons }),
        ] {
            if value != wanted {
                return Err(SynapseError::beyond(what, value, wanted));
            }
        }
        if let Some(&bad) = self.axon_types.iter().find(|t| usize::from(**t) >= TYPES) {
            return Err(SynapseError::beyond("an axon type", usize::from(bad), TYPES - 1));
        }
        if let Some(&bad) = self.delays.iter().find(|d| **d > DELAY_MOST) {
            return Err(SynapseError::beyond("a delay", usize::from(bad), usize::from(DELAY_MOST)));
        }
        for axon in 0..axons {
            let mut last = None;
            self.set_bits(AxonId(axon as u32), |neuron| last = Some(neuron));
            if let Some(target) = last.filter(|&n| n >= neurons) {
                return Err(SynapseError::Target { target: target as u32, neurons: self.neurons });
            }
        }
        Ok(())
    }

    fn words(&self, axon: AxonId) -> &[u64] {
        let words = self.words_a_row as usize;
        &self.bits[axon.0 as usize * words..(axon.0 as usize + 1) * words]
    }

    fn set_bits(&self, axon: AxonId, mut visit: impl FnMut(usize)) {
        for (i, &word) in self.words(axon).iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                visit(i * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }

    /// The weights of the axon's type, or for a typed crossbar the first target of its channel.
    fn table(&self, axon: AxonId) -> Result<&[i32], usize> {
        let n = self.neurons as usize;
        let start = usize::from(self.axon_types[axon.0 as usize]) * n;
        if self.weights.is_empty() { Err(start) } else { Ok(&self.weights[start..start + n]) }
    }
}

/// Adds the weights of set bits times `payload`; returns how many bits are set.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+popcnt+bmi1+bmi2",
    "x86_64+avx2+popcnt+bmi1+bmi2"
))]
fn add_weights(words: &[u64], table: &[i32], payload: i32, sums: &mut [i32]) -> u64 {
    plain_add_weights(words, table, payload, sums)
}

/// Adds `payload` where bits are set; returns how many are.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+popcnt+bmi1+bmi2",
    "x86_64+avx2+popcnt+bmi1+bmi2"
))]
fn add_counts(words: &[u64], payload: i32, sums: &mut [i32]) -> u64 {
    plain_add_counts(words, payload, sums)
}

#[inline(always)]
fn plain_add_weights(words: &[u64], table: &[i32], payload: i32, sums: &mut [i32]) -> u64 {
    let (tables, table_rest) = table.as_chunks::<HALF>();
    let (chunks, rest) = sums.as_chunks_mut::<HALF>();
    let whole = chunks.len().min(tables.len());
    let mut read = 0;
    for i in 0..whole {
        let (word, weights, sums) = (half(words, i), &tables[i], &mut chunks[i]);
        read += word.count_ones();
        if word.count_ones() <= FEW {
            each_bit(word, |j| sums[j] = sums[j].wrapping_add(weights[j].wrapping_mul(payload)));
        } else {
            for (j, (sum, &weight)) in sums.iter_mut().zip(weights).enumerate() {
                let with = sum.wrapping_add(weight.wrapping_mul(payload));
                *sum = if word & (1 << j) != 0 { with } else { *sum };
            }
        }
    }
    if !rest.is_empty() {
        let word = half(words, whole);
        read += word.count_ones();
        each_bit(word, |j| rest[j] = rest[j].wrapping_add(table_rest[j].wrapping_mul(payload)));
    }
    read.into()
}

#[inline(always)]
fn plain_add_counts(words: &[u64], payload: i32, sums: &mut [i32]) -> u64 {
    let (chunks, rest) = sums.as_chunks_mut::<HALF>();
    let whole = chunks.len();
    let mut read = 0;
    for (i, sums) in chunks.iter_mut().enumerate() {
        let word = half(words, i);
        read += word.count_ones();
        if word.count_ones() <= FEW {
            each_bit(word, |j| sums[j] = sums[j].wrapping_add(payload));
        } else {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = if word & (1 << j) != 0 { sum.wrapping_add(payload) } else { *sum };
            }
        }
    }
    if !rest.is_empty() {
        let word = half(words, whole);
        read += word.count_ones();
        each_bit(word, |j| rest[j] = rest[j].wrapping_add(payload));
    }
    read.into()
}

/// Bits are taken by halves of a word, as wide as a sum.
const HALF: usize = 32;

/// Up to so many of them are faster added one by one than all neurons under a mask.
const FEW: u32 = 2;

#[inline(always)]
fn half(words: &[u64], i: usize) -> u32 {
    (words[i / 2] >> (32 * (i % 2))) as u32
}

/// Calls `act` for each set bit.
#[inline(always)]
fn each_bit(word: u32, mut act: impl FnMut(usize)) {
    let mut rest = word;
    while rest != 0 {
        act(rest.trailing_zeros() as usize);
        rest &= rest - 1;
    }
}

impl SynapseStore for Crossbar {
    fn axon_count(&self) -> usize {
        self.axon_types.len()
    }

    fn synapse_count(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn max_delay(&self) -> u32 {
        self.delays.iter().copied().max().map_or(0, u32::from)
    }

    fn deliver(&self, axon: AxonId, payload: i32, delay_slot: u32, ring: &mut AccumulatorRing) -> u64 {
        let later = delay_slot as usize + usize::from(self.delays[axon.0 as usize]);
        let (slot, n) = (ring.slot_mut(later), self.neurons as usize);
        match self.table(axon) {
            Ok(table) => add_weights(self.words(axon), table, payload, &mut slot[..n]),
            Err(first) => add_counts(self.words(axon), payload, &mut slot[first..first + n]),
        }
    }

    fn memory_bytes(&self) -> u64 {
        (8 * self.bits.len() + 4 * self.weights.len() + 2 * self.axon_types.len()) as u64
    }

    fn row_len(&self, axon: AxonId) -> usize {
        self.words(axon).iter().map(|word| word.count_ones() as usize).sum()
    }

    fn visit(&self, axon: AxonId, visit: &mut dyn FnMut(Synapse)) {
        let (table, delay) = (self.table(axon), self.delays[axon.0 as usize]);
        self.set_bits(axon, |neuron| {
            let (target, weight) = match table {
                Ok(table) => (neuron, table[neuron]),
                Err(first) => (first + neuron, 1),
            };
            visit(Synapse { target: NeuronId(target as u32), weight, delay });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the machine at hand may never choose.
    #[multiversion(targets("x86_64+avx2+popcnt+bmi1+bmi2"))]
    fn add_weights_on_avx2(words: &[u64], table: &[i32], payload: i32, sums: &mut [i32]) -> u64 {
        plain_add_weights(words, table, payload, sums)
    }

    #[multiversion(targets("x86_64+avx2+popcnt+bmi1+bmi2"))]
    fn add_counts_on_avx2(words: &[u64], payload: i32, sums: &mut [i32]) -> u64 {
        plain_add_counts(words, payload, sums)
    }

    proptest! {
        #[test]
        fn every_instruction_set_adds_the_same(
            cells in prop::collection::vec((any::<bool>(), any::<i32>(), any::<i32>()), 0..200),
            payload in prop_oneof![Just(1), any::<i32>()], sparse in any::<bool>(),
        ) {
            let is_set = |i: usize| cells[i].0 && (!sparse || i % 11 == 3);
            let mut words = vec![0u64; cells.len().div_ceil(64)];
            (0..cells.len()).for_each(|i| words[i / 64] |= u64::from(is_set(i)) << (i % 64));
            let table: Vec<i32> = cells.iter().map(|cell| cell.1).collect();
            let before: Vec<i32> = cells.iter().map(|cell| cell.2).collect();
            let wanted = |weight: &dyn Fn(usize) -> i32| -> Vec<i32> {
                let sum = |(i, &sum): (usize, &i32)| if is_set(i) { sum.wrapping_add(weight(i)) } else { sum };
                before.iter().enumerate().map(sum).collect()
            };
            let read = (0..cells.len()).filter(|&i| is_set(i)).count() as u64;
            for add in [plain_add_weights, add_weights_on_avx2, add_weights] {
                let mut sums = before.clone();
                prop_assert_eq!(add(&words, &table, payload, &mut sums), read);
                prop_assert_eq!(sums, wanted(&|i| table[i].wrapping_mul(payload)));
            }
            for add in [plain_add_counts, add_counts_on_avx2, add_counts] {
                let mut sums = before.clone();
                prop_assert_eq!(add(&words, payload, &mut sums), read);
                prop_assert_eq!(sums, wanted(&|_| payload));
            }
        }

        #[test]
        fn a_row_adds_the_weights_of_its_set_bits(
            rows in prop::collection::vec((0u8..4, 0u8..5, prop::collection::vec(any::<bool>(), 70)), 1..5),
            weights in prop::collection::vec(-256i32..256, 280), payload in -1i32..3,
        ) {
            let tables = [0, 1, 2, 3].map(|t| weights[t * 70..(t + 1) * 70].to_vec());
            let packed = rows.iter().map(|(t, d, bits)| (*t, *d, bits.iter().copied().collect()));
            let store = Crossbar::new(70, tables.clone(), packed).unwrap();
            prop_assert!(store.validate(70).is_ok());
            prop_assert!(store.validate(71).is_err());
            for (i, (axon_type, delay, bits)) in rows.iter().enumerate() {
                let axon = AxonId(i as u32);
                let mut ring = AccumulatorRing::new(70, 4);
                let set = bits.iter().filter(|b| **b).count();
                prop_assert_eq!(store.deliver(axon, payload, 0, &mut ring), set as u64);
                prop_assert_eq!((store.row(axon).len(), store.row_len(axon)), (set, set));
                let sums = ring.slot_mut(usize::from(*delay)).to_vec();
                for (neuron, &bit) in bits.iter().enumerate() {
                    let weight = tables[usize::from(*axon_type)][neuron];
                    prop_assert_eq!(sums[neuron], if bit { weight * payload } else { 0 });
                }
            }
        }
    }
}
