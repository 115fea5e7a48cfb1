//! Fixed-point steps that chips share, each with its rounding written out.

use serde::{Deserialize, Serialize};

/// Decay with rounding toward zero: sign(x) * ((|x| * (4096 - decay)) >> 12), exact for every x.
///
/// `decay` is 0 (keeps all) to 4096 (keeps nothing). The result is within one unit of the real product and never
/// larger in magnitude. Source: nengo-loihi's emulator, whose steps equal this on all recorded cases.
#[inline]
pub fn trunc0(x: i32, decay: i32) -> i32 {
    let keep = (4096 - decay) as u32;
    let magnitude = x.unsigned_abs();
    // |x| = high * 4096 + low keeps every product within 32 bits, so that the loop vectorises.
    let kept = (magnitude >> 12) * keep + (((magnitude & 4095) * keep) >> 12);
    let sign = x >> 31;
    (kept as i32 ^ sign).wrapping_sub(sign)
}

/// Two's complement with `magnitude_bits` bits and a sign: ((x + 2^k) mod 2^(k+1)) - 2^k.
#[inline]
pub fn wrap(x: i32, magnitude_bits: u32) -> i32 {
    let spare = 31 - magnitude_bits;
    (x << spare) >> spare
}

/// [`trunc0`] of 64-bit values, for models whose state is not bounded by 32 bits.
#[inline]
pub fn trunc0_wide(x: i64, decay: i64) -> i64 {
    let magnitude = (i128::from(x.unsigned_abs()) * i128::from(4096 - decay)) >> 12;
    if x < 0 { -(magnitude as i64) } else { magnitude as i64 }
}

/// Lava's wrap of a current, applied once and not a modulo: x > 2^23 loses 2^24, x <= -2^23 gains it; so 2^23 stays and
/// -2^23 becomes 2^23. Source: Lava 0.10.0 `AbstractPyLifModelFixed.subthr_dynamics`, seen and run.
#[inline]
pub fn lava_wrap(x: i64) -> i64 {
    if x > 1 << 23 {
        x - (1 << 24)
    } else if x <= -(1 << 23) {
        x + (1 << 24)
    } else {
        x
    }
}

/// How a product is brought back to fewer bits. Of a value x = n + f, n whole and 0 <= f < 1:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// The whole part nearer to zero; off by less than 1.
    TowardZero,
    /// n; off by less than 1 and never above.
    Floor,
    /// The nearest whole number, halves up; off by at most 1/2.
    Nearest,
    /// n + 1 with probability f, otherwise n; off by less than 1, right in the mean.
    Stochastic,
}

impl Rounding {
    /// All modes with the numbers that registers hold.
    pub const ALL: [(i64, Rounding); 4] =
        [(0, Rounding::TowardZero), (1, Rounding::Floor), (2, Rounding::Nearest), (3, Rounding::Stochastic)];

