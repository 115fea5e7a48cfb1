//! The short way through a cycle: iSLIP, credits, wormhole, look-ahead routing from a table, and nothing else.
//!
//! The same rules as in `buffers` and `allocate`, which have every knob; a test holds both to the same cycles. What
//! most routers do in most cycles is done here in few instructions:
//!
//! - A head that comes to the front is only noted. Its router looks at it one cycle later, when it could leave at the
//!   earliest, and if nothing is in its way it leaves at once. Else the allocation it missed is made up for, with what
//!   was free then: see `catch_up`.
//! - Where flits and credits take equally long over all links, a flit and the credit for the slot that it left are one
//!   event. All that leaves in a cycle is put on its way in one loop.
//! - Heads that want different channels, and flits that want different ports both ways, need no allocator, only its
//!   pointers moved.
//!
//! Sizes are constants where they are common ones.

use super::answers::{Answers, LOCAL, Lanes, SideTable};
use super::arbiter::next_from;
use super::packet::{Flit, Wide};
use super::plan::Plan;
use super::region::{FAR, Flying, Lane, Leaving, Masks, Message, NONE, Place, Port, Region, Site, count_body};
use super::wheel::Wheel;
use std::borrow::Cow;
use std::marker::PhantomData;

/// Sizes of a router.
trait Shape {
    fn ports(plan: &Plan) -> usize;
    fn channels(plan: &Plan) -> usize;
    fn depth(plan: &Plan) -> usize;
    fn lanes(plan: &Plan) -> usize {
        Self::ports(plan) * Self::channels(plan)
    }
    /// A router's own of the memory of all.
    #[inline(always)]
    fn own<'a>(plan: &Plan, all: &'a mut Routers<'_>, r: u32) -> Router<'a> {
        let (at, lanes) = (r as usize, Self::lanes(plan));
        let slots = lanes * Self::depth(plan);
        Router {
            r,
            site: &mut all.sites[at],
            lanes: &mut all.lanes[at * lanes..][..lanes],
            flits: &mut all.flits[at * slots..][..slots],
        }
    }
    /// Port and channel of a lane.
    fn split(plan: &Plan, lane: u8) -> (u8, u8);
    /// Place of the front flit in its buffer.
    #[inline(always)]
    fn place(head: u8) -> usize {
        head.into()
    }
    /// A place in a buffer, `depth` being the first again.
    #[inline(always)]
    fn wrap(plan: &Plan, place: usize) -> usize {
        let depth = Self::depth(plan);
        if place >= depth { place - depth } else { place }
    }
}

/// Four directions, one endpoint, and these many channels of this depth; `LANES` and `SLOTS` are what a router has of
/// channels and of places for flits, as types cannot multiply.
struct Fixed<const CHANNELS: usize, const DEPTH: usize, const LANES: usize, const SLOTS: usize>;

impl<const CHANNELS: usize, const DEPTH: usize, const LANES: usize, const SLOTS: usize> Shape
    for Fixed<CHANNELS, DEPTH, LANES, SLOTS>
{
    #[inline(always)]
    fn ports(_: &Plan) -> usize {
        5
    }
    #[inline(always)]
    fn channels(_: &Plan) -> usize {
        CHANNELS
    }
    #[inline(always)]
    fn depth(_: &Plan) -> usize {
        DEPTH
    }
    #[inline(always)]
    fn own<'a>(_: &Plan, all: &'a mut Routers<'_>, r: u32) -> Router<'a> {
        let at = r as usize;
        Router {
            r,
            site: &mut all.sites[at],
            lanes: &mut all.lanes.as_chunks_mut::<LANES>().0[at],
            flits: &mut all.flits.as_chunks_mut::<SLOTS>().0[at],
        }
    }
    #[inline(always)]
    fn split(_: &Plan, lane: u8) -> (u8, u8) {
        (lane / CHANNELS as u8, lane % CHANNELS as u8)
    }
    #[inline(always)]
    fn place(head: u8) -> usize {
        usize::from(head) % DEPTH
    }
    #[inline(always)]
    fn wrap(_: &Plan, place: usize) -> usize {
        place % DEPTH
    }
}

/// Any.
struct Any;

