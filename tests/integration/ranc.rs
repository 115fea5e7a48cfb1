//! RANC's own files through the whole chip: potentials, spikes, output bus and warnings tick for tick, at both network
//! levels and on several threads; and files that are wrong.

use crate::support::{Folder, expect, root};
use proptest::prelude::*;
use serde_json::{Value, json};
use spikemesh::chip::{RancFile, RancImport};
use spikemesh::energy::{EnergyTable, EventCounts};
use spikemesh::run::{Recording, Runner, Stimulus};
use spikemesh::{Error, ErrorKind};
use spikemesh_router::Level;
use std::sync::atomic::AtomicBool;

/// The four cases recorded from RANC's simulator.
fn golden() -> Vec<Value> {
    let path = root().join("tests/data/golden/truenorth_ranc.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn import(input: &str, config: &str) -> Result<RancImport, Error> {
    let file = |name, text| RancFile { name, text };
    RancImport::read("test", file("input.json", input), file("config.json", config))
}

/// Runs `ticks` ticks; the record as JSON, and the counts.
fn run(import: &RancImport, ticks: u32, level: Level, threads: usize) -> (Value, Recording) {
    let inputs = import.image.network.inputs.len() as u32;
    let stimulus = Stimulus::from_train(import.train.clone(), inputs, ticks);
    let stop = AtomicBool::new(false);
    let runner = Runner {
        threads,
        level,
        reference: None,
        trace: None,
        recorder: None,
        stop: &stop,
        progress: &|_, _| {},
    };
    let mut record = import.record(true);
    let recording =
        runner.run_observed(&import.image, &stimulus, &mut |chip, spikes| record.tick(chip, spikes)).unwrap();
    record.finish(&recording.counters);
    assert_eq!(record.ticks(), ticks as usize);
    (serde_json::to_value(&record).unwrap(), recording)
}

#[test]
fn recorded_cases_are_equal_at_every_tick() {
    let cases = golden();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let seed = &case["seed"];
        let import = import(&case["input"].to_string(), &case["config"].to_string()).unwrap();
        assert!(import.warnings.is_empty());
        let ticks = case["ticks"].as_u64().unwrap() as u32;
        assert_eq!(import.ticks, ticks);
        let mut digests = Vec::new();
        for level in [Level::Analytic, Level::Packet] {
            for threads in [1, 3] {
                let (got, recording) = run(&import, ticks, level, threads);
                for key in ["potentials", "spikes", "output_bus"] {
                    for t in 0..ticks as usize {
                        assert_eq!(got[key][t], case[key][t], "seed {seed}, tick {t}, {key}");
                    }
                    assert_eq!(got[key], case[key], "seed {seed}, {key}");
                }
                assert_eq!(got["warnings"], case["warnings"], "seed {seed}");
                assert_eq!(got["lost"], json!([]));
                digests.push((level, recording.spike_digest, recording.digest));
            }
        }
        assert_eq!(digests[0], digests[1], "threads");
        assert_eq!(digests[2], digests[3], "threads");
        assert_eq!(digests[0].1, digests[2].1, "levels");
    }
}

