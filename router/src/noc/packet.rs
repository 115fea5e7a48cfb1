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

use super::calendar::Calendar;
use super::{Fate, Injection, Level, Noc, TickOutcome, Verdict, VerdictSink};
use crate::counters::{EndpointCounters, LinkCounters, NocCounters};
use crate::route::{RouteId, RouteTable};
use crate::topology::{EndpointId, Topology};
use std::collections::VecDeque;
use std::sync::Arc;

/// Depths of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Packets in the queue behind each link and each injection connection; 0 is taken as 1.
    pub packets: u32,
}

/// Absolute time beyond which a drained network starts again at 0: 13 days.
const REWIND_PS: u64 = 1 << 60;

/// What a packet does next at a router.
#[derive(Clone, Copy, Debug)]
struct Output {
    /// Links first, then one injection and one ejection connection for each endpoint.
    connection: u32,
    /// Node of the route at the other end, or the leg it leaves by.
    to: u32,
}

/// Outputs of each node of each route's tree; node 0 is the source's router, node i + 1 the end of link i.
#[derive(Debug)]
struct Forks {
    first_node: Vec<u32>,
    ends: Vec<u32>,
    outputs: Vec<Output>,
}

impl Forks {
    fn new(topology: &Topology, routes: &RouteTable) -> Self {
        let ejections = (topology.links().len() + topology.endpoints().len()) as u32;
        let mut forks = Forks { first_node: Vec::new(), ends: Vec::new(), outputs: Vec::new() };
        for route in (0..routes.len() as u32).map(RouteId) {
            forks.first_node.push(forks.ends.len() as u32);
            let (links, legs) = (routes.links(route), routes.legs(route));
            let source = routes.source(route);
            let mut nodes: Vec<Vec<Output>> = vec![Vec::new(); links.len() + 1];
            for (i, step) in links.iter().enumerate() {
                let output = Output { connection: step.link.0, to: i as u32 + 1 };
                nodes[step.parent().map_or(0, |p| p as usize + 1)].push(output);
            }
            for (i, leg) in legs.iter().enumerate() {
                if leg.lost.is_none() && leg.destination != source {
                    let output = Output { connection: ejections + leg.destination.0, to: i as u32 };
                    nodes[leg.via().map_or(0, |p| p as usize + 1)].push(output);
                }
            }
            for outputs in nodes {
                forks.outputs.extend(outputs);
                forks.ends.push(forks.outputs.len() as u32);
            }
        }
        forks
    }

    fn outputs(&self, route: RouteId, node: u32) -> std::ops::Range<usize> {
        let i = (self.first_node[route.index()] + node) as usize;
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[i] as usize
    }
}

/// A packet in a queue, or on its way to one or out.
#[derive(Clone, Copy, Debug)]
struct Stored {
    route: RouteId,
    /// The node it is at or on its way to; the leg once it is on its way out.
    node: u32,
    flits: u16,
    branches_left: u32,
    tag: u32,
    /// The connection whose queue it is in.
    queue: u32,
    injected_ps: u64,
    slowest_ps: u64,
    tail_out_ps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    packet: u32,
    to: u32,
    since_ps: u64,
}

/// What happens: the kind in the upper two bits, and a packet or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event(u32);

const KIND: u32 = 30;
/// A packet is at the end of its connection: at the source's queue, at a router, or out.
const INJECT: u32 = 0;
const HEAD_ARRIVES: u32 = 1;
const ARRIVES: u32 = 2;
/// A connection can serve again.
const WAKE: u32 = 3;

impl Event {
    fn new(kind: u32, index: u32) -> Self {
        Self(kind << KIND | index)
    }
}

