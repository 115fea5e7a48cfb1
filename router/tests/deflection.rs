//! Laws of the bufferless level, on random networks, faults and traffic.

use proptest::prelude::*;
use spikemesh_router::flit::{Arrival, Host, LossCause, Offer, PacketHandle, Sources};
use spikemesh_router::random::{below, word};
use spikemesh_router::{
    Coord, DeflectionError, DeflectionNetwork, DeflectionSpec, Direction, EndpointId, FlitInside, LinkClass,
    LinkId, Load, LocalClass, MeshSpec, Order, RouteState, RouterId, Topology,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

fn link(name: &str) -> LinkClass {
    LinkClass { name: name.into(), latency_ps: 1, flit_ps: 1 }
}

fn spec(width: u16, height: u16, cores: u16) -> MeshSpec {
    let local = LocalClass { name: "core".into(), inject_ps: 1, eject_ps: 1, flit_ps: 1, loopback_ps: 1 };
    let (east_west, north_south) = (link("east_west"), link("north_south"));
    MeshSpec { width, height, endpoints_per_router: cores, east_west, north_south, local }
}

fn mesh(width: u16, height: u16, cores: u16) -> Topology {
    Topology::mesh(&spec(width, height, cores)).expect("no number is 0")
}

/// The link from a router and the one back are dead.
fn kill_both_ways(topology: &mut Topology, id: LinkId) {
    let link = topology.links()[id.index()];
    let (from, to) = (topology.coord(link.from), topology.coord(link.to));
    topology.kill_link(from, link.direction).expect("there is one");
    topology.kill_link(to, link.direction.opposite()).expect("links come in pairs");
}

/// Sends given packets, source by source, and remembers what becomes of them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Script {
    waiting: BTreeMap<u32, VecDeque<Offer>>,
    idle: BTreeSet<u32>,
    arrivals: Vec<Arrival>,
    lost: Vec<(u64, u64)>,
    flits_in: u64,
    flits_out: u64,
}

impl Script {
    fn new(packets: &[(u32, Offer)]) -> Self {
        let mut script = Script::default();
        for &(source, offer) in packets {
            script.waiting.entry(source).or_default().push_back(offer);
        }
        script.waiting.values_mut().for_each(|list| list.make_contiguous().sort_by_key(|offer| offer.created));
        script.idle = script.waiting.keys().copied().collect();
        script
    }

    fn is_done(&self) -> bool {
        self.waiting.values().all(VecDeque::is_empty)
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
            let offer = self.waiting.get_mut(&source).and_then(VecDeque::pop_front).expect("it is due");
            sources.offer(EndpointId(source), offer);
        }
    }
    fn start(&mut self, _: EndpointId, _: &Offer, _: &dyn Load) -> RouteState {
        unreachable!("flits that may go anywhere have no routing state")
    }
    fn flit_injected(&mut self, _: u64, _: EndpointId, _: PacketHandle, _: bool) {
        self.flits_in += 1;
    }
    fn idle(&mut self, _: u64, source: EndpointId) {
        assert!(self.idle.insert(source.0), "a source is idle twice");
    }
    fn flit_arrived(&mut self, _: u64, _: EndpointId, _: PacketHandle) {
        self.flits_out += 1;
    }
    fn arrived(&mut self, arrival: &Arrival) {
        self.arrivals.push(*arrival);
    }
    fn lost(&mut self, now: u64, _: EndpointId, offer: &Offer, cause: LossCause) {
        assert_eq!(cause, LossCause::NoWay);
        self.lost.push((now, offer.tag));
    }
}

/// Packets of random sources, destinations, lengths and cycles.
fn packets(endpoints: u32, count: u64, cycles: u64, longest: u16, seed: u64) -> Vec<(u32, Offer)> {
    (0..count)
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
        .collect()
}

fn network(topology: &Topology, spec: &DeflectionSpec) -> DeflectionNetwork {
    DeflectionNetwork::new(Arc::new(topology.clone()), spec.clone()).expect("the spec fits")
}

