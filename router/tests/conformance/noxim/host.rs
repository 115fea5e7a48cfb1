//! Sources, sinks, ways and chance of one run.

use super::routing::{Algorithm, Query, Selector, Ways};
use super::traffic::Pattern;
use super::{Counts, Settings, flit_of};
use crate::glibc::GlibcRand;
use spikemesh_router::{MeshPort, Published, ReservationHost, RouterId, WaitingHead, WormFlit};
use std::collections::VecDeque;

/// A packet, from its creation on.
#[derive(Clone, Copy, Debug)]
struct Packet {
    source: u32,
    destination: u32,
    created: u64,
    flits: u32,
    channel: u8,
}

/// Packets a source has not sent wholly, oldest first, and the flits sent of the first.
#[derive(Clone, Debug, Default)]
struct Queue {
    packets: VecDeque<u32>,
    sent: u32,
}

pub(crate) struct Host {
    rand: GlibcRand,
    k: u32,
    rate: f64,
    flits: (u32, u32),
    channels: u8,
    depth: u16,
    algorithm: Algorithm,
    selector: Selector,
    pattern: Pattern,
    packets: Vec<Packet>,
    queues: Vec<Queue>,
    /// First cycle that counts.
    count_from: u64,
    counts: Counts,
    problem: Option<String>,
}

impl Host {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            rand: GlibcRand::new(settings.seed),
            k: settings.k,
            rate: settings.rate,
            flits: settings.flits,
            channels: settings.channels,
            depth: settings.depth,
            algorithm: settings.algorithm,
            selector: settings.selector,
            pattern: settings.pattern.clone(),
            packets: Vec::new(),
            queues: vec![Queue::default(); (settings.k * settings.k) as usize],
            count_from: settings.reset + settings.warm_up,
            counts: Counts::default(),
            problem: None,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Why the measured program would have given up by now, if it would.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// One trial; a packet draws its destination first, then its length and channel in the order of its pattern.
    fn generate(&mut self, source: u32, cycle: u64) {
        if self.rand.real() >= self.rate {
            return;
        }
        let destination = match self.pattern.destination(source, self.k, &mut self.rand) {
            Ok(destination) => destination,
            Err(problem) => {
                self.problem = Some(problem);
                return;
            }
        };
        let last_channel = u32::from(self.channels) - 1;
        let (flits, channel) = if self.pattern.draws_channel_first() {
            let channel = self.rand.between(0, last_channel);
            (self.rand.between(self.flits.0, self.flits.1), channel)
        } else {
            let flits = self.rand.between(self.flits.0, self.flits.1);
            (flits, self.rand.between(0, last_channel))
        };
        self.queues[source as usize].packets.push_back(self.packets.len() as u32);
        self.packets.push(Packet { source, destination, created: cycle, flits, channel: channel as u8 });
    }

    fn best(&mut self, ways: &Ways, score: impl Fn(MeshPort) -> Option<i64>) -> MeshPort {
        let most = ways.iter().filter_map(&score).max();
        let best: Vec<_> = ways.iter().filter(|&way| most.is_none() || score(way) == most).collect();
        best[self.pick(best.len())]
    }
}

impl ReservationHost for Host {
    fn pick(&mut self, count: usize) -> usize {
        self.rand.number() as usize % count
    }

    fn choose(&mut self, head: WaitingHead, published: &Published<'_>) -> MeshPort {
        let packet = self.packets[head.flit.packet as usize];
        if packet.destination == head.here.0 {
            return MeshPort::Local;
        }
        let query = |here| Query { here, source: packet.source, destination: packet.destination, k: self.k };
        let (algorithm, depth) = (self.algorithm, self.depth);
        let crowded = |limit: u16| {
            let levels = MeshPort::ALL.into_iter().filter_map(|port| published.free_behind(port));
            levels.into_iter().any(|free| depth - free > limit)
        };
        let ways = algorithm.ways(query(head.here.0), depth, &crowded);
        if ways.len() == 1 {
            return ways[0];
        }
        match self.selector {
            Selector::Random => ways[self.pick(ways.len())],
            Selector::BufferLevel => {
                let free = |way| published.free_behind(way).map(i64::from);
                self.best(&ways, |way| if published.is_open(way) { free(way) } else { None })
            }
            Selector::NeighboursOnPath => {
                let scores: Vec<_> = ways
                    .iter()
                    .map(|way| {
                        let near = published.neighbour(way).expect("routing stays in the mesh");
                        let onward = algorithm.ways(query(near.id().0), depth, &crowded);
                        let free = |way| near.free_behind(way).map_or(-1, i64::from);
                        let sum: i64 = onward.iter().filter(|&way| near.is_open(way)).map(free).sum();
                        (way, sum)
                    })
                    .collect();
                self.best(&ways, |way| scores.iter().find(|s| s.0 == way).map(|s| s.1))
            }
        }
    }

    fn source(&mut self, router: RouterId, cycle: u64, idle: bool) -> Option<WormFlit> {
        self.generate(router.0, cycle);
        let queue = &mut self.queues[router.index()];
        let &id = queue.packets.front().filter(|_| idle)?;
        let Packet { flits, channel, .. } = self.packets[id as usize];
        let flit = flit_of(id, channel, queue.sent, flits);
        queue.sent += 1;
        if flit.tail {
            queue.packets.pop_front();
            queue.sent = 0;
        }
        Some(flit)
    }

    fn delivered(&mut self, _: RouterId, cycle: u64, flit: WormFlit) {
        if cycle < self.count_from {
            return;
        }
        self.counts.flits += 1;
        if flit.head {
            let delay = cycle - self.packets[flit.packet as usize].created;
            self.counts.packets += 1;
            self.counts.delay_sum += delay;
            self.counts.delay_most = self.counts.delay_most.max(delay);
        }
    }
}
