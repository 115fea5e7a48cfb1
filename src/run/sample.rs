//! One sample on one chip, and the merging of samples in their order.

use super::record::{Probe, Recorder, append_overflows};
use super::recording::{Digests, Recording, SampleResult, append_spike, first_largest};
use super::trace::{TraceWriter, append_record};
use super::{Stimulus, stopped};
use crate::chip::{Chip, ChipCounters, ChipImage, LostCopy, Readout, TickSpikes};
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::network::{Oracle, OracleResult, OracleSample};
use std::sync::atomic::AtomicBool;

/// Spikes kept for the raster, and neurons it shows at the most.
pub const RASTER_MOST: usize = 20_000;
const RASTER_NEURONS: u32 = 1_000;

/// One neuron in so many is in the raster.
fn raster_stride(image: &ChipImage) -> u32 {
    image.network.populations.iter().map(|p| p.size).sum::<u32>().div_ceil(RASTER_NEURONS).max(1)
}

/// What all samples have in common.
pub(super) struct Setting<'a> {
    pub(super) image: &'a ChipImage,
    pub(super) stimulus: &'a Stimulus,
    pub(super) reference: Option<&'a Oracle>,
    pub(super) keep_records: bool,
    pub(super) probes: &'a [Probe],
    pub(super) list_overflows: bool,
    pub(super) stop: &'a AtomicBool,
    pub(super) progress: &'a (dyn Fn(usize, u64) + Sync),
}

/// What a sample leaves until it is merged.
pub(super) struct Finished {
    result: SampleResult,
    population_spikes: Vec<u64>,
    reference_spikes: Option<Vec<u64>>,
    raster: Vec<(u32, u32)>,
    state: Digest,
}

/// What a sample leaves while it runs, as bytes for the digest and for files.
#[derive(Default)]
pub(super) struct Stream {
    /// Spikes for the digest.
    spikes: Vec<u8>,
    /// Packets for the trace.
    packets: Vec<u8>,
    /// Values for each recorded array.
    values: Vec<Vec<u8>>,
    /// Lines of the table of overflows.
    overflows: Vec<u8>,
}

impl Stream {
    fn new(probes: usize) -> Self {
        Self { values: vec![Vec::new(); probes], ..Self::default() }
    }

    fn len(&self) -> usize {
        let values: usize = self.values.iter().map(Vec::len).sum();
        self.spikes.len() + self.packets.len() + values + self.overflows.len()
    }

    /// Takes what another stream of the same sample holds, leaving it empty.
    pub(super) fn take(&mut self, other: &mut Self) {
        self.spikes.append(&mut other.spikes);
        self.packets.append(&mut other.packets);
        self.values.resize(other.values.len(), Vec::new());
        self.values.iter_mut().zip(&mut other.values).for_each(|(mine, theirs)| mine.append(theirs));
        self.overflows.append(&mut other.overflows);
    }
}

/// Takes what a sample leaves as it comes.
pub(super) type Drain<'d> = dyn FnMut(&mut Stream) -> Result<(), Error> + 'd;

/// Makes a whole tick of a chip: (chip, input indices that spike, whether packets are kept, results).
pub(super) type Tick<'t> = dyn FnMut(&mut Chip, &[u32], bool, &mut TickSpikes) + 't;

