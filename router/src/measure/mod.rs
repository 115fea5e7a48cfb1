//! Measuring a network: how long packets take, how much gets through, where it goes, and whether it keeps up.
//!
//! | part | what |
//! |---|---|
//! | [`Design`] | a network, a strategy and a router that fit together |
//! | [`Faults`] | what dies or fails in it |
//! | [`TrafficHost`] | any [`Traffic`](crate::traffic::Traffic) as the host of a flit network |
//! | [`steady`] | warm-up, samples until nothing changes any more, drain: for traffic without an end |
//! | [`replay`] | ticks of known packets, each until its last packet has arrived |
//! | [`Measurement`] | what came out, in whole numbers |
//!
//! Latency counts from a packet's creation to the arrival of its tail, time at the source included; network latency
//! counts from the cycle its head left the source. Everything counted is whole; means and rates are computed from it on
//! asking. The same traffic on the same design gives the same numbers, on any machine.
//!
//! The levels without flits are measured by the same protocol through [`NocMover`], with a packet for every copy, so that
//! link loads of all levels are the same.

mod design;
mod engine;
mod faults;
mod flit;
mod latencies;
mod measurement;
mod noc;
mod replay;
mod spec;
mod steady;
mod tally;

pub use crate::noc::flit::CYCLE_PS;
pub use design::{Design, DesignError, SPINNAKER_TIMEOUTS, mesh_spec};
pub use engine::FlitEngine;
pub use faults::{Death, Faults, FlakyLink, Part, Stage};
pub use flit::{FlitMover, TrafficHost};
pub use latencies::{Latencies, LatencySummary};
pub use measurement::{
    Interval, Loads, Measurement, Packets, Pair, Rate, RouterEvents, Saturation, TickTimes, Waits,
};
pub use noc::NocMover;
pub use replay::{ReplayPacket, ReplayTicks, TickMover, replay};
pub use spec::{MeasureError, MeasureSpec};
pub use steady::{Counted, Mover, steady};
pub use tally::Tally;

#[cfg(test)]
mod tests;
