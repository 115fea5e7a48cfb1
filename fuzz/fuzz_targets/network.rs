//! Network files: read or refused with every fault, and mapped or refused, never a panic. Start from the example in
//! `docs/formats/network.md`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikemesh::chip::ChipSpec;
use spikemesh::mapper::{MapOptions, map};
use spikemesh::network::parse_network;

fuzz_target!(|text: &str| {
    if let Ok(network) = parse_network("fuzz", text, "nowhere".as_ref())
        && network.neuron_count() < 2_000
        && let Ok(spec) = ChipSpec::preset("generic-28nm")
    {
        let _ = map(&network, &spec, &MapOptions::default());
    }
});
