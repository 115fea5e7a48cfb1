//! The geometry of a convolution: which source meets which target through which tap of the kernel. One-dimensional
//! convolutions have the height 1; pools are convolutions of one channel a group.
//!
//! ```text
//! y[o, oy, ox] = sum over i, ky, kx of w[o, i, ky, kx] x[g(o) C/G + i, oy sy + ky dy - py, ox sx + kx dx - px]
//! ```
//! with C input channels in G groups, g(o) the group of output channel o, and x = 0 outside the input. Neurons are
//! numbered row-major: channel, row, column; so are taps: output channel, channel of the group, row, column.

/// Sizes of a convolution; pairs are (rows, columns).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// Channels of the input, all groups together.
    pub in_channels: u32,
    /// Channels of the output, all groups together.
    pub out_channels: u32,
    /// Groups, each with its share of both channels.
    pub groups: u32,
    /// Size of the input.
    pub input: [u32; 2],
    /// Size of the kernel.
    pub kernel: [u32; 2],
    /// Steps of the kernel over the input, at least 1.
    pub stride: [u32; 2],
    /// Steps between the taps of the kernel, at least 1.
    pub dilation: [u32; 2],
    /// Zeros before the first row and column.
    pub padding_before: [u32; 2],
    /// Zeros after the last row and column.
    pub padding_after: [u32; 2],
}

impl ConvolutionShape {
    /// Most neurons on either side, and most taps: what a network can number.
    const MOST: u64 = 1 << 31;

    /// What makes the sizes impossible, in words.
    pub fn fault(&self) -> Option<String> {
        let pairs = [self.kernel, self.stride, self.dilation, self.input];
        if pairs.iter().flatten().any(|n| *n == 0) || self.in_channels == 0 || self.out_channels == 0 {
            return Some("a size, stride or dilation of the convolution is 0".into());
        }
        if self.groups == 0
            || !self.in_channels.is_multiple_of(self.groups)
            || !self.out_channels.is_multiple_of(self.groups)
        {
            return Some(format!(
                "{} input and {} output channels cannot be cut into {} groups",
                self.in_channels, self.out_channels, self.groups
            ));
        }
        for axis in 0..2 {
            if self.reach(axis) > self.padded(axis) {
                return Some(format!(
                    "the kernel reaches over {} values of an input that has {} with its padding",
                    self.reach(axis),
                    self.padded(axis)
                ));
            }
        }
        let product = |factors: [u32; 4]| factors.iter().fold(1u64, |all, n| all.saturating_mul(u64::from(*n)));
        let [height, width] = self.output();
        let channels = self.in_channels / self.groups;
        [
            product([self.in_channels, self.input[0], self.input[1], 1]),
            product([self.out_channels, height, width, 1]),
            product([self.out_channels, channels, self.kernel[0], self.kernel[1]]),
        ]
        .iter()
        .any(|n| *n >= Self::MOST)
        .then(|| "the convolution has more than 2^31 inputs, outputs or taps".into())
    }

    /// Values an undilated kernel would have to span.
    fn reach(&self, axis: usize) -> u64 {
        (u64::from(self.kernel[axis]) - 1) * u64::from(self.dilation[axis]) + 1
    }

    fn padded(&self, axis: usize) -> u64 {
        u64::from(self.input[axis]) + u64::from(self.padding_before[axis]) + u64::from(self.padding_after[axis])
    }

    /// Size of the output; sizes are without fault.
    pub fn output(&self) -> [u32; 2] {
        [0, 1].map(|axis| {
            let steps = (self.padded(axis) - self.reach(axis)) / u64::from(self.stride[axis]);
            u32::try_from(steps + 1).unwrap_or(u32::MAX)
        })
    }

    /// Neurons of one output channel.
    pub fn channel_size(&self) -> u32 {
        let [height, width] = self.output();
        height * width
    }

    /// (targets, sources).
    pub fn size(&self) -> (u32, u32) {
        (self.out_channels * self.channel_size(), self.in_channels * self.input[0] * self.input[1])
    }

