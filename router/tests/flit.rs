//! Laws of the flit level, on random networks, specs and traffic.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use spikemesh_router::flit::{
    Allocator, Arbiter, Arrival, Flaky, FlitNetwork, FlowControl, Host, LossCause, Offer, Priority, RouterSpec,
    Sources, Switching, Timeouts,
};
use spikemesh_router::random::{below, word};
use spikemesh_router::{
    Alternative, Candidates, ChannelSet, Coord, DimensionOrder, Direction, EndpointId, LinkClass, LinkId, Load,
    LocalClass, MeshSpec, OutputPort, RouteState, RouterId, Routing, Topology, strategy,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

fn mesh(width: u16, height: u16, cores: u16) -> Arc<Topology> {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 1, flit_ps: 1 };
    let local = LocalClass { name: "core".into(), inject_ps: 1, eject_ps: 1, flit_ps: 1, loopback_ps: 1 };
    let (east_west, north_south) = (link("east_west"), link("north_south"));
    let spec = MeshSpec { width, height, endpoints_per_router: cores, east_west, north_south, local };
    Arc::new(Topology::mesh(&spec).unwrap())
}

/// Sends given packets, source by source, and remembers what arrives.
#[derive(Clone, Default)]
struct Script {
    waiting: BTreeMap<u32, VecDeque<Offer>>,
    idle: BTreeSet<u32>,
    arrivals: Vec<Arrival>,
    flits_in: u64,
    flits_out: u64,
    lost: Vec<(u64, LossCause)>,
    /// Gives packets their state at the start, if it is not 0 for all.
    starts: Option<(Arc<Topology>, Arc<dyn Routing>)>,
    /// Links of which each packet's source looks at the load, and what it saw by tag: free and taken slots.
    watched: Vec<LinkId>,
    seen: BTreeMap<u64, Vec<(u32, u32)>>,
}

impl Script {
    /// Packets of each source in ascending cycles; `own` says which sources this host serves.
    fn new(packets: &[(u32, Offer)], own: impl Fn(u32) -> bool) -> Self {
        let mut script = Script::default();
        for &(source, offer) in packets.iter().filter(|packet| own(packet.0)) {
            script.waiting.entry(source).or_default().push_back(offer);
        }
        script.waiting.values_mut().for_each(|list| list.make_contiguous().sort_by_key(|offer| offer.created));
        script.idle = script.waiting.keys().copied().collect();
        script
    }

    fn by_tag(hosts: &[Script]) -> BTreeMap<u64, Arrival> {
        hosts.iter().flat_map(|host| &host.arrivals).map(|arrival| (arrival.offer.tag, *arrival)).collect()
    }
}

impl Host for Script {
    fn due(&self) -> u64 {
        let next = |source: &u32| self.waiting[source].front().map(|offer| offer.created);
        self.idle.iter().filter_map(next).min().unwrap_or(u64::MAX)
    }
    fn generate(&mut self, now: u64, sources: &mut Sources<'_>) {
        let due = |source: &&u32| self.waiting[*source].front().is_some_and(|offer| offer.created <= now);
        for source in self.idle.iter().filter(due).copied().collect::<Vec<_>>() {
            self.idle.remove(&source);
            let offer = self.waiting.get_mut(&source).and_then(VecDeque::pop_front).unwrap();
            sources.offer(EndpointId(source), offer);
        }
    }
    fn start(&mut self, source: EndpointId, offer: &Offer, load: &dyn Load) -> RouteState {
        let all = ChannelSet(u32::MAX);
        let saw = self.watched.iter().map(|&link| (load.free(link, all), load.occupied(link))).collect();
        self.seen.insert(offer.tag, saw);
        self.starts.as_ref().map_or(RouteState(0), |(topology, routing)| {
            routing.at_source(topology, source, &[offer.destination], word(9, 9, offer.tag))
        })
    }
    fn flit_injected(&mut self, _: u64, _: EndpointId, _: spikemesh_router::flit::PacketHandle, _: bool) {
        self.flits_in += 1;
    }
    fn idle(&mut self, _: u64, source: EndpointId) {
        self.idle.insert(source.0);
    }
    fn flit_arrived(&mut self, _: u64, _: EndpointId, _: spikemesh_router::flit::PacketHandle) {
        self.flits_out += 1;
    }
    fn arrived(&mut self, arrival: &Arrival) {
        self.arrivals.push(*arrival);
    }
    fn lost(&mut self, _: u64, _: EndpointId, offer: &Offer, cause: LossCause) {
        self.lost.push((offer.tag, cause));
    }
}

