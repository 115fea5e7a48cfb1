//! Destinations as BookSim2 draws them.

use super::knuth::Streams;

/// A traffic pattern of N nodes, k a side.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Uniform,
    /// Uniform over all but these.
    Background(Vec<u32>),
    Transpose,
    BitComplement,
    BitReverse,
    Shuffle,
    Tornado,
    Neighbour,
    Asymmetric,
    Diagonal,
    Taper64,
    YarcWorst,
    /// Nodes and the sums of rates up to each.
    Hotspot(Vec<(u32, u32)>),
    Permutation(Vec<u32>),
}

impl Pattern {
    /// Reads `name` or `name({a,b,…})`, with lists in braces.
    pub(super) fn parse(text: &str, k: u32) -> Result<Self, String> {
        let nodes = k * k;
        let (name, lists) = match text.split_once('(') {
            None => (text, Vec::new()),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')').ok_or("the bracket is not closed")?;
                (name, lists(inner)?)
            }
        };
        let power_of_two = |pattern| {
            if nodes.is_power_of_two() { Ok(pattern) } else { Err(format!("{nodes} is no power of two")) }
        };
        match name {
            "uniform" => Ok(Self::Uniform),
            "background" => Ok(Self::Background(lists.into_iter().next().unwrap_or_default())),
            "transpose" => Ok(Self::Transpose),
            "bitcomp" => power_of_two(Self::BitComplement),
            "bitrev" => power_of_two(Self::BitReverse),
            "shuffle" => power_of_two(Self::Shuffle),
            "tornado" => Ok(Self::Tornado),
            "neighbor" => Ok(Self::Neighbour),
            "asymmetric" => Ok(Self::Asymmetric),
            "diagonal" => Ok(Self::Diagonal),
            "taper64" if nodes == 64 => Ok(Self::Taper64),
            "badperm_yarc" => Ok(Self::YarcWorst),
            "hotspot" => {
                let spots = lists.first().cloned().unwrap_or_else(|| vec![nodes - 1]);
                if let Some(outside) = spots.iter().find(|&&spot| spot >= nodes) {
                    return Err(format!("node {outside} is not one of {nodes}"));
                }
                let rates = lists.get(1).cloned().unwrap_or_default();
                let mut sum = 0;
                let places = spots.iter().enumerate().map(|(i, &spot)| {
                    sum += rates.get(i).copied().unwrap_or(1);
                    (spot, sum)
                });
                Ok(Self::Hotspot(places.collect()))
            }
            "randperm" => {
                let seed = lists.first().and_then(|list| list.first()).copied().unwrap_or(0);
                Ok(Self::Permutation(permutation(nodes, seed)))
            }
            other => Err(format!("`{other}` is no pattern that is known here")),
        }
    }

    pub(super) fn destination(&self, source: u32, k: u32, streams: &mut Streams) -> u32 {
        let nodes = k * k;
        let bits = nodes.trailing_zeros();
        let (x, y) = (source % k, source / k);
        match self {
            Self::Uniform => streams.integer(nodes - 1),
            Self::Background(excluded) => loop {
                let drawn = streams.integer(nodes - 1);
                if !excluded.contains(&drawn) {
                    return drawn;
                }
            },
            Self::Transpose => x * k + y,
            Self::BitComplement => nodes - 1 - source,
            Self::BitReverse => source.reverse_bits() >> (32 - bits),
            Self::Shuffle => (source << 1 | source >> (bits - 1)) & (nodes - 1),
            Self::Tornado => {
                let turn = |c: u32| (c + k.div_ceil(2) - 1) % k;
                turn(y) * k + turn(x)
            }
            Self::Neighbour => (y + 1) % k * k + (x + 1) % k,
            Self::Asymmetric => source % (nodes / 2) + streams.integer(1) * (nodes / 2),
            Self::Diagonal => {
                if streams.integer(2) == 0 {
                    (source + 1) % nodes
                } else {
                    source
                }
            }
            Self::Taper64 => {
                if streams.integer(1) == 1 {
                    let (a, c) = (streams.integer(2), streams.integer(2));
                    (64 + source + 8 * a + c - 9) % 64
                } else {
                    streams.integer(nodes - 1)
                }
            }
            Self::YarcWorst => streams.integer(k - 1) * k + y,
            Self::Hotspot(spots) => {
                let (last, sum) = spots[spots.len() - 1];
                if spots.len() == 1 {
                    return last;
                }
                let drawn = streams.integer(sum - 1);
                spots.iter().find(|spot| drawn < spot.1).map_or(last, |spot| spot.0)
            }
            Self::Permutation(to) => to[source as usize],
        }
    }
}

/// Lists of integers: `{a,b}` gives one number a list, `{{a,b},{c}}` lists. Of a flat list BookSim takes the first.
fn lists(text: &str) -> Result<Vec<Vec<u32>>, String> {
    let number = |n: &str| n.trim().parse().map_err(|_| format!("`{n}` is not a node"));
    let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else {
        return Ok(vec![vec![number(text)?]]);
    };
    if !inner.contains('{') {
        return inner.split(',').map(|n| Ok(vec![number(n)?])).collect();
    }
    inner
        .split('}')
        .map(|part| part.trim_matches(|c| c == ',' || c == '{' || c == ' '))
        .filter(|part| !part.is_empty())
        .map(|part| part.split(',').map(number).collect())
        .collect()
}

/// Each node in turn goes to a drawn place among those still free.
fn permutation(nodes: u32, seed: u32) -> Vec<u32> {
    let mut streams = Streams::new(seed);
    let mut to = vec![u32::MAX; nodes as usize];
    for i in 0..nodes {
        let drawn = streams.integer(nodes - 1 - i) as usize;
        let place =
            (0..nodes as usize).filter(|&j| to[j] == u32::MAX).nth(drawn).expect("a free place is left");
        to[place] = i;
    }
    to
}

#[test]
fn a_flat_list_is_one_hotspot() {
    let spots = |text: &str| match Pattern::parse(text, 8) {
        Ok(Pattern::Hotspot(spots)) => spots,
        other => panic!("{other:?}"),
    };
    assert_eq!(spots("hotspot({27,28,35,36})"), [(27, 28)]);
    assert_eq!(spots("hotspot({{27,28},{3,1}})"), [(27, 3), (28, 4)]);
    assert!(Pattern::parse("hotspot({{64}})", 8).is_err() && Pattern::parse("whirl", 8).is_err());
}
