//! Routing functions that deadlock, to show that the prover sees it. None is in the registry.

use super::steps::{Hop, Unicast};
use super::{ChannelSet, RouteState};

/// Any minimal way on one virtual channel and without an escape: four packets that turn in a circle block each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnrestrictedAdaptive;

impl Unicast for UnrestrictedAdaptive {
    fn name(&self) -> &'static str {
        "unrestricted-adaptive"
    }

    fn virtual_channels(&self) -> u8 {
        1
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let (row, column) = hop.productive();
        for way in [row, column].into_iter().flatten() {
            hop.offer(way, ChannelSet::first(1), RouteState::default());
        }
    }
}
