//! Which branches and tags are meant: names with `*` for anything, and `?` for any one character.

use std::fmt;
use std::str::FromStr;

use crate::model::InvalidValue;

/// A pattern of the names of branches or tags, such as `v*` or `release/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefPattern(String);

impl RefPattern {
    /// Whether `name` (without `refs/heads/` or `refs/tags/`) is one of those meant. `*` takes slashes, too.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.chars().collect();
        // Where the last `*` was, and how much of the name it has taken.
        let (mut p, mut n, mut star) = (0, 0, None);
        while let Some(c) = name.get(n) {
            match (pattern.get(p), star) {
                (Some('*'), _) => {
                    star = Some((p, n));
                    p += 1;
                }
                (Some(own), _) if *own == '?' || own == c => {
                    p += 1;
                    n += 1;
                }
                (_, Some((at, taken))) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                (_, None) => return false,
            }
        }
        pattern.iter().skip(p).all(|c| *c == '*')
    }
}

impl FromStr for RefPattern {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str =
            "it must be the name of a branch or a tag, with * and ? as in a shell, without blanks";
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"~^:[\\".contains(c);
        let valid = (1..=250).contains(&text.len())
            && !text.starts_with(['-', '/'])
            && !text.starts_with("refs/")
            && text.chars().all(plain);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("pattern", text, RULE))
        }
    }
}

impl fmt::Display for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_a_shell() {
        let matches =
            |pattern: &str, name: &str| pattern.parse::<RefPattern>().unwrap().matches(name);
        for (pattern, name) in [
            ("v*", "v1.2"),
            ("*", "a/b"),
            ("release/*", "release/1/2"),
            ("v?.?", "v1.2"),
            ("*-*-rc*", "a-b-c-rc1"),
            ("é?", "éß"),
            ("main", "main"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("v*", "1.2"),
            ("main", "main2"),
            ("v?", "v"),
            ("*a", "b"),
            ("release/*", "release"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        // No pattern takes long.
        assert!(!matches(
            &"*a".repeat(100),
            &"a".repeat(250).replace("aa", "ab")
        ));
        for bad in ["", "-x", "a b", "refs/heads/*", "/x", "a\n", "[a]"] {
            assert!(bad.parse::<RefPattern>().is_err(), "{bad}");
        }
    }
}
