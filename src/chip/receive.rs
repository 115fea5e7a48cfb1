//! Cores that work on packets as they arrive, one after the other, beside their neurons.

use super::image::FanOutTable;
use spikemesh_router::EndpointId;

/// A copy of a packet of this tick: where it goes and the work it means there, in picoseconds.
#[derive(Clone, Copy, Debug)]
struct Copy {
    destination: EndpointId,
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
    /// By core in use: (arrival, work), in picoseconds.
    queues: Vec<Vec<(u64, u64)>>,
}

impl Receivers {
    pub(super) fn new(cores: usize) -> Self {
        Self { copies: Vec::new(), queues: vec![Vec::new(); cores] }
    }

    /// Forgets the tick before.
    pub(super) fn clear(&mut self) {
        self.copies.clear();
        self.queues.iter_mut().for_each(Vec::clear);
    }

    /// The tag of a packet whose copies are noted next.
    #[inline]
    pub(super) fn tag(&self) -> u32 {
        self.copies.len() as u32
    }

    /// Notes a copy, and the work it means where it arrives.
    #[inline]
    pub(super) fn send(&mut self, destination: EndpointId, work_ps: u64) {
        self.copies.push(Copy { destination, work_ps });
    }

    /// A copy of a packet with this tag has arrived where `core` in use is; returns the work it means, in picoseconds.
    #[inline]
    pub(super) fn arrived(&mut self, tag: u32, destination: EndpointId, core: u32, at_ps: u64) -> u64 {
        let copy = self.copies[tag as usize..].iter().find(|copy| copy.destination == destination);
        let work_ps = copy.expect("invariant: what arrives was sent").work_ps;
        self.queues[core as usize].push((at_ps, work_ps));
        work_ps
    }

    /// When the last core has worked on all that arrived; 0 if nothing did.
    pub(super) fn done_ps(&mut self) -> u64 {
        let done = self.queues.iter_mut().map(|queue| {
            // Equal arrivals may come in any order: their work is done one after the other.
            queue.sort_unstable();
            queue.iter().fold(0, |free_ps: u64, (at_ps, work_ps)| free_ps.max(*at_ps) + work_ps)
        });
        done.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_works_on_one_packet_after_the_other() {
        let mut receivers = Receivers::new(2);
        assert_eq!(receivers.done_ps(), 0);
        for (core, at_ps, work_ps) in [(0, 50, 10), (0, 10, 20), (0, 15, 20), (1, 40, 5)] {
            let tag = receivers.tag();
            receivers.send(EndpointId(core + 7), work_ps);
            assert_eq!(receivers.arrived(tag, EndpointId(core + 7), core, at_ps), work_ps);
        }
        // 10 to 30, 30 to 50, 50 to 60.
        assert_eq!(receivers.done_ps(), 60);
        receivers.clear();
        assert_eq!(receivers.done_ps(), 0);
    }

    #[test]
    fn copies_of_a_packet_mean_the_work_of_their_own_destination() {
        let mut receivers = Receivers::new(3);
        receivers.send(EndpointId(2), 5);
        let tag = receivers.tag();
        (0..3).for_each(|core| receivers.send(EndpointId(core), 10 + u64::from(core)));
        let works = [2, 0, 1].map(|core| receivers.arrived(tag, EndpointId(core), core, 100));
        assert_eq!((works, receivers.arrived(0, EndpointId(2), 2, 100)), ([12, 10, 11], 5));
        assert_eq!(receivers.done_ps(), 117);
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
