//! The configuration of a run: one TOML file that names the network, the chip, the stimulus and the samples.

mod places;

use crate::chip::{ChipSpec, MOST_CORES};
use crate::error::Error;
use crate::mapper::{Effort, MapOptions, Placement, Search, placers};
use crate::network::{Conventions, Integrator, RandomNetwork, Reset};
use crate::run::{Coding, RecordRequest, SampleSelection, StimulusConfig};
use crate::toml_reader::{Document, Table};
use spikemesh_router::Level;
use std::path::{Path, PathBuf};

/// Where the network comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkSource {
    /// A NIR file.
    Nir(PathBuf),
    /// A network file of our own format.
    File(PathBuf),
    /// A generated one.
    Random(RandomNetwork),
}

/// Everything a run needs.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// Name, for the default output folder.
    pub name: String,
    /// The network.
    pub network: NetworkSource,
    /// dt, reset, integrator.
    pub conventions: Conventions,
    /// The chip, with the changes the configuration makes to a preset.
    pub chip: ChipSpec,
    /// Mapping options.
    pub map: MapOptions,
    /// What drives it.
    pub stimulus: StimulusConfig,
    /// Ticks a sample.
    pub ticks: u32,
    /// Seed of random stimuli.
    pub seed: u64,
    /// Network level.
    pub level: Level,
    /// Whether the f64 reference runs beside the chip.
    pub reference: bool,
    /// What is recorded of populations.
    pub record: Vec<RecordRequest>,
    /// Folder that the path of a price table is taken from: that of the file which names it.
    pub prices_folder: PathBuf,
}

impl RunConfig {
    /// Reads the configuration at `path`; paths in it are taken from its folder.
    ///
    /// # Errors
    /// The file cannot be read, or everything wrong in it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let stem = path.parent().and_then(Path::file_name).or(path.file_stem());
        let default_name = stem.map_or_else(|| "run".into(), |s| s.to_string_lossy().into_owned());
        Self::parse(&path.display().to_string(), &text, folder, &default_name)
    }

    /// Reads a configuration from text.
    ///
    /// # Errors
    /// Everything wrong in it.
    pub fn parse(file: &str, text: &str, folder: &Path, default_name: &str) -> Result<Self, Error> {
        let document = Document::parse(file, text)?;
        let config = {
            let root = document.root();
            let name = root.text("name").unwrap_or_else(|| default_name.to_owned());
            let network = read_network(&root.table("network"), folder);
            let given = matches!(network, Some(NetworkSource::File(_)));
            let conventions = read_conventions(&root.table("conventions"), given);
            let (chip, mut map, prices_folder) = read_chip(&root.table("chip"), folder);
            places::read_map(&root.table("map"), &mut map);
            let run = root.table("run");
            let ticks = run.required_whole("ticks", 1, 10_000_000) as u32;
            let seed = run.whole("seed", 0, i64::MAX).unwrap_or(1) as u64;
            let levels = Level::ALL.map(|level| (level.name(), level));
            let level = run.choice("level", &levels).unwrap_or(Level::Analytic);
            let reference = run.flag("reference").unwrap_or(false);
            let record = root.tables("record").iter().map(read_record).collect();
            let stimulus = read_stimulus(&root.table("stimulus"), folder);
            chip.zip(network).zip(stimulus).map(|((chip, network), stimulus)| Self {
                name,
                network,
                conventions,
                chip,
                map,
                stimulus,
                ticks,
                seed,
                level,
                reference,
                record,
                prices_folder,
            })
        };
        document.finish()?;
        config.ok_or_else(|| {
            Error::one(crate::ErrorKind::Bug, file, "an incomplete configuration was not reported", "")
        })
    }
}

