//! What a chip is: mesh, core limits, register widths, times, policies. Data, read from TOML; presets are embedded.
//!
//! Every constant carries where it comes from: in a file a value is either plain (then it is the user's own) or
//! `{ value = 3500, evidence = "simulated", source = "Davies et al. 2018, Table 2" }`.

mod read;
mod sync;

pub(crate) use read::read_citation;
pub use sync::{Barrier, BarrierPoint, BarrierTree, Late, SyncPolicy};

use super::neurons::{Analog, OverflowProfile, is_model};
use crate::error::{Error, ErrorKind, Problem, all_well, nearest};
use serde::{Deserialize, Serialize};
use spikemesh_router::{
    Coord, Direction, FirstLegal, LinkClass, LocalClass, MeshSpec, RouteRequest, RouteTable, Topology,
};
use std::collections::BTreeMap;
use std::path::Path;

/// How a spike reaches several cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FanOut {
    /// One packet for each destination core.
    Unicast,
    /// One packet that forks on its way.
    Multicast,
}

impl FanOut {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            FanOut::Unicast => "unicast",
            FanOut::Multicast => "multicast",
        }
    }
}

/// What one core can hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreLimits {
    /// Neurons.
    pub neurons: u32,
    /// Input axons: rows of synapses.
    pub in_axons: u32,
    /// Output axons: (neuron, destination) pairs with unicast, sending neurons with multicast.
    pub out_axons: u32,
    /// Words of synapse memory.
    pub synapse_words: u64,
    /// Bits of a word; a row of synapses starts on a word.
    pub word_bits: u32,
    /// Bits of the header before each group of synapses in a row.
    pub header_bits: u32,
    /// Synapses a group.
    pub group_synapses: u32,
    /// Bits of a synapse: weight, target and delay.
    pub synapse_bits: u32,
    /// Targets (axons on cores) that a neuron's spikes can reach; `None` is as many as output axons allow.
    pub neuron_axons: Option<u32>,
    /// Synapses that can come into a neuron; `None` is as many as memory allows.
    pub neuron_fan_in: Option<u32>,
    /// Whether the kernel of a convolution is stored once for all neurons of a channel on the core.
    pub shared_kernels: bool,
}

impl CoreLimits {
    /// Words a row of `synapses` synapses takes; 0 for none. A row is cut into blocks of a group at the most, and each
    /// block, a header and its synapses, takes whole words.
    pub fn row_words(&self, synapses: u64) -> u64 {
        let block = |n: u64| {
            (u64::from(self.header_bits) + n * u64::from(self.synapse_bits)).div_ceil(u64::from(self.word_bits))
        };
        let group = u64::from(self.group_synapses);
        let rest = if synapses.is_multiple_of(group) { 0 } else { block(synapses % group) };
        synapses / group * block(group) + rest
    }
}

/// Widths of the registers a network must be rounded to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers {
    /// Largest weight mantissa on either side of zero, at most 255.
    pub weight_mantissa: u16,
    /// Step between mantissas where a projection has both signs; 1 where it has one.
    pub mixed_step: u16,
    /// Smallest shift of a weight mantissa.
    pub weight_shift_least: u8,
    /// Largest shift of a weight mantissa.
    pub weight_shift_most: u8,
    /// Largest threshold mantissa.
    pub threshold_mantissa: u32,
    /// Shift of the threshold mantissa.
    pub threshold_shift: u8,
    /// Largest bias mantissa on either side of zero.
    pub bias_mantissa: u32,
    /// Largest exponent of the bias.
    pub bias_exponent: u8,
    /// Longest delay of a synapse in ticks.
    pub delay: u8,
    /// Shortest and longest whole-number weight of networks given in registers; `None` is what the store holds.
    pub raw_weight: Option<(i32, i32)>,
    /// Whether a neuron may subtract its threshold on a spike; every chip can reset to zero.
    pub can_subtract: bool,
}

impl Registers {
    /// Largest threshold.
    pub fn threshold_most(&self) -> i32 {
        (self.threshold_mantissa << self.threshold_shift) as i32
    }
}

