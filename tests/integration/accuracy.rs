//! Trained networks keep their accuracy on the chip, and their spikes really travel.

#![cfg(feature = "nir")]

use crate::support::{check_pinned, config, data, digits_text, load_nir, root, run_network};
use serde_json::Value;
use spikemesh::run::Recording;

/// What Python's f64 simulation answered, image by image.
fn expected(example: &str) -> (Vec<u32>, f64) {
    let text = std::fs::read_to_string(root().join("examples").join(example).join("expected.json")).unwrap();
    let object: Value = serde_json::from_str(&text).unwrap();
    let predicted = object["predicted"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32);
    (predicted.collect(), object["accuracy"].as_f64().unwrap())
}

/// At most max(0.5 points, 3 images) below the reference on the same graph, dt, reset and input spikes.
fn check_bound(recording: &Recording, least: f64) {
    let (chip, reference) = (recording.accuracy().unwrap(), recording.reference_accuracy().unwrap());
    let bound = 0.005f64.max(3.0 / recording.samples.len() as f64);
    println!("accuracy {chip:.4}, reference {reference:.4}, {} images", recording.samples.len());
    assert!(chip >= least, "accuracy {chip} is below {least}");
    assert!(
        chip >= reference - bound,
        "accuracy {chip} is more than {bound} below the reference's {reference}"
    );
}

/// More than half of the deliveries cross a link.
fn check_travel(recording: &Recording) {
    let noc = &recording.counters.noc;
    let crossed = noc.delivered_over_links();
    assert!(2 * crossed > noc.delivered, "{crossed} of {} deliveries cross a link", noc.delivered);
}

#[test]
fn digits_keep_their_accuracy_and_travel() {
    let config = config(&digits_text());
    let (mapping, recording) = run_network(&load_nir(&config), &config, 2, None);
    assert!(recording.samples.len() >= 500);
    assert!(mapping.image.cores.len() >= 16 && config.chip.width >= 4 && config.chip.height >= 4);
    check_bound(&recording, 0.96);
    check_travel(&recording);
    // Our f64 reference is the Python script's, answer by answer.
    let (predicted, accuracy) = expected("digits");
    let ours: Vec<u32> = recording.samples.iter().map(|s| s.reference.unwrap()).collect();
    assert_eq!(ours, predicted);
    assert!((recording.reference_accuracy().unwrap() - accuracy).abs() < 1e-12);
    let core = recording.counters.core_total();
    assert_eq!(core.wraps + core.bias_wraps, 0, "the mapper chose a scale that cannot wrap");
}

#[test]
fn mnist_keeps_its_accuracy_and_travels() {
    let Some(folder) = data("mnist_keeps_its_accuracy_and_travels") else { return };
    let example = root().join("examples/mnist");
    let text = std::fs::read_to_string(example.join("run.toml")).unwrap();
    let text = text.replace("\"mnist.nir\"", &format!("{:?}", example.join("mnist.nir")));
    let text = text.replace("$SPIKEMESH_DATA", &folder.canonicalize().unwrap().display().to_string());
    let config = config(&text);
    let (mapping, recording) = run_network(&load_nir(&config), &config, 2, None);
    assert_eq!(recording.samples.len(), 10_000);
    assert!(mapping.image.cores.len() >= 16);
    check_bound(&recording, 0.97);
    check_travel(&recording);
    let ours: Vec<u32> = recording.samples.iter().map(|s| s.reference.unwrap()).collect();
    assert_eq!(ours, expected("mnist").0);
    check_pinned("mnist", &recording.digest.to_string(), &recording.spike_digest.to_string());
    // The output that the example shows is this one.
    let shown = std::fs::read_to_string(example.join("README.md")).unwrap();
    assert!(
        shown.contains(&format!("\ndigest        {}\n", recording.digest)),
        "examples/mnist/README.md is stale"
    );
}
