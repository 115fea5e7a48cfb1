//! A chip image from RANC's files: cores where they are said to be, one packet a spike, delivery ticks as waits.

use super::read::{Core, Destination, Input};
use super::record::Names;
use super::settings::{Place, Settings};
use crate::chip::image::{ChipImage, CoreImage, FanOutTable, NetworkEntry, PopulationEntry, Readout, Route};
use crate::chip::spec::{ChipSpec, INPUT_PORT, OUTPUT_PORT, PortPlace};
use crate::error::{Error, ErrorKind};
use spikemesh_cores::{Column, CoreConfig, Crossbar, ModelKind, Parameters, Synapses};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Name of the preset the chip is made from.
const PRESET: &str = "ranc";
/// Axons of a core of the preset, whose update takes so many cycles less than it says.
const PRESET_AXONS: u32 = 256;
/// A cycle at the preset's 100 MHz, in picoseconds: what an axon adds to an update.
const CYCLE_PS: u64 = 10_000;
/// A wait that every scheduler refuses: RANC's last slot is the one in use, so what is meant for it is dropped.
const NEVER: u8 = 15;

/// What RANC's files become.
pub(super) struct Built {
    pub(super) image: ChipImage,
    /// Spikes of the inputs as (tick, input), ascending.
    pub(super) train: Vec<(u64, u32)>,
    /// The names its neurons have in RANC.
    pub(super) names: Names,
}

/// Builds the image of a checked input.
pub(super) fn build(name: &str, settings: &Settings, input: &Input) -> Result<Built, Error> {
    let spec = chip(settings, input.bus)?;
    let mesh = spec.topology()?;
    let port = |name| mesh.port(name).expect("invariant: every chip has this port").0;
    let (input_port, output_port) = (port(INPUT_PORT), port(OUTPUT_PORT));
    let entries: BTreeMap<Place, u32> = input.cores.iter().map(|c| c.place).zip(0u32..).collect();
    let mut ways =
        Ways { settings, bus: input.bus, output_port, entries, routes: Vec::new(), known: BTreeMap::new() };

    // One input for each distinct destination, numbered in order of place, axon and tick.
    let distinct: BTreeSet<Destination> = input.packets.iter().flatten().copied().collect();
    let index: BTreeMap<Destination, u32> = distinct.into_iter().zip(0u32..).collect();
    let mut input_fan_out = FanOutTable::default();
    index.keys().for_each(|to| ways.push(&mut input_fan_out, input_port, to));
    let mut train = Vec::new();
    for (tick, packets) in (0u64..).zip(&input.packets) {
        let mut spikes: Vec<u32> = packets.iter().map(|to| index[to]).collect();
        spikes.sort_unstable();
        train.extend(spikes.into_iter().map(|input| (tick, input)));
    }

    let inputs = index.len() as u32;
    let mut populations =
        vec![PopulationEntry { name: "packets".into(), first: 0, size: inputs, is_input: true }];
    let mut names = Names::new(inputs);
    for (input, to) in (0u32..).zip(index.keys()) {
        ways.name(&mut names, input, to);
    }
    let mut outputs = Vec::new();
    let mut cores = Vec::new();
    let mut first = inputs;
    for core in &input.cores {
        let from = core_number(settings, core.place);
        let mut fan_out = FanOutTable::default();
        for (neuron, described) in (first..).zip(&core.neurons) {
            ways.push(&mut fan_out, from, &described.destination);
            ways.name(&mut names, neuron, &described.destination);
            if described.destination.place == input.bus {
                outputs.push(neuron);
            }
        }
        let size = core.neurons.len() as u32;
        let (x, y) = (core.place.x, core.place.y);
        names.core(x, y, size);
        populations.push(PopulationEntry { name: format!("core {x},{y}"), first, size, is_input: false });
        let config = CoreConfig { neurons: (first..first + size).collect(), ..memories(settings, core)? };
        cores.push(CoreImage { core: from, config, fan_out: Arc::new(fan_out) });
        first += size;
    }
    names.outputs(&outputs);
    let network = NetworkEntry {
        name: name.to_owned(),
        populations,
        inputs: (0..inputs).collect(),
        outputs,
        readout: Readout::SpikeCount,
        output_rests: Vec::new(),
    };
    let image = ChipImage { spec, network, routes: ways.routes, input_fan_out: Arc::new(input_fan_out), cores };
    image.check("the image of RANC's files")?;
    Ok(Built { image, train, names })
}

