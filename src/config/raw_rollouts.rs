//! The part of the configuration file about roll-outs that the farm halts by itself.

use serde::Deserialize;

use super::raw::value_error;
use super::{ConfigError, RolloutsConfig};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRollouts {
    failures: Option<u32>,
    share: Option<u8>,
}

pub(super) fn check_rollouts(
    raw: RawRollouts,
    defaults: RolloutsConfig,
) -> Result<RolloutsConfig, ConfigError> {
    let config = RolloutsConfig {
        failures: raw.failures.unwrap_or(defaults.failures),
        share: raw.share.unwrap_or(defaults.share),
    };
    if config.failures == 1 {
        let rule =
            "it must be 2 or more, so that no single host halts a roll-out, or 0 to halt none";
        return Err(value_error("rollouts.failures", rule));
    }
    if config.share >= 100 {
        return Err(value_error(
            "rollouts.share",
            "it must be below 100 percent",
        ));
    }
    Ok(config)
}
