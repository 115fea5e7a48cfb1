//! Where packets come from: patterns, tables of flows, and files of known packets.

use super::settings::{SourceKind, SourceSettings};
use crate::chip::ChipSpec;
use crate::digest::Hasher;
use crate::error::{Error, Problem};
use crate::run::TraceReader;
use spikemesh_router::EndpointId;
use spikemesh_router::measure::{CYCLE_PS, ReplayTicks};
use spikemesh_router::traffic::{
    Arrival, FlowDefaults, FlowTable, FlowTraffic, PacketLines, PatternSpec, ProcessSpec, ReadLimits, Shape,
    SpikeLines, SpikeTiming, Synthetic, TracePacket, Traffic, TrafficSpec, read_flows,
};
use std::io::{BufReader, Read};
use std::path::Path;

/// Packets of a sweep, read once.
#[derive(Debug)]
pub(super) enum Source {
    /// A pattern; the process is text in which a rate has its place.
    Pattern(PatternSpec, String),
    /// Flows.
    Table(FlowTable),
    /// Known packets.
    Ticks(ReplayTicks),
}

/// Steady traffic of any kind.
#[derive(Clone, Debug)]
pub(super) enum Steady {
    Pattern(Box<Synthetic>),
    Table(FlowTraffic),
}

impl Traffic for Steady {
    fn next(&mut self, source: EndpointId) -> Option<Arrival> {
        match self {
            Steady::Pattern(traffic) => traffic.next(source),
            Steady::Table(traffic) => traffic.next(source),
        }
    }
}

/// A process with its rate: `bernoulli` or `on-off(on=10;off=30)`, with `rate` in flits a core and cycle.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn process_at(text: &str, rate: f64, flits: (u16, u16)) -> Result<ProcessSpec, String> {
    let (name, inner) = match text.trim().split_once('(') {
        Some((name, rest)) => (name.trim(), rest.trim_end().strip_suffix(')').unwrap_or(rest)),
        None => (text.trim(), ""),
    };
    let packets = rate * 2.0 / (f64::from(flits.0) + f64::from(flits.1));
    let setting = |key: &str| {
        let pair = |part: &str| part.split_once('=').map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned()));
        inner.split([';', ',']).filter_map(pair).find(|(k, _)| k == key).map(|(_, value)| value)
    };
    if setting("rate").is_some() || setting("probability").is_some() {
        return Err("rates are given by --rates; leave `rate` and `probability` out of the process".into());
    }
    let own = if name == "tick-burst" {
        let number = |key: &str| setting(key).and_then(|value| value.parse::<f64>().ok());
        let period =
            number("period").ok_or("`tick-burst` needs `period`, in cycles: tick-burst(period=1000)")?;
        let probability = packets * period / number("copies").unwrap_or(1.0);
        if probability > 1.0 {
            let most = number("copies").unwrap_or(1.0) / period * rate / packets;
            return Err(format!(
                "a rate of {rate} is more than one firing a period; at most {most} is possible"
            ));
        }
        format!("probability={probability}")
    } else {
        format!("rate={packets}")
    };
    let parted = if inner.trim().is_empty() { "" } else { ";" };
    format!("{name}({own}{parted}{inner})")
        .parse()
        .map_err(|e: spikemesh_router::traffic::TextError| e.to_string())
}

impl Source {
    /// Steady traffic at a rate or speed; `None` for what is replayed.
    pub(super) fn steady(
        &self,
        x: f64,
        flits: (u16, u16),
        seed: u64,
        shape: Shape,
    ) -> Option<Result<Steady, Vec<String>>> {
        match self {
            Source::Pattern(pattern, process) => Some(match process_at(process, x, flits) {
                Ok(process) => {
                    let spec =
                        TrafficSpec { pattern: pattern.clone(), process, flits, seed, start: 0, stop: None };
                    let built = spec.build(shape).map(|traffic| Steady::Pattern(Box::new(traffic)));
                    built.map_err(|errors| errors.iter().map(ToString::to_string).collect())
                }
                Err(error) => Err(vec![error]),
            }),
            Source::Table(table) => {
                let mut scaled = table.clone();
                for flow in &mut scaled.flows {
                    flow.pir *= x;
                    // Runs of packets keep their shape unless they would be without end.
                    flow.por = if flow.por < 1.0 { (flow.por * x).min(1.0) } else { flow.por };
                }
                let built = scaled.build(shape.endpoints(), flits, seed).map(Steady::Table);
                Some(built.map_err(|errors| errors.iter().map(ToString::to_string).collect()))
            }
            Source::Ticks(_) => None,
        }
    }
}

/// A file's digest, so that a results file knows whether it is still the same.
fn file_digest(path: &Path) -> Result<String, Error> {
    let failed = |e: std::io::Error| Error::file(path, "read", &e);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finish().to_string()),
            n => hasher.bytes(&buffer[..n]),
        }
    }
}

