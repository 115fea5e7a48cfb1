//! The network as the chip sees it: packets in, times and losses out.

mod analytic;
mod calendar;
mod deflection;
pub mod flit;
mod levels;
mod lists;
mod order;
mod packet;
mod reservation;

pub use analytic::Analytic;
pub use deflection::{DeflectionError, DeflectionNetwork, DeflectionSpec, FlitInside, Livelock, Order};
pub use levels::{Neighbour, Published};
pub use packet::{PacketNoc, QueueLimits};
pub use reservation::{
    MeshPort, ReservationError, ReservationHost, ReservationMesh, ReservationSettings, WaitingHead, WormFlit,
};

use self::order::ByTime;
use crate::counters::NocCounters;
use crate::route::{DropCause, RouteId};
use crate::topology::EndpointId;
use serde::{Deserialize, Serialize};

/// How faithfully the network is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Exact link loads, no contention.
    Analytic,
    /// Packets on links of finite width with finite queues.
    Packet,
    /// Flits through routers with virtual channels, cycle by cycle.
    Flit,
}

impl Level {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Level::Analytic => "analytic",
            Level::Packet => "packet",
            Level::Flit => "flit",
        }
    }

    /// All levels, from the coarsest to the finest.
    pub const ALL: [Level; 3] = [Level::Analytic, Level::Packet, Level::Flit];

    /// The level of that name.
    pub fn by_name(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// A packet to send in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injection {
    /// Time inside the tick, in picoseconds.
    pub at_ps: u64,
    /// Its route.
    pub route: RouteId,
    /// Its length, at least 1.
    pub flits: u16,
    /// Opaque word it carries.
    pub payload: i32,
    /// Opaque word that comes back in verdicts.
    pub tag: u32,
}

/// What became of one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its tail arrived, in picoseconds from the start of the tick.
    Arrived {
        /// The time.
        at_ps: u64,
    },
    /// It is lost.
    Dropped(DropCause),
}

/// The fate of one copy of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The packet's tag.
    pub tag: u32,
    /// The packet's route.
    pub route: RouteId,
    /// Which copy.
    pub destination: EndpointId,
    /// What became of it.
    pub fate: Fate,
}

/// Where verdicts go. A chip with a barrier and no faults ignores them.
#[derive(Debug)]
pub enum VerdictSink<'a> {
    /// Nobody asks.
    Ignore,
    /// They are appended here, in order of decision.
    Collect(&'a mut Vec<Verdict>),
    /// Copies are handed over as they arrive, and take room until the receiver says ([`QueueLimits::receive`]).
    Receive(&'a mut dyn Receiver),
}

/// Arrivals of a tick, collected by a level that finds them out of order.
#[derive(Clone, Debug, Default)]
struct Arrivals {
    verdicts: Vec<Verdict>,
    order: ByTime,
}

impl Arrivals {
    /// Runs a tick that tells verdicts in any order; a receiver gets those that arrived in order of time, equal ones in
    /// that of decision.
    fn in_order(
        &mut self,
        sink: &mut VerdictSink<'_>,
        tick: impl FnOnce(&mut VerdictSink<'_>) -> TickOutcome,
    ) -> TickOutcome {
        let VerdictSink::Receive(receiver) = sink else { return tick(sink) };
        self.verdicts.clear();
        let outcome = tick(&mut VerdictSink::Collect(&mut self.verdicts));
        self.order.clear();
        for (verdict, place) in self.verdicts.iter().zip(0..) {
            if let Fate::Arrived { at_ps } = verdict.fate {
                self.order.push(at_ps, place);
            }
        }
        for &(at_ps, place) in self.order.sort() {
            receiver.arrived(&self.verdicts[place as usize], at_ps);
        }
        outcome
    }
}

/// Takes copies as they arrive.
pub trait Receiver: std::fmt::Debug {
    /// A copy has arrived `at_ps` after the start of the tick; returns when the room it takes is free again, not before.
    /// Calls come in order of time; the packet level alone minds the answer.
    fn arrived(&mut self, copy: &Verdict, at_ps: u64) -> u64;
}

impl VerdictSink<'_> {
    /// Tells of a verdict; returns when the room of the copy is free again, if somebody received it.
    #[inline]
    pub(crate) fn push(&mut self, verdict: Verdict) -> Option<u64> {
        match (self, verdict.fate) {
            (VerdictSink::Ignore, _) | (VerdictSink::Receive(_), Fate::Dropped(_)) => {}
            (VerdictSink::Collect(list), _) => list.push(verdict),
            (VerdictSink::Receive(receiver), Fate::Arrived { at_ps }) => {
                return Some(receiver.arrived(&verdict, at_ps));
            }
        }
        None
    }
}

/// The outcome of a call to [`Noc::run_tick`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TickOutcome {
    /// Arrival of the last copy that arrived in this call, in picoseconds from its start; 0 if none did.
    pub end_ps: u64,
    /// Copies still under way.
    pub in_flight: u64,
}

/// A network: function is the chip's, time and counts are the network's.
pub trait Noc: Send {
    /// Its level.
    fn level(&self) -> Level;

    /// Sends `injections` (any order) and runs until nothing is under way, or until `until_ps`; what is under
    /// way then goes on in the next call, whose time 0 is this call's `until_ps`.
    fn run_tick(
        &mut self,
        injections: &[Injection],
        until_ps: Option<u64>,
        verdicts: &mut VerdictSink<'_>,
    ) -> TickOutcome;

    /// Everything counted since the last reset.
    fn counters(&self) -> NocCounters;

    /// Empties the network and its counters.
    fn reset(&mut self);
}
