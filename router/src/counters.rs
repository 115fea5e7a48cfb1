//! What a network counts: whole numbers, mergeable in any order.

use crate::route::{DropCause, Leg};
use crate::topology::{EndpointId, Topology};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counters of one directed link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Packets that crossed it; a multicast packet counts once.
    pub packets: u64,
    /// Flits that crossed it.
    pub flits: u64,
    /// Time packets waited for it, in picoseconds, summed over packets; 0 at the analytic level.
    pub stall_ps: u64,
    /// Most packets ever in its queue at the router it enters; 0 at the analytic level.
    pub peak_queue: u32,
}

/// Counters of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointCounters {
    /// Packets it sent.
    pub injected: u64,
    /// Copies it received.
    pub ejected: u64,
}

/// Latencies in picoseconds: buckets of three significant digits, exact mean and maximum.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyHistogram {
    buckets: Histogram<u64>,
    sum_ps: u128,
    max_ps: u64,
}

const TAKES_ALL: &str = "invariant: a histogram that resizes itself takes every 64-bit value";

impl Default for LatencyHistogram {
    fn default() -> Self {
        let mut buckets = Histogram::new(3).expect("three significant digits are within 0..=5");
        buckets.auto(true);
        Self { buckets, sum_ps: 0, max_ps: 0 }
    }
}

impl LatencyHistogram {
    /// Adds `count` copies of one latency.
    pub fn record(&mut self, latency_ps: u64, count: u64) {
        if count > 0 {
            self.buckets.record_n(latency_ps, count).expect(TAKES_ALL);
            self.sum_ps += u128::from(latency_ps) * u128::from(count);
            self.max_ps = self.max_ps.max(latency_ps);
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for value in other.buckets.iter_recorded() {
            let count = value.count_since_last_iteration();
            self.buckets.record_n(value.value_iterated_to(), count).expect(TAKES_ALL);
        }
        self.sum_ps += other.sum_ps;
        self.max_ps = self.max_ps.max(other.max_ps);
    }

    /// Number of latencies.
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }

    /// Exact mean in picoseconds, rounded down; `None` if there is none.
    pub fn mean_ps(&self) -> Option<u64> {
        let count = u128::from(self.count());
        (count > 0).then(|| (self.sum_ps / count) as u64)
    }

    /// Exact maximum in picoseconds.
    pub fn max_ps(&self) -> u64 {
        self.max_ps
    }

    /// Nearest-rank percentile in picoseconds, to three significant digits and never above the maximum.
    pub fn percentile_ps(&self, percent: f64) -> u64 {
        self.buckets.value_at_percentile(percent).min(self.max_ps)
    }

    /// (upper end in picoseconds, count) of every bucket in use, ascending.
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        self.buckets
            .iter_recorded()
            .map(|v| (v.value_iterated_to().min(self.max_ps), v.count_since_last_iteration()))
            .collect()
    }
}

/// Everything a network counted since its last reset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NocCounters {
    /// By link.
    pub links: Vec<LinkCounters>,
    /// By endpoint.
    pub endpoints: Vec<EndpointCounters>,
    /// Packets injected.
    pub packets: u64,
    /// Copies owed at injection: one for each destination of each packet.
    pub copies_owed: u64,
    /// Copies that arrived.
    pub delivered: u64,
    /// Copies lost, by cause.
    pub dropped: BTreeMap<DropCause, u64>,
    /// Copies still under way.
    pub in_flight: u64,
    /// Copies delivered to the endpoint that sent them.
    pub same_endpoint: u64,
    /// Copies delivered from a core to another core of the same router, over no link.
    pub same_router: u64,
    /// Delivered copies by number of links crossed.
    pub hops: Vec<u64>,
    /// Link crossings by link class.
    pub crossings: Vec<u64>,
    /// Flit crossings by link class.
    pub flit_crossings: Vec<u64>,
    /// Latency of delivered copies.
    pub latency: LatencyHistogram,
}

