//! Trees and key/mask tables, over random networks, faults and requests.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use spikemesh_router::deadlock::{Switching, pair_requests, prove_multicast};
use spikemesh_router::random::{below, word};
use spikemesh_router::tables::*;
use spikemesh_router::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

fn network(width: u16, height: u16, cores: u16, torus: bool) -> Topology {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 4000, flit_ps: 900 };
    let local = LocalClass { name: "core".into(), inject_ps: 1, eject_ps: 1, flit_ps: 1, loopback_ps: 1 };
    let (east_west, north_south) = (link("east_west"), link("north_south"));
    let spec = MeshSpec { width, height, endpoints_per_router: cores, east_west, north_south, local };
    if torus { Topology::torus(&spec).unwrap() } else { Topology::mesh(&spec).unwrap() }
}

/// A mesh or torus, one core a router, with some links and at times a router dead.
fn networks() -> impl Strategy<Value = Topology> {
    let faults = prop::collection::vec(any::<u32>(), 0..8);
    (1u16..9, 1u16..9, 1u16..3, any::<bool>(), faults, prop::option::weighted(0.2, any::<u32>())).prop_map(
        |(width, height, cores, torus, faults, dead)| {
            let mut topology = network(width, height, cores, torus);
            // Half of the networks have no faults.
            for pick in faults.into_iter().filter(|pick| pick % 2 == 0) {
                if let Some(link) = topology.links().get(pick as usize % topology.links().len().max(1)) {
                    let (from, way) = (topology.coord(link.from), link.direction);
                    topology.kill_link(from, way).unwrap();
                }
            }
            if let Some(pick) = dead {
                let at = topology.coord(RouterId(pick % topology.router_count() as u32));
                topology.kill_router(at).unwrap();
            }
            topology
        },
    )
}

/// What live links lead to from a router.
fn reachable(topology: &Topology, from: RouterId) -> BTreeSet<RouterId> {
    let (mut seen, mut queue) = (BTreeSet::from([from]), VecDeque::from([from]));
    while let Some(here) = queue.pop_front() {
        for (i, link) in topology.links().iter().enumerate().filter(|(_, link)| link.from == here) {
            if !topology.is_dead(LinkId(i as u32)) && seen.insert(link.to) {
                queue.push_back(link.to);
            }
        }
    }
    seen
}

/// Follows a tree's links from the source, as a packet does: the routers entered and the links crossed.
fn follow(topology: &Topology, source: RouterId, links: &BTreeSet<LinkId>) -> (Vec<RouterId>, usize) {
    let (mut entered, mut queue) = (Vec::new(), VecDeque::from([source]));
    let mut crossed = 0;
    while let Some(here) = queue.pop_front() {
        entered.push(here);
        assert!(entered.len() <= topology.router_count(), "it loops");
        for &link in links.iter().filter(|link| topology.links()[link.index()].from == here) {
            assert!(!topology.is_dead(link));
            crossed += 1;
            queue.push_back(topology.links()[link.index()].to);
        }
    }
    (entered, crossed)
}

