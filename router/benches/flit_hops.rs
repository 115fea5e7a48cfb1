//! Nanoseconds a flit-hop at the flit level under uniform random traffic of one-flit packets.
//!
//! | row | what |
//! |---|---|
//! | mesh and load | one thread, in processor time: nanoseconds a flit-hop, also as a ratio to a calibration loop of the same run, thousands of cycles a second, and those of BookSim2 on the same mesh and load |
//! | threads | two regions on two threads against one, in wall time; both must count the same |
//! | idle | a burst after a million idle cycles against the burst alone |
//!
//! BookSim's numbers were measured on another day, perhaps on another machine: information, no comparison to hold
//! anyone to. `ONLY=32,0.02` runs one mesh and load and nothing else, `ROUNDS=n` takes the best of n.

use cpu_time::ProcessTime;
use spikemesh_router::flit::{Arrival, FlitNetwork, Host, Offer, RouterSpec, Sources};
use spikemesh_router::random::{below, word};
use spikemesh_router::{
    DimensionOrder, EndpointId, LinkClass, Load, LocalClass, MeshSpec, RouteState, Topology,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Cycles before the clock starts.
const WARMUP: u64 = 1000;

/// Cycles that the near part of a calendar looks ahead, a power of two.
const AHEAD: u64 = 1024;

/// Which source is due when: a list a cycle for those soon, a heap for the rest.
struct Calendar {
    near: Vec<Vec<u32>>,
    /// One bit a list that is not empty.
    filled: [u64; AHEAD as usize / 64],
    far: BinaryHeap<Reverse<(u64, u32)>>,
    /// All lists are of this cycle or later ones.
    now: u64,
    due: u64,
}

impl Calendar {
    fn new() -> Self {
        let near = (0..AHEAD).map(|_| Vec::new()).collect();
        Self { near, filled: [0; AHEAD as usize / 64], far: BinaryHeap::new(), now: 0, due: u64::MAX }
    }

    fn put(&mut self, at: u64, source: u32) {
        self.due = self.due.min(at);
        if at - self.now >= AHEAD {
            self.far.push(Reverse((at, source)));
            return;
        }
        let slot = (at % AHEAD) as usize;
        self.near[slot].push(source);
        self.filled[slot / 64] |= 1 << (slot % 64);
    }

    /// Takes those due in cycle `now`, which is not after [`Calendar::due`].
    fn take(&mut self, now: u64) -> Vec<u32> {
        self.now = now;
        while let Some(&Reverse((at, source))) = self.far.peek().filter(|first| first.0.0 - now < AHEAD) {
            self.far.pop();
            self.put(at, source);
        }
        let slot = (now % AHEAD) as usize;
        self.filled[slot / 64] &= !(1 << (slot % 64));
        std::mem::take(&mut self.near[slot])
    }

    /// Gives a list's memory back and finds the next cycle.
    fn put_back(&mut self, mut list: Vec<u32>) {
        list.clear();
        let slot = (self.now % AHEAD) as usize;
        if self.near[slot].is_empty() {
            self.near[slot] = list;
        }
        let far = self.far.peek().map_or(u64::MAX, |first| first.0.0);
        self.due = self.next_filled().map_or(far, |ahead| far.min(self.now + ahead));
    }

    /// Cycles from now to the first list that is not empty.
    fn next_filled(&self) -> Option<u64> {
        let (start, words) = ((self.now % AHEAD) as usize, self.filled.len());
        (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let mut bits = self.filled[word];
            match step {
                0 => bits &= u64::MAX << (start % 64),
                _ if step == words => bits &= !(u64::MAX << (start % 64)),
                _ => {}
            }
            let slot = (word * 64) as u64 + u64::from(bits.trailing_zeros());
            (bits != 0).then(|| slot.wrapping_sub(start as u64) % AHEAD)
        })
    }
}

/// Uniform random traffic with geometric gaps. What a source does depends on it alone.
struct Uniform {
    /// Endpoints of the whole network, and the first of this host.
    nodes: u32,
    first: u32,
    /// 1 / ln(1 - load).
    scale: f64,
    /// Nothing is created from this cycle on.
    end: u64,
    /// Cycle of the next packet and packets so far, by source.
    sources: Vec<(u64, u64)>,
    calendar: Calendar,
    hops: u64,
    arrived: u64,
}

