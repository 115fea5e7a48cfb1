//! Loihi 1's current-based leaky integrate-and-fire neuron (CUBA LIF), to the bit.
//!
//! Continuous: tau_u du/dt = -u + w s(t), tau_v dv/dt = -v + u + bias. Discrete, each tick, in this order
//! (trunc0: decay rounding toward zero, wrap_k: two's complement with k magnitude bits):
//!
//! ```text
//! q = wrap_21(sum of effective weights)
//! u = wrap_23(trunc0(u, decay_u + 1) + q)          the +1 is the chip's
//! b = wrap_23(u + bias)                            not stored
//! v = clip(trunc0(v, decay_v) + b, v_min, v_max)   saturates, never wraps
//! v = 0 while refractory; spike where v > threshold (strict): v = 0, refractory counter = refractory
//! counter = max(counter - 1, 0), for neurons that just spiked too
//! ```
//! So `refractory` 0 and 1 both add no wait, and r holds v at 0 for r - 1 ticks while u goes on.
//! State is plain integers (threshold and weights carry the chip's shift by 6). Each decay loses less than one unit
//! toward zero, so v trails the real value by less than 4096 / decay_v units for a constant input.
//! Source: nengo-loihi 1.1.0 emulator (constants Q_BITS 21, U_BITS 23); Davies et al. 2018 for the widths.

use super::{NeuronModel, Spike};
use crate::fixed::{trunc0, wrap};
use crate::{CoreCounters, NeuronId};
use serde::{Deserialize, Serialize};

const ACCUMULATOR_BITS: u32 = 21;
const CURRENT_BITS: u32 = 23;

/// Registers of a core's neurons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CubaLifParameters {
    /// Current decay, 0..=4095; 4095 forgets at once.
    pub decay_u: Vec<u16>,
    /// Membrane decay, 0..=4095; 0 never leaks.
    pub decay_v: Vec<u16>,
    /// Threshold with its shift by 6 done, at least 0.
    pub threshold: Vec<i32>,
    /// Bias with its exponent applied.
    pub bias: Vec<i32>,
    /// Current at the start and after a reset; 0 but where a bias shall come through the synaptic filter: u = -bias at
    /// the start makes u + bias rise as the filter would.
    pub initial_u: Vec<i32>,
    /// Refractory register; 0 behaves as 1.
    pub refractory: Vec<u16>,
    /// Lower limit of v.
    pub v_min: i32,
    /// Upper limit of v.
    pub v_max: i32,
    /// Whether a spike subtracts the threshold from v instead of setting it to 0. Loihi 1 cannot; chips of one's own
    /// may, because many networks are trained so.
    pub subtracts: bool,
}

/// A register that cannot be as given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Arrays of different length.
    #[error("{name} has {len} entries for {neurons} neurons")]
    Length {
        /// Which array.
        name: &'static str,
        /// Its length.
        len: usize,
        /// The number of neurons.
        neurons: usize,
    },
    /// A value outside its register.
    #[error("{name} of neuron {neuron} is {value}; the register holds {least} to {most}")]
    Range {
        /// Which register.
        name: &'static str,
        /// Which neuron.
        neuron: usize,
        /// Its value.
        value: i64,
        /// Smallest value.
        least: i64,
        /// Largest value.
        most: i64,
    },
    /// The limits of v exclude the reset value.
    #[error("v_min {v_min} and v_max {v_max} must enclose 0")]
    Limits {
        /// Lower limit.
        v_min: i32,
        /// Upper limit.
        v_max: i32,
    },
}

