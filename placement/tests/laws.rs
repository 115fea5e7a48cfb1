//! What every placement keeps, whatever the network and the mesh, seen from outside.

use proptest::prelude::*;
use spikemesh_placement::{
    Cost, Effort, Grid, Hint, Limits, LinkPrices, Lists, Objective, Options, PlaceError, Placement, Problem,
    hilbert_curve, improve, place, priced,
};
use std::cell::Cell;

/// A network and a mesh.
#[derive(Clone, Debug)]
struct Case {
    targets: Lists<u32>,
    rates: Vec<f64>,
    pinned: Vec<Option<u32>>,
    grid: Grid,
    /// Columns, rows, cores a router.
    size: (usize, usize, usize),
    room: Vec<u32>,
}

impl Case {
    fn new(rows: Vec<Vec<u32>>, rates: Vec<f64>, size: (usize, usize, usize), room: Vec<u32>) -> Self {
        let mut grid = Grid::new(size.0, size.1, size.2, 0);
        room.iter().enumerate().for_each(|(core, room)| grid.set_room(core as u32, *room));
        Case { pinned: vec![None; rows.len()], targets: Lists::from_rows(rows), rates, grid, size, room }
    }

    /// On a mesh of cores with the same room.
    fn alike(rows: Vec<Vec<u32>>, rates: Vec<f64>, width: usize, height: usize, room: u32) -> Self {
        Self::new(rows, rates, (width, height, 1), vec![room; width * height])
    }

    fn problem(&self) -> Problem {
        Problem::new(self.targets.clone(), &self.rates, self.pinned.clone())
    }

    fn place(&self, options: &Options) -> Placement {
        place(&self.problem(), &self.grid, options, &|_, _| true).expect("room for all")
    }

    fn count(&self, core: &[u32]) -> Cost {
        Cost::count(&self.targets, &self.rates, &self.grid, core)
    }

    fn objective(&self, core: &[u32], objective: &Objective) -> f64 {
        let cost = self.count(core);
        if *objective == Objective::Unicast { cost.hops_unicast } else { cost.hops_multicast }
    }

    /// What rounding of rates may come to: a unit of the largest rate's 2^18 on every link of every tree.
    fn rounding(&self, core: &[u32], objective: &Objective) -> f64 {
        let ones = Case { rates: vec![1.0; self.rates.len()], ..self.clone() };
        let unit = self.rates.iter().copied().fold(0.0, f64::max) / f64::from(1 << 18);
        ones.objective(core, objective) * unit + 1e-6
    }

    /// Neurons in their order into cores in the given order.
    fn filled(&self, cores: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut slots = cores.into_iter().flat_map(|c| std::iter::repeat_n(c, self.room[c as usize] as usize));
        self.pinned.iter().map(|p| p.unwrap_or_else(|| slots.next().expect("room for all"))).collect()
    }

    /// Placements that need no search: core by core, row by row and along a Hilbert curve.
    fn plain(&self) -> [Vec<u32>; 3] {
        let (width, height, each) = self.size;
        let (w, e) = (width as u32, each as u32);
        let by_rows = (0..height as u32).flat_map(|y| (0..w).map(move |x| (x, y)));
        let cores = |at: (u32, u32)| (0..e).map(move |k| (at.1 * w + at.0) * e + k);
        let along_curve = hilbert_curve(width as i32, height as i32);
        [
            self.filled(0..self.room.len() as u32),
            self.filled(by_rows.flat_map(cores)),
            self.filled(along_curve.into_iter().flat_map(cores)),
        ]
    }

