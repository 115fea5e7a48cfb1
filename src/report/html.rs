//! The report as one self-contained page: no script, no font, no picture from elsewhere. Drawings are inline SVG that
//! scale with the screen; every mark has a title with its numbers.

use super::text::{self, grouped, si};
use super::{Report, heat_map};
use crate::energy::{EnergyCause, joules};
use crate::run::RASTER_MOST;
use std::fmt::Write;

/// Bars of the latency histogram.
const LATENCY_BARS: usize = 40;

const STYLE: &str = "\
:root{--ink:#1c2330;--soft:#667085;--paper:#fff;--card:#f6f7f9;--line:#dfe3ea;--blue:#2563a8;--orange:#c2570c}\
@media(prefers-color-scheme:dark){:root{--ink:#e7eaf0;--soft:#98a2b3;--paper:#12161d;--card:#1b212b;--line:#2f3846;--blue:#6aa9e9;--orange:#f0954e}}\
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:60rem;margin:0 auto;padding:1rem}h1{font-size:1.5rem;margin:.5rem 0 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}\
p{margin:.3rem 0;color:var(--soft)}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.2rem,1fr));gap:.6rem;margin:1rem 0}\
.tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .7rem}.tile b{display:block;font-size:1.1rem;overflow-wrap:anywhere}\
.tile span{color:var(--soft);font-size:.85rem}svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}\
svg.bar{width:7rem}@media(max-width:40rem){svg.wide text{font-size:22px}svg.bar{width:3.5rem}th,td{padding:.25rem .3rem!important}}.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem}th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th:first-child,td:first-child{text-align:left}td.note{white-space:normal;text-align:left;min-width:14rem;color:var(--soft)}code{font-size:.8rem;overflow-wrap:anywhere}.warn{color:var(--orange);font-weight:600}";

/// Text safe inside HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The beginning of a page, up to its heading: `title` in words, `own_style` beside the style of all pages.
pub(crate) fn page_start(title: &str, heading: &str, own_style: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{}</title><style>{STYLE}{own_style}</style></head><body><main><h1>{}</h1>",
        escape(title),
        escape(heading)
    )
}

/// The page.
pub fn page(report: &Report<'_>) -> String {
    let mut out = page_start(&format!("{} on spikemesh", report.name), report.name, "");
    let _ = write!(out, "<p>{}</p>", escape(&subtitle(report)));
    tiles(&mut out, report);
    section(&mut out, "Where the traffic is", &heat_map::note(report), &heat_map::drawing(report));
    section(&mut out, "Spikes of the first sample", &raster_note(report), &raster(report));
    section(
        &mut out,
        "Packet latency",
        "Time from emission to delivery of every copy; logarithmic time axis.",
        &latency(report),
    );
    section(&mut out, "A tick", &tick_note(report), &tick_drawing(report));
    section(
        &mut out,
        "Energy by cause",
        "Counts times prices, with the band that the price's source gives and the supply it was found at; a cause without a published price is named, not guessed.",
        &energy(report),
    );
    confusion(&mut out, report);
    rates(&mut out, report);
    losses(&mut out, report);
    provenance(&mut out, report);
    out.push_str("</main></body></html>\n");
    out
}

fn subtitle(report: &Report<'_>) -> String {
    let spec = &report.image.spec;
    format!(
        "{} · {} × {} routers, {} cores each, {} cores used · {} {} · {} placement · {} level",
        spec.name,
        spec.width,
        spec.height,
        spec.cores_per_router,
        report.image.cores.len(),
        spec.fan_out.name(),
        spec.routing,
        report.placement,
        report.level.name()
    )
}

fn section(out: &mut String, heading: &str, note: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(out, "<h2>{heading}</h2><p>{note}</p>{body}");
    }
}

