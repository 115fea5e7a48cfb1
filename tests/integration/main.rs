//! All integration tests in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![cfg_attr(not(feature = "nir"), allow(dead_code, unused_imports, reason = "helpers of tests that need NIR"))]

mod accuracy;
mod arranging;
mod arrows;
mod command_line;
#[cfg(feature = "nir")]
mod convolution;
mod determinism;
mod documents;
mod image;
mod learning;
mod mapping;
mod network;
#[cfg(feature = "nir")]
mod nir;
#[cfg(feature = "nir")]
mod nir_file;
#[cfg(feature = "nir")]
mod nir_structure;
mod places;
mod ranc;
mod recording;
mod registers;
mod report;
mod route;
mod sanafe;
#[cfg(feature = "nir")]
mod shared_kernels;
mod support;
mod time;
mod validate;
