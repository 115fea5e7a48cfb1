//! The independent check of places: pins are read as the user wrote them, neurons looked up in the finished image, and routes
//! compiled as the chip compiles them.

use crate::chip::{ChipImage, ChipSpec};
use crate::error::{Error, ErrorKind, Problem};
use crate::mapper::Pin;
use crate::network::Network;
use spikemesh_router::{Coord, Direction, EndpointId, RouteId, RouteRequest};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Looks up every pinned neuron; returns how many were found where they belong.
///
/// # Errors
/// Every pin (up to 20) with a neuron that is elsewhere, as a bug of ours.
pub fn verify_pins(network: &Network, pins: &[Pin], image: &ChipImage) -> Result<u64, Error> {
    let spec = &image.spec;
    let mut found = 0;
    let mut faults = Vec::new();
    for pin in pins {
        let router = u32::from(pin.core.y) * u32::from(spec.width) + u32::from(pin.core.x);
        let core = router * u32::from(spec.cores_per_router) + u32::from(pin.core.core.unwrap_or(0));
        let there = image.cores.iter().find(|c| c.core == core).map_or(&[][..], |c| &c.config.neurons[..]);
        let Some(id) = network.ids().find(|id| network.population(*id).name == pin.population) else {
            continue;
        };
        let (first, size) = (network.first_neuron(id).0, network.population(id).size);
        let wanted = pin.neurons.clone().unwrap_or(0..size);
        let missing = wanted.clone().find(|local| !there.contains(&(first + local)));
        match missing {
            None => found += u64::from(wanted.end - wanted.start),
            Some(local) => faults.push(Problem::new(
                format!("neuron {local} of population `{}`", pin.population),
                format!("it is not on core {core}, which it is pinned to"),
                "this is a bug in the mapper; please report it",
            )),
        }
    }
    faults.truncate(20);
    if faults.is_empty() { Ok(found) } else { Err(Error { kind: ErrorKind::Bug, problems: faults }) }
}

/// A way of packets that leads over a dead link, by the chip's routing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LostWay {
    /// Core that sends, or the input port, by its number in the mesh.
    pub from: u32,
    /// Core that is not reached, or the output port.
    pub to: u32,
    /// Column and row of the router that the first dead link on the way along row and column leaves; `None` where no link
    /// there is dead, as under other routings.
    pub at: Option<[u16; 2]>,
    /// Where that link leads.
    pub direction: Option<&'static str>,
    /// Neurons that send this way.
    pub neurons: u32,
}

impl LostWay {
    /// The router the dead link leaves.
    pub(in crate::mapper) fn place(&self, spec: &ChipSpec) -> String {
        let link = self.at.zip(self.direction);
        let link = link.map(|([x, y], direction)| format!(", router ({x}, {y}), link {direction}"));
        format!("chip {}{}", spec.name, link.unwrap_or_default())
    }
}

impl std::fmt::Display for LostWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, neurons, .. } = self;
        write!(f, "packets of {neurons} neurons from endpoint {from} to endpoint {to} need a dead link")
    }
}

/// Every pair of endpoints between which packets are lost to dead links, ascending.
///
/// # Errors
/// The chip's mesh or routing contradicts itself.
pub fn lost_ways(image: &ChipImage) -> Result<Vec<LostWay>, Error> {
    if image.spec.dead_links.is_empty() {
        return Ok(Vec::new());
    }
    let mesh = image.spec.topology()?;
    let requests: Vec<RouteRequest> = image
        .routes
        .iter()
        .map(|route| RouteRequest {
            source: EndpointId(route.source),
            destinations: route.destinations.iter().map(|end| EndpointId(*end)).collect(),
        })
        .collect();
    let (table, _) = image.spec.routes(&mesh, &requests)?;
    let inputs = (&image.input_fan_out, image.network.inputs.len());
    let cores = image.cores.iter().map(|core| (&core.fan_out, core.config.neurons.len()));
    let mut pairs: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (fan_out, rows) in cores.chain([inputs]) {
        for route in (0..rows).flat_map(|row| fan_out.routes_of(row)) {
            let source = image.routes[*route as usize].source;
            for leg in table.legs(RouteId(*route)).iter().filter(|leg| leg.lost.is_some()) {
                *pairs.entry((source, leg.destination.0)).or_default() += 1;
            }
        }
    }
    let lost = pairs.into_iter().map(|((from, to), neurons)| {
        let link = first_dead_link(image, [from, to].map(|end| mesh.endpoint_coord(EndpointId(end))));
        let (at, direction) = link.unzip();
        LostWay { from, to, at: at.map(|at| [at.x, at.y]), direction: direction.map(Direction::name), neurons }
    });
    Ok(lost.collect())
}

/// The first dead link on the way along the row, then the column.
fn first_dead_link(image: &ChipImage, [mut at, to]: [Coord; 2]) -> Option<(Coord, Direction)> {
    while at != to {
        let (direction, next) = match (at.x.cmp(&to.x), at.y.cmp(&to.y)) {
            (Ordering::Less, _) => (Direction::East, Coord { x: at.x + 1, y: at.y }),
            (Ordering::Greater, _) => (Direction::West, Coord { x: at.x - 1, y: at.y }),
            (_, Ordering::Less) => (Direction::North, Coord { x: at.x, y: at.y + 1 }),
            _ => (Direction::South, Coord { x: at.x, y: at.y - 1 }),
        };
        if image.spec.dead_links.iter().any(|dead| dead.from == at && dead.direction == direction) {
            return Some((at, direction));
        }
        at = next;
    }
    None
}
