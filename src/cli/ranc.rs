//! `spikemesh ranc`.

use super::output::{OutputArguments, OutputFolder, print_report, refuse_existing};
use super::run::{AFTER_SAMPLES, finish, progress_bar, stop_on_interrupt};
use super::say;
use crate::chip::{RancFile, RancImport, RancRecord};
use crate::energy::{EnergyTable, EventCounts};
use crate::error::{EXIT_LOST_PACKETS, Error};
use crate::mapper::core_uses;
use crate::report::Report;
use crate::run::{Runner, Stimulus};
use spikemesh_router::Level;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Lost spikes that are named one by one.
const LOST_NAMED: usize = 10;

/// Arguments of `ranc`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// RANC's input: cores, output bus, packets (JSON)
    input: PathBuf,
    /// RANC's configuration: mesh and size of a core (JSON)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Ticks [default: as many as the input has packets for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    ticks: Option<u32>,
    #[command(flatten)]
    output: OutputArguments,
    /// Network level
    #[arg(long, value_name = "LEVEL", value_parser = ["analytic", "packet", "flit"], default_value = "analytic")]
    level: String,
    /// Leave the potentials of every tick out of `ranc.json`
    #[arg(long)]
    no_potentials: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    refuse_existing(&[("the folder for the report", arguments.output.out.as_deref())], arguments.output.force)?;
    let name = arguments.input.file_stem().map_or("ranc".into(), |stem| stem.to_string_lossy().into_owned());
    let import = import(&name, &arguments.input, &arguments.config)?;
    import.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    let out = OutputFolder::make(&arguments.output, &name)?;
    let code = run_imported(arguments, &name, &import, &out.path);
    if code.is_err() {
        out.take_back();
    }
    code
}

fn import(name: &str, input: &Path, config: &Path) -> Result<RancImport, Error> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e));
    let (input_text, config_text) = (read(input)?, read(config)?);
    let (input, config) = (input.display().to_string(), config.display().to_string());
    RancImport::read(
        name,
        RancFile { name: &input, text: &input_text },
        RancFile { name: &config, text: &config_text },
    )
}

fn run_imported(arguments: &Arguments, name: &str, import: &RancImport, out: &Path) -> Result<u8, Error> {
    let image = &import.image;
    let prices = EnergyTable::load(&image.spec.prices, Path::new("."))?;
    let level = Level::by_name(&arguments.level).unwrap_or(Level::Analytic);
    let threads = arguments.output.threads();
    let ticks = arguments.ticks.unwrap_or(import.ticks.max(1));
    let stimulus = Stimulus::from_train(import.train.clone(), image.network.inputs.len() as u32, ticks);
    let mut record = import.record(!arguments.no_potentials);
    let (started, cpu) = (std::time::Instant::now(), cpu_time::ProcessTime::now());
    let bar = progress_bar(&stimulus);
    let stop = stop_on_interrupt(AFTER_SAMPLES)?;
    let runner = Runner {
        threads,
        level,
        reference: None,
        trace: None,
        recorder: None,
        stop: &stop,
        progress: &|_, ticks| bar.inc(ticks),
    };
    let recording = runner.run_observed(image, &stimulus, &mut |chip, spikes| record.tick(chip, spikes))?;
    bar.finish_and_clear();
    let (wall_s, cpu_s) = (started.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    record.finish(&recording.counters);
    let topology = image.spec.topology()?;
    let energy = prices.price(&EventCounts::of_chip(&recording.counters));
    let report = Report {
        name,
        image,
        topology: &topology,
        level,
        placement: "placed by the file",
        losses: &[],
        uses: &core_uses(image),
        recording: &recording,
        prices: &prices,
        energy: &energy,
        dense_connections: None,
        seed: 0,
        wall_s,
        cpu_s,
        threads,
    };
    write_record(&out.join("ranc.json"), &record)?;
    print_report(&report, out, arguments.output.json)?;
    say_warnings(&record);
    match finish(&report, image)? {
        0 => Ok(say_lost(&record)),
        code => Ok(code),
    }
}

fn write_record(path: &Path, record: &RancRecord) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::file(path, "write", &e);
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    serde_json::to_writer(&mut file, record).map_err(|e| failed(e.into()))?;
    file.write_all(b"\n").and_then(|()| file.flush()).map_err(failed)
}

/// What RANC warns of at every occasion, as sums.
fn say_warnings(record: &RancRecord) {
    if record.merged() > 0 {
        say(&format!("warning: {} spikes found their axon active already and merged with it", record.merged()));
    }
    if record.dropped() > 0 {
        let what = "came with the last delivery tick, for which the scheduler has no room, and were dropped";
        say(&format!("warning: {} spikes {what}", record.dropped()));
    }
}

/// Names the spikes that ended where no core is; the exit code.
fn say_lost(record: &RancRecord) -> u8 {
    let lost = record.lost();
    if lost.is_empty() {
        return 0;
    }
    say(&format!("error: {} spikes went to places without a core", lost.iter().map(|l| l.spikes).sum::<u64>()));
    for one in lost.iter().take(LOST_NAMED) {
        say(&format!("  where: {} from {} to ({},{})", one.spikes, one.from, one.to.0, one.to.1));
    }
    if lost.len() > LOST_NAMED {
        say(&format!("  and {} more senders; all are in ranc.json", lost.len() - LOST_NAMED));
    }
    say("  try:   describe a core there, or give the senders another `destination_core_offset`");
    EXIT_LOST_PACKETS
}
