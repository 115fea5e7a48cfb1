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
//!
//! The step has two forms. The *common pass* takes for granted that nothing wraps, and gathers evidence: where a block
//! of neurons turns out to hold a wrap (or a clip that somebody wants listed) the *exact pass* does that block again
//! from the old state. Both are plain loops over blocks, compiled for several instruction sets (decision 11).

use super::{Discipline, Example, ModelInfo, NeuronModel, Overflow, OverflowKind, Spike, Step, Values};
use crate::NeuronId;
use crate::fixed::{trunc0, wrap};
use crate::registers::{ParameterError, Parameters, Register};
use multiversion::multiversion;

const ACCUMULATOR_BITS: u32 = 21;
const CURRENT_BITS: u32 = 23;
const CURRENT_MOST: i64 = (1 << CURRENT_BITS) - 1;
/// Limits of v up to which v + b stays within 32 bits.
const LIMIT_MOST: i32 = i32::MAX - (1 << CURRENT_BITS);

/// Neurons that step together. Arrays are padded to whole blocks with neurons that never have anything to do.
const BLOCK: usize = 64;
type Block<T> = [T; BLOCK];
/// Neurons of a block that step at once; what they count stays apart until the block is done.
const LANES: usize = 16;

/// What overflowed in a neuron's step, as bits.
const FLAGS: [(u8, OverflowKind); 4] = [
    (1, OverflowKind::InputWrap),
    (2, OverflowKind::CurrentWrap),
    (4, OverflowKind::BiasWrap),
    (8, OverflowKind::Clip),
];

/// The neurons of one core: registers and state.
#[derive(Clone, Debug)]
pub(crate) struct CubaLif {
    neurons: usize,
    registers: Vec<Registers>,
    initial_u: Vec<Block<i32>>,
    refractory: Vec<Block<u16>>,
    limits: Limits,
    subtracts: bool,
    /// Whether any neuron ever waits.
    waits: bool,
    u: Vec<Block<i32>>,
    v: Vec<Block<i32>>,
    wait: Vec<Block<u16>>,
    /// Blocks without bias whose state is all 0: without input they stay so.
    quiet: Vec<bool>,
    /// Bias and noise of a tick, where there is noise.
    noisy_bias: Vec<Block<i32>>,
}

/// Registers of a block that every step reads.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Registers {
    threshold: Block<i32>,
    bias: Block<i32>,
    /// 4096 minus the effective decay.
    keep_u: Block<u16>,
    keep_v: Block<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    v_min: i32,
    v_max: i32,
}

/// Values in blocks, the last one filled up.
fn blocks<T: Copy>(values: Vec<T>, fill: T) -> Vec<Block<T>> {
    let block = |values: &[T]| std::array::from_fn(|i| values.get(i).copied().unwrap_or(fill));
    values.chunks(BLOCK).map(block).collect()
}

/// What a block's neurons read in a step.
struct Given<'a> {
    registers: &'a Registers,
    limits: Limits,
    inputs: &'a Block<i32>,
    /// With the tick's noise.
    bias: &'a Block<i32>,
    wait: &'a Block<u16>,
}

/// u and v of a block, before or after a step. A pass takes the old and the new one as arguments of their own, because
/// the compiler knows then that they do not overlap.
#[derive(Clone)]
struct State {
    u: Block<i32>,
    v: Block<i32>,
}

/// What a pass over a block found.
#[derive(Default)]
struct Found {
    /// Something wrapped, so that nothing else here holds; only the common pass says so.
    wrapped: bool,
    wraps: u32,
    bias_wraps: u32,
    clips: u32,
    active: u32,
    spikes: u32,
}

/// [`trunc0`] for a loop that has one shift a cycle: the floor of x keep / 4096, for negative x of x keep + 4095.
#[inline(always)]
fn decayed(x: i32, keep: u16) -> i32 {
    let keep = i32::from(keep);
    let low = (x & 4095) * keep + ((x >> 31) & 4095);
    ((x >> 12) * keep).wrapping_add(low >> 12)
}

