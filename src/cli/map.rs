//! `spikemesh map`.

use super::output::refuse_existing;
use super::run::stop_on_interrupt;
use super::{load_network, print, say};
use crate::chip::ChipSpec;
use crate::config::RunConfig;
use crate::energy::EnergyTable;
use crate::error::{Error, ErrorKind};
use crate::mapper::{
    Arrangement, Board, DeadLinks, Effort, Grid, HopPrices, MOST_LINK_PRICE, MapOptions, Mapping,
    MappingTables, PASSES, RegionUse, Search, Target, Traffic, arrange_traffic, chip_grid, map_watched,
    map_with_tables, spread_rates,
};
use crate::network::Network;
use crate::npz::{read_real_npy, write_npy};
use crate::report::{MapPage, change, cost_rows, further_rows, map_page};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use spikemesh_router::TreeKind;
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Arguments of `map`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run configuration (TOML), or an .npz of who sends to whom (indptr, indices, rate, pop)
    #[arg(value_name = "CONFIG|NPZ", required_unless_present = "passes")]
    network: Option<PathBuf>,
    /// Write the chip image to a file
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Search for a better cut and placement: about 1, 3 or 10 seconds of one core
    #[arg(long, value_name = "EFFORT", value_parser = ["fast", "good", "best"])]
    effort: Option<String>,
    /// Seed of the search [default: the configuration's, or 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What the search makes small: links crossed by multicast or by unicast packets, by whichever the chip sends, or what
    /// those take by the chip's price table
    #[arg(long, value_name = "TARGET", value_parser = ["multicast", "unicast", "chip", "energy"])]
    objective: Option<String>,
    /// Relieve the busiest link: by this share (as 0.01) the hops may grow for it
    #[arg(long, value_name = "SHARE", value_parser = share)]
    link_weight: Option<f64>,
    /// Chips along x and y that make up the mesh, as 2x2 [default: the configuration's, or one]
    #[arg(long, value_name = "WxH", value_parser = crate::route::parse_mesh)]
    chips: Option<(u16, u16)>,
    /// What a link from chip to chip costs the search, in links of a chip
    #[arg(long, value_name = "LINKS", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_LINK_PRICE)))]
    chip_link_price: Option<u32>,
    /// Packets that need a dead link of the chip: report them, or refuse the mapping
    #[arg(long, value_name = "WHAT", value_parser = ["report", "refuse"])]
    dead_links: Option<String>,
    /// Spikes of each neuron or population: an .npy of numbers, or the folder of a run
    #[arg(long, value_name = "FILE|RUN")]
    rates: Option<PathBuf>,
    /// Neurons a core of the mesh for an .npz [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    neurons_per_core: Option<u32>,
    /// Columns and rows of the mesh for an .npz, as 7x6 [default: the smallest near-square one]
    #[arg(long, value_name = "WxH", value_parser = crate::route::parse_mesh)]
    mesh: Option<(u16, u16)>,
    /// Write the core of each neuron as an .npy of 32-bit numbers, -1 for inputs
    #[arg(long, value_name = "FILE")]
    cores: Option<PathBuf>,
    /// Write a page with the table before and after and the placement as a picture
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Build key/mask routing tables of such trees (xy-tree, longest-dimension-first, steiner), compress them and replay
    /// every key
    #[arg(long, value_name = "TREES", value_parser = trees)]
    trees: Option<TreeKind>,
    /// Entries a router's table may have; compression stops there, and more is an error
    #[arg(long, value_name = "N", default_value_t = 1023, requires = "trees")]
    entries: usize,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    /// Print the mapping as one JSON object
    #[arg(long)]
    json: bool,
    /// List the passes and end
    #[arg(long)]
    passes: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "wanted a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("wanted a number from 0 to 1".into()) }
}

fn trees(text: &str) -> Result<TreeKind, String> {
    let names: Vec<&str> = TreeKind::ALL.iter().map(|kind| kind.name()).collect();
    TreeKind::named(text).ok_or_else(|| format!("wanted one of {}", names.join(", ")))
}

