//! What RANC prints of a run, gathered tick by tick: potentials, spikes, the output bus; and what it leaves unsaid.

use crate::chip::{Chip, TickSpikes};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::collections::BTreeMap;

/// The names that an image's neurons have in RANC's files.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Inputs, whose numbers come first.
    inputs: u32,
    /// "x,y" of each core, and the number of its first neuron; one more number at the end.
    cores: Vec<String>,
    firsts: Vec<u32>,
    /// Bus axon of each neuron or input that sends to the bus.
    bus: BTreeMap<u32, u32>,
    /// Neuron of each output index.
    outputs: Vec<u32>,
    /// Neurons and inputs that send to a place without a core.
    nowhere: BTreeMap<u32, (u16, u16)>,
}

impl Names {
    pub(super) fn new(inputs: u32) -> Self {
        Self { inputs, firsts: vec![inputs], ..Self::default() }
    }

    /// Appends a core; cores come row by row.
    pub(super) fn core(&mut self, x: u16, y: u16, neurons: u32) {
        let next = self.firsts[self.cores.len()] + neurons;
        self.cores.push(format!("{x},{y}"));
        self.firsts.push(next);
    }

    pub(super) fn onto_bus(&mut self, neuron: u32, axon: u32) {
        self.bus.insert(neuron, axon);
    }

    pub(super) fn nowhere(&mut self, neuron: u32, x: u16, y: u16) {
        self.nowhere.insert(neuron, (x, y));
    }

    pub(super) fn outputs(&mut self, neurons: &[u32]) {
        self.outputs = neurons.to_vec();
    }

    /// Core and neuron of a number beyond the inputs.
    fn place(&self, neuron: u32) -> (usize, u32) {
        let core = self.firsts.partition_point(|&first| first <= neuron) - 1;
        (core, neuron - self.firsts[core])
    }
}

/// A spike as RANC names it: core and neuron in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NamedSpike {
    core: usize,
    neuron: u32,
}

/// Spikes that ended where no core is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LostSpikes {
    /// Who sent them: `core x,y neuron n`, or `packets` from outside.
    pub from: String,
    /// The place, `[x, y]`.
    pub to: (u16, u16),
    /// How many.
    pub spikes: u64,
}

/// A run in RANC's own terms. Serialised it has the keys `potentials`, `spikes` and `output_bus`, a row a tick each, and
/// the counts that follow.
#[derive(Clone, Debug)]
pub struct RancRecord {
    names: Names,
    /// By tick, the potentials of all cores on end; none if they are not kept.
    potentials: Option<Vec<Vec<i64>>>,
    spikes: Vec<Vec<NamedSpike>>,
    bus: Vec<Vec<u32>>,
    /// What is on the bus in the row to come.
    coming: Vec<u32>,
    bus_merged: u64,
    lost: BTreeMap<u32, u64>,
    merged: u64,
    dropped: u64,
}

impl RancRecord {
    pub(super) fn new(names: Names, potentials: bool) -> Self {
        Self {
            names,
            potentials: potentials.then(Vec::new),
            spikes: Vec::new(),
            bus: Vec::new(),
            coming: Vec::new(),
            bus_merged: 0,
            lost: BTreeMap::new(),
            merged: 0,
            dropped: 0,
        }
    }

    /// Takes what a tick left.
    pub fn tick(&mut self, chip: &Chip, tick: &TickSpikes) {
        let names = &self.names;
        if let Some(potentials) = &mut self.potentials {
            let all = names.firsts[0]..names.firsts[names.cores.len()];
            potentials
                .push(all.map(|n| chip.membrane(n).expect("invariant: every neuron has a place")).collect());
        }
        // A packet from outside is on the bus in its own row, a neuron's spike in the next.
        let mut row = std::mem::take(&mut self.coming);
        let mut spikes = Vec::new();
        for &(neuron, _) in &tick.spikes {
            if names.nowhere.contains_key(&neuron) {
                *self.lost.entry(neuron).or_default() += 1;
            }
            if neuron >= names.inputs {
                let (core, neuron) = names.place(neuron);
                spikes.push(NamedSpike { core, neuron });
            } else if let Some(&axon) = names.bus.get(&neuron) {
                row.push(axon);
            }
        }
        self.spikes.push(spikes);
        row.sort_unstable();
        let arrived = row.len();
        row.dedup();
        self.bus_merged += (arrived - row.len()) as u64;
        self.bus.push(row);
        let sent = tick.outputs.iter().map(|&output| names.bus[&names.outputs[output as usize]]);
        self.coming.extend(sent);
    }

    /// Takes the counts of the schedulers, at the end.
    pub fn finish(&mut self, counters: &crate::chip::ChipCounters) {
        let total = counters.core_total();
        (self.merged, self.dropped) = (total.merged, total.dropped);
    }

    /// Ticks taken.
    pub fn ticks(&self) -> usize {
        self.spikes.len()
    }

    /// Spikes that found their axon active already, in schedulers; RANC warns of each.
    pub fn merged(&self) -> u64 {
        self.merged
    }

    /// Spikes for the scheduler's slot in use, which are dropped; RANC warns of each.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Everything that ended where no core is, by sender.
    pub fn lost(&self) -> Vec<LostSpikes> {
        let named = |(&neuron, &spikes): (&u32, &u64)| {
            let from = if neuron < self.names.inputs {
                "packets".to_owned()
            } else {
                let (core, neuron) = self.names.place(neuron);
                format!("core {} neuron {neuron}", self.names.cores[core])
            };
            LostSpikes { from, to: self.names.nowhere[&neuron], spikes }
        };
        self.lost.iter().map(named).collect()
    }
}

impl Serialize for RancRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = &self.names;
        let mut map = serializer.serialize_map(None)?;
        if let Some(potentials) = &self.potentials {
            map.serialize_entry("potentials", &rows(potentials, |row| ByCore { names, row }))?;
        }
        let named = |spike: &NamedSpike| (&names.cores[spike.core], spike.neuron);
        map.serialize_entry("spikes", &rows(&self.spikes, |row| row.iter().map(named).collect::<Vec<_>>()))?;
        map.serialize_entry("output_bus", &self.bus)?;
        map.serialize_entry("warnings", &(self.merged + self.dropped))?;
        map.serialize_entry("merged", &self.merged)?;
        map.serialize_entry("dropped", &self.dropped)?;
        map.serialize_entry("bus_merged", &self.bus_merged)?;
        map.serialize_entry("lost", &self.lost())?;
        map.end()
    }
}

/// A list of rows, each of them shown through a function.
struct Rows<'r, T, F>(&'r [T], F);

fn rows<'r, T, U, F: Fn(&'r T) -> U>(list: &'r [T], show: F) -> Rows<'r, T, F> {
    Rows(list, show)
}

impl<'r, T, U: Serialize, F: Fn(&'r T) -> U> Serialize for Rows<'r, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|row| rows.serialize_element(&(self.1)(row)))?;
        rows.end()
    }
}

/// Potentials of a tick, by core.
struct ByCore<'r> {
    names: &'r Names,
    row: &'r [i64],
}

impl Serialize for ByCore<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = |core: usize| (self.names.firsts[core] - self.names.inputs) as usize;
        let cores = self.names.cores.iter().enumerate();
        serializer.collect_map(cores.map(|(i, name)| (name, &self.row[at(i)..at(i + 1)])))
    }
}