    /// Every vertex is on one live core or where it must be, no core is over its room, and the cost is that counted.
    fn check(&self, placement: &Placement, objective: &Objective) -> Result<(), TestCaseError> {
        prop_assert_eq!(placement.core.len(), self.rates.len());
        let mut load = vec![0; self.room.len()];
        for (v, &core) in placement.core.iter().enumerate() {
            match self.pinned[v] {
                Some(place) => prop_assert_eq!(core, place, "vertex {} is pinned", v),
                None => load[core as usize] += 1,
            }
        }
        prop_assert!(
            load.iter().zip(&self.room).all(|(l, r)| l <= r),
            "loads {:?}, room {:?}",
            load,
            self.room
        );
        let counted = self.objective(&placement.core, objective);
        let rounding = self.rounding(&placement.core, objective);
        prop_assert!(
            (placement.cost - counted).abs() <= rounding,
            "cost {} counted as {} +- {}",
            placement.cost,
            counted,
            rounding
        );
        Ok(())
    }
}

/// Random networks, in which neurons choose among some rows of targets, on meshes with dead cores and cores of two sizes.
fn case() -> impl Strategy<Value = Case> {
    let mesh = prop_oneof![
        3 => (1usize..=8, 1usize..=8, Just(1usize)),
        1 => (1usize..=4, 1usize..=4, 2usize..=3),
        1 => (9usize..=12, 1usize..=12, Just(1usize)),
    ];
    (mesh, 0usize..60, 1usize..60).prop_flat_map(|(size, n, distinct)| {
        let cores = size.0 * size.1 * size.2;
        let rows = prop::collection::vec(prop::collection::btree_set(0..n.max(1) as u32, 0..12), distinct);
        let vertex = (any::<prop::sample::Index>(), 0.0f64..300.0, 0u32..8, 0..cores as u32);
        let dead = prop::collection::vec(0u32..4, cores);
        (rows, prop::collection::vec(vertex, n), dead, 0u32..3, any::<bool>()).prop_map(
            move |(rows, vertices, dead, spare, uneven)| {
                let mut alive: Vec<bool> = dead.iter().map(|d| *d > 0).collect();
                alive[0] |= !alive.contains(&true);
                let live = alive.iter().filter(|a| **a).count() as u32;
                let least = (n as u32).div_ceil(live).max(1);
                let room = |i: usize| least + spare + if uneven { 3 * (i as u32 % 2) } else { 0 };
                let room = alive.iter().enumerate().map(|(i, a)| if *a { room(i) } else { 0 }).collect();
                let targets = vertices.iter().map(|v| v.0.get(&rows).iter().copied().collect()).collect();
                let mut case = Case::new(targets, vertices.iter().map(|v| v.1).collect(), size, room);
                case.pinned = vertices.iter().map(|v| (v.2 == 0).then_some(v.3)).collect();
                case
            },
        )
    })
}

fn efforts() -> impl Strategy<Value = Effort> {
    prop_oneof![
        Just(Effort::Work(0)),
        Just(Effort::Work(1)),
        Just(Effort::Work(20_000)),
        Just(Effort::Work(2_000_000))
    ]
}

fn objectives() -> impl Strategy<Value = Objective> {
    prop_oneof![3 => Just(Objective::Multicast), 1 => Just(Objective::Unicast)]
}

fn options(seed: u64, effort: Effort, objective: &Objective) -> Options {
    Options { objective: objective.clone(), ..Options::new(seed, effort) }
}

