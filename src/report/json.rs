//! The report for programs: one object with a version.

use super::{NeuroBench, Report};
use crate::chip::SyncPolicy;
use crate::energy::joules;
use serde_json::{Map, Value, json};

/// Version of the object's shape: `schema`. Keys may be added without a new one.
pub const REPORT_VERSION: u32 = 1;

/// The report as a JSON value.
pub fn json(report: &Report<'_>) -> Value {
    let recording = report.recording;
    let counters = &recording.counters;
    let (noc, core) = (&counters.noc, counters.core_total());
    let spec = &report.image.spec;
    let by_cause: Map<String, Value> = report
        .energy
        .causes
        .iter()
        .map(|c| {
            let known = c.attojoules.or(if c.count == 0 { Some(0) } else { None });
            (c.cause.to_owned(), known.map_or(Value::Null, |aj| json!(joules(aj))))
        })
        .collect();
    let (least, most) = report.energy.band();
    let event_counts: Map<String, Value> =
        report.energy.causes.iter().map(|c| (c.cause.to_owned(), json!(c.count))).collect();
    let dropped: Map<String, Value> = noc
        .dropped
        .iter()
        .map(|(cause, n)| {
            (
                serde_json::to_value(cause)
                    .ok()
                    .and_then(|v| v.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                json!(n),
            )
        })
        .collect();
    let hop_total = noc.hop_total();
    let mean = |sum: u64, n: u64| if n == 0 { Value::Null } else { json!(sum as f64 / n as f64) };
    let results = json!({
        "schema": REPORT_VERSION,
        "name": report.name,
        "digest": recording.digest.to_string(),
        "spike_digest": recording.spike_digest.to_string(),
        "image_digest": report.image.digest().to_string(),
        "interrupted": recording.interrupted(),
        "seed": report.seed,
        "accuracy": recording.accuracy(),
        "reference_accuracy": recording.reference_accuracy(),
        "readout": report.readout(),
        "samples": recording.samples.len(),
        "confusion": report.confusion(),
        "rates": report.rates(),
        "quantisation": report.losses,
        "trace_records": recording.trace_records,
        "recorded": recording.recorded.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "wall_time_s": report.wall_s,
        "run_cpu_s": report.cpu_s,
        "threads": report.threads,
    });
    let counts = json!({
        "ticks": counters.ticks,
        "spikes": core.spikes + counters.input_spikes,
        "input_spikes": counters.input_spikes,
        "packets": noc.packets,
        "input_packets": counters.input_packets,
        "output_packets": counters.output_packets,
        "copies_owed": noc.copies_owed,
        "deliveries": noc.delivered,
        "deliveries_over_links": noc.delivered_over_links(),
        "dropped": dropped,
        "synaptic_operations": core.synaptic_operations,
        "axon_events": core.axon_events,
        "neuron_updates": { "active": core.updates_active, "idle": core.updates_idle },
        "overflow": {
            "wraps": core.wraps, "bias_wraps": core.bias_wraps, "clips": core.clips,
            "saturations": core.saturations, "merged": core.merged, "dropped": core.dropped,
        },
        "event_counts": event_counts,
        "learning": {
            "updates": core.learning_updates, "weight_changes": core.weight_changes, "trace_updates": core.trace_updates,
        },
    });
    let costs = json!({
        "hops": {
            "total": hop_total,
            "mean": mean(hop_total, noc.delivered),
            "p50": noc.hop_percentile(50),
            "p99": noc.hop_percentile(99),
            "max": noc.hop_max(),
        },
        "latency_ps": {
            "mean": noc.latency.mean_ps(),
            "p50": noc.latency.percentile_ps(50.0),
            "p99": noc.latency.percentile_ps(99.0),
            "max": noc.latency.max_ps(),
        },
        "energy_j": {
            "total_known": report.energy_j(),
            "by_cause": by_cause,
            "band": [joules(least), most.map(joules)],
            "without_band": report.energy.without_band(),
            "unknown": report.energy.unknown(),
            "table": report.energy.table,
            "table_kind": report.energy.kind,
            "prices": report.energy.causes,
        },
        "area": report.energy.area,
        "energy_delay_js": report.energy_delay_js(),
        "chip_time_s": report.chip_time_s(),
        "chip_time_unknown": if report.resets_untimed() { vec!["reset"] } else { Vec::new() },
        "tick_spans_ps": {
            "cores": mean(counters.spans.cores_ps, counters.ticks),
            "network": mean(counters.spans.network_ps, counters.ticks),
            "barrier": mean(counters.spans.barrier_ps, counters.ticks),
            "work": mean(counters.spans.work_ps, counters.ticks),
        },
        "neurobench": NeuroBench::of(report),
        "late": late(report),
        "tick_time_ps": { "mean": mean(counters.tick_time_ps, counters.ticks), "max": counters.longest_tick_ps },
        "chip": {
            "name": spec.name,
            "mesh": [spec.width, spec.height],
            "cores_per_router": spec.cores_per_router,
            "cores_used": report.image.cores.len(),
            "fan_out": spec.fan_out,
            "routing": spec.routing,
            "level": report.level.name(),
            "placement": report.placement,
        },
        "hottest_link": report.hottest_link().map(|(link, packets)| json!({ "link": link, "packets": packets })),
        "hottest_core": report.hottest_core().map(|(core, n)| json!({ "core": core, "synaptic_operations": n })),
    });
    let parts = [results, counts, costs].into_iter().filter_map(|part| match part {
        Value::Object(map) => Some(map),
        _ => None,
    });
    Value::Object(parts.flatten().collect())
}

/// What missed its tick; null where ticks end at a barrier.
fn late(report: &Report<'_>) -> Value {
    let SyncPolicy::FixedTick { period_ps, late: policy } = report.image.spec.sync else { return Value::Null };
    let late = &report.recording.counters.late;
    let pairs = late.pairs.iter().map(|((from, to), n)| json!({ "from": from, "to": to, "copies": n }));
    let overruns = late.overruns.iter().map(|(core, n)| json!({ "core": core, "ticks": n }));
    json!({
        "tick_ps": period_ps,
        "policy": policy,
        "copies": late.late,
        "dropped": late.dropped,
        "by_ticks": late.by_ticks,
        "unheard": late.unheard,
        "pairs": pairs.collect::<Vec<_>>(),
        "overruns": overruns.collect::<Vec<_>>(),
    })
}
