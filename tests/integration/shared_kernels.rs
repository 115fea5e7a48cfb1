//! Networks with convolutions on cores that share kernels and on cores that do not: the same network, fewer words; and the
//! f64 reference beside both.

use crate::nir_file::{Convolution, chain, fire, node, numbers, pool, port, read, shaped, some, weight};
use crate::support::{EULER, capped, data, generic};
use spikemesh::chip::{Chip, ChipImage, ChipSpec, TickSpikes};
use spikemesh::mapper::{MapOptions, Mapping, Quantised, map, verify};
use spikemesh::network::import::read_nir;
use spikemesh::network::{Conventions, Network, NetworkBuilder, Oracle, Parameter, Weights};
use spikemesh_cores::{AxonId, SharedRows, Synapse, Synapses};
use spikemesh_router::Level;
use std::sync::Arc;

/// A network of two convolutions with a pool between, and a read-out.
fn layers(side: i64) -> Network {
    let first = Convolution {
        weight: vec![4, 2, 3, 3],
        groups: 1,
        stride: vec![1],
        dilation: vec![1],
        padding: vec![1],
    };
    let second = Convolution { weight: vec![6, 4, 3, 3], ..first.clone() };
    let (a, b) = (side as u64, side as u64 / 2);
    let scale = |n: usize| {
        node(
            if n == 4 { "s0" } else { "s1" },
            "Scale",
            vec![numbers("scale", vec![0.09; n], &[n as u64, 1, 1])],
        )
    };
    let nodes = [
        shaped("in", "Input", &[2, side, side]),
        first.node("c0", vec![]),
        scale(4),
        fire("if0", &[4, a, a], 1.0),
        pool("pool", "SumPool2d", 2, 2),
        second.node("c1", vec![]),
        scale(6),
        fire("if1", &[6, b, b], 2.0),
        node("flat", "Flatten", vec![]),
        node("fc", "Linear", vec![weight(5, 6 * b * b, some(30 * b * b, 11))]),
        fire("if2", &[5], 20.0),
        port("o", "Output", 5),
    ];
    read(&nodes, &chain(&["in", "c0", "s0", "if0", "pool", "c1", "s1", "if1", "flat", "fc", "if2", "o"]))
        .unwrap()
}

fn replicated(spec: &ChipSpec) -> ChipSpec {
    let mut spec = spec.clone();
    spec.core.shared_kernels = false;
    spec
}

/// Spikes of every tick, inputs given by a rule.
fn spikes(network: &Network, mapping: &Mapping, ticks: u32) -> Vec<Vec<(u32, i32)>> {
    let mut chip = Chip::load(&mapping.image, Level::Analytic).unwrap();
    let mut out = TickSpikes::default();
    let tick = |t: u32| {
        let active: Vec<u32> = (0..network.input_count()).filter(|i| (i * 7 + t * 3) % 11 < 2).collect();
        chip.tick(&active, false, &mut out);
        out.spikes.clone()
    };
    (0..ticks).map(tick).collect()
}

fn bytes(mapping: &Mapping) -> u64 {
    mapping.image.cores.iter().map(|core| core.config.synapses.store().memory_bytes()).sum()
}

fn words(mapping: &Mapping) -> u64 {
    mapping.uses.iter().map(|u| u.synapse_words).sum()
}

#[test]
fn cores_that_share_kernels_run_as_those_that_do_not() {
    let network = layers(12);
    let kinds: Vec<_> =
        network.projections().iter().map(|p| matches!(p.weights, Weights::Convolution { .. })).collect();
    assert_eq!(kinds, [true, true, false]);
    let spec = generic(8, 8, 1);
    assert!(spec.core.shared_kernels);
    for options in [MapOptions::default(), capped(50)] {
        let shared = map(&network, &spec, &options).unwrap();
        let plain = map(&network, &replicated(&spec), &options).unwrap();
        // The same synapses on the same neurons; the chip's words and the emulator's bytes are fewer.
        assert_eq!(shared.synapses_verified, plain.synapses_verified);
        assert!(words(&shared) * 2 < words(&plain) && bytes(&shared) < bytes(&plain));
        let stores = shared.image.cores.iter().map(|c| matches!(*c.config.synapses, Synapses::Shared(_)));
        assert!(
            stores.clone().any(|is| is)
                && plain.image.cores.iter().all(|c| matches!(*c.config.synapses, Synapses::Sparse(_)))
        );
        let (a, b) = (spikes(&network, &shared, 30), spikes(&network, &plain, 30));
        let count = |all: &[Vec<(u32, i32)>]| all.iter().map(Vec::len).sum::<usize>();
        assert!(count(&a) > 2000, "{}", count(&a));
        // All neurons of a channel have one kernel and so one scale, where a chip without sharing rounds each neuron
        // for itself: hardly a spike differs.
        assert!(count(&a).abs_diff(count(&b)) * 50 < count(&a), "{} {}", count(&a), count(&b));
    }
    // The cut does not change the spikes.
    let all = spikes(&network, &map(&network, &spec, &MapOptions::default()).unwrap(), 20);
    assert_eq!(spikes(&network, &map(&network, &spec, &capped(37)).unwrap(), 20), all);
}

