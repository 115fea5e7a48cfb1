//! The graph of a NIR file as a flat list: nodes of sub-graphs carry the names of all graphs around them, joined by
//! dots; the Input and Output nodes of a sub-graph stay as nodes that pass on what comes in.

use super::super::hdf5::Hdf5;
use crate::error::{Error, Problem, all_well, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// A node as listed by `inspect`.
#[derive(Clone, Debug, PartialEq)]
pub struct NirNode {
    /// Name in the graph; of a node in a sub-graph, the names of all graphs around it and its own, joined by dots.
    pub name: String,
    /// NIR type.
    pub kind: String,
    /// Fields with their shapes.
    pub fields: Vec<(String, Vec<u64>)>,
    /// Whether this importer takes the type.
    pub supported: bool,
    /// Its group in the file.
    pub(super) path: String,
    /// Whether it is in a sub-graph.
    pub(super) nested: bool,
}

impl NirNode {
    /// Whether the network's spikes come in here.
    pub(super) fn is_input(&self) -> bool {
        !self.nested && self.kind == "Input"
    }

    /// Whether the network's results leave here.
    pub(super) fn is_output(&self) -> bool {
        !self.nested && self.kind == "Output"
    }

    /// Whether it becomes a population.
    pub(super) fn is_neuron(&self) -> bool {
        matches!(self.kind.as_str(), "IF" | "LIF" | "CubaLIF" | "LI")
    }

    /// Shape of a field; `None` if it is not there.
    pub(super) fn field(&self, field: &str) -> Option<Vec<usize>> {
        let (_, shape) = self.fields.iter().find(|(name, _)| name == field)?;
        Some(shape.iter().map(|&d| usize::try_from(d).unwrap_or(usize::MAX)).collect())
    }
}

/// What is in a NIR file.
#[derive(Clone, Debug, PartialEq)]
pub struct NirSummary {
    /// Version the file names.
    pub version: String,
    /// Nodes of the graph and its sub-graphs, by name within each.
    pub nodes: Vec<NirNode>,
    /// Edges (from, to); those to and from a sub-graph lead to its Input and from its Output node.
    pub edges: Vec<(String, String)>,
    /// The edges that name nodes, by number.
    pub(super) links: Vec<(usize, usize)>,
    /// Edges that name no node.
    pub(super) faults: Vec<Problem>,
}

pub(super) const SUPPORTED: &[&str] = &[
    "Input",
    "Output",
    "NIRGraph",
    "Affine",
    "Linear",
    "Scale",
    "Flatten",
    "Conv1d",
    "Conv2d",
    "SumPool2d",
    "AvgPool2d",
    "Delay",
    "IF",
    "LIF",
    "CubaLIF",
    "LI",
];
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

/// Most nodes of all graphs, and graphs within each other; a damaged file may contain itself.
const MOST_NODES: usize = 1 << 15;
const MOST_DEPTH: usize = 32;

pub(super) fn summarise(file: &Hdf5) -> Result<NirSummary, Error> {
    let version =
        file.texts("version").ok().and_then(|v| v.into_iter().next()).unwrap_or_else(|| "unknown".into());
    let summary =
        NirSummary { version, nodes: Vec::new(), edges: Vec::new(), links: Vec::new(), faults: Vec::new() };
    let mut collector = Collector { file, summary, problems: Vec::new(), known: BTreeSet::new() };
    collector.graph("node", "", 0)?;
    all_well(collector.problems)?;
    Ok(collector.summary)
}

/// What a name in a graph stands for.
enum Named {
    Node(usize),
    Graph(Graph),
}

/// A graph as its parent sees it.
#[derive(Default)]
struct Graph {
    named: BTreeMap<String, Named>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

impl Graph {
    /// The node at one end of an edge of this graph; else what is wrong, and what to try.
    fn end(&self, name: &str, is_source: bool) -> Result<usize, (String, String)> {
        match self.named.get(name) {
            Some(Named::Node(node)) => return Ok(*node),
            Some(Named::Graph(graph)) => {
                let (ports, kind) =
                    if is_source { (&graph.outputs, "Output") } else { (&graph.inputs, "Input") };
                return match ports[..] {
                    [port] => Ok(port),
                    _ => Err((
                        format!("names the sub-graph `{name}`, which has {} {kind} nodes", ports.len()),
                        format!("let the edge name one {kind} node, as `{name}.node`"),
                    )),
                };
            }
            None => {}
        }
        // A node of a sub-graph; names themselves may hold dots, so every one may be the border.
        let inner = name.match_indices('.').find_map(|(dot, _)| match self.named.get(&name[..dot]) {
            Some(Named::Graph(graph)) => graph.end(&name[dot + 1..], is_source).ok(),
            _ => None,
        });
        inner.ok_or_else(|| {
            let hint = match nearest(name, self.named.keys().map(String::as_str)) {
                Some(near) => format!("repair the edge list; did it mean `{near}`?"),
                None => "repair the edge list".into(),
            };
            (format!("names `{name}`, which is not a node"), hint)
        })
    }
}

struct Collector<'a> {
    file: &'a Hdf5,
    summary: NirSummary,
    /// What cannot be read.
    problems: Vec<Problem>,
    known: BTreeSet<(usize, usize)>,
}

impl Collector<'_> {
    /// Adds the nodes and edges of the graph in the group `base`; `prefix` goes before their names.
    fn graph(&mut self, base: &str, prefix: &str, depth: usize) -> Result<Graph, Error> {
        let file = self.file;
        let mut graph = Graph::default();
        for name in file.groups(&format!("{base}/nodes"))? {
            let path = format!("{base}/nodes/{name}");
            let kind = match file.texts(&format!("{path}/type")) {
                Ok(kind) => kind.into_iter().next().unwrap_or_default(),
                Err(error) => {
                    self.problems.extend(error.problems);
                    continue;
                }
            };
            let full = format!("{prefix}{name}");
            if self.summary.nodes.len() >= MOST_NODES || depth >= MOST_DEPTH {
                let what = format!("more than {MOST_NODES} nodes or {MOST_DEPTH} graphs within each other");
                return Err(Error::invalid(vec![Problem::new(
                    format!("{}, node `{full}`", file.name()),
                    what,
                    "the file may be damaged: a graph in it may contain itself",
                )]));
            }
            if kind == "NIRGraph" {
                let inner = self.graph(&path, &format!("{full}."), depth + 1)?;
                graph.named.insert(name, Named::Graph(inner));
                continue;
            }
            let node = self.summary.nodes.len();
            match kind.as_str() {
                "Input" => graph.inputs.push(node),
                "Output" => graph.outputs.push(node),
                _ => {}
            }
            graph.named.insert(name, Named::Node(node));
            let fields = FIELDS.iter().filter_map(|field| {
                let path = format!("{path}/{field}");
                file.has_dataset(&path)
                    .then(|| file.shape(&path).ok().map(|shape| (field.to_string(), shape)))?
            });
            let fields = fields.collect();
            let supported = SUPPORTED.contains(&kind.as_str());
            let node = NirNode { name: full, kind, fields, supported, path, nested: depth > 0 };
            self.summary.nodes.push(node);
        }
        self.edges(base, prefix, &graph)?;
        Ok(graph)
    }

    fn edges(&mut self, base: &str, prefix: &str, graph: &Graph) -> Result<(), Error> {
        let path = format!("{base}/edges");
        let shape = self.file.shape(&path)?;
        let flat = if shape.contains(&0) { Vec::new() } else { self.file.texts(&path)? };
        if flat.len() % 2 != 0 {
            let what = format!("`edges` holds {} names, not pairs", flat.len());
            self.problems.push(Problem::new(format!("{}, dataset `{path}`", self.file.name()), what, ""));
        }
        for pair in flat.chunks_exact(2) {
            let ends = [graph.end(&pair[0], true), graph.end(&pair[1], false)];
            if let [Ok(from), Ok(to)] = ends {
                // The same edge twice is the same edge: parallel connections need a node each.
                if self.known.insert((from, to)) {
                    let name = |node: usize| self.summary.nodes[node].name.clone();
                    self.summary.edges.push((name(from), name(to)));
                    self.summary.links.push((from, to));
                }
                continue;
            }
            self.summary.edges.push((format!("{prefix}{}", pair[0]), format!("{prefix}{}", pair[1])));
            for (what, hint) in ends.into_iter().filter_map(Result::err) {
                let what = format!("the edge {prefix}{} -> {prefix}{} {what}", pair[0], pair[1]);
                let place = if prefix.is_empty() {
                    String::new()
                } else {
                    format!(", in `{}`", &prefix[..prefix.len() - 1])
                };
                self.summary.faults.push(Problem::new(format!("{}{place}", self.file.name()), what, hint));
            }
        }
        Ok(())
    }
}
