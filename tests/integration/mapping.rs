//! The mapper: limits kept and named, spikes unchanged by the cut, faults in an image found by the verifier.

use crate::support::{builder, capped, generic, lif};
use proptest::prelude::*;
use spikemesh::ErrorKind;
use spikemesh::chip::{Chip, ChipImage, ChipSpec, FanOut, FanOutTable, TickSpikes};
use spikemesh::mapper::{MapOptions, Placement, Quantised, map, verify};
use spikemesh::network::{Network, Weights};
use spikemesh_cores::{AxonId, Column, NeuronId, Parameters, SparseRows, Synapses};
use spikemesh_router::Level;
use std::sync::Arc;

pub(crate) fn random(inputs: u32, neurons: u32, fan_in: u32, seed: u64, delay: u8) -> Network {
    let mut b = builder();
    let input = b.input("in", inputs);
    let first = b.neurons("first", neurons, lif(neurons, 0.02));
    let second = b.neurons("second", neurons / 2 + 1, lif(neurons / 2 + 1, 0.005));
    let weights = |targets, sources: u32, low, high, seed| Weights::Random {
        targets,
        sources,
        fan_in: fan_in.min(sources),
        low,
        high,
        seed,
    };
    b.project("drive", input, first, weights(neurons, inputs, 0.1, 0.9, seed), 0);
    b.project("loop", first, first, weights(neurons, neurons, -0.4, 0.3, seed + 1), delay);
    b.project("on", first, second, weights(neurons / 2 + 1, neurons, 0.0, 0.8, seed + 2), 1);
    b.output(second);
    b.build().unwrap()
}

pub(crate) fn spikes(image: &ChipImage, inputs: u32) -> Vec<Vec<(u32, i32)>> {
    let mut chip = Chip::load(image, Level::Analytic).unwrap();
    let mut out = TickSpikes::default();
    let tick = |t: u32| {
        let active: Vec<u32> = (0..inputs).filter(|i| (i * 7 + t * 3) % 5 < 2).collect();
        chip.tick(&active, false, &mut out);
        out.spikes.clone()
    };
    (0..40).map(tick).collect()
}

proptest! {
    #![proptest_config(crate::support::cases(40))]

    /// One core or many, any mesh, any placement, unicast or multicast: the same spikes; and every limit is kept.
    #[test]
    fn the_cut_does_not_change_the_spikes(
        seed in any::<u64>(), neurons in 5u32..60, fan_in in 1u32..12, cap in 1u32..20, delay in 0u8..6,
        axons in 13u32..60, hilbert in any::<bool>(), multicast in any::<bool>(), each in 1u16..4,
    ) {
        let network = random(9, neurons, fan_in, seed & 0xffff, delay);
        let whole = map(&network, &generic(1, 1, 1), &MapOptions::default()).unwrap();
        prop_assert_eq!(whole.image.cores.len(), 1);
        let mut spec = generic(11, 10, each);
        spec.core.in_axons = axons.max(3 * fan_in);
        spec.fan_out = if multicast { FanOut::Multicast } else { FanOut::Unicast };
        let placement = if hilbert { Placement::Hilbert } else { Placement::RowMajor };
        let options = MapOptions { neurons_per_core: Some(cap), placement, ..MapOptions::default() };
        let cut = map(&network, &spec, &options).unwrap();
        prop_assert!(cut.uses.iter().all(|u| u.neurons <= cap && u.in_axons <= spec.core.in_axons));
        prop_assert_eq!(cut.synapses_verified, whole.synapses_verified);
        prop_assert_eq!(spikes(&cut.image, 9), spikes(&whole.image, 9));
    }

    /// Output axons are the one limit that depends on the cut of everything else; it holds in the end, or is named.
    #[test]
    fn output_axons_are_kept(seed in any::<u64>(), limit in 4u32..40) {
        let network = random(5, 40, 6, seed & 0xffff, 0);
        let mut spec = generic(10, 10, 1);
        spec.fan_out = FanOut::Unicast;
        spec.core.out_axons = limit;
        match map(&network, &spec, &capped(12)) {
            Ok(mapping) => prop_assert!(mapping.uses.iter().all(|u| u.out_axons <= u64::from(limit))),
            Err(error) => {
                prop_assert_eq!(error.kind, ErrorKind::DoesNotFit);
                prop_assert!(error.to_string().contains("output axons"), "{}", error);
            }
        }
    }
}

