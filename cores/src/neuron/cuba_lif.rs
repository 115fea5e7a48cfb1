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

use super::{Discipline, Example, ModelInfo, NeuronModel, Overflow, OverflowKind, Spike, Step, Values};
use crate::NeuronId;
use crate::fixed::{trunc0, wrap};
use crate::registers::{ParameterError, Parameters, Register};

const ACCUMULATOR_BITS: u32 = 21;
const CURRENT_BITS: u32 = 23;
const CURRENT_MOST: i64 = (1 << CURRENT_BITS) - 1;

/// What happened to a neuron in a tick, as bits of its flags.
const ACTIVE: u8 = 1;
const FLAGS: [(u8, OverflowKind); 4] = [
    (2, OverflowKind::InputWrap),
    (4, OverflowKind::CurrentWrap),
    (8, OverflowKind::BiasWrap),
    (16, OverflowKind::Clip),
];

/// The neurons of one core: registers and state, one array each.
#[derive(Clone, Debug)]
pub(crate) struct CubaLif {
    decay_u: Vec<u16>,
    decay_v: Vec<u16>,
    threshold: Vec<i32>,
    bias: Vec<i32>,
    initial_u: Vec<i32>,
    refractory: Vec<u16>,
    v_min: i32,
    v_max: i32,
    subtracts: bool,
    u: Vec<i32>,
    v: Vec<i32>,
    wait: Vec<u16>,
    flags: Vec<u8>,
    /// Bias and noise of a tick, where there is noise.
    noisy_bias: Vec<i32>,
}

