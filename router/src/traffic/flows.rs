//! Tables of flows: who sends to whom at which rate, and when.
//!
//! The form is that of Noxim's traffic tables, a flow a line, with two to seven cells parted by blanks or commas; lines
//! that start with `%` or `#` are remarks:
//!
//! ```text
//! source destination [pir [por [t_on [t_off [t_period]]]]]
//! ```
//! `pir` is the probability of a packet in a cycle, `por` that in the cycle after a packet. A flow is active in cycles c with
//! t_on < c mod t_period < t_off; without `t_off` for good, without `t_period` once. In Noxim a source makes at most one
//! packet a cycle, for all its flows together; here flows are independent, which is the same rate for each.

use super::lines::{Lines, Parsed, ReadError, ReadLimits, fault, number};
use super::{Arrival, Destinations, Traffic};
use crate::random::{below, derive, geometric, unit, word};
use crate::topology::EndpointId;
use std::io::BufRead;

/// A flow of packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Who sends.
    pub source: EndpointId,
    /// Who is sent to.
    pub destination: EndpointId,
    /// Probability of a packet in an active cycle, 0 to 1.
    pub pir: f64,
    /// The same in the active cycle after one with a packet.
    pub por: f64,
    /// Cycle of a period after which it is active.
    pub t_on: u64,
    /// Cycle of a period before which it is active; later than `t_on`.
    pub t_off: Option<u64>,
    /// Length of a period in cycles, more than `t_off`; `None`: there is one period.
    pub t_period: Option<u64>,
}

/// What cells stand for that are missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowDefaults {
    /// Probability of a packet in a cycle, 0 to 1; a negative cell stands for it too.
    pub pir: f64,
}

/// All flows of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowTable {
    /// In order of the table.
    pub flows: Vec<Flow>,
}

/// Reads a table.
///
/// # Errors
/// Bad lines up to the limit, or what the reader says.
pub fn read_flows(
    reader: impl BufRead,
    defaults: FlowDefaults,
    limits: ReadLimits,
) -> Result<FlowTable, ReadError> {
    let mut lines = Lines::new(reader, limits);
    let mut flows = Vec::new();
    while let Some(flow) = lines.next_parsed(|_, text| flow(text, defaults)) {
        flows.push(flow?);
    }
    Ok(FlowTable { flows })
}

fn flow(text: &str, defaults: FlowDefaults) -> Parsed<Flow> {
    if text.is_empty() || text.starts_with(['%', '#']) {
        return Ok(None);
    }
    let cells: Vec<_> = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|c| !c.is_empty()).collect();
    let cell = |i: usize| cells.get(i).copied();
    let source = EndpointId(number("a source endpoint", cell(0))?);
    let destination = EndpointId(number("a destination endpoint", cell(1))?);
    let pir = probability("pir", cell(2), defaults.pir)?;
    let por = probability("por", cell(3), pir)?;
    let time = |what: &str, i: usize| cell(i).map(|c| number(what, Some(c))).transpose();
    let t_on: u64 = time("t_on, a cycle", 4)?.unwrap_or(0);
    let t_off: Option<u64> = time("t_off, a cycle", 5)?;
    let t_period: Option<u64> = time("t_period, a cycle", 6)?;
    if let Some(off) = t_off.filter(|&off| off <= t_on) {
        return fault(format!("t_off after t_on, which is {t_on}"), format!("`{off}`"));
    }
    if let (Some(off), Some(period)) = (t_off, t_period)
        && period <= off
    {
        return fault(format!("t_period after t_off, which is {off}"), format!("`{period}`"));
    }
    if let Some(more) = cell(7) {
        return fault("the end of the line", format!("`{more}`"));
    }
    Ok(Some(Flow { source, destination, pir, por, t_on, t_off, t_period }))
}

fn probability(name: &str, cell: Option<&str>, default: f64) -> Result<f64, (String, String)> {
    let wanted = format!("{name}, a number from 0 to 1, or a negative one for the default");
    let Some(cell) = cell else { return Ok(default) };
    match number::<f64>(&wanted, Some(cell))? {
        value if value < 0.0 => Ok(default),
        value if value <= 1.0 => Ok(value),
        _ => fault(wanted, format!("`{cell}`")),
    }
}

