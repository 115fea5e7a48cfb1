//! Noxim's power tables (`power.yaml`) as prices of events.
//!
//! Of the file's blocks these are used; a row is picked by the numbers it begins with, and energies are joules, leakage
//! is watts:
//!
//! | block | row | becomes |
//! |---|---|---|
//! | `Buffer` | depth, bits of a flit, leakage, push, front, pop | `buffer_write`; `buffer_read` (front and pop); `buffer_cycle` |
//! | `LinkBitLine` | millimetres, leakage, dynamic, both of one bit | `link`, `link_cycle`: times the bits of a flit |
//! | `crossbar` | ports, bits of a flit, leakage, dynamic | `crossing`, `router_cycle` |
//! | `network_interface` | bits of a flit, leakage, dynamic | `local`, unless 0, which the file calls not yet characterised |
//! | `routing`, `selection` | name: leakage, dynamic | `route` by strategy, `selection`, `router_cycle` |
//!
//! Noxim has no price of arbitration: `channel_grant` and `switch_grant` stay unknown. Its wireless hubs are left out.

use super::MicroAttojoules;
use super::router::EventPrices;
use crate::error::{Error, Problem, all_well};
use std::collections::BTreeMap;

/// Which rows of the tables are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct NoximChoice {
    /// Flits of a buffer.
    pub depth: u32,
    /// Bits of a flit.
    pub flit_bits: u32,
    /// Ports of a router, Noxim's only choice being 5.
    pub ports: u32,
    /// Length of a link in millimetres, as the table writes it.
    pub link_mm: String,
}

/// Rows of all blocks: (block, name of the row or empty, cells).
type Rows<'a> = Vec<(&'a str, &'a str, Vec<&'a str>)>;

/// Reads a table.
///
/// # Errors
/// Every row that is missing or is no list of numbers.
pub fn read_noxim(file: &str, text: &str, choice: &NoximChoice) -> Result<EventPrices, Error> {
    let rows = rows(text);
    let mut problems = Vec::new();
    let bits = choice.flit_bits.to_string();
    let buffer = pick(file, &rows, "Buffer", &[&choice.depth.to_string(), &bits], 4, &mut problems);
    let link = pick(file, &rows, "LinkBitLine", &[&choice.link_mm], 2, &mut problems);
    let crossbar = pick(file, &rows, "crossbar", &[&choice.ports.to_string(), &bits], 2, &mut problems);
    let interface = pick(file, &rows, "network_interface", &[&bits], 2, &mut problems);
    let mut named = |block: &'static str| -> BTreeMap<String, Vec<&str>> {
        let own = rows.iter().filter(|(b, name, cells)| *b == block && !name.is_empty() && cells.len() == 2);
        let found: BTreeMap<_, _> = own.map(|(_, name, cells)| ((*name).to_owned(), cells.clone())).collect();
        if !found.contains_key("default") {
            problems.push(Problem::new(format!("{file}, {block}"), "there is no row `default`", ""));
        }
        found
    };
    let (routing, selection) = (named("routing"), named("selection"));
    all_well(problems)?;
    // Everything below was there; numbers are still to be read.
    let mut problems = Vec::new();
    let mut number = |block: &str, text: &str, digits: i32| -> MicroAttojoules {
        scientific(text, digits).unwrap_or_else(|| {
            let what = format!("`{text}` is not a number of at least 0");
            problems.push(Problem::new(format!("{file}, {block}"), what, ""));
            0
        })
    };
    let (buffer, link) = (buffer.unwrap_or_default(), link.unwrap_or_default());
    let (crossbar, interface) = (crossbar.unwrap_or_default(), interface.unwrap_or_default());
    let mut prices = BTreeMap::new();
    let mut set = |cause: &'static str, amount: MicroAttojoules, source: String| {
        prices.insert(cause, (Some(amount), source));
    };
    let from = |block: &str| format!("{file}: {block}");
    // 10^-24 J; leakage in 10^-24 J a picosecond, which are 10^-12 W.
    set("buffer_write", number("Buffer", buffer[1], 24), from("Buffer, push"));
    let read = number("Buffer", buffer[2], 24) + number("Buffer", buffer[3], 24);
    set("buffer_read", read, from("Buffer, front and pop"));
    set("buffer_cycle", number("Buffer", buffer[0], 12), from("Buffer, leakage"));
    let wires = i128::from(choice.flit_bits);
    set(
        "link",
        number("LinkBitLine", link[1], 24) * wires,
        from("LinkBitLine, dynamic, times the bits of a flit"),
    );
    set(
        "link_cycle",
        number("LinkBitLine", link[0], 12) * wires,
        from("LinkBitLine, leakage, times the bits of a flit"),
    );
    set("crossing", number("crossbar", crossbar[1], 24), from("crossbar, dynamic"));
    let mut leaks = number("crossbar", crossbar[0], 12);
    let local = number("network_interface", interface[1], 24);
    if local > 0 {
        set("local", local, from("network_interface, dynamic"));
        leaks += number("network_interface", interface[0], 12);
    }
    set("selection", number("selection", selection["default"][1], 24), from("selection, default"));
    leaks += number("selection", selection["default"][0], 12);
    set("router_cycle", leaks, from("leakage of crossbar, routing and selection"));
    let mut routes = BTreeMap::new();
    for (name, cells) in &routing {
        let (leak, dynamic) = (number("routing", cells[0], 12), number("routing", cells[1], 24));
        routes.insert(name.to_ascii_lowercase().replace('_', "-"), (dynamic, leak));
    }
    let default_route = routes.remove("default");
    prices.insert("route", (None, from("routing, by strategy")));
    for cause in ["channel_grant", "switch_grant"] {
        prices.insert(cause, (None, "Noxim has no price of arbitration".into()));
    }
    if local == 0 {
        prices.insert("local", (None, from("network_interface is 0: not yet characterised")));
    }
    all_well(problems)?;
    Ok(EventPrices { name: file.to_owned(), prices, routes, default_route })
}

