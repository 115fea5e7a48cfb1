//! Cuts the neurons into parts, one a core, under every limit of the chip at once: neurons, input axons, output axons,
//! synapse memory.
//!
//! Neurons are taken in the network's order and a part is closed when the next neuron would break a limit. Only
//! shapes and positions of weights are read. An input axon is one (source neuron, projection) with a synapse in the
//! part; an output axon is one (neuron, destination) with unicast and one sending neuron with multicast; a shared kernel
//! takes its words once a part and output channel.

mod units;

pub(super) use units::Units;

use super::MapOptions;
use super::kernels::KernelWords;
use crate::chip::{ChipSpec, FanOut, MOST_CORES};
use crate::error::{Error, ErrorKind, Problem};
use crate::network::{Network, PopulationId, Weights};
use std::collections::BTreeSet;
use std::ops::Range;

/// What a part holds, in the chip's terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CoreUse {
    /// Core of the chip; the part's number before placement.
    pub core: u32,
    /// Neurons.
    pub neurons: u32,
    /// Input axons.
    pub in_axons: u32,
    /// Output axons.
    pub out_axons: u64,
    /// Words of synapse memory.
    pub synapse_words: u64,
    /// Synapses.
    pub synapses: u64,
}

/// A run of neurons that share a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which of [`Partition::neurons`].
    pub range: Range<usize>,
    /// What it holds.
    pub held: CoreUse,
}

/// The result: all neurons that need a place, and how they are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Network numbers of the placed neurons, part by part; within a part they ascend.
    pub neurons: Vec<u32>,
    /// The parts, in order; together they cover all neurons once.
    pub parts: Vec<Part>,
}

/// Limits by name, as messages show them.
const NEURONS: &str = "neurons a core";
const IN_AXONS: &str = "input axons a core";
const OUT_AXONS: &str = "output axons a core";
const WORDS: &str = "words of synapse memory a core";
const MODELS: &str = "one neuron model a core";

/// Times the cut is refined for the sake of output axons before we give up.
const ROUNDS: usize = 40;

/// Sources of a projection as one part sees them.
struct RowCount {
    /// Attempt that last touched the source.
    attempt: u32,
    /// Synapses of its row in that part.
    synapses: u32,
}

struct Cutter<'a> {
    network: &'a Network,
    spec: &'a ChipSpec,
    cap: u32,
    words: Vec<u64>,
    kernels: KernelWords,
    /// By projection, by output channel of a shared kernel: the attempt that last counted its words.
    channels: Vec<Vec<u32>>,
    /// By projection, by source.
    rows: Vec<Vec<RowCount>>,
    /// By network neuron: attempt that last counted it as a source, and the number of parts it reaches.
    reach: Vec<(u32, u32)>,
    is_output: Vec<bool>,
    /// Cores of the chip that are dead.
    dead: u64,
    /// Number of the current attempt to fill a core; what bears another one is stale.
    attempt: u32,
}

impl Partition {
    /// Cuts the network.
    ///
    /// # Errors
    /// Every neuron that does not fit a core by itself, or how many cores are missing; nothing is copied before.
    pub fn new(network: &Network, spec: &ChipSpec, options: &MapOptions) -> Result<Self, Error> {
        let mut cutter = Cutter::new(network, spec, options);
        cutter.check_at_a_glance()?;
        cutter.check_fan_in()?;
        let mut forced = BTreeSet::new();
        for _ in 0..ROUNDS {
            let (mut partition, closed_by) = cutter.cut(&forced)?;
            let over = cutter.count_out_axons(&mut partition);
            if over.is_empty() {
                return if partition.parts.len() as u64 <= cutter.live_cores() {
                    Ok(partition)
                } else {
                    Err(cutter.too_few_cores(&partition, &closed_by))
                };
            }
            let alone: Vec<_> = over.iter().filter(|&&i| partition.parts[i].range.len() == 1).collect();
            if !alone.is_empty() {
                let problems = alone.into_iter().map(|&i| {
                    let part = &partition.parts[i];
                    let limit = u64::from(spec.core.out_axons);
                    let neuron = partition.neurons[part.range.start];
                    cutter.alone(
                        neuron,
                        OUT_AXONS,
                        part.held.out_axons,
                        limit,
                        "choose fan_out = \"multicast\"",
                    )
                });
                return Err(Error { kind: ErrorKind::DoesNotFit, problems: problems.collect() });
            }
            for i in over {
                let part = &partition.parts[i];
                let pieces = part.held.out_axons.div_ceil(u64::from(spec.core.out_axons)).max(2) as usize;
                let len = part.range.len();
                let pieces = pieces.min(len);
                forced.extend((1..pieces).map(|k| part.range.start + k * len / pieces));
            }
        }
        Err(Error::one(
            ErrorKind::DoesNotFit,
            format!("chip {}", spec.name),
            format!("limit `{OUT_AXONS}` ({}) still broken after {ROUNDS} refinements", spec.core.out_axons),
            "choose fan_out = \"multicast\", or a chip with more output axons",
        ))
    }
}

