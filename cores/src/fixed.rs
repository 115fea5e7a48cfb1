//! Fixed-point steps that chips share, each with its rounding written out.

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

    proptest! {
        #[test]
        fn decay_equals_wide_arithmetic(x in any::<i32>(), decay in 0i32..=4096) {
            let wide = i64::from(x).signum() * ((i64::from(x).abs() * i64::from(4096 - decay)) >> 12);
            prop_assert_eq!(i64::from(trunc0(x, decay)), wide);
            prop_assert!(trunc0(x, decay).unsigned_abs() <= x.unsigned_abs(), "decay moves toward zero");
        }

        #[test]
        fn wrap_equals_modular_arithmetic(x in any::<i32>(), k in 1u32..31) {
            let (half, x64) = (1i64 << k, i64::from(x));
            prop_assert_eq!(i64::from(wrap(x, k)), (x64 + half).rem_euclid(2 * half) - half);
        }
    }
}
