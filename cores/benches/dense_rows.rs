//! How near do dense rows come to a plain loop over the same weights?
//!
//! Last answer, rows of 16, 64, 128, 512 targets: 2.8, 9.2, 12.5, 20.6 G weights/s, 52, 54, 174, 114 % of the loop, whose
//! speed depends on where its sums lie; with a delay for each synapse 1.0 to 1.6 G/s, one by one. Before decision 11: 1.4,
//! 3.4, 3.9, 4.7, with delays 0.24 to 0.28. (AMD EPYC Zen 4, two shared and busy cores, AVX-512, 2026-11-24.)

#![allow(clippy::expect_used, reason = "a bench may panic")]

mod timing;

use multiversion::multiversion;
use spikemesh_cores::*;
use std::hint::black_box;
use timing::{draw, race};

const SYNAPSES: u32 = 1 << 16;
const REPEATS: usize = 100;

/// Widens and adds; no exponent, payload or delay.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+popcnt", "x86_64+avx2+popcnt"))]
fn plain_rows(weights: &[i16], sums: &mut [i32]) {
    for row in weights.chunks_exact(sums.len()) {
        for (sum, &weight) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(weight.into());
        }
    }
}

fn main() {
    for targets in [16u32, 64, 128, 512] {
        for max_delay in [0u8, 7] {
            let axons = SYNAPSES / targets;
            let weights: Vec<i16> = (0..SYNAPSES).map(|i| draw(i, 0, 200) as i16 - 100).collect();
            let delays: Vec<u8> = (0..SYNAPSES).map(|i| (i % (u32::from(max_delay) + 1)) as u8).collect();
            let n = targets as usize;
            let rows = weights.chunks_exact(n).zip(delays.chunks_exact(n));
            let rows = rows.map(|(weights, delays)| DenseRow {
                weights,
                delays: if max_delay == 0 { &[] } else { delays },
                group: 0,
            });
            let store = DenseRows::new(targets, &[0], rows).expect("valid rows");
            let mut ring = AccumulatorRing::new(n, max_delay.into());
            let mut sums = vec![0; n];
            let mut read = 0;
            let ours = || {
                for _ in 0..REPEATS {
                    (0..axons).for_each(|axon| read += store.deliver(AxonId(axon), black_box(1), 0, &mut ring));
                }
            };
            let roofline = || {
                for _ in 0..REPEATS {
                    plain_rows(black_box(&weights), &mut sums);
                    black_box(&sums);
                }
            };
            let what = format!("rows of {targets:>3} targets, delays up to {max_delay}");
            race(&what, (REPEATS as u32 * SYNAPSES).into(), ours, roofline);
            black_box(read);
        }
    }
}
