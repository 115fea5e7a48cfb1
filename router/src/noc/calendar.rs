//! Events in order of time, for many that lie close ahead: a ring of buckets, most of them a picosecond long.

use super::lists::{List, Lists};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An event beyond the ring: time, number in order of scheduling, and what it is.
type Entry = (u64, u64, u32);

/// Buckets of the ring.
const BUCKETS: usize = 2048;

/// Events by (time, order of scheduling).
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// The events of each bucket in their order: (time since the bucket's start, what it is).
    ring: Vec<List>,
    entries: Lists<(u32, u32)>,
    /// A bit for each bucket that is not empty.
    filled: Vec<u64>,
    /// Events in the ring.
    ringed: usize,
    /// Events beyond the ring, latest first once sorted: a tick's injections come all at once and are sorted once.
    far: Vec<Entry>,
    far_is_sorted: bool,
    /// Events beyond the ring that came after it was sorted.
    late: BinaryHeap<Reverse<Entry>>,
    /// Time of the first event beyond the ring; `u64::MAX` if there is none.
    first_far: u64,
    /// Events ever scheduled beyond the ring.
    scheduled: u64,
    /// log2 of a bucket's length.
    shift: u32,
    /// The bucket of the last event that was taken, counted from time 0.
    bucket: u64,
    /// The first bucket of the ring with an event, if there is one.
    first: u64,
}

impl Calendar {
    /// For events that mostly lie at most `ahead` from when they are scheduled.
    pub(super) fn new(ahead: u64) -> Self {
        // The shortest buckets whose ring reaches that far: the fewer events share one, the less is sorted.
        let shift = (0..32).find(|&shift| ahead >> shift < BUCKETS as u64 - 1).unwrap_or(32);
        Self {
            ring: vec![List::EMPTY; BUCKETS],
            entries: Lists::new(),
            filled: vec![0; BUCKETS / 64],
            ringed: 0,
            far: Vec::new(),
            far_is_sorted: false,
            late: BinaryHeap::new(),
            first_far: u64::MAX,
            scheduled: 0,
            shift,
            bucket: 0,
            first: u64::MAX,
        }
    }

    /// Adds an event that is not before the last one taken.
    #[inline]
    pub(super) fn schedule(&mut self, at: u64, what: u32) {
        let bucket = at >> self.shift;
        debug_assert!(bucket >= self.bucket, "invariant: nothing is scheduled into the past");
        if bucket < self.bucket + BUCKETS as u64 {
            self.put(at, what);
        } else {
            self.schedule_far(at, what);
        }
    }

    /// Puts an event into its bucket. Whatever is there of the same time was scheduled before: it came either straight
    /// here or, before the ring reached this bucket, from beyond.
    #[inline(always)]
    fn put(&mut self, at: u64, what: u32) {
        let bucket = at >> self.shift;
        let place = bucket as usize % BUCKETS;
        let since = (at - (bucket << self.shift)) as u32;
        self.entries.insert(&mut self.ring[place], (since, what), |later| later.0 > since);
        self.filled[place / 64] |= 1 << (place % 64);
        self.ringed += 1;
        self.first = self.first.min(bucket);
    }

    fn schedule_far(&mut self, at: u64, what: u32) {
        self.scheduled += 1;
        let entry = (at, self.scheduled, what);
        self.first_far = self.first_far.min(at);
        if self.far_is_sorted {
            self.late.push(Reverse(entry));
        } else {
            self.far.push(entry);
        }
    }

    /// Takes the first event beyond the ring.
    fn pop_far(&mut self) -> Option<(u64, u32)> {
        if !self.far_is_sorted {
            let key = |&(at, number, _): &Entry| Reverse(u128::from(at) << 64 | u128::from(number));
            self.far.sort_unstable_by_key(key);
        }
        let late = self.late.peek().map(|first| first.0);
        let from_late = late.is_some_and(|late| self.far.last().is_none_or(|far| late < *far));
        let first = if from_late { self.late.pop().map(|first| first.0) } else { self.far.pop() };
        self.far_is_sorted = !self.far.is_empty();
        let next = [self.far.last().map(|far| far.0), self.late.peek().map(|late| late.0.0)];
        self.first_far = next.into_iter().flatten().min().unwrap_or(u64::MAX);
        first.map(|(at, _, what)| (at, what))
    }

