//! North-last routing (Glass & Ni 1992): a packet turns north only for its last hops.
//!
//! Forbidding the two turns out of north takes one turn out of each cycle, so one virtual channel is enough. Packets to
//! the north finish their row first; all others choose freely among their minimal ways.

use super::steps::{Hop, MeshFacts, Unicast};
use super::{RouteState, RoutingError};
use crate::topology::{Direction, Topology};

/// North-last routing, minimal.
#[derive(Clone, Copy, Debug)]
pub struct NorthLast(MeshFacts);

impl NorthLast {
    /// For a mesh with so many virtual channels, any of which a packet may take.
    ///
    /// # Errors
    /// A torus.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        MeshFacts::new("north-last", topology, channels).map(Self)
    }
}

impl Unicast for NorthLast {
    fn name(&self) -> &'static str {
        "north-last"
    }

    fn virtual_channels(&self) -> u8 {
        self.0.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let ways = match hop.productive() {
            (Some(row), Some(Direction::North)) => [Some(row), None],
            (row, column) => [column, row],
        };
        ways.into_iter().flatten().for_each(|way| hop.offer(way, self.0.all(), RouteState::default()));
    }

    fn answers_by_side(&self) -> Option<u8> {
        self.0.by_side(1)
    }
}
