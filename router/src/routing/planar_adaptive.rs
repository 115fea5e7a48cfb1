//! Planar-adaptive routing (Chien & Kim 1992, *Planar-adaptive routing: low-cost adaptive networks for
//! multiprocessors*), for the one plane a two-dimensional mesh has.
//!
//! Vertical links have two classes of virtual channels. Packets that must go east use the low half of them, packets
//! that must go west the high half; horizontal links tell the two apart by direction. Each half of the packets then chooses
//! freely among its minimal ways: no cycle can close where nobody ever goes back west, or back east. A
//! packet keeps its half when its row is done, and a packet straight north or south counts as going east.

use super::steps::{Hop, MeshFacts, Unicast, halves};
use super::{RouteState, RoutingError};
use crate::topology::{EndpointId, Topology};

/// Planar-adaptive routing.
#[derive(Clone, Copy, Debug)]
pub struct PlanarAdaptive(MeshFacts);

impl PlanarAdaptive {
    /// For a mesh with at least two virtual channels.
    ///
    /// # Errors
    /// A torus.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        MeshFacts::new("planar-adaptive", topology, channels).map(Self)
    }
}

impl Unicast for PlanarAdaptive {
    fn name(&self) -> &'static str {
        "planar-adaptive"
    }

    fn virtual_channels(&self) -> u8 {
        self.0.channels
    }

    fn start(&self, topology: &Topology, source: EndpointId, to: EndpointId, _: u64) -> RouteState {
        let (from, to) = (topology.endpoint_coord(source), topology.endpoint_coord(to));
        RouteState(u32::from(to.x < from.x))
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let (row, column) = hop.productive();
        if let Some(way) = row {
            hop.offer(way, self.0.all(), hop.state);
        }
        if let Some(way) = column {
            hop.offer(way, halves(self.0.channels)[hop.state.0 as usize & 1], hop.state);
        }
    }

    fn answers_by_side(&self) -> Option<u8> {
        self.0.by_side(2)
    }
}
