//! When packets are made: the cycles in which a source creates one.
//!
//! | process | a source | mean rate, packets a cycle |
//! |---|---|---|
//! | `bernoulli` | tosses a coin every cycle | `rate` |
//! | `on-off` | is on for `on` cycles and off for `off` in the mean, both geometric; tosses coins while on | `rate` |
//! | `pareto` | the same with Pareto lengths of shapes `on-shape` and `off-shape`: bursts of all sizes | `rate` |
//! | `tick-burst` | fires with `probability` in every `period`, within its first `window` cycles | `probability` x `copies` / `period` |
//!
//! While on, the coin shows heads with `rate` x (`on` + `off`) / `on`, which is at most 1. A source is on at cycle 0 with the
//! stationary probability `on` / (`on` + `off`); the geometric process is then stationary from the start. A Pareto length is
//! x_m u^(-1/a) with x_m = mean (a - 1) / a, at least 1, rounded up or down at random so that its mean stays (Leland et
//! al., 1994, saw such traffic; shapes from 1 to 2 have no variance, and sums of such sources are self-similar).
//!
//! The next packet is computed, never waited for: a source that is silent for a million cycles costs one draw.

use super::text::{Call, TextError};
use crate::random::{below, geometric, unit, word};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A process and its settings. In text and in files: see [`processes`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ProcessSpec {
    /// A coin every cycle.
    Bernoulli {
        /// Packets a cycle, 0 to 1.
        rate: f64,
    },
    /// Bursts of geometric lengths.
    OnOff {
        /// Packets a cycle, on and off together.
        rate: f64,
        /// Mean length of a burst in cycles, at least 1.
        on: f64,
        /// Mean length of a silence in cycles, at least 1.
        off: f64,
    },
    /// Bursts of Pareto lengths.
    Pareto {
        /// Packets a cycle, on and off together.
        rate: f64,
        /// Mean length of a burst in cycles.
        on: f64,
        /// Mean length of a silence in cycles.
        off: f64,
        /// Shape of bursts, above 1.
        on_shape: f64,
        /// Shape of silences, above 1.
        off_shape: f64,
    },
    /// Spike traffic in step with ticks.
    TickBurst {
        /// Cycles of a tick, at least 1.
        period: u64,
        /// Probability that a source fires in a tick, 0 to 1.
        probability: f64,
        /// Cycles of a tick in which it may fire, 1 to `period`.
        window: u64,
        /// Destinations of a firing, at least 1, drawn one by one.
        copies: u16,
        /// Whether the copies are one packet with several destinations; a destination drawn twice is then served once.
        multicast: bool,
    },
}

/// A row of the registry.
#[derive(Clone, Copy, Debug)]
pub struct ProcessKind {
    /// Name users type.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Its settings as they are typed, with defaults where there are any.
    pub settings: &'static str,
    parse: fn(&mut Call<'_>) -> Result<ProcessSpec, TextError>,
}

/// All processes by name.
pub fn processes() -> &'static [ProcessKind] {
    const ALL: &[ProcessKind] = &[
        ProcessKind {
            name: "bernoulli",
            description: "a coin every cycle",
            settings: "rate",
            parse: |call| Ok(ProcessSpec::Bernoulli { rate: rate(call)? }),
        },
        ProcessKind {
            name: "on-off",
            description: "bursts and silences of geometric lengths",
            settings: "rate;on;off",
            parse: |call| {
                let (rate, on, off) = (rate(call)?, mean(call, "on")?, mean(call, "off")?);
                check_share(call, rate, on, off)?;
                Ok(ProcessSpec::OnOff { rate, on, off })
            },
        },
        ProcessKind {
            name: "pareto",
            description: "bursts and silences of Pareto lengths: self-similar traffic",
            settings: "rate;on;off;on-shape=1.9;off-shape=1.25",
            parse: |call| {
                let (rate, on, off) = (rate(call)?, mean(call, "on")?, mean(call, "off")?);
                check_share(call, rate, on, off)?;
                let on_shape = shape(call, "on-shape")?.unwrap_or(1.9);
                let off_shape = shape(call, "off-shape")?.unwrap_or(1.25);
                least_length(call, "on", on, on_shape)?;
                least_length(call, "off", off, off_shape)?;
                Ok(ProcessSpec::Pareto { rate, on, off, on_shape, off_shape })
            },
        },
        ProcessKind {
            name: "tick-burst",
            description: "spikes in step with ticks, each within a window, to one or several destinations",
            settings: "period;probability;window=period;copies=1;multicast=false",
            parse: tick_burst,
        },
    ];
    ALL
}

fn rate(call: &mut Call<'_>) -> Result<f64, TextError> {
    unit_interval(call, "rate", "packets a cycle, 0 to 1")
}

fn unit_interval(call: &mut Call<'_>, key: &'static str, wanted: &'static str) -> Result<f64, TextError> {
    let value: f64 = call.required(key, wanted)?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(call.wrong(key, value, wanted)) }
}

