//! What is counted while packets come and go.

use super::latencies::Latencies;
use super::measurement::{Measurement, Packets, Pair, Rate};
use super::spec::MeasureSpec;
use crate::topology::EndpointId;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default)]
struct Own {
    offered: u64,
    injected: u64,
    accepted: u64,
}

/// Packets, sum and maximum of latencies by source and destination.
type Pairs = BTreeMap<(u32, u32), (u64, u64, u64)>;

/// Counts of one measurement. Packets created from [`Tally::open`] on and before [`Tally::close`] are *measured*; flits
/// count as injected and accepted by the cycle they do so in, between the same two.
#[derive(Clone, Debug)]
pub struct Tally {
    period: u64,
    window: (u64, u64),
    own: Vec<Own>,
    /// Packets created and packets whose head left, by period since cycle 0.
    created: Vec<u64>,
    left: Vec<u64>,
    packets: Packets,
    latencies: Latencies,
    network: Latencies,
    hops: u64,
    batches: Vec<(u64, u64)>,
    pairs: Option<Pairs>,
    arrivals: u64,
    accepted: u64,
}

/// A packet that arrived, at any level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) created: u64,
    pub(super) injected: u64,
    pub(super) arrived: u64,
    pub(super) source: EndpointId,
    pub(super) destination: EndpointId,
    pub(super) links: u32,
    pub(super) corrupt: bool,
}

fn add(list: &mut Vec<u64>, at: u64, count: u64) {
    let at = at as usize;
    if list.len() <= at {
        list.resize(at + 1, 0);
    }
    list[at] += count;
}

impl Tally {
    /// Nothing yet, for a network with so many endpoints.
    pub fn new(spec: &MeasureSpec, endpoints: usize) -> Self {
        Self {
            period: spec.period,
            window: (u64::MAX, u64::MAX),
            own: vec![Own::default(); endpoints],
            created: Vec::new(),
            left: Vec::new(),
            packets: Packets::default(),
            latencies: Latencies::default(),
            network: Latencies::default(),
            hops: 0,
            batches: Vec::new(),
            pairs: spec.pairs.then(BTreeMap::new),
            arrivals: 0,
            accepted: 0,
        }
    }

    /// Measures from this cycle on.
    pub fn open(&mut self, now: u64) {
        self.window = (now, u64::MAX);
    }

    /// Measures nothing that comes into being from this cycle on.
    pub fn close(&mut self, now: u64) {
        self.window.1 = now;
    }

    fn measures(&self, created: u64) -> bool {
        (self.window.0..self.window.1).contains(&created)
    }

    pub(super) fn created(&mut self, source: EndpointId, created: u64, flits: u16) {
        add(&mut self.created, created / self.period, 1);
        if self.measures(created) {
            self.packets.created += 1;
            self.own[source.index()].offered += u64::from(flits);
        }
    }

    /// A packet of the traffic is sent as so many packets more.
    pub(super) fn copied(&mut self, created: u64, more: u64) {
        if self.measures(created) {
            self.packets.copies += more;
        }
    }

    #[inline]
    pub(super) fn injected(&mut self, now: u64, source: EndpointId, flits: u64, head: bool) {
        if head {
            add(&mut self.left, now / self.period, 1);
        }
        if self.measures(now) {
            self.own[source.index()].injected += flits;
        }
    }

    /// A packet waits at its source no longer, and never left it.
    pub(super) fn given_up(&mut self, now: u64) {
        add(&mut self.left, now / self.period, 1);
    }

    #[inline]
    pub(super) fn flits_arrived(&mut self, now: u64, endpoint: EndpointId, flits: u64) {
        if self.measures(now) {
            self.own[endpoint.index()].accepted += flits;
            self.accepted += flits;
        }
    }

    pub(super) fn arrived(&mut self, packet: &Arrived) {
        self.arrivals += 1;
        if !self.measures(packet.created) {
            return;
        }
        let latency = packet.arrived - packet.created;
        self.latencies.record(latency);
        self.network.record(packet.arrived - packet.injected);
        self.hops += u64::from(packet.links);
        self.packets.arrived += 1;
        self.packets.corrupt += u64::from(packet.corrupt);
        let batch = ((packet.created - self.window.0) / self.period) as usize;
        if self.batches.len() <= batch {
            self.batches.resize(batch + 1, (0, 0));
        }
        self.batches[batch].0 += 1;
        self.batches[batch].1 += latency;
        if let Some(pairs) = &mut self.pairs {
            let pair = pairs.entry((packet.source.0, packet.destination.0)).or_default();
            *pair = (pair.0 + 1, pair.1 + latency, pair.2.max(latency));
        }
    }

    pub(super) fn lost(&mut self, created: u64, cause: &str) {
        self.arrivals += 1;
        if self.measures(created) {
            *self.packets.lost.entry(cause.to_owned()).or_default() += 1;
        }
    }

    /// Packets that came to their end in any way, measured or not.
    pub(super) fn ended(&self) -> u64 {
        self.arrivals
    }

    /// Measured packets that are known of and have neither arrived nor been lost.
    pub(super) fn under_way(&self) -> u64 {
        self.packets.created - self.packets.arrived - self.packets.lost.values().sum::<u64>()
    }

    /// (Latencies added up, how many, accepted flits) of the samples so far.
    pub(super) fn so_far(&self) -> (u128, u64, u64) {
        (self.latencies.sum(), self.latencies.count(), self.accepted)
    }

    /// Packets waiting at their sources at the end of each period, the first `periods` of them; right once every packet
    /// created by then is known.
    pub(super) fn backlog(&self, periods: u64) -> Vec<u64> {
        let (mut created, mut left) = (0, 0);
        let of = |list: &[u64], i: u64| list.get(i as usize).copied().unwrap_or(0);
        (0..periods)
            .map(|i| {
                created += of(&self.created, i);
                left += of(&self.left, i);
                created - left.min(created)
            })
            .collect()
    }

    /// Everything that is counted here; the protocol adds what it knows. `cores` endpoints send and receive.
    pub(super) fn measurement(&self, cores: usize) -> Measurement {
        let own = &self.own[..cores.min(self.own.len())];
        let pairs = self.pairs.iter().flatten().map(|(&(source, destination), &(packets, sum, max))| Pair {
            source: EndpointId(source),
            destination: EndpointId(destination),
            packets,
            sum,
            max,
        });
        Measurement {
            endpoints: cores as u64,
            packets: Packets { under_way: self.under_way(), ..self.packets.clone() },
            latency: self.latencies.summary(),
            network_latency: self.network.summary(),
            hops: self.hops,
            offered: Rate {
                flits: self.own.iter().map(|o| o.offered).sum(),
                ..Rate::of(own.iter().map(|o| o.offered))
            },
            injected: Rate {
                flits: self.own.iter().map(|o| o.injected).sum(),
                ..Rate::of(own.iter().map(|o| o.injected))
            },
            accepted: Rate {
                flits: self.own.iter().map(|o| o.accepted).sum(),
                ..Rate::of(own.iter().map(|o| o.accepted))
            },
            batches: self.batches.clone(),
            pairs: pairs.collect(),
            ..Measurement::default()
        }
    }
}
