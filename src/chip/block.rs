//! Cores that step together: the unit of work for threads. A block knows no packet and no other block.

use spikemesh_cores::{AxonId, Core, CoreCounters, NeuronId, Spike};

/// Events between bringing a row near and delivering it.
const EVENTS_AHEAD: usize = 4;

/// A core with the axon events that wait for its next tick.
#[derive(Clone, Debug)]
struct Slot {
    core: Core,
    /// (axon, payload, ticks it waits).
    events: Vec<(AxonId, i32, u8)>,
    /// Spikes of the last tick.
    spikes: Vec<Spike>,
    work: CoreWork,
}

/// A few cores of a chip. Its size depends on the chip alone, never on the number of threads.
#[derive(Clone, Debug)]
pub struct CoreBlock {
    slots: Vec<Slot>,
}

/// What one core did in its last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreWork {
    /// Axon events taken.
    pub axon_events: u64,
    /// Synapses read for them.
    pub synaptic_operations: u64,
    /// Updates of neurons with something to do.
    pub updates_active: u64,
    /// Updates of neurons with nothing to do.
    pub updates_idle: u64,
    /// Evaluations of a learning rule.
    pub learning_updates: u64,
    /// Updates of a trace.
    pub trace_updates: u64,
    /// Spikes.
    pub spikes: u64,
    /// Packets made of them; known once the tick's spikes are exchanged.
    pub packets: u64,
}

impl CoreBlock {
    pub(super) fn new(cores: impl IntoIterator<Item = Core>) -> Self {
        let slot = |core| Slot { core, events: Vec::new(), spikes: Vec::new(), work: CoreWork::default() };
        Self { slots: cores.into_iter().map(slot).collect() }
    }

    /// Queues an event for the next tick of the block's `core`-th core.
    #[inline]
    pub(super) fn queue(&mut self, core: usize, axon: u32, payload: i32, wait: u8) {
        self.slots[core].events.push((AxonId(axon), payload, wait));
    }

    /// One tick of every core: deliver what waits, step, keep the spikes.
    pub fn step(&mut self) {
        for slot in &mut self.slots {
            let before = *slot.core.counters();
            if slot.core.order_matters() {
                // Ascending by axon is ascending by source, so results do not depend on where sources sit.
                slot.events.sort_unstable();
            }
            for (i, &(axon, payload, wait)) in slot.events.iter().enumerate() {
                if let Some((later, ..)) = slot.events.get(i + 2 * EVENTS_AHEAD) {
                    slot.core.approach(*later);
                }
                if let Some((later, ..)) = slot.events.get(i + EVENTS_AHEAD) {
                    slot.core.touch(*later);
                }
                slot.core.deliver(axon, payload, wait.into());
            }
            slot.events.clear();
            slot.spikes.clear();
            slot.core.tick(&mut slot.spikes);
            let after = slot.core.counters();
            slot.work = CoreWork {
                axon_events: after.axon_events - before.axon_events,
                synaptic_operations: after.synaptic_operations - before.synaptic_operations,
                updates_active: after.updates_active - before.updates_active,
                updates_idle: after.updates_idle - before.updates_idle,
                learning_updates: after.learning_updates - before.learning_updates,
                trace_updates: after.trace_updates - before.trace_updates,
                spikes: after.spikes - before.spikes,
                packets: 0,
            };
        }
    }

    /// Brings near what [`CoreBlock::row_len`] reads.
    #[inline]
    pub(super) fn approach(&self, core: usize, axon: u32) {
        self.slots[core].core.approach(AxonId(axon));
    }

    /// Synapses behind an axon of the block's `core`-th core.
    pub(super) fn row_len(&self, core: usize, axon: u32) -> u64 {
        self.slots[core].core.row_len(AxonId(axon))
    }

    /// What the block's `core`-th core did in the last tick.
    pub(super) fn work(&self, core: usize) -> CoreWork {
        self.slots[core].work
    }

    /// Takes the spikes of a core's last tick; [`CoreBlock::give_back`] returns the memory.
    pub(super) fn take_spikes(&mut self, core: usize) -> Vec<Spike> {
        std::mem::take(&mut self.slots[core].spikes)
    }

    /// Returns them, with the number of packets they became.
    pub(super) fn give_back(&mut self, core: usize, spikes: Vec<Spike>, packets: u64) {
        self.slots[core].spikes = spikes;
        self.slots[core].work.packets = packets;
    }

    /// Numbers the sample that starts.
    pub(super) fn begin(&mut self, sample: u64) {
        self.slots.iter_mut().for_each(|slot| slot.core.begin(sample));
    }

    /// Forgets everything but the counters and what was learned.
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
    pub(super) fn state_words(&self, out: &mut Vec<i64>) {
        for slot in &self.slots {
            slot.core.state_words(out);
            // The order of arrival does not matter to a core that sums, so it must not matter here.
            let mut events = slot.events.clone();
            events.sort_unstable();
            out.extend(
                events
                    .iter()
                    .flat_map(|(axon, payload, wait)| [i64::from(axon.0), (*payload).into(), (*wait).into()]),
            );
        }
    }

    pub(super) fn core(&self, core: usize) -> &Core {
        &self.slots[core].core
    }

    pub(super) fn core_mut(&mut self, core: usize) -> &mut Core {
        &mut self.slots[core].core
    }

    pub(super) fn membrane(&self, core: usize, neuron: u32) -> i64 {
        self.slots[core].core.membrane(NeuronId(neuron))
    }
}
