//! What pricing needs of a run: how often each cause occurred.

use super::CAUSES;
use crate::chip::ChipCounters;
use spikemesh_cores::CoreCounters;
use std::collections::BTreeMap;

/// Occurrences of every cause, in the order of [`CAUSES`]; for `clock` and `static` picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts([u64; CAUSES.len()]);

/// The place of a cause in [`CAUSES`].
fn place(cause: &str) -> Option<usize> {
    CAUSES.iter().position(|(name, _)| *name == cause)
}

impl EventCounts {
    /// Of a whole chip.
    pub fn of_chip(counters: &ChipCounters) -> Self {
        let noc = &counters.noc;
        let class = |i: usize| noc.flit_crossings.get(i).copied().unwrap_or(0);
        let time_ps = counters.tick_time_ps + counters.reset_time_ps;
        Self::of_core(&counters.core_total(), noc.packets - counters.input_packets)
            .with("same_core_spike", noc.same_endpoint)
            .with("same_router_spike", noc.same_router)
            .with("hop_east_west", class(0))
            .with("hop_north_south", class(1))
            .with("input_packet", counters.input_packets)
            .with("output_packet", counters.output_packets)
            .with("barrier", counters.ticks)
            .with("reset", counters.resets)
            .with("clock", time_ps)
            .with("static", time_ps)
    }

    /// Of a core alone, which put so many packets into the network.
    pub fn of_core(core: &CoreCounters, packets_sent: u64) -> Self {
        Self::default()
            .with("axon_event", core.axon_events)
            .with("synaptic_operation", core.synaptic_operations)
            .with("neuron_update_active", core.updates_active)
            .with("neuron_update_idle", core.updates_idle)
            .with("neuron_spike", core.spikes)
            .with("packet_sent", packets_sent)
            .with("learning_update", core.learning_updates)
            .with("trace_update", core.trace_updates)
    }

    /// Of a link of a class, 0 for horizontal and 1 for vertical ones, that so many flits crossed.
    pub fn of_link(class: usize, flits: u64) -> Self {
        match class {
            0 => Self::default().with("hop_east_west", flits),
            1 => Self::default().with("hop_north_south", flits),
            _ => Self::default(),
        }
    }

    /// The same with another count of a cause.
    ///
    /// # Panics
    /// If there is no such cause.
    pub fn with(mut self, cause: &str, count: u64) -> Self {
        self.0[place(cause).expect("invariant: the cause is in the list")] = count;
        self
    }

    /// Occurrences of a cause; 0 if there is no such cause.
    pub fn get(&self, cause: &str) -> u64 {
        place(cause).map_or(0, |i| self.0[i])
    }

    /// All of them by name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        CAUSES.iter().zip(self.0).map(|((name, _), count)| (*name, count))
    }

    /// The counts of that many causes by name; the names that are no causes come back as the error.
    ///
    /// # Errors
    /// Names that are no causes.
    pub fn from_named(named: &BTreeMap<String, u64>) -> Result<Self, Vec<String>> {
        let strangers: Vec<_> = named.keys().filter(|name| place(name).is_none()).cloned().collect();
        if !strangers.is_empty() {
            return Err(strangers);
        }
        Ok(named.iter().fold(Self::default(), |counts, (name, count)| counts.with(name, *count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_counts_there_and_back() {
        let counts = EventCounts::default().with("barrier", 3).with("static", 7);
        let named: BTreeMap<String, u64> = counts.named().map(|(name, n)| (name.to_owned(), n)).collect();
        assert_eq!(named.len(), CAUSES.len());
        assert_eq!(EventCounts::from_named(&named), Ok(counts));
        assert_eq!((counts.get("barrier"), counts.get("hop"), counts.get("reset")), (3, 0, 0));
        let strange = BTreeMap::from([("hop".to_owned(), 1)]);
        assert_eq!(EventCounts::from_named(&strange), Err(vec!["hop".to_owned()]));
    }
}
