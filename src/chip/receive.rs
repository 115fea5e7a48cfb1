//! Cores that work on packets as they arrive, one after the other, beside their neurons.

use super::image::FanOutTable;
use spikemesh_router::{EndpointId, Receiver, Verdict};

/// A copy of a packet of this tick.
#[derive(Clone, Copy, Debug)]
struct Copy {
    destination: EndpointId,
    /// Core in use that is there, if any.
    core: u32,
    /// The work it means there, in picoseconds.
    work_ps: u64,
}

/// Whether every source of a table has one target for each route, in the same order, on the only core that the route
/// reaches: then a copy's target need not be searched for. `entry` is the core in use that a route alone reaches.
pub(super) fn aligned(table: &FanOutTable, entry: impl Fn(u32) -> Option<u32>) -> bool {
    (0..table.len()).all(|source| {
        let (routes, targets) = (table.routes_of(source), table.targets_of(source));
        routes.len() == targets.len()
            && routes.iter().zip(targets).all(|(route, target)| entry(*route) == Some(target.0))
    })
}

/// What arrives at the cores in a tick.
#[derive(Debug)]
pub(super) struct Receivers {
    /// Copies in the order they are sent; a packet's tag is the place of its first.
    copies: Vec<Copy>,
    /// When each core in use has done all that has arrived, in picoseconds.
    free_ps: Vec<u64>,
    /// Work of all copies that arrived.
    work_ps: u64,
}

impl Receivers {
    pub(super) fn new(cores: usize) -> Self {
        Self { copies: Vec::new(), free_ps: vec![0; cores], work_ps: 0 }
    }

    /// Forgets the tick before.
    pub(super) fn clear(&mut self) {
        self.copies.clear();
        self.free_ps.fill(0);
        self.work_ps = 0;
    }

    /// The tag of a packet whose copies are noted next.
    #[inline]
    pub(super) fn tag(&self) -> u32 {
        self.copies.len() as u32
    }

    /// Notes a copy: where it goes, the core in use there and the work it means for that core.
    #[inline]
    pub(super) fn send(&mut self, destination: EndpointId, core: u32, work_ps: u64) {
        self.copies.push(Copy { destination, core, work_ps });
    }

    /// Work of all that arrived, in picoseconds.
    pub(super) fn work_ps(&self) -> u64 {
        self.work_ps
    }

    /// When the last core has worked on all that arrived; 0 if nothing did.
    pub(super) fn done_ps(&self) -> u64 {
        self.free_ps.iter().copied().max().unwrap_or(0)
    }
}

impl Receiver for Receivers {
    /// The core begins when it has done what came before; then there is room for another.
    #[inline]
    fn arrived(&mut self, copy: &Verdict, at_ps: u64) -> u64 {
        let sent = self.copies[copy.tag as usize..].iter().find(|sent| sent.destination == copy.destination);
        let Copy { core, work_ps, .. } = *sent.expect("invariant: what arrives was sent");
        // At a port there is no core, and always room.
        let Some(free_ps) = self.free_ps.get_mut(core as usize) else { return at_ps };
        let begin_ps = at_ps.max(*free_ps);
        *free_ps = begin_ps + work_ps;
        self.work_ps += work_ps;
        begin_ps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikemesh_router::{Fate, RouteId};

    fn copy(tag: u32, destination: u32, at_ps: u64) -> Verdict {
        let (route, destination) = (RouteId(0), EndpointId(destination));
        Verdict { tag, route, destination, fate: Fate::Arrived { at_ps } }
    }

    #[test]
    fn a_core_works_on_one_packet_after_the_other() {
        let mut receivers = Receivers::new(2);
        assert_eq!(receivers.done_ps(), 0);
        for (tag, (core, at_ps, work_ps)) in (0..).zip([(0, 10, 20), (0, 15, 20), (1, 40, 5), (0, 50, 10)]) {
            receivers.send(EndpointId(core + 7), core, work_ps);
            receivers.arrived(&copy(tag, core + 7, at_ps), at_ps);
        }
        // 10 to 30, 30 to 50, 50 to 60.
        assert_eq!((receivers.done_ps(), receivers.work_ps()), (60, 55));
        receivers.clear();
        assert_eq!((receivers.done_ps(), receivers.work_ps()), (0, 0));
    }

    #[test]
    fn there_is_room_again_when_the_core_begins() {
        let mut receivers = Receivers::new(1);
        (0..3).for_each(|_| receivers.send(EndpointId(4), 0, 100));
        let begins = [(0, 30), (1, 40), (2, 300)].map(|(tag, at)| receivers.arrived(&copy(tag, 4, at), at));
        assert_eq!(begins, [30, 130, 300]);
    }

    #[test]
    fn copies_of_a_packet_mean_the_work_of_their_own_destination() {
        let mut receivers = Receivers::new(3);
        receivers.send(EndpointId(2), 2, 5);
        let tag = receivers.tag();
        (0..3).for_each(|core| receivers.send(EndpointId(core), core, 10 + u64::from(core)));
        receivers.send(EndpointId(9), u32::MAX, 0);
        for (destination, done_ps) in [(2, 112), (0, 112), (1, 112)] {
            assert_eq!(receivers.arrived(&copy(tag, destination, 100), 100), 100);
            assert_eq!(receivers.done_ps(), done_ps);
        }
        assert_eq!(receivers.arrived(&copy(0, 2, 100), 100), 112);
        assert_eq!(receivers.arrived(&copy(tag, 9, 100), 100), 100, "a port");
        assert_eq!((receivers.done_ps(), receivers.work_ps()), (117, 38));
    }

    #[test]
    fn tables_are_aligned_if_targets_lie_as_routes_do() {
        let mut table = FanOutTable::default();
        table.push(&[0, 1], &[(3, 30), (5, 50)]);
        assert!(aligned(&table, |route| [Some(3), Some(5)][route as usize]));
        assert!(!aligned(&table, |route| [Some(5), Some(3)][route as usize]));
        table.push(&[0], &[(5, 51), (3, 31), (5, 52)]);
        assert!(!aligned(&table, |route| [Some(3), Some(5)][route as usize]));
    }
}
