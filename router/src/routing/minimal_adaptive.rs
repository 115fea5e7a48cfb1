//! Minimal fully adaptive routing with an escape channel (Duato 1993, *A new theory of deadlock-free adaptive routing in
//! wormhole networks*).
//!
//! Virtual channel 0 is the escape: XY, free of deadlock by itself. On all other channels a packet may take any minimal
//! way. It may go back from the escape to them at any router. On a torus the escape is channels 0 and 1, told apart by
//! whether the wrap link of the ring still lies ahead (Dally & Seitz 1987): unlike a crossed dateline, that depends
//! on the place and the destination alone, however the packet came here.
//!
//! Duato's proof asks two things of the router: a virtual channel of the network holds flits of one packet at a time, and
//! a packet that waits asks for the escape too, not only for the way the selection likes best.

use super::steps::{Hop, Unicast, dateline_classes};
use super::{ChannelSet, RouteState};
use crate::topology::{Direction, Topology};

/// Any minimal way, with XY as escape.
#[derive(Clone, Copy, Debug)]
pub struct MinimalAdaptive {
    channels: u8,
    escape: u8,
    faultless_mesh: bool,
}

impl MinimalAdaptive {
    /// For a mesh with at least two virtual channels or a torus with at least three.
    pub fn new(topology: &Topology, channels: u8) -> Self {
        let faultless_mesh = !topology.is_torus() && !topology.has_dead_links();
        Self { channels, escape: dateline_classes(topology), faultless_mesh }
    }

    /// Virtual channels needed on a network.
    pub(super) fn needed(topology: &Topology) -> u8 {
        dateline_classes(topology) + 1
    }

    /// The escape channel on the way to the destination.
    fn escape_channel(self, hop: &Hop<'_>, way: Direction) -> ChannelSet {
        let (at, to) = (hop.at(), hop.to());
        let wrap_ahead = match way {
            Direction::East => to.x < at.x,
            Direction::West => to.x > at.x,
            Direction::North => to.y < at.y,
            Direction::South => to.y > at.y,
        };
        let channel = if self.escape == 2 { u8::from(!wrap_ahead) } else { 0 };
        ChannelSet::range(channel, channel + 1)
    }
}

impl Unicast for MinimalAdaptive {
    fn name(&self) -> &'static str {
        "minimal-adaptive"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let (row, column) = hop.productive();
        let adaptive = ChannelSet::range(self.escape, self.channels);
        for way in [row, column].into_iter().flatten() {
            hop.offer(way, adaptive, RouteState::default());
        }
        if let Some(way) = row.or(column) {
            hop.offer(way, self.escape_channel(hop, way), RouteState::default());
        }
    }

    fn answers_by_side(&self) -> Option<u8> {
        self.faultless_mesh.then_some(1)
    }

    fn escape(&self) -> Option<ChannelSet> {
        Some(ChannelSet::first(self.escape))
    }
}
