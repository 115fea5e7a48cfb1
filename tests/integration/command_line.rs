//! The program as a user meets it: exit codes, messages in three parts, nothing overwritten, nothing lost.

use crate::support::{Folder, digits_text, expect, root, spikemesh};
use serde_json::Value;
use std::process::{Command, Stdio};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

pub(crate) const RANDOM: &str = "name = \"r\"\n[network.random]\ninputs = 20\nneurons = 200\nfan_in = 20\ninput_fan_in = 10\n\
    weight = 0.3\ntau_ms = 20\n[conventions]\ndt_ms = 1\nreset = \"zero\"\nintegrator = \"euler\"\n\
    [chip]\npreset = \"generic-28nm\"\nmesh = [4, 4]\nneurons_per_core = 20\n\
    [stimulus]\nkind = \"poisson\"\nchance = [1, 5]\nsamples = 3\n[run]\nticks = 50\n";

#[test]
fn run_json_has_every_promised_key() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RANDOM);
    let (out, err) = expect(&["run", &config, "--json", "--out", &folder.path("out")], 0);
    assert!(err.is_empty(), "{err}");
    let object = json(&out);
    for key in ["schema", "seed", "samples", "ticks", "spikes", "packets", "deliveries", "synaptic_operations"]
    {
        assert!(object[key].is_u64(), "{key}: {}", object[key]);
    }
    for key in ["digest", "spike_digest"] {
        let text = object[key].as_str().unwrap();
        assert!(text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()), "{key}: {text}");
    }
    assert!(object["accuracy"].is_null() && object["chip_time_s"].is_f64() && object["wall_time_s"].is_f64());
    for key in ["total", "p50", "p99", "max"] {
        assert!(object["hops"][key].is_u64(), "hops.{key}");
    }
    assert!(object["hops"]["mean"].is_f64());
    let energy = &object["energy_j"];
    assert!(energy["total_known"].as_f64().unwrap() > 0.0);
    let unknown: Vec<_> = energy["unknown"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert!(unknown.contains(&"barrier") && unknown.contains(&"static"), "{unknown:?}");
    for (cause, value) in energy["by_cause"].as_object().unwrap() {
        assert_eq!(value.is_null(), unknown.contains(&cause.as_str()), "{cause}: {value}");
    }
    assert_eq!((object["samples"].as_u64(), object["ticks"].as_u64()), (Some(3), Some(150)));
    let text = std::fs::read_to_string(folder.0.join("out/summary.json")).unwrap();
    assert_eq!(json(&text), object, "the file holds what is printed");
    for file in ["report.html", "links.csv", "cores.csv"] {
        assert!(folder.0.join("out").join(file).metadata().unwrap().len() > 100, "{file}");
    }
}

#[test]
fn a_folder_that_is_there_is_not_written_into_without_force() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RANDOM);
    let out = folder.path("out");
    expect(&["run", &config, "--out", &out], 0);
    let (_, err) = expect(&["run", &config, "--out", &out], 2);
    assert!(err.contains("there already") && err.contains("--force"), "{err}");
    expect(&["run", &config, "--out", &out, "--force"], 0);
}

#[test]
fn default_folders_count_up() {
    let folder = Folder::new();
    folder.write("run.toml", RANDOM);
    for n in 1..=2 {
        let status = Command::new(env!("CARGO_BIN_EXE_spikemesh"))
            .args(["run", "run.toml"])
            .current_dir(&folder.0)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        assert!(folder.0.join(format!("runs/r-{n}/summary.json")).exists());
    }
}

