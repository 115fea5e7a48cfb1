//! Up*/down* routing (Schroeder et al. 1991, *Autonet*): works on any network and with any faults.
//!
//! A breadth-first tree over the live links gives every router a rank: its depth, then its number. A link is *up* if it
//! leads to a lower rank. A packet takes up links first and down links after them, never an up link after a down one;
//! ranks fall and then rise, so no cycle of waiting packets can close, on one virtual channel. Up to the
//! root and down to the destination is always such a path, so all that is joined by links alive both ways is reached.
//! A link that is alive one way only is used too where it shortens a path.
//!
//! Among the legal paths the shortest are taken, adaptively. What a packet has done is read off the link it came over.

use super::steps::{Hop, Unicast};
use super::{ChannelSet, RouteState, RoutingError};
use crate::topology::{Coord, Direction, LinkId, RouterId, Topology};
use std::collections::VecDeque;

/// Most routers the distance tables are made for.
const MOST_ROUTERS: usize = 1 << 12;
/// Distance where there is no path.
const FAR: u16 = u16::MAX;

/// Up*/down* routing along shortest legal paths.
#[derive(Clone, Debug)]
pub struct UpDown {
    channels: u8,
    rank: Vec<u32>,
    /// For each destination's router and each router: hops left, if up links are still allowed, and if not.
    hops: Vec<[u16; 2]>,
}

impl UpDown {
    /// With the live router nearest to the middle as root.
    ///
    /// # Errors
    /// More routers than its tables may hold.
    pub fn new(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        let (x, y) = (topology.width() / 2, topology.height() / 2);
        let far = |router: &RouterId| {
            let at = topology.coord(*router);
            u32::from(at.x.abs_diff(x)) + u32::from(at.y.abs_diff(y))
        };
        let root = routers(topology).filter(|&r| !topology.is_router_dead(r)).min_by_key(far);
        Self::from(topology, channels, root.unwrap_or(RouterId(0)))
    }

    /// With the router at `root` as root.
    ///
    /// # Errors
    /// No router there, or more routers than its tables may hold.
    pub fn with_root(topology: &Topology, channels: u8, root: Coord) -> Result<Self, RoutingError> {
        let why = || format!("there is no router at {root} to be the root");
        let root =
            topology.router_at(root).ok_or_else(|| RoutingError::Topology { name: "up-down", why: why() })?;
        Self::from(topology, channels, root)
    }

    fn from(topology: &Topology, channels: u8, root: RouterId) -> Result<Self, RoutingError> {
        let count = topology.router_count();
        if count > MOST_ROUTERS {
            let why =
                format!("its tables are made for at most {MOST_ROUTERS} routers, there are {count}; use `xy`");
            return Err(RoutingError::Topology { name: "up-down", why });
        }
        let rank = ranks(topology, root);
        let mut hops = Vec::with_capacity(count * count);
        for to in routers(topology) {
            hops.extend(distances(topology, &rank, to));
        }
        Ok(Self { channels, rank, hops })
    }

    /// Whether the link leads up.
    pub(crate) fn is_up(&self, topology: &Topology, link: LinkId) -> bool {
        is_up(topology, &self.rank, link)
    }

    /// Hops left from `here` to `to`, if up links are still allowed and if not.
    fn hops(&self, here: RouterId, to: RouterId) -> [u16; 2] {
        self.hops[to.index() * self.rank.len() + here.index()]
    }

    /// The way on for packets of a table that knows the destination alone. Whoever can go down all the way does, so
    /// no up link ever follows a down link.
    pub(super) fn next_hop(&self, topology: &Topology, here: RouterId, to: RouterId) -> Option<Direction> {
        let only_down = self.hops(here, to)[1] < FAR;
        exits(topology, here)
            .filter(|&(_, link)| !only_down || !self.is_up(topology, link))
            .map(|(way, link)| {
                let beyond = self.hops(topology.links()[link.index()].to, to);
                (beyond[usize::from(!self.is_up(topology, link))], way)
            })
            .filter(|&(hops, _)| hops < FAR)
            .min_by_key(|&(hops, way)| (hops, way))
            .map(|(_, way)| way)
    }
}

impl Unicast for UpDown {
    fn name(&self) -> &'static str {
        "up-down"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let to = hop.topology.endpoints()[hop.destination.index()].router;
        let down_before = hop.from.is_some_and(|link| !self.is_up(hop.topology, link));
        let left = self.hops(hop.here, to)[usize::from(down_before)];
        if left == FAR {
            return;
        }
        for (way, link) in exits(hop.topology, hop.here) {
            let up = self.is_up(hop.topology, link);
            let beyond = self.hops(hop.topology.links()[link.index()].to, to)[usize::from(!up)];
            if !(up && down_before) && beyond == left - 1 {
                hop.offer(way, ChannelSet::first(self.channels), RouteState::default());
            }
        }
    }
}

