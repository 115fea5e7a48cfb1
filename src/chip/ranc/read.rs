//! RANC's input file as values: what RANC's `decode.hpp` (commit f220102) takes, checked in full.
//!
//! Stricter than RANC in four points, because each would otherwise end in silence or in a crash of its simulator: a row of
//! connections has at least as many entries as the core has axon types; a destination lies inside the mesh on every side;
//! no core is described twice or sits where the output bus is; a packet's offsets fit their 9 bits.

use super::fields::Faults;
use super::packet::{PacketFormat, RancPacket};
use super::settings::{MOST_OF_A_CORE, MOST_TYPES, Place, Settings};
use crate::error::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Smallest and largest value of a register: RANC's simulator holds them in 32 bits.
const REGISTER: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

/// Where spikes go, and when they act there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Destination {
    pub(super) place: Place,
    pub(super) axon: u32,
    pub(super) tick: u32,
}

/// Registers of one neuron, and where it sends.
#[derive(Clone, Debug)]
pub(super) struct Neuron {
    pub(super) weights: [i64; MOST_TYPES as usize],
    pub(super) leak: i64,
    pub(super) positive_threshold: i64,
    pub(super) negative_threshold: i64,
    pub(super) reset_potential: i64,
    pub(super) reset_mode: i64,
    pub(super) potential: i64,
    pub(super) destination: Destination,
}

/// One core.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) place: Place,
    /// Type of each axon.
    pub(super) types: Vec<u8>,
    pub(super) neurons: Vec<Neuron>,
    /// Connections by neuron, a bit an axon.
    pub(super) connections: Vec<Vec<bool>>,
}

/// RANC's input file.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) bus: Place,
    pub(super) cores: Vec<Core>,
    /// By tick.
    pub(super) packets: Vec<Vec<Destination>>,
    /// What is allowed but surely not meant.
    pub(super) warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Top<'t> {
    #[serde(borrow)]
    cores: Option<&'t RawValue>,
    #[serde(borrow)]
    packets: Option<&'t RawValue>,
    output_bus: Option<Value>,
}

/// Reads RANC's input for a configuration.
///
/// # Errors
/// Everything wrong in it.
pub(super) fn input(file: &str, text: &str, settings: &Settings) -> Result<Input, Error> {
    let mut faults = Faults::new(file);
    let top: Option<Top<'_>> = faults.object(text, "", "an object with `cores`, `output_bus` and `packets`");
    let Some(top) = top else {
        faults.finish()?;
        return Err(Error::one(ErrorKind::Invalid, file, "the file holds no object", ""));
    };
    let bus = top.output_bus.unwrap_or_default();
    let (at, outputs) = read_bus(&mut faults, &bus, settings);
    let axons = settings.axons.max(outputs);
    let mut reader = Reader { settings, bus: at, outputs, format: PacketFormat::for_axons(axons), faults };
    let mut warnings = Vec::new();
    let mut cores: BTreeMap<Place, Core> = BTreeMap::new();
    for (i, raw) in reader.faults.raw_list(top.cores, "cores").into_iter().enumerate() {
        // One core after the other, so that only one is ever held in JSON's own wide values.
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let Some(core) = reader.core(i, &value, &mut warnings) else { continue };
        let place = core.place;
        if Some(place) == reader.bus {
            let what = format!("core {place} sits where the output bus is");
            reader.faults.add(&format!("cores[{i}]"), what, "give one of them another place");
        }
        if cores.insert(place, core).is_some() {
            let what = format!("core {place} is described a second time");
            reader.faults.add(&format!("cores[{i}]"), what, "remove one of them or give it another place");
        }
    }
    let mut packets = Vec::new();
    for (tick, raw) in reader.faults.raw_list(top.packets, "packets").into_iter().enumerate() {
        packets.push(reader.packets(tick, raw));
    }
    let Reader { faults, .. } = reader;
    faults.finish()?;
    let bus = at.unwrap_or(Place { x: 0, y: 0 });
    Ok(Input { bus, cores: cores.into_values().collect(), packets, warnings })
}

