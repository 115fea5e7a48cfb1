//! Convolutions and pools of NIR files: what they compute, against plain dense loops, and what is said of shapes that do
//! not fit.

use crate::nir_file::{
    Convolution, Field, Node, bias, chain, fire, node, numbers, pool, port, read, refused, shaped, some, weight,
};
use crate::support::{EULER, data};
use proptest::prelude::*;
use spikemesh::network::import::read_nir;
use spikemesh::network::{Conventions, Network, Weights};

/// What a network's only projection makes of values.
fn through(network: &Network, x: &[f64]) -> Vec<f64> {
    assert_eq!(network.projections().len(), 1);
    product(&network.projections()[0].weights, x)
}

fn product(weights: &Weights, x: &[f64]) -> Vec<f64> {
    let row = |target| {
        let mut sum = 0.0;
        weights.for_each_source(target, |source, w| sum += f64::from(w) * x[source as usize]);
        sum
    };
    (0..weights.shape().0).map(row).collect()
}

proptest! {
    #![proptest_config(crate::support::cases(60))]

    /// Every geometry NIR can name is what dense loops compute, and stays a convolution.
    #[test]
    fn a_convolution_is_what_dense_loops_compute(
        flat in any::<bool>(), groups in 1u64..3, channels in (1u64..3, 1u64..3), image in (5u64..9, 5u64..9),
        kernel in (1u64..4, 1u64..4), stride in prop::collection::vec(1i64..3, 1..=2),
        dilation in prop::collection::vec(1i64..3, 1..=2), padding in prop::collection::vec(0i64..3, 1..=2),
    ) {
        let mut c = Convolution {
            weight: vec![channels.1 * groups, channels.0, kernel.0, kernel.1], groups: groups as i64, stride, dilation, padding,
        };
        let mut shape = vec![(channels.0 * groups) as i64, image.0 as i64, image.1 as i64];
        let mut at = [shape[0] as usize, image.0 as usize, image.1 as usize];
        if flat {
            c.weight.remove(2);
            shape.remove(1);
            at[1] = 1;
            [&mut c.stride, &mut c.dilation, &mut c.padding].into_iter().for_each(|pair| pair.truncate(1));
        }
        let x = some(at.iter().product::<usize>() as u64, 3);
        let (wanted, [out, rows, columns]) = c.apply(&x, at);
        let neurons: Vec<u64> = if flat { vec![out as u64, columns as u64] } else { [out, rows, columns].map(|n| n as u64).into() };
        let nodes = [shaped("in", "Input", &shape), c.node("conv", vec![]), fire("out", &neurons, 1.0), port("o", "Output", 1)];
        let network = read(&nodes, &chain(&["in", "conv", "out", "o"])).unwrap();
        let is_convolution = matches!(network.projections()[0].weights, Weights::Convolution { .. });
        prop_assert!(is_convolution);
        prop_assert_eq!(through(&network, &x), wanted);
        let each = rows * columns;
        prop_assert!(bias(&network).iter().enumerate().all(|(i, b)| *b == c.bias()[i / each]));
    }
}

#[test]
fn padding_by_word_keeps_or_shrinks_the_image() {
    let c = |kernel: u64, dilation: i64| Convolution {
        weight: vec![2, 1, kernel, kernel],
        groups: 1,
        stride: vec![1],
        dilation: vec![dilation],
        padding: vec![(kernel as i64 - 1) * dilation / 2],
    };
    let x = some(36, 5);
    let network = |c: &Convolution, word, size: u64| {
        let conv = c.node("conv", vec![Field::Text("padding", word)]);
        let nodes = [
            shaped("in", "Input", &[1, 6, 6]),
            conv,
            fire("out", &[2, size, size], 1.0),
            port("o", "Output", 1),
        ];
        read(&nodes, &chain(&["in", "conv", "out", "o"])).unwrap()
    };
    for (kernel, dilation) in [(3, 1), (3, 2), (1, 1), (5, 1)] {
        let c = c(kernel, dilation);
        assert_eq!(through(&network(&c, "same", 6), &x), c.apply(&x, [1, 6, 6]).0);
    }
    // An even kernel has its odd zero at the end: what comes of one zero all round, without the first row and column.
    let even = Convolution { padding: vec![1], ..c(2, 1) };
    let (all, _) = even.apply(&x, [1, 6, 6]);
    let kept: Vec<f64> = (0..98).filter(|i| i / 7 % 7 > 0 && i % 7 > 0).map(|i| all[i]).collect();
    assert_eq!(through(&network(&even, "same", 6), &x), kept);
    let bare = Convolution { padding: vec![0], ..c(3, 1) };
    assert_eq!(through(&network(&bare, "valid", 4), &x), bare.apply(&x, [1, 6, 6]).0);
}

