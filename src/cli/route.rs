//! `spikemesh route`.

use super::output::refuse_existing;
use super::run::stop_on_interrupt;
use super::{print, say};
use crate::energy::{EnergyTable, NoximChoice, RouterPrices, read_noxim};
use crate::error::{EXIT_LOST_PACKETS, Error, ErrorKind, Problem};
use crate::route::{
    FaultRequest, Outcome, Request, Results, ResultsFile, Settings, SourceRequest, StageProof, Sweep,
    default_router_toml, merge, page, points_csv, report_json, rows, table,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spikemesh_router::flit::LossCause;
use spikemesh_router::measure::MeasureSpec;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    network: NetworkArguments,
    #[command(flatten)]
    routers: RouterArguments,
    #[command(flatten)]
    faults: FaultArguments,
    #[command(flatten)]
    traffic: TrafficArguments,
    #[command(flatten)]
    measure: MeasureArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Network")]
struct NetworkArguments {
    /// Columns x rows of routers [default: 8x8, or the chip's]
    #[arg(long, value_name = "WxH")]
    mesh: Option<String>,
    /// Columns x rows of chips, each a mesh of that size, joined to one large mesh
    #[arg(long, value_name = "WxH")]
    board: Option<String>,
    /// Cycles over a link from chip to chip [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=4096))]
    between_cycles: Option<u16>,
    /// Rows and columns are rings
    #[arg(long)]
    torus: bool,
    /// Cores of each router [default: 1, or the chip's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    cores_per_router: Option<u16>,
    /// Routing strategies, parted by commas, or `all` that fit
    #[arg(long, value_name = "NAMES", default_value = "all")]
    strategies: String,
    /// Prove that each strategy is free of deadlock, instead of measuring
    #[arg(long)]
    prove: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Routers")]
struct RouterArguments {
    /// Virtual channels [default: as many as each strategy needs, at least 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    channels: Option<u8>,
    /// Flits of a virtual channel's buffer [default: 8, or a queue of the chip]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    depth: Option<u8>,
    /// A TOML file of the router's other knobs; `default` prints one and ends
    #[arg(long, value_name = "FILE")]
    router: Option<PathBuf>,
    /// A knob, over the file: vc-allocator=wavefront; may be said several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Cycles a head waits before its emergency ways open, and before it is dropped; for strategies that need timeouts
    /// [default: 64,256]
    #[arg(long, value_name = "E,D")]
    timeouts: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Faults (each may be said several times)")]
struct FaultArguments {
    /// A link is dead, from the start or from a cycle on: 2,3,east, or both ways: 2,3,east,both@500
    #[arg(long, value_name = "X,Y,DIRECTION[,both][@CYCLE]")]
    dead_link: Vec<String>,
    /// A router is dead, with its links and cores
    #[arg(long, value_name = "X,Y[@CYCLE]")]
    dead_router: Vec<String>,
    /// A core is dead; its router is not
    #[arg(long, value_name = "N[@CYCLE]")]
    dead_core: Vec<String>,
    /// A link drops packets and changes flits, with these probabilities
    #[arg(long, value_name = "X,Y,DIRECTION,drop=P,corrupt=P")]
    flaky_link: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Traffic")]
struct TrafficArguments {
    /// A pattern, such as uniform, transpose, hotspot(27:2,28:1;fraction=0.3) [default: uniform]
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["trace", "table", "spikes"])]
    traffic: Option<String>,
    /// The packet trace of a run, or a CSV file of packets
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "spikes"])]
    trace: Option<PathBuf>,
    /// A table of flows, as Noxim has
    #[arg(long, value_name = "FILE", conflicts_with = "spikes")]
    table: Option<PathBuf>,
    /// Spike messages, as SANA-FE writes them
    #[arg(long, value_name = "FILE")]
    spikes: Option<PathBuf>,
    /// When a pattern's packets are made, without its rate: bernoulli, on-off(on=10;off=30), ...
    #[arg(long, value_name = "PROCESS", default_value = "bernoulli")]
    process: String,
    /// Rates of a pattern in flits a core and cycle: 0.02,0.1..0.5:0.05 [default: 0.02,0.05..0.5:0.05]
    #[arg(long, value_name = "LIST")]
    rates: Option<String>,
    /// Speeds of a trace or table: creation so many times as fast [default: 1,4,16,64; tables 1]
    #[arg(long, value_name = "LIST")]
    speed: Option<String>,
    /// Flits of a packet: 4, or 1..5
    #[arg(long, value_name = "N", default_value = "1")]
    flits: String,
    /// Seed of all draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Ticks that are replayed at the most, evenly spread [default: as many as hold 250000 packets]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    ticks: Option<u64>,
    /// Picoseconds of a cycle, for traces of runs and spikes [default: a flit on the chip's slowest link; 1000]
    #[arg(long, value_name = "N")]
    cycle_ps: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Measurement")]
