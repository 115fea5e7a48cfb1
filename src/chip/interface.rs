//! Where spikes become packets and packets become axon events: the one file in which cores and mesh meet.
//!
//! ```text
//! core: (neuron, work done so far) --> routes of the neuron --> mesh: (route, time in the tick, flits)
//!                                 \--> targets of the neuron --> core: (axon), acts in the next tick
//! ```
//! Function and timing are apart: under a barrier every copy arrives before the tick ends, so spikes are handed on
//! from the fan-out table while the mesh only accounts times and loads. Copies whose way leads over a dead link are
//! taken out of the table when the chip is loaded; the mesh counts them as dropped.
//!
//! The time inside the tick at which a core emits a spike is a function of the work it has done by then: axon
//! events, synaptic operations, active and idle updates up to and including the neuron's own.

use super::block::{CoreBlock, CoreWork};
use super::image::{ChipImage, FanOutTable, Route};
use super::spec::{INPUT_PORT, OUTPUT_PORT};
use crate::error::{Error, ErrorKind, Problem};
use spikemesh_cores::{Core, CoreCounters};
pub(super) use spikemesh_router::Level;
use spikemesh_router::flit::{FlitNoc, SpecError};
use spikemesh_router::{
    Analytic, DropCause, EndpointId, FirstLegal, Injection, Noc, NocCounters, PacketNoc, QueueLimits, RouteId,
    RouteRequest, RouteTable, Topology, VerdictSink, strategy,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cores a block: small enough to share out a chip, large enough to be worth a hand-over.
const BLOCK_CORES: usize = 8;

/// A packet as a trace shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRecord {
    /// Time inside the tick, in picoseconds.
    pub at_ps: u64,
    /// Endpoint it starts from: a core, or the input port.
    pub source: u32,
    /// Network number of the neuron.
    pub neuron: u32,
    /// Route.
    pub route: u32,
    /// Flits.
    pub flits: u16,
    /// Payload.
    pub payload: i32,
}

/// What a chip counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChipCounters {
    /// By core in use: (core of the chip, its counters).
    pub cores: Vec<(u32, CoreCounters)>,
    /// The mesh.
    pub noc: NocCounters,
    /// Ticks.
    pub ticks: u64,
    /// Resets between samples, one a sample.
    pub resets: u64,
    /// Spikes of the inputs.
    pub input_spikes: u64,
    /// Packets that entered through the input port.
    pub input_packets: u64,
    /// Spike packets that left through the output port.
    pub output_packets: u64,
    /// Time of all ticks, in picoseconds; resets are not in it.
    pub tick_time_ps: u64,
    /// Time of all resets, in picoseconds; 0 if the chip does not say.
    pub reset_time_ps: u64,
    /// Longest tick, in picoseconds.
    pub longest_tick_ps: u64,
}

impl ChipCounters {
    /// Adds what another chip with the same image counted.
    pub fn merge(&mut self, other: &Self) {
        if self.cores.is_empty() {
            self.cores = other.cores.clone();
        } else {
            self.cores.iter_mut().zip(&other.cores).for_each(|(mine, theirs)| mine.1 += theirs.1);
        }
        self.noc.merge(&other.noc);
        self.ticks += other.ticks;
        self.resets += other.resets;
        self.input_spikes += other.input_spikes;
        self.input_packets += other.input_packets;
        self.output_packets += other.output_packets;
        self.tick_time_ps += other.tick_time_ps;
        self.reset_time_ps += other.reset_time_ps;
        self.longest_tick_ps = self.longest_tick_ps.max(other.longest_tick_ps);
    }

    /// All cores together.
    pub fn core_total(&self) -> CoreCounters {
        let mut total = CoreCounters::default();
        self.cores.iter().for_each(|(_, counters)| total += *counters);
        total
    }

    /// Every count as a number in a fixed order, for the digest.
    pub fn numbers(&self) -> Vec<u64> {
        let mut out = vec![self.ticks, self.resets, self.input_spikes, self.input_packets, self.output_packets];
        out.extend([self.tick_time_ps, self.reset_time_ps, self.longest_tick_ps]);
        for (core, c) in &self.cores {
            out.extend([u64::from(*core), c.axon_events, c.synaptic_operations, c.updates_active]);
            out.extend([c.updates_idle, c.spikes, c.wraps, c.bias_wraps, c.clips, c.saturations, c.merged]);
            out.extend([c.dropped, c.learning_updates, c.weight_changes, c.trace_updates]);
        }
        let noc = &self.noc;
        for link in &noc.links {
            out.extend([link.packets, link.flits, link.stall_ps, u64::from(link.peak_queue)]);
        }
        noc.endpoints.iter().for_each(|e| out.extend([e.injected, e.ejected]));
        out.extend([
            noc.packets,
            noc.copies_owed,
            noc.delivered,
            noc.in_flight,
            noc.same_endpoint,
            noc.same_router,
        ]);
        noc.dropped.iter().for_each(|(cause, count)| out.extend([*cause as u64, *count]));
        for list in [&noc.hops, &noc.crossings, &noc.flit_crossings] {
            out.push(list.len() as u64);
            out.extend_from_slice(list);
        }
        noc.latency.buckets().iter().for_each(|(end, count)| out.extend([*end, *count]));
        out
    }
}

