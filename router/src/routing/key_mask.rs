//! Multicast by key and mask, as SpiNNaker's routers do it (Furber et al. 2014, §3): an associative table in each router.
//!
//! An entry matches a packet if the packet's key and the entry's agree in the bits of its mask; the first that matches
//! names all links and endpoints the packet is copied to. A packet that nothing matches goes straight on (*default
//! routing*), so an entry is needed only where a path starts, turns, forks or ends.
//!
//! Two ways to get the tables: [`KeyMask::by_destination`] routes any packet, its key being the destination's number, and
//! forks where destinations part; [`KeyMask::compile`] gives every request of a list one key, as a mapper does.

use super::steps::{branch, group};
use super::up_down::{UpDown, routers};
use super::{
    Alternative, Candidates, ChannelSet, DimensionOrder, OutputPort, RouteState, Routing, RoutingError,
};
use crate::route::RouteRequest;
use crate::topology::{Coord, Direction, EndpointId, LinkId, RouterId, Topology};
use std::collections::BTreeMap;

/// Entries of a SpiNNaker router's table.
const MOST_ENTRIES: usize = 1024;
/// The key of a packet no request was compiled for; nothing matches it.
const NO_KEY: u32 = u32::MAX;

/// What an entry copies a packet to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outputs {
    /// Links, in the order of [`Direction::ALL`].
    pub links: Vec<Direction>,
    /// Endpoints of the router itself, ascending.
    pub endpoints: Vec<EndpointId>,
}

/// An entry of a router's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMaskEntry {
    /// Value of the bits that must agree; its other bits are 0.
    pub key: u32,
    /// Which bits must agree.
    pub mask: u32,
    /// Where the packet goes.
    pub outputs: Outputs,
}

/// Why tables cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyMaskError {
    /// The table of a router is full.
    #[error(
        "the router at {router} needs {entries} table entries, there is room for {limit}; \
             number endpoints so that those of one direction follow each other, or send fewer kinds of packets"
    )]
    TooManyEntries {
        /// The router.
        router: Coord,
        /// Entries needed.
        entries: usize,
        /// Entries there is room for.
        limit: usize,
    },
    /// A destination that the routing does not reach.
    #[error(
        "request {request}: there is no way from {router} to endpoint {destination}; leave it out or route around the faults"
    )]
    NoWay {
        /// Index of the request.
        request: usize,
        /// Where the way ends.
        router: Coord,
        /// The destination.
        destination: u32,
    },
    /// Two branches of a packet meet; with one key they cannot part again.
    #[error(
        "request {request}: two branches of its packet meet at {router}; use a routing whose paths form a tree, as `xy`"
    )]
    Meets {
        /// Index of the request.
        request: usize,
        /// Where.
        router: Coord,
    },
}

/// What a packet's key is.
#[derive(Clone, Debug)]
enum Keys {
    /// The destination's number, of each destination alone.
    Destination,
    /// One key a source and sorted destinations.
    Request(BTreeMap<(EndpointId, Vec<EndpointId>), u32>),
}

/// Routing by key and mask.
#[derive(Clone, Debug)]
pub struct KeyMask {
    channels: u8,
    tables: Vec<Vec<KeyMaskEntry>>,
    keys: Keys,
}

impl KeyMask {
    /// Tables for all destinations: YX paths, or up*/down* paths on a torus or around dead links.
    ///
    /// # Errors
    /// A network too large for its tables.
    pub fn by_destination(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        let simple = !topology.is_torus() && !topology.has_dead_links();
        let up_down = if simple { None } else { Some(UpDown::new(topology, channels)?) };
        let mut tables = Vec::with_capacity(topology.router_count());
        for here in routers(topology) {
            let outputs = |to: u32| {
                let router = topology.endpoints()[to as usize].router;
                let way = match &up_down {
                    Some(up_down) => up_down.next_hop(topology, here, router),
                    None => {
                        let (x, y) =
                            super::steps::productive(topology, topology.coord(here), topology.coord(router));
                        y.or(x)
                    }
                };
                let endpoints = if router == here { vec![EndpointId(to)] } else { Vec::new() };
                let links: Vec<_> = way.filter(|_| router != here).into_iter().collect();
                (!links.is_empty() || !endpoints.is_empty()).then_some(Outputs { links, endpoints })
            };
            let keys = 0..topology.endpoints().len() as u32;
            tables.push(compress(keys.filter_map(|to| Some((to, outputs(to)?)))));
        }
        fits(topology, &tables)
            .map_err(|error| RoutingError::Topology { name: "key-mask", why: error.to_string() })?;
        Ok(Self { channels, tables, keys: Keys::Destination })
    }

