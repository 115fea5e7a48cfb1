//! Rows measured with BookSim2: its streams, traffic, routing functions and protocol around the flit level.

mod host;
mod knuth;
mod routing;
mod traffic;

use crate::report::{Comparison, Fault, Outcome, Row};
use routing::{Function, Rival};
use spikemesh_router::flit::{Allocator, FlitNetwork, Priority, RouterSpec};
use spikemesh_router::{LinkClass, LocalClass, MeshSpec, Topology};
use std::sync::Arc;
use traffic::Pattern;

/// Columns by which such a file is known.
pub(crate) const COLUMNS: &[&str] = &["routing_function", "injection_rate", "avg_packet_latency"];

/// Traffic and protocol of a row.
#[derive(Clone)]
struct Settings {
    k: u32,
    function: Function,
    pattern: Pattern,
    /// Packets a node and cycle.
    rate: f64,
    flits: u16,
    on_off: bool,
    throughput: bool,
    warm_up_periods: u32,
    period: u64,
    most_periods: u32,
    most_latency: f64,
    seed: u32,
}

/// Runs the row again and compares every simulated column.
pub(crate) fn check(row: &Row<'_>) -> Outcome {
    match row.text("status") {
        Ok("error") => Outcome::Unusable("the program aborted".to_owned()),
        _ => run(row).unwrap_or_else(Outcome::Unreadable),
    }
}

fn only(row: &Row<'_>, column: &str, value: &str) -> Result<(), Fault> {
    let text = row.text(column)?;
    if text == value { Ok(()) } else { Err(Fault::new(column, format!("`{text}`, only {value} is known"))) }
}

fn flag(row: &Row<'_>, column: &str) -> Result<bool, Fault> {
    row.one_of(column, &[("0", false), ("1", true)])
}

fn run(row: &Row<'_>) -> Result<Outcome, Fault> {
    only(row, "topology", "mesh")?;
    only(row, "n", "2")?;
    only(row, "router", "iq")?;
    only(row, "internal_speedup", "1.0")?;
    let spec = spec(row)?;
    let settings = settings(row)?;
    let side = settings.k as u16;
    let topology = Arc::new(mesh(side).map_err(|why| Fault::new("k", why))?);
    let routing = Arc::new(Rival { function: settings.function, channels: spec.channels });
    let mut network = FlitNetwork::new(spec, Arc::clone(&topology), routing, None)
        .map_err(|errors| Fault::new("num_vcs", format!("{errors:?}")))?;
    let results = host::run(&settings, &topology, &mut network);
    let mut with = Comparison::new(*row);
    let whole = results.status != "unstable";
    let (means, last) = (&results.means, &results.last);
    with.text("status", results.status)?;
    with.text("packets_measured", last.packet.count)?;
    with.general("avg_packet_latency", means.packet.mean())?;
    with.general("avg_network_latency", means.network.mean())?;
    with.general("avg_flit_latency", means.flit_mean())?;
    for (column, percent) in
        [("p50_packet_latency", 50.0), ("p95_packet_latency", 95.0), ("p99_packet_latency", 99.0)]
    {
        with.text(column, last.packet.percentile(percent))?;
    }
    with.text("p99_network_latency", last.network.percentile(99.0))?;
    // The column counts packets where a run was whole and flits where it was not.
    let offered = if whole { settings.rate } else { row.number("injection_rate")? };
    with.general("offered_flit_rate", offered)?;
    with.general("injected_flit_rate", results.injected)?;
    with.general("accepted_flit_rate", results.accepted.0)?;
    if whole {
        with.text("min_packet_latency", last.packet.least)?;
        with.text("max_packet_latency", last.packet.most)?;
        with.general("avg_hops", last.hops as f64 / last.packet.count as f64)?;
        with.general("min_accepted_flit_rate", results.accepted.1)?;
        with.general("max_accepted_flit_rate", results.accepted.2)?;
        with.text("cycles", results.cycles)?;
    }
    Ok(with.finish())
}

fn mesh(side: u16) -> Result<Topology, String> {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 1, flit_ps: 1 };
    let local = LocalClass { name: "core".into(), inject_ps: 1, eject_ps: 1, flit_ps: 1, loopback_ps: 1 };
    let (east_west, north_south) = (link("east_west"), link("north_south"));
    let spec = MeshSpec { width: side, height: side, endpoints_per_router: 1, east_west, north_south, local };
    Topology::mesh(&spec).map_err(|errors| format!("{errors:?}"))
}

fn spec(row: &Row<'_>) -> Result<RouterSpec, Fault> {
    const ALLOCATORS: &[(&str, Allocator)] = &[
        ("islip", Allocator::Islip),
        ("select", Allocator::Select),
        ("separable_input_first", Allocator::SeparableInputFirst),
        ("separable_output_first", Allocator::SeparableOutputFirst),
        ("wavefront", Allocator::Wavefront),
        ("max_size", Allocator::MaximumSize),
    ];
    let queue: i32 = row.number("output_buffer_size")?;
    Ok(RouterSpec {
        channels: row.number("num_vcs")?,
        depth: row.number("vc_buf_size")?,
        routing: row.number("routing_delay")?,
        vc_allocation: row.number("vc_alloc_delay")?,
        switch_allocation: row.number("sw_alloc_delay")?,
        traversal: row.number::<u8>("st_prepare_delay")? + row.number::<u8>("st_final_delay")?,
        credit: row.number("credit_delay")?,
        speculative: flag(row, "speculative")?,
        wait_for_tail_credit: flag(row, "wait_for_tail_credit")?,
        busy_when_full: flag(row, "vc_busy_when_full")?,
        input_speedup: row.number("input_speedup")?,
        output_speedup: row.number("output_speedup")?,
        output_queue: u16::try_from(queue).ok(),
        hold_switch: flag(row, "hold_switch_for_packet")?,
        vc_allocator: row.one_of("vc_allocator", ALLOCATORS)?,
        switch_allocator: row.one_of("sw_allocator", ALLOCATORS)?,
        priority: row.one_of("priority", &[("none", Priority::None), ("age", Priority::Age)])?,
        booksim: true,
        ..RouterSpec::default()
    })
}

fn settings(row: &Row<'_>) -> Result<Settings, Fault> {
    let k: u32 = row.number("k")?;
    let flits: u16 = row.number("packet_size")?;
    let rate: f64 = row.number("injection_rate")?;
    let in_flits = flag(row, "injection_rate_uses_flits")?;
    let traffic = row.text("traffic")?;
    Ok(Settings {
        k,
        function: row.one_of("routing_function", Function::NAMES)?,
        pattern: Pattern::parse(traffic, k).map_err(|why| Fault::new("traffic", why))?,
        rate: if in_flits { rate / f64::from(flits) } else { rate },
        flits,
        on_off: row.one_of("injection_process", &[("bernoulli", false), ("on_off", true)])?,
        throughput: row.one_of("sim_type", &[("latency", false), ("throughput", true)])?,
        warm_up_periods: row.number("warmup_periods")?,
        period: row.number("sample_period")?,
        most_periods: row.number("max_samples")?,
        most_latency: row.number("latency_thres")?,
        seed: row.number("seed")?,
    })
}
