//! Sources, statistics and the measurement protocol of BookSim2.

use super::Settings;
use super::knuth::Streams;
use spikemesh_router::flit::{Arrival, FlitNetwork, Host, Offer, PacketHandle, Sources};
use spikemesh_router::{EndpointId, Load, RouteState, Topology};
use std::collections::VecDeque;
use std::sync::Arc;

/// Latencies from this one on share the last bin.
const LAST_BIN: usize = 999;

/// Sum, extremes and bins of one cycle.
#[derive(Clone, Default)]
pub(super) struct Latencies {
    pub(super) count: u64,
    pub(super) sum: u64,
    pub(super) least: u64,
    pub(super) most: u64,
    bins: Vec<u64>,
}

impl Latencies {
    fn add(&mut self, value: u64) {
        self.least = if self.count == 0 { value } else { self.least.min(value) };
        self.most = self.most.max(value);
        self.count += 1;
        self.sum += value;
        self.bins.resize(LAST_BIN + 1, 0);
        self.bins[(value as usize).min(LAST_BIN)] += 1;
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum as f64 / self.count as f64
    }

    /// The smallest bin with so many percent at or below it.
    pub(super) fn percentile(&self, percent: f64) -> String {
        let mut seen = 0;
        let wanted = percent / 100.0 * self.count as f64;
        let bin = self.bins.iter().position(|count| {
            seen += count;
            seen as f64 >= wanted
        });
        match bin {
            Some(bin) if bin < LAST_BIN => bin.to_string(),
            _ => format!(">={LAST_BIN}"),
        }
    }
}

/// Everything a run prints.
#[derive(Clone, Default)]
pub(super) struct Statistics {
    pub(super) packet: Latencies,
    pub(super) network: Latencies,
    pub(super) hops: u64,
    flit_count: u64,
    flit_sum: u64,
    injected: Vec<u64>,
    accepted: Vec<u64>,
    cleared: u64,
}

impl Statistics {
    fn cleared(nodes: usize, now: u64) -> Self {
        Self { injected: vec![0; nodes], accepted: vec![0; nodes], cleared: now, ..Self::default() }
    }

    pub(super) fn flit_mean(&self) -> f64 {
        self.flit_sum as f64 / self.flit_count as f64
    }

