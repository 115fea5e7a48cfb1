//! Who sends to whom, how often: what placement is about, without weights or times.

use super::quantise::Quantised;
use crate::chip::{ChipSpec, INPUT_PORT, OUTPUT_PORT};
use crate::error::{Error, ErrorKind, Problem, all_well};
use crate::network::Network;
use crate::npz::{fault, read_npz, read_reals};
use spikemesh_placement::{Cost, Grid, LinkPrices, Lists, Problem as Placing, priced};
use std::path::Path;

/// Targets and rates of all neurons, and of the ports of a chip as further neurons.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// By neuron: neurons it has a synapse on, ascending; a read-out neuron also sends to the last, the output port.
    pub targets: Lists<u32>,
    /// Spikes a second of each, or whatever the user counts in.
    pub rates: Vec<f64>,
    /// Layer or population of each.
    pub layers: Vec<u32>,
    /// Names of the layers, by number; may be fewer than there are.
    pub names: Vec<String>,
    /// Core of the router that each port is at; neurons have none.
    pub pinned: Vec<Option<u32>>,
}

impl Traffic {
    /// The traffic of a network on a chip: inputs come from the chip's input port, and spikes that are read go to its output
    /// port. Synapses that round to nothing carry none. A neuron's rate is `rates`', or 1.
    ///
    /// # Errors
    /// A port outside the mesh.
    pub(super) fn of_network(
        network: &Network,
        spec: &ChipSpec,
        quantised: &Quantised,
        rates: Option<&[f64]>,
    ) -> Result<Self, Error> {
        let count = network.neuron_count() as usize;
        let mesh = spec.topology()?;
        let at_port = |name: &str| {
            let port = mesh.port(name).expect("invariant: every chip has this port");
            let at = mesh.endpoint_coord(port);
            (u32::from(at.y) * u32::from(spec.width) + u32::from(at.x)) * u32::from(spec.cores_per_router)
        };
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (p, projection) in network.projections().iter().enumerate() {
            let (first, onto) =
                (network.first_neuron(projection.source).0, network.first_neuron(projection.target).0);
            let always = projection.native.rule.is_some() || projection.native.reward_for.is_some();
            for target in 0..network.population(projection.target).size {
                projection.weights.for_each_source(target, |source, weight| {
                    let stored = || {
                        quantised.chip_weight(network, spec, p, projection.target, target as usize, weight) != 0
                    };
                    if always || stored() {
                        pairs.push((first + source, onto + target));
                    }
                });
            }
        }
        let silent = network.outputs().iter().any(|id| network.population(*id).never_spikes());
        if !silent {
            pairs.extend(network.output_neurons().into_iter().map(|n| (n.0, count as u32)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut ends = vec![0; count + 1];
        pairs.iter().for_each(|(source, _)| ends[*source as usize] += 1);
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        let targets = Lists::new(ends, pairs.into_iter().map(|(_, target)| target).collect());
        let mut pinned = vec![None; count + 1];
        let mut layers = vec![0; count + 1];
        for id in network.ids() {
            for neuron in network.neurons_of(id) {
                layers[neuron.0 as usize] = id.0;
                pinned[neuron.0 as usize] = network.population(id).is_input().then(|| at_port(INPUT_PORT));
            }
        }
        layers[count] = network.populations().len() as u32;
        pinned[count] = Some(at_port(OUTPUT_PORT));
        let mut all: Vec<f64> = rates.map_or_else(|| vec![1.0; count], <[f64]>::to_vec);
        all.push(0.0);
        let names = network.populations().iter().map(|p| p.name.clone()).collect();
        Ok(Self { targets, rates: all, layers, names, pinned })
    }

    /// Reads an `.npz` with `indptr` (N + 1 row ends), `indices` (targets, row by row), `rate` (spikes a second, N; 1
    /// if it is absent) and, if it is there, `pop` (layer of each neuron).
    ///
    /// # Errors
    /// The file cannot be read, or everything wrong in it.
    pub fn read_npz(path: &Path) -> Result<Self, Error> {
        let hint = "a network for mapping holds indptr, indices, rate and pop, row = source neuron";
        let mut arrays = read_npz(path, &["indptr", "indices", "pop"])?;
        let mut take = |name: &str| arrays.remove(name).map(|array| array.values);
        let missing = |name: &str| fault(path, format!("array `{name}` is missing"), hint);
        let (ptr, indices) = (
            take("indptr").ok_or_else(|| missing("indptr"))?,
            take("indices").ok_or_else(|| missing("indices"))?,
        );
        let count = ptr.len().saturating_sub(1);
        let rates = read_reals(path, "rate")?.unwrap_or_else(|| vec![1.0; count]);
        let layers = take("pop").unwrap_or_else(|| vec![0; count]);
        let mut problems = Vec::new();
        let mut wrong = |what: String| problems.push(Problem::new(path.display().to_string(), what, hint));
        if ptr.first() != Some(&0)
            || !ptr.is_sorted()
            || ptr.last().copied().unwrap_or(0) != indices.len() as i64
        {
            wrong("`indptr` must ascend from 0 to the number of `indices`".into());
        }
        if count >= 1 << 26 {
            wrong(format!("{count} neurons; at most {} are mapped", 1 << 26));
        }
        for (name, length) in [("rate", rates.len()), ("pop", layers.len())] {
            if length != count {
                wrong(format!("`{name}` has {length} values for {count} neurons"));
            }
        }
        if let Some(bad) = indices.iter().find(|t| !(0..count as i64).contains(*t)) {
            wrong(format!("`indices` names neuron {bad} of {count}"));
        }
        if let Some(bad) = layers.iter().find(|l| !(0..1 << 20).contains(*l)) {
            wrong(format!("`pop` names layer {bad}; wanted 0 to {}", (1 << 20) - 1));
        }
        if let Some(bad) = rates.iter().find(|r| !(r.is_finite() && **r >= 0.0)) {
            wrong(format!("`rate` holds {bad}; wanted spikes a second, 0 or more"));
        }
        all_well(problems)?;
        let rows = ptr.windows(2).map(|row| {
            let mut row: Vec<u32> =
                indices[row[0] as usize..row[1] as usize].iter().map(|t| *t as u32).collect();
            row.sort_unstable();
            row.dedup();
            row
        });
        Ok(Self {
            targets: Lists::from_rows(rows),
            rates,
            layers: layers.into_iter().map(|l| l as u32).collect(),
            names: Vec::new(),
            pinned: vec![None; count],
        })
    }

    /// Neurons and ports.
    pub fn len(&self) -> usize {
        self.rates.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }

    /// As a problem of placement.
    pub fn problem(&self) -> Placing {
        Placing::new(self.targets.clone(), &self.rates, self.pinned.clone())
    }

    /// As a problem of placement where some neurons have a core; their room is not counted.
    pub(super) fn problem_pinned(&self, pin: impl Fn(u32) -> Option<u32>) -> Placing {
        let pinned = self.pinned.iter().enumerate().map(|(v, port)| port.or_else(|| pin(v as u32)));
        Placing::new(self.targets.clone(), &self.rates, pinned.collect())
    }

    /// What the packets of a placement cost by prices of links, as XY trees or as an XY path to each core.
    pub(super) fn priced(&self, grid: &Grid, prices: &LinkPrices, unicast: bool, core: &[u32]) -> f64 {
        priced(&self.targets, &self.rates, grid, prices, unicast, core)
    }

    /// What a placement costs; `core[v]` is the core of neuron v.
    ///
    /// # Panics
    /// The lengths differ.
    pub fn cost(&self, grid: &Grid, core: &[u32]) -> Cost {
        Cost::count(&self.targets, &self.rates, grid, core)
    }
}

/// A rate for each neuron of a network, from one each or one a population.
///
/// # Errors
/// So many rates as there are neither neurons nor populations.
pub fn spread_rates(network: &Network, given: &[f64], place: &str) -> Result<Vec<f64>, Error> {
    let count = network.neuron_count() as usize;
    if let Some(bad) = given.iter().find(|r| !(r.is_finite() && **r >= 0.0)) {
        let what = format!("a rate is {bad}; wanted 0 or more");
        return Err(Error::one(ErrorKind::Invalid, place, what, "give spikes a second or a tick"));
    }
    if given.len() == count {
        return Ok(given.to_vec());
    }
    if given.len() == network.populations().len() {
        let each = network
            .ids()
            .flat_map(|id| std::iter::repeat_n(given[id.0 as usize], network.population(id).size as usize));
        return Ok(each.collect());
    }
    let what = format!(
        "{} rates; the network has {count} neurons in {} populations",
        given.len(),
        network.populations().len()
    );
    Err(Error::one(ErrorKind::Invalid, place, what, "give one rate a neuron or one a population"))
}
