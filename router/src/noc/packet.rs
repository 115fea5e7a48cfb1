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
//! - A source queue is unbounded. A core has room for a number of packets that it has not begun to work on, if somebody
//!   says when it does; a packet for a full core waits in the queue before it, and holds up those behind.
//!
//! Dimension-order trees cannot deadlock here: branches wait only for links that come later in an acyclic order
//! (see [`crate::DimensionOrder`]), every branch proceeds by itself, and ejection does in the end.

use super::calendar::Calendar;
use super::lists::{List, Lists};
use super::order::ByTime;
use super::{Fate, Injection, Level, Noc, TickOutcome, Verdict, VerdictSink};
use crate::counters::{EndpointCounters, LatencyHistogram, LinkCounters, NocCounters};
use crate::route::{RouteId, RouteTable};
use crate::topology::{EndpointId, Topology};
use std::collections::VecDeque;
use std::sync::Arc;

/// Depths of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Packets in the queue behind each link and each injection connection; 0 is taken as 1.
    pub packets: u32,
    /// Packets on their way out to a core or arrived there, while whoever receives them has not made room
    /// ([`VerdictSink::Receive`]); `None` is any number, 0 is taken as 1.
    pub receive: Option<u32>,
}

/// Absolute time beyond which a drained network starts again at 0: 13 days.
const REWIND_PS: u64 = 1 << 60;

/// What a packet does next at a router.
#[derive(Clone, Copy, Debug)]
struct Output {
    /// Links first, then one injection and one ejection connection for each endpoint.
    connection: u32,
    /// Node at the other end, or the leg it leaves by, of those of all routes.
    to: u32,
}

/// Set in the connection of a node that has not just one output: the rest is their number, `to` where they start.
const MANY: u32 = 1 << 31;

/// What is to do when a packet is sent.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// The source's injection connection, to the source's router in the route's tree.
    output: Output,
    /// Place of the route's first leg among those of all routes.
    first_leg: u32,
    /// Copies that are not lost.
    copies: u32,
    /// Whether it enters the network. One whose remote copies are all lost still crosses the links before the dead one, as
    /// the analytic level counts it.
    enters: bool,
    /// Whether a copy is lost, or returns to its source over no connection.
    has_shorts: bool,
}

/// Outputs of each node of each route's tree: first the source's router, then the end of each link.
#[derive(Debug)]
struct Forks {
    starts: Vec<Start>,
    /// The output of a node, so that most packets go on after one look.
    nodes: Vec<Output>,
    /// Outputs of the nodes that have not just one.
    outputs: Vec<Output>,
}

impl Forks {
    fn new(topology: &Topology, routes: &RouteTable) -> Self {
        let injections = topology.links().len() as u32;
        let ejections = injections + topology.endpoints().len() as u32;
        let mut forks = Forks { starts: Vec::new(), nodes: Vec::new(), outputs: Vec::new() };
        let mut first_leg = 0;
        for route in (0..routes.len() as u32).map(RouteId) {
            let first = forks.nodes.len() as u32;
            let (links, legs) = (routes.links(route), routes.legs(route));
            let source = routes.source(route);
            let copies = legs.iter().filter(|leg| leg.lost.is_none()).count();
            let remote = legs.iter().filter(|leg| leg.lost.is_none() && leg.destination != source).count();
            forks.starts.push(Start {
                output: Output { connection: injections + source.0, to: first },
                first_leg,
                copies: copies as u32,
                enters: remote > 0 || !links.is_empty(),
                has_shorts: remote < legs.len(),
            });
            let mut nodes: Vec<Vec<Output>> = vec![Vec::new(); links.len() + 1];
            for (i, step) in links.iter().enumerate() {
                let output = Output { connection: step.link.0, to: first + i as u32 + 1 };
                nodes[step.parent().map_or(0, |p| p as usize + 1)].push(output);
            }
            for (i, leg) in legs.iter().enumerate() {
                if leg.lost.is_none() && leg.destination != source {
                    let output = Output { connection: ejections + leg.destination.0, to: first_leg + i as u32 };
                    nodes[leg.via().map_or(0, |p| p as usize + 1)].push(output);
                }
            }
            for outputs in nodes {
                if let [output] = outputs[..] {
                    forks.nodes.push(output);
                    continue;
                }
                let start = forks.outputs.len() as u32;
                forks.nodes.push(Output { connection: MANY | outputs.len() as u32, to: start });
                forks.outputs.extend(outputs);
            }
            first_leg += legs.len() as u32;
        }
        forks
    }
}