    /// Tables for these requests alone, request i having key i, along the paths of `routing`: its first way everywhere, in
    /// any channel. Dead endpoints and the source among its own destinations are left out, as in [`crate::RouteTable`].
    ///
    /// # Errors
    /// All destinations that are not reached and branches that meet, or the tables that are too full.
    pub fn compile(
        topology: &Topology,
        channels: u8,
        requests: &[RouteRequest],
        routing: &DimensionOrder,
    ) -> Result<Self, Vec<KeyMaskError>> {
        let mut errors = Vec::new();
        let mut keys = BTreeMap::new();
        let mut outputs: Vec<Vec<(u32, Outputs)>> = vec![Vec::new(); topology.router_count()];
        let mut candidates = Candidates::default();
        for (request, RouteRequest { source, destinations }) in requests.iter().enumerate() {
            let key = request as u32;
            let mut remote = destinations.clone();
            remote.retain(|&to| to != *source && !topology.is_endpoint_dead(to));
            let Some(first) = normal(*source, &remote) else { continue };
            if topology.is_endpoint_dead(*source) || keys.contains_key(&first) {
                continue;
            }
            keys.insert(first, key);
            let start = topology.endpoints()[source.index()].router;
            let state = routing.at_source(topology, *source, &remote, 0);
            let mut work = vec![(start, None, remote, state)];
            let mut passed = Vec::new();
            while let Some((here, from, mut left, state)) = work.pop() {
                let router = topology.coord(here);
                if passed.contains(&here) {
                    errors.push(KeyMaskError::Meets { request, router });
                    continue;
                }
                passed.push(here);
                routing.legal(topology, here, from, &mut left, state, &mut candidates);
                let mut entry = Outputs::default();
                let mut rest = &left[..];
                for (count, ways) in candidates.branches() {
                    let (served, after) = rest.split_at(count);
                    rest = after;
                    let alive = |link: LinkId| !topology.is_dead(link);
                    match ways.first().map(|way| (way.port, way.next)) {
                        Some((OutputPort::Eject, _)) => entry.endpoints.extend_from_slice(served),
                        Some((OutputPort::Link(link), next)) if alive(link) => {
                            let to = topology.links()[link.index()];
                            entry.links.push(to.direction);
                            work.push((to.to, Some(link), served.to_vec(), next));
                        }
                        _ => errors.extend(served.iter().map(|to| KeyMaskError::NoWay {
                            request,
                            router,
                            destination: to.0,
                        })),
                    }
                }
                entry.links.sort_unstable();
                entry.endpoints.sort_unstable();
                let straight = from.map(|link| topology.links()[link.index()].direction);
                if !(entry.endpoints.is_empty() && straight.is_some_and(|way| entry.links == [way])) {
                    outputs[here.index()].push((key, entry));
                }
            }
        }
        let tables: Vec<_> = outputs.into_iter().map(|list| compress(list.into_iter())).collect();
        if errors.is_empty()
            && let Err(error) = fits(topology, &tables)
        {
            errors.push(error);
        }
        if errors.is_empty() { Ok(Self { channels, tables, keys: Keys::Request(keys) }) } else { Err(errors) }
    }

    /// The table of a router, in the order entries are tried.
    pub fn table(&self, router: RouterId) -> &[KeyMaskEntry] {
        &self.tables[router.index()]
    }

