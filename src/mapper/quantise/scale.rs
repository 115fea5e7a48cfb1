//! Chooses the scale of every neuron: chip units a unit of its membrane potential.
//!
//! The *hard* limit is what registers hold: the threshold (one unit below the clip of the membrane, or the neuron could
//! never exceed it), the bias, the largest weight. The *soft* limit is what can never wrap or clip, even if all inputs of
//! one sign spike at once, for ever. A neuron's scale is the one with which its largest weight uses the whole mantissa at
//! a shift that all neurons of the population share (a projection has one shift): the largest at which all keep both
//! limits. Where there is none, bits of mantissa are given up to stay within the soft limit: two for neurons that spike,
//! up to four for read-outs, which must not clip because they are compared; read-outs share one scale for that reason.

use crate::chip::Registers;
use crate::network::DiscreteNeuron;

/// Largest value of the accumulator, the current and the membrane: 21, 23 and 23 bits.
const ACCUMULATOR_MOST: f64 = ((1 << 21) - 1) as f64;
const CURRENT_MOST: f64 = ((1 << 23) - 1) as f64;
pub(super) const MEMBRANE_MOST: i32 = (1 << 23) - 1;

/// What weighted spikes ask of a neuron's scale.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand {
    /// Excitation of one tick if all inputs spike, before scaling.
    pub(super) excitation: f64,
    /// Inhibition likewise.
    pub(super) inhibition: f64,
    /// Largest weight over the largest mantissa, over all projections.
    pub(super) fullness: f64,
}

/// A scale for each neuron and what they do not keep.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scales {
    pub(super) units: Vec<f64>,
    pub(super) notes: Vec<String>,
}

/// The constant input to the membrane that a neuron's bias comes to, before scaling.
pub(super) fn bias(neuron: &DiscreteNeuron) -> f64 {
    neuron.gain_v * neuron.gain_u / (1.0 - neuron.keep_u) * neuron.bias
}

fn limit(most: f64, value: f64) -> f64 {
    if value > 0.0 { most / value } else { f64::INFINITY }
}

fn power(shift: u8) -> f64 {
    f64::from(1u32 << shift)
}

fn hard(neuron: &DiscreteNeuron, demand: &Demand, registers: &Registers) -> f64 {
    let threshold_most = f64::from(registers.threshold_most().min(MEMBRANE_MOST - 1));
    let bias_most = f64::from(registers.bias_mantissa) * power(registers.bias_exponent);
    limit(threshold_most, neuron.threshold.unwrap_or(0.0))
        .min(limit(bias_most, bias(neuron).abs()))
        .min(limit(power(registers.weight_shift_most), demand.fullness))
}

fn soft(neuron: &DiscreteNeuron, demand: &Demand, subtracts: bool) -> f64 {
    let sum = demand.excitation.max(demand.inhibition);
    let bias = bias(neuron);
    let current = sum / (1.0 - neuron.keep_u) + bias.abs();
    let membrane = match neuron.threshold {
        None if neuron.keep_v < 1.0 => current / (1.0 - neuron.keep_v),
        // What is over the threshold is kept, so it must not be clipped.
        Some(threshold) if subtracts => threshold + demand.excitation / (1.0 - neuron.keep_u) + bias.max(0.0),
        _ => 0.0,
    };
    limit(ACCUMULATOR_MOST, sum).min(limit(CURRENT_MOST, current)).min(limit(CURRENT_MOST, membrane))
}

/// Lowers scales until all neurons of a channel have one factor from real to chip weights; limits are upper ones.
fn level(units: &mut [f64], neurons: &[DiscreteNeuron], channel: usize) {
    let gain = |neuron: &DiscreteNeuron| neuron.gain_u * neuron.gain_v;
    for (units, neurons) in units.chunks_mut(channel).zip(neurons.chunks(channel)) {
        let first = gain(&neurons[0]);
        if neurons.iter().all(|neuron| gain(neuron) == first) {
            let least = units.iter().copied().fold(f64::INFINITY, f64::min);
            units.fill(least);
            continue;
        }
        let factors = units.iter().zip(neurons).map(|(units, neuron)| units * gain(neuron).abs());
        let least = factors.fold(f64::INFINITY, f64::min);
        units.iter_mut().zip(neurons).for_each(|(units, neuron)| *units = least / gain(neuron).abs());
    }
}

