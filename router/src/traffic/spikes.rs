//! Spike messages as SANA-FE writes them and its fork of BookSim reads them: when a source is done with the work that
//! makes a message, not when the message is sent.
//!
//! A header line, then ten columns a message: time step; sender (group and number); tile and core it is on; tile and
//! core it goes to, or `x.x` for work that sends nothing; hops; spikes; and, in seconds, the times of generation, network,
//! processing and blocking. Of these the time step, both places and the time of generation are used:
//!
//! cycle = (step - first step) x `step_cycles` + sum over the source's messages of the step so far of round(generation / `cycle_s`)
//!
//! A source that has to wait for the network works on at once here; in the fork it works on when its message has gone.

use super::Destinations;
use super::lines::{Lines, Parsed, ReadError, ReadLimits, fault, number};
use super::replay::TracePacket;
use crate::topology::EndpointId;
use std::collections::BTreeMap;
use std::io::BufRead;

/// How places and times of a message become endpoints and cycles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpikeTiming {
    /// Cores of a tile; core c of tile t is endpoint t x `cores_per_tile` + c. At least 1.
    pub cores_per_tile: u32,
    /// Length of a cycle in seconds, above 0.
    pub cycle_s: f64,
    /// Cycles of a time step.
    pub step_cycles: u64,
    /// Flits of a message, at least 1.
    pub flits: u16,
}

/// Packets of a file of spike messages, read as they are asked for.
#[derive(Debug)]
pub struct SpikeLines<R> {
    lines: Lines<R>,
    timing: SpikeTiming,
    header_seen: bool,
    first_step: Option<u64>,
    /// Step and cycles of work done in it, of every source.
    done: BTreeMap<u32, (u64, u64)>,
}

impl<R: BufRead> SpikeLines<R> {
    /// A reader; nothing is read yet.
    pub fn new(reader: R, timing: SpikeTiming, limits: ReadLimits) -> Self {
        let lines = Lines::new(reader, limits);
        Self { lines, timing, header_seen: false, first_step: None, done: BTreeMap::new() }
    }
}

impl<R: BufRead> Iterator for SpikeLines<R> {
    type Item = Result<TracePacket, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { lines, timing, header_seen, first_step, done } = self;
        lines.next_parsed(|_, text| {
            if text.is_empty() || !std::mem::replace(header_seen, true) {
                return Ok(None);
            }
            message(text, *timing, first_step, done)
        })
    }
}

fn message(
    text: &str,
    timing: SpikeTiming,
    first_step: &mut Option<u64>,
    done: &mut BTreeMap<u32, (u64, u64)>,
) -> Parsed<TracePacket> {
    let cells: Vec<_> = text.split(',').map(str::trim).collect();
    let cell = |i: usize| cells.get(i).copied();
    let step: u64 = number("a time step", cell(0))?;
    let source = place("the sender's tile.core", cell(2), timing)?;
    let silent = cell(3) == Some("x.x");
    let to = if silent { source } else { place("the receiver's tile.core, or x.x", cell(3), timing)? };
    let generation: f64 = number("the time of generation in seconds", cell(6))?;
    if !(generation >= 0.0 && generation.is_finite()) {
        return fault("a time of generation of 0 s or more", format!("`{generation}`"));
    }
    let base = *first_step.get_or_insert(step);
    let Some(steps) = step.checked_sub(base) else {
        return fault(format!("a time step from the first, {base}, on"), format!("`{step}`"));
    };
    let work = done.entry(source.0).or_insert((step, 0));
    if work.0 != step {
        *work = (step, 0);
    }
    work.1 = work.1.saturating_add((generation / timing.cycle_s + 0.5) as u64);
    if silent {
        return Ok(None);
    }
    let Some(cycle) = steps.checked_mul(timing.step_cycles).and_then(|start| start.checked_add(work.1)) else {
        return fault("a time step whose cycles can be counted", format!("`{step}`"));
    };
    Ok(Some(TracePacket { cycle, source, destinations: Destinations::One(to), flits: timing.flits }))
}

fn place(what: &str, cell: Option<&str>, timing: SpikeTiming) -> Result<EndpointId, (String, String)> {
    let Some(text) = cell else { return fault(what, "the end of the line") };
    let wrong = || fault(what, format!("`{text}`"));
    let Some((tile, core)) = text.split_once('.') else { return wrong() };
    let (Ok(tile), Ok(core)) = (tile.parse::<u32>(), core.parse::<u32>()) else { return wrong() };
    if core >= timing.cores_per_tile {
        return fault(format!("a core below {}", timing.cores_per_tile), format!("`{text}`"));
    }
    match tile.checked_mul(timing.cores_per_tile).and_then(|first| first.checked_add(core)) {
        Some(id) => Ok(EndpointId(id)),
        None => wrong(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: SpikeTiming = SpikeTiming { cores_per_tile: 4, cycle_s: 1e-9, step_cycles: 1000, flits: 1 };

    fn read(text: &str) -> Result<Vec<TracePacket>, ReadError> {
        SpikeLines::new(text.as_bytes(), TIMING, ReadLimits::default()).collect()
    }

    #[test]
    fn work_of_a_source_adds_up_within_a_step() {
        let text = "timestep,src_neuron,src_hw,dest_hw,hops,spikes,generation,network,processing,blocking\n\
                    1,0.5,0.1,2.3,1,1,5e-9,1e-9,1e-9,0\n\
                    1,0.6,0.1,x.x,0,0,2.4e-9,0,0,0\n\
                    1,0.7,0.1,0.0,0,1,3e-9,1e-9,1e-9,0\n\
                    3,0.7,0.1,0.0,0,1,4e-9,1e-9,1e-9,0\n";
        let packets = read(text).unwrap();
        let short: Vec<_> =
            packets.iter().map(|p| (p.cycle, p.source.0, p.destinations.as_slice()[0].0)).collect();
        assert_eq!(short, [(5, 1, 11), (10, 1, 0), (2004, 1, 0)]);
    }

    #[test]
    fn bad_lines_are_told() {
        let text =
            "header\n1,0.5,0.4,2.3,1,1,5e-9\n1,0.5,0.1,2,1,1,5e-9\n1,0.5,0.1,2.0,1,1,-5\n1,0.5,0.1,2.0,1,1\n";
        let Err(ReadError::Lines { faults, stopped: false }) = read(text) else { panic!("no faults") };
        let lines: Vec<_> = faults.iter().map(|f| f.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert_eq!(faults[0].wanted, "a core below 4");
    }
}
