//! Prices of what routers and links do, for traffic without a chip around it.
//!
//! A table of a chip prices a flit's whole hop; a table of events prices what happens inside routers one by one. They
//! price the same thing twice, so a sum is made of one of them alone.

use super::table::rounded;
use super::{EnergyCause, EnergyReport, EnergyTable, EventCounts, MicroAttojoules, TableKind};
use crate::chip::Citation;
use spikemesh_router::measure::RouterEvents;
use std::collections::BTreeMap;

/// Events inside routers that may have a price, with what one of them is.
pub const ROUTER_CAUSES: &[(&str, &str)] = &[
    ("buffer_write", "a flit written to an input buffer"),
    ("buffer_read", "a flit read from an input buffer"),
    ("route", "a route computed for a packet at a router"),
    ("selection", "a choice among the ways of a packet at a router"),
    ("channel_grant", "a virtual channel given to a packet"),
    ("switch_grant", "a switch grant to a flit"),
    ("crossing", "a flit through a crossbar"),
    ("link", "a flit over a link"),
    ("local", "a flit between a router and a core or port"),
    ("router_cycle", "leakage of a router without its buffers, in a cycle"),
    ("buffer_cycle", "leakage of the buffer of a virtual channel, in a cycle"),
    ("link_cycle", "leakage of a link, in a cycle"),
];

/// What a network did: whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterWork {
    /// Routing strategy.
    pub strategy: String,
    /// Flits over links, by link class: horizontal, vertical, others.
    pub class_flits: Vec<u64>,
    /// Events inside routers, where the level counts them.
    pub events: Option<RouterEvents>,
    /// Buffers of virtual channels times cycles.
    pub buffer_cycles: u64,
    /// Links times cycles.
    pub link_cycles: u64,
    /// Picoseconds of a cycle.
    pub cycle_ps: u64,
}

/// A price and where it comes from.
type Price = (Option<MicroAttojoules>, String);

/// Prices of events inside routers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPrices {
    pub(super) name: String,
    /// In 10^-6 attojoules an event; leakage in 10^-6 attojoules a picosecond. A cause that is left out is unknown.
    pub(super) prices: BTreeMap<&'static str, Price>,
    /// Prices of `route` and its leakage a picosecond by strategy, where they differ.
    pub(super) routes: BTreeMap<String, (MicroAttojoules, MicroAttojoules)>,
    /// The same for `route` where a strategy has none of its own.
    pub(super) default_route: Option<(MicroAttojoules, MicroAttojoules)>,
}

/// Prices of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouterPrices {
    /// Whole hops, from a chip's table.
    Hops(EnergyTable),
    /// Events inside routers.
    Events(Box<EventPrices>),
}

/// A cause priced: half up, once. Prices of events inside routers come without bands and voltages.
fn cause(
    (cause, meaning): (&'static str, &'static str),
    count: u64,
    amount: Option<MicroAttojoules>,
    citation: Citation,
) -> EnergyCause {
    let attojoules = amount.map(|amount| rounded(amount * i128::from(count)));
    let (least, most, mv) = (attojoules, attojoules, None);
    EnergyCause { cause, meaning, count, attojoules, least, most, banded: false, included: false, mv, citation }
}

impl RouterPrices {
    /// What it cost. `None` where the level does not count the events that the table prices; an event without a price is
    /// named with no cost, never with 0.
    pub fn price(&self, work: &RouterWork) -> Option<EnergyReport> {
        match self {
            RouterPrices::Hops(table) => Some(hops(table, work)),
            RouterPrices::Events(prices) => prices.price(work),
        }
    }
}

fn hops(table: &EnergyTable, work: &RouterWork) -> EnergyReport {
    let class = |i: usize| work.class_flits.get(i).copied().unwrap_or(0);
    let counts = EventCounts::default().with("hop_east_west", class(0)).with("hop_north_south", class(1));
    let mut report = table.price(&counts);
    report.causes.retain(|cause| cause.cause.starts_with("hop_"));
    for cause in report.causes.iter_mut().filter(|cause| cause.included) {
        // A hop that is part of another price has no price by itself.
        (cause.attojoules, cause.least, cause.most, cause.included) = (None, None, None, false);
    }
    // Links that the chip does not have, such as those of a board, have no price there.
    if work.class_flits.len() > 2 {
        let what = ("hop_between_chips", "a flit over a link of another kind, into the next router");
        let nothing = Citation { evidence: String::new(), source: String::new() };
        report.causes.push(cause(what, work.class_flits.iter().skip(2).sum(), None, nothing));
    }
    report
}

impl EventPrices {
    fn price(&self, work: &RouterWork) -> Option<EnergyReport> {
        let events = work.events.as_ref()?;
        let route = self.routes.get(&work.strategy).copied().or(self.default_route);
        let causes = ROUTER_CAUSES.iter().map(|&(name, meaning)| {
            let count = match name {
                "buffer_write" => events.buffer_writes,
                "buffer_read" => events.buffer_reads,
                "route" | "selection" => events.routes,
                "channel_grant" => events.channel_grants,
                "switch_grant" => events.switch_grants,
                "crossing" => events.crossings,
                "link" => events.link_flits.iter().sum(),
                "local" => events.local_flits,
                "router_cycle" => events.router_cycles,
                "buffer_cycle" => work.buffer_cycles,
                _ => work.link_cycles,
            };
            let (amount, source) =
                self.prices.get(name).cloned().unwrap_or((None, "the table does not name it".into()));
            let amount = match name {
                "route" => route.map(|(dynamic, _)| dynamic),
                "router_cycle" => {
                    amount.zip(route).map(|(rest, (_, leaks))| (rest + leaks) * i128::from(work.cycle_ps))
                }
                "buffer_cycle" | "link_cycle" => amount.map(|leaks| leaks * i128::from(work.cycle_ps)),
                _ => amount,
            };
            let evidence = if amount.is_some() { "user" } else { "unknown" };
            cause((name, meaning), count, amount, Citation { evidence: evidence.into(), source })
        });
        let (table, kind) = (self.name.clone(), TableKind::PerEvent);
        Some(EnergyReport { table, kind, area: None, causes: causes.collect() })
    }
}
