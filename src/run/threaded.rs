//! The only file that spawns threads: samples at once on copies of the chip, blocks of cores at once within one, or jobs
//! that have nothing to do with each other.

use super::record::{Probe, Recorder};
use super::recording::{LearnedWeight, Recording};
use super::sample::{Finished, Merger, Setting, Stream, Tick, run_sample};
use super::{Observer, Runner, Stimulus, stopped};
use crate::chip::{Chip, ChipCounters, ChipImage, CoreBlock};
use crate::error::Error;
use crossbeam::channel;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

fn setting<'a>(
    image: &'a ChipImage,
    stimulus: &'a Stimulus,
    runner: &Runner<'a>,
    probes: &'a [Probe],
) -> Setting<'a> {
    Setting {
        probes,
        list_overflows: runner.recorder.as_ref().is_some_and(Recorder::lists_overflows),
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
    observe: &mut Observer<'_>,
) -> Result<Recording, Error> {
    let probes = runner.recorder.as_ref().map(|recorder| recorder.probes().to_vec()).unwrap_or_default();
    let setting = setting(image, stimulus, &runner, &probes);
    chip.list_overflows(setting.list_overflows);
    let mut merger = Merger::new(image, runner.reference.is_some(), runner.trace, runner.recorder);
    let mut run_all = |tick: &mut Tick<'_>| -> Result<(), Error> {
        for sample in 0..stimulus.len() {
            if stopped(runner.stop) {
                break;
            }
            match run_sample(&setting, &mut chip, sample, tick, &mut |stream| merger.drain(stream))? {
                Some(finished) => merger.sample(finished),
                None => break,
            }
        }
        Ok(())
    };
    if runner.threads <= 1 {
        run_all(&mut |chip, inputs, keep, out| {
            chip.tick(inputs, keep, out);
            observe(chip, out);
        })?;
    } else {
        // A worker hands back its block, or the panic it met: nothing may wait for ever.
        let (jobs, job) = channel::unbounded::<(usize, CoreBlock)>();
        let (results, result) = channel::unbounded::<(usize, std::thread::Result<CoreBlock>)>();
        crossbeam::thread::scope(|scope| {
            for _ in 1..runner.threads {
                let (job, results) = (job.clone(), results.clone());
                scope.spawn(move |_| {
                    for (index, block) in job {
                        if results.send((index, stepped(block))).is_err() {
                            return;
                        }
                    }
                });
            }
            // The workers end when the last sender of jobs is dropped, at the end of this closure.
            let jobs = jobs;
            run_all(&mut |chip, inputs, keep, out| {
                chip.begin_tick(inputs);
                let blocks = chip.blocks_mut();
                let count = blocks.len();
                for job in blocks.drain(..).enumerate() {
                    jobs.send(job).expect("invariant: this thread holds a receiver");
                }
                // This thread works too, then waits for what others took.
                let mut back = Vec::with_capacity(count);
                while let Ok((index, block)) = job.try_recv() {
                    back.push((index, stepped(block)));
                }
                back.extend(result.iter().take(count - back.len()));
                back.sort_unstable_by_key(|(index, _)| *index);
                blocks.extend(
                    back.into_iter().map(|(_, block)| block.unwrap_or_else(|panic| resume_unwind(panic))),
                );
                chip.exchange(inputs, keep, out);
                observe(chip, out);
            })
        })
        .expect("invariant: workers do not panic")?;
    }
    let mut recording = merger.finish(chip.counters(), chip.interface().lost_copies().to_vec(), stimulus)?;
    recording.learned = learned(image, &chip);
    Ok(recording)
}

/// Plastic synapses as they stand, by source and target.
fn learned(image: &ChipImage, chip: &Chip) -> Vec<LearnedWeight> {
    let mut all = Vec::new();
    for (core, projection, weights) in chip.learned_weights() {
        let rows = &image.cores[core].config.plastic[projection];
        for (axon, &source) in rows.sources.iter().enumerate() {
            all.extend(rows.range(axon).map(|i| LearnedWeight {
                source,
                target: rows.neurons[rows.targets[i] as usize],
                initial: rows.weights[i],
                learned: weights[i],
            }));
        }
    }
    all.sort_unstable();
    all
}

/// The block after a step, or the panic it met.
fn stepped(mut block: CoreBlock) -> std::thread::Result<CoreBlock> {
    catch_unwind(AssertUnwindSafe(move || {
        block.step();
        block
    }))
}

