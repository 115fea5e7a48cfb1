//! Lava's resonate-and-fire neuron (RF), fixed point: a damped oscillator in the complex plane.
//!
//! Continuous: dz/dt = (-decay + i angle) z + input, z = real + i imag. Each tick, `re` and `im` being the input channels:
//!
//! ```text
//! real' = clip(zero(real (cos_decay + 1) - imag (sin_decay + 1)) + (re << 6), +-(2^23 - 1))
//! imag' = clip(zero(real (sin_decay + 1) + imag (cos_decay + 1)) + (im << 6), +-(2^23 - 1))
//! zero(x): x / 4096 rounded toward zero
//! spike where real' >= vth << 6 and imag' >= 0 and imag < 0; no reset
//! ```
//! cos_decay + 1 = 4096 e^-decay cos(angle), sin_decay + 1 = 4096 e^-decay sin(angle) for a turn of `angle` a tick. Each
//! coordinate is off by less than one unit a tick. Source: Lava, `proc/rf/models.py`, `PyRFModelBitAcc`, read; the
//! model of Izhikevich (2001, "Resonate-and-fire neurons").

use super::lava_lif::POTENTIAL_MOST;
use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::fixed::{Rounding, clip};
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct ResonateFire {
    cosine: Vec<i64>,
    sine: Vec<i64>,
    threshold: Vec<i64>,
    real: Vec<i64>,
    imag: Vec<i64>,
}

impl NeuronModel for ResonateFire {
    const INFO: ModelInfo = ModelInfo {
        name: "resonate-fire",
        title: "Lava resonate-and-fire (RF), fixed point",
        equation: "real' = clip(zero(real (cos_decay+1) - imag (sin_decay+1)) + (re << 6)); imag' likewise; spike real' >= vth << 6 where imag turns from negative",
        source: "Lava, proc/rf/models.py, PyRFModelBitAcc; Izhikevich 2001",
        registers: &[
            Register::new("cos_decay", 0, 4095, "4096 e^-decay cos(angle) - 1"),
            Register::new("sin_decay", 0, 4095, "4096 e^-decay sin(angle) - 1"),
            Register::new("vth", 0, 1 << 24, "threshold of the real part, before its shift by 6").threshold(),
        ],
        channels: &["re", "im"],
        variables: &["real", "imag"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[("cos_decay", 3_883), ("sin_decay", 1_261), ("vth", 10)],
            drive: &[0, -6],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        let raised = |name| p.each::<i64>(name).iter().map(|d| d + 1).collect();
        Self {
            cosine: raised("cos_decay"),
            sine: raised("sin_decay"),
            threshold: p.each::<i64>("vth").iter().map(|t| t << 6).collect(),
            real: vec![0; p.neurons()],
            imag: vec![0; p.neurons()],
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let n = self.real.len();
        let zero = |x: i64| Rounding::TowardZero.shift(x.into(), 12, 0);
        let mut active = 0;
        for i in 0..n {
            let (re, im) = (i64::from(inputs[i]), i64::from(inputs[n + i]));
            let (real, imag) = (self.real[i], self.imag[i]);
            let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
            let raw_real = zero(real * self.cosine[i] - imag * self.sine[i]) + (re << 6) + noise;
            let raw_imag = zero(real * self.sine[i] + imag * self.cosine[i]) + (im << 6);
            for (raw, value) in [(raw_real, &mut self.real[i]), (raw_imag, &mut self.imag[i])] {
                let (held, clipped) = clip(raw, -POTENTIAL_MOST, POTENTIAL_MOST);
                step.note_if(clipped, i, OverflowKind::Clip);
                *value = held;
            }
            let busy = re | im | real | imag != 0;
            step.updated(busy);
            active += u32::from(busy);
            if self.real[i] >= self.threshold[i] && self.imag[i] >= 0 && imag < 0 {
                step.spike(i, 1, active);
            }
        }
    }

    fn reset(&mut self) {
        self.real.fill(0);
        self.imag.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.real), Values::I64(&self.imag)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.real[neuron]
    }
}