proptest! {
    #[test]
    fn every_tree_reaches_what_can_be_reached_once(
        topology in networks(), source in any::<u32>(), to in prop::collection::vec(any::<u32>(), 0..12),
    ) {
        let count = topology.router_count() as u32;
        let source = RouterId(source % count);
        let to: Vec<_> = to.into_iter().map(|to| RouterId(to % count)).collect();
        let reachable = reachable(&topology, source);
        let mut lengths = BTreeMap::new();
        for kind in TreeKind::ALL {
            let tree = multicast_tree(&topology, kind, source, &to);
            let links: BTreeSet<_> = tree.links().collect();
            let (entered, crossed) = follow(&topology, source, &links);
            let once: BTreeSet<_> = entered.iter().copied().collect();
            prop_assert_eq!(once.len(), entered.len(), "a router is entered twice");
            prop_assert_eq!((crossed, links.len()), (tree.length(), tree.length()));
            for router in &to {
                prop_assert_eq!(once.contains(router), reachable.contains(router));
                prop_assert_eq!(tree.unreached().contains(router), !reachable.contains(router));
            }
            lengths.insert(kind, crossed);
        }
        let distinct: BTreeSet<_> = to.iter().filter(|to| **to != source && reachable.contains(to)).collect();
        let steiner = lengths[&TreeKind::Steiner];
        prop_assert!(steiner <= lengths[&TreeKind::Xy] && steiner <= lengths[&TreeKind::LongestDimensionFirst]);
        prop_assert!(steiner >= distinct.len());
        if !topology.is_torus() && !topology.has_dead_links() {
            let places = || to.iter().chain([&source]).map(|&r| topology.coord(r));
            let span = |of: fn(Coord) -> u16| places().map(of).max().unwrap() - places().map(of).min().unwrap();
            prop_assert!(steiner >= usize::from(span(|c| c.x) + span(|c| c.y)));
        }
    }

    #[test]
    fn routes_along_trees_are_the_trees(
        topology in networks(), source in any::<u32>(), to in prop::collection::btree_set(any::<u32>(), 1..9),
    ) {
        let count = topology.endpoints().len() as u32;
        let to: BTreeSet<_> = to.into_iter().map(|to| EndpointId(to % count)).collect();
        let source = EndpointId(source % count);
        let request = RouteRequest { source, destinations: to.iter().copied().collect() };
        let router = |end: EndpointId| topology.endpoints()[end.index()].router;
        let alive: Vec<_> = to.iter().filter(|to| !topology.is_endpoint_dead(**to)).map(|&to| router(to)).collect();
        for kind in TreeKind::ALL {
            let routing = TreeRouting::build(&topology, 1, kind, std::slice::from_ref(&request)).unwrap();
            let table = RouteTable::build(&topology, &routing, &FirstLegal, std::slice::from_ref(&request)).unwrap();
            let legs = table.legs(RouteId(0));
            prop_assert_eq!(legs.len(), to.len());
            if topology.is_endpoint_dead(source) {
                prop_assert!(legs.iter().all(|leg| leg.lost == Some(DropCause::DeadEndpoint)));
                continue;
            }
            let tree = multicast_tree(&topology, kind, router(source), &alive);
            let crossed: BTreeSet<_> = table.links(RouteId(0)).iter().map(|link| link.link).collect();
            prop_assert_eq!(crossed, tree.links().collect::<BTreeSet<_>>());
            for leg in legs {
                let lost = match () {
                    () if topology.is_endpoint_dead(leg.destination) => Some(DropCause::DeadEndpoint),
                    () if tree.place(router(leg.destination)).is_none() => Some(DropCause::NoRoute),
                    () => None,
                };
                prop_assert_eq!(leg.lost, lost);
            }
        }
    }

    #[test]
    fn compressed_tables_do_what_the_trees_do(
        topology in networks(), kind in 0usize..3, target in prop_oneof![Just(0usize), 0usize..12],
        requests in prop::collection::vec((any::<u32>(), 0u32..9, prop::collection::btree_set(0u32..40, 1..6)), 1..40),
    ) {
        let requests = keyed(&topology, &requests);
        let routes = match KeyRoutes::compile(&topology, TreeKind::ALL[kind], &requests) {
            Ok(routes) => routes,
            Err(errors) => {
                let behind = |error: &KeyRouteError| matches!(error, KeyRouteError::NoWay { .. });
                prop_assert!(errors.iter().all(behind));
                return Ok(());
            }
        };
        let arrivals = routes.arrivals(&topology);
        let plain = replay(&topology, &routes, &KeyTables::uncompressed(&arrivals)).unwrap();
        let (tables, report) = KeyTables::compress(&topology, &arrivals, target);
        let made = replay(&topology, &routes, &tables).unwrap();
        prop_assert_eq!((plain.keys, plain.crossings), (made.keys, made.crossings));
        prop_assert!(report.routers.iter().all(|r| r.after <= r.before && r.without_defaults <= r.before));
        prop_assert_eq!(report.met().is_err(), report.largest_after > target);
    }

    #[test]
    fn a_broken_table_is_caught(
        topology in networks(), cut in any::<usize>(),
        requests in prop::collection::vec((any::<u32>(), 0u32..9, prop::collection::btree_set(0u32..40, 1..6)), 1..20),
    ) {
        let requests = keyed(&topology, &requests);
        let Ok(routes) = KeyRoutes::compile(&topology, TreeKind::Steiner, &requests) else { return Ok(()) };
        let arrivals = routes.arrivals(&topology);
        // A compressor that forgets one entry which default routing does not make needless.
        let needed = arrivals.iter().enumerate().flat_map(|(router, here)| {
            let blocks = here.blocks().iter().enumerate().filter(|(_, block)| !block.straight);
            blocks.map(move |(i, _)| (router, i))
        });
        let needed: Vec<_> = needed.collect();
        prop_assume!(!needed.is_empty());
        let (router, missing) = needed[cut % needed.len()];
        let table = arrivals[router].table();
        let entries = table.entries().iter().enumerate().filter(|(i, _)| *i != missing);
        let entries: Vec<_> = entries
            .map(|(_, e)| KeyMaskEntry { key: e.key, mask: e.mask, outputs: table.outputs(e).clone() })
            .collect();
        let tables = KeyTables::uncompressed(&arrivals).with_table(RouterId(router as u32), KeyTable::new(&entries));
        let error = replay(&topology, &routes, &tables).unwrap_err();
        prop_assert!(error.total >= error.listed.len() as u64 && !error.listed.is_empty());
    }
}