fn tiles(out: &mut String, report: &Report<'_>) {
    let recording = report.recording;
    let (noc, core) = (&recording.counters.noc, recording.counters.core_total());
    let samples = recording.samples.len().max(1) as f64;
    out.push_str("<div class=\"tiles\">");
    let mut tile = |value: String, name: &str| {
        let _ = write!(out, "<div class=\"tile\"><b>{value}</b><span>{name}</span></div>");
    };
    if let Some(accuracy) = recording.accuracy() {
        tile(format!("{:.2} %", 100.0 * accuracy), "accuracy on the chip");
    }
    if let Some(accuracy) = recording.reference_accuracy() {
        tile(format!("{:.2} %", 100.0 * accuracy), "accuracy in f64");
    }
    tile(
        grouped(recording.samples.len() as u64),
        if recording.interrupted() { "samples (interrupted)" } else { "samples" },
    );
    tile(grouped(core.spikes + recording.counters.input_spikes), "spikes");
    tile(grouped(noc.packets), "packets");
    tile(grouped(core.synaptic_operations), "synaptic operations");
    tile(format!("{:.2}", noc.hop_total() as f64 / noc.delivered.max(1) as f64), "hops a delivery, mean");
    tile(si(noc.latency.mean_ps().unwrap_or(0) as f64 * 1e-12, "s"), "latency, mean");
    tile(si(report.energy_j() / samples, "J"), "known energy a sample");
    tile(si(report.chip_time_s() / samples, "s"), "chip time a sample");
    if noc.dropped_total() > 0 {
        tile(format!("<span class=\"warn\">{}</span>", grouped(noc.dropped_total())), "copies lost");
    }
    out.push_str("</div>");
}

fn raster_note(report: &Report<'_>) -> String {
    let recording = report.recording;
    let mut note = String::from("One dot a spike; neurons upward, populations apart.");
    if recording.raster_stride > 1 {
        let _ = write!(note, " Shown is one neuron in {}.", recording.raster_stride);
    }
    if recording.raster.len() >= RASTER_MOST {
        let _ = write!(note, " Only the first {RASTER_MOST} spikes are shown.");
    }
    note
}

fn raster(report: &Report<'_>) -> String {
    let network = &report.image.network;
    let total: u64 = network.populations.iter().map(|p| u64::from(p.size)).sum();
    if report.recording.raster.is_empty() || total == 0 {
        return String::new();
    }
    let ticks = f64::from(report.recording.ticks_per_sample.max(1));
    let (width, height, left) = (720.0, 320.0, 90.0);
    let x = |tick: u32| left + (width - left - 10.0) * (f64::from(tick) + 0.5) / ticks;
    let y = |neuron: f64| height - 20.0 - (height - 30.0) * neuron / total as f64;
    let mut out = format!(
        "<svg class=\"wide\" role=\"img\" aria-label=\"spike raster\" viewBox=\"0 0 {width} {height}\">"
    );
    for population in &network.populations {
        let (low, high) = (f64::from(population.first), f64::from(population.first + population.size));
        let _ = write!(
            out,
            "<line x1=\"{left}\" x2=\"{width}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"var(--line)\"/><text x=\"0\" y=\"{1:.1}\">{2}</text>",
            y(low),
            (y(low) + y(high)) / 2.0 + 4.0,
            escape(&population.name.chars().take(14).collect::<String>())
        );
    }
    out.push_str("<path fill=\"none\" stroke=\"var(--blue)\" stroke-width=\"2\" stroke-linecap=\"round\" d=\"");
    for &(tick, neuron) in &report.recording.raster {
        let _ = write!(out, "M{:.1} {:.1}h.1", x(tick), y(f64::from(neuron) + 0.5));
    }
    let last = report.recording.ticks_per_sample.saturating_sub(1);
    let _ = write!(
        out,
        "\"/><text x=\"{left}\" y=\"{0}\">tick 0</text><text x=\"{1}\" y=\"{0}\" text-anchor=\"end\">tick {last}</text></svg>",
        height - 4.0,
        width - 4.0
    );
    out
}

