//! Routing by an explicit table: for each router and destination one way on.
//!
//! A table comes from a [CSV file](TableRouting::read_csv), from [entries](TableRouting::new) or is
//! [computed](TableRouting::computed). It is checked when it is made: every way on exists and lives, and following it
//! from anywhere ends at the destination. It is not free of deadlock by construction; ask the prover.
//!
//! ```text
//! router_x,router_y,dest_endpoint,direction,channels
//! 0,0,5,east,0 1
//! 1,0,5,north,
//! ```
//! The last column may be missing or empty (all channels), else it names channels, with spaces between.

use super::steps::{Hop, Unicast};
use super::up_down::{UpDown, exits, routers};
use super::{ChannelSet, RouteState, RoutingError};
use crate::deadlock;
use crate::topology::{Coord, Direction, EndpointId, RouterId, Topology};
use std::collections::{BTreeMap, VecDeque};

/// Most (router, destination) pairs of a table.
const MOST_PAIRS: usize = 1 << 26;
/// No entry.
const NONE: u8 = u8::MAX;
/// What the first line of a file must say; the last name may be left out.
const HEADER: [&str; 5] = ["router_x", "router_y", "dest_endpoint", "direction", "channels"];

/// One row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableEntry {
    /// Where the packet is.
    pub router: Coord,
    /// Where it goes.
    pub destination: EndpointId,
    /// The way on.
    pub direction: Direction,
    /// The channels allowed there; `None` for all.
    pub channels: Option<ChannelSet>,
}

/// What is wrong with a table. `row` counts entries, or lines of a file, from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The first line does not name the columns.
    #[error(
        "line 1: the columns must be `router_x,router_y,dest_endpoint,direction` and may end in `channels`, not `{given}`"
    )]
    Header {
        /// The line.
        given: String,
    },
    /// A row that cannot be read.
    #[error("line {row}: `{given}` is no {wanted}")]
    Row {
        /// The line.
        row: usize,
        /// What was wanted.
        wanted: &'static str,
        /// What is there.
        given: String,
    },
    /// An entry that names what is not there.
    #[error("row {row}: {what}")]
    Entry {
        /// The row.
        row: usize,
        /// What is not there, or not alive.
        what: String,
    },
    /// Two entries for a router and destination.
    #[error("row {row}: the way from {router} to endpoint {destination} is named a second time")]
    Twice {
        /// The second row.
        row: usize,
        /// Where the packet is.
        router: Coord,
        /// Where it goes.
        destination: u32,
    },
    /// Packets that never arrive.
    #[error(
        "packets to endpoint {destination} that come to {router} {how}; give the routers they pass other ways on"
    )]
    Astray {
        /// Where they go.
        destination: u32,
        /// A router on their way.
        router: Coord,
        /// What happens to them.
        how: &'static str,
    },
    /// More pairs than a table may have.
    #[error("a table of {pairs} routers times destinations is too large; at most {limit}")]
    TooLarge {
        /// Pairs of the network.
        pairs: usize,
        /// Most there may be.
        limit: usize,
    },
}

/// Routing by a table.
#[derive(Clone, Debug)]
pub struct TableRouting {
    channels: u8,
    destinations: usize,
    /// Number of the direction, by router and then by destination.
    ways: Vec<u8>,
    /// Channels of the entries that do not allow all.
    narrowed: BTreeMap<(u32, u32), ChannelSet>,
}

