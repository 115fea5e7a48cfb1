//! Key/mask tables of multicast routes: compiled from trees, made shorter, and checked by replaying every key.
//!
//! 1. [`KeyRoutes::compile`] gives every request its [tree](crate::Tree); a request owns one block of keys, so that
//!    sources with equal destinations can share one (`KeyBlock`).
//! 2. [`KeyRoutes::arrivals`] lists, router by router, the blocks that come there and what to do with each. No other key
//!    ever comes, so what a table says of other keys does not matter.
//! 3. [`compress`] makes a table of at most a wanted number of entries of one router's list; [`KeyTables::compress`] of all.
//! 4. [`replay`] walks every key through the tables and tells everything that differs from the trees.
//!
//! A router looks a packet up as in [`KeyMask`](crate::KeyMask): the first entry that matches; else straight on (*default
//! routing*). A list of unicast packets is a list of requests with one destination each, and a block of keys for each.

//!
//! Measured in November 2026, release build, one thread of a shared 2-core machine: 32 x 32 routers, 16,384 sources of 256 keys
//! each, 20 destinations each (`thousands_of_entries_a_router`). XY trees give 3.5 million entries, up to 5,376 a router,
//! in 0.9 s; 16 % remain without those that default routing makes needless. All are within 1,023 after 0.02 s, or 0.04 s if no
//! two sources have equal destinations; replaying 4.2 million keys takes 2 s. Merging fully takes 0.07 s and leaves 30,000 entries
//! where 16 neighbouring sources have equal destinations, 3 s and 463,000 where none have: random tables hardly merge.
//! Steiner trees have half the entries before, but as many corners and forks: 34,000 and 527,000 after.

mod compress;
mod cover;
mod replay;
mod report;

pub use compress::{Compression, compress};
pub use replay::{Difference, DifferenceKind, ReplayError, ReplayReport, replay};
pub use report::{RouterEntries, TableReport, TablesTooLong, TooLong};

use crate::route::{RouteError, RouteRequest, check};
use crate::routing::{KeyMaskEntry, Outputs, Tree, TreeKind, remote, tree_of};
use crate::topology::{Coord, Direction, EndpointId, RouterId, Topology};
use std::collections::BTreeMap;

/// Entries an application may use of a SpiNNaker router's 1,024; the last belongs to the system.
pub const SPINNAKER_ENTRIES: usize = 1023;

/// Keys that differ in their low bits alone: as many as a power of two, the first a multiple of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct KeyBlock {
    first: u32,
    free_bits: u8,
}

impl KeyBlock {
    /// The block of one key.
    pub fn one(key: u32) -> Self {
        Self { first: key, free_bits: 0 }
    }

    /// The keys that agree with `key` in the bits of `mask`.
    ///
    /// # Errors
    /// A mask whose ones are not all above its zeros, or a key with ones outside the mask.
    pub fn masked(key: u32, mask: u32) -> Result<Self, KeyError> {
        let free_bits = mask.count_zeros() as u8;
        if mask != mask_of(free_bits) || key & !mask != 0 {
            return Err(KeyError::NoBlock { key, mask });
        }
        Ok(Self { first: key, free_bits })
    }

    /// Gives each source in turn the next block that has room for so many keys; a source of 0 keys gets one.
    ///
    /// # Errors
    /// The first source for which the keys of 32 bits run out.
    pub fn allocate(counts: &[u32]) -> Result<Vec<Self>, KeyError> {
        let mut next = 0u64;
        let mut blocks = Vec::with_capacity(counts.len());
        for (source, &count) in counts.iter().enumerate() {
            let keys = u64::from(count.max(1)).next_power_of_two();
            let first = next.next_multiple_of(keys);
            next = first + keys;
            if next > 1 << 32 {
                return Err(KeyError::NoKeysLeft { source_index: source });
            }
            blocks.push(Self { first: first as u32, free_bits: keys.trailing_zeros() as u8 });
        }
        Ok(blocks)
    }

    /// The first key.
    pub fn key(self) -> u32 {
        self.first
    }

    /// The bits that all keys agree in.
    pub fn mask(self) -> u32 {
        mask_of(self.free_bits)
    }

    /// The last key.
    pub fn last(self) -> u32 {
        self.first | !self.mask()
    }

    /// Number of keys.
    pub fn keys(self) -> u64 {
        1 << self.free_bits
    }

    /// The two halves; `None` of a single key.
    pub fn halves(self) -> Option<[Self; 2]> {
        let free_bits = self.free_bits.checked_sub(1)?;
        Some([self.first, self.first | 1 << free_bits].map(|first| Self { first, free_bits }))
    }
}

fn mask_of(free_bits: u8) -> u32 {
    u32::MAX.checked_shl(free_bits.into()).unwrap_or(0)
}

