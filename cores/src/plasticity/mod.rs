//! Plastic synapses: rows whose weights a rule changes while the core runs.
//!
//! A [`PlasticRows`] is one projection onto a core with its rule. It lives beside the core's fixed synapses and is
//! delivered in the same way, delays and all. Learning is a phase of its own at the start of a tick, when the events of
//! the tick before have been delivered (with the weights as they stood) and before the neurons step. It sees
//!
//! - as presynaptic spikes the events that were just delivered,
//! - as postsynaptic spikes those that the core's neurons emitted in their last step.
//!
//! How traces and weights then move is the engine's: [`Engine::Loihi`] replays epochs as Lava's fixed-point model of the
//! chip, [`Engine::EveryTick`] is brian2-loihi's, [`Engine::OnSpikes`] is ours and works spike by spike. Rules are
//! [`Expression`]s, data in the network file. Pair and triplet STDP, reward-modulated STDP (tag and reward), the
//! order-based rule of Kheradpisheh et al. and SDSP are all written in it; see `docs/formats/learning.md`.

mod every_tick;
mod expression;
mod loihi;
mod on_spikes;
mod streams;
mod trace;

pub use expression::{Expression, ExpressionError, Factor, Product, Variable};
pub use streams::{RecordedStreams, Streams};
pub use trace::TraceSettings;

use crate::fixed::Rounding;
use crate::neuron::{Model, Overflow, OverflowKind};
use crate::synapse::{AccumulatorRing, DELAY_MOST, Synapse, SynapseError};
use crate::{CoreCounters, NeuronId};
use serde::{Deserialize, Serialize};

/// How traces and weights are updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Lava's bit-approximate model of Loihi: 7-bit traces, epochs, products of limited width.
    Loihi,
    /// brian2-loihi's: every synapse, every tick, |dw| rounded up.
    EveryTick,
    /// Spike by spike, with wide traces and a rounding mode of choice.
    OnSpikes,
}

impl Engine {
    /// All engines by name.
    pub const ALL: [(&'static str, Engine); 3] =
        [("loihi", Engine::Loihi), ("every-tick", Engine::EveryTick), ("on-spikes", Engine::OnSpikes)];
}

/// A learning rule with everything it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How it is evaluated.
    pub engine: Engine,
    /// Change of the weight.
    pub dw: Expression,
    /// Change of the tag; `None` where there is no tag.
    pub dt: Option<Expression>,
    /// Traces x1, x2, y1, y2, y3.
    pub traces: [TraceSettings; 5],
    /// What a tag keeps a tick, 32 fraction bits.
    pub tag_keep: u64,
    /// Ticks an epoch of the Loihi engine, 1 to 63.
    pub epoch: u32,
    /// Lowest weight.
    pub weight_least: i32,
    /// Highest weight.
    pub weight_most: i32,
    /// Exponent with which a weight acts, -20 to 22; negative ones shift right with floor. No weight may reach 2^30 by it.
    pub exponent: i8,
    /// Shift to the left after it, 0 to 6: what a negative exponent cut off stays cut off, as on Loihi.
    pub shift: u8,
    /// Step of the weights in the every-tick engine, a power of two.
    pub precision: i32,
    /// How a change is rounded to whole weights (on-spikes engine).
    pub rounding: Rounding,
    /// Seed of all draws.
    pub seed: u64,
}

impl Rule {
    /// A rule with traces that never move, weights 0..=255 and rounding to nearest.
    pub fn new(engine: Engine, dw: Expression) -> Self {
        Rule {
            engine,
            dw,
            dt: None,
            traces: [TraceSettings::default(); 5],
            tag_keep: 1 << 32,
            epoch: 1,
            weight_least: 0,
            weight_most: 255,
            exponent: 0,
            shift: 0,
            precision: 1,
            rounding: Rounding::Nearest,
            seed: 0,
        }
    }

