//! Tests of the patterns.

use super::*;
use proptest::prelude::*;

fn shape(width: u32, height: u32, cores: u32) -> Shape {
    Shape { width, height, cores }
}

fn build(text: &str, shape: Shape) -> Result<Pattern, PatternError> {
    text.parse::<PatternSpec>().unwrap().build(shape)
}

fn to(pattern: &Pattern, source: u32, draw: u64) -> u32 {
    pattern.destination(EndpointId(source), draw).0
}

const EVERY: &[&str] = &[
    "uniform",
    "uniform(self=true)",
    "transpose",
    "anti-transpose",
    "bit-complement",
    "bit-reverse",
    "shuffle",
    "tornado",
    "neighbour",
    "diagonal",
    "asymmetric",
    "hotspot(0:2,1;fraction=0.3)",
    "permutation(seed=9)",
    "local(mean=1.5)",
];

#[test]
fn permutations_are_the_textbook_ones() {
    for (text, shape, source, wanted) in [
        ("transpose", shape(8, 8, 1), 3 + 8 * 5, 5 + 8 * 3),
        ("transpose", shape(3, 3, 2), (1 + 3 * 2) * 2 + 1, (2 + 3) * 2 + 1),
        ("anti-transpose", shape(8, 8, 1), 3 + 8 * 5, 2 + 8 * 4),
        ("bit-complement", shape(8, 8, 1), 5, 58),
        ("bit-reverse", shape(8, 8, 1), 0b000_011, 0b110_000),
        ("shuffle", shape(8, 8, 1), 0b100_011, 0b000_111),
        ("tornado", shape(8, 8, 1), 6 + 8, 1 + 8 * 4),
        ("tornado", shape(5, 4, 1), 0, 2 + 5),
        ("neighbour", shape(8, 4, 1), 7 + 8 * 3, 0),
    ] {
        assert_eq!(to(&build(text, shape).unwrap(), source, 1), wanted, "{text}");
    }
}

#[test]
fn a_pattern_that_is_not_defined_says_why() {
    for (text, shape, why) in [
        ("transpose", shape(4, 3, 1), "it needs a square of routers, there are 4 x 3"),
        ("shuffle", shape(3, 2, 2), "it needs a power of two of cores, there are 3 x 2 x 2 = 12"),
        ("asymmetric", shape(3, 3, 1), "it needs an even number of cores, there are 9"),
        ("uniform", shape(1, 1, 1), "it needs another core, there is one"),
        ("local", shape(1, 1, 4), "it needs another router, there is one"),
        (
            "hotspot(4,9)",
            shape(2, 2, 1),
            "there is no core 4, the last is 3; there is no core 9, the last is 3",
        ),
    ] {
        let error = build(text, shape).unwrap_err();
        assert_eq!(error.reasons.join("; "), why);
    }
}

#[test]
fn texts_go_there_and_back() {
    for text in EVERY {
        let spec: PatternSpec = text.parse().unwrap();
        assert_eq!(spec, spec.to_string().parse().unwrap());
    }
    let spaced: PatternSpec = " hotspot( 27 : 2 , 28:1 ; fraction = 0.3 ) ".parse().unwrap();
    assert_eq!(spaced.to_string(), "hotspot(27:2,28:1;fraction=0.3)");
    assert_eq!(patterns().len(), 13);
}

#[test]
fn bad_texts_say_what_was_wanted() {
    for (text, message) in [
        ("", "`` is not of the form name or name(items;key=value): the name is letters, digits and hyphens"),
        (
            "uniform(",
            "`uniform(` is not of the form name or name(items;key=value): the bracket is not closed at its end",
        ),
        ("uniform(self=2)", "`uniform`: self is `2`; wanted: true or false"),
        ("uniform(selv=true)", "`uniform` has no setting `selv`; it has: self"),
        ("transpose(3)", "`transpose` has no setting `3`; it has: none"),
        (
            "hotspot",
            "`hotspot` needs at least one core:weight with a weight above 0, or core alone for weight 1",
        ),
        ("hotspot(3;fraction=1.5)", "`hotspot`: fraction is `1.5`; wanted: a number from 0 to 1"),
        (
            "hotspot(3:0)",
            "`hotspot`: a core is `3:0`; wanted: core:weight with a weight above 0, or core alone for weight 1",
        ),
        ("local(mean=NaN)", "`local`: mean is `NaN`; wanted: hops, a number above 0"),
        (
            "local(mean=1;mean=2)",
            "`local(mean=1;mean=2)` is not of the form name or name(items;key=value): a setting is given twice",
        ),
    ] {
        assert_eq!(text.parse::<PatternSpec>().unwrap_err().to_string(), message);
    }
    let unknown = "tornadoes".parse::<PatternSpec>().unwrap_err().to_string();
    assert!(
        unknown.starts_with("there is no pattern `tornadoes`; there are: uniform, transpose,"),
        "{unknown}"
    );
}