#[test]
fn hops_latency_and_energy_come_on_top() {
    for case in golden() {
        let import = import(&case["input"].to_string(), &case["config"].to_string()).unwrap();
        let (got, recording) = run(&import, 60, Level::Packet, 1);
        let counters = &recording.counters;
        let noc = &counters.noc;
        // Every spike and every packet from outside is a packet of the mesh, and arrives.
        let packets: usize =
            case["input"]["packets"].as_array().unwrap().iter().map(|t| t.as_array().unwrap().len()).sum();
        let spikes: usize = got["spikes"].as_array().unwrap().iter().map(|t| t.as_array().unwrap().len()).sum();
        assert_eq!((counters.input_packets, noc.packets), (packets as u64, (packets + spikes) as u64));
        assert_eq!((noc.delivered, noc.dropped_total(), noc.in_flight), (noc.packets, 0, 0));
        // A packet takes |dx| + |dy| hops, from (0,0) if it comes from outside.
        let mut hops = 0;
        let size = |pair: &Value| (0..2).map(|i| pair[i].as_i64().unwrap().unsigned_abs()).sum::<u64>();
        for packet in case["input"]["packets"].as_array().unwrap().iter().flat_map(|t| t.as_array().unwrap()) {
            hops += size(&packet["destination_core"]);
        }
        for spike in got["spikes"].as_array().unwrap().iter().flat_map(|t| t.as_array().unwrap()) {
            let cores = case["input"]["cores"].as_array().unwrap();
            let named = |c: &&Value| format!("{},{}", c["coordinates"][0], c["coordinates"][1]) == spike[0];
            let core = cores.iter().find(named).unwrap();
            hops += size(&core["neurons"][spike[1].as_u64().unwrap() as usize]["destination_core_offset"]);
        }
        assert_eq!(noc.hop_total(), hops);
        assert!(noc.latency.max_ps() >= 50_000 + 25_000 * noc.hop_max(), "two stages and the hops");
        let on_bus: usize =
            got["output_bus"].as_array().unwrap().iter().map(|t| t.as_array().unwrap().len()).sum();
        assert!(counters.output_packets >= on_bus as u64);
        let prices = EnergyTable::load(&import.image.spec.prices, root()).unwrap();
        assert!(prices.price(&EventCounts::of_chip(counters)).total_known() > 0);
    }
}

/// A config of a 3 x 2 mesh with cores of four axons and four neurons.
fn small_config() -> Value {
    json!({ "num_neurons": 4, "num_axons": 4, "num_cores_x": 3, "num_cores_y": 2, "num_weights": 4,
            "max_tick_offset": 16, "neuron_reset_type": 0 })
}

/// A neuron that fires on every event of axon type 0.
fn relay(offset: [i64; 2], axon: u32, tick: u32) -> Value {
    json!({ "reset_potential": 0, "weights": [1, 0, 0, 0], "leak": 0, "positive_threshold": 1,
            "negative_threshold": 0, "destination_core_offset": offset, "destination_axon": axon,
            "destination_tick": tick, "current_potential": 0, "reset_mode": 0 })
}

/// Core (0,0) relays axon i by neuron i: to (1,0), to an empty place, to the bus at (2,1), into the last slot.
fn small_input() -> Value {
    json!({
        "output_bus": { "coordinates": [2, 1], "num_outputs": 9 },
        "cores": [
            { "coordinates": [0, 0], "axons": [0, 0, 0, 0],
              "neurons": [relay([1, 0], 2, 0), relay([0, 1], 0, 0), relay([2, 1], 8, 3), relay([1, 0], 3, 15)],
              "connections": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]] },
            { "coordinates": [1, 0], "axons": [1, 1], "neurons": [relay([0, 0], 0, 0)], "connections": [[0, 0, 1]] }
        ],
        "packets": [
            [ { "destination_core": [0, 0], "destination_axon": 0, "destination_tick": 0 },
              { "destination_core": [0, 0], "destination_axon": 1, "destination_tick": 2 },
              { "destination_core": [2, 1], "destination_axon": 5, "destination_tick": 0 },
              { "destination_core": [2, 0], "destination_axon": 1, "destination_tick": 0 } ],
            [ { "destination_core": [0, 0], "destination_axon": 2, "destination_tick": 0 },
              { "destination_core": [0, 0], "destination_axon": 2, "destination_tick": 0 },
              { "destination_core": [0, 0], "destination_axon": 3, "destination_tick": 15 } ],
            [ { "destination_core": [0, 0], "destination_axon": 3, "destination_tick": 0 } ]
        ]
    })
}