    /// Checks that the engine can follow the rule and that every number is in its range.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), SynapseError> {
        let range = |what, value: i64, least: i64, most: i64| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(range(what, value, least, most)) }
        };
        let (least, most) =
            if self.engine == Engine::Loihi { LOIHI_WEIGHTS } else { (-WEIGHT_MOST, WEIGHT_MOST) };
        range("the lowest weight", self.weight_least.into(), least.into(), most.into())?;
        range("the highest weight", self.weight_most.into(), self.weight_least.into(), most.into())?;
        range("the exponent of learned weights", self.exponent.into(), -20, 22)?;
        let largest = i64::from(self.weight_least.abs().max(self.weight_most.abs()));
        range("the shift of learned weights", self.shift.into(), 0, 6)?;
        let up = self.exponent.max(0) + self.shift as i8;
        range("the largest weight with its exponent", largest << up, 0, 1 << 30)?;
        range("the epoch", self.epoch.into(), 1, 63)?;
        range("the precision", self.precision.into(), 1, 256)?;
        if self.precision.count_ones() != 1 {
            return Err(SynapseError::Rule("has a precision that is not a power of two"));
        }
        [Some(&self.dw), self.dt.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|text| text.check(self.engine))?;
        for trace in &self.traces {
            range("a trace's impulse", trace.impulse.into(), 0, 127)?;
            range("a trace's most", trace.most.into(), 0, 127)?;
            range("a trace's keep", trace.keep as i64, 0, 1 << 32)?;
        }
        range("the tag's keep", self.tag_keep as i64, 0, 1 << 32)?;
        Ok(())
    }
}

/// Plastic rows with their rule, as they are loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlasticRows {
    /// The rule.
    pub rule: Rule,
    /// Network number of each axon's source; draws are keyed by it.
    pub sources: Vec<u32>,
    /// Network number of each neuron of the core, likewise.
    pub neurons: Vec<u32>,
    /// Where each axon's synapses start; one more than there are axons.
    pub offsets: Vec<u32>,
    /// Target of each synapse.
    pub targets: Vec<u32>,
    /// Delay of each synapse.
    pub delays: Vec<u8>,
    /// Weight of each synapse at the start.
    pub weights: Vec<i32>,
}

/// Weights that learn are held within this on either side of zero.
const WEIGHT_MOST: i32 = 1 << 20;
/// The Loihi engine's accumulators hold no more.
const LOIHI_WEIGHTS: (i32, i32) = (-256, 255);

impl PlasticRows {
    /// Rows of (source's network number, synapses) for a core of neurons of these network numbers.
    pub fn new(rule: Rule, neurons: Vec<u32>, rows: impl IntoIterator<Item = (u32, Vec<Synapse>)>) -> Self {
        let mut plastic = PlasticRows {
            rule,
            sources: Vec::new(),
            neurons,
            offsets: vec![0],
            targets: Vec::new(),
            delays: Vec::new(),
            weights: Vec::new(),
        };
        for (source, row) in rows {
            plastic.sources.push(source);
            for synapse in row {
                plastic.targets.push(synapse.target.0);
                plastic.delays.push(synapse.delay);
                plastic.weights.push(synapse.weight);
            }
            plastic.offsets.push(plastic.targets.len() as u32);
        }
        plastic
    }

    /// Number of axons.
    pub fn axon_count(&self) -> usize {
        self.sources.len()
    }

    /// Longest delay.
    pub fn max_delay(&self) -> u32 {
        self.delays.iter().copied().max().map_or(0, u32::from)
    }

    /// Places of an axon's synapses.
    pub fn range(&self, axon: usize) -> std::ops::Range<usize> {
        self.offsets[axon] as usize..self.offsets[axon + 1] as usize
    }

    /// The weight as a synapse acts with it.
    pub fn effective(&self, weight: i32) -> i32 {
        let exponent = self.rule.exponent;
        let scaled = if exponent < 0 { weight >> -exponent } else { weight << exponent };
        scaled << self.rule.shift
    }

    /// Checks what deserialised data promises.
    ///
    /// # Errors
    /// The first broken promise.
    pub fn validate(&self, neurons: usize) -> Result<(), SynapseError> {
        let synapses = self.targets.len();
        for (what, value, wanted) in [
            ("the number of neurons of the store", self.neurons.len(), neurons),
            ("the number of row offsets", self.offsets.len(), self.sources.len() + 1),
            ("the number of delays", self.delays.len(), synapses),
            ("the number of weights", self.weights.len(), synapses),
            ("the last row offset", self.offsets.last().map_or(0, |o| *o as usize), synapses),
        ] {
            if value != wanted {
                return Err(SynapseError::beyond(what, value, wanted));
            }
        }
        if self.offsets[0] != 0 || self.offsets.windows(2).any(|w| w[0] > w[1]) {
            return Err(SynapseError::beyond("a row offset", 1, 0));
        }
        if let Some(&target) = self.targets.iter().find(|t| **t as usize >= neurons) {
            return Err(SynapseError::Target { target, neurons: neurons as u32 });
        }
        if let Some(&delay) = self.delays.iter().find(|d| **d > DELAY_MOST) {
            return Err(SynapseError::beyond("a delay", delay.into(), DELAY_MOST.into()));
        }
        self.rule.check()?;
        let (least, most) = (self.rule.weight_least, self.rule.weight_most);
        match self.weights.iter().find(|w| !(least..=most).contains(*w)) {
            Some(&weight) => Err(range("a learned weight", weight.into(), least.into(), most.into())),
            None => Ok(()),
        }
    }
}

