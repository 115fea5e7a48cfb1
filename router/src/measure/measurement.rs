//! What came out of a measurement.

use super::latencies::LatencySummary;
use crate::topology::{EndpointId, LinkClassId, Topology};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a network counts as saturated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Saturation {
    /// Less than 97 % of the offered flits were accepted, and more are missing than one packet an endpoint.
    Accepted,
    /// More packets waited at their sources at the end than at the start of the samples: over 1 % of what was offered, and
    /// over one an endpoint.
    Backlog,
    /// Packets created in the samples had not arrived at the end of the drain.
    Drain,
    /// Nothing arrived for a whole period though packets were under way.
    Standstill,
    /// Packets wait for each other in a circle: none of them will ever go on.
    Deadlock,
}

impl Saturation {
    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Saturation::Accepted => "accepted < 97 %",
            Saturation::Backlog => "backlog grows",
            Saturation::Drain => "not drained",
            Saturation::Standstill => "standstill",
            Saturation::Deadlock => "deadlock",
        }
    }

    /// For people.
    pub fn reason(self) -> &'static str {
        match self {
            Saturation::Accepted => "less than 97 % of the offered flits were accepted",
            Saturation::Backlog => "more and more packets wait at their sources",
            Saturation::Drain => "packets were still under way at the end of the drain",
            Saturation::Standstill => "nothing moved any more",
            Saturation::Deadlock => "deadlock: packets wait for each other in a circle",
        }
    }
}

/// Packets of the samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packets {
    /// Created; a packet to several endpoints is as many.
    pub created: u64,
    /// Arrived.
    pub arrived: u64,
    /// Neither arrived nor lost.
    pub under_way: u64,
    /// Lost, by cause.
    pub lost: BTreeMap<String, u64>,
    /// Arrived with a flit that a flaky link had changed.
    pub corrupt: u64,
    /// Created beyond one for each packet of the traffic, because it had several destinations.
    pub copies: u64,
    /// From an endpoint to itself, at traces of runs; these enter no router and are in no other number.
    pub loopbacks: u64,
}

impl Packets {
    /// Lost by any cause.
    pub fn all_lost(&self) -> u64 {
        self.lost.values().sum()
    }
}

/// Flits of the samples, over endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// All.
    pub flits: u64,
    /// At the endpoint with fewest.
    pub least: u64,
    /// At the endpoint with most.
    pub most: u64,
}

impl Rate {
    /// Of the flits of every endpoint.
    pub(super) fn of(flits: impl Iterator<Item = u64> + Clone) -> Self {
        Self {
            flits: flits.clone().sum(),
            least: flits.clone().min().unwrap_or(0),
            most: flits.max().unwrap_or(0),
        }
    }
}

/// Cycles that front flits waited, over all routers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// For a virtual channel.
    pub channel: u64,
    /// For a free slot behind the link.
    pub credit: u64,
    /// For the switch.
    pub switch: u64,
}

/// Where the traffic went. Lists are by link and by router; levels that do not know a thing leave its list empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loads {
    /// Flits over each link.
    pub link_flits: Vec<u64>,
    /// Packets over each link.
    pub link_packets: Vec<u64>,
    /// Most flits that a buffer behind each link held, since the network was made.
    pub link_peaks: Vec<u64>,
    /// Flits that left each router, to links and endpoints.
    pub router_flits: Vec<u64>,
    /// Packets likewise.
    pub router_packets: Vec<u64>,
    /// Flits that came into each router's buffers, from links and endpoints; empty where routers have none.
    pub router_pushes: Vec<u64>,
    /// Cycles that front flits of each router waited, by what for.
    pub waits: Vec<Waits>,
}

fn minus(now: &mut [u64], before: &[u64]) {
    now.iter_mut().zip(before).for_each(|(now, before)| *now -= before);
}

