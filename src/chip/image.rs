//! A chip's memories as burnt: everything a run needs, nothing a run changes. A file one can diff, sign and send.
//!
//! ```text
//! "SPKMIMG1" | version u32 | sections u32 | { tag [4] | length u64 | bincode body } ... | SHA-256 of all before
//! ```
//! Sections: `SPEC` the chip, `NETW` names and numbers of the network, `ROUT` routes, `INPT` fan-out of the inputs,
//! `CORE` one for each core in use. A section of another tag is refused by its name.

use super::spec::ChipSpec;
use crate::codec;
use crate::digest::{Digest, digest};
use crate::error::{Error, ErrorKind, Problem, all_well};
use serde::{Deserialize, Serialize};
use spikemesh_cores::{CoreConfig, CoreError};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"SPKMIMG1";
/// Version of the sections' bodies; a reader takes this one only.
pub const IMAGE_VERSION: u32 = 4;

/// A population, as reports name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopulationEntry {
    /// Name.
    pub name: String,
    /// Number of its first neuron.
    pub first: u32,
    /// Neurons.
    pub size: u32,
    /// Whether its spikes come from outside.
    pub is_input: bool,
}

/// How a result is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readout {
    /// Packets that leave through the output port are counted.
    SpikeCount,
    /// The membrane after the last tick is probed; nothing is transmitted.
    ProbedMembrane,
}

/// What of the network the chip and its reports must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkEntry {
    /// Name.
    pub name: String,
    /// Populations, by number of their first neuron.
    pub populations: Vec<PopulationEntry>,
    /// Network number of each input index.
    pub inputs: Vec<u32>,
    /// Network number of each output index.
    pub outputs: Vec<u32>,
    /// How results are read.
    pub readout: Readout,
    /// For probed membranes: the rest of each output in chip units, which the chip's own potential is measured from.
    pub output_rests: Vec<i64>,
}

/// Where the spikes of a list of sources go, in flat rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOutTable {
    /// End of each source's routes.
    pub route_ends: Vec<u32>,
    /// Indices into [`ChipImage::routes`]; one packet each.
    pub routes: Vec<u32>,
    /// End of each source's targets.
    pub target_ends: Vec<u32>,
    /// (index into [`ChipImage::cores`], axon there).
    pub targets: Vec<(u32, u32)>,
    /// Ticks each source's spikes wait at their targets, beyond what synapses say; empty where none does.
    pub delays: Vec<u8>,
}

impl FanOutTable {
    /// Number of sources.
    pub fn len(&self) -> usize {
        self.route_ends.len()
    }

    /// Whether there is no source.
    pub fn is_empty(&self) -> bool {
        self.route_ends.is_empty()
    }

    /// Appends a source.
    pub fn push(&mut self, routes: &[u32], targets: &[(u32, u32)]) {
        self.routes.extend_from_slice(routes);
        self.route_ends.push(self.routes.len() as u32);
        self.targets.extend_from_slice(targets);
        self.target_ends.push(self.targets.len() as u32);
    }

    /// Ticks a source's spikes wait at their targets.
    #[inline]
    pub fn delay_of(&self, source: usize) -> u8 {
        self.delays.get(source).copied().unwrap_or(0)
    }

    /// Routes of a source.
    #[inline]
    pub fn routes_of(&self, source: usize) -> &[u32] {
        let start = source.checked_sub(1).map_or(0, |before| self.route_ends[before]);
        &self.routes[start as usize..self.route_ends[source] as usize]
    }

    /// Targets of a source.
    #[inline]
    pub fn targets_of(&self, source: usize) -> &[(u32, u32)] {
        let start = source.checked_sub(1).map_or(0, |before| self.target_ends[before]);
        &self.targets[start as usize..self.target_ends[source] as usize]
    }