fn mean(call: &mut Call<'_>, key: &'static str) -> Result<f64, TextError> {
    const WANTED: &str = "cycles in the mean, 1 to 1e12";
    let value: f64 = call.required(key, WANTED)?;
    if (1.0..=1e12).contains(&value) { Ok(value) } else { Err(call.wrong(key, value, WANTED)) }
}

fn check_share(call: &Call<'_>, rate: f64, on: f64, off: f64) -> Result<(), TextError> {
    let a_round = rate * (on + off);
    if a_round > on {
        Err(call.wrong("rate", rate, "at most on / (on + off): a source makes one packet a cycle while on"))
    } else if a_round > 0.0 && a_round < 1e-6 {
        // The next packet is looked for burst by burst.
        Err(call.wrong("rate", rate, "0, or a packet in a million bursts or more"))
    } else {
        Ok(())
    }
}

fn shape(call: &mut Call<'_>, key: &'static str) -> Result<Option<f64>, TextError> {
    const WANTED: &str = "a number above 1, for there to be a mean";
    match call.optional(key, WANTED)? {
        Some(value) if value > 1.0 && f64::is_finite(value) => Ok(Some(value)),
        Some(value) => Err(call.wrong(key, value, WANTED)),
        None => Ok(None),
    }
}

fn least_length(call: &Call<'_>, key: &'static str, mean: f64, shape: f64) -> Result<(), TextError> {
    if mean * (shape - 1.0) / shape >= 1.0 {
        Ok(())
    } else {
        Err(call.wrong(key, mean, "at least shape / (shape - 1), so that no length is below one cycle"))
    }
}

fn tick_burst(call: &mut Call<'_>) -> Result<ProcessSpec, TextError> {
    const PERIOD: &str = "cycles of a tick, at least 1";
    const WINDOW: &str = "cycles, 1 to the period";
    const COPIES: &str = "a whole number from 1 to 65535";
    let period: u64 = call.required("period", PERIOD)?;
    if period == 0 {
        return Err(call.wrong("period", period, PERIOD));
    }
    let probability = unit_interval(call, "probability", "a number from 0 to 1")?;
    let window = call.optional("window", WINDOW)?.unwrap_or(period);
    if window == 0 || window > period {
        return Err(call.wrong("window", window, WINDOW));
    }
    let copies = call.optional("copies", COPIES)?.unwrap_or(1);
    if copies == 0 {
        return Err(call.wrong("copies", copies, COPIES));
    }
    let multicast = call.optional("multicast", "true or false")?.unwrap_or(false);
    Ok(ProcessSpec::TickBurst { period, probability, window, copies, multicast })
}

impl FromStr for ProcessSpec {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let mut call = Call::parse(text)?;
        let kind =
            processes().iter().find(|kind| kind.name == call.name).ok_or_else(|| TextError::Unknown {
                what: "process",
                name: call.name.to_owned(),
                known: processes().iter().map(|kind| kind.name).collect::<Vec<_>>().join(", "),
            })?;
        let spec = (kind.parse)(&mut call)?;
        call.finish()?;
        Ok(spec)
    }
}

impl TryFrom<String> for ProcessSpec {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        text.parse()
    }
}

impl From<ProcessSpec> for String {
    fn from(spec: ProcessSpec) -> String {
        spec.to_string()
    }
}

impl fmt::Display for ProcessSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessSpec::Bernoulli { rate } => write!(f, "bernoulli(rate={rate})"),
            ProcessSpec::OnOff { rate, on, off } => write!(f, "on-off(rate={rate};on={on};off={off})"),
            ProcessSpec::Pareto { rate, on, off, on_shape, off_shape } => {
                write!(f, "pareto(rate={rate};on={on};off={off};on-shape={on_shape};off-shape={off_shape})")
            }
            ProcessSpec::TickBurst { period, probability, window, copies, multicast } => write!(
                f,
                "tick-burst(period={period};probability={probability};window={window};copies={copies};\
                 multicast={multicast})"
            ),
        }
    }
}

