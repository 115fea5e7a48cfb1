//! SANA-FE's `leaky_integrate_fire`, for runs that are compared with that simulator step by step. It is no chip's neuron.
//!
//! ```text
//! active = v != 0 or an event arrived or bias != 0 or force_update = 1
//! v <- trunc(v leak / 64)                        but not in the first step
//! v <- v + bias + sum of the weights that arrived
//! if v > threshold: spike, v <- v_reset
//! ```
//! Potentials, thresholds, biases and weights are whole numbers on a grid of the user's choice, 1/64 in SANA-FE's own
//! truncation. The product is rounded toward zero, an error below one unit a step; everything else is exact while
//! |v| < 2^25, where v is clipped and counted (SANA-FE computes in doubles and does not clip).
//!
//! SANA-FE charges an active update to a neuron that got an event even if the weights add up to zero. So that a sum can
//! tell, weights may be given as `weight 2^count_bits + 1`: the low bits of a sum then count its events.
//!
//! Source: SANA-FE 2.2.9 (Boyle et al. 2025), behaviour observed step by step; no code of it is used.

use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::registers::{Parameters, Register};

/// Largest potential, threshold and bias on either side of zero: v leak, and a sum of such and [`SUM_MOST`], are 32-bit
/// numbers.
const V_MOST: i32 = (1 << 25) - 1;
/// The same as a bound of registers.
const MOST: i64 = V_MOST as i64;
/// Largest sum of inputs that is told from a larger one.
const SUM_MOST: i32 = 1 << 28;
/// Neurons that are stepped together.
const BLOCK: usize = 16;

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct SanafeLif {
    threshold: Vec<i32>,
    bias: Vec<i32>,
    initial: Vec<i32>,
    v_reset: i32,
    leak: i32,
    force_update: bool,
    count_bits: u32,
    v: Vec<i32>,
}

