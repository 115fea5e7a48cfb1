//! What a network counted since it was made, what is inside, and what must hold after every cycle.

use super::watch::{EMPTY, of_age};
use super::{DeflectionNetwork, NONE};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};

/// Whole numbers, by link, router and endpoint.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) links: Vec<u64>,
    pub(super) deflections: Vec<u64>,
    pub(super) waits: Vec<u64>,
    pub(super) injected: Vec<u64>,
    pub(super) ejected: Vec<u64>,
    pub(super) lost: u64,
}

impl Counts {
    pub(super) fn new(topology: &Topology) -> Self {
        let (routers, endpoints) = (topology.router_count(), topology.endpoints().len());
        Self {
            links: vec![0; topology.links().len()],
            deflections: vec![0; routers],
            waits: vec![0; routers],
            injected: vec![0; endpoints],
            ejected: vec![0; endpoints],
            lost: 0,
        }
    }
}

/// A flit on a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlitInside {
    /// Cycle of its packet's creation.
    pub created: u64,
    /// Who sent it.
    pub from: EndpointId,
    /// Who it is for.
    pub to: EndpointId,
    /// Its number at its source, modulo 2^32.
    pub number: u32,
    /// Links it has crossed, the one it is on included.
    pub hops: u32,
    /// Wrong turns it took among them.
    pub deflections: u32,
}

impl DeflectionNetwork {
    /// Cycles within which the flit that goes first leaves: (links of the longest shortest path + 1) x cycles of the longest
    /// hop.
    pub fn bound(&self) -> u64 {
        self.watch.bound
    }

    /// Flits on wires between routers.
    pub fn in_flight(&self) -> usize {
        self.flits.len() - self.free.len()
    }

    /// Whether no packet is inside or waits at a source.
    pub fn is_drained(&self) -> bool {
        self.in_flight() == 0 && self.leaving.is_empty() && self.eager.iter().all(|&word| word == 0)
    }

    /// The oldest flit on a wire; looks at all of them.
    pub fn oldest(&self) -> Option<FlitInside> {
        let (&age, slot) = self.ages.iter().zip(0usize..).min()?;
        let ((created, from), flit) = (of_age(age), self.flits[slot]);
        (age != EMPTY).then_some(FlitInside {
            created,
            from,
            to: EndpointId(flit.endpoint),
            number: age as u32,
            hops: flit.hops,
            deflections: flit.deflections,
        })
    }

    /// Flits that left over a link.
    pub fn link_flits(&self, link: LinkId) -> u64 {
        self.counts.links[link.index()]
    }

    /// Flits that left a router in a direction that did not bring them nearer.
    pub fn deflections(&self, router: RouterId) -> u64 {
        self.counts.deflections[router.index()]
    }

    /// Flits that left a source, those of lost packets included.
    pub fn injected_flits(&self, endpoint: EndpointId) -> u64 {
        self.counts.injected[endpoint.index()]
    }

    /// Flits that left their router for an endpoint.
    pub fn ejected_flits(&self, endpoint: EndpointId) -> u64 {
        self.counts.ejected[endpoint.index()]
    }

    /// Flits of packets that no way led to.
    pub fn lost_flits(&self) -> u64 {
        self.counts.lost
    }

    /// Flits that crossed a router.
    pub fn router_flits(&self, router: RouterId) -> u64 {
        let out = self.outs[router.index()].iter().flatten().map(|out| self.counts.links[out.link as usize]);
        let (first, end) = (self.first_local[router.index()], self.first_local[router.index() + 1]);
        let local = self.locals[first as usize..end as usize].iter().map(|&e| self.counts.ejected[e as usize]);
        out.chain(local).sum()
    }

    /// Cycles that sources of a router waited for an output or an endpoint, added up.
    pub fn source_waits(&self, router: RouterId) -> u64 {
        self.counts.waits[router.index()]
    }

    /// Checks that
    /// - every flit inside is on one wire, and as many are announced to the routers at the wires' ends;
    /// - flits sent = on wires + on their way to endpoints and there + lost;
    /// - flits that entered a router's links or sources so far = that left it, or are on the wires to it;
    /// - no two flits inside have the same age.
    ///
    /// Slow; for tests, between cycles.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn audit(&self) -> Result<(), String> {
        let mut on_wires: Vec<u32> = self.wires.iter().copied().filter(|&slot| slot != NONE).collect();
        on_wires.sort_unstable();
        let inside: Vec<u32> =
            self.ages.iter().zip(0..).filter(|(age, _)| **age != EMPTY).map(|(_, slot)| slot).collect();
        if on_wires != inside || inside.len() != self.in_flight() {
            return Err(format!("flits {inside:?} are inside, {on_wires:?} on wires"));
        }
        let pending: u32 = self.pending.iter().sum();
        if pending as usize != inside.len() {
            return Err(format!("{pending} flits are announced, {} are under way", inside.len()));
        }
        let (sent, left): (u64, u64) = (self.counts.injected.iter().sum(), self.counts.ejected.iter().sum());
        if sent != inside.len() as u64 + left + self.counts.lost {
            return Err(format!(
                "{sent} flits were sent, {} are inside, {left} left, {} were lost",
                inside.len(),
                self.counts.lost
            ));
        }
        let mut ages: Vec<u128> = self.ages.iter().copied().filter(|&age| age != EMPTY).collect();
        ages.sort_unstable();
        if ages.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two flits have the same age".into());
        }
        let mut balance = vec![0i64; self.live.len()];
        for (link, &flits) in self.topology.links().iter().zip(&self.counts.links) {
            balance[link.to.index()] += flits as i64;
            balance[link.from.index()] -= flits as i64;
        }
        for (endpoint, (&sent, &left)) in (0..).zip(self.counts.injected.iter().zip(&self.counts.ejected)) {
            balance[self.home(EndpointId(endpoint)).index()] += sent as i64 - left as i64;
        }
        for (router, wires) in self.ins.iter().enumerate() {
            let places = wires.iter().flatten().flat_map(|wire| wire.first..=wire.first + wire.mask);
            balance[router] -= places.filter(|&place| self.wires[place as usize] != NONE).count() as i64;
        }
        let kept: i64 = balance.iter().sum();
        if kept != self.counts.lost as i64 || balance.iter().any(|&own| own < 0) {
            return Err(format!("routers keep flits: {balance:?}"));
        }
        Ok(())
    }
}
