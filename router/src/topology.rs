//! Routers, directed links with classes, and the endpoints that hang off routers.
//!
//! ```text
//!      y
//!      ^   R4 -- R5 -- R6 -- R7      every line is two directed links
//!      |   R0 -- R1 -- R2 -- R3      every router has `endpoints_per_router` cores
//!      +--> x                        and any number of named off-chip ports
//! ```
//! Coordinates belong to routers; nothing outside the constructors derives them from an index, so that
//! a torus or a board of several chips is one more constructor and nothing else.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);
        impl $name {
            /// The index as a position in a slice.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}
index_type!(
    /// A router of the mesh.
    RouterId, u32);
index_type!(
    /// A directed link between two routers.
    LinkId, u32);
index_type!(
    /// Where packets enter and leave the network: a core or a named off-chip port.
    EndpointId, u32);
index_type!(
    /// The class of a link; all links of a class share latency and width.
    LinkClassId, u8);

/// Position of a router: x grows to the east, y to the north.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Coord {
    /// Column, from 0 in the west.
    pub x: u16,
    /// Row, from 0 in the south.
    pub y: u16,
}

impl fmt::Display for Coord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.x, self.y)
    }
}

/// The direction a link leads to, seen from the router it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards larger x.
    East,
    /// Towards smaller x.
    West,
    /// Towards larger y.
    North,
    /// Towards smaller y.
    South,
}

impl Direction {
    /// All four, in the order links are numbered.
    pub const ALL: [Direction; 4] = [Direction::East, Direction::West, Direction::North, Direction::South];

    /// The direction's lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Direction::East => "east",
            Direction::West => "west",
            Direction::North => "north",
            Direction::South => "south",
        }
    }
}

/// What all links of a class have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkClass {
    /// Name under which hops over this class are counted and priced.
    pub name: String,
    /// Time of a packet's head over the link and into the next router, in picoseconds.
    pub latency_ps: u64,
    /// Time one flit occupies the link, in picoseconds; 0 means infinitely wide.
    pub flit_ps: u64,
}

/// How an endpoint is joined to its router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalClass {
    /// Name of the class, for reports.
    pub name: String,
    /// Time from the endpoint into its router, in picoseconds.
    pub inject_ps: u64,
    /// Time from the router out to the endpoint, in picoseconds.
    pub eject_ps: u64,
    /// Time one flit occupies either connection, in picoseconds.
    pub flit_ps: u64,
    /// Whole latency of a packet from the endpoint to itself, which enters no router, in picoseconds.
    pub loopback_ps: u64,
}

/// A rectangular mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshSpec {
    /// Columns, at least 1.
    pub width: u16,
    /// Rows, at least 1.
    pub height: u16,
    /// Cores on every router, at least 1.
    pub endpoints_per_router: u16,
    /// Class of the horizontal links.
    pub east_west: LinkClass,
    /// Class of the vertical links.
    pub north_south: LinkClass,
    /// How cores are joined to routers.
    pub local: LocalClass,
}

/// A directed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Router it leaves.
    pub from: RouterId,
    /// Router it enters.
    pub to: RouterId,
    /// Direction, seen from `from`.
    pub direction: Direction,
    /// Latency and width class.
    pub class: LinkClassId,
}

/// What an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// A core of the chip.
    Core,
    /// A named connection to the world outside.
    Port(String),
}

/// A core or port and the router it hangs off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The router.
    pub router: RouterId,
    /// Core or port.
    pub kind: EndpointKind,
    /// Timing of the connection.
    pub local: LocalClass,
}

/// Why a topology cannot be built or changed as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A mesh dimension or the number of cores a router is zero.
    #[error("{what} of the mesh is 0; it must be at least 1")]
    Zero {
        /// Which dimension.
        what: &'static str,
    },
    /// More routers or endpoints than a 32-bit index can name comfortably.
    #[error("a mesh of {routers} routers with {endpoints} endpoints is too large; at most {limit} endpoints")]
    TooLarge {
        /// Routers asked for.
        routers: u64,
        /// Endpoints asked for.
        endpoints: u64,
        /// Largest number of endpoints.
        limit: u64,
    },
    /// No router at that place.
    #[error("there is no router at {at}; the mesh spans (0,0) to ({max_x},{max_y})")]
    NoRouter {
        /// The place named.
        at: Coord,
        /// Largest x.
        max_x: u16,
        /// Largest y.
        max_y: u16,
    },
    /// No link leaves the router that way.
    #[error("no link leads {direction} from {from}: that is the edge of the mesh")]
    NoLink {
        /// Router named.
        from: Coord,
        /// Direction named.
        direction: &'static str,
    },
    /// Two ports of one name.
    #[error("port `{name}` is named twice")]
    DuplicatePort {
        /// The name.
        name: String,
    },
}

