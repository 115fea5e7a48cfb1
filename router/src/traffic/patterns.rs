//! Where packets go: destinations as functions of the source and the packet's draw.
//!
//! With W columns, H rows, N cores and b = log2 N; x, y are the source's, and its place at the router stays where a pattern
//! speaks of coordinates:
//!
//! | pattern | destination | asks for |
//! |---|---|---|
//! | `uniform` | any other core; with `self=true` any core | two cores |
//! | `transpose` | (y, x) | W = H |
//! | `anti-transpose` | (W-1-y, H-1-x) | W = H |
//! | `bit-complement`, `bit-reverse`, `shuffle` | ~id; bits reversed; bits rotated left by one | N a power of two |
//! | `tornado` | ((x + ceil(W/2) - 1) mod W, the same for y) | |
//! | `neighbour` | ((x + 1) mod W, (y + 1) mod H) | |
//! | `diagonal` | itself with probability 2/3, else (id + 1) mod N | |
//! | `asymmetric` | (id mod N/2) + N/2 times a coin | N even |
//! | `hotspot` | the cores listed, by weight, for a `fraction` of packets; `uniform` for the rest | two cores |
//! | `permutation` | a permutation drawn from `seed` | |
//! | `local` | d hops away with probability ~ exp(-d / `mean`), d >= 1, then uniform among the cores there | two routers |
//!
//! Sources: Dally and Towles, *Principles and Practices of Interconnection Networks* (2004), section 3.2, for the
//! permutations, applied to both dimensions as BookSim2 does; the rest is defined here.