/// Each error says what, where and what to do, with the right exit code.
#[cfg(feature = "nir")]
#[test]
fn wrong_input_is_a_clear_error() {
    let folder = Folder::new();
    let digits = digits_text();
    let case = |name: &str, text: String| folder.write(name, text);
    let run = |path: &str, code: i32, parts: &[&str]| {
        let (_, err) = expect(&["run", path, "--out", &folder.path("never")], code);
        assert!(parts.iter().all(|part| err.contains(part)), "wanted {parts:?} in\n{err}");
        assert!(!folder.0.join("never").exists(), "a failed run leaves no folder");
    };
    run(
        &case("typo.toml", digits.replace("neurons_per_core", "neurons_per_cor")),
        3,
        &["neurons_per_cor", "did you mean `neurons_per_core`?", "typo.toml:"],
    );
    run(
        &case("zero.toml", digits.replace("mesh = [4, 4]", "mesh = [0, 5]")),
        3,
        &["[0, 5]", "zero.toml:", "chip.mesh", "numbers from 1 to 65535"],
    );
    run(
        &case(
            "many.toml",
            digits
                .replace("mesh = [4, 4]", "mesh = [0, 5]")
                .replace("ticks = 32", "tikcs = 32")
                .replace("\"euler\"", "\"eular\""),
        ),
        3,
        &["[0, 5]", "did you mean `ticks`?", "did you mean `euler`?", "key `run.ticks` is missing"],
    );
    run(
        &case("preset.toml", digits.replace("loihi1-davies2018", "loihi1")),
        3,
        &["there is no preset", "presets are"],
    );
    run(&case("images.toml", digits.replace("digits.npz", "absent.npz")), 7, &["absent.npz", "cannot read"]);
    run(&case("nir.toml", digits.replace("digits.nir", "absent.nir")), 7, &["absent.nir"]);
    run(&case("syntax.toml", "a = [\n".into()), 3, &["not valid TOML", "syntax.toml:"]);
    run(
        &case("scale.toml", digits.replace("full_scale = 16", "full_scale = 15")),
        3,
        &["is 16; full_scale is 15"],
    );
    run(&case("index.toml", digits.replace("\"test_index\"", "\"test_idx\"")), 3, &["no array `test_idx`"]);
    run(
        &case("subtract.toml", digits.replace("\"zero\"", "\"subtract\"")),
        3,
        &["reset to zero", "generic-28nm"],
    );
    run(
        &case(
            "fixed.toml",
            digits.replace("placement =", "sync = \"fixed-tick\"\nlate = \"never\"\nplacement ="),
        ),
        3,
        &["tick_ps", "`never`", "deliver"],
    );
    run(&folder.path("absent.toml"), 7, &["absent.toml"]);
    run(
        &case("small.toml", digits.replace("mesh = [4, 4]", "mesh = [2, 2]")),
        4,
        &["limit `cores a chip`: 4, needed: 16, 12 too many", "set mesh = [4, 4]", "core 4"],
    );
    let good = std::fs::read(root().join("examples/digits/digits.nir")).unwrap();
    let nir = |name: &str, bytes: &[u8]| {
        let path = folder.write(name, bytes);
        let own = format!("{:?}", root().join("examples/digits/digits.nir"));
        case(&format!("{name}.toml"), digits.replace(&own, &format!("{path:?}")))
    };
    run(&nir("truncated.nir", &good[..good.len() / 2]), 3, &["truncated.nir", "truncated or"]);
    run(&nir("text.nir", b"hello"), 3, &["text.nir", "not an HDF5 file"]);
    for arguments in
        [&["run"][..], &["fly"], &["run", "x.toml", "--threads", "0"], &["run", "x.toml", "--level", "fluid"]]
    {
        let (out, err) = expect(arguments, 2);
        assert!(out.is_empty() && err.contains("--help"), "{err}");
    }
}

