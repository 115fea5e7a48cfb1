//! Two dimension-order paths one after the other, by an intermediate router drawn at the source; [`super::romm`] and
//! [`super::valiant`] differ in where it may lie.
//!
//! Packets before the intermediate router take the low half of the virtual channels, packets after it the high half, so
//! the two phases wait for each other in one direction only. On a torus each half is halved again at the dateline.
//!
//! The state is the intermediate router, then a bit for a crossed dateline, then a bit for the phase.

use super::steps::{Hop, crossed, dateline_classes, productive};
use super::{ChannelSet, RouteState};
use crate::topology::{RouterId, Topology};

/// What both strategies keep of the network they were made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct TwoPhase {
    pub(super) channels: u8,
    rings: bool,
}

impl TwoPhase {
    pub(super) fn new(topology: &Topology, channels: u8) -> Self {
        Self { channels, rings: topology.is_torus() }
    }

    /// Virtual channels needed.
    pub(super) fn needed(topology: &Topology) -> u8 {
        2 * dateline_classes(topology)
    }

    /// The state of a packet that must first go to `via`.
    pub(super) fn start(via: RouterId) -> RouteState {
        RouteState(via.0 << 2)
    }

    /// Whether the packet still is on its way to an intermediate router other than `here`.
    pub(super) fn first_phase(here: RouterId, state: RouteState) -> bool {
        state.0 & 1 == 0 && state.0 >> 2 != here.0
    }

    pub(super) fn ways(self, hop: &mut Hop<'_>) {
        let first = Self::first_phase(hop.here, hop.state);
        // A new phase starts with no dateline crossed.
        let going_on = first || hop.state.0 & 1 == 1;
        let target = if first { hop.topology.coord(RouterId(hop.state.0 >> 2)) } else { hop.to() };
        let (row, column) = productive(hop.topology, hop.at(), target);
        let Some(way) = row.or(column) else { return };
        let Some(link) = hop.topology.link_from(hop.here, way) else { return };
        let crossed = self.rings && crossed(hop.topology, hop.from, going_on && hop.state.0 & 2 == 2, link);
        let via = if first { hop.state.0 >> 2 } else { 0 };
        let next = RouteState(via << 2 | u32::from(crossed) << 1 | u32::from(!first));
        hop.offer(way, self.class(!first, crossed), next);
    }

    /// The channels of a phase, before or from the dateline on.
    fn class(self, second: bool, crossed: bool) -> ChannelSet {
        let classes = if self.rings { 4 } else { 2 };
        let class = if self.rings { 2 * u16::from(second) + u16::from(crossed) } else { second.into() };
        let bound = |class: u16| (u16::from(self.channels) * class).div_ceil(classes) as u8;
        ChannelSet::range(bound(class), bound(class + 1))
    }
}

/// An even draw from `0..count`, of 32 random bits.
pub(super) fn draw_below(bits: u32, count: u32) -> u32 {
    ((u64::from(bits) * u64::from(count)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_part_the_channels() {
        for (rings, classes) in [(false, 2), (true, 4)] {
            for channels in classes..=ChannelSet::MOST {
                let two = TwoPhase { channels, rings };
                let mut seen = 0;
                for second in [false, true] {
                    for crossed in [false, true].into_iter().take(if rings { 2 } else { 1 }) {
                        let class = two.class(second, crossed).0;
                        assert!(class != 0 && seen & class == 0, "{channels} {second} {crossed}");
                        seen |= class;
                    }
                }
                assert_eq!(seen, ChannelSet::first(channels).0);
            }
        }
    }
}
