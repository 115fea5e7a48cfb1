//! Tests of the processes.

use super::*;
use proptest::prelude::*;

fn times(text: &str, source: u64, stop: u64) -> Vec<u64> {
    let spec: ProcessSpec = text.parse().unwrap();
    let mut clock = Clock::default();
    std::iter::from_fn(|| clock.next(&spec, stop, 11, source)).collect()
}

/// Firings of 64 sources before `stop`.
fn total(text: &str, stop: u64) -> usize {
    (0..64).map(|source| times(text, source, stop).len()).sum()
}

#[test]
fn rates_are_as_asked() {
    for (text, rate, tolerance) in [
        ("bernoulli(rate=0.3)", 0.3, 0.005),
        ("bernoulli(rate=0.002)", 0.002, 0.04),
        ("bernoulli(rate=1)", 1.0, 0.0),
        ("bernoulli(rate=0)", 0.0, 0.0),
        ("on-off(rate=0.1;on=20;off=60)", 0.1, 0.03),
        ("on-off(rate=0.25;on=20;off=60)", 0.25, 0.03),
        ("pareto(rate=0.1;on=20;off=20;on-shape=2.5;off-shape=2.5)", 0.1, 0.05),
        ("tick-burst(period=100;probability=0.25;window=10)", 0.0025, 0.05),
    ] {
        let wanted = rate * 64.0 * 20_000.0;
        let count = total(text, 20_000) as f64;
        assert!((count - wanted).abs() <= wanted * tolerance, "{text}: {count} for {wanted}");
    }
}

#[test]
fn silence_costs_nothing() {
    let rare = times("bernoulli(rate=1e-15)", 3, u64::MAX);
    assert!(!rare.is_empty() && rare.len() < 40_000);
    assert!(times("bernoulli(rate=0)", 3, u64::MAX).is_empty());
    assert!(times("tick-burst(period=5;probability=0)", 3, u64::MAX).is_empty());
    let once = times("tick-burst(period=9223372036854775808;probability=1;window=1)", 3, u64::MAX);
    assert_eq!(once, [0, 1 << 63]);
}

#[test]
fn bursts_have_their_lengths() {
    // While on, such a source fires every cycle: bursts and gaps can be read off.
    let all = times("on-off(rate=0.5;on=40;off=40)", 5, 400_000);
    let gaps: Vec<_> = all.windows(2).map(|w| w[1] - w[0]).filter(|&gap| gap > 1).collect();
    let mean = gaps.iter().map(|gap| gap - 1).sum::<u64>() as f64 / gaps.len() as f64;
    assert!((36.0..44.0).contains(&mean), "silences of {mean} cycles");
    assert!((4500..5500).contains(&gaps.len()), "{} bursts", gaps.len());
}

#[test]
fn pareto_lengths_have_their_mean_and_tail() {
    let n = 200_000;
    let lengths: Vec<_> = (0..n).map(|i| pareto(word(1, 2, i), 30.0, 3.0)).collect();
    let mean = lengths.iter().sum::<u64>() as f64 / n as f64;
    assert!((29.5..30.5).contains(&mean), "{mean}");
    // Beyond ten times the least length of 20 lies a thousandth.
    let far = lengths.iter().filter(|&&length| length > 200).count();
    assert!((140..260).contains(&far), "{far}");
    assert!(lengths.iter().all(|&length| length >= 20));
    assert!(pareto(u64::MAX, 1e12, 1.0001) >= 1);
}

#[test]
fn ticks_keep_their_window() {
    for time in times("tick-burst(period=100;probability=0.5;window=10)", 1, 100_000) {
        assert!(time % 100 < 10);
    }
}

#[test]
fn texts_go_there_and_back() {
    for text in [
        "bernoulli(rate=0.1)",
        "on-off(rate=0.1;on=20;off=60)",
        "pareto(rate=0.1;on=20;off=60;on-shape=1.9;off-shape=1.25)",
        "tick-burst(period=1000;probability=0.1;window=200;copies=3;multicast=true)",
    ] {
        assert_eq!(text.parse::<ProcessSpec>().unwrap().to_string(), text);
    }
    assert_eq!(processes().len(), 4);
}

#[test]
fn bad_texts_say_what_was_wanted() {
    for (text, message) in [
        ("bernoulli", "`bernoulli` needs rate: packets a cycle, 0 to 1"),
        ("bernoulli(rate=1.1)", "`bernoulli`: rate is `1.1`; wanted: packets a cycle, 0 to 1"),
        ("bernoulli(rate=NaN)", "`bernoulli`: rate is `NaN`; wanted: packets a cycle, 0 to 1"),
        (
            "on-off(rate=0.5;on=20;off=60)",
            "`on-off`: rate is `0.5`; wanted: at most on / (on + off): a source makes one packet a cycle while on",
        ),
        (
            "on-off(rate=1e-12;on=1;off=1)",
            "`on-off`: rate is `0.000000000001`; wanted: 0, or a packet in a million bursts or more",
        ),
        ("on-off(rate=0.1;on=0.5;off=60)", "`on-off`: on is `0.5`; wanted: cycles in the mean, 1 to 1e12"),
        (
            "pareto(rate=0.1;on=20;off=60;on-shape=1)",
            "`pareto`: on-shape is `1`; wanted: a number above 1, for there to be a mean",
        ),
        (
            "pareto(rate=0.1;on=20;off=4)",
            "`pareto`: off is `4`; wanted: at least shape / (shape - 1), so that no length is below one cycle",
        ),
        (
            "tick-burst(period=0;probability=1)",
            "`tick-burst`: period is `0`; wanted: cycles of a tick, at least 1",
        ),
        (
            "tick-burst(period=5;probability=1;window=6)",
            "`tick-burst`: window is `6`; wanted: cycles, 1 to the period",
        ),
        ("poisson(rate=1)", "there is no process `poisson`; there are: bernoulli, on-off, pareto, tick-burst"),
    ] {
        assert_eq!(text.parse::<ProcessSpec>().unwrap_err().to_string(), message);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn firings_ascend(source in any::<u64>(), which in 0usize..4) {
        let text = [
            "bernoulli(rate=0.4)",
            "on-off(rate=0.2;on=3;off=5)",
            "pareto(rate=0.1;on=20;off=60)",
            "tick-burst(period=7;probability=0.6)",
        ][which];
        let all = times(text, source, 5000);
        prop_assert!(all.windows(2).all(|w| w[0] < w[1]) && all.iter().all(|&t| t < 5000));
    }
}
