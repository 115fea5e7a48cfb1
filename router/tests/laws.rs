//! The laws of the network, over random meshes, faults, routes and traffic.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use spikemesh_router::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Case {
    topology: Arc<Topology>,
    routes: Arc<RouteTable>,
    injections: Vec<Injection>,
    slots: u32,
    /// Routed in dimension order.
    tree: bool,
}

const STRATEGIES: [&str; 7] = ["xy", "yx", "dual-path", "west-first", "odd-even", "up-down", "key-mask"];

/// Those whose packets never cross a link twice, whatever their destinations; others get one destination each.
const TREES: [&str; 3] = ["xy", "yx", "dual-path"];

fn spec(width: u16, height: u16, cores: u16, flit_ps: [u64; 3]) -> MeshSpec {
    let link = |name: &str, latency_ps, flit_ps| LinkClass { name: name.into(), latency_ps, flit_ps };
    MeshSpec {
        width,
        height,
        endpoints_per_router: cores,
        east_west: link("east_west", 4100, flit_ps[0]),
        north_south: link("north_south", 6500, flit_ps[1]),
        local: LocalClass {
            name: "core".into(),
            inject_ps: 1000,
            eject_ps: 1100,
            flit_ps: flit_ps[2],
            loopback_ps: 700,
        },
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = (1u16..6, 1u16..6, 1u16..4, prop::array::uniform3(0u64..9000), 1u32..4);
    let faults = prop::collection::vec((any::<u32>(), any::<bool>()), 0..3);
    let routes = prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u32>(), 1..6)), 1..8);
    let dead = prop::collection::vec(any::<u32>(), 0..2);
    let traffic = prop::collection::vec((0u64..30_000, any::<u32>(), 1u16..4), 0..60);
    (shape, faults, routes, traffic, dead, any::<u8>()).prop_map(
        |((w, h, c, flit_ps, slots), faults, routes, traffic, dead, pick)| {
            let mut topology = Topology::mesh(&spec(w, h, c, flit_ps)).unwrap();
            let local = spec(1, 1, 1, flit_ps).local;
            topology.add_port("west", Coord { x: 0, y: h / 2 }, local).unwrap();
            for (pick, on) in faults {
                let links = topology.links();
                if on && !links.is_empty() {
                    let link = links[pick as usize % links.len()];
                    topology.kill_link(topology.coord(link.from), link.direction).unwrap();
                }
            }
            let count = topology.endpoints().len() as u32;
            let mut requests: Vec<_> = routes
                .into_iter()
                .map(|(source, to)| RouteRequest {
                    source: EndpointId(source % count),
                    destinations: to
                        .into_iter()
                        .map(|d| EndpointId(d % count))
                        .collect::<BTreeSet<_>>()
                        .into_iter()
                        .collect(),
                })
                .collect();
            for pick in dead {
                topology.kill_endpoint(EndpointId(pick % count)).unwrap();
            }
            let name = STRATEGIES[usize::from(pick) % STRATEGIES.len()];
            let routing = strategy(name).unwrap().build(&topology, 2).unwrap();
            if !TREES.contains(&name) {
                requests.iter_mut().for_each(|request| request.destinations.truncate(1));
            }
            let routes = RouteTable::build(&topology, routing.as_ref(), &FirstLegal, &requests).unwrap();
            let injections = traffic
                .into_iter()
                .enumerate()
                .map(|(i, (at_ps, route, flits))| Injection {
                    at_ps,
                    route: RouteId(route % routes.len() as u32),
                    flits,
                    payload: 1,
                    tag: i as u32,
                })
                .collect();
            let tree = ["xy", "yx"].contains(&routing.name());
            Case { tree, topology: Arc::new(topology), routes: Arc::new(routes), injections, slots }
        },
    )
}

fn analytic(case: &Case) -> Analytic {
    Analytic::new(Arc::clone(&case.topology), Arc::clone(&case.routes))
}

