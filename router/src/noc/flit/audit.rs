//! What must hold after every cycle, checked the slow way; for tests.

use super::answers::LOCAL;
use super::region::{NONE, SIGNALS};
use super::{FlitNetwork, PacketHandle};
use std::collections::HashMap;

impl FlitNetwork {
    /// Checks that
    /// - no buffer holds more flits than it has slots;
    /// - slots taken behind every output = flits on the way + flits in the buffer + credits on the way back;
    /// - an owned output and its owner name each other, and no output has two owners;
    /// - flits of a packet follow each other in every buffer, and only a packet's first is a head, its last a tail.
    ///
    /// Slow; call it between cycles, with one region or after all regions have met.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn audit(&self) -> Result<(), String> {
        let plan = &self.plan;
        // Flits under way to each buffer and credits under way to each output, by (router, lane).
        let mut flits: HashMap<(u32, u8), u32> = HashMap::new();
        let mut credits = flits.clone();
        for region in &self.regions {
            for flying in region.flying.iter() {
                *flits.entry((region.first + flying.to.router(), flying.to.lane())).or_default() += 1;
            }
            let beside = region.flying.iter().map(|flying| &flying.back).filter(|back| !back.is_far());
            for place in region.credits.iter().filter(|place| place.lane() & SIGNALS == 0).chain(beside) {
                *credits.entry((region.first + place.router(), place.lane())).or_default() += 1;
            }
        }
        for region in &self.regions {
            for r in 0..region.sites.len() as u32 {
                let router = region.first + r;
                for lane in 0..plan.lanes as u8 {
                    let here = format!("router {router} lane {lane}");
                    let own = &region.lanes[r as usize * plan.lanes + usize::from(lane)];
                    if own.len > plan.depth || own.peak > plan.depth {
                        return Err(format!("{here}: {} flits in {} slots", own.len, plan.depth));
                    }
                    self.audit_owner(region, r, lane).map_err(|why| format!("{here}: {why}"))?;
                    self.audit_order(region, r, lane).map_err(|why| format!("{here}: {why}"))?;
                    let port = plan.port(lane);
                    if port >= LOCAL || plan.stop.is_some() {
                        continue;
                    }
                    let way = plan.down[router as usize][usize::from(port)];
                    if way.router == super::plan::NOWHERE {
                        continue;
                    }
                    let to = (way.router, plan.lane_of(way.port, plan.channel(lane)));
                    let there = &self.regions[plan.region_of(way.router)];
                    let at = (way.router - there.first) as usize * plan.lanes + usize::from(to.1);
                    let held = u32::from(there.lanes[at].len);
                    let flying = flits.get(&to).copied().unwrap_or(0);
                    let back = credits.get(&(router, lane)).copied().unwrap_or(0);
                    if u32::from(own.occupied) != held + flying + back {
                        return Err(format!(
                            "{here}: {} slots are taken, but {flying} flits are on the way, {held} there and {back} \
                             credits on the way back",
                            own.occupied
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn audit_owner(&self, region: &super::region::Region, r: u32, lane: u8) -> Result<(), String> {
        let plan = &self.plan;
        let lanes = &region.lanes[r as usize * plan.lanes..][..plan.lanes];
        let masks = &region.sites[r as usize].masks;
        let owners: Vec<usize> = (0..plan.lanes).filter(|&i| lanes[i].out == lane).collect();
        if owners.len() > 1 {
            return Err(format!("inputs {owners:?} both own this output"));
        }
        if let [owner] = owners[..] {
            let named = usize::from(lanes[usize::from(lane)].owner);
            if masks.owned >> lane & 1 == 0 || named != owner {
                return Err(format!("input {owner} owns it, but it names {named}"));
            }
        }
        let own = &lanes[usize::from(lane)];
        let holds = masks.holding >> lane & 1 == 1;
        let kept = region.kept(r as usize * plan.lanes + usize::from(lane));
        if holds != (own.out != NONE && own.len > kept) {
            return Err(format!("holding is {holds} with output {} and {} flits", own.out, own.len));
        }
        Ok(())
    }

    fn audit_order(&self, region: &super::region::Region, r: u32, lane: u8) -> Result<(), String> {
        let plan = &self.plan;
        let i = r as usize * plan.lanes + usize::from(lane);
        let own = &region.lanes[i];
        let depth = usize::from(plan.depth);
        let mut before: Option<super::packet::Flit> = None;
        for k in 0..usize::from(own.len) {
            let flit = region.flits[i * depth + (usize::from(own.head) + k) % depth];
            if let Some(before) = before {
                let follows = before.packet() == flit.packet() && !flit.is_head();
                let begins = before.is_tail() && flit.is_head();
                if !follows && !begins {
                    let (a, b) = (PacketHandle(before.packet()), PacketHandle(flit.packet()));
                    return Err(format!("a flit of {b:?} is behind one of {a:?}"));
                }
            }
            before = Some(flit);
        }
        Ok(())
    }
}
