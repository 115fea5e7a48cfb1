//! Placements to start from.

use crate::grid::Grid;
use crate::problem::Problem;

/// Core of each vertex.
pub(crate) type Cores = Vec<u16>;

/// Fills cores in the given order with vertices in the given order. A vertex that finds no core with room of its size is
/// put on the core with most room, over it if need be.
pub(crate) fn fill(problem: &Problem, grid: &Grid, cores: &[u32], order: impl Iterator<Item = u32>) -> Cores {
    filled(problem, grid, cores, order, |_| false)
}

/// As [`fill`], but a vertex for which `opens` holds starts a new core, as long as cores are left for all that remain.
fn filled(
    problem: &Problem,
    grid: &Grid,
    cores: &[u32],
    order: impl Iterator<Item = u32>,
    opens: impl Fn(u32) -> bool,
) -> Cores {
    let mut core: Cores = problem.pinned.iter().map(|p| p.unwrap_or(0) as u16).collect();
    let mut left: Vec<u32> = cores.iter().map(|c| grid.room[*c as usize]).collect();
    let mut spare: i64 = left.iter().map(|r| i64::from(*r)).sum::<i64>()
        - i64::try_from(problem.room_needed()).unwrap_or(i64::MAX);
    let mut at = 0;
    for v in order {
        if problem.pinned[v as usize].is_some() {
            continue;
        }
        let size = problem.sizes[v as usize];
        if opens(v)
            && at + 1 < left.len()
            && left[at] < grid.room[cores[at] as usize]
            && i64::from(left[at]) <= spare
        {
            spare -= i64::from(left[at]);
            at += 1;
        }
        while at + 1 < left.len() && left[at] < size {
            at += 1;
        }
        let mut to = at;
        if left[to] < size {
            to = (0..left.len()).max_by_key(|i| left[*i]).unwrap_or(0);
        }
        left[to] = left[to].saturating_sub(size);
        core[v as usize] = cores[to] as u16;
    }
    core
}

/// Vertices in their own order.
fn by_number(problem: &Problem) -> impl Iterator<Item = u32> + use<> {
    0..problem.len() as u32
}

/// Row by row.
pub(crate) fn row_major(problem: &Problem, grid: &Grid) -> Cores {
    fill(problem, grid, &grid.row_major(), by_number(problem))
}

/// Rows to and fro.
pub(crate) fn snake(problem: &Problem, grid: &Grid) -> Cores {
    fill(problem, grid, &grid.snake(), by_number(problem))
}

/// Rows to and fro, every core filled alike.
pub(crate) fn spread(problem: &Problem, grid: &Grid) -> Cores {
    let (needed, total) = (u128::from(problem.room_needed()), u128::from(grid.total_room().max(1)));
    let mut even = grid.clone();
    even.room.iter_mut().for_each(|r| *r = (u128::from(*r) * needed).div_ceil(total) as u32);
    fill(problem, &even, &grid.snake(), by_number(problem))
}

/// The core of each vertex where they are placed in order along Hilbert's curve; what finds no room is put on the core with
/// most.
pub fn in_order(problem: &Problem, grid: &Grid) -> Vec<u32> {
    hilbert(problem, grid).into_iter().map(u32::from).collect()
}

/// Along a Hilbert curve.
pub(crate) fn hilbert(problem: &Problem, grid: &Grid) -> Cores {
    fill(problem, grid, &grid.hilbert(), by_number(problem))
}

/// Along a Hilbert curve, each layer from a core of its own where there are cores enough.
pub(crate) fn layers(problem: &Problem, grid: &Grid, layer: &[u32]) -> Cores {
    let opens = |v: u32| v > 0 && layer[v as usize] != layer[v as usize - 1];
    filled(problem, grid, &grid.hilbert(), by_number(problem), opens)
}

