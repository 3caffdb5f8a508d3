//! Structured logs of the farm itself, on standard error. What a plugin prints is no log of the farm: it goes to the
//! build's own log file.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::model::printable;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// A filter that tracing's `EnvFilter` cannot read, or reads otherwise than it was meant.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is no log filter: {reason}")]
pub struct FilterError {
    filter: String,
    reason: String,
}

/// Starts logging. `filter` has the syntax of tracing's `EnvFilter`, where a module is named with its level.
///
/// Call it once, at the start of the process: later calls change nothing.
///
/// # Errors
///
/// [`FilterError`]; then nothing is logged.
pub fn start(filter: &str, format: LogFormat) -> Result<(), FilterError> {
    let filter = parse(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .without_time()
            .try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    drop(started);
    Ok(())
}

fn parse(filter: &str) -> Result<EnvFilter, FilterError> {
    let wrong = |reason: String| FilterError {
        filter: printable(filter, 100),
        reason,
    };
    // `EnvFilter` takes a lone word that is no level, such as a misspelt one, for a module of which everything is logged.
    let words = filter.split(',').map(str::trim);
    let lone = |word: &&str| {
        word.ends_with('=') || !word.is_empty() && !word.contains(['=', '[', '{', '}'])
    };
    if let Some(word) = words
        .filter(lone)
        .find(|word| word.parse::<LevelFilter>().is_err())
    {
        let word = printable(word, 60);
        return Err(wrong(format!(
            "`{word}` is no level (off, error, warn, info, debug, trace); a module is named with one, as in `plugfarm=debug`"
        )));
    }
    EnvFilter::try_new(filter).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_modules_with_levels() {
        for filter in [
            "",
            "warn",
            "DEBUG",
            "warn,plugfarm::sandbox=trace",
            "[build{id=1}]=info",
        ] {
            parse(filter).unwrap();
        }
    }

    #[test]
    fn a_misspelt_filter_is_refused() {
        for filter in ["wran", "plugfarm", "plugfarm=loud", "info,hyper=", "=,="] {
            assert!(parse(filter).is_err(), "{filter}");
        }
        let said = parse("wran").unwrap_err().to_string();
        insta::assert_snapshot!(said, @"`wran` is no log filter: `wran` is no level (off, error, warn, info, debug, trace); a module is named with one, as in `plugfarm=debug`");
    }
}
