//! Which core each part gets: strategies that fill the mesh along an order of its routers.

mod hilbert;
mod row_major;

pub use hilbert::Hilbert;
pub use row_major::RowMajor;

use crate::chip::ChipSpec;

/// Gives parts their cores.
pub trait Placer {
    /// Name users type.
    fn name(&self) -> &'static str;
    /// A core of the chip for each of `parts` parts, all different; there are at least as many cores.
    fn place(&self, parts: usize, spec: &ChipSpec) -> Vec<u32>;
}

/// Placement by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// See [`RowMajor`].
    RowMajor,
    /// See [`Hilbert`].
    Hilbert,
}

impl Placement {
    /// Its strategy.
    pub fn placer(self) -> &'static dyn Placer {
        match self {
            Placement::RowMajor => &RowMajor,
            Placement::Hilbert => &Hilbert,
        }
    }
}

/// All strategies. Adding one is one file and one line here.
pub fn placers() -> &'static [(&'static str, Placement)] {
    &[("row-major", Placement::RowMajor), ("hilbert", Placement::Hilbert)]
}

/// The cores of `parts` parts where some cores are dead.
pub(super) fn live_cores(options: &super::MapOptions, parts: usize, spec: &ChipSpec) -> Vec<u32> {
    let placer = options.placement.placer();
    if options.dead_cores.is_empty() {
        return placer.place(parts, spec);
    }
    let all = placer.place(spec.cores() as usize, spec);
    all.into_iter().filter(|core| !options.dead_cores.contains(core)).take(parts).collect()
}

/// Cores along an order of routers; the cores of a router follow each other.
fn along(routers: impl Iterator<Item = (u32, u32)>, parts: usize, spec: &ChipSpec) -> Vec<u32> {
    let (width, each) = (u32::from(spec.width), u32::from(spec.cores_per_router));
    routers.flat_map(|(x, y)| (0..each).map(move |c| (y * width + x) * each + c)).take(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placer_gives_every_part_a_core_of_its_own() {
        for (name, placement) in placers() {
            assert_eq!(placement.placer().name(), *name);
            for (w, h, each) in [(1, 1, 1), (4, 4, 1), (5, 3, 2), (1, 9, 3), (7, 2, 1), (6, 6, 4)] {
                let mut spec = ChipSpec::preset("generic-28nm").unwrap();
                (spec.width, spec.height, spec.cores_per_router) = (w, h, each);
                let mut cores = placement.placer().place(spec.cores() as usize, &spec);
                cores.sort_unstable();
                assert!(cores.iter().copied().eq(0..spec.cores() as u32), "{name} on {w} x {h} x {each}");
            }
        }
    }
}