/// Packets of random sources, destinations, lengths and cycles.
fn packets(endpoints: u32, count: u64, cycles: u64, longest: u16, seed: u64) -> Vec<(u32, Offer)> {
    let mut list: Vec<_> = (0..count)
        .map(|tag| {
            let draw = |what, limit| below(word(seed, what, tag), limit);
            let offer = Offer {
                created: draw(0, cycles),
                destination: EndpointId(draw(1, endpoints.into()) as u32),
                flits: 1 + draw(2, longest.into()) as u16,
                tag,
            };
            (draw(3, endpoints.into()) as u32, offer)
        })
        .collect();
    list.sort_by_key(|(_, offer)| (offer.created, offer.tag));
    list
}

fn run(
    spec: &RouterSpec,
    topology: &Arc<Topology>,
    packets: &[(u32, Offer)],
    regions: usize,
    until: u64,
) -> BTreeMap<u64, Arrival> {
    let routing = Arc::new(DimensionOrder::xy().with_channels(spec.channels));
    let mut network = FlitNetwork::new(spec.clone(), Arc::clone(topology), routing, None).unwrap().cut(regions);
    let mut hosts: Vec<Script> = (0..network.regions())
        .map(|region| Script::new(packets, |source| network.region_of(EndpointId(source)) == region))
        .collect();
    network.run_threads(until, &mut hosts);
    network.audit().unwrap();
    Script::by_tag(&hosts)
}

