//! Lava's ternary LIF: two thresholds, spikes of +1 and -1.
//!
//! ```text
//! u, v as lava-lif
//! spike -1 where v < vth_lo << 6, +1 where v > vth_hi << 6 (both strict): v = 0 after either
//! ```
//! Arithmetic, rounding and its bound (less than one unit a decay, toward zero) are lava-lif's. A spike's payload is
//! its sign, so a synapse adds or subtracts its weight. If both thresholds are passed at once (vth_lo above vth_hi) the
//! two cancel to no spike, as in Lava. Source: Lava 0.10.0, `PyTernLifModelFixed`.

use super::lava_lif::{BIAS_EXP, BIAS_MANT, DU, DV, INITIAL_U, Integrator, shifted};
use super::{Discipline, Example, ModelInfo, NeuronModel, Step, Values};
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct TernaryLif {
    state: Integrator,
    low: Vec<i64>,
    high: Vec<i64>,
}

impl NeuronModel for TernaryLif {
    const INFO: ModelInfo = ModelInfo {
        name: "ternary-lif",
        title: "Lava ternary LIF: spikes of both signs",
        equation: "u, v as lava-lif; spike -1 where v < vth_lo << 6, +1 where v > vth_hi << 6; v = 0 after either",
        source: "Lava 0.10.0, proc/lif/models.py, PyTernLifModelFixed",
        registers: &[
            DU,
            DV,
            Register::new("vth_lo", -(1 << 24), 1 << 24, "lower threshold, before its shift by 6").threshold(),
            Register::new("vth_hi", -(1 << 24), 1 << 24, "upper threshold, before its shift by 6").threshold(),
            BIAS_MANT,
            BIAS_EXP,
            INITIAL_U,
        ],
        channels: &["a"],
        variables: &["u", "v"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[("du", 800), ("dv", 200), ("vth_lo", -600), ("vth_hi", 900), ("bias_mant", -2_500)],
            drive: &[60],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self { state: Integrator::new(p), low: shifted(p, "vth_lo"), high: shifted(p, "vth_hi") }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let mut active = 0;
        for (i, &input) in inputs.iter().enumerate() {
            active += u32::from(self.state.integrate(i, input, false, step));
            let v = self.state.v[i];
            let sign = i32::from(v > self.high[i]) - i32::from(v < self.low[i]);
            if sign != 0 {
                self.state.v[i] = 0;
                step.spike(i, sign, active);
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
