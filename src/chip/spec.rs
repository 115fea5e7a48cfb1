//! What a chip is: mesh, core limits, register widths, times, policies. Data, read from TOML; presets are embedded.
//!
//! Every constant carries where it comes from: in a file a value is either plain (then it is the user's own) or
//! `{ value = 3500, evidence = "simulated", source = "Davies et al. 2018, Table 2" }`.

use crate::error::{Error, ErrorKind, Problem, all_well, nearest};
use crate::toml_reader::{Document, Table};
use serde::{Deserialize, Serialize};
use spikemesh_router::{Coord, Direction, LinkClass, LocalClass, MeshSpec, Topology};
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

/// When a tick ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncPolicy {
    /// When every core is done and every packet is delivered, plus the barrier's own time.
    Barrier,
    /// After a fixed time, whatever is still under way; not built yet, see [`ChipSpec::check_supported`].
    FixedTick {
        /// Length of a tick in picoseconds.
        period_ps: u64,
    },
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
}

impl CoreLimits {
    /// Words a row of `synapses` synapses takes; 0 for none.
    pub fn row_words(&self, synapses: u64) -> u64 {
        let bits = synapses.div_ceil(u64::from(self.group_synapses)) * u64::from(self.header_bits)
            + synapses * u64::from(self.synapse_bits);
        bits.div_ceil(u64::from(self.word_bits))
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
    /// Whether a neuron may subtract its threshold on a spike; every chip can reset to zero.
    pub can_subtract: bool,
}

impl Registers {
    /// Largest threshold.
    pub fn threshold_most(&self) -> i32 {
        (self.threshold_mantissa << self.threshold_shift) as i32
    }
}

/// Time a core takes for its work, in picoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreTiming {
    /// An axon event.
    pub axon_event_ps: u64,
    /// A synaptic operation.
    pub synaptic_operation_ps: u64,
    /// An update of a neuron with something to do.
    pub update_active_ps: u64,
    /// An update of a neuron with nothing to do.
    pub update_idle_ps: u64,
}

/// The barrier's time for a number of routers; between points it is interpolated, beyond the ends it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarrierPoint {
    /// Routers.
    pub routers: u32,
    /// Picoseconds.
    pub ps: u64,
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
    /// Flits of a spike packet.
    pub packet_flits: u16,
    /// Unicast or multicast.
    pub fan_out: FanOut,
    /// Name of the routing strategy.
    pub routing: String,
    /// When ticks end.
    pub sync: SyncPolicy,
    /// The barrier's time, ascending by routers, at least one point.
    pub barrier: Vec<BarrierPoint>,
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
    /// Name of the price table.
    pub prices: String,
    /// Source of each constant, by key.
    pub citations: BTreeMap<String, Citation>,
}

