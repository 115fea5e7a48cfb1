//! Products of convolutions that are convolutions again, so that a chip's cores can share their kernels: a scale of
//! whole channels before or after one, and a pool (one channel a group) before or after one.
//!
//! Two convolutions in a row, outer after inner, meet on each axis at
//!
//! ```text
//! middle = o S + a D - P          (outer: stride S, dilation D, padding P)
//! input  = middle s + b d - p     (inner)
//!        = o (S s) + (a D s + b d) - (P s + p)
//! ```
//! so the product has stride S s, padding P s + p, and the taps a D s + b d. That holds if what the outer's padding
//! stands for, middles before the first and after the last, would meet nothing but the inner's padding.

use super::linear::Map;
use crate::network::ConvolutionShape;

/// Most taps of a product.
const MOST_TAPS: usize = 1 << 22;

/// The product as a convolution, if it is one.
pub(super) fn merged(outer: &Map, inner: &Map) -> Option<Map> {
    match (outer, inner) {
        (Map::Diagonal(scale), Map::Convolution { shape, values }) => {
            let factors = factor_a_channel(scale, shape.out_channels)?;
            let taps = shape.group_channels() as usize * shape.taps_of_a_kernel();
            let values = values.iter().enumerate().map(|(tap, w)| w * factors[tap / taps]).collect();
            Some(Map::Convolution { shape: *shape, values })
        }
        (Map::Convolution { shape, values }, Map::Diagonal(scale)) => {
            let factors = factor_a_channel(scale, shape.in_channels)?;
            let inputs = shape.group_channels() as usize;
            let scaled = values.iter().enumerate().map(|(tap, w)| {
                let kernel = tap / shape.taps_of_a_kernel();
                let group = kernel / inputs / (shape.out_channels / shape.groups) as usize;
                w * factors[group * inputs + kernel % inputs]
            });
            Some(Map::Convolution { shape: *shape, values: scaled.collect() })
        }
        (
            Map::Convolution { shape: outer, values: outer_values },
            Map::Convolution { shape: inner, values: inner_values },
        ) => two(outer, outer_values, inner, inner_values),
        _ => None,
    }
}

/// The factor of each channel, if all elements of a channel have the same.
fn factor_a_channel(scale: &[f64], channels: u32) -> Option<Vec<f64>> {
    let size = scale.len() / channels as usize;
    scale.chunks_exact(size).map(|chunk| chunk.iter().all(|s| *s == chunk[0]).then_some(chunk[0])).collect()
}

