//! Networks as lists of synapses by neuron, and the random one that is made of a few numbers alone.

use crate::error::{Error, ErrorKind, Problem, all_well};

/// A network, cut into cores.
pub trait Graph {
    /// Name, for reports.
    fn name(&self) -> String;

    /// First neuron of each core and, at the end, the number of neurons; ascending.
    fn cores(&self) -> &[u32];

    /// Appends the synapses of a neuron: (target, weight).
    fn synapses(&self, neuron: u32, out: &mut Vec<(u32, i32)>);

    /// Registers of the neuron model `sanafe-lif` of a neuron: threshold, bias, initial potential.
    fn neuron(&self, neuron: u32) -> [i64; 3];

    /// What of it is kept in a step, in 64ths.
    fn leak(&self) -> i64;

    /// Whether every update is charged as an active one.
    fn force_update(&self) -> bool;

    /// Time of a synaptic operation, in picoseconds: SANA-FE has several kinds of synapses.
    fn synaptic_operation_ps(&self) -> u64;

    /// Energy of a synaptic operation in picojoules, as a price table writes it.
    fn synaptic_operation_pj(&self) -> &'static str;
}

/// The random network of SANA-FE's speed comparisons, made of these numbers by splitmix64 alone.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomGraph {
    seed: u64,
    fan_out: u32,
    destination_cores: u32,
    cores: Vec<u32>,
    bias: i64,
}

/// Potentials are on a grid of 1/64.
const GRID: i64 = 64;
/// Threshold in units of the potential.
const THRESHOLD: i64 = 1024;
/// Magnitude of an excitatory weight; inhibitory ones are four times as large.
const WEIGHT: i32 = 4;
/// Cores of the chip.
const CORES_MOST: u32 = 128;
/// Neurons a core holds.
const CORE_MOST: u32 = 1024;

/// A draw by seed and number.
fn mix(seed: u64, n: u64) -> u64 {
    let mut z =
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add((n + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl RandomGraph {
    /// `neurons` evenly over `cores`, `fan_out` synapses each to uniform targets (or, if not 0, to `destination_cores`
    /// cores of the neuron's own), and a constant bias with which a lone neuron fires `rate` times a step.
    ///
    /// # Errors
    /// Every number that cannot be.
    pub fn new(
        neurons: u32,
        cores: u32,
        fan_out: u32,
        destination_cores: u32,
        rate: f64,
        seed: u64,
    ) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut refuse = |key: &str, what: String, hint: &str| problems.push(Problem::new(key, what, hint));
        if !(1..=CORES_MOST).contains(&cores) {
            refuse("cores", format!("{cores} cores; SANA-FE's Loihi has {CORES_MOST}"), "1 to 128");
        }
        if neurons == 0 || !neurons.is_multiple_of(cores.max(1)) || neurons / cores.max(1) > CORE_MOST {
            let what = format!(
                "{neurons} neurons are not the same number, 1 to {CORE_MOST}, on each of {cores} cores"
            );
            refuse("neurons", what, "a multiple of the number of cores");
        }
        if fan_out > 1 << 16 {
            refuse("fan_out", format!("{fan_out} synapses a neuron"), "0 to 65536");
        }
        if destination_cores > cores {
            refuse(
                "destination_cores",
                format!("{destination_cores} of {cores} cores"),
                "0 (all) to the number of cores",
            );
        }
        if !(rate > 0.0 && rate <= 1.0) {
            refuse("rate", format!("{rate} spikes a step"), "above 0, at most 1");
        }
        all_well(problems)?;
        let each = neurons / cores;
        Ok(Self {
            seed,
            fan_out,
            destination_cores,
            cores: (0..=cores).map(|core| core * each).collect(),
            bias: bias(rate),
        })
    }
}

/// The bias, in units of the grid, with which a lone neuron's period is 1 / rate, rounded to even.
fn bias(rate: f64) -> i64 {
    let period = (1.0 / rate).round_ties_even().max(1.0);
    let kept = 1.0 - 1.0 / GRID as f64;
    let exact = match period as u32 {
        1 => 2.0 * THRESHOLD as f64,
        period => THRESHOLD as f64 * (1.0 - kept) / (1.0 - kept.powi(period as i32)),
    };
    (exact * GRID as f64 + 1.0) as i64
}

impl Graph for RandomGraph {
    fn name(&self) -> String {
        let (cores, neurons) = (self.cores.len() - 1, self.cores.last().copied().unwrap_or(0));
        format!("sanafe-random {neurons}/{cores}")
    }

    fn cores(&self) -> &[u32] {
        &self.cores
    }

    fn synapses(&self, neuron: u32, out: &mut Vec<(u32, i32)>) {
        let (each, cores) = (u64::from(self.cores[1]), self.cores.len() as u64 - 1);
        let own = u64::from(self.destination_cores);
        for k in 0..u64::from(self.fan_out) {
            let draw = mix(self.seed, u64::from(neuron) * u64::from(self.fan_out) + k);
            let target = if own == 0 {
                draw % (each * cores)
            } else {
                let core = mix(self.seed.wrapping_add(1), u64::from(neuron) * own + k % own) % cores;
                core * each + draw % each
            };
            let weight = if draw >> 60 < 3 { -4 * WEIGHT } else { WEIGHT };
            out.push((target as u32, weight * GRID as i32));
        }
    }

    fn neuron(&self, neuron: u32) -> [i64; 3] {
        let initial = mix(self.seed.wrapping_add(2), neuron.into()) % THRESHOLD as u64;
        [THRESHOLD * GRID, self.bias, initial as i64 * GRID]
    }

    fn leak(&self) -> i64 {
        GRID - 1
    }

    fn force_update(&self) -> bool {
        true
    }

    fn synaptic_operation_ps(&self) -> u64 {
        4_700
    }

    fn synaptic_operation_pj(&self) -> &'static str {
        "33.6"
    }
}

/// Reads a float that must be a whole number.
pub(super) fn whole(value: f64) -> Option<i32> {
    let rounded = value as i32;
    (f64::from(rounded) == value).then_some(rounded)
}

/// An error in a file's content.
pub(super) fn fault(place: String, what: impl Into<String>, hint: &str) -> Error {
    Error::one(ErrorKind::Invalid, place, what, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn biases_are_those_of_the_description() {
        let periods = [(0.1, 7028), (0.05, 3790), (0.03, 2527), (0.02, 1879), (0.01, 1292), (1.0, 131_073)];
        for (rate, wanted) in periods {
            assert_eq!(bias(rate), wanted, "{rate}");
        }
    }

    #[test]
    fn every_wrong_number_is_named() {
        let error = RandomGraph::new(1000, 129, 1 << 17, 130, 0.0, 1).unwrap_err().to_string();
        for key in ["cores", "neurons", "fan_out", "destination_cores", "rate"] {
            assert!(error.contains(&format!("where: {key}\n")), "{key}: {error}");
        }
    }
}