/// Requests with blocks of keys, of endpoints there are.
fn keyed(topology: &Topology, list: &[(u32, u32, BTreeSet<u32>)]) -> Vec<KeyedRequest> {
    let count = topology.endpoints().len() as u32;
    let keys = KeyBlock::allocate(&list.iter().map(|(_, keys, _)| *keys).collect::<Vec<_>>()).unwrap();
    let each = list.iter().zip(keys).map(|((source, _, to), keys)| {
        let destinations: BTreeSet<_> = to.iter().map(|to| EndpointId(to % count)).collect();
        let destinations = destinations.into_iter().collect();
        KeyedRequest { keys, request: RouteRequest { source: EndpointId(source % count), destinations } }
    });
    each.collect()
}

#[test]
fn a_merge_that_takes_in_too_much_is_caught_key_by_key() {
    // Keys 0-3 go east from router 0, key 4 leaves there; a mask that ignores bit 2 takes it along.
    let topology = network(3, 1, 2, false);
    let request = |keys, to: &[u32]| KeyedRequest {
        keys,
        request: RouteRequest {
            source: EndpointId(0),
            destinations: to.iter().copied().map(EndpointId).collect(),
        },
    };
    let requests =
        [request(KeyBlock::masked(0, !3).unwrap(), &[4]), request(KeyBlock::masked(4, !3).unwrap(), &[1])];
    let routes = KeyRoutes::compile(&topology, TreeKind::Xy, &requests).unwrap();
    let east = Outputs { links: vec![Direction::East], endpoints: Vec::new() };
    let own = Outputs { links: Vec::new(), endpoints: vec![EndpointId(1)] };
    let entries = [
        KeyMaskEntry { key: 2, mask: !4, outputs: east.clone() },
        KeyMaskEntry { key: 0, mask: !3, outputs: east },
        KeyMaskEntry { key: 4, mask: !3, outputs: own },
    ];
    let tables = KeyTables::uncompressed(&routes.arrivals(&topology));
    let error =
        replay(&topology, &routes, &tables.with_table(RouterId(0), KeyTable::new(&entries))).unwrap_err();
    // Key 6 alone goes east, and on to the edge of the mesh.
    assert!(error.listed.iter().all(|d| d.request == 1 && d.keys == KeyBlock::one(6)), "{error:?}");
    let kinds: Vec<_> = error.listed.iter().map(|d| d.what).collect();
    let east = "east";
    let extra = DifferenceKind::LinkExtra(east);
    assert_eq!(kinds, [DifferenceKind::NoLink(east), DifferenceKind::Missing(1), extra, extra]);
}