    /// The mode a register names.
    pub fn from_register(value: i64) -> Self {
        Self::ALL[value.clamp(0, 3) as usize].1
    }

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Rounding::TowardZero => "toward-zero",
            Rounding::Floor => "floor",
            Rounding::Nearest => "nearest",
            Rounding::Stochastic => "stochastic",
        }
    }

    /// x / 2^bits, rounded; `bits` is 0..=63. `draw` is read in stochastic mode alone; its lowest `bits` bits count.
    #[inline]
    pub fn shift(self, x: i128, bits: u32, draw: u64) -> i64 {
        let one = 1i128 << bits;
        let rounded = match self {
            Rounding::TowardZero => x / one,
            Rounding::Floor => x >> bits,
            Rounding::Nearest => (x + (one >> 1)) >> bits,
            Rounding::Stochastic => (x + (i128::from(draw) & (one - 1))) >> bits,
        };
        rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

/// x held within `least..=most`, and whether it was beyond.
#[inline]
pub fn clip(x: i64, least: i64, most: i64) -> (i64, bool) {
    let held = x.clamp(least, most);
    (held, held != x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrapping_turns_over_at_both_ends() {
        for k in [21, 23] {
            assert_eq!(wrap(1 << k, k), -(1 << k));
            assert_eq!(wrap(-(1 << k) - 1, k), (1 << k) - 1);
            assert_eq!(wrap((1 << k) - 1, k), (1 << k) - 1);
            assert_eq!(wrap(-(1 << k), k), -(1 << k));
        }
    }

    #[test]
    fn lava_wraps_once_and_not_evenly() {
        let half = 1i64 << 23;
        for (x, wanted) in
            [(half, half), (-half, half), (half + 1, 1 - half), (-half - 1, half - 1), (1 - half, 1 - half)]
        {
            assert_eq!(lava_wrap(x), wanted, "{x}");
        }
        assert_eq!(lava_wrap(5 * half), 3 * half, "once, not a modulo");
    }

    /// The mean of n draws of a value with fraction f is off by more than 4.4 sqrt(f (1 - f) / n) with probability
    /// 1e-5 (two-sided normal tail); the draws are fixed by the seed, so the test either always passes or never.
    #[test]
    fn stochastic_rounding_is_unbiased() {
        let n = 40_000u64;
        for x in [-70_001i64, -32_768, -1, 1, 9_000, 65_535, 123_456_789] {
            let sum: i64 = (0..n)
                .map(|i| Rounding::Stochastic.shift(x.into(), 16, crate::random::bits(11, i, 0, 0)))
                .sum();
            let (real, fraction) = (x as f64 / 65_536.0, x.rem_euclid(65_536) as f64 / 65_536.0);
            let bound = 4.4 * (fraction * (1.0 - fraction) / n as f64).sqrt();
            assert!((sum as f64 / n as f64 - real).abs() <= bound, "{x}: {}", sum as f64 / n as f64 - real);
        }
    }

    proptest! {
        #[test]
        fn decay_equals_wide_arithmetic(x in any::<i32>(), decay in 0i32..=4096) {
            let wide = i64::from(x).signum() * ((i64::from(x).abs() * i64::from(4096 - decay)) >> 12);
            prop_assert_eq!(i64::from(trunc0(x, decay)), wide);
            prop_assert!(trunc0(x, decay).unsigned_abs() <= x.unsigned_abs(), "decay moves toward zero");
        }

        #[test]
        fn wide_decay_equals_narrow_decay(x in any::<i32>(), decay in 0i32..=4096) {
            let wide = trunc0_wide(i64::from(x), i64::from(decay));
            prop_assert_eq!(wide, i64::from(trunc0(x, decay)));
        }

        #[test]
        fn rounding_modes_keep_their_bounds(x in -(1i64 << 52)..1 << 52, bits in 0u32..40, draw in any::<u64>()) {
            let real = x as f64 / (1u64 << bits) as f64;
            for (_, mode) in Rounding::ALL {
                let got = mode.shift(i128::from(x), bits, draw);
                let error = got as f64 - real;
                match mode {
                    Rounding::TowardZero => {
                        prop_assert!(error.abs() < 1.0 && (got as f64).abs() <= real.abs());
                    }
                    Rounding::Floor => prop_assert!(error <= 0.0 && error > -1.0),
                    Rounding::Nearest => prop_assert!(error.abs() <= 0.5),
                    Rounding::Stochastic => prop_assert!(error.abs() < 1.0),
                }
            }
        }

        #[test]
        fn saturation_never_wraps(x in any::<i64>(), a in any::<i64>(), b in any::<i64>()) {
            let (least, most) = (a.min(b), a.max(b));
            let (held, beyond) = clip(x, least, most);
            prop_assert!((least..=most).contains(&held));
            prop_assert_eq!(beyond, !(least..=most).contains(&x));
            prop_assert!(x.signum() == held.signum() || least > 0 || most < 0 || held == 0);
        }

        #[test]
        fn wrap_equals_modular_arithmetic(x in any::<i32>(), k in 1u32..31) {
            let (half, x64) = (1i64 << k, i64::from(x));
            prop_assert_eq!(i64::from(wrap(x, k)), (x64 + half).rem_euclid(2 * half) - half);
        }
    }
}
