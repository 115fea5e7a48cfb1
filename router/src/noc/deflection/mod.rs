//! A router without buffers: whatever comes in goes out again in the same cycle, nearer or not.
//!
//! ```text
//!   links in --> [ eject ] --> [ inject ] --> [ first choice to the first ] --> links out
//!                   |             ^                as many out as in
//!                endpoints     sources
//! ```
//! Each flit finds its own way. In every cycle a router takes the flits that came, in their [`Order`]; those that are
//! where they want to be leave for their endpoints, as far as these take them. If an output is left over, the sources
//! send, oldest first. Then each flit takes an output that brings it nearer, or else any that is free: it is *deflected*. As
//! many links leave a router as enter it, so one is always free, nothing waits and nothing can deadlock. Whoever goes first
//! comes nearer with every hop, so nothing can circle for ever either: [`Livelock`] is what would be reported if one did.
//!
//! Source: BLESS (Moscibroda & Mutlu 2009, *A case for bufferless routing in on-chip networks*, FLIT-BLESS); golden flits
//! from CHIPPER (Fallin, Craik & Mutlu 2011), with its order of ejection and injection but not its cheaper permutation
//! network: outputs are given one by one, as in BLESS. Not modelled: the buffers in which endpoints put packets together.
//!
//! - A packet of several flits is sent flit by flit, each on its own way; it has arrived when its last one has, in
//!   whatever order they come.
//! - A flit for an endpoint of its own router needs no output; it waits at its source until the endpoint takes it.
//! - A packet that no live way leads to is lost in the cycle it would leave: its flits count as sent and thrown away.
//!
//! | file | what |
//! |---|---|
//! | `spec` | the knobs, checked |
//! | `ways` | which directions bring a flit nearer |
//! | `watch` | the bound, and who breaks it |
//! | `counts` | what was counted; what is inside; what must always hold |

mod counts;
mod spec;
mod watch;
mod ways;

pub use counts::FlitInside;
pub use spec::{DeflectionError, DeflectionSpec, Order};
pub use watch::Livelock;

use super::flit::{Arrival, Host, LossCause, Offer, Packet, PacketHandle, Slab, Source, Sources};
use crate::topology::{Direction, EndpointId, LinkId, RouterId, Topology};
use std::collections::VecDeque;
use std::sync::Arc;
use watch::{EMPTY, Watch, age, of_age};
use ways::Ways;

/// No flit, no router.
const NONE: u32 = u32::MAX;
const SIDES: usize = Direction::ALL.len();

/// Flits on a live link: a ring with one place for each cycle of arrival, longer than the link.
#[derive(Clone, Copy, Debug, Default)]
struct Wire {
    first: u32,
    /// Length - 1; the length is a power of two.
    mask: u32,
}

impl Wire {
    #[inline]
    fn place(self, cycle: u64) -> usize {
        (self.first + (cycle as u32 & self.mask)) as usize
    }
}

/// A link as the router it leaves sees it.
#[derive(Clone, Copy, Debug)]
struct Out {
    wire: Wire,
    /// Router at the other end.
    to: u32,
    link: u32,
    hop: u32,
}

/// A flit inside.
#[derive(Clone, Copy, Debug, Default)]
struct Flit {
    /// Its endpoint, and that one's router.
    endpoint: u32,
    router: u32,
    packet: u32,
    /// Links crossed and wrong turns taken.
    hops: u32,
    deflections: u32,
}

/// A flit on its way from a router to an endpoint.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    cycle: u64,
    flit: Flit,
}

/// Flits that meet at a router, in the order they choose: rank, slot.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    flits: [(u128, u32); SIDES],
    count: usize,
}

impl Meeting {
    /// Where nobody is.
    const EMPTY: Meeting = Meeting { flits: [(EMPTY, NONE); SIDES], count: 0 };

    #[inline]
    fn insert(&mut self, rank: u128, slot: u32) {
        let mut at = self.count;
        while at > 0 && self.flits[at - 1].0 > rank {
            self.flits[at] = self.flits[at - 1];
            at -= 1;
        }
        self.flits[at] = (rank, slot);
        self.count += 1;
    }
}