#[test]
fn csv_and_npz_spikes_are_read_and_checked() {
    let folder = Folder::new();
    let text =
        RANDOM.replace("kind = \"poisson\"\nchance = [1, 5]\nsamples = 3", "kind = \"csv\"\nfile = \"s.csv\"");
    let config = folder.write("run.toml", text);
    folder.write("s.csv", "sample,tick,input\n0,0,1\n2,49,19\n");
    let (out, _) = expect(&["run", &config, "--json", "--out", &folder.path("a")], 0);
    assert_eq!((json(&out)["samples"].as_u64(), json(&out)["input_spikes"].as_u64()), (Some(3), Some(2)));
    folder.write("s.csv", "sample,tick,input\n0,50,1\n0,1,20\n0,1\n-1,0,0\n");
    let (_, err) = expect(&["run", &config, "--out", &folder.path("b")], 3);
    for part in ["s.csv:2", "tick 50", "s.csv:3", "input 20", "s.csv:4", "s.csv:5", "sample -1"] {
        assert!(err.contains(part), "{part} in\n{err}");
    }
    // A spreadsheet's byte order mark; samples numbered absurdly high.
    folder.write("s.csv", "\u{feff}tick,input\r\n0,0\r\n");
    expect(&["run", &config, "--out", &folder.path("bom")], 0);
    folder.write("s.csv", "sample,tick,input\n16777215,0,0\n");
    let (_, err) = expect(&["run", &config, "--out", &folder.path("b")], 3);
    assert!(err.contains("only 1 have spikes"), "{err}");
    folder.write("s.csv", "time;neuron\n");
    let (_, err) = expect(&["run", &config, "--out", &folder.path("b")], 3);
    assert!(err.contains("wanted `tick,input`"), "{err}");
}

/// NPZ and IDX files whose shapes promise more than they hold.
#[test]
fn shapes_that_lie_are_refused() {
    let folder = Folder::new();
    let images = "kind = \"images\"\nimages = \"x.idx\"\nfull_scale = 255\ncoding = \"latency\"\nwindow = 5";
    let text = RANDOM.replace("kind = \"poisson\"\nchance = [1, 5]\nsamples = 3", images);
    let config = folder.write("run.toml", &text);
    let idx = |dimensions: &[u32], bytes: usize| {
        let mut file = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|d| file.extend_from_slice(&d.to_be_bytes()));
        file.resize(file.len() + bytes, 7);
        folder.write("x.idx", file);
    };
    for (dimensions, bytes) in
        [(&[u32::MAX, 0][..], 0), (&[3, 4, 5], 59), (&[u32::MAX, u32::MAX, u32::MAX], 9), (&[2, 7], 14)]
    {
        idx(dimensions, bytes);
        let (_, err) = expect(&["run", &config, "--out", &folder.path("out")], 3);
        assert!(err.contains("x.idx") && err.contains("try:"), "{err}");
    }
    idx(&[2, 20], 40);
    expect(&["run", &config, "--out", &folder.path("out")], 0);
    let dark = folder.write("dark.toml", text.replace("window = 5", "window = 5\nleast = 256"));
    let (_, err) = expect(&["run", &dark, "--out", &folder.path("out2")], 3);
    assert!(err.contains("no pixel would ever fire"), "{err}");
}

#[test]
fn lost_packets_are_counted_named_and_an_exit_code() {
    let folder = Folder::new();
    let dead = "[[chip.dead_links]]\nfrom = [0, 2]\ndirection = \"east\"\n[stimulus]";
    let config = folder.write("run.toml", RANDOM.replace("[stimulus]", dead));
    let (out, err) = expect(&["run", &config, "--json", "--out", &folder.path("out")], 5);
    let object = json(&out);
    let lost = object["dropped"]["dead_link"].as_u64().unwrap();
    assert!(
        lost > 0 && object["deliveries"].as_u64().unwrap() + lost == object["copies_owed"].as_u64().unwrap()
    );
    assert!(err.contains(&format!("{lost} copies")) && err.contains("where:"), "{err}");
    let outside = RANDOM.replace("[stimulus]", &dead.replace("[0, 2]", "[3, 2]"));
    let config = folder.write("outside.toml", outside);
    let (_, err) = expect(&["run", &config, "--out", &folder.path("out2")], 3);
    assert!(err.contains("edge of the mesh"), "{err}");
}

