//! Device mismatch: every neuron of an analog-style chip differs a little from what was asked for, the same way every time.

use crate::chip::Analog;
use spikemesh_cores::random;

/// Purpose words of the draws.
const DRAWS: [u32; 3] = [0x300, 0x301, 0x302];

/// Factors on a neuron's threshold, decays and incoming weights; all 1 on a digital chip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// On its thresholds.
    pub threshold: f64,
    /// On its decays.
    pub decay: f64,
    /// On every weight onto it.
    pub weight: f64,
}

impl Mismatch {
    /// The factors of a neuron, by its network number: 1 plus a normal deviate of the chip's percentages, at least 0.
    ///
    /// The deviate is the sum of twelve uniform draws less six, so it lies within six standard deviations and is the same
    /// on every machine.
    pub fn of(analog: &Analog, neuron: u32) -> Self {
        let factor = |percent: f64, purpose: u32| {
            if percent == 0.0 {
                return 1.0;
            }
            let uniform = |k: u64| random::bits(analog.seed, u64::from(neuron), k, purpose) >> 40;
            let sum: u64 = (0..12).map(uniform).sum();
            let deviate = sum as f64 / (1u64 << 24) as f64 - 6.0;
            (1.0 + percent / 100.0 * deviate).max(0.0)
        };
        Self {
            threshold: factor(analog.threshold_percent, DRAWS[0]),
            decay: factor(analog.decay_percent, DRAWS[1]),
            weight: factor(analog.weight_percent, DRAWS[2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_have_the_stated_spread_and_do_not_depend_on_each_other() {
        let analog = Analog { seed: 5, threshold_percent: 10.0, weight_percent: 20.0, ..Analog::default() };
        let all: Vec<Mismatch> = (0..20_000).map(|n| Mismatch::of(&analog, n)).collect();
        let spread = |read: fn(&Mismatch) -> f64| {
            let mean = all.iter().map(read).sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|m| (read(m) - mean).powi(2)).sum::<f64>() / all.len() as f64;
            (mean, variance.sqrt())
        };
        let (mean, sd) = spread(|m| m.threshold);
        assert!((mean - 1.0).abs() < 0.004 && (sd - 0.1).abs() < 0.003, "{mean} {sd}");
        let (mean, sd) = spread(|m| m.weight);
        assert!((mean - 1.0).abs() < 0.008 && (sd - 0.2).abs() < 0.006, "{mean} {sd}");
        assert!(all.iter().all(|m| m.decay == 1.0));
        let product =
            all.iter().map(|m| (m.threshold - 1.0) * (m.weight - 1.0)).sum::<f64>() / all.len() as f64;
        assert!(product.abs() < 0.001, "{product}");
    }
}
