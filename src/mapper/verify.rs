//! The independent check of a finished image: it starts from the tables a chip would read, follows every spike from
//! its neuron over its routes to its synapses, and compares what it finds with the network.
//!
//! It uses nothing of the passes that built the image but the scale of a neuron and the rounding of a single weight.

mod places;

pub use places::{LostWay, lost_ways, verify_pins};

use super::mismatch::Mismatch;
use super::quantise::Quantised;
use crate::chip::{ChipImage, CoreLimits, FanOut, OUTPUT_PORT, OverflowProfile, Readout};
use crate::error::{Error, ErrorKind, Problem};
use crate::network::{Network, NeuronId, Reset, Weights, discretise};
use spikemesh_cores::{AxonId, CoreConfig, ModelKind, Parameters, Role, Synapse};
use std::collections::BTreeSet;

/// Faults are listed up to this many.
const MOST_FAULTS: usize = 20;

/// A synapse of the network as found: (source, channel, weight, delay), for one target.
type Found = (u32, u32, i32, u8);

/// The synapses behind an axon, fixed or plastic; none behind one that carries a reward.
fn row(config: &CoreConfig, axon: usize) -> Vec<Synapse> {
    let store = config.synapses.store();
    if axon < store.axon_count() {
        return store.row(AxonId(axon as u32));
    }
    let mut place = axon - store.axon_count();
    for rows in &config.plastic {
        if place < rows.axon_count() {
            let synapse = |i: usize| Synapse {
                target: spikemesh_cores::NeuronId(rows.targets[i]),
                weight: rows.weights[i],
                delay: rows.delays[i],
            };
            return rows.range(place).map(synapse).collect();
        }
        place -= rows.axon_count();
    }
    Vec::new()
}

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
        core.config.neurons.iter().for_each(|n| seen[*n as usize] += 1);
        let limits = &image.spec.core;
        let axons = core.config.axon_count();
        let lengths: Vec<u64> = (0..axons).map(|axon| row(&core.config, axon).len() as u64).collect();
        let words = if limits.shared_kernels && has_kernels {
            match shared_words(network, quantised, limits, &core.config.neurons, lengths) {
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
            ("neurons", core.config.neurons.len() as u64, u64::from(limits.neurons)),
            ("input axons", axons as u64, u64::from(limits.in_axons)),
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
        image.cores.iter().map(|c| vec![None; c.config.axon_count()]).collect();
    let inputs = network.input_neurons().into_iter().enumerate().map(|(i, n)| (n.0, &image.input_fan_out, i));
    let placed =
        image.cores.iter().flat_map(|c| c.config.neurons.iter().enumerate().map(|(i, n)| (*n, &c.fan_out, i)));
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
        let mut found: Vec<Vec<Found>> = vec![Vec::new(); core.config.neurons.len()];
        for (axon, source) in sources.iter().enumerate() {
            let Some(source) = source else {
                fault(format!("core {}", core.core), format!("no neuron drives axon {axon}"));
                continue;
            };
            let neurons = core.config.neurons.len() as u32;
            for synapse in row(&core.config, axon) {
                let (channel, target) = (synapse.target.0 / neurons, synapse.target.0 % neurons);
                found[target as usize].push((*source, channel, synapse.weight, synapse.delay));
            }
        }
        for (&neuron, found) in core.config.neurons.iter().zip(&mut found) {
            let mut wanted = incoming(network, quantised, image, neuron);
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
        for (i, &neuron) in core.config.neurons.iter().enumerate() {
            let population = network.population(network.population_of(NeuronId(neuron)));
            let wrong = match population.registers() {
                Some(_) => wrong_given(network, image, &core.config.parameters, i, neuron),
                None => wrong_register(network, quantised, image, &core.config.parameters, i, neuron),
            };
            if let Some(what) = wrong {
                fault(format!("neuron {neuron} on core {}", core.core), what);
            }
        }
    }
    if faults.is_empty() { Ok(right) } else { Err(Error { kind: ErrorKind::Bug, problems: faults }) }
}

/// The first register of a neuron that is not what the network gives, but for the chip's mismatch.
fn wrong_given(
    network: &Network,
    image: &ChipImage,
    registers: &Parameters,
    i: usize,
    neuron: u32,
) -> Option<String> {
    let (population, local) = network.locate(NeuronId(neuron));
    let local = local as usize;
    let given = network.population(population).registers()?;
    if given.model() != registers.model() {
        return Some(format!("its model is `{}`", registers.model().info().name));
    }
    let mismatch = Mismatch::of(&image.spec.analog, neuron);
    let wrong = given.columns().zip(registers.columns()).find(|((register, wanted), (_, found))| {
        let factor = match register.role {
            Role::Threshold => mismatch.threshold,
            Role::Decay => mismatch.decay,
            Role::Other => 1.0,
        };
        let wanted = (wanted.at(local) as f64 * factor).clamp(register.least as f64, register.most as f64);
        (found.at(i) as f64 - wanted).abs() > 0.5
    });
    wrong.map(|((register, _), _)| format!("its register `{}` is not the network's", register.name))
}

/// Registers of a linear neuron, whatever the model calls them.
struct Linear {
    decay_u: i64,
    decay_v: i64,
    threshold: i64,
    /// A potential that cannot be exceeded.
    never: i64,
    bias: i64,
    initial_u: i64,
    subtracts: bool,
}

impl Linear {
    fn read(registers: &Parameters, i: usize) -> Option<Self> {
        let at = |name: &str| registers.column(name).at(i);
        Some(match registers.model() {
            ModelKind::CubaLif if at("refractory") <= 1 => Linear {
                decay_u: at("decay_u"),
                decay_v: at("decay_v"),
                threshold: at("threshold"),
                never: at("v_max"),
                bias: at("bias"),
                initial_u: at("initial_u"),
                subtracts: at("subtracts") == 1,
            },
            ModelKind::LavaLif if at("bias_exp") == 0 => Linear {
                decay_u: at("du"),
                decay_v: at("dv"),
                threshold: at("vth") << 6,
                never: (1 << 23) - 1,
                bias: at("bias_mant"),
                initial_u: at("initial_u"),
                subtracts: false,
            },
            ModelKind::Brian2Lif if at("refractory") <= 1 => Linear {
                decay_u: at("decay_i") - 1,
                decay_v: at("decay_v"),
                threshold: at("threshold"),
                never: 1 << 40,
                bias: at("bias"),
                // Its current decays after use; the bias gives what it decayed from.
                initial_u: if at("initial_i") == -((at("bias") * (4096 - at("decay_i"))) / 4096) {
                    -at("bias")
                } else {
                    i64::MAX
                },
                subtracts: false,
            },
            _ => return None,
        })
    }
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
        let (population, target) = network.locate(NeuronId(neuron));
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
    registers: &Parameters,
    i: usize,
    neuron: u32,
) -> Option<String> {
    let (population, local) = network.locate(NeuronId(neuron));
    let local = local as usize;
    let wanted = discretise(network.population(population).parameters()?, local, network.conventions());
    let Some(found) = Linear::read(registers, i) else {
        return Some(format!("`{}` is no model of linear neurons", registers.model().info().name));
    };
    let (spec, scale) = (&image.spec.registers, quantised.populations[population.0 as usize].scale[local]);
    let mismatch = Mismatch::of(&image.spec.analog, neuron);
    let near = |register: f64, real: f64, most: f64| (register - real.clamp(0.0, most)).abs() <= 0.5 + 1e-9;
    let threshold = found.threshold as f64;
    let threshold_right = match wanted.threshold {
        // Rounded down to a step of the register, because the test is strict; a mismatch may carry it to the end.
        Some(real) => {
            let real = (real * scale * mismatch.threshold).min(f64::from(spec.threshold_most()));
            (0.0..f64::from(1u32 << spec.threshold_shift) + 1e-6).contains(&(real - threshold + 1e-6))
        }
        None => found.threshold >= found.never,
    };
    let bias = wanted.gain_v * wanted.gain_u / (1.0 - wanted.keep_u) * wanted.bias * scale;
    // The exponent that the bias needs decides its step.
    let exponent =
        (0..spec.bias_exponent).find(|&e| bias.abs() <= f64::from(spec.bias_mantissa) * f64::from(1u32 << e));
    let bias_step = f64::from(1u32 << exponent.unwrap_or(spec.bias_exponent));
    let ramp = if wanted.keep_u > 0.0 { -found.bias } else { 0 };
    let lost = |keep: f64| 4096.0 * (1.0 - keep) * mismatch.decay;
    // Where the current forgets at once, -bias and 0 come to the same.
    let ramp_right =
        found.initial_u == ramp || found.decay_u == 4095 && registers.model() == ModelKind::Brian2Lif;
    let checks = [
        ("decay_v", near(found.decay_v as f64, lost(wanted.keep_v), 4095.0)),
        ("decay_u", near(found.decay_u as f64 + 1.0, lost(wanted.keep_u).max(1.0), 4096.0)),
        ("threshold", threshold_right),
        ("bias", (found.bias as f64 - bias).abs() <= bias_step),
        ("initial_u", ramp_right),
        ("reset", found.subtracts == (network.conventions().reset == Reset::Subtract)),
    ];
    checks
        .iter()
        .find(|(_, right)| !right)
        .map(|(name, _)| format!("its register `{name}` is not the network's"))
}

/// What the network says comes into a neuron, rounded, zeros left out.
fn incoming(network: &Network, quantised: &Quantised, image: &ChipImage, neuron: u32) -> Vec<Found> {
    let (population, target) = network.locate(NeuronId(neuron));
    let given = network.population(population).registers().is_some();
    // Lava's neuron shifts what arrives by 6 itself.
    let built_in = if !given && image.spec.overflow == OverflowProfile::Lava { 6 } else { 0 };
    let mut list = Vec::new();
    for (p, projection) in network.projections().iter().enumerate().filter(|(_, p)| p.target == population) {
        let (native, first) = (&projection.native, network.first_neuron(projection.source).0);
        if native.reward_for.is_some() {
            continue;
        }
        let shift = quantised.projections[p].shift;
        let mut place = if native.delays.is_empty() { 0 } else { projection.weights.entry_range(target).0 };
        projection.weights.for_each_source(target, |source, weight| {
            let delay = native.delays.get(place).copied().unwrap_or(projection.delay);
            place += 1;
            let chip_weight = if given {
                let exact = f64::from(weight) * Mismatch::of(&image.spec.analog, neuron).weight;
                let mut weight = exact.round() as i32;
                if let Some(rule) = &native.rule {
                    // A mismatch does not carry a learned weight beyond its limits.
                    weight = weight.max(rule.weight_least).min(rule.weight_most);
                }
                // A store with exponents shows what a sum of one synapse would be.
                match native.exponent {
                    Some(e) if e < 0 => weight >> -e,
                    Some(e) => weight << e,
                    None => weight,
                }
            } else {
                i32::from(quantised.mantissa(p, population, target as usize, weight)) << (shift - built_in)
            };
            if chip_weight != 0 || given && (native.exponent.is_some() || native.rule.is_some()) {
                list.push((first + source, u32::from(native.channel), chip_weight, delay));
            }
        });
    }
    list
}
