//! What strategies share: one packet's next hop as a strategy sees it, virtual-channel classes, and sorting the
//! destinations of a multicast packet by branch.

use super::{Alternative, Candidates, ChannelSet, OutputPort, RouteState, Routing, RoutingError};
use crate::topology::{Coord, Direction, EndpointId, LinkId, RouterId, Topology};

/// A packet with one destination at a router, and the answer in the making.
pub struct Hop<'a> {
    /// The network.
    pub topology: &'a Topology,
    /// Where the packet is.
    pub here: RouterId,
    /// The link it came over; `None` at its source.
    pub from: Option<LinkId>,
    /// Where it goes.
    pub destination: EndpointId,
    /// The state it carries.
    pub state: RouteState,
    candidates: &'a mut Candidates,
}

impl Hop<'_> {
    /// Where the packet is.
    pub fn at(&self) -> Coord {
        self.topology.coord(self.here)
    }

    /// Where it goes.
    pub fn to(&self) -> Coord {
        self.topology.endpoint_coord(self.destination)
    }

    /// Whether this is the destination's router.
    pub fn arrived(&self) -> bool {
        self.topology.endpoints()[self.destination.index()].router == self.here
    }

    /// The directions that bring it nearer, along the row and along the column.
    pub fn productive(&self) -> (Option<Direction>, Option<Direction>) {
        productive(self.topology, self.at(), self.to())
    }

    /// The direction of its last hop.
    pub fn heading(&self) -> Option<Direction> {
        self.from.map(|link| self.topology.links()[link.index()].direction)
    }

    /// Offers a way on, after those offered before; edges of the mesh and dead links are left out.
    pub fn offer(&mut self, direction: Direction, channels: ChannelSet, next: RouteState) {
        if let Some(link) = self.topology.link_from(self.here, direction)
            && !self.topology.is_dead(link)
        {
            self.candidates.extend(Alternative { port: OutputPort::Link(link), channels, next });
        }
    }
}

/// A routing function of packets with one destination. Several destinations get a packet each, which part at the source;
/// a packet that must not leave a router by any way gets no alternative there.
///
/// Everything that implements this is a [`Routing`].
pub trait Unicast: Send + Sync {
    /// Name in the registry.
    fn name(&self) -> &'static str;

    /// Virtual channels of every link it was made for.
    fn virtual_channels(&self) -> u8;

    /// Offers the legal ways on. At the destination's router it is not asked: the packet leaves.
    fn ways(&self, hop: &mut Hop<'_>);

    /// State at injection, see [`Routing::at_source`].
    fn start(&self, _topology: &Topology, _source: EndpointId, _to: EndpointId, _draw: u64) -> RouteState {
        RouteState::default()
    }

    /// Every state that [`Unicast::start`] can give, see [`Routing::starts`].
    fn starts(&self, topology: &Topology, source: EndpointId, to: EndpointId) -> Vec<RouteState> {
        vec![self.start(topology, source, to, 0)]
    }

    /// Whether the packet only passes by its destination's router and [`Unicast::ways`] must be asked there too.
    fn passes_by(&self, _hop: &Hop<'_>) -> bool {
        false
    }

    /// See [`Routing::answers_by_side`].
    fn answers_by_side(&self) -> Option<u8> {
        None
    }

    /// See [`Routing::escape`].
    fn escape(&self) -> Option<ChannelSet> {
        None
    }
}

impl<T: Unicast> Routing for T {
    fn name(&self) -> &'static str {
        Unicast::name(self)
    }

    fn virtual_channels(&self) -> u8 {
        Unicast::virtual_channels(self)
    }

    fn at_source(
        &self,
        topology: &Topology,
        source: EndpointId,
        destinations: &[EndpointId],
        draw: u64,
    ) -> RouteState {
        destinations.first().map_or(RouteState::default(), |&to| self.start(topology, source, to, draw))
    }

    fn starts(&self, topology: &Topology, source: EndpointId, destination: EndpointId) -> Vec<RouteState> {
        Unicast::starts(self, topology, source, destination)
    }

    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        from: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    ) {
        candidates.clear();
        for &destination in &*destinations {
            candidates.push(1, &[]);
            let mut hop = Hop { topology, here, from, destination, state, candidates: &mut *candidates };
            if hop.arrived() && !self.passes_by(&hop) {
                let channels = ChannelSet::first(Unicast::virtual_channels(self));
                candidates.extend(Alternative { port: OutputPort::Eject, channels, next: state });
            } else {
                self.ways(&mut hop);
            }
        }
    }

    fn answers_by_side(&self) -> Option<u8> {
        Unicast::answers_by_side(self)
    }

    fn escape(&self) -> Option<ChannelSet> {
        Unicast::escape(self)
    }
}

