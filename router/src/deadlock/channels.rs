//! The channel dependency graph (Dally & Seitz 1987), and the extended one of an escape sub-network (Duato 1993).

use super::walk::Walk;
use crate::routing::ChannelSet;
use crate::topology::{Direction, LinkId, Topology};
use std::collections::BTreeSet;

/// Which channels a packet holding a channel may ask for next: one set for each direction out of the link's end.
pub(super) struct Dependencies<'a> {
    topology: &'a Topology,
    channels: usize,
    wants: Vec<[ChannelSet; 4]>,
    /// Edges to links that do not leave the end of the link held: between branches of one packet.
    forks: BTreeSet<(usize, usize)>,
}

impl<'a> Dependencies<'a> {
    pub(super) fn new(topology: &'a Topology, channels: u8) -> Self {
        let channels = usize::from(channels);
        let wants = vec![Default::default(); topology.links().len() * channels];
        Self { topology, channels, wants, forks: BTreeSet::new() }
    }

    /// Number of a channel as a vertex.
    pub(super) fn vertex(&self, link: LinkId, channel: u8) -> usize {
        link.index() * self.channels + usize::from(channel)
    }

    /// The channel of a vertex.
    pub(super) fn channel(&self, vertex: usize) -> (LinkId, u8) {
        (LinkId((vertex / self.channels) as u32), (vertex % self.channels) as u8)
    }

    /// Adds the dependencies of a packet that holds one of `held` and may ask for `wanted` behind it.
    pub(super) fn add(&mut self, (link, held): (LinkId, ChannelSet), (next, wanted): (LinkId, ChannelSet)) {
        let slot = self.topology.links()[next.index()].direction as usize;
        let follows = self.topology.links()[link.index()].to == self.topology.links()[next.index()].from;
        for channel in held.iter().take_while(|&channel| usize::from(channel) < self.channels) {
            let vertex = self.vertex(link, channel);
            if follows {
                self.wants[vertex][slot].0 |= wanted.0;
            } else {
                let fork =
                    wanted.iter().map(|wanted| (vertex, next.index() * self.channels + usize::from(wanted)));
                self.forks.extend(fork);
            }
        }
    }

    pub(super) fn add_walk(&mut self, walk: &Walk) {
        for node in &walk.nodes {
            for step in walk.steps_of(node) {
                if let Some(link) = node.link {
                    self.add((link, node.held), (step.link, step.channels));
                }
            }
        }
    }

    /// Number of vertices.
    pub(super) fn len(&self) -> usize {
        self.wants.len()
    }

    /// Number of edges.
    pub(super) fn edges(&self) -> u64 {
        self.wants.iter().flatten().map(|set| u64::from(set.len())).sum::<u64>() + self.forks.len() as u64
    }

    pub(super) fn successors(&self, vertex: usize, out: &mut Vec<usize>) {
        let (link, _) = self.channel(vertex);
        let end = self.topology.links()[link.index()].to;
        for way in Direction::ALL {
            if let Some(next) = self.topology.link_from(end, way) {
                out.extend(self.wants[vertex][way as usize].iter().map(|channel| self.vertex(next, channel)));
            }
        }
        out.extend(self.forks.range((vertex, 0)..(vertex + 1, 0)).map(|&(_, next)| next));
    }
}

/// Sets of vertices, as rows of bits.
pub(super) struct BitRows {
    words: usize,
    bits: Vec<u64>,
}

impl BitRows {
    fn new(rows: usize, columns: usize) -> Self {
        let words = columns.div_ceil(64);
        Self { words, bits: vec![0; rows * words] }
    }

    fn set(&mut self, row: usize, column: usize) {
        self.bits[row * self.words + column / 64] |= 1 << (column % 64);
    }

    fn has(&self, row: usize, column: usize) -> bool {
        self.bits[row * self.words + column / 64] >> (column % 64) & 1 == 1
    }

    fn row(&self, row: usize) -> &[u64] {
        &self.bits[row * self.words..][..self.words]
    }

