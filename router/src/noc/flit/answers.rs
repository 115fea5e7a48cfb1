//! What a routing function says, in the form a router reads in a few nanoseconds.

use crate::route::{RouteId, RouteTable};
use crate::routing::{Alternative, Candidates, OutputPort, RouteState, Routing};
use crate::topology::{Coord, EndpointId, LinkId, RouterId, Topology};
use std::collections::HashMap;

/// A set of virtual channels of all ports of a router, bit `port * channels + channel`.
pub(super) type Lanes = u64;

/// Alternatives kept for a head; more are not asked for.
pub(super) const MOST_ALTERNATIVES: usize = 6;

/// The ways on that a head may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Answer {
    /// All virtual channels of all ways.
    pub(super) allowed: Lanes,
    /// Those the routing function would rather have: all but its escape channels where it has any.
    pub(super) preferred: Lanes,
    ways: [(Lanes, u32); MOST_ALTERNATIVES],
    count: u8,
}

impl Answer {
    fn push(&mut self, lanes: Lanes, preferred: Lanes, next: RouteState) {
        if usize::from(self.count) < MOST_ALTERNATIVES {
            self.ways[usize::from(self.count)] = (lanes, next.0);
            self.count += 1;
            self.allowed |= lanes;
            self.preferred |= preferred;
        }
    }

    /// (Virtual channels, next state) of each way, in the routing function's order.
    pub(super) fn ways(&self) -> &[(Lanes, u32)] {
        &self.ways[..usize::from(self.count)]
    }

    /// The state a packet carries on that takes this virtual channel.
    #[inline]
    pub(super) fn next(&self, lane: u8) -> u32 {
        if self.count == 1 {
            return self.ways[0].1;
        }
        self.ways().iter().find(|(lanes, _)| lanes >> lane & 1 == 1).map_or(0, |way| way.1)
    }
}

/// Ports of routers: four directions, then the router's endpoints in order.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    pub(super) channels: u8,
    pub(super) count: u8,
    /// Port of each endpoint at its router.
    of_endpoint: Vec<u8>,
}

/// First port of an endpoint.
pub(super) const LOCAL: u8 = 4;

impl Ports {
    pub(super) fn new(topology: &Topology, channels: u8, count: usize) -> Self {
        let mut next = vec![LOCAL; topology.router_count()];
        let of_endpoint = topology
            .endpoints()
            .iter()
            .map(|endpoint| {
                let port = &mut next[endpoint.router.index()];
                *port += 1;
                *port - 1
            })
            .collect();
        Self { channels, count: count as u8, of_endpoint }
    }

    #[inline]
    pub(super) fn of_endpoint(&self, endpoint: u32) -> u8 {
        self.of_endpoint[endpoint as usize]
    }

    pub(super) fn lanes(&self, port: u8, set: u32) -> Lanes {
        u64::from(set) << (port * self.channels)
    }

    fn all_of(&self, port: u8) -> Lanes {
        self.lanes(port, u32::MAX >> (32 - self.channels))
    }

    /// The answer for a list of alternatives, of which those over dead links are left out.
    pub(super) fn answer(
        &self,
        topology: &Topology,
        routing: &dyn Routing,
        destination: EndpointId,
        alternatives: &[Alternative],
    ) -> Answer {
        let mut answer = Answer::default();
        let escape = if alternatives.len() > 1 { routing.escape() } else { None };
        for way in alternatives {
            let port = match way.port {
                OutputPort::Link(link) if topology.is_dead(link) => continue,
                OutputPort::Link(link) => topology.links()[link.index()].direction as u8,
                OutputPort::Eject => self.of_endpoint(destination.0),
            };
            let lanes = self.lanes(port, way.channels.0);
            let preferred = self.lanes(port, way.channels.0 & !escape.map_or(0, |set| set.0));
            answer.push(lanes, preferred, way.next);
        }
        answer
    }
}

/// Where answers come from.
pub(super) enum Answers {
    /// Compiled: see [`Routing::answers_by_side`].
    BySide(SideTable),
    /// Asked each time a head comes to the front.
    Asked,
    /// Given: packets follow compiled routes, and their state is a node of a tree.
    Trees(Trees),
}

impl Answers {
    pub(super) fn compile(topology: &Topology, routing: &dyn Routing, ports: &Ports) -> Self {
        match routing.answers_by_side() {
            // Nine sides, and a flit has six bits for its state.
            Some(states) if states <= 64 => {
                let table = SideTable::new(topology, routing, ports, states);
                // Faults may leave every router with answers of its own.
                if table.answers.len() <= 1 << 16 { Answers::BySide(table) } else { Answers::Asked }
            }
            _ => Answers::Asked,
        }
    }
}

