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

use super::answers::{Answer, Answers, LOCAL, Lanes, ask};
use super::arbiter::{matrix, matrix_words, next_after, next_from};
use super::packet::{Arrival, Flit, Packet, PacketHandle, Slab, Wide};
use super::plan::{NOWHERE, Plan};
use super::source::Source;
use super::spec::{Allocator, Arbiter, Switching};
use super::wheel::Wheel;
use super::{Host, LossCause, Sources};
use crate::routing::{Candidates, ChannelSet, Load};
use crate::topology::{EndpointId, LinkId, RouterId};

/// No output yet.
pub(super) const NONE: u8 = u8::MAX;

/// The masks of a router: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Masks {
    /// Inputs whose head asks for a virtual channel.
    pub(super) waiting: Lanes,
    /// Inputs that own an output and have a flit.
    pub(super) holding: Lanes,
    /// Those of them whose output has a slot: they bid for the switch.
    pub(super) ready: Lanes,
    /// Outputs that belong to a packet.
    pub(super) owned: Lanes,
    /// Outputs without a free slot behind them.
    pub(super) full: Lanes,
    /// Outputs whose tail has left and whose slots are awaited.
    pub(super) tail_gone: Lanes,
    /// Whether an allocation of virtual channels may come out different from the last.
    pub(super) stirred: bool,
}

/// An input virtual channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) head: u8,
    pub(super) len: u8,
    /// The output it owns.
    pub(super) out: u8,
    pub(super) peak: u8,
    /// State the packet carries on.
    next: u8,
    /// Index of what its head may ask for; see [`Answers::BySide`].
    answer: u32,
    /// Low half of the cycle since which it waits for what it waits for now.
    since: u32,
}

/// An output virtual channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// The input that owns it.
    pub(super) owner: u8,
    /// Flits sent whose slots have not come back.
    pub(super) occupied: u8,
}

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

/// A flit on its way to a buffer of the region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flying {
    pub(super) flit: Flit,
    /// Router (within its region when under way there, of the network between regions) and lane.
    pub(super) to: (u32, u8),
    pub(super) wide: Wide,
}

/// What regions tell each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    Flit { at: u64, flying: Flying },
    Credit { at: u64, router: u32, lane: u8 },
    Done { packet: u32, at: u64, flit: Flit, lost: Option<LossCause> },
}

/// Wide words of heads and answers of inputs, where they are needed.
#[derive(Debug, Default)]
struct Extra {
    wide: Vec<Wide>,
    /// Answers of inputs when the routing function is asked.
    answers: Vec<Answer>,
}

/// Counters and pointers of the allocators of a region.
#[derive(Debug)]
pub(super) struct Arbiters {
    /// Per router: channel grants, channel accepts (lanes each), switch grants (columns), switch accepts, offsets
    /// (rows), and the rotations of both allocators.
    pub(super) pointers: Vec<u8>,
    pub(super) matrices: Vec<u64>,
    pub(super) stride: usize,
    pub(super) matrix_stride: usize,
}

/// A block of routers.
pub(super) struct Region {
    pub(super) id: u32,
    /// First router.
    pub(super) first: u32,
    pub(super) masks: Vec<Masks>,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
    pub(super) flits: Vec<Flit>,
    extra: Extra,
    pub(super) arbiters: Arbiters,
    /// One bit a router that has something to do in every cycle.
    live: Vec<u64>,
    /// Endpoints of the region, ascending, and where in that list each endpoint of the network is.
    pub(super) endpoints: Vec<u32>,
    pub(super) sources: Vec<Source>,
    /// Position in that list of each router's endpoints, in the order of its ports.
    source_at: Vec<u32>,
    /// Slots of each source's channels in use.
    pub(super) source_occupied: Vec<u8>,
    /// One bit a source that may be able to send.
    eager: Vec<u64>,
    pub(super) packets: Slab,
    pub(super) flying: Wheel<Flying>,
    pub(super) credits: Wheel<(u32, u8)>,
    to_sinks: Wheel<(Flit, u32, u8)>,
    to_sources: Wheel<(u32, u8)>,
    heads: Wheel<(u32, u8)>,
    /// Inputs whose packet is being thrown away, and why.
    discarding: Vec<(u32, u8, LossCause)>,
    pub(super) outbox: Vec<Vec<Message>>,
    /// Flits that left each router by each port.
    pub(super) sent: Vec<u64>,
    /// Packets likewise, once a packet of several flits has been seen; until then they are as many as flits.
    pub(super) sent_packets: Vec<u64>,
    pub(super) stalls: Vec<Stalls>,
    pub(super) serial: super::booksim::Serial,
    pub(super) order: super::switch::Order,
    candidates: Candidates,
    wins: Vec<(u8, u8)>,
    pub(super) scratch: super::switch::Scratch,
    /// Switch grants so far: none for long means saturation at zero or deadlock.
    pub(super) grants: u64,
}

