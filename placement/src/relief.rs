//! Relief of the busiest links: prices of links rise with their load, and vertices move under the new prices.

use crate::grid::Grid;
use crate::metric::{LinkPrices, Metric, Priced};
use crate::problem::Problem;
use crate::search::{Found, Heat, Run};
use crate::state::Word;

/// Rounds of new prices.
const ROUNDS: u64 = 24;
/// Price of a link that needs no relief.
const BASE: i64 = 64;

/// Load of every directed link under XY multicast, in rate units.
pub(crate) fn loads(problem: &Problem, grid: &Grid, core: &[u16]) -> LinkPrices {
    let mut loads = LinkPrices::uniform(grid, 0, 0);
    let width = grid.width;
    for net in 0..problem.nets() {
        let mut span: Vec<Option<(usize, usize)>> = vec![None; width];
        for pin in problem.pins.row(net) {
            let (x, y) = grid.coord(core[*pin as usize].into());
            let (low, high) = span[x].unwrap_or((y, y));
            span[x] = Some((low.min(y), high.max(y)));
        }
        let (first, last) = (span.iter().position(Option::is_some), span.iter().rposition(Option::is_some));
        let (Some(first), Some(last)) = (first, last) else { continue };
        for source in problem.sources.row(net) {
            let (sx, sy) = grid.coord(core[source.vertex as usize].into());
            let rate = i64::from(source.rate);
            (sx..last).for_each(|x| loads.east[sy * width + x] += rate);
            (first + 1..=sx).for_each(|x| loads.west[sy * width + x] += rate);
            for (x, span) in span.iter().enumerate() {
                let Some((low, high)) = *span else { continue };
                (sy..high).for_each(|y| loads.north[y * width + x] += rate);
                (low + 1..=sy).for_each(|y| loads.south[y * width + x] += rate);
            }
        }
    }
    loads
}

impl LinkPrices {
    fn each(&self) -> impl Iterator<Item = i64> {
        [&self.east, &self.west, &self.north, &self.south].into_iter().flatten().copied()
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut i64> {
        [&mut self.east, &mut self.west, &mut self.north, &mut self.south].into_iter().flatten()
    }

    fn most(&self) -> i64 {
        self.each().max().unwrap_or(0)
    }
}

impl<'a, M: Metric + Clone> Run<'a, M> {
    /// The placement with the least busiest link that was found on the way from `start`, whose links together carry at
    /// most (1 + `share`) times the start's load; and that link's load.
    pub(crate) fn relieved<W: Word>(&mut self, start: &Found, share: f64, work: u64) -> (Found, i64) {
        let (problem, grid) = (self.problem, self.grid);
        let first = loads(problem, grid, &start.1);
        let limit = (first.each().sum::<i64>() as f64 * (1.0 + share)) as i64;
        let mut best = (start.clone(), first.most());
        let mut prices = LinkPrices::uniform(grid, BASE, BASE);
        let (mut core, mut loads_now) = (start.1.clone(), first);
        let mut run = self.with_metric(Priced::<false>::new(grid, &prices));
        for round in 0..ROUNDS {
            // A link at nine tenths of the busiest one's load, or more, becomes dearer; others slowly forget.
            let most = best.1.max(1);
            for (price, load) in prices.each_mut().zip(loads_now.each()) {
                let over = (load as f64 / most as f64 - 0.9).clamp(-0.1, 0.3);
                *price = (*price as f64 * (1.0 + 0.8 * over)).clamp(BASE as f64, 40.0 * BASE as f64) as i64;
            }
            run.metric = Priced::new(grid, &prices);
            let heat =
                if round + 1 < ROUNDS { Heat(250 * BASE, 100 * BASE) } else { Heat(100 * BASE, 20 * BASE) };
            core = run.hard::<W>(problem, core, heat, work / ROUNDS).1;
            loads_now = loads(problem, grid, &core);
            let total: i64 = loads_now.each().sum();
            if total <= limit && loads_now.most() < best.1 {
                best = ((total, core.clone()), loads_now.most());
            } else if total > limit + limit / 100 {
                // Too dear: back to the best, with half the prices.
                core.clone_from(&best.0.1);
                loads_now = loads(problem, grid, &core);
                prices.each_mut().for_each(|price| *price = BASE + (*price - BASE) / 2);
            }
        }
        (self.work, self.evaluations, self.stopped) = (run.work, run.evaluations, run.stopped);
        best
    }
}
