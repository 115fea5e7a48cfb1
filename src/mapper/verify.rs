//! The independent check of a finished image: it starts from the tables a chip would read, follows every spike from
//! its neuron over its routes to its synapses, and compares what it finds with the network.
//!
//! It uses nothing of the passes that built the image but the scale of a neuron and the rounding of a single weight.

use super::quantise::Quantised;
use crate::chip::{ChipImage, CoreLimits, FanOut, OUTPUT_PORT, Readout};
use crate::error::{Error, ErrorKind, Problem};
use crate::network::{Network, NeuronId, Reset, Weights, discretise};
use spikemesh_cores::{AxonId, CubaLifParameters, ModelParameters};
use std::collections::BTreeSet;

/// Faults are listed up to this many.
const MOST_FAULTS: usize = 20;

/// A synapse of the network as found: (source, weight, delay), for one target.
type Found = (u32, i32, u8);

/// Walks the image; returns the number of synapses found right.
///
/// # Errors
/// Every difference (up to 20), as a bug of ours. An image that passes has the network's synapses, routes and, within
/// their rounding, registers; what the rounding costs is the loss that `quantise` reports.
pub fn verify(network: &Network, quantised: &Quantised, image: &ChipImage) -> Result<u64, Error> {
    // 0. All indices lie within their tables.
    image.check("image").map_err(|error| Error { kind: ErrorKind::Bug, ..error })?;
    let mut faults = Vec::new();
    let mut fault = |place: String, what: String| {
        if faults.len() < MOST_FAULTS {
            faults.push(Problem::new(place, what, "this is a bug in the mapper; please report it"));
        }
    };
    // 1. Every neuron that is not an input sits on exactly one core, no core twice, every limit is kept.
    let has_kernels = network.projections().iter().any(|p| matches!(p.weights, Weights::Convolution { .. }));
    let mut seen = vec![0u32; network.neuron_count() as usize];
    for core in &image.cores {
        core.neurons.iter().for_each(|n| seen[*n as usize] += 1);
        let limits = &image.spec.core;
        let store = core.synapses.store();
        let lengths: Vec<u64> =
            (0..store.axon_count() as u32).map(|axon| store.row_len(AxonId(axon)) as u64).collect();
        let words = if limits.shared_kernels && has_kernels {
            match shared_words(network, quantised, limits, &core.neurons, lengths) {
                Ok(words) => words,
                Err(what) => {
                    fault(format!("core {}", core.core), what);
                    0
                }
            }
        } else {
            lengths.into_iter().map(|n| limits.row_words(n)).sum()
        };
        for (what, value, most) in [
            ("neurons", core.neurons.len() as u64, u64::from(limits.neurons)),
            ("input axons", store.axon_count() as u64, u64::from(limits.in_axons)),
            ("output axons", core.fan_out.routes.len() as u64, u64::from(limits.out_axons)),
            ("words of synapse memory", words, limits.synapse_words),
        ] {
            if value > most {
                fault(format!("core {}", core.core), format!("{value} {what}; the limit is {most}"));
            }
        }
    }
    let ids: BTreeSet<_> = image.cores.iter().map(|c| c.core).collect();
    if ids.len() != image.cores.len() {
        fault("image".into(), "two entries name the same core".into());
    }
    for id in network.ids() {
        let wanted = u32::from(!network.population(id).is_input());
        for neuron in network.neurons_of(id).filter(|n| seen[n.0 as usize] != wanted) {
            fault(
                format!("neuron {}", neuron.0),
                format!("placed {} times, wanted {wanted}", seen[neuron.0 as usize]),
            );
        }
    }
    // 2. From every source, packets go exactly where its targets are (and to the output port, if it is read).
    let output_port = image.spec.topology()?.port(OUTPUT_PORT).map_or(u32::MAX, |port| port.0);
    let outputs: BTreeSet<u32> = match image.network.readout {
        Readout::SpikeCount => network.output_neurons().into_iter().map(|n| n.0).collect(),
        Readout::ProbedMembrane => BTreeSet::new(),
    };
    let mut axon_sources: Vec<Vec<Option<u32>>> =
        image.cores.iter().map(|c| vec![None; c.synapses.store().axon_count()]).collect();
    let inputs = network.input_neurons().into_iter().enumerate().map(|(i, n)| (n.0, &image.input_fan_out, i));
    let placed =
        image.cores.iter().flat_map(|c| c.neurons.iter().enumerate().map(|(i, n)| (*n, &c.fan_out, i)));
    for (source, table, row) in inputs.chain(placed) {
        let mut reached = Vec::new();
        for &route in table.routes_of(row) {
            let destinations = &image.routes[route as usize].destinations;
            if image.spec.fan_out == FanOut::Unicast && destinations.len() != 1 {
                fault(format!("neuron {source}"), format!("route {route} is no unicast"));
            }
            reached.extend(destinations.iter().copied());
        }
        let mut wanted: BTreeSet<u32> =
            table.targets_of(row).iter().map(|&(entry, _)| image.cores[entry as usize].core).collect();
        wanted.extend(outputs.contains(&source).then_some(output_port));
        reached.sort_unstable();
        if !reached.iter().eq(wanted.iter()) {
            fault(format!("neuron {source}"), format!("packets reach {reached:?}, targets are on {wanted:?}"));
        }
        for &(entry, axon) in table.targets_of(row) {
            let slot = &mut axon_sources[entry as usize][axon as usize];
            if let Some(other) = slot.replace(source) {
                fault(
                    format!("axon {axon} of core entry {entry}"),
                    format!("driven by {other} and by {source}"),
                );
            }
        }
    }
    // 3. Every core's synapses, turned round to be read by target, are the network's.
    let mut right = 0;
    for (core, sources) in image.cores.iter().zip(&axon_sources) {
        let mut found: Vec<Vec<Found>> = vec![Vec::new(); core.neurons.len()];
        for (axon, source) in sources.iter().enumerate() {
            let Some(source) = source else {
                fault(format!("core {}", core.core), format!("no neuron drives axon {axon}"));
                continue;
            };
            for synapse in core.synapses.store().row(AxonId(axon as u32)) {
                found[synapse.target.0 as usize].push((*source, synapse.weight, synapse.delay));
            }
        }
        for (&neuron, found) in core.neurons.iter().zip(&mut found) {
            let mut wanted = incoming(network, quantised, neuron);
            found.sort_unstable();
            wanted.sort_unstable();
            if *found == wanted {
                right += wanted.len() as u64;
            } else {
                let what =
                    format!("{} synapses on the chip are not the network's {}", found.len(), wanted.len());
                fault(format!("neuron {neuron} on core {}", core.core), what);
            }
        }
    }
    // 4. Registers are the network's parameters within the rounding they are allowed.
    for core in &image.cores {
        let ModelParameters::CubaLif(registers) = &core.model;
        for (i, &neuron) in core.neurons.iter().enumerate() {
            if let Some(what) = wrong_register(network, quantised, image, registers, i, neuron) {
                fault(format!("neuron {neuron} on core {}", core.core), what);
            }
        }
    }
    if faults.is_empty() { Ok(right) } else { Err(Error { kind: ErrorKind::Bug, problems: faults }) }
}