impl ProcessSpec {
    /// Packets, or copies of multicast packets, a source offers a cycle in the mean.
    pub fn mean_rate(&self) -> f64 {
        match self {
            ProcessSpec::Bernoulli { rate }
            | ProcessSpec::OnOff { rate, .. }
            | ProcessSpec::Pareto { rate, .. } => *rate,
            ProcessSpec::TickBurst { period, probability, copies, .. } => {
                probability * f64::from(*copies) / *period as f64
            }
        }
    }

    /// Destinations of one firing and whether they share a packet.
    pub(super) fn fan_out(&self) -> (u16, bool) {
        match self {
            ProcessSpec::TickBurst { copies, multicast, .. } => (*copies, *multicast),
            _ => (1, false),
        }
    }
}

/// Lengths and gaps, apart from what packets draw for themselves.
const TIME_LANE: u64 = 1 << 63;

/// The clock of one source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// First cycle (for ticks: tick) that is not decided yet.
    open: u64,
    /// Draws so far.
    drawn: u64,
    /// End of the phase, and whether the source is on in it; (0, _) before the first.
    phase: (u64, bool),
    started: bool,
}

impl Clock {
    fn draw(&mut self, seed: u64, source: u64) -> u64 {
        self.drawn += 1;
        word(seed, source, TIME_LANE | self.drawn)
    }

    /// The cycle of the source's next firing; `None` if there is none before `stop`.
    pub(super) fn next(&mut self, spec: &ProcessSpec, stop: u64, seed: u64, source: u64) -> Option<u64> {
        self.unbounded(spec, stop, seed, source).filter(|&cycle| cycle < stop)
    }

    /// The same, but may tell one that is not before `stop`.
    fn unbounded(&mut self, spec: &ProcessSpec, stop: u64, seed: u64, source: u64) -> Option<u64> {
        match *spec {
            ProcessSpec::Bernoulli { rate } => self.trial(rate, u64::MAX, seed, source),
            ProcessSpec::TickBurst { period, probability, window, .. } => {
                let tick = self.trial(probability, u64::MAX, seed, source)?;
                let within = below(self.draw(seed, source), window);
                tick.checked_mul(period)?.checked_add(within)
            }
            ProcessSpec::OnOff { rate, on, off } => self.bursts(
                rate * (on + off) / on,
                on / (on + off),
                |u, is_on| geometric(u, 1.0 / if is_on { on } else { off }).saturating_add(1),
                stop,
                (seed, source),
            ),
            ProcessSpec::Pareto { rate, on, off, on_shape, off_shape } => self.bursts(
                rate * (on + off) / on,
                on / (on + off),
                |u, is_on| if is_on { pareto(u, on, on_shape) } else { pareto(u, off, off_shape) },
                stop,
                (seed, source),
            ),
        }
    }

    /// First success from `open` on and before `end`; moves `open` behind it, or to `end`.
    fn trial(&mut self, probability: f64, end: u64, seed: u64, source: u64) -> Option<u64> {
        if probability <= 0.0 {
            self.open = end;
            return None;
        }
        let at = self.open.saturating_add(geometric(self.draw(seed, source), probability));
        if at < end {
            self.open = at + 1;
            Some(at)
        } else {
            // What lies beyond is drawn anew, which changes nothing: trials have no memory.
            self.open = end;
            None
        }
    }

    fn bursts(
        &mut self,
        probability: f64,
        share: f64,
        length: impl Fn(u64, bool) -> u64,
        stop: u64,
        (seed, source): (u64, u64),
    ) -> Option<u64> {
        if probability <= 0.0 {
            return None;
        }
        loop {
            let (end, on) = self.phase;
            if on && let Some(at) = self.trial(probability, end, seed, source) {
                return Some(at);
            }
            let on = if self.started { !on } else { unit(self.draw(seed, source)) < share };
            self.started = true;
            self.open = end;
            if end >= stop {
                return None;
            }
            self.phase = (end.saturating_add(length(self.draw(seed, source), on)), on);
        }
    }
}

/// A Pareto length in whole cycles with that mean.
fn pareto(draw: u64, mean: f64, shape: f64) -> u64 {
    let least = mean * (shape - 1.0) / shape;
    let exact = least * libm::pow(1.0 - unit(draw), -1.0 / shape);
    // The low bits, which the real does not use, decide which way it is rounded.
    let up = (draw & 0x7ff) as f64 / 2048.0;
    (exact + up) as u64
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
