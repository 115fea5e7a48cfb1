//! Lists of lists in two arrays.

/// Rows of items, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists<T> {
    ends: Vec<usize>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), items: Vec::new() }
    }
}

impl<T> Lists<T> {
    /// From the end of each row and all items.
    ///
    /// # Panics
    /// The ends do not ascend, or the last is not the number of items.
    pub fn new(ends: Vec<usize>, items: Vec<T>) -> Self {
        assert!(ends.is_sorted() && ends.last().copied().unwrap_or(0) == items.len(), "ends cover the items");
        Self { ends, items }
    }

    /// From rows.
    pub fn from_rows<R: IntoIterator<Item = T>>(rows: impl IntoIterator<Item = R>) -> Self {
        let mut lists = Self::default();
        for row in rows {
            lists.items.extend(row);
            lists.ends.push(lists.items.len());
        }
        lists
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A row.
    #[inline]
    pub fn row(&self, i: usize) -> &[T] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.items[start..self.ends[i]]
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|i| self.row(i))
    }

    /// All items.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// Sorted by another key: `turn(row, item)` says which of `rows` new rows the new item belongs to. Within a row, the
    /// order of old rows is kept.
    pub(crate) fn turned<U: Copy>(&self, rows: usize, turn: impl Fn(u32, &T) -> (u32, U)) -> Lists<U> {
        let mut ends = vec![0usize; rows + 1];
        for (i, row) in self.rows().enumerate() {
            row.iter().for_each(|item| ends[turn(i as u32, item).0 as usize + 1] += 1);
        }
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        let mut items: Vec<U> = Vec::new();
        if let Some(first) =
            self.rows().enumerate().find_map(|(i, row)| row.first().map(|t| turn(i as u32, t).1))
        {
            items.resize(self.items.len(), first);
        }
        for (i, row) in self.rows().enumerate() {
            for item in row {
                let (to, new) = turn(i as u32, item);
                let place = &mut ends[to as usize];
                items[*place] = new;
                *place += 1;
            }
        }
        ends.pop();
        Lists { ends, items }
    }
}

impl Lists<u32> {
    /// Sorted by item, of which there are `rows`; `turn(row, item)` is the new item.
    pub(crate) fn transposed<U: Copy>(&self, rows: usize, turn: impl Fn(u32, u32) -> U) -> Lists<U> {
        self.turned(rows, |row, &item| (item, turn(row, item)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_list_holds_each_pair_once() {
        let lists = Lists::from_rows([vec![1u32, 2], vec![], vec![0, 2]]);
        let turned = lists.transposed(4, |row, _| row);
        assert_eq!(turned.rows().collect::<Vec<_>>(), [&[2][..], &[0], &[0, 2], &[]]);
    }
}
