//! A state against links walked one by one.

use super::*;
use crate::list::Lists;
use crate::metric::{LinkPrices, Priced, Unit};
use crate::problem::Hint;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A problem as the user gives it, a mesh and moves. The first vertex has the largest rate, so that rate units are 1.
#[derive(Clone, Debug)]
struct Case {
    targets: Vec<Vec<u32>>,
    rates: Vec<u32>,
    sizes: Vec<u32>,
    pinned: Vec<bool>,
    size: (usize, usize, usize),
    /// Prices to the east, west, north and south, by router.
    prices: [Vec<i64>; 4],
    /// What reaching a core costs, where links have prices.
    arrival: i64,
    /// What the first vertices pay by core, in links.
    hint: Vec<f64>,
    start: Vec<u16>,
    moves: Vec<(u32, u16)>,
}

fn mesh() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![
        4 => (1usize..=8, 1usize..=8, Just(1usize)),
        2 => (1usize..=5, 1usize..=5, 2usize..=4),
        1 => Just((20, 10, 1)),
        1 => prop_oneof![Just((3, 30, 1)), Just((64, 64, 1)), Just((2, 32, 2))],
    ]
}

/// Vertices choose among few rows of targets, so that nets have several sources.
fn case() -> impl Strategy<Value = Case> {
    (mesh(), 1usize..12).prop_flat_map(|(size, n)| {
        let (width, height, each) = size;
        let cores = (width * height * each) as u16;
        let v = 0..n as u32;
        let prices = || prop::collection::vec(0i64..50, width * height);
        let rows = prop::collection::vec(prop::collection::btree_set(v.clone(), 0..=n.min(6)), 1..5);
        let vertices = prop::collection::vec((0usize..5, 1u32..=1 << 18, 0u32..5, any::<bool>(), 0..cores), n);
        let moves = prop::collection::vec((v, 0..cores), 0..25);
        let hint = prop_oneof![
            Just(Vec::new()),
            prop::collection::vec((0u32..9).prop_map(f64::from), usize::from(cores))
        ];
        (rows, vertices, [prices(), prices(), prices(), prices()], (0i64..20, hint), moves).prop_map(
            move |(rows, vertices, prices, (arrival, hint), moves)| {
                let rows: Vec<Vec<u32>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
                let mut rates: Vec<u32> = vertices.iter().map(|v| v.1).collect();
                rates[0] = 1 << 18;
                Case {
                    targets: vertices.iter().map(|v| rows[v.0 % rows.len()].clone()).collect(),
                    rates,
                    sizes: vertices.iter().map(|v| v.2).collect(),
                    pinned: vertices.iter().map(|v| v.3).collect(),
                    size,
                    prices,
                    arrival,
                    hint,
                    start: vertices.iter().map(|v| v.4).collect(),
                    moves,
                }
            },
        )
    })
}

impl Case {
    fn problem(&self) -> Problem {
        let rates: Vec<f64> = self.rates.iter().map(|r| f64::from(*r)).collect();
        let places = self.pinned.iter().zip(&self.start).map(|(pinned, at)| pinned.then_some(u32::from(*at)));
        let mut problem = Problem::new(Lists::from_rows(self.targets.clone()), &rates, places.collect());
        problem.sizes.clone_from(&self.sizes);
        if self.hint.is_empty() {
            return problem;
        }
        problem.hinted(&[Hint { vertices: self.hinted(), prices: self.hint.clone() }])
    }

    /// Vertices under the hint.
    fn hinted(&self) -> std::ops::Range<u32> {
        0..self.rates.len() as u32 / 2
    }

    fn grid(&self) -> Grid {
        Grid::new(self.size.0, self.size.1, self.size.2, 10)
    }

    fn link_prices(&self) -> LinkPrices {
        let [east, west, north, south] = self.prices.clone();
        LinkPrices { east, west, north, south, arrival: self.arrival }
    }

