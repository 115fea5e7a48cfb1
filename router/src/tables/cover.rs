//! Ordered covering (Mundy, Heathcote & Garside 2016, *On-chip order-exploiting routing table minimization for a
//! multicast supercomputer network*), in a form of our own.
//!
//! Entries with equal outputs are merged to one that has only the bits all agree in. Such an entry matches keys that
//! others own; it may, as long as those stand above it. Entries are sorted by how many bits they leave free, and two rules
//! are kept at each merge, with the bits `g` that the merged entry leaves free:
//!
//! - *down*: it meets no unit (keys that come and go to one place) of other outputs whose entry leaves `g` bits free or more,
//!   nor any that must match nothing;
//! - *up*: no entry of other outputs that leaves `g` bits free or fewer meets a unit it takes over.
//!
//! So whichever entry matches a unit first has that unit's outputs, and order among equals does not matter.
//!
//! The original searches all merges for the best one after each; here outputs are gone through in passes, and each pass
//! takes at once every merge that saves at least so many entries, half as many in each pass as in the one before. A merge that
//! breaks *down* is split at the bit that keeps most entries, and both parts are tried. What meets what is
//! kept as sets of bits over the units, so that a try costs some thousand operations on words.

use super::TernaryEntry;
use super::compress::Unit;
use std::collections::BTreeMap;

/// Free bits of what stands below all entries: units that nothing may match.
const NEVER: u8 = 33;

/// Entries under way.
struct Entry {
    key: u32,
    mask: u32,
    /// Bits left free.
    free: u8,
    class: usize,
    /// The units it answers for.
    members: Vec<u32>,
    alive: bool,
}

/// A set of units.
type Set = Vec<u64>;

/// A table being merged.
pub(super) struct Cover<'a> {
    units: &'a [Unit],
    /// Class of each unit; the last class is that of units which nothing may match.
    classes: Vec<Option<u32>>,
    class_of: Vec<usize>,
    class_sets: Vec<Set>,
    entries: Vec<Entry>,
    /// Live entries of each class.
    by_class: Vec<Vec<usize>>,
    /// Bits in which units differ, and the units that have 0 and 1 there.
    bits: Vec<(u32, [Set; 2])>,
    /// Free bits of the entry that owns each unit.
    owner_free: Vec<u8>,
    /// For each number of free bits, the units whose entry leaves as many free or more.
    at_least: Vec<Set>,
    /// Fewest free bits of an entry of another class that meets the unit.
    hit_from: Vec<u8>,
    alive: usize,
}

fn set(of: &mut Set, unit: usize, value: bool) {
    let bit = 1 << (unit % 64);
    let word = &mut of[unit / 64];
    *word = if value { *word | bit } else { *word & !bit };
}

fn ones(words: impl Iterator<Item = u64>) -> u32 {
    words.map(u64::count_ones).sum()
}

impl<'a> Cover<'a> {
    /// An entry for each unit.
    pub(super) fn new(units: &'a [Unit]) -> Self {
        let count = units.len();
        let empty = vec![0u64; count.div_ceil(64)];
        let mut numbers: BTreeMap<Option<u32>, usize> = BTreeMap::new();
        numbers.extend(units.iter().map(|unit| (unit.outputs, 0)));
        numbers.values_mut().enumerate().for_each(|(i, number)| *number = i);
        let mut cover = Cover {
            units,
            classes: numbers.keys().copied().collect(),
            class_of: units.iter().map(|unit| numbers[&unit.outputs]).collect(),
            class_sets: vec![empty.clone(); numbers.len()],
            entries: Vec::new(),
            by_class: vec![Vec::new(); numbers.len()],
            bits: Vec::new(),
            owner_free: vec![NEVER; count],
            at_least: vec![empty.clone(); usize::from(NEVER) + 1],
            hit_from: vec![NEVER; count],
            alive: 0,
        };
        for bit in 0..32 {
            let mut sides = [empty.clone(), empty.clone()];
            for (i, unit) in units.iter().enumerate().filter(|(_, unit)| unit.mask >> bit & 1 == 1) {
                set(&mut sides[(unit.key >> bit & 1) as usize], i, true);
            }
            let first = units.first().map_or(0, |unit| unit.key >> bit & 1);
            if units.iter().any(|unit| unit.mask >> bit & 1 == 0 || unit.key >> bit & 1 != first) {
                cover.bits.push((bit, sides));
            }
        }
        for (i, unit) in units.iter().enumerate() {
            let class = cover.class_of[i];
            set(&mut cover.class_sets[class], i, true);
            let free = if unit.outputs.is_some() { unit.mask.count_zeros() as u8 } else { NEVER };
            cover.own(i, free, true);
            if unit.outputs.is_some() {
                cover.by_class[class].push(cover.entries.len());
                let (key, mask, members) = (unit.key, unit.mask, vec![i as u32]);
                cover.entries.push(Entry { key, mask, free, class, members, alive: true });
                cover.alive += 1;
            }
        }
        cover
    }

