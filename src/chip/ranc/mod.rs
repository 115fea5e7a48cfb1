//! RANC's own files on an emulated mesh: the input and the configuration of its simulator become a [`ChipImage`].
//!
//! ```text
//! config.json: mesh, size of a core -+-> read -> build -> ChipImage, spikes of the inputs, names -> RancRecord
//! input.json: cores, bus, packets   -+
//! ```
//! A RANC file is placed already: cores have coordinates, and a neuron has one destination, given as an offset, with an
//! axon and a delivery tick. So nothing is mapped. A delivery tick becomes the wait of the source in its fan-out table
//! (packets from outside act at t + d, spikes of neurons at t + 1 + d); each distinct destination of the packets becomes an
//! input; the output bus becomes the output port, placed at the bus's router. What RANC's simulator leaves out comes on
//! top: hops, latency, congestion, energy. Potentials, spikes, bus and warnings are RANC's, tick for tick.
//!
//! Source: RANC (Mack et al. 2021, IEEE TCAD 40(11)), simulator and RTL at github.com/UA-RCL/RANC.
//! `docs/formats/ranc.md` describes the files.

mod build;
mod fields;
mod packet;
mod read;
mod record;
mod settings;

pub use packet::{OFFSET_LEAST, OFFSET_MOST, PacketError, PacketFormat, RancPacket};
pub use record::{LostSpikes, RancRecord};

use super::image::ChipImage;
use crate::error::Error;

/// One of RANC's files: its name in messages, and its text.
#[derive(Clone, Copy, Debug)]
pub struct RancFile<'f> {
    /// Name.
    pub name: &'f str,
    /// Text.
    pub text: &'f str,
}

/// A network of RANC, ready to run.
#[derive(Clone, Debug)]
pub struct RancImport {
    /// The chip's memories.
    pub image: ChipImage,
    /// Spikes of the inputs as (tick, input), ascending; a packet that is there twice is a spike twice.
    pub train: Vec<(u64, u32)>,
    /// Ticks for which there are packets, or could be.
    pub ticks: u32,
    /// What is allowed but surely not meant, in words.
    pub warnings: Vec<String>,
    names: record::Names,
}

impl RancImport {
    /// Reads both files; `name` is what the network is called in reports.
    ///
    /// # Errors
    /// Everything wrong in the configuration, or else everything wrong in the input.
    pub fn read(name: &str, input: RancFile<'_>, config: RancFile<'_>) -> Result<Self, Error> {
        let settings = settings::settings(config.name, config.text)?;
        let read = read::input(input.name, input.text, &settings)?;
        let build::Built { image, train, names } = build::build(name, &settings, &read)?;
        let ticks = read.packets.len() as u32;
        Ok(Self { image, train, ticks, warnings: read.warnings, names })
    }

    /// An empty record of a run of this network; potentials of every tick are kept only if asked for.
    pub fn record(&self, potentials: bool) -> RancRecord {
        RancRecord::new(self.names.clone(), potentials)
    }
}