/// When a core works on what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receive {
    /// At the start of the next tick, before it updates its neurons.
    NextTick,
    /// In the same tick, one packet after the other as they arrive, beside its neurons.
    AsTheyArrive,
}

impl Receive {
    /// By name.
    pub const NAMED: [(&'static str, Receive); 2] =
        [("next-tick", Receive::NextTick), ("as-they-arrive", Receive::AsTheyArrive)];
}

/// Time a core takes for its work, in picoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreTiming {
    /// When axon events and synaptic operations take their time.
    pub receive: Receive,
    /// An axon event.
    pub axon_event_ps: u64,
    /// A synaptic operation.
    pub synaptic_operation_ps: u64,
    /// An update of a neuron with something to do.
    pub update_active_ps: u64,
    /// An update of a neuron with nothing to do.
    pub update_idle_ps: u64,
    /// A spike of a neuron, beyond its update.
    pub spike_ps: u64,
    /// A packet that is made of a spike.
    pub packet_ps: u64,
    /// The encoding of a packet's address, where it is an address-event bus that the core drives.
    pub encode_ps: u64,
    /// The arbitration for that bus.
    pub arbitrate_ps: u64,
    /// The handshake on it.
    pub handshake_ps: u64,
    /// An evaluation of a learning rule for a synapse.
    pub learning_update_ps: u64,
    /// An update of a learning trace.
    pub trace_update_ps: u64,
}

impl CoreTiming {
    /// Names and values, in the order of the fields.
    pub fn named(&self) -> [(&'static str, u64); 11] {
        [
            ("axon_event_ps", self.axon_event_ps),
            ("synaptic_operation_ps", self.synaptic_operation_ps),
            ("update_active_ps", self.update_active_ps),
            ("update_idle_ps", self.update_idle_ps),
            ("spike_ps", self.spike_ps),
            ("packet_ps", self.packet_ps),
            ("encode_ps", self.encode_ps),
            ("arbitrate_ps", self.arbitrate_ps),
            ("handshake_ps", self.handshake_ps),
            ("learning_update_ps", self.learning_update_ps),
            ("trace_update_ps", self.trace_update_ps),
        ]
    }

    /// Time from a packet to the next of a core: it is made, encoded, arbitrated for and handed over.
    pub fn packet_out_ps(&self) -> u64 {
        self.packet_ps + self.encode_ps + self.arbitrate_ps + self.handshake_ps
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// silicon, simulated, derived or assumed; `user` for a plain value.
    pub evidence: String,
    /// Author, year, table.
    pub source: String,
}

/// A dead link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLink {
    /// Router it leaves.
    pub from: Coord,
    /// Direction it leads to.
    pub direction: Direction,
}

/// Where a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortPlace {
    /// In the middle of an edge of the mesh.
    Edge(Direction),
    /// At a router.
    At(Coord),
}

impl PortPlace {
    /// At the router in that column and row.
    pub fn at(x: u16, y: u16) -> Self {
        PortPlace::At(Coord { x, y })
    }
}

/// Name of the port through which input spikes come.
pub const INPUT_PORT: &str = "input";
/// Name of the port through which read-out spikes leave.
pub const OUTPUT_PORT: &str = "output";

/// A chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChipSpec {
    /// Name of the preset or file.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Columns of routers.
    pub width: u16,
    /// Rows of routers.
    pub height: u16,
    /// Cores on each router.
    pub cores_per_router: u16,
    /// Horizontal links.
    pub east_west: LinkClass,
    /// Vertical links.
    pub north_south: LinkClass,
    /// Connection of cores to routers.
    pub local: LocalClass,
    /// Connection of ports to routers.
    pub port: LocalClass,
    /// Where input spikes come in.
    pub input: PortPlace,
    /// Where read-out spikes leave.
    pub output: PortPlace,
    /// Packets in each queue at the packet level.
    pub queue_packets: u32,
    /// Packets a core that works on them as they arrive takes before it has begun to, at the packet level; `None` is any
    /// number.
    pub receive_packets: Option<u32>,
    /// Flits of a spike packet.
    pub packet_flits: u16,
    /// Unicast or multicast.
    pub fan_out: FanOut,
    /// Name of the routing strategy.
    pub routing: String,
    /// When ticks end.
    pub sync: SyncPolicy,
    /// What a barrier takes.
    pub barrier: Barrier,
    /// Time of a reset between samples; `None` is unknown.
    pub reset_ps: Option<u64>,
    /// What a core holds.
    pub core: CoreLimits,
    /// Register widths.
    pub registers: Registers,
    /// What a core's work takes.
    pub timing: CoreTiming,
    /// Links that are dead from the start.
    pub dead_links: Vec<DeadLink>,
    /// Neuron models its cores run, by name; empty if any.
    pub models: Vec<String>,
    /// Arithmetic of linear neurons.
    pub overflow: OverflowProfile,
    /// Whether a spike from outside acts in its own tick; otherwise in the next, as spikes of neurons do.
    pub inputs_at_once: bool,
    /// Mismatch and noise.
    pub analog: Analog,
    /// Name of the price table.
    pub prices: String,
    /// Source of each constant, by key.
    pub citations: BTreeMap<String, Citation>,
}

