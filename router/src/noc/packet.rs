//! Packets on connections of finite width with finite queues, as discrete events.
//!
//! ```text
//! endpoint --inject--> [queue] router --link--> [queue] router --eject--> endpoint
//! ```
//! - A connection (inject, link, eject) sends one packet at a time and is occupied `flits x flit_ps`, where
//!   `flit_ps` is the slowest the packet has met: cut-through cannot finish before its own flits have come.
//! - The head needs the connection's latency; it may go on before its tail has come (virtual cut-through).
//! - A connection into a queue starts only if the queue has a free slot, which it takes at once: back-pressure.
//!   The slot is freed when the packet's tail has left over its last branch.
//! - The packet at the head of a queue asks for all its branches at once; each starts when its output is free
//!   (asynchronous replication). Outputs serve requests first come, first served; requests of the same
//!   picosecond in order of the events that made them, which is fixed by the order of injection.
//! - A source queue is unbounded.
//!
//! Dimension-order trees cannot deadlock here: branches wait only for links that come later in an acyclic order
//! (see [`crate::DimensionOrder`]), every branch proceeds by itself, and ejection always does.

use super::{Fate, Injection, Level, Noc, TickOutcome, Verdict, VerdictSink};
use crate::counters::{EndpointCounters, LinkCounters, NocCounters};
use crate::route::{RouteId, RouteTable};
use crate::topology::{EndpointId, Topology};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

/// Depths of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Packets in the queue behind each link and each injection connection; 0 is taken as 1.
    pub packets: u32,
}

/// Absolute time beyond which a drained network starts again at 0: 13 days.
const REWIND_PS: u64 = 1 << 60;

/// A connection: links first, then one injection and one ejection connection for each endpoint.
type Connection = usize;

/// What a packet does next at a router.
#[derive(Clone, Copy, Debug)]
enum Output {
    /// Crosses the route's link of this position.
    Link(u32),
    /// Leaves by the route's leg of this position.
    Leg(u32),
}

/// Outputs of each node of each route's tree; node 0 is the source's router, node i + 1 the end of link i.
#[derive(Debug)]
struct Forks {
    first_node: Vec<u32>,
    ends: Vec<u32>,
    outputs: Vec<Output>,
}

impl Forks {
    fn new(routes: &RouteTable) -> Self {
        let mut forks = Forks { first_node: Vec::new(), ends: Vec::new(), outputs: Vec::new() };
        for route in (0..routes.len() as u32).map(RouteId) {
            forks.first_node.push(forks.ends.len() as u32);
            let (links, legs) = (routes.links(route), routes.legs(route));
            let source = routes.source(route);
            let mut nodes: Vec<Vec<Output>> = vec![Vec::new(); links.len() + 1];
            for (i, step) in links.iter().enumerate() {
                nodes[step.parent().map_or(0, |p| p as usize + 1)].push(Output::Link(i as u32));
            }
            for (i, leg) in legs.iter().enumerate() {
                if leg.lost.is_none() && leg.destination != source {
                    nodes[leg.via().map_or(0, |p| p as usize + 1)].push(Output::Leg(i as u32));
                }
            }
            for outputs in nodes {
                forks.outputs.extend(outputs);
                forks.ends.push(forks.outputs.len() as u32);
            }
        }
        forks
    }

    fn outputs(&self, route: RouteId, node: u32) -> &[Output] {
        let i = (self.first_node[route.index()] + node) as usize;
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.outputs[start as usize..self.ends[i] as usize]
    }
}

/// A packet in a queue, or on its way to one.
#[derive(Clone, Copy, Debug)]
struct Stored {
    route: RouteId,
    node: u32,
    flits: u16,
    tag: u32,
    injected_ps: u64,
    slowest_ps: u64,
    branches_left: u32,
    tail_out_ps: u64,
    queue: Connection,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    packet: u32,
    output: Option<Output>,
    since_ps: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Inject { packet: u32 },
    HeadArrives { packet: u32 },
    Wake { connection: Connection },
    SlotFree { connection: Connection },
    Arrives { route: RouteId, leg: u32, tag: u32, injected_ps: u64 },
}

