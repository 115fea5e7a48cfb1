//! Learning against references kept simple on purpose: closed forms and f64 simulations. What is equal to recordings of
//! Lava and brian2-loihi is in `tests/golden`.

mod engines;
mod order;
mod sdsp;
mod spike_timing;
mod whole_core;

use super::*;
use crate::random;

/// A trace that a spike adds `impulse` to and that decays with `tau` ticks.
fn trace(impulse: u8, tau: f64) -> TraceSettings {
    let keep = ((-1.0 / tau).exp() * 4_294_967_296.0).round() as u64;
    TraceSettings { impulse, keep, ..TraceSettings::default() }
}

/// A trace that keeps what it has.
fn lasting(impulse: u8, most: u8) -> TraceSettings {
    TraceSettings { impulse, keep: 1 << 32, most, ..TraceSettings::default() }
}

fn rule(engine: Engine, dw: &str) -> Rule {
    Rule::new(engine, Expression::parse(dw).unwrap())
}

/// Weights of 20 bits, so that their step is small.
fn wide(dw: &str) -> Rule {
    Rule { weight_least: 0, weight_most: 1 << 20, ..rule(Engine::OnSpikes, dw) }
}

/// Axons 0..m to neurons 0..n, all to all, with the network numbers 1000 + axon and 2000 + neuron.
fn dense(rule: Rule, m: u32, n: u32, weight: impl Fn(u32, u32) -> i32) -> PlasticRows {
    let row = |axon| {
        let synapse = |target| Synapse { target: NeuronId(target), weight: weight(axon, target), delay: 0 };
        (1000 + axon, (0..n).map(synapse).collect::<Vec<_>>())
    };
    PlasticRows::new(rule, (2000..2000 + n).collect(), (0..m).map(row))
}

/// Plastic synapses without a core: spikes come from outside.
struct Bench {
    plastic: Plastic,
    ring: AccumulatorRing,
    counters: CoreCounters,
    log: Vec<Overflow>,
    post: Vec<NeuronId>,
}

impl Bench {
    fn new(rows: PlasticRows) -> Self {
        let neurons = rows.neurons.len();
        let plastic = Plastic::new(std::sync::Arc::new(rows), neurons).unwrap();
        let ring = AccumulatorRing::new(neurons, 63);
        Self { plastic, ring, counters: CoreCounters::default(), log: Vec::new(), post: Vec::new() }
    }

    /// One synapse.
    fn one(rule: Rule, weight: i32) -> Self {
        Self::new(dense(rule, 1, 1, |_, _| weight))
    }

    /// A tick in which events of `pre` arrive and then `post` fire, which is learned in the next.
    fn tick(&mut self, pre: &[usize], post: &[u32]) {
        pre.iter().for_each(|&axon| {
            self.plastic.deliver(axon, 1, 0, &mut self.ring);
        });
        self.plastic.learn(&self.post, &|_| (false, false), &mut self.counters, Some(&mut self.log));
        self.post = post.iter().map(|&neuron| NeuronId(neuron)).collect();
        self.ring.advance();
    }

    /// Ticks of one synapse, ascending spike times given.
    fn run(&mut self, ticks: u32, pre: &[u32], post: &[u32]) {
        let (mut pre, mut post) = (pre.iter().peekable(), post.iter().peekable());
        for t in 0..ticks {
            let arrives = pre.next_if_eq(&&t).map(|_| 0);
            let fires = post.next_if_eq(&&t).map(|_| 0);
            self.tick(arrives.as_slice(), fires.as_slice());
        }
    }

    fn weight(&self) -> i32 {
        self.plastic.weights()[0]
    }
}

/// Ticks in which a train with a chance of `per_mille` in each tick spikes.
fn train(seed: u64, ticks: u32, per_mille: u64) -> Vec<u32> {
    (0..ticks).filter(|&t| random::chance(random::bits(seed, 0, t.into(), 0), per_mille, 1000)).collect()
}
