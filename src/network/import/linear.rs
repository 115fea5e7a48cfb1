//! Linear maps between populations, multiplied together without being written out where they need not be.

use super::kernel;
use crate::network::{ConvolutionShape, Weights};
use std::borrow::Cow;

/// Most entries a product may have, and most multiplications it may take.
const MOST_ENTRIES: usize = 1 << 27;
const MOST_PRODUCTS: u64 = 1 << 32;

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
    /// `values[tap]`
    Convolution {
        shape: ConvolutionShape,
        values: Vec<f64>,
    },
    /// Rows by output: where each ends, and (input, weight), inputs ascending.
    Sparse {
        inputs: usize,
        ends: Vec<usize>,
        entries: Vec<(u32, f64)>,
    },
}

impl Map {
    /// Outputs, given the size of what it is applied to.
    fn outputs(&self, inputs: usize) -> usize {
        match self {
            Map::Identity => inputs,
            Map::Diagonal(scale) => scale.len(),
            Map::Matrix { outputs, .. } => *outputs,
            Map::Convolution { shape, .. } => shape.size().0 as usize,
            Map::Sparse { ends, .. } => ends.len(),
        }
    }

    /// Inputs it takes; `None` takes any.
    fn inputs(&self) -> Option<usize> {
        match self {
            Map::Identity => None,
            Map::Diagonal(scale) => Some(scale.len()),
            Map::Matrix { inputs, .. } | Map::Sparse { inputs, .. } => Some(*inputs),
            Map::Convolution { shape, .. } => Some(shape.size().1 as usize),
        }
    }

    /// Calls `visit(input, weight)` for what one output is made of, inputs ascending, zeros left out.
    fn row(&self, output: usize, mut visit: impl FnMut(usize, f64)) {
        match self {
            Map::Identity => visit(output, 1.0),
            Map::Diagonal(scale) => {
                if scale[output] != 0.0 {
                    visit(output, scale[output]);
                }
            }
            Map::Matrix { inputs, values, .. } => {
                let row = &values[output * inputs..(output + 1) * inputs];
                row.iter().enumerate().filter(|(_, w)| **w != 0.0).for_each(|(i, w)| visit(i, *w));
            }
            Map::Convolution { shape, values } => shape.for_each_tap(output as u32, |source, tap| {
                if values[tap] != 0.0 {
                    visit(source as usize, values[tap]);
                }
            }),
            Map::Sparse { ends, entries, .. } => {
                let start = output.checked_sub(1).map_or(0, |before| ends[before]);
                entries[start..ends[output]].iter().for_each(|&(i, w)| visit(i as usize, w));
            }
        }
    }

    pub(super) fn apply(&self, x: &[f64]) -> Vec<f64> {
        let sum = |output| {
            let mut sum = 0.0;
            self.row(output, |input, weight| sum += weight * x[input]);
            sum
        };
        (0..self.outputs(x.len())).map(sum).collect()
    }

    /// The map that applies `before` first; sizes fit.
    ///
    /// # Errors
    /// What there is too much of, in words.
    pub(super) fn after(&self, before: Map) -> Result<Map, String> {
        Ok(match (self, before) {
            (map, Map::Identity) => map.clone(),
            (Map::Identity, before) => before,
            (Map::Diagonal(a), Map::Diagonal(b)) => {
                Map::Diagonal(a.iter().zip(b).map(|(a, b)| a * b).collect())
            }
            (Map::Diagonal(scale), Map::Matrix { outputs, inputs, mut values }) if mostly_there(scale) => {
                for (row, scale) in values.chunks_exact_mut(inputs.max(1)).zip(scale) {
                    row.iter_mut().for_each(|w| *w *= scale);
                }
                Map::Matrix { outputs, inputs, values }
            }
            (Map::Matrix { outputs, inputs, values }, Map::Diagonal(scale)) if mostly_there(&scale) => {
                let mut values = values.clone();
                for row in values.chunks_exact_mut((*inputs).max(1)) {
                    row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s);
                }
                Map::Matrix { outputs: *outputs, inputs: *inputs, values }
            }
            (map, before) => {
                let merged = kernel::merged(map, &before);
                merged.map_or_else(|| map.product(&before), Ok)?
            }
        })
    }

    /// The product, written out: row by row, sums over the middle in ascending order.
    fn product(&self, before: &Map) -> Result<Map, String> {
        let middle = self.inputs().unwrap_or(0);
        let inputs = before.inputs().unwrap_or(middle);
        let outputs = self.outputs(middle);
        // What is read more than once is written out first, so that the taps of a kernel are not sought again.
        let before = match before {
            Map::Convolution { .. } => Cow::Owned(before.written_out()?),
            other => Cow::Borrowed(other),
        };
        let is_dense =
            matches!(self, Map::Matrix { .. }) && matches!(*before, Map::Matrix { .. } | Map::Sparse { .. });
        if is_dense && outputs.saturating_mul(inputs) > MOST_ENTRIES {
            return Err(format!("{outputs} x {inputs} entries"));
        }
        let mut row = vec![0.0; inputs];
        let mut touched = Vec::new();
        let mut is_touched = vec![false; inputs];
        let (mut ends, mut entries, mut products) = (Vec::with_capacity(outputs), Vec::new(), 0u64);
        for output in 0..outputs {
            self.row(output, |m, weight| {
                before.row(m, |input, inner| {
                    if !std::mem::replace(&mut is_touched[input], true) {
                        touched.push(input);
                    }
                    row[input] += weight * inner;
                    products += 1;
                });
            });
            touched.sort_unstable();
            for input in touched.drain(..) {
                is_touched[input] = false;
                let value = std::mem::take(&mut row[input]);
                if value != 0.0 {
                    entries.push((input as u32, value));
                }
            }
            ends.push(entries.len());
            if entries.len() > MOST_ENTRIES || products > MOST_PRODUCTS {
                return Err(format!("more than {MOST_ENTRIES} entries (or takes too many multiplications)"));
            }
        }
        let sparse = Map::Sparse { inputs, ends, entries };
        Ok(if is_dense && sparse.is_mostly_full() { sparse.dense() } else { sparse })
    }

    /// As compressed rows.
    fn written_out(&self) -> Result<Map, String> {
        let inputs = self.inputs().unwrap_or(0);
        let (mut ends, mut entries) = (Vec::new(), Vec::new());
        for output in 0..self.outputs(inputs) {
            self.row(output, |input, weight| entries.push((input as u32, weight)));
            ends.push(entries.len());
            if entries.len() > MOST_ENTRIES {
                return Err(format!("more than {MOST_ENTRIES} entries"));
            }
        }
        Ok(Map::Sparse { inputs, ends, entries })
    }

    fn is_mostly_full(&self) -> bool {
        let Map::Sparse { inputs, ends, entries } = self else { return false };
        entries.len() * 2 >= inputs * ends.len()
    }

    fn dense(&self) -> Map {
        let inputs = self.inputs().unwrap_or(0);
        let outputs = self.outputs(inputs);
        let mut values = vec![0.0; outputs * inputs];
        for (output, row) in values.chunks_exact_mut(inputs.max(1)).enumerate() {
            self.row(output, |input, weight| row[input] = weight);
        }
        Map::Matrix { outputs, inputs, values }
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
            Map::Convolution { shape, values } => Weights::Convolution { shape, values: single(values) },
            Map::Sparse { inputs, ends, entries } => {
                let (mut offsets, mut kept, mut start) = (vec![0], Vec::with_capacity(entries.len()), 0);
                for end in ends {
                    let row = entries[start..end].iter().map(|&(input, weight)| (input, weight as f32));
                    kept.extend(row.filter(|(_, weight)| *weight != 0.0));
                    offsets.push(kept.len() as u64);
                    start = end;
                }
                Weights::Sparse { sources: inputs as u32, offsets, entries: kept }
            }
        }
    }
}

