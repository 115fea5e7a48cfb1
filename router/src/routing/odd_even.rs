//! Odd-even routing (Chiu 2000, *The odd-even turn model for adaptive routing*), and DyAD's use of it.
//!
//! In even columns no packet turns from east to north or south; in odd columns none turns from north or south to west.
//! So no column can be the easternmost of a cycle, and one virtual channel is enough. Adaptivity is spread
//! more evenly than by the turn models that forbid a turn everywhere.
//!
//! Chiu's procedure asks whether a packet is in its source's column. Here it asks whether the packet came from the west:
//! an eastbound packet is on a vertical link of an even column in its source's column alone, so the two are one.
//!
//! DyAD (Hu & Marculescu 2004) routes as odd-even and differs in the selection: the first way while the neighbours are
//! calm, an adaptive choice once one of them is loaded.

use super::steps::{Hop, MeshFacts, Unicast};
use super::{RouteState, RoutingError};
use crate::topology::{Direction, Topology};

/// Odd-even routing, minimal.
#[derive(Clone, Copy, Debug)]
pub struct OddEven {
    facts: MeshFacts,
    name: &'static str,
}

impl OddEven {
    /// For a mesh with so many virtual channels, any of which a packet may take.
    ///
    /// # Errors
    /// A torus.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        let name = "odd-even";
        Ok(Self { facts: MeshFacts::new(name, topology, channels)?, name })
    }

    /// The same under the name `dyad`, for use with the selection of that name.
    ///
    /// # Errors
    /// A torus.
    pub fn dyad(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        Ok(Self { name: "dyad", ..Self::new(topology, channels)? })
    }
}

impl Unicast for OddEven {
    fn name(&self) -> &'static str {
        self.name
    }

    fn virtual_channels(&self) -> u8 {
        self.facts.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let (at, to) = (hop.at(), hop.to());
        let odd_column = at.x % 2 == 1;
        let ways = match hop.productive() {
            (Some(Direction::East), Some(column)) => {
                let may_turn = odd_column || hop.heading() != Some(Direction::East);
                // In an even destination column it could not turn off the row any more.
                let may_go_on = to.x % 2 == 1 || to.x - at.x > 1;
                [may_turn.then_some(column), may_go_on.then_some(Direction::East)]
            }
            (Some(Direction::West), Some(column)) => {
                // In an odd column it could not turn back to the west.
                [Some(Direction::West), (!odd_column).then_some(column)]
            }
            (row, column) => [row, column],
        };
        ways.into_iter().flatten().for_each(|way| hop.offer(way, self.facts.all(), RouteState::default()));
    }
}
