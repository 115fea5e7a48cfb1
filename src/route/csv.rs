//! A line a point.

use super::results::Results;
use super::rows::Row;
use std::fmt::Write;

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Causes of losses at any level.
const CAUSES: [&str; 5] = ["no-way", "flaky-link", "timeout", "dead-endpoint", "dead-link"];

/// The table of points; a cell is empty where a number is unknown.
pub fn points_csv(results: &Results, rows: &[Row<'_>]) -> String {
    let mut out = format!(
        "strategy,level,{},offered,accepted,accepted_least,accepted_most,mean,half_width,min,p50,p95,p99,p999,max,\
         network_mean,hops,packets,arrived,under_way,lost,cycles,tick_mean,tick_max,busiest_link_flits,wait_channel,\
         wait_credit,wait_switch,energy_j_a_packet,saturated,corrupt,{}\n",
        results.settings().x_name(),
        CAUSES.map(|cause| format!("lost_{}", cause.replace('-', "_"))).join(",")
    );
    for row in rows {
        let key = row.key;
        let Ok(found) = row.found else { continue };
        let (latency, cycles) = (&found.latency, found.cycles.max(1) as f64);
        let some = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let (waited, counts_waits) = (found.loads.waited(), !found.loads.waits.is_empty());
        let wait = |cycles: u64| if counts_waits { cycles.to_string() } else { String::new() };
        let lost = CAUSES.map(|cause| found.packets.lost.get(cause).copied().unwrap_or(0).to_string());
        let reasons: Vec<_> = found.saturated.iter().map(|why| why.reason()).collect();
        let _ = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            key.strategy,
            key.level.name(),
            key.x,
            found.offered_rate(),
            found.accepted_rate(),
            found.accepted.least as f64 / cycles,
            found.accepted.most as f64 / cycles,
            some(latency.mean()),
            some(found.interval().map(|interval| interval.half_width)),
            latency.min,
            latency.p50,
            latency.p95,
            latency.p99,
            latency.p999,
            latency.max,
            some(found.network_latency.mean()),
            some(found.mean_hops()),
            found.packets.created,
            found.packets.arrived,
            found.packets.under_way,
            found.packets.all_lost(),
            found.cycles,
            some(found.ticks.and_then(|ticks| ticks.end.mean())),
            found.ticks.map(|ticks| ticks.end.max.to_string()).unwrap_or_default(),
            found.busiest_link().map_or(0, |(_, flits)| flits),
            wait(waited.channel),
            wait(waited.credit),
            wait(waited.switch),
            some(row.packet_energy_j()),
            quoted(&reasons.join("; ")),
            found.packets.corrupt,
            lost.join(",")
        );
    }
    out
}
