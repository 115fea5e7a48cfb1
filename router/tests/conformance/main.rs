//! Conformance: rows that BookSim2 and Noxim have measured, run again and compared to the last printed digit.
//!
//! All CSV files of `tests/data/curves` are checked, and all of the folder in the environment variable
//! `SPIKEMESH_CURVES_DIR` if it is set. A difference, an unreadable file and an unknown value are failures; rows in which
//! the measured program itself gave up are listed and counted apart.

mod booksim;
mod glibc;
mod noxim;
mod report;

use report::Kind;
use std::path::PathBuf;

const KINDS: &[Kind] = &[
    Kind { name: "BookSim2", columns: booksim::COLUMNS, check: booksim::check },
    Kind { name: "Noxim", columns: noxim::COLUMNS, check: noxim::check },
];

#[test]
fn conformance_with_measured_curves() {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/curves")];
    folders.extend(std::env::var_os("SPIKEMESH_CURVES_DIR").map(PathBuf::from));
    let totals = report::run(&folders, KINDS);
    assert!(totals.compared > 0, "no row was found");
    assert_eq!(totals.failed, 0, "rows or files failed; they are listed above");
}
