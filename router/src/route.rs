//! Routes compiled from a routing function: for every (source, destinations) a tree of links, walked once.

use crate::routing::{
    Candidates, ChannelSet, NoLoad, OutputPort, RouteState, Routing, Selection, SelectionQuery,
};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A compiled route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteId(pub u32);

impl RouteId {
    /// The index as a position in a slice.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a route must join: one packet from `source` reaches each of `destinations` once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteRequest {
    /// Where the packet enters.
    pub source: EndpointId,
    /// Where its copies leave, each named once; the source itself is allowed.
    pub destinations: Vec<EndpointId>,
}

/// Why a copy was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropCause {
    /// Its route leads over a dead link.
    DeadLink,
    /// Its source or destination is dead; it is never sent.
    DeadEndpoint,
    /// The routing function knows no way on that avoids the dead links.
    NoRoute,
}

impl DropCause {
    /// Name in measurements.
    pub fn name(self) -> &'static str {
        match self {
            DropCause::DeadLink => "dead-link",
            DropCause::DeadEndpoint => "dead-endpoint",
            DropCause::NoRoute => "no-way",
        }
    }
}

/// One link of a route's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteLink {
    /// The link.
    pub link: LinkId,
    parent: u32,
}

/// Stands for "none" in positions, which halves them.
const NONE: u32 = u32::MAX;

impl RouteLink {
    /// Position in the route of the link before it; `None` on leaving the source's router.
    pub fn parent(&self) -> Option<u32> {
        (self.parent != NONE).then_some(self.parent)
    }
}

/// One copy that a route owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where the copy leaves.
    pub destination: EndpointId,
    via: u32,
    /// Links crossed.
    pub hops: u32,
    /// Head latency without contention, in picoseconds: inject + sum of link latencies + eject, or loopback.
    pub head_latency_ps: u64,
    /// Slowest time a flit takes on any connection of the path, in picoseconds; 0 for a loopback.
    pub flit_ps: u64,
    /// Set if the copy can never arrive.
    pub lost: Option<DropCause>,
}

impl Leg {
    /// Position in the route of its last link; `None` if it crosses none.
    pub fn via(&self) -> Option<u32> {
        (self.via != NONE).then_some(self.via)
    }

    /// Latency of a packet's tail without contention, in picoseconds.
    pub fn latency_ps(&self, flits: u16) -> u64 {
        self.head_latency_ps + u64::from(flits.saturating_sub(1)) * self.flit_ps
    }
}

/// Why routes cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// An endpoint that the topology lacks.
    #[error("route {route}: endpoint {endpoint} does not exist; there are {count}")]
    UnknownEndpoint {
        /// Index of the request.
        route: usize,
        /// The endpoint named.
        endpoint: u32,
        /// Endpoints there are.
        count: usize,
    },
    /// Nowhere to go.
    #[error("route {route}: no destination is named")]
    Empty {
        /// Index of the request.
        route: usize,
    },
    /// A destination named twice.
    #[error("route {route}: endpoint {endpoint} is named twice as a destination")]
    Duplicate {
        /// Index of the request.
        route: usize,
        /// The endpoint.
        endpoint: u32,
    },
    /// The routing function never arrives.
    #[error("route {route}: `{routing}` does not arrive within {limit} links: it loops")]
    Loop {
        /// Index of the request.
        route: usize,
        /// The routing function's name.
        routing: &'static str,
        /// Links after which we gave up.
        limit: usize,
    },
}

/// Routes as flat trees, indexed by [`RouteId`].
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    sources: Vec<EndpointId>,
    link_ends: Vec<usize>,
    links: Vec<RouteLink>,
    /// Virtual channels of each of them; empty if all may be taken everywhere.
    channels: Vec<ChannelSet>,
    /// Virtual channels the routing function was made for.
    virtual_channels: u8,
    leg_ends: Vec<usize>,
    legs: Vec<Leg>,
    longest_ps: Vec<Option<u64>>,
}

