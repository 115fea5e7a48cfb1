//! Routers, directed links with classes, and the endpoints that hang off routers.
//!
//! ```text
//!      y
//!      ^   R4 -- R5 -- R6 -- R7      every line is two directed links
//!      |   R0 -- R1 -- R2 -- R3      every router has `endpoints_per_router` cores
//!      +--> x                        and any number of named off-chip ports
//! ```
//! Three constructors: a [mesh](Topology::mesh), a [torus](Topology::torus) and a [board](Topology::board) of several
//! chips. Coordinates belong to routers; nothing outside the constructors derives them from an index. Links, routers and
//! endpoints can be killed; nothing that was built is ever renumbered for it.

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

    /// The direction back.
    pub fn opposite(self) -> Direction {
        match self {
            Direction::East => Direction::West,
            Direction::West => Direction::East,
            Direction::North => Direction::South,
            Direction::South => Direction::North,
        }
    }

    /// Whether it leads along a row.
    pub fn is_horizontal(self) -> bool {
        matches!(self, Direction::East | Direction::West)
    }

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

/// A rectangular mesh, the same closed to a torus, or one chip of a board.
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
    /// No such endpoint.
    #[error("there is no endpoint {endpoint}; they are numbered from 0 to {last}")]
    NoEndpoint {
        /// The endpoint named.
        endpoint: u32,
        /// The last there is.
        last: u32,
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
    /// Whether rows and columns are rings.
    rings: bool,
    dead_routers: Vec<bool>,
    dead_endpoints: Vec<bool>,
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
        Topology::grid(1, 1, spec, None, false)
    }

    /// Builds a torus: a mesh whose rows and columns are closed to rings by links that [wrap](Topology::wraps). They are
    /// of the class of their row or column, as a folded layout makes all links of a ring equally long. A row or column
    /// of one or two routers stays a line: the ring would only double its links.
    ///
    /// # Errors
    /// As for a mesh.
    pub fn torus(spec: &MeshSpec) -> Result<Topology, Vec<TopologyError>> {
        Topology::grid(1, 1, spec, None, true)
    }

    /// Builds a board of chips, each a mesh of `spec`, joined to one large mesh: the links that cross from chip to chip
    /// are of the class `between`, which is numbered after the two of the chip.
    ///
    /// ```text
    ///   o - o = o - o        two chips of 2 x 2 routers side by side;
    ///   |   |   |   |        `=` is of class `between`
    ///   o - o = o - o
    /// ```
    ///
    /// # Errors
    /// Every dimension that is zero, or one error for a board that is too large.
    pub fn board(
        chips_x: u16,
        chips_y: u16,
        spec: &MeshSpec,
        between: LinkClass,
    ) -> Result<Topology, Vec<TopologyError>> {
        Topology::grid(chips_x, chips_y, spec, Some(between), false)
    }

    /// All constructors: a grid of chips, closed to rings or not.
    fn grid(
        chips_x: u16,
        chips_y: u16,
        spec: &MeshSpec,
        between: Option<LinkClass>,
        rings: bool,
    ) -> Result<Topology, Vec<TopologyError>> {
        let mut errors = Vec::new();
        for (what, value) in [
            ("the number of chips a row", chips_x),
            ("the number of chips a column", chips_y),
            ("the width", spec.width),
            ("the height", spec.height),
            ("the number of cores a router", spec.endpoints_per_router),
        ] {
            if value == 0 {
                errors.push(TopologyError::Zero { what });
            }
        }
        let width = u32::from(chips_x) * u32::from(spec.width);
        let height = u32::from(chips_y) * u32::from(spec.height);
        let routers = u64::from(width) * u64::from(height);
        let endpoints = routers.saturating_mul(u64::from(spec.endpoints_per_router));
        let most = u32::from(u16::MAX);
        if endpoints > ENDPOINT_LIMIT || width > most || height > most {
            errors.push(TopologyError::TooLarge { routers, endpoints, limit: ENDPOINT_LIMIT });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut topology = Topology {
            width: width as u16,
            height: height as u16,
            core_count: endpoints as u32,
            coords: Vec::with_capacity(routers as usize),
            links: Vec::new(),
            dead: Vec::new(),
            rings,
            dead_routers: vec![false; routers as usize],
            dead_endpoints: vec![false; endpoints as usize],
            exits: Vec::with_capacity(routers as usize),
            classes: [spec.east_west.clone(), spec.north_south.clone()].into_iter().chain(between).collect(),
            endpoints: Vec::with_capacity(endpoints as usize),
            endpoint_coords: Vec::with_capacity(endpoints as usize),
        };
        for y in 0..height {
            for x in 0..width {
                let from = RouterId(y * width + x);
                topology.coords.push(Coord { x: x as u16, y: y as u16 });
                let mut exits = [None; 4];
                for direction in Direction::ALL {
                    // One axis at a time: the position along it, its length, and the chip's.
                    let (at, length, chip) = match direction.is_horizontal() {
                        true => (x, width, u32::from(spec.width)),
                        false => (y, height, u32::from(spec.height)),
                    };
                    let Some(to) = neighbour(at, length, direction, rings) else { continue };
                    let class = match () {
                        () if at / chip != to / chip => 2,
                        () if direction.is_horizontal() => 0,
                        () => 1,
                    };
                    let to = match direction.is_horizontal() {
                        true => RouterId(y * width + to),
                        false => RouterId(to * width + x),
                    };
                    exits[direction as usize] = Some(LinkId(topology.links.len() as u32));
                    topology.links.push(Link { from, to, direction, class: LinkClassId(class) });
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
        self.dead_endpoints.push(false);
        Ok(EndpointId(self.endpoints.len() as u32 - 1))
    }

    /// Marks the directed link that leaves `from` towards `direction` as dead; routes are lost there.
    ///
    /// # Errors
    /// No router or no link there.
    pub fn kill_link(&mut self, from: Coord, direction: Direction) -> Result<(), TopologyError> {
        let link = self.link_at(from, direction)?;
        self.dead[link.index()] = true;
        Ok(())
    }

    /// The link that leaves the router at a place in a direction.
    ///
    /// # Errors
    /// No router or no link there.
    pub fn link_at(&self, from: Coord, direction: Direction) -> Result<LinkId, TopologyError> {
        let router = self.router_at(from).ok_or_else(|| self.no_router(from))?;
        let none = TopologyError::NoLink { from, direction: direction.name() };
        self.link_from(router, direction).ok_or(none)
    }

    /// Marks a router as dead: with it die its links, both ways, and its endpoints, also those added later.
    ///
    /// # Errors
    /// No router there.
    pub fn kill_router(&mut self, at: Coord) -> Result<(), TopologyError> {
        let router = self.router_at(at).ok_or_else(|| self.no_router(at))?;
        self.dead_routers[router.index()] = true;
        for (link, dead) in self.links.iter().zip(&mut self.dead) {
            *dead |= link.from == router || link.to == router;
        }
        Ok(())
    }

    /// Marks a core or port as dead; nothing enters or leaves the network there, and its router goes on.
    ///
    /// # Errors
    /// No such endpoint.
    pub fn kill_endpoint(&mut self, endpoint: EndpointId) -> Result<(), TopologyError> {
        let last = self.endpoints.len() as u32 - 1;
        match self.dead_endpoints.get_mut(endpoint.index()) {
            Some(dead) => *dead = true,
            None => return Err(TopologyError::NoEndpoint { endpoint: endpoint.0, last }),
        }
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

    /// Whether a router is dead.
    pub fn is_router_dead(&self, router: RouterId) -> bool {
        self.dead_routers[router.index()]
    }

    /// Whether an endpoint is dead, itself or with its router.
    pub fn is_endpoint_dead(&self, endpoint: EndpointId) -> bool {
        self.dead_endpoints[endpoint.index()] || self.is_router_dead(self.endpoints[endpoint.index()].router)
    }

    /// Whether any link is dead.
    pub fn has_dead_links(&self) -> bool {
        self.dead.contains(&true)
    }

    /// Whether rows and columns are closed to rings.
    pub fn is_torus(&self) -> bool {
        self.rings
    }

    /// Whether a link closes a ring: it leads east from the last column to the first, or north from the last row to the
    /// first, or back.
    pub fn wraps(&self, link: LinkId) -> bool {
        let Link { from, to, .. } = self.links[link.index()];
        let (from, to) = (self.coord(from), self.coord(to));
        from.x.abs_diff(to.x) > 1 || from.y.abs_diff(to.y) > 1
    }

    /// Hops from `a` to `b`: (east, north), negative for west and south. On a torus it is the shorter way round; east
    /// and north if both are equally long.
    #[inline]
    pub fn offset(&self, a: Coord, b: Coord) -> (i32, i32) {
        let (x, y) = (i32::from(b.x) - i32::from(a.x), i32::from(b.y) - i32::from(a.y));
        if !self.rings {
            return (x, y);
        }
        let shorter = |d: i32, length: u16| {
            let (length, ring) = (i32::from(length), length > 2);
            match () {
                () if ring && 2 * d > length => d - length,
                () if ring && 2 * d <= -length => d + length,
                () => d,
            }
        };
        (shorter(x, self.width), shorter(y, self.height))
    }

    /// The endpoint of a named port.
    pub fn port(&self, name: &str) -> Option<EndpointId> {
        self.endpoints
            .iter()
            .position(|e| matches!(&e.kind, EndpointKind::Port(n) if n == name))
            .map(|i| EndpointId(i as u32))
    }
}

/// The position one step on along an axis; `None` at the end of a line.
fn neighbour(at: u32, length: u32, direction: Direction, rings: bool) -> Option<u32> {
    let ring = rings && length > 2;
    match direction {
        Direction::East | Direction::North if at + 1 < length => Some(at + 1),
        Direction::East | Direction::North => ring.then_some(0),
        Direction::West | Direction::South => at.checked_sub(1).or(ring.then_some(length - 1)),
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

    #[test]
    fn a_torus_closes_every_row_and_column_of_three_or_more() {
        let t = Topology::torus(&spec(4, 2, 1)).unwrap();
        assert_eq!(t.links().len(), 2 * 4 * 2 + 2 * 4, "rings of four, columns of two stay lines");
        let wrapping = (0..t.links().len() as u32).filter(|&l| t.wraps(LinkId(l))).count();
        assert_eq!(wrapping, 4, "one each way in both rows");
        let east = t.link_from(RouterId(3), Direction::East).unwrap();
        assert_eq!((t.links()[east.index()].to, t.wraps(east)), (RouterId(0), true));
        assert_eq!(Topology::torus(&spec(1, 1, 1)).unwrap().links().len(), 0);
    }

    #[test]
    fn the_offset_on_a_torus_is_the_shorter_way() {
        let t = Topology::torus(&spec(5, 4, 1)).unwrap();
        let at = |x, y| Coord { x, y };
        assert_eq!(t.offset(at(0, 0), at(4, 3)), (-1, -1));
        assert_eq!(t.offset(at(4, 3), at(1, 1)), (2, 2), "two rows either way: north");
        assert_eq!(t.offset(at(0, 1), at(0, 3)), (0, 2));
        assert_eq!(mesh(5, 4, 1).offset(at(0, 0), at(4, 3)), (4, 3));
        for a in 0..20 {
            for b in 0..20 {
                let (mut here, to) = (RouterId(a), t.coord(RouterId(b)));
                let mut steps = 0;
                loop {
                    let (x, y) = t.offset(t.coord(here), to);
                    let direction = match (x, y) {
                        (0, 0) => break,
                        (1.., _) => Direction::East,
                        (..0, _) => Direction::West,
                        (0, 1..) => Direction::North,
                        (0, _) => Direction::South,
                    };
                    here = t.links()[t.link_from(here, direction).unwrap().index()].to;
                    steps += 1;
                }
                assert!(steps <= 4, "2 + 2 at most");
            }
        }
    }

    #[test]
    fn the_links_between_chips_of_a_board_have_a_class_of_their_own() {
        let between = LinkClass { name: "board".into(), latency_ps: 50_000, flit_ps: 9000 };
        let t = Topology::board(3, 2, &spec(2, 2, 1), between).unwrap();
        assert_eq!((t.width(), t.height(), t.core_count()), (6, 4, 24));
        let crossing = (0..t.links().len() as u32).filter(|&l| t.class_of(LinkId(l)).name == "board").count();
        assert_eq!(crossing, 2 * (2 * 4 + 6));
        let one = Topology::board(1, 1, &spec(3, 3, 1), spec(1, 1, 1).east_west).unwrap();
        assert_eq!(one.links(), mesh(3, 3, 1).links());
        let zero = Topology::board(0, 0, &spec(2, 2, 1), spec(1, 1, 1).east_west);
        assert_eq!(zero.unwrap_err().len(), 2);
        assert!(Topology::board(40_000, 1, &spec(2, 1, 1), spec(1, 1, 1).east_west).is_err());
    }

    #[test]
    fn a_dead_router_takes_its_links_and_endpoints_with_it() {
        let mut t = mesh(3, 3, 2);
        t.kill_router(Coord { x: 1, y: 1 }).unwrap();
        let dead = (0..t.links().len() as u32).filter(|&l| t.is_dead(LinkId(l))).count();
        assert_eq!(dead, 8);
        let port = t.add_port("late", Coord { x: 1, y: 1 }, spec(1, 1, 1).local).unwrap();
        let dead: Vec<_> = (0..19).filter(|&e| t.is_endpoint_dead(EndpointId(e))).collect();
        assert_eq!(dead, [8, 9, port.0]);
        t.kill_endpoint(EndpointId(0)).unwrap();
        assert!(t.is_endpoint_dead(EndpointId(0)) && !t.is_endpoint_dead(EndpointId(1)));
        assert!(t.kill_endpoint(EndpointId(19)).is_err());
        assert!(t.kill_router(Coord { x: 3, y: 0 }).is_err());
    }
}
