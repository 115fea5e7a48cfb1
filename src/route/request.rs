//! What a user asks for, and all that is wrong with it.

use super::faults::FaultRequest;
use super::knobs::{Knobs, lines};
use super::numbers::{parse_flits, parse_mesh, parse_numbers};
use super::settings::{BoardSettings, RouteLevel, Settings, SourceKind};
use super::source::{self, Source};
use super::sweep::{Network, Sweep};
use super::topology::{board, plain, plain_router};
use crate::error::{Error, ErrorKind, Problem, nearest};
use spikemesh_router::flit::{RouterSpec, Timeouts};
use spikemesh_router::measure::{CYCLE_PS, Design, MeasureSpec, ReplayTicks};
use spikemesh_router::traffic::{Shape, patterns, processes};
use spikemesh_router::{Needs, RoutingStrategy, Topology, strategies};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where packets shall come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceRequest {
    /// A pattern and a process without its rate, as text.
    Pattern {
        /// The pattern.
        pattern: String,
        /// The process.
        process: String,
    },
    /// A table of flows.
    Table(PathBuf),
    /// The packet trace of a run, or a list of packets.
    Trace(PathBuf),
    /// Spike messages.
    Spikes(PathBuf),
}

/// A sweep as it is asked for: numbers are checked by [`Request::sweep`], lists are text.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `8x8`; `None` is that, or the chip's own.
    pub mesh: Option<String>,
    /// `2x2` chips, each of the mesh's size.
    pub board: Option<String>,
    /// Cycles over a link from chip to chip of a board; `None` is 1.
    pub between_cycles: Option<u16>,
    /// Whether rows and columns are rings.
    pub torus: bool,
    /// Cores of each router; `None` is 1, or the chip's own.
    pub cores_per_router: Option<u16>,
    /// `all`, or names.
    pub strategies: String,
    /// Where packets come from.
    pub source: SourceRequest,
    /// Rates in flits a core and cycle.
    pub rates: Option<String>,
    /// Speeds of a table or of what is replayed.
    pub speeds: Option<String>,
    /// Flits of a packet.
    pub flits: String,
    /// Virtual channels; `None` is as many as each strategy needs, and at least two.
    pub channels: Option<u8>,
    /// Flits of a virtual channel's buffer; `None` is 8, or what a queue of the chip holds.
    pub depth: Option<u8>,
    /// A file of the router's knobs.
    pub router: Option<PathBuf>,
    /// Knobs over it, each `key=value`.
    pub knobs: Vec<String>,
    /// `emergency,drop`: waits of strategies that need timeouts, in cycles.
    pub timeouts: Option<String>,
    /// What fails.
    pub faults: FaultRequest,
    /// Levels, as a list.
    pub levels: String,
    /// Seed of all draws.
    pub seed: u64,
    /// Picoseconds of a cycle, for traces and spikes.
    pub cycle_ps: Option<u64>,
    /// Ticks that are replayed at the most, evenly spread; `None` is as many as hold 250,000 packets.
    pub most_ticks: Option<u64>,
    /// How it is measured.
    pub measure: MeasureSpec,
}

/// Columns and rows.
type Size = (u16, u16);

/// Rates where none are named.
const RATES: &str = "0.02,0.05..0.5:0.05";
/// Speeds where none are named: a table's, and what is replayed.
const SPEEDS: (&str, &str) = ("1", "1,4,16,64");
/// Flits of a buffer where nothing is said.
const DEPTH: u8 = 8;
/// Packets of a trace that a point replays where nothing is said: enough for its numbers, few enough to wait for.
const PACKETS: u64 = 250_000;

/// Problems as they are found.
struct Faults(Vec<Problem>);

impl Faults {
    fn add(&mut self, place: &str, what: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem::new(place, what, hint));
    }

    fn take<T>(&mut self, place: &str, found: Result<T, String>, hint: &str) -> Option<T> {
        found.map_err(|what| self.add(place, what, hint)).ok()
    }
}