/// Arrival times, merging, dropping, loss and the bus, each in the tick where it must be.
#[test]
fn what_ends_nowhere_is_counted_and_named() {
    let import = import(&small_input().to_string(), &small_config().to_string()).unwrap();
    let (got, recording) = run(&import, 5, Level::Packet, 1);
    let spikes = json!([[["0,0", 0]], [["0,0", 2], ["1,0", 0]], [["0,0", 1], ["0,0", 3]], [], []]);
    assert_eq!(got["spikes"], spikes);
    // Packets from outside are on the bus in their own row; a neuron's spike of row 1 in row 2, whatever its tick.
    assert_eq!(got["output_bus"], json!([[5], [], [8], [], []]));
    assert_eq!(got["bus_merged"], 0);
    // Axon 2 has two packets in tick 1; one packet and one spike ask for the last slot.
    assert_eq!((&got["merged"], &got["dropped"], &got["warnings"]), (&json!(1), &json!(2), &json!(3)));
    let total = recording.counters.core_total();
    assert_eq!((total.merged, total.dropped), (1, 2));
    let lost = json!([{ "from": "packets", "to": [2, 0], "spikes": 1 },
                      { "from": "core 0,0 neuron 1", "to": [0, 1], "spikes": 1 }]);
    assert_eq!(got["lost"], lost);
    assert_eq!(recording.counters.noc.dropped_total(), 0, "the mesh delivers them, to nobody");
}

/// A smaller scheduler drops its own last tick.
#[test]
fn the_last_slot_follows_the_configuration() {
    let mut config = small_config();
    config["max_tick_offset"] = json!(4);
    let mut input = small_input();
    input["cores"][0]["neurons"][3]["destination_tick"] = json!(3);
    input["packets"][1].as_array_mut().unwrap().pop();
    let (got, _) = run(&import(&input.to_string(), &config.to_string()).unwrap(), 5, Level::Analytic, 1);
    assert_eq!(got["dropped"], 1);
}

/// As in the small examples of RANC's repository: lists of axons shorter than the configuration's.
#[test]
fn cores_may_name_fewer_axons_than_they_have() {
    let import = import(&small_input().to_string(), &small_config().to_string()).unwrap();
    let uses = spikemesh::mapper::core_uses(&import.image);
    let held: Vec<_> = uses.iter().map(|u| (u.neurons, u.in_axons, u.synapses)).collect();
    assert_eq!(held, [(4, 4, 4), (1, 4, 1)]);
    let again = spikemesh::chip::ChipImage::from_bytes("test", &import.image.to_bytes()).unwrap();
    assert_eq!(again, import.image);
}

