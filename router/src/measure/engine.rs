//! The networks that move flits, for a mover that does not care which.

use super::measurement::Waits;
use crate::noc::flit::{FlitNetwork, Host, SpecError};
use crate::noc::{DeflectionNetwork, Livelock};
use crate::routing::Routing;
use crate::topology::{LinkId, RouterId, Topology};
use std::sync::Arc;

/// A network at the flit level, of the kind a strategy is made for.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one a measurement, so the difference in size is no loss"
)]
pub enum FlitEngine {
    /// Virtual-channel routers.
    Channels(FlitNetwork),
    /// Bufferless routers.
    Deflection(DeflectionNetwork),
}

impl From<FlitNetwork> for FlitEngine {
    fn from(network: FlitNetwork) -> Self {
        FlitEngine::Channels(network)
    }
}

impl From<DeflectionNetwork> for FlitEngine {
    fn from(network: DeflectionNetwork) -> Self {
        FlitEngine::Deflection(network)
    }
}

impl FlitEngine {
    /// Works on all cycles before `until`.
    ///
    /// # Errors
    /// A flit that goes round for ever.
    pub(super) fn run<H: Host>(&mut self, until: u64, host: &mut H) -> Result<(), Livelock> {
        match self {
            FlitEngine::Channels(network) => {
                network.run(until, host);
                Ok(())
            }
            FlitEngine::Deflection(network) => network.run(until, host),
        }
    }

    /// Goes on with other dead parts.
    ///
    /// # Errors
    /// The routers were not made for it.
    pub(super) fn rewire(
        &mut self,
        topology: Arc<Topology>,
        routing: Arc<dyn Routing>,
    ) -> Result<(), SpecError> {
        match self {
            FlitEngine::Channels(network) => network.rewire(topology, routing),
            FlitEngine::Deflection(_) => Err(SpecError::Together {
                what: "routers without buffers have what is dead from the start".into(),
            }),
        }
    }

    /// The next cycle to be worked on.
    pub fn now(&self) -> u64 {
        match self {
            FlitEngine::Channels(network) => network.now(),
            FlitEngine::Deflection(network) => network.now(),
        }
    }

    /// Whether nothing at all is under way.
    pub(super) fn is_silent(&self) -> bool {
        match self {
            FlitEngine::Channels(network) => network.is_silent(),
            FlitEngine::Deflection(network) => network.is_drained(),
        }
    }

    /// Whether packets wait for each other in a circle.
    pub(super) fn is_deadlocked(&self) -> bool {
        match self {
            FlitEngine::Channels(network) => network.deadlock().is_some(),
            FlitEngine::Deflection(_) => false,
        }
    }

    /// Flits that left over a link.
    pub fn link_flits(&self, link: LinkId) -> u64 {
        match self {
            FlitEngine::Channels(network) => network.link_flits(link),
            FlitEngine::Deflection(network) => network.link_flits(link),
        }
    }

    /// Packets that left over a link; flits that find their own ways are packets of their own.
    pub(super) fn link_packets(&self, link: LinkId) -> u64 {
        match self {
            FlitEngine::Channels(network) => network.link_packets(link),
            FlitEngine::Deflection(network) => network.link_flits(link),
        }
    }

    /// Most flits that a buffer behind a link held.
    pub(super) fn peak(&self, link: LinkId) -> u8 {
        match self {
            FlitEngine::Channels(network) => network.peak(link),
            FlitEngine::Deflection(_) => 0,
        }
    }

    /// Flits that crossed a router.
    pub fn router_flits(&self, router: RouterId) -> u64 {
        match self {
            FlitEngine::Channels(network) => network.router_flits(router),
            FlitEngine::Deflection(network) => network.router_flits(router),
        }
    }

    /// Packets that crossed a router, as for links.
    pub(super) fn router_packets(&self, router: RouterId) -> u64 {
        match self {
            FlitEngine::Channels(network) => network.router_packets(router),
            FlitEngine::Deflection(network) => network.router_flits(router),
        }
    }

    /// Cycles that front flits of a router waited. Without buffers none does; those at sources are in
    /// [`DeflectionNetwork::source_waits`].
    pub(super) fn waits(&self, router: RouterId) -> Waits {
        match self {
            FlitEngine::Channels(network) => {
                let stalls = network.stalls(router);
                Waits { channel: stalls.channel, credit: stalls.credit, switch: stalls.switch }
            }
            FlitEngine::Deflection(_) => Waits::default(),
        }
    }

    /// Whether flits are written to buffers.
    pub fn has_buffers(&self) -> bool {
        matches!(self, FlitEngine::Channels(_))
    }
}