/// Copies lost at a dead link, as reports name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostCopy {
    /// Endpoint the packet starts from.
    pub source: u32,
    /// Endpoint it does not reach.
    pub destination: u32,
}

/// The fixed tables of a loaded chip, shared by all its copies.
#[derive(Debug)]
struct Tables {
    routes: Arc<RouteTable>,
    topology: Arc<Topology>,
    /// Fan-out by core in use, targets over dead links taken out.
    cores: Vec<Arc<FanOutTable>>,
    /// Network number of each neuron by core in use.
    neurons: Vec<Vec<u32>>,
    /// Core of the chip by core in use.
    core_ids: Vec<u32>,
    /// Output index of each neuron by core in use, where its packets reach the output port.
    outputs: Vec<Vec<Option<u32>>>,
    input: Arc<FanOutTable>,
    input_neurons: Vec<u32>,
    input_port: u32,
    inputs_at_once: bool,
    lost: Vec<LostCopy>,
    timing: super::spec::CoreTiming,
    barrier_ps: u64,
    reset_ps: u64,
    flits: u16,
    /// Virtual channels at the flit level.
    channels: u8,
}

/// The joint of cores and mesh, with the mesh behind it.
pub struct Interface {
    tables: Arc<Tables>,
    noc: Box<dyn Noc>,
    level: Level,
    queue: QueueLimits,
    injections: Vec<Injection>,
    records: Vec<PacketRecord>,
    counters: ChipCounters,
}

impl std::fmt::Debug for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interface").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Clone for Interface {
    /// A copy with a silent network and no counts.
    fn clone(&self) -> Self {
        Self::with_tables(Arc::clone(&self.tables), self.level, self.queue)
            .expect("invariant: the same network was built before")
    }
}

/// What the spikes of one tick were.
#[derive(Clone, Debug, Default)]
pub struct TickSpikes {
    /// (network number, payload), ascending by number; inputs included.
    pub spikes: Vec<(u32, i32)>,
    /// Output indices whose packets reached the output port.
    pub outputs: Vec<u32>,
    /// Length of the tick in picoseconds.
    pub tick_ps: u64,
}

