//! Random numbers of the learning engines, from counters or from a recording.
//!
//! Loihi's engine draws one number a side and step for all traces, and one an epoch for all weights. A recording of those
//! numbers makes the emulation equal to the tool that made it; without one they are counter-based.

use crate::random;

/// Where the numbers come from.
#[derive(Clone, Debug)]
pub enum Streams {
    /// Pure functions of the seed and the step.
    Counter {
        /// The seed.
        seed: u64,
    },
    /// As another tool drew them; beyond the end of a stream its last number repeats.
    Recorded(Box<RecordedStreams>),
}

/// Streams in the order in which they were drawn; uniform numbers are 53 bits, 2^-53 a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedStreams {
    /// Decay of presynaptic traces.
    pub x_decay: Vec<u64>,
    /// Impulse of presynaptic traces, 0 to 127.
    pub x_impulse: Vec<u8>,
    /// Decay of postsynaptic traces.
    pub y_decay: Vec<u64>,
    /// Impulse of postsynaptic traces, 0 to 127.
    pub y_impulse: Vec<u8>,
    /// Rounding of weights, one an epoch.
    pub weight_round: Vec<u64>,
}

/// One of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    XDecay = 1,
    XImpulse,
    YDecay,
    YImpulse,
    WeightRound,
}

impl Streams {
    /// The `index`-th number of a stream: 53 bits, or 0 to 127 for impulses.
    pub(crate) fn draw(&self, stream: Stream, index: u64) -> u64 {
        let impulse = matches!(stream, Stream::XImpulse | Stream::YImpulse);
        match self {
            Streams::Counter { seed } => {
                let bits = random::bits(*seed, 0, index, 0x100 + stream as u32);
                if impulse { bits >> 57 } else { bits >> 11 }
            }
            Streams::Recorded(recorded) => {
                let at = |values: &[u64]| values.get(index as usize).or(values.last()).copied().unwrap_or(0);
                let small = |values: &[u8]| values.get(index as usize).or(values.last()).copied().unwrap_or(0);
                match stream {
                    Stream::XDecay => at(&recorded.x_decay),
                    Stream::YDecay => at(&recorded.y_decay),
                    Stream::WeightRound => at(&recorded.weight_round),
                    Stream::XImpulse => small(&recorded.x_impulse).into(),
                    Stream::YImpulse => small(&recorded.y_impulse).into(),
                }
            }
        }
    }

    /// 64 bits for one synapse and step, so that a draw depends on neither order nor placement. `who` is the synapse by
    /// network numbers: source in the upper half, target in the lower.
    pub(crate) fn of_synapse(&self, who: u64, step: u64, purpose: u32) -> u64 {
        match self {
            Streams::Counter { seed } => random::bits(*seed, who, step, 0x200 + purpose),
            Streams::Recorded(recorded) => at_step(&recorded.weight_round, step) << 11,
        }
    }
}

fn at_step(values: &[u64], step: u64) -> u64 {
    values.get(step as usize).or(values.last()).copied().unwrap_or(0)
}