    /// Where a packet with that key goes: the first entry that matches, else straight on, else nowhere.
    fn look_up(&self, topology: &Topology, here: RouterId, from: Option<LinkId>, key: u32) -> Outputs {
        if let Some(entry) = self.table(here).iter().find(|entry| key & entry.mask == entry.key) {
            return entry.outputs.clone();
        }
        let straight = from.map(|link| topology.links()[link.index()].direction);
        Outputs { links: straight.into_iter().collect(), endpoints: Vec::new() }
    }

    /// For every endpoint a packet with that key reaches from here, the slot it leaves by: a direction's number, or 4.
    fn reached(
        &self,
        topology: &Topology,
        here: RouterId,
        from: Option<LinkId>,
        key: u32,
    ) -> BTreeMap<EndpointId, usize> {
        let own = self.look_up(topology, here, from, key);
        let mut reached: BTreeMap<_, _> = own.endpoints.iter().map(|&to| (to, 4)).collect();
        let mut work: Vec<_> = own.links.iter().map(|&way| (here, way, way as usize)).collect();
        let mut steps_left = 4 * topology.router_count();
        while let Some((at, way, slot)) = work.pop() {
            let Some(link) = topology.link_from(at, way).filter(|_| steps_left > 0) else { continue };
            steps_left -= 1;
            let to = topology.links()[link.index()].to;
            let next = self.look_up(topology, to, Some(link), key);
            next.endpoints.iter().for_each(|&end| {
                reached.entry(end).or_insert(slot);
            });
            work.extend(next.links.iter().map(|&way| (to, way, slot)));
        }
        reached
    }
}

impl Routing for KeyMask {
    fn name(&self) -> &'static str {
        "key-mask"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn at_source(&self, _: &Topology, source: EndpointId, destinations: &[EndpointId], _: u64) -> RouteState {
        let Keys::Request(keys) = &self.keys else { return RouteState::default() };
        let key = normal(source, destinations).and_then(|request| keys.get(&request).copied());
        RouteState(key.unwrap_or(NO_KEY))
    }

    fn starts(&self, topology: &Topology, source: EndpointId, destination: EndpointId) -> Vec<RouteState> {
        let state = self.at_source(topology, source, &[destination], 0);
        // No packet is sent that has no key.
        if state.0 == NO_KEY { Vec::new() } else { vec![state] }
    }

    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        from: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    ) {
        candidates.clear();
        const EJECT: usize = 4;
        const NOWHERE: usize = 5;
        let counts: [usize; 6] = match &self.keys {
            Keys::Destination => group(destinations, &mut candidates.scratch, |to| {
                let outputs = self.look_up(topology, here, from, to.0);
                match (outputs.endpoints.contains(&to), outputs.links.first()) {
                    (true, _) => EJECT,
                    (false, Some(&way)) => way as usize,
                    (false, None) => NOWHERE,
                }
            }),
            Keys::Request(_) => {
                let reached = self.reached(topology, here, from, state.0);
                let slot = |to| reached.get(&to).copied().unwrap_or(NOWHERE);
                group(destinations, &mut candidates.scratch, slot)
            }
        };
        let channels = ChannelSet::first(self.channels);
        for (slot, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            match (slot, Direction::ALL.get(slot)) {
                (_, Some(&way)) => branch(topology, here, count, (way, channels, state), candidates),
                (EJECT, _) => {
                    candidates.push(count, &[Alternative { port: OutputPort::Eject, channels, next: state }]);
                }
                _ => candidates.push(count, &[]),
            }
        }
    }
}

/// The form a request is looked up by; `None` if it has no destination.
fn normal(source: EndpointId, destinations: &[EndpointId]) -> Option<(EndpointId, Vec<EndpointId>)> {
    let mut sorted = destinations.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    (!sorted.is_empty()).then_some((source, sorted))
}