struct MeasureArguments {
    /// Levels, parted by commas: flit, packet, analytic
    #[arg(long, value_name = "NAMES", default_value = "flit")]
    level: String,
    /// Cycles of a sample
    #[arg(long, value_name = "N", default_value_t = MeasureSpec::default().period)]
    period: u64,
    /// Samples that are thrown away first
    #[arg(long, value_name = "N", default_value_t = MeasureSpec::default().warm_up)]
    warm_up: u32,
    /// Samples at the most
    #[arg(long, value_name = "N", default_value_t = MeasureSpec::default().most_samples)]
    samples: u32,
    /// Cycles at the end in which packets may still arrive
    #[arg(long, value_name = "N", default_value_t = MeasureSpec::default().drain)]
    drain: u64,
    /// Keep a table of all pairs, in --json and --results
    #[arg(long)]
    pairs: bool,
    /// Threads; results do not depend on it [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Results")]
struct OutputArguments {
    /// Keep every finished point here, a line each
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Keep what --results holds already, and measure the rest
    #[arg(long, requires = "results")]
    resume: bool,
    /// Measure only every n-th point, from the i-th on, counted from 1
    #[arg(long, value_name = "i/n", requires = "results")]
    shard: Option<String>,
    /// Put results files of one sweep together, instead of measuring
    #[arg(long, value_name = "FILES", num_args = 1.., conflicts_with_all = ["resume", "shard", "prove"])]
    merge: Vec<PathBuf>,
    /// Write the page here
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write everything as JSON here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table of points here
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write over files that are there already
    #[arg(long)]
    force: bool,
    /// Price table of hops: a name or a file [default: the chip's, or none]
    #[arg(long, value_name = "TABLE", conflicts_with = "noxim_power")]
    prices: Option<String>,
    /// Prices of events inside routers, from Noxim's power.yaml
    #[arg(long, value_name = "FILE")]
    noxim_power: Option<PathBuf>,
    /// Bits of a flit, for --noxim-power
    #[arg(long, value_name = "N", default_value_t = 32)]
    flit_bits: u32,
    /// Millimetres of a link, for --noxim-power
    #[arg(long, value_name = "N", default_value = "1.0")]
    link_mm: String,
}

impl Arguments {
    fn request(&self) -> Request {
        let (network, traffic, measure) = (&self.network, &self.traffic, &self.measure);
        let (routers, faults) = (&self.routers, &self.faults);
        let source = match (&traffic.trace, &traffic.table, &traffic.spikes) {
            (Some(path), ..) => SourceRequest::Trace(path.clone()),
            (_, Some(path), _) => SourceRequest::Table(path.clone()),
            (.., Some(path)) => SourceRequest::Spikes(path.clone()),
            _ => SourceRequest::Pattern {
                pattern: traffic.traffic.clone().unwrap_or_else(|| "uniform".into()),
                process: traffic.process.clone(),
            },
        };
        Request {
            mesh: network.mesh.clone(),
            board: network.board.clone(),
            between_cycles: network.between_cycles,
            torus: network.torus,
            cores_per_router: network.cores_per_router,
            strategies: network.strategies.clone(),
            source,
            rates: traffic.rates.clone(),
            speeds: traffic.speed.clone(),
            flits: traffic.flits.clone(),
            channels: routers.channels,
            depth: routers.depth,
            router: routers.router.clone(),
            knobs: routers.set.clone(),
            timeouts: routers.timeouts.clone(),
            faults: FaultRequest {
                dead_links: faults.dead_link.clone(),
                dead_routers: faults.dead_router.clone(),
                dead_cores: faults.dead_core.clone(),
                flaky_links: faults.flaky_link.clone(),
            },
            levels: measure.level.clone(),
            seed: traffic.seed,
            cycle_ps: traffic.cycle_ps,
            most_ticks: traffic.ticks,
            measure: MeasureSpec {
                period: measure.period,
                warm_up: measure.warm_up,
                most_samples: measure.samples,
                drain: measure.drain,
                pairs: measure.pairs,
                ..MeasureSpec::default()
            },
        }
    }

