//! Dense rows: a weight for every target of an axon, and a delay for every synapse where delays differ.
//!
//! Axons belong to groups with an exponent. As on Loihi 2 and in Lava, the exponent acts on the *sum* of the weights that
//! arrive together (same tick, same group, same delay), by a shift that floors: with a negative exponent that rounds once
//! a sum and not once a synapse.

use super::{AccumulatorRing, DELAY_MOST, Synapse, SynapseError, SynapseStore};
use crate::{AxonId, NeuronId};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

/// Rows of 16-bit weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseRows {
    targets: u32,
    max_delay: u32,
    /// Exponent of each group, -15 to 15.
    exponents: Vec<i8>,
    /// Group of each axon.
    groups: Vec<u16>,
    /// Synapses of each axon that are not 0.
    counts: Vec<u32>,
    /// `weights[axon * targets + target]`
    weights: Vec<i16>,
    /// As `weights`; empty where no synapse has a delay.
    delays: Vec<u8>,
}

const EXPONENT_MOST: i8 = 15;

/// A row of dense weights.
#[derive(Clone, Copy, Debug)]
pub struct DenseRow<'a> {
    /// One weight a target; 0 is no synapse.
    pub weights: &'a [i16],
    /// One delay a target, or none at all.
    pub delays: &'a [u8],
    /// The group.
    pub group: u16,
}

impl DenseRows {
    /// Rows for a core of so many targets (neurons times channels), in groups of these exponents.
    ///
    /// # Errors
    /// The first row or exponent that does not fit.
    pub fn new<'a>(
        targets: u32,
        exponents: &[i8],
        rows: impl IntoIterator<Item = DenseRow<'a>>,
    ) -> Result<Self, SynapseError> {
        let mut store = Self { targets, exponents: exponents.to_vec(), ..Self::default() };
        let n = targets as usize;
        for row in rows {
            if row.weights.len() != n {
                return Err(SynapseError::beyond("the length of a row", row.weights.len(), n));
            }
            if !row.delays.is_empty() && row.delays.len() != n {
                return Err(SynapseError::beyond("the length of a row's delays", row.delays.len(), n));
            }
            if !row.delays.is_empty() && store.delays.is_empty() {
                store.delays.resize(store.weights.len(), 0);
            }
            store.weights.extend_from_slice(row.weights);
            if row.delays.is_empty() {
                store.delays.resize(if store.delays.is_empty() { 0 } else { store.weights.len() }, 0);
            } else {
                store.delays.extend_from_slice(row.delays);
            }
            store.groups.push(row.group);
            store.counts.push(row.weights.iter().filter(|w| **w != 0).count() as u32);
        }
        store.max_delay = store.delays.iter().copied().max().map_or(0, u32::from);
        store.validate(n)?;
        Ok(store)
    }

    /// Checks what deserialised data promises.
    ///
    /// # Errors
    /// The first broken promise.
    pub(crate) fn validate(&self, targets: usize) -> Result<(), SynapseError> {
        let axons = self.groups.len();
        for (what, value, wanted) in [
            ("the number of targets of the store", self.targets as usize, targets),
            ("the number of weights", self.weights.len(), axons * targets),
            ("the number of counts", self.counts.len(), axons),
        ] {
            if value != wanted {
                return Err(SynapseError::beyond(what, value, wanted));
            }
        }
        if !self.delays.is_empty() && self.delays.len() != self.weights.len() {
            return Err(SynapseError::beyond("the number of delays", self.delays.len(), self.weights.len()));
        }
        if let Some(delay) = self.delays.iter().find(|d| **d > DELAY_MOST || u32::from(**d) > self.max_delay) {
            let most = self.max_delay.min(DELAY_MOST.into()) as usize;
            return Err(SynapseError::beyond("a delay", usize::from(*delay), most));
        }
        if self.max_delay > u32::from(DELAY_MOST) {
            return Err(SynapseError::beyond("the longest delay", self.max_delay as usize, DELAY_MOST.into()));
        }
        if let Some(group) = self.groups.iter().find(|g| usize::from(**g) >= self.exponents.len()) {
            return Err(SynapseError::beyond("a group", usize::from(*group), self.exponents.len()));
        }
        if let Some(&exponent) = self.exponents.iter().find(|e| e.unsigned_abs() > EXPONENT_MOST as u8) {
            let most = i64::from(EXPONENT_MOST);
            return Err(SynapseError::Range {
                what: "an exponent",
                value: exponent.into(),
                least: -most,
                most,
            });
        }
        Ok(())
    }

    /// Right shifts of the stages this store needs: one for each group, 0 where the exponent is not negative.
    pub fn stages(&self) -> impl Iterator<Item = u32> + '_ {
        let shifts = self.exponents.iter().any(|e| *e < 0);
        self.exponents.iter().filter(move |_| shifts).map(|e| u32::from((-e).max(0) as u8))
    }

    fn range(&self, axon: AxonId) -> std::ops::Range<usize> {
        let (n, axon) = (self.targets as usize, axon.0 as usize);
        axon * n..(axon + 1) * n
    }
}

/// Adds a row times `factor`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_row(weights: &[i16], factor: i32, sums: &mut [i32]) {
    plain_add_row(weights, factor, sums);
}

#[inline(always)]
fn plain_add_row(weights: &[i16], factor: i32, sums: &mut [i32]) {
    for (sum, &weight) in sums.iter_mut().zip(weights) {
        *sum = sum.wrapping_add(i32::from(weight).wrapping_mul(factor));
    }
}

