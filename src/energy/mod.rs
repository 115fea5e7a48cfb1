//! Energy: a pure function of counts and a table of prices. Emulation never sees a joule.
//!
//! Prices are decimals, held as whole numbers of 10^-6 attojoules; a cause is rounded to the attojoule once, and the
//! total is the sum of the rounded causes. A price nobody published is `None` and named; it is never zero.

mod noxim;
mod router;

pub use noxim::{NoximChoice, read_noxim};
pub use router::{EventPrices, ROUTER_CAUSES, RouterPrices, RouterWork};

use crate::chip::{ChipCounters, Citation, read_citation};
use crate::error::{Error, ErrorKind, Problem, all_well, nearest};
use crate::toml_reader::{Document, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Events that are counted and may have a price, with what one of them is.
pub const CAUSES: &[(&str, &str)] = &[
    ("axon_event", "an input axon looked up for an arriving spike"),
    ("synaptic_operation", "a synapse read and added"),
    ("neuron_update_active", "an update of a neuron with input, bias or state"),
    ("neuron_update_idle", "an update of a neuron with nothing to do"),
    ("learning_update", "an evaluation of a learning rule for one synapse"),
    ("trace_update", "an update of a learning trace"),
    ("same_core_spike", "a packet to the core that sent it"),
    ("same_router_spike", "a packet from a core to another core on the same router"),
    ("hop_east_west", "a flit over a horizontal link"),
    ("hop_north_south", "a flit over a vertical link"),
    ("input_packet", "a packet that entered through the input port"),
    ("output_packet", "a packet that left through the output port"),
    ("barrier", "a barrier at the end of a tick"),
    ("reset", "a reset of the chip after a sample"),
    ("static", "leakage and clocks, in ticks and in resets whose time is known"),
];

/// Most attojoules of a link or an axon event that a search weighs.
const MOST_HOP: i128 = 1_000_000_000_000;

/// 10^-6 attojoules.
type MicroAttojoules = i128;

/// What an event costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// In 10^-6 attojoules; for `static` in 10^-6 attojoules a picosecond. `None` is unknown.
    amount: Option<MicroAttojoules>,
    /// Where it comes from, or why it is unknown.
    pub citation: Citation,
}

/// Prices of a technology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnergyTable {
    /// Name.
    pub name: String,
    /// By cause; a cause that the file leaves out is unknown.
    pub prices: BTreeMap<&'static str, Price>,
}

/// Embedded tables: (name, text).
const TABLES: &[(&str, &str)] = &[
    ("loihi1-davies2018", include_str!("tables/loihi1-davies2018.toml")),
    ("generic-28nm", include_str!("tables/generic-28nm.toml")),
    ("unpriced", include_str!("tables/unpriced.toml")),
];

