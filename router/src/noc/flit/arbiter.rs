//! Who goes first, and how two sides are matched.

use super::spec::Allocator;

/// Requests of up to 64 members, bit i for member i.
pub(super) type Requests = u64;

/// The first request at or after a pointer, cyclically. There must be one. A pointer may stand behind the last
/// member, even at 64, which is at the first: so who moves one past a winner need not turn it back.
#[inline]
pub(super) fn next_from(requests: Requests, pointer: u8) -> u8 {
    let above = requests & u64::MAX.wrapping_shl(pointer.into());
    (if above != 0 { above } else { requests }).trailing_zeros() as u8
}

/// `value + 1` modulo `count`.
#[inline]
pub(super) fn next_after(value: u8, count: usize) -> u8 {
    if usize::from(value) + 1 == count { 0 } else { value + 1 }
}

/// One arbiter for every row or every column of an allocator.
pub(super) enum Side<'a> {
    /// One pointer each.
    Pointers(&'a mut [u8]),
    /// For each of them and each of its members, those the member lost to last: they go first.
    Matrix(&'a mut [u64]),
}

impl Side<'_> {
    /// The winner among `requests` at arbiter `which` of `members` members.
    fn pick(&self, which: u8, requests: Requests, members: usize) -> u8 {
        match self {
            Side::Pointers(pointers) => next_from(requests, pointers[usize::from(which)]),
            Side::Matrix(behind) => {
                let own = &behind[usize::from(which) * members..][..members];
                let mut left = requests;
                while left != 0 {
                    let member = left.trailing_zeros() as u8;
                    if own[usize::from(member)] & requests == 0 {
                        return member;
                    }
                    left &= left - 1;
                }
                requests.trailing_zeros() as u8
            }
        }
    }

    /// Puts the member served behind all others.
    fn served(&mut self, which: u8, member: u8, members: usize) {
        match self {
            Side::Pointers(pointers) => pointers[usize::from(which)] = next_after(member, members),
            Side::Matrix(behind) => {
                let own = &mut behind[usize::from(which) * members..][..members];
                let bit = 1 << member;
                own.iter_mut().for_each(|lost_to| *lost_to &= !bit);
                own[usize::from(member)] = (u64::MAX >> (64 - members)) & !bit;
            }
        }
    }
}

/// Words of matrix arbiters with `members` members at a start: the lower index goes first.
pub(super) fn matrix(arbiters: usize, members: usize) -> impl Iterator<Item = u64> {
    (0..arbiters).flat_map(move |_| (0..members).map(|member| (1u64 << member) - 1))
}

/// A row that asks for a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bid {
    pub(super) row: u8,
    pub(super) column: u8,
    /// How much the row wants this column; higher goes first.
    pub(super) preference: i64,
    /// How urgent the row's packet is; higher goes first.
    pub(super) urgency: i64,
}

/// An allocator's state, borrowed from its router.
pub(super) struct Matching<'a> {
    pub(super) kind: Allocator,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// One arbiter a column, over rows.
    pub(super) grant: Side<'a>,
    /// One arbiter a row, over columns.
    pub(super) accept: Side<'a>,
    /// Where diagonals or searches start.
    pub(super) rotation: &'a mut u8,
}

