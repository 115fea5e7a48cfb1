//! A plain f64 simulation of a network, kept simple on purpose: what the fixed-point chip is compared with.
//!
//! Same graph, dt, reset, input spikes and transport (a spike at t acts at t + 1 + delay); nothing is quantised.

use super::{DiscreteNeuron, Network, NeuronId, Reset, discretise};

/// The simulator, ready to run samples.
#[derive(Clone, Debug)]
pub struct Oracle {
    neurons: Vec<Option<DiscreteNeuron>>,
    /// Outgoing synapses by source: (target, weight, delay).
    fan_out: Vec<Vec<(u32, f64, u8)>>,
    max_delay: usize,
    reset: Reset,
    outputs: Vec<NeuronId>,
    inputs: Vec<NeuronId>,
}

/// What one sample gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OracleResult {
    /// Spikes of each output index.
    pub output_spikes: Vec<u64>,
    /// Spikes of each neuron of the network, inputs included.
    pub spikes: Vec<u64>,
    /// Membrane of each output index after the last tick.
    pub output_membranes: Vec<f64>,
}

impl Oracle {
    /// Copies the network's weights by source.
    pub fn new(network: &Network) -> Self {
        let mut fan_out = vec![Vec::new(); network.neuron_count() as usize];
        let mut max_delay = 0;
        for projection in network.projections() {
            let source_first = network.first_neuron(projection.source).0;
            let target_first = network.first_neuron(projection.target).0;
            max_delay = max_delay.max(usize::from(projection.delay));
            for target in 0..network.population(projection.target).size {
                projection.weights.for_each_source(target, |source, weight| {
                    fan_out[(source_first + source) as usize].push((
                        target_first + target,
                        f64::from(weight),
                        projection.delay,
                    ));
                });
            }
        }
        let conventions = network.conventions();
        let neurons = network
            .populations()
            .iter()
            .flat_map(|p| {
                (0..p.size as usize)
                    .map(|i| p.parameters().map(|parameters| discretise(parameters, i, conventions)))
            })
            .collect();
        Self {
            neurons,
            fan_out,
            max_delay,
            reset: conventions.reset,
            outputs: network.output_neurons(),
            inputs: network.input_neurons(),
        }
    }

    /// Runs one sample: `input[t]` lists the input indices that spike at tick t.
    pub fn run(&self, input: &[Vec<u32>]) -> OracleResult {
        let n = self.neurons.len();
        let slots = self.max_delay + 1;
        let mut pending = vec![vec![0.0; n]; slots];
        let (mut u, mut v) = (vec![0.0; n], vec![0.0; n]);
        let mut result = OracleResult { spikes: vec![0; n], ..OracleResult::default() };
        let mut fired: Vec<u32> = Vec::new();
        for (t, spikes_in) in input.iter().enumerate() {
            let slot = t % slots;
            fired.clear();
            for (i, neuron) in self.neurons.iter().enumerate() {
                let Some(neuron) = neuron else { continue };
                u[i] = neuron.keep_u * u[i] + neuron.gain_u * (pending[slot][i] + neuron.bias);
                v[i] = neuron.keep_v * v[i] + neuron.gain_v * u[i];
                if neuron.threshold.is_some_and(|threshold| v[i] > threshold) {
                    v[i] = match self.reset {
                        Reset::Zero => neuron.reset,
                        Reset::Subtract => v[i] - (neuron.threshold.unwrap_or(0.0) - neuron.reset),
                    };
                    fired.push(i as u32);
                }
            }
            pending[slot].fill(0.0);
            fired.extend(spikes_in.iter().map(|&i| self.inputs[i as usize].0));
            for &source in &fired {
                result.spikes[source as usize] += 1;
                for &(target, weight, delay) in &self.fan_out[source as usize] {
                    pending[(t + 1 + usize::from(delay)) % slots][target as usize] += weight;
                }
            }
        }
        result.output_spikes = self.outputs.iter().map(|o| result.spikes[o.0 as usize]).collect();
        result.output_membranes = self.outputs.iter().map(|o| v[o.0 as usize]).collect();
        result
    }
}