    /// The cost, link by link: along the row, then along the column.
    fn oracle(&self, core: &[u16], prices: &LinkPrices, unicast: bool) -> i64 {
        let (width, _, each) = self.size;
        let LinkPrices { east, west, north, south, arrival } = prices;
        let ways = [east, west, north, south];
        let mut total = 0;
        if !self.hint.is_empty() {
            let mean = self.problem().mean_rate();
            let paid = self.hinted().map(|v| (self.hint[usize::from(core[v as usize])] as i64) * mean);
            total += prices.unit() * paid.sum::<i64>();
        }
        for (u, row) in self.targets.iter().enumerate() {
            let cores: BTreeSet<u16> = row.iter().map(|t| core[*t as usize]).collect();
            let mut links = Vec::new();
            total += i64::from(self.rates[u]) * arrival * cores.len() as i64;
            for to in cores {
                let mut at = usize::from(core[u]) / each;
                let to = usize::from(to) / each;
                while at != to {
                    let (x, y, tx, ty) = (at % width, at / width, to % width, to / width);
                    let (way, next) = match (tx.cmp(&x), ty.cmp(&y)) {
                        (std::cmp::Ordering::Greater, _) => (0, at + 1),
                        (std::cmp::Ordering::Less, _) => (1, at - 1),
                        (_, std::cmp::Ordering::Greater) => (2, at + width),
                        _ => (3, at - width),
                    };
                    links.push((at, way));
                    at = next;
                }
            }
            if !unicast {
                links = links.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
            }
            let price: i64 = links.iter().map(|&(at, way)| ways[way][at]).sum();
            total += i64::from(self.rates[u]) * price;
        }
        total
    }
}

fn check<W: Word, M: Metric + Clone>(case: &Case, metric: M, prices: &LinkPrices) -> Result<(), TestCaseError> {
    let (problem, grid) = (case.problem(), case.grid());
    let oracle = |core: &[u16]| case.oracle(core, prices, M::UNICAST);
    let mut state: State<'_, W, M> = State::new(&problem, &grid, metric, case.start.clone());
    let mut scanning =
        State::<'_, W, M>::counting(&problem, &grid, state.metric.clone(), case.start.clone(), false);
    let mut scratch = Scratch::default();
    prop_assert_eq!(state.cost, oracle(&state.core));
    for &(v, to) in &case.moves {
        let mut moved = state.core.clone();
        moved[v as usize] = to;
        let change = oracle(&moved) - state.cost;
        prop_assert_eq!(state.eval(v, to, i64::MAX, &mut scratch), Some(change));
        for limit in [change - 1, change, change + 1, change / 2, 0, 1, i64::MIN] {
            let known = state.eval(v, to, limit, &mut scratch);
            prop_assert_eq!(known, (change < limit).then_some(change), "limit {}", limit);
        }
        if state.is_small() {
            let mut costs = [0; 64];
            state.everywhere(v, &mut costs);
            let cost = |core: u16| {
                let place = grid.place(core.into());
                costs[8 * usize::from(place.x) + usize::from(place.bit)]
            };
            let here = cost(state.core[v as usize]);
            for core in 0..grid.cores() as u16 {
                let known = state.eval(v, core, i64::MAX, &mut scratch);
                prop_assert_eq!(Some(cost(core) - here), known, "core {}", core);
            }
        }
        state.apply(v, to, change);
        prop_assert_eq!(&state.core, &moved);
        prop_assert_eq!(state.cost, state.recounted());
        // What keeps no counts keeps all else.
        prop_assert_eq!(scanning.eval(v, to, i64::MAX, &mut scratch), Some(change));
        scanning.apply(v, to, change);
        prop_assert_eq!(&scanning.words, &state.words);
        prop_assert_eq!(scanning.cost, state.cost);
    }
    for core in 0..grid.cores() {
        let there = state.core.iter().zip(&case.sizes).filter(|(c, _)| usize::from(**c) == core);
        prop_assert_eq!(state.load[core], there.map(|(_, size)| *size).sum::<u32>());
    }
    Ok(())
}

