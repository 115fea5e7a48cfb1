//! Lava's fixed-point current-based LIF, Intel's software model of Loihi 2's LIF.
//!
//! Continuous: tau_u du/dt = -u + a, tau_v dv/dt = -v + u + bias. Each tick, `a` being the sum of what arrived (weights
//! with their exponent applied, not yet shifted):
//!
//! ```text
//! u = lava_wrap(trunc0(u, du + 1) + (a << 6))       wraps once and asymmetrically, see fixed.rs; a itself never wraps
//! v = clip(trunc0(v, dv) + u + (bias_mant << bias_exp), +-(2^23 - 1))
//! spike where v > vth << 6 (strict): v = 0
//! ```
//! State is whole numbers, 64 bits wide because nothing bounds `a`. Decays round toward zero, by less than one unit.
//! Source: Lava 0.10.0, `proc/lif/models.py`, tag `fixed_pt`; equal on all recorded cases.

use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::fixed::{clip, lava_wrap, trunc0_wide};
use crate::registers::{Parameters, Register};

/// Largest potential on either side of zero.
pub(super) const POTENTIAL_MOST: i64 = (1 << 23) - 1;

/// Registers every model of the Lava family has.
pub(super) const DU: Register =
    Register::new("du", 0, 4095, "decay of u, 1/4096 a tick; the chip adds 1").decay().or(4095);
pub(super) const DV: Register = Register::new("dv", 0, 4095, "decay of v, 1/4096 a tick").decay().or(0);
pub(super) const BIAS_MANT: Register =
    Register::new("bias_mant", -(1 << 23), 1 << 23, "mantissa of the bias (13 bits on the chip)").or(0);
pub(super) const BIAS_EXP: Register =
    Register::new("bias_exp", -23, 23, "exponent of the bias (0 to 7 on the chip); negative shifts floor")
        .or(0);
pub(super) const INITIAL_U: Register =
    Register::new("initial_u", -(1 << 23), 1 << 23, "u at the start and after a reset").or(0);
pub(super) const VTH: Register =
    Register::new("vth", 0, 1 << 24, "threshold, before its shift by 6 (17 bits on the chip)").threshold();

/// Current and potential, which the Lava family shares.
#[derive(Clone, Debug)]
pub(super) struct Integrator {
    du: Vec<i64>,
    dv: Vec<i64>,
    bias: Vec<i64>,
    initial_u: Vec<i64>,
    pub(super) u: Vec<i64>,
    pub(super) v: Vec<i64>,
}

/// Thresholds and their steps, which the chip shifts by 6.
pub(super) fn shifted(p: &Parameters, name: &str) -> Vec<i64> {
    p.each::<i64>(name).iter().map(|value| value << 6).collect()
}

/// The biases; negative exponents floor.
pub(super) fn biases(p: &Parameters) -> Vec<i64> {
    let (mantissas, exponents) = (p.each::<i64>("bias_mant"), p.each::<i64>("bias_exp"));
    mantissas.iter().zip(exponents).map(|(m, e)| if e >= 0 { m << e } else { m >> -e }).collect()
}

impl Integrator {
    pub(super) fn new(p: &Parameters) -> Self {
        let initial_u: Vec<i64> = p.each("initial_u");
        Self {
            du: p.each("du"),
            dv: p.each("dv"),
            bias: biases(p),
            u: initial_u.clone(),
            v: vec![0; p.neurons()],
            initial_u,
        }
    }

    /// One tick of one neuron up to the threshold; `held` keeps v at 0. Whether there was anything to do.
    pub(super) fn integrate(&mut self, i: usize, a: i32, held: bool, step: &mut Step<'_>) -> bool {
        let active = i64::from(a) | self.u[i] | self.v[i] | self.bias[i] != 0;
        let raw = trunc0_wide(self.u[i], self.du[i] + 1) + (i64::from(a) << 6);
        self.u[i] = lava_wrap(raw);
        step.note_if(self.u[i] != raw, i, OverflowKind::CurrentWrap);
        if held {
            self.v[i] = 0;
        } else {
            let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
            let raw = trunc0_wide(self.v[i], self.dv[i]) + self.u[i] + self.bias[i] + noise;
            let (v, clipped) = clip(raw, -POTENTIAL_MOST, POTENTIAL_MOST);
            step.note_if(clipped, i, OverflowKind::Clip);
            self.v[i] = v;
        }
        step.updated(active);
        active
    }

    pub(super) fn reset(&mut self) {
        self.u.copy_from_slice(&self.initial_u);
        self.v.fill(0);
    }

    pub(super) fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.u), Values::I64(&self.v)]
    }
}

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct LavaLif {
    pub(super) state: Integrator,
    threshold: Vec<i64>,
}

impl NeuronModel for LavaLif {
    const INFO: ModelInfo = ModelInfo {
        name: "lava-lif",
        title: "Lava / Loihi 2 current-based LIF, fixed point",
        equation: "u = lava_wrap(trunc0(u, du+1) + (a << 6)); v = clip(trunc0(v, dv) + u + (bias_mant << bias_exp)); spike v > vth << 6, v = 0",
        source: "Lava 0.10.0, proc/lif/models.py, PyLifModelBitAcc",
        registers: &[DU, DV, VTH, BIAS_MANT, BIAS_EXP, INITIAL_U],
        channels: &["a"],
        variables: &["u", "v"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example { registers: &[("du", 400), ("dv", 200), ("vth", 1_000)], drive: &[16], ticks: 200 },
    };

    fn new(p: &Parameters) -> Self {
        Self { state: Integrator::new(p), threshold: shifted(p, "vth") }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let mut active = 0;
        for (i, &input) in inputs.iter().enumerate() {
            active += u32::from(self.state.integrate(i, input, false, step));
            if self.state.v[i] > self.threshold[i] {
                self.state.v[i] = 0;
                step.spike(i, 1, active);
            }
        }
    }

    fn reset(&mut self) {
        self.state.reset();
    }

    fn state(&self) -> Vec<Values<'_>> {
        self.state.state()
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.state.v[neuron]
    }
}
