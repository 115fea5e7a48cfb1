//! `spikemesh inspect`.

use crate::error::Error;
use std::path::PathBuf;

/// Arguments of `inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The NIR file
    file: PathBuf,
}

#[cfg(feature = "nir")]
pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    use std::fmt::Write;
    let summary = crate::network::import::inspect_nir(&arguments.file)?;
    let mut out = format!(
        "NIR version {}, {} nodes, {} edges\n",
        summary.version,
        summary.nodes.len(),
        summary.edges.len()
    );
    let width = summary.nodes.iter().map(|n| n.name.chars().count()).max().unwrap_or(0);
    for node in &summary.nodes {
        let fields = node.fields.iter().map(|(name, shape)| {
            let shape: Vec<_> = shape.iter().map(u64::to_string).collect();
            if shape.is_empty() { name.clone() } else { format!("{name} {}", shape.join("x")) }
        });
        let support = if node.supported { "" } else { "  NOT SUPPORTED" };
        let _ = writeln!(
            out,
            "  {:<width$}  {:<8} {}{support}",
            node.name,
            node.kind,
            fields.collect::<Vec<_>>().join(", ")
        );
    }
    for (from, to) in &summary.edges {
        let _ = writeln!(out, "  {from} -> {to}");
    }
    let missing = summary.nodes.iter().filter(|n| !n.supported).count();
    let verdict = if missing == 0 {
        "every node type is supported".into()
    } else {
        format!("{missing} nodes have types that are not supported yet")
    };
    let _ = writeln!(out, "{verdict}");
    super::print(&out).map(|()| 0)
}

#[cfg(not(feature = "nir"))]
pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    Err(super::no_nir(&arguments.file))
}
