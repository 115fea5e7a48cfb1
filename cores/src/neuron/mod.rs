//! Neuron models: each steps all neurons of a core at once over arrays. One file each, one line in the list below.

mod adex;
mod atrlif;
mod brian2_lif;
mod cuba_lif;
mod fixed_adaptive_lif;
mod fixed_izhikevich;
mod fixed_lif;
mod lava_lif;
mod odin;
mod ranc;
mod refractory_lif;
mod reset_lif;
mod resonate_fire;
mod sanafe_lif;
mod spinnaker_izhikevich;
mod spinnaker_lif;
mod ternary_lif;
mod tiny_odin;
mod true_north;

pub use true_north::Lfsr;

use crate::registers::{ParameterError, Parameters, Register};
use crate::{CoreCounters, NeuronId, random};
use serde::{Deserialize, Serialize};

/// A spike a core emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// Who.
    pub neuron: NeuronId,
    /// 1 for a plain spike.
    pub payload: i32,
    /// Active updates among the neurons up to and including this one: with the neuron's index it tells how much
    /// work the core had done when the spike left.
    pub active_before: u32,
}

/// When a model consumes its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// Inputs of a tick are summed, then all neurons step (Loihi, SpiNNaker).
    PerTick,
    /// As before, but an axon is one bit a tick: a second event for the same tick merges (TrueNorth, RANC).
    AxonBits,
    /// Every event acts, and may fire, at once; a tick is the time reference (ODIN).
    PerEvent,
}

/// What a model is, for lists, files and checks.
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// Name, as files write it.
    pub name: &'static str,
    /// One line.
    pub title: &'static str,
    /// The discrete step.
    pub equation: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Registers.
    pub registers: &'static [Register],
    /// Input channels; a synapse acts on one of them.
    pub channels: &'static [&'static str],
    /// State variables in the order of [`NeuronModel::state`].
    pub variables: &'static [&'static str],
    /// When events are consumed.
    pub discipline: Discipline,
    /// Whether sums of inputs must be exact, because the model neither wraps nor clips them at 32 bits or fewer.
    pub exact_sums: bool,
    /// A neuron that shows what the model does.
    pub example: Example,
}

/// Registers and a drive that show what a model does; registers not named have their defaults.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Registers of one neuron.
    pub registers: &'static [(&'static str, i64)],
    /// Input of each channel in every driven tick: a sum, a count of active axons, or the weight of one event.
    pub drive: &'static [i32],
    /// Ticks of the response; the middle half is driven.
    pub ticks: u32,
}

/// What one neuron does under a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Every variable after every tick, in the order of the model's list.
    pub variables: Vec<Vec<i64>>,
    /// (tick, payload) of every spike.
    pub spikes: Vec<(u32, i32)>,
}

/// One state variable of all neurons.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// 8 bits.
    U8(&'a [u8]),
    /// 16 bits.
    U16(&'a [u16]),
    /// 32 bits.
    I32(&'a [i32]),
    /// 64 bits.
    I64(&'a [i64]),
}

impl Values<'_> {
    /// The value of one neuron.
    pub fn at(&self, neuron: usize) -> i64 {
        match self {
            Values::U8(values) => values[neuron].into(),
            Values::U16(values) => values[neuron].into(),
            Values::I32(values) => values[neuron].into(),
            Values::I64(values) => values[neuron],
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Values::U8(values) => values.len(),
            Values::U16(values) => values.len(),
            Values::I32(values) => values.len(),
            Values::I64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.len()).map(|i| self.at(i))
    }
}

/// What can happen to a number or an event that the ideal model would not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverflowKind {
    /// A sum of inputs wrapped.
    InputWrap,
    /// A current wrapped.
    CurrentWrap,
    /// The sum of current and bias wrapped.
    BiasWrap,
    /// A membrane potential was clipped.
    Clip,
    /// A sum or product met the end of its format and stayed there.
    Saturation,
    /// A learned weight met its limit.
    WeightLimit,
    /// An event for an axon that already had one in the same tick.
    Merged,
    /// An event that the scheduler cannot hold, or beyond [`crate::events_most`].
    Dropped,
}

impl OverflowKind {
    /// Name as tables write it.
    pub fn name(self) -> &'static str {
        match self {
            OverflowKind::InputWrap => "input_wrap",
            OverflowKind::CurrentWrap => "current_wrap",
            OverflowKind::BiasWrap => "bias_wrap",
            OverflowKind::Clip => "clip",
            OverflowKind::Saturation => "saturation",
            OverflowKind::WeightLimit => "weight_limit",
            OverflowKind::Merged => "merged",
            OverflowKind::Dropped => "dropped",
        }
    }
}

