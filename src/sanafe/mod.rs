//! SANA-FE's benchmark networks on an emulated mesh, placed as that simulator places them, for comparisons step by step.
//! A compatibility profile: nothing else of the program knows it.
//!
//! ```text
//! Graph (random | gesture) -> build -> ChipImage -> Chip -> Record: counts, and the chip time of SANA-FE's `simple` timing
//! ```
//! Its chip is Loihi as SANA-FE describes it: 8 x 4 tiles of 4 cores, tile k at x = k div 4, y = k mod 4, no limit on axons
//! or synapses. What is equal: every spike, packet, hop and synaptic operation of every step, energy under the prices of
//! `loihi1-nahuku`, and *simple* chip time. Differences of convention are bridged here: SANA-FE charges what a step sends to
//! that step, the chip in the next, so a run takes one more tick, of which only what is received counts.
//!
//! Source: SANA-FE 2.2.9 (Boyle et al. 2025), behaviour observed step by step; no code of it is used.

mod build;
mod files;
mod gesture;
mod graph;
mod record;

pub use build::build;
pub use files::write_files;
pub use gesture::Gesture;
pub use graph::{Graph, RandomGraph};
pub use record::{Record, StepCounts};
