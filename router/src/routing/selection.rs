//! Which of several legal ways a packet takes now: the only place where load enters routing.

use super::{Alternative, Candidates, ChannelSet, OutputPort, Routing};
use crate::topology::{Direction, EndpointId, LinkId, RouterId, Topology};

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

/// Takes any legal way with equal chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Selection for Random {
    fn name(&self) -> &'static str {
        "random"
    }
    fn choose(&self, query: &SelectionQuery<'_>, draw: &mut dyn FnMut() -> u64) -> usize {
        best(query, |_| 0, draw)
    }
}

/// Takes the way with most free slots behind it, in the channels allowed there; ties by chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct BufferLevel;

impl Selection for BufferLevel {
    fn name(&self) -> &'static str {
        "buffer-level"
    }
    fn choose(&self, query: &SelectionQuery<'_>, draw: &mut dyn FnMut() -> u64) -> usize {
        best(query, |way| free_slots(query, way), draw)
    }
}

/// Takes the way whose link has fewest flits behind it, over all its channels; ties by chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct FewestOccupied;

impl Selection for FewestOccupied {
    fn name(&self) -> &'static str {
        "fewest-occupied"
    }
    fn choose(&self, query: &SelectionQuery<'_>, draw: &mut dyn FnMut() -> u64) -> usize {
        let free = |way: &Alternative| match way.port {
            OutputPort::Link(link) => u64::from(u32::MAX - query.load.occupied(link)),
            OutputPort::Eject => u64::MAX,
        };
        best(query, free, draw)
    }
}

/// Neighbours-on-path (Ascia et al. 2008, *Implementation and analysis of a new selection strategy for adaptive routing in
/// networks-on-chip*): takes the way to the neighbour from which the ways on have most free slots in all; ties by
/// chance. A neighbour that is the destination's own beats all others.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeighboursOnPath;

impl Selection for NeighboursOnPath {
    fn name(&self) -> &'static str {
        "neighbours-on-path"
    }
    fn looks_at_neighbours(&self) -> bool {
        true
    }
    fn choose(&self, query: &SelectionQuery<'_>, draw: &mut dyn FnMut() -> u64) -> usize {
        let &SelectionQuery { topology, destination, routing, .. } = query;
        let mut beyond = Candidates::default();
        let score = |way: &Alternative| {
            let OutputPort::Link(link) = way.port else { return u64::MAX };
            let neighbour = topology.links()[link.index()].to;
            routing.legal(topology, neighbour, Some(link), &mut [destination], way.next, &mut beyond);
            let ways = beyond.branches().flat_map(|(_, ways)| ways);
            ways.map(|way| free_slots(query, way)).fold(0, u64::saturating_add)
        };
        best(query, score, draw)
    }
}

/// DyAD (Hu & Marculescu 2004, *DyAD: smart routing for networks-on-chip*): the first way while all neighbours are calm, as
/// [`BufferLevel`] once one of them is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Dyad {
    /// A neighbour is loaded that holds more flits than this from here.
    pub threshold_flits: u32,
}

impl Default for Dyad {
    /// More than half of a buffer of four flits, close to the 60 % of the paper.
    fn default() -> Self {
        Self { threshold_flits: 2 }
    }
}

impl Selection for Dyad {
    fn name(&self) -> &'static str {
        "dyad"
    }
    fn choose(&self, query: &SelectionQuery<'_>, draw: &mut dyn FnMut() -> u64) -> usize {
        let mut neighbours =
            Direction::ALL.into_iter().filter_map(|way| query.topology.link_from(query.here, way));
        match neighbours.any(|link| query.load.occupied(link) > self.threshold_flits) {
            true => BufferLevel.choose(query, draw),
            false => 0,
        }
    }
}

/// Free slots behind a way; leaving the network needs none.
fn free_slots(query: &SelectionQuery<'_>, way: &Alternative) -> u64 {
    match way.port {
        OutputPort::Link(link) => query.load.free(link, way.channels).into(),
        OutputPort::Eject => u64::MAX,
    }
}

/// The alternative of the highest score. Draws one word only if several have it.
fn best(
    query: &SelectionQuery<'_>,
    mut score: impl FnMut(&Alternative) -> u64,
    draw: &mut dyn FnMut() -> u64,
) -> usize {
    let (mut high, mut ties, mut first) = (0, 0u64, 0);
    let mut tied = 0u128;
    for (i, alternative) in query.alternatives.iter().enumerate().take(128) {
        let score = score(alternative);
        if ties == 0 || score > high {
            (high, ties, first, tied) = (score, 0, i, 0);
        }
        if score == high {
            ties += 1;
            tied |= 1 << i;
        }
    }
    if ties < 2 {
        return first;
    }
    let pick = ((u128::from(draw()) * u128::from(ties)) >> 64) as usize;
    (0..128).filter(|i| tied >> i & 1 == 1).nth(pick).unwrap_or(first)
}