impl Arguments {
    /// Arguments that say something of a search, or of what it finds.
    fn speaks_of_search(&self) -> bool {
        self.seed.is_some()
            || self.objective.is_some()
            || self.link_weight.is_some()
            || self.chips.is_some()
            || self.chip_link_price.is_some()
            || self.rates.is_some()
            || self.cores.is_some()
            || self.html.is_some()
    }

    /// The search asked for on the command line, over that of the configuration.
    fn search(&self, configured: Option<Search>) -> Option<Search> {
        let mut search = configured;
        if let Some(effort) = self.effort.as_deref().and_then(Effort::named) {
            search = Some(Search { effort, ..search.unwrap_or_else(|| Search::new(effort, 1)) });
        }
        let search = search.as_mut()?;
        search.seed = self.seed.unwrap_or(search.seed);
        search.link_weight = self.link_weight.unwrap_or(search.link_weight);
        search.target = self.objective.as_deref().and_then(Target::named).unwrap_or(search.target);
        Some(search.clone())
    }

    /// The chips of the command line, over those of the configuration.
    fn board(&self, configured: Option<Board>) -> Result<Option<Board>, Error> {
        let chips = self.chips.map(|(x, y)| [x, y]).or(configured.map(|board| board.chips));
        match (chips, self.chip_link_price.or(configured.map(|board| board.link_price))) {
            (Some(chips), price) => Ok(Some(Board { chips, link_price: price.unwrap_or(1) })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Error::one(
                ErrorKind::Invalid,
                "--chip-link-price",
                "there are no chips for links between them",
                "say how many make up the mesh, as --chips 2x2",
            )),
        }
    }

    fn wants_energy(&self) -> bool {
        self.objective.as_deref() == Some("energy")
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let Some(network) = arguments.network.as_deref().filter(|_| !arguments.passes) else {
        let list = PASSES.iter().map(|pass| format!("{:<10} {}\n", pass.name, pass.description));
        return print(&list.collect::<String>()).map(|()| 0);
    };
    refuse_existing(
        &[("the file for the cores", arguments.cores.as_deref()), ("the page", arguments.html.as_deref())],
        arguments.force,
    )?;
    if network.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
        map_traffic(arguments, network)
    } else {
        map_network(arguments, network)
    }
}

/// A search under a progress bar that Ctrl-C ends early; the result, and CPU seconds.
fn watched<T>(
    search: bool,
    run: impl FnOnce(&dyn Fn(u64, u64) -> bool) -> Result<T, Error>,
) -> Result<(T, f64), Error> {
    let cpu = cpu_time::ProcessTime::now();
    if !search {
        return run(&|_, _| true).map(|found| (found, cpu.elapsed().as_secs_f64()));
    }
    let stop = stop_on_interrupt("stopping with the best so far; once more to stop at once")?;
    let shown = std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {percent} % of the work, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(1), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let found = run(&|done, of| {
        if shown {
            bar.set_length(of);
            bar.set_position(done.min(of));
        }
        !stop.load(Ordering::Relaxed)
    });
    bar.finish_and_clear();
    found.map(|found| (found, cpu.elapsed().as_secs_f64()))
}

/// What goes into JSON of a placement, with what an outside evaluator needs.
fn arrangement_json(arrangement: &Arrangement, grid: &Grid, cpu_s: f64) -> Value {
    let xy: Vec<[usize; 2]> = (0..grid.cores() as u32).map(|c| grid.coord(c).into()).collect();
    json!({
        "core_xy": xy,
        "packets": arrangement.after.packets,
        "hops_unicast": arrangement.after.hops_unicast,
        "hops_multicast": arrangement.after.hops_multicast,
        "max_link": arrangement.after.max_link,
        "bound_any_routing": arrangement.after.bound_any_routing,
        "bound_any_placement": arrangement.after.bound_any_placement,
        "cpu_s": cpu_s,
        "stopped": arrangement.stopped,
        "work": arrangement.work,
        "evaluations": arrangement.evaluations,
        "before": arrangement.before,
        "weighed": arrangement.weighed,
        "chip_crossings": arrangement.crossings,
        "steps": arrangement.steps,
    })
}

