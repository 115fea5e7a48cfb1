//! A block of routers with its endpoints, stepped one cycle at a time.
//!
//! The order inside a cycle; everything between two routers takes at least one cycle, so routers need no order:
//!
//! | step | what | sees |
//! |---|---|---|
//! | 1 | endpoints take flits that arrive, sources take credits | |
//! | 2 | the host offers packets to idle sources | |
//! | 3 | every source sends at most one flit | router credits up to the cycle before |
//! | 4 | arrivals are stored, router credits applied | |
//! | 5 | allocation of virtual channels and of the switch | both the state after 4 |
//! | 6 | winners take their channels, granted flits leave | |

use super::answers::{Answer, Answers, LOCAL, Lanes};
use super::packet::{Arrival, Flit, Packet, PacketHandle, Slab, Wide};
use super::plan::{NOWHERE, Plan};
use super::source::Source;
use super::wheel::Wheel;
use super::{Host, LossCause, Sources};
use crate::routing::{Candidates, ChannelSet, Load};
use crate::topology::{EndpointId, LinkId};

/// No output yet.
pub(super) const NONE: u8 = u8::MAX;
/// In the lane of a credit: the buffer says stop.
pub(super) const STOP: u8 = 0x80;
/// In the lane of a credit: the buffer says go.
pub(super) const GO: u8 = 0x40;
pub(super) const SIGNALS: u8 = STOP | GO;

/// What a router's virtual channels are about, one bit each: a line of the cache, and what is looked at more rarely.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Masks {
    /// Inputs whose head asks for a virtual channel.
    pub(super) waiting: Lanes,
    /// Outputs that belong to a packet.
    pub(super) owned: Lanes,
    /// Inputs among `holding` whose output has a slot: they bid for the switch.
    pub(super) ready: Lanes,
    /// Outputs without a free slot behind them.
    pub(super) full: Lanes,
    /// On the short way: inputs to whose front a head came in an even and in an odd cycle, as long as nobody has looked.
    pub(super) fresh: [Lanes; 2],
    /// On the short way: outputs freed in the last cycle, which such heads could not have in it.
    pub(super) freed: Lanes,
    /// Whether an allocation of virtual channels may come out different from the last.
    pub(super) stirred: bool,
    /// Inputs that own an output and have a flit.
    pub(super) holding: Lanes,
}

impl Masks {
    /// Inputs that may get a channel now.
    #[inline(always)]
    pub(super) fn stirred_waiting(&self) -> Lanes {
        self.waiting & u64::from(self.stirred).wrapping_neg()
    }
}

/// A virtual channel of a port, as input and as output: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    /// As input: place of the front flit in its buffer.
    pub(super) head: u8,
    /// Flits in its buffer.
    pub(super) len: u8,
    /// The output it owns.
    pub(super) out: u8,
    /// Most flits its buffer ever held.
    pub(super) peak: u8,
    /// State the packet carries on, as far as its flits' words keep it.
    pub(super) next: u8,
    /// As output: the input that owns it.
    pub(super) owner: u8,
    /// Flits sent whose slots have not come back.
    pub(super) occupied: u8,
    /// Pointers of plain channel allocation: as output, over inputs; as input, over outputs.
    pub(super) grant: u8,
    pub(super) accept: u8,
    /// Index of what its head may ask for; see [`Answers::BySide`].
    pub(super) answer: u16,
    /// Low half of the cycle since which it waits for what it waits for now.
    pub(super) since: u32,
}

const IDLE: Lane = Lane {
    head: 0,
    len: 0,
    out: NONE,
    peak: 0,
    next: 0,
    owner: NONE,
    occupied: 0,
    grant: 0,
    accept: 0,
    answer: 0,
    since: 0,
};

/// A port of a router.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    /// Flits that left by it.
    pub(super) sent: u64,
    /// Position in the region of the router at the other end of its links, [`FAR`] if it has none there.
    pub(super) next: u32,
    /// Pointers of the plain switch: as output, over inputs; as input, over outputs, and over its channels.
    pub(super) grant: u8,
    pub(super) accept: u8,
    pub(super) offset: u8,
}

