//! What a sweep is: everything that shapes its numbers, and the points it is made of.

use crate::digest::{Digest, digest};
use serde::{Deserialize, Serialize};
use spikemesh_router::measure::{Faults, MeasureSpec};

/// Version of the results file.
pub const RESULTS_VERSION: u32 = 1;

/// How faithfully a point is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteLevel {
    /// Flits and virtual channels, cycle by cycle.
    Flit,
    /// Packets on links of finite width with finite queues.
    Packet,
    /// No contention.
    Analytic,
}

impl RouteLevel {
    /// All, the most faithful first.
    pub const ALL: [RouteLevel; 3] = [RouteLevel::Flit, RouteLevel::Packet, RouteLevel::Analytic];

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            RouteLevel::Flit => "flit",
            RouteLevel::Packet => "packet",
            RouteLevel::Analytic => "analytic",
        }
    }
}

/// Where packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A pattern and a process.
    Pattern,
    /// A table of flows.
    Table,
    /// The packet trace of a run.
    Run,
    /// A list of packets.
    Packets,
    /// Spike messages.
    Spikes,
}

impl SourceKind {
    /// Whether known packets are replayed, tick by tick.
    pub fn is_replay(self) -> bool {
        matches!(self, SourceKind::Run | SourceKind::Packets | SourceKind::Spikes)
    }

    /// Whether points are rates; they are speeds otherwise.
    pub fn has_rates(self) -> bool {
        self == SourceKind::Pattern
    }
}

/// Where packets come from, with what tells two of a kind apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSettings {
    /// The kind.
    pub kind: SourceKind,
    /// The pattern, or a name for people.
    pub name: String,
    /// The process, or a digest of the file.
    pub detail: String,
}

/// A strategy as it is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategySettings {
    /// Its name.
    pub name: String,
    /// Virtual channels of every link.
    pub channels: u8,
    /// What chooses among its legal ways.
    pub selection: String,
}

/// Chips side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardSettings {
    /// Columns and rows of chips.
    pub chips: (u16, u16),
    /// Cycles over a link from chip to chip.
    pub between_cycles: u16,
}

/// Everything that shapes the numbers of a sweep. What came later and is not asked for is left out of files, so that older ones
/// keep their digests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Version of this program's measurements: other versions may measure something else.
    pub version: u32,
    /// Columns and rows of routers, over all chips.
    pub mesh: (u16, u16),
    /// Chips, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<BoardSettings>,
    /// Whether rows and columns are rings.
    pub torus: bool,
    /// Cores of each router.
    pub cores_per_router: u16,
    /// The chip whose mesh it is; empty for a plain mesh.
    pub chip: String,
    /// Where packets come from.
    pub source: SourceSettings,
    /// Least and most flits of a packet, where the source does not say.
    pub flits: (u16, u16),
    /// Virtual channels; `None` is as many as a strategy needs, and at least two.
    pub channels: Option<u8>,
    /// Flits of a virtual channel's buffer.
    pub depth: u8,
    /// What differs from the router that strategies start from elsewhere, as lines of TOML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub router: Vec<String>,
    /// Waits of strategies that need timeouts, if they were asked for: until the emergency ways, until the drop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<(u16, u16)>,
    /// What fails.
    #[serde(default, skip_serializing_if = "Faults::is_empty")]
    pub faults: Faults,
    /// What all draws are derived from.
    pub seed: u64,
    /// Picoseconds of a cycle.
    pub cycle_ps: u64,
    /// Flits of the longest packet.
    pub most_flits: u16,
    /// Ticks of what is replayed.
    pub ticks: u64,
    /// One in so many of them is replayed.
    pub tick_stride: u64,
    /// How it is measured.
    pub measure: MeasureSpec,
    /// Name of the price table if no other is asked for; empty if none.
    pub prices: String,
    /// Levels, in the order of points.
    pub levels: Vec<RouteLevel>,
    /// Strategies, in the order of points.
    pub strategies: Vec<StrategySettings>,
    /// Strategies that were asked for with all others and do not fit, with the reason.
    pub left_out: Vec<(String, String)>,
    /// Rates in flits a core and cycle, or speeds; in the order of points.
    pub xs: Vec<f64>,
}

/// A point of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointKey {
    /// Level.
    pub level: RouteLevel,
    /// Strategy.
    pub strategy: String,
    /// Rate or speed.
    pub x: f64,
}

fn json_digest(value: &impl Serialize) -> Digest {
    digest(&serde_json::to_vec(value).expect("invariant: numbers and names are valid JSON"))
}

impl Settings {
    /// All points: levels, in them strategies, in them rates.
    pub fn points(&self) -> Vec<PointKey> {
        let mut points = Vec::new();
        for &level in &self.levels {
            for strategy in &self.strategies {
                let key = |&x: &f64| PointKey { level, strategy: strategy.name.clone(), x };
                points.extend(self.xs.iter().map(key));
            }
        }
        points
    }

    /// The sum of everything, which two files must share to be merged.
    pub fn digest(&self) -> Digest {
        json_digest(self)
    }

    /// The sum of everything that shapes the numbers of one point; other points may come and go.
    pub fn point_digest(&self, key: &PointKey) -> Digest {
        let alone = Settings {
            levels: Vec::new(),
            strategies: self.strategies.iter().filter(|s| s.name == key.strategy).cloned().collect(),
            left_out: Vec::new(),
            xs: Vec::new(),
            prices: String::new(),
            ..self.clone()
        };
        json_digest(&(alone, key))
    }

    /// The network in words.
    pub fn network(&self) -> String {
        let (w, h) = self.mesh;
        let kind = if self.torus { "torus" } else { "mesh" };
        let chip = if self.chip.is_empty() { String::new() } else { format!("{}: ", self.chip) };
        let cores = match self.cores_per_router {
            1 => "1 core a router".to_owned(),
            n => format!("{n} cores a router"),
        };
        match self.board {
            Some(BoardSettings { chips: (x, y), between_cycles }) => {
                format!("board of {x} x {y} chips, {between_cycles} cycles between; {w} x {h} {kind}, {cores}")
            }
            None => format!("{chip}{w} x {h} {kind}, {cores}"),
        }
    }

    /// What fails, in words; empty if nothing does.
    pub fn failing(&self) -> String {
        super::faults::in_words(&self.faults)
    }

    /// The traffic in words.
    pub fn traffic(&self) -> String {
        let source = &self.source;
        match source.kind {
            SourceKind::Pattern => format!("{}, {}", source.name, source.detail),
            SourceKind::Table => format!("flows of {}", source.name),
            SourceKind::Run => format!("packets of the run of {}", source.name),
            SourceKind::Packets => format!("packets of {}", source.name),
            SourceKind::Spikes => format!("spike messages of {}", source.name),
        }
    }

    /// What the x of a point is.
    pub fn x_name(&self) -> &'static str {
        if self.source.kind.has_rates() { "rate" } else { "speed" }
    }
}
