//! Writes small NIR files for tests, and reads them back.

use crate::support::{EULER, Folder};
use hdf5_pure::FileBuilder;
use spikemesh::network::Network;
use spikemesh::network::import::read_nir;
use spikemesh::{Error, ErrorKind};

/// A dataset of a node.
pub(crate) enum Field {
    Numbers(&'static str, Vec<f64>, Vec<u64>),
    Whole(&'static str, Vec<i64>),
    Text(&'static str, &'static str),
}

pub(crate) fn each(name: &'static str, value: f64, n: usize) -> Field {
    Field::Numbers(name, vec![value; n], vec![n as u64])
}

/// From a node to a node.
type Edge = (&'static str, &'static str);

pub(crate) struct Node {
    name: &'static str,
    kind: &'static str,
    pub(crate) fields: Vec<Field>,
    /// Of a sub-graph: its nodes and edges.
    inner: Option<(Vec<Node>, Vec<Edge>)>,
}

pub(crate) fn node(name: &'static str, kind: &'static str, fields: Vec<Field>) -> Node {
    Node { name, kind, fields, inner: None }
}

pub(crate) fn port(name: &'static str, kind: &'static str, size: i64) -> Node {
    node(name, kind, vec![Field::Whole("shape", vec![size])])
}

pub(crate) fn lif(name: &'static str, n: usize) -> Node {
    let fields = [("tau", 0.02), ("r", 20.0), ("v_leak", 0.0), ("v_threshold", 1.0), ("v_reset", 0.0)];
    node(name, "LIF", fields.map(|(field, value)| each(field, value, n)).into())
}

pub(crate) fn weight(rows: u64, columns: u64, values: Vec<f64>) -> Field {
    Field::Numbers("weight", values, vec![rows, columns])
}

/// A sub-graph.
pub(crate) fn graph(name: &'static str, nodes: Vec<Node>, edges: &[(&'static str, &'static str)]) -> Node {
    Node { name, kind: "NIRGraph", fields: Vec::new(), inner: Some((nodes, edges.to_vec())) }
}

/// An input or output of a shape.
pub(crate) fn shaped(name: &'static str, kind: &'static str, shape: &[i64]) -> Node {
    node(name, kind, vec![Field::Whole("shape", shape.to_vec())])
}

/// Numbers of a shape.
pub(crate) fn numbers(name: &'static str, values: Vec<f64>, shape: &[u64]) -> Field {
    assert_eq!(values.len() as u64, shape.iter().product::<u64>());
    Field::Numbers(name, values, shape.to_vec())
}

/// IF neurons of a shape.
pub(crate) fn fire(name: &'static str, shape: &[u64], threshold: f64) -> Node {
    let n = shape.iter().product::<u64>() as usize;
    let field = |field, value| numbers(field, vec![value; n], shape);
    node(name, "IF", vec![field("r", 1000.0), field("v_threshold", threshold), field("v_reset", 0.0)])
}

/// Small whole numbers that are not zero.
pub(crate) fn some(n: u64, seed: u64) -> Vec<f64> {
    let number = |i: u64| ((i * 2_654_435_761u64 + seed * 40_503) >> 7) % 7;
    (0..n).map(|i| [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0][number(i) as usize]).collect()
}

/// A convolution as NIR gives it.
#[derive(Clone, Debug)]
pub(crate) struct Convolution {
    /// (out, in of the group, rows, columns); one-dimensional without rows.
    pub(crate) weight: Vec<u64>,
    pub(crate) groups: i64,
    pub(crate) stride: Vec<i64>,
    pub(crate) dilation: Vec<i64>,
    pub(crate) padding: Vec<i64>,
}

impl Convolution {
    pub(crate) fn values(&self) -> Vec<f64> {
        some(self.weight.iter().product(), 1)
    }

    pub(crate) fn bias(&self) -> Vec<f64> {
        some(self.weight[0], 2)
    }

    pub(crate) fn node(&self, name: &'static str, more: Vec<Field>) -> Node {
        let kind = if self.weight.len() == 3 { "Conv1d" } else { "Conv2d" };
        let mut fields = vec![
            numbers("weight", self.values(), &self.weight),
            numbers("bias", self.bias(), &self.weight[..1]),
            Field::Whole("groups", vec![self.groups]),
            Field::Whole("stride", self.stride.clone()),
            Field::Whole("dilation", self.dilation.clone()),
        ];
        fields.extend(more);
        if !fields.iter().any(|f| matches!(f, Field::Text("padding", _))) {
            fields.push(Field::Whole("padding", self.padding.clone()));
        }
        node(name, kind, fields)
    }

    /// The convolution of an image (channels, rows, columns) with its own weights.
    pub(crate) fn apply(&self, x: &[f64], at: [usize; 3]) -> (Vec<f64>, [usize; 3]) {
        self.apply_with(&self.values(), x, at)
    }

    /// The convolution with given weights, in the most literal way.
    pub(crate) fn apply_with(
        &self,
        values: &[f64],
        x: &[f64],
        [channels, rows, columns]: [usize; 3],
    ) -> (Vec<f64>, [usize; 3]) {
        let w: Vec<usize> = self.weight.iter().map(|n| *n as usize).collect();
        let [out, inputs, kr, kc] = if let [o, i, k] = w[..] { [o, i, 1, k] } else { [w[0], w[1], w[2], w[3]] };
        let axis = |pair: &[i64], row: i64| match *pair {
            [both] => [if w.len() == 3 { row } else { both }, both],
            [a, b] => [a, b],
            _ => unreachable!(),
        };
        let [sr, sc] = axis(&self.stride, 1);
        let [dr, dc] = axis(&self.dilation, 1);
        let [pr, pc] = axis(&self.padding, 0);
        let size = |n: usize, k: usize, s: i64, d: i64, p: i64| {
            ((n as i64 + 2 * p - d * (k as i64 - 1) - 1) / s + 1) as usize
        };
        let (or, oc) = (size(rows, kr, sr, dr, pr), size(columns, kc, sc, dc, pc));
        let mut y = vec![0.0; out * or * oc];
        let groups = self.groups as usize;
        assert_eq!(inputs * groups, channels);
        for o in 0..out {
            for r in 0..or {
                for c in 0..oc {
                    for i in 0..inputs {
                        for a in 0..kr {
                            for b in 0..kc {
                                let from = o / (out / groups) * inputs + i;
                                let at_row = r as i64 * sr + a as i64 * dr - pr;
                                let at_column = c as i64 * sc + b as i64 * dc - pc;
                                if (0..rows as i64).contains(&at_row)
                                    && (0..columns as i64).contains(&at_column)
                                {
                                    y[(o * or + r) * oc + c] += values[((o * inputs + i) * kr + a) * kc + b]
                                        * x[(from * rows + at_row as usize) * columns + at_column as usize];
                                }
                            }
                        }
                    }
                }
            }
        }
        (y, [out, or, oc])
    }
}

pub(crate) fn pool(name: &'static str, kind: &'static str, kernel: i64, stride: i64) -> Node {
    let pair = |field, n| Field::Whole(field, vec![n, n]);
    node(name, kind, vec![pair("kernel_size", kernel), pair("stride", stride), pair("padding", 0)])
}

/// Edges along a list of nodes.
pub(crate) fn chain(nodes: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    nodes.windows(2).map(|w| (w[0], w[1])).collect()
}

/// The constant currents of a network's second population.
pub(crate) fn bias(network: &Network) -> &[f64] {
    &network.populations()[1].parameters().unwrap().bias
}

/// Fills a group of the type NIRGraph.
fn fill(group: &mut hdf5_pure::GroupBuilder, nodes: &[Node], edges: &[(&str, &str)]) {
    group.create_dataset("type").with_vlen_strings(&["NIRGraph"]).with_shape(&[]);
    let flat: Vec<&str> = edges.iter().flat_map(|(a, b)| [*a, *b]).collect();
    group.create_dataset("edges").with_vlen_strings(&flat).with_shape(&[edges.len() as u64, 2]);
    let mut all = group.create_group("nodes");
    for node in nodes {
        let mut group = all.create_group(node.name);
        if let Some((nodes, edges)) = &node.inner {
            fill(&mut group, nodes, edges);
        } else {
            group.create_dataset("type").with_vlen_strings(&[node.kind]).with_shape(&[]);
        }
        for field in &node.fields {
            match field {
                Field::Numbers(name, values, shape) => {
                    group.create_dataset(name).with_f64_data(values).with_shape(shape);
                }
                Field::Whole(name, values) => {
                    group.create_dataset(name).with_i64_data(values).with_shape(&[values.len() as u64]);
                }
                Field::Text(name, text) => {
                    group.create_dataset(name).with_vlen_strings(&[text]).with_shape(&[]);
                }
            }
        }
        all.add_group(group.finish());
    }
    group.add_group(all.finish());
}

/// Writes a NIR file.
pub(crate) fn write(folder: &Folder, nodes: &[Node], edges: &[(&str, &str)]) -> std::path::PathBuf {
    let mut file = FileBuilder::new();
    file.create_dataset("version").with_vlen_strings(&["1.0.8"]).with_shape(&[]);
    let mut graph = file.create_group("node");
    fill(&mut graph, nodes, edges);
    file.add_group(graph.finish());
    let path = folder.0.join("test.nir");
    std::fs::write(&path, file.finish().unwrap()).unwrap();
    path
}

pub(crate) fn read(nodes: &[Node], edges: &[(&str, &str)]) -> Result<Network, Error> {
    let folder = Folder::new();
    read_nir(&write(&folder, nodes, edges), EULER)
}

/// Asserts that reading fails as invalid content, naming all of `parts`.
pub(crate) fn refused(nodes: &[Node], edges: &[(&str, &str)], parts: &[&str]) {
    let error = read(nodes, edges).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "wanted {parts:?} in\n{text}");
}
