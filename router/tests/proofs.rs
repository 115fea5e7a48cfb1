//! Every strategy of the registry on every kind of network: what it is proven to be, where packets go, and what they never do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use spikemesh_router::deadlock::{Finding, Switching, pair_requests, prove, prove_multicast};
use spikemesh_router::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

fn link(name: &str) -> LinkClass {
    LinkClass { name: name.into(), latency_ps: 1000, flit_ps: 100 }
}

fn spec(width: u16, height: u16, cores: u16) -> MeshSpec {
    let local = LocalClass { name: "core".into(), inject_ps: 10, eject_ps: 10, flit_ps: 10, loopback_ps: 10 };
    MeshSpec {
        width,
        height,
        endpoints_per_router: cores,
        east_west: link("east_west"),
        north_south: link("north_south"),
        local,
    }
}

/// The networks every strategy is tried on.
fn networks() -> Vec<(&'static str, Topology)> {
    vec![
        ("mesh 4x4", Topology::mesh(&spec(4, 4, 1)).unwrap()),
        ("mesh 5x3", Topology::mesh(&spec(5, 3, 2)).unwrap()),
        ("mesh 1x6", Topology::mesh(&spec(1, 6, 1)).unwrap()),
        ("torus 4x4", Topology::torus(&spec(4, 4, 1)).unwrap()),
        ("torus 5x3", Topology::torus(&spec(5, 3, 1)).unwrap()),
        ("board of 2x2 chips", Topology::board(2, 2, &spec(2, 3, 1), link("between")).unwrap()),
    ]
}

/// Kills a link both ways, if it is there.
fn cut(topology: &mut Topology, from: Coord, direction: Direction) {
    if let Some(link) = topology.router_at(from).and_then(|router| topology.link_from(router, direction)) {
        let to = topology.coord(topology.links()[link.index()].to);
        topology.kill_link(from, direction).unwrap();
        topology.kill_link(to, direction.opposite()).unwrap();
    }
}

/// The fault sets every strategy is tried with, on top of none.
fn with_faults(topology: &Topology) -> Vec<Topology> {
    let at = |x, y| Coord { x, y };
    let mut one_way = topology.clone();
    let direction = if topology.width() > 1 { Direction::East } else { Direction::North };
    one_way.kill_link(at(0, 1), direction).unwrap();
    let mut cuts = topology.clone();
    cut(&mut cuts, at(0, 1), Direction::North);
    cut(&mut cuts, at(1, 2), Direction::West);
    cut(&mut cuts, at(2, 1), Direction::South);
    let mut router = topology.clone();
    router.kill_router(at(topology.width() / 2, topology.height() / 2)).unwrap();
    let mut corner = topology.clone();
    corner.kill_endpoint(EndpointId(1)).unwrap();
    cut(&mut corner, at(0, 0), Direction::East);
    cut(&mut corner, at(0, 0), Direction::North);
    vec![one_way, cuts, router, corner]
}

/// Pairs of live endpoints not joined by links alive both ways.
fn apart(topology: &Topology) -> u64 {
    let live = |id: LinkId| {
        let link = topology.links()[id.index()];
        let back = topology.link_from(link.to, link.direction.opposite()).unwrap();
        !topology.is_dead(id) && !topology.is_dead(back)
    };
    let mut part = vec![usize::MAX; topology.router_count()];
    for start in 0..topology.router_count() {
        let mut queue = VecDeque::from([RouterId(start as u32)]);
        while let Some(here) = queue.pop_front() {
            if part[here.index()] != usize::MAX {
                continue;
            }
            part[here.index()] = start;
            let exits = Direction::ALL.iter().filter_map(|&way| topology.link_from(here, way));
            queue.extend(exits.filter(|&id| live(id)).map(|id| topology.links()[id.index()].to));
        }
    }
    let ends: Vec<_> = (0..topology.endpoints().len() as u32)
        .map(EndpointId)
        .filter(|&end| !topology.is_endpoint_dead(end))
        .map(|end| part[topology.endpoints()[end.index()].router.index()])
        .collect();
    ends.iter().map(|a| ends.iter().filter(|b| a != *b).count() as u64).sum()
}

