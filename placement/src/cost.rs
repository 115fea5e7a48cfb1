//! What a placement costs, from the network alone: the plain count that the search is held to.

use crate::grid::Grid;
use crate::list::Lists;
use crate::metric::LinkPrices;
use serde::Serialize;
use std::cmp::Ordering;

/// Static numbers of a placement, in packets, link crossings and the like a second if rates are in spikes a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Copies of spikes that reach another core: rate times remote cores, over all neurons.
    pub packets: f64,
    /// Links crossed where every copy is a packet of its own, on XY paths.
    pub hops_unicast: f64,
    /// Links crossed by XY multicast trees.
    pub hops_multicast: f64,
    /// Largest load of a directed link under multicast.
    pub max_link: f64,
    /// What no routing of this placement can go below: rate times the larger of remote cores and half the bounding box.
    pub bound_any_routing: f64,
    /// What no placement of these cores' contents can go below with unicast: heaviest flows at the least distances.
    pub bound_any_placement: f64,
}

impl Cost {
    /// Counts a placement: `core[v]` is the core of neuron v, or of the port it comes from.
    ///
    /// # Panics
    /// The lengths differ.
    pub fn count(targets: &Lists<u32>, rates: &[f64], grid: &Grid, core: &[u32]) -> Self {
        assert!(targets.len() == rates.len() && core.len() == rates.len(), "one rate and core a neuron");
        let (width, height, cores) = (grid.width, grid.height, grid.cores());
        let routers = width * height;
        let mut cost = Cost::default();
        let mut seen = vec![u32::MAX; cores];
        let mut flows = Flows(vec![Vec::new(); cores]);
        let [mut east, mut west, mut north, mut south] = [(); 4].map(|()| vec![0.0f64; routers]);
        let mut reached = Vec::new();
        let mut span = vec![(0, 0); width];
        for (u, row) in targets.rows().enumerate() {
            let (own, rate) = (core[u], rates[u]);
            let (sx, sy) = grid.coord(own);
            reached.clear();
            for &target in row {
                let there = core[target as usize];
                if there != own && std::mem::replace(&mut seen[there as usize], u as u32) != u as u32 {
                    reached.push(there);
                }
            }
            if reached.is_empty() {
                continue;
            }
            let (mut x0, mut x1, mut y0, mut y1) = (sx, sx, sy, sy);
            span.fill((sy, sy));
            let mut routers_reached = Vec::with_capacity(reached.len());
            for &there in &reached {
                let (x, y) = grid.coord(there);
                cost.hops_unicast += rate * f64::from(grid.distance(own, there));
                flows.add(own, there, rate);
                (x0, x1, y0, y1) = (x0.min(x), x1.max(x), y0.min(y), y1.max(y));
                span[x] = (span[x].0.min(y), span[x].1.max(y));
                routers_reached.push(there as usize / grid.each);
            }
            cost.packets += rate * reached.len() as f64;
            let mut links = x1 - x0;
            (sx..x1).for_each(|x| east[sy * width + x] += rate);
            (x0 + 1..=sx).for_each(|x| west[sy * width + x] += rate);
            for (x, &(down, up)) in span.iter().enumerate() {
                links += up - down;
                (sy..up).for_each(|y| north[y * width + x] += rate);
                (down + 1..=sy).for_each(|y| south[y * width + x] += rate);
            }
            cost.hops_multicast += rate * links as f64;
            routers_reached.sort_unstable();
            routers_reached.dedup();
            routers_reached.retain(|r| *r != sy * width + sx);
            cost.bound_any_routing += rate * routers_reached.len().max(x1 - x0 + y1 - y0) as f64;
        }
        let loads = [&east, &west, &north, &south].into_iter().flatten().copied();
        cost.max_link = loads.fold(0.0, f64::max);
        cost.bound_any_placement = any_placement(&flows, grid.each);
        cost
    }
}

/// What each pair of cores sends each other: by the first, from itself to the last that it has to do with. A map of pairs
/// takes minutes where a million neurons send to most cores each.
struct Flows(Vec<Vec<f64>>);

impl Flows {
    fn add(&mut self, a: u32, b: u32, rate: f64) {
        let (first, apart) = (a.min(b) as usize, a.abs_diff(b) as usize);
        let row = &mut self.0[first];
        if row.len() <= apart {
            row.resize(apart + 1, 0.0);
        }
        row[apart] += rate;
    }

    /// Flows between a core and each other one, where there are some.
    fn of(&self, core: usize) -> Vec<f64> {
        let before = self.0[..core].iter().enumerate().filter_map(|(first, row)| row.get(core - first));
        before.chain(&self.0[core]).copied().filter(|flow| *flow > 0.0).collect()
    }
}

/// What the packets of a placement cost by the prices of links, each spike as an XY tree or, with `unicast`, as an XY path
/// for each core it reaches; in the unit of rates times prices. `core[v]` is the core of neuron v, or of the port it comes from.
///
/// # Panics
/// The lengths differ, or prices are not those of this grid.
pub fn priced(
    targets: &Lists<u32>,
    rates: &[f64],
    grid: &Grid,
    prices: &LinkPrices,
    unicast: bool,
    core: &[u32],
) -> f64 {
    assert!(targets.len() == rates.len() && core.len() == rates.len(), "one rate and core a neuron");
    assert_eq!(prices.east.len(), grid.width * grid.height, "prices of this grid");
    let mut total = 0.0;
    let mut reached: Vec<u32> = Vec::new();
    let mut links: Vec<(usize, i64)> = Vec::new();
    for (u, row) in targets.rows().enumerate() {
        reached.clear();
        reached.extend(row.iter().map(|target| core[*target as usize]));
        reached.sort_unstable();
        reached.dedup();
        links.clear();
        for &there in &reached {
            let ((mut x, mut y), (tx, ty)) = (grid.coord(core[u]), grid.coord(there));
            while (x, y) != (tx, ty) {
                let router = y * grid.width + x;
                let (direction, price) = match (x.cmp(&tx), y.cmp(&ty)) {
                    (Ordering::Less, _) => (0, prices.east[router]),
                    (Ordering::Greater, _) => (1, prices.west[router]),
                    (_, Ordering::Less) => (2, prices.north[router]),
                    _ => (3, prices.south[router]),
                };
                links.push((4 * router + direction, price));
                (x, y) = match direction {
                    0 => (x + 1, y),
                    1 => (x - 1, y),
                    2 => (x, y + 1),
                    _ => (x, y - 1),
                };
            }
        }
        if !unicast {
            links.sort_unstable();
            links.dedup();
        }
        let paid: i64 = links.iter().map(|(_, price)| price).sum();
        total += rates[u] * (paid + prices.arrival * reached.len() as i64) as f64;
    }
    total
}

/// Heaviest flows of each core at the least distances of an infinite mesh: the other cores of its router, then 4 routers
/// at one link, 8 at two and so on. Every flow is counted from both its ends.
fn any_placement(flows: &Flows, each: usize) -> f64 {
    let mut total = 0.0;
    for core in 0..flows.0.len() {
        let mut flows = flows.of(core);
        flows.sort_by(|a, b| b.total_cmp(a));
        let (mut distance, mut left) = (0, each - 1);
        for flow in flows {
            while left == 0 {
                distance += 1;
                left = 4 * distance * each;
            }
            left -= 1;
            total += flow * distance as f64;
        }
    }
    total / 2.0
}
