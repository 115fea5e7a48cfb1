//! What tests share: folders, the program, and short ways through the library.

use spikemesh::chip::ChipSpec;
use spikemesh::config::RunConfig;
use spikemesh::mapper::{MapOptions, Mapping, map};
use spikemesh::network::{
    Conventions, Integrator, Network, NetworkBuilder, NeuronParameters, Oracle, Parameter, Reset,
};
use spikemesh::run::{Recording, Runner, Stimulus};
use spikemesh_router::Level;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A new empty folder, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("spikemesh-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the program from the repository's root.
pub(crate) fn spikemesh(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spikemesh")).args(arguments).current_dir(root()).output().unwrap()
}

/// Runs the program and checks its exit code; returns (stdout, stderr).
pub(crate) fn expect(arguments: &[&str], code: i32) -> (String, String) {
    let output = spikemesh(arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    assert!(!err.contains("panicked"), "{arguments:?}\n{err}");
    (out, err)
}

/// The text of the digits configuration with absolute paths, so that it can be changed and read from anywhere.
pub(crate) fn digits_text() -> String {
    let folder = root().join("examples/digits");
    let text = std::fs::read_to_string(folder.join("run.toml")).unwrap();
    text.replace("\"digits.nir\"", &format!("{:?}", folder.join("digits.nir")))
        .replace("\"digits.npz\"", &format!("{:?}", folder.join("digits.npz")))
}

/// A configuration from text.
pub(crate) fn config(text: &str) -> RunConfig {
    RunConfig::parse("test", text, Path::new("."), "test").unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[cfg(feature = "nir")]
pub(crate) fn load_nir(config: &RunConfig) -> Network {
    let spikemesh::config::NetworkSource::Nir(path) = &config.network else { panic!("a NIR network") };
    spikemesh::network::import::read_nir(path, config.conventions).unwrap()
}

/// Maps and runs; `samples` bounds them.
pub(crate) fn run_network(
    network: &Network,
    config: &RunConfig,
    threads: usize,
    samples: Option<usize>,
) -> (Mapping, Recording) {
    let mapping = map(network, &config.chip, &config.map).unwrap_or_else(|e| panic!("{e}"));
    let stimulus =
        Stimulus::load(&config.stimulus, network, config.ticks, config.seed).unwrap().limited(samples);
    let oracle = config.reference.then(|| Oracle::new(network));
    let recording = run_image(&mapping, &stimulus, config.level, threads, oracle.as_ref());
    (mapping, recording)
}

pub(crate) fn run_image(
    mapping: &Mapping,
    stimulus: &Stimulus,
    level: Level,
    threads: usize,
    reference: Option<&Oracle>,
) -> Recording {
    let stop = AtomicBool::new(false);
    Runner { threads, level, reference, trace: None, recorder: None, stop: &stop, progress: &|_, _| {} }
        .run(&mapping.image, stimulus)
        .unwrap()
}

pub(crate) const EULER: Conventions =
    Conventions { dt_s: 1e-3, reset: Reset::Zero, integrator: Integrator::Euler };

/// LIF neurons with the threshold 1 whose weights are jumps of the potential.
pub(crate) fn lif(size: u32, tau_s: f64) -> NeuronParameters {
    NeuronParameters {
        tau_mem_s: Some(Parameter::Uniform(tau_s)),
        tau_syn_s: None,
        r: Parameter::Uniform(tau_s / EULER.dt_s),
        w_in: Parameter::Uniform(1.0),
        v_leak: Parameter::Uniform(0.0),
        v_threshold: Some(Parameter::Uniform(1.0)),
        v_reset: Parameter::Uniform(0.0),
        bias: vec![0.0; size as usize],
    }
}

/// A builder with the usual conventions.
pub(crate) fn builder() -> NetworkBuilder {
    NetworkBuilder::new("test", EULER)
}

/// The generic chip with a mesh of its own.
pub(crate) fn generic(width: u16, height: u16, cores_per_router: u16) -> ChipSpec {
    let mut spec = ChipSpec::preset("generic-28nm").unwrap();
    (spec.width, spec.height, spec.cores_per_router) = (width, height, cores_per_router);
    spec
}

pub(crate) fn capped(neurons_per_core: u32) -> MapOptions {
    MapOptions { neurons_per_core: Some(neurons_per_core), ..MapOptions::default() }
}

/// The folder of larger data, if there is one; else says that the test is skipped.
pub(crate) fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SPIKEMESH_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("SKIPPED {test}: SPIKEMESH_DATA is not set");
    }
    folder
}

/// Settings for property tests of so many cases.
pub(crate) fn cases(cases: u32) -> proptest::prelude::ProptestConfig {
    proptest::prelude::ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

/// Compares digests with the pinned ones of that name; with `BLESS` set, pins them.
pub(crate) fn check_pinned(name: &str, digest: &str, spike_digest: &str) {
    static FILE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = FILE.lock().unwrap();
    let path = root().join("tests/data/pinned.json");
    let mut pinned: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let got = serde_json::json!({ "digest": digest, "spike_digest": spike_digest });
    if std::env::var_os("BLESS").is_some() {
        pinned[name] = got.clone();
        std::fs::write(&path, serde_json::to_string_pretty(&pinned).unwrap() + "\n").unwrap();
    }
    assert_eq!(got, pinned[name], "{name}: the head of determinism.rs says when these may change");
}
