//! The part of the configuration file about the farm as a service.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use super::raw::{duration, value_error};
use super::raw_load::{RawLoad, check_load};
use super::{ConfigError, ServeConfig};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServe {
    listen: Option<SocketAddr>,
    workers: Option<usize>,
    database: Option<String>,
    quarantine_after: Option<u32>,
    proxies: Option<Vec<IpAddr>>,
    limits: RawLoad,
    keep_artifacts: Option<String>,
    keep_logs: Option<String>,
}

/// Checks it.
pub(super) fn check_serve(
    raw: RawServe,
    defaults: ServeConfig,
) -> Result<ServeConfig, ConfigError> {
    let config = ServeConfig {
        listen: raw.listen.unwrap_or(defaults.listen),
        workers: raw.workers.unwrap_or(defaults.workers),
        database: raw.database,
        quarantine_after: raw.quarantine_after.unwrap_or(defaults.quarantine_after),
        proxies: raw.proxies.unwrap_or(defaults.proxies),
        limits: check_load(raw.limits, defaults.limits)?,
        keep_artifacts: duration("serve.keep_artifacts", raw.keep_artifacts)?
            .unwrap_or(defaults.keep_artifacts),
        keep_logs: duration("serve.keep_logs", raw.keep_logs)?.unwrap_or(defaults.keep_logs),
    };
    if !(1..=64).contains(&config.workers) {
        return Err(value_error("serve.workers", "it must be between 1 and 64"));
    }
    if config.quarantine_after == 0 {
        return Err(value_error(
            "serve.quarantine_after",
            "it must be 1 or more",
        ));
    }
    let postgres =
        |url: &String| url.starts_with("postgres://") || url.starts_with("postgresql://");
    if !config.database.as_ref().is_none_or(postgres) {
        // It may hold a password, and is not repeated.
        return Err(value_error(
            "serve.database",
            "it must be a postgres:// address",
        ));
    }
    Ok(config)
}
