//! Builds the tables of the image: synapse rows by axon, fan-out by neuron, routes.
//!
//! Axons of a core are numbered by (source's network number, projection), so they do not depend on where the source
//! sits. A source has one axon for each projection that has a synapse left on the core after rounding.

use super::kernels::KernelWords;
use super::partition::{CoreUse, Partition};
use super::quantise::Quantised;
use crate::chip::{
    ChipImage, ChipSpec, CoreImage, FanOut, FanOutTable, NetworkEntry, PopulationEntry, Readout, Route,
};
use crate::error::{Error, ErrorKind};
use crate::network::{Network, NeuronId as NetworkNeuron, Reset, Weights};
use spikemesh_cores::{
    AxonId, CubaLifParameters, ModelParameters, NeuronId, SharedRows, SparseRows, SynapseError, Synapses,
};
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
        let (synapses, sources, projections) = rows(network, spec, quantised, neurons)?;
        // Rows of a shared kernel take no words of their own.
        let own = projections.iter().enumerate().filter(|(_, p)| !kernels.is_shared(**p as usize));
        let own =
            own.map(|(axon, _)| spec.core.row_words(synapses.store().row_len(AxonId(axon as u32)) as u64));
        words.push(own.sum::<u64>() + kernels.of_neurons(network, neurons));
        for (axon, source) in sources.into_iter().enumerate() {
            targets[source as usize].push((entry as u32, axon as u32));
        }
        entries.push(CoreImage {
            core: cores[part],
            neurons: neurons.to_vec(),
            model: ModelParameters::CubaLif(parameters(network, quantised, neurons)),
            synapses: Arc::new(synapses),
            fan_out: Arc::default(),
        });
    }
    let mesh = spec.topology()?;
    let port = |name| mesh.port(name).expect("invariant: every chip has this port").0;
    let (input_port, output_port) = (port(crate::chip::INPUT_PORT), port(crate::chip::OUTPUT_PORT));
    let summary = summary(network, quantised);
    let mut is_output = vec![false; network.neuron_count() as usize];
    if summary.readout == Readout::SpikeCount {
        summary.outputs.iter().for_each(|n| is_output[*n as usize] = true);
    }
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
        entry.fan_out = table(&entry.neurons, entry.core);
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

/// Collects the rows of a core in the store that suits them.
enum Rows {
    Sparse(spikemesh_cores::SparseRowsBuilder),
    Shared(spikemesh_cores::SharedRowsBuilder),
}

impl Rows {
    fn push(
        &mut self,
        shift: u8,
        row: impl IntoIterator<Item = (NeuronId, i16, u8)>,
    ) -> Result<AxonId, SynapseError> {
        match self {
            Rows::Sparse(builder) => builder.push_row(shift, row),
            Rows::Shared(builder) => builder.push_row(shift, row),
        }
    }

    fn build(self) -> Synapses {
        match self {
            Rows::Sparse(builder) => Synapses::Sparse(builder.build()),
            Rows::Shared(builder) => Synapses::Shared(builder.build()),
        }
    }
}

/// Synapses of a core, and the network number of each axon's source and its projection.
fn rows(
    network: &Network,
    spec: &ChipSpec,
    quantised: &Quantised,
    neurons: &[u32],
) -> Result<(Synapses, Vec<u32>, Vec<u32>), Error> {
    // (source, projection, target on the core, mantissa)
    let mut synapses: Vec<(u32, u32, u32, i16)> = Vec::new();
    for (local, &neuron) in neurons.iter().enumerate() {
        let population = network.population_of(NetworkNeuron(neuron));
        let target = neuron - network.first_neuron(population).0;
        for (p, projection) in network.projections().iter().enumerate().filter(|(_, p)| p.target == population)
        {
            let first = network.first_neuron(projection.source).0;
            projection.weights.for_each_source(target, |source, weight| {
                let mantissa = quantised.mantissa(p, population, target as usize, weight);
                if mantissa != 0 {
                    synapses.push((first + source, p as u32, local as u32, mantissa));
                }
            });
        }
    }
    synapses.sort_unstable_by_key(|&(source, projection, target, _)| (source, projection, target));
    let count = neurons.len() as u32;
    let is_kernel = |p: u32| matches!(network.projections()[p as usize].weights, Weights::Convolution { .. });
    let mut builder = if spec.core.shared_kernels && synapses.iter().any(|s| is_kernel(s.1)) {
        Rows::Shared(SharedRows::builder(count))
    } else {
        Rows::Sparse(SparseRows::builder(count))
    };
    let (mut sources, mut projections) = (Vec::new(), Vec::new());
    for row in synapses.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (source, projection, ..) = row[0];
        let delay = network.projections()[projection as usize].delay;
        let shift = quantised.projections[projection as usize].shift;
        let words = row.iter().map(|&(_, _, target, mantissa)| (NeuronId(target), mantissa, delay));
        builder.push(shift, words).map_err(|e| {
            let place = network.projections()[projection as usize].name.clone();
            Error::one(
                ErrorKind::Bug,
                place,
                format!("a synapse does not fit its store: {e}"),
                "please report this",
            )
        })?;
        sources.push(source);
        projections.push(projection);
    }
    Ok((builder.build(), sources, projections))
}

fn parameters(network: &Network, quantised: &Quantised, neurons: &[u32]) -> CubaLifParameters {
    let mut p = CubaLifParameters {
        decay_u: Vec::new(),
        decay_v: Vec::new(),
        threshold: Vec::new(),
        bias: Vec::new(),
        initial_u: Vec::new(),
        refractory: vec![1; neurons.len()],
        v_min: -(1 << 23) + 1,
        v_max: (1 << 23) - 1,
        subtracts: network.conventions().reset == Reset::Subtract,
    };
    for &neuron in neurons {
        let population = network.population_of(NetworkNeuron(neuron));
        let code = &quantised.populations[population.0 as usize];
        let i = (neuron - network.first_neuron(population).0) as usize;
        p.decay_u.push(code.decay_u[i]);
        p.decay_v.push(code.decay_v[i]);
        p.threshold.push(code.threshold[i]);
        p.bias.push(code.bias[i]);
        p.initial_u.push(code.initial_u[i]);
    }
    p
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

/// What each core of an image holds, counted from the image but for the words of synapse memory.
fn uses(image: &ChipImage, words: &[u64]) -> Vec<CoreUse> {
    let uses = image.cores.iter().zip(words).map(|(core, &synapse_words)| {
        let store = core.synapses.store();
        CoreUse {
            core: core.core,
            neurons: core.neurons.len() as u32,
            in_axons: store.axon_count() as u32,
            out_axons: core.fan_out.routes.len() as u64,
            synapse_words,
            synapses: store.synapse_count(),
        }
    });
    uses.collect()
}