impl CubaLifParameters {
    /// Checks lengths and ranges.
    ///
    /// # Errors
    /// Every violation.
    pub fn validate(&self) -> Result<(), Vec<ParameterError>> {
        let mut errors = Vec::new();
        let neurons = self.threshold.len();
        let lengths = [
            ("decay_u", self.decay_u.len()),
            ("decay_v", self.decay_v.len()),
            ("bias", self.bias.len()),
            ("initial_u", self.initial_u.len()),
            ("refractory", self.refractory.len()),
        ];
        for (name, len) in lengths.into_iter().filter(|(_, len)| *len != neurons) {
            errors.push(ParameterError::Length { name, len, neurons });
        }
        let mut range = |name, values: &mut dyn Iterator<Item = i64>, least: i64, most: i64| {
            for (neuron, value) in values.enumerate().filter(|(_, v)| !(least..=most).contains(v)) {
                errors.push(ParameterError::Range { name, neuron, value, least, most });
            }
        };
        range("decay_u", &mut self.decay_u.iter().map(|&d| i64::from(d)), 0, 4095);
        range("decay_v", &mut self.decay_v.iter().map(|&d| i64::from(d)), 0, 4095);
        range("threshold", &mut self.threshold.iter().map(|&t| i64::from(t)), 0, i64::from(i32::MAX));
        let half = 1i64 << CURRENT_BITS;
        range("bias", &mut self.bias.iter().map(|&b| i64::from(b)), -half, half - 1);
        range("initial_u", &mut self.initial_u.iter().map(|&u| i64::from(u)), -half, half - 1);
        if self.v_min > 0 || self.v_max < 0 {
            errors.push(ParameterError::Limits { v_min: self.v_min, v_max: self.v_max });
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// The neurons of one core: parameters and state, one array each.
#[derive(Clone, Debug)]
pub struct CubaLif {
    parameters: CubaLifParameters,
    u: Vec<i32>,
    v: Vec<i32>,
    wait: Vec<u16>,
    active: Vec<u8>,
}

impl CubaLif {
    /// Neurons at rest.
    ///
    /// # Errors
    /// As [`CubaLifParameters::validate`].
    pub fn new(parameters: CubaLifParameters) -> Result<Self, Vec<ParameterError>> {
        parameters.validate()?;
        let n = parameters.threshold.len();
        let u = parameters.initial_u.clone();
        Ok(Self { parameters, u, v: vec![0; n], wait: vec![0; n], active: vec![0; n] })
    }

    /// Currents.
    pub fn u(&self) -> &[i32] {
        &self.u
    }

    /// Membrane potentials.
    pub fn v(&self) -> &[i32] {
        &self.v
    }
}

impl NeuronModel for CubaLif {
    fn len(&self) -> usize {
        self.v.len()
    }

    fn step(&mut self, inputs: &[i32], spikes: &mut Vec<Spike>, counters: &mut CoreCounters) {
        let n = self.v.len();
        let p = &self.parameters;
        // Slices of one known length let the compiler drop the bounds checks and vectorise the first pass, which
        // has no branch: what it finds (activity, wraps, clips) becomes 0 or 1 and is summed.
        let (inputs, decay_u, decay_v) = (&inputs[..n], &p.decay_u[..n], &p.decay_v[..n]);
        let (bias, wait, threshold) = (&p.bias[..n], &self.wait[..n], &p.threshold[..n]);
        let (u, v, active) = (&mut self.u[..n], &mut self.v[..n], &mut self.active[..n]);
        let (mut wraps, mut bias_wraps, mut clips, mut busy, mut over) = (0u32, 0u32, 0u32, 0u32, 0u32);
        for i in 0..n {
            let q = wrap(inputs[i], ACCUMULATOR_BITS);
            let is_active = (inputs[i] | u[i] | v[i] | bias[i] | i32::from(wait[i])) != 0;
            let raw_u = trunc0(u[i], i32::from(decay_u[i]) + 1) + q;
            let new_u = wrap(raw_u, CURRENT_BITS);
            let raw_b = new_u + bias[i];
            let b = wrap(raw_b, CURRENT_BITS);
            // |v| < 2^31 and |b| <= 2^23: a sum beyond 32 bits is beyond v_min or v_max as well.
            let raw_v = trunc0(v[i], i32::from(decay_v[i])).saturating_add(b);
            let new_v = raw_v.clamp(p.v_min, p.v_max);
            let held = if wait[i] > 0 { 0 } else { new_v };
            wraps += u32::from(q != inputs[i]) + u32::from(new_u != raw_u);
            bias_wraps += u32::from(b != raw_b);
            clips += u32::from(new_v != raw_v);
            busy += u32::from(is_active);
            over += u32::from(held > threshold[i]);
            active[i] = u8::from(is_active);
            u[i] = new_u;
            v[i] = held;
        }
        counters.wraps += u64::from(wraps);
        counters.bias_wraps += u64::from(bias_wraps);
        counters.clips += u64::from(clips);
        counters.updates_active += u64::from(busy);
        counters.updates_idle += (n as u64) - u64::from(busy);
        counters.spikes += u64::from(over);
        for wait in &mut self.wait {
            *wait = wait.saturating_sub(1);
        }
        if over == 0 {
            return;
        }
        let mut active_before = 0;
        for i in 0..n {
            active_before += u32::from(self.active[i]);
            if self.v[i] > self.parameters.threshold[i] {
                self.v[i] =
                    if self.parameters.subtracts { self.v[i] - self.parameters.threshold[i] } else { 0 };
                self.wait[i] = self.parameters.refractory[i].saturating_sub(1);
                spikes.push(Spike { neuron: NeuronId(i as u32), payload: 1, active_before });
            }
        }
    }

    fn reset(&mut self) {
        self.u.copy_from_slice(&self.parameters.initial_u);
        self.v.fill(0);
        self.wait.fill(0);
    }

    fn state_words(&self, out: &mut Vec<i32>) {
        out.extend_from_slice(&self.u);
        out.extend_from_slice(&self.v);
        out.extend(self.wait.iter().map(|&w| i32::from(w)));
    }

    fn membrane(&self, neuron: NeuronId) -> i32 {
        self.v[neuron.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(change: impl FnOnce(&mut CubaLifParameters)) -> CubaLif {
        let mut p = CubaLifParameters {
            decay_u: vec![4095],
            decay_v: vec![0],
            threshold: vec![100],
            bias: vec![0],
            initial_u: vec![0],
            refractory: vec![1],
            v_min: -(1 << 23) + 1,
            v_max: (1 << 23) - 1,
            subtracts: false,
        };
        change(&mut p);
        CubaLif::new(p).unwrap()
    }

    fn run(model: &mut CubaLif, inputs: &[i32]) -> (Vec<usize>, CoreCounters) {
        let (mut fired, mut counters) = (Vec::new(), CoreCounters::default());
        for (t, &q) in inputs.iter().enumerate() {
            let mut spikes = Vec::new();
            model.step(&[q], &mut spikes, &mut counters);
            fired.extend(spikes.iter().map(|_| t));
        }
        (fired, counters)
    }

    #[test]
    fn the_threshold_is_strict() {
        assert_eq!(run(&mut one(|_| ()), &[100]).0, [] as [usize; 0]);
        assert_eq!(run(&mut one(|_| ()), &[101]).0, [0]);
    }

    #[test]
    fn refractory_r_waits_r_minus_one_ticks() {
        for (r, period) in [(0, 1), (1, 1), (2, 2), (3, 3)] {
            let fired = run(&mut one(|p| p.refractory = vec![r]), &[200; 7]).0;
            assert!(fired.windows(2).all(|w| w[1] - w[0] == period), "refractory {r}: {fired:?}");
        }
    }

    #[test]
    fn a_subtracting_reset_keeps_what_is_over() {
        let mut model = one(|p| p.subtracts = true);
        run(&mut model, &[130]);
        assert_eq!(model.v(), [30]);
        assert_eq!(run(&mut model, &[71]).0, [0]);
    }

    #[test]
    fn an_initial_current_is_there_again_after_a_reset() {
        let mut model = one(|p| {
            (p.decay_u, p.initial_u, p.bias, p.threshold) = (vec![2047], vec![-64], vec![64], vec![i32::MAX]);
        });
        let first = run(&mut model, &[0; 3]);
        // u + bias rises 32, 48, 56 as a filter of one half would let it.
        assert_eq!((model.v()[0], model.u()[0]), (32 + 48 + 56, -8));
        model.reset();
        assert_eq!((run(&mut model, &[0; 3]), model.v()[0]), (first, 136));
    }

    #[test]
    fn the_accumulator_wraps_at_21_bits_and_is_counted() {
        let mut model = one(|p| p.threshold = vec![i32::MAX]);
        let (_, counters) = run(&mut model, &[1 << 21]);
        assert_eq!((model.u()[0], counters.wraps), (-(1 << 21), 1));
        let (_, counters) = run(&mut model, &[-(1 << 21) - 1]);
        assert_eq!((model.u()[0], counters.wraps), ((1 << 21) - 1, 1));
    }

    #[test]
    fn the_current_and_its_sum_with_the_bias_wrap_at_23_bits() {
        let mut model = one(|p| (p.decay_u, p.threshold) = (vec![0], vec![i32::MAX]));
        let (_, counters) = run(&mut model, &[(1 << 21) - 1; 5]);
        assert_eq!(counters.wraps, 1);
        assert!(model.u()[0] < 0);
        let bias = (1 << 23) - 1;
        let mut model = one(|p| (p.bias, p.threshold) = (vec![bias], vec![i32::MAX]));
        let (_, counters) = run(&mut model, &[1]);
        assert_eq!((counters.bias_wraps, counters.wraps, model.u()[0]), (1, 0, 1));
    }

    #[test]
    fn the_membrane_clips_and_never_wraps() {
        let mut model = one(|p| (p.threshold, p.v_min) = (vec![i32::MAX], -i32::MAX));
        run(&mut model, &[-(1 << 21); 2000]);
        assert_eq!(model.v()[0], -i32::MAX);
    }

    #[test]
    fn every_bad_register_is_named() {
        let p = CubaLifParameters {
            decay_u: vec![4096],
            decay_v: vec![],
            threshold: vec![-1],
            bias: vec![1 << 23],
            initial_u: vec![0],
            refractory: vec![0],
            v_min: 1,
            v_max: 2,
            subtracts: false,
        };
        assert_eq!(p.validate().unwrap_err().len(), 5);
    }
}
