//! Every key walked through the tables, and compared with its tree.
//!
//! Kept simple on purpose, and apart from what makes the tables: it reads entries as a router does. A block of keys is
//! walked as one as long as all its keys do the same, and in halves where they do not, so every key is looked at.

use super::{KeyBlock, KeyRoutes, KeyTable, KeyTables, straight_on};
use crate::routing::Outputs;
use crate::topology::{Coord, Direction, EndpointId, LinkId, RouterId, Topology};
use std::collections::BTreeSet;

/// Differences that are listed; all are counted.
const LISTED: usize = 1000;

/// What was walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReplayReport {
    /// Keys.
    pub keys: u64,
    /// Parts of blocks that were walked as one.
    pub walks: u64,
    /// Links crossed, over all keys.
    pub crossings: u64,
}

/// What some keys do that their tree does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "request {request}, keys {:#x} to {:#x} at {at}: {what}",
    keys.key(),
    keys.last()
)]
pub struct Difference {
    /// Index of the request.
    pub request: usize,
    /// The keys that do so.
    pub keys: KeyBlock,
    /// The router concerned.
    pub at: Coord,
    /// What is wrong there.
    pub what: DifferenceKind,
}

/// Kinds of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DifferenceKind {
    /// No copy leaves at a destination.
    #[error("endpoint {0} is not reached")]
    Missing(u32),
    /// A copy leaves where none should.
    #[error("endpoint {0} is reached and should not be")]
    Extra(u32),
    /// A copy leaves twice.
    #[error("endpoint {0} is reached twice")]
    Twice(u32),
    /// A link of the tree is not crossed.
    #[error("the link {0} is not crossed")]
    LinkMissing(&'static str),
    /// A link is crossed that the tree does not have.
    #[error("the link {0} is crossed and is not in the tree")]
    LinkExtra(&'static str),
    /// A copy comes to a router a second time.
    #[error("a copy comes back to a router or two copies meet, over the link {0}")]
    Meets(&'static str),
    /// A copy is sent over a dead link or the edge of the mesh.
    #[error("no live link leads {0}")]
    NoLink(&'static str),
}

/// The tables do something else than the trees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{total} differences between tables and trees; the first: {}; the tables must not be used", listed[0])]
pub struct ReplayError {
    /// All differences.
    pub total: u64,
    /// The first thousand of them, at least one.
    pub listed: Vec<Difference>,
}

/// Walks every key of every request from its source through the tables.
///
/// # Errors
/// Every key that does not reach exactly its destinations over exactly the links of its tree, each once.
pub fn replay(
    topology: &Topology,
    routes: &KeyRoutes,
    tables: &KeyTables,
) -> Result<ReplayReport, ReplayError> {
    let mut report = ReplayReport::default();
    let (mut total, mut listed) = (0, Vec::new());
    for (request, keyed) in routes.requests.iter().enumerate() {
        let (tree, remote) = (&routes.trees[request], &routes.remote[request]);
        if remote.is_empty() {
            continue;
        }
        let links: BTreeSet<LinkId> = tree.links().collect();
        let start = topology.endpoints()[keyed.request.source.index()].router;
        let mut work = vec![keyed.keys];
        while let Some(keys) = work.pop() {
            let walk = match walk(topology, tables, start, keys) {
                Ok(walk) => walk,
                Err([low, high]) => {
                    work.extend([high, low]);
                    continue;
                }
            };
            report.walks += 1;
            report.keys += keys.keys();
            report.crossings += keys.keys() * walk.links.len() as u64;
            let mut wrong = walk.wrong;
            let place = |to: &EndpointId| topology.endpoint_coord(*to);
            let leaves = |link: &LinkId| {
                let link = topology.links()[link.index()];
                (topology.coord(link.from), link.direction.name())
            };
            let wanted: BTreeSet<_> = remote.iter().copied().collect();
            wrong.extend(wanted.difference(&walk.reached).map(|to| (place(to), DifferenceKind::Missing(to.0))));
            wrong.extend(walk.reached.difference(&wanted).map(|to| (place(to), DifferenceKind::Extra(to.0))));
            for link in links.difference(&walk.links) {
                let (at, way) = leaves(link);
                wrong.push((at, DifferenceKind::LinkMissing(way)));
            }
            for link in walk.links.difference(&links) {
                let (at, way) = leaves(link);
                wrong.push((at, DifferenceKind::LinkExtra(way)));
            }
            total += wrong.len() as u64;
            let room = LISTED - listed.len();
            let differences = wrong.into_iter().map(|(at, what)| Difference { request, keys, at, what });
            listed.extend(differences.take(room));
        }
    }
    if total == 0 { Ok(report) } else { Err(ReplayError { total, listed }) }
}

/// What a packet did.
#[derive(Default)]
struct Walk {
    reached: BTreeSet<EndpointId>,
    links: BTreeSet<LinkId>,
    wrong: Vec<(Coord, DifferenceKind)>,
}

/// Walks keys that do the same everywhere, or tells the halves to walk.
fn walk(
    topology: &Topology,
    tables: &KeyTables,
    start: RouterId,
    keys: KeyBlock,
) -> Result<Walk, [KeyBlock; 2]> {
    let mut walk = Walk::default();
    let mut entered = BTreeSet::from([start]);
    let mut work = vec![(start, None)];
    while let Some((here, from)) = work.pop() {
        let at = topology.coord(here);
        let (ways, endpoints): (Vec<Direction>, &[EndpointId]) = match look_up(tables.table(here), keys)? {
            Some(outputs) => (outputs.links.clone(), &outputs.endpoints),
            None => (straight_on(topology, from).into_iter().collect(), &[]),
        };
        for &to in endpoints {
            if !walk.reached.insert(to) {
                walk.wrong.push((at, DifferenceKind::Twice(to.0)));
            }
        }
        for way in ways {
            let Some(link) = topology.link_from(here, way).filter(|&link| !topology.is_dead(link)) else {
                walk.wrong.push((at, DifferenceKind::NoLink(way.name())));
                continue;
            };
            walk.links.insert(link);
            let to = topology.links()[link.index()].to;
            match entered.insert(to) {
                true => work.push((to, Some(link))),
                false => walk.wrong.push((at, DifferenceKind::Meets(way.name()))),
            }
        }
    }
    Ok(walk)
}

/// Where a table sends keys; `None` if nothing matches any of them. An error if not all do the same: the halves.
fn look_up(table: &KeyTable, keys: KeyBlock) -> Result<Option<&Outputs>, [KeyBlock; 2]> {
    let meets = |key: u32, mask: u32| (key ^ keys.key()) & mask & keys.mask() == 0;
    let Some(entry) = table.entries().iter().find(|entry| meets(entry.key, entry.mask)) else {
        return Ok(None);
    };
    match keys.halves().filter(|_| entry.mask & !keys.mask() != 0) {
        Some(halves) => Err(halves),
        None => Ok(Some(table.outputs(entry))),
    }
}
