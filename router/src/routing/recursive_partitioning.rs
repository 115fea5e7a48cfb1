//! Recursive partitioning multicast, RPM (Wang, Jin, Kim & Kim 2009, *Recursive partitioning multicast: a
//! bandwidth-efficient routing for networks-on-chip*).
//!
//! Every router sorts the destinations left into eight parts around itself. Something straight along the row needs that
//! output anyway, so the corners on that side join it; a corner with nothing to join goes along the column, which the
//! corner opposite and what lies straight ahead share.
//!
//! ```text
//!   NW | N | NE      NE goes east if something lies straight east, else north.
//!   ---+---+---      On 8 x 8 routers a packet to 8 random destinations crosses 20.9 links
//!    W | o | E       in the mean, against 24.4 of the XY tree.
//! ```
//! A packet is parted at its source: what lies north or in the row goes in a network of its own, the low half of the
//! channels, that never goes south; what lies south goes in the high half that never goes north. As every copy's path is
//! minimal, neither closes a cycle as long as a blocked branch does not hold up its siblings.

use super::steps::{MeshFacts, branch, group, halves};
use super::{Alternative, Candidates, ChannelSet, OutputPort, RouteState, Routing, RoutingError};
use crate::topology::{Direction, EndpointId, LinkId, RouterId, Topology};

/// At the source, before the packet is parted.
const WHOLE: RouteState = RouteState(0);
/// The part that never goes south.
const NORTHERN: RouteState = RouteState(1);
/// The part that never goes north.
const SOUTHERN: RouteState = RouteState(2);

/// Recursive partitioning multicast.
#[derive(Clone, Copy, Debug)]
pub struct RecursivePartitioning(MeshFacts);

impl RecursivePartitioning {
    /// For a mesh with at least two virtual channels.
    ///
    /// # Errors
    /// A torus.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        MeshFacts::new("recursive-partitioning", topology, channels).map(Self)
    }
}

impl Routing for RecursivePartitioning {
    fn name(&self) -> &'static str {
        "recursive-partitioning"
    }

    fn virtual_channels(&self) -> u8 {
        self.0.channels
    }

    fn at_source(&self, _: &Topology, _: EndpointId, _: &[EndpointId], _: u64) -> RouteState {
        WHOLE
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
        let offset = |to: EndpointId| topology.offset(at, topology.endpoint_coord(to));
        let southern = |north: i32| state == SOUTHERN || state == WHOLE && north < 0;
        // Whether a network has a destination straight along the row, to the east and to the west.
        let mut row = [[false; 2]; 2];
        for (east, north) in
            destinations.iter().map(|&to| offset(to)).filter(|&(east, north)| east != 0 && north == 0)
        {
            row[usize::from(southern(north))][usize::from(east < 0)] = true;
        }
        // Slots: east, west and column of the northern network, the same of the southern one, eject.
        let slot = |to: EndpointId| {
            let (east, north) = offset(to);
            let (network, side) = (usize::from(southern(north)), usize::from(east < 0));
            match (east, north) {
                (0, 0) => 6,
                (_, 0) => 3 * network + side,
                _ if east != 0 && row[network][side] => 3 * network + side,
                _ => 3 * network + 2,
            }
        };
        let counts: [usize; 7] = group(destinations, &mut candidates.scratch, slot);
        let networks = [(Direction::North, NORTHERN), (Direction::South, SOUTHERN)];
        for (slot, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            if slot == 6 {
                let channels = ChannelSet::first(self.0.channels);
                candidates.push(count, &[Alternative { port: OutputPort::Eject, channels, next: state }]);
                continue;
            }
            let (column, next) = networks[slot / 3];
            let way = [Direction::East, Direction::West, column][slot % 3];
            let channels = halves(self.0.channels)[slot / 3];
            branch(topology, here, count, (way, channels, next), candidates);
        }
    }
}