/// Axons, words and groups of every core, neuron by neuron: what a core has too much of.
fn broken(case: &Case, limits: &Limits, core: &[u32]) -> Vec<String> {
    let mut faults = Vec::new();
    for c in 0..case.room.len() as u32 {
        let pins = |row: &[u32]| row.iter().filter(|t| core[**t as usize] == c).count();
        let rows: Vec<usize> = case.targets.rows().map(pins).filter(|pins| *pins > 0).collect();
        let words: u64 = rows.iter().map(|pins| limits.row_words[1] * *pins as u64).sum();
        if rows.len() as u64 > limits.in_axons {
            faults.push(format!("core {c}: {} axons", rows.len()));
        }
        if words > limits.words {
            faults.push(format!("core {c}: {words} words"));
        }
        let there = (0..core.len()).filter(|v| core[*v] == c && case.pinned[*v].is_none());
        let mut groups: Vec<u32> = there.filter_map(|v| limits.groups.get(v).copied()).collect();
        groups.sort_unstable();
        groups.dedup();
        if groups.len() > 1 {
            faults.push(format!("core {c}: groups {groups:?}"));
        }
    }
    faults
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn placements_are_valid_and_never_worse_than_plain_ones(
        case in case(), effort in efforts(), objective in objectives(), seed: u64,
    ) {
        let placement = case.place(&options(seed, effort, &objective));
        case.check(&placement, &objective)?;
        prop_assert!(!placement.stopped);
        for plain in case.plain() {
            let (cost, slack) = (case.objective(&plain, &objective), case.rounding(&plain, &objective));
            let slack = slack + case.rounding(&placement.core, &objective);
            prop_assert!(placement.cost <= cost + slack, "{} against {} of a plain one", placement.cost, cost);
        }
    }

    #[test]
    fn a_seed_gives_the_same_placement_bit_for_bit(case in case(), effort in efforts(), seed: u64) {
        let [a, b] = [(); 2].map(|()| case.place(&Options::new(seed, effort)));
        prop_assert_eq!(&a.core, &b.core);
        prop_assert_eq!(a.cost.to_bits(), b.cost.to_bits());
        prop_assert_eq!((&a.steps, a.work, a.evaluations), (&b.steps, b.work, b.evaluations));
    }

    /// Where every link costs 3, the cost is three times the links.
    #[test]
    fn priced_links_cost_their_price(case in case(), effort in efforts(), seed: u64) {
        let prices = || LinkPrices::uniform(&case.grid, 3, 3);
        for (objective, links) in [
            (Objective::Priced(prices()), Objective::Multicast),
            (Objective::PricedUnicast(prices()), Objective::Unicast),
        ] {
            let mut placement = case.place(&options(seed, effort, &objective));
            placement.cost /= 3.0;
            case.check(&placement, &links)?;
        }
    }

    /// Whatever links, arrivals and cores cost, the cost is what a plain count of them says; a start that is given is
    /// never made worse.
    #[test]
    fn prices_hints_and_starts_are_kept(
        case in case(), effort in efforts(), seed: u64, arrival in 0i64..9, factor in 1i64..9, unicast: bool,
        hint in prop::collection::vec(0u32..4, 144),
    ) {
        let mut prices = LinkPrices::uniform(&case.grid, 3, 4);
        prices.arrival = arrival;
        prices.scale_between_chips(&case.grid, (2, 3), factor);
        let objective =
            if unicast { Objective::PricedUnicast(prices.clone()) } else { Objective::Priced(prices.clone()) };
        let hints = [Hint {
            vertices: 0..case.rates.len() as u32 / 2,
            prices: hint[..case.room.len()].iter().map(|p| f64::from(*p)).collect(),
        }];
        let problem = case.problem().hinted(&hints);
        let count = |core: &[u32]| {
            priced(&case.targets, &case.rates, &case.grid, &prices, unicast, core)
                + problem.hint_cost(core) * prices.unit() as f64
        };
        let [start, ..] = case.plain();
        let mut options = options(seed, effort, &objective);
        options.starts = vec![("by number".into(), start.clone())];
        let found = place(&problem, &case.grid, &options, &|_, _| true).expect("room for all");
        let ones = LinkPrices { arrival: 1, ..LinkPrices::uniform(&case.grid, 1, 1) };
        let unit = case.rates.iter().copied().fold(0.0, f64::max) / f64::from(1 << 18);
        let alike = vec![1.0; case.rates.len()];
        let slack = |core: &[u32]| {
            40.0 * unit * priced(&case.targets, &alike, &case.grid, &ones, true, core) + 1e-6
        };
        let counted = count(&found.core);
        prop_assert!((found.cost - counted).abs() <= slack(&found.core), "{} is {}", found.cost, counted);
        prop_assert!(found.cost <= count(&start) + slack(&start));
        prop_assert!(found.steps.iter().any(|step| step.name == "by number"));
    }

    #[test]
    fn layers_change_the_start_and_no_law(case in case(), step in 1u32..30, seed: u64) {
        let mut options = Options::new(seed, Effort::Work(20_000));
        options.layers = (0..case.rates.len() as u32).map(|v| v / step).collect();
        case.check(&case.place(&options), &Objective::Multicast)?;
    }

    /// A search that is stopped at any moment gives the best so far, and says so.
    #[test]
    fn a_stopped_search_is_valid_and_says_so(case in case(), asked in 0u32..40, seed: u64) {
        let left = Cell::new(asked);
        let watch = |done: u64, all: u64| {
            assert_eq!(all, 2_000_000);
            assert!(done <= 3 * all, "{done} of {all}");
            let told = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            told
        };
        let options = Options::new(seed, Effort::Work(2_000_000));
        let placement = place(&case.problem(), &case.grid, &options, &watch).expect("room for all");
        case.check(&placement, &Objective::Multicast)?;
        // A problem without anything to move may end before it is stopped.
        let movable = case.pinned.iter().any(Option::is_none);
        prop_assert!(placement.stopped || !movable || left.get() > 0, "{:?}", placement.steps);
        prop_assert!(asked > 0 || !movable || placement.stopped);
    }

    #[test]
    fn improving_keeps_limits_and_costs_no_more(
        case in case(), effort in efforts(), objective in objectives(), seed: u64,
        words in 1u64..4, spare in 0u64..3, grouped: bool,
    ) {
        let [start, ..] = case.plain();
        // Limits that the start keeps, most of them just so; groups are those of cores.
        let mut limits = Limits { in_axons: 0, words: 0, row_words: vec![0, words], groups: Vec::new() };
        for c in 0..case.room.len() as u32 {
            let pins = |row: &[u32]| row.iter().filter(|t| start[**t as usize] == c).count() as u64;
            let rows: Vec<u64> = case.targets.rows().map(pins).filter(|pins| *pins > 0).collect();
            limits.in_axons = limits.in_axons.max(rows.len() as u64 + spare);
            limits.words = limits.words.max(words * rows.iter().sum::<u64>() + spare);
        }
        if grouped {
            limits.groups = start.iter().map(|core| core % 2).collect();
        }
        prop_assert_eq!(broken(&case, &limits, &start), Vec::<String>::new());
        let options = options(seed, effort, &objective);
        let found = improve(&case.problem(), &case.grid, &options, &start, &limits, &|_, _| true).expect("a small mesh");
        case.check(&found, &objective)?;
        prop_assert_eq!(broken(&case, &limits, &found.core), Vec::<String>::new());
        let slack = case.rounding(&start, &objective) + case.rounding(&found.core, &objective);
        prop_assert!(found.cost <= case.objective(&start, &objective) + slack);
    }

    #[test]
    fn bounds_are_bounds(case in case(), at in prop::collection::vec(any::<prop::sample::Index>(), 60)) {
        let core: Vec<u32> = (0..case.rates.len()).map(|v| at[v].index(case.room.len()) as u32).collect();
        let cost = case.count(&core);
        let least = |bound: f64, cost: f64| bound <= cost * (1.0 + 1e-9) + 1e-9;
        prop_assert!(least(cost.bound_any_routing, cost.hops_multicast), "{:?}", cost);
        prop_assert!(least(cost.bound_any_placement, cost.hops_unicast), "{:?}", cost);
        prop_assert!(least(cost.hops_multicast, cost.hops_unicast), "{:?}", cost);
        prop_assert!(least(cost.max_link, cost.hops_multicast), "{:?}", cost);
    }

    #[test]
    fn too_little_room_is_said(case in case(), less in 1u32..5) {
        let mut case = case;
        let needed = case.pinned.iter().filter(|p| p.is_none()).count() as u64;
        let mut left = needed.saturating_sub(less.into());
        for core in 0..case.room.len() {
            let room = u64::from(case.room[core]).min(left);
            left -= room;
            case.grid.set_room(core as u32, room as u32);
        }
        let there = needed.saturating_sub(less.into());
        let got = place(&case.problem(), &case.grid, &Options::new(1, Effort::Work(0)), &|_, _| true);
        match got {
            Ok(_) => prop_assert_eq!(needed, 0),
            Err(error) => prop_assert_eq!(error, PlaceError::Room { needed, there }),
        }
    }
}

