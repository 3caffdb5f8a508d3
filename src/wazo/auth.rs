//! wazo-auth: whether a token may do something, whose it is, and the agent's own token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::local;
use super::service::{Service, ServiceError};
use super::tokens::{Denied, Tokens};
use crate::config::host::{AuthConfig, Credentials, LocalToken, WazoAuth};
use crate::http::Request;
use crate::model::printable;
use crate::sandbox::Cancel;

/// How long the agent's own token is good for, in seconds; as wazo-plugind asks for.
const EXPIRATION: u64 = 21_600;
/// How long until the agent asks for its token again: first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(32));
/// The most bytes that a key file may have.
const MAX_KEY: u64 = 64 << 10;

/// What is asked of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The token's text.
    pub token: &'a str,
    /// The access that it must have, such as `plugind.plugins.read`.
    pub access: &'a str,
    /// The tenant that is asked for, if one is.
    pub tenant: Option<&'a str>,
    /// Whether it must be one of the master tenant's.
    pub master: bool,
}

/// Who may do what. Clones share what is known.
#[derive(Debug, Clone)]
pub struct Auth(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Wazo(Box<Wazo>),
    StandAlone(Vec<LocalToken>),
}

#[derive(Debug)]
struct Wazo {
    config: WazoAuth,
    service: Service,
    tokens: Tokens,
    own: Mutex<Option<Own>>,
}

/// The agent's own token.
#[derive(Clone)]
struct Own {
    token: String,
    tenant: Option<String>,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Created {
    data: CreatedToken,
}

#[derive(Deserialize)]
struct CreatedToken {
    token: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Metadata {
    tenant_uuid: Option<String>,
}

impl Auth {
    /// Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where this machine trusts no certificate authority.
    pub fn new(config: &AuthConfig) -> Result<Self, std::io::Error> {
        let kind = match config {
            AuthConfig::StandAlone(tokens) => Kind::StandAlone(tokens.clone()),
            AuthConfig::Wazo(config) => Kind::Wazo(Box::new(Wazo {
                service: Service::new(config.url.clone())?,
                config: config.clone(),
                tokens: Tokens::new(&config.url)?,
                own: Mutex::default(),
            })),
        };
        Ok(Self(Arc::new(kind)))
    }

    /// Checks the token and its access first, then its tenant.
    ///
    /// # Errors
    ///
    /// [`Denied`].
    pub async fn check(&self, grant: Grant<'_>) -> Result<(), Denied> {
        Denied::unless_a_token(grant.token)?;
        match &*self.0 {
            Kind::StandAlone(tokens) => local::check(tokens, grant.token, grant.access),
            Kind::Wazo(wazo) => wazo.check(grant).await,
        }
    }

    /// Whether it is known whose this Wazo is; a host that stands alone is nobody else's.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(&*self.0, Kind::StandAlone(_)) || self.master_tenant().is_some()
    }

    /// The tenant whose tokens may do everything, where it is known.
    #[must_use]
    pub fn master_tenant(&self) -> Option<String> {
        match &*self.0 {
            Kind::StandAlone(_) => None,
            Kind::Wazo(wazo) => wazo.master_tenant(),
        }
    }

    /// The agent's own token, for other services of this Wazo.
    #[must_use]
    pub fn own_token(&self) -> Option<String> {
        match &*self.0 {
            Kind::StandAlone(_) => None,
            Kind::Wazo(wazo) => wazo.own().map(|own| own.token),
        }
    }

    /// Gets the agent its own token, and the next one before that expires, until it is told to stop.
    pub async fn renew(self, mut stop: Cancel) {
        let Kind::Wazo(wazo) = &*self.0 else { return };
        tokio::select! {
            () = wazo.renew() => (),
            () = stop.cancelled() => (),
        }
    }
}

impl Wazo {
    async fn check(&self, grant: Grant<'_>) -> Result<(), Denied> {
        self.tokens
            .may(grant.token, grant.access, grant.tenant)
            .await?;
        if !grant.master {
            return Ok(());
        }
        let master = self.master_tenant().ok_or(Denied::NotReady)?;
        match self.tokens.holder(grant.token).await?.tenant == master {
            true => Ok(()),
            false => Err(Denied::Tenant),
        }
    }

    fn own(&self) -> Option<Own> {
        self.own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn master_tenant(&self) -> Option<String> {
        let set = self.config.master_tenant.clone();
        set.or_else(|| self.own()?.tenant)
    }

    async fn renew(&self) {
        let mut wait = BACKOFF.0;
        loop {
            match self.create().await {
                Ok(own) => {
                    *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
                    tracing::info!("wazo-auth gave the agent its token");
                    wait = BACKOFF.0;
                    sleep(Duration::from_secs(EXPIRATION * 8 / 10)).await;
                }
                Err(error) => {
                    let seconds = wait.as_secs();
                    tracing::warn!(%error, seconds, "wazo-auth gave the agent no token; asking again");
                    sleep(wait).await;
                    wait = BACKOFF.1.min(wait * 2);
                }
            }
        }
    }

    async fn create(&self) -> Result<Own, ServiceError> {
        const SHOWN: &str = "token";
        let (name, key) = credentials(&self.config.credentials)?;
        let basic = STANDARD.encode(format!("{name}:{key}"));
        let body = json!({"expiration": EXPIRATION}).to_string();
        let url = self.service.at(&["token"], &[]);
        let request = Request::post(url, "application/json", body)
            .with("accept", "application/json")
            .with("authorization", format!("Basic {basic}"));
        match self.service.ask(SHOWN, request).await? {
            (200..300, body) => {
                let created = serde_json::from_value::<Created>(body);
                let created = created
                    .map_err(|_| self.service.form(SHOWN, "a token"))?
                    .data;
                Ok(Own {
                    token: created.token,
                    tenant: created.metadata.tenant_uuid,
                })
            }
            (status, _) => Err(self.service.status(SHOWN, status)),
        }
    }
}

/// Whom the agent is known as. A key file is read each time: it may come, and change, while the agent runs.
fn credentials(credentials: &Credentials) -> Result<(String, String), ServiceError> {
    let file = match credentials {
        Credentials::Password { username, password } => {
            return Ok((username.clone(), password.clone()));
        }
        Credentials::KeyFile(file) => file,
    };
    let wrong = |reason: &str| ServiceError::Setup {
        reason: format!(
            "the key file {}: {reason}",
            printable(&file.to_string_lossy(), 200)
        ),
    };
    let size = fs_err::metadata(file)
        .map_err(|error| wrong(&error.to_string()))?
        .len();
    if size > MAX_KEY {
        return Err(wrong("it is too large"));
    }
    let text = fs_err::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    let layer = crate::config::host::layer(&text).map_err(|error| wrong(&error.to_string()))?;
    let value = |name| {
        layer
            .text(name)
            .ok_or_else(|| wrong("it has no service_id and service_key"))
    };
    Ok((value("service_id")?, value("service_key")?))
}
