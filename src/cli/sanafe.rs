//! `spikemesh sanafe`: SANA-FE's networks, step by step, for comparisons with it.

use super::{print, say};
use crate::chip::{Chip, ChipImage, Receive};
use crate::energy::{EnergyReport, EnergyTable, EventCounts, joules};
use crate::error::{Error, ErrorKind};
use crate::report::{grouped, si};
use crate::sanafe::{Gesture, Graph, RandomGraph, Record, build};
use spikemesh_router::Level;
use std::path::{Path, PathBuf};

/// Arguments of `sanafe`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    network: Which,
    /// Steps
    #[arg(long, global = true, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    steps: u32,
    /// Network level; SANA-FE's counts and *simple* time are the same at each
    #[arg(long, global = true, value_name = "LEVEL", value_parser = ["analytic", "packet", "flit"], default_value = "analytic")]
    level: String,
    /// Run so many times, on a fresh chip each, and report the least CPU time
    #[arg(long, global = true, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Leave out when cores are done with what arrives: own time is then that of the next tick's start; counts and *simple*
    /// time are the same
    #[arg(long, global = true)]
    simple: bool,
    /// Print the counts of every step as CSV
    #[arg(long, global = true, conflicts_with = "json")]
    csv: bool,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

/// The networks.
#[derive(Debug, clap::Subcommand)]
enum Which {
    /// A random network that a few numbers define
    Random(RandomArguments),
    /// The DVS-gesture network of SANA-FE's tutorial
    Gesture {
        /// The tutorial's arrays, sanafe_dvs_challenge.npz
        file: PathBuf,
    },
}

/// The numbers of a random network.
#[derive(Debug, clap::Args)]
pub(super) struct RandomArguments {
    /// Neurons, evenly over the cores
    #[arg(long, value_name = "N", default_value_t = 1024)]
    neurons: u32,
    /// Cores, of 128
    #[arg(long, value_name = "N", default_value_t = 8)]
    cores: u32,
    /// Synapses of a neuron
    #[arg(long, value_name = "N", default_value_t = 100)]
    fanout: u32,
    /// Cores that a neuron reaches; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    dest_cores: u32,
    /// Spikes a step of a lone neuron
    #[arg(long, value_name = "RATE", default_value_t = 0.03)]
    rate: f64,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl RandomArguments {
    fn graph(&self) -> Result<RandomGraph, Error> {
        RandomGraph::new(self.neurons, self.cores, self.fanout, self.dest_cores, self.rate, self.seed)
    }
}

/// A run with its times.
struct Outcome {
    image: ChipImage,
    record: Record,
    energy: EnergyReport,
    setup_s: f64,
    run_s: f64,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    match &arguments.network {
        Which::Random(random) => run_graph(arguments, &random.graph()?),
        Which::Gesture { file } => run_graph(arguments, &Gesture::read(file)?),
    }
}

fn run_graph(arguments: &Arguments, graph: &dyn Graph) -> Result<u8, Error> {
    let level = Level::by_name(&arguments.level).unwrap_or(Level::Analytic);
    let started = cpu_time::ProcessTime::now();
    let mut image = build(graph)?;
    if arguments.simple {
        image.spec.timing.receive = Receive::NextTick;
    }
    let fresh = Chip::load(&image, level)?;
    let setup_s = started.elapsed().as_secs_f64();
    let mut best: Option<(f64, Record)> = None;
    for _ in 0..arguments.repeats {
        let mut chip = fresh.clone();
        let started = cpu_time::ProcessTime::now();
        let record = Record::run(&mut chip, &image, arguments.steps)?;
        let run_s = started.elapsed().as_secs_f64();
        if best.as_ref().is_none_or(|(least, _)| run_s < *least) {
            best = Some((run_s, record));
        }
    }
    let (run_s, record) = best.ok_or_else(|| Error::one(ErrorKind::Bug, "--repeats", "no run was made", ""))?;
    let prices = EnergyTable::load(&image.spec.prices, Path::new("."))?.with_price(
        "synaptic_operation",
        graph.synaptic_operation_pj(),
        "SANA-FE 2.2.9, fit on Nahuku: the kind of synapse that this network uses there",
    )?;
    let energy = prices.price(&EventCounts::of_chip(&record.counters));
    let outcome = Outcome { image, record, energy, setup_s, run_s };
    if arguments.csv {
        print(&csv(&outcome))?;
    } else if arguments.json {
        let text = serde_json::to_string_pretty(&object(arguments, graph, &outcome));
        print(&(text.expect("invariant: counts are valid JSON") + "\n"))?;
    } else {
        print(&text(arguments, graph, &outcome))?;
    }
    let clips = outcome.record.counters.core_total().clips;
    if clips > 0 {
        say(&format!("warning: {} potentials were clipped, where SANA-FE does not clip", grouped(clips)));
    }
    Ok(0)
}

/// Energy of some causes, in joules.
fn part(energy: &EnergyReport, causes: &[&str]) -> f64 {
    let those = energy.causes.iter().filter(|c| causes.contains(&c.cause));
    joules(those.filter_map(|c| c.attojoules).sum())
}

/// SANA-FE's split: synapse, soma, network.
const SPLIT: [(&str, &[&str]); 3] = [
    ("synapse", &["synaptic_operation"]),
    ("soma", &["neuron_update_active", "neuron_update_idle", "neuron_spike"]),
    ("network", &["packet_sent", "hop_east_west", "hop_north_south"]),
];

fn object(arguments: &Arguments, graph: &dyn Graph, outcome: &Outcome) -> serde_json::Value {
    let record = &outcome.record;
    let synapses: u64 = outcome.image.cores.iter().map(|core| core.config.synapse_count()).sum();
    let split: serde_json::Map<_, _> =
        SPLIT.iter().map(|(name, causes)| ((*name).to_owned(), part(&outcome.energy, causes).into())).collect();
    serde_json::json!({
        "schema": 1,
        "network": graph.name(),
        "level": arguments.level,
        "steps": arguments.steps,
        "synapses": synapses,
        "spikes": record.total(|s| s.spikes),
        "active": record.total(|s| s.active),
        "packets": record.total(|s| s.packets),
        "synaptic_operations": record.total(|s| s.synaptic_operations),
        "hops": { "east": record.hops[0], "west": record.hops[1], "north": record.hops[2], "south": record.hops[3] },
        "energy_j": { "total": part(&outcome.energy, &priced()), "split": split },
        "simple_chip_time_s": record.total(|s| s.simple_ps) as f64 * 1e-12,
        "chip_time_s": record.total(|s| s.tick_ps) as f64 * 1e-12,
        "setup_cpu_s": outcome.setup_s,
        "run_cpu_s": outcome.run_s,
        "peak_memory_bytes": peak_memory(),
        "by_step": record.steps,
    })
}

/// All causes of the split.
fn priced() -> Vec<&'static str> {
    SPLIT.iter().flat_map(|(_, causes)| causes.iter().copied()).collect()
}

