//! The knobs of a bufferless router, and what can be wrong with them.

use crate::topology::{Coord, LinkId, Topology};

/// Who chooses first among the flits that meet at a router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// The one created first, then the lower source, then the lower number at its source: a total order, so that the oldest
    /// flit inside always comes nearer (Moscibroda & Mutlu 2009, §3.1).
    #[default]
    OldestFirst,
    /// One *golden* flit goes first wherever it is, all others in an order drawn anew every cycle (Fallin, Craik & Mutlu
    /// 2011, §4.2). Flits have slots; one slot after the other is golden, each for
    /// [`DeflectionNetwork::bound`](super::DeflectionNetwork::bound) cycles, whether a flit is in it or not.
    Golden,
}

/// A router without buffers.
///
/// A flit that is at a router in cycle T is at the next in T + `router` + link, and at an endpoint in T + `router` + `local`;
/// at T + 1 at the earliest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflectionSpec {
    /// Who chooses first.
    pub order: Order,
    /// Cycles through a router.
    pub router: u16,
    /// Cycles over a link, by link class of the topology.
    pub links: Vec<u16>,
    /// Cycles between an endpoint and its router, either way.
    pub local: u16,
    /// Flits that an endpoint takes in a cycle, at least 1.
    pub ejections: u8,
    /// Flits that leave a router for all its endpoints in a cycle, at least 1; `None`: as many as those take.
    pub router_ejections: Option<u8>,
}

impl Default for DeflectionSpec {
    /// Two cycles a router and one a link, as in the paper on BLESS (§5), for two link classes.
    fn default() -> Self {
        Self {
            order: Order::OldestFirst,
            router: 2,
            links: vec![1, 1],
            local: 1,
            ejections: 1,
            router_ejections: None,
        }
    }
}

/// Why there can be no such network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeflectionError {
    /// A number that is too small or too large.
    #[error("{what} is {given}; it must be {least} to {most}")]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// The number.
        given: u64,
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// A router would have more inputs than outputs, and nowhere to keep what it cannot send.
    #[error("the link {direction} from {from} is dead, the link back is not; without buffers both must be")]
    OneWay {
        /// Router the dead link leaves.
        from: Coord,
        /// Its direction.
        direction: &'static str,
    },
}

/// Most routers of a network with dead links: every pair has a byte in a table.
const MOST_WITH_FAULTS: u64 = 1 << 14;
/// Most flits on wires; they have numbers of 32 bits.
const MOST_INSIDE: u64 = 1 << 30;

impl DeflectionSpec {
    /// Everything that is wrong with the router on this network.
    ///
    /// # Errors
    /// Every fault.
    pub fn check(&self, topology: &Topology) -> Result<(), Vec<DeflectionError>> {
        let mut errors = Vec::new();
        let mut within = |what, given: u64, least: u64, most: u64| {
            if !(least..=most).contains(&given) {
                errors.push(DeflectionError::OutOfRange { what, given, least, most });
            }
        };
        let classes = topology.link_classes().len() as u64;
        within("the number of link classes with a length", self.links.len() as u64, classes, classes);
        within("the cycles through a router", self.router.into(), 0, 200);
        for &link in self.links.iter().chain([&self.local]) {
            within("the cycles over a link", link.into(), 0, 4096);
        }
        within("the flits an endpoint takes in a cycle", self.ejections.into(), 1, 255);
        within("the flits that leave a router in a cycle", self.router_ejections.unwrap_or(1).into(), 1, 255);
        if topology.has_dead_links() {
            let routers = topology.router_count() as u64;
            within("the number of routers of a network with dead links", routers, 1, MOST_WITH_FAULTS);
        }
        let longest = self.links.iter().map(|&link| self.hop(link)).max().unwrap_or(1);
        let inside = topology.links().len() as u64 * (u64::from(longest) + 1);
        within("the number of flits on wires", inside, 0, MOST_INSIDE);
        for (id, link) in (0..).map(LinkId).zip(topology.links()) {
            let back = topology.link_from(link.to, link.direction.opposite());
            if topology.is_dead(id) && back.is_some_and(|back| !topology.is_dead(back)) {
                let (from, direction) = (topology.coord(link.from), link.direction.name());
                errors.push(DeflectionError::OneWay { from, direction });
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Cycles from one router to the next.
    pub(super) fn hop(&self, link: u16) -> u32 {
        (u32::from(self.router) + u32::from(link)).max(1)
    }

    /// Cycles from a router to an endpoint.
    pub(super) fn ejection(&self) -> u64 {
        u64::from(self.hop(self.local))
    }
}