fn read_network(table: &Table<'_>, folder: &Path) -> Option<NetworkSource> {
    let random = table.table("random");
    if random.is_present() {
        for key in ["nir", "file"].into_iter().filter(|key| table.has(key)) {
            table.problem(key, format!("both `{key}` and `random` are given"), "keep one");
        }
        let whole = |key, most| random.required_whole(key, 1, most) as u32;
        let spec = RandomNetwork {
            inputs: whole("inputs", 1 << 24),
            neurons: whole("neurons", 1 << 24),
            fan_in: whole("fan_in", 1 << 20),
            input_fan_in: whole("input_fan_in", 1 << 20),
            weight: random.required_positive("weight"),
            tau_ms: random.required_positive("tau_ms"),
            delay: random.whole("delay", 0, 63).unwrap_or(0) as u8,
            seed: random.whole("seed", 0, i64::MAX).unwrap_or(1) as u64,
        };
        return Some(NetworkSource::Random(spec));
    }
    if let Some(path) = table.text("file") {
        if table.has("nir") {
            table.problem("nir", "both `nir` and `file` are given", "keep one");
        }
        return Some(NetworkSource::File(folder.join(path)));
    }
    let wanted = "the path of a NIR file (or give `file`, a network file, or a table `network.random`)";
    let path = table.required_text("nir", wanted);
    Some(NetworkSource::Nir(folder.join(path)))
}

fn read_record(table: &Table<'_>) -> RecordRequest {
    let variables = table.texts("variables");
    let wrong = match &variables {
        None if !table.has("variables") => Some("the key `variables` is missing"),
        Some(names) if names.is_empty() => Some("`variables` names nothing to record"),
        _ => None,
    };
    if let Some(what) = wrong {
        table.problem("variables", what, "as in [\"v\", \"spikes\"]");
    }
    RecordRequest {
        population: table.required_text("population", "the name of a population"),
        variables: variables.unwrap_or_default(),
        neurons: table
            .whole_list("neurons", 0, u32::MAX.into())
            .unwrap_or_default()
            .into_iter()
            .map(|n| n as u32)
            .collect(),
    }
}

/// Conventions; a network file has its own, and none are wanted beside it.
fn read_conventions(table: &Table<'_>, given: bool) -> Conventions {
    if given {
        return Conventions { dt_s: 1e-3, reset: Reset::Zero, integrator: Integrator::Euler };
    }
    let resets = [("zero", Reset::Zero), ("subtract", Reset::Subtract)];
    let integrators = [("euler", Integrator::Euler), ("exponential", Integrator::Exponential)];
    Conventions {
        dt_s: read_dt_ms(table) / 1000.0,
        reset: table.required_choice("reset", &resets).unwrap_or(Reset::Zero),
        integrator: table.required_choice("integrator", &integrators).unwrap_or(Integrator::Euler),
    }
}

/// The length of a tick: a nanosecond to a thousand seconds.
fn read_dt_ms(table: &Table<'_>) -> f64 {
    let dt_ms = table.required_positive("dt_ms");
    if !(1e-6..=1e6).contains(&dt_ms) {
        table.problem(
            "dt_ms",
            format!("{dt_ms} is out of range"),
            "a number from 0.000001 to 1000000 (milliseconds)",
        );
    }
    dt_ms
}

