//! All that packets to one destination can do: every (link, state) they can be in, and the ways on from there.

use super::{ProofError, STATE_LIMIT};
use crate::routing::{Candidates, ChannelSet, OutputPort, RouteState, Routing};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

/// Spreads keys of 64 bits: half of a proof's time would go into a hash that withstands attackers.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }
    fn write_u64(&mut self, word: u64) {
        // Fibonacci hashing; the table takes its place from the low bits and its tag from the high ones.
        let product = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// A way on over a live link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) link: LinkId,
    pub(super) channels: ChannelSet,
    /// The node it leads to.
    pub(super) node: usize,
}

/// A packet that has come over a link, or is at its source, in some state.
#[derive(Clone, Debug)]
pub(super) struct Node {
    here: RouterId,
    pub(super) link: Option<LinkId>,
    state: RouteState,
    /// Channels of the link it may hold.
    pub(super) held: ChannelSet,
    pub(super) arrives: bool,
    pub(super) steps: Range<usize>,
}

/// The nodes of all packets to a destination.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) nodes: Vec<Node>,
    pub(super) steps: Vec<Step>,
    /// (Source, node) of every packet there can be.
    pub(super) starts: Vec<(EndpointId, usize)>,
    // Only looked up, never iterated, so that its order shapes nothing.
    index: HashMap<u64, usize, BuildHasherDefault<Mix>>,
    candidates: Candidates,
}

impl Walk {
    /// Walks forward from every live source. `visited` counts nodes over all walks of a proof.
    pub(super) fn to(
        &mut self,
        topology: &Topology,
        routing: &dyn Routing,
        destination: EndpointId,
        visited: &mut u64,
    ) -> Result<(), ProofError> {
        self.nodes.clear();
        self.steps.clear();
        self.starts.clear();
        self.index.clear();
        for source in (0..topology.endpoints().len() as u32).map(EndpointId) {
            if source == destination || topology.is_endpoint_dead(source) {
                continue;
            }
            let here = topology.endpoints()[source.index()].router;
            for state in routing.starts(topology, source, destination) {
                let node = self.node(here, None, state, ChannelSet::default());
                self.starts.push((source, node));
            }
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        let mut next = 0;
        while next < self.nodes.len() {
            *visited += 1;
            if *visited > STATE_LIMIT {
                return Err(ProofError::TooLarge { routing: routing.name(), limit: STATE_LIMIT });
            }
            let Node { here, link, state, .. } = self.nodes[next];
            routing.legal(topology, here, link, &mut [destination], state, &mut candidates);
            let first = self.steps.len();
            for alternative in candidates.branches().flat_map(|(_, alternatives)| alternatives) {
                match alternative.port {
                    OutputPort::Eject => self.nodes[next].arrives = true,
                    OutputPort::Link(link) if topology.is_dead(link) => {}
                    OutputPort::Link(link) => {
                        let to = topology.links()[link.index()].to;
                        let channels = alternative.channels;
                        let node = self.node(to, Some(link), alternative.next, channels);
                        self.steps.push(Step { link, channels, node });
                    }
                }
            }
            self.nodes[next].steps = first..self.steps.len();
            next += 1;
        }
        self.candidates = candidates;
        Ok(())
    }

    fn node(&mut self, here: RouterId, link: Option<LinkId>, state: RouteState, held: ChannelSet) -> usize {
        // Links and routers both number below 2^31.
        let place = link.map_or(here.0 | 1 << 31, |link| link.0);
        let node = *self.index.entry(u64::from(place) << 32 | u64::from(state.0)).or_insert(self.nodes.len());
        if node == self.nodes.len() {
            self.nodes.push(Node { here, link, state, held, arrives: false, steps: 0..0 });
        }
        self.nodes[node].held.0 |= held.0;
        node
    }

    /// The ways on from a node.
    pub(super) fn steps_of(&self, node: &Node) -> &[Step] {
        &self.steps[node.steps.clone()]
    }

    /// The sources from which a packet may come to where nothing leads on to its destination, ascending.
    pub(super) fn lost_sources(&self) -> Vec<EndpointId> {
        let arrives = self.spread_back(|node| node.arrives);
        if !arrives.contains(&false) {
            return Vec::new();
        }
        let mut mark = arrives.iter().map(|arrives| !arrives);
        let lost = self.spread_back(|_| mark.next().unwrap_or(false));
        let mut sources: Vec<_> =
            self.starts.iter().filter(|&&(_, node)| lost[node]).map(|&(source, _)| source).collect();
        sources.dedup();
        sources
    }

    /// The nodes from which a marked one can be reached.
    fn spread_back(&self, mut marked: impl FnMut(&Node) -> bool) -> Vec<bool> {
        let mut marks: Vec<bool> = self.nodes.iter().map(&mut marked).collect();
        // Nodes are numbered in order of discovery, so backwards few rounds do.
        loop {
            let mut changed = false;
            for (i, node) in self.nodes.iter().enumerate().rev() {
                if !marks[i] && self.steps_of(node).iter().any(|step| marks[step.node]) {
                    (marks[i], changed) = (true, true);
                }
            }
            if !changed {
                return marks;
            }
        }
    }
}