/// Work without an end ends when it is told to.
#[test]
fn endless_work_ends_when_stopped() {
    let rows = (0..100u32).map(|v| (0..100).filter(|t| (v * t) % 7 == 1).collect()).collect::<Vec<Vec<u32>>>();
    for (width, height) in [(4, 4), (10, 10)] {
        let case = Case::alike(rows.clone(), vec![1.0; 100], width, height, 8);
        let left = Cell::new(200);
        let watch = |_, _| left.replace(left.get() - 1) > 1;
        let options = Options::new(1, Effort::Work(u64::MAX));
        let placement = place(&case.problem(), &case.grid, &options, &watch).expect("room for all");
        assert!(placement.stopped && left.get() > -100, "asked {} times more", -left.get());
        case.check(&placement, &Objective::Multicast).expect("the laws of placements");
    }
}

#[test]
fn a_mesh_too_large_is_said() {
    for (width, height, each) in [(65, 1, 1), (1, 65, 1), (2, 33, 2)] {
        let grid = Grid::new(width, height, each, 1);
        let problem = Problem::new(Lists::from_rows([[0u32]]), &[1.0], vec![None]);
        let got = place(&problem, &grid, &Options::new(1, Effort::Work(0)), &|_, _| true);
        assert_eq!(got.err(), Some(PlaceError::Mesh { width, bits: height * each }));
        let limits = Limits::default();
        let got = improve(&problem, &grid, &Options::new(1, Effort::Work(0)), &[0], &limits, &|_, _| true);
        assert_eq!(got.err(), Some(PlaceError::Mesh { width, bits: height * each }));
    }
}