/// A router: two lines of the cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Site {
    pub(super) masks: Masks,
    pub(super) stalls: Stalls,
}

/// No router of this region, in as many bits as a [`Place`] has for one.
pub(super) const FAR: u32 = u32::MAX >> 8;

/// Cycles that front flits of a router waited, by what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    /// For a virtual channel, the cycle of its allocation not counted.
    pub channel: u64,
    /// For a free slot behind the link.
    pub credit: u64,
    /// For the switch, which others had.
    pub switch: u64,
}

/// A virtual channel of a router of the region, in one word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u32);

impl Place {
    pub(super) const NOWHERE: Self = Self(u32::MAX);

    /// Whether it is in no router of the region.
    #[inline]
    pub(super) fn is_far(self) -> bool {
        self.router() == FAR
    }

    #[inline]
    pub(super) fn new(router: u32, lane: u8) -> Self {
        Self(router << 8 | u32::from(lane))
    }

    #[inline]
    pub(super) fn router(self) -> u32 {
        self.0 >> 8
    }

    #[inline]
    pub(super) fn lane(self) -> u8 {
        self.0 as u8
    }
}

/// A flit on its way to a buffer of the region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flying {
    pub(super) flit: Flit,
    pub(super) to: Place,
    /// Output whose credit arrives in the same cycle, if both take equally long everywhere: see [`Plan::twin`].
    pub(super) back: Place,
}

/// A flit that leaves its router in this cycle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) flit: Flit,
    /// The input it was in.
    pub(super) from: Place,
    pub(super) out: u8,
}

/// What regions tell each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    Flit { at: u64, flit: Flit, router: u32, lane: u8, wide: Wide },
    Credit { at: u64, router: u32, lane: u8 },
    Done { at: u64, flit: Flit, lost: Option<LossCause> },
}

impl Message {
    /// The cycle in which it matters to its region; what is only told matters in none.
    pub(super) fn at(&self) -> Option<u64> {
        match self {
            Message::Flit { at, .. } | Message::Credit { at, .. } => Some(*at),
            Message::Done { .. } => None,
        }
    }
}

/// Wide words of heads and answers of inputs, where they are needed.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) wide: Vec<Wide>,
    /// Answers of inputs when they are not in a table.
    pub(super) answers: Vec<Answer>,
    /// Where inputs are at forks, where there are any.
    pub(super) forks: Vec<Fork>,
}

/// How far a packet that forks has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fork {
    /// The branch it goes down.
    pub(super) branch: u16,
    /// Flits sent down that branch whose slots are kept for the next.
    pub(super) sent: u8,
}

