//! The part of the configuration file about the farm as a service.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use url::{Host, Url};

use super::raw::{duration, value_error};
use super::raw_load::{RawLoad, check_load};
use super::{ConfigError, ServeConfig, WazoTenants};
use crate::model::Actor;

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
    wazo_auth: Option<RawWazoAuth>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWazoAuth {
    url: String,
    tenants: BTreeMap<String, String>,
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
        wazo_auth: raw.wazo_auth.map(check_wazo_auth).transpose()?,
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

fn check_wazo_auth(raw: RawWazoAuth) -> Result<WazoTenants, ConfigError> {
    const URL: &str = "serve.wazo_auth.url";
    const RULE: &str = "it must be an https:// address, or an http:// one of this machine, such as http://localhost:9497/0.1; \
                        tokens go there";
    let mut text = raw.url;
    if !text.ends_with('/') {
        text.push('/');
    }
    let url = Url::parse(&text).map_err(|_| value_error(URL, RULE))?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let safe = url.scheme() == "https" || url.scheme() == "http" && here;
    if !plain || !safe || url.password().is_some() {
        return Err(value_error(URL, RULE));
    }
    let partners = raw.tenants.into_iter().map(tenant);
    Ok(WazoTenants {
        url,
        partners: partners.collect::<Result<_, _>>()?,
    })
}

fn tenant((tenant, partner): (String, String)) -> Result<(String, Actor), ConfigError> {
    const TENANTS: &str = "serve.wazo_auth.tenants";
    let tenant = tenant.to_ascii_lowercase();
    let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
    if tenant.len() != 36 || !tenant.chars().all(digits) {
        return Err(value_error(TENANTS, "each must be UUID: partner"));
    }
    let partner = Actor::new(&partner);
    let partner = partner.map_err(|error| value_error(TENANTS, &error.to_string()))?;
    Ok((tenant, partner))
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn wazo_auth(url: &str, tenants: &str) -> Result<Config, String> {
        let text = format!("serve: {{wazo_auth: {{url: '{url}', tenants: {tenants}}}}}");
        Config::parse(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn tokens_go_over_tls_or_stay_on_this_machine() {
        const TENANT: &str = "{2C34c282-433e-4bb8-8d56-fec14ff7e1e9: acme}";
        for (url, base) in [
            (
                "https://wazo.example.org/api/auth/0.1",
                "https://wazo.example.org/api/auth/0.1/",
            ),
            ("http://localhost:9497/0.1/", "http://localhost:9497/0.1/"),
            ("http://[::1]:9497/0.1", "http://[::1]:9497/0.1/"),
        ] {
            let config = wazo_auth(url, TENANT).unwrap().serve.wazo_auth.unwrap();
            assert_eq!(config.url.as_str(), base);
            let (tenant, partner) = config.partners.first_key_value().unwrap();
            assert_eq!(tenant, "2c34c282-433e-4bb8-8d56-fec14ff7e1e9");
            assert_eq!(partner.as_str(), "acme");
        }
        for url in [
            "",
            "localhost:9497",
            "http://wazo.example.org/0.1",
            "http://localhost.example.org/0.1",
            "https://me:secret@wazo.example.org/",
            "https://wazo.example.org/?x",
            "file:///etc/passwd",
        ] {
            let error = wazo_auth(url, TENANT).unwrap_err();
            assert!(error.contains("serve.wazo_auth.url"), "{url}: {error}");
        }
        for tenants in [
            "{acme: acme}",
            "{2c34c282-433e-4bb8-8d56-fec14ff7e1e9: 'a b'}",
        ] {
            let error = wazo_auth("https://wazo.example.org", tenants).unwrap_err();
            assert!(error.contains("serve.wazo_auth.tenants"), "{error}");
        }
    }
}
