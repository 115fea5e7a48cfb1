//! Which way a packet may go ([`Routing`]) and which of the allowed ways it takes now ([`Selection`]).
//!
//! A routing function is pure and knows no load, so it can be enumerated: tables are compiled from it and a
//! prover can walk all its dependencies. Load enters through the selection alone.

mod dimension_order;

pub use dimension_order::DimensionOrder;

use crate::topology::{EndpointId, LinkId, RouterId, Topology};

/// State a routing function carries from router to router (a coin, a phase); opaque to everyone else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouteState(pub u32);

/// A set of virtual channels, bit i for channel i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelSet(pub u32);

/// Where a packet leaves a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputPort {
    /// Over a link.
    Link(LinkId),
    /// To the endpoints of this router that the branch serves.
    Eject,
}

/// One allowed way on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The output.
    pub port: OutputPort,
    /// The virtual channels allowed there.
    pub channels: ChannelSet,
    /// The state the packet carries on.
    pub next: RouteState,
}

/// The answer of a routing function: branches that must all be taken, each by one of its alternatives; several are a
/// multicast fork. A branch serves the next few of the destinations, which the function puts in that order.
///
/// Kept flat and reused, because a route through a large mesh asks at every router.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// (destinations served, alternatives) of each branch.
    branches: Vec<(usize, usize)>,
    alternatives: Vec<Alternative>,
    /// For routing functions that sort destinations; its content means nothing between calls.
    pub(crate) scratch: Vec<EndpointId>,
}

impl Candidates {
    /// Forgets all branches.
    pub fn clear(&mut self) {
        self.branches.clear();
        self.alternatives.clear();
    }

    /// Adds a branch for the next `destinations` destinations. More than one alternative means the routing is
    /// adaptive here.
    pub fn push(&mut self, destinations: usize, alternatives: &[Alternative]) {
        self.branches.push((destinations, alternatives.len()));
        self.alternatives.extend_from_slice(alternatives);
    }

    /// (Destinations served, alternatives) of each branch.
    pub fn branches(&self) -> impl Iterator<Item = (usize, &[Alternative])> {
        let mut rest = &self.alternatives[..];
        self.branches.iter().map(move |&(destinations, count)| {
            let (own, after) = rest.split_at(count);
            rest = after;
            (destinations, own)
        })
    }
}

/// A routing function: which ways are legal, whatever the load.
pub trait Routing: Send + Sync {
    /// Name in the registry.
    fn name(&self) -> &'static str;
    /// Virtual channels it needs to be free of deadlock.
    fn virtual_channels(&self) -> u8;
    /// State at injection; `draw` is the packet's own random word, for strategies that toss a coin.
    fn at_source(
        &self,
        topology: &Topology,
        source: EndpointId,
        destinations: &[EndpointId],
        draw: u64,
    ) -> RouteState;
    /// Writes the legal ways on from `here` into `candidates` (cleared first), and sorts `destinations` so that those of
    /// one branch follow each other in the branches' order.
    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        from: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    );
}

/// Picks one of several legal ways.
pub trait Selection: Send + Sync {
    /// Name in reports.
    fn name(&self) -> &'static str;
    /// Index into `alternatives` (never empty); `load` tells the packets waiting for a link.
    fn choose(&self, here: RouterId, alternatives: &[Alternative], load: &dyn Fn(LinkId) -> u64) -> usize;
}

/// Takes the first legal way; right for deterministic routing.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstLegal;

impl Selection for FirstLegal {
    fn name(&self) -> &'static str {
        "first-legal"
    }
    fn choose(&self, _: RouterId, _: &[Alternative], _: &dyn Fn(LinkId) -> u64) -> usize {
        0
    }
}

/// A row of the registry.
pub struct RoutingStrategy {
    /// Name users type.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Makes one.
    pub make: fn() -> Box<dyn Routing>,
}

/// All strategies by name. Adding one is one file and one line here.
pub fn strategies() -> &'static [RoutingStrategy] {
    &[
        RoutingStrategy {
            name: "xy",
            description: "dimension order, x first; a tree for several destinations",
            make: || Box::new(DimensionOrder::xy()),
        },
        RoutingStrategy {
            name: "yx",
            description: "dimension order, y first; a tree for several destinations",
            make: || Box::new(DimensionOrder::yx()),
        },
    ]
}

/// Makes the strategy of that name, if there is one.
pub fn by_name(name: &str) -> Option<Box<dyn Routing>> {
    strategies().iter().find(|s| s.name == name).map(|s| (s.make)())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_names_are_the_strategies_own() {
        for strategy in strategies() {
            assert_eq!((strategy.make)().name(), strategy.name);
            assert_eq!(by_name(strategy.name).map(|r| r.name()), Some(strategy.name));
        }
        assert!(by_name("xz").is_none());
    }
}
