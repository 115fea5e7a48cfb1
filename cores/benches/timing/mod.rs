//! Best CPU times of two loops that take turns, so that a noisy machine disturbs both alike.

use cpu_time::ProcessTime;
use spikemesh_cores::random;

const ROUNDS: usize = 200;

/// A number below `limit`, the same in every run.
pub(crate) fn draw(row: u32, place: u32, limit: u32) -> u32 {
    (random::bits(1, row.into(), place.into(), 1) % u64::from(limit)) as u32
}

/// Runs both in turn; prints their best rates and their ratio.
pub(crate) fn race(what: &str, operations: f64, mut ours: impl FnMut(), mut roofline: impl FnMut()) {
    let time = |f: &mut dyn FnMut()| {
        let start = ProcessTime::now();
        f();
        start.elapsed().as_secs_f64()
    };
    let (mut best, mut best_roofline) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        best_roofline = best_roofline.min(time(&mut roofline));
        best = best.min(time(&mut ours));
    }
    let giga = |seconds: f64| operations / seconds / 1e9;
    let (ours, roofline) = (giga(best), giga(best_roofline));
    println!("{what}: {ours:5.2} G/s, plain loop {roofline:5.2} G/s, {:4.0} % of it", 100.0 * ours / roofline);
}
