//! A core: neurons, fixed and plastic synapses, the rings before the neurons, and counters.

use crate::neuron::{Discipline, Draws, Model, Overflow, OverflowKind, Spike, Step, Values, purpose};
use crate::plasticity::{Plastic, PlasticRows, Streams};
use crate::registers::{ParameterError, Parameters};
use crate::synapse::{
    AccumulatorRing, AxonRing, Crossbar, DenseRows, NarrowRows, Scheduled, SharedRows, SparseRows,
    SynapseError, SynapseStore, WideRows,
};
use crate::{AxonId, CoreCounters, NeuronId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Synapses of a core, by kind of store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Synapses {
    /// Sparse rows by axon.
    Sparse(SparseRows),
    /// A binary crossbar.
    Crossbar(Crossbar),
    /// Dense rows with group exponents and delays of each synapse.
    Dense(DenseRows),
    /// Sparse rows of full 32-bit weights.
    Wide(WideRows),
    /// Rows addressed by (axon -> row and offset), for kernels that many axons share.
    Shared(SharedRows),
    /// Sparse rows of 16-bit weights without delays.
    Narrow(NarrowRows),
}

impl Synapses {
    /// The store behind its trait, for reading; the tick does not go through here.
    pub fn store(&self) -> &dyn SynapseStore {
        match self {
            Synapses::Sparse(rows) => rows,
            Synapses::Crossbar(crossbar) => crossbar,
            Synapses::Dense(rows) => rows,
            Synapses::Wide(rows) => rows,
            Synapses::Narrow(rows) => rows,
            Synapses::Shared(rows) => rows,
        }
    }

    /// Checks a deserialised store: consistent in itself and made for so many targets (neurons times channels).
    ///
    /// # Errors
    /// The first broken promise.
    pub fn validate(&self, targets: usize) -> Result<(), SynapseError> {
        match self {
            Synapses::Sparse(rows) => rows.validate(targets),
            Synapses::Crossbar(crossbar) => crossbar.validate(targets),
            Synapses::Dense(rows) => rows.validate(targets),
            Synapses::Wide(rows) => rows.validate(targets),
            Synapses::Narrow(rows) => rows.validate(targets),
            Synapses::Shared(rows) => rows.validate(targets),
        }
    }
}

/// Membrane or input noise, as Loihi 1 has it: (m + 64 offset) 2^(exponent - 7) a tick and neuron, floored, with m uniform
/// in -127..=127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    /// Exponent, 0 to 23.
    pub exponent: u8,
    /// Offset, in steps of 64.
    pub offset: i16,
    /// Whether it acts on the membrane; otherwise on the first channel's summed input.
    pub on_membrane: bool,
}

impl Noise {
    /// The noise a draw makes.
    pub fn value(&self, draw: u64) -> i32 {
        self.scaled(((u128::from(draw) * 255) >> 64) as i64 - 127)
    }

    /// The largest magnitude of any draw's noise.
    fn largest(&self) -> i64 {
        i64::from(self.scaled(-127)).abs().max(i64::from(self.scaled(127)).abs())
    }

