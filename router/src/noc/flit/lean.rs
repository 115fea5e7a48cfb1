//! The short way through a cycle: iSLIP, credits, wormhole, look-ahead routing from a table, and nothing else.
//!
//! The same rules as in `buffers` and `allocate`, which have every knob; a test holds both to the same cycles. Here
//! a router that has one thing to do is done with it in few instructions: heads that want different channels, and
//! flits that want different ports both ways, need no allocator, only its pointers moved. Sizes are constants where
//! they are common ones.

use super::answers::{LOCAL, Lanes, SideTable};
use super::arbiter::{next_after, next_from};
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
            lane_of: &plan.lane,
            now,
            first: self.first,
            sites: &mut self.sites,
            lanes: &mut self.lanes,
            flits: &mut self.flits,
            ports: &mut self.ports,
            bodies: &mut self.bodies,
            live: &mut self.live,
            source_at: &self.source_at,
            flying: &mut self.flying,
            credits: &mut self.credits,
            to_sinks: &mut self.to_sinks,
            to_sources: &mut self.to_sources,
            outbox: &mut self.outbox,
            shape: PhantomData,
        };
        for flying in &flying {
            cycle.arrive(flying);
        }
        for place in &credits {
            cycle.credit(place.router(), place.lane());
        }
        for word in 0..cycle.live.len() {
            let mut stays = 0;
            for_each_bit!(bit in cycle.live[word] => {
                let r = word as u32 * 64 + u32::from(bit);
                stays |= u64::from(cycle.router(r)) << bit;
            });
            cycle.live[word] = stays;
        }
        self.flying.put_back(flying);
        self.credits.put_back(credits);
    }
}

