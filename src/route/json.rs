//! Everything as one JSON object.

use super::ranking::ranking;
use super::results::Results;
use super::rows::Row;
use super::text::level_errors;
use serde_json::{Value, json};

/// Version of the object.
pub const REPORT_VERSION: u32 = 1;

/// Settings, points with what is derived from them, ranking, and how far levels are apart. An unknown number is null.
pub fn report_json(results: &Results, rows: &[Row<'_>]) -> Value {
    let points: Vec<Value> = rows.iter().map(point).collect();
    let levels: Vec<Value> = level_errors(rows)
        .into_iter()
        .map(|(level, strategy, x, mean, tick)| {
            json!({ "level": level, "strategy": strategy, "x": x, "mean_latency_error_percent": mean,
                    "tick_time_error_percent": tick })
        })
        .collect();
    json!({
        "version": REPORT_VERSION,
        "digest": results.settings().digest().to_string(),
        "settings": results.settings(),
        "missing": results.missing(),
        "points": points,
        "ranking": ranking(results.settings(), rows),
        "levels": levels,
    })
}

fn point(row: &Row<'_>) -> Value {
    let key = row.key;
    let mut value = json!({ "point": row.point, "strategy": key.strategy, "level": key.level, "x": key.x });
    match row.found {
        Err(why) => value["failed"] = json!(why),
        Ok(found) => {
            value["offered"] = json!(found.offered_rate());
            value["accepted"] = json!(found.accepted_rate());
            value["mean"] = json!(found.latency.mean());
            value["half_width"] = json!(found.interval().map(|interval| interval.half_width));
            value["network_mean"] = json!(found.network_latency.mean());
            value["hops"] = json!(found.mean_hops());
            value["energy_j_a_packet"] = json!(row.packet_energy_j());
            value["energy"] = json!(row.energy);
            value["counts"] = json!(found);
        }
    }
    value
}
