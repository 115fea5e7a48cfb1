//! NIR graphs (Pedersen et al. 2024, "Neuromorphic intermediate representation") into networks.
//!
//! Neuron nodes become populations; the linear nodes between two of them (Affine, Linear, Scale, Flatten) are
//! multiplied into one projection, biases into a constant current. Several edges into a node add up. A cycle needs
//! a neuron in it. NIR leaves dt, the reset by subtraction and the integration rule open: the caller decides.

use super::hdf5::Hdf5;
use super::linear::Map;
use crate::error::{Error, Problem, all_well};
use crate::network::{Conventions, Network, NetworkBuilder, NeuronParameters, Parameter, PopulationId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A node as listed by `inspect`.
#[derive(Clone, Debug, PartialEq)]
pub struct NirNode {
    /// Name in the graph.
    pub name: String,
    /// NIR type.
    pub kind: String,
    /// Fields with their shapes.
    pub fields: Vec<(String, Vec<u64>)>,
    /// Whether this importer takes the type.
    pub supported: bool,
}

/// What is in a NIR file.
#[derive(Clone, Debug, PartialEq)]
pub struct NirSummary {
    /// Version the file names.
    pub version: String,
    /// Nodes, by name.
    pub nodes: Vec<NirNode>,
    /// Edges (from, to).
    pub edges: Vec<(String, String)>,
}

const SUPPORTED: &[&str] =
    &["Input", "Output", "Affine", "Linear", "Scale", "Flatten", "IF", "LIF", "CubaLIF", "LI"];
const FIELDS: &[&str] = &[
    "shape",
    "weight",
    "bias",
    "scale",
    "tau",
    "tau_syn",
    "tau_mem",
    "r",
    "v_leak",
    "v_threshold",
    "v_reset",
    "w_in",
    "threshold",
    "delay",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "input_shape",
    "input_type",
    "start_dim",
    "end_dim",
];

/// Most elements of an input; more is surely a damaged file.
const MOST_INPUTS: f64 = (1u32 << 24) as f64;
/// Most linear nodes between two populations, and most ways from one to another.
const MOST_LINEAR: usize = 256;
const MOST_WAYS: usize = 4096;

/// Lists the graph of a NIR file, supported or not.
///
/// # Errors
/// The file cannot be read, or is not a NIR graph.
pub fn inspect_nir(path: &Path) -> Result<NirSummary, Error> {
    summarise(&Hdf5::open(path)?)
}

fn summarise(file: &Hdf5) -> Result<NirSummary, Error> {
    let version =
        file.texts("version").ok().and_then(|v| v.into_iter().next()).unwrap_or_else(|| "unknown".into());
    let mut nodes = Vec::new();
    let mut problems = Vec::new();
    for name in file.groups("node/nodes")? {
        let base = format!("node/nodes/{name}");
        match file.texts(&format!("{base}/type")) {
            Ok(kind) => {
                let kind = kind.into_iter().next().unwrap_or_default();
                let fields = FIELDS.iter().filter_map(|field| {
                    let path = format!("{base}/{field}");
                    file.has_dataset(&path)
                        .then(|| file.shape(&path).ok().map(|shape| (field.to_string(), shape)))?
                });
                let fields = fields.collect();
                let supported = SUPPORTED.contains(&kind.as_str());
                nodes.push(NirNode { name, kind, fields, supported });
            }
            Err(error) => problems.extend(error.problems),
        }
    }
    let shape = file.shape("node/edges")?;
    let flat = if shape.iter().product::<u64>() == 0 { Vec::new() } else { file.texts("node/edges")? };
    if flat.len() % 2 != 0 {
        problems.push(Problem::new(file.name(), format!("`edges` holds {} names, not pairs", flat.len()), ""));
    }
    all_well(problems)?;
    // The same edge twice is the same edge: parallel connections need a node each.
    let mut edges: Vec<(String, String)> = Vec::new();
    let mut known = BTreeSet::new();
    for pair in flat.chunks_exact(2) {
        let edge = (pair[0].clone(), pair[1].clone());
        if known.insert(edge.clone()) {
            edges.push(edge);
        }
    }
    Ok(NirSummary { version, nodes, edges })
}

/// One contribution to a node's input.
struct Inflow {
    /// Neuron node or Input it comes from; `None` for a constant.
    source: Option<usize>,
    map: Map,
    /// Constant it adds, one for each element or empty.
    constant: Vec<f64>,
}

struct Reader<'a> {
    file: &'a Hdf5,
    summary: &'a NirSummary,
    into: Vec<Vec<usize>>,
    problems: Vec<Problem>,
    /// Set once the ways between populations are too many to follow.
    gave_up: bool,
}