fn two(
    outer: &ConvolutionShape,
    outer_values: &[f64],
    inner: &ConvolutionShape,
    inner_values: &[f64],
) -> Option<Map> {
    let keeps_channels = |s: &ConvolutionShape| s.groups == s.in_channels && s.in_channels == s.out_channels;
    let (pool_first, pool_last) = (keeps_channels(inner), keeps_channels(outer));
    // Values may be read as an image of another shape than they were written.
    let same_image = (inner.out_channels, inner.output()) == (outer.in_channels, outer.input);
    if !(pool_first || pool_last) || !same_image {
        return None;
    }
    let mut shape = if pool_first { *outer } else { *inner };
    shape.input = inner.input;
    shape.dilation = [1, 1];
    for axis in 0..2 {
        let (s, d, p) = (inner.stride[axis], inner.dilation[axis], inner.padding_before[axis]);
        let reach = (inner.kernel[axis] - 1).checked_mul(d)?;
        let last = u64::from(outer.output()[axis] - 1) * u64::from(outer.stride[axis])
            + u64::from(outer.kernel[axis] - 1) * u64::from(outer.dilation[axis]);
        let reads_after = last >= u64::from(outer.input[axis]) + u64::from(outer.padding_before[axis]);
        let meets_before = outer.padding_before[axis] > 0 && u64::from(reach) >= u64::from(s) + u64::from(p);
        let meets_after = reads_after
            && u64::from(outer.input[axis]) * u64::from(s) < u64::from(inner.input[axis]) + u64::from(p);
        if meets_before || meets_after {
            return None;
        }
        let span = (outer.kernel[axis] - 1).checked_mul(outer.dilation[axis])?.checked_mul(s)?;
        shape.kernel[axis] = span.checked_add(reach)?.checked_add(1)?;
        shape.stride[axis] = outer.stride[axis].checked_mul(s)?;
        shape.padding_before[axis] = outer.padding_before[axis].checked_mul(s)?.checked_add(p)?;
        // As much after as the last output needs.
        let needs =
            u64::from(outer.output()[axis] - 1) * u64::from(shape.stride[axis]) + u64::from(shape.kernel[axis]);
        let there = u64::from(shape.input[axis]) + u64::from(shape.padding_before[axis]);
        shape.padding_after[axis] = u32::try_from(needs.saturating_sub(there)).ok()?;
    }
    if shape.fault().is_some() || shape.output() != outer.output() || shape.taps() > MOST_TAPS {
        return None;
    }
    let mut values = vec![0.0; shape.taps()];
    let [rows, columns] = outer.kernel.map(|n| n as usize);
    let [inner_rows, inner_columns] = inner.kernel.map(|n| n as usize);
    let inputs = shape.group_channels() as usize;
    for kernel in 0..shape.out_channels as usize * inputs {
        let (output, input) = (kernel / inputs, kernel % inputs);
        // The kernels of the two that this one is the product of.
        let (outer_kernel, inner_kernel) = if pool_first {
            let group = output / (outer.out_channels / outer.groups) as usize;
            (kernel, group * inputs + input)
        } else {
            (output, kernel)
        };
        let target = &mut values[kernel * shape.taps_of_a_kernel()..(kernel + 1) * shape.taps_of_a_kernel()];
        for (tap, weight) in outer_values[outer_kernel * rows * columns..][..rows * columns].iter().enumerate()
        {
            let at = |axis: usize, a: usize, b: usize| {
                a * outer.dilation[axis] as usize * inner.stride[axis] as usize
                    + b * inner.dilation[axis] as usize
            };
            let taps = inner_rows * inner_columns;
            for (b, inner_weight) in inner_values[inner_kernel * taps..][..taps].iter().enumerate() {
                let y = at(0, tap / columns, b / inner_columns);
                let x = at(1, tap % columns, b % inner_columns);
                target[y * shape.kernel[1] as usize + x] += weight * inner_weight;
            }
        }
    }
    Some(Map::Convolution { shape, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(channels: [u32; 2], groups: u32, input: [u32; 2], [k, s, d, p]: [u32; 4]) -> ConvolutionShape {
        ConvolutionShape {
            in_channels: channels[0],
            out_channels: channels[1],
            groups,
            input,
            kernel: [k, k + 1],
            stride: [s, s],
            dilation: [d, d],
            padding_before: [p, p],
            padding_after: [p, p + 1],
        }
    }

    fn map(shape: ConvolutionShape) -> Map {
        let values = (0..shape.taps()).map(|i| (i * 5 % 7) as f64 - 3.0).collect();
        Map::Convolution { shape, values }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is merged is what the two do one after the other, borders included.
        #[test]
        fn merged_convolutions_are_exact(
            side in 4u32..9, first in [1u32..4, 1..4, 1..3, 0..2], second in [1u32..4, 1..4, 1..3, 0..3], pool_first in any::<bool>(),
        ) {
            let inner = shape([4, 4], if pool_first { 4 } else { 2 }, [side, side + 1], first);
            prop_assume!(inner.fault().is_none());
            let outer = shape([4, 4], if pool_first { 2 } else { 4 }, inner.output(), second);
            prop_assume!(outer.fault().is_none());
            if let Some(product) = merged(&map(outer), &map(inner)) {
                let x: Vec<f64> = (0..inner.size().1).map(|i| f64::from(i * 11 % 13)).collect();
                prop_assert_eq!(product.apply(&x), map(outer).apply(&map(inner).apply(&x)));
            }
        }
    }

    #[test]
    fn a_pool_before_a_padded_convolution_is_one_kernel() {
        let pool = ConvolutionShape {
            kernel: [2, 2],
            padding_after: [0, 0],
            ..shape([4, 4], 4, [16, 16], [2, 2, 1, 0])
        };
        let next = ConvolutionShape {
            kernel: [3, 3],
            padding_after: [1, 1],
            ..shape([4, 8], 1, [8, 8], [3, 1, 1, 1])
        };
        let Some(Map::Convolution { shape, .. }) = merged(&map(next), &map(pool)) else { panic!("one kernel") };
        assert_eq!(
            (shape.kernel, shape.stride, shape.padding_before, shape.output()),
            ([6, 6], [2, 2], [2, 2], [8, 8])
        );
        // Overlapping pools meet values that the padding hides.
        let pool = ConvolutionShape { kernel: [4, 4], input: [18, 18], ..pool };
        assert_eq!(merged(&map(next), &map(pool)), None);
    }
}
