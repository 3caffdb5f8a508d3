//! Who decides what hosts get, and why: actors and their reasons.

use super::text::{InvalidValue, is_deceptive, text_type};

/// Who does something to the repository: an account's name or an address, `^[a-z0-9][a-z0-9._+@-]*$`, at most 64 characters.
///
/// Upper case becomes lower case, and blanks at the ends go: so that one person is not two by writing a name differently.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(String);
text_type!(Actor);

impl Actor {
    /// The farm's operator, where nothing more is known.
    #[must_use]
    pub fn operator() -> Self {
        Self("operator".to_owned())
    }

    /// The farm itself, for what it does unasked.
    #[must_use]
    pub fn farm() -> Self {
        Self("farm".to_owned())
    }

    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must be an account's name or an address: at most 64 of a-z, 0-9 and . _ + @ -, \
                            with a letter or digit first";
        let name = text.trim().to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+@-".contains(c);
        let valid = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(plain);
        if valid {
            Ok(Self(name))
        } else {
            Err(InvalidValue::new("name of who does it", text, RULE))
        }
    }
}

/// Why somebody does something: one line of 1 to 500 characters, none of which a terminal or a page would obey.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason(String);
text_type!(Reason);

impl Reason {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must be one line of 1 to 500 characters, without control characters";
        let words = text.trim();
        let fits = !words.is_empty() && words.chars().take(501).count() <= 500;
        if fits && !words.chars().any(is_deceptive) {
            Ok(Self(words.to_owned()))
        } else {
            Err(InvalidValue::new("reason", text, RULE))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_one_name() {
        let alice = Actor::new("alice").unwrap();
        for same in ["Alice", " alice ", "ALICE\n"] {
            assert_eq!(Actor::new(same).unwrap(), alice, "{same:?}");
        }
        assert_eq!(
            Actor::new("Ann.B+farm@example.org").unwrap().as_str(),
            "ann.b+farm@example.org"
        );
        for bad in ["", " ", "al ice", "-a", "al\u{200b}ice", "аlice", "a\nb"] {
            assert!(Actor::new(bad).is_err(), "{bad:?}");
        }
        assert!(Actor::new(&"a".repeat(65)).is_err());
    }

    #[test]
    fn a_reason_is_one_line_that_can_be_shown() {
        assert_eq!(
            Reason::new(" tested on é🎉 ").unwrap().as_str(),
            "tested on é🎉"
        );
        assert!(Reason::new(&"é".repeat(500)).is_ok());
        for bad in ["", " \n", "a\nPin: release *", "\u{1b}[31m", "a\u{202e}b"] {
            assert!(Reason::new(bad).is_err(), "{bad:?}");
        }
        for long in [501, 1 << 20] {
            let refused = Reason::new(&"a".repeat(long)).unwrap_err();
            assert!(refused.to_string().len() < 400);
        }
    }
}
