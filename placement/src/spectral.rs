//! Coordinates from the network's slowest modes, so that vertices that share nets lie near each other.
//!
//! Each net is a star from its mean to its members, pins and sources, as heavy as its rate; the walk from member to mean to
//! member has the constant as its first mode, and the next ones vary as slowly over the network as possible. Found by
//! iteration on a few vectors at once, kept orthogonal (Gram-Schmidt), with Chebyshev's polynomials of the walk: its
//! powers alone take hundreds of rounds where the modes lie close together. They order; nothing depends on their digits.

use crate::problem::Problem;
use crate::random::Random;

/// Coordinates found.
pub(crate) const MODES: usize = 3;
/// Polynomials applied at the most, and their degree.
const BLOCKS: usize = 20;
const DEGREE: usize = 12;
/// The damped part of the spectrum ends this much further from 1 than the modes.
const WIDER: f64 = 1.25;
/// Modes whose decay no longer falls by this part are found.
const STILL: f64 = 0.02;

/// A network whose modes decay faster has no shape worth more rounds.
const SHAPELESS: f64 = 0.4;

type Row = [f64; MODES];

/// The slowest modes of a network.
pub(crate) struct Modes {
    /// Each a number a vertex.
    pub(crate) modes: [Vec<f64>; MODES],
    /// Steps of the walk that they took.
    pub(crate) steps: u64,
    /// Whether they are slow: vertices that share nets have a place beside each other.
    pub(crate) has_shape: bool,
}

/// The slowest modes.
pub(crate) fn modes(problem: &Problem, seed: u64) -> Modes {
    let n = problem.len();
    let weight: Vec<f64> = (0..problem.nets())
        .map(|net| {
            let rate: f64 = problem.sources.row(net).iter().map(|s| f64::from(s.rate)).sum();
            let members = problem.pins.row(net).len() + problem.sources.row(net).len();
            rate / members as f64
        })
        .collect();
    let members = |net: usize| {
        let pins = problem.pins.row(net).iter().copied();
        pins.chain(problem.sources.row(net).iter().map(|s| s.vertex))
    };
    let mut degree = vec![0.0; n];
    for (net, weight) in weight.iter().enumerate() {
        members(net).for_each(|v| degree[v as usize] += weight);
    }
    let mut random = Random::new(seed, 3);
    let mut x: Vec<Row> = (0..n)
        .map(|v| {
            if degree[v] > 0.0 {
                std::array::from_fn(|_| (random.next() >> 11) as f64 / (1u64 << 53) as f64 - 0.5)
            } else {
                [0.0; MODES]
            }
        })
        .collect();
    let step = |x: &[Row]| {
        let mut y = vec![[0.0; MODES]; n];
        for (net, weight) in weight.iter().enumerate() {
            let mut sum = [0.0; MODES];
            let mut count = 0;
            for v in members(net) {
                let at = &x[v as usize];
                (0..MODES).for_each(|k| sum[k] += at[k]);
                count += 1;
            }
            let mean = sum.map(|s| s * weight / f64::from(count));
            for v in members(net) {
                let at = &mut y[v as usize];
                (0..MODES).for_each(|k| at[k] += mean[k]);
            }
        }
        y.iter_mut()
            .zip(&degree)
            .for_each(|(y, d)| *y = if *d > 0.0 { y.map(|y| y / d) } else { [0.0; MODES] });
        y
    };
    let mut rounds = 0u64;
    let (mut decay, mut has_shape) = (1.0, true);
    orthogonalise(&mut x, &degree);
    for block in 0..BLOCKS {
        let mut y = step(&x);
        rounds += 1;
        // The least eigenvalue so far among the modes; what lies well below it is damped.
        let last = (0..MODES)
            .map(|k| x.iter().zip(&y).zip(&degree).map(|((x, y), d)| x[k] * y[k] * d).sum::<f64>())
            .fold(1.0, f64::min);
        let before = std::mem::replace(&mut decay, (1.0 - last).max(1e-9));
        if block > 0 && decay > SHAPELESS {
            has_shape = false;
            break;
        }
        let found = block > 1 && before - decay < STILL * before;
        let edge = (1.0 - WIDER * decay).max(0.1);
        // Chebyshev's polynomials of the walk: small between 0 and the edge, fast growing beyond it.
        let turned = |x: &[Row], y: &mut [Row], factor: f64, older: Option<&[Row]>| {
            for (v, y) in y.iter_mut().enumerate() {
                for k in 0..MODES {
                    y[k] = factor * (2.0 / edge * y[k] - x[v][k]) - older.map_or(0.0, |older| older[v][k]);
                }
            }
        };
        turned(&x, &mut y, 1.0, None);
        for _ in 1..DEGREE {
            let mut z = step(&y);
            rounds += 1;
            turned(&y, &mut z, 2.0, Some(&x));
            x = std::mem::replace(&mut y, z);
        }
        x = y;
        orthogonalise(&mut x, &degree);
        if found {
            break;
        }
    }
    Modes { modes: std::array::from_fn(|k| x.iter().map(|x| x[k]).collect()), steps: rounds, has_shape }
}