/// The problems of an input that was changed by `change`.
fn problems(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut input = small_input();
    change(&mut input);
    let error = import(&input.to_string(), &small_config().to_string()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    error.problems.iter().map(|p| format!("{}: {} ({})", p.place, p.what, p.hint)).collect()
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let said = problems(|input| {
        let core = &mut input["cores"][0];
        core["neurons"][0].as_object_mut().unwrap().remove("leak");
        core["neurons"][0]["leek"] = json!(1);
        core["connections"][1] = json!([1, 0]);
        core["connections"][2] = json!([1, 0, 2, 0]);
        core["neurons"][1]["destination_core_offset"] = json!([-1, 0]);
        core["neurons"][2]["destination_axon"] = json!(9);
        core["neurons"][3]["destination_axon"] = json!(4);
        core["neurons"][3]["weights"] = json!([1, 2_147_483_648i64, 0.5, 0]);
        core["neurons"][3]["reset_mode"] = json!(2);
        core["axons"][3] = json!(4);
        input["cores"][1]["coordinates"] = json!([3, 0]);
        input["packets"][1][0]["destination_axon"] = json!(-1);
        input["packets"][1][1]["destination_tick"] = json!(16);
        input["packets"][2] = json!(7);
    });
    for (place, what) in [
        ("input.json, cores[0].neurons[0]", "the key `leak` is missing"),
        ("input.json, cores[0].neurons[0]", "(`leek` may be a misspelt `leak`)"),
        ("input.json, cores[0].connections[1]", "the row of connections has 2 entries; wanted 4 to 4"),
        ("input.json, cores[0].connections[2]", "the entry of axon 2 is 2; wanted a whole number from 0 to 1"),
        ("input.json, cores[0].neurons[1]", "the destination is at (-1,0), outside the mesh of 3 x 2 cores"),
        ("input.json, cores[0].neurons[2]", "`destination_axon` is 9; wanted a whole number from 0 to 8"),
        ("input.json, cores[0].neurons[3]", "`destination_axon` is 4; wanted a whole number from 0 to 3"),
        ("input.json, cores[0].neurons[3]", "weights[1] is 2147483648; wanted a whole number from -2147483648"),
        ("input.json, cores[0].neurons[3]", "weights[2] is 0.5"),
        ("input.json, cores[0].neurons[3]", "`reset_mode` is 2"),
        ("input.json, cores[0]:", "axons[3] is 4; wanted a whole number from 0 to 3"),
        ("input.json, cores[1]:", "the core is at (3,0), outside the mesh"),
        ("input.json, packets[1][0]", "`destination_axon` is -1"),
        ("input.json, packets[1][1]", "`destination_tick` is 16; wanted a whole number from 0 to 15"),
        ("input.json, packets[2]", "wanted a list"),
    ] {
        assert!(said.iter().any(|p| p.starts_with(place) && p.contains(what)), "{place}: {what}\n{said:#?}");
    }
    assert_eq!(said.len(), 14, "{said:#?}");
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    type Change = Box<dyn FnOnce(&mut Value)>;
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(|i| i["output_bus"]["coordinates"] = json!([1, 0])),
            "core (1,0) sits where the output bus is",
        ),
        (Box::new(|i| i["cores"][1]["coordinates"] = json!([0, 0])), "core (0,0) is described a second time"),
        (Box::new(|i| i["output_bus"]["num_outputs"] = json!(0)), "the output bus, which has no outputs"),
        (Box::new(|i| i["output_bus"] = Value::Null), "the key `output_bus` is missing"),
        (Box::new(|i| i["cores"] = json!({})), "`cores` is an object; wanted a list"),
        (Box::new(|i| i["cores"][0]["neurons"] = json!([1])), "wanted an object, found 1"),
        (Box::new(|i| i["cores"][0]["connections"] = json!([])), "0 rows of connections for 4 neurons"),
        (
            Box::new(|i| i["cores"][0]["axons"] = json!([0, 0, 0, 0, 0])),
            "`axons` has 5 entries; the cores have 4",
        ),
        (Box::new(|i| i["cores"][0] = json!(null)), "wanted an object, found null"),
        (Box::new(|i| *i = json!([])), "wanted an object with `cores`, `output_bus` and `packets`"),
    ];
    for (change, what) in cases {
        let said = problems(change);
        assert!(said.iter().any(|p| p.contains(what)), "{what}\n{said:#?}");
    }
}

#[test]
fn no_packet_goes_further_than_its_bits() {
    let mut config = small_config();
    config["num_cores_x"] = json!(300);
    let mut input = small_input();
    input["cores"][0]["neurons"][0]["destination_core_offset"] = json!([256, 0]);
    let error = import(&input.to_string(), &config.to_string()).unwrap_err();
    assert!(error.to_string().contains("dx is 256; its 9 bits hold -256 to 255"), "{error}");
}

#[test]
fn configurations_are_checked_in_full() {
    let config = json!({ "num_neurons": 0, "num_axons": "many", "num_cores_x": 513, "num_weights": 5,
                         "max_tick_offset": 17, "neuron_reset_type": 2 });
    let error = import("{}", &config.to_string()).unwrap_err();
    assert_eq!((error.kind, error.problems.len()), (ErrorKind::Invalid, 7), "{error}");
    for text in ["", "{", "[1]", "nonsense"] {
        assert_eq!(import("{}", text).unwrap_err().kind, ErrorKind::Invalid, "{text}");
        assert_eq!(import(text, &small_config().to_string()).unwrap_err().kind, ErrorKind::Invalid, "{text}");
    }
}

proptest! {
    #![proptest_config(crate::support::cases(300))]

    /// A value changed anywhere, or a text cut anywhere, is refused or runs; nothing panics.
    #[test]
    fn damaged_files_of_ranc_never_panic(cut in 0usize..2000, at in any::<prop::sample::Index>(), with in 0usize..8) {
        let text = small_input().to_string();
        let config = small_config().to_string();
        prop_assert!(import(&text[..cut.min(text.len() - 1)], &config).is_err());
        let mut input = small_input();
        let mut leaves = Vec::new();
        pointers(&input, String::new(), &mut leaves);
        let replacement = [json!(-1), json!(1), json!(255), json!(1e30), json!("x"), json!([]), json!({}), json!(null)];
        *input.pointer_mut(&leaves[at.index(leaves.len())]).unwrap() = replacement[with].clone();
        if let Ok(import) = import(&input.to_string(), &config) {
            run(&import, 4, Level::Analytic, 1);
        }
    }
}