/// The directions that lead from `at` nearer to `to`, along the row and along the column; on a torus the shorter way.
#[inline]
pub(super) fn productive(topology: &Topology, at: Coord, to: Coord) -> (Option<Direction>, Option<Direction>) {
    let (east, north) = topology.offset(at, to);
    let side = |hops: i32, more, less| match hops {
        0 => None,
        1.. => Some(more),
        ..0 => Some(less),
    };
    (side(east, Direction::East, Direction::West), side(north, Direction::North, Direction::South))
}

/// Two classes of virtual channels that share none: the low half, with the middle one if their number is odd, and the
/// high half.
pub(super) fn halves(channels: u8) -> [ChannelSet; 2] {
    let middle = channels.div_ceil(2);
    [ChannelSet::range(0, middle), ChannelSet::range(middle, channels)]
}

/// Classes a dimension-order path needs: two on a torus, before and from the wrap link of a ring on.
pub(super) fn dateline_classes(topology: &Topology) -> u8 {
    1 + u8::from(topology.is_torus())
}

/// Whether a packet has crossed the dateline of its ring once it took `link`: over the wrap link itself or before it on
/// the same axis.
pub(super) fn crossed(topology: &Topology, from: Option<LinkId>, before: bool, link: LinkId) -> bool {
    let horizontal = |link: LinkId| topology.links()[link.index()].direction.is_horizontal();
    topology.wraps(link) || before && from.is_some_and(|from| horizontal(from) == horizontal(link))
}

/// What strategies for a mesh keep of the network they were made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeshFacts {
    /// Virtual channels a link.
    pub(super) channels: u8,
    /// Whether no link was dead. Only then can answers be tabled by side alone.
    pub(super) faultless: bool,
}

impl MeshFacts {
    /// Refuses rings, whose cycles no turn rule breaks.
    pub(super) fn new(name: &'static str, topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        if topology.is_torus() {
            let why =
                "its rules do not break the rings of a torus; `xy`, `yx`, `valiant`, `minimal-adaptive`, \
                       `table` and `up-down` do"
                    .to_owned();
            return Err(RoutingError::Topology { name, why });
        }
        Ok(Self { channels, faultless: !topology.has_dead_links() })
    }

    /// All channels.
    pub(super) fn all(self) -> ChannelSet {
        ChannelSet::first(self.channels)
    }

    /// `states` for answers by side, if they hold.
    pub(super) fn by_side(self, states: u8) -> Option<u8> {
        self.faultless.then_some(states)
    }
}

/// Adds a branch that leaves by `way`; without alternatives if that is the edge of the mesh or a dead link.
pub(super) fn branch(
    topology: &Topology,
    here: RouterId,
    count: usize,
    (way, channels, next): (Direction, ChannelSet, RouteState),
    candidates: &mut Candidates,
) {
    match topology.link_from(here, way).filter(|&link| !topology.is_dead(link)) {
        Some(link) => candidates.push(count, &[Alternative { port: OutputPort::Link(link), channels, next }]),
        None => candidates.push(count, &[]),
    }
}

/// Sorts `destinations` by slot, keeping their order within one, and counts them by slot.
pub(super) fn group<const SLOTS: usize>(
    destinations: &mut [EndpointId],
    scratch: &mut Vec<EndpointId>,
    slot: impl Fn(EndpointId) -> usize,
) -> [usize; SLOTS] {
    let mut counts = [0usize; SLOTS];
    destinations.iter().for_each(|&to| counts[slot(to)] += 1);
    if counts.iter().filter(|count| **count > 0).count() > 1 {
        let mut next = [0; SLOTS];
        (1..SLOTS).for_each(|i| next[i] = next[i - 1] + counts[i - 1]);
        scratch.clear();
        scratch.extend_from_slice(destinations);
        for &to in &*scratch {
            let place = &mut next[slot(to)];
            destinations[*place] = to;
            *place += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_never_share_a_channel() {
        for channels in 1..=ChannelSet::MOST {
            let [low, high] = halves(channels);
            assert_eq!(low.0 & high.0, 0);
            assert_eq!(low.0 | high.0, ChannelSet::first(channels).0);
            assert!(low.len() - high.len() <= 1);
        }
    }

    #[test]
    fn grouping_keeps_the_order_within_a_group() {
        let mut list: Vec<_> = [5, 2, 8, 1, 4].map(EndpointId).to_vec();
        let counts: [usize; 2] = group(&mut list, &mut Vec::new(), |e| e.0 as usize % 2);
        assert_eq!(counts, [3, 2]);
        assert_eq!(list, [2, 8, 4, 5, 1].map(EndpointId));
    }
}
