//! No contention: every copy takes its route's own time, and links are counted exactly.
//!
//! A packet costs O(1): its route's use is counted, and uses become link loads only when counters are read.

use super::{Arrivals, Fate, Injection, Level, Noc, TickOutcome, Verdict, VerdictSink};
use crate::counters::{EndpointCounters, LinkCounters, NocCounters};
use crate::route::{RouteId, RouteTable};
use crate::topology::Topology;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The analytic level.
#[derive(Clone, Debug)]
pub struct Analytic {
    topology: Arc<Topology>,
    routes: Arc<RouteTable>,
    /// Uses of each route by one-flit packets.
    uses: Vec<u64>,
    /// Uses by longer packets, by (route, flits).
    long_uses: BTreeMap<(RouteId, u16), u64>,
    arrivals: Arrivals,
}

impl Analytic {
    /// A silent network with these routes.
    pub fn new(topology: Arc<Topology>, routes: Arc<RouteTable>) -> Self {
        let uses = vec![0; routes.len()];
        Self { topology, routes, uses, long_uses: BTreeMap::new(), arrivals: Arrivals::default() }
    }

    fn send(&mut self, injections: &[Injection], verdicts: &mut VerdictSink<'_>) -> TickOutcome {
        let mut end_ps = 0;
        for packet in injections {
            if packet.flits == 1 {
                self.uses[packet.route.index()] += 1;
            } else {
                *self.long_uses.entry((packet.route, packet.flits)).or_default() += 1;
            }
            if let Some(longest) = self.routes.longest_ps(packet.route, packet.flits) {
                end_ps = end_ps.max(packet.at_ps + longest);
            }
            if !matches!(verdicts, VerdictSink::Ignore) {
                for leg in self.routes.legs(packet.route) {
                    let at_ps = packet.at_ps + leg.latency_ps(packet.flits);
                    verdicts.push(Verdict {
                        tag: packet.tag,
                        route: packet.route,
                        destination: leg.destination,
                        fate: leg.lost.map_or(Fate::Arrived { at_ps }, Fate::Dropped),
                    });
                }
            }
        }
        TickOutcome { end_ps, in_flight: 0 }
    }

    fn all_uses(&self) -> impl Iterator<Item = (RouteId, u16, u64)> + '_ {
        let short = self.uses.iter().enumerate().map(|(r, &n)| (RouteId(r as u32), 1, n));
        short.chain(self.long_uses.iter().map(|(&(r, flits), &n)| (r, flits, n))).filter(|use_| use_.2 > 0)
    }
}

impl Noc for Analytic {
    fn level(&self) -> Level {
        Level::Analytic
    }

    /// Nothing is ever under way after a call, so `until_ps` is without effect.
    fn run_tick(
        &mut self,
        injections: &[Injection],
        _until_ps: Option<u64>,
        verdicts: &mut VerdictSink<'_>,
    ) -> TickOutcome {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        let outcome = arrivals.in_order(verdicts, |verdicts| self.send(injections, verdicts));
        self.arrivals = arrivals;
        outcome
    }

    fn counters(&self) -> NocCounters {
        let classes = self.topology.link_classes().len();
        let mut counters = NocCounters {
            links: vec![LinkCounters::default(); self.topology.links().len()],
            endpoints: vec![EndpointCounters::default(); self.topology.endpoints().len()],
            crossings: vec![0; classes],
            flit_crossings: vec![0; classes],
            ..NocCounters::default()
        };
        for (route, flits, uses) in self.all_uses() {
            let source = self.routes.source(route);
            counters.packets += uses;
            counters.endpoints[source.index()].injected += uses;
            for step in self.routes.links(route) {
                let class = self.topology.links()[step.link.index()].class.index();
                let link = &mut counters.links[step.link.index()];
                link.packets += uses;
                link.flits += uses * u64::from(flits);
                counters.crossings[class] += uses;
                counters.flit_crossings[class] += uses * u64::from(flits);
            }
            for leg in self.routes.legs(route) {
                counters.copies_owed += uses;
                if let Some(cause) = leg.lost {
                    *counters.dropped.entry(cause).or_default() += uses;
                } else {
                    counters.endpoints[leg.destination.index()].ejected += uses;
                    counters.count_arrival(&self.topology, source, leg, leg.latency_ps(flits), uses);
                }
            }
        }
        counters
    }

    fn reset(&mut self) {
        self.uses.fill(0);
        self.long_uses.clear();
    }
}
