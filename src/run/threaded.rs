//! The only file that spawns threads: samples at once on copies of the chip, or blocks of cores at once within one.

use super::recording::Recording;
use super::sample::{Finished, Merger, Setting, Tick, run_sample};
use super::{Runner, Stimulus, stopped};
use crate::chip::{Chip, ChipCounters, ChipImage, CoreBlock};
use crate::error::Error;
use crossbeam::channel;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

fn setting<'a>(image: &'a ChipImage, stimulus: &'a Stimulus, runner: &Runner<'a>) -> Setting<'a> {
    Setting {
        image,
        stimulus,
        reference: runner.reference,
        keep_records: runner.trace.is_some(),
        stop: runner.stop,
        progress: runner.progress,
    }
}

/// One sample after the other; with more than one thread the blocks of a tick step at once.
pub(super) fn within_samples(
    image: &ChipImage,
    mut chip: Chip,
    stimulus: &Stimulus,
    runner: Runner<'_>,
) -> Result<Recording, Error> {
    let setting = setting(image, stimulus, &runner);
    let mut merger = Merger::new(image, runner.reference.is_some(), runner.trace);
    let mut run_all = |tick: &mut Tick<'_>| -> Result<(), Error> {
        for sample in 0..stimulus.len() {
            let drain = &mut |spikes: &mut Vec<u8>, packets: &mut Vec<u8>| merger.drain(spikes, packets);
            match run_sample(&setting, &mut chip, sample, tick, drain)? {
                Some(finished) => merger.sample(finished),
                None => break,
            }
        }
        Ok(())
    };
    if runner.threads <= 1 {
        run_all(&mut |chip, inputs, keep, out| chip.tick(inputs, keep, out))?;
    } else {
        let (jobs, job) = channel::unbounded::<(usize, CoreBlock)>();
        let (results, result) = channel::unbounded::<(usize, CoreBlock)>();
        crossbeam::thread::scope(|scope| {
            for _ in 1..runner.threads {
                let (job, results) = (job.clone(), results.clone());
                scope.spawn(move |_| {
                    for (index, mut block) in job {
                        block.step();
                        if results.send((index, block)).is_err() {
                            return;
                        }
                    }
                });
            }
            // The workers end when the last sender of jobs is dropped, at the end of this closure.
            let jobs = jobs;
            run_all(&mut |chip, inputs, keep, out| {
                let blocks = chip.blocks_mut();
                let count = blocks.len();
                for job in blocks.drain(..).enumerate() {
                    jobs.send(job).expect("invariant: this thread holds a receiver");
                }
                // This thread works too, then waits for what others took.
                while let Ok((index, mut block)) = job.try_recv() {
                    block.step();
                    results.send((index, block)).expect("invariant: this thread holds a receiver");
                }
                let mut back: Vec<_> = result.iter().take(count).collect();
                back.sort_unstable_by_key(|(index, _)| *index);
                blocks.extend(back.into_iter().map(|(_, block)| block));
                chip.exchange(inputs, keep, out);
            })
        })
        .expect("invariant: workers do not panic")?;
    }
    merger.finish(chip.counters(), chip.interface().lost_copies().to_vec(), stimulus)
}

/// What a worker hands back for a sample.
struct Parcel {
    sample: usize,
    finished: Option<Finished>,
    spikes: Vec<u8>,
    packets: Vec<u8>,
}

/// Samples at once, each worker on its own copy of the chip; merged in the order of samples.
pub(super) fn across_samples(
    image: &ChipImage,
    chip: Chip,
    stimulus: &Stimulus,
    runner: Runner<'_>,
) -> Result<Recording, Error> {
    let setting = setting(image, stimulus, &runner);
    let mut merger = Merger::new(image, runner.reference.is_some(), runner.trace);
    let next = AtomicUsize::new(0);
    let workers = runner.threads.min(stimulus.len());
    // A bounded queue keeps a fast worker from piling up results; every worker can always hand one over.
    let (parcels, parcel) = channel::bounded::<Parcel>(2 * workers);
    let (setting, next) = (&setting, &next);
    let lost = chip.interface().lost_copies().to_vec();
    let (merged, counters) = crossbeam::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                let (mut chip, parcels) = (chip.clone(), parcels.clone());
                scope.spawn(move |_| {
                    while !stopped(setting.stop) {
                        let sample = next.fetch_add(1, Ordering::Relaxed);
                        if sample >= setting.stimulus.len() {
                            break;
                        }
                        let (mut spikes, mut packets) = (Vec::new(), Vec::new());
                        let finished = run_sample(
                            setting,
                            &mut chip,
                            sample,
                            &mut |chip, inputs, keep, out| chip.tick(inputs, keep, out),
                            &mut |s, p| {
                                spikes.append(s);
                                packets.append(p);
                                Ok(())
                            },
                        )
                        .expect("invariant: nothing is written here");
                        if parcels.send(Parcel { sample, finished, spikes, packets }).is_err() {
                            break;
                        }
                    }
                    chip.counters()
                })
            })
            .collect();
        drop(parcels);
        let mut waiting: BTreeMap<usize, Parcel> = BTreeMap::new();
        let mut merged = Ok(());
        let mut due = 0;
        for arrived in parcel {
            waiting.insert(arrived.sample, arrived);
            while let Some(mut parcel) = waiting.remove(&due) {
                due += 1;
                if let (Some(finished), Ok(())) = (parcel.finished, &merged) {
                    merged = merger.drain(&mut parcel.spikes, &mut parcel.packets);
                    merger.sample(finished);
                }
            }
        }
        let mut counters = ChipCounters::default();
        for handle in handles {
            counters.merge(&handle.join().expect("invariant: workers do not panic"));
        }
        (merged, counters)
    })
    .expect("invariant: workers do not panic");
    merged?;
    merger.finish(counters, lost, stimulus)
}
