//! Versions of Wazo itself, such as `24.10`, compared by their numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::model::InvalidValue;

/// A version of the Wazo platform: one to four numbers with points between them, such as `24.10` or `25.15.1`.
///
/// Numbers are compared as numbers, unlike in wazo-plugind, which compares texts: `24.9` is lower than `24.10`, and
/// `24.1` equals `24.01`. What is not written counts as 0.
#[derive(Debug, Clone)]
pub struct WazoVersion {
    text: String,
    numbers: [u32; 4],
}

impl WazoVersion {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must be one to four numbers with points between them, as in 24.10";
        let invalid = || InvalidValue::new("Wazo version", text, RULE);
        let mut numbers = [0; 4];
        let parts: Vec<_> = text.split('.').collect();
        if !(1..=4).contains(&parts.len()) {
            return Err(invalid());
        }
        for (number, part) in numbers.iter_mut().zip(parts) {
            let is_number =
                (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            *number = part
                .parse()
                .ok()
                .filter(|_| is_number)
                .ok_or_else(invalid)?;
        }
        Ok(Self {
            text: text.to_owned(),
            numbers,
        })
    }

    /// The text as the manifest writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for WazoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for WazoVersion {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl PartialEq for WazoVersion {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for WazoVersion {}

impl PartialOrd for WazoVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WazoVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> WazoVersion {
        WazoVersion::new(text).unwrap()
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        let rising = [
            "9.10", "17.05", "17.9", "17.10", "24.10", "24.10.1", "24.11", "100.01",
        ];
        for pair in rising.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("24.1"), version("24.01"));
        assert_eq!(version("24.1"), version("24.1.0"));
    }

    #[test]
    fn what_is_no_wazo_version_is_refused() {
        for bad in [
            "",
            "24.",
            ".10",
            "24.x",
            "v24.10",
            "24.10\n",
            "1.2.3.4.5",
            "24.1000000",
            "24.+1",
            "latest",
        ] {
            assert!(WazoVersion::new(bad).is_err(), "{bad:?}");
        }
    }
}
