//! Tokens of a wazo-auth: what they may do, and whose they are. It asks nobody who it is that asks.

use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use super::cache::Cache;
use super::service::{Service, ServiceError};
use crate::http::Request;

/// How long a good answer is believed. A token that is revoked goes on to open this long, and not longer.
const FRESH: Duration = Duration::from_secs(2);
/// The most characters that a token may have.
const MAX_TOKEN: usize = 1024;
/// What is asked for, in messages.
const SHOWN: &str = "token";

/// Why somebody may not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such token, or no longer.
    #[error("the token is unknown or expired")]
    Unknown,
    /// The token may not do this, or not for that tenant.
    #[error("the token may not do this, or not for this tenant")]
    Refused,
    /// The token is not one of the master tenant's.
    #[error("the token belongs to another tenant than this Wazo's own")]
    Tenant,
    /// Whose this Wazo is, is not known yet.
    #[error("the agent has no token of its own yet")]
    NotReady,
    /// wazo-auth did not answer.
    #[error("wazo-auth, {host}:{port}: {error}")]
    Unreachable {
        /// Where it was looked for.
        host: String,
        /// Likewise.
        port: u16,
        /// What happened.
        error: ServiceError,
    },
}

impl Denied {
    /// Whether a text may be a token. No token has another form, and a service need not be asked for it; `.` and `..` would be
    /// another address.
    ///
    /// # Errors
    ///
    /// [`Denied::Unknown`].
    pub(super) fn unless_a_token(text: &str) -> Result<(), Self> {
        let strange = |c: char| c.is_control() || c.is_whitespace();
        if matches!(text, "" | "." | "..") || text.len() > MAX_TOKEN || text.contains(strange) {
            return Err(Self::Unknown);
        }
        Ok(())
    }
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The tenant that it belongs to.
    pub tenant: String,
    /// The user whom wazo-auth gave it, where it says so.
    pub user: Option<String>,
}

type Asked = (String, String, Option<String>);

/// A wazo-auth that is asked about tokens.
#[derive(Debug)]
pub struct Tokens {
    host: String,
    port: u16,
    service: Service,
    granted: Cache<Asked, ()>,
    holders: Cache<String, Holder>,
}

impl Tokens {
    /// The wazo-auth whose API is at `base`, which ends with a slash. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where this machine trusts no certificate authority.
    pub fn new(base: &Url) -> Result<Self, std::io::Error> {
        Ok(Self {
            host: base.host_str().unwrap_or_default().to_owned(),
            port: base.port_or_known_default().unwrap_or_default(),
            service: Service::new(base.clone())?,
            granted: Cache::new(FRESH),
            holders: Cache::new(FRESH),
        })
    }

    /// Whether a token grants an access, such as `plugind.plugins.read`; for another tenant than its own, if one is named.
    ///
    /// # Errors
    ///
    /// [`Denied`].
    pub async fn may(&self, token: &str, access: &str, tenant: Option<&str>) -> Result<(), Denied> {
        Denied::unless_a_token(token)?;
        let asked = (
            token.to_owned(),
            access.to_owned(),
            tenant.map(str::to_owned),
        );
        if self.granted.get(&asked, Instant::now()).is_none() {
            self.ask(token, access, tenant).await?;
            self.granted.put(asked, (), Instant::now());
        }
        Ok(())
    }

    async fn ask(&self, token: &str, access: &str, tenant: Option<&str>) -> Result<(), Denied> {
        let mut query = vec![("scope", access)];
        query.extend(tenant.map(|tenant| ("tenant", tenant)));
        let url = self.service.at(&["token", token], &query);
        let answer = self.service.ask(SHOWN, Request::get(url).head()).await;
        match answer.map_err(|error| self.unreachable(error))?.0 {
            200..300 => Ok(()),
            404 => Err(Denied::Unknown),
            403 => Err(Denied::Refused),
            status => Err(self.unreachable(self.service.status(SHOWN, status))),
        }
    }

    /// Whose a good token is.
    ///
    /// # Errors
    ///
    /// [`Denied`].
    pub async fn holder(&self, token: &str) -> Result<Holder, Denied> {
        Denied::unless_a_token(token)?;
        let key = token.to_owned();
        if let Some(holder) = self.holders.get(&key, Instant::now()) {
            return Ok(holder);
        }
        let url = self.service.at(&["token", token], &[]);
        let answer = self.service.ask(SHOWN, Request::get(url)).await;
        let body = match answer.map_err(|error| self.unreachable(error))? {
            (200..300, body) => body,
            (403 | 404, _) => return Err(Denied::Unknown),
            (status, _) => return Err(self.unreachable(self.service.status(SHOWN, status))),
        };
        let text = |path| {
            body.pointer(path)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let tenant = text("/data/metadata/tenant_uuid");
        let holder = Holder {
            tenant: tenant
                .ok_or_else(|| self.unreachable(self.service.form(SHOWN, "a token's tenant")))?,
            user: text("/data/auth_id").or_else(|| text("/data/metadata/uuid")),
        };
        self.holders.put(key, holder.clone(), Instant::now());
        Ok(holder)
    }

    fn unreachable(&self, error: ServiceError) -> Denied {
        Denied::Unreachable {
            host: self.host.clone(),
            port: self.port,
            error,
        }
    }
}
