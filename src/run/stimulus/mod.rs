//! What drives a chip: samples of input spikes, made one at a time.

mod files;
mod images;

pub use images::Coding;

use crate::error::{Error, ErrorKind, Problem};
use crate::network::Network;
use images::Images;
use spikemesh_cores::random;
use std::path::PathBuf;

/// Purpose word of the counter-based draws made here.
const DRAW_POISSON: u32 = 3;

/// Which samples of a data set are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleSelection {
    /// All of them.
    All,
    /// Those of an index array in the NPZ file.
    Index(String),
}

/// What drives the inputs, as configured.
#[derive(Clone, Debug, PartialEq)]
pub enum StimulusConfig {
    /// Images of an NPZ file (arrays `images`, `labels`) or of a pair of IDX files.
    Images {
        /// The NPZ file or IDX images (also gzipped).
        images: PathBuf,
        /// IDX labels.
        labels: Option<PathBuf>,
        /// Pixel value of full scale.
        full_scale: u32,
        /// Coding.
        coding: Coding,
        /// Which.
        samples: SampleSelection,
        /// At most so many.
        limit: Option<usize>,
    },
    /// A CSV table `tick,input` or `sample,tick,input`.
    Csv(PathBuf),
    /// An NPZ file with arrays `tick` and `input`, and optionally `sample` and `label`.
    Npz(PathBuf),
    /// No input spikes, for networks that their biases drive.
    Silent {
        /// Number of samples.
        samples: usize,
    },
    /// Every input fires with a chance of num/den in each tick, drawn from the seed.
    Poisson {
        /// Numerator.
        num: u64,
        /// Denominator.
        den: u64,
        /// Number of samples.
        samples: usize,
    },
}

#[derive(Clone, Debug)]
enum Source {
    Images(Images),
    /// Trains of each sample as (tick, input), ascending.
    Trains(Vec<Vec<(u64, u32)>>),
    Poisson {
        num: u64,
        den: u64,
        samples: usize,
        seed: u64,
    },
}

/// Samples, ready to be made.
#[derive(Clone, Debug)]
pub struct Stimulus {
    source: Source,
    labels: Vec<u32>,
    inputs: u32,
    ticks: u32,
    limit: usize,
}

impl Stimulus {
    /// Loads what `config` names and checks it against the network's inputs and outputs.
    ///
    /// # Errors
    /// A file that cannot be read, or everything in it that does not fit the network.
    pub fn load(config: &StimulusConfig, network: &Network, ticks: u32, seed: u64) -> Result<Self, Error> {
        let inputs = network.input_count();
        let (source, labels, place) = match config {
            StimulusConfig::Images { images, labels, full_scale, coding, samples, limit } => {
                let loaded = Images::load(images, labels.as_deref(), *full_scale, *coding, samples, *limit)?;
                if loaded.pixels() != inputs as usize {
                    return Err(Error::one(
                        ErrorKind::Invalid,
                        images.display().to_string(),
                        format!("an image has {} pixels; the network has {inputs} inputs", loaded.pixels()),
                        "use images of the size the network was trained on",
                    ));
                }
                let labels = loaded.labels().to_vec();
                (Source::Images(loaded), labels, images.display().to_string())
            }
            StimulusConfig::Csv(path) => {
                let (trains, labels) = files::csv(path, inputs, ticks)?;
                (Source::Trains(trains), labels, path.display().to_string())
            }
            StimulusConfig::Npz(path) => {
                let (trains, labels) = files::npz(path, inputs, ticks)?;
                (Source::Trains(trains), labels, path.display().to_string())
            }
            StimulusConfig::Silent { samples } => {
                (Source::Trains(vec![Vec::new(); *samples]), Vec::new(), "stimulus".to_owned())
            }
            StimulusConfig::Poisson { num, den, samples } => {
                let source = Source::Poisson { num: *num, den: *den, samples: *samples, seed };
                (source, Vec::new(), "stimulus".to_owned())
            }
        };
        let outputs = network.output_neurons().len() as u32;
        if let Some(at) = labels.iter().position(|label| *label >= outputs) {
            let what = format!("sample {at} has label {}; the network has {outputs} outputs", labels[at]);
            return Err(Error::invalid(vec![Problem::new(place, what, "labels count from 0")]));
        }
        Ok(Self { source, labels, inputs, ticks, limit: usize::MAX })
    }

