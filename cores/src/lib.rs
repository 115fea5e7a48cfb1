//! One emulated neuromorphic core. Integers only; no input or output, no threads, no coordinates, no packets.
//!
//! A core takes events `(axon, payload, delay slot)`, ticks, and hands out spikes of its own neurons. In a tick:
//!
//! 1. events of the tick before are delivered: each axon's row of synapses adds to the accumulator ring (or, by the
//!    model's discipline, sets the axon's bit, or acts on the neurons at once);
//! 2. plastic synapses learn from the events delivered and the spikes of the last tick;
//! 3. the neurons consume the ring's current slot, step, and may spike;
//! 4. the ring moves on by one slot.
//!
//! So a spike emitted at tick t over a synapse of delay d acts at t + 1 + d. *Local only*: a core's state changes
//! through its own events and ticks alone; this crate has no dependency through which it could be otherwise.

mod core;
mod counters;
pub mod fixed;
mod neuron;
mod plasticity;
mod prefetch;
pub mod random;
mod registers;
mod synapse;

pub use crate::core::{Core, CoreConfig, CoreError, Noise, Synapses, events_most};
pub use counters::CoreCounters;
pub use neuron::{
    Discipline, Draws, Example, Lfsr, ModelInfo, ModelKind, NeuronModel, Overflow, OverflowKind, Response,
    Spike, Step, Values, respond,
};
pub use plasticity::{
    Engine, Expression, ExpressionError, Factor, Plastic, PlasticRows, Product, RecordedStreams, Rule, Streams,
    TraceSettings, Variable,
};
pub use registers::{Column, ParameterError, Parameters, Per, Register, Role};
pub use synapse::{
    AccumulatorRing, AxonRing, Crossbar, CrossbarRow, DenseRow, DenseRows, NarrowRows, RowWord, Scheduled,
    SharedRows, SharedRowsBuilder, SignMode, SparseRows, SparseRowsBuilder, Synapse, SynapseError,
    SynapseStore, Truncation, WeightFormat, WideRows, WordRows, WordRowsBuilder,
};

use serde::{Deserialize, Serialize};

/// A neuron of this core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NeuronId(pub u32);

/// An input axon of this core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AxonId(pub u32);
