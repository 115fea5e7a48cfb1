//! Fields of JSON objects, read so that every fault is kept with its place.

use crate::error::{Error, Problem, nearest};
use serde_json::Value;
use serde_json::value::RawValue;

/// Problems reported one by one; of more only the number.
const MOST_PROBLEMS: usize = 100;

/// What was found wrong in one file so far.
#[derive(Debug)]
pub(super) struct Faults<'f> {
    file: &'f str,
    problems: Vec<Problem>,
    more: usize,
}

impl<'f> Faults<'f> {
    pub(super) fn new(file: &'f str) -> Self {
        Self { file, problems: Vec::new(), more: 0 }
    }

    /// Notes a fault; an empty place is the file itself.
    pub(super) fn add(&mut self, place: &str, what: impl Into<String>, hint: impl Into<String>) {
        if self.problems.len() == MOST_PROBLEMS {
            self.more += 1;
            return;
        }
        let place = if place.is_empty() { self.file.to_owned() } else { format!("{}, {place}", self.file) };
        self.problems.push(Problem::new(place, what, hint));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Everything found wrong.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        if self.more > 0 {
            let what = format!("{} more faults are not listed", self.more);
            self.problems.push(Problem::new(self.file, what, "mend those above first"));
        }
        crate::error::all_well(self.problems)
    }

    /// The fields of the object `text` is; none (and a fault) if it is none.
    pub(super) fn object<'t, T: serde::Deserialize<'t>>(
        &mut self,
        text: &'t str,
        place: &str,
        wanted: &str,
    ) -> Option<T> {
        match serde_json::from_str(text) {
            Ok(object) => Some(object),
            Err(e) if e.is_data() => {
                self.add(place, format!("wanted {wanted}: {e}"), "see docs/formats/ranc.md");
                None
            }
            Err(e) => {
                self.add(
                    place,
                    format!("not valid JSON: {e}"),
                    "the file may be cut off or be of another format",
                );
                None
            }
        }
    }

    /// The items of a list that is not decoded yet; `what` is its name.
    pub(super) fn raw_list<'t>(&mut self, list: Option<&'t RawValue>, what: &str) -> Vec<&'t RawValue> {
        let Some(list) = list else {
            self.add("", format!("the key `{what}` is missing; it takes a list"), "");
            return Vec::new();
        };
        let items = serde_json::from_str(list.get());
        items.unwrap_or_else(|_| {
            self.add(what, format!("`{what}` is {}; wanted a list", kind(list.get())), "");
            Vec::new()
        })
    }

    /// The value of a key that must be there.
    fn member<'v>(&mut self, object: &'v Value, place: &str, key: &str, wanted: &str) -> Option<&'v Value> {
        let Some(fields) = object.as_object() else {
            // That it is none has been said by `is_object`.
            return None;
        };
        let value = fields.get(key);
        if value.is_none() {
            let near = nearest(key, fields.keys().map(String::as_str));
            let hint = near.map_or(String::new(), |near| format!("`{near}` may be a misspelt `{key}`"));
            self.add(place, format!("the key `{key}` is missing; it takes {wanted}"), hint);
        }
        value
    }

    /// Whether `value` is an object; a fault if not.
    pub(super) fn is_object(&mut self, value: &Value, place: &str) -> bool {
        if !value.is_object() {
            self.add(place, format!("wanted an object, found {}", describe(value)), "");
        }
        value.is_object()
    }

    /// A list that must be there; empty if it is not.
    pub(super) fn list<'v>(&mut self, object: &'v Value, place: &str, key: &str) -> &'v [Value] {
        let Some(value) = self.member(object, place, key, "a list") else { return &[] };
        value.as_array().map_or_else(
            || {
                self.add(place, format!("`{key}` is {}; wanted a list", describe(value)), "");
                &[][..]
            },
            Vec::as_slice,
        )
    }

    /// A whole number within bounds that must be there; `least` stands in for one that is wrong.
    pub(super) fn whole(&mut self, object: &Value, place: &str, key: &str, least: i64, most: i64) -> i64 {
        let wanted = format!("a whole number from {least} to {most}");
        let Some(value) = self.member(object, place, key, &wanted) else { return least };
        self.number(value, || (place.to_owned(), format!("`{key}`")), least, most, "")
    }

    /// A number of a list, or of a key; `name` gives its place and name if it is wrong.
    pub(super) fn number(
        &mut self,
        value: &Value,
        name: impl Fn() -> (String, String),
        least: i64,
        most: i64,
        hint: &str,
    ) -> i64 {
        match value.as_i64() {
            Some(number) if (least..=most).contains(&number) => number,
            found => {
                let (place, name) = name();
                let found = found.map_or_else(|| describe(value), |n| n.to_string());
                self.add(
                    &place,
                    format!("{name} is {found}; wanted a whole number from {least} to {most}"),
                    hint,
                );
                least
            }
        }
    }

    /// A list of two whole numbers that must be there.
    pub(super) fn pair(&mut self, object: &Value, place: &str, key: &str) -> Option<(i64, i64)> {
        let value = self.member(object, place, key, "two whole numbers, as in [0, 1]")?;
        let pair = value.as_array().and_then(|list| match &list[..] {
            [x, y] => Some((x.as_i64()?, y.as_i64()?)),
            _ => None,
        });
        if pair.is_none() {
            let what = format!("`{key}` is {}; wanted two whole numbers, as in [0, 1]", describe(value));
            self.add(place, what, "");
        }
        pair
    }
}

/// A value for people, short.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the text \"{}\"", text.chars().take(20).collect::<String>()),
        Value::Array(list) if list.len() <= 4 => value.to_string(),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "an object".into(),
    }
}

/// What a JSON text is, by its first character.
fn kind(text: &str) -> &'static str {
    match text.chars().next() {
        Some('{') => "an object",
        Some('[') => "a list",
        Some('"') => "a text",
        _ => "a single value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_name_place_and_hint() {
        let mut faults = Faults::new("f.json");
        let object = json!({ "leek": 1, "axons": 3, "big": 70_000, "half": 0.5, "pair": [1, 2, 3] });
        assert_eq!(faults.whole(&object, "cores[0]", "leak", -5, 5), -5);
        assert!(faults.list(&object, "cores[0]", "axons").is_empty());
        faults.whole(&object, "", "big", 0, 255);
        faults.whole(&object, "", "half", 0, 255);
        assert_eq!(faults.pair(&object, "", "pair"), None);
        let error = faults.finish().unwrap_err();
        let said: Vec<_> = error.problems.iter().map(|p| (&p.place[..], &p.what[..], &p.hint[..])).collect();
        assert_eq!(
            said[0],
            (
                "f.json, cores[0]",
                "the key `leak` is missing; it takes a whole number from -5 to 5",
                "`leek` may be a misspelt `leak`"
            )
        );
        assert_eq!(said[1].1, "`axons` is 3; wanted a list");
        assert_eq!(said[2], ("f.json", "`big` is 70000; wanted a whole number from 0 to 255", ""));
        assert_eq!(said[3].1, "`half` is 0.5; wanted a whole number from 0 to 255");
        assert_eq!(said[4].1, "`pair` is [1,2,3]; wanted two whole numbers, as in [0, 1]");
    }

    #[test]
    fn a_hopeless_file_is_not_listed_for_ever() {
        let mut faults = Faults::new("f");
        (0..1000).for_each(|i| faults.add("x", i.to_string(), ""));
        let error = faults.finish().unwrap_err();
        assert_eq!(error.problems.len(), MOST_PROBLEMS + 1);
        assert!(error.to_string().contains("900 more faults"));
    }
}