/// Steps a block as if nothing wrapped, nor any sum left 32 bits; the state before goes to `old`.
#[inline(always)]
fn common_pass<const WAITS: bool>(
    given: &Given<'_>,
    old: &mut State,
    now_u: &mut Block<i32>,
    now_v: &mut Block<i32>,
) -> Found {
    let (registers, Limits { v_min, v_max }) = (given.registers, given.limits);
    // x + 2^k has bits above k exactly where x needs more than k magnitude bits.
    let (mut sums, mut currents) = ([0u32; LANES], [0u32; LANES]);
    // Active updates, clips and spikes, ten bits each, because to add up over a vector costs as much as to step it.
    let mut counts = [0u32; LANES];
    for first in (0..BLOCK).step_by(LANES) {
        for lane in 0..LANES {
            let i = first + lane;
            let (q, bias, u, v) = (given.inputs[i], given.bias[i], now_u[i], now_v[i]);
            let wait = if WAITS { i32::from(given.wait[i]) } else { 0 };
            (old.u[i], old.v[i]) = (u, v);
            let new_u = decayed(u, registers.keep_u[i]).wrapping_add(q);
            let b = new_u.wrapping_add(bias);
            sums[lane] |= q.wrapping_add(1 << ACCUMULATOR_BITS) as u32;
            currents[lane] |=
                (new_u.wrapping_add(1 << CURRENT_BITS) | b.wrapping_add(1 << CURRENT_BITS)) as u32;
            let raw_v = decayed(v, registers.keep_v[i]).wrapping_add(b);
            let new_v = raw_v.max(v_min).min(v_max);
            let held = if wait > 0 { 0 } else { new_v };
            counts[lane] += u32::from((q | u | v | bias | wait) != 0);
            counts[lane] += u32::from(new_v != raw_v) << 10;
            counts[lane] += u32::from(held > registers.threshold[i]) << 20;
            now_u[i] = new_u;
            now_v[i] = held;
        }
    }
    let any = |bits: &[u32; LANES]| bits.iter().fold(0, |all, bits| all | bits);
    let wrapped = any(&sums) >> (ACCUMULATOR_BITS + 1) | any(&currents) >> (CURRENT_BITS + 1);
    let counts: u32 = counts.iter().sum();
    let (active, clips, spikes) = (counts & 1023, counts >> 10 & 1023, counts >> 20);
    Found { wrapped: wrapped != 0, clips, active, spikes, ..Found::default() }
}

/// Steps a block from its old state whatever happens, and says what did.
#[inline(always)]
fn exact_pass(
    given: &Given<'_>,
    old: &State,
    now_u: &mut Block<i32>,
    now_v: &mut Block<i32>,
    flags: &mut Block<u8>,
) -> Found {
    let (registers, Limits { v_min, v_max }) = (given.registers, given.limits);
    let (mut wraps, mut bias_wraps, mut clips, mut active, mut spikes) = (0u32, 0u32, 0u32, 0u32, 0u32);
    for i in 0..BLOCK {
        let (input, bias, u, v) = (given.inputs[i], given.bias[i], old.u[i], old.v[i]);
        let wait = i32::from(given.wait[i]);
        let q = wrap(input, ACCUMULATOR_BITS);
        let raw_u = trunc0(u, 4096 - i32::from(registers.keep_u[i])) + q;
        let new_u = wrap(raw_u, CURRENT_BITS);
        let raw_b = new_u.saturating_add(bias);
        let b = wrap(raw_b, CURRENT_BITS);
        // |v| < 2^31 and |b| <= 2^23: a sum beyond 32 bits is beyond v_min or v_max as well.
        let raw_v = trunc0(v, 4096 - i32::from(registers.keep_v[i])).saturating_add(b);
        let new_v = raw_v.max(v_min).min(v_max);
        let held = if wait > 0 { 0 } else { new_v };
        let happened = [q != input, new_u != raw_u, b != raw_b, new_v != raw_v].map(u8::from);
        let [q_wraps, u_wraps, b_wraps, v_clips] = happened;
        wraps += u32::from(q_wraps) + u32::from(u_wraps);
        bias_wraps += u32::from(b_wraps);
        clips += u32::from(v_clips);
        active += u32::from((input | u | v | bias | wait) != 0);
        spikes += u32::from(held > registers.threshold[i]);
        flags[i] = q_wraps | u_wraps << 1 | b_wraps << 2 | v_clips << 3;
        now_u[i] = new_u;
        now_v[i] = held;
    }
    Found { wrapped: false, wraps, bias_wraps, clips, active, spikes }
}