/// All selections by name.
pub fn selections() -> &'static [fn() -> Box<dyn Selection>] {
    &[
        || Box::new(FirstLegal),
        || Box::new(Random),
        || Box::new(BufferLevel),
        || Box::new(FewestOccupied),
        || Box::new(NeighboursOnPath),
        || Box::new(Dyad::default()),
    ]
}

/// Makes the selection of that name, if there is one.
pub fn selection(name: &str) -> Option<Box<dyn Selection>> {
    selections().iter().map(|make| make()).find(|s| s.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::WestFirst;
    use crate::topology::tests::mesh;

    /// Flits behind each link; buffers of 8.
    struct Loaded(Vec<(LinkId, u32)>);

    impl Load for Loaded {
        fn occupied(&self, link: LinkId) -> u32 {
            self.0.iter().find(|(loaded, _)| *loaded == link).map_or(0, |(_, flits)| *flits)
        }
        fn free(&self, link: LinkId, _: ChannelSet) -> u32 {
            8 - self.occupied(link)
        }
    }

    /// A choice between north (first) and east in the middle of a mesh, on the way to the north-east corner: chosen way, draws.
    fn choose(selection: &dyn Selection, load: &[((u32, Direction), u32)], word: u64) -> (usize, u32) {
        let topology = mesh(5, 5, 1);
        let routing = WestFirst::new(&topology, 1).unwrap();
        let link = |(router, way)| topology.link_from(RouterId(router), way).unwrap();
        let loaded = Loaded(load.iter().map(|&(place, flits)| (link(place), flits)).collect());
        let mut candidates = Candidates::default();
        let (here, destination) = (RouterId(6), EndpointId(24));
        routing.legal(&topology, here, None, &mut [destination], Default::default(), &mut candidates);
        let (_, alternatives) = candidates.branches().next().unwrap();
        assert_eq!(alternatives.len(), 2);
        let mut draws = 0;
        let query = SelectionQuery {
            topology: &topology,
            here,
            destination,
            routing: &routing,
            alternatives,
            load: &loaded,
        };
        let chosen = selection.choose(&query, &mut || {
            draws += 1;
            word
        });
        (chosen, draws)
    }

    const NORTH: usize = 0;
    const EAST: usize = 1;

    #[test]
    fn selections_draw_only_on_ties_and_then_evenly() {
        for selection in [&Random as &dyn Selection, &BufferLevel, &FewestOccupied, &NeighboursOnPath] {
            assert_eq!(choose(selection, &[], 0), (NORTH, 1), "{}", selection.name());
            assert_eq!(choose(selection, &[], u64::MAX), (EAST, 1), "{}", selection.name());
        }
        assert_eq!(choose(&FirstLegal, &[], u64::MAX), (NORTH, 0));
        assert_eq!(choose(&Dyad::default(), &[], u64::MAX), (NORTH, 0));
    }

    #[test]
    fn the_less_loaded_way_is_taken_without_a_draw() {
        let north = [((6, Direction::North), 1)];
        for selection in [&BufferLevel as &dyn Selection, &FewestOccupied] {
            assert_eq!(choose(selection, &north, 0), (EAST, 0), "{}", selection.name());
        }
        let east = [((6, Direction::East), 1)];
        assert_eq!(choose(&BufferLevel, &east, u64::MAX), (NORTH, 0));
    }

    #[test]
    fn neighbours_on_path_looks_one_hop_on() {
        // The router to the north is (1,2), number 11.
        let behind_north = [((11, Direction::East), 5)];
        assert_eq!(choose(&NeighboursOnPath, &behind_north, 0), (EAST, 0));
        assert_eq!(choose(&BufferLevel, &behind_north, 0), (NORTH, 1), "which others do not see");
        assert!(NeighboursOnPath.looks_at_neighbours());
    }

    #[test]
    fn dyad_adapts_above_its_threshold() {
        let load = |flits| [((6, Direction::North), flits)];
        assert_eq!(choose(&Dyad { threshold_flits: 2 }, &load(2), 0), (NORTH, 0), "calm: the first way");
        assert_eq!(choose(&Dyad { threshold_flits: 2 }, &load(3), 0), (EAST, 0));
        let elsewhere = [((6, Direction::West), 3), ((6, Direction::East), 1)];
        assert_eq!(choose(&Dyad { threshold_flits: 2 }, &elsewhere, u64::MAX), (NORTH, 0), "most free slots");
    }

    #[test]
    fn every_selection_is_found_by_its_name() {
        for make in selections() {
            let name = make().name();
            assert_eq!(selection(name).unwrap().name(), name);
        }
        assert!(selection("best").is_none());
    }
}