impl TableRouting {
    /// A table of these entries; pairs without one cannot be routed, and no entry may lead to such a pair.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(topology: &Topology, channels: u8, entries: &[TableEntry]) -> Result<Self, Vec<TableError>> {
        let rows = entries.iter().enumerate().map(|(i, &entry)| (i + 1, entry));
        Self::from_rows(topology, channels, rows.collect(), Vec::new())
    }

    /// A table from the text of a CSV file.
    ///
    /// # Errors
    /// All that is wrong with it, by line.
    pub fn read_csv(topology: &Topology, channels: u8, text: &str) -> Result<Self, Vec<TableError>> {
        let mut errors = Vec::new();
        let mut rows = Vec::new();
        let mut lines = text.lines().enumerate();
        let header = lines.next().map_or("", |(_, line)| line.trim());
        let names: Vec<_> = header.split(',').map(str::trim).collect();
        if names != HEADER && names != HEADER[..4] {
            errors.push(TableError::Header { given: header.to_owned() });
        }
        for (i, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            match read_row(i + 1, line) {
                Ok(entry) => rows.push((i + 1, entry)),
                Err(error) => errors.push(error),
            }
        }
        Self::from_rows(topology, channels, rows, errors)
    }

    /// Shortest paths over the live links, in x as long as they can; where that could deadlock on this network, and it can
    /// around faults and on a torus, up*/down* paths instead.
    ///
    /// # Errors
    /// A network too large for it.
    pub fn computed(topology: &Topology, channels: u8) -> Result<Self, RoutingError> {
        let wrong = |why: String| RoutingError::Topology { name: "table", why };
        let shortest = Self::empty(topology, channels)
            .and_then(|table| table.filled(topology, |to| shortest_ways(topology, to)))
            .map_err(|error| wrong(error.to_string()))?;
        let proof = deadlock::prove(topology, &shortest, deadlock::Switching::wormhole());
        if proof.is_ok_and(|proof| proof.is_free()) {
            return Ok(shortest);
        }
        let up_down = UpDown::new(topology, channels).map_err(|error| wrong(error.to_string()))?;
        let ways = |to| routers(topology).map(|here| up_down.next_hop(topology, here, to)).collect();
        Self::empty(topology, channels)
            .and_then(|table| table.filled(topology, ways))
            .map_err(|error| wrong(error.to_string()))
    }

    fn empty(topology: &Topology, channels: u8) -> Result<Self, TableError> {
        let destinations = topology.endpoints().len();
        let pairs = topology.router_count().saturating_mul(destinations);
        if pairs > MOST_PAIRS {
            return Err(TableError::TooLarge { pairs, limit: MOST_PAIRS });
        }
        Ok(Self { channels, destinations, ways: vec![NONE; pairs], narrowed: BTreeMap::new() })
    }

    /// Fills in the ways of all routers to each destination's router.
    fn filled(
        mut self,
        topology: &Topology,
        ways_to: impl Fn(RouterId) -> Vec<Option<Direction>>,
    ) -> Result<Self, TableError> {
        let mut ways = (None, Vec::new());
        for (destination, endpoint) in topology.endpoints().iter().enumerate() {
            if ways.0 != Some(endpoint.router) {
                ways = (Some(endpoint.router), ways_to(endpoint.router));
            }
            for (router, way) in ways.1.iter().enumerate() {
                if let (Some(way), true) = (way, router != endpoint.router.index()) {
                    self.ways[router * self.destinations + destination] = *way as u8;
                }
            }
        }
        Ok(self)
    }

    fn from_rows(
        topology: &Topology,
        channels: u8,
        rows: Vec<(usize, TableEntry)>,
        mut errors: Vec<TableError>,
    ) -> Result<Self, Vec<TableError>> {
        let mut table = Self::empty(topology, channels).map_err(|error| vec![error])?;
        for (row, entry) in rows {
            match table.place(topology, &entry) {
                Ok((_, place)) if table.ways[place] != NONE => {
                    let (router, destination) = (entry.router, entry.destination.0);
                    errors.push(TableError::Twice { row, router, destination });
                }
                Ok((router, place)) => {
                    table.ways[place] = entry.direction as u8;
                    if let Some(narrowed) = entry.channels {
                        table.narrowed.insert((router.0, entry.destination.0), narrowed);
                    }
                }
                Err(what) => errors.push(TableError::Entry { row, what }),
            }
        }
        if errors.is_empty() {
            (0..table.destinations as u32).for_each(|to| table.follow(topology, EndpointId(to), &mut errors));
        }
        if errors.is_empty() { Ok(table) } else { Err(errors) }
    }

    /// Where an entry belongs, or what it names that is not there.
    fn place(&self, topology: &Topology, entry: &TableEntry) -> Result<(RouterId, usize), String> {
        let TableEntry { router: at, destination, direction, channels } = *entry;
        let router = topology.router_at(at).ok_or_else(|| format!("there is no router at {at}"))?;
        let endpoint = topology.endpoints().get(destination.index()).ok_or_else(|| {
            format!("there is no endpoint {}; there are {}", destination.0, self.destinations)
        })?;
        if endpoint.router == router {
            return Err(format!("endpoint {} is at {at}: the packet leaves there by itself", destination.0));
        }
        let link = topology
            .link_from(router, direction)
            .ok_or_else(|| format!("no link leads {} from {at}", direction.name()))?;
        if topology.is_dead(link) {
            return Err(format!("the link {} from {at} is dead", direction.name()));
        }
        if channels.is_some_and(|set| set.is_empty() || set.0 & !ChannelSet::first(self.channels).0 != 0) {
            return Err(format!("channels must be some of 0 to {}", self.channels - 1));
        }
        Ok((router, router.index() * self.destinations + destination.index()))
    }

    /// Follows the table to a destination from every router that has an entry.
    fn follow(&self, topology: &Topology, to: EndpointId, errors: &mut Vec<TableError>) {
        let target = topology.endpoints()[to.index()].router;
        // 0: not seen; else the number of the walk that came by.
        let mut seen = vec![0u32; topology.router_count()];
        seen[target.index()] = u32::MAX;
        for start in routers(topology).filter(|&r| self.way(r, to).is_some()) {
            let (mut here, walk) = (start, start.0 + 1);
            while seen[here.index()] == 0 {
                seen[here.index()] = walk;
                let link = self.way(here, to).and_then(|way| topology.link_from(here, way));
                match link {
                    Some(link) => here = topology.links()[link.index()].to,
                    None => {
                        let (destination, router) = (to.0, topology.coord(here));
                        errors.push(TableError::Astray { destination, router, how: "find no entry there" });
                    }
                }
            }
            if seen[here.index()] == walk && self.way(here, to).is_some() {
                let (destination, router) = (to.0, topology.coord(here));
                errors.push(TableError::Astray { destination, router, how: "go round in a circle" });
            }
        }
    }

    fn way(&self, here: RouterId, to: EndpointId) -> Option<Direction> {
        Direction::ALL.get(usize::from(self.ways[here.index() * self.destinations + to.index()])).copied()
    }
}

