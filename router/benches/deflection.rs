//! What does a flit-hop cost without buffers, beside the virtual-channel router under the same traffic and host?
//!
//! `cargo bench -p spikemesh-router --bench deflection`

use spikemesh_router::flit::RouterSpec;
use spikemesh_router::measure::{Counted, Design, FlitMover, MeasureSpec, Mover, mesh_spec};
use spikemesh_router::traffic::{Shape, TrafficSpec};
use spikemesh_router::{Topology, strategy};
use std::sync::Arc;

/// Nanoseconds a flit-hop and thousands of cycles a second, best of three.
fn measure(name: &str, side: u16, rate: f64, cycles: u64) -> (f64, f64) {
    let spec = RouterSpec::default();
    let topology = Arc::new(Topology::mesh(&mesh_spec(side, side, 1, &spec)).expect("no number is 0"));
    let row = strategy(name).expect("it is registered");
    let design = Design::new(topology, row, None, &spec, 1).unwrap_or_else(|e| panic!("{e:?}"));
    let traffic = TrafficSpec {
        pattern: "uniform".parse().expect("a pattern"),
        process: format!("bernoulli(rate={rate})").parse().expect("a process"),
        flits: (1, 1),
        seed: 7,
        start: 0,
        stop: None,
    };
    let mut best = (f64::INFINITY, 0.0);
    for _ in 0..3 {
        let synthetic = traffic.build(Shape::of(design.topology())).unwrap_or_else(|e| panic!("{e:?}"));
        let mut mover =
            FlitMover::new(synthetic, &design, &MeasureSpec::default(), 7).unwrap_or_else(|e| panic!("{e:?}"));
        mover.advance(1000);
        let crossed = |mover: &FlitMover<_>| mover.loads().link_flits.iter().sum::<u64>();
        let before = crossed(&mover);
        let start = cpu_time::ProcessTime::now();
        mover.advance(1000 + cycles);
        let seconds = start.elapsed().as_secs_f64();
        let ns = seconds * 1e9 / (crossed(&mover) - before).max(1) as f64;
        if ns < best.0 {
            best = (ns, cycles as f64 / seconds / 1e3);
        }
    }
    best
}

fn main() {
    for (side, rate, cycles) in [
        (8u16, 0.02, 100_000u64),
        (8, 0.2, 20_000),
        (8, 0.35, 20_000),
        (16, 0.02, 20_000),
        (16, 0.19, 5000),
        (32, 0.02, 10_000),
        (32, 0.095, 3000),
    ] {
        for name in ["xy", "deflection"] {
            let (ns, kcycles) = measure(name, side, rate, cycles);
            println!("{side:3}x{side:<3} {rate:5} {name:10}: {ns:6.1} ns/flit-hop {kcycles:9.1} kcycles/s");
        }
    }
}
