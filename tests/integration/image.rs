//! Chip images: the same after writing and reading, refused when damaged, and never a cause of panic.

use crate::support::{builder, capped, generic, lif};
use proptest::prelude::*;
use spikemesh::chip::{Chip, ChipImage, TickSpikes};
use spikemesh::digest::digest;
use spikemesh::mapper::map;
use spikemesh::network::Weights;
use spikemesh_router::Level;

fn image() -> ChipImage {
    let mut b = builder();
    let (input, neurons) = (b.input("in", 6), b.neurons("out", 20, lif(20, 0.02)));
    let weights =
        |sources, seed| Weights::Random { targets: 20, sources, fan_in: 5, low: -0.2, high: 0.9, seed };
    b.project("drive", input, neurons, weights(6, 1), 0);
    b.project("loop", neurons, neurons, weights(20, 2), 4);
    b.output(neurons);
    map(&b.build().unwrap(), &generic(3, 3, 1), &capped(4)).unwrap().image
}

#[test]
fn an_image_survives_writing_and_reading() {
    let image = image();
    let bytes = image.to_bytes();
    let again = ChipImage::from_bytes("test", &bytes).unwrap();
    assert_eq!(again, image);
    assert_eq!(again.digest(), image.digest());
    let run = |image: &ChipImage| {
        let mut chip = Chip::load(image, Level::Packet).unwrap();
        let (mut all, mut out) = (Vec::new(), TickSpikes::default());
        for t in 0..40u32 {
            chip.tick(&[t % 6, (t + 3) % 6], false, &mut out);
            all.extend_from_slice(&out.spikes);
        }
        (all, chip.counters())
    };
    assert_eq!(run(&again), run(&image));
}

#[test]
fn an_unknown_section_is_refused_by_name() {
    let mut bytes = image().to_bytes();
    let at = bytes.windows(4).position(|w| w == b"INPT").unwrap();
    bytes[at..at + 4].copy_from_slice(b"XTRA");
    let content = bytes.len() - 32;
    let sum = digest(&bytes[..content]);
    bytes[content..].copy_from_slice(&sum.0);
    let error = ChipImage::from_bytes("test", &bytes).unwrap_err().to_string();
    assert!(error.contains("XTRA"), "{error}");
}

proptest! {
    #![proptest_config(crate::support::cases(600))]

    /// Damage is found by the checksum; damage with a right checksum is found by the checks, or does no harm.
    #[test]
    fn damaged_images_are_refused_without_panic(
        cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), mend in any::<bool>(),
    ) {
        let good = image().to_bytes();
        prop_assert!(ChipImage::from_bytes("test", &good[..cut.index(good.len())]).is_err());
        let mut bad = good.clone();
        let at = at.index(good.len() - 32);
        bad[at] ^= byte | 1;
        if mend {
            let content = bad.len() - 32;
            let sum = digest(&bad[..content]);
            bad[content..].copy_from_slice(&sum.0);
            if let Ok(image) = ChipImage::from_bytes("test", &bad)
                && image.spec.routers() < 1000
                && let Ok(mut chip) = Chip::load(&image, Level::Analytic)
            {
                let inputs: Vec<u32> = (0..image.network.inputs.len() as u32).collect();
                (0..5).for_each(|_| chip.tick(&inputs, false, &mut TickSpikes::default()));
            }
        } else {
            prop_assert!(ChipImage::from_bytes("test", &bad).is_err());
        }
    }
}
