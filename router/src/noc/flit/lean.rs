//! The short way through a cycle: iSLIP, credits, wormhole, look-ahead routing from a table, and nothing else.
//!
//! The same rules as in `buffers` and `allocate`, which have every knob; a test holds both to the same cycles. Here
//! a router that has one thing to do is done with it in few instructions: heads that want different channels, and
//! flits that want different ports both ways, need no allocator, only its pointers moved. Sizes are constants where
//! they are common ones.

use super::answers::{LOCAL, Lanes, SideTable};
use super::arbiter::next_from;
use super::packet::{Flit, Wide};
use super::plan::Plan;
use super::region::{FAR, Flying, Lane, Masks, Message, NONE, Place, Port, Region, Site, count_body};
use super::wheel::Wheel;
use std::marker::PhantomData;

/// Sizes of a router.
pub(super) trait Shape {
    fn ports(plan: &Plan) -> usize;
    fn channels(plan: &Plan) -> usize;
    fn depth(plan: &Plan) -> usize;
    fn lanes(plan: &Plan) -> usize {
        Self::ports(plan) * Self::channels(plan)
    }
    /// Port and channel of a lane.
    fn split(plan: &Plan, lane: u8) -> (u8, u8);
    /// A place in a buffer, `depth` being the first again.
    #[inline(always)]
    fn wrap(plan: &Plan, place: usize) -> usize {
        let depth = Self::depth(plan);
        if place >= depth { place - depth } else { place }
    }
}

/// Four directions, one endpoint, and these many channels of this depth.
pub(super) struct Fixed<const CHANNELS: usize, const DEPTH: usize>;

impl<const CHANNELS: usize, const DEPTH: usize> Shape for Fixed<CHANNELS, DEPTH> {
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
    fn split(_: &Plan, lane: u8) -> (u8, u8) {
        (lane / CHANNELS as u8, lane % CHANNELS as u8)
    }
    #[inline(always)]
    fn wrap(_: &Plan, place: usize) -> usize {
        place % DEPTH
    }
}

/// Any.
pub(super) struct Any;

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
            (5, 1, 4) => self.routers_of::<Fixed<1, 4>>(plan, table, now),
            (5, 1, 8) => self.routers_of::<Fixed<1, 8>>(plan, table, now),
            (5, 2, 4) => self.routers_of::<Fixed<2, 4>>(plan, table, now),
            (5, 2, 8) => self.routers_of::<Fixed<2, 8>>(plan, table, now),
            (5, 4, 4) => self.routers_of::<Fixed<4, 4>>(plan, table, now),
            (5, 4, 8) => self.routers_of::<Fixed<4, 8>>(plan, table, now),
            _ => self.routers_of::<Any>(plan, table, now),
        }
    }

    fn routers_of<S: Shape>(&mut self, plan: &Plan, table: &SideTable, now: u64) {
        let flying = self.flying.take(now);
        let credits = self.credits.take(now);
        let mut cycle = Cycle::<S> {
            plan,
            table,
            now,
            first: self.first,
            sites: &mut self.sites,
            lanes: &mut self.lanes,
            flits: &mut self.flits,
            ports: &mut self.ports,
            bodies: &mut self.bodies,
            live: &mut self.live,
            live_next: &mut self.live_next,
            source_at: &self.source_at,
            flying: &mut self.flying,
            credits: &mut self.credits,
            to_sinks: &mut self.to_sinks,
            to_sources: &mut self.to_sources,
            outbox: &mut self.outbox,
            shape: PhantomData,
        };
        // Credits first: a head that arrives takes its channel at once, and must not be taken for one that awaited them.
        for place in &credits {
            cycle.credit(place.router(), place.lane());
        }
        for flying in &flying {
            cycle.arrive(flying);
        }
        for word in 0..cycle.live.len() {
            let mut stays = 0;
            for_each_bit!(bit in cycle.live[word] => {
                let r = word as u32 * 64 + u32::from(bit);
                stays |= u64::from(cycle.router(r)) << bit;
            });
            cycle.live[word] = stays | std::mem::take(&mut cycle.live_next[word]);
        }
        self.flying.put_back(flying);
        self.credits.put_back(credits);
    }
}

