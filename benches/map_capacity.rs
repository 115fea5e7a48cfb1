//! How long does `map` take to say that a network does not fit?
//!
//! Last answer: 0.135 s of CPU time for 100,000 neurons with 10 million synapses, 3.7 x a bare visit of all synapses
//! (2 shared cores of an AMD EPYC Zen 4, 2026-11-24). Goal: under a second. Run: `cargo bench --bench map_capacity`.

use cpu_time::ProcessTime;
use spikemesh::chip::ChipSpec;
use spikemesh::mapper::{MapOptions, map};
use spikemesh::network::{Conventions, Integrator, RandomNetwork, Reset, random_network};

fn main() {
    let conventions = Conventions { dt_s: 1e-3, reset: Reset::Zero, integrator: Integrator::Euler };
    let shape = RandomNetwork {
        inputs: 10_000,
        neurons: 100_000,
        fan_in: 90,
        input_fan_in: 10,
        weight: 0.05,
        tau_ms: 20.0,
        delay: 0,
        seed: 1,
    };
    let network = random_network("bench", &shape, conventions).expect("a valid network");
    let spec = ChipSpec::preset("loihi1-davies2018").expect("a preset");
    let best = |f: &mut dyn FnMut()| {
        let times = (0..5).map(|_| {
            let start = ProcessTime::now();
            f();
            start.elapsed().as_secs_f64()
        });
        times.fold(f64::INFINITY, f64::min)
    };
    let mut sum = 0u64;
    let visit = best(&mut || {
        for projection in network.projections() {
            for target in 0..shape.neurons {
                projection.weights.for_each_source_index(target, |source| sum += u64::from(source));
            }
        }
    });
    let mut text = String::new();
    let answer = best(&mut || {
        text = map(&network, &spec, &MapOptions::default()).expect_err("it does not fit").to_string();
    });
    println!("{text}\n");
    println!("{} synapses; sum of sources {sum}", network.synapse_count());
    println!("visit every synapse once   {visit:.3} s");
    println!("say that it does not fit   {answer:.3} s, {:.2} x", answer / visit);
}