impl SynapseStore for DenseRows {
    fn axon_count(&self) -> usize {
        self.groups.len()
    }

    fn synapse_count(&self) -> u64 {
        self.counts.iter().map(|&c| u64::from(c)).sum()
    }

    fn memory_bytes(&self) -> u64 {
        let rows = size_of_val(&self.groups[..]) + size_of_val(&self.counts[..]);
        (rows + size_of_val(&self.weights[..]) + size_of_val(&self.delays[..])) as u64
    }

    fn max_delay(&self) -> u32 {
        self.max_delay
    }

    fn deliver(&self, axon: AxonId, payload: i32, delay_slot: u32, ring: &mut AccumulatorRing) -> u64 {
        let group = usize::from(self.groups[axon.0 as usize]);
        let exponent = self.exponents[group];
        let factor = payload.wrapping_shl(exponent.max(0) as u32);
        let (later, weights) = (delay_slot as usize, &self.weights[self.range(axon)]);
        if self.delays.is_empty() {
            let slot = if exponent < 0 { ring.stage_mut(group, later) } else { ring.slot_mut(later) };
            add_row(weights, factor, slot);
        } else {
            let delays = &self.delays[self.range(axon)];
            let mut slots = if exponent < 0 { ring.stages_mut(group, later) } else { ring.slots_mut(later) };
            for (target, (&weight, &delay)) in weights.iter().zip(delays).enumerate() {
                let sum = slots.sum(delay.into(), target);
                *sum = sum.wrapping_add(i32::from(weight).wrapping_mul(factor));
            }
        }
        u64::from(self.counts[axon.0 as usize])
    }

    fn row_len(&self, axon: AxonId) -> usize {
        self.counts[axon.0 as usize] as usize
    }

    /// Weights have their group's exponent applied one by one, which is what a sum of one would get.
    fn visit(&self, axon: AxonId, visit: &mut dyn FnMut(Synapse)) {
        let exponent = self.exponents[usize::from(self.groups[axon.0 as usize])];
        let range = self.range(axon);
        let delays = if self.delays.is_empty() { &[][..] } else { &self.delays[range.clone()] };
        for (target, &weight) in self.weights[range].iter().enumerate().filter(|(_, w)| **w != 0) {
            let weight = i32::from(weight);
            let weight = if exponent < 0 { weight >> -exponent } else { weight << exponent };
            let delay = delays.get(target).copied().unwrap_or(0);
            visit(Synapse { target: NeuronId(target as u32), weight, delay });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the machine at hand may never choose.
    #[multiversion(targets("x86_64+avx2"))]
    fn add_row_on_avx2(weights: &[i16], factor: i32, sums: &mut [i32]) {
        plain_add_row(weights, factor, sums);
    }

    proptest! {
        #[test]
        fn every_instruction_set_adds_the_same(
            cells in prop::collection::vec((any::<i16>(), any::<i32>()), 0..100), factor in any::<i32>(),
        ) {
            let (weights, before): (Vec<i16>, Vec<i32>) = cells.iter().copied().unzip();
            let sum = |&(weight, sum): &(i16, i32)| sum.wrapping_add(i32::from(weight).wrapping_mul(factor));
            let wanted: Vec<i32> = cells.iter().map(sum).collect();
            for add in [plain_add_row, add_row_on_avx2, add_row] {
                let mut sums = before.clone();
                add(&weights, factor, &mut sums);
                prop_assert_eq!(&sums, &wanted);
            }
        }

        #[test]
        fn sums_are_shifted_once_by_group_and_delay(
            rows in prop::collection::vec((prop::collection::vec(-256i16..256, 5), prop::collection::vec(0u8..4, 5), 0u16..2), 1..6),
            exponents in prop::array::uniform2(-4i8..4),
        ) {
            let store = DenseRows::new(5, &exponents, rows.iter().map(|(weights, delays, group)| {
                DenseRow { weights, delays, group: *group }
            })).unwrap();
            let mut ring = AccumulatorRing::new(5, store.max_delay()).with_stages(store.stages());
            (0..rows.len()).for_each(|axon| { store.deliver(AxonId(axon as u32), 1, 0, &mut ring); });
            ring.settle();
            for later in 0..=store.max_delay() as usize {
                for target in 0..5 {
                    let wanted: i32 = (0..2).map(|group| {
                        let sum: i32 = rows.iter()
                            .filter(|r| usize::from(r.2) == group && usize::from(r.1[target]) == later)
                            .map(|r| i32::from(r.0[target])).sum();
                        let e = exponents[group];
                        if e < 0 { sum >> -e } else { sum << e }
                    }).sum();
                    prop_assert_eq!(ring.current()[target], wanted);
                }
                ring.advance();
            }
        }
    }

    #[test]
    fn rows_with_and_without_delays_mix() {
        let rows = [
            DenseRow { weights: &[1, 2], delays: &[], group: 0 },
            DenseRow { weights: &[3, 0], delays: &[1, 5], group: 0 },
        ];
        let store = DenseRows::new(2, &[0], rows).unwrap();
        assert_eq!((store.max_delay(), store.synapse_count(), store.row(AxonId(1)).len()), (5, 3, 1));
        assert!(DenseRows::new(2, &[16], []).is_err() && DenseRows::new(3, &[0], rows).is_err());
    }
}