impl Shape for Any {
    #[inline(always)]
    fn ports(plan: &Plan) -> usize {
        plan.ports.count.into()
    }
    #[inline(always)]
    fn channels(plan: &Plan) -> usize {
        plan.spec.channels.into()
    }
    #[inline(always)]
    fn depth(plan: &Plan) -> usize {
        plan.depth.into()
    }
    #[inline(always)]
    fn split(plan: &Plan, lane: u8) -> (u8, u8) {
        plan.lane[usize::from(lane & 63)]
    }
}

/// Does `$body` for every bit of a mask, ascending.
macro_rules! for_each_bit {
    ($bit:ident in $mask:expr => $body:block) => {
        let mut left = $mask;
        while left != 0 {
            let $bit = left.trailing_zeros() as u8;
            left &= left - 1;
            $body
        }
    };
}

impl Region {
    /// Steps 4 to 6.
    pub(super) fn routers_lean(&mut self, plan: &Plan, table: &SideTable, now: u64) {
        match (plan.ports.count, plan.spec.channels, plan.depth) {
            (5, 1, 4) => self.routers_of::<Fixed<1, 4, 5, 20>>(plan, table, now),
            (5, 1, 8) => self.routers_of::<Fixed<1, 8, 5, 40>>(plan, table, now),
            (5, 2, 4) => self.routers_of::<Fixed<2, 4, 10, 40>>(plan, table, now),
            (5, 2, 8) => self.routers_of::<Fixed<2, 8, 10, 80>>(plan, table, now),
            (5, 4, 4) => self.routers_of::<Fixed<4, 4, 20, 80>>(plan, table, now),
            (5, 4, 8) => self.routers_of::<Fixed<4, 8, 20, 160>>(plan, table, now),
            _ => self.routers_of::<Any>(plan, table, now),
        }
    }

    fn routers_of<S: Shape>(&mut self, plan: &Plan, table: &SideTable, now: u64) {
        self.take::<S>(plan, table, now);
        self.visit::<S>(plan, table, now);
        self.leave::<S>(plan, now);
    }

    /// A router as it is once channels are given to the heads that came in the last cycle and were only noted.
    pub(super) fn settled(&self, plan: &Plan, r: usize) -> (Masks, Cow<'_, [Lane]>) {
        let mut masks = self.sites[r].masks;
        let mut lanes = Cow::Borrowed(&self.lanes[r * plan.lanes..][..plan.lanes]);
        let late = masks.fresh[0] | masks.fresh[1];
        if let (Answers::BySide(table), true) = (&plan.answers, late != 0) {
            catch_up(table, &mut masks, lanes.to_mut(), late, 0);
        }
        (masks, lanes)
    }

    /// Step 4.
    #[inline(never)]
    fn take<S: Shape>(&mut self, plan: &Plan, table: &SideTable, now: u64) {
        let mut routers = Routers { sites: &mut self.sites, lanes: &mut self.lanes, flits: &mut self.flits };
        let (first, live, live_next) = (self.first, &mut self.live[..], &mut self.live_next[..]);
        let credits = self.credits.take(now);
        for &place in &credits {
            if routers.credit::<S>(plan, place, now) {
                wake(live, place.router());
            }
        }
        self.credits.put_back(credits);
        let flying = self.flying.take(now);
        for &Flying { flit, to, back } in &flying {
            if !back.is_far() && routers.credit::<S>(plan, back, now) {
                wake(live, back.router());
            }
            let answer = table.index(first + to.router(), flit.destination(), flit.state());
            match routers.arrive::<S>(plan, flit, to, answer, now) {
                Wakes::Nobody => {}
                Wakes::Now => wake(live, to.router()),
                Wakes::Later => wake(live_next, to.router()),
            }
        }
        self.flying.put_back(flying);
    }

    /// Steps 5 and 6, but for what goes on to others.
    #[inline(never)]
    fn visit<S: Shape>(&mut self, plan: &Plan, table: &SideTable, now: u64) {
        let mut routers = Routers { sites: &mut self.sites, lanes: &mut self.lanes, flits: &mut self.flits };
        let leaving = std::mem::take(&mut self.leaving);
        let mut cycle =
            Cycle::<S> { plan, table, now, first: self.first, ports: &self.ports, leaving, shape: PhantomData };
        for (word, (live, next)) in self.live.iter_mut().zip(&mut self.live_next).enumerate() {
            let mut stays = 0;
            for_each_bit!(bit in *live => {
                let r = word as u32 * 64 + u32::from(bit);
                stays |= u64::from(cycle.step(S::own(plan, &mut routers, r))) << bit;
            });
            *live = stays | std::mem::take(next);
        }
        self.leaving = cycle.leaving;
    }

