//! The checked way to a [`Network`]: everything wrong is found at once, and what is built is consistent.

use super::{
    Conventions, Native, Network, NeuronParameters, Parameter, Population, PopulationId, PopulationKind,
    Projection, Weights,
};
use crate::error::{Error, Problem, all_well};
use spikemesh_cores::{Discipline, Parameters};

/// Collects populations and projections and checks them together.
#[derive(Debug)]
pub struct NetworkBuilder {
    name: String,
    conventions: Conventions,
    populations: Vec<Population>,
    projections: Vec<Projection>,
    outputs: Vec<PopulationId>,
}

/// Longest delay a network may ask for, in ticks; chips may allow less.
pub(super) const MAX_DELAY: u8 = 63;

impl NetworkBuilder {
    /// An empty network.
    pub fn new(name: impl Into<String>, conventions: Conventions) -> Self {
        let (populations, projections, outputs) = Default::default();
        Self { name: name.into(), conventions, populations, projections, outputs }
    }

    /// Adds a population whose spikes come from outside.
    pub fn input(&mut self, name: impl Into<String>, size: u32) -> PopulationId {
        self.population(name.into(), size, PopulationKind::Input)
    }

    /// Adds a population of neurons.
    pub fn neurons(
        &mut self,
        name: impl Into<String>,
        size: u32,
        parameters: NeuronParameters,
    ) -> PopulationId {
        self.population(name.into(), size, PopulationKind::Neurons(Box::new(parameters)))
    }

    fn population(&mut self, name: String, size: u32, kind: PopulationKind) -> PopulationId {
        self.populations.push(Population { name, size, kind });
        PopulationId(self.populations.len() as u32 - 1)
    }

    /// Joins two populations; a spike at t acts at t + 1 + `delay`.
    pub fn project(
        &mut self,
        name: impl Into<String>,
        source: PopulationId,
        target: PopulationId,
        weights: Weights,
        delay: u8,
    ) {
        self.project_native(name, source, target, weights, delay, Native::default());
    }

    /// Adds a population given in a model's registers.
    pub fn registers(&mut self, name: impl Into<String>, registers: Parameters) -> PopulationId {
        let size = registers.neurons() as u32;
        self.population(name.into(), size, PopulationKind::Registers(Box::new(registers)))
    }

    /// Joins a population to one given in registers; returns the projection's number.
    pub fn project_native(
        &mut self,
        name: impl Into<String>,
        source: PopulationId,
        target: PopulationId,
        weights: Weights,
        delay: u8,
        native: Native,
    ) -> usize {
        self.projections.push(Projection { name: name.into(), source, target, weights, delay, native });
        self.projections.len() - 1
    }

    /// Lets a population's spikes leave the chip.
    pub fn output(&mut self, population: PopulationId) {
        self.outputs.push(population);
    }

    /// Checks everything.
    ///
    /// # Errors
    /// Every inconsistency, with the population or projection it is in.
    pub fn build(self) -> Result<Network, Error> {
        let mut problems = Vec::new();
        if !(self.conventions.dt_s.is_finite() && self.conventions.dt_s > 0.0) {
            problems.push(Problem::new(
                &self.name,
                format!("dt is {} s; it must be above 0", self.conventions.dt_s),
                "",
            ));
        }
        let total: u64 = self.populations.iter().map(|p| u64::from(p.size)).sum();
        if total > u64::from(u32::MAX / 2) {
            problems.push(Problem::new(&self.name, format!("{total} neurons are more than 2^31"), ""));
        }
        for (i, population) in self.populations.iter().enumerate() {
            if self.populations[..i].iter().any(|other| other.name == population.name) {
                problems.push(Problem::new(&population.name, "two populations have this name", "rename one"));
            }
            check_population(population, self.conventions.dt_s, &mut problems);
        }
        for projection in &self.projections {
            self.check_projection(projection, &mut problems);
        }
        for (i, &output) in self.outputs.iter().enumerate() {
            if self.outputs[..i].contains(&output)
                && let Some(population) = self.populations.get(output.0 as usize)
            {
                let what = "the population is named as an output twice: answers would have two numbers";
                problems.push(Problem::new(&population.name, what, "name it once"));
            }
            match self.populations.get(output.0 as usize) {
                None => problems.push(Problem::new(&self.name, "an output names no population", "")),
                Some(p) if p.is_input() => problems.push(Problem::new(
                    &p.name,
                    "an input cannot be an output: its spikes never enter a core",
                    "name a population of neurons",
                )),
                Some(_) => {}
            }
        }
        all_well(problems)?;
        let mut first = vec![0];
        for population in &self.populations {
            first.push(first[first.len() - 1] + population.size);
        }
        let Self { name, conventions, populations, projections, outputs } = self;
        Ok(Network { name, conventions, populations, projections, outputs, first })
    }

