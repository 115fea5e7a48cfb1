//! A TOML table that remembers which keys were asked for, so that one pass reports every missing, misspelt and
//! ill-typed key with its line.

use crate::error::{Error, Problem, all_well, nearest};
use std::cell::RefCell;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed TOML text and the problems found in it so far.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    file: &'a str,
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Document<'a> {
    /// Parses `text`; `file` is its name in messages.
    ///
    /// # Errors
    /// Every syntax error, with its line.
    pub(crate) fn parse(file: &'a str, text: &'a str) -> Result<Self, Error> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let problems = errors
            .iter()
            .map(|e| {
                let place = e.span().map_or(file.to_owned(), |s| format!("{file}:{}", line_of(text, s.start)));
                Problem::new(place, format!("not valid TOML: {}", e.message()), "")
            })
            .collect();
        all_well(problems)?;
        Ok(Self { file, text, root, problems: RefCell::default() })
    }

    /// The top table.
    pub(crate) fn root(&self) -> Table<'_> {
        Table {
            document: self,
            path: String::new(),
            entries: Some(self.root.get_ref()),
            at: 0,
            asked: RefCell::default(),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Everything found wrong.
    pub(crate) fn finish(self) -> Result<(), Error> {
        all_well(self.problems.into_inner())
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1
}

/// A table, present or absent; on being dropped it reports keys nobody asked for.
#[derive(Debug)]
pub(crate) struct Table<'d> {
    document: &'d Document<'d>,
    path: String,
    entries: Option<&'d DeTable<'d>>,
    at: usize,
    asked: RefCell<BTreeSet<String>>,
}

