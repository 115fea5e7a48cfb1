//! Settings in one line: `name`, or `name(item,item;key=value;key=value)`.

use std::fmt;
use std::str::FromStr;

/// Why a text is not a pattern or a process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Brackets or a name are missing.
    #[error("`{text}` is not of the form name or name(items;key=value): {why}")]
    Form {
        /// The whole text.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// No such name.
    #[error("there is no {what} `{name}`; there are: {known}")]
    Unknown {
        /// Pattern or process.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// Names there are.
        known: String,
    },
    /// A setting the name does not have.
    #[error("`{name}` has no setting `{key}`; it has: {known}")]
    UnknownKey {
        /// Name of the pattern or process.
        name: String,
        /// The setting asked for.
        key: String,
        /// Settings it has.
        known: String,
    },
    /// A setting that is required and not there.
    #[error("`{name}` needs {wanted}")]
    Missing {
        /// Name of the pattern or process.
        name: String,
        /// What is missing.
        wanted: String,
    },
    /// A value that is not what its setting takes.
    #[error("`{name}`: {key} is `{value}`; wanted: {wanted}")]
    Value {
        /// Name of the pattern or process.
        name: String,
        /// The setting.
        key: String,
        /// The value given.
        value: String,
        /// What it takes.
        wanted: &'static str,
    },
}

/// A text in pieces; pieces are taken out, and [`Call::finish`] finds what is left over.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    items: Vec<&'a str>,
    pairs: Vec<(&'a str, &'a str)>,
    /// Keys that were asked for.
    asked: Vec<&'static str>,
    takes_items: bool,
}

impl<'a> Call<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, TextError> {
        let form = |why| TextError::Form { text: text.to_owned(), why };
        let trimmed = text.trim();
        let (name, inner) = match trimmed.split_once('(') {
            None => (trimmed, ""),
            Some((name, rest)) => (
                name.trim_end(),
                rest.strip_suffix(')').ok_or_else(|| form("the bracket is not closed at its end"))?,
            ),
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(form("the name is letters, digits and hyphens"));
        }
        let (mut items, mut pairs) = (Vec::new(), Vec::new());
        for part in inner.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((key, value)) => pairs.push((key.trim(), value.trim())),
                None => items.push(part),
            }
        }
        for (i, (key, _)) in pairs.iter().enumerate() {
            if pairs[..i].iter().any(|(before, _)| before == key) {
                return Err(form("a setting is given twice"));
            }
        }
        Ok(Self { name, items, pairs, asked: Vec::new(), takes_items: false })
    }

    /// All items, for names that take some.
    pub(super) fn items(&mut self) -> Vec<&'a str> {
        self.takes_items = true;
        std::mem::take(&mut self.items)
    }

    /// A setting, if it is given.
    pub(super) fn optional<T: FromStr>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
    ) -> Result<Option<T>, TextError> {
        self.asked.push(key);
        let Some(at) = self.pairs.iter().position(|(k, _)| *k == key) else { return Ok(None) };
        let (_, value) = self.pairs.remove(at);
        value.parse().map(Some).map_err(|_| self.wrong(key, value, wanted))
    }

    /// A setting that must be given.
    pub(super) fn required<T: FromStr>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
    ) -> Result<T, TextError> {
        let value = self.optional(key, wanted)?;
        value.ok_or_else(|| TextError::Missing {
            name: self.name.to_owned(),
            wanted: format!("{key}: {wanted}"),
        })
    }

    pub(super) fn wrong(&self, key: &str, value: impl fmt::Display, wanted: &'static str) -> TextError {
        TextError::Value { name: self.name.to_owned(), key: key.to_owned(), value: value.to_string(), wanted }
    }

    /// Checks that nothing is left over.
    pub(super) fn finish(self) -> Result<(), TextError> {
        let known = || if self.asked.is_empty() { "none".to_owned() } else { self.asked.join(", ") };
        let left = self.pairs.first().map(|(key, _)| *key).or(self.items.first().copied());
        match left {
            None => Ok(()),
            Some(key) => {
                Err(TextError::UnknownKey { name: self.name.to_owned(), key: key.to_owned(), known: known() })
            }
        }
    }
}
