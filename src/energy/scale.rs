//! Prices at another supply or node: explicit, by laws that are named, and only where there is one.
//!
//! | what | law |
//! |---|---|
//! | events, clocks | C V^2: (V / V0)^2 |
//! | `static` | (V / V0)^k, with the k of the table's `static_power_law` |
//! | hops, another node | a wire of unchanged length: 28, 20, 14, 10, 7 nm as 1, 0.89, 0.75, 0.62, 0.46 (Villa et al. 2014), voltages of those nodes in it |
//! | everything else, another node | no published law: becomes unknown |

use super::table::{Amount, Banded};
use super::{EnergyTable, MicroAttojoules};
use crate::error::{Error, ErrorKind};
use serde::Serialize;

/// A supply in millivolts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MilliVolts(pub u32);

impl MilliVolts {
    /// In volts.
    pub fn volts(self) -> f64 {
        f64::from(self.0) * 1e-3
    }
}

/// Energy of a wire of unchanged length by node: (nm, hundredths of that at 28 nm); Villa et al. 2014 (SC14).
const WIRES: [(u32, i128); 5] = [(28, 100), (20, 89), (14, 75), (10, 62), (7, 46)];

impl Banded {
    /// Times up / down, half up.
    fn times(self, up: i128, down: i128) -> Self {
        let of = |amount: MicroAttojoules| (amount * up + down / 2) / down;
        Self { value: of(self.value), least: of(self.least), most: self.most.map(of), stated: self.stated }
    }
}

impl EnergyTable {
    /// The table at another supply. A price that names no supply of its own becomes unknown.
    ///
    /// # Errors
    /// The table is all-in, hence of one operating point; or it has a `static` power and no law for it.
    pub fn at_voltage(&self, to: MilliVolts) -> Result<Self, Error> {
        let refuse = |what: String, hint: &str| Err(Error::one(ErrorKind::Invalid, &*self.name, what, hint));
        if self.kind == super::TableKind::AllIn {
            let what =
                "an all-in price holds at its own operating point only, so there is no other voltage of it";
            return refuse(what.into(), "take a table of another kind");
        }
        let leaks =
            matches!(self.prices["static"].amount, Amount::Known(_)) && self.prices["static"].mv.is_some();
        if leaks && self.static_power_law.is_none() {
            let what = "the table does not say how its static power depends on the voltage".to_owned();
            return refuse(what, "copy it (`spikemesh preset show NAME --prices`) and give `static_power_law`");
        }
        let mut table = self.clone();
        table.name = format!("{} at {} mV", self.name, to.0);
        for (cause, price) in &mut table.prices {
            let Amount::Known(band) = price.amount else { continue };
            let Some(from) = price.mv else {
                price.amount = Amount::Unknown;
                price.citation.source.push_str("; at a voltage that is not named, so it cannot be scaled");
                continue;
            };
            let power = if *cause == "static" { self.static_power_law.unwrap_or(2) } else { 2 };
            let (up, down) = (i128::from(to.0).pow(power), i128::from(from.0).pow(power));
            price.amount = Amount::Known(band.times(up, down));
            price.mv = Some(to);
            price.citation.source.push_str(&format!("; scaled from {} mV by V^{power}", from.0));
        }
        Ok(table)
    }

    /// The table at another node: hops by the law of wires, everything else unknown.
    ///
    /// # Errors
    /// Either node is not in the law, or the table names none.
    pub fn at_node(&self, to_nm: u32) -> Result<Self, Error> {
        let share =
            |nm: Option<u32>| WIRES.iter().find(|(known, _)| Some(*known) == nm).map(|(_, share)| *share);
        let (Some(from), Some(to)) = (share(self.node_nm), share(Some(to_nm))) else {
            let nodes: Vec<_> = WIRES.iter().map(|(nm, _)| nm.to_string()).collect();
            let from = self.node_nm.map_or("unnamed".to_owned(), |nm| format!("{nm} nm"));
            let what = format!("there is no law from the table's node ({from}) to {to_nm} nm");
            return Err(Error::one(
                ErrorKind::Invalid,
                &*self.name,
                what,
                format!("published are wires at {} nm", nodes.join(", ")),
            ));
        };
        let mut table = self.clone();
        table.name = format!("{} at {to_nm} nm", self.name);
        table.node_nm = Some(to_nm);
        table.area = None;
        for (cause, price) in &mut table.prices {
            let Amount::Known(band) = price.amount else { continue };
            if cause.starts_with("hop_") {
                price.amount = Amount::Known(band.times(to, from));
                price.mv = None;
                price.citation.source.push_str("; scaled as a wire of unchanged length, Villa et al. 2014");
            } else {
                price.amount = Amount::Unknown;
                price.citation.source = format!("no published law takes it to {to_nm} nm");
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::EventCounts;

    const TEXT: &str = "name = \"t\"\nmv = 800\nnode_nm = 28\nstatic_power_law = 3\n[prices]\n\
        hop_east_west = { pj = 2, most = 4, evidence = \"silicon\", source = \"x\" }\n\
        axon_event = { pj = 2, evidence = \"silicon\", source = \"x\" }\n\
        static = { mw = 64, evidence = \"silicon\", source = \"x\" }\n";

    fn cost(table: &EnergyTable, cause: &str) -> Option<i128> {
        let report = table.price(&EventCounts::default().with(cause, 1000));
        report.causes.iter().find(|c| c.cause == cause).unwrap().attojoules
    }

    #[test]
    fn voltage_scales_events_by_its_square_and_leakage_by_the_tables_law() {
        let table = EnergyTable::parse("t", TEXT).unwrap();
        let half = table.at_voltage(MilliVolts(400)).unwrap();
        assert_eq!(cost(&half, "hop_east_west"), Some(500_000_000));
        assert_eq!(cost(&half, "static"), cost(&table, "static").map(|aj| aj / 8));
        assert_eq!(
            half.at_voltage(MilliVolts(800)).unwrap().prices["axon_event"].amount,
            table.prices["axon_event"].amount
        );
        let silent = EnergyTable::parse("t", &TEXT.replace("static_power_law = 3\n", "")).unwrap();
        assert!(silent.at_voltage(MilliVolts(400)).unwrap_err().to_string().contains("static_power_law"));
        let nowhere = EnergyTable::parse("t", &TEXT.replace("mv = 800\n", "")).unwrap();
        let scaled = nowhere.at_voltage(MilliVolts(400)).unwrap();
        assert_eq!(cost(&scaled, "axon_event"), None, "unknown, not unchanged");
    }

    #[test]
    fn a_node_scales_wires_and_leaves_nothing_else_known() {
        let table = EnergyTable::parse("t", TEXT).unwrap();
        let small = table.at_node(14).unwrap();
        assert_eq!(cost(&small, "hop_east_west"), Some(1_500_000_000));
        assert_eq!((cost(&small, "axon_event"), cost(&small, "static")), (None, None));
        assert!(table.at_node(22).unwrap_err().to_string().contains("28, 20, 14, 10, 7"));
    }
}