/// A block of routers.
pub(super) struct Region {
    pub(super) id: u32,
    /// First router.
    pub(super) first: u32,
    pub(super) sites: Vec<Site>,
    pub(super) lanes: Vec<Lane>,
    pub(super) ports: Vec<Port>,
    pub(super) flits: Vec<Flit>,
    pub(super) extra: Extra,
    pub(super) arbiters: super::switch::Arbiters,
    /// One bit a router that has something to do in this cycle.
    pub(super) live: Vec<u64>,
    /// The same for the next cycle alone, while this one is worked on.
    pub(super) live_next: Vec<u64>,
    /// Endpoints of the region, ascending, and where in that list each endpoint of the network is.
    pub(super) endpoints: Vec<u32>,
    pub(super) sources: Vec<Source>,
    /// Position in that list of each router's endpoints, in the order of its ports.
    pub(super) source_at: Vec<u32>,
    /// Slots of each source's channels in use.
    pub(super) source_occupied: Vec<u8>,
    /// One bit a source that may be able to send.
    eager: Vec<u64>,
    pub(super) packets: Slab,
    pub(super) flying: Wheel<Flying>,
    /// Their wide words in the same order, where flits have one.
    pub(super) flying_wide: Wheel<Wide>,
    pub(super) credits: Wheel<Place>,
    /// Flits on their way to endpoints, from the lanes they left by.
    pub(super) to_sinks: Wheel<Flying>,
    /// Credits on their way to sources, by position and channel.
    pub(super) to_sources: Wheel<Place>,
    pub(super) heads: Wheel<(u32, u8)>,
    /// Inputs whose packet is being thrown away, and why.
    pub(super) discarding: Vec<(u32, u8, LossCause)>,
    pub(super) outbox: Vec<Vec<Message>>,
    /// On the short way: what leaves its router in this cycle.
    pub(super) leaving: Vec<Leaving>,
    /// Flits other than heads that left each router by each port; empty as long as packets have one flit.
    pub(super) bodies: Vec<u64>,
    /// Outputs of each router whose tail has left and whose slots are awaited; empty if nobody waits for them.
    pub(super) tail_gone: Vec<Lanes>,
    pub(super) serial: super::booksim::Serial,
    pub(super) order: super::switch::Order,
    pub(super) candidates: Candidates,
    pub(super) wins: Vec<(u8, u8)>,
    pub(super) scratch: super::switch::Scratch,
}

impl Region {
    pub(super) fn new(plan: &Plan, id: u32, first: u32, count: u32) -> Self {
        let (routers, lanes, ports) = (count as usize, plan.lanes, usize::from(plan.ports.count));
        let spec = &plan.spec;
        // A flit may stand behind all that its output has slots for, and behind two batches of a rival's crossbar.
        let queue = u64::from(plan.depth) * u64::from(spec.channels);
        let batches = 2 * (u64::from(spec.traversal) + u64::from(spec.routing));
        let ahead = plan.longest() + 2 * plan.shortest() + queue + batches;
        let endpoints: Vec<u32> = (0..plan.topology.endpoints().len() as u32)
            .filter(|&e| (first..first + count).contains(&plan.topology.endpoints()[e as usize].router.0))
            .collect();
        let asked = !matches!(plan.answers, Answers::BySide(_));
        let forks = matches!(plan.answers, Answers::Trees(_));
        let slots = routers * lanes * usize::from(plan.depth);
        let locals = ports - usize::from(LOCAL);
        let region = first..first + count;
        let mut source_at = vec![0; routers * locals];
        for (s, &endpoint) in endpoints.iter().enumerate() {
            let r = (plan.topology.endpoints()[endpoint as usize].router.0 - first) as usize;
            source_at[r * locals + usize::from(plan.ports.of_endpoint(endpoint) - LOCAL)] = s as u32;
        }
        Self {
            id,
            first,
            sites: vec![Site::default(); routers],
            lanes: vec![IDLE; routers * lanes],
            ports: region.clone().flat_map(|router| ports_of(plan, router, &region)).collect(),
            flits: vec![Flit::default(); slots],
            extra: Extra {
                wide: vec![Wide::default(); if plan.wide { slots } else { 0 }],
                answers: vec![Answer::default(); if asked { routers * lanes } else { 0 }],
                forks: vec![Fork::default(); if forks { routers * lanes } else { 0 }],
            },
            arbiters: super::switch::Arbiters::new(plan, routers),
            live: vec![0; routers.div_ceil(64)],
            live_next: vec![0; routers.div_ceil(64)],
            source_at,
            sources: vec![Source::new(spec.channels); endpoints.len()],
            source_occupied: vec![0; endpoints.len() * usize::from(spec.channels)],
            eager: vec![0; endpoints.len().div_ceil(64)],
            endpoints,
            packets: Slab::default(),
            flying: Wheel::new(ahead),
            flying_wide: Wheel::new(ahead),
            credits: Wheel::new(ahead),
            to_sinks: Wheel::new(ahead),
            to_sources: Wheel::new(ahead),
            heads: Wheel::new(ahead),
            discarding: Vec::new(),
            outbox: (0..plan.regions).map(|_| Vec::new()).collect(),
            leaving: Vec::new(),
            bodies: Vec::new(),
            tail_gone: vec![0; if spec.wait_for_tail_credit { routers } else { 0 }],
            serial: super::booksim::Serial::new(spec, routers),
            order: super::switch::Order::new(spec, routers, ports),
            candidates: Candidates::default(),
            wins: Vec::new(),
            scratch: super::switch::Scratch::default(),
        }
    }

