//! Plain scalars as JSON.

use serde_json::Value;

use crate::plugin::scalar::{Reading, is_date, unsigned, yaml11};

/// What a host makes of the plain scalar `text`, in JSON: dates become texts (ISO 8601), and what JSON has no number for stays
/// as it is written.
pub(super) fn json(text: &str) -> Value {
    let value = match yaml11(text) {
        Reading::Null => Some(Value::Null),
        // One letter is a boolean to the specification, and not to PyYAML.
        Reading::Boolean if text.len() > 1 => {
            let word = text.to_ascii_lowercase();
            Some(Value::Bool(matches!(word.as_str(), "yes" | "on" | "true")))
        }
        Reading::Integer(base) => integer(text, base).map(Value::from),
        Reading::Float => float(text).map(Value::from),
        Reading::Legacy if is_date(text) => date(text).map(Value::from),
        Reading::Legacy => sixty(text),
        Reading::Text | Reading::Boolean => None,
    };
    value.unwrap_or_else(|| text.into())
}

fn integer(text: &str, base: u8) -> Option<i64> {
    let digits = unsigned(text).replace('_', "");
    let digits = match base {
        16 => digits.strip_prefix("0x")?,
        2 => digits.strip_prefix("0b")?,
        _ => digits.as_str(),
    };
    let sign = if text.starts_with('-') { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), base.into()).ok()
}

fn float(text: &str) -> Option<f64> {
    let number: f64 = text.replace('_', "").parse().ok()?;
    number.is_finite().then_some(number)
}

/// A number of base 60, such as `1:30` or `1:30.5`.
fn sixty(text: &str) -> Option<Value> {
    let digits = unsigned(text).replace('_', "");
    let sign = if text.starts_with('-') { -1 } else { 1 };
    if digits.contains('.') {
        let mut number = 0.0;
        for part in digits.split(':') {
            number = number * 60.0 + part.parse::<f64>().ok()?;
        }
        return Some((number * f64::from(sign)).into());
    }
    let mut number = 0_i64;
    for part in digits.split(':') {
        number = number.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    Some((number * i64::from(sign)).into())
}

/// A date or a time as ISO 8601 writes it, with microseconds where it has fractions.
fn date(text: &str) -> Option<String> {
    let end = text.find(['T', 't', ' ', '\t']);
    let (day, time) = end.map_or((text, ""), |end| text.split_at(end));
    let mut parts = day.split('-').map(str::parse::<u32>);
    let mut next = |range: std::ops::RangeInclusive<u32>| {
        let number = parts.next()?.ok()?;
        range.contains(&number).then_some(number)
    };
    let (year, month, day) = (next(1..=9999)?, next(1..=12)?, next(1..=31)?);
    let day = format!("{year:04}-{month:02}-{day:02}");
    if time.is_empty() {
        return Some(day);
    }
    let time = time.trim_start_matches(['T', 't', ' ', '\t']);
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone);
    let (clock, fraction) = time
        .trim_end()
        .split_once('.')
        .unwrap_or((time.trim_end(), ""));
    let mut parts = clock.split(':').map(str::parse::<u32>);
    let mut next = |most: u32| parts.next()?.ok().filter(|number| *number <= most);
    let (hours, minutes, seconds) = (next(23)?, next(59)?, next(59)?);
    let fraction = match fraction.get(..fraction.len().min(6))? {
        "" => String::new(),
        digits => format!(".{digits:0<6}"),
    };
    let zone = self::zone(zone)?;
    Some(format!(
        "{day}T{hours:02}:{minutes:02}:{seconds:02}{fraction}{zone}"
    ))
}

/// `Z`, `+5`, `-05:00`; nothing is nothing.
fn zone(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    if text == "Z" {
        return Some("+00:00".to_owned());
    }
    let sign = if text.starts_with('-') { '-' } else { '+' };
    let (hours, minutes) = unsigned(text)
        .split_once(':')
        .unwrap_or((unsigned(text), "0"));
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    Some(format!("{sign}{hours:02}:{minutes:02}"))
}
