//! `spikemesh validate`: published measurements beside ours.

use super::print;
use crate::error::Error;
use crate::validate::{Case, analytic};
use std::fmt::Write;

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let cases = analytic()?;
    if arguments.json {
        let cases: Vec<_> = cases.iter().map(object).collect();
        let text = serde_json::to_string_pretty(&serde_json::json!({ "schema": 1, "cases": cases }));
        print(&(text.expect("invariant: cases are valid JSON") + "\n"))?;
    } else {
        print(&text(&cases))?;
    }
    Ok(0)
}

fn object(case: &Case) -> serde_json::Value {
    serde_json::json!({
        "group": case.group,
        "case": case.name,
        "unit": case.unit,
        "measured": case.measured,
        "ours": case.ours,
        "difference_percent": case.difference_percent(),
        "tolerance_percent": case.tolerance_percent,
        "verdict": case.verdict(),
        "source": case.source,
    })
}

fn text(cases: &[Case]) -> String {
    let mut out = format!(
        "{:<72} {:>12} {:>12} {:>10} {:>9}  {:<8}  source\n",
        "case", "measured", "ours", "difference", "tolerance", "verdict"
    );
    for case in cases {
        let digits = if case.measured >= 10.0 { 2 } else { 4 };
        let value = |value: f64| format!("{value:.digits$} {}", case.unit);
        let tolerance = case.tolerance_percent.map_or("-".into(), |percent| format!("{percent} %"));
        let _ = writeln!(
            out,
            "{:<72} {:>12} {:>12} {:>+8.1} % {:>9}  {:<8}  {}",
            case.name,
            value(case.measured),
            value(case.ours),
            case.difference_percent(),
            tolerance,
            case.verdict().name(),
            case.source
        );
    }
    out
}