#[test]
fn what_does_not_fit_says_limit_place_excess_and_remedy() {
    let network = random(50, 600, 20, 1, 0);
    let error = map(&network, &generic(2, 2, 1), &capped(16)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DoesNotFit);
    let text = error.to_string();
    // 600 + 301 neurons in parts of 16 are 57 cores (populations share a core).
    for part in ["limit `cores a chip`: 4, needed: 57, 53 too many", "core 4: population `first`, neuron 64"] {
        assert!(text.contains(part), "{text}");
    }
    // The remedy is true, and nothing smaller is.
    let mesh = text.split("set mesh = [").nth(1).unwrap().split(']').next().unwrap();
    let (w, h) = mesh.split_once(", ").unwrap();
    let (w, h): (u16, u16) = (w.parse().unwrap(), h.parse().unwrap());
    assert!(map(&network, &generic(w, h, 1), &capped(16)).is_ok());
    assert!(map(&network, &generic(w, h - 1, 1), &capped(16)).is_err());
    assert!(text.contains("raise neurons_per_core"), "{text}");
}

#[test]
fn every_neuron_that_can_never_fit_is_named() {
    let network = random(50, 8, 20, 1, 0);
    let mut spec = generic(8, 8, 1);
    spec.core.in_axons = 10;
    let error = map(&network, &spec, &MapOptions::default()).unwrap_err();
    assert!(error.problems.len() >= 8, "{error}");
    assert!(error.to_string().contains("limit `input axons a core`: 10"), "{error}");
    spec.core.in_axons = 4096;
    spec.core.synapse_words = 3;
    let error = map(&network, &spec, &MapOptions::default()).unwrap_err();
    assert!(error.to_string().contains("words of synapse memory"), "{error}");
}

#[test]
fn a_reset_the_chip_cannot_do_is_refused() {
    let conventions =
        spikemesh::network::Conventions { reset: spikemesh::network::Reset::Subtract, ..crate::support::EULER };
    let mut b = spikemesh::network::NetworkBuilder::new("test", conventions);
    let input = b.input("in", 1);
    let out = b.neurons("out", 1, lif(1, 0.02));
    b.project("p", input, out, Weights::OneToOne(vec![0.7]), 0);
    b.output(out);
    let network = b.build().unwrap();
    let error =
        map(&network, &ChipSpec::preset("loihi1-davies2018").unwrap(), &MapOptions::default()).unwrap_err();
    assert!(error.to_string().contains("reset to zero"), "{error}");
    assert!(map(&network, &generic(1, 1, 1), &MapOptions::default()).is_ok());
}

/// Changes the first synapse (target, mantissa, delay) of an axon's row.
type ChangeFirst = dyn Fn(u32, &mut (NeuronId, i16, u8));

/// Changes a register of a core in an image; a register of the core has one value.
fn change_register(image: &mut ChipImage, core: usize, name: &str, change: impl Fn(&mut Vec<i64>)) {
    let parameters = &mut image.cores[core].config.parameters;
    let columns = parameters.columns().map(|(register, column)| {
        let mut column = column.clone();
        if register.name == name {
            let mut values: Vec<i64> = (0..parameters.neurons()).map(|i| column.at(i)).collect();
            change(&mut values);
            let one = register.per == spikemesh_cores::Per::Core;
            column = if one { Column::Uniform(values[0]) } else { Column::Each(values) };
        }
        (register.name, column)
    });
    let columns: Vec<_> = columns.collect();
    *parameters = Parameters::new(parameters.model(), parameters.neurons(), columns).unwrap();
}