    /// One sample of `ticks` ticks from its input spikes as (tick, input), ascending; later ones are left out.
    pub fn from_train(train: Vec<(u64, u32)>, inputs: u32, ticks: u32) -> Self {
        Self { source: Source::Trains(vec![train]), labels: Vec::new(), inputs, ticks, limit: usize::MAX }
    }

    /// What is allowed but surely not meant, in words.
    pub fn warnings(&self) -> Vec<String> {
        match &self.source {
            Source::Images(images) => images.warnings(self.ticks),
            Source::Trains(_) | Source::Poisson { .. } => Vec::new(),
        }
    }

    /// The first `limit` samples only.
    pub fn limited(self, limit: Option<usize>) -> Self {
        Self { limit: limit.unwrap_or(usize::MAX), ..self }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        let all = match &self.source {
            Source::Images(images) => images.len(),
            Source::Trains(trains) => trains.len(),
            Source::Poisson { samples, .. } => *samples,
        };
        all.min(self.limit)
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The right answer of a sample, where it is known.
    pub fn label(&self, sample: usize) -> Option<u32> {
        self.labels.get(sample).copied()
    }

    /// Ticks of each sample.
    pub fn ticks(&self) -> u32 {
        self.ticks
    }

    /// The input spikes of one sample, made as they are asked for.
    pub fn train(&self, sample: usize) -> SpikeTrain<'_> {
        SpikeTrain { stimulus: self, sample, chunk: Vec::new(), start: 0 }
    }

    /// Input spikes of the ticks from `start` on, `chunk.len()` of them.
    fn fill(&self, sample: usize, start: u32, chunk: &mut [Vec<u32>]) {
        let end = u64::from(start) + chunk.len() as u64;
        match &self.source {
            Source::Images(images) => images.encode(sample, u64::from(start), chunk),
            Source::Trains(trains) => {
                let train = &trains[sample];
                let first = train.partition_point(|&(tick, _)| tick < u64::from(start));
                for &(tick, input) in train[first..].iter().take_while(|&&(tick, _)| tick < end) {
                    chunk[(tick - u64::from(start)) as usize].push(input);
                }
            }
            Source::Poisson { num, den, seed, .. } => {
                for (tick, spikes) in (u64::from(start)..end).zip(chunk) {
                    let when = sample as u64 * u64::from(self.ticks) + tick;
                    spikes.extend((0..self.inputs).filter(|&input| {
                        random::chance(random::bits(*seed, u64::from(input), when, DRAW_POISSON), *num, *den)
                    }));
                }
            }
        }
    }
}

/// Ticks made at once: long runs must not be held in memory before they start.
const CHUNK_TICKS: u32 = 64;

/// The input spikes of a sample.
#[derive(Clone, Debug)]
pub struct SpikeTrain<'a> {
    stimulus: &'a Stimulus,
    sample: usize,
    chunk: Vec<Vec<u32>>,
    start: u32,
}

impl SpikeTrain<'_> {
    /// Input indices that spike in a tick, ascending; ticks must be asked for in ascending order.
    pub fn tick(&mut self, tick: u32) -> &[u32] {
        if tick >= self.start + self.chunk.len() as u32 {
            self.start = tick;
            let ticks = CHUNK_TICKS.min(self.stimulus.ticks.saturating_sub(tick)).max(1);
            self.chunk.iter_mut().for_each(Vec::clear);
            self.chunk.resize(ticks as usize, Vec::new());
            self.stimulus.fill(self.sample, tick, &mut self.chunk);
        }
        &self.chunk[(tick - self.start) as usize]
    }
}