    /// Taps of one output channel and one input channel.
    pub fn taps_of_a_kernel(&self) -> usize {
        self.kernel[0] as usize * self.kernel[1] as usize
    }

    /// Input channels of a group.
    pub fn group_channels(&self) -> u32 {
        self.in_channels / self.groups
    }

    /// Taps of the whole convolution: the number of its weights.
    pub fn taps(&self) -> usize {
        self.out_channels as usize * self.group_channels() as usize * self.taps_of_a_kernel()
    }

    /// Where a tap of one axis meets the input for an output position; `None` in the padding.
    fn at(&self, axis: usize, output: u32, tap: u32) -> Option<u32> {
        let padded =
            u64::from(output) * u64::from(self.stride[axis]) + u64::from(tap) * u64::from(self.dilation[axis]);
        let at = padded.checked_sub(u64::from(self.padding_before[axis]))?;
        (at < u64::from(self.input[axis])).then_some(at as u32)
    }

    /// Calls `visit(source, tap)` for every tap that meets the input at a target, sources ascending.
    pub fn for_each_tap(&self, target: u32, mut visit: impl FnMut(u32, usize)) {
        let [_, width] = self.output();
        let size = self.channel_size();
        let (channel, y, x) = (target / size, target % size / width, target % width);
        let inputs = self.group_channels();
        let first = channel / (self.out_channels / self.groups) * inputs;
        let [rows, columns] = self.input;
        for input in 0..inputs {
            let kernel = (channel as usize * inputs as usize + input as usize) * self.taps_of_a_kernel();
            for tap_y in 0..self.kernel[0] {
                let Some(source_y) = self.at(0, y, tap_y) else { continue };
                let row = ((first + input) * rows + source_y) * columns;
                let taps = kernel + (tap_y * self.kernel[1]) as usize;
                for tap_x in 0..self.kernel[1] {
                    if let Some(source_x) = self.at(1, x, tap_x) {
                        visit(row + source_x, taps + tap_x as usize);
                    }
                }
            }
        }
    }

