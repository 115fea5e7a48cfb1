//! The command line: one file a verb. Results go to stdout, everything else to stderr.

mod deadline;
mod inspect;
mod map;
mod models;
mod new;
mod output;
mod preset;
mod price;
mod ranc;
mod route;
mod run;
mod sanafe;
mod validate;

use crate::config::{NetworkSource, RunConfig};
use crate::error::{Error, ErrorKind};
use crate::network::{Network, random_network};
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 a bug of ours, 2 usage, 3 invalid content, 4 the network does not fit, \
5 ran but lost packets, 7 a file is absent, unreadable or cannot be written, 130 interrupted.";

/// Emulates neuromorphic mesh chips: maps spiking networks onto them, counts every packet, prices every event.
#[derive(Debug, Parser)]
#[command(name = "spikemesh", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Map a network, run it on the virtual chip, report accuracy, traffic and energy
    Run(run::Arguments),
    /// Map a network: does it fit, where does it go, what is lost
    Map(map::Arguments),
    /// Run RANC's own files: its potentials, spikes and output bus, and hops, latency and energy on top
    Ranc(ranc::Arguments),
    /// Run SANA-FE's networks step by step, for comparisons with it
    Sanafe(sanafe::Arguments),
    /// Compare routing strategies on a mesh: latency, throughput, loads and energy under the same traffic
    Route(Box<route::Arguments>),
    /// Try ticks of fixed length: how short one may be before late spikes show
    Deadline(deadline::Arguments),
    /// Price a recorded run under other tables, voltages, nodes and clocks, without running it again
    Price(price::Arguments),
    /// Compare published measurements of chips with what this program says of the same events
    Validate(validate::Arguments),
    /// List the neuron models with their registers
    Models(models::Arguments),
    /// List the graph in a NIR file
    Inspect(inspect::Arguments),
    /// List or print the chips and price tables that come with the program
    #[command(subcommand)]
    Preset(preset::Command),
    /// Start a configuration from a template
    New(new::Arguments),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// What the arguments all read: a run configuration, with changes from the command line.
#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// The run configuration (TOML)
    config: PathBuf,
}

/// Runs the command line `arguments` (the first is the program's name); returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { ErrorKind::Usage.exit_code() } else { 0 };
            // Nothing is left to do if the message itself cannot be written.
            let _ = error.print();
            return code;
        }
    };
    start_log();
    let outcome = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Map(arguments) => map::run(&arguments),
        Command::Ranc(arguments) => ranc::run(&arguments),
        Command::Sanafe(arguments) => sanafe::run(&arguments),
        Command::Route(arguments) => route::run(&arguments),
        Command::Deadline(arguments) => deadline::run(&arguments),
        Command::Price(arguments) => price::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Preset(command) => preset::run(&command),
        Command::New(arguments) => new::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "spikemesh", &mut script);
            print(&String::from_utf8_lossy(&script)).map(|()| 0)
        }
    };
    outcome.unwrap_or_else(|error| {
        say(&error.to_string());
        error.kind.exit_code()
    })
}

/// `SPIKEMESH_LOG=info` shows how long each pass took; silent otherwise.
fn start_log() {
    use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};
    if let Ok(filter) = EnvFilter::try_from_env("SPIKEMESH_LOG") {
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        // A second start, as in tests, is of no consequence.
        let _ = log.with_span_events(FmtSpan::CLOSE).try_init();
    }
}

/// Writes a line to stderr. If that fails there is nobody left to tell.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes to stdout; a closed pipe is no error, the reader has seen enough.
fn print(text: &str) -> Result<(), Error> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::file("stdout".as_ref(), "write", &e))
        }
        _ => Ok(()),
    }
}

/// The network a configuration names.
fn load_network(config: &RunConfig) -> Result<Network, Error> {
    match &config.network {
        NetworkSource::File(path) => crate::network::read_network_file(path),
        NetworkSource::Random(spec) => random_network(&config.name, spec, config.conventions),
        #[cfg(feature = "nir")]
        NetworkSource::Nir(path) => crate::network::import::read_nir(path, config.conventions),
        #[cfg(not(feature = "nir"))]
        NetworkSource::Nir(path) => Err(no_nir(path)),
    }
}

#[cfg(not(feature = "nir"))]
fn no_nir(path: &std::path::Path) -> Error {
    Error::one(
        ErrorKind::Invalid,
        path.display().to_string(),
        "this program was built without NIR support",
        "build it with the feature `nir`, which is on by default",
    )
}