/// Counts destinations of one source over many draws.
fn counts(pattern: &Pattern, source: u32, n: u32, draws: u64) -> Vec<u64> {
    let mut counts = vec![0; n as usize];
    (0..draws).for_each(|i| counts[to(pattern, source, word(3, 0, i)) as usize] += 1);
    counts
}

#[test]
fn destinations_have_their_probabilities() {
    let near = |count: u64, wanted: f64| (count as f64 - wanted).abs() < 5.0 * wanted.sqrt().max(1.0);
    let uniform = counts(&build("uniform", shape(4, 4, 1)).unwrap(), 5, 16, 30_000);
    assert!(uniform[5] == 0 && uniform.iter().enumerate().all(|(i, &c)| i == 5 || near(c, 2000.0)));
    let all = counts(&build("uniform(self=true)", shape(4, 4, 1)).unwrap(), 5, 16, 32_000);
    assert!(all.iter().all(|&c| near(c, 2000.0)));
    let hot = counts(&build("hotspot(1:2,2:1;fraction=0.3)", shape(4, 4, 1)).unwrap(), 5, 16, 30_000);
    assert!(near(hot[1], 6000.0 + 1400.0) && near(hot[2], 3000.0 + 1400.0) && near(hot[7], 1400.0), "{hot:?}");
    let diagonal = counts(&build("diagonal", shape(4, 4, 1)).unwrap(), 15, 16, 30_000);
    assert!(near(diagonal[0], 10_000.0) && diagonal[0] + diagonal[15] == 30_000);
    let asymmetric = counts(&build("asymmetric", shape(4, 4, 1)).unwrap(), 11, 16, 30_000);
    assert!(near(asymmetric[3], 15_000.0) && asymmetric[3] + asymmetric[11] == 30_000);
}

#[test]
fn nearby_cores_are_exponentially_rarer_with_distance() {
    // The corner of 3 x 3 has two routers at distances 1 and 3, three at 2 and one at 4.
    let local = counts(&build("local(mean=1)", shape(3, 3, 1)).unwrap(), 0, 9, 100_000);
    let weights: Vec<f64> = (1..=4).map(|d| (-f64::from(d)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let by_distance = [local[1] + local[3], local[2] + local[4] + local[6], local[5] + local[7], local[8]];
    for (count, weight) in by_distance.iter().zip(&weights) {
        let wanted = 100_000.0 * weight / sum;
        assert!((*count as f64 - wanted).abs() < 5.0 * wanted.sqrt(), "{by_distance:?}");
    }
    assert!(local[1].abs_diff(local[3]) < 1500 && local[0] == 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn destinations_are_in_range_and_permutations_are_permutations(
        (w, h, c) in (1u32..9, 1u32..9, 1u32..4),
        square in any::<bool>(),
        powers in any::<bool>(),
        which in 0..EVERY.len(),
        draws in prop::collection::vec(any::<u64>(), 8),
    ) {
        let (w, h, c) = if powers { (1 << (w / 3), 1 << (h / 3), 1 << (c / 2)) } else { (w, h, c) };
        let shape = shape(w, if square { w } else { h }, c);
        if let Ok(pattern) = build(EVERY[which], shape) {
            let n = shape.endpoints();
            let ends = draws.iter().chain(&[0, u64::MAX]);
            for (source, &draw) in (0..n).flat_map(|s| ends.clone().map(move |d| (s, d))) {
                prop_assert!(to(&pattern, source, draw) < n);
            }
            if matches!(pattern.rule, Rule::Fixed(_)) {
                let mut all: Vec<_> = (0..n).map(|source| to(&pattern, source, 0)).collect();
                all.sort_unstable();
                prop_assert!(all.into_iter().eq(0..n), "{}", EVERY[which]);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "[a-z(;:=,) 0-9.-]{0,40}") {
        let _ = text.parse::<PatternSpec>();
    }
}
