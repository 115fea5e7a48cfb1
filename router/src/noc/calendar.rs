//! Events in order of time, for many that lie close ahead: a ring of buckets, sorted when their time has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An event: time, number in order of scheduling, and what it is.
type Entry = (u64, u64, u32);

/// Buckets of the ring.
const BUCKETS: usize = 1024;

/// Events by (time, order of scheduling).
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// Events of the bucket that is being worked on, and any that come before its end.
    near: BinaryHeap<Reverse<Entry>>,
    ring: Vec<Vec<Entry>>,
    /// Events beyond the ring, latest first once sorted: a tick's injections come all at once and are sorted once.
    far: Vec<Entry>,
    far_is_sorted: bool,
    /// Events beyond the ring that came after it was sorted.
    late: BinaryHeap<Reverse<Entry>>,
    /// log2 of a bucket's length.
    shift: u32,
    /// The bucket being worked on, counted from time 0.
    bucket: u64,
    /// Events in the ring.
    ringed: usize,
    scheduled: u64,
}

impl Calendar {
    /// For events that mostly lie less than `ahead` from when they are scheduled.
    pub(super) fn new(ahead: u64) -> Self {
        // A bucket is short enough that it holds few events, and long enough that few are empty.
        let shift = (ahead / 16).max(1).ilog2();
        Self {
            near: BinaryHeap::new(),
            ring: vec![Vec::new(); BUCKETS],
            far: Vec::new(),
            far_is_sorted: false,
            late: BinaryHeap::new(),
            shift,
            bucket: 0,
            ringed: 0,
            scheduled: 0,
        }
    }

    pub(super) fn schedule(&mut self, at: u64, what: u32) {
        self.scheduled += 1;
        let entry = (at, self.scheduled, what);
        let bucket = at >> self.shift;
        if bucket <= self.bucket {
            self.near.push(Reverse(entry));
        } else if bucket < self.bucket + BUCKETS as u64 {
            self.ring[bucket as usize % BUCKETS].push(entry);
            self.ringed += 1;
        } else if self.far_is_sorted {
            self.late.push(Reverse(entry));
        } else {
            self.far.push(entry);
        }
    }

    /// The first event beyond the ring; it is taken if it lies before `end`.
    fn take_far(&mut self, end: Option<u64>) -> Option<Entry> {
        if !self.far_is_sorted && !self.far.is_empty() {
            self.far.sort_unstable_by(|a, b| b.cmp(a));
            self.far_is_sorted = true;
        }
        let late = self.late.peek().map(|first| first.0);
        let from_late = match (self.far.last(), late) {
            (Some(far), Some(late)) => late < *far,
            (far, _) => far.is_none(),
        };
        let first = if from_late { late } else { self.far.last().copied() }?;
        if end.is_some_and(|end| first.0 < end) {
            if from_late {
                self.late.pop();
            } else {
                self.far.pop();
                self.far_is_sorted = !self.far.is_empty();
            }
        }
        Some(first)
    }

    /// Time of the next event.
    pub(super) fn next(&mut self) -> Option<u64> {
        while self.near.is_empty() {
            if self.ringed > 0 {
                self.bucket += 1;
            } else {
                self.bucket = self.take_far(None)?.0 >> self.shift;
            }
            let own = &mut self.ring[self.bucket as usize % BUCKETS];
            self.ringed -= own.len();
            for entry in own.drain(..) {
                self.near.push(Reverse(entry));
            }
            // What lay beyond the ring may lie inside it now.
            let end = (self.bucket + BUCKETS as u64) << self.shift;
            while let Some(entry) = self.take_far(Some(end)).filter(|entry| entry.0 < end) {
                match entry.0 >> self.shift {
                    bucket if bucket <= self.bucket => self.near.push(Reverse(entry)),
                    bucket => {
                        self.ring[bucket as usize % BUCKETS].push(entry);
                        self.ringed += 1;
                    }
                }
            }
        }
        self.near.peek().map(|first| first.0.0)
    }

    /// Takes the event that [`Calendar::next`] named.
    pub(super) fn pop(&mut self) -> Option<(u64, u32)> {
        self.near.pop().map(|Reverse((at, _, what))| (at, what))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.near.is_empty() && self.ringed == 0 && self.far.is_empty() && self.late.is_empty()
    }

    /// Forgets all events; time starts again at 0.
    pub(super) fn clear(&mut self) {
        self.near.clear();
        self.far.clear();
        self.late.clear();
        self.far_is_sorted = false;
        self.ring.iter_mut().for_each(Vec::clear);
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
            steps in prop::collection::vec((0u64..200_000, 0u8..3), 1..300),
            ahead in 1u64..20_000,
        ) {
            let mut calendar = Calendar::new(ahead);
            let mut oracle = BinaryHeap::new();
            let (mut now, mut number) = (0, 0u32);
            for (after, pops) in steps {
                number += 1;
                calendar.schedule(now + after, number);
                oracle.push(Reverse((now + after, number)));
                for _ in 0..pops {
                    let wanted = oracle.pop().map(|Reverse(entry)| entry);
                    prop_assert_eq!(calendar.next(), wanted.map(|entry| entry.0));
                    prop_assert_eq!(calendar.pop(), wanted);
                    now = wanted.map_or(now, |entry| entry.0);
                }
            }
            prop_assert_eq!(calendar.is_empty(), oracle.is_empty());
        }
    }
}