impl NeuronModel for CubaLif {
    const INFO: ModelInfo = ModelInfo {
        name: "loihi1-cuba-lif",
        title: "Loihi 1 current-based LIF (CUBA LIF)",
        equation: "u = wrap_23(trunc0(u, decay_u+1) + wrap_21(q)); v = clip(trunc0(v, decay_v) + wrap_23(u + bias), v_min, v_max); spike v > threshold, v = 0",
        source: "nengo-loihi 1.1.0 emulator; Davies et al. 2018",
        registers: &[
            Register::new(
                "decay_u",
                0,
                4095,
                "decay of u, 1/4096 a tick; the chip adds 1, 4095 forgets at once",
            )
            .decay()
            .or(4095),
            Register::new("decay_v", 0, 4095, "decay of v, 1/4096 a tick; 0 never leaks").decay().or(0),
            Register::new("threshold", 0, i32::MAX as i64, "threshold, strict, with its shift by 6 done")
                .threshold(),
            Register::new("bias", -CURRENT_MOST - 1, CURRENT_MOST, "constant input with its exponent applied")
                .or(0),
            Register::new(
                "initial_u",
                -CURRENT_MOST - 1,
                CURRENT_MOST,
                "u at the start and after a reset; -bias lets a bias rise as the synaptic filter would",
            )
            .or(0),
            Register::new(
                "refractory",
                0,
                65_535,
                "ticks from a spike to the next possible one; 0 and 1 add none (63 on the chip)",
            )
            .or(1),
            Register::new("v_min", -(i32::MAX as i64), i32::MAX as i64, "lower limit of v")
                .or(-CURRENT_MOST)
                .shared(),
            Register::new("v_max", -(i32::MAX as i64), i32::MAX as i64, "upper limit of v")
                .or(CURRENT_MOST)
                .shared(),
            Register::new(
                "subtracts",
                0,
                1,
                "1: a spike subtracts the threshold instead of setting v to 0, which Loihi 1 cannot",
            )
            .or(0)
            .shared(),
        ],
        channels: &["q"],
        variables: &["u", "v", "wait"],
        discipline: Discipline::PerTick,
        exact_sums: false,
        example: Example {
            registers: &[("decay_u", 400), ("decay_v", 200), ("threshold", 64_000), ("refractory", 3)],
            drive: &[1_000],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        let (n, initial_u) = (p.neurons(), p.each::<i32>("initial_u"));
        Self {
            decay_u: p.each("decay_u"),
            decay_v: p.each("decay_v"),
            threshold: p.each("threshold"),
            bias: p.each("bias"),
            refractory: p.each("refractory"),
            v_min: p.core("v_min") as i32,
            v_max: p.core("v_max") as i32,
            subtracts: p.core("subtracts") == 1,
            u: initial_u.clone(),
            initial_u,
            v: vec![0; n],
            wait: vec![0; n],
            flags: vec![0; n],
            noisy_bias: Vec::new(),
        }
    }

    fn check(p: &Parameters, errors: &mut Vec<ParameterError>) {
        let (least, most) = (p.core("v_min"), p.core("v_max"));
        if least > 0 || most < 0 {
            errors
                .push(ParameterError::Contradiction(format!("v_min {least} and v_max {most} must enclose 0")));
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let n = self.v.len();
        if let Some(noise) = step.membrane_noise {
            let sum = |(bias, noise): (&i32, &i32)| bias.saturating_add(*noise);
            self.noisy_bias.clear();
            self.noisy_bias.extend(self.bias.iter().zip(noise).map(sum));
        }
        let bias = if step.membrane_noise.is_some() { &self.noisy_bias } else { &self.bias };
        // Slices of one known length let the compiler drop the bounds checks and vectorise the first pass, which
        // has no branch: what it finds (activity, wraps, clips) becomes 0 or 1 and is summed.
        let (inputs, decay_u, decay_v) = (&inputs[..n], &self.decay_u[..n], &self.decay_v[..n]);
        let (bias, wait, threshold) = (&bias[..n], &self.wait[..n], &self.threshold[..n]);
        let (u, v, flags) = (&mut self.u[..n], &mut self.v[..n], &mut self.flags[..n]);
        let (mut wraps, mut bias_wraps, mut clips, mut busy, mut over) = (0u32, 0u32, 0u32, 0u32, 0u32);
        for i in 0..n {
            let q = wrap(inputs[i], ACCUMULATOR_BITS);
            let is_active = (inputs[i] | u[i] | v[i] | bias[i] | i32::from(wait[i])) != 0;
            let raw_u = trunc0(u[i], i32::from(decay_u[i]) + 1) + q;
            let new_u = wrap(raw_u, CURRENT_BITS);
            let raw_b = new_u.saturating_add(bias[i]);
            let b = wrap(raw_b, CURRENT_BITS);
            // |v| < 2^31 and |b| <= 2^23: a sum beyond 32 bits is beyond v_min or v_max as well.
            let raw_v = trunc0(v[i], i32::from(decay_v[i])).saturating_add(b);
            let new_v = raw_v.clamp(self.v_min, self.v_max);
            let held = if wait[i] > 0 { 0 } else { new_v };
            let (q_wraps, u_wraps) = (u8::from(q != inputs[i]), u8::from(new_u != raw_u));
            let (b_wraps, v_clips) = (u8::from(b != raw_b), u8::from(new_v != raw_v));
            wraps += u32::from(q_wraps) + u32::from(u_wraps);
            bias_wraps += u32::from(b_wraps);
            clips += u32::from(v_clips);
            busy += u32::from(is_active);
            over += u32::from(held > threshold[i]);
            flags[i] = u8::from(is_active) | q_wraps << 1 | u_wraps << 2 | b_wraps << 3 | v_clips << 4;
            u[i] = new_u;
            v[i] = held;
        }
        let counters = &mut *step.counters;
        counters.wraps += u64::from(wraps);
        counters.bias_wraps += u64::from(bias_wraps);
        counters.clips += u64::from(clips);
        counters.updates_active += u64::from(busy);
        counters.updates_idle += (n as u64) - u64::from(busy);
        counters.spikes += u64::from(over);
        if let Some(log) = step.log.as_deref_mut().filter(|_| wraps | bias_wraps | clips != 0) {
            for (i, flags) in self.flags.iter().enumerate() {
                let happened = FLAGS.iter().filter(|(flag, _)| flags & flag != 0);
                log.extend(happened.map(|&(_, kind)| Overflow { index: i as u32, kind }));
            }
        }
        for wait in &mut self.wait {
            *wait = wait.saturating_sub(1);
        }
        if over == 0 {
            return;
        }
        let mut active_before = 0;
        for i in 0..n {
            active_before += u32::from(self.flags[i] & ACTIVE);
            if self.v[i] > self.threshold[i] {
                self.v[i] = if self.subtracts { self.v[i] - self.threshold[i] } else { 0 };
                self.wait[i] = self.refractory[i].saturating_sub(1);
                step.spikes.push(Spike { neuron: NeuronId(i as u32), payload: 1, active_before });
            }
        }
    }

    fn reset(&mut self) {
        self.u.copy_from_slice(&self.initial_u);
        self.v.fill(0);
        self.wait.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I32(&self.u), Values::I32(&self.v), Values::U16(&self.wait)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::tests::Bench;
    use crate::{Column, ModelKind};

    fn one(given: &[(&str, i64)]) -> Bench {
        let defaults = [("decay_u", 4095), ("threshold", 100)];
        let given = defaults.iter().chain(given).map(|&(name, value)| (name, Column::Uniform(value)));
        Bench::new(&Parameters::new(ModelKind::CubaLif, 1, given).unwrap())
    }

    /// Ticks of spikes.
    fn run(bench: &mut Bench, inputs: &[i32]) -> Vec<usize> {
        bench.counters = Default::default();
        let mut fired = Vec::new();
        for (t, &q) in inputs.iter().enumerate() {
            let before = bench.spikes.len();
            bench.step(&[q]);
            fired.extend(bench.spikes[before..].iter().map(|_| t));
        }
        fired
    }

    fn uv(bench: &Bench) -> (i64, i64) {
        let state = bench.model.state();
        (state[0].at(0), state[1].at(0))
    }

    #[test]
    fn the_threshold_is_strict() {
        assert_eq!(run(&mut one(&[]), &[100]), [] as [usize; 0]);
        assert_eq!(run(&mut one(&[]), &[101]), [0]);
    }

    #[test]
    fn refractory_r_waits_r_minus_one_ticks() {
        for (r, period) in [(0, 1), (1, 1), (2, 2), (3, 3)] {
            let fired = run(&mut one(&[("refractory", r)]), &[200; 7]);
            assert!(fired.windows(2).all(|w| w[1] - w[0] == period), "refractory {r}: {fired:?}");
        }
    }

    #[test]
    fn a_subtracting_reset_keeps_what_is_over() {
        let mut bench = one(&[("subtracts", 1)]);
        run(&mut bench, &[130]);
        assert_eq!(uv(&bench).1, 30);
        assert_eq!(run(&mut bench, &[71]), [0]);
    }

    #[test]
    fn an_initial_current_is_there_again_after_a_reset() {
        let mut bench =
            one(&[("decay_u", 2047), ("initial_u", -64), ("bias", 64), ("threshold", i32::MAX.into())]);
        let first = run(&mut bench, &[0; 3]);
        // u + bias rises 32, 48, 56 as a filter of one half would let it.
        assert_eq!(uv(&bench), (-8, 32 + 48 + 56));
        bench.model.reset();
        assert_eq!((run(&mut bench, &[0; 3]), uv(&bench).1), (first, 136));
    }

    #[test]
    fn the_accumulator_wraps_at_21_bits_and_is_counted() {
        let mut bench = one(&[("threshold", i32::MAX.into())]);
        run(&mut bench, &[1 << 21]);
        assert_eq!((uv(&bench).0, bench.counters.wraps), (-(1 << 21), 1));
        run(&mut bench, &[-(1 << 21) - 1]);
        assert_eq!((uv(&bench).0, bench.counters.wraps), ((1 << 21) - 1, 1));
        assert_eq!(bench.log[0], Overflow { index: 0, kind: OverflowKind::InputWrap });
    }

    #[test]
    fn the_current_and_its_sum_with_the_bias_wrap_at_23_bits() {
        let never = ("threshold", i32::MAX.into());
        let mut bench = one(&[("decay_u", 0), never]);
        run(&mut bench, &[(1 << 21) - 1; 5]);
        assert_eq!(bench.counters.wraps, 1);
        assert!(uv(&bench).0 < 0);
        let mut bench = one(&[("bias", CURRENT_MOST), never]);
        run(&mut bench, &[1]);
        assert_eq!((bench.counters.bias_wraps, bench.counters.wraps, uv(&bench).0), (1, 0, 1));
        assert_eq!(bench.log[0], Overflow { index: 0, kind: OverflowKind::BiasWrap });
    }

    #[test]
    fn the_membrane_clips_and_never_wraps() {
        let mut bench = one(&[("threshold", i32::MAX.into()), ("v_min", -i64::from(i32::MAX))]);
        run(&mut bench, &[-(1 << 21); 2000]);
        assert_eq!(uv(&bench).1, -i64::from(i32::MAX));
    }

    #[test]
    fn limits_must_enclose_the_reset() {
        let given = [("threshold", 1), ("v_min", 1), ("v_max", 2)].map(|(n, v)| (n, Column::Uniform(v)));
        assert_eq!(Parameters::new(ModelKind::CubaLif, 1, given).unwrap_err().len(), 1);
    }
}
