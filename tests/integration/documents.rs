//! What documents say is true: README's commands run, links lead somewhere, invariants name tests that exist.

use crate::support::root;
use std::path::{Path, PathBuf};
use std::process::Command;

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Lines of the `sh` blocks of a document.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.trim().is_empty() && !line.starts_with('#') {
            commands.push(line.to_owned());
        }
    }
    commands
}

/// Every command in README.md runs. Commands of the program run with the binary under test; those that build, test or
/// need data that is not in the tree are listed here, with where they are run instead.
#[cfg(feature = "nir")]
#[test]
fn readme_commands_run() {
    let readme = read("README.md");
    let all = commands(&readme);
    assert!(all.len() >= 6, "{all:?}");
    let elsewhere = [
        ("cargo test --workspace", "this very command; .ci/run reads it from README.md"),
        ("SPIKEMESH_DATA=", "accuracy::mnist_keeps_its_accuracy_and_travels"),
        ("cargo bench", "measurements, run by hand"),
    ];
    let folder = crate::support::Folder::new();
    // A copy of what the commands read, so that they leave nothing in the tree.
    std::fs::create_dir_all(folder.0.join("examples/digits")).unwrap();
    for name in ["run.toml", "digits.nir", "digits.npz"] {
        let file = Path::new("examples/digits").join(name);
        std::fs::copy(root().join(&file), folder.0.join(&file)).unwrap();
    }
    for line in all {
        if elsewhere.iter().any(|(start, _)| line.starts_with(start)) {
            continue;
        }
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let start = arguments.iter().position(|a| *a == "--").map_or(1, |at| at + 1);
        let is_ours = arguments[0] == "spikemesh" || line.starts_with("cargo run --release -- ");
        assert!(is_ours, "README.md has a command no test runs: {line}");
        let output = Command::new(env!("CARGO_BIN_EXE_spikemesh"))
            .args(&arguments[start..])
            .current_dir(&folder.0)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The output that README shows is what the main job prints, but for wall time and machine.
#[cfg(feature = "nir")]
#[test]
fn readme_shows_real_output() {
    let readme = read("README.md");
    let shown =
        readme.split("```text\nchip ").nth(1).expect("README shows the summary").split("```").next().unwrap();
    let folder = crate::support::Folder::new();
    let (out, _) =
        crate::support::expect(&["run", "examples/digits/run.toml", "--out", &folder.path("out")], 0);
    let lines = |text: &str| {
        let keep = |line: &&str| !line.starts_with("wall time") && !line.starts_with("report");
        text.lines().filter(keep).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&format!("chip {shown}")), lines(&out));
}

fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "runs", ".git"].contains(&name.as_str()) {
            files.extend(markdown_files(&path));
        } else if name.ends_with(".md") {
            files.push(path);
        }
    }
    files
}

#[test]
fn links_between_documents_lead_somewhere() {
    for file in markdown_files(root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            let path = target.split('#').next().unwrap();
            if !path.is_empty() && !target.starts_with("http") {
                let full = file.parent().unwrap().join(path);
                assert!(full.exists(), "{}: {target}", file.display());
            }
        }
    }
}

/// Source files that documents name in backticks are there.
#[test]
fn files_that_documents_name_exist() {
    for file in markdown_files(root()) {
        for name in std::fs::read_to_string(&file).unwrap().split('`').skip(1).step_by(2) {
            let path = name.split("::").next().unwrap();
            let ours =
                ["src/", "cores/", "router/", "tests/", "docs/"].iter().any(|start| path.starts_with(start));
            if ours && path.ends_with(".rs") {
                assert!(root().join(path).exists(), "{}: {path}", file.display());
            }
        }
    }
}

/// Each invariant of docs/ARCHITECTURE.md names its test in backticks after "Test:", and a function of that name is
/// in the file it names.
#[test]
fn invariants_name_tests_that_exist() {
    let text = read("docs/ARCHITECTURE.md");
    let invariants = text.lines().filter(|l| l.starts_with("- **")).count();
    let mut named = 0;
    for line in text.lines().filter(|l| l.contains("Test: ")) {
        for test in line.split("Test: ").nth(1).unwrap().split('`').skip(1).step_by(2) {
            let (file, function) =
                test.split_once("::").unwrap_or_else(|| panic!("{test}: wanted file::function"));
            let source = read(file);
            assert!(source.contains(&format!("fn {function}(")), "{file} has no {function}");
            named += 1;
        }
    }
    assert!(invariants >= 15 && named >= invariants, "{invariants} invariants, {named} tests");
}

/// The test output that README shows counts the tests there are.
#[cfg(feature = "nir")]
#[test]
fn readme_counts_the_tests() {
    let files = std::fs::read_dir(root().join("tests/integration")).unwrap();
    let texts = files.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let count: usize = texts.map(|text| text.lines().filter(|line| line.trim() == "#[test]").count()).sum();
    assert!(read("README.md").contains(&format!("test result: ok. {count} passed; 0 failed")), "{count} tests");
}

/// The test command that .ci/run takes from README.md is there once.
#[test]
fn readme_names_the_test_command() {
    let tests: Vec<_> =
        commands(&read("README.md")).into_iter().filter(|c| c.starts_with("cargo test")).collect();
    assert_eq!(tests, ["cargo test --workspace"]);
}
