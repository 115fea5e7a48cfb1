//! Rounds a network to the chip's registers and says what that costs.
//!
//! Every neuron has a scale s, chip units a unit of its membrane potential:
//!
//! ```text
//! weight     mantissa << shift = s gain_v gain_u w     rounded to nearest, half away from zero
//! threshold  s (v_threshold - rest)                    rounded down to the register's step (the test is strict)
//! bias       s gain_v w_in bias                        mantissa << exponent, rounded to nearest
//! decay      4096 (1 - keep)                           rounded to nearest, 0..4095
//! ```
//! How s is chosen is told in `scale.rs`. The shift is a projection's own. Rounding errors of weights are at most half a
//! step, a step being `1 << shift`, or twice that where a chip gives mixed-sign weights even mantissas only. Where cores
//! share kernels, all neurons of a channel have one factor s gain_v gain_u, so that a tap is one mantissa. A bias behind a synaptic filter rises as the filter lets it: the current starts at minus the bias.

mod scale;

use super::mismatch::Mismatch;
use crate::chip::{ChipSpec, OverflowProfile, Registers};
use crate::error::{Error, ErrorKind, Problem, all_well};
use crate::network::{DiscreteNeuron, Network, PopulationId, Reset, Weights, discretise};
use scale::{Demand, MEMBRANE_MOST};
use serde::Serialize;
use spikemesh_cores::{Discipline, ModelKind};

/// A threshold no membrane exceeds: v is clipped to it.
const NEVER: i32 = MEMBRANE_MOST;

/// What rounding cost a population.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PopulationLoss {
    /// Name of the population.
    pub population: String,
    /// Chip units a unit of membrane potential: the smallest of its neurons.
    pub scale_least: f64,
    /// The largest.
    pub scale_most: f64,
    /// Incoming synapses.
    pub weights: u64,
    /// Of them, weights that became 0 and are not stored.
    pub weights_to_zero: u64,
    /// Root mean square of the neurons' relative weight errors (see next).
    pub weight_error_rms: f64,
    /// Root of the mean squared weight error of a neuron over root of its mean squared weight: the worst neuron.
    pub neuron_error_rms: f64,
    /// Largest weight error over the largest weight of the same neuron.
    pub weight_error_max: f64,
    /// Largest relative error of a threshold.
    pub threshold_error: f64,
    /// Largest error of a bias over its threshold, of a read-out over the bias itself.
    pub bias_error: f64,
    /// Largest relative error of the membrane time constant.
    pub tau_mem_error: f64,
    /// Largest relative error of the synaptic time constant.
    pub tau_syn_error: f64,
    /// What is not kept for other reasons than rounding.
    pub notes: Vec<String>,
}

impl PopulationLoss {
    /// The largest relative loss, and of what.
    pub fn worst(&self) -> (&'static str, f64) {
        let losses = [
            ("the weights of a neuron, rms,", self.neuron_error_rms),
            ("weights to zero", self.weights_to_zero as f64 / (self.weights as f64).max(1.0)),
            ("a threshold", self.threshold_error),
            ("a bias", self.bias_error),
            ("tau_mem", self.tau_mem_error),
            ("tau_syn", self.tau_syn_error),
        ];
        losses.into_iter().fold(losses[0], |worst, next| if next.1 > worst.1 { next } else { worst })
    }
}

/// Registers of a population, by neuron.
#[derive(Clone, Debug, Default)]
pub struct PopulationCode {
    /// Decay of the current.
    pub decay_u: Vec<u16>,
    /// Decay of the membrane.
    pub decay_v: Vec<u16>,
    /// Threshold.
    pub threshold: Vec<i32>,
    /// Bias.
    pub bias: Vec<i32>,
    /// Current at the start.
    pub initial_u: Vec<i32>,
    /// Potential that the chip's 0 stands for, in chip units.
    pub rest: Vec<i64>,
    /// Chip units a unit of membrane potential.
    pub scale: Vec<f64>,
    /// Real weight to chip weight.
    factor: Vec<f64>,
}

/// How the weights of a projection are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProjectionCode {
    /// Shift of every mantissa.
    pub shift: u8,
    step: u16,
    most: u16,
}

