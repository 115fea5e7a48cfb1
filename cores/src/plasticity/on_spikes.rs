//! Learning spike by spike, with wide traces: the engine for textbook rules.
//!
//! Time t is a tick of the neurons. The learning phase between the steps t - 1 and t does, in this order,
//!
//! ```text
//! 1. for each neuron that fired in t - 1:  its synapses' products with y0, traces as they stood when it fired
//!                                          then its traces y rise
//! 2. every trace and tag keeps its part:   x = (x keep) >> 32, floor, 16 fraction bits
//! 3. for each axon whose event arrives in t: its synapses' products with x0; then its traces x rise
//!                                          (a core that acts on events does this at the event, flags being those after it)
//! 4. products with neither x0 nor y0 (reward, decay) for all synapses, where their uk holds: t + 1 a multiple of 2^k
//! ```
//! so a spike sees only what came before it, and an event arriving in the tick in which the neuron then fires counts as
//! before. For a pair a distance D apart a trace has decayed D times: pair STDP is A e^(-D / tau) to within D units of
//! 2^-16. A product with both x0 and y0 holds for neither alone and is refused on reading a network.
//!
//! dw is exact with 32 fraction bits; a weight is a whole number, so dw is rounded in the rule's mode. Draws are keyed by the
//! network's numbers of source and target and the tick. A tag has 16 fraction bits. Sources: Morrison et al. 2008 (pair
//! rules by traces), Pfister & Gerstner 2006 (triplets), Izhikevich 2007 and Florian 2007 (tag and reward), Kheradpisheh
//! et al. 2018 (order only), Brader et al. 2007 (SDSP).

use super::expression::{Expression, Product, Synaptic, Variable};
use super::streams::Streams;
use super::trace::{Traces, moving};
use super::{Phase, PlasticRows};
use crate::NeuronId;

/// Fraction bits of traces and tags.
const TRACE_FRACTION: i32 = 16;
/// Fraction bits of a change before it is rounded.
const FRACTION: i32 = 32;

/// Which products a pass evaluates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Post,
    Pre,
    Time,
}

/// State of the engine.
#[derive(Clone, Debug)]
pub(super) struct OnSpikes {
    /// Traces and tags with 16 fraction bits.
    traces: Traces<i64>,
    /// Where each neuron's incoming synapses start.
    incoming_offsets: Vec<u32>,
    /// (axon, synapse) by neuron.
    incoming: Vec<(u32, u32)>,
}

fn cause(product: &Product) -> Cause {
    if product.on_post {
        Cause::Post
    } else if product.on_pre {
        Cause::Pre
    } else {
        Cause::Time
    }
}

impl OnSpikes {
    pub(super) fn new(rows: &PlasticRows, neurons: usize) -> Self {
        let mut incoming_offsets = vec![0u32; neurons + 1];
        rows.targets.iter().for_each(|&target| incoming_offsets[target as usize + 1] += 1);
        (0..neurons).for_each(|i| incoming_offsets[i + 1] += incoming_offsets[i]);
        let mut next = incoming_offsets.clone();
        let mut incoming = vec![(0, 0); rows.targets.len()];
        for axon in 0..rows.axon_count() {
            for synapse in rows.range(axon) {
                let place = &mut next[rows.targets[synapse] as usize];
                incoming[*place as usize] = (axon as u32, synapse as u32);
                *place += 1;
            }
        }
        Self { traces: Traces::new(rows, neurons), incoming_offsets, incoming }
    }

    pub(super) fn trace(&self, trace: usize) -> Vec<i64> {
        self.traces.values[trace].iter().map(|&v| v >> TRACE_FRACTION).collect()
    }

    pub(super) fn state_words(&self, out: &mut Vec<i64>) {
        self.traces.state_words(out);
    }

    pub(super) fn reset(&mut self) {
        self.traces.reset();
    }

    pub(super) fn learn(
        &mut self,
        phase: &mut Phase<'_>,
        weights: &mut [i32],
        pre: &[u32],
        post: &[NeuronId],
        flags: &dyn Fn(usize) -> (bool, bool),
        streams: &Streams,
    ) {
        let rows = phase.rows;
        for neuron in post {
            let neuron = neuron.0 as usize;
            let range = self.incoming_offsets[neuron] as usize..self.incoming_offsets[neuron + 1] as usize;
            for at in range {
                let (axon, synapse) = self.incoming[at];
                self.update(
                    phase,
                    weights,
                    (axon as usize, synapse as usize, neuron),
                    Cause::Post,
                    flags,
                    streams,
                );
            }
            phase.counters.trace_updates += self.rise(2..5, neuron);
        }
        self.keep(phase, rows);
        for &axon in pre {
            self.pre_event(phase, weights, axon as usize, flags, streams);
        }
        let holds = |e: &Expression| {
            e.products.iter().any(|p| {
                let reads = |v| p.factors.iter().any(|f| f.variable == v && f.constant == 0);
                let idle = reads(Variable::Reward) && phase.reward == 0;
                cause(p) == Cause::Time && p.every.is_none_or(|k| phase.step.is_multiple_of(1 << k)) && !idle
            })
        };
        if holds(&rows.rule.dw) || rows.rule.dt.as_ref().is_some_and(holds) {
            for axon in 0..rows.axon_count() {
                for synapse in rows.range(axon) {
                    let neuron = rows.targets[synapse] as usize;
                    self.update(phase, weights, (axon, synapse, neuron), Cause::Time, flags, streams);
                }
            }
        }
    }

