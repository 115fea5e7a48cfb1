//! A graph as a network file of our own, and its chip as a chip file: what `spikemesh new sanafe-random` writes.

use super::build::{PRESET, place};
use super::graph::Graph;
use crate::chip::ChipSpec;
use crate::error::{Error, ErrorKind};
use crate::npz::write_npz;
use std::fmt::Write as _;
use std::path::Path;

/// Files of a network in a folder: `network.toml`, `synapses.npz`, and `chip.toml`, Loihi with SANA-FE's limits. Returns the
/// tables `map.pins` that put its neurons where SANA-FE does.
///
/// # Errors
/// A file cannot be written.
pub fn write_files(graph: &dyn Graph, folder: &Path) -> Result<String, Error> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| Error::file(&path, "write", &e))
    };
    let projections = write_synapses(graph, &folder.join("synapses.npz"))?;
    write("network.toml", network(graph, projections))?;
    write("chip.toml", chip()?)?;
    let spec = ChipSpec::preset(PRESET)?;
    let mut pins = String::new();
    for (core, neurons) in graph.cores().windows(2).enumerate() {
        let (width, each) = (u32::from(spec.width), u32::from(spec.cores_per_router));
        let own = place(core as u32, width);
        let (router, slot) = (own / each, own % each);
        _ = writeln!(
            pins,
            "\n[[map.pins]]\npopulation = \"p\"\nneurons = \"{}..{}\"\ncore = [{}, {}, {slot}]",
            neurons[0],
            neurons[1],
            router % width,
            router / width,
        );
    }
    Ok(pins)
}

/// Writes the synapses: the first between two neurons as arrays `a0_...`, the second as `a1_...`. Returns how many such
/// projections there are.
fn write_synapses(graph: &dyn Graph, path: &Path) -> Result<usize, Error> {
    let count = graph.cores().last().copied().unwrap_or(0);
    // By projection: sources, targets, weights.
    let mut projections: Vec<[Vec<i32>; 3]> = Vec::new();
    let mut row = Vec::new();
    for source in 0..count {
        row.clear();
        graph.synapses(source, &mut row);
        row.sort_by_key(|synapse| synapse.0);
        for same in row.chunk_by(|a, b| a.0 == b.0) {
            for (i, &(target, weight)) in same.iter().enumerate() {
                if i == projections.len() {
                    projections.push(Default::default());
                }
                let values = [source as i32, target as i32, weight];
                projections[i].iter_mut().zip(values).for_each(|(array, value)| array.push(value));
            }
        }
    }
    let names = ["source", "target", "weight"];
    let arrays = projections.iter().enumerate().flat_map(|(i, arrays)| {
        names.iter().zip(arrays).map(move |(name, values)| (format!("a{i}_{name}"), values.as_slice()))
    });
    write_npz(path, arrays)?;
    Ok(projections.len())
}

/// The network file: one population, whose weights and potentials are in 64ths.
fn network(graph: &dyn Graph, projections: usize) -> String {
    let count = graph.cores().last().copied().unwrap_or(0);
    let column = |i: usize| {
        let values: Vec<i64> = (0..count).map(|neuron| graph.neuron(neuron)[i]).collect();
        match values.first() {
            Some(first) if values.iter().all(|value| value == first) => first.to_string(),
            _ => format!("{values:?}"),
        }
    };
    let mut text = format!(
        "# {}: weights, potentials and thresholds in 64ths.\nformat = \"spikemesh-network-1\"\nname = \"{}\"\n\n\
         [[population]]\nname = \"p\"\nsize = {count}\nmodel = \"sanafe-lif\"\n\n[population.registers]\n\
         leak = {}\nforce_update = {}\nthreshold = {}\nbias = {}\ninitial = {}\n",
        graph.name(),
        graph.name(),
        graph.leak(),
        i32::from(graph.force_update()),
        column(0),
        column(1),
        column(2),
    );
    for i in 0..projections {
        _ = write!(
            text,
            "\n[[projection]]\nname = \"synapses {i}\"{}\nsource = \"p\"\ntarget = \"p\"\nfile = \"synapses.npz\"\narrays = \"a{i}_\"\n",
            if i == 0 { "" } else { " # between the same neurons as one before" },
        );
    }
    text
}

/// Loihi with SANA-FE's neuron and without the limits that SANA-FE does not have.
fn chip() -> Result<String, Error> {
    let presets = ChipSpec::presets();
    let preset = presets.iter().find(|(name, _)| *name == PRESET).map(|(_, text)| *text);
    let preset = preset.ok_or_else(|| Error::one(ErrorKind::Bug, PRESET, "there is no such preset", ""))?;
    let lines = preset.lines().map(|line| {
        let key = line.split('=').next().unwrap_or_default().trim();
        let limit = |most: u64| {
            format!(
                "{key} = {{ value = {most}, evidence = \"assumed\", source = \"SANA-FE has no such limit\" }}"
            )
        };
        match key {
            "name" => "name = \"loihi1-sanafe\"".to_owned(),
            "models" => "models = [\"sanafe-lif\"]".to_owned(),
            "in_axons" | "out_axons" => limit(1 << 30),
            "synapse_words" => limit(1 << 40),
            _ => line.to_owned(),
        }
    });
    Ok(lines.collect::<Vec<_>>().join("\n") + "\n")
}
