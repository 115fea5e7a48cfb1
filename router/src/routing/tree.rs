//! Multicast trees that depend on all destinations of a packet: longest dimension first, and nearly shortest ones.
//!
//! | kind | each destination, nearest to the source first |
//! |---|---|
//! | [`TreeKind::Xy`] | joins along its XY path from the source |
//! | [`TreeKind::LongestDimensionFirst`] | joins along the path from the source that goes along its longer offset first |
//! | [`TreeKind::Steiner`] | joins the nearest router of the tree there is; the shortest of several trees is kept |
//!
//! All are built alike: a path is cut at the last router where it meets the tree, so no router is entered twice,
//! no link carries a packet twice and branches never meet again. Where a straight way is dead, the
//! destination is joined by a shortest live way from the tree (breadth-first search), so whatever can be reached is.
//! The first two are from Navaridas, Luján, Plana, Temple & Furber 2015, *SpiNNaker: Enhanced multicast routing*
//! (dimension order, longest dimension first); joining the nearest router is their *neighbour exploring routing*, here
//! with all of the tree as neighbourhood.
//!
//! Links of a tree to destinations drawn evenly, mean of 200 (`trees_of_many_destinations_are_shorter_than_those_of_xy`
//! prints more):
//!
//! | network | destinations | xy | longest first | steiner |
//! |---|---|---|---|---|
//! | 8 x 8 | 8 | 24.5 | 0.95 of it | 0.74 of it |
//! | 16 x 16 | 16 | 84.0 | 0.85 | 0.62 |
//! | 16 x 16 torus | 16 | 70.4 | 0.95 | 0.65 |
//! | 32 x 32 | 32 | 308.5 | 0.76 | 0.47 |
//!
//! With 4 destinations on 6 x 6 routers it is 2 % longer than the shortest tree there is, in the mean of 400, and the shortest
//! in 338 of them (torus: 332); XY is 23 % longer (`steiner_trees_are_near_the_shortest_there_are`). Shorter trees are
//! not shorter paths: a copy may make a detour along the tree, which `xy` and longest dimension first never do.
//!
//! These are no rows of the [registry](super::strategies()). A routing function there is asked router by router, with the
//! destinations that are left and a word of state; what a branch of such a tree does depends on destinations that went
//! another way, and building the tree anew at every router can send two copies to one router. So trees are
//! values, made once for each request: [`KeyRoutes`](crate::KeyRoutes) compiles them to key/mask tables, and
//! [`TreeRouting`](super::TreeRouting) is a [`Routing`](super::Routing) over them for routes, levels and the prover.

use super::steps::productive;
use super::up_down::exits;
use crate::topology::{Coord, LinkId, RouterId, Topology};
use std::collections::{BTreeMap, VecDeque};

/// How a multicast tree is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TreeKind {
    /// XY paths from the source; on a network without faults the tree of `xy`.
    Xy,
    /// Paths from the source along the longer offset first; along x if both are equal.
    LongestDimensionFirst,
    /// Destinations join the nearest router of the tree. Never longer than the other two kinds.
    Steiner,
}

impl TreeKind {
    /// All kinds.
    pub const ALL: [TreeKind; 3] = [TreeKind::Xy, TreeKind::LongestDimensionFirst, TreeKind::Steiner];

    /// Name users type.
    pub fn name(self) -> &'static str {
        match self {
            TreeKind::Xy => "xy-tree",
            TreeKind::LongestDimensionFirst => "longest-dimension-first",
            TreeKind::Steiner => "steiner",
        }
    }

    /// The kind of that name; `None` if there is none.
    pub fn named(name: &str) -> Option<TreeKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A router of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeNode {
    /// The router.
    pub router: RouterId,
    /// The link over which the packet comes and the position of the router that sends it; `None` at the source.
    pub over: Option<(LinkId, u32)>,
}

/// A multicast tree: which routers a packet passes, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The source first, each other after the one that sends to it.
    nodes: Vec<TreeNode>,
    /// Position of each router.
    places: BTreeMap<RouterId, u32>,
    unreached: Vec<RouterId>,
}

impl Tree {
    fn new(source: RouterId) -> Self {
        let nodes = vec![TreeNode { router: source, over: None }];
        Tree { nodes, places: BTreeMap::from([(source, 0)]), unreached: Vec::new() }
    }

    /// The routers: the source's first, each other after the one that sends to it.
    pub fn nodes(&self) -> &[TreeNode] {
        &self.nodes
    }

