//! Dual-path multicast along a Hamiltonian path (Lin & Ni 1991, *Deadlock-free multicast wormhole routing in
//! multicomputer networks*; Lin, McKinley & Ni 1994).
//!
//! Routers are labelled along a snake through all rows. A packet is parted at its source: one copy visits the
//! destinations of higher label in ascending order, the other those of lower label in descending order. At each router a copy
//! takes the neighbour whose label is nearest to the next destination's without passing it.
//!
//! ```text
//!   8 <- 7 <- 6     links from lower to higher label are one network, the others another;
//!   3 -> 4 -> 5     labels only grow in the one and only fall in the other, so neither
//!   2 <- 1 <- 0     has a cycle on one virtual channel, and no copy forks between links.
//! ```

use super::steps::group;
use super::{Alternative, Candidates, ChannelSet, OutputPort, RouteState, Routing};
use crate::routing::up_down::exits;
use crate::topology::{EndpointId, LinkId, RouterId, Topology};

/// Dual-path multicast.
#[derive(Clone, Copy, Debug)]
pub struct DualPath {
    channels: u8,
}

impl DualPath {
    /// For any network with so many virtual channels, any of which a packet may take.
    pub fn new(channels: u8) -> Self {
        Self { channels }
    }
}

/// Place of a router on the snake: even rows from west to east, odd rows back.
fn label(topology: &Topology, router: RouterId) -> u32 {
    let (at, width) = (topology.coord(router), u32::from(topology.width()));
    let along = if at.y % 2 == 0 { at.x.into() } else { width - 1 - u32::from(at.x) };
    u32::from(at.y) * width + along
}

impl Routing for DualPath {
    fn name(&self) -> &'static str {
        "dual-path"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
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
        let at = label(topology, here);
        let place = |to: EndpointId| label(topology, topology.endpoints()[to.index()].router);
        let slot = |to| match place(to).cmp(&at) {
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => 2,
        };
        let [high, low, own] = group(destinations, &mut candidates.scratch, slot);
        destinations[..high].sort_unstable_by_key(|&to| (place(to), to));
        destinations[high..high + low].sort_unstable_by_key(|&to| (std::cmp::Reverse(place(to)), to));
        let channels = ChannelSet::first(self.channels);
        let mut walk = |count: usize, within: std::ops::RangeInclusive<u32>| {
            let reached = exits(topology, here)
                .map(|(_, link)| (label(topology, topology.links()[link.index()].to), link))
                .filter(|(label, _)| within.contains(label));
            match reached.max_by_key(|(label, _)| label.abs_diff(at)) {
                Some((_, link)) => {
                    let port = OutputPort::Link(link);
                    candidates.push(count, &[Alternative { port, channels, next: state }]);
                }
                None => candidates.push(count, &[]),
            }
        };
        if high > 0 {
            walk(high, at + 1..=place(destinations[0]));
        }
        if low > 0 {
            walk(low, place(destinations[high])..=at - 1);
        }
        if own > 0 {
            candidates.push(own, &[Alternative { port: OutputPort::Eject, channels, next: state }]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::mesh;

    #[test]
    fn the_snake_goes_from_neighbour_to_neighbour() {
        let topology = mesh(4, 3, 1);
        let mut routers: Vec<_> = (0..12).map(RouterId).collect();
        routers.sort_by_key(|&router| label(&topology, router));
        for pair in routers.windows(2) {
            assert!(exits(&topology, pair[0]).any(|(_, link)| topology.links()[link.index()].to == pair[1]));
        }
    }

    #[test]
    fn a_copy_visits_its_destinations_in_order_of_label() {
        // Labels of a 3 x 3 mesh: 0 1 2 / 5 4 3 / 6 7 8. From the middle, label 4.
        let topology = mesh(3, 3, 1);
        let mut destinations = [0, 2, 8, 3, 4].map(EndpointId);
        let mut candidates = Candidates::default();
        let routing = DualPath::new(1);
        routing.legal(&topology, RouterId(4), None, &mut destinations, RouteState(0), &mut candidates);
        assert_eq!(destinations, [3, 8, 2, 0, 4].map(EndpointId));
        assert_eq!(candidates.branches().map(|(count, _)| count).collect::<Vec<_>>(), [2, 2, 1]);
    }
}
