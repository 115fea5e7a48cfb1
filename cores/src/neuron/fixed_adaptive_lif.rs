//! The plain fixed-point LIF with an adaptive threshold (ALIF), rounding mode of choice.
//!
//! Continuous: that of fixed-lif, and tau_a da/dt = -a, the threshold being threshold + a. Each tick:
//!
//! ```text
//! V as fixed-lif
//! a = R(a keep_a / 2^16)
//! spike where V > threshold + a (strict): V as fixed-lif, a += step_a
//! ```
//! a decays before the test, so its step acts from the next tick on. Each decay of a is off by less than one unit (half
//! a unit to nearest). Source: Bellec et al. 2018 (LSNN) for the form, Gerstner et al. 2014 §5.1 for adaptive thresholds.

use super::fixed_lif::{Membrane, ROUNDING, WIDE, check_limits, draw, factor, number};
use super::{Discipline, Example, ModelInfo, NeuronModel, Step, Values, purpose};
use crate::registers::{ParameterError, Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct FixedAdaptiveLif {
    membrane: Membrane,
    threshold: Vec<i64>,
    keep: Vec<i64>,
    rise: Vec<i64>,
    adaptation: Vec<i64>,
}

impl NeuronModel for FixedAdaptiveLif {
    const INFO: ModelInfo = ModelInfo {
        name: "fixed-adaptive-lif",
        title: "fixed-point LIF with an adaptive threshold, rounding mode of choice",
        equation: "V as fixed-lif; a = R(a keep_a / 2^16); spike V > threshold + a: a += step_a",
        source: "Bellec et al. 2018; Gerstner et al. 2014, section 5.1",
        registers: &[
            factor("keep", "what V keeps of its distance from rest a tick: round(2^16 e^(-dt/tau))")
                .or(1 << 16),
            number("rest", "resting potential, also V at the start").or(0),
            number("threshold", "threshold without adaptation, strict").threshold(),
            factor("keep_a", "what the adaptation keeps a tick: round(2^16 e^(-dt/tau_a))").or(1 << 16),
            Register::new("step_a", 0, WIDE, "step of the adaptation on a spike").or(0),
            number("reset", "V after a spike").or(0),
            number("bias", "constant input").or(0),
            Register::new("refractory", 0, 65_535, "ticks after a spike in which V stays").or(0),
            Register::new("reset_mode", 0, 1, "0 to the reset potential, 1 minus the threshold").or(0).shared(),
            number("v_min", "lower limit of V").or(-WIDE).shared(),
            number("v_max", "upper limit of V").or(WIDE).shared(),
            ROUNDING,
        ],
        channels: &["input"],
        variables: &["V", "a", "wait"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[("keep", 62_340), ("threshold", 1_000), ("keep_a", 65_000), ("step_a", 120)],
            drive: &[120],
            ticks: 300,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self {
            membrane: Membrane::new(p),
            threshold: p.each("threshold"),
            keep: p.each("keep_a"),
            rise: p.each("step_a"),
            adaptation: vec![0; p.neurons()],
        }
    }

    fn check(p: &Parameters, errors: &mut Vec<ParameterError>) {
        check_limits(p, errors);
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let rounding = self.membrane.rounding;
        let mut active = 0;
        for (i, &input) in inputs.iter().enumerate() {
            let waited = self.membrane.wait[i] > 0;
            active += u32::from(self.membrane.integrate(i, input, step));
            let product = i128::from(self.adaptation[i]) * i128::from(self.keep[i]);
            self.adaptation[i] = rounding.shift(product, 16, draw(rounding, i, purpose::ROUND_SECOND, step));
            let threshold = self.threshold[i] + self.adaptation[i];
            if !waited && self.membrane.fire(i, threshold, active, step) {
                // Without decay a grows by at most 2^31 a tick; a threshold of 2^62 is out of reach anyway.
                self.adaptation[i] = (self.adaptation[i] + self.rise[i]).min(1 << 61);
            }
        }
    }

    fn reset(&mut self) {
        self.membrane.restart();
        self.adaptation.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.membrane.v), Values::I64(&self.adaptation), Values::U16(&self.membrane.wait)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.membrane.v[neuron]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::tests::run;
    use crate::{Column, ModelKind};

    #[test]
    fn intervals_grow_with_adaptation() {
        let given = [("threshold", 50), ("bias", 10), ("step_a", 20), ("keep_a", 65_000)];
        let p = Parameters::new(ModelKind::FixedAdaptiveLif, 1, given.map(|(n, v)| (n, Column::Uniform(v))));
        let (spikes, _) = run(&p.unwrap(), &vec![vec![0]; 400]);
        let gaps: Vec<_> = spikes.windows(2).map(|w| w[1].0 - w[0].0).collect();
        assert!(
            gaps.len() > 5 && gaps.windows(2).take(5).all(|w| w[1] >= w[0]) && gaps[5] > gaps[0],
            "{gaps:?}"
        );
    }
}
