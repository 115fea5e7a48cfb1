//! Ticks of fixed length: which copies are late, and what becomes of them.
//!
//! Time goes on whatever cores and mesh are doing. A core that is not done with its work when the tick ends goes on with
//! it in the next, and everything it sends is sent later; a packet that is made after the end of its tick enters the mesh
//! in a later one; a packet under way stays under way. A copy is on time if it arrives in the tick in which its neuron
//! should have fired, and acts in the next. A copy that arrives `n` ticks later is `n` ticks late: it acts `n` ticks
//! later than it should, or is thrown away, as the chip says. Neurons step once a tick all the same: what a core has not
//! heard of by then, it steps without.

use super::spec::Late;
use spikemesh_router::{Fate, Injection, Verdict};
use std::collections::BTreeMap;

/// What was late, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateCounters {
    /// Copies that missed their tick.
    pub late: u64,
    /// Of them, those that were thrown away.
    pub dropped: u64,
    /// Copies by how many ticks late they were, the first for one tick; the last holds all beyond.
    pub by_ticks: [u64; LATENESS_MOST],
    /// Copies that were still under way, or not yet sent, when their sample ended: nobody heard of them.
    pub unheard: u64,
    /// Times that a core was not done with its work when its tick ended, by endpoint.
    pub overruns: BTreeMap<u32, u64>,
    /// Late copies by (endpoint they start from, endpoint they go to).
    pub pairs: BTreeMap<(u32, u32), u64>,
}

/// Latenesses told apart.
pub const LATENESS_MOST: usize = 8;

impl LateCounters {
    /// Adds what another chip counted.
    pub fn merge(&mut self, other: &Self) {
        self.late += other.late;
        self.dropped += other.dropped;
        self.unheard += other.unheard;
        self.by_ticks.iter_mut().zip(other.by_ticks).for_each(|(mine, theirs)| *mine += theirs);
        other.overruns.iter().for_each(|(core, n)| *self.overruns.entry(*core).or_default() += n);
        other.pairs.iter().for_each(|(pair, n)| *self.pairs.entry(*pair).or_default() += n);
    }

    /// Every count as a number in a fixed order, for the digest; none if nothing was late.
    pub(super) fn numbers(&self) -> Vec<u64> {
        if *self == Self::default() {
            return Vec::new();
        }
        let mut out = vec![self.late, self.dropped, self.unheard];
        out.extend(self.by_ticks);
        self.overruns.iter().for_each(|(core, n)| out.extend([u64::from(*core), *n]));
        self.pairs.iter().for_each(|((from, to), n)| out.extend([u64::from(*from), u64::from(*to), *n]));
        out
    }
}

/// Who sent a packet, so that its copies can be handed on when they arrive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    /// Core in use; `None` is the input port.
    pub(super) core: Option<u32>,
    /// Neuron there, or index of the input.
    pub(super) local: u32,
    /// Endpoint.
    pub(super) endpoint: u32,
    pub(super) payload: i32,
}

/// A packet on its way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    sender: Sender,
    /// Tick in which its neuron fired.
    tick: u64,
    /// Copies whose fate is open.
    copies: u32,
}

/// An arrival that a tick takes note of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) sender: Sender,
    /// Endpoint it arrives at.
    pub(super) destination: u32,
}

/// The state of a chip whose ticks have a fixed length.
#[derive(Debug)]
pub(super) struct Deadline {
    pub(super) period_ps: u64,
    late: Late,
    now: u64,
    /// Picoseconds that each core in use is behind at the start of the tick.
    pub(super) behind_ps: Vec<u64>,
    /// Packets made after the end of the tick they belong to, with their time in this one.
    held: Vec<Injection>,
    flights: Vec<Flight>,
    free: Vec<u32>,
    /// Arrivals in later ticks that are known already, by tick: (flight, endpoint).
    due: BTreeMap<u64, Vec<(u32, u32)>>,
    pub(super) counters: LateCounters,
}

impl Deadline {
    pub(super) fn new(period_ps: u64, late: Late, cores: usize) -> Self {
        Self {
            period_ps,
            late,
            now: 0,
            behind_ps: vec![0; cores],
            held: Vec::new(),
            flights: Vec::new(),
            free: Vec::new(),
            due: BTreeMap::new(),
            counters: LateCounters::default(),
        }
    }

    /// Whether nothing is late, held back, or under way from ticks before.
    pub(super) fn is_quiet(&self) -> bool {
        self.held.is_empty() && self.due.is_empty() && self.flights.len() == self.free.len()
    }

    /// Ends a tick in which all was in time.
    pub(super) fn pass(&mut self) {
        self.now += 1;
    }

    /// Notes a packet of so many copies that is made now; returns the tag it must carry.
    pub(super) fn send(&mut self, sender: Sender, copies: u32) -> u32 {
        let flight = Flight { sender, tick: self.now, copies };
        if let Some(free) = self.free.pop() {
            self.flights[free as usize] = flight;
            return free;
        }
        self.flights.push(flight);
        (self.flights.len() - 1) as u32
    }