/// Strategies that find every way there is around faults.
const FAULT_TOLERANT: [&str; 3] = ["up-down", "table", "key-mask"];

#[test]
fn every_strategy_is_proven_on_every_network_it_is_made_for() {
    let mut on_a_torus = BTreeSet::new();
    for (name, whole) in networks() {
        for (faults, topology) in std::iter::once(whole.clone()).chain(with_faults(&whole)).enumerate() {
            for row in strategies() {
                let case = format!("{} on {name} with fault set {faults}", row.name);
                let routing = match row.build(&topology, (row.channels)(&topology)) {
                    Ok(routing) => routing,
                    Err(error) => {
                        assert!(
                            topology.is_torus() && matches!(error, RoutingError::Topology { .. }),
                            "{case}: {error}"
                        );
                        continue;
                    }
                };
                if topology.is_torus() {
                    on_a_torus.insert(row.name);
                }
                let proof = prove(&topology, routing.as_ref(), Switching::with(row.needs)).unwrap();
                let line = topology.width() == 1;
                let as_marked = match row.needs {
                    Needs::Deflection => proof.finding == Finding::Bufferless,
                    Needs::Timeouts if line => proof.finding == Finding::Acyclic,
                    Needs::Timeouts => matches!(proof.finding, Finding::BrokenByTimeout(_)),
                    Needs::OnePacketAChannel if line => proof.finding == Finding::Acyclic,
                    // Around a dead link of its escape, packets go on without one.
                    Needs::OnePacketAChannel if topology.has_dead_links() => match &proof.finding {
                        Finding::Cyclic { note, .. } => note.is_some_and(|note| note.contains("not offered")),
                        _ => false,
                    },
                    Needs::OnePacketAChannel => matches!(proof.finding, Finding::Escape { .. }),
                    Needs::Nothing => proof.finding == Finding::Acyclic,
                };
                assert!(as_marked, "{case}: {proof}");
                if FAULT_TOLERANT.contains(&row.name) && faults != 1 {
                    assert_eq!(proof.unreached, apart(&topology), "{case}");
                }
                if !topology.has_dead_links() {
                    assert_eq!(proof.unreached, 0, "{case}");
                }
                // With a channel to spare nothing changes.
                let wider = row.build(&topology, (row.channels)(&topology) + 1).unwrap();
                let wider = prove(&topology, wider.as_ref(), Switching::with(row.needs)).unwrap();
                assert_eq!(
                    (wider.is_free(), wider.unreached),
                    (proof.is_free(), proof.unreached),
                    "{case}: {wider}"
                );
            }
        }
    }
    let made_for_it: Vec<_> = on_a_torus.into_iter().collect();
    let expect = [
        "deflection",
        "dual-path",
        "key-mask",
        "minimal-adaptive",
        "spinnaker",
        "table",
        "up-down",
        "valiant",
        "xy",
        "yx",
    ];
    assert_eq!(made_for_it, expect);
}

#[test]
fn multicast_strategies_are_proven_around_faults() {
    for (name, whole) in networks().into_iter().filter(|(_, network)| network.router_count() <= 16) {
        for topology in with_faults(&whole) {
            let requests = pair_requests(&topology);
            for row in strategies().iter().filter(|row| row.multicast) {
                let Ok(routing) = row.build(&topology, (row.channels)(&topology)) else { continue };
                let one = Switching::whole_packets();
                let proof = prove_multicast(&topology, routing.as_ref(), one, &requests).unwrap();
                assert_eq!(proof.finding, Finding::Acyclic, "{} on {name}: {proof}", row.name);
            }
        }
    }
}

