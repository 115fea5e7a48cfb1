//! The search for a better cut and placement: spikes unchanged, limits kept, static numbers true.

use crate::command_line::RANDOM;
use crate::mapping::{random, spikes};
use crate::support::{Folder, expect, generic};
use proptest::prelude::*;
use spikemesh::chip::{Chip, FanOut, TickSpikes};
use spikemesh::mapper::{Effort, MapOptions, Search, Target, Traffic, chip_grid, map};
use spikemesh_router::Level;

fn searched(cap: u32, seed: u64) -> MapOptions {
    let search = Some(Search::new(Effort::Work(150_000), seed));
    MapOptions { neurons_per_core: Some(cap), search, ..MapOptions::default() }
}

proptest! {
    #![proptest_config(crate::support::cases(25))]

    /// Whatever the search does, the chip spikes as one core with all neurons does; every limit is kept, no dead core is
    /// used, and the same seed gives the same image.
    #[test]
    fn a_search_changes_no_spike_and_breaks_no_limit(
        seed in any::<u64>(), neurons in 5u32..60, fan_in in 1u32..12, cap in 2u32..20, axons in 13u32..60,
        words in 30u64..400, multicast in any::<bool>(), each in 1u16..4, dead in prop::collection::vec(0u32..40, 0..4),
    ) {
        let network = random(9, neurons, fan_in, seed & 0xffff, 2);
        let whole = map(&network, &generic(1, 1, 1), &MapOptions::default()).unwrap();
        let mut spec = generic(9, 8, each);
        spec.core.in_axons = axons.max(3 * fan_in);
        spec.core.synapse_words = words.max(60);
        spec.fan_out = if multicast { FanOut::Multicast } else { FanOut::Unicast };
        let options = MapOptions { dead_cores: dead.clone(), ..searched(cap, seed) };
        let cut = map(&network, &spec, &options).unwrap();
        for held in &cut.uses {
            prop_assert!(held.neurons <= cap && held.in_axons <= spec.core.in_axons, "{:?}", held);
            prop_assert!(held.synapse_words <= spec.core.synapse_words, "{:?}", held);
            prop_assert!(!dead.contains(&held.core), "{:?}", held);
        }
        prop_assert_eq!(cut.synapses_verified, whole.synapses_verified);
        prop_assert_eq!(spikes(&cut.image, 9), spikes(&whole.image, 9));
        prop_assert_eq!(map(&network, &spec, &options).unwrap().image.digest(), cut.image.digest());
        let found = cut.arrangement.unwrap();
        let judged = |cost: &spikemesh::mapper::Cost| if multicast { cost.hops_multicast } else { cost.hops_unicast };
        prop_assert!(judged(&found.after) <= judged(&found.before) * (1.0 + 1e-9));
    }

    /// Spikes counted on the chip, taken as rates, give the links the chip's packets crossed.
    #[test]
    fn static_hops_are_the_hops_that_the_chip_counts(
        seed in any::<u64>(), neurons in 20u32..60, cap in 2u32..12, multicast in any::<bool>(), each in 1u16..3,
    ) {
        let network = random(9, neurons, 6, seed & 0xffff, 1);
        let mut spec = generic(8, 7, each);
        spec.fan_out = if multicast { FanOut::Multicast } else { FanOut::Unicast };
        let options = searched(cap, seed);
        let mapping = map(&network, &spec, &options).unwrap();
        let mut chip = Chip::load(&mapping.image, Level::Analytic).unwrap();
        let mut out = TickSpikes::default();
        let mut counted = vec![0.0; network.neuron_count() as usize];
        for t in 0..30u32 {
            let active: Vec<u32> = (0..9).filter(|i| (i * 7 + t * 3) % 5 < 2).collect();
            active.iter().for_each(|i| counted[*i as usize] += 1.0);
            chip.tick(&active, false, &mut out);
            out.spikes.iter().filter(|(n, _)| *n >= 9).for_each(|(n, _)| counted[*n as usize] += 1.0);
        }
        let crossed: u64 = chip.counters().noc.links.iter().map(|link| link.packets).sum();
        let found = mapping.arrangement.unwrap();
        counted.push(0.0); // The output port.
        let traffic = Traffic { rates: counted, ..found.traffic };
        let cost = traffic.cost(&chip_grid(&spec, &options), &found.core);
        let hops = if multicast { cost.hops_multicast } else { cost.hops_unicast };
        prop_assert_eq!(hops, crossed as f64);
    }
}