impl Request {
    /// Checks everything and reads the files.
    ///
    /// # Errors
    /// Everything that is wrong, at once; what is wrong in a file comes alone.
    pub fn sweep(&self) -> Result<Sweep, Error> {
        let mut faults = Faults(Vec::new());
        let levels = self.levels(&mut faults);
        let chosen = self.chosen(&mut faults);
        let flits = faults.take("--flits", parse_flits(&self.flits), "").unwrap_or((1, 1));
        let xs = self.xs(&mut faults);
        if let Err(errors) = self.measure.check() {
            errors.iter().for_each(|e| faults.add("the measurement", e.to_string(), ""));
        }
        if self.cycle_ps == Some(0) {
            faults.add("--cycle-ps", "a cycle of 0 ps", "name a time above 0");
        }
        let mesh = self.mesh.as_deref().map(parse_mesh).transpose();
        let mesh = faults.take("--mesh", mesh, "--mesh 8x8");
        let chips = self.chips(&mut faults);
        let timeouts = self.timeouts(&mut faults);
        let failing = self.faults.read(&mut faults.0);
        if failing.needs_flits() && levels.iter().any(|&level| level != RouteLevel::Flit) {
            let what = "deaths at a cycle and flaky links are measured at the flit level only";
            faults.add("--level", what, "use --level flit, or let parts be dead from the start");
        }
        let knobs = Knobs::of_settings(&self.knobs).unwrap_or_else(|error| {
            faults.0.extend(error.problems);
            Knobs::default()
        });
        let pattern = self.pattern(&mut faults);
        // Files are read only for a request that can be right.
        if !faults.0.is_empty() {
            return Err(Error { kind: ErrorKind::Usage, problems: faults.0 });
        }
        let knobs = match &self.router {
            Some(path) => knobs.over_file(path)?,
            None => knobs,
        };
        let (mut network, mut source, mut settings) =
            self.network((mesh.flatten(), chips), pattern, flits, &knobs)?;
        settings.timeouts = timeouts;
        if !failing.is_empty() {
            settings.faults = failing.on(&network.intact);
            match settings.faults.stages(&network.intact) {
                Ok(stages) => network.stages = stages,
                Err(errors) => {
                    let place = "--dead-link, --dead-router, --dead-core";
                    errors.iter().for_each(|e| faults.add(place, e.to_string(), ""));
                }
            }
            if let Err(errors) = settings.faults.flaky_links(&network.intact) {
                errors.iter().for_each(|e| faults.add("--flaky-link", e.to_string(), ""));
            }
            if !faults.0.is_empty() {
                return Err(Error { kind: ErrorKind::Usage, problems: faults.0 });
            }
        }
        if let Source::Ticks(ticks) = &mut source {
            settings.ticks = ticks.len() as u64;
            settings.tick_stride = self.stride(ticks);
            *ticks = std::mem::take(ticks).every(settings.tick_stride as usize);
        }
        settings.levels = levels;
        settings.xs = xs;
        let shape = Shape::of(&network.intact);
        for &x in &settings.xs {
            if let Some(Err(errors)) = source.steady(x, flits, self.seed, shape) {
                let place = if settings.source.kind.has_rates() { "--rates and --traffic" } else { "--speed" };
                for what in errors {
                    faults.add(place, format!("at {} {x}: {what}", settings.x_name()), hint_for(&what));
                }
                break;
            }
        }
        if let Source::Ticks(ticks) = &source
            && ticks.is_empty()
        {
            faults.add(&settings.source.name, "there is no packet to replay that enters a router", "");
        }
        settings.most_flits = match &source {
            Source::Ticks(ticks) => ticks.packets().iter().map(|packet| packet.flits).max().unwrap_or(1),
            _ => flits.1,
        };
        let designs = self.designs(&chosen, &network, &mut settings, &mut faults);
        if faults.0.is_empty() {
            Ok(Sweep::new(settings, network, source, designs))
        } else {
            Err(Error { kind: ErrorKind::Usage, problems: faults.0 })
        }
    }

    /// One in how many ticks is replayed: those asked for, or as many as hold [`PACKETS`].
    fn stride(&self, ticks: &ReplayTicks) -> u64 {
        let count = ticks.len() as u64;
        match self.most_ticks {
            Some(most) => count.div_ceil(most.max(1)),
            None => (ticks.packets().len() as u64).div_ceil(PACKETS).min(count),
        }
        .max(1)
    }