use super::shape::Shape;
use super::text::{Call, TextError};
use crate::random::{below, derive, unit, word};
use crate::topology::EndpointId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A pattern and its settings. In text and in files: see [`patterns`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PatternSpec {
    /// Any core.
    Uniform {
        /// Whether a core sends to itself too.
        include_self: bool,
    },
    /// Rows and columns change places.
    Transpose,
    /// The same at the other diagonal.
    AntiTranspose,
    /// All bits of the number turned.
    BitComplement,
    /// Bits of the number in reverse order.
    BitReverse,
    /// Bits of the number rotated left by one.
    Shuffle,
    /// Nearly half of the way round, in each dimension.
    Tornado,
    /// One further in each dimension.
    Neighbour,
    /// Itself or the next.
    Diagonal,
    /// One of a pair.
    Asymmetric,
    /// Some cores get more.
    Hotspot {
        /// Cores and their weights, above 0.
        nodes: Vec<(u32, f64)>,
        /// Part of all packets that goes to them, 0 to 1.
        fraction: f64,
    },
    /// A random permutation.
    Permutation {
        /// Where it is drawn from.
        seed: u64,
    },
    /// Nearby cores.
    Local {
        /// Decay of the probability with distance, in hops, above 0.
        mean: f64,
    },
}

/// A row of the registry.
#[derive(Clone, Copy, Debug)]
pub struct PatternKind {
    /// Name users type.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Its settings as they are typed, with defaults; empty if it has none.
    pub settings: &'static str,
    parse: fn(&mut Call<'_>) -> Result<PatternSpec, TextError>,
}

const fn plain(
    name: &'static str,
    description: &'static str,
    parse: fn(&mut Call<'_>) -> Result<PatternSpec, TextError>,
) -> PatternKind {
    PatternKind { name, description, settings: "", parse }
}

/// All patterns by name.
pub fn patterns() -> &'static [PatternKind] {
    const ALL: &[PatternKind] = &[
        PatternKind {
            name: "uniform",
            description: "every other core with the same probability",
            settings: "self=false",
            parse: |call| {
                let include_self = call.optional("self", "true or false")?.unwrap_or(false);
                Ok(PatternSpec::Uniform { include_self })
            },
        },
        plain("transpose", "(x, y) to (y, x); the mesh is a square", |_| Ok(PatternSpec::Transpose)),
        plain("anti-transpose", "transpose at the other diagonal", |_| Ok(PatternSpec::AntiTranspose)),
        plain("bit-complement", "all bits of the number turned", |_| Ok(PatternSpec::BitComplement)),
        plain("bit-reverse", "bits of the number in reverse order", |_| Ok(PatternSpec::BitReverse)),
        plain("shuffle", "bits of the number rotated left by one", |_| Ok(PatternSpec::Shuffle)),
        plain("tornado", "nearly half of the way round in each dimension", |_| Ok(PatternSpec::Tornado)),
        plain("neighbour", "one further in each dimension, round the edge", |_| Ok(PatternSpec::Neighbour)),
        plain("diagonal", "itself, or the next core for a third of packets", |_| Ok(PatternSpec::Diagonal)),
        plain("asymmetric", "one of two cores half the network apart", |_| Ok(PatternSpec::Asymmetric)),
        PatternKind {
            name: "hotspot",
            description: "a fraction of all packets goes to some cores by weight, the rest is uniform",
            settings: "core:weight,core:weight;fraction=1",
            parse: hotspot,
        },
        PatternKind {
            name: "permutation",
            description: "a permutation drawn at random",
            settings: "seed=1",
            parse: |call| {
                Ok(PatternSpec::Permutation { seed: call.optional("seed", "a whole number")?.unwrap_or(1) })
            },
        },
        PatternKind {
            name: "local",
            description: "nearby cores, exponentially rarer with distance",
            settings: "mean=1",
            parse: |call| {
                const WANTED: &str = "hops, a number above 0";
                let mean = call.optional("mean", WANTED)?.unwrap_or(1.0);
                if positive(mean) {
                    Ok(PatternSpec::Local { mean })
                } else {
                    Err(call.wrong("mean", mean, WANTED))
                }
            },
        },
    ];
    ALL
}

fn positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

fn hotspot(call: &mut Call<'_>) -> Result<PatternSpec, TextError> {
    const NODE: &str = "core:weight with a weight above 0, or core alone for weight 1";
    const FRACTION: &str = "a number from 0 to 1";
    let mut nodes = Vec::new();
    for item in call.items() {
        let (core, weight) = item.split_once(':').unwrap_or((item, "1"));
        match (core.trim().parse(), weight.trim().parse()) {
            (Ok(core), Ok(weight)) if positive(weight) => nodes.push((core, weight)),
            _ => return Err(call.wrong("a core", item, NODE)),
        }
    }
    let fraction = call.optional("fraction", FRACTION)?.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&fraction) {
        return Err(call.wrong("fraction", fraction, FRACTION));
    }
    if nodes.is_empty() {
        return Err(TextError::Missing { name: call.name.to_owned(), wanted: format!("at least one {NODE}") });
    }
    Ok(PatternSpec::Hotspot { nodes, fraction })
}

impl FromStr for PatternSpec {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let mut call = Call::parse(text)?;
        let kind = patterns().iter().find(|kind| kind.name == call.name).ok_or_else(|| TextError::Unknown {
            what: "pattern",
            name: call.name.to_owned(),
            known: patterns().iter().map(|kind| kind.name).collect::<Vec<_>>().join(", "),
        })?;
        let spec = (kind.parse)(&mut call)?;
        call.finish()?;
        Ok(spec)
    }
}

impl TryFrom<String> for PatternSpec {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        text.parse()
    }
}

impl From<PatternSpec> for String {
    fn from(spec: PatternSpec) -> String {
        spec.to_string()
    }
}

impl fmt::Display for PatternSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternSpec::Uniform { include_self: false } => f.write_str("uniform"),
            PatternSpec::Uniform { include_self: true } => f.write_str("uniform(self=true)"),
            PatternSpec::Transpose => f.write_str("transpose"),
            PatternSpec::AntiTranspose => f.write_str("anti-transpose"),
            PatternSpec::BitComplement => f.write_str("bit-complement"),
            PatternSpec::BitReverse => f.write_str("bit-reverse"),
            PatternSpec::Shuffle => f.write_str("shuffle"),
            PatternSpec::Tornado => f.write_str("tornado"),
            PatternSpec::Neighbour => f.write_str("neighbour"),
            PatternSpec::Diagonal => f.write_str("diagonal"),
            PatternSpec::Asymmetric => f.write_str("asymmetric"),
            PatternSpec::Hotspot { nodes, fraction } => {
                let nodes: Vec<_> = nodes.iter().map(|(core, weight)| format!("{core}:{weight}")).collect();
                write!(f, "hotspot({};fraction={fraction})", nodes.join(","))
            }
            PatternSpec::Permutation { seed } => write!(f, "permutation(seed={seed})"),
            PatternSpec::Local { mean } => write!(f, "local(mean={mean})"),
        }
    }
}

