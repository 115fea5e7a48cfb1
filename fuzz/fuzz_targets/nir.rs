//! NIR files: read or refused, never a panic. Start from `examples/digits/digits.nir`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikemesh::network::{Conventions, Integrator, Reset, import::read_nir_bytes};

fuzz_target!(|bytes: &[u8]| {
    let conventions = Conventions { dt_s: 1e-3, reset: Reset::Zero, integrator: Integrator::Euler };
    let _ = read_nir_bytes("fuzz", bytes.to_vec(), conventions);
});
