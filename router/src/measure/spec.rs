//! How a measurement goes.

use serde::{Deserialize, Serialize};

/// Warm-up, samples, drain. The default is the protocol that latency curves of meshes are usually measured with: three
/// periods of warm-up, samples of 1000 cycles until the mean has settled, ten at the most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureSpec {
    /// Cycles of a period, at least 1.
    pub period: u64,
    /// Periods before anything is measured.
    pub warm_up: u32,
    /// Most periods that are measured, at least 1.
    pub most_samples: u32,
    /// A sample has settled if mean latency and accepted rate since the warm-up changed by less than so many percent with it.
    pub tolerance_percent: u32,
    /// Samples in a row that must have settled.
    pub settled: u32,
    /// Cycles after the last sample in which packets that were created in it may still arrive.
    pub drain: u64,
    /// Whether a table of all pairs is kept.
    pub pairs: bool,
}

impl Default for MeasureSpec {
    fn default() -> Self {
        Self {
            period: 1000,
            warm_up: 3,
            most_samples: 10,
            tolerance_percent: 5,
            settled: 3,
            drain: 20_000,
            pairs: false,
        }
    }
}

/// What is wrong with a [`MeasureSpec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    /// A number that is too small or too large.
    #[error("{what} is {given}; it must be {least} to {most}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What it is.
        given: u64,
        /// Least it may be.
        least: u64,
        /// Most it may be.
        most: u64,
    },
}

impl MeasureSpec {
    /// Everything that is wrong with it.
    ///
    /// # Errors
    /// Every number that is out of range.
    pub fn check(&self) -> Result<(), Vec<MeasureError>> {
        let ranges = [
            ("the cycles of a period", self.period, 1, 1_000_000_000),
            ("the periods of warm-up", self.warm_up.into(), 0, 1_000_000),
            ("the number of samples", self.most_samples.into(), 1, 1_000_000),
            ("the tolerance in percent", self.tolerance_percent.into(), 0, 100),
            ("the number of settled samples", self.settled.into(), 1, 1_000_000),
            ("the cycles of the drain", self.drain, 0, 1_000_000_000_000),
        ];
        let errors: Vec<_> = ranges
            .into_iter()
            .filter(|(_, given, least, most)| !(least..=most).contains(&given))
            .map(|(what, given, least, most)| MeasureError::OutOfRange { what, given, least, most })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_out_of_range_is_told() {
        let bad = MeasureSpec { period: 0, most_samples: 0, settled: 0, ..MeasureSpec::default() };
        assert_eq!(bad.check().unwrap_err().len(), 3);
        assert_eq!(MeasureSpec::default().check(), Ok(()));
    }
}