/// The links of a packet from router to router, choosing by `pick` among the alternatives; `None` if it gets stuck.
fn walk(
    topology: &Topology,
    routing: &dyn Routing,
    (source, destination): (EndpointId, EndpointId),
    mut pick: impl FnMut(usize) -> usize,
    draw: u64,
) -> Option<Vec<(Direction, Coord)>> {
    let mut state = routing.at_source(topology, source, &[destination], draw);
    assert!(routing.starts(topology, source, destination).contains(&state));
    let (mut here, mut from, mut path) = (topology.endpoints()[source.index()].router, None, Vec::new());
    let mut candidates = Candidates::default();
    loop {
        routing.legal(topology, here, from, &mut [destination], state, &mut candidates);
        let branches: Vec<_> = candidates.branches().collect();
        assert_eq!(branches.len(), 1);
        let (served, ways) = branches[0];
        assert_eq!(served, 1);
        if ways.is_empty() {
            return None;
        }
        let way = ways[pick(ways.len())];
        assert!(!way.channels.is_empty());
        assert!(way.channels.iter().all(|channel| channel < routing.virtual_channels()));
        state = way.next;
        match way.port {
            OutputPort::Eject => {
                assert_eq!(here, topology.endpoints()[destination.index()].router);
                return Some(path);
            }
            OutputPort::Link(id) => {
                let link = topology.links()[id.index()];
                assert_eq!(link.from, here);
                path.push((link.direction, topology.coord(link.from)));
                (here, from) = (link.to, Some(id));
            }
        }
        assert!(path.len() <= 4 * topology.router_count(), "{} does not arrive", routing.name());
    }
}

/// A turn as (before, after, where).
fn breaks_the_rules(strategy: &str, before: Direction, after: Direction, at: Coord) -> bool {
    use Direction::{East, North, South, West};
    let turns = before.is_horizontal() != after.is_horizontal();
    let odd = at.x % 2 == 1;
    match strategy {
        "xy" => turns && !before.is_horizontal(),
        "yx" => turns && before.is_horizontal(),
        "west-first" => after == West && before != West,
        "north-last" => before == North && after != North,
        "negative-first" => matches!(before, East | North) && matches!(after, West | South),
        "odd-even" | "dyad" => {
            !odd && before == East && matches!(after, North | South)
                || odd && matches!(before, North | South) && after == West
        }
        _ => false,
    }
}

