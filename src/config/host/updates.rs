//! When plugins are updated without anybody asking.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::HostConfigError;
use super::check::wrong;
use crate::model::PluginId;

/// How many plugins may be named.
const MAX_PLUGINS: usize = 1000;
/// Between which bounds it is looked for updates, in seconds: a minute, and thirty days.
const INTERVALS: std::ops::RangeInclusive<u64> = 60..=30 * 24 * 60 * 60;
/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Updates that nobody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updates {
    /// Of which plugins.
    pub which: Which,
    /// When they may begin; at any time, if there is none.
    pub window: Option<Window>,
    /// How long after one look at the farm the next one is.
    pub interval: Duration,
}

/// Which plugins are updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All that are installed.
    All,
    /// These, where they are installed.
    These(Vec<PluginId>),
}

impl Which {
    /// Whether a plugin is among them.
    #[must_use]
    pub fn has(&self, plugin: &PluginId) -> bool {
        match self {
            Self::All => true,
            Self::These(plugins) => plugins.contains(plugin),
        }
    }
}

/// A part of each day, in minutes of this host's local time; the end is not in it, and may be on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: u16,
    to: u16,
}

impl Window {
    /// Whether a minute of the day is in it.
    #[must_use]
    pub fn contains(self, minute: u16) -> bool {
        match self.from < self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUpdates {
    automatic: Value,
    window: Option<String>,
    interval: u64,
}

pub(super) fn updates(raw: RawUpdates) -> Result<Option<Updates>, HostConfigError> {
    let Some(which) = which(&raw.automatic)? else {
        return Ok(None);
    };
    if !INTERVALS.contains(&raw.interval) {
        let (least, most) = INTERVALS.into_inner();
        let words = format!("it must be {least} to {most} seconds");
        return Err(wrong("updates.interval", &words));
    }
    let window = raw.window.map(|text| {
        let words = "it must be a part of the day, such as 02:00-05:30";
        window(&text).ok_or_else(|| wrong("updates.window", words))
    });
    Ok(Some(Updates {
        which,
        window: window.transpose()?,
        interval: Duration::from_secs(raw.interval),
    }))
}

fn which(value: &Value) -> Result<Option<Which>, HostConfigError> {
    let words = "it must be none, all, or a list of plugins as namespace/name";
    let wrong = || wrong("updates.automatic", words);
    match value {
        Value::Null | Value::Bool(false) => Ok(None),
        Value::String(word) if word == "none" => Ok(None),
        Value::String(word) if word == "all" => Ok(Some(Which::All)),
        Value::Array(items) if items.len() <= MAX_PLUGINS => {
            let plugins = items.iter().map(|item| item.as_str()?.parse().ok());
            let plugins: Option<Vec<_>> = plugins.collect();
            Ok(Some(Which::These(plugins.ok_or_else(wrong)?)))
        }
        _ => Err(wrong()),
    }
}

fn window(text: &str) -> Option<Window> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from.trim())?, minute(to.trim())?);
    (from != to && from < DAY).then_some(Window { from, to })
}

/// The minute of the day; 24:00 is its end.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(
        automatic: Value,
        window: Option<&str>,
        interval: u64,
    ) -> Result<Option<Updates>, String> {
        let window = window.map(str::to_owned);
        let raw = RawUpdates {
            automatic,
            window,
            interval,
        };
        updates(raw).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_updated_unless_it_is_asked_for() {
        for none in [json!(null), json!("none"), json!(false)] {
            assert_eq!(read(none, None, 0), Ok(None));
        }
        let some = read(json!(["demo/a"]), None, 60).unwrap().unwrap();
        assert!(some.which.has(&"demo/a".parse().unwrap()));
        assert!(!some.which.has(&"demo/b".parse().unwrap()));
        for wrong in [json!("some"), json!(["a"]), json!([1]), json!(true)] {
            assert!(read(wrong, None, 60).is_err());
        }
        insta::assert_snapshot!(read(json!("all"), None, 59).unwrap_err(), @"updates.interval: it must be 60 to 2592000 seconds");
    }

    #[test]
    fn a_window_may_go_over_midnight() {
        let day = window("02:00-05:30").unwrap();
        assert_eq!(
            [119, 120, 329, 330].map(|at| day.contains(at)),
            [false, true, true, false]
        );
        let night = window("22:00 - 04:00").unwrap();
        assert_eq!(
            [239, 240, 1319, 1320].map(|at| night.contains(at)),
            [true, false, false, true]
        );
        assert!(window("00:00-24:00").unwrap().contains(1439));
        for wrong in [
            "",
            "2-5",
            "02:00",
            "25:00-26:00",
            "02:60-03:00",
            "03:00-03:00",
            "24:00-01:00",
            "+2:00-03:00",
        ] {
            assert_eq!(window(wrong), None, "{wrong}");
        }
    }
}