/// A region's memory during one cycle, as plain slices: their addresses stay in registers.
struct Cycle<'a, S> {
    plan: &'a Plan,
    table: &'a SideTable,
    lane_of: &'a [(u8, u8); 64],
    now: u64,
    first: u32,
    sites: &'a mut [Site],
    lanes: &'a mut [Lane],
    flits: &'a mut [Flit],
    ports: &'a mut [Port],
    bodies: &'a mut Vec<u64>,
    live: &'a mut [u64],
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
    fn answer(&self, r: u32, flit: Flit) -> u16 {
        self.table.index(self.first + r, flit.destination(), flit.state(), &self.plan.ports)
    }

    #[inline(always)]
    fn wake(&mut self, r: u32) {
        self.live[r as usize / 64] |= 1 << (r % 64);
    }

    #[inline(always)]
    fn arrive(&mut self, flying: &Flying) {
        let (r, at) = (flying.to.router(), flying.to.lane());
        let i = r as usize * S::lanes(self.plan) + usize::from(at);
        let depth = S::depth(self.plan);
        let flit = flying.flit;
        let answer = self.answer(r, flit);
        let lane = &mut self.lanes[i];
        let place = usize::from(lane.head) + usize::from(lane.len);
        let place = if place >= depth { place - depth } else { place };
        self.flits[i * depth + place] = flit;
        lane.len += 1;
        lane.peak = lane.peak.max(lane.len);
        if lane.len > 1 {
            return;
        }
        lane.since = self.now as u32;
        let masks = &mut self.sites[r as usize].masks;
        if flit.is_head() {
            lane.answer = answer;
            masks.waiting |= 1 << at;
            masks.stirred = true;
        } else {
            masks.holding |= 1 << at;
            if masks.full >> (lane.out & 63) & 1 == 1 {
                return;
            }
            masks.ready |= 1 << at;
        }
        self.wake(r);
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
        let bids = site.masks.ready;
        // Channels won now are not bid with before the next cycle, so they may be taken at once.
        if site.masks.stirred && site.masks.waiting != 0 {
            let lanes = &mut self.lanes[r as usize * count..][..count];
            let waited = allocate_channels(self.table, &mut site.masks, lanes, self.now as u32);
            if waited != 0 {
                site.stalls.channel += waited;
            }
        }
        if bids != 0 {
            let winners = if bids & (bids - 1) == 0 { bids } else { self.match_switch(r, bids) };
            for_each_bit!(lane in winners => {
                self.send(r, lane);
            });
        }
        let masks = &self.sites[r as usize].masks;
        masks.ready != 0 || (masks.stirred && masks.waiting != 0)
    }

    /// A lane wins the switch: pointers move past the pair, the row's offset past the lane, and its flit leaves.
    #[inline(always)]
    fn send(&mut self, r: u32, at: u8) {
        let (plan, now) = (self.plan, self.now);
        let (count, ports, depth) = (S::lanes(plan), S::ports(plan), S::depth(plan));
        let site = &mut self.sites[r as usize];
        let bit = 1u64 << at;
        let i = r as usize * count + usize::from(at);
        let lane = &mut self.lanes[i];
        let out = lane.out & 63;
        let (row, channel) = self.lane_of[usize::from(at & 63)];
        let (column, out_channel) = self.lane_of[usize::from(out)];
        let flit = self.flits[i * depth + usize::from(lane.head)].onward(u32::from(lane.next));
        let waited = (now as u32).wrapping_sub(lane.since);
        if waited != 0 {
            site.stalls.switch += u64::from(waited);
        }
        lane.since = now as u32 + 1;
        lane.head = next_after(lane.head, depth);
        lane.len -= 1;
        if flit.is_tail() {
            site.masks.owned &= !(1 << out);
            site.masks.stirred = true;
            site.masks.holding &= !bit;
            site.masks.ready &= !bit;
            lane.out = NONE;
            if lane.len > 0 {
                let head = self.flits[i * depth + usize::from(lane.head)];
                lane.answer = self.table.index(self.first + r, head.destination(), head.state(), &plan.ports);
                site.masks.waiting |= bit;
            }
        } else if lane.len == 0 {
            site.masks.holding &= !bit;
            site.masks.ready &= !bit;
        }
        let output = &mut self.lanes[r as usize * count + usize::from(out)];
        output.occupied += 1;
        if usize::from(output.occupied) == depth {
            site.masks.full |= 1 << out;
            site.masks.ready &= !bit;
        }
        let input = &mut self.ports[r as usize * ports + usize::from(row)];
        input.accept = next_after(column, ports);
        input.offset = next_after(channel, S::channels(plan));
        let output = &mut self.ports[r as usize * ports + usize::from(column)];
        output.grant = next_after(row, ports);
        output.sent += 1;
        if !flit.is_head() {
            count_body(self.bodies, self.ports.len(), r as usize * ports + usize::from(column));
        }

        // The port behind a link is the other of its pair: east and west are 0 and 1, north and south 2 and 3.
        if column >= LOCAL {
            self.to_sinks.push(now + plan.eject_hop, (flit, flit.destination(), out_channel));
        } else {
            let way = site.near[usize::from(column)];
            let to = (column ^ 1) * S::channels(plan) as u8 + out_channel;
            let at = now + u64::from(way.hop);
            if way.router == FAR {
                self.leave_region((r, column, to), at, flit);
            } else {
                self.flying.push(at, Flying { flit, to: Place::new(way.router, to) });
            }
        }
        if row >= LOCAL {
            let locals = ports - usize::from(LOCAL);
            let source = self.source_at[r as usize * locals + usize::from(row - LOCAL)];
            self.to_sources.push(now + plan.source_back, (source, channel));
            return;
        }
        let way = self.sites[r as usize].near[usize::from(row)];
        let at = now + u64::from(way.back);
        let to = (row ^ 1) * S::channels(plan) as u8 + channel;
        if way.router == FAR {
            let router = plan.up[(self.first + r) as usize][usize::from(row)].router;
            self.outbox[plan.region_of(router)].push(Message::Credit { at, router, lane: to });
        } else {
            self.credits.push(at, Place::new(way.router, to));
        }
    }

    #[cold]
    fn leave_region(&mut self, (r, column, lane): (u32, u8, u8), at: u64, flit: Flit) {
        let router = self.plan.down[(self.first + r) as usize][usize::from(column)].router;
        let wide = Wide::default();
        self.outbox[self.plan.region_of(router)].push(Message::Flit { at, flit, router, lane, wide });
    }

    /// The lanes that win the switch, of those that bid for it.
    #[inline(always)]
    fn match_switch(&self, r: u32, bids: Lanes) -> Lanes {
        let (count, ports) = (S::lanes(self.plan), S::ports(self.plan));
        let lanes = &self.lanes[r as usize * count..][..count];
        let (mut rows, mut columns, mut clash) = (0u64, 0u64, false);
        for_each_bit!(at in bids => {
            let row = 1 << self.lane_of[usize::from(at & 63)].0;
            let column = 1 << self.lane_of[usize::from(lanes[usize::from(at)].out & 63)].0;
            clash |= rows & row != 0 || columns & column != 0;
            rows |= row;
            columns |= column;
        });
        if !clash {
            return bids;
        }
        match_clashing(self.plan, bids, lanes, &self.ports[r as usize * ports..][..ports], columns)
    }
}

