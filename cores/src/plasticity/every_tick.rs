//! brian2-loihi's learning: every synapse, every tick.
//!
//! In tick t, after deliveries and with the weights of the tick before:
//!
//! ```text
//! x0 = 1 for an axon whose spike arrived in t;  y0 = 1 for a neuron that fired in t - 1;  uk = 1 where t mod 2^k = 0
//! traces: x = floor(keep x) + draw, then a spike adds its impulse, at most 127
//! dw = sum of products, |dw| rounded up to a whole number, then to the precision by a draw
//! w = clip(w + dw, lowest, highest)
//! ```
//! With whole precision and no traces nothing is random, and results equal brian2-loihi 0.5.2 on all recorded cases; its
//! order of draws cannot be reproduced, so random cases agree statistically only. Draws are keyed by network numbers and tick.
//! A fractional impulse rounds up where a draw of 7 bits is below it. A spike arrives when it reaches the core: x0 and the
//! weight it adds are of that tick, and the delay of a synapse comes after. In brian2-loihi the delay comes first.

use super::expression::{Product, Synaptic};
use super::streams::{Stream, Streams};
use super::trace::{Traces, decay, rise};
use super::{Phase, PlasticRows};
use crate::NeuronId;

/// Fraction bits of dw before it is rounded up.
const FRACTION: i32 = 32;

/// State of the engine.
#[derive(Clone, Debug)]
pub(super) struct EveryTick {
    traces: Traces<i32>,
    fired: Vec<bool>,
    arrived: Vec<bool>,
}

impl EveryTick {
    pub(super) fn new(rows: &PlasticRows, neurons: usize) -> Self {
        Self {
            traces: Traces::new(rows, neurons),
            fired: vec![false; neurons],
            arrived: vec![false; rows.axon_count()],
        }
    }

    pub(super) fn trace(&self, trace: usize) -> Vec<i64> {
        self.traces.values[trace].iter().map(|&v| v.into()).collect()
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
        let tick = phase.step - 1;
        self.arrived.fill(false);
        self.fired.fill(false);
        pre.iter().for_each(|&axon| self.arrived[axon as usize] = true);
        post.iter().for_each(|neuron| self.fired[neuron.0 as usize] = true);
        for (t, (values, settings)) in self.traces.values.iter_mut().zip(&self.traces.settings).enumerate() {
            if !settings.moves() {
                continue;
            }
            let (spiked, numbers) =
                if t < 2 { (&self.arrived, &rows.sources) } else { (&self.fired, &rows.neurons) };
            for (i, value) in values.iter_mut().enumerate() {
                let draw = streams.of_synapse(numbers[i].into(), tick, 1 + t as u32);
                *value = decay(*value, settings.keep, draw >> 11);
                if spiked[i] {
                    let stream = if t < 2 { Stream::XImpulse } else { Stream::YImpulse };
                    *value = rise(*value, settings, streams.draw(stream, tick) as u8);
                }
            }
            phase.counters.trace_updates += values.len() as u64;
        }
        for axon in 0..rows.axon_count() {
            for synapse in rows.range(axon) {
                let target = rows.targets[synapse] as usize;
                let before = i64::from(weights[synapse]);
                let tag = self.traces.tag(synapse);
                let synaptic = Synaptic { weight: before, tag, reward: phase.reward, target, flags };
                let mut reader = |product: &Product| self.product(product, axon, &synaptic, tick);
                let dw: i128 = rows.rule.dw.products.iter().map(&mut reader).sum();
                let tag_change: Option<i128> =
                    rows.rule.dt.as_ref().map(|dt| dt.products.iter().map(&mut reader).sum());
                let mut change = round_up(dw);
                let precision = i64::from(rows.rule.precision);
                if precision > 1 {
                    let who = u64::from(rows.sources[axon]) << 32 | u64::from(rows.neurons[target]);
                    let draw = streams.of_synapse(who, tick, 0);
                    let (whole, rest) = (change.div_euclid(precision), change.rem_euclid(precision));
                    let up = crate::random::chance(draw, rest as u64, precision as u64);
                    change = (whole + i64::from(up)) * precision;
                }
                if let Some(tag_change) = tag_change {
                    self.traces.tags[synapse] = (tag + round_up(tag_change)).clamp(-256, 255);
                }
                phase.settle(weights, synapse, before + change, false);
            }
        }
    }

    fn product(&self, product: &Product, axon: usize, synaptic: &Synaptic<'_>, tick: u64) -> i128 {
        let target = synaptic.target;
        let unmet = product.on_pre && !self.arrived[axon]
            || product.on_post && !self.fired[target]
            || product.every.is_some_and(|k| !tick.is_multiple_of(1 << k));
        if unmet {
            return 0;
        }
        let mut p = i128::from(product.mantissa);
        for factor in &product.factors {
            p *= factor.of(synaptic.read(factor.variable, |t| self.traces.at(t, axon, target)), 0);
        }
        let shift = product.exponent + FRACTION;
        if shift < 0 { p >> -shift } else { p << shift }
    }
}

/// A change away from zero to the next whole number.
fn round_up(change: i128) -> i64 {
    let magnitude = (change.unsigned_abs() + ((1 << FRACTION) - 1)) >> FRACTION;
    let magnitude = magnitude.min(1 << 40) as i64;
    if change < 0 { -magnitude } else { magnitude }
}
