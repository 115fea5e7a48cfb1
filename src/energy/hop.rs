//! The price of a hop from its parts, for chips that are not built yet: what a router does with every bit, and what a
//! wire does with every bit that toggles.
//!
//! ```toml
//! [hop]
//! bits = 64                            # of a flit
//! toggling = [1, 2]                    # share of bits that differ from the flit before; its band is none to all
//! router_fj_per_bit = 55.94            # or its parts: buffer_write_, buffer_read_, crossbar_fj_per_bit; they add up
//! wire_fj_per_bit_mm = 186.9           # a toggling bit, a millimetre
//! link_um = [1095, 1095]               # east-west, north-south
//! evidence = "derived"
//! source = "..."
//! ```
//! A hop is `bits x (router + toggling x wire x length)`.

use super::MicroAttojoules;
use super::scale::MilliVolts;
use super::table::{Amount, Banded, Price, micro_units};
use crate::chip::read_citation;
use crate::toml_reader::Table;

/// What every bit costs in a router; they add up.
const ROUTER: [&str; 4] =
    ["router_fj_per_bit", "buffer_write_fj_per_bit", "buffer_read_fj_per_bit", "crossbar_fj_per_bit"];

/// Prices of a horizontal and a vertical hop, each a flit; `None` if the table is not there.
pub(super) fn read_hops(table: &Table<'_>, mv: Option<MilliVolts>) -> Option<[Price; 2]> {
    if !table.is_present() {
        return None;
    }
    let femto = |key: &str| {
        let text = table.decimal(key)?;
        let amount = micro_units(&text, 9);
        if amount.is_none() {
            table.problem(key, format!("`{text}` is not a price in fJ with at most 9 decimals"), "");
        }
        amount
    };
    let bits = i128::from(table.required_whole("bits", 1, 65_536));
    let (up, down) = table.whole_pair("toggling", 0, 1_000_000).unwrap_or((1, 1));
    if up > down || down == 0 {
        table.problem("toggling", format!("{up}/{down} is not a share"), "as in [1, 2] for half of the bits");
    }
    let router: MicroAttojoules = ROUTER.into_iter().filter_map(femto).sum();
    let wire = femto("wire_fj_per_bit_mm");
    for key in ["toggling", "wire_fj_per_bit_mm", "link_um"].into_iter().filter(|key| !table.has(key)) {
        table.problem(
            key,
            format!("the key `{key}` is missing"),
            "see `spikemesh preset show generic-28nm --prices`",
        );
    }
    if !ROUTER.iter().any(|key| table.has(key)) {
        table.problem(ROUTER[0], format!("wanted one of {}", ROUTER.join(", ")), "");
    }
    let (east_west, north_south) = table.whole_pair("link_um", 0, 1_000_000).unwrap_or((0, 0));
    let citation = read_citation(table);
    let (up, down) = (i128::from(up), i128::from(down.max(1)));
    Some([east_west, north_south].map(|um| {
        let at = |up: i128, down: i128| {
            let wires = wire.unwrap_or(0) * i128::from(um) * up;
            bits * router + (bits * wires + 500 * down) / (1000 * down)
        };
        let band = Banded { value: at(up, down), least: at(0, 1), most: Some(at(1, 1)), stated: true };
        Price { amount: Amount::Known(band), mv, citation: citation.clone() }
    }))
}

#[cfg(test)]
mod tests {
    use crate::energy::{Amount, EnergyTable};
    use std::path::Path;

    /// Flit-hops on Piton, 32 nm SOI at 1.0 V, measured (McKeown et al. 2018): no bit, random bits, all bits toggling.
    const PITON_PJ: [f64; 3] = [3.58, 11.16, 16.68];

    #[test]
    fn the_generic_hop_meets_pitons_ends_and_shows_how_far_random_data_is_off() {
        let table = EnergyTable::load("generic-28nm", Path::new("")).unwrap();
        let Amount::Known(band) = table.prices["hop_east_west"].amount else { panic!("the hop is priced") };
        let ours = [band.least, band.value, band.most.unwrap()].map(|amount| amount as f64 * 1e-12);
        for (ours, measured) in ours.iter().zip(PITON_PJ) {
            println!(
                "Piton flit-hop: measured {measured} pJ, ours {ours:.3} pJ, {:+.1} %",
                100.0 * (ours / measured - 1.0)
            );
        }
        assert!((ours[0] / PITON_PJ[0] - 1.0).abs() < 1e-3 && (ours[2] / PITON_PJ[2] - 1.0).abs() < 1e-3);
        assert!((ours[1] / PITON_PJ[1] - 1.0).abs() < 0.10, "random data: half of the bits toggle");
    }

    #[test]
    fn every_fault_of_a_hop_is_said() {
        let text = "name = \"t\"\n[hop]\nbits = 0\ntoggling = [3, 2]\nevidence = \"assumed\"\nsource = \"x\"\n";
        let error = EnergyTable::parse("t", text).unwrap_err().to_string();
        for wanted in ["bits", "3/2", "router_fj_per_bit", "wire_fj_per_bit_mm", "link_um"] {
            assert!(error.contains(wanted), "{wanted}: {error}");
        }
    }
}