fn run(topology: &Topology, spec: &DeflectionSpec, packets: &[(u32, Offer)]) -> Script {
    let (mut network, mut host) = (network(topology, spec), Script::new(packets));
    network.drain(u64::MAX, &mut host).expect("the first arrives in time");
    network.audit().expect("the books balance");
    assert!(network.is_drained() && host.is_done());
    host
}

/// Hops of shortest paths over live links from a router; `None` where there is none.
fn distances(topology: &Topology, from: RouterId) -> Vec<Option<u32>> {
    let mut found = vec![None; topology.router_count()];
    found[from.index()] = Some(0);
    let mut queue = VecDeque::from([from]);
    while let Some(here) = queue.pop_front() {
        for direction in Direction::ALL {
            let Some(id) = topology.link_from(here, direction).filter(|&id| !topology.is_dead(id)) else {
                continue;
            };
            let to = topology.links()[id.index()].to;
            if found[to.index()].is_none() {
                found[to.index()] = found[here.index()].map(|hops| hops + 1);
                queue.push_back(to);
            }
        }
    }
    found
}

fn name(flit: &FlitInside) -> (u64, u32, u32) {
    (flit.created, flit.from.0, flit.number)
}

prop_compose! {
    fn networks()(
        shape in (1u16..7, 1u16..6, 1u16..4),
        kind in 0u8..3,
        faults in 0u64..5,
        dead_router in any::<bool>(),
        seed in any::<u64>(),
    ) -> Topology {
        let (width, height, cores) = shape;
        let made = match kind {
            0 => Topology::mesh(&spec(width, height, cores)),
            1 => Topology::torus(&spec(width, height, cores)),
            _ => Topology::board(2, 1, &spec(width.div_ceil(2), height, cores), link("board")),
        };
        let mut topology = made.expect("no number is 0");
        let links = topology.links().len() as u64;
        for fault in 0..faults.min(links) {
            kill_both_ways(&mut topology, LinkId(below(word(seed, 0, fault), links) as u32));
        }
        if dead_router {
            let router = RouterId(below(word(seed, 1, 0), topology.router_count() as u64) as u32);
            topology.kill_router(topology.coord(router)).expect("there is one");
        }
        topology
    }
}

prop_compose! {
    fn specs()(
        golden in any::<bool>(),
        router in 0u16..4,
        links in (0u16..4, 0u16..4, 0u16..12),
        local in 0u16..3,
        ejections in 1u8..3,
        router_ejections in proptest::option::of(1u8..3),
    ) -> DeflectionSpec {
        let order = if golden { Order::Golden } else { Order::OldestFirst };
        DeflectionSpec { order, router, links: vec![links.0, links.1, links.2], local, ejections, router_ejections }
    }
}

