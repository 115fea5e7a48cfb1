//! Energy: a pure function of counts and a table of prices. Emulation never sees a joule.
//!
//! Prices are decimals, held as whole numbers of 10^-6 attojoules; a cause is rounded to the attojoule once, and the
//! total is the sum of the rounded causes. A price nobody published is unknown and named; it is never zero. A price whose
//! source gives a band carries it, and the total's band is the sum of the causes' bands: every price at its least end,
//! every price at its upper end, at once.

mod counts;
mod hop;
mod noxim;
mod router;
mod scale;
mod table;

pub use counts::EventCounts;
pub use noxim::{NoximChoice, read_noxim};
pub use router::{EventPrices, ROUTER_CAUSES, RouterPrices, RouterWork};
pub use scale::MilliVolts;
pub use table::{Amount, Area, Banded, EnergyTable, Price, TableKind};

use crate::chip::Citation;
use serde::Serialize;

/// Events that are counted and may have a price, with what one of them is.
pub const CAUSES: &[(&str, &str)] = &[
    ("axon_event", "an input axon looked up for an arriving spike"),
    ("synaptic_operation", "a synapse read and added"),
    ("neuron_update_active", "an update of a neuron with input, bias or state"),
    ("neuron_update_idle", "an update of a neuron with nothing to do"),
    ("neuron_spike", "a spike of a neuron, beyond its update"),
    ("packet_sent", "a packet that a core hands to the network"),
    ("learning_update", "an evaluation of a learning rule for one synapse"),
    ("trace_update", "an update of a learning trace"),
    ("same_core_spike", "a packet to the core that sent it"),
    ("same_router_spike", "a packet from a core to another core on the same router"),
    ("hop_east_west", "a flit over a horizontal link"),
    ("hop_north_south", "a flit over a vertical link"),
    ("input_packet", "a packet that entered through the input port"),
    ("output_packet", "a packet that left through the output port"),
    ("barrier", "a synchronisation at the end of a tick"),
    ("reset", "a reset of the chip after a sample"),
    ("clock", "clocks that run whether or not anything happens, in ticks and in resets whose time is known"),
    ("static", "leakage, and whatever else does not depend on activity, over the same time"),
];

/// 10^-6 attojoules.
type MicroAttojoules = i128;

/// What one cause cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnergyCause {
    /// Name.
    pub cause: &'static str,
    /// What one event is.
    pub meaning: &'static str,
    /// Events; for `clock` and `static` picoseconds.
    pub count: u64,
    /// Cost; `None` if the price is unknown.
    pub attojoules: Option<i128>,
    /// Cost with the price at the least end of its band; `None` if the price is unknown.
    pub least: Option<i128>,
    /// Cost with the price at the upper end of its band; `None` if the band is open or the price unknown.
    pub most: Option<i128>,
    /// Whether the source gives a band; else both ends are the cost.
    pub banded: bool,
    /// Whether the price of a synaptic operation holds this cause, so that it costs nothing more.
    pub included: bool,
    /// Supply at which the price was found, in millivolts; `None` if the source does not say.
    pub mv: Option<MilliVolts>,
    /// Source of the price.
    pub citation: Citation,
}

/// What a run cost, by cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnergyReport {
    /// Name of the price table.
    pub table: String,
    /// What a synaptic operation's price holds.
    pub kind: TableKind,
    /// Area of the chip; `None` is unknown.
    pub area: Option<Area>,
    /// All causes, in the order of [`CAUSES`].
    pub causes: Vec<EnergyCause>,
}

impl EnergyReport {
    /// Sum of all causes with a known price, in attojoules.
    pub fn total_known(&self) -> i128 {
        self.causes.iter().filter_map(|c| c.attojoules).sum()
    }

    /// The ends of the band of [`EnergyReport::total_known`], in attojoules; the upper one is `None` if the band of a
    /// cause that occurred is open.
    pub fn band(&self) -> (i128, Option<i128>) {
        let least = self.causes.iter().filter_map(|c| c.least).sum();
        let known = self.causes.iter().filter(|c| c.count > 0 && c.attojoules.is_some());
        (least, known.map(|c| c.most).sum())
    }

    /// Causes that occurred and have no price.
    pub fn unknown(&self) -> Vec<&'static str> {
        self.causes.iter().filter(|c| c.attojoules.is_none() && c.count > 0).map(|c| c.cause).collect()
    }

    /// Causes that occurred and whose price has no published band: the total's band does not speak of them.
    pub fn without_band(&self) -> Vec<&'static str> {
        let said = |c: &&EnergyCause| c.count > 0 && c.attojoules.is_some() && !c.banded;
        self.causes.iter().filter(said).map(|c| c.cause).collect()
    }
}

/// Attojoules as joules.
pub fn joules(attojoules: i128) -> f64 {
    attojoules as f64 * 1e-18
}