    /// The noise of m, -127 to 127.
    fn scaled(&self, m: i64) -> i32 {
        let mantissa = m + 64 * i64::from(self.offset);
        let exponent = i32::from(self.exponent) - 7;
        let value = if exponent < 0 { mantissa >> -exponent } else { mantissa << exponent };
        value.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

/// Events a tick that a core acting on events takes: 64 an axon, and 4,096 at the least. Those beyond, which are of the
/// highest axons, are dropped and counted. Ours, not a chip's: neurons that fire many times a tick at each other would
/// else multiply without end.
pub fn events_most(axons: usize) -> u64 {
    (64 * axons as u64).max(4096)
}

/// Everything a core is loaded with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreConfig {
    /// Registers of its neurons.
    pub parameters: Parameters,
    /// Fixed synapses; their axons come first.
    pub synapses: Arc<Synapses>,
    /// Plastic synapses; their axons follow in order.
    pub plastic: Vec<Arc<PlasticRows>>,
    /// Axons without synapses, which come last: an event adds (payload x amount) to the reward of a plastic projection.
    pub rewards: Vec<(u32, i32)>,
    /// Network number of each neuron; draws are keyed by it.
    pub neurons: Vec<u32>,
    /// Seed of all draws of the neurons.
    pub seed: u64,
    /// Noise, if any.
    pub noise: Option<Noise>,
}

impl CoreConfig {
    /// Neurons numbered from 0 with fixed synapses and no noise.
    pub fn new(parameters: Parameters, synapses: Arc<Synapses>) -> Self {
        let neurons = (0..parameters.neurons() as u32).collect();
        Self { parameters, synapses, plastic: Vec::new(), rewards: Vec::new(), neurons, seed: 0, noise: None }
    }

    /// Number of axons: of fixed synapses, of plastic ones, of rewards.
    pub fn axon_count(&self) -> usize {
        let plastic: usize = self.plastic.iter().map(|rows| rows.axon_count()).sum();
        self.synapses.store().axon_count() + plastic + self.rewards.len()
    }

    /// Number of synapses, fixed and plastic.
    pub fn synapse_count(&self) -> u64 {
        let plastic: usize = self.plastic.iter().map(|rows| rows.targets.len()).sum();
        self.synapses.store().synapse_count() + plastic as u64
    }

    /// Number of synapses whose weight, at the start, is not 0.
    pub fn nonzero_synapses(&self) -> u64 {
        let store = self.synapses.store();
        let mut count = 0;
        for axon in 0..store.axon_count() {
            store.visit(AxonId(axon as u32), &mut |synapse| count += u64::from(synapse.weight != 0));
        }
        let plastic = self.plastic.iter().flat_map(|rows| &rows.weights);
        count + plastic.filter(|weight| **weight != 0).count() as u64
    }

    /// Synapses behind an axon; none behind one that carries a reward.
    pub fn row_len(&self, axon: usize) -> usize {
        let store = self.synapses.store();
        if axon < store.axon_count() {
            return store.row_len(AxonId(axon as u32));
        }
        let mut place = axon - store.axon_count();
        for rows in &self.plastic {
            if place < rows.axon_count() {
                return rows.range(place).len();
            }
            place -= rows.axon_count();
        }
        0
    }

    /// Longest time an event may wait at an axon beyond its synapses' delays, in ticks.
    pub fn longest_wait(&self) -> u32 {
        match self.parameters.model().info().discipline {
            // What the scheduler cannot hold is dropped and counted, as on the chip.
            Discipline::AxonBits => u32::from(u8::MAX),
            Discipline::PerTick | Discipline::PerEvent => 0,
        }
    }

    /// Checks deserialised data, so that a core needs no checks.
    ///
    /// # Errors
    /// What is wrong first; registers with all their violations.
    pub fn validate(&self) -> Result<(), CoreError> {
        self.parameters.validate().map_err(CoreError::Parameters)?;
        let info = self.parameters.model().info();
        let neurons = self.parameters.neurons();
        let targets = neurons * info.channels.len();
        if self.neurons.len() != neurons {
            return Err(CoreError::Numbers { numbers: self.neurons.len(), neurons });
        }
        self.synapses.validate(targets)?;
        for rows in &self.plastic {
            rows.validate(neurons)?;
        }
        if let Some((rows, _)) = self.rewards.iter().find(|(rows, _)| *rows as usize >= self.plastic.len()) {
            return Err(CoreError::Reward { rows: *rows, plastic: self.plastic.len() });
        }
        if self.noise.is_some_and(|noise| noise.exponent > 23) {
            return Err(CoreError::Noise);
        }
        // Axon bits are counted and events act one by one: there is no sum that noise could join.
        if self.noise.is_some() && info.discipline != Discipline::PerTick {
            return Err(CoreError::NoNoise { model: info.name });
        }
        let delays =
            self.synapses.store().max_delay() > 0 || self.plastic.iter().any(|rows| rows.max_delay() > 0);
        if info.discipline == Discipline::PerEvent && delays {
            return Err(CoreError::Delay { model: info.name });
        }
        if info.exact_sums {
            let largest = self.largest_sum();
            if largest > i64::from(i32::MAX) {
                return Err(CoreError::Sum { model: info.name, largest });
            }
        }
        Ok(())
    }