    /// How often the taps that `is_synapse` names meet the input, over all targets.
    pub fn count(&self, is_synapse: impl Fn(usize) -> bool) -> u64 {
        // Outputs o with before <= o stride + tap dilation < before + input.
        let met = [0, 1].map(|axis| {
            let (output, stride) = (u64::from(self.output()[axis]), u64::from(self.stride[axis]));
            let below = |end: u64, offset: u64| end.saturating_sub(offset).div_ceil(stride).min(output);
            let before = u64::from(self.padding_before[axis]);
            let meets = |tap| {
                let offset = u64::from(tap) * u64::from(self.dilation[axis]);
                below(before + u64::from(self.input[axis]), offset) - below(before, offset)
            };
            (0..self.kernel[axis]).map(meets).collect::<Vec<_>>()
        });
        let columns = self.kernel[1] as usize;
        let of = |tap: usize| {
            let tap = tap % self.taps_of_a_kernel();
            met[0][tap / columns] * met[1][tap % columns]
        };
        (0..self.taps()).filter(|&tap| is_synapse(tap)).map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Weights;
    use proptest::prelude::*;

    fn shape() -> impl Strategy<Value = ConvolutionShape> {
        let pair = |least: u32, most: u32| [least..=most, least..=most];
        let sizes =
            (1u32..4, 1u32..4, 1u32..3, pair(1, 9), pair(1, 4), pair(1, 3), pair(1, 2), pair(0, 2), pair(0, 2));
        let shape =
            sizes.prop_map(|(i, o, groups, input, kernel, stride, dilation, before, after)| ConvolutionShape {
                in_channels: i * groups,
                out_channels: o * groups,
                groups,
                input,
                kernel,
                stride,
                dilation,
                padding_before: before,
                padding_after: after,
            });
        shape.prop_filter("possible", |shape| shape.fault().is_none())
    }

    /// The equation at the head of this file, over a padded copy of the input, in the most literal way.
    fn naive(s: &ConvolutionShape, weights: &[f32], x: &[f64]) -> Vec<f64> {
        let size = |axis: usize| (s.padding_before[axis] + s.input[axis] + s.padding_after[axis]) as usize;
        let (h, w) = (size(0), size(1));
        let mut padded = vec![0.0; s.in_channels as usize * h * w];
        for c in 0..s.in_channels as usize {
            for y in 0..s.input[0] as usize {
                for z in 0..s.input[1] as usize {
                    let (py, px) = (y + s.padding_before[0] as usize, z + s.padding_before[1] as usize);
                    padded[(c * h + py) * w + px] = x[(c * s.input[0] as usize + y) * s.input[1] as usize + z];
                }
            }
        }
        let mut out = Vec::new();
        let (per_in, per_out) = ((s.in_channels / s.groups) as usize, (s.out_channels / s.groups) as usize);
        let [kh, kw] = s.kernel.map(|n| n as usize);
        for o in 0..s.out_channels as usize {
            let mut oy = 0;
            while oy + (kh - 1) * (s.dilation[0] as usize) < h {
                let mut ox = 0;
                while ox + (kw - 1) * (s.dilation[1] as usize) < w {
                    let mut sum = 0.0;
                    for i in 0..per_in {
                        for ky in 0..kh {
                            for kx in 0..kw {
                                let channel = o / per_out * per_in + i;
                                let (y, z) =
                                    (oy + ky * s.dilation[0] as usize, ox + kx * s.dilation[1] as usize);
                                sum += f64::from(weights[((o * per_in + i) * kh + ky) * kw + kx])
                                    * padded[(channel * h + y) * w + z];
                            }
                        }
                    }
                    out.push(sum);
                    ox += s.stride[1] as usize;
                }
                oy += s.stride[0] as usize;
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_convolution_is_the_sum_of_its_equation(shape in shape(), seed in any::<u32>()) {
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 28) as f32 - 7.0;
            let values: Vec<f32> = (0..shape.taps()).map(number).collect();
            let (targets, sources) = shape.size();
            let x: Vec<f64> = (0..sources as usize).map(|i| f64::from(number(i + 999))).collect();
            let wanted = naive(&shape, &values, &x);
            prop_assert_eq!(wanted.len(), targets as usize);
            let weights = Weights::Convolution { shape, values };
            prop_assert_eq!(weights.shape(), (targets, sources));
            let mut synapses = 0;
            for (target, wanted) in wanted.iter().enumerate() {
                let (mut sum, mut last) = (0.0, None);
                weights.for_each_source(target as u32, |source, weight| {
                    assert!(weight != 0.0 && last < Some(source), "sources ascend");
                    last = Some(source);
                    synapses += 1;
                    sum += f64::from(weight) * x[source as usize];
                });
                prop_assert_eq!(sum, *wanted);
            }
            prop_assert_eq!(weights.synapse_count(), synapses);
        }
    }

    #[test]
    fn impossible_sizes_are_told() {
        let good = ConvolutionShape {
            in_channels: 2,
            out_channels: 4,
            groups: 2,
            input: [5, 5],
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            padding_before: [0, 0],
            padding_after: [0, 0],
        };
        assert_eq!((good.fault(), good.output(), good.taps()), (None, [3, 3], 36));
        for bad in [
            ConvolutionShape { groups: 3, ..good },
            ConvolutionShape { groups: 0, ..good },
            ConvolutionShape { stride: [0, 1], ..good },
            ConvolutionShape { dilation: [3, 1], ..good },
            ConvolutionShape { input: [1 << 16, 1 << 16], ..good },
            ConvolutionShape { kernel: [u32::MAX, u32::MAX], dilation: [u32::MAX, 1], ..good },
            ConvolutionShape { padding_before: [u32::MAX, u32::MAX], ..good },
        ] {
            assert!(bad.fault().is_some(), "{bad:?}");
        }
    }
}
