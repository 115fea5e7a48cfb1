//! The step every simulation of a network takes, derived once from the differential equations.

use super::{Conventions, Integrator, NeuronParameters, Parameter};

/// One neuron's update in one tick, in real units:
///
/// u <- keep_u u + gain_u (S + bias), v <- keep_v v + gain_v u + drift; spike where v > threshold.
/// Without a synaptic filter keep_u = 0 and gain_u = 1. v is measured from `rest`: the leak potential of a leaky
/// neuron, the reset potential of one that does not leak; it starts at rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscreteNeuron {
    /// Part of u kept a tick.
    pub keep_u: f64,
    /// Weight of the input in u.
    pub gain_u: f64,
    /// Part of v kept a tick.
    pub keep_v: f64,
    /// Weight of u in v.
    pub gain_v: f64,
    /// Constant input added to the weighted spikes.
    pub bias: f64,
    /// Threshold above rest; `None` never spikes.
    pub threshold: Option<f64>,
    /// Potential after a spike, above rest (0 is at rest).
    pub reset: f64,
    /// Potential that counts as 0.
    pub rest: f64,
}

fn keep(tau: Option<&Parameter>, neuron: usize, conventions: Conventions) -> Option<f64> {
    let ratio = conventions.dt_s / tau?.at(neuron);
    Some(match conventions.integrator {
        Integrator::Euler => 1.0 - ratio,
        // libm's exponential has the same bits on every machine.
        Integrator::Exponential => libm::exp(-ratio),
    })
}

/// The step of one neuron of a population.
pub fn discretise(p: &NeuronParameters, neuron: usize, conventions: Conventions) -> DiscreteNeuron {
    let (keep_u, gain_u) = match keep(p.tau_syn_s.as_ref(), neuron, conventions) {
        Some(keep) => (keep, (1.0 - keep) * p.w_in.at(neuron)),
        None => (0.0, p.w_in.at(neuron)),
    };
    let (keep_v, gain_v, rest) = match keep(p.tau_mem_s.as_ref(), neuron, conventions) {
        Some(keep) => (keep, (1.0 - keep) * p.r.at(neuron), p.v_leak.at(neuron)),
        None => (1.0, conventions.dt_s * p.r.at(neuron), p.v_reset.at(neuron)),
    };
    DiscreteNeuron {
        keep_u,
        gain_u,
        keep_v,
        gain_v,
        bias: p.bias[neuron],
        threshold: p.v_threshold.as_ref().map(|t| t.at(neuron) - rest),
        reset: p.v_reset.at(neuron) - rest,
        rest,
    }
}