/// The packet level.
#[derive(Clone, Debug)]
pub struct PacketNoc {
    topology: Arc<Topology>,
    routes: Arc<RouteTable>,
    forks: Arc<Forks>,
    slots: u32,
    /// (latency, flit time) of each connection.
    timing: Vec<(u64, u64)>,
    busy_until: Vec<u64>,
    wake_set: Vec<bool>,
    requests: Vec<VecDeque<Request>>,
    queues: Vec<VecDeque<u32>>,
    occupied: Vec<u32>,
    stored: Vec<Stored>,
    free: Vec<u32>,
    /// Packets that have become the head of their queue and have not asked for their branches yet.
    heads: VecDeque<u32>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    /// Absolute time of the current call's time 0.
    base_ps: u64,
    /// Latest time any connection is occupied.
    horizon_ps: u64,
    counters: NocCounters,
}

impl PacketNoc {
    /// A silent network with these routes.
    pub fn new(topology: Arc<Topology>, routes: Arc<RouteTable>, limits: QueueLimits) -> Self {
        let links = topology.links().iter().map(|link| {
            let class = &topology.link_classes()[link.class.index()];
            (class.latency_ps, class.flit_ps)
        });
        let injects = topology.endpoints().iter().map(|e| (e.local.inject_ps, e.local.flit_ps));
        let ejects = topology.endpoints().iter().map(|e| (e.local.eject_ps, e.local.flit_ps));
        let timing: Vec<_> = links.chain(injects).chain(ejects).collect();
        let connections = timing.len();
        let forks = Arc::new(Forks::new(&routes));
        let counters = Self::silent(&topology);
        Self {
            topology,
            routes,
            forks,
            slots: limits.packets.max(1),
            timing,
            busy_until: vec![0; connections],
            wake_set: vec![false; connections],
            requests: vec![VecDeque::new(); connections],
            queues: vec![VecDeque::new(); connections],
            occupied: vec![0; connections],
            stored: Vec::new(),
            free: Vec::new(),
            heads: VecDeque::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            base_ps: 0,
            horizon_ps: 0,
            counters,
        }
    }

    fn silent(topology: &Topology) -> NocCounters {
        let classes = topology.link_classes().len();
        NocCounters {
            links: vec![LinkCounters::default(); topology.links().len()],
            endpoints: vec![EndpointCounters::default(); topology.endpoints().len()],
            crossings: vec![0; classes],
            flit_crossings: vec![0; classes],
            ..NocCounters::default()
        }
    }

    fn inject_connection(&self, endpoint: EndpointId) -> Connection {
        self.topology.links().len() + endpoint.index()
    }

    fn eject_connection(&self, endpoint: EndpointId) -> Connection {
        self.topology.links().len() + self.topology.endpoints().len() + endpoint.index()
    }

    /// Ejection connections lead out of the network, so no queue limits them.
    fn has_queue(&self, connection: Connection) -> bool {
        connection < self.topology.links().len() + self.topology.endpoints().len()
    }

