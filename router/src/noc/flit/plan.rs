//! What does not change while flits move: the spec, the network and the routing function, compiled.

use super::answers::{Answers, Ports, Trees};
use super::spec::{Allocator, FlowControl, Priority, RouterSpec, Switching};
use crate::route::RouteTable;
use crate::routing::{Routing, Selection};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};
use std::sync::Arc;

/// No router, no lane.
pub(super) const NOWHERE: u32 = u32::MAX;

/// A link as its router sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Router at the other end, [`NOWHERE`] if there is no link.
    pub(super) router: u32,
    /// Cycles from a grant to the next buffer.
    pub(super) hop: u16,
    /// Cycles from a grant to the credit's use at the other end.
    pub(super) back: u16,
    /// Port at the other end.
    pub(super) port: u8,
}

const NO_WAY: Way = Way { router: NOWHERE, hop: 0, back: 0, port: 0 };

/// Shared by all regions.
pub(super) struct Plan {
    pub(super) spec: RouterSpec,
    pub(super) topology: Arc<Topology>,
    pub(super) routing: Arc<dyn Routing>,
    pub(super) selection: Option<Arc<dyn Selection>>,
    pub(super) answers: Answers,
    pub(super) ports: Ports,
    /// Ports x channels.
    pub(super) lanes: usize,
    pub(super) depth: u8,
    /// Port and channel of each lane.
    pub(super) lane: [(u8, u8); 64],
    /// Links that leave each router, by direction.
    pub(super) down: Vec<[Way; 4]>,
    /// Links that enter each router, by the port they enter.
    pub(super) up: Vec<[Way; 4]>,
    /// Router of each endpoint.
    pub(super) router_of: Vec<u32>,
    /// Cycles from a grant to the next buffer and from a grant to the credit's use, by link class.
    pub(super) hop: Vec<u64>,
    pub(super) back: Vec<u64>,
    /// Cycles that flits and credits alike take over every link, if that is one number.
    pub(super) twin: Option<u64>,
    /// Cycles between endpoint and router.
    pub(super) local_hop: u64,
    pub(super) eject_hop: u64,
    pub(super) source_back: u64,
    pub(super) eject_back: u64,
    /// Cycles a head waits at the front before it first asks for a channel.
    pub(super) head_wait: u64,
    /// Whether heads carry more than their word.
    pub(super) wide: bool,
    /// Whether nothing is asked for that the short way through a cycle leaves out.
    pub(super) lean: bool,
    /// Free slots at which a buffer says stop, if links have stop and go.
    pub(super) stop: Option<u8>,
    /// Whether allocators must run in every cycle in which something waits, because they turn.
    pub(super) restless: bool,
    /// Whether an endpoint is dead.
    pub(super) dead_endpoints: bool,
    /// Region of each router; empty if there is one.
    pub(super) region_of: Vec<u16>,
    pub(super) regions: u32,
    pub(super) seed: u64,
    /// Drop and corruption odds of each link in 2^-32; empty if none is flaky.
    pub(super) flaky: Vec<(u32, u32)>,
}

