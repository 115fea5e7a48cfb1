//! One cycle of a router with every knob, and what its waiting heads ask for.

use super::answers::Lanes;
use super::plan::Plan;
use super::region::{Region, RouterLoad};
use super::spec::Switching;
use crate::topology::{EndpointId, RouterId};

impl Region {
    /// Steps 5 and 6 at one router.
    pub(super) fn route_cycle(&mut self, plan: &Plan, r: u32, now: u64) {
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

    /// Channels a waiting head asks for now.
    pub(super) fn wanted(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) -> Lanes {
        let i = r as usize * plan.lanes + usize::from(lane);
        let masks = &self.sites[r as usize].masks;
        let mut free = self.answer(plan, i).allowed & !masks.owned;
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
