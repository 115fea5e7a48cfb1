//! A virtual chip: what it is ([`ChipSpec`]), what is burnt into it ([`ChipImage`]), and the running thing
//! ([`Chip`]): cores, mesh, and the interface between them. It counts; it never prices.
//!
//! A tick is: inputs reach their cores, on chips where they act at once ([`Chip::begin_tick`]); every core takes the events that wait for it and steps ([`CoreBlock::step`], blocks in any order or
//! at once); then the interface turns spikes into packets and next tick's events ([`Chip::exchange`], one order).

mod block;
mod deadline;
mod image;
mod interface;
mod neurons;
mod ranc;
mod receive;
mod spec;

pub use block::{CoreBlock, CoreWork};
pub use deadline::{LATENESS_MOST, LateCounters};
pub use image::{
    ChipImage, CoreImage, FanOutTable, IMAGE_VERSION, NetworkEntry, PopulationEntry, Readout, Route,
};
pub use interface::{ChipCounters, Interface, LostCopy, PacketRecord, TickSpans, TickSpikes};
pub use neurons::{Analog, OverflowProfile};
pub use ranc::{
    LostSpikes, OFFSET_LEAST, OFFSET_MOST, PacketError, PacketFormat, RancFile, RancImport, RancPacket,
    RancRecord,
};
pub(crate) use spec::read_citation;
pub use spec::{
    Barrier, BarrierPoint, BarrierTree, ChipSpec, Citation, CoreLimits, CoreTiming, DeadLink, FanOut,
    INPUT_PORT, Late, MOST_CORES, OUTPUT_PORT, Receive, Registers, SyncPolicy,
};

use crate::error::Error;
use interface::Level;
use spikemesh_cores::{Overflow, Values};
use std::collections::BTreeMap;

/// A chip with state. A clone shares the memories and starts at rest with counters at zero.
#[derive(Debug)]
pub struct Chip {
    blocks: Vec<CoreBlock>,
    interface: Interface,
    /// Core in use and index in it of each placed neuron, for probes.
    places: std::sync::Arc<BTreeMap<u32, (u32, u32)>>,
}

impl Clone for Chip {
    fn clone(&self) -> Self {
        let mut blocks = self.blocks.clone();
        blocks.iter_mut().for_each(CoreBlock::reset_all);
        Self { blocks, interface: self.interface.clone(), places: std::sync::Arc::clone(&self.places) }
    }
}

impl Chip {
    /// Loads an image.
    ///
    /// # Errors
    /// The image contradicts itself, or asks for what is not built.
    pub fn load(image: &ChipImage, level: Level) -> Result<Self, Error> {
        let (blocks, interface) = interface::load(image, level)?;
        let mut places = BTreeMap::new();
        for (core, entry) in image.cores.iter().enumerate() {
            places.extend(entry.config.neurons.iter().enumerate().map(|(i, n)| (*n, (core as u32, i as u32))));
        }
        Ok(Self { blocks, interface, places: std::sync::Arc::new(places) })
    }

    /// The blocks of cores, to be stepped before [`Chip::exchange`]; they may be moved out and back meanwhile.
    pub fn blocks_mut(&mut self) -> &mut Vec<CoreBlock> {
        &mut self.blocks
    }

    /// Second half of a tick, after every block has stepped.
    pub fn exchange(&mut self, inputs: &[u32], keep_records: bool, out: &mut TickSpikes) {
        self.interface.exchange(&mut self.blocks, inputs, keep_records, out);
    }

    /// First half of a tick, before any block steps: inputs reach their cores now where the chip says so.
    pub fn begin_tick(&mut self, inputs: &[u32]) {
        self.interface.begin_tick(&mut self.blocks, inputs);
    }

    /// A whole tick in one thread: `inputs` are the input indices that spike in it, `out` its results.
    pub fn tick(&mut self, inputs: &[u32], keep_records: bool, out: &mut TickSpikes) {
        self.begin_tick(inputs);
        self.blocks.iter_mut().for_each(CoreBlock::step);
        self.exchange(inputs, keep_records, out);
    }

    /// The interface, for its losses and the packets of the last tick.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Numbers the sample that starts; random draws are keyed by it.
    pub fn begin(&mut self, sample: u64) {
        self.blocks.iter_mut().for_each(|block| block.begin(sample));
    }

    /// Neurons and waiting events back to their initial state; learned weights stay. Counted as one reset.
    pub fn reset(&mut self) {
        self.blocks.iter_mut().for_each(CoreBlock::reset);
        self.interface.count_reset();
    }

    /// What every core in use did in the last tick, in the order of the image.
    pub fn work(&self) -> impl Iterator<Item = CoreWork> + '_ {
        (0..self.interface.core_count()).map(|core| {
            let (block, place) = Interface::place(core);
            self.blocks[block].work(place)
        })
    }

    /// Everything counted since the chip was loaded.
    pub fn counters(&self) -> ChipCounters {
        self.interface.counters(&self.blocks)
    }

    /// The whole state in a fixed order, for digests.
    pub fn state_words(&self, out: &mut Vec<i64>) {
        self.blocks.iter().for_each(|block| block.state_words(out));
    }

    /// State variables of a core in use, in the order of its model's list.
    pub fn state(&self, core: usize) -> Vec<Values<'_>> {
        let (block, place) = Interface::place(core);
        self.blocks[block].core(place).state()
    }

    /// Whether overflows are listed one by one.
    pub fn list_overflows(&mut self, list: bool) {
        for core in 0..self.interface.core_count() {
            let (block, place) = Interface::place(core);
            self.blocks[block].core_mut(place).list_overflows(list);
        }
    }

    /// Hands over the overflows listed since the last call, by core in use.
    pub fn take_overflows(&mut self, mut take: impl FnMut(usize, &[Overflow])) {
        for core in 0..self.interface.core_count() {
            let (block, place) = Interface::place(core);
            let list = self.blocks[block].core_mut(place).take_overflows();
            if !list.is_empty() {
                take(core, &list);
            }
        }
    }

    /// Weights of the plastic projections of every core in use, as they stand: (core, projection there, weights).
    pub fn learned_weights(&self) -> Vec<(usize, usize, Vec<i32>)> {
        let mut all = Vec::new();
        for core in 0..self.interface.core_count() {
            let (block, place) = Interface::place(core);
            let plastic = self.blocks[block].core(place).plastic().iter().enumerate();
            all.extend(plastic.map(|(i, plastic)| (core, i, plastic.weights().to_vec())));
        }
        all
    }

    /// The membrane of a neuron, by its network number; `None` for an input.
    pub fn membrane(&self, neuron: u32) -> Option<i64> {
        let &(core, index) = self.places.get(&neuron)?;
        let (block, place) = Interface::place(core as usize);
        Some(self.blocks[block].membrane(place, index))
    }
}
