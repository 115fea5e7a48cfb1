//! Builds the tables of the image: synapse rows by axon, fan-out by neuron, routes.
//!
//! What a core itself holds is built in `cores.rs`.

use super::cores;
use super::kernels::KernelWords;
use super::partition::{CoreUse, Partition};
use super::quantise::Quantised;
use crate::chip::{
    ChipImage, ChipSpec, CoreImage, FanOut, FanOutTable, NetworkEntry, PopulationEntry, Readout, Route,
};
use crate::error::{Error, ErrorKind, Problem};
use crate::network::Network;
use std::collections::HashMap;
use std::sync::Arc;

/// The image of a partitioned, quantised and placed network, and what each of its cores holds; `cores[i]` is the core of
/// part i.
pub(super) fn build(
    network: &Network,
    spec: &ChipSpec,
    partition: &Partition,
    quantised: &Quantised,
    cores: &[u32],
) -> Result<(ChipImage, Vec<CoreUse>), Error> {
    // Entries of the image are ascending by core, so that indices and blocks do not depend on the placer's order.
    let mut order: Vec<usize> = (0..partition.parts.len()).collect();
    order.sort_unstable_by_key(|&part| cores[part]);
    let mut targets: Vec<Vec<(u32, u32)>> = vec![Vec::new(); network.neuron_count() as usize];
    let mut entries = Vec::with_capacity(order.len());
    let kernels = KernelWords::new(network, &spec.core);
    let mut words = Vec::with_capacity(order.len());
    for (entry, &part) in order.iter().enumerate() {
        let neurons = &partition.neurons[partition.parts[part].range.clone()];
        let built = cores::build(network, spec, quantised, neurons)?;
        // Rows of a shared kernel take no words of their own.
        let own = built.projections.iter().enumerate().filter(|(_, p)| !kernels.is_shared(**p as usize));
        let own = own.map(|(axon, _)| spec.core.row_words(built.config.row_len(axon) as u64));
        words.push(own.sum::<u64>() + kernels.of_neurons(network, neurons));
        for (axon, source) in built.sources.into_iter().enumerate() {
            targets[source as usize].push((entry as u32, axon as u32));
        }
        entries.push(CoreImage { core: cores[part], config: built.config, fan_out: Arc::default() });
    }
    let mesh = spec.topology()?;
    let port = |name| mesh.port(name).expect("invariant: every chip has this port").0;
    let (input_port, output_port) = (port(crate::chip::INPUT_PORT), port(crate::chip::OUTPUT_PORT));
    let summary = summary(network, quantised);
    let mut is_output = vec![false; network.neuron_count() as usize];
    if summary.readout == Readout::SpikeCount {
        summary.outputs.iter().for_each(|n| is_output[*n as usize] = true);
    }
    check_neuron_axons(network, spec, &targets, &is_output)?;
    let core_ids: Vec<u32> = entries.iter().map(|e| e.core).collect();
    let mut router = Router { fan_out: spec.fan_out, routes: Vec::new(), known: HashMap::new() };
    let mut table = |sources: &[u32], from: u32| {
        let mut table = FanOutTable::default();
        for &source in sources {
            let targets = &targets[source as usize];
            let mut ends: Vec<u32> = targets.iter().map(|&(entry, _)| core_ids[entry as usize]).collect();
            ends.extend(is_output[source as usize].then_some(output_port));
            ends.sort_unstable();
            ends.dedup();
            table.push(&router.routes_to(from, ends), targets);
        }
        Arc::new(table)
    };
    let input_fan_out = table(&summary.inputs, input_port);
    for entry in &mut entries {
        entry.fan_out = table(&entry.config.neurons, entry.core);
    }
    let image = ChipImage {
        spec: spec.clone(),
        network: summary,
        routes: router.routes,
        input_fan_out,
        cores: entries,
    };
    let uses = uses(&image, &words);
    Ok((image, uses))
}

