//! Dimension-order routing: first all steps of one axis, then all of the other (Dally & Towles 2004, §8.4.2).
//!
//! Deadlock-free on a mesh with one virtual channel: links of the second axis never wait for links of the
//! first, and along one axis and direction positions only grow or only fall, so the dependency graph has no
//! cycle. With several destinations each router forks where their dimension-order paths part, which yields the
//! XY multicast tree; its links are a union of unicast paths, so the same order of channels holds.
//!
//! On a torus each ring is cut at a *dateline*, its wrap link (Dally & Seitz 1987): a packet takes the low half of the
//! channels before it and the high half on it and after it. No packet goes once round, so neither half closes the ring.

use super::steps::{crossed, group, halves, productive};
use super::{Alternative, Candidates, ChannelSet, OutputPort, RouteState, Routing};
use crate::topology::{Coord, Direction, EndpointId, LinkId, RouterId, Topology};

/// XY or YX routing.
#[derive(Clone, Copy, Debug)]
pub struct DimensionOrder {
    x_first: bool,
    channels: u8,
    rings: bool,
}

impl DimensionOrder {
    /// X first, then y, with one virtual channel, for a mesh.
    pub fn xy() -> Self {
        Self { x_first: true, channels: 1, rings: false }
    }

    /// Y first, then x, with one virtual channel, for a mesh.
    pub fn yx() -> Self {
        Self { x_first: false, ..Self::xy() }
    }

    /// The same with so many virtual channels, any of which a packet may take.
    pub fn with_channels(self, channels: u8) -> Self {
        Self { channels, ..self }
    }

    /// The same for a network that may be a torus, where it needs two virtual channels.
    pub fn on(self, topology: &Topology) -> Self {
        Self { rings: topology.is_torus(), ..self }
    }

    /// Direction of the next step from `a` to `b`; `None` where they are the same.
    #[inline]
    fn step(self, topology: &Topology, a: Coord, b: Coord) -> Option<Direction> {
        let (x, y) = productive(topology, a, b);
        if self.x_first { x.or(y) } else { y.or(x) }
    }
}

impl Routing for DimensionOrder {
    fn name(&self) -> &'static str {
        if self.x_first { "xy" } else { "yx" }
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn answers_by_side(&self) -> Option<u8> {
        (!self.rings).then_some(1)
    }

    fn at_source(&self, _: &Topology, _: EndpointId, _: &[EndpointId], _: u64) -> RouteState {
        RouteState::default()
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
        let at = topology.coord(here);
        // Slot 4 collects what has arrived; the order of branches is fixed: east, west, north, south, eject.
        let slot =
            |to: EndpointId| self.step(topology, at, topology.endpoint_coord(to)).map_or(4, |d| d as usize);
        let counts: [usize; 5] = group(destinations, &mut candidates.scratch, slot);
        for (slot, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let mut channels = ChannelSet::first(self.channels);
            let mut next = state;
            let port = match Direction::ALL.get(slot) {
                // A step towards a router inside the mesh always has a link.
                Some(&direction) => match topology.link_from(here, direction) {
                    Some(link) => {
                        if self.rings {
                            let crossed = crossed(topology, from, state.0 == 1, link);
                            next = RouteState(crossed.into());
                            channels = halves(self.channels)[usize::from(crossed)];
                        }
                        OutputPort::Link(link)
                    }
                    None => continue,
                },
                None => OutputPort::Eject,
            };
            candidates.push(count, &[Alternative { port, channels, next }]);
        }
    }
}
