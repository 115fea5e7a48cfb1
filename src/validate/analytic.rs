//! Cases that need no run: event rates as published, priced by a table.

use super::Case;
use crate::energy::{Amount, EnergyTable, EventCounts, MilliVolts, joules};
use crate::error::Error;
use std::path::Path;

const SECOND_PS: u64 = 1_000_000_000_000;
/// Neurons of TrueNorth.
const NEURONS: u64 = 1_048_576;

const FRENKEL: &str = "Frenkel et al. 2019, 0.55 V";
const MEROLLA: &str = "Merolla et al. 2014, power over voltage; the table is a fit at 0.8 V, scaled by V^2";
const PITON: &str = "McKeown et al. 2018, 32 nm SOI at 1.0 V; both ends made the table, random data did not";
const FRADY: &str = "Frady et al. 2020; the census of events is not given in full, so this is not judged; assumed: each \
    dimension spikes once onto every neuron, and all neurons are updated as active in all steps, prices of Davies et al. \
    2018, barriers left out; other censuses that the text allows give +9 .. +20 %";

/// What a table asks for one second of so many synaptic operations, in watts.
fn watts(table: &EnergyTable, operations: u64) -> f64 {
    let counts = EventCounts::default()
        .with("synaptic_operation", operations)
        .with("clock", SECOND_PS)
        .with("static", SECOND_PS);
    joules(table.price(&counts).total_known())
}

/// What TrueNorth takes at 0.8 V for so many synaptic operations a second, in watts.
pub(super) fn power(operations_a_second: f64) -> Result<f64, Error> {
    let table = EnergyTable::load("truenorth-0.8V", Path::new(""))?;
    Ok(watts(&table, operations_a_second.round() as u64))
}

/// All of them.
///
/// # Errors
/// A price table that this program comes with cannot be read: a bug.
pub fn analytic() -> Result<Vec<Case>, Error> {
    let table = |name| EnergyTable::load(name, Path::new(""));
    let mut cases = Vec::new();

    let odin = table("odin-0.55V")?;
    for (mhz, operations, measured) in [("75", 37_500_000, 477.0), ("1.3", 650_000, 35.0)] {
        cases.push(Case {
            group: "ODIN power",
            name: format!("ODIN, {mhz} MHz, {} MSOP/s", operations as f64 * 1e-6),
            unit: "uW",
            measured,
            ours: 1e6 * watts(&odin.at_clock(mhz)?, operations),
            tolerance_percent: Some(1.0),
            source: FRENKEL,
        });
    }

    let north = table("truenorth-0.8V")?;
    for (mv, rate, synapses, measured) in
        [(700, 0, 0, 42.0), (750, 20, 128, 65.0), (775, 20, 128, 72.0), (1050, 200, 256, 323.0)]
    {
        let scaled = north.at_voltage(MilliVolts(mv))?;
        cases.push(Case {
            group: "TrueNorth power over voltage",
            name: format!("TrueNorth, {mv} mV, {rate} Hz, {synapses} synapses"),
            unit: "mW",
            measured,
            ours: 1e3 * watts(&scaled, NEURONS * rate * synapses),
            tolerance_percent: Some(10.0),
            source: MEROLLA,
        });
    }
    cases.push(Case {
        group: "TrueNorth power over voltage",
        name: "TrueNorth all-in, 775 mV, 20 Hz, 128 synapses".into(),
        unit: "mW",
        measured: 72.0,
        ours: 1e3 * watts(&table("truenorth-allin")?, NEURONS * 20 * 128),
        tolerance_percent: Some(10.0),
        source: "Merolla et al. 2014: 26 pJ are these 72 mW by the events, so this checks our count of them alone",
    });

    if let Amount::Known(band) = table("generic-28nm")?.prices["hop_east_west"].amount {
        let ends = [
            ("no bit toggling", 3.58, band.least),
            ("random data", 11.16, band.value),
            ("all bits toggling", 16.68, band.most.unwrap_or(band.value)),
        ];
        cases.extend(ends.map(|(data, measured, amount)| Case {
            group: "Piton flit-hop",
            name: format!("Piton flit-hop, {data}"),
            unit: "pJ",
            measured,
            ours: amount as f64 * 1e-12,
            tolerance_percent: Some(10.0),
            source: PITON,
        }));
    }

    let query = EventCounts::default()
        .with("axon_event", 500)
        .with("synaptic_operation", 500 * 76_800)
        .with("neuron_update_active", 60 * 76_800);
    cases.push(Case {
        group: "Loihi kNN",
        name: "Loihi kNN, 76,800 neurons, 500 dims, 60 steps, dynamic energy a query".into(),
        unit: "mJ",
        measured: 1.33,
        ours: 1e3 * joules(table("loihi1-davies2018")?.price(&query).total_known()),
        tolerance_percent: None,
        source: FRADY,
    });
    Ok(cases)
}
