//! Arrays and spike trains from CSV, NPZ and IDX files.

use crate::error::{Error, Problem, all_well};
use crate::npz::{Array, fault, read_npz};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Faults of a file are listed up to this many.
const MOST_FAULTS: usize = 20;
/// Samples of one file; more is surely a mistake in it.
const MOST_SAMPLES: u64 = 1 << 24;

/// An IDX file of bytes, gzipped or not.
pub(super) fn read_idx(path: &Path) -> Result<Array, Error> {
    let raw = std::fs::read(path).map_err(|e| Error::file(path, "read", &e))?;
    let mut bytes = Vec::new();
    if raw.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&raw[..])
            .read_to_end(&mut bytes)
            .map_err(|e| fault(path, format!("the gzip stream is broken: {e}"), "copy the file again"))?;
    } else {
        bytes = raw;
    }
    let hint = "wanted an IDX file of bytes, as MNIST comes in";
    if bytes.len() < 4
        || bytes[..3] != [0, 0, 8]
        || bytes[3] == 0
        || bytes.len() < 4 + 4 * usize::from(bytes[3])
    {
        return Err(fault(path, "this is not an IDX file of bytes", hint));
    }
    let dimensions = usize::from(bytes[3]);
    let number = |i: usize| {
        let at = 4 + 4 * i;
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
    };
    let shape: Vec<usize> = (0..dimensions).map(number).collect();
    let wanted = shape.iter().try_fold(1usize, |product, d| product.checked_mul(*d));
    let body = &bytes[4 + 4 * dimensions..];
    if wanted != Some(body.len()) {
        let what = format!("its header says {shape:?}, its content has {} bytes", body.len());
        return Err(fault(path, what, "the file may be truncated; copy it again"));
    }
    Ok(Array { shape, values: body.iter().map(|&b| i64::from(b)).collect() })
}

/// Spike trains by sample, and labels.
type Trains = (Vec<Vec<(u64, u32)>>, Vec<u32>);

/// A CSV table with the columns `tick,input` or `sample,tick,input` and a header line.
pub(super) fn csv(path: &Path, inputs: u32, ticks: u32) -> Result<Trains, Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e))?;
    // Spreadsheets put a byte order mark in front.
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header: Vec<&str> =
        lines.next().map_or(Vec::new(), |(_, line)| line.split(',').map(str::trim).collect());
    let with_sample = match header[..] {
        ["tick", "input"] => false,
        ["sample", "tick", "input"] => true,
        _ => {
            let what = format!("the first line is `{}`", header.join(","));
            return Err(fault(path, what, "wanted `tick,input` or `sample,tick,input`"));
        }
    };
    let mut spikes = Spikes::new(inputs, ticks);
    for (number, line) in lines {
        let place = format!("{}:{}", path.display(), number + 1);
        let fields: Vec<_> = line.split(',').map(|field| field.trim().parse::<i64>()).collect();
        match (with_sample, &fields[..]) {
            (false, [Ok(tick), Ok(input)]) => spikes.push(0, *tick, *input, || place),
            (true, [Ok(sample), Ok(tick), Ok(input)]) => spikes.push(*sample, *tick, *input, || place),
            _ => spikes.complain(place, format!("`{line}` is not {} whole numbers", header.len())),
        }
    }
    spikes.finish(path, 1).map(|trains| (trains, Vec::new()))
}

/// Arrays `tick`, `input` and perhaps `sample`, all of one length; perhaps `label`, one a sample.
pub(super) fn npz(path: &Path, inputs: u32, ticks: u32) -> Result<Trains, Error> {
    let arrays = read_npz(path, &["tick", "input", "sample", "label"])?;
    let get = |name: &str| arrays.get(name).map(|array| &array.values[..]);
    let (Some(tick), Some(input)) = (get("tick"), get("input")) else {
        return Err(fault(path, "wanted the arrays `tick` and `input`", "write them with numpy.savez"));
    };
    let sample = get("sample");
    if tick.len() != input.len() || sample.is_some_and(|s| s.len() != tick.len()) {
        return Err(fault(path, "the arrays `tick`, `input` and `sample` differ in length", ""));
    }
    let labels = get("label").unwrap_or_default().iter().map(|&l| u32::try_from(l));
    let labels: Vec<u32> =
        labels.collect::<Result<_, _>>().map_err(|_| fault(path, "a label is negative or too large", ""))?;
    let mut spikes = Spikes::new(inputs, ticks);
    for i in 0..tick.len() {
        let place = || format!("{}, entry {i}", path.display());
        spikes.push(sample.map_or(0, |s| s[i]), tick[i], input[i], place);
    }
    let trains = spikes.finish(path, labels.len().max(1))?;
    if !labels.is_empty() && labels.len() != trains.len() {
        let what = format!("{} labels for {} samples", labels.len(), trains.len());
        return Err(fault(path, what, "give one label a sample, or none"));
    }
    Ok((trains, labels))
}

/// Collects spikes and what is wrong with them.
struct Spikes {
    inputs: u32,
    ticks: u32,
    by_sample: BTreeMap<u64, Vec<(u64, u32)>>,
    problems: Vec<Problem>,
}

impl Spikes {
    fn new(inputs: u32, ticks: u32) -> Self {
        Self { inputs, ticks, by_sample: BTreeMap::new(), problems: Vec::new() }
    }

    fn complain(&mut self, place: String, what: String) {
        if self.problems.len() < MOST_FAULTS {
            self.problems.push(Problem::new(place, what, ""));
        }
    }

    fn push(&mut self, sample: i64, tick: i64, input: i64, place: impl FnOnce() -> String) {
        let checks = [
            ("sample", sample, MOST_SAMPLES),
            ("tick", tick, u64::from(self.ticks)),
            ("input", input, u64::from(self.inputs)),
        ];
        let bad = checks.into_iter().find(|(_, value, limit)| *value < 0 || *value as u64 >= *limit);
        match bad {
            Some((name, value, limit)) => {
                self.complain(
                    place(),
                    format!("{name} {value} is out of range; wanted 0 to {}", limit.saturating_sub(1)),
                );
            }
            None => self.by_sample.entry(sample as u64).or_default().push((tick as u64, input as u32)),
        }
    }

    fn finish(mut self, path: &Path, least_samples: usize) -> Result<Vec<Vec<(u64, u32)>>, Error> {
        let count = self.by_sample.keys().next_back().map_or(0, |last| *last as usize + 1).max(least_samples);
        if count > least_samples.max(1024 + 16 * self.by_sample.len()) {
            let what = format!(
                "samples are numbered up to {}, but only {} have spikes",
                count - 1,
                self.by_sample.len()
            );
            self.complain(path.display().to_string(), what);
        }
        all_well(std::mem::take(&mut self.problems))?;
        let mut trains = vec![Vec::new(); count];
        for (sample, mut train) in self.by_sample {
            train.sort_unstable();
            train.dedup();
            trains[sample as usize] = train;
        }
        Ok(trains)
    }
}
