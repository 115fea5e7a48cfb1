//! Where the traffic went under each strategy: links shaded by flits, all drawings on one scale.

use super::rows::Row;
use super::settings::Settings;
use super::topology::of_results;
use crate::report::{escape, grouped};
use spikemesh_router::{Coord, Direction, Topology};
use std::fmt::Write;

/// Routers on a side up to which links are drawn; beyond, squares stand for blocks of routers.
const LINKS_UP_TO: u16 = 16;
const SQUARES: u16 = 32;

/// A shade from nearly nothing to full, as an opacity.
fn shade(value: u64, most: u64) -> f64 {
    if value == 0 || most == 0 { 0.05 } else { 0.12 + 0.88 * (value as f64 / most as f64) }
}

/// The rows that are drawn: every strategy at the most faithful level, at the highest rate or speed that somebody keeps up
/// with.
fn chosen<'a>(settings: &Settings, rows: &'a [Row<'a>]) -> Vec<&'a Row<'a>> {
    let Some(&level) = settings.levels.first() else { return Vec::new() };
    let own = || rows.iter().filter(move |row| row.key.level == level && row.found.is_ok());
    let lowest = own().map(|row| row.key.x).fold(f64::INFINITY, f64::min);
    let x = own().filter(|row| row.keeps_up()).map(|row| row.key.x).fold(lowest, f64::max);
    own().filter(|row| row.key.x == x).collect()
}

/// What is drawn, in words.
pub(super) fn note(settings: &Settings, rows: &[Row<'_>]) -> String {
    let Some(row) = chosen(settings, rows).first().map(|row| row.key) else { return String::new() };
    let what = if settings.mesh.0.max(settings.mesh.1) <= LINKS_UP_TO {
        "Squares are routers, bars between them links, one for each direction"
    } else {
        "Squares are routers or blocks of routers, shaded by their busiest link"
    };
    format!(
        "{what}; stronger colour is more flits, on one scale for all strategies, at {} {}.",
        settings.x_name(),
        row.x
    )
}

/// All drawings.
pub(super) fn drawings(settings: &Settings, rows: &[Row<'_>]) -> String {
    let Some(topology) = of_results(settings) else { return String::new() };
    let chosen = chosen(settings, rows);
    let links = |row: &&Row<'_>| row.found.map(|found| found.loads.link_flits.clone()).unwrap_or_default();
    let most = chosen.iter().flat_map(links).max().unwrap_or(0);
    if most == 0 {
        return String::new();
    }
    let mut out = String::from("<div class=\"maps\">");
    for row in chosen {
        let Ok(found) = row.found else { continue };
        let busiest = found.busiest_link().map_or_else(String::new, |(link, _)| {
            format!("busiest {} at {:.0} %", link_name(&topology, link), 100.0 * found.utilisation(link))
        });
        let _ = write!(
            out,
            "<figure><figcaption><b>{}</b> {}</figcaption>{}</figure>",
            escape(&row.key.strategy),
            escape(&busiest),
            drawing(&topology, &found.loads.link_flits, most)
        );
    }
    out.push_str("</div>");
    out
}

/// A link by its ends.
pub(super) fn link_name(topology: &Topology, index: usize) -> String {
    topology.links().get(index).map_or_else(String::new, |link| {
        format!("{}\u{2192}{}", topology.coord(link.from), topology.coord(link.to))
    })
}

fn drawing(topology: &Topology, flits: &[u64], most: u64) -> String {
    let (width, height) = (topology.width(), topology.height());
    let block = width.max(height).div_ceil(SQUARES);
    let (w, h) = (width.div_ceil(block), height.div_ceil(block));
    let with_links = width.max(height) <= LINKS_UP_TO;
    let (cell, side) = if with_links { (40.0, 20.0) } else { (20.0, 18.0) };
    let (wide, tall) = (cell * f64::from(w), cell * f64::from(h));
    let place = |at: Coord| (cell * f64::from(at.x) + 10.0, cell * f64::from(h - 1 - at.y) + 10.0);
    let mut out = format!(
        "<svg role=\"img\" aria-label=\"load of links\" viewBox=\"0 0 {} {}\">",
        wide + 10.0,
        tall + 10.0
    );
    let mut busiest = vec![0u64; usize::from(w) * usize::from(h)];
    for (link, &flits) in topology.links().iter().zip(flits) {
        let from = topology.coord(link.from);
        let own = &mut busiest[usize::from(from.y / block) * usize::from(w) + usize::from(from.x / block)];
        *own = flits.max(*own);
    }
    for (i, &flits) in busiest.iter().enumerate() {
        let at = Coord { x: (i % usize::from(w)) as u16, y: (i / usize::from(w)) as u16 };
        let (x, y) = place(at);
        let opacity = if with_links { 0.10 } else { shade(flits, most) };
        let first = Coord { x: at.x * block, y: at.y * block };
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" rx=\"3\" fill=\"var(--blue)\" fill-opacity=\"{opacity:.3}\"><title>{first}: busiest link {} flits</title></rect>",
            grouped(flits)
        );
    }
    if with_links {
        for (i, (link, &flits)) in topology.links().iter().zip(flits).enumerate() {
            let (x, y) = place(topology.coord(link.from));
            // Opposite directions lie side by side.
            let (x, y, dx, dy) = match link.direction {
                Direction::East => (x + 21.0, y + 3.0, 18, 6),
                Direction::West => (x - 19.0, y + 11.0, 18, 6),
                Direction::North => (x + 3.0, y - 19.0, 6, 18),
                Direction::South => (x + 11.0, y + 21.0, 6, 18),
            };
            let _ = write!(
                out,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{dx}\" height=\"{dy}\" fill=\"var(--orange)\" fill-opacity=\"{:.3}\"><title>{} {}: {} flits</title></rect>",
                shade(flits, most),
                link_name(topology, i),
                link.direction.name(),
                grouped(flits)
            );
        }
    }
    out.push_str("</svg>");
    out
}
