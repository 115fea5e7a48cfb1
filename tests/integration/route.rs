//! `spikemesh route`: sweeps, their files, replays, and what is wrong with a request.

use crate::support::{Folder, expect};
use serde_json::Value;
use std::path::Path;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// A sweep of four points that takes no time.
const SWEEP: &[&str] =
    &["route", "--mesh", "4x4", "--strategies", "xy,yx", "--rates", "0.05,0.2", "--period", "300"];

/// Runs the program with more arguments.
fn with<'a>(start: &[&'a str], more: &[&'a str], code: i32) -> (String, String) {
    let all: Vec<&str> = start.iter().chain(more).copied().collect();
    expect(&all, code)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn a_sweep_prints_and_writes_what_it_measured() {
    let folder = Folder::new();
    let [page, object, csv, results] = ["p.html", "r.json", "r.csv", "r.jsonl"].map(|name| folder.path(name));
    let files = ["--html", &page, "--json", &object, "--csv", &csv, "--results", &results];
    let (out, _) = with(SWEEP, &files, 0);
    for wanted in ["4 x 4 mesh", "uniform, bernoulli", "xy", "yx", "0.05", "the best first"] {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
    let object = json(&text(&object));
    let points = object["points"].as_array().unwrap();
    assert_eq!((points.len(), object["missing"].as_u64()), (4, Some(0)));
    for point in points {
        let (offered, accepted) = (point["offered"].as_f64().unwrap(), point["accepted"].as_f64().unwrap());
        let x = point["x"].as_f64().unwrap();
        assert!((offered - x).abs() < 0.2 * x && (accepted - offered).abs() < 0.1 * x, "{point}");
        let counts = &point["counts"];
        assert_eq!(counts["packets"]["created"], counts["packets"]["arrived"]);
        assert_eq!(counts["latency"]["min"], 10, "a hop of an empty network");
        assert!(point["energy_j_a_packet"].is_null(), "no price is no number");
    }
    assert_eq!(object["ranking"]["baseline"], "xy");
    assert_eq!(text(&csv).lines().count(), 5);
    let page = text(&page);
    assert!(page.contains("<svg") && page.ends_with("</html>\n"));
    for foreign in ["http", "<script", "<link", "@import", "NaN", "inf\""] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // Every curve, and marks with titles.
    assert_eq!(page.matches("<title>xy</title>").count(), 3);
    assert!(page.matches("<circle").count() >= 12);
}

#[test]
fn threads_shards_and_sittings_give_the_same_bytes() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name);
    let (whole, single) = (path("whole.jsonl"), path("single.jsonl"));
    let (shown, _) = with(SWEEP, &["--results", &whole, "--threads", "2"], 0);
    with(SWEEP, &["--results", &single, "--threads", "1"], 0);
    let all = text(&whole);
    assert_eq!(text(&single), all);
    let (a, b, merged) = (path("a.jsonl"), path("b.jsonl"), path("merged.jsonl"));
    let (out, _) = with(SWEEP, &["--results", &a, "--shard", "1/2"], 0);
    assert!(out.contains("2 of 4 points are not there yet"), "{out}");
    with(SWEEP, &["--results", &b, "--shard", "2/2"], 0);
    let (out, _) = expect(&["route", "--merge", &b, &a, "--results", &merged], 0);
    assert_eq!(text(&merged), all);
    let table =
        |out: &str| out.lines().filter(|line| !line.starts_with("results")).collect::<Vec<_>>().join("\n");
    assert_eq!(table(&out), table(&shown));
    // Cut anywhere, even within a line: what is whole is kept, the rest is measured again.
    for cut in [all.len() - 1, all.len() * 2 / 3, all.find('\n').unwrap() + 2] {
        let part = folder.write("cut.jsonl", &all[..cut]);
        with(SWEEP, &["--results", &part, "--resume"], 0);
        assert_eq!(text(&part), all, "cut at {cut}");
    }
    // Nothing is left to do: the file stays, and another sweep takes what it can use.
    let (out, _) = with(SWEEP, &["--results", &whole, "--resume"], 0);
    assert_eq!((table(&out), text(&whole)), (table(&shown), all.clone()));
    let more = ["route", "--mesh", "4x4", "--strategies", "xy", "--rates", "0.05,0.1", "--period", "300"];
    with(&more, &["--results", &whole, "--resume"], 0);
    let first_xy = all.lines().nth(1).unwrap();
    assert!(text(&whole).contains(first_xy.split("\"outcome\"").nth(1).unwrap()), "a point is kept as it was");
}