/// Why a pattern cannot be used on a network; all reasons at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pattern `{pattern}` cannot be used here: {}", .reasons.join("; "))]
pub struct PatternError {
    /// The pattern, as text.
    pub pattern: String,
    /// What is in the way.
    pub reasons: Vec<String>,
}

/// A pattern on a network.
#[derive(Clone, Debug)]
pub struct Pattern {
    shape: Shape,
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    Fixed(Vec<u32>),
    Uniform {
        include_self: bool,
    },
    Diagonal,
    Asymmetric,
    /// Cores with the sums of weights up to them.
    Hotspot {
        cores: Vec<(u32, f64)>,
        fraction: f64,
    },
    Local {
        mean: f64,
    },
}

impl PatternSpec {
    /// The pattern on a network.
    ///
    /// # Errors
    /// Every reason why it is not defined there.
    pub fn build(&self, shape: Shape) -> Result<Pattern, PatternError> {
        let reasons = self.reasons(shape);
        if !reasons.is_empty() {
            return Err(PatternError { pattern: self.to_string(), reasons });
        }
        let rule = match self {
            PatternSpec::Uniform { include_self } => Rule::Uniform { include_self: *include_self },
            PatternSpec::Diagonal => Rule::Diagonal,
            PatternSpec::Asymmetric => Rule::Asymmetric,
            PatternSpec::Hotspot { nodes, fraction } => {
                let mut sum = 0.0;
                let running = nodes.iter().map(|&(core, weight)| {
                    sum += weight;
                    (core, sum)
                });
                Rule::Hotspot { cores: running.collect(), fraction: *fraction }
            }
            PatternSpec::Local { mean } => Rule::Local { mean: *mean },
            PatternSpec::Permutation { seed } => Rule::Fixed(shuffled(shape.endpoints(), *seed)),
            _ => Rule::Fixed((0..shape.endpoints()).map(|id| self.permuted(shape, id)).collect()),
        };
        Ok(Pattern { shape, rule })
    }

    fn reasons(&self, shape: Shape) -> Vec<String> {
        let Shape { width, height, cores } = shape;
        let n = shape.endpoints();
        let mut reasons = Vec::new();
        match self {
            PatternSpec::Transpose | PatternSpec::AntiTranspose if width != height => {
                reasons.push(format!("it needs a square of routers, there are {width} x {height}"));
            }
            PatternSpec::BitComplement | PatternSpec::BitReverse | PatternSpec::Shuffle
                if !n.is_power_of_two() =>
            {
                reasons.push(format!(
                    "it needs a power of two of cores, there are {width} x {height} x {cores} = {n}"
                ));
            }
            PatternSpec::Asymmetric if n % 2 == 1 => {
                reasons.push(format!("it needs an even number of cores, there are {n}"));
            }
            PatternSpec::Uniform { include_self: false } if n < 2 => {
                reasons.push("it needs another core, there is one".to_owned());
            }
            PatternSpec::Local { .. } if width * height < 2 => {
                reasons.push("it needs another router, there is one".to_owned());
            }
            PatternSpec::Hotspot { nodes, .. } => {
                if n < 2 {
                    reasons.push("it needs another core, there is one".to_owned());
                }
                let far = nodes.iter().filter(|(core, _)| *core >= n);
                reasons.extend(far.map(|(core, _)| format!("there is no core {core}, the last is {}", n - 1)));
            }
            _ => {}
        }
        reasons
    }

