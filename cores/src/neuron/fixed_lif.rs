//! A plain fixed-point LIF whose rounding mode is a register of the core.
//!
//! Continuous: tau dV/dt = rest - V + R I. Each tick:
//!
//! ```text
//! V = rest + R((V - rest) keep / 2^16) + input + bias      held at reset in the refractory ticks after a spike
//! V = clip(V, v_min, v_max)
//! spike where V > threshold (strict): V = reset (reset_mode 0) or V - threshold (1)
//! R: toward zero, floor, to nearest or stochastic           rounding 0 | 1 | 2 | 3
//! ```
//! The unit of V is the user's (100 units a millivolt, say); keep = round(2^16 e^(-dt / tau)). One step is off by less
//! than one unit (half a unit to nearest), and a constant drive settles within 1 / (1 - keep / 2^16) units of the real
//! value: with truncation always on the side of rest, which can silence a network (Brunel's AI state at 1,000 units over
//! 10 mV loses 4 % of its rate, the slow state 80 %); stochastic rounding is right in the mean. Draws are keyed by the
//! network's number of the neuron and the tick. Source: Gerstner & Kistler 2002, §4.1, exact step over dt.

use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values, purpose};
use crate::fixed::{Rounding, clip};
use crate::registers::{ParameterError, Parameters, Register};

/// Largest number on either side of zero in the generic models.
pub(super) const WIDE: i64 = (1 << 31) - 1;

/// The register that names the rounding mode.
pub(super) const ROUNDING: Register =
    Register::new("rounding", 0, 3, "0 toward zero, 1 floor, 2 nearest, 3 stochastic").or(2).shared();

/// A number of the generic models.
pub(super) const fn number(name: &'static str, about: &'static str) -> Register {
    Register::new(name, -WIDE, WIDE, about)
}

/// A factor of 16 fraction bits.
pub(super) const fn factor(name: &'static str, about: &'static str) -> Register {
    Register::new(name, 0, 1 << 16, about)
}

/// Refuses limits in the wrong order.
pub(super) fn check_limits(p: &Parameters, errors: &mut Vec<ParameterError>) {
    let (least, most) = (p.core("v_min"), p.core("v_max"));
    if least > most {
        errors.push(ParameterError::Contradiction(format!("v_min {least} is above v_max {most}")));
    }
}

/// The leaky membrane the fixed-point LIFs share.
#[derive(Clone, Debug)]
pub(super) struct Membrane {
    keep: Vec<i64>,
    rest: Vec<i64>,
    bias: Vec<i64>,
    reset: Vec<i64>,
    refractory: Vec<u16>,
    subtracts: bool,
    least: i64,
    most: i64,
    pub(super) rounding: Rounding,
    pub(super) v: Vec<i64>,
    pub(super) wait: Vec<u16>,
}

impl Membrane {
    pub(super) fn new(p: &Parameters) -> Self {
        Self {
            keep: p.each("keep"),
            rest: p.each("rest"),
            bias: p.each("bias"),
            reset: p.each("reset"),
            refractory: p.each("refractory"),
            subtracts: p.core("reset_mode") == 1,
            least: p.core("v_min"),
            most: p.core("v_max"),
            rounding: Rounding::from_register(p.core("rounding")),
            v: p.each("rest"),
            wait: vec![0; p.neurons()],
        }
    }

    /// One tick up to the threshold; whether there was anything to do.
    pub(super) fn integrate(&mut self, i: usize, input: i32, step: &mut Step<'_>) -> bool {
        let busy = input != 0 || self.v[i] != self.rest[i] || self.bias[i] != 0 || self.wait[i] > 0;
        step.updated(busy);
        if self.wait[i] > 0 {
            self.wait[i] -= 1;
            return busy;
        }
        let noise = step.membrane_noise.map_or(0, |noise| i64::from(noise[i]));
        let product = i128::from(self.v[i] - self.rest[i]) * i128::from(self.keep[i]);
        let kept = self.rounding.shift(product, 16, draw(self.rounding, i, purpose::ROUND_V, step));
        let raw = self.rest[i] + kept + i64::from(input) + self.bias[i] + noise;
        let (v, clipped) = clip(raw, self.least, self.most);
        step.note_if(clipped, i, OverflowKind::Clip);
        self.v[i] = v;
        busy
    }

    /// Fires where V exceeds the threshold.
    pub(super) fn fire(&mut self, i: usize, threshold: i64, active: u32, step: &mut Step<'_>) -> bool {
        let fires = self.v[i] > threshold;
        if fires {
            self.v[i] = if self.subtracts { self.v[i] - threshold } else { self.reset[i] };
            self.wait[i] = self.refractory[i];
            step.spike(i, 1, active);
        }
        fires
    }

