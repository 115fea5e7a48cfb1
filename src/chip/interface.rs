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
//! Where ticks have a fixed length, timing has a say: what a core hears is what the mesh brought in time ([`Deadline`]).
//!
//! The time inside the tick at which a core hands over a packet is a function of the work it has done by then: axon
//! events, synaptic operations and learning of the whole tick; then updates up to and including the neuron's own, the
//! spikes among them, and the packets made of those, one after the other.

use super::block::{CoreBlock, CoreWork};
use super::deadline::{Deadline, LateCounters, Sender};
use super::image::{ChipImage, FanOutTable, Route};
use super::receive::{Receivers, aligned};
use super::spec::{CoreTiming, INPUT_PORT, OUTPUT_PORT, Receive, SyncPolicy};
use crate::error::{Error, ErrorKind, Problem};
use spikemesh_cores::{Core, CoreCounters};
pub(super) use spikemesh_router::Level;
use spikemesh_router::flit::{FlitNoc, SpecError};
use spikemesh_router::{
    Analytic, EndpointId, Injection, Noc, NocCounters, PacketNoc, QueueLimits, RouteId, RouteRequest,
    RouteTable, Topology, Verdict, VerdictSink,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Cores a block: small enough to share out a chip, large enough to be worth a hand-over.
const BLOCK_CORES: usize = 8;

/// How many copies before its own turn the row of a target is brought near.
const COPIES_AHEAD: usize = 8;

/// The entry of endpoints without a core in use.
const NO_CORE: u32 = u32::MAX;

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
    /// What the ticks were spent on; in no digest, because it follows from the rest.
    pub spans: TickSpans,
    /// What missed its tick, where ticks have a fixed length.
    pub late: LateCounters,
}

/// Parts of ticks, summed over them, in picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TickSpans {
    /// From the start until the last core is done.
    pub cores_ps: u64,
    /// From the start until the last copy has arrived.
    pub network_ps: u64,
    /// The barrier.
    pub barrier_ps: u64,
    /// Work of the cores, summed over those in use.
    pub work_ps: u64,
}

impl TickSpans {
    fn add(&mut self, other: &Self) {
        self.cores_ps += other.cores_ps;
        self.network_ps += other.network_ps;
        self.barrier_ps += other.barrier_ps;
        self.work_ps += other.work_ps;
    }
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
        self.spans.add(&other.spans);
        self.late.merge(&other.late);
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
        out.extend(self.late.numbers());
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
    timing: CoreTiming,
    sync: SyncPolicy,
    /// Core in use by endpoint, or [`NO_CORE`].
    by_endpoint: Vec<u32>,
    output_port: u32,
    /// Whether targets lie as routes do, by core in use and at the end of the inputs; empty where nobody asks.
    aligned: Vec<bool>,
    barrier_ps: u64,
    reset_ps: u64,
    flits: u16,
    /// Virtual channels at the flit level.
    channels: u8,
}

impl Tables {
    /// Whether cores work on packets as they arrive; in ticks of fixed length they do so at the start of the next.
    fn works_at_once(&self) -> bool {
        self.timing.receive == Receive::AsTheyArrive && self.sync == SyncPolicy::Barrier
    }

    /// Fan-out of a sender's core, or of the inputs, and whether its targets lie as its routes do.
    fn fan_out(&self, core: Option<u32>) -> (&FanOutTable, bool) {
        let fan_out = core.map_or(&self.input, |core| &self.cores[core as usize]);
        let aligned = self.aligned.get(core.map_or(self.cores.len(), |core| core as usize));
        (fan_out, aligned.is_some_and(|aligned| *aligned))
    }

