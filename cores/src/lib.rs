//! One emulated neuromorphic core. Integers only; no input or output, no threads, no coordinates, no packets.
//!
//! A core takes events `(axon, payload, delay slot)`, ticks, and hands out spikes of its own neurons. In a tick:
//!
//! 1. events of the tick before are delivered: each axon's row of synapses adds to the accumulator ring;
//! 2. the neurons consume the ring's current slot, step, and may spike;
//! 3. the ring moves on by one slot.
//!
//! So a spike emitted at tick t over a synapse of delay d acts at t + 1 + d. *Local only*: a core's state changes
//! through its own events and ticks alone; this crate has no dependency through which it could be otherwise.

mod core;
mod counters;
pub mod fixed;
mod neuron;
pub mod random;
mod synapse;

pub use crate::core::{Core, CoreError, ModelParameters, Synapses};
pub use counters::CoreCounters;
pub use neuron::{CubaLif, CubaLifParameters, NeuronModel, ParameterError, Spike};
pub use synapse::{
    AccumulatorRing, Crossbar, SharedRows, SharedRowsBuilder, SparseRows, SparseRowsBuilder, Synapse,
    SynapseError, SynapseStore,
};

use serde::{Deserialize, Serialize};

/// A neuron of this core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NeuronId(pub u32);

/// An input axon of this core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AxonId(pub u32);