/// A connection and the queue behind it.
#[derive(Clone, Debug, Default)]
struct Connection {
    latency_ps: u64,
    flit_ps: u64,
    busy_until: u64,
    /// Slots of the queue in use, those included whose time to be free has not come.
    occupied: u32,
    /// Times at which slots become free, ascending.
    freed: VecDeque<u64>,
    /// When it is to be looked at again; `u64::MAX` if it is not.
    wake_at: u64,
    requests: VecDeque<Request>,
    queue: VecDeque<u32>,
    packets: u64,
    flits: u64,
    stall_ps: u64,
    peak_queue: u32,
}

impl Connection {
    fn slots_in_use(&mut self, now: u64) -> u32 {
        while self.freed.front().is_some_and(|&at| at <= now) {
            self.freed.pop_front();
            self.occupied -= 1;
        }
        self.occupied
    }

    /// A slot becomes free at a time. Long packets to different outputs may free theirs out of order.
    fn free_slot(&mut self, at: u64) {
        let later = self.freed.iter().rev().take_while(|&&other| other > at).count();
        self.freed.insert(self.freed.len() - later, at);
    }

    fn clear(&mut self) {
        *self =
            Self { latency_ps: self.latency_ps, flit_ps: self.flit_ps, wake_at: u64::MAX, ..Self::default() };
    }
}

