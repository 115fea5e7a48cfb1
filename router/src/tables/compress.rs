//! One router's table made short enough, by steps that each stop as soon as it is.
//!
//! 1. An entry for every block: nothing is done if that is short enough.
//! 2. Entries that default routing makes needless are left out.
//! 3. Neighbours that do the same become one entry: all blocks of an aligned range of keys, if nothing else in the range
//!    comes to this router. This takes one pass, and needs no order of entries.
//! 4. [Ordered covering](super::cover) merges what is left.
//!
//! Only step 4 is dear, and only the tables that need it pay.

use super::cover::Cover;
use super::{Arrivals, KeyTable, TernaryEntry};

/// A table and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The table.
    pub table: KeyTable,
    /// Entries before: blocks that come to the router.
    pub before: usize,
    /// Those of them that default routing does not make needless.
    pub without_defaults: usize,
}

/// Makes a table of at most `target` entries for what comes to a router, or the shortest it finds; 0 asks for that.
/// Every key of a block goes where the block says; keys that do not come may go anywhere.
pub fn compress(arrivals: &Arrivals, target: usize) -> Compression {
    let before = arrivals.blocks.len();
    let without_defaults = arrivals.blocks.iter().filter(|a| !a.straight).count();
    let done = |entries| Compression {
        table: KeyTable { entries, outputs: arrivals.outputs.clone() },
        before,
        without_defaults,
    };
    if before <= target {
        return done(arrivals.table().entries);
    }
    // Blocks that go straight on have no entry, and no entry may match them.
    let units: Vec<_> = arrivals
        .blocks
        .iter()
        .map(|a| Unit { key: a.keys.key(), mask: a.keys.mask(), outputs: (!a.straight).then_some(a.outputs) })
        .collect();
    if without_defaults <= target {
        return done(units.iter().filter_map(Unit::entry).collect());
    }
    let units = merge_neighbours(&units);
    let entries: Vec<_> = units.iter().filter_map(Unit::entry).collect();
    if entries.len() <= target {
        return done(entries);
    }
    done(Cover::new(&units).shrink(target))
}

/// Keys that come and go where one entry sends them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// Value of the bits all have in common.
    pub(super) key: u32,
    /// The bits all have in common.
    pub(super) mask: u32,
    /// Where they go; `None` if nothing may match them.
    pub(super) outputs: Option<u32>,
}

impl Unit {
    fn entry(&self) -> Option<TernaryEntry> {
        Some(TernaryEntry { key: self.key, mask: self.mask, outputs: self.outputs? })
    }

    /// The least that covers both, which go to the same place.
    fn join(self, other: Unit) -> Unit {
        let mask = self.mask & other.mask & !(self.key ^ other.key);
        Unit { key: self.key & mask, mask, outputs: self.outputs }
    }
}

/// Joins the units of each aligned range of keys in which all do the same. `units` ascend by key.
fn merge_neighbours(units: &[Unit]) -> Vec<Unit> {
    let mut merged = Vec::new();
    let mut work = vec![(units, 32u32)];
    // Each range is halved until all in it do the same; the low half is looked at first, so that keys ascend.
    while let Some((part, bits)) = work.pop() {
        let Some((&first, rest)) = part.split_first() else { continue };
        if rest.iter().all(|unit| unit.outputs == first.outputs) {
            merged.push(rest.iter().fold(first, |joined, &unit| joined.join(unit)));
            continue;
        }
        // Several units without common keys: none fills the range, so it has more than one key.
        let half = bits.saturating_sub(1);
        let low = part.partition_point(|unit| unit.key >> half & 1 == 0);
        let (low, high) = part.split_at(low);
        work.push((high, half));
        work.push((low, half));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{Arrival, KeyBlock};
    use proptest::prelude::*;

    /// What comes to a router: random blocks, each with one of a few outputs.
    fn arrivals() -> impl Strategy<Value = Arrivals> {
        let block = (0u32..4, 0u32..3, 0u32..5, any::<bool>());
        (prop::collection::vec(block, 0..120), 1u32..5).prop_map(|(blocks, kinds)| {
            let mut next = 0;
            let mut list = Vec::new();
            for (gap, bits, outputs, straight) in blocks {
                let keys = 1u32 << bits;
                next = (next + gap).next_multiple_of(keys);
                let keys_of = KeyBlock::masked(next, !(keys - 1)).unwrap();
                next += keys;
                let outputs = outputs % kinds;
                list.push(Arrival { keys: keys_of, outputs, straight: straight && outputs == 0 });
            }
            let outputs =
                (0..kinds).map(|i| crate::Outputs { links: Vec::new(), endpoints: vec![crate::EndpointId(i)] });
            Arrivals { blocks: list, outputs: outputs.collect() }
        })
    }

    proptest! {
        #[test]
        fn no_key_that_comes_goes_elsewhere(here in arrivals(), target in 0usize..40) {
            let made = compress(&here, target);
            prop_assert!(made.table.entries().len() <= made.before);
            for block in here.blocks() {
                for key in block.keys.key()..=block.keys.last() {
                    let found = made.table.entries().iter().find(|e| key & e.mask == e.key);
                    match found {
                        Some(entry) => prop_assert_eq!(entry.outputs, block.outputs),
                        None => prop_assert!(block.straight),
                    }
                }
            }
            let shortest = compress(&here, 0).table.entries().len();
            if made.table.entries().len() > target {
                prop_assert_eq!(made.table.entries().len(), shortest, "it goes on until nothing is left to do");
            }
            prop_assert_eq!(&compress(&here, target), &made);
        }
    }
}
