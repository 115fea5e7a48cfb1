//! A chip image of a graph, placed as SANA-FE places it.

use super::graph::{Graph, fault};
use crate::chip::{ChipImage, ChipSpec, CoreImage, FanOutTable, NetworkEntry, PopulationEntry, Readout, Route};
use crate::error::Error;
use spikemesh_cores::{
    AxonId, Column, CoreConfig, ModelKind, NeuronId, Parameters, RowWord, Synapse, Synapses, WordRows,
    WordRowsBuilder,
};
use std::sync::Arc;

/// Preset whose times and mesh are taken.
pub(super) const PRESET: &str = "loihi1-nahuku";
/// Cores of a tile.
const TILE: u32 = 4;
/// Rows of tiles; SANA-FE numbers them column by column.
const ROWS: u32 = 4;
/// Low bits of a weight that count events, where updates are not all charged as active: 1,023 synapses into a neuron.
const COUNT_BITS: u32 = 10;

/// Our number of SANA-FE's core, row by row.
pub(super) fn place(core: u32, width: u32) -> u32 {
    let tile = core / TILE;
    (tile % ROWS * width + tile / ROWS) * TILE + core % TILE
}

/// The synapses of one neuron, cut by core and sorted.
struct Row {
    synapses: Vec<(u32, i32)>,
}

impl Row {
    /// Runs of synapses onto the same core: (core, synapses onto it), ascending by core.
    fn by_core<'a>(
        &'a mut self,
        graph: &dyn Graph,
        core_of: &'a [u8],
        neuron: u32,
    ) -> impl Iterator<Item = (usize, &'a [(u32, i32)])> {
        self.synapses.clear();
        graph.synapses(neuron, &mut self.synapses);
        let core = move |synapse: &(u32, i32)| core_of[synapse.0 as usize];
        self.synapses.sort_unstable_by_key(core);
        self.synapses.chunk_by(move |a, b| core(a) == core(b)).map(move |run| (usize::from(core(&run[0])), run))
    }
}

/// What a core will hold, so that memory is taken once.
#[derive(Clone, Copy, Default)]
struct Size {
    rows: usize,
    synapses: usize,
    targets: usize,
}

