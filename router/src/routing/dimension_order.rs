//! Dimension-order routing: first all steps of one axis, then all of the other (Dally & Towles 2004, §8.4.2).
//!
//! Deadlock-free on a mesh with one virtual channel: links of the second axis never wait for links of the
//! first, and along one axis and direction positions only grow or only fall, so the dependency graph has no
//! cycle. With several destinations each router forks where their dimension-order paths part, which yields the
//! XY multicast tree; its links are a union of unicast paths, so the same order of channels holds.

use super::{Alternative, Candidates, ChannelSet, OutputPort, RouteState, Routing};
use crate::topology::{Coord, Direction, EndpointId, LinkId, RouterId, Topology};

/// XY or YX routing.
#[derive(Clone, Copy, Debug)]
pub struct DimensionOrder {
    x_first: bool,
    channels: u8,
}

impl DimensionOrder {
    /// X first, then y, with one virtual channel.
    pub fn xy() -> Self {
        Self { x_first: true, channels: 1 }
    }

    /// Y first, then x, with one virtual channel.
    pub fn yx() -> Self {
        Self { x_first: false, channels: 1 }
    }

    /// The same with so many virtual channels, any of which a packet may take.
    pub fn with_channels(self, channels: u8) -> Self {
        Self { channels, ..self }
    }

    /// Direction of the next step from `a` to `b`; `None` where they are the same.
    #[inline]
    fn step(self, a: Coord, b: Coord) -> Option<Direction> {
        let x = match b.x.cmp(&a.x) {
            std::cmp::Ordering::Greater => Some(Direction::East),
            std::cmp::Ordering::Less => Some(Direction::West),
            std::cmp::Ordering::Equal => None,
        };
        let y = match b.y.cmp(&a.y) {
            std::cmp::Ordering::Greater => Some(Direction::North),
            std::cmp::Ordering::Less => Some(Direction::South),
            std::cmp::Ordering::Equal => None,
        };
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
        Some(1)
    }

    fn at_source(&self, _: &Topology, _: EndpointId, _: &[EndpointId], _: u64) -> RouteState {
        RouteState::default()
    }

    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        _from: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    ) {
        candidates.clear();
        let at = topology.coord(here);
        // Slot 4 collects what has arrived; the order of branches is fixed: east, west, north, south, eject.
        let slot = |to: EndpointId| self.step(at, topology.endpoint_coord(to)).map_or(4, |d| d as usize);
        let mut counts = [0usize; 5];
        destinations.iter().for_each(|&to| counts[slot(to)] += 1);
        if counts.iter().filter(|count| **count > 0).count() > 1 {
            let mut next = [0; 5];
            (1..5).for_each(|i| next[i] = next[i - 1] + counts[i - 1]);
            candidates.scratch.clear();
            candidates.scratch.extend_from_slice(destinations);
            for &to in &candidates.scratch {
                let place = &mut next[slot(to)];
                destinations[*place] = to;
                *place += 1;
            }
        }
        for (slot, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let port = match Direction::ALL.get(slot) {
                // A step towards a router inside the mesh always has a link.
                Some(&direction) => match topology.link_from(here, direction) {
                    Some(link) => OutputPort::Link(link),
                    None => continue,
                },
                None => OutputPort::Eject,
            };
            candidates
                .push(count, &[Alternative { port, channels: ChannelSet::first(self.channels), next: state }]);
        }
    }
}