/// The scales of a population, the neurons of a `channel`, if there is one, with one factor; `Err` names the first neuron whose threshold and weights fit no scale together.
pub(super) fn choose(
    neurons: &[DiscreteNeuron],
    demands: &[Demand],
    registers: &Registers,
    subtracts: bool,
    channel: Option<usize>,
) -> Result<Scales, usize> {
    let limits: Vec<(f64, f64)> = neurons
        .iter()
        .zip(demands)
        .map(|(neuron, demand)| {
            let hard = hard(neuron, demand, registers);
            (hard, hard.min(soft(neuron, demand, subtracts)))
        })
        .collect();
    let shifts = registers.weight_shift_least..=registers.weight_shift_most;
    let best = |(demand, &(_, within)): (&Demand, &(f64, f64))| {
        let keeps = |shift: &u8| power(*shift) <= within * demand.fullness;
        (demand.fullness > 0.0)
            .then(|| shifts.clone().rev().find(keeps).unwrap_or(registers.weight_shift_least))
    };
    let shift = demands.iter().zip(&limits).filter_map(best).min().unwrap_or(registers.weight_shift_least);
    let reads_out = neurons.iter().any(|neuron| neuron.threshold.is_none());
    let given_up = if reads_out { 16.0 } else { 4.0 };
    let (mut may_wrap, mut part) = (0, 0);
    let scale = |(demand, &(hard, within)): (&Demand, &(f64, f64))| {
        let full = limit(power(shift), demand.fullness);
        if full <= within {
            // Without weights only the limits speak; without limits any scale will do.
            if full.is_finite() { full } else { 1.0 }
        } else if within >= full / given_up || demand.fullness == 0.0 {
            within
        } else if full <= hard {
            may_wrap += 1;
            full
        } else {
            part += 1;
            if within >= hard / given_up { within } else { hard }
        }
    };
    let mut units: Vec<f64> = demands.iter().zip(&limits).map(scale).collect();
    if reads_out {
        let least = units.iter().copied().fold(f64::INFINITY, f64::min);
        units.fill(least);
    }
    if let Some(channel) = channel.filter(|_| !reads_out) {
        level(&mut units, neurons, channel);
    }
    let fits = |(neuron, units): (&DiscreteNeuron, &f64)| {
        units.is_finite() && *units > 0.0 && neuron.threshold.is_none_or(|t| t <= 0.0 || t * units >= 1.0)
    };
    if let Some(bad) = neurons.iter().zip(&units).position(|pair| !fits(pair)) {
        return Err(bad);
    }
    let mut notes = Vec::new();
    if may_wrap > 0 {
        notes.push(format!(
            "{may_wrap} neurons may wrap or be clipped if their inputs of one sign all spike at once"
        ));
    }
    if part > 0 {
        notes.push(format!(
            "{part} neurons have weights so small for their threshold or bias that they use a part of the mantissa only"
        ));
    }
    Ok(Scales { units, notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::ChipSpec;

    fn neuron(threshold: Option<f64>) -> DiscreteNeuron {
        DiscreteNeuron {
            keep_u: 0.0,
            gain_u: 1.0,
            keep_v: 0.9,
            gain_v: 1.0,
            bias: 0.0,
            threshold,
            reset: 0.0,
            rest: 0.0,
        }
    }

    #[test]
    fn neurons_of_any_size_use_their_whole_mantissa() {
        let registers = ChipSpec::preset("loihi1-davies2018").unwrap().registers;
        let sizes = [1.0, 1000.0, 1e-6];
        let neurons = sizes.map(|size| neuron(Some(size)));
        let demands =
            sizes.map(|size| Demand { excitation: 4.0 * size, inhibition: 0.0, fullness: 4.0 * size / 255.0 });
        let scales = choose(&neurons, &demands, &registers, false, None).unwrap();
        assert!(scales.notes.is_empty());
        for (units, demand) in scales.units.iter().zip(&demands) {
            let shift = (units * demand.fullness).log2();
            assert!((shift - shift.round()).abs() < 1e-9 && (6.0..=13.0).contains(&shift.round()), "{shift}");
        }
    }

    #[test]
    fn neurons_of_a_channel_share_a_factor() {
        let registers = ChipSpec::preset("generic-28nm").unwrap().registers;
        let gains = [1.0, 3.0, 2.0, 1.0].map(|gain_v| DiscreteNeuron { gain_v, ..neuron(Some(1.0)) });
        let demands =
            [0.5, 0.25, 0.1, 0.1].map(|w| Demand { excitation: w, inhibition: 0.0, fullness: w / 255.0 });
        let free = choose(&gains, &demands, &registers, false, None).unwrap().units;
        let units = choose(&gains, &demands, &registers, false, Some(2)).unwrap().units;
        let factor = |i: usize| units[i] * gains[i].gain_v;
        assert!(
            (factor(0) - factor(1)).abs() < 1e-9 * factor(0)
                && (factor(2) - factor(3)).abs() < 1e-9 * factor(2)
        );
        assert!(units.iter().zip(&free).all(|(level, free)| *level <= free * (1.0 + 1e-12)));
    }

    #[test]
    fn read_outs_share_a_scale() {
        let registers = ChipSpec::preset("generic-28nm").unwrap().registers;
        let demands = [1.0, 50.0].map(|w| Demand { excitation: w, inhibition: 0.0, fullness: w / 255.0 });
        let scales = choose(&[neuron(None), neuron(None)], &demands, &registers, false, None).unwrap();
        assert_eq!(scales.units[0], scales.units[1]);
    }
}