    /// The largest sum of absolute weights and noise that one event an axon can bring to a neuron.
    fn largest_sum(&self) -> i64 {
        let targets = self.parameters.neurons() * self.parameters.model().info().channels.len();
        let noise = self.noise.filter(|noise| !noise.on_membrane).map_or(0, |noise| noise.largest());
        let learned = self.plastic.iter().map(|rows| {
            let each = i64::from(rows.rule.weight_least.abs().max(rows.rule.weight_most.abs()));
            let shift = rows.rule.exponent.max(0) + rows.rule.shift as i8;
            (each * rows.axon_count() as i64) << shift
        });
        self.synapses.store().largest_sum(targets) + noise + learned.sum::<i64>()
    }
}

/// Why a core cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoreError {
    /// Registers out of range.
    #[error("{} bad registers, the first: {}", .0.len(), .0[0])]
    Parameters(Vec<ParameterError>),
    /// A store that contradicts itself.
    #[error(transparent)]
    Synapses(#[from] SynapseError),
    /// Another count of network numbers than of neurons.
    #[error("{numbers} network numbers for {neurons} neurons")]
    Numbers {
        /// Numbers given.
        numbers: usize,
        /// Neurons.
        neurons: usize,
    },
    /// A reward for a projection that is not there.
    #[error("a reward goes to plastic projection {rows} of {plastic}")]
    Reward {
        /// The projection.
        rows: u32,
        /// How many there are.
        plastic: usize,
    },
    /// Noise beyond its register.
    #[error("the noise exponent is above 23")]
    Noise,
    /// Noise where inputs are not summed.
    #[error("`{model}` does not sum its inputs over a tick, so noise cannot act on it")]
    NoNoise {
        /// The model.
        model: &'static str,
    },
    /// Delays where events act at once.
    #[error("`{model}` acts on every event, so its synapses have no delay")]
    Delay {
        /// The model.
        model: &'static str,
    },
    /// Sums that a 32-bit accumulator could wrap in a model that promises exact sums.
    #[error(
        "the weights (and noise) into one neuron add up to {largest}, more than the 2^31 - 1 that `{model}` can sum exactly"
    )]
    Sum {
        /// The model.
        model: &'static str,
        /// The largest sum of absolute weights.
        largest: i64,
    },
}

/// One emulated core. A plain value without locks; clones share the read-only synapses.
#[derive(Clone, Debug)]
pub struct Core {
    model: Model,
    discipline: Discipline,
    synapses: Arc<Synapses>,
    fixed_axons: u32,
    /// Of them, from the first, those whose events only add their row: all, or none.
    plain_axons: u32,
    plastic: Vec<Plastic>,
    rewards: Arc<[(u32, i32)]>,
    ring: AccumulatorRing,
    axons: AxonRing,
    /// Spikes of events since the last tick.
    early: Vec<Spike>,
    /// Events since the last tick, and how many may act; of cores that act on events.
    events: u64,
    events_most: u64,
    /// Neurons that fired in the last tick; kept where something learns.
    fired: Vec<NeuronId>,
    neurons: Arc<[u32]>,
    seed: u64,
    noise: Option<Noise>,
    noise_values: Vec<i32>,
    tick: u64,
    sample: u64,
    log: Option<Vec<Overflow>>,
    counters: CoreCounters,
}

