//! How many bits of a link differ from one packet to the next, from the trace of a run.
//!
//! A link's wires keep the word of the last packet until the next comes, and only wires that change cost energy. The word of a
//! packet is its address and its payload: the number of the neuron that fired in the upper 32 bits, the payload below. What
//! further flits of longer packets carry is not known, so first flits stand for all. Packets cross a link in the order of their
//! times without contention, those of the same time in the order they were sent.

use super::trace_reader::{TraceReader, TraceRecord};
use crate::error::{Error, ErrorKind};
use spikemesh_router::{EndpointId, RouteId, RouteRequest, RouteTable, Topology};
use std::path::Path;

/// Bits of a word.
pub const WORD_BITS: u64 = 64;

/// Crossings of the links of a class, and bits that they changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toggles {
    /// First flits that crossed.
    pub words: u64,
    /// Wires that changed.
    pub bits: u64,
}

impl Toggles {
    /// Share of wires that a word changes, as a fraction; `None` if there was no word.
    pub fn share(&self) -> Option<(u64, u64)> {
        (self.words > 0).then_some((self.bits, self.words * WORD_BITS))
    }
}

/// Toggles of horizontal and of vertical links in a trace, and the digest of the image that ran; wires start at 0.
///
/// # Errors
/// The trace cannot be read or does not fit its own chip.
pub fn toggles(path: &Path) -> Result<([Toggles; 2], String), Error> {
    let mut reader = TraceReader::open(path)?;
    let chip = reader.header().chip.clone();
    let topology = chip.topology()?;
    let endpoints = topology.endpoints().len() as u32;
    let requests = reader.header().routes.iter().map(|(source, to)| RouteRequest {
        source: EndpointId(*source),
        destinations: to.iter().copied().map(EndpointId).collect(),
    });
    let requests: Vec<_> = requests.collect();
    let beyond = |request: &RouteRequest| {
        request.destinations.iter().chain([&request.source]).any(|endpoint| endpoint.0 >= endpoints)
    };
    if let Some(number) = requests.iter().position(beyond) {
        let what = format!("route {number} names an endpoint that the chip does not have");
        return Err(Error::one(ErrorKind::Invalid, path.display().to_string(), what, "write the trace again"));
    }
    let (routes, _) = chip.routes(&topology, &requests)?;
    let mut wires = Wires::new(&topology, &routes);
    let mut tick = Vec::new();
    while let Some(record) = reader.next_record()? {
        let goes_on = tick
            .last()
            .is_none_or(|last: &TraceRecord| (last.sample, last.tick) == (record.sample, record.tick));
        if !goes_on {
            wires.cross(&mut tick);
        }
        tick.push(record);
    }
    wires.cross(&mut tick);
    Ok((wires.counted, reader.header().image.clone()))
}

/// The links of a chip with the words on them.
struct Wires<'a> {
    topology: &'a Topology,
    routes: &'a RouteTable,
    /// By link.
    words: Vec<u64>,
    counted: [Toggles; 2],
    /// Crossings of a tick: link, time, packet.
    crossings: Vec<(u32, u64, u32)>,
}

impl<'a> Wires<'a> {
    fn new(topology: &'a Topology, routes: &'a RouteTable) -> Self {
        let words = vec![0; topology.links().len()];
        Self { topology, routes, words, counted: Default::default(), crossings: Vec::new() }
    }

    /// Lets the packets of a tick cross, and forgets them.
    fn cross(&mut self, packets: &mut Vec<TraceRecord>) {
        let class = |link: u32| &self.topology.links()[link as usize].class;
        let mut starts = Vec::new();
        for (packet, number) in packets.iter().zip(0..) {
            let route = RouteId(packet.route);
            let source = &self.topology.endpoints()[self.routes.source(route).index()];
            starts.clear();
            for link in self.routes.links(route) {
                let at = link.parent().map_or(packet.at_ps + source.local.inject_ps, |before| {
                    let (before, at): (u32, u64) = starts[before as usize];
                    at + self.topology.link_classes()[class(before).index()].latency_ps
                });
                starts.push((link.link.0, at));
                self.crossings.push((link.link.0, at, number));
            }
        }
        self.crossings.sort_unstable();
        for (link, _, number) in self.crossings.drain(..) {
            let TraceRecord { neuron, payload, .. } = packets[number as usize];
            let word = u64::from(neuron) << 32 | u64::from(payload as u32);
            let before = std::mem::replace(&mut self.words[link as usize], word);
            if let Some(counted) = self.counted.get_mut(class(link).index()) {
                counted.words += 1;
                counted.bits += u64::from((before ^ word).count_ones());
            }
        }
        packets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikemesh_router::Direction;

    fn record(at_ps: u64, neuron: u32, payload: i32, route: u32) -> TraceRecord {
        TraceRecord { tick: 0, at_ps, sample: 0, neuron, route, payload, flits: 1 }
    }

    #[test]
    fn a_wire_changes_when_the_word_before_differs() {
        let mut chip = crate::chip::ChipSpec::preset("generic-28nm").unwrap();
        (chip.width, chip.height, chip.cores_per_router) = (3, 2, 1);
        let mesh = chip.topology().unwrap();
        // East over two links; east and then north; a link of its own.
        let requests = [(0, 2), (1, 5), (3, 4)].map(|(source, to)| RouteRequest {
            source: EndpointId(source),
            destinations: vec![EndpointId(to)],
        });
        let (routes, _) = chip.routes(&mesh, &requests).unwrap();
        let mut wires = Wires::new(&mesh, &routes);
        let far = 1 << 40;
        // Onto 0 -> 1 alone: 0b111, then payload -1 as well. Onto 1 -> 2: 0b1 comes first, at time 0.
        wires.cross(&mut vec![record(far, 0b111, 0, 0), record(0, 0b1, 0, 1)]);
        assert_eq!(wires.counted[0], Toggles { words: 3, bits: 3 + 1 + 2 });
        assert_eq!(wires.counted[1], Toggles { words: 1, bits: 1 });
        wires.cross(&mut vec![record(0, 0b111, -1, 0), record(5, 0, 0, 2)]);
        assert_eq!(wires.counted[0], Toggles { words: 6, bits: 6 + 32 + 32 });
        let east = mesh.link_from(spikemesh_router::RouterId(0), Direction::East);
        assert_eq!(wires.words[east.unwrap().index()], 0b111 << 32 | 0xffff_ffff);
        assert_eq!(wires.counted[1].share(), Some((1, 64)));
        assert_eq!(Toggles::default().share(), None);
    }
}