/// A network of bufferless routers. See the module's text.
pub struct DeflectionNetwork {
    topology: Arc<Topology>,
    spec: DeflectionSpec,
    ways: Ways,
    now: u64,
    outs: Vec<[Option<Out>; SIDES]>,
    /// Wires that enter each router.
    ins: Vec<[Option<Wire>; SIDES]>,
    /// Live outputs of each router, a bit a direction.
    live: Vec<u8>,
    /// Places of all wires.
    wires: Vec<u32>,
    /// Routers at which flits arrive, a bit each, and their number, by cycle modulo the wheel's length.
    due: Vec<u64>,
    pending: Vec<u32>,
    wheel: u64,
    /// Routers with a source that sends.
    active: Vec<u64>,
    sources: Vec<Source>,
    /// Sources with a packet, a bit each.
    eager: Vec<u64>,
    endpoints: Vec<u32>,
    router_of: Vec<u32>,
    /// Endpoints by router: those of router r are `locals[first_local[r]..first_local[r + 1]]`.
    locals: Vec<u32>,
    first_local: Vec<u32>,
    /// Flits each source has sent, modulo 2^32.
    numbers: Vec<u32>,
    /// Cycle in which each endpoint last took a flit, and how many.
    taken: Vec<(u64, u8)>,
    /// Sources of a router that would send, while it works.
    waiting: Vec<(u128, u32)>,
    flits: Vec<Flit>,
    /// Places in the order of ages, by slot.
    ages: Vec<u128>,
    free: Vec<u32>,
    packets: Slab,
    leaving: VecDeque<Leaving>,
    watch: Watch,
    counts: counts::Counts,
}

impl std::fmt::Debug for DeflectionNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeflectionNetwork")
            .field("spec", &self.spec)
            .field("now", &self.now)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

impl DeflectionNetwork {
    /// An empty network.
    ///
    /// # Errors
    /// Everything that is wrong with the spec on this network, and every link that is dead one way only.
    pub fn new(topology: Arc<Topology>, spec: DeflectionSpec) -> Result<Self, Vec<DeflectionError>> {
        spec.check(&topology)?;
        let routers = topology.router_count();
        let (mut outs, mut ins) = (vec![[None; SIDES]; routers], vec![[None; SIDES]; routers]);
        let mut live = vec![0; routers];
        // A wire may hold a flit more while the router at its end has not yet worked.
        let (mut places, mut slots, mut longest) = (0, 0, 1);
        for (id, link) in (0..).map(LinkId).zip(topology.links()).filter(|&(id, _)| !topology.is_dead(id)) {
            let hop = spec.hop(spec.links[link.class.index()]);
            let length = (hop + 1).next_power_of_two();
            let wire = Wire { first: places, mask: length - 1 };
            let side = link.direction as usize;
            outs[link.from.index()][side] = Some(Out { wire, to: link.to.0, link: id.0, hop });
            ins[link.to.index()][link.direction.opposite() as usize] = Some(wire);
            live[link.from.index()] |= 1 << side;
            (places, slots, longest) = (places + length, slots + u64::from(hop) + 1, longest.max(hop));
        }
        let router_of: Vec<u32> = topology.endpoints().iter().map(|endpoint| endpoint.router.0).collect();
        let endpoints = router_of.len();
        let mut locals: Vec<u32> = (0..endpoints as u32).collect();
        locals.sort_by_key(|&endpoint| router_of[endpoint as usize]);
        let first =
            |router: u32| locals.partition_point(|&endpoint| router_of[endpoint as usize] < router) as u32;
        let first_local = (0..=routers as u32).map(first).collect();
        let ways = Ways::new(&topology);
        let bound = (u64::from(ways.longest) + 1) * u64::from(longest);
        let wheel = u64::from((longest + 1).next_power_of_two());
        let words = routers.div_ceil(64);
        Ok(Self {
            watch: Watch::new(spec.order, bound, slots),
            counts: counts::Counts::new(&topology),
            ways,
            now: 0,
            outs,
            ins,
            live,
            wires: vec![NONE; places as usize],
            due: vec![0; words * wheel as usize],
            pending: vec![0; wheel as usize],
            wheel,
            active: vec![0; words],
            sources: vec![Source::new(1); endpoints],
            eager: vec![0; endpoints.div_ceil(64)],
            endpoints: (0..endpoints as u32).collect(),
            router_of,
            locals,
            first_local,
            numbers: vec![0; endpoints],
            taken: vec![(u64::MAX, 0); endpoints],
            waiting: Vec::new(),
            flits: Vec::new(),
            ages: Vec::new(),
            free: Vec::new(),
            packets: Slab::default(),
            leaving: VecDeque::new(),
            topology,
            spec,
        })
    }

