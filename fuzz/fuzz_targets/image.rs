//! Chip images with a right checksum: what is not refused can be loaded and ticks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikemesh::chip::{Chip, ChipImage, TickSpikes};
use spikemesh::digest::digest;
use spikemesh_router::Level;

fuzz_target!(|content: &[u8]| {
    let mut bytes = content.to_vec();
    bytes.extend_from_slice(&digest(content).0);
    if let Ok(image) = ChipImage::from_bytes("fuzz", &bytes)
        && image.spec.routers() < 1000
        && let Ok(mut chip) = Chip::load(&image, Level::Packet)
    {
        let inputs: Vec<u32> = (0..image.network.inputs.len() as u32).collect();
        (0..3).for_each(|_| chip.tick(&inputs, true, &mut TickSpikes::default()));
    }
});