/// Words of synapse memory of a core whose kernels are shared, counted from the network: a row for each source and
/// projection, and for a convolution a row for each output channel on the core and input channel.
///
/// # Errors
/// The rows of the image, of such `lengths`, are not the network's, or a tap of a kernel has two weights.
fn shared_words(
    network: &Network,
    quantised: &Quantised,
    limits: &CoreLimits,
    neurons: &[u32],
    mut lengths: Vec<u64>,
) -> Result<u64, String> {
    let mut rows: Vec<(usize, u32)> = Vec::new();
    // By projection, by tap: its weight on this core, once it is met.
    let mut taps: Vec<Vec<Option<i16>>> = vec![Vec::new(); network.projections().len()];
    let mut channels = BTreeSet::new();
    for &neuron in neurons {
        let population = network.population_of(NeuronId(neuron));
        let target = neuron - network.first_neuron(population).0;
        for (p, projection) in network.projections().iter().enumerate().filter(|(_, p)| p.target == population)
        {
            let mantissa = |weight| quantised.mantissa(p, population, target as usize, weight);
            let Weights::Convolution { shape, values } = &projection.weights else {
                projection.weights.for_each_source(target, |source, weight| {
                    rows.extend((mantissa(weight) != 0).then_some((p, source)));
                });
                continue;
            };
            let [height, width] = shape.output();
            channels.insert((p, target / (height * width)));
            taps[p].resize(values.len(), None);
            let mut two = None;
            shape.for_each_tap(target, |source, tap| {
                let stored = mantissa(values[tap]);
                rows.extend((stored != 0).then_some((p, source)));
                if *taps[p][tap].get_or_insert(stored) != stored {
                    two = Some(tap);
                }
            });
            if let Some(tap) = two {
                return Err(format!("tap {tap} of the kernel of `{}` has two weights", projection.name));
            }
        }
    }
    rows.sort_unstable();
    let rows: Vec<_> = rows.chunk_by(|a, b| a == b).map(|row| (row[0].0, row.len() as u64)).collect();
    let mut wanted: Vec<u64> = rows.iter().map(|row| row.1).collect();
    wanted.sort_unstable();
    lengths.sort_unstable();
    if wanted != lengths {
        return Err("its rows of synapses are not of the network's lengths".into());
    }
    let is_shared = |p: usize| matches!(network.projections()[p].weights, Weights::Convolution { .. });
    let own = rows.iter().filter(|(p, _)| !is_shared(*p)).map(|(_, n)| limits.row_words(*n)).sum::<u64>();
    let mut words = own;
    for (p, channel) in channels {
        let Weights::Convolution { shape, values } = &network.projections()[p].weights else { continue };
        let inputs = (shape.in_channels / shape.groups) as usize;
        let taps = (shape.kernel[0] * shape.kernel[1]) as usize;
        for input in 0..inputs {
            let first = (channel as usize * inputs + input) * taps;
            let stored = values[first..first + taps].iter().filter(|w| **w != 0.0).count();
            words += limits.row_words(stored as u64);
        }
    }
    Ok(words)
}

