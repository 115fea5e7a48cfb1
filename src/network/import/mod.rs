//! Foreign files into a [`super::Network`]: each importer is a function and nothing else.

#[cfg(feature = "nir")]
mod hdf5;
#[cfg(feature = "nir")]
mod kernel;
#[cfg(feature = "nir")]
mod linear;
#[cfg(feature = "nir")]
mod nir;

#[cfg(feature = "nir")]
pub use nir::{NirNode, NirSummary, inspect_nir, read_nir, read_nir_bytes};
