//! The parts of the configuration file about what the farm hears from forges, and what it tells of outcomes.

use std::time::Duration;

use serde::Deserialize;

use super::host::BusConfig;
use super::raw::{duration, value_error};
use super::{ConfigError, MailConfig, NotifyConfig, WatchConfig};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWatch {
    every: Option<String>,
    floor: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawNotify {
    private_networks: bool,
    mail: Option<RawMail>,
    bus: Option<RawBus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBus {
    host: String,
    port: Option<u16>,
    username: Option<String>,
    password: Option<String>,
    vhost: Option<String>,
    exchange_name: Option<String>,
    exchange_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMail {
    command: Option<Vec<String>>,
    from: String,
}

pub(super) fn check_watch(
    raw: RawWatch,
    defaults: WatchConfig,
) -> Result<WatchConfig, ConfigError> {
    let config = WatchConfig {
        every: duration("watch.every", raw.every)?.unwrap_or(defaults.every),
        floor: duration("watch.floor", raw.floor)?.unwrap_or(defaults.floor),
    };
    if config.floor < Duration::from_secs(1) || config.every < config.floor {
        return Err(value_error(
            "watch.floor",
            "it must be 1s or more, and no more than watch.every",
        ));
    }
    Ok(config)
}

pub(super) fn check_notify(raw: RawNotify) -> Result<NotifyConfig, ConfigError> {
    Ok(NotifyConfig {
        private_networks: raw.private_networks,
        mail: raw.mail.map(check_mail).transpose()?,
        bus: raw.bus.map(bus),
    })
}

/// What is not said is as with Wazo's own services.
fn bus(raw: RawBus) -> BusConfig {
    let text = |set: Option<String>, usual: &str| set.unwrap_or_else(|| usual.to_owned());
    BusConfig {
        host: raw.host,
        port: raw.port.unwrap_or(5672),
        username: text(raw.username, "guest"),
        password: text(raw.password, "guest"),
        vhost: text(raw.vhost, "/"),
        exchange_name: text(raw.exchange_name, "wazo-headers"),
        exchange_type: text(raw.exchange_type, "headers"),
    }
}

fn check_mail(raw: RawMail) -> Result<MailConfig, ConfigError> {
    let plain = |c: char| c.is_ascii_graphic() && !"<>,;:()\"".contains(c);
    if !raw.from.contains('@') || raw.from.starts_with('-') || !raw.from.chars().all(plain) {
        return Err(value_error(
            "notify.mail.from",
            "it must be a mail address, and nothing else",
        ));
    }
    let command = raw
        .command
        .unwrap_or_else(|| vec!["/usr/sbin/sendmail".to_owned()]);
    if !command
        .first()
        .is_some_and(|program| program.starts_with('/'))
    {
        return Err(value_error(
            "notify.mail.command",
            "it must begin with the full path of a program that takes mail as sendmail does",
        ));
    }
    Ok(MailConfig {
        command,
        from: raw.from,
    })
}
