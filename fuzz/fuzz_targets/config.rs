//! Run configurations: read or refused with every fault, never a panic. Start from `examples/digits/run.toml`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikemesh::config::RunConfig;

fuzz_target!(|text: &str| {
    let _ = RunConfig::parse("fuzz", text, "".as_ref(), "fuzz");
});