#[test]
fn wrong_requests_are_all_told() {
    let mut topology = network(3, 1, 1, false);
    topology.kill_link(Coord { x: 1, y: 0 }, Direction::East).unwrap();
    let request = |keys, source, to: &[u32]| KeyedRequest {
        keys,
        request: RouteRequest {
            source: EndpointId(source),
            destinations: to.iter().copied().map(EndpointId).collect(),
        },
    };
    let compile =
        |requests: &[KeyedRequest]| KeyRoutes::compile(&topology, TreeKind::Steiner, requests).unwrap_err();
    let wide = KeyBlock::masked(0, !7).unwrap();
    let errors = compile(&[request(KeyBlock::one(7), 0, &[]), request(wide, 9, &[1, 1])]);
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors.contains(&KeyRouteError::SharedKey { first: 1, second: 0, key: 7 }));
    let errors = compile(&[request(wide, 0, &[1, 2]), request(KeyBlock::one(8), 1, &[2])]);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(KeyBlock::masked(0, 5).is_err() && KeyBlock::masked(1, !1).is_err());
    assert!(KeyBlock::allocate(&[1 << 31, 1 << 30, 1 << 31]).is_err());
    assert_eq!(KeyBlock::allocate(&[3, 1, 2]).unwrap().iter().map(|b| b.key()).collect::<Vec<_>>(), [0, 4, 6]);
    assert_eq!(KeyBlock::masked(0, 0).unwrap().keys(), 1 << 32);
}

#[test]
fn trees_can_deadlock_and_the_prover_says_so() {
    let topology = network(3, 3, 1, false);
    let requests = pair_requests(&topology);
    for kind in TreeKind::ALL {
        let routing = TreeRouting::build(&topology, 1, kind, &requests).unwrap();
        let proof = prove_multicast(&topology, &routing, Switching::whole_packets(), &requests).unwrap();
        assert_eq!((proof.is_free(), proof.unreached), (kind == TreeKind::Xy, 0), "{proof}");
    }
}

/// Length of the shortest tree, by Dreyfus & Wagner 1971: for each set of terminals and router, the shortest tree that joins them.
fn shortest(topology: &Topology, source: RouterId, to: &[RouterId]) -> usize {
    let count = topology.router_count();
    let far = |a: usize, b: usize| {
        let (x, y) = topology.offset(topology.coord(RouterId(a as u32)), topology.coord(RouterId(b as u32)));
        (x.unsigned_abs() + y.unsigned_abs()) as usize
    };
    let mut best = vec![vec![usize::MAX; count]; 1 << to.len()];
    for set in 1usize..1 << to.len() {
        let joined: Vec<usize> = (0..count)
            .map(|at| match set.count_ones() {
                1 => far(at, to[set.trailing_zeros() as usize].index()),
                _ => (1..set)
                    .filter(|part| part & set == *part)
                    .map(|part| best[part][at] + best[set ^ part][at])
                    .min()
                    .unwrap(),
            })
            .collect();
        let by = |at| (0..count).map(|via| far(at, via) + joined[via]).min().unwrap();
        best[set] = (0..count).map(by).collect();
    }
    best[(1 << to.len()) - 1][source.index()]
}

/// Some different routers, drawn evenly for a case.
fn draw(case: u64, count: u64, many: usize) -> Vec<RouterId> {
    let mut drawn = Vec::new();
    for which in 0.. {
        let router = RouterId(below(word(17, case, which), count) as u32);
        if !drawn.contains(&router) {
            drawn.push(router);
        }
        if drawn.len() == many {
            break;
        }
    }
    drawn
}

/// Links of all trees of a kind, over drawn cases.
fn total(topology: &Topology, kind: TreeKind, cases: u64, destinations: usize) -> usize {
    let count = topology.router_count() as u64;
    let length = |case| {
        let drawn = draw(case, count, destinations + 1);
        multicast_tree(topology, kind, drawn[0], &drawn[1..]).length()
    };
    (0..cases).map(length).sum()
}

