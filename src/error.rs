//! What went wrong, where, and what to do; and the exit code that says it to a script.

use std::fmt;

/// One thing wrong with what the user gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File, line, key, node or core: where it is.
    pub place: String,
    /// What was wanted and what was there.
    pub what: String,
    /// What to try; empty if that is plain from the rest.
    pub hint: String,
}

impl Problem {
    /// A problem in three parts.
    pub fn new(place: impl Into<String>, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  where: {}", self.what, self.place)?;
        if !self.hint.is_empty() {
            write!(f, "\n  try:   {}", self.hint)?;
        }
        Ok(())
    }
}

/// What kind of failure it is; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A bug of ours (exit code 1).
    Bug,
    /// The command line is wrong (2).
    Usage,
    /// A file's content is wrong or asks for what is not supported (3).
    Invalid,
    /// The network does not fit the chip (4).
    DoesNotFit,
    /// A file is absent, unreadable or cannot be written (7).
    File,
    /// The user stopped it (130).
    Interrupted,
}

/// Exit code of a run that ended but lost packets.
pub const EXIT_LOST_PACKETS: u8 = 5;

impl ErrorKind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Bug => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Invalid => 3,
            ErrorKind::DoesNotFit => 4,
            ErrorKind::File => 7,
            ErrorKind::Interrupted => 130,
        }
    }
}

/// A failure with every problem found, not just the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind, which decides the exit code.
    pub kind: ErrorKind,
    /// The problems, at least one.
    pub problems: Vec<Problem>,
}

impl Error {
    /// A failure with one problem.
    pub fn one(
        kind: ErrorKind,
        place: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { kind, problems: vec![Problem::new(place, what, hint)] }
    }

    /// Invalid content, with all its problems.
    pub fn invalid(problems: Vec<Problem>) -> Self {
        Self { kind: ErrorKind::Invalid, problems }
    }

    /// A file that cannot be read or written.
    ///
    /// Text that is not UTF-8 is invalid content of a file that can be read.
    pub fn file(path: &std::path::Path, verb: &str, cause: &std::io::Error) -> Self {
        if cause.kind() == std::io::ErrorKind::InvalidData {
            let what = format!("the file is not text: {cause}");
            return Self::one(ErrorKind::Invalid, path.display().to_string(), what, "save it as UTF-8");
        }
        let hint = match cause.kind() {
            std::io::ErrorKind::NotFound => {
                "check the path; paths in a config file are taken from the folder of that file"
            }
            std::io::ErrorKind::PermissionDenied => "check the permissions of the file and its folder",
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                "something that is not a folder is in the way; name another path"
            }
            _ => "check the path and the room on the disk",
        };
        Self::one(ErrorKind::File, path.display().to_string(), format!("cannot {verb} the file: {cause}"), hint)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "error: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Ok if there are no problems, else invalid content.
pub(crate) fn all_well(problems: Vec<Problem>) -> Result<(), Error> {
    if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems)) }
}

/// The known name nearest to a misspelt one, if any is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|(distance, k)| *distance <= 1 + k.len().max(name.len()) / 3)
        .min()
        .map(|(_, k)| k)
}
