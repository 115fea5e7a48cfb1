//! What is burnt into one core: registers, synapse rows and learning rules of its neurons.
//!
//! Axons of a core are numbered by (source's network number, projection), so they do not depend on where the source sits: first
//! those of fixed synapses, then those of plastic projections, then those that carry rewards. A source has one axon for each
//! projection that has a synapse left on the core after rounding.

use super::mismatch::Mismatch;
use super::quantise::Quantised;
use crate::chip::{ChipSpec, OverflowProfile};
use crate::error::{Error, ErrorKind};
use crate::network::{Network, NeuronId as NetworkNeuron, PopulationId, Reset, Weights};
use spikemesh_cores::fixed::trunc0;
use spikemesh_cores::{
    Column, CoreConfig, Crossbar, CrossbarRow, DenseRow, DenseRows, Discipline, ModelKind, NeuronId,
    ParameterError, Parameters, PlasticRows, Role, SharedRows, SparseRows, Synapse, Synapses, WideRows,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A core's memories, and the network number of each axon's source and its projection.
pub(super) struct BuiltCore {
    pub(super) config: CoreConfig,
    /// By axon.
    pub(super) sources: Vec<u32>,
    /// By axon, likewise.
    pub(super) projections: Vec<u32>,
}

/// (Source's network number, projection) of an axon.
type Key = (u32, u32);

/// Synapses by axon, in the order of axons and, within one, of targets.
#[derive(Default)]
struct Rows {
    keys: Vec<Key>,
    ends: Vec<usize>,
    synapses: Vec<Synapse>,
}

impl Rows {
    fn new(mut list: Vec<(Key, Synapse)>) -> Self {
        list.sort_unstable();
        let mut rows = Rows::default();
        for row in list.chunk_by(|a, b| a.0 == b.0) {
            rows.keys.push(row[0].0);
            rows.synapses.extend(row.iter().map(|(_, synapse)| *synapse));
            rows.ends.push(rows.synapses.len());
        }
        rows
    }

    fn iter(&self) -> impl Iterator<Item = (Key, &[Synapse])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let rows = starts.zip(&self.ends).map(|(start, &end)| &self.synapses[start..end]);
        self.keys.iter().copied().zip(rows)
    }
}

/// A neuron of the network: its population and its place there.
fn locate(network: &Network, neuron: u32) -> (PopulationId, usize) {
    let (population, local) = network.locate(NetworkNeuron(neuron));
    (population, local as usize)
}

/// The core of the given neurons, which all have one model.
pub(super) fn build(
    network: &Network,
    spec: &ChipSpec,
    quantised: &Quantised,
    neurons: &[u32],
) -> Result<BuiltCore, Error> {
    let parameters = registers(network, spec, quantised, neurons)?;
    let info = parameters.model().info();
    let mut fixed: Vec<(Key, Synapse)> = Vec::new();
    let mut plastic: BTreeMap<u32, Vec<(Key, Synapse)>> = BTreeMap::new();
    let mut rewards: BTreeMap<(u32, u32), i32> = BTreeMap::new(); // By (projection, source).
    for (local, &neuron) in neurons.iter().enumerate() {
        let (population, target) = locate(network, neuron);
        for (p, projection) in network.projections().iter().enumerate().filter(|(_, p)| p.target == population)
        {
            let (number, native) = (p as u32, &projection.native);
            let first = network.first_neuron(projection.source).0;
            let mut delays = synapse_delays(network, p, target).iter();
            projection.weights.for_each_source(target as u32, |source, weight| {
                let delay = delays.next().copied().unwrap_or(projection.delay);
                let weight = quantised.chip_weight(network, spec, p, population, target, weight);
                let key = (first + source, number);
                if native.reward_for.is_some() {
                    let amount = rewards.entry((key.1, key.0)).or_insert(0);
                    *amount = if weight.abs() > amount.abs() { weight } else { *amount };
                } else if weight != 0 || native.rule.is_some() {
                    let target = u32::from(native.channel) * neurons.len() as u32 + local as u32;
                    let list =
                        if native.rule.is_some() { plastic.entry(number).or_default() } else { &mut fixed };
                    list.push((key, Synapse { target: NeuronId(target), weight, delay }));
                }
            });
        }
    }
    let fixed = Rows::new(fixed);
    let (mut sources, mut projections): (Vec<u32>, Vec<u32>) = fixed.keys.iter().copied().unzip();
    let targets = (neurons.len() * info.channels.len()) as u32;
    let axon_bits = info.discipline == Discipline::AxonBits;
    let shares = spec.core.shared_kernels;
    let synapses = store(network, &fixed, targets, neurons.len() as u32, axon_bits, shares)?;
    let mut config = CoreConfig::new(parameters, Arc::new(synapses));
    config.neurons = neurons.to_vec();
    config.seed = spec.analog.seed;
    config.noise = spec.analog.noise;
    let mut places = BTreeMap::new();
    for (projection, list) in plastic {
        let rows = Rows::new(list);
        let rule = network.projections()[projection as usize].native.rule.as_deref();
        let rule = rule.expect("invariant: rows are plastic because of their rule").clone();
        places.insert(projection, config.plastic.len() as u32);
        sources.extend(rows.keys.iter().map(|(source, _)| *source));
        projections.extend(rows.keys.iter().map(|(_, projection)| *projection));
        let rows = rows.iter().map(|((source, _), row)| (source, row.to_vec()));
        config.plastic.push(Arc::new(PlasticRows::new(rule, neurons.to_vec(), rows)));
    }
    for ((projection, source), amount) in rewards {
        let rewarded = network.projections()[projection as usize].native.reward_for.map(|p| p as u32);
        if let Some(&place) = rewarded.and_then(|rewarded| places.get(&rewarded)) {
            sources.push(source);
            projections.push(projection);
            config.rewards.push((place, amount));
        }
    }
    config.validate().map_err(|error| {
        let names: Vec<&str> =
            populations(network, neurons).iter().map(|id| network.population(*id).name.as_str()).collect();
        let place = format!("populations {}", names.join(", "));
        Error::one(ErrorKind::Invalid, place, error.to_string(), "see `spikemesh models` for the ranges")
    })?;
    Ok(BuiltCore { config, sources, projections })
}