impl NocCounters {
    /// Adds all of `other`: sums, and the larger of two peaks; order does not matter.
    pub fn merge(&mut self, other: &Self) {
        grow(&mut self.links, other.links.len());
        for (mine, theirs) in self.links.iter_mut().zip(&other.links) {
            mine.packets += theirs.packets;
            mine.flits += theirs.flits;
            mine.stall_ps += theirs.stall_ps;
            mine.peak_queue = mine.peak_queue.max(theirs.peak_queue);
        }
        grow(&mut self.endpoints, other.endpoints.len());
        for (mine, theirs) in self.endpoints.iter_mut().zip(&other.endpoints) {
            mine.injected += theirs.injected;
            mine.ejected += theirs.ejected;
        }
        for (mine, theirs) in [
            (&mut self.hops, &other.hops),
            (&mut self.crossings, &other.crossings),
            (&mut self.flit_crossings, &other.flit_crossings),
        ] {
            grow(mine, theirs.len());
            for (a, b) in mine.iter_mut().zip(theirs) {
                *a += b;
            }
        }
        for (cause, count) in &other.dropped {
            *self.dropped.entry(*cause).or_default() += count;
        }
        self.packets += other.packets;
        self.copies_owed += other.copies_owed;
        self.delivered += other.delivered;
        self.in_flight += other.in_flight;
        self.same_endpoint += other.same_endpoint;
        self.same_router += other.same_router;
        self.latency.merge(&other.latency);
    }

    /// Copies lost for any cause.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Delivered copies that crossed a link.
    pub fn delivered_over_links(&self) -> u64 {
        self.delivered - self.hops.first().copied().unwrap_or(0)
    }

    /// Links crossed, summed over delivered copies.
    pub fn hop_total(&self) -> u64 {
        self.hops.iter().enumerate().map(|(hops, count)| hops as u64 * count).sum()
    }

    /// Nearest-rank percentile of the hops of delivered copies; 0 if none arrived.
    pub fn hop_percentile(&self, percent: u64) -> u64 {
        let rank = (self.delivered * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (hops, count) in self.hops.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return hops as u64;
            }
        }
        0
    }

    /// Most links any delivered copy crossed.
    pub fn hop_max(&self) -> u64 {
        self.hops.iter().rposition(|&count| count > 0).unwrap_or(0) as u64
    }

    /// Counts `count` copies of a leg that starts at `source`.
    pub(crate) fn count_arrival(
        &mut self,
        topology: &Topology,
        source: EndpointId,
        leg: &Leg,
        latency_ps: u64,
        count: u64,
    ) {
        self.count_arrivals(topology, source, leg, count);
        self.latency.record(latency_ps, count);
    }

    /// Counts `count` copies of a leg that starts at `source`, but for their latency.
    pub(crate) fn count_arrivals(&mut self, topology: &Topology, source: EndpointId, leg: &Leg, count: u64) {
        if count == 0 {
            return;
        }
        let hops = leg.hops as usize;
        grow(&mut self.hops, hops + 1);
        self.hops[hops] += count;
        self.delivered += count;
        if leg.destination == source {
            self.same_endpoint += count;
        } else if hops == 0 && source.0.max(leg.destination.0) < topology.core_count() {
            self.same_router += count;
        }
    }
}

fn grow<T: Default + Clone>(list: &mut Vec<T>, len: usize) {
    if list.len() < len {
        list.resize(len, T::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_three_digits_and_merge() {
        let (mut a, mut b) = (LatencyHistogram::default(), LatencyHistogram::default());
        a.record(14_100, 98);
        b.record(33_900_000, 2);
        a.merge(&b);
        assert_eq!(
            (a.count(), a.max_ps(), a.mean_ps()),
            (100, 33_900_000, Some((14_100 * 98 + 67_800_000) / 100))
        );
        assert!(a.percentile_ps(50.0).abs_diff(14_100) <= 14 && a.percentile_ps(98.0).abs_diff(14_100) <= 14);
        assert_eq!(a.percentile_ps(99.0), 33_900_000);
        assert_eq!(LatencyHistogram::default().percentile_ps(50.0), 0);
    }
}
