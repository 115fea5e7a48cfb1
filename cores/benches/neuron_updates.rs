//! How many Loihi-1 neurons step in a second, and how near is that to a plain loop over the same arrays?
//!
//! Last answer, 1,024 neurons a core, whole ticks: 1.9 G updates/s where all registers differ (44 % of the loop), 1.6
//! with refractoriness, 1.5 where 1 % spike, 1.2 where 10 % do, 8 to 10 where nothing happens; before decision 11 it was
//! 0.30. (AMD EPYC Zen 4, two shared and busy cores, AVX-512, 2026-11-24.) Run: `cargo bench -p spikemesh-cores`.
//!
//! The roofline decays and adds in the same widths. It has no wraps, limits or counts, so half of a step's instructions.

#![allow(clippy::expect_used, reason = "a bench may panic")]

mod timing;

use multiversion::multiversion;
use spikemesh_cores::*;
use std::hint::black_box;
use std::sync::Arc;
use timing::{draw, race};

const NEURONS: u32 = 1024;
const TICKS: usize = 1000;

const REGISTERS: [&str; 5] = ["decay_u", "decay_v", "bias", "refractory", "threshold"];

/// The arrays of a core.
struct Plain {
    inputs: Vec<i32>,
    decays: Vec<[u16; 2]>,
    threshold: Vec<i32>,
    bias: Vec<i32>,
    u: Vec<i32>,
    v: Vec<i32>,
}

/// Decays that floor, and additions: no wraps, limits, refractoriness, counts or spikes.
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
    let each = |least: u32, most: u32, salt: u32| -> Column {
        (0..NEURONS).map(|i| i64::from(least + draw(i, salt, most - least + 1))).collect::<Vec<_>>().into()
    };
    let one = |value: i64| Column::Uniform(value);
    let (never, fast, slow) = (1 << 22, || each(100, 4000, 1), || each(10, 4000, 2));
    // In the order of `REGISTERS`. Biases around 1,000 and no leak reach a threshold every so many thousands of ticks.
    let cases = [
        ("all registers differ", [fast(), slow(), each(1, 900, 3), one(1), one(never)]),
        ("the same, refractory", [fast(), slow(), each(1, 900, 3), one(5), one(never)]),
        ("the same, 1 % spike", [fast(), one(0), each(900, 1100, 3), one(1), one(99_000)]),
        ("the same, 10 % spike", [fast(), one(0), each(900, 1100, 3), one(1), one(9_000)]),
        ("one decay", [one(1024), one(128), each(1, 900, 3), one(1), one(never)]),
        ("nothing to do", [one(1024), one(128), one(0), one(1), one(never)]),
    ];
    for (what, columns) in cases {
        let given = REGISTERS.into_iter().zip(columns);
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
        let ours = || {
            for _ in 0..TICKS {
                core.tick(&mut spikes);
                spikes.clear();
            }
        };
        let roofline = || {
            for _ in 0..TICKS {
                black_box(plain_step(black_box(&mut plain)));
            }
        };
        race(&format!("{what:<20}"), TICKS as f64 * f64::from(NEURONS), ours, roofline);
    }
}
