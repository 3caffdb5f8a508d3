//! What the repository keeps, as it is written in the configuration.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::KeepConfig;
use super::raw::{ConfigError, duration, value_error};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawKeep {
    versions: Option<usize>,
    time: Option<String>,
    snapshots: Option<String>,
    downloads: Vec<PathBuf>,
}

pub(super) fn check_keep(raw: RawKeep) -> Result<KeepConfig, ConfigError> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let config = KeepConfig {
        versions: raw.versions.unwrap_or(3),
        time: duration("repository.keep.time", raw.time)?.unwrap_or(90 * DAY),
        snapshots: duration("repository.keep.snapshots", raw.snapshots)?,
        downloads: raw.downloads,
    };
    if config.versions == 0 {
        return Err(value_error(
            "repository.keep.versions",
            "hosts need the newest: it must be 1 or more",
        ));
    }
    Ok(config)
}
