//! Cores that work on packets as they arrive, one after the other, beside their neurons.

use super::deadline::Sender;
use super::image::FanOutTable;

/// A packet of this tick: who sent it, and the place of its route among the sender's.
#[derive(Clone, Copy, Debug)]
struct Sent {
    sender: Sender,
    place: u32,
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
    sent: Vec<Sent>,
    /// By core in use: (arrival, work), in picoseconds.
    queues: Vec<Vec<(u64, u64)>>,
}

impl Receivers {
    pub(super) fn new(cores: usize) -> Self {
        Self { sent: Vec::new(), queues: vec![Vec::new(); cores] }
    }

    /// Forgets the tick before.
    pub(super) fn clear(&mut self) {
        self.sent.clear();
        self.queues.iter_mut().for_each(Vec::clear);
    }

    /// Notes a packet; returns the tag it must carry.
    #[inline]
    pub(super) fn send(&mut self, sender: Sender, place: u32) -> u32 {
        self.sent.push(Sent { sender, place });
        (self.sent.len() - 1) as u32
    }

    /// Who sent a packet.
    pub(super) fn sender(&self, tag: u32) -> Sender {
        self.sent[tag as usize].sender
    }

    /// Axons of a core in use that a packet's copy there acts on; `aligned` as [`aligned`] says of the sender's table.
    #[inline]
    pub(super) fn targets<'t>(
        &self,
        tag: u32,
        core: u32,
        fan_out: &'t FanOutTable,
        aligned: bool,
    ) -> impl Iterator<Item = u32> + use<'t> {
        let Sent { sender, place } = self.sent[tag as usize];
        let all = fan_out.targets_of(sender.local as usize);
        let some = if aligned { &all[place as usize..=place as usize] } else { all };
        some.iter().filter(move |target| target.0 == core).map(|target| target.1)
    }

    /// Notes an arrival and the work it means.
    #[inline]
    pub(super) fn arrived(&mut self, core: u32, at_ps: u64, work_ps: u64) {
        self.queues[core as usize].push((at_ps, work_ps));
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
            receivers.arrived(core, at_ps, work_ps);
        }
        // 10 to 30, 30 to 50, 50 to 60.
        assert_eq!(receivers.done_ps(), 60);
        receivers.clear();
        assert_eq!(receivers.done_ps(), 0);
    }

    #[test]
    fn targets_are_found_in_the_order_of_routes_or_out_of_it() {
        let mut table = FanOutTable::default();
        table.push(&[0, 1], &[(3, 30), (5, 50)]);
        assert!(aligned(&table, |route| [Some(3), Some(5)][route as usize]));
        assert!(!aligned(&table, |route| [Some(5), Some(3)][route as usize]));
        table.push(&[0], &[(5, 51), (3, 31), (5, 52)]);
        assert!(!aligned(&table, |route| [Some(3), Some(5)][route as usize]));
        let mut receivers = Receivers::new(6);
        let sender = |local| Sender { core: Some(0), local, endpoint: 0, payload: 1 };
        let tags = [receivers.send(sender(0), 1), receivers.send(sender(1), 0)];
        let of = |tag, core, aligned| receivers.targets(tag, core, &table, aligned).collect::<Vec<_>>();
        assert_eq!((of(tags[0], 5, true), of(tags[0], 5, false)), (vec![50], vec![50]));
        assert_eq!(of(tags[0], 3, false), [30], "a copy of a packet that forks");
        assert_eq!((of(tags[1], 5, false), of(tags[1], 4, false)), (vec![51, 52], vec![]));
    }
}
