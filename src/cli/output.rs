//! Folders for reports, and what is written into them; shared by the verbs that run something.

use super::print;
use crate::error::{Error, ErrorKind, Problem};
use crate::report::{Report, cores_csv, json, learned_csv, links_csv, page, summary};
use std::path::{Path, PathBuf};

/// Arguments of the verbs that run something.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArguments {
    /// Threads; results do not depend on it [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder for the report and all other results [default: runs/<name>-<n>]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Write into an --out folder, or over a file named, that is there already
    #[arg(long)]
    pub(super) force: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl OutputArguments {
    /// Number of threads.
    pub(super) fn threads(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(processors, usize::from)
    }
}

/// A folder for the report that nobody else writes to.
pub(super) struct OutputFolder {
    pub(super) path: PathBuf,
    is_new: bool,
}

impl OutputFolder {
    /// Makes what the user names, or the first free `runs/<name>-<n>`.
    pub(super) fn make(arguments: &OutputArguments, name: &str) -> Result<Self, Error> {
        if let Some(out) = &arguments.out {
            refuse_existing(&[("the folder for the report", Some(out))], arguments.force)?;
            let is_new = !out.exists();
            std::fs::create_dir_all(out).map_err(|e| Error::file(out, "make", &e))?;
            return Ok(Self { path: out.to_owned(), is_new });
        }
        // A name is a name, not a path.
        let name: String =
            name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        let runs = Path::new("runs");
        std::fs::create_dir_all(runs).map_err(|e| Error::file(runs, "make", &e))?;
        let mut n = 1u32;
        loop {
            let path = runs.join(format!("{name}-{n}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, is_new: true }),
                // Another run may have taken the number between a look and a step.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => n += 1,
                Err(e) => return Err(Error::file(&path, "make", &e)),
            }
        }
    }

    /// Takes back a new folder that is still empty, as after a failure.
    pub(super) fn take_back(&self) {
        if self.is_new {
            // A folder with something in it stays, and that is right.
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

/// What is there already is written over only if the user says so; asked before any work is done. `named` are the paths
/// the user gave, with what they are for.
pub(super) fn refuse_existing(named: &[(&str, Option<&Path>)], force: bool) -> Result<(), Error> {
    let there = named.iter().filter_map(|(what, path)| path.filter(|p| p.exists()).map(|p| (what, p)));
    let problems: Vec<_> = there
        .filter(|_| !force)
        .map(|(what, path)| {
            let hint = "name another one, or add --force to write over it";
            Problem::new(path.display().to_string(), format!("{what} is there already"), hint)
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Error { kind: ErrorKind::Usage, problems }) }
}

/// Writes the report's files and prints it, as text or as JSON.
pub(super) fn print_report(report: &Report<'_>, out: &Path, as_json: bool) -> Result<(), Error> {
    let object = serde_json::to_string_pretty(&json(report)).expect("invariant: a report is valid JSON") + "\n";
    write_all(out, report, &object)?;
    if as_json {
        return print(&object);
    }
    print(&summary(report))?;
    print(&format!("{:<13} {}\n", "report", out.join("report.html").display()))
}

fn write_all(out: &Path, report: &Report<'_>, object: &str) -> Result<(), Error> {
    let files = [
        ("summary.json", object.to_owned()),
        ("links.csv", links_csv(report)),
        ("cores.csv", cores_csv(report)),
        ("report.html", page(report)),
    ];
    let learned = learned_csv(report);
    let learned = learned.into_iter().map(|text| ("weights.csv", text));
    for (name, text) in files.into_iter().chain(learned) {
        let path = out.join(name);
        std::fs::write(&path, text).map_err(|e| Error::file(&path, "write", &e))?;
    }
    Ok(())
}
