//! What one build may use, as it is written in the configuration.

use bytesize::ByteSize;
use serde::Deserialize;

use super::Limits;
use super::raw::{ConfigError, duration, value_error};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLimits {
    memory: Option<ByteSize>,
    cpus: Option<f64>,
    processes: Option<u64>,
    open_files: Option<u64>,
    scratch: Option<ByteSize>,
    disk: Option<ByteSize>,
    inodes: Option<u64>,
    total_time: Option<String>,
    silence_time: Option<String>,
    log: Option<ByteSize>,
    tree: Option<ByteSize>,
    entries: Option<u64>,
}

pub(super) fn check_limits(raw: RawLimits) -> Result<Limits, ConfigError> {
    let defaults = Limits::default();
    let bytes = |value: Option<ByteSize>, default| value.map_or(default, |size| size.as_u64());
    let limits = Limits {
        memory: bytes(raw.memory, defaults.memory),
        cpus: raw.cpus.unwrap_or(defaults.cpus),
        processes: raw.processes.unwrap_or(defaults.processes),
        open_files: raw.open_files.unwrap_or(defaults.open_files),
        scratch: bytes(raw.scratch, defaults.scratch),
        disk: bytes(raw.disk, defaults.disk),
        inodes: raw.inodes.unwrap_or(defaults.inodes),
        total_time: duration("limits.total_time", raw.total_time)?.unwrap_or(defaults.total_time),
        silence_time: duration("limits.silence_time", raw.silence_time)?
            .unwrap_or(defaults.silence_time),
        log: bytes(raw.log, defaults.log),
        tree: bytes(raw.tree, defaults.tree),
        entries: raw.entries.unwrap_or(defaults.entries),
    };
    if !(0.1..=1024.0).contains(&limits.cpus) {
        return Err(value_error(
            "limits.cpus",
            "it must be between 0.1 and 1024",
        ));
    }
    if limits.memory < 64 << 20 {
        return Err(value_error(
            "limits.memory",
            "no build runs in less than 64MiB",
        ));
    }
    if limits.processes < 16 {
        return Err(value_error(
            "limits.processes",
            "no build runs with less than 16",
        ));
    }
    Ok(limits)
}
