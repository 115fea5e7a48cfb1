//! Golden vectors: every step of every case recorded from real emulators and RTL.
//!
//! Files lie in `tests/data/golden` of the workspace; the environment variable `SPIKEMESH_GOLDEN_DIR` names a folder of
//! further files of the same form, and `generate.py` beside this file, an independent re-implementation, writes some. What a case is, is seen from its fields and not from its file's name. Fields:
//! `tests/data/golden/README.md`. Each harness drives a whole [`spikemesh_cores::Core`] and compares every recorded number.

mod atrlif;
mod brian2;
mod lava_learning;
mod lava_lif;
mod loihi1;
mod odin;
mod ranc;
mod spinnaker;

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The first difference, as text: step, neuron, wanted, got.
type Outcome = Result<(), String>;

/// Compares a row of numbers.
fn same(step: usize, what: &str, wanted: &[i64], got: &[i64]) -> Outcome {
    if wanted.len() != got.len() {
        return Err(format!("step {step}: {what} has {} values, got {}", wanted.len(), got.len()));
    }
    match (0..wanted.len()).find(|&n| wanted[n] != got[n]) {
        Some(n) => Err(format!("step {step}, neuron {n}: {what} wanted {}, got {}", wanted[n], got[n])),
        None => Ok(()),
    }
}

/// Compares one number.
fn equal(step: usize, neuron: usize, what: &str, wanted: i64, got: i64) -> Outcome {
    if wanted == got {
        return Ok(());
    }
    Err(format!("step {step}, neuron {neuron}: {what} wanted {wanted}, got {got}"))
}

/// Forgives what means the same: whole numbers written as 5.0, spikes of a row in another order.
fn forgive(value: &mut Value, in_spikes: bool) {
    match value {
        Value::Number(n) => {
            let whole = n.as_f64().filter(|x| !n.is_i64() && x.fract() == 0.0 && x.abs() < 9e15);
            if let Some(x) = whole {
                *value = Value::from(x as i64);
            }
        }
        Value::Array(list) => {
            list.iter_mut().for_each(|v| forgive(v, in_spikes));
            if in_spikes && list.iter().all(Value::is_i64) {
                list.sort_by_key(Value::as_i64);
            }
        }
        Value::Object(map) => map.iter_mut().for_each(|(key, v)| forgive(v, key == "spikes")),
        _ => {}
    }
}

/// A harness.
type Harness = fn(Value) -> Outcome;

/// The form of a case, by a field that no other form has.
fn harness(case: &Value) -> Option<(&'static str, Harness)> {
    let has = |field: &str| case.get(field).is_some();
    let model = case.get("model").and_then(Value::as_str).unwrap_or_default();
    if has("blocks") {
        Some(("loihi1", loihi1::run))
    } else if has("deltas_over_4096") {
        Some(("atrlif", atrlif::run))
    } else if has("streams") {
        Some(("lava learning", lava_learning::run))
    } else if has("decay_I") {
        Some(("brian2", brian2::run))
    } else if has("output_bus") {
        Some(("ranc", ranc::run))
    } else if has("du") {
        Some(("lava lif", lava_lif::run))
    } else if model.starts_with("spinnaker") {
        Some(("spinnaker", spinnaker::run))
    } else if model.contains("ODIN") {
        Some(("odin", odin::run))
    } else {
        None
    }
}

fn files() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/golden");
    // Tests run in their package's folder; a relative path is most likely meant from the workspace's.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let further = std::env::var_os("SPIKEMESH_GOLDEN_DIR").map(PathBuf::from);
    let further = further.map(|folder| if folder.is_dir() { folder } else { workspace.join(folder) });
    let mut files: Vec<_> = std::iter::once(own)
        .chain(further)
        .flat_map(|folder| std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

/// Prints a line of its own, past the test harness, which shows what a passing test prints only with `--nocapture`.
fn say(line: &str) {
    // Whether somebody reads it does not decide the test.
    let _ = write!(std::io::stdout(), "\n{line}\n");
}

#[test]
fn golden_cases_of_every_chip() {
    let (mut cases, mut recorded, mut failed) = (0, 0, 0);
    let mut forms = std::collections::BTreeSet::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let list: Vec<Value> =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let is_recorded = file.parent().is_some_and(|folder| folder.ends_with("tests/data/golden"));
        recorded += if is_recorded { list.len() } else { 0 };
        for (i, mut case) in list.into_iter().enumerate() {
            cases += 1;
            forgive(&mut case, false);
            let label = ["kind", "rule_name", "type", "model"].iter().find_map(|key| case.get(key)?.as_str());
            let label =
                format!("{} seed {}", label.unwrap_or("case"), case.get("seed").unwrap_or(&Value::Null));
            let outcome = match harness(&case) {
                Some((form, run)) => {
                    forms.insert(form);
                    run(case)
                }
                None => Err("the fields are of no known form".to_owned()),
            };
            if let Err(difference) = outcome {
                failed += 1;
                say(&format!("{}: case {i} ({label}): {difference}", file.display()));
            }
        }
    }
    say(&format!("golden: {cases} cases, {failed} failed"));
    assert!(recorded >= 121 && forms.len() == 8, "golden: {recorded} recorded cases of {forms:?}");
    assert!(failed == 0, "golden: {failed} of {cases} cases failed");
}