fn latency(report: &Report<'_>) -> String {
    let histogram = &report.recording.counters.noc.latency;
    let buckets: Vec<_> = histogram.buckets().into_iter().filter(|b| b.0 > 0).collect();
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return String::new() };
    let (low, high) = ((first.0 as f64).ln(), (last.0 as f64).ln().max((first.0 as f64).ln() + 1e-9));
    let mut bars = [0u64; LATENCY_BARS];
    for &(end, count) in &buckets {
        let at = ((end as f64).ln() - low) / (high - low) * LATENCY_BARS as f64;
        bars[(at as usize).min(LATENCY_BARS - 1)] += count;
    }
    let most = bars.iter().copied().max().unwrap_or(1).max(1);
    let (width, height) = (720.0, 200.0);
    let step = (width - 20.0) / LATENCY_BARS as f64;
    let mut out = format!(
        "<svg class=\"wide\" role=\"img\" aria-label=\"latency histogram\" viewBox=\"0 0 {width} {height}\">"
    );
    for (i, &count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
        let tall = ((height - 40.0) * count as f64 / most as f64).max(1.0);
        let edge = |i: usize| si((low + (high - low) * i as f64 / LATENCY_BARS as f64).exp() * 1e-12, "s");
        let _ = write!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"var(--blue)\"><title>{} to {}: {} copies</title></rect>",
            10.0 + step * i as f64,
            height - 25.0 - tall,
            step - 2.0,
            edge(i),
            edge(i + 1),
            grouped(count)
        );
    }
    let ps = |ps: u64| si(ps as f64 * 1e-12, "s");
    let _ = write!(
        out,
        "<text x=\"10\" y=\"{0}\">{1}</text><text x=\"{2}\" y=\"{0}\" text-anchor=\"end\">{3}</text></svg><p>{4}</p>",
        height - 8.0,
        ps(first.0),
        width - 10.0,
        ps(last.0),
        text::latency(report)
    );
    out
}

fn tick_note(report: &Report<'_>) -> String {
    let spans = "The mean tick on one time line: how long the busiest core works, and how busy all cores in use are on the \
                 mean; until when packets are under way; what synchronisation adds.";
    text::late(report).map_or(spans.to_owned(), |late| format!("{spans} {}.", escape(&late)))
}

/// The mean tick as bars on a time line: cores, network, and the barrier or the end of a fixed tick.
fn tick_drawing(report: &Report<'_>) -> String {
    let counters = &report.recording.counters;
    let mean = |ps: u64| ps as f64 / counters.ticks.max(1) as f64;
    let spans = &counters.spans;
    let (cores, network, tick) = (mean(spans.cores_ps), mean(spans.network_ps), mean(counters.tick_time_ps));
    let each_core = mean(spans.work_ps) / counters.cores.len().max(1) as f64;
    let end = cores.max(network).max(tick);
    if end == 0.0 {
        return String::new();
    }
    let (width, left) = (720.0, 150.0);
    let x = |ps: f64| left + (width - left - 10.0) * ps / end;
    let mut out = format!(
        "<svg class=\"wide\" role=\"img\" aria-label=\"time line of a tick\" viewBox=\"0 0 {width} 150\">"
    );
    let barrier = mean(spans.barrier_ps);
    let rows = [
        ("busiest core", 0.0, cores, "--blue"),
        ("core, on the mean", 0.0, each_core, "--blue"),
        ("network", 0.0, network, "--orange"),
        ("barrier", tick - barrier, tick, "--soft"),
    ];
    for ((name, from, to, colour), row) in rows.into_iter().zip(0..) {
        let y = 8 + row * 30;
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{}\">{name}</text><rect x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"18\" fill=\"var({colour})\"><title>{name}: {}</title></rect>",
            y + 13,
            x(from),
            (x(to) - x(from)).max(1.0),
            si((to - from) * 1e-12, "s")
        );
    }
    let _ = write!(
        out,
        "<path d=\"M{0:.1} 0V128\" stroke=\"var(--ink)\" stroke-dasharray=\"4 3\"/><text x=\"{left}\" y=\"145\">0</text><text x=\"{0:.1}\" y=\"145\" text-anchor=\"end\">tick {1}</text></svg>",
        x(tick),
        si(tick * 1e-12, "s")
    );
    out
}

