//! Counts of whole latencies: every percentile is exact.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Latencies below this have a counter of their own.
const DENSE: u64 = 1 << 13;

/// How often each latency occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    dense: Vec<u64>,
    rest: BTreeMap<u64, u64>,
    count: u64,
    sum: u128,
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: u64) {
        self.count += 1;
        self.sum += u128::from(latency);
        if latency < DENSE {
            let at = latency as usize;
            if self.dense.len() <= at {
                self.dense.resize(at + 1, 0);
            }
            self.dense[at] += 1;
        } else {
            *self.rest.entry(latency).or_default() += 1;
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them added up.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// (latency, count), ascending, where the count is not 0.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let dense = (0..).zip(self.dense.iter().copied());
        dense.chain(self.rest.iter().map(|(&latency, &count)| (latency, count))).filter(|&(_, count)| count > 0)
    }

    /// Nearest-rank percentiles and the rest of what is worth telling; all 0 if there is none.
    pub fn summary(&self) -> LatencySummary {
        // Ascending shares in thousandths.
        const SHARES: [u64; 4] = [500, 950, 990, 999];
        let mut found = [0; SHARES.len()];
        let (mut seen, mut next) = (0, 0);
        let (mut least, mut most) = (None, 0);
        for (latency, count) in self.iter() {
            least.get_or_insert(latency);
            most = latency;
            seen += count;
            while next < SHARES.len()
                && u128::from(seen) * 1000 >= u128::from(self.count) * u128::from(SHARES[next])
            {
                found[next] = latency;
                next += 1;
            }
        }
        let [p50, p95, p99, p999] = found;
        // A mean of 64 bits times a count of 64 bits is more than any run lasts; the cast saturates all the same.
        let sum = u64::try_from(self.sum).unwrap_or(u64::MAX);
        LatencySummary { count: self.count, sum, min: least.unwrap_or(0), p50, p95, p99, p999, max: most }
    }
}

/// Latencies in short, in cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// How many.
    pub count: u64,
    /// All of them added up.
    pub sum: u64,
    /// Least.
    pub min: u64,
    /// Half are at most this.
    pub p50: u64,
    /// 95 % are at most this.
    pub p95: u64,
    /// 99 % are at most this.
    pub p99: u64,
    /// 99.9 % are at most this.
    pub p999: u64,
    /// Most.
    pub max: u64,
}

impl LatencySummary {
    /// Mean in cycles; `None` if there is none.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut state = 1u64;
        let mut list = Vec::new();
        let mut latencies = Latencies::default();
        for i in 0..5000u64 {
            state = crate::random::word(3, state, i);
            // Some far beyond the dense part.
            let latency = if i % 50 == 0 { state >> 40 } else { state >> 56 };
            list.push(latency);
            latencies.record(latency);
        }
        list.sort_unstable();
        let rank = |thousandths: usize| list[(list.len() * thousandths).div_ceil(1000) - 1];
        let summary = latencies.summary();
        assert_eq!([summary.p50, summary.p95, summary.p99, summary.p999], [500, 950, 990, 999].map(rank));
        assert_eq!((summary.min, summary.max, summary.count), (list[0], list[4999], 5000));
        assert_eq!(summary.sum, list.iter().sum::<u64>());
        assert_eq!(Latencies::default().summary(), LatencySummary::default());
    }
}
