//! What a run leaves: counters, answers, digests. Whole numbers, but for what the f64 reference says.

use crate::chip::{ChipCounters, LostCopy};
use crate::digest::{Digest, Hasher};

/// What one sample gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleResult {
    /// The right answer, where it is known.
    pub label: Option<u32>,
    /// The chip's answer: the output with most spikes or the highest membrane; the lowest index among equals.
    pub answer: Option<u32>,
    /// The reference's answer.
    pub reference: Option<u32>,
    /// Spikes of each output that left the chip (or the membranes probed).
    pub outputs: Vec<i64>,
}

/// A plastic synapse after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LearnedWeight {
    /// Network number of its source.
    pub source: u32,
    /// Network number of its target.
    pub target: u32,
    /// Weight at the start.
    pub initial: i32,
    /// Weight at the end.
    pub learned: i32,
}

/// A run's results, merged over samples in their order.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Everything counted.
    pub counters: ChipCounters,
    /// By sample.
    pub samples: Vec<SampleResult>,
    /// Spikes by population, on the chip.
    pub population_spikes: Vec<u64>,
    /// Spikes by population in the reference, if it ran.
    pub reference_spikes: Option<Vec<u64>>,
    /// Spikes of the first sample as (tick, network neuron), up to a bound, for the raster.
    pub raster: Vec<(u32, u32)>,
    /// One neuron in so many is in the raster.
    pub raster_stride: u32,
    /// SHA-256 over (sample u32, tick u64, neuron u32, payload i32) of every spike, inputs included, ascending.
    pub spike_digest: Digest,
    /// SHA-256 over the spike digest, the state after every sample, and all counters.
    pub digest: Digest,
    /// Samples asked for; fewer are in `samples` if the run was interrupted.
    pub samples_asked: usize,
    /// Ticks of each sample.
    pub ticks_per_sample: u32,
    /// Copies that can never arrive, because a dead link is on their way.
    pub lost: Vec<LostCopy>,
    /// Packets written to the trace, if one was asked for.
    pub trace_records: Option<u64>,
    /// Weights of plastic synapses after the last sample.
    pub learned: Vec<LearnedWeight>,
    /// Files that were recorded.
    pub recorded: Vec<std::path::PathBuf>,
}

impl Recording {
    /// Whether the run was cut short.
    pub fn interrupted(&self) -> bool {
        self.samples.len() < self.samples_asked
    }

    /// Labelled samples answered right by `answer`.
    fn count_right(&self, answer: impl Fn(&SampleResult) -> Option<u32>) -> usize {
        self.samples.iter().filter(|s| s.label.is_some() && answer(s) == s.label).count()
    }

    /// `right` as a share of the labelled samples; `None` without labels.
    fn share(&self, right: usize) -> Option<f64> {
        let labelled = self.samples.iter().filter(|s| s.label.is_some()).count();
        (labelled > 0).then(|| right as f64 / labelled as f64)
    }

    /// Labelled samples the chip answered right.
    pub fn right(&self) -> usize {
        self.count_right(|s| s.answer)
    }

    /// Accuracy of the chip, 0 to 1; `None` without labels.
    pub fn accuracy(&self) -> Option<f64> {
        self.share(self.right())
    }

    /// Accuracy of the f64 reference; `None` if it did not run or there are no labels.
    pub fn reference_accuracy(&self) -> Option<f64> {
        self.reference_spikes.as_ref().and_then(|_| self.share(self.count_right(|s| s.reference)))
    }
}

/// Index of the largest value, the lowest among equals; `None` if there is none.
pub(super) fn first_largest<T: PartialOrd>(values: &[T]) -> Option<u32> {
    let mut best = 0;
    for i in 1..values.len() {
        if values[i] > values[best] {
            best = i;
        }
    }
    (!values.is_empty()).then_some(best as u32)
}

/// The two digests in the making; samples must be added in order.
#[derive(Default)]
pub(super) struct Digests {
    spikes: Hasher,
    states: Hasher,
}

impl Digests {
    /// Adds spikes as written by [`append_spike`].
    pub(super) fn spikes(&mut self, bytes: &[u8]) {
        self.spikes.bytes(bytes);
    }

    pub(super) fn state(&mut self, state: Digest) {
        self.states.bytes(&state.0);
    }

    pub(super) fn finish(self, counters: &ChipCounters) -> (Digest, Digest) {
        let spike_digest = self.spikes.finish();
        let mut all = self.states;
        all.bytes(&spike_digest.0);
        counters.numbers().into_iter().for_each(|n| all.number(n));
        (spike_digest, all.finish())
    }
}

/// Appends a spike as the digest takes it.
pub(super) fn append_spike(out: &mut Vec<u8>, sample: u32, tick: u64, neuron: u32, payload: i32) {
    out.extend_from_slice(&sample.to_le_bytes());
    out.extend_from_slice(&tick.to_le_bytes());
    out.extend_from_slice(&neuron.to_le_bytes());
    out.extend_from_slice(&payload.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lowest_index() {
        assert_eq!(first_largest(&[1, 3, 3, 2]), Some(1));
        assert_eq!(first_largest::<i64>(&[]), None);
        assert_eq!(first_largest(&[0.0, 0.0]), Some(0));
    }
}