impl Partition {
    /// The parts that a placement makes, and the core of each: `core[n]` is the core of network neuron n; inputs are left out.
    /// `None` if a core breaks a limit, or holds neurons that share no core.
    pub(super) fn of_cores(
        network: &Network,
        spec: &ChipSpec,
        options: &MapOptions,
        core: &[u32],
    ) -> Option<(Self, Vec<u32>)> {
        let mut placed: Vec<(u32, u32)> = network
            .ids()
            .filter(|id| !network.population(*id).is_input())
            .flat_map(|id| network.neurons_of(id))
            .map(|n| (core[n.0 as usize], n.0))
            .collect();
        placed.sort_unstable();
        let mut cutter = Cutter::new(network, spec, options);
        cutter.begin();
        let mut partition = Partition { neurons: placed.iter().map(|p| p.1).collect(), parts: Vec::new() };
        let mut cores = Vec::new();
        let incoming: Vec<Vec<usize>> = network.ids().map(|id| incoming(network, id)).collect();
        let groups = groups(network);
        let mut start = 0;
        for part in placed.chunk_by(|a, b| a.0 == b.0) {
            let mut held = CoreUse { core: cores.len() as u32, ..CoreUse::default() };
            let mut group = None;
            for &(_, neuron) in part {
                let (id, local) = network.locate(crate::network::NeuronId(neuron));
                held = cutter.add(&incoming[id.0 as usize], local as usize, held).0;
                let own = groups[id.0 as usize];
                if *group.get_or_insert(own) != own {
                    return None;
                }
            }
            if cutter.broken(&held).is_some() {
                return None;
            }
            partition.parts.push(Part { range: start..start + part.len(), held });
            cores.push(part[0].0);
            start += part.len();
            cutter.attempt += 1;
        }
        cutter.count_out_axons(&mut partition).is_empty().then_some((partition, cores))
    }
}

/// A number for each population; those that can share a core have the same.
pub(super) fn groups(network: &Network) -> Vec<u32> {
    let mut leaders: Vec<PopulationId> = Vec::new();
    let group = |id: PopulationId| {
        if network.population(id).is_input() {
            return 0;
        }
        let found = leaders.iter().position(|leader| share_a_core(network, *leader, id));
        let at = found.unwrap_or_else(|| {
            leaders.push(id);
            leaders.len() - 1
        });
        at as u32
    };
    network.ids().map(group).collect()
}

/// Projections onto a population.
fn incoming(network: &Network, id: PopulationId) -> Vec<usize> {
    (0..network.projections().len()).filter(|&p| network.projections()[p].target == id).collect()
}

/// Whether neurons of two populations can sit on one core: one model, with the same registers of the core.
fn share_a_core(network: &Network, a: PopulationId, b: PopulationId) -> bool {
    match (network.population(a).registers(), network.population(b).registers()) {
        (None, None) => true,
        (Some(a), Some(b)) => a.select([0]).join(&b.select([0])).is_ok(),
        _ => false,
    }
}

impl<'a> Cutter<'a> {
    fn new(network: &'a Network, spec: &'a ChipSpec, options: &MapOptions) -> Self {
        let cap = options.neurons_per_core.unwrap_or(spec.core.neurons).min(spec.core.neurons);
        let mut is_output = vec![false; network.neuron_count() as usize];
        network.output_neurons().iter().for_each(|n| is_output[n.0 as usize] = true);
        Cutter {
            network,
            spec,
            cap,
            words: (0..=u64::from(cap) + 1).map(|n| spec.core.row_words(n)).collect(),
            kernels: KernelWords::new(network, &spec.core),
            channels: Vec::new(),
            rows: Vec::new(),
            reach: Vec::new(),
            is_output,
            attempt: 0,
            dead: options.dead_cores.iter().filter(|c| u64::from(**c) < spec.cores()).count() as u64,
        }
    }

