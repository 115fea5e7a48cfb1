//! Curves of all strategies side by side, as SVG.

use super::rows::Row;
use super::settings::{RouteLevel, Settings};
use super::text::short;
use crate::report::escape;
use std::fmt::Write;

/// A point of a curve: where, and what its title says.
struct Mark {
    x: f64,
    y: f64,
    saturated: bool,
    title: String,
}

/// A strategy's curve at one level.
struct Curve {
    name: String,
    style: usize,
    marks: Vec<Mark>,
}

/// What a drawing shows upward.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Upward {
    Mean,
    P99,
    Accepted,
    Tick,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 44.0;
const TOP: f64 = 12.0;
const RIGHT: f64 = 12.0;
/// Latencies above so many times the lowest are past saturation: the axis ends there.
const CLIP: f64 = 12.0;

/// Colours that are told apart on white and on black, and by most of the colour-blind.
const COLOURS: [&str; 8] =
    ["#2f7ed8", "#d9622b", "#2a9d5c", "#b04bb3", "#c49a00", "#12a5a5", "#d64570", "#7a7f8c"];
const DASHES: [&str; 4] = ["", "6 3", "2 3", "9 3 2 3"];

/// Colour and dash of the n-th curve.
pub(super) fn stroke(n: usize) -> String {
    let dash = DASHES[(n / COLOURS.len()) % DASHES.len()];
    let colour = COLOURS[n % COLOURS.len()];
    let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
    format!("stroke=\"{colour}\"{dash}")
}

fn curves(settings: &Settings, rows: &[Row<'_>], upward: Upward) -> Vec<Curve> {
    let mut curves = Vec::new();
    for &level in &settings.levels {
        for strategy in &settings.strategies {
            let own = rows.iter().filter(|row| row.key.level == level && row.key.strategy == strategy.name);
            let marks: Vec<Mark> = own.filter_map(|row| mark(settings, row, upward)).collect();
            let name = match level {
                RouteLevel::Flit => strategy.name.clone(),
                other => format!("{} ({})", strategy.name, other.name()),
            };
            let style = curves.len();
            curves.push(Curve { name, style, marks });
        }
    }
    curves
}

fn mark(settings: &Settings, row: &Row<'_>, upward: Upward) -> Option<Mark> {
    let found = row.found.ok()?;
    let mean = found.latency.mean();
    let y = match upward {
        Upward::Mean => mean?,
        Upward::P99 => mean.map(|_| found.latency.p99 as f64)?,
        Upward::Accepted => found.accepted_rate(),
        Upward::Tick => found.ticks.as_ref()?.end.mean()?,
    };
    let speed = if settings.source.kind.has_rates() { String::new() } else { format!(", speed {}", row.key.x) };
    let title = format!(
        "{}{speed}: offered {:.4}, accepted {:.4} flits a core and cycle; latency mean {}, p99 {}, max {} cycles{}{}",
        row.key.strategy,
        found.offered_rate(),
        found.accepted_rate(),
        mean.map_or_else(|| "-".into(), short),
        found.latency.p99,
        found.latency.max,
        found.ticks.and_then(|t| t.end.mean()).map(|t| format!("; tick {}", short(t))).unwrap_or_default(),
        if found.is_saturated() { "; saturated" } else { "" }
    );
    Some(Mark { x: found.offered_rate(), y, saturated: found.is_saturated(), title })
}

/// Round steps from 0 to `most`: four to eight.
fn steps(most: f64) -> Vec<f64> {
    let raw = most / 8.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * power).into_iter().find(|s| *s >= raw).unwrap_or(raw);
    (0..=(most / step + 1e-9) as u32).map(|i| f64::from(i) * step).collect()
}

/// Values of a logarithmic axis that have a line.
fn log_steps(low: f64, high: f64) -> Vec<f64> {
    let all = (0..8).flat_map(|p| [1.0, 2.0, 5.0].map(|s| s * 10f64.powi(p)));
    all.filter(|v| (low..=high).contains(v)).collect()
}

