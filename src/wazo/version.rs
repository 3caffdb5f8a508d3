//! The version of Wazo on this machine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use super::auth::Auth;
use super::service::{Service, ServiceError};

/// How long an answer is believed: a Wazo that is upgraded says so after this.
const FRESH: Duration = Duration::from_secs(60);

/// Nobody knows what version this is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the version of Wazo is not known: {error}; WAZO_VERSION in the agent's environment sets it"
)]
pub struct NoVersion {
    /// Why wazo-confd did not say it.
    #[from]
    error: ServiceError,
}

/// Knows the version of Wazo on this machine. Clones share what is known.
#[derive(Debug, Clone)]
pub struct Versions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    set: Option<String>,
    confd: Service,
    auth: Auth,
    known: Mutex<Option<(Instant, String)>>,
}

impl Versions {
    /// `set` if there is one; else what wazo-confd says, which is asked with the agent's own token.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where this machine trusts no certificate authority.
    pub fn new(set: Option<String>, confd: Url, auth: Auth) -> Result<Self, std::io::Error> {
        Ok(Self(Arc::new(Inner {
            set,
            confd: Service::new(confd)?,
            auth,
            known: Mutex::default(),
        })))
    }

    /// The version. The last one that was known stands in while wazo-confd does not answer.
    ///
    /// # Errors
    ///
    /// [`NoVersion`].
    pub async fn current(&self) -> Result<String, NoVersion> {
        let Inner { set, known, .. } = &*self.0;
        if let Some(set) = set {
            return Ok(set.clone());
        }
        let last = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, version)) = &last
            && since.elapsed() < FRESH
        {
            return Ok(version.clone());
        }
        match (self.ask().await, last) {
            (Ok(version), _) => {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                *known = Some((Instant::now(), version.clone()));
                Ok(version)
            }
            (Err(error), Some((_, version))) => {
                tracing::debug!(%error, "the version of Wazo is the last one that was known");
                Ok(version)
            }
            (Err(error), None) => Err(error.into()),
        }
    }

    async fn ask(&self) -> Result<String, ServiceError> {
        const PATH: &str = "infos";
        let token = self.0.auth.own_token();
        let infos = self.0.confd.get(PATH, token.as_deref()).await?;
        let version = infos.get("wazo_version").and_then(Value::as_str);
        let version = version
            .filter(|version| version.len() <= 64)
            .map(str::to_owned);
        version.ok_or_else(|| self.0.confd.form(PATH, "the version of Wazo"))
    }
}
