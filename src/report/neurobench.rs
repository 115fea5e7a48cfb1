//! NeuroBench's six counters (Yik et al. 2025), from what the chip counted.
//!
//! | counter | here |
//! |---|---|
//! | footprint | bytes of synapse memory that the mapped network takes on the chip |
//! | connection sparsity | 1 - synapses whose weight is not 0 / connections if every pair of connected populations were dense |
//! | activation sparsity | 1 - spikes / (neurons x ticks), inputs left out |
//! | synaptic operations | `dense`: those connections x ticks; `effective_macs`: of graded spikes; `effective_acs`: synapses read for plain spikes |
//! | membrane updates | updates of neurons with input, bias or state |
//! | neuron operations | all updates of neurons |
//!
//! Operations and updates are means a sample. A convolution counts as unrolled.

use super::Report;
use serde::Serialize;

/// The counters of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NeuroBench {
    /// Bytes.
    pub footprint_bytes: u64,
    /// 0 to 1; `None` if the network's connections are not known, or there are none.
    pub connection_sparsity: Option<f64>,
    /// 0 to 1; `None` before a tick was run.
    pub activation_sparsity: Option<f64>,
    /// A sample; the parts are `None` where they are not known.
    pub synaptic_operations: SynapticOperations,
    /// A sample; `None` before one has ended.
    pub membrane_updates: Option<f64>,
    /// A sample; `None` before one has ended.
    pub neuron_operations: Option<f64>,
}

/// Synaptic operations a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SynapticOperations {
    /// If every spike were a dense product.
    pub dense: Option<f64>,
    /// Multiplications and additions; spikes of this chip's models are plain or signed, so there are none.
    pub effective_macs: Option<f64>,
    /// Additions.
    pub effective_acs: Option<f64>,
}

impl NeuroBench {
    /// Of a run.
    pub fn of(report: &Report<'_>) -> Self {
        let (counters, image) = (&report.recording.counters, report.image);
        let core = counters.core_total();
        let samples = report.recording.samples.len() as f64;
        let each = |count: f64| (samples > 0.0).then(|| count / samples);
        let neurons: u64 = image.cores.iter().map(|core| core.config.neurons.len() as u64).sum();
        let activations = (neurons * counters.ticks) as f64;
        let words: u64 = report.uses.iter().map(|held| held.synapse_words).sum();
        let synapses: u64 = image.cores.iter().map(|core| core.config.nonzero_synapses()).sum();
        let dense = report.dense_connections.filter(|n| *n > 0);
        Self {
            footprint_bytes: (words * u64::from(image.spec.core.word_bits)).div_ceil(8),
            connection_sparsity: dense.map(|dense| 1.0 - synapses as f64 / dense as f64),
            activation_sparsity: (activations > 0.0).then(|| 1.0 - core.spikes as f64 / activations),
            synaptic_operations: SynapticOperations {
                dense: dense.and_then(|dense| each((dense * counters.ticks) as f64)),
                effective_macs: each(0.0),
                effective_acs: each(core.synaptic_operations as f64),
            },
            membrane_updates: each(core.updates_active as f64),
            neuron_operations: each((core.updates_active + core.updates_idle) as f64),
        }
    }
}
