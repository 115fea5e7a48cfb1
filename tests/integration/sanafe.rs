//! SANA-FE's networks: every published count to the last digit, energy and *simple* chip time to 1e-9.
//!
//! The rows were recorded from fresh processes of SANA-FE 2.2.9.

use crate::support::{Folder, data, expect};
use spikemesh::chip::Chip;
use spikemesh::energy::{EnergyTable, EventCounts, joules};
use spikemesh::sanafe::{Gesture, Graph, RandomGraph, Record, build};
use spikemesh_router::Level;
use std::path::Path;

/// What SANA-FE counted over some steps.
struct Row {
    steps: u32,
    /// Spikes, packets, synaptic operations.
    counts: [u64; 3],
    /// East, west, north, south.
    hops: [u64; 4],
    /// Synapses, somas, network; joules.
    energy: [f64; 3],
    simple_s: f64,
}

fn close(what: &str, got: f64, wanted: f64) {
    assert!((got / wanted - 1.0).abs() < 1e-9, "{what}: got {got:e}, wanted {wanted:e}");
}

fn check(graph: &dyn Graph, row: &Row) -> Record {
    let image = build(graph).unwrap();
    let mut chip = Chip::load(&image, Level::Analytic).unwrap();
    let record = Record::run(&mut chip, &image, row.steps).unwrap();
    let counts =
        [record.total(|s| s.spikes), record.total(|s| s.packets), record.total(|s| s.synaptic_operations)];
    let name = format!("{}, {} steps", graph.name(), row.steps);
    assert_eq!(counts, row.counts, "{name}: spikes, packets, operations");
    assert_eq!(record.hops, row.hops, "{name}: hops");
    let prices = EnergyTable::load(&image.spec.prices, Path::new("")).unwrap();
    let prices = prices.with_price("synaptic_operation", graph.synaptic_operation_pj(), "SANA-FE").unwrap();
    let energy = prices.price(&EventCounts::of_chip(&record.counters));
    let sum = |causes: &[&str]| {
        joules(energy.causes.iter().filter(|c| causes.contains(&c.cause)).filter_map(|c| c.attojoules).sum())
    };
    let split = [
        sum(&["synaptic_operation"]),
        sum(&["neuron_update_active", "neuron_update_idle", "neuron_spike"]),
        sum(&["packet_sent", "hop_east_west", "hop_north_south"]),
    ];
    split.into_iter().zip(row.energy).for_each(|(got, wanted)| close(&name, got, wanted));
    close(&name, record.total(|s| s.simple_ps) as f64 * 1e-12, row.simple_s);
    record
}

#[test]
fn random_networks_are_equal_to_sanafe_in_counts_energy_and_simple_time() {
    let random = |neurons, cores, fan_out, own, rate, seed| {
        RandomGraph::new(neurons, cores, fan_out, own, rate, seed).unwrap()
    };
    let rows = [
        (
            random(1024, 8, 100, 0, 0.03, 1),
            Row {
                steps: 100,
                counts: [3_109, 24_872, 310_900],
                hops: [0, 0, 6_212, 6_224],
                energy: [1.044624e-5, 7.6701737e-6, 2.8130232e-6],
                simple_s: 3.457573e-4,
            },
        ),
        (
            random(1024, 8, 100, 0, 0.03, 2),
            Row {
                steps: 100,
                counts: [3_102, 24_816, 310_200],
                hops: [0, 0, 6_168, 6_240],
                energy: [1.042272e-5, 7.6696886e-6, 2.8066896e-6],
                simple_s: 3.466097e-4,
            },
        ),
        (
            random(1024, 8, 100, 0, 0.05, 1),
            Row {
                steps: 100,
                counts: [5_105, 40_840, 510_500],
                hops: [0, 0, 10_180, 10_240],
                energy: [1.71528e-5, 7.8084965e-6, 4.619004e-6],
                simple_s: 4.985869e-4,
            },
        ),
        (
            random(1024, 8, 100, 0, 0.03, 1),
            Row {
                steps: 1000,
                counts: [31_231, 249_848, 3_123_100],
                hops: [0, 0, 62_472, 62_452],
                energy: [1.0493616e-4, 7.67115083e-5, 2.82578088e-5],
                simple_s: 3.4708397e-3,
            },
        ),
        (
            random(16_384, 64, 100, 0, 0.03, 1),
            Row {
                steps: 20,
                counts: [9_249, 469_155, 924_900],
                hops: [290_507, 295_676, 294_570, 292_642],
                energy: [3.107664e-5, 2.44960597e-5, 5.63010444e-5],
                simple_s: 2.23998e-4,
            },
        ),
        (
            random(16_384, 64, 100, 8, 0.03, 1),
            Row {
                steps: 100,
                counts: [49_723, 376_822, 4_972_300],
                hops: [236_306, 236_051, 234_908, 237_007],
                energy: [1.6706928e-4, 1.227213239e-4, 4.5226356e-5],
                simple_s: 7.347382e-4,
            },
        ),
        (
            random(131_072, 128, 20, 0, 0.03, 1),
            Row {
                steps: 10,
                counts: [34_535, 641_511, 690_700],
                hops: [838_804, 844_649, 400_626, 401_629],
                energy: [2.320752e-5, 9.78136915e-5, 7.96275510e-5],
                simple_s: 1.717951e-4,
            },
        ),
    ];
    for (graph, row) in &rows {
        check(graph, row);
    }
}