/// The packet level.
#[derive(Clone, Debug)]
pub struct PacketNoc {
    topology: Arc<Topology>,
    routes: Arc<RouteTable>,
    forks: Arc<Forks>,
    slots: u32,
    /// Links first, then one injection and one ejection connection for each endpoint.
    connections: Vec<Connection>,
    /// First ejection connection: those have no queue.
    ejections: u32,
    stored: Vec<Stored>,
    free: Vec<u32>,
    /// Packets that have become the head of their queue and have not asked for their branches yet.
    heads: VecDeque<u32>,
    events: Calendar,
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
        let connections: Vec<_> = links
            .chain(injects)
            .chain(ejects)
            .map(|(latency_ps, flit_ps)| Connection {
                latency_ps,
                flit_ps,
                wake_at: u64::MAX,
                ..Connection::default()
            })
            .collect();
        let longest = connections.iter().map(|c| c.latency_ps.max(c.flit_ps)).max().unwrap_or(1);
        let forks = Arc::new(Forks::new(&topology, &routes));
        let counters = Self::silent(&topology);
        let ejections = (topology.links().len() + topology.endpoints().len()) as u32;
        Self {
            topology,
            routes,
            forks,
            slots: limits.packets.max(1),
            connections,
            ejections,
            stored: Vec::new(),
            free: Vec::new(),
            heads: VecDeque::new(),
            events: Calendar::new(longest),
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

    fn inject_connection(&self, endpoint: EndpointId) -> u32 {
        self.topology.links().len() as u32 + endpoint.0
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

    fn request(&mut self, packet: u32, output: Output, now: u64) {
        let id = output.connection;
        let connection = &mut self.connections[id as usize];
        let request = Request { packet, to: output.to, since_ps: now };
        let is_free = connection.requests.is_empty() && connection.busy_until <= now;
        if is_free && (id >= self.ejections || connection.slots_in_use(now) < self.slots) {
            return self.start(id, request, now);
        }
        connection.requests.push_back(request);
        self.serve(id, now);
    }

    /// The packet has become the head of its queue: it asks for all its branches.
    fn become_head(&mut self, packet: u32, now: u64) {
        let Stored { route, node, .. } = self.stored[packet as usize];
        let outputs = self.forks.outputs(route, node);
        self.stored[packet as usize].branches_left = outputs.len() as u32;
        if outputs.is_empty() {
            // All that lay beyond is lost behind dead links.
            let Stored { queue, tail_out_ps, .. } = self.stored[packet as usize];
            self.leave_queue(queue, tail_out_ps.max(now), now);
            self.free.push(packet);
        }
        for i in outputs {
            let output = self.forks.outputs[i];
            self.request(packet, output, now);
        }
    }

    fn serve(&mut self, id: u32, now: u64) {
        loop {
            let connection = &mut self.connections[id as usize];
            let Some(&request) = connection.requests.front() else { return };
            let mut again = u64::MAX;
            if connection.busy_until > now {
                again = connection.busy_until;
            } else if id < self.ejections && connection.slots_in_use(now) >= self.slots {
                // If no slot is about to be free, the packet that leaves the queue calls again.
                again = connection.freed.front().copied().unwrap_or(u64::MAX);
                if again == u64::MAX {
                    return;
                }
            }
            if again != u64::MAX {
                if connection.wake_at > again {
                    connection.wake_at = again;
                    self.events.schedule(again, Event::new(WAKE, id).0);
                }
                return;
            }
            connection.requests.pop_front();
            self.start(id, request, now);
        }
    }

    fn start(&mut self, id: u32, request: Request, now: u64) {
        let packet = self.stored[request.packet as usize];
        let connection = &mut self.connections[id as usize];
        let slowest_ps = packet.slowest_ps.max(connection.flit_ps);
        let occupied_ps = u64::from(packet.flits) * slowest_ps;
        let latency_ps = connection.latency_ps;
        connection.busy_until = now + occupied_ps;
        self.horizon_ps = self.horizon_ps.max(now + occupied_ps);
        let (kind, at) = if id >= self.ejections {
            (ARRIVES, now + latency_ps + u64::from(packet.flits - 1) * slowest_ps)
        } else {
            connection.occupied += 1;
            connection.packets += 1;
            connection.flits += u64::from(packet.flits);
            connection.stall_ps += now - request.since_ps;
            connection.peak_queue = connection.peak_queue.max(connection.occupied);
            (HEAD_ARRIVES, now + latency_ps)
        };
        let next = Stored { node: request.to, slowest_ps, queue: id, ..packet };
        let tail_out_ps = packet.tail_out_ps.max(now + occupied_ps);
        let injects = id >= self.topology.links().len() as u32 && id < self.ejections;
        if injects || packet.branches_left == 1 {
            // The last copy goes on in the packet's own record.
            self.stored[request.packet as usize] = Stored { tail_out_ps: 0, ..next };
            self.events.schedule(at, Event::new(kind, request.packet).0);
            if !injects {
                self.leave_queue(packet.queue, tail_out_ps, now);
            }
            return;
        }
        let stored = &mut self.stored[request.packet as usize];
        stored.branches_left -= 1;
        stored.tail_out_ps = tail_out_ps;
        let copy = self.store(Stored { tail_out_ps: 0, ..next });
        self.events.schedule(at, Event::new(kind, copy).0);
    }

    /// All branches of a queue's head have started: its slot is free once the tail has gone, the next packet asks at once.
    fn leave_queue(&mut self, queue: u32, tail_out_ps: u64, now: u64) {
        let connection = &mut self.connections[queue as usize];
        connection.queue.pop_front();
        let free_at = tail_out_ps.max(now);
        connection.free_slot(free_at);
        if !connection.requests.is_empty() && connection.wake_at > free_at {
            connection.wake_at = free_at;
            self.events.schedule(free_at, Event::new(WAKE, queue).0);
        }
        // A list, not a call: a long queue must not become a deep stack.
        self.heads.extend(connection.queue.front());
    }

    fn handle(&mut self, now: u64, event: Event, verdicts: &mut VerdictSink<'_>, end_ps: &mut u64) {
        let index = event.0 & ((1 << KIND) - 1);
        match event.0 >> KIND {
            INJECT => {
                let source = self.routes.source(self.stored[index as usize].route);
                let connection = self.inject_connection(source);
                self.request(index, Output { connection, to: 0 }, now);
            }
            HEAD_ARRIVES => {
                let queue = &mut self.connections[self.stored[index as usize].queue as usize].queue;
                queue.push_back(index);
                if queue.len() == 1 {
                    self.heads.push_back(index);
                }
            }
            ARRIVES => self.arrive(index, now, verdicts, end_ps),
            _ => {
                let connection = &mut self.connections[index as usize];
                if connection.wake_at <= now {
                    connection.wake_at = u64::MAX;
                }
                self.serve(index, now);
            }
        }
        while let Some(head) = self.heads.pop_front() {
            self.become_head(head, now);
        }
    }

    fn arrive(&mut self, packet: u32, now: u64, verdicts: &mut VerdictSink<'_>, end_ps: &mut u64) {
        let Stored { route, node, tag, injected_ps, .. } = self.stored[packet as usize];
        self.free.push(packet);
        let leg = self.routes.legs(route)[node as usize];
        let source = self.routes.source(route);
        self.counters.count_arrival(&self.topology, source, &leg, now - injected_ps, 1);
        self.counters.in_flight -= 1;
        self.counters.endpoints[leg.destination.index()].ejected += 1;
        let at_ps = now - self.base_ps;
        *end_ps = (*end_ps).max(at_ps);
        let fate = Fate::Arrived { at_ps };
        verdicts.push(Verdict { tag, route, destination: leg.destination, fate });
    }

    fn inject(&mut self, injection: &Injection, verdicts: &mut VerdictSink<'_>) {
        let &Injection { at_ps, route, flits, tag, .. } = injection;
        let now = self.base_ps + at_ps;
        let routes = Arc::clone(&self.routes);
        let source = routes.source(route);
        self.counters.packets += 1;
        self.counters.endpoints[source.index()].injected += 1;
        let packet = Stored {
            route,
            node: 0,
            flits: flits.max(1),
            branches_left: 0,
            tag,
            queue: 0,
            injected_ps: now,
            slowest_ps: 0,
            tail_out_ps: now,
        };
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
                let looped = self.store(Stored { node: i as u32, ..packet });
                self.events.schedule(now + leg.latency_ps(flits), Event::new(ARRIVES, looped).0);
            } else {
                enters = true;
            }
        }
        // A packet whose remote copies are all lost still crosses the links before the dead one, as the
        // analytic level counts it.
        if enters || !routes.links(route).is_empty() {
            let stored = self.store(packet);
            self.events.schedule(now, Event::new(INJECT, stored).0);
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
        while let Some(now) = self.events.next() {
            if limit.is_some_and(|limit| now > limit) {
                break;
            }
            let Some((now, event)) = self.events.pop() else { break };
            self.horizon_ps = self.horizon_ps.max(now);
            self.handle(now, Event(event), verdicts, &mut end_ps);
        }
        // A drained network is idle from its horizon on, so the next call may start there.
        self.base_ps = limit.unwrap_or(self.horizon_ps);
        if self.base_ps > REWIND_PS && self.events.is_empty() && self.horizon_ps <= self.base_ps {
            // Nothing is under way or occupied any more: time may start again before it leaves 64 bits.
            for connection in &mut self.connections {
                connection.slots_in_use(self.horizon_ps);
                connection.busy_until = 0;
            }
            self.events.clear();
            (self.base_ps, self.horizon_ps) = (0, 0);
        }
        TickOutcome { end_ps, in_flight: self.counters.in_flight }
    }

    fn counters(&self) -> NocCounters {
        let mut counters = self.counters.clone();
        for (i, link) in self.topology.links().iter().enumerate() {
            let connection = &self.connections[i];
            let class = link.class.index();
            counters.crossings[class] += connection.packets;
            counters.flit_crossings[class] += connection.flits;
            counters.links[i] = LinkCounters {
                packets: connection.packets,
                flits: connection.flits,
                stall_ps: connection.stall_ps,
                peak_queue: connection.peak_queue,
            };
        }
        counters
    }

    fn reset(&mut self) {
        self.connections.iter_mut().for_each(Connection::clear);
        self.stored.clear();
        self.free.clear();
        self.heads.clear();
        self.events.clear();
        (self.base_ps, self.horizon_ps) = (0, 0);
        self.counters = Self::silent(&self.topology);
    }
}