prop_compose! {
    fn specs()(
        channels in 1u8..5,
        depth in 1u8..9,
        delays in (0u8..3, 0u8..3, 0u8..3, 0u8..3, 0u8..3),
        links in (0u16..3, 0u16..3, 0u16..3),
        flags in (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        speedups in (1u8..3, 1u8..3),
        allocators in (0usize..6, 0usize..6, any::<bool>(), any::<bool>()),
        queue in proptest::option::of(1u16..4),
    ) -> RouterSpec {
        let (routing, vc_allocation, switch_allocation, traversal, credit) = delays;
        let (speculative, wait_for_tail_credit, busy_when_full, hold_switch) = flags;
        RouterSpec {
            channels,
            depth,
            routing,
            vc_allocation,
            switch_allocation,
            traversal,
            credit,
            links: vec![links.0, links.1],
            local: links.2,
            speculative: speculative && vc_allocation > 0,
            wait_for_tail_credit,
            busy_when_full,
            hold_switch,
            input_speedup: speedups.0.min(channels),
            output_speedup: speedups.1,
            output_queue: queue,
            vc_allocator: Allocator::ALL[allocators.0].1,
            switch_allocator: Allocator::ALL[allocators.1].1,
            arbiter: if allocators.2 { Arbiter::Matrix } else { Arbiter::RoundRobin },
            priority: if allocators.3 { Priority::Age } else { Priority::None },
            ..RouterSpec::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 12, ..ProptestConfig::default() })]

    /// Every packet arrives once at its destination, over a shortest path, no sooner than the pipeline allows, and
    /// what must hold holds after every cycle.
    #[test]
    fn nothing_is_lost_and_the_books_balance_every_cycle(
        spec in specs(),
        shape in (1u16..6, 1u16..5, 1u16..3),
        count in 1u64..120,
        longest in 1u16..7,
        seed in any::<u64>(),
    ) {
        let topology = mesh(shape.0, shape.1, shape.2);
        let packets = packets(topology.endpoints().len() as u32, count, 60, longest, seed);
        let routing = Arc::new(DimensionOrder::xy().with_channels(spec.channels));
        let mut network = FlitNetwork::new(spec, Arc::clone(&topology), routing, None).unwrap();
        let mut host = Script::new(&packets, |_| true);
        for cycle in 0u64.. {
            network.step(&mut host);
            if let Err(why) = network.audit() {
                prop_assert!(false, "cycle {cycle}: {why}");
            }
            if network.is_silent() && host.waiting.values().all(VecDeque::is_empty) {
                break;
            }
            prop_assert!(cycle < 8_000, "it does not end: {:?}", network.deadlock());
        }
        prop_assert_eq!(host.flits_in, host.flits_out);
        let arrivals = Script::by_tag(std::slice::from_ref(&host));
        prop_assert_eq!(arrivals.len(), host.arrivals.len(), "a packet arrived twice");
        for (source, offer) in &packets {
            let arrival = arrivals[&offer.tag];
            let (a, b) = (topology.endpoint_coord(EndpointId(*source)), topology.endpoint_coord(offer.destination));
            let hops = u32::from(a.x.abs_diff(b.x)) + u32::from(a.y.abs_diff(b.y));
            prop_assert_eq!((arrival.offer, arrival.source.0, arrival.routers), (*offer, *source, hops + 1));
            prop_assert!(arrival.injected >= offer.created);
            prop_assert!(arrival.arrived >= arrival.injected + u64::from(offer.flits));
        }
    }

    /// With one virtual channel and one path, packets of a flow arrive in the order of their creation.
    #[test]
    fn flows_keep_their_order(spec in specs(), count in 1u64..150, longest in 1u16..5, seed in any::<u64>()) {
        let spec = RouterSpec { channels: 1, input_speedup: 1, ..spec };
        let topology = mesh(4, 3, 1);
        let packets = packets(12, count, 40, longest, seed);
        let arrivals = run(&spec, &topology, &packets, 1, 8_000);
        prop_assert_eq!(arrivals.len(), packets.len());
        let mut last: BTreeMap<(u32, u32), (u64, u64)> = BTreeMap::new();
        let mut ordered = packets.clone();
        ordered.sort_by_key(|(source, offer)| (*source, offer.created));
        for (source, offer) in ordered {
            let arrived = arrivals[&offer.tag].arrived;
            let before = last.insert((source, offer.destination.0), (offer.created, arrived));
            prop_assert!(before.is_none_or(|(created, at)| created == offer.created || at < arrived));
        }
    }

    /// Any number of regions gives the same cycles.
    #[test]
    fn regions_change_nothing(
        spec in specs(),
        shape in (2u16..7, 2u16..7),
        regions in 2usize..5,
        count in 1u64..200,
        seed in any::<u64>(),
    ) {
        let topology = mesh(shape.0, shape.1, 1);
        let packets = packets(topology.endpoints().len() as u32, count, 50, 4, seed);
        let one = run(&spec, &topology, &packets, 1, 8_000);
        prop_assert_eq!(one.len(), packets.len());
        prop_assert_eq!(one, run(&spec, &topology, &packets, regions, 8_000));
    }

    /// The short way through a cycle and the one with every knob agree, also in what sources see. An output queue that never
    /// fills is no knob.
    #[test]
    fn the_short_way_is_the_long_way(
        channels in 1u8..5,
        depth in 1u8..9,
        (traversal, credit, links) in (0u8..3, 0u8..3, (0u16..3, 0u16..3)),
        shape in (1u16..7, 1u16..7, 1u16..3),
        count in 1u64..400,
        longest in 1u16..6,
        regions in 1usize..4,
        seed in any::<u64>(),
    ) {
        let links = vec![links.0, links.1];
        let short = RouterSpec { channels, depth, traversal, credit, links, ..RouterSpec::default() };
        let long = RouterSpec { output_queue: Some(u16::MAX), ..short.clone() };
        let topology = mesh(shape.0, shape.1, shape.2);
        let packets = packets(topology.endpoints().len() as u32, count, 50, longest, seed);
        let one = run(&long, &topology, &packets, 1, 8_000);
        prop_assert_eq!(one.len(), packets.len());
        prop_assert_eq!(one, run(&short, &topology, &packets, regions, 8_000));
        let seen = |spec: &RouterSpec| {
            let routing = Arc::new(DimensionOrder::xy().with_channels(channels));
            let mut network = FlitNetwork::new(spec.clone(), Arc::clone(&topology), routing, None).unwrap();
            let mut host = Script::new(&packets, |_| true);
            host.watched = (0..topology.links().len() as u32).map(LinkId).collect();
            network.run(8_000, &mut host);
            host.seen
        };
        prop_assert_eq!(seen(&long), seen(&short));
    }

    /// Stop and go delivers what credits do.
    #[test]
    fn stop_and_go_never_overfills(stop in 7u8..9, credit in 0u8..2, count in 1u64..200, seed in any::<u64>()) {
        let spec = RouterSpec { depth: 10, flow: FlowControl::OnOff { stop }, credit, ..RouterSpec::default() };
        let topology = mesh(4, 4, 1);
        let packets = packets(16, count, 30, 4, seed);
        prop_assert_eq!(run(&spec, &topology, &packets, 1, 8_000).len(), packets.len());
    }

    /// Links and routers die at a cycle: every packet still arrives once or is lost once, by name, and the books
    /// balance. Flaky links on top.
    #[test]
    fn every_packet_arrives_or_is_lost_by_name(
        name in prop::sample::select(vec!["xy", "odd-even", "west-first", "up-down", "table"]),
        deaths in proptest::collection::vec((0u64..80, 0u16..4, 0u16..4, 0usize..5), 1..4),
        flaky in proptest::collection::vec((0u32..48, 0.0f64..0.3, 0.0f64..0.3), 0..3),
        longest in 1u16..5,
        count in 1u64..200,
        seed in any::<u64>(),
    ) {
        let strategy = strategy(name).unwrap();
        let mut topology = mesh(4, 4, 1);
        let packets = packets(16, count, 60, longest, seed);
        let routing = |topology: &Topology| Arc::from(strategy.build(topology, 2).unwrap());
        let spec = RouterSpec { rewirable: true, ..RouterSpec::default() };
        let flaky: Vec<_> =
            flaky.iter().map(|&(link, drop, corrupt)| (LinkId(link), Flaky { drop, corrupt })).collect();
        let start = routing(&topology);
        let mut network = FlitNetwork::new(spec, Arc::clone(&topology), start, None)
            .unwrap()
            .with_seed(seed)
            .with_flaky_links(&flaky);
        let mut host = Script::new(&packets, |_| true);
        for cycle in 0..3000 {
            for &(_, x, y, what) in deaths.iter().filter(|death| death.0 == cycle) {
                let mut changed = (*topology).clone();
                match Direction::ALL.get(what) {
                    // Some lie on the edge of the mesh, where there is no link to die.
                    Some(&direction) => drop(changed.kill_link(Coord { x, y }, direction)),
                    None => changed.kill_router(Coord { x, y }).unwrap(),
                }
                topology = Arc::new(changed);
                network.rewire(Arc::clone(&topology), routing(&topology)).unwrap();
            }
            network.step(&mut host);
            if let Err(why) = network.audit() {
                prop_assert!(false, "cycle {cycle}: {why}");
            }
        }
        let mut ends: Vec<u64> = host.arrivals.iter().map(|arrival| arrival.offer.tag).collect();
        ends.extend(host.lost.iter().map(|lost| lost.0));
        ends.sort_unstable();
        prop_assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "a packet ended twice");
        if let Some(deadlock) = network.deadlock() {
            // Two routings at once may close a circle; then these are the packets it holds, and what is behind them.
            prop_assert!(deadlock.packets.len() > 1);
        } else {
            prop_assert_eq!(ends, (0..count).collect::<Vec<_>>());
        }
    }

    /// A head that waits too long is dropped, so that nothing waits for ever, whatever the routing.
    #[test]
    fn timeouts_break_every_deadlock(count in 200u64..800, seed in any::<u64>()) {
        let spec = RouterSpec {
            channels: 1,
            depth: 1,
            busy_when_full: true,
            timeouts: Some(Timeouts { emergency: 6, drop: 20 }),
            ..RouterSpec::default()
        };
        let topology = mesh(4, 4, 1);
        let packets = packets(16, count, 30, 1, seed);
        let mut network = FlitNetwork::new(spec, topology, Arc::new(AnyMinimal), None).unwrap();
        let mut host = Script::new(&packets, |_| true);
        network.drain(100_000, &mut host);
        prop_assert!(network.is_drained());
        prop_assert_eq!(host.arrivals.len() + host.lost.len(), packets.len());
        prop_assert!(host.lost.iter().all(|lost| lost.1 == LossCause::Timeout));
    }

    /// Virtual cut-through: a packet that has begun to leave a router never waits for a slot in between.
    #[test]
    fn cut_through_takes_whole_packets(count in 1u64..200, seed in any::<u64>()) {
        let spec = RouterSpec { switching: Switching::VirtualCutThrough, ..RouterSpec::default() };
        let topology = mesh(4, 4, 1);
        let packets = packets(16, count, 30, 8, seed);
        prop_assert_eq!(run(&spec, &topology, &packets, 1, 8_000).len(), packets.len());
    }
}

