//! NIR files: what they mean, what is refused and how, and that no file at all makes the reader panic.

use crate::nir_file::{Field, each, graph, lif, node, port, read, refused, weight};
use crate::support::{EULER, Folder, data, root};
use proptest::prelude::*;
use spikemesh::ErrorKind;
use spikemesh::network::import::{inspect_nir, read_nir};
use spikemesh::network::{Conventions, Oracle, Weights};

#[test]
fn linear_nodes_between_neurons_become_one_projection() {
    // in -> scale -> affine -> scale -> lif: weights s2 W s1, bias s2 b.
    let nodes = [
        port("in", "Input", 2),
        node("s1", "Scale", vec![Field::Numbers("scale", vec![2.0, 3.0], vec![2])]),
        node("flat", "Flatten", vec![Field::Whole("start_dim", vec![0]), Field::Whole("end_dim", vec![-1])]),
        node(
            "fc",
            "Affine",
            vec![
                weight(3, 2, vec![1.0, 2.0, 0.0, 4.0, 5.0, 0.0]),
                Field::Numbers("bias", vec![0.1, 0.2, 0.3], vec![3]),
            ],
        ),
        node("s2", "Scale", vec![Field::Numbers("scale", vec![10.0, 1.0, 1.0], vec![3])]),
        lif("lif", 3),
        port("out", "Output", 3),
    ];
    let edges = [("in", "s1"), ("s1", "flat"), ("flat", "fc"), ("fc", "s2"), ("s2", "lif"), ("lif", "out")];
    let network = read(&nodes, &edges).unwrap();
    assert_eq!((network.input_count(), network.placed_neuron_count(), network.projections().len()), (2, 3, 1));
    let Weights::Dense { values, .. } = &network.projections()[0].weights else { panic!("dense weights") };
    assert_eq!(values, &[20.0, 60.0, 0.0, 12.0, 10.0, 0.0]);
    let bias = &network.populations()[1].parameters().unwrap().bias;
    assert!(bias.iter().zip([1.0, 0.2, 0.3]).all(|(a, b)| (a - b).abs() < 1e-12), "{bias:?}");
    assert_eq!(network.synapse_count(), 4);
}

#[test]
fn several_edges_into_a_node_add_up_and_loops_recur() {
    let rec = |v: f64| vec![weight(2, 2, vec![0.0, v, v, 0.0])];
    let nodes = [
        port("a", "Input", 2),
        port("b", "Input", 2),
        node("rec", "Linear", rec(0.5)),
        lif("lif", 2),
        node("li", "LI", vec![each("tau", 0.01, 2), each("r", 10.0, 2), each("v_leak", 0.0, 2)]),
        port("out", "Output", 2),
    ];
    let edges = [("a", "lif"), ("b", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "li"), ("li", "out")];
    let network = read(&nodes, &edges).unwrap();
    assert_eq!(network.projections().len(), 4);
    let oracle = Oracle::new(&network);
    // Inputs a0 and b0 together give 2 > 1 one tick later: neuron 0 fires at tick 1; half of it reaches neuron 1 at 2.
    let mut input = vec![Vec::new(); 4];
    input[0] = vec![0, 2];
    let result = oracle.run(&input);
    let fired: Vec<u64> = result.spikes.clone();
    assert_eq!(fired, [1, 0, 1, 0, 1, 0, 0, 0]);
    assert!(result.output_membranes[0] > 0.0, "LI is read by its membrane");
    let mapping =
        spikemesh::mapper::map(&network, &crate::support::generic(1, 1, 1), &Default::default()).unwrap();
    assert_eq!(mapping.image.network.readout, spikemesh::chip::Readout::ProbedMembrane);
}

#[test]
fn an_edge_named_twice_is_one_edge() {
    let nodes = [port("in", "Input", 2), lif("lif", 2), port("out", "Output", 2), port("again", "Output", 2)];
    let edges = [("in", "lif"), ("in", "lif"), ("lif", "out"), ("lif", "out")];
    let network = read(&nodes, &edges).unwrap();
    assert_eq!((network.projections().len(), network.outputs().len()), (1, 1));
    let edges = [("in", "lif"), ("lif", "out"), ("lif", "again")];
    refused(&nodes, &edges, &["named as an output twice"]);
}