    /// Step 3 for one axon.
    pub(super) fn pre_event(
        &mut self,
        phase: &mut Phase<'_>,
        weights: &mut [i32],
        axon: usize,
        flags: &dyn Fn(usize) -> (bool, bool),
        streams: &Streams,
    ) {
        let rows = phase.rows;
        for synapse in rows.range(axon) {
            let neuron = rows.targets[synapse] as usize;
            self.update(phase, weights, (axon, synapse, neuron), Cause::Pre, flags, streams);
        }
        phase.counters.trace_updates += self.rise(0..2, axon);
    }

    /// A spike at the traces; how many of them there are.
    fn rise(&mut self, traces: std::ops::Range<usize>, i: usize) -> u64 {
        let updates = moving(&self.traces.settings[traces.clone()]);
        for t in traces {
            let s = self.traces.settings[t];
            let impulse = (i64::from(s.impulse) << TRACE_FRACTION)
                + (i64::from(s.impulse_fraction) << (TRACE_FRACTION - 8));
            let value = &mut self.traces.values[t][i];
            let base = if s.nearest { 0 } else { *value };
            *value = (base + impulse).min(i64::from(s.most) << TRACE_FRACTION);
        }
        updates
    }

    fn keep(&mut self, phase: &mut Phase<'_>, rows: &PlasticRows) {
        for (values, settings) in self.traces.values.iter_mut().zip(&self.traces.settings) {
            if settings.keep < 1 << 32 && settings.moves() {
                for value in values.iter_mut().filter(|v| **v != 0) {
                    *value = ((i128::from(*value) * i128::from(settings.keep)) >> 32) as i64;
                    phase.counters.trace_updates += 1;
                }
            }
        }
        if rows.rule.tag_keep < 1 << 32 {
            for tag in self.traces.tags.iter_mut().filter(|t| **t != 0) {
                // Toward zero, so that a negative tag fades as a positive one does.
                *tag = ((i128::from(*tag) * i128::from(rows.rule.tag_keep)) / (1 << 32)) as i64;
                phase.counters.trace_updates += 1;
            }
        }
    }

    fn update(
        &mut self,
        phase: &mut Phase<'_>,
        weights: &mut [i32],
        (axon, synapse, neuron): (usize, usize, usize),
        why: Cause,
        flags: &dyn Fn(usize) -> (bool, bool),
        streams: &Streams,
    ) {
        let rows = phase.rows;
        let (step, reward) = (phase.step, phase.reward);
        let weight = i64::from(weights[synapse]);
        let tag = self.traces.tag(synapse);
        let synaptic = Synaptic { weight, tag, reward, target: neuron, flags };
        let sum = |expression: &Expression| {
            let mut evaluated = false;
            let due = |p: &&Product| cause(p) == why && p.every.is_none_or(|k| step.is_multiple_of(1 << k));
            let total = expression.products.iter().filter(due).map(|product| {
                evaluated = true;
                let (mut p, mut shift) = (i128::from(product.mantissa), product.exponent + FRACTION);
                for factor in &product.factors {
                    let value = synaptic.read(factor.variable, |t| self.traces.at(t, axon, neuron));
                    let wide = factor.variable.is_trace() || factor.variable == Variable::Tag;
                    let fraction = if wide { TRACE_FRACTION } else { 0 };
                    shift -= fraction;
                    p *= factor.of(value, fraction);
                }
                if shift < 0 { p >> -shift } else { p << shift }
            });
            let total: i128 = total.sum();
            evaluated.then_some(total)
        };
        let (dw, dt) = (sum(&rows.rule.dw), rows.rule.dt.as_ref().and_then(sum));
        if let Some(dt) = dt {
            let most = 1i128 << (16 + TRACE_FRACTION);
            let changed = i128::from(tag) + (dt >> (FRACTION - TRACE_FRACTION));
            self.traces.tags[synapse] = changed.clamp(-most, most) as i64;
            phase.counters.trace_updates += 1;
        }
        if let Some(dw) = dw {
            let who = u64::from(rows.sources[axon]) << 32 | u64::from(rows.neurons[neuron]);
            let draw = streams.of_synapse(who, step, why as u32);
            let change = rows.rule.rounding.shift(dw, FRACTION as u32, draw);
            phase.settle(weights, synapse, weight.saturating_add(change), false);
        }
    }
}