fn energy(report: &Report<'_>) -> String {
    let mut causes: Vec<_> = report.energy.causes.iter().filter(|c| c.count > 0).collect();
    causes.sort_by_key(|c| std::cmp::Reverse(c.attojoules));
    let total = report.energy.total_known().max(1) as f64;
    let most = causes.iter().filter_map(|c| c.most.or(c.attojoules)).max().unwrap_or(1).max(1) as f64;
    let mut out = String::from(
        "<div class=\"scroll\"><table><tr><th>cause</th><th>energy</th><th>band</th><th>share</th><th></th><th>events</th><th>at</th><th>price: source</th></tr>",
    );
    for cause in causes {
        let (amount, share, bar) = match cause.attojoules {
            _ if cause.included => ("included".into(), String::new(), String::new()),
            Some(aj) => {
                (si(joules(aj), "J"), format!("{:.2} %", 100.0 * aj as f64 / total), energy_bar(cause, most))
            }
            None => ("<span class=\"warn\">unknown</span>".into(), String::new(), String::new()),
        };
        let _ = write!(
            out,
            "<tr><td title=\"{}\">{}</td><td>{amount}</td><td>{}</td><td>{share}</td><td>{bar}</td><td>{}</td><td>{}</td><td class=\"note\">{}: {}</td></tr>",
            escape(cause.meaning),
            cause.cause,
            cause_band(cause),
            if ["static", "clock"].contains(&cause.cause) {
                si(cause.count as f64 * 1e-12, "s")
            } else {
                grouped(cause.count)
            },
            cause.mv.map_or(String::new(), |mv| format!("{} V", mv.volts())),
            escape(&cause.citation.evidence),
            escape(&cause.citation.source)
        );
    }
    out.push_str("</table></div>");
    let area = report.energy.area.as_ref();
    let area = area.map_or("unknown".to_owned(), |area| {
        format!("{} mm² a {} ({}: {})", area.mm2, area.of, area.citation.evidence, area.citation.source)
    });
    let _ = write!(
        out,
        "<p>total {}{} · prices {}, {} · area {}</p>",
        si(report.energy_j(), "J"),
        escape(&text::band(report.energy)),
        escape(&report.energy.table),
        report.energy.kind.name(),
        escape(&area)
    );
    out
}

/// A cause's cost as a bar, its band as a line over it.
fn energy_bar(cause: &EnergyCause, most: f64) -> String {
    let at = |aj: Option<i128>| 100.0 * aj.unwrap_or(0) as f64 / most;
    let value = at(cause.attojoules).max(0.3);
    let mut bar = format!(
        "<svg viewBox=\"0 0 100 12\" class=\"bar\" aria-hidden=\"true\"><rect width=\"{value:.2}\" height=\"12\" fill=\"var(--orange)\"/>"
    );
    if cause.banded && cause.least != cause.most {
        let end = cause.most.map_or(100.0, |aj| at(Some(aj)));
        let _ = write!(
            bar,
            "<path d=\"M{:.2} 6H{end:.2}\" stroke=\"var(--ink)\" stroke-width=\"2\"/>",
            at(cause.least)
        );
    }
    bar.push_str("</svg>");
    bar
}

/// A cause's band in words.
fn cause_band(cause: &EnergyCause) -> String {
    let of = |aj: Option<i128>| aj.map_or(String::new(), |aj| si(joules(aj), "J"));
    match (cause.attojoules, cause.banded, cause.most) {
        (None, ..) => String::new(),
        _ if cause.included => String::new(),
        (_, false, _) => "not published".into(),
        (_, true, None) => format!("at least {}", of(cause.least)),
        (_, true, most) => format!("{} to {}", of(cause.least), of(most)),
    }
}

