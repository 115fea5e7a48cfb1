//! A mapping as a page: before and after, what was tried, and where each population went.

use super::html::{escape, page_start};
use crate::mapper::{Arrangement, Cost, Grid};
use std::fmt::Write;

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct MapPage<'a> {
    /// Heading.
    pub title: &'a str,
    /// One line below it.
    pub subtitle: &'a str,
    /// The mesh.
    pub grid: &'a Grid,
    /// What the search came to.
    pub arrangement: &'a Arrangement,
    /// Population or layer of each neuron that was placed.
    pub layers: &'a [u32],
    /// Which neurons take no room: inputs and ports.
    pub pinned: &'a [Option<u32>],
    /// Names of populations; the rest go by number.
    pub names: &'a [String],
}

/// Colours of populations, used again beyond the last.
const HUES: u32 = 12;

/// Rows of the table before and after: (name, value).
pub fn cost_rows(cost: &Cost) -> [(&'static str, f64); 6] {
    [
        ("packets to other cores", cost.packets),
        ("hops, multicast", cost.hops_multicast),
        ("hops, unicast", cost.hops_unicast),
        ("busiest link, multicast", cost.max_link),
        ("no routing of these places: fewer hops than", cost.bound_any_routing),
        ("no placement of these cores: fewer unicast hops than", cost.bound_any_placement),
    ]
}

/// Rows that only some searches have, of the same table: (name, before, after).
pub fn further_rows(arrangement: &Arrangement) -> Vec<(String, f64, f64)> {
    let weighed = arrangement.weighed.iter();
    let weighed = weighed.map(|w| (format!("objective by the prices of links, {}", w.unit), w.before, w.after));
    let crossings = arrangement.crossings.iter();
    let crossings = crossings.map(|c| ("packets from chip to chip".to_owned(), c.before, c.after));
    weighed.chain(crossings).collect()
}

/// A change in percent, with its sign.
pub fn change(before: f64, after: f64) -> String {
    if before > 0.0 { format!("{:+.1} %", 100.0 * (after - before) / before) } else { "-".into() }
}

/// The page: self-contained, no script.
pub fn map_page(page: &MapPage<'_>) -> String {
    let mut out = page_start(&format!("{}: mapping", page.title), page.title, "");
    let _ = write!(out, "<p>{}</p>", escape(page.subtitle));
    out.push_str("<h2>Before and after</h2><p>Rates times links; before is neurons in order along a Hilbert curve.</p><div class=\"scroll\"><table><tr><th></th><th>before</th><th>after</th><th>change</th></tr>");
    let (before, after) = (cost_rows(&page.arrangement.before), cost_rows(&page.arrangement.after));
    let rows =
        before.into_iter().zip(after).map(|((name, before), (_, after))| (name.to_owned(), before, after));
    for (name, before, after) in rows.chain(further_rows(page.arrangement)) {
        let _ = write!(
            out,
            "<tr><td>{name}</td><td>{before:.5e}</td><td>{after:.5e}</td><td>{}</td></tr>",
            change(before, after)
        );
    }
    out.push_str("</table></div><h2>Where populations are</h2><p>Squares are cores by column and row, bars the neurons of each population; an empty square has none.</p>");
    drawing(&mut out, page);
    out.push_str("<h2>What was tried</h2><p>The objective after each step, and the work until then (visits of nets).</p><div class=\"scroll\"><table><tr><th>step</th><th>objective</th><th>work</th></tr>");
    for step in &page.arrangement.steps {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{:.5e}</td><td>{:.2e}</td></tr>",
            escape(&step.name),
            step.cost,
            step.work as f64
        );
    }
    out.push_str("</table></div></main></body></html>\n");
    out
}

fn name(page: &MapPage<'_>, layer: u32) -> String {
    page.names.get(layer as usize).cloned().unwrap_or_else(|| format!("layer {layer}"))
}

fn hue(layer: u32) -> u32 {
    layer % HUES * (360 / HUES)
}

fn drawing(out: &mut String, page: &MapPage<'_>) {
    let cores = page.grid.cores();
    let mut held = vec![std::collections::BTreeMap::<u32, u32>::new(); cores];
    for (v, core) in page.arrangement.core.iter().enumerate() {
        if page.pinned[v].is_none() {
            *held[*core as usize].entry(page.layers[v]).or_default() += 1;
        }
    }
    let most = held.iter().map(|h| h.values().sum::<u32>()).max().unwrap_or(0).max(1);
    let at = |core: usize| page.grid.coord(core as u32);
    let columns = (0..cores).map(|c| at(c).0).max().unwrap_or(0) + 1;
    let rows = (0..cores).map(|c| at(c).1).max().unwrap_or(0) + 1;
    let each = cores / (columns * rows);
    let (cell, height) = (40 * each, 40);
    let (width, tall) = (columns * cell + 8, rows * height + 8);
    let _ = write!(
        out,
        "<svg role=\"img\" aria-label=\"populations on the mesh\" viewBox=\"0 0 {width} {tall}\" style=\"max-width:{}px\">",
        (width * 2).max(320)
    );
    for (core, held) in held.iter().enumerate() {
        let (x, y) = at(core);
        let (left, top) = (x * cell + core % each * 40 + 6, (rows - 1 - y) * height + 6);
        let total: u32 = held.values().sum();
        let list: Vec<String> = held.iter().map(|(l, n)| format!("{} {n}", name(page, *l))).collect();
        let _ = write!(
            out,
            "<g><title>core {core} at ({x}, {y}): {total} neurons; {}</title><rect x=\"{left}\" y=\"{top}\" width=\"36\" height=\"36\" fill=\"none\" stroke=\"var(--line)\"/>",
            escape(&list.join(", "))
        );
        let mut base = (top + 36) as f64;
        for (layer, count) in held {
            let bar = 36.0 * f64::from(*count) / f64::from(most);
            base -= bar;
            let _ = write!(
                out,
                "<rect x=\"{left}\" y=\"{base:.2}\" width=\"36\" height=\"{bar:.2}\" fill=\"hsl({} 55% 50%)\"/>",
                hue(*layer)
            );
        }
        out.push_str("</g>");
    }
    out.push_str("</svg><p>");
    let mut layers: Vec<u32> =
        page.layers.iter().zip(page.pinned).filter(|(_, p)| p.is_none()).map(|(l, _)| *l).collect();
    layers.sort_unstable();
    layers.dedup();
    for layer in layers.into_iter().take(40) {
        let _ = write!(
            out,
            "<span style=\"margin-right:1rem\"><span style=\"color:hsl({} 55% 50%)\">\u{25a0}</span> {}</span>",
            hue(layer),
            escape(&name(page, layer))
        );
    }
    out.push_str("</p>");
}