#[test]
fn pools_scales_and_matrices_multiply_into_one_projection() {
    let c = Convolution {
        weight: vec![4, 2, 3, 3],
        groups: 1,
        stride: vec![1],
        dilation: vec![1],
        padding: vec![1],
    };
    let x = some(2 * 8 * 8, 7);
    let sums: Vec<f64> = (0..2 * 4 * 4)
        .map(|i| {
            let (channel, row, column) = (i / 16, i / 4 % 4, i % 4);
            let at = |r: usize, c: usize| x[(channel * 8 + 2 * row + r) * 8 + 2 * column + c];
            at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)
        })
        .collect();
    let ends = |inner: Vec<Node>, neurons: Node| {
        let mut nodes = vec![shaped("in", "Input", &[2, 8, 8])];
        nodes.extend(inner);
        nodes.extend([neurons, port("o", "Output", 1)]);
        nodes
    };
    // A pool alone, and a pool before a convolution, are convolutions with one kernel.
    let nodes = ends(vec![pool("pool", "SumPool2d", 2, 2)], fire("out", &[2, 4, 4], 1.0));
    let network = read(&nodes, &chain(&["in", "pool", "out", "o"])).unwrap();
    assert!(matches!(network.projections()[0].weights, Weights::Convolution { .. }));
    assert_eq!(through(&network, &x), sums);
    let (wanted, _) = c.apply(&sums, [2, 4, 4]);
    let inner = vec![pool("pool", "SumPool2d", 2, 2), c.node("conv", vec![])];
    let network =
        read(&ends(inner, fire("out", &[4, 4, 4], 1.0)), &chain(&["in", "pool", "conv", "out", "o"])).unwrap();
    assert!(matches!(network.projections()[0].weights, Weights::Convolution { .. }));
    assert_eq!(through(&network, &x), wanted);
    // Pools that overlap before padding are not; the product is exact all the same. AvgPool2d divides.
    let inner = vec![pool("pool", "AvgPool2d", 4, 2), c.node("conv", vec![])];
    let network =
        read(&ends(inner, fire("out", &[4, 3, 3], 1.0)), &chain(&["in", "pool", "conv", "out", "o"])).unwrap();
    assert!(matches!(network.projections()[0].weights, Weights::Sparse { .. }));
    let averages: Vec<f64> = (0..2 * 9)
        .map(|i| {
            let (channel, row, column) = (i / 9, i / 3 % 3, i % 3);
            let at = |k: usize| x[(channel * 8 + 2 * row + k / 4) * 8 + 2 * column + k % 4];
            (0..16).map(at).sum::<f64>() / 16.0
        })
        .collect();
    assert_eq!(through(&network, &x), c.apply(&averages, [2, 3, 3]).0);
    // Convolution, scale of channels, flatten, matrix; the bias goes through what follows it.
    let matrix = some(3 * 256, 9);
    let factors = vec![1.0, 2.0, 0.5, -1.0];
    let inner = vec![
        c.node("conv", vec![]),
        node("scale", "Scale", vec![numbers("scale", factors.clone(), &[4, 1, 1])]),
        node("flat", "Flatten", vec![Field::Whole("start_dim", vec![0]), Field::Whole("end_dim", vec![-1])]),
        node("fc", "Linear", vec![weight(3, 256, matrix.clone())]),
    ];
    let network =
        read(&ends(inner, fire("out", &[3], 1.0)), &chain(&["in", "conv", "scale", "flat", "fc", "out", "o"]))
            .unwrap();
    let scaled: Vec<f64> =
        c.apply(&x, [2, 8, 8]).0.iter().enumerate().map(|(i, y)| y * factors[i / 64]).collect();
    let times = |x: &[f64]| -> Vec<f64> {
        matrix.chunks(256).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    };
    assert_eq!(through(&network, &x), times(&scaled));
    let constant: Vec<f64> = (0..256).map(|i| c.bias()[i / 64] * factors[i / 64]).collect();
    assert_eq!(bias(&network), times(&constant));
}