/// Embedded chips: (name, text).
const PRESETS: &[(&str, &str)] = &[
    ("loihi1-davies2018", include_str!("presets/loihi1-davies2018.toml")),
    ("generic-28nm", include_str!("presets/generic-28nm.toml")),
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

    /// Reads a chip from text.
    ///
    /// # Errors
    /// Everything wrong in it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let document = Document::parse(file, text)?;
        let spec = {
            let root = document.root();
            let mut citations = BTreeMap::new();
            let spec = read(&root, &mut citations);
            Self { citations, ..spec }
        };
        document.finish()?;
        let problems = spec.inconsistencies().into_iter().map(|what| Problem::new(file, what, "")).collect();
        all_well(problems)?;
        Ok(spec)
    }

    /// Applies the changes of a configuration's table `chip`; problems are noted there.
    pub(crate) fn apply(&mut self, table: &Table<'_>) {
        if let Some((w, h)) = table.whole_pair("mesh", 1, 65_535) {
            (self.width, self.height) = (w as u16, h as u16);
        }
        if let Some(n) = table.whole("cores_per_router", 1, 1024) {
            self.cores_per_router = n as u16;
        }
        let too_large = self.cores() > MOST_CORES;
        if too_large {
            let key = if table.has("mesh") { "mesh" } else { "cores_per_router" };
            let (w, h, each, cores) = (self.width, self.height, self.cores_per_router, self.cores());
            let what = format!("{w} x {h} routers of {each} cores are {cores} cores; the most is {MOST_CORES}");
            table.problem(key, what, "");
        }
        if let Some(n) = table.whole("queue_packets", 1, 1 << 20) {
            self.queue_packets = n as u32;
        }
        if let Some(fan_out) = table.choice("fan_out", FAN_OUTS) {
            self.fan_out = fan_out;
        }
        if let Some(name) = read_routing(table) {
            self.routing = name;
        }
        if let Some(sync) = read_sync(table) {
            self.sync = sync;
        }
        let (w, h) = (self.width, self.height);
        let ports = [("input", "input_at", &mut self.input), ("output", "output_at", &mut self.output)];
        for (edge_key, at_key, place) in ports {
            if let Some(edge) = table.choice(edge_key, &edges()) {
                *place = PortPlace::Edge(edge);
            }
            if let Some((x, y)) = table.whole_pair(at_key, 0, 65_534) {
                if x < i64::from(w) && y < i64::from(h) {
                    *place = PortPlace::At(Coord { x: x as u16, y: y as u16 });
                } else {
                    table.problem(at_key, format!("({x},{y}) is outside the mesh of {w} x {h} routers"), "");
                }
            }
        }
        let mut mesh = if too_large { None } else { self.mesh() };
        for dead in table.tables("dead_links") {
            let from = dead.whole_pair("from", 0, 65_534);
            let direction = dead.required_choice("direction", &edges());
            let (Some((x, y)), Some(direction)) = (from, direction) else {
                if !dead.has("from") {
                    dead.problem("from", "the key `from` is missing; it takes a router, as in [0, 0]", "");
                }
                continue;
            };
            let link = DeadLink { from: Coord { x: x as u16, y: y as u16 }, direction };
            match mesh.as_mut().map(|mesh| mesh.kill_link(link.from, direction)) {
                Some(Err(error)) => dead.problem("from", error.to_string(), "name a link inside the mesh"),
                _ => self.dead_links.push(link),
            }
        }
        if let Some(prices) = table.text("prices") {
            self.prices = prices;
        }
    }

    /// All cores.
    pub fn cores(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.cores_per_router)
    }

    /// All routers.
    pub fn routers(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }

    /// The barrier's time on this mesh, in picoseconds, rounded up between points.
    pub fn barrier_ps(&self) -> u64 {
        let routers = self.routers();
        let Some(next) = self.barrier.iter().position(|p| p.routers >= routers) else {
            return self.barrier.last().map_or(0, |p| p.ps);
        };
        let b = self.barrier[next];
        let Some(a) = next.checked_sub(1).map(|i| self.barrier[i]) else { return b.ps };
        let (span, into) = (u64::from(b.routers - a.routers), u64::from(routers - a.routers));
        // Ascending by routers; the time may fall, in principle.
        if b.ps >= a.ps {
            a.ps + ((b.ps - a.ps) * into).div_ceil(span)
        } else {
            a.ps - (a.ps - b.ps) * into / span
        }
    }

    /// Whether what the chip asks for is built.
    ///
    /// # Errors
    /// Every feature that is not.
    pub fn check_supported(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        if let SyncPolicy::FixedTick { .. } = self.sync {
            problems.push(Problem::new(
                format!("chip {}", self.name),
                "ticks of fixed length (sync = \"fixed-tick\") are not built yet",
                "use sync = \"barrier\"",
            ));
        }
        if spikemesh_router::by_name(&self.routing).is_none() {
            let what = format!("there is no routing strategy `{}`", self.routing);
            problems.push(Problem::new(format!("chip {}", self.name), what, ""));
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

    /// What contradicts itself or lies outside its range, in words; files and images are both held to it.
    pub(super) fn inconsistencies(&self) -> Vec<String> {
        let mut found = Vec::new();
        let local = |l: &LocalClass| [l.inject_ps, l.eject_ps, l.flit_ps, l.loopback_ps];
        let timing = &self.timing;
        let times = [
            timing.axon_event_ps,
            timing.synaptic_operation_ps,
            timing.update_active_ps,
            timing.update_idle_ps,
        ]
        .into_iter()
        .chain(local(&self.local))
        .chain(local(&self.port))
        .chain([&self.east_west, &self.north_south].into_iter().flat_map(|l| [l.latency_ps, l.flit_ps]))
        .chain(self.barrier.iter().map(|p| p.ps))
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
        if self.barrier.is_empty() {
            found.push("the barrier has no points".into());
        }
        if self.barrier.windows(2).any(|w| w[0].routers >= w[1].routers) {
            found.push("the barrier's points must ascend by routers".into());
        }
        if self.registers.weight_shift_least > self.registers.weight_shift_most {
            found.push("registers: the least weight shift is above the most".into());
        }
        if u64::from(self.registers.threshold_mantissa) << self.registers.threshold_shift > (1 << 23) {
            found.push("registers: the largest threshold is beyond the membrane's 2^23".into());
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

const FAN_OUTS: &[(&str, FanOut)] = &[("unicast", FanOut::Unicast), ("multicast", FanOut::Multicast)];

/// Edges of the mesh by name.
fn edges() -> [(&'static str, Direction); 4] {
    Direction::ALL.map(|direction| (direction.name(), direction))
}

fn read_routing(table: &Table<'_>) -> Option<String> {
    let names: Vec<_> = spikemesh_router::strategies().iter().map(|s| (s.name, s.name)).collect();
    table.choice("routing", &names).map(str::to_owned)
}

fn read_sync(table: &Table<'_>) -> Option<SyncPolicy> {
    let fixed = table.choice("sync", &[("barrier", false), ("fixed-tick", true)])?;
    Some(if fixed {
        // No length is demanded yet of what is not built yet.
        SyncPolicy::FixedTick { period_ps: table.whole("tick_ps", 1, i64::MAX).unwrap_or(1) as u64 }
    } else {
        SyncPolicy::Barrier
    })
}

/// A whole number that may carry its source.
fn cited(
    table: &Table<'_>,
    key: &str,
    least: i64,
    most: i64,
    citations: &mut BTreeMap<String, Citation>,
) -> i64 {
    if !table.is_table(key) {
        let value = table.required_whole(key, least, most);
        citations.insert(table.key_path(key), Citation { evidence: "user".into(), source: String::new() });
        return value;
    }
    let entry = table.table(key);
    citations.insert(table.key_path(key), read_citation(&entry));
    entry.required_whole("value", least, most)
}

/// What a cited entry says of its source.
pub(crate) fn read_citation(entry: &Table<'_>) -> Citation {
    let evidences = ["silicon", "simulated", "derived", "assumed", "user"].map(|e| (e, e));
    let evidence = entry.required_choice("evidence", &evidences).unwrap_or("user").to_owned();
    Citation { evidence, source: entry.required_text("source", "author, year and place, or why it is assumed") }
}

fn read(root: &Table<'_>, citations: &mut BTreeMap<String, Citation>) -> ChipSpec {
    let time = LONGEST_PS as i64;
    let mesh = root.table("mesh");
    let (width, height) = mesh.whole_pair("size", 1, 65_535).unwrap_or((1, 1));
    let links = root.table("links");
    let link = |name: &str, citations: &mut _| {
        let table = links.table(name);
        LinkClass {
            name: name.to_owned(),
            latency_ps: cited(&table, "latency_ps", 0, time, citations) as u64,
            flit_ps: cited(&table, "flit_ps", 0, time, citations) as u64,
        }
    };
    let (east_west, north_south) = (link("east_west", citations), link("north_south", citations));
    let (cores, ports) = (root.table("local"), root.table("port"));
    let local = |name: &str, table: &Table<'_>, citations: &mut _| LocalClass {
        name: name.to_owned(),
        inject_ps: cited(table, "inject_ps", 0, time, citations) as u64,
        eject_ps: cited(table, "eject_ps", 0, time, citations) as u64,
        flit_ps: cited(table, "flit_ps", 0, time, citations) as u64,
        loopback_ps: cited(table, "loopback_ps", 0, time, citations) as u64,
    };
    let (core_local, port) = (local("local", &cores, citations), local("port", &ports, citations));
    let limits = root.table("core");
    let registers = root.table("registers");
    let timing = root.table("timing");
    let mut whole =
        |table: &Table<'_>, key: &str, least: i64, most: i64| cited(table, key, least, most, citations);
    let core = CoreLimits {
        neurons: whole(&limits, "neurons", 1, 1 << 17) as u32,
        in_axons: whole(&limits, "in_axons", 1, 1 << 31) as u32,
        out_axons: whole(&limits, "out_axons", 1, 1 << 31) as u32,
        synapse_words: whole(&limits, "synapse_words", 1, 1 << 40) as u64,
        word_bits: whole(&limits, "word_bits", 1, 4096) as u32,
        header_bits: whole(&limits, "header_bits", 0, 4096) as u32,
        group_synapses: whole(&limits, "group_synapses", 1, 1 << 20) as u32,
        synapse_bits: whole(&limits, "synapse_bits", 1, 256) as u32,
    };
    let registers = Registers {
        weight_mantissa: whole(&registers, "weight_mantissa", 1, 255) as u16,
        mixed_step: whole(&registers, "mixed_step", 1, 2) as u16,
        weight_shift_least: whole(&registers, "weight_shift_least", 0, 22) as u8,
        weight_shift_most: whole(&registers, "weight_shift_most", 0, 22) as u8,
        threshold_mantissa: whole(&registers, "threshold_mantissa", 1, 1 << 23) as u32,
        threshold_shift: whole(&registers, "threshold_shift", 0, 8) as u8,
        bias_mantissa: whole(&registers, "bias_mantissa", 0, 1 << 22) as u32,
        bias_exponent: whole(&registers, "bias_exponent", 0, 7) as u8,
        delay: whole(&registers, "delay", 0, 62) as u8,
        can_subtract: registers.flag("can_subtract").unwrap_or(false),
    };
    let timing = CoreTiming {
        axon_event_ps: whole(&timing, "axon_event_ps", 0, time) as u64,
        synaptic_operation_ps: whole(&timing, "synaptic_operation_ps", 0, time) as u64,
        update_active_ps: whole(&timing, "update_active_ps", 0, time) as u64,
        update_idle_ps: whole(&timing, "update_idle_ps", 0, time) as u64,
    };
    let sync = root.table("sync");
    let reset_ps = sync.has("reset_ps").then(|| whole(&sync, "reset_ps", 0, time) as u64);
    let points = sync.tables("barrier");
    let barrier = points.iter().map(|point| {
        citations.insert(point.path().to_owned(), read_citation(point));
        BarrierPoint {
            routers: point.required_whole("routers", 1, 1 << 31) as u32,
            ps: point.required_whole("ps", 0, time) as u64,
        }
    });
    let barrier = barrier.collect();
    let network = root.table("packets");
    ChipSpec {
        name: root.required_text("name", "a name"),
        summary: root.text("summary").unwrap_or_default(),
        width: width as u16,
        height: height as u16,
        cores_per_router: cited(&mesh, "cores_per_router", 1, 1024, citations) as u16,
        east_west,
        north_south,
        local: core_local,
        port,
        input: ports
            .required_choice("input", &edges())
            .map_or(PortPlace::Edge(Direction::West), PortPlace::Edge),
        output: ports
            .required_choice("output", &edges())
            .map_or(PortPlace::Edge(Direction::East), PortPlace::Edge),
        queue_packets: cited(&network, "queue_packets", 1, 1 << 20, citations) as u32,
        packet_flits: cited(&network, "flits", 1, i64::from(MOST_FLITS), citations) as u16,
        fan_out: network.required_choice("fan_out", FAN_OUTS).unwrap_or(FanOut::Unicast),
        routing: read_routing(&network).unwrap_or_else(|| "xy".into()),
        sync: read_sync(&sync).unwrap_or(SyncPolicy::Barrier),
        barrier,
        reset_ps,
        core,
        registers,
        timing,
        dead_links: Vec::new(),
        prices: root.required_text("prices", "the name of a price table"),
        citations: BTreeMap::new(),
    }
}

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
    fn the_barrier_is_exact_at_its_points_and_between_them_elsewhere() {
        let mut spec = ChipSpec::preset("loihi1-davies2018").unwrap();
        assert_eq!(spec.barrier_ps(), 465_000);
        (spec.width, spec.height) = (1, 1);
        assert_eq!(spec.barrier_ps(), 113_000);
        (spec.width, spec.height) = (3, 1);
        assert!((113_000..465_000).contains(&spec.barrier_ps()));
        (spec.width, spec.height) = (64, 64);
        assert_eq!(spec.barrier_ps(), 465_000);
    }

    #[test]
    fn synapse_rows_are_counted_in_words() {
        let core = ChipSpec::preset("loihi1-davies2018").unwrap().core;
        // 10-bit headers for each 64 synapses of 25 bits, rounded up to 64-bit words.
        assert_eq!(core.row_words(0), 0);
        assert_eq!(core.row_words(1), 1);
        assert_eq!(core.row_words(2), 1);
        assert_eq!(core.row_words(3), 2);
        assert_eq!(core.row_words(65), (2 * 10 + 65 * 25u64).div_ceil(64));
    }

    #[test]
    fn a_fixed_tick_is_a_typed_not_yet() {
        let mut spec = ChipSpec::preset("generic-28nm").unwrap();
        spec.sync = SyncPolicy::FixedTick { period_ps: 1 };
        assert!(spec.check_supported().unwrap_err().to_string().contains("not built yet"));
    }
}
