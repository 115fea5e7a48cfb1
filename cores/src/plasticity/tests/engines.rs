//! What the engines do at the edges of their formats, what they count, and what they refuse.

use super::*;

/// Streams that always round the same way: a draw of 0 up, the largest down.
fn fixed_draws(round_up: bool) -> Streams {
    let draw = if round_up { 0 } else { (1 << 53) - 1 };
    Streams::Recorded(Box::new(RecordedStreams {
        x_decay: vec![draw],
        y_decay: vec![draw],
        x_impulse: vec![if round_up { 0 } else { 127 }],
        y_impulse: vec![if round_up { 0 } else { 127 }],
        weight_round: vec![draw],
    }))
}

fn loihi(dw: &str, epoch: u32) -> Rule {
    let mut rule = Rule { weight_least: -256, weight_most: 255, epoch, ..rule(Engine::Loihi, dw) };
    rule.traces[0] = lasting(10, 127);
    rule.traces[2] = lasting(5, 127);
    rule
}

#[test]
fn u_terms_act_on_multiples_of_epochs() {
    for epoch in [1, 2, 4] {
        for k in 0..4 {
            let mut bench = Bench::one(loihi(&format!("3*u{k}"), epoch), 10);
            for step in 1..=64 {
                bench.tick(&[], &[]);
                let epochs = step / epoch as i32;
                assert_eq!(bench.weight(), 10 + 3 * (epochs >> k), "epoch {epoch}, u{k}, step {step}");
                assert_eq!(bench.counters.learning_updates, epochs as u64, "once an epoch, due or not");
            }
        }
    }
}

