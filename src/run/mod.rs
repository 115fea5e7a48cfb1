//! Running a mapped network: samples in, a recording out.
//!
//! What must come before what (s: sample, t: tick):
//!
//! | step | needs |
//! |---|---|
//! | S(s, t, block): step the cores of a block | X(s, t - 1) |
//! | X(s, t): exchange spikes of all blocks | S(s, t, every block) |
//! | R(s): reset, then the next sample | X(s, last) |
//! | M(s): merge results of a sample | its last X, and M(s - 1) |
//!
//! Samples do not depend on each other (unless synapses learn: then they come in order), so they may run at once on copies of the chip; within a sample, blocks may step
//! at once. Both give the same bytes as one thread: merging is in the order of samples, and nothing else is shared.

mod record;
mod recording;
mod sample;
mod stimulus;
mod threaded;
mod toggles;
mod trace;
mod trace_reader;

pub use record::{RecordRequest, Recorder};
pub use recording::{LearnedWeight, Recording, SampleResult};
pub use sample::RASTER_MOST;
pub use stimulus::{Coding, SampleSelection, SpikeTrain, Stimulus, StimulusConfig};
pub use threaded::in_parallel;
pub use toggles::{Toggles, WORD_BITS, toggles};
pub use trace::{RECORD_BYTES, TRACE_MAGIC, TRACE_VERSION, TraceWriter, append_record};
pub use trace_reader::{TraceHeader, TraceReader, TraceRecord};

use crate::chip::{Chip, ChipImage, TickSpikes};
use crate::error::{Error, ErrorKind};
use crate::network::Oracle;
use spikemesh_router::Level;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs samples on a mapped chip, in ticks that end at a barrier.
pub struct Runner<'a> {
    /// Threads, at least 1; results do not depend on it.
    pub threads: usize,
    /// Network level.
    pub level: Level,
    /// The f64 reference to run beside the chip.
    pub reference: Option<&'a Oracle>,
    /// Where packets are written.
    pub trace: Option<TraceWriter>,
    /// Where variables, spikes and overflows are recorded.
    pub recorder: Option<Recorder>,
    /// Set by the user to end the run after the samples under way.
    pub stop: &'a AtomicBool,
    /// Called with the number of finished samples and ticks, for a progress bar.
    pub progress: &'a (dyn Fn(usize, u64) + Sync),
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("threads", &self.threads)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// Is shown the chip and its spikes after every tick, in order.
pub type Observer<'o> = dyn FnMut(&Chip, &TickSpikes) + 'o;

impl Runner<'_> {
    /// Runs all samples of `stimulus` on the chip of `image`.
    ///
    /// # Errors
    /// The image cannot be loaded or the trace cannot be written. An interrupted run is no error: its recording holds
    /// the samples that ended.
    pub fn run(self, image: &ChipImage, stimulus: &Stimulus) -> Result<Recording, Error> {
        if stimulus.is_empty() {
            let hint = "check `limit` and `samples`";
            return Err(Error::one(ErrorKind::Invalid, "stimulus", "there is no sample to run", hint));
        }
        let chip = Chip::load(image, self.level)?;
        let _span = tracing::info_span!("run", samples = stimulus.len(), threads = self.threads).entered();
        // What is learned in one sample is there in the next, so samples of a chip that learns come one after the other.
        let learns = image.cores.iter().any(|core| !core.config.plastic.is_empty());
        if self.threads <= 1 || stimulus.len() == 1 || learns {
            threaded::within_samples(image, chip, stimulus, self, &mut |_, _| {})
        } else {
            threaded::across_samples(image, chip, stimulus, self)
        }
    }

    /// As [`Runner::run`], and shows every tick to `observe`; samples come one after the other.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_observed(
        self,
        image: &ChipImage,
        stimulus: &Stimulus,
        observe: &mut Observer<'_>,
    ) -> Result<Recording, Error> {
        let chip = Chip::load(image, self.level)?;
        threaded::within_samples(image, chip, stimulus, self, observe)
    }
}

fn stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}
