//! Joins vertices that share heavy nets, so that the search can move them together.

use crate::list::Lists;
use crate::problem::Problem;
use crate::random::Random;

/// Nets with more pins say nothing about a pair of them.
const WIDE: usize = 512;
/// Members of nets looked at for a vertex.
const ENOUGH: u64 = 1000;

/// Vertices joined to clusters.
pub(crate) struct Clusters {
    /// The cluster of each vertex.
    pub(crate) of: Vec<u32>,
    pub(crate) count: usize,
    /// Members of nets looked at.
    pub(crate) visits: u64,
}

/// Joins each vertex with the one of the same core that shares most with it for their sizes. About `keep` of 100
/// vertices remain, none larger than `most` neurons.
pub(crate) fn cluster(
    problem: &Problem,
    core: &[u16],
    keep: usize,
    most: u32,
    random: &mut Random,
) -> Clusters {
    let n = problem.len();
    // Members of nets, those of a core together, and those a vertex may be joined with.
    let core_of = |v: u32| core[v as usize];
    let pins = sorted(&problem.pins, |v| core_of(*v));
    let sources = sorted(&problem.sources, |s| core_of(s.vertex));
    let mut visits = (problem.pins.items().len() + problem.sources.items().len()) as u64;
    let wanted = n * keep / 100;
    // Leader of each vertex's cluster; size by leader.
    let mut leader: Vec<u32> = (0..n as u32).collect();
    let mut size = problem.sizes.clone();
    let mut alone = vec![true; n];
    let mut clusters = n;
    let rates: Vec<f64> =
        (0..problem.nets()).map(|net| sources.row(net).iter().map(|s| f64::from(s.rate)).sum()).collect();
    let mut score = vec![0.0f64; n];
    let mut touched: Vec<u32> = Vec::new();
    for v in random.order(n) {
        if clusters <= wanted {
            break;
        }
        if !alone[v as usize] || problem.pinned[v as usize].is_some() {
            continue;
        }
        let here = core_of(v);
        let mut meet = |other: u32, weight: f64| {
            let other = leader[other as usize];
            if score[other as usize] == 0.0 {
                touched.push(other);
            }
            score[other as usize] += weight;
        };
        let mut seen = 0;
        let mut meet_all = |net: u32, to_pins: f64, to_sources: f64| {
            let mut met = 0;
            let (pins, sources) = (pins.row(net as usize), sources.row(net as usize));
            if pins.len() <= WIDE {
                let near = of_core(pins, here, |v| core_of(*v));
                met += near.len() as u64;
                near.iter().for_each(|p| meet(*p, to_pins));
            }
            if sources.len() <= WIDE {
                let near = of_core(sources, here, |s| core_of(s.vertex));
                met += near.len() as u64;
                near.iter().for_each(|s| meet(s.vertex, to_sources * f64::from(s.rate)));
            }
            met
        };
        // Of many nets, some tell enough.
        let received = problem.received.row(v as usize);
        let first = if received.is_empty() { 0 } else { random.below(received.len()) };
        for &net in received[first..].iter().chain(&received[..first]) {
            if seen >= ENOUGH {
                break;
            }
            let pins = problem.pins.row(net as usize).len() as f64;
            seen += meet_all(net, rates[net as usize] / pins, 1.0 / pins);
        }
        for sent in problem.sent.row(v as usize) {
            let (pins, sources) = (problem.pins.row(sent.net as usize), problem.sources.row(sent.net as usize));
            // Sources of one net are as near to each other as its pins.
            seen += meet_all(sent.net, f64::from(sent.rate) / pins.len() as f64, 1.0 / sources.len() as f64);
        }
        visits += seen;
        let own = u64::from(size[v as usize]);
        let mut best: Option<(f64, u32)> = None;
        for other in touched.drain(..) {
            let shared = std::mem::take(&mut score[other as usize]);
            let there = size[other as usize];
            let fits = other != v
                && own + u64::from(there) <= u64::from(most)
                && problem.pinned[other as usize].is_none();
            if fits {
                let rating = shared / (own.max(1) * u64::from(there.max(1))) as f64;
                if best.is_none_or(|(b, o)| rating > b || rating == b && other < o) {
                    best = Some((rating, other));
                }
            }
        }
        if let Some((_, other)) = best {
            leader[v as usize] = other;
            size[other as usize] += size[v as usize];
            alone[v as usize] = false;
            alone[other as usize] = false;
            clusters -= 1;
        }
    }
    // Numbers in the order of leaders.
    let mut number = vec![u32::MAX; n];
    let mut next = 0;
    for v in 0..n {
        if leader[v] == v as u32 {
            number[v] = next;
            next += 1;
        }
    }
    Clusters { of: (0..n).map(|v| number[leader[v] as usize]).collect(), count: next as usize, visits }
}