/// With the narrowest words and the widest.
fn check_words<M: Metric + Clone>(case: &Case, metric: M, prices: &LinkPrices) -> Result<(), TestCaseError> {
    match case.grid().bits() {
        ..=8 => check::<u8, M>(case, metric.clone(), prices)?,
        9..=16 => check::<u16, M>(case, metric.clone(), prices)?,
        17..=32 => check::<u32, M>(case, metric.clone(), prices)?,
        _ => {}
    }
    check::<u64, M>(case, metric, prices)
}

proptest! {
    #[test]
    fn the_cost_kept_is_that_of_trees_walked_link_by_link(case in case()) {
        let (grid, ones) = (case.grid(), LinkPrices::uniform(&case.grid(), 1, 1));
        if case.size.2 == 1 {
            check_words(&case, Unit::<false>, &ones)?;
            check_words(&case, Unit::<true>, &ones)?;
        }
        check_words(&case, Priced::<false>::new(&grid, &ones), &ones)?;
        check_words(&case, Priced::<false>::new(&grid, &case.link_prices()), &case.link_prices())?;
        check_words(&case, Priced::<true>::new(&grid, &case.link_prices()), &case.link_prices())?;
    }

    #[test]
    fn axons_and_words_held_are_those_counted_neuron_by_neuron(
        case in case(),
        steps in prop::collection::vec(0u64..9, 1..5),
        in_axons in 0u64..8, words in 0u64..60,
    ) {
        let (problem, grid) = (case.problem(), case.grid());
        let mut row_words = vec![0];
        steps.iter().for_each(|step| row_words.push(row_words[row_words.len() - 1] + step));
        let limits = Limits { in_axons, words, row_words: row_words.clone(), groups: Vec::new() };
        let metric = Priced::<false>::new(&grid, &case.link_prices());
        let mut states = [true, false].map(|keeps| {
            State::<'_, u64, _>::counting(&problem, &grid, metric.clone(), case.start.clone(), keeps)
                .limited(&limits)
        });
        let of_row = |pins: usize| match row_words.get(pins) {
            Some(words) => *words,
            // In proportion to the longest row named, rounded up.
            None => (row_words[row_words.len() - 1] * pins as u64).div_ceil(row_words.len() as u64 - 1),
        };
        for state in &mut states {
        for step in 0..=case.moves.len() {
            for core in 0..grid.cores() as u16 {
                let pins = |row: &Vec<u32>| row.iter().filter(|t| state.core[**t as usize] == core).count();
                let rows: Vec<usize> = case.targets.iter().map(pins).filter(|pins| *pins > 0).collect();
                let (axons, words) = (rows.len() as u64, rows.iter().map(|pins| of_row(*pins)).sum::<u64>());
                let held = state.held.as_ref().expect("limits are kept");
                prop_assert_eq!((held.axons[usize::from(core)], held.words[usize::from(core)]), (axons, words));
                prop_assert_eq!(state.keeps_limits(core), axons <= limits.in_axons && words <= limits.words);
            }
            if let Some(&(v, to)) = case.moves.get(step) {
                state.apply(v, to, 0);
            }
        }
        }
    }
}

/// A neuron that is pinned has a group, a port has none.
#[test]
fn pinned_neurons_keep_other_groups_off_their_core() {
    let problem = Problem::new(Lists::from_rows([[]; 4]), &[1.0; 4], vec![None, None, Some(2), Some(3)]);
    let grid = Grid::new(2, 2, 1, 4);
    let limits = Limits { groups: vec![7, 8, 7, Limits::NO_GROUP], ..Limits::default() };
    let on = |core: Vec<u16>| -> State<'_, u8, Unit<false>> {
        State::new(&problem, &grid, Unit::<false>, core).limited(&limits)
    };
    let state = on(vec![0, 1, 2, 3]);
    let allowed = |v: u32| (0..4).filter(|to| state.may_join(v, *to)).collect::<Vec<u16>>();
    assert_eq!([0, 1].map(allowed), [vec![0, 2], vec![1]]);
    assert!(state.is_within_limits() && on(vec![2, 1, 2, 3]).is_within_limits());
    assert!(!on(vec![0, 2, 2, 3]).is_within_limits());
}

