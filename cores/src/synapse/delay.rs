//! The ring of accumulators: one slot of sums for the current tick and each later one in use.

/// Sums in a line of the cache.
const LINE: usize = 16;

/// `slots x targets` sums of 32 bits. Sums wrap at 2^32, which is exact for accumulators of fewer bits that wrap
/// themselves (2^22 divides 2^32), but for whether they did: a ring that [watches](AccumulatorRing::watched) tells. Where
/// a model needs exact sums, a core refuses synapses that could wrap.
#[derive(Clone, Debug)]
pub struct AccumulatorRing {
    targets: usize,
    slots: usize,
    current: usize,
    sums: Vec<i32>,
    /// Unused sums before the first slot, which so starts where a line of the cache does: additions of whole vectors
    /// would else touch two lines each.
    lead: usize,
    /// Where each slot starts after the lead, twice around, so that a walk from any slot meets no end.
    starts: Vec<u32>,
    stages: Vec<Stage>,
    /// The same sums in 64 bits, by distance from the first slot; empty where nobody watches.
    wide: Vec<i64>,
}

/// A sum of this and more wraps in every accumulator of fewer than 31 bits.
const BEYOND: i32 = 1 << 30;

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

/// The ring's sums from a tick on, for many additions of different delays.
pub(crate) struct Slots<'a> {
    /// Where the slots from that tick on start.
    starts: &'a [u32],
    sums: &'a mut [i32],
}

impl Slots<'_> {
    /// The sum of a target, which must be below the number of targets, `delay` ticks after the first slot; panics beyond
    /// the ring's longest delay.
    #[inline(always)]
    pub(crate) fn sum(&mut self, delay: usize, target: usize) -> &mut i32 {
        &mut self.sums[self.starts[delay] as usize + target]
    }
}

impl AccumulatorRing {
    /// An empty ring for delays up to `max_delay` ticks.
    pub fn new(targets: usize, max_delay: u32) -> Self {
        let slots = max_delay as usize + 1;
        let sums = vec![0; targets * slots + LINE];
        // A clone may lie elsewhere: then it is slower, not different.
        let lead = sums.as_ptr().align_offset(LINE * size_of::<i32>()).min(LINE);
        let starts = (0..2 * slots).map(|slot| (slot % slots * targets) as u32).collect();
        Self { targets, slots, current: 0, sums, lead, starts, stages: Vec::new(), wide: Vec::new() }
    }

    /// The same, watching for sums beyond 32 bits: whoever delivers also calls [`AccumulatorRing::watch`], and
    /// [`AccumulatorRing::show_wraps`] before the sums are consumed.
    pub fn watched(mut self) -> Self {
        self.wide = vec![0; self.targets * self.slots];
        self
    }

    /// Whether the ring watches.
    pub fn is_watched(&self) -> bool {
        !self.wide.is_empty()
    }

    /// Notes what was added to the sum of a target `later` ticks ahead.
    pub fn watch(&mut self, later: usize, target: usize, amount: i64) {
        let start = self.starts[self.current + later] as usize;
        self.wide[start + target] += amount;
    }

    /// Puts in place of each current sum that left 32 bits one that is equal modulo 2^30 and at least 2^30, so that a
    /// narrower accumulator comes to the same value and sees that it wrapped.
    pub fn show_wraps(&mut self) {
        if !self.is_watched() {
            return;
        }
        let (start, place) = (self.starts[self.current] as usize, self.place(0));
        for (sum, wide) in self.sums[place].iter_mut().zip(&self.wide[start..]) {
            // Stages round once a sum and the watcher once a synapse; a wrap is off by 2^32 at the least.
            if wide.abs_diff((*sum).into()) >= 1 << 31 {
                *sum = *sum & (BEYOND - 1) | BEYOND;
            }
        }
    }

    /// The same with a stage for each group of synapses whose sums are shifted right.
    pub fn with_stages(mut self, shifts: impl IntoIterator<Item = u32>) -> Self {
        let stage = |right| Stage { right, sums: vec![0; self.targets * self.slots], dirty: false };
        self.stages = shifts.into_iter().map(stage).collect();
        self
    }

    #[inline]
    fn place(&self, later: usize) -> std::ops::Range<usize> {
        assert!(later < self.slots, "invariant: no delay exceeds the ring's longest");
        let start = self.lead + self.starts[self.current + later] as usize;
        start..start + self.targets
    }

    /// The sums the neurons consume in this tick.
    pub fn current(&self) -> &[i32] {
        &self.sums[self.place(0)]
    }

    /// The sums of the tick `later` ticks ahead; `later` must not exceed the ring's longest delay.
    #[inline]
    pub fn slot_mut(&mut self, later: usize) -> &mut [i32] {
        let place = self.place(later);
        &mut self.sums[place]
    }

    /// The sums of the tick `later` ticks ahead and of all ticks after it.
    #[inline]
    pub(crate) fn slots_mut(&mut self, later: usize) -> Slots<'_> {
        assert!(later < self.slots, "invariant: no delay exceeds the ring's longest");
        let starts = &self.starts[self.current + later..self.current + self.slots];
        Slots { starts, sums: &mut self.sums[self.lead..] }
    }

    /// The sums of a stage for the tick `later` ticks ahead.
    pub fn stage_mut(&mut self, stage: usize, later: usize) -> &mut [i32] {
        assert!(later < self.slots, "invariant: no delay exceeds the ring's longest");
        let stage = &mut self.stages[stage];
        stage.dirty = true;
        &mut stage.sums[later * self.targets..(later + 1) * self.targets]
    }

    /// The sums of a stage for the tick `later` ticks ahead and of all ticks after it.
    pub(crate) fn stages_mut(&mut self, stage: usize, later: usize) -> Slots<'_> {
        assert!(later < self.slots, "invariant: no delay exceeds the ring's longest");
        let stage = &mut self.stages[stage];
        stage.dirty = true;
        // A stage's slots go by distance from the current one.
        Slots { starts: &self.starts[later..self.slots], sums: &mut stage.sums }
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
        self.slot_mut(0).fill(0);
        if self.is_watched() {
            let start = self.starts[self.current] as usize;
            self.wide[start..start + self.targets].fill(0);
        }
        self.current += 1;
        if self.current == self.slots {
            self.current = 0;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sums.fill(0);
        self.wide.fill(0);
        self.current = 0;
        for stage in &mut self.stages {
            stage.sums.fill(0);
            stage.dirty = false;
        }
    }

    /// Appends all slots from the current one on, for digests; stages are empty between ticks.
    pub fn state_words(&self, out: &mut Vec<i64>) {
        for later in 0..self.slots {
            out.extend(self.sums[self.place(later)].iter().map(|&s| i64::from(s)));
        }
    }
}