fn read_bus(faults: &mut Faults<'_>, bus: &Value, settings: &Settings) -> (Option<Place>, u32) {
    if bus.is_null() {
        faults.add("", "the key `output_bus` is missing; it takes `coordinates` and `num_outputs`", "");
        return (None, 0);
    }
    if !faults.is_object(bus, "output_bus") {
        return (None, 0);
    }
    let at = faults.pair(bus, "output_bus", "coordinates");
    let outputs = faults.whole(bus, "output_bus", "num_outputs", 0, MOST_OF_A_CORE) as u32;
    (at.and_then(|at| inside(faults, "output_bus", "the output bus", at, settings)), outputs)
}

/// The place, if it is on the mesh.
fn inside(
    faults: &mut Faults<'_>,
    place: &str,
    what: &str,
    (x, y): (i64, i64),
    settings: &Settings,
) -> Option<Place> {
    let (width, height) = (settings.width, settings.height);
    if (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y) {
        return Some(Place { x: x as u16, y: y as u16 });
    }
    let what = format!("{what} is at ({x},{y}), outside the mesh of {width} x {height} cores");
    faults.add(place, what, "raise `num_cores_x` or `num_cores_y` of the configuration, or change the place");
    None
}

/// What every part of the input is checked against.
struct Reader<'a> {
    settings: &'a Settings,
    bus: Option<Place>,
    outputs: u32,
    format: PacketFormat,
    faults: Faults<'a>,
}

