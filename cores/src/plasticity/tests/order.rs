//! The order-based rule of Kheradpisheh et al. 2018, and the draws that round it.

use super::*;

/// a+ w(1 - w) for inputs that fired by then, -a- w(1 - w) for the others, w in 1/255: a+ and a- are m 2^-32 x 255.
fn order(up: u32, down: u32) -> Rule {
    let dw = format!("{up}*2^-32*x1*y0*w*(255-w) - {down}*2^-32*(1-x1)*y0*w*(255-w)");
    let mut rule = rule(Engine::OnSpikes, &dw);
    rule.traces[0] = lasting(1, 1);
    rule
}

/// 0.004 and 0.003, as the paper has them.
const SMALL: (u32, u32) = (67_372, 50_529);
/// 0.15 and 0.1125, where re-implementations end up.
const LARGE: (u32, u32) = (2_526_451, 1_894_838);

/// Every weight once with an input that fired and once without, against whole numbers.
#[test]
fn every_weight_moves_by_the_rounded_rule() {
    for (up, down) in [SMALL, LARGE] {
        let mut bench = Bench::new(dense(order(up, down), 512, 1, |axon, _| axon as i32 % 256));
        bench.tick(&(0..256).collect::<Vec<_>>(), &[0]);
        bench.tick(&[], &[]);
        let mut moved = 0;
        for (axon, &got) in bench.plastic.weights().iter().enumerate() {
            let w = axon as i64 % 256;
            let slope = w * (255 - w);
            let exact = if axon < 256 { i64::from(up) * slope } else { -i64::from(down) * slope };
            let wanted = w + ((exact + (1 << 31)) >> 32);
            assert_eq!(i64::from(got), wanted, "{w}, fired {}", axon < 256);
            moved += u64::from(wanted != w);
        }
        let counters = bench.counters;
        assert_eq!((counters.learning_updates, counters.weight_changes), (512, moved));
        assert_eq!(moved == 0, up == SMALL.0, "to nearest, the paper's rates move no weight of 8 bits at all");
    }
}

/// An input that arrives in the tick in which the neuron fires is before it; one a tick later is after it.
#[test]
fn an_input_in_the_tick_of_the_spike_counts_as_before() {
    let mut bench = Bench::new(dense(order(LARGE.0, LARGE.1), 3, 1, |_, _| 128));
    bench.tick(&[0], &[]);
    bench.tick(&[1], &[0]);
    bench.tick(&[2], &[]);
    let weights = bench.plastic.weights();
    assert!(weights[0] > 128 && weights[1] > 128 && weights[2] < 128, "{weights:?}");
}

/// Presented again and again, what fired goes to the top and the rest to the bottom, and nothing leaves the range.
#[test]
fn weights_go_to_the_ends() {
    for rounding in [Rounding::Nearest, Rounding::Stochastic] {
        let mut bench = Bench::new(dense(Rule { rounding, ..order(LARGE.0, LARGE.1) }, 40, 3, |_, _| 204));
        for _ in 0..400 {
            bench.tick(&(0..20).collect::<Vec<_>>(), &[0, 1, 2]);
            bench.tick(&(20..40).collect::<Vec<_>>(), &[]);
            bench.plastic.reset();
            assert!(bench.plastic.weights().iter().all(|w| (0..=255).contains(w)));
        }
        let (up, down) = bench.plastic.weights().split_at(60);
        let (least, most) = (up.iter().min().unwrap(), down.iter().max().unwrap());
        // Rounded to nearest, a weight stops where 0.15 w(255 - w) / 255 is below a half: 3 steps from the end (4 for 0.1125).
        let (top, bottom) = if rounding == Rounding::Nearest { (252, 4) } else { (255, 0) };
        assert!(*least >= top && *most <= bottom, "{rounding:?}: {least} {most}");
        assert_eq!(bench.counters.saturations, 0, "the rule is soft at both ends");
    }
}

