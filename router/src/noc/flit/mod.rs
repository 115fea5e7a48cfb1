//! The flit level: routers with virtual channels, cycle by cycle.
//!
//! ```text
//!            +------------------------------------------------+
//!  link in ->| buffer a channel -> virtual-channel allocation |-> link out
//!  source  ->|                  -> switch allocation, crossbar|-> endpoint
//!            +------------------------------------------------+
//!        <- credit a slot                              credit a slot <-
//! ```
//! [`FlitNetwork`] moves flits; a [`Host`] offers packets and hears what became of them: a traffic generator, a
//! packet trace, a chip, or a rival's measurement protocol.
//!
//! A network is cut into *regions*, blocks of routers. Nothing reaches another router sooner than a fixed number
//! of cycles, so regions run that many cycles apart, then exchange what crosses their borders. All that a router
//! does depends on what arrived there and in which cycle, never on the order of messages, so any number of regions gives
//! the same cycles for every packet.
//!
//! | file | what |
//! |---|---|
//! | `spec` | the knobs, checked |
//! | `plan` | what does not change: ports, delays, compiled routing |
//! | `answers` | a routing function as a table |
//! | `region` | a block of routers and its endpoints, one cycle at a time |
//! | `buffers` | flits come, move to the front, leave; credits come back |
//! | `lean` | the same for plain routers, in fewer instructions |
//! | `allocate`, `switch`, `arbiter` | allocation with every knob |
//! | `source`, `packet`, `wheel` | sending side, what a flit carries, events by cycle |
//! | `counts` | what was counted, for those who measure |
//! | `faults` | links that fail now and then, or die |
//! | `threads` | regions side by side |
//! | `deadlock`, `audit` | who waits for whom; what must always hold |
//! | `noc` | the level as a chip sees it |
//! | `booksim` | what a rival's router does beside its own pipeline |

mod allocate;
mod answers;
mod arbiter;
mod audit;
mod booksim;
mod buffers;
mod counts;
mod deadlock;
mod faults;
mod lean;
mod noc;
mod packet;
mod plan;
mod region;
mod source;
mod spec;
mod switch;
mod threads;
mod wheel;

pub use deadlock::{Deadlock, Waiting};
pub use noc::FlitNoc;
pub use packet::{Arrival, Offer, PacketHandle};
pub(in crate::noc) use packet::{Packet, Slab};
pub use region::Stalls;
pub(in crate::noc) use source::Source;
pub use spec::{
    Allocator, Arbiter, CYCLE_PS, FlowControl, Priority, RouterSpec, SpecError, Switching, Timeouts,
};

use crate::route::{RouteId, RouteTable};
use crate::routing::{
    Alternative, ChannelSet, DimensionOrder, Load, OutputPort, RouteState, Routing, Selection, SelectionQuery,
};
use crate::topology::{EndpointId, RouterId, Topology};
use answers::{Answer, Answers, Lanes};
use packet::{DESTINATION_BITS, MOST_PACKETS};
use plan::Plan;
use region::Region;
use std::sync::Arc;

/// Why a packet was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossCause {
    /// The routing function names no live way on.
    NoWay,
    /// A flaky link dropped it.
    FlakyLink,
    /// It waited longer than the router allows.
    Timeout,
    /// Its source or its destination is dead.
    DeadEndpoint,
}

impl LossCause {
    /// All causes.
    pub const ALL: [LossCause; 4] =
        [LossCause::NoWay, LossCause::FlakyLink, LossCause::Timeout, LossCause::DeadEndpoint];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            LossCause::NoWay => "no-way",
            LossCause::FlakyLink => "flaky-link",
            LossCause::Timeout => "timeout",
            LossCause::DeadEndpoint => "dead-endpoint",
        }
    }
}

/// How often a link fails a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flaky {
    /// Probability that a packet is dropped before it crosses, 0 to 1.
    pub drop: f64,
    /// Probability that a flit is changed on the way, 0 to 1; a packet arrives corrupt if its tail was.
    pub corrupt: f64,
}

/// Who offers packets and hears what became of them.
pub trait Host {
    /// Earliest cycle in which [`Host::generate`] has something to do; `u64::MAX` for never.
    fn due(&self) -> u64;

    /// Called in every cycle from [`Host::due`] on, before sources send: offers packets to idle sources.
    fn generate(&mut self, now: u64, sources: &mut Sources<'_>);

    /// Routing state of a packet whose head leaves its source now; `load` is what the source's router knew at the end of the
    /// cycle before.
    fn start(&mut self, source: EndpointId, offer: &Offer, load: &dyn Load) -> RouteState;

    /// A flit left its source.
    fn flit_injected(&mut self, _now: u64, _source: EndpointId, _packet: PacketHandle, _head: bool) {}

    /// A source sent its packet's tail and may be offered another from the next cycle on.
    fn idle(&mut self, now: u64, source: EndpointId);

    /// A flit reached an endpoint.
    fn flit_arrived(&mut self, _now: u64, _endpoint: EndpointId, _packet: PacketHandle) {}

    /// A packet's tail reached its endpoint. With several regions it is heard of a few cycles later.
    fn arrived(&mut self, arrival: &Arrival);

    /// A packet was lost; its last flit was thrown away in cycle `now`.
    fn lost(&mut self, _now: u64, _source: EndpointId, _offer: &Offer, _cause: LossCause) {}
}

/// The sources of a region, for [`Host::generate`].
pub struct Sources<'a> {
    offers: &'a mut [source::Source],
    eager: &'a mut [u64],
    endpoints: &'a [u32],
}