impl Core {
    /// A core at rest.
    ///
    /// # Errors
    /// As [`CoreConfig::validate`].
    pub fn new(config: &CoreConfig) -> Result<Self, CoreError> {
        config.validate()?;
        let info = config.parameters.model().info();
        let neurons = config.parameters.neurons();
        let store = config.synapses.store();
        let plastic: Result<Vec<_>, _> =
            config.plastic.iter().map(|rows| Plastic::new(Arc::clone(rows), neurons)).collect();
        let longest = config.plastic.iter().map(|rows| rows.max_delay()).fold(store.max_delay(), u32::max);
        let ring = AccumulatorRing::new(neurons * info.channels.len(), longest);
        let ring = match &*config.synapses {
            Synapses::Dense(rows) => ring.with_stages(rows.stages()),
            _ => ring,
        };
        // Models with narrower accumulators count their wraps themselves, but see 32 bits of a sum only.
        let narrow = info.discipline == Discipline::PerTick && !info.exact_sums;
        let watched = narrow && config.largest_sum() > i64::from(i32::MAX);
        let ring = if watched { ring.watched() } else { ring };
        let bits = if info.discipline == Discipline::AxonBits { config.axon_count() } else { 0 };
        Ok(Self {
            model: Model::new(&config.parameters),
            discipline: info.discipline,
            fixed_axons: store.axon_count() as u32,
            plain_axons: if info.discipline == Discipline::PerTick && !watched {
                store.axon_count() as u32
            } else {
                0
            },
            synapses: Arc::clone(&config.synapses),
            plastic: plastic?,
            rewards: config.rewards.clone().into(),
            ring,
            axons: AxonRing::new(bits),
            early: Vec::new(),
            events: 0,
            events_most: events_most(config.axon_count()),
            fired: Vec::new(),
            neurons: config.neurons.clone().into(),
            seed: config.seed,
            noise: config.noise,
            noise_values: vec![0; if config.noise.is_some() { neurons } else { 0 }],
            tick: 0,
            sample: 0,
            log: None,
            counters: CoreCounters::default(),
        })
    }

    /// Takes the random numbers of a plastic projection from a recording.
    pub fn set_streams(&mut self, projection: usize, streams: Streams) {
        let plastic = self.plastic[projection].clone();
        self.plastic[projection] = plastic.with_streams(streams);
    }

    /// Synapses behind an axon; none behind one that carries a reward.
    #[inline]
    pub fn row_len(&self, axon: AxonId) -> u64 {
        if axon.0 < self.fixed_axons {
            let len = match &*self.synapses {
                Synapses::Narrow(rows) => rows.row_len(axon),
                Synapses::Wide(rows) => rows.row_len(axon),
                Synapses::Sparse(rows) => rows.row_len(axon),
                other => other.store().row_len(axon),
            };
            return len as u64;
        }
        match self.plastic_axon(axon) {
            Ok((i, place)) => self.plastic[i].rows().range(place).len() as u64,
            Err(_) => 0,
        }
    }

    /// Number of neurons.
    pub fn neuron_count(&self) -> usize {
        self.neurons.len()
    }

    /// Whether results depend on the order in which a tick's events are delivered; then they must come ascending by axon.
    pub fn order_matters(&self) -> bool {
        self.discipline == Discipline::PerEvent
    }

    /// Brings the row of an axon near, for an event that will be delivered soon; without effect on results.
    #[inline]
    pub fn touch(&self, axon: AxonId) {
        if axon.0 >= self.fixed_axons {
            return;
        }
        match &*self.synapses {
            Synapses::Sparse(rows) => rows.touch(axon),
            Synapses::Wide(rows) => rows.touch(axon),
            Synapses::Narrow(rows) => rows.touch(axon),
            Synapses::Crossbar(_) | Synapses::Dense(_) | Synapses::Shared(_) => {}
        }
    }

