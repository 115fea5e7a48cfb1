//! Patterns and processes together.

use super::patterns::{Pattern, PatternError, PatternSpec};
use super::process::{Clock, ProcessSpec};
use super::shape::Shape;
use super::{Arrival, Destinations, Traffic};
use crate::random::{below, derive, word};
use crate::topology::EndpointId;
use serde::{Deserialize, Serialize};

/// Synthetic traffic: every core is a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficSpec {
    /// Where packets go, such as `hotspot(27:2,28:1;fraction=0.3)`.
    pub pattern: PatternSpec,
    /// When they are made, such as `bernoulli(rate=0.02)`.
    pub process: ProcessSpec,
    /// Least and most flits of a packet; every length between has the same probability.
    #[serde(default = "one_flit")]
    pub flits: (u16, u16),
    /// What all draws are derived from.
    #[serde(default)]
    pub seed: u64,
    /// Cycle the processes start at.
    #[serde(default)]
    pub start: u64,
    /// First cycle in which nothing is created any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<u64>,
}

fn one_flit() -> (u16, u16) {
    (1, 1)
}

/// Why traffic cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrafficError {
    /// The pattern is not defined on this network.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Lengths that are none.
    #[error("packets of {least} to {most} flits; the least must be 1 or more, and at most the most")]
    Flits {
        /// Least asked for.
        least: u16,
        /// Most asked for.
        most: u16,
    },
    /// It stops before it starts.
    #[error("traffic stops at cycle {stop}, before it starts at {start}")]
    Stop {
        /// First cycle.
        start: u64,
        /// First cycle without.
        stop: u64,
    },
}

/// What a packet's draw is derived for.
const LENGTH_LANE: u64 = 1;
const DESTINATION_LANE: u64 = 2;

impl TrafficSpec {
    /// The traffic on a network.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn build(&self, shape: Shape) -> Result<Synthetic, Vec<TrafficError>> {
        let mut errors = Vec::new();
        let (least, most) = self.flits;
        if least == 0 || least > most {
            errors.push(TrafficError::Flits { least, most });
        }
        if let Some(stop) = self.stop.filter(|&stop| stop < self.start) {
            errors.push(TrafficError::Stop { start: self.start, stop });
        }
        match self.pattern.build(shape) {
            Ok(pattern) if errors.is_empty() => Ok(Synthetic {
                pattern,
                spec: self.clone(),
                sources: vec![Source::default(); shape.endpoints() as usize],
            }),
            Ok(_) => Err(errors),
            Err(error) => {
                errors.push(error.into());
                Err(errors)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Source {
    clock: Clock,
    /// Packets made.
    made: u64,
    /// Cycle of the firing that has copies left, and how many.
    firing: (u64, u16),
    over: bool,
}

/// Traffic made from a [`TrafficSpec`].
#[derive(Clone, Debug)]
pub struct Synthetic {
    spec: TrafficSpec,
    pattern: Pattern,
    sources: Vec<Source>,
}

impl Traffic for Synthetic {
    /// Endpoints that are no cores send nothing.
    fn next(&mut self, source: EndpointId) -> Option<Arrival> {
        let spec = &self.spec;
        let state = self.sources.get_mut(source.index())?;
        let (copies, multicast) = spec.process.fan_out();
        if state.firing.1 == 0 {
            let length = spec.stop.unwrap_or(u64::MAX) - spec.start;
            let cycle = (!state.over)
                .then(|| state.clock.next(&spec.process, length, spec.seed, source.0.into()))
                .flatten()
                .map(|cycle| spec.start + cycle);
            let Some(cycle) = cycle else {
                state.over = true;
                return None;
            };
            state.firing = (cycle, if multicast { 1 } else { copies });
        }
        state.firing.1 -= 1;
        let draw = word(spec.seed, source.0.into(), state.made);
        state.made += 1;
        let to = |copy: u16| self.pattern.destination(source, derive(draw, DESTINATION_LANE + u64::from(copy)));
        let destinations = if multicast {
            Destinations::from_list((0..copies).map(to).collect())?
        } else {
            Destinations::One(to(0))
        };
        let (least, most) = spec.flits;
        let flits = least + below(derive(draw, LENGTH_LANE), u64::from(most - least) + 1) as u16;
        Some(Arrival { cycle: state.firing.0, destinations, flits, draw })
    }
}