/// Builds cores and interface from an image.
///
/// # Errors
/// What the chip asks for is not built, or the image contradicts itself.
pub(super) fn load(image: &ChipImage, level: Level) -> Result<(Vec<CoreBlock>, Interface), Error> {
    image.spec.check_supported()?;
    image.check("the chip image")?;
    let topology = Arc::new(image.spec.topology()?);
    let row = strategy(&image.spec.routing).expect("invariant: check_supported knows the strategy");
    let routing = row.build(&topology, (row.channels)(&topology)).map_err(|e| {
        Error::one(ErrorKind::Invalid, "packets.routing", e.to_string(), "see `spikemesh route --list`")
    })?;
    let request = |route: &Route| RouteRequest {
        source: EndpointId(route.source),
        destinations: route.destinations.iter().map(|&d| EndpointId(d)).collect(),
    };
    let requests: Vec<_> = image.routes.iter().map(request).collect();
    let routes =
        RouteTable::build(&topology, routing.as_ref(), &FirstLegal, &requests).map_err(|errors| Error {
            kind: ErrorKind::Invalid,
            problems: errors.iter().map(|e| Problem::new("routes", e.to_string(), "")).collect(),
        })?;
    let mut cores = Vec::new();
    for entry in &image.cores {
        let core = Core::new(&entry.config).map_err(|e| {
            Error::one(
                ErrorKind::Invalid,
                format!("core {}", entry.core),
                e.to_string(),
                "map the network again",
            )
        })?;
        cores.push(core);
    }
    let port = |name| topology.port(name).expect("invariant: every chip has this port").0;
    let (input_port, output_port) = (port(INPUT_PORT), port(OUTPUT_PORT));
    let mut lost = Vec::new();
    for route in 0..routes.len() as u32 {
        let legs = routes.legs(RouteId(route)).iter().filter(|leg| leg.lost == Some(DropCause::DeadLink));
        lost.extend(
            legs.map(|leg| LostCopy {
                source: routes.source(RouteId(route)).0,
                destination: leg.destination.0,
            }),
        );
    }
    lost.sort_unstable();
    lost.dedup();
    let core_ids: Vec<u32> = image.cores.iter().map(|c| c.core).collect();
    let reach = |routes_of: &[u32], destination: u32| {
        routes_of.iter().any(|&r| {
            let legs = routes.legs(RouteId(r));
            legs.iter().any(|leg| leg.destination.0 == destination && leg.lost.is_none())
        })
    };
    let alive = |table: &Arc<FanOutTable>| {
        if lost.is_empty() {
            return Arc::clone(table);
        }
        let mut kept = FanOutTable::default();
        for source in 0..table.len() {
            let targets = table.targets_of(source).iter().copied();
            let targets: Vec<_> =
                targets.filter(|&(c, _)| reach(table.routes_of(source), core_ids[c as usize])).collect();
            kept.push(table.routes_of(source), &targets);
        }
        kept.delays.clone_from(&table.delays);
        Arc::new(kept)
    };
    let by_neuron: BTreeMap<u32, u32> =
        image.network.outputs.iter().enumerate().map(|(index, neuron)| (*neuron, index as u32)).collect();
    let outputs = image.cores.iter().map(|core| {
        let index = |(i, neuron): (usize, &u32)| {
            let index = by_neuron.get(neuron).copied();
            index.filter(|_| reach(core.fan_out.routes_of(i), output_port))
        };
        core.config.neurons.iter().enumerate().map(index).collect()
    });
    let tables = Arc::new(Tables {
        outputs: outputs.collect(),
        cores: image.cores.iter().map(|core| alive(&core.fan_out)).collect(),
        neurons: image.cores.iter().map(|core| core.config.neurons.clone()).collect(),
        input: alive(&image.input_fan_out),
        input_neurons: image.network.inputs.clone(),
        routes: Arc::new(routes),
        topology: Arc::clone(&topology),
        core_ids,
        input_port,
        inputs_at_once: image.spec.inputs_at_once,
        lost,
        timing: image.spec.timing.clone(),
        barrier_ps: image.spec.barrier_ps(),
        reset_ps: image.spec.reset_ps.unwrap_or(0),
        flits: image.spec.packet_flits,
        channels: routing.virtual_channels(),
    });
    let mut blocks = Vec::new();
    let mut rest = cores.into_iter().peekable();
    while rest.peek().is_some() {
        blocks.push(CoreBlock::new(rest.by_ref().take(BLOCK_CORES)));
    }
    let queue = QueueLimits { packets: image.spec.queue_packets };
    Ok((blocks, Interface::with_tables(tables, level, queue)?))
}

fn flit_errors(errors: Vec<SpecError>) -> Error {
    Error {
        kind: ErrorKind::Invalid,
        problems: errors
            .into_iter()
            .map(|error| Problem::new("packets", error.to_string(), "use the packet level for this chip"))
            .collect(),
    }
}

impl Interface {
    fn with_tables(tables: Arc<Tables>, level: Level, queue: QueueLimits) -> Result<Self, Error> {
        let (topology, routes) = (Arc::clone(&tables.topology), Arc::clone(&tables.routes));
        let noc: Box<dyn Noc> = match level {
            Level::Analytic => Box::new(Analytic::new(topology, routes)),
            Level::Packet => Box::new(PacketNoc::new(topology, routes, queue)),
            Level::Flit => Box::new(
                FlitNoc::of_chip(topology, routes, tables.channels, queue, tables.flits)
                    .map_err(flit_errors)?,
            ),
        };
        let (injections, records, counters) = Default::default();
        Ok(Self { tables, noc, level, queue, injections, records, counters })
    }

    /// Copies that can never arrive.
    pub fn lost_copies(&self) -> &[LostCopy] {
        &self.tables.lost
    }

    /// Packets of the last tick, in the order they were handed to the mesh.
    pub fn records(&self) -> impl Iterator<Item = &PacketRecord> {
        self.records.iter()
    }

    /// Cores in use.
    pub(super) fn core_count(&self) -> usize {
        self.tables.core_ids.len()
    }

    /// (Block, place in it) of a core in use.
    pub(super) fn place(core: usize) -> (usize, usize) {
        (core / BLOCK_CORES, core % BLOCK_CORES)
    }

    /// Hands over the inputs of a tick before it, on chips where they act at once.
    pub(super) fn begin_tick(&self, blocks: &mut [CoreBlock], inputs: &[u32]) {
        if self.tables.inputs_at_once {
            queue_inputs(&self.tables, blocks, inputs);
        }
    }