/// The table before and after.
fn arrangement_text(arrangement: &Arrangement, cpu_s: f64) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "  {:<54} {:>12} {:>12} {:>9}", "", "before", "after", "change");
    for ((name, before), (_, after)) in
        cost_rows(&arrangement.before).into_iter().zip(cost_rows(&arrangement.after))
    {
        let _ = writeln!(out, "  {name:<54} {before:>12.5e} {after:>12.5e} {:>9}", change(before, after));
    }
    let after = &arrangement.after;
    let gap = |value: f64, bound: f64| if bound > 0.0 { 100.0 * (value / bound - 1.0) } else { 0.0 };
    let _ = writeln!(
        out,
        "  gap to the bound: {:.1} % (multicast, any routing), {:.1} % (unicast, any placement)",
        gap(after.hops_multicast, after.bound_any_routing),
        gap(after.hops_unicast, after.bound_any_placement)
    );
    for (name, before, after) in further_rows(arrangement) {
        let _ = writeln!(out, "  {name:<54} {before:>12.5e} {after:>12.5e} {:>9}", change(before, after));
    }
    let _ = writeln!(
        out,
        "  searched for {cpu_s:.2} s of CPU, {} evaluations{}",
        arrangement.evaluations,
        if arrangement.stopped { "; stopped early, the best so far" } else { "" }
    );
    out
}

/// Tables in numbers.
fn tables_text(tables: MappingTables) -> String {
    let entries = &tables.entries;
    format!(
        "tables of {} trees: {} links, {} with unicast; {} entries before, {} without default routes, {} after; the longest \
         table has {} of {} (before {}); {} keys replayed{}\n",
        tables.trees,
        tables.links,
        tables.links_unicast,
        entries.total_before,
        entries.total_without_defaults,
        entries.total_after,
        entries.largest_after,
        entries.target,
        entries.largest_before,
        tables.keys_replayed,
        match tables.repairs {
            0 => String::new(),
            n => format!("; mapped anew {n} times to keep tables short"),
        }
    )
}

/// Writes what was asked for of a placement.
fn write_files(
    arguments: &Arguments,
    arrangement: &Arrangement,
    grid: &Grid,
    title: &str,
    subtitle: &str,
    neurons: usize,
) -> Result<(), Error> {
    let traffic = &arrangement.traffic;
    if let Some(path) = &arguments.cores {
        let core = arrangement.core.iter().zip(&traffic.pinned).take(neurons);
        let core: Vec<i32> = core.map(|(c, pinned)| if pinned.is_some() { -1 } else { *c as i32 }).collect();
        write_npy(path, &core)?;
    }
    if let Some(path) = &arguments.html {
        let page = map_page(&MapPage {
            title,
            subtitle,
            grid,
            arrangement,
            layers: &traffic.layers,
            pinned: &traffic.pinned,
            names: &traffic.names,
        });
        std::fs::write(path, page).map_err(|e| Error::file(path, "write", &e))?;
    }
    Ok(())
}