impl Uniform {
    fn new(nodes: u32, own: Range<u32>, load: f64, cycles: Range<u64>) -> Self {
        let mut host = Self {
            nodes,
            first: own.start,
            scale: 1.0 / (1.0 - load).ln(),
            end: cycles.end,
            sources: vec![(0, 0); own.len()],
            calendar: Calendar::new(),
            hops: 0,
            arrived: 0,
        };
        for source in own {
            host.plan(source, cycles.start, 0);
        }
        host
    }

    /// A word a packet: its upper half makes the gap before it, its lower half its destination.
    fn draw(source: u32, packet: u64) -> u64 {
        word(1, source.into(), packet)
    }

    /// Plans the next packet of a source: created a gap after `from`, offered no sooner than `least`.
    fn plan(&mut self, source: u32, from: u64, least: u64) {
        let own = &mut self.sources[(source - self.first) as usize];
        let upper = Self::draw(source, own.1) >> 32;
        let gap = ((1.0 - upper as f64 / (1u64 << 32) as f64).ln() * self.scale) as u64;
        own.0 = from + gap;
        if own.0 < self.end {
            self.calendar.put(own.0.max(least), source);
        }
    }
}

impl Host for Uniform {
    fn due(&self) -> u64 {
        self.calendar.due
    }

    fn generate(&mut self, now: u64, sources: &mut Sources<'_>) {
        let due = self.calendar.take(now);
        for &source in &due {
            let own = &mut self.sources[(source - self.first) as usize];
            let lower = Self::draw(source, own.1) << 32;
            own.1 += 1;
            let destination = EndpointId(below(lower, self.nodes.into()) as u32);
            sources.offer(EndpointId(source), Offer { created: own.0, destination, flits: 1, tag: 0 });
        }
        self.calendar.put_back(due);
    }

    fn start(&mut self, _: EndpointId, _: &Offer, _: &dyn Load) -> RouteState {
        RouteState(0)
    }

    fn idle(&mut self, now: u64, source: EndpointId) {
        let created = self.sources[(source.0 - self.first) as usize].0;
        self.plan(source.0, created + 1, now + 1);
    }

    fn arrived(&mut self, arrival: &Arrival) {
        self.hops += u64::from(arrival.routers);
        self.arrived += 1;
    }
}

/// Nanoseconds a step of a pseudo-random walk through 1 MiB: dependent loads and a little arithmetic.
fn calibrate() -> f64 {
    const WORDS: usize = 1 << 17;
    const STEPS: u64 = 4_000_000;
    let mut table: Vec<u64> = (0..WORDS as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let start = ProcessTime::now();
    let mut at = 1;
    for i in 0..STEPS {
        let value = table[at];
        table[at] = value.rotate_left(7) ^ i;
        at = (value >> 20) as usize % WORDS;
    }
    std::hint::black_box(&table);
    start.elapsed().as_secs_f64() * 1e9 / STEPS as f64
}

/// Thousands of cycles a second of BookSim2, by side and load.
fn booksim(side: u16, load: f64) -> Option<f64> {
    let mut lines = include_str!("../tests/data/curves/booksim_speed.csv").lines();
    let names: Vec<&str> = lines.next()?.split(',').collect();
    lines.find_map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let field =
            |name| fields.get(names.iter().position(|&n| n == name)?).and_then(|f| f.parse::<f64>().ok());
        let same = field("k") == Some(side.into()) && field("injection_rate") == Some(load);
        if same { Some(field("cycles")? / field("cpu_seconds")? / 1e3) } else { None }
    })
}

fn network(side: u16) -> FlitNetwork {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 1, flit_ps: 1 };
    let spec = MeshSpec {
        width: side,
        height: side,
        endpoints_per_router: 1,
        east_west: link("east_west"),
        north_south: link("north_south"),
        local: LocalClass { name: "core".into(), inject_ps: 1, eject_ps: 1, flit_ps: 1, loopback_ps: 1 },
    };
    let topology = Arc::new(Topology::mesh(&spec).expect("a square mesh"));
    let routing = Arc::new(DimensionOrder::xy().with_channels(2));
    FlitNetwork::new(RouterSpec::default(), topology, routing, None).expect("the base router")
}

fn rounds(most: u32) -> u32 {
    std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5).min(most)
}