fn confusion(out: &mut String, report: &Report<'_>) {
    let matrix = report.confusion();
    if matrix.is_empty() {
        return;
    }
    let mut body = String::from("<div class=\"scroll\"><table><tr><th>label \\ answer</th>");
    for answer in 0..matrix.len() {
        let _ = write!(body, "<th>{answer}</th>");
    }
    body.push_str("</tr>");
    for (label, row) in matrix.iter().enumerate() {
        let most = row.iter().sum::<u64>().max(1);
        let _ = write!(body, "<tr><td>{label}</td>");
        for (answer, &count) in row.iter().enumerate() {
            let colour = if label == answer { "--blue" } else { "--orange" };
            let share = if count == 0 { 0.0 } else { 10.0 + 50.0 * count as f64 / most as f64 };
            let shown = if count == 0 { String::new() } else { count.to_string() };
            let _ = write!(
                body,
                "<td style=\"background:color-mix(in srgb,var({colour}) {share:.0}%,transparent)\">{shown}</td>"
            );
        }
        body.push_str("</tr>");
    }
    body.push_str("</table></div>");
    section(out, "Confusion", "Rows are labels, columns are answers.", &body);
}

fn rates(out: &mut String, report: &Report<'_>) {
    let mut body = String::from(
        "<div class=\"scroll\"><table><tr><th>population</th><th>chip</th><th>f64</th><th>difference</th></tr>",
    );
    for row in report.rates() {
        let reference = row.reference.map_or("–".into(), |r| format!("{r:.4}"));
        let difference = row.reference.map_or("–".into(), |r| format!("{:+.4}", row.chip - r));
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{:.4}</td><td>{reference}</td><td>{difference}</td></tr>",
            escape(&row.population),
            row.chip
        );
    }
    body.push_str("</table></div>");
    section(out, "Rates", "Mean spikes a neuron and sample, in fixed point and in the f64 reference.", &body);
}

fn losses(out: &mut String, report: &Report<'_>) {
    let mut body = String::from(
        "<div class=\"scroll\"><table><tr><th>population</th><th>weight error, rms</th><th>largest</th><th>weights to 0</th><th>threshold</th><th>bias</th><th>tau_mem</th><th>tau_syn</th><th>notes</th></tr>",
    );
    for loss in report.losses {
        let percent = |share: f64| format!("{:.3} %", 100.0 * share);
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"note\">{}</td></tr>",
            escape(&loss.population),
            percent(loss.weight_error_rms),
            percent(loss.weight_error_max),
            grouped(loss.weights_to_zero),
            percent(loss.threshold_error),
            percent(loss.bias_error),
            percent(loss.tau_mem_error),
            percent(loss.tau_syn_error),
            escape(&loss.notes.join("; "))
        );
    }
    body.push_str("</table></div>");
    section(
        out,
        "What rounding to the chip's registers cost",
        "Errors of weights against the root mean square, of the rest against their own value.",
        &body,
    );
}

fn provenance(out: &mut String, report: &Report<'_>) {
    let recording = report.recording;
    let assumed: Vec<_> = report.image.spec.citations.iter().filter(|(_, c)| c.evidence == "assumed").collect();
    let mut body = format!(
        "<p>read-out: {}</p><p>spike digest <code>{}</code></p><p>digest <code>{}</code></p><p>seed {} · {:.2} s on {} threads</p>",
        report.readout(),
        recording.spike_digest,
        recording.digest,
        report.seed,
        report.wall_s,
        report.threads
    );
    if !assumed.is_empty() {
        body.push_str(
            "<details><summary>Constants of the chip that are assumed</summary><div class=\"scroll\"><table>",
        );
        for (key, citation) in assumed {
            let _ = write!(
                body,
                "<tr><td>{}</td><td class=\"note\">{}</td></tr>",
                escape(key),
                escape(&citation.source)
            );
        }
        body.push_str("</table></div></details>");
    }
    section(
        out,
        "How to get the same again",
        "Equal digests mean equal results, whatever the number of threads.",
        &body,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escape("<script>\"&"), "&lt;script&gt;&quot;&amp;");
    }
}
