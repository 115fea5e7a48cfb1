//! O1TURN routing (Seo et al. 2005, *Near-optimal worst-case throughput routing for two-dimensional mesh networks*).
//!
//! Each packet goes XY or YX, by a coin at its source, or for the adaptive form by the load there. XY packets take the
//! low half of the virtual channels and YX packets the high half; each half is free of cycles as dimension order is.

use super::steps::{Hop, MeshFacts, Unicast, halves};
use super::{RouteState, RoutingError};
use crate::topology::{EndpointId, Topology};

/// A packet going x first.
const XY: RouteState = RouteState(0);
/// A packet going y first.
const YX: RouteState = RouteState(1);
/// A packet at its source that has yet to choose.
const OPEN: RouteState = RouteState(2);

/// O1TURN, by coin or adaptive.
#[derive(Clone, Copy, Debug)]
pub struct O1Turn {
    facts: MeshFacts,
    adaptive: bool,
}

impl O1Turn {
    /// The packet's own random word chooses.
    ///
    /// # Errors
    /// A torus.
    pub fn by_coin(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        Ok(Self { facts: MeshFacts::new("o1turn", topology, channels)?, adaptive: false })
    }

    /// The selection chooses, at the source's router.
    ///
    /// # Errors
    /// A torus.
    pub fn adaptive(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        Ok(Self { facts: MeshFacts::new("adaptive-o1turn", topology, channels)?, adaptive: true })
    }
}

impl Unicast for O1Turn {
    fn name(&self) -> &'static str {
        if self.adaptive { "adaptive-o1turn" } else { "o1turn" }
    }

    fn virtual_channels(&self) -> u8 {
        self.facts.channels
    }

    fn start(&self, _: &Topology, _: EndpointId, _: EndpointId, draw: u64) -> RouteState {
        match (self.adaptive, draw & 1) {
            (true, _) => OPEN,
            (false, 0) => XY,
            (false, _) => YX,
        }
    }

    fn starts(&self, _: &Topology, _: EndpointId, _: EndpointId) -> Vec<RouteState> {
        if self.adaptive { vec![OPEN] } else { vec![XY, YX] }
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let (row, column) = hop.productive();
        let [low, high] = halves(self.facts.channels);
        if hop.state != YX
            && let Some(way) = row.or(column)
        {
            hop.offer(way, low, XY);
        }
        if hop.state != XY
            && let Some(way) = column.or(row)
        {
            hop.offer(way, high, YX);
        }
    }

    fn answers_by_side(&self) -> Option<u8> {
        self.facts.by_side(if self.adaptive { 3 } else { 2 })
    }
}
