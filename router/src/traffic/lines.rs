//! Text files line by line: every bad line is told, up to a limit, and memory is that of one line.

use std::fmt;
use std::io::BufRead;

/// How much a reader puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bad lines after which reading stops, at least 1.
    pub faults: usize,
    /// Bytes of a line; a longer one is a fault.
    pub line_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { faults: 20, line_bytes: 1 << 16 }
    }
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: wanted {wanted}, found {found}")]
pub struct LineFault {
    /// Its number, from 1.
    pub line: u64,
    /// What should be there.
    pub wanted: String,
    /// What is there.
    pub found: String,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The reader failed.
    #[error("reading failed at line {line}: {source}")]
    Io {
        /// The line it was at.
        line: u64,
        /// What it said.
        source: std::io::Error,
    },
    /// Bad lines.
    #[error("{}", Listed(.faults, *.stopped))]
    Lines {
        /// The first of them, ascending.
        faults: Vec<LineFault>,
        /// Whether reading stopped at the limit, so that there may be more.
        stopped: bool,
    },
}

struct Listed<'a>(&'a [LineFault], bool);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        if self.1 { write!(f, "\nno more than {} bad lines are told", self.0.len()) } else { Ok(()) }
    }
}

/// What a line says to its reader.
pub(super) type Parsed<T> = Result<Option<T>, (String, String)>;

/// The wanted and the found of a bad line.
pub(super) fn fault<T>(wanted: impl Into<String>, found: impl Into<String>) -> Result<T, (String, String)> {
    Err((wanted.into(), found.into()))
}

/// A cell as a number.
pub(super) fn number<T: std::str::FromStr>(what: &str, cell: Option<&str>) -> Result<T, (String, String)> {
    let Some(cell) = cell.map(str::trim) else { return fault(what, "the end of the line") };
    cell.parse().or_else(|_| fault(what, format!("`{cell}`")))
}

/// Lines of a reader, one buffer for all.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    limits: ReadLimits,
    buffer: Vec<u8>,
    line: u64,
    faults: Vec<LineFault>,
    over: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, limits: ReadLimits) -> Self {
        Self { reader, limits, buffer: Vec::new(), line: 0, faults: Vec::new(), over: false }
    }

    /// The next thing `parse` makes of a line; it gets the line's number and text, and answers `Ok(None)` to lines that
    /// hold nothing. Bad lines are remembered and told at the end; from the first on nothing is given out.
    pub(super) fn next_parsed<T>(
        &mut self,
        mut parse: impl FnMut(u64, &str) -> Parsed<T>,
    ) -> Option<Result<T, ReadError>> {
        while !self.over {
            match self.read_line() {
                Err(source) => {
                    self.over = true;
                    return Some(Err(ReadError::Io { line: self.line, source }));
                }
                Ok(false) => self.over = true,
                Ok(true) => {
                    let parsed = match std::str::from_utf8(&self.buffer) {
                        _ if self.buffer.len() > self.limits.line_bytes => {
                            let found = format!("more than {} bytes", self.limits.line_bytes);
                            fault("a shorter line", found)
                        }
                        Ok(text) => parse(self.line, text.trim()),
                        Err(_) => fault("text", "bytes that are not UTF-8"),
                    };
                    match parsed {
                        Ok(Some(value)) if self.faults.is_empty() => return Some(Ok(value)),
                        Ok(_) => {}
                        Err((wanted, found)) => {
                            self.faults.push(LineFault { line: self.line, wanted, found });
                            if self.faults.len() >= self.limits.faults.max(1) {
                                self.over = true;
                                return Some(Err(self.told(true)));
                            }
                        }
                    }
                }
            }
        }
        (!self.faults.is_empty()).then(|| Err(self.told(false)))
    }

    fn told(&mut self, stopped: bool) -> ReadError {
        ReadError::Lines { faults: std::mem::take(&mut self.faults), stopped }
    }

    /// Reads a line into the buffer, at most one byte more than the limit; false at the end.
    fn read_line(&mut self) -> std::io::Result<bool> {
        self.buffer.clear();
        self.line += 1;
        let mut any = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if chunk.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let text = &chunk[..end.unwrap_or(chunk.len())];
            let room = (self.limits.line_bytes + 1).saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&text[..text.len().min(room)]);
            let used = text.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    /// Gives a line and a half, then fails.
    struct Broken(bool);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("pulled out"));
            }
            buffer[..5].copy_from_slice(b"1\n2 3");
            Ok(5)
        }
    }

    #[test]
    fn a_reader_that_fails_is_told_with_its_line() {
        let mut lines = Lines::new(BufReader::new(Broken(false)), ReadLimits::default());
        let mut next = || lines.next_parsed(|line, text| Ok(Some((line, text.len()))));
        assert_eq!(next().unwrap().unwrap(), (1, 1));
        assert_eq!(next().unwrap().unwrap_err().to_string(), "reading failed at line 2: pulled out");
        assert!(next().is_none());
    }

    #[test]
    fn lines_are_cut_at_any_chunk() {
        let text = "a\r\n\nbc\nd";
        for capacity in 1..8 {
            let reader = BufReader::with_capacity(capacity, text.as_bytes());
            let mut lines = Lines::new(reader, ReadLimits::default());
            let mut found = Vec::new();
            while let Some(line) = lines.next_parsed(|_, text| Ok(Some(text.to_owned()))) {
                found.push(line.unwrap());
            }
            assert_eq!(found, ["a", "", "bc", "d"]);
        }
    }
}