/// Problems at the edge of what there is: each is placed, within the laws, under every objective.
fn degenerate(case: &Case) {
    for objective in [Objective::Multicast, Objective::Unicast] {
        for effort in [Effort::Work(0), Effort::Work(5_000_000)] {
            let placement = case.place(&options(1, effort, &objective));
            case.check(&placement, &objective).expect("the laws of placements");
        }
    }
}

#[test]
fn no_vertices_are_placed() {
    degenerate(&Case::alike(vec![], vec![], 3, 3, 5));
    degenerate(&Case::alike(vec![], vec![], 9, 9, 0));
}

#[test]
fn vertices_without_nets_are_placed() {
    degenerate(&Case::alike(vec![vec![]; 100], vec![3.0; 100], 4, 4, 7));
}

#[test]
fn a_neuron_with_50_000_inputs_is_placed() {
    let n = 50_001;
    let rates = (0..n).map(|v| f64::from(v % 100)).collect();
    degenerate(&Case::alike((0..n).map(|v| if v > 0 { vec![0] } else { vec![] }).collect(), rates, 8, 8, 1000));
}

#[test]
fn a_neuron_with_50_000_outputs_is_placed() {
    let n = 50_001;
    let mut rows = vec![vec![]; n as usize];
    rows[0] = (1..n).collect();
    degenerate(&Case::alike(rows, vec![1.0; n as usize], 8, 8, 1000));
}

#[test]
fn more_pins_of_a_net_on_a_core_than_16_bits_count_are_placed() {
    let n = 70_000;
    let mut rows = vec![vec![]; n as usize];
    rows[0] = (1..n).collect();
    degenerate(&Case::alike(rows, vec![1.0; n as usize], 2, 1, n));
}