    /// All flits that won leave their routers: pointers of the switch move past the pair, the row's offset past the lane,
    /// and a credit goes back.
    #[inline(never)]
    fn leave<S: Shape>(&mut self, plan: &Plan, now: u64) {
        let Self { first, ports, bodies, leaving, flying, .. } = self;
        let mut ends = Ends {
            plan,
            now,
            first: *first,
            source_at: &self.source_at,
            credits: &mut self.credits,
            to_sinks: &mut self.to_sinks,
            to_sources: &mut self.to_sources,
            outbox: &mut self.outbox,
        };
        let (is_twin, at) = (plan.twin.is_some(), now + plan.twin.unwrap_or(0));
        let mut ahead = if is_twin { flying.open(at) } else { Vec::new() };
        let ports = &mut ports[..];
        let total = ports.len();
        for &Leaving { flit, from, out } in &leaving[..] {
            let own = from.router() as usize * S::ports(plan);
            let (row, channel) = S::split(plan, from.lane());
            let (column, out_channel) = S::split(plan, out);
            let input = &mut ports[own + usize::from(row)];
            let up = input.next;
            input.accept = column + 1;
            input.offset = channel + 1;
            let output = &mut ports[own + usize::from(column)];
            let down = output.next;
            output.grant = row + 1;
            output.sent += 1;
            if !flit.is_head() {
                count_body(bodies, total, own + usize::from(column));
            }
            // The port behind a link is the other of its pair: east and west are 0 and 1, north and south 2 and 3.
            let to = Place::new(down, (column ^ 1) * S::channels(plan) as u8 + out_channel);
            let back = Place::new(up, (row ^ 1) * S::channels(plan) as u8 + channel);
            if is_twin & (down != FAR) & (up != FAR) {
                ahead.push(Flying { flit, to, back });
                continue;
            }
            ends.give_back::<S>(from, back);
            match ends.hand_over::<S>(flit, Place::new(from.router(), out), to) {
                Some(_) if is_twin => ahead.push(Flying { flit, to, back: Place::NOWHERE }),
                Some(at) => flying.push(at, Flying { flit, to, back: Place::NOWHERE }),
                None => {}
            }
        }
        leaving.clear();
        if is_twin {
            flying.close(at, ahead);
        }
    }
}

/// Where ways begin and end, and what leaves the region.
struct Ends<'a> {
    plan: &'a Plan,
    now: u64,
    first: u32,
    source_at: &'a [u32],
    credits: &'a mut Wheel<Place>,
    to_sinks: &'a mut Wheel<Flying>,
    to_sources: &'a mut Wheel<Place>,
    outbox: &'a mut [Vec<Message>],
}

impl Ends<'_> {
    /// A credit goes from an input to the output behind its link.
    fn give_back<S: Shape>(&mut self, from: Place, to: Place) {
        let plan = self.plan;
        let (row, channel) = S::split(plan, from.lane());
        if row >= LOCAL {
            let locals = S::ports(plan) - usize::from(LOCAL);
            let source = self.source_at[from.router() as usize * locals + usize::from(row - LOCAL)];
            return self.to_sources.push(self.now + plan.source_back, Place::new(source, channel));
        }
        let way = plan.up[(self.first + from.router()) as usize][usize::from(row)];
        let at = self.now + u64::from(way.back);
        if to.is_far() {
            let message = Message::Credit { at, router: way.router, lane: to.lane() };
            self.outbox[plan.region_of(way.router)].push(message);
        } else {
            self.credits.push(at, to);
        }
    }

    /// A flit goes over an output's link; the cycle in which it arrives, if that is in the region.
    fn hand_over<S: Shape>(&mut self, flit: Flit, from: Place, to: Place) -> Option<u64> {
        let plan = self.plan;
        let column = S::split(plan, from.lane()).0;
        if column >= LOCAL {
            let flying = Flying { flit, to: from, back: Place::NOWHERE };
            self.to_sinks.push(self.now + plan.eject_hop, flying);
            return None;
        }
        let way = plan.down[(self.first + from.router()) as usize][usize::from(column)];
        let at = self.now + u64::from(way.hop);
        if to.is_far() {
            let message =
                Message::Flit { at, flit, router: way.router, lane: to.lane(), wide: Wide::default() };
            self.outbox[plan.region_of(way.router)].push(message);
            return None;
        }
        Some(at)
    }
}

