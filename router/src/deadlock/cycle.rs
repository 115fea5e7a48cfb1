//! A cycle of waiting packets, named link by link and drawn.

use crate::topology::{Coord, Direction, EndpointId, LinkId, Topology};
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// Destinations that are listed for each wait; all are counted.
const LISTED_DESTINATIONS: usize = 8;

/// One channel of a cycle: a packet that holds it may ask for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The link.
    pub link: LinkId,
    /// The virtual channel.
    pub channel: u8,
    /// Where the link starts.
    pub from: Coord,
    /// Where the packet waits.
    pub to: Coord,
    /// Where the link leads.
    pub direction: Direction,
    /// Whether the link closes a ring of a torus.
    pub wraps: bool,
    /// Some destinations of packets that wait here.
    pub destinations: Vec<EndpointId>,
    /// How many such destinations there are.
    pub destination_count: usize,
}

/// Packets that wait for each other in a circle: each holds a channel and asks for the next one's, the last for the first's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The channels, in order.
    pub waits: Vec<Wait>,
}

impl Cycle {
    pub(super) fn new(
        topology: &Topology,
        channels: &[(LinkId, u8)],
        destinations: Vec<Vec<EndpointId>>,
    ) -> Self {
        let waits = channels.iter().zip(destinations).map(|(&(id, channel), mut destinations)| {
            let link = topology.links()[id.index()];
            let destination_count = destinations.len();
            destinations.truncate(LISTED_DESTINATIONS);
            Wait {
                link: id,
                channel,
                from: topology.coord(link.from),
                to: topology.coord(link.to),
                direction: link.direction,
                wraps: topology.wraps(id),
                destinations,
                destination_count,
            }
        });
        Self { waits: waits.collect() }
    }

    /// The routers of the cycle and the links held between them, as text; north is up, `~` marks a link that wraps.
    ///
    /// ```text
    /// (0,1)  <-----  (1,1)
    ///   |              ^
    ///   v              |
    /// (0,0)  ----->  (1,0)
    /// ```
    pub fn picture(&self) -> String {
        const GAP: usize = 6;
        let (columns, rows) = self.axes();
        let cell = |at: Coord| if self.holds_router(at) { at.to_string() } else { String::new() };
        let places = || rows.iter().rev().flat_map(|&y| columns.iter().map(move |&x| Coord { x, y }));
        let wide = places().map(|at| cell(at).len()).max().unwrap_or(0);
        let mut text = String::new();
        for &y in rows.iter().rev() {
            let (mut routers, mut above) = (String::new(), [String::new(), String::new()]);
            for &x in &columns {
                let at = Coord { x, y };
                let wraps = |way| self.held(at, way).is_some_and(|wait| wait.wraps);
                let west = if wraps(Direction::West) { "<~" } else { "  " };
                let east = if wraps(Direction::East) { "~>" } else { "  " };
                let name = cell(at);
                let between = match (self.held(at, Direction::East), self.enters(at, Direction::West)) {
                    (Some(wait), _) if wait.wraps => "      ",
                    (Some(_), Some(_)) => "<---->",
                    (Some(_), None) => "----->",
                    (None, Some(_)) => "<-----",
                    (None, None) => "      ",
                };
                let _ = write!(routers, "{west}{name:^wide$}{east}{between:^GAP$}");
                let (up, down) = (self.held(at, Direction::North), self.enters(at, Direction::South));
                let marks = match (up, down) {
                    (Some(wait), _) if wait.wraps => ["~", "^"],
                    (Some(_), Some(_)) => ["^", "v"],
                    (Some(_), None) => ["^", "|"],
                    (None, Some(_)) => ["|", "v"],
                    (None, None) => [" ", " "],
                };
                for (line, mark) in above.iter_mut().zip(marks) {
                    let _ = write!(line, "  {mark:^wide$}  {:GAP$}", "");
                }
            }
            for line in above.iter().filter(|line| !line.trim().is_empty()).chain([&routers]) {
                let _ = writeln!(text, "{}", line.trim_end());
            }
            let below: String = columns
                .iter()
                .map(|&x| {
                    let wraps = self.held(Coord { x, y }, Direction::South).is_some_and(|wait| wait.wraps);
                    format!("  {:^wide$}  {:GAP$}", if wraps { "~" } else { " " }, "")
                })
                .collect();
            if !below.trim().is_empty() {
                let _ = writeln!(text, "{}", below.trim_end());
            }
        }
        text
    }