/// Reads a NIR file as a network.
///
/// # Errors
/// Everything that cannot be read, is inconsistent or is not supported, with node and type.
pub fn read_nir(path: &Path, conventions: Conventions) -> Result<Network, Error> {
    let name = path.file_stem().map_or_else(|| "network".into(), |s| s.to_string_lossy().into_owned());
    read(&Hdf5::open(path)?, name, conventions)
}

/// Reads a NIR file that is in memory; `name` names file and network.
///
/// # Errors
/// As [`read_nir`].
pub fn read_nir_bytes(name: &str, bytes: Vec<u8>, conventions: Conventions) -> Result<Network, Error> {
    read(&Hdf5::from_bytes(name.to_owned(), bytes)?, name.to_owned(), conventions)
}

fn read(file: &Hdf5, name: String, conventions: Conventions) -> Result<Network, Error> {
    let summary = summarise(file)?;
    let index: BTreeMap<&str, usize> =
        summary.nodes.iter().enumerate().map(|(i, n)| (n.name.as_str(), i)).collect();
    let mut reader = Reader {
        file,
        summary: &summary,
        into: vec![Vec::new(); summary.nodes.len()],
        problems: Vec::new(),
        gave_up: false,
    };
    for (from, to) in &summary.edges {
        match (index.get(from.as_str()), index.get(to.as_str())) {
            (Some(&a), Some(&b)) => reader.into[b].push(a),
            (a, _) => {
                let missing = if a.is_none() { from } else { to };
                let what = format!("the edge {from} -> {to} names `{missing}`, which is not a node");
                reader.problems.push(Problem::new(file.name(), what, "repair the edge list"));
            }
        }
    }
    for node in summary.nodes.iter().filter(|n| !n.supported) {
        let hint = match node.kind.as_str() {
            "NIRGraph" => "flatten the sub-graph into its parent before writing the file",
            "Conv1d" | "Conv2d" | "SumPool2d" | "AvgPool2d" => {
                "unroll it into a Linear node (its matrix) before writing the file"
            }
            "Delay" => "delays are not read yet; a projection's delay can be set with the network builder",
            "Threshold" | "I" | "CubaLI" => "replace it by LIF, IF, CubaLIF or, as a read-out, LI",
            _ => "see `spikemesh inspect` for the types there are",
        };
        let place = format!("{}, node `{}`", file.name(), node.name);
        let what =
            format!("a node of type {} is not supported; supported are {}", node.kind, SUPPORTED.join(", "));
        reader.problems.push(Problem::new(place, what, hint));
    }
    for (kind, role) in [("Input", "nothing would drive the network"), ("Output", "nothing would be read")] {
        if !summary.nodes.iter().any(|n| n.kind == kind) {
            let what = format!("the graph has no {kind} node: {role}");
            reader.problems.push(Problem::new(file.name(), what, format!("add an {kind} node and an edge")));
        }
    }
    all_well(std::mem::take(&mut reader.problems))?;
    reader.build(name, conventions)
}