#[inline(always)]
fn wake(live: &mut [u64], r: u32) {
    live[r as usize / 64] |= 1 << (r % 64);
}

/// When a router has something to do because of what came.
enum Wakes {
    Nobody,
    Now,
    Later,
}

/// The memory of a region's routers.
struct Routers<'a> {
    sites: &'a mut [Site],
    lanes: &'a mut [Lane],
    flits: &'a mut [Flit],
}

impl Routers<'_> {
    /// A flit is stored. A head that comes to the front is only noted: its router looks at it when it has something to do
    /// in this cycle, else in the next one.
    #[inline(always)]
    fn arrive<S: Shape>(&mut self, plan: &Plan, flit: Flit, to: Place, answer: u16, now: u64) -> Wakes {
        let i = to.router() as usize * S::lanes(plan) + usize::from(to.lane());
        let lane = &mut self.lanes[i];
        let place = S::wrap(plan, usize::from(lane.head) + usize::from(lane.len));
        self.flits[i * S::depth(plan) + place] = flit;
        lane.len += 1;
        if lane.len > lane.peak {
            lane.peak = lane.len;
        }
        if lane.len > 1 {
            return Wakes::Nobody;
        }
        lane.since = now as u32;
        let masks = &mut self.sites[to.router() as usize].masks;
        let bit = 1u64 << to.lane();
        if flit.is_head() {
            lane.answer = answer;
            masks.fresh[now as usize % 2] |= bit;
            return Wakes::Later;
        }
        masks.holding |= bit;
        if masks.full >> (lane.out & 63) & 1 == 1 {
            return Wakes::Nobody;
        }
        masks.ready |= bit;
        Wakes::Now
    }

    /// A slot behind an output is free again; whether somebody waited for it.
    #[inline(always)]
    fn credit<S: Shape>(&mut self, plan: &Plan, to: Place, now: u64) -> bool {
        let first = to.router() as usize * S::lanes(plan);
        let lane = &mut self.lanes[first + usize::from(to.lane())];
        // The tail's release is not awaited, so only an output that was full matters to anyone.
        let was_full = usize::from(lane.occupied) == S::depth(plan);
        lane.occupied -= 1;
        if !was_full {
            return false;
        }
        let owner = lane.owner & 63;
        let site = &mut self.sites[to.router() as usize];
        let bit = 1 << to.lane();
        site.masks.full &= !bit;
        if site.masks.owned & bit == 0 || site.masks.holding >> owner & 1 == 0 {
            return false;
        }
        site.masks.ready |= 1 << owner;
        let lane = &mut self.lanes[first + usize::from(owner)];
        site.stalls.credit += u64::from((now as u32).wrapping_sub(lane.since));
        lane.since = now as u32;
        true
    }
}

/// A router's memory.
struct Router<'a> {
    r: u32,
    site: &'a mut Site,
    lanes: &'a mut [Lane],
    flits: &'a mut [Flit],
}

/// What routers share in a cycle.
struct Cycle<'a, S> {
    plan: &'a Plan,
    table: &'a SideTable,
    now: u64,
    first: u32,
    ports: &'a [Port],
    leaving: Vec<Leaving>,
    shape: PhantomData<S>,
}

