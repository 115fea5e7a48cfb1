//! Results as one self-contained page: no script, no font, no picture from elsewhere; every mark has a title with its
//! numbers.

use super::curves::{Upward, drawing, legend};
use super::heat_map;
use super::ranking::{Ranking, ranking, signed};
use super::results::Results;
use super::rows::Row;
use super::text::{joules, level_errors, note, routers, short};
use crate::report::{escape, grouped, page_start};
use std::fmt::Write;

const OWN_STYLE: &str = "\
.legend span{display:inline-block;margin-right:.9rem;white-space:nowrap}svg.key{display:inline-block;width:1.75rem;height:.6rem;margin-right:.3rem}\
.maps{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1rem}figure{margin:0}figcaption{font-size:.85rem;color:var(--soft)}\
.best{color:var(--ink);font-size:1.05rem}";

fn section(out: &mut String, heading: &str, note: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(out, "<h2>{heading}</h2><p>{note}</p>{body}");
    }
}

/// The page.
pub fn page(results: &Results, rows: &[Row<'_>]) -> String {
    let settings = results.settings();
    let title = format!("Routing: {}", settings.traffic());
    let mut out = page_start(&title, &title, OWN_STYLE);
    let _ = write!(out, "<p>{} \u{b7} {}</p>", escape(&settings.network()), escape(&routers(results)));
    if !settings.faults.is_empty() {
        let _ = write!(out, "<p>{}</p>", escape(&settings.failing()));
    }
    if results.missing() > 0 {
        let _ = write!(
            out,
            "<p class=\"warn\">{} of {} points are not there yet.</p>",
            results.missing(),
            results.points().len()
        );
    }
    let ranking = ranking(settings, rows).filter(|ranking| ranking.ranked.len() > 1);
    if let Some(ranking) = &ranking {
        let _ = write!(out, "<p class=\"best\">{}.</p>", escape(&ranking.sentence(settings)));
    }
    let legend = legend(settings, rows);
    let latency = drawing(settings, rows, Upward::Mean);
    let clipped = "Logarithmic; what lies far above the lowest latency is drawn at the upper edge. Hollow marks are \
                   saturated.";
    section(
        &mut out,
        "Latency and load",
        clipped,
        &if latency.is_empty() { latency } else { latency + &legend },
    );
    section(
        &mut out,
        "The slowest packets",
        "99 of 100 packets are at least as fast as this.",
        &drawing(settings, rows, Upward::P99),
    );
    if settings.source.kind.is_replay() {
        let note = "From a tick's start to its last arrival; faster creation shortens it until the network is what takes the time.";
        section(&mut out, "Ticks", note, &drawing(settings, rows, Upward::Tick));
    } else {
        let note = "The dotted line is where everything that is offered is accepted.";
        section(&mut out, "Throughput", note, &drawing(settings, rows, Upward::Accepted));
    }
    if let Some(ranking) = &ranking {
        let note = format!(
            "At {} {}, {} level; changes are against {}. Those that keep up come first, then by throughput and 99th percentile.",
            settings.x_name(),
            ranking.x,
            ranking.level.name(),
            escape(&ranking.baseline)
        );
        section(&mut out, "Ranking", &note, &ranking_table(ranking));
    }
    section(
        &mut out,
        "Where the traffic is",
        &heat_map::note(settings, rows),
        &heat_map::drawings(settings, rows),
    );
    section(&mut out, "Against the flit level", "How far the faster levels are off.", &levels(rows));
    section(
        &mut out,
        "All points",
        "Latencies in cycles; rates in flits a core and cycle.",
        &table(results, rows),
    );
    left_out(&mut out, results);
    let _ = write!(out, "<h2>Settings</h2><p><code>{}</code></p>", settings.digest());
    let _ = writeln!(
        out,
        "<div class=\"scroll\"><code>{}</code></div></main></body></html>",
        escape(&serde_json::to_string(settings).expect("invariant: settings are valid JSON"))
    );
    out
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "<td>unknown</td>".into(), |value| format!("<td>{}</td>", signed(value)))
}

