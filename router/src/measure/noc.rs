//! The levels without flits under the same protocols.

use super::measurement::Loads;
use super::replay::{ReplayPacket, TickMover};
use super::spec::MeasureSpec;
use super::steady::{Counted, Mover};
use super::tally::{Arrived, Tally};
use crate::noc::{Fate, Injection, Noc, Verdict, VerdictSink};
use crate::route::{DropCause, RouteId, RouteTable};
use crate::topology::{EndpointId, Topology};
use crate::traffic::Traffic;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// A packet to be sent.
#[derive(Clone, Copy, Debug)]
struct Due {
    created: u64,
    route: RouteId,
    flits: u16,
}

/// A network of packets with what it is to send, by ascending cycle. Times are rounded to the nearest cycle; a packet's time at
/// its source is part of its network latency here.
pub struct NocMover {
    noc: Box<dyn Noc>,
    topology: Arc<Topology>,
    routes: Arc<RouteTable>,
    /// Route of each pair; looked up, never walked.
    route_of: HashMap<(u32, u32), RouteId>,
    cycle_ps: u64,
    now: u64,
    due: Vec<Due>,
    sent: usize,
    /// Ends that lie ahead: (cycle, number of the packet, why it is lost if it is).
    ends: BinaryHeap<Reverse<(u64, u32, Option<DropCause>)>>,
    tally: Tally,
}

/// Which packets a traffic makes before a cycle: (cycle, source, destination, flits), by cycle and source.
fn packets(
    traffic: &mut impl Traffic,
    endpoints: u32,
    until: u64,
    tally: &mut Tally,
) -> Vec<(u64, EndpointId, EndpointId, u16)> {
    let mut list = Vec::new();
    for source in (0..endpoints).map(EndpointId) {
        while let Some(arrival) = traffic.next(source).filter(|arrival| arrival.cycle < until) {
            let to = arrival.destinations.as_slice();
            tally.copied(arrival.cycle, to.len() as u64 - 1);
            list.extend(to.iter().map(|&to| (arrival.cycle, source, to, arrival.flits)));
        }
    }
    list.sort_by_key(|&(cycle, ..)| cycle);
    list
}

