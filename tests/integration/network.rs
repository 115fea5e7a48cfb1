//! Fixed point against the f64 reference, over random networks and every kind of neuron.

use crate::support::{EULER, builder, generic, lif, run_image};
use proptest::prelude::*;
use spikemesh::chip::ChipSpec;
use spikemesh::mapper::{MapOptions, map};
use spikemesh::network::{
    Conventions, ConvolutionShape, Integrator, Network, NetworkBuilder, NeuronParameters, Oracle, Parameter,
    Reset, Weights,
};
use spikemesh::run::{Recording, Stimulus, StimulusConfig};
use spikemesh_router::Level;

/// (spikes on the chip, spikes in the reference) of all placed neurons.
fn both(network: &Network, ticks: u32, chance: (u64, u64)) -> (u64, u64) {
    both_on(&generic(4, 4, 1), network, ticks, chance)
}

fn both_on(spec: &ChipSpec, network: &Network, ticks: u32, chance: (u64, u64)) -> (u64, u64) {
    let recording = recorded(spec, network, ticks, chance);
    let placed = |spikes: &[u64]| -> u64 { spikes.iter().skip(1).sum() };
    (placed(&recording.population_spikes), placed(recording.reference_spikes.as_ref().unwrap()))
}

fn recorded(spec: &ChipSpec, network: &Network, ticks: u32, chance: (u64, u64)) -> Recording {
    let mapping = map(network, spec, &MapOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let config = StimulusConfig::Poisson { num: chance.0, den: chance.1, samples: 3 };
    let stimulus = Stimulus::load(&config, network, ticks, 7).unwrap();
    let oracle = Oracle::new(network);
    run_image(&mapping, &stimulus, Level::Analytic, 1, Some(&oracle))
}

fn close(chip: u64, reference: u64, share: f64) -> bool {
    chip.abs_diff(reference) as f64 <= (share * reference as f64).max(3.0)
}

#[test]
fn weights_on_the_grid_give_the_references_own_spikes() {
    // IF neurons without leak and weights that are whole steps: nothing is rounded, so nothing may differ.
    let mut b = builder();
    let input = b.input("in", 8);
    let parameters = NeuronParameters { tau_mem_s: None, r: Parameter::Uniform(1000.0), ..lif(16, 1.0) };
    let out = b.neurons("out", 16, parameters);
    let mut values: Vec<f32> = (0..128).map(|i| ((i * 37 + 11) % 255) as f32 / 256.0 - 0.25).collect();
    // Every neuron's largest weight uses the whole mantissa, so that a step is 1/256.
    values.iter_mut().step_by(8).for_each(|w| *w = 255.0 / 256.0);
    b.project("p", input, out, Weights::Dense { targets: 16, sources: 8, values }, 0);
    b.output(out);
    let (chip, reference) = both(&b.build().unwrap(), 200, (1, 3));
    assert!(reference > 100);
    assert_eq!(chip, reference);
}

#[test]
fn current_based_neurons_follow_the_reference() {
    for integrator in [Integrator::Euler, Integrator::Exponential] {
        for reset in [Reset::Zero, Reset::Subtract] {
            let conventions = Conventions { integrator, reset, ..EULER };
            let mut b = NetworkBuilder::new("test", conventions);
            let input = b.input("in", 20);
            let parameters = NeuronParameters {
                tau_syn_s: Some(Parameter::Each((0..30).map(|i| 0.004 + 0.0002 * f64::from(i)).collect())),
                w_in: Parameter::Uniform(1.5),
                v_leak: Parameter::Uniform(-0.3),
                v_reset: Parameter::Uniform(-0.3),
                v_threshold: Some(Parameter::Each((0..30).map(|i| 0.7 + 0.02 * f64::from(i)).collect())),
                ..lif(30, 0.015)
            };
            let out = b.neurons("out", 30, parameters);
            let weights = |sources, seed, high| Weights::Random {
                targets: 30,
                sources,
                fan_in: 10,
                low: -0.2,
                high,
                seed,
            };
            b.project("drive", input, out, weights(20, 1, 0.8), 0);
            b.project("loop", out, out, weights(30, 2, 0.2), 5);
            b.output(out);
            let (chip, reference) = both(&b.build().unwrap(), 300, (1, 6));
            assert!(reference > 500, "{reference}");
            assert!(close(chip, reference, 0.01), "{integrator:?} {reset:?}: {chip} against {reference}");
        }
    }
}

#[test]
fn a_bias_alone_makes_a_neuron_fire_as_often_as_the_reference() {
    let mut b = builder();
    let input = b.input("in", 1);
    let mut parameters = lif(10, 0.02);
    parameters.bias = (0..10).map(|i| 0.04 + 0.01 * f64::from(i)).collect();
    let out = b.neurons("out", 10, parameters);
    b.project("p", input, out, Weights::Dense { targets: 10, sources: 1, values: vec![0.3; 10] }, 0);
    b.output(out);
    let (chip, reference) = both(&b.build().unwrap(), 500, (1, 50));
    assert!(reference > 100 && close(chip, reference, 0.005), "{chip} against {reference}");
}

proptest! {
    #![proptest_config(crate::support::cases(25))]

    #[test]
    fn random_leaky_networks_follow_the_reference(seed in 0u64..1000, tau in 0.003f64..0.05, high in 0.2f32..0.9) {
        let mut b = builder();
        let input = b.input("in", 15);
        let out = b.neurons("out", 40, lif(40, tau));
        b.project("p", input, out, Weights::Random { targets: 40, sources: 15, fan_in: 8, low: -0.3, high, seed }, 2);
        b.output(out);
        let (chip, reference) = both(&b.build().unwrap(), 200, (1, 4));
        // A potential that grazes its threshold may fall on either side; feed-forward, such chances do not add up.
        prop_assert!(close(chip, reference, 0.015), "{} against {}", chip, reference);
    }
}

/// A threshold at the top of its register, or charge kept above it, must not meet the clip of the membrane.
#[test]
fn thresholds_leave_room_below_the_clip() {
    for (preset, _) in ChipSpec::presets() {
        let spec = ChipSpec::preset(preset).unwrap();
        if !spec.models.is_empty() {
            continue; // It has no cores for networks in real units.
        }
        for reset in [Reset::Zero, Reset::Subtract] {
            if reset == Reset::Subtract && !spec.registers.can_subtract {
                continue;
            }
            for (weight, bias, leaks) in [
                (0.0, 0.1, true),
                (0.0, 0.3, false),
                (1e-5, 0.3, false),
                (0.2495, 0.0, false),
                (0.1246, 0.0, true),
                (0.9, 0.2, true),
            ] {
                let mut b = NetworkBuilder::new("test", Conventions { reset, ..EULER });
                let input = b.input("in", 1);
                let mut parameters = lif(1, 0.05);
                parameters.bias = vec![bias];
                if !leaks {
                    parameters =
                        NeuronParameters { tau_mem_s: None, r: Parameter::Uniform(1000.0), ..parameters };
                }
                let out = b.neurons("out", 1, parameters);
                b.project("p", input, out, Weights::OneToOne(vec![weight]), 0);
                b.output(out);
                let (chip, reference) = both_on(&spec, &b.build().unwrap(), 300, (1, 1));
                let case = format!("{preset}, {reset:?}, weight {weight}, bias {bias}, leaks {leaks}");
                assert!(reference > 10, "{case}: {reference}");
                assert!(close(chip, reference, 0.02), "{case}: {chip} against {reference}");
            }
        }
    }
}

/// Behind a synaptic filter a bias rises slowly; in short samples that decides.
#[test]
fn a_bias_comes_through_the_synaptic_filter() {
    let mut b = builder();
    let input = b.input("in", 1);
    let parameters = NeuronParameters {
        tau_syn_s: Some(Parameter::Uniform(0.03)),
        bias: (0..20).map(|i| 0.1 + 0.02 * f64::from(i)).collect(),
        ..lif(20, 0.01)
    };
    let out = b.neurons("out", 20, parameters);
    b.project("p", input, out, Weights::Dense { targets: 20, sources: 1, values: vec![0.2; 20] }, 0);
    b.output(out);
    let (chip, reference) = both(&b.build().unwrap(), 40, (1, 20));
    assert!(reference > 100 && close(chip, reference, 0.01), "{chip} against {reference}");
}

/// Read-outs that never spike are compared by their membranes, so they may not clip and must know their rest.
#[test]
fn probed_membranes_answer_as_the_reference() {
    for (values, bias, v_leak) in [
        (vec![0.01, 0.01, 0.01, -0.01], [1.0, 1.2], [0.0, 0.0]),
        (vec![0.01, 0.02, 0.02, 0.01], [0.0, 0.0], [0.0, 10.0]),
        (vec![0.01, 0.02, 0.02, 0.01], [0.0, 0.0], [3.0, 0.0]),
    ] {
        let mut b = builder();
        let input = b.input("in", 2);
        let parameters = NeuronParameters {
            v_threshold: None,
            bias: bias.to_vec(),
            v_leak: Parameter::Each(v_leak.to_vec()),
            ..lif(2, 0.02)
        };
        let out = b.neurons("out", 2, parameters);
        b.project("p", input, out, Weights::Dense { targets: 2, sources: 2, values }, 0);
        b.output(out);
        let recording = recorded(&generic(1, 1, 1), &b.build().unwrap(), 100, (1, 2));
        assert_eq!(recording.counters.core_total().clips, 0);
        for sample in &recording.samples {
            assert!(sample.answer.is_some() && sample.answer == sample.reference, "{sample:?}");
        }
    }
}

/// Neurons of one population may differ by orders of magnitude; none may be silenced by the others.
#[test]
fn small_neurons_are_heard_beside_large_ones() {
    let thresholds: Vec<f64> = (0..10).map(|i| if i == 9 { 1000.0 } else { 1.0 }).collect();
    for (preset, _) in ChipSpec::presets() {
        let spec = ChipSpec::preset(preset).unwrap();
        if !spec.models.is_empty() {
            continue; // It has no cores for networks in real units.
        }
        let mut b = builder();
        let input = b.input("in", 1);
        let parameters =
            NeuronParameters { v_threshold: Some(Parameter::Each(thresholds.clone())), ..lif(10, 0.02) };
        let out = b.neurons("out", 10, parameters);
        let values = thresholds.iter().map(|t| 0.4 * *t as f32).collect();
        b.project("p", input, out, Weights::Dense { targets: 10, sources: 1, values }, 0);
        b.output(out);
        let (chip, reference) = both_on(&spec, &b.build().unwrap(), 100, (1, 2));
        assert!(reference > 100 && close(chip, reference, 0.01), "{preset}: {chip} against {reference}");
    }
}

/// What is lost beyond repair is said.
#[test]
fn a_loss_is_reported_for_the_worst_neuron() {
    let mut b = builder();
    let input = b.input("in", 2);
    let out = b.neurons("out", 1, lif(1, 0.02));
    b.project("p", input, out, Weights::Dense { targets: 1, sources: 2, values: vec![1.0, 0.0001] }, 0);
    b.output(out);
    let mapping = map(&b.build().unwrap(), &generic(1, 1, 1), &MapOptions::default()).unwrap();
    assert_eq!((mapping.losses[0].weights_to_zero, mapping.losses[0].worst()), (1, ("weights to zero", 0.5)));
}

#[test]
fn outputs_that_cannot_be_compared_are_refused() {
    let network = |thresholds: [Option<f64>; 2]| {
        let mut b = builder();
        let input = b.input("in", 2);
        for (name, threshold) in ["a", "b"].into_iter().zip(thresholds) {
            let parameters =
                NeuronParameters { v_threshold: threshold.map(Parameter::Uniform), ..lif(2, 0.02) };
            let out = b.neurons(name, 2, parameters);
            b.project(name, input, out, Weights::OneToOne(vec![1.0; 2]), 0);
            b.output(out);
        }
        b.build().unwrap()
    };
    for thresholds in [[None, None], [None, Some(1.0)]] {
        let error = map(&network(thresholds), &generic(1, 1, 1), &MapOptions::default()).unwrap_err();
        assert!(error.to_string().contains("cannot be compared"), "{error}");
    }
    assert!(map(&network([Some(1.0), Some(2.0)]), &generic(1, 1, 1), &MapOptions::default()).is_ok());
}

/// Sizes of a convolution may come from code; they are checked all the same.
#[test]
fn broken_convolutions_are_refused() {
    let good = ConvolutionShape {
        in_channels: 1,
        out_channels: 2,
        groups: 1,
        input: [4, 4],
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        padding_before: [0, 0],
        padding_after: [0, 0],
    };
    let build = |shape: ConvolutionShape, taps: usize, weight: f32| {
        let mut b = builder();
        let input = b.input("in", 16);
        let out = b.neurons("out", 8, lif(8, 0.02));
        b.project("p", input, out, Weights::Convolution { shape, values: vec![weight; taps] }, 63);
        b.output(out);
        b.build()
    };
    let network = build(good, 8, 0.5).unwrap();
    assert_eq!(network.synapse_count(), 32);
    assert_eq!(map(&network, &generic(1, 1, 1), &MapOptions::default()).unwrap().synapses_verified, 32);
    assert!(build(good, 7, 0.5).unwrap_err().to_string().contains("7 weights where the shape wants 8"));
    assert!(build(good, 8, f32::NAN).unwrap_err().to_string().contains("not a finite number"));
    let wide = ConvolutionShape { stride: [1, 2], ..good };
    assert!(build(wide, 8, 0.5).unwrap_err().to_string().contains("weights are 12 x 16"));
    let still = ConvolutionShape { stride: [0, 2], ..good };
    assert!(build(still, 8, 0.5).unwrap_err().to_string().contains("stride"));
    // Loihi's delays end at 62 ticks.
    let loihi = ChipSpec::preset("loihi1-davies2018").unwrap();
    let error = map(&network, &loihi, &MapOptions::default()).unwrap_err();
    assert!(error.to_string().contains("a delay of 63 ticks; the chip's longest is 62"), "{error}");
}

/// Compressed rows come from code, not from files; they are checked all the same.
#[test]
fn broken_rows_are_refused() {
    let build = |offsets: &[u64], entries: &[(u32, f32)]| {
        let mut b = builder();
        let input = b.input("in", 3);
        let out = b.neurons("out", 2, lif(2, 0.02));
        let weights = Weights::Sparse { sources: 3, offsets: offsets.to_vec(), entries: entries.to_vec() };
        b.project("p", input, out, weights, 0);
        b.output(out);
        b.build()
            .map(|network| map(&network, &generic(1, 1, 1), &MapOptions::default()).unwrap().synapses_verified)
    };
    assert_eq!(build(&[0, 2, 3], &[(0, 1.0), (2, 1.0), (1, 0.5)]).unwrap(), 3);
    for (offsets, entries) in [
        (&[][..], &[][..]),
        (&[0, 2], &[(0, 1.0), (2, 1.0)]),
        (&[0, 1, 4], &[(0, 1.0), (1, 1.0)]),
        (&[0, 3, 2], &[(0, 1.0), (1, 1.0)]),
        (&[0, 2, 2], &[(1, 1.0), (1, 1.0)]),
        (&[0, 2, 2], &[(2, 1.0), (1, 1.0)]),
        (&[0, 1, 2], &[(0, 1.0), (3, 1.0)]),
    ] {
        assert!(build(offsets, entries).is_err(), "{offsets:?} {entries:?}");
    }
}

#[test]
fn a_builder_reports_every_fault_at_once() {
    let mut b = builder();
    let input = b.input("in", 3);
    let out =
        b.neurons("out", 2, NeuronParameters { tau_mem_s: Some(Parameter::Uniform(1e-5)), ..lif(2, 0.02) });
    b.neurons("out", 2, NeuronParameters { v_threshold: Some(Parameter::Uniform(-1.0)), ..lif(5, 0.02) });
    b.project("wrong shape", input, out, Weights::Dense { targets: 3, sources: 2, values: vec![1.0; 6] }, 0);
    b.project(
        "not a number",
        input,
        out,
        Weights::Dense { targets: 2, sources: 3, values: vec![f32::NAN; 6] },
        0,
    );
    b.project("too late", out, out, Weights::OneToOne(vec![1.0; 2]), 64);
    b.project("into an input", out, input, Weights::Dense { targets: 3, sources: 2, values: vec![1.0; 6] }, 0);
    b.output(input);
    b.output(out);
    b.output(out);
    let error = b.build().unwrap_err();
    assert!(error.problems.len() >= 9, "{error}");
}