/// Gives waiting heads their channels; cycles they waited for them.
#[inline(always)]
fn allocate_channels(table: &SideTable, masks: &mut Masks, lanes: &mut [Lane], now: u32) -> u64 {
    masks.stirred = false;
    let (waiting, owned) = (masks.waiting, masks.owned);
    if waiting & (waiting - 1) != 0 {
        let (mut seen, mut clash): (Lanes, Lanes) = (0, 0);
        for_each_bit!(at in waiting => {
            let free = table.get(lanes[usize::from(at)].answer).allowed & !owned;
            clash |= seen & free;
            seen |= free;
        });
        if clash != 0 {
            return allocate_clashing(table, masks, lanes, seen, now);
        }
    }
    let mut waited = 0;
    for_each_bit!(at in waiting => {
        let free = table.get(lanes[usize::from(at)].answer).allowed & !owned;
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
    let count = lanes.len();
    let lane = &mut lanes[usize::from(at)];
    let out = next_from(offers, lane.accept);
    let waited = now.wrapping_sub(lane.since);
    lane.accept = next_after(out, count);
    lane.out = out;
    lane.next = table.get(lane.answer).next(out) as u8;
    lane.since = now + 1;
    let output = &mut lanes[usize::from(out)];
    output.grant = next_after(at, count);
    output.owner = at;
    let bit = 1u64 << at;
    masks.waiting &= !bit;
    masks.owned |= 1 << out;
    masks.holding |= bit;
    masks.ready |= (!masks.full >> out & 1) << at;
    (out, waited.into())
}

/// Channel allocation where heads want the same channels.
#[inline(never)]
fn allocate_clashing(table: &SideTable, masks: &mut Masks, lanes: &mut [Lane], asked: Lanes, now: u32) -> u64 {
    let (waiting, owned) = (masks.waiting, masks.owned);
    let mut asks = [0 as Lanes; 64];
    for_each_bit!(at in waiting => {
        asks[usize::from(at)] = table.get(lanes[usize::from(at)].answer).allowed & !owned;
    });
    let mut granted = [0 as Lanes; 64];
    let mut winners: Lanes = 0;
    for_each_bit!(column in asked => {
        let mut requests = 0;
        for_each_bit!(at in waiting => {
            requests |= (asks[usize::from(at)] >> column & 1) << at;
        });
        let winner = next_from(requests, lanes[usize::from(column)].grant);
        granted[usize::from(winner)] |= 1 << column;
        winners |= 1 << winner;
    });
    let mut taken: Lanes = 0;
    let mut waited = 0;
    for_each_bit!(at in winners => {
        let (out, cycles) = accept_channel(table, masks, lanes, (at, granted[usize::from(at)]), now);
        taken |= 1 << out;
        waited += cycles;
    });
    for_each_bit!(at in waiting & !winners => {
        masks.stirred |= asks[usize::from(at)] & !taken != 0;
    });
    waited
}

#[inline(never)]
fn match_clashing(plan: &Plan, bids: Lanes, lanes: &[Lane], ports: &[Port], asked: u64) -> Lanes {
    let channels = plan.spec.channels;
    let mut granted = [0u64; 64];
    let mut winners = 0u64;
    for_each_bit!(column in asked => {
        let mut rows = 0u64;
        for_each_bit!(at in bids => {
            let wants = plan.port(lanes[usize::from(at)].out) == column;
            rows |= u64::from(wants) << plan.port(at);
        });
        let row = next_from(rows, ports[usize::from(column)].grant);
        granted[usize::from(row)] |= 1 << column;
        winners |= 1 << row;
    });
    let mut won: Lanes = 0;
    for_each_bit!(row in winners => {
        let port = ports[usize::from(row)];
        let column = next_from(granted[usize::from(row)], port.accept);
        // Of the row's lanes for the column the first after its offset.
        let mut own = bids >> (row * channels) & (u64::MAX >> (64 - channels));
        for_each_bit!(channel in own => {
            if plan.port(lanes[usize::from(row * channels + channel)].out) != column {
                own &= !(1 << channel);
            }
        });
        won |= 1 << (row * channels + next_from(own, port.offset));
    });
    won
}