pub(super) fn routers(topology: &Topology) -> impl Iterator<Item = RouterId> {
    (0..topology.router_count() as u32).map(RouterId)
}

/// The live links out of a router.
pub(super) fn exits(topology: &Topology, from: RouterId) -> impl Iterator<Item = (Direction, LinkId)> {
    Direction::ALL
        .into_iter()
        .filter_map(move |way| topology.link_from(from, way).map(|link| (way, link)))
        .filter(|&(_, link)| !topology.is_dead(link))
}

fn is_up(topology: &Topology, rank: &[u32], link: LinkId) -> bool {
    let link = topology.links()[link.index()];
    rank[link.to.index()] < rank[link.from.index()]
}

/// A rank for every router: its place in a breadth-first walk over links alive both ways, which is its depth and
/// then the order of discovery; parts that hang apart follow each other.
fn ranks(topology: &Topology, root: RouterId) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let mut rank = vec![NONE; topology.router_count()];
    let mut next = 0;
    let mut queue = VecDeque::new();
    for start in std::iter::once(root).chain(routers(topology)) {
        if rank[start.index()] != NONE {
            continue;
        }
        rank[start.index()] = next;
        next += 1;
        queue.push_back(start);
        while let Some(here) = queue.pop_front() {
            for (way, link) in exits(topology, here) {
                let to = topology.links()[link.index()].to;
                let back = topology.link_from(to, way.opposite()).is_some_and(|back| !topology.is_dead(back));
                if back && rank[to.index()] == NONE {
                    rank[to.index()] = next;
                    next += 1;
                    queue.push_back(to);
                }
            }
        }
    }
    rank
}

/// Hops to `to` from every router: if up links are still allowed, and if not.
fn distances(topology: &Topology, rank: &[u32], to: RouterId) -> Vec<[u16; 2]> {
    let mut hops = vec![[FAR; 2]; topology.router_count()];
    hops[to.index()] = [0, 0];
    let mut queue = VecDeque::from([(to, 0), (to, 1)]);
    // Backwards: a down link is legal before a packet that must go down; an up link only before one that still may go up.
    while let Some((here, down)) = queue.pop_front() {
        let far = hops[here.index()][down] + 1;
        for way in Direction::ALL {
            let Some(before) = topology.link_from(here, way).map(|link| topology.links()[link.index()].to)
            else {
                continue;
            };
            let Some(link) = topology.link_from(before, way.opposite()).filter(|&link| !topology.is_dead(link))
            else {
                continue;
            };
            let up = is_up(topology, rank, link);
            let phases: &[usize] = match (up, down) {
                (true, 0) => &[0],
                (false, 1) => &[0, 1],
                _ => &[],
            };
            for &phase in phases {
                let place = &mut hops[before.index()][phase];
                if *place == FAR {
                    *place = far;
                    queue.push_back((before, phase));
                }
            }
        }
    }
    hops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::mesh;

    #[test]
    fn distances_without_faults_are_those_of_the_mesh() {
        let topology = mesh(5, 4, 1);
        let routing = UpDown::new(&topology, 1).unwrap();
        for a in routers(&topology) {
            for b in routers(&topology) {
                let (east, north) = topology.offset(topology.coord(a), topology.coord(b));
                let hops = u32::from(routing.hops(a, b)[0]);
                assert!(hops >= east.unsigned_abs() + north.unsigned_abs());
                assert!(hops < 9, "{hops} hops through the root are at most twice the depth");
            }
        }
        assert!(UpDown::with_root(&topology, 1, Coord { x: 5, y: 0 }).is_err());
        assert!(UpDown::new(&mesh(65, 64, 1), 1).is_err());
    }

    #[test]
    fn next_hops_of_a_table_never_go_up_after_down() {
        let mut topology = mesh(4, 4, 1);
        topology.kill_router(Coord { x: 2, y: 1 }).unwrap();
        topology.kill_link(Coord { x: 0, y: 0 }, Direction::East).unwrap();
        let routing = UpDown::with_root(&topology, 1, Coord { x: 3, y: 3 }).unwrap();
        for from in routers(&topology).filter(|&r| !topology.is_router_dead(r)) {
            for to in routers(&topology).filter(|&r| !topology.is_router_dead(r)) {
                let (mut here, mut down, mut hops) = (from, false, 0);
                while here != to {
                    let way = routing.next_hop(&topology, here, to).expect("all live routers hang together");
                    let link = topology.link_from(here, way).unwrap();
                    assert!(!(down && routing.is_up(&topology, link)));
                    down |= !routing.is_up(&topology, link);
                    here = topology.links()[link.index()].to;
                    hops += 1;
                    assert!(hops <= 16);
                }
            }
        }
    }
}
