//! The network of a sweep, and routers that fit a chip's times.

use super::settings::{BoardSettings, Settings};
use crate::error::Problem;
use spikemesh_router::flit::RouterSpec;
use spikemesh_router::measure::mesh_spec;
use spikemesh_router::{LinkClass, Topology, TopologyError};

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
