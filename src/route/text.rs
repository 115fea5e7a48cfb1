//! Results for a terminal.

use super::ranking::{ranking, signed};
use super::results::Results;
use super::rows::Row;
use super::settings::RouteLevel;
use spikemesh_router::measure::Measurement;
use std::fmt::Write;

/// A quantity of joules with a prefix.
pub(super) fn joules(value: f64) -> String {
    crate::report::si(value, "J")
}

/// A number with three or four digits that matter.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 100.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// What is to be said of a point beside its numbers.
pub(super) fn note(found: &Measurement) -> String {
    let mut notes = Vec::new();
    if found.is_saturated() {
        let reasons: Vec<_> = found.saturated.iter().map(|why| why.name()).collect();
        notes.push(format!("saturated: {}", reasons.join(", ")));
    }
    let lost: u64 = found.packets.lost.values().sum();
    if lost > 0 {
        let causes: Vec<_> = found.packets.lost.iter().map(|(cause, n)| format!("{n} {cause}")).collect();
        notes.push(format!("lost: {}", causes.join(", ")));
    }
    notes.join("; ")
}

/// The table of all finished points, and who is best.
pub fn table(results: &Results, rows: &[Row<'_>]) -> String {
    let settings = results.settings();
    let mut out =
        format!("{:<10} {}\n{:<10} {}\n", "network", settings.network(), "traffic", settings.traffic());
    let _ = writeln!(out, "{:<10} {}", "routers", routers(results));
    if !settings.faults.is_empty() {
        let _ = writeln!(out, "{:<10} {}", "fails", settings.failing());
    }
    if settings.tick_stride > 1 {
        let (all, stride) = (settings.ticks, settings.tick_stride);
        let _ = writeln!(out, "{:<10} one in {stride} of {all}; --ticks {all} replays them all", "ticks");
    }
    for (name, why) in &settings.left_out {
        let _ = writeln!(out, "{:<10} {name}: {why}", "left out");
    }
    let width = settings.strategies.iter().map(|s| s.name.len()).max().unwrap_or(8).max(8);
    let _ = writeln!(
        out,
        "\n{:<width$} {:<8} {:>8} {:>8} {:>8} {:>9} {:>6} {:>6} {:>7} {:>6} {:>9} {:>10}",
        "strategy",
        "level",
        settings.x_name(),
        "offered",
        "accepted",
        "mean",
        "p50",
        "p99",
        "max",
        "hops",
        "busiest",
        "energy"
    );
    for row in rows {
        let key = row.key;
        let _ = write!(out, "{:<width$} {:<8} {:>8} ", key.strategy, key.level.name(), key.x);
        match row.found {
            Err(why) => {
                let _ = writeln!(out, "{why}");
            }
            Ok(found) => {
                let latency = &found.latency;
                let busiest = found.busiest_link().map_or(0.0, |(link, _)| found.utilisation(link));
                let _ = write!(
                    out,
                    "{:>8.4} {:>8.4} {:>9} {:>6} {:>6} {:>7} {:>6} {:>7.1} % {:>10}",
                    found.offered_rate(),
                    found.accepted_rate(),
                    latency.mean().map_or_else(|| "-".into(), short),
                    latency.p50,
                    latency.p99,
                    latency.max,
                    found.mean_hops().map_or_else(|| "-".into(), |hops| format!("{hops:.2}")),
                    100.0 * busiest,
                    row.packet_energy_j().map_or_else(|| "unknown".into(), joules)
                );
                let note = note(found);
                let _ = if note.is_empty() { writeln!(out) } else { writeln!(out, "  {note}") };
            }
        }
    }
    if results.missing() > 0 {
        let _ = writeln!(out, "\n{} of {} points are not there yet", results.missing(), results.points().len());
    }
    best(&mut out, results, rows);
    levels(&mut out, results, rows);
    out
}

/// The routers in words.
pub(super) fn routers(results: &Results) -> String {
    let settings = results.settings();
    let channels = match settings.channels {
        Some(channels) => format!("{channels} virtual channels"),
        None => {
            let all: Vec<u8> = settings.strategies.iter().map(|s| s.channels).collect();
            match (all.iter().min(), all.iter().max()) {
                (Some(least), Some(most)) if least < most => format!("{least} to {most} virtual channels"),
                (Some(least), _) => format!("{least} virtual channels"),
                _ => String::new(),
            }
        }
    };
    let mut text = format!(
        "{channels} of {} flits, seed {}, a cycle is {} ps",
        settings.depth, settings.seed, settings.cycle_ps
    );
    if let Some((emergency, drop)) = settings.timeouts {
        let _ = write!(text, ", timeouts {emergency} and {drop} cycles");
    }
    settings.router.iter().for_each(|line| {
        let _ = write!(text, ", {line}");
    });
    text
}

fn best(out: &mut String, results: &Results, rows: &[Row<'_>]) {
    let settings = results.settings();
    let Some(ranking) = ranking(settings, rows) else { return };
    if ranking.ranked.len() < 2 {
        return;
    }
    let _ = writeln!(out, "\n{}", ranking.sentence(settings));
    let _ = writeln!(
        out,
        "at {} {} ({} level), the best first:",
        settings.x_name(),
        ranking.x,
        ranking.level.name()
    );
    for (place, one) in (1..).zip(&ranking.ranked) {
        let parts = [
            (one.p99_change, "p99"),
            (one.mean_change, "mean"),
            (one.tick_change, "tick"),
            (one.throughput_change, "throughput"),
            (one.energy_change, "energy"),
        ];
        let mut parts: Vec<_> =
            parts.into_iter().filter_map(|(change, of)| Some(format!("{} {of}", signed(change?)))).collect();
        parts.extend((one.lost_percent > 0.0).then(|| format!("{:.1} % lost", one.lost_percent)));
        let saturated = if one.keeps_up { "" } else { "  (saturated)" };
        let _ = writeln!(out, "{place:>3}  {:<20} {}{saturated}", one.strategy, parts.join(", "));
    }
}

/// How far the faster levels are off.
pub(super) fn level_errors(rows: &[Row<'_>]) -> Vec<(RouteLevel, String, f64, f64, Option<f64>)> {
    let mut errors = Vec::new();
    for row in rows.iter().filter(|row| row.key.level != RouteLevel::Flit) {
        let same = |other: &&Row<'_>| {
            other.key.level == RouteLevel::Flit
                && other.key.strategy == row.key.strategy
                && other.key.x == row.key.x
        };
        let Some((flit, own)) = rows.iter().find(same).and_then(|flit| flit.found.ok().zip(row.found.ok()))
        else {
            continue;
        };
        let percent = |a: f64, b: f64| if b > 0.0 { 100.0 * (a - b) / b } else { 0.0 };
        let Some((a, b)) = own.latency.mean().zip(flit.latency.mean()) else { continue };
        let tick = own.ticks.zip(flit.ticks).map(|(a, b)| percent(a.end.sum as f64, b.end.sum as f64));
        errors.push((row.key.level, row.key.strategy.clone(), row.key.x, percent(a, b), tick));
    }
    errors
}

fn levels(out: &mut String, results: &Results, rows: &[Row<'_>]) {
    let errors = level_errors(rows);
    if errors.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nagainst the flit level:");
    for (level, strategy, x, mean, tick) in errors {
        let tick = tick.map(|tick| format!(", tick time {tick:+.1} %")).unwrap_or_default();
        let what = results.settings().x_name();
        let _ = writeln!(
            out,
            "  {:<8} {strategy:<16} at {what} {x}: mean latency {mean:+.1} %{tick}",
            level.name()
        );
    }
}