/// Largest number of core endpoints of one mesh.
const ENDPOINT_LIMIT: u64 = 1 << 24;

/// Routers, links and endpoints, with dense indices.
#[derive(Clone, Debug)]
pub struct Topology {
    width: u16,
    height: u16,
    core_count: u32,
    coords: Vec<Coord>,
    links: Vec<Link>,
    dead: Vec<bool>,
    /// Link leaving each router in each direction.
    exits: Vec<[Option<LinkId>; 4]>,
    classes: Vec<LinkClass>,
    endpoints: Vec<Endpoint>,
    /// Where each endpoint's router is; asked at every router of every route.
    endpoint_coords: Vec<Coord>,
}

impl Topology {
    /// Builds a W x H mesh; routers are numbered row by row from the south-west, cores router by router.
    ///
    /// # Errors
    /// Every dimension that is zero, or one error for a mesh that is too large.
    pub fn mesh(spec: &MeshSpec) -> Result<Topology, Vec<TopologyError>> {
        let mut errors = Vec::new();
        for (what, value) in [
            ("the width", spec.width),
            ("the height", spec.height),
            ("the number of cores a router", spec.endpoints_per_router),
        ] {
            if value == 0 {
                errors.push(TopologyError::Zero { what });
            }
        }
        let routers = u64::from(spec.width) * u64::from(spec.height);
        let endpoints = routers * u64::from(spec.endpoints_per_router);
        if endpoints > ENDPOINT_LIMIT {
            errors.push(TopologyError::TooLarge { routers, endpoints, limit: ENDPOINT_LIMIT });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (width, height) = (u32::from(spec.width), u32::from(spec.height));
        let id = |x: u32, y: u32| RouterId(y * width + x);
        let mut topology = Topology {
            width: spec.width,
            height: spec.height,
            core_count: endpoints as u32,
            coords: Vec::with_capacity(routers as usize),
            links: Vec::new(),
            dead: Vec::new(),
            exits: Vec::with_capacity(routers as usize),
            classes: vec![spec.east_west.clone(), spec.north_south.clone()],
            endpoints: Vec::with_capacity(endpoints as usize),
            endpoint_coords: Vec::with_capacity(endpoints as usize),
        };
        for y in 0..height {
            for x in 0..width {
                let from = id(x, y);
                topology.coords.push(Coord { x: x as u16, y: y as u16 });
                let neighbours = [
                    (x + 1 < width).then(|| id(x + 1, y)),
                    x.checked_sub(1).map(|west| id(west, y)),
                    (y + 1 < height).then(|| id(x, y + 1)),
                    y.checked_sub(1).map(|south| id(x, south)),
                ];
                let mut exits = [None; 4];
                for (slot, direction) in Direction::ALL.into_iter().enumerate() {
                    if let Some(to) = neighbours[slot] {
                        exits[slot] = Some(LinkId(topology.links.len() as u32));
                        topology.links.push(Link { from, to, direction, class: LinkClassId((slot / 2) as u8) });
                    }
                }
                topology.exits.push(exits);
                for _ in 0..spec.endpoints_per_router {
                    topology.endpoint_coords.push(Coord { x: x as u16, y: y as u16 });
                    topology.endpoints.push(Endpoint {
                        router: from,
                        kind: EndpointKind::Core,
                        local: spec.local.clone(),
                    });
                }
            }
        }
        topology.dead = vec![false; topology.links.len()];
        Ok(topology)
    }

    /// Adds a named off-chip port to the router at `at`; ports are numbered after the cores.
    ///
    /// # Errors
    /// No router there, or the name is taken.
    pub fn add_port(&mut self, name: &str, at: Coord, local: LocalClass) -> Result<EndpointId, TopologyError> {
        let router = self.router_at(at).ok_or_else(|| self.no_router(at))?;
        if self.port(name).is_some() {
            return Err(TopologyError::DuplicatePort { name: name.to_owned() });
        }
        self.endpoints.push(Endpoint { router, kind: EndpointKind::Port(name.to_owned()), local });
        self.endpoint_coords.push(at);
        Ok(EndpointId(self.endpoints.len() as u32 - 1))
    }

    /// Marks the directed link that leaves `from` towards `direction` as dead; routes are lost there.
    ///
    /// # Errors
    /// No router or no link there.
    pub fn kill_link(&mut self, from: Coord, direction: Direction) -> Result<(), TopologyError> {
        let router = self.router_at(from).ok_or_else(|| self.no_router(from))?;
        let link = self
            .link_from(router, direction)
            .ok_or(TopologyError::NoLink { from, direction: direction.name() })?;
        self.dead[link.index()] = true;
        Ok(())
    }

    fn no_router(&self, at: Coord) -> TopologyError {
        TopologyError::NoRouter { at, max_x: self.width - 1, max_y: self.height - 1 }
    }

    /// Columns.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u16 {
        self.height
    }