    /// Mean, least and most of a node's flits a cycle.
    fn rates(counts: &[u64], cycles: u64) -> (f64, f64, f64) {
        let rate = |count: u64| count as f64 / cycles as f64;
        let sum: u64 = counts.iter().sum();
        let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
        (rate(sum) / counts.len() as f64, rate(least.unwrap_or(0)), rate(most.unwrap_or(0)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Measuring,
    Draining,
    Emptying,
}

/// A packet from its creation on.
struct Record {
    created: u64,
    recorded: bool,
    left: u16,
    sent_at: VecDeque<u64>,
}

struct Protocol {
    settings: Settings,
    topology: Arc<Topology>,
    streams: Streams,
    phase: Phase,
    sampled_until: u64,
    clocks: Vec<u64>,
    on: Vec<bool>,
    /// The packet each source has.
    holds: Vec<Option<u32>>,
    clock_passed: Vec<bool>,
    records: Vec<Record>,
    free: Vec<u32>,
    /// Record of each packet inside the network.
    record_of: Vec<u32>,
    statistics: Statistics,
    alive: u64,
    alive_created: u64,
    recorded_alive: u64,
}

impl Protocol {
    fn trial(&mut self, node: usize) -> bool {
        let rate = self.settings.rate;
        if !self.settings.on_off {
            return self.streams.real() < rate;
        }
        let u = self.streams.real();
        self.on[node] = if self.on[node] { u >= 0.5 } else { u < 0.5 };
        self.on[node] && self.streams.real() < 2.0 * rate
    }

    fn offer(&mut self, node: usize, created: u64, sources: &mut Sources<'_>) {
        let Settings { k, flits, .. } = self.settings;
        let to = self.settings.pattern.destination(node as u32, k, &mut self.streams);
        // The choice of one among one sub-network.
        self.streams.integer(0);
        let recorded = match self.phase {
            Phase::Measuring => true,
            Phase::Draining => created < self.sampled_until,
            Phase::WarmUp | Phase::Emptying => false,
        };
        let record = Record { created, recorded, left: flits, sent_at: VecDeque::new() };
        let index = match self.free.pop() {
            Some(index) => {
                self.records[index as usize] = record;
                index
            }
            None => {
                self.records.push(record);
                self.records.len() as u32 - 1
            }
        };
        self.alive += u64::from(flits);
        self.alive_created += u64::from(flits) * created;
        self.recorded_alive += if recorded { u64::from(flits) } else { 0 };
        self.holds[node] = Some(index);
        let offer = Offer { created, destination: EndpointId(to), flits, tag: index.into() };
        sources.offer(EndpointId(node as u32), offer);
    }

    fn counts_rates(&self) -> bool {
        matches!(self.phase, Phase::WarmUp | Phase::Measuring)
    }

    /// Mean latency with what is still under way, which a run must keep below its limit.
    fn latency_so_far(&self, now: u64) -> f64 {
        let waiting = self.alive * now - self.alive_created;
        (self.statistics.packet.sum + waiting) as f64 / (self.statistics.packet.count + self.alive) as f64
    }

    fn is_drained(&self) -> bool {
        self.recorded_alive == 0 && self.clock_passed.iter().all(|&passed| passed)
    }
}

impl Host for Protocol {
    fn due(&self) -> u64 {
        0
    }

    fn generate(&mut self, now: u64, sources: &mut Sources<'_>) {
        if self.phase == Phase::Emptying {
            return;
        }
        for node in 0..self.holds.len() {
            if self.holds[node].is_some() {
                continue;
            }
            while self.clocks[node] <= now {
                let created = self.clocks[node];
                self.clocks[node] += 1;
                if self.trial(node) {
                    self.offer(node, created, sources);
                    break;
                }
            }
            if self.phase == Phase::Draining && self.clocks[node] > self.sampled_until {
                self.clock_passed[node] = true;
            }
        }
    }

    fn start(&mut self, source: EndpointId, offer: &Offer, load: &dyn Load) -> RouteState {
        let ends = (source, offer.destination);
        self.settings.function.start(&self.topology, ends, &mut self.streams, load)
    }

    fn flit_injected(&mut self, now: u64, source: EndpointId, packet: PacketHandle, head: bool) {
        let index = self.holds[source.index()].expect("the source has a packet");
        if head {
            if self.record_of.len() <= packet.index() {
                self.record_of.resize(packet.index() + 1, 0);
            }
            self.record_of[packet.index()] = index;
        }
        self.records[index as usize].sent_at.push_back(now);
        if self.counts_rates() {
            self.statistics.injected[source.index()] += 1;
        }
    }

    fn idle(&mut self, _: u64, source: EndpointId) {
        self.holds[source.index()] = None;
    }

    fn flit_arrived(&mut self, now: u64, endpoint: EndpointId, packet: PacketHandle) {
        let index = self.record_of[packet.index()];
        let record = &mut self.records[index as usize];
        let sent = record.sent_at.pop_front().expect("a flit was sent before it arrives");
        self.statistics.flit_count += 1;
        self.statistics.flit_sum += now - sent;
        self.alive -= 1;
        self.alive_created -= record.created;
        self.recorded_alive -= u64::from(record.recorded);
        record.left -= 1;
        if record.left == 0 {
            self.free.push(index);
        }
        if self.counts_rates() {
            self.statistics.accepted[endpoint.index()] += 1;
        }
    }

    fn arrived(&mut self, arrival: &Arrival) {
        let recorded = self.records[arrival.offer.tag as usize].recorded;
        if self.phase == Phase::WarmUp || recorded {
            self.statistics.packet.add(arrival.arrived - arrival.offer.created);
            self.statistics.network.add(arrival.arrived - arrival.injected);
            self.statistics.hops += u64::from(arrival.routers);
        }
    }
}

/// What a run comes to.
pub(super) struct Results {
    pub(super) status: &'static str,
    /// Means and rates of an unstable run are those of its last whole period.
    pub(super) means: Statistics,
    /// Everything else is as it was at the end.
    pub(super) last: Statistics,
    pub(super) injected: f64,
    pub(super) accepted: (f64, f64, f64),
    pub(super) cycles: u64,
}

/// Runs the protocol.
pub(super) fn run(settings: &Settings, topology: &Arc<Topology>, network: &mut FlitNetwork) -> Results {
    let nodes = topology.endpoints().len();
    let mut coins = Streams::new(314_159);
    let on = (0..nodes).map(|_| settings.on_off && coins.integer(1) == 1).collect();
    let mut host = Protocol {
        settings: settings.clone(),
        topology: Arc::clone(topology),
        streams: Streams::new(settings.seed),
        phase: Phase::WarmUp,
        sampled_until: 0,
        clocks: vec![0; nodes],
        on,
        holds: vec![None; nodes],
        clock_passed: vec![false; nodes],
        records: Vec::new(),
        free: Vec::new(),
        record_of: Vec::new(),
        statistics: Statistics::cleared(nodes, 0),
        alive: 0,
        alive_created: 0,
        recorded_alive: 0,
    };
    let latency_mode = !settings.throughput;
    let (mut phases, mut settled) = (0, 0);
    let mut clear = false;
    let mut before = (0.0, 0.0);
    let changed = |before: f64, now: f64| ((now - before) / now).abs() > 0.05;
    while phases < settings.most_periods && (host.phase == Phase::WarmUp || settled < 3) {
        if clear || (host.phase == Phase::WarmUp && phases % 2 == 0) {
            clear = false;
            host.statistics = Statistics::cleared(nodes, network.now());
        }
        for _ in 0..settings.period {
            network.step(&mut host);
        }
        let cycles = network.now() - host.statistics.cleared;
        let now = (host.statistics.packet.mean(), Statistics::rates(&host.statistics.accepted, cycles).0);
        let moved = (latency_mode && changed(before.0, now.0)) || changed(before.1, now.1);
        before = now;
        if latency_mode && host.latency_so_far(network.now()) > settings.most_latency {
            return unstable(&host, network.now(), None);
        }
        if host.phase == Phase::WarmUp {
            if phases + 1 >= settings.warm_up_periods {
                clear = true;
                host.phase = Phase::Measuring;
            }
        } else {
            settled = if moved { 0 } else { settled + 1 };
        }
        phases += 1;
    }
    host.sampled_until = network.now();
    let sampled = host.statistics.clone();
    if latency_mode {
        host.phase = Phase::Draining;
        let mut steps = 0;
        while !host.is_drained() {
            network.step(&mut host);
            steps += 1;
            if steps % 1000 == 0 && host.latency_so_far(network.now()) > settings.most_latency {
                return unstable(&host, host.sampled_until, Some(sampled));
            }
        }
    }
    host.phase = Phase::Emptying;
    while !network.is_silent() {
        network.step(&mut host);
    }
    let cycles = host.sampled_until - host.statistics.cleared;
    Results {
        status: if latency_mode { "stable" } else { "throughput" },
        injected: Statistics::rates(&host.statistics.injected, cycles).0,
        accepted: Statistics::rates(&host.statistics.accepted, cycles),
        cycles: network.now(),
        means: host.statistics.clone(),
        last: host.statistics,
    }
}

fn unstable(host: &Protocol, sampled_until: u64, sampled: Option<Statistics>) -> Results {
    let last = host.statistics.clone();
    let means = sampled.unwrap_or_else(|| last.clone());
    let cycles = sampled_until - means.cleared;
    Results {
        status: "unstable",
        injected: Statistics::rates(&means.injected, cycles).0,
        accepted: Statistics::rates(&means.accepted, cycles),
        cycles: 0,
        means,
        last,
    }
}
