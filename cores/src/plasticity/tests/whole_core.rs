//! Learning inside a core, together with what else a synapse and a neuron can do.

use super::*;
use crate::synapse::WideRows;
use crate::{AxonId, Column, Core, CoreConfig, ModelKind, Parameters, Synapses};
use std::sync::Arc;

const START: i32 = 1 << 19;
const PERIOD: u32 = 5;

fn no_fixed(neurons: usize) -> Arc<Synapses> {
    Arc::new(Synapses::Wide(WideRows::builder(neurons as u32).build()))
}

/// One axon with a synapse of every delay 0..=63 onto a neuron of its own, refractory neurons, pair STDP: every neuron fires
/// at the event's tick plus its delay, misses what comes while it is refractory, and every weight is the sum over the
/// pairs of events (at the axon, before the delay) and spikes.
#[test]
fn delays_refractoriness_and_learning_together() {
    let (tau_plus, tau_minus, events) = (20.0f64, 30.0f64, [0u32, 3, 40, 90]);
    let mut rule = wide("dw = 2^7*y0*x1 - 100*x0*y1");
    rule.traces[0] = trace(32, tau_plus);
    rule.traces[2] = trace(32, tau_minus);
    rule.exponent = -8;
    let synapse = |i: u32| Synapse { target: NeuronId(i), weight: START, delay: i as u8 };
    let rows = PlasticRows::new(rule, (0..64).collect(), [(64, (0..64).map(synapse).collect())]);
    let parameters = Parameters::new(
        ModelKind::RefractoryLif,
        64,
        [("vth", 1024.into()), ("dv", 4095.into()), ("refractory_period", i64::from(PERIOD).into())],
    );
    let config =
        CoreConfig { plastic: vec![Arc::new(rows)], ..CoreConfig::new(parameters.unwrap(), no_fixed(64)) };
    let mut core = Core::new(&config).unwrap();
    let mut fired = vec![Vec::new(); 64];
    for t in 0..200 {
        if events.contains(&t) {
            core.deliver(AxonId(0), 1, 0);
        }
        let mut spikes = Vec::new();
        core.tick(&mut spikes);
        spikes.iter().for_each(|spike| fired[spike.neuron.0 as usize].push(t));
    }
    let mut updates = 0;
    for (i, fired) in fired.iter().enumerate() {
        let delay = i as u32;
        // The event at 3 arrives in the refractory period of the spike at 0.
        let wanted: Vec<u32> = [0, 40, 90].iter().map(|t| t + delay).collect();
        assert_eq!(*fired, wanted, "delay {delay}");
        let mut change = 0.0;
        for &post in fired {
            for &pre in events.iter().filter(|pre| **pre <= post) {
                change += 4096.0 * (-f64::from(post - pre) / tau_plus).exp();
            }
            for &pre in events.iter().filter(|pre| **pre > post) {
                change -= 3200.0 * (-f64::from(pre - post) / tau_minus).exp();
            }
        }
        updates += (fired.len() + events.len()) as u64;
        let error = f64::from(core.plastic()[0].weights()[i] - START) - change;
        // Seven updates, half a step and some tenths of lost trace each.
        assert!(error.abs() <= 7.0 * 0.7, "delay {delay}: {error} of {change}");
    }
    let counters = core.counters();
    assert_eq!((counters.learning_updates, counters.spikes), (updates, 3 * 64));
    assert_eq!((counters.axon_events, counters.synaptic_operations), (4, 4 * 64));
}

/// A learned weight acts at once: the spike that a raised weight causes comes in the tick after the one that raised it.
#[test]
fn events_act_with_the_weights_as_they_stand() {
    let rule = Rule { exponent: 3, ..rule(Engine::OnSpikes, "dw = 10*x0") };
    let rows = dense(rule, 1, 1, |_, _| 20);
    // 20, 30, 40 x 8 against a threshold of 300: the third event fires.
    let parameters = Parameters::new(ModelKind::LavaLif, 1, [("vth", 300.into()), ("dv", 4095.into())]);
    let config =
        CoreConfig { plastic: vec![Arc::new(rows)], ..CoreConfig::new(parameters.unwrap(), no_fixed(1)) };
    let mut core = Core::new(&config).unwrap();
    let mut fired = Vec::new();
    for t in 0..4 {
        core.deliver(AxonId(0), 1, 0);
        let mut spikes = Vec::new();
        core.tick(&mut spikes);
        fired.extend(spikes.iter().map(|_| t));
    }
    assert_eq!((fired, core.plastic()[0].weights()), (vec![2, 3], &[60][..]));
}

/// Rewards come by axons of their own, to the projection they name, and weights outlive a reset.
#[test]
fn rewards_come_by_axons_and_weights_outlive_a_reset() {
    let rewarded = |seed| {
        let mut rule = Rule { seed, ..wide("dw = r*t") };
        rule.dt = Some(Expression::parse("dt = 10*x0").unwrap());
        Arc::new(dense(rule, 1, 1, |_, _| 1000))
    };
    let parameters = Parameters::new(ModelKind::LavaLif, 1, [("vth", (1 << 24).into())]).unwrap();
    let config = CoreConfig {
        plastic: vec![rewarded(1), rewarded(2)],
        rewards: vec![(1, 3), (0, -2)],
        ..CoreConfig::new(parameters, no_fixed(1))
    };
    let mut core = Core::new(&config).unwrap();
    let weights = |core: &Core| (core.plastic()[0].weights()[0], core.plastic()[1].weights()[0]);
    let mut tick = |axons: &[(u32, i32)]| {
        axons.iter().for_each(|&(axon, payload)| core.deliver(AxonId(axon), payload, 0));
        core.tick(&mut Vec::new());
        weights(&core)
    };
    assert_eq!(tick(&[(0, 1), (1, 1)]), (1000, 1000));
    assert_eq!(tick(&[(2, 1)]), (1000, 1030), "axon 2 rewards the second projection");
    assert_eq!(tick(&[(3, 2)]), (960, 1030), "axon 3 punishes the first, by its payload");
    assert_eq!(tick(&[]), (960, 1030));
    core.reset();
    core.deliver(AxonId(2), 1, 0);
    core.tick(&mut Vec::new());
    assert_eq!(weights(&core), (960, 1030), "a reset forgets tags, not weights");
}

/// A list of overflows says at which neuron a weight met its limit.
#[test]
fn overflows_name_the_neuron() {
    let rule = rule(Engine::OnSpikes, "dw = 200*y0*x1");
    let rule = Rule { traces: [lasting(1, 1); 5], ..rule };
    let rows = dense(rule, 2, 3, |_, _| 100);
    let thresholds = Column::Each(vec![150, 50, 1000]);
    let parameters = Parameters::new(ModelKind::LavaLif, 3, [("vth", thresholds), ("dv", 4095.into())]);
    let config =
        CoreConfig { plastic: vec![Arc::new(rows)], ..CoreConfig::new(parameters.unwrap(), no_fixed(3)) };
    let mut core = Core::new(&config).unwrap();
    core.list_overflows(true);
    core.deliver(AxonId(0), 1, 0);
    (0..2).for_each(|_| core.tick(&mut Vec::new()));
    assert_eq!(core.take_overflows(), [Overflow { index: 1, kind: OverflowKind::WeightLimit }]);
    assert_eq!(core.plastic()[0].weights(), [100, 255, 100, 100, 100, 100]);
}