    /// Steps 1 to 6 of one cycle.
    pub(super) fn step<H: Host>(&mut self, plan: &Plan, now: u64, host: &mut H) {
        self.endpoints_take(plan, now, host);
        if host.due() <= now {
            let mut sources =
                Sources { offers: &mut self.sources, eager: &mut self.eager, endpoints: &self.endpoints };
            host.generate(now, &mut sources);
        }
        self.inject(plan, now, host);
        match &plan.answers {
            Answers::BySide(table) if plan.lean => self.routers_lean(plan, table, now),
            _ => self.routers(plan, now, host),
        }
    }

    /// Steps 4 to 6 with every knob.
    fn routers<H: Host>(&mut self, plan: &Plan, now: u64, host: &mut H) {
        self.routers_take(plan, now);
        if !self.discarding.is_empty() {
            self.discard(plan, now, host);
        }
        for word in 0..self.live.len() {
            let mut left = self.live[word];
            while left != 0 {
                let r = word as u32 * 64 + left.trailing_zeros();
                left &= left - 1;
                self.route_cycle(plan, r, now);
            }
        }
    }

    /// The next cycle in which something happens here, the host's arrivals apart; `None` if nothing ever will.
    pub(super) fn next_event(&self, now: u64) -> Option<u64> {
        let busy = self.live.iter().chain(&self.eager).any(|&word| word != 0) || !self.discarding.is_empty();
        if busy {
            return Some(now);
        }
        let wheels = [
            self.flying.next(now),
            self.credits.next(now),
            self.to_sinks.next(now),
            self.to_sources.next(now),
            self.heads.next(now),
        ];
        wheels.into_iter().flatten().min()
    }

    /// Whether no flit is inside and no source has one to send; credits may be under way.
    pub(super) fn is_drained(&self) -> bool {
        self.packets.len() == 0 && self.sources.iter().all(|source| source.offer.is_none())
    }

    /// Whether nothing at all is under way.
    pub(super) fn is_silent(&self) -> bool {
        self.is_drained()
            && self.credits.is_empty()
            && self.to_sources.is_empty()
            && self.to_sinks.is_empty()
            && self.flying.is_empty()
    }

    fn endpoints_take<H: Host>(&mut self, plan: &Plan, now: u64, host: &mut H) {
        let arrivals = self.to_sinks.take(now);
        for &Flying { flit, to: from, .. } in &arrivals {
            host.flit_arrived(now, EndpointId(flit.destination()), PacketHandle(flit.packet()));
            if plan.stop.is_none() {
                self.credits.push(now + plan.eject_back, from);
            }
            if flit.is_tail() {
                self.done(plan, now, flit, None, host);
            }
        }
        self.to_sinks.put_back(arrivals);
        let credits = self.to_sources.take(now);
        let channels = usize::from(plan.spec.channels);
        for place in &credits {
            let (source, channel, signal) =
                (place.router() as usize, place.lane() & !SIGNALS, place.lane() & SIGNALS);
            let occupied = &mut self.source_occupied[source * channels + usize::from(channel)];
            *occupied = match signal {
                STOP => plan.depth,
                GO => 0,
                _ => *occupied - 1,
            };
            self.sources[source].credit(channel, *occupied);
            if self.sources[source].offer.is_some() {
                self.eager[source / 64] |= 1 << (source % 64);
            }
        }
        self.to_sources.put_back(credits);
    }

