//! `spikemesh map`.

use super::{ConfigArgument, load_network, print};
use crate::config::RunConfig;
use crate::error::Error;
use crate::mapper::{Mapping, PASSES, map};
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `map`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Write the chip image to a file
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Print the mapping as one JSON object
    #[arg(long)]
    json: bool,
    /// List the passes and end
    #[arg(long)]
    passes: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    if arguments.passes {
        let list = PASSES.iter().map(|pass| format!("{:<10} {}\n", pass.name, pass.description));
        return print(&list.collect::<String>()).map(|()| 0);
    }
    let config = RunConfig::load(&arguments.config.config)?;
    let network = load_network(&config)?;
    let mapping = map(&network, &config.chip, &config.map)?;
    if let Some(path) = &arguments.image {
        std::fs::write(path, mapping.image.to_bytes()).map_err(|e| Error::file(path, "write", &e))?;
    }
    let text = if arguments.json {
        let object = json!({
            "schema": 1,
            "image_digest": mapping.image.digest().to_string(),
            "cores": mapping.uses,
            "quantisation": mapping.losses,
            "synapses_verified": mapping.synapses_verified,
            "routes": mapping.image.routes.len(),
        });
        serde_json::to_string_pretty(&object).expect("invariant: a mapping is valid JSON") + "\n"
    } else {
        describe(&config, &mapping)
    };
    print(&text).map(|()| 0)
}

fn describe(config: &RunConfig, mapping: &Mapping) -> String {
    let (spec, uses) = (&config.chip, &mapping.uses);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "it fits: {} of {} cores of {} ({} x {} routers, {} cores each), {} placement",
        uses.len(),
        spec.cores(),
        spec.name,
        spec.width,
        spec.height,
        spec.cores_per_router,
        config.map.placement.placer().name()
    );
    let most = |f: fn(&crate::mapper::CoreUse) -> u64| uses.iter().map(f).max().unwrap_or(0);
    let rows = [
        ("neurons", most(|u| u64::from(u.neurons)), u64::from(spec.core.neurons)),
        ("input axons", most(|u| u64::from(u.in_axons)), u64::from(spec.core.in_axons)),
        ("output axons", most(|u| u.out_axons), u64::from(spec.core.out_axons)),
        ("synapse words", most(|u| u.synapse_words), spec.core.synapse_words),
    ];
    for (name, value, limit) in rows {
        let _ = writeln!(
            out,
            "  fullest core, {name:<14} {value:>8} of {limit:>8} ({:.1} %)",
            100.0 * value as f64 / limit as f64
        );
    }
    for loss in &mapping.losses {
        let _ = writeln!(
            out,
            "  rounding `{}`: weights {:.3} % rms, {} of {} to zero; threshold {:.4} %; bias {:.4} %; tau_mem {:.3} %; tau_syn {:.3} %{}",
            loss.population,
            100.0 * loss.weight_error_rms,
            loss.weights_to_zero,
            loss.weights,
            100.0 * loss.threshold_error,
            100.0 * loss.bias_error,
            100.0 * loss.tau_mem_error,
            100.0 * loss.tau_syn_error,
            loss.notes.iter().map(|n| format!("\n    note: {n}")).collect::<String>()
        );
    }
    let _ = writeln!(
        out,
        "verified: {} synapses, walked one by one in the finished image",
        mapping.synapses_verified
    );
    let _ = writeln!(out, "image {}", mapping.image.digest());
    out
}