/// Why flows are no traffic for a network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FlowError {
    /// An endpoint that is not there.
    #[error("flow {flow} names endpoint {endpoint}; the network has {endpoints}, numbered from 0")]
    Endpoint {
        /// Place of the flow in the table, from 0.
        flow: usize,
        /// The endpoint.
        endpoint: u32,
        /// Endpoints there are.
        endpoints: u32,
    },
    /// A probability that is none.
    #[error("flow {flow} has probabilities {pir} and {por}; they must be 0 to 1")]
    Probability {
        /// Place of the flow in the table, from 0.
        flow: usize,
        /// Its `pir`.
        pir: f64,
        /// Its `por`.
        por: f64,
    },
    /// Lengths that are none.
    #[error("packets of {least} to {most} flits; the least must be 1 or more, and at most the most")]
    Flits {
        /// Least asked for.
        least: u16,
        /// Most asked for.
        most: u16,
    },
}

impl FlowTable {
    /// The traffic of the flows, with packets of `flits.0` to `flits.1` flits, every length with the same probability.
    ///
    /// # Errors
    /// Everything that is wrong, flow by flow.
    pub fn build(&self, endpoints: u32, flits: (u16, u16), seed: u64) -> Result<FlowTraffic, Vec<FlowError>> {
        let mut errors = Vec::new();
        if flits.0 == 0 || flits.0 > flits.1 {
            errors.push(FlowError::Flits { least: flits.0, most: flits.1 });
        }
        let mut sources = vec![Source::default(); endpoints as usize];
        for (place, flow) in self.flows.iter().enumerate() {
            let named = [flow.source.0, flow.destination.0];
            let far = named.into_iter().filter(|&endpoint| endpoint >= endpoints);
            errors.extend(far.map(|endpoint| FlowError::Endpoint { flow: place, endpoint, endpoints }));
            let share = 0.0..=1.0;
            if !share.contains(&flow.pir) || !share.contains(&flow.por) {
                errors.push(FlowError::Probability { flow: place, pir: flow.pir, por: flow.por });
            }
            if errors.is_empty() {
                let mut stream = Stream { flow: *flow, place: place as u64, active: 0, drawn: 0, next: None };
                stream.advance(seed, true);
                sources[flow.source.index()].streams.push(stream);
            }
        }
        if errors.is_empty() { Ok(FlowTraffic { flits, seed, sources }) } else { Err(errors) }
    }
}

/// A flow and where it is.
#[derive(Clone, Copy, Debug)]
struct Stream {
    flow: Flow,
    place: u64,
    /// Active cycles that are decided.
    active: u64,
    drawn: u64,
    next: Option<u64>,
}

impl Stream {
    /// Finds the next cycle with a packet; `first`: there has been none.
    fn advance(&mut self, seed: u64, first: bool) {
        // Flows are told apart from sources by their seed, which is another one.
        let key = derive(seed, 1);
        let draw = word(key, self.place, self.drawn);
        self.drawn += 1;
        let Flow { pir, por, .. } = self.flow;
        let at = if !first && unit(draw) < por {
            Some(self.active)
        } else {
            // The cycle after a packet has been decided by `por`.
            let decided = self.active.saturating_add(u64::from(!first));
            (pir > 0.0).then(|| decided.saturating_add(geometric(derive(draw, 1), pir)))
        };
        self.next = at.and_then(|at| self.flow.cycle(at));
        self.active = at.unwrap_or(u64::MAX).saturating_add(1);
    }
}

impl Flow {
    /// The cycle that is the `n`-th active one, from 0; `None` if there are fewer.
    fn cycle(&self, n: u64) -> Option<u64> {
        let end = self.t_off.or(self.t_period).unwrap_or(u64::MAX);
        let length = end.saturating_sub(self.t_on).checked_sub(1).filter(|&length| length > 0)?;
        let round = match self.t_period {
            Some(period) => (n / length).checked_mul(period)?,
            None if n < length => 0,
            None => return None,
        };
        round.checked_add(self.t_on + 1)?.checked_add(n % length)
    }
}

#[derive(Clone, Debug, Default)]
struct Source {
    made: u64,
    streams: Vec<Stream>,
}

/// Traffic of a [`FlowTable`].
#[derive(Clone, Debug)]
pub struct FlowTraffic {
    flits: (u16, u16),
    seed: u64,
    sources: Vec<Source>,
}