/// Answers by router class, state and side of the destination; routers with the same answers share a class. The first
/// are those of a head at its destination, by port.
pub(super) struct SideTable {
    answers: Vec<Answer>,
    /// Of each answer all channels, and the next state if it is the same for all, else [`MANY`].
    brief: Vec<(Lanes, u32)>,
    /// Place of each router, and its first answer.
    at: Vec<(Coord, u32)>,
    /// Place of each endpoint, and its port there.
    endpoints: Vec<(Coord, u8)>,
}

/// No state: the channel taken decides.
const MANY: u32 = u32::MAX;

/// 0 below, 1 equal, 2 above.
#[inline]
fn side(from: u16, to: u16) -> u32 {
    1 + u32::from(to > from) - u32::from(to < from)
}

const SIDES: u32 = 9;
const HERE: u32 = 4;

impl SideTable {
    fn new(topology: &Topology, routing: &dyn Routing, ports: &Ports, states: u8) -> Self {
        let routers = topology.router_count();
        let endpoints = (0..topology.endpoints().len() as u32)
            .map(|e| (topology.endpoint_coord(EndpointId(e)), ports.of_endpoint(e)))
            .collect();
        let mut table =
            Self { answers: Vec::new(), brief: Vec::new(), at: Vec::with_capacity(routers), endpoints };
        for port in 0..ports.count {
            let mut answer = Answer::default();
            answer.push(ports.all_of(port), ports.all_of(port), RouteState(0));
            table.answers.push(answer);
        }
        // One endpoint on each side of a router stands for all of that side.
        let mut by_place: HashMap<Coord, EndpointId> = HashMap::new();
        for (i, &(at, _)) in table.endpoints.iter().enumerate() {
            by_place.entry(at).or_insert(EndpointId(i as u32));
        }
        let (width, height) = (topology.width(), topology.height());
        let places: Vec<Coord> = by_place.keys().copied().collect();
        let mut classes: HashMap<Vec<Answer>, u32> = HashMap::new();
        let mut candidates = Candidates::default();
        for router in (0..routers as u32).map(RouterId) {
            let here = topology.coord(router);
            let mut stand_in = [None; SIDES as usize];
            let neighbour = |dx: i32, dy: i32| {
                let (x, y) = (i32::from(here.x) + dx, i32::from(here.y) + dy);
                let inside = (0..i32::from(width)).contains(&x) && (0..i32::from(height)).contains(&y);
                inside.then_some(Coord { x: x as u16, y: y as u16 })
            };
            for (i, slot) in stand_in.iter_mut().enumerate() {
                let (dx, dy) = (i as i32 % 3 - 1, i as i32 / 3 - 1);
                *slot = neighbour(dx, dy).and_then(|at| by_place.get(&at)).copied();
            }
            if stand_in.iter().any(Option::is_none) {
                // A neighbour without an endpoint, or the edge of the mesh: look further, once for all.
                for at in &places {
                    let i = (3 * side(here.y, at.y) + side(here.x, at.x)) as usize;
                    if stand_in[i].is_none() {
                        stand_in[i] = by_place.get(at).copied();
                    }
                }
            }
            let mut own = Vec::with_capacity(usize::from(states) * SIDES as usize);
            for state in 0..u32::from(states) {
                for (i, to) in stand_in.iter().enumerate() {
                    let mut answer = Answer::default();
                    if let Some(to) = to.filter(|_| i as u32 != HERE) {
                        routing.legal(topology, router, None, &mut [to], RouteState(state), &mut candidates);
                        if let Some((_, alternatives)) = candidates.branches().next() {
                            answer = ports.answer(topology, routing, to, alternatives);
                        }
                    }
                    own.push(answer);
                }
            }
            let next = table.answers.len() as u32;
            let first = *classes.entry(own).or_insert_with_key(|own| {
                table.answers.extend_from_slice(own);
                next
            });
            table.at.push((here, first));
        }
        let brief = |answer: &Answer| (answer.allowed, if answer.count == 1 { answer.ways[0].1 } else { MANY });
        table.brief = table.answers.iter().map(brief).collect();
        table
    }

    /// Index of the answer for a head at a router.
    #[inline]
    pub(super) fn index(&self, router: u32, destination: u32, state: u32) -> u16 {
        let ((at, first), (to, port)) = (self.at[router as usize], self.endpoints[destination as usize]);
        let side = 3 * side(at.y, to.y) + side(at.x, to.x);
        // Without a branch: whether a flit is at its destination can be predicted by nobody.
        let away = u32::from(side != HERE).wrapping_neg();
        ((first + state * SIDES + side) & away | u32::from(port) & !away) as u16
    }

    #[inline]
    pub(super) fn get(&self, index: u16) -> &Answer {
        &self.answers[index as usize]
    }

