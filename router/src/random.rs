//! Randomness without a stream: a number depends on who asks for what, never on how many have asked before.
//!
//! A *word* is a hash of a key and two counters, by three rounds of the finaliser of SplitMix64 (Steele, Lea and Flood,
//! 2014; constants of Stafford's mix 13). Reals are made with `libm`, so that every machine gets the same bits.

/// 64 random bits for (`seed`, `who`, `which`).
pub fn word(seed: u64, who: u64, which: u64) -> u64 {
    let keyed = mix(seed.wrapping_add(GOLDEN));
    let mine = mix(keyed ^ who.wrapping_mul(GOLDEN).wrapping_add(GOLDEN));
    mix(mine ^ which.wrapping_mul(GOLDEN).wrapping_add(GOLDEN << 1 | 1))
}

/// The odd number nearest to 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Another word from a word: what a packet's draw becomes for its `lane`-th question.
pub fn derive(draw: u64, lane: u64) -> u64 {
    word(draw, lane, 0)
}

/// A real from 0 (included) to 1 (excluded), a multiple of 2^-53.
pub fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A number below `count`; 0 if `count` is 0. The bias is below `count` / 2^64.
pub fn below(word: u64, count: u64) -> u64 {
    ((u128::from(word) * u128::from(count)) >> 64) as u64
}

/// Failures before the first success of trials that succeed with `probability`, above 0 and at most 1. Saturates.
pub fn geometric(word: u64, probability: f64) -> u64 {
    if probability >= 1.0 {
        return 0;
    }
    // 1 - u is never 0; both logarithms are negative. Casts saturate.
    (libm::log1p(-unit(word)) / libm::log1p(-probability)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_pinned() {
        // A change of these changes all traffic there is.
        assert_eq!([word(0, 0, 0), word(1, 2, 3)], [9_790_445_867_540_261_915, 5_439_552_657_826_325_719]);
    }

    #[test]
    fn bits_are_balanced_in_every_argument() {
        for bit in 0..64 {
            for counts in [
                (0..4096).filter(|&i| word(i, 0, 0) >> bit & 1 == 1).count(),
                (0..4096).filter(|&i| word(0, i, 0) >> bit & 1 == 1).count(),
                (0..4096).filter(|&i| word(0, 0, i) >> bit & 1 == 1).count(),
            ] {
                // Five standard deviations of 32.
                assert!(counts.abs_diff(2048) < 160, "bit {bit}: {counts}");
            }
        }
    }

    #[test]
    fn gaps_have_their_mean() {
        for p in [0.9, 0.5, 0.01, 1e-4] {
            let n = 40_000;
            let sum: u64 = (0..n).map(|i| geometric(word(7, 1, i), p)).sum();
            let (mean, wanted) = (sum as f64 / n as f64, (1.0 - p) / p);
            let deviation = (1.0 - p).sqrt() / p / (n as f64).sqrt();
            assert!((mean - wanted).abs() < 5.0 * deviation, "p {p}: {mean} for {wanted}");
        }
        assert_eq!(geometric(5, 1.0), 0);
        assert_eq!(geometric(u64::MAX, 1e-300), u64::MAX);
    }

    #[test]
    fn numbers_stay_below_their_count() {
        for i in 0..1000 {
            assert!(below(word(1, 1, i), 7) < 7 && (0.0..1.0).contains(&unit(word(1, 1, i))));
        }
        assert_eq!((below(u64::MAX, 1), below(u64::MAX, 0)), (0, 0));
    }
}
