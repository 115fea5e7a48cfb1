//! Lava's adaptive-threshold, refractory LIF (ATRLIF), fixed point.
//!
//! Continuous: tau_i di/dt = -i + a, tau_v dv/dt = -v + i + bias, tau_theta dtheta/dt = theta0 - theta, tau_r dr/dt =
//! -r; a spike at v - r >= theta raises r and theta. Each tick, theta0 being `theta_0 << 6`:
//!
//! ```text
//! i     = lava_wrap(trunc0(i, delta_i + 1) + (a << 6))
//! v     = clip(trunc0(v, delta_v) + i + (bias_mant << bias_exp), +-(2^23 - 1))
//! theta = trunc0(theta - theta0, delta_theta) + theta0
//! r     = trunc0(r, delta_r)
//! spike where v - r >= theta: r += 2 theta (before its step), theta += theta_step << 6; v is not reset
//! ```
//! theta and r start at theta0 and 0 and are not clipped. State is whole numbers; each decay loses less than one unit,
//! toward zero (theta: toward theta0). Source: Lava 0.10.0, `proc/atrlif`, fixed point.

use super::lava_lif::{POTENTIAL_MOST, biases, shifted};
use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::fixed::{clip, lava_wrap, trunc0_wide};
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct AtrLif {
    delta_i: Vec<i64>,
    delta_v: Vec<i64>,
    delta_theta: Vec<i64>,
    delta_r: Vec<i64>,
    theta_0: Vec<i64>,
    theta_step: Vec<i64>,
    bias: Vec<i64>,
    i: Vec<i64>,
    v: Vec<i64>,
    theta: Vec<i64>,
    r: Vec<i64>,
}

const fn delta(name: &'static str, about: &'static str) -> Register {
    Register::new(name, 0, 4095, about)
}

impl NeuronModel for AtrLif {
    const INFO: ModelInfo = ModelInfo {
        name: "atrlif",
        title: "LIF with adaptive threshold and adaptive refractoriness (ATRLIF)",
        equation: "i = lava_wrap(trunc0(i, delta_i+1) + (a << 6)); v = clip(trunc0(v, delta_v) + i + bias); theta, r decay; spike v - r >= theta: r += 2 theta, theta += theta_step << 6",
        source: "Lava 0.10.0, proc/atrlif, fixed point",
        registers: &[
            delta("delta_i", "decay of i, 1/4096 a tick; the chip adds 1").decay().or(4095),
            delta("delta_v", "decay of v, 1/4096 a tick").decay().or(0),
            delta("delta_theta", "decay of theta toward theta_0, 1/4096 a tick").decay().or(0),
            delta("delta_r", "decay of r, 1/4096 a tick").decay().or(0),
            Register::new("theta_0", 0, 1 << 24, "resting threshold, before its shift by 6").threshold(),
            Register::new("theta_step", 0, 1 << 24, "step of the threshold on a spike, before its shift by 6")
                .or(0),
            Register::new("bias_mant", -(1 << 23), 1 << 23, "mantissa of the bias").or(0),
            Register::new("bias_exp", -23, 23, "exponent of the bias; negative shifts floor").or(0),
        ],
        channels: &["a"],
        variables: &["i", "v", "theta", "r"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[
                ("delta_i", 400),
                ("delta_v", 400),
                ("delta_theta", 100),
                ("delta_r", 400),
                ("theta_0", 400),
                ("theta_step", 80),
            ],
            drive: &[40],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        let theta_0 = shifted(p, "theta_0");
        Self {
            delta_i: p.each("delta_i"),
            delta_v: p.each("delta_v"),
            delta_theta: p.each("delta_theta"),
            delta_r: p.each("delta_r"),
            theta_step: shifted(p, "theta_step"),
            bias: biases(p),
            i: vec![0; p.neurons()],
            v: vec![0; p.neurons()],
            theta: theta_0.clone(),
            theta_0,
            r: vec![0; p.neurons()],
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let mut active = 0;
        for n in 0..self.v.len() {
            let a = i64::from(inputs[n]);
            let resting = self.theta[n] == self.theta_0[n];
            let busy = a | self.i[n] | self.v[n] | self.r[n] | self.bias[n] != 0 || !resting;
            let raw = trunc0_wide(self.i[n], self.delta_i[n] + 1) + (a << 6);
            self.i[n] = lava_wrap(raw);
            step.note_if(self.i[n] != raw, n, OverflowKind::CurrentWrap);
            let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[n]));
            let raw = trunc0_wide(self.v[n], self.delta_v[n]) + self.i[n] + self.bias[n] + noise;
            let (v, clipped) = clip(raw, -POTENTIAL_MOST, POTENTIAL_MOST);
            step.note_if(clipped, n, OverflowKind::Clip);
            self.v[n] = v;
            self.theta[n] = trunc0_wide(self.theta[n] - self.theta_0[n], self.delta_theta[n]) + self.theta_0[n];
            self.r[n] = trunc0_wide(self.r[n], self.delta_r[n]);
            step.updated(busy);
            active += u32::from(busy);
            if self.v[n] - self.r[n] >= self.theta[n] {
                // Far beyond any potential: r grows by at least 2 theta_0 a spike and stops the spiking long before.
                self.r[n] = self.r[n].saturating_add(2 * self.theta[n]);
                self.theta[n] = (self.theta[n] + self.theta_step[n]).min(1 << 60);
                step.spike(n, 1, active);
            }
        }
    }

    fn reset(&mut self) {
        self.i.fill(0);
        self.v.fill(0);
        self.r.fill(0);
        self.theta.copy_from_slice(&self.theta_0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        [&self.i, &self.v, &self.theta, &self.r].into_iter().map(|array| Values::I64(array)).collect()
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron]
    }
}