/// Delays of a target's synapses in the order of its entries; empty where the projection's own holds.
fn synapse_delays(network: &Network, projection: usize, target: usize) -> &[u8] {
    let projection = &network.projections()[projection];
    if projection.native.delays.is_empty() {
        return &[];
    }
    let (start, end) = projection.weights.entry_range(target as u32);
    &projection.native.delays[start..end]
}

fn populations(network: &Network, neurons: &[u32]) -> Vec<PopulationId> {
    let mut ids: Vec<_> = neurons.iter().map(|n| network.population_of(NetworkNeuron(*n))).collect();
    ids.dedup();
    ids
}

/// The store that holds the rows: a crossbar for axon bits, dense rows where sums have exponents, shared rows for kernels on
/// a chip that shares them, else the smallest that represents every weight.
fn store(
    network: &Network,
    rows: &Rows,
    targets: u32,
    neurons: u32,
    axon_bits: bool,
    shares: bool,
) -> Result<Synapses, Error> {
    let refused = |key: Key, cause: String| {
        let place = network.projections()[key.1 as usize].name.clone();
        Error::one(
            ErrorKind::Invalid,
            place,
            format!("a synapse does not fit its store: {cause}"),
            "use smaller weights",
        )
    };
    if axon_bits {
        let typed = rows.iter().map(|((_, projection), row)| -> CrossbarRow {
            let mut set = vec![false; neurons as usize];
            row.iter().for_each(|synapse| set[(synapse.target.0 % neurons) as usize] = true);
            (network.projections()[projection as usize].native.channel, 0, set.into_iter().collect())
        });
        return Crossbar::typed(neurons, typed)
            .map(Synapses::Crossbar)
            .map_err(|e| refused((0, 0), e.to_string()));
    }
    let exponent = |projection: u32| network.projections()[projection as usize].native.exponent;
    if rows.keys.iter().any(|(_, p)| exponent(*p).is_some()) {
        let exponents = rows.keys.iter().map(|(_, p)| (*p, exponent(*p).unwrap_or(0))).collect();
        return dense(rows, &exponents, targets)
            .map(Synapses::Dense)
            .map_err(|(key, cause)| refused(key, cause));
    }
    let is_kernel = |p: u32| matches!(network.projections()[p as usize].weights, Weights::Convolution { .. });
    if shares && rows.keys.iter().any(|(_, p)| is_kernel(*p)) {
        let mut shared = SharedRows::builder(targets);
        if rows.iter().all(|(_, row)| shared.push_effective_row(row).is_ok()) {
            return Ok(Synapses::Shared(shared.build()));
        }
    }
    let mut sparse = SparseRows::builder(targets);
    if rows.iter().all(|(_, row)| sparse.push_effective_row(row).is_ok()) {
        return Ok(Synapses::Sparse(sparse.build()));
    }
    let mut wide = WideRows::builder(targets);
    for (key, row) in rows.iter() {
        wide.push_row(row).map_err(|e| refused(key, e.to_string()))?;
    }
    Ok(Synapses::Wide(wide.build()))
}

/// Dense rows, one group a projection; (source and projection, cause) of what does not fit.
fn dense(rows: &Rows, exponents: &BTreeMap<u32, i8>, targets: u32) -> Result<DenseRows, (Key, String)> {
    let groups: Vec<i8> = exponents.values().copied().collect();
    let mut filled = Vec::with_capacity(rows.keys.len());
    for (key, row) in rows.iter() {
        let (mut weights, mut delays) = (vec![0i16; targets as usize], Vec::new());
        if row.iter().any(|synapse| synapse.delay > 0) {
            delays = vec![0; targets as usize];
        }
        for synapse in row {
            let place = synapse.target.0 as usize;
            weights[place] = i16::try_from(synapse.weight).map_err(|_| {
                (
                    key,
                    format!(
                        "the weight {} is beyond 16 bits, which is what a core with a `sum_exponent` holds",
                        synapse.weight
                    ),
                )
            })?;
            if !delays.is_empty() {
                delays[place] = synapse.delay;
            }
        }
        filled.push((weights, delays, exponents.keys().position(|p| *p == key.1).unwrap_or(0) as u16));
    }
    let dense = filled.iter().map(|(weights, delays, group)| DenseRow { weights, delays, group: *group });
    let first = rows.keys.first().copied().unwrap_or_default();
    DenseRows::new(targets, &groups, dense).map_err(|e| (first, e.to_string()))
}

