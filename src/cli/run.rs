//! `spikemesh run`.

use super::output::{OutputArguments, OutputFolder, print_report, refuse_existing};
use super::{ConfigArgument, load_network, say};
use crate::chip::ChipImage;
use crate::config::RunConfig;
use crate::energy::{EnergyTable, EventCounts};
use crate::error::{EXIT_LOST_PACKETS, Error, ErrorKind};
use crate::mapper::{Mapping, map};
use crate::network::{Network, Oracle};
use crate::report::Report;
use crate::run::{Recorder, Runner, Stimulus, TraceWriter};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spikemesh_router::Level;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    output: OutputArguments,
    /// Network level, instead of the configuration's
    #[arg(long, value_name = "LEVEL", value_parser = ["analytic", "packet", "flit"])]
    level: Option<String>,
    /// Write every packet to a trace file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// List every wrap, clip, saturation and merged or dropped event in overflows.csv
    #[arg(long)]
    overflows: bool,
    /// Run at most so many samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let mut config = RunConfig::load(&arguments.config.config)?;
    if let Some(level) = arguments.level.as_deref().and_then(Level::by_name) {
        config.level = level;
    }
    refuse_existing(
        &[
            ("the folder for the report", arguments.output.out.as_deref()),
            ("the file for the trace", arguments.trace.as_deref()),
        ],
        arguments.output.force,
    )?;
    let prices = EnergyTable::load(&config.chip.prices, &config.prices_folder)?;
    let network = load_network(&config)?;
    let stimulus = Stimulus::load(&config.stimulus, &network, config.ticks, config.seed)?
        .limited(arguments.limit.map(|n| n as usize));
    stimulus.warnings().iter().for_each(|warning| say(&format!("warning: {warning}")));
    let mapping = map(&network, &config.chip, &config.map)?;
    let out = OutputFolder::make(&arguments.output, &config.name)?;
    let code = run_mapped(arguments, &config, &prices, &network, &stimulus, &mapping, &out.path);
    if code.is_err() {
        out.take_back();
    }
    code
}

fn run_mapped(
    arguments: &Arguments,
    config: &RunConfig,
    prices: &EnergyTable,
    network: &Network,
    stimulus: &Stimulus,
    mapping: &Mapping,
    out: &Path,
) -> Result<u8, Error> {
    let oracle = config.reference.then(|| Oracle::new(network));
    let trace = arguments.trace.as_deref().map(|path| TraceWriter::create(path, &mapping.image, config.ticks));
    let recorder = (arguments.overflows || !config.record.is_empty())
        .then(|| Recorder::create(out, &mapping.image, &config.record, arguments.overflows))
        .transpose()?;
    let threads = arguments.output.threads();
    let (started, cpu) = (std::time::Instant::now(), cpu_time::ProcessTime::now());
    let bar = progress_bar(stimulus);
    let recording = Runner {
        threads,
        level: config.level,
        reference: oracle.as_ref(),
        trace: trace.transpose()?,
        recorder,
        stop: stop_on_interrupt(AFTER_SAMPLES)?.as_ref(),
        progress: &|samples, ticks| bar.inc(if stimulus.len() > 1 { samples as u64 } else { ticks }),
    }
    .run(&mapping.image, stimulus)?;
    bar.finish_and_clear();
    let (wall_s, cpu_s) = (started.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    let topology = config.chip.topology()?;
    let energy = prices.price(&EventCounts::of_chip(&recording.counters));
    let report = Report {
        name: &config.name,
        image: &mapping.image,
        topology: &topology,
        level: config.level,
        placement: config.map.placement.placer().name(),
        losses: &mapping.losses,
        uses: &mapping.uses,
        recording: &recording,
        prices,
        energy: &energy,
        dense_connections: Some(network.dense_connections()),
        seed: config.seed,
        wall_s,
        cpu_s,
        threads,
    };
    print_report(&report, out, arguments.output.json)?;
    finish(&report, &mapping.image)
}

/// The exit code of a run that ended, and what must be said with it.
pub(super) fn finish(report: &Report<'_>, image: &ChipImage) -> Result<u8, Error> {
    if report.recording.interrupted() {
        let (done, asked) = (report.recording.samples.len(), report.recording.samples_asked);
        say(&format!("interrupted: {done} of {asked} samples are in the report"));
        return Ok(ErrorKind::Interrupted.exit_code());
    }
    let lost = report.recording.counters.noc.dropped_total();
    if lost == 0 {
        return Ok(0);
    }
    say(&format!("error: {lost} copies of packets were lost on dead links"));
    for copy in report.recording.lost.iter().take(10) {
        say(&format!(
            "  where: from {} to {}",
            report.endpoint_name(copy.source),
            report.endpoint_name(copy.destination)
        ));
    }
    if report.recording.lost.len() > 10 {
        say(&format!("  and {} more pairs", report.recording.lost.len() - 10));
    }
    say(&format!(
        "  try:   another routing than {}, or a placement that avoids the dead links",
        image.spec.routing
    ));
    Ok(EXIT_LOST_PACKETS)
}

/// A bar on stderr, when that is a terminal: samples, or the ticks of a single sample.
pub(super) fn progress_bar(stimulus: &Stimulus) -> ProgressBar {
    let many = stimulus.len() > 1;
    let length = if many { stimulus.len() as u64 } else { u64::from(stimulus.ticks()) };
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    let unit = if many { "samples" } else { "ticks" };
    let template = format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left");
    bar.with_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What an interrupted run says.
pub(super) const AFTER_SAMPLES: &str = "stopping after the samples under way; once more to stop at once";

/// A flag that Ctrl-C sets, with a word to the user; a second Ctrl-C ends the program at once.
pub(super) fn stop_on_interrupt(word: &'static str) -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(ErrorKind::Interrupted.exit_code()));
        }
        say(word);
    })
    .map_err(|e| Error::one(ErrorKind::Bug, "signal handler", e.to_string(), ""))?;
    Ok(stop)
}
