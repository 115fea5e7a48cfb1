//! Recording of what neurons do: state variables tick by tick, spikes one by one, overflows one by one.
//!
//! A recorded variable is a NumPy array of its own, `<population>.<variable>.npy`, one row a tick (samples one after the
//! other), one column a neuron, in the population's order. Spikes are `<population>.spikes.npy` with rows (sample, tick,
//! neuron of the population, payload). Overflows are a table `overflows.csv`. Values are those at the end of the tick.

use crate::chip::{Chip, ChipImage};
use crate::error::{Error, Problem, all_well, nearest};
use spikemesh_cores::{Overflow, OverflowKind};
use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

/// What to record of a population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRequest {
    /// Population.
    pub population: String,
    /// Variables of its model, or `spikes`.
    pub variables: Vec<String>,
    /// Which of its neurons; all if empty.
    pub neurons: Vec<u32>,
}

/// Name of the variable that stands for spikes.
const SPIKES: &str = "spikes";
/// Bytes of an array's header, padded so that its shape can be written at the end.
const HEADER_BYTES: usize = 128;

/// One array in the making.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    name: String,
    kind: ProbeKind,
}

#[derive(Clone, Debug)]
enum ProbeKind {
    /// (index of the core in use, variable of its model, neurons there), in the population's order.
    Variable { segments: Vec<(usize, usize, Vec<u32>)>, columns: usize },
    /// Network numbers of the neurons and their places in the population.
    Spikes(BTreeMap<u32, u32>),
}

impl Probe {
    /// The probes that requests ask for.
    ///
    /// # Errors
    /// Every population, variable or neuron that is not there.
    pub(super) fn resolve(image: &ChipImage, requests: &[RecordRequest]) -> Result<Vec<Probe>, Error> {
        let mut places = BTreeMap::new();
        for (core, entry) in image.cores.iter().enumerate() {
            places.extend(entry.config.neurons.iter().enumerate().map(|(i, n)| (*n, (core, i as u32))));
        }
        let (mut probes, mut problems) = (Vec::new(), Vec::new());
        for request in requests {
            let place = format!("record `{}`", request.population);
            let population = image.network.populations.iter().find(|p| p.name == request.population);
            let Some(population) = population else {
                let names = image.network.populations.iter().map(|p| p.name.as_str());
                let hint = nearest(&request.population, names).map(|near| format!("did you mean `{near}`?"));
                problems.push(Problem::new(place, "there is no such population", hint.unwrap_or_default()));
                continue;
            };
            if let Some(bad) = request.neurons.iter().find(|n| **n >= population.size) {
                let what = format!("neuron {bad} of {}", population.size);
                problems.push(Problem::new(place, what, "neurons count from 0"));
                continue;
            }
            let all: Vec<u32> = (0..population.size).collect();
            let neurons = if request.neurons.is_empty() { &all } else { &request.neurons };
            for variable in &request.variables {
                let name = format!("{}.{variable}", request.population);
                if variable == SPIKES {
                    let numbers = neurons.iter().map(|n| (population.first + n, *n)).collect();
                    probes.push(Probe { name, kind: ProbeKind::Spikes(numbers) });
                    continue;
                }
                let mut segments: Vec<(usize, usize, Vec<u32>)> = Vec::new();
                let mut unknown = population.is_input.then(|| SPIKES.to_owned());
                for &neuron in neurons.iter().filter(|_| !population.is_input) {
                    let Some(&(core, local)) = places.get(&(population.first + neuron)) else {
                        unknown = Some(format!("{SPIKES} alone: neuron {neuron} is on no core"));
                        break;
                    };
                    let variables = image.cores[core].config.parameters.model().info().variables;
                    let Some(at) = variables.iter().position(|v| v == variable) else {
                        unknown = Some(format!("{}, {SPIKES}", variables.join(", ")));
                        break;
                    };
                    match segments.last_mut() {
                        Some((last, _, locals)) if *last == core => locals.push(local),
                        _ => segments.push((core, at, vec![local])),
                    }
                }
                match unknown {
                    Some(known) => {
                        let what = format!("there is no variable `{variable}`");
                        problems.push(Problem::new(&place, what, format!("there are {known}")));
                    }
                    None => probes
                        .push(Probe { name, kind: ProbeKind::Variable { segments, columns: neurons.len() } }),
                }
            }
        }
        // Two arrays cannot share a file.
        let mut files: BTreeMap<String, &str> = BTreeMap::new();
        for probe in &probes {
            let file = probe.file_name();
            if let Some(other) = files.insert(file.clone(), &probe.name) {
                let (what, hint) = if other == probe.name {
                    ("is asked for twice".to_owned(), "name each variable of a population once")
                } else {
                    (format!("and `{other}` would both be written to {file}"), "rename one of the populations")
                };
                problems.push(Problem::new("record", format!("`{}` {what}", probe.name), hint));
            }
        }
        all_well(problems)?;
        Ok(probes)
    }

    /// Appends what the tick left.
    pub(super) fn sample(&self, chip: &Chip, sample: u32, tick: u32, spikes: &[(u32, i32)], out: &mut Vec<u8>) {
        match &self.kind {
            ProbeKind::Variable { segments, .. } => {
                for (core, variable, locals) in segments {
                    let state = chip.state(*core);
                    let values = &state[*variable];
                    // A variable of the whole core (TrueNorth's `lfsr`) has one value, which all its neurons show.
                    let last = values.len().saturating_sub(1);
                    let at = |local: &u32| values.at((*local as usize).min(last));
                    out.extend(locals.iter().flat_map(|local| at(local).to_le_bytes()));
                }
            }
            ProbeKind::Spikes(numbers) => {
                for (neuron, payload) in spikes {
                    if let Some(&local) = numbers.get(neuron) {
                        for word in [sample as i64, tick.into(), local.into(), (*payload).into()] {
                            out.extend_from_slice(&word.to_le_bytes());
                        }
                    }
                }
            }
        }
    }