impl<S: Shape> Cycle<'_, S> {
    /// Steps 5 and 6 at one router; whether it has something to do in the next cycle.
    #[inline(always)]
    fn step(&mut self, mut own: Router<'_>) -> bool {
        let turn = self.now as usize % 2;
        let masks = &mut own.site.masks;
        let late = std::mem::take(&mut masks.fresh[turn ^ 1]);
        let is_quiet = masks.ready | masks.stirred_waiting() == 0;
        if is_quiet && late.is_power_of_two() {
            // As `go_straight`, for one head.
            let at = late.trailing_zeros() as u8;
            let masks = &own.site.masks;
            let lane = &own.lanes[usize::from(at)];
            let asks = self.table.allowed(lane.answer) & !(masks.owned | masks.freed);
            let out = next_from(asks, lane.accept) & 63;
            let flit = own.flits[usize::from(at) * S::depth(self.plan) + S::place(lane.head)];
            if asks != 0 && flit.is_tail() && masks.full >> out & 1 == 0 {
                let next = self.table.next(lane.answer, out) as u8;
                let flit = self.take_front(&mut own, at, out, next);
                self.packet_ends(&mut own, at);
                self.depart(&mut own, (at, out), flit);
                let masks = &mut own.site.masks;
                masks.freed = if masks.fresh[turn] == 0 { 0 } else { 1 << out };
                return masks.stirred_waiting() != 0;
            }
        }
        self.step_busy(own, late)
    }

    /// The same where a single head going straight is not all there is; `late` came in the last cycle.
    #[inline(never)]
    fn step_busy(&mut self, mut own: Router<'_>, late: Lanes) -> bool {
        let turn = self.now as usize % 2;
        let is_quiet = own.site.masks.ready | own.site.masks.stirred_waiting() == 0;
        if is_quiet && !late.is_power_of_two() && self.go_straight(&mut own, late) {
            return own.site.masks.stirred_waiting() != 0;
        }
        if late != 0 {
            catch_up(self.table, &mut own.site.masks, own.lanes, late, self.now as u32 - 1);
        }
        let masks = &mut own.site.masks;
        let (bids, new) = (masks.ready, std::mem::take(&mut masks.fresh[turn]));
        masks.freed = 0;
        masks.waiting |= new;
        masks.stirred |= new != 0;
        // Channels won now are not bid with before the next cycle, so they may be taken at once.
        if own.site.masks.stirred_waiting() != 0 {
            let masks = &mut own.site.masks;
            let asking = (masks.waiting, masks.owned);
            masks.stirred = false;
            own.site.stalls.channel += allocate_channels(self.table, masks, own.lanes, asking, self.now as u32);
        }
        if bids != 0 {
            let winners = if bids & (bids - 1) == 0 { bids } else { self.match_switch(&own, bids) };
            for_each_bit!(lane in winners => {
                self.send(&mut own, lane);
            });
        }
        // One test, as nobody could predict two.
        own.site.masks.ready | own.site.masks.stirred_waiting() != 0
    }

    /// The lanes that win the switch, of those that bid for it.
    #[inline(always)]
    fn match_switch(&self, own: &Router<'_>, bids: Lanes) -> Lanes {
        let (mut rows, mut columns, mut clash) = (0u64, 0u64, 0u64);
        for_each_bit!(at in bids => {
            let row = 1 << S::split(self.plan, at).0;
            let column = 1 << S::split(self.plan, own.lanes[usize::from(at)].out & 63).0;
            clash |= rows & row | columns & column;
            rows |= row;
            columns |= column;
        });
        if clash == 0 {
            return bids;
        }
        let ports = S::ports(self.plan);
        let ports = &self.ports[own.r as usize * ports..][..ports];
        match ports.len() {
            ..=8 => match_clashing::<S, 8>(self.plan, bids, own.lanes, ports),
            _ => match_clashing::<S, 64>(self.plan, bids, own.lanes, ports),
        }
    }

    /// At a router where nobody else has anything to do, heads that came in the last cycle leave at once, if they are
    /// whole packets that are in nobody's way: allocation would have given them what they take here.
    ///
    /// No two of them came by the same port, as they came in the same cycle.
    #[inline(always)]
    fn go_straight(&mut self, own: &mut Router<'_>, late: Lanes) -> bool {
        let masks = &own.site.masks;
        let taken = masks.owned | masks.freed;
        let (mut seen, mut columns) = (0 as Lanes, 0u64);
        let mut is_blocked = false;
        let mut outs = [0u8; 64];
        for_each_bit!(at in late => {
            let lane = &own.lanes[usize::from(at)];
            let flit = own.flits[usize::from(at) * S::depth(self.plan) + S::place(lane.head)];
            let asks = self.table.allowed(lane.answer) & !taken;
            let out = next_from(asks, lane.accept) & 63;
            outs[usize::from(at & 63)] = out;
            let column = 1u64 << S::split(self.plan, out).0;
            is_blocked |= (asks == 0) | !flit.is_tail() | (masks.full >> out & 1 == 1);
            is_blocked |= seen & asks | columns & column != 0;
            seen |= asks;
            columns |= column;
        });
        if is_blocked {
            return false;
        }
        let mut freed = 0;
        for_each_bit!(at in late => {
            let out = outs[usize::from(at & 63)];
            let next = self.table.next(own.lanes[usize::from(at)].answer, out) as u8;
            freed |= 1 << out;
            let flit = self.take_front(own, at, out, next);
            self.packet_ends(own, at);
            self.depart(own, (at, out), flit);
        });
        let masks = &mut own.site.masks;
        masks.freed = if masks.fresh[self.now as usize % 2] == 0 { 0 } else { freed };
        true
    }

    /// A lane wins the switch, and its flit leaves.
    #[inline(always)]
    fn send(&mut self, own: &mut Router<'_>, at: u8) {
        let lane = &own.lanes[usize::from(at)];
        let (out, next, since) = (lane.out & 63, lane.next, lane.since);
        let flit = self.take_front(own, at, out, next);
        let site = &mut *own.site;
        site.stalls.switch += u64::from((self.now as u32).wrapping_sub(since));
        let lane = &mut own.lanes[usize::from(at)];
        lane.since = self.now as u32 + 1;
        let bit = 1u64 << at;
        if flit.is_tail() || lane.len == 0 {
            site.masks.holding &= !bit;
            site.masks.ready &= !bit;
        }
        if flit.is_tail() {
            site.masks.owned &= !(1 << out);
            lane.out = NONE;
            self.packet_ends(own, at);
        }
        self.depart(own, (at, out), flit);
    }

    /// Takes the flit at the front of an input. The pointer of channel allocation moves here too, as nobody looks at it
    /// while the input has a channel.
    #[inline(always)]
    fn take_front(&mut self, own: &mut Router<'_>, at: u8, out: u8, next: u8) -> Flit {
        let at = usize::from(at);
        let lane = &mut own.lanes[at];
        let flit = own.flits[at * S::depth(self.plan) + S::place(lane.head)].onward(u32::from(next));
        lane.accept = out + 1;
        lane.len -= 1;
        // An empty buffer starts at its first slot again: so few lines of memory are in use where buffers hold little.
        lane.head = if lane.len == 0 { 0 } else { S::wrap(self.plan, usize::from(lane.head) + 1) as u8 };
        flit
    }

    /// An input's packet has gone: its channel may be another's, and the next head is at the front.
    #[inline(always)]
    fn packet_ends(&mut self, own: &mut Router<'_>, at: u8) {
        own.site.masks.stirred = true;
        let lane = &mut own.lanes[usize::from(at)];
        if lane.len > 0 {
            let head = own.flits[usize::from(at) * S::depth(self.plan) + S::place(lane.head)];
            lane.answer = self.table.index(self.first + own.r, head.destination(), head.state());
            lane.since = self.now as u32 + 1;
            own.site.masks.waiting |= 1 << at;
        }
    }

    /// A flit goes from an input to an output. The pointer of channel allocation moves here too, as nobody looks at it while
    /// the channel is taken.
    #[inline(always)]
    fn depart(&mut self, own: &mut Router<'_>, (at, out): (u8, u8), flit: Flit) {
        let output = &mut own.lanes[usize::from(out)];
        output.grant = at + 1;
        output.occupied += 1;
        if usize::from(output.occupied) == S::depth(self.plan) {
            own.site.masks.full |= 1 << out;
            own.site.masks.ready &= !(1 << at);
        }
        self.leaving.push(Leaving { flit, from: Place::new(own.r, at), out });
    }
}