    /// Forgets all counts.
    fn begin(&mut self) {
        let row = || RowCount { attempt: u32::MAX, synapses: 0 };
        let network = self.network;
        self.rows = network
            .projections()
            .iter()
            .map(|p| std::iter::repeat_with(row).take(network.population(p.source).size as usize).collect())
            .collect();
        self.channels = vec![Vec::new(); network.projections().len()];
        self.attempt = 0;
        self.reach = vec![(u32::MAX, 0); network.neuron_count() as usize];
    }

    /// One pass over all neurons; also says which limit closed each part.
    fn cut(&mut self, forced: &BTreeSet<usize>) -> Result<(Partition, Vec<&'static str>), Error> {
        let network = self.network;
        self.begin();
        let mut partition = Partition { neurons: Vec::new(), parts: Vec::new() };
        let mut closed_by = Vec::new();
        let mut problems = Vec::new();
        let mut start = 0;
        let mut held = CoreUse::default();
        let mut before: Option<PopulationId> = None;
        for id in network.ids() {
            if network.population(id).is_input() {
                continue;
            }
            let changes = before.replace(id).is_some_and(|before| !share_a_core(network, before, id));
            let incoming = incoming(network, id);
            for (local, neuron) in network.neurons_of(id).enumerate() {
                let index = partition.neurons.len();
                partition.neurons.push(neuron.0);
                let new_model = changes && local == 0;
                let must_close = index > start && (new_model || forced.contains(&index));
                let grown = if must_close { None } else { Some(self.add(&incoming, local, held)) };
                let broken = grown.as_ref().and_then(|(held, _)| self.broken(held));
                match grown {
                    Some((larger, _)) if broken.is_none() => held = larger,
                    grown => {
                        // The sources this neuron brought in do not reach the closed part after all.
                        for source in grown.map_or(Vec::new(), |(_, fresh)| fresh) {
                            self.reach[source as usize].1 -= 1;
                        }
                        if index > start {
                            partition.parts.push(Part { range: start..index, held });
                            closed_by.push(broken.map_or(if new_model { MODELS } else { OUT_AXONS }, |b| b.0));
                        }
                        start = index;
                        self.attempt += 1;
                        let (alone, _) = self.add(&incoming, local, CoreUse::default());
                        if let Some((limit, value, most)) = self.broken(&alone) {
                            problems.push(self.alone(
                                neuron.0,
                                limit,
                                value,
                                most,
                                "reduce the fan-in of the neuron",
                            ));
                        }
                        held = alone;
                    }
                }
                if problems.len() >= MOST_PROBLEMS {
                    return Err(Error { kind: ErrorKind::DoesNotFit, problems });
                }
            }
        }
        if start < partition.neurons.len() {
            partition.parts.push(Part { range: start..partition.neurons.len(), held });
            closed_by.push("the end of the network");
        }
        for (i, part) in partition.parts.iter_mut().enumerate() {
            part.held.core = i as u32;
        }
        if problems.is_empty() {
            Ok((partition, closed_by))
        } else {
            Err(Error { kind: ErrorKind::DoesNotFit, problems })
        }
    }

    /// Cores that can be used.
    fn live_cores(&self) -> u64 {
        self.spec.cores() - self.dead
    }