/// A packet in a queue, or on its way to one or out: a line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Stored {
    injected_ps: u64,
    slowest_ps: u64,
    tail_out_ps: u64,
    route: RouteId,
    /// Where it goes on from the node it is at or on its way to, looked up ahead of need; on its way out only the leg.
    next: Output,
    branches_left: u32,
    tag: u32,
    /// The connection whose queue it is in or on its way to.
    queue: u32,
    flits: u16,
}

/// A packet that waits for a connection.
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

/// No time.
const NEVER: u64 = u64::MAX;

/// A connection and the queue behind it: a line of the cache, with all that a packet touches that waits for nothing.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Connection {
    latency_ps: u64,
    flit_ps: u64,
    busy_until: u64,
    /// When the next slot becomes free; `NEVER` if all of `occupied` are in use.
    next_free: u64,
    packets: u64,
    /// Slots of the queue in use, those included whose time to be free has not come.
    occupied: u32,
    peak_queue: u32,
    /// Packets that the queue holds.
    slots: u32,
    /// Times after `next_free` at which further slots become free, ascending.
    freed: List,
    requests: List,
    queue: List,
}

/// What of a connection only matters when packets wait or are longer than a flit.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When the connection is to be looked at again; `NEVER` if it is not.
    wake_at: u64,
    stall_ps: u64,
    /// Flits that crossed it, the first of each packet not counted.
    further_flits: u64,
}

impl Waiting {
    const NOTHING: Waiting = Waiting { wake_at: NEVER, stall_ps: 0, further_flits: 0 };
}

impl Connection {
    /// A silent one.
    fn new(latency_ps: u64, flit_ps: u64, slots: u32) -> Self {
        Self {
            latency_ps,
            flit_ps,
            busy_until: 0,
            next_free: NEVER,
            packets: 0,
            occupied: 0,
            peak_queue: 0,
            slots,
            freed: List::EMPTY,
            requests: List::EMPTY,
            queue: List::EMPTY,
        }
    }

    /// A packet on its way to the queue takes a slot of it.
    #[inline(always)]
    fn take_slot(&mut self) {
        self.occupied += 1;
        self.packets += 1;
        self.peak_queue = self.peak_queue.max(self.occupied);
    }
}

/// The copies of a leg that arrived: what they have in common is counted when somebody asks.
#[derive(Clone, Copy, Debug)]
struct LegUse {
    destination: EndpointId,
    /// Latency of one flit without contention.
    zero_load_ps: u64,
    arrived: u64,
    /// Those whose latency was that.
    unhindered: u64,
}

/// The packet level.
#[derive(Clone, Debug)]
pub struct PacketNoc {
    topology: Arc<Topology>,
    routes: Arc<RouteTable>,
    forks: Arc<Forks>,
    /// Links first, then one injection and one ejection connection for each endpoint.
    connections: Vec<Connection>,
    /// More of each of them.
    waiting: Vec<Waiting>,
    /// First injection connection.
    injections: u32,
    /// First ejection connection: those have no queue, but the room of a receiver.
    ejections: u32,
    /// What the connections' lists hold.
    times: Lists<u64>,
    requests: Lists<Request>,
    queues: Lists<u32>,
    stored: Vec<Stored>,
    free: Vec<u32>,
    /// Packets that have become the head of their queue and have not asked for their branches yet.
    heads: VecDeque<u32>,
    events: Calendar,
    /// Packets of this tick that are still to enter.
    entering: ByTime,
    /// Absolute time of the current call's time 0.
    base_ps: u64,
    /// Latest time any connection is occupied.
    horizon_ps: u64,
    /// Arrivals before this time are counted when they are foreseen: nobody can tell, and an event is saved.
    foreseen_until: u64,
    /// Whether copies that leave take room until their receiver says.
    receives: bool,
    /// Absolute time of the last arrival.
    last_arrival: u64,
    /// Packets sent, by route.
    sent: Vec<u64>,
    legs: Vec<LegUse>,
    in_flight: u64,
    /// Latencies of the copies that were hindered or are longer than a flit.
    latency: LatencyHistogram,
}