    /// Number of links, each crossed once.
    pub fn length(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The links, each after the one before it on its path.
    pub fn links(&self) -> impl Iterator<Item = LinkId> {
        self.nodes.iter().filter_map(|node| Some(node.over?.0))
    }

    /// Position of a router among the [nodes](Tree::nodes); `None` if the packet does not pass it.
    pub fn place(&self, router: RouterId) -> Option<u32> {
        self.places.get(&router).copied()
    }

    /// Destinations that no live way leads to, ascending.
    pub fn unreached(&self) -> &[RouterId] {
        &self.unreached
    }

    /// Adds a router behind the one that the link leaves, which is in the tree.
    fn grow(&mut self, topology: &Topology, link: LinkId) {
        let link_ends = topology.links()[link.index()];
        let parent = self.places[&link_ends.from];
        self.places.insert(link_ends.to, self.nodes.len() as u32);
        self.nodes.push(TreeNode { router: link_ends.to, over: Some((link, parent)) });
    }

    /// Joins `to` by the part of a path that lies behind the last router of the tree on it. The path starts in the
    /// tree. False, and nothing is changed, if a link of that part is dead.
    fn graft(&mut self, topology: &Topology, path: &[LinkId]) -> bool {
        let joins = |link: &LinkId| self.places.contains_key(&topology.links()[link.index()].to);
        let own = &path[path.iter().rposition(joins).map_or(0, |last| last + 1)..];
        let alive = own.iter().all(|&link| !topology.is_dead(link));
        if alive {
            own.iter().for_each(|&link| self.grow(topology, link));
        }
        alive
    }

    /// Joins `to` by a shortest live way from the tree, or marks it as unreached.
    fn search(&mut self, topology: &Topology, to: RouterId) {
        let mut came: BTreeMap<RouterId, LinkId> = BTreeMap::new();
        let mut queue: VecDeque<_> = self.nodes.iter().map(|node| node.router).collect();
        while let Some(here) = queue.pop_front() {
            for (_, link) in exits(topology, here) {
                let next = topology.links()[link.index()].to;
                if self.places.contains_key(&next) || came.contains_key(&next) {
                    continue;
                }
                came.insert(next, link);
                if next == to {
                    let mut path = vec![link];
                    let mut at = here;
                    while let Some(&before) = came.get(&at) {
                        path.push(before);
                        at = topology.links()[before.index()].from;
                    }
                    path.iter().rev().for_each(|&link| self.grow(topology, link));
                    return;
                }
                queue.push_back(next);
            }
        }
        self.unreached.push(to);
    }
}

/// Builds the tree of a packet from the router `source` to the routers `destinations`; those named twice and the
/// source itself change nothing. The work is about the number of destinations times the length of the tree.
///
/// # Panics
/// If a router is not one of the topology.
pub fn multicast_tree(
    topology: &Topology,
    kind: TreeKind,
    source: RouterId,
    destinations: &[RouterId],
) -> Tree {
    let at = topology.coord(source);
    let mut order: Vec<_> = destinations.to_vec();
    order.sort_by_key(|&to| (distance(topology, at, topology.coord(to)), to));
    order.dedup();
    let mut tree = match kind {
        TreeKind::Xy => from_source(topology, source, &order, |_| true),
        TreeKind::LongestDimensionFirst => from_source(topology, source, &order, longer_is_x),
        TreeKind::Steiner => {
            let trees = [
                to_nearest(topology, source, &order, false),
                to_nearest(topology, source, &order, true),
                from_source(topology, source, &order, longer_is_x),
                from_source(topology, source, &order, |_| true),
                from_source(topology, source, &order, |_| false),
            ];
            // All reach the same routers; the first of the shortest.
            let [first, others @ ..] = trees;
            others.into_iter().fold(first, |best, tree| if tree.length() < best.length() { tree } else { best })
        }
    };
    tree.unreached.sort_unstable();
    tree
}

/// Hops between two places, were no link dead.
fn distance(topology: &Topology, a: Coord, b: Coord) -> u32 {
    let (east, north) = topology.offset(a, b);
    east.unsigned_abs() + north.unsigned_abs()
}

/// Whether the way along x is at least as long as that along y.
fn longer_is_x((east, north): (i32, i32)) -> bool {
    east.unsigned_abs() >= north.unsigned_abs()
}

/// The path along one axis, then along the other; its links may be dead.
fn straight(topology: &Topology, from: RouterId, to: RouterId, x_first: bool) -> Vec<LinkId> {
    let end = topology.coord(to);
    let mut path = Vec::new();
    let mut here = from;
    loop {
        let (x, y) = productive(topology, topology.coord(here), end);
        let way = if x_first { x.or(y) } else { y.or(x) };
        // A step towards a router inside the mesh always has a link.
        let Some(link) = way.and_then(|way| topology.link_from(here, way)) else { return path };
        path.push(link);
        here = topology.links()[link.index()].to;
    }
}

/// Joins each destination along its straight path from the source.
fn from_source(
    topology: &Topology,
    source: RouterId,
    order: &[RouterId],
    x_first: impl Fn((i32, i32)) -> bool,
) -> Tree {
    let mut tree = Tree::new(source);
    for &to in order.iter().filter(|&&to| to != source) {
        let offset = topology.offset(topology.coord(source), topology.coord(to));
        let path = straight(topology, source, to, x_first(offset));
        if tree.place(to).is_none() && !tree.graft(topology, &path) {
            tree.search(topology, to);
        }
    }
    tree
}

/// Joins each destination to the nearest router of the tree, in the order given or the one nearest to the tree first.
fn to_nearest(topology: &Topology, source: RouterId, order: &[RouterId], by_tree: bool) -> Tree {
    let mut tree = Tree::new(source);
    // Destinations left, with the nearest router of the tree and its distance. Earlier routers win ties.
    let first = |&to: &RouterId| (to, source, distance(topology, topology.coord(source), topology.coord(to)));
    let mut left: Vec<_> = order.iter().map(first).collect();
    while !left.is_empty() {
        let next = match by_tree {
            true => left.iter().enumerate().min_by_key(|(_, (_, _, hops))| *hops).map_or(0, |(next, _)| next),
            false => 0,
        };
        let (to, nearest, _) = left.remove(next);
        let before = tree.nodes.len();
        if tree.place(to).is_none() {
            let offset = topology.offset(topology.coord(nearest), topology.coord(to));
            if !tree.graft(topology, &straight(topology, nearest, to, longer_is_x(offset))) {
                tree.search(topology, to);
            }
        }
        for (to, nearest, hops) in &mut left {
            for node in &tree.nodes[before..] {
                let from_here = distance(topology, topology.coord(node.router), topology.coord(*to));
                if from_here < *hops {
                    (*nearest, *hops) = (node.router, from_here);
                }
            }
        }
    }
    tree
}
