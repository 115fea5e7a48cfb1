//! Rows measured with BookSim2.

use crate::report::{Outcome, Row};

/// Columns by which such a file is known.
pub(crate) const COLUMNS: &[&str] = &["routing_function", "injection_rate", "avg_packet_latency"];

/// Runs the row again and compares every simulated column.
pub(crate) fn check(_row: &Row<'_>) -> Outcome {
    Outcome::Unusable("rows of BookSim are not run yet".to_owned())
}
