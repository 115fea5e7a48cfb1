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
    /// Membrane potential of each output index after the last tick, rest included.
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

    /// A sample at its start.
    pub fn start(&self) -> OracleSample<'_> {
        let n = self.neurons.len();
        OracleSample {
            oracle: self,
            tick: 0,
            pending: vec![vec![0.0; n]; self.max_delay + 1],
            u: vec![0.0; n],
            v: vec![0.0; n],
            spikes: vec![0; n],
            fired: Vec::new(),
        }
    }

    /// Runs one sample: `input[t]` lists the input indices that spike at tick t.
    pub fn run(&self, input: &[Vec<u32>]) -> OracleResult {
        let mut sample = self.start();
        input.iter().for_each(|inputs| sample.tick(inputs));
        sample.finish()
    }
}

/// A sample under way.
#[derive(Clone, Debug)]
pub struct OracleSample<'a> {
    oracle: &'a Oracle,
    tick: usize,
    /// Weighted spikes of the ticks to come, a ring.
    pending: Vec<Vec<f64>>,
    u: Vec<f64>,
    v: Vec<f64>,
    spikes: Vec<u64>,
    fired: Vec<u32>,
}

impl OracleSample<'_> {
    /// One tick, in which the input indices `inputs` spike.
    pub fn tick(&mut self, inputs: &[u32]) {
        let Self { oracle, tick, pending, u, v, spikes, fired } = self;
        let slots = pending.len();
        let slot = *tick % slots;
        fired.clear();
        for (i, neuron) in oracle.neurons.iter().enumerate() {
            let Some(neuron) = neuron else { continue };
            u[i] = neuron.keep_u * u[i] + neuron.gain_u * (pending[slot][i] + neuron.bias);
            v[i] = neuron.keep_v * v[i] + neuron.gain_v * u[i];
            if neuron.threshold.is_some_and(|threshold| v[i] > threshold) {
                v[i] = match oracle.reset {
                    Reset::Zero => neuron.reset,
                    Reset::Subtract => v[i] - (neuron.threshold.unwrap_or(0.0) - neuron.reset),
                };
                fired.push(i as u32);
            }
        }
        pending[slot].fill(0.0);
        fired.extend(inputs.iter().map(|&i| oracle.inputs[i as usize].0));
        for &source in fired.iter() {
            spikes[source as usize] += 1;
            for &(target, weight, delay) in &oracle.fan_out[source as usize] {
                pending[(*tick + 1 + usize::from(delay)) % slots][target as usize] += weight;
            }
        }
        *tick += 1;
    }

    /// What the sample gave.
    pub fn finish(self) -> OracleResult {
        let rest = |i: usize| self.oracle.neurons[i].map_or(0.0, |neuron| neuron.rest);
        let outputs = self.oracle.outputs.iter().map(|o| o.0 as usize);
        OracleResult {
            output_spikes: outputs.clone().map(|o| self.spikes[o]).collect(),
            output_membranes: outputs.map(|o| self.v[o] + rest(o)).collect(),
            spikes: self.spikes,
        }
    }
}