impl EnergyTable {
    /// Names and texts of the embedded tables.
    pub fn tables() -> &'static [(&'static str, &'static str)] {
        TABLES
    }

    /// The embedded table of that name, or else the file at that path, taken from `folder`.
    ///
    /// # Errors
    /// There is none, or everything wrong in it.
    pub fn load(name: &str, folder: &Path) -> Result<Self, Error> {
        if let Some((_, text)) = TABLES.iter().find(|(known, _)| *known == name) {
            return Self::parse(&format!("price table {name}"), text);
        }
        let path = folder.join(name);
        if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(&path).map_err(|e| Error::file(&path, "read", &e))?;
            return Self::parse(&path.display().to_string(), &text);
        }
        let names: Vec<&str> = TABLES.iter().map(|t| t.0).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("tables are {}; a file must end in .toml", names.join(", ")),
        };
        Err(Error::one(ErrorKind::Invalid, "prices", format!("there is no price table `{name}`"), hint))
    }

    /// Reads a table from text.
    ///
    /// # Errors
    /// Everything wrong in it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let document = Document::parse(file, text)?;
        let table = {
            let root = document.root();
            let name = root.required_text("name", "a name");
            let prices = root.table("prices");
            let read = |&(cause, _): &(&'static str, &str)| (cause, read_price(&prices, cause));
            Self { name, prices: CAUSES.iter().map(read).collect() }
        };
        document.finish()?;
        Ok(table)
    }

    /// Number of causes with a price.
    pub fn priced(&self) -> usize {
        self.prices.values().filter(|price| price.amount.is_some()).count()
    }

    /// What a flit over a horizontal and over a vertical link, and an axon event takes, in whole attojoules; `None` is
    /// an axon event whose price is unknown.
    ///
    /// # Errors
    /// The price of a link is unknown (for each), or a price is above a microjoule.
    pub fn hop_prices(&self) -> Result<(u64, u64, Option<u64>), Error> {
        let mut problems = Vec::new();
        let mut read = |cause: &str, needed: bool| {
            let price = &self.prices[cause];
            let attojoules = price.amount.map(|amount| (amount + 500_000) / 1_000_000);
            let place = format!("price table {}, `{cause}`", self.name);
            match attojoules {
                Some(price) if price > MOST_HOP => {
                    let what = format!("{price} aJ are more than the {MOST_HOP} that a search weighs");
                    problems.push(Problem::new(place, what, "give a price of at most a microjoule"));
                }
                None if needed => {
                    let what = format!(
                        "the price is unknown ({}); a search for energy needs it",
                        price.citation.source
                    );
                    let hint = "name a table that has it (`prices` in [chip]; see `spikemesh preset list`), or search for links";
                    problems.push(Problem::new(place, what, hint));
                }
                _ => {}
            }
            attojoules.map(|price| price.min(MOST_HOP) as u64)
        };
        let (east_west, north_south) = (read("hop_east_west", true), read("hop_north_south", true));
        let arrival = read("axon_event", false);
        all_well(problems)?;
        Ok((east_west.unwrap_or(0), north_south.unwrap_or(0), arrival))
    }

    /// Prices what a chip counted.
    pub fn price(&self, counters: &ChipCounters) -> EnergyReport {
        let core = counters.core_total();
        let class = |i: usize| counters.noc.flit_crossings.get(i).copied().unwrap_or(0);
        let count = |cause: &str| match cause {
            "axon_event" => core.axon_events,
            "synaptic_operation" => core.synaptic_operations,
            "neuron_update_active" => core.updates_active,
            "neuron_update_idle" => core.updates_idle,
            "learning_update" => core.learning_updates,
            "trace_update" => core.trace_updates,
            "same_core_spike" => counters.noc.same_endpoint,
            "same_router_spike" => counters.noc.same_router,
            "hop_east_west" => class(0),
            "hop_north_south" => class(1),
            "input_packet" => counters.input_packets,
            "output_packet" => counters.output_packets,
            "barrier" => counters.ticks,
            "reset" => counters.resets,
            _ => counters.tick_time_ps + counters.reset_time_ps,
        };
        let causes = CAUSES.iter().map(|&(cause, meaning)| {
            let (count, price) = (count(cause), &self.prices[cause]);
            // Half up; counts and prices are not negative.
            let attojoules = price.amount.map(|amount| (amount * i128::from(count) + 500_000) / 1_000_000);
            EnergyCause { cause, meaning, count, attojoules, citation: price.citation.clone() }
        });
        EnergyReport { table: self.name.clone(), causes: causes.collect() }
    }
}

fn read_price(prices: &Table<'_>, cause: &'static str) -> Price {
    if !prices.has(cause) {
        let source = "the table does not name it".to_owned();
        return Price { amount: None, citation: Citation { evidence: "unknown".into(), source } };
    }
    let entry = prices.table(cause);
    if entry.has("unknown") {
        let source = entry.required_text("unknown", "why it is unknown");
        return Price { amount: None, citation: Citation { evidence: "unknown".into(), source } };
    }
    let (key, digits) = if cause == "static" { ("mw", 9) } else { ("pj", 12) };
    let amount = entry.decimal(key).and_then(|text| {
        let amount = micro_units(&text, digits);
        if amount.is_none() {
            let what = format!("`{text}` is not a price of at least 0 with at most {digits} decimals");
            entry.problem(key, what, "write it without an exponent");
        }
        amount
    });
    if !entry.has(key) {
        entry.problem(key, format!("wanted `{key}` (or `unknown` with the reason)"), "");
    }
    Price { amount, citation: read_citation(&entry) }
}