impl Matching<'_> {
    /// Matches the bids of one cycle and appends (row, column) pairs. No (row, column) may be there twice.
    pub(super) fn run(&mut self, bids: &[Bid], pairs: &mut Vec<(u8, u8)>) {
        match self.kind {
            Allocator::Islip => self.columns_first(bids, false, pairs),
            Allocator::Select | Allocator::SeparableOutputFirst => self.columns_first(bids, true, pairs),
            Allocator::SeparableInputFirst => self.rows_first(bids, pairs),
            Allocator::Wavefront => self.wavefront(bids, pairs),
            Allocator::MaximumSize => self.maximum(bids, pairs),
        }
    }

    fn columns_first(&mut self, bids: &[Bid], priorities: bool, pairs: &mut Vec<(u8, u8)>) {
        let mut asked: Requests = bids.iter().fold(0, |asked, bid| asked | 1 << bid.column);
        let mut granted = [0 as Requests; 64];
        let mut rows: Requests = 0;
        while asked != 0 {
            let column = asked.trailing_zeros() as u8;
            asked &= asked - 1;
            let own = bids.iter().filter(|bid| bid.column == column);
            let best = if priorities { own.clone().map(|bid| bid.urgency).max() } else { None };
            let requests = own
                .filter(|bid| best.is_none_or(|best| bid.urgency == best))
                .fold(0, |requests, bid| requests | 1 << bid.row);
            let row = self.grant.pick(column, requests, self.rows);
            granted[usize::from(row)] |= 1 << column;
            rows |= 1 << row;
        }
        while rows != 0 {
            let row = rows.trailing_zeros() as u8;
            rows &= rows - 1;
            let mut offers = granted[usize::from(row)];
            if priorities {
                let own = |bid: &&Bid| bid.row == row && offers >> bid.column & 1 == 1;
                let best = bids.iter().filter(own).map(|bid| bid.preference).max();
                offers = bids
                    .iter()
                    .filter(own)
                    .filter(|bid| Some(bid.preference) == best)
                    .fold(0, |offers, bid| offers | 1 << bid.column);
            }
            let column = self.accept.pick(row, offers, self.columns);
            self.serve(row, column, pairs);
        }
    }

    fn rows_first(&mut self, bids: &[Bid], pairs: &mut Vec<(u8, u8)>) {
        let mut rows: Requests = bids.iter().fold(0, |rows, bid| rows | 1 << bid.row);
        let mut chosen = [(0 as Requests, i64::MIN); 64];
        let mut columns: Requests = 0;
        while rows != 0 {
            let row = rows.trailing_zeros() as u8;
            rows &= rows - 1;
            let own = || bids.iter().filter(|bid| bid.row == row);
            let best = own().map(|bid| bid.preference).max();
            let requests = own()
                .filter(|bid| Some(bid.preference) == best)
                .fold(0, |requests, bid| requests | 1 << bid.column);
            let column = self.accept.pick(row, requests, self.columns);
            let urgency = own().find(|bid| bid.column == column).map_or(0, |bid| bid.urgency);
            let (requests, best) = &mut chosen[usize::from(column)];
            if urgency > *best {
                (*requests, *best) = (0, urgency);
            }
            if urgency == *best {
                *requests |= 1 << row;
            }
            columns |= 1 << column;
        }
        while columns != 0 {
            let column = columns.trailing_zeros() as u8;
            columns &= columns - 1;
            let row = self.grant.pick(column, chosen[usize::from(column)].0, self.rows);
            self.serve(row, column, pairs);
        }
    }

    fn serve(&mut self, row: u8, column: u8, pairs: &mut Vec<(u8, u8)>) {
        self.grant.served(column, row, self.rows);
        self.accept.served(row, column, self.columns);
        pairs.push((row, column));
    }

    fn wavefront(&mut self, bids: &[Bid], pairs: &mut Vec<(u8, u8)>) {
        if bids.is_empty() {
            return;
        }
        let size = self.rows.max(self.columns);
        let class = |bid: &Bid| (bid.urgency, bid.preference);
        let mut classes: Vec<_> = bids.iter().map(class).collect();
        classes.sort_unstable();
        classes.dedup();
        let (mut rows, mut columns): (Requests, Requests) = (0, 0);
        for of_class in classes.into_iter().rev() {
            for step in 0..size {
                let diagonal = (usize::from(*self.rotation) + step) % size;
                for bid in bids.iter().filter(|bid| class(bid) == of_class) {
                    let on_it = (usize::from(bid.row) + usize::from(bid.column)) % size == diagonal;
                    if on_it && rows >> bid.row & 1 == 0 && columns >> bid.column & 1 == 0 {
                        rows |= 1 << bid.row;
                        columns |= 1 << bid.column;
                        pairs.push((bid.row, bid.column));
                    }
                }
            }
        }
        *self.rotation = next_after(*self.rotation, size);
    }

    fn maximum(&mut self, bids: &[Bid], pairs: &mut Vec<(u8, u8)>) {
        const NONE: u8 = u8::MAX;
        let mut wants = [0 as Requests; 64];
        bids.iter().for_each(|bid| wants[usize::from(bid.row)] |= 1 << bid.column);
        let mut row_of = [NONE; 64];
        let mut column_of = [NONE; 64];
        loop {
            let mut queue: Vec<u8> = (0..self.rows)
                .map(|i| ((i + usize::from(*self.rotation)) % self.rows) as u8)
                .filter(|&row| column_of[usize::from(row)] == NONE && wants[usize::from(row)] != 0)
                .collect();
            let mut came_from = [NONE; 64];
            let mut seen: Requests = 0;
            let mut end = None;
            let mut next = 0;
            'search: while next < queue.len() {
                let row = queue[next];
                next += 1;
                let mut left = wants[usize::from(row)] & !seen;
                while left != 0 {
                    let column = left.trailing_zeros() as u8;
                    left &= left - 1;
                    seen |= 1 << column;
                    came_from[usize::from(column)] = row;
                    match row_of[usize::from(column)] {
                        NONE => {
                            end = Some(column);
                            break 'search;
                        }
                        owner => queue.push(owner),
                    }
                }
            }
            let Some(mut column) = end else { break };
            // Walk the path back: each row on it gives up its old column for the one it was reached by.
            loop {
                let row = came_from[usize::from(column)];
                let before = std::mem::replace(&mut column_of[usize::from(row)], column);
                row_of[usize::from(column)] = row;
                if before == NONE {
                    break;
                }
                column = before;
            }
        }
        *self.rotation = next_after(*self.rotation, self.rows);
        pairs.extend((0..self.rows as u8).filter_map(|row| {
            let column = column_of[usize::from(row)];
            (column != NONE).then_some((row, column))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::Arbiter;
    use super::*;
    use proptest::prelude::*;

    fn bids(cells: &[(u8, u8)]) -> Vec<Bid> {
        cells.iter().map(|&(row, column)| Bid { row, column, preference: 0, urgency: 0 }).collect()
    }

    fn run(kind: Allocator, arbiter: Arbiter, n: usize, rounds: &[Vec<Bid>]) -> Vec<Vec<(u8, u8)>> {
        let (mut grant, mut accept) = (vec![0; n], vec![0; n]);
        let (mut grants, mut accepts): (Vec<u64>, Vec<u64>) = (matrix(n, n).collect(), matrix(n, n).collect());
        let mut rotation = 0;
        let mut all = Vec::new();
        for bids in rounds {
            let mut pairs = Vec::new();
            let (grant, accept) = match arbiter {
                Arbiter::RoundRobin => (Side::Pointers(&mut grant), Side::Pointers(&mut accept)),
                Arbiter::Matrix => (Side::Matrix(&mut grants), Side::Matrix(&mut accepts)),
            };
            Matching { kind, rows: n, columns: n, grant, accept, rotation: &mut rotation }
                .run(bids, &mut pairs);
            pairs.sort_unstable();
            all.push(pairs);
        }
        all
    }

    #[test]
    fn islip_desynchronises() {
        // Two rows that want both columns collide once, then never again (McKeown 1999, fig. 5).
        let both = bids(&[(0, 0), (0, 1), (1, 0), (1, 1)]);
        let rounds = run(Allocator::Islip, Arbiter::RoundRobin, 2, &[both.clone(), both.clone(), both]);
        assert_eq!(rounds[0], [(0, 0)]);
        assert_eq!(rounds[1].len(), 2);
        assert_eq!(rounds[2].len(), 2);
    }

    #[test]
    fn a_matrix_serves_the_one_served_longest_ago() {
        let three = bids(&[(0, 0), (1, 0), (2, 0)]);
        let late = bids(&[(0, 0), (2, 0)]);
        let rounds = run(Allocator::Islip, Arbiter::Matrix, 3, &[three.clone(), late, three.clone(), three]);
        assert_eq!(rounds, [[(0, 0)], [(2, 0)], [(1, 0)], [(0, 0)]]);
    }

    proptest! {
        #[test]
        fn a_matching_pairs_each_once_and_leaves_no_pair_it_could_make(
            cells in proptest::collection::btree_set((0u8..6, 0u8..6), 0..24),
            kind in 0usize..6,
            matrix in any::<bool>(),
        ) {
            let kind = Allocator::ALL[kind].1;
            let arbiter = if matrix { Arbiter::Matrix } else { Arbiter::RoundRobin };
            let cells: Vec<_> = cells.into_iter().collect();
            let rounds = run(kind, arbiter, 6, &[bids(&cells), bids(&cells)]);
            for pairs in rounds {
                let rows: std::collections::BTreeSet<_> = pairs.iter().map(|p| p.0).collect();
                let columns: std::collections::BTreeSet<_> = pairs.iter().map(|p| p.1).collect();
                prop_assert!(rows.len() == pairs.len() && columns.len() == pairs.len());
                prop_assert!(pairs.iter().all(|pair| cells.contains(pair)));
                prop_assert!(!pairs.is_empty() || cells.is_empty());
                // These two are maximal; the separable ones need more iterations for that.
                if matches!(kind, Allocator::Wavefront | Allocator::MaximumSize) {
                    let open = cells.iter().any(|(r, c)| !rows.contains(r) && !columns.contains(c));
                    prop_assert!(!open);
                }
            }
        }
    }
}
