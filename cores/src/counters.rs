//! What a core counts, in whole numbers.

use serde::{Deserialize, Serialize};

/// Events of one core since its counters were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreCounters {
    /// Axon events delivered.
    pub axon_events: u64,
    /// Synapses read for them.
    pub synaptic_operations: u64,
    /// Neuron updates with input, bias or state other than zero.
    pub updates_active: u64,
    /// Neuron updates with nothing to do.
    pub updates_idle: u64,
    /// Spikes.
    pub spikes: u64,
    /// Accumulators and currents that wrapped.
    pub wraps: u64,
    /// Sums of current and bias that wrapped.
    pub bias_wraps: u64,
    /// Potentials that were clipped.
    pub clips: u64,
    /// Sums, products and learned weights that met the end of their format and stayed there.
    pub saturations: u64,
    /// Events for an axon that already had one in the same tick.
    pub merged: u64,
    /// Events that the scheduler could not hold, or beyond [`crate::events_most`].
    pub dropped: u64,
    /// Evaluations of a learning rule for one synapse.
    pub learning_updates: u64,
    /// Of them, those that changed the weight.
    pub weight_changes: u64,
    /// Updates of a learning trace.
    pub trace_updates: u64,
}

impl CoreCounters {
    /// Every count with its name, in a fixed order.
    pub fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("axon_events", self.axon_events),
            ("synaptic_operations", self.synaptic_operations),
            ("updates_active", self.updates_active),
            ("updates_idle", self.updates_idle),
            ("spikes", self.spikes),
            ("wraps", self.wraps),
            ("bias_wraps", self.bias_wraps),
            ("clips", self.clips),
            ("saturations", self.saturations),
            ("merged", self.merged),
            ("dropped", self.dropped),
            ("learning_updates", self.learning_updates),
            ("weight_changes", self.weight_changes),
            ("trace_updates", self.trace_updates),
        ]
    }
}

impl std::ops::AddAssign for CoreCounters {
    fn add_assign(&mut self, other: Self) {
        self.axon_events += other.axon_events;
        self.synaptic_operations += other.synaptic_operations;
        self.updates_active += other.updates_active;
        self.updates_idle += other.updates_idle;
        self.spikes += other.spikes;
        self.wraps += other.wraps;
        self.bias_wraps += other.bias_wraps;
        self.clips += other.clips;
        self.saturations += other.saturations;
        self.merged += other.merged;
        self.dropped += other.dropped;
        self.learning_updates += other.learning_updates;
        self.weight_changes += other.weight_changes;
        self.trace_updates += other.trace_updates;
    }
}
