//! Traffic at the flit level.

use super::design::{Change, Design, DesignError};
use super::engine::FlitEngine;
use super::measurement::Loads;
use super::replay::{ReplayPacket, TickMover};
use super::spec::MeasureSpec;
use super::steady::{Counted, Mover};
use super::tally::{Arrived, Tally};
use crate::noc::Livelock;
use crate::noc::flit::{Arrival, Host, LossCause, Offer, PacketHandle, Sources};
use crate::random::{derive, word};
use crate::routing::{Load, RouteState, Routing};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};
use crate::traffic::{self, Destinations, Traffic};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

/// What the copies of a multicast packet draw for.
const COPY_LANE: u64 = 1 << 32;

/// A packet that its source knows of.
#[derive(Clone, Copy, Debug)]
struct Known {
    offer: Offer,
    counted: bool,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    known: VecDeque<Known>,
    /// A packet is with the network.
    sending: bool,
    /// Its turn is in the calendar.
    called: bool,
}

/// Sends what a [`Traffic`] makes and counts what becomes of it.
///
/// A source is asked for its next packet when the one before has left, so a backlog takes no memory. A packet to several
/// endpoints is sent as one packet each, in ascending order; their number is counted. The tag of an offer is the
/// packet's draw.
pub struct TrafficHost<T> {
    traffic: T,
    topology: Arc<Topology>,
    routing: Arc<dyn Routing>,
    queues: Vec<Queue>,
    /// When which source has a packet to send next.
    calendar: BinaryHeap<Reverse<(u64, u32)>>,
    /// Flits each endpoint sent.
    sent: Vec<u64>,
    /// Cycle of the last arrival.
    last: u64,
    tally: Tally,
}

impl<T: Traffic> TrafficHost<T> {
    /// A host for the design's network.
    pub fn new(traffic: T, design: &Design, spec: &MeasureSpec) -> Self {
        let topology = Arc::clone(design.topology());
        let endpoints = topology.endpoints().len();
        let mut host = Self {
            traffic,
            routing: Arc::clone(design.routing()),
            queues: vec![Queue::default(); endpoints],
            calendar: BinaryHeap::new(),
            sent: vec![0; endpoints],
            last: 0,
            tally: Tally::new(spec, endpoints),
            topology,
        };
        for source in 0..endpoints as u32 {
            host.call(EndpointId(source), 0);
        }
        host
    }

    /// Counts so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Asks the traffic for a source's next packet; whether there is one.
    fn pull(&mut self, source: EndpointId) -> bool {
        let Some(arrival) = self.traffic.next(source) else { return false };
        let traffic::Arrival { cycle, destinations, flits, draw } = arrival;
        let known = &mut self.queues[source.index()].known;
        let mut push = |destination, tag| {
            let offer = Offer { created: cycle, destination, flits, tag };
            known.push_back(Known { offer, counted: false });
        };
        match destinations {
            Destinations::One(to) => push(to, draw),
            Destinations::Many(list) => {
                self.tally.copied(cycle, list.len() as u64 - 1);
                (COPY_LANE..).zip(list).for_each(|(lane, to)| push(to, derive(draw, lane)));
            }
        }
        true
    }

    /// Puts an idle source's next packet into the calendar, from cycle `least` on.
    fn call(&mut self, source: EndpointId, least: u64) {
        if self.queues[source.index()].known.is_empty() && !self.pull(source) {
            return;
        }
        let queue = &mut self.queues[source.index()];
        if let Some(next) = queue.known.front().filter(|_| !queue.sending && !queue.called) {
            self.calendar.push(Reverse((next.offer.created.max(least), source.0)));
            queue.called = true;
        }
    }

    /// Takes a packet that comes from elsewhere.
    fn feed(&mut self, source: EndpointId, offer: Offer) {
        self.tally.created(source, offer.created, offer.flits);
        self.queues[source.index()].known.push_back(Known { offer, counted: true });
        self.call(source, 0);
    }

