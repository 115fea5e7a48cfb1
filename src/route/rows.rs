//! Points with their prices: what tables, curves and rankings are made of.

use super::results::{Outcome, Results};
use super::settings::{PointKey, Settings};
use super::topology::of_results;
use crate::energy::{EnergyReport, RouterPrices, RouterWork};
use spikemesh_router::measure::Measurement;
use spikemesh_router::{Topology, measure};

/// A finished point.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Its place among the points of the sweep.
    pub point: usize,
    /// What it is.
    pub key: &'a PointKey,
    /// Its numbers, or why there are none.
    pub found: Result<&'a Measurement, &'a str>,
    /// What the traffic cost; `None` where the level does not count what is priced.
    pub energy: Option<EnergyReport>,
}

impl Row<'_> {
    /// Known energy of a packet in joules; `None` if nothing is priced or nothing arrived.
    pub fn packet_energy_j(&self) -> Option<f64> {
        let (found, energy) = (self.found.ok()?, self.energy.as_ref()?);
        let any = energy.causes.iter().any(|cause| cause.attojoules.is_some());
        (any && found.packets.arrived > 0)
            .then(|| crate::energy::joules(energy.total_known()) / found.packets.arrived as f64)
    }

    /// Offered flits a core and cycle.
    pub fn offered(&self) -> Option<f64> {
        self.found.ok().map(Measurement::offered_rate)
    }

    /// Whether it keeps up.
    pub fn keeps_up(&self) -> bool {
        self.found.is_ok_and(|found| !found.is_saturated())
    }
}

/// All finished points, in order.
pub fn rows<'a>(results: &'a Results, prices: &RouterPrices) -> Vec<Row<'a>> {
    let topology = of_results(results.settings());
    let row = |finished: &'a super::Finished| {
        let found = match &finished.outcome {
            Outcome::Measured(found) => Ok(&**found),
            Outcome::Failed(why) => Err(why.as_str()),
        };
        let work = found
            .ok()
            .zip(topology.as_ref())
            .map(|(found, t)| work(results.settings(), &finished.key, found, t));
        let energy = work.and_then(|work| prices.price(&work));
        Row { point: finished.point, key: &finished.key, found, energy }
    };
    results.finished().map(row).collect()
}

/// What a point's routers and links did.
fn work(settings: &Settings, key: &PointKey, found: &Measurement, topology: &Topology) -> RouterWork {
    let strategy = settings.strategies.iter().find(|s| s.name == key.strategy);
    let channels = u64::from(strategy.map_or(1, |s| s.channels));
    // Four links and the cores of a router; ports are few.
    let inputs = if found.is_bufferless() { 0 } else { 4 + u64::from(settings.cores_per_router) };
    let buffers = inputs * channels * topology.router_count() as u64;
    let class_flits = found.class_flits(topology);
    let events: Option<measure::RouterEvents> = found.events(topology);
    RouterWork {
        strategy: key.strategy.clone(),
        class_flits,
        events,
        buffer_cycles: buffers * found.cycles,
        link_cycles: topology.links().len() as u64 * found.cycles,
        cycle_ps: settings.cycle_ps,
    }
}