#[test]
fn files_that_do_not_belong_together_are_told() {
    let folder = Folder::new();
    let (a, b) = (folder.path("a.jsonl"), folder.path("b.jsonl"));
    with(SWEEP, &["--results", &a], 0);
    with(SWEEP, &["--results", &b, "--seed", "2"], 0);
    let (_, err) = expect(&["route", "--merge", &a, &b], 3);
    assert!(err.contains("another sweep") && err.contains("b.jsonl"), "{err}");
    let changed = folder
        .write("c.jsonl", text(&a).replacen("\"rate", "\"rote", 1).replacen("\"hops\":", "\"hops\":1", 1));
    let (_, err) = expect(&["route", "--merge", &a, &changed], 3);
    assert!(err.contains("differs"), "{err}");
    let (_, err) = expect(&["route", "--merge", &folder.write("d.jsonl", "{}\n")], 3);
    assert!(err.contains("line 1"), "{err}");
    let (_, err) = with(SWEEP, &["--results", &a], 2);
    assert!(err.contains("--force"), "{err}");
    let (_, err) = expect(&["route", "--merge", "/no/such/file"], 7);
    assert!(err.contains("/no/such/file"), "{err}");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let wrong = [
        "route",
        "--mesh",
        "6x",
        "--strategies",
        "xz",
        "--traffic",
        "transpse",
        "--rates",
        "0,2",
        "--level",
        "fast",
    ];
    let (_, err) = with(&wrong, &["--flits", "0", "--process", "bernouli", "--period", "0"], 2);
    for wanted in [
        "`6x`",
        "`xz`",
        "did you mean `xy`?",
        "`transpse`",
        "did you mean `transpose`?",
        "`0`: 0 is not above 0",
        "`2`: 2",
        "`fast`",
        "`0` is not a number of flits",
        "`bernouli`",
        "cycles of a period",
    ] {
        assert!(err.contains(wanted), "{wanted}\n{err}");
    }
    let cases: &[(&[&str], &str)] = &[
        (&["--mesh", "6x7", "--traffic", "transpose"], "square of routers"),
        (&["--traffic", "hotspot(99)"], "99"),
        (&["--speed", "2"], "--speed is for tables and traces"),
        (&["--strategies", "xy", "--cores-per-router", "60"], "ports x virtual channels"),
        (&["--process", "bernoulli(rate=0.1)"], "leave `rate`"),
        (&["--shard", "3/2", "--results", "x"], "i from 1 to n"),
    ];
    for (arguments, wanted) in cases {
        let (_, err) = with(&["route"], arguments, 2);
        assert!(err.contains(wanted), "{arguments:?}\n{err}");
    }
}

#[test]
fn levels_are_compared_with_flits() {
    let (out, _) = with(
        &["route", "--mesh", "4x4", "--strategies", "xy", "--rates", "0.01"],
        &["--level", "flit,packet,analytic"],
        0,
    );
    assert!(out.contains("against the flit level"), "{out}");
    let errors = out.lines().filter(|line| line.contains("mean latency ") && line.contains('%')).count();
    assert_eq!(errors, 2, "{out}");
}

/// A small run whose packets are replayed.
const RUN: &str = "name = \"small\"\n[network.random]\ninputs = 12\nneurons = 60\nfan_in = 8\ninput_fan_in = 6\n\
    weight = 0.4\ntau_ms = 10\n[conventions]\ndt_ms = 1\nreset = \"zero\"\nintegrator = \"euler\"\n\
    [chip]\npreset = \"loihi1-davies2018\"\nmesh = [3, 3]\ncores_per_router = 1\nneurons_per_core = 8\n\
    [stimulus]\nkind = \"poisson\"\nchance = [1, 4]\nsamples = 2\n[run]\nticks = 30\n";