/// Entries for ascending keys: runs of keys that follow each other with the same outputs become few masks. No entry covers a
/// key that is not in the list.
fn compress(list: impl Iterator<Item = (u32, Outputs)>) -> Vec<KeyMaskEntry> {
    let mut runs: Vec<(u32, u64, Outputs)> = Vec::new();
    for (key, outputs) in list {
        match runs.last_mut() {
            Some((_, end, same)) if *end == u64::from(key) && *same == outputs => *end += 1,
            _ => runs.push((key, u64::from(key) + 1, outputs)),
        }
    }
    let mut entries = Vec::new();
    for (start, end, outputs) in runs {
        let mut at = u64::from(start);
        while at < end {
            // The largest aligned block that starts here and ends in time.
            let aligned = if at == 0 { 32 } else { at.trailing_zeros() };
            let bits = aligned.min((end - at).ilog2());
            let mask = (u64::from(u32::MAX) << bits) as u32;
            entries.push(KeyMaskEntry { key: at as u32, mask, outputs: outputs.clone() });
            at += 1 << bits;
        }
    }
    entries
}

fn fits(topology: &Topology, tables: &[Vec<KeyMaskEntry>]) -> Result<(), KeyMaskError> {
    match routers(topology).find(|router| tables[router.index()].len() > MOST_ENTRIES) {
        Some(router) => Err(KeyMaskError::TooManyEntries {
            router: topology.coord(router),
            entries: tables[router.index()].len(),
            limit: MOST_ENTRIES,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::FirstLegal;
    use crate::topology::tests::mesh;
    use crate::{RouteId, RouteTable};

    #[test]
    fn runs_of_keys_become_few_masks_and_cover_nothing_else() {
        let one = Outputs { links: vec![Direction::East], endpoints: Vec::new() };
        let keys = [3, 4, 5, 6, 7, 9, 10];
        let entries = compress(keys.iter().map(|&key| (key, one.clone())));
        assert_eq!(entries.len(), 4, "3, 4-7, 9, 10");
        for key in 0..64 {
            let matched = entries.iter().filter(|entry| key & entry.mask == entry.key).count();
            assert_eq!(matched, usize::from(keys.contains(&key)));
        }
    }

    #[test]
    fn compiled_tables_stand_at_corners_and_ends_alone_and_make_the_xy_tree() {
        let topology = mesh(5, 5, 1);
        let request = |source: u32, to: &[u32]| RouteRequest {
            source: EndpointId(source),
            destinations: to.iter().copied().map(EndpointId).collect(),
        };
        let requests = [request(0, &[4]), request(10, &[4, 14, 24]), request(7, &[7, 17])];
        let xy = DimensionOrder::xy();
        let keys = KeyMask::compile(&topology, 1, &requests, &xy).unwrap();
        assert_eq!(keys.table(RouterId(2)).len(), 0, "straight on");
        assert_eq!(keys.table(RouterId(14)).len(), 1, "a fork");
        let a = RouteTable::build(&topology, &keys, &FirstLegal, &requests).unwrap();
        let b = RouteTable::build(&topology, &xy, &FirstLegal, &requests).unwrap();
        for route in (0..3).map(RouteId) {
            let links = |table: &RouteTable| {
                let mut links: Vec<_> = table.links(route).iter().map(|l| l.link).collect();
                links.sort_unstable();
                links
            };
            assert_eq!(links(&a), links(&b));
            assert!(a.legs(route).iter().all(|leg| leg.lost.is_none()));
        }
        let unknown = RouteTable::build(&topology, &keys, &FirstLegal, &[request(0, &[5])]).unwrap();
        assert!(unknown.legs(RouteId(0))[0].lost.is_some(), "no request was compiled for it");
    }

    #[test]
    fn tables_by_destination_are_small() {
        let topology = mesh(16, 16, 2);
        let keys = KeyMask::by_destination(&topology, 1).unwrap();
        assert!(routers(&topology).all(|router| keys.table(router).len() <= 40));
    }

    #[test]
    fn every_destination_behind_a_fault_is_named() {
        let mut topology = mesh(3, 1, 2);
        topology.kill_link(Coord { x: 0, y: 0 }, Direction::East).unwrap();
        let request = RouteRequest { source: EndpointId(0), destinations: vec![EndpointId(2), EndpointId(5)] };
        let errors = KeyMask::compile(&topology, 1, &[request], &DimensionOrder::xy()).unwrap_err();
        assert_eq!(errors.len(), 2);
    }
}
