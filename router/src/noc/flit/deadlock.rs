//! Who waits for whom: tells deadlock from saturation.
//!
//! A packet *can go on* if its output has a free channel or slot, or if the packet that has it can go on. What
//! is left when nothing more can be added is deadlocked: each waits for others of the set alone. One pass over the
//! buffers finds it, whatever the load; a network that is merely saturated leaves nothing.

use super::FlitNetwork;
use super::answers::{LOCAL, Lanes};
use super::packet::Offer;
use super::region::{NONE, Region};
use crate::topology::{EndpointId, LinkId, RouterId};
use std::collections::VecDeque;

/// A packet of a deadlock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Where its front flit waits.
    pub router: RouterId,
    /// The link it came over, `None` if it still waits where it entered.
    pub from: Option<LinkId>,
    /// The virtual channel it waits in.
    pub channel: u8,
    /// The packet, with its source.
    pub packet: (EndpointId, Offer),
    /// The links and virtual channels it waits for, any of which would do.
    pub waits_for: Vec<(LinkId, u8)>,
}

/// Packets that can never go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deadlock {
    /// All of them, by router and virtual channel.
    pub packets: Vec<Waiting>,
    /// Positions in `packets` of some that wait for each other in a circle.
    pub circle: Vec<usize>,
}

impl FlitNetwork {
    /// The packets that can never go on; `None` if all can. Looks at the buffers once; call it between cycles.
    pub fn deadlock(&self) -> Option<Deadlock> {
        let plan = &self.plan;
        let lanes = plan.lanes;
        let total = plan.down.len() * lanes;
        // For every input buffer, those that wait for something it has.
        let mut waiters: Vec<Vec<u32>> = vec![Vec::new(); total];
        let mut goes_on = vec![true; total];
        let mut free = VecDeque::new();
        for region in &self.regions {
            for r in 0..region.sites.len() as u32 {
                for lane in 0..lanes as u8 {
                    let node = (region.first + r) as usize * lanes + usize::from(lane);
                    match self.blockers(region, r, lane) {
                        Blocked::No => free.push_back(node as u32),
                        Blocked::By(list) => {
                            goes_on[node] = false;
                            for other in list {
                                waiters[other as usize].push(node as u32);
                            }
                        }
                    }
                }
            }
        }
        while let Some(node) = free.pop_front() {
            for waiter in std::mem::take(&mut waiters[node as usize]) {
                if !goes_on[waiter as usize] {
                    goes_on[waiter as usize] = true;
                    free.push_back(waiter);
                }
            }
        }
        let stuck: Vec<u32> = (0..total as u32).filter(|&node| !goes_on[node as usize]).collect();
        if stuck.is_empty() {
            return None;
        }
        let packets = stuck.iter().map(|&node| self.describe(node)).collect();
        Some(Deadlock { packets, circle: self.circle(&stuck, &goes_on) })
    }

    fn region_at(&self, router: u32) -> (&Region, u32) {
        let region = &self.regions[self.plan.region_of(router)];
        (region, router - region.first)
    }

    /// The outputs that the front of a buffer waits for, any of which would do; none if it does not wait.
    fn wanted_outputs(&self, region: &Region, r: u32, lane: u8) -> Lanes {
        let (masks, lanes) = region.settled(&self.plan, r as usize);
        let own = &lanes[usize::from(lane)];
        if own.out != NONE {
            return 1 << own.out;
        }
        if masks.waiting >> lane & 1 == 0 {
            return 0;
        }
        region.answer(&self.plan, r as usize * self.plan.lanes + usize::from(lane)).allowed
    }