fn ranking_table(ranking: &Ranking) -> String {
    let replayed = ranking.ranked.iter().any(|r| r.tick.is_some());
    let other = if replayed { "tick time" } else { "throughput" };
    let mut out = format!(
        "<div class=\"scroll\"><table><tr><th>strategy</th><th>p99</th><th></th><th>mean</th><th></th><th>{other}</th><th></th><th>energy a packet</th><th></th></tr>"
    );
    for one in &ranking.ranked {
        let saturated = if one.keeps_up { "" } else { " <span class=\"warn\">saturated</span>" };
        let lost = match one.lost_percent {
            lost if lost > 0.0 => format!(" <span class=\"warn\">{lost:.1} % lost</span>"),
            _ => String::new(),
        };
        let (value, change) =
            if replayed { (one.tick, one.tick_change) } else { (one.throughput, one.throughput_change) };
        let _ = write!(
            out,
            "<tr><td>{}{saturated}{lost}</td><td>{}</td>{}<td>{}</td>{}<td>{}</td>{}<td>{}</td>{}</tr>",
            escape(&one.strategy),
            one.p99,
            cell(one.p99_change),
            short(one.mean),
            cell(one.mean_change),
            value.map_or_else(|| "unknown".into(), short),
            cell(change),
            one.energy_j.map_or_else(|| "unknown".into(), joules),
            cell(one.energy_change)
        );
    }
    out.push_str("</table></div>");
    out
}

fn levels(rows: &[Row<'_>]) -> String {
    let errors = level_errors(rows);
    if errors.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<div class=\"scroll\"><table><tr><th>strategy</th><th>level</th><th>at</th><th>mean latency</th><th>tick time</th></tr>",
    );
    for (level, strategy, x, mean, tick) in errors {
        let tick = tick.map_or_else(|| "-".into(), |tick| format!("{tick:+.1} %"));
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{x}</td><td>{mean:+.1} %</td><td>{tick}</td></tr>",
            escape(&strategy),
            level.name()
        );
    }
    out.push_str("</table></div>");
    out
}

fn table(results: &Results, rows: &[Row<'_>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<div class=\"scroll\"><table><tr><th>strategy</th><th>level</th><th>{}</th><th>offered</th><th>accepted</th><th>mean</th><th>\u{b1} 95 %</th><th>p50</th><th>p95</th><th>p99</th><th>p99.9</th><th>max</th><th>hops</th><th>packets</th><th>energy a packet</th><th></th></tr>",
        results.settings().x_name()
    );
    for row in rows {
        let key = row.key;
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td>",
            escape(&key.strategy),
            key.level.name(),
            key.x
        );
        match row.found {
            Err(why) => {
                let _ = write!(out, "<td class=\"note\" colspan=\"13\">{}</td></tr>", escape(why));
            }
            Ok(found) => {
                let latency = &found.latency;
                let _ = write!(
                    out,
                    "<td>{:.4}</td><td>{:.4}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"note\">{}</td></tr>",
                    found.offered_rate(),
                    found.accepted_rate(),
                    latency.mean().map_or_else(|| "-".into(), short),
                    found.interval().map_or_else(|| "-".into(), |i| short(i.half_width)),
                    latency.p50,
                    latency.p95,
                    latency.p99,
                    latency.p999,
                    latency.max,
                    found.mean_hops().map_or_else(|| "-".into(), |hops| format!("{hops:.2}")),
                    grouped(found.packets.arrived),
                    row.packet_energy_j().map_or_else(|| "unknown".into(), joules),
                    escape(&note(found))
                );
            }
        }
    }
    out.push_str("</table></div>");
    out
}

fn left_out(out: &mut String, results: &Results) {
    let all = &results.settings().left_out;
    if all.is_empty() {
        return;
    }
    out.push_str("<h2>Left out</h2><div class=\"scroll\"><table>");
    for (name, why) in all {
        let _ = write!(out, "<tr><td>{}</td><td class=\"note\">{}</td></tr>", escape(name), escape(why));
    }
    out.push_str("</table></div>");
}