/// One overflow: at which neuron (for merged and dropped events: at which axon), and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overflow {
    /// Neuron of the core, or axon.
    pub index: u32,
    /// What happened.
    pub kind: OverflowKind,
}

/// Counter-based draws of one core in one tick, keyed by the network's numbers of its neurons, so that noise does not
/// depend on placement.
#[derive(Clone, Copy, Debug)]
pub struct Draws<'a> {
    /// Seed of the chip.
    pub seed: u64,
    /// Network number of each neuron.
    pub neurons: &'a [u32],
    /// Tick, with the number of the sample in the upper half.
    pub when: u64,
}

/// Purposes of draws.
pub(crate) mod purpose {
    pub(crate) const NOISE: u32 = 0x10;
    pub(crate) const ROUND_V: u32 = 0x20;
    pub(crate) const ROUND_SECOND: u32 = 0x40;
}

impl Draws<'_> {
    /// 64 bits for one neuron and purpose.
    #[inline]
    pub fn bits(&self, neuron: usize, purpose: u32) -> u64 {
        random::bits(self.seed, u64::from(self.neurons[neuron]), self.when, purpose)
    }
}

/// What a model is given for a step, and where it puts its results.
#[derive(Debug)]
pub struct Step<'a> {
    /// Ticks since the reset.
    pub tick: u64,
    /// Random draws.
    pub draws: Draws<'a>,
    /// Noise that acts on the membrane in this tick, by neuron.
    pub membrane_noise: Option<&'a [i32]>,
    /// Spikes are appended, in order of neuron within a step.
    pub spikes: &'a mut Vec<Spike>,
    /// Counts are added.
    pub counters: &'a mut CoreCounters,
    /// Overflows are listed here where somebody wants the list.
    pub log: Option<&'a mut Vec<Overflow>>,
}

impl Step<'_> {
    /// Lists an overflow; counting it is the caller's.
    pub(crate) fn note(&mut self, neuron: usize, kind: OverflowKind) {
        if let Some(log) = &mut self.log {
            log.push(Overflow { index: neuron as u32, kind });
        }
    }

    /// Counts and lists where `happened`.
    pub(crate) fn note_if(&mut self, happened: bool, neuron: usize, kind: OverflowKind) {
        if !happened {
            return;
        }
        match kind {
            OverflowKind::InputWrap | OverflowKind::CurrentWrap => self.counters.wraps += 1,
            OverflowKind::BiasWrap => self.counters.bias_wraps += 1,
            OverflowKind::Clip => self.counters.clips += 1,
            OverflowKind::Saturation | OverflowKind::WeightLimit => self.counters.saturations += 1,
            OverflowKind::Merged => self.counters.merged += 1,
            OverflowKind::Dropped => self.counters.dropped += 1,
        }
        self.note(neuron, kind);
    }

    /// Counts an update.
    pub(crate) fn updated(&mut self, active: bool) {
        if active {
            self.counters.updates_active += 1;
        } else {
            self.counters.updates_idle += 1;
        }
    }

    /// Emits a spike; `active` are the step's active updates so far.
    pub(crate) fn spike(&mut self, neuron: usize, payload: i32, active: u32) {
        self.counters.spikes += 1;
        self.spikes.push(Spike { neuron: NeuronId(neuron as u32), payload, active_before: active });
    }
}

