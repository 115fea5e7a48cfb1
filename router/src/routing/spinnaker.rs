//! Routing as the SpiNNaker chip does it (Furber et al. 2014, *The SpiNNaker project*; Navaridas et al. 2009 on
//! emergency routing), on four neighbours instead of six.
//!
//! A SpiNNaker router sends a packet it has no table entry for straight on. A mapper therefore stores entries at the
//! source, the corner and the destination of a path alone; what they add up to is XY. (`key_mask.rs` has the table
//! itself.) If the way on stays blocked, the packet takes an *emergency route* around the blocked link, and if that is
//! blocked too, it is dropped. On six neighbours the detour is two sides of a triangle; here it is three sides of a square:
//!
//! ```text
//!   ,->--.        the second and third alternative are these detours, left or right of
//!   |    v        the way on. They are for packets that have waited too long, not for
//!   o -X-> o      a selection to choose freely.
//! ```
//! Nothing but the timeout breaks deadlocks.

use super::steps::{Hop, Unicast};
use super::{ChannelSet, RouteState};
use crate::topology::{Direction, RouterId, Topology};

/// XY with an emergency route around each link. The state is 0, or on a detour the way around it that is left.
#[derive(Clone, Copy, Debug)]
pub struct Spinnaker {
    channels: u8,
}

/// The hops of a detour still to go, packed: how many, then each as a number of [`Direction::ALL`], the next lowest.
fn pack(hops: &[Direction]) -> RouteState {
    let packed = hops.iter().rev().fold(0, |packed, &hop| packed << 2 | hop as u32);
    RouteState(packed << 2 | hops.len() as u32)
}

impl Spinnaker {
    /// For any network.
    pub fn new(channels: u8) -> Self {
        Self { channels }
    }

    /// Where a live link leads from a router.
    fn step(topology: &Topology, from: RouterId, way: Direction) -> Option<RouterId> {
        let link = topology.link_from(from, way)?;
        (!topology.is_dead(link)).then(|| topology.links()[link.index()].to)
    }
}

impl Unicast for Spinnaker {
    fn name(&self) -> &'static str {
        "spinnaker"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    /// On a detour the destination's router may be passed by.
    fn passes_by(&self, hop: &Hop<'_>) -> bool {
        hop.state.0 & 3 > 0
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let all = ChannelSet::first(self.channels);
        let left = hop.state.0 & 3;
        if left > 0 {
            let way = Direction::ALL[(hop.state.0 >> 2 & 3) as usize];
            let next = if left == 1 { 0 } else { hop.state.0 >> 4 << 2 | (left - 1) };
            hop.offer(way, all, RouteState(next));
            return;
        }
        let (row, column) = hop.productive();
        let Some(way) = row.or(column) else { return };
        hop.offer(way, all, RouteState(0));
        let sides = match way.is_horizontal() {
            true => [Direction::North, Direction::South],
            false => [Direction::West, Direction::East],
        };
        for side in sides {
            let around = [side, way, side.opposite()];
            let end = around.iter().try_fold(hop.here, |at, &way| Self::step(hop.topology, at, way));
            if end.is_some() {
                hop.offer(side, all, pack(&around[1..]));
            }
        }
    }
}