/// Chips whose neurons have one target axon, or a few, are told of every neuron that has more (up to 20).
fn check_neuron_axons(
    network: &Network,
    spec: &ChipSpec,
    targets: &[Vec<(u32, u32)>],
    is_output: &[bool],
) -> Result<(), Error> {
    let Some(limit) = spec.core.neuron_axons else { return Ok(()) };
    let mut problems = Vec::new();
    for id in network.ids().filter(|id| !network.population(*id).is_input()) {
        let first = network.first_neuron(id).0;
        for neuron in network.neurons_of(id) {
            let i = neuron.0 as usize;
            let value = targets[i].len() as u64 + u64::from(is_output[i]);
            if value > u64::from(limit) && problems.len() < 20 {
                problems.push(Problem::new(
                    format!("population `{}`, neuron {}", network.population(id).name, neuron.0 - first),
                    format!("limit `neuron_axons`: {limit}, needed: {value}, {} too many", value - u64::from(limit)),
                    format!(
                        "use {} copies of the neuron, each with at most {limit} of its targets, or a chip whose neurons reach more",
                        value.div_ceil(limit.into())
                    ),
                ));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error { kind: ErrorKind::DoesNotFit, problems }) }
}

/// Numbers routes in order of first use; the map only finds them again.
struct Router {
    fan_out: FanOut,
    routes: Vec<Route>,
    known: HashMap<Route, u32>,
}

impl Router {
    fn routes_to(&mut self, source: u32, destinations: Vec<u32>) -> Vec<u32> {
        if destinations.is_empty() {
            return Vec::new();
        }
        match self.fan_out {
            FanOut::Multicast => vec![self.number(Route { source, destinations })],
            FanOut::Unicast => {
                destinations.into_iter().map(|d| self.number(Route { source, destinations: vec![d] })).collect()
            }
        }
    }

    fn number(&mut self, route: Route) -> u32 {
        let routes = &mut self.routes;
        *self.known.entry(route).or_insert_with_key(|route| {
            routes.push(route.clone());
            routes.len() as u32 - 1
        })
    }
}

fn summary(network: &Network, quantised: &Quantised) -> NetworkEntry {
    let populations = network.ids().map(|id| {
        let population = network.population(id);
        PopulationEntry {
            name: population.name.clone(),
            first: network.first_neuron(id).0,
            size: population.size,
            is_input: population.is_input(),
        }
    });
    let probed = network.outputs().iter().any(|id| network.population(*id).never_spikes());
    let rests =
        network.outputs().iter().filter(|_| probed).flat_map(|id| &quantised.populations[id.0 as usize].rest);
    NetworkEntry {
        name: network.name().to_owned(),
        populations: populations.collect(),
        inputs: network.input_neurons().into_iter().map(|n| n.0).collect(),
        outputs: network.output_neurons().into_iter().map(|n| n.0).collect(),
        readout: if probed { Readout::ProbedMembrane } else { Readout::SpikeCount },
        output_rests: rests.copied().collect(),
    }
}

/// What each core of an image holds, each axon with rows of its own.
pub fn core_uses(image: &ChipImage) -> Vec<CoreUse> {
    let words = image.cores.iter().map(|core| {
        let rows = 0..core.config.axon_count();
        rows.map(|axon| image.spec.core.row_words(core.config.row_len(axon) as u64)).sum()
    });
    uses(image, &words.collect::<Vec<u64>>())
}

/// What each core of an image holds, counted from the image but for the words of synapse memory.
fn uses(image: &ChipImage, words: &[u64]) -> Vec<CoreUse> {
    let uses = image.cores.iter().zip(words).map(|(core, &synapse_words)| {
        let config = &core.config;
        CoreUse {
            core: core.core,
            neurons: config.neurons.len() as u32,
            in_axons: config.axon_count() as u32,
            out_axons: core.fan_out.routes.len() as u64,
            synapse_words,
            synapses: config.synapse_count(),
        }
    });
    uses.collect()
}
