//! The table `[map]`: where neurons have to or should sit, how populations are cut, and what links are worth.

use crate::mapper::{
    Block, Board, DeadLinks, MOST_LINK_PRICE, MOST_REGION_WEIGHT, MapOptions, Pin, Region, Site,
};
use crate::toml_reader::Table;
use std::ops::Range;

/// Weight of a region that gives none.
const REGION_WEIGHT: f64 = 4.0;

/// Reads the table into `map`; absent leaves all as it is.
pub(super) fn read_map(table: &Table<'_>, map: &mut MapOptions) {
    map.constraints.pins = table.tables("pins").iter().filter_map(read_pin).collect();
    map.constraints.regions = table.tables("regions").iter().filter_map(read_region).collect();
    map.constraints.blocks = table.tables("blocks").iter().filter_map(read_block).collect();
    map.dead_links = table.choice("dead_links", &DeadLinks::NAMED).unwrap_or_default();
    let price = table.whole("chip_link_price", 1, MOST_LINK_PRICE.into());
    match (table.whole_pair("chips", 1, 1 << 16), price) {
        (Some((x, y)), price) => {
            let chips = [x, y].map(|n| u16::try_from(n).unwrap_or(u16::MAX));
            map.board = Some(Board { chips, link_price: price.unwrap_or(1) as u32 });
        }
        (None, Some(_)) if !table.has("chips") => table.problem(
            "chip_link_price",
            "there are no chips for links between them",
            "say how many make up the mesh, as chips = [2, 2]",
        ),
        _ => {}
    }
}

fn read_pin(table: &Table<'_>) -> Option<Pin> {
    let population = table.required_text("population", "the name of a population");
    let neurons = match table.text("neurons") {
        None => None,
        Some(text) => {
            let range = parse_range(&text);
            if range.is_none() {
                table.problem(
                    "neurons",
                    format!("`{text}` is no range of neurons"),
                    "first and one beyond the last, as \"0..64\"",
                );
            }
            Some(range?)
        }
    };
    let core = read_whole(table, "core", &[2, 3], "[column, row], or [column, row, core of the router]")?;
    let coordinate = |i: usize| core.get(i).map(|n| u16::try_from(*n).unwrap_or(u16::MAX));
    Some(Pin { population, neurons, core: Site { x: coordinate(0)?, y: coordinate(1)?, core: coordinate(2) } })
}

fn parse_range(text: &str) -> Option<Range<u32>> {
    let (start, end) = text.split_once("..")?;
    Some(start.trim().parse().ok()?..end.trim().parse().ok()?)
}

fn read_region(table: &Table<'_>) -> Option<Region> {
    let population = table.required_text("population", "the name of a population");
    let corner = |key: &str| {
        let corner = read_whole(table, key, &[2], "[column, row]")?;
        Some([corner[0], corner[1]].map(|n| u16::try_from(n).unwrap_or(u16::MAX)))
    };
    let (from, to) = (corner("from"), corner("to"));
    let weight = table.number("weight", 0.0).unwrap_or(REGION_WEIGHT);
    if weight > MOST_REGION_WEIGHT {
        table.problem(
            "weight",
            format!("{weight} is out of range"),
            format!("a number from 0 to {MOST_REGION_WEIGHT}"),
        );
    }
    Some(Region { population, from: from?, to: to?, weight })
}

fn read_block(table: &Table<'_>) -> Option<Block> {
    let population = table.required_text("population", "the name of a population");
    let block = read_whole(table, "block", &[2, 3], "[rows, columns], or [channels, rows, columns]");
    let shape = if table.has("shape") {
        let shape = read_whole(table, "shape", &[2, 3], "[rows, columns], or [channels, rows, columns]")?;
        let n = shape.len();
        Some([if n == 3 { shape[0] } else { 1 }, shape[n - 2], shape[n - 1]])
    } else {
        None
    };
    let block = block?;
    let n = block.len();
    Some(Block { population, shape, block: [block[n - 2], block[n - 1]], channels: (n == 3).then(|| block[0]) })
}

/// A list of whole numbers of one of the given lengths; `None` is reported.
fn read_whole(table: &Table<'_>, key: &str, lengths: &[usize], wanted: &str) -> Option<Vec<u32>> {
    if !table.has(key) {
        table.problem(key, format!("the key `{key}` is missing; it takes {wanted}"), "");
        return None;
    }
    let list = table.whole_list(key, 0, 1 << 30)?;
    if !lengths.contains(&list.len()) {
        table.problem(key, format!("{} numbers; wanted {wanted}", list.len()), "");
        return None;
    }
    Some(list.into_iter().map(|n| n as u32).collect())
}
