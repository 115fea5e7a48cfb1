//! Buffers of routers: flits come, move to the front, leave; credits come back.

use super::answers::{Answer, Answers, LOCAL, Lanes, ask};
use super::arbiter::next_after;
use super::packet::{Flit, STATE_MASK, Wide};
use super::plan::Plan;
use super::region::{Flying, Fork, GO, Message, NONE, Place, Region, SIGNALS, STOP, count_body};
use super::spec::Switching;
use super::{Host, LossCause};
use crate::random;
use crate::topology::{EndpointId, RouterId};

impl Region {
    pub(super) fn routers_take(&mut self, plan: &Plan, now: u64) {
        let flying = self.flying.take(now);
        let wides = self.flying_wide.take(now);
        for (i, flying) in flying.iter().enumerate() {
            self.store(plan, flying, wides.get(i).copied(), now);
        }
        self.flying.put_back(flying);
        self.flying_wide.put_back(wides);
        let credits = self.credits.take(now);
        for place in &credits {
            self.credit(plan, place.router(), place.lane(), now);
        }
        self.credits.put_back(credits);
        let heads = self.heads.take(now);
        for &(r, lane) in &heads {
            let i = r as usize * plan.lanes + usize::from(lane);
            if self.answer(plan, i).allowed == 0 {
                self.discarding.push((r, lane, LossCause::NoWay));
            } else {
                self.begin_wait(r, lane, Some(now));
            }
        }
        self.heads.put_back(heads);
    }

    pub(super) fn wake(&mut self, r: u32) {
        self.live[r as usize / 64] |= 1 << (r % 64);
    }

    fn begin_wait(&mut self, r: u32, lane: u8, arrived: Option<u64>) {
        self.order.asks(r, lane, arrived);
        let masks = &mut self.sites[r as usize].masks;
        masks.waiting |= 1 << lane;
        masks.stirred = true;
        self.wake(r);
    }

    fn store(&mut self, plan: &Plan, flying: &Flying, wide: Option<Wide>, now: u64) {
        let (r, lane) = (flying.to.router(), flying.to.lane());
        let i = r as usize * plan.lanes + usize::from(lane);
        let depth = usize::from(plan.depth);
        let input = &mut self.lanes[i];
        let slot = usize::from(input.head) + usize::from(input.len);
        let slot = i * depth + if slot >= depth { slot - depth } else { slot };
        self.flits[slot] = flying.flit;
        if let Some(wide) = wide {
            self.extra.wide[slot] = wide;
        }
        input.len += 1;
        input.peak = input.peak.max(input.len);
        if Some(plan.depth - input.len) == plan.stop {
            self.tell_upstream(plan, r, lane, STOP, now);
        }
        let kept = self.kept(i);
        let input = &mut self.lanes[i];
        if input.len > kept + 1 {
            return;
        }
        if flying.flit.is_head() {
            self.come_to_front(plan, r, lane, now, true);
        } else if input.out != NONE {
            input.since = now as u32;
            self.bid_from(plan, r, lane, i, Some(now));
        }
    }

    /// An input that owns an output has a flit at its front: it bids if the output has a slot.
    pub(super) fn bid_from(&mut self, plan: &Plan, r: u32, lane: u8, i: usize, arrived: Option<u64>) {
        let masks = &mut self.sites[r as usize].masks;
        masks.holding |= 1 << lane;
        let has_slot = masks.full >> self.lanes[i].out & 1 == 0;
        masks.ready |= u64::from(has_slot) << lane;
        if has_slot || (plan.restless) {
            self.wake(r);
        }
        self.order.bids(r, lane, arrived);
    }

    /// A head is at the front of its buffer from cycle `at` on.
    fn come_to_front(&mut self, plan: &Plan, r: u32, lane: u8, at: u64, arrived: bool) {
        let i = r as usize * plan.lanes + usize::from(lane);
        if let Some(fork) = self.extra.forks.get_mut(i) {
            *fork = Fork::default();
        }
        self.ask(plan, r, lane, at, arrived);
    }

    /// The head at the front asks for a channel from cycle `at` on.
    fn ask(&mut self, plan: &Plan, r: u32, lane: u8, at: u64, arrived: bool) {
        let i = r as usize * plan.lanes + usize::from(lane);
        let empty = self.find_answer(plan, r, lane) == 0;
        let wait = match self.serial.routing(r, at) {
            Some(ready) => ready - at,
            None => plan.head_wait,
        };
        self.lanes[i].since = (at + wait) as u32;
        if empty {
            self.discarding.push((r, lane, LossCause::NoWay));
        } else if wait == 0 {
            self.begin_wait(r, lane, arrived.then_some(at));
        } else {
            self.heads.push(at + wait, (r, lane));
        }
    }

