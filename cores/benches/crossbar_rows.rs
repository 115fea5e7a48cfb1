//! How near do crossbar rows come to a plain loop that adds under a mask?
//!
//! Last answer, rows of 256 bits, in G bits/s whether set or not: half full 10.9 with weights, 16.5 counted by type,
//! which is 41 and 61 % of a loop at 26.9; a tenth full 12.7 and 17.5; before decision 11 half full 2.2 and 3.0. The loop
//! runs at 26.9 or, where its arrays happen to lie on lines of the cache, at 35.6. Ours lays out sums so, but not
//! weights, and is called row by row. (AMD EPYC Zen 4, two shared and busy cores, AVX-512, 2026-11-24.)

#![allow(clippy::expect_used, reason = "a bench may panic")]

mod timing;

use multiversion::multiversion;
use spikemesh_cores::*;
use std::hint::black_box;
use timing::{draw, race};

const NEURONS: u32 = 256;
const AXONS: u32 = 256;
const REPEATS: usize = 400;

/// Adds weights under a mask; nothing is counted, and all is sure to be in step.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+popcnt", "x86_64+avx2+popcnt"))]
fn plain_rows(
    bits: &[[u32; NEURONS as usize / 32]],
    weights: &[[i32; NEURONS as usize]; 4],
    sums: &mut [i32; NEURONS as usize],
) {
    for (axon, words) in bits.iter().enumerate() {
        let weights = &weights[axon % 4];
        for (i, &word) in words.iter().enumerate() {
            for j in 0..32 {
                let weight = if word & (1 << j) != 0 { weights[i * 32 + j] } else { 0 };
                sums[i * 32 + j] = sums[i * 32 + j].wrapping_add(weight);
            }
        }
    }
}

fn main() {
    for percent in [50, 10, 2] {
        for typed in [false, true] {
            let bit = |axon: u32, neuron: u32| draw(axon, neuron, 100) < percent;
            let rows =
                (0..AXONS).map(|axon| ((axon % 4) as u8, 0, (0..NEURONS).map(|n| bit(axon, n)).collect()));
            let weights =
                [0u32, 1, 2, 3].map(|t| (0..NEURONS).map(|n| draw(n, t, 200) as i32 - 100).collect::<Vec<_>>());
            let (store, channels) = if typed {
                (Crossbar::typed(NEURONS, rows), 4)
            } else {
                (Crossbar::new(NEURONS, weights.clone(), rows), 1)
            };
            let store = store.expect("a valid crossbar");
            let mut ring = AccumulatorRing::new(NEURONS as usize * channels, 0);
            let plain_bits: Vec<[u32; NEURONS as usize / 32]> = (0..AXONS)
                .map(|axon| {
                    std::array::from_fn(|w| (0..32).map(|j| u32::from(bit(axon, w as u32 * 32 + j)) << j).sum())
                })
                .collect();
            let plain_weights =
                [0, 1, 2, 3].map(|t| std::array::from_fn(|n| if typed { 1 } else { weights[t][n] }));
            let mut sums = [0i32; NEURONS as usize];
            let mut read = 0;
            let ours = || {
                for _ in 0..REPEATS {
                    (0..AXONS).for_each(|axon| read += store.deliver(AxonId(axon), black_box(1), 0, &mut ring));
                }
            };
            let roofline = || {
                for _ in 0..REPEATS {
                    plain_rows(black_box(&plain_bits), &plain_weights, &mut sums);
                    black_box(&sums);
                }
            };
            let what = format!(
                "{percent:>2} % of 256 bits, {}",
                if typed { "counted by type" } else { "weights       " }
            );
            race(&what, (REPEATS as u32 * AXONS * NEURONS).into(), ours, roofline);
            black_box(read);
        }
    }
}
