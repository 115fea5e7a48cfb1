//! What shared kernels take of a core's synapse memory: on a chip that shares them, the kernel of an output channel is
//! stored once on each core that has a neuron of the channel, as a row of its taps for each input channel. Zeros of the
//! kernel are not stored.

use crate::chip::CoreLimits;
use crate::network::{Network, NeuronId, Weights};

/// Words of every kernel of a network.
#[derive(Clone, Debug)]
pub(super) struct KernelWords {
    /// By projection; `None` where each neuron has rows of its own.
    projections: Vec<Option<Kernels>>,
}

/// The kernels of one projection.
#[derive(Clone, Debug)]
struct Kernels {
    /// Neurons of an output channel.
    channel_size: u32,
    /// By output channel.
    words: Vec<u64>,
}

impl KernelWords {
    pub(super) fn new(network: &Network, limits: &CoreLimits) -> Self {
        let projections = network.projections().iter().map(|p| match &p.weights {
            Weights::Convolution { shape, values } if limits.shared_kernels => {
                let taps = shape.taps_of_a_kernel();
                let row = |taps: &[f32]| limits.row_words(taps.iter().filter(|w| **w != 0.0).count() as u64);
                let channel = |values: &[f32]| values.chunks_exact(taps).map(row).sum();
                let words = values.chunks_exact(taps * shape.group_channels() as usize).map(channel).collect();
                Some(Kernels { channel_size: shape.channel_size(), words })
            }
            _ => None,
        });
        Self { projections: projections.collect() }
    }

    /// Whether the synapses of a projection are those of shared kernels.
    pub(super) fn is_shared(&self, projection: usize) -> bool {
        self.projections[projection].is_some()
    }

    /// Channel of a target neuron of a projection and the words of its kernel, if it is shared.
    pub(super) fn kernel(&self, projection: usize, target: u32) -> Option<(usize, u64)> {
        let kernels = self.projections[projection].as_ref()?;
        let channel = (target / kernels.channel_size) as usize;
        Some((channel, kernels.words[channel]))
    }

    /// Words of all kernels that the neurons of a core need.
    pub(super) fn of_neurons(&self, network: &Network, neurons: &[u32]) -> u64 {
        let mut needed = Vec::new();
        for &neuron in neurons {
            let (population, target) = network.locate(NeuronId(neuron));
            let incoming = network.projections().iter().enumerate().filter(|(_, p)| p.target == population);
            needed.extend(incoming.filter_map(|(p, _)| Some((p, self.kernel(p, target)?))));
        }
        needed.sort_unstable();
        needed.dedup();
        needed.into_iter().map(|(_, (_, words))| words).sum()
    }
}
