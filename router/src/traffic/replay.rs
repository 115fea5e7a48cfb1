//! Packets that are known beforehand.
//!
//! The CSV form, one packet a line, with this header; destinations are separated by spaces, lines may come in any order:
//!
//! ```text
//! cycle,source,destinations,flits
//! 0,3,17,1
//! 12,0,4 5 6,2
//! ```

use super::lines::{Lines, Parsed, ReadError, ReadLimits, fault, number};
use super::{Arrival, Destinations, Traffic};
use crate::random::word;
use crate::topology::EndpointId;
use std::collections::VecDeque;
use std::io::BufRead;

/// A packet of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracePacket {
    /// The cycle of its creation.
    pub cycle: u64,
    /// Who creates it.
    pub source: EndpointId,
    /// Where it goes.
    pub destinations: Destinations,
    /// Its length, at least 1.
    pub flits: u16,
}

/// Why packets cannot be replayed on a network.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A packet names an endpoint that is not there.
    #[error("packet {packet} names endpoint {endpoint}; the network has {endpoints}, numbered from 0")]
    Endpoint {
        /// Place of the packet in the trace, from 0.
        packet: u64,
        /// The endpoint.
        endpoint: u32,
        /// Endpoints there are.
        endpoints: u32,
    },
    /// A packet without flits.
    #[error("packet {packet} has no flits")]
    Empty {
        /// Place of the packet in the trace, from 0.
        packet: u64,
    },
}

/// Traffic that repeats given packets.
#[derive(Clone, Debug)]
pub struct Replay {
    seed: u64,
    sources: Vec<(u64, VecDeque<TracePacket>)>,
}

impl Replay {
    /// Traffic of these packets, in any order; packets of one source and cycle keep theirs. `seed` is for the packets'
    /// draws alone.
    ///
    /// # Errors
    /// The first packet with an endpoint from `endpoints` on, or without flits.
    pub fn from_packets(
        packets: impl IntoIterator<Item = TracePacket>,
        endpoints: u32,
        seed: u64,
    ) -> Result<Self, ReplayError> {
        Self::try_from_packets(packets.into_iter().map(Ok), endpoints, seed)
    }

    /// The same for packets that are being read.
    ///
    /// # Errors
    /// What the reader says, or the first packet that the network cannot take.
    pub fn try_from_packets(
        packets: impl IntoIterator<Item = Result<TracePacket, ReadError>>,
        endpoints: u32,
        seed: u64,
    ) -> Result<Self, ReplayError> {
        let mut sources = vec![(0, VecDeque::new()); endpoints as usize];
        for (place, packet) in (0..).zip(packets) {
            let packet = packet?;
            let named = std::iter::once(&packet.source).chain(packet.destinations.as_slice());
            if let Some(&EndpointId(endpoint)) = named.into_iter().find(|e| e.0 >= endpoints) {
                return Err(ReplayError::Endpoint { packet: place, endpoint, endpoints });
            }
            if packet.flits == 0 {
                return Err(ReplayError::Empty { packet: place });
            }
            sources[packet.source.index()].1.push_back(packet);
        }
        for (_, packets) in &mut sources {
            packets.make_contiguous().sort_by_key(|packet| packet.cycle);
        }
        Ok(Self { seed, sources })
    }
}

impl Traffic for Replay {
    fn next(&mut self, source: EndpointId) -> Option<Arrival> {
        let (sent, packets) = self.sources.get_mut(source.index())?;
        let TracePacket { cycle, destinations, flits, .. } = packets.pop_front()?;
        let draw = word(self.seed, source.0.into(), *sent);
        *sent += 1;
        Some(Arrival { cycle, destinations, flits, draw })
    }
}

/// Packets of a CSV file, read as they are asked for.
#[derive(Debug)]
pub struct PacketLines<R> {
    lines: Lines<R>,
    header_seen: bool,
}

const HEADER: [&str; 4] = ["cycle", "source", "destinations", "flits"];

impl<R: BufRead> PacketLines<R> {
    /// A reader; nothing is read yet. Empty lines and lines that start with `#` are skipped.
    pub fn new(reader: R, limits: ReadLimits) -> Self {
        Self { lines: Lines::new(reader, limits), header_seen: false }
    }
}

impl<R: BufRead> Iterator for PacketLines<R> {
    type Item = Result<TracePacket, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let header_seen = &mut self.header_seen;
        self.lines.next_parsed(|_, text| {
            if text.is_empty() || text.starts_with('#') {
                return Ok(None);
            }
            if !std::mem::replace(header_seen, true) {
                return header(text);
            }
            packet(text)
        })
    }
}

fn header<T>(text: &str) -> Parsed<T> {
    if text.split(',').map(str::trim).eq(HEADER) {
        Ok(None)
    } else {
        fault(format!("the header {}", HEADER.join(",")), format!("`{text}`"))
    }
}

fn packet(text: &str) -> Parsed<TracePacket> {
    let mut cells = text.split(',');
    let cycle = number("a cycle", cells.next())?;
    let source = EndpointId(number("a source endpoint", cells.next())?);
    let list = cells.next().unwrap_or_default();
    let destinations = list
        .split_whitespace()
        .map(|cell| number("a destination endpoint", Some(cell)).map(EndpointId))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(destinations) = Destinations::from_list(destinations) else {
        return fault("destinations separated by spaces", format!("`{list}`"));
    };
    let flits = number("flits, 1 to 65535", cells.next())?;
    if flits == 0 {
        return fault("flits, 1 to 65535", "`0`");
    }
    match cells.next() {
        None => Ok(Some(TracePacket { cycle, source, destinations, flits })),
        Some(more) => fault("the end of the line", format!("`{more}`")),
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