#[test]
fn the_gesture_network_is_equal_to_sanafe_in_counts_energy_and_simple_time() {
    let Some(file) = data("the_gesture_network_is_equal_to_sanafe_in_counts_energy_and_simple_time")
        .map(|folder| folder.join("data/dvs/sanafe_dvs_challenge.npz"))
    else {
        return;
    };
    if !file.exists() {
        println!(
            "SKIPPED the_gesture_network_is_equal_to_sanafe_in_counts_energy_and_simple_time: no {}",
            file.display()
        );
        return;
    }
    let graph = Gesture::read(&file).unwrap();
    let row = Row {
        steps: 1000,
        counts: [365_277, 2_482_643, 51_549_374],
        hops: [1_838_173, 0, 1_586_836, 1_316_510],
        energy: [1.830002777e-3, 1.3172859609e-3, 2.932819452e-4],
        simple_s: 2.39513447e-2,
    };
    let record = check(&graph, &row);
    let firsts = record.steps[..8].iter().map(|s| [s.spikes, s.active, s.packets, s.synaptic_operations]);
    let wanted = [
        [0, 294, 0, 0],
        [21, 294, 84, 800],
        [7, 550, 28, 224],
        [28, 566, 148, 1_824],
        [24, 1_174, 300, 4_816],
        [45, 1_354, 336, 7_248],
        [33, 2_726, 504, 10_147],
        [82, 3_022, 940, 25_561],
    ];
    assert!(firsts.eq(wanted), "the first steps");
    assert_eq!(record.total(|s| s.active), 15_539_753);
    let at = |steps: usize| {
        let sum =
            |of: fn(&spikemesh::sanafe::StepCounts) -> u64| record.steps[..steps].iter().map(of).sum::<u64>();
        [sum(|s| s.spikes), sum(|s| s.active), sum(|s| s.packets), sum(|s| s.synaptic_operations)]
    };
    assert_eq!(at(10), [507, 16_924, 4_760, 103_296]);
    assert_eq!(at(100), [29_252, 919_404, 198_161, 4_172_959]);
    assert_eq!(at(200), [65_244, 2_514_878, 443_672, 9_272_065]);
}

#[test]
fn counts_do_not_depend_on_the_network_level() {
    let graph = RandomGraph::new(512, 8, 30, 3, 0.05, 7).unwrap();
    let image = build(&graph).unwrap();
    let run = |level| {
        let mut chip = Chip::load(&image, level).unwrap();
        let record = Record::run(&mut chip, &image, 50).unwrap();
        let steps: Vec<_> = record
            .steps
            .iter()
            .map(|s| [s.spikes, s.active, s.packets, s.synaptic_operations, s.simple_ps])
            .collect();
        (steps, record.hops)
    };
    let analytic = run(Level::Analytic);
    assert_eq!(analytic, run(Level::Packet));
    assert_eq!(analytic, run(Level::Flit));
}

#[test]
fn wrong_numbers_and_files_are_refused_by_name() {
    let (_, err) = expect(&["sanafe", "random", "--neurons", "1000", "--cores", "7", "--rate", "2"], 3);
    assert!(err.contains("where: neurons") && err.contains("where: rate"), "{err}");
    let (_, err) = expect(&["sanafe", "gesture", "Cargo.toml"], 3);
    assert!(err.contains("not an NPZ file"), "{err}");
    expect(&["sanafe", "gesture", "nowhere.npz"], 7);
    let (out, _) = expect(&["sanafe", "random", "--steps", "3", "--csv"], 0);
    assert_eq!(out.lines().count(), 4, "{out}");
    let (out, _) = expect(&["sanafe", "random", "--steps", "3", "--json"], 0);
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(object["by_step"].as_array().unwrap().len(), 3);
    assert!(object["energy_j"]["total"].as_f64().unwrap() > 0.0);
}

/// What `new sanafe-random` writes maps and runs as any network does, to the spikes, packets and hops of `sanafe random`.
#[test]
fn files_of_a_random_network_run_to_the_same_counts() {
    let folder = Folder::new();
    let numbers = ["--neurons", "320", "--cores", "20", "--fanout", "30", "--dest-cores", "3", "--seed", "5"];
    let own = folder.path("own");
    expect(&[&["new", "sanafe-random", &own][..], &numbers].concat(), 0);
    let (text, _) = expect(&["run", &format!("{own}/run.toml"), "--json", "--out", &folder.path("out")], 0);
    let ran: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (text, _) = expect(&[&["sanafe", "random", "--json", "--level", "packet"][..], &numbers].concat(), 0);
    let steps: serde_json::Value = serde_json::from_str(&text).unwrap();
    for key in ["spikes", "packets"] {
        assert_eq!(ran[key], steps[key], "{key}");
    }
    let hops: u64 = steps["hops"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(ran["hops"]["total"].as_u64(), Some(hops), "{}", ran["hops"]);
    assert!(steps["spikes"].as_u64().unwrap() > 500, "{steps}");
    let (_, error) = expect(&["new", "sanafe-random", &folder.path("no"), "--cores", "300"], 3);
    assert!(error.contains("128"), "{error}");
}