/// Every single fault put into a finished image is found.
#[test]
fn the_verifier_finds_every_fault() {
    let network = random(6, 12, 4, 3, 2);
    let mut spec = generic(4, 4, 1);
    spec.fan_out = FanOut::Unicast;
    let good = map(&network, &spec, &capped(4)).unwrap().image;
    let quantised = Quantised::new(&network, &spec).unwrap();
    assert!(verify(&network, &quantised, &good).is_ok());
    let rebuilt = |image: &ChipImage, core: usize, change: &ChangeFirst| {
        let Synapses::Sparse(_) = &*image.cores[core].config.synapses else { panic!("sparse rows") };
        let store = image.cores[core].config.synapses.store();
        let mut builder = SparseRows::builder(image.cores[core].config.neurons.len() as u32);
        for axon in 0..store.axon_count() as u32 {
            let row = store.row(AxonId(axon));
            let shift = row.iter().fold(0, |bits, s| bits | s.weight).trailing_zeros().min(13);
            let mut words: Vec<_> =
                row.iter().map(|s| (s.target, (s.weight >> shift) as i16, s.delay)).collect();
            change(axon, &mut words[0]);
            builder.push_row(shift as u8, words).unwrap();
        }
        let mut image = image.clone();
        image.cores[core].config.synapses = Arc::new(Synapses::Sparse(builder.build()));
        image
    };
    assert!(
        verify(&network, &quantised, &rebuilt(&good, 0, &|_, _| ())).is_ok(),
        "rebuilding alone is no fault"
    );
    let mut faults: Vec<(&str, ChipImage)> = vec![
        (
            "a weight one step off",
            rebuilt(&good, 1, &|axon, s| s.1 += i16::from(axon == 0) * if s.1 > 0 { -1 } else { 1 }),
        ),
        ("a delay one tick off", rebuilt(&good, 1, &|axon, s| s.2 += u8::from(axon == 1))),
        (
            "a target one off",
            rebuilt(&good, 0, &|axon, s| s.0.0 = if axon == 0 { (s.0.0 + 1) % 4 } else { s.0.0 }),
        ),
    ];
    let mut add = |name, change: &dyn Fn(&mut ChipImage)| {
        let mut image = good.clone();
        change(&mut image);
        faults.push((name, image));
    };
    add("two neurons exchanged", &|image| image.cores[0].config.neurons.swap(0, 1));
    add("a neuron twice", &|image| image.cores[0].config.neurons[0] = image.cores[0].config.neurons[1]);
    add("a core left out", &|image| drop(image.cores.pop()));
    let inputs = |image: &mut ChipImage, change: &dyn Fn(&mut FanOutTable)| {
        change(Arc::make_mut(&mut image.input_fan_out))
    };
    add("two axons exchanged", &|image| {
        inputs(image, &|table| {
            let first = table.targets[0];
            let other = table.targets.iter().position(|t| t.0 == first.0 && t.1 != first.1).unwrap();
            table.targets.swap(0, other);
        });
    });
    add("a target not driven", &|image| {
        inputs(image, &|table| {
            table.targets.pop();
            *table.target_ends.last_mut().unwrap() -= 1;
        });
    });
    add("a packet not sent", &|image| {
        inputs(image, &|table| {
            table.routes.pop();
            *table.route_ends.last_mut().unwrap() -= 1;
        });
    });
    add("a route to another core", &|image| {
        let route = image.input_fan_out.routes[0] as usize;
        image.routes[route].destinations[0] ^= 1;
    });
    add("a threshold off", &|image| {
        change_register(image, 0, "threshold", |values| values[1] += 2);
    });
    add("a decay off", &|image| {
        change_register(image, 1, "decay_v", |values| values[0] += 1);
    });
    add("another reset", &|image| {
        change_register(image, 1, "subtracts", |values| values[0] = 1);
    });
    add("a limit broken", &|image| image.spec.core.in_axons = 2);
    for (name, image) in &faults {
        assert!(verify(&network, &quantised, image).is_err(), "{name} was not found");
    }
}