    /// Notes which entry owns a unit, by its free bits, which only grow; at first from none.
    fn own(&mut self, unit: usize, free: u8, new: bool) {
        let from = if new { 0 } else { usize::from(self.owner_free[unit]) + 1 };
        for level in from..=usize::from(free) {
            set(&mut self.at_least[level], unit, true);
        }
        self.owner_free[unit] = free;
    }

    /// Merges until there are at most `target` entries or nothing is left to merge, and sorts.
    pub(super) fn shrink(mut self, target: usize) -> Vec<TernaryEntry> {
        let mut saves = self.by_class.iter().map(Vec::len).max().unwrap_or(0).saturating_sub(1);
        while self.alive > target && saves > 0 {
            let before = self.alive;
            let mut order: Vec<_> = (0..self.by_class.len()).collect();
            order.sort_by_key(|&class| (std::cmp::Reverse(self.by_class[class].len()), class));
            for class in order {
                let all = self.by_class[class].clone();
                self.part(class, all, saves, target);
            }
            // The last pass is repeated while it finds something: a merge can make room for another.
            if saves > 1 || self.alive == before {
                saves /= 2;
            }
        }
        let mut list: Vec<_> = self.entries.iter().filter(|entry| entry.alive).collect();
        list.sort_by_key(|entry| (entry.free, entry.key, entry.mask));
        let class = |entry: &Entry| self.classes[entry.class];
        list.iter()
            .filter_map(|e| Some(TernaryEntry { key: e.key, mask: e.mask, outputs: class(e)? }))
            .collect()
    }

    /// Merges some entries of a class, or parts of them, where that saves at least `saves` entries.
    fn part(&mut self, class: usize, entries: Vec<usize>, saves: usize, target: usize) {
        let mut work = vec![entries];
        while let Some(mut some) = work.pop() {
            if self.alive <= target {
                return;
            }
            some.retain(|&entry| self.entries[entry].alive);
            if some.len() <= saves {
                continue;
            }
            let (mut key, mut mask) = self.hull(&some);
            // Up: leave out what an entry that would stand above meets. Fewer entries agree in more bits.
            loop {
                let free = mask.count_zeros() as u8;
                let before = some.len();
                some.retain(|&entry| self.may_sink(entry, free));
                if some.len() == before || some.is_empty() {
                    break;
                }
                (key, mask) = self.hull(&some);
            }
            if some.len() <= saves {
                continue;
            }
            match self.split(class, &some, key, mask) {
                None => self.merge(class, &some, key, mask),
                Some((bit, side)) => {
                    let stays = |entry: &usize| {
                        let entry = &self.entries[*entry];
                        entry.mask >> bit & 1 == 1 && entry.key >> bit & 1 == side
                    };
                    let (kept, rest): (Vec<_>, Vec<_>) = some.into_iter().partition(stays);
                    work.push(rest);
                    work.push(kept);
                }
            }
        }
    }

    /// Key and mask of the bits that all entries agree in.
    fn hull(&self, entries: &[usize]) -> (u32, u32) {
        let first = &self.entries[entries[0]];
        let agree = |mask: u32, entry: &usize| {
            let entry = &self.entries[*entry];
            mask & entry.mask & !(entry.key ^ first.key)
        };
        let mask = entries.iter().fold(first.mask, agree);
        (first.key & mask, mask)
    }

