//! Events in order of time, for many that lie close ahead: a ring of buckets, most of them a picosecond long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::select_unpredictable;

/// An event beyond the ring: time, number in order of scheduling, and what it is.
type Entry = (u64, u64, u32);

/// Buckets of the ring: 64 words of bits, of which one more word says which are not empty.
const BUCKETS: usize = 64 * 64;

/// No event.
const NONE: u32 = u32::MAX;

/// An event in the ring.
#[derive(Clone, Copy, Debug)]
struct Node {
    at: u64,
    what: u32,
    /// The next of its bucket, after the last the first; of a free node the next free one.
    next: u32,
}

/// Events by (time, order of scheduling).
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// The last event of each bucket, whose successor is the first.
    ring: Box<[u32; BUCKETS]>,
    nodes: Vec<Node>,
    /// First of the free nodes.
    free: u32,
    /// A bit for each bucket that is not empty.
    filled: [u64; BUCKETS / 64],
    /// A bit for each word of `filled` that is not 0.
    filled_words: u64,
    /// Events beyond the ring, latest first once sorted: those of a tick come all at once and are sorted once.
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
    /// The bucket that time has come to, counted from time 0.
    bucket: u64,
    /// The first bucket of the ring with an event; `u64::MAX` if there is none.
    first: u64,
}

impl Calendar {
    /// For events that mostly lie at most `ahead` from when they are scheduled.
    pub(super) fn new(ahead: u64) -> Self {
        // The shortest buckets whose ring reaches that far: the fewer events share one, the less is sorted.
        let shift = (0..32).find(|&shift| ahead >> shift < BUCKETS as u64 - 1).unwrap_or(32);
        Self {
            ring: Box::new([NONE; BUCKETS]),
            nodes: Vec::new(),
            free: NONE,
            filled: [0; BUCKETS / 64],
            filled_words: 0,
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
    #[inline(always)]
    pub(super) fn schedule(&mut self, at: u64, what: u32) {
        let bucket = at >> self.shift;
        debug_assert!(bucket >= self.bucket, "invariant: nothing is scheduled into the past");
        if bucket < self.bucket + BUCKETS as u64 {
            self.put(at, what);
        } else {
            self.schedule_far(at, what);
        }
    }

    /// Puts an event into its bucket.
    #[inline(always)]
    fn put(&mut self, at: u64, what: u32) {
        let bucket = at >> self.shift;
        let place = bucket as usize % BUCKETS;
        let new = self.free;
        let new = if let Some(node) = self.nodes.get_mut(new as usize) {
            self.free = node.next;
            *node = Node { at, what, next: new };
            new
        } else {
            let new = self.nodes.len() as u32;
            self.nodes.push(Node { at, what, next: new });
            new
        };
        if self.ring[place] == NONE {
            self.ring[place] = new;
            self.filled[place / 64] |= 1 << (place % 64);
            self.filled_words |= 1 << (place / 64);
            self.first = self.first.min(bucket);
        } else {
            self.share(place, new);
        }
    }

    /// Puts an event into a bucket that is not empty. Whatever is there of the same time was scheduled before: it came
    /// either straight here or, before the ring reached this bucket, from beyond.
    #[inline(never)]
    fn share(&mut self, place: usize, new: u32) {
        let last = self.ring[place];
        let at = self.nodes[new as usize].at;
        let mut before = last;
        if self.nodes[last as usize].at <= at {
            self.ring[place] = new;
        } else {
            loop {
                let next = self.nodes[before as usize].next;
                if self.nodes[next as usize].at > at {
                    break;
                }
                before = next;
            }
        }
        self.nodes[new as usize].next = std::mem::replace(&mut self.nodes[before as usize].next, new);
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
    #[inline(always)]
    fn move_to(&mut self, bucket: u64) {
        self.bucket = bucket;
        if self.first_far >> self.shift < bucket + BUCKETS as u64 {
            self.take_in();
        }
    }

    #[inline(never)]
    fn take_in(&mut self) {
        while self.first_far >> self.shift < self.bucket + BUCKETS as u64 {
            let Some((at, what)) = self.pop_far() else { break };
            self.put(at, what);
        }
    }

    /// Looks for the first bucket with an event, from one on.
    #[inline(always)]
    fn find_first(&self, from: u64) -> u64 {
        if self.filled_words == 0 {
            return u64::MAX;
        }
        let start = from as usize % BUCKETS;
        let word = start / 64;
        let bits = self.filled[word] & !0 << (start % 64);
        // The words from the next on, around the ring: this one comes last.
        let turned = self.filled_words.rotate_right((word as u32 + 1) % 64);
        let other = (word + 1 + turned.trailing_zeros() as usize) % 64;
        let is_here = bits != 0;
        let bits = select_unpredictable(is_here, bits, self.filled[other]);
        let word = select_unpredictable(is_here, word, other);
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
        if self.first == u64::MAX {
            if self.first_far >= end {
                return None;
            }
            self.move_to(self.first_far >> self.shift);
        }
        let bucket = self.first;
        let place = bucket as usize % BUCKETS;
        let last = self.ring[place];
        let first = self.nodes.get(last as usize)?.next;
        let node = &mut self.nodes[first as usize];
        let Node { at, what, next } = *node;
        if at >= end {
            return None;
        }
        node.next = self.free;
        self.free = first;
        if first == last {
            self.ring[place] = NONE;
            let word = &mut self.filled[place / 64];
            *word &= !(1 << (place % 64));
            self.filled_words &= !(u64::from(*word == 0) << (place / 64));
            self.first = self.find_first(bucket);
        } else {
            self.nodes[last as usize].next = next;
        }
        self.move_to(bucket);
        Some((at, what))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first == u64::MAX && self.far.is_empty() && self.late.is_empty()
    }

    /// Forgets all events; time starts again at 0.
    pub(super) fn clear(&mut self) {
        self.ring.fill(NONE);
        self.nodes.clear();
        self.free = NONE;
        self.filled.fill(0);
        self.filled_words = 0;
        self.far.clear();
        self.late.clear();
        self.far_is_sorted = false;
        (self.first_far, self.first) = (u64::MAX, u64::MAX);
        (self.bucket, self.scheduled) = (0, 0);
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