/// Registers of a core's neurons.
fn registers(
    network: &Network,
    spec: &ChipSpec,
    quantised: &Quantised,
    neurons: &[u32],
) -> Result<Parameters, Error> {
    let (first, _) = locate(network, neurons[0]);
    let fault = |errors: &[ParameterError]| {
        let name = &network.population(first).name;
        let what = errors.first().map(ToString::to_string).unwrap_or_default();
        Error::one(ErrorKind::Bug, format!("population `{name}`"), what, "please report this")
    };
    if network.population(first).registers().is_none() {
        return linear(network, spec, quantised, neurons).map_err(|errors| fault(&errors));
    }
    let mut joined: Option<Parameters> = None;
    for id in populations(network, neurons) {
        let registers = network.population(id).registers();
        let registers = registers.expect("invariant: the cut keeps models apart");
        let places = neurons.iter().map(|&n| locate(network, n)).filter(|(other, _)| *other == id);
        let part = registers.select(places.map(|(_, place)| place));
        joined = Some(match joined {
            None => part,
            Some(before) => before.join(&part).expect("invariant: the cut keeps registers of cores apart"),
        });
    }
    let joined = joined.expect("invariant: a core has neurons");
    Ok(joined.map(|register, neuron, value| {
        let mismatch = Mismatch::of(&spec.analog, neurons[neuron]);
        mismatched(register.role, &mismatch, value)
    }))
}

/// A register of a neuron that differs from what was asked for.
pub(super) fn mismatched(role: Role, mismatch: &Mismatch, value: i64) -> i64 {
    match role {
        Role::Threshold if mismatch.threshold != 1.0 => (value as f64 * mismatch.threshold).round() as i64,
        Role::Decay if mismatch.decay != 1.0 => (value as f64 * mismatch.decay).round() as i64,
        _ => value,
    }
}

/// Registers of linear neurons (real units, rounded by `quantise`) in the model of the chip's overflow profile.
fn linear(
    network: &Network,
    spec: &ChipSpec,
    quantised: &Quantised,
    neurons: &[u32],
) -> Result<Parameters, Vec<ParameterError>> {
    let mut columns: [Vec<i64>; 5] = Default::default();
    let mut never = Vec::new();
    for &neuron in neurons {
        let (population, i) = locate(network, neuron);
        let code = &quantised.populations[population.0 as usize];
        let values = [
            i64::from(code.decay_u[i]),
            code.decay_v[i].into(),
            code.threshold[i].into(),
            code.bias[i].into(),
            code.initial_u[i].into(),
        ];
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        never.push(network.population(population).never_spikes());
    }
    let [decay_u, decay_v, threshold, bias, initial_u] = columns;
    let unreachable = |most: i64, threshold: Vec<i64>| -> Column {
        Column::Each(
            threshold.into_iter().zip(&never).map(|(t, never)| if *never { most } else { t }).collect(),
        )
    };
    let n = neurons.len();
    match spec.overflow {
        OverflowProfile::Loihi1 => {
            let subtracts = i64::from(network.conventions().reset == Reset::Subtract);
            let given = [
                ("decay_u", decay_u.into()),
                ("decay_v", decay_v.into()),
                ("threshold", threshold.into()),
                ("bias", bias.into()),
                ("initial_u", initial_u.into()),
                ("subtracts", subtracts.into()),
            ];
            Parameters::new(ModelKind::CubaLif, n, given)
        }
        OverflowProfile::Lava => {
            let threshold = threshold.into_iter().map(|t| t >> 6).collect();
            let given = [
                ("du", decay_u.into()),
                ("dv", decay_v.into()),
                ("vth", unreachable(1 << 24, threshold)),
                ("bias_mant", bias.into()),
                ("initial_u", initial_u.into()),
            ];
            Parameters::new(ModelKind::LavaLif, n, given)
        }
        OverflowProfile::Brian2 => {
            let after = |(u, decay): (&i64, &i64)| i64::from(trunc0(*u as i32, *decay as i32 + 1));
            let given = [
                ("initial_i", Column::Each(initial_u.iter().zip(&decay_u).map(after).collect())),
                ("decay_i", Column::Each(decay_u.iter().map(|d| d + 1).collect())),
                ("decay_v", decay_v.into()),
                ("threshold", unreachable(1 << 40, threshold)),
                ("bias", bias.into()),
            ];
            Parameters::new(ModelKind::Brian2Lif, n, given)
        }
    }
}
