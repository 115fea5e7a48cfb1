//! Who may know whom: read from manifests and `use` lines. Adding an arrow is a change of the table below.

use crate::support::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules of the root crate and the modules they may use; `error` is everybody's.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("codec", &[]),
    ("digest", &[]),
    ("toml_reader", &[]),
    ("npz", &[]),
    ("network", &["npz", "toml_reader"]),
    ("chip", &["codec", "digest", "toml_reader"]),
    ("mapper", &["chip", "network", "npz"]),
    ("energy", &["chip", "toml_reader"]),
    // The f64 reference of `network` runs beside the chip.
    ("run", &["chip", "digest", "network", "npz"]),
    ("report", &["chip", "energy", "mapper", "run"]),
    ("config", &["chip", "mapper", "network", "run", "toml_reader"]),
    // Traffic of a run is replayed without the network behind it; pages look alike.
    ("route", &["chip", "digest", "energy", "report", "run", "toml_reader"]),
    // A compatibility profile that only the command line knows.
    ("sanafe", &["chip", "npz"]),
    // Published measurements, beside runs of images it builds itself.
    ("validate", &["chip", "energy", "sanafe"]),
    (
        "cli",
        &[
            "chip", "config", "energy", "mapper", "network", "npz", "report", "route", "run", "sanafe",
            "validate",
        ],
    ),
    (
        "lib",
        &[
            "chip",
            "cli",
            "codec",
            "config",
            "digest",
            "energy",
            "mapper",
            "network",
            "npz",
            "report",
            "route",
            "run",
            "sanafe",
            "toml_reader",
            "validate",
        ],
    ),
    ("main", &["cli"]),
];

/// The only file that may name both inner crates.
const MEETING_POINT: &str = "src/chip/interface.rs";

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The code of a file: without comments and without its tests, which may look anywhere.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]").next().unwrap();
    body.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// First names after `crate::` in the code, braces of `use crate::{...}` included.
fn modules_used(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (i, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && c.is_alphabetic() => {
                        found.insert(word(&list[i..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            found.insert(word(rest));
        }
    }
    found
}

fn check(module: &str, code: &str) -> Result<(), String> {
    let table: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let Some(allowed) = table.get(module) else { return Err(format!("module `{module}` is not in the table")) };
    for used in modules_used(code) {
        let known = table.contains_key(used.as_str());
        // Names of the crate root that are no modules are the errors it exports.
        if known && used != "error" && used != module && !allowed.contains(&used.as_str()) {
            return Err(format!("`{module}` uses `{used}`"));
        }
    }
    Ok(())
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let src = root().join("src");
    for file in rust_files(&src) {
        let relative = file.strip_prefix(&src).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        let text = std::fs::read_to_string(&file).unwrap();
        check(&module, &code(&text)).unwrap_or_else(|e| panic!("{}: {e}", relative.display()));
    }
}

#[test]
fn a_wrong_arrow_is_found() {
    for (module, code) in [
        ("network", "use crate::chip::ChipSpec;"),
        ("chip", "use crate::{Error, run::Recording};"),
        ("chip", "fn f() { crate::energy::joules(1); }"),
        ("energy", "use crate::{chip::{ChipCounters, Citation}, report};"),
        ("unheard_of", ""),
    ] {
        assert!(check(module, code).is_err(), "{module}: {code}");
    }
    assert!(check("report", "use crate::{run::Recording, chip::{ChipImage}};").is_ok());
}

#[test]
fn cores_and_router_meet_in_one_file() {
    for file in rust_files(&root().join("src")) {
        let relative = file.strip_prefix(root()).unwrap().display().to_string().replace('\\', "/");
        let code = code(&std::fs::read_to_string(&file).unwrap());
        let both = code.contains("spikemesh_cores") && code.contains("spikemesh_router");
        assert_eq!(both, relative == MEETING_POINT, "{relative}");
    }
}

/// Names of the sections `[dependencies]` and the like of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let value: toml::Value = toml::from_str(&std::fs::read_to_string(root().join(manifest)).unwrap()).unwrap();
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables.iter().filter_map(|t| value.get(t)?.as_table()).flat_map(|t| t.keys().cloned()).collect()
}

#[test]
fn inner_crates_know_nobody() {
    for manifest in ["cores/Cargo.toml", "placement/Cargo.toml", "router/Cargo.toml"] {
        assert!(dependencies(manifest).iter().all(|d| !d.starts_with("spikemesh")), "{manifest}");
    }
    let root_needs = dependencies("Cargo.toml");
    assert!(root_needs.contains("spikemesh-cores") && root_needs.contains("spikemesh-router"));
    let crates = ["cores", "placement", "router"];
    for folder in crates {
        for file in rust_files(&root().join(folder)) {
            let code = code(&std::fs::read_to_string(&file).unwrap());
            for other in crates.iter().filter(|other| **other != folder) {
                assert!(!code.contains(&format!("spikemesh_{other}")), "{}", file.display());
            }
        }
    }
}

#[test]
fn cores_have_no_packets_and_routers_no_neurons() {
    for (folder, words) in [
        ("cores/src", &["Coord", "Packet", "RouterId", "LinkId", "std::thread", "std::fs", "println"][..]),
        ("router/src", &["NeuronId", "AxonId", "Synapse", "std::thread", "std::fs", "println"]),
    ] {
        for file in rust_files(&root().join(folder)) {
            let code = code(&std::fs::read_to_string(&file).unwrap());
            let spawns = file.ends_with("router/src/noc/flit/threads.rs");
            for word in words.iter().filter(|word| !(spawns && **word == "std::thread")) {
                assert!(!code.contains(word), "{} names {word}", file.display());
            }
        }
    }
}

#[test]
fn only_one_file_is_unsafe() {
    for folder in ["src", "cores/src", "router/src"] {
        for file in rust_files(&root().join(folder)) {
            let code = code(&std::fs::read_to_string(&file).unwrap());
            let is_the_one = file.ends_with("cores/src/prefetch.rs");
            assert_eq!(code.contains("unsafe {"), is_the_one, "{}", file.display());
        }
    }
}

#[test]
fn only_one_file_spawns_threads_and_only_one_knows_bincode() {
    for (words, only) in [
        (&["spawn(", "Mutex"][..], "src/run/threaded.rs"),
        (&["bincode::"], "src/codec.rs"),
        (&["hdf5_pure"], "src/network/import/hdf5.rs"),
    ] {
        for file in rust_files(&root().join("src")) {
            let relative = file.strip_prefix(root()).unwrap().display().to_string().replace('\\', "/");
            let code = code(&std::fs::read_to_string(&file).unwrap());
            assert!(
                relative == only || words.iter().all(|w| !code.contains(w)),
                "{relative} has one of {words:?}"
            );
        }
    }
}