/// Heads that came in cycle `before` take part in the allocation of channels of that cycle, as it would have been.
#[inline(always)]
fn catch_up(table: &SideTable, masks: &mut Masks, lanes: &mut [Lane], late: Lanes, before: u32) {
    masks.waiting |= late;
    let taken = masks.owned | masks.freed;
    allocate_channels(table, masks, lanes, (late, taken), before);
}

/// Gives heads that ask their channels, of those that are not taken; cycles they waited for them.
#[inline(always)]
fn allocate_channels(
    table: &SideTable,
    masks: &mut Masks,
    lanes: &mut [Lane],
    (asking, taken): (Lanes, Lanes),
    now: u32,
) -> u64 {
    if asking & (asking - 1) != 0 {
        let (mut seen, mut clash): (Lanes, Lanes) = (0, 0);
        for_each_bit!(at in asking => {
            let free = table.allowed(lanes[usize::from(at)].answer) & !taken;
            clash |= seen & free;
            seen |= free;
        });
        if clash != 0 {
            return match lanes.len() {
                ..=16 => allocate_clashing::<16>(table, masks, lanes, (asking, taken, clash), now),
                _ => allocate_clashing::<64>(table, masks, lanes, (asking, taken, clash), now),
            };
        }
        if seen == 0 {
            return 0;
        }
    }
    let mut waited = 0;
    for_each_bit!(at in asking => {
        let free = table.allowed(lanes[usize::from(at)].answer) & !taken;
        if free != 0 {
            waited += accept_channel(table, masks, lanes, (at, free), now).1;
        }
    });
    waited
}

