//! Laws of synthetic traffic.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use proptest::prelude::*;
use spikemesh_router::EndpointId;
use spikemesh_router::traffic::{
    Arrival, FlowDefaults, PacketLines, ReadLimits, Replay, Shape, SpikeLines, SpikeTiming, Synthetic, Traffic,
    TrafficSpec, read_flows,
};

const PATTERNS: &[&str] =
    &["uniform", "tornado", "hotspot(3:2,5;fraction=0.4)", "local(mean=2)", "permutation"];
const PROCESSES: &[&str] = &[
    "bernoulli(rate=0.2)",
    "on-off(rate=0.1;on=10;off=30)",
    "pareto(rate=0.1;on=10;off=30)",
    "tick-burst(period=50;probability=0.7;window=20;copies=3)",
    "tick-burst(period=50;probability=0.7;copies=3;multicast=true)",
];
const SHAPE: Shape = Shape { width: 4, height: 3, cores: 2 };

fn spec(pattern: usize, process: usize, seed: u64) -> TrafficSpec {
    TrafficSpec {
        pattern: PATTERNS[pattern].parse().unwrap(),
        process: PROCESSES[process].parse().unwrap(),
        flits: (1, 4),
        seed,
        start: 100,
        stop: Some(1100),
    }
}

fn all_of(traffic: &mut Synthetic, source: u32) -> Vec<Arrival> {
    std::iter::from_fn(|| traffic.next(EndpointId(source))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]

    /// Sources asked one after the other, and asked in any order, send the same.
    #[test]
    fn order_of_asking_does_not_matter(
        pattern in 0..PATTERNS.len(),
        process in 0..PROCESSES.len(),
        seed in any::<u64>(),
        order in prop::collection::vec(0u32..24, 0..3000),
    ) {
        let spec = spec(pattern, process, seed);
        let mut whole = spec.build(SHAPE).unwrap();
        let mut mixed = spec.build(SHAPE).unwrap();
        let mut found = vec![Vec::new(); 24];
        for source in order {
            found[source as usize].extend(mixed.next(EndpointId(source)));
        }
        for (source, mut found) in (0..24).zip(found) {
            found.extend(all_of(&mut mixed, source));
            prop_assert_eq!(found, all_of(&mut whole, source));
        }
    }

    /// Damaged files are refused or read, and what is read can be asked for.
    #[test]
    fn no_file_panics(lines in prop::collection::vec("[0-9]{0,20}[ ,.x-]{0,2}[0-9.,x ]{0,30}|\\PC{0,20}", 0..12)) {
        let text = lines.join("\n");
        let limits = ReadLimits { faults: 3, line_bytes: 40 };
        if let Ok(table) = read_flows(text.as_bytes(), FlowDefaults { pir: 0.5 }, limits)
            && let Ok(mut traffic) = table.build(1000, (1, 2), 1)
        {
            (0..1000).for_each(|source| drop(traffic.next(EndpointId(source))));
        }
        let headed = format!("cycle,source,destinations,flits\n{text}");
        if let Ok(mut replay) = Replay::try_from_packets(PacketLines::new(headed.as_bytes(), limits), 1000, 1) {
            (0..1000).for_each(|source| drop(replay.next(EndpointId(source))));
        }
        for cycle_s in [1e-9, 0.0, f64::NAN] {
            let timing = SpikeTiming { cores_per_tile: 4, cycle_s, step_cycles: u64::MAX, flits: 1 };
            SpikeLines::new(headed.as_bytes(), timing, limits).for_each(drop);
        }
    }

    #[test]
    fn packets_are_in_range_and_ascend(
        pattern in 0..PATTERNS.len(),
        process in 0..PROCESSES.len(),
        seed in any::<u64>(),
    ) {
        let mut traffic = spec(pattern, process, seed).build(SHAPE).unwrap();
        for source in 0..24 {
            let all = all_of(&mut traffic, source);
            prop_assert!(all.windows(2).all(|w| w[0].cycle <= w[1].cycle));
            for arrival in all {
                prop_assert!((100..1100).contains(&arrival.cycle) && (1..=4).contains(&arrival.flits));
                let to = arrival.destinations.as_slice();
                prop_assert!(!to.is_empty() && to.len() <= 3 && to.iter().all(|d| d.0 < 24));
                prop_assert!(to.windows(2).all(|w| w[0] < w[1]));
            }
            prop_assert!(traffic.next(EndpointId(source)).is_none(), "the end is the end");
        }
    }
}

#[test]
fn a_spec_goes_through_a_file() {
    let spec = spec(2, 4, 7);
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(
        text,
        r#"{"pattern":"hotspot(3:2,5:1;fraction=0.4)","process":"tick-burst(period=50;probability=0.7;window=50;copies=3;multicast=true)","flits":[1,4],"seed":7,"start":100,"stop":1100}"#
    );
    assert_eq!(serde_json::from_str::<TrafficSpec>(&text).unwrap(), spec);
    let short = r#"{"pattern":"uniform","process":"bernoulli(rate=0.1)"}"#;
    assert_eq!(serde_json::from_str::<TrafficSpec>(short).unwrap().flits, (1, 1));
    assert!(
        serde_json::from_str::<TrafficSpec>(r#"{"pattern":"uniform(","process":"bernoulli(rate=0.1)"}"#)
            .is_err()
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut bad = spec(0, 0, 1);
    bad.pattern = "transpose".parse().unwrap();
    bad.flits = (3, 2);
    bad.stop = Some(5);
    assert_eq!(bad.build(SHAPE).unwrap_err().len(), 3);
}

/// A change of these numbers changes every synthetic run there is.
#[test]
fn the_first_packets_are_pinned() {
    let mut traffic = spec(0, 0, 1).build(SHAPE).unwrap();
    let first: Vec<_> = all_of(&mut traffic, 0).into_iter().take(3).collect();
    let short: Vec<_> = first.iter().map(|a| (a.cycle, a.destinations.as_slice()[0].0, a.flits)).collect();
    assert_eq!(short, [(107, 20, 3), (110, 2, 4), (111, 8, 4)]);
}
