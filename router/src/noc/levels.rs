//! What routers with a reservation table tell their neighbours: free slots and free outputs, one cycle late.

use super::reservation::{MeshPort, SIDES, facing};
use crate::topology::RouterId;

/// What one router has published.
#[derive(Clone, Copy, Debug)]
struct Notice {
    /// Free slots of channel 0 of each of its inputs.
    free: [u16; SIDES],
    /// Free slots it saw behind each of its outputs.
    behind: [Option<u16>; SIDES],
    /// Whether nobody had reserved the output.
    open: [bool; SIDES],
}

/// The notices of all routers: those in force and those being written.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    neighbours: Vec<[Option<u32>; SIDES]>,
    seen: Vec<Notice>,
    written: Vec<Notice>,
}

impl Levels {
    /// Notices of an empty network, whose register `i` behind an output belongs to router `i / wires`.
    pub(super) fn new<const P: usize>(exits: &[[Option<u32>; P]], wires: usize, depth: u16) -> Self {
        let neighbours: Vec<[Option<u32>; SIDES]> = exits
            .iter()
            .map(|exits| std::array::from_fn(|side| exits[side].map(|wire| wire / wires as u32)))
            .collect();
        let seen: Vec<_> = neighbours
            .iter()
            .map(|near| Notice {
                free: [depth; SIDES],
                behind: near.map(|router| router.map(|_| depth)),
                open: [true; SIDES],
            })
            .collect();
        Self { neighbours, written: seen.clone(), seen }
    }

    /// Writes the router's notice for the next cycle.
    pub(super) fn publish(&mut self, router: usize, free: [u16; SIDES], lengths: &[u8]) {
        let behind = std::array::from_fn(|side| self.behind(router, side));
        self.written[router] = Notice { free, behind, open: std::array::from_fn(|side| lengths[side] == 0) };
    }

    fn behind(&self, router: usize, side: usize) -> Option<u16> {
        self.neighbours[router][side].map(|near| self.seen[near as usize].free[facing(side)])
    }

    /// What has been written comes into force.
    pub(super) fn turn(&mut self) {
        self.seen.copy_from_slice(&self.written);
    }

    /// What a router knows, whose lists of reservations have these lengths now.
    pub(super) fn published<'a>(&'a self, router: usize, lengths: &'a [u8]) -> Published<'a> {
        Published { levels: self, router, lengths }
    }
}

/// What a router may know when it chooses an output.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    levels: &'a Levels,
    router: usize,
    lengths: &'a [u8],
}

impl Published<'_> {
    /// Whether no packet holds a reservation of the router's own output at this moment.
    pub fn is_open(&self, output: MeshPort) -> bool {
        self.lengths[output as usize] == 0
    }

    /// Free slots of channel 0 of the buffer behind an output, as the neighbour published one cycle before; `None` at
    /// the edge of the mesh and for the local port.
    pub fn free_behind(&self, output: MeshPort) -> Option<u16> {
        output.direction().and_then(|_| self.levels.behind(self.router, output as usize))
    }

    /// What the neighbour behind an output published of its own outputs one cycle before.
    pub fn neighbour(&self, output: MeshPort) -> Option<Neighbour<'_>> {
        output.direction()?;
        let id = self.levels.neighbours[self.router][output as usize]?;
        Some(Neighbour { id: RouterId(id), notice: &self.levels.seen[id as usize] })
    }
}

/// What a neighbour has published.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour<'a> {
    id: RouterId,
    notice: &'a Notice,
}

impl Neighbour<'_> {
    /// Which router it is.
    pub fn id(&self) -> RouterId {
        self.id
    }

    /// Whether its output was free of reservations; the local port is never told and counts as taken.
    pub fn is_open(&self, output: MeshPort) -> bool {
        output.direction().is_some() && self.notice.open[output as usize]
    }

    /// Free slots it saw behind its output; `None` at the edge of the mesh and for the local port.
    pub fn free_behind(&self, output: MeshPort) -> Option<u16> {
        output.direction().and_then(|_| self.notice.behind[output as usize])
    }
}
