//! Which ways bring a flit nearer.

use crate::topology::{LinkId, RouterId, Topology};
use std::collections::VecDeque;

/// No live way leads there.
const UNREACHABLE: u8 = 1 << 7;

/// Directions on shortest paths, as masks with a bit a [`Direction`](crate::topology::Direction).
///
/// Where all links live, coordinates tell. Where some do not, coordinates could lead the oldest flit round in a circle;
/// then a table holds what a search found.
pub(super) struct Ways {
    /// Column and row of each router.
    at: Vec<(u16, u16)>,
    /// Lengths of rings; 0 where a row or column is a line.
    rings: (u16, u16),
    /// Masks by destination, then router; empty where all links live.
    table: Vec<u8>,
    /// Links of the longest shortest path.
    pub(super) longest: u32,
}

impl Ways {
    pub(super) fn new(topology: &Topology) -> Self {
        let routers = topology.router_count();
        let at = (0..routers as u32).map(|r| topology.coord(RouterId(r))).map(|at| (at.x, at.y)).collect();
        let (width, height) = (topology.width(), topology.height());
        let ring = |length: u16| if topology.is_torus() && length > 2 { length } else { 0 };
        let rings = (ring(width), ring(height));
        let far = |length: u16, ring: u16| u32::from(if ring > 0 { ring / 2 } else { length - 1 });
        let mut ways =
            Self { at, rings, table: Vec::new(), longest: far(width, rings.0) + far(height, rings.1) };
        if topology.has_dead_links() {
            ways.search(topology);
        }
        ways
    }

    /// Fills the table, breadth first from every destination.
    fn search(&mut self, topology: &Topology) {
        let routers = topology.router_count();
        self.table = vec![UNREACHABLE; routers * routers];
        self.longest = 0;
        let mut distance = vec![u32::MAX; routers];
        let mut queue = VecDeque::with_capacity(routers);
        for (to, masks) in self.table.chunks_exact_mut(routers).enumerate() {
            distance.fill(u32::MAX);
            distance[to] = 0;
            masks[to] = 0;
            queue.push_back(to);
            while let Some(here) = queue.pop_front() {
                self.longest = self.longest.max(distance[here]);
                for (link, there) in live(topology, here) {
                    // Links live both ways or not at all: whoever can be reached from here can come here.
                    if distance[there] == u32::MAX {
                        distance[there] = distance[here] + 1;
                        queue.push_back(there);
                        masks[there] = 0;
                    }
                    if distance[there] == distance[here] + 1 {
                        let way = topology.links()[link.index()].direction.opposite();
                        masks[there] |= 1 << way as u8;
                    }
                }
            }
        }
    }

    /// Directions that bring a flit nearer; none at its destination's router and where no way leads there.
    #[inline]
    pub(super) fn nearer(&self, here: u32, to: u32) -> u8 {
        if !self.table.is_empty() {
            return self.table[to as usize * self.at.len() + here as usize] & !UNREACHABLE;
        }
        let (from, to) = (self.at[here as usize], self.at[to as usize]);
        axis(from.0, to.0, self.rings.0) | axis(from.1, to.1, self.rings.1) << 2
    }

    /// Whether a live way leads there.
    pub(super) fn leads(&self, here: u32, to: u32) -> bool {
        self.table.is_empty() || self.table[to as usize * self.at.len() + here as usize] != UNREACHABLE
    }
}

/// Live links that leave a router, and the routers they lead to.
fn live(topology: &Topology, router: usize) -> impl Iterator<Item = (LinkId, usize)> + '_ {
    crate::topology::Direction::ALL
        .into_iter()
        .filter_map(move |direction| topology.link_from(RouterId(router as u32), direction))
        .filter(|&link| !topology.is_dead(link))
        .map(|link| (link, topology.links()[link.index()].to.index()))
}

/// Bit 0: up an axis, bit 1: down. Both where the ring is as long either way.
#[inline]
fn axis(from: u16, to: u16, ring: u16) -> u8 {
    if from == to {
        return 0;
    }
    if ring == 0 {
        return if to > from { 1 } else { 2 };
    }
    let up = if to > from { to - from } else { ring - (from - to) };
    u8::from(up <= ring / 2) | u8::from(ring - up <= ring / 2) << 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::{mesh, spec};

    /// Coordinates and search agree on networks without faults.
    #[test]
    fn both_ways_of_knowing_agree() {
        let torus = |width, height| Topology::torus(&spec(width, height, 1)).unwrap();
        for topology in [mesh(5, 3, 1), mesh(1, 4, 1), torus(4, 5), torus(2, 3), torus(1, 1)] {
            let told = Ways::new(&topology);
            let mut found = Ways::new(&topology);
            found.search(&topology);
            assert_eq!(told.longest, found.longest);
            let routers = topology.router_count() as u32;
            for (here, to) in (0..routers).flat_map(|a| (0..routers).map(move |b| (a, b))) {
                assert_eq!(told.nearer(here, to), found.nearer(here, to), "{here} {to}");
                assert!(told.leads(here, to) && found.leads(here, to));
            }
        }
    }
}
