//! The order of versions.

use std::cmp::Ordering;

use crate::plugin::WazoVersion;

/// Compares versions as wazo-plugind's market does: numbers as numbers, words as texts, and what goes on is higher. What it
/// cannot compare has an order here too: a number is higher than a word.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    parts(a).cmp(&parts(b))
}

/// Compares versions of Wazo itself: by their numbers, where both have the form that they should have.
pub(super) fn compare_wazo(a: &str, b: &str) -> Ordering {
    match (WazoVersion::new(a), WazoVersion::new(b)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => compare(a, b),
    }
}

/// A part of a version. Words are lower than numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'t> {
    Word(&'t str),
    /// How many digits, and these: numbers of any length, without zeros before them.
    Number(usize, &'t str),
}

/// Runs of digits, of small letters, and of anything else but points.
fn parts(text: &str) -> Vec<Part<'_>> {
    let kind = |c: char| match c {
        '0'..='9' => 0,
        'a'..='z' => 1,
        _ => 2,
    };
    let mut parts = Vec::new();
    for piece in text.split('.').filter(|piece| !piece.is_empty()) {
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c| kind(c) != kind(first)).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            parts.push(match kind(first) {
                0 => {
                    let digits = run.trim_start_matches('0');
                    Part::Number(digits.len(), digits)
                }
                _ => Part::Word(run),
            });
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_rise_as_in_wazo_plugind() {
        for (low, high) in [
            ("17.09", "17.10"),
            ("1.9", "1.10"),
            ("", "1.0.0"),
            ("1.0", "1.0.0"),
            ("1.0.0", "1.0.0-1"),
            ("1.0.0-2", "1.0.0-10"),
            ("1.0", "1.0rc1"),
            ("abc", "1.0"),
            ("1.0-rc1", "1.0-1"),
        ] {
            if high == "1.0-1" || low == "abc" {
                // These wazo-plugind cannot compare.
                assert_ne!(compare(low, high), Ordering::Equal);
                continue;
            }
            assert_eq!(compare(low, high), Ordering::Less, "{low} {high}");
        }
        assert_eq!(compare("1.0.1", "1.0.0-1"), Ordering::Less.reverse());
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
    }

    #[test]
    fn versions_of_wazo_are_numbers() {
        assert_eq!(compare_wazo("17.10", "100.01"), Ordering::Less);
        assert_eq!(compare_wazo("24.10", "24.10.0"), Ordering::Equal);
        assert_eq!(compare_wazo("9.10", "17.10"), Ordering::Less);
    }

    proptest! {
        #[test]
        fn there_is_an_order(a in "[0-9a-c.+~-]{0,8}", b in "[0-9a-c.+~-]{0,8}", c in "[0-9a-c.+~-]{0,8}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
                prop_assert_ne!(compare(&a, &c), Ordering::Greater);
            }
        }
    }
}