impl Loads {
    /// What came since `before`; peaks stay.
    pub(super) fn since(mut self, before: &Self) -> Self {
        minus(&mut self.link_flits, &before.link_flits);
        minus(&mut self.link_packets, &before.link_packets);
        minus(&mut self.router_flits, &before.router_flits);
        minus(&mut self.router_packets, &before.router_packets);
        minus(&mut self.router_pushes, &before.router_pushes);
        for (now, before) in self.waits.iter_mut().zip(&before.waits) {
            now.channel -= before.channel;
            now.credit -= before.credit;
            now.switch -= before.switch;
        }
        self
    }

    /// Waits of all routers.
    pub fn waited(&self) -> Waits {
        self.waits.iter().fold(Waits::default(), |sum, own| Waits {
            channel: sum.channel + own.channel,
            credit: sum.credit + own.credit,
            switch: sum.switch + own.switch,
        })
    }
}

/// What routers did, to be priced: whole events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterEvents {
    /// Flits written to an input buffer.
    pub buffer_writes: u64,
    /// Flits read from one.
    pub buffer_reads: u64,
    /// Routes computed: one a packet and router.
    pub routes: u64,
    /// Virtual channels given: one a packet and router.
    pub channel_grants: u64,
    /// Switch grants: one a flit and router.
    pub switch_grants: u64,
    /// Flits through a crossbar.
    pub crossings: u64,
    /// Flits over links, by link class.
    pub link_flits: Vec<u64>,
    /// Flits between routers and endpoints, either way.
    pub local_flits: u64,
    /// Routers times cycles, for what they leak.
    pub router_cycles: u64,
}

/// Latencies of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Who sent.
    pub source: EndpointId,
    /// Who was sent to.
    pub destination: EndpointId,
    /// Packets that arrived.
    pub packets: u64,
    /// Their latencies added up.
    pub sum: u64,
    /// The longest.
    pub max: u64,
}

/// Ticks of a replay, in cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickTimes {
    /// Cycles from the start of a tick to its last creation, that one included, added up.
    pub creation: u64,
    /// Cycles from the start of a tick to its last arrival.
    pub end: LatencySummary,
}

/// A 95 % confidence interval of the mean latency, by batch means over periods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Half its width, in cycles.
    pub half_width: f64,
    /// Batches.
    pub batches: usize,
}

/// A measurement in whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Cycles before the samples.
    pub warm_up_cycles: u64,
    /// Cycles of the samples.
    pub cycles: u64,
    /// Cycles after them until the last packet of theirs had arrived.
    pub drain_cycles: u64,
    /// Samples, or ticks.
    pub samples: u64,
    /// Whether mean latency and accepted rate had settled.
    pub settled: bool,
    /// Cores.
    pub endpoints: u64,
    /// Packets.
    pub packets: Packets,
    /// From creation to arrival of the tail.
    pub latency: LatencySummary,
    /// From the cycle the head left the source.
    pub network_latency: LatencySummary,
    /// Links crossed, added up over packets.
    pub hops: u64,
    /// Created flits.
    pub offered: Rate,
    /// Flits that left their source.
    pub injected: Rate,
    /// Flits that reached an endpoint.
    pub accepted: Rate,
    /// (packets, latencies added up) of packets created in each period of the samples.
    pub batches: Vec<(u64, u64)>,
    /// Packets waiting at their sources at the end of the warm-up and of each period.
    pub backlog: Vec<u64>,
    /// Why it counts as saturated; empty if it does not.
    pub saturated: Vec<Saturation>,
    /// Where the traffic went in the samples.
    pub loads: Loads,
    /// Ticks, at a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticks: Option<TickTimes>,
    /// Every pair that exchanged a packet, ascending, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
}

/// Student's t for 95 %, by degrees of freedom from 1.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

impl Measurement {
    /// Whether the network did not keep up.
    pub fn is_saturated(&self) -> bool {
        !self.saturated.is_empty()
    }

    /// Flits an endpoint and cycle.
    pub fn rate(&self, flits: u64) -> f64 {
        flits as f64 / (self.cycles.max(1) as f64 * self.endpoints.max(1) as f64)
    }

