//! What a tree of links costs.

use crate::grid::Grid;

/// Costs of straight ways, in whole numbers. Bits count the cores of a column (see [`crate::grid::Place`]), `low <= from <= high`.
pub(crate) trait Metric {
    /// Whether every destination is paid for on its own.
    const UNICAST: bool;
    /// Whether every link costs 1, with multicast.
    const UNIT: bool = false;
    /// From a core up its column to `high` and down to `low`.
    fn column(&self, x: usize, low: u32, from: u32, high: u32) -> i64;
    /// From a core in column `from` along its row to columns `low` and `high`; the row is that of the core's bit.
    fn row(&self, bit: u32, low: u32, from: u32, high: u32) -> i64;
    /// What reaching a core costs beside the links to it.
    #[inline(always)]
    fn arrival(&self) -> i64 {
        0
    }
    /// What a usual link costs: the unit of temperatures and of hints.
    fn unit(&self) -> i64 {
        1
    }
}

/// Every link costs 1; one core a router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<const UNICAST: bool>;

impl<const U: bool> Metric for Unit<U> {
    const UNICAST: bool = U;
    const UNIT: bool = !U;

    #[inline(always)]
    fn column(&self, _x: usize, low: u32, _from: u32, high: u32) -> i64 {
        i64::from(high - low)
    }

    #[inline(always)]
    fn row(&self, _bit: u32, low: u32, _from: u32, high: u32) -> i64 {
        i64::from(high - low)
    }
}

/// Every directed link has a price of its own; sums from the edge of the mesh, so that a straight way costs a difference.
#[derive(Clone, Debug)]
pub(crate) struct Priced<const UNICAST: bool> {
    bits: usize,
    width: usize,
    arrival: i64,
    unit: i64,
    /// By column and bit: links from the south edge up to that core's router, taken northward; southward.
    up: Vec<i64>,
    down: Vec<i64>,
    /// By bit and column: links from the west edge to that router, taken eastward; westward.
    east: Vec<i64>,
    west: Vec<i64>,
}

/// Prices of all directed links, by router in the order of cores: to the east, west, north and south neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPrices {
    /// By router.
    pub east: Vec<i64>,
    /// By router.
    pub west: Vec<i64>,
    /// By router.
    pub north: Vec<i64>,
    /// By router.
    pub south: Vec<i64>,
    /// What every core that a spike reaches costs, its own included, beside links.
    pub arrival: i64,
}

impl LinkPrices {
    /// The same price for all links along x, and for all along y.
    pub fn uniform(grid: &Grid, along_x: i64, along_y: i64) -> Self {
        let routers = grid.width * grid.height;
        let each = |price: i64| vec![price; routers];
        Self {
            east: each(along_x),
            west: each(along_x),
            north: each(along_y),
            south: each(along_y),
            arrival: 0,
        }
    }

    /// Makes links from chip to chip `factor` times as dear, where chips of `width` x `height` routers make up the grid.
    ///
    /// # Panics
    /// A dimension is 0.
    pub fn scale_between_chips(&mut self, grid: &Grid, (width, height): (usize, usize), factor: i64) {
        for router in 0..grid.width * grid.height {
            let (x, y) = (router % grid.width, router / grid.width);
            for (price, crosses) in [
                (&mut self.east, (x + 1) % width == 0),
                (&mut self.west, x % width == 0),
                (&mut self.north, (y + 1) % height == 0),
                (&mut self.south, y % height == 0),
            ] {
                if crosses {
                    price[router] *= factor;
                }
            }
        }
    }

    /// The price of a usual link, the median; at least 1. Hints are in units of it.
    pub fn unit(&self) -> i64 {
        let mut all: Vec<i64> =
            [&self.east, &self.west, &self.north, &self.south].into_iter().flatten().copied().collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(1).max(1)
    }
}

