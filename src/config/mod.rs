//! Reading of TOML files: the reader that finds every fault, and the run configuration.

mod reader;
mod run;

pub use reader::{Document, Table};
pub use run::{Coding, NetworkSource, RandomNetwork, RunConfig, SampleSelection, StimulusConfig};
