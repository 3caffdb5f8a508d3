//! How YAML 1.1 (PyYAML, on the hosts) and YAML 1.2 (the core schema) read a plain scalar.

/// What a plain scalar means to one version of YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Text,
    Null,
    Boolean,
    /// An integer, with the base in which its digits count.
    Integer(u8),
    Float,
    /// A date, a sexagesimal number, a merge or a default key: things that only YAML 1.1 knows.
    Legacy,
}

/// Whether YAML 1.1 and 1.2 read the plain scalar `text` as different values.
pub(super) fn is_ambiguous(text: &str) -> bool {
    yaml11(text) != yaml12(text)
}

/// Whether YAML reads the plain scalar `text` as something else than a text.
pub(super) fn is_text(text: &str) -> bool {
    yaml11(text) == Reading::Text && yaml12(text) == Reading::Text
}

/// Whether YAML reads the plain scalar `text` as null.
pub(super) fn is_null(text: &str) -> bool {
    shared(text) == Some(Reading::Null)
}

/// YAML 1.1's reading: the resolvers of PyYAML, and the one-letter booleans of the specification.
pub(super) fn yaml11(text: &str) -> Reading {
    const BOOLEANS: &[&str] = &["y", "n", "yes", "no", "on", "off"];
    if let Some(reading) = shared(text) {
        return reading;
    }
    if BOOLEANS.iter().any(|word| is_cased(text, word)) {
        return Reading::Boolean;
    }
    if matches!(text, "<<" | "=") || is_date(text) || is_sexagesimal(text) {
        return Reading::Legacy;
    }
    let digits = unsigned(text);
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        // With a sign or an underscore; YAML 1.2 shares the rest.
        let valid = is_underscored(hexadecimal, |c| c.is_ascii_hexdigit());
        return integer_or_text(hexadecimal, 16, valid);
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return integer_or_text(
            binary,
            2,
            is_underscored(binary, |c| matches!(c, '0' | '1')),
        );
    }
    if let Some(octal) = digits.strip_prefix('0').filter(|rest| !rest.is_empty())
        && is_underscored(octal, |c| c.is_digit(8))
    {
        return Reading::Integer(8);
    }
    if starts_with_digit(digits) && is_underscored(digits, |c| c.is_ascii_digit()) {
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        return integer_or_text(digits, 10, !leading_zero);
    }
    let is_signed_fraction = digits.len() < text.len() && digits.starts_with('.');
    if is_float11(digits) && !is_signed_fraction {
        Reading::Float
    } else {
        Reading::Text
    }
}

/// YAML 1.2's reading: the core schema.
fn yaml12(text: &str) -> Reading {
    if let Some(reading) = shared(text) {
        return reading;
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return integer_or_text(octal, 8, octal.chars().all(|c| c.is_digit(8)));
    }
    let digits = unsigned(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Reading::Integer(10);
    }
    if is_float12(digits) {
        Reading::Float
    } else {
        Reading::Text
    }
}

/// What both versions read alike.
fn shared(text: &str) -> Option<Reading> {
    if matches!(text, "" | "~") || is_cased(text, "null") {
        return Some(Reading::Null);
    }
    if is_cased(text, "true") || is_cased(text, "false") {
        return Some(Reading::Boolean);
    }
    let is_infinite = unsigned(text)
        .strip_prefix('.')
        .is_some_and(|word| is_cased(word, "inf"));
    if is_infinite || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Reading::Float);
    }
    let hexadecimal = text.strip_prefix("0x").filter(|rest| !rest.is_empty())?;
    let all = hexadecimal.chars().all(|c| c.is_ascii_hexdigit());
    all.then_some(Reading::Integer(16))
}

/// Whether `text` is `word` in lower case, in upper case, or with its first letter in upper case.
fn is_cased(text: &str, word: &str) -> bool {
    let tail_is_lower = text.chars().skip(1).all(|c| !c.is_ascii_uppercase());
    let all_upper = text.chars().all(|c| !c.is_ascii_lowercase());
    text.eq_ignore_ascii_case(word) && (tail_is_lower || all_upper)
}

pub(super) fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn integer_or_text(digits: &str, base: u8, valid: bool) -> Reading {
    if valid && !digits.is_empty() {
        Reading::Integer(base)
    } else {
        Reading::Text
    }
}

