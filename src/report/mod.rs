//! Everything worth showing of a run, in one value; text, JSON, CSV and HTML are pure functions of it.

mod csv;
mod deadline;
mod heat_map;
mod html;
mod json;
mod line_plot;
mod map_page;
mod neurobench;
mod text;

pub use csv::{cores_csv, learned_csv, links_csv};
pub use deadline::{DeadlineRow, deadline_page, deadline_text};
pub use html::page;
pub(crate) use html::{escape, page_start};
pub use json::{REPORT_VERSION, json};
pub use line_plot::{Line, line_plot};
pub use map_page::{MapPage, change, cost_rows, further_rows, map_page};
pub use neurobench::{NeuroBench, SynapticOperations};
pub use text::summary;
pub(crate) use text::{band, grouped, si};

use crate::chip::{ChipImage, Readout};
use crate::energy::{EnergyReport, EnergyTable, EventCounts};
use crate::mapper::{CoreUse, PopulationLoss};
use crate::run::Recording;
use spikemesh_router::{Level, Topology};

/// A run and what belongs to it.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// What ran.
    pub image: &'a ChipImage,
    /// The mesh it ran on.
    pub topology: &'a Topology,
    /// Network level.
    pub level: Level,
    /// Name of the placement.
    pub placement: &'a str,
    /// Loss of rounding.
    pub losses: &'a [PopulationLoss],
    /// What the cores hold.
    pub uses: &'a [CoreUse],
    /// Results.
    pub recording: &'a Recording,
    /// Prices.
    pub prices: &'a EnergyTable,
    /// What everything cost by them.
    pub energy: &'a EnergyReport,
    /// Connections of the network if every pair of connected populations were dense; `None` if nobody knows.
    pub dense_connections: Option<u64>,
    /// Seed of random stimuli.
    pub seed: u64,
    /// Time the run took on this computer, in seconds; in no digest.
    pub wall_s: f64,
    /// CPU time of all threads in the run, in seconds.
    pub cpu_s: f64,
    /// Threads it took; in no digest.
    pub threads: usize,
}

/// A population's mean rate on the chip and in the reference, in spikes a neuron and sample.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RateRow {
    /// Name.
    pub population: String,
    /// On the chip.
    pub chip: f64,
    /// In the f64 reference, if it ran.
    pub reference: Option<f64>,
}

impl Report<'_> {
    /// Time on the chip in seconds, resets excluded if their time is unknown.
    pub fn chip_time_s(&self) -> f64 {
        let counters = &self.recording.counters;
        (counters.tick_time_ps + counters.reset_time_ps) as f64 * 1e-12
    }

    /// Known energy in joules.
    pub fn energy_j(&self) -> f64 {
        crate::energy::joules(self.energy.total_known())
    }

    /// Known energy by core in use, in attojoules: what its neurons, synapses and packets cost, not what packets cost on
    /// their way.
    pub fn core_attojoules(&self) -> Vec<i128> {
        let counters = &self.recording.counters;
        let sent = |core: u32| counters.noc.endpoints.get(core as usize).map_or(0, |e| e.injected);
        self.prices.split(counters.cores.iter().map(|(core, c)| EventCounts::of_core(c, sent(*core))))
    }

    /// Known energy by link, in attojoules.
    pub fn link_attojoules(&self) -> Vec<i128> {
        let links = self.topology.links().iter().zip(&self.recording.counters.noc.links);
        self.prices.split(links.map(|(link, c)| EventCounts::of_link(link.class.index(), c.flits)))
    }

    /// Whether the chip does not say how long its resets take.
    pub fn resets_untimed(&self) -> bool {
        self.image.spec.reset_ps.is_none() && self.recording.counters.resets > 0
    }

    /// Known energy of a sample times its time, in joule seconds; `None` before a sample has ended. Both leave resets
    /// out where their time is unknown.
    pub fn energy_delay_js(&self) -> Option<f64> {
        let samples = self.recording.samples.len() as f64;
        let resets = self.energy.causes.iter().find(|c| c.cause == "reset").and_then(|c| c.attojoules);
        let left_out = resets.filter(|_| self.resets_untimed()).unwrap_or(0);
        let energy_j = crate::energy::joules(self.energy.total_known() - left_out);
        (samples > 0.0).then(|| energy_j / samples * self.chip_time_s() / samples)
    }

    /// A core or port, for people.
    pub fn endpoint_name(&self, endpoint: u32) -> String {
        use spikemesh_router::EndpointKind;
        match self.topology.endpoints().get(endpoint as usize).map(|e| &e.kind) {
            Some(EndpointKind::Port(name)) => format!("port {name}"),
            _ => format!("core {}", self.core_name(endpoint)),
        }
    }

    /// The busiest link and its packets; `None` if none was crossed.
    pub fn hottest_link(&self) -> Option<(String, u64)> {
        let links = &self.recording.counters.noc.links;
        let (index, link) = links.iter().enumerate().rev().max_by_key(|(_, link)| link.packets)?;
        (link.packets > 0).then(|| (self.link_name(index), link.packets))
    }

    /// A link by its ends.
    pub fn link_name(&self, index: usize) -> String {
        let link = self.topology.links()[index];
        format!("{}->{}", self.topology.coord(link.from), self.topology.coord(link.to))
    }

    /// The core with most synaptic operations, and how many.
    pub fn hottest_core(&self) -> Option<(String, u64)> {
        let cores = &self.recording.counters.cores;
        let (core, counters) = cores.iter().rev().max_by_key(|(_, c)| c.synaptic_operations)?;
        Some((self.core_name(*core), counters.synaptic_operations))
    }

    /// A core by its number and router.
    pub fn core_name(&self, core: u32) -> String {
        format!("{core} at {}", self.topology.endpoint_coord(spikemesh_router::EndpointId(core)))
    }

    /// Rates of all populations.
    pub fn rates(&self) -> Vec<RateRow> {
        let samples = self.recording.samples.len().max(1) as f64;
        let rows = self.image.network.populations.iter().enumerate().map(|(i, population)| {
            let rate = |spikes: u64| spikes as f64 / samples / f64::from(population.size.max(1));
            RateRow {
                population: population.name.clone(),
                chip: rate(self.recording.population_spikes[i]),
                reference: self.recording.reference_spikes.as_ref().map(|r| rate(r[i])),
            }
        });
        rows.collect()
    }

    /// `matrix[label][answer]` counts of labelled samples; empty without labels.
    pub fn confusion(&self) -> Vec<Vec<u64>> {
        let outputs = self.image.network.outputs.len();
        if outputs > MOST_CLASSES || self.recording.samples.iter().all(|s| s.label.is_none()) {
            return Vec::new();
        }
        let mut matrix = vec![vec![0; outputs]; outputs];
        for sample in &self.recording.samples {
            if let (Some(label), Some(answer)) = (sample.label, sample.answer) {
                matrix[label as usize][answer as usize] += 1;
            }
        }
        matrix
    }

    /// How results were read, for people.
    pub fn readout(&self) -> &'static str {
        match self.image.network.readout {
            Readout::SpikeCount => "spike packets counted at the output port, ties to the lowest index",
            Readout::ProbedMembrane => "membrane after the last tick, probed, not transmitted",
        }
    }
}

/// Largest number of classes shown in a confusion matrix.
const MOST_CLASSES: usize = 100;
