//! What is to be placed: vertices of a size, and nets that say who sends to whom, how often.

use crate::list::Lists;

/// A source of a net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Who sends.
    pub(crate) vertex: u32,
    /// How often, in the problem's rate units.
    pub(crate) rate: u32,
}

/// A net as one of its sources sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Which net.
    pub(crate) net: u32,
    /// How often, in the problem's rate units.
    pub(crate) rate: u32,
    /// Whether the source is a pin of the net, too.
    pub(crate) is_pin: bool,
}

/// Vertices and nets. Neurons whose targets are the same share a net, which is exact and makes layered networks small.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Rate units of 1.
    pub(crate) rate_scale: f64,
    /// Neurons of each vertex; 0 for one that takes no room.
    pub(crate) sizes: Vec<u32>,
    /// Position that a vertex must keep.
    pub(crate) pinned: Vec<Option<u32>>,
    /// Pins by net.
    pub(crate) pins: Lists<u32>,
    /// Sources by net.
    pub(crate) sources: Lists<Source>,
    /// Nets by pin.
    pub(crate) received: Lists<u32>,
    /// Nets by source.
    pub(crate) sent: Lists<Sent>,
    /// By vertex: hints it is under, and how many of its neurons are.
    hints: Lists<(u32, u32)>,
    /// By hint and core: what a neuron there pays, in rate units.
    prices: Vec<Vec<i64>>,
}

/// A wish for where some vertices sit, which the search weighs against links.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The vertices, each of one neuron.
    pub vertices: std::ops::Range<u32>,
    /// By core: what a neuron there pays, in links that the spikes of a source of mean rate cross. From 0 to
    /// [`Hint::MOST`].
    pub prices: Vec<f64>,
}

impl Hint {
    /// Most that a neuron may pay for a core; sums over a million neurons stay within 64 bits.
    pub const MOST: f64 = 1e6;
}

/// Largest rate in rate units: rates are scaled so that the largest is this, which keeps sums of a thousand nets within 32
/// bits.
pub(crate) const MOST_RATE: u32 = 1 << 18;

impl Problem {
    /// A problem from each neuron's targets (ascending, once each) and rate. A neuron that never spikes is given the
    /// least rate, so that it is still drawn to its targets. A neuron's position can be given; such a neuron takes no
    /// room.
    ///
    /// # Panics
    /// The lengths differ, a target is none of the neurons, or targets do not ascend.
    pub fn new(targets: Lists<u32>, rates: &[f64], pinned: Vec<Option<u32>>) -> Self {
        assert!(targets.len() == rates.len() && pinned.len() == rates.len(), "one rate and place a neuron");
        assert!(targets.items().iter().all(|t| (*t as usize) < rates.len()), "targets are neurons");
        assert!(targets.rows().all(|row| row.is_sorted_by(|a, b| a < b)), "targets ascend, once each");
        let most = rates.iter().copied().fold(0.0, f64::max).min(f64::MAX);
        // Where no neuron spikes, all units together are a rate of 0.
        let scale = f64::from(MOST_RATE) / most;
        let unit =
            |rate: f64| if rate > 0.0 { (rate * scale).round().clamp(1.0, MOST_RATE.into()) as u32 } else { 1 };
        let sizes = pinned.iter().map(|place| u32::from(place.is_none())).collect();
        let sources = Lists::from_rows(
            targets.rows().enumerate().map(|(v, _)| [Source { vertex: v as u32, rate: unit(rates[v]) }]),
        );
        Self::merged(scale, sizes, pinned, &targets, &sources)
    }

