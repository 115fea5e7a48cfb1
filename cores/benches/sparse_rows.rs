//! How near does the delivery of sparse rows come to a plain loop over the same words?
//!
//! Last answer: 53 %, 87 %, 91 % of the loop for rows of 16, 128, 512 synapses, 0.96 to 1.61 G synaptic operations/s;
//! 0.39 G neuron updates/s (2 shared cores of an AMD EPYC Zen 4, 2026-11-24, another build running). Run: `cargo bench -p spikemesh-cores`.
//!
//! The roofline is a loop over 4-byte synapses (16-bit target, 16-bit weight) into an L1-resident accumulator, measured in
//! the same run, so the ratio holds on a noisy machine.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use cpu_time::ProcessTime;
use spikemesh_cores::*;
use std::hint::black_box;
use std::sync::Arc;

const NEURONS: u32 = 1024;
const ROWS: usize = 512;
const REPEATS: usize = 200;

fn best(mut f: impl FnMut()) -> f64 {
    let times = (0..7).map(|_| {
        let start = ProcessTime::now();
        f();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

fn main() {
    for fan_out in [16u32, 128, 512] {
        let target =
            |row: u32, i: u32| (random::bits(1, u64::from(row), u64::from(i), 1) % u64::from(NEURONS)) as u32;
        let mut builder = SparseRows::builder(NEURONS);
        let mut plain: Vec<u32> = Vec::new();
        for row in 0..ROWS as u32 {
            let row: Vec<_> =
                (0..fan_out).map(|i| (NeuronId(target(row, i)), (i % 200) as i16 - 100, 0)).collect();
            plain.extend(row.iter().map(|(t, w, _)| t.0 << 16 | u32::from(*w as u16)));
            builder.push_row(6, row).expect("a valid row");
        }
        let neurons = NEURONS as usize;
        let parameters = CubaLifParameters {
            decay_u: vec![4095; neurons],
            decay_v: vec![128; neurons],
            threshold: vec![1 << 22; neurons],
            bias: vec![0; neurons],
            initial_u: vec![0; neurons],
            refractory: vec![1; neurons],
            v_min: -(1 << 23) + 1,
            v_max: (1 << 23) - 1,
            subtracts: false,
        };
        let synapses = Arc::new(Synapses::Sparse(builder.build()));
        let mut core = Core::new(ModelParameters::CubaLif(parameters), synapses).expect("a valid core");
        let rows = best(|| {
            for _ in 0..REPEATS {
                (0..ROWS as u32).for_each(|axon| core.deliver(AxonId(axon), 1, 0));
            }
        });
        let mut sums = vec![0i32; neurons];
        let roofline = best(|| {
            for _ in 0..REPEATS {
                for &word in &plain {
                    let sum = &mut sums[(word >> 16) as usize & (NEURONS as usize - 1)];
                    *sum = sum.wrapping_add(i32::from(word as u16 as i16));
                }
            }
            black_box(&sums);
        });
        let operations = (REPEATS * ROWS) as f64 * f64::from(fan_out);
        let giga = |seconds: f64| operations / seconds / 1e9;
        println!(
            "rows of {fan_out:>3}: {:.2} G synaptic operations/s, plain loop {:.2} G/s, {:.0} % of it",
            giga(rows),
            giga(roofline),
            100.0 * roofline / rows
        );
        if fan_out == 16 {
            let mut spikes = Vec::new();
            let ticks = 20_000;
            let step = best(|| (0..ticks).for_each(|_| core.tick(&mut spikes)));
            println!("neuron updates: {:.2} G/s", f64::from(ticks) * f64::from(NEURONS) / step / 1e9);
        }
    }
}