/// A model of all the neurons of one core.
pub trait NeuronModel: Clone + std::fmt::Debug + Send {
    /// What it is.
    const INFO: ModelInfo;

    /// Neurons at rest; registers have been checked.
    fn new(parameters: &Parameters) -> Self;

    /// What the ranges of single registers cannot say.
    fn check(_parameters: &Parameters, _errors: &mut Vec<ParameterError>) {}

    /// One tick: consumes the summed inputs (channel by channel, each neuron by neuron), appends spikes, counts. For a
    /// model that acts per event it is the time reference and `inputs` are zeros.
    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>);

    /// One event, for models that act per event.
    fn event(&mut self, _neuron: usize, _weight: i32, _step: &mut Step<'_>) {
        unreachable!("invariant: only models of discipline PerEvent are given events")
    }

    /// Back to the initial state.
    fn reset(&mut self);

    /// State variables in the order of the model's list.
    fn state(&self) -> Vec<Values<'_>>;

    /// The membrane potential of a neuron.
    fn membrane(&self, neuron: usize) -> i64;

    /// Whether a plastic synapse onto this neuron should go (up, down), for rules that ask the membrane (SDSP).
    fn learning_flags(&self, _neuron: usize) -> (bool, bool) {
        (false, false)
    }
}

/// Runs the first neuron of `parameters` for some ticks; `drive` gives the input of every channel in a tick, an empty one
/// none.
pub fn respond(parameters: &Parameters, ticks: u32, drive: impl Fn(u32) -> Vec<i32>) -> Response {
    let parameters = parameters.select([0]);
    let info = parameters.model().info();
    let mut model = Model::new(&parameters);
    let mut response = Response { variables: vec![Vec::new(); info.variables.len()], spikes: Vec::new() };
    let (mut spikes, mut counters) = (Vec::new(), CoreCounters::default());
    for tick in 0..ticks {
        let draws = Draws { seed: 1, neurons: &[0], when: tick.into() };
        let (spikes, counters) = (&mut spikes, &mut counters);
        let mut step = Step { tick: tick.into(), draws, membrane_noise: None, spikes, counters, log: None };
        let mut inputs = drive(tick);
        if info.discipline == Discipline::PerEvent {
            inputs.iter().for_each(|&weight| model.event(0, weight, &mut step));
            inputs.clear();
        }
        inputs.resize(info.channels.len(), 0);
        model.step(&inputs, &mut step);
        response.spikes.extend(step.spikes.drain(..).map(|spike| (tick, spike.payload)));
        let state = model.state();
        response.variables.iter_mut().zip(state).for_each(|(trace, values)| trace.push(values.at(0)));
    }
    response
}

impl ModelKind {
    /// The response of the model's example.
    pub fn example(self) -> Response {
        let Example { registers, drive, ticks } = self.info().example;
        let given = registers.iter().map(|&(name, value)| (name, crate::Column::Uniform(value)));
        let parameters = Parameters::new(self, 1, given).expect("invariant: examples are tested");
        respond(&parameters, ticks, |tick| {
            if (ticks / 4..ticks - ticks / 4).contains(&tick) { drive.to_vec() } else { Vec::new() }
        })
    }

    /// The documentation of the model: the comment at the head of its file.
    pub fn documentation(self) -> String {
        let lines = self.source_text().lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
    }
}