    /// Number of routers.
    pub fn router_count(&self) -> usize {
        self.coords.len()
    }

    /// Number of endpoints that are cores; they come first.
    pub fn core_count(&self) -> u32 {
        self.core_count
    }

    /// All directed links, indexed by [`LinkId`].
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Link classes, indexed by [`LinkClassId`].
    pub fn link_classes(&self) -> &[LinkClass] {
        &self.classes
    }

    /// The class of a link.
    pub fn class_of(&self, link: LinkId) -> &LinkClass {
        &self.classes[self.links[link.index()].class.0 as usize]
    }

    /// All endpoints, indexed by [`EndpointId`].
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Where a router is.
    pub fn coord(&self, router: RouterId) -> Coord {
        self.coords[router.index()]
    }

    /// Where an endpoint's router is.
    pub fn endpoint_coord(&self, endpoint: EndpointId) -> Coord {
        self.endpoint_coords[endpoint.index()]
    }

    /// The router at a place.
    pub fn router_at(&self, at: Coord) -> Option<RouterId> {
        // Coordinates are stored in ascending (y, x) order by every constructor.
        self.coords.binary_search_by_key(&(at.y, at.x), |c| (c.y, c.x)).ok().map(|i| RouterId(i as u32))
    }

    /// The link that leaves a router in a direction.
    pub fn link_from(&self, router: RouterId, direction: Direction) -> Option<LinkId> {
        self.exits[router.index()][direction as usize]
    }

    /// Whether a link is dead.
    pub fn is_dead(&self, link: LinkId) -> bool {
        self.dead[link.index()]
    }

    /// The endpoint of a named port.
    pub fn port(&self, name: &str) -> Option<EndpointId> {
        self.endpoints
            .iter()
            .position(|e| matches!(&e.kind, EndpointKind::Port(n) if n == name))
            .map(|i| EndpointId(i as u32))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn mesh(width: u16, height: u16, cores: u16) -> Topology {
        Topology::mesh(&spec(width, height, cores)).unwrap()
    }

    pub(crate) fn spec(width: u16, height: u16, cores: u16) -> MeshSpec {
        let link = |name: &str, latency_ps, flit_ps| LinkClass { name: name.into(), latency_ps, flit_ps };
        MeshSpec {
            width,
            height,
            endpoints_per_router: cores,
            east_west: link("east_west", 4100, 900),
            north_south: link("north_south", 6500, 1100),
            local: LocalClass {
                name: "core".into(),
                inject_ps: 1000,
                eject_ps: 1100,
                flit_ps: 500,
                loopback_ps: 700,
            },
        }
    }

    #[test]
    fn a_mesh_has_the_links_of_a_grid() {
        let t = mesh(4, 3, 2);
        assert_eq!(t.links().len(), 2 * (3 * 3 + 4 * 2));
        assert_eq!(t.core_count(), 24);
        for (i, link) in t.links().iter().enumerate() {
            assert_eq!(t.link_from(link.from, link.direction), Some(LinkId(i as u32)));
        }
        assert_eq!(t.router_at(Coord { x: 3, y: 2 }), Some(RouterId(11)));
        assert_eq!(t.router_at(Coord { x: 4, y: 0 }), None);
    }

    #[test]
    fn every_zero_is_reported() {
        assert_eq!(Topology::mesh(&spec(0, 5, 0)).unwrap_err().len(), 2);
        assert!(Topology::mesh(&spec(60000, 60000, 9)).is_err());
    }

    #[test]
    fn ports_and_faults_are_checked() {
        let mut t = mesh(2, 1, 1);
        let local = spec(1, 1, 1).local;
        assert_eq!(t.add_port("west", Coord { x: 0, y: 0 }, local.clone()), Ok(EndpointId(2)));
        assert!(t.add_port("west", Coord { x: 0, y: 0 }, local.clone()).is_err());
        assert!(t.add_port("far", Coord { x: 2, y: 0 }, local).is_err());
        assert!(t.kill_link(Coord { x: 1, y: 0 }, Direction::East).is_err());
        t.kill_link(Coord { x: 0, y: 0 }, Direction::East).unwrap();
        assert!(t.is_dead(LinkId(0)));
    }
}
