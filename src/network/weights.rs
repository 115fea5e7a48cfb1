//! Weights of a projection, read by target neuron; shapes are known without copying or generating a weight.

use super::ConvolutionShape;
use spikemesh_cores::random;

/// Purpose words of the counter-based random draws made here.
const DRAW_SOURCE: u32 = 1;
const DRAW_WEIGHT: u32 = 2;

/// Weights from `sources` to `targets` neurons. A zero weight is not a synapse, except where compressed rows list one: it may
/// learn.
#[derive(Clone, Debug)]
pub enum Weights {
    /// `values[target * sources + source]`, as NIR's (out, in).
    Dense {
        /// Number of targets.
        targets: u32,
        /// Number of sources.
        sources: u32,
        /// Row-major values.
        values: Vec<f32>,
    },
    /// Neuron i to neuron i.
    OneToOne(Vec<f32>),
    /// Compressed rows by target.
    Sparse {
        /// Number of sources.
        sources: u32,
        /// Where each target's entries start; one more than there are targets.
        offsets: Vec<u64>,
        /// (source, weight), sources ascending within a row.
        entries: Vec<(u32, f32)>,
    },
    /// A convolution (a pool, too); synapses are computed on reading.
    Convolution {
        /// Its sizes.
        shape: ConvolutionShape,
        /// `values[tap]`, as NIR's (out, in of the group, rows, columns).
        values: Vec<f32>,
    },
    /// Every target draws `fan_in` distinct sources; generated on reading, never stored.
    Random {
        /// Number of targets.
        targets: u32,
        /// Number of sources, at least `fan_in`.
        sources: u32,
        /// Synapses a target.
        fan_in: u32,
        /// Weights are uniform in [low, high].
        low: f32,
        /// See `low`.
        high: f32,
        /// Seed of the draws.
        seed: u64,
    },
}

impl Weights {
    /// (targets, sources).
    pub fn shape(&self) -> (u32, u32) {
        match self {
            Weights::Dense { targets, sources, .. } | Weights::Random { targets, sources, .. } => {
                (*targets, *sources)
            }
            Weights::OneToOne(values) => (values.len() as u32, values.len() as u32),
            Weights::Convolution { shape, .. } => shape.size(),
            Weights::Sparse { sources, offsets, .. } => (offsets.len().saturating_sub(1) as u32, *sources),
        }
    }

    /// What is wrong with compressed rows or sizes, in words; nothing else may be asked of such weights.
    pub(super) fn fault(&self) -> Option<String> {
        if let Weights::Convolution { shape, .. } = self {
            return shape.fault();
        }
        let Weights::Sparse { sources, offsets, entries } = self else { return None };
        if offsets.first() != Some(&0) || offsets.last() != Some(&(entries.len() as u64)) {
            return Some(format!("row offsets must run from 0 to the {} entries", entries.len()));
        }
        if offsets.windows(2).any(|w| w[0] > w[1]) {
            return Some("row offsets do not ascend".into());
        }
        let row = |w: &[u64]| &entries[w[0] as usize..w[1] as usize];
        let wrong = offsets.windows(2).position(|w| {
            let row = row(w);
            row.windows(2).any(|pair| pair[0].0 >= pair[1].0)
                || row.last().is_some_and(|last| last.0 >= *sources)
        });
        wrong.map(|target| format!("row {target} names a source twice, out of order, or beyond the {sources}"))
    }

    /// Number of synapses.
    pub fn synapse_count(&self) -> u64 {
        match self {
            Weights::Dense { values, .. } | Weights::OneToOne(values) => {
                values.iter().filter(|w| **w != 0.0).count() as u64
            }
            Weights::Sparse { entries, .. } => entries.len() as u64,
            Weights::Convolution { shape, values } => shape.count(|tap| values[tap] != 0.0),
            Weights::Random { targets, fan_in, .. } => u64::from(*targets) * u64::from(*fan_in),
        }
    }

    /// Places of a target's entries among all of the projection's, for what is kept beside the weights.
    ///
    /// # Panics
    /// If the weights are not compressed rows.
    pub fn entry_range(&self, target: u32) -> (usize, usize) {
        let Weights::Sparse { offsets, .. } = self else {
            panic!("invariant: only compressed rows have entries")
        };
        (offsets[target as usize] as usize, offsets[target as usize + 1] as usize)
    }