#[test]
fn shapes_that_are_unknown_or_disagree_are_told_by_node() {
    let c = Convolution {
        weight: vec![4, 2, 3, 3],
        groups: 1,
        stride: vec![1],
        dilation: vec![1],
        padding: vec![0],
    };
    let out = || fire("out", &[4, 4, 4], 1.0);
    let case = |input: &[i64], conv: Node, neurons: Node, parts: &[&str]| {
        let nodes = [shaped("in", "Input", input), conv, neurons, port("o", "Output", 1)];
        refused(&nodes, &chain(&["in", "conv", "out", "o"]), parts);
    };
    case(&[72], c.node("conv", vec![]), out(), &["`conv`", "2 channels of a known size", "[72]"]);
    case(&[3, 6, 6], c.node("conv", vec![]), out(), &["`conv`", "2 channels", "[3, 6, 6]"]);
    let named = |a, b| c.node("conv", vec![Field::Whole("input_shape", vec![a, b])]);
    case(&[2, 6, 6], named(6, 7), out(), &["`conv`", "input_shape [6, 7]", "[2, 6, 6]"]);
    case(&[2, 2, 6], c.node("conv", vec![]), out(), &["`conv`", "kernel reaches over 3"]);
    case(
        &[2, 6, 6],
        c.node("conv", vec![]),
        fire("out", &[4, 4, 5], 1.0),
        &["`out`", "takes 80 values but is given 64"],
    );
    case(&[6, 6], pool("conv", "SumPool2d", 2, 2), out(), &["`conv`", "(channels, rows, columns)"]);
    let strided = Convolution { stride: vec![2], ..c.clone() };
    case(
        &[2, 6, 6],
        strided.node("conv", vec![Field::Text("padding", "same")]),
        out(),
        &["`conv`", "no agreed meaning"],
    );
    case(
        &[2, 6, 6],
        c.node("conv", vec![Field::Text("padding", "full")]),
        out(),
        &["`conv`", "padding is \"full\""],
    );
    let odd = Convolution { groups: 3, ..c.clone() };
    case(&[6, 6, 6], odd.node("conv", vec![]), out(), &["`conv`", "3 groups"]);
    let still = Convolution { stride: vec![0], ..c.clone() };
    case(&[2, 6, 6], still.node("conv", vec![]), out(), &["`conv`", "stride holds 0"]);
    let mut short = c.node("conv", vec![]);
    short.fields[1] = numbers("bias", vec![0.0; 3], &[3]);
    case(&[2, 6, 6], short, out(), &["`conv`", "3 biases for 4"]);
    // A product that is too large to write out is refused by name.
    let tall = node("tall", "Linear", vec![weight(12_000, 1, vec![1.0; 12_000])]);
    let row = node("row", "Linear", vec![weight(1, 12_000, vec![1.0; 12_000])]);
    let nodes = [port("in", "Input", 12_000), row, tall, fire("out", &[12_000], 1.0), port("o", "Output", 1)];
    refused(&nodes, &chain(&["in", "row", "tall", "out", "o"]), &["`tall`", "12000 x 12000", "2^27"]);
    // Values in a row are an image where the convolution says so.
    let nodes = [port("in", "Input", 72), named(6, 6), out(), port("o", "Output", 1)];
    assert!(read(&nodes, &chain(&["in", "conv", "out", "o"])).is_ok());
}

/// The layers of other tools' files, their weights read here by other means.
#[test]
fn convolutions_of_other_tools_are_what_dense_loops_compute() {
    let Some(folder) = data("convolutions_of_other_tools_are_what_dense_loops_compute") else { return };
    let layer = |weight: &[u64], groups, stride, dilation, padding| Convolution {
        weight: weight.to_vec(),
        groups,
        stride: vec![stride],
        dilation: vec![dilation],
        padding: vec![padding],
    };
    // (file, node, projection, layer, shape of its input)
    let cases = [
        ("synthetic/04_conv_sumpool_flatten_if", "c0", 0, layer(&[8, 2, 5, 5], 1, 2, 1, 1), [2, 34, 34]),
        (
            "synthetic/05_conv_variants_same_dilated_grouped",
            "c0",
            0,
            layer(&[8, 2, 3, 3], 2, 1, 1, 1),
            [4, 20, 16],
        ),
        ("synthetic/06_conv1d_audio", "c0", 0, layer(&[24, 16, 5], 1, 2, 1, 2), [16, 1, 100]),
        ("real/02_cnn/cnn_sinabs", "0", 0, layer(&[16, 2, 5, 5], 1, 2, 1, 1), [2, 34, 34]),
        ("real/02_cnn/cnn_sinabs", "2", 1, layer(&[16, 16, 3, 3], 1, 1, 1, 1), [16, 16, 16]),
    ];
    for (name, node, projection, layer, at) in cases {
        let path = folder.join("nir").join(name).with_extension("nir");
        if !path.exists() {
            println!("SKIPPED {name}: not in SPIKEMESH_DATA");
            continue;
        }
        let file = hdf5_pure::File::from_bytes(std::fs::read(&path).unwrap()).unwrap();
        let values = file.dataset(&format!("node/nodes/{node}/weight")).unwrap().read_f64().unwrap();
        let network = read_nir(&path, Conventions { dt_s: 1e-3, ..EULER }).unwrap();
        let x = some(at.iter().product::<usize>() as u64, 6);
        let (wanted, _) = layer.apply_with(&values, &x, at);
        let got = product(&network.projections()[projection].weights, &x);
        assert_eq!(got.len(), wanted.len(), "{name}");
        assert!(got.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{name} {node}");
    }
}
