//! West-first routing (Glass & Ni 1992, *The turn model for adaptive routing*): all hops west come first.
//!
//! Forbidding the two turns into west takes one turn out of each of the two cycles four turns can close, so one virtual
//! channel is enough. Packets to the west go dimension by dimension; all others choose freely among their minimal ways.

use super::steps::{Hop, MeshFacts, Unicast};
use super::{RouteState, RoutingError};
use crate::topology::{Direction, Topology};

/// West-first routing, minimal.
#[derive(Clone, Copy, Debug)]
pub struct WestFirst(MeshFacts);

impl WestFirst {
    /// For a mesh with so many virtual channels, any of which a packet may take.
    ///
    /// # Errors
    /// A torus.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        MeshFacts::new("west-first", topology, channels).map(Self)
    }
}

impl Unicast for WestFirst {
    fn name(&self) -> &'static str {
        "west-first"
    }

    fn virtual_channels(&self) -> u8 {
        self.0.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let ways = match hop.productive() {
            (Some(Direction::West), _) => [Some(Direction::West), None],
            (east, column) => [column, east],
        };
        ways.into_iter().flatten().for_each(|way| hop.offer(way, self.0.all(), RouteState::default()));
    }

    fn answers_by_side(&self) -> Option<u8> {
        self.0.by_side(1)
    }
}
