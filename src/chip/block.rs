//! Cores that step together: the unit of work for threads. A block knows no packet and no other block.

use spikemesh_cores::{AxonId, Core, CoreCounters, NeuronId, Spike};

/// A core with the axon events that wait for its next tick.
#[derive(Clone, Debug)]
struct Slot {
    core: Core,
    events: Vec<AxonId>,
    /// Spikes of the last tick.
    spikes: Vec<Spike>,
    /// Axon events and synaptic operations of the last tick.
    work: (u64, u64),
    /// Active and idle updates of the last tick.
    updates: (u64, u64),
}

/// A few cores of a chip. Its size depends on the chip alone, never on the number of threads.
#[derive(Clone, Debug)]
pub struct CoreBlock {
    slots: Vec<Slot>,
}

/// What one core did in a tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct CoreTick<'a> {
    pub spikes: &'a [Spike],
    pub axon_events: u64,
    pub synaptic_operations: u64,
    pub updates_active: u64,
    pub updates_idle: u64,
}

impl CoreBlock {
    pub(super) fn new(cores: impl IntoIterator<Item = Core>) -> Self {
        let slot = |core| Slot { core, events: Vec::new(), spikes: Vec::new(), work: (0, 0), updates: (0, 0) };
        Self { slots: cores.into_iter().map(slot).collect() }
    }

    /// Queues an event for the next tick of the block's `core`-th core.
    #[inline]
    pub(super) fn queue(&mut self, core: usize, axon: u32) {
        self.slots[core].events.push(AxonId(axon));
    }

    /// One tick of every core: deliver what waits, step, keep the spikes.
    pub fn step(&mut self) {
        for slot in &mut self.slots {
            let before = *slot.core.counters();
            for axon in slot.events.drain(..) {
                slot.core.deliver(axon, 1, 0);
            }
            slot.spikes.clear();
            slot.core.tick(&mut slot.spikes);
            let after = slot.core.counters();
            slot.work = (
                after.axon_events - before.axon_events,
                after.synaptic_operations - before.synaptic_operations,
            );
            slot.updates =
                (after.updates_active - before.updates_active, after.updates_idle - before.updates_idle);
        }
    }

    /// What each core did in the last tick, in order.
    pub(super) fn ticks(&self) -> impl Iterator<Item = CoreTick<'_>> {
        self.slots.iter().map(|slot| CoreTick {
            spikes: &slot.spikes,
            axon_events: slot.work.0,
            synaptic_operations: slot.work.1,
            updates_active: slot.updates.0,
            updates_idle: slot.updates.1,
        })
    }

    /// Forgets everything but the counters.
    pub(super) fn reset(&mut self) {
        for slot in &mut self.slots {
            slot.core.reset();
            slot.events.clear();
            slot.spikes.clear();
        }
    }

    /// Forgets everything, counters too.
    pub(super) fn reset_all(&mut self) {
        self.reset();
        for slot in &mut self.slots {
            slot.core.take_counters();
        }
    }

    pub(super) fn counters(&self) -> impl Iterator<Item = CoreCounters> + '_ {
        self.slots.iter().map(|slot| *slot.core.counters())
    }

    /// Appends neurons, sums and waiting events of every core, for digests.
    pub(super) fn state_words(&self, out: &mut Vec<i32>) {
        for slot in &self.slots {
            slot.core.state_words(out);
            // The order of arrival does not matter to a core that sums, so it must not matter here.
            let start = out.len();
            out.extend(slot.events.iter().map(|axon| axon.0 as i32));
            out[start..].sort_unstable();
        }
    }

    pub(super) fn membrane(&self, core: usize, neuron: u32) -> i32 {
        self.slots[core].core.membrane(NeuronId(neuron))
    }
}