/// The preset with the mesh, the cores and the ports that the files ask for.
fn chip(settings: &Settings, bus: Place) -> Result<ChipSpec, Error> {
    let mut spec = ChipSpec::preset(PRESET)?;
    (spec.width, spec.height) = (settings.width, settings.height);
    // RANC's simulator hands packets from outside to the first core.
    spec.input = PortPlace::at(0, 0);
    spec.output = PortPlace::at(bus.x, bus.y);
    spec.core.neurons = settings.neurons;
    spec.core.in_axons = settings.axons;
    spec.core.out_axons = settings.neurons;
    // An axon's row of the crossbar is one word.
    spec.core.word_bits = settings.neurons;
    spec.core.group_synapses = settings.neurons;
    spec.core.synapse_words = settings.axons.into();
    let timing = &mut spec.timing;
    for update_ps in [&mut timing.update_active_ps, &mut timing.update_idle_ps] {
        *update_ps = *update_ps - u64::from(PRESET_AXONS) * CYCLE_PS + u64::from(settings.axons) * CYCLE_PS;
    }
    Ok(spec)
}

/// Cores are numbered row by row, as RANC's components are.
fn core_number(settings: &Settings, place: Place) -> u32 {
    u32::from(place.y) * u32::from(settings.width) + u32::from(place.x)
}

/// Crossbar and registers of a core.
fn memories(settings: &Settings, core: &Core) -> Result<CoreConfig, Error> {
    let fault = |what: String| {
        Error::one(ErrorKind::Invalid, format!("core {}", core.place), what, "change its neurons")
    };
    let rows = core.types.iter().enumerate().map(|(axon, &kind)| {
        let row = core.connections.iter().map(|neuron| neuron[axon]).collect();
        (kind, 0, row)
    });
    let crossbar = Crossbar::typed(core.neurons.len() as u32, rows).map_err(|e| fault(e.to_string()))?;
    let column = |of: fn(&super::read::Neuron) -> i64| Column::Each(core.neurons.iter().map(of).collect());
    let registers = [
        ("w0", column(|n| n.weights[0])),
        ("w1", column(|n| n.weights[1])),
        ("w2", column(|n| n.weights[2])),
        ("w3", column(|n| n.weights[3])),
        ("leak", column(|n| n.leak)),
        ("positive_threshold", column(|n| n.positive_threshold)),
        ("negative_threshold", column(|n| n.negative_threshold)),
        ("reset_potential", column(|n| n.reset_potential)),
        ("reset_mode", column(|n| n.reset_mode)),
        ("initial", column(|n| n.potential)),
        ("lower_test", Column::Uniform(settings.lower_inclusive.into())),
    ];
    let parameters = Parameters::new(ModelKind::Ranc, core.neurons.len(), registers)
        .map_err(|errors| fault(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    Ok(CoreConfig::new(parameters, Arc::new(Synapses::Crossbar(crossbar))))
}

/// Routes, numbered in order of first use, and what lies at their ends.
struct Ways<'a> {
    settings: &'a Settings,
    bus: Place,
    output_port: u32,
    /// Entry of the image by place.
    entries: BTreeMap<Place, u32>,
    routes: Vec<Route>,
    known: BTreeMap<(u32, u32), u32>,
}

impl Ways<'_> {
    /// Appends a source at endpoint `from` to a table.
    fn push(&mut self, table: &mut FanOutTable, from: u32, to: &Destination) {
        let end = if to.place == self.bus { self.output_port } else { core_number(self.settings, to.place) };
        let routes = &mut self.routes;
        let route = *self.known.entry((from, end)).or_insert_with(|| {
            routes.push(Route { source: from, destinations: vec![end] });
            routes.len() as u32 - 1
        });
        match self.entries.get(&to.place) {
            Some(&entry) => table.push(&[route], &[(entry, to.axon)]),
            // At the bus, or at a place without a core, nothing waits.
            None => table.push(&[route], &[]),
        }
        let last = to.tick + 1 == self.settings.slots;
        table.delays.push(if last { NEVER } else { to.tick as u8 });
    }

    /// Notes where a neuron's spikes end that reach no core.
    fn name(&self, names: &mut Names, neuron: u32, to: &Destination) {
        if to.place == self.bus {
            names.onto_bus(neuron, to.axon);
        } else if !self.entries.contains_key(&to.place) {
            names.nowhere(neuron, to.place.x, to.place.y);
        }
    }
}