    /// Counts every packet created before `now`.
    fn learn(&mut self, now: u64) {
        for source in (0..self.queues.len() as u32).map(EndpointId) {
            while self.queues[source.index()].known.back().is_none_or(|last| last.offer.created < now) {
                if !self.pull(source) {
                    break;
                }
            }
            for known in &mut self.queues[source.index()].known {
                if known.offer.created < now && !known.counted {
                    known.counted = true;
                    self.tally.created(source, known.offer.created, known.offer.flits);
                }
            }
        }
    }
}

impl<T: Traffic> Host for TrafficHost<T> {
    fn due(&self) -> u64 {
        self.calendar.peek().map_or(u64::MAX, |Reverse((cycle, _))| *cycle)
    }

    fn generate(&mut self, now: u64, sources: &mut Sources<'_>) {
        while let Some(&Reverse((cycle, source))) = self.calendar.peek() {
            if cycle > now {
                break;
            }
            self.calendar.pop();
            let source = EndpointId(source);
            let queue = &mut self.queues[source.index()];
            queue.called = false;
            let Some(Known { offer, counted }) = queue.known.pop_front() else { continue };
            queue.sending = true;
            if !counted {
                self.tally.created(source, offer.created, offer.flits);
            }
            sources.offer(source, offer);
        }
    }

    fn start(&mut self, source: EndpointId, offer: &Offer, _load: &dyn Load) -> RouteState {
        self.routing.at_source(&self.topology, source, &[offer.destination], offer.tag)
    }

    fn flit_injected(&mut self, now: u64, source: EndpointId, _packet: PacketHandle, head: bool) {
        self.sent[source.index()] += 1;
        self.tally.injected(now, source, 1, head);
    }

    fn idle(&mut self, now: u64, source: EndpointId) {
        self.queues[source.index()].sending = false;
        self.call(source, now + 1);
    }

    fn flit_arrived(&mut self, now: u64, endpoint: EndpointId, _packet: PacketHandle) {
        self.tally.flits_arrived(now, endpoint, 1);
    }

    fn arrived(&mut self, arrival: &Arrival) {
        self.last = self.last.max(arrival.arrived);
        self.tally.arrived(&Arrived {
            created: arrival.offer.created,
            injected: arrival.injected,
            arrived: arrival.arrived,
            source: arrival.source,
            destination: arrival.offer.destination,
            links: arrival.routers.saturating_sub(1),
            corrupt: arrival.corrupt,
        });
    }

    fn lost(&mut self, now: u64, _source: EndpointId, offer: &Offer, cause: LossCause) {
        self.last = self.last.max(now);
        if cause == LossCause::DeadEndpoint {
            // It waits no longer at its source, though it never left.
            self.tally.given_up(now);
        }
        self.tally.lost(offer.created, cause.name());
    }
}

/// A flit network with its traffic.
pub struct FlitMover<T> {
    network: FlitEngine,
    host: TrafficHost<T>,
    seed: u64,
    /// The first flit that went round for ever; nothing moves after that.
    livelock: Option<Livelock>,
    /// Packets that each endpoint was fed.
    fed: Vec<u64>,
    /// Deaths that lie ahead, ascending.
    changes: VecDeque<Change>,
}

impl<T: Traffic> FlitMover<T> {
    /// The design's network with traffic. `seed` is for the draws of packets that are fed tick by tick.
    ///
    /// # Errors
    /// What the flit level does not take.
    pub fn new(traffic: T, design: &Design, spec: &MeasureSpec, seed: u64) -> Result<Self, Vec<DesignError>> {
        let (network, host) = (design.network()?, TrafficHost::new(traffic, design, spec));
        let fed = vec![0; host.queues.len()];
        let changes = design.changes().iter().cloned().collect();
        Ok(Self { network, host, seed, livelock: None, fed, changes })
    }

    /// A flit that went round for ever, which only a fault of a router can bring about. What was measured then ends in a
    /// standstill.
    pub fn livelock(&self) -> Option<&Livelock> {
        self.livelock.as_ref()
    }