impl NeuronModel for SanafeLif {
    const INFO: ModelInfo = ModelInfo {
        name: "sanafe-lif",
        title: "SANA-FE's leaky integrate-and-fire, for comparisons with it",
        equation: "v = trunc(v leak/64) but in the first step; v = v + bias + inputs; if v > threshold: spike, v = v_reset",
        source: "SANA-FE 2.2.9 (Boyle et al. 2025), behaviour observed step by step",
        registers: &[
            Register::new("threshold", -MOST, MOST, "v above it fires").threshold(),
            Register::new("bias", -MOST, MOST, "added every step").or(0),
            Register::new("initial", -MOST, MOST, "v before the first step").or(0),
            Register::new("leak", 0, 64, "kept of v in a step, in 64ths").or(64).decay().shared(),
            Register::new("v_reset", -MOST, MOST, "v after a spike").or(0).shared(),
            Register::new("force_update", 0, 1, "1: every update is charged as an active one").or(0).shared(),
            Register::new("count_bits", 0, 16, "low bits of a summed input that count its events")
                .or(0)
                .shared(),
        ],
        channels: &["a"],
        variables: &["v"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example { registers: &[("threshold", 1_000), ("leak", 62)], drive: &[60], ticks: 200 },
    };

    fn new(p: &Parameters) -> Self {
        let each = |name| p.each::<i32>(name);
        let initial = each("initial");
        Self {
            threshold: each("threshold"),
            bias: each("bias"),
            v: initial.clone(),
            initial,
            v_reset: p.core("v_reset") as i32,
            leak: p.core("leak") as i32,
            force_update: p.core("force_update") == 1,
            count_bits: p.core("count_bits") as u32,
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let leak = if step.tick == 0 { 64 } else { self.leak };
        let counts = (1i32 << self.count_bits) - 1;
        let mut active = 0u32;
        for first in (0..self.v.len()).step_by(BLOCK) {
            let block = first..(first + BLOCK).min(self.v.len());
            let inputs = &inputs[block.clone()];
            let (bias, threshold) = (&self.bias[block.clone()], &self.threshold[block.clone()]);
            let mut next = [0; BLOCK];
            let mut busy = [false; BLOCK];
            let mut rare = false;
            let neurons = self.v[block.clone()].iter().zip(inputs).zip(bias.iter().zip(threshold));
            for (((&v, &input), (&bias, &threshold)), (next, busy)) in
                neurons.zip(next.iter_mut().zip(&mut busy))
            {
                let events = input & counts;
                // Without counts a sum of zero is taken for no event.
                let heard = if counts == 0 { input } else { events };
                *busy = self.force_update | ((v | heard | bias) != 0);
                // Beyond this a sum takes v to its end whatever else is added.
                let sum = (input.wrapping_sub(events) >> self.count_bits).clamp(-SUM_MOST, SUM_MOST);
                let scaled = v * leak;
                let kept = if leak == 64 { v } else { (scaled + (scaled >> 31 & 63)) >> 6 };
                let exact = kept + bias + sum;
                *next = exact;
                // A clip, or a spike: both are told apart below.
                rare |= (exact > threshold) | (exact.abs() > V_MOST);
            }
            if !rare {
                active += busy.iter().map(|busy| u32::from(*busy)).sum::<u32>();
                self.v[block.clone()].copy_from_slice(&next[..block.len()]);
                continue;
            }
            for (neuron, (exact, busy)) in block.zip(next.into_iter().zip(busy)) {
                let kept = exact.clamp(-V_MOST, V_MOST);
                step.note_if(kept != exact, neuron, OverflowKind::Clip);
                let fires = kept > self.threshold[neuron];
                active += u32::from(busy | fires);
                self.v[neuron] = if fires { self.v_reset } else { kept };
                if fires {
                    step.spike(neuron, 1, active);
                }
            }
        }
        step.counters.updates_active += u64::from(active);
        step.counters.updates_idle += self.v.len() as u64 - u64::from(active);
    }

    fn reset(&mut self) {
        self.v.clone_from(&self.initial);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I32(&self.v)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron].into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, run};
    use super::*;
    use crate::ModelKind;

    fn neuron(registers: &[(&str, i64)]) -> Parameters {
        Parameters::new(ModelKind::SanafeLif, 1, registers.iter().map(|&(name, value)| (name, value.into())))
            .unwrap()
    }

    #[test]
    fn the_leak_rounds_toward_zero_and_spares_the_first_step() {
        let parameters = neuron(&[("threshold", 10_000), ("leak", 32), ("initial", -7)]);
        let (_, trace) = run(&parameters, &[vec![0], vec![0], vec![0], vec![0]]);
        assert_eq!(trace, [-7, -3, -1, 0]);
    }

    #[test]
    fn it_fires_above_its_threshold_not_at_it() {
        let (fired, trace) = run(&neuron(&[("threshold", 10), ("v_reset", 2)]), &[vec![10], vec![1], vec![8]]);
        assert_eq!(fired, [(1, 1)]);
        assert_eq!(trace, [10, 2, 10]);
    }

    #[test]
    fn an_event_of_no_weight_makes_an_update_active_where_events_are_counted() {
        let active = |registers: &[(&str, i64)], input: i32| {
            let mut bench = Bench::new(&neuron(registers));
            bench.step(&[input]);
            (bench.counters.updates_active, bench.model.membrane(0))
        };
        let counted = [("threshold", 99), ("count_bits", 8)];
        // Two events of weights 3 and -3, one of weight -2, and none.
        assert_eq!(active(&counted, 2), (1, 0));
        assert_eq!(active(&counted, (-2 << 8) + 1), (1, -2));
        assert_eq!(active(&counted, 0), (0, 0));
        assert_eq!(active(&[("threshold", 99)], 0), (0, 0));
        assert_eq!(active(&[("threshold", 99), ("force_update", 1)], 0), (1, 0));
        assert_eq!(active(&[("threshold", 99), ("bias", -4)], 0), (1, -4));
    }
}