#[test]
fn packets_arrive_by_minimal_ways_and_obey_the_turn_rules() {
    // Not minimal: Valiant's, and up*/down*, which may have to pass the root.
    let bound = |name: &str, distance: usize, diameter: usize| match name {
        "valiant" => 2 * diameter,
        "up-down" => 2 * diameter,
        _ => distance,
    };
    // A snake and a spanning tree do not see all short cuts around the ring.
    let longer_on_a_torus = ["up-down", "table", "key-mask", "dual-path"];
    let mut word = 1u64;
    let mut random = move || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word ^ word >> 33
    };
    for (name, topology) in networks() {
        let diameter = usize::from(topology.width() + topology.height());
        for row in strategies() {
            let Ok(routing) = row.build(&topology, (row.channels)(&topology)) else { continue };
            // What these would do in an emergency or under load is not minimal; their first way is.
            let first_only = matches!(row.needs, Needs::Deflection | Needs::Timeouts);
            for pair in 0..topology.endpoints().len().pow(2) {
                let count = topology.endpoints().len();
                let (source, to) = (EndpointId((pair / count) as u32), EndpointId((pair % count) as u32));
                let (a, b) = (topology.endpoint_coord(source), topology.endpoint_coord(to));
                let (east, north) = topology.offset(a, b);
                let distance = (east.abs() + north.abs()) as usize;
                for _ in 0..4 {
                    let draw = random();
                    let pick = |ways: usize| if first_only { 0 } else { (random() % ways as u64) as usize };
                    let path = walk(&topology, routing.as_ref(), (source, to), pick, draw).unwrap();
                    let case = format!("{} on {name}, {a} to {b}: {path:?}", row.name);
                    if !(topology.is_torus() && longer_on_a_torus.contains(&row.name)) {
                        assert!(path.len() <= bound(row.name, distance, diameter), "{case}");
                    }
                    for turn in path.windows(2) {
                        assert!(!breaks_the_rules(row.name, turn[0].0, turn[1].0, turn[1].1), "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn adaptive_strategies_offer_a_choice() {
    let topology = Topology::mesh(&spec(5, 5, 1)).unwrap();
    for row in strategies() {
        let routing = row.build(&topology, (row.channels)(&topology)).unwrap();
        let mut most = 0;
        for (source, to) in [(0, 24), (24, 0), (4, 20), (20, 4)] {
            let pair = (EndpointId(source), EndpointId(to));
            walk(
                &topology,
                routing.as_ref(),
                pair,
                |ways| {
                    most = most.max(ways);
                    0
                },
                0,
            )
            .unwrap();
        }
        assert_eq!(most > 1, row.selection != "first-legal" || row.needs != Needs::Nothing, "{}", row.name);
    }
}

#[test]
fn draws_reach_every_start_and_no_other() {
    let topology = Topology::mesh(&spec(4, 3, 1)).unwrap();
    for row in strategies() {
        let routing = row.build(&topology, (row.channels)(&topology)).unwrap();
        for (source, to) in [(0, 11), (5, 6), (3, 8), (7, 7)].map(|(a, b)| (EndpointId(a), EndpointId(b))) {
            let starts: BTreeSet<_> = routing.starts(&topology, source, to).iter().map(|s| s.0).collect();
            let drawn: BTreeSet<_> = (0..4000u64)
                .map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15))
                .map(|draw| routing.at_source(&topology, source, &[to], draw ^ draw >> 29).0)
                .collect();
            assert_eq!(starts, drawn, "{}", row.name);
        }
    }
}

#[test]
fn answers_by_side_depend_on_the_side_alone() {
    for topology in [Topology::mesh(&spec(4, 4, 2)).unwrap(), with_faults(&networks()[0].1).remove(1)] {
        for row in strategies() {
            let routing = row.build(&topology, (row.channels)(&topology) + 1).unwrap();
            let Some(states) = routing.answers_by_side() else { continue };
            let mut candidates = Candidates::default();
            let mut seen: BTreeMap<_, Vec<Alternative>> = BTreeMap::new();
            for here in (0..topology.router_count() as u32).map(RouterId) {
                let into = topology.links().iter().position(|link| link.to == here).map(|i| LinkId(i as u32));
                for to in (0..topology.endpoints().len() as u32).map(EndpointId) {
                    let (a, b) = (topology.coord(here), topology.endpoint_coord(to));
                    for (state, from) in (0..states).flat_map(|state| [(state, None), (state, into)]) {
                        let state = RouteState(state.into());
                        routing.legal(&topology, here, from, &mut [to], state, &mut candidates);
                        let answer = candidates.branches().next().unwrap().1.to_vec();
                        assert!(answer.iter().all(|way| way.next.0 < states.into()), "{}", row.name);
                        let key = (here, state.0, b.x.cmp(&a.x), b.y.cmp(&a.y));
                        assert_eq!(seen.entry(key).or_insert_with(|| answer.clone()), &answer, "{}", row.name);
                    }
                }
            }
        }
    }
}

#[test]
fn each_destination_gets_one_copy_whatever_the_strategy() {
    for (name, topology) in networks() {
        let count = topology.endpoints().len() as u32;
        let all = (0..count).map(EndpointId);
        let requests: Vec<_> = (0..count)
            .map(|source| RouteRequest {
                source: EndpointId(source),
                destinations: all.clone().filter(|to| (to.0 * 7 + source) % 3 != 0).collect(),
            })
            .filter(|request| !request.destinations.is_empty())
            .collect();
        for row in strategies() {
            let Ok(routing) = row.build(&topology, (row.channels)(&topology)) else { continue };
            let table = RouteTable::build(&topology, routing.as_ref(), &FirstLegal, &requests).unwrap();
            for (i, request) in requests.iter().enumerate() {
                let route = RouteId(i as u32);
                let mut reached: Vec<_> = table.legs(route).iter().map(|leg| leg.destination).collect();
                reached.sort_unstable();
                assert_eq!(reached, request.destinations, "{} on {name}", row.name);
                assert!(table.legs(route).iter().all(|leg| leg.lost.is_none()), "{} on {name}", row.name);
                let links: BTreeSet<_> = table.links(route).iter().map(|link| link.link).collect();
                if row.multicast
                    && row.name != "recursive-partitioning"
                    && !(topology.is_torus() && row.name == "key-mask")
                {
                    assert_eq!(links.len(), table.links(route).len(), "{} on {name}: no link twice", row.name);
                }
            }
        }
    }
}

#[test]
fn recursive_partitioning_shares_more_links_than_the_xy_tree() {
    let topology = Topology::mesh(&spec(8, 8, 1)).unwrap();
    let mut word = 1u64;
    let mut random = move || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        EndpointId((word >> 58) as u32)
    };
    let requests: Vec<_> = (0..64)
        .map(|source| {
            let destinations: BTreeSet<_> = (0..8).map(|_| random()).collect();
            RouteRequest { source: EndpointId(source), destinations: destinations.into_iter().collect() }
        })
        .collect();
    let links = |name: &str| {
        let routing = strategy(name).unwrap().build(&topology, 2).unwrap();
        let table = RouteTable::build(&topology, routing.as_ref(), &FirstLegal, &requests).unwrap();
        for (i, request) in requests.iter().enumerate() {
            let from = topology.endpoint_coord(request.source);
            for leg in table.legs(RouteId(i as u32)).iter().filter(|leg| leg.destination != request.source) {
                let to = topology.endpoint_coord(leg.destination);
                assert_eq!(leg.hops, u32::from(from.x.abs_diff(to.x)) + u32::from(from.y.abs_diff(to.y)));
            }
        }
        (0..64).map(|route| table.links(RouteId(route)).len()).sum::<usize>()
    };
    let (tree, partitioned) = (links("xy"), links("recursive-partitioning"));
    assert!(10 * partitioned < 9 * tree, "{partitioned} links instead of {tree}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]

    /// Up*/down* routing and tables compiled from it are free of deadlock and reach all that hangs together.
    #[test]
    fn up_down_reaches_all_that_hangs_together(
        (width, height) in (1u16..8, 1u16..8),
        rings in any::<bool>(),
        cuts in prop::collection::vec((any::<u16>(), any::<u16>(), 0usize..4), 0..20),
        dead in prop::collection::vec((any::<u16>(), any::<u16>()), 0..3),
    ) {
        let spec = spec(width, height, 1);
        let mut topology = if rings { Topology::torus(&spec) } else { Topology::mesh(&spec) }.unwrap();
        for (x, y, way) in cuts {
            cut(&mut topology, Coord { x: x % width, y: y % height }, Direction::ALL[way]);
        }
        for (x, y) in dead {
            topology.kill_router(Coord { x: x % width, y: y % height }).unwrap();
        }
        for name in FAULT_TOLERANT {
            let routing = strategy(name).unwrap().build(&topology, 1).unwrap();
            let proof = prove(&topology, routing.as_ref(), Switching::wormhole()).unwrap();
            prop_assert_eq!(&proof.finding, &Finding::Acyclic);
            prop_assert_eq!(proof.unreached, apart(&topology));
        }
    }

    /// With links dead one way at random, the proofs hold and no strategy names a dead link and calls it alive.
    #[test]
    fn faults_cost_ways_and_never_freedom_from_deadlock(
        (width, height) in (2u16..6, 2u16..6),
        dead in prop::collection::vec(any::<u32>(), 0..6),
    ) {
        let mut topology = Topology::mesh(&spec(width, height, 1)).unwrap();
        for pick in dead {
            let link = topology.links()[pick as usize % topology.links().len()];
            topology.kill_link(topology.coord(link.from), link.direction).unwrap();
        }
        for row in strategies().iter().filter(|row| row.needs == Needs::Nothing) {
            let routing = row.build(&topology, (row.channels)(&topology)).unwrap();
            let proof = prove(&topology, routing.as_ref(), Switching::wormhole()).unwrap();
            prop_assert_eq!(&proof.finding, &Finding::Acyclic, "{}", row.name);
        }
    }
}