#[test]
fn steiner_trees_are_near_the_shortest_there_are() {
    for torus in [false, true] {
        let topology = network(6, 6, 1, torus);
        let (mut optimum, mut optimal) = (0, 0);
        for case in 0..400 {
            let drawn = draw(case, 36, 5);
            let best = shortest(&topology, drawn[0], &drawn[1..]);
            let length = multicast_tree(&topology, TreeKind::Steiner, drawn[0], &drawn[1..]).length();
            assert!(length >= best, "{length} is shorter than the shortest, {best}");
            optimum += best;
            optimal += usize::from(length == best);
        }
        let [xy, longest, steiner] =
            TreeKind::ALL.map(|kind| total(&topology, kind, 400, 4) as f64 / optimum as f64);
        println!(
            "torus {torus}: xy {xy:.3} longest {longest:.3} steiner {steiner:.3}, optimal {optimal} of 400"
        );
        assert!(steiner < 1.05 && steiner < xy && steiner < longest);
    }
}

#[test]
fn trees_of_many_destinations_are_shorter_than_those_of_xy() {
    for (width, torus) in [(8, false), (16, false), (16, true), (32, false)] {
        let topology = network(width, width, 1, torus);
        for destinations in [4, 8, 16, 32] {
            let [xy, longest, steiner] =
                TreeKind::ALL.map(|kind| total(&topology, kind, 200, destinations) as f64);
            println!(
                "{width} x {width}, torus {torus}, {destinations} destinations: xy {:.1} links, longest {:.3}, steiner {:.3}",
                xy / 200.0,
                longest / xy,
                steiner / xy
            );
            assert!(steiner < 0.99 * xy);
        }
    }
}

/// Sources of a 32 x 32 mesh in groups that send to the same destinations; keys by core.
fn grouped(cores: u16, group: u64, destinations: usize, near: bool) -> (Topology, Vec<KeyedRequest>) {
    let topology = network(32, 32, cores, false);
    let sources = u64::from(topology.core_count());
    let keys = KeyBlock::allocate(&vec![256; sources as usize]).unwrap();
    let requests = keys.into_iter().enumerate().map(|(source, keys)| {
        let case = source as u64 / group;
        let to: BTreeSet<_> = (0..destinations as u64)
            .map(|which| match near {
                false => below(word(5, case, which), sources),
                true => (case * group + below(word(5, case, which), 4 * group * group)) % sources,
            })
            .map(|to| EndpointId(to as u32))
            .filter(|to| to.index() != source)
            .collect();
        let request =
            RouteRequest { source: EndpointId(source as u32), destinations: to.into_iter().collect() };
        KeyedRequest { keys, request }
    });
    let requests = requests.collect();
    (topology, requests)
}

fn measure(name: &str, cores: u16, group: u64, destinations: usize, near: bool, targets: &[usize]) {
    let (topology, requests) = grouped(cores, group, destinations, near);
    for kind in [TreeKind::Xy, TreeKind::Steiner] {
        let start = std::time::Instant::now();
        let routes = KeyRoutes::compile(&topology, kind, &requests).unwrap();
        let arrivals = routes.arrivals(&topology);
        let compiled = start.elapsed();
        for &target in targets {
            let start = std::time::Instant::now();
            let (tables, report) = KeyTables::compress(&topology, &arrivals, target);
            let compressed = start.elapsed();
            let start = std::time::Instant::now();
            let replayed = replay(&topology, &routes, &tables).unwrap();
            println!(
                "{name}, {}, target {target}: entries {} -> {} without defaults -> {} ({:.3}); largest {} -> {}; met {}; \
                 compiled {compiled:.2?}, compressed {compressed:.2?}, {} keys replayed {:.2?}",
                kind.name(),
                report.total_before,
                report.total_without_defaults,
                report.total_after,
                report.total_after as f64 / report.total_before as f64,
                report.largest_before,
                report.largest_after,
                report.met().is_ok(),
                replayed.keys,
                start.elapsed(),
            );
        }
    }
}

#[test]
fn a_thousand_routers_are_compressed_and_replayed() {
    measure("random", 2, 1, 8, false, &[100]);
    measure("groups", 4, 4, 8, true, &[0]);
}

#[test]
#[ignore = "a measurement of a minute; --ignored --nocapture prints it"]
fn thousands_of_entries_a_router() {
    measure("groups of 16", 16, 16, 20, false, &[1023, 200, 0]);
    measure("no groups", 16, 1, 20, false, &[1023, 300, 0]);
}