/// Spikes by step of one epoch, and the weight after it: only the last spike of a side has a time, earlier ones have acted
/// on the trace at once. x1 rises by 10, y1 by 5, nothing decays, weights start at 100.
#[test]
fn an_epoch_keeps_the_last_spike_of_each_side() {
    type Case = (&'static str, u32, &'static [u32], &'static [u32], i32);
    let cases: &[Case] = &[
        ("x0*x1", 1, &[1], &[], 110),
        ("x0*x1", 4, &[2], &[], 110),
        ("x0*x1", 4, &[1, 3], &[], 120),
        ("x0*x1", 4, &[1, 2, 3, 4], &[], 140),
        ("y0*x1", 4, &[2], &[3], 110),    // before
        ("y0*x1", 4, &[3], &[3], 110),    // in the same step: the replay has its impulse
        ("y0*x1", 4, &[3], &[2], 100),    // after
        ("y0*x1", 4, &[1, 4], &[2], 110), // the first spike is in the trace, the last is after
        ("y0*x1", 4, &[3, 4], &[2], 110), // and even where the first was after: its time is forgotten
        ("y0*x1 - x0*y1", 2, &[1], &[2], 110),
        ("y0*x1 - x0*y1", 2, &[2], &[1], 95),
        ("x0*y0", 2, &[1], &[2], 101),    // both within the epoch
        ("x0*y0*x1", 2, &[1], &[2], 110), // traces are read at the presynaptic spike
        ("x0*y0*y1", 2, &[1], &[2], 100),
        ("u0*x1*y1", 2, &[1], &[2], 106), // 4 + 7 + 7 bits are 3 too many: 50 >> 3
    ];
    for &(dw, epoch, pre, post, wanted) in cases {
        let mut bench = Bench::one(loihi(dw, epoch), 100);
        // The bench hands a spike of the neuron on a tick later.
        bench.post = if post.contains(&1) { vec![NeuronId(0)] } else { Vec::new() };
        for step in 1..=epoch {
            let arrives = if pre.contains(&step) { &[0][..] } else { &[] };
            bench.tick(arrives, if post.contains(&(step + 1)) { &[0] } else { &[] });
        }
        assert_eq!(bench.weight(), wanted, "{dw}, epoch {epoch}, {pre:?}, {post:?}");
    }
}

/// Weights are held at both ends, and each time is counted and listed, whichever way the last bit is rounded.
#[test]
fn loihi_weights_are_held_at_both_ends() {
    for round_up in [false, true] {
        for (dw, ends) in [("100*u0", 255), ("-100*u0", -256), ("2^7*u0", 255), ("-9*2^9*u0", -256)] {
            let mut bench = Bench::one(loihi(dw, 1), 0);
            bench.plastic = bench.plastic.clone().with_streams(fixed_draws(round_up));
            for _ in 0..6 {
                bench.tick(&[], &[]);
            }
            // A sum ends at 2^15 - 1, 1/128 below 256, so that the top is reached from above or from below.
            assert_eq!(bench.weight(), ends, "{dw}");
            let within = match dw {
                "100*u0" | "-100*u0" => 2,
                "2^7*u0" => 1,
                _ => 0,
            };
            assert_eq!(bench.counters.saturations, 6 - within, "{dw}, rounded up: {round_up}");
            let limit = Overflow { index: 0, kind: OverflowKind::WeightLimit };
            assert_eq!(bench.log, vec![limit; (6 - within) as usize]);
        }
    }
}

/// 1/128 is the smallest change, and rounds up with that probability.
#[test]
fn loihi_rounds_the_seventh_bit() {
    for (round_up, wanted) in [(true, 11), (false, 10)] {
        let mut bench = Bench::one(loihi("2^-7*u0", 1), 10);
        bench.plastic = bench.plastic.clone().with_streams(fixed_draws(round_up));
        bench.tick(&[], &[]);
        assert_eq!(bench.weight(), wanted);
    }
    // One draw an epoch serves all synapses: 12,800 epochs of one synapse, 100 expected, 4.4 sigma is 44.
    let mut bench = Bench::one(Rule { seed: 2, ..loihi("2^-7*u0 - u0*w", 1) }, 0);
    let ups: i32 = (0..12_800)
        .map(|_| {
            bench.tick(&[], &[]);
            bench.weight()
        })
        .sum();
    assert!(ups.abs_diff(100) <= 44, "{ups}");
}

/// The tag takes 9 bits, is read as it was before the update, and turns into weight by itself or with a reward.
#[test]
fn loihi_tags_gather_and_pay() {
    let mut tagged = loihi("2^-2*u0*t", 1);
    tagged.dt = Some(Expression::parse("dt = 8*x0").unwrap());
    let mut bench = Bench::one(tagged.clone(), 0);
    let mut seen = Vec::new();
    for t in 0..4 {
        bench.tick(if t < 2 { &[0] } else { &[] }, &[]);
        seen.push(bench.weight());
    }
    assert_eq!(seen, [0, 2, 6, 10], "tags 0, 8, 16, 16 a quarter each");
    let mut bench = Bench::one(Rule { dw: Expression::parse("0*t").unwrap(), ..tagged.clone() }, 0);
    (0..100).for_each(|_| bench.tick(&[0], &[]));
    let State::Loihi(state) = &bench.plastic.state else { panic!("invariant: the engine asked for") };
    let mut words = Vec::new();
    state.state_words(&mut words);
    assert_eq!(words.last(), Some(&255), "a tag has 8 bits and a sign");
    bench.plastic.reset();
    words.clear();
    bench.plastic.state_words(&mut words);
    assert!(words.iter().all(|w| *w == 0), "a reset forgets all but the weights: {words:?}");
}

/// A reward that comes in the middle of an epoch is there at its end, once.
#[test]
fn loihi_rewards_wait_for_the_end_of_the_epoch() {
    let mut bench = Bench::one(loihi("2*u0*r", 4), 10);
    for step in 1..=12u32 {
        if [1, 3, 8].contains(&step) {
            bench.plastic.reward(i64::from(step));
        }
        bench.tick(&[], &[]);
        assert_eq!(bench.weight(), 10 + [0, 8, 24, 24][step as usize / 4], "step {step}");
    }
}

fn every_tick(dw: &str, precision: i32) -> Rule {
    Rule { precision, ..rule(Engine::EveryTick, dw) }
}

#[test]
fn every_tick_rounds_away_from_zero_and_is_held() {
    for (dw, wanted) in [
        ("2^-3*x0", 101),
        ("-2^-3*x0", 99),
        ("x0*y0", 100),
        ("2*x0 - 2^-1*x0", 102),
        ("u0", 101),
        ("u1 - u2", 100),
        ("2^-4*x0*w", 107),
    ] {
        let mut bench = Bench::one(every_tick(dw, 1), 100);
        bench.tick(&[0], &[]);
        assert_eq!(bench.weight(), wanted, "{dw}");
    }
    for (dw, end) in [("100*u0", 255), ("-70*u0", 0)] {
        let mut bench = Bench::one(every_tick(dw, 1), 100);
        for _ in 0..5 {
            bench.tick(&[], &[]);
        }
        assert_eq!(bench.weight(), end);
        let counters = bench.counters;
        assert_eq!(
            (counters.learning_updates, counters.weight_changes, counters.saturations),
            (5, 2, 4),
            "{dw}"
        );
        assert_eq!(bench.log, [Overflow { index: 0, kind: OverflowKind::WeightLimit }; 4]);
    }
}

/// With a precision of 4 a change of 3 is 0 or 4, and 3 in the mean; of 40,000 draws with p = 3/4 the count is off by more
/// than 4.4 sigma = 381 with probability 1e-5.
#[test]
fn every_tick_keeps_its_precision_and_the_mean() {
    for (dw, step) in [("3*x0", 4), ("-3*x0", -4)] {
        let rule = Rule { seed: 6, ..every_tick(dw, 4) };
        let mut bench = Bench::new(dense(rule, 200, 200, |_, _| 100));
        bench.tick(&(0..200).collect::<Vec<_>>(), &[]);
        let weights = bench.plastic.weights();
        assert!(weights.iter().all(|w| [100, 100 + step].contains(w)), "{dw}");
        let moved = weights.iter().filter(|w| **w != 100).count();
        assert!(moved.abs_diff(30_000) <= 381, "{dw}: {moved}");
    }
}

/// Two axons on three neurons; x1 and y1 move. What is counted is what happened.
#[test]
fn counters_count_what_happens() {
    let spikes = {
        let mut rule = rule(Engine::OnSpikes, "dw = 100*y0*x1 - x0*y1");
        (rule.traces[0], rule.traces[2]) = (trace(1, 50.0), trace(1, 50.0));
        rule
    };
    let mut bench = Bench::new(dense(spikes.clone(), 2, 3, |_, _| 200));
    let read = bench.plastic.deliver(0, 1, 0, &mut bench.ring);
    assert_eq!((read, bench.ring.current()), (3, &[200, 200, 200][..]));
    let mut count = |pre: &[usize], post: &[u32]| {
        let before = bench.counters;
        bench.tick(pre, post);
        let c = bench.counters;
        (
            c.learning_updates - before.learning_updates,
            c.weight_changes - before.weight_changes,
            c.saturations - before.saturations,
            c.trace_updates - before.trace_updates,
        )
    };
    // An event at three synapses: y1 is 0, so nothing changes; one trace rises.
    assert_eq!(count(&[], &[1]), (3, 0, 0, 1));
    // Neuron 1 fired: two synapses, one of whose axons has a trace; 200 + 100 is held. y1 rises; x1 and y1 decay.
    assert_eq!(count(&[], &[]), (2, 1, 1, 3));
    assert_eq!(count(&[1], &[]), (3, 1, 0, 3));
    assert_eq!(bench.log, [Overflow { index: 1, kind: OverflowKind::WeightLimit }]);
    assert_eq!(bench.plastic.weights(), [200, 255, 200, 200, 199, 200]);
    for (engine, traces) in [(Engine::EveryTick, 5), (Engine::Loihi, 5)] {
        let mut bench = Bench::new(dense(Rule { engine, ..spikes.clone() }, 2, 3, |_, _| 200));
        bench.tick(&[], &[]);
        assert_eq!((bench.counters.learning_updates, bench.counters.trace_updates), (6, traces), "{engine:?}");
    }
}

/// Rules that an engine cannot follow, and rows that lie, are refused and never panic.
#[test]
fn what_cannot_be_computed_is_refused() {
    let refused = |rule: Rule| {
        let rows = dense(rule, 2, 2, |_, _| 7);
        rows.validate(2).expect_err("a rule that must be refused").to_string()
    };
    let good = rule(Engine::OnSpikes, "dw = y0*x1");
    assert_eq!(dense(good.clone(), 2, 2, |_, _| 7).validate(2), Ok(()));
    assert!(refused(rule(Engine::OnSpikes, "x0*y0")).contains("x0 and y0 at once"));
    let dt = Some(Expression::parse("dt = x0*y0").unwrap());
    assert!(refused(Rule { dt, ..good.clone() }).contains("x0 and y0 at once"), "in the tag's line too");
    assert!(refused(rule(Engine::Loihi, "x0*up")).contains("`up`"));
    let large = "16777216*2^32*(x1-16777216)*(x2-16777216)*(y1-16777216)*(y2-16777216)";
    for engine in [Engine::Loihi, Engine::EveryTick, Engine::OnSpikes] {
        assert!(refused(rule(engine, large)).contains("too large"), "{engine:?}");
    }
    assert!(refused(Rule { weight_most: 256, ..rule(Engine::Loihi, "x0") }).contains("0 to 255"));
    assert!(refused(Rule { weight_least: -257, ..rule(Engine::Loihi, "x0") }).contains("lowest weight"));
    assert!(refused(Rule { weight_most: 1 << 20, exponent: 11, ..good.clone() }).contains("with its exponent"));
    assert!(refused(Rule { exponent: 23, ..good.clone() }).contains("exponent"));
    assert!(refused(Rule { precision: 3, ..good.clone() }).contains("power of two"));
    assert!(refused(Rule { epoch: 64, ..good.clone() }).contains("epoch"));
    assert!(refused(Rule { weight_most: 6, ..good.clone() }).contains("a learned weight is 7"));
    let mut deaf = good.clone();
    deaf.traces[1].most = 128;
    assert!(refused(deaf).contains("most"));
    let rows = dense(good, 2, 2, |_, _| 7);
    for change in [
        |rows: &mut PlasticRows| rows.targets[0] = 2,
        |rows: &mut PlasticRows| rows.delays[0] = 64,
        |rows: &mut PlasticRows| rows.offsets[1] = 5,
        |rows: &mut PlasticRows| rows.weights.truncate(3),
        |rows: &mut PlasticRows| rows.offsets.clear(),
        |rows: &mut PlasticRows| rows.neurons.push(0),
    ] {
        let mut bad = rows.clone();
        change(&mut bad);
        assert!(bad.validate(2).is_err());
    }
}

/// The largest rule that is let through, in every engine, with all traces, the weight and the reward as large as they get.
#[test]
fn the_largest_rule_does_not_overflow() {
    let mut let_through = [0; 3];
    for (at, engine) in [Engine::Loihi, Engine::EveryTick, Engine::OnSpikes].into_iter().enumerate() {
        for text in [
            "+16777216*2^20*x1*y1*r",
            "-16777216*2^20*x1*y1*r",
            "+16777216*2^-32*(x1-16777216)*w*t",
            "-255*2^31*w*t",
        ] {
            let mut rule = rule(engine, &[text; 31].concat());
            rule.dt = Some(rule.dw.clone());
            rule.traces = [lasting(127, 127); 5];
            let rows = dense(rule, 1, 1, |_, _| 200);
            if rows.validate(1).is_err() {
                continue;
            }
            let_through[at] += 1;
            let mut bench = Bench::new(rows);
            for t in 0..4 {
                bench.plastic.reward(i64::MAX - t);
                bench.tick(&[0], &[0]);
            }
            assert!((0..=255).contains(&bench.weight()), "{engine:?} {text}");
        }
    }
    assert!(let_through.iter().all(|n| *n >= 2), "{let_through:?}");
}