    /// The problem of the given nets, equal ones joined; nets without pins are left out.
    fn merged(
        rate_scale: f64,
        sizes: Vec<u32>,
        pinned: Vec<Option<u32>>,
        pins: &Lists<u32>,
        sources: &Lists<Source>,
    ) -> Self {
        let hash = |row: &[u32]| {
            row.iter().fold(row.len() as u64, |h, p| {
                (h ^ u64::from(*p)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
            })
        };
        let mut order: Vec<(u64, u32)> =
            pins.rows().enumerate().filter(|(_, r)| !r.is_empty()).map(|(i, r)| (hash(r), i as u32)).collect();
        order.sort_unstable();
        // Groups of equal nets, each under its first member.
        let mut groups: Vec<(u32, Vec<u32>)> = Vec::new();
        for same_hash in order.chunk_by(|a, b| a.0 == b.0) {
            let first = groups.len();
            for &(_, net) in same_hash {
                let row = pins.row(net as usize);
                match groups[first..].iter_mut().find(|(other, _)| pins.row(*other as usize) == row) {
                    Some((_, members)) => members.push(net),
                    None => groups.push((net, vec![net])),
                }
            }
        }
        groups.sort_unstable_by_key(|(first, _)| *first);
        let merged_sources = groups.iter().map(|(_, members)| {
            let mut list: Vec<Source> =
                members.iter().flat_map(|net| sources.row(*net as usize)).copied().collect();
            list.sort_unstable_by_key(|s| s.vertex);
            // A vertex that sends more than 32 bits hold stays several sources.
            list.dedup_by(|b, a| match a.rate.checked_add(b.rate) {
                Some(rate) if a.vertex == b.vertex => {
                    a.rate = rate;
                    true
                }
                _ => false,
            });
            list
        });
        let sources = Lists::from_rows(merged_sources);
        let pins = Lists::from_rows(groups.iter().map(|(first, _)| pins.row(*first as usize).iter().copied()));
        let vertices = sizes.len();
        let received = pins.transposed(vertices, |net, _| net);
        let sent = sources.turned(vertices, |net, source| {
            let is_pin = pins.row(net as usize).binary_search(&source.vertex).is_ok();
            (source.vertex, Sent { net, rate: source.rate, is_pin })
        });
        let (hints, prices) = (Lists::from_rows(sizes.iter().map(|_| [])), Vec::new());
        Self { rate_scale, sizes, pinned, pins, sources, received, sent, hints, prices }
    }

    /// The problem under hints.
    ///
    /// # Panics
    /// A hint names a vertex that there is not, or a price is out of range.
    pub fn hinted(mut self, hints: &[Hint]) -> Self {
        let mean = self.mean_rate() as f64;
        let mut rows: Vec<Vec<(u32, u32)>> = vec![Vec::new(); self.len()];
        for (i, hint) in hints.iter().enumerate() {
            assert!(hint.prices.iter().all(|p| (0.0..=Hint::MOST).contains(p)), "prices of hints are in range");
            hint.vertices.clone().for_each(|v| rows[v as usize].push((i as u32, 1)));
        }
        self.hints = Lists::from_rows(rows);
        self.prices = hints.iter().map(|h| h.prices.iter().map(|p| (p * mean) as i64).collect()).collect();
        self
    }

    /// Whether there are hints.
    #[inline(always)]
    pub(crate) fn is_hinted(&self) -> bool {
        !self.prices.is_empty()
    }

    /// What a vertex pays for a core by its hints, in rate units.
    #[inline(always)]
    pub(crate) fn hint(&self, v: u32, core: u16) -> i64 {
        if self.prices.is_empty() {
            return 0;
        }
        let price =
            |&(hint, neurons): &(u32, u32)| i64::from(neurons) * self.prices[hint as usize][usize::from(core)];
        self.hints.row(v as usize).iter().map(price).sum()
    }

    /// What all vertices pay by their hints, in the unit of rates times links; `core[v]` is the core of vertex v.
    ///
    /// # Panics
    /// The lengths differ.
    pub fn hint_cost(&self, core: &[u32]) -> f64 {
        assert_eq!(core.len(), self.len(), "one core a vertex");
        let paid: i64 = core.iter().enumerate().map(|(v, core)| self.hint(v as u32, *core as u16)).sum();
        paid as f64 / self.rate_scale
    }

    /// The same problem with vertices joined: `cluster[v]` is the new vertex of v, of `clusters`. Pinned vertices must stay
    /// alone.
    pub(crate) fn coarsened(&self, cluster: &[u32], clusters: usize) -> Self {
        let mut sizes = vec![0; clusters];
        let mut pinned = vec![None; clusters];
        for (v, &c) in cluster.iter().enumerate() {
            sizes[c as usize] += self.sizes[v];
            pinned[c as usize] = pinned[c as usize].or(self.pinned[v]);
        }
        let pins = Lists::from_rows(self.pins.rows().map(|row| {
            let mut row: Vec<u32> = row.iter().map(|v| cluster[*v as usize]).collect();
            row.sort_unstable();
            row.dedup();
            row
        }));
        let sources = Lists::from_rows(
            self.sources
                .rows()
                .map(|row| row.iter().map(|s| Source { vertex: cluster[s.vertex as usize], ..*s })),
        );
        let mut coarse = Self::merged(self.rate_scale, sizes, pinned, &pins, &sources);
        if !self.prices.is_empty() {
            let mut rows: Vec<Vec<(u32, u32)>> = vec![Vec::new(); clusters];
            for (hints, &c) in self.hints.rows().zip(cluster) {
                for &(hint, neurons) in hints {
                    let row = &mut rows[c as usize];
                    match row.iter_mut().find(|(known, _)| *known == hint) {
                        Some((_, sum)) => *sum += neurons,
                        None => row.push((hint, neurons)),
                    }
                }
            }
            coarse.hints = Lists::from_rows(rows);
            coarse.prices.clone_from(&self.prices);
        }
        coarse
    }

    /// Vertices.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether there is nothing to place.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Nets.
    pub fn nets(&self) -> usize {
        self.pins.len()
    }

    /// Pins and sources of all nets.
    pub fn members(&self) -> u64 {
        (self.pins.items().len() + self.sources.items().len()) as u64
    }

    /// Neurons to be placed.
    pub fn room_needed(&self) -> u64 {
        self.sizes.iter().map(|s| u64::from(*s)).sum()
    }

    /// The mean rate of a source, in rate units; at least 1.
    pub(crate) fn mean_rate(&self) -> i64 {
        let total: u64 = self.sources.items().iter().map(|s| u64::from(s.rate)).sum();
        (total / (self.sources.items().len() as u64).max(1)).max(1) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(rows: &[Vec<u32>], rates: &[f64]) -> Problem {
        Problem::new(Lists::from_rows(rows.to_vec()), rates, vec![None; rows.len()])
    }

    /// Every neuron's targets and rate, read back from the nets.
    fn unmerged(problem: &Problem) -> Vec<Vec<(Vec<u32>, u32)>> {
        let mut rows = vec![Vec::new(); problem.len()];
        for net in 0..problem.nets() {
            for source in problem.sources.row(net) {
                rows[source.vertex as usize].push((problem.pins.row(net).to_vec(), source.rate));
            }
        }
        rows
    }

    fn case() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<f64>)> {
        (1usize..20).prop_flat_map(|n| {
            let rows = prop::collection::vec(prop::collection::btree_set(0..n as u32, 0..4), 1..5);
            (rows, prop::collection::vec((0usize..5, 0.0f64..300.0), n)).prop_map(|(rows, vertices)| {
                let rows: Vec<Vec<u32>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
                vertices.into_iter().map(|(row, rate)| (rows[row % rows.len()].clone(), rate)).unzip()
            })
        })
    }

    proptest! {
        #[test]
        fn merged_nets_say_who_sends_to_whom_how_often((rows, rates) in case()) {
            let problem = problem(&rows, &rates);
            let distinct: std::collections::BTreeSet<_> = rows.iter().filter(|row| !row.is_empty()).collect();
            prop_assert_eq!(problem.nets(), distinct.len());
            for (v, sent) in unmerged(&problem).iter().enumerate() {
                if rows[v].is_empty() {
                    prop_assert!(sent.is_empty());
                    continue;
                }
                prop_assert_eq!(sent.len(), 1);
                prop_assert_eq!(&sent[0].0, &rows[v]);
                let units = rates[v] * problem.rate_scale;
                let rounding = if units < 0.5 { 1.0 } else { 0.5 };
                prop_assert!((f64::from(sent[0].1) - units).abs() <= rounding);
            }
            for v in 0..problem.len() as u32 {
                let received = (0..problem.nets() as u32).filter(|n| problem.pins.row(*n as usize).contains(&v));
                prop_assert_eq!(problem.received.row(v as usize), received.collect::<Vec<_>>());
                for sent in problem.sent.row(v as usize) {
                    prop_assert_eq!(sent.is_pin, rows[v as usize].contains(&v));
                }
            }
        }

        #[test]
        fn joining_nobody_changes_nothing((rows, rates) in case()) {
            let fine = problem(&rows, &rates);
            let same = fine.coarsened(&(0..rows.len() as u32).collect::<Vec<_>>(), rows.len());
            prop_assert_eq!(&fine.pins, &same.pins);
            prop_assert_eq!(&fine.sources, &same.sources);
            prop_assert_eq!(&fine.received, &same.received);
            prop_assert_eq!(&fine.sent, &same.sent);
            prop_assert_eq!((&fine.sizes, &fine.pinned), (&same.sizes, &same.pinned));
            prop_assert_eq!(fine.rate_scale, same.rate_scale);
        }

        /// What a joined vertex sends to joined vertices is the sum over its own.
        #[test]
        fn joined_vertices_send_what_theirs_send((rows, rates) in case(), cluster in prop::collection::vec(0u32..4, 20)) {
            let fine = problem(&rows, &rates);
            let cluster = &cluster[..rows.len()];
            let half = rows.len() as u32 / 2;
            let hints = [(0..half, 3.0), (half / 2..rows.len() as u32, 5.0)]
                .map(|(vertices, price)| Hint { vertices, prices: (0..4).map(|core| price * f64::from(core)).collect() });
            let fine = fine.hinted(&hints);
            let coarse = fine.coarsened(cluster, 4);
            prop_assert_eq!(coarse.room_needed(), fine.room_needed());
            let paid = fine.hint_cost(cluster);
            prop_assert!((coarse.hint_cost(&[0, 1, 2, 3]) - paid).abs() <= 1e-9 * paid);
            let mut expect = std::collections::BTreeMap::<(u32, Vec<u32>), u64>::new();
            for (v, sent) in unmerged(&fine).into_iter().enumerate() {
                for (row, rate) in sent {
                    let pins: std::collections::BTreeSet<u32> = row.iter().map(|p| cluster[*p as usize]).collect();
                    *expect.entry((cluster[v], pins.into_iter().collect())).or_default() += u64::from(rate);
                }
            }
            let mut got = std::collections::BTreeMap::<(u32, Vec<u32>), u64>::new();
            for (v, sent) in unmerged(&coarse).into_iter().enumerate() {
                sent.into_iter().for_each(|(row, rate)| *got.entry((v as u32, row)).or_default() += u64::from(rate));
            }
            prop_assert_eq!(got, expect);
        }
    }

    #[test]
    fn the_largest_rate_has_all_units_and_the_least_has_one() {
        let row = || vec![0u32];
        let rates = |rates: &[f64]| -> Vec<u32> {
            let rows: Vec<_> = rates.iter().map(|_| row()).collect();
            problem(&rows, rates).sources.items().iter().map(|s| s.rate).collect()
        };
        assert_eq!(rates(&[200.0, 100.0, 0.0]), [1 << 18, 1 << 17, 1]);
        assert_eq!(rates(&[0.0, 0.0]), [1, 1]);
        assert_eq!(rates(&[1e-310, 0.0]), [1 << 18, 1], "a rate that scales to no number");
        assert_eq!(rates(&[f64::INFINITY, 1.0]), [1 << 18, 1]);
        assert_eq!(rates(&[f64::NAN, -1.0]), [1, 1]);
    }

    #[test]
    #[should_panic(expected = "ascend")]
    fn targets_out_of_order_are_refused() {
        problem(&[vec![1, 0], vec![]], &[1.0, 1.0]);
    }

    #[test]
    fn a_pinned_neuron_takes_no_room() {
        let problem = Problem::new(Lists::from_rows([[], []]), &[1.0; 2], vec![None, Some(3)]);
        assert_eq!((problem.room_needed(), problem.len()), (1, 2));
    }
}