    fn blockers(&self, region: &Region, r: u32, lane: u8) -> Blocked {
        let plan = &self.plan;
        let (masks, lanes) = region.settled(plan, r as usize);
        let own = &lanes[usize::from(lane)];
        let wanted = self.wanted_outputs(region, r, lane);
        if own.len == 0 || wanted == 0 {
            // Nothing is here. But a packet that is half gone ends only when its rest has come.
            return match self.behind(region, r, lane) {
                Some(before) if own.out != NONE => Blocked::By(vec![before]),
                _ => Blocked::No,
            };
        }
        let router = region.first + r;
        let mut by = Vec::new();
        let mut left = wanted;
        while left != 0 {
            let out = left.trailing_zeros() as u8;
            left &= left - 1;
            let output = &lanes[usize::from(out)];
            let is_own = own.out == out;
            let tail_gone = region.tail_gone.get(r as usize).is_some_and(|gone| gone >> out & 1 == 1);
            if !is_own && masks.owned >> out & 1 == 1 && !tail_gone {
                by.push(router * plan.lanes as u32 + u32::from(output.owner));
                continue;
            }
            let needs_slot = masks.full >> out & 1 == 1 && (is_own || plan.spec.busy_when_full);
            if !needs_slot && !tail_gone {
                return Blocked::No;
            }
            let port = plan.port(out);
            if port >= LOCAL {
                return Blocked::No;
            }
            let way = plan.down[router as usize][usize::from(port)];
            let behind = plan.lane_of(way.port, plan.channel(out));
            let (there, place) = self.region_at(way.router);
            let next = &there.lanes[place as usize * plan.lanes + usize::from(behind)];
            let room = if tail_gone { next.len == 0 } else { next.len < plan.depth };
            if room {
                // A flit or a credit is on its way.
                return Blocked::No;
            }
            by.push(way.router * plan.lanes as u32 + u32::from(behind));
        }
        Blocked::By(by)
    }

    /// The buffer from which flits come into this one.
    fn behind(&self, region: &Region, r: u32, lane: u8) -> Option<u32> {
        let plan = &self.plan;
        let router = region.first + r;
        let way = plan.up[router as usize].get(usize::from(plan.port(lane)))?;
        if way.router == super::plan::NOWHERE {
            return None;
        }
        let (there, place) = self.region_at(way.router);
        let out = plan.lane_of(way.port, plan.channel(lane));
        let (masks, lanes) = there.settled(plan, place as usize);
        let owner = lanes[usize::from(out)].owner;
        (masks.owned >> out & 1 == 1).then(|| way.router * plan.lanes as u32 + u32::from(owner))
    }

    fn describe(&self, node: u32) -> Waiting {
        let plan = &self.plan;
        let (router, lane) = (node / plan.lanes as u32, (node % plan.lanes as u32) as u8);
        let (region, r) = self.region_at(router);
        let i = r as usize * plan.lanes + usize::from(lane);
        let own = &region.lanes[i];
        let flit = region.flits[i * usize::from(plan.depth) + usize::from(own.head)];
        let home = &self.regions[(flit.packet() % plan.regions) as usize];
        let mut waits_for = Vec::new();
        let mut left = self.wanted_outputs(region, r, lane);
        while left != 0 {
            let out = left.trailing_zeros() as u8;
            left &= left - 1;
            waits_for.extend(plan.link(router, plan.port(out)).map(|link| (link, plan.channel(out))));
        }
        Waiting {
            router: RouterId(router),
            from: plan.link_in(router, plan.port(lane)),
            channel: plan.channel(lane),
            packet: home.packets.get(flit.packet() / plan.regions),
            waits_for,
        }
    }

    /// Positions in `stuck` of buffers that wait for each other in a circle.
    fn circle(&self, stuck: &[u32], goes_on: &[bool]) -> Vec<usize> {
        let lanes = self.plan.lanes as u32;
        let place = |node: u32| stuck.binary_search(&node).ok();
        let mut seen = vec![usize::MAX; stuck.len()];
        let mut path = Vec::new();
        let mut at = Some(0);
        while let Some(node) = at {
            if seen[node] != usize::MAX {
                return path.split_off(seen[node]);
            }
            seen[node] = path.len();
            path.push(node);
            let (region, r) = self.region_at(stuck[node] / lanes);
            at = match self.blockers(region, r, (stuck[node] % lanes) as u8) {
                Blocked::By(list) => list.into_iter().find(|&by| !goes_on[by as usize]).and_then(place),
                Blocked::No => None,
            };
        }
        Vec::new()
    }
}

enum Blocked {
    No,
    /// By the packets at the front of these buffers; any one that goes on is enough.
    By(Vec<u32>),
}