#[test]
fn a_kernel_costs_its_words_once_a_core_and_channel() {
    let c = Convolution {
        weight: vec![3, 2, 3, 3],
        groups: 1,
        stride: vec![1],
        dilation: vec![1],
        padding: vec![1],
    };
    let nodes = [
        shaped("in", "Input", &[2, 10, 10]),
        c.node("conv", vec![]),
        fire("out", &[3, 10, 10], 9.0),
        port("o", "Output", 1),
    ];
    let network = read(&nodes, &chain(&["in", "conv", "out", "o"])).unwrap();
    let mut spec = generic(8, 8, 1);
    // Loihi's words: 9 taps are 10 + 9 x 25 bits, 4 words of 64 bits.
    (spec.core.word_bits, spec.core.header_bits, spec.core.synapse_bits) = (64, 10, 25);
    // Cores of 150 neurons hold one and a half of the three channels each: two kernels of two input channels.
    let mapping = map(&network, &spec, &capped(150)).unwrap();
    let held: Vec<_> = mapping.uses.iter().map(|u| u.synapse_words).collect();
    assert_eq!(held, [16, 16]);
    // The limit bites exactly there, and the verifier counts as the mapper does.
    spec.core.synapse_words = 16;
    let mapping = map(&network, &spec, &capped(150)).unwrap();
    let quantised = Quantised::new(&network, &spec).unwrap();
    assert!(verify(&network, &quantised, &mapping.image).is_ok());
    let mut image = mapping.image.clone();
    image.spec.core.synapse_words = 15;
    let error = verify(&network, &quantised, &image).unwrap_err();
    assert!(error.to_string().contains("16 words of synapse memory"), "{error}");
    spec.core.synapse_words = 8;
    assert_eq!(map(&network, &spec, &capped(150)).unwrap().uses.len(), 3, "one channel a core");
    spec.core.synapse_words = 7;
    let error = map(&network, &spec, &capped(150)).unwrap_err();
    assert!(error.to_string().contains("words of synapse memory"), "{error}");
    // Neurons of different gains cannot use one kernel unless their weights are rounded alike, which they are.
    let gains = (0..300).map(|i| 500.0 + f64::from(i % 7)).collect();
    let mut neurons = fire("out", &[3, 10, 10], 9.0);
    neurons.fields[0] = numbers("r", gains, &[3, 10, 10]);
    let nodes = [shaped("in", "Input", &[2, 10, 10]), c.node("conv", vec![]), neurons, port("o", "Output", 1)];
    let network = read(&nodes, &chain(&["in", "conv", "out", "o"])).unwrap();
    assert!(map(&network, &generic(8, 8, 1), &capped(150)).is_ok());
}

#[test]
fn images_with_shared_rows_travel_and_their_faults_are_found() {
    let network = layers(8);
    let spec = generic(8, 8, 1);
    let good = map(&network, &spec, &capped(100)).unwrap().image;
    let quantised = Quantised::new(&network, &spec).unwrap();
    let bytes = good.to_bytes();
    assert_eq!(ChipImage::from_bytes("image", &bytes).unwrap(), good);
    // The same rows written anew, one synapse changed or not.
    let rebuilt = |change: fn(&mut Synapse)| {
        let store = good.cores[0].config.synapses.store();
        let mut builder = SharedRows::builder(good.cores[0].config.neurons.len() as u32);
        for axon in 0..store.axon_count() as u32 {
            let mut row = store.row(AxonId(axon));
            if axon == 5 {
                change(&mut row[1]);
            }
            builder.push_effective_row(&row).unwrap();
        }
        let mut image = good.clone();
        image.cores[0].config.synapses = Arc::new(Synapses::Shared(builder.build()));
        image
    };
    assert!(verify(&network, &quantised, &rebuilt(|_| ())).is_ok());
    let faults: [fn(&mut Synapse); 3] =
        [|s| s.weight = -s.weight, |s| s.delay += 1, |s| s.target.0 = if s.target.0 == 9 { 8 } else { 9 }];
    for fault in faults {
        assert!(verify(&network, &quantised, &rebuilt(fault)).is_err());
    }
    // Scales of a chip that does not share kernels make a kernel of several roundings, which is found, too.
    let plain = replicated(&spec);
    let mut image = map(&network, &plain, &capped(100)).unwrap().image;
    image.spec.core.shared_kernels = true;
    let error = verify(&network, &Quantised::new(&network, &plain).unwrap(), &image).unwrap_err();
    assert!(error.to_string().contains("has two weights"), "{error}");
}