    /// The ring moves on to a bucket; what lay beyond it may lie inside now.
    #[inline]
    fn move_to(&mut self, bucket: u64) {
        self.bucket = bucket;
        let end = (bucket + BUCKETS as u64) << self.shift;
        while self.first_far < end {
            let Some((at, what)) = self.pop_far() else { break };
            self.put(at, what);
        }
    }

    /// Looks for the first bucket of the ring with an event, from one on.
    #[inline(always)]
    fn find_first(&self, from: u64) -> u64 {
        if self.ringed == 0 {
            return u64::MAX;
        }
        let start = from as usize % BUCKETS;
        let mut word = start / 64;
        let mut bits = self.filled[word] & !0 << (start % 64);
        while bits == 0 {
            word = (word + 1) % self.filled.len();
            bits = self.filled[word];
        }
        let place = word * 64 + bits.trailing_zeros() as usize;
        from + (place.wrapping_sub(start) % BUCKETS) as u64
    }

    /// Time goes on to `now`, before which there is no event.
    #[inline(always)]
    pub(super) fn advance(&mut self, now: u64) {
        self.move_to(now >> self.shift);
    }

    /// Takes the first event if it is before `end`.
    #[inline(always)]
    pub(super) fn pop(&mut self, end: u64) -> Option<(u64, u32)> {
        if self.ringed == 0 {
            if self.first_far >= end {
                return None;
            }
            self.move_to(self.first_far >> self.shift);
        }
        let bucket = self.first;
        let place = bucket as usize % BUCKETS;
        let start = bucket << self.shift;
        if end >> self.shift <= bucket && start + u64::from(self.entries.first(self.ring[place])?.0) >= end {
            return None;
        }
        let (since, what) = self.entries.pop(&mut self.ring[place])?;
        let is_empty = self.ring[place].is_empty();
        self.filled[place / 64] &= !(u64::from(is_empty) << (place % 64));
        self.ringed -= 1;
        self.first = self.find_first(bucket);
        self.move_to(bucket);
        Some((start + u64::from(since), what))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ringed == 0 && self.far.is_empty() && self.late.is_empty()
    }

    /// Forgets all events; time starts again at 0.
    pub(super) fn clear(&mut self) {
        self.ring.fill(List::EMPTY);
        self.entries.clear();
        self.filled.fill(0);
        self.far.clear();
        self.late.clear();
        self.far_is_sorted = false;
        (self.first_far, self.first) = (u64::MAX, u64::MAX);
        (self.bucket, self.ringed, self.scheduled) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_come_in_order_of_time_and_scheduling(
            steps in prop::collection::vec((0u64..200_000, 0u8..3, any::<bool>()), 1..300),
            ahead in prop_oneof![1u64..20_000, 1u64..5_000_000],
            spread in prop_oneof![Just(1u64), Just(50), Just(2000)],
        ) {
            let mut calendar = Calendar::new(ahead);
            let mut oracle = BinaryHeap::new();
            let (mut now, mut number) = (0, 0u32);
            for (after, pops, halts) in steps {
                number += 1;
                calendar.schedule(now + after / spread, number);
                oracle.push(Reverse((now + after / spread, number)));
                for _ in 0..pops {
                    let end = if halts { now + after / 2 } else { u64::MAX };
                    let wanted = oracle.peek().map(|entry| entry.0).filter(|entry| entry.0 < end);
                    wanted.map(|_| oracle.pop());
                    prop_assert_eq!(calendar.pop(end), wanted);
                    now = wanted.map_or(now, |entry| entry.0);
                }
                let first = oracle.peek().map_or(u64::MAX, |entry: &Reverse<(u64, u32)>| entry.0.0);
                if halts && now + after / 3 <= first {
                    now += after / 3;
                    calendar.advance(now);
                }
            }
            prop_assert_eq!(calendar.is_empty(), oracle.is_empty());
        }
    }
}