    fn schedule(&mut self, at_ps: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at_ps, self.sequence, event)));
    }

    fn store(&mut self, packet: Stored) -> u32 {
        if let Some(id) = self.free.pop() {
            self.stored[id as usize] = packet;
            id
        } else {
            self.stored.push(packet);
            self.stored.len() as u32 - 1
        }
    }

    fn connection_of(&self, packet: u32, output: Option<Output>) -> Connection {
        let route = self.stored[packet as usize].route;
        match output {
            None => self.inject_connection(self.routes.source(route)),
            Some(Output::Link(i)) => self.routes.links(route)[i as usize].link.index(),
            Some(Output::Leg(i)) => self.eject_connection(self.routes.legs(route)[i as usize].destination),
        }
    }

    fn request(&mut self, packet: u32, output: Option<Output>, now: u64) {
        let connection = self.connection_of(packet, output);
        self.requests[connection].push_back(Request { packet, output, since_ps: now });
        self.serve(connection, now);
    }

    /// The packet has become the head of its queue: it asks for all its branches.
    fn become_head(&mut self, packet: u32, now: u64) {
        let Stored { route, node, .. } = self.stored[packet as usize];
        let forks = Arc::clone(&self.forks);
        let outputs = forks.outputs(route, node);
        self.stored[packet as usize].branches_left = outputs.len() as u32;
        if outputs.is_empty() {
            self.leave_queue(packet, now); // All that lay beyond is lost behind dead links.
        }
        for &output in outputs {
            self.request(packet, Some(output), now);
        }
    }

    fn serve(&mut self, connection: Connection, now: u64) {
        while let Some(&request) = self.requests[connection].front() {
            if self.busy_until[connection] > now {
                if !self.wake_set[connection] {
                    self.wake_set[connection] = true;
                    self.schedule(self.busy_until[connection], Event::Wake { connection });
                }
                return;
            }
            if self.has_queue(connection) && self.occupied[connection] >= self.slots {
                return; // A freed slot calls again.
            }
            self.requests[connection].pop_front();
            self.start(connection, request, now);
        }
    }

    fn start(&mut self, connection: Connection, request: Request, now: u64) {
        let (latency_ps, flit_ps) = self.timing[connection];
        let packet = self.stored[request.packet as usize];
        let slowest_ps = packet.slowest_ps.max(flit_ps);
        let occupied_ps = u64::from(packet.flits) * slowest_ps;
        self.busy_until[connection] = now + occupied_ps;
        self.horizon_ps = self.horizon_ps.max(now + occupied_ps);
        match request.output {
            Some(Output::Leg(leg)) => {
                let tail_ps = now + latency_ps + u64::from(packet.flits - 1) * slowest_ps;
                let (route, tag, injected_ps) = (packet.route, packet.tag, packet.injected_ps);
                self.schedule(tail_ps, Event::Arrives { route, leg, tag, injected_ps });
            }
            output => {
                self.occupied[connection] += 1;
                let node = match output {
                    Some(Output::Link(i)) => {
                        let class = self.topology.links()[connection].class.index();
                        self.counters.crossings[class] += 1;
                        self.counters.flit_crossings[class] += u64::from(packet.flits);
                        let link = &mut self.counters.links[connection];
                        link.packets += 1;
                        link.flits += u64::from(packet.flits);
                        link.stall_ps += now - request.since_ps;
                        link.peak_queue = link.peak_queue.max(self.occupied[connection]);
                        i + 1
                    }
                    _ => 0,
                };
                let next = self.store(Stored { node, slowest_ps, queue: connection, ..packet });
                self.schedule(now + latency_ps, Event::HeadArrives { packet: next });
            }
        }
        if request.output.is_none() {
            self.free.push(request.packet); // The source queue's record; the copy goes on by itself.
            return;
        }
        let stored = &mut self.stored[request.packet as usize];
        stored.branches_left -= 1;
        stored.tail_out_ps = stored.tail_out_ps.max(now + occupied_ps);
        if stored.branches_left == 0 {
            self.leave_queue(request.packet, now);
        }
    }

    /// All branches have started: the slot is free once the tail has gone, the next packet asks at once.
    fn leave_queue(&mut self, packet: u32, now: u64) {
        let Stored { queue, tail_out_ps, .. } = self.stored[packet as usize];
        self.free.push(packet);
        self.queues[queue].pop_front();
        self.schedule(tail_out_ps.max(now), Event::SlotFree { connection: queue });
        // A list, not a call: a long queue must not become a deep stack.
        self.heads.extend(self.queues[queue].front());
    }

    fn handle(&mut self, now: u64, event: Event, verdicts: &mut VerdictSink<'_>, end_ps: &mut u64) {
        match event {
            Event::Inject { packet } => self.request(packet, None, now),
            Event::HeadArrives { packet } => {
                let queue = self.stored[packet as usize].queue;
                self.queues[queue].push_back(packet);
                if self.queues[queue].len() == 1 {
                    self.heads.push_back(packet);
                }
            }
            Event::Wake { connection } => {
                self.wake_set[connection] = false;
                self.serve(connection, now);
            }
            Event::SlotFree { connection } => {
                self.occupied[connection] -= 1;
                self.serve(connection, now);
            }
            Event::Arrives { route, leg, tag, injected_ps } => {
                let leg = self.routes.legs(route)[leg as usize];
                let source = self.routes.source(route);
                self.counters.count_arrival(&self.topology, source, &leg, now - injected_ps, 1);
                self.counters.in_flight -= 1;
                self.counters.endpoints[leg.destination.index()].ejected += 1;
                let at_ps = now - self.base_ps;
                *end_ps = (*end_ps).max(at_ps);
                let fate = Fate::Arrived { at_ps };
                verdicts.push(Verdict { tag, route, destination: leg.destination, fate });
            }
        }
        while let Some(head) = self.heads.pop_front() {
            self.become_head(head, now);
        }
    }

    fn inject(&mut self, injection: &Injection, verdicts: &mut VerdictSink<'_>) {
        let &Injection { at_ps, route, flits, tag, .. } = injection;
        let now = self.base_ps + at_ps;
        let routes = Arc::clone(&self.routes);
        let source = routes.source(route);
        self.counters.packets += 1;
        self.counters.endpoints[source.index()].injected += 1;
        let mut enters = false;
        for (i, leg) in routes.legs(route).iter().enumerate() {
            self.counters.copies_owed += 1;
            if let Some(cause) = leg.lost {
                *self.counters.dropped.entry(cause).or_default() += 1;
                let fate = Fate::Dropped(cause);
                verdicts.push(Verdict { tag, route, destination: leg.destination, fate });
                continue;
            }
            self.counters.in_flight += 1;
            if leg.destination == source {
                let event = Event::Arrives { route, leg: i as u32, tag, injected_ps: now };
                self.schedule(now + leg.latency_ps(flits), event);
            } else {
                enters = true;
            }
        }
        // A packet whose remote copies are all lost still crosses the links before the dead one, as the
        // analytic level counts it.
        if enters || !routes.links(route).is_empty() {
            let packet = self.store(Stored {
                route,
                node: 0,
                flits: flits.max(1),
                tag,
                injected_ps: now,
                slowest_ps: 0,
                branches_left: 0,
                tail_out_ps: now,
                queue: 0,
            });
            self.schedule(now, Event::Inject { packet });
        }
    }
}

