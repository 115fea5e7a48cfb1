//! Whether the flit that goes first gets there in time.

use super::spec::Order;
use crate::topology::EndpointId;

/// A flit that went first and did not arrive in time. It would be an error of the router's, not of the traffic; the network
/// can go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "livelock: the flit that endpoint {} made in cycle {created} for endpoint {} went first from cycle {since} on and is \
     still inside in cycle {now}; it should have left within {bound} cycles",
    from.0,
    to.0
)]
pub struct Livelock {
    /// Who sent it.
    pub from: EndpointId,
    /// Who it is for.
    pub to: EndpointId,
    /// Cycle of its creation.
    pub created: u64,
    /// Cycle from which on it went first.
    pub since: u64,
    /// Cycle of the report.
    pub now: u64,
    /// Cycles it should have taken at the most.
    pub bound: u64,
}

/// Rank of a slot without a flit.
pub(super) const EMPTY: u128 = u128::MAX;

/// Place of a flit in the total order of ages: the lower, the older.
#[inline]
pub(super) fn age(created: u64, source: u32, number: u32) -> u128 {
    u128::from(created) << 64 | u128::from(source) << 32 | u128::from(number)
}

/// Cycle of creation and source of such a place.
pub(super) fn of_age(age: u128) -> (u64, EndpointId) {
    ((age >> 64) as u64, EndpointId((age >> 32) as u32))
}

/// Keeps an eye on one flit at a time.
///
/// Let `bound` = (longest shortest path + 1) x longest hop. A flit on a wire at the start of cycle T is at a router in
/// T + longest hop - 1 at the latest. While it goes first everywhere it comes nearer with every hop, and at its
/// destination's router it leaves first. So it is gone at the start of T + `bound`.
///
/// To look for the oldest costs a look at every flit, so a new one is taken on once in `bound` cycles only; it then has to be
/// gone, unless an older one came in, which takes its place. As only finitely many are older, every flit arrives. With golden
/// flits it does within (slots + 1) x `bound`, as its slot's turn comes; there is a slot for every place on a wire.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) bound: u64,
    /// Slots that are golden one after the other.
    slots: u64,
    order: Order,
    /// Slot and age of the flit.
    flit: Option<(u32, u128)>,
    since: u64,
    until: u64,
}

impl Watch {
    pub(super) fn new(order: Order, bound: u64, slots: u64) -> Self {
        Self { bound, slots: slots.max(1), order, flit: None, since: 0, until: 0 }
    }

    /// The slot that is golden in a cycle.
    pub(super) fn golden(&self, now: u64) -> u32 {
        (now / self.bound % self.slots) as u32
    }

    /// Whether it is time to [look](Watch::look).
    #[inline]
    pub(super) fn is_due(&self, now: u64) -> bool {
        now >= self.until
    }

    /// At the start of a cycle: the slot and age of a flit that should be gone, and when it began to go first. Takes on
    /// another flit in any case.
    pub(super) fn look(&mut self, now: u64, ages: &[u128]) -> Option<(u32, u128, u64)> {
        let late = self.flit.filter(|&(slot, age)| ages[slot as usize] == age);
        let late = late.map(|(slot, age)| (slot, age, self.since));
        let (slot, since) = match self.order {
            // The first among equals: ages of flits are all different.
            Order::OldestFirst => {
                let oldest = ages.iter().zip(0..).min().map(|(_, slot)| slot);
                (oldest, now)
            }
            Order::Golden => (Some(self.golden(now)), now / self.bound * self.bound),
        };
        let taken = slot.and_then(|slot| Some((slot, *ages.get(slot as usize)?)));
        self.flit = taken.filter(|&(_, age)| age != EMPTY);
        self.since = since;
        self.until = since + self.bound;
        late
    }

    /// A flit came in during cycle `now`.
    #[inline]
    pub(super) fn came(&mut self, now: u64, slot: u32, age: u128) {
        if self.order == Order::OldestFirst && self.flit.is_some_and(|(_, watched)| age < watched) {
            self.flit = Some((slot, age));
            self.since = now + 1;
            self.until = now + 1 + self.bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_leave_is_told() {
        let mut watch = Watch::new(Order::OldestFirst, 10, 4);
        let ages = [age(7, 1, 0), EMPTY, age(3, 2, 1), age(3, 2, 0)];
        assert_eq!(watch.look(20, &ages), None);
        assert!(!watch.is_due(29) && watch.is_due(30));
        assert_eq!(watch.look(30, &ages), Some((3, ages[3], 20)));
        // An older one has its own time.
        watch.came(33, 1, age(2, 9, 0));
        assert!(!watch.is_due(43) && watch.is_due(44));
        assert_eq!(watch.look(44, &ages), None);
        assert_eq!(of_age(ages[2]), (3, EndpointId(2)));
    }

    #[test]
    fn gold_goes_round() {
        let mut watch = Watch::new(Order::Golden, 10, 3);
        assert_eq!([0, 9, 10, 29, 30].map(|now| watch.golden(now)), [0, 0, 1, 2, 0]);
        let ages = [EMPTY, age(3, 2, 1)];
        assert_eq!(watch.look(13, &ages), None);
        assert!(watch.is_due(20));
        assert_eq!(watch.look(20, &ages), Some((1, ages[1], 10)));
        assert_eq!(watch.look(30, &ages), None);
    }
}
