//! sPyNNaker's LIF with exponential currents, in s16.15 (a number x is held as x 2^15 in 32 bits).
//!
//! Continuous: tau_m dV/dt = v_rest - V + R (exc - inh + i_offset), tau dexc/dt = -exc, likewise inh.
//!
//! Each tick, mul(x, y) = sat32((x y + 2^14) >> 15), inputs being the summed weights of the two channels:
//!
//! ```text
//! exc += (excitatory exc_init) >> 32;  inh += (inhibitory inh_init) >> 32          u0.32 factors, floor
//! timer <= 0:  alpha = mul(exc - inh + i_offset, r_membrane) + v_rest;  V = alpha - mul(exp_tc, alpha - V)
//! otherwise:   timer -= 1
//! V >= v_thresh (in refractory ticks too): spike, V = v_reset, timer = t_refract
//! exc = (exc exc_decay) >> 32;  inh = (inh inh_decay) >> 32
//! ```
//! Sums that leave 32 bits saturate and are counted. A product is off by at most half a unit of 2^-15 (exact solution
//! of the membrane over the tick, given its factors). Source: sPyNNaker's C, transcribed and run for ARM; equal on all
//! recorded cases.

use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::registers::{Parameters, Register};

/// Lowest and highest s16.15 number.
pub(super) const LEAST: i64 = i32::MIN as i64;
/// See [`LEAST`].
pub(super) const MOST: i64 = i32::MAX as i64;

/// x y of two s16.15 numbers, to nearest, saturated to 32 bits.
pub(super) fn mul_nearest(x: i64, y: i64) -> i64 {
    ((i128::from(x) * i128::from(y) + (1 << 14)) >> 15).clamp(LEAST.into(), MOST.into()) as i64
}

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct SpinnakerLif {
    v_init: Vec<i64>,
    v_rest: Vec<i64>,
    r_membrane: Vec<i64>,
    exp_tc: Vec<i64>,
    i_offset: Vec<i64>,
    v_reset: Vec<i64>,
    t_refract: Vec<i64>,
    v_thresh: Vec<i64>,
    decay: [Vec<i64>; 2],
    init: [Vec<i64>; 2],
    v: Vec<i64>,
    currents: [Vec<i64>; 2],
    timer: Vec<i64>,
}

const fn fixed(name: &'static str, about: &'static str) -> Register {
    Register::new(name, LEAST, MOST, about)
}

const fn fraction(name: &'static str, about: &'static str) -> Register {
    Register::new(name, 0, u32::MAX as i64, about)
}

impl NeuronModel for SpinnakerLif {
    const INFO: ModelInfo = ModelInfo {
        name: "spinnaker-lif",
        title: "sPyNNaker LIF with exponential currents, s16.15",
        equation: "alpha = mul(exc - inh + i_offset, r_membrane) + v_rest; V = alpha - mul(exp_tc, alpha - V); spike V >= v_thresh: V = v_reset; currents decay by u0.32 factors",
        source: "sPyNNaker neuron_impl_standard.h, transcribed",
        registers: &[
            fixed("v_init", "V at the start [mV, s16.15]"),
            fixed("v_rest", "resting potential [mV, s16.15]"),
            fixed("r_membrane", "membrane resistance [MOhm, s16.15]"),
            fixed("exp_tc", "e^(-dt/tau_m) [s16.15]"),
            fixed("i_offset", "constant current [nA, s16.15]").or(0),
            fixed("v_reset", "potential after a spike [mV, s16.15]"),
            Register::new("t_refract", 0, LIMIT_TICKS, "refractory ticks").or(0),
            fixed("v_thresh", "threshold, inclusive [mV, s16.15]"),
            fraction("exc_decay", "decay factor of the excitatory current [u0.32]"),
            fraction("inh_decay", "decay factor of the inhibitory current [u0.32]"),
            fraction("exc_init", "factor of an excitatory input [u0.32]"),
            fraction("inh_init", "factor of an inhibitory input [u0.32]"),
        ],
        channels: &["excitatory", "inhibitory"],
        variables: &["V", "exc", "inh", "timer"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[
                ("v_init", -2_129_920),
                ("v_rest", -2_129_920),
                ("r_membrane", 655_360),
                ("exp_tc", 31_170),
                ("v_reset", -2_293_760),
                ("t_refract", 5),
                ("v_thresh", -1_638_400),
                ("exc_decay", 3_516_366_906),
                ("inh_decay", 3_516_366_906),
                ("exc_init", 3_893_000_000),
                ("inh_init", 3_893_000_000),
            ],
            drive: &[16_000, 0],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self {
            v_init: p.each("v_init"),
            v_rest: p.each("v_rest"),
            r_membrane: p.each("r_membrane"),
            exp_tc: p.each("exp_tc"),
            i_offset: p.each("i_offset"),
            v_reset: p.each("v_reset"),
            t_refract: p.each("t_refract"),
            v_thresh: p.each("v_thresh"),
            decay: ["exc_decay", "inh_decay"].map(|name| p.each(name)),
            init: ["exc_init", "inh_init"].map(|name| p.each(name)),
            v: p.each("v_init"),
            currents: [vec![0; p.neurons()], vec![0; p.neurons()]],
            timer: vec![0; p.neurons()],
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let n = self.v.len();
        let mut active = 0;
        for i in 0..n {
            let mut saturated = false;
            let mut hold = |x: i64| {
                saturated |= !(LEAST..=MOST).contains(&x);
                x.clamp(LEAST, MOST)
            };
            let mut busy = self.i_offset[i] != 0 || self.timer[i] > 0 || self.v[i] != self.v_rest[i];
            for channel in 0..2 {
                let input = i64::from(inputs[channel * n + i]);
                let current = &mut self.currents[channel][i];
                *current = hold(*current + ((input * self.init[channel][i]) >> 32));
                busy |= *current != 0;
            }
            if self.timer[i] <= 0 {
                let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
                let current = hold(self.currents[0][i] - self.currents[1][i] + self.i_offset[i]);
                let alpha = hold(mul_nearest(current, self.r_membrane[i]) + self.v_rest[i]);
                let gap = hold(alpha - self.v[i]);
                self.v[i] = hold(alpha - mul_nearest(self.exp_tc[i], gap) + noise);
            } else {
                self.timer[i] -= 1;
            }
            let fires = self.v[i] >= self.v_thresh[i];
            step.updated(busy);
            active += u32::from(busy);
            if fires {
                self.v[i] = self.v_reset[i];
                self.timer[i] = self.t_refract[i];
                step.spike(i, 1, active);
            }
            for channel in 0..2 {
                let current = &mut self.currents[channel][i];
                *current = (*current * self.decay[channel][i]) >> 32;
            }
            step.note_if(saturated, i, OverflowKind::Saturation);
        }
    }

    fn reset(&mut self) {
        self.v.copy_from_slice(&self.v_init);
        self.currents.iter_mut().for_each(|current| current.fill(0));
        self.timer.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        let [exc, inh] = &self.currents;
        [&self.v, exc, inh, &self.timer].into_iter().map(|array| Values::I64(array)).collect()
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron]
    }
}

const LIMIT_TICKS: i64 = 1 << 31;
