//! Weight formats: what becomes of a raw weight on each chip and in each tool that emulates one.
//!
//! A weight has a mantissa of 1 to 8 magnitude bits, an exponent shared by a projection and a sign mode. How the lowest
//! bits are lost differs, so the truncation is part of the format:
//!
//! ```text
//! P = 2^(8 - bits + mixed)       the step of the mantissa; mixed signs cost one bit
//! Lava:    clip to the sign mode's range; mixed and excitatory floor(w / P) P, inhibitory toward zero
//! Brian2:  toward zero to a multiple of P, in the range of the sign mode; 64 floor(w 2^exp), held within +-(2^21 - 64)
//! Nengo:   round(w / P) to nearest (halves to even), within +-(2^(8 - s) - 1) steps, s = 8 - bits + mixed; (w P 2^exp) << 6,
//!          a negative exponent floors first
//! ```
//! Sources: Lava 0.10.0 `WeightScaling`-like clip in `Dense`; brian2-loihi 0.5.2 `LoihiSynapses`; nengo-loihi 1.1.0
//! `discretize_weights`. Recorded weights of the first two are equal case by case.

use serde::{Deserialize, Serialize};

/// Which signs the weights of a projection may have; the numbers are Lava's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignMode {
    /// Both.
    Mixed,
    /// Not negative.
    Excitatory,
    /// Not positive.
    Inhibitory,
}

impl SignMode {
    /// The mode that Lava numbers 1, 2, 3.
    pub fn from_number(number: i64) -> Option<Self> {
        [SignMode::Mixed, SignMode::Excitatory, SignMode::Inhibitory]
            .get(usize::try_from(number - 1).ok()?)
            .copied()
    }

    /// Lowest and highest weight.
    pub fn range(self) -> (i32, i32) {
        match self {
            SignMode::Mixed => (-256, 255),
            SignMode::Excitatory => (0, 255),
            SignMode::Inhibitory => (-255, 0),
        }
    }
}

/// How the lowest bits of a weight are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truncation {
    /// As Lava's fixed-point `Dense`; the exponent is the store's, applied to sums.
    Lava,
    /// As brian2-loihi.
    Brian2,
    /// As nengo-loihi.
    Nengo,
}

/// A weight format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightFormat {
    /// Magnitude bits, 1 to 8.
    pub bits: u8,
    /// Exponent, -8 to 7.
    pub exponent: i8,
    /// Signs.
    pub sign_mode: SignMode,
    /// Truncation.
    pub truncation: Truncation,
}

impl WeightFormat {
    /// log2 of the mantissa's step.
    fn step_bits(&self) -> u32 {
        let mixed = u32::from(self.sign_mode == SignMode::Mixed);
        8u32.saturating_sub(self.bits.into()) + mixed
    }

    /// The mantissa that is stored for a raw weight.
    pub fn mantissa(&self, weight: i32) -> i32 {
        let (least, most) = self.sign_mode.range();
        let (bits, step) = (self.step_bits(), 1 << self.step_bits());
        match self.truncation {
            Truncation::Lava => {
                let held = weight.clamp(least, most);
                if self.sign_mode == SignMode::Inhibitory {
                    -((-held >> bits) << bits)
                } else {
                    (held >> bits) << bits
                }
            }
            Truncation::Brian2 => {
                // brian2-loihi lets inhibitory weights reach -256.
                let least = if self.sign_mode == SignMode::Inhibitory { -256 } else { least };
                weight.clamp(least, most) / step * step
            }
            Truncation::Nengo => {
                let most = (1 << (8u32.saturating_sub(bits))) - 1;
                let (quotient, rest) = (weight.div_euclid(step), weight.rem_euclid(step));
                let up = 2 * rest > step || 2 * rest == step && quotient % 2 != 0;
                (quotient + i32::from(up)).clamp(-most, most) * step
            }
        }
    }

    /// What a synapse of that raw weight adds to the current: the mantissa with its exponent and the chip's shift by 6.
    /// For [`Truncation::Lava`] this is what a single synapse adds; sums are shifted as one.
    pub fn effective(&self, weight: i32) -> i32 {
        let mantissa = self.mantissa(weight);
        let shift = |x: i32| if self.exponent < 0 { x >> -self.exponent } else { x << self.exponent };
        match self.truncation {
            Truncation::Lava | Truncation::Nengo => shift(mantissa) << 6,
            Truncation::Brian2 => (shift(mantissa) << 6).clamp(-(1 << 21) + 64, (1 << 21) - 64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format(bits: u8, exponent: i8, sign_mode: SignMode, truncation: Truncation) -> WeightFormat {
        WeightFormat { bits, exponent, sign_mode, truncation }
    }

    #[test]
    fn tools_truncate_each_in_its_own_way() {
        let mixed = |truncation| format(8, 0, SignMode::Mixed, truncation);
        assert_eq!(mixed(Truncation::Lava).mantissa(-3), -4);
        assert_eq!(mixed(Truncation::Brian2).mantissa(-3), -2);
        assert_eq!([-3, -1, 1, 3, 255].map(|w| mixed(Truncation::Nengo).mantissa(w)), [-4, 0, 0, 4, 254]);
        let inhibitory = format(6, 0, SignMode::Inhibitory, Truncation::Lava);
        assert_eq!(inhibitory.mantissa(-7), -4, "inhibitory weights are cut on the magnitude");
        assert_eq!(format(8, -2, SignMode::Excitatory, Truncation::Brian2).effective(7), 64);
        assert_eq!(format(8, 7, SignMode::Excitatory, Truncation::Brian2).effective(255), 255 << 13);
    }

    proptest! {
        #[test]
        fn mantissas_are_multiples_of_their_step_within_range(
            weight in -1000i32..1000, bits in 1u8..=8, mode in 1i64..=3, truncation in 0usize..3,
        ) {
            let truncation = [Truncation::Lava, Truncation::Brian2, Truncation::Nengo][truncation];
            let format = format(bits, 0, SignMode::from_number(mode).unwrap(), truncation);
            let mantissa = format.mantissa(weight);
            prop_assert_eq!(mantissa % (1 << format.step_bits()), 0);
            prop_assert!((-256..=255).contains(&mantissa));
            prop_assert_eq!(format.mantissa(mantissa), mantissa, "a stored weight is stored as it is");
        }
    }
}