/// Does jobs `0..count` on so many threads, each started in order, and hands each result to `take` in this thread as soon as it is
/// there, in any order. A job that answers `None` was interrupted; no job starts after that, nor after an error of `take`.
///
/// # Errors
/// The first error of `take`.
pub fn in_parallel<T: Send, E>(
    threads: usize,
    count: usize,
    job: impl Fn(usize) -> Option<T> + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let (give, given) = channel::bounded::<usize>(0);
    let (results, result) = channel::unbounded::<(usize, std::thread::Result<Option<T>>)>();
    let job = &job;
    crossbeam::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            let (given, results) = (given.clone(), results.clone());
            scope.spawn(move |_| {
                for index in given {
                    let outcome = catch_unwind(AssertUnwindSafe(|| job(index)));
                    if results.send((index, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((given, results));
        let (mut next, mut done, mut give) = (0, 0, Some(give));
        let mut taken = Ok(());
        while done < next || (next < count && give.is_some()) {
            let arrived = match &give {
                Some(open) if next < count => channel::select! {
                    send(open, next) -> sent => {
                        sent.expect("invariant: workers take jobs until there are no more");
                        next += 1;
                        continue;
                    }
                    recv(result) -> arrived => arrived,
                },
                _ => {
                    give = None; // The workers end when they are done.
                    result.recv()
                }
            };
            let (index, outcome) = arrived.expect("invariant: a job that was given out comes back");
            done += 1;
            match outcome {
                Err(panic) => resume_unwind(panic),
                Ok(None) => give = None,
                Ok(Some(value)) => {
                    if taken.is_ok() {
                        taken = take(index, value);
                    }
                    if taken.is_err() {
                        give = None;
                    }
                }
            }
        }
        drop(give);
        taken
    })
    .expect("invariant: workers do not panic")
}

/// What a worker hands back for a sample.
struct Parcel {
    sample: usize,
    /// What came of it, or the panic it met: nothing may wait for ever.
    outcome: std::thread::Result<Option<Finished>>,
    stream: Stream,
}

/// Samples at once, each worker on its own copy of the chip; merged in the order of samples.
pub(super) fn across_samples(
    image: &ChipImage,
    mut chip: Chip,
    stimulus: &Stimulus,
    runner: Runner<'_>,
) -> Result<Recording, Error> {
    let probes = runner.recorder.as_ref().map(|recorder| recorder.probes().to_vec()).unwrap_or_default();
    let setting = setting(image, stimulus, &runner, &probes);
    chip.list_overflows(setting.list_overflows);
    let mut merger = Merger::new(image, runner.reference.is_some(), runner.trace, runner.recorder);
    let workers = runner.threads.min(stimulus.len());
    let (parcels, parcel) = channel::unbounded::<Parcel>();
    // Samples are given out only so far ahead of the merging: results that wait for their turn stay few.
    let ahead = 2 * workers;
    let (give, given) = channel::unbounded::<usize>();
    let setting = &setting;
    let lost = chip.interface().lost_copies().to_vec();
    let (merged, counters) = crossbeam::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                let (mut chip, parcels, given) = (chip.clone(), parcels.clone(), given.clone());
                scope.spawn(move |_| {
                    for sample in given {
                        let mut stream = Stream::default();
                        let outcome = catch_unwind(AssertUnwindSafe(|| {
                            run_sample(
                                setting,
                                &mut chip,
                                sample,
                                &mut |chip, inputs, keep, out| chip.tick(inputs, keep, out),
                                &mut |part| {
                                    stream.take(part);
                                    Ok(())
                                },
                            )
                            .expect("invariant: nothing is written here")
                        }));
                        if parcels.send(Parcel { sample, outcome, stream }).is_err() {
                            break;
                        }
                    }
                    chip.counters()
                })
            })
            .collect();
        drop((parcels, given));
        let mut waiting: BTreeMap<usize, Parcel> = BTreeMap::new();
        let mut merged = Ok(());
        let (mut due, mut next) = (0, 0);
        let mut give = Some(give);
        loop {
            // No sample is given out after an interrupt or a failure; those under way are still taken.
            while next < stimulus.len() && next < due + ahead && !stopped(setting.stop) {
                if let Some(give) = &give {
                    give.send(next).expect("invariant: workers take samples until there are no more");
                }
                next += 1;
            }
            if due == next {
                break;
            }
            if next == stimulus.len() || stopped(setting.stop) {
                give = None;
            }
            let Ok(arrived) = parcel.recv() else { break };
            if let Err(panic) = arrived.outcome {
                resume_unwind(panic); // The workers end, because nothing more is given out.
            }
            waiting.insert(arrived.sample, arrived);
            while let Some(mut parcel) = waiting.remove(&due) {
                due += 1;
                if let (Ok(Some(finished)), Ok(())) = (parcel.outcome, &merged) {
                    merged = merger.drain(&mut parcel.stream);
                    merger.sample(finished);
                }
            }
            if merged.is_err() {
                break;
            }
        }
        drop(give);
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

#[cfg(test)]
mod tests {
    use super::in_parallel;

    #[test]
    fn every_job_is_done_once_and_an_error_or_interrupt_ends_it() {
        for threads in [1, 3, 50] {
            let mut done = [0; 20];
            let ok: Result<(), ()> = in_parallel(
                threads,
                20,
                |i| Some(i * i),
                |i, square| {
                    assert_eq!(square, i * i);
                    done[i] += 1;
                    Ok(())
                },
            );
            assert!(ok.is_ok() && done.iter().all(|&n| n == 1));
            let mut seen = 0;
            let interrupted: Result<(), ()> = in_parallel(
                threads,
                1000,
                |i| (i < 5).then_some(i),
                |_, _| {
                    seen += 1;
                    Ok(())
                },
            );
            assert!(interrupted.is_ok() && seen <= 5);
            let failed = in_parallel(threads, 1000, Some, |i, _| if i == 3 { Err(i) } else { Ok(()) });
            assert_eq!(failed, Err(3));
        }
        assert_eq!(in_parallel(2, 0, Some, |_, _: usize| Err(())), Ok(()));
    }
}
