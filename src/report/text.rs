//! The report for a terminal, about fifteen lines.

use super::Report;
use crate::chip::{LATENESS_MOST, Late, SyncPolicy};
use crate::energy::{EnergyReport, joules};
use std::fmt::Write;

/// A number with thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A quantity with an SI prefix: three significant digits.
pub(crate) fn si(value: f64, unit: &str) -> String {
    if value == 0.0 {
        return format!("0 {unit}");
    }
    let prefixes = ["a", "f", "p", "n", "u", "m", "", "k", "M", "G", "T"];
    let power = (value.abs().log10() / 3.0).floor().clamp(-6.0, 4.0);
    let scaled = value / 1000f64.powf(power);
    let decimals = if scaled.abs() >= 100.0 {
        0
    } else if scaled.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{scaled:.decimals$} {}{unit}", prefixes[(power + 6.0) as usize])
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// Mean, percentiles and maximum of the latency.
pub(super) fn latency(report: &Report<'_>) -> String {
    let latency = &report.recording.counters.noc.latency;
    let ps = |ps: u64| si(ps as f64 * 1e-12, "s");
    format!(
        "mean {}, p50 {}, p99 {}, max {}",
        ps(latency.mean_ps().unwrap_or(0)),
        ps(latency.percentile_ps(50.0)),
        ps(latency.percentile_ps(99.0)),
        ps(latency.max_ps()),
    )
}

/// Pairs of cores that are named as the latest.
const LATE_PAIRS: usize = 3;

/// What missed its tick, and where; `None` where ticks end at a barrier.
pub(super) fn late(report: &Report<'_>) -> Option<String> {
    let SyncPolicy::FixedTick { period_ps, late: policy } = report.image.spec.sync else { return None };
    let late = &report.recording.counters.late;
    let owed = report.recording.counters.noc.copies_owed.max(1);
    let mut text = format!(
        "{} of {} copies ({}) missed a tick of {}",
        grouped(late.late),
        grouped(owed),
        percent(late.late as f64 / owed as f64),
        si(period_ps as f64 * 1e-12, "s"),
    );
    match policy {
        Late::Drop => text.push_str(", thrown away"),
        Late::Deliver if late.late > 0 => {
            let ticks = late.by_ticks.iter().rposition(|n| *n > 0).map_or(0, |i| i + 1);
            let or_more = if ticks == LATENESS_MOST { " or more" } else { "" };
            let _ = write!(text, ", at most {ticks}{or_more} ticks late");
        }
        Late::Deliver => {}
    }
    if late.unheard > 0 {
        let _ = write!(text, "; {} under way at the end of their samples", grouped(late.unheard));
    }
    let overruns: u64 = late.overruns.values().sum();
    if overruns > 0 {
        let _ = write!(text, "; {} cores overran, {} times", late.overruns.len(), grouped(overruns));
    }
    let mut pairs: Vec<_> = late.pairs.iter().collect();
    pairs.sort_by_key(|(pair, n)| (std::cmp::Reverse(**n), **pair));
    for ((from, to), n) in pairs.into_iter().take(LATE_PAIRS) {
        let (from, to) = (report.endpoint_name(*from), report.endpoint_name(*to));
        let _ = write!(text, "; {} from {from} to {to}", grouped(*n));
    }
    Some(text)
}

/// Loss of rounding above which the summary warns.
const LOSS_TO_WARN_OF: f64 = 0.1;

/// What rounding to the chip's registers cost the population that lost most; `None` if there is none.
fn rounding(report: &Report<'_>) -> Option<String> {
    let loss = report.losses.iter().max_by(|a, b| a.worst().1.total_cmp(&b.worst().1))?;
    let (what, share) = loss.worst();
    let warning = if share > LOSS_TO_WARN_OF { "WARNING: " } else { "" };
    let mut text = format!("{warning}at worst {what} {} (`{}`)", percent(share), loss.population);
    for loss in report.losses {
        loss.notes.iter().for_each(|note| text.push_str(&format!("; `{}`: {note}", loss.population)));
    }
    Some(text)
}

/// The band of the total in brackets, with how many causes have none; empty if no cause has one.
pub(crate) fn band(energy: &EnergyReport) -> String {
    let (least, most) = energy.band();
    if least == energy.total_known() && most == Some(least) {
        return String::new();
    }
    let upper = most.map_or("no upper end".to_owned(), |most| si(joules(most), "J"));
    let without = match energy.without_band().len() {
        0 => String::new(),
        1 => "; 1 cause without a band".to_owned(),
        n => format!("; {n} causes without a band"),
    };
    format!(" [{} to {upper}{without}]", si(joules(least), "J"))
}

/// The summary, lines ending in newlines.
pub fn summary(report: &Report<'_>) -> String {
    let recording = report.recording;
    let counters = &recording.counters;
    let (noc, core, spec) = (&counters.noc, counters.core_total(), &report.image.spec);
    let samples = recording.samples.len();
    let mut lines: Vec<(&str, String)> = Vec::new();
    lines.push((
        "chip",
        format!(
            "{}, {} x {} routers x {} cores, {} cores used; {} {}, {}, {} level",
            spec.name,
            spec.width,
            spec.height,
            spec.cores_per_router,
            report.image.cores.len(),
            spec.fan_out.name(),
            spec.routing,
            report.placement,
            report.level.name(),
        ),
    ));
    let mut ran = format!("{} of {} ticks", grouped(samples as u64), recording.ticks_per_sample);
    if recording.interrupted() {
        let _ = write!(ran, " (interrupted; {} were asked for)", recording.samples_asked);
    }
    lines.push(("samples", ran));
    if let Some(accuracy) = recording.accuracy() {
        let mut text = format!("{} ({} right)", percent(accuracy), recording.right());
        if let Some(reference) = recording.reference_accuracy() {
            let _ = write!(text, "; f64 reference {}", percent(reference));
        }
        if report.image.network.readout == crate::chip::Readout::ProbedMembrane {
            text.push_str("; membrane probed, not transmitted");
        }
        lines.push(("accuracy", text));
    }
    lines.push((
        "spikes",
        format!(
            "{} ({} from inputs); {} synaptic operations",
            grouped(core.spikes + counters.input_spikes),
            grouped(counters.input_spikes),
            grouped(core.synaptic_operations),
        ),
    ));
    let mut packets = format!(
        "{} ({} in, {} out); {} deliveries, {} over links",
        grouped(noc.packets),
        grouped(counters.input_packets),
        grouped(counters.output_packets),
        grouped(noc.delivered),
        percent(noc.delivered_over_links() as f64 / noc.delivered.max(1) as f64),
    );
    if noc.dropped_total() > 0 {
        let _ = write!(packets, "; LOST {} of {}", grouped(noc.dropped_total()), grouped(noc.copies_owed));
    }
    lines.push(("packets", packets));
    lines.push((
        "hops",
        format!(
            "{} in all; mean {:.2}, p50 {}, p99 {}, max {}",
            grouped(noc.hop_total()),
            noc.hop_total() as f64 / noc.delivered.max(1) as f64,
            noc.hop_percentile(50),
            noc.hop_percentile(99),
            noc.hop_max(),
        ),
    ));
    lines.push(("latency", latency(report)));
    if let Some(text) = late(report) {
        lines.push(("late", text));
    }
    let link = report
        .hottest_link()
        .map_or("none crossed".into(), |(l, n)| format!("link {l} with {} packets", grouped(n)));
    let hot = report
        .hottest_core()
        .map_or(String::new(), |(c, n)| format!("; core {c} with {} synaptic operations", grouped(n)));
    lines.push(("hottest", format!("{link}{hot}")));
    let total = report.energy.total_known();
    let mut causes: Vec<_> =
        report.energy.causes.iter().filter(|c| c.attojoules.is_some_and(|aj| aj > 0)).collect();
    causes.sort_by_key(|c| std::cmp::Reverse(c.attojoules));
    let parts: Vec<_> = causes
        .iter()
        .map(|c| {
            let aj = c.attojoules.unwrap_or(0);
            format!("{} {} ({:.1} %)", c.cause, si(joules(aj), "J"), 100.0 * aj as f64 / total.max(1) as f64)
        })
        .collect();
    let per_sample = if samples > 0 {
        format!(", {} a sample", si(report.energy_j() / samples as f64, "J"))
    } else {
        String::new()
    };
    lines.push((
        "energy",
        format!(
            "{} known{}{per_sample} (prices: {})",
            si(report.energy_j(), "J"),
            band(report.energy),
            report.energy.table
        ),
    ));
    lines.push(("  of it", parts.join(", ")));
    if !report.energy.unknown().is_empty() {
        lines.push(("  unpriced", report.energy.unknown().join(", ")));
    }
    let mut time = format!(
        "{} a tick, {} a sample",
        si(counters.tick_time_ps as f64 * 1e-12 / counters.ticks.max(1) as f64, "s"),
        si(report.chip_time_s() / samples.max(1) as f64, "s"),
    );
    if report.resets_untimed() {
        time.push_str(" (resets unknown and left out)");
    }
    if let Some(product) = report.energy_delay_js() {
        let _ = write!(time, "; energy-delay product {} a sample", si(product, "Js"));
    }
    lines.push(("chip time", time));
    let overflows = [
        (core.wraps, "sums wrapped"),
        (core.bias_wraps, "bias sums wrapped"),
        (core.clips, "potentials clipped"),
        (core.saturations, "values saturated"),
        (core.merged, "axon events merged"),
        (core.dropped, "axon events dropped"),
    ];
    if overflows.iter().any(|(count, _)| *count > 0) {
        // The first three are always said together, so that a zero among them is seen to be one.
        let said = overflows.iter().enumerate().filter(|(i, (count, _))| *i < 3 || *count > 0);
        let said: Vec<_> = said.map(|(_, (count, what))| format!("{} {what}", grouped(*count))).collect();
        lines.push(("overflow", said.join(", ")));
    }
    if core.learning_updates > 0 {
        let text = format!(
            "{} updates of {} synapses, {} changed a weight; {} trace updates",
            grouped(core.learning_updates),
            grouped(recording.learned.len() as u64),
            grouped(core.weight_changes),
            grouped(core.trace_updates),
        );
        lines.push(("learning", text));
    }
    let rates: Vec<_> = report
        .rates()
        .iter()
        .filter_map(|r| r.reference.map(|reference| (r, reference)))
        .filter(|(r, reference)| r.chip != *reference)
        .map(|(r, reference)| match reference {
            0.0 => format!("{} {:+.3} spikes a neuron, where the reference has none", r.population, r.chip),
            _ => format!("{} {:+.3} %", r.population, 100.0 * (r.chip - reference) / reference),
        })
        .collect();
    if recording.reference_spikes.is_some() {
        let text = if rates.is_empty() {
            "equal to the f64 reference".to_owned()
        } else {
            format!("against the f64 reference: {}", rates.join(", "))
        };
        lines.push(("rates", text));
    }
    if let Some(rounding) = rounding(report) {
        lines.push(("rounding", rounding));
    }
    lines.push((
        "wall time",
        format!("{:.2} s on {} threads; seed {}", report.wall_s, report.threads, report.seed),
    ));
    lines.push(("spike digest", recording.spike_digest.to_string()));
    lines.push(("digest", recording.digest.to_string()));
    lines.iter().fold(String::new(), |mut out, (name, text)| {
        let _ = writeln!(out, "{name:<13} {text}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(si(23.6e-12, "J"), "23.6 pJ");
        assert_eq!(si(0.0, "s"), "0 s");
        assert_eq!(si(1.5e-3, "s"), "1.50 ms");
    }
}