fn range(what: &'static str, value: i64, least: i64, most: i64) -> SynapseError {
    SynapseError::Range { what, value, least, most }
}

/// What an engine needs from its surroundings in the learning phase of a tick.
pub(crate) struct Phase<'a> {
    pub(crate) rows: &'a PlasticRows,
    pub(crate) counters: &'a mut CoreCounters,
    pub(crate) log: Option<&'a mut Vec<Overflow>>,
    /// Learning steps since the start, this one included: 1 in the first.
    pub(crate) step: u64,
    /// Reward of the step, or of the Loihi engine's epoch so far.
    pub(crate) reward: i64,
}

impl Phase<'_> {
    /// Puts a new weight, clipped to the rule's range, in its place; counts. `saturated` tells that the sum before it met
    /// its end already.
    fn settle(&mut self, weights: &mut [i32], synapse: usize, wanted: i64, saturated: bool) {
        let rule = &self.rows.rule;
        let held = wanted.clamp(rule.weight_least.into(), rule.weight_most.into());
        self.counters.learning_updates += 1;
        self.counters.weight_changes += u64::from(held != i64::from(weights[synapse]));
        if held != wanted || saturated {
            self.counters.saturations += 1;
            if let Some(log) = &mut self.log {
                log.push(Overflow { index: self.rows.targets[synapse], kind: OverflowKind::WeightLimit });
            }
        }
        weights[synapse] = held as i32;
    }
}

/// One projection's plastic synapses with their state.
#[derive(Clone, Debug)]
pub struct Plastic {
    rows: std::sync::Arc<PlasticRows>,
    weights: Vec<i32>,
    state: State,
    /// Axons delivered since the last learning phase, in order of delivery.
    pre: Vec<u32>,
    reward: i64,
    steps: u64,
    streams: Streams,
}

#[derive(Clone, Debug)]
enum State {
    Loihi(loihi::Loihi),
    EveryTick(every_tick::EveryTick),
    OnSpikes(on_spikes::OnSpikes),
}

impl Plastic {
    /// Loads rows for a core of so many neurons.
    ///
    /// # Errors
    /// As [`PlasticRows::validate`].
    pub fn new(rows: std::sync::Arc<PlasticRows>, neurons: usize) -> Result<Self, SynapseError> {
        rows.validate(neurons)?;
        let state = match rows.rule.engine {
            Engine::Loihi => State::Loihi(loihi::Loihi::new(&rows, neurons)),
            Engine::EveryTick => State::EveryTick(every_tick::EveryTick::new(&rows, neurons)),
            Engine::OnSpikes => State::OnSpikes(on_spikes::OnSpikes::new(&rows, neurons)),
        };
        let streams = Streams::Counter { seed: rows.rule.seed };
        let weights = rows.weights.clone();
        Ok(Self { rows, weights, state, pre: Vec::new(), reward: 0, steps: 0, streams })
    }

    /// Takes random numbers from another source than the counter-based one.
    pub fn with_streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// The rows as loaded.
    pub fn rows(&self) -> &PlasticRows {
        &self.rows
    }

    /// Weights by synapse.
    pub fn weights(&self) -> &[i32] {
        &self.weights
    }

    /// A trace (0..5: x1, x2, y1, y2, y3) by axon or by neuron; whole numbers, fractions left out.
    pub fn trace(&self, trace: usize) -> Vec<i64> {
        match &self.state {
            State::Loihi(state) => state.trace(trace),
            State::EveryTick(state) => state.trace(trace),
            State::OnSpikes(state) => state.trace(trace),
        }
    }

