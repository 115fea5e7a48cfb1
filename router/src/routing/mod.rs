//! Which way a packet may go ([`Routing`]) and which of the allowed ways it takes now ([`Selection`]).
//!
//! A routing function is pure and knows no load, so it can be enumerated: tables are compiled from it and a
//! prover can walk all its dependencies. Load enters through the selection alone.
//!
//! One file a strategy, one line in [`strategies`]. Those with one destination at a time implement [`Unicast`], which
//! is all that `docs/guide/your-own-routing.md` needs; multicast strategies implement [`Routing`] itself.

pub mod broken;
mod deflection;
mod dimension_order;
mod dual_path;
mod key_mask;
mod minimal_adaptive;
mod negative_first;
mod north_last;
mod o1turn;
mod odd_even;
mod planar_adaptive;
mod recursive_partitioning;
mod registry;
mod romm;
mod selection;
mod spinnaker;
mod steps;
mod table;
mod tree;
mod tree_routing;
mod two_phase;
mod up_down;
mod valiant;
mod west_first;

pub use deflection::Deflection;
pub use dimension_order::DimensionOrder;
pub use dual_path::DualPath;
pub use key_mask::{KeyMask, KeyMaskEntry, KeyMaskError, Outputs};
pub use minimal_adaptive::MinimalAdaptive;
pub use negative_first::NegativeFirst;
pub use north_last::NorthLast;
pub use o1turn::O1Turn;
pub use odd_even::OddEven;
pub use planar_adaptive::PlanarAdaptive;
pub use recursive_partitioning::RecursivePartitioning;
pub use registry::{Maker, Needs, RoutingError, RoutingStrategy, strategies, strategy};
pub use romm::Romm;
pub use selection::{
    BufferLevel, Dyad, FewestOccupied, FirstLegal, Load, NeighboursOnPath, NoLoad, Random, Selection,
    SelectionQuery, selection, selections,
};
pub use spinnaker::Spinnaker;
pub use steps::{Hop, Unicast};
pub use table::{TableEntry, TableError, TableRouting};
pub use tree::{Tree, TreeKind, TreeNode, multicast_tree};
pub use tree_routing::TreeRouting;
pub(crate) use tree_routing::{remote, tree_of};
pub use up_down::UpDown;
pub use valiant::Valiant;
pub use west_first::WestFirst;

use crate::topology::{EndpointId, LinkId, RouterId, Topology};

/// State a routing function carries from router to router (a coin, a phase); opaque to everyone else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouteState(pub u32);

/// A set of virtual channels, bit i for channel i.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChannelSet(pub u32);

impl ChannelSet {
    /// Most virtual channels there can be.
    pub const MOST: u8 = 32;

    /// Channels `from..to`, at most [`ChannelSet::MOST`]; empty if `from >= to`.
    pub const fn range(from: u8, to: u8) -> Self {
        Self(Self::below(to) & !Self::below(from))
    }

    const fn below(n: u8) -> u32 {
        if n >= Self::MOST { u32::MAX } else { (1 << n) - 1 }
    }

    /// Channels `0..count`.
    pub const fn first(count: u8) -> Self {
        Self::range(0, count)
    }

    /// Whether the channel is in the set.
    pub const fn contains(self, channel: u8) -> bool {
        channel < Self::MOST && self.0 >> channel & 1 == 1
    }

    /// Number of channels in the set.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether no channel is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The channels, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..Self::MOST).filter(move |&channel| self.contains(channel))
    }
}

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

    /// Adds an alternative to the branch pushed last.
    ///
    /// # Panics
    /// If there is no branch yet.
    pub fn extend(&mut self, alternative: Alternative) {
        let (_, count) = self.branches.last_mut().expect("invariant: a branch is pushed before it is extended");
        *count += 1;
        self.alternatives.push(alternative);
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

/// A routing function: which ways are legal, whatever the load. Made for one topology and number of virtual channels.
pub trait Routing: Send + Sync {
    /// Name in the registry.
    fn name(&self) -> &'static str;

    /// Virtual channels of every link it was made for; its answers name these alone.
    fn virtual_channels(&self) -> u8;

    /// State at injection; `draw` is the packet's own random word, for strategies that toss a coin.
    fn at_source(
        &self,
        topology: &Topology,
        source: EndpointId,
        destinations: &[EndpointId],
        draw: u64,
    ) -> RouteState;

    /// Every state that [`Routing::at_source`] can give a packet to one destination, for those who prove something of
    /// all packets. Right as it is for strategies that ignore the draw.
    fn starts(&self, topology: &Topology, source: EndpointId, destination: EndpointId) -> Vec<RouteState> {
        vec![self.at_source(topology, source, &[destination], 0)]
    }

    /// Writes the legal ways on from `here` into `candidates` (cleared first), and sorts `destinations` so that those of
    /// one branch follow each other in the branches' order. `from` is the link the packet came over, `None` at its source.
    ///
    /// Dead links are left out. A branch that no legal way is left for has no alternatives: its packet cannot be
    /// routed, and callers drop and count it. A strategy that answers by side may name a dead link; then
    /// the packet is lost there, which callers see by [`Topology::is_dead`].
    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        from: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    );

    /// Whether the answer to a packet with one destination depends on nothing but `here`, the state, and on which side
    /// of `here` the destination lies (west, same column, east; south, same row, north). Such functions are
    /// compiled to a table of nine entries a state and router class, which the flit level reads faster than it can ask.
    /// `Some(n)`: so it is, and states are below `n`. `None`: not so.
    fn answers_by_side(&self) -> Option<u8> {
        None
    }

    /// The channels that are the escape sub-network, for strategies whose freedom from deadlock rests on one (Duato 1993).
    /// `legal` then names one way in these channels everywhere. A router must let a packet that waits ask for that way
    /// too, not only for the one its selection likes best, and give it lowest priority, as it is the scarcest.
    fn escape(&self) -> Option<ChannelSet> {
        None
    }
}