/// Pointers to all parts of a value.
fn pointers(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            (list.iter().enumerate()).for_each(|(i, v)| pointers(v, format!("{at}/{i}"), out))
        }
        Value::Object(map) => map.iter().for_each(|(k, v)| pointers(v, format!("{at}/{k}"), out)),
        _ => {}
    }
    out.push(at);
}

#[test]
fn the_command_writes_report_and_record() {
    let folder = Folder::new();
    for (i, case) in golden().iter().enumerate() {
        let input = folder.write("input.json", case["input"].to_string());
        let config = folder.write("config.json", case["config"].to_string());
        let out = folder.path(&format!("out-{i}"));
        let level = ["analytic", "packet"][i % 2];
        let arguments = ["ranc", &input, "--config", &config, "--out", &out, "--level", level];
        let (text, warned) = expect(&arguments, 0);
        assert!(text.contains("hops ") && text.contains("energy ") && text.contains("ranc, "), "{text}");
        assert!(warned.contains("merged"), "{warned}");
        let read = |name: &str| std::fs::read_to_string(format!("{out}/{name}")).unwrap();
        let record: Value = serde_json::from_str(&read("ranc.json")).unwrap();
        for key in ["potentials", "spikes", "output_bus", "warnings"] {
            assert_eq!(record[key], case[key], "{key}");
        }
        let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
        assert_eq!((&summary["ticks"], &summary["chip"]["level"]), (&json!(60), &json!(level)));
        assert!(summary["hops"]["total"].as_u64().unwrap() > 0);
        assert!(summary["energy_j"]["total_known"].as_f64().unwrap() > 0.0);
        assert!(read("report.html").contains("<svg") && read("links.csv").lines().count() > 1);
        // What is there already stays unless the user says otherwise.
        assert!(expect(&arguments, 2).1.contains("there already"));
    }
    let (json, _) = expect(
        &[
            "ranc",
            &folder.path("input.json"),
            "--config",
            &folder.path("config.json"),
            "--json",
            "--ticks",
            "7",
            "--no-potentials",
            "--out",
            &folder.path("short"),
        ],
        0,
    );
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["ticks"], 7);
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path("short/ranc.json")).unwrap()).unwrap();
    assert!(record.get("potentials").is_none() && record["spikes"].as_array().unwrap().len() == 7);
}

#[test]
fn the_command_fails_with_the_right_code() {
    let folder = Folder::new();
    let config = folder.write("config.json", small_config().to_string());
    let input = folder.write("input.json", small_input().to_string());
    let out = folder.path("out");
    // Spikes to places without a core are lost packets, and named.
    let (_, err) = expect(&["ranc", &input, "--config", &config, "--out", &out, "--ticks", "5"], 5);
    assert!(
        err.contains("2 spikes went to places without a core") && err.contains("core 0,0 neuron 1 to (0,1)"),
        "{err}"
    );
    let mut wrong = small_input();
    wrong["cores"][0]["neurons"][0]["leak"] = json!("none");
    wrong["cores"][0]["connections"][0] = json!([1]);
    let wrong = folder.write("wrong.json", wrong.to_string());
    let bad = folder.path("bad");
    let (_, err) = expect(&["ranc", &wrong, "--config", &config, "--out", &bad], 3);
    assert!(err.matches("error: ").count() == 2 && err.contains("where: ") && err.contains("try: "), "{err}");
    assert!(!std::path::Path::new(&bad).exists());
    let text = folder.write("text.json", "not JSON");
    expect(&["ranc", &text, "--config", &config, "--out", &bad], 3);
    expect(&["ranc", &folder.path("absent.json"), "--config", &config, "--out", &bad], 7);
    expect(&["ranc", &input, "--out", &bad], 2);
}
