//! Deflection ("hot potato") routing (Baran 1964; Moscibroda & Mutlu 2009, *BLESS*): every output is legal.
//!
//! A router without buffers sends every packet on in the cycle it came, wherever that is. The ways that bring the packet
//! nearer come first, then all others. Nothing waits, so nothing can deadlock; that packets arrive at all is up to the
//! router, which lets the oldest choose first.

use super::steps::{Hop, Unicast};
use super::{ChannelSet, RouteState};
use crate::topology::Direction;

/// Any way, the productive ones first.
#[derive(Clone, Copy, Debug)]
pub struct Deflection {
    channels: u8,
}

impl Deflection {
    /// For any network; a router without buffers uses one channel.
    pub fn new(channels: u8) -> Self {
        Self { channels }
    }
}

impl Unicast for Deflection {
    fn name(&self) -> &'static str {
        "deflection"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let (row, column) = hop.productive();
        let productive = [row, column];
        let others = Direction::ALL.map(|way| (!productive.contains(&Some(way))).then_some(way));
        for way in productive.into_iter().chain(others).flatten() {
            hop.offer(way, ChannelSet::first(self.channels), RouteState::default());
        }
    }
}
