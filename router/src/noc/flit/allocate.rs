//! One cycle of a router with every knob, and what its waiting heads ask for.

use super::LossCause;
use super::answers::Lanes;
use super::plan::Plan;
use super::region::{Region, RouterLoad};
use super::spec::Switching;
use crate::topology::{EndpointId, RouterId};

impl Region {
    /// Steps 5 and 6 at one router.
    pub(super) fn route_cycle(&mut self, plan: &Plan, r: u32, now: u64) {
        if let Some(timeouts) = plan.spec.timeouts {
            self.drop_late(plan, r, now, timeouts.drop);
        }
        let masks = self.sites[r as usize].masks;
        let mut wins = std::mem::take(&mut self.wins);
        wins.clear();
        if masks.waiting != 0 && (masks.stirred || plan.restless) {
            self.sites[r as usize].masks.stirred = false;
            self.allocate_any(plan, r, now, masks.waiting, &mut wins);
        }
        self.switch_any(plan, r, now, &mut wins);
        self.wins = wins;
        let masks = &self.sites[r as usize].masks;
        let asks = masks.waiting != 0 && (masks.stirred || plan.restless);
        if !asks && masks.ready == 0 && !(plan.restless && masks.holding != 0) {
            self.live[r as usize / 64] &= !(1 << (r % 64));
        }
    }

    /// Throws away the packets whose heads have waited for so many cycles.
    fn drop_late(&mut self, plan: &Plan, r: u32, now: u64, after: u16) {
        let mut left = self.sites[r as usize].masks.waiting;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            if self.waited(plan, r, lane, now) >= u32::from(after) {
                self.sites[r as usize].masks.waiting &= !(1 << lane);
                self.discarding.push((r, lane, LossCause::Timeout));
            }
        }
    }

    /// Cycles the head of an input has asked in vain.
    fn waited(&self, plan: &Plan, r: u32, lane: u8, now: u64) -> u32 {
        (now as u32).wrapping_sub(self.lanes[r as usize * plan.lanes + usize::from(lane)].since)
    }

    /// Channels a waiting head asks for now.
    pub(super) fn wanted(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) -> Lanes {
        let i = r as usize * plan.lanes + usize::from(lane);
        let masks = &self.sites[r as usize].masks;
        let answer = self.answer(plan, i);
        let early =
            plan.spec.timeouts.is_some_and(|t| self.waited(plan, r, lane, now) < u32::from(t.emergency));
        let allowed = if early { answer.ways().first().map_or(0, |way| way.0) } else { answer.allowed };
        let mut free = allowed & !masks.owned;
        if plan.spec.busy_when_full {
            free &= !masks.full;
        }
        if plan.spec.switching == Switching::VirtualCutThrough && free != 0 {
            let flits = self.front_wide(plan, i).flits;
            let outputs = &self.lanes[r as usize * plan.lanes..];
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
        let slot = i * usize::from(plan.depth) + usize::from(self.lanes[i].head);
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
        self.sites[r as usize].masks.stirred = true;
        chosen
    }
}