    /// Adds an axon's row to the ring with the weights as they stand; returns synapses read.
    pub fn deliver(&mut self, axon: usize, payload: i32, delay_slot: u32, ring: &mut AccumulatorRing) -> u64 {
        self.pre.push(axon as u32);
        let range = self.rows.range(axon);
        let read = range.len() as u64;
        for synapse in range {
            let weight = self.rows.effective(self.weights[synapse]).wrapping_mul(payload);
            let later = delay_slot as usize + usize::from(self.rows.delays[synapse]);
            let target = self.rows.targets[synapse] as usize;
            let sum = &mut ring.slot_mut(later)[target];
            *sum = sum.wrapping_add(weight);
            if ring.is_watched() {
                ring.watch(later, target, weight.into());
            }
        }
        read
    }

    /// One event for a core that acts on events: calls `act` with (neuron, weight) for each synapse; the caller then
    /// calls [`Plastic::learn_event`].
    pub(crate) fn deliver_event(&self, axon: usize, payload: i32, mut act: impl FnMut(usize, i32)) -> u64 {
        let range = self.rows.range(axon);
        let read = range.len() as u64;
        for synapse in range {
            let weight = self.rows.effective(self.weights[synapse]).wrapping_mul(payload);
            act(self.rows.targets[synapse] as usize, weight);
        }
        read
    }

    /// What the rule does on a presynaptic event of a core that acts on events, at once: flags are those after the event.
    /// The other engines wait for the learning phase.
    pub(crate) fn learn_event(
        &mut self,
        axon: usize,
        model: &Model,
        counters: &mut CoreCounters,
        log: Option<&mut Vec<Overflow>>,
    ) {
        let rows = std::sync::Arc::clone(&self.rows);
        let mut phase = Phase { rows: &rows, counters, log, step: self.steps + 1, reward: self.reward };
        match &mut self.state {
            State::OnSpikes(state) => {
                let flags = |neuron| model.learning_flags(neuron);
                state.pre_event(&mut phase, &mut self.weights, axon, &flags, &self.streams);
            }
            _ => self.pre.push(axon as u32),
        }
    }

    /// Adds to the reward of the coming learning phase.
    pub fn reward(&mut self, amount: i64) {
        self.reward = self.reward.saturating_add(amount).clamp(-(1 << 24), 1 << 24);
    }

    /// The learning phase of a tick: `post` are the neurons that fired in the last step; `flags` tells (up, down) of a
    /// neuron as its state is now.
    pub fn learn(
        &mut self,
        post: &[NeuronId],
        flags: &dyn Fn(usize) -> (bool, bool),
        counters: &mut CoreCounters,
        log: Option<&mut Vec<Overflow>>,
    ) {
        self.steps += 1;
        let rows = std::sync::Arc::clone(&self.rows);
        let mut phase = Phase { rows: &rows, counters, log, step: self.steps, reward: self.reward };
        match &mut self.state {
            State::Loihi(state) => {
                state.learn(&mut phase, &mut self.weights, &self.pre, post, &mut self.streams);
            }
            State::EveryTick(state) => {
                state.learn(&mut phase, &mut self.weights, &self.pre, post, flags, &self.streams);
            }
            State::OnSpikes(state) => {
                state.learn(&mut phase, &mut self.weights, &self.pre, post, flags, &self.streams);
            }
        }
        self.pre.clear();
        // What rewards arrive within an epoch is there at its end.
        if rows.rule.engine != Engine::Loihi || self.steps.is_multiple_of(rows.rule.epoch.into()) {
            self.reward = 0;
        }
    }

    /// [`Plastic::learn`] with a core's own model.
    pub(crate) fn learn_on(
        &mut self,
        model: &Model,
        post: &[NeuronId],
        counters: &mut CoreCounters,
        log: Option<&mut Vec<Overflow>>,
    ) {
        self.learn(post, &|neuron| model.learning_flags(neuron), counters, log);
    }

    /// Traces, tags and pending spikes back to nothing; weights stay as learned.
    pub fn reset(&mut self) {
        self.pre.clear();
        self.reward = 0;
        match &mut self.state {
            State::Loihi(state) => state.reset(),
            State::EveryTick(state) => state.reset(),
            State::OnSpikes(state) => state.reset(),
        }
    }

    /// Appends weights, traces and tags with all their bits, for digests.
    pub fn state_words(&self, out: &mut Vec<i64>) {
        out.extend(self.weights.iter().map(|&w| i64::from(w)));
        match &self.state {
            State::Loihi(state) => state.state_words(out),
            State::EveryTick(state) => state.state_words(out),
            State::OnSpikes(state) => state.state_words(out),
        }
        out.push(self.reward);
    }
}

#[cfg(test)]
mod tests;
