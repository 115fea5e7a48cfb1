//! How many Loihi-1 neurons step in a second, and how near is that to a plain loop over the same arrays?

#![allow(clippy::expect_used, reason = "a bench may panic")]

mod timing;

use multiversion::multiversion;
use spikemesh_cores::*;
use std::hint::black_box;
use std::sync::Arc;
use timing::{draw, race};

const NEURONS: u32 = 1024;
const TICKS: usize = 1000;

/// The arrays of a core.
struct Plain {
    inputs: Vec<i32>,
    decays: Vec<[u16; 2]>,
    threshold: Vec<i32>,
    bias: Vec<i32>,
    u: Vec<i32>,
    v: Vec<i32>,
}

/// Decay and add in floor arithmetic: no wraps, limits, refractoriness, counts or spikes.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+popcnt", "x86_64+avx2+popcnt"))]
fn plain_step(p: &mut Plain) -> bool {
    let n = p.inputs.len();
    let (decays, bias, threshold) = (&p.decays[..n], &p.bias[..n], &p.threshold[..n]);
    let (u, v) = (&mut p.u[..n], &mut p.v[..n]);
    let mut over = false;
    for i in 0..n {
        let decay = |x: i32, d: u16| {
            ((x >> 12).wrapping_mul(i32::from(d))).wrapping_add((x & 4095).wrapping_mul(i32::from(d)) >> 12)
        };
        u[i] = decay(u[i], decays[i][0]).wrapping_add(p.inputs[i]);
        v[i] = decay(v[i], decays[i][1]).wrapping_add(u[i]).wrapping_add(bias[i]);
        over |= v[i] > threshold[i];
    }
    p.inputs.fill(0);
    over
}

fn main() {
    // (what, decay_u, decay_v, bias, refractory, threshold)
    let each = |least: u32, most: u32, salt: u32| -> Column {
        (0..NEURONS).map(|i| i64::from(least + draw(i, salt, most - least + 1))).collect::<Vec<_>>().into()
    };
    let never = || Column::Uniform(1 << 22);
    let cases: [(&str, [Column; 5]); 6] = [
        (
            "registers differ, biased",
            [each(100, 4000, 1), each(10, 4000, 2), each(1, 900, 3), Column::Uniform(1), never()],
        ),
        (
            "the same, refractory",
            [each(100, 4000, 1), each(10, 4000, 2), each(1, 900, 3), Column::Uniform(5), never()],
        ),
        (
            "the same, 1 % fire",
            [
                each(100, 4000, 1),
                Column::Uniform(0),
                each(900, 1100, 3),
                Column::Uniform(1),
                Column::Uniform(4_370_000),
            ],
        ),
        (
            "one decay, biased",
            [Column::Uniform(1024), Column::Uniform(128), each(1, 900, 3), Column::Uniform(1), never()],
        ),
        (
            "10 % fire",
            [
                Column::Uniform(4095),
                Column::Uniform(0),
                each(900, 1100, 3),
                Column::Uniform(1),
                Column::Uniform(9_000),
            ],
        ),
        (
            "idle",
            [Column::Uniform(1024), Column::Uniform(128), Column::Uniform(0), Column::Uniform(1), never()],
        ),
    ];
    for (what, [decay_u, decay_v, bias, refractory, threshold]) in cases {
        let given = [
            ("decay_u", decay_u),
            ("decay_v", decay_v),
            ("bias", bias),
            ("refractory", refractory),
            ("threshold", threshold),
        ];
        let parameters = Parameters::new(ModelKind::CubaLif, NEURONS as usize, given).expect("valid registers");
        let read = |name: &str| {
            (0..NEURONS as usize).map(|i| parameters.column(name).at(i) as i32).collect::<Vec<_>>()
        };
        let mut plain = Plain {
            inputs: vec![0; NEURONS as usize],
            decays: read("decay_u")
                .iter()
                .zip(read("decay_v"))
                .map(|(u, v)| [4095 - *u as u16, 4096 - v as u16])
                .collect(),
            threshold: read("threshold"),
            bias: read("bias"),
            u: vec![0; NEURONS as usize],
            v: vec![0; NEURONS as usize],
        };
        let synapses = Arc::new(Synapses::Sparse(SparseRows::builder(NEURONS).build()));
        let mut core = Core::new(&CoreConfig::new(parameters, synapses)).expect("a valid core");
        let mut spikes = Vec::new();
        let mut most = 0;
        let ours = || {
            for _ in 0..TICKS {
                core.tick(&mut spikes);
                most += spikes.len();
                spikes.clear();
            }
        };
        let roofline = || {
            for _ in 0..TICKS {
                black_box(plain_step(black_box(&mut plain)));
            }
        };
        race(&format!("{what:<26}"), TICKS as f64 * f64::from(NEURONS), ours, roofline);
        println!("   {:.3} % spike", 100.0 * most as f64 / (200 * TICKS) as f64 / f64::from(NEURONS));
    }
}
