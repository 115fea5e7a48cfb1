//! Fields of nodes: numbers, sizes, and the geometry of convolutions and pools.

use super::Reader;
use super::shapes::elements;
use crate::network::{ConvolutionShape, NeuronParameters, Parameter};

/// Most elements of an input or a layer; more is surely a damaged file.
pub(super) const MOST_ELEMENTS: usize = 1 << 24;

impl Reader<'_> {
    pub(super) fn complain(&mut self, node: usize, what: impl Into<String>, hint: &str) {
        let node = &self.summary.nodes[node];
        let place = format!("{}, node `{}` ({})", self.file.name(), node.name, node.kind);
        self.problems.push(crate::error::Problem::new(place, what, hint));
    }

    pub(super) fn numbers(&mut self, node: usize, field: &str) -> Vec<f64> {
        match self.file.numbers(&format!("{}/{field}", self.summary.nodes[node].path)) {
            Ok(values) => values,
            Err(error) => {
                self.problems.extend(error.problems);
                Vec::new()
            }
        }
    }

    /// Numbers that must be sizes: whole, at least 1.
    pub(super) fn sizes(&mut self, node: usize, field: &str) -> Option<Vec<usize>> {
        let values = self.whole(node, field, 1)?;
        Some(values.into_iter().map(|n| n as usize).collect())
    }

    /// A single size, or the default where the field is absent.
    pub(super) fn size_or(&mut self, node: usize, field: &str, default: usize) -> Option<usize> {
        if self.summary.nodes[node].field(field).is_none() {
            return Some(default);
        }
        match self.sizes(node, field)?[..] {
            [size] => Some(size),
            ref other => {
                let what = format!("{field} has {} values", other.len());
                self.complain(node, what, "give one");
                None
            }
        }
    }

    fn whole(&mut self, node: usize, field: &str, least: u32) -> Option<Vec<u32>> {
        let values = self.numbers(node, field);
        let range = f64::from(least)..=MOST_ELEMENTS as f64;
        if let Some(bad) = values.iter().find(|v| !range.contains(*v) || v.fract() != 0.0) {
            self.complain(node, format!("{field} holds {bad}; wanted whole numbers from {least} to 2^24"), "");
            return None;
        }
        if values.is_empty() {
            self.complain(node, format!("{field} is empty or missing"), "");
            return None;
        }
        Some(values.into_iter().map(|v| v as u32).collect())
    }

    /// A number for both axes or one for each; of one axis, `across` is the other's.
    fn pair(
        &mut self,
        node: usize,
        field: &str,
        least: u32,
        default: Option<u32>,
        across: u32,
    ) -> Option<[u32; 2]> {
        let flat = self.summary.nodes[node].kind == "Conv1d";
        let values = match (self.summary.nodes[node].field(field), default) {
            (None, Some(value)) => vec![value],
            _ => self.whole(node, field, least)?,
        };
        match values[..] {
            [both] => Some(if flat { [across, both] } else { [both, both] }),
            [rows, columns] if !flat => Some([rows, columns]),
            _ => {
                let wanted = if flat { "give one" } else { "give one or two" };
                self.complain(node, format!("{field} has {} values", values.len()), wanted);
                None
            }
        }
    }

    /// The sizes of a convolution or pool for an input of that shape.
    pub(super) fn convolution(&mut self, node: usize, input: &[usize]) -> Option<ConvolutionShape> {
        let entry = &self.summary.nodes[node];
        let axes = if entry.kind == "Conv1d" { 1 } else { 2 };
        let is_pool = entry.kind.ends_with("Pool2d");
        let (in_channels, out_channels, groups, kernel);
        if is_pool {
            let extra = input.len().saturating_sub(axes + 1);
            let [channels, ..] = input[extra..] else { return self.not_an_image(node, input, None) };
            if input.len() < axes + 1 || input[..extra].iter().any(|d| *d != 1) {
                return self.not_an_image(node, input, None);
            }
            (in_channels, out_channels, groups) = (channels, channels, channels);
            kernel = self.pair(node, "kernel_size", 1, None, 1)?;
        } else {
            let shape = entry.field("weight").unwrap_or_default();
            if shape.len() != axes + 2 || elements(&shape) == 0 {
                let wanted =
                    if axes == 1 { "wanted (out, in, taps)" } else { "wanted (out, in, rows, columns)" };
                self.complain(node, format!("weight has shape {shape:?}"), wanted);
                return None;
            }
            groups = self.size_or(node, "groups", 1)?;
            (out_channels, in_channels) = (shape[0], shape[1].saturating_mul(groups));
            let taps = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            kernel = if axes == 1 { [1, taps(shape[2])] } else { [taps(shape[2]), taps(shape[3])] };
        }
        let image = self.image(node, input, in_channels, axes)?;
        let image = if axes == 1 { [1, image[0]] } else { [image[0], image[1]] };
        let stride = self.pair(node, "stride", 1, (!is_pool).then_some(1), 1)?;
        let dilation = if is_pool { [1, 1] } else { self.pair(node, "dilation", 1, Some(1), 1)? };
        let (padding_before, padding_after) = self.padding(node, kernel, stride, dilation)?;
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let shape = ConvolutionShape {
            in_channels: narrow(in_channels),
            out_channels: narrow(out_channels),
            groups: narrow(groups),
            input: image.map(narrow),
            kernel,
            stride,
            dilation,
            padding_before,
            padding_after,
        };
        if let Some(fault) = shape.fault() {
            self.complain(node, fault, "check kernel, padding and the shape of the input");
            return None;
        }
        if shape.taps() > MOST_ELEMENTS {
            self.complain(node, format!("its kernels have {} taps; the most is 2^24", shape.taps()), "");
            return None;
        }
        Some(shape)
    }

    /// Rows and columns of the input, which the node may name, too.
    fn image(&mut self, node: usize, input: &[usize], channels: usize, axes: usize) -> Option<Vec<usize>> {
        let named = match self.summary.nodes[node].field("input_shape") {
            Some(_) => Some(self.sizes(node, "input_shape")?),
            None => None,
        };
        let extra = input.len().saturating_sub(axes + 1);
        let given = (input.len() > axes && input[..extra].iter().all(|d| *d == 1) && input[extra] == channels)
            .then(|| input[extra + 1..].to_vec());
        match (given, named) {
            (Some(given), None) => Some(given),
            (Some(given), Some(named)) if given == named => Some(given),
            // Values in one row are an image if the node says so.
            (None, Some(named))
                if named.len() == axes && elements(&named).saturating_mul(channels) == elements(input) =>
            {
                Some(named)
            }
            (_, named) => self.not_an_image(node, input, Some((channels, named))),
        }
    }

    fn not_an_image<T>(
        &mut self,
        node: usize,
        input: &[usize],
        wanted: Option<(usize, Option<Vec<usize>>)>,
    ) -> Option<T> {
        let wanted = match wanted {
            None => "(channels, rows, columns)".to_owned(),
            Some((channels, None)) => format!("{channels} channels of a known size"),
            Some((channels, Some(image))) => format!("{channels} channels of its input_shape {image:?}"),
        };
        let what = format!("takes {wanted} but is given shape {input:?}");
        self.complain(
            node,
            what,
            "give the Input node or the neurons before it their shape, or repair input_shape",
        );
        None
    }

    /// Zeros before and after each axis.
    fn padding(
        &mut self,
        node: usize,
        kernel: [u32; 2],
        stride: [u32; 2],
        dilation: [u32; 2],
    ) -> Option<([u32; 2], [u32; 2])> {
        let path = format!("{}/padding", self.summary.nodes[node].path);
        let text = self.file.texts(&path).ok().and_then(|texts| texts.into_iter().next());
        match text.as_deref() {
            Some("valid") => Some(([0, 0], [0, 0])),
            Some("same") if stride == [1, 1] => {
                // An odd zero goes to the end, as in PyTorch.
                let all = [0, 1].map(|axis: usize| dilation[axis].saturating_mul(kernel[axis] - 1));
                Some((all.map(|n| n / 2), all.map(|n| n - n / 2)))
            }
            Some("same") => {
                let what = format!("padding \"same\" with the stride {stride:?} has no agreed meaning");
                self.complain(node, what, "give the padding in numbers");
                None
            }
            Some(other) => {
                let what = format!("padding is \"{other}\"");
                self.complain(node, what, "wanted \"same\", \"valid\", or numbers");
                None
            }
            None => {
                let default = self.summary.nodes[node].kind.starts_with("Conv").then_some(0);
                let padding = self.pair(node, "padding", 0, default, 0)?;
                Some((padding, padding))
            }
        }
    }

    /// Values of a field for each of `shape`'s elements: as many, one, or a shape with ones that is repeated.
    pub(super) fn spread(&mut self, node: usize, field: &str, shape: &[usize]) -> Option<Vec<f64>> {
        let values = self.numbers(node, field);
        let mut own = self.summary.nodes[node].field(field).unwrap_or_default();
        let wanted = elements(shape);
        if values.len() == wanted {
            return Some(values);
        }
        while own.len() < shape.len() {
            own.insert(0, 1);
        }
        let fits = own.len() == shape.len() && own.iter().zip(shape).all(|(a, b)| a == b || *a == 1);
        if !fits || values.len() != elements(&own) || wanted > MOST_ELEMENTS {
            let what =
                format!("{field} has {} values where {wanted} (of shape {shape:?}) come in", values.len());
            self.complain(node, what, "give one for each");
            return None;
        }
        let spread = (0..wanted).map(|mut element| {
            // From the last axis on: the index within the own, smaller shape.
            let (mut at, mut step) = (0, 1);
            for (&a, &b) in own.iter().zip(shape).rev() {
                at += if a == 1 { 0 } else { element % b * step };
                element /= b;
                step *= a;
            }
            values[at]
        });
        Some(spread.collect())
    }

    pub(super) fn parameters(&mut self, node: usize, size: usize, bias: Vec<f64>) -> Option<NeuronParameters> {
        let kind = self.summary.nodes[node].kind.clone();
        let fields = self.summary.nodes[node].fields.clone();
        let before = self.problems.len();
        let mut get = |field: &str, default: Option<f64>| {
            if let (false, Some(value)) = (fields.iter().any(|(name, _)| name == field), default) {
                return Parameter::Uniform(value);
            }
            let values = self.numbers(node, field);
            match values.len() {
                1 => Parameter::Uniform(values[0]),
                n if n == size => Parameter::Each(values),
                0 => {
                    if fields.iter().any(|(name, _)| name == field) {
                        self.complain(
                            node,
                            format!("{field} is empty"),
                            "give one value, or one for each neuron",
                        );
                    }
                    Parameter::Uniform(1.0) // An absent field is reported on reading.
                }
                n => {
                    self.complain(
                        node,
                        format!("{field} has {n} values for {size} neurons"),
                        "give one, or one for each",
                    );
                    Parameter::Uniform(1.0)
                }
            }
        };
        let cuba = kind == "CubaLIF";
        let leaky = kind != "IF";
        let parameters = NeuronParameters {
            tau_mem_s: leaky.then(|| get(if cuba { "tau_mem" } else { "tau" }, None)),
            tau_syn_s: cuba.then(|| get("tau_syn", None)),
            r: get("r", None),
            w_in: if cuba { get("w_in", Some(1.0)) } else { Parameter::Uniform(1.0) },
            v_leak: if leaky { get("v_leak", None) } else { Parameter::Uniform(0.0) },
            v_threshold: (kind != "LI").then(|| get("v_threshold", None)),
            // Files written before NIR 1.0 have no v_reset; it meant 0.
            v_reset: if kind == "LI" { Parameter::Uniform(0.0) } else { get("v_reset", Some(0.0)) },
            bias,
        };
        (self.problems.len() == before).then_some(parameters)
    }
}