/// A graph with its cores placed.
struct Plan<'a> {
    graph: &'a dyn Graph,
    /// Core of each neuron, as SANA-FE numbers cores.
    core_of: Vec<u8>,
    sizes: Vec<Size>,
    /// Our number of each core.
    places: Vec<u32>,
    /// Cores in the order of our numbers.
    order: Vec<usize>,
    count_bits: u32,
    /// Whether weights and targets fit 16 bits.
    narrow: bool,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a dyn Graph, width: u32) -> Self {
        let starts = graph.cores();
        let cores = starts.len() - 1;
        let own = |c: usize| std::iter::repeat_n(c as u8, (starts[c + 1] - starts[c]) as usize);
        let core_of: Vec<u8> = (0..cores).flat_map(own).collect();
        let places: Vec<u32> = (0..cores as u32).map(|core| place(core, width)).collect();
        let mut order: Vec<usize> = (0..cores).collect();
        order.sort_unstable_by_key(|core| places[*core]);
        let count_bits = if graph.force_update() { 0 } else { COUNT_BITS };
        let mut sizes = vec![Size::default(); cores];
        let mut narrow = count_bits == 0;
        let mut row = Row { synapses: Vec::new() };
        for (neuron, from) in (0..).zip(&core_of) {
            for (core, run) in row.by_core(graph, &core_of, neuron) {
                sizes[core].rows += 1;
                sizes[core].synapses += run.len();
                sizes[usize::from(*from)].targets += 1;
                narrow &= run.iter().all(|(_, weight)| i16::try_from(*weight).is_ok());
            }
        }
        Self { graph, core_of, sizes, places, order, count_bits, narrow }
    }

    /// Fills the stores of all cores, and the tables of where their spikes go.
    fn fill<W: RowWord>(&self, wrap: fn(WordRows<W>) -> Synapses) -> Result<Filled, Error> {
        let starts = self.graph.cores();
        let cores = self.sizes.len();
        let store = |c: usize| {
            WordRows::<W>::builder(starts[c + 1] - starts[c])
                .with_room(self.sizes[c].rows, self.sizes[c].synapses)
        };
        let mut stores: Vec<WordRowsBuilder<W>> = (0..cores).map(store).collect();
        let table = |size: &Size| FanOutTable {
            routes: Vec::with_capacity(size.targets),
            targets: Vec::with_capacity(size.targets),
            ..FanOutTable::default()
        };
        let mut tables: Vec<FanOutTable> = self.sizes.iter().map(table).collect();
        let mut entry_of = vec![0u32; cores];
        self.order.iter().zip(0..).for_each(|(core, entry)| entry_of[*core] = entry);
        let (mut routes, mut known) = (Vec::new(), vec![u32::MAX; cores * cores]);
        let (mut row, mut words) = (Row { synapses: Vec::new() }, Vec::new());
        let (mut own_routes, mut own_targets) = (Vec::new(), Vec::new());
        for (neuron, from) in (0..).zip(self.core_of.iter().map(|core| usize::from(*core))) {
            own_routes.clear();
            own_targets.clear();
            for (core, run) in row.by_core(self.graph, &self.core_of, neuron) {
                words.clear();
                words.extend(run.iter().map(|&(target, weight)| Synapse {
                    target: NeuronId(target - starts[core]),
                    weight: (weight << self.count_bits) + i32::from(self.count_bits > 0),
                    delay: 0,
                }));
                let place = || format!("synapses of neuron {neuron}");
                let AxonId(axon) =
                    stores[core].push_row(&words).map_err(|e| fault(place(), e.to_string(), ""))?;
                let route = &mut known[from * cores + core];
                if *route == u32::MAX {
                    *route = routes.len() as u32;
                    routes.push(Route { source: self.places[from], destinations: vec![self.places[core]] });
                }
                own_routes.push(*route);
                own_targets.push((entry_of[core], axon));
            }
            tables[from].push(&own_routes, &own_targets);
        }
        let stores = stores.into_iter().map(|store| Arc::new(wrap(store.build()))).collect();
        Ok(Filled { routes, stores, tables: tables.into_iter().map(Arc::new).collect() })
    }

    /// The image of a core.
    fn core(&self, core: usize, filled: &Filled) -> Result<CoreImage, Error> {
        let starts = self.graph.cores();
        let numbers: Vec<u32> = (starts[core]..starts[core + 1]).collect();
        let column = |i: usize| Column::Each(numbers.iter().map(|n| self.graph.neuron(*n)[i]).collect());
        let registers = [
            ("threshold", column(0)),
            ("bias", column(1)),
            ("initial", column(2)),
            ("leak", self.graph.leak().into()),
            ("force_update", i64::from(self.graph.force_update()).into()),
            ("count_bits", i64::from(self.count_bits).into()),
        ];
        let parameters = Parameters::new(ModelKind::SanafeLif, numbers.len(), registers).map_err(|errors| {
            let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
            fault(format!("core {core}"), words.join("; "), "")
        })?;
        let config =
            CoreConfig { neurons: numbers, ..CoreConfig::new(parameters, Arc::clone(&filled.stores[core])) };
        Ok(CoreImage { core: self.places[core], config, fan_out: Arc::clone(&filled.tables[core]) })
    }
}

/// What lies between neurons; stores and tables by core.
struct Filled {
    routes: Vec<Route>,
    stores: Vec<Arc<Synapses>>,
    tables: Vec<Arc<FanOutTable>>,
}

/// Builds the image of a graph.
///
/// # Errors
/// A register or weight that the neuron model or its store does not hold.
pub fn build(graph: &dyn Graph) -> Result<ChipImage, Error> {
    let mut spec = ChipSpec::preset(PRESET)?;
    // SANA-FE limits neurons a core alone.
    (spec.core.in_axons, spec.core.out_axons, spec.core.synapse_words) =
        (u32::MAX >> 1, u32::MAX >> 1, 1 << 40);
    spec.timing.synaptic_operation_ps = graph.synaptic_operation_ps();
    let plan = Plan::new(graph, spec.width.into());
    let filled = if plan.narrow { plan.fill(Synapses::Narrow)? } else { plan.fill(Synapses::Wide)? };
    let cores: Result<Vec<_>, _> = plan.order.iter().map(|core| plan.core(*core, &filled)).collect();
    let size = plan.core_of.len() as u32;
    let network = NetworkEntry {
        name: graph.name(),
        populations: vec![PopulationEntry { name: "p".into(), first: 0, size, is_input: false }],
        inputs: Vec::new(),
        outputs: Vec::new(),
        readout: Readout::SpikeCount,
        output_rests: Vec::new(),
    };
    Ok(ChipImage { spec, network, routes: filled.routes, input_fan_out: Arc::default(), cores: cores? })
}