    /// Works on all cycles before `until`; what dies in between dies.
    fn run(&mut self, until: u64) {
        while self.changes.front().is_some_and(|change| change.cycle < until) {
            let Some(Change { cycle, topology, routing }) = self.changes.pop_front() else { break };
            self.advance_to(cycle);
            // Packets that start from now on start by the new routing too.
            (self.host.topology, self.host.routing) = (Arc::clone(&topology), Arc::clone(&routing));
            self.network
                .rewire(topology, routing)
                .expect("invariant: a design with deaths ahead is rewirable, and its stages are one network");
        }
        self.advance_to(until);
    }

    fn advance_to(&mut self, until: u64) {
        if self.livelock.is_none() {
            self.livelock = self.network.run(until, &mut self.host).err();
        }
    }

    fn loads_now(&self) -> Loads {
        let (topology, network) = (&self.host.topology, &self.network);
        let links = || (0..topology.links().len() as u32).map(LinkId);
        let routers = || (0..topology.router_count() as u32).map(RouterId);
        let mut pushes = vec![0; topology.router_count()];
        for (id, link) in links().zip(topology.links()) {
            pushes[link.to.index()] += network.link_flits(id);
        }
        for (endpoint, sent) in topology.endpoints().iter().zip(&self.host.sent) {
            pushes[endpoint.router.index()] += sent;
        }
        Loads {
            link_flits: links().map(|link| network.link_flits(link)).collect(),
            link_packets: links().map(|link| network.link_packets(link)).collect(),
            link_peaks: links().map(|link| network.peak(link).into()).collect(),
            router_flits: routers().map(|router| network.router_flits(router)).collect(),
            router_packets: routers().map(|router| network.router_packets(router)).collect(),
            // Nothing comes into buffers that are not there.
            router_pushes: if network.has_buffers() { pushes } else { Vec::new() },
            waits: routers().map(|router| network.waits(router)).collect(),
        }
    }
}

impl<T: Traffic> Counted for FlitMover<T> {
    fn tally(&self) -> &Tally {
        &self.host.tally
    }

    fn tally_mut(&mut self) -> &mut Tally {
        &mut self.host.tally
    }

    fn loads(&self) -> Loads {
        self.loads_now()
    }

    fn cores(&self) -> usize {
        self.host.topology.core_count() as usize
    }

    fn is_deadlocked(&self) -> bool {
        self.network.is_deadlocked()
    }
}

impl<T: Traffic> Mover for FlitMover<T> {
    fn advance(&mut self, until: u64) {
        self.run(until);
    }

    fn learn(&mut self, now: u64) {
        self.host.learn(now);
    }
}

/// Cycles between two looks whether a tick is over, and without an arrival after which the network stands still.
const LOOK: u64 = 64;
const STANDSTILL: u64 = 100_000;

impl<T: Traffic> TickMover for FlitMover<T> {
    fn tick(&mut self, packets: impl Iterator<Item = ReplayPacket>) -> Option<u64> {
        let base = self.network.now();
        let mut left = 0;
        for packet in packets {
            let fed = &mut self.fed[packet.source.index()];
            let tag = word(self.seed, packet.source.0.into(), *fed);
            *fed += 1;
            let created = base + packet.at;
            let offer = Offer { created, destination: packet.destination, flits: packet.flits, tag };
            self.host.feed(packet.source, offer);
            left += 1;
        }
        let goal = self.host.tally.ended() + left;
        let (mut ended, mut since) = (self.host.tally.ended(), base);
        while self.host.tally.ended() < goal {
            let now = self.network.now();
            // A wait for the next creation is no standstill.
            let due = self.host.due();
            if self.host.tally.ended() > ended || (due != u64::MAX && due > now) {
                (ended, since) = (self.host.tally.ended(), now);
            } else if now > since + STANDSTILL {
                return None;
            }
            let next = if self.network.is_silent() && due != u64::MAX { due.max(now) } else { now };
            self.run(next + LOOK);
            if self.livelock.is_some() {
                return None;
            }
        }
        Some(self.host.last.max(base) - base)
    }
}
