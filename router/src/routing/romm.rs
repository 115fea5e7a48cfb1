//! ROMM, randomised, oblivious, multi-phase, minimal routing (Nesson & Johnsson 1995), with two phases.
//!
//! The intermediate router is drawn evenly from the rectangle that source and destination span, so the path stays
//! minimal. How the two phases stay free of deadlock is told in `two_phase.rs`.

use super::steps::{Hop, MeshFacts, Unicast};
use super::two_phase::{TwoPhase, draw_below};
use super::{RouteState, RoutingError};
use crate::topology::{Coord, EndpointId, Topology};

/// ROMM with two phases.
#[derive(Clone, Copy, Debug)]
pub struct Romm(TwoPhase);

impl Romm {
    /// For a mesh with at least two virtual channels.
    ///
    /// # Errors
    /// A torus.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        MeshFacts::new("romm", topology, channels)?;
        Ok(Self(TwoPhase::new(topology, channels)))
    }

    /// South-west corner, width and height of the rectangle.
    fn rectangle(topology: &Topology, source: EndpointId, to: EndpointId) -> (Coord, u32, u32) {
        let (a, b) = (topology.endpoint_coord(source), topology.endpoint_coord(to));
        let corner = Coord { x: a.x.min(b.x), y: a.y.min(b.y) };
        (corner, u32::from(a.x.abs_diff(b.x)) + 1, u32::from(a.y.abs_diff(b.y)) + 1)
    }

    fn via(topology: &Topology, corner: Coord, x: u32, y: u32) -> RouteState {
        let at = Coord { x: corner.x + x as u16, y: corner.y + y as u16 };
        TwoPhase::start(topology.router_at(at).expect("invariant: a mesh has a router at every place"))
    }
}

impl Unicast for Romm {
    fn name(&self) -> &'static str {
        "romm"
    }

    fn virtual_channels(&self) -> u8 {
        self.0.channels
    }

    fn start(&self, topology: &Topology, source: EndpointId, to: EndpointId, draw: u64) -> RouteState {
        let (corner, width, height) = Self::rectangle(topology, source, to);
        Self::via(topology, corner, draw_below(draw as u32, width), draw_below((draw >> 32) as u32, height))
    }

    fn starts(&self, topology: &Topology, source: EndpointId, to: EndpointId) -> Vec<RouteState> {
        let (corner, width, height) = Self::rectangle(topology, source, to);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        places.map(|(x, y)| Self::via(topology, corner, x, y)).collect()
    }

    fn passes_by(&self, hop: &Hop<'_>) -> bool {
        TwoPhase::first_phase(hop.here, hop.state)
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        self.0.ways(hop);
    }
}