#[test]
fn a_search_crosses_fewer_links_than_neurons_in_order() {
    let network = random(20, 900, 12, 3, 0);
    let mut options = searched(32, 1);
    options.search = Some(Search { target: Target::Multicast, ..Search::new(Effort::Work(20_000_000), 1) });
    let found = map(&network, &generic(8, 6, 1), &options).unwrap().arrangement.unwrap();
    assert!(
        found.after.hops_multicast < 0.9 * found.before.hops_multicast,
        "{:?} {:?}",
        found.before,
        found.after
    );
    assert!(found.after.bound_any_routing <= found.after.hops_multicast);
    assert!(found.after.bound_any_placement <= found.after.hops_unicast);
}

/// Writes arrays of whole numbers as an NPZ.
fn write_npz(path: &str, arrays: &[(&str, Vec<i64>)]) {
    use npyz::WriterBuilder;
    let mut archive = npyz::npz::NpzWriter::create(path).unwrap();
    for (name, values) in arrays {
        let array = archive.array(name, Default::default()).unwrap();
        let mut array = array.default_dtype().shape(&[values.len() as u64]).begin_nd().unwrap();
        array.extend(values.iter().copied()).unwrap();
        array.finish().unwrap();
    }
}

/// A ring of neurons, each of which reaches the next eight.
fn ring(count: i64) -> Vec<(&'static str, Vec<i64>)> {
    let mut indices = Vec::new();
    for source in 0..count {
        let mut row: Vec<i64> = (1..=8).map(|d| (source * 7 + 7 * d) % count).collect();
        row.sort_unstable();
        indices.extend(row);
    }
    let rates = (0..count).map(|n| 1 + n % 5).collect();
    vec![("indptr", (0..=count).map(|n| 8 * n).collect()), ("indices", indices), ("rate", rates)]
}

#[test]
fn an_npz_is_mapped_and_its_numbers_hold_for_an_outside_evaluator() {
    let folder = Folder::new();
    let net = folder.path("ring.npz");
    let arrays = ring(400);
    write_npz(&net, &arrays);
    let (cores, page) = (folder.path("core.npy"), folder.path("map.html"));
    let arguments = [
        "map",
        &net,
        "--neurons-per-core",
        "16",
        "--mesh",
        "6x5",
        "--effort",
        "fast",
        "--json",
        "--cores",
        &cores,
        "--html",
        &page,
    ];
    let (out, _) = expect(&arguments, 0);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let core: Vec<i32> = npyz::NpyFile::new(&std::fs::read(&cores).unwrap()[..]).unwrap().into_vec().unwrap();
    assert_eq!(core.len(), 400);
    // The evaluator: links of each spike's tree as a set.
    let xy = |core: i32| {
        let at = &json["core_xy"][core as usize];
        (at[0].as_i64().unwrap(), at[1].as_i64().unwrap())
    };
    let (mut packets, mut unicast, mut multicast) = (0, 0, 0);
    for source in 0..400usize {
        let rate = arrays[2].1[source];
        let mut remote: Vec<i32> =
            arrays[1].1[8 * source..8 * source + 8].iter().map(|t| core[*t as usize]).collect();
        remote.sort_unstable();
        remote.dedup();
        remote.retain(|c| *c != core[source]);
        packets += rate * remote.len() as i64;
        let mut links = std::collections::BTreeSet::new();
        for there in remote {
            let ((mut x, mut y), (tx, ty)) = (xy(core[source]), xy(there));
            unicast += rate * ((x - tx).abs() + (y - ty).abs());
            while (x, y) != (tx, ty) {
                let before = (x, y);
                if x != tx {
                    x += (tx - x).signum()
                } else {
                    y += (ty - y).signum()
                }
                links.insert((before, (x, y)));
            }
        }
        multicast += rate * links.len() as i64;
    }
    assert_eq!(json["packets"].as_f64().unwrap(), packets as f64);
    assert_eq!(json["hops_unicast"].as_f64().unwrap(), unicast as f64);
    assert_eq!(json["hops_multicast"].as_f64().unwrap(), multicast as f64);
    assert!((0..30).all(|c| core.iter().filter(|n| **n == c).count() <= 16));
    assert!(json["max_link"].as_f64().unwrap() > 0.0 && json["cpu_s"].as_f64().is_some());
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("<svg") && html.contains("hops, multicast") && !html.contains("http"), "{html}");
    // A second run refuses to overwrite, and with --force gives the same cores.
    let before = std::fs::read(&cores).unwrap();
    expect(&arguments, 2);
    expect(&[&arguments[..], &["--force"]].concat(), 0);
    assert_eq!(std::fs::read(&cores).unwrap(), before);
}