/// One thread, in processor time.
fn one_thread(side: u16, load: f64, cycles: u64) {
    let nodes = u32::from(side) * u32::from(side);
    let (mut best, mut ratio, mut bytes) = (f64::INFINITY, 0.0, 0);
    let mut hops = 0;
    for _ in 0..rounds(if side > 64 { 1 } else { u32::MAX }) {
        let mut network = network(side);
        let mut host = Uniform::new(nodes, 0..nodes, load, 0..u64::MAX);
        network.run(WARMUP, &mut host);
        let (before, step) = (host.hops, calibrate());
        let start = ProcessTime::now();
        network.run(WARMUP + cycles, &mut host);
        let seconds = start.elapsed().as_secs_f64();
        hops = host.hops - before;
        if seconds < best {
            (best, ratio) = (seconds, seconds * 1e9 / hops as f64 / step);
        }
        bytes = network.bytes_a_router();
    }
    let (ns, speed) = (best * 1e9 / hops as f64, cycles as f64 / best / 1e3);
    let rival = booksim(side, load)
        .map_or(String::new(), |rival| format!("  BookSim {rival:7.2} kcycles/s, {:5.1} x", speed / rival));
    println!(
        "{side:3}x{side:<3} {load:5}: {ns:5.1} ns/flit-hop {ratio:5.2} x calibration {speed:8.2} kcycles/s \
         {bytes:5} bytes/router{rival}"
    );
}

/// Two regions on two threads against one, in wall time.
fn two_threads(side: u16, load: f64, cycles: u64) {
    let nodes = u32::from(side) * u32::from(side);
    let run = |regions: usize| {
        let mut network = network(side).cut(regions);
        // Endpoints go with their routers, and regions are whole rows, so a region's endpoints follow each other.
        let bound = |region| (0..nodes).filter(|&e| network.region_of(EndpointId(e)) < region).count() as u32;
        let mut hosts: Vec<Uniform> = (0..network.regions())
            .map(|region| Uniform::new(nodes, bound(region)..bound(region + 1), load, 0..u64::MAX))
            .collect();
        network.run_threads(WARMUP, &mut hosts);
        let start = Instant::now();
        network.run_threads(WARMUP + cycles, &mut hosts);
        let seconds = start.elapsed().as_secs_f64();
        let sum = |of: fn(&Uniform) -> u64| hosts.iter().map(of).sum::<u64>();
        (seconds, (sum(|host| host.arrived), sum(|host| host.hops)))
    };
    let mut best = [f64::INFINITY; 2];
    for _ in 0..rounds(5) {
        let (one, two) = (run(1), run(2));
        assert_eq!(one.1, two.1, "regions count differently");
        best = [best[0].min(one.0), best[1].min(two.0)];
    }
    println!("{side:3}x{side:<3} {load:5}: {:5.2} times as fast on two threads, wall time", best[0] / best[1]);
}

/// A burst after a million idle cycles against the burst alone.
fn idle() {
    const CYCLES: u64 = 2000;
    let nodes = 64;
    let run = |begin: u64| {
        let mut network = network(8);
        let mut host = Uniform::new(nodes, 0..nodes, 0.2, begin..begin + CYCLES);
        let start = ProcessTime::now();
        network.run(begin + 2 * CYCLES, &mut host);
        (start.elapsed().as_secs_f64(), (host.arrived, host.hops))
    };
    let mut best = [f64::INFINITY; 2];
    for _ in 0..rounds(5) {
        let (alone, later) = (run(0), run(1_000_000));
        assert_eq!(alone.1, later.1, "idle cycles change the burst");
        best = [best[0].min(alone.0), best[1].min(later.0)];
    }
    println!(
        "  8x8   idle: a burst after 10^6 idle cycles takes {:4.2} times the burst alone",
        best[1] / best[0]
    );
}

fn main() {
    let only = std::env::var("ONLY").ok();
    for (side, load, cycles) in [
        (8, 0.02, 400_000),
        (8, 0.35, 40_000),
        (16, 0.02, 100_000),
        (16, 0.19, 12_000),
        (32, 0.02, 20_000),
        (32, 0.095, 5000),
        (64, 0.002, 30_000),
        (64, 0.02, 4000),
        (64, 0.045, 2000),
        (256, 0.002, 1000),
    ] {
        if only.as_ref().is_none_or(|only| *only == format!("{side},{load}")) {
            one_thread(side, load, cycles);
        }
    }
    if only.is_none() {
        two_threads(32, 0.02, 20_000);
        two_threads(64, 0.02, 4000);
        idle();
    }
}