    /// The next cycle to be worked on.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Works on one cycle. [`Host::start`] is not called: flits carry no routing state.
    ///
    /// # Errors
    /// A flit that should have left by now. The cycle is then still to be worked on; the next call does it.
    pub fn step<H: Host>(&mut self, host: &mut H) -> Result<(), Livelock> {
        let now = self.now;
        if self.watch.is_due(now)
            && let Some((slot, age, since)) = self.watch.look(now, &self.ages)
        {
            let (created, from) = of_age(age);
            let to = EndpointId(self.flits[slot as usize].endpoint);
            return Err(Livelock { from, to, created, since, now, bound: self.watch.bound });
        }
        while let Some(leaving) = self.leaving.front().copied().filter(|leaving| leaving.cycle <= now) {
            self.leaving.pop_front();
            self.deliver(leaving, host);
        }
        if host.due() <= now {
            host.generate(now, &mut Sources::all(&mut self.sources, &mut self.eager, &self.endpoints));
        }
        for word in 0..self.eager.len() {
            let mut bits = self.eager[word];
            while bits != 0 {
                let endpoint = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if self.ready(endpoint).is_some_and(|at| at <= now) {
                    let router = self.router_of[endpoint] as usize;
                    self.active[router / 64] |= 1 << (router % 64);
                }
            }
        }
        let words = self.active.len();
        let turn = (now % self.wheel) as usize;
        self.pending[turn] = 0;
        for word in 0..words {
            let mut bits =
                std::mem::take(&mut self.due[turn * words + word]) | std::mem::take(&mut self.active[word]);
            while bits != 0 {
                let router = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.work(router, host);
            }
        }
        self.now += 1;
        Ok(())
    }

    /// Works on all cycles before `until`, skipping those in which nothing happens.
    ///
    /// # Errors
    /// As for [`DeflectionNetwork::step`]; called again, it goes on.
    pub fn run<H: Host>(&mut self, until: u64, host: &mut H) -> Result<(), Livelock> {
        while self.now < until {
            let next = self.next_event().min(host.due()).max(self.now);
            self.now = next.min(until);
            if next < until {
                self.step(host)?;
            }
        }
        Ok(())
    }

    /// Works until nothing happens any more and the host has nothing due, or on all cycles before `limit`.
    ///
    /// # Errors
    /// As for [`DeflectionNetwork::step`]; called again, it goes on.
    pub fn drain<H: Host>(&mut self, limit: u64, host: &mut H) -> Result<(), Livelock> {
        while self.now < limit {
            let next = self.next_event().min(host.due());
            if next == u64::MAX {
                break;
            }
            self.run((next.max(self.now) + 1).min(limit), host)?;
        }
        Ok(())
    }

    /// Earliest cycle from which on a source may send; `None` if it has no packet.
    fn ready(&self, endpoint: usize) -> Option<u64> {
        let offer = self.sources[endpoint].offer.as_ref()?;
        Some(offer.created.saturating_add(self.spec.local.into()))
    }

    /// The next cycle in which something happens without the host; `u64::MAX` for never.
    fn next_event(&self) -> u64 {
        let arrival = (self.now..self.now + self.wheel)
            .find(|cycle| self.pending[(cycle % self.wheel) as usize] > 0)
            .unwrap_or(u64::MAX);
        let mut next = self.leaving.front().map_or(arrival, |leaving| leaving.cycle.min(arrival));
        for (word, &bits) in self.eager.iter().enumerate() {
            let mut bits = bits;
            // No earlier than now is early enough.
            while bits != 0 && next > self.now {
                let endpoint = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                next = next.min(self.ready(endpoint).unwrap_or(u64::MAX));
            }
        }
        next
    }