fn is_underscored(text: &str, digit: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '_' || digit(c))
}

/// `1.5`, `1.`, `.5`, `1_0.5e+3`: a point is needed, and an exponent needs its sign.
fn is_float11(digits: &str) -> bool {
    let (mantissa, exponent) = split_exponent(digits);
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        return false;
    };
    let is_digits = |part: &str| part.is_empty() || is_underscored(part, |c| c.is_ascii_digit());
    let starts_well = starts_with_digit(whole) || (whole.is_empty() && starts_with_digit(fraction));
    let exponent_is_signed = exponent.is_none_or(|e| e.starts_with(['+', '-']) && is_exponent(e));
    starts_well && is_digits(whole) && is_digits(fraction) && exponent_is_signed
}

/// `1.5`, `1.`, `.5`, `1e3`: the point and the exponent's sign are optional.
fn is_float12(digits: &str) -> bool {
    let (mantissa, exponent) = split_exponent(digits);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_digit = !(whole.is_empty() && fraction.is_empty());
    has_digit && is_digits(whole) && is_digits(fraction) && exponent.is_none_or(is_exponent)
}

fn split_exponent(text: &str) -> (&str, Option<&str>) {
    match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    }
}

fn is_exponent(text: &str) -> bool {
    let digits = unsigned(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `1:2`, `190:20:30`, `1:30.5`: base 60 in YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = unsigned(text).split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<_> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let is_sixty = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, ones] => matches!(tens, b'0'..=b'5') && ones.is_ascii_digit(),
        _ => false,
    };
    let (seconds, fraction) = last.split_once('.').unwrap_or((last, ""));
    let is_fractional = seconds.len() < last.len();
    (is_fractional || !first.starts_with('0'))
        && starts_with_digit(first)
        && is_underscored(first, |c| c.is_ascii_digit())
        && middle.iter().all(|part| is_sixty(part))
        && is_sixty(seconds)
        && fraction.chars().all(|c| c == '_' || c.is_ascii_digit())
}

/// `2020-01-31`, and everything longer that starts as a timestamp does.
pub(super) fn is_date(text: &str) -> bool {
    let date: String = text
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '-')
        .collect();
    let parts: Vec<_> = date.split('-').map(str::len).collect();
    let has_time = text.len() > date.len();
    match parts.as_slice() {
        [4, 2, 2] => !has_time || text.contains(':'),
        [4, 1 | 2, 1 | 2] => has_time && text.contains(':'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_two_versions_read_differently_is_ambiguous() {
        for text in [
            "yes",
            "No",
            "ON",
            "off",
            "y",
            "N",
            "010",
            "08",
            "1_000",
            "0o7",
            "0b11",
            "1:2",
            "190:20:30",
            "1:30.5",
            "1e3",
            "1.5e3",
            "1_0.5",
            "2020-01-01",
            "2020-01-01 10:00:00",
            "2020-1-1T1:00:00",
            "=",
            "<<",
            "-010",
            "00",
            "-0x1",
            "0x1_f",
            "+.5",
            "0:1.5",
        ] {
            assert!(is_ambiguous(text), "{text}");
        }
    }

    #[test]
    fn what_both_versions_read_alike_is_not() {
        for text in [
            "",
            "~",
            "null",
            "true",
            "False",
            "1",
            "0",
            "-1",
            "24.10",
            "1.",
            ".5",
            "1.5e+3",
            "0x1F",
            ".inf",
            ".NaN",
            "1.0.0",
            "helloworld",
            "yEs",
            "1.0~rc1",
            "1:2.0.0",
            "a:b",
            "2020-01",
            "1.1.1-1",
            "nullable",
            "0xg",
            "0b",
            "-",
            "1:60",
            "0:1",
            "+.Inf",
            "0:1",
            "+.Inf",
            "🎉",
            "e",
            "1e",
            "_1",
        ] {
            assert!(!is_ambiguous(text), "{text}");
        }
    }

    #[test]
    fn only_words_are_text() {
        for text in ["1.0.0", "helloworld", "1.0-1", "a b", "_1", "1.0e"] {
            assert!(is_text(text), "{text}");
        }
        for text in ["1.0", "1", "true", "~", "yes", "1e3", "0x1f", "1:2"] {
            assert!(!is_text(text), "{text}");
        }
    }
}