#[test]
fn a_trace_holds_every_packet() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RANDOM);
    let trace = folder.path("packets.trace");
    let (out, _) =
        expect(&["run", &config, "--json", "--trace", &trace, "--out", &folder.path("a"), "--threads", "1"], 0);
    let object = json(&out);
    let bytes = std::fs::read(&trace).unwrap();
    assert_eq!(&bytes[..8], spikemesh::run::TRACE_MAGIC);
    let header_end = 12 + u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let header = json(std::str::from_utf8(&bytes[12..header_end]).unwrap());
    assert_eq!(header["version"], 2);
    let records: Vec<&[u8]> = bytes[header_end..].chunks(spikemesh::run::RECORD_BYTES).collect();
    assert_eq!(records.len() as u64, object["packets"].as_u64().unwrap());
    assert_eq!(object["trace_records"], object["packets"]);
    let routes = header["routes"].as_array().unwrap();
    let (mut copies, mut last) = (0, (0, 0));
    for record in records {
        let word = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
        let (tick, sample) = (u64::from_le_bytes(record[..8].try_into().unwrap()), word(16));
        assert!((sample, tick) >= last && tick < 50);
        last = (sample, tick);
        let route = &routes[word(28) as usize];
        assert_eq!(route[0].as_u64().unwrap() as u32, word(20), "the route starts at the source");
        copies += route[1].as_array().unwrap().len() as u64;
    }
    assert_eq!(copies, object["copies_owed"].as_u64().unwrap());
    // The same bytes on several threads.
    let again = folder.path("again.trace");
    expect(&["run", &config, "--trace", &again, "--out", &folder.path("b"), "--threads", "3"], 0);
    assert_eq!(std::fs::read(&again).unwrap(), bytes);
    let (_, err) = expect(&["run", &config, "--trace", "/no/such/folder/x", "--out", &folder.path("c")], 7);
    assert!(err.contains("/no/such/folder/x"), "{err}");
    assert!(!folder.0.join("c").exists(), "a failed run takes its empty folder back");
    let (_, err) = expect(&["run", &config, "--trace", &again, "--out", &folder.path("c")], 2);
    assert!(err.contains("again.trace") && err.contains("--force"), "{err}");
    let inside = folder.path("d/packets.trace");
    expect(&["run", &config, "--trace", &inside, "--out", &folder.path("d")], 0);
    assert_eq!(std::fs::read(&inside).unwrap(), bytes);
}

#[test]
fn map_writes_an_image_and_says_what_it_did() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RANDOM);
    let image = folder.path("chip.img");
    let (out, _) = expect(&["map", &config, "--image", &image], 0);
    assert!(out.contains("it fits: 10 of 16 cores") && out.contains("verified: "), "{out}");
    let read = spikemesh::chip::ChipImage::from_bytes("x", &std::fs::read(&image).unwrap()).unwrap();
    assert!(out.contains(&read.digest().to_string()));
    let (out, _) = expect(&["map", &config, "--json"], 0);
    assert_eq!(json(&out)["cores"].as_array().unwrap().len(), 10);
    let (out, _) = expect(&["map", &config, "--passes"], 0);
    assert!(out.lines().count() == 6 && out.contains("partition"), "{out}");
}

#[test]
fn presets_templates_completions_and_help_print() {
    let (out, _) = expect(&["preset", "list"], 0);
    assert!(out.contains("loihi1-davies2018") && out.contains("generic-28nm"));
    let (out, _) = expect(&["preset", "show", "loihi1-davies2018"], 0);
    assert!(out.contains("Davies et al. 2018") && out.contains("assumed"));
    let (out, _) = expect(&["preset", "show", "loihi1-davies2018", "--prices"], 0);
    assert!(out.contains("synaptic_operation = { pj = 23.6"));
    let (_, err) = expect(&["preset", "show", "loihi1-davis2018"], 3);
    assert!(err.contains("did you mean `loihi1-davies2018`?"), "{err}");
    let (out, _) = expect(&["completions", "bash"], 0);
    assert!(out.contains("_spikemesh"));
    let (out, _) = expect(&["--help"], 0);
    assert!(out.contains("Exit codes"));
    for verb in ["run", "map", "inspect", "preset", "new", "completions"] {
        expect(&[verb, "--help"], 0);
    }
    let folder = Folder::new();
    for (template, size) in [("random", "3000"), ("random", "7"), ("images", "10"), ("spikes", "10")] {
        let target = folder.path(&format!("{template}{size}"));
        let fan_in = if size == "7" { "3" } else { "20" };
        expect(&["new", template, &target, "--neurons", size, "--fan-in", fan_in], 0);
        if template == "random" {
            let (out, _) =
                expect(&["run", &format!("{target}/run.toml"), "--json", "--out", &format!("{target}/out")], 0);
            assert_eq!(json(&out)["ticks"], 200);
        }
        expect(&["new", template, &target, "--neurons", size, "--fan-in", fan_in], 2);
    }
}