/// A decimal times 10^digits, exactly: pJ x 10^12 and mW x 10^9 are in 10^-6 aJ and 10^-6 aJ/ps.
fn micro_units(text: &str, digits: usize) -> Option<MicroAttojoules> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > digits || whole.len() > 12 {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}

/// What one cause cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnergyCause {
    /// Name.
    pub cause: &'static str,
    /// What one event is.
    pub meaning: &'static str,
    /// Events; for `static` picoseconds.
    pub count: u64,
    /// Cost; `None` if the price is unknown.
    pub attojoules: Option<i128>,
    /// Source of the price.
    pub citation: Citation,
}

/// What a run cost, by cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnergyReport {
    /// Name of the price table.
    pub table: String,
    /// All causes, in the order of [`CAUSES`].
    pub causes: Vec<EnergyCause>,
}

impl EnergyReport {
    /// Sum of all causes with a known price, in attojoules.
    pub fn total_known(&self) -> i128 {
        self.causes.iter().filter_map(|c| c.attojoules).sum()
    }

    /// Causes that occurred and have no price.
    pub fn unknown(&self) -> Vec<&'static str> {
        self.causes.iter().filter(|c| c.attojoules.is_none() && c.count > 0).map(|c| c.cause).collect()
    }
}

/// Attojoules as joules.
pub fn joules(attojoules: i128) -> f64 {
    attojoules as f64 * 1e-18
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_decimals() {
        assert_eq!(micro_units("23.6", 12), Some(23_600_000_000_000));
        assert_eq!(micro_units("0.000000000001", 12), Some(1));
        assert_eq!(micro_units("104.4", 9), Some(104_400_000_000));
        for bad in ["", ".5", "-1", "1e3", "0.0000000000001", "inf"] {
            assert_eq!(micro_units(bad, 12), None, "{bad}");
        }
    }

    #[test]
    fn every_table_reads_and_cites_every_price() {
        for (name, _) in EnergyTable::tables() {
            let table = EnergyTable::load(name, Path::new(".")).unwrap();
            for (cause, price) in &table.prices {
                assert!(
                    !price.citation.source.is_empty() && price.citation.evidence != "user",
                    "{name}: {cause}"
                );
            }
        }
    }

    #[test]
    fn a_cause_is_rounded_once_and_the_unknown_are_named() {
        let text = "name = \"t\"\n[prices]\n\
            synaptic_operation = { pj = 23.6, evidence = \"simulated\", source = \"x\" }\n\
            static = { mw = 104.4, evidence = \"silicon\", source = \"x\" }\n\
            barrier = { unknown = \"not published\" }\n\
            neuron_update_idle = { pj = 0.000000333333, evidence = \"assumed\", source = \"x\" }\n";
        let table = EnergyTable::parse("t", text).unwrap();
        let mut counters =
            ChipCounters { ticks: 2, tick_time_ps: 7, reset_time_ps: 3, ..ChipCounters::default() };
        counters.cores = vec![(0, Default::default())];
        counters.cores[0].1.synaptic_operations = 3;
        counters.cores[0].1.updates_idle = 3;
        let report = table.price(&counters);
        let of = |cause: &str| report.causes.iter().find(|c| c.cause == cause).unwrap().attojoules;
        assert_eq!(of("synaptic_operation"), Some(70_800_000));
        assert_eq!(of("static"), Some(1_044_000));
        assert_eq!(of("neuron_update_idle"), Some(1), "3 x 0.333333 aJ");
        assert_eq!(of("barrier"), None);
        assert_eq!(report.unknown(), ["barrier"]);
        assert_eq!(report.total_known(), 70_800_000 + 1_044_000 + 1);
    }
}