impl Plan {
    pub(super) fn new(
        spec: RouterSpec,
        topology: Arc<Topology>,
        routing: Arc<dyn Routing>,
        selection: Option<Arc<dyn Selection>>,
        routes: Option<&RouteTable>,
    ) -> Self {
        let count = RouterSpec::ports(&topology);
        let channels = spec.channels;
        let ports = Ports::new(&topology, channels, count);
        let answers = match routes {
            Some(routes) => Answers::Trees(Trees::new(&topology, routes, &ports)),
            None => Answers::compile(&topology, &*routing, &ports),
        };
        let lanes = count * usize::from(channels);
        let mut lane = [(0, 0); 64];
        for (i, of) in lane.iter_mut().enumerate().take(lanes) {
            *of = ((i / usize::from(channels)) as u8, (i % usize::from(channels)) as u8);
        }
        let mut down = vec![[NO_WAY; 4]; topology.router_count()];
        let mut up = down.clone();
        for link in topology.links() {
            // East and west, north and south are 0, 1 and 2, 3: the port behind a link is the other of its pair.
            let (leaves, enters) = (link.direction as u8, link.direction as u8 ^ 1);
            let cycles = spec.links[link.class.index()];
            let (hop, back) = (spec.hop(cycles) as u16, spec.credit_return(cycles) as u16);
            down[link.from.index()][usize::from(leaves)] = Way { router: link.to.0, hop, back, port: enters };
            up[link.to.index()][usize::from(enters)] = Way { router: link.from.0, hop, back, port: leaves };
        }
        let local = u64::from(spec.local);
        let classes = spec.links.iter().copied();
        let has_dead_links = (0..topology.links().len() as u32).any(|link| topology.is_dead(LinkId(link)));
        let asked = !matches!(answers, Answers::BySide(_));
        let vct = spec.switching == Switching::VirtualCutThrough;
        let turns = |a| matches!(a, Allocator::Wavefront | Allocator::MaximumSize);
        let mut times = spec.links.iter().flat_map(|&link| [spec.hop(link), spec.credit_return(link)]);
        let first = times.next();
        let twin = first.filter(|&first| times.all(|time| time == first));
        Self {
            twin,
            lanes,
            depth: spec.depth,
            lane,
            down,
            up,
            hop: classes.clone().map(|link| spec.hop(link)).collect(),
            back: classes.map(|link| spec.credit_return(link)).collect(),
            local_hop: 1 + local,
            eject_hop: spec.hop(spec.local),
            source_back: 1 + local,
            eject_back: 1 + local + u64::from(spec.credit),
            head_wait: u64::from(spec.routing) + u64::from(spec.vc_allocation.max(1)) - 1,
            wide: asked || vct || spec.priority == Priority::Age || spec.rewirable,
            lean: spec.is_plain() && !asked && selection.is_none() && !has_dead_links,
            stop: match spec.flow {
                FlowControl::Credits => None,
                FlowControl::OnOff { stop } => Some(stop),
            },
            router_of: topology.endpoints().iter().map(|endpoint| endpoint.router.0).collect(),
            restless: turns(spec.vc_allocator) || turns(spec.switch_allocator) || spec.timeouts.is_some(),
            // Copies to dead endpoints are no part of compiled routes.
            dead_endpoints: routes.is_none()
                && (0..topology.endpoints().len() as u32).any(|e| topology.is_endpoint_dead(EndpointId(e))),
            region_of: Vec::new(),
            regions: 1,
            seed: 0,
            flaky: Vec::new(),
            spec,
            topology,
            routing,
            selection,
            answers,
            ports,
        }
    }

    /// Most flits that can be inside at once: one a slot, as slots are taken before a flit sets out.
    pub(super) fn inside(&self) -> u64 {
        (self.down.len() * self.lanes) as u64 * u64::from(self.depth)
    }

    /// The link of a router's direction.
    pub(super) fn link(&self, router: u32, port: u8) -> Option<LinkId> {
        let direction = crate::topology::Direction::ALL.get(usize::from(port))?;
        self.topology.link_from(RouterId(router), *direction)
    }

    /// The link that enters a router at a port.
    pub(super) fn link_in(&self, router: u32, port: u8) -> Option<LinkId> {
        let way = self.up[router as usize].get(usize::from(port))?;
        if way.router == NOWHERE { None } else { self.link(way.router, way.port) }
    }

    /// Longest time between a cause and its effect in another cycle.
    pub(super) fn longest(&self) -> u64 {
        let ways = self.hop.iter().chain(&self.back).copied();
        let local = [self.local_hop, self.eject_hop, self.source_back, self.eject_back, self.head_wait + 1];
        ways.chain(local).max().unwrap_or(1)
    }

    /// Shortest time between a cause at one router and its effect at another.
    pub(super) fn shortest(&self) -> u64 {
        self.hop.iter().chain(&self.back).copied().min().unwrap_or(1)
    }

    #[inline]
    pub(super) fn port(&self, lane: u8) -> u8 {
        self.lane[usize::from(lane & 63)].0
    }

    #[inline]
    pub(super) fn channel(&self, lane: u8) -> u8 {
        self.lane[usize::from(lane & 63)].1
    }

    #[inline]
    pub(super) fn lane_of(&self, port: u8, channel: u8) -> u8 {
        port * self.spec.channels + channel
    }

    /// The endpoint lane of an endpoint's channel.
    #[inline]
    pub(super) fn local_lane(&self, endpoint: u32, channel: u8) -> u8 {
        self.lane_of(self.ports.of_endpoint(endpoint), channel)
    }

    #[inline]
    pub(super) fn region_of(&self, router: u32) -> usize {
        if self.region_of.is_empty() { 0 } else { usize::from(self.region_of[router as usize]) }
    }
}