    /// All channels of an answer.
    #[inline]
    pub(super) fn allowed(&self, index: u16) -> Lanes {
        self.brief[usize::from(index)].0
    }

    /// The state that a packet carries on which takes this channel.
    #[inline]
    pub(super) fn next(&self, index: u16, lane: u8) -> u32 {
        match self.brief[usize::from(index)].1 {
            MANY => self.answers[usize::from(index)].next(lane),
            next => next,
        }
    }
}

/// Routes as trees. At a fork a packet goes down one branch after the other and frees its slots on the last.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// Root of each route.
    roots: Vec<u32>,
    /// End of each node's branches.
    ends: Vec<u32>,
    /// Channels of each branch, and its node at the other end or the endpoint it leads to.
    branches: Vec<(Lanes, u32)>,
    /// Copies that come of a packet at each node.
    copies: Vec<u32>,
    /// First lane of an endpoint.
    first_local: u8,
}

impl Trees {
    pub(super) fn new(topology: &Topology, routes: &RouteTable, ports: &Ports) -> Self {
        let mut trees = Self { first_local: LOCAL * ports.channels, ..Self::default() };
        for route in (0..routes.len() as u32).map(RouteId) {
            let root = trees.ends.len() as u32;
            trees.roots.push(root);
            let (links, legs, source) = (routes.links(route), routes.legs(route), routes.source(route));
            let mut nodes: Vec<Vec<(Lanes, u32)>> = vec![Vec::new(); links.len() + 1];
            let mut copies = vec![0; links.len() + 1];
            for leg in legs.iter().filter(|leg| leg.lost.is_none() && leg.destination != source) {
                let at = leg.via().map_or(0, |via| via as usize + 1);
                let port = ports.of_endpoint(leg.destination.0);
                nodes[at].push((ports.all_of(port), leg.destination.0));
                copies[at] += 1;
            }
            // A link comes after its parent, so its copies are complete when they are added. Where every copy behind a
            // link is lost, the packet still crosses it, as at the other levels, and is thrown away there.
            for (i, step) in links.iter().enumerate().rev() {
                copies[i + 1] = copies[i + 1].max(1);
                copies[step.parent().map_or(0, |parent| parent as usize + 1)] += copies[i + 1];
            }
            for (i, step) in links.iter().enumerate() {
                let at = step.parent().map_or(0, |parent| parent as usize + 1);
                let port = topology.links()[step.link.index()].direction as u8;
                let lanes = match routes.channels(route) {
                    Some(channels) => ports.lanes(port, channels[i].0),
                    None => ports.all_of(port),
                };
                nodes[at].push((lanes, root + i as u32 + 1));
            }
            for branches in nodes {
                trees.branches.extend(branches);
                trees.ends.push(trees.branches.len() as u32);
            }
            trees.copies.extend(copies);
        }
        trees
    }

    /// State of a packet at the start of a route.
    pub(super) fn root(&self, route: RouteId) -> RouteState {
        RouteState(self.roots[route.index()])
    }

    /// Copies that come of a packet in this state.
    pub(super) fn copies(&self, node: u32) -> u32 {
        self.copies[node as usize]
    }

    fn branches(&self, node: u32) -> &[(Lanes, u32)] {
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        &self.branches[start as usize..self.ends[node as usize] as usize]
    }

    /// Copies of a packet that has this branch of a node still before it.
    pub(super) fn copies_from(&self, node: u32, branch: u16) -> u32 {
        if self.branches(node).is_empty() {
            return 1;
        }
        let left = self.branches(node).iter().skip(branch.into());
        left.map(|&(lanes, next)| if lanes >> self.first_local != 0 { 1 } else { self.copies(next) }).sum()
    }

    /// Whether a branch is the last of its node.
    pub(super) fn is_last(&self, node: u32, branch: u16) -> bool {
        usize::from(branch) + 1 >= self.branches(node).len()
    }

    /// What a head asks for on a branch; what it carries on is a node, or the endpoint it goes to.
    pub(super) fn answer(&self, node: u32, branch: u16) -> Answer {
        let mut answer = Answer::default();
        if let Some(&(lanes, next)) = self.branches(node).get(usize::from(branch)) {
            answer.push(lanes, lanes, RouteState(next));
        }
        answer
    }
}

/// Asks the routing function about a packet with one destination.
pub(super) fn ask(
    topology: &Topology,
    routing: &dyn Routing,
    ports: &Ports,
    at: (RouterId, Option<LinkId>),
    destination: EndpointId,
    state: u32,
    candidates: &mut Candidates,
) -> Answer {
    routing.legal(topology, at.0, at.1, &mut [destination], RouteState(state), candidates);
    let first = candidates.branches().next();
    first.map_or_else(Answer::default, |(_, alternatives)| {
        ports.answer(topology, routing, destination, alternatives)
    })
}
