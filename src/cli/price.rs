//! `spikemesh price`: one recording, priced under any tables without a second run.

use super::print;
use crate::energy::{EnergyReport, EnergyTable, EventCounts, MilliVolts, joules};
use crate::error::{Error, ErrorKind, Problem};
use crate::report::{band, grouped, si};
use crate::run::{Toggles, toggles};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Arguments of `price`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of a run, or its `summary.json`
    run: PathBuf,
    /// A price table by name or path; may be given several times [default: the table of the run]
    #[arg(long, value_name = "TABLE")]
    prices: Vec<String>,
    /// Supply in millivolts: events by C V^2, static power by the law its table states
    #[arg(long, value_name = "MV", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    mv: Option<u32>,
    /// Technology node in nanometres: hops by the published law of wires, everything else becomes unknown
    #[arg(long, value_name = "NM")]
    node: Option<u32>,
    /// Clock in MHz, for tables that price one
    #[arg(long, value_name = "MHZ")]
    clock_mhz: Option<String>,
    /// Count the bits that toggle on links in a trace of the run (`run --trace`), for tables whose hops are made of parts
    #[arg(long, value_name = "TRACE")]
    toggles: Option<PathBuf>,
    /// Print one JSON object, a list of reports
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let run = read_run(&arguments.run)?;
    let names = if arguments.prices.is_empty() { vec![run.table.clone()] } else { arguments.prices.clone() };
    let counted = arguments.toggles.as_deref().map(|trace| run.toggles(trace)).transpose()?;
    let (mut tables, mut problems) = (Vec::new(), Vec::new());
    for name in &names {
        match table(arguments, name, counted.as_ref()) {
            Ok(table) => tables.push(table),
            Err(error) => problems.push(error),
        }
    }
    if let Some(first) = problems.first() {
        let kind = first.kind;
        return Err(Error { kind, problems: problems.into_iter().flat_map(|error| error.problems).collect() });
    }
    let reports: Vec<_> = tables.iter().map(|table| table.price(&run.counts)).collect();
    if arguments.json {
        let reports: Vec<_> = reports.iter().map(object).collect();
        let text = serde_json::to_string_pretty(&serde_json::json!({ "schema": 1, "reports": reports }));
        print(&(text.expect("invariant: reports are valid JSON") + "\n"))?;
    } else {
        print(&text(&reports))?;
    }
    Ok(0)
}

/// A table at the toggles, voltage, node and clock asked for.
fn table(arguments: &Arguments, name: &str, counted: Option<&[Toggles; 2]>) -> Result<EnergyTable, Error> {
    let mut table = EnergyTable::load(name, Path::new("."))?;
    if let Some(counted) = counted {
        table = table.with_toggles(counted.map(|toggles| toggles.share()))?;
    }
    if let Some(mhz) = &arguments.clock_mhz {
        table = table.at_clock(mhz)?;
    }
    if let Some(mv) = arguments.mv {
        table = table.at_voltage(MilliVolts(mv))?;
    }
    match arguments.node {
        Some(nm) => table.at_node(nm),
        None => Ok(table),
    }
}

/// What a run's summary says that prices need.
struct PricedRun {
    counts: EventCounts,
    table: String,
    image: String,
}

impl PricedRun {
    /// Toggles in a trace of this run, or of another run of the same image.
    fn toggles(&self, trace: &Path) -> Result<[Toggles; 2], Error> {
        let (counted, image) = toggles(trace)?;
        if image != self.image {
            let what = format!("it is of another image ({image}) than the run ({})", self.image);
            let hint = "give the file that `spikemesh run --trace` wrote in this run";
            return Err(Error::one(ErrorKind::Invalid, trace.display().to_string(), what, hint));
        }
        Ok(counted)
    }
}

fn read_run(path: &Path) -> Result<PricedRun, Error> {
    let path = if path.is_dir() { path.join("summary.json") } else { path.to_owned() };
    let text = std::fs::read_to_string(&path).map_err(|e| Error::file(&path, "read", &e))?;
    let place = path.display().to_string();
    let refuse = |what: String, hint: &str| Error::one(ErrorKind::Invalid, place.clone(), what, hint);
    let summary: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| refuse(format!("it is not JSON: {e}"), "give the folder that `spikemesh run` wrote"))?;
    let counts: Option<BTreeMap<String, u64>> =
        summary.get("event_counts").and_then(|counts| serde_json::from_value(counts.clone()).ok());
    let Some(counts) = counts else {
        let what = "there is no `event_counts` of whole numbers in it".to_owned();
        return Err(refuse(what, "give the summary.json of a run; those of older versions lack it, run again"));
    };
    let counts = EventCounts::from_named(&counts).map_err(|strangers| Error {
        kind: ErrorKind::Invalid,
        problems: strangers
            .iter()
            .map(|name| {
                Problem::new(place.clone(), format!("`{name}` is not a cause"), "run again with this version")
            })
            .collect(),
    })?;
    let table =
        summary.pointer("/energy_j/table").and_then(|table| table.as_str()).unwrap_or("unpriced").to_owned();
    let image = summary.get("image_digest").and_then(|image| image.as_str()).unwrap_or("unknown").to_owned();
    Ok(PricedRun { counts, table, image })
}

fn object(report: &EnergyReport) -> serde_json::Value {
    let (least, most) = report.band();
    serde_json::json!({
        "table": report.table,
        "kind": report.kind,
        "total_known_j": joules(report.total_known()),
        "total_known_aj": report.total_known().to_string(),
        "band_j": [joules(least), most.map(joules)],
        "without_band": report.without_band(),
        "unknown": report.unknown(),
        "area": report.area,
        "causes": report.causes,
    })
}

fn text(reports: &[EnergyReport]) -> String {
    let mut out = String::new();
    for report in reports {
        let _ = writeln!(
            out,
            "{}, {}: {}{}",
            report.table,
            report.kind.name(),
            si(joules(report.total_known()), "J"),
            band(report)
        );
        let mut causes: Vec<_> = report.causes.iter().filter(|c| c.count > 0 && !c.included).collect();
        causes.sort_by_key(|c| std::cmp::Reverse(c.attojoules));
        for cause in causes {
            let cost = cause.attojoules.map_or("unknown".to_owned(), |aj| si(joules(aj), "J"));
            let count = match cause.cause {
                "static" | "clock" => si(cause.count as f64 * 1e-12, "s"),
                _ => grouped(cause.count),
            };
            let _ = writeln!(
                out,
                "  {:<21} {cost:>10}  {count:>15}  {}: {}",
                cause.cause, cause.citation.evidence, cause.citation.source
            );
        }
        let included: Vec<_> =
            report.causes.iter().filter(|c| c.count > 0 && c.included).map(|c| c.cause).collect();
        if !included.is_empty() {
            let _ = writeln!(out, "  included: {}", included.join(", "));
        }
    }
    out
}
