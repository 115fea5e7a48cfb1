//! Reading of chips: whole ones from TOML, and the changes a run configuration makes.

use super::{
    Barrier, BarrierPoint, BarrierTree, ChipSpec, Citation, CoreLimits, CoreTiming, DeadLink, FanOut,
    LONGEST_PS, Late, MOST_CORES, MOST_FLITS, PortPlace, Receive, Registers, SyncPolicy,
};
use crate::chip::neurons::{Analog, OverflowProfile};
use crate::error::{Error, Problem, all_well};
use crate::toml_reader::{Document, Table};
use spikemesh_router::{Coord, Direction, LinkClass, LocalClass};
use std::collections::BTreeMap;

impl ChipSpec {
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
        if let Some(n) = table.whole("receive_packets", 1, 1 << 20) {
            self.receive_packets = Some(n as u32);
            check_receive(table, self.timing.receive);
        }
        if let Some(fan_out) = table.choice("fan_out", &fan_outs()) {
            self.fan_out = fan_out;
        }
        if let Some(shared) = table.flag("shared_kernels") {
            self.core.shared_kernels = shared;
        }
        if let Some(name) = read_routing(table) {
            self.routing = name;
        }
        match (self.sync, table.has("sync")) {
            (SyncPolicy::FixedTick { period_ps, late }, false) => {
                self.sync = SyncPolicy::FixedTick {
                    period_ps: table.whole("tick_ps", 1, LONGEST_PS as i64).map_or(period_ps, |ps| ps as u64),
                    late: table.choice("late", &Late::NAMED).unwrap_or(late),
                }
            }
            _ => self.sync = read_sync(table).unwrap_or(self.sync),
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
        if let Some(overflow) = table.choice("overflow", &OverflowProfile::ALL) {
            self.overflow = overflow;
        }
        let analog = table.table("analog");
        if analog.is_present() {
            self.analog = Analog::read(&analog);
        }
        if let Some(prices) = table.text("prices") {
            self.prices = prices;
        }
    }
}