    /// Place of a flit in a router's order: the lower, the earlier it chooses.
    #[inline]
    fn rank(&self, slot: u32) -> u128 {
        match self.spec.order {
            Order::OldestFirst => self.ages[slot as usize],
            Order::Golden if slot == self.watch.golden(self.now) => 0,
            Order::Golden => {
                // Multipliers of SplitMix64. No two slots have the same rank.
                let mixed = (u64::from(slot) ^ self.now.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .wrapping_mul(0xbf58_476d_1ce4_e5b9);
                u128::from(mixed >> 32) << 32 | u128::from(slot) | 1 << 64
            }
        }
    }

    /// A router's cycle.
    fn work<H: Host>(&mut self, router: usize, host: &mut H) {
        let mut here = Meeting::EMPTY;
        for wire in self.ins[router].into_iter().flatten() {
            let slot = std::mem::replace(&mut self.wires[wire.place(self.now)], NONE);
            if slot != NONE {
                here.insert(self.rank(slot), slot);
            }
        }
        let mut room = self.spec.router_ejections.unwrap_or(u8::MAX);
        let mut kept = 0;
        for i in 0..here.count {
            let (_, slot) = here.flits[i];
            let flit = self.flits[slot as usize];
            if flit.router == router as u32 && self.takes(flit.endpoint, &mut room) {
                self.ages[slot as usize] = EMPTY;
                self.free.push(slot);
                self.eject(flit);
            } else {
                here.flits[kept] = here.flits[i];
                kept += 1;
            }
        }
        here.count = kept;
        self.inject(router, &mut here, &mut room, host);
        self.send(router, &here);
    }

    /// Whether an endpoint takes a flit now; it then does.
    #[inline]
    fn takes(&mut self, endpoint: u32, room: &mut u8) -> bool {
        let taken = &mut self.taken[endpoint as usize];
        if taken.0 != self.now {
            *taken = (self.now, 0);
        }
        if *room == 0 || taken.1 >= self.spec.ejections {
            return false;
        }
        taken.1 += 1;
        // Without a limit the router's endpoints could take more than can be counted here, but links bring four.
        if self.spec.router_ejections.is_some() {
            *room -= 1;
        }
        true
    }

    fn eject(&mut self, flit: Flit) {
        self.counts.ejected[flit.endpoint as usize] += 1;
        self.leaving.push_back(Leaving { cycle: self.now + self.spec.ejection(), flit });
    }

    /// Lets the router's sources send a flit each, oldest first, while outputs are left over.
    fn inject<H: Host>(&mut self, router: usize, here: &mut Meeting, room: &mut u8, host: &mut H) {
        let now = self.now;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.clear();
        for &endpoint in &self.locals[self.first_local[router] as usize..self.first_local[router + 1] as usize]
        {
            let e = endpoint as usize;
            if self.eager[e / 64] >> (e % 64) & 1 == 1
                && let Some(offer) = &self.sources[e].offer
                && self.ready(e).is_some_and(|at| at <= now)
            {
                waiting.push((age(offer.created, endpoint, self.numbers[e]), endpoint));
            }
        }
        waiting.sort_unstable();
        let degree = self.live[router].count_ones() as usize;
        for &(age, endpoint) in &waiting {
            let Some(offer) = self.sources[endpoint as usize].offer else { continue };
            let to = self.router_of[offer.destination.index()];
            if !self.can_arrive(endpoint, &offer) {
                self.lose(endpoint, offer, host);
            } else if to == router as u32 {
                if self.takes(offer.destination.0, room) {
                    let flit = self.leave_source(endpoint, offer, host);
                    self.eject(flit);
                } else {
                    self.counts.waits[router] += 1;
                }
            } else if here.count < degree {
                let flit = self.leave_source(endpoint, offer, host);
                let slot = self.free.pop().unwrap_or(self.flits.len() as u32);
                if slot as usize == self.flits.len() {
                    self.flits.push(flit);
                    self.ages.push(age);
                } else {
                    (self.flits[slot as usize], self.ages[slot as usize]) = (flit, age);
                }
                self.watch.came(now, slot, age);
                here.insert(self.rank(slot), slot);
            } else {
                self.counts.waits[router] += 1;
            }
        }
        self.waiting = waiting;
    }

    /// Whether both ends live and a way leads from one to the other.
    fn can_arrive(&self, source: u32, offer: &Offer) -> bool {
        let (here, to) = (self.router_of[source as usize], self.router_of[offer.destination.index()]);
        self.ways.leads(here, to)
            && !self.topology.is_endpoint_dead(EndpointId(source))
            && !self.topology.is_endpoint_dead(offer.destination)
    }

    /// A source's packet enters the network's books.
    fn begin(&mut self, source: u32, offer: Offer) -> u32 {
        let packet =
            Packet { offer, source: EndpointId(source), injected: self.now, copies: offer.flits.into() };
        self.packets.insert(packet)
    }

    /// The next flit of a source's packet leaves it.
    fn leave_source<H: Host>(&mut self, endpoint: u32, offer: Offer, host: &mut H) -> Flit {
        let (e, source) = (endpoint as usize, EndpointId(endpoint));
        let head = self.sources[e].left == 0;
        if head {
            self.sources[e].packet = self.begin(endpoint, offer);
            self.sources[e].left = offer.flits;
        }
        let own = &mut self.sources[e];
        own.left -= 1;
        let (packet, last) = (own.packet, own.left == 0);
        if last {
            own.offer = None;
            self.eager[e / 64] &= !(1 << (e % 64));
        }
        self.numbers[e] = self.numbers[e].wrapping_add(1);
        self.counts.injected[e] += 1;
        host.flit_injected(self.now, source, PacketHandle(packet), head);
        if last {
            host.idle(self.now, source);
        }
        let router = self.router_of[offer.destination.index()];
        Flit { endpoint: offer.destination.0, router, packet, hops: 0, deflections: 0 }
    }

    /// A packet goes nowhere.
    fn lose<H: Host>(&mut self, endpoint: u32, offer: Offer, host: &mut H) {
        let (now, source) = (self.now, EndpointId(endpoint));
        for _ in 0..offer.flits {
            let flit = self.leave_source(endpoint, offer, host);
            self.packets.finish(flit.packet);
            self.counts.lost += 1;
        }
        host.lost(now, source, &offer, LossCause::NoWay);
    }

    /// Gives every flit an output.
    #[inline]
    fn send(&mut self, router: usize, here: &Meeting) {
        let (now, words) = (self.now, self.active.len());
        let mut free = self.live[router];
        for &(_, slot) in &here.flits[..here.count] {
            let flit = &mut self.flits[slot as usize];
            let nearer = self.ways.nearer(router as u32, flit.router) & free;
            let side = if nearer != 0 { nearer } else { free }.trailing_zeros() as usize;
            let out = self.outs[router].get(side).copied().flatten();
            let out = out.expect("invariant: a router has as many live outputs as live inputs");
            free &= !(1 << side);
            flit.hops += 1;
            if nearer == 0 {
                flit.deflections += 1;
                self.counts.deflections[router] += 1;
            }
            let at = now + u64::from(out.hop);
            let place = &mut self.wires[out.wire.place(at)];
            debug_assert_eq!(*place, NONE, "invariant: a link takes one flit a cycle");
            *place = slot;
            let turn = (at % self.wheel) as usize;
            self.due[turn * words + out.to as usize / 64] |= 1 << (out.to % 64);
            self.pending[turn] += 1;
            self.counts.links[out.link as usize] += 1;
        }
    }

    /// A flit reaches its endpoint.
    fn deliver<H: Host>(&mut self, Leaving { cycle, flit }: Leaving, host: &mut H) {
        let endpoint = EndpointId(flit.endpoint);
        host.flit_arrived(cycle, endpoint, PacketHandle(flit.packet));
        let packet = self.packets.finish(flit.packet);
        if packet.copies == 0 {
            host.arrived(&Arrival {
                offer: packet.offer,
                source: packet.source,
                injected: packet.injected,
                endpoint,
                arrived: cycle,
                routers: flit.hops + 1,
                corrupt: false,
            });
        }
    }

    /// The router of an endpoint.
    fn home(&self, endpoint: EndpointId) -> RouterId {
        RouterId(self.router_of[endpoint.index()])
    }
}
