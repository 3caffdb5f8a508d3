//! The part of the configuration file about how much callers may ask of the farm's server.

use std::net::IpAddr;

use serde::Deserialize;

use super::raw::value_error;
use super::{ConfigError, LoadLimits};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLoad {
    connections: Option<usize>,
    connections_per_address: Option<usize>,
    log_readers: Option<usize>,
    log_readers_per_address: Option<usize>,
    requests_per_minute: Option<u32>,
    submissions_per_minute: Option<u32>,
    queued_per_partner: Option<u32>,
}

/// Checks it.
pub(super) fn check_load(raw: RawLoad, defaults: LoadLimits) -> Result<LoadLimits, ConfigError> {
    let limits = LoadLimits {
        connections: raw.connections.unwrap_or(defaults.connections),
        connections_per_address: raw
            .connections_per_address
            .unwrap_or(defaults.connections_per_address),
        log_readers: raw.log_readers.unwrap_or(defaults.log_readers),
        log_readers_per_address: raw
            .log_readers_per_address
            .unwrap_or(defaults.log_readers_per_address),
        requests_per_minute: raw
            .requests_per_minute
            .unwrap_or(defaults.requests_per_minute),
        submissions_per_minute: raw
            .submissions_per_minute
            .unwrap_or(defaults.submissions_per_minute),
        queued_per_partner: raw
            .queued_per_partner
            .unwrap_or(defaults.queued_per_partner),
    };
    let LoadLimits {
        connections,
        connections_per_address,
        log_readers,
        log_readers_per_address,
        requests_per_minute,
        submissions_per_minute,
        queued_per_partner,
    } = &limits;
    let counts = [
        connections,
        connections_per_address,
        log_readers,
        log_readers_per_address,
    ];
    let rates = [
        requests_per_minute,
        submissions_per_minute,
        queued_per_partner,
    ];
    if counts.contains(&&0) || rates.contains(&&0) {
        return Err(value_error("serve.limits", "each must be 1 or more"));
    }
    if log_readers >= connections {
        // Else nobody could ask for anything while all of them read.
        let words = "log_readers must be less than connections";
        return Err(value_error("serve.limits", words));
    }
    Ok(limits)
}

/// The proxies of this machine itself.
pub(super) fn local_proxies() -> Vec<IpAddr> {
    vec![
        IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
    ]
}
