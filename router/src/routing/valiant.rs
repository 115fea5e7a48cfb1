//! Valiant's randomised routing (Valiant & Brebner 1981): by way of a router drawn evenly from all that live.
//!
//! Makes any traffic look uniform, at the price of half the capacity and of all locality. How the two phases
//! stay free of deadlock, also on a torus, is told in `two_phase.rs`.

use super::steps::{Hop, Unicast};
use super::two_phase::{TwoPhase, draw_below};
use super::{RouteState, RoutingError};
use crate::topology::{EndpointId, RouterId, Topology};

/// Valiant's routing.
#[derive(Clone, Debug)]
pub struct Valiant {
    two_phase: TwoPhase,
    live: Vec<RouterId>,
}

impl Valiant {
    /// For a mesh or torus with two or four virtual channels at least.
    ///
    /// # Errors
    /// No router lives.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        let live: Vec<_> = (0..topology.router_count() as u32)
            .map(RouterId)
            .filter(|&router| !topology.is_router_dead(router))
            .collect();
        if live.is_empty() {
            return Err(RoutingError::Topology { name: "valiant", why: "every router is dead".to_owned() });
        }
        Ok(Self { two_phase: TwoPhase::new(topology, channels), live })
    }

    /// Virtual channels needed on a network.
    pub(super) fn needed(topology: &Topology) -> u8 {
        TwoPhase::needed(topology)
    }
}

impl Unicast for Valiant {
    fn name(&self) -> &'static str {
        "valiant"
    }

    fn virtual_channels(&self) -> u8 {
        self.two_phase.channels
    }

    fn start(&self, _: &Topology, _: EndpointId, _: EndpointId, draw: u64) -> RouteState {
        TwoPhase::start(self.live[draw_below((draw >> 32) as u32, self.live.len() as u32) as usize])
    }

    fn starts(&self, _: &Topology, _: EndpointId, _: EndpointId) -> Vec<RouteState> {
        self.live.iter().map(|&via| TwoPhase::start(via)).collect()
    }

    fn passes_by(&self, hop: &Hop<'_>) -> bool {
        TwoPhase::first_phase(hop.here, hop.state)
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        self.two_phase.ways(hop);
    }
}
