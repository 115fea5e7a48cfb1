//! How near does the delivery of sparse rows come to a plain loop over the same words?
//!
//! The roofline is one flat loop over 4-byte synapses (16-bit target, 16-bit weight) into an L1-resident accumulator,
//! without rows, shifts, payloads or delays.

#![allow(clippy::expect_used, reason = "a bench may panic")]

mod timing;

use spikemesh_cores::*;
use std::hint::black_box;
use std::sync::Arc;
use timing::{draw, race};

const NEURONS: u32 = 1024;
const SYNAPSES: u32 = 1 << 16;
const REPEATS: usize = 40;

fn main() {
    for (fan_out, max_delay) in [16u32, 64, 128, 512].into_iter().flat_map(|f| [(f, 0u8), (f, 7)]) {
        let rows = SYNAPSES / fan_out;
        let mut builder = SparseRows::builder(NEURONS);
        let mut plain: Vec<u32> = Vec::new();
        for row in 0..rows {
            let delay = |i: u32| if max_delay == 0 { 0 } else { (i % u32::from(max_delay + 1)) as u8 };
            let row: Vec<_> = (0..fan_out)
                .map(|i| (NeuronId(draw(row, i, NEURONS)), (i % 200) as i16 - 100, delay(i)))
                .collect();
            plain.extend(row.iter().map(|(t, w, _)| t.0 << 16 | u32::from(*w as u16)));
            builder.push_row(6, row).expect("a valid row");
        }
        let parameters =
            Parameters::new(ModelKind::CubaLif, NEURONS as usize, [("threshold", Column::Uniform(1 << 22))]);
        let synapses = Arc::new(Synapses::Sparse(builder.build()));
        let config = CoreConfig::new(parameters.expect("valid registers"), synapses);
        let mut core = Core::new(&config).expect("a valid core");
        let mut sums = vec![0i32; NEURONS as usize];
        let ours = || {
            for _ in 0..REPEATS {
                (0..rows).for_each(|axon| core.deliver(AxonId(axon), black_box(1), 0));
            }
        };
        let roofline = || {
            for _ in 0..REPEATS {
                for &word in black_box(&plain) {
                    let sum = &mut sums[(word >> 16) as usize & (NEURONS as usize - 1)];
                    *sum = sum.wrapping_add(i32::from(word as u16 as i16));
                }
            }
            black_box(&sums);
        };
        let what = format!("rows of {fan_out:>3} synapses, delays up to {max_delay}");
        race(&what, f64::from(SYNAPSES) * REPEATS as f64, ours, roofline);
    }
}
