//! `spikemesh validate`: published measurements beside ours.

use super::print;
use crate::error::Error;
use crate::validate::{Case, analytic, packets, plots, recurrent, steps};
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Emulate all 4,096 cores of TrueNorth, not 256 of them
    #[arg(long)]
    full: bool,
    /// Also draw every group of cases, as SVG files in this folder
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let mut cases = analytic()?;
    cases.extend(recurrent(if arguments.full { 64 } else { 16 })?);
    cases.extend(packets()?);
    cases.extend(steps()?);
    if let Some(folder) = &arguments.plots {
        std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, "make", &e))?;
        for (group, drawing) in plots(&cases) {
            let path = folder.join(group.to_lowercase().replace(' ', "-") + ".svg");
            std::fs::write(&path, drawing).map_err(|e| Error::file(&path, "write", &e))?;
        }
    }
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