    /// Notes the copies of a packet and the work they mean; the route is the sender's `place`-th.
    #[inline]
    fn note_copies(
        &self,
        blocks: &[CoreBlock],
        receivers: &mut Receivers,
        sender: Sender,
        route: u32,
        place: usize,
    ) {
        let (fan_out, aligned) = self.fan_out(sender.core);
        let targets = fan_out.targets_of(sender.local as usize);
        let work_ps = |&(core, axon): &(u32, u32)| {
            let (block, place) = Interface::place(core as usize);
            let operations = blocks[block].row_len(place, axon);
            self.timing.axon_event_ps + operations * self.timing.synaptic_operation_ps
        };
        if aligned {
            if let Some(&(core, axon)) = targets.get(place + COPIES_AHEAD) {
                let (block, place) = Interface::place(core as usize);
                blocks[block].approach(place, axon);
            }
            let target = targets[place];
            return receivers.send(EndpointId(self.core_ids[target.0 as usize]), target.0, work_ps(&target));
        }
        for leg in self.routes.legs(RouteId(route)) {
            let core = self.by_endpoint[leg.destination.index()];
            let here = targets.iter().filter(|target| target.0 == core);
            receivers.send(leg.destination, core, here.map(work_ps).sum());
        }
    }
}

/// The joint of cores and mesh, with the mesh behind it.
pub struct Interface {
    tables: Arc<Tables>,
    noc: Box<dyn Noc>,
    level: Level,
    queue: QueueLimits,
    injections: Vec<Injection>,
    records: Vec<PacketRecord>,
    verdicts: Vec<Verdict>,
    /// Who spiked in this tick, where ticks have a fixed length; packets carry their places as tags.
    senders: Vec<Sender>,
    /// Of a chip whose ticks have a fixed length.
    deadline: Option<Deadline>,
    /// Of a chip whose cores work on packets as they arrive.
    receivers: Option<Receivers>,
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
    let request = |route: &Route| RouteRequest {
        source: EndpointId(route.source),
        destinations: route.destinations.iter().map(|&d| EndpointId(d)).collect(),
    };
    let requests: Vec<_> = image.routes.iter().map(request).collect();
    let (routes, channels) = image.spec.routes(&topology, &requests)?;
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
        let legs = routes.legs(RouteId(route)).iter().filter(|leg| leg.lost.is_some());
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
    let routers = match image.spec.barrier.used_only {
        false => image.spec.routers(),
        true => {
            let router = |core: &u32| core / u32::from(image.spec.cores_per_router);
            core_ids.iter().map(router).collect::<BTreeSet<_>>().len() as u32
        }
    };
    if image.spec.sync != SyncPolicy::Barrier {
        check_one_copy_each(image)?;
    }
    let mut by_endpoint = vec![NO_CORE; topology.endpoints().len()];
    core_ids.iter().zip(0..).for_each(|(core, entry)| by_endpoint[*core as usize] = entry);
    let outputs = outputs.collect();
    let cores_alive: Vec<_> = image.cores.iter().map(|core| alive(&core.fan_out)).collect();
    let input_alive = alive(&image.input_fan_out);
    let entry = |route: u32| match routes.legs(RouteId(route)) {
        [leg] => Some(by_endpoint[leg.destination.index()]),
        _ => None,
    };
    let aligned = match image.spec.timing.receive {
        Receive::NextTick => Vec::new(),
        Receive::AsTheyArrive => {
            cores_alive.iter().chain([&input_alive]).map(|table| aligned(table, entry)).collect()
        }
    };
    let tables = Arc::new(Tables {
        outputs,
        cores: cores_alive,
        neurons: image.cores.iter().map(|core| core.config.neurons.clone()).collect(),
        input: input_alive,
        input_neurons: image.network.inputs.clone(),
        routes: Arc::new(routes),
        topology: Arc::clone(&topology),
        core_ids,
        input_port,
        inputs_at_once: image.spec.inputs_at_once,
        lost,
        timing: image.spec.timing.clone(),
        aligned,
        sync: image.spec.sync,
        by_endpoint,
        output_port,
        barrier_ps: image.spec.barrier.ps(routers),
        reset_ps: image.spec.reset_ps.unwrap_or(0),
        flits: image.spec.packet_flits,
        channels,
    });
    let mut blocks = Vec::new();
    let mut rest = cores.into_iter().peekable();
    while rest.peek().is_some() {
        blocks.push(CoreBlock::new(rest.by_ref().take(BLOCK_CORES)));
    }
    let queue = QueueLimits { packets: image.spec.queue_packets, receive: image.spec.receive_packets };
    Ok((blocks, Interface::with_tables(tables, level, queue)?))
}

