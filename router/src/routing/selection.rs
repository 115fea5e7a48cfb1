//! Which of several legal ways a packet takes now: the only place where load enters routing.

use super::{Alternative, ChannelSet, Routing};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};

/// What a selection may know of the load. It is as old as the router's own view: what is published at the start of a cycle.
pub trait Load {
    /// Flits sent over the link whose slots have not come back, over all virtual channels.
    fn occupied(&self, link: LinkId) -> u32;
    /// Free slots behind the link, in those channels of the set that no packet owns.
    fn free(&self, link: LinkId, channels: ChannelSet) -> u32;
}

/// An empty network.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLoad;

impl Load for NoLoad {
    fn occupied(&self, _: LinkId) -> u32 {
        0
    }
    fn free(&self, _: LinkId, channels: ChannelSet) -> u32 {
        channels.len()
    }
}

/// A choice to be made.
#[derive(Clone, Copy)]
pub struct SelectionQuery<'a> {
    /// The network.
    pub topology: &'a Topology,
    /// Where the packet is.
    pub here: RouterId,
    /// Where it goes; the first destination of a multicast branch.
    pub destination: EndpointId,
    /// The routing function that gave the alternatives.
    pub routing: &'a dyn Routing,
    /// The legal ways, never empty, in the routing function's order.
    pub alternatives: &'a [Alternative],
    /// The load.
    pub load: &'a dyn Load,
}

/// Picks one of several legal ways.
pub trait Selection: Send + Sync {
    /// Name in the registry and in reports.
    fn name(&self) -> &'static str;

    /// Index into the alternatives. `draw` gives random words; a selection draws only where its choice depends on it.
    fn choose(&self, query: &SelectionQuery<'_>, draw: &mut dyn FnMut() -> u64) -> usize;

    /// Whether it reads the load of links that do not leave `here`. Regions of the mesh can then not run apart.
    fn looks_at_neighbours(&self) -> bool {
        false
    }
}

/// Takes the first legal way; right for deterministic routing.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstLegal;

impl Selection for FirstLegal {
    fn name(&self) -> &'static str {
        "first-legal"
    }
    fn choose(&self, _: &SelectionQuery<'_>, _: &mut dyn FnMut() -> u64) -> usize {
        0
    }
}

/// All selections by name.
pub fn selections() -> &'static [fn() -> Box<dyn Selection>] {
    &[|| Box::new(FirstLegal)]
}

/// Makes the selection of that name, if there is one.
pub fn selection(name: &str) -> Option<Box<dyn Selection>> {
    selections().iter().map(|make| make()).find(|s| s.name() == name)
}
