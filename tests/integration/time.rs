//! Time with consequences, and prices after the fact.

use crate::command_line::RANDOM;
use crate::support::{Folder, expect};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The random configuration with other keys in `[chip]`.
fn with_chip(keys: &str) -> String {
    RANDOM.replace("[chip]\n", &format!("[chip]\n{keys}\n"))
}

fn run(folder: &Folder, name: &str, config: &str, more: &[&str]) -> Value {
    let config = folder.write(&format!("{name}.toml"), config);
    let out = folder.path(name);
    let (text, _) = expect(&[&["run", &config, "--json", "--out", &out], more].concat(), 0);
    json(&text)
}

#[test]
fn ticks_that_are_long_enough_change_no_spike() {
    let folder = Folder::new();
    let barrier = run(&folder, "barrier", RANDOM, &[]);
    assert!(barrier["late"].is_null());
    for (level, late) in [("analytic", "drop"), ("packet", "deliver"), ("flit", "drop")] {
        let keys = format!("sync = \"fixed-tick\"\ntick_ps = 1000000000\nlate = \"{late}\"");
        let fixed = run(&folder, level, &with_chip(&keys), &["--level", level]);
        assert_eq!(fixed["spike_digest"], barrier["spike_digest"], "{level}");
        assert_eq!(fixed["late"]["copies"], 0);
        assert_eq!(fixed["output_packets"], barrier["output_packets"], "{level}");
        // Three samples of 50 ticks of a millisecond, and three resets of 256 ns.
        assert!((fixed["chip_time_s"].as_f64().unwrap() - 0.150_000_768).abs() < 1e-12);
    }
}

#[test]
fn late_spikes_are_counted_located_and_change_the_network() {
    let folder = Folder::new();
    let barrier = run(&folder, "barrier", RANDOM, &[]);
    let longest = barrier["tick_time_ps"]["max"].as_u64().unwrap();
    for late in ["drop", "deliver"] {
        let keys = format!("sync = \"fixed-tick\"\ntick_ps = {}\nlate = \"{late}\"", longest / 3);
        let config = with_chip(&keys);
        let fixed = run(&folder, late, &config, &["--level", "packet", "--threads", "1"]);
        let counted = &fixed["late"];
        let copies = counted["copies"].as_u64().unwrap();
        assert!(copies > 0, "{counted}");
        assert_ne!(fixed["spike_digest"], barrier["spike_digest"]);
        let sum = |list: &Value, key: &str| -> u64 {
            list.as_array()
                .unwrap()
                .iter()
                .map(|v| if key.is_empty() { v } else { &v[key] }.as_u64().unwrap())
                .sum()
        };
        assert_eq!(sum(&counted["pairs"], "copies"), copies);
        assert_eq!(sum(&counted["by_ticks"], ""), copies);
        assert_eq!(counted["dropped"].as_u64().unwrap(), if late == "drop" { copies } else { 0 });
        assert!(sum(&counted["overruns"], "ticks") > 0);
        let again = run(&folder, &format!("{late}-2"), &config, &["--level", "packet", "--threads", "2"]);
        assert_eq!(again["digest"], fixed["digest"], "threads");
        assert_eq!(again["late"], fixed["late"]);
    }
    let keys = format!("sync = \"fixed-tick\"\ntick_ps = {}", longest / 3);
    let config = folder.write("text.toml", with_chip(&keys));
    let (out, _) = expect(&["run", &config, "--out", &folder.path("text")], 0);
    assert!(out.contains("missed a tick of"), "{out}");
}

#[test]
fn a_sweep_shows_what_a_shorter_tick_costs() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RANDOM);
    let page = folder.path("page.html");
    let (out, _) = expect(&["deadline", &config, "--json", "--html", &page], 0);
    let rows = json(&out)["rows"].as_array().unwrap().clone();
    assert!(rows[0]["tick_ps"].is_null() && rows[0]["late"] == 0);
    assert_eq!(rows[1]["late"], 0, "twice the longest tick");
    assert_eq!(rows[1]["spikes"], rows[0]["spikes"]);
    assert!(rows.last().unwrap()["late"].as_u64().unwrap() > 0);
    assert!(std::fs::read_to_string(&page).unwrap().contains("<svg"));
    let (out, _) = expect(&["deadline", &config, "--periods", "1us,500ns", "--late", "deliver"], 0);
    assert_eq!(out.lines().count(), 5, "{out}");
    let (_, err) = expect(&["deadline", &config, "--periods", "5"], 2);
    assert!(err.contains("ns, us or ms"), "{err}");
    let (_, err) = expect(&["deadline", &config, "--html", &page], 2);
    assert!(err.contains("--force"), "{err}");
}