    /// The step before [`Core::touch`]: brings near where the row lies.
    #[inline]
    pub fn approach(&self, axon: AxonId) {
        match &*self.synapses {
            Synapses::Sparse(rows) => rows.approach(axon),
            Synapses::Wide(rows) => rows.approach(axon),
            Synapses::Narrow(rows) => rows.approach(axon),
            Synapses::Crossbar(_) | Synapses::Dense(_) | Synapses::Shared(_) => {}
        }
    }

    /// Delivers an event of the tick before, `delay_slot` ticks later than its synapses say.
    ///
    /// # Panics
    /// If the axon does not exist or the delay exceeds the ring: events come from a checked image.
    #[inline]
    pub fn deliver(&mut self, axon: AxonId, payload: i32, delay_slot: u32) {
        self.counters.axon_events += 1;
        if axon.0 < self.plain_axons {
            let read = deliver_fixed(&self.synapses, axon, payload, delay_slot, &mut self.ring);
            self.counters.synaptic_operations += read;
        } else {
            self.deliver_otherwise(axon, payload, delay_slot);
        }
    }

    /// Events of plastic axons, and of cores that do not sum over a tick or watch their sums.
    #[inline(never)]
    fn deliver_otherwise(&mut self, axon: AxonId, payload: i32, delay_slot: u32) {
        match self.discipline {
            Discipline::AxonBits => {
                let kind = match self.axons.set(axon, delay_slot) {
                    Scheduled::Set => return,
                    Scheduled::Merged => {
                        self.counters.merged += 1;
                        OverflowKind::Merged
                    }
                    Scheduled::Dropped => {
                        self.counters.dropped += 1;
                        OverflowKind::Dropped
                    }
                };
                if let Some(log) = &mut self.log {
                    log.push(Overflow { index: axon.0, kind });
                }
            }
            Discipline::PerTick if axon.0 < self.fixed_axons => self.deliver_watched(axon, payload, delay_slot),
            Discipline::PerTick => self.deliver_learning(axon, payload, delay_slot),
            Discipline::PerEvent => self.deliver_event(axon, payload),
        }
    }

    /// An event whose row is also noted by the ring's watch.
    fn deliver_watched(&mut self, axon: AxonId, payload: i32, delay_slot: u32) {
        let read = deliver_fixed(&self.synapses, axon, payload, delay_slot, &mut self.ring);
        self.counters.synaptic_operations += read;
        let ring = &mut self.ring;
        self.synapses.store().visit(axon, &mut |synapse| {
            let later = delay_slot as usize + usize::from(synapse.delay);
            ring.watch(later, synapse.target.0 as usize, i64::from(synapse.weight) * i64::from(payload));
        });
    }

    /// The plastic projection of an axon beyond the fixed ones, and its place there; `Err` with the place among rewards.
    fn plastic_axon(&self, axon: AxonId) -> Result<(usize, usize), usize> {
        let mut place = (axon.0 - self.fixed_axons) as usize;
        for (i, plastic) in self.plastic.iter().enumerate() {
            let count = plastic.rows().axon_count();
            if place < count {
                return Ok((i, place));
            }
            place -= count;
        }
        Err(place)
    }

    fn deliver_learning(&mut self, axon: AxonId, payload: i32, delay_slot: u32) {
        match self.plastic_axon(axon) {
            Ok((i, place)) => {
                let read = self.plastic[i].deliver(place, payload, delay_slot, &mut self.ring);
                self.counters.synaptic_operations += read;
            }
            Err(place) => {
                let (rows, amount) = self.rewards[place];
                self.plastic[rows as usize].reward(i64::from(amount) * i64::from(payload));
            }
        }
    }

