//! Limits of a core beside its room: what is held of them is kept up to date with the pins.

use super::{State, Word};
use crate::metric::Metric;

/// What cores hold beside neurons, each with its limit.
#[derive(Clone, Debug)]
pub(crate) struct Held<'a> {
    limits: &'a Limits,
    /// By core.
    pub(super) axons: Vec<u64>,
    /// By core.
    pub(super) words: Vec<u64>,
    /// Group of the vertices of each core; `None` for an empty one.
    group: Vec<Option<u32>>,
}

impl Held<'_> {
    /// Takes note that a core's pins of a net, all axons of `sources`, went from `before` to `after`.
    pub(super) fn change(&mut self, core: usize, sources: u64, before: u32, after: u32) {
        let words = |pins: u32| self.limits.row_words(pins);
        self.words[core] = self.words[core] + sources * words(after) - sources * words(before);
        self.axons[core] = self.axons[core] + sources * u64::from(after > 0) - sources * u64::from(before > 0);
    }
}

/// Limits of a core beside its room, which moves keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most input axons: sources with a pin on the core.
    pub in_axons: u64,
    /// Most words of synapse memory.
    pub words: u64,
    /// Words of a row of so many synapses; the last holds for all longer rows, in proportion.
    pub row_words: Vec<u64>,
    /// Vertices of different groups share no core; empty for one group. [`Limits::NO_GROUP`] shares with all.
    pub groups: Vec<u32>,
}

impl Limits {
    /// Of a vertex that is no neuron of the core it is at, such as a port.
    pub const NO_GROUP: u32 = u32::MAX;

    fn row_words(&self, pins: u32) -> u64 {
        let pins = pins as usize;
        self.row_words.get(pins).copied().unwrap_or_else(|| {
            let last = self.row_words.len().max(2) - 1;
            (self.row_words.last().copied().unwrap_or(0) * pins as u64).div_ceil(last as u64)
        })
    }
}

impl<'a, W: Word, M: Metric> State<'a, W, M> {
    /// Keeps the given limits from here on; see [`Self::keeps_limits`].
    pub(crate) fn limited(mut self, limits: &'a Limits) -> Self {
        let cores = self.load.len();
        let mut held = Held { limits, axons: vec![0; cores], words: vec![0; cores], group: vec![None; cores] };
        for net in 0..self.problem.nets() {
            let sources = self.problem.sources.row(net).len() as u64;
            let mut there: Vec<u16> =
                self.problem.pins.row(net).iter().map(|pin| self.core[*pin as usize]).collect();
            there.sort_unstable();
            for pins in there.chunk_by(|a, b| a == b) {
                held.change(pins[0].into(), sources, 0, pins.len() as u32);
            }
        }
        for (v, &core) in self.core.iter().enumerate() {
            if let Some(group) = limits.groups.get(v).filter(|group| **group != Limits::NO_GROUP) {
                held.group[core as usize] = Some(*group);
            }
        }
        self.held = Some(held);
        self
    }

    /// Takes note that a core's pins of a net went from `before` to `after`.
    pub(super) fn hold(&mut self, net: usize, core: u16, before: u32, after: u32) {
        if let Some(held) = &mut self.held {
            held.change(core.into(), self.problem.sources.row(net).len() as u64, before, after);
        }
    }

    /// Whether vertex `v` may be on core `to`, as far as its group goes.
    pub(crate) fn may_join(&self, v: u32, to: u16) -> bool {
        let Some(held) = &self.held else { return true };
        match (held.group[to as usize], held.limits.groups.get(v as usize)) {
            (Some(there), Some(own)) => there == *own,
            // An empty core stays empty: it has no group of its own.
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }

    /// Whether every core's limits are kept, and no core holds two groups.
    pub(crate) fn is_within_limits(&self) -> bool {
        let Some(held) = &self.held else { return true };
        let alone = |(v, core): (usize, &u16)| {
            let own = held.limits.groups.get(v).filter(|group| **group != Limits::NO_GROUP);
            own.is_none_or(|own| held.group[usize::from(*core)] == Some(*own))
        };
        self.core.iter().enumerate().all(alone)
            && (0..held.axons.len() as u16).all(|core| self.keeps_limits(core))
    }

    /// Whether a core keeps its limits, after a move to it.
    pub(crate) fn keeps_limits(&self, core: u16) -> bool {
        self.held.as_ref().is_none_or(|held| {
            held.axons[core as usize] <= held.limits.in_axons && held.words[core as usize] <= held.limits.words
        })
    }
}