/// Embedded chips: (name, text).
const PRESETS: &[(&str, &str)] = &[
    ("loihi1-davies2018", include_str!("../presets/loihi1-davies2018.toml")),
    ("loihi1-nahuku", include_str!("../presets/loihi1-nahuku.toml")),
    ("loihi2-like", include_str!("../presets/loihi2-like.toml")),
    ("truenorth", include_str!("../presets/truenorth.toml")),
    ("spinnaker1", include_str!("../presets/spinnaker1.toml")),
    ("spinnaker2-like", include_str!("../presets/spinnaker2-like.toml")),
    ("darwin3-like", include_str!("../presets/darwin3-like.toml")),
    ("seneca-like", include_str!("../presets/seneca-like.toml")),
    ("odin", include_str!("../presets/odin.toml")),
    ("tiny-odin", include_str!("../presets/tiny-odin.toml")),
    ("dynap-se1-like", include_str!("../presets/dynap-se1-like.toml")),
    ("generic-28nm", include_str!("../presets/generic-28nm.toml")),
    ("ranc", include_str!("../presets/ranc.toml")),
];

impl ChipSpec {
    /// Names and texts of the embedded presets.
    pub fn presets() -> &'static [(&'static str, &'static str)] {
        PRESETS
    }

    /// The embedded preset of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn preset(name: &str) -> Result<Self, Error> {
        let Some((_, text)) = PRESETS.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = PRESETS.iter().map(|p| p.0).collect();
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("presets are {}", names.join(", ")),
            };
            return Err(Error::one(ErrorKind::Invalid, name, format!("there is no preset `{name}`"), hint));
        };
        Self::parse(&format!("preset {name}"), text)
    }

    /// Reads a chip from a file.
    ///
    /// # Errors
    /// The file cannot be read, or everything wrong in it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// All cores.
    pub fn cores(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.cores_per_router)
    }

    /// All routers.
    pub fn routers(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }

    /// Whether what the chip asks for is built.
    ///
    /// # Errors
    /// Every feature that is not.
    pub fn check_supported(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        for model in self.models.iter().filter(|name| !is_model(name)) {
            let what = format!("there is no neuron model `{model}`");
            problems.push(Problem::new(format!("chip {}", self.name), what, "see `spikemesh models`"));
        }
        if let Err(error) = spikemesh_router::strategy(&self.routing) {
            problems.push(Problem::new(format!("chip {}", self.name), error.to_string(), ""));
        }
        all_well(problems)
    }

    /// The mesh alone, without ports and faults; `None` if it has a dimension of 0 or is too large.
    fn mesh(&self) -> Option<Topology> {
        let spec = MeshSpec {
            width: self.width,
            height: self.height,
            endpoints_per_router: self.cores_per_router,
            east_west: self.east_west.clone(),
            north_south: self.north_south.clone(),
            local: self.local.clone(),
        };
        Topology::mesh(&spec).ok()
    }

    /// The mesh with its ports and dead links. Cores are the first endpoints.
    ///
    /// # Errors
    /// A port or dead link outside the mesh.
    pub fn topology(&self) -> Result<Topology, Error> {
        let fault = |what: String| Error::one(ErrorKind::Invalid, format!("chip {}", self.name), what, "");
        let mut mesh =
            self.mesh().ok_or_else(|| fault("the mesh has a dimension of 0 or too many cores".into()))?;
        for (name, place) in [(INPUT_PORT, self.input), (OUTPUT_PORT, self.output)] {
            let at = match place {
                PortPlace::At(at) => at,
                PortPlace::Edge(Direction::West) => Coord { x: 0, y: self.height / 2 },
                PortPlace::Edge(Direction::East) => Coord { x: self.width - 1, y: self.height / 2 },
                PortPlace::Edge(Direction::South) => Coord { x: self.width / 2, y: 0 },
                PortPlace::Edge(Direction::North) => Coord { x: self.width / 2, y: self.height - 1 },
            };
            mesh.add_port(name, at, self.port.clone()).map_err(|e| fault(e.to_string()))?;
        }
        for dead in &self.dead_links {
            mesh.kill_link(dead.from, dead.direction).map_err(|e| fault(e.to_string()))?;
        }
        Ok(mesh)
    }

    /// Routes of these packets by the chip's routing strategy, and the virtual channels it needs.
    ///
    /// # Errors
    /// The strategy is not known or does not work on this mesh, or a packet cannot be routed.
    pub fn routes(&self, mesh: &Topology, requests: &[RouteRequest]) -> Result<(RouteTable, u8), Error> {
        let unfit = |what: String| {
            Error::one(ErrorKind::Invalid, "packets.routing", what, "see `spikemesh route --list`")
        };
        let row = spikemesh_router::strategy(&self.routing).map_err(|e| unfit(e.to_string()))?;
        let routing = row.build(mesh, (row.channels)(mesh)).map_err(|e| unfit(e.to_string()))?;
        let routes =
            RouteTable::build(mesh, routing.as_ref(), &FirstLegal, requests).map_err(|errors| Error {
                kind: ErrorKind::Invalid,
                problems: errors.iter().map(|e| Problem::new("routes", e.to_string(), "")).collect(),
            })?;
        Ok((routes, routing.virtual_channels()))
    }

    /// What contradicts itself or lies outside its range, in words; files and images are both held to it.
    pub(super) fn inconsistencies(&self) -> Vec<String> {
        let mut found = Vec::new();
        let local = |l: &LocalClass| [l.inject_ps, l.eject_ps, l.flit_ps, l.loopback_ps];
        let timing = &self.timing;
        let times = timing
            .named()
            .map(|(_, ps)| ps)
            .into_iter()
            .chain(local(&self.local))
            .chain(local(&self.port))
            .chain([&self.east_west, &self.north_south].into_iter().flat_map(|l| [l.latency_ps, l.flit_ps]))
            .chain(self.barrier.points.iter().map(|p| p.ps))
            .chain(self.barrier.tree.iter().flat_map(|tree| [tree.base_ps, tree.level_ps]))
            .chain(self.reset_ps);
        if let Some(bad) = times.into_iter().find(|ps| *ps > LONGEST_PS) {
            found.push(format!("a time of {bad} ps; the longest is {LONGEST_PS} ps"));
        }
        let links = [&self.east_west, &self.north_south].map(|link| link.flit_ps);
        let slowest = links.into_iter().chain([self.local.flit_ps, self.port.flit_ps]).max().unwrap_or(0);
        if slowest.saturating_mul(u64::from(self.packet_flits)) > LONGEST_PS {
            found.push(format!(
                "a packet of {} flits of {slowest} ps; the longest is {LONGEST_PS} ps",
                self.packet_flits
            ));
        }
        if !(1..=MOST_FLITS).contains(&self.packet_flits) {
            found.push(format!("packets of {} flits; wanted 1 to {MOST_FLITS}", self.packet_flits));
        }
        if self.width == 0 || self.height == 0 || self.cores_per_router == 0 {
            found.push("a dimension of the mesh is 0".into());
        }
        if self.barrier.points.is_empty() == self.barrier.tree.is_none() {
            found.push("the barrier has neither points nor a tree, or both".into());
        }
        if let SyncPolicy::FixedTick { period_ps, .. } = self.sync
            && !(1..=LONGEST_PS).contains(&period_ps)
        {
            found.push(format!("a tick of {period_ps} ps; a fixed tick is 1 to {LONGEST_PS} ps"));
        }
        if self.barrier.points.windows(2).any(|w| w[0].routers >= w[1].routers) {
            found.push("the barrier's points must ascend by routers".into());
        }
        let (core, registers) = (&self.core, &self.registers);
        if core.word_bits == 0 || core.group_synapses == 0 {
            found.push("a word of synapse memory has no bits, or a group no synapses".into());
        }
        if !(1..=255).contains(&registers.weight_mantissa) || !(1..=2).contains(&registers.mixed_step) {
            found.push("registers: weight mantissas are 1 to 255, their step 1 or 2".into());
        }
        if registers.weight_shift_least > registers.weight_shift_most || registers.weight_shift_most > 22 {
            found.push("registers: weight shifts must ascend and are 22 at the most".into());
        }
        if registers.threshold_shift > 8
            || registers.threshold_mantissa > (1 << 23) >> registers.threshold_shift
        {
            found.push("registers: the largest threshold is beyond the membrane's 2^23".into());
        }
        if registers.bias_exponent > 7 || registers.bias_mantissa > (1 << 23) >> registers.bias_exponent {
            found.push("registers: the largest bias is beyond the current's 2^23".into());
        }
        found.extend(self.analog.inconsistency());
        if registers.delay > 63 {
            found.push("registers: the longest delay is 63 at the most".into());
        }
        if self.cores() > MOST_CORES {
            found.push(format!("{} cores; the most is {MOST_CORES}", self.cores()));
        }
        found
    }
}