    fn prices(&self, settings: &Settings) -> Result<RouterPrices, Error> {
        let output = &self.output;
        if let Some(path) = &output.noxim_power {
            let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e))?;
            let choice = NoximChoice {
                depth: settings.depth.into(),
                flit_bits: output.flit_bits,
                ports: 5,
                link_mm: output.link_mm.clone(),
            };
            let prices = read_noxim(&path.display().to_string(), &text, &choice)?;
            return Ok(RouterPrices::Events(Box::new(prices)));
        }
        let default = if settings.prices.is_empty() { "unpriced" } else { &settings.prices };
        let name = output.prices.as_deref().unwrap_or(default);
        EnergyTable::load(name, Path::new(".")).map(RouterPrices::Hops)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    if arguments.routers.router.as_deref() == Some(Path::new("default")) {
        print(&default_router_toml())?;
        return Ok(0);
    }
    let output = &arguments.output;
    let kept = output.results.as_deref().filter(|_| !output.resume);
    refuse_existing(
        &[
            ("the file for the results", kept),
            ("the file for the page", output.html.as_deref()),
            ("the file for JSON", output.json.as_deref()),
            ("the file for CSV", output.csv.as_deref()),
        ],
        output.force,
    )?;
    if !output.merge.is_empty() {
        let results = merge(&output.merge)?;
        let prices = arguments.prices(results.settings())?;
        if let Some(path) = &output.results {
            write(path, &results.text())?;
        }
        return show(&results, &prices, output, false);
    }
    let shard = output.shard.as_deref().map(shard).transpose()?;
    let sweep = arguments.request().sweep()?;
    if arguments.network.prove {
        return prove(&sweep);
    }
    let prices = arguments.prices(sweep.settings())?;
    let (results, interrupted) = measure(arguments, &sweep, shard)?;
    show(&results, &prices, output, interrupted)
}

/// `i/n` as (i - 1, n).
fn shard(text: &str) -> Result<(usize, usize), Error> {
    let parts = text.split_once('/').map(|(i, n)| (i.trim().parse::<usize>(), n.trim().parse::<usize>()));
    match parts {
        Some((Ok(i), Ok(n))) if i >= 1 && i <= n => Ok((i - 1, n)),
        _ => {
            let what = format!("`{text}` is not i/n with i from 1 to n");
            Err(Error::one(
                ErrorKind::Usage,
                "--shard",
                what,
                "--shard 1/4 on one machine, 2/4 on the next, ...",
            ))
        }
    }
}