impl<'d> Table<'d> {
    /// The full name of a key, as messages show it.
    pub(crate) fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.entries.and_then(|entries| entries.get(key))
    }

    /// Notes a problem with the value of `key` (or its absence).
    pub(crate) fn problem(&self, key: &str, what: impl Into<String>, hint: impl Into<String>) {
        let offset = self.entries.and_then(|e| e.get(key)).map_or(self.at, |v| v.span().start);
        let line = line_of(self.document.text, offset);
        let place = format!("{}:{line}, key `{}`", self.document.file, self.key_path(key));
        self.document.problems.borrow_mut().push(Problem::new(place, what, hint));
    }

    fn missing(&self, key: &str, wanted: &str) {
        self.problem(key, format!("the key `{}` is missing; it takes {wanted}", self.key_path(key)), "");
    }

    fn ill_typed(&self, key: &str, wanted: &str, value: &DeValue<'_>) {
        self.problem(key, format!("wanted {wanted}, found {}", describe(value)), "");
    }

    /// The table's own full name.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the key is there and holds a table.
    pub(crate) fn is_table(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.get_ref().as_table().is_some())
    }

    /// Whether the table itself is there.
    pub(crate) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether the key is there; counts as asking for it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The sub-table of that key; absent is fine and reads as empty.
    pub(crate) fn table(&self, key: &str) -> Table<'d> {
        let value = self.get(key);
        let entries = value.and_then(|v| {
            let table = v.get_ref().as_table();
            if table.is_none() {
                self.ill_typed(key, "a table", v.get_ref());
            }
            table
        });
        Table {
            document: self.document,
            path: self.key_path(key),
            entries,
            at: value.map_or(self.at, |v| v.span().start),
            asked: RefCell::default(),
        }
    }

    /// The tables of an array of tables; absent reads as none.
    pub(crate) fn tables(&self, key: &str) -> Vec<Table<'d>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.ill_typed(key, "an array of tables", value.get_ref());
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (i, item) in array.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(entries) => tables.push(Table {
                    document: self.document,
                    path: format!("{}[{i}]", self.key_path(key)),
                    entries: Some(entries),
                    at: item.span().start,
                    asked: RefCell::default(),
                }),
                None => self.ill_typed(key, "an array of tables", item.get_ref()),
            }
        }
        tables
    }

    /// A string; `None` if absent.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.ill_typed(key, "a string", value.get_ref());
        }
        text
    }

    /// A string that must be there; the empty string stands in for a missing one, which is reported.
    pub(crate) fn required_text(&self, key: &str, wanted: &str) -> String {
        if !self.has(key) {
            self.missing(key, wanted);
        }
        self.text(key).unwrap_or_default()
    }

    /// One of several names; `None` if absent or wrong (reported, with the nearest).
    pub(crate) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let hint =
            nearest(&text, names.iter().copied()).map(|n| format!("did you mean `{n}`?")).unwrap_or_default();
        self.problem(key, format!("`{text}` is not one of {}", names.join(", ")), hint);
        None
    }

    /// As [`Table::choice`], and absence is reported.
    pub(crate) fn required_choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        if !self.has(key) {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.missing(key, &format!("one of {}", names.join(", ")));
        }
        self.choice(key, choices)
    }

    /// A whole number within bounds; `None` if absent or wrong (reported).
    pub(crate) fn whole(&self, key: &str, least: i64, most: i64) -> Option<i64> {
        let value = self.get(key)?;
        let number = whole(value.get_ref());
        match number {
            Some(n) if (least..=most).contains(&n) => return Some(n),
            Some(n) => {
                self.problem(key, format!("{n} is out of range"), format!("a number from {least} to {most}"))
            }
            None => self.ill_typed(key, "a whole number", value.get_ref()),
        }
        None
    }

    /// As [`Table::whole`], and absence is reported; `least` stands in.
    pub(crate) fn required_whole(&self, key: &str, least: i64, most: i64) -> i64 {
        if !self.has(key) {
            self.missing(key, &format!("a whole number from {least} to {most}"));
        }
        self.whole(key, least, most).unwrap_or(least)
    }

    /// The table's keys in order; they count as asked for.
    pub(crate) fn keys(&self) -> Vec<String> {
        let keys: Vec<String> = self
            .entries
            .iter()
            .flat_map(|entries| entries.keys().map(|key| key.get_ref().to_string()))
            .collect();
        self.asked.borrow_mut().extend(keys.iter().cloned());
        keys
    }

    /// A list of strings; `None` if absent or wrong (reported).
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let value = self.get(key)?;
        let texts = value.get_ref().as_array().and_then(|items| {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        if texts.is_none() {
            self.ill_typed(key, "a list of strings", value.get_ref());
        }
        texts
    }

    /// A list of whole numbers within bounds; `None` if absent or wrong (reported).
    pub(crate) fn whole_list(&self, key: &str, least: i64, most: i64) -> Option<Vec<i64>> {
        let value = self.get(key)?;
        let Some(numbers) = whole_list(value.get_ref()) else {
            self.ill_typed(key, "a list of whole numbers", value.get_ref());
            return None;
        };
        self.within(key, &numbers, least, most).then_some(numbers)
    }

    /// Rows of whole numbers within bounds, which may differ in length; `None` if absent or wrong (reported).
    pub(crate) fn whole_rows(&self, key: &str, least: i64, most: i64) -> Option<Vec<Vec<i64>>> {
        let value = self.get(key)?;
        let rows = value
            .get_ref()
            .as_array()
            .and_then(|rows| rows.iter().map(|row| whole_list(row.get_ref())).collect::<Option<Vec<_>>>());
        let Some(rows) = rows else {
            self.ill_typed(key, "rows of whole numbers, as in [[1, 2], [3, 4]]", value.get_ref());
            return None;
        };
        rows.iter().all(|row| self.within(key, row, least, most)).then_some(rows)
    }

    /// One whole number or a list of them; what range they must keep is the caller's.
    pub(crate) fn whole_or_list(&self, key: &str) -> Option<Result<i64, Vec<i64>>> {
        let value = self.get(key)?;
        let found = whole(value.get_ref()).map(Ok).or_else(|| whole_list(value.get_ref()).map(Err));
        if found.is_none() {
            self.ill_typed(key, "a whole number, or a list with one for each neuron", value.get_ref());
        }
        found
    }

    /// Reports the first number out of bounds.
    fn within(&self, key: &str, numbers: &[i64], least: i64, most: i64) -> bool {
        let bad = numbers.iter().position(|n| !(least..=most).contains(n));
        if let Some(at) = bad {
            let what = format!("{} (number {at} of the list) is out of range", numbers[at]);
            self.problem(key, what, format!("numbers from {least} to {most}"));
        }
        bad.is_none()
    }

    /// A pair of whole numbers within bounds.
    pub(crate) fn whole_pair(&self, key: &str, least: i64, most: i64) -> Option<(i64, i64)> {
        let value = self.get(key)?;
        let pair = value.get_ref().as_array().filter(|a| a.len() == 2).map(|a| {
            let mut numbers = a.iter().map(|item| whole(item.get_ref()));
            (numbers.next().flatten(), numbers.next().flatten())
        });
        match pair {
            Some((Some(a), Some(b))) => {
                if (least..=most).contains(&a) && (least..=most).contains(&b) {
                    return Some((a, b));
                }
                self.problem(
                    key,
                    format!("[{a}, {b}] is out of range"),
                    format!("numbers from {least} to {most}"),
                );
            }
            _ => self.ill_typed(key, "two whole numbers, as in [4, 4]", value.get_ref()),
        }
        None
    }

    /// A number that is finite and at least `least`; `None` if absent or wrong (reported).
    pub(crate) fn number(&self, key: &str, least: f64) -> Option<f64> {
        let value = self.get(key)?;
        let number = match value.get_ref() {
            DeValue::Float(f) => f.as_str().replace('_', "").parse().ok(),
            other => whole(other).map(|n| n as f64),
        };
        match number {
            Some(n) if f64::is_finite(n) && n >= least => return Some(n),
            Some(n) => self.problem(key, format!("{n} is out of range; wanted at least {least}"), ""),
            None => self.ill_typed(key, "a number", value.get_ref()),
        }
        None
    }

    /// As [`Table::number`] above 0, and absence is reported; 1 stands in.
    pub(crate) fn required_positive(&self, key: &str) -> f64 {
        if !self.has(key) {
            self.missing(key, "a number above 0");
        }
        match self.number(key, 0.0) {
            Some(0.0) => {
                self.problem(key, "0 is out of range; wanted a number above 0", "");
                1.0
            }
            other => other.unwrap_or(1.0),
        }
    }

    /// The text of a decimal number as written, for values that must not pass through binary fractions.
    pub(crate) fn decimal(&self, key: &str) -> Option<String> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Float(f) => Some(f.as_str().replace('_', "")),
            DeValue::Integer(i) if i.radix() == 10 => Some(i.as_str().replace('_', "")),
            other => {
                self.ill_typed(key, "a decimal number", other);
                None
            }
        }
    }

    /// Yes or no; `None` if absent.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.ill_typed(key, "true or false", value.get_ref());
        }
        flag
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        let Some(entries) = self.entries else { return };
        let asked = self.asked.borrow();
        for key in entries.keys().filter(|k| !asked.contains(k.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            let hint = match nearest(name, asked.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys here: {}", asked.iter().cloned().collect::<Vec<_>>().join(", ")),
            };
            let line = line_of(self.document.text, key.span().start);
            let place = format!("{}:{line}, key `{}`", self.document.file, self.key_path(name));
            self.document.problems.borrow_mut().push(Problem::new(
                place,
                format!("unknown key `{name}`"),
                hint,
            ));
        }
    }
}

