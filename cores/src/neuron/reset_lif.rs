//! Lava's LIF that is reset at regular intervals, for networks that see one sample after another.
//!
//! ```text
//! step number s = tick + 1; where s mod reset_interval = reset_offset mod reset_interval: u = v = 0 before the update
//! then as lava-lif
//! ```
//! Arithmetic, rounding and its bound (less than one unit a decay, toward zero) are lava-lif's. Source: Lava 0.10.0,
//! `PyLifResetModelBitAcc`.

use super::lava_lif::{BIAS_EXP, BIAS_MANT, DU, DV, INITIAL_U, LavaLif, VTH};
use super::{Discipline, Example, ModelInfo, NeuronModel, Step, Values};
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct ResetLif {
    lif: LavaLif,
    interval: u64,
    offset: u64,
}

impl NeuronModel for ResetLif {
    const INFO: ModelInfo = ModelInfo {
        name: "reset-lif",
        title: "Lava LIF with a reset interval",
        equation: "u = v = 0 where (tick + 1) mod reset_interval = reset_offset mod reset_interval; then as lava-lif",
        source: "Lava 0.10.0, proc/lif/models.py, PyLifResetModelBitAcc",
        registers: &[
            DU,
            DV,
            VTH,
            BIAS_MANT,
            BIAS_EXP,
            INITIAL_U,
            Register::new("reset_interval", 1, 1 << 31, "ticks between resets").shared(),
            Register::new("reset_offset", 0, 1 << 31, "first reset, counted modulo the interval")
                .or(0)
                .shared(),
        ],
        channels: &["a"],
        variables: &["u", "v"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[("du", 400), ("dv", 100), ("vth", 2_000), ("reset_interval", 50)],
            drive: &[14],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        let interval = p.core("reset_interval") as u64;
        Self { lif: LavaLif::new(p), interval, offset: p.core("reset_offset") as u64 % interval }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        if (step.tick + 1) % self.interval == self.offset {
            self.lif.state.u.fill(0);
            self.lif.state.v.fill(0);
        }
        self.lif.step(inputs, step);
    }

    fn reset(&mut self) {
        self.lif.reset();
    }

    fn state(&self) -> Vec<Values<'_>> {
        self.lif.state()
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.lif.membrane(neuron)
    }
}