impl<const UNICAST: bool> Priced<UNICAST> {
    pub(crate) fn new(grid: &Grid, prices: &LinkPrices) -> Self {
        let (bits, width, each) = (grid.bits(), grid.width, grid.each);
        let mut metric = Self {
            bits,
            width,
            arrival: prices.arrival,
            unit: prices.unit(),
            up: vec![0; bits * width],
            down: vec![0; bits * width],
            east: vec![0; bits * width],
            west: vec![0; bits * width],
        };
        for x in 0..width {
            for bit in each..bits {
                let y = bit / each;
                let (at, before) = (x * bits + bit, x * bits + bit - each);
                metric.up[at] = metric.up[before] + prices.north[(y - 1) * width + x];
                metric.down[at] = metric.down[before] + prices.south[y * width + x];
            }
        }
        for bit in 0..bits {
            let row = bit / each * width;
            for x in 1..width {
                let at = bit * width + x;
                metric.east[at] = metric.east[at - 1] + prices.east[row + x - 1];
                metric.west[at] = metric.west[at - 1] + prices.west[row + x];
            }
        }
        metric
    }
}

impl<const U: bool> Metric for Priced<U> {
    const UNICAST: bool = U;

    #[inline(always)]
    fn column(&self, x: usize, low: u32, from: u32, high: u32) -> i64 {
        let at = |bit: u32| x * self.bits + bit as usize;
        self.up[at(high)] - self.up[at(from)] + self.down[at(from)] - self.down[at(low)]
    }

    #[inline(always)]
    fn row(&self, bit: u32, low: u32, from: u32, high: u32) -> i64 {
        let at = |x: u32| bit as usize * self.width + x as usize;
        self.east[at(high)] - self.east[at(from)] + self.west[at(from)] - self.west[at(low)]
    }

    #[inline(always)]
    fn arrival(&self) -> i64 {
        self.arrival
    }

    fn unit(&self) -> i64 {
        self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A straight way costs the prices of its links, each taken in its own direction.
        #[test]
        fn straight_ways_cost_the_links_they_take(
            (width, height, each) in (1usize..6, 1usize..6, 1usize..4),
            prices in prop::array::uniform4(prop::collection::vec(0i64..100, 25)),
            from in 0u32..15, to in 0u32..15, line in 0usize..15,
        ) {
            let grid = Grid::new(width, height, each, 1);
            let [east, west, north, south] = prices.map(|p| p[..width * height].to_vec());
            let metric = Priced::<false>::new(&grid, &LinkPrices { east: east.clone(), west: west.clone(), north: north.clone(), south: south.clone(), arrival: 0 });
            // Along a column, between bits.
            let (x, a, b) = (line % width, from % grid.bits() as u32, to % grid.bits() as u32);
            let (ya, yb) = (a as usize / each, b as usize / each);
            let expect: i64 = (ya..yb).map(|y| north[y * width + x]).sum::<i64>()
                + (yb + 1..=ya).map(|y| south[y * width + x]).sum::<i64>();
            prop_assert_eq!(metric.column(x, a.min(b), a, a.max(b)), expect);
            // Along a row, between columns.
            let bit = line % grid.bits();
            let (y, a, b) = (bit / each, from % width as u32, to % width as u32);
            let expect: i64 = (a..b).map(|x| east[y * width + x as usize]).sum::<i64>()
                + (b + 1..=a).map(|x| west[y * width + x as usize]).sum::<i64>();
            prop_assert_eq!(metric.row(bit as u32, a.min(b), a, a.max(b)), expect);
        }

        #[test]
        fn links_that_all_cost_1_make_the_unit_metric(
            (width, height) in (1usize..9, 1usize..9), [low, from, high] in prop::array::uniform3(0u32..8), line in 0usize..8,
        ) {
            let grid = Grid::new(width, height, 1, 1);
            let priced = Priced::<false>::new(&grid, &LinkPrices::uniform(&grid, 1, 1));
            let sorted = |most: usize| {
                let mut three = [low, from, high].map(|n| n % most as u32);
                three.sort_unstable();
                three
            };
            let [low, from, high] = sorted(height);
            let x = line % width;
            prop_assert_eq!(priced.column(x, low, from, high), Unit::<false>.column(x, low, from, high));
            let [low, from, high] = sorted(width);
            let bit = (line % height) as u32;
            prop_assert_eq!(priced.row(bit, low, from, high), Unit::<false>.row(bit, low, from, high));
        }
    }
}
