//! What the user says of places: neurons that have a core, populations that belong in a rectangle, blocks that stay whole.
//!
//! Everything is named as the network names it and checked against network and chip at once; passes see neurons and cores.

use super::MapOptions;
use super::partition::{Units, groups};
use crate::chip::ChipSpec;
use crate::error::{Error, ErrorKind, Problem, nearest};
use crate::network::{Network, PopulationId, Weights};
use spikemesh_placement::{Grid, Hint, hilbert_curve};
use std::collections::BTreeMap;
use std::ops::Range;

/// A core by its router's column and row, and its number there; 0 may be left out where a router has one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Column of the router, from the west.
    pub x: u16,
    /// Row of the router, from the south.
    pub y: u16,
    /// Which core of the router.
    pub core: Option<u16>,
}

/// Neurons that have a core. This is a hard limit: kept by every cut and search, or the network does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Name of the population.
    pub population: String,
    /// Which of its neurons; `None` is all.
    pub neurons: Option<Range<u32>>,
    /// Their core.
    pub core: Site,
}

/// A rectangle of routers that a population should sit in: a search weighs it against links.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Name of the population.
    pub population: String,
    /// Column and row of the south-west corner.
    pub from: [u16; 2],
    /// Column and row of the north-east corner, which belongs to the rectangle.
    pub to: [u16; 2],
    /// What a neuron outside pays for each link between it and the rectangle, in links that the spikes of a neuron of mean
    /// rate cross; from 0 to 1000.
    pub weight: f64,
}

/// A population in two dimensions whose neurons are cut in blocks. A block stays whole in the sequential cut; a search
/// has that cut among its starts and may part it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Name of the population.
    pub population: String,
    /// Channels, rows and columns of the population; `None` is what a convolution onto it or from it says.
    pub shape: Option<[u32; 3]>,
    /// Rows and columns of a block; smaller at the far edges.
    pub block: [u32; 2],
    /// Channels of a block; `None` is all.
    pub channels: Option<u32>,
}

/// What the user says of places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// Neurons that have a core.
    pub pins: Vec<Pin>,
    /// Where populations should sit.
    pub regions: Vec<Region>,
    /// Populations cut in blocks.
    pub blocks: Vec<Block>,
}

/// A region and how many of its neurons are outside.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RegionUse {
    /// Name of the population.
    pub population: String,
    /// South-west corner.
    pub from: [u16; 2],
    /// North-east corner.
    pub to: [u16; 2],
    /// Neurons of the population.
    pub neurons: u32,
    /// Those of them outside.
    pub outside: u32,
}

/// Constraints as passes see them.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    /// By network neuron: the core it is pinned to. Empty if nothing is pinned.
    pub(super) pins: Vec<Option<u32>>,
    /// Penalties of regions, by core.
    pub(super) hints: Vec<Hint>,
    /// By population: its blocks, each of network neurons; empty for one that is cut neuron by neuron.
    blocks: BTreeMap<u32, Vec<Vec<u32>>>,
}

/// Most that a link outside a region may weigh.
pub const MOST_REGION_WEIGHT: f64 = 1000.0;

impl Constraints {
    /// Checks everything against the network and the chip.
    ///
    /// # Errors
    /// Everything wrong: populations that there are not or are inputs, neurons and cores beyond the last, cores that are
    /// dead, a neuron with two cores, a core for neurons that share none, rectangles outside the mesh, shapes that are
    /// not the population's.
    pub(super) fn resolve(
        &self,
        network: &Network,
        spec: &ChipSpec,
        options: &MapOptions,
    ) -> Result<Resolved, Error> {
        let mut check = Check { network, spec, problems: Vec::new() };
        let pins = check.pins(&self.pins, options);
        let hints = self.regions.iter().enumerate().filter_map(|(i, r)| check.region(i, r)).collect();
        let mut blocks = BTreeMap::new();
        for (i, block) in self.blocks.iter().enumerate() {
            let place = format!("blocks[{i}]");
            let Some((id, made)) = check.block(&place, block) else { continue };
            if blocks.insert(id.0, made).is_some() {
                let what = format!("population `{}` has two shapes of blocks", block.population);
                check.wrong(&place, what, "keep one");
            }
        }
        if check.problems.is_empty() {
            return Ok(Resolved { pins, hints, blocks });
        }
        Err(Error { kind: ErrorKind::Invalid, problems: check.problems })
    }