/// The first register of a neuron that is not what the network's differential equation asks for.
fn wrong_register(
    network: &Network,
    quantised: &Quantised,
    image: &ChipImage,
    registers: &CubaLifParameters,
    i: usize,
    neuron: u32,
) -> Option<String> {
    let population = network.population_of(NeuronId(neuron));
    let local = (neuron - network.first_neuron(population).0) as usize;
    let wanted = discretise(network.population(population).parameters()?, local, network.conventions());
    let (spec, scale) = (&image.spec.registers, quantised.populations[population.0 as usize].scale[local]);
    let near = |register: f64, real: f64, most: f64| (register - real.clamp(0.0, most)).abs() <= 0.5 + 1e-9;
    let threshold = f64::from(registers.threshold[i]);
    let threshold_right = match wanted.threshold {
        // Rounded down to a step of the register, because the test is strict.
        Some(real) => {
            (0.0..f64::from(1u32 << spec.threshold_shift) + 1e-6).contains(&(real * scale - threshold + 1e-6))
        }
        None => registers.threshold[i] >= registers.v_max,
    };
    let bias = wanted.gain_v * wanted.gain_u / (1.0 - wanted.keep_u) * wanted.bias * scale;
    // The exponent that the bias needs decides its step.
    let exponent =
        (0..spec.bias_exponent).find(|&e| bias.abs() <= f64::from(spec.bias_mantissa) * f64::from(1u32 << e));
    let bias_step = f64::from(1u32 << exponent.unwrap_or(spec.bias_exponent));
    let ramp = if wanted.keep_u > 0.0 { -registers.bias[i] } else { 0 };
    let checks = [
        ("decay_v", near(f64::from(registers.decay_v[i]), 4096.0 * (1.0 - wanted.keep_v), 4095.0)),
        ("decay_u", near(f64::from(registers.decay_u[i]) + 1.0, 4096.0 * (1.0 - wanted.keep_u), 4096.0)),
        ("threshold", threshold_right),
        ("bias", (f64::from(registers.bias[i]) - bias).abs() <= bias_step),
        ("initial_u", registers.initial_u[i] == ramp),
        ("refractory", registers.refractory[i] <= 1),
        ("reset", registers.subtracts == (network.conventions().reset == Reset::Subtract)),
    ];
    checks
        .iter()
        .find(|(_, right)| !right)
        .map(|(name, _)| format!("its register `{name}` is not the network's"))
}

/// What the network says comes into a neuron, rounded, zeros left out.
fn incoming(network: &Network, quantised: &Quantised, neuron: u32) -> Vec<Found> {
    let population = network.population_of(NeuronId(neuron));
    let target = neuron - network.first_neuron(population).0;
    let mut list = Vec::new();
    for (p, projection) in network.projections().iter().enumerate().filter(|(_, p)| p.target == population) {
        let first = network.first_neuron(projection.source).0;
        let shift = quantised.projections[p].shift;
        projection.weights.for_each_source(target, |source, weight| {
            let mantissa = quantised.mantissa(p, population, target as usize, weight);
            if mantissa != 0 {
                list.push((first + source, i32::from(mantissa) << shift, projection.delay));
            }
        });
    }
    list
}
