//! A spiking network in real units, which knows no chip.
//!
//! Populations of neurons are joined by projections; some populations are inputs, some are outputs. Every neuron
//! of the network, inputs included, has one [`NeuronId`]: populations in order, neurons in order. Noise, digests
//! and reports use that number, so nothing depends on where a neuron is placed.

mod builder;
mod convolution;
mod discrete;
mod file;
pub mod import;
mod oracle;
mod random;
mod weights;

pub use builder::NetworkBuilder;
pub use convolution::ConvolutionShape;
pub use discrete::{DiscreteNeuron, discretise};
pub use file::{NETWORK_FORMAT, parse_network, read_network_file};
pub use oracle::{Oracle, OracleResult, OracleSample};
pub use random::{RandomNetwork, random_network};
pub use weights::Weights;

use serde::{Deserialize, Serialize};
use spikemesh_cores::{Parameters, Rule};

/// A neuron of the network (inputs are numbered too); unlike a core's own index it does not depend on placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NeuronId(pub u32);

/// A population of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PopulationId(pub u32);

/// What happens to the membrane on a spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reset {
    /// v takes the reset value.
    Zero,
    /// The threshold (less the reset value) is subtracted from v.
    Subtract,
}

/// How the differential equation is stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Integrator {
    /// Forward Euler: keep 1 - dt/tau.
    Euler,
    /// Exact for an input held over the step: keep exp(-dt/tau).
    Exponential,
}

/// The choices a network file does not make (NIR has no dt and no reset by subtraction), so the user must.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conventions {
    /// Length of a tick in seconds, above 0.
    pub dt_s: f64,
    /// Reset on a spike.
    pub reset: Reset,
    /// Integration rule.
    pub integrator: Integrator,
}

/// A parameter of a population: one value for all, or one for each neuron.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// The same for all.
    Uniform(f64),
    /// One for each neuron.
    Each(Vec<f64>),
}

impl Parameter {
    /// The value of one neuron.
    pub fn at(&self, neuron: usize) -> f64 {
        match self {
            Parameter::Uniform(value) => *value,
            Parameter::Each(values) => values[neuron],
        }
    }

    fn values(&self) -> &[f64] {
        match self {
            Parameter::Uniform(value) => std::slice::from_ref(value),
            Parameter::Each(values) => values,
        }
    }
}

/// Linear integrate-and-fire dynamics, which IF, LIF, CubaLIF and LI of NIR all are:
///
/// tau_syn dI/dt = -I + w_in S (without tau_syn: I = S), tau_mem dv/dt = (v_leak - v) + r (I + bias)
/// (without tau_mem: dv/dt = r (I + bias)); a spike where v > threshold, strictly.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuronParameters {
    /// Membrane time constant in seconds; `None` does not leak (IF).
    pub tau_mem_s: Option<Parameter>,
    /// Synaptic time constant in seconds; `None` passes the input on at once.
    pub tau_syn_s: Option<Parameter>,
    /// Membrane resistance (for IF: 1/(seconds) scale of the input).
    pub r: Parameter,
    /// Weight of the synaptic input; 1 without tau_syn.
    pub w_in: Parameter,
    /// Leak potential.
    pub v_leak: Parameter,
    /// Threshold; `None` never spikes (a leaky integrator, LI).
    pub v_threshold: Option<Parameter>,
    /// Potential after a spike.
    pub v_reset: Parameter,
    /// Constant input current, added up from the biases of affine maps.
    pub bias: Vec<f64>,
}

/// What a population is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum PopulationKind {
    /// Spikes come from outside.
    Input,
    /// Neurons in real units, rounded to the chip's registers by the mapper.
    Neurons(Box<NeuronParameters>),
    /// Neurons of a chip's own model, given in its registers and taken as they are.
    Registers(Box<Parameters>),
}

/// A group of like neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// Name, unique in the network (the node's path in an imported file).
    pub name: String,
    /// Number of neurons.
    pub size: u32,
    /// Inputs or neurons.
    pub kind: PopulationKind,
}

impl Population {
    /// Whether its spikes come from outside.
    pub fn is_input(&self) -> bool {
        self.kind == PopulationKind::Input
    }

    /// Whether it consists of neurons without a threshold (LI), which are read by their membranes.
    pub fn never_spikes(&self) -> bool {
        self.parameters().is_some_and(|p| p.v_threshold.is_none())
    }

    /// Its parameters, if it is given in real units.
    pub fn parameters(&self) -> Option<&NeuronParameters> {
        match &self.kind {
            PopulationKind::Neurons(parameters) => Some(parameters),
            PopulationKind::Input | PopulationKind::Registers(_) => None,
        }
    }

