//! RANC's neuron: TrueNorth's deterministic subset.
//!
//! ```text
//! V += sum over active connected axons of w[type];  V += leak
//! V >= positive_threshold: spike, V = reset_potential (reset_mode 0) or V - positive_threshold (1)
//! else below: V = -reset_potential (0) or V - negative_threshold (1)
//! below: V < negative_threshold (lower_test 0) or V <= negative_threshold (lower_test 1)
//! ```
//! The neuron is discrete; its whole numbers are exact and nothing is rounded. `negative_threshold` is signed, unlike
//! TrueNorth's. Potentials are whole numbers without a width, as in RANC's C++ simulator. Source: RANC simulator
//! 08ae4bd; equal on all recorded cases.

use super::true_north::TYPES;
use super::{Discipline, Example, ModelInfo, NeuronModel, Step, Values};
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct Ranc {
    weights: [Vec<i64>; TYPES],
    leak: Vec<i64>,
    positive: Vec<i64>,
    negative: Vec<i64>,
    reset: Vec<i64>,
    subtracts: Vec<u8>,
    inclusive: bool,
    initial: Vec<i64>,
    v: Vec<i64>,
}

const LIMIT: i64 = 1 << 31;

const fn number(name: &'static str, about: &'static str) -> Register {
    Register::new(name, -LIMIT, LIMIT, about)
}

impl NeuronModel for Ranc {
    const INFO: ModelInfo = ModelInfo {
        name: "ranc",
        title: "RANC neuron, TrueNorth's deterministic subset",
        equation: "V += sum w[type] + leak; V >= positive_threshold: spike, reset or subtract; V below negative_threshold: -reset or subtract",
        source: "RANC simulator 08ae4bd",
        registers: &[
            number("w0", "weight of axons of type 0").or(0),
            number("w1", "weight of axons of type 1").or(0),
            number("w2", "weight of axons of type 2").or(0),
            number("w3", "weight of axons of type 3").or(0),
            number("leak", "added every tick").decay().or(0),
            number("positive_threshold", "upper threshold, inclusive").threshold(),
            number("negative_threshold", "lower threshold, signed").threshold().or(-LIMIT),
            number("reset_potential", "potential after a spike; its negative below the lower threshold").or(0),
            Register::new("reset_mode", 0, 1, "0 to the reset potential, 1 minus the threshold").or(0),
            Register::new("lower_test", 0, 1, "0: V < negative_threshold, 1: V <= it").or(0).shared(),
            number("initial", "V at the start and after a reset").or(0),
        ],
        channels: &["type 0", "type 1", "type 2", "type 3"],
        variables: &["V"],
        discipline: Discipline::AxonBits,
        exact_sums: true,
        example: Example {
            registers: &[
                ("w0", 5),
                ("w1", -3),
                ("leak", -1),
                ("positive_threshold", 40),
                ("negative_threshold", -20),
                ("reset_mode", 1),
            ],
            drive: &[2, 1, 0, 0],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self {
            weights: ["w0", "w1", "w2", "w3"].map(|name| p.each(name)),
            leak: p.each("leak"),
            positive: p.each("positive_threshold"),
            negative: p.each("negative_threshold"),
            reset: p.each("reset_potential"),
            subtracts: p.each("reset_mode"),
            inclusive: p.core("lower_test") == 1,
            initial: p.each("initial"),
            v: p.each("initial"),
        }
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let n = self.v.len();
        let mut active = 0;
        for i in 0..n {
            let mut v = self.v[i];
            let mut events = 0;
            for (kind, weights) in self.weights.iter().enumerate() {
                events |= inputs[kind * n + i];
                v = v.saturating_add(i64::from(inputs[kind * n + i]) * weights[i]);
            }
            let busy = events != 0 || v != 0 || self.leak[i] != 0;
            v = v.saturating_add(self.leak[i]);
            step.updated(busy);
            active += u32::from(busy);
            let (positive, negative) = (self.positive[i], self.negative[i]);
            if v >= positive {
                v = if self.subtracts[i] == 1 { v - positive } else { self.reset[i] };
                step.spike(i, 1, active);
            } else if v < negative || self.inclusive && v == negative {
                v = if self.subtracts[i] == 1 { v - negative } else { -self.reset[i] };
            }
            self.v[i] = v;
        }
    }

    fn reset(&mut self) {
        self.v.copy_from_slice(&self.initial);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.v)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron]
    }
}
