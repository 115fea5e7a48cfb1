//! Knuth's lagged Fibonacci generators, integers and doubles (TAOCP vol. 2, §3.6, 2002 revision; public domain).

const LONG: usize = 100;
const SHORT: usize = 37;
/// Numbers made at a time; the first [`LONG`] of them are used.
const BATCH: usize = 1009;
const PASSES: u32 = 69;

/// Arithmetic of one of the two generators.
trait Step: Copy + Default {
    fn step(older: Self, newer: Self) -> Self;
}

impl Step for u32 {
    /// Difference modulo 2^30.
    fn step(older: u32, newer: u32) -> u32 {
        older.wrapping_sub(newer) & ((1 << 30) - 1)
    }
}

impl Step for f64 {
    /// Sum modulo 1.
    fn step(older: f64, newer: f64) -> f64 {
        let sum = older + newer;
        sum - sum.trunc()
    }
}

#[derive(Clone)]
struct Lagged<T> {
    state: [T; LONG],
    batch: Vec<T>,
    used: usize,
}

impl<T: Step> Lagged<T> {
    /// Seeds from the first word of each place, doubled on the way; `bump` is added to the second.
    fn new(seed: u32, mut first: [T; LONG], bump: impl Fn(T) -> T) -> Self {
        first[1] = bump(first[1]);
        let mut x = [T::default(); 2 * LONG - 1];
        x[..LONG].copy_from_slice(&first);
        let (mut e, mut left) = (seed & ((1 << 30) - 1), PASSES);
        while left > 0 {
            for j in (1..LONG).rev() {
                x[2 * j] = x[j];
                x[2 * j - 1] = T::default();
            }
            for j in (LONG..2 * LONG - 1).rev() {
                x[j - (LONG - SHORT)] = T::step(x[j - (LONG - SHORT)], x[j]);
                x[j - LONG] = T::step(x[j - LONG], x[j]);
            }
            if e & 1 == 1 {
                for j in (1..=LONG).rev() {
                    x[j] = x[j - 1];
                }
                x[0] = x[LONG];
                x[SHORT] = T::step(x[SHORT], x[LONG]);
            }
            if e > 0 { e >>= 1 } else { left -= 1 }
        }
        let mut state = [T::default(); LONG];
        state[..LONG - SHORT].copy_from_slice(&x[SHORT..LONG]);
        state[LONG - SHORT..].copy_from_slice(&x[..SHORT]);
        let mut made = Self { state, batch: Vec::new(), used: LONG };
        for _ in 0..10 {
            made.make(2 * LONG - 1);
        }
        made
    }

    fn make(&mut self, count: usize) {
        let mut a = self.state.to_vec();
        for j in LONG..count {
            a.push(T::step(a[j - LONG], a[j - SHORT]));
        }
        for i in 0..LONG {
            let newer = if i < SHORT { a[count + i - SHORT] } else { self.state[i - SHORT] };
            self.state[i] = T::step(a[count + i - LONG], newer);
        }
        self.batch = a;
    }

    fn next(&mut self) -> T {
        if self.used == LONG {
            self.make(BATCH);
            self.used = 0;
        }
        self.used += 1;
        self.batch[self.used - 1]
    }
}

/// Both streams of a simulation.
#[derive(Clone)]
pub(super) struct Streams {
    integers: Lagged<u32>,
    doubles: Lagged<f64>,
}

impl Streams {
    pub(super) fn new(seed: u32) -> Self {
        let mut first = [0u32; LONG];
        let mut value = (seed + 2) & !1;
        for place in &mut first {
            *place = value;
            value <<= 1;
            if value >= 1 << 30 {
                value -= (1 << 30) - 2;
            }
        }
        let integers = Lagged::new(seed, first, |x| x + 1);
        let unit = 2f64.powi(-52);
        let mut first = [0f64; LONG];
        let mut value = 2.0 * unit * f64::from((seed & ((1 << 30) - 1)) + 2);
        for place in &mut first {
            *place = value;
            value += value;
            if value >= 1.0 {
                value -= 1.0 - 2.0 * unit;
            }
        }
        let doubles = Lagged::new(seed, first, |x| x + unit);
        Self { integers, doubles }
    }

    /// An integer from 0 to `most`.
    pub(super) fn integer(&mut self, most: u32) -> u32 {
        self.integers.next() % (most + 1)
    }

    /// A number from 0 to 1.
    pub(super) fn real(&mut self) -> f64 {
        self.doubles.next()
    }
}

#[test]
fn the_streams_are_knuths() {
    let mut streams = Streams::new(1);
    let integers: Vec<u32> = (0..1000).map(|_| streams.integers.next()).collect();
    assert_eq!(integers[..5], [301_026_822, 121_006_199, 283_396_441, 907_283_896, 837_426_652]);
    assert_eq!(integers[999], 530_641_646);
    let doubles: Vec<f64> = (0..1000).map(|_| streams.real()).collect();
    assert_eq!(doubles[..3], [0.361_245_222_124_093_6, 0.118_712_188_186_283_6, 0.225_787_460_541_414_96]);
    assert_eq!(doubles[999], 0.468_917_753_067_032_54);
}