/// The rows of a table of this form: blocks end with a colon, rows are lists in brackets, with a name or a dash before.
fn rows(text: &str) -> Rows<'_> {
    let mut rows = Vec::new();
    let mut block = "";
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some((before, rest)) = line.split_once('[') {
            let cells = rest.trim_end().trim_end_matches(']').split(',').map(str::trim).collect();
            let name = before.trim().trim_start_matches('-').trim().trim_end_matches(':').trim();
            rows.push((block, name, cells));
        } else if let Some(name) = line.strip_suffix(':') {
            block = name.trim();
        }
    }
    rows
}

/// The cells after those that a row begins with.
fn pick<'a>(
    file: &str,
    rows: &Rows<'a>,
    block: &str,
    keys: &[&str],
    values: usize,
    problems: &mut Vec<Problem>,
) -> Option<Vec<&'a str>> {
    // 1 and 1.0 are one length.
    let same = |cell: &&str, key: &&str| cell == key || cell.parse::<f64>().ok() == key.parse::<f64>().ok();
    let own: Vec<_> = rows.iter().filter(|(b, name, _)| *b == block && name.is_empty()).collect();
    let fits =
        |cells: &[&str]| cells.len() == keys.len() + values && cells.iter().zip(keys).all(|(c, k)| same(c, k));
    if let Some((_, _, cells)) = own.iter().find(|(_, _, cells)| fits(cells)) {
        return Some(cells[keys.len()..].to_vec());
    }
    let there: Vec<_> = own.iter().map(|(_, _, c)| c[..keys.len().min(c.len())].join(" ")).collect();
    let what = format!("there is no row `{}` with {values} numbers after it", keys.join(" "));
    problems.push(Problem::new(
        format!("{file}, {block}"),
        what,
        format!("rows begin with {}", there.join("; ")),
    ));
    None
}

