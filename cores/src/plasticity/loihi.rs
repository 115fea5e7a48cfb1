//! Loihi's learning engine as Lava models it, bit for bit.
//!
//! Time is cut in epochs of E steps. Within an epoch only the *last* spike of each neuron is kept (tx, ty, counted 1..=E);
//! a further spike adds its impulse to the trace at once. At the end of an epoch the traces are replayed step by step
//! (decay, then the impulse in step tx or ty), giving h[0..=E], and every synapse is updated:
//!
//! ```text
//! acc = w << 7
//! for each product, in order, whose dependency holds (x0: tx > 0, y0: ty > 0, uk: epoch number multiple of 2^k):
//!     p = mantissa * factors, traces from h[tx] for x0, else h[ty] for y0, else h[E]; w before the update
//!     W = 4 + 7 a trace + 9 for w or tag + 8 for a factor with a constant;  p >>= max(0, W - 15);  p <<= exponent + 7
//!     p = clip(p, -2^15 - 1, 2^15 - 1);  acc = clip(acc + p, same)
//! w = clip(floor(acc / 128) + (draw < rest), lowest, highest)                one draw an epoch for all synapses
//! ```
//! Where a product or a sum met its end, or the weight its limits, is counted and listed as a weight at its limit. The reward
//! `r` of an epoch is the sum of what arrived in it.
//!
//! The shift by W - 15 is not compensated, as in Lava. Random numbers: a replay uses one number a side for every step;
//! early impulses use 0 before and the stream after the synapse. Source: Lava 0.10.0 `LearningDense`, tag
//! `bit_approximate_loihi`; equal on all recorded cases. Lava itself calls this approximate to the chip.

use super::expression::{Product, Synaptic, Variable};
use super::streams::{Stream, Streams};
use super::trace::{TraceSettings, decay, moving, rise};
use super::{Phase, PlasticRows};
use crate::NeuronId;

/// Lowest and highest value of products and accumulators.
const LEAST: i64 = -(1 << 15) - 1;
const MOST: i64 = (1 << 15) - 1;
const FRACTION: u32 = 7;

/// One side of the synapses: its traces, its last spikes, its replayed history.
#[derive(Clone, Debug)]
struct Side {
    settings: Vec<TraceSettings>,
    /// `values[trace][i]`
    values: Vec<Vec<i32>>,
    /// Step of the last spike in this epoch, 0 for none.
    last: Vec<u32>,
    /// `history[trace][q * n + i]` of the last replay.
    history: Vec<Vec<i32>>,
}

impl Side {
    fn new(settings: &[TraceSettings], n: usize) -> Self {
        let empty = vec![vec![0; n]; settings.len()];
        Self { settings: settings.to_vec(), history: empty.clone(), values: empty, last: vec![0; n] }
    }

    fn spike(&mut self, i: usize, step_in_epoch: u32, draw: u8) -> u64 {
        let early = self.last[i] > 0;
        self.last[i] = step_in_epoch;
        if !early {
            return 0;
        }
        for (values, settings) in self.values.iter_mut().zip(&self.settings) {
            values[i] = rise(values[i], settings, draw);
        }
        moving(&self.settings)
    }

    /// Plays the epoch's steps; the traces are then those at its end.
    fn replay(&mut self, epoch: u32, decay_draw: u64, impulse_draw: u8) -> u64 {
        let n = self.last.len();
        for ((values, settings), history) in self.values.iter_mut().zip(&self.settings).zip(&mut self.history) {
            history.clear();
            history.extend_from_slice(values);
            if !settings.moves() && values.iter().all(|v| *v == 0) {
                history.resize(n * (epoch as usize + 1), 0);
                continue;
            }
            for q in 1..=epoch {
                for i in 0..n {
                    let kept = decay(history[(q as usize - 1) * n + i], settings.keep, decay_draw);
                    history.push(if self.last[i] == q { rise(kept, settings, impulse_draw) } else { kept });
                }
            }
            values.copy_from_slice(&history[epoch as usize * n..]);
        }
        n as u64 * u64::from(epoch) * moving(&self.settings)
    }

    fn at(&self, trace: usize, step: u32, i: usize) -> i64 {
        self.history[trace][step as usize * self.last.len() + i].into()
    }

    fn reset(&mut self) {
        self.values.iter_mut().for_each(|values| values.fill(0));
        self.last.fill(0);
    }
}

/// State of the engine.
#[derive(Clone, Debug)]
pub(super) struct Loihi {
    x: Side,
    y: Side,
    tags: Vec<i32>,
}

impl Loihi {
    pub(super) fn new(rows: &PlasticRows, neurons: usize) -> Self {
        let traces = &rows.rule.traces;
        Self {
            x: Side::new(&traces[..2], rows.axon_count()),
            y: Side::new(&traces[2..], neurons),
            tags: vec![0; rows.targets.len()],
        }
    }

