//! The settings of a Wazo host's agent: wazo-plugind's files with additions, raw text in, checked values out.
//!
//! Layers are put together here ([`HostConfig::new`]): [`SAMPLE`] has every default, then comes the main file, then the
//! folder of more files, of which the first wins. Whoever calls reads the files.

mod check;
mod masked;
mod merge;
mod updates;

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

pub use check::HostConfigError;
pub use masked::Merged;
pub use merge::{Layer, layer};
pub use updates::{Updates, Which, Window};

/// The sample file: every setting with its default. It is the lowest layer.
pub const SAMPLE: &str = include_str!("sample.yml");

/// Where wazo-plugind's settings are.
pub const FILE: &str = "/etc/wazo-plugind/config.yml";

/// The settings of a host's agent, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct HostConfig {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Which pages of other origins may ask it.
    pub cors: Cors,
    /// Where installed plugins have their metadata: `<namespace>/<name>/wazo/plugin.yml`.
    pub metadata_dir: PathBuf,
    /// The agent's own state.
    pub state_dir: PathBuf,
    /// What is logged: a level of `tracing`.
    pub log: &'static str,
    /// The uuid of this Wazo, `XIVO_UUID`: what events say they come from.
    pub uuid: Option<String>,
    /// The version of this Wazo, `WAZO_VERSION`, where nobody is to be asked for it.
    pub wazo_version: Option<String>,
    /// Who says who may do what.
    pub auth: AuthConfig,
    /// The base address of wazo-confd's API, with a slash at its end.
    pub confd: Url,
    /// The bus, unless it is switched off.
    pub bus: Option<BusConfig>,
    /// The farm that is asked to build; without one, no repository is built for this host. Which farms' packages are installed is
    /// no setting: those whose keyring packages are.
    pub farm: Option<FarmApi>,
    /// The base address of a market server's API, with a slash at its end.
    pub market: Option<Url>,
    /// When plugins are updated without anybody asking, if they are.
    pub updates: Option<Updates>,
    /// The socket of the part that runs as root.
    pub helper: PathBuf,
    /// All layers as one, with what has no effect here: what `/config` shows.
    pub merged: Merged,
}

/// Which pages of other origins may ask the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Whether any may.
    pub enabled: bool,
    /// The headers that they may send.
    pub allow_headers: Vec<String>,
}

/// Who says who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthConfig {
    /// wazo-auth.
    Wazo(WazoAuth),
    /// These tokens, and nobody else.
    StandAlone(Vec<LocalToken>),
}

/// wazo-auth, as a service of the same Wazo asks it.
#[derive(Clone, PartialEq, Eq)]
pub struct WazoAuth {
    /// The base address of its API, with a slash at its end.
    pub url: Url,
    /// Whom this service is known as.
    pub credentials: Credentials,
    /// Whose tokens may do everything, where it is not the service token's own tenant.
    pub master_tenant: Option<String>,
}

impl std::fmt::Debug for WazoAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WazoAuth")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// Whom a service is known to wazo-auth as.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A YAML file with `service_id` and `service_key`.
    KeyFile(PathBuf),
    /// A name and a password.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
}

/// A token of a host without wazo-auth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalToken {
    /// Whose it is.
    pub name: String,
    /// The SHA-256 of its text, as hexadecimal digits.
    pub sha256: String,
    /// What it may do, in wazo-auth's patterns.
    pub acl: Vec<String>,
}

/// The bus of this Wazo.
#[derive(Clone, PartialEq, Eq)]
pub struct BusConfig {
    /// Whom the agent is known as.
    pub username: String,
    /// Likewise.
    pub password: String,
    /// Where the broker is.
    pub host: String,
    /// Likewise.
    pub port: u16,
    /// The virtual host.
    pub vhost: String,
    /// The exchange that events are published to.
    pub exchange_name: String,
    /// Its type.
    pub exchange_type: String,
}

impl std::fmt::Debug for BusConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BusConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("exchange_name", &self.exchange_name)
            .finish_non_exhaustive()
    }
}

/// The API of a farm, which builds what is named by its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FarmApi {
    /// Its base address.
    pub url: Url,
    /// The file of the token that the farm knows this host by.
    pub token_file: PathBuf,
    /// Whether it is told what comes of its packages here.
    pub report_outcomes: bool,
}

/// What of the environment is a setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostEnvironment {
    /// [`super::environment::XIVO_UUID`].
    pub uuid: Option<String>,
    /// [`super::environment::WAZO_VERSION`].
    pub wazo_version: Option<String>,
}

impl HostConfig {
    /// Puts layers together, the strongest first, over the defaults, and checks what comes out.
    ///
    /// # Errors
    ///
    /// [`HostConfigError`], which names the setting.
    pub fn new(layers: Vec<Layer>, environment: HostEnvironment) -> Result<Self, HostConfigError> {
        check::check(merge::merge(layers)?, environment)
    }
}

#[cfg(test)]
mod tests;