    /// What contradicts itself, in words.
    fn faults(&self, axons: &[usize], waits: &[u32], routes: usize) -> Option<String> {
        let ascending = |ends: &[u32], len: usize| {
            ends.windows(2).all(|w| w[0] <= w[1]) && ends.last().map_or(0, |&e| e as usize) == len
        };
        if self.route_ends.len() != self.target_ends.len()
            || !ascending(&self.route_ends, self.routes.len())
            || !ascending(&self.target_ends, self.targets.len())
        {
            return Some("rows of the fan-out table do not ascend to its length".into());
        }
        if let Some(route) = self.routes.iter().find(|r| **r as usize >= routes) {
            return Some(format!("the fan-out names route {route} of {routes}"));
        }
        if !self.delays.is_empty() && self.delays.len() != self.route_ends.len() {
            return Some("there is not one delay for each source".into());
        }
        for source in 0..self.delays.len() {
            for (core, _) in self.targets_of(source).iter().filter(|t| (t.0 as usize) < waits.len()) {
                if u32::from(self.delays[source]) > waits[*core as usize] {
                    return Some(format!(
                        "a spike waits {} ticks, longer than core entry {core} can hold",
                        self.delays[source]
                    ));
                }
            }
        }
        let bad = self
            .targets
            .iter()
            .find(|(core, axon)| axons.get(*core as usize).is_none_or(|count| *axon as usize >= *count));
        bad.map(|(core, axon)| {
            format!("the fan-out names axon {axon} of core entry {core}, which is not there")
        })
    }
}

/// The memories of one core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreImage {
    /// Which core of the chip; also its endpoint in the network.
    pub core: u32,
    /// Registers, synapses, learning rules and network numbers of its neurons.
    pub config: CoreConfig,
    /// Where their spikes go.
    pub fan_out: Arc<FanOutTable>,
}

/// A packet's way: from an endpoint to endpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Endpoint it starts from.
    pub source: u32,
    /// Endpoints it reaches, ascending.
    pub destinations: Vec<u32>,
}

/// All memories of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChipImage {
    /// The chip.
    pub spec: ChipSpec,
    /// What is known of the network.
    pub network: NetworkEntry,
    /// Routes, indexed by the fan-out tables.
    pub routes: Vec<Route>,
    /// Fan-out of each input index, from the input port.
    pub input_fan_out: Arc<FanOutTable>,
    /// Cores in use, ascending by core.
    pub cores: Vec<CoreImage>,
}