/// One tick of all neurons, compiled for each instruction set; [`step_blocks`] is what it does.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+popcnt+bmi1+bmi2",
    "x86_64+avx2+popcnt+bmi1+bmi2"
))]
fn step_on_this_machine(model: &mut CubaLif, inputs: &[i32], step: &mut Step<'_>) {
    step_blocks(model, inputs, step);
}

#[inline(always)]
fn step_blocks(model: &mut CubaLif, inputs: &[i32], step: &mut Step<'_>) {
    let (noisy, limits, waits) = (step.membrane_noise.is_some(), model.limits, model.waits);
    let simple = !noisy && limits.v_min >= -LIMIT_MOST && limits.v_max <= LIMIT_MOST;
    // Slices of one length, so that the loop checks no bounds.
    let count = inputs.len().div_ceil(BLOCK);
    let (registers, quiet) = (&model.registers[..count], &mut model.quiet[..count]);
    let (u, v, wait) = (&mut model.u[..count], &mut model.v[..count], &mut model.wait[..count]);
    let mut old = State { u: [0; BLOCK], v: [0; BLOCK] };
    let (mut active, mut clips, mut spikes) = (0, 0, 0);
    for at in 0..count {
        let rest = &inputs[at * BLOCK..];
        let mut padded = [0; BLOCK];
        let inputs = rest.first_chunk::<BLOCK>().unwrap_or_else(|| {
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        });
        if quiet[at] && !noisy && inputs.iter().fold(0, |all, q| all | q) == 0 {
            continue;
        }
        let registers = &registers[at];
        let bias = if noisy { &model.noisy_bias[at] } else { &registers.bias };
        let given = Given { registers, limits, inputs, bias, wait: &wait[at] };
        let mut found = match (simple, waits) {
            (true, false) => common_pass::<false>(&given, &mut old, &mut u[at], &mut v[at]),
            (true, true) => common_pass::<true>(&given, &mut old, &mut u[at], &mut v[at]),
            (false, _) => {
                (old.u, old.v) = (u[at], v[at]);
                Found { wrapped: true, ..Found::default() }
            }
        };
        if found.wrapped || (found.clips != 0 && step.log.is_some()) {
            let mut flags = [0; BLOCK];
            found = exact_pass(&given, &old, &mut u[at], &mut v[at], &mut flags);
            step.counters.wraps += u64::from(found.wraps);
            step.counters.bias_wraps += u64::from(found.bias_wraps);
            list(at, &flags, step);
        }
        let mut active_before = active;
        let mut waited = [0; BLOCK];
        if waits {
            waited = wait[at];
            wait[at].iter_mut().for_each(|wait| *wait = wait.saturating_sub(1));
        }
        let mut first = 0;
        let mut left = found.spikes;
        while left != 0 {
            let mut fired = mask(|i| v[at][first + i] > registers.threshold[first + i]);
            let busy = |i| inputs[i] | old.u[i] | old.v[i] | bias[i] | i32::from(waited[i]);
            let busy = mask(|i| busy(first + i) != 0);
            left -= fired.count_ones();
            while fired != 0 {
                let i = first + fired.trailing_zeros() as usize;
                // All bits up to that of i.
                let upto = (busy & (fired ^ (fired - 1))).count_ones();
                fired &= fired - 1;
                v[at][i] = if model.subtracts { v[at][i] - registers.threshold[i] } else { 0 };
                wait[at][i] = model.refractory[at][i].saturating_sub(1);
                let neuron = NeuronId((at * BLOCK + i) as u32);
                step.spikes.push(Spike { neuron, payload: 1, active_before: active_before + upto });
            }
            active_before += busy.count_ones();
            first += 64;
        }
        quiet[at] = found.active == 0;
        active += found.active;
        clips += found.clips;
        spikes += found.spikes;
    }
    step.counters.clips += u64::from(clips);
    step.counters.spikes += u64::from(spikes);
    step.counters.updates_active += u64::from(active);
    step.counters.updates_idle += inputs.len() as u64 - u64::from(active);
}