    fn check_projection(&self, projection: &Projection, problems: &mut Vec<Problem>) {
        let ends = [projection.source, projection.target].map(|id| self.populations.get(id.0 as usize));
        let [Some(source), Some(target)] = ends else {
            problems.push(Problem::new(
                &projection.name,
                "the projection names a population that is not there",
                "",
            ));
            return;
        };
        if target.is_input() {
            let what = format!("`{}` is an input; nothing can project to it", target.name);
            problems.push(Problem::new(&projection.name, what, ""));
        }
        if let Some(what) = projection.weights.fault() {
            problems.push(Problem::new(
                &projection.name,
                what,
                "rows are offsets into entries, sources ascending in each; a kernel must fit into its input",
            ));
            return;
        }
        let shape = projection.weights.shape();
        if shape != (target.size, source.size) {
            let what = format!(
                "weights are {} x {} (out x in), but `{}` has {} neurons and `{}` has {}",
                shape.0, shape.1, target.name, target.size, source.name, source.size
            );
            problems.push(Problem::new(&projection.name, what, "transpose or reshape the weights"));
        }
        if projection.delay > MAX_DELAY {
            let what = format!("a delay of {} ticks; the most is {MAX_DELAY}", projection.delay);
            problems.push(Problem::new(&projection.name, what, "use a longer dt or shorter delays"));
        }
        self.check_native(projection, target, problems);
        let (stored, wanted) = match &projection.weights {
            Weights::Dense { targets, sources, values } => {
                (values.len() as u64, u64::from(*targets) * u64::from(*sources))
            }
            Weights::Sparse { offsets, entries, .. } => {
                (entries.len() as u64, offsets.last().copied().unwrap_or(0))
            }
            Weights::OneToOne(values) => (values.len() as u64, values.len() as u64),
            Weights::Convolution { shape, values } => (values.len() as u64, shape.taps() as u64),
            Weights::Random { sources, fan_in, .. } => (u64::from(*fan_in.min(sources)), u64::from(*fan_in)),
        };
        if stored != wanted {
            let what = format!("{stored} weights where the shape wants {wanted}");
            problems.push(Problem::new(&projection.name, what, ""));
            return;
        }
        let bad = match &projection.weights {
            Weights::Dense { values, .. } | Weights::OneToOne(values) | Weights::Convolution { values, .. } => {
                values.iter().position(|w| !w.is_finite())
            }
            Weights::Sparse { entries, .. } => entries.iter().position(|(_, w)| !w.is_finite()),
            Weights::Random { low, high, .. } => (!(low.is_finite() && high.is_finite())).then_some(0),
        };
        if let Some(at) = bad {
            let what = format!("weight {at} is not a finite number");
            problems.push(Problem::new(&projection.name, what, "retrain or repair the file"));
        }
    }
}

