//! Traffic: which packets the endpoints of a network send, and when.
//!
//! A [`Traffic`] gives the packets of one source at a time, in ascending cycles. What a source sends depends on nothing that
//! other sources do, so they may be asked in any order and from any thread.
//!
//! | made from | by |
//! |---|---|
//! | a [pattern](PatternSpec) and a [process](ProcessSpec) | [`TrafficSpec::build`] |
//! | a list of packets, or a CSV file of them | [`Replay`] |
//! | a table of flows with their rates | [`FlowTable`] |
//!
//! The file forms are described in `docs/formats/traffic.md`.

mod flows;
mod lines;
mod patterns;
mod process;
mod replay;
mod shape;
mod spikes;
mod synthetic;
mod text;

pub use flows::{Flow, FlowDefaults, FlowError, FlowTable, FlowTraffic, read_flows};
pub use lines::{LineFault, ReadError, ReadLimits};
pub use patterns::{Pattern, PatternError, PatternKind, PatternSpec, patterns};
pub use process::{ProcessKind, ProcessSpec, processes};
pub use replay::{PacketLines, Replay, ReplayError, TracePacket};
pub use shape::Shape;
pub use spikes::{SpikeLines, SpikeTiming};
pub use synthetic::{Synthetic, TrafficError, TrafficSpec};
pub use text::TextError;

use crate::topology::EndpointId;

/// Where a packet goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destinations {
    /// To one endpoint.
    One(EndpointId),
    /// To several, ascending and distinct: one packet that forks on its way.
    Many(Vec<EndpointId>),
}

impl Destinations {
    /// One destination, or several; sorted, and what occurs twice is taken once. `None` for an empty list.
    pub fn from_list(mut list: Vec<EndpointId>) -> Option<Self> {
        list.sort_unstable();
        list.dedup();
        match list[..] {
            [] => None,
            [one] => Some(Destinations::One(one)),
            _ => Some(Destinations::Many(list)),
        }
    }

    /// All of them.
    pub fn as_slice(&self) -> &[EndpointId] {
        match self {
            Destinations::One(one) => std::slice::from_ref(one),
            Destinations::Many(list) => list,
        }
    }
}

/// A packet that a source creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The cycle of its creation.
    pub cycle: u64,
    /// Where it goes.
    pub destinations: Destinations,
    /// Its length, at least 1.
    pub flits: u16,
    /// The packet's own random word, for routing that tosses coins.
    pub draw: u64,
}

/// Packets, source by source. Clones give the same packets, so that threads may each have one and ask for sources of
/// their own.
pub trait Traffic: Send {
    /// The next packet of a source; its cycle is never below that of the one before. `None`: there are no more, and
    /// there will be none.
    fn next(&mut self, source: EndpointId) -> Option<Arrival>;
}