    fn levels(&self, faults: &mut Faults) -> Vec<RouteLevel> {
        let mut levels = Vec::new();
        for name in self.levels.split(',').map(str::trim) {
            match RouteLevel::ALL.into_iter().find(|level| level.name() == name) {
                Some(level) if !levels.contains(&level) => levels.push(level),
                Some(_) => {}
                None => {
                    let hint = known(name, RouteLevel::ALL.map(RouteLevel::name));
                    faults.add("--level", format!("there is no level `{name}`"), hint);
                }
            }
        }
        levels
    }

    fn chosen(&self, faults: &mut Faults) -> Vec<&'static RoutingStrategy> {
        if self.strategies.trim() == "all" {
            return strategies().iter().collect();
        }
        let mut chosen: Vec<&'static RoutingStrategy> = Vec::new();
        for name in self.strategies.split(',').map(str::trim) {
            match strategies().iter().find(|strategy| strategy.name == name) {
                Some(strategy) if chosen.iter().all(|c| c.name != name) => chosen.push(strategy),
                Some(_) => {}
                None => {
                    let names = strategies().iter().map(|s| s.name).chain(["all"]);
                    faults.add(
                        "--strategies",
                        format!("there is no routing strategy `{name}`"),
                        known(name, names),
                    );
                }
            }
        }
        chosen
    }

    fn xs(&self, faults: &mut Faults) -> Vec<f64> {
        let is_pattern = matches!(self.source, SourceRequest::Pattern { .. });
        let (place, text, most, wrong) = if is_pattern {
            ("--rates", self.rates.as_deref().unwrap_or(RATES), 1.0, ("--speed", &self.speeds))
        } else {
            let usual = if matches!(self.source, SourceRequest::Table(_)) { SPEEDS.0 } else { SPEEDS.1 };
            ("--speed", self.speeds.as_deref().unwrap_or(usual), 1e6, ("--rates", &self.rates))
        };
        if wrong.1.is_some() {
            let what =
                format!("{} is for {}", wrong.0, if is_pattern { "tables and traces" } else { "patterns" });
            faults.add(wrong.0, what, format!("use {place}"));
        }
        parse_numbers(text, most).unwrap_or_else(|errors| {
            errors.into_iter().for_each(|what| faults.add(place, what, format!("{place} 0.1,0.2..1:0.2")));
            Vec::new()
        })
    }

    fn pattern(&self, faults: &mut Faults) -> Option<Source> {
        let SourceRequest::Pattern { pattern, process } = &self.source else { return None };
        let name = |text: &str| text.split('(').next().unwrap_or_default().trim().to_owned();
        let parsed = pattern.parse().map_err(|e| {
            faults.add("--traffic", format!("{e}"), known(&name(pattern), patterns().iter().map(|p| p.name)));
        });
        if !processes().iter().any(|p| p.name == name(process)) {
            let what = format!("there is no process `{}`", name(process));
            faults.add("--process", what, known(&name(process), processes().iter().map(|p| p.name)));
        }
        Some(Source::Pattern(parsed.ok()?, process.clone()))
    }

    /// Chips of a board.
    fn chips(&self, faults: &mut Faults) -> Option<(u16, u16)> {
        if self.board.is_none() && self.between_cycles.is_some() {
            faults.add("--between-cycles", "there is no board with links between chips", "--board 2x2");
        }
        if self.board.is_some() && self.torus {
            faults.add("--torus", "a board of chips is no torus", "leave out --torus or --board");
        }
        let chips = self.board.as_deref().map(parse_mesh).transpose();
        faults.take("--board", chips, "--board 2x2").flatten()
    }

    fn timeouts(&self, faults: &mut Faults) -> Option<(u16, u16)> {
        let text = self.timeouts.as_deref()?;
        let parts = text.split_once(',').map(|(e, d)| (e.trim().parse::<u16>(), d.trim().parse::<u16>()));
        let pair = match parts {
            Some((Ok(emergency), Ok(drop))) if emergency <= drop => Ok((emergency, drop)),
            _ => Err(format!("`{text}` is not two waits in cycles, the second not below the first")),
        };
        faults.take("--timeouts", pair, "--timeouts 64,256")
    }

    fn settings(&self, topology: &Topology, flits: (u16, u16), depth: u8) -> Settings {
        let shape = Shape::of(topology);
        Settings {
            version: super::RESULTS_VERSION,
            mesh: (topology.width(), topology.height()),
            board: None,
            router: Vec::new(),
            timeouts: None,
            faults: spikemesh_router::measure::Faults::default(),
            torus: self.torus,
            cores_per_router: shape.cores as u16,
            chip: String::new(),
            source: super::SourceSettings {
                kind: SourceKind::Pattern,
                name: String::new(),
                detail: String::new(),
            },
            flits,
            channels: self.channels,
            depth,
            seed: self.seed,
            cycle_ps: CYCLE_PS,
            most_flits: flits.1,
            tick_stride: 1,
            ticks: 0,
            measure: self.measure.clone(),
            prices: String::new(),
            levels: Vec::new(),
            strategies: Vec::new(),
            left_out: Vec::new(),
            xs: Vec::new(),
        }
    }

    /// The network and its traffic.
    fn network(
        &self,
        (mesh, chips): (Option<Size>, Option<Size>),
        pattern: Option<Source>,
        flits: (u16, u16),
        knobs: &Knobs,
    ) -> Result<(Network, Source, Settings), Error> {
        if let SourceRequest::Trace(path) = &self.source
            && crate::run::TraceReader::recognises(path)?
        {
            return self.of_run(path, flits, knobs);
        }
        let mut base = plain_router(self.depth.unwrap_or(DEPTH));
        base.links.extend(chips.map(|_| self.between_cycles.unwrap_or(1)));
        let (router, changed) = self.router(base, knobs)?;
        let cores = self.cores_per_router.unwrap_or(1);
        let mesh = mesh.unwrap_or((8, 8));
        let topology = match chips {
            Some(chips) => board(chips, mesh, cores, &router),
            None => plain(mesh, self.torus, cores, &router),
        };
        let topology = topology.map_err(|problems| Error { kind: ErrorKind::Usage, problems })?;
        let endpoints = topology.core_count();
        let mut settings = self.settings(&topology, flits, router.depth);
        let between_cycles = router.links.get(2).copied().unwrap_or(1);
        settings.board = chips.map(|chips| BoardSettings { chips, between_cycles });
        settings.router = changed;
        let network = Network::new(topology, router);
        let source = match &self.source {
            SourceRequest::Pattern { pattern: name, process } => {
                (settings.source.name, settings.source.detail) = (name.clone(), process.clone());
                pattern.expect("invariant: a pattern that does not parse is a fault told before")
            }
            SourceRequest::Table(path) => {
                let (source, own) = source::read_table(path)?;
                settings.source = own;
                source
            }
            SourceRequest::Trace(path) => {
                let (ticks, own) = source::read_packets(path, endpoints)?;
                settings.source = own;
                Source::Ticks(ticks)
            }
            SourceRequest::Spikes(path) => {
                let cycle = self.cycle_ps.unwrap_or(CYCLE_PS);
                let (ticks, own) = source::read_spikes(path, endpoints, cores.into(), cycle, flits.0)?;
                settings.source = own;
                Source::Ticks(ticks)
            }
        };
        Ok((network, source, settings))
    }

    /// A router with the knobs laid over it, and which lines differ then.
    fn router(&self, base: RouterSpec, knobs: &Knobs) -> Result<(RouterSpec, Vec<String>), Error> {
        let mut router = base.clone();
        knobs.apply(&mut router)?;
        router.depth = self.depth.unwrap_or(router.depth);
        let plain = lines(&RouterSpec { depth: router.depth, ..base });
        let changed = lines(&router).into_iter().filter(|line| !plain.contains(line)).collect();
        Ok((router, changed))
    }

    /// The network of a run is its chip's.
    fn of_run(
        &self,
        path: &std::path::Path,
        flits: (u16, u16),
        knobs: &Knobs,
    ) -> Result<(Network, Source, Settings), Error> {
        let mut problems = Vec::new();
        let given = [
            ("--mesh", self.mesh.is_some()),
            ("--board", self.board.is_some()),
            ("--torus", self.torus),
            ("--cores-per-router", self.cores_per_router.is_some()),
        ];
        for (option, _) in given.into_iter().filter(|(_, given)| *given) {
            problems.push(Problem::new(option, "the trace of a run names its own mesh", "leave it out"));
        }
        if !problems.is_empty() {
            return Err(Error { kind: ErrorKind::Usage, problems });
        }
        let (ticks, own, chip) = source::read_run(path)?;
        let topology = chip.topology()?;
        let cycle_ps = self.cycle_ps.unwrap_or_else(|| RouterSpec::cycle_ps(topology.link_classes()));
        // Links of several cycles need buffers for what is under way: the chip's queues are made for its links.
        let queue = u64::from(chip.queue_packets) * u64::from(chip.packet_flits.max(1));
        let depth = self.depth.unwrap_or(queue.clamp(1, 255) as u8);
        let base = RouterSpec::of_times(topology.link_classes(), &chip.local, cycle_ps, depth);
        let (router, changed) = self.router(base, knobs)?;
        let mut settings = self.settings(&topology, flits, router.depth);
        settings.router = changed;
        settings.source = own;
        settings.cycle_ps = cycle_ps;
        settings.chip = chip.name;
        settings.prices = chip.prices;
        Ok((Network::new(topology, router), Source::Ticks(ticks), settings))
    }

    /// A design for every strategy that fits. Of those named each must, but for faults that it cannot live with: that is told
    /// in its rows.
    fn designs(
        &self,
        chosen: &[&'static RoutingStrategy],
        network: &Network,
        settings: &mut Settings,
        faults: &mut Faults,
    ) -> BTreeMap<String, Result<Design, String>> {
        let mut designs = BTreeMap::new();
        let all = self.strategies.trim() == "all";
        let most_flits = settings.most_flits;
        for strategy in chosen {
            let mut router = network.router.clone();
            if strategy.needs == Needs::Timeouts
                && let Some((emergency, drop)) = settings.timeouts
            {
                router.timeouts = Some(Timeouts { emergency, drop });
            }
            let on = |topology: &Arc<Topology>| {
                Design::new(Arc::clone(topology), strategy, self.channels, &router, most_flits)
            };
            let failing = |design: Design| {
                if settings.faults.is_empty() {
                    return Ok(design);
                }
                design.failing(strategy, &network.stages, &settings.faults, self.seed)
            };
            let (design, found) = match on(network.topology()).and_then(failing) {
                Ok(design) => (design.clone(), Ok(design)),
                Err(errors) => {
                    let why: Vec<_> = errors.iter().map(ToString::to_string).collect();
                    match on(&network.intact) {
                        _ if all => {
                            settings.left_out.push((strategy.name.to_owned(), why.join("; ")));
                            continue;
                        }
                        Ok(intact) => (intact, Err(why.join("; "))),
                        Err(_) => {
                            why.iter().for_each(|what| faults.add(strategy.name, what, hint_for(what)));
                            continue;
                        }
                    }
                }
            };
            settings.strategies.push(super::StrategySettings {
                name: strategy.name.to_owned(),
                channels: design.spec().channels,
                selection: design.selection_name().to_owned(),
            });
            designs.insert(strategy.name.to_owned(), found);
        }
        if designs.is_empty() && faults.0.is_empty() {
            let why: Vec<_> = settings.left_out.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            faults.add(
                "--strategies",
                format!("no strategy fits: {}", why.join("; ")),
                "change --channels or --depth",
            );
        }
        designs
    }
}

/// What to try for a fault that another module put into words.
fn hint_for(what: &str) -> &'static str {
    if what.contains("cannot route here") {
        "take another strategy, or `all` that fit"
    } else if what.contains("virtual channels") {
        "change --channels, or leave it out: each strategy then has as many as it needs"
    } else if what.contains("pattern") {
        "change --mesh or --cores-per-router, or take another pattern"
    } else if what.contains("depth") {
        "change --depth"
    } else {
        ""
    }
}

/// The nearest name, or all.
pub(super) fn known<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", names.join(", ")),
    }
}
