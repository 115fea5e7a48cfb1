//! NIR graphs (Pedersen et al. 2024, "Neuromorphic intermediate representation") into networks.
//!
//! Neuron nodes become populations; the linear nodes between two of them (Affine, Linear, Scale, convolutions, pools,
//! Flatten) are multiplied into one projection, biases into a constant current. Several edges into a node add up. A
//! cycle needs a neuron in it. A delay in seconds becomes whole ticks. NIR leaves dt, the reset by subtraction and the
//! integration rule open: the caller decides.
//!
//! ```text
//! graph   the file as a flat list of nodes and edges, sub-graphs dissolved
//! shapes  the shape of what every node takes and gives, from the inputs on
//! flow    the ways back from a population to those before it, each a linear map and a delay
//! ```

mod fields;
mod flow;
mod graph;
mod shapes;

pub use graph::{NirNode, NirSummary};

use super::hdf5::Hdf5;
use super::linear::Map;
use crate::error::{Error, Problem, all_well};
use crate::network::{Conventions, Network, NetworkBuilder, PopulationId};
use graph::{SUPPORTED, summarise};
use shapes::{Known, elements};
use std::path::Path;

/// Lists the graph of a NIR file, supported or not.
///
/// # Errors
/// The file cannot be read, or is not a NIR graph.
pub fn inspect_nir(path: &Path) -> Result<NirSummary, Error> {
    summarise(&Hdf5::open(path)?)
}

struct Reader<'a> {
    file: &'a Hdf5,
    summary: &'a NirSummary,
    dt_s: f64,
    /// By node: the nodes its input comes from.
    into: Vec<Vec<usize>>,
    /// By node: its shapes.
    known: Vec<Known>,
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
    let mut problems = summary.faults.clone();
    let mut into = vec![Vec::new(); summary.nodes.len()];
    for &(from, to) in &summary.links {
        into[to].push(from);
    }
    for node in summary.nodes.iter().filter(|n| !n.supported) {
        let hint = match node.kind.as_str() {
            "Threshold" | "I" | "CubaLI" => "replace it by LIF, IF, CubaLIF or, as a read-out, LI",
            _ => "see `spikemesh inspect` for the types there are",
        };
        let place = format!("{}, node `{}`", file.name(), node.name);
        let what =
            format!("a node of type {} is not supported; supported are {}", node.kind, SUPPORTED.join(", "));
        problems.push(Problem::new(place, what, hint));
    }
    let lacks = |has: bool, kind: &str, role: &str| {
        let what = format!("the graph has no {kind} node: {role}");
        (!has).then(|| Problem::new(file.name(), what, format!("add an {kind} node and an edge")))
    };
    let nodes = &summary.nodes;
    problems.extend(lacks(nodes.iter().any(|n| n.is_input()), "Input", "nothing would drive the network"));
    problems.extend(lacks(nodes.iter().any(|n| n.is_output()), "Output", "nothing would be read"));
    all_well(problems)?;
    let dt_s = conventions.dt_s;
    let reader =
        Reader { file, summary: &summary, dt_s, into, known: Vec::new(), problems: Vec::new(), gave_up: false };
    reader.build(name, conventions)
}

impl Reader<'_> {
    fn build(mut self, name: String, conventions: Conventions) -> Result<Network, Error> {
        let nodes = &self.summary.nodes;
        let mut builder = NetworkBuilder::new(name, conventions);
        let mut ids: Vec<Option<PopulationId>> = vec![None; nodes.len()];
        self.infer_shapes();
        let sizes: Vec<usize> = self.known.iter().map(|k| k.gives.as_deref().map_or(0, elements)).collect();
        // Inputs first and neurons in order of the graph, so that core numbers follow the flow of spikes.
        let order = self.flow_order();
        for &i in order.iter().filter(|&&i| nodes[i].is_input() && sizes[i] > 0) {
            if !self.into[i].is_empty() {
                self.complain(i, "an edge leads into it", "remove the edge");
            }
            ids[i] = Some(builder.input(nodes[i].name.clone(), sizes[i] as u32));
        }
        let mut projections = Vec::new();
        for &i in order.iter().filter(|&&i| nodes[i].is_neuron()) {
            let mut bias = vec![0.0; sizes[i]];
            for path in self.inputs_of(i, &mut Vec::new()) {
                bias.iter_mut().zip(&path.constant).for_each(|(b, c)| *b += c);
                if let Some(source) = path.source {
                    projections.push((source, i, path.map, path.delay));
                }
            }
            if let Some(parameters) = self.parameters(i, sizes[i], bias) {
                ids[i] = Some(builder.neurons(nodes[i].name.clone(), sizes[i] as u32, parameters));
            }
        }
        for &i in order.iter().filter(|&&i| nodes[i].is_output()) {
            for path in self.inputs_of(i, &mut Vec::new()) {
                match (path.source, &path.map) {
                    (Some(source), Map::Identity) if nodes[source].is_neuron() && path.delay == 0 => {
                        ids[source].into_iter().for_each(|id| builder.output(id));
                    }
                    _ => self.complain(
                        i,
                        "the output is not a population of neurons: a weighted sum (or a delayed spike) cannot leave the chip",
                        "end the graph with LIF, IF or CubaLIF (spike counts) or LI (a probed membrane)",
                    ),
                }
            }
        }
        all_well(std::mem::take(&mut self.problems))?;
        for (source, target, map, delay) in projections {
            let (Some(from), Some(to)) = (ids[source], ids[target]) else { continue };
            let mut name = format!("{} -> {}", nodes[source].name, nodes[target].name);
            if delay > 0 {
                name += &format!(" (delay {delay})");
            }
            builder.project(name, from, to, map.into_weights(sizes[source]), delay);
        }
        builder.build()
    }

    /// Nodes in breadth-first order from the inputs; unreachable ones follow by name.
    fn flow_order(&self) -> Vec<usize> {
        let n = self.summary.nodes.len();
        let mut order: Vec<usize> = (0..n).filter(|&i| self.summary.nodes[i].is_input()).collect();
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
}
