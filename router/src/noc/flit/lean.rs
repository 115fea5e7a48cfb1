//! The short way through a cycle: iSLIP, credits, wormhole, look-ahead routing from a table, and nothing else.
//!
//! The same rules as in `buffers` and `allocate`, which have every knob; a test holds both to the same cycles. Here
//! a router that has one thing to do is done with it in some hundred instructions: heads that want different channels, and
//! flits that want different ports both ways, need no allocator, only its pointers moved.

use super::answers::{LOCAL, Lanes, SideTable};
use super::arbiter::{next_after, next_from};
use super::packet::Wide;
use super::plan::Plan;
use super::region::{FAR, Flying, Lane, Masks, Message, NONE, Port, Region};

/// Iterates over the bits of a mask, ascending.
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
        let flying = self.flying.take(now);
        for flying in &flying {
            self.arrive(plan, table, flying, now);
        }
        self.flying.put_back(now, flying);
        let credits = self.credits.take(now);
        for &(r, lane) in &credits {
            self.credit_lean(plan, r, lane, now);
        }
        self.credits.put_back(now, credits);
        for word in 0..self.live.len() {
            for_each_bit!(bit in self.live[word] => {
                let r = word as u32 * 64 + u32::from(bit);
                if !self.router_lean(plan, table, r, now) {
                    self.live[word] &= !(1 << bit);
                }
            });
        }
    }

    #[inline(always)]
    fn arrive(&mut self, plan: &Plan, table: &SideTable, flying: &Flying, now: u64) {
        let (r, at) = flying.to;
        let i = r as usize * plan.lanes + usize::from(at);
        let lane = &mut self.lanes[i];
        let place = usize::from(lane.head) + usize::from(lane.len);
        let depth = usize::from(plan.depth);
        let place = if place >= depth { place - depth } else { place };
        self.flits[i * depth + place] = flying.flit;
        lane.len += 1;
        lane.peak = lane.peak.max(lane.len);
        if lane.len > 1 {
            return;
        }
        let masks = &mut self.masks[r as usize];
        let flit = flying.flit;
        if flit.is_head() {
            lane.answer = table.index(self.first + r, flit.destination(), flit.state(), &plan.ports);
            lane.since = now as u32;
            masks.waiting |= 1 << at;
            masks.stirred = true;
        } else {
            lane.since = now as u32;
            masks.holding |= 1 << at;
            if masks.full >> (lane.out & 63) & 1 == 1 {
                return;
            }
            masks.ready |= 1 << at;
        }
        self.live[r as usize / 64] |= 1 << (r % 64);
    }

    #[inline(always)]
    fn credit_lean(&mut self, plan: &Plan, r: u32, at: u8, now: u64) {
        let lanes = &mut self.lanes[r as usize * plan.lanes..][..plan.lanes];
        let lane = &mut lanes[usize::from(at)];
        lane.occupied -= 1;
        let owner = lane.owner;
        let masks = &mut self.masks[r as usize];
        let bit = 1 << at;
        if masks.full & bit == 0 {
            return;
        }
        masks.full &= !bit;
        if masks.owned & bit != 0 && masks.holding >> owner & 1 == 1 {
            masks.ready |= 1 << owner;
            let lane = &mut lanes[usize::from(owner)];
            self.stalls[r as usize].credit += u64::from((now as u32).wrapping_sub(lane.since));
            lane.since = now as u32;
            self.live[r as usize / 64] |= 1 << (r % 64);
        }
    }

    /// Steps 5 and 6 at one router; whether it has something to do in the next cycle.
    #[inline(always)]
    fn router_lean(&mut self, plan: &Plan, table: &SideTable, r: u32, now: u64) -> bool {
        let masks = self.masks[r as usize];
        // Channels won now are not bid with before the next cycle, so they may be taken at once.
        if masks.waiting != 0 && masks.stirred {
            let lanes = &mut self.lanes[r as usize * plan.lanes..][..plan.lanes];
            self.stalls[r as usize].channel +=
                allocate_channels(table, &mut self.masks[r as usize], lanes, now as u32);
        }
        if masks.ready != 0 {
            let lanes = &self.lanes[r as usize * plan.lanes..][..plan.lanes];
            let ports =
                &self.ports[r as usize * usize::from(plan.ports.count)..][..usize::from(plan.ports.count)];
            let winners = if masks.ready & (masks.ready - 1) == 0 {
                masks.ready
            } else {
                match_switch(plan, masks.ready, lanes, ports)
            };
            for_each_bit!(lane in winners => {
                self.send_lean(plan, table, r, lane, now);
            });
        }
        let masks = &self.masks[r as usize];
        masks.ready != 0 || (masks.waiting != 0 && masks.stirred)
    }

    /// A lane wins the switch: pointers move past the pair, the row's offset past the lane, and its flit leaves.
    #[inline(always)]
    fn send_lean(&mut self, plan: &Plan, table: &SideTable, r: u32, at: u8, now: u64) {
        let lanes = &mut self.lanes[r as usize * plan.lanes..][..plan.lanes];
        let ports =
            &mut self.ports[r as usize * usize::from(plan.ports.count)..][..usize::from(plan.ports.count)];
        let masks = &mut self.masks[r as usize];
        let bit = 1u64 << at;
        let lane = &mut lanes[usize::from(at)];
        let out = lane.out;
        let (row, channel) = plan.lane[usize::from(at & 63)];
        let (column, out_channel) = plan.lane[usize::from(out & 63)];
        let input = &mut ports[usize::from(row)];
        input.accept = next_after(column, usize::from(plan.ports.count));
        input.offset = next_after(channel, usize::from(plan.spec.channels));
        let output = &mut ports[usize::from(column)];
        output.grant = next_after(row, usize::from(plan.ports.count));
        output.sent += 1;

        let depth = plan.depth;
        let first = (r as usize * plan.lanes + usize::from(at)) * usize::from(depth);
        let flits = &self.flits[first..][..usize::from(depth)];
        let flit = flits[usize::from(lane.head)].onward(u32::from(lane.next));
        let waited = (now as u32).wrapping_sub(lane.since);
        if waited != 0 {
            self.stalls[r as usize].switch += u64::from(waited);
        }
        self.grants += 1;
        lane.since = now as u32 + 1;
        lane.head = next_after(lane.head, usize::from(depth));
        lane.len -= 1;
        if flit.is_tail() {
            masks.owned &= !(1 << out);
            masks.stirred = true;
            masks.holding &= !bit;
            masks.ready &= !bit;
            lane.out = NONE;
            if lane.len > 0 {
                let head = flits[usize::from(lane.head)];
                lane.answer = table.index(self.first + r, head.destination(), head.state(), &plan.ports);
                masks.waiting |= bit;
            }
        } else if lane.len == 0 {
            masks.holding &= !bit;
            masks.ready &= !bit;
        }
        let output = &mut lanes[usize::from(out)];
        output.occupied += 1;
        if output.occupied == depth {
            masks.full |= 1 << out;
            masks.ready &= !bit;
        }
        if !self.sent_packets.is_empty() && flit.is_head() {
            self.sent_packets[r as usize * usize::from(plan.ports.count) + usize::from(column)] += 1;
        }

        let near = &self.near[r as usize];
        if column >= LOCAL {
            self.to_sinks.push(now + plan.eject_hop, (flit, flit.destination(), out_channel));
        } else {
            let way = near[usize::from(column)];
            // The port behind a link is the other of its pair: east and west are 0 and 1, north and south 2 and 3.
            let to = plan.lane_of(column ^ 1, out_channel);
            let flying = Flying { flit, to: (way.router, to), wide: Wide::default() };
            let at = now + u64::from(way.hop);
            if way.router == FAR {
                let router = plan.down[(self.first + r) as usize][usize::from(column)].router;
                let flying = Flying { to: (router, to), ..flying };
                self.outbox[plan.region_of(router)].push(Message::Flit { at, flying });
            } else {
                self.flying.push(at, flying);
            }
        }
        if row >= LOCAL {
            let locals = usize::from(plan.ports.count - LOCAL);
            let source = self.source_at[r as usize * locals + usize::from(row - LOCAL)];
            self.to_sources.push(now + plan.source_back, (source, channel));
        } else {
            let way = near[usize::from(row)];
            let at = now + u64::from(way.back);
            let to = plan.lane_of(row ^ 1, channel);
            if way.router == FAR {
                let router = plan.up[(self.first + r) as usize][usize::from(row)].router;
                self.outbox[plan.region_of(router)].push(Message::Credit { at, router, lane: to });
            } else {
                self.credits.push(at, (way.router, to));
            }
        }
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

/// The lanes that win the switch, of those that bid for it.
#[inline(always)]
fn match_switch(plan: &Plan, ready: Lanes, lanes: &[Lane], ports: &[Port]) -> Lanes {
    let (mut rows, mut columns, mut clash) = (0u64, 0u64, false);
    for_each_bit!(at in ready => {
        let row = 1 << plan.port(at);
        let column = 1 << plan.port(lanes[usize::from(at)].out);
        clash |= rows & row != 0 || columns & column != 0;
        rows |= row;
        columns |= column;
    });
    if clash { match_clashing(plan, ready, lanes, ports, columns) } else { ready }
}

#[inline(never)]
fn match_clashing(plan: &Plan, ready: Lanes, lanes: &[Lane], ports: &[Port], asked: u64) -> Lanes {
    let channels = plan.spec.channels;
    let mut granted = [0u64; 64];
    let mut winners = 0u64;
    for_each_bit!(column in asked => {
        let mut rows = 0u64;
        for_each_bit!(at in ready => {
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
        let mut own = ready >> (row * channels) & (u64::MAX >> (64 - channels));
        for_each_bit!(channel in own => {
            if plan.port(lanes[usize::from(row * channels + channel)].out) != column {
                own &= !(1 << channel);
            }
        });
        won |= 1 << (row * channels + next_from(own, port.offset));
    });
    won
}