#[test]
fn old_files_without_v_reset_mean_zero() {
    let mut old = lif("lif", 2);
    old.fields.pop();
    let nodes = [port("in", "Input", 2), old, port("out", "Output", 2)];
    assert!(read(&nodes, &[("in", "lif"), ("lif", "out")]).is_ok());
}

#[test]
fn what_is_not_supported_is_named_with_node_type_and_way_out() {
    let inner = [port("input", "Input", 2), node("deep", "CubaLI", vec![]), port("output", "Output", 2)];
    let nodes = [
        port("in", "Input", 2),
        node("gate", "Threshold", vec![each("threshold", 0.1, 2)]),
        node("odd", "Sigmoid", vec![]),
        graph("sub", inner.into(), &[("input", "deep"), ("deep", "output")]),
        lif("lif", 2),
        port("out", "Output", 2),
    ];
    let edges = [("in", "gate"), ("gate", "lif"), ("lif", "out")];
    refused(
        &nodes,
        &edges,
        &[
            "`gate`",
            "Threshold",
            "replace it by",
            "`odd`",
            "Sigmoid",
            "spikemesh inspect",
            "`sub.deep`",
            "CubaLI",
        ],
    );
}

#[test]
fn inconsistent_graphs_are_refused_with_every_fault() {
    let fc = |rows: u64, columns: u64, bias: usize| {
        node(
            "fc",
            "Affine",
            vec![
                weight(rows, columns, vec![1.0; (rows * columns) as usize]),
                Field::Numbers("bias", vec![0.0; bias], vec![bias as u64]),
            ],
        )
    };
    let chain = [("in", "fc"), ("fc", "lif"), ("lif", "out")];
    // An edge to nowhere.
    refused(
        &[port("in", "Input", 2), lif("lif", 2), port("out", "Output", 2)],
        &[("in", "ghost"), ("lif", "out")],
        &["`ghost`"],
    );
    // A bias of another length; a matrix of another size than the neurons.
    refused(
        &[port("in", "Input", 2), fc(3, 2, 2), lif("lif", 3), port("out", "Output", 3)],
        &chain,
        &["2 biases for 3"],
    );
    refused(
        &[port("in", "Input", 2), fc(4, 2, 4), lif("lif", 3), port("out", "Output", 3)],
        &chain,
        &["takes 3 values but is given 4 by `fc`"],
    );
    refused(
        &[port("in", "Input", 5), fc(3, 2, 3), lif("lif", 3), port("out", "Output", 3)],
        &chain,
        &["takes 2 values but is given 5"],
    );
    // A weight that is not a number, a missing field, an absurd shape, no output, a loop of linear nodes.
    let mut nan = fc(3, 2, 3);
    nan.fields[0] = weight(3, 2, vec![f64::NAN; 6]);
    refused(
        &[port("in", "Input", 2), nan, lif("lif", 3), port("out", "Output", 3)],
        &chain,
        &["not a finite number"],
    );
    let mut bare = lif("lif", 2);
    bare.fields.retain(|f| !matches!(f, Field::Numbers("v_threshold", ..)));
    refused(
        &[port("in", "Input", 2), bare, port("out", "Output", 2)],
        &[("in", "lif"), ("lif", "out")],
        &["v_threshold"],
    );
    refused(
        &[port("in", "Input", -4), lif("lif", 2), port("out", "Output", 2)],
        &[("in", "lif"), ("lif", "out")],
        &["-4 elements"],
    );
    refused(
        &[port("in", "Input", i64::MAX), lif("lif", 2), port("out", "Output", 2)],
        &[("in", "lif"), ("lif", "out")],
        &["elements"],
    );
    refused(&[port("in", "Input", 2), lif("lif", 2)], &[("in", "lif")], &["no Output node"]);
    let looped = [("in", "lif"), ("fc", "fc"), ("fc", "lif"), ("lif", "out")];
    refused(
        &[port("in", "Input", 2), fc(2, 2, 2), lif("lif", 2), port("out", "Output", 2)],
        &looped,
        &["cycle of linear nodes"],
    );
    refused(
        &[port("in", "Input", 2), fc(2, 2, 2), port("out", "Output", 2)],
        &[("in", "fc"), ("fc", "out")],
        &["weighted sum"],
    );
    // A parameter without values.
    let mut empty = lif("lif", 2);
    empty.fields[3] = each("v_threshold", 1.0, 0);
    refused(
        &[port("in", "Input", 2), empty, port("out", "Output", 2)],
        &[("in", "lif"), ("lif", "out")],
        &["v_threshold is empty"],
    );
    // A time constant below dt.
    let mut fast = lif("lif", 2);
    fast.fields[0] = each("tau", 1e-5, 2);
    refused(
        &[port("in", "Input", 2), fast, port("out", "Output", 2)],
        &[("in", "lif"), ("lif", "out")],
        &["shorter than the step"],
    );
}