    /// Turns the spikes of a tick into packets and into events of the next tick, and lets the mesh run. `inputs`
    /// are the input indices that spike; with `keep_records` the packets can be read afterwards.
    pub(super) fn exchange(
        &mut self,
        blocks: &mut [CoreBlock],
        inputs: &[u32],
        keep_records: bool,
        out: &mut TickSpikes,
    ) {
        out.spikes.clear();
        out.outputs.clear();
        self.injections.clear();
        self.records.clear();
        let tables = Arc::clone(&self.tables);
        for &input in inputs {
            let neuron = tables.input_neurons[input as usize];
            out.spikes.push((neuron, 1));
            self.inject(&tables.input, input as usize, 0, tables.input_port, neuron, 1, keep_records);
        }
        if !tables.inputs_at_once {
            queue_inputs(&tables, blocks, inputs);
        }
        self.counters.input_spikes += inputs.len() as u64;
        self.counters.input_packets += self.injections.len() as u64;
        let mut core_ps = 0;
        for core in 0..tables.cores.len() {
            let (block, place) = Self::place(core);
            let (start_ps, end_ps) = times(&tables.timing, blocks[block].work(place));
            core_ps = core_ps.max(end_ps);
            // The spikes are taken out for a while, because their targets may be in the same block.
            let spikes = blocks[block].take_spikes(place);
            for spike in &spikes {
                let local = spike.neuron.0 as usize;
                let neuron = tables.neurons[core][local];
                let active = u64::from(spike.active_before);
                let idle = local as u64 + 1 - active;
                let at_ps =
                    start_ps + active * tables.timing.update_active_ps + idle * tables.timing.update_idle_ps;
                out.spikes.push((neuron, spike.payload));
                if let Some(index) = tables.outputs[core][local] {
                    out.outputs.push(index);
                }
                let fan_out = &tables.cores[core];
                self.inject(fan_out, local, at_ps, tables.core_ids[core], neuron, spike.payload, keep_records);
                queue(blocks, fan_out.targets_of(local), spike.payload, fan_out.delay_of(local));
            }
            blocks[block].give_back(place, spikes);
        }
        out.spikes.sort_unstable();
        self.counters.output_packets += out.outputs.len() as u64;
        let outcome = self.noc.run_tick(&self.injections, None, &mut VerdictSink::Ignore);
        out.tick_ps = core_ps.max(outcome.end_ps) + tables.barrier_ps;
        self.counters.ticks += 1;
        self.counters.tick_time_ps += out.tick_ps;
        self.counters.longest_tick_ps = self.counters.longest_tick_ps.max(out.tick_ps);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a packet, in the hot loop")]
    fn inject(
        &mut self,
        fan_out: &FanOutTable,
        source: usize,
        at_ps: u64,
        endpoint: u32,
        neuron: u32,
        payload: i32,
        keep_records: bool,
    ) {
        let flits = self.tables.flits;
        for &route in fan_out.routes_of(source) {
            self.injections.push(Injection { at_ps, route: RouteId(route), flits, payload, tag: 0 });
            if keep_records {
                self.records.push(PacketRecord { at_ps, source: endpoint, neuron, route, flits, payload });
            }
        }
    }

    pub(super) fn count_reset(&mut self) {
        self.counters.resets += 1;
        self.counters.reset_time_ps += self.tables.reset_ps;
    }

    /// Everything counted since the chip was loaded.
    pub(super) fn counters(&self, blocks: &[CoreBlock]) -> ChipCounters {
        let cores = blocks.iter().flat_map(CoreBlock::counters);
        ChipCounters {
            cores: self.tables.core_ids.iter().copied().zip(cores).collect(),
            noc: self.noc.counters(),
            ..self.counters.clone()
        }
    }
}

fn queue_inputs(tables: &Tables, blocks: &mut [CoreBlock], inputs: &[u32]) {
    for &input in inputs {
        let source = input as usize;
        queue(blocks, tables.input.targets_of(source), 1, tables.input.delay_of(source));
    }
}

fn queue(blocks: &mut [CoreBlock], targets: &[(u32, u32)], payload: i32, wait: u8) {
    for &(core, axon) in targets {
        let (block, place) = Interface::place(core as usize);
        blocks[block].queue(place, axon, payload, wait);
    }
}

/// When a core starts to update its neurons and when it is done, in picoseconds from the start of the tick.
fn times(timing: &super::spec::CoreTiming, tick: CoreWork) -> (u64, u64) {
    let start_ps =
        tick.axon_events * timing.axon_event_ps + tick.synaptic_operations * timing.synaptic_operation_ps;
    let updates_ps = tick.updates_active * timing.update_active_ps + tick.updates_idle * timing.update_idle_ps;
    (start_ps, start_ps + updates_ps)
}