/// Whether a scale leaves half of its elements at least; one that does not makes a matrix sparse.
fn mostly_there(scale: &[f64]) -> bool {
    scale.iter().filter(|s| **s == 0.0).count() * 2 <= scale.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A map of the kind from 8 or 16 values to as many as it makes, with small whole weights.
    fn map(kind: u32, inputs: u32, seed: u32) -> Map {
        let number = |i: usize| f64::from(((i as u32 + seed).wrapping_mul(2_654_435_761) >> 29) as i32 - 3);
        let values = |n: usize| (0..n).map(number).collect::<Vec<_>>();
        let shape = |channels: u32, out: u32, groups: u32, kernel, stride, padding| ConvolutionShape {
            in_channels: channels,
            out_channels: out,
            groups,
            input: [2, inputs / 2 / channels],
            kernel,
            stride,
            dilation: [1, 1],
            padding_before: padding,
            padding_after: padding,
        };
        let convolution = |shape: ConvolutionShape| Map::Convolution { values: values(shape.taps()), shape };
        match kind {
            0 => Map::Identity,
            1 => Map::Diagonal(values(inputs as usize)),
            2 => Map::Matrix { outputs: 8, inputs: inputs as usize, values: values(8 * inputs as usize) },
            3 => convolution(shape(2, 4, 1, [1, 2], [1, 2], [0, 0])),
            4 => convolution(shape(2, 2, 2, [2, 1], [1, 1], [1, 0])),
            5 => convolution(shape(1, 2, 1, [3, 3], [1, 1], [1, 1])),
            // A scale that is one for a channel, and a mask.
            6 => Map::Diagonal((0..inputs).map(|i| f64::from(i * 2 / inputs) + 2.0).collect()),
            _ => Map::Diagonal((0..inputs).map(|i| f64::from(u8::from(i % 3 == 0))).collect()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A product does what its factors do one after the other, and so do the weights made of it.
        #[test]
        fn a_product_is_exact(kinds in prop::collection::vec(0u32..8, 1..5), seed in 0u32..1000) {
            let mut x: Vec<f64> = (0..16).map(|i| f64::from((i * 7 + seed) % 11)).collect();
            let start = x.clone();
            let mut all = Map::Identity;
            for (i, kind) in kinds.into_iter().enumerate() {
                if !x.len().is_multiple_of(4) || x.len() > 256 {
                    break;
                }
                let next = map(kind, x.len() as u32, seed + i as u32);
                if let Map::Convolution { shape, .. } = &next && shape.fault().is_some() {
                    break;
                }
                x = next.apply(&x);
                all = next.after(all).unwrap();
            }
            prop_assert_eq!(&all.apply(&start), &x);
            let weights = all.into_weights(16);
            prop_assert_eq!(weights.shape(), (x.len() as u32, 16));
            for (target, wanted) in x.iter().enumerate() {
                let mut sum = 0.0;
                weights.for_each_source(target as u32, |s, w| sum += f64::from(w) * start[s as usize]);
                prop_assert_eq!(sum, *wanted);
            }
        }
    }

    #[test]
    fn a_product_that_is_too_large_is_refused() {
        let wide = |n: usize| Map::Diagonal(vec![1.0; n]);
        let matrix = Map::Matrix { outputs: 1 << 14, inputs: 1, values: vec![1.0; 1 << 14] };
        let row = Map::Matrix { outputs: 1, inputs: (1 << 13) + 1, values: vec![1.0; (1 << 13) + 1] };
        assert!(matrix.after(row).unwrap_err().contains("16384 x 8193"));
        assert!(wide(4).after(wide(4)).is_ok());
    }
}