/// A head takes the first channel offered at or after its pointer; the channel, and the cycles waited for it.
#[inline(always)]
fn accept_channel(
    table: &SideTable,
    masks: &mut Masks,
    lanes: &mut [Lane],
    (at, offers): (u8, Lanes),
    now: u32,
) -> (u8, u64) {
    let lane = &mut lanes[usize::from(at)];
    let out = next_from(offers, lane.accept);
    let waited = now.wrapping_sub(lane.since);
    lane.out = out;
    lane.next = table.next(lane.answer, out) as u8;
    lane.since = now + 1;
    lanes[usize::from(out)].owner = at;
    let bit = 1u64 << at;
    masks.waiting &= !bit;
    masks.owned |= 1 << out;
    masks.holding |= bit;
    if masks.full >> out & 1 == 0 {
        masks.ready |= bit;
    }
    (out, waited.into())
}

/// Channel allocation where several heads ask for some channels, `contested`; for at most `MOST` lanes, a power of two.
#[inline(never)]
fn allocate_clashing<const MOST: usize>(
    table: &SideTable,
    masks: &mut Masks,
    lanes: &mut [Lane],
    (asking, taken, contested): (Lanes, Lanes, Lanes),
    now: u32,
) -> u64 {
    // What each head asks for, and what it is offered: at once, what nobody else asks for.
    let mut asks = [0 as Lanes; MOST];
    let mut offers = [0 as Lanes; MOST];
    for_each_bit!(at in asking => {
        let free = table.allowed(lanes[usize::from(at)].answer) & !taken;
        asks[usize::from(at) % MOST] = free;
        offers[usize::from(at) % MOST] = free & !contested;
    });
    for_each_bit!(column in contested => {
        let mut requests: Lanes = 0;
        for_each_bit!(at in asking => {
            requests |= (asks[usize::from(at) % MOST] >> column & 1) << at;
        });
        let winner = next_from(requests, lanes[usize::from(column)].grant);
        offers[usize::from(winner) % MOST] |= 1 << column;
    });
    let (mut won, mut missed): (Lanes, Lanes) = (0, 0);
    let mut waited = 0;
    for_each_bit!(at in asking => {
        let i = usize::from(at) % MOST;
        if offers[i] == 0 {
            missed |= asks[i];
        } else {
            let (out, cycles) = accept_channel(table, masks, lanes, (at, offers[i]), now);
            won |= 1 << out;
            waited += cycles;
        }
    });
    // A channel that was asked for and not taken may be somebody else's in the next cycle.
    masks.stirred |= missed & !won != 0;
    waited
}

/// The lanes that win the switch where lanes want the same port; for at most `MOST` ports, a power of two.
#[inline(never)]
fn match_clashing<S: Shape, const MOST: usize>(
    plan: &Plan,
    bids: Lanes,
    lanes: &[Lane],
    ports: &[Port],
) -> Lanes {
    let channels = S::channels(plan) as u8;
    // Rows that ask for each column, and lanes that do.
    let mut rows = [0u64; MOST];
    let mut asking = [0 as Lanes; MOST];
    let mut asked = 0u64;
    for_each_bit!(at in bids => {
        let column = S::split(plan, lanes[usize::from(at)].out).0;
        rows[usize::from(column) % MOST] |= 1 << S::split(plan, at).0;
        asking[usize::from(column) % MOST] |= 1 << at;
        asked |= 1 << column;
    });
    let mut granted = [0u64; MOST];
    let mut winners = 0u64;
    for_each_bit!(column in asked => {
        let row = next_from(rows[usize::from(column) % MOST], ports[usize::from(column)].grant);
        granted[usize::from(row) % MOST] |= 1 << column;
        winners |= 1 << row;
    });
    let mut won: Lanes = 0;
    for_each_bit!(row in winners => {
        let port = ports[usize::from(row)];
        let column = next_from(granted[usize::from(row) % MOST], port.accept);
        // Of the row's lanes for the column the first after its offset.
        let own = asking[usize::from(column) % MOST] >> (row * channels) & (u64::MAX >> (64 - channels));
        won |= 1 << (row * channels + next_from(own, port.offset));
    });
    won
}
