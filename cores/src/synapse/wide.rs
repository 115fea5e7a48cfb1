//! Sparse rows of whole-number weights without a shift: eight bytes a synapse for weights no 9-bit mantissa holds (s16.15
//! numbers, networks given in whole numbers of their own), four where weights and targets have 16 bits and nothing is
//! delayed.

use super::{AccumulatorRing, DELAY_MOST, Synapse, SynapseError, SynapseStore};
use crate::prefetch::prefetch;
use crate::{AxonId, NeuronId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const DELAY_SHIFT: u32 = 26;

/// How a synapse lies in memory.
pub trait RowWord: Copy + std::fmt::Debug + Serialize + DeserializeOwned {
    /// Targets it can tell apart.
    const TARGETS: u32;
    /// Longest delay.
    const DELAY_MOST: u8;
    /// Smallest and largest weight.
    const WEIGHTS: (i32, i32);

    /// The word of a synapse within these bounds.
    fn pack(synapse: Synapse) -> Self;

    /// The synapse of a word.
    fn unpack(self) -> Synapse;
}

/// (delay 6 bits, target 26 bits) and weight.
impl RowWord for (u32, i32) {
    const TARGETS: u32 = 1 << DELAY_SHIFT;
    const DELAY_MOST: u8 = DELAY_MOST;
    const WEIGHTS: (i32, i32) = (i32::MIN, i32::MAX);

    fn pack(synapse: Synapse) -> Self {
        (u32::from(synapse.delay) << DELAY_SHIFT | synapse.target.0, synapse.weight)
    }

    #[inline]
    fn unpack(self) -> Synapse {
        let target = NeuronId(self.0 & ((1 << DELAY_SHIFT) - 1));
        Synapse { target, weight: self.1, delay: (self.0 >> DELAY_SHIFT) as u8 }
    }
}

/// Target and weight.
impl RowWord for (u16, i16) {
    const TARGETS: u32 = 1 << 16;
    const DELAY_MOST: u8 = 0;
    const WEIGHTS: (i32, i32) = (i16::MIN as i32, i16::MAX as i32);

    fn pack(synapse: Synapse) -> Self {
        (synapse.target.0 as u16, synapse.weight as i16)
    }

    #[inline]
    fn unpack(self) -> Synapse {
        Synapse { target: NeuronId(self.0.into()), weight: self.1.into(), delay: 0 }
    }
}

/// Rows of words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "W: RowWord")]
pub struct WordRows<W> {
    targets: u32,
    max_delay: u32,
    offsets: Vec<u32>,
    synapses: Vec<W>,
}

/// Rows of 32-bit weights.
pub type WideRows = WordRows<(u32, i32)>;
/// Rows of 16-bit weights onto 16-bit targets, without delays.
pub type NarrowRows = WordRows<(u16, i16)>;

/// Collects rows.
#[derive(Debug)]
pub struct WordRowsBuilder<W> {
    rows: WordRows<W>,
}

impl<W: RowWord> WordRows<W> {
    /// A builder for a core of so many targets (neurons times channels).
    pub fn builder(targets: u32) -> WordRowsBuilder<W> {
        WordRowsBuilder { rows: WordRows { targets, max_delay: 0, offsets: vec![0], synapses: Vec::new() } }
    }

    /// Checks what deserialised data promises.
    ///
    /// # Errors
    /// The first broken promise.
    pub(crate) fn validate(&self, targets: usize) -> Result<(), SynapseError> {
        if self.targets as usize != targets {
            return Err(SynapseError::beyond(
                "the number of targets of the store",
                self.targets as usize,
                targets,
            ));
        }
        if self.max_delay > u32::from(W::DELAY_MOST) {
            return Err(SynapseError::beyond(
                "the longest delay",
                self.max_delay as usize,
                W::DELAY_MOST.into(),
            ));
        }
        if self.offsets.first() != Some(&0)
            || self.offsets.windows(2).any(|w| w[0] > w[1])
            || self.offsets.last() != Some(&(self.synapses.len() as u32))
        {
            return Err(SynapseError::beyond("the last row offset", 0, self.synapses.len()));
        }
        for word in &self.synapses {
            let Synapse { target: NeuronId(target), delay, .. } = word.unpack();
            if target >= self.targets {
                return Err(SynapseError::Target { target, neurons: self.targets });
            }
            if u32::from(delay) > self.max_delay {
                return Err(SynapseError::beyond("a delay", delay.into(), self.max_delay as usize));
            }
        }
        Ok(())
    }

    /// Brings near where a row lies.
    #[inline]
    pub(crate) fn approach(&self, axon: AxonId) {
        prefetch(&self.offsets, axon.0 as usize);
    }

    /// Brings near the beginning of a row.
    #[inline]
    pub(crate) fn touch(&self, axon: AxonId) {
        prefetch(&self.synapses, self.offsets[axon.0 as usize] as usize);
    }

    fn words(&self, axon: AxonId) -> &[W] {
        let axon = axon.0 as usize;
        &self.synapses[self.offsets[axon] as usize..self.offsets[axon + 1] as usize]
    }
}

impl<W: RowWord> WordRowsBuilder<W> {
    /// Takes memory for so many rows and synapses at once.
    pub fn with_room(mut self, rows: usize, synapses: usize) -> Self {
        self.rows.offsets.reserve_exact(rows);
        self.rows.synapses.reserve_exact(synapses);
        self
    }

    /// Adds a row; returns its axon.
    ///
    /// # Errors
    /// The first synapse that does not fit; the row is then not added.
    pub fn push_row(&mut self, synapses: &[Synapse]) -> Result<AxonId, SynapseError> {
        let rows = &mut self.rows;
        if rows.targets > W::TARGETS {
            return Err(SynapseError::Neurons { neurons: rows.targets, limit: W::TARGETS });
        }
        let (least, most) = W::WEIGHTS;
        for synapse in synapses {
            if synapse.target.0 >= rows.targets {
                return Err(SynapseError::Target { target: synapse.target.0, neurons: rows.targets });
            }
            if synapse.delay > W::DELAY_MOST {
                return Err(SynapseError::beyond("a delay", synapse.delay.into(), W::DELAY_MOST.into()));
            }
            if !(least..=most).contains(&synapse.weight) {
                let (value, least, most) = (synapse.weight.into(), least.into(), most.into());
                return Err(SynapseError::Range { what: "a weight", value, least, most });
            }
        }
        for synapse in synapses {
            rows.max_delay = rows.max_delay.max(synapse.delay.into());
            rows.synapses.push(W::pack(*synapse));
        }
        rows.offsets.push(rows.synapses.len() as u32);
        Ok(AxonId(rows.offsets.len() as u32 - 2))
    }

    /// The finished store.
    pub fn build(self) -> WordRows<W> {
        self.rows
    }
}

impl<W: RowWord> SynapseStore for WordRows<W> {
    fn axon_count(&self) -> usize {
        self.offsets.len() - 1
    }

    fn synapse_count(&self) -> u64 {
        self.synapses.len() as u64
    }

    fn memory_bytes(&self) -> u64 {
        (size_of_val(&self.synapses[..]) + size_of_val(&self.offsets[..])) as u64
    }

    fn max_delay(&self) -> u32 {
        self.max_delay
    }

    fn deliver(&self, axon: AxonId, payload: i32, delay_slot: u32, ring: &mut AccumulatorRing) -> u64 {
        let row = self.words(axon);
        if self.max_delay == 0 {
            let sums = ring.slot_mut(delay_slot as usize);
            for word in row {
                let Synapse { target, weight, .. } = word.unpack();
                let sum = &mut sums[target.0 as usize];
                *sum = sum.wrapping_add(weight.wrapping_mul(payload));
            }
            return row.len() as u64;
        }
        for word in row {
            let Synapse { target, weight, delay } = word.unpack();
            let sum = &mut ring.slot_mut(delay_slot as usize + usize::from(delay))[target.0 as usize];
            *sum = sum.wrapping_add(weight.wrapping_mul(payload));
        }
        row.len() as u64
    }

    fn row_len(&self, axon: AxonId) -> usize {
        self.words(axon).len()
    }

    fn visit(&self, axon: AxonId, visit: &mut dyn FnMut(Synapse)) {
        self.words(axon).iter().for_each(|word| visit(word.unpack()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_read_back_and_deliver_what_they_hold(
            row in prop::collection::vec((0u32..9, any::<i32>(), 0u8..=63), 0..20), at_once in any::<bool>(),
            payload in -2i32..3,
        ) {
            let mut builder = WideRows::builder(9);
            let row: Vec<_> =
                row.into_iter().map(|(t, weight, delay)| {
                    let delay = if at_once { 0 } else { delay };
                    Synapse { target: NeuronId(t), weight, delay }
                }).collect();
            let axon = builder.push_row(&row).unwrap();
            let store = builder.build();
            prop_assert!(store.validate(9).is_ok() && store.validate(8).is_err());
            prop_assert_eq!(store.row(axon), row.clone());
            let mut ring = AccumulatorRing::new(9, 63);
            store.deliver(axon, payload, 0, &mut ring);
            for later in 0..64u8 {
                let mut wanted = [0i32; 9];
                for s in row.iter().filter(|s| s.delay == later) {
                    let sum = &mut wanted[s.target.0 as usize];
                    *sum = sum.wrapping_add(s.weight.wrapping_mul(payload));
                }
                prop_assert_eq!(ring.current(), &wanted[..]);
                ring.advance();
            }
        }
    }

    #[test]
    fn narrow_rows_hold_what_wide_ones_do_within_their_bounds() {
        let synapse = |target, weight, delay| Synapse { target: NeuronId(target), weight, delay };
        let mut narrow = NarrowRows::builder(9);
        assert!(
            narrow.push_row(&[synapse(0, 1 << 15, 0)]).unwrap_err().to_string().contains("a weight is 32768")
        );
        assert!(narrow.push_row(&[synapse(0, 1, 1)]).is_err() && narrow.push_row(&[synapse(9, 1, 0)]).is_err());
        let row = [synapse(8, -32_768, 0), synapse(8, 32_767, 0), synapse(3, 5, 0)];
        let mut wide = WideRows::builder(9);
        let axon = wide.push_row(&row).unwrap();
        assert_eq!(narrow.push_row(&row).unwrap(), axon);
        let (narrow, wide) = (narrow.build(), wide.build());
        assert!(narrow.validate(9).is_ok() && narrow.memory_bytes() < wide.memory_bytes());
        let sums = |store: &dyn SynapseStore| {
            let mut ring = AccumulatorRing::new(9, 0);
            store.deliver(axon, 2, 0, &mut ring);
            ring.current().to_vec()
        };
        assert_eq!(sums(&narrow), sums(&wide));
    }
}