/// Fan-outs by name.
fn fan_outs() -> [(&'static str, FanOut); 2] {
    [FanOut::Unicast, FanOut::Multicast].map(|fan_out| (fan_out.name(), fan_out))
}

/// Edges of the mesh by name.
fn edges() -> [(&'static str, Direction); 4] {
    Direction::ALL.map(|direction| (direction.name(), direction))
}

fn read_routing(table: &Table<'_>) -> Option<String> {
    let names: Vec<_> = spikemesh_router::strategies().iter().map(|s| (s.name, s.name)).collect();
    table.choice("routing", &names).map(str::to_owned)
}

fn check_receive(table: &Table<'_>, receive: Receive) {
    if receive == Receive::NextTick {
        table.problem(
            "receive_packets",
            "it counts where cores work on packets as they arrive",
            "say timing.receive = \"as-they-arrive\" in the chip file, or take it out",
        );
    }
}

/// When spikes from outside act, by name.
const INPUTS: [(&str, bool); 2] = [("next-tick", false), ("same-tick", true)];

/// The policy of `sync`; with `tick_ps` and `late` where ticks are fixed.
fn read_sync(table: &Table<'_>) -> Option<SyncPolicy> {
    let fixed = table.choice("sync", &[("barrier", false), ("fixed-tick", true)])?;
    let late = table.choice("late", &Late::NAMED);
    if !fixed {
        for key in ["tick_ps", "late"].into_iter().filter(|key| table.has(key)) {
            table.problem(
                key,
                format!("`{key}` is for ticks of fixed length"),
                "say sync = \"fixed-tick\", or take it out",
            );
        }
        return Some(SyncPolicy::Barrier);
    }
    let period_ps = table.required_whole("tick_ps", 1, LONGEST_PS as i64) as u64;
    Some(SyncPolicy::FixedTick { period_ps, late: late.unwrap_or(Late::Deliver) })
}

fn read_barrier(sync: &Table<'_>, citations: &mut BTreeMap<String, Citation>) -> Barrier {
    let time = LONGEST_PS as i64;
    let points = sync.tables("barrier").into_iter().map(|point| {
        citations.insert(point.path().to_owned(), read_citation(&point));
        BarrierPoint {
            routers: point.required_whole("routers", 1, 1 << 31) as u32,
            ps: point.required_whole("ps", 0, time) as u64,
        }
    });
    let points = points.collect();
    let tree = sync.table("tree");
    let tree = tree.is_present().then(|| {
        citations.insert(tree.path().to_owned(), read_citation(&tree));
        BarrierTree {
            branches: tree.required_whole("branches", 2, 1 << 16) as u32,
            level_ps: tree.required_whole("level_ps", 0, time) as u64,
            base_ps: tree.required_whole("base_ps", 0, time) as u64,
        }
    });
    Barrier {
        points,
        steps: sync.choice("between", &[("line", false), ("step", true)]).unwrap_or(false),
        used_only: sync.choice("over", &[("mesh", false), ("used", true)]).unwrap_or(false),
        tree,
    }
}

/// A time in picoseconds that a file may leave out; then it is none, and the citation says that this is assumed.
fn optional_time(table: &Table<'_>, key: &str, citations: &mut BTreeMap<String, Citation>) -> u64 {
    if table.has(key) {
        return cited(table, key, 0, LONGEST_PS as i64, citations) as u64;
    }
    let source = "the file does not name it; taken as no time".into();
    citations.insert(table.key_path(key), Citation { evidence: "assumed".into(), source });
    0
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
        neuron_axons: limits.has("neuron_axons").then(|| whole(&limits, "neuron_axons", 1, 1 << 31) as u32),
        neuron_fan_in: limits.has("neuron_fan_in").then(|| whole(&limits, "neuron_fan_in", 1, 1 << 31) as u32),
        shared_kernels: limits.flag("shared_kernels").unwrap_or(false),
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
        delay: whole(&registers, "delay", 0, 63) as u8,
        raw_weight: registers
            .whole_pair("raw_weight", i32::MIN.into(), i32::MAX.into())
            .map(|(least, most)| (least as i32, most as i32)),
        can_subtract: registers.flag("can_subtract").unwrap_or(false),
    };
    let timing = CoreTiming {
        receive: timing.choice("receive", &Receive::NAMED).unwrap_or(Receive::NextTick),
        axon_event_ps: whole(&timing, "axon_event_ps", 0, time) as u64,
        synaptic_operation_ps: whole(&timing, "synaptic_operation_ps", 0, time) as u64,
        update_active_ps: whole(&timing, "update_active_ps", 0, time) as u64,
        update_idle_ps: whole(&timing, "update_idle_ps", 0, time) as u64,
        spike_ps: optional_time(&timing, "spike_ps", citations),
        packet_ps: optional_time(&timing, "packet_ps", citations),
        encode_ps: optional_time(&timing, "encode_ps", citations),
        arbitrate_ps: optional_time(&timing, "arbitrate_ps", citations),
        handshake_ps: optional_time(&timing, "handshake_ps", citations),
        learning_update_ps: optional_time(&timing, "learning_update_ps", citations),
        trace_update_ps: optional_time(&timing, "trace_update_ps", citations),
    };
    let sync = root.table("sync");
    let reset_ps = sync.has("reset_ps").then(|| cited(&sync, "reset_ps", 0, time, citations) as u64);
    let barrier = read_barrier(&sync, citations);
    let neurons = root.table("neurons");
    let network = root.table("packets");
    let receive_packets = network.has("receive_packets").then(|| {
        check_receive(&network, timing.receive);
        cited(&network, "receive_packets", 1, 1 << 20, citations) as u32
    });
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
        receive_packets,
        packet_flits: cited(&network, "flits", 1, i64::from(MOST_FLITS), citations) as u16,
        fan_out: network.required_choice("fan_out", &fan_outs()).unwrap_or(FanOut::Unicast),
        routing: read_routing(&network).unwrap_or_else(|| "xy".into()),
        sync: read_sync(&sync).unwrap_or(SyncPolicy::Barrier),
        barrier,
        reset_ps,
        core,
        registers,
        timing,
        models: neurons.texts("models").unwrap_or_default(),
        overflow: neurons.choice("overflow", &OverflowProfile::ALL).unwrap_or(OverflowProfile::Loihi1),
        inputs_at_once: sync.choice("inputs", &INPUTS).unwrap_or(false),
        analog: Analog::read(&root.table("analog")),
        dead_links: Vec::new(),
        prices: root.required_text("prices", "the name of a price table"),
        citations: BTreeMap::new(),
    }
}
