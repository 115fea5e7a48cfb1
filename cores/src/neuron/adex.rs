//! The adaptive exponential integrate-and-fire neuron (AdEx) in fixed point, rounding mode of choice.
//!
//! Continuous: tau_m dV/dt = e_l - V + delta_t e^((V - v_t) / delta_t) - W + R I, tau_w dW/dt = a (V - e_l) - W.
//!
//! Numbers have F fraction bits (register `fraction`, unit mV); factors `leak` = dt / tau_m, `decay_w` = dt / tau_w and the
//! ratio `a` (subthreshold adaptation times membrane resistance) have 16. R rounds a product in the chosen mode:
//!
//! ```text
//! x = (V - v_t) / delta_t (16 fraction bits, floor, at most 20);  E = R(delta_t e^x)
//! V' = V + R(leak (e_l - V + E - W + input + bias))
//! W' = W + R(decay_w (R(a (V - e_l)) - W))                         with the old V
//! spike where V' >= peak: V = reset, W += b; V then stays for `refractory` ticks while W goes on
//! ```
//! Input and bias are in mV (current times resistance). e^x is 2^(x log2 e) from a table of 256 powers of two with linear
//! interpolation, made with whole numbers only: relative error below 2e-6. A step of V is off by less than two units of
//! 2^-F plus leak E times 2e-6. V and W are clipped to +-2^14 mV. Source: Brette & Gerstner 2005; Gerstner et al. 2014,
//! §6.1, forward Euler.

use super::fixed_lif::{ROUNDING, WIDE, draw, factor, number};
use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values, purpose};
use crate::fixed::{Rounding, clip};
use crate::registers::{Parameters, Register};

/// log2(e) with 30 fraction bits.
const LOG2_E: i64 = 1_549_082_005;
/// Largest exponent, 16 fraction bits.
const EXPONENT_MOST: i64 = 20 << 16;

/// 2^(k / 256) with 32 fraction bits, k = 0..=256, from repeated square roots of 2.
const POWERS: [u64; 257] = {
    // roots[j] = 2^(2^-(j + 1)) with 62 fraction bits.
    let mut roots = [0u128; 8];
    let (mut root, mut j) = (2u128 << 62, 0);
    while j < 8 {
        root = (root << 62).isqrt();
        roots[j] = root;
        j += 1;
    }
    let mut powers = [0; 257];
    let mut k = 0;
    while k < 256 {
        let (mut power, mut j) = (1u128 << 62, 0);
        while j < 8 {
            if k >> (7 - j) & 1 == 1 {
                power = (power * roots[j]) >> 62;
            }
            j += 1;
        }
        powers[k] = (power >> 30) as u64;
        k += 1;
    }
    powers[256] = 2 << 32;
    powers
};

/// e^x for x of 16 fraction bits up to 20, with 32 fraction bits.
fn exp(x: i64) -> i128 {
    let exponent = (i128::from(x.min(EXPONENT_MOST)) * i128::from(LOG2_E)) >> 22; // 24 fraction bits
    let (whole, part) = (exponent >> 24, (exponent & 0xff_ffff) as u64);
    let (k, between) = ((part >> 16) as usize, i128::from(part & 0xffff));
    let (low, high) = (i128::from(POWERS[k]), i128::from(POWERS[k + 1]));
    let power = low + (((high - low) * between) >> 16);
    match whole {
        0.. => power << whole,
        -63..0 => power >> -whole,
        _ => 0,
    }
}

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct Adex {
    leak: Vec<i64>,
    e_l: Vec<i64>,
    v_t: Vec<i64>,
    delta_t: Vec<i64>,
    peak: Vec<i64>,
    reset: Vec<i64>,
    a: Vec<i64>,
    b: Vec<i64>,
    decay_w: Vec<i64>,
    bias: Vec<i64>,
    refractory: Vec<u16>,
    fraction: u32,
    rounding: Rounding,
    v: Vec<i64>,
    w: Vec<i64>,
    wait: Vec<u16>,
}