/// A lone packet takes 2 + 4 (hops + 1) + (flits - 1) cycles in the base router (Dally & Towles 2004, §16).
#[test]
fn a_lone_packet_takes_the_pipelines_time() {
    let topology = mesh(8, 8, 1);
    for (to, flits, wanted) in [(0, 1, 6), (7, 1, 34), (63, 1, 62), (63, 5, 66)] {
        let offer = Offer { created: 3, destination: EndpointId(to), flits, tag: 0 };
        let arrivals = run(&RouterSpec::default(), &topology, &[(0, offer)], 1, 1000);
        assert_eq!(arrivals[&0].arrived - 3, wanted, "to {to}");
    }
}

/// A burst after a million idle cycles costs what the burst costs, which a step a cycle would not.
#[test]
fn idle_cycles_are_skipped() {
    let topology = mesh(8, 8, 1);
    let burst = |at: u64| {
        let offer = |tag| Offer { created: at, destination: EndpointId(63 - tag as u32), flits: 1, tag };
        (0..64).map(|tag| (tag as u32, offer(tag))).collect::<Vec<_>>()
    };
    let latencies = |at| {
        let arrivals = run(&RouterSpec::default(), &topology, &burst(at), 2, at + 10_000);
        arrivals.values().map(|arrival| arrival.arrived - at).collect::<Vec<_>>()
    };
    // 2^50 cycles would take years to step through.
    assert_eq!(latencies(5), latencies(1 << 50));
}

