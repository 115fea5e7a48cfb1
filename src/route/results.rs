//! Results and the file they are kept in: a line for the sweep, then a line a point.
//!
//! A point is appended when it is there, so nothing that was computed is lost; when all are there the file is written anew in
//! the order of points. It then depends on the settings alone: not on threads, sittings or shards.

use super::settings::{PointKey, RESULTS_VERSION, Settings};
use crate::error::{Error, ErrorKind, Problem};
use serde::{Deserialize, Serialize};
use spikemesh_router::measure::Measurement;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What became of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its numbers.
    Measured(Box<Measurement>),
    /// It cannot be measured, and why.
    Failed(String),
}

/// A point that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Its place among the points of the sweep.
    pub point: usize,
    /// Sum of all that shapes it.
    pub digest: String,
    /// What it is.
    #[serde(flatten)]
    pub key: PointKey,
    /// What became of it.
    pub outcome: Outcome,
}

impl Finished {
    pub(super) fn new(point: usize, settings: &Settings, key: &PointKey, outcome: Outcome) -> Self {
        Self { point, digest: settings.point_digest(key).to_string(), key: key.clone(), outcome }
    }

    /// Its numbers, if it could be measured.
    pub fn measurement(&self) -> Option<&Measurement> {
        match &self.outcome {
            Outcome::Measured(found) => Some(found),
            Outcome::Failed(_) => None,
        }
    }

    fn line(&self) -> String {
        serde_json::to_string(self).expect("invariant: a point is valid JSON") + "\n"
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    spikemesh_route: u32,
    digest: String,
    points: usize,
    settings: Settings,
}

fn header_line(settings: &Settings) -> String {
    let header = Header {
        spikemesh_route: RESULTS_VERSION,
        digest: settings.digest().to_string(),
        points: settings.points().len(),
        settings: settings.clone(),
    };
    serde_json::to_string(&header).expect("invariant: settings are valid JSON") + "\n"
}

/// A sweep and its points as far as they are done.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    settings: Settings,
    points: Vec<PointKey>,
    finished: BTreeMap<usize, Finished>,
}

impl Results {
    /// None are done.
    pub fn new(settings: Settings) -> Self {
        Self { points: settings.points(), settings, finished: BTreeMap::new() }
    }

    /// What shapes the numbers.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All points of the sweep, done or not.
    pub fn points(&self) -> &[PointKey] {
        &self.points
    }

    /// Those that are done, ascending.
    pub fn finished(&self) -> impl Iterator<Item = &Finished> {
        self.finished.values()
    }

    /// A point, if it is done.
    pub fn get(&self, point: usize) -> Option<&Finished> {
        self.finished.get(&point)
    }

    /// Adds a point.
    pub fn insert(&mut self, finished: Finished) {
        self.finished.insert(finished.point, finished);
    }

    /// Points that are not done.
    pub fn missing(&self) -> usize {
        self.points.len() - self.finished.len()
    }

    /// The results file of these results.
    pub fn text(&self) -> String {
        let points = self.finished.values().map(Finished::line);
        std::iter::once(header_line(&self.settings)).chain(points).collect()
    }

    /// Points of another file that are points of this sweep, wherever they stand there.
    fn adopt(&mut self, others: Vec<Finished>) {
        let digests: BTreeMap<String, usize> = self
            .points
            .iter()
            .enumerate()
            .map(|(i, key)| (self.settings.point_digest(key).to_string(), i))
            .collect();
        for finished in others {
            if let Some(&point) = digests.get(&finished.digest) {
                self.insert(Finished { point, ..finished });
            }
        }
    }
}

