//! Which strategy is best for this traffic on this network, against a baseline.

use super::rows::Row;
use super::settings::{RouteLevel, Settings};
use serde::Serialize;

/// A strategy's place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// The strategy.
    pub strategy: String,
    /// Whether it keeps up.
    pub keeps_up: bool,
    /// Packets that were lost, in percent of the created ones.
    pub lost_percent: f64,
    /// 99th percentile of the latency, in cycles.
    pub p99: u64,
    /// Mean latency in cycles.
    pub mean: f64,
    /// Highest accepted flits a core and cycle at any rate, for steady traffic.
    pub throughput: Option<f64>,
    /// Mean cycles of a tick, for what is replayed.
    pub tick: Option<f64>,
    /// Known energy of a packet in joules.
    pub energy_j: Option<f64>,
    /// Changes against the baseline in percent.
    pub p99_change: Option<f64>,
    /// Of the mean latency.
    pub mean_change: Option<f64>,
    /// Of the throughput.
    pub throughput_change: Option<f64>,
    /// Of a tick's cycles.
    pub tick_change: Option<f64>,
    /// Of the energy.
    pub energy_change: Option<f64>,
}

/// Strategies at one rate or speed, the best first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// Level that is compared: the most faithful there is.
    pub level: RouteLevel,
    /// Rate or speed that is compared.
    pub x: f64,
    /// What changes are against: `xy` if it is there, else the first.
    pub baseline: String,
    /// The best first: those that keep up before others, then by what they lose (in tenths of a percent), by throughput (of steady
    /// traffic, in whole percent), 99th percentile, mean latency and energy.
    pub ranked: Vec<Ranked>,
}

fn change(value: f64, base: f64) -> Option<f64> {
    (base > 0.0).then(|| 100.0 * (value - base) / base)
}

/// The comparison, once the baseline is there at any rate: at the lowest speed for what is replayed, at the highest rate at
/// which the baseline keeps up for steady traffic.
pub fn ranking(settings: &Settings, rows: &[Row<'_>]) -> Option<Ranking> {
    let level = *settings.levels.first()?;
    let own: Vec<&Row<'_>> = rows.iter().filter(|row| row.key.level == level && row.found.is_ok()).collect();
    let has = |name: &str| own.iter().any(|row| row.key.strategy == name);
    let first = settings.strategies.iter().map(|s| s.name.as_str()).find(|name| has(name))?;
    let baseline = if has("xy") { "xy" } else { first };
    let of_base: Vec<_> = own.iter().filter(|row| row.key.strategy == baseline).collect();
    let lowest = of_base.first()?.key.x;
    let x = if settings.source.kind.is_replay() {
        lowest
    } else {
        of_base.iter().filter(|row| row.keeps_up()).map(|row| row.key.x).fold(lowest, f64::max)
    };
    let mut ranked: Vec<Ranked> =
        own.iter().filter(|row| row.key.x == x).filter_map(|row| ranked(settings, &own, row)).collect();
    let base = ranked.iter().find(|r| r.strategy == baseline)?.clone();
    for one in &mut ranked {
        one.p99_change = change(one.p99 as f64, base.p99 as f64);
        one.mean_change = change(one.mean, base.mean);
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b).and_then(|(a, b)| change(a, b));
        one.throughput_change = both(one.throughput, base.throughput);
        one.tick_change = both(one.tick, base.tick);
        one.energy_change = both(one.energy_j, base.energy_j);
    }
    let energy = |r: &Ranked| r.energy_j.unwrap_or(f64::INFINITY);
    // One percent of throughput is noise.
    let rounded = |r: &Ranked| r.throughput_change.map(|change| change.round() as i64);
    let lost = |r: &Ranked| (r.lost_percent * 10.0).round() as u64;
    let tenths = |r: &Ranked| (r.mean * 10.0).round() as i64;
    // Where all is equal the baseline may stay.
    let other = |r: &Ranked| r.strategy != baseline;
    ranked.sort_by(|a, b| {
        (b.keeps_up.cmp(&a.keeps_up))
            .then(lost(a).cmp(&lost(b)))
            .then(rounded(b).cmp(&rounded(a)))
            .then(a.p99.cmp(&b.p99))
            .then(tenths(a).cmp(&tenths(b)))
            .then(energy(a).total_cmp(&energy(b)))
            .then(other(a).cmp(&other(b)))
    });
    Some(Ranking { level, x, baseline: baseline.to_owned(), ranked })
}

fn ranked(settings: &Settings, own: &[&Row<'_>], row: &Row<'_>) -> Option<Ranked> {
    let found = row.found.ok()?;
    let all = own.iter().filter(|other| other.key.strategy == row.key.strategy);
    let accepted = all.filter_map(|other| other.found.ok()).map(|found| found.accepted_rate());
    Some(Ranked {
        strategy: row.key.strategy.clone(),
        keeps_up: row.keeps_up(),
        lost_percent: 100.0 * found.packets.all_lost() as f64 / found.packets.created.max(1) as f64,
        p99: found.latency.p99,
        mean: found.latency.mean()?,
        throughput: (!settings.source.kind.is_replay()).then(|| accepted.fold(0.0, f64::max)),
        tick: found.ticks.as_ref().and_then(|ticks| ticks.end.mean()),
        energy_j: row.packet_energy_j(),
        p99_change: None,
        mean_change: None,
        throughput_change: None,
        tick_change: None,
        energy_change: None,
    })
}

/// A change in percent, with its sign and a true minus.
pub(super) fn signed(change: f64) -> String {
    let rounded = change.round();
    match rounded {
        r if r > 0.0 => format!("+{r:.0} %"),
        r if r < 0.0 => format!("\u{2212}{:.0} %", -r),
        _ => "\u{b1}0 %".into(),
    }
}

impl Ranking {
    /// The best strategy in a sentence: `for this traffic on this network: odd-even, −18 % p99, +2 % energy against xy`.
    pub fn sentence(&self, settings: &Settings) -> String {
        let Some(best) = self.ranked.first() else { return String::new() };
        let whose = if settings.source.kind == super::SourceKind::Run {
            "this network on this chip"
        } else {
            "this traffic"
        };
        if best.strategy == self.baseline {
            let others = self.ranked.len() - 1;
            return format!("for {whose}: {}, none of {others} others is better", best.strategy);
        }
        let parts = [
            (best.p99_change, "p99"),
            (best.mean_change, "mean latency"),
            (best.tick_change, "tick time"),
            (best.throughput_change, "throughput"),
            (best.energy_change, "energy"),
        ];
        // What does not change is not worth a word.
        let changes = parts.into_iter().filter_map(|(change, of)| Some((change?, of)));
        let mut parts: Vec<_> = changes
            .filter(|(change, _)| change.round() != 0.0)
            .map(|(change, of)| format!("{} {of}", signed(change)))
            .collect();
        let base = self.ranked.iter().find(|one| one.strategy == self.baseline);
        if let Some(lost) = base.map(|base| base.lost_percent).filter(|&lost| lost != best.lost_percent) {
            parts.insert(0, format!("{:.1} % lost instead of {lost:.1} %", best.lost_percent));
        }
        let parts = if parts.is_empty() { "as good as it was".to_owned() } else { parts.join(", ") };
        format!("for {whose}: {}, {parts} against {}", best.strategy, self.baseline)
    }
}
