//! Lava's LIF with a refractory period, in fixed point.
//!
//! Lava itself has this neuron in floating point only; the arithmetic here is lava-lif's, the period Lava's:
//!
//! ```text
//! u as lava-lif, always
//! v as lava-lif, but held at 0 in the refractory_period ticks after a spike
//! ```
//! Rounding and its bound (less than one unit a decay, toward zero) are lava-lif's. With period r a spike at t makes
//! t + r + 1 the first tick in which v integrates again; 0 adds no wait. (Loihi 1's register counts differently: its r
//! holds v for r - 1 ticks.) Source: Lava 0.10.0, `PyLifRefractoryModelFloat` for the period
//! (`refractory_period_end = time_step + refractory_period`, integrating where the end is before now).

use super::lava_lif::{BIAS_EXP, BIAS_MANT, DU, DV, INITIAL_U, Integrator, VTH, shifted};
use super::{Discipline, Example, ModelInfo, NeuronModel, Step, Values};
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct RefractoryLif {
    state: Integrator,
    threshold: Vec<i64>,
    period: Vec<u16>,
    wait: Vec<u16>,
}

impl NeuronModel for RefractoryLif {
    const INFO: ModelInfo = ModelInfo {
        name: "refractory-lif",
        title: "Lava LIF with a refractory period, fixed point",
        equation: "as lava-lif; v = 0 in the refractory_period ticks after a spike while u goes on",
        source: "Lava 0.10.0, PyLifRefractoryModelFloat (period) and PyLifModelBitAcc (arithmetic)",
        registers: &[
            DU,
            DV,
            VTH,
            BIAS_MANT,
            BIAS_EXP,
            INITIAL_U,
            Register::new("refractory_period", 0, 65_535, "ticks after a spike in which v stays 0").or(0),
        ],
        channels: &["a"],
        variables: &["u", "v", "wait"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[("du", 800), ("dv", 200), ("vth", 800), ("refractory_period", 8)],
            drive: &[24],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self {
            state: Integrator::new(p),
            threshold: shifted(p, "vth"),
            period: p.each("refractory_period"),
            wait: vec![0; p.neurons()],
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let mut active = 0;
        for (i, &input) in inputs.iter().enumerate() {
            let held = self.wait[i] > 0;
            active += u32::from(self.state.integrate(i, input, held, step));
            self.wait[i] = self.wait[i].saturating_sub(1);
            if self.state.v[i] > self.threshold[i] {
                self.state.v[i] = 0;
                self.wait[i] = self.period[i];
                step.spike(i, 1, active);
            }
        }
    }

    fn reset(&mut self) {
        self.state.reset();
        self.wait.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        let mut state = self.state.state();
        state.push(Values::U16(&self.wait));
        state
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.state.v[neuron]
    }
}