#[test]
fn one_recording_is_priced_under_any_table() {
    let folder = Folder::new();
    let object = run(&folder, "out", RANDOM, &[]);
    let out = folder.path("out");
    let (text, _) = expect(&["price", &out, "--json"], 0);
    let own = &json(&text)["reports"][0];
    assert_eq!(own["total_known_j"], object["energy_j"]["total_known"]);
    assert_eq!(own["unknown"], object["energy_j"]["unknown"]);
    let tables = ["--prices", "loihi1-nahuku", "--prices", "truenorth-0.8V", "--prices", "odin-0.55V"];
    let (text, _) = expect(&[&["price", &out, "--json"], &tables[..]].concat(), 0);
    let reports = json(&text)["reports"].as_array().unwrap().clone();
    assert_eq!(reports.len(), 3);
    for report in &reports {
        let causes = report["causes"].as_array().unwrap();
        let sum: i64 = causes.iter().filter_map(|c| c["attojoules"].as_i64()).sum();
        assert_eq!(report["total_known_aj"].as_str().unwrap(), sum.to_string());
        let band = report["band_j"].as_array().unwrap();
        let total = report["total_known_j"].as_f64().unwrap();
        assert!(band[0].as_f64().unwrap() <= total && band[1].as_f64().is_none_or(|most| most >= total));
    }
    assert_eq!(reports[1]["kind"], "static-and-marginal");
    let (_, err) = expect(&["price", &out, "--prices", "truenorth-allin", "--mv", "700"], 3);
    assert!(err.contains("operating point"), "{err}");
    let (_, err) = expect(&["price", &out, "--prices", "truenorth-0.9V", "--prices", "odn-0.55V"], 3);
    assert!(err.contains("truenorth-0.8V") && err.contains("odin-0.55V"), "both: {err}");
    let (_, err) = expect(&["price", &folder.path("nowhere")], 7);
    assert!(err.contains("nowhere"), "{err}");
    let old = folder.write("old.json", "{}");
    let (_, err) = expect(&["price", &old], 3);
    assert!(err.contains("event_counts"), "{err}");
}

#[test]
fn energies_of_cores_and_links_add_up_to_their_causes() {
    let folder = Folder::new();
    let object = run(&folder, "out", RANDOM, &[]);
    let column = |file: &str| -> i64 {
        let text = std::fs::read_to_string(folder.0.join("out").join(file)).unwrap();
        text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse::<i64>().unwrap()).sum()
    };
    let cost = |hops: bool| -> i64 {
        let causes = object["energy_j"]["prices"].as_array().unwrap().iter();
        let others = [
            "static",
            "clock",
            "barrier",
            "reset",
            "input_packet",
            "output_packet",
            "same_core_spike",
            "same_router_spike",
        ];
        let mine = causes.filter(|c| {
            let cause = c["cause"].as_str().unwrap();
            cause.starts_with("hop_") == hops && !others.contains(&cause)
        });
        mine.filter_map(|c| c["attojoules"].as_i64()).sum()
    };
    assert_eq!(column("links.csv"), cost(true));
    assert_eq!(column("cores.csv"), cost(false));
}

#[test]
fn neurobench_counters_follow_from_the_counts() {
    let folder = Folder::new();
    let object = run(&folder, "out", RANDOM, &[]);
    let bench = &object["neurobench"];
    let number = |value: &Value| value.as_f64().unwrap();
    let close =
        |value: &Value, wanted: f64| assert!((number(value) / wanted - 1.0).abs() < 1e-12, "{value}, {wanted}");
    let samples = number(&object["samples"]);
    close(&bench["synaptic_operations"]["effective_acs"], number(&object["synaptic_operations"]) / samples);
    close(&bench["membrane_updates"], number(&object["neuron_updates"]["active"]) / samples);
    // 200 neurons hear 20 of 200 and 10 of 20: 6,000 synapses of 44,000 connections.
    assert!((number(&bench["connection_sparsity"]) - (1.0 - 6.0 / 44.0)).abs() < 1e-2, "{bench}");
    close(&bench["synaptic_operations"]["dense"], 44_000.0 * 50.0);
    let spikes = number(&object["spikes"]) - number(&object["input_spikes"]);
    close(&bench["activation_sparsity"], 1.0 - spikes / (200.0 * 150.0));
    assert!(number(&bench["footprint_bytes"]) >= 4.0 * 5_000.0, "{bench}");
}