/// The registry: variant, type, in the order of lists.
macro_rules! models {
    ($($(#[$doc:meta])* $variant:ident($module:ident),)*) => {
        /// The neuron models there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ModelKind {
            $($(#[$doc])* $variant,)*
        }

        impl ModelKind {
            /// All models.
            pub const ALL: &'static [ModelKind] = &[$(ModelKind::$variant,)*];

            /// What the model is.
            pub fn info(self) -> &'static ModelInfo {
                match self {
                    $(ModelKind::$variant => &$module::$variant::INFO,)*
                }
            }

            fn source_text(self) -> &'static str {
                match self {
                    $(ModelKind::$variant => include_str!(concat!(stringify!($module), ".rs")),)*
                }
            }

            pub(crate) fn check(self, parameters: &Parameters, errors: &mut Vec<ParameterError>) {
                match self {
                    $(ModelKind::$variant => $module::$variant::check(parameters, errors),)*
                }
            }
        }

        /// A model with its state; one match a tick, none a neuron.
        #[derive(Clone, Debug)]
        pub(crate) enum Model {
            $($variant($module::$variant),)*
        }

        impl Model {
            pub(crate) fn new(parameters: &Parameters) -> Self {
                match parameters.model() {
                    $(ModelKind::$variant => Model::$variant($module::$variant::new(parameters)),)*
                }
            }

            pub(crate) fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
                match self {
                    $(Model::$variant(model) => model.step(inputs, step),)*
                }
            }

            pub(crate) fn event(&mut self, neuron: usize, weight: i32, step: &mut Step<'_>) {
                match self {
                    $(Model::$variant(model) => model.event(neuron, weight, step),)*
                }
            }

            pub(crate) fn reset(&mut self) {
                match self {
                    $(Model::$variant(model) => model.reset(),)*
                }
            }

            pub(crate) fn state(&self) -> Vec<Values<'_>> {
                match self {
                    $(Model::$variant(model) => model.state(),)*
                }
            }

            pub(crate) fn membrane(&self, neuron: usize) -> i64 {
                match self {
                    $(Model::$variant(model) => model.membrane(neuron),)*
                }
            }

            pub(crate) fn learning_flags(&self, neuron: usize) -> (bool, bool) {
                match self {
                    $(Model::$variant(model) => model.learning_flags(neuron),)*
                }
            }
        }
    };
}

models! {
    /// Loihi 1's current-based LIF.
    CubaLif(cuba_lif),
    /// Lava's fixed-point LIF, as on Loihi 2.
    LavaLif(lava_lif),
    /// Lava's LIF with two thresholds and spikes of both signs.
    TernaryLif(ternary_lif),
    /// Lava's LIF that is reset at intervals.
    ResetLif(reset_lif),
    /// Lava's LIF with a refractory period, in fixed point.
    RefractoryLif(refractory_lif),
    /// Adaptive threshold and refractoriness.
    AtrLif(atrlif),
    /// A complex resonator that fires.
    ResonateFire(resonate_fire),
    /// brian2-loihi's LIF, without any overflow.
    Brian2Lif(brian2_lif),
    /// TrueNorth's neuron with all its stochastic modes.
    TrueNorth(true_north),
    /// RANC's deterministic subset of it.
    Ranc(ranc),
    /// SpiNNaker's current-based LIF in s16.15.
    SpinnakerLif(spinnaker_lif),
    /// SpiNNaker's Izhikevich neuron in s16.15.
    SpinnakerIzhikevich(spinnaker_izhikevich),
    /// A plain LIF with a rounding mode of choice.
    FixedLif(fixed_lif),
    /// The same with an adaptive threshold.
    FixedAdaptiveLif(fixed_adaptive_lif),
    /// Izhikevich's neuron with a rounding mode of choice.
    FixedIzhikevich(fixed_izhikevich),
    /// The adaptive exponential neuron with a rounding mode of choice.
    Adex(adex),
    /// tinyODIN's LIF.
    TinyOdin(tiny_odin),
    /// ODIN's LIF with calcium.
    Odin(odin),
    /// SANA-FE's LIF, for comparisons with that simulator.
    SanafeLif(sanafe_lif),
}

impl ModelKind {
    /// The model of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.info().name == name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A model with everything a step needs around it.
    pub(crate) struct Bench {
        pub(crate) model: Model,
        pub(crate) spikes: Vec<Spike>,
        pub(crate) counters: CoreCounters,
        pub(crate) log: Vec<Overflow>,
        ids: Vec<u32>,
        tick: u64,
    }

    impl Bench {
        pub(crate) fn new(parameters: &Parameters) -> Self {
            Self {
                model: Model::new(parameters),
                spikes: Vec::new(),
                counters: CoreCounters::default(),
                log: Vec::new(),
                ids: (0..parameters.neurons() as u32).collect(),
                tick: 0,
            }
        }