/// Bit i for each i below 64 of which it holds.
#[inline(always)]
fn mask(holds: impl Fn(usize) -> bool) -> u64 {
    (0..64).fold(0, |mask, i| mask | u64::from(holds(i)) << i)
}

/// Lists what happened in a block, where somebody wants the list.
#[cold]
fn list(block: usize, flags: &Block<u8>, step: &mut Step<'_>) {
    let Some(log) = step.log.as_deref_mut() else { return };
    for (i, flags) in flags.iter().enumerate() {
        let happened = FLAGS.iter().filter(|(flag, _)| flags & flag != 0);
        log.extend(happened.map(|&(_, kind)| Overflow { index: (block * BLOCK + i) as u32, kind }));
    }
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
        let keep = |name, whole: u16| p.each::<u16>(name).into_iter().map(|decay| whole - decay).collect();
        let (keep_u, keep_v) = (blocks(keep("decay_u", 4095), 0), blocks(keep("decay_v", 4096), 0));
        let (threshold, bias) = (blocks(p.each("threshold"), i32::MAX), blocks(p.each("bias"), 0));
        let (initial_u, refractory) = (blocks(p.each::<i32>("initial_u"), 0), p.each::<u16>("refractory"));
        let count = initial_u.len();
        let registers =
            |at| Registers { threshold: threshold[at], bias: bias[at], keep_u: keep_u[at], keep_v: keep_v[at] };
        Self {
            neurons: p.neurons(),
            registers: (0..count).map(registers).collect(),
            waits: refractory.iter().any(|&ticks| ticks > 1),
            refractory: blocks(refractory, 0),
            limits: Limits { v_min: p.core("v_min") as i32, v_max: p.core("v_max") as i32 },
            subtracts: p.core("subtracts") == 1,
            u: initial_u.clone(),
            initial_u,
            v: vec![[0; BLOCK]; count],
            wait: vec![[0; BLOCK]; count],
            quiet: vec![false; count],
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
        if let Some(noise) = step.membrane_noise {
            self.noisy_bias.clear();
            self.noisy_bias.extend(self.registers.iter().map(|registers| registers.bias));
            for (bias, noise) in self.noisy_bias.as_flattened_mut().iter_mut().zip(noise) {
                *bias = bias.saturating_add(*noise);
            }
        }
        step_on_this_machine(self, &inputs[..self.neurons], step);
    }

    fn reset(&mut self) {
        self.u.copy_from_slice(&self.initial_u);
        self.v.fill([0; BLOCK]);
        self.wait.fill([0; BLOCK]);
        self.quiet.fill(false);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![
            Values::I32(&self.u.as_flattened()[..self.neurons]),
            Values::I32(&self.v.as_flattened()[..self.neurons]),
            Values::U16(&self.wait.as_flattened()[..self.neurons]),
        ]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v.as_flattened()[neuron].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::tests::Bench;
    use crate::{Column, CoreCounters, Draws, ModelKind};
    use proptest::prelude::*;

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
        // The wrapped sum is -2^23, one below v_min.
        let kinds = [OverflowKind::BiasWrap, OverflowKind::Clip];
        assert_eq!(bench.log, kinds.map(|kind| Overflow { index: 0, kind }));
    }

    #[test]
    fn the_membrane_clips_and_never_wraps() {
        let mut bench = one(&[("threshold", i32::MAX.into()), ("v_min", -i64::from(i32::MAX))]);
        run(&mut bench, &[-(1 << 21); 2000]);
        assert_eq!(uv(&bench).1, -i64::from(i32::MAX));
    }

    /// The same step for AVX2, which this machine may have beside something better.
    #[multiversion(targets("x86_64+avx2+popcnt+bmi1+bmi2"))]
    fn step_on_avx2(model: &mut CubaLif, inputs: &[i32], step: &mut Step<'_>) {
        step_blocks(model, inputs, step);
    }

    /// One neuron in 64 bits, as the equations at the top of this file say it.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    struct Plain {
        u: i64,
        v: i64,
        wait: i64,
    }

    /// Registers of a neuron in the order of the model's list.
    type PlainRegisters = [i64; 9];

    impl Plain {
        /// Steps; returns whether it was active and fired, and the overflows.
        fn step(
            &mut self,
            registers: &PlainRegisters,
            input: i64,
            noise: i64,
        ) -> (bool, bool, Vec<OverflowKind>) {
            let [decay_u, decay_v, threshold, bias, _, refractory, v_min, v_max, subtracts] = *registers;
            let turn = |x: i64, bits: u32| (x + (1 << bits)).rem_euclid(2 << bits) - (1 << bits);
            let bias = (bias + noise).clamp(i32::MIN.into(), i32::MAX.into());
            let active = input != 0 || *self != Plain::default() || bias != 0;
            let q = turn(input, 21);
            let raw_u = self.u * (4095 - decay_u) / 4096 + q;
            self.u = turn(raw_u, 23);
            // Sums of 32 bits saturate on the chip's behalf before they wrap.
            let raw_b = (self.u + bias).clamp(i32::MIN.into(), i32::MAX.into());
            let b = turn(raw_b, 23);
            let raw_v = self.v * (4096 - decay_v) / 4096 + b;
            let v = raw_v.clamp(v_min, v_max);
            let happened = [
                (q != input, OverflowKind::InputWrap),
                (self.u != raw_u, OverflowKind::CurrentWrap),
                (b != raw_b, OverflowKind::BiasWrap),
                (v != raw_v, OverflowKind::Clip),
            ];
            self.v = if self.wait > 0 { 0 } else { v };
            self.wait = (self.wait - 1).max(0);
            let fires = self.v > threshold;
            if fires {
                self.v = if subtracts == 1 { self.v - threshold } else { 0 };
                self.wait = (refractory - 1).max(0);
            }
            (active, fires, happened.into_iter().filter(|(did, _)| *did).map(|(_, kind)| kind).collect())
        }
    }

    /// Small values, values near the limits and anything in between.
    fn spread(most: i64) -> impl Strategy<Value = i64> {
        prop_oneof![3 => Just(0), 3 => -900i64..900, 2 => -most..=most, 1 => Just(most), 1 => Just(-most)]
    }

    fn positive(most: i64) -> impl Strategy<Value = i64> {
        spread(most).prop_map(i64::abs)
    }

    proptest! {
        #[test]
        fn every_instruction_set_steps_as_the_equations_say(
            registers in prop::collection::vec(
                (0i64..=4095, positive(4095), positive(i32::MAX.into()), spread(CURRENT_MOST),
                 spread(CURRENT_MOST), prop_oneof![Just(1i64), 0i64..4]), 1..150),
            (v_min, v_max) in prop_oneof![
                3 => Just((-CURRENT_MOST, CURRENT_MOST)),
                1 => (positive(i32::MAX.into()), positive(i32::MAX.into())).prop_map(|(a, b)| (-a, b)),
            ],
            (subtracts, listed, noisy, waits) in (0i64..=1, any::<bool>(), prop::bool::weighted(0.2), any::<bool>()),
            inputs in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
                4 => -60_000i64..60_000, 2 => spread(3 << 21), 1 => spread(i32::MAX.into())]), 1..60),
            calm in 0usize..6,
        ) {
            let n = registers.len();
            let registers: Vec<PlainRegisters> = registers.iter()
                .map(|&(a, b, c, d, e, r)| [a, b, c, d, e, if waits { r } else { 1 }, v_min, v_max, subtracts])
                .collect();
            let column = |at: usize| -> Column {
                let list: Vec<i64> = registers.iter().map(|r| r[at]).collect();
                if at >= 6 { Column::Uniform(list[0]) } else { list.into() }
            };
            let given = CubaLif::INFO.registers.iter().enumerate().map(|(at, r)| (r.name, column(at)));
            let parameters = Parameters::new(ModelKind::CubaLif, n, given).unwrap();
            type Path = fn(&mut CubaLif, &[i32], &mut Step<'_>);
            let through_the_trait: Path = |model, inputs, step| model.step(inputs, step);
            for path in [through_the_trait, step_on_this_machine, step_on_avx2, step_blocks] {
                // Noise is added by the trait's step alone.
                let noisy = noisy && std::ptr::fn_addr_eq(path, through_the_trait);
                let mut model = CubaLif::new(&parameters);
                let mut plain: Vec<Plain> = registers.iter().map(|r| Plain { u: r[4], ..Plain::default() }).collect();
                let ids: Vec<u32> = (0..n as u32).collect();
                for tick in 0..8 {
                    // Some ticks without input, so that blocks fall quiet.
                    let mut sums = vec![0i64; n];
                    let events = if tick < calm { 0 } else { inputs.len() };
                    inputs[..events].iter().for_each(|(at, q)| sums[at.index(n)] = *q);
                    let noise: Vec<i32> = (0..n).map(|i| sums[(i + 7) % n] as i32).collect();
                    let (mut counters, mut spikes, mut log) = (CoreCounters::default(), Vec::new(), Vec::new());
                    let mut step = Step {
                        tick: tick as u64,
                        draws: Draws { seed: 0, neurons: &ids, when: 0 },
                        membrane_noise: noisy.then_some(&noise[..]),
                        spikes: &mut spikes,
                        counters: &mut counters,
                        log: listed.then_some(&mut log),
                    };
                    path(&mut model, &sums.iter().map(|&q| q as i32).collect::<Vec<_>>(), &mut step);
                    let mut wanted = CoreCounters::default();
                    let (mut wanted_spikes, mut wanted_log) = (Vec::new(), Vec::new());
                    for (i, neuron) in plain.iter_mut().enumerate() {
                        let noise = if noisy { noise[i].into() } else { 0 };
                        let (active, fires, happened) = neuron.step(&registers[i], sums[i], noise);
                        wanted.updates_active += u64::from(active);
                        wanted.updates_idle += u64::from(!active);
                        wanted.spikes += u64::from(fires);
                        let index = i as u32;
                        if fires {
                            let active_before = wanted.updates_active as u32;
                            wanted_spikes.push(Spike { neuron: NeuronId(index), payload: 1, active_before });
                        }
                        for kind in happened {
                            match kind {
                                OverflowKind::BiasWrap => wanted.bias_wraps += 1,
                                OverflowKind::Clip => wanted.clips += 1,
                                _ => wanted.wraps += 1,
                            }
                            wanted_log.push(Overflow { index, kind });
                        }
                    }
                    prop_assert_eq!(counters, wanted);
                    prop_assert_eq!(spikes, wanted_spikes);
                    prop_assert_eq!(log, if listed { wanted_log } else { Vec::new() });
                    let state = model.state();
                    for (i, neuron) in plain.iter().enumerate() {
                        let got = Plain { u: state[0].at(i), v: state[1].at(i), wait: state[2].at(i) };
                        prop_assert_eq!((i, got), (i, *neuron));
                    }
                }
            }
        }

        #[test]
        fn decay_by_floors_rounds_toward_zero(x in any::<i32>(), keep in 0u16..=4096) {
            prop_assert_eq!(decayed(x, keep), trunc0(x, 4096 - i32::from(keep)));
        }
    }

    #[test]
    fn limits_must_enclose_the_reset() {
        let given = [("threshold", 1), ("v_min", 1), ("v_max", 2)].map(|(n, v)| (n, Column::Uniform(v)));
        assert_eq!(Parameters::new(ModelKind::CubaLif, 1, given).unwrap_err().len(), 1);
    }
}