/// A network in the chip's registers; weights are computed on reading.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// By population; empty for inputs.
    pub populations: Vec<PopulationCode>,
    /// By projection.
    pub projections: Vec<ProjectionCode>,
    /// By population of neurons.
    pub losses: Vec<PopulationLoss>,
}

/// Whether the chip can do what the network's conventions and parameters ask for.
///
/// # Errors
/// Everything it cannot do.
pub(super) fn check_semantics(network: &Network, spec: &ChipSpec) -> Result<(), Error> {
    let mut problems = Vec::new();
    let conventions = network.conventions();
    let linear = network.populations().iter().any(|p| p.parameters().is_some());
    if linear {
        problems.extend(refused_model(spec, spec.overflow.model(), "the network", "choose another `overflow`"));
        if conventions.reset == Reset::Subtract && spec.overflow != OverflowProfile::Loihi1 {
            let what = format!(
                "the profile `{}` resets to zero; the network wants its threshold subtracted",
                spec.overflow.name()
            );
            problems.push(Problem::new(
                "conventions.reset",
                what,
                "choose reset = \"zero\", or overflow = \"loihi1\"",
            ));
        }
    }
    if linear && conventions.reset == Reset::Subtract && !spec.registers.can_subtract {
        problems.push(Problem::new(
            format!("conventions.reset, chip {}", spec.name),
            "the chip's neurons reset to zero; the network wants its threshold subtracted",
            "choose reset = \"zero\" and see what it costs, or a chip whose registers can subtract (generic-28nm)",
        ));
    }
    for projection in network.projections() {
        let delay = projection.native.delays.iter().copied().fold(projection.delay, u8::max);
        if delay > spec.registers.delay {
            let what = format!("a delay of {delay} ticks; the chip's longest is {}", spec.registers.delay);
            problems.push(Problem::new(format!("projection `{}`", projection.name), what, "use a longer dt"));
        }
    }
    problems.extend(mixed_readout(network));
    problems.extend(native_limits(network, spec));
    for (id, population) in network.ids().zip(network.populations()) {
        let Some(parameters) = population.parameters() else { continue };
        let neurons = network.neurons_of(id).count();
        let bad = (0..neurons).find_map(|i| {
            let d = discretise(parameters, i, conventions);
            let span = d.threshold.unwrap_or(1.0).abs().max(1e-30);
            if d.threshold.is_some_and(|t| t < 0.0) {
                Some((i, "its threshold lies below its rest: it would fire for ever"))
            } else if (d.reset / span).abs() > 1e-6 && d.threshold.is_some() {
                Some((i, "it resets to another potential than its rest, which the chip cannot do"))
            } else if d.keep_v < 0.0 || d.keep_u < 0.0 {
                Some((i, "a time constant is shorter than dt"))
            } else {
                None
            }
        });
        if let Some((neuron, what)) = bad {
            let place = format!("population `{}`, neuron {neuron}", population.name);
            problems.push(Problem::new(place, what, "set v_reset equal to v_leak and below v_threshold"));
        }
    }
    all_well(problems)
}

/// A model that the chip's cores do not run.
fn refused_model(spec: &ChipSpec, model: ModelKind, place: &str, hint: &str) -> Option<Problem> {
    let name = model.info().name;
    if spec.models.is_empty() || spec.models.iter().any(|known| known == name) {
        return None;
    }
    let what = format!("the cores of chip {} run {}; wanted `{name}`", spec.name, spec.models.join(", "));
    Some(Problem::new(place, what, hint))
}