impl Reader<'_> {
    fn core(&mut self, index: usize, value: &Value, warnings: &mut Vec<String>) -> Option<Core> {
        let name = format!("cores[{index}]");
        if !self.faults.is_object(value, &name) {
            return None;
        }
        let at = self.faults.pair(value, &name, "coordinates");
        let place = at.and_then(|at| inside(&mut self.faults, &name, "the core", at, self.settings));
        let types = self.faults.list(value, &name, "axons");
        let axons = self.settings.axons as usize;
        if types.len() > axons {
            let what = format!("`axons` has {} entries; the cores have {axons} axons", types.len());
            self.faults.add(&name, what, "raise `num_axons` of the configuration");
        }
        let most = self.settings.types - 1;
        let typed = types.iter().enumerate().map(|(i, kind)| {
            let hint = "`num_weights` of the configuration says how many types there are";
            self.faults.number(kind, || (name.clone(), format!("axons[{i}]")), 0, most, hint) as u8
        });
        // Axons that are not named are of type 0, as in RANC.
        let mut typed: Vec<u8> = typed.collect();
        typed.resize(axons.max(typed.len()), 0);
        let described = self.faults.list(value, &name, "neurons");
        if described.len() > self.settings.neurons as usize {
            let what = format!("{} neurons; the cores have {}", described.len(), self.settings.neurons);
            self.faults.add(&name, what, "raise `num_neurons` of the configuration");
        }
        let neurons: Vec<_> = described
            .iter()
            .enumerate()
            .map(|(i, neuron)| self.neuron(&format!("{name}.neurons[{i}]"), neuron, place))
            .collect();
        let rows = self.faults.list(value, &name, "connections");
        if rows.len() < described.len() {
            let what = format!("{} rows of connections for {} neurons", rows.len(), described.len());
            self.faults.add(&name, what, "give each neuron a row, a 0 or 1 for each axon");
        } else if rows.len() > described.len() {
            let (rows, neurons) = (rows.len(), described.len());
            warnings.push(format!(
                "{name}: {rows} rows of connections for {neurons} neurons; the others are left out"
            ));
        }
        let connections: Vec<_> = (rows.iter().take(described.len()).enumerate())
            .map(|(i, row)| self.row(&format!("{name}.connections[{i}]"), row, types.len()))
            .collect();
        let neurons: Option<Vec<_>> = neurons.into_iter().collect();
        Some(Core { place: place?, types: typed, neurons: neurons?, connections })
    }

    /// A neuron's connections, padded to the core's axons.
    fn row(&mut self, name: &str, row: &Value, least: usize) -> Vec<bool> {
        let axons = self.settings.axons as usize;
        let Some(entries) = row.as_array() else {
            self.faults.add(name, "the row of connections is not a list", "give a 0 or 1 for each axon");
            return vec![false; axons];
        };
        if !(least..=axons).contains(&entries.len()) {
            let what =
                format!("the row of connections has {} entries; wanted {least} to {axons}", entries.len());
            self.faults.add(name, what, "a row has an entry for each entry of the core's `axons`");
        }
        let bit = |(i, entry): (usize, &Value)| {
            self.faults.number(entry, || (name.to_owned(), format!("the entry of axon {i}")), 0, 1, "") == 1
        };
        let mut bits: Vec<bool> = entries.iter().enumerate().map(bit).collect();
        bits.resize(axons, false);
        bits
    }

    fn neuron(&mut self, name: &str, value: &Value, from: Option<Place>) -> Option<Neuron> {
        if !self.faults.is_object(value, name) {
            return None;
        }
        let given = self.faults.list(value, name, "weights");
        if given.len() as i64 > self.settings.types {
            let what = format!("{} weights for {} axon types", given.len(), self.settings.types);
            self.faults.add(name, what, "raise `num_weights` of the configuration, or remove some");
        }
        let (least, most) = REGISTER;
        let mut weights = [0; MOST_TYPES as usize];
        for (i, (weight, given)) in weights.iter_mut().zip(given).enumerate() {
            *weight = self.faults.number(given, || (name.to_owned(), format!("weights[{i}]")), least, most, "");
        }
        let destination = self.destination(name, value, from);
        let mut register = |key| self.faults.whole(value, name, key, least, most);
        let [leak, positive_threshold, negative_threshold, reset_potential, potential] =
            ["leak", "positive_threshold", "negative_threshold", "reset_potential", "current_potential"]
                .map(&mut register);
        let reset_mode = self.faults.whole(value, name, "reset_mode", 0, 1);
        Some(Neuron {
            weights,
            leak,
            positive_threshold,
            negative_threshold,
            reset_potential,
            reset_mode,
            potential,
            destination: destination?,
        })
    }

    /// Where a neuron of the core at `from` sends.
    fn destination(&mut self, name: &str, value: &Value, from: Option<Place>) -> Option<Destination> {
        let offset = self.faults.pair(value, name, "destination_core_offset");
        let to = from.zip(offset).and_then(|(from, (dx, dy))| {
            let to = (i64::from(from.x).saturating_add(dx), i64::from(from.y).saturating_add(dy));
            inside(&mut self.faults, name, "the destination", to, self.settings)
        });
        let (axon, tick) = self.arrival(name, value, to);
        let place = to?;
        let (dx, dy) = offset?;
        self.check_packet(name, &RancPacket { dx, dy, axon, tick });
        Some(Destination { place, axon, tick })
    }

    /// The axon and the delivery tick of something sent to a place.
    fn arrival(&mut self, name: &str, value: &Value, to: Option<Place>) -> (u32, u32) {
        // Where the place is not known, the wider of both bounds is asked for.
        let (onto_bus, somewhere) = (to.is_some() && to == self.bus, to.is_some());
        let axons = if onto_bus {
            self.outputs
        } else if somewhere {
            self.settings.axons
        } else {
            self.settings.axons.max(self.outputs)
        };
        let axon = if onto_bus && axons == 0 {
            self.faults.add(name, "it sends to the output bus, which has no outputs", "raise `num_outputs`");
            0
        } else {
            self.faults.whole(value, name, "destination_axon", 0, i64::from(axons) - 1)
        };
        let tick = self.faults.whole(value, name, "destination_tick", 0, i64::from(self.settings.slots) - 1);
        (axon as u32, tick as u32)
    }

    fn check_packet(&mut self, name: &str, packet: &RancPacket) {
        for error in self.format.pack(packet).err().into_iter().flatten() {
            self.faults.add(name, format!("no packet reaches there: {error}"), "move the two closer together");
        }
    }

    fn packets(&mut self, tick: usize, raw: &RawValue) -> Vec<Destination> {
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let Some(packets) = value.as_array() else {
            self.faults.add(&format!("packets[{tick}]"), "wanted a list of the tick's packets", "");
            return Vec::new();
        };
        let mut read = Vec::with_capacity(packets.len());
        for (i, packet) in packets.iter().enumerate() {
            let name = format!("packets[{tick}][{i}]");
            if !self.faults.is_object(packet, &name) {
                continue;
            }
            let to = self.faults.pair(packet, &name, "destination_core");
            let to = to.and_then(|to| inside(&mut self.faults, &name, "the destination", to, self.settings));
            let (axon, tick) = self.arrival(&name, packet, to);
            let Some(place) = to else { continue };
            // From outside a packet starts at (0,0), so its offsets are the place itself.
            self.check_packet(&name, &RancPacket { dx: place.x.into(), dy: place.y.into(), axon, tick });
            read.push(Destination { place, axon, tick });
        }
        read
    }
}
