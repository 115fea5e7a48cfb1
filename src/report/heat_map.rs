//! The mesh as a drawing: routers shaded by work, links by packets. A large mesh is drawn in blocks of routers, so that a
//! page stays small whatever the chip.

use super::Report;
use super::html::escape;
use super::text::grouped;
use spikemesh_router::{Coord, Direction};
use std::fmt::Write;

/// Squares on a side at the most.
const SQUARES: u16 = 64;

/// Routers on the side of a block that one square stands for.
fn block(report: &Report<'_>) -> u16 {
    report.topology.width().max(report.topology.height()).div_ceil(SQUARES)
}

/// What the drawing shows.
pub(super) fn note(report: &Report<'_>) -> String {
    match block(report) {
        1 => "Squares are routers, shaded by the synaptic operations of their cores; bars between them are links, one for \
              each direction, shaded by packets. Stronger colour is more."
            .into(),
        n => format!(
            "Squares are blocks of {n} x {n} routers, shaded by the synaptic operations of their cores; the small squares \
             in them are shaded by the packets on the busiest link that leaves one of them. Stronger colour is more."
        ),
    }
}

/// A shade from nearly nothing to full, as an opacity.
fn shade(value: u64, most: u64) -> f64 {
    if value == 0 || most == 0 { 0.06 } else { 0.15 + 0.85 * (value as f64 / most as f64) }
}

/// The drawing, as SVG.
pub(super) fn drawing(report: &Report<'_>) -> String {
    let (topology, counters, block) = (report.topology, &report.recording.counters, block(report));
    let (w, h) = (topology.width().div_ceil(block), topology.height().div_ceil(block));
    let square_of = |at: Coord| Coord { x: at.x / block, y: at.y / block };
    let index = |at: Coord| usize::from(at.y) * usize::from(w) + usize::from(at.x);
    let mut work = vec![0u64; usize::from(w) * usize::from(h)];
    let mut busiest = work.clone();
    for (core, c) in &counters.cores {
        let at = topology.endpoint_coord(spikemesh_router::EndpointId(*core));
        work[index(square_of(at))] += c.synaptic_operations;
    }
    for (link, counted) in topology.links().iter().zip(&counters.noc.links) {
        let most = &mut busiest[index(square_of(topology.coord(link.from)))];
        *most = counted.packets.max(*most);
    }
    let most_work = work.iter().copied().max().unwrap_or(0);
    let most_packets = busiest.iter().copied().max().unwrap_or(0);
    // A cell of 40 units: a square of 24 and a gap for links.
    let place = |at: Coord| (40.0 * f64::from(at.x) + 34.0, 40.0 * f64::from(h - 1 - at.y) + 20.0);
    let mut out = String::new();
    let (width, height) = (40 * u32::from(w) + 40, 40 * u32::from(h) + 20);
    // Small meshes must not fill the screen.
    let limit = width.max(200) * 2;
    let _ = write!(
        out,
        "<svg role=\"img\" aria-label=\"heat map of the mesh\" viewBox=\"0 0 {width} {height}\" style=\"max-width:{limit}px\">"
    );
    for at in (0..h).flat_map(|y| (0..w).map(move |x| Coord { x, y })) {
        let ((x, y), work, packets) = (place(at), work[index(at)], busiest[index(at)]);
        let first = Coord { x: at.x * block, y: at.y * block };
        let what = if block == 1 { "router" } else { "block from" };
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"24\" height=\"24\" rx=\"3\" fill=\"var(--blue)\" fill-opacity=\"{:.3}\"><title>{what} {first}: {} synaptic operations</title></rect>",
            shade(work, most_work),
            grouped(work)
        );
        if block > 1 {
            let _ = write!(
                out,
                "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"var(--orange)\" fill-opacity=\"{:.3}\"><title>{} packets on the busiest link</title></rect>",
                x + 6.0,
                y + 6.0,
                shade(packets, most_packets),
                grouped(packets)
            );
        }
    }
    if block == 1 {
        links(&mut out, report, &place, most_packets);
    }
    for (name, arrow) in [(crate::chip::INPUT_PORT, "in"), (crate::chip::OUTPUT_PORT, "out")] {
        if let Some(port) = topology.port(name) {
            let at = square_of(topology.endpoint_coord(port));
            let (x, y) = place(at);
            let x = if at.x == 0 && name == crate::chip::INPUT_PORT { x - 18.0 } else { x + 26.0 };
            let _ = write!(out, "<text x=\"{x}\" y=\"{}\">{arrow}</text>", y + 16.0);
        }
    }
    out.push_str("</svg>");
    let hot = [
        report.hottest_link().map(|(link, n)| format!("link {link}: {} packets", grouped(n))),
        report.hottest_core().map(|(core, n)| format!("core {core}: {} synaptic operations", grouped(n))),
    ];
    let hot: Vec<_> = hot.into_iter().flatten().collect();
    let _ = write!(out, "<p>Most: {}.</p>", escape(&hot.join("; ")));
    out
}

/// A bar for each directed link, in the gap between its routers.
fn links(out: &mut String, report: &Report<'_>, place: &dyn Fn(Coord) -> (f64, f64), most: u64) {
    let counted = &report.recording.counters.noc.links;
    for (i, link) in report.topology.links().iter().enumerate() {
        let (x, y) = place(report.topology.coord(link.from));
        // Opposite directions lie side by side.
        let (x, y, dx, dy) = match link.direction {
            Direction::East => (x + 25.0, y + 4.0, 14, 6),
            Direction::West => (x - 15.0, y + 14.0, 14, 6),
            Direction::North => (x + 4.0, y - 15.0, 6, 14),
            Direction::South => (x + 14.0, y + 25.0, 6, 14),
        };
        let packets = counted.get(i).map_or(0, |l| l.packets);
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{dx}\" height=\"{dy}\" fill=\"var(--orange)\" fill-opacity=\"{:.3}\"><title>{} {}: {} packets</title></rect>",
            shade(packets, most),
            report.link_name(i),
            link.direction.name(),
            grouped(packets)
        );
    }
}