impl Unicast for TableRouting {
    fn name(&self) -> &'static str {
        "table"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn ways(&self, hop: &mut Hop<'_>) {
        if let Some(way) = self.way(hop.here, hop.destination) {
            let narrowed = self.narrowed.get(&(hop.here.0, hop.destination.0)).copied();
            hop.offer(way, narrowed.unwrap_or(ChannelSet::first(self.channels)), RouteState::default());
        }
    }
}

/// For every router the first direction of a shortest path to `to`.
fn shortest_ways(topology: &Topology, to: RouterId) -> Vec<Option<Direction>> {
    let mut hops = vec![u32::MAX; topology.router_count()];
    hops[to.index()] = 0;
    let mut queue = VecDeque::from([to]);
    while let Some(here) = queue.pop_front() {
        for way in Direction::ALL {
            let Some(before) = topology.link_from(here, way).map(|link| topology.links()[link.index()].to)
            else {
                continue;
            };
            let back = topology.link_from(before, way.opposite()).is_some_and(|link| !topology.is_dead(link));
            if back && hops[before.index()] == u32::MAX {
                hops[before.index()] = hops[here.index()] + 1;
                queue.push_back(before);
            }
        }
    }
    let beyond = |link: crate::LinkId| hops[topology.links()[link.index()].to.index()];
    routers(topology)
        .map(|here| {
            exits(topology, here)
                .find(|&(_, link)| hops[here.index()] != u32::MAX && beyond(link) < hops[here.index()])
                .map(|(way, _)| way)
        })
        .collect()
}

fn read_row(row: usize, line: &str) -> Result<TableEntry, TableError> {
    let fields: Vec<_> = line.split(',').map(str::trim).collect();
    let wrong = |wanted, given: &str| TableError::Row { row, wanted, given: given.to_owned() };
    let (&[x, y, to, way], channels) = match fields.split_first_chunk::<4>() {
        Some((first, [])) => (first, ""),
        Some((first, [channels])) => (first, *channels),
        _ => return Err(wrong("row of four or five columns", line)),
    };
    let place = |text: &str| text.parse::<u16>().map_err(|_| wrong("whole number from 0 to 65535", text));
    let mut set = ChannelSet::default();
    for name in channels.split_whitespace() {
        let channel = name.parse::<u8>().ok().filter(|&channel| channel < ChannelSet::MOST);
        set.0 |= 1 << channel.ok_or_else(|| wrong("virtual channel from 0 to 31", name))?;
    }
    Ok(TableEntry {
        router: Coord { x: place(x)?, y: place(y)? },
        destination: EndpointId(to.parse().map_err(|_| wrong("number of an endpoint", to))?),
        direction: Direction::ALL
            .into_iter()
            .find(|direction| direction.name() == way)
            .ok_or_else(|| wrong("direction: east, west, north or south", way))?,
        channels: (!set.is_empty()).then_some(set),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::mesh;

    #[test]
    fn every_wrong_line_of_a_file_is_listed() {
        let text = "router_x,router_y,dest_endpoint,direction,channels\n0,0,1,east\n0,0,1,east,0\n0,9,1,east\n\
                    0,0,99,east\nx,0,1,east\n0,0,1,up\n0,0,2,west\n0,0,3,east,7\n0,0,0,east\n1,2\n";
        let errors = TableRouting::read_csv(&mesh(2, 2, 1), 2, text).unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 9, "{texts:#?}");
        assert!(texts.iter().any(|text| text.contains("line 6: `x` is no whole number")), "{texts:#?}");
        let errors = TableRouting::read_csv(&mesh(2, 2, 1), 1, "x,y\n").unwrap_err();
        assert!(matches!(errors[..], [TableError::Header { .. }]));
    }

    #[test]
    fn circles_and_dead_ends_are_found() {
        let topology = mesh(2, 2, 1);
        let head = "router_x,router_y,dest_endpoint,direction\n";
        let circle = format!("{head}0,0,3,east\n1,0,3,west\n");
        let errors = TableRouting::read_csv(&topology, 1, &circle).unwrap_err();
        assert!(matches!(errors[..], [TableError::Astray { how: "go round in a circle", .. }]), "{errors:?}");
        let end = format!("{head}0,0,3,east\n");
        let errors = TableRouting::read_csv(&topology, 1, &end).unwrap_err();
        assert!(matches!(errors[..], [TableError::Astray { how: "find no entry there", .. }]), "{errors:?}");
        let good = format!("{head}0,0,3,east\n1,0,3,north\n");
        assert!(TableRouting::read_csv(&topology, 1, &good).is_ok());
    }
}