/// A state that names a router of a large mesh has more bits than a flit's word keeps; none of its other marks may suffer.
#[test]
fn wide_routing_states_leave_flits_whole() {
    let topology = mesh(17, 16, 1);
    let packets = packets(272, 600, 100, 4, 5);
    let routing: Arc<dyn Routing> = Arc::from(strategy("valiant").unwrap().build(&topology, 2).unwrap());
    let spec = RouterSpec::default();
    let mut network = FlitNetwork::new(spec, Arc::clone(&topology), Arc::clone(&routing), None).unwrap();
    let mut host = Script::new(&packets, |_| true);
    host.starts = Some((Arc::clone(&topology), routing));
    for _ in 0..300 {
        network.step(&mut host);
        network.audit().unwrap();
    }
    network.drain(100_000, &mut host);
    assert!(network.is_drained() && host.arrivals.len() == packets.len());
    assert!(host.arrivals.iter().all(|arrival| !arrival.corrupt), "no link is flaky");
}

/// All minimal ways, any channel: not free of deadlock.
struct AnyMinimal;

impl Routing for AnyMinimal {
    fn name(&self) -> &'static str {
        "any-minimal"
    }
    fn virtual_channels(&self) -> u8 {
        1
    }
    fn at_source(&self, _: &Topology, _: EndpointId, _: &[EndpointId], _: u64) -> RouteState {
        RouteState(0)
    }
    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        _: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    ) {
        let (at, to): (Coord, Coord) = (topology.coord(here), topology.endpoint_coord(destinations[0]));
        let mut ways = Vec::new();
        for (towards, direction) in [
            (to.x > at.x, Direction::East),
            (to.x < at.x, Direction::West),
            (to.y > at.y, Direction::North),
            (to.y < at.y, Direction::South),
        ] {
            if let Some(link) = topology.link_from(here, direction).filter(|_| towards) {
                let port = OutputPort::Link(link);
                ways.push(Alternative { port, channels: ChannelSet::first(1), next: state });
            }
        }
        if ways.is_empty() {
            ways.push(Alternative { port: OutputPort::Eject, channels: ChannelSet::first(1), next: state });
        }
        candidates.clear();
        candidates.push(1, &ways);
    }
}

#[test]
fn a_deadlock_is_told_from_saturation() {
    let topology = mesh(4, 4, 1);
    let spec = RouterSpec { channels: 1, depth: 2, ..RouterSpec::default() };
    let packets = packets(16, 4000, 50, 8, 7);
    let deadlocked = |routing: Arc<dyn Routing>| {
        let mut network = FlitNetwork::new(spec.clone(), Arc::clone(&topology), routing, None).unwrap();
        let mut host = Script::new(&packets, |_| true);
        for _ in 0..3000 {
            network.step(&mut host);
            if network.now().is_multiple_of(50)
                && let Some(deadlock) = network.deadlock()
            {
                return Some((network.now(), deadlock));
            }
        }
        None
    };
    assert_eq!(deadlocked(Arc::new(DimensionOrder::xy())), None, "saturated, not deadlocked");
    let (cycle, deadlock) = deadlocked(Arc::new(AnyMinimal)).expect("four corners close a circle");
    assert!(cycle < 3000 && deadlock.circle.len() >= 4, "{deadlock:?}");
    // Each of the circle waits for the link that the next came over.
    let circle: Vec<_> = deadlock.circle.iter().map(|&i| &deadlock.packets[i]).collect();
    for (i, packet) in circle.iter().enumerate() {
        let next = circle[(i + 1) % circle.len()];
        let blocked_by_channel = packet.router == next.router;
        let blocked_by_slot = packet.waits_for.iter().any(|(link, _)| Some(*link) == next.from);
        assert!(blocked_by_channel || blocked_by_slot, "{packet:?} waits for {next:?}");
    }
}
