//! The protocols on small networks.

use super::*;
use crate::noc::flit::RouterSpec;
use crate::noc::{Analytic, Noc, PacketNoc, QueueLimits};
use crate::routing::strategy;
use crate::topology::{Coord, Direction, EndpointId, Topology};
use crate::traffic::{Replay, Shape, Synthetic, Traffic, TrafficSpec};
use std::sync::Arc;

fn design(width: u16, height: u16, name: &str) -> Design {
    let spec = RouterSpec::default();
    let topology = Topology::mesh(&mesh_spec(width, height, 1, &spec)).unwrap();
    Design::new(Arc::new(topology), strategy(name).unwrap(), None, &spec, 1).unwrap_or_else(|e| panic!("{e:?}"))
}

fn traffic(design: &Design, pattern: &str, process: &str, flits: u16) -> Synthetic {
    let spec = TrafficSpec {
        pattern: pattern.parse().unwrap(),
        process: process.parse().unwrap(),
        flits: (flits, flits),
        seed: 7,
        start: 0,
        stop: None,
    };
    spec.build(Shape::of(design.topology())).unwrap()
}

fn mover<T: Traffic>(design: &Design, traffic: T, spec: &MeasureSpec) -> FlitMover<T> {
    FlitMover::new(traffic, design, spec, 7).unwrap_or_else(|e| panic!("{e:?}"))
}

fn flit(design: &Design, traffic: Synthetic, spec: &MeasureSpec) -> Measurement {
    steady(&mut mover(design, traffic, spec), spec, &|| false).unwrap()
}

fn packet(design: &Design, traffic: Synthetic, spec: &MeasureSpec) -> Measurement {
    let topology = design.topology();
    let noc = |routes: &Arc<_>| -> Box<dyn Noc> {
        let limits = QueueLimits { packets: 8, receive: None };
        Box::new(PacketNoc::new(Arc::clone(topology), Arc::clone(routes), limits))
    };
    let mover = NocMover::steady(traffic, topology, spec, CYCLE_PS, |pairs| design.routes(pairs), noc);
    steady(&mut mover.unwrap(), spec, &|| false).unwrap()
}

#[test]
fn everything_offered_below_saturation_arrives() {
    let design = design(4, 4, "xy");
    let spec = MeasureSpec { pairs: true, ..MeasureSpec::default() };
    let found = flit(&design, traffic(&design, "uniform", "bernoulli(rate=0.1)", 1), &spec);
    assert!(!found.is_saturated() && found.settled, "{:?}", found.saturated);
    assert_eq!(found.packets.created, found.packets.arrived);
    assert_eq!(found.packets.created, found.offered.flits);
    assert_eq!(found.packets.created, found.pairs.iter().map(|pair| pair.packets).sum::<u64>());
    assert_eq!(found.latency.sum, found.batches.iter().map(|batch| batch.1).sum::<u64>());
    assert!((0.09..0.11).contains(&found.offered_rate()), "{}", found.offered_rate());
    assert!(found.offered.flits.abs_diff(found.accepted.flits) < 64);
    // Uniform traffic without self-traffic: mean distance of a 4 x 4 mesh is 2.5 x 16 / 15.
    assert!((found.mean_hops().unwrap() - 8.0 / 3.0).abs() < 0.1);
    // An empty network takes 6 cycles and 4 a hop.
    assert_eq!(found.latency.min, 10);
    let interval = found.interval().unwrap();
    assert!(interval.half_width < 2.0, "{interval:?}");
    let events = found.events(design.topology()).unwrap();
    assert!(events.buffer_writes.abs_diff(events.buffer_reads) < 100);
    assert_eq!(events.link_flits.iter().sum::<u64>(), found.loads.link_flits.iter().sum::<u64>());
    assert_eq!(events.router_cycles, 16 * found.cycles);
}