fn read_chip(table: &Table<'_>, folder: &Path) -> (Option<ChipSpec>, MapOptions, PathBuf) {
    let efforts = Effort::NAMED;
    let seed = table.whole("map_seed", 0, i64::MAX).unwrap_or(1) as u64;
    let dead = table.whole_list("dead_cores", 0, MOST_CORES as i64 - 1).unwrap_or_default();
    let map = MapOptions {
        neurons_per_core: table.whole("neurons_per_core", 1, 1 << 17).map(|n| n as u32),
        placement: table.choice("placement", placers()).unwrap_or(Placement::Hilbert),
        dead_cores: dead.into_iter().map(|core| core as u32).collect(),
        search: table.choice("effort", &efforts).map(|effort| Search::new(effort, seed)),
        ..MapOptions::default()
    };
    // A chip file names its own prices, unless the configuration does.
    let own_folder = table.text("file").and_then(|file| folder.join(file).parent().map(Path::to_owned));
    let prices_folder = own_folder.filter(|_| !table.has("prices")).unwrap_or_else(|| folder.to_owned());
    let loaded = match (table.text("preset"), table.text("file")) {
        (Some(preset), None) => ChipSpec::preset(&preset),
        (None, Some(file)) => ChipSpec::load(&folder.join(file)),
        _ => {
            table.problem(
                "preset",
                "wanted either `preset` (a name) or `file` (a path)",
                "see `spikemesh preset list`",
            );
            return (None, map, PathBuf::new());
        }
    };
    let mut chip = match loaded {
        Ok(chip) => chip,
        Err(error) => {
            let key = if table.has("preset") { "preset" } else { "file" };
            error
                .problems
                .iter()
                .for_each(|p| table.problem(key, format!("{} ({})", p.what, p.place), p.hint.clone()));
            return (None, map, PathBuf::new());
        }
    };
    chip.apply(table);
    (Some(chip), map, prices_folder)
}

fn read_coding(table: &Table<'_>) -> Coding {
    let kinds = [("rate", true), ("latency", false)];
    if table.required_choice("coding", &kinds).unwrap_or(true) {
        let (num, den) = table.whole_pair("max_rate", 1, 1 << 20).unwrap_or((1, 1));
        if num > den {
            table.problem(
                "max_rate",
                format!("{num}/{den} spikes a tick is more than one"),
                "an input fires at most once a tick",
            );
        }
        Coding::Rate { num: num as u32, den: den as u32 }
    } else {
        Coding::Latency {
            window: table.required_whole("window", 1, 1 << 20) as u32,
            least: table.whole("least", 1, 1 << 20).unwrap_or(1) as u32,
        }
    }
}

fn read_stimulus(table: &Table<'_>, folder: &Path) -> Option<StimulusConfig> {
    let kinds = [("images", 0), ("csv", 1), ("npz", 2), ("poisson", 3), ("none", 4)];
    let kind = table.required_choice("kind", &kinds)?;
    // An environment variable may stand for the folder of data that the tree does not hold.
    let path = |key: &str| {
        let text = table.required_text(key, "a path");
        match text.strip_prefix("$SPIKEMESH_DATA/") {
            Some(rest) => match std::env::var_os("SPIKEMESH_DATA") {
                Some(data) => PathBuf::from(data).join(rest),
                None => {
                    table.problem(
                        key,
                        "the environment variable SPIKEMESH_DATA is not set",
                        "set it to the data folder",
                    );
                    PathBuf::new()
                }
            },
            None => folder.join(text),
        }
    };
    Some(match kind {
        0 => StimulusConfig::Images {
            images: path("images"),
            labels: table.has("labels").then(|| path("labels")),
            full_scale: table.required_whole("full_scale", 1, 65_535) as u32,
            coding: read_coding(table),
            samples: table.text("samples").map_or(SampleSelection::All, SampleSelection::Index),
            limit: table.whole("limit", 1, i64::from(i32::MAX)).map(|n| n as usize),
        },
        1 => StimulusConfig::Csv(path("file")),
        2 => StimulusConfig::Npz(path("file")),
        4 => StimulusConfig::Silent { samples: table.whole("samples", 1, 1 << 24).unwrap_or(1) as usize },
        _ => {
            let (num, den) = table.whole_pair("chance", 0, 1 << 40).unwrap_or((1, 10));
            if num > den || den == 0 {
                table.problem(
                    "chance",
                    format!("{num}/{den} is not a chance"),
                    "write [1, 20] for one in twenty",
                );
            }
            let samples = table.whole("samples", 1, 1 << 24).unwrap_or(1) as usize;
            StimulusConfig::Poisson { num: num as u64, den: den.max(1) as u64, samples }
        }
    })
}
