//! A tick's injections in order of time: a radix sort, because they come by source and only their times are compared.

/// Times and what is to happen at them.
#[derive(Clone, Debug, Default)]
pub(super) struct ByTime {
    entries: Vec<(u64, u32)>,
    /// The entries while they are sorted.
    scratch: Vec<(u64, u32)>,
}

/// Bits of the longest digit: its counts stay in the nearest cache.
const DIGIT_BITS: u32 = 12;

/// Fewer entries are not worth the counts.
const FEW: usize = 256;

impl ByTime {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn push(&mut self, at: u64, what: u32) {
        self.entries.push((at, what));
    }

    /// The entries in order of time; those of the same time in the order they were added.
    pub(super) fn sort(&mut self) -> &[(u64, u32)] {
        let Self { entries, scratch } = self;
        if entries.is_sorted_by_key(|entry| entry.0) {
            return entries;
        }
        if entries.len() < FEW {
            entries.sort_by_key(|entry| entry.0);
            return entries;
        }
        let times = || entries.iter().map(|entry| entry.0);
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let bits = u64::BITS - (last - first).leading_zeros();
        let digits = bits.div_ceil(DIGIT_BITS);
        let width = bits.div_ceil(digits);
        scratch.resize(entries.len(), (0, 0));
        for digit in 0..digits {
            let digit_of = |at: u64| ((at - first) >> (digit * width)) as usize & ((1 << width) - 1);
            let mut places = [0u32; 1 << DIGIT_BITS];
            entries.iter().for_each(|entry| places[digit_of(entry.0)] += 1);
            let mut before = 0;
            for place in &mut places[..1 << width] {
                before += std::mem::replace(place, before);
            }
            for &entry in entries.iter() {
                let place = &mut places[digit_of(entry.0)];
                scratch[*place as usize] = entry;
                *place += 1;
            }
            std::mem::swap(entries, scratch);
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stable_sort(
            times in prop::collection::vec(any::<u64>(), 0..2000),
            bits in 0u32..64,
            base in 0u64..1 << 60,
        ) {
            let mut by_time = ByTime::default();
            // Twice, because the second time the lists are those of the first.
            for shift in [bits, 63 - bits] {
                by_time.clear();
                let entries: Vec<_> = times.iter().map(|at| base.saturating_add(at >> shift)).zip(0..).collect();
                entries.iter().for_each(|&(at, what)| by_time.push(at, what));
                let mut oracle = entries;
                oracle.sort();
                prop_assert_eq!(by_time.sort(), &oracle[..]);
            }
        }
    }
}