/// Vertices with coordinates: sorted along the first into columns of the mesh, and within a column along the second.
pub(crate) fn by_coordinates(problem: &Problem, grid: &Grid, first: &[f64], second: &[f64]) -> Cores {
    let movable = (0..problem.len() as u32).filter(|v| problem.pinned[*v as usize].is_none());
    let mut order: Vec<u32> = movable.collect();
    order.sort_by(|a, b| first[*a as usize].total_cmp(&first[*b as usize]).then(a.cmp(b)));
    let columns: Vec<Vec<u32>> =
        (0..grid.width).map(|x| grid.along((0..grid.height).map(move |y| (x, y)))).collect();
    let room: Vec<u64> =
        columns.iter().map(|c| c.iter().map(|c| u64::from(grid.room[*c as usize])).sum()).collect();
    let (total, needed) = (grid.total_room().max(1), problem.room_needed());
    let mut core: Cores = problem.pinned.iter().map(|p| p.unwrap_or(0) as u16).collect();
    let (mut start, mut passed, mut share) = (0, 0u64, 0u64);
    for (x, column) in columns.iter().enumerate() {
        share += room[x];
        // Columns are filled alike, and within a column, cores.
        let until = (u128::from(share) * u128::from(needed)).div_ceil(u128::from(total)) as u64;
        let mut end = start;
        while end < order.len() && passed < until {
            passed += u64::from(problem.sizes[order[end] as usize]);
            end += 1;
        }
        let part = &mut order[start..end];
        part.sort_by(|a, b| second[*a as usize].total_cmp(&second[*b as usize]).then(a.cmp(b)));
        let size: u64 = part.iter().map(|v| u64::from(problem.sizes[*v as usize])).sum();
        let (mut done, mut k) = (0u64, 0);
        let mut upto = column.first().map_or(0, |c| u64::from(grid.room[*c as usize]));
        for &v in part.iter() {
            while k + 1 < column.len()
                && u128::from(done) * u128::from(room[x]) >= u128::from(upto) * u128::from(size)
            {
                k += 1;
                upto += u64::from(grid.room[column[k] as usize]);
            }
            done += u64::from(problem.sizes[v as usize]);
            core[v as usize] = column.get(k).copied().unwrap_or(0) as u16;
        }
        start = end;
    }
    core
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Lists;
    use proptest::prelude::*;

    /// Vertices, some of them pinned, without nets, and a mesh with dead cores and room for all.
    fn case() -> impl Strategy<Value = (Problem, Grid, Vec<u32>)> {
        let mesh = (1usize..7, 1usize..7, 1usize..4);
        (mesh, prop::collection::vec((0u32..4, any::<u32>(), 0u32..2), 0..60), any::<u64>()).prop_map(
            |((width, height, each), vertices, dead)| {
                let mut grid = Grid::new(width, height, each, 0);
                let cores = grid.cores() as u32;
                let pinned: Vec<Option<u32>> =
                    vertices.iter().map(|(kind, at, _)| (*kind == 0).then_some(at % cores)).collect();
                let alive: Vec<u32> =
                    (0..cores).filter(|c| dead >> (c % 64) & 1 == 1 || *c + 1 == cores).collect();
                let needed = pinned.iter().filter(|p| p.is_none()).count() as u32;
                // Cores are of two sizes; with the smaller, room is just enough.
                for (i, core) in alive.iter().enumerate() {
                    let least = needed.div_ceil(alive.len() as u32).max(1);
                    grid.set_room(*core, least + i as u32 % 2);
                }
                let layer = vertices.iter().scan(0, |layer, (_, _, step)| {
                    *layer += step;
                    Some(*layer)
                });
                let layer = layer.collect();
                let targets = Lists::from_rows(pinned.iter().map(|_| []));
                (Problem::new(targets, &vec![1.0; pinned.len()], pinned), grid, layer)
            },
        )
    }

    /// Every vertex is where it must be or on a core with room, and no core holds more than its room.
    fn check(problem: &Problem, grid: &Grid, core: &[u16]) -> Result<(), TestCaseError> {
        prop_assert_eq!(core.len(), problem.len());
        let mut load = vec![0; grid.cores()];
        for (v, &core) in core.iter().enumerate() {
            match problem.pinned[v] {
                Some(place) => prop_assert_eq!(u32::from(core), place),
                None => load[usize::from(core)] += 1,
            }
        }
        prop_assert!(
            load.iter().zip(&grid.room).all(|(load, room)| load <= room),
            "{:?} in {:?}",
            load,
            grid.room
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn every_start_keeps_room_and_pinned_places(
            (problem, grid, layer) in case(),
            coordinates in prop::collection::vec((-3i32..3, -9.0f64..9.0), 60),
        ) {
            for start in [row_major, snake, spread, hilbert] {
                check(&problem, &grid, &start(&problem, &grid))?;
            }
            check(&problem, &grid, &layers(&problem, &grid, &layer))?;
            let (first, second): (Vec<f64>, Vec<f64>) =
                coordinates[..problem.len()].iter().map(|c| (f64::from(c.0), c.1)).unzip();
            check(&problem, &grid, &by_coordinates(&problem, &grid, &first, &second))?;
        }

        /// Larger vertices may find no core of their size left; cores without room are still not for them.
        #[test]
        fn large_vertices_go_to_cores_with_room(
            (mut problem, grid, _) in case(), sizes in prop::collection::vec(1u32..5, 60),
        ) {
            let free = problem.pinned.iter().map(Option::is_none);
            let free: Vec<bool> = free.collect();
            problem.sizes.iter_mut().zip(&sizes).zip(&free).for_each(|((s, size), free)| *s = size * u32::from(*free));
            let first: Vec<f64> = sizes[..problem.len()].iter().map(|s| f64::from(*s)).collect();
            let by = by_coordinates(&problem, &grid, &first, &first);
            for core in [row_major(&problem, &grid), spread(&problem, &grid), hilbert(&problem, &grid), by] {
                prop_assert_eq!(core.len(), problem.len());
                for (v, core) in core.iter().enumerate() {
                    prop_assert!(!free[v] || grid.room[usize::from(*core)] > 0, "vertex {} on dead core {}", v, core);
                }
            }
        }
    }

    #[test]
    fn layers_open_cores_of_their_own_while_there_are_some() {
        let problem = Problem::new(Lists::from_rows([[]; 6]), &[1.0; 6], vec![None; 6]);
        let of = |width: usize| layers(&problem, &Grid::new(width, 1, 1, 4), &[0, 0, 1, 1, 1, 2]);
        assert_eq!(of(3), [0, 0, 1, 1, 1, 2]);
        assert_eq!(of(2), [0, 0, 1, 1, 1, 1], "room for 8: the first layer alone may leave room");
    }

    #[test]
    fn coordinates_become_columns_and_rows() {
        let problem = Problem::new(Lists::from_rows([[]; 4]), &[1.0; 4], vec![None; 4]);
        let core =
            by_coordinates(&problem, &Grid::new(2, 2, 1, 1), &[0.9, 0.1, 0.8, 0.2], &[0.1, 0.2, 0.3, 0.4]);
        assert_eq!(core, [1, 0, 3, 2]);
    }
}
