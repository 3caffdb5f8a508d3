//! From one mapping to checked values.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Value};
use url::Url;

use super::updates::updates;
use super::{
    AuthConfig, BusConfig, Cors, Credentials, FarmApi, HostConfig, HostEnvironment, LocalToken,
    Merged, WazoAuth,
};

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostConfigError {
    /// A file is larger than any real one.
    #[error("it has more than {limit}")]
    TooLarge {
        /// How much it may have.
        limit: &'static str,
    },
    /// The text is no YAML, or no settings.
    #[error("{message}")]
    Syntax {
        /// What is wrong, with the line.
        message: String,
    },
    /// A value is written with a tag, such as `!exec`.
    #[error(
        "it uses the tag `{tag}`, which is not followed: write the value itself; a secret can come from a file that a setting names"
    )]
    Tag {
        /// The tag.
        tag: String,
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

#[derive(Deserialize)]
struct RawRest {
    listen: IpAddr,
    port: u16,
    cors: RawCors,
    certificate: Option<Value>,
}

#[derive(Deserialize)]
struct RawCors {
    #[serde(deserialize_with = "switch")]
    enabled: bool,
    allow_headers: Vec<String>,
}

/// What says where a service is. Files may say more, which is left alone.
#[derive(Deserialize)]
struct RawService {
    host: Option<String>,
    port: Option<u16>,
    version: Option<Value>,
    prefix: Option<String>,
    #[serde(deserialize_with = "switch")]
    https: bool,
    verify_certificate: Option<Value>,
}

#[derive(Deserialize)]
struct RawAuth {
    key_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<String>,
    master_tenant_uuid: Option<String>,
}

#[derive(Deserialize)]
struct RawBus {
    #[serde(deserialize_with = "switch")]
    enabled: bool,
    username: String,
    password: String,
    host: String,
    port: u16,
    vhost: String,
    exchange_name: String,
    exchange_type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFarm {
    url: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "switch")]
    report_outcomes: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHelper {
    socket: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStandAlone {
    tokens: Vec<RawToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawToken {
    name: String,
    sha256: String,
    acl: Vec<String>,
}

/// A boolean, in the words that YAML 1.1 has for it too.
fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    switched(&Value::deserialize(deserializer)?)
        .ok_or_else(|| D::Error::custom("it must be true or false"))
}

fn switched(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => Some(true),
            "no" | "off" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn check(
    mut merged: Map<String, Value>,
    environment: HostEnvironment,
) -> Result<HostConfig, HostConfigError> {
    let rest: RawRest = section(&merged, "rest_api")?;
    if rest.certificate.is_some() {
        return Err(wrong(
            "rest_api.certificate",
            "the agent speaks plain HTTP: let nginx speak TLS before it",
        ));
    }
    let confd: RawService = section(&merged, "confd")?;
    let market: RawService = section(&merged, "market")?;
    let helper: RawHelper = section(&merged, "helper")?;
    let debug = merged.get("debug").and_then(switched).unwrap_or_default();
    let log = match debug {
        true => "debug",
        false => level(merged.get("log_level"))?,
    };
    if let Some(uuid) = &environment.uuid {
        merged.insert("uuid".to_owned(), uuid.as_str().into());
    }
    Ok(HostConfig {
        listen: SocketAddr::new(rest.listen, rest.port),
        cors: Cors {
            enabled: rest.cors.enabled,
            allow_headers: rest.cors.allow_headers,
        },
        metadata_dir: section(&merged, "metadata_dir")?,
        state_dir: section(&merged, "state_dir")?,
        log,
        uuid: environment.uuid,
        wazo_version: environment.wazo_version.filter(|text| !text.is_empty()),
        auth: auth(&merged)?,
        confd: address("confd", confd)?
            .ok_or_else(|| wrong("confd.host", "it must have a value"))?,
        bus: bus(&merged)?,
        farm: farm(section(&merged, "farm")?)?,
        market: address("market", market)?,
        updates: updates(section(&merged, "updates")?)?,
        helper: helper.socket,
        merged: Merged(merged),
    })
}

fn section<T: DeserializeOwned>(
    merged: &Map<String, Value>,
    name: &'static str,
) -> Result<T, HostConfigError> {
    let value = merged.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| wrong(name, &error.to_string()))
}

pub(super) fn wrong(setting: &'static str, message: &str) -> HostConfigError {
    HostConfigError::Value {
        setting,
        message: message.to_owned(),
    }
}

/// Python's name of a level, or its number, as a level of `tracing`.
fn level(value: Option<&Value>) -> Result<&'static str, HostConfigError> {
    let name = match value {
        Some(Value::String(name)) => name.to_ascii_lowercase(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    match name.as_str() {
        "critical" | "error" | "50" | "40" => Ok("error"),
        "warning" | "warn" | "30" => Ok("warn"),
        "info" | "20" => Ok("info"),
        "debug" | "10" => Ok("debug"),
        _ => Err(wrong(
            "log_level",
            "it must be critical, error, warning, info or debug",
        )),
    }
}

/// The base address of a service's API, `scheme://host:port/[prefix/][version/]`; none without a host.
fn address(setting: &'static str, raw: RawService) -> Result<Option<Url>, HostConfigError> {
    let Some(host) = raw.host.filter(|host| !host.is_empty()) else {
        return Ok(None);
    };
    if raw.verify_certificate.as_ref().and_then(switched) == Some(false) {
        return Err(wrong(
            setting,
            "certificates are always verified: name an authority's file in SSL_CERT_FILE",
        ));
    }
    let scheme = if raw.https { "https" } else { "http" };
    let port = raw.port.map(|port| format!(":{port}")).unwrap_or_default();
    let version = match raw.version {
        Some(Value::String(version)) => version,
        Some(Value::Number(version)) => version.to_string(),
        _ => String::new(),
    };
    let prefix = raw.prefix.unwrap_or_default();
    let path = [prefix.trim_matches('/'), version.trim_matches('/')];
    let path: String = path
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| format!("{part}/"))
        .collect();
    let url = Url::parse(&format!("{scheme}://{host}{port}/{path}"));
    url.map(Some)
        .map_err(|error| wrong(setting, &format!("it makes no address: {error}")))
}

fn auth(merged: &Map<String, Value>) -> Result<AuthConfig, HostConfigError> {
    let local: RawStandAlone = section(merged, "stand_alone")?;
    if !local.tokens.is_empty() {
        let tokens = local.tokens.into_iter().map(token);
        return Ok(AuthConfig::StandAlone(tokens.collect::<Result<_, _>>()?));
    }
    let raw: RawAuth = section(merged, "auth")?;
    let mut service: RawService = section(merged, "auth")?;
    service.version = Some(service.version.unwrap_or_else(|| "0.1".into()));
    let credentials = match (raw.username, raw.password, raw.key_file) {
        (Some(username), Some(password), _) => Credentials::Password { username, password },
        (_, _, Some(file)) => Credentials::KeyFile(file),
        _ => {
            return Err(wrong(
                "auth",
                "it needs a key_file, or a username and a password",
            ));
        }
    };
    Ok(AuthConfig::Wazo(WazoAuth {
        url: address("auth", service)?.ok_or_else(|| wrong("auth.host", "it must have a value"))?,
        credentials,
        master_tenant: raw.master_tenant_uuid,
    }))
}

fn token(raw: RawToken) -> Result<LocalToken, HostConfigError> {
    let sha256 = raw.sha256.to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong(
            "stand_alone.tokens",
            "sha256 must have 64 hexadecimal digits: printf %s TOKEN | sha256sum",
        ));
    }
    Ok(LocalToken {
        name: raw.name,
        sha256,
        acl: raw.acl,
    })
}

fn bus(merged: &Map<String, Value>) -> Result<Option<BusConfig>, HostConfigError> {
    let raw: RawBus = section(merged, "bus")?;
    Ok(raw.enabled.then_some(BusConfig {
        username: raw.username,
        password: raw.password,
        host: raw.host,
        port: raw.port,
        vhost: raw.vhost,
        exchange_name: raw.exchange_name,
        exchange_type: raw.exchange_type,
    }))
}

fn farm(raw: RawFarm) -> Result<Option<FarmApi>, HostConfigError> {
    Ok(match (raw.url, raw.token_file) {
        (None, _) if raw.report_outcomes => {
            let rule = "there is no farm to tell: set farm.url and farm.token_file, too";
            return Err(wrong("farm.report_outcomes", rule));
        }
        (None, _) => None,
        (Some(_), None) => {
            return Err(wrong(
                "farm.token_file",
                "a farm that is asked to build must know who asks",
            ));
        }
        (Some(url), Some(token_file)) => Some(FarmApi {
            url: Url::parse(&url)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .ok_or_else(|| wrong("farm.url", "it must be an http or https address"))?,
            token_file,
            report_outcomes: raw.report_outcomes,
        }),
    })
}