    /// Name of the array's file: a name is a name, not a path.
    fn file_name(&self) -> String {
        let safe = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        format!("{}.npy", self.name.chars().map(safe).collect::<String>())
    }

    fn columns(&self) -> usize {
        match &self.kind {
            ProbeKind::Variable { columns, .. } => *columns,
            ProbeKind::Spikes(_) => 4,
        }
    }
}

/// One file being written.
#[derive(Debug)]
struct Array {
    path: PathBuf,
    file: std::io::BufWriter<std::fs::File>,
    columns: usize,
    bytes: u64,
}

impl Array {
    fn create(folder: &Path, probe: &Probe) -> Result<Self, Error> {
        let path = folder.join(probe.file_name());
        let failed = |e: std::io::Error| Error::file(&path, "write", &e);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(failed)?);
        file.write_all(&header(0, probe.columns())).map_err(failed)?;
        Ok(Self { file, columns: probe.columns(), bytes: 0, path })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| Error::file(&self.path, "write", &e))
    }

    fn finish(mut self) -> Result<PathBuf, Error> {
        let rows = self.bytes / (8 * self.columns.max(1) as u64);
        let patched = self.file.seek(std::io::SeekFrom::Start(0)).and_then(|_| {
            self.file.write_all(&header(rows, self.columns))?;
            self.file.flush()
        });
        patched.map_err(|e| Error::file(&self.path, "write", &e))?;
        Ok(self.path)
    }
}

/// The header of a NumPy array of 64-bit whole numbers, version 1.0.
fn header(rows: u64, columns: usize) -> [u8; HEADER_BYTES] {
    let text = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut bytes = [b' '; HEADER_BYTES];
    bytes[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
    bytes[8..10].copy_from_slice(&((HEADER_BYTES - 10) as u16).to_le_bytes());
    bytes[10..10 + text.len()].copy_from_slice(text.as_bytes());
    bytes[HEADER_BYTES - 1] = b'\n';
    bytes
}

/// Where recordings of a run go.
#[derive(Debug)]
pub struct Recorder {
    probes: Vec<Probe>,
    arrays: Vec<Array>,
    overflows: Option<(PathBuf, std::io::BufWriter<std::fs::File>)>,
}

impl Recorder {
    /// Starts the files in `folder`; with `overflows` the table of overflows too.
    ///
    /// # Errors
    /// Everything asked for that is not there, or a file that cannot be written.
    pub fn create(
        folder: &Path,
        image: &ChipImage,
        requests: &[RecordRequest],
        overflows: bool,
    ) -> Result<Self, Error> {
        let probes = Probe::resolve(image, requests)?;
        let arrays: Result<Vec<_>, _> = probes.iter().map(|probe| Array::create(folder, probe)).collect();
        let table = overflows.then(|| -> Result<_, Error> {
            let path = folder.join("overflows.csv");
            let failed = |e: std::io::Error| Error::file(&path, "write", &e);
            let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(failed)?);
            file.write_all(b"sample,tick,core,neuron,axon,what\n").map_err(failed)?;
            Ok((path, file))
        });
        Ok(Self { probes, arrays: arrays?, overflows: table.transpose()? })
    }

    pub(super) fn probes(&self) -> &[Probe] {
        &self.probes
    }

    pub(super) fn lists_overflows(&self) -> bool {
        self.overflows.is_some()
    }

    /// Takes what samples left, which must come in order.
    pub(super) fn write(&mut self, values: &mut [Vec<u8>], overflows: &mut Vec<u8>) -> Result<(), Error> {
        for (array, bytes) in self.arrays.iter_mut().zip(values) {
            array.write(bytes)?;
            bytes.clear();
        }
        if let Some((path, file)) = &mut self.overflows {
            file.write_all(overflows).map_err(|e| Error::file(path, "write", &e))?;
        }
        overflows.clear();
        Ok(())
    }

    /// Ends the files; their paths.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(self) -> Result<Vec<PathBuf>, Error> {
        let mut paths = Vec::new();
        for array in self.arrays {
            paths.push(array.finish()?);
        }
        if let Some((path, mut file)) = self.overflows {
            file.flush().map_err(|e| Error::file(&path, "write", &e))?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// Appends the overflows of a core in one tick as lines of the table.
pub(super) fn append_overflows(
    out: &mut Vec<u8>,
    image: &ChipImage,
    (sample, tick, core): (u32, u32, usize),
    list: &[Overflow],
) {
    let entry = &image.cores[core];
    for overflow in list {
        let at_axon = matches!(overflow.kind, OverflowKind::Merged | OverflowKind::Dropped);
        let neuron = if at_axon {
            String::new()
        } else {
            entry.config.neurons.get(overflow.index as usize).map(u32::to_string).unwrap_or_default()
        };
        let axon = if at_axon { overflow.index.to_string() } else { String::new() };
        // Writing to memory cannot fail.
        let _ = writeln!(out, "{sample},{tick},{},{neuron},{axon},{}", entry.core, overflow.kind.name());
    }
}