fn named(kind: SourceKind, name: String, path: &Path) -> Result<SourceSettings, Error> {
    Ok(SourceSettings { kind, name, detail: file_digest(path)? })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn open(path: &Path) -> Result<BufReader<std::fs::File>, Error> {
    std::fs::File::open(path).map(BufReader::new).map_err(|e| Error::file(path, "read", &e))
}

/// Bad lines as problems of the file.
fn bad(path: &Path, error: &impl ToString) -> Error {
    let problem = |line: &str| Problem::new(path.display().to_string(), line, "see docs/formats/traffic.md");
    Error::invalid(error.to_string().lines().map(problem).collect())
}

/// The table of flows in a file.
pub(super) fn read_table(path: &Path) -> Result<(Source, SourceSettings), Error> {
    let defaults = FlowDefaults { pir: 0.01 };
    let table = read_flows(open(path)?, defaults, ReadLimits::default()).map_err(|e| bad(path, &e))?;
    Ok((Source::Table(table), named(SourceKind::Table, file_name(path), path)?))
}

/// The packets of a run, with the chip it ran on.
pub(super) fn read_run(path: &Path) -> Result<(ReplayTicks, SourceSettings, ChipSpec), Error> {
    let mut reader = TraceReader::open(path)?;
    let chip = reader.header().chip.clone();
    let endpoints = chip.topology()?.endpoints().len() as u32;
    let endpoint = |&e: &u32| (e < endpoints).then_some(EndpointId(e));
    let mut routes = Vec::new();
    for (number, (source, to)) in reader.header().routes.iter().enumerate() {
        let to: Option<Vec<EndpointId>> = to.iter().map(endpoint).collect();
        let (Some(source), Some(to)) = (endpoint(source), to) else {
            let what = format!("route {number} names an endpoint that the chip does not have");
            return Err(bad(path, &what));
        };
        routes.push((source, to));
    }
    let name = format!("{} ({})", reader.header().network, file_name(path));
    let (mut ticks, mut at) = (ReplayTicks::default(), None);
    while let Some(record) = reader.next_record()? {
        let here = (record.sample, record.tick);
        if at.is_some_and(|at| at != here) {
            ticks.end_tick();
        }
        at = Some(here);
        let (source, to) = &routes[record.route as usize];
        ticks.push(record.at_ps, *source, to, record.flits);
    }
    ticks.end_tick();
    Ok((ticks, named(SourceKind::Run, name, path)?, chip))
}

/// The packets of a CSV file, as one tick.
pub(super) fn read_packets(path: &Path, endpoints: u32) -> Result<(ReplayTicks, SourceSettings), Error> {
    let lines = PacketLines::new(open(path)?, ReadLimits::default());
    let ticks = gather(path, lines, endpoints, |_| 0)?;
    Ok((ticks, named(SourceKind::Packets, file_name(path), path)?))
}

/// Cycles between the first of two time steps: more than any step's work.
const STEP: u64 = 1 << 40;

/// The spike messages of a CSV file; a time step is a tick.
pub(super) fn read_spikes(
    path: &Path,
    endpoints: u32,
    cores_per_tile: u32,
    cycle_ps: u64,
    flits: u16,
) -> Result<(ReplayTicks, SourceSettings), Error> {
    let timing = SpikeTiming { cores_per_tile, cycle_s: cycle_ps as f64 * 1e-12, step_cycles: STEP, flits };
    let lines = SpikeLines::new(open(path)?, timing, ReadLimits::default());
    let ticks = gather(path, lines, endpoints, |cycle| cycle / STEP)?;
    let mut settings = named(SourceKind::Spikes, file_name(path), path)?;
    settings.detail = format!("{} at {cycle_ps} ps", settings.detail);
    Ok((ticks, settings))
}

fn gather(
    path: &Path,
    lines: impl Iterator<Item = Result<TracePacket, spikemesh_router::traffic::ReadError>>,
    endpoints: u32,
    tick_of: impl Fn(u64) -> u64,
) -> Result<ReplayTicks, Error> {
    let mut packets = lines.collect::<Result<Vec<_>, _>>().map_err(|e| bad(path, &e))?;
    let named = |packet: &TracePacket| {
        packet.destinations.as_slice().iter().map(|e| e.0).chain([packet.source.0]).max()
    };
    if let Some((place, far)) =
        packets.iter().map(|p| named(p).unwrap_or(0)).enumerate().find(|p| p.1 >= endpoints)
    {
        let what = format!("packet {place} names endpoint {far}; the network has {endpoints}, numbered from 0");
        let hint = "give the size of the network: --mesh COLUMNSxROWS --cores-per-router N";
        return Err(Error::invalid(vec![Problem::new(path.display().to_string(), what, hint)]));
    }
    packets.sort_by_key(|packet| packet.cycle);
    let mut ticks = ReplayTicks::default();
    let mut at = 0;
    for packet in &packets {
        let tick = tick_of(packet.cycle);
        if tick != at {
            ticks.end_tick();
            at = tick;
        }
        let first = if tick == 0 { 0 } else { tick * STEP };
        ticks.push(
            (packet.cycle - first) * CYCLE_PS,
            packet.source,
            packet.destinations.as_slice(),
            packet.flits,
        );
    }
    ticks.end_tick();
    Ok(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_finds_its_place_in_the_process() {
        let at = |text: &str, flits| process_at(text, 0.3, flits).map(|p| p.mean_rate());
        assert_eq!(at("bernoulli", (1, 1)), Ok(0.3));
        assert_eq!(at("bernoulli", (1, 5)).map(|r| (r * 1e6).round()), Ok(1e5));
        assert_eq!(at("on-off(on=10;off=10)", (1, 1)), Ok(0.3));
        let burst = at("tick-burst(period=10;copies=4;window=5)", (1, 1)).unwrap();
        assert!((burst - 0.3).abs() < 1e-12, "{burst}");
        for bad in ["bernoulli(rate=0.1)", "bernouli", "on-off", "tick-burst", "tick-burst(period=100)"] {
            assert!(at(bad, (1, 1)).is_err(), "{bad}");
        }
    }
}
