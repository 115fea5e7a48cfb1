//! What a search makes small: links, or what they cost where chips meet, where a link is dead, or in joules.

use super::{Search, Target};
use crate::chip::{DeadLink, FanOut};
use crate::error::{Error, Problem, all_well};
use serde::Serialize;
use spikemesh_placement::{Grid, LinkPrices, Objective};
use spikemesh_router::Direction;

/// What crossing links and reaching cores takes, in attojoules (1e-18 J).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopPrices {
    /// Of a packet over a link to the east or west.
    pub east_west: u64,
    /// Of a packet over a link to the north or south.
    pub north_south: u64,
    /// Of an axon looked up, once for every core a spike reaches; `None` if nobody knows: then it is not weighed.
    pub arrival: Option<u64>,
}

/// Several chips that make up the mesh, with dearer links between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Chips along x and along y; each divides the mesh.
    pub chips: [u16; 2],
    /// What a link from chip to chip costs, in links of a chip; from 1 to 1000.
    pub link_price: u32,
}

/// Most that a link from chip to chip may cost.
pub const MOST_LINK_PRICE: u32 = 1000;

/// The objective of a search, by the prices given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weighed {
    /// Of what: `links` or `aJ` (attojoules), a unit of rate.
    pub unit: &'static str,
    /// Before the search.
    pub before: f64,
    /// After it.
    pub after: f64,
}

/// Packets over links from chip to chip, in the unit of rates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossings {
    /// Before the search.
    pub before: f64,
    /// After it.
    pub after: f64,
}

/// The dearest price of the given ones inside the search, where prices are small whole numbers.
const DEAREST: u64 = 1000;
/// A link that is dead costs as many of the dearest.
const DEAD_LINK: i64 = 1000;

/// The most it costs, so that sums over a million neurons stay within 64 bits.
const MOST_EXTRA: i64 = 10_000_000;

/// Prices of links, as given and as the search takes them.
#[derive(Clone, Debug)]
pub(super) struct Pricing {
    pub(super) unicast: bool,
    /// As given; dead links cost what others do.
    pub(super) exact: LinkPrices,
    pub(super) unit: &'static str,
    /// Links from chip to chip cost 1, others nothing.
    pub(super) between: Option<LinkPrices>,
    /// Dead links cost 1, others nothing.
    pub(super) dead: LinkPrices,
    /// As the search takes them; `None` where every link costs the same.
    scaled: Option<LinkPrices>,
}

