//! The configuration file as it is written, and the check that turns it into [`Config`].

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::raw_exchange::{RawNotify, RawWatch, check_notify, check_watch};
use super::raw_keep::{RawKeep, check_keep};
use super::raw_limits::{RawLimits, check_limits};
use super::raw_rollouts::{RawRollouts, check_rollouts};
use super::raw_s3::{RawS3, check_s3};
use super::raw_serve::{RawServe, check_serve};
use super::{
    Config, ImagesConfig, PluginsConfig, RepositoryConfig, SandboxConfig, SignerConfig,
    SourceConfig, SourceLimits,
};
use crate::model::{Channel, FarmName};

/// The most bytes that a configuration file may have.
const MAX_SIZE: usize = 256 * 1024;
/// The most people that may be asked to approve a package: hosts read no more approvals of one.
const MAX_APPROVALS: usize = 32;

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is larger than any real one.
    #[error("the file has {size} bytes, more than the {MAX_SIZE} that a configuration may have")]
    TooLarge {
        /// The file's size, in bytes.
        size: usize,
    },
    /// The text is no YAML, or has a key or a type that is not known here.
    #[error("{message}")]
    Syntax {
        /// What is wrong, with the line.
        message: String,
    },
    /// A value does not fit its setting.
    #[error("{setting}: {message}")]
    Value {
        /// The setting's name, with dots.
        setting: &'static str,
        /// What is wrong.
        message: String,
    },
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    farm: Option<FarmName>,
    maintainer: Option<String>,
    limits: RawLimits,
    source: RawSource,
    images: RawImages,
    sandbox: RawSandbox,
    repository: RawRepository,
    signer: RawSigner,
    plugins: RawPlugins,
    serve: RawServe,
    watch: RawWatch,
    notify: RawNotify,
    rollouts: RawRollouts,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawSource {
    size: Option<ByteSize>,
    entries: Option<u64>,
    time: Option<String>,
    private_networks: bool,
    known_hosts: Option<PathBuf>,
    ssh_key: Option<PathBuf>,
    certificates: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawImages {
    mirror: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawSandbox {
    runtime: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawRepository {
    path: Option<PathBuf>,
    s3: Option<RawS3>,
    url: Option<String>,
    channels: Option<Vec<Channel>>,
    approvals: Option<usize>,
    preview_time: Option<String>,
    valid_for: Option<String>,
    snapshots: Option<String>,
    keep: Option<RawKeep>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawSigner {
    socket: Option<PathBuf>,
    users: Vec<u32>,
    passphrase_file: Option<PathBuf>,
    overlap: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawPlugins {
    reserved_packages: Vec<String>,
    host_packages: Option<Vec<String>>,
}

/// Reads and checks a configuration file's text.
pub(super) fn parse(text: &str) -> Result<Config, ConfigError> {
    if text.len() > MAX_SIZE {
        return Err(ConfigError::TooLarge { size: text.len() });
    }
    let raw: Option<RawConfig> =
        serde_yaml::from_str(text).map_err(|error| ConfigError::Syntax {
            message: error.to_string(),
        })?;
    check(raw.unwrap_or_default())
}

fn check(raw: RawConfig) -> Result<Config, ConfigError> {
    let defaults = Config::default();
    Ok(Config {
        farm: raw.farm.unwrap_or(defaults.farm),
        maintainer: raw.maintainer.map_or(Ok(defaults.maintainer), maintainer)?,
        limits: check_limits(raw.limits)?,
        source: check_source(raw.source)?,
        images: ImagesConfig {
            mirror: raw
                .images
                .mirror
                .map(|url| web_address("images.mirror", url))
                .transpose()?,
        },
        sandbox: SandboxConfig {
            runtime: raw.sandbox.runtime.map(runtime).transpose()?,
        },
        repository: check_repository(raw.repository, defaults.repository)?,
        serve: check_serve(raw.serve, defaults.serve)?,
        watch: check_watch(raw.watch, defaults.watch)?,
        notify: check_notify(raw.notify)?,
        rollouts: check_rollouts(raw.rollouts, defaults.rollouts)?,
        signer: SignerConfig {
            socket: raw.signer.socket,
            users: raw.signer.users,
            passphrase_file: raw.signer.passphrase_file,
            overlap: duration("signer.overlap", raw.signer.overlap)?
                .unwrap_or(defaults.signer.overlap),
        },
        plugins: PluginsConfig {
            reserved_packages: raw.plugins.reserved_packages,
            host_packages: raw
                .plugins
                .host_packages
                .map_or(Ok(defaults.plugins.host_packages), host_packages)?,
        },
    })
}

fn check_repository(
    raw: RawRepository,
    defaults: RepositoryConfig,
) -> Result<RepositoryConfig, ConfigError> {
    let url = raw.url.map(|url| web_address("repository.url", url));
    let preview_time = duration("repository.preview_time", raw.preview_time)?;
    let config = RepositoryConfig {
        path: raw.path,
        s3: raw.s3.map(check_s3).transpose()?,
        url: url.transpose()?,
        channels: raw.channels.map_or(Ok(defaults.channels), channels)?,
        approvals: raw.approvals.unwrap_or(defaults.approvals),
        preview_time: preview_time.unwrap_or(defaults.preview_time),
        valid_for: duration("repository.valid_for", raw.valid_for)?,
        snapshots: duration("repository.snapshots", raw.snapshots)?,
        keep: raw.keep.map(check_keep).transpose()?,
    };
    if !(1..=MAX_APPROVALS).contains(&config.approvals) {
        return Err(value_error(
            "repository.approvals",
            "somebody must approve, and hosts look at no more than 32: it must be 1 to 32",
        ));
    }
    if config.s3.is_some() && config.path.is_some() {
        return Err(value_error(
            "repository.path",
            "it is in a folder or in a bucket, not in both",
        ));
    }
    if config.s3.is_some() && config.url.is_none() {
        return Err(value_error(
            "repository.url",
            "a repository in a bucket needs it: say where hosts reach it",
        ));
    }
    Ok(config)
}

/// At least one, none twice, and none of a preview.
fn channels(channels: Vec<Channel>) -> Result<Vec<Channel>, ConfigError> {
    let mut seen = BTreeSet::new();
    let good = |channel: &Channel| !channel.is_preview() && seen.insert(channel.clone());
    if !channels.is_empty() && channels.iter().all(good) {
        Ok(channels)
    } else {
        Err(value_error(
            "repository.channels",
            "it must name at least one channel, none twice, and none of a preview",
        ))
    }
}

fn check_source(raw: RawSource) -> Result<SourceConfig, ConfigError> {
    let defaults = SourceLimits::default();
    Ok(SourceConfig {
        limits: SourceLimits {
            size: raw.size.map_or(defaults.size, |size| size.as_u64()),
            entries: raw.entries.unwrap_or(defaults.entries),
            time: duration("source.time", raw.time)?.unwrap_or(defaults.time),
        },
        private_networks: raw.private_networks,
        known_hosts: raw.known_hosts,
        ssh_key: raw.ssh_key,
        certificates: raw.certificates,
    })
}

pub(super) fn duration(
    setting: &'static str,
    text: Option<String>,
) -> Result<Option<Duration>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    match parsed
        .and_then(|time| Duration::try_from(time).ok())
        .filter(|time| !time.is_zero())
    {
        Some(time) => Ok(Some(time)),
        None => Err(value_error(
            setting,
            "it must be a time such as 90s, 30m or 2h",
        )),
    }
}

/// `name <address>` on one line, without anything that would start another control field.
fn maintainer(text: String) -> Result<String, ConfigError> {
    let address = text
        .strip_suffix('>')
        .and_then(|rest| rest.split_once(" <"));
    let good = address.is_some_and(|(name, address)| {
        !name.trim().is_empty() && address.contains('@') && !address.contains(['<', '>', ' '])
    });
    if good && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(value_error(
            "maintainer",
            "it must have the form `name <address>`",
        ))
    }
}

pub(super) fn web_address(setting: &'static str, text: String) -> Result<String, ConfigError> {
    const RULE: &str = "it must be an http or https address without credentials, query or blanks";
    let url = url::Url::parse(&text).map_err(|_| value_error(setting, RULE))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && !text.contains(char::is_whitespace);
    if plain {
        Ok(text)
    } else {
        Err(value_error(setting, RULE))
    }
}

/// A name that an engine's settings and a statement's `builder.id` can hold.
fn runtime(name: String) -> Result<String, ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(plain) {
        Ok(name)
    } else {
        Err(value_error(
            "sandbox.runtime",
            "it must be the name of one of the engine's runtimes, such as runsc",
        ))
    }
}

/// Names of packages (Debian Policy 5.6.1), or beginnings of such names with `*` after them.
fn host_packages(patterns: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let good = |pattern: &String| {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        !name.is_empty() && name.chars().all(plain)
    };
    if patterns.iter().all(good) {
        Ok(patterns)
    } else {
        Err(value_error(
            "plugins.host_packages",
            "each must be a package's name, or the beginning of one with `*` after it",
        ))
    }
}

pub(super) fn value_error(setting: &'static str, message: &str) -> ConfigError {
    ConfigError::Value {
        setting,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_says_what_the_defaults_are() {
        assert_eq!(parse(super::super::SAMPLE).unwrap(), Config::default());
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(parse("").unwrap(), Config::default());
        assert_eq!(parse("# nothing\n").unwrap(), Config::default());
    }

    #[test]
    fn settings_are_read() {
        let text = "farm: acme\nlimits: {memory: 1GiB, total_time: 90s}\nrepository: {url: 'https://apt.example.org/'}";
        let config = parse(text).unwrap();
        assert_eq!(config.farm.as_str(), "acme");
        assert_eq!(config.limits.memory, 1 << 30);
        assert_eq!(config.limits.total_time, Duration::from_secs(90));
        assert_eq!(
            config.repository.url.as_deref(),
            Some("https://apt.example.org/")
        );
    }

    #[test]
    fn mistakes_are_named() {
        let said = |text: &str| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(said("limits: {memmory: 2}"), @"limits: unknown field `memmory`, expected one of `memory`, `cpus`, `processes`, `open_files`, `scratch`, `disk`, `inodes`, `total_time`, `silence_time`, `log`, `tree`, `entries` at line 1 column 10");
        insta::assert_snapshot!(said("limits: {total_time: soon}"), @"limits.total_time: it must be a time such as 90s, 30m or 2h");
        insta::assert_snapshot!(said("limits: {cpus: 0}"), @"limits.cpus: it must be between 0.1 and 1024");
        insta::assert_snapshot!(said("farm: Not-Me"), @"`Not-Me` is not a valid farm name: it must match ^[a-z][a-z0-9]*$ and have at most 32 characters");
        insta::assert_snapshot!(said("sandbox: {runtime: 'a b'}"), @"sandbox.runtime: it must be the name of one of the engine's runtimes, such as runsc");
        insta::assert_snapshot!(said("plugins: {host_packages: ['*']}"), @"plugins.host_packages: each must be a package's name, or the beginning of one with `*` after it");
        insta::assert_snapshot!(said("repository: {approvals: 0}"), @"repository.approvals: somebody must approve, and hosts look at no more than 32: it must be 1 to 32");
        for bad in ["[]", "[stable, stable]", "[preview-a]"] {
            assert!(
                said(&format!("repository: {{channels: {bad}}}"))
                    .starts_with("repository.channels: ")
            );
        }
        insta::assert_snapshot!(said("repository: {url: 'ftp://x/'}"), @"repository.url: it must be an http or https address without credentials, query or blanks");
    }
}
