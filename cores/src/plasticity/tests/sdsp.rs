//! SDSP as ODIN has it: a presynaptic event moves a weight of 3 bits by the membrane and calcium of the neuron it meets.

use super::*;
use crate::synapse::{SparseRows, WideRows};
use crate::{AxonId, Core, CoreConfig, ModelKind, Parameters, Synapses};
use std::sync::Arc;

const THRESHOLD: i64 = 60;
const MEMBRANE: i64 = 20;
const CALCIUM: [i64; 3] = [1, 3, 5];
const LEAK_EVERY: i64 = 9;

/// Neurons 0..n with an axon of fixed weight 7 and one of -7 for each, then `plastic` axons to all of them.
fn core(n: usize, plastic: u32, weight: i32) -> Core {
    let registers = [
        ("leak_str", 1),
        ("thr", THRESHOLD),
        ("ca_en", 1),
        ("thetamem", MEMBRANE),
        ("ca_theta1", CALCIUM[0]),
        ("ca_theta2", CALCIUM[1]),
        ("ca_theta3", CALCIUM[2]),
        ("caleak", LEAK_EVERY),
    ];
    let registers = registers.map(|(name, value)| (name, value.into()));
    let parameters = Parameters::new(ModelKind::Odin, n, registers).unwrap();
    let mut fixed = WideRows::builder(n as u32);
    for weight in [7, -7] {
        for target in 0..n as u32 {
            fixed.push_row(&[Synapse { target: NeuronId(target), weight, delay: 0 }]).unwrap();
        }
    }
    let rule = Rule { weight_most: 7, ..rule(Engine::OnSpikes, "dw = x0*up - x0*down") };
    let mut rows = dense(rule, plastic, n as u32, |_, _| weight);
    rows.neurons = (0..n as u32).collect();
    let config = CoreConfig {
        plastic: vec![Arc::new(rows)],
        ..CoreConfig::new(parameters, Arc::new(Synapses::Wide(fixed.build())))
    };
    let mut core = Core::new(&config).unwrap();
    core.list_overflows(true);
    core
}

/// One neuron by hand: the membrane decides between up and down, calcium whether at all, and the ends are held.
#[test]
fn membrane_and_calcium_decide() {
    let mut core = core(1, 1, 3);
    let (excite, plastic) = (AxonId(0), AxonId(2));
    let weight = |core: &Core| core.plastic()[0].weights()[0];
    let fire = |core: &mut Core| {
        let before = core.event_spikes().len();
        while core.event_spikes().len() == before {
            core.deliver(excite, 1, 0);
        }
    };
    core.deliver(plastic, 1, 0);
    assert_eq!((weight(&core), core.membrane(NeuronId(0))), (3, 3), "no calcium, no learning");
    (0..3).for_each(|_| core.deliver(excite, 1, 0));
    core.deliver(plastic, 1, 0);
    assert_eq!(weight(&core), 3, "not above the membrane's threshold either");
    fire(&mut core); // Calcium 1, V = 0.
    core.deliver(plastic, 1, 0);
    assert_eq!(weight(&core), 2, "low membrane, calcium in the window of depression");
    (0..3).for_each(|_| core.deliver(excite, 1, 0));
    core.deliver(plastic, 1, 0);
    assert_eq!(weight(&core), 3, "high membrane");
    for wanted in [4, 5] {
        core.deliver(plastic, 1, 0);
        assert_eq!(weight(&core), wanted, "V {}", core.membrane(NeuronId(0)));
    }
    fire(&mut core);
    fire(&mut core); // Calcium 3: beyond depression, within potentiation.
    let before = weight(&core);
    core.deliver(plastic, 1, 0);
    assert!(weight(&core) == before, "calcium of 3 depresses no more");
    (0..3).for_each(|_| core.deliver(excite, 1, 0));
    core.deliver(plastic, 1, 0);
    core.deliver(plastic, 1, 0);
    assert_eq!((weight(&core), core.counters().saturations), (7, 0));
    core.deliver(plastic, 1, 0);
    assert_eq!((weight(&core), core.counters().saturations), (7, 1), "held at the top, and counted");
    assert_eq!(core.take_overflows(), [Overflow { index: 0, kind: OverflowKind::WeightLimit }]);
    fire(&mut core);
    fire(&mut core); // Calcium 5: beyond both.
    let updates = core.counters().learning_updates;
    for _ in 0..6 {
        core.deliver(plastic, 1, 0);
    }
    assert_eq!(weight(&core), 7, "too much calcium stops learning");
    assert_eq!(core.counters().learning_updates, updates + 6, "but every event asks");
}

