//! Shapes through the graph: every node's output from its input, from the Input nodes and the neurons' parameters on.

use super::Reader;
use super::fields::MOST_ELEMENTS;
use crate::network::ConvolutionShape;
use std::collections::VecDeque;

/// What is known of a node's values.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Shape of what it takes.
    pub(super) takes: Option<Vec<usize>>,
    /// Shape of what it gives.
    pub(super) gives: Option<Vec<usize>>,
    /// For convolutions and pools.
    pub(super) convolution: Option<ConvolutionShape>,
    /// Whether its shape was tried and complained about.
    failed: bool,
}

/// Elements of a shape; what is beyond a `usize` is the largest.
pub(super) fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |all: usize, &n| all.saturating_mul(n))
}

impl Reader<'_> {
    /// Finds the shapes of all nodes that spikes can reach; complains of what contradicts itself.
    pub(super) fn infer_shapes(&mut self) {
        let n = self.summary.nodes.len();
        self.known = vec![Known::default(); n];
        let mut next: Vec<Vec<usize>> = vec![Vec::new(); n];
        for (to, from) in self.into.iter().enumerate() {
            from.iter().for_each(|&from| next[from].push(to));
        }
        let mut open = VecDeque::new();
        for node in 0..n {
            let shape = if self.summary.nodes[node].is_input() {
                self.input_shape(node)
            } else if self.summary.nodes[node].is_neuron() {
                self.parameter_shape(node)
            } else {
                None
            };
            if let Some(shape) = shape {
                self.settle(node, shape.clone(), shape, &mut open);
            }
        }
        self.propagate(&next, &mut open);
        // What no shape has reached (a loop whose neurons share one parameter, say) may still know its own.
        for own in [Self::own_input as fn(&mut Self, usize) -> Option<Vec<usize>>, Self::single_neuron] {
            for node in 0..n {
                if self.known[node].gives.is_none()
                    && !self.known[node].failed
                    && let Some(input) = own(self, node)
                {
                    self.give(node, input, &mut open);
                    self.propagate(&next, &mut open);
                }
            }
        }
    }

    fn propagate(&mut self, next: &[Vec<usize>], open: &mut VecDeque<usize>) {
        while let Some(from) = open.pop_front() {
            let Some(shape) = self.known[from].gives.clone() else { continue };
            for &to in &next[from] {
                if self.known[to].gives.is_none() && !self.known[to].failed {
                    self.give(to, shape.clone(), open);
                }
            }
        }
    }

    /// Gives a node the shape of its input.
    fn give(&mut self, node: usize, input: Vec<usize>, open: &mut VecDeque<usize>) {
        match self.output_shape(node, &input) {
            Some(output) if elements(&output) <= MOST_ELEMENTS => self.settle(node, input, output, open),
            Some(output) => {
                self.complain(node, format!("its output of shape {output:?} has more than 2^24 values"), "");
                self.known[node].failed = true;
            }
            None => self.known[node].failed = true,
        }
    }

    fn settle(&mut self, node: usize, takes: Vec<usize>, gives: Vec<usize>, open: &mut VecDeque<usize>) {
        let known = &mut self.known[node];
        (known.takes, known.gives) = (Some(takes), Some(gives));
        open.push_back(node);
    }

    fn input_shape(&mut self, node: usize) -> Option<Vec<usize>> {
        let shape = self.numbers(node, "shape");
        let size = shape.iter().product::<f64>();
        if !(1.0..=MOST_ELEMENTS as f64).contains(&size) || shape.iter().any(|d| *d < 1.0 || d.fract() != 0.0) {
            self.complain(node, format!("its shape makes {size} elements"), "wanted 1 to 16,777,216");
            return None;
        }
        Some(shape.into_iter().map(|d| d as usize).collect())
    }

    /// The shape of the largest parameter of a neuron; `None` if all are single values.
    fn parameter_shape(&self, node: usize) -> Option<Vec<usize>> {
        let fields = ["tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in"];
        let node = &self.summary.nodes[node];
        let shapes = fields.iter().filter_map(|field| node.field(field));
        // The first of the largest, so that the order of fields in the file does not matter.
        let largest =
            shapes.reduce(|best, next| if elements(&next) > elements(&best) { next } else { best })?;
        (elements(&largest) > 1 && elements(&largest) <= MOST_ELEMENTS).then_some(largest)
    }

    /// The input a node names itself.
    fn own_input(&mut self, node: usize) -> Option<Vec<usize>> {
        let entry = &self.summary.nodes[node];
        let weight = entry.field("weight");
        match (entry.kind.as_str(), weight.as_deref()) {
            ("Affine" | "Linear", Some([_, inputs])) => Some(vec![*inputs]),
            ("Conv1d" | "Conv2d", Some([_, channels, ..])) => {
                let channels = *channels;
                entry.field("input_shape")?;
                let mut shape = self.sizes(node, "input_shape")?;
                let groups = self.size_or(node, "groups", 1)?;
                shape.insert(0, channels.saturating_mul(groups));
                Some(shape)
            }
            ("Flatten", _) => {
                entry.field("input_type")?;
                self.sizes(node, "input_type")
            }
            _ => None,
        }
    }

    fn single_neuron(&mut self, node: usize) -> Option<Vec<usize>> {
        self.summary.nodes[node].is_neuron().then(|| vec![1])
    }

    /// What a node gives for an input of that shape; complains if it cannot take it.
    fn output_shape(&mut self, node: usize, input: &[usize]) -> Option<Vec<usize>> {
        let entry = &self.summary.nodes[node];
        let wrong = |wanted: usize| (elements(input) != wanted).then(|| takes_but_given(wanted, input));
        match entry.kind.as_str() {
            "Affine" | "Linear" => {
                let shape = entry.field("weight").unwrap_or_default();
                let [outputs, inputs] = shape[..] else {
                    self.complain(node, format!("weight has shape {shape:?}"), "wanted (out, in)");
                    return None;
                };
                if let Some(what) = wrong(inputs) {
                    self.complain(node, what, "check the shapes");
                    return None;
                }
                Some(vec![outputs])
            }
            "Conv1d" | "Conv2d" | "SumPool2d" | "AvgPool2d" => {
                let convolution = self.convolution(node, input)?;
                self.known[node].convolution = Some(convolution);
                let [height, width] = convolution.output().map(|n| n as usize);
                let channels = convolution.out_channels as usize;
                let flat = self.summary.nodes[node].kind == "Conv1d";
                Some(if flat { vec![channels, width] } else { vec![channels, height, width] })
            }
            "Flatten" => self.flattened(node, input),
            "Input" | "Output" if entry.nested && entry.field("shape").is_some() => {
                let shape = self.sizes(node, "shape")?;
                if elements(&shape) != elements(input) {
                    self.complain(node, takes_but_given(elements(&shape), input), "check the shapes");
                    return None;
                }
                Some(shape)
            }
            _ => Some(input.to_vec()),
        }
    }

    fn flattened(&mut self, node: usize, input: &[usize]) -> Option<Vec<usize>> {
        if input.is_empty() {
            return Some(vec![1]);
        }
        let mut ends = [0, input.len() as i64 - 1];
        for (field, end) in ["start_dim", "end_dim"].into_iter().zip(&mut ends) {
            if self.summary.nodes[node].field(field).is_some() {
                let value = self.numbers(node, field).first().copied().unwrap_or(0.0) as i64;
                *end = if value < 0 { value.saturating_add(input.len() as i64) } else { value };
            }
        }
        let [first, last] = ends.map(|end| end.clamp(0, input.len() as i64 - 1) as usize);
        if self.summary.nodes[node].field("input_type").is_some() {
            let named = self.sizes(node, "input_type")?;
            if elements(&named) != elements(input) {
                self.complain(node, takes_but_given(elements(&named), input), "check the shapes");
                return None;
            }
        }
        if first > last {
            return Some(input.to_vec());
        }
        let middle = elements(&input[first..=last]);
        Some([&input[..first], &[middle], &input[last + 1..]].concat())
    }
}

fn takes_but_given(wanted: usize, input: &[usize]) -> String {
    format!("takes {wanted} values but is given {} (of shape {input:?})", elements(input))
}