/// The most memory this process has held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn text(arguments: &Arguments, graph: &dyn Graph, outcome: &Outcome) -> String {
    let record = &outcome.record;
    let [east, west, north, south] = record.hops.map(grouped);
    let split: Vec<_> =
        SPLIT.iter().map(|(name, causes)| format!("{name} {:.10e}", part(&outcome.energy, causes))).collect();
    let time = |of: fn(&crate::sanafe::StepCounts) -> u64| record.total(of) as f64 * 1e-12;
    let memory = peak_memory().map_or(String::new(), |bytes| format!(", {} MiB at most", bytes >> 20));
    format!(
        "network       {}, {} steps, {} level\nspikes        {}\nactive        {}\npackets       {}\nsynops        {}\n\
         hops          {east} east, {west} west, {north} north, {south} south\nenergy, J     {} = {:.10e}\n\
         simple time   {:.10e} s\nown time      {:.10e} s\nCPU           set up {}, run {}, {:.0} steps a second{memory}\n",
        graph.name(),
        arguments.steps,
        arguments.level,
        grouped(record.total(|s| s.spikes)),
        grouped(record.total(|s| s.active)),
        grouped(record.total(|s| s.packets)),
        grouped(record.total(|s| s.synaptic_operations)),
        split.join(" + "),
        part(&outcome.energy, &priced()),
        time(|s| s.simple_ps),
        time(|s| s.tick_ps),
        si(outcome.setup_s, "s"),
        si(outcome.run_s, "s"),
        f64::from(arguments.steps) / outcome.run_s,
    )
}

fn csv(outcome: &Outcome) -> String {
    let mut out = String::from("step,spikes,active,packets,synaptic_operations,simple_ps,tick_ps\n");
    for (step, s) in (1..).zip(&outcome.record.steps) {
        let (spikes, active, packets) = (s.spikes, s.active, s.packets);
        out += &format!(
            "{step},{spikes},{active},{packets},{},{},{}\n",
            s.synaptic_operations, s.simple_ps, s.tick_ps
        );
    }
    out
}
