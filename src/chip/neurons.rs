//! What a chip's cores make of neurons: whose arithmetic they compute in, and how far they are from ideal.

use crate::toml_reader::Table;
use serde::{Deserialize, Serialize};
use spikemesh_cores::{ModelKind, Noise};

/// Largest exponent of noise: that of a 23-bit membrane.
const NOISE_EXPONENT_MOST: u8 = 23;

/// Whose arithmetic linear neurons (of NIR files) are computed in, overflow included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverflowProfile {
    /// Loihi 1: sums wrap at 21 bits, currents at 23, membranes clip.
    Loihi1,
    /// Lava: currents wrap at 24 bits, once and asymmetrically; membranes clip.
    Lava,
    /// brian2-loihi: nothing wraps or clips.
    Brian2,
}

impl OverflowProfile {
    /// All profiles by name.
    pub const ALL: [(&'static str, OverflowProfile); 3] = [
        ("loihi1", OverflowProfile::Loihi1),
        ("lava", OverflowProfile::Lava),
        ("brian2", OverflowProfile::Brian2),
    ];

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The neuron model that computes so.
    pub fn model(self) -> ModelKind {
        match self {
            OverflowProfile::Loihi1 => ModelKind::CubaLif,
            OverflowProfile::Lava => ModelKind::LavaLif,
            OverflowProfile::Brian2 => ModelKind::Brian2Lif,
        }
    }
}

/// What makes a core analog-style: neurons that differ from what was asked for, and noise. All zero is a digital chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Analog {
    /// Seed of mismatch and noise; also of stochastic rounding.
    pub seed: u64,
    /// Standard deviation of thresholds over their value, in percent.
    pub threshold_percent: f64,
    /// Standard deviation of decays over their value, in percent.
    pub decay_percent: f64,
    /// Standard deviation of a neuron's input gain, in percent: all weights onto it share one factor.
    pub weight_percent: f64,
    /// Noise of every neuron.
    pub noise: Option<Noise>,
}

impl Eq for Analog {}

impl Analog {
    /// What lies outside its range, in words.
    pub(super) fn inconsistency(&self) -> Option<String> {
        let percents = [self.threshold_percent, self.decay_percent, self.weight_percent];
        if percents.iter().any(|p| !(0.0..=100.0).contains(p)) {
            return Some("analog: percentages are 0 to 100".into());
        }
        let loud = self.noise.is_some_and(|noise| noise.exponent > NOISE_EXPONENT_MOST);
        loud.then(|| format!("analog: the noise exponent is {NOISE_EXPONENT_MOST} at the most"))
    }
}

/// Whether there is a neuron model of that name.
pub(super) fn is_model(name: &str) -> bool {
    ModelKind::by_name(name).is_some()
}

impl Analog {
    /// Reads the table `analog` of a chip or a configuration; absent keys are zeros.
    pub(super) fn read(table: &Table<'_>) -> Self {
        let percent = |key: &str| {
            let value = table.number(key, 0.0).unwrap_or(0.0);
            if value > 100.0 {
                table.problem(key, format!("{value} is out of range"), "a percentage from 0 to 100");
            }
            value.min(100.0)
        };
        let noise = table.whole("noise_exponent", 0, NOISE_EXPONENT_MOST.into()).map(|exponent| Noise {
            exponent: exponent as u8,
            offset: table.whole("noise_offset", -1024, 1024).unwrap_or(0) as i16,
            on_membrane: table.choice("noise_on", &[("membrane", true), ("input", false)]).unwrap_or(true),
        });
        if noise.is_none() {
            for key in ["noise_offset", "noise_on"].into_iter().filter(|key| table.has(key)) {
                table.problem(key, "there is no noise without `noise_exponent`", "give it, 0 to 23");
            }
        }
        Analog {
            seed: table.whole("seed", 0, i64::MAX).unwrap_or(0) as u64,
            threshold_percent: percent("threshold_percent"),
            decay_percent: percent("decay_percent"),
            weight_percent: percent("weight_percent"),
            noise,
        }
    }
}