impl<'a> Sources<'a> {
    /// All sources of a network; a bit of `eager` is set for each that is offered something.
    pub(in crate::noc) fn all(offers: &'a mut [Source], eager: &'a mut [u64], endpoints: &'a [u32]) -> Self {
        Self { offers, eager, endpoints }
    }

    /// Offers a packet to an idle source.
    ///
    /// # Panics
    /// If the source is another region's or still has a packet: a host's error.
    #[inline]
    pub fn offer(&mut self, source: EndpointId, offer: Offer) {
        let at = match self.endpoints.get(source.index()) {
            Some(&same) if same == source.0 => source.index(),
            _ => self.endpoints.partition_point(|&e| e < source.0),
        };
        assert!(self.endpoints.get(at) == Some(&source.0), "endpoint {} is not of this region", source.0);
        let own = &mut self.offers[at];
        assert!(own.offer.is_none(), "endpoint {} already has a packet", source.0);
        own.offer = Some(Offer { flits: offer.flits.max(1), ..offer });
        self.eager[at / 64] |= 1 << (at % 64);
    }
}

/// A network of virtual-channel routers.
pub struct FlitNetwork {
    plan: Plan,
    regions: Vec<Region>,
    now: u64,
}

impl FlitNetwork {
    /// An empty network. Of several legal ways a head asks for all and takes the one it is given first, or
    /// asks for the one that `selection` names in each cycle.
    ///
    /// # Errors
    /// Everything that is wrong with the spec on this network.
    pub fn new(
        spec: RouterSpec,
        topology: Arc<Topology>,
        routing: Arc<dyn Routing>,
        selection: Option<Arc<dyn Selection>>,
    ) -> Result<Self, Vec<SpecError>> {
        Self::with(spec, topology, routing, selection, None)
    }

    /// An empty network in which packets follow compiled routes; [`FlitNetwork::root`] gives their state at the source. Where
    /// a route forks, a packet of at most `depth` flits goes down one branch after the other.
    ///
    /// # Errors
    /// Everything that is wrong with the spec on this network.
    pub fn of_routes(
        spec: RouterSpec,
        topology: Arc<Topology>,
        routes: &RouteTable,
    ) -> Result<Self, Vec<SpecError>> {
        if spec.channels < routes.virtual_channels() {
            return Err(vec![SpecError::OutOfRange {
                what: "the number of virtual channels for these routes",
                given: spec.channels.into(),
                least: routes.virtual_channels().into(),
                most: 32,
            }]);
        }
        let routing = Arc::new(DimensionOrder::xy().with_channels(spec.channels));
        Self::with(spec, topology, routing, None, Some(routes))
    }

