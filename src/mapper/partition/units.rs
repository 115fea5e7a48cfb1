//! The cut where neurons have cores of their own or stay together: cores are filled one after the other, each beginning with
//! the neurons pinned to it, by units that stay whole.

use super::{Cutter, MODELS, MOST_PROBLEMS, OUT_AXONS, Part, Partition, ROUNDS, groups, incoming};
use crate::chip::ChipSpec;
use crate::error::{Error, ErrorKind, Problem};
use crate::mapper::MapOptions;
use crate::mapper::partition::CoreUse;
use crate::network::{Network, NeuronId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What is cut.
#[derive(Clone, Debug, Default)]
pub(in crate::mapper) struct Units {
    /// Neurons, unit by unit.
    neurons: Vec<u32>,
    /// Where each unit ends.
    ends: Vec<usize>,
    /// Neurons that have a core.
    pub(in crate::mapper) pinned: BTreeMap<u32, Vec<u32>>,
}

impl Units {
    /// Adds a unit; one of no neurons is left out.
    pub(in crate::mapper) fn push(&mut self, neurons: impl IntoIterator<Item = u32>) {
        self.neurons.extend(neurons);
        if self.neurons.len() > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(self.neurons.len());
        }
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn unit(&self, i: usize) -> &[u32] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.neurons[start..self.ends[i]]
    }
}

/// A cut on the way.
struct Cut {
    partition: Partition,
    /// Core of each part.
    cores: Vec<u32>,
    /// Which limit closed each part.
    closed_by: Vec<&'static str>,
    /// Units of each part.
    units: Vec<Range<usize>>,
}

impl Partition {
    /// Cuts units onto `cores`, in their order, and gives the core of each part.
    ///
    /// # Errors
    /// Every unit, and every core's pinned neurons, that break a limit by themselves, or how many cores are missing.
    pub(in crate::mapper) fn of_units(
        network: &Network,
        spec: &ChipSpec,
        options: &MapOptions,
        units: &Units,
        cores: &[u32],
    ) -> Result<(Self, Vec<u32>), Error> {
        let mut cutter = Cutter::new(network, spec, options);
        cutter.check_at_a_glance()?;
        cutter.check_fan_in()?;
        // A row of a unit may be longer than a core's, before the unit is refused.
        let pinned = units.pinned.values().map(Vec::len).max().unwrap_or(0);
        let longest = (0..units.len()).map(|i| units.unit(i).len()).max().unwrap_or(0) + pinned;
        cutter.words = (0..=u64::from(cutter.cap) + longest as u64).map(|n| spec.core.row_words(n)).collect();
        let most = u64::from(spec.core.out_axons);
        let mut forced = BTreeSet::new();
        for _ in 0..ROUNDS {
            let mut cut = cutter.cut_units(units, cores, &forced)?;
            let over = cutter.count_out_axons(&mut cut.partition);
            if over.is_empty() {
                if cut.partition.parts.len() > cores.len() {
                    return Err(cutter.too_few_cores(&cut.partition, &cut.closed_by));
                }
                return Ok((cut.partition, cut.cores));
            }
            let mut problems = Vec::new();
            for i in over {
                let (held, range) = (cut.partition.parts[i].held, cut.units[i].clone());
                let pinned = units.pinned.get(&cut.cores[i]);
                match (range.len(), pinned) {
                    (0, _) => {
                        let broken = (OUT_AXONS, held.out_axons, most);
                        problems.push(cutter.too_much("pinned to it", cut.cores[i], broken));
                    }
                    (1, None) => {
                        let broken = (OUT_AXONS, held.out_axons, most);
                        problems.push(cutter.unit_alone(units.unit(range.start), broken));
                    }
                    (1, Some(_)) => {
                        forced.insert(range.start);
                    }
                    (len, _) => {
                        let pieces = (held.out_axons.div_ceil(most.max(1)).max(2) as usize).min(len);
                        forced.extend((1..pieces).map(|k| range.start + k * len / pieces));
                    }
                }
            }
            if !problems.is_empty() {
                return Err(Error { kind: ErrorKind::DoesNotFit, problems });
            }
        }
        Err(Error::one(
            ErrorKind::DoesNotFit,
            format!("chip {}", spec.name),
            format!("limit `{OUT_AXONS}` ({most}) still broken after {ROUNDS} refinements"),
            "choose fan_out = \"multicast\", or a chip with more output axons",
        ))
    }
}