#[test]
fn a_bipartite_star_is_placed() {
    // 30 hubs, each of whose 40 leaves sends to it alone.
    let rows: Vec<Vec<u32>> = (0..1230).map(|v| if v < 30 { vec![] } else { vec![v % 30] }).collect();
    let case = Case::alike(rows, vec![1.0; 1230], 6, 6, 41);
    degenerate(&case);
    // Dense layers: all of one send to all of the next.
    let rows = (0..400).map(|v| if v < 200 { (200..400).collect() } else { vec![] }).collect();
    degenerate(&Case::alike(rows, vec![1.0; 400], 4, 4, 30));
}

#[test]
fn rates_of_zero_cost_nothing() {
    let rows = (0..60u32).map(|v| (0..60).filter(|t| (v * t) % 7 == 1).collect()).collect();
    let case = Case::alike(rows, vec![0.0; 60], 3, 3, 8);
    degenerate(&case);
    assert_eq!(case.place(&Options::new(1, Effort::Work(10_000))).cost, 0.0);
}

#[test]
fn pinned_vertices_stay_even_on_dead_cores() {
    let rows = (0..40u32).map(|v| vec![(v + 1) % 40]).collect();
    let mut case = Case::new(rows, vec![1.0; 40], (4, 4, 1), vec![0; 16]);
    case.pinned = (0..40).map(|v| Some(v % 16)).collect();
    degenerate(&case);
}

#[test]
fn meshes_of_one_router_are_placed() {
    for each in [1, 3] {
        let rows = (0..20u32).map(|v| vec![(v + 1) % 20]).collect();
        degenerate(&Case::new(rows, vec![1.0; 20], (1, 1, each), vec![20; each]));
    }
}

#[test]
fn cores_of_endless_room_are_placed_on() {
    let rows: Vec<Vec<u32>> = (0..50u32).map(|v| vec![(v + 1) % 50]).collect();
    degenerate(&Case::alike(rows.clone(), vec![1.0; 50], 3, 3, u32::MAX));
    degenerate(&Case::alike(rows, vec![1.0; 50], 9, 9, u32::MAX));
}

/// Layers whose neurons all spike alike and send to the same: whole cores send more than 32 bits of rate.
#[test]
fn heavy_layers_are_placed_at_the_cost_counted() {
    let (layer, n) = (1000u32, 6000u32);
    let rows = (0..n).map(|v| {
        let next = (v / layer + 1) * layer;
        if next < n { (next..next + layer).step_by(5).collect() } else { vec![] }
    });
    degenerate(&Case::alike(rows.collect(), vec![1.0; n as usize], 4, 3, 1000));
}

/// Neighbours that all share a core cost nothing, and the search finds them.
#[test]
fn cliques_that_fit_on_cores_cost_nothing() {
    // Ten cliques of eight, their members far apart by number.
    let rows = (0..80u32).map(|v| (0..80).filter(|t| t % 10 == v % 10 && *t != v).collect()).collect();
    let case = Case::alike(rows, vec![1.0; 80], 4, 3, 8);
    let placement = case.place(&Options::new(1, Effort::Work(30_000_000)));
    case.check(&placement, &Objective::Multicast).expect("the laws of placements");
    assert_eq!(placement.cost, 0.0, "{:?}", placement.steps);
}

/// What would take more memory than there may be is refused, not tried.
#[test]
fn a_problem_too_large_for_memory_is_said() {
    let count = 3_200_000u32;
    let rows = (0..count).map(|v| [(v + 1) % count]);
    let problem = Problem::new(Lists::from_rows(rows), &vec![1.0; count as usize], vec![None; count as usize]);
    let grid = Grid::new(64, 64, 1, 1024);
    let error = place(&problem, &grid, &Options::new(1, Effort::Work(1000)), &|_, _| true).unwrap_err();
    assert!(matches!(error, PlaceError::Memory { nets: 3_200_000, cores: 4096, .. }), "{error}");
    assert!(error.to_string().contains("place neurons in order"), "{error}");
}
