//! Dimension-order routing: first all steps of one axis, then all of the other (Dally & Towles 2004, §8.4.2).
//!
//! Deadlock-free on a mesh with one virtual channel: links of the second axis never wait for links of the
//! first, and along one axis and direction positions only grow or only fall, so the dependency graph has no
//! cycle. With several destinations each router forks where their dimension-order paths part, which yields the
//! XY multicast tree; its links are a union of unicast paths, so the same order of channels holds.

use super::{Alternative, Branch, Candidates, ChannelSet, OutputPort, RouteState, Routing};
use crate::topology::{Direction, EndpointId, LinkId, RouterId, Topology};

/// XY or YX routing.
#[derive(Clone, Copy, Debug)]
pub struct DimensionOrder {
    x_first: bool,
}

impl DimensionOrder {
    /// X first, then y.
    pub fn xy() -> Self {
        Self { x_first: true }
    }

    /// Y first, then x.
    pub fn yx() -> Self {
        Self { x_first: false }
    }

    /// Direction of the next step; `None` at the destination's router.
    fn step(self, topology: &Topology, here: RouterId, to: EndpointId) -> Option<Direction> {
        let (a, b) = (topology.coord(here), topology.endpoint_coord(to));
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
        1
    }

    fn at_source(&self, _: &Topology, _: EndpointId, _: &[EndpointId], _: u64) -> RouteState {
        RouteState::default()
    }

    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        _from: Option<LinkId>,
        destinations: &[EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    ) {
        candidates.branches.clear();
        // Index 4 collects what has arrived; the order of branches is fixed: east, west, north, south, eject.
        let mut parts: [Vec<EndpointId>; 5] = Default::default();
        for &to in destinations {
            parts[self.step(topology, here, to).map_or(4, |d| d as usize)].push(to);
        }
        for (slot, destinations) in parts.into_iter().enumerate() {
            if destinations.is_empty() {
                continue;
            }
            let port = match Direction::ALL.get(slot) {
                // A step towards a router inside the mesh always has a link.
                Some(&direction) => match topology.link_from(here, direction) {
                    Some(link) => OutputPort::Link(link),
                    None => continue,
                },
                None => OutputPort::Eject,
            };
            candidates.branches.push(Branch {
                destinations,
                alternatives: vec![Alternative { port, channels: ChannelSet(1), next: state }],
            });
        }
    }
}
