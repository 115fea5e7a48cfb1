//! `spikemesh deadline`: how short a tick may be before late spikes show.

use super::output::refuse_existing;
use super::run::{AFTER_SAMPLES, stop_on_interrupt};
use super::{ConfigArgument, load_network, print, say};
use crate::chip::{ChipImage, Late, SyncPolicy};
use crate::config::RunConfig;
use crate::error::{Error, ErrorKind};
use crate::mapper::map;
use crate::report::{DeadlineRow, deadline_page, deadline_text};
use crate::run::{Runner, Stimulus};
use spikemesh_router::Level;
use std::path::PathBuf;

/// Arguments of `deadline`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Lengths of a tick to try, as in 10us,5us,800ns [default: 1/8 to 2 times the longest tick of a barrier]
    #[arg(long, value_name = "TIMES", value_delimiter = ',', value_parser = picoseconds)]
    periods: Vec<u64>,
    /// What becomes of late copies
    #[arg(long, value_name = "WHAT", value_parser = ["deliver", "drop"], default_value = "drop")]
    late: String,
    /// Network level; the analytic one has no contention
    #[arg(long, value_name = "LEVEL", value_parser = ["analytic", "packet", "flit"], default_value = "packet")]
    level: String,
    /// Run at most so many samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Threads; results do not depend on it [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Write a page with the curve
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write over a page that is there already
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A time with a unit, in picoseconds.
fn picoseconds(text: &str) -> Result<u64, String> {
    let wanted = || format!("`{text}` is not a time: a whole number and ps, ns, us or ms");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match &text[digits.len()..] {
        "ps" => 1,
        "ns" => 1_000,
        "us" => 1_000_000,
        "ms" => 1_000_000_000,
        _ => return Err(wanted()),
    };
    let number: u64 = digits.parse().map_err(|_| wanted())?;
    let ps = number.checked_mul(factor).filter(|ps| (1..=1 << 34).contains(ps));
    ps.ok_or_else(|| format!("`{text}` is out of range: 1 ps to 17 ms"))
}

/// Shares of the longest tick of a barrier that are tried by default, in eighths.
const EIGHTHS: [u64; 8] = [16, 8, 6, 4, 3, 2, 1, 0];

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let config = RunConfig::load(&arguments.config.config)?;
    refuse_existing(&[("the page", arguments.html.as_deref())], arguments.force)?;
    let network = load_network(&config)?;
    let stimulus = Stimulus::load(&config.stimulus, &network, config.ticks, config.seed)?
        .limited(arguments.limit.map(|n| n as usize));
    stimulus.warnings().iter().for_each(|warning| say(&format!("warning: {warning}")));
    let mut image = map(&network, &config.chip, &config.map)?.image;
    let stop = stop_on_interrupt(AFTER_SAMPLES)?;
    let level = Level::by_name(&arguments.level).unwrap_or(Level::Packet);
    let threads = arguments
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let measure = |image: &ChipImage| {
        let runner = Runner {
            threads,
            level,
            reference: None,
            trace: None,
            recorder: None,
            stop: &stop,
            progress: &|_, _| {},
        };
        runner.run(image, &stimulus).map(|recording| DeadlineRow::of(&image.spec, &recording))
    };
    image.spec.sync = SyncPolicy::Barrier;
    let mut rows = vec![measure(&image)?];
    let longest_ps = rows[0].longest_tick_ps;
    let own = || EIGHTHS.iter().map(|eighths| longest_ps * eighths / 8).filter(|ps| *ps > 0).collect();
    let periods: Vec<u64> = if arguments.periods.is_empty() { own() } else { arguments.periods.clone() };
    let late =
        Late::NAMED.iter().find(|(name, _)| *name == arguments.late).map_or(Late::Drop, |(_, late)| *late);
    for period_ps in periods {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            break;
        }
        image.spec.sync = SyncPolicy::FixedTick { period_ps, late };
        rows.push(measure(&image)?);
    }
    if arguments.json {
        let object = serde_json::json!({ "schema": 1, "name": config.name, "level": level, "rows": rows });
        print(&(serde_json::to_string_pretty(&object).expect("invariant: rows are valid JSON") + "\n"))?;
    } else {
        print(&deadline_text(&rows))?;
    }
    if let Some(path) = &arguments.html {
        let page = deadline_page(&config.name, &rows);
        std::fs::write(path, page).map_err(|e| Error::file(path, "write", &e))?;
    }
    if rows.iter().any(|row| row.interrupted) || stop.load(std::sync::atomic::Ordering::Relaxed) {
        say("interrupted: what is measured so far is shown");
        return Ok(ErrorKind::Interrupted.exit_code());
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_a_range() {
        assert_eq!(picoseconds("10us"), Ok(10_000_000));
        assert_eq!(picoseconds("1ps"), Ok(1));
        for bad in ["10", "us", "-1us", "1s", "0ns", "18ms", "99999999999999999999ms", "1.5us"] {
            assert!(picoseconds(bad).is_err(), "{bad}");
        }
    }
}