fn read(path: &Path) -> Result<(Settings, Vec<Finished>), Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e))?;
    let bad = |line: usize, what: String| {
        let place = format!("{}, line {line}", path.display());
        Error::one(
            ErrorKind::Invalid,
            place,
            what,
            "it is no results file of this program, or it was changed by hand",
        )
    };
    // A last line without its end was being written when the program was stopped.
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let mut lines = whole.lines().enumerate();
    let Some((_, first)) = lines.next() else { return Err(bad(1, "there is no whole line".into())) };
    #[derive(Deserialize)]
    struct Version {
        spikemesh_route: u32,
    }
    let version =
        serde_json::from_str::<Version>(first).map_err(|e| bad(1, format!("no results of a sweep: {e}")))?;
    if version.spikemesh_route != RESULTS_VERSION {
        let what =
            format!("version {} of results; this program reads {RESULTS_VERSION}", version.spikemesh_route);
        return Err(bad(1, what));
    }
    let header = serde_json::from_str::<Header>(first).map_err(|e| bad(1, format!("damaged settings: {e}")))?;
    if header.settings.digest().to_string() != header.digest {
        return Err(bad(1, "the settings do not have the digest that is given".into()));
    }
    let count = header.settings.points().len();
    let mut finished = Vec::new();
    for (i, line) in lines {
        let one =
            serde_json::from_str::<Finished>(line).map_err(|e| bad(i + 1, format!("damaged point: {e}")))?;
        if one.point >= count || header.settings.point_digest(&one.key).to_string() != one.digest {
            return Err(bad(i + 1, "a point that is none of the sweep's".into()));
        }
        finished.push(one);
    }
    Ok((header.settings, finished))
}

/// Puts files of one sweep together, such as those of its shards.
///
/// # Errors
/// A file cannot be read, belongs to another sweep, or tells something else of a point than another.
pub fn merge(paths: &[PathBuf]) -> Result<Results, Error> {
    let mut merged: Option<Results> = None;
    let mut problems = Vec::new();
    for path in paths {
        let (settings, finished) = read(path)?;
        let results = merged.get_or_insert_with(|| Results::new(settings.clone()));
        if *results.settings() != settings {
            let hint = "merge files of shards of one sweep: the same options but for --shard";
            problems.push(Problem::new(
                path.display().to_string(),
                "it is of another sweep than the first file",
                hint,
            ));
            continue;
        }
        for one in finished {
            if let Some(other) = results.get(one.point).filter(|other| **other != one) {
                let what = format!("point {} differs from that of another file", other.point);
                problems.push(Problem::new(path.display().to_string(), what, "measure it anew"));
            }
            results.insert(one);
        }
    }
    match merged {
        Some(results) if problems.is_empty() => Ok(results),
        Some(_) => Err(Error::invalid(problems)),
        None => Err(Error::one(ErrorKind::Usage, "--merge", "no file is named", "--merge a.jsonl b.jsonl")),
    }
}

/// A results file being written.
#[derive(Debug)]
pub struct ResultsFile {
    path: PathBuf,
    file: std::fs::File,
}

impl ResultsFile {
    /// Starts a file; with `resume`, what is there and belongs to the sweep is kept and put into `results`.
    ///
    /// # Errors
    /// The file cannot be written, or what is there is no results file.
    pub fn start(path: &Path, resume: bool, results: &mut Results) -> Result<Self, Error> {
        if resume && path.exists() {
            let (_, finished) = read(path)?;
            results.adopt(finished);
        }
        Self::write_whole(path, results)?;
        let opened = std::fs::OpenOptions::new().append(true).open(path);
        let file = opened.map_err(|e| Error::file(path, "write", &e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a point.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, finished: &Finished) -> Result<(), Error> {
        self.file.write_all(finished.line().as_bytes()).map_err(|e| Error::file(&self.path, "write", &e))
    }

    /// Ends the file: points in order.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self, results: &Results) -> Result<(), Error> {
        Self::write_whole(&self.path, results)
    }

    /// Writes all of it beside, then in its place, so that there is a whole file at any time.
    fn write_whole(path: &Path, results: &Results) -> Result<(), Error> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let beside = path.with_file_name(name);
        std::fs::write(&beside, results.text()).map_err(|e| Error::file(&beside, "write", &e))?;
        std::fs::rename(&beside, path).map_err(|e| Error::file(path, "write", &e))
    }
}
