//! Noxim's routing functions and selections. The order of the ways matters: chance picks by place.

use crate::report::Fault;
use spikemesh_router::MeshPort;

/// North of Noxim, whose rows grow to the south.
const N: MeshPort = MeshPort::South;
const E: MeshPort = MeshPort::East;
const S: MeshPort = MeshPort::North;
const W: MeshPort = MeshPort::West;

/// How one of several ways is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    Random,
    BufferLevel,
    NeighboursOnPath,
}

impl Selector {
    pub(crate) const NAMES: &'static [(&'static str, Selector)] = &[
        ("RANDOM", Selector::Random),
        ("BUFFER_LEVEL", Selector::BufferLevel),
        ("NOP", Selector::NeighboursOnPath),
    ];

    /// Whether buffer levels are published at all; they are for nobody else.
    pub(crate) fn publishes(self) -> bool {
        self != Selector::Random
    }
}

/// Where a packet is, comes from and goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) here: u32,
    pub(crate) source: u32,
    pub(crate) destination: u32,
    pub(crate) k: u32,
}

/// Up to two ways on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    ways: [MeshPort; 2],
    count: usize,
}

impl Ways {
    fn of(ways: impl IntoIterator<Item = Option<MeshPort>>) -> Self {
        let mut found = Self { ways: [MeshPort::Local; 2], count: 0 };
        for way in ways.into_iter().flatten() {
            found.ways[found.count] = way;
            found.count += 1;
        }
        found
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = MeshPort> {
        self.ways.into_iter().take(self.count)
    }
}

impl std::ops::Index<usize> for Ways {
    type Output = MeshPort;
    fn index(&self, place: usize) -> &MeshPort {
        &self.ways[place]
    }
}

/// A routing function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Algorithm {
    Xy,
    WestFirst,
    NorthLast,
    NegativeFirst,
    OddEven,
    /// Odd-even that keeps to its first way until a neighbour's buffer is fuller than this part of its depth.
    Dyad(f64),
}

impl Algorithm {
    /// A name, and for DyAD a threshold.
    pub(crate) fn parse(text: &str) -> Result<Algorithm, Fault> {
        let mut words = text.split_whitespace();
        let (name, number) = (words.next().unwrap_or_default(), words.next());
        let algorithm = match (name, number) {
            ("XY", None) => Algorithm::Xy,
            ("WEST_FIRST", None) => Algorithm::WestFirst,
            ("NORTH_LAST", None) => Algorithm::NorthLast,
            ("NEGATIVE_FIRST", None) => Algorithm::NegativeFirst,
            ("ODD_EVEN", None) => Algorithm::OddEven,
            ("DYAD", Some(threshold)) => Algorithm::Dyad(
                threshold
                    .parse()
                    .map_err(|_| Fault::new("routing", format!("`{threshold}` is no threshold")))?,
            ),
            _ => return Err(Fault::new("routing", format!("`{text}` is not known"))),
        };
        Ok(algorithm)
    }

    /// The ways on. `crowded` tells whether the buffer of some neighbour holds more flits than a limit.
    pub(crate) fn ways(self, query: Query, depth: u16, crowded: &dyn Fn(u16) -> bool) -> Ways {
        let at = |id: u32| ((id % query.k) as i32, (id / query.k) as i32);
        let ((cx, cy), (dx, dy)) = (at(query.here), at(query.destination));
        let x = (dx != cx).then_some(if dx > cx { E } else { W });
        let y = (dy != cy).then_some(if dy > cy { S } else { N });
        // At the destination, which only a look ahead asks about, north is what is left.
        let xy = Ways::of([Some(x.or(y).unwrap_or(N))]);
        match self {
            Algorithm::Xy => xy,
            Algorithm::WestFirst if dx <= cx || dy == cy => xy,
            Algorithm::WestFirst => Ways::of([y, x]),
            Algorithm::NorthLast if dx == cx || dy <= cy => xy,
            Algorithm::NorthLast => Ways::of([y, x]),
            Algorithm::NegativeFirst if dx < cx || dy > cy => {
                Ways::of([x.filter(|_| dx < cx), y.filter(|_| dy > cy)])
            }
            Algorithm::NegativeFirst => Ways::of([x, y]),
            Algorithm::OddEven => odd_even((cx, cy), (dx, dy), at(query.source).0),
            Algorithm::Dyad(threshold) => {
                let ways = odd_even((cx, cy), (dx, dy), at(query.source).0);
                let limit = (f64::from(depth) * threshold).floor() as u16;
                if ways.count > 1 && !crowded(limit) { Ways::of([Some(ways[0])]) } else { ways }
            }
        }
    }
}

fn odd_even((cx, cy): (i32, i32), (dx, dy): (i32, i32), source_column: i32) -> Ways {
    let vertical = if dy < cy { N } else { S };
    if dx == cx {
        return Ways::of([Some(vertical)]);
    }
    if dx < cx {
        return Ways::of([Some(W), (cx % 2 == 0 && dy != cy).then_some(vertical)]);
    }
    if dy == cy {
        return Ways::of([Some(E)]);
    }
    let turn = (cx % 2 == 1 || cx == source_column).then_some(vertical);
    Ways::of([turn, (dx % 2 == 1 || dx - cx > 1).then_some(E)])
}
