//! Allocation in the plain case: iSLIP for channels and for the switch, and nothing else.

use super::answers::Lanes;
use super::arbiter::{next_after, next_from};
use super::plan::Plan;
use super::region::{Region, RouterLoad};
use super::spec::Switching;
use crate::topology::{EndpointId, RouterId};

impl Region {
    /// Steps 5 and 6 at one router.
    #[inline]
    pub(super) fn route_cycle<const LEAN: bool>(&mut self, plan: &Plan, r: u32, now: u64) {
        let masks = self.masks[r as usize];
        if LEAN {
            // Channels won now are not bid with before the next cycle, so they may be taken at once.
            if masks.waiting != 0 && masks.stirred {
                self.allocate_lean(plan, r, now, masks.waiting, masks.owned);
            }
            if masks.ready != 0 {
                self.switch_lean(plan, r, now, masks.ready);
            }
            let masks = &self.masks[r as usize];
            if masks.ready == 0 && !(masks.waiting != 0 && masks.stirred) {
                self.live[r as usize / 64] &= !(1 << (r % 64));
            }
            return;
        }
        let mut wins = std::mem::take(&mut self.wins);
        wins.clear();
        if masks.waiting != 0 && (masks.stirred || plan.restless) {
            self.masks[r as usize].stirred = false;
            self.allocate_any(plan, r, now, masks.waiting, &mut wins);
        }
        self.switch_any(plan, r, now, &mut wins);
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
            let flits = self.front_wide(plan, i).flits;
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
            crate::random::word(plan.seed, u64::from(router) << 6 | u64::from(lane), now),
        );
        // The others may do better next time.
        self.masks[r as usize].stirred = true;
        chosen
    }

    #[inline]
    fn allocate_lean(&mut self, plan: &Plan, r: u32, now: u64, waiting: Lanes, owned: Lanes) {
        self.masks[r as usize].stirred = false;
        let base = r as usize * plan.lanes;
        // Heads that want different channels do not compete: each takes its own as if it were alone.
        let (mut seen, mut clash): (Lanes, Lanes) = (0, 0);
        let mut left = waiting;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let free = self.answer(plan, base + usize::from(lane)).allowed & !owned;
            clash |= seen & free;
            seen |= free;
        }
        if clash != 0 {
            return self.allocate_clashing(plan, r, now, waiting, seen, owned);
        }
        let mut left = waiting;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let free = self.answer(plan, base + usize::from(lane)).allowed & !owned;
            if free != 0 {
                self.accept_channel(plan, r, now, lane, free);
            }
        }
    }

    /// A head takes the first channel offered at or after its pointer.
    #[inline]
    fn accept_channel(&mut self, plan: &Plan, r: u32, now: u64, lane: u8, offers: Lanes) -> u8 {
        let lanes = plan.lanes;
        let pointers = &mut self.arbiters.pointers[r as usize * self.arbiters.stride..][..2 * lanes];
        let accept = &mut pointers[lanes + usize::from(lane)];
        let out = next_from(offers, *accept);
        *accept = next_after(out, lanes);
        pointers[usize::from(out)] = next_after(lane, lanes);
        self.take_channel::<true>(plan, r, now, lane, out);
        out
    }

    fn allocate_clashing(&mut self, plan: &Plan, r: u32, now: u64, waiting: Lanes, asked: Lanes, owned: Lanes) {
        let base = r as usize * plan.lanes;
        let mut asks = [0 as Lanes; 64];
        let mut left = waiting;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            asks[lane] = self.answer(plan, base + lane).allowed & !owned;
        }
        let mut granted = [0 as Lanes; 64];
        let mut winners: Lanes = 0;
        let mut columns = asked;
        while columns != 0 {
            let column = columns.trailing_zeros() as u8;
            columns &= columns - 1;
            let mut requests = 0;
            let mut left = waiting;
            while left != 0 {
                let lane = left.trailing_zeros();
                left &= left - 1;
                requests |= (asks[lane as usize] >> column & 1) << lane;
            }
            let pointer = self.arbiters.pointers[r as usize * self.arbiters.stride + usize::from(column)];
            let winner = next_from(requests, pointer);
            granted[usize::from(winner)] |= 1 << column;
            winners |= 1 << winner;
        }
        let mut taken: Lanes = 0;
        let mut left = winners;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            taken |= 1 << self.accept_channel(plan, r, now, lane, granted[usize::from(lane)]);
        }
        let mut left = waiting & !winners;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            self.masks[r as usize].stirred |= asks[lane] & !taken != 0;
        }
    }

    #[inline]
    fn switch_lean(&mut self, plan: &Plan, r: u32, now: u64, ready: Lanes) {
        let base = r as usize * plan.lanes;
        let (mut rows, mut columns, mut clash) = (0u64, 0u64, false);
        let mut left = ready;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let row = 1 << plan.port(lane);
            let column = 1 << plan.port(self.inputs[base + usize::from(lane)].out);
            clash |= rows & row != 0 || columns & column != 0;
            rows |= row;
            columns |= column;
        }
        if clash {
            return self.switch_clashing(plan, r, now, ready, columns);
        }
        let mut left = ready;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            self.grant_switch(plan, r, now, lane);
        }
    }

    /// A lane wins the switch: pointers move past the pair, the row's offset past the lane, and its flit leaves.
    #[inline]
    fn grant_switch(&mut self, plan: &Plan, r: u32, now: u64, lane: u8) {
        let ports = usize::from(plan.ports.count);
        let out = self.inputs[r as usize * plan.lanes + usize::from(lane)].out;
        let (row, channel) = plan.lane[usize::from(lane & 63)];
        let column = plan.port(out);
        let base = r as usize * self.arbiters.stride + 2 * plan.lanes;
        let pointers = &mut self.arbiters.pointers[base..][..3 * ports];
        pointers[usize::from(column)] = next_after(row, ports);
        pointers[ports + usize::from(row)] = next_after(column, ports);
        pointers[2 * ports + usize::from(row)] = next_after(channel, usize::from(plan.spec.channels));
        self.send::<true>(plan, r, lane, now);
    }

    fn switch_clashing(&mut self, plan: &Plan, r: u32, now: u64, ready: Lanes, asked: u64) {
        let ports = usize::from(plan.ports.count);
        let base = r as usize * self.arbiters.stride + 2 * plan.lanes;
        let outs = r as usize * plan.lanes;
        let channels = plan.spec.channels;
        // Lanes of each row that ask for a column, and the rows it grants: at most one a column.
        let mut granted = [0u64; 64];
        let mut winners = 0u64;
        let mut columns = asked;
        while columns != 0 {
            let column = columns.trailing_zeros() as u8;
            columns &= columns - 1;
            let mut rows = 0u64;
            let mut left = ready;
            while left != 0 {
                let lane = left.trailing_zeros() as u8;
                left &= left - 1;
                let wants = plan.port(self.inputs[outs + usize::from(lane)].out) == column;
                rows |= u64::from(wants) << plan.port(lane);
            }
            let row = next_from(rows, self.arbiters.pointers[base + usize::from(column)]);
            granted[usize::from(row)] |= 1 << column;
            winners |= 1 << row;
        }
        let mut lanes: Lanes = 0;
        while winners != 0 {
            let row = winners.trailing_zeros() as u8;
            winners &= winners - 1;
            let pointers = &self.arbiters.pointers[base..][..3 * ports];
            let column = next_from(granted[usize::from(row)], pointers[ports + usize::from(row)]);
            // Of the row's lanes for the column the first after its offset.
            let offset = pointers[2 * ports + usize::from(row)];
            let mut own = ready >> (row * channels) & (u64::MAX >> (64 - channels));
            let mut left = own;
            while left != 0 {
                let channel = left.trailing_zeros() as u8;
                left &= left - 1;
                let out = self.inputs[outs + usize::from(row * channels + channel)].out;
                if plan.port(out) != column {
                    own &= !(1 << channel);
                }
            }
            lanes |= 1 << (row * channels + next_from(own, offset));
        }
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as u8;
            lanes &= lanes - 1;
            self.grant_switch(plan, r, now, lane);
        }
    }
}