    /// Calls `visit(source, weight)` for each synapse of a target, sources ascending (random: in draw order).
    pub fn for_each_source(&self, target: u32, mut visit: impl FnMut(u32, f32)) {
        match self {
            Weights::Dense { sources, values, .. } => {
                let start = target as usize * *sources as usize;
                for (source, &weight) in values[start..start + *sources as usize].iter().enumerate() {
                    if weight != 0.0 {
                        visit(source as u32, weight);
                    }
                }
            }
            Weights::OneToOne(values) => {
                let weight = values[target as usize];
                if weight != 0.0 {
                    visit(target, weight);
                }
            }
            Weights::Sparse { offsets, entries, .. } => {
                let row = offsets[target as usize] as usize..offsets[target as usize + 1] as usize;
                for &(source, weight) in &entries[row] {
                    visit(source, weight);
                }
            }
            Weights::Convolution { shape, values } => shape.for_each_tap(target, |source, tap| {
                let weight = values[tap];
                if weight != 0.0 {
                    visit(source, weight);
                }
            }),
            Weights::Random { sources, fan_in, low, high, seed, .. } => {
                // Stratified: draw k falls in the k-th of fan_in slices of the sources, so draws are distinct
                // without a memory of earlier ones.
                let (sources, fan_in) = (u64::from(*sources), u64::from(*fan_in));
                for k in 0..fan_in {
                    let (start, end) = (k * sources / fan_in, (k + 1) * sources / fan_in);
                    let bits = random::bits(*seed, u64::from(target), k, DRAW_SOURCE);
                    let source = start + ((u128::from(bits) * u128::from(end - start)) >> 64) as u64;
                    let unit = random::bits(*seed, u64::from(target), k, DRAW_WEIGHT) >> 40;
                    let weight = low + (high - low) * (unit as f32 / (1u32 << 24) as f32);
                    if weight != 0.0 {
                        visit(source as u32, weight);
                    }
                }
            }
        }
    }

    /// As [`Weights::for_each_source`] without the weights, for counting what a chip must hold.
    pub fn for_each_source_index(&self, target: u32, mut visit: impl FnMut(u32)) {
        if let Weights::Random { sources, fan_in, seed, .. } = self {
            let (sources, fan_in) = (u64::from(*sources), u64::from(*fan_in));
            for k in 0..fan_in {
                let (start, end) = (k * sources / fan_in, (k + 1) * sources / fan_in);
                let bits = random::bits(*seed, u64::from(target), k, DRAW_SOURCE);
                visit((start + ((u128::from(bits) * u128::from(end - start)) >> 64) as u64) as u32);
            }
        } else {
            self.for_each_source(target, |source, _| visit(source));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_sources_are_distinct_and_repeatable() {
        let weights = Weights::Random { targets: 50, sources: 130, fan_in: 100, low: 0.5, high: 1.0, seed: 3 };
        for target in 0..50 {
            let mut a = Vec::new();
            weights.for_each_source(target, |source, weight| {
                assert!((0.5..=1.0).contains(&weight));
                a.push(source);
            });
            let mut b = Vec::new();
            weights.for_each_source_index(target, |source| b.push(source));
            assert_eq!(a, b);
            assert_eq!(a.len(), 100);
            assert!(a.windows(2).all(|w| w[0] < w[1]) && a[99] < 130);
        }
        assert_eq!(weights.synapse_count(), 5000);
    }

    #[test]
    fn zeros_are_not_synapses() {
        let dense = Weights::Dense { targets: 2, sources: 2, values: vec![0.0, 1.0, 0.0, 0.0] };
        assert_eq!(dense.synapse_count(), 1);
        dense.for_each_source(0, |source, weight| assert_eq!((source, weight), (1, 1.0)));
        dense.for_each_source(1, |_, _| panic!("no synapse here"));
        let listed = Weights::Sparse { sources: 2, offsets: vec![0, 1], entries: vec![(1, 0.0)] };
        assert_eq!(listed.synapse_count(), 1, "a listed one may learn");
    }
}
