//! The protocol for traffic without an end.
//!
//! ```text
//! | warm-up periods | sample | sample | ... until mean latency and accepted rate have settled | drain |
//! ```

use super::measurement::{Loads, Measurement, Saturation};
use super::spec::MeasureSpec;
use super::tally::Tally;

/// What a network with traffic tells about it.
pub trait Counted {
    /// Counts so far.
    fn tally(&self) -> &Tally;

    /// The same, to be told what to count.
    fn tally_mut(&mut self) -> &mut Tally;

    /// Where the traffic went so far.
    fn loads(&self) -> Loads;

    /// Cores of the network; they are the first endpoints.
    fn cores(&self) -> usize;

    /// Whether packets wait for each other in a circle, where the level can tell.
    fn is_deadlocked(&self) -> bool {
        false
    }
}

/// A network with its traffic, at any level.
pub trait Mover: Counted {
    /// Works on all cycles before `until`.
    fn advance(&mut self, until: u64);

    /// Counts every packet created before cycle `now`, though its source has not come to it yet.
    fn learn(&mut self, now: u64);
}

/// Cycles between two looks whether the drain is over.
const LOOK: u64 = 100;

/// Measures; `None` if `stop` said so at the end of a period. The spec is taken as checked.
pub fn steady<M: Mover>(mover: &mut M, spec: &MeasureSpec, stop: &dyn Fn() -> bool) -> Option<Measurement> {
    let start = u64::from(spec.warm_up) * spec.period;
    for period in 1..=u64::from(spec.warm_up) {
        mover.advance(period * spec.period);
        if stop() {
            return None;
        }
    }
    mover.tally_mut().open(start);
    let before = mover.loads();
    let (mut now, mut samples, mut in_a_row, mut standstill) = (start, 0, 0, false);
    let mut last = None;
    while samples < u64::from(spec.most_samples) && in_a_row < spec.settled && !standstill {
        let ended = mover.tally().ended();
        samples += 1;
        now += spec.period;
        mover.advance(now);
        if stop() {
            return None;
        }
        let tally = mover.tally();
        standstill = tally.ended() == ended && tally.under_way() > 0;
        let (sum, count, accepted) = tally.so_far();
        let latency = (count > 0).then(|| sum as f64 / count as f64);
        let so_far = (latency, accepted as f64 / (samples * spec.period) as f64);
        in_a_row = if last.is_some_and(|last| has_settled(last, so_far, spec)) { in_a_row + 1 } else { 0 };
        last = Some(so_far);
    }
    mover.learn(now);
    mover.tally_mut().close(now);
    let loads = mover.loads().since(&before);
    let end = now;
    while mover.tally().under_way() > 0 && now < end + spec.drain && !standstill {
        now = (now + LOOK).min(end + spec.drain);
        mover.advance(now);
        if stop() {
            return None;
        }
    }
    let tally = mover.tally();
    let backlog = tally.backlog(end / spec.period).split_off(spec.warm_up.saturating_sub(1) as usize);
    let mut found = Measurement {
        warm_up_cycles: start,
        cycles: end - start,
        drain_cycles: now - end,
        samples,
        settled: in_a_row >= spec.settled,
        loads,
        backlog,
        ..tally.measurement(mover.cores())
    };
    found.saturated = saturation(&found, spec, standstill);
    if mover.is_deadlocked() {
        found.saturated.retain(|why| *why != Saturation::Standstill);
        found.saturated.push(Saturation::Deadlock);
    }
    Some(found)
}

/// Whether neither changed by more than the tolerance.
fn has_settled(last: (Option<f64>, f64), now: (Option<f64>, f64), spec: &MeasureSpec) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= f64::from(spec.tolerance_percent) / 100.0 * b.abs();
    let latency = match (last.0, now.0) {
        (Some(a), Some(b)) => near(a, b),
        (None, None) => true,
        _ => false,
    };
    latency && near(last.1, now.1)
}

/// Why the network counts as saturated.
fn saturation(found: &Measurement, spec: &MeasureSpec, standstill: bool) -> Vec<Saturation> {
    let mut reasons = Vec::new();
    let packet = found.offered.flits.div_ceil(found.packets.created.max(1));
    let missing = found.offered.flits.saturating_sub(found.accepted.flits);
    // What is lost is missing for another reason.
    let lost = found.packets.lost.values().sum::<u64>() * packet;
    let missing = missing.saturating_sub(lost);
    if missing * 100 > 3 * found.offered.flits && missing > packet * found.endpoints {
        reasons.push(Saturation::Accepted);
    }
    // Without a warm-up the queues were empty at its end.
    let first = if spec.warm_up == 0 { 0 } else { found.backlog.first().copied().unwrap_or(0) };
    let growth = found.backlog.last().copied().unwrap_or(0).saturating_sub(first);
    if growth * 100 > found.packets.created && growth > found.endpoints {
        reasons.push(Saturation::Backlog);
    }
    if standstill {
        reasons.push(Saturation::Standstill);
    } else if found.packets.under_way > 0 {
        reasons.push(Saturation::Drain);
    }
    reasons
}
