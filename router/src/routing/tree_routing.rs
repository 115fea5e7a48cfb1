//! Routing along [trees](super::Tree) built for a list of requests: a [`Routing`] for routes, levels and the prover.
//!
//! A packet's state is the number of its request; at each router its branches are read off the request's tree.
//!
//! Trees that turn from rows to columns and from columns to rows are not free of deadlock: for longest dimension first and Steiner
//! the prover finds cycles of waiting packets on one virtual channel, on a mesh of 3 x 3 routers already, even if each packet fits
//! into a buffer; XY trees are free then, without faults (`trees_can_deadlock_and_the_prover_says_so`). SpiNNaker, whose routes
//! are of this kind, drops packets that wait too long. More channels alone do not help: a packet may take any of them.

use super::steps::group;
use super::tree::{Tree, TreeKind, multicast_tree};
use super::{Alternative, Candidates, ChannelSet, OutputPort, RouteState, Routing};
use crate::route::{RouteError, RouteRequest, check};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};
use std::collections::BTreeMap;

/// The state of a packet that no tree was built for; it has no way on.
const NO_TREE: RouteState = RouteState(u32::MAX);

/// Routing of known packets along trees, in any virtual channel.
#[derive(Clone, Debug)]
pub struct TreeRouting {
    kind: TreeKind,
    channels: u8,
    trees: Vec<Tree>,
    /// Source and sorted remote destinations, to the tree.
    requests: BTreeMap<(EndpointId, Vec<EndpointId>), u32>,
}

impl TreeRouting {
    /// Builds a tree for each request, for packets that may take any of so many virtual channels. What is not alive
    /// and the source among its own destinations are left out, as in [`crate::RouteTable`]; a destination
    /// behind faults has no way on, so that its copy is lost as [`crate::DropCause::NoRoute`] at its source.
    ///
    /// # Errors
    /// Every request that is wrong, with its index.
    pub fn build(
        topology: &Topology,
        channels: u8,
        kind: TreeKind,
        requests: &[RouteRequest],
    ) -> Result<Self, Vec<RouteError>> {
        let mut errors = Vec::new();
        requests.iter().enumerate().for_each(|(i, request)| check(topology, i, request, &mut errors));
        if !errors.is_empty() {
            return Err(errors);
        }
        let (mut trees, mut known) = (Vec::new(), BTreeMap::new());
        for request in requests {
            let key = (request.source, remote(topology, request));
            if !key.1.is_empty() && !known.contains_key(&key) {
                trees.push(tree_of(topology, kind, request.source, &key.1));
                known.insert(key, trees.len() as u32 - 1);
            }
        }
        Ok(Self { kind, channels, trees, requests: known })
    }
}

/// The destinations of a request that a copy crosses the network to, ascending; none if its source is dead.
pub(crate) fn remote(topology: &Topology, request: &RouteRequest) -> Vec<EndpointId> {
    let source_is_dead = topology.is_endpoint_dead(request.source);
    let crosses = |to: &EndpointId| !source_is_dead && *to != request.source && !topology.is_endpoint_dead(*to);
    let mut remote: Vec<_> = request.destinations.iter().copied().filter(crosses).collect();
    remote.sort_unstable();
    remote
}

/// The tree from one endpoint's router to those of others.
pub(crate) fn tree_of(topology: &Topology, kind: TreeKind, source: EndpointId, remote: &[EndpointId]) -> Tree {
    let router = |end: &EndpointId| topology.endpoints()[end.index()].router;
    let routers: Vec<_> = remote.iter().map(router).collect();
    multicast_tree(topology, kind, router(&source), &routers)
}

impl Routing for TreeRouting {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn at_source(&self, _: &Topology, source: EndpointId, destinations: &[EndpointId], _: u64) -> RouteState {
        let mut sorted = destinations.to_vec();
        sorted.sort_unstable();
        self.requests.get(&(source, sorted)).map_or(NO_TREE, |&tree| RouteState(tree))
    }

    fn starts(&self, topology: &Topology, source: EndpointId, destination: EndpointId) -> Vec<RouteState> {
        let state = self.at_source(topology, source, &[destination], 0);
        // No packet is sent that no tree was built for.
        if state == NO_TREE { Vec::new() } else { vec![state] }
    }

    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        _from: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    ) {
        candidates.clear();
        const EJECT: usize = 4;
        const NOWHERE: usize = 5;
        let tree = self.trees.get(state.0 as usize);
        let slot = |to: EndpointId| {
            let Some(tree) = tree else { return NOWHERE };
            let (mut at, mut slot) = (topology.endpoints()[to.index()].router, EJECT);
            // From the destination back to here; the last link taken is the way on.
            while at != here {
                let Some((link, _)) = tree.place(at).and_then(|place| tree.nodes()[place as usize].over) else {
                    return NOWHERE;
                };
                let link = topology.links()[link.index()];
                (at, slot) = (link.from, link.direction as usize);
            }
            slot
        };
        let counts: [usize; 6] = group(destinations, &mut candidates.scratch, slot);
        let channels = ChannelSet::first(self.channels);
        for (slot, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let port = match crate::topology::Direction::ALL.get(slot) {
                Some(&way) => topology.link_from(here, way).map(OutputPort::Link),
                None => (slot == EJECT).then_some(OutputPort::Eject),
            };
            let ways = port.map(|port| Alternative { port, channels, next: state });
            candidates.push(count, ways.as_slice());
        }
    }
}