/// Why keys are no block, or cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a block.
    #[error(
        "key {key:#x} with mask {mask:#x} is no block: the mask must be ones above zeros and the key 0 where the mask is; \
         give the source several blocks"
    )]
    NoBlock {
        /// The key.
        key: u32,
        /// The mask.
        mask: u32,
    },
    /// More keys than 32 bits can tell apart.
    #[error("no keys of 32 bits are left for source {source_index}; let sources share keys or have fewer")]
    NoKeysLeft {
        /// Index of the source.
        source_index: usize,
    },
}

/// A request and the keys its packets carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The keys.
    pub keys: KeyBlock,
    /// Where packets with them go.
    pub request: RouteRequest,
}

/// Why requests cannot be compiled to tables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRouteError {
    /// A request that is wrong in itself.
    #[error(transparent)]
    Request(#[from] RouteError),
    /// Two requests with keys in common.
    #[error("requests {first} and {second} both have key {key:#x}; give each source keys of its own")]
    SharedKey {
        /// Index of one request.
        first: usize,
        /// Index of the other.
        second: usize,
        /// The first key of both.
        key: u32,
    },
    /// A destination behind faults.
    #[error("request {request}: no live way leads from {from} to endpoint {destination}; leave it out")]
    NoWay {
        /// Index of the request.
        request: usize,
        /// The source's router.
        from: Coord,
        /// The destination.
        destination: u32,
    },
}

/// Requests with keys and their trees.
#[derive(Clone, Debug)]
pub struct KeyRoutes {
    requests: Vec<KeyedRequest>,
    /// Destinations that are alive and not the source, ascending.
    remote: Vec<Vec<EndpointId>>,
    trees: Vec<Tree>,
}

impl KeyRoutes {
    /// Builds the tree of every request. Dead endpoints and a source among its own destinations are left out.
    ///
    /// # Errors
    /// Everything that is wrong with the requests, or all destinations that cannot be reached.
    pub fn compile(
        topology: &Topology,
        kind: TreeKind,
        requests: &[KeyedRequest],
    ) -> Result<KeyRoutes, Vec<KeyRouteError>> {
        let mut wrong = Vec::new();
        for (i, keyed) in requests.iter().enumerate() {
            check(topology, i, &keyed.request, &mut wrong);
        }
        let mut errors: Vec<_> = wrong.into_iter().map(KeyRouteError::from).collect();
        let mut order: Vec<_> = (0..requests.len()).collect();
        order.sort_by_key(|&i| (requests[i].keys, i));
        // Blocks that begin inside one before them: the widest so far is enough to look at.
        let mut widest: Option<usize> = None;
        for &second in &order {
            let keys = requests[second].keys;
            match widest {
                Some(first) if keys.first <= requests[first].keys.last() => {
                    errors.push(KeyRouteError::SharedKey { first, second, key: keys.first });
                    if keys.last() > requests[first].keys.last() {
                        widest = Some(second);
                    }
                }
                _ => widest = Some(second),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (mut remotes, mut trees) = (Vec::new(), Vec::new());
        for (i, KeyedRequest { request, .. }) in requests.iter().enumerate() {
            let remote = remote(topology, request);
            let tree = tree_of(topology, kind, request.source, &remote);
            let behind = remote
                .iter()
                .filter(|to| tree.unreached().binary_search(&topology.endpoints()[to.index()].router).is_ok());
            errors.extend(behind.map(|to| KeyRouteError::NoWay {
                request: i,
                from: topology.endpoint_coord(request.source),
                destination: to.0,
            }));
            remotes.push(remote);
            trees.push(tree);
        }
        match errors.is_empty() {
            true => Ok(KeyRoutes { requests: requests.to_vec(), remote: remotes, trees }),
            false => Err(errors),
        }
    }

    /// The requests.
    pub fn requests(&self) -> &[KeyedRequest] {
        &self.requests
    }

    /// The tree of each request.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// What comes to each router, by ascending key.
    pub fn arrivals(&self, topology: &Topology) -> Vec<Arrivals> {
        let mut all = vec![Arrivals::default(); topology.router_count()];
        let mut known: Vec<BTreeMap<Outputs, u32>> = vec![BTreeMap::new(); topology.router_count()];
        for ((keyed, remote), tree) in self.requests.iter().zip(&self.remote).zip(&self.trees) {
            if remote.is_empty() {
                continue;
            }
            let mut outputs = vec![Outputs::default(); tree.nodes().len()];
            for node in tree.nodes() {
                if let Some((link, parent)) = node.over {
                    outputs[parent as usize].links.push(topology.links()[link.index()].direction);
                }
            }
            for &to in remote {
                if let Some(place) = tree.place(topology.endpoints()[to.index()].router) {
                    outputs[place as usize].endpoints.push(to);
                }
            }
            for (node, mut outputs) in tree.nodes().iter().zip(outputs) {
                outputs.links.sort_unstable();
                let way = node.over.map(|(link, _)| topology.links()[link.index()].direction);
                let straight = outputs.endpoints.is_empty() && way.is_some_and(|way| outputs.links == [way]);
                let here = &mut all[node.router.index()];
                let known = &mut known[node.router.index()];
                let number = match known.get(&outputs) {
                    Some(&number) => number,
                    None => {
                        let number = here.outputs.len() as u32;
                        here.outputs.push(outputs.clone());
                        known.insert(outputs, number);
                        number
                    }
                };
                here.blocks.push(Arrival { keys: keyed.keys, outputs: number, straight });
            }
        }
        all.iter_mut().for_each(|here| here.blocks.sort_unstable_by_key(|arrival| arrival.keys));
        all
    }
}

/// A block of keys that comes to a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The keys.
    pub keys: KeyBlock,
    /// Where they go: a position in [`Arrivals::outputs`].
    pub outputs: u32,
    /// Whether default routing sends them there.
    pub straight: bool,
}

/// All that comes to one router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Ascending, without common keys.
    blocks: Vec<Arrival>,
    outputs: Vec<Outputs>,
}