    /// Whether the units of an entry may go to one that leaves so many bits free.
    fn may_sink(&self, entry: usize, free: u8) -> bool {
        self.entries[entry].members.iter().all(|&unit| self.hit_from[unit as usize] > free)
    }

    /// The units that a key and mask meet.
    fn met(&self, key: u32, mask: u32) -> Set {
        let mut met = vec![u64::MAX; self.units.len().div_ceil(64)];
        for (bit, sides) in self.bits.iter().filter(|(bit, _)| mask >> bit & 1 == 1) {
            let against = &sides[1 - (key >> bit & 1) as usize];
            met.iter_mut().zip(against).for_each(|(met, against)| *met &= !against);
        }
        met
    }

    /// Down: the bit and its value by which to split a merge that meets what it must not; `None` if it meets nothing.
    fn split(&self, class: usize, entries: &[usize], key: u32, mask: u32) -> Option<(u32, u32)> {
        let free = mask.count_zeros() as usize;
        let mut against = self.met(key, mask);
        let lower = self.class_sets[class].iter().zip(&self.at_least[free]);
        against.iter_mut().zip(lower).for_each(|(met, (own, lower))| *met &= !own & lower);
        if against.iter().all(|&word| word == 0) {
            return None;
        }
        let mut best = None;
        for (bit, sides) in self.bits.iter().filter(|(bit, _)| mask >> bit & 1 == 0) {
            for side in 0..2u32 {
                let kept = entries.iter().filter(|&&entry| {
                    let entry = &self.entries[entry];
                    entry.mask >> bit & 1 == 1 && entry.key >> bit & 1 == side
                });
                let kept = kept.count();
                let other = &sides[1 - side as usize];
                let avoided = ones(against.iter().zip(other).map(|(met, other)| met & other));
                if kept > 0 && avoided > 0 && best.is_none_or(|(score, _)| (kept, avoided) > score) {
                    best = Some(((kept, avoided), (*bit, side)));
                }
            }
        }
        // Each entry has a bit of its own against each unit it does not meet, so there is a way to split.
        let (_, split) = best.expect("invariant: entries do not meet what stands below them");
        Some(split)
    }

    /// Replaces entries by one, and all others of the class that lie within it and may sink there.
    fn merge(&mut self, class: usize, some: &[usize], key: u32, mask: u32) {
        let free = mask.count_zeros() as u8;
        let within = |entry: &Entry| entry.mask & mask == mask && entry.key & mask == key;
        let taken: Vec<_> = (self.by_class[class].iter().copied())
            .filter(|entry| {
                some.contains(entry) || within(&self.entries[*entry]) && self.may_sink(*entry, free)
            })
            .collect();
        let mut members = Vec::new();
        let mut merged_before = false;
        for &entry in &taken {
            let entry = &mut self.entries[entry];
            entry.alive = false;
            merged_before |= entry.members.len() > 1;
            members.append(&mut entry.members);
        }
        members.sort_unstable();
        for &unit in &members {
            self.own(unit as usize, free, false);
        }
        self.alive -= taken.len() - 1;
        self.by_class[class].retain(|&entry| self.entries[entry].alive);
        let new = self.entries.len();
        self.by_class[class].push(new);
        self.entries.push(Entry { key, mask, free, class, members, alive: true });
        if merged_before {
            self.hit_from.fill(NEVER);
            for entry in 0..=new {
                self.hit(entry);
            }
        } else {
            self.hit(new);
        }
    }

    /// Notes what a merged entry meets; others meet nothing but their own unit.
    fn hit(&mut self, entry: usize) {
        let Entry { key, mask, free, class, ref members, alive } = self.entries[entry];
        if !alive || members.len() < 2 {
            return;
        }
        let met = self.met(key, mask);
        for (i, (met, own)) in met.iter().zip(&self.class_sets[class]).enumerate() {
            let mut left = met & !own;
            while left != 0 {
                let unit = i * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                if let Some(from) = self.hit_from.get_mut(unit) {
                    *from = free.min(*from);
                }
            }
        }
    }
}