/// What populations given in registers ask for beyond the chip: models, weights, sources a neuron has.
fn native_limits(network: &Network, spec: &ChipSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, population) in network.ids().zip(network.populations()) {
        let Some(registers) = population.registers() else { continue };
        let place = format!("population `{}`", population.name);
        let hint = "choose a chip with that model (`spikemesh preset list`), or one whose cores run any";
        problems.extend(refused_model(spec, registers.model(), &place, hint));
        let info = registers.model().info();
        if spec.analog.noise.is_some() && info.discipline != Discipline::PerTick {
            let what = format!("`{}` does not sum its inputs over a tick; noise cannot act on it", info.name);
            problems.push(Problem::new(
                &place,
                what,
                "leave `analog.noise_exponent` out, or choose another model",
            ));
        }
        let incoming: Vec<_> = network.projections().iter().filter(|p| p.target == id).collect();
        // Two models take effective weights, whose range is that of their exponents.
        let effective = matches!(registers.model(), ModelKind::CubaLif | ModelKind::Brian2Lif);
        if let Some((least, most)) = spec.registers.raw_weight.filter(|_| !effective) {
            for projection in &incoming {
                let mut worst = 0.0f32;
                for target in 0..population.size {
                    projection.weights.for_each_source(target, |_, weight| {
                        let beyond = weight < least as f32 || weight > most as f32;
                        worst = if beyond && weight.abs() > worst.abs() { weight } else { worst };
                    });
                }
                if worst != 0.0 {
                    let what = format!("limit `raw_weight`: {least} to {most}, found {worst}");
                    let hint = format!(
                        "scale weights by {:.3}",
                        f64::from(if worst < 0.0 { least } else { most }) / f64::from(worst)
                    );
                    problems.push(Problem::new(format!("projection `{}`", projection.name), what, hint));
                }
            }
        }
    }
    problems
}

/// Read-outs are compared with each other, so they must be of one kind and, if probed, of one scale.
fn mixed_readout(network: &Network) -> Option<Problem> {
    let probed = network.outputs().iter().any(|id| network.population(*id).never_spikes());
    if !probed || network.outputs().len() == 1 {
        return None;
    }
    let names: Vec<_> =
        network.outputs().iter().map(|id| format!("`{}`", network.population(*id).name)).collect();
    Some(Problem::new(
        format!("outputs {}", names.join(", ")),
        "populations that never spike (LI) are read by their membranes, which cannot be compared with those of others",
        "keep one LI population as the output, or let all outputs spike",
    ))
}

/// How many neurons in a row use one kernel: those of a channel; all of the population, if convolutions of different
/// channels come in; `None` without a convolution.
fn shared_channel(network: &Network, id: PopulationId) -> Option<usize> {
    let incoming = network.projections().iter().filter(|p| p.target == id);
    let sizes = incoming.filter_map(|p| match &p.weights {
        Weights::Convolution { shape, .. } => Some(shape.channel_size() as usize),
        _ => None,
    });
    sizes.reduce(|a, b| if a == b { a } else { network.population(id).size as usize })
}

/// Why the neurons of a channel cannot have one factor from real to chip weights: there is none for gains of both signs
/// or 0; and read-outs have one scale, so they need one gain.
fn cannot_share(name: &str, neurons: &[DiscreteNeuron], channel: usize) -> Option<Problem> {
    let gain = |neuron: &DiscreteNeuron| neuron.gain_u * neuron.gain_v;
    let reads_out = neurons.iter().any(|neuron| neuron.threshold.is_none());
    let differ = |channel: &[DiscreteNeuron]| {
        let first = gain(&channel[0]);
        channel.iter().any(|n| gain(n) != first && (reads_out || gain(n) * first <= 0.0))
    };
    neurons.chunks(channel).any(differ).then(|| {
        Problem::new(
            format!("population `{name}`"),
            "the neurons of a channel differ in resistance or time constants so that they cannot share a kernel",
            "give them the same, or take a chip with shared_kernels = false",
        )
    })
}

/// What one projection's scaled weights look like before rounding.
#[derive(Clone, Debug)]
struct Extent {
    /// By target.
    largest: Vec<f64>,
    positive: bool,
    negative: bool,
}

impl Extent {
    fn new(targets: usize) -> Self {
        Self { largest: vec![0.0; targets], positive: false, negative: false }
    }
}

