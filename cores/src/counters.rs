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
    }
}
