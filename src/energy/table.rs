//! Price tables: what an event costs, how sure that is, and at which voltage it was found.
//!
//! ```toml
//! name = "mine"
//! kind = "per-event"       # or "all-in", or "static-and-marginal"
//! mv = 750                 # supply of every price that names no other, in millivolts
//! [prices]
//! synaptic_operation = { pj = 23.6, least = 23.6, evidence = "simulated", source = "Author year, table" }
//! static = { mw = 104.4, evidence = "silicon", source = "Author year" }
//! barrier = { unknown = "only its time is published" }
//! ```
//! The three kinds differ in what a synaptic operation's price holds. *Per event*: itself alone. *All-in*: everything,
//! leakage too. *Static and marginal*: everything that grows with activity, beside a power that does not. A table of the
//! latter kinds that prices a hop or a neuron as well is refused, because it would count them twice.

use super::hop::read_hops;
use super::scale::MilliVolts;
use super::{CAUSES, EnergyCause, EnergyReport, EventCounts, MicroAttojoules};
use crate::chip::{Citation, read_citation};
use crate::error::{Error, ErrorKind, Problem, all_well, nearest};
use crate::toml_reader::{Document, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a synaptic operation's price holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// Itself alone; every other cause has a price of its own.
    PerEvent,
    /// Everything, at the one operating point at which it was found.
    AllIn,
    /// Everything that grows with activity; the rest is `static` and `clock`.
    StaticAndMarginal,
}

impl TableKind {
    /// By name.
    pub const NAMED: [(&'static str, TableKind); 3] = [
        ("per-event", TableKind::PerEvent),
        ("all-in", TableKind::AllIn),
        ("static-and-marginal", TableKind::StaticAndMarginal),
    ];

    /// Name.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether tables of this kind price the cause by itself. The others are in the price of a synaptic operation, or
    /// nobody knows whether they are.
    fn prices(self, cause: &str) -> bool {
        let apart: &[&str] = match self {
            TableKind::PerEvent => return true,
            TableKind::AllIn => &["synaptic_operation"],
            TableKind::StaticAndMarginal => &["synaptic_operation", "clock", "static"],
        };
        apart.contains(&cause) || BESIDE_SYNAPSES.contains(&cause)
    }
}

/// Causes that no published price of a synaptic operation holds: unless priced, they are unknown in every kind of table.
const BESIDE_SYNAPSES: &[&str] = &["learning_update", "trace_update", "input_packet", "output_packet", "reset"];

/// An amount with the range it is known to lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Banded {
    /// The value, in 10^-6 attojoules an event; of `clock` and `static` in 10^-6 attojoules a picosecond.
    pub value: MicroAttojoules,
    /// Lower end; the value where no band is published.
    pub least: MicroAttojoules,
    /// Upper end; `None` if only a lower end is known.
    pub most: Option<MicroAttojoules>,
    /// Whether the source gives a band.
    pub stated: bool,
}

/// What is known of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A price.
    Known(Banded),
    /// It is in the price of a synaptic operation.
    Included,
    /// Nobody published it.
    Unknown,
}

/// What an event costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// What is known of it.
    pub amount: Amount,
    /// Supply it was found at; `None` if the source does not say.
    pub mv: Option<MilliVolts>,
    /// Where it comes from, or why it is unknown.
    pub citation: Citation,
}

/// A chip's area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Area {
    /// In square millimetres, as the source writes it.
    pub mm2: String,
    /// Of what: the chip, a core.
    pub of: String,
    /// Where it comes from.
    pub citation: Citation,
}

/// Prices of a technology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnergyTable {
    /// Name.
    pub name: String,
    /// What a synaptic operation's price holds.
    pub kind: TableKind,
    /// By cause.
    pub prices: BTreeMap<&'static str, Price>,
    /// Whether hops are made of parts, so that their bands are from no toggling wire to all of them.
    pub hops_of_parts: bool,
    /// Area; `None` is unknown.
    pub area: Option<Area>,
    /// Technology node in nanometres, where the table names one.
    pub node_nm: Option<u32>,
    /// Power of the supply by which leakage grows, where the table says so.
    pub static_power_law: Option<u32>,
    /// What a megahertz of `clock` costs, in 10^-6 attojoules a picosecond, where the table prices it so.
    pub clock_per_mhz: Option<MicroAttojoules>,
}