    /// How many neurons of each region are outside; `core_of` is the core of a network neuron.
    ///
    /// # Panics
    /// A region names a population that the network lacks; see [`super::map`].
    pub(super) fn region_uses(
        &self,
        network: &Network,
        spec: &ChipSpec,
        core_of: impl Fn(u32) -> Option<u32>,
    ) -> Vec<RegionUse> {
        let used = |region: &Region| {
            let id = find(network, &region.population).expect("invariant: regions were checked");
            let is_outside = |core: u32| distance(region, spec, core) > 0;
            let outside = network.neurons_of(id).filter(|n| core_of(n.0).is_some_and(is_outside)).count();
            RegionUse {
                population: region.population.clone(),
                from: region.from,
                to: region.to,
                neurons: network.population(id).size,
                outside: outside as u32,
            }
        };
        self.regions.iter().map(used).collect()
    }
}

impl Resolved {
    /// Whether the plain cut of neurons in order will do.
    pub(super) fn is_plain(&self) -> bool {
        self.pins.is_empty() && self.blocks.is_empty()
    }

    /// Whether blocks are asked for.
    pub(super) fn has_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// The core a neuron is pinned to.
    pub(super) fn pin(&self, neuron: u32) -> Option<u32> {
        self.pins.get(neuron as usize).copied().flatten()
    }

    /// The grid with the room that pinned neurons leave.
    pub(super) fn room_left(&self, grid: &Grid, room: u32) -> Grid {
        let mut taken = vec![0; grid.cores()];
        self.pins.iter().flatten().for_each(|core| taken[*core as usize] += 1);
        let mut left = grid.clone();
        for (core, taken) in taken.iter().enumerate().filter(|(_, taken)| **taken > 0) {
            left.set_room(core as u32, room.saturating_sub(*taken));
        }
        left
    }

    /// What a sequential cut takes: populations in order, those with blocks block by block.
    pub(super) fn units(&self, network: &Network) -> Units {
        let mut units = Units::default();
        for id in network.ids().filter(|id| !network.population(*id).is_input()) {
            match self.blocks.get(&id.0) {
                Some(blocks) => blocks.iter().for_each(|block| self.take(&mut units, block.iter().copied())),
                None => network.neurons_of(id).for_each(|n| self.take(&mut units, [n.0])),
            }
        }
        self.seed(&mut units);
        units
    }

    /// The same neurons one by one in another order.
    pub(super) fn units_in(&self, order: impl IntoIterator<Item = u32>) -> Units {
        let mut units = Units::default();
        order.into_iter().for_each(|n| self.take(&mut units, [n]));
        self.seed(&mut units);
        units
    }

    fn take(&self, units: &mut Units, neurons: impl IntoIterator<Item = u32>) {
        units.push(neurons.into_iter().filter(|n| self.pin(*n).is_none()));
    }

    fn seed(&self, units: &mut Units) {
        for (neuron, core) in self.pins.iter().enumerate() {
            if let Some(core) = core {
                units.pinned.entry(*core).or_default().push(neuron as u32);
            }
        }
    }
}

/// All live cores in the order of the placement.
pub(super) fn cores_in_order(options: &MapOptions, spec: &ChipSpec) -> Vec<u32> {
    let all = options.placement.placer().place(spec.cores() as usize, spec);
    all.into_iter().filter(|core| !options.dead_cores.contains(core)).collect()
}

fn find(network: &Network, name: &str) -> Option<PopulationId> {
    network.ids().find(|id| network.population(*id).name == name)
}

/// Links between a core and a rectangle.
fn distance(region: &Region, spec: &ChipSpec, core: u32) -> u32 {
    let router = core / u32::from(spec.cores_per_router);
    let at = [router % u32::from(spec.width), router / u32::from(spec.width)];
    let off = |i: usize| {
        let [from, to] = [region.from[i], region.to[i]].map(u32::from);
        from.saturating_sub(at[i]) + at[i].saturating_sub(to)
    };
    off(0) + off(1)
}