    pub(super) fn restart(&mut self) {
        self.v.copy_from_slice(&self.rest);
        self.wait.fill(0);
    }
}

/// A draw, where the rounding mode reads one.
#[inline]
pub(super) fn draw(rounding: Rounding, neuron: usize, purpose: u32, step: &Step<'_>) -> u64 {
    if rounding == Rounding::Stochastic { step.draws.bits(neuron, purpose) } else { 0 }
}

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct FixedLif {
    membrane: Membrane,
    threshold: Vec<i64>,
}

impl NeuronModel for FixedLif {
    const INFO: ModelInfo = ModelInfo {
        name: "fixed-lif",
        title: "plain fixed-point LIF, rounding mode of choice",
        equation: "V = clip(rest + R((V - rest) keep / 2^16) + input + bias); spike V > threshold: reset or subtract",
        source: "Gerstner & Kistler 2002, section 4.1",
        registers: &[
            factor("keep", "what V keeps of its distance from rest a tick: round(2^16 e^(-dt/tau))")
                .or(1 << 16),
            number("rest", "resting potential, also V at the start").or(0),
            number("threshold", "threshold, strict").threshold(),
            number("reset", "V after a spike").or(0),
            number("bias", "constant input").or(0),
            Register::new("refractory", 0, 65_535, "ticks after a spike in which V stays").or(0),
            Register::new("reset_mode", 0, 1, "0 to the reset potential, 1 minus the threshold").or(0).shared(),
            number("v_min", "lower limit of V").or(-WIDE).shared(),
            number("v_max", "upper limit of V").or(WIDE).shared(),
            ROUNDING,
        ],
        channels: &["input"],
        variables: &["V", "wait"],
        discipline: Discipline::PerTick,
        exact_sums: true,
        example: Example {
            registers: &[
                ("keep", 62_340),
                ("rest", -7_000),
                ("threshold", -5_000),
                ("reset", -7_000),
                ("refractory", 2),
                ("rounding", 3),
            ],
            drive: &[130],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        Self { membrane: Membrane::new(p), threshold: p.each("threshold") }
    }

    fn check(p: &Parameters, errors: &mut Vec<ParameterError>) {
        check_limits(p, errors);
    }

    fn step(&mut self, inputs: &[i32], step: &mut Step<'_>) {
        let mut active = 0;
        for (i, &input) in inputs.iter().enumerate() {
            let waited = self.membrane.wait[i] > 0;
            active += u32::from(self.membrane.integrate(i, input, step));
            if !waited {
                self.membrane.fire(i, self.threshold[i], active, step);
            }
        }
    }

    fn reset(&mut self) {
        self.membrane.restart();
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I64(&self.membrane.v), Values::U16(&self.membrane.wait)]
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
    use proptest::prelude::*;

    proptest! {
        /// A step never leaves rest's other side and never grows without a drive; every mode keeps within its bound
        /// of the f64 step.
        #[test]
        fn decay_moves_toward_rest_within_the_bound_of_the_mode(
            start in -1_000_000i64..1_000_000, rest in -1000i64..1000, keep in 0i64..=65_536, mode in 0i64..4,
        ) {
            let given = [("keep", keep), ("rest", rest), ("threshold", WIDE), ("rounding", mode)];
            let given = given.map(|(name, value)| (name, Column::Uniform(value)));
            let p = Parameters::new(ModelKind::FixedLif, 1, given).unwrap();
            // The first input carries V from rest to the start.
            let (_, trace) = run(&p, &[vec![(start - rest) as i32], vec![0]]);
            let real = rest as f64 + (start - rest) as f64 * keep as f64 / 65_536.0;
            let bound = if mode == 2 { 0.5 } else { 1.0 };
            prop_assert_eq!(trace[0], start);
            prop_assert!((trace[1] as f64 - real).abs() <= bound, "{} for {}", trace[1], real);
            // Whole numbers between rest and where V was hold the real value, so no mode leaves them.
            prop_assert!((trace[1] - rest).abs() <= (start - rest).abs());
        }
    }

    #[test]
    fn refractory_ticks_are_exact() {
        for wait in 0..4 {
            let given = [("threshold", 5), ("bias", 9), ("refractory", wait)];
            let p =
                Parameters::new(ModelKind::FixedLif, 1, given.map(|(n, v)| (n, Column::Uniform(v)))).unwrap();
            let (spikes, _) = run(&p, &vec![vec![0]; 12]);
            assert!(spikes.windows(2).all(|w| w[1].0 - w[0].0 == wait as usize + 1), "{wait}: {spikes:?}");
        }
    }
}