    /// A packet's tail is out of the network.
    pub(super) fn done<H: Host>(
        &mut self,
        plan: &Plan,
        at: u64,
        flit: Flit,
        lost: Option<LossCause>,
        host: &mut H,
    ) {
        // One region is common, and a division is slow.
        let home = if plan.regions == 1 { 0 } else { flit.packet() % plan.regions };
        if home == self.id {
            self.finish(plan, at, flit, lost, host);
        } else {
            self.outbox[home as usize].push(Message::Done { at, flit, lost });
        }
    }

    /// Forgets a packet of this region and tells the host.
    pub(super) fn finish<H: Host>(
        &mut self,
        plan: &Plan,
        at: u64,
        flit: Flit,
        lost: Option<LossCause>,
        host: &mut H,
    ) {
        let index = if plan.regions == 1 { flit.packet() } else { flit.packet() / plan.regions };
        let Packet { offer, source, injected, .. } = self.packets.finish(index);
        match lost {
            None => host.arrived(&Arrival {
                offer,
                source,
                injected,
                endpoint: EndpointId(flit.destination()),
                arrived: at,
                routers: flit.hops(),
                corrupt: flit.is_corrupt(),
            }),
            Some(cause) => host.lost(at, source, &offer, cause),
        }
    }

    fn inject<H: Host>(&mut self, plan: &Plan, now: u64, host: &mut H) {
        for word in 0..self.eager.len() {
            let mut left = self.eager[word];
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                self.inject_from(plan, word * 64 + bit as usize, now, host);
            }
        }
    }

    fn inject_from<H: Host>(&mut self, plan: &Plan, s: usize, now: u64, host: &mut H) {
        let channels = usize::from(plan.spec.channels);
        let occupied = &mut self.source_occupied[s * channels..][..channels];
        let source = &mut self.sources[s];
        let Some(offer) = source.offer else {
            self.eager[s / 64] &= !(1 << (s % 64));
            return;
        };
        if plan.dead_endpoints && !source.is_sending() {
            let id = EndpointId(self.endpoints[s]);
            if plan.topology.is_endpoint_dead(id) || plan.topology.is_endpoint_dead(offer.destination) {
                source.offer = None;
                self.eager[s / 64] &= !(1 << (s % 64));
                host.lost(now, id, &offer, LossCause::DeadEndpoint);
                host.idle(now, id);
                return;
            }
        }
        let Some(channel) = source.channel(occupied, plan.depth) else {
            // It waits for a credit, which wakes it.
            self.eager[s / 64] &= !(1 << (s % 64));
            return;
        };
        if plan.stop.is_none() {
            occupied[usize::from(channel)] += 1;
        }
        let id = EndpointId(self.endpoints[s]);
        let router = plan.router_of[id.index()];
        let head = !source.is_sending();
        if head {
            let state = host.start(id, &offer, &RouterLoad { region: self, plan }).0;
            let copies = match &plan.answers {
                Answers::Trees(trees) => trees.copies(state),
                _ => 1,
            };
            let index = self.packets.insert(Packet { offer, source: id, injected: now, copies });
            self.sources[s].begin(channel, index * plan.regions + self.id, state, offer.flits);
        }
        let source = &self.sources[s];
        let tail = source.left == 1;
        let flit = Flit::new(source.packet, offer.destination.0, source.state, head, tail);
        let handle = PacketHandle(source.packet);
        let wide = Wide { state: source.state, born: offer.created as u32, flits: offer.flits };
        let lane = plan.local_lane(id.0, channel);
        self.fly(plan, now + plan.local_hop, flit, Place::new(router - self.first, lane), wide);
        host.flit_injected(now, id, handle, head);
        if self.sources[s].sent(plan.spec.wait_for_tail_credit) {
            self.eager[s / 64] &= !(1 << (s % 64));
            host.idle(now, id);
        }
    }

    /// A flit is under way to a buffer of the region.
    #[inline]
    pub(super) fn fly(&mut self, plan: &Plan, at: u64, flit: Flit, to: Place, wide: Wide) {
        self.flying.push(at, Flying { flit, to, back: Place::NOWHERE });
        if plan.wide {
            self.flying_wide.push(at, wide);
        }
    }

    /// Takes what another region sent.
    pub(super) fn receive<H: Host>(&mut self, plan: &Plan, message: Message, host: &mut H) {
        match message {
            Message::Flit { at, flit, router, lane, wide } => {
                self.fly(plan, at, flit, Place::new(router - self.first, lane), wide);
            }
            Message::Credit { at, router, lane } => {
                self.credits.push(at, Place::new(router - self.first, lane));
            }
            Message::Done { at, flit, lost } => self.finish(plan, at, flit, lost, host),
        }
    }

    /// A routing function that was compiled to a table may not be any more.
    pub(super) fn make_room_for_answers(&mut self, plan: &Plan) {
        if !matches!(plan.answers, Answers::BySide(_)) {
            self.extra.answers.resize(self.lanes.len(), Answer::default());
        }
    }

    /// Flits of an input that have been sent but keep their slots.
    pub(super) fn kept(&self, i: usize) -> u8 {
        self.extra.forks.get(i).map_or(0, |fork| fork.sent)
    }

    /// Wide word of the head at the front of an input.
    pub(super) fn front_wide(&self, plan: &Plan, i: usize) -> Wide {
        let slot = i * usize::from(plan.depth) + usize::from(self.lanes[i].head);
        self.extra.wide.get(slot).copied().unwrap_or_default()
    }
}

