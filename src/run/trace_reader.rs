//! Reading the packet trace of a run, record by record.

use super::trace::{RECORD_BYTES, TRACE_MAGIC, TRACE_VERSION};
use crate::chip::ChipSpec;
use crate::error::{Error, ErrorKind};
use serde::Deserialize;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// What a trace says before its records.
#[derive(Clone, Debug, Deserialize)]
pub struct TraceHeader {
    /// Version of header and records.
    pub version: u32,
    /// Name of the network that ran.
    pub network: String,
    /// Digest of the image that ran.
    pub image: String,
    /// Ticks of each sample.
    pub ticks_per_sample: u32,
    /// Bytes of a record.
    pub record_bytes: usize,
    /// The chip it ran on.
    pub chip: ChipSpec,
    /// (source endpoint, destination endpoints), by route number.
    pub routes: Vec<(u32, Vec<u32>)>,
}

/// A packet of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRecord {
    /// Tick within its sample.
    pub tick: u64,
    /// Time inside the tick, in picoseconds.
    pub at_ps: u64,
    /// The sample.
    pub sample: u32,
    /// Network number of the neuron that fired.
    pub neuron: u32,
    /// Index into the header's routes.
    pub route: u32,
    /// Its payload.
    pub payload: i32,
    /// Its length.
    pub flits: u16,
}

/// A trace being read.
#[derive(Debug)]
pub struct TraceReader {
    path: PathBuf,
    input: BufReader<std::fs::File>,
    header: TraceHeader,
    records: u64,
}

/// Longest header that is read.
const HEADER_MOST: u32 = 1 << 30;

impl TraceReader {
    /// Whether the file begins as a trace does.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn recognises(path: &Path) -> Result<bool, Error> {
        let mut magic = [0; TRACE_MAGIC.len()];
        let mut file = std::fs::File::open(path).map_err(|e| Error::file(path, "read", &e))?;
        match file.read_exact(&mut magic) {
            Ok(()) => Ok(&magic == TRACE_MAGIC),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(Error::file(path, "read", &e)),
        }
    }

    /// Opens a trace and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, is no trace, or is of another version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = std::fs::File::open(path).map_err(|e| Error::file(path, "read", &e))?;
        let length = file.metadata().map_err(|e| Error::file(path, "read", &e))?.len();
        let mut input = BufReader::with_capacity(1 << 16, file);
        let invalid =
            |what: String, hint: &str| Error::one(ErrorKind::Invalid, path.display().to_string(), what, hint);
        let cut = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                invalid("the trace ends within its header".into(), WRITE_AGAIN)
            }
            _ => Error::file(path, "read", &e),
        };
        let (mut magic, mut bytes) = ([0; TRACE_MAGIC.len()], [0; 4]);
        input.read_exact(&mut magic).and_then(|()| input.read_exact(&mut bytes)).map_err(cut)?;
        if &magic != TRACE_MAGIC {
            return Err(invalid("this is no packet trace of a run".into(), WRITE_AGAIN));
        }
        let header_bytes = u32::from_le_bytes(bytes);
        if header_bytes > HEADER_MOST || u64::from(header_bytes) > length {
            return Err(invalid(
                format!("a header of {header_bytes} bytes in a file of {length}"),
                WRITE_AGAIN,
            ));
        }
        let mut text = vec![0; header_bytes as usize];
        input.read_exact(&mut text).map_err(cut)?;
        // The version first: the rest may be of another form.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let damaged = |e: serde_json::Error| invalid(format!("the header is damaged: {e}"), WRITE_AGAIN);
        let Version { version } = serde_json::from_slice(&text).map_err(damaged)?;
        if version != TRACE_VERSION {
            let what = format!("the trace is of version {version}; this program reads version {TRACE_VERSION}");
            return Err(invalid(what, WRITE_AGAIN));
        }
        let header: TraceHeader = serde_json::from_slice(&text).map_err(damaged)?;
        if header.record_bytes != RECORD_BYTES {
            return Err(invalid(format!("records of {} bytes", header.record_bytes), WRITE_AGAIN));
        }
        Ok(Self { path: path.to_owned(), input, header, records: 0 })
    }

    /// What it says before its records.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read, is cut off, or a record names a route that is not there.
    pub fn next_record(&mut self) -> Result<Option<TraceRecord>, Error> {
        let mut bytes = [0; RECORD_BYTES];
        let mut have = 0;
        while have < RECORD_BYTES {
            match self.input.read(&mut bytes[have..]) {
                Ok(0) if have == 0 => return Ok(None),
                Ok(0) => return Err(self.invalid("the trace ends within a record".into())),
                Ok(more) => have += more,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::file(&self.path, "read", &e)),
            }
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let record = TraceRecord {
            tick: long(0),
            at_ps: long(8),
            sample: word(16),
            neuron: word(24),
            route: word(28),
            payload: word(32) as i32,
            flits: u16::from_le_bytes([bytes[38], bytes[39]]),
        };
        if record.route as usize >= self.header.routes.len() {
            let what = format!("it names route {} of {}", record.route, self.header.routes.len());
            return Err(self.invalid(what));
        }
        self.records += 1;
        Ok(Some(record))
    }

    fn invalid(&self, what: String) -> Error {
        let place = format!("{}, record {}", self.path.display(), self.records);
        Error::one(ErrorKind::Invalid, place, what, WRITE_AGAIN)
    }
}

const WRITE_AGAIN: &str = "write it again with `spikemesh run CONFIG --trace FILE`";