    fn deliver_event(&mut self, axon: AxonId, payload: i32) {
        self.events += 1;
        if self.events > self.events_most {
            self.counters.dropped += 1;
            if let Some(log) = &mut self.log {
                log.push(Overflow { index: axon.0, kind: OverflowKind::Dropped });
            }
            return;
        }
        let Self { model, synapses, plastic, counters, log, early, neurons, .. } = self;
        let draws = Draws { seed: self.seed, neurons, when: self.sample << 32 | self.tick };
        let mut read = 0;
        let mut act = |neuron: usize, weight: i32| {
            let spikes = &mut *early;
            let mut step = Step {
                tick: self.tick,
                draws,
                membrane_noise: None,
                spikes,
                counters: &mut *counters,
                log: log.as_mut(),
            };
            model.event(neuron, weight, &mut step);
        };
        if axon.0 < self.fixed_axons {
            synapses.store().visit(axon, &mut |synapse| {
                act(synapse.target.0 as usize, synapse.weight.wrapping_mul(payload));
                read += 1;
            });
            counters.synaptic_operations += read;
            return;
        }
        let mut place = (axon.0 - self.fixed_axons) as usize;
        for plastic in plastic.iter_mut() {
            let count = plastic.rows().axon_count();
            if place < count {
                read = plastic.deliver_event(place, payload, &mut act);
                counters.synaptic_operations += read;
                plastic.learn_event(place, model, counters, log.as_mut());
                return;
            }
            place -= count;
        }
        let (rows, amount) = self.rewards[place];
        plastic[rows as usize].reward(i64::from(amount) * i64::from(payload));
    }

    /// One tick: learning, then all neurons step; appends their spikes in order of neuron (those of events first).
    pub fn tick(&mut self, spikes: &mut Vec<Spike>) {
        let first = spikes.len();
        if self.discipline == Discipline::AxonBits {
            self.take_axon_bits();
        }
        self.ring.settle();
        for plastic in &mut self.plastic {
            plastic.learn_on(&self.model, &self.fired, &mut self.counters, self.log.as_mut());
        }
        let when = self.sample << 32 | self.tick;
        let draws = Draws { seed: self.seed, neurons: &self.neurons, when };
        let mut membrane_noise = None;
        if let Some(noise) = self.noise {
            for (i, value) in self.noise_values.iter_mut().enumerate() {
                *value = noise.value(draws.bits(i, purpose::NOISE));
            }
            if noise.on_membrane {
                membrane_noise = Some(&self.noise_values[..]);
            } else {
                let sums = self.ring.slot_mut(0).iter_mut();
                sums.zip(&self.noise_values).for_each(|(sum, noise)| *sum = sum.wrapping_add(*noise));
                if self.ring.is_watched() {
                    let ring = &mut self.ring;
                    let noise = self.noise_values.iter().enumerate();
                    noise.for_each(|(target, &noise)| ring.watch(0, target, noise.into()));
                }
            }
        }
        self.ring.show_wraps();
        spikes.append(&mut self.early);
        self.events = 0;
        let mut step = Step {
            tick: self.tick,
            draws,
            membrane_noise,
            spikes,
            counters: &mut self.counters,
            log: self.log.as_mut(),
        };
        self.model.step(self.ring.current(), &mut step);
        if !self.plastic.is_empty() {
            self.fired.clear();
            self.fired.extend(spikes[first..].iter().map(|spike| spike.neuron));
        }
        self.ring.advance();
        self.tick += 1;
    }

    fn take_axon_bits(&mut self) {
        let Self { axons, synapses, ring, counters, fixed_axons, .. } = self;
        let mut learning = Vec::new();
        axons.take(|axon| {
            if axon.0 < *fixed_axons {
                counters.synaptic_operations += deliver_fixed(synapses, axon, 1, 0, ring);
            } else {
                learning.push(axon);
            }
        });
        for axon in learning {
            self.deliver_learning(axon, 1, 0);
        }
    }

    /// What was counted since the last [`Core::take_counters`].
    pub fn counters(&self) -> &CoreCounters {
        &self.counters
    }

    /// Takes the counters, leaving zeros.
    pub fn take_counters(&mut self) -> CoreCounters {
        std::mem::take(&mut self.counters)
    }

