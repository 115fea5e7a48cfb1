//! A run in SANA-FE's terms: counts by step, hops by direction, and its *simple* chip time.

use crate::chip::{Chip, ChipCounters, ChipImage, CoreTiming, CoreWork, TickSpikes};
use crate::error::Error;
use serde::Serialize;
use spikemesh_router::Topology;

/// What happened in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepCounts {
    /// Neurons that fired.
    pub spikes: u64,
    /// Updates charged as active.
    pub active: u64,
    /// Packets sent, to the own core too.
    pub packets: u64,
    /// Synaptic operations of those packets.
    pub synaptic_operations: u64,
    /// Chip time by SANA-FE's *simple* timing: the busiest sender or the busiest receiver, and the barrier.
    pub simple_ps: u64,
    /// Chip time by this chip's own model.
    pub tick_ps: u64,
}

impl StepCounts {
    /// A step as far as it goes without what becomes of its packets.
    fn sent(chip: &Chip, timing: &CoreTiming, tick_ps: u64) -> Self {
        let mut step = StepCounts { tick_ps, ..StepCounts::default() };
        for work in chip.work() {
            step.spikes += work.spikes;
            step.active += work.updates_active;
            step.packets += work.packets;
            let busy_ps = work.updates_active * timing.update_active_ps
                + work.updates_idle * timing.update_idle_ps
                + work.spikes * timing.spike_ps
                + work.packets * timing.packet_ps;
            step.simple_ps = step.simple_ps.max(busy_ps);
        }
        step
    }

    /// Adds what became of its packets, which the chip receives in the tick after it.
    fn received(&mut self, chip: &Chip, timing: &CoreTiming) {
        let receive_ps = |work: &CoreWork| {
            work.axon_events * timing.axon_event_ps + work.synaptic_operations * timing.synaptic_operation_ps
        };
        self.synaptic_operations = chip.work().map(|work| work.synaptic_operations).sum();
        let receiver_ps = chip.work().map(|work| receive_ps(&work)).max().unwrap_or(0);
        self.simple_ps = self.simple_ps.max(receiver_ps) + chip.interface().barrier_ps();
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Record {
    /// By step.
    pub steps: Vec<StepCounts>,
    /// Everything counted in those steps; what their packets do at their cores is in it.
    pub counters: ChipCounters,
    /// Hops to the east, west, north and south.
    pub hops: [u64; 4],
}

impl Record {
    /// Runs a chip, fresh from a graph's image, for so many steps.
    ///
    /// # Errors
    /// The image's mesh cannot be.
    pub fn run(chip: &mut Chip, image: &ChipImage, steps: u32) -> Result<Self, Error> {
        let timing = &image.spec.timing;
        let mut spikes = TickSpikes::default();
        let mut all: Vec<StepCounts> = Vec::with_capacity(steps as usize);
        for _ in 0..steps {
            chip.tick(&[], false, &mut spikes);
            if let Some(before) = all.last_mut() {
                before.received(chip, timing);
            }
            all.push(StepCounts::sent(chip, timing, spikes.tick_ps));
        }
        let mut counters = chip.counters();
        let hops = hops(&image.spec.topology()?, &counters);
        // What the last step sent is received in one tick more, of which nothing else counts.
        chip.tick(&[], false, &mut spikes);
        if let Some(last) = all.last_mut() {
            last.received(chip, timing);
        }
        for ((_, counted), (_, after)) in counters.cores.iter_mut().zip(chip.counters().cores) {
            counted.axon_events = after.axon_events;
            counted.synaptic_operations = after.synaptic_operations;
        }
        Ok(Self { steps: all, counters, hops })
    }

    /// Sum of a count over the steps.
    pub fn total(&self, of: impl Fn(&StepCounts) -> u64) -> u64 {
        self.steps.iter().map(of).sum()
    }
}

/// Hops by direction: east, west, north, south.
fn hops(topology: &Topology, counters: &ChipCounters) -> [u64; 4] {
    let mut hops = [0; 4];
    for (link, counted) in topology.links().iter().zip(&counters.noc.links) {
        let (from, to) = (topology.coord(link.from), topology.coord(link.to));
        let direction = match (to.x.cmp(&from.x), to.y.cmp(&from.y)) {
            (std::cmp::Ordering::Greater, _) => 0,
            (std::cmp::Ordering::Less, _) => 1,
            (_, std::cmp::Ordering::Greater) => 2,
            _ => 3,
        };
        hops[direction] += counted.packets;
    }
    hops
}