/// Causes that the table `hop` prices.
const HOPS: [&str; 2] = ["hop_east_west", "hop_north_south"];

/// Most attojoules of a link or an axon event that a search weighs.
const MOST_HOP: i128 = 1_000_000_000_000;

/// Embedded tables: (name, text).
const TABLES: &[(&str, &str)] = &[
    ("loihi1-davies2018", include_str!("tables/loihi1-davies2018.toml")),
    ("loihi1-nahuku", include_str!("tables/loihi1-nahuku.toml")),
    ("loihi2-like", include_str!("tables/loihi2-like.toml")),
    ("truenorth-0.8V", include_str!("tables/truenorth-0.8V.toml")),
    ("truenorth-allin", include_str!("tables/truenorth-allin.toml")),
    ("truenorth-parts", include_str!("tables/truenorth-parts.toml")),
    ("odin-0.55V", include_str!("tables/odin-0.55V.toml")),
    ("darwin3", include_str!("tables/darwin3.toml")),
    ("seneca", include_str!("tables/seneca.toml")),
    ("spinnaker1", include_str!("tables/spinnaker1.toml")),
    ("spinnaker2", include_str!("tables/spinnaker2.toml")),
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
            let mv = read_mv(&root);
            let kind = root.choice("kind", &TableKind::NAMED).unwrap_or(TableKind::PerEvent);
            let prices = root.table("prices");
            let hertz = root.decimal("clock_mhz").and_then(|text| micro_units(&text, 6));
            let mut clock = Clock { hertz, per_mhz: None };
            let read =
                |&(cause, _): &(&'static str, &str)| (cause, read_price(&prices, cause, kind, mv, &mut clock));
            let hop = root.table("hop");
            let mut known: BTreeMap<_, _> = CAUSES.iter().map(read).collect();
            for (cause, price) in HOPS.into_iter().zip(read_hops(&hop, mv).into_iter().flatten()) {
                if prices.has(cause) || kind != TableKind::PerEvent {
                    prices.problem(
                        cause,
                        "a hop is priced by the table `hop` already, or held by another price",
                        "keep one",
                    );
                }
                known.insert(cause, price);
            }

            let area = root.table("area");
            Self {
                name: root.required_text("name", "a name"),
                kind,
                prices: known,
                hops_of_parts: hop.is_present(),
                area: area.is_present().then(|| Area {
                    mm2: area.decimal("mm2").unwrap_or_default(),
                    of: area.required_text("of", "what has that area, as `chip`"),
                    citation: read_citation(&area),
                }),
                node_nm: root.whole("node_nm", 1, 1000).map(|nm| nm as u32),
                static_power_law: root.whole("static_power_law", 1, 9).map(|power| power as u32),
                clock_per_mhz: clock.per_mhz,
            }
        };
        document.finish()?;
        Ok(table)
    }

    /// Number of causes with a price of their own.
    pub fn priced(&self) -> usize {
        self.prices.values().filter(|price| matches!(price.amount, Amount::Known(_))).count()
    }

    /// What a flit over a horizontal and over a vertical link, and an axon event takes, in whole attojoules; `None` is
    /// an axon event whose price is unknown.
    ///
    /// # Errors
    /// The price of a link is unknown or held by another price (for each), or a price is above a microjoule.
    pub fn hop_prices(&self) -> Result<(u64, u64, Option<u64>), Error> {
        let mut problems = Vec::new();
        let mut read = |cause: &str, needed: bool| {
            let price = &self.prices[cause];
            let attojoules = match price.amount {
                Amount::Known(band) => Some(rounded(band.value)),
                Amount::Included | Amount::Unknown => None,
            };
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

    /// Prices what was counted.
    pub fn price(&self, counts: &EventCounts) -> EnergyReport {
        let causes = CAUSES.iter().map(|&(cause, meaning)| {
            let (count, price) = (counts.get(cause), &self.prices[cause]);
            let of = |amount: MicroAttojoules| rounded(amount * i128::from(count));
            let (attojoules, least, most, banded) = match price.amount {
                Amount::Known(band) => {
                    (Some(of(band.value)), Some(of(band.least)), band.most.map(of), band.stated)
                }
                Amount::Included => (Some(0), Some(0), Some(0), true),
                Amount::Unknown => (None, None, None, false),
            };
            let included = price.amount == Amount::Included;
            let citation = price.citation.clone();
            EnergyCause {
                cause,
                meaning,
                count,
                attojoules,
                least,
                most,
                banded,
                included,
                mv: price.mv,
                citation,
            }
        });
        EnergyReport {
            table: self.name.clone(),
            kind: self.kind,
            area: self.area.clone(),
            causes: causes.collect(),
        }
    }

    /// The table with another price of a cause, a decimal in picojoules at the same supply.
    ///
    /// # Errors
    /// There is no such cause, or the text is no such decimal.
    pub fn with_price(&self, cause: &str, pj: &str, source: &str) -> Result<Self, Error> {
        let mut table = self.clone();
        let price = table.prices.get_mut(cause).zip(micro_units(pj, 12));
        let Some((price, value)) = price else {
            let what = format!("`{pj}` pJ is no price, or `{cause}` no cause");
            return Err(Error::one(ErrorKind::Invalid, &*self.name, what, "a decimal without an exponent"));
        };
        price.amount = Amount::Known(Banded { value, least: value, most: Some(value), stated: false });
        price.citation.source = source.to_owned();
        Ok(table)
    }

    /// The table with hops at the share of toggling bits that was counted, a fraction for horizontal and one for vertical
    /// links; what has none keeps its own.
    ///
    /// # Errors
    /// The table does not make hops of parts, so nobody knows what of them toggling is.
    pub fn with_toggles(&self, shares: [Option<(u64, u64)>; 2]) -> Result<Self, Error> {
        if !self.hops_of_parts {
            let what = "its hops are not made of parts, so what toggling costs is not known";
            let hint = "a table with [hop], such as generic-28nm";
            return Err(Error::one(ErrorKind::Invalid, &*self.name, what, hint));
        }
        let mut table = self.clone();
        for (cause, (bits, of)) in
            HOPS.into_iter().zip(shares).filter_map(|(cause, share)| Some((cause, share?)))
        {
            let Some(price) = table.prices.get_mut(cause) else { continue };
            let Amount::Known(Banded { least, most: Some(most), .. }) = price.amount else { continue };
            let (bits, of) = (i128::from(bits), i128::from(of.max(1)));
            let value = least + ((most - least) * bits + of / 2) / of;
            price.amount = Amount::Known(Banded { value, least: value, most: Some(value), stated: false });
            let percent = 100.0 * bits as f64 / of as f64;
            let source = &mut price.citation.source;
            *source = format!("{percent:.2} % of bits toggle, counted in a trace; {source}");
        }
        Ok(table)
    }

    /// The table with its clock at another frequency, a decimal in MHz.
    ///
    /// # Errors
    /// The table has no price of a megahertz, or the text is no such decimal.
    pub fn at_clock(&self, mhz: &str) -> Result<Self, Error> {
        let refuse = |what: String, hint| Error::one(ErrorKind::Invalid, &*self.name, what, hint);
        let Some(each) = self.clock_per_mhz else {
            return Err(refuse(
                "the table does not price a clock by its frequency".into(),
                "leave the clock out",
            ));
        };
        let Some(hertz) = micro_units(mhz, 6) else {
            return Err(refuse(format!("`{mhz}` is not a clock in MHz"), "a decimal such as 1.3"));
        };
        let mut table = self.clone();
        table.name = format!("{} at {mhz} MHz", self.name);
        if let Some(price) = table.prices.get_mut("clock") {
            price.amount = Amount::Known(clock_amount(each, hertz));
        }
        Ok(table)
    }

    /// Splits a cost over its parts (cores, links): what each part cost by itself, in attojoules, so rounded that the
    /// parts add up to the cost of all their counts together exactly. Unknown prices are left out.
    pub fn split(&self, parts: impl IntoIterator<Item = EventCounts>) -> Vec<i128> {
        let mut before: [MicroAttojoules; CAUSES.len()] = [0; CAUSES.len()];
        let costs = parts.into_iter().map(|part| {
            let causes = before.iter_mut().zip(part.named());
            let cost = |(before, (cause, count)): (&mut MicroAttojoules, (&str, u64))| {
                let Amount::Known(band) = self.prices[cause].amount else { return 0 };
                let after = *before + band.value * i128::from(count);
                rounded(after) - rounded(std::mem::replace(before, after))
            };
            causes.map(cost).sum()
        });
        costs.collect()
    }
}

/// 10^-6 attojoules as attojoules, half up; counts and prices are not negative.
pub(super) fn rounded(amount: MicroAttojoules) -> i128 {
    (amount + 500_000) / 1_000_000
}

/// The supply a table or price names, in millivolts.
fn read_mv(table: &Table<'_>) -> Option<MilliVolts> {
    table.whole("mv", 1, 10_000).map(|mv| MilliVolts(mv as u32))
}

/// A clock, for prices that depend on it.
struct Clock {
    /// In hertz.
    hertz: Option<i128>,
    /// What a megahertz costs.
    per_mhz: Option<MicroAttojoules>,
}

/// A clock of so many hertz at a price a megahertz.
fn clock_amount(per_mhz: MicroAttojoules, hertz: i128) -> Banded {
    let value = per_mhz * hertz / 1_000_000;
    Banded { value, least: value, most: Some(value), stated: false }
}

fn read_price(
    prices: &Table<'_>,
    cause: &'static str,
    kind: TableKind,
    mv: Option<MilliVolts>,
    clock: &mut Clock,
) -> Price {
    if !prices.has(cause) {
        let (amount, source) = if kind.prices(cause) {
            (Amount::Unknown, "the table does not name it")
        } else {
            (Amount::Included, "in the price of a synaptic operation or in `static`")
        };
        let evidence = if amount == Amount::Included { "included" } else { "unknown" };
        let citation = Citation { evidence: evidence.into(), source: source.into() };
        return Price { amount, mv: None, citation };
    }
    let entry = prices.table(cause);
    if entry.has("unknown") {
        let source = entry.required_text("unknown", "why it is unknown");
        let citation = Citation { evidence: "unknown".into(), source };
        return Price { amount: Amount::Unknown, mv: None, citation };
    }
    if !kind.prices(cause) {
        let what = format!(
            "a price of `{cause}` in a table of the kind `{}` would count it twice: the price of a synaptic operation \
             holds it",
            kind.name()
        );
        prices.problem(cause, what, "take it out, or make the table `per-event`");
    }
    let (key, digits) = match cause {
        "static" | "clock" => ("mw", 9),
        _ => ("pj", 12),
    };
    let read = |key: &str| {
        let text = entry.decimal(key)?;
        let amount = micro_units(&text, digits);
        if amount.is_none() {
            let what = format!("`{text}` is not a price of at least 0 with at most {digits} decimals");
            entry.problem(key, what, "write it without an exponent");
        }
        amount
    };
    let mv = read_mv(&entry).or(mv);
    if cause == "clock" && entry.has("mw_per_mhz") {
        clock.per_mhz = read("mw_per_mhz");
        let known = clock.per_mhz.zip(clock.hertz);
        if known.is_none() {
            entry.problem(
                "mw_per_mhz",
                "a price a MHz wants `clock_mhz` at the top of the table, a plain decimal",
                "",
            );
        }
        let amount = known.map_or(Amount::Unknown, |(each, hertz)| Amount::Known(clock_amount(each, hertz)));
        return Price { amount, mv, citation: read_citation(&entry) };
    }
    let (value, least, most) = (read(key), read("least"), read("most"));
    if !entry.has(key) {
        entry.problem(key, format!("wanted `{key}` (or `unknown` with the reason)"), "");
    }
    let stated = least.is_some() || most.is_some();
    let amount = value.map_or(Amount::Unknown, |value| {
        let most = if stated { most } else { Some(value) };
        let least = least.unwrap_or(if stated { 0 } else { value });
        if least > value || most.is_some_and(|most| most < value) {
            entry.problem(key, "the value lies outside its own band", "`least` and `most` are its ends");
        }
        Amount::Known(Banded { value, least, most, stated })
    });
    Price { amount, mv, citation: read_citation(&entry) }
}

/// A decimal times 10^digits, exactly: pJ x 10^12 and mW x 10^9 are in 10^-6 aJ and 10^-6 aJ/ps.
pub(super) fn micro_units(text: &str, digits: usize) -> Option<MicroAttojoules> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > digits || whole.len() > 12 {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            assert_eq!(table.name, *name);
            for (cause, price) in &table.prices {
                let cited = !price.citation.source.is_empty() && price.citation.evidence != "user";
                assert!(cited, "{name}: {cause}");
            }
        }
    }

    #[test]
    fn a_hop_beside_an_all_in_price_is_refused_and_all_faults_are_said() {
        let price = |key| format!("{key} = {{ pj = 1, evidence = \"assumed\", source = \"x\" }}\n");
        for kind in ["all-in", "static-and-marginal"] {
            let text = format!(
                "name = \"t\"\nkind = \"{kind}\"\n[prices]\n{}{}{}",
                price("synaptic_operation"),
                price("hop_east_west"),
                price("neuron_spike")
            );
            let error = EnergyTable::parse("t", &text).unwrap_err().to_string();
            assert!(error.contains("hop_east_west") && error.contains("neuron_spike"), "{error}");
            assert!(error.contains("twice"), "{error}");
        }
        let outside =
            "name = \"t\"\n[prices]\nbarrier = { pj = 3, most = 2, evidence = \"assumed\", source = \"x\" }\n";
        assert!(EnergyTable::parse("t", outside).unwrap_err().to_string().contains("outside its own band"));
    }

    #[test]
    fn a_cause_is_rounded_once_and_the_unknown_are_named() {
        let text = "name = \"t\"\nmv = 750\n[prices]\n\
            synaptic_operation = { pj = 23.6, least = 20, most = 30, evidence = \"simulated\", source = \"x\" }\n\
            static = { mw = 104.4, mv = 800, evidence = \"silicon\", source = \"x\" }\n\
            barrier = { unknown = \"not published\" }\n\
            neuron_update_idle = { pj = 0.000000333333, evidence = \"assumed\", source = \"x\" }\n";
        let table = EnergyTable::parse("t", text).unwrap();
        let counts = EventCounts::default()
            .with("barrier", 2)
            .with("static", 10)
            .with("synaptic_operation", 3)
            .with("neuron_update_idle", 3);
        let report = table.price(&counts);
        let of = |cause: &str| report.causes.iter().find(|c| c.cause == cause).unwrap();
        assert_eq!(of("synaptic_operation").attojoules, Some(70_800_000));
        assert_eq!(of("static").attojoules, Some(1_044_000));
        assert_eq!(of("static").mv, Some(MilliVolts(800)));
        assert_eq!(of("neuron_update_idle").attojoules, Some(1), "3 x 0.333333 aJ");
        assert_eq!(of("barrier").attojoules, None);
        assert_eq!(report.unknown(), ["barrier"]);
        assert_eq!(report.total_known(), 70_800_000 + 1_044_000 + 1);
        assert_eq!(report.band(), (60_000_000 + 1_044_001, Some(90_000_000 + 1_044_001)));
        assert_eq!(report.without_band(), ["neuron_update_idle", "static"]);
    }

    #[test]
    fn what_a_price_includes_costs_nothing_more_and_is_not_unknown() {
        let text = "name = \"t\"\nkind = \"all-in\"\n[prices]\n\
            synaptic_operation = { pj = 26, evidence = \"silicon\", source = \"x\" }\n";
        let table = EnergyTable::parse("t", text).unwrap();
        let counts = EventCounts::default()
            .with("synaptic_operation", 2)
            .with("hop_east_west", 9)
            .with("static", 9)
            .with("reset", 1);
        let report = table.price(&counts);
        assert_eq!(report.total_known(), 52_000_000);
        assert_eq!(report.unknown(), ["reset"]);
        assert!(report.causes.iter().find(|c| c.cause == "hop_east_west").unwrap().included);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(parts in prop::collection::vec((0u64..1000, 0u64..1000, 0u64..1000), 0..20)) {
            let text = "name = \"t\"\n[prices]\n\
                synaptic_operation = { pj = 0.0000003, evidence = \"assumed\", source = \"x\" }\n\
                axon_event = { pj = 0.00000077, evidence = \"assumed\", source = \"x\" }\n";
            let table = EnergyTable::parse("t", text).unwrap();
            let counts: Vec<_> = parts.iter().map(|&(a, b, c)| {
                EventCounts::default().with("synaptic_operation", a).with("axon_event", b).with("barrier", c)
            }).collect();
            let sum = |cause: &str| counts.iter().map(|c| c.get(cause)).sum();
            let all = EventCounts::default()
                .with("synaptic_operation", sum("synaptic_operation"))
                .with("axon_event", sum("axon_event"));
            let split = table.split(counts.iter().copied());
            prop_assert_eq!(split.iter().sum::<i128>(), table.price(&all).total_known());
        }
    }
}