#[test]
fn what_cannot_be_mapped_says_why() {
    let folder = Folder::new();
    let net = folder.path("net.npz");
    write_npz(&net, &ring(100));
    let (_, err) = expect(&["map", &net, "--neurons-per-core", "10", "--mesh", "3x3"], 4);
    assert!(err.contains("100 neurons, and room for 90") && err.contains("smallest mesh"), "{err}");
    write_npz(&net, &[("indptr", vec![0, 2, 1]), ("indices", vec![0, 7]), ("rate", vec![1])]);
    let (_, err) = expect(&["map", &net], 3);
    for part in ["`indptr` must ascend", "`rate` has 1 values for 2 neurons", "names neuron 7 of 2"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    write_npz(&net, &[("indices", vec![0])]);
    let (_, err) = expect(&["map", &net], 3);
    assert!(err.contains("`indptr` is missing"), "{err}");
    let (_, err) = expect(&["map", "examples/digits/run.toml", "--mesh", "3x3"], 3);
    assert!(err.contains("for .npz networks"), "{err}");
}

#[test]
fn networks_of_odd_shapes_are_mapped() {
    let folder = Folder::new();
    let net = folder.path("net.npz");
    // Nobody; nobody who sends; one neuron with 50,000 inputs; a star both ways.
    let many = 50_000i64;
    let cases: [Vec<(&str, Vec<i64>)>; 4] = [
        vec![("indptr", vec![0]), ("indices", vec![])],
        vec![("indptr", vec![0; 6]), ("indices", vec![])],
        vec![("indptr", (0..=many).chain([many]).collect()), ("indices", vec![many; many as usize])],
        vec![
            ("indptr", std::iter::once(0).chain((0..=500).map(|n| 500 + n)).collect()),
            ("indices", (1..=500).chain(vec![0; 500]).collect()),
        ],
    ];
    for arrays in &cases {
        write_npz(&net, arrays);
        let (out, _) = expect(&["map", &net, "--effort", "fast"], 0);
        assert!(out.starts_with("it fits"), "{out}");
    }
}

#[test]
fn tables_of_a_mapping_are_compressed_to_what_is_asked_for_and_replayed() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RANDOM);
    for trees in ["xy-tree", "longest-dimension-first", "steiner"] {
        let (out, _) = expect(&["map", &config, "--trees", trees, "--json"], 0);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let (tables, entries) = (&json["tables"], &json["tables"]["entries"]);
        assert_eq!(tables["trees"], trees);
        assert!(tables["links"].as_u64() < tables["links_unicast"].as_u64(), "{tables}");
        assert!(tables["keys_replayed"].as_u64() >= Some(64), "{tables}");
        // Already short enough: nothing is compressed.
        assert_eq!(entries["total_before"], entries["total_after"]);
        let longest = entries["largest_before"].as_u64().unwrap();
        let asked = (longest - 1).to_string();
        let (out, _) = expect(&["map", &config, "--trees", trees, "--entries", &asked, "--json"], 0);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(json["tables"]["entries"]["largest_after"].as_u64().unwrap() < longest);
        let (_, err) = expect(&["map", &config, "--trees", trees, "--entries", "0"], 4);
        assert!(err.contains("--trees steiner"), "{err}");
    }
    let (_, err) = expect(&["map", &config, "--trees", "oak"], 2);
    assert!(err.contains("longest-dimension-first"), "{err}");
}

