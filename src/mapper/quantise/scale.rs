//! Chooses a population's scale: chip units a unit of membrane potential.
//!
//! The *hard* limit is what registers hold: thresholds (one unit below the clip of the membrane, or no neuron could
//! ever exceed them), biases, the largest weight. The *soft* limit is what can never wrap or clip, even if all inputs of
//! one sign spike at once, for ever. The scale is the largest within the hard limit for which the largest weight uses
//! its whole mantissa; bits of mantissa are given up to stay within the soft limit, one for neurons that spike, up to
//! four for read-outs, which must not clip because they are compared.

use super::{Extent, ProjectionCode};
use crate::chip::Registers;
use crate::network::DiscreteNeuron;

/// Largest value of the accumulator, the current and the membrane: 21, 23 and 23 bits.
const ACCUMULATOR_MOST: f64 = ((1 << 21) - 1) as f64;
const CURRENT_MOST: f64 = ((1 << 23) - 1) as f64;
pub(super) const MEMBRANE_MOST: i32 = (1 << 23) - 1;

/// What a neuron can get in one tick from weighted spikes, before scaling.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drive {
    pub(super) excitation: f64,
    pub(super) inhibition: f64,
}

/// A scale and what it does not keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) units: f64,
    pub(super) note: Option<&'static str>,
}

/// The constant input to the membrane that a neuron's bias comes to, before scaling.
pub(super) fn bias(neuron: &DiscreteNeuron) -> f64 {
    neuron.gain_v * neuron.gain_u / (1.0 - neuron.keep_u) * neuron.bias
}

fn limit(most: f64, value: f64) -> f64 {
    if value > 0.0 { most / value } else { f64::INFINITY }
}

fn hard(neurons: &[DiscreteNeuron], projections: &[(Extent, ProjectionCode)], registers: &Registers) -> f64 {
    let threshold_most = f64::from(registers.threshold_most().min(MEMBRANE_MOST - 1));
    let bias_most = f64::from(registers.bias_mantissa) * f64::from(1u32 << registers.bias_exponent);
    let of_neurons = neurons.iter().map(|neuron| {
        let threshold = limit(threshold_most, neuron.threshold.unwrap_or(0.0));
        threshold.min(limit(bias_most, bias(neuron).abs()))
    });
    let of_weights = projections.iter().map(|(extent, code)| {
        limit(f64::from(code.most) * f64::from(1u32 << registers.weight_shift_most), extent.largest)
    });
    of_neurons.chain(of_weights).fold(f64::INFINITY, f64::min)
}

fn soft(neurons: &[DiscreteNeuron], drives: &[Drive], subtracts: bool) -> f64 {
    let of_neuron = |(neuron, drive): (&DiscreteNeuron, &Drive)| {
        let sum = drive.excitation.max(drive.inhibition);
        let bias = bias(neuron);
        let current = sum / (1.0 - neuron.keep_u) + bias.abs();
        let membrane = match neuron.threshold {
            None if neuron.keep_v < 1.0 => current / (1.0 - neuron.keep_v),
            // What is over the threshold is kept, so it must not be clipped.
            Some(threshold) if subtracts => {
                threshold + drive.excitation / (1.0 - neuron.keep_u) + bias.max(0.0)
            }
            _ => 0.0,
        };
        limit(ACCUMULATOR_MOST, sum).min(limit(CURRENT_MOST, current)).min(limit(CURRENT_MOST, membrane))
    };
    neurons.iter().zip(drives).map(of_neuron).fold(f64::INFINITY, f64::min)
}

/// The scale of a population; `None` if its thresholds and weights fit no scale together.
pub(super) fn choose(
    neurons: &[DiscreteNeuron],
    drives: &[Drive],
    projections: &[(Extent, ProjectionCode)],
    registers: &Registers,
    subtracts: bool,
) -> Option<Scale> {
    let (hard, soft) = (hard(neurons, projections, registers), soft(neurons, drives, subtracts));
    let within = hard.min(soft);
    let reads_out = neurons.iter().any(|neuron| neuron.threshold.is_none());
    let given_up = if reads_out { 16.0 } else { 2.0 };
    // The projection whose largest weight fills its mantissa first.
    let fullness = |(extent, code): &(Extent, ProjectionCode)| extent.largest / f64::from(code.most);
    let widest = projections.iter().map(fullness).fold(0.0, f64::max);
    let scale = if widest > 0.0 {
        let full = |shift: u8| f64::from(1u32 << shift) / widest;
        let least = full(registers.weight_shift_least);
        let shifts = registers.weight_shift_least..=registers.weight_shift_most;
        match shifts.rev().map(full).find(|units| *units <= within) {
            Some(units) => Scale { units, note: None },
            None if within >= least / given_up && soft <= hard => Scale { units: within, note: None },
            None if least <= hard => Scale {
                units: least,
                note: Some("a neuron whose inputs of one sign all spike at once may wrap or be clipped"),
            },
            None => Scale {
                units: if within >= hard / given_up { within } else { hard },
                note: Some("registers of thresholds or biases leave the weights only a part of their mantissa"),
            },
        }
    } else {
        Scale { units: if within.is_finite() { within } else { 1.0 }, note: None }
    };
    let threshold = neurons.iter().filter_map(|n| n.threshold).fold(0.0, f64::max);
    let fits =
        scale.units.is_finite() && scale.units > 0.0 && (threshold <= 0.0 || scale.units * threshold >= 1.0);
    fits.then_some(scale)
}