impl PacketNoc {
    /// A silent network with these routes.
    pub fn new(topology: Arc<Topology>, routes: Arc<RouteTable>, limits: QueueLimits) -> Self {
        let slots = limits.packets.max(1);
        let links = topology.links().iter().map(|link| {
            let class = &topology.link_classes()[link.class.index()];
            Connection::new(class.latency_ps, class.flit_ps, slots)
        });
        let injects =
            topology.endpoints().iter().map(|e| Connection::new(e.local.inject_ps, e.local.flit_ps, slots));
        let ejects = topology.endpoints().iter().zip(0..).map(|(e, id)| {
            let is_core = id < topology.core_count();
            let room = limits.receive.filter(|_| is_core).map_or(u32::MAX, |packets| packets.max(1));
            Connection::new(e.local.eject_ps, e.local.flit_ps, room)
        });
        let connections: Vec<_> = links.chain(injects).chain(ejects).collect();
        let longest = connections.iter().map(|c| c.latency_ps.max(c.flit_ps)).max().unwrap_or(1);
        let forks = Arc::new(Forks::new(&topology, &routes));
        let legs = (0..routes.len() as u32).flat_map(|route| routes.legs(RouteId(route))).map(|leg| LegUse {
            destination: leg.destination,
            zero_load_ps: leg.latency_ps(1),
            arrived: 0,
            unhindered: 0,
        });
        let legs = legs.collect();
        let injections = topology.links().len() as u32;
        let ejections = injections + topology.endpoints().len() as u32;
        Self {
            sent: vec![0; routes.len()],
            legs,
            in_flight: 0,
            latency: LatencyHistogram::default(),
            topology,
            routes,
            forks,
            waiting: vec![Waiting::NOTHING; connections.len()],
            connections,
            injections,
            ejections,
            times: Lists::new(),
            requests: Lists::new(),
            queues: Lists::new(),
            stored: Vec::new(),
            free: Vec::new(),
            heads: VecDeque::new(),
            events: Calendar::new(longest),
            entering: ByTime::default(),
            base_ps: 0,
            horizon_ps: 0,
            foreseen_until: 0,
            receives: false,
            last_arrival: 0,
        }
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

    /// Takes out of account the slots of a queue that have become free.
    #[inline(always)]
    fn settle(&mut self, id: u32, now: u64) {
        let connection = &mut self.connections[id as usize];
        if connection.freed.is_empty() {
            // Without a branch, which nobody could predict.
            let is_free = connection.next_free <= now;
            connection.occupied -= u32::from(is_free);
            connection.next_free |= if is_free { NEVER } else { 0 };
            return;
        }
        while connection.next_free <= now {
            connection.occupied -= 1;
            connection.next_free = self.times.pop(&mut connection.freed).unwrap_or(NEVER);
        }
    }

    /// Whether the queue behind a connection has a free slot; behind one that leads out, whether the receiver has room.
    #[inline(always)]
    fn has_room(&mut self, id: u32, now: u64) -> bool {
        self.settle(id, now);
        let connection = &self.connections[id as usize];
        connection.occupied < connection.slots
    }

    /// A packet's tail will have left a queue: its slot becomes free. Long packets to different outputs may free theirs
    /// out of order.
    #[inline(always)]
    fn free_slot(&mut self, id: u32, at: u64, now: u64) {
        self.settle(id, now);
        let connection = &mut self.connections[id as usize];
        let later = at.max(connection.next_free);
        connection.next_free = at.min(connection.next_free);
        if later != NEVER {
            self.times.insert(&mut connection.freed, later, |&other| other > later);
        }
        if !connection.requests.is_empty() {
            self.wake(id, at);
        }
    }

    /// Whether a connection can send at once, and nobody was there before.
    #[inline(always)]
    fn is_free(&mut self, id: u32, now: u64) -> bool {
        let connection = &self.connections[id as usize];
        connection.requests.is_empty() && connection.busy_until <= now && self.has_room(id, now)
    }

    #[inline(never)]
    fn request(&mut self, packet: u32, output: Output, now: u64) {
        let id = output.connection;
        let request = Request { packet, to: output.to, since_ps: now };
        if self.is_free(id, now) {
            return self.start(id, request, now);
        }
        self.requests.push(&mut self.connections[id as usize].requests, request);
        self.serve(id, now);
    }

    /// The packet has become the head of its queue: it asks for all its branches.
    fn become_head(&mut self, packet: u32, now: u64) {
        let stored = &mut self.stored[packet as usize];
        let output = stored.next;
        if output.connection & MANY == 0 {
            stored.branches_left = 1;
            return self.request(packet, output, now);
        }
        let count = output.connection & !MANY;
        stored.branches_left = count;
        if count == 0 {
            // All that lay beyond is lost behind dead links.
            let Stored { queue: id, tail_out_ps, .. } = *stored;
            let queue = &mut self.connections[id as usize].queue;
            self.queues.pop(queue);
            self.heads.extend(self.queues.first(*queue));
            self.free_slot(id, tail_out_ps.max(now), now);
            self.free.push(packet);
        }
        for i in output.to..output.to + count {
            let output = self.forks.outputs[i as usize];
            self.request(packet, output, now);
        }
    }

    #[inline(never)]
    fn serve(&mut self, id: u32, now: u64) {
        loop {
            let connection = &self.connections[id as usize];
            let Some(request) = self.requests.first(connection.requests) else { return };
            let mut again = NEVER;
            if connection.busy_until > now {
                again = connection.busy_until;
            } else if !self.has_room(id, now) {
                again = self.connections[id as usize].next_free;
                if again == NEVER {
                    // No slot is about to be free: the packet that leaves the queue calls again.
                    return;
                }
            }
            if again != NEVER {
                return self.wake(id, again);
            }
            self.requests.pop(&mut self.connections[id as usize].requests);
            self.start(id, request, now);
        }
    }

    /// The connection is to be looked at again at a time, if not before.
    fn wake(&mut self, id: u32, at: u64) {
        let waiting = &mut self.waiting[id as usize];
        if waiting.wake_at > at {
            waiting.wake_at = at;
            self.events.schedule(at, Event::new(WAKE, id).0);
        }
    }

    /// A connection sends a packet.
    #[inline(never)]
    fn start(&mut self, id: u32, request: Request, now: u64) {
        let packet = &mut self.stored[request.packet as usize];
        let connection = &mut self.connections[id as usize];
        let flits = u64::from(packet.flits);
        let slowest_ps = packet.slowest_ps.max(connection.flit_ps);
        let free_at = now + flits * slowest_ps;
        connection.busy_until = free_at;
        self.horizon_ps = self.horizon_ps.max(free_at);
        let mut at = now + connection.latency_ps;
        let mut next = Output { connection: id, to: request.to };
        let leaves = id >= self.ejections;
        if leaves {
            at += (flits - 1) * slowest_ps;
            connection.occupied += u32::from(self.receives);
        } else {
            next = self.forks.nodes[request.to as usize];
            connection.take_slot();
            let waiting = &mut self.waiting[id as usize];
            waiting.stall_ps += now - request.since_ps;
            waiting.further_flits += flits - 1;
        }
        let from = packet.queue;
        let tail_out_ps = packet.tail_out_ps.max(free_at);
        // A packet that enters the network comes out of no queue.
        let enters = id >= self.injections && id < self.ejections;
        if enters || packet.branches_left == 1 {
            // The last copy goes on in the packet's own record.
            packet.next = next;
            packet.slowest_ps = slowest_ps;
            packet.queue = id;
            packet.tail_out_ps = 0;
            self.foresee(leaves, request.packet, at);
            if !enters {
                let queue = &mut self.connections[from as usize].queue;
                self.queues.pop(queue);
                // A list, not a call: a long queue must not become a deep stack.
                self.heads.extend(self.queues.first(*queue));
                self.free_slot(from, tail_out_ps.max(now), now);
            }
            return;
        }
        packet.branches_left -= 1;
        packet.tail_out_ps = tail_out_ps;
        let copy = Stored { next, slowest_ps, queue: id, tail_out_ps: 0, ..*packet };
        let copy = self.store(copy);
        self.foresee(leaves, copy, at);
    }

    /// A packet alone at the end of its connection, with one output that is free, goes on: [`Self::start`] without the queue.
    #[inline(always)]
    fn pass(&mut self, index: u32, now: u64) {
        let packet = &mut self.stored[index as usize];
        let Output { connection: id, to } = packet.next;
        let connection = &mut self.connections[id as usize];
        let further_flits = u64::from(packet.flits) - 1;
        let slowest_ps = packet.slowest_ps.max(connection.flit_ps);
        let further_ps = further_flits * slowest_ps;
        let free_at = now + slowest_ps + further_ps;
        connection.busy_until = free_at;
        self.horizon_ps = self.horizon_ps.max(free_at);
        let at = now + connection.latency_ps;
        let from = packet.queue;
        if id >= self.ejections {
            packet.next.connection = id;
            connection.occupied += u32::from(self.receives);
            self.foresee(true, index, at + further_ps);
        } else {
            connection.take_slot();
            packet.next = self.forks.nodes[to as usize];
            packet.slowest_ps = slowest_ps;
            packet.queue = id;
            if further_flits > 0 {
                self.waiting[id as usize].further_flits += further_flits;
            }
            self.events.schedule(at, Event::new(HEAD_ARRIVES, index).0);
        }
        self.free_slot(from, free_at, now);
    }

    /// A packet will be at the end of its connection: at a router, or out of the network.
    #[inline(always)]
    fn foresee(&mut self, leaves: bool, packet: u32, at: u64) {
        if !leaves {
            self.events.schedule(at, Event::new(HEAD_ARRIVES, packet).0);
        } else if at < self.foreseen_until {
            self.arrive(packet, at, &mut VerdictSink::Ignore);
        } else {
            self.events.schedule(at, Event::new(ARRIVES, packet).0);
        }
    }

    #[inline(always)]
    fn handle(&mut self, now: u64, event: Event, verdicts: &mut VerdictSink<'_>) {
        let index = event.0 & ((1 << KIND) - 1);
        let kind = event.0 >> KIND;
        if kind == HEAD_ARRIVES {
            let Stored { queue, next: Output { connection, .. }, .. } = self.stored[index as usize];
            let is_head = self.connections[queue as usize].queue.is_empty();
            if is_head && connection & MANY == 0 && self.is_free(connection, now) {
                return self.pass(index, now);
            }
        } else if kind == ARRIVES {
            return self.arrive(index, now, verdicts);
        }
        self.handle_rare(kind, index, now);
    }

    /// What is left of the events when packets wait for nothing.
    #[inline(never)]
    fn handle_rare(&mut self, kind: u32, index: u32, now: u64) {
        if kind == HEAD_ARRIVES {
            let queue = &mut self.connections[self.stored[index as usize].queue as usize].queue;
            let is_head = queue.is_empty();
            self.queues.push(queue, index);
            if is_head {
                self.become_head(index, now);
            }
        } else if kind == INJECT {
            self.request(index, self.stored[index as usize].next, now);
        } else {
            let waiting = &mut self.waiting[index as usize];
            if waiting.wake_at <= now {
                waiting.wake_at = NEVER;
            }
            self.serve(index, now);
        }
        while let Some(head) = self.heads.pop_front() {
            self.become_head(head, now);
        }
    }

    #[inline(always)]
    fn arrive(&mut self, packet: u32, at: u64, verdicts: &mut VerdictSink<'_>) {
        let Stored { route, next, tag, injected_ps, flits, .. } = self.stored[packet as usize];
        self.free.push(packet);
        let leg = &mut self.legs[next.to as usize];
        let latency_ps = at - injected_ps;
        leg.arrived += 1;
        if flits == 1 && latency_ps == leg.zero_load_ps {
            leg.unhindered += 1;
        } else {
            self.latency.record(latency_ps, 1);
        }
        self.in_flight -= 1;
        self.last_arrival = self.last_arrival.max(at);
        self.horizon_ps = self.horizon_ps.max(at);
        let fate = Fate::Arrived { at_ps: at - self.base_ps };
        let room_ps = verdicts.push(Verdict { tag, route, destination: leg.destination, fate });
        // What never left its endpoint took no room there.
        if let Some(room_ps) = room_ps.filter(|_| next.connection >= self.ejections) {
            let free_at = self.base_ps + room_ps;
            self.horizon_ps = self.horizon_ps.max(free_at);
            self.free_slot(next.connection, free_at, at);
        }
    }

    /// A packet before it enters.
    fn new_packet(&self, injection: &Injection) -> Stored {
        let &Injection { at_ps, route, flits, tag, .. } = injection;
        let now = self.base_ps + at_ps;
        Stored {
            route,
            next: self.forks.starts[route.index()].output,
            flits: flits.max(1),
            branches_left: 0,
            tag,
            queue: 0,
            injected_ps: now,
            slowest_ps: 0,
            tail_out_ps: now,
        }
    }

    /// Counts a packet, and settles what becomes of the copies that cross no connection.
    #[inline(always)]
    fn send(&mut self, injection: &Injection, verdicts: &mut VerdictSink<'_>) -> Start {
        let route = injection.route;
        let start = self.forks.starts[route.index()];
        self.sent[route.index()] += 1;
        self.in_flight += u64::from(start.copies);
        if start.has_shorts {
            self.send_shorts(injection, start, verdicts);
        }
        start
    }

    #[inline(never)]
    fn send_shorts(&mut self, injection: &Injection, start: Start, verdicts: &mut VerdictSink<'_>) {
        let &Injection { route, tag, flits, .. } = injection;
        let packet = self.new_packet(injection);
        let routes = Arc::clone(&self.routes);
        for (leg, place) in routes.legs(route).iter().zip(start.first_leg..) {
            if let Some(cause) = leg.lost {
                let fate = Fate::Dropped(cause);
                verdicts.push(Verdict { tag, route, destination: leg.destination, fate });
            } else if leg.destination == routes.source(route) {
                let next = Output { to: place, ..packet.next };
                let looped = self.store(Stored { next, ..packet });
                self.foresee(true, looped, packet.injected_ps + leg.latency_ps(flits));
            }
        }
    }

    /// A packet enters the network.
    #[inline(always)]
    fn enter(&mut self, injection: &Injection, now: u64) {
        self.events.advance(now);
        let mut packet = self.new_packet(injection);
        let output = packet.next;
        if !self.is_free(output.connection, now) {
            let stored = self.store(packet);
            return self.request(stored, output, now);
        }
        let connection = &mut self.connections[output.connection as usize];
        let flits = u64::from(packet.flits);
        connection.take_slot();
        connection.busy_until = now + flits * connection.flit_ps;
        self.horizon_ps = self.horizon_ps.max(connection.busy_until);
        packet.next = self.forks.nodes[output.to as usize];
        packet.slowest_ps = connection.flit_ps;
        packet.queue = output.connection;
        packet.tail_out_ps = 0;
        let at = now + connection.latency_ps;
        let stored = self.store(packet);
        self.events.schedule(at, Event::new(HEAD_ARRIVES, stored).0);
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
        let limit = until_ps.map_or(NEVER, |until| self.base_ps + until);
        self.foreseen_until = if matches!(verdicts, VerdictSink::Ignore) { limit } else { 0 };
        self.receives = matches!(verdicts, VerdictSink::Receive(_));
        self.last_arrival = self.base_ps;
        let end = limit.saturating_add(1);
        // A packet that enters goes before whatever else happens at its time, unless that was under way before.
        let nothing_is_under_way = self.events.is_empty();
        self.entering.clear();
        for (injection, i) in injections.iter().zip(0..) {
            if !self.send(injection, verdicts).enters {
                continue;
            }
            let at = self.base_ps + injection.at_ps;
            if nothing_is_under_way && at < end {
                self.entering.push(at, i);
            } else {
                let packet = self.new_packet(injection);
                let stored = self.store(packet);
                self.events.schedule(at, Event::new(INJECT, stored).0);
            }
        }
        let mut entering = std::mem::take(&mut self.entering);
        let mut to_enter = entering.sort().iter();
        let mut next = to_enter.next();
        let mut last = 0;
        loop {
            if let Some((now, event)) = self.events.pop(next.map_or(end, |next| next.0)) {
                last = now;
                self.handle(now, Event(event), verdicts);
            } else if let Some(&(now, i)) = next {
                last = now;
                self.enter(&injections[i as usize], now);
                next = to_enter.next();
            } else {
                break;
            }
        }
        self.entering = entering;
        self.horizon_ps = self.horizon_ps.max(last);
        let end_ps = self.last_arrival - self.base_ps;
        // A drained network is idle from its horizon on, so the next call may start there.
        self.base_ps = if until_ps.is_some() { limit } else { self.horizon_ps };
        if self.base_ps > REWIND_PS && self.events.is_empty() && self.horizon_ps <= self.base_ps {
            // Nothing is under way or occupied any more: time may start again before it leaves 64 bits.
            for id in 0..self.connections.len() as u32 {
                self.settle(id, self.horizon_ps);
                self.connections[id as usize].busy_until = 0;
            }
            self.events.clear();
            (self.base_ps, self.horizon_ps) = (0, 0);
        }
        TickOutcome { end_ps, in_flight: self.in_flight }
    }

    fn counters(&self) -> NocCounters {
        let classes = self.topology.link_classes().len();
        let mut counters = NocCounters {
            links: vec![LinkCounters::default(); self.topology.links().len()],
            endpoints: vec![EndpointCounters::default(); self.topology.endpoints().len()],
            crossings: vec![0; classes],
            flit_crossings: vec![0; classes],
            latency: self.latency.clone(),
            in_flight: self.in_flight,
            ..NocCounters::default()
        };
        let mut uses = self.legs.iter();
        for (route, &sent) in (0..).map(RouteId).zip(&self.sent) {
            let source = self.routes.source(route);
            counters.packets += sent;
            counters.endpoints[source.index()].injected += sent;
            for (leg, leg_use) in self.routes.legs(route).iter().zip(&mut uses) {
                counters.copies_owed += sent;
                if let Some(cause) = leg.lost.filter(|_| sent > 0) {
                    *counters.dropped.entry(cause).or_default() += sent;
                }
                counters.endpoints[leg.destination.index()].ejected += leg_use.arrived;
                counters.count_arrivals(&self.topology, source, leg, leg_use.arrived);
                counters.latency.record(leg_use.zero_load_ps, leg_use.unhindered);
            }
        }
        for (i, link) in self.topology.links().iter().enumerate() {
            let (connection, waiting) = (&self.connections[i], &self.waiting[i]);
            let class = link.class.index();
            let flits = connection.packets + waiting.further_flits;
            counters.crossings[class] += connection.packets;
            counters.flit_crossings[class] += flits;
            counters.links[i] = LinkCounters {
                packets: connection.packets,
                flits,
                stall_ps: waiting.stall_ps,
                peak_queue: connection.peak_queue,
            };
        }
        counters
    }

    fn reset(&mut self) {
        for connection in &mut self.connections {
            *connection = Connection::new(connection.latency_ps, connection.flit_ps, connection.slots);
        }
        self.waiting.fill(Waiting::NOTHING);
        self.times.clear();
        self.requests.clear();
        self.queues.clear();
        self.stored.clear();
        self.free.clear();
        self.heads.clear();
        self.events.clear();
        (self.base_ps, self.horizon_ps) = (0, 0);
        self.sent.fill(0);
        self.legs.iter_mut().for_each(|leg| (leg.arrived, leg.unhindered) = (0, 0));
        self.in_flight = 0;
        self.latency = LatencyHistogram::default();
    }
}
