//! A routing strategy of one's own: south-last, written, proven and sent along. `docs/guide/your-own-routing.md` tells
//! the story; a test holds its code to be this file's.

use spikemesh_router::deadlock::{Switching, prove};
use spikemesh_router::*;

// [strategy]
/// A packet turns south only for its last hops; before, it chooses freely.
struct SouthLast;

impl Unicast for SouthLast {
    fn name(&self) -> &'static str {
        "south-last"
    }

    fn virtual_channels(&self) -> u8 {
        1
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        let ways = match hop.productive() {
            (Some(row), Some(Direction::South)) => [Some(row), None],
            (row, column) => [row, column],
        };
        for way in ways.into_iter().flatten() {
            hop.offer(way, ChannelSet::first(1), RouteState::default());
        }
    }
}
// [strategy]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let topology = mesh(8, 8)?;
    // [proof]
    let proof = prove(&topology, &SouthLast, Switching::wormhole())?;
    println!("{proof}");
    let proof = prove(&mesh(2, 2)?, &broken::UnrestrictedAdaptive, Switching::wormhole())?;
    println!("{proof}");
    // [proof]
    // [route]
    let corner = RouteRequest { source: EndpointId(0), destinations: vec![EndpointId(63)] };
    let table =
        RouteTable::build(&topology, &SouthLast, &FirstLegal, &[corner]).map_err(|errors| errors[0].clone())?;
    println!("{} hops from corner to corner", table.legs(RouteId(0))[0].hops);
    // [route]
    Ok(())
}

fn mesh(width: u16, height: u16) -> Result<Topology, TopologyError> {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 4000, flit_ps: 1000 };
    let local =
        LocalClass { name: "core".into(), inject_ps: 1000, eject_ps: 1000, flit_ps: 500, loopback_ps: 1000 };
    let spec = MeshSpec {
        width,
        height,
        endpoints_per_router: 1,
        east_west: link("east_west"),
        north_south: link("north_south"),
        local,
    };
    Topology::mesh(&spec).map_err(|mut errors| errors.remove(0))
}