impl NocMover {
    /// Everything a traffic makes until the last sample can end; nothing is sent in the drain. `route` gives the routes of pairs,
    /// `noc` a network with them.
    ///
    /// # Errors
    /// What `route` and `noc` say.
    pub fn steady<E>(
        mut traffic: impl Traffic,
        topology: &Arc<Topology>,
        spec: &MeasureSpec,
        cycle_ps: u64,
        route: impl FnOnce(&[(EndpointId, EndpointId)]) -> Result<RouteTable, E>,
        noc: impl FnOnce(&Arc<RouteTable>) -> Box<dyn Noc>,
    ) -> Result<Self, E> {
        let until = u64::from(spec.warm_up + spec.most_samples) * spec.period;
        let mut tally = Tally::new(spec, topology.endpoints().len());
        let list = packets(&mut traffic, topology.endpoints().len() as u32, until, &mut tally);
        let mut pairs: Vec<_> = list.iter().map(|&(_, source, to, _)| (source, to)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut mover = Self::with_pairs(&pairs, topology, tally, cycle_ps, route, noc)?;
        let due = |(created, source, to, flits): (u64, EndpointId, EndpointId, u16)| Due {
            created,
            route: mover.route_of[&(source.0, to.0)],
            flits,
        };
        mover.due = list.into_iter().map(due).collect();
        Ok(mover)
    }

    /// For ticks of packets among these pairs.
    ///
    /// # Errors
    /// What `route` says.
    pub fn ticks<E>(
        pairs: &[(EndpointId, EndpointId)],
        topology: &Arc<Topology>,
        spec: &MeasureSpec,
        cycle_ps: u64,
        route: impl FnOnce(&[(EndpointId, EndpointId)]) -> Result<RouteTable, E>,
        noc: impl FnOnce(&Arc<RouteTable>) -> Box<dyn Noc>,
    ) -> Result<Self, E> {
        let tally = Tally::new(spec, topology.endpoints().len());
        Self::with_pairs(pairs, topology, tally, cycle_ps, route, noc)
    }

    fn with_pairs<E>(
        pairs: &[(EndpointId, EndpointId)],
        topology: &Arc<Topology>,
        tally: Tally,
        cycle_ps: u64,
        route: impl FnOnce(&[(EndpointId, EndpointId)]) -> Result<RouteTable, E>,
        noc: impl FnOnce(&Arc<RouteTable>) -> Box<dyn Noc>,
    ) -> Result<Self, E> {
        let routes = Arc::new(route(pairs)?);
        Ok(Self {
            noc: noc(&routes),
            topology: Arc::clone(topology),
            routes,
            route_of: pairs.iter().zip(0..).map(|(&(from, to), i)| ((from.0, to.0), RouteId(i))).collect(),
            cycle_ps: cycle_ps.max(1),
            now: 0,
            due: Vec::new(),
            sent: 0,
            ends: BinaryHeap::new(),
            tally,
        })
    }

    /// Sends what is due before `until` and takes the verdicts; returns whether all is over.
    fn run(&mut self, until: Option<u64>) -> bool {
        let first = self.sent;
        let before = |due: &Due| until.is_none_or(|until| due.created < until);
        self.sent += self.due[first..].iter().take_while(|due| before(due)).count();
        let injections: Vec<_> = (first as u32..)
            .zip(&self.due[first..self.sent])
            .map(|(tag, due)| Injection {
                at_ps: (due.created - self.now) * self.cycle_ps,
                route: due.route,
                flits: due.flits,
                payload: 0,
                tag,
            })
            .collect();
        for due in &self.due[first..self.sent] {
            let source = self.routes.source(due.route);
            self.tally.created(source, due.created, due.flits);
            self.tally.injected(due.created, source, due.flits.into(), true);
        }
        let until_ps = until.map(|until| (until - self.now) * self.cycle_ps);
        let mut verdicts = Vec::new();
        let outcome = self.noc.run_tick(&injections, until_ps, &mut VerdictSink::Collect(&mut verdicts));
        for Verdict { tag, fate, .. } in verdicts {
            let (cycle, lost) = match fate {
                Fate::Arrived { at_ps } => (self.now + (at_ps + self.cycle_ps / 2) / self.cycle_ps, None),
                Fate::Dropped(cause) => (self.due[tag as usize].created, Some(cause)),
            };
            self.ends.push(Reverse((cycle, tag, lost)));
        }
        outcome.in_flight == 0
    }

    /// Counts the ends before `until`; the last cycle of one, if there was any.
    fn settle(&mut self, until: u64) -> Option<u64> {
        let mut last = None;
        while let Some(&Reverse((cycle, tag, lost))) = self.ends.peek() {
            if cycle >= until {
                break;
            }
            self.ends.pop();
            let Due { created, route, flits } = self.due[tag as usize];
            if let Some(cause) = lost {
                self.tally.lost(created, cause.name());
                continue;
            }
            last = Some(cycle);
            let leg = &self.routes.legs(route)[0];
            self.tally.flits_arrived(cycle, leg.destination, flits.into());
            self.tally.arrived(&Arrived {
                created,
                injected: created,
                arrived: cycle.max(created),
                source: self.routes.source(route),
                destination: leg.destination,
                links: leg.hops,
                corrupt: false,
            });
        }
        last
    }

    fn loads_now(&self) -> Loads {
        let counters = self.noc.counters();
        Loads {
            link_flits: counters.links.iter().map(|link| link.flits).collect(),
            link_packets: counters.links.iter().map(|link| link.packets).collect(),
            link_peaks: counters.links.iter().map(|link| link.peak_queue.into()).collect(),
            ..Loads::default()
        }
    }
}

impl Counted for NocMover {
    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn tally_mut(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn loads(&self) -> Loads {
        self.loads_now()
    }

    fn cores(&self) -> usize {
        self.topology.core_count() as usize
    }
}

impl Mover for NocMover {
    fn advance(&mut self, until: u64) {
        self.run(Some(until));
        self.now = until;
        self.settle(until);
    }

    fn learn(&mut self, _now: u64) {}
}

impl TickMover for NocMover {
    fn tick(&mut self, packets: impl Iterator<Item = ReplayPacket>) -> Option<u64> {
        let base = self.now;
        self.due.clear();
        self.sent = 0;
        for packet in packets {
            let route = self.route_of[&(packet.source.0, packet.destination.0)];
            self.due.push(Due { created: base + packet.at, route, flits: packet.flits });
        }
        let over = self.run(None);
        let end = self.settle(u64::MAX).unwrap_or(base);
        self.now = end.max(base) + 1;
        over.then_some(end - base)
    }
}
