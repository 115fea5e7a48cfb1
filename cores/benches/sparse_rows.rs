//! How near does the delivery of sparse rows come to a plain loop over the same words?
//!
//! Last answer, rows of 16, 64, 128, 512 synapses: 1.3, 1.9, 2.0, 2.2 G synaptic operations/s where weights differ, 58, 82,
//! 87, 96 % of the loop; 1.8, 3.1, 3.5, 3.5 G/s where a row has one weight (77 to 152 %: two bytes a synapse instead of
//! four); 0.9 to 1.2 G/s, 40 to 54 %, where delays differ within a row. A short row costs about 20 cycles to find.
//! (AMD EPYC Zen 4, two shared and busy cores, 2026-11-24.)
//!
//! The roofline is one flat loop over 4-byte synapses (16-bit place, 16-bit weight) into as many accumulators, without
//! rows, shifts, payloads or checks of bounds. The 8 x 1024 accumulators of delayed synapses just fill L1.

#![allow(clippy::expect_used, reason = "a bench may panic")]

mod timing;

use spikemesh_cores::*;
use std::hint::black_box;
use std::sync::Arc;
use timing::{draw, race};

const NEURONS: u32 = 1024;
const SYNAPSES: u32 = 1 << 16;
const REPEATS: usize = 40;

/// Adds every word's weight at its place.
fn plain_rows<const PLACES: usize>(words: &[u32], sums: &mut [i32; PLACES]) {
    for &word in words {
        let sum = &mut sums[(word >> 16) as usize & (PLACES - 1)];
        *sum = sum.wrapping_add(i32::from(word as u16 as i16));
    }
}

fn main() {
    let kinds = [("weights differ", 0u8, false), ("one weight", 0, true), ("delays 0 to 7", 7, false)];
    for (fan_out, (kind, max_delay, one_weight)) in
        [16u32, 64, 128, 512].into_iter().flat_map(|f| kinds.map(|kind| (f, kind)))
    {
        let rows = SYNAPSES / fan_out;
        let mut builder = SparseRows::builder(NEURONS);
        let mut plain: Vec<u32> = Vec::new();
        for row in 0..rows {
            let delay = |i: u32| if max_delay == 0 { 0 } else { (i % u32::from(max_delay + 1)) as u8 };
            let row: Vec<_> = (0..fan_out)
                .map(|i| {
                    (
                        NeuronId(draw(row, i, NEURONS)),
                        if one_weight { 7 } else { (i % 200) as i16 - 100 },
                        delay(i),
                    )
                })
                .collect();
            plain.extend(row.iter().map(|(target, weight, delay)| {
                (u32::from(*delay) * NEURONS + target.0) << 16 | u32::from(*weight as u16)
            }));
            builder.push_row(6, row).expect("a valid row");
        }
        let parameters =
            Parameters::new(ModelKind::CubaLif, NEURONS as usize, [("threshold", Column::Uniform(1 << 22))]);
        let synapses = Arc::new(Synapses::Sparse(builder.build()));
        let config = CoreConfig::new(parameters.expect("valid registers"), synapses);
        let mut core = Core::new(&config).expect("a valid core");
        let mut sums = Box::new([0i32; NEURONS as usize]);
        let mut delayed_sums = Box::new([0i32; 8 * NEURONS as usize]);
        let ours = || {
            for _ in 0..REPEATS {
                (0..rows).for_each(|axon| core.deliver(AxonId(axon), black_box(1), 0));
            }
        };
        let roofline = || {
            for _ in 0..REPEATS {
                if max_delay == 0 {
                    plain_rows(black_box(&plain), black_box(&mut sums));
                } else {
                    plain_rows(black_box(&plain), black_box(&mut delayed_sums));
                }
            }
        };
        let what = format!("rows of {fan_out:>3} synapses, {kind:<14}");
        race(&what, f64::from(SYNAPSES) * REPEATS as f64, ours, roofline);
    }
}