/// Problems found so far.
struct Check<'a> {
    network: &'a Network,
    spec: &'a ChipSpec,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn wrong(&mut self, place: &str, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::new(format!("map.{place}"), what, hint));
    }

    /// A population that takes places.
    fn population(&mut self, place: &str, name: &str) -> Option<PopulationId> {
        let network = self.network;
        let found = find(network, name);
        let names = || network.populations().iter().filter(|p| !p.is_input()).map(|p| p.name.as_str());
        match found {
            Some(id) if network.population(id).is_input() => {
                let what = format!("population `{name}` is an input: its spikes come from the input port");
                self.wrong(
                    place,
                    what,
                    "name a population of neurons; the chip's `input` says where the port is",
                );
                None
            }
            None => {
                let hint = match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("populations are {}", names().take(20).collect::<Vec<_>>().join(", ")),
                };
                self.wrong(place, format!("there is no population `{name}`"), hint);
                None
            }
            found => found,
        }
    }

    fn core(&mut self, place: &str, site: Site, options: &MapOptions) -> Option<u32> {
        let spec = self.spec;
        let shown = match site.core {
            Some(core) => format!("[{}, {}, {core}]", site.x, site.y),
            None => format!("[{}, {}]", site.x, site.y),
        };
        if site.x >= spec.width || site.y >= spec.height {
            let what = format!("core {shown} is outside the mesh of {} x {} routers", spec.width, spec.height);
            let hint = format!("columns are 0 to {}, rows 0 to {}", spec.width - 1, spec.height - 1);
            self.wrong(place, what, hint);
            return None;
        }
        if site.core.is_none() && spec.cores_per_router > 1 {
            let what = format!("core {shown} is a router with {} cores", spec.cores_per_router);
            self.wrong(place, what, format!("say which, as [{}, {}, 0]", site.x, site.y));
            return None;
        }
        let which = site.core.unwrap_or(0);
        if which >= spec.cores_per_router {
            let what = format!("core {shown}: a router has {} cores", spec.cores_per_router);
            self.wrong(place, what, format!("numbers are 0 to {}", spec.cores_per_router - 1));
            return None;
        }
        let router = u32::from(site.y) * u32::from(spec.width) + u32::from(site.x);
        let core = router * u32::from(spec.cores_per_router) + u32::from(which);
        if options.dead_cores.contains(&core) {
            let what = format!("core {shown} (number {core}) is dead");
            self.wrong(place, what, "pin to another core, or take it out of `dead_cores`");
            return None;
        }
        Some(core)
    }

    /// The core of every pinned neuron; empty if there are none.
    fn pins(&mut self, pins: &[Pin], options: &MapOptions) -> Vec<Option<u32>> {
        if pins.is_empty() {
            return Vec::new();
        }
        let network = self.network;
        let mut cores: Vec<Option<u32>> = vec![None; network.neuron_count() as usize];
        let groups = groups(network);
        let mut group_of: BTreeMap<u32, PopulationId> = BTreeMap::new();
        for (i, pin) in pins.iter().enumerate() {
            let place = format!("pins[{i}]");
            let id = self.population(&place, &pin.population);
            let core = self.core(&place, pin.core, options);
            let Some(id) = id else { continue };
            let size = network.population(id).size;
            let range = pin.neurons.clone().unwrap_or(0..size);
            if range.is_empty() || range.end > size {
                let what =
                    format!("neurons {}..{} of `{}`, which has {size}", range.start, range.end, pin.population);
                self.wrong(&place, what, format!("a range within 0..{size}, as \"0..{}\"", size.min(64)));
                continue;
            }
            let Some(core) = core else { continue };
            let other = *group_of.entry(core).or_insert(id);
            if groups[other.0 as usize] != groups[id.0 as usize] {
                let other = &network.population(other).name;
                let what = format!(
                    "`{}` and `{other}` cannot share core {core}: a core has one neuron model",
                    pin.population
                );
                self.wrong(&place, what, "pin them to different cores");
                continue;
            }
            let first = network.first_neuron(id).0;
            let mut twice = None;
            for local in range {
                let slot = &mut cores[(first + local) as usize];
                if slot.replace(core).is_some_and(|before| before != core) {
                    twice.get_or_insert(local);
                }
            }
            if let Some(local) = twice {
                let what = format!("neuron {local} of `{}` is pinned to another core as well", pin.population);
                self.wrong(&place, what, "give every neuron one core");
            }
        }
        cores
    }

    fn region(&mut self, i: usize, region: &Region) -> Option<Hint> {
        let place = format!("regions[{i}]");
        let before = self.problems.len();
        let id = self.population(&place, &region.population);
        let mesh = [self.spec.width, self.spec.height];
        if (0..2).any(|k| region.from[k] > region.to[k] || region.to[k] >= mesh[k]) {
            let what = format!(
                "the rectangle from {:?} to {:?} is none of the mesh of {} x {} routers",
                region.from, region.to, mesh[0], mesh[1]
            );
            let last = [mesh[0] - 1, mesh[1] - 1];
            self.wrong(&place, what, format!("corners from [0, 0] to {last:?}, the south-west one first"));
        }
        if !(0.0..=MOST_REGION_WEIGHT).contains(&region.weight) {
            let what = format!("a weight of {} is out of range", region.weight);
            self.wrong(&place, what, format!("a number from 0 to {MOST_REGION_WEIGHT}"));
        }
        let id = id.filter(|_| self.problems.len() == before)?;
        let first = self.network.first_neuron(id).0;
        let price = |core| region.weight * f64::from(distance(region, self.spec, core));
        Some(Hint {
            vertices: first..first + self.network.population(id).size,
            prices: (0..self.spec.cores() as u32).map(price).collect(),
        })
    }

    fn block(&mut self, place: &str, block: &Block) -> Option<(PopulationId, Vec<Vec<u32>>)> {
        let id = self.population(place, &block.population)?;
        let size = self.network.population(id).size;
        let Some(shape) = block.shape.or_else(|| convolved_shape(self.network, id)) else {
            let what = format!("no convolution says the shape of `{}`", block.population);
            self.wrong(place, what, "give `shape`, as [channels, rows, columns]");
            return None;
        };
        let product: u64 = shape.iter().map(|n| u64::from(*n)).product();
        if shape.contains(&0) || product != u64::from(size) {
            let what = format!("shape {shape:?} is of {product} neurons; `{}` has {size}", block.population);
            self.wrong(place, what, "channels x rows x columns must be the population's size");
            return None;
        }
        let sides = [block.channels.unwrap_or(shape[0]), block.block[0], block.block[1]];
        if (0..3).any(|k| !(1..=shape[k]).contains(&sides[k])) {
            let what = format!("blocks of {sides:?} do not fit the shape {shape:?}");
            self.wrong(place, what, "each side from 1 to that of the shape: channels, rows, columns");
            return None;
        }
        Some((id, blocks(self.network.first_neuron(id).0, shape, sides)))
    }
}