impl Reader<'_> {
    fn build(mut self, name: String, conventions: Conventions) -> Result<Network, Error> {
        let nodes = &self.summary.nodes;
        let mut builder = NetworkBuilder::new(name, conventions);
        let mut ids: Vec<Option<PopulationId>> = vec![None; nodes.len()];
        let mut sizes = vec![0usize; nodes.len()];
        // Inputs first and neurons in order of the graph, so that core numbers follow the flow of spikes.
        let order = self.flow_order();
        for &i in order.iter().filter(|&&i| nodes[i].kind == "Input") {
            let size = self.numbers(i, "shape").iter().product::<f64>();
            if !(1.0..=MOST_INPUTS).contains(&size) {
                self.complain(i, format!("its shape makes {size} elements"), "wanted 1 to 16,777,216");
                continue;
            }
            if !self.into[i].is_empty() {
                self.complain(i, "an edge leads into it", "remove the edge");
            }
            sizes[i] = size as usize;
            ids[i] = Some(builder.input(nodes[i].name.clone(), sizes[i] as u32));
        }
        for &i in &order {
            if is_neuron(&nodes[i].kind) {
                let field = if nodes[i].kind == "IF" {
                    "r"
                } else if nodes[i].kind == "CubaLIF" {
                    "tau_mem"
                } else {
                    "tau"
                };
                sizes[i] = self.numbers(i, field).len();
            }
        }
        let mut projections = Vec::new();
        for &i in &order {
            if !is_neuron(&nodes[i].kind) {
                continue;
            }
            let paths = self.inputs_of(i, &mut Vec::new());
            // A parameter may be a scalar while the map into the node has the size.
            let size = paths.iter().map(|p| p.size(&sizes)).max().unwrap_or(0).max(sizes[i]);
            sizes[i] = size;
            let mut bias = vec![0.0; size];
            for path in paths {
                if !path.constant.is_empty() && path.constant.len() != size {
                    let what = format!("{} biases come into {size} neurons", path.constant.len());
                    self.complain(i, what, "check the shape of the affine map before it");
                    continue;
                }
                bias.iter_mut().zip(&path.constant).for_each(|(b, c)| *b += c);
                if let Some(source) = path.source {
                    projections.push((source, i, path.map));
                }
            }
            if let Some(parameters) = self.parameters(i, size, bias) {
                ids[i] = Some(builder.neurons(nodes[i].name.clone(), size as u32, parameters));
            }
        }
        for &i in order.iter().filter(|&&i| nodes[i].kind == "Output") {
            for path in self.inputs_of(i, &mut Vec::new()) {
                match (path.source, &path.map) {
                    (Some(source), Map::Identity) if is_neuron(&nodes[source].kind) => {
                        ids[source].into_iter().for_each(|id| builder.output(id));
                    }
                    _ => self.complain(
                        i,
                        "the output is not a population of neurons: a weighted sum cannot leave the chip as spikes",
                        "end the graph with LIF, IF or CubaLIF (spike counts) or LI (a probed membrane)",
                    ),
                }
            }
        }
        all_well(std::mem::take(&mut self.problems))?;
        for (source, target, map) in projections {
            let (Some(from), Some(to)) = (ids[source], ids[target]) else { continue };
            let weights = map.into_weights(sizes[source]);
            builder.project(format!("{} -> {}", nodes[source].name, nodes[target].name), from, to, weights, 0);
        }
        builder.build()
    }

    /// Nodes in breadth-first order from the inputs; unreachable ones follow by name.
    fn flow_order(&self) -> Vec<usize> {
        let n = self.summary.nodes.len();
        let mut order: Vec<usize> = (0..n).filter(|&i| self.summary.nodes[i].kind == "Input").collect();
        let mut seen = vec![false; n];
        order.iter().for_each(|&i| seen[i] = true);
        let mut next = 0;
        while next < order.len() {
            let from = order[next];
            next += 1;
            for (to, seen) in seen.iter_mut().enumerate() {
                if !*seen && self.into[to].contains(&from) {
                    *seen = true;
                    order.push(to);
                }
            }
        }
        order.extend((0..n).filter(|&i| !seen[i]));
        order
    }

    fn complain(&mut self, node: usize, what: impl Into<String>, hint: &str) {
        let NirNode { name, kind, .. } = &self.summary.nodes[node];
        let place = format!("{}, node `{name}` ({kind})", self.file.name());
        self.problems.push(Problem::new(place, what, hint));
    }

    fn numbers(&mut self, node: usize, field: &str) -> Vec<f64> {
        let path = format!("node/nodes/{}/{field}", self.summary.nodes[node].name);
        match self.file.numbers(&path) {
            Ok(values) => values,
            Err(error) => {
                self.problems.extend(error.problems);
                Vec::new()
            }
        }
    }

    fn shape(&self, node: usize, field: &str) -> Vec<usize> {
        let fields = &self.summary.nodes[node].fields;
        let shape = fields.iter().find(|(name, _)| name == field).map(|(_, s)| s.clone()).unwrap_or_default();
        shape.into_iter().map(|d| d as usize).collect()
    }

    /// Everything that flows into a node, back to neurons and inputs.
    fn inputs_of(&mut self, node: usize, trail: &mut Vec<usize>) -> Vec<Inflow> {
        let mut paths = Vec::new();
        for from in self.into[node].clone() {
            let kind = self.summary.nodes[from].kind.clone();
            if is_neuron(&kind) || kind == "Input" {
                paths.push(Inflow { source: Some(from), map: Map::Identity, constant: Vec::new() });
            } else if trail.contains(&from) {
                self.complain(
                    from,
                    "a cycle of linear nodes has no neuron in it",
                    "put a neuron into the loop",
                );
            } else if trail.len() >= MOST_LINEAR || paths.len() >= MOST_WAYS || self.gave_up {
                if !std::mem::replace(&mut self.gave_up, true) {
                    self.complain(
                        from,
                        "too many linear nodes between two populations",
                        "multiply them into one",
                    );
                }
            } else {
                trail.push(from);
                let before = self.inputs_of(from, trail);
                trail.pop();
                paths.extend(self.apply(from, &kind, before));
            }
        }
        paths
    }

    fn apply(&mut self, node: usize, kind: &str, mut paths: Vec<Inflow>) -> Vec<Inflow> {
        if kind == "Flatten" {
            return paths; // Neurons are numbered in row-major order already.
        }
        let map = match kind {
            "Affine" | "Linear" => {
                let shape = self.shape(node, "weight");
                let values = self.numbers(node, "weight");
                match shape[..] {
                    [outputs, inputs] if values.len() == outputs * inputs => {
                        Map::Matrix { outputs, inputs, values }
                    }
                    _ => {
                        self.complain(node, format!("weight has shape {shape:?}"), "wanted (out, in)");
                        return Vec::new();
                    }
                }
            }
            "Scale" => Map::Diagonal(self.numbers(node, "scale")),
            _ => {
                self.complain(node, "this node cannot stand between neurons", "");
                return Vec::new();
            }
        };
        let (inputs, outputs) = (map.inputs().unwrap_or(0), map.outputs(0));
        for path in &mut paths {
            let given = if path.constant.is_empty() {
                path.map.inputs().map(|n| path.map.outputs(n))
            } else {
                Some(path.constant.len())
            };
            if let Some(given) = given.filter(|given| *given != inputs) {
                self.complain(node, format!("takes {inputs} values but is given {given}"), "check the shapes");
                continue;
            }
            if !path.constant.is_empty() {
                path.constant = map.apply(&path.constant);
            }
            path.map = map.after(std::mem::replace(&mut path.map, Map::Identity));
        }
        if kind == "Affine" {
            let constant = self.numbers(node, "bias");
            if constant.len() == outputs {
                paths.push(Inflow { source: None, map: Map::Identity, constant });
            } else {
                self.complain(node, format!("{} biases for {outputs} outputs", constant.len()), "");
            }
        }
        paths
    }

    fn parameters(&mut self, node: usize, size: usize, bias: Vec<f64>) -> Option<NeuronParameters> {
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

impl Inflow {
    fn size(&self, sizes: &[usize]) -> usize {
        match self.source {
            Some(source) => self.map.outputs(sizes[source]),
            None => self.constant.len(),
        }
    }
}

fn is_neuron(kind: &str) -> bool {
    matches!(kind, "IF" | "LIF" | "CubaLIF" | "LI")
}
