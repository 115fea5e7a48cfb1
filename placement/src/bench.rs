//! What the bench of moves needs of the inside.

use crate::grid::Grid;
use crate::metric::Unit;
use crate::problem::Problem;
use crate::random::Random;
use crate::state::{Scratch, State};

/// Is given a part's name, how many changes of cost it finds, and the part, which answers their sum.
pub type Timed<'a> = dyn FnMut(&str, u64, &mut dyn FnMut() -> i64) + 'a;

/// Evaluates random moves of a placement on a mesh of at most 8 x 8 cores, one a router, under the multicast cost.
/// `time` runs each part.
pub fn moves(problem: &Problem, grid: &Grid, core: &[u32], evaluations: u64, time: &mut Timed<'_>) {
    let core = core.iter().map(|c| *c as u16).collect();
    let state: State<'_, u8, Unit<false>> = State::new(problem, grid, Unit::<false>, core);
    let mut scratch = Scratch::default();
    let (vertices, cores) = (problem.len(), grid.cores());
    for (name, limit) in [("eval", i64::MAX), ("eval, given up where it costs more", 1)] {
        let mut random = Random::new(1, 1);
        time(name, evaluations, &mut || {
            let mut one = || {
                let (v, to) = (random.below(vertices), random.below(cores));
                state.eval(v as u32, to as u16, limit, &mut scratch).unwrap_or(0)
            };
            (0..evaluations).map(|_| one()).fold(0, i64::wrapping_add)
        });
    }
    if state.is_small() {
        let mut random = Random::new(1, 1);
        let visits = evaluations / 8;
        time("everywhere, one a core", visits * cores as u64, &mut || {
            let mut costs = [0; 64];
            let mut one = || {
                state.everywhere(random.below(vertices) as u32, &mut costs);
                costs.iter().copied().fold(0, i64::wrapping_add)
            };
            (0..visits).map(|_| one()).fold(0, i64::wrapping_add)
        });
    }
}