#[test]
fn saturation_is_seen_and_told() {
    let design = design(4, 4, "xy");
    let spec = MeasureSpec { drain: 500, ..MeasureSpec::default() };
    let found = flit(&design, traffic(&design, "bit-complement", "bernoulli(rate=0.9)", 1), &spec);
    assert!(found.saturated.contains(&Saturation::Accepted), "{:?}", found.saturated);
    assert!(found.saturated.contains(&Saturation::Backlog), "{:?}", found.saturated);
    assert!((0.88..0.92).contains(&found.offered_rate()), "{}", found.offered_rate());
    assert!(found.accepted_rate() < 0.8);
    assert!(found.backlog.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", found.backlog);
    assert!(found.loads.waited().credit + found.loads.waited().channel > 0);
}

/// Without buffers and channels a hop takes a cycle less; wrong turns are few while there is room and many when not.
#[test]
fn routers_without_buffers_are_measured_like_others() {
    let spec = MeasureSpec { drain: 2000, ..MeasureSpec::default() };
    let design = design(4, 4, "deflection");
    assert_eq!((design.spec().channels, design.deflection().map(|own| own.router)), (1, Some(2)));
    let at = |rate: f64, flits: u16| {
        flit(&design, traffic(&design, "uniform", &format!("bernoulli(rate={rate})"), flits), &spec)
    };
    let low = at(0.02, 1);
    assert!(!low.is_saturated() && low.settled, "{:?}", low.saturated);
    assert_eq!((low.packets.created, low.latency.min), (low.packets.arrived, 7));
    assert!((low.mean_hops().unwrap() - 8.0 / 3.0).abs() < 0.15);
    let busy = at(0.3, 1);
    assert!(!busy.is_saturated(), "{:?}", busy.saturated);
    assert!(busy.mean_hops() > low.mean_hops() && busy.latency.mean() > low.latency.mean());
    let events = busy.events(design.topology()).unwrap();
    assert_eq!((events.buffer_writes, events.buffer_reads, events.channel_grants), (0, 0, 0));
    assert_eq!(events.crossings, events.switch_grants);
    assert!(events.local_flits.abs_diff(2 * busy.accepted.flits) < 100);
    let full = at(0.95, 1);
    assert!(full.saturated.contains(&Saturation::Accepted), "{:?}", full.saturated);
    assert!(!full.saturated.contains(&Saturation::Standstill));
    assert!(full.mean_hops().unwrap() > 3.0);
    let long = at(0.1, 4);
    assert!(!long.is_saturated() && long.latency.min == 10, "{:?} {}", long.saturated, long.latency.min);
}

#[test]
fn ticks_are_replayed_without_buffers() {
    let design = design(4, 4, "deflection");
    let (ticks, spec) = (ticks(&design), MeasureSpec::default());
    let nothing = Replay::from_packets([], 16, 1).unwrap();
    let mut mover = FlitMover::new(nothing, &design, &spec, 1).unwrap_or_else(|e| panic!("{e:?}"));
    let found = replay(&mut mover, &ticks, CYCLE_PS, 1000, &|| false).unwrap();
    assert_eq!((found.packets.arrived, mover.livelock()), (962, None));
    assert!(found.ticks.unwrap().end.sum > found.ticks.unwrap().creation);
}

#[test]
fn a_silent_source_is_no_fault() {
    let design = design(2, 2, "yx");
    let found = flit(&design, traffic(&design, "uniform", "bernoulli(rate=0)", 1), &MeasureSpec::default());
    assert_eq!((found.packets.created, found.latency.mean(), found.interval()), (0, None, None));
    assert!(!found.is_saturated() && found.busiest_link().is_none());
    let rare = flit(&design, traffic(&design, "uniform", "bernoulli(rate=0.0005)", 4), &MeasureSpec::default());
    assert!(!rare.is_saturated(), "{:?}", rare.saturated);
}

#[test]
fn copies_of_a_multicast_are_counted() {
    let design = design(4, 4, "xy");
    let process = "tick-burst(period=100;probability=0.5;copies=4;multicast=true)";
    let found = flit(&design, traffic(&design, "uniform", process, 2), &MeasureSpec::default());
    assert!(found.packets.copies * 3 > found.packets.created, "{:?}", found.packets);
    assert!(found.packets.copies * 4 <= found.packets.created * 3);
    assert_eq!(found.packets.created, found.packets.arrived);
    assert_eq!(found.offered.flits, 2 * found.packets.created);
}

#[test]
fn levels_agree_where_nobody_waits() {
    let design = design(5, 3, "yx");
    let spec = MeasureSpec::default();
    let make = || traffic(&design, "uniform", "bernoulli(rate=0.002)", 1);
    let (flit, packet) = (flit(&design, make(), &spec), packet(&design, make(), &spec));
    assert_eq!((flit.packets.created, flit.hops), (packet.packets.created, packet.hops));
    assert_eq!(flit.latency.min, packet.latency.min);
    let (a, b) = (flit.latency.mean().unwrap(), packet.latency.mean().unwrap());
    assert!((a - b).abs() < 0.05 * a, "{a} {b}");
}

fn ticks(design: &Design) -> ReplayTicks {
    let mut ticks = ReplayTicks::default();
    let mut source = traffic(design, "uniform", "bernoulli(rate=0.3)", 1);
    for tick in 0..20 {
        for core in 0..design.topology().core_count() {
            for _ in 0..3 {
                use crate::traffic::Traffic;
                let arrival = source.next(EndpointId(core)).unwrap();
                let at = (arrival.cycle % 50) * CYCLE_PS;
                ticks.push(at, EndpointId(core), arrival.destinations.as_slice(), 1);
            }
        }
        if tick == 7 {
            ticks.push(0, EndpointId(1), &[EndpointId(1), EndpointId(2), EndpointId(3)], 1);
        }
        ticks.end_tick();
    }
    ticks
}

#[test]
fn ticks_are_replayed_alike_at_all_levels() {
    let design = design(4, 4, "xy");
    let ticks = ticks(&design);
    let spec = MeasureSpec::default();
    assert_eq!((ticks.len(), ticks.packets().len()), (20, 20 * 48 + 2));
    let none = || Replay::from_packets([], 16, 1).unwrap();
    let mut mover = mover(&design, none(), &spec);
    let flit = replay(&mut mover, &ticks, CYCLE_PS, 1000, &|| false).unwrap();
    let level = |make: &dyn Fn(&Arc<crate::RouteTable>) -> Box<dyn Noc>| {
        let routes = |pairs: &[_]| design.routes(pairs);
        let mover = NocMover::ticks(&ticks.pairs(), design.topology(), &spec, CYCLE_PS, routes, make);
        replay(&mut mover.unwrap(), &ticks, CYCLE_PS, 1000, &|| false).unwrap()
    };
    let topology = design.topology();
    let packet = level(&|routes| {
        Box::new(PacketNoc::new(
            Arc::clone(topology),
            Arc::clone(routes),
            QueueLimits { packets: 8, receive: None },
        ))
    });
    let analytic = level(&|routes| Box::new(Analytic::new(Arc::clone(topology), Arc::clone(routes))));
    assert_eq!(flit.packets, packet.packets);
    assert_eq!((flit.packets.loopbacks, flit.packets.copies), (1, 1));
    assert_eq!(flit.packets.arrived, 962);
    assert_eq!(flit.loads.link_flits, packet.loads.link_flits);
    assert_eq!(flit.loads.link_flits, analytic.loads.link_flits);
    let mean = |m: &Measurement| m.latency.mean().unwrap();
    assert!(mean(&analytic) <= mean(&packet) && mean(&analytic) <= mean(&flit));
    assert!((mean(&packet) - mean(&flit)).abs() < 0.1 * mean(&flit), "{} {}", mean(&packet), mean(&flit));
    let end = |m: &Measurement| m.ticks.unwrap().end.sum;
    assert!(end(&packet).abs_diff(end(&flit)) * 10 < end(&flit));
    // Faster creation: the same packets, less time.
    let mut mover = self::mover(&design, none(), &spec);
    let fast = replay(&mut mover, &ticks, CYCLE_PS, 8000, &|| false).unwrap();
    assert_eq!(fast.loads.link_flits, flit.loads.link_flits);
    assert!(end(&fast) < end(&flit) && fast.offered_rate() > 4.0 * flit.offered_rate());
    assert!(mean(&fast) > mean(&flit));
}

#[test]
fn a_measurement_stops_when_asked_and_travels() {
    let design = design(3, 3, "xy");
    let spec = MeasureSpec::default();
    let source = traffic(&design, "uniform", "bernoulli(rate=0.05)", 1);
    let found = flit(&design, source.clone(), &spec);
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Measurement>(&text).unwrap(), found);
    assert!(steady(&mut mover(&design, source, &spec), &spec, &|| true).is_none());
}

