//! Published measurements: what is met stays met, and what is missed is said to be.

use crate::support::{Folder, expect};
use spikemesh::validate::{Case, Verdict, analytic, packets, recurrent, steps};

fn verdicts(cases: &[Case], start: &str) -> Vec<Verdict> {
    cases.iter().filter(|case| case.name.starts_with(start)).map(Case::verdict).collect()
}

#[test]
fn tables_meet_published_powers_but_for_truenorth_at_rest() {
    use Verdict::{Met, Missed, Reported};
    let cases = analytic().unwrap();
    for (start, wanted) in [
        ("ODIN", &[Met, Met][..]),
        ("TrueNorth, ", &[Missed, Met, Met, Met]),
        ("TrueNorth all-in", &[Met]),
        ("Piton", &[Met, Met, Met]),
        ("Loihi kNN", &[Reported]),
    ] {
        assert_eq!(verdicts(&cases, start), wanted, "{start}: {cases:#?}");
    }
    let rest = cases.iter().find(|case| case.name.starts_with("TrueNorth, 700")).unwrap();
    assert!((rest.difference_percent() - 17.0).abs() < 1.0, "{rest:?}");
}

#[test]
fn the_recurrent_network_has_the_published_rates_events_and_powers() {
    let cases = recurrent(16).unwrap();
    assert_eq!(cases.len(), 7);
    for case in &cases {
        assert_eq!(case.verdict(), Verdict::Met, "{case:?}");
    }
    assert_eq!(recurrent(16).unwrap(), cases, "draws are keyed by their place alone");
}

#[test]
fn single_packets_take_what_sanafe_says() {
    let cases = packets().unwrap();
    assert_eq!(cases.len(), 3);
    for case in &cases {
        assert_eq!(case.verdict(), Verdict::Met, "{case:?}");
    }
}

#[test]
fn steps_with_contention_take_about_what_sanafe_says() {
    let cases = steps().unwrap();
    assert_eq!(cases.len(), 7);
    for case in &cases {
        assert_eq!(case.verdict(), Verdict::Met, "{case:?}");
    }
    assert!(cases.iter().any(|case| case.difference_percent().abs() > 1.0), "there is contention: {cases:#?}");
}

#[test]
fn the_command_prints_every_verdict_and_the_same_as_json() {
    let (text, _) = expect(&["validate"], 0);
    for word in ["difference", " met ", "MISSED", "reported", "Frenkel", "Merolla", "McKeown", "Frady"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let folder = Folder::new();
    let (json, _) = expect(&["validate", "--json", "--plots", &folder.path("plots")], 0);
    let drawing = std::fs::read_to_string(folder.0.join("plots/piton-flit-hop.svg")).unwrap();
    assert!(drawing.starts_with("<svg") && drawing.contains("random data"), "{drawing}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let cases = json["cases"].as_array().unwrap();
    assert_eq!(cases.len() + 1, text.lines().count());
    assert_eq!(cases.iter().filter(|case| case["verdict"] == "MISSED").count(), 1);
}