#[test]
fn the_packets_of_a_run_are_replayed() {
    let folder = Folder::new();
    let config = folder.write("run.toml", RUN);
    let trace = folder.path("small.trace");
    expect(&["run", &config, "--trace", &trace, "--out", &folder.path("out")], 0);
    let object = folder.path("r.json");
    let arguments = [
        "route",
        "--trace",
        &trace,
        "--speed",
        "1,50",
        "--strategies",
        "xy,yx,odd-even",
        "--level",
        "flit,packet",
        "--json",
        &object,
    ];
    let (out, _) = with(&arguments, &[], 0);
    for wanted in
        ["loihi1-davies2018: 3 x 3 mesh", "for this network on this chip", "against the flit level", "pJ"]
    {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
    let run = json(&text(&format!("{}/summary.json", folder.path("out"))));
    let report = json(&text(&object));
    for point in report["points"].as_array().unwrap() {
        let packets = &point["counts"]["packets"];
        let copies = packets["arrived"].as_u64().unwrap() + packets["loopbacks"].as_u64().unwrap();
        assert_eq!(Some(copies), run["copies_owed"].as_u64(), "every packet is replayed");
        assert!(point["energy_j_a_packet"].as_f64().unwrap() > 0.0, "the chip's prices are taken");
        assert_eq!(point["counts"]["endpoints"], 9);
    }
    for error in report["levels"].as_array().unwrap().iter().filter(|e| e["x"] == 1.0) {
        assert!(error["mean_latency_error_percent"].as_f64().unwrap().abs() < 10.0, "{error}");
        assert!(error["tick_time_error_percent"].as_f64().unwrap().abs() < 10.0, "{error}");
    }
    let (_, err) = with(&arguments[..3], &["--mesh", "4x4"], 2);
    assert!(err.contains("names its own mesh"), "{err}");
    // Damaged traces are told, whatever the damage.
    let bytes = std::fs::read(&trace).unwrap();
    let header_end = 12 + u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let cases: [(&str, Vec<u8>); 3] = [
        ("within a record", bytes[..bytes.len() - 7].to_vec()),
        ("header", bytes[..100].to_vec()),
        (
            "version 1",
            [
                &bytes[..12],
                String::from_utf8_lossy(&bytes[12..header_end])
                    .replace("\"version\":2", "\"version\":1")
                    .as_bytes(),
            ]
            .concat(),
        ),
    ];
    for (wanted, damaged) in cases {
        let path = folder.write("damaged.trace", damaged);
        let (_, err) = expect(&["route", "--trace", &path], 3);
        assert!(err.contains(wanted) && err.contains("spikemesh run"), "{wanted}: {err}");
    }
}

#[test]
fn other_files_of_packets_are_replayed() {
    let folder = Folder::new();
    let packets = folder.write("p.csv", "cycle,source,destinations,flits\n0,3,1,1\n12,0,2 3,2\n");
    let (out, _) = expect(&["route", "--trace", &packets, "--mesh", "2x2", "--speed", "1"], 0);
    assert!(out.contains("packets of p.csv"), "{out}");
    let (_, err) = expect(&["route", "--trace", &packets, "--mesh", "1x2"], 3);
    assert!(err.contains("--mesh COLUMNSxROWS"), "{err}");
    let table = folder.write("t.txt", "% flows\n0 3 0.1\n1 2 0.05\n");
    let (out, _) = expect(&["route", "--table", &table, "--mesh", "2x2", "--speed", "1,2"], 0);
    assert!(out.contains("flows of t.txt"), "{out}");
    let (_, err) = expect(&["route", "--table", &table, "--mesh", "2x2", "--speed", "20"], 2);
    assert!(err.contains("at speed 20") && err.contains("0 to 1"), "{err}");
    let spikes = "step,sender,from,to,hops,spikes,generation\n1,0.1,0.0,3.0,2,1,2e-9\n2,0.1,1.0,2.0,2,1,3e-9\n";
    let spikes = folder.write("s.csv", spikes);
    let (out, _) = expect(&["route", "--spikes", &spikes, "--mesh", "2x2", "--speed", "1"], 0);
    assert!(out.contains("spike messages of s.csv"), "{out}");
    let bad = folder.write("b.csv", "cycle,source,destinations,flits\n0,x,1,1\n0,1,,1\n");
    let (_, err) = expect(&["route", "--trace", &bad, "--mesh", "2x2"], 3);
    assert!(err.contains("line 2") && err.contains("line 3"), "{err}");
}

#[test]
fn prices_of_events_come_from_a_noxim_table() {
    let folder = Folder::new();
    let power = "Energy:\n  Buffer:\n    - [8, 32, 2.0e-3, 4e-13, 0, 3e-13]\n  LinkBitLine:\n    - [1.0, 5e-7, 5.0e-14]\n\
        \x20 Router:\n    crossbar:\n      - [5, 32, 1e-4, 2.5e-13]\n    network_interface:\n      - [32, 0.0, 0.0]\n    routing:\n\
        \x20     default: [1e-4, 6.00e-14]\n    selection:\n      default: [1e-4, 5e-14]\n";
    let power = folder.write("power.yaml", power);
    let object = folder.path("r.json");
    with(SWEEP, &["--noxim-power", &power, "--json", &object], 0);
    let report = json(&text(&object));
    let causes = report["points"][0]["energy"]["causes"].as_array().unwrap();
    let of = |name: &str| causes.iter().find(|c| c["cause"] == name).unwrap();
    assert!(of("buffer_write")["attojoules"].as_u64().unwrap() > 0);
    assert!(of("switch_grant")["attojoules"].is_null(), "an unknown price is never zero");
    let (_, err) = with(SWEEP, &["--noxim-power", &power, "--depth", "5"], 3);
    assert!(err.contains("`5 32`") && err.contains("rows begin with 8 32"), "{err}");
    assert!(Path::new(&object).exists());
}

#[test]
fn strategies_are_proven_and_rings_refuse_those_that_rings_break() {
    let (out, _) = expect(&["route", "--prove", "--mesh", "3x3", "--strategies", "xy,odd-even"], 0);
    assert_eq!(out.matches("is free of deadlock").count(), 2, "{out}");
    let (out, _) = expect(&["route", "--prove", "--mesh", "3x3"], 3);
    assert!(out.contains("`spinnaker` is not free of deadlock") && out.contains("waits for"), "{out}");
    let (_, err) = expect(&["route", "--torus", "--mesh", "4x4", "--strategies", "odd-even"], 2);
    assert!(err.contains("torus") && err.contains("`all` that fit"), "{err}");
    let (out, _) = expect(&["route", "--torus", "--mesh", "4x4", "--rates", "0.05", "--period", "200"], 0);
    assert!(out.contains("4 x 4 torus") && out.contains("left out   odd-even"), "{out}");
}

/// Created packets are those that arrived, those that were lost by each cause, and those under way.
fn assert_conserved(point: &Value) {
    let packets = &point["counts"]["packets"];
    let of = |key: &str| packets[key].as_u64().unwrap();
    let lost: u64 = packets["lost"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(of("created"), of("arrived") + lost + of("under_way"), "{packets}");
    assert_eq!(of("under_way"), 0, "the drain is long: nothing hides there");
}

#[test]
fn what_fails_is_counted_by_cause_everywhere() {
    let folder = Folder::new();
    let [object, csv, page] = ["r.json", "r.csv", "p.html"].map(|name| folder.path(name));
    let sweep = ["route", "--mesh", "4x4", "--strategies", "xy,up-down,spinnaker", "--rates", "0.05,0.2"];
    let faults = ["--dead-router", "1,1@700", "--dead-link", "2,2,east,both", "--dead-core", "15@900"];
    let flaky = ["--flaky-link", "0,0,east,drop=0.3,corrupt=0.1", "--period", "300"];
    let files = ["--json", &object, "--csv", &csv, "--html", &page];
    let (out, _) = with(&sweep, &[&faults[..], &flaky, &files].concat(), 5);
    for wanted in
        ["router (1,1) is dead from cycle 700 on", "link (3,2) west is dead;", "no-way", "flaky-link", "% lost"]
    {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
    assert!(text(&page).contains("router (1,1) is dead") && text(&page).contains("dead-endpoint"));
    let header = text(&csv).lines().next().unwrap().to_owned();
    assert!(
        header.ends_with("lost_no_way,lost_flaky_link,lost_timeout,lost_dead_endpoint,lost_dead_link"),
        "{header}"
    );
    let report = json(&text(&object));
    for point in report["points"].as_array().unwrap() {
        assert_conserved(point);
        let lost = &point["counts"]["packets"]["lost"];
        assert!(lost["dead-endpoint"].as_u64() > Some(0) && lost["flaky-link"].as_u64() > Some(0), "{point}");
        assert_eq!(lost["no-way"].is_null(), point["strategy"] == "up-down", "only it goes round all: {lost}");
    }
    assert_eq!(report["ranking"]["ranked"][0]["strategy"], "up-down", "it loses least");
    // Ticks that are replayed, and levels that know routes alone.
    let packets = "cycle,source,destinations,flits\n".to_owned()
        + &(0..400).map(|i| format!("{i},{},{},1\n", i % 16, (i * 7 + 5) % 16)).collect::<String>();
    let packets = folder.write("p.csv", packets);
    let replay = ["route", "--trace", &packets, "--mesh", "4x4", "--speed", "1", "--strategies", "xy,table"];
    with(&replay, &["--dead-link", "0,0,east@150", "--json", &object, "--force"], 5);
    for point in json(&text(&object))["points"].as_array().unwrap() {
        assert_conserved(point);
        assert_eq!(
            point["counts"]["packets"]["lost"].as_object().unwrap().is_empty(),
            point["strategy"] == "table"
        );
    }
    let levels = ["--level", "flit,packet,analytic", "--dead-link", "0,0,east", "--json", &object, "--force"];
    with(&replay, &levels, 5);
    json(&text(&object))["points"].as_array().unwrap().iter().for_each(assert_conserved);
}

#[test]
fn faults_that_a_strategy_cannot_live_with_are_told_in_its_row() {
    let all = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| format!("{x},{y}@100"));
    let dead: Vec<&str> = all.iter().flat_map(|router| ["--dead-router", router]).collect();
    let start = ["route", "--mesh", "2x2", "--rates", "0.1", "--period", "200", "--strategies", "xy,valiant"];
    let (out, err) = with(&start, &dead, 3);
    assert!(out.contains("from cycle 100 on: `valiant` cannot route here: every router is dead"), "{out}");
    assert!(out.contains("dead-endpoint") && err.contains("valiant"), "{out}\n{err}");
    let wrong = [
        "--dead-link",
        "0,0,est",
        "--dead-router",
        "1",
        "--flaky-link",
        "0,0,east,drop=2",
        "--timeouts",
        "9,3",
    ];
    let more = ["--board", "2", "--set", "vc_alocator=islip", "--dead-core", "0@5", "--level", "packet"];
    let (_, err) = with(&start, &[&wrong[..], &more].concat(), 2);
    for wanted in [
        "did you mean `east`?",
        "`1` is not a column and a row",
        "a probability is 0 to 1",
        "`9,3` is not two waits",
        "`2` is not columns x rows",
        "did you mean `vc_allocator`?",
        "at the flit level only",
    ] {
        assert!(err.contains(wanted), "{wanted}\n{err}");
    }
    let far = [
        "--dead-link",
        "1,0,east",
        "--dead-router",
        "7,0",
        "--dead-core",
        "99",
        "--flaky-link",
        "5,5,east,drop=1",
    ];
    let (_, err) = with(&start, &far, 2);
    for wanted in
        ["no link leads east from (1,0)", "no router at (7,0)", "no endpoint 99", "no router at (5,5)"]
    {
        assert!(err.contains(wanted), "{wanted}\n{err}");
    }
}

#[test]
fn proofs_are_of_the_network_before_and_after_a_death() {
    let prove =
        ["route", "--prove", "--mesh", "3x3", "--strategies", "xy,up-down", "--dead-link", "0,0,east,both@5"];
    let (out, _) = expect(&prove, 3);
    assert_eq!(out.matches("is free of deadlock").count(), 4, "{out}");
    assert!(
        out.contains("from cycle 5 on: `xy`") && out.contains("12 pairs of endpoints may find no way"),
        "{out}"
    );
}

#[test]
fn routers_have_knobs_and_timeouts() {
    let folder = Folder::new();
    let object = folder.path("r.json");
    let (default, _) = expect(&["route", "--router", "default"], 0);
    let file = folder
        .write("router.toml", default.replace("vc_allocator = \"islip\"", "vc_allocator = \"wavefront\""));
    let (out, _) = with(SWEEP, &["--router", &file, "--set", "routing=2", "--json", &object], 0);
    assert!(out.contains(", routing = 2, vc_allocator = \"wavefront\""), "{out}");
    let counts = |report: &Value, i: usize| report["points"][i]["counts"]["latency"]["min"].as_u64();
    assert_eq!(counts(&json(&text(&object)), 0), Some(10 + 2 * 2), "two cycles more at each of two routers");
    // The default file changes nothing, not even the sweep's digest.
    let file = folder.write("default.toml", &default);
    with(SWEEP, &["--router", &file, "--json", &object, "--force"], 0);
    let same = json(&text(&object));
    with(SWEEP, &["--json", &object, "--force"], 0);
    assert_eq!(json(&text(&object)), same);
    let bad = folder.write("bad.toml", "depht = 4\narbiter = \"matrx\"\nlinks = 3\n");
    let (_, err) = with(SWEEP, &["--router", &bad], 3);
    for wanted in ["bad.toml:1", "did you mean `depth`?", "did you mean `matrix`?", "a list of whole numbers"] {
        assert!(err.contains(wanted), "{wanted}\n{err}");
    }
    // SpiNNaker's routers drop what waits too long; that is no failure of the run.
    let spinnaker =
        ["route", "--mesh", "4x4", "--strategies", "xy,spinnaker", "--traffic", "hotspot(5;fraction=1)"];
    let (out, _) = with(
        &spinnaker,
        &["--rates", "0.3", "--period", "300", "--timeouts", "8,16", "--json", &object, "--force"],
        0,
    );
    assert!(out.contains("timeouts 8 and 16 cycles") && out.contains(" timeout"), "{out}");
    let report = json(&text(&object));
    assert!(report["points"][1]["counts"]["packets"]["lost"]["timeout"].as_u64() > Some(0));
    assert_conserved(&report["points"][1]);
}

#[test]
fn chips_on_a_board_are_joined_by_links_of_their_own() {
    let folder = Folder::new();
    let object = folder.path("r.json");
    let start = [
        "route",
        "--mesh",
        "2x2",
        "--board",
        "2x1",
        "--strategies",
        "xy",
        "--rates",
        "0.01",
        "--json",
        &object,
    ];
    let worst = |more: &[&str]| {
        let (out, _) = with(&start, more, 0);
        let report = json(&text(&object));
        assert!(
            report["levels"]
                .as_array()
                .unwrap()
                .iter()
                .all(|level| { level["mean_latency_error_percent"].as_f64().unwrap().abs() < 3.0 })
        );
        (out, report["points"][0]["counts"]["latency"]["p99"].as_u64().unwrap())
    };
    let (out, far) = worst(&["--between-cycles", "9", "--level", "flit,analytic"]);
    assert!(out.contains("board of 2 x 1 chips, 9 cycles between; 4 x 2 mesh"), "{out}");
    let (_, near) = worst(&["--level", "flit,packet", "--force"]);
    assert_eq!(far, near + 8, "one link between chips on the longest way");
    let (_, err) = with(&start[..3], &["--between-cycles", "4"], 2);
    assert!(err.contains("--board 2x2"), "{err}");
}

/// A real interrupt in the middle of a sweep; what is resumed has the bytes of what was never stopped.
#[cfg(unix)]
#[test]
fn an_interrupted_sweep_goes_on_to_the_same_bytes() {
    let folder = Folder::new();
    let (whole, cut) = (folder.path("whole.jsonl"), folder.path("cut.jsonl"));
    let sweep =
        ["route", "--mesh", "8x8", "--strategies", "xy,yx", "--rates", "0.01..0.2:0.01", "--period", "400"];
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_spikemesh"))
        .args(sweep)
        .args(["--results", &cut, "--threads", "1"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The line of the sweep and that of a point: it is in the middle.
    while std::fs::read_to_string(&cut).is_ok_and(|text| text.lines().count() < 2) || !Path::new(&cut).exists()
    {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let points = |path: &str| text(path).lines().count() - 1;
    if output.status.code() == Some(0) {
        println!("SKIPPED the interrupt: the sweep ended before it");
    } else {
        assert_eq!(output.status.code(), Some(130));
        assert!(String::from_utf8_lossy(&output.stderr).contains("of 40 points are there"));
        assert!((1..40).contains(&points(&cut)));
    }
    with(&sweep, &["--results", &cut, "--resume"], 0);
    with(&sweep, &["--results", &whole], 0);
    assert_eq!((points(&cut), text(&cut)), (40, text(&whole)));
}