impl Arrivals {
    /// What comes, by ascending key; as many entries as a table that is not compressed.
    pub fn blocks(&self) -> &[Arrival] {
        &self.blocks
    }

    /// The different outputs.
    pub fn outputs(&self) -> &[Outputs] {
        &self.outputs
    }

    /// The table with an entry for each block.
    pub fn table(&self) -> KeyTable {
        let entry = |a: &Arrival| TernaryEntry { key: a.keys.key(), mask: a.keys.mask(), outputs: a.outputs };
        KeyTable { entries: self.blocks.iter().map(entry).collect(), outputs: self.outputs.clone() }
    }
}

/// An entry of a [`KeyTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TernaryEntry {
    /// Value of the bits that must agree; its other bits are 0.
    pub key: u32,
    /// Which bits must agree.
    pub mask: u32,
    /// Where packets go: a position in the table's outputs.
    pub outputs: u32,
}

/// The table of a router. The first entry that matches counts; a packet that none matches goes straight on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTable {
    entries: Vec<TernaryEntry>,
    outputs: Vec<Outputs>,
}

impl KeyTable {
    /// A table of such entries, in the order they are tried.
    pub fn new(entries: &[KeyMaskEntry]) -> Self {
        let number = |(i, e): (usize, &KeyMaskEntry)| TernaryEntry {
            key: e.key & e.mask,
            mask: e.mask,
            outputs: i as u32,
        };
        let outputs = entries.iter().map(|entry| entry.outputs.clone()).collect();
        Self { entries: entries.iter().enumerate().map(number).collect(), outputs }
    }

    /// The entries, in the order they are tried.
    pub fn entries(&self) -> &[TernaryEntry] {
        &self.entries
    }

    /// What an entry copies packets to.
    ///
    /// # Panics
    /// If the entry is another table's.
    pub fn outputs(&self, entry: &TernaryEntry) -> &Outputs {
        &self.outputs[entry.outputs as usize]
    }
}

/// The tables of all routers.
#[derive(Clone, Debug)]
pub struct KeyTables {
    tables: Vec<KeyTable>,
}

impl KeyTables {
    /// Tables with an entry for every block at every router it passes.
    pub fn uncompressed(arrivals: &[Arrivals]) -> Self {
        Self { tables: arrivals.iter().map(Arrivals::table).collect() }
    }

    /// Makes the table of every router at most `target` entries long, where that succeeds; the report tells where not.
    /// 0 asks for tables as short as they get.
    pub fn compress(topology: &Topology, arrivals: &[Arrivals], target: usize) -> (Self, TableReport) {
        let mut tables = Vec::with_capacity(arrivals.len());
        let mut routers = Vec::with_capacity(arrivals.len());
        for (i, here) in arrivals.iter().enumerate() {
            let Compression { table, before, without_defaults } = compress(here, target);
            let router = topology.coord(RouterId(i as u32));
            routers.push(RouterEntries { router, before, without_defaults, after: table.entries.len() });
            tables.push(table);
        }
        (Self { tables }, TableReport::new(target, routers))
    }

    /// The same with the table of a router replaced, for those who compress in their own way.
    ///
    /// # Panics
    /// If there is no such router.
    #[must_use]
    pub fn with_table(mut self, router: RouterId, table: KeyTable) -> Self {
        self.tables[router.index()] = table;
        self
    }

    /// The table of a router.
    pub fn table(&self, router: RouterId) -> &KeyTable {
        &self.tables[router.index()]
    }

    /// Number of routers.
    pub fn router_count(&self) -> usize {
        self.tables.len()
    }
}

/// The direction a packet goes on in if nothing matches it: that it came in.
fn straight_on(topology: &Topology, from: Option<crate::topology::LinkId>) -> Option<Direction> {
    from.map(|link| topology.links()[link.index()].direction)
}
