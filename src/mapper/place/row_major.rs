//! Row by row from the south-west.

use super::{Placer, along};
use crate::chip::ChipSpec;

/// Fills the mesh row by row.
#[derive(Clone, Copy, Debug)]
pub struct RowMajor;

impl Placer for RowMajor {
    fn name(&self) -> &'static str {
        "row-major"
    }

    fn place(&self, parts: usize, spec: &ChipSpec) -> Vec<u32> {
        let (w, h) = (u32::from(spec.width), u32::from(spec.height));
        along((0..h).flat_map(|y| (0..w).map(move |x| (x, y))), parts, spec)
    }
}
