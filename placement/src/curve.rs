//! Along a Hilbert curve generalised to any rectangle, so that parts which follow each other stay close in both
//! directions.
//!
//! The rectangle is spanned by a long axis and a cross axis. A long one is halved along its length; any other is cut
//! into three: the first half of the cross axis is walked across, then the long axis in full, then back. Halves are
//! made even where that is possible, so that every step but a rare diagonal one is between neighbours.
//! Source of the construction: the generalised Hilbert ("gilbert") curve of J. Červený, 2018.

/// A vector along one axis of the grid.
#[derive(Clone, Copy)]
struct Axis {
    x: i32,
    y: i32,
}

impl Axis {
    fn length(self) -> i32 {
        (self.x + self.y).abs()
    }

    fn unit(self) -> Axis {
        Axis { x: self.x.signum(), y: self.y.signum() }
    }

    /// Half of it, rounded down as numbers are (not toward zero), made even if it is odd and the whole is over 2.
    fn half(self) -> Axis {
        let half = Axis { x: self.x.div_euclid(2), y: self.y.div_euclid(2) };
        if half.length() % 2 != 0 && self.length() > 2 { half.plus(self.unit()) } else { half }
    }

    fn plain_half(self) -> Axis {
        Axis { x: self.x.div_euclid(2), y: self.y.div_euclid(2) }
    }

    fn plus(self, other: Axis) -> Axis {
        Axis { x: self.x + other.x, y: self.y + other.y }
    }

    fn minus(self, other: Axis) -> Axis {
        Axis { x: self.x - other.x, y: self.y - other.y }
    }

    fn negative(self) -> Axis {
        Axis { x: -self.x, y: -self.y }
    }
}

/// All places of a `width` x `height` grid, column and row, in order of the curve.
pub fn hilbert_curve(width: i32, height: i32) -> Vec<(u32, u32)> {
    let mut path = Vec::with_capacity(width as usize * height as usize);
    let (across, up) = (Axis { x: width, y: 0 }, Axis { x: 0, y: height });
    let origin = Axis { x: 0, y: 0 };
    if width >= height {
        walk(origin, across, up, &mut path)
    } else {
        walk(origin, up, across, &mut path)
    }
    path
}

fn walk(at: Axis, long: Axis, cross: Axis, path: &mut Vec<(u32, u32)>) {
    let (w, h) = (long.length(), cross.length());
    if h == 1 || w == 1 {
        let (steps, step) = if h == 1 { (w, long.unit()) } else { (h, cross.unit()) };
        let mut here = at;
        for _ in 0..steps {
            path.push((here.x as u32, here.y as u32));
            here = here.plus(step);
        }
    } else if 2 * w > 3 * h {
        let half = long.half();
        walk(at, half, cross, path);
        walk(at.plus(half), long.minus(half), cross, path);
    } else {
        let (half, rise) = (long.plain_half(), cross.half());
        walk(at, rise, half, path);
        walk(at.plus(rise), long, cross.minus(rise), path);
        let corner = at.plus(long.minus(long.unit())).plus(rise.minus(cross.unit()));
        walk(corner, rise.negative(), long.minus(half).negative(), path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_curve_visits_every_place_once_in_small_steps() {
        for w in 1..=17 {
            for h in 1..=17 {
                let path = hilbert_curve(w, h);
                assert_eq!(path.len(), (w * h) as usize, "{w} x {h}");
                assert_eq!(path.iter().collect::<BTreeSet<_>>().len(), path.len(), "{w} x {h}");
                let steps = path.windows(2).map(|p| (p[0].0.abs_diff(p[1].0), p[0].1.abs_diff(p[1].1)));
                let (straight, other): (Vec<_>, Vec<_>) = steps.partition(|&(x, y)| x + y == 1);
                assert!(other.iter().all(|&(x, y)| x == 1 && y == 1), "{w} x {h}: {other:?}");
                assert!(other.len() <= 1 && straight.len() + other.len() + 1 == path.len(), "{w} x {h}");
            }
        }
    }
}