impl Pricing {
    /// The prices of a search on a grid of `mesh` routers.
    ///
    /// # Errors
    /// Chips that do not divide the mesh, a price out of range.
    pub(super) fn new(
        grid: &Grid,
        mesh: [u16; 2],
        board: Option<Board>,
        chip: (FanOut, &[DeadLink]),
        crowded: &[([u16; 2], u32)],
        search: &Search,
    ) -> Result<Self, Error> {
        let (fan_out, dead_links) = chip;
        let unicast = match search.target {
            Target::Multicast => false,
            Target::Unicast => true,
            Target::Chip | Target::Energy(_) => fan_out == FanOut::Unicast,
        };
        let chip = board.map(|board| board.chip(mesh)).transpose()?;
        let mut dead = LinkPrices::uniform(grid, 0, 0);
        for link in dead_links {
            let router = usize::from(link.from.y) * usize::from(mesh[0]) + usize::from(link.from.x);
            let prices = match link.direction {
                Direction::East => &mut dead.east,
                Direction::West => &mut dead.west,
                Direction::North => &mut dead.north,
                Direction::South => &mut dead.south,
            };
            prices[router] = 1;
        }
        let priced = |[east_west, north_south, arrival]: [u64; 3]| {
            let mut prices = LinkPrices::uniform(grid, east_west as i64, north_south as i64);
            prices.arrival = arrival as i64;
            if let (Some(chip), Some(board)) = (chip, board) {
                prices.scale_between_chips(grid, chip, board.link_price.into());
            }
            prices
        };
        let given = match search.target {
            Target::Energy(hop) => [hop.east_west, hop.north_south, hop.arrival.unwrap_or(0)],
            _ => [1, 1, 0],
        };
        let dearest = given.into_iter().max().unwrap_or(1).max(1);
        let scale = |price: u64| {
            let small =
                (u128::from(price) * u128::from(DEAREST) + u128::from(dearest) / 2) / u128::from(dearest);
            if price > 0 { (small as u64).max(1) } else { 0 }
        };
        let small = if matches!(search.target, Target::Energy(_)) { given.map(scale) } else { given };
        let between = chip.map(|chip| {
            let mut prices = LinkPrices::uniform(grid, 1, 1);
            prices.scale_between_chips(grid, chip, 2);
            let one_less = |list: Vec<i64>| list.into_iter().map(|price| i64::from(price > 1)).collect();
            let LinkPrices { east, west, north, south, arrival } = prices;
            let [east, west, north, south] = [east, west, north, south].map(one_less);
            LinkPrices { east, west, north, south, arrival }
        });
        let is_plain = small == [1, 1, 0] && between.is_none() && dead_links.is_empty() && crowded.is_empty();
        // Quarters of a link need room between whole numbers.
        let finer = if crowded.is_empty() { 1 } else { 4 };
        let mut scaled = priced(small.map(|price| finer * price));
        for &([x, y], quarters) in crowded {
            let (width, height) = (usize::from(mesh[0]), usize::from(mesh[1]));
            let (x, y) = (usize::from(x), usize::from(y));
            let mut raise = |prices: fn(&mut LinkPrices) -> &mut Vec<i64>, x: usize, y: usize| {
                // A router beyond the edge has no link.
                if x < width && y < height {
                    let price = &mut prices(&mut scaled)[y * width + x];
                    *price += *price * i64::from(quarters) / 4;
                }
            };
            raise(|prices| &mut prices.east, x.wrapping_sub(1), y);
            raise(|prices| &mut prices.west, x + 1, y);
            raise(|prices| &mut prices.north, x, y.wrapping_sub(1));
            raise(|prices| &mut prices.south, x, y + 1);
        }
        Ok(Self {
            unicast,
            exact: priced(given),
            unit: if matches!(search.target, Target::Energy(_)) { "aJ" } else { "links" },
            between,
            dead,
            scaled: (!is_plain).then_some(scaled),
        })
    }

    /// In the search's terms; dead links cost `severity` times more than they do at first.
    pub(super) fn objective(&self, severity: i64) -> Objective {
        let Some(mut prices) = self.scaled.clone() else {
            return if self.unicast { Objective::Unicast } else { Objective::Multicast };
        };
        let dearest = *prices.east.iter().chain(&prices.north).max().unwrap_or(&1);
        let unit = prices.unit();
        let add = |prices: &mut [i64], dead: &[i64]| {
            // Many links of the usual price, and more than any one that is dearer.
            let extra = ((DEAD_LINK * unit).max(dearest.max(1)) * severity).min(MOST_EXTRA);
            prices.iter_mut().zip(dead).for_each(|(price, dead)| *price += dead * extra);
        };
        add(&mut prices.east, &self.dead.east);
        add(&mut prices.west, &self.dead.west);
        add(&mut prices.north, &self.dead.north);
        add(&mut prices.south, &self.dead.south);
        if self.unicast { Objective::PricedUnicast(prices) } else { Objective::Priced(prices) }
    }

    /// Whether prices say more than the number of links.
    pub(super) fn is_dear(&self) -> bool {
        self.unit != "links" || self.between.is_some()
    }
}

impl Board {
    /// Routers of a chip along x and y.
    fn chip(&self, mesh: [u16; 2]) -> Result<(usize, usize), Error> {
        let mut problems = Vec::new();
        let mut wrong =
            |what: String, hint: String| problems.push(Problem::new("chips of the board", what, hint));
        for (name, chips, routers) in [("columns", self.chips[0], mesh[0]), ("rows", self.chips[1], mesh[1])] {
            if chips == 0 || routers % chips != 0 {
                let divisors: Vec<String> =
                    (1..=routers).filter(|n| routers % n == 0).take(12).map(|n| n.to_string()).collect();
                wrong(
                    format!("{chips} chips do not divide the {routers} {name} of the mesh"),
                    format!("one of {}, or another mesh", divisors.join(", ")),
                );
            }
        }
        if !(1..=MOST_LINK_PRICE).contains(&self.link_price) {
            wrong(
                format!("a link between chips costs {} links", self.link_price),
                format!("a whole number from 1 to {MOST_LINK_PRICE}"),
            );
        }
        all_well(problems)?;
        Ok((usize::from(mesh[0] / self.chips[0]), usize::from(mesh[1] / self.chips[1])))
    }
}