/// Runs one sample on a chip at rest and leaves it at rest; `None` if it is the only one and the user stopped it. `tick` makes a
/// whole tick of the chip; `drain` is called at least every few thousand spikes.
pub(super) fn run_sample(
    setting: &Setting<'_>,
    chip: &mut Chip,
    sample: usize,
    tick: &mut Tick<'_>,
    drain: &mut Drain<'_>,
) -> Result<Option<Finished>, Error> {
    chip.begin(sample as u64);
    let network = &setting.image.network;
    let ticks = setting.stimulus.ticks();
    let mut train = setting.stimulus.train(sample);
    let mut reference = setting.reference.map(Oracle::start);
    // Of several samples those under way are finished, so that counts and results belong together; a single one
    // may be too long for that.
    let may_be_cut = setting.stimulus.len() == 1;
    let mut spikes = TickSpikes::default();
    let mut stream = Stream::new(setting.probes.len());
    let mut outputs = vec![0i64; network.outputs.len()];
    let mut counts = vec![0u64; network.populations.len()];
    let mut raster = Vec::new();
    let stride = raster_stride(setting.image);
    for t in 0..ticks {
        if may_be_cut && stopped(setting.stop) {
            // What is recorded so far belongs to the ticks that are counted.
            drain(&mut stream)?;
            return Ok(None);
        }
        let inputs = train.tick(t);
        if let Some(reference) = &mut reference {
            reference.tick(inputs);
        }
        tick(chip, inputs, setting.keep_records, &mut spikes);
        // Spikes ascend by neuron and so do populations.
        let mut population = 0;
        for &(neuron, payload) in &spikes.spikes {
            append_spike(&mut stream.spikes, sample as u32, u64::from(t), neuron, payload);
            while neuron - network.populations[population].first >= network.populations[population].size {
                population += 1;
            }
            counts[population] += 1;
            if sample == 0 && neuron % stride == 0 && raster.len() < RASTER_MOST {
                raster.push((t, neuron));
            }
        }
        spikes.outputs.iter().for_each(|&output| outputs[output as usize] += 1);
        for packet in chip.interface().records() {
            append_record(&mut stream.packets, sample as u32, u64::from(t), 0, packet);
        }
        for (probe, values) in setting.probes.iter().zip(&mut stream.values) {
            probe.sample(chip, sample as u32, t, &spikes.spikes, values);
        }
        if setting.list_overflows {
            chip.take_overflows(|core, list| {
                append_overflows(&mut stream.overflows, setting.image, (sample as u32, t, core), list);
            });
        }
        if stream.len() > DRAIN_BYTES {
            drain(&mut stream)?;
        }
        if t % 1024 == 1023 {
            (setting.progress)(0, 1024);
        }
    }
    drain(&mut stream)?;
    (setting.progress)(1, u64::from(ticks) % 1024);
    if network.readout == Readout::ProbedMembrane {
        for ((value, neuron), rest) in outputs.iter_mut().zip(&network.outputs).zip(&network.output_rests) {
            *value = chip.membrane(*neuron).unwrap_or(0) + rest;
        }
    }
    let mut state = Hasher::default();
    let mut words = Vec::new();
    chip.state_words(&mut words);
    state.words(&words);
    chip.reset();
    let reference = reference.map(OracleSample::finish);
    let reference_answer = |r: &OracleResult| match network.readout {
        Readout::SpikeCount => first_largest(&r.output_spikes),
        Readout::ProbedMembrane => first_largest(&r.output_membranes),
    };
    Ok(Some(Finished {
        result: SampleResult {
            label: setting.stimulus.label(sample),
            answer: first_largest(&outputs),
            reference: reference.as_ref().and_then(reference_answer),
            outputs,
        },
        population_spikes: counts,
        reference_spikes: reference.map(|r| {
            let sum = |p: &crate::chip::PopulationEntry| {
                r.spikes[p.first as usize..(p.first + p.size) as usize].iter().sum()
            };
            network.populations.iter().map(sum).collect()
        }),
        raster,
        state: state.finish(),
    }))
}

/// Bytes of spikes and packets a sample may hold back before it drains them.
const DRAIN_BYTES: usize = 1 << 18;

/// Merges samples, which must come in order.
pub(super) struct Merger {
    digests: Digests,
    samples: Vec<SampleResult>,
    population_spikes: Vec<u64>,
    reference_spikes: Option<Vec<u64>>,
    raster: Vec<(u32, u32)>,
    raster_stride: u32,
    trace: Option<TraceWriter>,
    recorder: Option<Recorder>,
}

impl Merger {
    pub(super) fn new(
        image: &ChipImage,
        reference: bool,
        trace: Option<TraceWriter>,
        recorder: Option<Recorder>,
    ) -> Self {
        let populations = image.network.populations.len();
        Self {
            digests: Digests::default(),
            samples: Vec::new(),
            population_spikes: vec![0; populations],
            reference_spikes: reference.then(|| vec![0; populations]),
            raster: Vec::new(),
            raster_stride: raster_stride(image),
            trace,
            recorder,
        }
    }

    /// Takes what the sample under way has left so far.
    pub(super) fn drain(&mut self, stream: &mut Stream) -> Result<(), Error> {
        self.digests.spikes(&stream.spikes);
        stream.spikes.clear();
        if let Some(trace) = &mut self.trace {
            trace.write(&stream.packets)?;
        }
        stream.packets.clear();
        match &mut self.recorder {
            Some(recorder) => recorder.write(&mut stream.values, &mut stream.overflows),
            None => Ok(()),
        }
    }

    pub(super) fn sample(&mut self, finished: Finished) {
        self.samples.push(finished.result);
        let add = |mine: &mut Vec<u64>, theirs: &[u64]| mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        add(&mut self.population_spikes, &finished.population_spikes);
        if let (Some(mine), Some(theirs)) = (&mut self.reference_spikes, &finished.reference_spikes) {
            add(mine, theirs);
        }
        if self.samples.len() == 1 {
            self.raster = finished.raster;
        }
        self.digests.state(finished.state);
    }

    /// Ends the merging; `lost` are the copies the chip can never deliver.
    pub(super) fn finish(
        self,
        counters: ChipCounters,
        lost: Vec<LostCopy>,
        stimulus: &Stimulus,
    ) -> Result<Recording, Error> {
        let (spike_digest, digest) = self.digests.finish(&counters);
        Ok(Recording {
            counters,
            samples: self.samples,
            population_spikes: self.population_spikes,
            reference_spikes: self.reference_spikes,
            raster: self.raster,
            raster_stride: self.raster_stride,
            spike_digest,
            digest,
            samples_asked: stimulus.len(),
            ticks_per_sample: stimulus.ticks(),
            lost,
            learned: Vec::new(),
            trace_records: self.trace.map(TraceWriter::finish).transpose()?,
            recorded: self.recorder.map(Recorder::finish).transpose()?.unwrap_or_default(),
        })
    }
}