/// The spec with a length for each of the network's link classes.
fn fitted(spec: DeflectionSpec, topology: &Topology) -> DeflectionSpec {
    let links = spec.links[..topology.link_classes().len()].to_vec();
    DeflectionSpec { links, ..spec }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 24, ..ProptestConfig::default() })]

    /// Every packet arrives once at its destination, unless no way leads there; a link carries one flit a cycle at the
    /// most; routers keep nothing; while a flit is the oldest it is never deflected and it leaves within the bound. The
    /// packets are far more than the network can take at once.
    #[test]
    fn nothing_is_lost_and_the_oldest_always_advances(
        topology in networks(),
        spec in specs(),
        count in 1u64..400,
        longest in 1u16..5,
        spread in 1u64..40,
        seed in any::<u64>(),
    ) {
        let spec = fitted(spec, &topology);
        let packets = packets(topology.endpoints().len() as u32, count, spread, longest, seed);
        let mut network = network(&topology, &spec);
        let mut host = Script::new(&packets);
        let mut crossed = vec![0; topology.links().len()];
        // The oldest flit, since when it is that, and its wrong turns then.
        let mut reign: Option<((u64, u32, u32), u64, u32)> = None;
        while !(network.is_drained() && host.is_done()) {
            if let Err(late) = network.step(&mut host) {
                prop_assert!(false, "{late}");
            }
            if let Err(why) = network.audit() {
                prop_assert!(false, "cycle {}: {why}", network.now());
            }
            for (id, before) in (0..).map(LinkId).zip(&mut crossed) {
                let flits = network.link_flits(id);
                prop_assert!(flits <= *before + 1, "two flits on a link in a cycle");
                prop_assert!(flits == 0 || !topology.is_dead(id));
                *before = flits;
            }
            reign = network.oldest().map(|oldest| match reign {
                Some((who, since, turns)) if who == name(&oldest) => (who, since, turns),
                _ => (name(&oldest), network.now(), oldest.deflections),
            });
            if let (Order::OldestFirst, Some(oldest), Some((_, since, turns))) = (spec.order, network.oldest(), reign) {
                prop_assert_eq!(oldest.deflections, turns, "the oldest took a wrong turn");
                prop_assert!(network.now() - since < network.bound(), "the oldest is late");
            }
            prop_assert!(network.now() < 200_000, "it does not end");
        }
        let lost_flits = network.lost_flits();
        prop_assert_eq!(host.flits_in, host.flits_out + lost_flits);
        prop_assert_eq!(host.arrivals.len() + host.lost.len(), packets.len());
        let routers = (0..topology.router_count() as u32).map(RouterId);
        let hops: u64 = crossed.iter().sum();
        prop_assert_eq!(routers.map(|r| network.router_flits(r)).sum::<u64>(), hops + host.flits_out);
        let arrivals: BTreeMap<u64, Arrival> = host.arrivals.iter().map(|a| (a.offer.tag, *a)).collect();
        prop_assert_eq!(arrivals.len(), host.arrivals.len(), "a packet arrived twice");
        let lost: BTreeSet<u64> = host.lost.iter().map(|&(_, tag)| tag).collect();
        for (source, offer) in &packets {
            let ends = [EndpointId(*source), offer.destination].map(|e| topology.endpoints()[e.index()].router);
            let dead = topology.is_endpoint_dead(EndpointId(*source)) || topology.is_endpoint_dead(offer.destination);
            let Some(hops) = distances(&topology, ends[0])[ends[1].index()].filter(|_| !dead) else {
                prop_assert!(lost.contains(&offer.tag));
                continue;
            };
            let arrival = arrivals[&offer.tag];
            prop_assert_eq!((arrival.offer, arrival.source.0, arrival.endpoint), (*offer, *source, offer.destination));
            prop_assert!(arrival.routers > hops);
            prop_assert!(arrival.injected >= offer.created + u64::from(spec.local));
            prop_assert!(arrival.arrived > arrival.injected + u64::from(hops));
        }
    }

    /// Stepping through every cycle, skipping the idle ones and doing it again give the same, to the cycle.
    #[test]
    fn skipping_changes_nothing(
        topology in networks(),
        spec in specs(),
        count in 1u64..60,
        seed in any::<u64>(),
    ) {
        let spec = fitted(spec, &topology);
        let packets = packets(topology.endpoints().len() as u32, count, 2000, 3, seed);
        let skipped = run(&topology, &spec, &packets);
        prop_assert_eq!(&skipped, &run(&topology, &spec, &packets));
        let (mut network, mut host) = (network(&topology, &spec), Script::new(&packets));
        while !(network.is_drained() && host.is_done()) {
            if let Err(late) = network.step(&mut host) {
                prop_assert!(false, "{late}");
            }
        }
        prop_assert_eq!(skipped, host);
    }

    /// A lone flit takes the time of a shortest path, to the cycle, whatever is dead. Both link classes are equally
    /// long here, so that all shortest paths are.
    #[test]
    fn a_lone_flit_takes_a_shortest_path(topology in networks(), spec in specs(), ends in any::<(u32, u32)>()) {
        let both = spec.links[0];
        let spec = fitted(DeflectionSpec { links: vec![both; 3], ..spec }, &topology);
        let endpoints = topology.endpoints().len() as u32;
        let (from, to) = (EndpointId(ends.0 % endpoints), EndpointId(ends.1 % endpoints));
        let offer = Offer { created: 3, destination: to, flits: 1, tag: 0 };
        let host = run(&topology, &spec, &[(from.0, offer)]);
        let routers = [from, to].map(|e| topology.endpoints()[e.index()].router);
        match host.arrivals.first() {
            Some(arrival) => {
                let hops = distances(&topology, routers[0])[routers[1].index()].expect("it arrived");
                let (local, router) = (u64::from(spec.local), u64::from(spec.router));
                let hop = (router + u64::from(both)).max(1);
                let wanted = local + u64::from(hops) * hop + (router + local).max(1);
                prop_assert_eq!((arrival.arrived - 3, arrival.routers), (wanted, hops + 1));
            }
            None => prop_assert_eq!(host.lost, [(3 + u64::from(spec.local), 0)]),
        }
    }
}