    pub(super) fn trace(&self, trace: usize) -> Vec<i64> {
        let values = if trace < 2 { &self.x.values[trace] } else { &self.y.values[trace - 2] };
        values.iter().map(|&v| v.into()).collect()
    }

    pub(super) fn state_words(&self, out: &mut Vec<i64>) {
        for side in [&self.x, &self.y] {
            side.values.iter().for_each(|values| out.extend(values.iter().map(|&v| i64::from(v))));
            out.extend(side.last.iter().map(|&step| i64::from(step)));
        }
        out.extend(self.tags.iter().map(|&tag| i64::from(tag)));
    }

    pub(super) fn reset(&mut self) {
        self.x.reset();
        self.y.reset();
        self.tags.fill(0);
    }

    pub(super) fn learn(
        &mut self,
        phase: &mut Phase<'_>,
        weights: &mut [i32],
        pre: &[u32],
        post: &[NeuronId],
        streams: &mut Streams,
    ) {
        let (step, epoch) = (phase.step, phase.rows.rule.epoch);
        let in_epoch = ((step - 1) % u64::from(epoch)) as u32 + 1;
        for &axon in pre {
            phase.counters.trace_updates += self.x.spike(axon as usize, in_epoch, 0);
        }
        let early = streams.draw(Stream::YImpulse, 2 * step - 1) as u8;
        for &neuron in post {
            phase.counters.trace_updates += self.y.spike(neuron.0 as usize, in_epoch, early);
        }
        if !step.is_multiple_of(epoch.into()) {
            return;
        }
        let draw = |stream| streams.draw(stream, 2 * step);
        phase.counters.trace_updates +=
            self.x.replay(epoch, draw(Stream::XDecay), draw(Stream::XImpulse) as u8);
        phase.counters.trace_updates +=
            self.y.replay(epoch, draw(Stream::YDecay), draw(Stream::YImpulse) as u8);
        self.update_weights(phase, weights, streams.draw(Stream::WeightRound, step / u64::from(epoch)));
        self.x.last.fill(0);
        self.y.last.fill(0);
    }

    fn update_weights(&mut self, phase: &mut Phase<'_>, weights: &mut [i32], draw: u64) {
        let rows = phase.rows;
        let number = phase.step / u64::from(rows.rule.epoch);
        let rounded = |acc: i64| {
            let rest = (acc & ((1 << FRACTION) - 1)) as u64;
            (acc >> FRACTION) + i64::from(draw < rest << (53 - FRACTION))
        };
        for axon in 0..rows.axon_count() {
            for synapse in rows.range(axon) {
                let target = rows.targets[synapse] as usize;
                let before = i64::from(weights[synapse]);
                let tag = i64::from(self.tags[synapse]);
                // The engine refuses rules that read flags.
                let flags = &|_| (false, false);
                let synaptic = Synaptic { weight: before, tag, reward: phase.reward, target, flags };
                let sum = |products: &[Product], start: i64| {
                    let (mut acc, mut saturated) = (start << FRACTION, false);
                    for product in products {
                        let Some(p) = self.product(product, axon, &synaptic, number, rows.rule.epoch) else {
                            continue;
                        };
                        let held = p.clamp(LEAST.into(), MOST.into()) as i64;
                        let exact = acc + held;
                        acc = exact.clamp(LEAST, MOST);
                        saturated |= i128::from(held) != p || acc != exact;
                    }
                    (rounded(acc), saturated)
                };
                let (weight, saturated) = sum(&rows.rule.dw.products, before);
                if let Some(dt) = &rows.rule.dt {
                    self.tags[synapse] = sum(&dt.products, tag).0.clamp(-256, 255) as i32;
                }
                phase.settle(weights, synapse, weight, saturated);
            }
        }
    }

    fn product(
        &self,
        product: &Product,
        axon: usize,
        synaptic: &Synaptic<'_>,
        epoch_number: u64,
        epoch: u32,
    ) -> Option<i128> {
        let target = synaptic.target;
        let (tx, ty) = (self.x.last[axon], self.y.last[target]);
        let unmet = product.on_pre && tx == 0
            || product.on_post && ty == 0
            || product.every.is_some_and(|k| !epoch_number.is_multiple_of(1 << k));
        if unmet {
            return None;
        }
        let when = if product.on_pre {
            tx
        } else if product.on_post {
            ty
        } else {
            epoch
        };
        let (mut p, mut width) = (i128::from(product.mantissa), 4);
        for factor in &product.factors {
            let history = |t| if t < 2 { self.x.at(t, when, axon) } else { self.y.at(t - 2, when, target) };
            let bits = match factor.variable {
                Variable::Weight | Variable::Tag => 9,
                Variable::Reward => 8,
                _ => 7,
            };
            width += if factor.constant == 0 { bits } else { 8 };
            p *= factor.of(synaptic.read(factor.variable, history), 0);
        }
        p >>= (width - 15).max(0);
        let shift = product.exponent + FRACTION as i32;
        Some(if shift < 0 { p >> -shift } else { p << shift })
    }
}
