//! Nested graphs and delays of NIR files.

use crate::nir_file::{
    Convolution, Field, Node, bias, chain, fire, graph, lif, node, numbers, pool, port, read, refused, shaped,
    some, weight, write,
};
use crate::support::{EULER, Folder, generic};
use proptest::prelude::*;
use spikemesh::ErrorKind;
use spikemesh::chip::{Chip, TickSpikes};
use spikemesh::mapper::{MapOptions, map};
use spikemesh::network::import::read_nir;
use spikemesh::network::{Oracle, Weights};
use spikemesh_router::Level;

#[test]
fn nested_graphs_are_dissolved_with_dotted_names() {
    let rec = || node("rec", "Linear", vec![weight(2, 2, vec![0.0, 0.5, 0.5, 0.0])]);
    let cell = graph(
        "cell.0",
        vec![port("input", "Input", 2), lif("lif", 2), rec(), port("output", "Output", 2)],
        &[("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")],
    );
    let block = graph(
        "block",
        vec![
            port("in", "Input", 2),
            node("s", "Scale", vec![numbers("scale", vec![2.0, 3.0], &[2])]),
            cell,
            port("out", "Output", 2),
        ],
        &[("in", "s"), ("s", "cell.0"), ("cell.0", "out")],
    );
    let nodes = || vec![port("in", "Input", 2), lif("end", 2), port("out", "Output", 2)];
    let mut all = nodes();
    all.push(block);
    let network = read(&all, &[("in", "block"), ("block", "end"), ("end", "out")]).unwrap();
    let names: Vec<_> = network.populations().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["in", "block.cell.0.lif", "end"]);
    let projections: Vec<_> = network.projections().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        projections,
        ["in -> block.cell.0.lif", "block.cell.0.lif -> block.cell.0.lif", "block.cell.0.lif -> end"]
    );
    let Weights::OneToOne(scale) = &network.projections()[0].weights else { panic!("a scale") };
    assert_eq!(scale, &[2.0, 3.0]);
    // Two ways out: an edge must say which, and may.
    let fork = || {
        let ends = ["a", "b"].map(|name| port(name, "Output", 2));
        let [a, b] = ends;
        graph(
            "fork",
            vec![port("in", "Input", 2), lif("lif", 2), a, b],
            &[("in", "lif"), ("lif", "a"), ("lif", "b")],
        )
    };
    let mut all = nodes();
    all.push(fork());
    refused(
        &all,
        &[("in", "fork"), ("fork", "end"), ("end", "out")],
        &["`fork`", "2 Output nodes", "fork.node"],
    );
    assert!(read(&all, &[("in", "fork"), ("fork.b", "end"), ("end", "out")]).is_ok());
    // A port of another size, and an edge to a node that is not there, named with the graph it is in.
    let odd = graph(
        "odd",
        vec![port("in", "Input", 3), lif("lif", 2), port("out", "Output", 2)],
        &[("in", "lif"), ("lif", "out")],
    );
    let mut all = nodes();
    all.push(odd);
    refused(
        &all,
        &[("in", "odd"), ("odd", "end"), ("end", "out")],
        &["`odd.in`", "takes 3 values but is given 2"],
    );
    let lost = graph(
        "lost",
        vec![port("in", "Input", 2), lif("lif1", 2), port("out", "Output", 2)],
        &[("in", "lif"), ("lif1", "out")],
    );
    let mut all = nodes();
    all.push(lost);
    refused(
        &all,
        &[("in", "lost"), ("lost", "end"), ("end", "out")],
        &["in `lost`", "names `lif`", "did it mean `lif1`?"],
    );
}

fn wait(name: &'static str, seconds: Vec<f64>) -> Node {
    let n = seconds.len() as u64;
    node(name, "Delay", vec![numbers("delay", seconds, &[n])])
}

