//! Negative-first routing (Glass & Ni 1992): all hops west and south come before all hops east and north.
//!
//! Forbidding the turns from a positive direction (east, north) into a negative one takes one turn out of each cycle, so
//! one virtual channel is enough.

use super::steps::{Hop, MeshFacts, Unicast};
use super::{RouteState, RoutingError};
use crate::topology::{Direction, Topology};

/// Negative-first routing, minimal.
#[derive(Clone, Copy, Debug)]
pub struct NegativeFirst(MeshFacts);

impl NegativeFirst {
    /// For a mesh with so many virtual channels, any of which a packet may take.
    ///
    /// # Errors
    /// A torus.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        MeshFacts::new("negative-first", topology, channels).map(Self)
    }
}

impl Unicast for NegativeFirst {
    fn name(&self) -> &'static str {
        "negative-first"
    }

    fn virtual_channels(&self) -> u8 {
        self.0.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let (row, column) = hop.productive();
        let negative =
            [row, column].map(|way| way.filter(|way| matches!(way, Direction::West | Direction::South)));
        let ways = if negative == [None, None] { [row, column] } else { negative };
        ways.into_iter().flatten().for_each(|way| hop.offer(way, self.0.all(), RouteState::default()));
    }

    fn answers_by_side(&self) -> Option<u8> {
        self.0.by_side(1)
    }
}