        fn with(&mut self, act: impl FnOnce(&mut Model, &mut Step<'_>)) {
            let draws = Draws { seed: 7, neurons: &self.ids, when: self.tick };
            let mut step = Step {
                tick: self.tick,
                draws,
                membrane_noise: None,
                spikes: &mut self.spikes,
                counters: &mut self.counters,
                log: Some(&mut self.log),
            };
            act(&mut self.model, &mut step);
        }

        pub(crate) fn step(&mut self, inputs: &[i32]) {
            self.with(|model, step| model.step(inputs, step));
            self.tick += 1;
        }

        pub(crate) fn event(&mut self, neuron: usize, weight: i32) {
            self.with(|model, step| model.event(neuron, weight, step));
        }
    }

    /// Runs one neuron: its spikes as (tick, payload) and its membrane after every tick.
    pub(crate) fn run(parameters: &Parameters, inputs: &[Vec<i32>]) -> (Vec<(usize, i32)>, Vec<i64>) {
        let mut bench = Bench::new(parameters);
        let (mut fired, mut trace) = (Vec::new(), Vec::new());
        for (t, input) in inputs.iter().enumerate() {
            let before = bench.spikes.len();
            bench.step(input);
            fired.extend(bench.spikes[before..].iter().map(|s| (t, s.payload)));
            trace.push(bench.model.membrane(0));
        }
        (fired, trace)
    }

    #[test]
    fn every_model_has_its_own_name_and_consistent_lists() {
        for (i, kind) in ModelKind::ALL.iter().enumerate() {
            let info = kind.info();
            assert_eq!(ModelKind::by_name(info.name), Some(*kind));
            assert!(ModelKind::ALL[..i].iter().all(|other| other.info().name != info.name));
            for register in info.registers {
                assert!(register.least <= register.most, "{} {}", info.name, register.name);
                let default = register.default.unwrap_or(register.least);
                assert!((register.least..=register.most).contains(&default), "{} {}", info.name, register.name);
            }
            let given = info.registers.iter().filter(|r| r.default.is_none());
            let given = given.map(|r| (r.name, crate::Column::Uniform(r.least.max(1).min(r.most))));
            let model = Model::new(&Parameters::new(*kind, 2, given).unwrap());
            assert_eq!(model.state().len(), info.variables.len(), "{}", info.name);
            assert!(kind.documentation().lines().count() > 5, "{}", info.name);
            let example = kind.example();
            assert!(
                example.spikes.len() > 2 && example.spikes.len() < 200,
                "{}: {}",
                info.name,
                example.spikes.len()
            );
        }
    }

    #[test]
    fn registers_at_their_ends_never_panic() {
        for kind in ModelKind::ALL {
            let info = kind.info();
            // All registers at one end, then each at either.
            for mix in 0..40u64 {
                let given = info.registers.iter().enumerate().map(|(i, r)| {
                    let high = if mix < 2 { mix == 1 } else { random::bits(mix, i as u64, 0, 0) & 1 == 1 };
                    let value = if high { r.most } else { r.least };
                    let value = match r.name {
                        "v_min" => r.least,
                        "v_max" => r.most,
                        _ => value,
                    };
                    (r.name, crate::Column::Uniform(value))
                });
                let mut bench = Bench::new(&Parameters::new(*kind, 1, given).unwrap());
                for input in [0, i32::MAX, i32::MIN, 1, i32::MAX, i32::MAX] {
                    if info.discipline == Discipline::PerEvent {
                        bench.event(0, input);
                        bench.step(&[0]);
                    } else {
                        // Counts of active axons are what bit schedulers hand over, small and not negative.
                        let bits = info.discipline == Discipline::AxonBits;
                        let input = if bits { input.clamp(0, 300) } else { input };
                        bench.step(&vec![input; info.channels.len()]);
                    }
                }
            }
        }
    }
}
