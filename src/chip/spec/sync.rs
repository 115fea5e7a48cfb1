//! When a tick ends, and what a barrier takes.

use serde::{Deserialize, Serialize};

/// When a tick ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncPolicy {
    /// When every core is done and every packet is delivered, plus the barrier's own time. Nothing is ever late.
    Barrier,
    /// After a fixed time, whatever is still under way. A copy that arrives after the end of the tick in which it should
    /// is late.
    FixedTick {
        /// Length of a tick in picoseconds.
        period_ps: u64,
        /// What becomes of late copies.
        late: Late,
    },
}

/// What becomes of a copy that misses its tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Late {
    /// It acts in the tick after the one in which it arrives.
    Deliver,
    /// It is thrown away where it arrives.
    Drop,
}

impl Late {
    /// By name.
    pub const NAMED: [(&'static str, Late); 2] = [("deliver", Late::Deliver), ("drop", Late::Drop)];
}

/// The barrier's time for a number of routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarrierPoint {
    /// Routers.
    pub routers: u32,
    /// Picoseconds.
    pub ps: u64,
}

/// A barrier as a tree over the routers: up to its root and down again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarrierTree {
    /// Branches of a node, at least 2.
    pub branches: u32,
    /// Time from a node to the next level, in picoseconds.
    pub level_ps: u64,
    /// Time that does not depend on the routers, in picoseconds.
    pub base_ps: u64,
}

impl BarrierTree {
    /// Its time over so many routers.
    pub fn ps(&self, routers: u32) -> u64 {
        let (mut levels, mut reach) = (0, 1u64);
        while reach < u64::from(routers) {
            (levels, reach) = (levels + 1, reach * u64::from(self.branches.max(2)));
        }
        self.base_ps + 2 * levels * self.level_ps
    }
}

/// What a barrier takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// A table, ascending by routers; beyond its ends it is held. Empty if there is a tree.
    pub points: Vec<BarrierPoint>,
    /// Whether the time between two points is that of the lower one; otherwise it lies on the line between them.
    pub steps: bool,
    /// Whether only routers with a core in use count; otherwise all of the mesh.
    pub used_only: bool,
    /// A model instead of a table.
    pub tree: Option<BarrierTree>,
}

impl Barrier {
    /// Its time in picoseconds, rounded up between points.
    pub fn ps(&self, routers: u32) -> u64 {
        if let Some(tree) = &self.tree {
            return tree.ps(routers);
        }
        let Some(next) = self.points.iter().position(|p| p.routers >= routers) else {
            return self.points.last().map_or(0, |p| p.ps);
        };
        let b = self.points[next];
        let Some(a) = next.checked_sub(1).map(|i| self.points[i]) else { return b.ps };
        if self.steps {
            return if b.routers == routers { b.ps } else { a.ps };
        }
        let (span, into) = (u64::from(b.routers - a.routers), u64::from(routers - a.routers));
        // Ascending by routers; the time may fall, in principle.
        if b.ps >= a.ps {
            a.ps + ((b.ps - a.ps) * into).div_ceil(span)
        } else {
            a.ps - (a.ps - b.ps) * into / span
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(steps: bool) -> Barrier {
        let points =
            [(1, 600), (2, 1000), (4, 1400), (29, 1800)].map(|(routers, ps)| BarrierPoint { routers, ps });
        Barrier { points: points.into(), steps, used_only: false, tree: None }
    }

    #[test]
    fn a_table_is_met_at_its_points_and_between_them_as_it_says() {
        let of = |steps, routers: &[u32]| routers.iter().map(|r| table(steps).ps(*r)).collect::<Vec<_>>();
        assert_eq!(of(true, &[1, 2, 3, 4, 28, 29, 32]), [600, 1000, 1000, 1400, 1400, 1800, 1800]);
        assert_eq!(of(false, &[1, 2, 3, 4, 28, 29, 32]), [600, 1000, 1200, 1400, 1784, 1800, 1800]);
    }

    #[test]
    fn a_tree_goes_up_and_down_its_levels() {
        let tree = BarrierTree { branches: 4, level_ps: 10, base_ps: 3 };
        assert_eq!([1, 2, 4, 5, 16, 17].map(|routers| tree.ps(routers)), [3, 23, 23, 43, 43, 63]);
    }
}