    /// Notes that a core, by endpoint, is done `end_ps` after the start of the tick.
    pub(super) fn core_done(&mut self, core: usize, endpoint: u32, end_ps: u64) {
        self.behind_ps[core] = end_ps.saturating_sub(self.period_ps);
        if self.behind_ps[core] > 0 {
            *self.counters.overruns.entry(endpoint).or_default() += 1;
        }
    }

    /// Leaves in `injections` the packets that enter the mesh in this tick, those held back earlier among them.
    pub(super) fn admit(&mut self, injections: &mut Vec<Injection>) {
        injections.append(&mut self.held);
        let period_ps = self.period_ps;
        for mut late in injections.extract_if(.., |injection| injection.at_ps >= period_ps) {
            late.at_ps -= period_ps;
            self.held.push(late);
        }
    }

    /// Ends the tick: takes what the mesh says and tells every arrival of this tick that is to be heard.
    pub(super) fn settle(&mut self, verdicts: &[Verdict], mut hear: impl FnMut(Heard)) {
        for verdict in verdicts {
            match verdict.fate {
                Fate::Arrived { at_ps } => {
                    let tick = self.now + at_ps / self.period_ps;
                    self.due.entry(tick).or_default().push((verdict.tag, verdict.destination.0));
                }
                Fate::Dropped(_) => self.close(verdict.tag),
            }
        }
        for (tag, destination) in self.due.remove(&self.now).unwrap_or_default() {
            let Flight { sender, tick, .. } = self.flights[tag as usize];
            self.close(tag);
            let ticks_late = (self.now - tick) as usize;
            if ticks_late > 0 {
                self.counters.late += 1;
                self.counters.by_ticks[ticks_late.min(LATENESS_MOST) - 1] += 1;
                *self.counters.pairs.entry((sender.endpoint, destination)).or_default() += 1;
            }
            if ticks_late > 0 && self.late == Late::Drop {
                self.counters.dropped += 1;
            } else {
                hear(Heard { sender, destination });
            }
        }
        self.now += 1;
    }

    /// The fate of one copy of a flight is known.
    fn close(&mut self, tag: u32) {
        let flight = &mut self.flights[tag as usize];
        flight.copies -= 1;
        if flight.copies == 0 {
            self.free.push(tag);
        }
    }

    /// Forgets what is under way, at the end of a sample; the mesh must be drained by the caller.
    pub(super) fn clear(&mut self) {
        let open: u64 = self.flights.iter().map(|flight| u64::from(flight.copies)).sum();
        self.counters.unheard += open;
        self.behind_ps.fill(0);
        self.held.clear();
        self.flights.clear();
        self.free.clear();
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikemesh_router::{EndpointId, RouteId};

    fn sender(local: u32) -> Sender {
        Sender { core: Some(0), local, endpoint: 5, payload: 1 }
    }

    fn arrival(tag: u32, at_ps: u64) -> Verdict {
        let (route, destination) = (RouteId(0), EndpointId(7));
        Verdict { tag, route, destination, fate: Fate::Arrived { at_ps } }
    }

    fn heard(deadline: &mut Deadline, verdicts: &[Verdict]) -> Vec<u32> {
        let mut all = Vec::new();
        deadline.settle(verdicts, |heard| all.push(heard.sender.local));
        all
    }

    #[test]
    fn a_copy_that_misses_its_tick_is_heard_later_or_never() {
        for (late, second) in [(Late::Deliver, vec![2]), (Late::Drop, vec![])] {
            let mut deadline = Deadline::new(100, late, 1);
            let tags = [1, 2].map(|local| deadline.send(sender(local), 1));
            assert_eq!(heard(&mut deadline, &[arrival(tags[0], 99), arrival(tags[1], 100)]), [1]);
            assert_eq!(heard(&mut deadline, &[]), second);
            let counters = &deadline.counters;
            assert_eq!((counters.late, counters.by_ticks[0]), (1, 1));
            assert_eq!(counters.dropped, u64::from(late == Late::Drop));
            assert_eq!(counters.pairs, BTreeMap::from([((5, 7), 1)]));
        }
    }

    #[test]
    fn a_core_behind_sends_later_and_what_nobody_hears_is_counted() {
        let mut deadline = Deadline::new(100, Late::Deliver, 1);
        deadline.core_done(0, 5, 250);
        assert_eq!(deadline.behind_ps, [150]);
        let injection = |at_ps, tag| Injection { at_ps, route: RouteId(0), flits: 1, payload: 1, tag };
        let tags = [1, 2].map(|local| deadline.send(sender(local), 1));
        let mut injections = vec![injection(50, tags[0]), injection(230, tags[1])];
        deadline.admit(&mut injections);
        assert_eq!(injections, [injection(50, tags[0])]);
        assert_eq!(heard(&mut deadline, &[arrival(tags[0], 60)]), [1]);
        let mut next = Vec::new();
        deadline.admit(&mut next);
        assert!(next.is_empty(), "it is made in the third tick");
        deadline.settle(&[], |_| ());
        deadline.admit(&mut next);
        assert_eq!(next, [injection(30, tags[1])]);
        deadline.clear();
        assert_eq!((deadline.counters.unheard, deadline.counters.overruns[&5]), (1, 1));
    }
}
