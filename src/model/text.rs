//! The error of every checked text value, and the two texts that all layers share: a time and a printable rendering.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that does not have the form its type asks for. Says what was given, and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {what}: {rule}")]
pub struct InvalidValue {
    /// What the text was meant to be, for example "plugin name".
    pub what: &'static str,
    /// The text, made printable and cut to 120 characters.
    pub value: String,
    /// The rule that it breaks, as a sentence without a final stop.
    pub rule: &'static str,
}

impl InvalidValue {
    /// Reports `value` as an invalid `what`, because of `rule`.
    #[must_use]
    pub fn new(what: &'static str, value: &str, rule: &'static str) -> Self {
        Self {
            what,
            value: printable(value, 120),
            rule,
        }
    }
}

/// Renders a stranger's text on one line: control characters are escaped, and what exceeds `limit` characters is cut.
#[must_use]
pub fn printable(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        if is_deceptive(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, and the Unicode format characters that reorder or hide text on a terminal or a page.
pub(super) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A moment, in whole seconds since 1970-01-01T00:00:00Z. The vocabulary has no clock: times are always handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second that every format here can write, near the end of the year 9999.
    const LAST: i64 = 253_402_207_200;

    /// The moment `seconds` after the epoch; what lies outside the years 1970 to 9999 is moved to the nearest end.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.clamp(0, Self::LAST))
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, as the archive formats (tar, ar, gzip) want them.
    #[must_use]
    pub fn unsigned(self) -> u64 {
        self.0.unsigned_abs()
    }

    /// The form of RFC 3339, in UTC: `2026-01-31T12:00:00Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.instant().to_string()
    }

    /// The form of RFC 5322 that apt's Release files use, in UTC: `Sat, 31 Jan 2026 12:00:00 UTC`.
    #[must_use]
    pub fn release_date(self) -> String {
        self.instant()
            .strftime("%a, %d %b %Y %H:%M:%S UTC")
            .to_string()
    }

    /// The basic form of ISO 8601, in UTC, as the names of dated archives have it: `20260131T120000Z`.
    #[must_use]
    pub fn compact(self) -> String {
        self.instant().strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Reads what [`Timestamp::release_date`] writes, and no other form.
    pub fn from_release_date(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must have the form `Sat, 31 Jan 2026 12:00:00 UTC`";
        let invalid = || InvalidValue::new("Release date", text, RULE);
        let civil = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S UTC", text)
            .map_err(|_| invalid())?;
        let zoned = civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_err(|_| invalid())?;
        let time = Self::from_seconds(zoned.timestamp().as_second());
        if time.release_date() == text {
            Ok(time)
        } else {
            Err(invalid())
        }
    }

    /// The form of Debian changelogs (Debian Policy 4.4): `Sat, 31 Jan 2026 12:00:00 +0000`.
    #[must_use]
    pub fn changelog_date(self) -> String {
        self.instant()
            .strftime("%a, %d %b %Y %H:%M:%S +0000")
            .to_string()
    }

    fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidValue;

    /// Reads a moment in the form of RFC 3339, or a day, which stands for its first second in UTC.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str =
            "it must have the form 2026-01-31T12:00:00Z, or 2026-01-31 for that day in UTC";
        let moment = text.parse::<jiff::Timestamp>().ok();
        let day = || {
            // A day with an hour is read as a day, too.
            let day = text.parse::<jiff::civil::Date>().ok();
            let day = day.filter(|day| day.to_string() == text)?;
            Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let found = moment.or_else(day);
        found
            .map(|found| Self::from_seconds(found.as_second()))
            .ok_or_else(|| InvalidValue::new("time", text, RULE))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Gives an enum without fields its words: `ALL`, `word`, `Display`, `FromStr`.
macro_rules! word_type {
    ($name:ident, $what:literal, $rule:literal, $($variant:ident = $word:literal),*) => {
        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its word, as in the API and in the farm's state.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::InvalidValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|known| known.word() == text);
                found.copied().ok_or_else(|| $crate::model::InvalidValue::new($what, text, $rule))
            }
        }
    };
}
pub(super) use word_type;

/// Gives a checked text type its plain companions: `as_str`, `Display`, `FromStr`, and serde as a string.
macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::InvalidValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use text_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_is_printed_on_one_line() {
        assert_eq!(
            printable("a\nb\u{1b}[31m\u{202e}x", 40),
            "a\\nb\\u{1b}[31m\\u{202e}x"
        );
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("é🎉", 10), "é🎉");
    }

    #[test]
    fn dates_have_the_forms_that_apt_and_debian_read() {
        let time = Timestamp::from_seconds(1_769_860_800);
        assert_eq!(time.rfc3339(), "2026-01-31T12:00:00Z");
        assert_eq!(time.release_date(), "Sat, 31 Jan 2026 12:00:00 UTC");
        assert_eq!(time.compact(), "20260131T120000Z");
        assert_eq!(time.changelog_date(), "Sat, 31 Jan 2026 12:00:00 +0000");
    }

    #[test]
    fn a_time_is_read_as_a_moment_or_as_a_day() {
        let read = |text: &str| text.parse::<Timestamp>().map(Timestamp::rfc3339);
        for noon in ["2026-01-31T12:00:00Z", "2026-01-31T14:00:00+02:00"] {
            assert_eq!(read(noon).unwrap(), "2026-01-31T12:00:00Z");
        }
        assert_eq!(read("2026-01-31").unwrap(), "2026-01-31T00:00:00Z");
        for bad in ["", "yesterday", "2026-02-30", "12:00", "2026-01-31 12"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_release_date_is_read_in_its_one_form() {
        let time = Timestamp::from_seconds(1_769_860_800);
        assert_eq!(Timestamp::from_release_date(&time.release_date()), Ok(time));
        for bad in [
            "",
            "2026-01-31T12:00:00Z",
            "Sat, 31 Jan 2026 12:00:00 +0000",
            "Sun, 31 Jan 2026 12:00:00 UTC",
            "Sat, 31 Jan 2026 12:00:00 UTC ",
            "Sat, 31 Jan 1926 12:00:00 UTC",
        ] {
            assert!(Timestamp::from_release_date(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_outside_the_archive_formats_is_moved_inside() {
        assert_eq!(Timestamp::from_seconds(-5).seconds(), 0);
        assert_eq!(
            Timestamp::from_seconds(i64::MAX).rfc3339(),
            "9999-12-30T22:00:00Z"
        );
    }
}
