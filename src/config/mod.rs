//! Settings: raw text in, checked values out. Every setting has a default, so that everything works with no file at all.
//!
//! Nothing here reads a file or the environment: the composition root hands the text in.

mod channels;
pub mod environment;
pub mod host;
mod limits;
mod raw;
mod raw_exchange;
mod raw_keep;
mod raw_limits;
mod raw_load;
mod raw_rollouts;
mod raw_s3;
mod raw_serve;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::model::{Actor, Channel, FarmName};

pub use channels::step;
pub use limits::{Limits, SourceLimits};
pub use raw::ConfigError;

/// The sample file: every setting with its default. A test holds that it says what [`Config::default`] does.
pub const SAMPLE: &str = include_str!("sample.yml");

/// A farm's settings, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The farm's name, in the names of its keys and of its keyring package.
    pub farm: FarmName,
    /// Who answers for the packages, as `name <address>` (Debian Policy 5.6.2).
    pub maintainer: String,
    /// What one build may use.
    pub limits: Limits,
    /// Where sources may come from.
    pub source: SourceConfig,
    /// How the container images are made.
    pub images: ImagesConfig,
    /// How containers are isolated.
    pub sandbox: SandboxConfig,
    /// Where packages are published.
    pub repository: RepositoryConfig,
    /// Who signs.
    pub signer: SignerConfig,
    /// What plugins may be called, and what they may depend on.
    pub plugins: PluginsConfig,
    /// How the farm serves partners.
    pub serve: ServeConfig,
    /// How it hears of pushes by itself.
    pub watch: WatchConfig,
    /// How it tells of outcomes.
    pub notify: NotifyConfig,
    /// When it halts roll-outs.
    pub rollouts: RolloutsConfig,
}

/// When the farm halts a roll-out by itself: a version that goes to a share of the hosts, and whose own script fails on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutsConfig {
    /// On how many hosts it must have failed, at least; 0 halts nothing.
    pub failures: u32,
    /// Above which share of the hosts that tried it, in percent.
    pub share: u8,
}

/// How the farm hears of pushes by itself, where no hook tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// How often a watched repository is asked what it has, unless its partner says otherwise.
    pub every: Duration,
    /// The least that a partner may say.
    pub floor: Duration,
}

/// How the farm tells of outcomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotifyConfig {
    /// Whether web addresses in private address ranges may be told, and without TLS.
    pub private_networks: bool,
    /// How mail is sent; without it, none is.
    pub mail: Option<MailConfig>,
    /// The bus of a Wazo that outcomes are published to; without it, there is none.
    pub bus: Option<host::BusConfig>,
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailConfig {
    /// The program that takes mail as `sendmail` does, and what it gets before the farm's own arguments.
    pub command: Vec<String>,
    /// The sender's address.
    pub from: String,
}

/// How the farm serves partners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How many builds run at once.
    pub workers: usize,
    /// The PostgreSQL database of its state; without it, SQLite in the data folder.
    pub database: Option<String>,
    /// How many attempts of one build may die with the farm before it is left alone.
    pub quarantine_after: u32,
    /// How long the packages and the evidence of builds are kept beside those in the repository.
    pub keep_artifacts: Duration,
    /// How long the logs of builds are kept.
    pub keep_logs: Duration,
    /// The proxies before it: what they say of whom they ask for, in `X-Forwarded-For`, is believed.
    pub proxies: Vec<IpAddr>,
    /// How much callers may ask of it.
    pub limits: LoadLimits,
    /// The wazo-auth whose tokens it takes beside its own, if any.
    pub wazo_auth: Option<WazoTenants>,
}

/// A wazo-auth whose tokens a farm takes, and on whose behalf those ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WazoTenants {
    /// The base address of its API, with a slash at its end.
    pub url: Url,
    /// The partner that each tenant is, by the tenant's UUID in lower case.
    pub partners: BTreeMap<String, Actor>,
}

/// How much callers may ask of the server. An address is an IPv4 address, or the network of an IPv6 address (64 bits).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadLimits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address that is no proxy's.
    pub connections_per_address: usize,
    /// How many may read a log as it grows, at once.
    pub log_readers: usize,
    /// Likewise, from one address.
    pub log_readers_per_address: usize,
    /// Requests from one address, and with one token; a minute's may come at once.
    pub requests_per_minute: u32,
    /// Submissions of one partner; a minute's may come at once.
    pub submissions_per_minute: u32,
    /// How many builds of one partner may wait.
    pub queued_per_partner: u32,
}

/// Where sources may come from, and how large they may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceConfig {
    /// Size and time.
    pub limits: SourceLimits,
    /// Whether hosts in private address ranges may be fetched from, for a farm inside a company network.
    pub private_networks: bool,
    /// OpenSSH `known_hosts` file with the pinned keys of ssh hosts; without it no ssh URL is fetched.
    pub known_hosts: Option<PathBuf>,
    /// The private key that ssh hosts know the farm by, in OpenSSH's format and without a passphrase.
    pub ssh_key: Option<PathBuf>,
    /// Certificates, in PEM, of authorities that https hosts may use beside the system's.
    pub certificates: Option<PathBuf>,
}

/// How the container images are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImagesConfig {
    /// The Debian mirror; without it, the machine's own.
    pub mirror: Option<String>,
}

/// How containers are isolated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SandboxConfig {
    /// The engine's name of the runtime that builds and fetches run under, such as `runsc`; without it, the engine's default.
    pub runtime: Option<String>,
}

