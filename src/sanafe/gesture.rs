//! The DVS-gesture network that comes with SANA-FE's tutorial: five layers of whole-number weights.

use super::graph::{Graph, fault, whole};
use crate::error::Error;
use crate::npz::read_reals;
use std::path::Path;

/// A convolution: [row][column][in][out] kernel over channels of rows of columns, no padding.
#[derive(Clone, Debug)]
struct Convolution {
    weights: Vec<i32>,
    side: u32,
    outputs: u32,
    stride: u32,
}

/// Channels and side of a layer.
#[derive(Clone, Copy, Debug)]
struct Layer {
    first: u32,
    channels: u32,
    side: u32,
}

/// The network.
#[derive(Clone, Debug)]
pub struct Gesture {
    layers: Vec<Layer>,
    convolutions: Vec<Convolution>,
    /// [source][target] of the last layer.
    dense: Vec<i32>,
    thresholds: Vec<i32>,
    inputs: Vec<i32>,
    cores: Vec<u32>,
}

/// Sides of the layers.
const SIDES: [u32; 5] = [32, 15, 13, 11, 9];
/// Channels of the layers.
const CHANNELS: [u32; 5] = [1, 16, 32, 64, 11];
/// Cores of the layers and of the last, dense one.
const CORES: [u32; 6] = [1, 4, 16, 16, 4, 1];
/// Side of every kernel.
const KERNEL: u32 = 3;
/// Neurons of the dense layer.
const CLASSES: u32 = 11;

impl Gesture {
    /// Reads the tutorial's arrays: `conv1` to `conv4`, `dense1`, `inputs`, `thresholds`.
    ///
    /// # Errors
    /// The file cannot be read, or an array is absent, of another size, or holds a number that is not whole.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let place = || path.display().to_string();
        let read = |name: &str, wanted: u32| -> Result<Vec<i32>, Error> {
            let hint = "take sanafe_dvs_challenge.npz from SANA-FE's tutorial";
            let values = read_reals(path, name)?
                .ok_or_else(|| fault(place(), format!("there is no array `{name}`"), hint))?;
            if values.len() != wanted as usize {
                let what = format!("`{name}` has {} numbers; wanted {wanted}", values.len());
                return Err(fault(place(), what, hint));
            }
            let whole: Option<Vec<i32>> = values.iter().map(|v| whole(*v)).collect();
            whole.ok_or_else(|| fault(place(), format!("`{name}` holds a number that is not whole"), hint))
        };
        let mut first = 0;
        let mut layers = Vec::new();
        for (side, channels) in SIDES.into_iter().zip(CHANNELS) {
            layers.push(Layer { first, channels, side });
            first += channels * side * side;
        }
        layers.push(Layer { first, channels: CLASSES, side: 1 });
        let mut convolutions = Vec::new();
        for (i, stride) in [2, 1, 1, 1].into_iter().enumerate() {
            let (inputs, outputs) = (CHANNELS[i], CHANNELS[i + 1]);
            let weights = read(&format!("conv{}", i + 1), KERNEL * KERNEL * inputs * outputs)?;
            convolutions.push(Convolution { weights, side: KERNEL, outputs, stride });
        }
        let last = CHANNELS[4] * SIDES[4] * SIDES[4];
        let mut cores = Vec::new();
        for (layer, count) in layers.iter().zip(CORES) {
            let each = layer.channels * layer.side * layer.side / count;
            cores.extend((0..count).map(|core| layer.first + core * each));
        }
        cores.push(first + CLASSES);
        Ok(Self {
            convolutions,
            dense: read("dense1", last * CLASSES)?,
            thresholds: read("thresholds", layers.len() as u32)?,
            inputs: read("inputs", SIDES[0] * SIDES[0])?,
            layers,
            cores,
        })
    }

    fn layer_of(&self, neuron: u32) -> usize {
        self.layers.partition_point(|layer| layer.first <= neuron) - 1
    }
}

impl Graph for Gesture {
    fn name(&self) -> String {
        "sanafe-gesture".into()
    }

    fn cores(&self) -> &[u32] {
        &self.cores
    }

    fn synapses(&self, neuron: u32, out: &mut Vec<(u32, i32)>) {
        let at = self.layer_of(neuron);
        let layer = self.layers[at];
        let Some(next) = self.layers.get(at + 1) else { return };
        let place = neuron - layer.first;
        let Some(kernel) = self.convolutions.get(at) else {
            let row = &self.dense[(place * CLASSES) as usize..((place + 1) * CLASSES) as usize];
            out.extend(row.iter().zip(next.first..).map(|(weight, target)| (target, *weight)));
            return;
        };
        let (channel, y, x) =
            (place / (layer.side * layer.side), place / layer.side % layer.side, place % layer.side);
        // The output at (oy, ox) sees this neuron through the kernel's row y - oy stride and column x - ox stride.
        let reach = |at: u32| {
            (0..kernel.side).filter_map(move |k| {
                let from = at.checked_sub(k)?;
                (from.is_multiple_of(kernel.stride) && from / kernel.stride < next.side)
                    .then_some((k, from / kernel.stride))
            })
        };
        for (ky, oy) in reach(y) {
            for (kx, ox) in reach(x) {
                let start = ((ky * kernel.side + kx) * layer.channels + channel) * kernel.outputs;
                for (o, weight) in (0..).zip(&kernel.weights[start as usize..(start + kernel.outputs) as usize])
                {
                    out.push((next.first + (o * next.side + oy) * next.side + ox, *weight));
                }
            }
        }
    }

    fn neuron(&self, neuron: u32) -> [i64; 3] {
        let bias = self.inputs.get(neuron as usize).copied().unwrap_or(0);
        [self.thresholds[self.layer_of(neuron)].into(), bias.into(), 0]
    }

    fn leak(&self) -> i64 {
        64
    }

    fn force_update(&self) -> bool {
        false
    }

    fn synaptic_operation_ps(&self) -> u64 {
        3_800
    }

    fn synaptic_operation_pj(&self) -> &'static str {
        "35.5"
    }
}