/// Bits that toggle on links are counted from a trace, and only tables that know what they cost take them.
#[test]
fn hops_are_priced_by_the_bits_that_toggle() {
    let folder = Folder::new();
    let (trace, other) = (folder.path("t.trace"), folder.path("other.trace"));
    run(&folder, "toggles", RANDOM, &["--trace", &trace]);
    run(&folder, "other", &RANDOM.replace("mesh = [4, 4]", "mesh = [5, 4]"), &["--trace", &other]);
    let out = folder.path("toggles");
    let price = |more: &[&str], code| expect(&[&["price", &out, "--json"], more].concat(), code);
    let hop = |text: &str| {
        let causes = json(text)["reports"][0]["causes"].clone();
        let cause = causes.as_array().unwrap().iter().find(|cause| cause["cause"] == "hop_east_west").unwrap();
        let aj = |key: &str| cause[key].as_f64().unwrap();
        (aj("least"), aj("attojoules"), aj("most"), cause["citation"]["source"].as_str().unwrap().to_owned())
    };
    let (none, half, all, _) = hop(&price(&[], 0).0);
    let (least, counted, most, source) = hop(&price(&["--toggles", &trace], 0).0);
    assert!((half - (none + all) / 2.0).abs() <= 1.0, "without a trace half of the bits toggle");
    assert!(none < counted && counted < half, "numbers of neurons and payloads of 1 toggle few bits");
    assert_eq!((least, most), (counted, counted));
    let percent: f64 = source.split(' ').next().unwrap().parse().unwrap();
    assert!((counted / (none + (all - none) * percent / 100.0) - 1.0).abs() < 1e-3, "{source}");
    let (_, error) = price(&["--toggles", &other], 3);
    assert!(error.contains("another image"), "{error}");
    let (_, error) = price(&["--toggles", &trace, "--prices", "loihi1-davies2018"], 3);
    assert!(error.contains("not made of parts"), "{error}");
}

/// The time at which packets leave is that of the work before them.
#[test]
fn packets_leave_when_their_core_hands_them_over() {
    let folder = Folder::new();
    let preset =
        spikemesh::chip::ChipSpec::presets().iter().find(|(name, _)| *name == "generic-28nm").unwrap().1;
    let chip = |keys: &str| preset.replace("[timing]\n", &format!("[timing]\n{keys}"));
    let time = |name: &str, keys: &str| {
        folder.write(&format!("{name}.chip.toml"), chip(keys));
        let config = RANDOM.replace("preset = \"generic-28nm\"", &format!("file = \"{name}.chip.toml\""));
        run(&folder, name, &config, &[])
    };
    let plain = time("plain", "");
    let slow = time(
        "slow",
        "spike_ps = 7000\npacket_ps = 2000\nencode_ps = 500\narbitrate_ps = 300\nhandshake_ps = 200\n",
    );
    assert_eq!(plain["spike_digest"], slow["spike_digest"], "under a barrier time has no say");
    let work =
        |object: &Value| object["tick_spans_ps"]["work"].as_f64().unwrap() * object["ticks"].as_f64().unwrap();
    let spikes = plain["spikes"].as_f64().unwrap() - plain["input_spikes"].as_f64().unwrap();
    let packets = plain["packets"].as_f64().unwrap() - plain["input_packets"].as_f64().unwrap();
    let added = work(&slow) - work(&plain);
    assert!(
        (added - 7000.0 * spikes - 3000.0 * packets).abs() < 1.0,
        "{added}: {spikes} spikes, {packets} packets"
    );
}

/// Cores with little room hold up the mesh: the same spikes take longer.
#[test]
fn a_busy_core_with_little_room_holds_up_the_mesh() {
    let folder = Folder::new();
    let preset =
        spikemesh::chip::ChipSpec::presets().iter().find(|(name, _)| *name == "generic-28nm").unwrap().1;
    let at_once = preset
        .replace("[timing]\n", "[timing]\nreceive = \"as-they-arrive\"\n")
        .replace("axon_event_ps = ", "axon_event_ps = 90000 # ");
    folder.write("at-once.chip.toml", &at_once);
    let config = |keys: &str| {
        let file = format!("file = \"at-once.chip.toml\"\nfan_out = \"unicast\"\n{keys}");
        RANDOM.replace("preset = \"generic-28nm\"", &file)
    };
    let level = |name| ["--level", name];
    let any = run(&folder, "any", &config(""), &level("packet"));
    let one = run(&folder, "one", &config("receive_packets = 1"), &level("packet"));
    let many = run(&folder, "many", &config("receive_packets = 1000000"), &level("packet"));
    for other in [&one, &many] {
        assert_eq!(any["spike_digest"], other["spike_digest"]);
        assert_eq!(any["packets"], other["packets"]);
        assert_eq!(any["tick_spans_ps"]["work"], other["tick_spans_ps"]["work"], "the same work");
    }
    let time = |report: &Value| report["tick_time_ps"]["mean"].as_f64().unwrap();
    assert_eq!(any["digest"], many["digest"]);
    assert!(time(&one) > time(&any), "{} {}", time(&one), time(&any));
    let network = |report: &Value| report["tick_spans_ps"]["network"].as_f64().unwrap();
    assert!(network(&one) > network(&any));
    let analytic = |name, keys| run(&folder, name, &config(keys), &level("analytic"))["digest"].clone();
    assert_eq!(analytic("a", ""), analytic("b", "receive_packets = 1"), "there packets do not wait");

    let next_tick = with_chip("receive_packets = 1");
    let path = folder.write("next-tick.toml", next_tick);
    let (_, error) = expect(&["run", &path], 3);
    assert!(error.contains("chip.receive_packets") && error.contains("as-they-arrive"), "{error}");
}
