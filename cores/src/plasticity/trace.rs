//! Learning traces: what a spike adds, and what a tick keeps.

use super::PlasticRows;
use serde::{Deserialize, Serialize};

/// Settings of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSettings {
    /// Whole part of what a spike adds, 0 to 127.
    pub impulse: u8,
    /// Fraction of it, 1/256.
    pub impulse_fraction: u8,
    /// What the trace keeps a tick, 32 fraction bits: round(2^32 e^(-1 / tau)); 2^32 keeps all.
    pub keep: u64,
    /// Highest value; 1 with an impulse of 1 and no decay is "has fired".
    pub most: u8,
    /// Whether a spike sets the trace to the impulse instead of adding it: only the nearest spike counts.
    pub nearest: bool,
}

impl Default for TraceSettings {
    /// A trace without impulse, which stays 0.
    fn default() -> Self {
        Self { impulse: 0, impulse_fraction: 0, keep: 0, most: 127, nearest: false }
    }
}

impl TraceSettings {
    /// Whether the trace can ever be other than 0.
    pub fn moves(&self) -> bool {
        self.impulse > 0 || self.impulse_fraction > 0
    }
}

/// How many of the traces can move: those that a chip would hold and update.
pub(crate) fn moving(settings: &[TraceSettings]) -> u64 {
    settings.iter().filter(|s| s.moves()).count() as u64
}

/// Traces x1, x2 by axon and y1, y2, y3 by neuron, and tags by synapse, for the engines that move them every tick.
#[derive(Clone, Debug)]
pub(super) struct Traces<T> {
    pub(super) settings: [TraceSettings; 5],
    pub(super) values: [Vec<T>; 5],
    /// Empty without a rule for them.
    pub(super) tags: Vec<i64>,
}

impl<T: Copy + Default + Into<i64>> Traces<T> {
    pub(super) fn new(rows: &PlasticRows, neurons: usize) -> Self {
        let axons = rows.axon_count();
        Self {
            settings: rows.rule.traces,
            values: [axons, axons, neurons, neurons, neurons].map(|n| vec![T::default(); n]),
            tags: vec![0; if rows.rule.dt.is_some() { rows.targets.len() } else { 0 }],
        }
    }

    /// Trace 0..5 as a synapse between the two sees it.
    #[inline]
    pub(super) fn at(&self, trace: usize, axon: usize, neuron: usize) -> i64 {
        self.values[trace][if trace < 2 { axon } else { neuron }].into()
    }

    /// A synapse's tag, 0 without a rule for it.
    #[inline]
    pub(super) fn tag(&self, synapse: usize) -> i64 {
        self.tags.get(synapse).copied().unwrap_or(0)
    }

    pub(super) fn state_words(&self, out: &mut Vec<i64>) {
        self.values.iter().for_each(|trace| out.extend(trace.iter().map(|&v| v.into())));
        out.extend_from_slice(&self.tags);
    }

    pub(super) fn reset(&mut self) {
        self.values.iter_mut().for_each(|trace| trace.fill(T::default()));
        self.tags.fill(0);
    }
}

/// 2^-53 units of a uniform draw in [0, 1).
const DRAW_BITS: u32 = 53;

/// A 7-bit trace a tick later: floor(keep x) and 1 more where the draw (53 bits) is below the rest. One draw may serve
/// many traces, as on the chip.
#[inline]
pub(crate) fn decay(x: i32, keep: u64, draw: u64) -> i32 {
    let product = x as u64 * keep;
    let (whole, rest) = (product >> 32, product & 0xffff_ffff);
    whole as i32 + i32::from(draw < rest << (DRAW_BITS - 32))
}

/// A 7-bit trace after a spike, `draw` being 0 to 127: the fraction of the impulse (1/256) rounds up where the draw is
/// below it, so fractions of a half and more always do.
#[inline]
pub(crate) fn rise(x: i32, settings: &TraceSettings, draw: u8) -> i32 {
    let base = if settings.nearest { 0 } else { x };
    let impulse = i32::from(settings.impulse) + i32::from(draw < settings.impulse_fraction);
    (base + impulse).min(settings.most.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decay_is_the_floor_or_one_more(x in 0i32..128, keep in 0u64..=1 << 32, draw in 0u64..1 << 53) {
            let real = f64::from(x) * keep as f64 / 4_294_967_296.0;
            let got = f64::from(decay(x, keep, draw));
            prop_assert!((got - real).abs() < 1.0 && got <= f64::from(x), "decay never rises");
            prop_assert_eq!(decay(x, 1 << 32, draw), x);
        }
    }

    #[test]
    fn a_spike_adds_within_seven_bits() {
        let settings = TraceSettings { impulse: 100, impulse_fraction: 128, ..TraceSettings::default() };
        assert_eq!((rise(0, &settings, 127), rise(50, &settings, 127)), (101, 127));
        let nearest = TraceSettings { nearest: true, ..settings };
        assert_eq!(rise(50, &nearest, 127), 101);
        let small = TraceSettings { impulse: 1, impulse_fraction: 5, ..TraceSettings::default() };
        assert_eq!((rise(0, &small, 4), rise(0, &small, 5)), (2, 1));
    }
}
