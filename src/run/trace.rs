//! The packet trace of a run: who sent what, when inside which tick, over which route. Any routing, level or fault set
//! can later be measured on it without emulating a neuron again.
//!
//! ```text
//! "SPKTRCE1" | length of the header u32 | header JSON | records of 40 bytes, little-endian:
//!   tick u64 | time inside the tick in ps u64 | sample u32 | source endpoint u32 | network neuron u32 | route u32
//!   | payload i32 | phase u16 | flits u16
//! ```
//! The header holds `version`, the chip with all its constants, its ports and the routes. `docs/formats/trace.md` has an
//! example; `TraceReader` reads it.

use crate::chip::{ChipImage, ChipSpec, PacketRecord};
use crate::error::Error;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// First bytes of a trace.
pub const TRACE_MAGIC: &[u8; 8] = b"SPKTRCE1";
/// Version of header and records. Version 1 was without `chip`.
pub const TRACE_VERSION: u32 = 2;
/// Bytes of a record.
pub const RECORD_BYTES: usize = 40;

#[derive(Serialize)]
struct Header<'a> {
    version: u32,
    network: &'a str,
    image: String,
    mesh: [u16; 2],
    cores_per_router: u16,
    input_port: u32,
    output_port: u32,
    ticks_per_sample: u32,
    record_bytes: usize,
    chip: &'a ChipSpec,
    /// (source endpoint, destination endpoints), by route number.
    routes: Vec<(u32, &'a [u32])>,
}

/// A trace being written.
#[derive(Debug)]
pub struct TraceWriter {
    path: PathBuf,
    out: std::io::BufWriter<std::fs::File>,
    records: u64,
}

impl TraceWriter {
    /// Starts a trace at `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, image: &ChipImage, ticks: u32) -> Result<Self, Error> {
        let mesh = image.spec.topology()?;
        let port = |name| mesh.port(name).expect("invariant: every chip has this port").0;
        let header = Header {
            version: TRACE_VERSION,
            network: &image.network.name,
            image: image.digest().to_string(),
            mesh: [image.spec.width, image.spec.height],
            cores_per_router: image.spec.cores_per_router,
            input_port: port(crate::chip::INPUT_PORT),
            output_port: port(crate::chip::OUTPUT_PORT),
            ticks_per_sample: ticks,
            record_bytes: RECORD_BYTES,
            chip: &image.spec,
            routes: image.routes.iter().map(|r| (r.source, &r.destinations[..])).collect(),
        };
        let header = serde_json::to_vec(&header).expect("invariant: numbers and names are valid JSON");
        let failed = |e: std::io::Error| Error::file(path, "write", &e);
        let file = std::fs::File::create(path).map_err(failed)?;
        let mut out = std::io::BufWriter::new(file);
        out.write_all(TRACE_MAGIC).map_err(failed)?;
        out.write_all(&(header.len() as u32).to_le_bytes()).map_err(failed)?;
        out.write_all(&header).map_err(failed)?;
        Ok(Self { path: path.to_owned(), out, records: 0 })
    }

    /// Appends records made by [`append_record`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, records: &[u8]) -> Result<(), Error> {
        self.records += (records.len() / RECORD_BYTES) as u64;
        self.out.write_all(records).map_err(|e| Error::file(&self.path, "write", &e))
    }

    /// Ends the trace; the number of records.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.out.flush().map_err(|e| Error::file(&self.path, "write", &e))?;
        Ok(self.records)
    }
}

/// Appends a packet as a record.
pub fn append_record(out: &mut Vec<u8>, sample: u32, tick: u64, phase: u16, packet: &PacketRecord) {
    out.extend_from_slice(&tick.to_le_bytes());
    out.extend_from_slice(&packet.at_ps.to_le_bytes());
    for word in [sample, packet.source, packet.neuron, packet.route, packet.payload as u32] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&phase.to_le_bytes());
    out.extend_from_slice(&packet.flits.to_le_bytes());
}
