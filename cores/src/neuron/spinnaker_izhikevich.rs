//! sPyNNaker's Izhikevich neuron in s16.15: a midpoint step with every product floored.
//!
//! Continuous: dV/dt = 0.04 V^2 + 5 V + 140 - U + I, dU/dt = A (B V - U), in mV and ms.
//!
//! With m(x, y) = (x y) >> 15 (floor), all numbers s16.15, V and U on the right being the old ones:
//!
//! ```text
//! I = input + i_offset;  P = 140 + I - U;  al = P + m(5 + m(0.04, V), V)                    0.04 is 1311 / 2^15
//! eta = V + (m(h, al) >> 1);  beta = m(m(h, m(B, V) - U), A) >> 1
//! V' = V + m(h, P - beta + m(5 + m(0.04, eta), eta))
//! U' = U + m(m(A, h), -U - beta + m(B, eta));  h = h0
//! V' >= v_thresh: spike, V' = C, U' += D, and h = m(h0, 1.85) for the next step             1.85 is 60620 / 2^15
//! ```
//! That is GCC's `_Accum` at -O0; at -O2 the compiler regroups products and results differ by a few units. Sums that
//! leave 32 bits saturate and are counted (never on the recorded cases). Each product is off by less than one unit of
//! 2^-15. Source: sPyNNaker's C, transcribed and run for ARM; equal on all recorded cases.

use super::spinnaker_lif::{LEAST, MOST};
use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::registers::{Parameters, Register};

const ONE: i64 = 1 << 15;

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct SpinnakerIzhikevich {
    a: Vec<i64>,
    b: Vec<i64>,
    c: Vec<i64>,
    d: Vec<i64>,
    v0: Vec<i64>,
    u0: Vec<i64>,
    i_offset: Vec<i64>,
    h0: Vec<i64>,
    v_thresh: Vec<i64>,
    v: Vec<i64>,
    u: Vec<i64>,
    h: Vec<i64>,
}

const fn fixed(name: &'static str, about: &'static str) -> Register {
    Register::new(name, LEAST, MOST, about)
}

impl NeuronModel for SpinnakerIzhikevich {
    const INFO: ModelInfo = ModelInfo {
        name: "spinnaker-izhikevich",
        title: "sPyNNaker Izhikevich neuron, s16.15",
        equation: "midpoint step of v' = 0.04 v^2 + 5 v + 140 - u + I, u' = a (b v - u); spike v >= v_thresh: v = c, u += d",
        source: "sPyNNaker neuron_model_izh, transcribed; products floored (GCC -O0)",
        registers: &[
            fixed("A", "rate of U [s16.15]"),
            fixed("B", "coupling of U to V [s16.15]"),
            fixed("C", "V after a spike [mV, s16.15]"),
            fixed("D", "step of U on a spike [s16.15]"),
            fixed("v0", "V at the start [mV, s16.15]"),
            fixed("u0", "U at the start [s16.15]"),
            fixed("i_offset", "constant input [s16.15]").or(0),
            fixed("h", "step [ms, s16.15]").or(ONE),
            fixed("v_thresh", "threshold, inclusive [mV, s16.15]").or(30 * ONE),
        ],
        channels: &["input"],
        variables: &["V", "U", "h"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[
                ("A", 655),
                ("B", 6_554),
                ("C", -2_129_920),
                ("D", 262_144),
                ("v0", -2_293_760),
                ("u0", -458_752),
                ("v_thresh", 983_040),
            ],
            drive: &[327_680],
            ticks: 400,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self {
            a: p.each("A"),
            b: p.each("B"),
            c: p.each("C"),
            d: p.each("D"),
            v0: p.each("v0"),
            u0: p.each("u0"),
            i_offset: p.each("i_offset"),
            h0: p.each("h"),
            v_thresh: p.each("v_thresh"),
            v: p.each("v0"),
            u: p.each("u0"),
            h: p.each("h"),
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        for i in 0..self.v.len() {
            let mut saturated = false;
            let mut hold = |x: i128| {
                let held = x.clamp(LEAST.into(), MOST.into());
                saturated |= held != x;
                held as i64
            };
            let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
            let (v, u, h) = (self.v[i], self.u[i], self.h[i]);
            let (a, b) = (self.a[i], self.b[i]);
            let wide = i128::from;
            let mut m = |x: i64, y: i64| hold((wide(x) * wide(y)) >> 15);
            let square = |m: &mut dyn FnMut(i64, i64) -> i64, x: i64| {
                let slope = 5 * ONE + m(1311, x);
                m(slope, x)
            };
            let p = 140 * ONE + i64::from(inputs[i]) + self.i_offset[i] - u;
            let alpha = p + square(&mut m, v);
            let eta = v + (m(h, alpha) >> 1);
            let inner = m(b, v) - u;
            let beta = {
                let first = m(h, inner);
                m(first, a)
            } >> 1;
            let rise = p - beta + square(&mut m, eta);
            let v_new = v + m(h, rise) + noise;
            let pull = -u - beta + m(b, eta);
            let u_new = u + {
                let rate = m(a, h);
                m(rate, pull)
            };
            self.v[i] = hold(wide(v_new));
            self.u[i] = hold(wide(u_new));
            self.h[i] = self.h0[i];
            step.updated(true);
            if self.v[i] >= self.v_thresh[i] {
                self.v[i] = self.c[i];
                self.u[i] = hold(wide(self.u[i]) + wide(self.d[i]));
                self.h[i] = (self.h0[i] * 60_620) >> 15;
                step.spike(i, 1, i as u32 + 1);
            }
            step.note_if(saturated, i, OverflowKind::Saturation);
        }
    }

    fn reset(&mut self) {
        self.v.copy_from_slice(&self.v0);
        self.u.copy_from_slice(&self.u0);
        self.h.copy_from_slice(&self.h0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        [&self.v, &self.u, &self.h].into_iter().map(|array| Values::I64(array)).collect()
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron]
    }
}