    /// Adds row `from` to row `into`; whether that changed anything.
    fn join(&mut self, into: usize, from: usize) -> bool {
        let mut changed = false;
        for word in 0..self.words {
            let new = self.bits[from * self.words + word];
            let old = &mut self.bits[into * self.words + word];
            changed |= new & !*old != 0;
            *old |= new;
        }
        changed
    }
}

/// Dependencies between escape channels, direct or by way of other channels only. Its vertices are numbered as if there
/// were no other channels.
pub(super) struct Extended {
    escape: ChannelSet,
    wants: BitRows,
    count: usize,
}

impl Extended {
    pub(super) fn new(topology: &Topology, escape: ChannelSet) -> Self {
        let count = Self::size(topology, escape);
        Self { escape, wants: BitRows::new(count, count), count }
    }

    /// Number of vertices there will be.
    pub(super) fn size(topology: &Topology, escape: ChannelSet) -> usize {
        topology.links().len() * escape.len() as usize
    }

    fn vertex(&self, link: LinkId, channel: u8) -> usize {
        let below = self.escape.0 & ((1u32 << channel) - 1);
        link.index() * self.escape.len() as usize + below.count_ones() as usize
    }

    /// The channel of a vertex.
    pub(super) fn channel(&self, vertex: usize) -> (LinkId, u8) {
        let per_link = self.escape.len() as usize;
        let channel = self.escape.iter().nth(vertex % per_link).unwrap_or(0);
        (LinkId((vertex / per_link) as u32), channel)
    }

    fn escapes_of(&self, set: ChannelSet) -> ChannelSet {
        ChannelSet(set.0 & self.escape.0)
    }

    /// For every node of a walk the escape channels that a packet there may ask for before it holds another one.
    fn asked(&self, walk: &Walk) -> BitRows {
        let mut asked = BitRows::new(walk.nodes.len(), self.count);
        for (i, node) in walk.nodes.iter().enumerate() {
            for step in walk.steps_of(node) {
                for channel in self.escapes_of(step.channels).iter() {
                    asked.set(i, self.vertex(step.link, channel));
                }
            }
        }
        loop {
            let mut changed = false;
            for (i, node) in walk.nodes.iter().enumerate().rev() {
                for step in walk.steps_of(node).iter().filter(|step| step.channels.0 & !self.escape.0 != 0) {
                    changed |= asked.join(i, step.node);
                }
            }
            if !changed {
                return asked;
            }
        }
    }

    pub(super) fn add_walk(&mut self, walk: &Walk) {
        let asked = self.asked(walk);
        for (i, node) in walk.nodes.iter().enumerate() {
            let Some(link) = node.link else { continue };
            for channel in self.escapes_of(node.held).iter() {
                let start = self.vertex(link, channel) * self.wants.words;
                let row = &mut self.wants.bits[start..start + self.wants.words];
                row.iter_mut().zip(asked.row(i)).for_each(|(into, from)| *into |= from);
            }
        }
    }

    /// Which of some dependencies packets of this walk make.
    pub(super) fn made_by(&self, walk: &Walk, edges: &[super::Edge]) -> Vec<bool> {
        let asked = self.asked(walk);
        let made = |&((link, channel), (next, wanted)): &super::Edge| {
            let holds = |node: &super::walk::Node| node.link == Some(link) && node.held.contains(channel);
            let wanted = self.vertex(next, wanted);
            walk.nodes.iter().enumerate().any(|(i, node)| holds(node) && asked.has(i, wanted))
        };
        edges.iter().map(made).collect()
    }

    /// Whether every node that is not at its destination offers a way in the escape channels.
    pub(super) fn always_offered(&self, walk: &Walk) -> bool {
        let offered = |node| walk.steps_of(node).iter().any(|step| !self.escapes_of(step.channels).is_empty());
        // A node without any way is a lost packet, which is told apart from a deadlock.
        walk.nodes.iter().all(|node| node.arrives || node.steps.is_empty() || offered(node))
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn edges(&self) -> u64 {
        self.wants.bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(super) fn successors(&self, vertex: usize, out: &mut Vec<usize>) {
        for (i, &word) in self.wants.row(vertex).iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                out.push(64 * i + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }
}
