//! What is asked of the market: search, filters, order, and one page of what is left.

use std::cmp::Ordering;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::Entry;

/// What is asked of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// How many entries at most; all of them, if it is 0.
    pub limit: usize,
    /// How many are passed over first.
    pub offset: usize,
    /// The key whose values order them.
    pub order: String,
    /// Which way.
    pub direction: Direction,
    /// A text that one of the entry's values has in it, whatever its case and accents.
    pub search: Option<String>,
    /// Whether it is installed.
    pub installed: Option<bool>,
    /// Keys and the values that they must have exactly.
    pub filters: Vec<(String, String)>,
}

/// Which way entries are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The lowest first.
    Ascending,
    /// The highest first.
    Descending,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            limit: 0,
            offset: 0,
            order: "name".to_owned(),
            direction: Direction::Ascending,
            search: None,
            installed: None,
            filters: Vec::new(),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The page.
    pub items: Vec<Entry>,
    /// How many entries there are.
    pub total: usize,
    /// How many of them are what was asked for, on all pages.
    pub filtered: usize,
}

/// The values that should order entries have no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{order}\" values are not orderable")]
pub struct Unorderable {
    /// Their key.
    pub order: String,
}

impl Query {
    /// What of `entries` is asked for.
    ///
    /// # Errors
    ///
    /// [`Unorderable`].
    pub fn select(&self, entries: Vec<Entry>) -> Result<Selection, Unorderable> {
        let total = entries.len();
        let search = self.search.as_deref().map(folded);
        let mut items: Vec<_> = entries
            .into_iter()
            .filter(|entry| self.is_wanted(entry, search.as_deref()))
            .collect();
        self.sort(&mut items)?;
        let filtered = items.len();
        let most = if self.limit == 0 {
            usize::MAX
        } else {
            self.limit
        };
        Ok(Selection {
            items: items.into_iter().skip(self.offset).take(most).collect(),
            total,
            filtered,
        })
    }

    fn is_wanted(&self, entry: &Entry, search: Option<&str>) -> bool {
        let is_installed = || {
            entry
                .get("installed_version")
                .is_some_and(|one| !one.is_null())
        };
        self.installed.is_none_or(|wanted| wanted == is_installed())
            && self.filters.iter().all(|(key, wanted)| {
                entry.get(key).and_then(Value::as_str) == Some(wanted.as_str())
            })
            && search.is_none_or(|text| entry.values().any(|value| has(value, text)))
    }

    fn sort(&self, items: &mut [Entry]) -> Result<(), Unorderable> {
        let values = items.iter().filter_map(|entry| entry.get(&self.order));
        let mut kinds: Vec<_> = values.filter(|value| !value.is_null()).map(kind).collect();
        kinds.dedup();
        if kinds.len() > 1 || kinds.contains(&Kind::None) {
            return Err(Unorderable {
                order: self.order.clone(),
            });
        }
        items.sort_by(|a, b| {
            let value = |entry: &Entry| {
                entry
                    .get(&self.order)
                    .filter(|value| !value.is_null())
                    .cloned()
            };
            match (value(a), value(b)) {
                (Some(a), Some(b)) => match self.direction {
                    Direction::Ascending => compare(&a, &b),
                    Direction::Descending => compare(&b, &a),
                },
                // What has no value comes last, whichever way.
                (a, b) => a.is_none().cmp(&b.is_none()),
            }
        });
        Ok(())
    }
}

/// Of what kind a value is, as far as its order is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Texts,
    None,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::String(_) => Kind::Text,
        Value::Number(_) | Value::Bool(_) => Kind::Number,
        Value::Array(items) if items.iter().all(Value::is_string) => Kind::Texts,
        Value::Array(_) | Value::Object(_) | Value::Null => Kind::None,
    }
}

/// The order of two values of one kind.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let texts = |items: &[Value]| -> Vec<String> {
                items
                    .iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect()
            };
            texts(a).cmp(&texts(b))
        }
        (a, b) => {
            let number = |value: &Value| value.as_f64().or_else(|| value.as_bool().map(f64::from));
            let (a, b) = (number(a).unwrap_or_default(), number(b).unwrap_or_default());
            a.total_cmp(&b)
        }
    }
}