#[test]
fn a_maze_of_linear_nodes_ends_with_an_error_not_a_hang() {
    // 40 diamonds in a row have 2^40 ways through them.
    let names: Vec<String> = (0..160).map(|i| format!("n{i:03}")).collect();
    let names: Vec<&'static str> = names.into_iter().map(|n| &*n.leak()).collect();
    let mut nodes = vec![port("in", "Input", 1), lif("lif", 1), port("out", "Output", 1)];
    let mut edges = vec![("in", names[0]), ("lif", "out")];
    for d in 0..40 {
        for &name in &names[3 * d..3 * d + 3] {
            nodes.push(node(name, "Linear", vec![weight(1, 1, vec![1.0])]));
        }
        let next = if d < 39 { names[3 * d + 3] } else { "lif" };
        edges.extend([(names[3 * d], names[3 * d + 1]), (names[3 * d], names[3 * d + 2])]);
        edges.extend([(names[3 * d + 1], next), (names[3 * d + 2], next)]);
    }
    refused(&nodes, &edges, &["too many linear nodes"]);
}

#[test]
fn other_files_are_refused_for_what_they_are() {
    let folder = Folder::new();
    let good = std::fs::read(root().join("examples/digits/digits.nir")).unwrap();
    let open = |bytes: &[u8]| inspect_nir(folder.write("x.nir", bytes).as_ref()).unwrap_err();
    let truncated = open(&good[..good.len() / 3]);
    assert!(truncated.kind == ErrorKind::Invalid && truncated.to_string().contains("truncated"), "{truncated}");
    let text = open(b"not HDF5 at all");
    assert!(text.to_string().contains("not an HDF5 file"), "{text}");
    assert!(open(b"").to_string().contains("0 bytes"));
    let absent = inspect_nir(&folder.0.join("absent.nir")).unwrap_err();
    assert_eq!(absent.kind, ErrorKind::File);
}

proptest! {
    #![proptest_config(crate::support::cases(300))]

    #[test]
    fn damaged_files_never_panic(
        cut in any::<prop::sample::Index>(), flips in prop::collection::vec((0usize..8000, any::<u8>()), 0..12), short in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(root().join("examples/digits/digits.nir")).unwrap();
        for (at, byte) in flips {
            bytes[at] = byte;
        }
        if short {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = Folder::new();
        let path = folder.write("x.nir", &bytes);
        if let Err(error) = read_nir(path.as_ref(), EULER) {
            prop_assert_eq!(error.kind, ErrorKind::Invalid);
        }
    }
}

/// Files that others wrote: read, or refused with every unsupported node named.
#[test]
fn files_of_other_tools_are_read_or_diagnosed() {
    let Some(folder) = data("files_of_other_tools_are_read_or_diagnosed") else { return };
    let mut files = Vec::new();
    let mut folders = vec![folder.join("nir")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "nir") {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        println!("SKIPPED files_of_other_tools_are_read_or_diagnosed: no .nir files in SPIKEMESH_DATA/nir");
        return;
    }
    let (mut read, mut refused) = (0, 0);
    for path in &files {
        let conventions = Conventions { dt_s: 1e-4, ..EULER };
        let summary = inspect_nir(path).unwrap_or_else(|e| panic!("{e}"));
        let unsupported = summary.nodes.iter().filter(|n| !n.supported).count();
        match read_nir(path, conventions) {
            Ok(_) => read += 1,
            Err(error) => {
                // Delays that are too long at this dt, and two files of the NIR paper whose edges name `lif1.lif` where
                // the node is `lif1.lif1`, are the only other reasons.
                let others = error
                    .problems
                    .iter()
                    .filter(|p| p.place.ends_with("(Delay)") || p.hint.ends_with("did it mean `lif1`?"));
                assert_eq!(error.problems.len(), unsupported + others.count(), "{error}");
                refused += 1;
            }
        }
    }
    println!("{read} NIR files read, {refused} refused by name");
    assert!(read >= 5 && refused <= read, "{read} read, {refused} refused");
}
