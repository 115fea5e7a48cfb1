//! What patterns know of the network: a rectangle of routers with the same number of cores each.

use crate::topology::Topology;

/// A rectangle of routers with cores; core `(y * width + x) * cores + i` is the i-th of the router at (x, y).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Columns of routers, at least 1.
    pub width: u32,
    /// Rows of routers, at least 1.
    pub height: u32,
    /// Cores of each router, at least 1.
    pub cores: u32,
}

impl Shape {
    /// The shape of a network. Its named ports are no part of it and send nothing.
    pub fn of(topology: &Topology) -> Self {
        let (width, height) = (u32::from(topology.width()), u32::from(topology.height()));
        Self { width, height, cores: topology.core_count() / (width * height) }
    }

    /// Number of cores.
    pub fn endpoints(self) -> u32 {
        self.width * self.height * self.cores
    }

    /// Column, row and place at its router of a core.
    pub(super) fn split(self, endpoint: u32) -> (u32, u32, u32) {
        let router = endpoint / self.cores;
        (router % self.width, router / self.width, endpoint % self.cores)
    }

    /// The core at that column, row and place.
    pub(super) fn join(self, x: u32, y: u32, place: u32) -> u32 {
        (y * self.width + x) * self.cores + place
    }
}
