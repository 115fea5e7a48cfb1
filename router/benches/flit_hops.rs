//! Nanoseconds a flit-hop at the flit level, against a calibration loop in the same run.

use spikemesh_router::flit::{Arrival, FlitNetwork, Host, Offer, RouterSpec, Sources};
use spikemesh_router::{
    DimensionOrder, EndpointId, LinkClass, Load, LocalClass, MeshSpec, RouteState, Topology,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

struct Uniform {
    nodes: u32,
    p: f64,
    seed: u64,
    next: Vec<u64>,
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    hops: u64,
    arrived: u64,
}
impl Uniform {
    fn new(nodes: u32, p: f64) -> Self {
        let mut u = Self {
            nodes,
            p,
            seed: 1,
            next: vec![0; nodes as usize],
            heap: BinaryHeap::new(),
            hops: 0,
            arrived: 0,
        };
        for s in 0..nodes {
            let g = u.gap();
            u.next[s as usize] = g;
            u.heap.push(Reverse((g, s)));
        }
        u
    }
    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn gap(&mut self) -> u64 {
        let u = (self.draw() >> 11) as f64 / (1u64 << 53) as f64;
        ((1.0 - u).ln() / (1.0 - self.p).ln()) as u64
    }
}
impl Host for Uniform {
    fn due(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |r| r.0.0)
    }
    fn generate(&mut self, now: u64, sources: &mut Sources<'_>) {
        while let Some(&Reverse((at, s))) = self.heap.peek() {
            if at > now {
                break;
            }
            self.heap.pop();
            let d = (u128::from(self.draw()) * u128::from(self.nodes) >> 64) as u32;
            sources.offer(
                EndpointId(s),
                Offer { created: self.next[s as usize], destination: EndpointId(d), flits: 1, tag: 0 },
            );
        }
    }
    fn start(&mut self, _: EndpointId, _: &Offer, _: &dyn Load) -> RouteState {
        RouteState(0)
    }
    fn idle(&mut self, now: u64, s: EndpointId) {
        let next = self.next[s.index()] + 1 + self.gap();
        self.next[s.index()] = next;
        self.heap.push(Reverse((next.max(now + 1), s.0)));
    }
    fn arrived(&mut self, a: &Arrival) {
        self.hops += u64::from(a.routers);
        self.arrived += 1;
    }
}

fn calibrate() -> f64 {
    // A pseudo-random walk through 1 MiB: dependent loads and a little arithmetic.
    let n = 1 << 17;
    let mut table: Vec<u64> = (0..n as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let start = cpu_time::ProcessTime::now();
    let mut at = 1usize;
    let steps = 4_000_000;
    for i in 0..steps {
        let v = table[at];
        table[at] = v.rotate_left(7) ^ i;
        at = (v >> 20) as usize & (n - 1);
    }
    std::hint::black_box(&table);
    start.elapsed().as_secs_f64() * 1e9 / steps as f64
}

fn main() {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 1, flit_ps: 1 };
    let local = LocalClass { name: "core".into(), inject_ps: 1, eject_ps: 1, flit_ps: 1, loopback_ps: 1 };
    for (side, load, cycles) in [
        (8u16, 0.02, 400_000u64),
        (8, 0.35, 40_000),
        (16, 0.02, 100_000),
        (16, 0.19, 12_000),
        (32, 0.02, 20_000),
        (32, 0.095, 5000),
        (64, 0.002, 30_000),
        (64, 0.02, 4000),
        (64, 0.045, 2000),
    ] {
        let spec = MeshSpec {
            width: side,
            height: side,
            endpoints_per_router: 1,
            east_west: link("ew"),
            north_south: link("ns"),
            local: local.clone(),
        };
        if std::env::var("ONLY").is_ok_and(|o| o != format!("{side},{load}")) {
            continue;
        }
        let topology = Arc::new(Topology::mesh(&spec).unwrap());
        let routing = Arc::new(DimensionOrder::xy().with_channels(2));
        let mut best = (f64::INFINITY, 0.0, 0.0);
        for _ in 0..std::env::var("ROUNDS").map_or(5, |r| r.parse().unwrap()) {
            let mut net =
                FlitNetwork::new(RouterSpec::default(), topology.clone(), routing.clone(), None).unwrap();
            let mut host = Uniform::new(u32::from(side) * u32::from(side), load);
            net.run(1000, &mut host);
            let (h0, cal) = (host.hops, calibrate());
            let start = cpu_time::ProcessTime::now();
            net.run(1000 + cycles, &mut host);
            let t = start.elapsed().as_secs_f64();
            let ns = t * 1e9 / (host.hops - h0) as f64;
            if ns < best.0 {
                best = (ns, cycles as f64 / t / 1e3, ns / cal);
            }
        }
        println!(
            "{side:3}x{side:<3} {load:5}: {:6.1} ns/flit-hop  {:9.1} kcycles/s  {:5.2} of the calibration loop",
            best.0, best.1, best.2
        );
    }
}