/// The mean of 40,000 draws with the fraction f is off by more than 4.4 sqrt(f (1 - f) / n) with probability 1e-5.
#[test]
fn stochastic_rounding_moves_by_the_exact_mean() {
    for (w, fired) in [(100i64, true), (204, true), (100, false), (20, false)] {
        let rule = Rule { rounding: Rounding::Stochastic, seed: 5, ..order(SMALL.0, SMALL.1) };
        let mut bench = Bench::new(dense(rule, 200, 200, |_, _| w as i32));
        let pre: Vec<usize> = if fired { (0..200).collect() } else { Vec::new() };
        bench.tick(&pre, &(0..200).collect::<Vec<_>>());
        bench.tick(&[], &[]);
        let n = 40_000.0;
        let slope = (w * (255 - w)) as f64;
        let mean = if fired { f64::from(SMALL.0) } else { -f64::from(SMALL.1) } * slope / 4_294_967_296.0;
        let got = bench.plastic.weights().iter().map(|&v| f64::from(v) - w as f64).sum::<f64>() / n;
        let f = mean.rem_euclid(1.0);
        let bound = 4.4 * (f * (1.0 - f) / n).sqrt();
        assert!((got - mean).abs() <= bound, "{got}, wanted {mean} +- {bound}");
        assert_eq!(bench.counters.weight_changes as f64, (got * n).abs(), "changes are by one step");
    }
}

/// Learned weights by (source, target) of axons and neurons with these network numbers, after random spikes.
fn learned(rule: &Rule, sources: &[u32], neurons: &[u32]) -> Vec<(u32, u32, i32)> {
    let row = |&source: &u32| {
        let synapse = |i: usize| Synapse {
            target: NeuronId(i as u32),
            weight: 60 + ((source * 7 + neurons[i] * 3) % 90) as i32,
            delay: 0,
        };
        (source, (0..neurons.len()).map(synapse).collect::<Vec<_>>())
    };
    let mut bench = Bench::new(PlasticRows::new(rule.clone(), neurons.to_vec(), sources.iter().map(row)));
    for t in 0..300 {
        let spikes = |number: u32, salt| random::chance(random::bits(salt, number.into(), t, 0), 1, 8);
        let pre: Vec<usize> = (0..sources.len()).filter(|&i| spikes(sources[i], 1)).collect();
        let post: Vec<u32> = (0..neurons.len() as u32).filter(|&i| spikes(neurons[i as usize], 2)).collect();
        bench.plastic.reward(i64::from(t % 5 == 0));
        bench.tick(&pre, &post);
    }
    let rows = std::sync::Arc::clone(&bench.plastic.rows);
    let axons = (0..sources.len()).flat_map(|axon| rows.range(axon).map(move |i| (axon, i)));
    let mut all: Vec<_> = axons
        .map(|(axon, i)| (sources[axon], neurons[rows.targets[i] as usize], bench.plastic.weights()[i]))
        .collect();
    all.sort_unstable();
    all
}

/// In every engine, with every kind of draw in it: the same weights whatever the order of axons and of neurons, and
/// whichever core a target is on.
#[test]
fn draws_do_not_depend_on_order_or_placement() {
    let mut all = vec![Rule { rounding: Rounding::Stochastic, seed: 3, ..order(LARGE.0, LARGE.1) }];
    let traces = |impulse_fraction| {
        [12.0, 5.0, 9.0, 20.0, 40.0].map(|tau| TraceSettings { impulse_fraction, ..trace(17, tau) })
    };
    for engine in [Engine::OnSpikes, Engine::EveryTick, Engine::Loihi] {
        let rounding = Rounding::Stochastic;
        let dw = "2^-4*y0*x1 - 2^-4*x0*y1 + 2^-7*x0*y2*x2 + 2^-9*u2*r*t";
        let dt = Some(Expression::parse("2^-3*x1*y0 - 2^-3*y3*x0").unwrap());
        let rule = Rule { traces: traces(60), rounding, seed: 9, dt, epoch: 2, ..rule(engine, dw) };
        all.push(Rule { precision: 4, ..rule });
    }
    for rule in &all {
        let (sources, neurons): (Vec<u32>, Vec<u32>) = ((40..64).collect(), (100..112).collect());
        let whole = learned(rule, &sources, &neurons);
        assert!(whole.iter().filter(|(s, t, w)| *w != 60 + ((s * 7 + t * 3) % 90) as i32).count() > 100);
        let backwards: Vec<u32> = sources.iter().rev().copied().collect();
        let shuffled: Vec<u32> = neurons.iter().map(|n| 100 + (n * 5) % 12).collect();
        assert_eq!(learned(rule, &backwards, &shuffled), whole, "{:?}", rule.engine);
        let mut parts: Vec<_> = neurons.chunks(5).flat_map(|part| learned(rule, &backwards, part)).collect();
        parts.sort_unstable();
        assert_eq!(parts, whole, "{:?}", rule.engine);
    }
}