/// Vertices that join others' groups only, and no empty core.
#[test]
fn a_vertex_joins_its_own_group_alone() {
    let targets = Lists::from_rows([vec![1], vec![0], vec![], vec![]]);
    let problem = Problem::new(targets, &[1.0; 4], vec![None, None, None, Some(2)]);
    let grid = Grid::new(2, 2, 1, 4);
    let limits = Limits { groups: vec![7, 8, 7, 9], ..Limits::default() };
    let state: State<'_, u8, Unit<false>> =
        State::new(&problem, &grid, Unit::<false>, vec![0, 1, 0, 2]).limited(&limits);
    let allowed = |v: u32| (0..4).filter(|to| state.may_join(v, *to)).collect::<Vec<u16>>();
    assert_eq!([0, 1, 2].map(allowed), [vec![0], vec![1], vec![0]]);
}

/// Layers of equal rates that are joined to one vertex send more than 32 bits hold.
#[test]
fn joined_sources_may_send_more_than_32_bits_hold() {
    for layer in [50u32, 10_000, 20_000] {
        let n = 3 * layer + 1;
        let target = n - 1;
        let rows = (0..n).map(|v| if v == target { vec![] } else { vec![v / layer * layer, target] });
        let fine = Problem::new(Lists::from_rows(rows), &vec![1.0; n as usize], vec![None; n as usize]);
        let cluster: Vec<u32> = (0..n).map(|v| v / layer).collect();
        let coarse = fine.coarsened(&cluster, 4);
        let grid = Grid::new(8, 8, 1, 1 << 20);
        let start = vec![0, 9, 17, 63];
        let lifted: Vec<u16> = cluster.iter().map(|c| start[*c as usize]).collect();
        let same: State<'_, u8, Unit<false>> = State::new(&fine, &grid, Unit::<false>, lifted);
        let state: State<'_, u8, Unit<false>> = State::new(&coarse, &grid, Unit::<false>, start);
        assert_eq!(state.cost, same.cost, "{layer} joined");
        let mut costs = [0; 64];
        state.everywhere(3, &mut costs);
        for to in 0..64 {
            let place = grid.place(to);
            let change = costs[8 * usize::from(place.x) + usize::from(place.bit)] - costs[63];
            let known = state.eval(3, to as u16, i64::MAX, &mut Scratch::default());
            assert_eq!(Some(change), known, "{layer} joined, core {to}");
        }
    }
}

/// A core counts pins of a net without an end.
#[test]
fn a_core_holds_more_pins_of_a_net_than_16_bits_count() {
    let n = 70_000;
    let rows = (0..n).map(|v| if v == 0 { (1..n).collect() } else { vec![] });
    let problem = Problem::new(Lists::from_rows(rows), &vec![1.0; n as usize], vec![None; n as usize]);
    let grid = Grid::new(2, 1, 1, n);
    let mut state: State<'_, u8, Unit<false>> = State::new(&problem, &grid, Unit::<false>, vec![0; n as usize]);
    // All but a few of the pins on core 0 are taken off again.
    for v in 1..n - 10 {
        let change = state.eval(v, 1, i64::MAX, &mut Scratch::default()).expect("no limit");
        state.apply(v, 1, change);
    }
    assert_eq!(state.cost, state.recounted());
    assert_eq!(state.cost, 1 << 18);
    assert_eq!(state.eval(0, 1, i64::MAX, &mut Scratch::default()), Some(0));
}
