//! brian2-loihi's LIF: Loihi 1's equation without any overflow, because it computes in floats that hold whole numbers.
//!
//! Continuous: tau_I dI/dt = -I + q, tau_v dv/dt = -v + I + bias. Each tick, decays being the effective ones (0 to
//! 4096; the chip's register plus its offset):
//!
//! ```text
//! I += what arrived
//! v = trunc0(v, decay_v) + I + bias, held at 0 for refractory - 1 ticks after a spike
//! I = trunc0(I, decay_I)                             the recorded I is this one
//! spike where v > threshold (strict): v = 0
//! ```
//! State is whole numbers; each decay loses less than one unit, toward zero. `bias` is ours (brian2-loihi has none).
//! Nothing wraps or clips; at 2^53, where floats stop holding every whole number, a value stays and is counted as a
//! saturation. Source: brian2-loihi 0.5.2; equal on all recorded cases.

use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::fixed::{clip, trunc0_wide};
use crate::registers::{Parameters, Register};

/// Whole numbers beyond it are not all floats.
const FLOAT_MOST: i64 = 1 << 53;

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct Brian2Lif {
    decay_i: Vec<i64>,
    decay_v: Vec<i64>,
    threshold: Vec<i64>,
    bias: Vec<i64>,
    initial_i: Vec<i64>,
    refractory: Vec<u16>,
    current: Vec<i64>,
    v: Vec<i64>,
    wait: Vec<u16>,
}

impl NeuronModel for Brian2Lif {
    const INFO: ModelInfo = ModelInfo {
        name: "brian2-lif",
        title: "brian2-loihi's LIF: Loihi 1 without overflow",
        equation: "I += q; v = trunc0(v, decay_v) + I + bias; I = trunc0(I, decay_i); spike v > threshold, v = 0",
        source: "brian2-loihi 0.5.2",
        registers: &[
            Register::new("decay_i", 0, 4096, "effective decay of I, 1/4096 a tick").decay().or(4096),
            Register::new("decay_v", 0, 4096, "effective decay of v, 1/4096 a tick").decay().or(0),
            Register::new("threshold", 0, 1 << 40, "threshold, with its shift by 6 done").threshold(),
            Register::new("bias", -(1 << 40), 1 << 40, "constant input").or(0),
            Register::new("initial_i", -(1 << 40), 1 << 40, "I at the start and after a reset").or(0),
            Register::new(
                "refractory",
                0,
                65_535,
                "ticks from a spike to the next possible one; 0 and 1 add none",
            )
            .or(1),
        ],
        channels: &["q"],
        variables: &["I", "v", "wait"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[("decay_i", 400), ("decay_v", 200), ("threshold", 64_000), ("refractory", 3)],
            drive: &[1_000],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        let initial_i: Vec<i64> = p.each("initial_i");
        Self {
            decay_i: p.each("decay_i"),
            decay_v: p.each("decay_v"),
            threshold: p.each("threshold"),
            bias: p.each("bias"),
            refractory: p.each("refractory"),
            current: initial_i.clone(),
            initial_i,
            v: vec![0; p.neurons()],
            wait: vec![0; p.neurons()],
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let mut active = 0;
        for i in 0..self.v.len() {
            let q = i64::from(inputs[i]);
            let busy = q | self.current[i] | self.v[i] | self.bias[i] | i64::from(self.wait[i]) != 0;
            let (current, beyond) = clip(self.current[i] + q, -FLOAT_MOST, FLOAT_MOST);
            step.note_if(beyond, i, OverflowKind::Saturation);
            if self.wait[i] > 0 {
                self.wait[i] -= 1;
                self.v[i] = 0;
            } else {
                let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
                let raw = trunc0_wide(self.v[i], self.decay_v[i]) + current + self.bias[i] + noise;
                let (v, beyond) = clip(raw, -FLOAT_MOST, FLOAT_MOST);
                step.note_if(beyond, i, OverflowKind::Saturation);
                self.v[i] = v;
            }
            self.current[i] = trunc0_wide(current, self.decay_i[i]);
            step.updated(busy);
            active += u32::from(busy);
            if self.v[i] > self.threshold[i] {
                self.v[i] = 0;
                self.wait[i] = self.refractory[i].saturating_sub(1);
                step.spike(i, 1, active);
            }
        }
    }

    fn reset(&mut self) {
        self.current.copy_from_slice(&self.initial_i);
        self.v.fill(0);
        self.wait.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.current), Values::I64(&self.v), Values::U16(&self.wait)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron]
    }
}
