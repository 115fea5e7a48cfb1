//! A core: neurons, synapses, the ring between them, and counters.

use crate::neuron::{CubaLif, CubaLifParameters, NeuronModel, ParameterError, Spike};
use crate::synapse::{AccumulatorRing, Crossbar, SharedRows, SparseRows, SynapseError, SynapseStore};
use crate::{AxonId, CoreCounters, NeuronId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Registers of a core's neurons, by model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelParameters {
    /// Loihi 1's current-based LIF.
    CubaLif(CubaLifParameters),
}

/// Synapses of a core, by kind of store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Synapses {
    /// Sparse rows by axon.
    Sparse(SparseRows),
    /// A binary crossbar.
    Crossbar(Crossbar),
    /// Rows addressed by (axon -> row and offset), for kernels that many axons share.
    Shared(SharedRows),
}

impl Synapses {
    /// The store behind its trait, for reading; the tick does not go through here.
    pub fn store(&self) -> &dyn SynapseStore {
        match self {
            Synapses::Sparse(rows) => rows,
            Synapses::Crossbar(crossbar) => crossbar,
            Synapses::Shared(rows) => rows,
        }
    }

    /// Checks a deserialised store: consistent in itself and made for so many neurons.
    ///
    /// # Errors
    /// The first broken promise.
    pub fn validate(&self, neurons: usize) -> Result<(), SynapseError> {
        match self {
            Synapses::Sparse(rows) => rows.validate(neurons),
            Synapses::Crossbar(crossbar) => crossbar.validate(neurons),
            Synapses::Shared(rows) => rows.validate(neurons),
        }
    }
}

/// Why a core cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoreError {
    /// Registers out of range.
    #[error("{} bad registers, the first: {}", .0.len(), .0[0])]
    Parameters(Vec<ParameterError>),
    /// A store that contradicts itself.
    #[error(transparent)]
    Synapses(#[from] SynapseError),
}

#[derive(Clone, Debug)]
enum Model {
    CubaLif(CubaLif),
}

/// One emulated core. A plain value without locks; clones share the read-only synapses.
#[derive(Clone, Debug)]
pub struct Core {
    model: Model,
    synapses: Arc<Synapses>,
    ring: AccumulatorRing,
    counters: CoreCounters,
}

impl Core {
    /// A core at rest.
    ///
    /// # Errors
    /// Registers or synapses out of range.
    pub fn new(parameters: ModelParameters, synapses: Arc<Synapses>) -> Result<Self, CoreError> {
        let ModelParameters::CubaLif(registers) = parameters;
        let model = CubaLif::new(registers).map_err(CoreError::Parameters)?;
        synapses.validate(model.len())?;
        let ring = AccumulatorRing::new(model.len(), synapses.store().max_delay());
        Ok(Self { model: Model::CubaLif(model), synapses, ring, counters: CoreCounters::default() })
    }

    fn model(&self) -> &CubaLif {
        let Model::CubaLif(model) = &self.model;
        model
    }

    /// Number of neurons.
    pub fn neuron_count(&self) -> usize {
        self.model().len()
    }

    /// Number of input axons.
    pub fn axon_count(&self) -> usize {
        self.synapses.store().axon_count()
    }

    /// Delivers an event of the tick before, `delay_slot` ticks later than its synapses say.
    ///
    /// # Panics
    /// If the axon does not exist or the delay exceeds the ring: events come from a checked image.
    #[inline]
    pub fn deliver(&mut self, axon: AxonId, payload: i32, delay_slot: u32) {
        let read = match &*self.synapses {
            Synapses::Sparse(rows) => rows.deliver(axon, payload, delay_slot, &mut self.ring),
            Synapses::Crossbar(crossbar) => crossbar.deliver(axon, payload, delay_slot, &mut self.ring),
            Synapses::Shared(rows) => rows.deliver(axon, payload, delay_slot, &mut self.ring),
        };
        self.counters.axon_events += 1;
        self.counters.synaptic_operations += read;
    }

    /// Steps all neurons and appends their spikes in order of neuron.
    pub fn tick(&mut self, spikes: &mut Vec<Spike>) {
        let Model::CubaLif(model) = &mut self.model;
        model.step(self.ring.current(), spikes, &mut self.counters);
        self.ring.advance();
    }

    /// What was counted since the last [`Core::take_counters`].
    pub fn counters(&self) -> &CoreCounters {
        &self.counters
    }

    /// Takes the counters, leaving zeros.
    pub fn take_counters(&mut self) -> CoreCounters {
        std::mem::take(&mut self.counters)
    }

    /// Neurons and ring back to their initial state; counters stay.
    pub fn reset(&mut self) {
        let Model::CubaLif(model) = &mut self.model;
        model.reset();
        self.ring.clear();
    }

    /// Appends neurons' state and pending sums in a fixed order, for digests.
    pub fn state_words(&self, out: &mut Vec<i32>) {
        self.model().state_words(out);
        self.ring.state_words(out);
    }

    /// The membrane potential of a neuron.
    pub fn membrane(&self, neuron: NeuronId) -> i32 {
        self.model().membrane(neuron)
    }

    /// Currents of all neurons.
    pub fn u(&self) -> &[i32] {
        self.model().u()
    }

    /// Membrane potentials of all neurons.
    pub fn v(&self) -> &[i32] {
        self.model().v()
    }
}
