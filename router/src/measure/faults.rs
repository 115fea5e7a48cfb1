//! What fails in a measured network: links, routers and cores that die, and links that fail now and then.

use crate::noc::flit::Flaky;
use crate::topology::{Coord, Direction, EndpointId, LinkId, Topology, TopologyError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The directed link that leaves a router.
    Link(Coord, Direction),
    /// A router with its links and cores.
    Router(Coord),
    /// A core or port alone.
    Endpoint(EndpointId),
}

/// A part that dies for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The part.
    pub part: Part,
    /// The first cycle without it, counted from the start of the warm-up or of the first tick; 0 is from the start.
    pub cycle: u64,
}

/// A link that fails now and then.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlakyLink {
    /// Router it leaves.
    pub from: Coord,
    /// Where it leads.
    pub direction: Direction,
    /// Probability that a packet is dropped before it crosses, 0 to 1.
    pub drop: f64,
    /// Probability that a flit is changed on the way, 0 to 1.
    pub corrupt: f64,
}

/// Everything that fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults {
    /// What dies.
    pub deaths: Vec<Death>,
    /// What fails now and then.
    pub flaky: Vec<FlakyLink>,
}

/// A network from a cycle on.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The first cycle.
    pub cycle: u64,
    /// The network with all that is dead then.
    pub topology: Arc<Topology>,
}

impl Faults {
    /// Whether nothing fails.
    pub fn is_empty(&self) -> bool {
        self.deaths.is_empty() && self.flaky.is_empty()
    }

    /// The network at the start and after every cycle in which something dies, ascending; the first is of cycle 0.
    ///
    /// # Errors
    /// Every part that there is not.
    pub fn stages(&self, intact: &Topology) -> Result<Vec<Stage>, Vec<TopologyError>> {
        let mut by_cycle = BTreeMap::from([(0, Vec::new())]);
        self.deaths.iter().for_each(|death| by_cycle.entry(death.cycle).or_default().push(death.part));
        let (mut topology, mut stages, mut errors) = (intact.clone(), Vec::new(), Vec::new());
        for (cycle, parts) in by_cycle {
            for part in parts {
                let killed = match part {
                    Part::Link(from, direction) => topology.kill_link(from, direction),
                    Part::Router(at) => topology.kill_router(at),
                    Part::Endpoint(endpoint) => topology.kill_endpoint(endpoint),
                };
                errors.extend(killed.err());
            }
            stages.push(Stage { cycle, topology: Arc::new(topology.clone()) });
        }
        if errors.is_empty() { Ok(stages) } else { Err(errors) }
    }

    /// Flaky links by number, as the flit level takes them.
    ///
    /// # Errors
    /// Every link that there is not.
    pub fn flaky_links(&self, topology: &Topology) -> Result<Vec<(LinkId, Flaky)>, Vec<TopologyError>> {
        let (mut links, mut errors) = (Vec::new(), Vec::new());
        for &FlakyLink { from, direction, drop, corrupt } in &self.flaky {
            match topology.link_at(from, direction) {
                Ok(link) => links.push((link, Flaky { drop, corrupt })),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(links) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::mesh;

    #[test]
    fn stages_add_up_and_every_missing_part_is_told() {
        let at = |x, y| Coord { x, y };
        let death = |part, cycle| Death { part, cycle };
        let deaths = vec![
            death(Part::Router(at(1, 1)), 50),
            death(Part::Link(at(0, 0), Direction::East), 0),
            death(Part::Endpoint(EndpointId(0)), 50),
        ];
        let faults = Faults { deaths, flaky: Vec::new() };
        let stages = faults.stages(&mesh(3, 3, 1)).unwrap();
        let dead = |stage: &Stage| (0..24).filter(|&link| stage.topology.is_dead(LinkId(link))).count();
        assert_eq!(stages.iter().map(|s| (s.cycle, dead(s))).collect::<Vec<_>>(), [(0, 1), (50, 9)]);
        assert!(stages[1].topology.is_endpoint_dead(EndpointId(0)));
        let none = mesh(1, 1, 1);
        assert_eq!(faults.stages(&none).unwrap_err().len(), 2, "the core is there");
        let flaky = FlakyLink { from: at(0, 0), direction: Direction::West, drop: 0.5, corrupt: 0.0 };
        let faults = Faults { flaky: vec![flaky; 2], ..Faults::default() };
        assert_eq!(faults.flaky_links(&none).unwrap_err().len(), 2);
    }
}