/// Counts a flit that is no head; the list is made when the first is seen.
#[cold]
pub(super) fn count_body(bodies: &mut Vec<u64>, ports: usize, port: usize) {
    if bodies.is_empty() {
        *bodies = vec![0; ports];
    }
    bodies[port] += 1;
}

/// Ports of a router, to which those of a region are the neighbours inside.
fn ports_of(plan: &Plan, router: u32, region: &std::ops::Range<u32>) -> impl Iterator<Item = Port> {
    (0..usize::from(plan.ports.count)).map(move |port| {
        let there = plan.down[router as usize].get(port).map_or(NOWHERE, |way| way.router);
        let next = if region.contains(&there) { there - region.start } else { FAR };
        Port { sent: 0, next, grant: 0, accept: 0, offset: 0 }
    })
}

/// The load as a router of the region sees it.
pub(super) struct RouterLoad<'a> {
    pub(super) region: &'a Region,
    pub(super) plan: &'a Plan,
}

impl RouterLoad<'_> {
    fn outputs(&self, link: LinkId) -> Option<(usize, &[Lane])> {
        let link = &self.plan.topology.links()[link.index()];
        let r = link.from.0.checked_sub(self.region.first)? as usize;
        let first = r * self.plan.lanes + usize::from(self.plan.lane_of(link.direction as u8, 0));
        Some((r, self.region.lanes.get(first..first + usize::from(self.plan.spec.channels))?))
    }
}

impl Load for RouterLoad<'_> {
    fn occupied(&self, link: LinkId) -> u32 {
        self.outputs(link).map_or(0, |(_, outputs)| outputs.iter().map(|o| u32::from(o.occupied)).sum())
    }

    fn free(&self, link: LinkId, channels: ChannelSet) -> u32 {
        let direction = self.plan.topology.links()[link.index()].direction as u8;
        self.outputs(link).map_or(0, |(r, outputs)| {
            let first = self.plan.lane_of(direction, 0);
            let owned = (self.region.settled(self.plan, r).0.owned >> first) as u32;
            let free = |channel: &u8| channels.contains(*channel) && owned >> channel & 1 == 0;
            (0..self.plan.spec.channels)
                .filter(free)
                .map(|channel| u32::from(self.plan.depth - outputs[usize::from(channel)].occupied))
                .sum()
        })
    }
}