impl NeuronModel for Adex {
    const INFO: ModelInfo = ModelInfo {
        name: "adex",
        title: "adaptive exponential integrate-and-fire in fixed point, rounding mode of choice",
        equation: "V += leak (e_l - V + delta_t exp((V - v_t)/delta_t) - W + I); W += decay_w (a (V - e_l) - W); spike V >= peak: V = reset, W += b",
        source: "Brette & Gerstner 2005; Gerstner et al. 2014, section 6.1",
        registers: &[
            factor("leak", "dt / tau_m [16 fraction bits]").decay(),
            number("e_l", "leak potential, also V at the start [mV, F]"),
            number("v_t", "where the exponential sets in [mV, F]"),
            Register::new("delta_t", 1, WIDE, "sharpness of the exponential [mV, F]"),
            number("peak", "where a spike ends [mV, F]"),
            number("reset", "V after a spike [mV, F]"),
            number("a", "subthreshold adaptation times resistance [16 fraction bits]").or(0),
            number("b", "step of W on a spike, times resistance [mV, F]").or(0),
            factor("decay_w", "dt / tau_w [16 fraction bits]").decay().or(0),
            number("bias", "constant current times resistance [mV, F]").or(0),
            Register::new("refractory", 0, 65_535, "ticks after a spike in which V stays").or(0),
            Register::new("fraction", 4, 16, "F, fraction bits of potentials").or(16).shared(),
            ROUNDING,
        ],
        channels: &["input"],
        variables: &["V", "W", "wait"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[
                ("leak", 3_277),
                ("e_l", -4_587_520),
                ("v_t", -3_276_800),
                ("delta_t", 131_072),
                ("peak", 0),
                ("reset", -3_604_480),
                ("b", 458_752),
                ("decay_w", 655),
                ("a", 6_554),
            ],
            drive: &[2_293_760],
            ticks: 600,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self {
            leak: p.each("leak"),
            e_l: p.each("e_l"),
            v_t: p.each("v_t"),
            delta_t: p.each("delta_t"),
            peak: p.each("peak"),
            reset: p.each("reset"),
            a: p.each("a"),
            b: p.each("b"),
            decay_w: p.each("decay_w"),
            bias: p.each("bias"),
            refractory: p.each("refractory"),
            fraction: p.core("fraction") as u32,
            rounding: Rounding::from_register(p.core("rounding")),
            v: p.each("e_l"),
            w: vec![0; p.neurons()],
            wait: vec![0; p.neurons()],
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let rounding = self.rounding;
        let most = (1i64 << (14 + self.fraction)).min(WIDE);
        for i in 0..self.v.len() {
            let mut product = 0;
            let mut round = |x: i128, bits: u32, step: &Step<'_>| {
                product += 1;
                rounding.shift(x, bits, draw(rounding, i, purpose::ROUND_V + product, step))
            };
            let (v, w) = (self.v[i], self.w[i]);
            let pull = round(i128::from(self.a[i]) * i128::from(v - self.e_l[i]), 16, step);
            let change = round(i128::from(self.decay_w[i]) * i128::from(pull - w), 16, step);
            let (next_w, far) = clip(w + change, -most, most);
            self.w[i] = next_w;
            let held = self.wait[i] > 0;
            let mut clipped = false;
            if held {
                self.wait[i] -= 1;
            } else {
                let x = ((v - self.v_t[i]) << 16).div_euclid(self.delta_t[i]);
                let upswing = round(i128::from(self.delta_t[i]) * exp(x), 32, step);
                let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
                let drive = self.e_l[i] - v + upswing.min(1 << 50) - w + i64::from(inputs[i]) + self.bias[i];
                let raw = v + round(i128::from(self.leak[i]) * i128::from(drive), 16, step) + noise;
                // The upswing runs away on purpose: what lies beyond the peak is a spike, no clip.
                let (next_v, beyond) = clip(raw, -most, most);
                clipped = beyond && raw < self.peak[i];
                self.v[i] = next_v;
            }
            step.note_if(clipped || far, i, OverflowKind::Clip);
            step.updated(true);
            if !held && self.v[i] >= self.peak[i] {
                self.v[i] = self.reset[i];
                self.w[i] = (self.w[i] + self.b[i]).clamp(-most, most);
                self.wait[i] = self.refractory[i];
                step.spike(i, 1, i as u32 + 1);
            }
        }
    }

    fn reset(&mut self) {
        self.v.copy_from_slice(&self.e_l);
        self.w.fill(0);
        self.wait.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.v), Values::I64(&self.w), Values::U16(&self.wait)]
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_exp(x in -700_000i64..EXPONENT_MOST) {
            let real = (x as f64 / 65_536.0).exp() * 4_294_967_296.0;
            let got = exp(x) as f64;
            prop_assert!((got - real).abs() <= 2e-6 * real + 2.0, "{x}: {got} {real}");
        }
    }

    #[test]
    fn tonic_and_adapting_neurons_spike_as_in_f64() {
        // Units: mV, dt 0.1 ms, tau_m 20 ms, tau_w 100 ms, delta_t 2 mV, threshold -50, rest -70, reset -60, peak 0.
        for (adaptation, jump, current) in [(0.0, 0.0, 30.0), (0.0, 7.0, 40.0), (0.5, 3.0, 45.0)] {
            let (mut v, mut w, mut wanted) = (-70.0f64, 0.0f64, Vec::new());
            for t in 0..10_000 {
                let upswing = 2.0 * ((v + 50.0) / 2.0f64).min(20.0).exp();
                let next = v + 0.005 * (-70.0 - v + upswing - w + current);
                w += 0.001 * (adaptation * (v + 70.0) - w);
                v = next;
                if v >= 0.0 {
                    wanted.push(t);
                    (v, w) = (-60.0, w + jump);
                }
            }
            let q = |x: f64| Column::Uniform((x * 65_536.0).round() as i64);
            for mode in [2i64, 3] {
                let given = [
                    ("leak", q(0.005)),
                    ("e_l", q(-70.0)),
                    ("v_t", q(-50.0)),
                    ("delta_t", q(2.0)),
                    ("peak", q(0.0)),
                    ("reset", q(-60.0)),
                    ("a", q(adaptation)),
                    ("b", q(jump)),
                    ("decay_w", q(0.001)),
                    ("bias", q(current)),
                    ("rounding", mode.into()),
                ];
                let p = Parameters::new(ModelKind::Adex, 1, given).unwrap();
                let (spikes, _) = run(&p, &vec![vec![0]; 10_000]);
                assert!(!wanted.is_empty());
                assert!(spikes.len().abs_diff(wanted.len()) <= 1, "{} {}", spikes.len(), wanted.len());
            }
        }
    }
}