/// A decimal, perhaps with an exponent, times 10^digits: exact, or rounded half up where it has more digits than that.
fn scientific(text: &str, digits: i32) -> Option<MicroAttojoules> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && part.is_empty() || !plain(whole) || !plain(part) || whole.len() + part.len() > 15 {
        return None;
    }
    let number: i128 = format!("0{whole}{part}").parse().ok()?;
    let power = exponent.checked_add(digits)? - part.len() as i32;
    match power {
        0..=20 => Some(number * 10i128.pow(power as u32)),
        -30..=-1 => {
            let divisor = 10i128.pow(-power as u32);
            Some((number + divisor / 2) / divisor)
        }
        _ => (number == 0).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{RouterPrices, RouterWork};
    use spikemesh_router::measure::RouterEvents;

    /// The form of the file, with numbers of our own.
    const TABLE: &str = "Energy:\n    Buffer: # a remark\n        - [4, 32, 1.0e-3, 2e-13, 0, 1.5e-13]\n        - [8, 32, 2.0e-3, 4e-13, 0, 3e-13]\n\
        \x20   LinkBitLine:\n    #   - [ Length ]\n        - [1.0, 5e-7, 5.0e-14]\n    Router:\n        crossbar:\n            - [5, 32, 1e-4, 2.5e-13]\n\
        \x20       network_interface:\n            - [32, 0.0, 0.0]\n        routing:\n            default: [1e-4, 6.00e-14]\n            ODD_EVEN: [2e-4, 7e-14]\n\
        \x20       selection:\n            default: [1e-4, 5e-14]\n    Hub:\n        transceiver_leakage: [4.43e-4, 1.10e-4]\n";

    fn choice(depth: u32) -> NoximChoice {
        NoximChoice { depth, flit_bits: 32, ports: 5, link_mm: "1".into() }
    }

    #[test]
    fn decimals_with_exponents_are_exact() {
        assert_eq!(scientific("3.13e-13", 24), Some(313_000_000_000));
        assert_eq!(scientific("12.00e-14", 24), Some(120_000_000_000));
        assert_eq!(scientific("2.05e-4", 12), Some(205_000_000));
        assert_eq!(scientific("0", 24), Some(0));
        for bad in ["", ".", "-1", "x", "1e", "1e99"] {
            assert_eq!(scientific(bad, 24), None, "{bad}");
        }
    }

    #[test]
    fn a_table_prices_events_and_names_what_it_lacks() {
        let prices = RouterPrices::Events(Box::new(read_noxim("t", TABLE, &choice(8)).unwrap()));
        let events = RouterEvents {
            buffer_writes: 2,
            buffer_reads: 2,
            routes: 1,
            switch_grants: 2,
            crossings: 2,
            link_flits: vec![1, 1],
            local_flits: 2,
            router_cycles: 3,
            channel_grants: 1,
        };
        let work = |strategy: &str| RouterWork {
            strategy: strategy.into(),
            class_flits: vec![1, 1],
            events: Some(events.clone()),
            buffer_cycles: 10,
            link_cycles: 4,
            cycle_ps: 1000,
        };
        let report = prices.price(&work("xy")).unwrap();
        let of = |report: &crate::energy::EnergyReport, cause: &str| {
            report.causes.iter().find(|c| c.cause == cause).unwrap().attojoules
        };
        assert_eq!(of(&report, "buffer_write"), Some(800_000));
        assert_eq!(of(&report, "buffer_read"), Some(600_000));
        assert_eq!(of(&report, "link"), Some(3_200_000), "2 x 32 x 50 fJ");
        assert_eq!(of(&report, "route"), Some(60_000));
        assert_eq!(of(&prices.price(&work("odd-even")).unwrap(), "route"), Some(70_000));
        // 2 mW for 1 ns are 2 pJ.
        assert_eq!(of(&report, "buffer_cycle"), Some(20_000_000));
        assert_eq!(of(&report, "router_cycle"), Some(3 * 300_000));
        assert_eq!(report.unknown(), ["channel_grant", "switch_grant", "local"]);
        assert_eq!(prices.price(&RouterWork { events: None, ..work("xy") }), None);
    }

    #[test]
    fn every_missing_row_is_told() {
        let error = read_noxim("t", "Buffer:\n - [2, 16, x, 1, 0, 1]\n", &choice(16)).unwrap_err();
        assert_eq!(error.problems.len(), 6, "{error}");
        let error = read_noxim("t", &TABLE.replace("4e-13", "-4"), &choice(8)).unwrap_err();
        assert!(error.to_string().contains("`-4`"), "{error}");
    }
}