/// 1 cycle to the router, 3 a hop, 3 to the endpoint; a flit more a cycle more.
#[test]
fn a_lone_packet_takes_the_pipelines_time() {
    for order in [Order::OldestFirst, Order::Golden] {
        let spec = DeflectionSpec { order, ..DeflectionSpec::default() };
        for (to, flits, wanted) in [(0, 1, 4), (7, 1, 25), (63, 1, 46), (63, 5, 50)] {
            let offer = Offer { created: 3, destination: EndpointId(to), flits, tag: 0 };
            let host = run(&mesh(8, 8, 1), &spec, &[(0, offer)]);
            assert_eq!(host.arrivals[0].arrived - 3, wanted, "to {to}");
        }
    }
}

/// Links between chips have a length of their own, and rings are taken the shorter way.
#[test]
fn every_class_of_links_takes_its_time() {
    let lone = |topology: &Topology, links: &[u16], to| {
        let spec = DeflectionSpec { links: links.to_vec(), ..DeflectionSpec::default() };
        let offer = Offer { created: 0, destination: EndpointId(to), flits: 1, tag: 0 };
        run(topology, &spec, &[(0, offer)]).arrivals[0].arrived
    };
    let board = Topology::board(2, 1, &spec(2, 2, 1), link("board")).expect("no number is 0");
    assert_eq!(lone(&board, &[1, 4, 50], 7), 4 + (3 + 52 + 3) + 6, "two in the row, one between chips, one up");
    let torus = Topology::torus(&spec(5, 4, 1)).expect("no number is 0");
    assert_eq!(lone(&torus, &[1, 4], 19), 4 + 3 + 6, "one west and one south");
}

/// Two flits want one link in one cycle: the older takes it, the younger goes round.
#[test]
fn the_older_takes_the_link_and_the_younger_goes_round() {
    let topology = mesh(3, 3, 1);
    let offer = |created, tag| Offer { created, destination: EndpointId(5), flits: 1, tag };
    let spec = DeflectionSpec::default();
    let of = |packets: &[(u32, Offer)], tag: u64| {
        let host = run(&topology, &spec, packets);
        host.arrivals.into_iter().find(|arrival| arrival.offer.tag == tag).expect("all arrive")
    };
    // From router 3 in the west through router 4 in the middle to 5 in the east. The middle's own flit, three cycles
    // younger, comes in when that from the west is there.
    let (west, own) = ((3, offer(0, 0)), (4, offer(3, 1)));
    let alone = of(&[own], 1);
    assert_eq!((of(&[west, own], 0).arrived, of(&[west, own], 0).routers), (4 + 6, 3));
    let second = of(&[west, own], 1);
    // West is the first direction that is free; back in the middle, nobody is in its way.
    assert_eq!((alone.routers, second.routers), (2, 4));
    assert_eq!(second.arrived - alone.arrived, 6);
    // As old as each other: the lower source first. The fourth flit of the middle's packet is there with that from the side.
    let long = |to| Offer { created: 0, destination: EndpointId(to), flits: 4, tag: 1 };
    let short = |to| Offer { flits: 1, tag: 0, ..long(to) };
    let from_west = [(3, short(5)), (4, long(5))];
    assert_eq!((of(&from_west, 0).routers, of(&from_west, 1).routers), (3, 4));
    let from_east = [(5, short(3)), (4, long(3))];
    assert_eq!((of(&from_east, 0).routers, of(&from_east, 1).routers), (5, 2));
}