    /// Whether overflows are listed one by one.
    pub fn list_overflows(&mut self, list: bool) {
        self.log = list.then(Vec::new);
    }

    /// Takes the overflows listed since the last call.
    pub fn take_overflows(&mut self) -> Vec<Overflow> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Numbers the sample that starts; draws of different samples differ.
    pub fn begin(&mut self, sample: u64) {
        self.sample = sample;
    }

    /// Neurons, traces and rings back to their initial state; learned weights and counters stay.
    pub fn reset(&mut self) {
        self.model.reset();
        self.ring.clear();
        self.axons.clear();
        self.early.clear();
        self.events = 0;
        self.fired.clear();
        self.plastic.iter_mut().for_each(Plastic::reset);
        self.tick = 0;
        self.sample = 0;
        if let Some(log) = &mut self.log {
            log.clear();
        }
    }

    /// Appends neurons' state, pending sums and learned weights in a fixed order, for digests.
    pub fn state_words(&self, out: &mut Vec<i64>) {
        self.state().iter().for_each(|values| out.extend(values.iter()));
        self.ring.state_words(out);
        self.axons.state_words(out);
        self.plastic.iter().for_each(|plastic| plastic.state_words(out));
    }

    /// State variables of all neurons, in the order of the model's list.
    pub fn state(&self) -> Vec<Values<'_>> {
        self.model.state()
    }

    /// Spikes of events since the last tick, for cores that act on events.
    pub fn event_spikes(&self) -> &[Spike] {
        &self.early
    }

    /// Whether plastic synapses onto a neuron should go (up, down), as its state is now (SDSP).
    pub fn learning_flags(&self, neuron: NeuronId) -> (bool, bool) {
        self.model.learning_flags(neuron.0 as usize)
    }

    /// The membrane potential of a neuron.
    pub fn membrane(&self, neuron: NeuronId) -> i64 {
        self.model.membrane(neuron.0 as usize)
    }

    /// Plastic projections, in the order of their axons.
    pub fn plastic(&self) -> &[Plastic] {
        &self.plastic
    }
}