/// Where arrivals decide what a core hears, a spike must reach each of its destinations once.
fn check_one_copy_each(image: &ChipImage) -> Result<(), Error> {
    let twice = |table: &FanOutTable| {
        (0..table.len()).any(|source| {
            let routes = table.routes_of(source).iter();
            let mut all: Vec<_> = routes.flat_map(|r| &image.routes[*r as usize].destinations).collect();
            let before = all.len();
            all.sort_unstable();
            all.dedup();
            all.len() < before
        })
    };
    if image.cores.iter().map(|core| &core.fan_out).chain([&image.input_fan_out]).any(|table| twice(table)) {
        let what = "a spike is sent to the same core in two packets, so its arrival there has no single time";
        return Err(Error::one(ErrorKind::Invalid, "fan-out", what, "use sync = \"barrier\" for this image"));
    }
    Ok(())
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
        let deadline = match tables.sync {
            SyncPolicy::Barrier => None,
            SyncPolicy::FixedTick { period_ps, late } => {
                Some(Deadline::new(period_ps, late, tables.core_ids.len()))
            }
        };
        let receivers = tables.works_at_once().then(|| Receivers::new(tables.core_ids.len()));
        let (injections, records, verdicts, senders, counters) = Default::default();
        Ok(Self {
            tables,
            noc,
            level,
            queue,
            injections,
            records,
            verdicts,
            senders,
            deadline,
            receivers,
            counters,
        })
    }

    /// Copies that can never arrive.
    pub fn lost_copies(&self) -> &[LostCopy] {
        &self.tables.lost
    }

    /// What the barrier takes, in picoseconds.
    pub fn barrier_ps(&self) -> u64 {
        self.tables.barrier_ps
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
        self.senders.clear();
        self.receivers.iter_mut().for_each(Receivers::clear);
        let tables = Arc::clone(&self.tables);
        for &input in inputs {
            let neuron = tables.input_neurons[input as usize];
            out.spikes.push((neuron, 1));
            let sender = Sender { core: None, local: input, endpoint: tables.input_port, payload: 1 };
            self.inject(blocks, sender, 0, neuron, keep_records);
        }
        if self.deadline.is_none() && !tables.inputs_at_once {
            queue_inputs(&tables, blocks, inputs);
        }
        self.counters.input_spikes += inputs.len() as u64;
        self.counters.input_packets += self.injections.len() as u64;
        let mut spans = TickSpans::default();
        for core in 0..tables.cores.len() {
            let end_ps = self.send_spikes(blocks, core, keep_records, out, &mut spans);
            spans.cores_ps = spans.cores_ps.max(end_ps);
        }
        out.spikes.sort_unstable();
        match self.deadline.take() {
            None => {
                let receivers_ps = self.end_at_barrier(&mut spans);
                spans.cores_ps = spans.cores_ps.max(receivers_ps);
                spans.barrier_ps = tables.barrier_ps;
                out.tick_ps = spans.cores_ps.max(spans.network_ps) + tables.barrier_ps;
            }
            Some(mut deadline) => {
                spans.network_ps = self.end_on_time(blocks, &mut deadline, out);
                out.tick_ps = deadline.period_ps;
                self.deadline = Some(deadline);
            }
        }
        self.counters.output_packets += out.outputs.len() as u64;
        self.counters.ticks += 1;
        self.counters.tick_time_ps += out.tick_ps;
        self.counters.longest_tick_ps = self.counters.longest_tick_ps.max(out.tick_ps);
        self.counters.spans.add(&spans);
    }

    /// Turns the spikes of a core into packets and, under a barrier, into events of the next tick; returns when it is
    /// done, in picoseconds from the start of the tick.
    fn send_spikes(
        &mut self,
        blocks: &mut [CoreBlock],
        core: usize,
        keep_records: bool,
        out: &mut TickSpikes,
        spans: &mut TickSpans,
    ) -> u64 {
        let tables = Arc::clone(&self.tables);
        let (timing, endpoint) = (&tables.timing, tables.core_ids[core]);
        let (block, place) = Self::place(core);
        let work = blocks[block].work(place);
        let behind_ps = self.deadline.as_ref().map_or(0, |deadline| deadline.behind_ps[core]);
        let start_ps = behind_ps + before_updates_ps(&tables, work);
        let packets_before = self.injections.len();
        // The spikes are taken out for a while, because their targets may be in the same block.
        let spikes = blocks[block].take_spikes(place);
        for (spike, fired) in spikes.iter().zip(1..) {
            let local = spike.neuron.0 as usize;
            let neuron = tables.neurons[core][local];
            let active = u64::from(spike.active_before);
            let idle = local as u64 + 1 - active;
            let made = (self.injections.len() - packets_before) as u64;
            let at_ps = start_ps
                + active * timing.update_active_ps
                + idle * timing.update_idle_ps
                + fired * timing.spike_ps
                + made * timing.packet_out_ps();
            out.spikes.push((neuron, spike.payload));
            let fan_out = &tables.cores[core];
            let sender =
                Sender { core: Some(core as u32), local: spike.neuron.0, endpoint, payload: spike.payload };
            self.inject(blocks, sender, at_ps, neuron, keep_records);
            if self.deadline.is_none() {
                if let Some(index) = tables.outputs[core][local] {
                    out.outputs.push(index);
                }
                queue(blocks, fan_out.targets_of(local), spike.payload, fan_out.delay_of(local));
            }
        }
        let made = (self.injections.len() - packets_before) as u64;
        let own_ps = before_updates_ps(&tables, work)
            + work.updates_active * timing.update_active_ps
            + work.updates_idle * timing.update_idle_ps
            + spikes.len() as u64 * timing.spike_ps
            + made * timing.packet_out_ps();
        blocks[block].give_back(place, spikes, made);
        spans.work_ps += own_ps;
        if let Some(deadline) = &mut self.deadline {
            deadline.core_done(core, endpoint, behind_ps + own_ps);
        }
        behind_ps + own_ps
    }

    /// Lets the mesh run until nothing is under way; returns when the last core has worked on what arrived, where cores do
    /// so at once.
    fn end_at_barrier(&mut self, spans: &mut TickSpans) -> u64 {
        let Some(mut receivers) = self.receivers.take() else {
            spans.network_ps = self.noc.run_tick(&self.injections, None, &mut VerdictSink::Ignore).end_ps;
            return 0;
        };
        let mut sink = VerdictSink::Receive(&mut receivers);
        spans.network_ps = self.noc.run_tick(&self.injections, None, &mut sink).end_ps;
        spans.work_ps += receivers.work_ps();
        let end_ps = receivers.done_ps();
        self.receivers = Some(receivers);
        end_ps
    }

    /// Ends a tick of fixed length: lets the mesh run until then and hands on what it brought; returns the last arrival.
    fn end_on_time(&mut self, blocks: &mut [CoreBlock], deadline: &mut Deadline, out: &mut TickSpikes) -> u64 {
        if deadline.is_quiet() && self.surely_in_time(deadline.period_ps) {
            deadline.pass();
            let tables = &self.tables;
            self.senders.iter().for_each(|sender| hand_on(tables, blocks, *sender, None, out));
            return self
                .noc
                .run_tick(&self.injections, Some(deadline.period_ps), &mut VerdictSink::Ignore)
                .end_ps;
        }
        for injection in &mut self.injections {
            let copies = self.tables.routes.legs(injection.route).len() as u32;
            injection.tag = deadline.send(self.senders[injection.tag as usize], copies);
        }
        deadline.admit(&mut self.injections);
        self.verdicts.clear();
        let mut sink = VerdictSink::Collect(&mut self.verdicts);
        let outcome = self.noc.run_tick(&self.injections, Some(deadline.period_ps), &mut sink);
        let tables = &self.tables;
        deadline.settle(&self.verdicts, |heard| {
            hand_on(tables, blocks, heard.sender, Some(heard.destination), out);
        });
        outcome.end_ps
    }

    /// Whether nothing of this tick can be late: without contention, times are those of the routes.
    fn surely_in_time(&self, period_ps: u64) -> bool {
        let routes = &self.tables.routes;
        let longest = |i: &Injection| i.at_ps + routes.longest_ps(i.route, i.flits).unwrap_or(0);
        self.level == Level::Analytic && self.injections.iter().all(|injection| longest(injection) < period_ps)
    }

    /// Makes the packets of a spike, the first `at_ps` plus the time a packet takes after the start of the tick.
    fn inject(&mut self, blocks: &[CoreBlock], sender: Sender, at_ps: u64, neuron: u32, keep_records: bool) {
        let Self { tables, injections, records, senders, deadline, receivers, .. } = self;
        let (flits, payload) = (tables.flits, sender.payload);
        let (fan_out, each_ps) = match sender.core {
            Some(core) => (&tables.cores[core as usize], tables.timing.packet_out_ps()),
            // Packets from outside take no core's time.
            None => (&tables.input, 0),
        };
        let mut at_ps = at_ps;
        if deadline.is_some() {
            senders.push(sender);
        }
        for (&route, place) in fan_out.routes_of(sender.local as usize).iter().zip(0..) {
            at_ps += each_ps;
            let tag = match (&deadline, &mut *receivers) {
                (Some(_), _) => senders.len() as u32 - 1,
                (None, Some(receivers)) => {
                    let tag = receivers.tag();
                    tables.note_copies(blocks, receivers, sender, route, place);
                    tag
                }
                (None, None) => 0,
            };
            injections.push(Injection { at_ps, route: RouteId(route), flits, payload, tag });
            if keep_records {
                let source = sender.endpoint;
                records.push(PacketRecord { at_ps, source, neuron, route, flits, payload });
            }
        }
    }

    pub(super) fn count_reset(&mut self) {
        self.counters.resets += 1;
        self.counters.reset_time_ps += self.tables.reset_ps;
        if let Some(deadline) = &mut self.deadline {
            // What is still under way arrives in nobody's time.
            self.noc.run_tick(&[], None, &mut VerdictSink::Ignore);
            deadline.clear();
        }
    }

    /// Everything counted since the chip was loaded.
    pub(super) fn counters(&self, blocks: &[CoreBlock]) -> ChipCounters {
        let cores = blocks.iter().flat_map(CoreBlock::counters);
        ChipCounters {
            cores: self.tables.core_ids.iter().copied().zip(cores).collect(),
            noc: self.noc.counters(),
            late: self
                .deadline
                .as_ref()
                .map_or_else(LateCounters::default, |deadline| deadline.counters.clone()),
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

/// Hands a spike on to where its copy arrived, or to all it reaches.
fn hand_on(
    tables: &Tables,
    blocks: &mut [CoreBlock],
    sender: Sender,
    destination: Option<u32>,
    out: &mut TickSpikes,
) {
    let local = sender.local as usize;
    if destination.is_none_or(|endpoint| endpoint == tables.output_port) {
        out.outputs.extend(sender.core.and_then(|core| tables.outputs[core as usize][local]));
    }
    let fan_out = match sender.core {
        Some(core) => &tables.cores[core as usize],
        // They acted before the tick in which they entered.
        None if tables.inputs_at_once => return,
        None => &tables.input,
    };
    let (targets, wait) = (fan_out.targets_of(local), fan_out.delay_of(local));
    let Some(endpoint) = destination else { return queue(blocks, targets, sender.payload, wait) };
    let core = tables.by_endpoint[endpoint as usize];
    let here = targets.iter().filter(|(target, _)| *target == core);
    here.for_each(|target| queue(blocks, &[*target], sender.payload, wait));
}

fn queue(blocks: &mut [CoreBlock], targets: &[(u32, u32)], payload: i32, wait: u8) {
    for &(core, axon) in targets {
        let (block, place) = Interface::place(core as usize);
        blocks[block].queue(place, axon, payload, wait);
    }
}

/// What a core's work takes before it updates its first neuron, in picoseconds.
fn before_updates_ps(tables: &Tables, work: CoreWork) -> u64 {
    let timing = &tables.timing;
    let learning_ps =
        work.learning_updates * timing.learning_update_ps + work.trace_updates * timing.trace_update_ps;
    if tables.works_at_once() {
        return learning_ps;
    }
    work.axon_events * timing.axon_event_ps
        + work.synaptic_operations * timing.synaptic_operation_ps
        + learning_ps
}