/// Potential, calcium and weights of all neurons as the equations say, in plain whole numbers.
struct Reference {
    v: Vec<i64>,
    calcium: Vec<i64>,
    weights: Vec<Vec<i64>>,
    ticks: i64,
    spikes: u64,
    saturations: u64,
}

impl Reference {
    fn event(&mut self, i: usize, weight: i64) {
        let raw = self.v[i] + weight;
        self.v[i] = raw.clamp(0, 255);
        self.saturations += u64::from(raw != self.v[i]);
        if self.fires(i) {
            self.calcium[i] = (self.calcium[i] + 1).min(7);
        }
    }

    fn fires(&mut self, i: usize) -> bool {
        let fires = self.v[i] >= THRESHOLD;
        if fires {
            self.v[i] = 0;
            self.spikes += 1;
        }
        fires
    }

    fn plastic(&mut self, axon: usize) {
        // All neurons take the weights as they stand; learning follows.
        for i in 0..self.v.len() {
            self.event(i, self.weights[axon][i]);
        }
        for i in 0..self.v.len() {
            let (high, calcium) = (self.v[i] >= MEMBRANE, self.calcium[i]);
            let most = if high { CALCIUM[2] } else { CALCIUM[1] };
            if (CALCIUM[0]..most).contains(&calcium) {
                let wanted = self.weights[axon][i] + if high { 1 } else { -1 };
                self.weights[axon][i] = wanted.clamp(0, 7);
                self.saturations += u64::from(!(0..=7).contains(&wanted));
            }
        }
    }

    fn reference_tick(&mut self) {
        self.ticks += 1;
        let leaks = self.ticks % LEAK_EVERY == 0;
        for i in 0..self.v.len() {
            self.v[i] = (self.v[i] - 1).max(0);
            match (self.fires(i), leaks) {
                (true, false) => self.calcium[i] = (self.calcium[i] + 1).min(7),
                (false, true) => self.calcium[i] = (self.calcium[i] - 1).max(0),
                _ => {}
            }
        }
    }
}

#[test]
fn random_events_learn_as_the_equations_say() {
    let (n, axons) = (6, 10);
    let mut core = core(n, axons, 4);
    let mut reference = Reference {
        v: vec![0; n],
        calcium: vec![0; n],
        weights: vec![vec![4; n]; axons as usize],
        ticks: 0,
        spikes: 0,
        saturations: 0,
    };
    let (mut updates, mut spikes) = (0, Vec::new());
    for t in 0..3000u64 {
        let mut chosen: Vec<u32> = (0..2 * n as u32 + axons)
            .filter(|&axon| {
                // Inhibition is rarer, plastic axons rarer yet.
                let per_mille = [500, 60, 40][(axon / n as u32).min(2) as usize];
                random::chance(random::bits(4, axon.into(), t, 0), per_mille, 1000)
            })
            .collect();
        chosen.sort_unstable();
        for axon in chosen {
            core.deliver(AxonId(axon), 1, 0);
            let place = axon as usize;
            match place / n {
                0 => reference.event(place, 7),
                1 => reference.event(place - n, -7),
                _ => {
                    reference.plastic(place - 2 * n);
                    updates += n as u64;
                }
            }
        }
        core.tick(&mut spikes);
        reference.reference_tick();
        let weights: Vec<i64> = reference.weights.concat();
        let got: Vec<i64> = core.plastic()[0].weights().iter().map(|&w| w.into()).collect();
        assert_eq!(got, weights, "tick {t}");
    }
    let counters = *core.counters();
    assert_eq!((counters.spikes, counters.saturations), (reference.spikes, reference.saturations));
    assert_eq!((counters.learning_updates, spikes.len() as u64), (updates, reference.spikes));
    let limits = core.take_overflows().iter().filter(|o| o.kind == OverflowKind::WeightLimit).count();
    assert!(counters.weight_changes > 300 && limits > 300, "{counters:?}");
    assert_eq!(counters.trace_updates, 0, "the rule has no traces");
}

/// A model without the flags leaves such a rule without effect.
#[test]
fn other_models_have_no_flags() {
    let parameters = Parameters::new(ModelKind::LavaLif, 1, [("vth", 1.into())]).unwrap();
    let rows = dense(rule(Engine::OnSpikes, "dw = x0*up - x0*down"), 1, 1, |_, _| 9);
    let store = Synapses::Sparse(SparseRows::builder(1).build());
    let config = CoreConfig { plastic: vec![Arc::new(rows)], ..CoreConfig::new(parameters, Arc::new(store)) };
    let mut core = Core::new(&config).unwrap();
    for _ in 0..5 {
        core.deliver(AxonId(0), 1, 0);
        core.tick(&mut Vec::new());
    }
    assert_eq!((core.plastic()[0].weights()[0], core.counters().learning_updates), (9, 5));
}
