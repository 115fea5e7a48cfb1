//! What `[[record]]` writes: every array has its own file, all its columns, and the ticks that were run.

use crate::support::{Folder, capped, expect, generic};
use spikemesh::mapper::map;
use spikemesh::network::parse_network;
use spikemesh::run::{RecordRequest, Recorder, Runner, Stimulus};
use spikemesh_router::Level;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const TRUE_NORTH: &str = "format = \"spikemesh-network-1\"\nname = \"record\"\n\
    [[population]]\nname = \"a b\"\nsize = 5\nmodel = \"truenorth\"\nregisters = { threshold = 9, leak = 2, mask = 3 }\n\
    [[population]]\nname = \"a-b\"\nsize = 2\nmodel = \"truenorth\"\nregisters = { threshold = 9, leak = 3 }\n";

/// Values of an array in row-major order, and its columns.
fn array(path: &str) -> (Vec<i64>, u64) {
    let bytes = std::fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    let columns = file.shape()[1];
    (file.into_vec().unwrap(), columns)
}

#[test]
fn arrays_have_files_of_their_own_and_a_column_a_neuron() {
    let folder = Folder::new();
    folder.write("network.toml", TRUE_NORTH);
    let run = |record: &str, code: i32, out: &str| {
        let text = format!(
            "[network]\nfile = \"network.toml\"\n[chip]\npreset = \"generic-28nm\"\nneurons_per_core = 3\n\
             [stimulus]\nkind = \"none\"\n[run]\nticks = 6\n{record}"
        );
        let config = folder.write("run.toml", text);
        expect(&["run", &config, "--out", &folder.path(out)], code).1
    };
    let record = |name: &str, variable: &str| {
        format!("[[record]]\npopulation = \"{name}\"\nvariables = [\"{variable}\"]\n")
    };
    // The generator is one of a core: neurons 0 to 2 share one, 3 and 4 another.
    run(&record("a b", "lfsr"), 0, "lfsr");
    let (values, columns) = array(&folder.path("lfsr/a-b.lfsr.npy"));
    assert_eq!((values.len(), columns), (30, 5));
    assert!(values.chunks(5).all(|row| row[0] == row[1] && row[1] == row[2] && row[3] == row[4]));
    assert!(values[0] != values[3], "{values:?}");
    let said = run(&(record("a b", "V") + &record("a-b", "V")), 3, "two");
    assert!(said.contains("`a-b.V` and `a b.V` would both be written to a-b.V.npy"), "{said}");
    let said = run(&(record("a-b", "V") + &record("a-b", "V")), 3, "twice");
    assert!(said.contains("`a-b.V` is asked for twice"), "{said}");
    let nothing = "[[record]]\npopulation = \"a b\"\nvariables = []\n";
    let said = run(nothing, 3, "nothing");
    assert!(said.contains("`variables` names nothing to record"), "{said}");
}

#[test]
fn an_interrupted_sample_leaves_the_ticks_that_were_run() {
    let folder = Folder::new();
    let network = parse_network("test", TRUE_NORTH, Path::new(".")).unwrap();
    let image = map(&network, &generic(4, 4, 1), &capped(3)).unwrap().image;
    let request = |population: &str| RecordRequest {
        population: population.into(),
        variables: vec!["V".into()],
        neurons: Vec::new(),
    };
    let recorder = Recorder::create(&folder.0, &image, &[request("a b")], false).unwrap();
    let stop = AtomicBool::new(false);
    let runner = Runner {
        threads: 1,
        level: Level::Analytic,
        reference: None,
        trace: None,
        recorder: Some(recorder),
        stop: &stop,
        progress: &|_, _| {},
    };
    let stimulus =
        Stimulus::load(&spikemesh::run::StimulusConfig::Silent { samples: 1 }, &network, 100, 1).unwrap();
    let mut ticks = 0;
    let recording = runner
        .run_observed(&image, &stimulus, &mut |_, _| {
            ticks += 1;
            stop.store(ticks == 7, Ordering::Relaxed);
        })
        .unwrap();
    assert!(recording.interrupted() && recording.counters.ticks == 7);
    assert_eq!(array(&folder.path("a-b.V.npy")).0.len(), 7 * 5);
}