/// Where packages are published, and what hosts are told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryConfig {
    /// The repository's folder; without it, `repository` in the data folder.
    pub path: Option<PathBuf>,
    /// The bucket that it is in instead of a folder.
    pub s3: Option<S3Config>,
    /// The address at which hosts reach the repository; without it, its folder on this machine. A bucket has to have one.
    pub url: Option<String>,
    /// The channels, in the order that packages go through them. Builds are published in the first; hosts follow the last.
    pub channels: Vec<Channel>,
    /// How many people must approve that a package goes to the next channel.
    pub approvals: usize,
    /// How long the preview of a branch is kept after its last publication.
    pub preview_time: Duration,
    /// How long hosts accept a publication. Set it only where something re-signs in time.
    pub valid_for: Option<Duration>,
    /// What stays when `plugfarm repo refresh` clears up; everything, without it.
    pub keep: Option<KeepConfig>,
    /// How often what a suite is becomes a dated publication; never, without it.
    pub snapshots: Option<Duration>,
}

/// What of the repository is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepConfig {
    /// How many versions of a package each suite keeps, the newest ones.
    pub versions: usize,
    /// How long any version stays in a suite since it entered, and its file since it left the last one.
    pub time: Duration,
    /// How long dated publications stay; for ever, without it.
    pub snapshots: Option<Duration>,
    /// The access logs of the web servers: what hosts fetched within `time` stays.
    pub downloads: Vec<PathBuf>,
}

/// A bucket of an object store with Amazon's S3 interface. Credentials are no settings: they come from where its clients look
/// for them (environment, profile, web identity, the machine's role).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket, which must be there.
    pub bucket: String,
    /// The folder in it, without slashes around it; empty for the whole bucket.
    pub prefix: String,
    /// The server's address; without it, Amazon's in the region.
    pub endpoint: Option<String>,
    /// The bucket's region; without it, the one of the profile.
    pub region: Option<String>,
    /// Whether the bucket's name is in the path, not in the host's name.
    pub path_style: bool,
    /// Certificates, in PEM, of authorities that the server may use beside the system's.
    pub certificates: Option<PathBuf>,
    /// The profile in the files of Amazon's clients; without it, the one that the environment names.
    pub profile: Option<String>,
    /// Whether no other farm writes there. Only for a server that does not enforce conditional writes.
    pub single_writer: bool,
    /// How long one request is tried again before publishing fails.
    pub timeout: Duration,
}

/// Who signs: each command with the keys in the data folder, or a process of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerConfig {
    /// The socket of `plugfarm signer`; without it, every command signs with the keys in the data folder.
    pub socket: Option<PathBuf>,
    /// The ids of the users whom `plugfarm signer` signs for, beside its own.
    pub users: Vec<u32>,
    /// The file of the passphrase that the secret keys are encrypted with; without it, they are not.
    pub passphrase_file: Option<PathBuf>,
    /// How long hosts have to get the next archive key before the old one may retire.
    pub overlap: Duration,
}

impl Default for SignerConfig {
    fn default() -> Self {
        Self {
            socket: None,
            users: Vec::new(),
            passphrase_file: None,
            overlap: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// What plugins may be called, and what they may depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginsConfig {
    /// Package names that belong to somebody else, beside those that the farm knows.
    pub reserved_packages: Vec<String>,
    /// Packages that hosts get from elsewhere than Debian: names, or beginnings of names with `*` after them.
    pub host_packages: Vec<String>,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        // What Wazo's own repository has.
        let host_packages = [
            "asterisk*",
            "python3-wazo-*",
            "python3-xivo*",
            "wazo-*",
            "xivo-*",
        ];
        Self {
            reserved_packages: Vec::new(),
            host_packages: host_packages.map(str::to_owned).to_vec(),
        }
    }
}

impl S3Config {
    /// The bucket and the folder in it, as people name them.
    #[must_use]
    pub fn address(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }
}

impl Config {
    /// Checks the text of a configuration file; see [`SAMPLE`] for its form.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        raw::parse(text)
    }
}

/// A day.
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Config {
    fn default() -> Self {
        Self {
            farm: FarmName::local(),
            maintainer: "Wazo Maintainers <dev+pkg@wazo.community>".to_owned(),
            limits: Limits::default(),
            source: SourceConfig::default(),
            images: ImagesConfig::default(),
            sandbox: SandboxConfig::default(),
            repository: RepositoryConfig {
                path: None,
                s3: None,
                url: None,
                channels: vec![Channel::stable()],
                approvals: 1,
                preview_time: Duration::from_secs(14 * 24 * 3600),
                valid_for: None,
                keep: None,
                snapshots: None,
            },
            signer: SignerConfig::default(),
            plugins: PluginsConfig::default(),
            serve: ServeConfig {
                listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
                workers: 2,
                database: None,
                quarantine_after: 3,
                keep_artifacts: 90 * DAY,
                keep_logs: 365 * DAY,
                proxies: raw_load::local_proxies(),
                limits: LoadLimits {
                    connections: 1024,
                    connections_per_address: 256,
                    log_readers: 256,
                    log_readers_per_address: 64,
                    requests_per_minute: 3000,
                    submissions_per_minute: 300,
                    queued_per_partner: 1000,
                },
                wazo_auth: None,
            },
            watch: WatchConfig {
                every: Duration::from_secs(15 * 60),
                floor: Duration::from_secs(5 * 60),
            },
            notify: NotifyConfig::default(),
            rollouts: RolloutsConfig {
                failures: 3,
                share: 10,
            },
        }
    }
}
