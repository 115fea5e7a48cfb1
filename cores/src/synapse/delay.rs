//! The ring of accumulators: one slot of sums for the current tick and each later one in use.

/// `slots x neurons` sums of 32 bits. Sums wrap at 2^32, which is exact for accumulators of fewer bits that wrap
/// themselves (2^22 divides 2^32).
#[derive(Clone, Debug)]
pub struct AccumulatorRing {
    neurons: usize,
    slots: usize,
    current: usize,
    sums: Vec<i32>,
}

impl AccumulatorRing {
    /// An empty ring for delays up to `max_delay` ticks.
    pub fn new(neurons: usize, max_delay: u32) -> Self {
        let slots = max_delay as usize + 1;
        Self { neurons, slots, current: 0, sums: vec![0; neurons * slots] }
    }

    /// The sums the neurons consume in this tick.
    pub fn current(&self) -> &[i32] {
        let start = self.current * self.neurons;
        &self.sums[start..start + self.neurons]
    }

    /// The sums of the tick `later` ticks ahead; `later` must not exceed the ring's longest delay.
    #[inline]
    pub fn slot_mut(&mut self, later: usize) -> &mut [i32] {
        assert!(later < self.slots, "invariant: no delay exceeds the ring's longest");
        let slot = (self.current + later) % self.slots;
        &mut self.sums[slot * self.neurons..(slot + 1) * self.neurons]
    }

    /// Clears the current slot and moves on by a tick.
    pub fn advance(&mut self) {
        let start = self.current * self.neurons;
        self.sums[start..start + self.neurons].fill(0);
        self.current = (self.current + 1) % self.slots;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sums.fill(0);
        self.current = 0;
    }

    /// Appends all slots from the current one on, for digests.
    pub fn state_words(&self, out: &mut Vec<i32>) {
        for later in 0..self.slots {
            let slot = (self.current + later) % self.slots;
            out.extend_from_slice(&self.sums[slot * self.neurons..(slot + 1) * self.neurons]);
        }
    }
}
