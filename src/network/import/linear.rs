//! Linear maps between populations, multiplied together without being written out where they need not be.

use crate::network::Weights;

/// A linear map between neuron populations.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Map {
    Identity,
    Diagonal(Vec<f64>),
    /// `values[out * inputs + in]`
    Matrix {
        outputs: usize,
        inputs: usize,
        values: Vec<f64>,
    },
}

impl Map {
    /// Outputs, given the size of what it is applied to.
    pub(super) fn outputs(&self, inputs: usize) -> usize {
        match self {
            Map::Identity => inputs,
            Map::Diagonal(scale) => scale.len(),
            Map::Matrix { outputs, .. } => *outputs,
        }
    }

    /// Inputs it takes; `None` takes any.
    pub(super) fn inputs(&self) -> Option<usize> {
        match self {
            Map::Identity => None,
            Map::Diagonal(scale) => Some(scale.len()),
            Map::Matrix { inputs, .. } => Some(*inputs),
        }
    }

    pub(super) fn apply(&self, x: &[f64]) -> Vec<f64> {
        match self {
            Map::Identity => x.to_vec(),
            Map::Diagonal(scale) => scale.iter().zip(x).map(|(s, x)| s * x).collect(),
            Map::Matrix { inputs, values, .. } => values
                .chunks_exact((*inputs).max(1))
                .map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum())
                .collect(),
        }
    }

    /// The map that applies `before` first; sizes fit.
    pub(super) fn after(&self, before: Map) -> Map {
        match (self, before) {
            (map, Map::Identity) => map.clone(),
            (Map::Identity, before) => before,
            (Map::Diagonal(a), Map::Diagonal(b)) => {
                Map::Diagonal(a.iter().zip(b).map(|(a, b)| a * b).collect())
            }
            (Map::Diagonal(scale), Map::Matrix { outputs, inputs, mut values }) => {
                for (row, scale) in values.chunks_exact_mut(inputs.max(1)).zip(scale) {
                    row.iter_mut().for_each(|w| *w *= scale);
                }
                Map::Matrix { outputs, inputs, values }
            }
            (Map::Matrix { outputs, inputs, values }, Map::Diagonal(scale)) => {
                let mut values = values.clone();
                for row in values.chunks_exact_mut((*inputs).max(1)) {
                    row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s);
                }
                Map::Matrix { outputs: *outputs, inputs: *inputs, values }
            }
            (Map::Matrix { outputs, inputs, values }, Map::Matrix { inputs: first, values: before, .. }) => {
                let mut product = vec![0.0; outputs * first];
                for (o, row) in product.chunks_exact_mut(first.max(1)).enumerate() {
                    for (i, weight) in
                        values[o * inputs..(o + 1) * inputs].iter().enumerate().filter(|w| *w.1 != 0.0)
                    {
                        row.iter_mut().zip(&before[i * first..]).for_each(|(sum, b)| *sum += weight * b);
                    }
                }
                Map::Matrix { outputs: *outputs, inputs: first, values: product }
            }
        }
    }

    /// As weights of a projection from a population of `sources` neurons.
    pub(super) fn into_weights(self, sources: usize) -> Weights {
        let single = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
        match self {
            Map::Identity => Weights::OneToOne(vec![1.0; sources]),
            Map::Diagonal(scale) => Weights::OneToOne(single(scale)),
            Map::Matrix { outputs, inputs, values } => {
                Weights::Dense { targets: outputs as u32, sources: inputs as u32, values: single(values) }
            }
        }
    }
}
