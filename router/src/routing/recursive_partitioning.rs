//! Recursive partitioning multicast, RPM (Wang, Jin, Kim & Kim 2009, *Recursive partitioning multicast: a
//! bandwidth-efficient routing for networks-on-chip*).
//!
//! Every router sorts the destinations left into eight parts around itself. The four straight parts say which outputs
//! are needed anyway; a corner part joins one of its two outputs that is needed, so that the tree shares links where it can.
//!
//! ```text
//!   NW | N | NE      N is used if something lies straight north, or if NE and NW can share it;
//!   ---+---+---      then both corners go north. Otherwise they go along the row.
//!    W | o | E
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

/// Which parts around a router hold destinations of one network.
#[derive(Clone, Copy, Default)]
struct Parts {
    straight: bool,
    corners: [bool; 2],
    row: [bool; 2],
}

impl Parts {
    fn add(&mut self, east: i32, north: i32) {
        let side = usize::from(east < 0);
        match (east, north) {
            (0, _) => self.straight |= north != 0,
            (_, 0) => self.row[side] = true,
            _ => self.corners[side] = true,
        }
    }

    /// Whether corners leave along the column.
    fn along_column(self) -> bool {
        self.straight || self.corners == [true; 2] && self.row != [true; 2]
    }
}

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
        let mut parts = [Parts::default(); 2];
        for &to in &*destinations {
            let (east, north) = offset(to);
            parts[usize::from(southern(north))].add(east, north);
        }
        let along_column = parts.map(Parts::along_column);
        // Slots: east, west and column of the northern network, the same of the southern one, eject.
        let slot = |to: EndpointId| {
            let (east, north) = offset(to);
            let network = usize::from(southern(north));
            match (east, north) {
                (0, 0) => 6,
                (0, _) => 3 * network + 2,
                (_, north) if north != 0 && along_column[network] => 3 * network + 2,
                _ => 3 * network + usize::from(east < 0),
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