impl Region {
    pub(super) fn new(plan: &Plan, id: u32, first: u32, count: u32) -> Self {
        let (routers, lanes, ports) = (count as usize, plan.lanes, usize::from(plan.ports.count));
        let spec = &plan.spec;
        let ahead = plan.longest() + 2 * plan.shortest();
        let endpoints: Vec<u32> = (0..plan.topology.endpoints().len() as u32)
            .filter(|&e| (first..first + count).contains(&plan.topology.endpoints()[e as usize].router.0))
            .collect();
        let asked = matches!(plan.answers, Answers::Asked);
        let rows = ports * usize::from(spec.input_speedup);
        let columns = ports * usize::from(spec.output_speedup);
        let stride = 2 * lanes + columns + 2 * rows + 2;
        let matrix_stride =
            matrix_words(spec.arbiter, lanes, lanes) + matrix_words(spec.arbiter, rows, columns);
        let mut pointers = vec![0; stride * routers];
        for own in pointers.chunks_exact_mut(stride) {
            let offsets = &mut own[2 * lanes + columns + rows..][..rows];
            offsets
                .iter_mut()
                .enumerate()
                .for_each(|(row, o)| *o = (row % usize::from(spec.input_speedup)) as u8);
        }
        let mut matrices = Vec::new();
        if spec.arbiter == Arbiter::Matrix {
            for _ in 0..routers {
                matrices.extend(matrix(lanes, lanes).chain(matrix(lanes, lanes)));
                matrices.extend(matrix(columns, rows).chain(matrix(rows, columns)));
            }
        }
        let slots = routers * lanes * usize::from(plan.depth);
        let locals = ports - usize::from(LOCAL);
        let mut source_at = vec![0; routers * locals];
        for (s, &endpoint) in endpoints.iter().enumerate() {
            let r = (plan.topology.endpoints()[endpoint as usize].router.0 - first) as usize;
            source_at[r * locals + usize::from(plan.ports.of_endpoint(endpoint) - LOCAL)] = s as u32;
        }
        Self {
            id,
            first,
            masks: vec![Masks::default(); routers],
            inputs: vec![
                Input { head: 0, len: 0, out: NONE, peak: 0, next: 0, answer: 0, since: 0 };
                routers * lanes
            ],
            outputs: vec![Output { owner: NONE, occupied: 0 }; routers * lanes],
            flits: vec![Flit::default(); slots],
            extra: Extra {
                wide: vec![Wide::default(); if plan.wide { slots } else { 0 }],
                answers: vec![Answer::default(); if asked { routers * lanes } else { 0 }],
            },
            arbiters: Arbiters { pointers, matrices, stride, matrix_stride },
            live: vec![0; routers.div_ceil(64)],
            source_at,
            sources: vec![Source::new(spec.channels); endpoints.len()],
            source_occupied: vec![0; endpoints.len() * usize::from(spec.channels)],
            eager: vec![0; endpoints.len().div_ceil(64)],
            endpoints,
            packets: Slab::default(),
            flying: Wheel::new(ahead),
            credits: Wheel::new(ahead),
            to_sinks: Wheel::new(ahead),
            to_sources: Wheel::new(ahead),
            heads: Wheel::new(ahead),
            discarding: Vec::new(),
            outbox: (0..plan.regions).map(|_| Vec::new()).collect(),
            sent: vec![0; routers * ports],
            sent_packets: Vec::new(),
            stalls: vec![Stalls::default(); routers],
            serial: super::booksim::Serial::new(spec, routers),
            order: super::switch::Order::new(spec, routers, ports),
            candidates: Candidates::default(),
            wins: Vec::new(),
            scratch: super::switch::Scratch::default(),
            grants: 0,
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
        for &(flit, endpoint, channel) in &arrivals {
            host.flit_arrived(now, EndpointId(endpoint), PacketHandle(flit.packet()));
            let router = plan.topology.endpoints()[endpoint as usize].router.0 - self.first;
            self.credits.push(now + plan.eject_back, (router, plan.local_lane(endpoint, channel)));
            if flit.is_tail() {
                self.done(plan, now, flit, None, host);
            }
        }
        self.to_sinks.put_back(now, arrivals);
        let credits = self.to_sources.take(now);
        let channels = usize::from(plan.spec.channels);
        for &(source, channel) in &credits {
            let occupied = &mut self.source_occupied[source as usize * channels + usize::from(channel)];
            *occupied -= 1;
            self.sources[source as usize].credit(channel, *occupied);
            if self.sources[source as usize].offer.is_some() {
                self.eager[source as usize / 64] |= 1 << (source % 64);
            }
        }
        self.to_sources.put_back(now, credits);
    }

    /// A packet's tail is out of the network.
    fn done<H: Host>(&mut self, plan: &Plan, at: u64, flit: Flit, lost: Option<LossCause>, host: &mut H) {
        let home = flit.packet() % plan.regions;
        if home == self.id {
            self.finish(plan, at, flit, lost, host);
        } else {
            self.outbox[home as usize].push(Message::Done { packet: flit.packet(), at, flit, lost });
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
        let Packet { offer, source, injected } = self.packets.remove(flit.packet() / plan.regions);
        match lost {
            None => host.arrived(&Arrival {
                offer,
                source,
                injected,
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
        let Some(channel) = source.channel(occupied, plan.depth) else {
            // It waits for a credit, which wakes it.
            self.eager[s / 64] &= !(1 << (s % 64));
            return;
        };
        occupied[usize::from(channel)] += 1;
        let id = EndpointId(self.endpoints[s]);
        let router = plan.topology.endpoints()[id.index()].router.0;
        let head = !source.is_sending();
        let mut state = 0;
        if head {
            let index = self.packets.insert(Packet { offer, source: id, injected: now });
            self.sources[s].begin(channel, index * plan.regions + self.id, offer.flits);
            state = host.start(id, &offer, &RouterLoad { region: self, plan }).0;
            if offer.flits > 1 && self.sent_packets.is_empty() {
                self.sent_packets = self.sent.clone();
            }
        }
        let source = &mut self.sources[s];
        let tail = source.left == 1;
        let flit = Flit::new(source.packet, offer.destination.0, state, head, tail);
        let handle = PacketHandle(source.packet);
        let wide = Wide { state, born: offer.created as u32, flits: offer.flits };
        let lane = plan.local_lane(id.0, channel);
        self.flying.push(now + plan.local_hop, Flying { flit, to: (router - self.first, lane), wide });
        host.flit_injected(now, id, handle, head);
        if source.sent(plan.spec.wait_for_tail_credit) {
            self.eager[s / 64] &= !(1 << (s % 64));
            host.idle(now, id);
        }
    }

    fn routers_take(&mut self, plan: &Plan, now: u64) {
        let flying = self.flying.take(now);
        for flying in &flying {
            self.store(plan, flying, now);
        }
        self.flying.put_back(now, flying);
        let credits = self.credits.take(now);
        for &(r, lane) in &credits {
            self.credit(plan, r, lane, now);
        }
        self.credits.put_back(now, credits);
        if !self.heads.is_empty() {
            let heads = self.heads.take(now);
            for &(r, lane) in &heads {
                self.begin_wait(r, lane, None);
            }
            self.heads.put_back(now, heads);
        }
    }

    fn wake(&mut self, r: u32) {
        self.live[r as usize / 64] |= 1 << (r % 64);
    }

    fn begin_wait(&mut self, r: u32, lane: u8, arrived: Option<u64>) {
        self.order.asks(r, lane, arrived);
        let masks = &mut self.masks[r as usize];
        masks.waiting |= 1 << lane;
        masks.stirred = true;
        self.wake(r);
    }

    fn store(&mut self, plan: &Plan, flying: &Flying, now: u64) {
        let (r, lane) = flying.to;
        let i = r as usize * plan.lanes + usize::from(lane);
        let depth = usize::from(plan.depth);
        let input = &mut self.inputs[i];
        let slot = usize::from(input.head) + usize::from(input.len);
        let slot = i * depth + if slot >= depth { slot - depth } else { slot };
        self.flits[slot] = flying.flit;
        if plan.wide {
            self.extra.wide[slot] = flying.wide;
        }
        input.len += 1;
        input.peak = input.peak.max(input.len);
        if input.len > 1 {
            return;
        }
        if flying.flit.is_head() {
            self.come_to_front(plan, r, lane, now, true);
        } else if input.out != NONE {
            input.since = now as u32;
            self.bid_from(plan, r, lane, i);
            self.order.bids(r, lane, Some(now));
        }
    }

    /// An input that owns an output has a flit at its front: it bids if the output has a slot.
    fn bid_from(&mut self, plan: &Plan, r: u32, lane: u8, i: usize) {
        let masks = &mut self.masks[r as usize];
        masks.holding |= 1 << lane;
        let has_slot = masks.full >> self.inputs[i].out & 1 == 0;
        if has_slot {
            masks.ready |= 1 << lane;
        }
        if has_slot || plan.restless {
            self.wake(r);
        }
    }

    /// A head is at the front of its buffer from cycle `at` on.
    fn come_to_front(&mut self, plan: &Plan, r: u32, lane: u8, at: u64, arrived: bool) {
        let i = r as usize * plan.lanes + usize::from(lane);
        let empty = self.find_answer(plan, r, lane) == 0;
        let wait = match self.serial.routing(r, at) {
            Some(ready) => ready - at,
            None => plan.head_wait,
        };
        self.inputs[i].since = (at + wait) as u32;
        if empty {
            self.discarding.push((r, lane, LossCause::NoWay));
        } else if wait == 0 {
            self.begin_wait(r, lane, arrived.then_some(at));
        } else {
            self.heads.push(at + wait, (r, lane));
        }
    }

    /// Asks the routing function for the head at the front; the channels it allows.
    fn find_answer(&mut self, plan: &Plan, r: u32, lane: u8) -> Lanes {
        let i = r as usize * plan.lanes + usize::from(lane);
        let slot = i * usize::from(plan.depth) + usize::from(self.inputs[i].head);
        let flit = self.flits[slot];
        let router = self.first + r;
        match &plan.answers {
            Answers::BySide(table) => {
                let index = table.index(router, flit.destination(), flit.state(), &plan.ports);
                self.inputs[i].answer = index;
                table.get(index).allowed
            }
            Answers::Asked => {
                let from = plan.link_in(router, plan.port(lane));
                let to = EndpointId(flit.destination());
                let state = self.extra.wide[slot].state;
                let at = (RouterId(router), from);
                let topology = &plan.topology;
                let answer = ask(topology, &*plan.routing, &plan.ports, at, to, state, &mut self.candidates);
                self.extra.answers[i] = answer;
                answer.allowed
            }
        }
    }

    #[inline]
    pub(super) fn answer<'a>(&'a self, plan: &'a Plan, i: usize) -> &'a Answer {
        match &plan.answers {
            Answers::BySide(table) => table.get(self.inputs[i].answer),
            Answers::Asked => &self.extra.answers[i],
        }
    }

    fn credit(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) {
        let output = &mut self.outputs[r as usize * plan.lanes + usize::from(lane)];
        output.occupied -= 1;
        let bit = 1 << lane;
        let masks = &mut self.masks[r as usize];
        let was_full = masks.full & bit != 0;
        masks.full &= !bit;
        if output.occupied == 0 && masks.tail_gone & bit != 0 {
            masks.tail_gone &= !bit;
            masks.owned &= !bit;
            masks.stirred = true;
            self.live[r as usize / 64] |= 1 << (r % 64);
        }
        let needs_room = plan.spec.busy_when_full || plan.spec.switching == Switching::VirtualCutThrough;
        if needs_room && masks.waiting != 0 {
            masks.stirred = true;
            self.live[r as usize / 64] |= 1 << (r % 64);
        }
        if was_full && masks.owned & bit != 0 && masks.tail_gone & bit == 0 {
            let owner = output.owner;
            if masks.holding >> owner & 1 == 1 {
                masks.ready |= 1 << owner;
                let input = &mut self.inputs[r as usize * plan.lanes + usize::from(owner)];
                self.stalls[r as usize].credit += u64::from((now as u32).wrapping_sub(input.since));
                input.since = now as u32;
                self.live[r as usize / 64] |= 1 << (r % 64);
            }
        }
    }

    /// Steps 5 and 6 at one router.
    #[inline]
    fn route_cycle(&mut self, plan: &Plan, r: u32, now: u64) {
        let masks = self.masks[r as usize];
        let mut wins = std::mem::take(&mut self.wins);
        wins.clear();
        if masks.waiting != 0 && (masks.stirred || plan.restless) {
            self.allocate_channels(plan, r, now, &mut wins);
        }
        if plan.plain_switch {
            if masks.ready != 0 {
                self.switch_plain(plan, r, now, masks.ready, &wins);
            } else {
                self.take_channels(plan, r, now, &wins);
            }
        } else {
            self.switch_any(plan, r, now, &mut wins);
        }
        self.wins = wins;
        let masks = &self.masks[r as usize];
        let asks = masks.waiting != 0 && (masks.stirred || plan.restless);
        if !asks && masks.ready == 0 && !(plan.restless && masks.holding != 0) {
            self.live[r as usize / 64] &= !(1 << (r % 64));
        }
    }

    /// Channels a waiting head asks for now.
    pub(super) fn wanted(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) -> Lanes {
        let i = r as usize * plan.lanes + usize::from(lane);
        let masks = &self.masks[r as usize];
        let mut free = self.answer(plan, i).allowed & !masks.owned;
        if plan.spec.busy_when_full {
            free &= !masks.full;
        }
        if plan.spec.switching == Switching::VirtualCutThrough && free != 0 {
            let slot = i * usize::from(plan.depth) + usize::from(self.inputs[i].head);
            let flits = self.extra.wide[slot].flits;
            let outputs = &self.outputs[r as usize * plan.lanes..];
            let mut left = free;
            while left != 0 {
                let out = left.trailing_zeros();
                left &= left - 1;
                if u16::from(plan.depth - outputs[out as usize].occupied) < flits {
                    free &= !(1 << out);
                }
            }
        }
        if plan.selection.is_some() && free != 0 && self.answer(plan, i).ways().len() > 1 {
            free &= self.select(plan, r, lane, free, now);
        }
        free
    }

    /// Channels of the way that the selection takes among those with a free channel.
    fn select(&mut self, plan: &Plan, r: u32, lane: u8, free: Lanes, now: u64) -> Lanes {
        let Some(selection) = &plan.selection else { return free };
        let i = r as usize * plan.lanes + usize::from(lane);
        let answer = *self.answer(plan, i);
        let slot = i * usize::from(plan.depth) + usize::from(self.inputs[i].head);
        let destination = EndpointId(self.flits[slot].destination());
        let router = self.first + r;
        let chosen = super::select(
            plan,
            &**selection,
            &answer,
            free,
            (RouterId(router), destination),
            &RouterLoad { region: self, plan },
            super::mix(plan.seed ^ now, u64::from(router) << 6 | u64::from(lane)),
        );
        // The others may do better next time.
        self.masks[r as usize].stirred = true;
        chosen
    }

    /// Winners of virtual channels among the waiting heads, as (input, output).
    fn allocate_channels(&mut self, plan: &Plan, r: u32, now: u64, wins: &mut Vec<(u8, u8)>) {
        let waiting = self.masks[r as usize].waiting;
        self.masks[r as usize].stirred = false;
        let plain = plan.spec.vc_allocator == Allocator::Islip && plan.spec.arbiter == Arbiter::RoundRobin;
        if !plain {
            return self.allocate_any(plan, r, now, waiting, wins);
        }
        let lanes = plan.lanes;
        if waiting & (waiting - 1) == 0 {
            let lane = waiting.trailing_zeros() as u8;
            let free = self.wanted(plan, r, lane, now);
            if free != 0 {
                let pointers = &mut self.arbiters.pointers[r as usize * self.arbiters.stride..][..2 * lanes];
                let accept = &mut pointers[lanes + usize::from(lane)];
                let out = next_from(free, *accept);
                *accept = next_after(out, lanes);
                pointers[usize::from(out)] = next_after(lane, lanes);
                wins.push((lane, out));
            }
            return;
        }
        let mut asks = [(0u8, 0 as Lanes); 64];
        let mut count = 0;
        let mut columns: Lanes = 0;
        let mut left = waiting;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let free = self.wanted(plan, r, lane, now);
            if free != 0 {
                asks[count] = (lane, free);
                count += 1;
                columns |= free;
            }
        }
        let pointers = &mut self.arbiters.pointers[r as usize * self.arbiters.stride..][..2 * lanes];
        let mut granted = [0 as Lanes; 64];
        while columns != 0 {
            let column = columns.trailing_zeros() as u8;
            columns &= columns - 1;
            let requests =
                asks[..count].iter().fold(0, |requests, &(lane, free)| requests | (free >> column & 1) << lane);
            granted[usize::from(next_from(requests, pointers[usize::from(column)]))] |= 1 << column;
        }
        let mut taken: Lanes = 0;
        for &(lane, _) in &asks[..count] {
            let offers = granted[usize::from(lane)];
            if offers != 0 {
                let accept = &mut pointers[lanes + usize::from(lane)];
                let out = next_from(offers, *accept);
                *accept = next_after(out, lanes);
                pointers[usize::from(out)] = next_after(lane, lanes);
                taken |= 1 << out;
                wins.push((lane, out));
            }
        }
        let lost = asks[..count]
            .iter()
            .any(|&(lane, free)| free & !taken != 0 && wins.iter().all(|&(winner, _)| winner != lane));
        self.masks[r as usize].stirred |= lost;
    }

    /// Winners take their channels: they bid for the switch from the next cycle on.
    pub(super) fn take_channels(&mut self, plan: &Plan, r: u32, now: u64, wins: &[(u8, u8)]) {
        for &(lane, out) in wins {
            let i = r as usize * plan.lanes + usize::from(lane);
            self.masks[r as usize].waiting &= !(1 << lane);
            if !plan.flaky.is_empty() && self.is_dropped(plan, r, lane, out) {
                self.discarding.push((r, lane, LossCause::FlakyLink));
                self.masks[r as usize].stirred = true;
                continue;
            }
            self.masks[r as usize].owned |= 1 << out;
            self.outputs[r as usize * plan.lanes + usize::from(out)].owner = lane;
            let next = self.answer(plan, i).next(out);
            let input = &mut self.inputs[i];
            self.stalls[r as usize].channel += u64::from((now as u32).wrapping_sub(input.since));
            input.since = now as u32 + 1;
            input.out = out;
            input.next = next as u8;
            if plan.wide {
                self.extra.wide[i * usize::from(plan.depth) + usize::from(input.head)].state = next;
            }
            self.bid_from(plan, r, lane, i);
            self.order.bids(r, lane, None);
        }
    }

    fn is_dropped(&self, plan: &Plan, r: u32, lane: u8, out: u8) -> bool {
        let router = self.first + r;
        let Some(link) = plan.link(router, plan.port(out)) else { return false };
        let crossed = self.sent[r as usize * usize::from(plan.ports.count) + usize::from(plan.port(out))];
        let draw = super::mix(plan.seed ^ crossed, u64::from(link.0) << 8 | u64::from(lane));
        (draw as u32) < plan.flaky[link.index()].0
    }

    /// The switch of the plain case: iSLIP over ports.
    fn switch_plain(&mut self, plan: &Plan, r: u32, now: u64, ready: Lanes, wins: &[(u8, u8)]) {
        let ports = usize::from(plan.ports.count);
        let base = r as usize * self.arbiters.stride + 2 * plan.lanes;
        if ready & (ready - 1) == 0 {
            let lane = ready.trailing_zeros() as u8;
            let out = self.inputs[r as usize * plan.lanes + usize::from(lane)].out;
            let (row, column) = (plan.port(lane), plan.port(out));
            let pointers = &mut self.arbiters.pointers[base..][..3 * ports];
            pointers[usize::from(column)] = next_after(row, ports);
            pointers[ports + usize::from(row)] = next_after(column, ports);
            pointers[2 * ports + usize::from(row)] =
                next_after(plan.channel(lane), usize::from(plan.spec.channels));
            self.take_channels(plan, r, now, wins);
            self.send(plan, r, lane, now);
            return;
        }
        // (row, column, lane) of every bid; of a row's lanes for one column the first after its offset.
        let mut bids = [(0u8, 0u8, 0u8); 64];
        let mut count = 0;
        let mut asked = 0u64;
        let mut left = ready;
        let pointers = &self.arbiters.pointers[base..][..3 * ports];
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let out = self.inputs[r as usize * plan.lanes + usize::from(lane)].out;
            let (row, column) = (plan.port(lane), plan.port(out));
            asked |= 1 << column;
            match bids[..count].iter_mut().find(|bid| (bid.0, bid.1) == (row, column)) {
                // Lanes of a row come in ascending order, so a later one is first only across the offset.
                Some(bid) => {
                    let offset = pointers[2 * ports + usize::from(row)];
                    if plan.channel(bid.2) < offset && plan.channel(lane) >= offset {
                        bid.2 = lane;
                    }
                }
                None => {
                    bids[count] = (row, column, lane);
                    count += 1;
                }
            }
        }
        let bids = &bids[..count];
        let mut grants = [(0u8, 0u8); 64];
        let mut granted = 0;
        while asked != 0 {
            let column = asked.trailing_zeros() as u8;
            asked &= asked - 1;
            let rows = bids.iter().fold(0u64, |rows, bid| rows | u64::from(bid.1 == column) << bid.0);
            grants[granted] = (next_from(rows, pointers[usize::from(column)]), column);
            granted += 1;
        }
        let mut winners = [0u8; 64];
        let mut winning = 0;
        let mut served = 0u64;
        for g in 0..granted {
            let row = grants[g].0;
            if served >> row & 1 == 1 {
                continue;
            }
            served |= 1 << row;
            let columns = grants[g..granted]
                .iter()
                .fold(0u64, |columns, grant| columns | u64::from(grant.0 == row) << grant.1);
            let pointers = &mut self.arbiters.pointers[base..][..3 * ports];
            let column = next_from(columns, pointers[ports + usize::from(row)]);
            pointers[usize::from(column)] = next_after(row, ports);
            pointers[ports + usize::from(row)] = next_after(column, ports);
            if let Some(bid) = bids.iter().find(|bid| (bid.0, bid.1) == (row, column)) {
                pointers[2 * ports + usize::from(row)] =
                    next_after(plan.channel(bid.2), usize::from(plan.spec.channels));
                winners[winning] = bid.2;
                winning += 1;
            }
        }
        self.take_channels(plan, r, now, wins);
        for &lane in &winners[..winning] {
            self.send(plan, r, lane, now);
        }
    }

    /// The flit at the front of an input goes through the switch. Whether another of its packet follows at once.
    pub(super) fn send(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) -> bool {
        let i = r as usize * plan.lanes + usize::from(lane);
        let depth = plan.depth;
        let input = &mut self.inputs[i];
        let out = input.out;
        let slot = i * usize::from(depth) + usize::from(input.head);
        let mut flit = self.flits[slot].onward(u32::from(input.next));
        let wide = if plan.wide { self.extra.wide[slot] } else { Wide::default() };
        // A speculative grant comes a cycle before the wait for it would begin.
        let waited = (now as u32).wrapping_sub(input.since) as i32;
        self.stalls[r as usize].switch += waited.max(0) as u64;
        input.since = now as u32 + 1;
        self.grants += 1;

        let output = &mut self.outputs[r as usize * plan.lanes + usize::from(out)];
        output.occupied += 1;
        let masks = &mut self.masks[r as usize];
        let bit = 1u64 << out;
        if output.occupied == depth {
            masks.full |= bit;
        }
        if flit.is_tail() {
            if plan.spec.wait_for_tail_credit {
                masks.tail_gone |= bit;
            } else {
                masks.owned &= !bit;
                masks.stirred = true;
            }
        }
        let (port, channel) = plan.lane[usize::from(out & 63)];
        let ports = usize::from(plan.ports.count);
        let count = r as usize * ports + usize::from(port);
        self.sent[count] += 1;
        if !self.sent_packets.is_empty() && flit.is_head() {
            self.sent_packets[count] += 1;
        }
        let mut late = self.serial.crossing(r, now);
        late += self.order.departure(count, now + late);
        if port >= LOCAL {
            self.to_sinks.push(now + plan.eject_hop + late, (flit, flit.destination(), channel));
        } else {
            let way = plan.down[(self.first + r) as usize][usize::from(port)];
            if !plan.flaky.is_empty() {
                flit = self.maybe_corrupt(plan, r, port, flit);
            }
            let at = now + plan.hop[usize::from(way.class)] + late;
            let to = plan.lane_of(way.port, channel);
            self.fly(plan, at, way.router, Flying { flit, to: (0, to), wide });
        }
        self.pop(plan, r, lane, now, flit.is_tail())
    }

    fn maybe_corrupt(&self, plan: &Plan, r: u32, port: u8, flit: Flit) -> Flit {
        let Some(link) = plan.link(self.first + r, port) else { return flit };
        let crossed = self.sent[r as usize * usize::from(plan.ports.count) + usize::from(port)];
        let draw = super::mix(plan.seed ^ crossed, u64::from(link.0) << 8 | 0xff);
        if (draw as u32) < plan.flaky[link.index()].1 { flit.corrupted() } else { flit }
    }

    fn fly(&mut self, plan: &Plan, at: u64, router: u32, mut flying: Flying) {
        let region = plan.region_of(router);
        if region == self.id as usize {
            flying.to.0 = router - self.first;
            self.flying.push(at, flying);
        } else {
            flying.to.0 = router;
            self.outbox[region].push(Message::Flit { at, flying });
        }
    }

    /// Frees the slot at the front of an input and looks at what comes next. Whether a flit of the same packet does.
    fn pop(&mut self, plan: &Plan, r: u32, lane: u8, now: u64, tail: bool) -> bool {
        let i = r as usize * plan.lanes + usize::from(lane);
        let (port, channel) = plan.lane[usize::from(lane & 63)];
        if port >= LOCAL {
            let locals = usize::from(plan.ports.count - LOCAL);
            let source = self.source_at[r as usize * locals + usize::from(port - LOCAL)];
            self.to_sources.push(now + plan.source_back, (source, channel));
        } else {
            let way = plan.up[(self.first + r) as usize][usize::from(port)];
            let at = now + plan.back[usize::from(way.class)];
            let out = plan.lane_of(way.port, channel);
            let region = plan.region_of(way.router);
            if region == self.id as usize {
                self.credits.push(at, (way.router - self.first, out));
            } else {
                self.outbox[region].push(Message::Credit { at, router: way.router, lane: out });
            }
        }
        let input = &mut self.inputs[i];
        input.head = next_after(input.head, usize::from(plan.depth));
        input.len -= 1;
        let more = input.len > 0;
        let masks = &mut self.masks[r as usize];
        let bit = 1u64 << lane;
        if tail {
            masks.holding &= !bit;
            masks.ready &= !bit;
            input.out = NONE;
            if more {
                self.come_to_front(plan, r, lane, now + 1, false);
            }
            return false;
        }
        if !more {
            masks.holding &= !bit;
            masks.ready &= !bit;
            return false;
        }
        if input.out != NONE && masks.full >> input.out & 1 == 1 {
            masks.ready &= !bit;
        }
        true
    }

    /// Throws away one flit of every packet that cannot go on.
    fn discard<H: Host>(&mut self, plan: &Plan, now: u64, host: &mut H) {
        let list = std::mem::take(&mut self.discarding);
        for (r, lane, cause) in list {
            let i = r as usize * plan.lanes + usize::from(lane);
            if self.inputs[i].len == 0 {
                self.discarding.push((r, lane, cause));
                continue;
            }
            let slot = i * usize::from(plan.depth) + usize::from(self.inputs[i].head);
            let flit = self.flits[slot];
            self.grants += 1;
            self.pop(plan, r, lane, now, flit.is_tail());
            if flit.is_tail() {
                self.done(plan, now, flit, Some(cause), host);
            } else {
                self.discarding.push((r, lane, cause));
            }
        }
    }

    /// Takes what another region sent.
    pub(super) fn receive<H: Host>(&mut self, plan: &Plan, message: Message, host: &mut H) {
        match message {
            Message::Flit { at, mut flying } => {
                flying.to.0 -= self.first;
                self.flying.push(at, flying);
            }
            Message::Credit { at, router, lane } => self.credits.push(at, (router - self.first, lane)),
            Message::Done { packet: _, at, flit, lost } => self.finish(plan, at, flit, lost, host),
        }
    }

    /// Wide word of the head at the front of an input.
    pub(super) fn front_wide(&self, plan: &Plan, i: usize) -> Wide {
        let slot = i * usize::from(plan.depth) + usize::from(self.inputs[i].head);
        self.extra.wide.get(slot).copied().unwrap_or_default()
    }
}

/// The load as a router of the region sees it.
pub(super) struct RouterLoad<'a> {
    pub(super) region: &'a Region,
    pub(super) plan: &'a Plan,
}

impl RouterLoad<'_> {
    fn outputs(&self, link: LinkId) -> Option<(usize, &[Output])> {
        let link = &self.plan.topology.links()[link.index()];
        let r = link.from.0.checked_sub(self.region.first)? as usize;
        let first = r * self.plan.lanes + usize::from(self.plan.lane_of(link.direction as u8, 0));
        Some((r, self.region.outputs.get(first..first + usize::from(self.plan.spec.channels))?))
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
            let owned = (self.region.masks[r].owned >> first) as u32;
            let free = |channel: &u8| channels.contains(*channel) && owned >> channel & 1 == 0;
            (0..self.plan.spec.channels)
                .filter(free)
                .map(|channel| u32::from(self.plan.depth - outputs[usize::from(channel)].occupied))
                .sum()
        })
    }
}
