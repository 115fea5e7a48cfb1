//! The flit level as a chip sees it: packets in, times and losses out.

use super::{Arrival, FlitNetwork, Host, LossCause, Offer, RouterSpec, Sources, SpecError};
use crate::counters::{EndpointCounters, LinkCounters, NocCounters};
use crate::noc::{Arrivals, Fate, Injection, Level, Noc, QueueLimits, TickOutcome, Verdict, VerdictSink};
use crate::route::{RouteId, RouteTable};
use crate::routing::{Load, RouteState};
use crate::topology::{EndpointId, LinkId, Topology};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

/// Routes of a chip through routers with virtual channels.
///
/// Times are rounded to cycles: a packet enters in the first cycle that does not begin before it is sent, and
/// arrives at the begin of a cycle; a call that ends at a time ends with the last cycle that is over by then. Queues at sources are unbounded, as at the other levels. A loopback enters no router.
pub struct FlitNoc {
    spec: RouterSpec,
    topology: Arc<Topology>,
    routes: Arc<RouteTable>,
    cycle_ps: u64,
    network: FlitNetwork,
    chip: Chip,
    /// First cycle of the call.
    base: u64,
    /// Loopbacks under way: (picosecond from the start of all, route, leg, tag).
    loopbacks: BinaryHeap<Reverse<(u64, u32, u32, u32)>>,
    counters: NocCounters,
}

/// A packet of a call.
#[derive(Clone, Copy, Debug)]
struct Sent {
    route: RouteId,
    tag: u32,
    at_ps: u64,
}

/// The sending and the receiving side.
struct Chip {
    roots: Vec<RouteState>,
    /// Packets that wait at each endpoint: (first cycle, position in `sent`, flits).
    queues: Vec<VecDeque<(u64, u32, u16)>>,
    idle: Vec<bool>,
    /// Idle endpoints with a packet, by the cycle in which it may go.
    due: BinaryHeap<Reverse<(u64, u32)>>,
    sent: Vec<Sent>,
    free: Vec<u32>,
    arrivals: Vec<Arrival>,
}

