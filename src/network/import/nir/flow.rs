//! What flows into a population: all ways back over linear nodes and delays to the populations and inputs before it.

use super::Reader;
use super::shapes::elements;
use crate::network::builder::MAX_DELAY;
use crate::network::import::linear::Map;
use std::collections::BTreeSet;

/// Most linear nodes between two populations, and most ways from one to another.
const MOST_LINEAR: usize = 256;
const MOST_WAYS: usize = 4096;
/// How far a delay in ticks may be from a whole number, relative to it.
const WHOLE: f64 = 1e-6;

/// One contribution to a node's input.
pub(super) struct Inflow {
    /// Neuron node or Input it comes from; `None` for a constant.
    pub(super) source: Option<usize>,
    pub(super) map: Map,
    /// Constant it adds, one for each element or empty.
    pub(super) constant: Vec<f64>,
    /// In ticks.
    pub(super) delay: u8,
}

impl Reader<'_> {
    /// Everything that flows into a node, back to neurons and inputs.
    pub(super) fn inputs_of(&mut self, node: usize, trail: &mut Vec<usize>) -> Vec<Inflow> {
        let mut paths = Vec::new();
        for from in self.into[node].clone() {
            if !self.fits(from, node) {
                continue;
            }
            let entry = &self.summary.nodes[from];
            if entry.is_neuron() || entry.is_input() {
                paths.push(Inflow { source: Some(from), map: Map::Identity, constant: Vec::new(), delay: 0 });
            } else if trail.contains(&from) {
                self.complain(
                    from,
                    "a cycle of linear nodes has no neuron in it",
                    "put a neuron into the loop",
                );
            } else if trail.len() >= MOST_LINEAR || paths.len() >= MOST_WAYS || self.gave_up {
                self.give_up(from);
            } else {
                trail.push(from);
                let before = self.inputs_of(from, trail);
                trail.pop();
                paths.extend(self.apply(from, before));
            }
        }
        paths
    }

    fn too_large(&mut self, node: usize, entries: &str) {
        self.complain(
            node,
            format!("multiplied with the linear nodes before it, it has {entries}; the most is 2^27"),
            "put neurons between the layers, or make them smaller",
        );
    }

    fn give_up(&mut self, node: usize) {
        if !std::mem::replace(&mut self.gave_up, true) {
            self.complain(
                node,
                "too many linear nodes or delays between two populations",
                "multiply them into one",
            );
        }
    }

    /// Whether an edge joins shapes that are known and of one size; complains otherwise.
    fn fits(&mut self, from: usize, to: usize) -> bool {
        let Some(gives) = self.known[from].gives.as_deref() else {
            // Where a shape is wrong, those after it are unknown: one message is enough.
            if self.problems.is_empty() {
                self.complain(
                    from,
                    "the shape of what it gives is unknown",
                    "give the Input node or the neurons before it their shape",
                );
            }
            return false;
        };
        if self.summary.nodes[to].is_output() {
            return true;
        }
        let Some(takes) = self.known[to].takes.as_deref() else { return false };
        let (given, wanted) = (elements(gives), elements(takes));
        if given != wanted {
            let source = &self.summary.nodes[from].name;
            let what = format!("takes {wanted} values but is given {given} by `{source}`");
            self.complain(to, what, "check the shapes");
        }
        given == wanted
    }

    /// Lets the ways into a linear node go through it.
    fn apply(&mut self, node: usize, mut paths: Vec<Inflow>) -> Vec<Inflow> {
        let Some(input) = self.known[node].takes.clone() else { return Vec::new() };
        let outputs = self.known[node].gives.as_deref().map_or(0, elements);
        let kind = self.summary.nodes[node].kind.clone();
        let convolution = self.known[node].convolution;
        let map = match (kind.as_str(), convolution) {
            // Neurons are numbered in row-major order already.
            ("Flatten" | "Input" | "Output", _) => return paths,
            ("Delay", _) => return self.delay(node, paths, &input),
            ("Affine" | "Linear", _) => {
                let inputs = elements(&input);
                let Some(values) = self.weights(node, outputs.saturating_mul(inputs)) else {
                    return Vec::new();
                };
                Map::Matrix { outputs, inputs, values }
            }
            ("Scale", _) => match self.spread(node, "scale", &input) {
                Some(scale) => Map::Diagonal(scale),
                None => return Vec::new(),
            },
            ("Conv1d" | "Conv2d", Some(shape)) => {
                let Some(values) = self.weights(node, shape.taps()) else { return Vec::new() };
                Map::Convolution { shape, values }
            }
            ("SumPool2d", Some(shape)) => Map::Convolution { shape, values: vec![1.0; shape.taps()] },
            ("AvgPool2d", Some(shape)) => {
                // Zeros of the padding count, as in PyTorch by default.
                let share = 1.0 / shape.taps_of_a_kernel() as f64;
                Map::Convolution { shape, values: vec![share; shape.taps()] }
            }
            _ => {
                self.complain(node, "this node cannot stand between neurons", "");
                return Vec::new();
            }
        };
        for path in &mut paths {
            if !path.constant.is_empty() {
                path.constant = map.apply(&path.constant);
            }
            match map.after(std::mem::replace(&mut path.map, Map::Identity)) {
                Ok(map) => path.map = map,
                Err(entries) => self.too_large(node, &entries),
            }
        }
        if kind == "Affine" || kind.starts_with("Conv") && self.summary.nodes[node].field("bias").is_some() {
            let bias = self.numbers(node, "bias");
            let channels = convolution.map_or(outputs, |shape| shape.out_channels as usize);
            if bias.len() == channels {
                let each = outputs / channels.max(1);
                let constant = bias.into_iter().flat_map(|b| std::iter::repeat_n(b, each)).collect();
                paths.push(Inflow { source: None, map: Map::Identity, constant, delay: 0 });
            } else {
                self.complain(node, format!("{} biases for {channels} outputs", bias.len()), "");
            }
        }
        paths
    }

    /// As many weights as the shape says.
    fn weights(&mut self, node: usize, wanted: usize) -> Option<Vec<f64>> {
        let values = self.numbers(node, "weight");
        if values.len() != wanted && !values.is_empty() {
            // Those that cannot be read at all are reported on reading.
            self.complain(node, format!("{} weights where the shape wants {wanted}", values.len()), "");
        }
        (values.len() == wanted).then_some(values)
    }

    /// Delays the ways into a Delay node: one way for each distinct delay, the others' elements left out of it.
    fn delay(&mut self, node: usize, paths: Vec<Inflow>, input: &[usize]) -> Vec<Inflow> {
        let Some(seconds) = self.spread(node, "delay", input) else { return Vec::new() };
        let dt = self.dt_s;
        let ticks = |s: &f64| {
            let ticks = s / dt;
            let whole = ticks.round();
            ((ticks - whole).abs() <= WHOLE * whole.max(1.0) && (0.0..=f64::from(MAX_DELAY)).contains(&whole))
                .then_some(whole as u8)
        };
        let Some(delays) = seconds.iter().map(ticks).collect::<Option<Vec<u8>>>() else {
            let bad = seconds.iter().filter(|s| ticks(s).is_none());
            let first = bad.clone().next().copied().unwrap_or(0.0);
            let what = format!(
                "{} of its {} delays are not a whole number of ticks from 0 to {MAX_DELAY}; the first is {first} s, \
                 {} ticks of dt = {dt} s",
                bad.count(),
                seconds.len(),
                first / dt
            );
            self.complain(node, what, "choose a dt that divides the delays");
            return Vec::new();
        };
        let distinct: BTreeSet<u8> = delays.iter().copied().collect();
        let mut delayed = Vec::new();
        for path in paths {
            if path.source.is_none() {
                delayed.push(path); // A constant is the same at any time.
                continue;
            }
            for &delay in &distinct {
                let total = u32::from(path.delay) + u32::from(delay);
                let Some(total) = u8::try_from(total).ok().filter(|total| *total <= MAX_DELAY) else {
                    let what =
                        format!("with the delays before it, it makes {total} ticks; the most is {MAX_DELAY}");
                    self.complain(node, what, "use a longer dt or shorter delays");
                    return Vec::new();
                };
                let map = if distinct.len() == 1 {
                    path.map.clone()
                } else {
                    let mask = delays.iter().map(|d| f64::from(u8::from(*d == delay))).collect();
                    match Map::Diagonal(mask).after(path.map.clone()) {
                        Ok(map) => map,
                        Err(entries) => {
                            self.too_large(node, &entries);
                            return Vec::new();
                        }
                    }
                };
                delayed.push(Inflow { source: path.source, map, constant: Vec::new(), delay: total });
            }
            if delayed.len() > MOST_WAYS {
                self.give_up(node);
                return Vec::new();
            }
        }
        delayed
    }
}