/// A drawing; empty where there is nothing to draw.
pub(super) fn drawing(settings: &Settings, rows: &[Row<'_>], upward: Upward) -> String {
    let curves = curves(settings, rows, upward);
    let marks = || curves.iter().flat_map(|curve| &curve.marks);
    if marks().next().is_none() {
        return String::new();
    }
    let widest = marks().map(|m| m.x).fold(0.0, f64::max).max(1e-9) * 1.04;
    let lowest = marks().map(|m| m.y).fold(f64::INFINITY, f64::min).max(1e-9);
    let highest = marks().map(|m| m.y).fold(0.0, f64::max).max(1e-9);
    let logarithmic = upward != Upward::Accepted;
    // Ticks end: they are never clipped.
    let clip = if upward == Upward::Tick { f64::INFINITY } else { CLIP };
    let (low, high) = if logarithmic {
        (lowest * 0.9, (highest * 1.1).min(lowest * clip).max(lowest * 1.5))
    } else {
        (0.0, highest * 1.08)
    };
    let x_at = |x: f64| LEFT + (WIDTH - LEFT - RIGHT) * x / widest;
    let y_at = |y: f64| {
        let share =
            if logarithmic { (y.max(low) / low).ln() / (high / low).ln() } else { (y - low) / (high - low) };
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share.min(1.0)
    };
    let label = match upward {
        Upward::Mean => "mean latency, cycles",
        Upward::P99 => "99th percentile of the latency, cycles",
        Upward::Accepted => "accepted flits a core and cycle",
        Upward::Tick => "cycles of a tick, mean",
    };
    let mut out =
        format!("<svg class=\"wide\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">");
    let lines = if logarithmic { log_steps(low, high) } else { steps(high) };
    for value in lines {
        let y = y_at(value);
        let _ = write!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"var(--line)\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            plain(value)
        );
    }
    for value in steps(widest) {
        let x = x_at(value);
        let _ = write!(
            out,
            "<path d=\"M{x:.1} {TOP}V{:.1}\" stroke=\"var(--line)\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 15.0,
            plain(value)
        );
    }
    let _ = write!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">offered flits a core and cycle</text><text x=\"4\" y=\"{:.1}\" transform=\"rotate(-90 12 {:.1})\" text-anchor=\"middle\">{label}</text>",
        WIDTH - RIGHT,
        HEIGHT - 10.0,
        HEIGHT / 2.0,
        HEIGHT / 2.0
    );
    if !logarithmic {
        let end = widest.min(high);
        let _ = write!(
            out,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"var(--soft)\" stroke-dasharray=\"1 4\"><title>accepted = offered</title></path>",
            x_at(0.0),
            y_at(0.0),
            x_at(end),
            y_at(end)
        );
    }
    for curve in &curves {
        line(&mut out, curve, &x_at, &y_at);
    }
    out.push_str("</svg>");
    out
}

fn plain(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn line(out: &mut String, curve: &Curve, x_at: &dyn Fn(f64) -> f64, y_at: &dyn Fn(f64) -> f64) {
    let stroke = stroke(curve.style);
    let name = escape(&curve.name);
    let points: Vec<_> = curve.marks.iter().map(|m| format!("{:.1} {:.1}", x_at(m.x), y_at(m.y))).collect();
    if points.len() > 1 {
        let _ = write!(
            out,
            "<path d=\"M{}\" fill=\"none\" stroke-width=\"1.8\" {stroke}><title>{name}</title></path>",
            points.join("L")
        );
    }
    for mark in &curve.marks {
        // Past saturation a mark is hollow.
        let colour = COLOURS[curve.style % COLOURS.len()];
        let fill = if mark.saturated { "var(--paper)" } else { colour };
        let _ = write!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.4\" fill=\"{fill}\" stroke=\"{colour}\"><title>{}</title></circle>",
            x_at(mark.x),
            y_at(mark.y),
            escape(&mark.title)
        );
    }
}

/// Names of all curves with their strokes.
pub(super) fn legend(settings: &Settings, rows: &[Row<'_>]) -> String {
    let mut out = String::from("<p class=\"legend\">");
    for curve in curves(settings, rows, Upward::Mean) {
        let _ = write!(
            out,
            "<span><svg class=\"key\" viewBox=\"0 0 28 10\"><path d=\"M0 5H28\" stroke-width=\"2.4\" {}/></svg>{}</span> ",
            stroke(curve.style),
            escape(&curve.name)
        );
    }
    out.push_str("</p>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_steps() {
        assert_eq!((steps(0.5).len(), steps(0.9).len()), (6, 5));
        assert_eq!(steps(1.04).last().copied(), Some(1.0));
        assert_eq!(log_steps(9.0, 110.0), [10.0, 20.0, 50.0, 100.0]);
        assert_eq!((plain(0.3), plain(20.0)), ("0.3".to_owned(), "20".to_owned()));
    }

    #[test]
    fn curves_are_told_apart() {
        let strokes: std::collections::BTreeSet<_> = (0..32).map(stroke).collect();
        assert_eq!(strokes.len(), 32);
    }
}