#[test]
fn delays_are_whole_ticks_a_projection_each() {
    // Neuron 0 waits 3 ticks, 1 none, 2 three; then a map, then 2 ticks for all.
    let nodes = |first: Vec<f64>, second: Vec<f64>| {
        vec![
            port("in", "Input", 3),
            wait("first", first),
            node(
                "fc",
                "Affine",
                vec![weight(2, 3, vec![2.0, 3.0, 4.0, 0.0, 2.0, 2.0]), numbers("bias", vec![0.0, 0.5], &[2])],
            ),
            wait("second", second),
            lif("lif", 2),
            port("out", "Output", 2),
        ]
    };
    let edges = chain(&["in", "first", "fc", "second", "lif", "out"]);
    let network = read(&nodes(vec![0.003, 0.0, 0.003], vec![0.002]), &edges).unwrap();
    let delays: Vec<_> = network.projections().iter().map(|p| (p.delay, p.weights.synapse_count())).collect();
    assert_eq!(delays, [(2, 2), (5, 3)]);
    assert_eq!(bias(&network), [0.0, 0.5]);
    // An input spike at 1 over 0 + 2 ticks acts at 4, over 3 + 2 ticks at 7; the chip fires as the reference does.
    let input = |t: usize| if t == 1 { vec![0, 1, 2] } else { vec![] };
    let stimulus: Vec<_> = (0..12).map(input).collect();
    let mapping = map(&network, &generic(1, 1, 1), &MapOptions::default()).unwrap();
    let mut chip = Chip::load(&mapping.image, Level::Analytic).unwrap();
    let (mut out, mut fired) = (TickSpikes::default(), Vec::new());
    for (t, active) in stimulus.iter().enumerate() {
        chip.tick(active, false, &mut out);
        fired.extend(out.spikes.iter().map(|s| (t, s.0)));
    }
    let reference = Oracle::new(&network).run(&stimulus);
    let count = |neuron| fired.iter().filter(|f| f.1 == neuron).count() as u64;
    assert_eq!([count(3), count(4)], [reference.spikes[3], reference.spikes[4]]);
    assert!(fired.contains(&(4, 3)) && fired.contains(&(7, 3)), "{fired:?}");
    assert!(!fired.contains(&(3, 3)) && !fired.contains(&(5, 3)), "{fired:?}");
    // 63 ticks are the longest; a part of a tick, or a time that is none, is refused by name.
    assert!(read(&nodes(vec![0.063], vec![0.0]), &edges).is_ok());
    for (first, second, parts) in [
        (vec![0.0, 0.0015, 0.064], vec![0.0], ["`first`", "2 of its 3 delays", "1.5 ticks"]),
        (vec![0.04], vec![0.024], ["`second`", "makes 64 ticks", "most is 63"]),
        (vec![-0.001], vec![0.0], ["`first`", "3 of its 3 delays", "-1 ticks"]),
        (vec![f64::NAN], vec![0.0], ["`first`", "delays", "NaN"]),
        (vec![0.001, 0.002], vec![0.0], ["`first`", "delay has 2 values", "3"]),
    ] {
        refused(&nodes(first, second), &edges, &parts);
    }
    // A population is read as it fires, not later.
    let late = [port("in", "Input", 2), lif("lif", 2), wait("late", vec![0.001]), port("out", "Output", 2)];
    refused(&late, &chain(&["in", "lif", "late", "out"]), &["delayed spike"]);
}

/// A file with every kind of node that shapes depend on.
fn everything() -> Vec<u8> {
    let convolution = Convolution {
        weight: vec![2, 2, 3, 3],
        groups: 1,
        stride: vec![1],
        dilation: vec![1],
        padding: vec![1],
    };
    let flat =
        Convolution { weight: vec![2, 1, 3], groups: 2, stride: vec![1], dilation: vec![1], padding: vec![0] };
    let inner = vec![
        shaped("input", "Input", &[2, 4, 4]),
        convolution.node("conv", vec![Field::Whole("input_shape", vec![4, 4])]),
        fire("if", &[2, 4, 4], 1.0),
        shaped("output", "Output", &[2, 4, 4]),
    ];
    let nodes = [
        shaped("in", "Input", &[2, 8, 8]),
        pool("pool", "AvgPool2d", 2, 2),
        graph("sub", inner, &[("input", "conv"), ("conv", "if"), ("if", "output")]),
        node("flat", "Flatten", vec![Field::Whole("start_dim", vec![1]), Field::Whole("end_dim", vec![-1])]),
        flat.node("line", vec![Field::Text("padding", "same")]),
        wait("wait", (0..32).map(|i| f64::from(i % 3) * 0.001).collect()),
        node("fc", "Linear", vec![weight(2, 32, some(64, 4))]),
        lif("lif", 2),
        port("out", "Output", 2),
    ];
    let folder = Folder::new();
    let edges = chain(&["in", "pool", "sub", "flat", "line", "wait", "fc", "lif", "out"]);
    let path = write(&folder, &nodes, &edges);
    read_nir(&path, EULER).unwrap_or_else(|e| panic!("{e}"));
    std::fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(crate::support::cases(400))]

    #[test]
    fn damaged_graphs_with_shapes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
    ) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = GOOD.get_or_init(everything).clone();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let folder = Folder::new();
        if let Err(error) = read_nir(folder.write("x.nir", &bytes).as_ref(), EULER) {
            prop_assert_eq!(error.kind, ErrorKind::Invalid);
        }
    }
}