    /// The destination of a pattern that is a permutation by formula.
    fn permuted(&self, shape: Shape, id: u32) -> u32 {
        let Shape { width, height, .. } = shape;
        let (x, y, place) = shape.split(id);
        let n = shape.endpoints();
        let bits = n.trailing_zeros();
        match self {
            PatternSpec::Transpose => shape.join(y, x, place),
            PatternSpec::AntiTranspose => shape.join(width - 1 - y, height - 1 - x, place),
            PatternSpec::BitComplement => n - 1 - id,
            // A network of one core has no bits.
            PatternSpec::BitReverse | PatternSpec::Shuffle if bits == 0 => id,
            PatternSpec::BitReverse => id.reverse_bits() >> (u32::BITS - bits),
            PatternSpec::Shuffle => (id << 1 | id >> (bits - 1)) & (n - 1),
            PatternSpec::Tornado => {
                let on = |at: u32, size: u32| (at + size.div_ceil(2) - 1) % size;
                shape.join(on(x, width), on(y, height), place)
            }
            PatternSpec::Neighbour => shape.join((x + 1) % width, (y + 1) % height, place),
            _ => id,
        }
    }
}

/// A permutation, by Fisher and Yates.
fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let mut all: Vec<u32> = (0..count).collect();
    for i in (1..all.len()).rev() {
        all.swap(i, below(word(seed, i as u64, 0), i as u64 + 1) as usize);
    }
    all
}

impl Pattern {
    /// The destination of a packet with this draw; the same for the same draw. May be the source itself where the
    /// pattern's definition says so.
    ///
    /// # Panics
    /// If the source is no core of the network.
    pub fn destination(&self, source: EndpointId, draw: u64) -> EndpointId {
        let id = source.0;
        let n = self.shape.endpoints();
        assert!(id < n, "core {id} of {n}");
        EndpointId(match &self.rule {
            Rule::Fixed(to) => to[source.index()],
            Rule::Uniform { include_self } => self.uniform(id, *include_self, draw),
            Rule::Diagonal => {
                if below(draw, 3) == 0 {
                    (id + 1) % n
                } else {
                    id
                }
            }
            Rule::Asymmetric => id % (n / 2) + below(draw, 2) as u32 * (n / 2),
            Rule::Hotspot { cores, fraction } => {
                if unit(draw) < *fraction {
                    weighted(cores, derive(draw, 1))
                } else {
                    self.uniform(id, false, derive(draw, 1))
                }
            }
            Rule::Local { mean } => self.nearby(id, *mean, draw),
        })
    }

    fn uniform(&self, id: u32, include_self: bool, draw: u64) -> u32 {
        let n = self.shape.endpoints();
        if include_self {
            return below(draw, n.into()) as u32;
        }
        let other = below(draw, u64::from(n) - 1) as u32;
        if other < id { other } else { other + 1 }
    }

    fn nearby(&self, id: u32, mean: f64, draw: u64) -> u32 {
        let Shape { width, height, cores } = self.shape;
        let (x, y, _) = self.shape.split(id);
        let farthest = x.max(width - 1 - x) + y.max(height - 1 - y);
        // Inverse of the distribution of d, cut off at the farthest router: u (1 - q^D) = 1 - q^d with q = exp(-1 / mean).
        let reach = -libm::expm1(-f64::from(farthest) / mean);
        let hops = (-mean * libm::log1p(-unit(draw) * reach)) as u32 + 1;
        let hops = hops.min(farthest);
        let mut left = below(derive(draw, 1), self.at_distance(x, y, hops).count() as u64) as usize;
        let place = below(derive(draw, 2), cores.into()) as u32;
        for (x, y) in self.at_distance(x, y, hops) {
            if left == 0 {
                return self.shape.join(x, y, place);
            }
            left -= 1;
        }
        unreachable!("a rectangle has routers at every distance up to the farthest")
    }

    /// Routers that many hops from (x, y), column by column.
    fn at_distance(&self, x: u32, y: u32, hops: u32) -> impl Iterator<Item = (u32, u32)> {
        let Shape { width, height, .. } = self.shape;
        (x.saturating_sub(hops)..width.min(x + hops + 1)).flat_map(move |column| {
            let rest = hops - column.abs_diff(x);
            let south = y.checked_sub(rest);
            let north = (rest > 0 && y + rest < height).then_some(y + rest);
            [south, north].into_iter().flatten().map(move |row| (column, row))
        })
    }
}

/// One of the cores by weight; `cores` holds running sums.
fn weighted(cores: &[(u32, f64)], draw: u64) -> u32 {
    let sum = cores.last().map_or(0.0, |(_, sum)| *sum);
    let at = unit(draw) * sum;
    let found = cores.partition_point(|(_, upto)| *upto <= at).min(cores.len() - 1);
    cores[found].0
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