/// A region's memory during one cycle, as plain slices: their addresses stay in registers. Nothing but inlined
/// functions may take it whole, or they would not.
struct Cycle<'a, S> {
    plan: &'a Plan,
    table: &'a SideTable,
    now: u64,
    first: u32,
    sites: &'a mut [Site],
    lanes: &'a mut [Lane],
    flits: &'a mut [Flit],
    ports: &'a mut [Port],
    bodies: &'a mut Vec<u64>,
    live: &'a mut [u64],
    live_next: &'a mut [u64],
    source_at: &'a [u32],
    flying: &'a mut Wheel<Flying>,
    credits: &'a mut Wheel<Place>,
    to_sinks: &'a mut Wheel<(Flit, u32, u8)>,
    to_sources: &'a mut Wheel<(u32, u8)>,
    outbox: &'a mut [Vec<Message>],
    shape: PhantomData<S>,
}

impl<S: Shape> Cycle<'_, S> {
    #[inline(always)]
    fn wake(&mut self, r: u32) {
        self.live[r as usize / 64] |= 1 << (r % 64);
    }

    #[inline(always)]
    fn arrive(&mut self, flying: &Flying) {
        let (r, at) = (flying.to.router(), flying.to.lane());
        let i = r as usize * S::lanes(self.plan) + usize::from(at);
        let flit = flying.flit;
        let lane = &mut self.lanes[i];
        let place = S::wrap(self.plan, usize::from(lane.head) + usize::from(lane.len));
        self.flits[i * S::depth(self.plan) + place] = flit;
        lane.len += 1;
        if lane.len > lane.peak {
            lane.peak = lane.len;
        }
        if lane.len > 1 {
            return;
        }
        lane.since = self.now as u32;
        let masks = &mut self.sites[r as usize].masks;
        let bit = 1u64 << at;
        if !flit.is_head() {
            masks.holding |= bit;
            if masks.full >> (lane.out & 63) & 1 == 0 {
                masks.ready |= bit;
                self.wake(r);
            }
            return;
        }
        let answer = self.table.index(self.first + r, flit.destination(), flit.state(), &self.plan.ports);
        lane.answer = answer;
        let allowed = self.table.allowed(answer);
        let asks = allowed & !masks.owned;
        masks.begin(self.now as u32);
        let is_contested = allowed & masks.asked != 0;
        if masks.waiting != 0 || asks == 0 || is_contested {
            masks.waiting |= bit;
            masks.stirred = true;
            if is_contested {
                let count = S::lanes(self.plan);
                take_back(masks, &mut self.lanes[r as usize * count..][..count], self.now as u32);
            }
            self.wake(r);
            return;
        }
        // Nobody else wants these channels in this cycle, so the head need not wait for step 5.
        let out = next_from(asks, lane.accept) & 63;
        lane.out = out;
        lane.next = self.table.next(answer, out) as u8;
        lane.since = self.now as u32 + 1;
        masks.fresh |= bit;
        masks.asked |= asks;
        masks.owned |= 1 << out;
        masks.holding |= bit;
        if masks.full >> out & 1 == 0 {
            masks.ready |= bit;
            self.live_next[r as usize / 64] |= 1 << (r % 64);
        }
        self.lanes[r as usize * S::lanes(self.plan) + usize::from(out)].owner = at;
    }

    #[inline(always)]
    fn credit(&mut self, r: u32, at: u8) {
        let first = r as usize * S::lanes(self.plan);
        let lane = &mut self.lanes[first + usize::from(at)];
        // The tail's release is not awaited, so only an output that was full matters to anyone.
        let was_full = usize::from(lane.occupied) == S::depth(self.plan);
        lane.occupied -= 1;
        if !was_full {
            return;
        }
        let owner = lane.owner & 63;
        let site = &mut self.sites[r as usize];
        let bit = 1 << at;
        site.masks.full &= !bit;
        if site.masks.owned & bit != 0 && site.masks.holding >> owner & 1 == 1 {
            site.masks.ready |= 1 << owner;
            let lane = &mut self.lanes[first + usize::from(owner)];
            site.stalls.credit += u64::from((self.now as u32).wrapping_sub(lane.since));
            lane.since = self.now as u32;
            self.wake(r);
        }
    }

    /// Steps 5 and 6 at one router; whether it has something to do in the next cycle.
    #[inline(always)]
    fn router(&mut self, r: u32) -> bool {
        let count = S::lanes(self.plan);
        let site = &mut self.sites[r as usize];
        let bids = site.masks.ready & !site.masks.fresh_in(self.now as u32);
        // Channels won now are not bid with before the next cycle, so they may be taken at once.
        if site.masks.stirred_waiting() != 0 {
            let lanes = &mut self.lanes[r as usize * count..][..count];
            site.stalls.channel += allocate_channels(self.table, &mut site.masks, lanes, self.now as u32);
        }
        if bids != 0 {
            let winners = if bids & (bids - 1) == 0 { bids } else { self.match_switch(r, bids) };
            for_each_bit!(lane in winners => {
                self.send(r, lane);
            });
        }
        let masks = &self.sites[r as usize].masks;
        // One test, as nobody could predict two.
        masks.ready | masks.stirred_waiting() != 0
    }

    /// The lanes that win the switch, of those that bid for it.
    #[inline(always)]
    fn match_switch(&self, r: u32, bids: Lanes) -> Lanes {
        let (count, ports) = (S::lanes(self.plan), S::ports(self.plan));
        let lanes = &self.lanes[r as usize * count..][..count];
        let (mut rows, mut columns, mut clash) = (0u64, 0u64, 0u64);
        for_each_bit!(at in bids => {
            let row = 1 << S::split(self.plan, at).0;
            let column = 1 << S::split(self.plan, lanes[usize::from(at)].out & 63).0;
            clash |= rows & row | columns & column;
            rows |= row;
            columns |= column;
        });
        if clash == 0 {
            return bids;
        }
        let ports = &self.ports[r as usize * ports..][..ports];
        match ports.len() {
            ..=8 => match_clashing::<S, 8>(self.plan, bids, lanes, ports),
            _ => match_clashing::<S, 64>(self.plan, bids, lanes, ports),
        }
    }

    /// A lane wins the switch: pointers move past the pair, the row's offset past the lane, and its flit leaves.
    ///
    /// The pointers of channel allocation move here too, as nobody looks at them while the channel is taken.
    #[inline(always)]
    fn send(&mut self, r: u32, at: u8) {
        let (plan, now) = (self.plan, self.now);
        let (count, ports, depth) = (S::lanes(plan), S::ports(plan), S::depth(plan));
        let site = &mut self.sites[r as usize];
        let masks = &mut site.masks;
        let i = r as usize * count + usize::from(at);
        let bit = 1u64 << at;
        let lane = &mut self.lanes[i];
        let out = lane.out & 63;
        let (row, channel) = S::split(plan, at);
        let (column, out_channel) = S::split(plan, out);
        let flit = self.flits[i * depth + usize::from(lane.head)].onward(u32::from(lane.next));
        let waited = (now as u32).wrapping_sub(lane.since);
        lane.since = now as u32 + 1;
        lane.accept = out + 1;
        lane.len -= 1;
        // An empty buffer starts at its first slot again: so few lines of memory are in use where buffers hold little.
        lane.head = if lane.len == 0 { 0 } else { S::wrap(plan, usize::from(lane.head) + 1) as u8 };
        if flit.is_tail() {
            masks.owned &= !(1 << out);
            masks.stirred = true;
            masks.holding &= !bit;
            masks.ready &= !bit;
            lane.out = NONE;
            if lane.len > 0 {
                let head = self.flits[i * depth + usize::from(lane.head)];
                lane.answer = self.table.index(self.first + r, head.destination(), head.state(), &plan.ports);
                masks.waiting |= bit;
            }
        } else if lane.len == 0 {
            masks.holding &= !bit;
            masks.ready &= !bit;
        }
        let output = &mut self.lanes[r as usize * count + usize::from(out)];
        output.grant = at + 1;
        output.occupied += 1;
        if usize::from(output.occupied) == depth {
            masks.full |= 1 << out;
            masks.ready &= !bit;
        }
        let own = &mut self.ports[r as usize * ports..][..ports];
        let input = &mut own[usize::from(row)];
        input.accept = column + 1;
        input.offset = channel + 1;
        let output = &mut own[usize::from(column)];
        output.grant = row + 1;
        output.sent += 1;
        if !flit.is_head() {
            count_body(self.bodies, self.ports.len(), r as usize * ports + usize::from(column));
        }

        site.stalls.switch += u64::from(waited);
        // The port behind a link is the other of its pair: east and west are 0 and 1, north and south 2 and 3.
        if column >= LOCAL {
            self.to_sinks.push(now + plan.eject_hop, (flit, flit.destination(), out_channel));
        } else {
            let way = site.near[usize::from(column)];
            let to = (column ^ 1) * S::channels(plan) as u8 + out_channel;
            let at = now + u64::from(way.hop);
            if way.router == FAR {
                let router = plan.down[(self.first + r) as usize][usize::from(column)].router;
                let message = Message::Flit { at, flit, router, lane: to, wide: Wide::default() };
                leave_region(plan, self.outbox, router, message);
            } else {
                self.flying.push(at, Flying { flit, to: Place::new(way.router, to) });
            }
        }
        if row >= LOCAL {
            return credit_source::<S>(plan, self.source_at, self.to_sources, (r, row, channel), now);
        }
        let way = site.near[usize::from(row)];
        let at = now + u64::from(way.back);
        let to = (row ^ 1) * S::channels(plan) as u8 + channel;
        if way.router == FAR {
            let router = plan.up[(self.first + r) as usize][usize::from(row)].router;
            leave_region(plan, self.outbox, router, Message::Credit { at, router, lane: to });
        } else {
            self.credits.push(at, Place::new(way.router, to));
        }
    }
}