fn measure(
    arguments: &Arguments,
    sweep: &Sweep,
    shard: Option<(usize, usize)>,
) -> Result<(Results, bool), Error> {
    let output = &arguments.output;
    let mut results = Results::new(sweep.settings().clone());
    let mut file = output
        .results
        .as_deref()
        .map(|path| ResultsFile::start(path, output.resume, &mut results))
        .transpose()?;
    let mine = |point: &usize| shard.is_none_or(|(first, n)| point % n == first);
    let wanted: Vec<usize> =
        (0..results.points().len()).filter(mine).filter(|&point| results.get(point).is_none()).collect();
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.measure.threads.map_or_else(processors, usize::from);
    let stop = stop_on_interrupt("stopping; finished points are kept; once more to stop at once")?;
    let bar = progress_bar(wanted.len() as u64);
    sweep.run(&wanted, threads, &stop, |finished| {
        if let Some(file) = &mut file {
            file.append(&finished)?;
        }
        results.insert(finished);
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    if let Some(file) = file {
        file.finish(&results)?;
    }
    Ok((results, stop.load(Ordering::Relaxed)))
}

fn progress_bar(points: u64) -> ProgressBar {
    let shown = std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} points, {eta} left");
    ProgressBar::with_draw_target(Some(points), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|e| Error::file(path, "write", &e))
}

/// Prints and writes what there is; the exit code.
fn show(
    results: &Results,
    prices: &RouterPrices,
    output: &OutputArguments,
    interrupted: bool,
) -> Result<u8, Error> {
    let rows = rows(results, prices);
    if let Some(path) = &output.json {
        let object = report_json(results, &rows);
        write(
            path,
            &(serde_json::to_string_pretty(&object).expect("invariant: a report is valid JSON") + "\n"),
        )?;
    }
    if let Some(path) = &output.csv {
        write(path, &points_csv(results, &rows))?;
    }
    if let Some(path) = &output.html {
        write(path, &page(results, &rows))?;
    }
    print(&table(results, &rows))?;
    for (what, path) in [("results", &output.results), ("page", &output.html)] {
        if let Some(path) = path {
            print(&format!("{what:<10} {}\n", path.display()))?;
        }
    }
    if interrupted {
        let done = results.points().len() - results.missing();
        say(&format!("interrupted: {done} of {} points are there", results.points().len()));
        return Ok(ErrorKind::Interrupted.exit_code());
    }
    let failed: Vec<_> = results
        .finished()
        .filter_map(|finished| match &finished.outcome {
            Outcome::Failed(why) => Some(Problem::new(finished.key.strategy.clone(), why, "")),
            Outcome::Measured(_) => None,
        })
        .collect();
    if !failed.is_empty() {
        return Err(Error::invalid(failed));
    }
    // Routers with timeouts drop packets by design.
    let lost = rows.iter().filter_map(|row| row.found.ok()).flat_map(|found| found.packets.lost.keys());
    let lost = lost.into_iter().any(|cause| cause != LossCause::Timeout.name());
    Ok(if lost { EXIT_LOST_PACKETS } else { 0 })
}

/// Proves every strategy that was asked for; the exit code is that of invalid content if one can deadlock or loses its way.
fn prove(sweep: &Sweep) -> Result<u8, Error> {
    let (mut all_free, mut text) = (true, format!("{:<10} {}\n", "network", sweep.settings().network()));
    if !sweep.settings().faults.is_empty() {
        text += &format!("{:<10} {}\n", "fails", sweep.settings().failing());
    }
    text.push('\n');
    for StageProof { strategy, cycle, proof } in sweep.proofs() {
        if cycle > 0 {
            text += &format!("from cycle {cycle} on: ");
        }
        match proof {
            Ok(proof) => {
                all_free &= proof.is_free() && proof.unreached == 0;
                text += &format!("{proof}\n");
                if let Some(cycle) = proof.cycle() {
                    text += &format!("\n{}\n", cycle.picture());
                }
            }
            Err(why) => text += &format!("`{strategy}` is not proven: {why}\n"),
        }
    }
    print(&text)?;
    Ok(if all_free { 0 } else { ErrorKind::Invalid.exit_code() })
}