impl Quantised {
    /// Chooses scales and shifts and measures the loss.
    ///
    /// # Errors
    /// A population whose weights and threshold no scale brings into the registers together.
    pub fn new(network: &Network, spec: &ChipSpec) -> Result<Self, Error> {
        let registers = &spec.registers;
        if spec.overflow == OverflowProfile::Lava {
            check_lava(registers)?;
        }
        let none = ProjectionCode { shift: 0, step: 1, most: registers.weight_mantissa };
        let mut quantised = Self {
            populations: vec![PopulationCode::default(); network.populations().len()],
            projections: vec![none; network.projections().len()],
            losses: Vec::new(),
        };
        let mut problems = Vec::new();
        for id in network.ids() {
            let population = network.population(id);
            // Inputs have no registers, and registers that are given need no rounding.
            if population.registers().is_some() && spec.analog.weight_percent > 0.0 {
                let factors = network.neurons_of(id).map(|n| Mismatch::of(&spec.analog, n.0).weight);
                quantised.populations[id.0 as usize].factor = factors.collect();
            }
            let Some(parameters) = population.parameters() else { continue };
            let neurons: Vec<_> = (0..population.size as usize)
                .map(|i| discretise(parameters, i, network.conventions()))
                .collect();
            let channel = if spec.core.shared_kernels { shared_channel(network, id) } else { None };
            match quantised.population(network, id, &neurons, spec, channel) {
                Ok(loss) => quantised.losses.push(loss),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(quantised) } else { Err(Error { kind: ErrorKind::DoesNotFit, problems }) }
    }

    fn population(
        &mut self,
        network: &Network,
        id: PopulationId,
        neurons: &[DiscreteNeuron],
        spec: &ChipSpec,
        channel: Option<usize>,
    ) -> Result<PopulationLoss, Problem> {
        let registers = &spec.registers;
        let population = network.population(id);
        let incoming: Vec<usize> =
            (0..network.projections().len()).filter(|&p| network.projections()[p].target == id).collect();
        // One pass over the weights: the largest of each neuron and projection, and what a neuron can get at once.
        let mut extents: Vec<_> = incoming.iter().map(|_| Extent::new(neurons.len())).collect();
        let mut demands = vec![Demand::default(); neurons.len()];
        for (extent, &p) in extents.iter_mut().zip(&incoming) {
            for (target, (neuron, demand)) in neurons.iter().zip(&mut demands).enumerate() {
                let gain = neuron.gain_u * neuron.gain_v;
                network.projections()[p].weights.for_each_source(target as u32, |_, weight| {
                    let scaled = f64::from(weight) * gain;
                    extent.largest[target] = extent.largest[target].max(scaled.abs());
                    extent.positive |= scaled > 0.0;
                    extent.negative |= scaled < 0.0;
                    demand.excitation += scaled.max(0.0);
                    demand.inhibition -= scaled.min(0.0);
                });
            }
        }
        let codes: Vec<_> = extents.iter().map(|extent| Self::mantissas(extent, registers)).collect();
        for (extent, code) in extents.iter().zip(&codes) {
            for (demand, largest) in demands.iter_mut().zip(&extent.largest) {
                demand.fullness = demand.fullness.max(largest / f64::from(code.most));
            }
        }
        let subtracts = network.conventions().reset == Reset::Subtract;
        if let Some(problem) = channel.and_then(|size| cannot_share(&population.name, neurons, size)) {
            return Err(problem);
        }
        let scales = scale::choose(neurons, &demands, registers, subtracts, channel).map_err(|neuron| {
            let largest = extents.iter().map(|e| e.largest[neuron]).fold(0.0, f64::max);
            Problem::new(
                format!("population `{}`, neuron {neuron}", population.name),
                format!(
                    "no scale brings its threshold of {:.3e} and its weights of up to {largest:.3e} into the registers",
                    neurons[neuron].threshold.unwrap_or(0.0)
                ),
                "rescale weights and threshold of the neuron",
            )
        })?;
        for ((&p, extent), code) in incoming.iter().zip(&extents).zip(&codes) {
            let widest = extent.largest.iter().zip(&scales.units).map(|(w, s)| w * s).fold(0.0, f64::max);
            let wanted = widest / (f64::from(code.most) + 0.5);
            let mut shifts = registers.weight_shift_least..=registers.weight_shift_most;
            let shift = shifts.find(|&k| wanted <= f64::from(1u32 << k));
            self.projections[p] =
                ProjectionCode { shift: shift.unwrap_or(registers.weight_shift_most), ..*code };
        }
        let mut loss = PopulationLoss {
            population: population.name.clone(),
            scale_least: scales.units.iter().copied().fold(f64::INFINITY, f64::min),
            scale_most: scales.units.iter().copied().fold(0.0, f64::max),
            notes: scales.notes,
            ..PopulationLoss::default()
        };
        let mismatch: Vec<Mismatch> = network.neurons_of(id).map(|n| Mismatch::of(&spec.analog, n.0)).collect();
        let mut code = code(neurons, &scales.units, registers, &mismatch, &mut loss);
        if let Some(size) = channel {
            // Equal but for the last bit, in which two gains may differ.
            code.factor.chunks_mut(size).for_each(|factors| factors.fill(factors[0]));
        }
        self.populations[id.0 as usize] = code;
        self.measure(network, id, &incoming, &mut loss);
        Ok(loss)
    }

    fn mantissas(extent: &Extent, registers: &Registers) -> ProjectionCode {
        let step = if extent.positive && extent.negative { registers.mixed_step } else { 1 };
        ProjectionCode { shift: 0, step, most: registers.weight_mantissa / step * step }
    }

    /// Measures the rounding of all weights that come into a population.
    fn measure(&self, network: &Network, id: PopulationId, incoming: &[usize], loss: &mut PopulationLoss) {
        let code = &self.populations[id.0 as usize];
        let (mut errors, mut squares) = (0.0, 0.0);
        for (target, &factor) in code.factor.iter().enumerate() {
            // Errors are relative to the neuron's own weights: a neuron must not hide behind larger ones.
            let (mut own_errors, mut own_squares, mut largest, mut worst) = (0.0, 0.0, 0.0f64, 0.0f64);
            for &p in incoming {
                network.projections()[p].weights.for_each_source(target as u32, |_, weight| {
                    let exact = f64::from(weight) * factor;
                    let mantissa = self.mantissa(p, id, target, weight);
                    let error = (exact - f64::from(i32::from(mantissa) << self.projections[p].shift)).abs();
                    loss.weights += 1;
                    loss.weights_to_zero += u64::from(mantissa == 0);
                    own_squares += exact * exact;
                    own_errors += error * error;
                    largest = largest.max(exact.abs());
                    worst = worst.max(error);
                });
            }
            if own_squares > 0.0 {
                loss.neuron_error_rms = loss.neuron_error_rms.max((own_errors / own_squares).sqrt());
                loss.weight_error_max = loss.weight_error_max.max(worst / largest);
                errors += own_errors / own_squares;
                squares += 1.0;
            }
        }
        if squares > 0.0 {
            loss.weight_error_rms = f64::sqrt(errors / squares);
        }
    }

    /// The weight that the chip's store holds for a synapse, effective: rounded for neurons in real units, as it is for those
    /// in registers, with the neuron's mismatch.
    pub fn chip_weight(
        &self,
        network: &Network,
        spec: &ChipSpec,
        projection: usize,
        population: PopulationId,
        target: usize,
        weight: f32,
    ) -> i32 {
        if network.population(population).registers().is_none() {
            // Lava's neuron shifts what arrives by 6 itself.
            let built_in = if spec.overflow == OverflowProfile::Lava { 6 } else { 0 };
            let mantissa = i32::from(self.mantissa(projection, population, target, weight));
            return mantissa << (self.projections[projection].shift - built_in);
        }
        let native = &network.projections()[projection].native;
        let factor = self.populations[population.0 as usize].factor.get(target).copied().unwrap_or(1.0);
        // A reward is one for all neurons of a core, so it cannot follow the gain of one.
        if factor == 1.0 || native.reward_for.is_some() {
            return weight as i32;
        }
        let differing = (f64::from(weight) * factor).round() as i32;
        native.rule.as_ref().map_or(differing, |rule| differing.clamp(rule.weight_least, rule.weight_most))
    }

    /// The mantissa of a real weight onto a target of the projection; its shift is the projection's.
    pub fn mantissa(&self, projection: usize, population: PopulationId, target: usize, weight: f32) -> i16 {
        let ProjectionCode { shift, step, most } = self.projections[projection];
        let exact = f64::from(weight) * self.populations[population.0 as usize].factor[target];
        let steps = (exact / (f64::from(1u32 << shift) * f64::from(step))).round();
        let most = f64::from(most / step);
        steps.clamp(-most, most) as i16 * step as i16
    }
}

/// Lava's neuron shifts inputs and thresholds by 6 itself, so the chip's registers must be such that nothing lies below.
fn check_lava(registers: &Registers) -> Result<(), Error> {
    if registers.weight_shift_least >= 6 && registers.threshold_shift >= 6 {
        return Ok(());
    }
    let what = format!(
        "the profile `lava` needs weights and thresholds shifted by at least 6; the chip's are by {} and {}",
        registers.weight_shift_least, registers.threshold_shift
    );
    Err(Error::one(ErrorKind::Invalid, "registers", what, "use it with loihi1-davies2018 or loihi2-like"))
}

/// Registers of every neuron, and the largest errors they make.
fn code(
    neurons: &[DiscreteNeuron],
    scales: &[f64],
    registers: &Registers,
    mismatch: &[Mismatch],
    loss: &mut PopulationLoss,
) -> PopulationCode {
    let mut code = PopulationCode { scale: scales.to_vec(), ..PopulationCode::default() };
    for ((neuron, &scale), mismatch) in neurons.iter().zip(scales).zip(mismatch) {
        let lost = |keep: f64| (1.0 - keep) * mismatch.decay;
        let decay_v = (4096.0 * lost(neuron.keep_v)).round().clamp(0.0, 4095.0);
        // The current's register is one less than its effect.
        let decay_u = ((4096.0 * lost(neuron.keep_u)).round() - 1.0).clamp(0.0, 4095.0);
        let tau_error =
            |wanted: f64, got: f64| if wanted > 0.0 { ((got - wanted) / wanted).abs() } else { 0.0 };
        loss.tau_mem_error = loss.tau_mem_error.max(tau_error(lost(neuron.keep_v), decay_v / 4096.0));
        loss.tau_syn_error = loss.tau_syn_error.max(tau_error(lost(neuron.keep_u), (decay_u + 1.0) / 4096.0));
        let threshold = match neuron.threshold {
            None => NEVER,
            Some(real) => {
                let exact = real * scale * mismatch.threshold;
                let mantissa = (exact / f64::from(1u32 << registers.threshold_shift)).floor();
                let most = f64::from(registers.threshold_mantissa);
                let threshold = (mantissa.clamp(0.0, most) as i32) << registers.threshold_shift;
                if exact > 0.0 {
                    loss.threshold_error =
                        loss.threshold_error.max((f64::from(threshold) - exact).abs() / exact);
                }
                threshold
            }
        };
        let exact = scale::bias(neuron) * scale;
        let rounded = round_bias(exact, registers);
        if exact != 0.0 {
            let span = neuron.threshold.map_or(exact.abs(), |t| t * scale).max(1.0);
            loss.bias_error = loss.bias_error.max((f64::from(rounded) - exact).abs() / span);
        }
        code.decay_u.push(decay_u as u16);
        code.decay_v.push(decay_v as u16);
        code.threshold.push(threshold);
        code.bias.push(rounded);
        code.initial_u.push(if neuron.keep_u > 0.0 { -rounded } else { 0 });
        code.rest.push((neuron.rest * scale).round() as i64);
        code.factor.push(scale * neuron.gain_u * neuron.gain_v * mismatch.weight);
    }
    code
}

/// The nearest bias with the smallest exponent that reaches it.
fn round_bias(exact: f64, registers: &Registers) -> i32 {
    let most = f64::from(registers.bias_mantissa);
    let exponent = (0..registers.bias_exponent).find(|&e| (exact / f64::from(1u32 << e)).round().abs() <= most);
    let exponent = exponent.unwrap_or(registers.bias_exponent);
    ((exact / f64::from(1u32 << exponent)).round().clamp(-most, most) as i32) << exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_takes_the_smallest_exponent_that_reaches_it() {
        let registers = ChipSpec::preset("loihi1-davies2018").unwrap().registers;
        assert_eq!(round_bias(4095.4, &registers), 4095);
        assert_eq!(round_bias(-4097.0, &registers), -4098, "half away from zero");
        assert_eq!(round_bias(1e9, &registers), 4095 << 7);
        assert_eq!(round_bias(-0.4, &registers), 0);
    }
}