impl Traffic for FlowTraffic {
    /// Packets of several flows in one cycle come in order of the table.
    fn next(&mut self, source: EndpointId) -> Option<Arrival> {
        let Source { made, streams } = self.sources.get_mut(source.index())?;
        let ready = streams.iter_mut().filter(|stream| stream.next.is_some());
        let stream = ready.min_by_key(|stream| stream.next)?;
        let cycle = stream.next?;
        let destinations = Destinations::One(stream.flow.destination);
        stream.advance(self.seed, false);
        let draw = word(self.seed, source.0.into(), *made);
        *made += 1;
        let (least, most) = self.flits;
        let flits = least + below(derive(draw, 1), u64::from(most - least) + 1) as u16;
        Some(Arrival { cycle, destinations, flits, draw })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FlowTable, ReadError> {
        read_flows(text.as_bytes(), FlowDefaults { pir: 0.25 }, ReadLimits::default())
    }

    fn cycles(traffic: &mut FlowTraffic, source: u32, count: usize) -> Vec<u64> {
        std::iter::from_fn(|| traffic.next(EndpointId(source))).map(|a| a.cycle).take(count).collect()
    }

    #[test]
    fn shorter_lines_take_defaults() {
        let table =
            read("% remark\n0 1\n0 2 0.5\n1,2,0.5,0.125\n 1 3 -1 1.0 10\n2 3 1 1 3 6\n2 3 1 1 3 6 10\n");
        let flow = |source, destination, pir, por, t_on, t_off, t_period| Flow {
            source: EndpointId(source),
            destination: EndpointId(destination),
            pir,
            por,
            t_on,
            t_off,
            t_period,
        };
        assert_eq!(
            table.unwrap().flows,
            [
                flow(0, 1, 0.25, 0.25, 0, None, None),
                flow(0, 2, 0.5, 0.5, 0, None, None),
                flow(1, 2, 0.5, 0.125, 0, None, None),
                flow(1, 3, 0.25, 1.0, 10, None, None),
                flow(2, 3, 1.0, 1.0, 3, Some(6), None),
                flow(2, 3, 1.0, 1.0, 3, Some(6), Some(10)),
            ]
        );
    }

    #[test]
    fn every_bad_line_is_told() {
        let text = "0\n0 x\n0 1 2\n0 1 1 1 5 5\n0 1 1 1 5 7 7\n0 1 1 1 5 7 9 1\n0 1\n";
        let Err(ReadError::Lines { faults, stopped }) = read(text) else { panic!("no faults") };
        let lines: Vec<_> = faults.iter().map(|f| f.line).collect();
        assert_eq!((lines, stopped), (vec![1, 2, 3, 4, 5, 6], false));
        assert_eq!(faults[0].to_string(), "line 1: wanted a destination endpoint, found the end of the line");
        let three = ReadLimits { faults: 3, ..ReadLimits::default() };
        let stopped = read_flows(text.as_bytes(), FlowDefaults { pir: 0.0 }, three);
        assert!(matches!(stopped, Err(ReadError::Lines { faults, stopped: true }) if faults.len() == 3));
    }

    #[test]
    fn windows_open_and_close() {
        let table = read("0 1 1 1 3 6\n1 0 1 1 3 6 10\n2 0 1 1 3\n3 0 1 1 3 4\n").unwrap();
        let mut traffic = table.build(4, (1, 1), 7).unwrap();
        assert_eq!(cycles(&mut traffic, 0, 5), [4, 5]);
        assert_eq!(cycles(&mut traffic, 1, 5), [4, 5, 14, 15, 24]);
        assert_eq!(cycles(&mut traffic, 2, 3), [4, 5, 6]);
        assert_eq!(cycles(&mut traffic, 3, 3), [0; 0]);
        assert_eq!(table.build(2, (1, 1), 7).unwrap_err().len(), 2);
    }

    #[test]
    fn rates_are_those_of_the_table() {
        let table = read("0 1 0.1\n0 2 0.05 0.05\n1 2 0.1 0.5\n").unwrap();
        let mut traffic = table.build(3, (2, 5), 7).unwrap();
        let mut counts = [0; 3];
        while let Some(arrival) = traffic.next(EndpointId(0)).filter(|a| a.cycle < 100_000) {
            counts[arrival.destinations.as_slice()[0].index()] += 1;
            assert!((2..=5).contains(&arrival.flits));
        }
        assert!((9500..10500).contains(&counts[1]) && (4650..5350).contains(&counts[2]), "{counts:?}");
        // A packet is followed at once by another with probability 1/2: rate p / (p + 1 - 1/2) in the long run.
        let n = cycles(&mut traffic, 1, usize::MAX >> 40).iter().filter(|&&c| c < 100_000).count();
        assert!((15_600..17_700).contains(&n), "{n}");
    }
}