impl NetworkBuilder {
    /// What a projection may have only onto registers, and what it must have there.
    fn check_native(&self, projection: &Projection, target: &Population, problems: &mut Vec<Problem>) {
        let mut complain = |what: String, hint: &str| problems.push(Problem::new(&projection.name, what, hint));
        let native = &projection.native;
        let Some(registers) = target.registers() else {
            if *native != Native::default() {
                let what = "channels, delays of single synapses, sum exponents, rules and rewards need a target given in registers";
                complain(what.into(), "give the target population a `model`");
            }
            return;
        };
        let info = registers.model().info();
        if usize::from(native.channel) >= info.channels.len() {
            let what = format!("channel {}; `{}` has {}", native.channel, info.name, info.channels.join(", "));
            complain(what, "channels count from 0");
        }
        let synapses = projection.weights.synapse_count();
        if !native.delays.is_empty() && native.delays.len() as u64 != synapses {
            complain(format!("{} delays for {synapses} synapses", native.delays.len()), "");
        }
        if let Some(delay) = native.delays.iter().find(|d| **d > MAX_DELAY) {
            complain(format!("a delay of {delay} ticks; the most is {MAX_DELAY}"), "");
        }
        if native.exponent.is_some_and(|e| !(-15..=15).contains(&e)) {
            complain("an exponent of sums is -15 to 15".into(), "");
        }
        let delayed = projection.delay > 0 || native.delays.iter().any(|d| *d > 0);
        match info.discipline {
            Discipline::AxonBits if native.rule.is_some() || native.exponent.is_some() || delayed => {
                let what =
                    format!("`{}` takes axon bits: no rules, exponents or delays of synapses", info.name);
                complain(
                    what,
                    "leave them out; only RANC's own files (`spikemesh ranc`) give neurons delivery ticks",
                );
            }
            Discipline::PerEvent if delayed || native.exponent.is_some() => {
                complain(format!("`{}` acts on every event: no delays or sum exponents", info.name), "");
            }
            _ => {}
        }
        if native.rule.is_some() && (native.exponent.is_some() || native.channel != 0) {
            complain(
                "a plastic projection acts on the first channel and has its exponent in the rule".into(),
                "",
            );
        }
        if let Some(rule) = &native.rule
            && let Some(product) = rule.dw.products.iter().position(|p| p.on_pre && p.on_post)
            && rule.engine == spikemesh_cores::Engine::OnSpikes
        {
            let what = format!("product {product} needs x0 and y0 at once, which this engine never has");
            complain(what, "use traces (x1*y0), or the engine `loihi` or `every-tick`");
        }
        if let Some(rewarded) = native.reward_for
            && self.projections.get(rewarded).is_none_or(|p| p.native.rule.is_none())
        {
            complain("the projection it rewards is not plastic".into(), "name one with a rule");
        }
        if let Some(rewarded) = native.reward_for.and_then(|r| self.projections.get(r))
            && rewarded.target != projection.target
        {
            complain("a reward must go to the population whose synapses it rewards".into(), "");
        }
        let whole = |w: f32| w.fract() == 0.0 && w.abs() <= 16_777_216.0;
        let mut bad = None;
        for neuron in 0..target.size.min(projection.weights.shape().0) {
            projection.weights.for_each_source(neuron, |source, weight| {
                let one = info.discipline != Discipline::AxonBits || weight == 1.0;
                if bad.is_none() && !(whole(weight) && one) {
                    bad = Some((neuron, source, weight));
                }
            });
        }
        if let Some((neuron, source, weight)) = bad {
            complain(
                format!("the weight from {source} to {neuron} is {weight}"),
                "weights onto registers are whole numbers below 2^24; onto axon bits they are 1 (the neuron has the weights)",
            );
        }
    }
}

fn check_population(population: &Population, dt_s: f64, problems: &mut Vec<Problem>) {
    let mut complain = |what: String, hint: &str| problems.push(Problem::new(&population.name, what, hint));
    let Some(p) = population.parameters() else { return };
    let size = population.size as usize;
    let named = [
        ("tau_mem", p.tau_mem_s.as_ref()),
        ("tau_syn", p.tau_syn_s.as_ref()),
        ("r", Some(&p.r)),
        ("w_in", Some(&p.w_in)),
        ("v_leak", Some(&p.v_leak)),
        ("v_threshold", p.v_threshold.as_ref()),
        ("v_reset", Some(&p.v_reset)),
    ];
    for (name, parameter) in named {
        let Some(parameter) = parameter else { continue };
        if let Parameter::Each(values) = parameter
            && values.len() != size
        {
            complain(format!("{name} has {} values for {size} neurons", values.len()), "");
        }
        if let Some(bad) = parameter.values().iter().find(|v| !v.is_finite()) {
            complain(format!("{name} holds {bad}, which is not a finite number"), "");
        }
        if name.starts_with("tau")
            && let Some(bad) = parameter.values().iter().find(|v| **v < dt_s)
        {
            complain(
                format!("{name} is {bad} s, shorter than the step dt = {dt_s} s"),
                "choose a smaller dt, or a time constant of at least dt",
            );
        }
    }
    if p.bias.len() != size {
        complain(format!("{} biases for {size} neurons", p.bias.len()), "");
    }
    if p.bias.iter().any(|b| !b.is_finite()) {
        complain("a bias is not a finite number".into(), "");
    }
    if let Some(threshold) = &p.v_threshold
        && size > 0
        && p.v_reset.values().len().min(size) > 0
        && (threshold.values().len() == 1 || threshold.values().len() == size)
        && (p.v_reset.values().len() == 1 || p.v_reset.values().len() == size)
        && let Some(neuron) = (0..size).find(|&n| threshold.at(n) <= p.v_reset.at(n))
    {
        complain(
            format!(
                "neuron {neuron}: threshold {} is not above the reset {}",
                threshold.at(neuron),
                p.v_reset.at(neuron)
            ),
            "such a neuron would fire for ever",
        );
    }
}
