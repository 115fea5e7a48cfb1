//! Ticks of known packets: all are created at their cycles from the tick's start, and the next tick starts when the last
//! packet has arrived, as with a barrier.

use super::latencies::Latencies;
use super::measurement::{Measurement, Saturation, TickTimes};
use super::steady::Counted;
use crate::topology::EndpointId;

/// A packet of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayPacket {
    /// Its creation, counted from the start of the tick: picoseconds in [`ReplayTicks`], cycles on its way to a network.
    pub at: u64,
    /// Who sends it.
    pub source: EndpointId,
    /// Who is sent to.
    pub destination: EndpointId,
    /// Its length, at least 1.
    pub flits: u16,
}

/// Packets of all ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayTicks {
    packets: Vec<ReplayPacket>,
    /// Of each tick: where its packets end, loopbacks, copies.
    ends: Vec<(usize, u64, u64)>,
    /// Loopbacks and copies of the tick under way.
    open: (u64, u64),
}

impl ReplayTicks {
    /// Adds a packet to the last tick. A packet to its own source enters no router: it is counted and left out. To
    /// several destinations it is as many packets.
    pub fn push(&mut self, at_ps: u64, source: EndpointId, destinations: &[EndpointId], flits: u16) {
        let before = self.packets.len();
        for &destination in destinations {
            if destination == source {
                self.open.0 += 1;
            } else {
                self.packets.push(ReplayPacket { at: at_ps, source, destination, flits: flits.max(1) });
            }
        }
        self.open.1 += ((self.packets.len() - before) as u64).saturating_sub(1);
    }

    /// Ends a tick. One without packets is nothing to measure and is left out.
    pub fn end_tick(&mut self) {
        let first = self.ends.last().map_or(0, |end| end.0);
        if self.packets.len() > first {
            // Packets of one source leave in this order.
            self.packets[first..].sort_by_key(|packet| packet.at);
            let (loopbacks, copies) = std::mem::take(&mut self.open);
            self.ends.push((self.packets.len(), loopbacks, copies));
        }
    }

    /// Ticks with packets.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is nothing to replay.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Packets, a copy to each destination counted as one.
    pub fn packets(&self) -> &[ReplayPacket] {
        &self.packets
    }

    /// The packets of each tick.
    pub fn ticks(&self) -> impl Iterator<Item = &[ReplayPacket]> {
        let mut first = 0;
        self.ends.iter().map(move |&(end, ..)| &self.packets[std::mem::replace(&mut first, end)..end])
    }

    /// The first tick and every `stride`-th after it.
    pub fn every(self, stride: usize) -> Self {
        if stride <= 1 {
            return self;
        }
        let mut few = Self::default();
        for (packets, &(_, loopbacks, copies)) in self.ticks().zip(&self.ends).step_by(stride) {
            few.packets.extend_from_slice(packets);
            few.ends.push((few.packets.len(), loopbacks, copies));
        }
        few
    }

    /// Every pair that exchanges a packet, ascending.
    pub fn pairs(&self) -> Vec<(EndpointId, EndpointId)> {
        let mut pairs: Vec<_> = self.packets.iter().map(|packet| (packet.source, packet.destination)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

/// A network that is given tick after tick.
pub trait TickMover: Counted {
    /// Runs a tick, whose packets come by ascending cycle, to its end; cycles to the last arrival, or `None` if the network
    /// stands still before.
    fn tick(&mut self, packets: impl Iterator<Item = ReplayPacket>) -> Option<u64>;
}

/// Batches of a replay, for the confidence interval.
const BATCHES: usize = 20;

/// Replays all ticks with creations `speed_thousandths` / 1000 times as fast; `None` if `stop` said so.
pub fn replay<M: TickMover>(
    mover: &mut M,
    ticks: &ReplayTicks,
    cycle_ps: u64,
    speed_thousandths: u64,
    stop: &dyn Fn() -> bool,
) -> Option<Measurement> {
    let before = mover.loads();
    mover.tally_mut().open(0);
    let mut ends = Latencies::default();
    let (mut creation, mut standstill) = (0, false);
    let divisor = u128::from(cycle_ps.max(1)) * u128::from(speed_thousandths.max(1));
    let cycle = |packet: &ReplayPacket| {
        let at = u128::from(packet.at) * 1000 / divisor;
        ReplayPacket { at: at as u64, ..*packet }
    };
    for packets in ticks.ticks() {
        if stop() {
            return None;
        }
        let Some(end) = mover.tick(packets.iter().map(cycle)) else {
            standstill = true;
            break;
        };
        creation += packets.last().map_or(0, |packet| cycle(packet).at + 1);
        ends.record(end);
    }
    let mut found = mover.tally().measurement(mover.cores());
    found.samples = ends.count();
    found.settled = !standstill;
    found.cycles = ends.summary().sum;
    found.loads = mover.loads().since(&before);
    found.packets.loopbacks = ticks.ends.iter().map(|end| end.1).sum();
    found.packets.copies = ticks.ends.iter().map(|end| end.2).sum();
    let per = found.batches.len().div_ceil(BATCHES).max(1);
    let sum = |chunk: &[(u64, u64)]| chunk.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    found.batches = found.batches.chunks(per).map(sum).collect();
    found.ticks = Some(TickTimes { creation, end: ends.summary() });
    if standstill {
        let deadlocked = mover.is_deadlocked();
        found.saturated.push(if deadlocked { Saturation::Deadlock } else { Saturation::Standstill });
    }
    Some(found)
}