#[inline]
fn deliver_fixed(
    synapses: &Synapses,
    axon: AxonId,
    payload: i32,
    delay_slot: u32,
    ring: &mut AccumulatorRing,
) -> u64 {
    match synapses {
        Synapses::Sparse(rows) => rows.deliver(axon, payload, delay_slot, ring),
        Synapses::Crossbar(crossbar) => crossbar.deliver(axon, payload, delay_slot, ring),
        Synapses::Dense(rows) => rows.deliver(axon, payload, delay_slot, ring),
        Synapses::Wide(rows) => rows.deliver(axon, payload, delay_slot, ring),
        Synapses::Narrow(rows) => rows.deliver(axon, payload, delay_slot, ring),
        Synapses::Shared(rows) => rows.deliver(axon, payload, delay_slot, ring),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::Column;
    use crate::synapse::Synapse;
    use crate::{Engine, Expression, ModelKind, Rule};
    use proptest::prelude::*;

    /// Loihi neurons that never fire and forget their current at once.
    fn loihi(neurons: usize) -> Parameters {
        let given = [("decay_u", 4095), ("threshold", i32::MAX.into())];
        Parameters::new(ModelKind::CubaLif, neurons, given.map(|(n, v)| (n, Column::Uniform(v)))).unwrap()
    }

    fn synapse(target: u32, weight: i32, delay: u8) -> Synapse {
        Synapse { target: NeuronId(target), weight, delay }
    }

    /// With a shift of 22 the first is -2^30, so that sums of 2^32 and its multiples are frequent.
    fn mantissas() -> impl Strategy<Value = i32> {
        prop_oneof![4 => Just(-256), 1 => Just(128), 1 => -256i32..=255]
    }

    #[test]
    fn a_sum_of_two_to_the_32_is_zero_and_counted() {
        let mut rows = SparseRows::builder(1);
        for _ in 0..256 {
            rows.push_effective_row(&[synapse(0, 1 << 24, 0)]).unwrap();
        }
        let mut core = Core::new(&CoreConfig::new(loihi(1), Arc::new(Synapses::Sparse(rows.build())))).unwrap();
        core.list_overflows(true);
        (0..256).for_each(|axon| core.deliver(AxonId(axon), 1, 0));
        core.tick(&mut Vec::new());
        assert_eq!((core.state()[0].at(0), core.counters().wraps), (0, 1));
        assert_eq!(core.take_overflows(), [Overflow { index: 0, kind: OverflowKind::InputWrap }]);
        core.tick(&mut Vec::new());
        assert_eq!((core.counters().wraps, core.counters().synaptic_operations), (1, 256));
    }

    proptest! {
        /// Whatever sums leave 22, 31 or 32 bits: the current is that of two's complement, and each wrap is counted once.
        #[test]
        fn no_wrap_of_an_accumulator_is_silent(
            rows in prop::collection::vec(
                prop::collection::vec((0u32..3, mantissas(), 0u8..2), 0..6), 1..40),
            shift in prop_oneof![Just(22u32), 8u32..=22],
            learned in prop::collection::vec((0u32..3, 0i32..=255, 0u8..4), 0..6),
            noise in prop::option::weighted(0.3, (0u8..=23, -300i16..300)),
            events in prop::collection::vec(prop::collection::vec(any::<bool>(), 41), 1..5),
        ) {
            let mut store = SparseRows::builder(3);
            for row in &rows {
                let row = row.iter().map(|&(target, mantissa, delay)| (NeuronId(target), mantissa as i16, delay));
                store.push_row(shift as u8, row).unwrap();
            }
            let rule = Rule { exponent: 22, ..Rule::new(Engine::OnSpikes, Expression::parse("0*x0").unwrap()) };
            let plastic = learned.iter().map(|&(target, weight, delay)| synapse(target, weight, delay)).collect();
            let config = CoreConfig {
                plastic: vec![Arc::new(PlasticRows::new(rule, vec![0, 1, 2], [(0, plastic)]))],
                noise: noise.map(|(exponent, offset)| Noise { exponent, offset, on_membrane: false }),
                ..CoreConfig::new(loihi(3), Arc::new(Synapses::Sparse(store.build())))
            };
            let mut core = Core::new(&config).unwrap();
            let mut sums = vec![[0i64; 3]; events.len() + 4];
            let mut wraps = 0;
            for (tick, events) in events.iter().enumerate() {
                for axon in (0..rows.len()).filter(|axon| events[*axon]) {
                    core.deliver(AxonId(axon as u32), 1, 0);
                    for &(target, mantissa, delay) in &rows[axon] {
                        sums[tick + usize::from(delay)][target as usize] += i64::from(mantissa) << shift;
                    }
                }
                if events[40] {
                    core.deliver(AxonId(rows.len() as u32), 1, 0);
                    for &(target, weight, delay) in &learned {
                        sums[tick + usize::from(delay)][target as usize] += i64::from(weight) << 22;
                    }
                }
                for (neuron, sum) in sums[tick].iter_mut().enumerate() {
                    if let Some(noise) = config.noise {
                        let draws = Draws { seed: 0, neurons: &config.neurons, when: tick as u64 };
                        *sum += i64::from(noise.value(draws.bits(neuron, purpose::NOISE)));
                    }
                }
                core.tick(&mut Vec::new());
                for (neuron, &sum) in sums[tick].iter().enumerate() {
                    let held = (sum + (1 << 21)).rem_euclid(1 << 22) - (1 << 21);
                    wraps += u64::from(held != sum);
                    prop_assert_eq!(core.state()[0].at(neuron), held, "sum {}", sum);
                }
                prop_assert_eq!(core.counters().wraps, wraps);
            }
        }
    }
}
