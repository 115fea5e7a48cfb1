//! What compression reached, router by router.

use crate::topology::Coord;
use serde::Serialize;

/// Entries of one router's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RouterEntries {
    /// The router.
    pub router: Coord,
    /// One for every block of keys that comes there.
    pub before: usize,
    /// Those that default routing does not make needless.
    pub without_defaults: usize,
    /// In the table that was made.
    pub after: usize,
}

/// Entries of all routers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Entries asked for; compression stops there.
    pub target: usize,
    /// Sum over all routers before.
    pub total_before: u64,
    /// Sum of those that default routing does not make needless.
    pub total_without_defaults: u64,
    /// Sum after.
    pub total_after: u64,
    /// The longest table before.
    pub largest_before: usize,
    /// The longest table after.
    pub largest_after: usize,
    /// Each router, in the order they are numbered.
    pub routers: Vec<RouterEntries>,
}

impl TableReport {
    pub(super) fn new(target: usize, routers: Vec<RouterEntries>) -> Self {
        let total = |what: fn(&RouterEntries) -> usize| routers.iter().map(|r| what(r) as u64).sum();
        let largest = |what: fn(&RouterEntries) -> usize| routers.iter().map(what).max().unwrap_or(0);
        Self {
            target,
            total_before: total(|r| r.before),
            total_without_defaults: total(|r| r.without_defaults),
            total_after: total(|r| r.after),
            largest_before: largest(|r| r.before),
            largest_after: largest(|r| r.after),
            routers,
        }
    }

    /// Whether every table has at most `target` entries.
    ///
    /// # Errors
    /// All routers whose table is longer.
    pub fn met(&self) -> Result<(), TablesTooLong> {
        let long = self.routers.iter().filter(|r| r.after > self.target).map(|r| TooLong {
            router: r.router,
            before: r.before,
            after: r.after,
            target: self.target,
        });
        let routers: Vec<_> = long.collect();
        if routers.is_empty() { Ok(()) } else { Err(TablesTooLong { routers }) }
    }
}

/// A router whose table could not be made short enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the table of the router at {router} has {after} entries, {before} before compression, and should have {target}"
)]
pub struct TooLong {
    /// The router.
    pub router: Coord,
    /// Entries before.
    pub before: usize,
    /// Entries after.
    pub after: usize,
    /// Entries asked for.
    pub target: usize,
}

/// All routers whose tables are too long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} tables are too long; {}; place what talks to each other nearer, give neighbouring sources neighbouring keys, or \
     let sources with equal destinations share a block of keys",
    routers.len(),
    routers[0]
)]
pub struct TablesTooLong {
    /// The routers, at least one.
    pub routers: Vec<TooLong>,
}