impl ChipImage {
    /// The image as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut sections = vec![
            (*b"SPEC", codec::encode(&self.spec)),
            (*b"NETW", codec::encode(&self.network)),
            (*b"ROUT", codec::encode(&self.routes)),
            (*b"INPT", codec::encode(&self.input_fan_out)),
        ];
        sections.extend(self.cores.iter().map(|core| (*b"CORE", codec::encode(core))));
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&IMAGE_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(sections.len() as u32).to_le_bytes());
        for (tag, body) in sections {
            bytes.extend_from_slice(&tag);
            bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&body);
        }
        let sum = digest(&bytes);
        bytes.extend_from_slice(&sum.0);
        bytes
    }

    /// SHA-256 of the file's content; two images with the same sum run the same.
    pub fn digest(&self) -> Digest {
        Digest(*self.to_bytes().last_chunk().expect("invariant: an image ends in its sum"))
    }

    /// Reads and checks an image; `place` names the file in messages.
    ///
    /// # Errors
    /// Not an image, another version, damaged, an unknown section, or tables that contradict each other.
    pub fn from_bytes(place: &str, bytes: &[u8]) -> Result<Self, Error> {
        let fault = |what: String, hint: &str| Error::one(ErrorKind::Invalid, place, what, hint);
        if bytes.len() < 48 || &bytes[..8] != MAGIC {
            return Err(fault(
                "this is not a chip image".into(),
                "images are written by `spikemesh map --image`",
            ));
        }
        let (content, sum) = bytes.split_at(bytes.len() - 32);
        let number =
            |at: usize| u32::from_le_bytes([content[at], content[at + 1], content[at + 2], content[at + 3]]);
        if number(8) != IMAGE_VERSION {
            let what = format!("the image has version {}; this program reads {IMAGE_VERSION}", number(8));
            return Err(fault(what, "map the network again"));
        }
        if digest(content).0 != sum {
            return Err(fault(
                "the checksum does not match: the file is damaged".into(),
                "copy or map it again",
            ));
        }
        let mut rest = &content[16..];
        let (mut spec, mut network, mut routes, mut input) = (None, None, None, None);
        let mut cores: Vec<CoreImage> = Vec::new();
        for _ in 0..number(12) {
            let Some((tag, body, after)) = split_section(rest) else {
                return Err(fault("a section is cut off".into(), "copy or map it again"));
            };
            rest = after;
            let name = String::from_utf8_lossy(tag).into_owned();
            let broken =
                |cause: String| fault(format!("section {name} cannot be read: {cause}"), "map it again");
            match tag {
                b"SPEC" => spec = Some(codec::decode(body).map_err(broken)?),
                b"NETW" => network = Some(codec::decode(body).map_err(broken)?),
                b"ROUT" => routes = Some(codec::decode(body).map_err(broken)?),
                b"INPT" => input = Some(codec::decode(body).map_err(broken)?),
                b"CORE" => cores.push(codec::decode(body).map_err(broken)?),
                _ => return Err(fault(format!("unknown section `{name}`"), "read it with a newer version")),
            }
        }
        let (Some(spec), Some(network), Some(routes), Some(input_fan_out)) = (spec, network, routes, input)
        else {
            return Err(fault("one of the sections SPEC, NETW, ROUT, INPT is missing".into(), "map it again"));
        };
        let image = Self { spec, network, routes, input_fan_out, cores };
        image.check(place)?;
        Ok(image)
    }

    /// Checks that all indices lie within their tables, so that a run needs no checks.
    ///
    /// # Errors
    /// Every table that is wrong.
    pub fn check(&self, place: &str) -> Result<(), Error> {
        let mut problems = Vec::new();
        let mut complain = |part: String, what: String| {
            problems.push(Problem::new(format!("{place}, {part}"), what, "map the network again"));
        };
        for what in self.spec.inconsistencies() {
            complain("chip".into(), what);
        }
        let axons: Vec<usize> = self.cores.iter().map(|core| core.config.axon_count()).collect();
        let waits: Vec<u32> = self.cores.iter().map(|core| core.config.longest_wait()).collect();
        if self.input_fan_out.len() != self.network.inputs.len() {
            complain("inputs".into(), "the fan-out has another number of inputs than the network".into());
        }
        if let Some(what) = self.input_fan_out.faults(&axons, &waits, self.routes.len()) {
            complain("inputs".into(), what);
        }
        let endpoints = self.spec.cores() + 2;
        for (i, route) in self.routes.iter().enumerate() {
            if route.destinations.iter().chain([&route.source]).any(|end| u64::from(*end) >= endpoints) {
                complain(
                    format!("route {i}"),
                    format!("it names an endpoint beyond the {endpoints} there are"),
                );
            }
        }
        let total = self.network.populations.iter().map(|p| u64::from(p.size)).sum::<u64>();
        if total > u64::from(u32::MAX) {
            complain("populations".into(), format!("{total} neurons are more than can be numbered"));
        }
        let network = &self.network;
        let mut first = 0;
        for population in &network.populations {
            if u64::from(population.first) != first {
                complain(
                    format!("population `{}`", population.name),
                    "its first neuron does not follow the last one before".into(),
                );
            }
            first += u64::from(population.size);
        }
        let rests = if network.readout == Readout::ProbedMembrane { network.outputs.len() } else { 0 };
        if network.output_rests.len() != rests {
            complain(
                "outputs".into(),
                format!("{} rests for {rests} probed outputs", network.output_rests.len()),
            );
        }
        if network.inputs.iter().chain(&network.outputs).any(|n| u64::from(*n) >= total) {
            complain("inputs and outputs".into(), "a neuron is beyond the network".into());
        }
        for (i, core) in self.cores.iter().enumerate() {
            let part = || format!("core {}", core.core);
            if core.fan_out.len() != core.config.neurons.len() {
                complain(part(), "neurons and fan-out differ in number".into());
            }
            match core.config.validate() {
                Ok(()) => {}
                Err(CoreError::Parameters(errors)) => {
                    errors.iter().for_each(|error| complain(part(), error.to_string()));
                }
                Err(error) => complain(part(), error.to_string()),
            }
            if u64::from(core.core) >= self.spec.cores() || i > 0 && self.cores[i - 1].core >= core.core {
                complain(part(), "the core is beyond the chip or out of order".into());
            }
            if core.config.neurons.iter().any(|n| u64::from(*n) >= total) {
                complain(part(), "a neuron is beyond the network".into());
            }
            if let Some(what) = core.fan_out.faults(&axons, &waits, self.routes.len()) {
                complain(part(), what);
            }
        }
        all_well(problems)
    }
}

fn split_section(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (body, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((tag, body, rest))
}