    /// Offered flits an endpoint and cycle; at a replay over the cycles in which packets are created.
    pub fn offered_rate(&self) -> f64 {
        match &self.ticks {
            Some(ticks) => {
                self.offered.flits as f64 / (ticks.creation.max(1) as f64 * self.endpoints.max(1) as f64)
            }
            None => self.rate(self.offered.flits),
        }
    }

    /// Accepted flits an endpoint and cycle.
    pub fn accepted_rate(&self) -> f64 {
        self.rate(self.accepted.flits)
    }

    /// Mean links crossed by a packet; `None` if none arrived.
    pub fn mean_hops(&self) -> Option<f64> {
        (self.packets.arrived > 0).then(|| self.hops as f64 / self.packets.arrived as f64)
    }

    /// Confidence interval of the mean latency; `None` with fewer than two periods in which packets were created.
    pub fn interval(&self) -> Option<Interval> {
        let filled = self.batches.iter().filter(|(count, _)| *count > 0);
        let means: Vec<f64> = filled.map(|&(count, sum)| sum as f64 / count as f64).collect();
        let n = means.len();
        if n < 2 {
            return None;
        }
        let mean = means.iter().sum::<f64>() / n as f64;
        let variance = means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / (n as f64 - 1.0);
        let t = STUDENT.get(n - 2).copied().unwrap_or(1.96);
        Some(Interval { half_width: t * (variance / n as f64).sqrt(), batches: n })
    }

    /// Part of a link's time in which flits cross it.
    pub fn utilisation(&self, link: usize) -> f64 {
        self.loads.link_flits.get(link).copied().unwrap_or(0) as f64 / self.cycles.max(1) as f64
    }

    /// The busiest link and its flits, the first of several; `None` if nothing crossed any.
    pub fn busiest_link(&self) -> Option<(usize, u64)> {
        let links = self.loads.link_flits.iter().copied().enumerate();
        links.rev().max_by_key(|&(_, flits)| flits).filter(|&(_, flits)| flits > 0)
    }

    /// What routers did. Of levels without flits only the links are known: `None` for them.
    pub fn events(&self, topology: &Topology) -> Option<RouterEvents> {
        if self.loads.router_flits.is_empty() {
            return None;
        }
        let flits = self.loads.router_flits.iter().sum();
        let packets = self.loads.router_packets.iter().sum();
        let pushes = self.loads.router_pushes.iter().sum::<u64>();
        let over_links = self.loads.link_flits.iter().sum::<u64>();
        if self.is_bufferless() {
            // Routers without buffers compute a route and turn a switch for every flit.
            return Some(RouterEvents {
                routes: packets,
                switch_grants: flits,
                crossings: flits,
                link_flits: self.class_flits(topology),
                local_flits: (flits - over_links.min(flits)) + self.injected.flits,
                router_cycles: self.cycles * topology.router_count() as u64,
                ..RouterEvents::default()
            });
        }
        Some(RouterEvents {
            buffer_writes: pushes,
            buffer_reads: flits,
            routes: packets,
            channel_grants: packets,
            switch_grants: flits,
            crossings: flits,
            link_flits: self.class_flits(topology),
            local_flits: (flits - over_links.min(flits)) + (pushes - over_links.min(pushes)),
            router_cycles: self.cycles * topology.router_count() as u64,
        })
    }

    /// Whether its routers have no buffers.
    pub fn is_bufferless(&self) -> bool {
        !self.loads.router_flits.is_empty() && self.loads.router_pushes.is_empty()
    }

    /// Flits over links, by link class.
    pub fn class_flits(&self, topology: &Topology) -> Vec<u64> {
        let mut flits = vec![0; topology.link_classes().len()];
        for (link, crossed) in topology.links().iter().zip(&self.loads.link_flits) {
            let LinkClassId(class) = link.class;
            flits[usize::from(class)] += crossed;
        }
        flits
    }
}
