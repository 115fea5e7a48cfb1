//! Regions on threads.
//!
//! | what | must come before |
//! |---|---|
//! | a region's cycles T .. T + k | its messages are posted |
//! | all regions' messages of a window are posted | any region takes its own |
//! | a region has taken its messages | its cycle T + k |
//!
//! k is the shortest time between a cause at one router and its effect at another, so nothing posted in a window can
//! matter inside it. Post boxes come in two sets that take turns, so that one meeting a window is enough.

use super::plan::Plan;
use super::region::{Message, Region};
use super::{FlitNetwork, Host};
use crossbeam::utils::{Backoff, CachePadded};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Where threads meet. Spins first, since windows are shorter than a sleep, then lets others have the processor.
struct Meeting {
    threads: usize,
    arrived: CachePadded<AtomicUsize>,
    round: CachePadded<AtomicUsize>,
    /// A thread will never come.
    broken: AtomicBool,
}

/// Tells the others if its thread panics, so that none waits for it for ever.
struct Attendance<'a>(&'a Meeting);

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

impl Meeting {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: CachePadded::default(),
            round: CachePadded::default(),
            broken: AtomicBool::new(false),
        }
    }

    /// Waits until all threads have come. What a thread wrote before is seen by all after.
    fn wait(&self) {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round + 1, Ordering::Release);
            return;
        }
        let backoff = Backoff::new();
        let mut spins = 0u32;
        while self.round.load(Ordering::Acquire) == round {
            assert!(!self.broken.load(Ordering::Acquire), "another region's thread panicked");
            if spins < 200 {
                std::hint::spin_loop();
                spins += 1;
            } else {
                backoff.snooze();
            }
        }
    }
}

/// What a thread tells the others after a window.
struct Post {
    /// Messages by region.
    boxes: Vec<Mutex<Vec<Message>>>,
    /// The next cycle in which something happens at the sender or because of what it sent.
    next: CachePadded<AtomicU64>,
}

impl Post {
    fn new(regions: usize) -> Self {
        Self { boxes: (0..regions).map(|_| Mutex::default()).collect(), next: CachePadded::default() }
    }

    fn swap(&self, to: usize, messages: &mut Vec<Message>) {
        // A thread that panicked while it held a box ends the whole run.
        let mut held = self.boxes[to].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::swap(&mut *held, messages);
    }
}

impl FlitNetwork {
    /// Works on all cycles before `until` with one thread a region; `hosts` has one host for each. The cycles of every
    /// packet are those of [`FlitNetwork::run`] on one region, if what hosts do depends on their own sources alone.
    ///
    /// # Panics
    /// If the number of hosts is not that of regions.
    pub fn run_threads<H: Host + Send>(&mut self, until: u64, hosts: &mut [H]) {
        assert_eq!(hosts.len(), self.regions.len(), "one host a region");
        if let ([region], [host]) = (&mut self.regions[..], &mut *hosts) {
            run_one(&self.plan, region, &mut self.now, until, host);
            return;
        }
        let (plan, start) = (&self.plan, self.now);
        let count = self.regions.len();
        let meeting = Meeting::new(count);
        let posts: [Vec<Post>; 2] = std::array::from_fn(|_| (0..count).map(|_| Post::new(count)).collect());
        std::thread::scope(|scope| {
            for (region, host) in self.regions.iter_mut().zip(hosts) {
                let (meeting, posts) = (&meeting, &posts);
                scope.spawn(move || run_window(plan, region, host, start, until, meeting, posts));
            }
        });
        self.now = until.max(start);
    }
}

/// Works on all cycles before `until`, skipping those in which nothing happens.
pub(super) fn run_one<H: Host>(plan: &Plan, region: &mut Region, now: &mut u64, until: u64, host: &mut H) {
    while *now < until {
        let next = region.next_event(*now).map_or(host.due(), |event| event.min(host.due())).max(*now);
        if next >= until {
            *now = until;
            return;
        }
        region.step(plan, next, host);
        *now = next + 1;
    }
}

/// Works until nothing happens any more and the host has nothing due, or until `limit`.
pub(super) fn drain<H: Host>(plan: &Plan, region: &mut Region, now: &mut u64, limit: u64, host: &mut H) {
    while *now < limit {
        let next = region.next_event(*now).map_or(host.due(), |event| event.min(host.due()));
        if next == u64::MAX {
            return;
        }
        run_one(plan, region, now, (next.max(*now) + 1).min(limit), host);
    }
}

fn run_window<H: Host>(
    plan: &Plan,
    region: &mut Region,
    host: &mut H,
    start: u64,
    until: u64,
    meeting: &Meeting,
    posts: &[Vec<Post>; 2],
) {
    let _attendance = Attendance(meeting);
    let own = region.id as usize;
    let mut outbox = std::mem::take(&mut region.outbox);
    let mut now = start;
    for set in posts.iter().cycle() {
        let end = (now + plan.shortest()).min(until);
        region.outbox = outbox;
        run_one(plan, region, &mut now, end, host);
        outbox = std::mem::take(&mut region.outbox);
        let event = region.next_event(end).unwrap_or(u64::MAX);
        let sent = outbox.iter().flatten().filter_map(Message::at).min().unwrap_or(u64::MAX);
        set[own].next.store(event.min(host.due()).min(sent), Ordering::Relaxed);
        for (to, messages) in outbox.iter_mut().enumerate() {
            set[own].swap(to, messages);
            messages.clear();
        }
        meeting.wait();
        let mut next = u64::MAX;
        for post in set {
            next = next.min(post.next.load(Ordering::Relaxed));
            let mut messages = Vec::new();
            post.swap(own, &mut messages);
            for message in messages.drain(..) {
                region.receive(plan, message, host);
            }
            post.swap(own, &mut messages);
        }
        now = end.max(next.min(until));
        if now >= until {
            break;
        }
    }
    region.outbox = outbox;
}
