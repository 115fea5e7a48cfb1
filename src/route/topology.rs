//! The network of a sweep, and routers that fit a chip's times.

use super::settings::{BoardSettings, Settings};
use crate::error::Problem;
use spikemesh_router::flit::RouterSpec;
use spikemesh_router::measure::{CYCLE_PS, mesh_spec};
use spikemesh_router::{LinkClass, LocalClass, Topology, TopologyError};

/// Routers of a plain mesh.
pub(super) fn plain_router(depth: u8) -> RouterSpec {
    RouterSpec { depth, ..RouterSpec::default() }
}

/// A plain mesh or torus.
pub(super) fn plain(
    (width, height): (u16, u16),
    torus: bool,
    cores: u16,
    router: &RouterSpec,
) -> Result<Topology, Vec<Problem>> {
    let spec = mesh_spec(width, height, cores, router);
    let built = if torus { Topology::torus(&spec) } else { Topology::mesh(&spec) };
    built.map_err(|errors| problems("--mesh", errors))
}

fn problems(place: &str, errors: Vec<TopologyError>) -> Vec<Problem> {
    errors.into_iter().map(|e| Problem::new(place, e.to_string(), "")).collect()
}

/// A board of chips, each a mesh of that size; the router's third link class is that between chips.
pub(super) fn board(
    chips: (u16, u16),
    (width, height): (u16, u16),
    cores: u16,
    router: &RouterSpec,
) -> Result<Topology, Vec<Problem>> {
    let chip = mesh_spec(width, height, cores, router);
    // The time of a hop over one of the chip's links, with the other length of wire.
    let other = |cycles: u16| RouterSpec { links: vec![cycles], ..router.clone() };
    let cycles = router.links.get(2).copied().unwrap_or(1);
    let hop = mesh_spec(1, 1, 1, &other(cycles)).east_west;
    let between = LinkClass { name: "board".into(), ..hop };
    Topology::board(chips.0, chips.1, &chip, between).map_err(|errors| problems("--board", errors))
}

/// The mesh of finished results, for drawings and sums by link class.
pub(super) fn of_results(settings: &Settings) -> Option<Topology> {
    let router = plain_router(settings.depth.max(1));
    let cores = settings.cores_per_router;
    match &settings.board {
        None => plain(settings.mesh, settings.torus, cores, &router).ok(),
        Some(BoardSettings { chips: (x, y), .. }) => {
            let (width, height) = settings.mesh;
            board((*x, *y), (width / (*x).max(1), height / (*y).max(1)), cores, &router).ok()
        }
    }
}

/// The cycle of a chip: the time a flit takes on its slowest link, or [`CYCLE_PS`] where links are infinitely wide.
pub(super) fn cycle_ps(classes: &[LinkClass]) -> u64 {
    classes.iter().map(|class| class.flit_ps).max().filter(|&ps| ps > 0).unwrap_or(CYCLE_PS)
}

/// Routers whose times with an empty network are a chip's, to the nearest cycle: as many pipeline stages as fit into
/// the fastest hop, the rest is the links'.
pub(super) fn chip_router(classes: &[LinkClass], local: &LocalClass, cycle_ps: u64, depth: u8) -> RouterSpec {
    let cycles = |ps: u64| (ps + cycle_ps / 2) / cycle_ps;
    let hops: Vec<u64> = classes.iter().map(|class| cycles(class.latency_ps).max(1)).collect();
    let stages = match hops.iter().copied().min().unwrap_or(1) {
        1 => (0, 0, 0),
        2 => (1, 0, 0),
        3 => (1, 1, 0),
        _ => (1, 1, 1),
    };
    let pipeline = stages.0 + stages.1 + stages.2;
    RouterSpec {
        depth,
        vc_allocation: stages.0,
        switch_allocation: stages.1,
        traversal: stages.2,
        links: hops.iter().map(|hop| (hop - u64::from(pipeline)).min(4096) as u16).collect(),
        local: cycles(local.inject_ps).saturating_sub(1).min(4096) as u16,
        ..RouterSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chips_hops_keep_their_cycles() {
        let class = |latency_ps, flit_ps| LinkClass { name: String::new(), latency_ps, flit_ps };
        let local =
            LocalClass { name: String::new(), inject_ps: 1050, eject_ps: 1050, flit_ps: 291, loopback_ps: 0 };
        let classes = [class(4100, 291), class(6500, 291)];
        assert_eq!(cycle_ps(&classes), 291);
        let router = chip_router(&classes, &local, 291, 8);
        assert_eq!((router.links, router.local), (vec![11, 19], 3), "14 and 22 cycles a hop, 4 to inject");
        for latency in 1..6 {
            let router = chip_router(&[class(latency * 10, 10)], &local, 10, 8);
            let moves = u64::from(router.switch_allocation) + u64::from(router.traversal);
            let hop = u64::from(router.vc_allocation) + (moves + u64::from(router.links[0])).max(1);
            assert_eq!(hop, latency);
        }
        assert_eq!(cycle_ps(&[class(5, 0)]), CYCLE_PS);
    }
}