/// Maps who-sends-to-whom without a chip: the mesh and the neurons a core are all there is.
fn map_traffic(arguments: &Arguments, path: &Path) -> Result<u8, Error> {
    let mut problems = Vec::new();
    for (name, given) in [
        ("--image", arguments.image.is_some()),
        ("--rates", arguments.rates.is_some()),
        ("--trees", arguments.trees.is_some()),
        ("--dead-links", arguments.dead_links.is_some()),
        ("--objective energy", arguments.wants_energy()),
    ] {
        if given {
            problems.push(crate::error::Problem::new(
                path.display().to_string(),
                format!("{name} needs a network on a chip; an .npz says only who sends to whom, how often"),
                "give a run configuration, or leave it out",
            ));
        }
    }
    if !problems.is_empty() {
        return Err(Error { kind: ErrorKind::Invalid, problems });
    }
    let traffic = Traffic::read_npz(path)?;
    let room = arguments.neurons_per_core.unwrap_or(256);
    let cores = (traffic.len() as u64).div_ceil(room.into()).max(1);
    let (w, h) =
        arguments.mesh.map_or_else(|| crate::mapper::smallest_mesh(cores, 1), |(w, h)| (w.into(), h.into()));
    let grid = Grid::new(w as usize, h as usize, 1, room);
    let search = arguments.search(Some(Search::new(Effort::Good, 1))).expect("invariant: one was given");
    let neurons = traffic.len();
    let board = arguments.board(None)?;
    let (arrangement, cpu_s) = watched(true, |watch| {
        arrange_traffic(
            traffic,
            &grid,
            [w as u16, h as u16],
            board,
            &search,
            &path.display().to_string(),
            watch,
        )
    })?;
    let name = path.file_stem().map_or_else(|| "network".into(), |s| s.to_string_lossy().into_owned());
    let subtitle = format!("{} neurons on {w} x {h} cores, {room} a core at the most", neurons);
    write_files(arguments, &arrangement, &grid, &name, &subtitle, neurons)?;
    let text = if arguments.json {
        let mut object = arrangement_json(&arrangement, &grid, cpu_s);
        object["schema"] = 1.into();
        serde_json::to_string_pretty(&object).expect("invariant: a mapping is valid JSON") + "\n"
    } else {
        format!("it fits: {subtitle}\n{}", arrangement_text(&arrangement, cpu_s))
    };
    print(&text)?;
    Ok(if arrangement.stopped { ErrorKind::Interrupted.exit_code() } else { 0 })
}

/// Rates of the neurons of a network, from an array or from the report of a run.
fn read_rates(network: &Network, path: &Path) -> Result<Vec<f64>, Error> {
    let place = path.display().to_string();
    if !path.is_dir() {
        return spread_rates(network, &read_real_npy(path)?, &place);
    }
    let file = path.join("summary.json");
    let text = std::fs::read_to_string(&file).map_err(|e| Error::file(&file, "read", &e))?;
    let broken = |what: &str| {
        Error::one(ErrorKind::Invalid, file.display().to_string(), what, "give the folder of a run")
    };
    let report: Value = serde_json::from_str(&text).map_err(|e| broken(&e.to_string()))?;
    let rows = report["rates"].as_array().ok_or_else(|| broken("it has no list `rates`"))?;
    let mut rates = Vec::new();
    for id in network.ids() {
        let name = &network.population(id).name;
        let row = rows.iter().find(|row| row["population"].as_str() == Some(name));
        let rate = row.and_then(|row| row["chip"].as_f64());
        rates.push(rate.ok_or_else(|| broken(&format!("it has no rate of population `{name}`")))?);
    }
    spread_rates(network, &rates, &place)
}

