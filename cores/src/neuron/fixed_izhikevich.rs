//! Izhikevich's neuron in fixed point with the rounding mode and the number of fraction bits as registers.
//!
//! Continuous: dV/dt = 0.04 V^2 + 5 V + 140 - U + I, dU/dt = a (b V - U), in mV and ms.
//!
//! Numbers have F fraction bits (register `fraction`); R(x) rounds a product back to F bits in the chosen mode. One tick
//! is one millisecond, the membrane taking `substeps` steps h = 1 / substeps in it, as the published script does with two:
//!
//! ```text
//! up to substeps times, no more once V >= peak:
//!                  V += h (R(R(0.04 V) V) + 5 V + 140 - U + input + bias)       R once more for h where substeps > 1
//! U += R(a (R(b V) - U))                                                        with the new V
//! spike where V >= peak: V = c, U += d
//! ```
//! Input and bias have F fraction bits too. 0.04 is held to 2^-24. A step is off by less than four units of 2^-F (half
//! of that to nearest) plus the 2^-26 of 0.04 V^2. V and U are clipped to +-2^14 of their unit. Source: Izhikevich 2003,
//! "Simple model of spiking neurons", script of figure 3.

use super::fixed_lif::{ROUNDING, WIDE, draw, number};
use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values, purpose};
use crate::fixed::{Rounding, clip};
use crate::registers::{Parameters, Register};

/// 0.04 with 24 fraction bits.
const QUADRATIC: i64 = 671_089;

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct FixedIzhikevich {
    a: Vec<i64>,
    b: Vec<i64>,
    c: Vec<i64>,
    d: Vec<i64>,
    bias: Vec<i64>,
    peak: Vec<i64>,
    v0: Vec<i64>,
    u0: Vec<i64>,
    fraction: u32,
    substeps: i64,
    rounding: Rounding,
    v: Vec<i64>,
    u: Vec<i64>,
}

