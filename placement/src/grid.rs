//! The mesh as the search sees it: cores in columns, the room of each, and what crossing a link costs.

use crate::curve::hilbert_curve;

/// Cores in a mesh of routers, with their room.
///
/// Cores are numbered as the chip numbers them: router by router, row by row from the south-west, the cores of a router
/// one after the other.
#[derive(Clone, Debug)]
pub struct Grid {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) each: usize,
    /// Neurons that each core has room for; 0 for a dead one.
    pub(crate) room: Vec<u32>,
}

/// Where a core is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Column.
    pub(crate) x: u8,
    /// Bit in the column's word: row by row, the cores of a router together.
    pub(crate) bit: u8,
}

impl Grid {
    /// A mesh of `width` x `height` routers with `each` cores, all with the same room.
    ///
    /// # Panics
    /// A dimension is 0.
    pub fn new(width: usize, height: usize, each: usize, room: u32) -> Self {
        assert!(width > 0 && height > 0 && each > 0, "a mesh has routers and cores");
        Self { width, height, each, room: vec![room; width * height * each] }
    }

    /// Sets the room of a core; 0 for a dead one.
    ///
    /// # Panics
    /// There is no such core.
    pub fn set_room(&mut self, core: u32, room: u32) {
        self.room[core as usize] = room;
    }

    /// Cores.
    pub fn cores(&self) -> usize {
        self.room.len()
    }

    /// Neurons there is room for.
    pub fn total_room(&self) -> u64 {
        self.room.iter().map(|r| u64::from(*r)).sum()
    }

    /// Column and row of a core's router.
    pub fn coord(&self, core: u32) -> (usize, usize) {
        let router = core as usize / self.each;
        (router % self.width, router / self.width)
    }

    /// Room of the roomiest core.
    pub fn most_room(&self) -> u32 {
        self.room.iter().copied().max().unwrap_or(0)
    }

    pub(crate) fn place(&self, core: u32) -> Place {
        let (x, y) = self.coord(core);
        Place { x: x as u8, bit: (y * self.each + core as usize % self.each) as u8 }
    }

    /// Bits of a column's word.
    pub(crate) fn bits(&self) -> usize {
        self.height * self.each
    }

    /// Links between the routers of two cores.
    pub(crate) fn distance(&self, a: u32, b: u32) -> u32 {
        let ((ax, ay), (bx, by)) = (self.coord(a), self.coord(b));
        (ax.abs_diff(bx) + ay.abs_diff(by)) as u32
    }

    /// Other cores with room on a core's router and those one link away, ascending.
    pub(crate) fn neighbours(&self, core: u32) -> Vec<u16> {
        let (x, y) = self.coord(core);
        let beside = [(x, y.wrapping_sub(1)), (x.wrapping_sub(1), y), (x, y), (x + 1, y), (x, y + 1)];
        let there = beside.into_iter().filter(|&(x, y)| x < self.width && y < self.height);
        self.along(there).into_iter().filter(|other| *other != core).map(|other| other as u16).collect()
    }

    /// Cores with room along Hilbert's curve, generalised to any mesh.
    pub(crate) fn hilbert(&self) -> Vec<u32> {
        let curve = hilbert_curve(self.width as i32, self.height as i32);
        self.along(curve.into_iter().map(|(x, y)| (x as usize, y as usize)))
    }

    /// Cores with room along a walk of all routers, each a neighbour of the one before: rows to and fro.
    pub(crate) fn snake(&self) -> Vec<u32> {
        let walk = (0..self.height)
            .flat_map(|y| (0..self.width).map(move |i| (if y % 2 == 0 { i } else { self.width - 1 - i }, y)));
        self.along(walk)
    }

    /// Cores with room, row by row.
    pub(crate) fn row_major(&self) -> Vec<u32> {
        self.along((0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))))
    }

    /// Cores with room along a walk of the routers.
    pub(crate) fn along(&self, walk: impl Iterator<Item = (usize, usize)>) -> Vec<u32> {
        let cores = walk.flat_map(|(x, y)| (0..self.each).map(move |k| (y * self.width + x) * self.each + k));
        cores.filter(|core| self.room[*core] > 0).map(|core| core as u32).collect()
    }
}