fn map_network(arguments: &Arguments, path: &Path) -> Result<u8, Error> {
    if arguments.mesh.is_some() || arguments.neurons_per_core.is_some() {
        return Err(Error::one(
            ErrorKind::Invalid,
            path.display().to_string(),
            "--mesh and --neurons-per-core are for .npz networks",
            "set `mesh` and `neurons_per_core` in the configuration's [chip]",
        ));
    }
    let mut config = RunConfig::load(path)?;
    let network = load_network(&config)?;
    if config.map.search.is_none() && arguments.effort.is_none() && arguments.speaks_of_search() {
        config.map.search = Some(Search::new(Effort::Fast, 1));
        say("note: what is asked for needs a search; --effort fast is taken");
    }
    config.map.search = arguments.search(config.map.search.take());
    if let (Some(search), Some(rates)) = (&mut config.map.search, &arguments.rates) {
        search.rates = Some(read_rates(&network, rates)?);
    }
    config.map.board = arguments.board(config.map.board)?;
    if let Some((_, choice)) =
        DeadLinks::NAMED.iter().find(|(name, _)| arguments.dead_links.as_deref() == Some(name))
    {
        config.map.dead_links = *choice;
    }
    if let Some(search) = config.map.search.as_mut().filter(|_| arguments.wants_energy()) {
        search.target = Target::Energy(hop_prices(&config.chip, &config.prices_folder)?);
    }
    let options: &MapOptions = &config.map;
    // Tables that cannot be built are said at the end: the mapping stands all the same.
    let ((mapping, tables), cpu_s) = watched(options.search.is_some(), |watch| match arguments.trees {
        Some(kind) => {
            let wanted = (kind, arguments.entries);
            let found = map_with_tables(&network, &config.chip, options, wanted, watch)?;
            Ok((found.0, Some(found.1)))
        }
        None => Ok((map_watched(&network, &config.chip, options, watch)?, None)),
    })?;
    if let Some(path) = &arguments.image {
        std::fs::write(path, mapping.image.to_bytes()).map_err(|e| Error::file(path, "write", &e))?;
    }
    let grid = chip_grid(&config.chip, options);
    if let Some(arrangement) = &mapping.arrangement {
        let subtitle = format!("{} neurons on {}", network.placed_neuron_count(), config.chip.name);
        let neurons = network.neuron_count() as usize;
        write_files(arguments, arrangement, &grid, &config.name, &subtitle, neurons)?;
    }
    let (tables, no_tables) = match tables.transpose() {
        Ok(tables) => (tables, Ok(())),
        Err(error) => (None, Err(error)),
    };
    let text = if arguments.json {
        let mut object = json!({
            "schema": 1,
            "image_digest": mapping.image.digest().to_string(),
            "cores": mapping.uses,
            "quantisation": mapping.losses,
            "synapses_verified": mapping.synapses_verified,
            "routes": mapping.image.routes.len(),
            "pins_verified": mapping.pins_verified,
            "regions": mapping.regions,
            "lost_ways": mapping.lost,
        });
        let more = mapping.arrangement.as_ref().map(|found| arrangement_json(found, &grid, cpu_s));
        if let (Some(Value::Object(more)), Some(object)) = (more, object.as_object_mut()) {
            object.extend(more);
        }
        if let Some(tables) = &tables {
            object["tables"] = json!(tables);
        }
        serde_json::to_string_pretty(&object).expect("invariant: a mapping is valid JSON") + "\n"
    } else {
        let table = mapping.arrangement.as_ref().map(|found| arrangement_text(found, cpu_s));
        describe(&config, &mapping) + &table.unwrap_or_default() + &tables.map(tables_text).unwrap_or_default()
    };
    print(&text)?;
    no_tables?;
    let stopped = mapping.arrangement.as_ref().is_some_and(|found| found.stopped);
    Ok(if stopped { ErrorKind::Interrupted.exit_code() } else { 0 })
}

/// What packets take by the chip's price table; a hop is that of all flits of a packet.
fn hop_prices(chip: &ChipSpec, folder: &Path) -> Result<HopPrices, Error> {
    let (east_west, north_south, arrival) = EnergyTable::load(&chip.prices, folder)?.hop_prices()?;
    if arrival.is_none() {
        say(&format!("note: `{}` has no price of an axon event; links alone are weighed", chip.prices));
    }
    let flits = u64::from(chip.packet_flits);
    Ok(HopPrices { east_west: east_west * flits, north_south: north_south * flits, arrival })
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
    if mapping.pins_verified > 0 {
        let _ = writeln!(out, "verified: {} pinned neurons on their cores", mapping.pins_verified);
    }
    for region in &mapping.regions {
        let RegionUse { population, from, to, neurons, outside } = region;
        let _ = writeln!(
            out,
            "  region of `{population}`, {from:?} to {to:?}: {outside} of {neurons} neurons are outside"
        );
    }
    for way in mapping.lost.iter().take(20) {
        let link = way.at.zip(way.direction);
        let link = link.map(|([x, y], direction)| format!(", at ({x}, {y}) to the {direction}"));
        let _ = writeln!(out, "  lost: {way}{}", link.unwrap_or_default());
    }
    if mapping.lost.len() > 20 {
        let _ = writeln!(out, "  lost: {} further ways", mapping.lost.len() - 20);
    }
    let _ = writeln!(out, "image {}", mapping.image.digest());
    out
}
