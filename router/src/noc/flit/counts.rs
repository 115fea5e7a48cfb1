//! What a network counted since it was made: flits by router and port, waits, and how full buffers ever were.

use super::FlitNetwork;
use super::answers::LOCAL;
use super::region::{Region, Stalls};
use crate::topology::{EndpointId, LinkId, RouterId};

impl FlitNetwork {
    /// Flits that left over a link.
    pub fn link_flits(&self, link: LinkId) -> u64 {
        let link = &self.plan.topology.links()[link.index()];
        self.count_at(link.from, link.direction as u8, flits)
    }

    /// Packets whose head left over a link.
    pub fn link_packets(&self, link: LinkId) -> u64 {
        let link = &self.plan.topology.links()[link.index()];
        self.count_at(link.from, link.direction as u8, packets)
    }

    /// Flits that left their router for an endpoint.
    pub fn ejected_flits(&self, endpoint: EndpointId) -> u64 {
        let router = self.plan.topology.endpoints()[endpoint.index()].router;
        self.count_at(router, self.plan.ports.of_endpoint(endpoint.0), flits)
    }

    /// Flits that crossed a router.
    pub fn router_flits(&self, router: RouterId) -> u64 {
        (0..self.plan.ports.count).map(|port| self.count_at(router, port, flits)).sum()
    }

    /// Packets whose head crossed a router.
    pub fn router_packets(&self, router: RouterId) -> u64 {
        (0..self.plan.ports.count).map(|port| self.count_at(router, port, packets)).sum()
    }

    /// Cycles that front flits of a router waited.
    pub fn stalls(&self, router: RouterId) -> Stalls {
        let (region, r) = self.site_of(router);
        region.sites[r].stalls
    }

    /// Most flits that one virtual channel's buffer behind a link ever held.
    pub fn peak(&self, link: LinkId) -> u8 {
        let link = &self.plan.topology.links()[link.index()];
        self.peak_at(link.to, link.direction as u8 ^ 1)
    }

    /// Most flits that one virtual channel's buffer of a router ever held, those of its endpoints included.
    pub fn router_peak(&self, router: RouterId) -> u8 {
        (0..self.plan.ports.count).map(|port| self.peak_at(router, port)).max().unwrap_or(0)
    }

    /// Most flits that one virtual channel's buffer between an endpoint and its router ever held.
    pub fn source_peak(&self, endpoint: EndpointId) -> u8 {
        let router = self.plan.topology.endpoints()[endpoint.index()].router;
        debug_assert!(self.plan.ports.of_endpoint(endpoint.0) >= LOCAL, "endpoints come after links");
        self.peak_at(router, self.plan.ports.of_endpoint(endpoint.0))
    }

    /// Bytes of state a router: its share of all arrays that are as long as there are routers, flits in buffers
    /// included; endpoints and what is on the way between routers are not.
    pub fn bytes_a_router(&self) -> usize {
        let of = |region: &Region| {
            let extra = &region.extra;
            size_of_val(&region.sites[..])
                + size_of_val(&region.lanes[..])
                + size_of_val(&region.ports[..])
                + size_of_val(&region.flits[..])
                + size_of_val(&region.bodies[..])
                + size_of_val(&region.tail_gone[..])
                + size_of_val(&extra.wide[..])
                + size_of_val(&extra.answers[..])
                + size_of_val(&extra.forks[..])
        };
        self.regions.iter().map(of).sum::<usize>().div_ceil(self.plan.topology.router_count().max(1))
    }

    fn site_of(&self, router: RouterId) -> (&Region, usize) {
        let region = &self.regions[self.plan.region_of(router.0)];
        (region, (router.0 - region.first) as usize)
    }

    fn count_at(&self, router: RouterId, port: u8, of: impl Fn(&Region, usize) -> u64) -> u64 {
        let (region, r) = self.site_of(router);
        of(region, r * usize::from(self.plan.ports.count) + usize::from(port))
    }

    fn peak_at(&self, router: RouterId, port: u8) -> u8 {
        let (region, r) = self.site_of(router);
        let first = r * self.plan.lanes + usize::from(self.plan.lane_of(port, 0));
        let lanes = &region.lanes[first..first + usize::from(self.plan.spec.channels)];
        lanes.iter().map(|lane| lane.peak).max().unwrap_or(0)
    }
}

/// Flits that left by a router's port.
fn flits(region: &Region, port: usize) -> u64 {
    region.ports[port].sent
}

/// Heads that left by it; as many as flits while all packets have one.
fn packets(region: &Region, port: usize) -> u64 {
    flits(region, port) - region.bodies.get(port).copied().unwrap_or(0)
}