/// Runs chip and reference and returns the spikes of each of the chip's populations over the reference's.
fn against_reference(network: &Network, spec: &ChipSpec, ticks: u32, period: u32) -> Vec<(u64, u64)> {
    let mapping = map(network, spec, &MapOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let input = |t: u32| {
        (0..network.input_count())
            .filter(|i| (i.wrapping_mul(2_654_435_761) >> 8) % period == t % period)
            .collect()
    };
    let stimulus: Vec<Vec<u32>> = (0..ticks).map(input).collect();
    let mut chip = Chip::load(&mapping.image, Level::Analytic).unwrap();
    let (mut out, mut counts) = (TickSpikes::default(), vec![0; network.neuron_count() as usize]);
    for active in &stimulus {
        chip.tick(active, false, &mut out);
        out.spikes.iter().for_each(|s| counts[s.0 as usize] += 1u64);
    }
    let reference = Oracle::new(network).run(&stimulus).spikes;
    let inner = network.ids().filter(|id| !network.population(*id).is_input());
    let sum = |counts: &[u64], id| network.neurons_of(id).map(|n| counts[n.0 as usize]).sum::<u64>();
    inner.map(|id| (sum(&counts, id), sum(&reference, id))).collect()
}

#[test]
fn the_chip_fires_as_the_reference_over_convolutions() {
    for spec in [generic(8, 8, 1), replicated(&generic(8, 8, 1))] {
        for (chip, reference) in against_reference(&layers(12), &spec, 60, 12) {
            assert!(reference > 20 && chip.abs_diff(reference) * 20 < reference, "{chip} {reference}");
        }
    }
}

/// The same network with lower thresholds: random weights of files made for tests hardly reach their own.
fn eased(network: &Network, factor: f64) -> Network {
    let mut b = NetworkBuilder::new(network.name(), network.conventions());
    for population in network.populations() {
        let Some(mut parameters) = population.parameters().cloned() else {
            b.input(&population.name, population.size);
            continue;
        };
        let thresholds = parameters
            .v_threshold
            .take()
            .map(|t| (0..population.size as usize).map(|i| t.at(i) * factor).collect());
        parameters.v_threshold = thresholds.map(Parameter::Each);
        b.neurons(&population.name, population.size, parameters);
    }
    for p in network.projections() {
        b.project(&p.name, p.source, p.target, p.weights.clone(), p.delay);
    }
    network.outputs().iter().for_each(|&id| b.output(id));
    b.build().unwrap()
}

/// Files of other tools with convolutions, delays and nested graphs run; cnn_sinabs shows what sharing saves.
#[test]
fn networks_of_other_tools_run_on_shared_kernels() {
    let Some(folder) = data("networks_of_other_tools_run_on_shared_kernels") else { return };
    let synthetic = |name: &str| folder.join("nir/synthetic").join(name);
    // (file, dt, factor of the thresholds, populations)
    let files = [
        (synthetic("04_conv_sumpool_flatten_if.nir"), 1.0, 1.0, 3),
        (synthetic("05_conv_variants_same_dilated_grouped.nir"), 0.019, 0.05, 3),
        (synthetic("06_conv1d_audio.nir"), 0.019, 0.05, 2),
        (synthetic("07_delay_skip_two_inputs.nir"), 5e-4, 0.01, 2),
        (synthetic("08_nested_subgraph_recurrent.nir"), 4.9e-3, 0.05, 2),
        (folder.join("nir/real/02_cnn/cnn_sinabs.nir"), 1.0, 1.0, 5),
        (folder.join("nir/real/03_rnn/braille_noDelay_bias_zero.nir"), 1e-4, 1.0, 2),
    ];
    for (path, dt_s, ease, populations) in files {
        if !path.exists() {
            println!("SKIPPED {}: not in SPIKEMESH_DATA", path.display());
            continue;
        }
        let network = read_nir(&path, Conventions { dt_s, ..EULER }).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(network.populations().iter().filter(|p| !p.is_input()).count(), populations);
        let spec = generic(16, 16, 1);
        let shared = map(&network, &spec, &MapOptions::default()).unwrap_or_else(|e| panic!("{e}"));
        let plain = map(&network, &replicated(&spec), &MapOptions::default()).unwrap_or_else(|e| panic!("{e}"));
        println!(
            "{}: {} neurons, {} synapses; shared {} cores, {} words, {} bytes; replicated {} cores, {} words, {} bytes",
            network.name(),
            network.placed_neuron_count(),
            network.synapse_count(),
            shared.uses.len(),
            words(&shared),
            bytes(&shared),
            plain.uses.len(),
            words(&plain),
            bytes(&plain),
        );
        for (chip, reference) in against_reference(&eased(&network, ease), &spec, 40, 2) {
            println!("  chip {chip} spikes, reference {reference}");
            assert!(reference > 0, "{}", network.name());
            assert!(
                chip.abs_diff(reference) * 10 <= reference.max(200),
                "{}: {chip} {reference}",
                network.name()
            );
        }
    }
}