fn packet(case: &Case) -> PacketNoc {
    let limits = QueueLimits { packets: case.slots, receive: None };
    PacketNoc::new(Arc::clone(&case.topology), Arc::clone(&case.routes), limits)
}

fn flit(case: &Case) -> flit::FlitNoc {
    let channels = case.routes.virtual_channels().max(1 + (case.slots % 2) as u8);
    let spec = flit::RouterSpec { channels, ..flit::RouterSpec::default() };
    let (topology, routes) = (Arc::clone(&case.topology), Arc::clone(&case.routes));
    flit::FlitNoc::new(spec, topology, routes, 1000, 3).unwrap()
}

fn conserved(counters: &NocCounters) -> bool {
    counters.copies_owed == counters.delivered + counters.dropped_total() + counters.in_flight
}

fn collect(noc: &mut dyn Noc, injections: &[Injection]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    noc.run_tick(injections, None, &mut VerdictSink::Collect(&mut verdicts));
    verdicts.sort_by_key(|v| (v.tag, v.destination));
    verdicts
}

/// Receivers that work on one copy after the other and have room for the next when they begin.
#[derive(Debug, Default)]
struct Busy {
    work_ps: u64,
    free_ps: BTreeMap<EndpointId, u64>,
    /// (tag, destination, arrival, when its room is free again)
    seen: Vec<(u32, EndpointId, u64, u64)>,
}