impl NeuronModel for FixedIzhikevich {
    const INFO: ModelInfo = ModelInfo {
        name: "fixed-izhikevich",
        title: "Izhikevich neuron in fixed point, rounding mode of choice",
        equation: "V += h (0.04 V^2 + 5 V + 140 - U + I) substeps times; U += a (b V - U); spike V >= peak: V = c, U += d",
        source: "Izhikevich 2003",
        registers: &[
            number("a", "rate of U [1/ms, F fraction bits]"),
            number("b", "coupling of U to V [F]"),
            number("c", "V after a spike [mV, F]"),
            number("d", "step of U on a spike [F]"),
            number("bias", "constant input [F]").or(0),
            number("peak", "where a spike ends [mV, F]"),
            number("v0", "V at the start [mV, F]"),
            number("u0", "U at the start [F]"),
            Register::new("fraction", 4, 16, "F, fraction bits of every number").or(16).shared(),
            Register::new("substeps", 1, 16, "steps of V a tick").or(2).shared(),
            ROUNDING,
        ],
        channels: &["input"],
        variables: &["V", "U"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[
                ("a", 1_311),
                ("b", 13_107),
                ("c", -3_604_480),
                ("d", 262_144),
                ("peak", 1_966_080),
                ("v0", -4_587_520),
                ("u0", -917_504),
            ],
            drive: &[655_360],
            ticks: 400,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self {
            a: p.each("a"),
            b: p.each("b"),
            c: p.each("c"),
            d: p.each("d"),
            bias: p.each("bias"),
            peak: p.each("peak"),
            v0: p.each("v0"),
            u0: p.each("u0"),
            fraction: p.core("fraction") as u32,
            substeps: p.core("substeps"),
            rounding: Rounding::from_register(p.core("rounding")),
            v: p.each("v0"),
            u: p.each("u0"),
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let (bits, rounding) = (self.fraction, self.rounding);
        let most = (1i64 << (14 + bits)).min(WIDE);
        for i in 0..self.v.len() {
            let mut product = 0;
            let mut round = |x: i128, bits: u32, step: &Step<'_>| {
                product += 1;
                rounding.shift(x, bits, draw(rounding, i, purpose::ROUND_V + product, step))
            };
            let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
            let drive = (140 << bits) - self.u[i] + i64::from(inputs[i]) + self.bias[i];
            let (mut v, mut clipped) = (self.v[i], false);
            for _ in 0..self.substeps {
                let slope = round(i128::from(QUADRATIC) * i128::from(v), 24, step);
                let square = round(i128::from(slope) * i128::from(v), bits, step);
                let rise = square + 5 * v + drive;
                // A step of V over a power of two is a shift; other numbers of substeps divide to the same mode.
                let scaled = (i128::from(rise) << 16) / i128::from(self.substeps);
                let (next, beyond) = clip(v + round(scaled, 16, step), -most, most);
                (v, clipped) = (next, clipped || beyond);
                if v >= self.peak[i] {
                    break;
                }
            }
            let (held, beyond) = clip(v + noise, -most, most);
            self.v[i] = held;
            let coupling = round(i128::from(self.b[i]) * i128::from(held), bits, step);
            let change = round(i128::from(self.a[i]) * i128::from(coupling - self.u[i]), bits, step);
            let (u, far) = clip(self.u[i].saturating_add(change), -most, most);
            self.u[i] = u;
            step.note_if(clipped || beyond || far, i, OverflowKind::Clip);
            step.updated(true);
            if self.v[i] >= self.peak[i] {
                self.v[i] = self.c[i];
                self.u[i] = (self.u[i] + self.d[i]).clamp(-most, most);
                step.spike(i, 1, i as u32 + 1);
            }
        }
    }

    fn reset(&mut self) {
        self.v.copy_from_slice(&self.v0);
        self.u.copy_from_slice(&self.u0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.v), Values::I64(&self.u)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::tests::run;
    use crate::{Column, ModelKind};

    /// The published script in f64: spike ticks over 500 ms.
    fn oracle([a, b, c, d]: [f64; 4], current: f64, ticks: usize) -> Vec<usize> {
        let (mut v, mut u, mut spikes) = (-65.0, b * -65.0, Vec::new());
        for t in 0..ticks {
            for _ in 0..2 {
                v += 0.5 * (0.04 * v * v + 5.0 * v + 140.0 - u + current);
                if v >= 30.0 {
                    break;
                }
            }
            u += a * (b * v - u);
            if v >= 30.0 {
                spikes.push(t);
                v = c;
                u += d;
            }
        }
        spikes
    }

    #[test]
    fn five_classes_spike_as_in_f64() {
        let q = |x: f64| Column::Uniform((x * 65_536.0).round() as i64);
        for (class, set) in [
            ("RS", [0.02, 0.2, -65.0, 8.0]),
            ("IB", [0.02, 0.2, -55.0, 4.0]),
            ("CH", [0.02, 0.2, -50.0, 2.0]),
            ("FS", [0.1, 0.2, -65.0, 2.0]),
            ("LTS", [0.02, 0.25, -65.0, 2.0]),
        ] {
            let [a, b, c, d] = set;
            for mode in 0..4 {
                let given = [
                    ("a", q(a)),
                    ("b", q(b)),
                    ("c", q(c)),
                    ("d", q(d)),
                    ("bias", q(10.0)),
                    ("peak", q(30.0)),
                    ("v0", q(-65.0)),
                    ("u0", q(-65.0 * b)),
                    ("rounding", mode.into()),
                ];
                let p = Parameters::new(ModelKind::FixedIzhikevich, 1, given).unwrap();
                let (spikes, _) = run(&p, &vec![vec![0]; 500]);
                let wanted = oracle(set, 10.0, 500);
                // Rounding that leans to one side shifts a rate by a few percent, rounding that does not by a spike.
                let most = if mode < 2 { 1 + wanted.len() / 20 } else { 1 };
                let (got, wanted_count) = (spikes.len(), wanted.len());
                assert!(got.abs_diff(wanted_count) <= most, "{class}, mode {mode}: {got} {wanted_count}");
                assert!(!wanted.is_empty());
            }
        }
    }
}