    /// Chips whose neurons take few synapses are told of every neuron that has more (up to a bound).
    fn check_fan_in(&self) -> Result<(), Error> {
        let Some(limit) = self.spec.core.neuron_fan_in else { return Ok(()) };
        let mut problems = Vec::new();
        for id in self.network.ids().filter(|id| !self.network.population(*id).is_input()) {
            let incoming: Vec<_> = self.network.projections().iter().filter(|p| p.target == id).collect();
            for (local, neuron) in self.network.neurons_of(id).enumerate() {
                let mut value = 0u64;
                for projection in &incoming {
                    projection.weights.for_each_source_index(local as u32, |_| value += 1);
                }
                if value > u64::from(limit) && problems.len() < MOST_PROBLEMS {
                    problems.push(Problem::new(
                        self.place(neuron.0),
                        format!(
                            "limit `neuron_fan_in`: {limit}, needed: {value}, {} too many",
                            value - u64::from(limit)
                        ),
                        format!("prune its inputs to {limit}, or take a chip whose limit is at least {value}"),
                    ));
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Error { kind: ErrorKind::DoesNotFit, problems }) }
    }

    /// What `part` holds with one more neuron, and the sources that did not reach the part before.
    fn add(&mut self, incoming: &[usize], local: usize, held: CoreUse) -> (CoreUse, Vec<u32>) {
        let attempt = self.attempt;
        let mut held = CoreUse { neurons: held.neurons + 1, ..held };
        let mut fresh = Vec::new();
        for &p in incoming {
            let projection = &self.network.projections()[p];
            let first = self.network.first_neuron(projection.source).0;
            let kernel = self.kernels.kernel(p, local as u32);
            if let Some((channel, words)) = kernel {
                let seen = &mut self.channels[p];
                seen.resize(seen.len().max(channel + 1), u32::MAX);
                if std::mem::replace(&mut seen[channel], attempt) != attempt {
                    held.synapse_words += words;
                }
            }
            let (rows, reach, words) = (&mut self.rows[p], &mut self.reach, &self.words);
            projection.weights.for_each_source_index(local as u32, |source| {
                let row = &mut rows[source as usize];
                if row.attempt != attempt {
                    *row = RowCount { attempt, synapses: 0 };
                    held.in_axons += 1;
                    let reach = &mut reach[(first + source) as usize];
                    if reach.0 != attempt {
                        *reach = (attempt, reach.1 + 1);
                        fresh.push(first + source);
                    }
                }
                let n = row.synapses as usize;
                if kernel.is_none() {
                    held.synapse_words += words[n + 1] - words[n];
                }
                row.synapses += 1;
                held.synapses += 1;
            });
        }
        (held, fresh)
    }

    /// The first limit that is broken: (name, value, most).
    fn broken(&self, held: &CoreUse) -> Option<(&'static str, u64, u64)> {
        let core = &self.spec.core;
        [
            (NEURONS, u64::from(held.neurons), u64::from(self.cap)),
            (IN_AXONS, u64::from(held.in_axons), u64::from(core.in_axons)),
            (WORDS, held.synapse_words, core.synapse_words),
        ]
        .into_iter()
        .find(|(_, value, most)| value > most)
    }

    /// Fills in the output axons; the parts that have too many.
    fn count_out_axons(&self, partition: &mut Partition) -> Vec<usize> {
        let mut over = Vec::new();
        for (i, part) in partition.parts.iter_mut().enumerate() {
            let ends = partition.neurons[part.range.clone()]
                .iter()
                .map(|&n| u64::from(self.reach[n as usize].1) + u64::from(self.is_output[n as usize]));
            part.held.out_axons = match self.spec.fan_out {
                FanOut::Unicast => ends.sum(),
                FanOut::Multicast => ends.filter(|&n| n > 0).count() as u64,
            };
            if part.held.out_axons > u64::from(self.spec.core.out_axons) {
                over.push(i);
            }
        }
        over
    }

    /// Tells at once of a network whose neurons alone are too many, where counting its synapses would take long; the
    /// number of cores is then a lower bound.
    fn check_at_a_glance(&self) -> Result<(), Error> {
        let needed = u64::from(self.network.placed_neuron_count()).div_ceil(u64::from(self.cap));
        let generated = |p: &crate::network::Projection| matches!(p.weights, Weights::Random { .. });
        let many =
            self.network.projections().iter().filter(|p| generated(p)).map(|p| p.weights.synapse_count());
        if needed <= self.live_cores() || many.sum::<u64>() < MANY_SYNAPSES {
            return Ok(());
        }
        Err(Error::one(
            ErrorKind::DoesNotFit,
            self.chip(),
            format!(
                "limit `cores a chip`: {}, needed: at least {needed} for {} neurons at {} a core; synapses were not counted",
                self.live_cores(),
                self.network.placed_neuron_count(),
                self.cap
            ),
            self.remedy(needed, "at least "),
        ))
    }

    fn chip(&self) -> String {
        let spec = self.spec;
        format!(
            "chip {} ({} x {} routers, {} cores each)",
            spec.name, spec.width, spec.height, spec.cores_per_router
        )
    }

    /// What to try where so many cores are needed.
    fn remedy(&self, needed: u64, at_least: &str) -> String {
        let each = u64::from(self.spec.cores_per_router);
        let (w, h) = smallest_mesh(needed, each);
        let mesh = if w * h * each <= MOST_CORES {
            format!(
                "the smallest mesh that would do is {at_least}{w} x {h} routers ({} cores): set mesh = [{w}, {h}]",
                w * h * each
            )
        } else {
            format!("no mesh would do: {at_least}{needed} cores are more than the {MOST_CORES} of the largest")
        };
        let neurons = u64::from(self.network.placed_neuron_count());
        let (each_core, there) =
            (neurons.div_ceil(self.live_cores().max(1)), u64::from(self.spec.core.neurons));
        // What costs least to change comes first.
        let mut remedies = vec![mesh];
        if self.cap < self.spec.core.neurons {
            remedies.push(format!("or raise neurons_per_core (now {}, the chip allows {there})", self.cap));
        } else if each_core > there {
            remedies.push(format!("or take a chip whose cores hold {each_core} neurons (these hold {there})"));
        }
        let room = self.live_cores() * u64::from(self.cap);
        if neurons > room {
            remedies.push(format!("or leave out at least {} neurons", neurons - room));
        } else {
            remedies.push("or prune inputs of neurons, so that more of them share a core".into());
        }
        remedies.join(", ")
    }

    fn place(&self, neuron: u32) -> String {
        let (id, local) = self.network.locate(crate::network::NeuronId(neuron));
        format!("population `{}`, neuron {local}", self.name(id))
    }

    fn name(&self, id: PopulationId) -> &str {
        &self.network.population(id).name
    }

    fn alone(&self, neuron: u32, limit: &str, value: u64, most: u64, fix: &str) -> Problem {
        Problem::new(
            format!("{}, on a core of its own", self.place(neuron)),
            format!("limit `{limit}`: {most}, needed: {value}, {} too many", value - most),
            format!("no mesh is large enough: {fix}, or take a chip whose limit is at least {value}"),
        )
    }

    fn too_few_cores(&self, partition: &Partition, closed_by: &[&'static str]) -> Error {
        let (needed, there) = (partition.parts.len() as u64, self.live_cores());
        let mut causes: Vec<(usize, &str)> = [NEURONS, IN_AXONS, OUT_AXONS, WORDS, MODELS]
            .into_iter()
            .map(|limit| (closed_by.iter().filter(|c| **c == limit).count(), limit))
            .filter(|(count, _)| *count > 0)
            .collect();
        causes.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
        let causes: Vec<_> =
            causes.iter().map(|(count, limit)| format!("`{limit}` on {count} of them")).collect();
        let first = &partition.parts[there as usize];
        let left = partition.neurons.len() - first.range.start;
        Error::one(
            ErrorKind::DoesNotFit,
            format!(
                "{}, core {there}: {} is the first without a place, {left} of {} neurons have none",
                self.chip(),
                self.place(partition.neurons[first.range.start]),
                partition.neurons.len(),
            ),
            format!(
                "limit `cores a chip`: {there}, needed: {needed}, {} too many; cores were filled by {}",
                needed - there,
                if causes.is_empty() { "the network's end".to_owned() } else { causes.join(", ") }
            ),
            self.remedy(needed, ""),
        )
    }
}

/// Generated synapses that take long to visit, about a second for each hundred million.
const MANY_SYNAPSES: u64 = 1 << 27;
/// Neurons that cannot be placed are listed up to this many.
const MOST_PROBLEMS: usize = 20;

/// The smallest near-square mesh (no side more than twice the other) with room for so many cores: (width, height).
pub fn smallest_mesh(cores: u64, cores_per_router: u64) -> (u64, u64) {
    let routers = cores.div_ceil(cores_per_router).max(1);
    let side = routers.isqrt();
    (1..=side + 1)
        .map(|h| (routers.div_ceil(h), h))
        .filter(|&(w, h)| w <= 2 * h && h <= 2 * w)
        .min_by_key(|&(w, h)| (w * h, w.abs_diff(h)))
        .unwrap_or((routers, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_mesh_holds_the_cores_and_is_near_square() {
        for cores in 1..2000 {
            let (w, h) = smallest_mesh(cores, 4);
            assert!(w * h * 4 >= cores && w <= 2 * h && h <= 2 * w, "{cores}: {w} x {h}");
            assert!((w * h - cores.div_ceil(4)) <= w.max(h), "{cores}: {w} x {h} wastes more than a side");
        }
        assert_eq!(smallest_mesh(16, 1), (4, 4));
        assert_eq!(smallest_mesh(17, 1), (6, 3));
    }
}