#[test]
fn a_large_network_on_a_small_chip_is_told_so() {
    let folder = Folder::new();
    let target = folder.path("big");
    expect(&["new", "random", &target, "--neurons", "100000", "--fan-in", "80"], 0);
    let text = std::fs::read_to_string(folder.0.join("big/run.toml")).unwrap();
    let mesh = text.lines().find(|line| line.starts_with("mesh = ")).unwrap();
    let config = folder.write("big/small.toml", text.replace(mesh, "mesh = [8, 8]"));
    let (_, err) = expect(&["map", &config], 4);
    for part in [
        "limit `cores a chip`: 64, needed:",
        "too many",
        "input axons a core",
        "core 64: population `neurons`, neuron",
    ] {
        assert!(err.contains(part), "{part} in\n{err}");
    }
    // The remedy is the mesh that the template chose, where it does fit.
    assert!(err.contains(&format!("set {mesh}")), "{mesh} in\n{err}");
}

#[test]
fn a_copied_preset_is_a_chip_of_ones_own() {
    let folder = Folder::new();
    let (chip, _) = expect(&["preset", "show", "generic-28nm"], 0);
    let (prices, _) = expect(&["preset", "show", "generic-28nm", "--prices"], 0);
    folder.write(
        "mine.toml",
        chip.replace("name = \"generic-28nm\"", "name = \"mine\"")
            .replace("prices = \"generic-28nm\"", "prices = \"prices.toml\""),
    );
    folder.write(
        "prices.toml",
        prices.replace(
            "static = { unknown = \"depends on the process corner and temperature; give `mw`\" }",
            "static = { mw = 2.5, evidence = \"user\", source = \"mine\" }",
        ),
    );
    let config = folder.write("run.toml", RANDOM.replace("preset = \"generic-28nm\"", "file = \"mine.toml\""));
    let (out, _) = expect(&["run", &config, "--json", "--out", &folder.path("out")], 0);
    let object = json(&out);
    assert_eq!(object["chip"]["name"], "mine");
    let (time, energy) =
        (object["chip_time_s"].as_f64().unwrap(), object["energy_j"]["by_cause"]["static"].as_f64().unwrap());
    // Resets take time on this chip, but static energy is counted while it ticks.
    assert!(energy > 0.0 && energy <= 2.5e-3 * time);
    folder.write("mine.toml", chip.replace("word_bits", "wordbits"));
    let (_, err) = expect(&["run", &config, "--out", &folder.path("out2")], 3);
    assert!(err.contains("did you mean `word_bits`?"), "{err}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_is_done() {
    let folder = Folder::new();
    let text = RANDOM.replace("samples = 3", "samples = 4000").replace("ticks = 50", "ticks = 400");
    let config = folder.write("run.toml", text);
    let mut child = Command::new(env!("CARGO_BIN_EXE_spikemesh"))
        .args(["run", &config, "--json", "--out", &folder.path("out")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The folder is made just before the run starts; then some samples are given time.
    while !folder.0.join("out").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let code = child.wait().unwrap().code();
    let object = json(&std::fs::read_to_string(folder.0.join("out/summary.json")).unwrap());
    if code == Some(0) {
        println!("SKIPPED an_interrupt_keeps_what_is_done: the run ended before the interrupt");
        return;
    }
    assert_eq!(code, Some(130));
    assert_eq!(object["interrupted"], true);
    let samples = object["samples"].as_u64().unwrap();
    assert!(samples < 4000);
    assert_eq!(object["ticks"].as_u64().unwrap(), 400 * samples, "counts belong to the samples in the report");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spikemesh"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    assert_eq!(spikemesh(&["--version"]).status.code(), Some(0));
}
