//! Synapse stores: read-only rows by axon, and the ring of accumulators they add into.

mod axon_ring;
mod crossbar;
mod delay;
mod dense;
mod shared;
mod sparse;
mod weight_format;
mod wide;

pub use axon_ring::{AxonRing, Scheduled};
pub use crossbar::{Crossbar, CrossbarRow};
pub use delay::AccumulatorRing;
pub use dense::{DenseRow, DenseRows};
pub use shared::{SharedRows, SharedRowsBuilder};
pub use sparse::{SparseRows, SparseRowsBuilder};
pub use weight_format::{SignMode, Truncation, WeightFormat};
pub use wide::{NarrowRows, RowWord, WideRows, WordRows, WordRowsBuilder};

use crate::{AxonId, NeuronId};

/// A synapse as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Synapse {
    /// Neuron it acts on; in a model of several channels, channel x neurons + neuron.
    pub target: NeuronId,
    /// Effective weight.
    pub weight: i32,
    /// Delay in ticks beyond the one every spike takes.
    pub delay: u8,
}

/// A synapse a store cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SynapseError {
    /// A target beyond the core's neurons.
    #[error("target {target} of a core with {neurons} neurons")]
    Target {
        /// The target.
        target: u32,
        /// Neurons of the core.
        neurons: u32,
    },
    /// More neurons than the store can address.
    #[error("{neurons} neurons; the store addresses {limit}")]
    Neurons {
        /// Neurons asked for.
        neurons: u32,
        /// Most it can address.
        limit: u32,
    },
    /// A mantissa, shift, delay or axon type out of range.
    #[error("{what} is {value}; the store holds {least} to {most}")]
    Range {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: i64,
        /// Smallest.
        least: i64,
        /// Largest.
        most: i64,
    },
    /// A learning rule that its engine cannot follow.
    #[error("the learning rule {0}")]
    Rule(&'static str),
    /// Weights of one row that no single shift represents exactly.
    #[error("no shift represents all weights of the row as 9-bit mantissas")]
    NoShift,
}

impl SynapseError {
    /// A count or number that is not 0 to `most`.
    pub(crate) fn beyond(what: &'static str, value: usize, most: usize) -> Self {
        SynapseError::Range { what, value: value as i64, least: 0, most: most as i64 }
    }
}

/// Rows of synapses by axon.
pub trait SynapseStore {
    /// Number of axons.
    fn axon_count(&self) -> usize;
    /// Number of synapses.
    fn synapse_count(&self) -> u64;
    /// Bytes the rows take in the emulator (a chip's own memory is counted by the mapper).
    fn memory_bytes(&self) -> u64;
    /// Longest delay of any synapse, in ticks.
    fn max_delay(&self) -> u32;
    /// Adds the axon's row times `payload`, each synapse `delay_slot` ticks later; returns synapses read.
    fn deliver(&self, axon: AxonId, payload: i32, delay_slot: u32, ring: &mut AccumulatorRing) -> u64;
    /// Synapses of the axon's row.
    fn row_len(&self, axon: AxonId) -> usize;
    /// Calls `visit` for each synapse of the axon's row, in its order.
    fn visit(&self, axon: AxonId, visit: &mut dyn FnMut(Synapse));
    /// The axon's row, decoded.
    fn row(&self, axon: AxonId) -> Vec<Synapse> {
        let mut row = Vec::with_capacity(self.row_len(axon));
        self.visit(axon, &mut |synapse| row.push(synapse));
        row
    }

    /// The largest sum of absolute weights that comes into one target: an exact sum of one event an axon.
    fn largest_sum(&self, targets: usize) -> i64 {
        let mut sums = vec![0i64; targets];
        for axon in 0..self.axon_count() as u32 {
            self.visit(AxonId(axon), &mut |synapse| {
                sums[synapse.target.0 as usize] += i64::from(synapse.weight.unsigned_abs());
            });
        }
        sums.into_iter().max().unwrap_or(0)
    }
}

/// Longest delay of a synapse, in ticks beyond the one every spike takes.
pub(crate) const DELAY_MOST: u8 = 63;
