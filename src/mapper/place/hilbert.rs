//! Along a Hilbert curve, so that parts which follow each other stay close in both directions.

use super::{Placer, along};
use crate::chip::ChipSpec;
use spikemesh_placement::hilbert_curve;

/// Fills the mesh along the curve.
#[derive(Clone, Copy, Debug)]
pub struct Hilbert;

impl Placer for Hilbert {
    fn name(&self) -> &'static str {
        "hilbert"
    }

    fn place(&self, parts: usize, spec: &ChipSpec) -> Vec<u32> {
        let path = hilbert_curve(i32::from(spec.width), i32::from(spec.height));
        along(path.into_iter(), parts, spec)
    }
}
