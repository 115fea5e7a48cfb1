//! The ring of axon bits: which axons are active in each of the next ticks, one bit each, as TrueNorth's scheduler.

use crate::AxonId;

/// Ticks a scheduler holds; a packet for the last of them would hit the slot in use and is dropped.
const SLOTS: u32 = 16;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduled {
    /// It waits for its tick.
    Set,
    /// The axon had an event for that tick already.
    Merged,
    /// The tick is beyond the scheduler.
    Dropped,
}

/// 16 slots of one bit an axon.
#[derive(Clone, Debug)]
pub struct AxonRing {
    words: usize,
    current: usize,
    bits: Vec<u64>,
}

impl AxonRing {
    /// An empty ring.
    pub fn new(axons: usize) -> Self {
        let words = axons.div_ceil(64);
        Self { words, current: 0, bits: vec![0; words * SLOTS as usize] }
    }

    /// Schedules an event `later` ticks after the current one.
    pub fn set(&mut self, axon: AxonId, later: u32) -> Scheduled {
        if later >= SLOTS - 1 {
            return Scheduled::Dropped;
        }
        let slot = (self.current + later as usize) % SLOTS as usize;
        let word = &mut self.bits[slot * self.words + axon.0 as usize / 64];
        let bit = 1 << (axon.0 % 64);
        let merged = *word & bit != 0;
        *word |= bit;
        if merged { Scheduled::Merged } else { Scheduled::Set }
    }

    /// Active axons of the current tick, ascending; clears the slot and moves on.
    pub fn take(&mut self, mut visit: impl FnMut(AxonId)) {
        let start = self.current * self.words;
        for (i, word) in self.bits[start..start + self.words].iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                visit(AxonId((i * 64) as u32 + rest.trailing_zeros()));
                rest &= rest - 1;
            }
        }
        self.current = (self.current + 1) % SLOTS as usize;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bits.fill(0);
        self.current = 0;
    }

    /// Appends all slots from the current one on, for digests.
    pub fn state_words(&self, out: &mut Vec<i64>) {
        for later in 0..SLOTS as usize {
            let slot = (self.current + later) % SLOTS as usize;
            out.extend(self.bits[slot * self.words..(slot + 1) * self.words].iter().map(|&w| w as i64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_wait_merge_and_drop() {
        let mut ring = AxonRing::new(130);
        assert_eq!(ring.set(AxonId(129), 14), Scheduled::Set);
        assert_eq!(ring.set(AxonId(129), 14), Scheduled::Merged);
        assert_eq!(ring.set(AxonId(3), 15), Scheduled::Dropped);
        for tick in 0..40 {
            let mut seen = Vec::new();
            ring.take(|axon| seen.push(axon.0));
            assert_eq!(seen, if tick == 14 { vec![129] } else { vec![] });
        }
    }
}
