//! All integration tests in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![cfg_attr(not(feature = "nir"), allow(dead_code, unused_imports, reason = "helpers of tests that need NIR"))]

mod accuracy;
mod arrows;
mod command_line;
mod determinism;
mod documents;
mod image;
mod mapping;
mod network;
#[cfg(feature = "nir")]
mod nir;
mod report;
mod support;