/// Whether a text, or one of a list's texts, has this in it.
fn has(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => folded(value).contains(text),
        Value::Array(items) => {
            let mut texts = items.iter().filter_map(Value::as_str);
            texts.any(|value| folded(value).contains(text))
        }
        _ => false,
    }
}

/// A text without case and accents.
fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c));
    let lower: String = plain.flat_map(char::to_lowercase).collect();
    lower
        .replace('ß', "ss")
        .replace('æ', "ae")
        .replace('œ', "oe")
        .replace('ø', "o")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entries() -> Vec<Entry> {
        let entries = json!([
            {"name": "c", "namespace": "official", "tags": ["Café", "x"], "color": "red", "installed_version": null, "versions": [{"version": "findme"}]},
            {"name": "a", "namespace": "other", "tags": ["y"], "installed_version": "1.0", "versions": []},
            {"name": "b", "namespace": "official", "tags": ["w"], "color": "blue", "author": "Élodie STRAẞE", "installed_version": null, "versions": [{}]},
        ]);
        let Value::Array(entries) = entries else {
            panic!()
        };
        entries
            .into_iter()
            .map(|entry| entry.as_object().unwrap().clone())
            .collect()
    }

    fn names(query: &Query) -> String {
        match query.select(entries()) {
            Ok(Selection {
                items,
                total,
                filtered,
            }) => {
                let names: Vec<_> = items
                    .iter()
                    .map(|item| item["name"].as_str().unwrap())
                    .collect();
                format!("{} {filtered}/{total}", names.join(""))
            }
            Err(error) => error.to_string(),
        }
    }

    fn searched(text: &str) -> String {
        names(&Query {
            search: Some(text.to_owned()),
            ..Query::default()
        })
    }

    #[test]
    fn test_search() {
        assert_eq!(searched("CAFE"), "c 1/3");
        assert_eq!(searched("élo"), "b 1/3");
        assert_eq!(searched("strasse"), "b 1/3");
        assert_eq!(searched("offic"), "bc 2/3");
        assert_eq!(searched("findme"), " 0/3");
        assert_eq!(searched(""), "abc 3/3");
    }

    #[test]
    fn test_installed_filter_and_strict_filters() {
        let installed = |wanted| {
            names(&Query {
                installed: Some(wanted),
                ..Query::default()
            })
        };
        assert_eq!(installed(true), "a 1/3");
        assert_eq!(installed(false), "bc 2/3");
        let filtered = |key: &str, value: &str| {
            let filters = vec![(key.to_owned(), value.to_owned())];
            names(&Query {
                filters,
                ..Query::default()
            })
        };
        assert_eq!(filtered("namespace", "official"), "bc 2/3");
        assert_eq!(filtered("namespace", "offic"), " 0/3");
        assert_eq!(filtered("bogus", "1"), " 0/3");
        assert_eq!(filtered("tags", "y"), " 0/3");
    }

    #[test]
    fn test_sort_direction_and_order() {
        let sorted = |order: &str, direction| {
            names(&Query {
                order: order.to_owned(),
                direction,
                ..Query::default()
            })
        };
        use Direction::{Ascending, Descending};
        assert_eq!(sorted("name", Descending), "cba 3/3");
        assert_eq!(sorted("color", Ascending), "bca 3/3");
        assert_eq!(sorted("color", Descending), "cba 3/3");
        assert_eq!(sorted("tags", Ascending), "cba 3/3");
        assert_eq!(sorted("installed_version", Ascending), "acb 3/3");
        assert_eq!(sorted("nothing", Ascending), "cab 3/3");
        assert_eq!(
            sorted("versions", Ascending),
            "\"versions\" values are not orderable"
        );
    }

    #[test]
    fn test_limit_and_offset() {
        let paged = |limit, offset| {
            names(&Query {
                limit,
                offset,
                ..Query::default()
            })
        };
        assert_eq!(paged(0, 0), "abc 3/3");
        assert_eq!(paged(1, 0), "a 3/3");
        assert_eq!(paged(5, 1), "bc 3/3");
        assert_eq!(paged(1, 1), "b 3/3");
        assert_eq!(paged(usize::MAX, usize::MAX), " 3/3");
    }
}