/// Channels, rows and columns of a population that a convolution leads to or from.
fn convolved_shape(network: &Network, id: PopulationId) -> Option<[u32; 3]> {
    network.projections().iter().find_map(|projection| {
        let Weights::Convolution { shape, .. } = &projection.weights else { return None };
        if projection.target == id {
            let [height, width] = shape.output();
            return Some([shape.out_channels, height, width]);
        }
        (projection.source == id).then(|| [shape.in_channels, shape.input[0], shape.input[1]])
    })
}

/// Blocks of a population along a Hilbert curve over rows and columns, those of all channels together.
fn blocks(first: u32, [channels, height, width]: [u32; 3], [c, h, w]: [u32; 3]) -> Vec<Vec<u32>> {
    let mut blocks = Vec::new();
    for (x, y) in hilbert_curve(width.div_ceil(w) as i32, height.div_ceil(h) as i32) {
        let rows = y * h..(y * h + h).min(height);
        let columns = x * w..(x * w + w).min(width);
        for channel in (0..channels).step_by(c as usize) {
            let mut block = Vec::new();
            for channel in channel..(channel + c).min(channels) {
                for row in rows.clone() {
                    block.extend(columns.clone().map(|x| first + (channel * height + row) * width + x));
                }
            }
            blocks.push(block);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_a_population_once_and_lie_next_to_each_other() {
        for (shape, block) in [([2, 5, 7], [2, 2, 3]), ([3, 4, 4], [1, 4, 4]), ([1, 1, 9], [1, 1, 2])] {
            let made = blocks(10, shape, block);
            let mut all: Vec<u32> = made.iter().flatten().copied().collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(10..10 + shape.iter().product::<u32>()), "{shape:?}");
            assert!(made.iter().all(|b| b.len() as u32 <= block.iter().product()), "{shape:?}");
        }
        assert_eq!(blocks(0, [1, 2, 4], [1, 2, 2]), [vec![0, 1, 4, 5], vec![2, 3, 6, 7]]);
    }
}