impl RouteTable {
    /// Walks `routing` from every source to its destinations; choices see an unloaded network.
    ///
    /// # Errors
    /// Every request that is wrong, with its index.
    pub fn build(
        topology: &Topology,
        routing: &dyn Routing,
        selection: &dyn Selection,
        requests: &[RouteRequest],
    ) -> Result<RouteTable, Vec<RouteError>> {
        let mut table = RouteTable { virtual_channels: routing.virtual_channels(), ..RouteTable::default() };
        let mut candidates = Candidates::default();
        let mut errors = Vec::new();
        for (route, request) in requests.iter().enumerate() {
            let before = errors.len();
            check(topology, route, request, &mut errors);
            if errors.len() == before
                && let Err(error) = table.walk(topology, routing, selection, route, request, &mut candidates)
            {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(table) } else { Err(errors) }
    }

    fn walk(
        &mut self,
        topology: &Topology,
        routing: &dyn Routing,
        selection: &dyn Selection,
        route: usize,
        request: &RouteRequest,
        candidates: &mut Candidates,
    ) -> Result<(), RouteError> {
        /// A part of the packet at a router; its destinations are a range of the walk's list.
        struct Step {
            here: RouterId,
            via: u32,
            destinations: Range<usize>,
            state: RouteState,
            hops: u32,
            head_ps: u64,
            flit_ps: u64,
            lost: Option<DropCause>,
        }
        let limit = 4 * topology.router_count();
        let source = &topology.endpoints()[request.source.index()];
        let first_link = self.links.len();
        let first_leg = self.legs.len();
        let mut remote = request.destinations.clone();
        let source_is_dead = topology.is_endpoint_dead(request.source);
        remote.retain(|&destination| {
            let dead = source_is_dead || topology.is_endpoint_dead(destination);
            if dead {
                let lost = Some(DropCause::DeadEndpoint);
                self.legs.push(Leg { destination, via: NONE, hops: 0, head_latency_ps: 0, flit_ps: 0, lost });
            }
            !dead
        });
        let sent = remote.len();
        remote.retain(|&to| to != request.source);
        if remote.len() < sent {
            self.legs.push(Leg {
                destination: request.source,
                via: NONE,
                hops: 0,
                head_latency_ps: source.local.loopback_ps,
                flit_ps: 0,
                lost: None,
            });
        }
        let mut work = Vec::new();
        if !remote.is_empty() {
            let state = routing.at_source(topology, request.source, &remote, 0);
            work.push(Step {
                here: source.router,
                via: NONE,
                destinations: 0..remote.len(),
                state,
                hops: 0,
                head_ps: source.local.inject_ps,
                flit_ps: source.local.flit_ps,
                lost: None,
            });
        }
        let no_way = Err(RouteError::Loop { route, routing: routing.name(), limit });
        while let Some(step) = work.pop() {
            let from = self.links[first_link..].get(step.via as usize).map(|link| link.link);
            let destinations = &mut remote[step.destinations.clone()];
            routing.legal(topology, step.here, from, destinations, step.state, candidates);
            let served: usize = candidates.branches().map(|(count, _)| count).sum();
            if served != step.destinations.len() || step.hops as usize > limit {
                return no_way;
            }
            let mut next = step.destinations.start;
            for (count, alternatives) in candidates.branches() {
                let served = next..next + count;
                next += count;
                let choice = match alternatives.len() {
                    0 => {
                        let (via, hops, head_latency_ps) = (step.via, step.hops, step.head_ps);
                        let lost = Some(step.lost.unwrap_or(DropCause::NoRoute));
                        let legs = remote[served].iter().map(|&destination| Leg {
                            destination,
                            via,
                            hops,
                            head_latency_ps,
                            flit_ps: step.flit_ps,
                            lost,
                        });
                        self.legs.extend(legs);
                        continue;
                    }
                    1 => 0,
                    _ => {
                        let query = SelectionQuery {
                            topology,
                            here: step.here,
                            destination: remote[served.start],
                            routing,
                            alternatives,
                            load: &NoLoad,
                        };
                        selection.choose(&query, &mut || 0)
                    }
                };
                let alternative = alternatives[choice];
                match alternative.port {
                    OutputPort::Eject => {
                        for &destination in &remote[served] {
                            let local = &topology.endpoints()[destination.index()].local;
                            self.legs.push(Leg {
                                destination,
                                via: step.via,
                                hops: step.hops,
                                head_latency_ps: step.head_ps + local.eject_ps,
                                flit_ps: step.flit_ps.max(local.flit_ps),
                                lost: step.lost,
                            });
                        }
                    }
                    OutputPort::Link(link) => {
                        let dead = step.lost.is_some() || topology.is_dead(link);
                        // What lies behind a dead link is never crossed, so it is not part of the tree.
                        let via = if dead {
                            step.via
                        } else {
                            let all = ChannelSet::first(routing.virtual_channels());
                            if alternative.channels != all && self.channels.is_empty() {
                                self.channels = vec![all; self.links.len()];
                            }
                            if alternative.channels != all || !self.channels.is_empty() {
                                self.channels.push(alternative.channels);
                            }
                            self.links.push(RouteLink { link, parent: step.via });
                            (self.links.len() - first_link - 1) as u32
                        };
                        let class = topology.class_of(link);
                        work.push(Step {
                            here: topology.links()[link.index()].to,
                            via,
                            destinations: served,
                            state: alternative.next,
                            hops: step.hops + 1,
                            head_ps: step.head_ps + class.latency_ps,
                            flit_ps: step.flit_ps.max(class.flit_ps),
                            lost: if dead { Some(DropCause::DeadLink) } else { None },
                        });
                    }
                }
            }
        }
        let longest =
            self.legs[first_leg..].iter().filter(|leg| leg.lost.is_none()).map(|leg| leg.latency_ps(1)).max();
        self.sources.push(request.source);
        self.link_ends.push(self.links.len());
        self.leg_ends.push(self.legs.len());
        self.longest_ps.push(longest);
        Ok(())
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Where packets of the route enter.
    pub fn source(&self, route: RouteId) -> EndpointId {
        self.sources[route.index()]
    }

    /// The route's links, each after its parent.
    pub fn links(&self, route: RouteId) -> &[RouteLink] {
        let start = route.index().checked_sub(1).map_or(0, |before| self.link_ends[before]);
        &self.links[start..self.link_ends[route.index()]]
    }

    /// Virtual channels that links must have so that routes do not wait for each other in a circle: as many as the
    /// routing function was made for, or 1 if it lets packets take any of them everywhere.
    pub fn virtual_channels(&self) -> u8 {
        if self.channels.is_empty() { 1 } else { self.virtual_channels }
    }

    /// Virtual channels that packets may take on each link of the route, of those the routing function was made for;
    /// `None` if they may take any.
    pub fn channels(&self, route: RouteId) -> Option<&[ChannelSet]> {
        let start = route.index().checked_sub(1).map_or(0, |before| self.link_ends[before]);
        (!self.channels.is_empty()).then(|| &self.channels[start..self.link_ends[route.index()]])
    }

    /// The copies the route owes.
    pub fn legs(&self, route: RouteId) -> &[Leg] {
        let start = route.index().checked_sub(1).map_or(0, |before| self.leg_ends[before]);
        &self.legs[start..self.leg_ends[route.index()]]
    }

    /// Latency of the last copy without contention, in picoseconds; `None` if all copies are lost.
    pub fn longest_ps(&self, route: RouteId, flits: u16) -> Option<u64> {
        if flits == 1 {
            return self.longest_ps[route.index()];
        }
        self.legs(route).iter().filter(|leg| leg.lost.is_none()).map(|leg| leg.latency_ps(flits)).max()
    }
}

/// Tells all that is wrong with a request.
pub(crate) fn check(topology: &Topology, route: usize, request: &RouteRequest, errors: &mut Vec<RouteError>) {
    let count = topology.endpoints().len();
    for endpoint in std::iter::once(&request.source).chain(&request.destinations) {
        if endpoint.index() >= count {
            errors.push(RouteError::UnknownEndpoint { route, endpoint: endpoint.0, count });
        }
    }
    if request.destinations.is_empty() {
        errors.push(RouteError::Empty { route });
    }
    let mut sorted = request.destinations.clone();
    sorted.sort_unstable();
    for pair in sorted.windows(2).filter(|pair| pair[0] == pair[1]) {
        errors.push(RouteError::Duplicate { route, endpoint: pair[0].0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{DimensionOrder, FirstLegal};
    use crate::topology::tests::mesh;

    fn build(topology: &Topology, source: u32, destinations: &[u32]) -> Result<RouteTable, Vec<RouteError>> {
        let request = RouteRequest {
            source: EndpointId(source),
            destinations: destinations.iter().map(|&d| EndpointId(d)).collect(),
        };
        RouteTable::build(topology, &DimensionOrder::xy(), &FirstLegal, &[request])
    }

    #[test]
    fn a_tree_shares_the_links_of_its_trunk() {
        let topology = mesh(4, 3, 1);
        let table = build(&topology, 0, &[3, 7, 11, 0]).unwrap();
        let route = RouteId(0);
        assert_eq!(table.links(route).len(), 5, "three links east, two north");
        let hops: Vec<_> = table.legs(route).iter().map(|l| (l.destination.0, l.hops)).collect();
        assert_eq!(hops, [(0, 0), (3, 3), (7, 4), (11, 5)]);
        assert_eq!(table.legs(route)[0].head_latency_ps, 700);
        assert_eq!(table.legs(route)[3].head_latency_ps, 1000 + 3 * 4100 + 2 * 6500 + 1100);
        assert_eq!(table.longest_ps(route, 3), Some(27400 + 2 * 1100));
    }

    #[test]
    fn wrong_requests_are_all_reported() {
        let topology = mesh(2, 2, 1);
        assert_eq!(build(&topology, 9, &[1, 1, 8]).unwrap_err().len(), 3);
        assert_eq!(build(&topology, 0, &[]).unwrap_err(), [RouteError::Empty { route: 0 }]);
    }

    #[test]
    fn copies_behind_a_dead_link_are_lost() {
        let mut topology = mesh(3, 1, 1);
        topology.kill_link(crate::Coord { x: 1, y: 0 }, crate::Direction::East).unwrap();
        let table = build(&topology, 0, &[1, 2]).unwrap();
        let lost: Vec<_> = table.legs(RouteId(0)).iter().map(|l| l.lost).collect();
        assert_eq!(lost, [None, Some(DropCause::DeadLink)]);
        assert_eq!(table.links(RouteId(0)).len(), 1);
    }

    #[test]
    fn copies_to_and_from_dead_endpoints_are_lost_at_the_source() {
        let mut topology = mesh(3, 1, 1);
        topology.kill_endpoint(EndpointId(1)).unwrap();
        let lost = |table: RouteTable| {
            let legs = table.legs(RouteId(0)).iter();
            (legs.map(|l| (l.destination.0, l.lost)).collect::<Vec<_>>(), table.links(RouteId(0)).len())
        };
        let dead = Some(DropCause::DeadEndpoint);
        let to = build(&topology, 0, &[0, 1, 2]).unwrap();
        assert_eq!(lost(to), (vec![(1, dead), (0, None), (2, None)], 2));
        let from = build(&topology, 1, &[0, 1]).unwrap();
        assert_eq!(lost(from), (vec![(0, dead), (1, dead)], 0));
        topology.kill_router(crate::Coord { x: 2, y: 0 }).unwrap();
        assert_eq!(lost(build(&topology, 0, &[2]).unwrap()), (vec![(2, dead)], 0));
    }

    #[test]
    fn copies_the_routing_finds_no_way_for_are_lost_where_it_ends() {
        let mut topology = mesh(3, 2, 1);
        topology.kill_link(crate::Coord { x: 2, y: 0 }, crate::Direction::West).unwrap();
        let routing = crate::WestFirst::new(&topology, 1).unwrap();
        let request = RouteRequest { source: EndpointId(5), destinations: vec![EndpointId(3), EndpointId(0)] };
        let table =
            RouteTable::build(&topology, &routing, &FirstLegal, std::slice::from_ref(&request)).unwrap();
        assert!(table.legs(RouteId(0)).iter().all(|leg| leg.lost.is_none()), "the upper row is whole");
        let request = RouteRequest { source: EndpointId(2), ..request };
        let table = RouteTable::build(&topology, &routing, &FirstLegal, &[request]).unwrap();
        let legs: Vec<_> = table.legs(RouteId(0)).iter().map(|leg| (leg.lost, leg.hops)).collect();
        assert_eq!(legs, [(Some(DropCause::NoRoute), 0); 2]);
    }

    /// Walks east and west for ever.
    struct PingPong;
    impl Routing for PingPong {
        fn name(&self) -> &'static str {
            "ping-pong"
        }
        fn virtual_channels(&self) -> u8 {
            1
        }
        fn at_source(&self, _: &Topology, _: EndpointId, _: &[EndpointId], _: u64) -> RouteState {
            RouteState(0)
        }
        fn legal(
            &self,
            topology: &Topology,
            here: RouterId,
            _: Option<LinkId>,
            destinations: &mut [EndpointId],
            state: RouteState,
            candidates: &mut Candidates,
        ) {
            let direction = crate::Direction::ALL[state.0 as usize];
            let port = OutputPort::Link(topology.link_from(here, direction).unwrap());
            let next = RouteState(1 - state.0);
            let channels = crate::routing::ChannelSet(1);
            candidates.clear();
            candidates.push(destinations.len(), &[crate::routing::Alternative { port, channels, next }]);
        }
    }

    #[test]
    fn a_loop_is_an_error_not_a_hang() {
        let topology = mesh(2, 2, 1);
        let request = RouteRequest { source: EndpointId(0), destinations: vec![EndpointId(3)] };
        let errors = RouteTable::build(&topology, &PingPong, &FirstLegal, &[request]).unwrap_err();
        assert!(matches!(errors[0], RouteError::Loop { .. }));
    }
}
