//! What happens in a later cycle, by cycle.

/// Lists of events by cycle, for events at most a fixed number of cycles ahead.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    slots: Vec<Vec<T>>,
    /// Emptied lists; the last one is still in the processor's cache and is filled next.
    spare: Vec<Vec<T>>,
}

impl<T> Wheel<T> {
    /// For events up to `ahead` cycles after the cycle being worked on.
    pub(super) fn new(ahead: u64) -> Self {
        let slots = (ahead + 1).next_power_of_two() as usize;
        Self { slots: (0..slots).map(|_| Vec::new()).collect(), spare: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, cycle: u64, event: T) {
        let slot = cycle as usize & (self.slots.len() - 1);
        let list = &mut self.slots[slot];
        if list.len() == list.capacity() {
            Self::grow(list, &mut self.spare);
        }
        list.push(event);
    }

    #[cold]
    fn grow(list: &mut Vec<T>, spare: &mut Vec<Vec<T>>) {
        if list.is_empty() {
            *list = spare.pop().unwrap_or_default();
        }
        list.reserve(1);
    }

    /// Takes the list of a later cycle for more events, until [`Wheel::close`]; nothing else may be put there meanwhile.
    pub(super) fn open(&mut self, cycle: u64) -> Vec<T> {
        let list = self.take(cycle);
        if list.capacity() == 0 { self.spare.pop().unwrap_or_default() } else { list }
    }

    pub(super) fn close(&mut self, cycle: u64, events: Vec<T>) {
        let slot = cycle as usize & (self.slots.len() - 1);
        self.slots[slot] = events;
    }

    /// Takes the events of a cycle; the emptied list comes back through [`Wheel::put_back`].
    #[inline]
    pub(super) fn take(&mut self, cycle: u64) -> Vec<T> {
        let slot = cycle as usize & (self.slots.len() - 1);
        std::mem::take(&mut self.slots[slot])
    }

    /// Gives a list's memory back.
    #[inline]
    pub(super) fn put_back(&mut self, mut events: Vec<T>) {
        if events.capacity() > 0 {
            events.clear();
            self.spare.push(events);
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
