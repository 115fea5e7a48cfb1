//! The ring of accumulators: one slot of sums for the current tick and each later one in use.

/// `slots x targets` sums of 32 bits. Sums wrap at 2^32, which is exact for accumulators of fewer bits that wrap
/// themselves (2^22 divides 2^32); where a model needs exact sums, a core refuses synapses that could wrap.
#[derive(Clone, Debug)]
pub struct AccumulatorRing {
    targets: usize,
    slots: usize,
    current: usize,
    sums: Vec<i32>,
    stages: Vec<Stage>,
}

/// Sums of the synapses of one group before the group's exponent is applied: chips that shift after summing round once a
/// sum and not once a synapse.
#[derive(Clone, Debug)]
struct Stage {
    /// Sums are shifted right by so many bits, with floor.
    right: u32,
    /// As the ring's, relative to the current slot.
    sums: Vec<i32>,
    dirty: bool,
}

impl AccumulatorRing {
    /// An empty ring for delays up to `max_delay` ticks.
    pub fn new(targets: usize, max_delay: u32) -> Self {
        let slots = max_delay as usize + 1;
        Self { targets, slots, current: 0, sums: vec![0; targets * slots], stages: Vec::new() }
    }

    /// The same with a stage for each group of synapses whose sums are shifted right.
    pub fn with_stages(mut self, shifts: impl IntoIterator<Item = u32>) -> Self {
        let stage = |right| Stage { right, sums: vec![0; self.sums.len()], dirty: false };
        self.stages = shifts.into_iter().map(stage).collect();
        self
    }

    /// The sums the neurons consume in this tick.
    pub fn current(&self) -> &[i32] {
        let start = self.current * self.targets;
        &self.sums[start..start + self.targets]
    }

    /// The sums of the tick `later` ticks ahead; `later` must not exceed the ring's longest delay.
    #[inline]
    pub fn slot_mut(&mut self, later: usize) -> &mut [i32] {
        assert!(later < self.slots, "invariant: no delay exceeds the ring's longest");
        let mut slot = self.current + later;
        if slot >= self.slots {
            slot -= self.slots;
        }
        &mut self.sums[slot * self.targets..(slot + 1) * self.targets]
    }

    /// The sums of a stage for the tick `later` ticks ahead.
    pub fn stage_mut(&mut self, stage: usize, later: usize) -> &mut [i32] {
        assert!(later < self.slots, "invariant: no delay exceeds the ring's longest");
        let stage = &mut self.stages[stage];
        stage.dirty = true;
        &mut stage.sums[later * self.targets..(later + 1) * self.targets]
    }

    /// Shifts what the stages hold and adds it to the sums; once a tick, after the last delivery.
    pub fn settle(&mut self) {
        for at in (0..self.stages.len()).filter(|&at| self.stages[at].dirty).collect::<Vec<_>>() {
            let mut stage = std::mem::take(&mut self.stages[at].sums);
            let right = self.stages[at].right;
            for later in 0..self.slots {
                let from = &mut stage[later * self.targets..(later + 1) * self.targets];
                for (sum, staged) in self.slot_mut(later).iter_mut().zip(&*from) {
                    *sum = sum.wrapping_add(staged >> right);
                }
                from.fill(0);
            }
            self.stages[at].sums = stage;
            self.stages[at].dirty = false;
        }
    }

    /// Clears the current slot and moves on by a tick.
    pub fn advance(&mut self) {
        let start = self.current * self.targets;
        self.sums[start..start + self.targets].fill(0);
        self.current += 1;
        if self.current == self.slots {
            self.current = 0;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sums.fill(0);
        self.current = 0;
        for stage in &mut self.stages {
            stage.sums.fill(0);
            stage.dirty = false;
        }
    }

    /// Appends all slots from the current one on, for digests; stages are empty between ticks.
    pub fn state_words(&self, out: &mut Vec<i64>) {
        for later in 0..self.slots {
            let slot = (self.current + later) % self.slots;
            out.extend(self.sums[slot * self.targets..(slot + 1) * self.targets].iter().map(|&s| i64::from(s)));
        }
    }
}
