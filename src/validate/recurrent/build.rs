//! The image of TrueNorth's recurrent network.

use crate::chip::{ChipImage, ChipSpec, CoreImage, FanOutTable, NetworkEntry, PopulationEntry, Readout, Route};
use crate::error::{Error, ErrorKind};
use spikemesh_cores::{Column, CoreConfig, Crossbar, ModelKind, Parameters, Synapses};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Neurons of a core, and axons.
pub(super) const CORE: u32 = 256;
/// Synapses of an axon.
const ROW: usize = 128;
/// Delays are from 1 tick, which is no wait, to as many.
const DELAYS: u64 = 15;

/// Uniform draws by SplitMix64 (Steele, Lea & Flood 2014).
struct Draws(u64);

impl Draws {
    /// Below `bound`; the bias of a remainder of 64 bits is of no consequence here.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// 0 to `n` - 1 in random order.
    fn order(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        (1..n as usize).rev().for_each(|i| order.swap(i, self.below(i as u64 + 1) as usize));
        order
    }
}

/// What a neuron adds to its potential without input.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leak {
    /// 1 in so many of 256 ticks, by its core's generator.
    Stochastic(i64),
    /// So much every tick.
    Fixed(i64),
}

/// A mesh of `side` x `side` full cores whose neurons have that leak and lose `threshold` in a spike.
pub(super) fn build(side: u16, leak: Leak, threshold: i64) -> Result<ChipImage, Error> {
    let mut spec = ChipSpec::preset("truenorth")?;
    (spec.width, spec.height) = (side, side);
    let cores = u32::from(side) * u32::from(side);
    let mut draws = Draws(1);
    let axons = draws.order(cores * CORE);
    let (mut routes, mut known) = (Vec::new(), BTreeMap::new());
    let mut images = Vec::with_capacity(cores as usize);
    for (core, axons) in (0..cores).zip(axons.chunks(CORE as usize)) {
        let mut fan_out = FanOutTable::default();
        for axon in axons {
            let to = axon / CORE;
            let route = *known.entry((core, to)).or_insert_with(|| {
                routes.push(Route { source: core, destinations: vec![to] });
                routes.len() as u32 - 1
            });
            fan_out.push(&[route], &[(to, axon % CORE)]);
            fan_out.delays.push(draws.below(DELAYS) as u8);
        }
        let neurons = (core * CORE..(core + 1) * CORE).collect();
        let config = CoreConfig { neurons, ..memories(&mut draws, leak, threshold)? };
        images.push(CoreImage { core, config, fan_out: Arc::new(fan_out) });
    }
    let network = NetworkEntry {
        name: "recurrent".into(),
        populations: vec![PopulationEntry {
            name: "all".into(),
            first: 0,
            size: cores * CORE,
            is_input: false,
        }],
        inputs: Vec::new(),
        outputs: Vec::new(),
        readout: Readout::SpikeCount,
        output_rests: Vec::new(),
    };
    Ok(ChipImage { spec, network, routes, input_fan_out: Arc::default(), cores: images })
}

/// Crossbar and registers of a core. Two axons, one of weight 1 and one of weight -1, share a row, so that the inputs of
/// every neuron have the mean zero.
fn memories(draws: &mut Draws, leak: Leak, threshold: i64) -> Result<CoreConfig, Error> {
    let fault = |what: String| Error::one(ErrorKind::Bug, "the recurrent network", what, "");
    let mut rows = Vec::with_capacity(CORE as usize);
    for _ in 0..CORE / 2 {
        let chosen = draws.order(CORE);
        let mut targets = vec![false; CORE as usize];
        chosen.iter().take(ROW).for_each(|neuron| targets[*neuron as usize] = true);
        rows.extend([0, 1].map(|kind| (kind, 0, targets.iter().copied().collect())));
    }
    let crossbar = Crossbar::typed(CORE, rows).map_err(|e| fault(e.to_string()))?;
    let (amount, stochastic) = match leak {
        // A draw of 8 bits that is not above the leak lets it add 1.
        Leak::Stochastic(times) => (times - 1, 1),
        Leak::Fixed(amount) => (amount, 0),
    };
    let initial = (0..CORE).map(|_| draws.below(threshold as u64) as i64).collect();
    let registers = [
        ("s0", Column::Uniform(1)),
        ("s1", Column::Uniform(-1)),
        ("leak", Column::Uniform(amount)),
        ("c", Column::Uniform(stochastic)),
        ("threshold", Column::Uniform(threshold)),
        ("reset_mode", Column::Uniform(1)),
        ("initial", Column::Each(initial)),
        ("lfsr_seed", Column::Uniform(1 + draws.below(u64::from(u32::MAX)) as i64)),
    ];
    let parameters = Parameters::new(ModelKind::TrueNorth, CORE as usize, registers)
        .map_err(|errors| fault(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    Ok(CoreConfig::new(parameters, Arc::new(Synapses::Crossbar(crossbar))))
}
