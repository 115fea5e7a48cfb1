//! Neuron models: each steps all neurons of a core at once over arrays.

mod cuba_lif;

pub use cuba_lif::{CubaLif, CubaLifParameters, ParameterError};

use crate::{CoreCounters, NeuronId};

/// A spike a core emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// Who.
    pub neuron: NeuronId,
    /// 1 for a plain spike.
    pub payload: i32,
    /// Active updates among the neurons up to and including this one: with the neuron's index it tells how much
    /// work the core had done when the spike left.
    pub active_before: u32,
}

/// A model of all the neurons of one core.
pub trait NeuronModel {
    /// Number of neurons.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One tick: consumes the summed inputs, appends spikes in order of neuron, counts.
    fn step(&mut self, inputs: &[i32], spikes: &mut Vec<Spike>, counters: &mut CoreCounters);

    /// Back to the initial state.
    fn reset(&mut self);

    /// Appends the whole state in a fixed order, for digests.
    fn state_words(&self, out: &mut Vec<i32>);

    /// The membrane potential of a neuron.
    fn membrane(&self, neuron: NeuronId) -> i32;
}