    /// Its registers, if it is given in them.
    pub fn registers(&self) -> Option<&Parameters> {
        match &self.kind {
            PopulationKind::Registers(registers) => Some(registers),
            PopulationKind::Input | PopulationKind::Neurons(_) => None,
        }
    }
}

/// Connections from one population to another.
#[derive(Clone, Debug)]
pub struct Projection {
    /// Name in messages.
    pub name: String,
    /// Where spikes come from.
    pub source: PopulationId,
    /// Where they act.
    pub target: PopulationId,
    /// Weights, by target neuron.
    pub weights: Weights,
    /// Delay in ticks beyond the one tick every spike takes: a spike at t acts at t + 1 + delay.
    pub delay: u8,
    /// What only projections onto populations given in registers can have.
    pub native: Native,
}

/// Properties of a projection onto a population given in a model's registers; its weights are whole numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Native {
    /// Input channel of the model; for axons of types, the type.
    pub channel: u8,
    /// Delay of each synapse in the order of its target's entries, targets in order; empty where all have the
    /// projection's.
    pub delays: Vec<u8>,
    /// Exponent that acts on the sum of the weights that arrive together, instead of on each.
    pub exponent: Option<i8>,
    /// The rule by which weights change.
    pub rule: Option<Box<Rule>>,
    /// Number of a plastic projection whose reward this one is: its spikes add weight times payload and have no synapses.
    pub reward_for: Option<usize>,
}

/// A checked network.
#[derive(Clone, Debug)]
pub struct Network {
    name: String,
    conventions: Conventions,
    populations: Vec<Population>,
    projections: Vec<Projection>,
    outputs: Vec<PopulationId>,
    first: Vec<u32>,
}

impl Network {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The step, reset and integration rule.
    pub fn conventions(&self) -> Conventions {
        self.conventions
    }

    /// All populations, indexed by [`PopulationId`].
    pub fn populations(&self) -> &[Population] {
        &self.populations
    }

    /// One population.
    pub fn population(&self, id: PopulationId) -> &Population {
        &self.populations[id.0 as usize]
    }

    /// All projections.
    pub fn projections(&self) -> &[Projection] {
        &self.projections
    }

    /// Populations whose spikes leave the chip; output indices run over them in order.
    pub fn outputs(&self) -> &[PopulationId] {
        &self.outputs
    }

    /// Number of a population's first neuron.
    pub fn first_neuron(&self, id: PopulationId) -> NeuronId {
        NeuronId(self.first[id.0 as usize])
    }

    /// Neurons of all populations, inputs included.
    pub fn neuron_count(&self) -> u32 {
        self.first[self.populations.len()]
    }

    /// Neurons that need a place on the chip: all but inputs.
    pub fn placed_neuron_count(&self) -> u32 {
        self.populations.iter().filter(|p| !p.is_input()).map(|p| p.size).sum()
    }

    /// Neurons of all input populations; input index i is the i-th of them in order.
    pub fn input_count(&self) -> u32 {
        self.populations.iter().filter(|p| p.is_input()).map(|p| p.size).sum()
    }

    /// Network number of each input index.
    pub fn input_neurons(&self) -> Vec<NeuronId> {
        let inputs = self.ids().filter(|&id| self.population(id).is_input());
        inputs.flat_map(|id| self.neurons_of(id)).collect()
    }

    /// Network number of each output index.
    pub fn output_neurons(&self) -> Vec<NeuronId> {
        self.outputs.iter().flat_map(|&id| self.neurons_of(id)).collect()
    }

    /// The neurons of one population.
    pub fn neurons_of(&self, id: PopulationId) -> impl Iterator<Item = NeuronId> + use<> {
        (self.first[id.0 as usize]..self.first[id.0 as usize + 1]).map(NeuronId)
    }

    /// Ids of all populations.
    pub fn ids(&self) -> impl Iterator<Item = PopulationId> + use<> {
        (0..self.populations.len() as u32).map(PopulationId)
    }

    /// The population a neuron belongs to.
    pub fn population_of(&self, neuron: NeuronId) -> PopulationId {
        PopulationId(self.first.partition_point(|&first| first <= neuron.0) as u32 - 1)
    }

    /// The population a neuron belongs to, and its number there.
    pub fn locate(&self, neuron: NeuronId) -> (PopulationId, u32) {
        let population = self.population_of(neuron);
        (population, neuron.0 - self.first_neuron(population).0)
    }

    /// Connections of all projections if each were dense; convolutions as unrolled.
    pub fn dense_connections(&self) -> u64 {
        let product = |(sources, targets): (u32, u32)| u64::from(sources) * u64::from(targets);
        self.projections.iter().map(|projection| product(projection.weights.shape())).sum()
    }

    /// Synapses of all projections; zero weights of dense maps are not synapses.
    pub fn synapse_count(&self) -> u64 {
        self.projections.iter().map(|p| p.weights.synapse_count()).sum()
    }
}