/// What an endpoint cannot take is sent on and comes back.
#[test]
fn endpoints_take_so_many_flits_a_cycle() {
    let topology = mesh(3, 3, 1);
    let offer = |tag| Offer { created: 0, destination: EndpointId(4), flits: 1, tag };
    let packets: Vec<_> = [1, 3, 5, 7].into_iter().map(|source| (source, offer(source.into()))).collect();
    let cycles = |ejections, router_ejections| {
        let spec = DeflectionSpec { ejections, router_ejections, ..DeflectionSpec::default() };
        let host = run(&topology, &spec, &packets);
        host.arrivals.iter().map(|arrival| arrival.arrived).collect::<Vec<_>>()
    };
    assert_eq!(cycles(4, None), [7; 4]);
    assert_eq!(cycles(4, Some(2))[..2], [7, 7]);
    let one = cycles(1, None);
    assert_eq!(one[0], 7);
    assert!(one.windows(2).all(|pair| pair[0] < pair[1]), "{one:?}");
}

/// A burst after 2^50 idle cycles, which would take years to step through, goes as one at the start.
#[test]
fn idle_cycles_are_skipped() {
    let latencies = |at: u64| {
        let offer = |tag| Offer { created: at, destination: EndpointId(63 - tag as u32), flits: 1, tag };
        let packets: Vec<_> = (0..64).map(|tag| (tag as u32, offer(tag))).collect();
        let host = run(&mesh(8, 8, 1), &DeflectionSpec::default(), &packets);
        host.arrivals.iter().map(|arrival| (arrival.offer.tag, arrival.arrived - at)).collect::<Vec<_>>()
    };
    assert_eq!(latencies(5), latencies(1 << 50));
}

/// A source that never stops gets all it can through a busy row, and those behind it wait; when it ends, all arrive.
#[test]
fn a_saturated_network_drains() {
    for order in [Order::OldestFirst, Order::Golden] {
        let spec = DeflectionSpec { order, ..DeflectionSpec::default() };
        let topology = mesh(6, 6, 2);
        let packets = packets(72, 20_000, 1, 1, 5);
        let mut network = network(&topology, &spec);
        let mut host = Script::new(&packets);
        network.run(200, &mut host).expect("the first arrives in time");
        let routers = || (0..36).map(RouterId);
        assert!(routers().map(|r| network.deflections(r)).sum::<u64>() > 1000);
        assert!(routers().map(|r| network.source_waits(r)).sum::<u64>() > 1000);
        // 120 links of three cycles.
        assert!(network.in_flight() > 300 && network.in_flight() <= 360, "{}", network.in_flight());
        network.drain(u64::MAX, &mut host).expect("the first arrives in time");
        assert_eq!(host.arrivals.len(), 20_000);
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let mut topology = mesh(3, 3, 1);
    let bad =
        DeflectionSpec { ejections: 0, links: vec![1], router_ejections: Some(0), ..DeflectionSpec::default() };
    assert_eq!(bad.check(&topology).map_err(|errors| errors.len()), Err(3));
    let at = Coord { x: 1, y: 1 };
    topology.kill_link(at, Direction::East).expect("there is one");
    let wanted = DeflectionError::OneWay { from: at, direction: "east" };
    assert_eq!(DeflectionSpec::default().check(&topology), Err(vec![wanted.clone()]));
    assert_eq!(
        DeflectionNetwork::new(Arc::new(topology), DeflectionSpec::default()).map(|_| ()),
        Err(vec![wanted])
    );
}