    fn with(
        spec: RouterSpec,
        topology: Arc<Topology>,
        routing: Arc<dyn Routing>,
        selection: Option<Arc<dyn Selection>>,
        routes: Option<&RouteTable>,
    ) -> Result<Self, Vec<SpecError>> {
        spec.check(&topology)?;
        let mut errors = Vec::new();
        if routing.virtual_channels() != spec.channels {
            errors.push(SpecError::Together {
                what: format!(
                    "the router has {} virtual channels, the routing function `{}` was made for {}",
                    spec.channels,
                    routing.name(),
                    routing.virtual_channels()
                ),
            });
        }
        let most = 1u64 << DESTINATION_BITS;
        let endpoints = topology.endpoints().len() as u64;
        if endpoints > most {
            errors.push(SpecError::OutOfRange {
                what: "the number of endpoints at the flit level",
                given: endpoints,
                least: 1,
                most,
            });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let routers = topology.router_count() as u32;
        let plan = Plan::new(spec, topology, routing, selection, routes);
        if plan.inside() > MOST_PACKETS as u64 {
            return Err(vec![SpecError::OutOfRange {
                what: "the number of flits the network may hold",
                given: plan.inside(),
                least: 1,
                most: MOST_PACKETS as u64,
            }]);
        }
        let regions = vec![Region::new(&plan, 0, 0, routers)];
        Ok(Self { plan, regions, now: 0 })
    }

    /// State of a packet at the start of a compiled route; 0 in a network without.
    pub fn root(&self, route: RouteId) -> RouteState {
        match &self.plan.answers {
            Answers::Trees(trees) => trees.root(route),
            _ => RouteState(0),
        }
    }

    /// The next cycle to be worked on.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Works on one cycle.
    ///
    /// # Panics
    /// If the network is cut into several regions.
    pub fn step<H: Host>(&mut self, host: &mut H) {
        let [region] = &mut self.regions[..] else { panic!("one host serves one region") };
        region.step(&self.plan, self.now, host);
        self.now += 1;
    }

    /// Works on all cycles before `until`, skipping those in which nothing happens.
    ///
    /// # Panics
    /// If the network is cut into several regions; see [`FlitNetwork::run_threads`].
    pub fn run<H: Host>(&mut self, until: u64, host: &mut H) {
        let [region] = &mut self.regions[..] else { panic!("one host serves one region") };
        threads::run_one(&self.plan, region, &mut self.now, until, host);
    }

    /// Works until nothing happens any more and the host has nothing due, or on all cycles before `limit`. Packets that
    /// are then still inside wait for each other: see [`FlitNetwork::deadlock`].
    ///
    /// # Panics
    /// If the network is cut into several regions.
    pub fn drain<H: Host>(&mut self, limit: u64, host: &mut H) {
        let [region] = &mut self.regions[..] else { panic!("one host serves one region") };
        threads::drain(&self.plan, region, &mut self.now, limit, host);
    }

    /// Cuts the empty network into so many regions of whole rows, or fewer if it has fewer routers or if the
    /// selection looks at neighbours. Each endpoint belongs to the region of its router.
    pub fn cut(mut self, regions: usize) -> Self {
        let routers = self.plan.topology.router_count();
        let row = usize::from(self.plan.topology.width()).max(1);
        let alone = self.plan.selection.as_ref().is_some_and(|selection| selection.looks_at_neighbours());
        // A packet's number has room for its region.
        let room = (MOST_PACKETS as u64 / self.plan.inside()) as usize;
        let count = if alone { 1 } else { regions.min(room).clamp(1, routers.div_ceil(row)) };
        let rows = routers.div_ceil(row);
        let first = |region: usize| (rows * region / count * row).min(routers);
        self.plan.regions = count as u32;
        self.plan.region_of =
            (0..count).flat_map(|i| std::iter::repeat_n(i as u16, first(i + 1) - first(i))).collect();
        self.clear();
        self
    }

    /// Empties all regions.
    fn clear(&mut self) {
        let plan = &self.plan;
        let first = |region: u32| plan.region_of.partition_point(|&of| u32::from(of) < region) as u32;
        self.regions = match plan.regions {
            1 => vec![Region::new(plan, 0, 0, plan.down.len() as u32)],
            count => (0..count).map(|i| Region::new(plan, i, first(i), first(i + 1) - first(i))).collect(),
        };
    }

    /// Number of regions.
    pub fn regions(&self) -> usize {
        self.regions.len()
    }

    /// The region of an endpoint.
    pub fn region_of(&self, endpoint: EndpointId) -> usize {
        self.plan.region_of(self.plan.router_of[endpoint.index()])
    }

    /// Lets time pass up to a cycle in which nothing happens before.
    fn pass(&mut self, until: u64) {
        self.now = self.now.max(until);
    }

    /// Whether no packet is inside or waits at a source.
    pub fn is_drained(&self) -> bool {
        self.regions.iter().all(Region::is_drained)
    }

    /// Whether not even a credit is under way.
    pub fn is_silent(&self) -> bool {
        self.regions.iter().all(Region::is_silent)
    }
}

/// Channels of the way that a selection takes among those of `answer` with a free channel.
fn select(
    plan: &Plan,
    selection: &dyn Selection,
    answer: &Answer,
    free: Lanes,
    (here, destination): (RouterId, EndpointId),
    load: &dyn Load,
    seed: u64,
) -> Lanes {
    // Escape channels are always asked for, and chosen alone only where nothing else is free.
    let escape = free & answer.allowed & !answer.preferred;
    let open_to_choice = if free & answer.preferred != 0 { free & answer.preferred } else { free };
    let mut lanes = Vec::with_capacity(answer.ways().len());
    let mut alternatives = Vec::with_capacity(answer.ways().len());
    for &(way, next) in answer.ways() {
        let open = way & open_to_choice;
        if open == 0 {
            continue;
        }
        let port = plan.port(open.trailing_zeros() as u8);
        let port_at = match plan.link(here.0, port) {
            Some(link) => OutputPort::Link(link),
            None => OutputPort::Eject,
        };
        let channels = ChannelSet((open >> (port * plan.spec.channels)) as u32);
        alternatives.push(Alternative { port: port_at, channels, next: RouteState(next) });
        lanes.push(open);
    }
    if lanes.len() < 2 {
        return free;
    }
    let query = SelectionQuery {
        topology: &plan.topology,
        here,
        destination,
        routing: &*plan.routing,
        alternatives: &alternatives,
        load,
    };
    let mut draws = 0;
    let choice = selection.choose(&query, &mut || {
        draws += 1;
        crate::random::word(seed, 0, draws)
    });
    lanes[choice] | escape
}