#[test]
fn ticks_can_be_thinned_evenly() {
    let design = design(4, 4, "xy");
    let all = ticks(&design);
    let few = all.clone().every(6);
    assert_eq!(few.len(), 4);
    let own = |ticks: &ReplayTicks, n: usize| ticks.ticks().nth(n).unwrap().to_vec();
    assert_eq!((own(&few, 1), own(&few, 3)), (own(&all, 6), own(&all, 18)));
    assert_eq!(all.clone().every(1), all);
}

#[test]
fn what_does_not_fit_is_told() {
    let spec = RouterSpec::default();
    let topology = Arc::new(Topology::mesh(&mesh_spec(2, 2, 1, &spec)).unwrap());
    let bad = RouterSpec { depth: 0, ..spec };
    let errors = Design::new(topology, strategy("xy").unwrap(), Some(0), &bad, 1).map(|_| ()).unwrap_err();
    assert!(errors.len() >= 3, "{errors:?}");
    // A router with more inputs than outputs cannot do without buffers.
    let mut topology = Topology::mesh(&mesh_spec(2, 2, 1, &RouterSpec::default())).unwrap();
    topology.kill_link(Coord { x: 0, y: 0 }, Direction::East).unwrap();
    let deflection = strategy("deflection").unwrap();
    let errors = Design::new(Arc::new(topology), deflection, None, &RouterSpec::default(), 1).map(|_| ());
    assert!(matches!(errors.unwrap_err()[..], [DesignError::Deflection(_)]));
}

