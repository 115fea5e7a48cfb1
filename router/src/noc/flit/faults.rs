//! Links that fail now and then, and links and routers that die while packets are under way.

use super::answers::Answers;
use super::plan::Plan;
use super::region::{NONE, Region};
use super::{Flaky, FlitNetwork, LossCause, SpecError};
use crate::routing::Routing;
use crate::topology::{LinkId, Topology};
use std::sync::Arc;

/// Probability in 2^-32, rounded down; 1 is 2^32 - 1.
fn odds(probability: f64) -> u32 {
    (probability.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32
}

impl FlitNetwork {
    /// The empty network with links that fail now and then. Whether a packet is dropped depends on the link, the virtual channel
    /// and the cycle, whether a flit is changed on the link and on how many have crossed it; on nothing else.
    pub fn with_flaky_links(mut self, links: &[(LinkId, Flaky)]) -> Self {
        self.plan.flaky = vec![(0, 0); self.plan.topology.links().len()];
        for (link, flaky) in links {
            self.plan.flaky[link.index()] = (odds(flaky.drop), odds(flaky.corrupt));
        }
        self.plan.lean = false;
        self.clear();
        self
    }

    /// The empty network with another seed for choices and flaky links; 0 if never called.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.plan.seed = seed;
        self
    }

    /// Goes on with other dead links, routers and endpoints, between two cycles. `routing` is made for the new state;
    /// heads that wait ask it anew. A packet that has begun to cross a link crosses it whole, even if the link is dead now;
    /// one that finds no way on is lost, and counted. What is under way was routed by another function, so both
    /// together may deadlock even if each alone may not: [`FlitNetwork::deadlock`] tells.
    ///
    /// # Errors
    /// The router was not made for it, or the network is another one.
    pub fn rewire(&mut self, topology: Arc<Topology>, routing: Arc<dyn Routing>) -> Result<(), SpecError> {
        let old = &self.plan;
        if !old.spec.rewirable {
            return Err(SpecError::Together {
                what: "this router's links cannot die while it runs; set `rewirable`".into(),
            });
        }
        if matches!(old.answers, Answers::Trees(_)) {
            return Err(SpecError::Together {
                what: "packets follow compiled routes here; compile them anew for another network".into(),
            });
        }
        let same = old.topology.links() == topology.links()
            && old.topology.endpoints().len() == topology.endpoints().len()
            && routing.virtual_channels() == old.spec.channels;
        if !same {
            return Err(SpecError::Together {
                what: "the network to go on with has other links, endpoints or virtual channels".into(),
            });
        }
        let selection = old.selection.clone();
        let fresh = Plan::new(old.spec.clone(), topology, routing, selection, None);
        self.plan = Plan {
            lean: false,
            region_of: old.region_of.clone(),
            regions: old.regions,
            seed: old.seed,
            flaky: old.flaky.clone(),
            ..fresh
        };
        for region in &mut self.regions {
            region.ask_anew(&self.plan);
        }
        Ok(())
    }
}

impl Region {
    /// All heads at the front of their buffers ask the plan's routing function again.
    fn ask_anew(&mut self, plan: &Plan) {
        self.make_room_for_answers(plan);
        for r in 0..self.sites.len() as u32 {
            for lane in 0..plan.lanes as u8 {
                let own = self.lanes[r as usize * plan.lanes + usize::from(lane)];
                let thrown_away = self.discarding.iter().any(|&(at, of, _)| (at, of) == (r, lane));
                if own.len == 0 || own.out != NONE || thrown_away {
                    continue;
                }
                let waiting = self.sites[r as usize].masks.waiting >> lane & 1 == 1;
                let empty = self.find_answer(plan, r, lane) == 0;
                // One that does not ask yet, because its route takes time, finds out when it does.
                if waiting && empty {
                    self.sites[r as usize].masks.waiting &= !(1 << lane);
                    self.discarding.push((r, lane, LossCause::NoWay));
                }
            }
            self.sites[r as usize].masks.stirred = true;
            self.wake(r);
        }
    }
}