impl Chip {
    fn new(network: &FlitNetwork, topology: &Topology, routes: &RouteTable) -> Self {
        let endpoints = topology.endpoints().len();
        Self {
            roots: (0..routes.len() as u32).map(|route| network.root(RouteId(route))).collect(),
            queues: vec![VecDeque::new(); endpoints],
            idle: vec![true; endpoints],
            due: BinaryHeap::new(),
            sent: Vec::new(),
            free: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    fn send(&mut self, source: EndpointId, cycle: u64, flits: u16, sent: Sent) {
        let index = match self.free.pop() {
            Some(index) => {
                self.sent[index as usize] = sent;
                index
            }
            None => {
                self.sent.push(sent);
                self.sent.len() as u32 - 1
            }
        };
        let queue = &mut self.queues[source.index()];
        if queue.is_empty() && self.idle[source.index()] {
            self.due.push(Reverse((cycle, source.0)));
        }
        queue.push_back((cycle, index, flits));
    }
}

impl Host for Chip {
    fn due(&self) -> u64 {
        self.due.peek().map_or(u64::MAX, |first| first.0.0)
    }

    fn generate(&mut self, now: u64, sources: &mut Sources<'_>) {
        while let Some(&Reverse((cycle, source))) = self.due.peek() {
            if cycle > now {
                return;
            }
            self.due.pop();
            if let Some((created, index, flits)) = self.queues[source as usize].pop_front() {
                self.idle[source as usize] = false;
                let offer = Offer { created, destination: EndpointId(0), flits, tag: index.into() };
                sources.offer(EndpointId(source), offer);
            }
        }
    }

    fn start(&mut self, _: EndpointId, offer: &Offer, _: &dyn Load) -> RouteState {
        self.roots[self.sent[offer.tag as usize].route.index()]
    }

    fn idle(&mut self, now: u64, source: EndpointId) {
        self.idle[source.index()] = true;
        if let Some(&(cycle, ..)) = self.queues[source.index()].front() {
            self.due.push(Reverse((cycle.max(now + 1), source.0)));
        }
    }

    fn arrived(&mut self, arrival: &Arrival) {
        self.arrivals.push(*arrival);
    }

    fn lost(&mut self, _: u64, _: EndpointId, _: &Offer, _: LossCause) {
        // Copies behind dead links were counted when their packet was sent.
    }
}

impl FlitNoc {
    /// A silent network with these routes; a cycle takes `cycle_ps` picoseconds, at least 1.
    ///
    /// # Errors
    /// Everything that is wrong with the spec on this network, and packets of more than `depth` flits if a route forks,
    /// for `longest` is the length of the longest.
    pub fn new(
        spec: RouterSpec,
        topology: Arc<Topology>,
        routes: Arc<RouteTable>,
        cycle_ps: u64,
        longest: u16,
    ) -> Result<Self, Vec<SpecError>> {
        let forks = (0..routes.len() as u32).any(|route| routes.legs(RouteId(route)).len() > 1);
        let network = FlitNetwork::of_routes(spec.clone(), Arc::clone(&topology), &routes)?;
        if forks && longest > u16::from(spec.depth) {
            return Err(vec![SpecError::Together {
                what: format!(
                    "packets of {longest} flits fork on their way, so a buffer must hold a whole one; it has {} slots: \
                     make it deeper or packets shorter",
                    spec.depth
                ),
            }]);
        }
        let chip = Chip::new(&network, &topology, &routes);
        let counters = NocCounters {
            links: vec![LinkCounters::default(); topology.links().len()],
            endpoints: vec![EndpointCounters::default(); topology.endpoints().len()],
            crossings: vec![0; topology.link_classes().len()],
            flit_crossings: vec![0; topology.link_classes().len()],
            ..NocCounters::default()
        };
        let cycle_ps = cycle_ps.max(1);
        let loopbacks = BinaryHeap::new();
        Ok(Self { spec, topology, routes, cycle_ps, network, chip, base: 0, loopbacks, counters })
    }

    /// A silent network for a chip whose times are given in picoseconds by its topology, by [`RouterSpec::cycle_ps`] and
    /// [`RouterSpec::of_times`]. Buffers hold `queue` packets of `longest` flits, at most 255 flits. There are at least two
    /// virtual channels, as one is busy for two cycles with a packet of one flit.
    ///
    /// # Errors
    /// See [`FlitNoc::new`].
    pub fn of_chip(
        topology: Arc<Topology>,
        routes: Arc<RouteTable>,
        channels: u8,
        queue: QueueLimits,
        longest: u16,
    ) -> Result<Self, Vec<SpecError>> {
        let cycle_ps = RouterSpec::cycle_ps(topology.link_classes());
        let depth = (u64::from(queue.packets.max(1)) * u64::from(longest.max(1))).min(255) as u8;
        let locals = topology.endpoints().iter().map(|endpoint| &endpoint.local);
        let spec = match locals.max_by_key(|local| local.inject_ps) {
            Some(slowest) => RouterSpec::of_times(topology.link_classes(), slowest, cycle_ps, depth),
            None => RouterSpec { depth, ..RouterSpec::default() },
        };
        Self::new(RouterSpec { channels: channels.max(2), ..spec }, topology, routes, cycle_ps, longest)
    }

    fn inject(&mut self, injection: &Injection, verdicts: &mut VerdictSink<'_>) {
        let &Injection { at_ps, route, flits, tag, .. } = injection;
        let source = self.routes.source(route);
        let now_ps = self.base * self.cycle_ps + at_ps;
        self.counters.packets += 1;
        self.counters.endpoints[source.index()].injected += 1;
        for (i, leg) in self.routes.legs(route).iter().enumerate() {
            self.counters.copies_owed += 1;
            if let Some(cause) = leg.lost {
                *self.counters.dropped.entry(cause).or_default() += 1;
                let fate = Fate::Dropped(cause);
                verdicts.push(Verdict { tag, route, destination: leg.destination, fate });
                continue;
            }
            self.counters.in_flight += 1;
            if leg.destination == source {
                self.loopbacks.push(Reverse((now_ps + leg.latency_ps(flits), route.0, i as u32, tag)));
            }
        }
        let remote = |leg: &&crate::route::Leg| leg.lost.is_none() && leg.destination != source;
        if self.routes.legs(route).iter().any(|leg| remote(&leg)) || !self.routes.links(route).is_empty() {
            let cycle = now_ps.div_ceil(self.cycle_ps);
            self.chip.send(source, cycle, flits.max(1), Sent { route, tag, at_ps: now_ps });
        }
    }

    /// Tells what has arrived before a picosecond from the start of all.
    fn tell(&mut self, limit_ps: u64, verdicts: &mut VerdictSink<'_>) -> u64 {
        let base_ps = self.base * self.cycle_ps;
        let mut end_ps = 0;
        let routes = Arc::clone(&self.routes);
        while let Some(&Reverse((at, route, leg, tag))) = self.loopbacks.peek() {
            if at > limit_ps {
                break;
            }
            self.loopbacks.pop();
            let (route, leg) = (RouteId(route), &routes.legs(RouteId(route))[leg as usize]);
            // The length is in the time already.
            let latency = leg.head_latency_ps;
            end_ps = end_ps.max(at - base_ps);
            self.arrive(route, leg, tag, at - base_ps, latency, verdicts);
        }
        for arrival in std::mem::take(&mut self.chip.arrivals) {
            let Sent { route, tag, at_ps } = self.chip.sent[arrival.offer.tag as usize];
            let Some(leg) = routes.legs(route).iter().find(|leg| leg.destination == arrival.endpoint) else {
                continue;
            };
            let at = arrival.arrived * self.cycle_ps;
            end_ps = end_ps.max(at.saturating_sub(base_ps));
            self.arrive(route, leg, tag, at.saturating_sub(base_ps), at - at_ps, verdicts);
        }
        end_ps
    }

    fn arrive(
        &mut self,
        route: RouteId,
        leg: &crate::route::Leg,
        tag: u32,
        at_ps: u64,
        latency_ps: u64,
        verdicts: &mut VerdictSink<'_>,
    ) {
        let source = self.routes.source(route);
        self.counters.in_flight -= 1;
        self.counters.endpoints[leg.destination.index()].ejected += 1;
        self.counters.count_arrival(&self.topology, source, leg, latency_ps, 1);
        verdicts.push(Verdict { tag, route, destination: leg.destination, fate: Fate::Arrived { at_ps } });
    }

    fn run(
        &mut self,
        injections: &[Injection],
        until_ps: Option<u64>,
        verdicts: &mut VerdictSink<'_>,
    ) -> TickOutcome {
        let mut ordered: Vec<&Injection> = injections.iter().collect();
        ordered.sort_by_key(|injection| injection.at_ps);
        for injection in ordered {
            self.inject(injection, verdicts);
        }
        let limit = until_ps.map(|until| self.base + until / self.cycle_ps);
        self.network.drain(limit.unwrap_or(u64::MAX), &mut self.chip);
        let limit_ps = until_ps.map_or(u64::MAX, |until| self.base * self.cycle_ps + until);
        let end_ps = self.tell(limit_ps, verdicts);
        if self.network.is_drained() && self.chip.queues.iter().all(VecDeque::is_empty) {
            self.chip.sent.clear();
            self.chip.free.clear();
        }
        if let Some(limit) = limit {
            self.network.pass(limit);
        }
        self.base = self.network.now();
        TickOutcome { end_ps, in_flight: self.counters.in_flight }
    }
}

impl Noc for FlitNoc {
    fn level(&self) -> Level {
        Level::Flit
    }

    fn run_tick(
        &mut self,
        injections: &[Injection],
        until_ps: Option<u64>,
        verdicts: &mut VerdictSink<'_>,
    ) -> TickOutcome {
        Arrivals::default().in_order(verdicts, |verdicts| self.run(injections, until_ps, verdicts))
    }

    fn counters(&self) -> NocCounters {
        let mut counters = self.counters.clone();
        for link in (0..self.topology.links().len() as u32).map(LinkId) {
            let (flits, packets) = (self.network.link_flits(link), self.network.link_packets(link));
            let class = self.topology.links()[link.index()].class.index();
            let own = &mut counters.links[link.index()];
            (own.flits, own.packets, own.peak_queue) = (flits, packets, self.network.peak(link).into());
            counters.crossings[class] += packets;
            counters.flit_crossings[class] += flits;
        }
        counters
    }

    fn reset(&mut self) {
        let (topology, routes) = (Arc::clone(&self.topology), Arc::clone(&self.routes));
        // The same arguments were right before.
        if let Ok(fresh) = Self::new(self.spec.clone(), topology, routes, self.cycle_ps, 1) {
            *self = fresh;
        }
    }
}
