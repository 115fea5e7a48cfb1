//! A chip image of a graph, placed as SANA-FE places it.

use super::graph::{Graph, fault};
use crate::chip::{
    ChipImage, ChipSpec, CoreImage, FanOutTable, INPUT_PORT, NetworkEntry, PopulationEntry, Readout, Route,
};
use crate::error::Error;
use spikemesh_cores::{
    AxonId, Column, CoreConfig, ModelKind, NeuronId, Parameters, Synapse, Synapses, WideRows, WideRowsBuilder,
};
use std::sync::Arc;

/// Preset whose times and mesh are taken.
const PRESET: &str = "loihi1-nahuku";
/// Cores of a tile.
const TILE: u32 = 4;
/// Rows of tiles; SANA-FE numbers them column by column.
const ROWS: u32 = 4;
/// Low bits of a weight that count events, where updates are not all charged as active: 1,023 synapses into a neuron.
const COUNT_BITS: u32 = 10;

/// Our number of SANA-FE's core, row by row.
fn place(core: u32, width: u32) -> u32 {
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

/// Builds the image of a graph.
///
/// # Errors
/// A register or sum that the neuron model does not hold.
pub fn build(graph: &dyn Graph) -> Result<ChipImage, Error> {
    let mut spec = ChipSpec::preset(PRESET)?;
    // SANA-FE limits neurons a core alone.
    (spec.core.in_axons, spec.core.out_axons, spec.core.synapse_words) =
        (u32::MAX >> 1, u32::MAX >> 1, 1 << 40);
    spec.timing.synaptic_operation_ps = graph.synaptic_operation_ps();
    let starts = graph.cores();
    let (cores, neurons) = (starts.len() - 1, starts.last().copied().unwrap_or(0));
    let core_of: Vec<u8> =
        (0..cores).flat_map(|c| std::iter::repeat_n(c as u8, (starts[c + 1] - starts[c]) as usize)).collect();
    let mut row = Row { synapses: Vec::new() };
    let mut sizes = vec![Size::default(); cores];
    for neuron in 0..neurons {
        let mut targets = 0;
        for (core, run) in row.by_core(graph, &core_of, neuron) {
            sizes[core].rows += 1;
            sizes[core].synapses += run.len();
            targets += 1;
        }
        sizes[usize::from(core_of[neuron as usize])].targets += targets;
    }
    let entry = |core: usize| place(core as u32, spec.width.into());
    let mut order: Vec<usize> = (0..cores).collect();
    order.sort_unstable_by_key(|core| entry(*core));
    let mut entry_of = vec![0u32; cores];
    order.iter().zip(0..).for_each(|(core, i)| entry_of[*core] = i);
    let mut stores: Vec<WideRowsBuilder> = (0..cores)
        .map(|c| WideRows::builder(starts[c + 1] - starts[c]).with_room(sizes[c].rows, sizes[c].synapses))
        .collect();
    let mut tables: Vec<FanOutTable> = (0..cores)
        .map(|c| FanOutTable {
            routes: Vec::with_capacity(sizes[c].targets),
            targets: Vec::with_capacity(sizes[c].targets),
            ..FanOutTable::default()
        })
        .collect();
    let mut routes = Vec::new();
    let mut known = vec![u32::MAX; cores * cores];
    let count_bits = if graph.force_update() { 0 } else { COUNT_BITS };
    let mut words = Vec::new();
    let (mut own_routes, mut own_targets) = (Vec::new(), Vec::new());
    for neuron in 0..neurons {
        let from = usize::from(core_of[neuron as usize]);
        (own_routes.clear(), own_targets.clear());
        for (core, run) in row.by_core(graph, &core_of, neuron) {
            words.clear();
            words.extend(run.iter().map(|&(target, weight)| Synapse {
                target: NeuronId(target - starts[core]),
                weight: (weight << count_bits) + i32::from(count_bits > 0),
                delay: 0,
            }));
            let AxonId(axon) = stores[core]
                .push_row(&words)
                .map_err(|e| fault(format!("neuron {neuron}"), e.to_string(), ""))?;
            let route = &mut known[from * cores + core];
            if *route == u32::MAX {
                *route = routes.len() as u32;
                routes.push(Route { source: entry(from), destinations: vec![entry(core)] });
            }
            own_routes.push(*route);
            own_targets.push((entry_of[core], axon));
        }
        tables[from].push(&own_routes, &own_targets);
    }
    let mut stores: Vec<Option<WideRows>> = stores.into_iter().map(|store| Some(store.build())).collect();
    let mut images = Vec::with_capacity(cores);
    for &core in &order {
        let numbers: Vec<u32> = (starts[core]..starts[core + 1]).collect();
        let column = |i: usize| Column::Each(numbers.iter().map(|n| graph.neuron(*n)[i]).collect());
        let registers = [
            ("threshold", column(0)),
            ("bias", column(1)),
            ("initial", column(2)),
            ("leak", graph.leak().into()),
            ("force_update", i64::from(graph.force_update()).into()),
            ("count_bits", i64::from(count_bits).into()),
        ];
        let parameters = Parameters::new(ModelKind::SanafeLif, numbers.len(), registers).map_err(|errors| {
            let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
            fault(format!("core {core}"), words.join("; "), "")
        })?;
        let store = stores[core].take().unwrap_or_default();
        let config =
            CoreConfig { neurons: numbers, ..CoreConfig::new(parameters, Arc::new(Synapses::Wide(store))) };
        let fan_out = Arc::new(std::mem::take(&mut tables[core]));
        images.push(CoreImage { core: entry(core), config, fan_out });
    }
    let network = NetworkEntry {
        name: graph.name(),
        populations: vec![PopulationEntry { name: "p".into(), first: 0, size: neurons, is_input: false }],
        inputs: Vec::new(),
        outputs: Vec::new(),
        readout: Readout::SpikeCount,
        output_rests: Vec::new(),
    };
    debug_assert!(spec.topology().is_ok_and(|mesh| mesh.port(INPUT_PORT).is_some()));
    Ok(ChipImage { spec, network, routes, input_fan_out: Arc::new(FanOutTable::default()), cores: images })
}
