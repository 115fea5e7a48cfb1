//! TrueNorth's recurrent network, emulated: its counts as published, and its power by the counts.
//!
//! Every neuron has one uniformly random target axon, no axon has two sources, delays are uniform from 1 to 15 ticks, and a
//! row of the crossbar has 128 of 256 synapses. Rates come from a stochastic leak; weights add up to zero.

mod build;

use super::Case;
use super::analytic::power;
use crate::chip::{Chip, ChipCounters, TickSpikes};
use crate::error::Error;
use build::{CORE, Leak, build};
use spikemesh_router::Level;

/// Ticks before anything is counted: several times the longest delay.
const SETTLE: u32 = 100;
/// Ticks counted.
const TICKS: u32 = 200;
/// Ticks of a second.
const HERTZ: f64 = 1000.0;
/// Cores of the chip whose power was measured.
const CHIP_CORES: f64 = 4096.0;

/// A rate in hertz, the leak, the threshold, the power measured in milliwatts, and whether the price table was made without
/// it. A rate is leak / threshold. The highest needs more than the 1 a tick that a stochastic leak adds: with a threshold
/// below the noise of 128 synapses, rates would drift apart.
const POINTS: [(f64, Leak, i64, f64, bool); 3] = [
    (11.58, Leak::Stochastic(169), 57, 68.0, false),
    (20.07, Leak::Stochastic(190), 37, 71.0, true),
    (95.93, Leak::Fixed(5), 52, 94.0, false),
];

const POWER: &str =
    "Merolla et al. 2014, supplement, 0.8 V; this point made the price table, so it is no evidence";
const EVIDENCE: &str = "Merolla et al. 2014, supplement, 0.8 V; the price table was made from the two others, so this point is evidence";
const RATE: &str = "Merolla et al. 2014, supplement; set by our leak and threshold, so it is no evidence";
const EVENTS: &str = "Merolla et al. 2014: 5 axon events a core a tick at 20 Hz";
const HOPS: &str = "Merolla et al. 2014, S7: random targets on 64 x 64 cores";

/// Counts of some ticks, by means.
struct Means {
    rate_hz: f64,
    operations_a_second: f64,
    axon_events: f64,
    hops: [f64; 2],
}

/// Runs a mesh of `side` x `side` cores at the three rates; smaller ones are scaled to the chip by the number of cores.
///
/// # Errors
/// The network does not fit its chip: a bug.
pub fn recurrent(side: u16) -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for (rate, leak, threshold, measured, evidence) in POINTS {
        let means = run(side, leak, threshold)?;
        let mut case = |group, what: &str, unit, measured, ours, tolerance_percent, source| {
            let name = format!("TrueNorth {side} x {side} recurrent, {rate} Hz: {what}");
            cases.push(Case {
                group,
                name,
                unit,
                measured,
                ours,
                tolerance_percent: Some(tolerance_percent),
                source,
            });
        };
        case("TrueNorth recurrent rate", "mean rate", "Hz", rate, means.rate_hz, 1.0, RATE);
        let source = if evidence { EVIDENCE } else { POWER };
        let ours = 1e3 * power(means.operations_a_second)?;
        case("TrueNorth recurrent power", "power", "mW", measured, ours, 3.0, source);
        if evidence {
            let group = "TrueNorth recurrent activity";
            case(group, "axon events a core a tick", "", 5.0, means.axon_events, 4.0, EVENTS);
            if f64::from(side) * f64::from(side) == CHIP_CORES {
                case(group, "hops in x", "", 21.3, means.hops[0], 2.0, HOPS);
                case(group, "hops in y", "", 21.3, means.hops[1], 2.0, HOPS);
            }
        }
    }
    Ok(cases)
}

fn run(side: u16, leak: Leak, threshold: i64) -> Result<Means, Error> {
    let image = build(side, leak, threshold)?;
    let mut chip = Chip::load(&image, Level::Analytic)?;
    let mut spikes = TickSpikes::default();
    let mut ticks = |chip: &mut Chip, ticks| (0..ticks).for_each(|_| chip.tick(&[], false, &mut spikes));
    ticks(&mut chip, SETTLE);
    let before = chip.counters();
    ticks(&mut chip, TICKS);
    let after = chip.counters();
    let counted = |of: fn(&ChipCounters) -> u64| (of(&after) - of(&before)) as f64;
    let (cores, ticks) = (image.cores.len() as f64, f64::from(TICKS));
    let crossed = |class: usize| {
        let all = |counters: &ChipCounters| counters.noc.crossings.get(class).copied().unwrap_or(0);
        (all(&after) - all(&before)) as f64 / counted(|c| c.noc.delivered)
    };
    Ok(Means {
        rate_hz: counted(|c| c.core_total().spikes) / (cores * f64::from(CORE) * ticks) * HERTZ,
        operations_a_second: counted(|c| c.core_total().synaptic_operations) / ticks * HERTZ * CHIP_CORES
            / cores,
        axon_events: counted(|c| c.core_total().axon_events) / (cores * ticks),
        hops: [crossed(0), crossed(1)],
    })
}
