//! A generated random network: an input population drives a recurrent one, every neuron with the same fan-in.

use super::{Conventions, Network, NetworkBuilder, NeuronParameters, Parameter, Weights};
use crate::error::Error;

/// A generated random network: inputs drive recurrent neurons, each with the same fan-in.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomNetwork {
    /// Input neurons.
    pub inputs: u32,
    /// Recurrent neurons.
    pub neurons: u32,
    /// Recurrent synapses of each neuron.
    pub fan_in: u32,
    /// Input synapses of each neuron.
    pub input_fan_in: u32,
    /// Largest recurrent weight, and mean input weight, in units of the threshold.
    pub weight: f64,
    /// Membrane time constant, in milliseconds.
    pub tau_ms: f64,
    /// Recurrent delay in ticks.
    pub delay: u8,
    /// Seed of wiring and weights.
    pub seed: u64,
}

/// Builds the network a configuration describes; weights are drawn on reading and never stored here.
///
/// # Errors
/// As [`NetworkBuilder::build`].
pub fn random_network(name: &str, spec: &RandomNetwork, conventions: Conventions) -> Result<Network, Error> {
    let mut builder = NetworkBuilder::new(name, conventions);
    let inputs = builder.input("input", spec.inputs);
    let keep = spec.tau_ms / (1000.0 * conventions.dt_s);
    let parameters = NeuronParameters {
        tau_mem_s: Some(Parameter::Uniform(spec.tau_ms / 1000.0)),
        tau_syn_s: None,
        // With r = tau / dt a weight is the jump of the potential itself.
        r: Parameter::Uniform(keep),
        w_in: Parameter::Uniform(1.0),
        v_leak: Parameter::Uniform(0.0),
        v_threshold: Some(Parameter::Uniform(1.0)),
        v_reset: Parameter::Uniform(0.0),
        bias: vec![0.0; spec.neurons as usize],
    };
    let neurons = builder.neurons("neurons", spec.neurons, parameters);
    let weights = |sources, fan_in, low, high, seed| Weights::Random {
        targets: spec.neurons,
        sources,
        fan_in,
        low,
        high,
        seed,
    };
    let drive = spec.weight as f32;
    builder.project(
        "drive",
        inputs,
        neurons,
        weights(spec.inputs, spec.input_fan_in, 0.0, 2.0 * drive, spec.seed),
        0,
    );
    // As much inhibition as excitation keeps the activity from running away.
    let recurrent = weights(spec.neurons, spec.fan_in, -drive, drive, spec.seed ^ 0x5eed);
    builder.project("recurrent", neurons, neurons, recurrent, spec.delay);
    builder.output(neurons);
    builder.build()
}