fn whole_list(value: &DeValue<'_>) -> Option<Vec<i64>> {
    value.as_array()?.iter().map(|item| whole(item.get_ref())).collect()
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    value.as_integer().and_then(|i| i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).ok())
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(s) => format!("the string \"{s}\""),
        DeValue::Integer(i) => format!("the number {}", i.as_str()),
        DeValue::Float(f) => format!("the number {}", f.as_str()),
        other => format!(
            "{} {}",
            if other.type_str().starts_with(['a', 'i']) { "an" } else { "a" },
            other.type_str()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_with_its_line() {
        let text = "tikcs = 3\nname = 7\n[mesh]\nsize = [0, 5]\n";
        let document = Document::parse("x.toml", text).unwrap();
        {
            let root = document.root();
            root.required_whole("ticks", 1, 100);
            root.text("name");
            root.table("mesh").whole_pair("size", 1, 9);
        }
        let error = document.finish().unwrap_err();
        let all = error.to_string();
        assert_eq!(error.problems.len(), 4, "{all}");
        assert!(all.contains("did you mean `ticks`?") && all.contains("x.toml:1"), "{all}");
        assert!(all.contains("x.toml:4, key `mesh.size`"), "{all}");
    }

    #[test]
    fn decimals_keep_their_digits() {
        let document = Document::parse("x", "a = 23.6\nb = 0.1e1\n").unwrap();
        let root = document.root();
        assert_eq!(root.decimal("a").as_deref(), Some("23.6"));
        assert!(root.has("b"));
    }
}