/// Rows sorted by a key.
fn sorted<T: Copy>(rows: &Lists<T>, key: impl Fn(&T) -> u16) -> Lists<T> {
    Lists::from_rows(rows.rows().map(|row| {
        let mut row = row.to_vec();
        row.sort_by_key(&key);
        row
    }))
}

/// The part of a sorted row that has a key.
fn of_core<T>(row: &[T], core: u16, key: impl Fn(&T) -> u16) -> &[T] {
    let start = row.partition_point(|item| key(item) < core);
    let count = row[start..].partition_point(|item| key(item) == core);
    &row[start..start + count]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Lists;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn clusters_keep_sizes_pins_and_cores(
            vertices in prop::collection::vec(
                (prop::collection::btree_set(0u32..40, 0..5), 0u32..100, 0u32..6, 0u16..3), 1..40,
            ),
            keep in 0usize..100, most in 0u32..9, seed: u64,
        ) {
            let n = vertices.len();
            let rows = vertices.iter().map(|v| v.0.iter().copied().filter(|t| (*t as usize) < n).collect::<Vec<_>>());
            let rates: Vec<f64> = vertices.iter().map(|v| f64::from(v.1)).collect();
            let pinned = vertices.iter().map(|v| (v.2 == 0).then_some(0)).collect();
            let problem = Problem::new(Lists::from_rows(rows), &rates, pinned);
            let core: Vec<u16> = vertices.iter().map(|v| v.3).collect();
            let Clusters { of: map, count: clusters, .. } =
                cluster(&problem, &core, keep, most, &mut Random::new(seed, 0));
            prop_assert!(clusters >= n * keep / 100);
            let coarse = problem.coarsened(&map, clusters);
            prop_assert_eq!(coarse.room_needed(), problem.room_needed());
            for c in 0..clusters as u32 {
                let members: Vec<usize> = (0..n).filter(|v| map[*v] == c).collect();
                prop_assert!(!members.is_empty(), "numbers follow each other");
                if members.len() > 1 {
                    prop_assert!(members.iter().all(|v| problem.pinned[*v].is_none()));
                    prop_assert!(members.iter().all(|v| core[*v] == core[members[0]]));
                    prop_assert!(coarse.sizes[c as usize] <= most);
                }
                prop_assert_eq!(coarse.pinned[c as usize], problem.pinned[members[0]]);
            }
        }
    }

    /// Pairs that only speak to each other are joined, and nobody else.
    #[test]
    fn friends_are_joined() {
        let rows = (0..10u32).map(|v| [v ^ 1]);
        let problem = Problem::new(Lists::from_rows(rows), &[1.0; 10], vec![None; 10]);
        let Clusters { of: map, count: clusters, .. } =
            cluster(&problem, &[0; 10], 50, 8, &mut Random::new(1, 0));
        assert_eq!(clusters, 5);
        assert!((0..10).step_by(2).all(|v| map[v] == map[v + 1]), "{map:?}");
    }
}