/// Makes each vector orthogonal to the constant and to those before it, under the weights, and of length 1.
fn orthogonalise(x: &mut [[f64; MODES]], weight: &[f64]) {
    let total: f64 = weight.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    for k in 0..MODES {
        let mean = x.iter().zip(weight).map(|(x, w)| x[k] * w).sum::<f64>() / total;
        x.iter_mut().for_each(|x| x[k] -= mean);
        for j in 0..k {
            let along: f64 = x.iter().zip(weight).map(|(x, w)| x[k] * x[j] * w).sum();
            x.iter_mut().for_each(|x| x[k] -= along * x[j]);
        }
        let length = x.iter().zip(weight).map(|(x, w)| x[k] * x[k] * w).sum::<f64>().sqrt();
        if length > 0.0 {
            x.iter_mut().for_each(|x| x[k] /= length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Lists;

    /// Places `0..n` shuffled: vertex of each place; and the problem where each vertex sends to the neighbours of its place.
    fn shuffled(n: usize, neighbours: impl Fn(usize) -> Vec<usize>) -> (Vec<u32>, Problem) {
        let vertex = Random::new(7, 9).order(n);
        let mut rows = vec![Vec::new(); n];
        for place in 0..n {
            let row = &mut rows[vertex[place] as usize];
            row.extend(neighbours(place).into_iter().map(|at| vertex[at]));
            row.sort_unstable();
        }
        let problem = Problem::new(Lists::from_rows(rows), &vec![1.0; n], vec![None; n]);
        (vertex, problem)
    }

    /// Mean distance of neighbours against that of vertices far from each other, over all modes.
    fn nearness(vertex: &[u32], modes: &[Vec<f64>; MODES], pairs: impl Iterator<Item = (usize, usize)>) -> f64 {
        let mut count = 0;
        let mut sum = 0.0;
        for (a, b) in pairs {
            let [a, b] = [a, b].map(|place| vertex[place] as usize);
            sum += modes.iter().map(|mode| (mode[a] - mode[b]).powi(2)).sum::<f64>().sqrt();
            count += 1;
        }
        sum / f64::from(count)
    }

    #[test]
    fn neighbours_of_a_shuffled_ring_lie_near() {
        let n = 64;
        let (vertex, problem) =
            shuffled(n, |at| vec![(at + n - 2) % n, (at + n - 1) % n, (at + 1) % n, (at + 2) % n]);
        let Modes { modes, has_shape, .. } = modes(&problem, 1);
        assert!(has_shape);
        let near = nearness(&vertex, &modes, (0..n).map(|at| (at, (at + 1) % n)));
        let far = nearness(&vertex, &modes, (0..n).map(|at| (at, (at + n / 2) % n)));
        assert!(near * 3.0 < far, "{near} against {far}");
    }

    #[test]
    fn neighbours_of_a_shuffled_grid_lie_near() {
        let (w, n) = (12, 144);
        let (vertex, problem) = shuffled(n, |at| {
            let (x, y) = (at % w, at / w);
            let all = (0..n).filter(|b| (b % w).abs_diff(x) + (b / w).abs_diff(y) == 1);
            all.collect()
        });
        let Modes { modes, has_shape, .. } = modes(&problem, 1);
        assert!(has_shape);
        let pairs = (0..n).flat_map(|a| (0..n).map(move |b| (a, b)));
        let distance = |a: usize, b: usize| (a % w).abs_diff(b % w) + (a / w).abs_diff(b / w);
        let near = nearness(&vertex, &modes, pairs.clone().filter(|&(a, b)| distance(a, b) == 1));
        let far = nearness(&vertex, &modes, pairs.filter(|&(a, b)| distance(a, b) >= w));
        assert!(near * 3.0 < far, "{near} against {far}");
    }

    #[test]
    fn modes_are_numbers_and_the_same_for_a_seed() {
        // Vertices without nets, one net for all, no vertices.
        for rows in [vec![vec![]; 5], vec![vec![0u32, 1, 2, 3, 4]; 5], vec![]] {
            let n = rows.len();
            let problem = Problem::new(Lists::from_rows(rows), &vec![0.0; n], vec![None; n]);
            let found = modes(&problem, 3).modes;
            assert!(
                found.iter().all(|mode| mode.len() == n && mode.iter().all(|x| x.is_finite())),
                "{found:?}"
            );
            assert_eq!(found, modes(&problem, 3).modes);
        }
    }
}