    /// Asks the routing function for the head at the front; the channels it allows.
    pub(super) fn find_answer(&mut self, plan: &Plan, r: u32, lane: u8) -> Lanes {
        let i = r as usize * plan.lanes + usize::from(lane);
        let slot = i * usize::from(plan.depth) + usize::from(self.lanes[i].head);
        let flit = self.flits[slot];
        let router = self.first + r;
        match &plan.answers {
            Answers::BySide(table) => {
                let index = table.index(router, flit.destination(), flit.state());
                self.lanes[i].answer = index;
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
            Answers::Trees(trees) => {
                let answer = trees.answer(self.extra.wide[slot].state, self.extra.forks[i].branch);
                self.extra.answers[i] = answer;
                answer.allowed
            }
        }
    }

    pub(super) fn answer<'a>(&'a self, plan: &'a Plan, i: usize) -> &'a Answer {
        match &plan.answers {
            Answers::BySide(table) => table.get(self.lanes[i].answer),
            Answers::Asked | Answers::Trees(_) => &self.extra.answers[i],
        }
    }

    fn credit(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) {
        if lane & SIGNALS != 0 {
            return self.take_signal(plan, r, lane, now);
        }
        let output = &mut self.lanes[r as usize * plan.lanes + usize::from(lane)];
        output.occupied -= 1;
        let bit = 1 << lane;
        let masks = &mut self.sites[r as usize].masks;
        let was_full = masks.full & bit != 0;
        let empty = output.occupied == 0;
        if let Some(gone) = self.tail_gone.get_mut(r as usize).filter(|gone| empty && **gone & bit != 0) {
            *gone &= !bit;
            masks.owned &= !bit;
            masks.stirred = true;
            self.live[r as usize / 64] |= 1 << (r % 64);
        }
        let needs_room = plan.spec.busy_when_full || plan.spec.switching == Switching::VirtualCutThrough;
        if needs_room && masks.waiting != 0 {
            masks.stirred = true;
            self.live[r as usize / 64] |= 1 << (r % 64);
        }
        if was_full {
            self.has_room(plan, r, lane, now);
        }
    }

    /// An output that was full has a slot again.
    fn has_room(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) {
        let bit = 1 << lane;
        let masks = &mut self.sites[r as usize].masks;
        masks.full &= !bit;
        let owner = self.lanes[r as usize * plan.lanes + usize::from(lane)].owner;
        let tail_gone = self.tail_gone.get(r as usize).is_some_and(|gone| gone & bit != 0);
        if masks.owned & bit != 0 && !tail_gone && masks.holding >> owner & 1 == 1 {
            masks.ready |= 1 << owner;
            let input = &mut self.lanes[r as usize * plan.lanes + usize::from(owner)];
            self.sites[r as usize].stalls.credit += u64::from((now as u32).wrapping_sub(input.since));
            input.since = now as u32;
            self.wake(r);
        }
    }

    /// Stop or go from the buffer behind an output.
    fn take_signal(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) {
        let (lane, signal) = (lane & !SIGNALS, lane & SIGNALS);
        if signal == GO {
            return self.has_room(plan, r, lane, now);
        }
        let masks = &mut self.sites[r as usize].masks;
        masks.full |= 1 << lane;
        let owner = self.lanes[r as usize * plan.lanes + usize::from(lane)].owner;
        if masks.owned >> lane & 1 == 1 && masks.ready >> owner & 1 == 1 {
            masks.ready &= !(1 << owner);
            let input = &mut self.lanes[r as usize * plan.lanes + usize::from(owner)];
            let waited = (now as u32).wrapping_sub(input.since) as i32;
            self.sites[r as usize].stalls.switch += waited.max(0) as u64;
            input.since = now as u32;
        }
    }

    /// Winners take their channels: they bid for the switch from the next cycle on.
    pub(super) fn take_channels(&mut self, plan: &Plan, r: u32, now: u64, wins: &[(u8, u8)]) {
        for &(lane, out) in wins {
            if !plan.flaky.is_empty() && self.is_dropped(plan, r, out, now) {
                self.sites[r as usize].masks.waiting &= !(1 << lane);
                self.discarding.push((r, lane, LossCause::FlakyLink));
                self.sites[r as usize].masks.stirred = true;
                continue;
            }
            self.take_channel(plan, r, now, lane, out);
        }
    }

    pub(super) fn take_channel(&mut self, plan: &Plan, r: u32, now: u64, lane: u8, out: u8) {
        let i = r as usize * plan.lanes + usize::from(lane);
        let masks = &mut self.sites[r as usize].masks;
        masks.waiting &= !(1 << lane);
        masks.owned |= 1 << out;
        self.lanes[r as usize * plan.lanes + usize::from(out)].owner = lane;
        let next = self.answer(plan, i).next(out);
        let input = &mut self.lanes[i];
        self.sites[r as usize].stalls.channel += u64::from((now as u32).wrapping_sub(input.since));
        input.since = now as u32 + 1;
        input.out = out;
        input.next = (next & STATE_MASK) as u8;
        if plan.wide && self.extra.forks.is_empty() {
            self.extra.wide[i * usize::from(plan.depth) + usize::from(input.head)].state = next;
        }
        self.bid_from(plan, r, lane, i, None);
    }

    fn is_dropped(&self, plan: &Plan, r: u32, out: u8, now: u64) -> bool {
        let router = self.first + r;
        let Some(link) = plan.link(router, plan.port(out)) else { return false };
        // By the cycle, not by what has crossed: a drop crosses nothing, and the next packet would draw the same.
        let draw = random::word(plan.seed, u64::from(link.0) << 1, now << 6 | u64::from(out));
        (draw as u32) < plan.flaky[link.index()].0
    }

    /// The flit at the front of an input goes through the switch. Whether another of its packet follows at once.
    pub(super) fn send(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) -> bool {
        let i = r as usize * plan.lanes + usize::from(lane);
        let input = &mut self.lanes[i];
        let out = input.out;
        let depth = usize::from(plan.depth);
        let place = usize::from(input.head) + usize::from(self.extra.forks.get(i).map_or(0, |fork| fork.sent));
        let slot = i * depth + place % depth;
        let mut flit = self.flits[slot].onward(u32::from(input.next));
        // A speculative grant comes a cycle before the wait for it would begin.
        let waited = (now as u32).wrapping_sub(input.since) as i32;
        self.sites[r as usize].stalls.switch += waited.max(0) as u64;
        input.since = now as u32 + 1;

        let masks = &mut self.sites[r as usize].masks;
        let bit = 1u64 << (out & 63);
        if plan.stop.is_none() {
            let output = &mut self.lanes[r as usize * plan.lanes + usize::from(out)];
            output.occupied += 1;
            if output.occupied == plan.depth {
                masks.full |= bit;
            }
        }
        let tail = flit.is_tail();
        if tail {
            match self.tail_gone.get_mut(r as usize) {
                Some(gone) => *gone |= bit,
                None => {
                    masks.owned &= !bit;
                    masks.stirred = true;
                }
            }
        }
        let (port, channel) = plan.lane[usize::from(out & 63)];
        let count = r as usize * usize::from(plan.ports.count) + usize::from(port);
        self.ports[count].sent += 1;
        if !flit.is_head() {
            count_body(&mut self.bodies, self.ports.len(), count);
        }
        let mut late = self.serial.crossing(r, now);
        late += self.order.departure(count, now + late);
        if port >= LOCAL {
            if !self.extra.forks.is_empty() {
                flit = flit.bound_for(self.extra.answers[i].next(out));
            }
            self.to_sinks.push(
                now + plan.eject_hop + late,
                Flying { flit, to: Place::new(r, out), back: Place::NOWHERE },
            );
        } else {
            let mut wide = if plan.wide { self.extra.wide[slot] } else { Wide::default() };
            if !self.extra.forks.is_empty() {
                wide.state = self.extra.answers[i].next(out);
            }
            let way = plan.down[(self.first + r) as usize][usize::from(port)];
            if !plan.flaky.is_empty() {
                flit = self.maybe_corrupt(plan, r, port, flit);
            }
            let at = now + u64::from(way.hop) + late;
            let to = plan.lane_of(way.port, channel);
            let local = way.router.wrapping_sub(self.first);
            if (local as usize) < self.sites.len() {
                self.fly(plan, at, flit, Place::new(local, to), wide);
            } else {
                let message = Message::Flit { at, flit, router: way.router, lane: to, wide };
                self.outbox[plan.region_of(way.router)].push(message);
            }
        }
        if let Answers::Trees(trees) = &plan.answers
            && !trees.is_last(self.front_wide(plan, i).state, self.extra.forks[i].branch)
        {
            return self.keep(plan, r, lane, now, tail);
        }
        self.pop(plan, r, lane, now, tail)
    }

    /// A flit went down a branch that is not the last, and keeps its slot. Whether another of its packet follows at once.
    fn keep(&mut self, plan: &Plan, r: u32, lane: u8, now: u64, tail: bool) -> bool {
        let i = r as usize * plan.lanes + usize::from(lane);
        let fork = &mut self.extra.forks[i];
        fork.sent += 1;
        let input = &mut self.lanes[i];
        let masks = &mut self.sites[r as usize].masks;
        let bit = 1u64 << (lane & 63);
        if tail || fork.sent == input.len {
            masks.holding &= !bit;
            masks.ready &= !bit;
        } else if masks.full >> input.out & 1 == 1 {
            masks.ready &= !bit;
        }
        if tail {
            input.out = NONE;
            *fork = Fork { branch: fork.branch + 1, sent: 0 };
            self.ask(plan, r, lane, now + 1, false);
            return false;
        }
        fork.sent < input.len
    }

    fn maybe_corrupt(&self, plan: &Plan, r: u32, port: u8, flit: Flit) -> Flit {
        let Some(link) = plan.link(self.first + r, port) else { return flit };
        let crossed = self.ports[r as usize * usize::from(plan.ports.count) + usize::from(port)].sent;
        let draw = random::word(plan.seed, u64::from(link.0) << 1 | 1, crossed);
        if (draw as u32) < plan.flaky[link.index()].1 { flit.corrupted() } else { flit }
    }

    /// Tells the sender at the other end of an input that a slot is free, or what `signal` says.
    fn tell_upstream(&mut self, plan: &Plan, r: u32, lane: u8, signal: u8, now: u64) {
        let (port, channel) = plan.lane[usize::from(lane & 63)];
        if port >= LOCAL {
            let locals = usize::from(plan.ports.count - LOCAL);
            let source = self.source_at[r as usize * locals + usize::from(port - LOCAL)];
            self.to_sources.push(now + plan.source_back, Place::new(source, channel | signal));
            return;
        }
        let way = plan.up[(self.first + r) as usize][usize::from(port)];
        let at = now + u64::from(way.back);
        let out = plan.lane_of(way.port, channel) | signal;
        let local = way.router.wrapping_sub(self.first);
        if (local as usize) < self.sites.len() {
            self.credits.push(at, Place::new(local, out));
        } else {
            self.outbox[plan.region_of(way.router)].push(Message::Credit { at, router: way.router, lane: out });
        }
    }

    /// Frees the slot at the front of an input and looks at what comes next. Whether a flit of the same packet does.
    fn pop(&mut self, plan: &Plan, r: u32, lane: u8, now: u64, tail: bool) -> bool {
        let i = r as usize * plan.lanes + usize::from(lane);
        if plan.stop.is_none() {
            self.tell_upstream(plan, r, lane, 0, now);
        } else if Some(plan.depth - self.lanes[i].len) == plan.stop {
            self.tell_upstream(plan, r, lane, GO, now);
        }
        let input = &mut self.lanes[i];
        input.head = next_after(input.head, usize::from(plan.depth));
        input.len -= 1;
        let more = input.len > 0;
        let masks = &mut self.sites[r as usize].masks;
        let bit = 1u64 << (lane & 63);
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
    pub(super) fn discard<H: Host>(&mut self, plan: &Plan, now: u64, host: &mut H) {
        let list = std::mem::take(&mut self.discarding);
        for (r, lane, cause) in list {
            let i = r as usize * plan.lanes + usize::from(lane);
            if self.lanes[i].len == 0 {
                self.discarding.push((r, lane, cause));
                continue;
            }
            let slot = i * usize::from(plan.depth) + usize::from(self.lanes[i].head);
            let flit = self.flits[slot];
            let copies = match &plan.answers {
                Answers::Trees(trees) => {
                    trees.copies_from(self.front_wide(plan, i).state, self.extra.forks[i].branch)
                }
                _ => 1,
            };
            self.pop(plan, r, lane, now, flit.is_tail());
            if flit.is_tail() {
                for _ in 0..copies {
                    self.done(plan, now, flit, Some(cause), host);
                }
            } else {
                self.discarding.push((r, lane, cause));
            }
        }
    }
}
