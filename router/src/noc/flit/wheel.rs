//! What happens in a later cycle, by cycle.

/// Lists of events by cycle, for events at most a fixed number of cycles ahead.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    slots: Vec<Vec<T>>,
}

impl<T> Wheel<T> {
    /// For events up to `ahead` cycles after the cycle being worked on.
    pub(super) fn new(ahead: u64) -> Self {
        let slots = (ahead + 1).next_power_of_two() as usize;
        Self { slots: (0..slots).map(|_| Vec::new()).collect() }
    }

    #[inline]
    pub(super) fn push(&mut self, cycle: u64, event: T) {
        let slot = cycle as usize & (self.slots.len() - 1);
        self.slots[slot].push(event);
    }

    /// Takes the events of a cycle; the emptied list comes back through [`Wheel::put_back`].
    #[inline]
    pub(super) fn take(&mut self, cycle: u64) -> Vec<T> {
        let slot = cycle as usize & (self.slots.len() - 1);
        let events = std::mem::take(&mut self.slots[slot]);
        events
    }

    /// Gives a list's memory back to its cycle.
    #[inline]
    pub(super) fn put_back(&mut self, cycle: u64, mut events: Vec<T>) {
        let slot = cycle as usize & (self.slots.len() - 1);
        events.clear();
        if self.slots[slot].is_empty() {
            self.slots[slot] = events;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().all(Vec::is_empty)
    }

    /// The first cycle from `now` on that has an event.
    pub(super) fn next(&self, now: u64) -> Option<u64> {
        (now..now + self.slots.len() as u64).find(|&cycle| {
            let slot = cycle as usize & (self.slots.len() - 1);
            !self.slots[slot].is_empty()
        })
    }

    /// All events that wait, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }
}
