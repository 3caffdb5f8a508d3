//! Structured logs of the farm itself, on standard error. What a plugin prints is no log of the farm: it goes to the
//! build's own log file.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Starts logging. `filter` has the syntax of tracing's `EnvFilter`; one that cannot be read counts as `warn`.
///
/// Call it once, at the start of the process: later calls change nothing.
pub fn start(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
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
}
