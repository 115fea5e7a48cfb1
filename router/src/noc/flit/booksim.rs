//! What BookSim2's router does differently from the pipeline it describes, for those who compare with it.
//!
//! Set by [`super::RouterSpec::booksim`]; nothing of it is in the way of a router without it.
//!
//! - Delays of two or more cycles for routing and for the crossbar are not pipelined inside a router: operations wait in
//!   one queue, a batch of them runs at a time, and the next begins when it has ended.
//! - A speculative bid of a head with several ways is wasted unless each of its ways has a free channel with a slot.

use super::spec::RouterSpec;

/// First and last cycle of the batch that runs or comes next, of each router.
#[derive(Debug, Default)]
struct Batches {
    spans: Vec<(u64, u64)>,
    delay: u64,
}

impl Batches {
    fn new(active: bool, delay: u8, routers: usize) -> Self {
        let spans = if active && delay >= 2 { vec![(0, 0); routers] } else { Vec::new() };
        Self { spans, delay: delay.into() }
    }

    /// The cycle in which an operation begins that could begin at `at`.
    fn begin(&mut self, r: u32, at: u64) -> Option<u64> {
        let (first, last) = self.spans.get_mut(r as usize)?;
        if at > *first {
            *first = at.max(*last + 1);
            *last = *first + self.delay - 1;
        }
        Some(*first)
    }
}

/// Operations of each router that run one batch at a time.
#[derive(Debug, Default)]
pub(super) struct Serial {
    routing: Batches,
    crossing: Batches,
    allocation: u64,
}

impl Serial {
    pub(super) fn new(spec: &RouterSpec, routers: usize) -> Self {
        Self {
            routing: Batches::new(spec.booksim, spec.routing, routers),
            crossing: Batches::new(spec.booksim, spec.traversal, routers),
            allocation: u64::from(spec.vc_allocation.max(1)) - 1,
        }
    }

    /// The cycle in which a head at the front from cycle `at` on first asks for a channel; `None`: as the spec says.
    #[inline]
    pub(super) fn routing(&mut self, r: u32, at: u64) -> Option<u64> {
        let begin = self.routing.begin(r, at)?;
        Some(begin + self.routing.delay + self.allocation)
    }

    /// Cycles a flit granted now waits before it crosses.
    #[inline]
    pub(super) fn crossing(&mut self, r: u32, now: u64) -> u64 {
        self.crossing.begin(r, now + 1).map_or(0, |begin| begin - (now + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_begins_when_the_last_has_ended() {
        let mut batches = Batches::new(true, 3, 1);
        let begins: Vec<_> = [5, 5, 6, 7, 8, 20].iter().map(|&at| batches.begin(0, at)).collect();
        assert_eq!(begins, [Some(5), Some(5), Some(8), Some(8), Some(8), Some(20)]);
        assert_eq!(Batches::new(true, 1, 1).begin(0, 4), None);
    }
}
