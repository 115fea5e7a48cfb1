//! What a spike costs at the levels without flits: nanoseconds a spike at the analytic level, hops a second at the packet level.
//!
//! On two shared cores of an EPYC, 2026-11-25: 3 to 4 ns at the analytic level; at the packet level 24 M hops/s in bursts over
//! few hops, 30 M on 8x8 and 32 M on 32x32 at a fifth of the bisection.

use cpu_time::ProcessTime;
use spikemesh_router::random::{below, word};
use spikemesh_router::{
    Analytic, DimensionOrder, EndpointId, FirstLegal, Injection, LinkClass, LocalClass, MeshSpec, Noc,
    PacketNoc, QueueLimits, RouteId, RouteRequest, RouteTable, Topology, VerdictSink,
};
use std::sync::Arc;

const ROUNDS: usize = 5;
const TICKS: u64 = 40;

/// A mesh with routes from every core to some others, times as on a chip of 1 ns a hop.
fn network(side: u16, endpoints_per_router: u16, routes_each: u64) -> (Arc<Topology>, Arc<RouteTable>) {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 4100, flit_ps: 291 };
    let local =
        LocalClass { name: "core".into(), inject_ps: 1050, eject_ps: 1050, flit_ps: 291, loopback_ps: 500 };
    let (east_west, north_south) = (link("east_west"), link("north_south"));
    let spec = MeshSpec { width: side, height: side, endpoints_per_router, east_west, north_south, local };
    let topology = Topology::mesh(&spec).expect("the mesh is small");
    let cores = u64::from(topology.core_count());
    let requests: Vec<_> = (0..cores * routes_each)
        .map(|i| RouteRequest {
            source: EndpointId((i % cores) as u32),
            destinations: vec![EndpointId(below(word(1, 1, i), cores) as u32)],
        })
        .collect();
    let routes = RouteTable::build(&topology, &DimensionOrder::xy(), &FirstLegal, &requests);
    (Arc::new(topology), Arc::new(routes.expect("XY reaches all")))
}

/// Spikes of a tick, spread over `spread_ps`.
fn spikes(routes: u64, count: u64, spread_ps: u64, tick: u64) -> Vec<Injection> {
    let draw = |what, i, limit| below(word(2, what, tick * count + i), limit);
    (0..count)
        .map(|i| Injection {
            at_ps: draw(0, i, spread_ps),
            route: RouteId(draw(1, i, routes) as u32),
            flits: 1,
            payload: 1,
            tag: i as u32,
        })
        .collect()
}

/// Spikes of a tick whose cores send a packet every 5 ns to `fan_out` cores each, as a core does that has many targets.
fn bursts(cores: u64, fan_out: u64, each: u64, spread_ps: u64, tick: u64) -> Vec<Injection> {
    let mut spikes = Vec::new();
    for core in 0..cores {
        let mut starts: Vec<_> = (0..each).map(|i| below(word(3, core, tick * each + i), spread_ps)).collect();
        starts.sort_unstable();
        let mut at_ps = 0;
        for start in starts {
            at_ps = start.max(at_ps);
            for i in 0..fan_out {
                at_ps += 5100;
                let route = RouteId((core + i * cores) as u32);
                spikes.push(Injection { at_ps, route, flits: 1, payload: 1, tag: 0 });
            }
        }
    }
    spikes
}

/// Best CPU time of some rounds over all ticks, and what the network counted in one round.
fn time(noc: &mut dyn Noc, ticks: &[Vec<Injection>]) -> (f64, u64) {
    let mut best = f64::INFINITY;
    let mut hops = 0;
    for _ in 0..ROUNDS {
        noc.reset();
        let start = ProcessTime::now();
        for tick in ticks {
            noc.run_tick(tick, None, &mut VerdictSink::Ignore);
        }
        best = best.min(start.elapsed().as_secs_f64());
        hops = noc.counters().crossings.iter().sum();
    }
    (best, hops)
}

/// Runs some ticks at both levels and says what a packet costs.
fn report(name: &str, (topology, routes): (Arc<Topology>, Arc<RouteTable>), ticks: &[Vec<Injection>]) {
    let each = 1e9 / ticks.iter().map(Vec::len).sum::<usize>() as f64;
    let (seconds, _) = time(&mut Analytic::new(topology.clone(), routes.clone()), ticks);
    let mut packet = PacketNoc::new(topology, routes, QueueLimits { packets: 16, receive: None });
    let (busy, hops) = time(&mut packet, ticks);
    println!(
        "{name}: analytic {:5.1} ns a spike; packet {:6.1} M hops/s, {:5.0} ns a spike",
        seconds * each,
        hops as f64 / busy / 1e6,
        busy * each
    );
}

fn main() {
    let ticks: Vec<_> = (0..TICKS).map(|tick| bursts(64, 48, 8, 9_000_000, tick)).collect();
    report("  4x4 routers of 4 cores, bursts", network(4, 4, 48), &ticks);
    for side in [8u16, 32] {
        let network = network(side, 1, 4);
        for load in [0.05, 0.2, 0.5] {
            // Spikes a tick such that the bisection is used to this share.
            let count = (f64::from(side) * f64::from(side) * 40.0) as u64;
            let spread_ps =
                (count as f64 * f64::from(side) / 4.0 * 291.0 / (f64::from(side) * 2.0 * load)) as u64;
            let routes = network.1.len() as u64;
            let ticks: Vec<_> = (0..TICKS).map(|tick| spikes(routes, count, spread_ps.max(1), tick)).collect();
            report(&format!("{side:3}x{side:<3} bisection used to {load:4}"), network.clone(), &ticks);
        }
    }
}