impl Noc for PacketNoc {
    fn level(&self) -> Level {
        Level::Packet
    }

    fn run_tick(
        &mut self,
        injections: &[Injection],
        until_ps: Option<u64>,
        verdicts: &mut VerdictSink<'_>,
    ) -> TickOutcome {
        for injection in injections {
            self.inject(injection, verdicts);
        }
        let limit = until_ps.map(|until| self.base_ps + until);
        let mut end_ps = 0;
        while let Some(&Reverse((now, _, event))) = self.events.peek() {
            if limit.is_some_and(|limit| now > limit) {
                break;
            }
            self.events.pop();
            self.horizon_ps = self.horizon_ps.max(now);
            self.handle(now, event, verdicts, &mut end_ps);
        }
        // A drained network is idle from its horizon on, so the next call may start there.
        self.base_ps = limit.unwrap_or(self.horizon_ps);
        if self.base_ps > REWIND_PS && self.events.is_empty() && self.horizon_ps <= self.base_ps {
            // Nothing is under way or occupied any more: time may start again before it leaves 64 bits.
            self.busy_until.fill(0);
            (self.base_ps, self.horizon_ps) = (0, 0);
        }
        TickOutcome { end_ps, in_flight: self.counters.in_flight }
    }

    fn counters(&self) -> NocCounters {
        self.counters.clone()
    }

    fn reset(&mut self) {
        self.busy_until.fill(0);
        self.wake_set.fill(false);
        self.requests.iter_mut().for_each(VecDeque::clear);
        self.queues.iter_mut().for_each(VecDeque::clear);
        self.occupied.fill(0);
        self.stored.clear();
        self.free.clear();
        self.heads.clear();
        self.events.clear();
        (self.sequence, self.base_ps, self.horizon_ps) = (0, 0, 0);
        self.counters = Self::silent(&self.topology);
    }
}
