//! Sparse rows of full 32-bit weights, eight bytes a synapse, for weights no 9-bit mantissa holds (s16.15 numbers,
//! networks given in whole numbers of their own).

use super::{AccumulatorRing, DELAY_MOST, Synapse, SynapseError, SynapseStore};
use crate::{AxonId, NeuronId};
use serde::{Deserialize, Serialize};

const DELAY_SHIFT: u32 = 26;

/// Rows of (delay 6 bits, target 26 bits) and weight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WideRows {
    targets: u32,
    max_delay: u32,
    offsets: Vec<u32>,
    synapses: Vec<(u32, i32)>,
}

/// Collects rows.
#[derive(Debug)]
pub struct WideRowsBuilder {
    rows: WideRows,
}

impl WideRows {
    /// A builder for a core of so many targets (neurons times channels).
    pub fn builder(targets: u32) -> WideRowsBuilder {
        WideRowsBuilder { rows: WideRows { targets, offsets: vec![0], ..WideRows::default() } }
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
        if self.max_delay > u32::from(DELAY_MOST) {
            return Err(SynapseError::beyond("the longest delay", self.max_delay as usize, DELAY_MOST.into()));
        }
        if self.offsets.first() != Some(&0)
            || self.offsets.windows(2).any(|w| w[0] > w[1])
            || self.offsets.last() != Some(&(self.synapses.len() as u32))
        {
            return Err(SynapseError::beyond("the last row offset", 0, self.synapses.len()));
        }
        for &(place, _) in &self.synapses {
            let (target, delay) = unpack(place);
            if target >= self.targets {
                return Err(SynapseError::Target { target, neurons: self.targets });
            }
            if u32::from(delay) > self.max_delay {
                return Err(SynapseError::beyond("a delay", delay.into(), self.max_delay as usize));
            }
        }
        Ok(())
    }

    fn words(&self, axon: AxonId) -> &[(u32, i32)] {
        let axon = axon.0 as usize;
        &self.synapses[self.offsets[axon] as usize..self.offsets[axon + 1] as usize]
    }
}

fn unpack(place: u32) -> (u32, u8) {
    (place & ((1 << DELAY_SHIFT) - 1), (place >> DELAY_SHIFT) as u8)
}

impl WideRowsBuilder {
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
        if rows.targets > 1 << DELAY_SHIFT {
            return Err(SynapseError::Neurons { neurons: rows.targets, limit: 1 << DELAY_SHIFT });
        }
        for synapse in synapses {
            if synapse.target.0 >= rows.targets {
                return Err(SynapseError::Target { target: synapse.target.0, neurons: rows.targets });
            }
            if synapse.delay > DELAY_MOST {
                return Err(SynapseError::beyond("a delay", synapse.delay.into(), DELAY_MOST.into()));
            }
        }
        for synapse in synapses {
            rows.max_delay = rows.max_delay.max(synapse.delay.into());
            rows.synapses.push((u32::from(synapse.delay) << DELAY_SHIFT | synapse.target.0, synapse.weight));
        }
        rows.offsets.push(rows.synapses.len() as u32);
        Ok(AxonId(rows.offsets.len() as u32 - 2))
    }

    /// The finished store.
    pub fn build(self) -> WideRows {
        self.rows
    }
}

impl SynapseStore for WideRows {
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
        for &(place, weight) in row {
            let (target, delay) = unpack(place);
            let sum = &mut ring.slot_mut(delay_slot as usize + usize::from(delay))[target as usize];
            *sum = sum.wrapping_add(weight.wrapping_mul(payload));
        }
        row.len() as u64
    }

    fn row_len(&self, axon: AxonId) -> usize {
        self.words(axon).len()
    }

    fn visit(&self, axon: AxonId, visit: &mut dyn FnMut(Synapse)) {
        for &(place, weight) in self.words(axon) {
            let (target, delay) = unpack(place);
            visit(Synapse { target: NeuronId(target), weight, delay });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_read_back_and_deliver_what_they_hold(
            row in prop::collection::vec((0u32..9, any::<i32>(), 0u8..=63), 0..20), payload in -2i32..3,
        ) {
            let mut builder = WideRows::builder(9);
            let row: Vec<_> =
                row.into_iter().map(|(t, weight, delay)| Synapse { target: NeuronId(t), weight, delay }).collect();
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
}
