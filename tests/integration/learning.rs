//! Learning on a whole chip: the story of examples/stdp is what the program does, for any number of threads and any cut.

use crate::support::{Folder, expect, root};
use std::fmt::Write;

const NEURONS: usize = 4;
const PRESENTATIONS: i64 = 100;
const PATTERN_TICKS: i64 = 20;

/// As pattern.py has it.
fn start(presentation: i64) -> i64 {
    100 * presentation + 37 * presentation % 50
}

/// What a run of the example left.
struct Run {
    summary: String,
    /// (tick, neuron)
    spikes: Vec<(i64, usize)>,
    weights: String,
    v: Vec<u8>,
    spike_digest: String,
}

fn run(threads: &str, changes: &[(&str, &str)]) -> Run {
    let folder = Folder::new();
    let example = root().join("examples/stdp");
    let mut text = std::fs::read_to_string(example.join("run.toml")).unwrap();
    for name in ["network.toml", "spikes.csv"] {
        text = text.replace(&format!("{name:?}"), &format!("{:?}", example.join(name)));
    }
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let config = folder.write("run.toml", text);
    let (summary, _) = expect(&["run", &config, "--threads", threads, "--out", &folder.path("out")], 0);
    let read = |name: &str| std::fs::read(folder.0.join("out").join(name)).unwrap();
    let spikes = npyz::NpyFile::new(&read("neurons.spikes.npy")[..]).unwrap().into_vec::<i64>().unwrap();
    let object: serde_json::Value = serde_json::from_slice(&read("summary.json")).unwrap();
    Run {
        summary,
        spikes: spikes.chunks(4).map(|row| (row[1], row[2] as usize)).collect(),
        weights: String::from_utf8(read("weights.csv")).unwrap(),
        v: read("neurons.v.npy"),
        spike_digest: object["spike_digest"].as_str().unwrap().to_owned(),
    }
}

/// Ticks from the first spike of a presentation to a neuron's first spike within it.
fn latency(run: &Run, neuron: usize, presentation: i64) -> Option<i64> {
    let start = start(presentation);
    let within = |&&(tick, who): &&(i64, usize)| {
        who == neuron && (start + 1..=start + PATTERN_TICKS + 1).contains(&tick)
    };
    run.spikes.iter().find(within).map(|(tick, _)| tick - start)
}

/// Presentations of `range` that a neuron answered, and the mean latency of its answers.
fn answers(run: &Run, neuron: usize, range: std::ops::Range<i64>) -> (usize, f64) {
    let all: Vec<i64> = range.filter_map(|k| latency(run, neuron, k)).collect();
    (all.len(), all.iter().sum::<i64>() as f64 / all.len().max(1) as f64)
}

/// Mean learned weight from inputs of a range to a neuron.
fn mean_weight(run: &Run, neuron: usize, inputs: std::ops::Range<usize>) -> f64 {
    let rows = run.weights.lines().skip(1).map(|line| {
        let numbers: Vec<usize> = line.split(',').map(|n| n.parse().unwrap()).collect();
        (numbers[0], numbers[1] - 60, numbers[3])
    });
    let own: Vec<usize> =
        rows.filter(|(i, n, _)| *n == neuron && inputs.contains(i)).map(|row| row.2).collect();
    assert_eq!(own.len(), inputs.len());
    own.iter().sum::<usize>() as f64 / own.len() as f64
}

/// How often an input fires says nothing about the pattern: those in it and the others have the same mean.
#[test]
fn only_timing_gives_the_pattern_away() {
    let text = std::fs::read_to_string(root().join("examples/stdp/spikes.csv")).unwrap();
    let mut counts = [0u32; 60];
    for line in text.lines().skip(1) {
        counts[line.split_once(',').unwrap().1.parse::<usize>().unwrap()] += 1;
    }
    let mean = |range: std::ops::Range<usize>| {
        f64::from(counts[range.clone()].iter().sum::<u32>()) / range.len() as f64
    };
    assert!((mean(0..40) / mean(40..60) - 1.0).abs() < 0.02, "{} {}", mean(0..40), mean(40..60));
}

#[test]
fn neurons_find_a_pattern_hidden_in_noise() {
    let run = run("1", &[]);
    let mut table = String::from(
        "neuron   latency in ticks (answers of 10)         mean weight of inputs\n\
         \u{20}        first 10    46th-55th   last 10        0-5   6-11  12-39  40-59\n",
    );
    for neuron in 0..NEURONS {
        let parts = [0..10, 45..55, 90..100].map(|range| answers(&run, neuron, range));
        let weights = [0..6, 6..12, 12..40, 40..60].map(|range| mean_weight(&run, neuron, range));
        let latencies: String = parts.iter().map(|(n, mean)| format!("{mean:>4.1} ({n:>2})   ")).collect();
        let means: String = weights.iter().map(|w| format!("{w:>7.1}")).collect();
        writeln!(table, "{neuron:<8} {latencies} {means}").unwrap();
        assert!(parts[2].0 >= 9, "neuron {neuron} answers: {parts:?}");
        assert!(parts[2].1 <= parts[0].1 - 1.5, "neuron {neuron} answers earlier: {parts:?}");
        assert!(weights[0] > 180.0 && weights[2] < 10.0 && weights[3] < 20.0, "{neuron}: {weights:?}");
    }
    let within =
        |tick: i64| (0..PRESENTATIONS).any(|k| (start(k)..start(k) + PATTERN_TICKS + 2).contains(&tick));
    let false_alarms = run.spikes.iter().filter(|(tick, _)| *tick >= 5000 && !within(*tick)).count();
    write!(table, "spikes outside the pattern after tick 5,000: {false_alarms}").unwrap();
    println!("{table}");
    assert!(false_alarms <= 4, "{false_alarms}");
    let readme = std::fs::read_to_string(root().join("examples/stdp/README.md")).unwrap();
    assert!(readme.contains(&table), "examples/stdp/README.md shows another table than\n{table}");
    let shown =
        readme.split("```text\nchip ").nth(1).expect("the page shows the summary").split("```").next().unwrap();
    for line in format!("chip {shown}").lines() {
        assert!(run.summary.lines().any(|l| l == line), "{line}\nis not in\n{}", run.summary);
    }
}

#[test]
fn learning_does_not_depend_on_threads_or_on_the_cut() {
    let whole = run("1", &[]);
    for (threads, cap) in [("3", None), ("1", Some("2")), ("3", Some("1")), ("2", Some("3"))] {
        let to = cap.map(|cap| format!("cores_per_router = 1\nneurons_per_core = {cap}"));
        let changes: Vec<_> = to.iter().map(|to| ("cores_per_router = 1", to.as_str())).collect();
        let other = run(threads, &changes);
        assert_eq!(other.weights, whole.weights, "{threads} threads, {cap:?} neurons a core");
        assert_eq!(other.spike_digest, whole.spike_digest, "{threads} threads, {cap:?} neurons a core");
        assert!(other.v == whole.v, "the potentials in the recording differ");
        if cap == Some("1") {
            assert!(other.summary.contains("4 cores used"), "{}", other.summary);
        }
        if cap.is_none() {
            let kept = |text: &str| text.lines().find(|l| l.starts_with("digest")).unwrap().to_owned();
            assert_eq!(kept(&other.summary), kept(&whole.summary));
        }
    }
}
