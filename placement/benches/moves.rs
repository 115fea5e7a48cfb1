//! How many moves are evaluated exactly in a second of one core, and how short do the trees become?
//!
//! Last answer: on random nets, 2.2 million single moves a CPU second and 34 million where all cores are looked at
//! at once; on a sheet 1.6 and 46 million. Trees at fast, good, best: random -5.4 %, -7.2 %, -7.9 % against row-major in
//! 1.1, 3.7, 10 CPU s, 5.1 % over any routing; sheet -65 %, -67 %, -67 % in 0.8, 2.9, 8.0 CPU s, 0.3-2.6 % over any
//! routing (2 shared cores of an AMD EPYC Zen 4, 2026-11-25).
//! Run: `cargo bench -p spikemesh-placement --bench moves`.

use cpu_time::ProcessTime;
use spikemesh_placement::{Cost, Effort, Grid, Lists, Options, Problem, bench, place};

/// Random numbers below `n` (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// Targets from the sources of each neuron.
fn targets(sources: impl Iterator<Item = Vec<usize>>, neurons: usize) -> Lists<u32> {
    let mut rows = vec![Vec::new(); neurons];
    for (target, sources) in sources.enumerate() {
        sources.into_iter().for_each(|source| rows[source].push(target as u32));
    }
    rows.iter_mut().for_each(|row| row.dedup());
    Lists::from_rows(rows)
}

/// Each neuron hears `fan_in` others, anywhere.
fn random(neurons: usize, fan_in: usize) -> Lists<u32> {
    let mut draws = Draws(1);
    targets((0..neurons).map(|_| (0..fan_in).map(|_| draws.below(neurons as u64) as usize).collect()), neurons)
}

/// Neurons in a square sheet, each of which hears `fan_in` others at most 8 columns and rows away.
fn sheet(side: usize, fan_in: usize) -> Lists<u32> {
    let mut draws = Draws(2);
    let hears = |v: usize| {
        let (x, y) = (v % side, v / side);
        let mut near = |at: usize| {
            let low = at.saturating_sub(8);
            low + draws.below(((at + 8).min(side - 1) - low + 1) as u64) as usize
        };
        (0..fan_in).map(|_| near(y) * side + near(x)).collect()
    };
    targets((0..side * side).map(hears), side * side)
}

fn main() {
    for (name, targets) in [("random", random(10_000, 100)), ("sheet", sheet(100, 100))] {
        let n = targets.len();
        let mut draws = Draws(3);
        let rates: Vec<f64> = (0..n).map(|_| 1.0 + draws.below(50) as f64).collect();
        let grid = Grid::new(7, 6, 1, 256);
        let problem = Problem::new(targets.clone(), &rates, vec![None; n]);
        println!("{name}: {n} neurons, {} synapses, {} x {} cores", targets.items().len(), 7, 6);
        let mut last = Vec::new();
        for (effort, work) in Effort::NAMED {
            let start = ProcessTime::now();
            let placement = place(&problem, &grid, &Options::new(1, work), &|_, _| true).expect("room for all");
            let seconds = start.elapsed().as_secs_f64();
            let cost = Cost::count(&targets, &rates, &grid, &placement.core);
            let gap = 100.0 * (cost.hops_multicast / cost.bound_any_routing - 1.0);
            let first = &placement.steps[0];
            println!(
                "  {effort:4} {:.4e} hops ({} {:.4e}) in {seconds:5.2} CPU s, {gap:.2} % over any routing of it",
                cost.hops_multicast, first.name, first.cost
            );
            last = placement.core;
        }
        bench::moves(&problem, &grid, &last, 2_000_000, &mut |part, changes, run| {
            let mut best = f64::INFINITY;
            for _ in 0..3 {
                let start = ProcessTime::now();
                std::hint::black_box(run());
                best = best.min(start.elapsed().as_secs_f64());
            }
            println!("  {part}: {:.2} million evaluations a CPU second", changes as f64 / best / 1e6);
        });
    }
}