impl Receiver for Busy {
    fn arrived(&mut self, copy: &Verdict, at_ps: u64) -> u64 {
        let free_ps = self.free_ps.entry(copy.destination).or_default();
        let begin_ps = at_ps.max(*free_ps);
        *free_ps = begin_ps + self.work_ps;
        self.seen.push((copy.tag, copy.destination, at_ps, begin_ps));
        begin_ps
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Arrivals nobody watches are counted ahead of time.
    #[test]
    fn watching_changes_nothing(case in cases(), cuts in prop::collection::vec(0u64..40_000, 0..5)) {
        let (mut watched, mut unwatched) = (packet(&case), packet(&case));
        for (i, cut) in cuts.iter().map(|&cut| Some(cut)).chain([None]).enumerate() {
            let some: Vec<_> = case.injections.iter().copied().filter(|x| x.tag as usize % 5 == i).collect();
            let seen = watched.run_tick(&some, cut, &mut VerdictSink::Collect(&mut Vec::new()));
            prop_assert_eq!(unwatched.run_tick(&some, cut, &mut VerdictSink::Ignore), seen);
            prop_assert_eq!(unwatched.counters(), watched.counters());
        }
    }

    /// Packets of a silent network enter in order of time; those that a cut leaves for later wait among the events. Both are
    /// the same, down to the order of the verdicts.
    #[test]
    fn packets_enter_as_if_they_were_events(case in cases(), at_once in any::<bool>()) {
        let mut case = case;
        // Many at the same time, so that their order matters.
        case.injections.iter_mut().for_each(|x| x.at_ps = 1 + if at_once { 0 } else { x.at_ps / 1000 * 1000 });
        let (mut entering, mut scheduled) = (packet(&case), packet(&case));
        for _ in 0..2 {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            let end = entering.run_tick(&case.injections, None, &mut VerdictSink::Collect(&mut a));
            scheduled.run_tick(&case.injections, Some(0), &mut VerdictSink::Collect(&mut b));
            prop_assert_eq!(scheduled.run_tick(&[], None, &mut VerdictSink::Collect(&mut b)), end);
            prop_assert_eq!(a, b);
            prop_assert_eq!(entering.counters(), scheduled.counters());
        }
    }

    /// A core never holds more than it has room for, and everything arrives all the same.
    #[test]
    fn receivers_are_never_over_full(case in cases(), room in 1u32..4, work_ps in 0u64..20_000) {
        let limits = QueueLimits { packets: case.slots, receive: Some(room) };
        let mut noc = PacketNoc::new(Arc::clone(&case.topology), Arc::clone(&case.routes), limits);
        for _ in 0..2 {
            let mut busy = Busy { work_ps, ..Busy::default() };
            let outcome = noc.run_tick(&case.injections, None, &mut VerdictSink::Receive(&mut busy));
            prop_assert_eq!(outcome.in_flight, 0);
            prop_assert!(busy.seen.is_sorted_by_key(|seen| seen.2), "in order of time");
            prop_assert_eq!(busy.seen.last().map_or(0, |seen| seen.2), outcome.end_ps);
            let away = |seen: &&(u32, EndpointId, u64, u64)| {
                case.routes.source(case.injections[seen.0 as usize].route) != seen.1
                    && seen.1.0 < case.topology.core_count()
            };
            for (_, endpoint, now, _) in busy.seen.iter().filter(away) {
                let waits = |seen: &&(u32, EndpointId, u64, u64)| seen.1 == *endpoint && seen.2 <= *now && *now < seen.3;
                prop_assert!(busy.seen.iter().filter(away).filter(waits).count() <= room as usize);
            }
        }
        let (mut twice, counters) = (analytic(&case), noc.counters());
        (0..2).for_each(|_| _ = twice.run_tick(&case.injections, None, &mut VerdictSink::Ignore));
        prop_assert!(conserved(&counters));
        prop_assert_eq!(&counters.endpoints, &twice.counters().endpoints);
        prop_assert_eq!(&counters.crossings, &twice.counters().crossings);
    }

    /// Every level hands the copies over that it would collect, in order of time.
    #[test]
    fn receiving_with_room_for_all_changes_nothing(case in cases()) {
        let nocs = |case: &Case| -> [Box<dyn Noc>; 3] {
            [Box::new(analytic(case)), Box::new(packet(case)), Box::new(flit(case))]
        };
        for (mut collects, mut receives) in nocs(&case).into_iter().zip(nocs(&case)) {
            let (mut busy, mut verdicts) = (Busy { work_ps: 5000, ..Busy::default() }, Vec::new());
            let outcome = collects.run_tick(&case.injections, None, &mut VerdictSink::Collect(&mut verdicts));
            let seen = receives.run_tick(&case.injections, None, &mut VerdictSink::Receive(&mut busy));
            prop_assert_eq!(seen, outcome);
            prop_assert_eq!(receives.counters(), collects.counters());
            let mut arrived: Vec<_> = verdicts.iter().filter_map(|verdict| match verdict.fate {
                Fate::Arrived { at_ps } => Some((verdict.tag, verdict.destination, at_ps)),
                Fate::Dropped(_) => None,
            }).collect();
            arrived.sort_by_key(|copy| copy.2);
            let handed: Vec<_> = busy.seen.iter().map(|seen| (seen.0, seen.1, seen.2)).collect();
            prop_assert_eq!(handed, arrived);
        }
    }

    #[test]
    fn conservation(case in cases(), cuts in prop::collection::vec(0u64..40_000, 0..5)) {
        let mut noc = packet(&case);
        for (i, cut) in cuts.iter().enumerate() {
            let some: Vec<_> = case.injections.iter().copied().filter(|x| x.tag as usize % 5 == i).collect();
            let outcome = noc.run_tick(&some, Some(*cut), &mut VerdictSink::Ignore);
            prop_assert!(outcome.end_ps <= *cut);
            prop_assert!(conserved(&noc.counters()));
        }
        noc.run_tick(&[], None, &mut VerdictSink::Ignore);
        let counters = noc.counters();
        prop_assert!(conserved(&counters));
        prop_assert_eq!(counters.in_flight, 0, "a drained network is empty");
        let mut fast = analytic(&case);
        fast.run_tick(&case.injections, None, &mut VerdictSink::Ignore);
        prop_assert!(conserved(&fast.counters()));
    }

    #[test]
    fn levels_agree_on_loads(case in cases()) {
        let (mut a, mut b) = (analytic(&case), packet(&case));
        a.run_tick(&case.injections, None, &mut VerdictSink::Ignore);
        b.run_tick(&case.injections, None, &mut VerdictSink::Ignore);
        let (a, b) = (a.counters(), b.counters());
        for (x, y) in a.links.iter().zip(&b.links) {
            prop_assert_eq!((x.packets, x.flits), (y.packets, y.flits));
            prop_assert!(y.peak_queue <= case.slots);
        }
        prop_assert_eq!(&a.endpoints, &b.endpoints);
        prop_assert_eq!(&a.hops, &b.hops);
        prop_assert_eq!(&a.crossings, &b.crossings);
        prop_assert_eq!(&a.flit_crossings, &b.flit_crossings);
        prop_assert_eq!(&a.dropped, &b.dropped);
        prop_assert_eq!(a.same_endpoint, b.same_endpoint);
        prop_assert_eq!(a.same_router, b.same_router);
        let mut c = flit(&case);
        let outcome = c.run_tick(&case.injections, None, &mut VerdictSink::Ignore);
        let c = c.counters();
        prop_assert!(outcome.in_flight == 0 && conserved(&c));
        for (x, y) in a.links.iter().zip(&c.links) {
            prop_assert_eq!((x.packets, x.flits), (y.packets, y.flits));
        }
        prop_assert_eq!(&a.endpoints, &c.endpoints);
        prop_assert_eq!(&a.hops, &c.hops);
        prop_assert_eq!(&a.crossings, &c.crossings);
        prop_assert_eq!(&a.flit_crossings, &c.flit_crossings);
        prop_assert_eq!(&a.dropped, &c.dropped);
    }

    /// The same packets in one call or in several: the flit level keeps flights across calls.
    #[test]
    fn flits_fly_on_across_calls(case in cases(), cuts in prop::collection::vec(0u64..40_000, 0..5)) {
        let mut noc = flit(&case);
        for (i, cut) in cuts.iter().enumerate() {
            let some: Vec<_> = case.injections.iter().copied().filter(|x| x.tag as usize % 5 == i).collect();
            let outcome = noc.run_tick(&some, Some(*cut), &mut VerdictSink::Ignore);
            prop_assert!(outcome.end_ps <= *cut && conserved(&noc.counters()));
        }
        noc.run_tick(&[], None, &mut VerdictSink::Ignore);
        prop_assert!(noc.counters().in_flight == 0 && conserved(&noc.counters()));
    }

    #[test]
    fn zero_load_is_exact(case in cases()) {
        let (mut a, mut b) = (analytic(&case), packet(&case));
        for injection in &case.injections {
            let lone = std::slice::from_ref(injection);
            prop_assert_eq!(collect(&mut a, lone), collect(&mut b, lone));
        }
    }

    #[test]
    fn contention_only_delays(case in cases()) {
        let (mut a, mut b) = (analytic(&case), packet(&case));
        let (a, b) = (collect(&mut a, &case.injections), collect(&mut b, &case.injections));
        prop_assert_eq!(a.len(), b.len());
        for (x, y) in a.iter().zip(&b) {
            match (x.fate, y.fate) {
                (Fate::Arrived { at_ps: free }, Fate::Arrived { at_ps: busy }) => prop_assert!(busy >= free),
                (free, busy) => prop_assert_eq!(free, busy),
            }
        }
    }

    #[test]
    fn routes_are_minimal_trees(case in cases().prop_filter("dimension order", |case| case.tree)) {
        for route in (0..case.routes.len() as u32).map(RouteId) {
            let links = case.routes.links(route);
            let distinct: BTreeSet<_> = links.iter().map(|l| l.link).collect();
            prop_assert_eq!(distinct.len(), links.len());
            let source = case.routes.source(route);
            let from = case.topology.endpoint_coord(source);
            let mut unicast = 0;
            for leg in case.routes.legs(route).iter().filter(|leg| leg.lost != Some(DropCause::DeadEndpoint)) {
                let to = case.topology.endpoint_coord(leg.destination);
                let distance = u32::from(from.x.abs_diff(to.x)) + u32::from(from.y.abs_diff(to.y));
                prop_assert_eq!(leg.hops, if leg.destination == source { 0 } else { distance });
                unicast += distance;
            }
            prop_assert!(links.len() as u32 <= unicast);
        }
    }

    #[test]
    fn merging_is_commutative(case in cases(), split in 0usize..60) {
        let split = split.min(case.injections.len());
        let part = |injections: &[Injection]| {
            let mut noc = packet(&case);
            noc.run_tick(injections, None, &mut VerdictSink::Ignore);
            noc.counters()
        };
        let (a, b) = (part(&case.injections[..split]), part(&case.injections[split..]));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        prop_assert_eq!(ab, ba);
    }
}

#[test]
fn hotspot_drains() {
    let topology = Arc::new(Topology::mesh(&spec(5, 5, 1, [900, 900, 900])).unwrap());
    let requests: Vec<_> = (0..25)
        .map(|source| RouteRequest { source: EndpointId(source), destinations: vec![EndpointId(12)] })
        .collect();
    let routes = Arc::new(RouteTable::build(&topology, &DimensionOrder::xy(), &FirstLegal, &requests).unwrap());
    let mut noc = PacketNoc::new(topology, routes, QueueLimits { packets: 1, receive: None });
    let injections: Vec<_> = (0..2500)
        .map(|i| Injection { at_ps: 0, route: RouteId(i % 25), flits: 2, payload: 1, tag: i })
        .collect();
    let outcome = noc.run_tick(&injections, None, &mut VerdictSink::Ignore);
    assert_eq!(outcome.in_flight, 0);
    // The one ejection connection serves 2,400 packets of two flits of 900 ps; the other 100 are loopbacks.
    assert!(outcome.end_ps >= 2400 * 1800, "{}", outcome.end_ps);
    assert!(noc.counters().links.iter().any(|link| link.stall_ps > 0));
    assert!(noc.counters().links.iter().all(|link| link.peak_queue <= 1));
}

/// A queue of any length is worked off without a call for each of its packets.
#[test]
fn long_queues_do_not_overflow_the_stack() {
    let topology = Arc::new(Topology::mesh(&spec(2, 1, 1, [5000, 0, 0])).unwrap());
    let request = |to| RouteRequest { source: EndpointId(0), destinations: vec![EndpointId(to)] };
    let routes = RouteTable::build(&topology, &DimensionOrder::xy(), &FirstLegal, &[request(1)]).unwrap();
    let mut noc = PacketNoc::new(topology, Arc::new(routes), QueueLimits { packets: 1 << 20, receive: None });
    let injections: Vec<_> =
        (0..300_000).map(|tag| Injection { at_ps: 0, route: RouteId(0), flits: 1, payload: 1, tag }).collect();
    let outcome = noc.run_tick(&injections, None, &mut VerdictSink::Ignore);
    assert_eq!((outcome.in_flight, noc.counters().delivered), (0, 300_000));
}

#[test]
fn time_goes_on_over_a_cut() {
    let topology = Arc::new(Topology::mesh(&spec(3, 1, 1, [0, 0, 0])).unwrap());
    let request = RouteRequest { source: EndpointId(0), destinations: vec![EndpointId(2)] };
    let routes =
        Arc::new(RouteTable::build(&topology, &DimensionOrder::xy(), &FirstLegal, &[request]).unwrap());
    let mut noc = PacketNoc::new(topology, routes, QueueLimits { packets: 1, receive: None });
    let packet = Injection { at_ps: 500, route: RouteId(0), flits: 1, payload: 1, tag: 0 };
    let first = noc.run_tick(&[packet], Some(4000), &mut VerdictSink::Ignore);
    assert_eq!(first, TickOutcome { end_ps: 0, in_flight: 1 });
    let second = noc.run_tick(&[], None, &mut VerdictSink::Ignore);
    // 500 + 1000 + 2 x 4100 + 1100 = 10,800, of which the first call took 4,000.
    assert_eq!(second, TickOutcome { end_ps: 6800, in_flight: 0 });
}
