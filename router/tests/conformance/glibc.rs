//! The additive feedback generator behind `rand()` of the GNU C library (lags 3 and 31).

/// The stream after `srand(seed)`.
#[derive(Clone, Debug)]
pub(crate) struct GlibcRand {
    /// The last 31 words, a ring.
    words: [u32; 31],
    next: usize,
}

/// Largest number it returns.
pub(crate) const RAND_MAX: u32 = 0x7fff_ffff;

impl GlibcRand {
    pub(crate) fn new(seed: u32) -> Self {
        let mut words = [0; 31];
        // Seed 0 is taken as 1; larger seeds than 2^31 are negative numbers there.
        let mut word = i64::from(if seed == 0 { 1 } else { seed as i32 });
        words[0] = word as u32;
        for place in &mut words[1..] {
            word = (16807 * word).rem_euclid(i64::from(RAND_MAX));
            *place = word as u32;
        }
        // Words 31 to 33 repeat words 0 to 2, which is what the ring holds already.
        let mut stream = Self { words, next: 3 };
        for _ in 34..344 {
            stream.word();
        }
        stream
    }

    fn word(&mut self) -> u32 {
        let sum = self.words[self.next].wrapping_add(self.words[(self.next + 28) % 31]);
        self.words[self.next] = sum;
        self.next = (self.next + 1) % 31;
        sum
    }

    /// The next number, 0 to [`RAND_MAX`].
    pub(crate) fn number(&mut self) -> u32 {
        self.word() >> 1
    }

    /// The next number as a real from 0 to 1, both included.
    pub(crate) fn real(&mut self) -> f64 {
        f64::from(self.number()) / f64::from(RAND_MAX)
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: u32, most: u32) -> u32 {
        least + (f64::from(most - least + 1) * f64::from(self.number()) / (f64::from(RAND_MAX) + 1.0)) as u32
    }

    /// Whether the next number is odd.
    pub(crate) fn odd(&mut self) -> bool {
        self.number() % 2 == 1
    }
}

#[test]
fn the_stream_of_seed_1_is_the_known_one() {
    let mut rand = GlibcRand::new(1);
    let first: Vec<_> = (0..5).map(|_| rand.number()).collect();
    assert_eq!(first, [1804289383, 846930886, 1681692777, 1714636915, 1957747793]);
}
