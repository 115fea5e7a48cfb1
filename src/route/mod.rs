//! Comparing routing strategies: the same traffic under every strategy, at several rates, at one or more levels.
//!
//! ```text
//! Request --(checks)--> Sweep: points --(threads)--> Results --> text | JSON | CSV | HTML
//!                                          |  ^
//!                            a line a point v  | --resume, --merge
//!                                        results file
//! ```
//! A *point* is a level, a strategy and a rate (or, for what is replayed, a speed). Points do not depend on each other: they
//! run on any number of threads, on several machines (`--shard`), and over several sittings (`--resume`), with the same
//! bytes at the end. Everything shown is a pure function of [`Results`].

mod csv;
mod curves;
mod faults;
mod heat_map;
mod json;
mod knobs;
mod numbers;
mod page;
mod ranking;
mod request;
mod results;
mod rows;
mod settings;
mod source;
mod sweep;
mod text;
mod topology;

pub use csv::points_csv;
pub use faults::FaultRequest;
pub use json::{REPORT_VERSION, report_json};
pub use knobs::default_router_toml;
pub use numbers::{parse_flits, parse_mesh, parse_numbers};
pub use page::page;
pub use ranking::{Ranked, Ranking, ranking};
pub use request::{Request, SourceRequest};
pub use results::{Finished, Outcome, Results, ResultsFile, merge};
pub use rows::{Row, rows};
pub use settings::{
    BoardSettings, PointKey, RESULTS_VERSION, RouteLevel, Settings, SourceKind, SourceSettings,
    StrategySettings,
};
pub use sweep::{StageProof, Sweep};
pub use text::table;