    /// The same as a drawing of its own, in SVG.
    pub fn svg(&self) -> String {
        const STEP: i32 = 90;
        const RADIUS: i32 = 22;
        let (columns, rows) = self.axes();
        let place = |at: Coord| {
            let x = columns.iter().position(|&x| x == at.x).unwrap_or(0) as i32;
            let y = rows.iter().rev().position(|&y| y == at.y).unwrap_or(0) as i32;
            (STEP * x + STEP / 2, STEP * y + STEP / 2)
        };
        let (width, height) = (STEP * columns.len() as i32, STEP * rows.len() as i32);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n\
             <defs><marker id=\"head\" viewBox=\"0 0 6 6\" refX=\"5\" refY=\"3\" markerWidth=\"6\" markerHeight=\"6\" \
             orient=\"auto\"><path d=\"M0 0 6 3 0 6z\" fill=\"#b00020\"/></marker></defs>\n"
        );
        for wait in &self.waits {
            let (east, north) = match wait.direction {
                Direction::East => (1, 0),
                Direction::West => (-1, 0),
                Direction::North => (0, 1),
                Direction::South => (0, -1),
            };
            let (x, y) = place(wait.from);
            // Beside the middle line, so that links both ways do not hide each other.
            let (x, y) = (x + 5 * north, y + 5 * east);
            let (start, end) = (RADIUS, if wait.wraps { STEP / 2 } else { STEP - RADIUS });
            let _ = writeln!(
                svg,
                "<path d=\"M{} {} L{} {}\" stroke=\"#b00020\" stroke-width=\"2\" marker-end=\"url(#head)\"{}>\
                 <title>{wait}</title></path>",
                x + start * east,
                y - start * north,
                x + end * east,
                y - end * north,
                if wait.wraps { " stroke-dasharray=\"4 3\"" } else { "" },
            );
        }
        let routers: BTreeSet<_> = self.waits.iter().map(|wait| wait.from).collect();
        for at in routers {
            let (x, y) = place(at);
            let _ = writeln!(
                svg,
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{RADIUS}\" fill=\"#fff\" stroke=\"#333\"/>\
                 <text x=\"{x}\" y=\"{}\" fill=\"#333\">{at}</text>",
                y + 4,
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Columns and rows of the routers of the cycle, ascending.
    fn axes(&self) -> (Vec<u16>, Vec<u16>) {
        let places = || self.waits.iter().flat_map(|wait| [wait.from, wait.to]);
        let columns: BTreeSet<_> = places().map(|at| at.x).collect();
        let rows: BTreeSet<_> = places().map(|at| at.y).collect();
        (columns.into_iter().collect(), rows.into_iter().collect())
    }

    fn holds_router(&self, at: Coord) -> bool {
        self.waits.iter().any(|wait| wait.from == at || wait.to == at)
    }

    /// The link held out of a router in a direction.
    fn held(&self, at: Coord, direction: Direction) -> Option<&Wait> {
        self.waits.iter().find(|wait| wait.from == at && wait.direction == direction)
    }

    /// The link held into a router in a direction that does not wrap.
    fn enters(&self, at: Coord, direction: Direction) -> Option<&Wait> {
        self.waits.iter().find(|wait| wait.to == at && wait.direction == direction && !wait.wraps)
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{} vc{}", self.from, self.to, self.channel)
    }
}

impl fmt::Display for Cycle {
    /// One line a wait, then the picture.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (wait, next) in self.waits.iter().zip(self.waits.iter().cycle().skip(1)) {
            write!(f, "{wait} waits for {next}")?;
            if let Some((first, others)) = wait.destinations.split_first() {
                write!(f, " with packets to {}", first.0)?;
                others.iter().try_for_each(|to| write!(f, ", {}", to.0))?;
            }
            match wait.destination_count - wait.destinations.len() {
                0 => writeln!(f)?,
                more => writeln!(f, " and {more} more")?,
            }
        }
        f.write_str(&self.picture())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::RouterId;
    use crate::topology::tests::{mesh, spec};

    fn cycle(topology: &Topology, links: &[(u32, Direction)]) -> Cycle {
        let link = |&(router, way): &(u32, Direction)| (topology.link_from(RouterId(router), way).unwrap(), 0);
        let channels: Vec<_> = links.iter().map(link).collect();
        Cycle::new(topology, &channels, vec![vec![EndpointId(1)]; channels.len()])
    }

    #[test]
    fn a_square_is_drawn_as_a_square() {
        use Direction::{East, North, South, West};
        let square = cycle(&mesh(3, 3, 1), &[(0, East), (1, North), (4, West), (3, South)]);
        let expect =
            "  (0,1)  <-----  (1,1)\n    |              ^\n    v              |\n  (0,0)  ----->  (1,0)\n";
        assert_eq!(square.picture(), expect);
        let svg = square.svg();
        assert_eq!((svg.matches("<circle").count(), svg.matches("marker-end").count()), (4, 4));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn a_link_that_wraps_is_marked() {
        let torus = Topology::torus(&spec(3, 3, 1)).unwrap();
        let ring = cycle(&torus, &[(0, Direction::East), (1, Direction::East), (2, Direction::East)]);
        assert_eq!(ring.picture().trim_end(), "  (0,0)  ----->  (1,0)  ----->  (2,0)~>");
    }
}
