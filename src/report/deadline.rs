//! What a shorter tick costs: one row a length, as text and as a page with a curve.

use super::html::{escape, page_start};
use super::text::{grouped, si};
use crate::chip::{ChipSpec, SyncPolicy};
use crate::run::Recording;
use serde::Serialize;
use std::fmt::Write;

/// A run with ticks of one length.
#[derive(Clone, Debug, Serialize)]
pub struct DeadlineRow {
    /// Length of a tick in picoseconds; `None` is a barrier.
    pub tick_ps: Option<u64>,
    /// Longest tick in picoseconds.
    pub longest_tick_ps: u64,
    /// Accuracy, 0 to 1; `None` without labels.
    pub accuracy: Option<f64>,
    /// Spikes of all neurons but inputs.
    pub spikes: u64,
    /// Copies owed.
    pub copies: u64,
    /// Copies that missed their tick.
    pub late: u64,
    /// Of them, those thrown away.
    pub dropped: u64,
    /// Copies nobody heard of before their sample ended.
    pub unheard: u64,
    /// Times that a core was not done when its tick ended.
    pub overruns: u64,
    /// Whether the run was cut short.
    pub interrupted: bool,
}

impl DeadlineRow {
    /// What a run on that chip gave.
    pub fn of(spec: &ChipSpec, recording: &Recording) -> Self {
        let counters = &recording.counters;
        Self {
            tick_ps: match spec.sync {
                SyncPolicy::Barrier => None,
                SyncPolicy::FixedTick { period_ps, .. } => Some(period_ps),
            },
            longest_tick_ps: counters.longest_tick_ps,
            accuracy: recording.accuracy(),
            spikes: counters.core_total().spikes,
            copies: counters.noc.copies_owed,
            late: counters.late.late,
            dropped: counters.late.dropped,
            unheard: counters.late.unheard,
            overruns: counters.late.overruns.values().sum(),
            interrupted: recording.interrupted(),
        }
    }

    fn late_share(&self) -> f64 {
        self.late as f64 / self.copies.max(1) as f64
    }

    fn tick(&self) -> String {
        self.tick_ps.map_or("barrier".into(), |ps| si(ps as f64 * 1e-12, "s"))
    }
}

/// The rows as a table for a terminal.
pub fn deadline_text(rows: &[DeadlineRow]) -> String {
    let mut out = String::from(
        "tick          accuracy          spikes      late copies           dropped      unheard     overruns\n",
    );
    for row in rows {
        let accuracy = row.accuracy.map_or("-".into(), |a| format!("{:.2} %", 100.0 * a));
        let _ = writeln!(
            out,
            "{:<12} {accuracy:>9} {:>15} {:>14} {:>6.2} % {:>14} {:>12} {:>12}",
            row.tick(),
            grouped(row.spikes),
            grouped(row.late),
            100.0 * row.late_share(),
            grouped(row.dropped),
            grouped(row.unheard),
            grouped(row.overruns)
        );
    }
    if let [barrier, ..] = rows {
        let _ = writeln!(
            out,
            "the longest tick under the barrier takes {}",
            si(barrier.longest_tick_ps as f64 * 1e-12, "s")
        );
    }
    out
}

/// The rows as a page: accuracy (or spikes against the barrier's) and late copies over the length of a tick.
pub fn deadline_page(name: &str, rows: &[DeadlineRow]) -> String {
    let mut out = page_start(&format!("{name}: late spikes"), name, "");
    out.push_str(
        "<p>What a tick of fixed length does to the function of the network: the shorter it is, the more spikes come late.</p>",
    );
    out.push_str(&curve(rows));
    let _ = writeln!(out, "<pre>{}</pre></main></body></html>", escape(&deadline_text(rows)));
    out
}

/// Curves over a logarithmic axis of lengths.
fn curve(rows: &[DeadlineRow]) -> String {
    let barrier = rows.first();
    let spikes = barrier.map_or(1, |row| row.spikes.max(1)) as f64;
    let labelled = barrier.is_some_and(|row| row.accuracy.is_some());
    let value = |row: &DeadlineRow| row.accuracy.unwrap_or(row.spikes as f64 / spikes).clamp(0.0, 1.5);
    let mut points: Vec<_> = rows
        .iter()
        .filter_map(|row| row.tick_ps.map(|ps| ((ps as f64).ln(), value(row), row.late_share(), row)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let (low, span) = (first.0, (last.0 - first.0).max(1e-9));
    let (width, height, left) = (720.0, 260.0, 60.0);
    let x = |at: f64| left + (width - left - 60.0) * (at - low) / span;
    let y = |share: f64| height - 40.0 - (height - 60.0) * share.min(1.0);
    let mut svg = format!(
        "<svg class=\"wide\" role=\"img\" aria-label=\"accuracy over the length of a tick\" viewBox=\"0 0 {width} {height}\">"
    );
    for share in [0.0, 0.5, 1.0] {
        let _ = write!(
            svg,
            "<path d=\"M{left} {0:.1}H{width}\" stroke=\"var(--line)\"/><text x=\"0\" y=\"{1:.1}\">{2:.0} %</text>",
            y(share),
            y(share) + 4.0,
            100.0 * share
        );
    }
    if let Some(row) = barrier {
        let _ = write!(
            svg,
            "<path d=\"M{left} {0:.1}H{width}\" stroke=\"var(--ink)\" stroke-dasharray=\"4 3\"><title>under the barrier</title></path>",
            y(value(row))
        );
    }
    let names = [
        (if labelled { "accuracy" } else { "spikes, of the barrier's" }, "--blue"),
        ("late copies", "--orange"),
    ];
    for (i, (name, colour)) in names.into_iter().enumerate() {
        let of = |point: &(f64, f64, f64, &DeadlineRow)| if i == 0 { point.1 } else { point.2 };
        let path: Vec<_> = points.iter().map(|p| format!("{:.1} {:.1}", x(p.0), y(of(p)))).collect();
        let _ = write!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"var({colour})\" stroke-width=\"2\"/>",
            path.join("L")
        );
        for point in &points {
            let _ = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"var({colour})\"><title>tick {}: {name} {:.2} %</title></circle>",
                x(point.0),
                y(of(point)),
                point.3.tick(),
                100.0 * of(point)
            );
        }
        let _ = write!(
            svg,
            "<circle cx=\"{0}\" cy=\"8\" r=\"4\" fill=\"var({colour})\"/><text x=\"{1}\" y=\"12\">{name}</text>",
            left + 200.0 * i as f64,
            left + 200.0 * i as f64 + 10.0
        );
    }
    for point in &points {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(point.0),
            height - 12.0,
            point.3.tick()
        );
    }
    svg.push_str("</svg>");
    svg
}
