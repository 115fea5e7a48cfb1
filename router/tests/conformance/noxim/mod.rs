//! Rows measured with Noxim: its settings, its protocol of measurement and its stream of random numbers around
//! [`ReservationMesh`].
//!
//! Rows of its mesh are numbered from the north, ours from the south; its north is therefore our south, and
//! everything else is the same.

mod host;
mod routing;
mod traffic;

use crate::report::{Comparison, Fault, Outcome, Row};
use host::Host;
use routing::{Algorithm, Selector};
use spikemesh_router::{
    LinkClass, LocalClass, MeshSpec, ReservationMesh, ReservationSettings, Topology, WormFlit,
};
use traffic::Pattern;

/// Columns by which such a file is known.
pub(crate) const COLUMNS: &[&str] = &["pir_packets", "buffer_depth", "avg_head_delay_cycles"];

/// What a row asks for.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Routers a side.
    pub(crate) k: u32,
    pub(crate) algorithm: Algorithm,
    pub(crate) selector: Selector,
    pub(crate) pattern: Pattern,
    pub(crate) channels: u8,
    pub(crate) depth: u16,
    /// Flits of a packet, least and most.
    pub(crate) flits: (u32, u32),
    /// Packets a node and cycle.
    pub(crate) rate: f64,
    /// First cycle.
    pub(crate) reset: u64,
    /// Cycles that are run but not counted.
    pub(crate) warm_up: u64,
    pub(crate) cycles: u64,
    pub(crate) seed: u32,
}

/// Runs the row again and compares every simulated column.
pub(crate) fn check(row: &Row<'_>) -> Outcome {
    match try_check(row) {
        Ok(outcome) => outcome,
        Err(fault) => Outcome::Unreadable(fault),
    }
}

fn try_check(row: &Row<'_>) -> Result<Outcome, Fault> {
    let status = row.text("status")?;
    if status.starts_with("exit") || status.starts_with("error") {
        return Ok(Outcome::Unusable(format!("status `{status}`")));
    }
    row.one_of("status", &[("ok", ())])?;
    let settings = Settings::read(row)?;
    let counts = run(&settings)?;
    let measured = (settings.cycles - settings.warm_up) as f64;
    let nodes = f64::from(settings.k * settings.k);
    let flits = counts.flits as f64;
    let mean_flits = f64::from(settings.flits.0 + settings.flits.1) / 2.0;
    let mut cells = Comparison::new(*row);
    cells.text("received_packets", counts.packets)?;
    cells.text("received_flits", counts.flits)?;
    cells.general("received_ideal_ratio", flits / (settings.rate * mean_flits * measured * nodes))?;
    cells.general("avg_head_delay_cycles", counts.delay_sum as f64 / counts.packets as f64)?;
    cells.general("max_head_delay_cycles", counts.delay_most as f64)?;
    cells.general("network_throughput_flits_per_cycle", flits / measured)?;
    cells.general("throughput_flits_per_cycle_per_ip", flits / measured / nodes)?;
    Ok(cells.finish())
}

/// What a run has counted after its warm-up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) flits: u64,
    pub(crate) delay_sum: u64,
    pub(crate) delay_most: u64,
}

fn run(settings: &Settings) -> Result<Counts, Fault> {
    let mut mesh = ReservationMesh::new(
        &square(settings.k),
        ReservationSettings {
            channels: settings.channels,
            depth: settings.depth,
            first_cycle: settings.reset,
            // A port that no mesh uses has its place in the round; the round starts at the local port.
            round: 6,
            first_in_round: 4,
            publish: settings.selector.publishes(),
        },
    )
    .map_err(|e| Fault::new("n_virtual_channels", e.to_string()))?;
    let mut host = Host::new(settings);
    for _ in 0..settings.cycles {
        mesh.step(&mut host);
        if let Some(problem) = host.problem() {
            return Err(Fault::new("traffic", problem));
        }
    }
    Ok(host.counts())
}

/// A mesh of k x k routers; link times mean nothing here.
fn square(k: u32) -> Topology {
    let link = LinkClass { name: "link".into(), latency_ps: 0, flit_ps: 0 };
    let local = LocalClass { name: "core".into(), inject_ps: 0, eject_ps: 0, flit_ps: 0, loopback_ps: 0 };
    Topology::mesh(&MeshSpec {
        width: k as u16,
        height: k as u16,
        endpoints_per_router: 1,
        east_west: link.clone(),
        north_south: link,
        local,
    })
    .expect("the size was checked")
}

impl Settings {
    fn read(row: &Row<'_>) -> Result<Settings, Fault> {
        row.one_of("topology", &[("MESH", ())])?;
        row.one_of("injection", &[("poisson(=bernoulli)", ()), ("poisson", ())])?;
        let k: u32 = row.number("k")?;
        if !(2..=256).contains(&k) {
            return Err(Fault::new("k", format!("a mesh of {k} x {k} routers")));
        }
        let channels = row.number("n_virtual_channels")?;
        let selector = row.one_of("selection", Selector::NAMES)?;
        if channels > 1 && selector.publishes() {
            return Err(Fault::new("selection", "it is refused with more than one virtual channel"));
        }
        let flits: (u32, u32) = (row.number("min_packet_size")?, row.number("max_packet_size")?);
        if flits.0 < 2 || flits.1 < flits.0 {
            return Err(Fault::new("min_packet_size", "packets must have two flits or more"));
        }
        let (warm_up, cycles): (u64, u64) = (row.number("warmup_cycles")?, row.number("sim_cycles")?);
        if warm_up >= cycles {
            return Err(Fault::new("warmup_cycles", "nothing is left to be measured"));
        }
        let rate: f64 = row.number("pir_packets")?;
        if !(0.0..=1.0).contains(&rate) || rate == 0.0 {
            return Err(Fault::new("pir_packets", "a rate is above 0 and at most 1"));
        }
        Ok(Settings {
            k,
            algorithm: Algorithm::parse(row.text("routing")?)?,
            selector,
            pattern: Pattern::read(row, k)?,
            channels,
            depth: row.number("buffer_depth")?,
            flits,
            rate,
            reset: row.number("reset_cycles")?,
            warm_up,
            cycles,
            seed: row.number("seed")?,
        })
    }
}

/// A flit of a packet in a source's queue.
pub(crate) fn flit_of(packet: u32, channel: u8, place: u32, flits: u32) -> WormFlit {
    WormFlit { packet, channel, head: place == 0, tail: place + 1 == flits }
}