/// Longest time of a single event or packet: 17 ms. With it a tick of 2^29 events stays within 64 bits.
const LONGEST_PS: u64 = 1 << 34;
/// Longest packet.
const MOST_FLITS: u16 = 4096;
/// Cores of one chip; enough for 64 chips of 4,096.
pub const MOST_CORES: u64 = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_reads_and_cites_every_constant() {
        for (name, _) in ChipSpec::presets() {
            let spec = ChipSpec::preset(name).unwrap();
            assert_eq!(spec.name, *name);
            assert!(spec.citations.len() > 25, "{name}: {}", spec.citations.len());
            for (key, citation) in &spec.citations {
                assert!(
                    citation.evidence != "user" && !citation.source.is_empty(),
                    "{name}: {key} cites nothing"
                );
            }
            assert!(spec.check_supported().is_ok() && spec.topology().is_ok());
        }
        assert!(ChipSpec::preset("loihi1-davis2018").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn synapse_rows_are_counted_in_words() {
        let core = ChipSpec::preset("loihi1-davies2018").unwrap().core;
        // A 10-bit header for each 64 synapses of 25 bits, each block rounded up to 64-bit words.
        assert_eq!(core.row_words(0), 0);
        assert_eq!(core.row_words(1), 1);
        assert_eq!(core.row_words(2), 1);
        assert_eq!(core.row_words(3), 2);
        // A full block is 10 + 64 x 25 = 1610 bits, 26 words; the next block starts on a word of its own.
        assert_eq!(core.row_words(64), 26);
        assert_eq!(core.row_words(65), 27);
        assert_eq!(core.row_words(128), 52);
        assert_eq!(core.row_words(131), 54);
    }
}