#[test]
fn rates_come_from_a_run_or_an_array() {
    use npyz::WriterBuilder;
    let folder = Folder::new();
    let (config, out) = (folder.write("run.toml", RANDOM), folder.path("run"));
    expect(&["run", &config, "--out", &out], 0);
    let text = std::fs::read_to_string(folder.0.join("run/summary.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rates: Vec<f64> =
        report["rates"].as_array().unwrap().iter().map(|r| r["chip"].as_f64().unwrap()).collect();
    assert!(rates.iter().any(|rate| *rate > 0.0 && *rate != 1.0), "{rates:?}");
    let write = |name: &str, rates: &[f64]| {
        let path = folder.path(name);
        let file = std::fs::File::create(&path).unwrap();
        let shape = [rates.len() as u64];
        let mut array =
            npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd().unwrap();
        array.extend(rates.iter().copied()).unwrap();
        array.finish().unwrap();
        path
    };
    let hops = |rates: &[&str]| {
        let (out, err) = expect(&[&["map", &config, "--json"], rates].concat(), 0);
        assert!(err.contains("--effort fast is taken"), "{err}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        [json["before"]["hops_multicast"].clone(), json["image_digest"].clone()]
    };
    let (run, array) = (hops(&["--rates", &out]), hops(&["--rates", &write("rates.npy", &rates)]));
    assert_eq!(run, array);
    assert_ne!(run[0], hops(&["--seed", "1"])[0], "rates all alike give other numbers");
    let (_, err) = expect(&["map", &config, "--rates", &write("few.npy", &[1.0; 7])], 3);
    assert!(err.contains("7 rates") && err.contains("one a population"), "{err}");
    let (_, err) = expect(&["map", &config, "--rates", &write("less.npy", &vec![-1.0; rates.len()])], 3);
    assert!(err.contains("wanted 0 or more"), "{err}");
    expect(&["map", &config, "--rates", &folder.0.display().to_string()], 7);
}

#[test]
fn what_cannot_be_done_is_said_and_loses_nothing() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RANDOM);
    let (_, err) = expect(&["map", &config, "--link-weight", "0.01", "--objective", "unicast"], 3);
    assert!(err.contains("under multicast alone"), "{err}");
    // Tables that stay too long: the mapping is written and printed before.
    let cores = folder.path("core.npy");
    let arguments =
        ["map", &config, "--effort", "fast", "--cores", &cores, "--trees", "steiner", "--entries", "0"];
    let (out, err) = expect(&arguments, 4);
    assert!(out.contains("it fits") && err.contains("--trees steiner"), "{out}{err}");
    assert!(std::path::Path::new(&cores).exists());
}

#[test]
fn the_busiest_link_is_relieved_within_the_share() {
    let folder = Folder::new();
    let net = folder.path("ring.npz");
    write_npz(&net, &ring(400));
    let map = |share: &str| {
        let mesh = ["--neurons-per-core", "16", "--mesh", "6x5", "--effort", "fast", "--json"];
        let (out, _) = expect(&[&["map", &net, "--link-weight", share], &mesh[..]].concat(), 0);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        ["hops_multicast", "max_link"].map(|key| json[key].as_f64().unwrap())
    };
    let ([hops, link], [more, less]) = (map("0"), map("0.05"));
    assert!(less < link && more <= 1.05 * hops, "{hops} {link} -> {more} {less}");
}