impl Cutter<'_> {
    /// One pass over all units. Where cores run out, further parts have numbers beyond the last core.
    fn cut_units(&mut self, units: &Units, cores: &[u32], forced: &BTreeSet<usize>) -> Result<Cut, Error> {
        let network = self.network;
        self.begin();
        let incoming: Vec<Vec<usize>> = network.ids().map(|id| incoming(network, id)).collect();
        let groups = groups(network);
        let group_of = |neuron: u32| groups[network.population_of(NeuronId(neuron)).0 as usize];
        let mut cut = Cut {
            partition: Partition { neurons: Vec::new(), parts: Vec::new() },
            cores: Vec::new(),
            closed_by: Vec::new(),
            units: Vec::new(),
        };
        let mut problems = Vec::new();
        let beyond = self.spec.cores() as u32..;
        let mut next = 0;
        for (at, core) in cores.iter().copied().chain(beyond).enumerate() {
            if at >= cores.len() && next == units.len() || problems.len() >= MOST_PROBLEMS {
                break;
            }
            let seeds = units.pinned.get(&core).map_or(&[][..], Vec::as_slice);
            let (mut held, _) = self.add_all(&incoming, seeds, CoreUse::default());
            let mut list = seeds.to_vec();
            if let Some(broken) = self.broken(&held) {
                problems.push(self.too_much("pinned to it", core, broken));
                self.attempt += 1;
                continue;
            }
            let first = next;
            let mut closed_by = "the end of the network";
            while next < units.len() {
                let unit = units.unit(next);
                if !list.is_empty() {
                    if group_of(list[0]) != group_of(unit[0]) {
                        closed_by = MODELS;
                        break;
                    }
                    if forced.contains(&next) {
                        closed_by = OUT_AXONS;
                        break;
                    }
                }
                let (grown, fresh) = self.add_all(&incoming, unit, held);
                if let Some(broken) = self.broken(&grown) {
                    // The sources these neurons brought in do not reach the closed part after all.
                    fresh.into_iter().for_each(|source| self.reach[source as usize].1 -= 1);
                    if list.is_empty() {
                        problems.push(self.unit_alone(unit, broken));
                        next += 1;
                    }
                    closed_by = broken.0;
                    break;
                }
                held = grown;
                list.extend(unit);
                next += 1;
            }
            self.attempt += 1;
            if list.is_empty() {
                continue;
            }
            list.sort_unstable();
            let start = cut.partition.neurons.len();
            cut.partition.neurons.extend(list);
            held.core = cut.cores.len() as u32;
            cut.partition.parts.push(Part { range: start..cut.partition.neurons.len(), held });
            cut.cores.push(core);
            cut.closed_by.push(closed_by);
            cut.units.push(first..next);
        }
        if problems.is_empty() { Ok(cut) } else { Err(Error { kind: ErrorKind::DoesNotFit, problems }) }
    }

    /// What a part holds with more neurons, and the sources that did not reach it before.
    fn add_all(&mut self, incoming: &[Vec<usize>], neurons: &[u32], held: CoreUse) -> (CoreUse, Vec<u32>) {
        let mut all = (held, Vec::new());
        for &neuron in neurons {
            let (id, local) = self.network.locate(NeuronId(neuron));
            let (held, fresh) = self.add(&incoming[id.0 as usize], local as usize, all.0);
            all.0 = held;
            all.1.extend(fresh);
        }
        all
    }

    fn unit_alone(&self, unit: &[u32], (limit, value, most): (&str, u64, u64)) -> Problem {
        if let [neuron] = unit {
            return self.alone(*neuron, limit, value, most, "reduce the fan-in of the neuron");
        }
        Problem::new(
            format!(
                "{}, first of a block of {} neurons, on a core of their own",
                self.place(unit[0]),
                unit.len()
            ),
            format!("limit `{limit}`: {most}, needed: {value}, {} too many", value - most),
            "take smaller blocks, or a chip with more room",
        )
    }

    fn too_much(&self, what: &str, core: u32, (limit, value, most): (&str, u64, u64)) -> Problem {
        Problem::new(
            format!("core {core}, neurons {what}"),
            format!("limit `{limit}`: {most}, needed: {value}, {} too many", value - most),
            "pin fewer neurons to this core",
        )
    }
}