/// A router dies in the samples and a link is flaky: every packet arrives or is lost by name, at a replay too, and what the
/// strategy cannot go round is told.
#[test]
fn what_dies_on_the_way_is_counted() {
    let spec =
        MeasureSpec { period: 500, warm_up: 1, most_samples: 4, drain: 50_000, ..MeasureSpec::default() };
    let (at, flaky) = (Coord { x: 1, y: 1 }, Direction::East);
    let flaky = FlakyLink { from: Coord { x: 0, y: 0 }, direction: flaky, drop: 0.2, corrupt: 0.2 };
    let faults = Faults { deaths: vec![Death { part: Part::Router(at), cycle: 900 }], flaky: vec![flaky] };
    let failing = |name: &str| {
        let intact = design(4, 4, name);
        let stages = faults.stages(intact.topology()).unwrap();
        intact.failing(strategy(name).unwrap(), &stages, &faults, 3)
    };
    for name in ["xy", "up-down", "odd-even"] {
        let design = failing(name).unwrap_or_else(|e| panic!("{e:?}"));
        let source = traffic(&design, "uniform", "bernoulli(rate=0.1)", 2);
        let found = flit(&design, source.clone(), &spec);
        let packets = &found.packets;
        let lost = |cause: &str| packets.lost.get(cause).copied().unwrap_or(0);
        assert!(lost("dead-endpoint") > 0 && packets.corrupt > 0, "{packets:?}");
        // A fifth of what crosses one of 48 links, whatever was dropped before.
        let crossed = found.loads.link_packets[0] + lost("flaky-link");
        assert!(
            (lost("flaky-link") * 10).abs_diff(crossed * 2) < crossed,
            "{} of {crossed}",
            lost("flaky-link")
        );
        // Only what was under way is lost by a strategy that goes round it all.
        assert_eq!(lost("no-way") > 20, name != "up-down", "{name}: {packets:?}");
        assert_eq!(
            (packets.under_way, packets.created),
            (0, packets.arrived + packets.lost.values().sum::<u64>())
        );
        assert_eq!(found.saturated, [], "{name}");
        assert_eq!(found, flit(&design, source, &spec));
        let none = Replay::from_packets([], 16, 1).unwrap();
        let ticks = ticks(&design);
        let found = replay(&mut mover(&design, none, &spec), &ticks, CYCLE_PS, 1000, &|| false).unwrap();
        assert_eq!((found.packets.under_way, found.packets.created), (0, ticks.packets().len() as u64));
        assert!(found.packets.lost["dead-endpoint"] > 0);
    }
    // Where every router is dead, no strategy has one to go by way of.
    let one = design(1, 1, "valiant");
    let death = Death { part: Part::Router(Coord { x: 0, y: 0 }), cycle: 900 };
    let faults = Faults { deaths: vec![death], flaky: vec![flaky] };
    let stages = faults.stages(one.topology()).unwrap();
    let errors = one.failing(strategy("valiant").unwrap(), &stages, &faults, 3).map(|_| ()).unwrap_err();
    assert!(matches!(errors[..], [DesignError::After { cycle: 900, .. }, DesignError::Fault(_)]), "{errors:?}");
}

/// Where heads are dropped that wait too long, what arrives and what is dropped is all there is.
#[test]
fn timeouts_are_measured() {
    let design = design(4, 4, "spinnaker");
    assert_eq!(design.spec().timeouts, Some(SPINNAKER_TIMEOUTS));
    let spec = MeasureSpec { period: 500, most_samples: 4, drain: 50_000, ..MeasureSpec::default() };
    let found = flit(&design, traffic(&design, "hotspot(5)", "bernoulli(rate=0.3)", 1), &spec);
    assert!(found.packets.lost["timeout"] > 0 && found.packets.under_way == 0, "{:?}", found.packets);
}
