//! The report: its page is whole and needs nothing from elsewhere; its tables add up to its totals.

use crate::support::{Folder, expect, root};
use serde_json::Value;

const CONFIG: &str = "name = \"<odd> & \\\"name\\\"\"\n[network.random]\ninputs = 30\nneurons = 300\nfan_in = 20\ninput_fan_in = 10\n\
    weight = 0.3\ntau_ms = 20\n[conventions]\ndt_ms = 1\nreset = \"zero\"\nintegrator = \"euler\"\n\
    [chip]\npreset = \"loihi1-davies2018\"\nneurons_per_core = 20\n\
    [stimulus]\nkind = \"poisson\"\nchance = [1, 5]\nsamples = 2\n[run]\nticks = 60\nlevel = \"packet\"\nreference = true\n";

/// Sum of a column of a CSV table.
fn sum(csv: &str, column: &str) -> u64 {
    let mut lines = csv.lines();
    let at = lines.next().unwrap().split(',').position(|name| name == column).unwrap();
    lines.map(|line| line.split(',').nth(at).unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn page_and_tables_hold_what_the_run_counted() {
    let folder = Folder::new();
    let config = folder.write("run.toml", CONFIG);
    let (out, _) = expect(&["run", &config, "--json", "--out", &folder.path("out")], 0);
    let object: Value = serde_json::from_str(&out).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.0.join("out").join(name)).unwrap();
    let (links, cores, page) = (read("links.csv"), read("cores.csv"), read("report.html"));
    // Unicast: every hop of every delivery is a crossing of a link.
    assert_eq!(sum(&links, "packets"), object["hops"]["total"].as_u64().unwrap());
    assert_eq!(sum(&cores, "synaptic_operations"), object["synaptic_operations"].as_u64().unwrap());
    assert_eq!(sum(&cores, "neurons"), 300);
    assert_eq!(
        sum(&cores, "spikes") + object["input_spikes"].as_u64().unwrap(),
        object["spikes"].as_u64().unwrap()
    );
    assert_eq!(
        sum(&cores, "copies_received") + object["output_packets"].as_u64().unwrap(),
        object["deliveries"].as_u64().unwrap()
    );
    let by_cause: f64 =
        object["energy_j"]["by_cause"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
    let total = object["energy_j"]["total_known"].as_f64().unwrap();
    assert!((by_cause - total).abs() < 1e-12 * total);
    // Self-contained, escaped, and readable on a phone.
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("width=device-width") && page.contains("&lt;odd&gt; &amp; &quot;name&quot;"));
    assert!(
        !page.contains("<odd>")
            && !page.contains("http")
            && !page.contains("<script")
            && !page.contains("<link")
    );
    for part in ["heat map of the mesh", "spike raster", "latency histogram", "Energy by cause", "unknown"] {
        assert!(page.contains(part), "{part}");
    }
    for tag in ["svg", "table", "div", "main", "details"] {
        assert_eq!(
            page.matches(&format!("<{tag}")).count(),
            page.matches(&format!("</{tag}>")).count(),
            "{tag}"
        );
    }
}

/// Every key of the object is a word of the document.
#[test]
fn the_document_names_every_key() {
    let folder = Folder::new();
    let config = folder.write("run.toml", CONFIG);
    let (out, _) = expect(&["run", &config, "--json", "--limit", "1", "--out", &folder.path("out")], 0);
    let object: Value = serde_json::from_str(&out).unwrap();
    let page = std::fs::read_to_string(root().join("docs/formats/report.md")).unwrap();
    let named = |key: &str| page.contains(&format!("`{key}`"));
    let inner = ["overflow", "learning"].map(|key| object[key].as_object().unwrap());
    for key in object.as_object().unwrap().keys().chain(inner.into_iter().flat_map(|part| part.keys())) {
        assert!(named(key), "docs/formats/report.md does not name `{key}`");
    }
}

#[test]
fn the_summary_is_short() {
    let folder = Folder::new();
    let config = folder.write("run.toml", CONFIG);
    let (out, _) = expect(&["run", &config, "--out", &folder.path("out")], 0);
    assert!(out.lines().count() <= 20, "{out}");
    for part in [
        "spikes",
        "packets",
        "hops",
        "p99",
        "latency",
        "hottest",
        "energy",
        "chip time",
        "energy-delay",
        "seed",
        "digest",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
}