/// A slot behind a source is free again.
#[inline(never)]
fn credit_source<S: Shape>(
    plan: &Plan,
    source_at: &[u32],
    to_sources: &mut Wheel<(u32, u8)>,
    (r, row, channel): (u32, u8, u8),
    now: u64,
) {
    let locals = S::ports(plan) - usize::from(LOCAL);
    let source = source_at[r as usize * locals + usize::from(row - LOCAL)];
    to_sources.push(now + plan.source_back, (source, channel));
}

#[cold]
fn leave_region(plan: &Plan, outbox: &mut [Vec<Message>], router: u32, message: Message) {
    outbox[plan.region_of(router)].push(message);
}

/// Another head wants a channel that may have been given away in this cycle: all that was is taken back.
#[inline(never)]
fn take_back(masks: &mut Masks, lanes: &mut [Lane], now: u32) {
    for_each_bit!(at in masks.fresh => {
        let lane = &mut lanes[usize::from(at)];
        masks.owned &= !(1 << lane.out);
        lane.out = NONE;
        lane.since = now;
    });
    masks.holding &= !masks.fresh;
    masks.ready &= !masks.fresh;
    masks.waiting |= masks.fresh;
    (masks.fresh, masks.asked) = (0, 0);
}

/// Gives waiting heads their channels; cycles they waited for them.
#[inline(always)]
fn allocate_channels(table: &SideTable, masks: &mut Masks, lanes: &mut [Lane], now: u32) -> u64 {
    masks.stirred = false;
    let (waiting, owned) = (masks.waiting, masks.owned);
    if waiting & (waiting - 1) != 0 {
        let (mut seen, mut clash): (Lanes, Lanes) = (0, 0);
        for_each_bit!(at in waiting => {
            let free = table.allowed(lanes[usize::from(at)].answer) & !owned;
            clash |= seen & free;
            seen |= free;
        });
        if clash != 0 {
            return match lanes.len() {
                ..=16 => allocate_clashing::<16>(table, masks, lanes, now),
                _ => allocate_clashing::<64>(table, masks, lanes, now),
            };
        }
        if seen == 0 {
            return 0;
        }
    }
    let mut waited = 0;
    for_each_bit!(at in waiting => {
        let free = table.allowed(lanes[usize::from(at)].answer) & !owned;
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

/// Channel allocation where heads want the same channels; for at most `MOST` lanes, a power of two.
#[inline(never)]
fn allocate_clashing<const MOST: usize>(
    table: &SideTable,
    masks: &mut Masks,
    lanes: &mut [Lane],
    now: u32,
) -> u64 {
    let (waiting, owned) = (masks.waiting, masks.owned);
    // Who asks for each channel, and what each is granted.
    let mut requests = [0 as Lanes; MOST];
    let mut asked: Lanes = 0;
    for_each_bit!(at in waiting => {
        let asks = table.allowed(lanes[usize::from(at)].answer) & !owned;
        asked |= asks;
        for_each_bit!(column in asks => {
            requests[usize::from(column) % MOST] |= 1 << at;
        });
    });
    let mut granted = [0 as Lanes; MOST];
    let mut winners: Lanes = 0;
    for_each_bit!(column in asked => {
        let winner = next_from(requests[usize::from(column) % MOST], lanes[usize::from(column)].grant);
        granted[usize::from(winner) % MOST] |= 1 << column;
        winners |= 1 << winner;
    });
    let mut taken: Lanes = 0;
    let mut waited = 0;
    for_each_bit!(at in winners => {
        let (out, cycles) = accept_channel(table, masks, lanes, (at, granted[usize::from(at) % MOST]), now);
        taken |= 1 << out;
        waited += cycles;
    });
    // A channel that was asked for and not taken may be somebody else's in the next cycle.
    for_each_bit!(column in asked & !taken => {
        masks.stirred |= requests[usize::from(column) % MOST] & !winners != 0;
    });
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
