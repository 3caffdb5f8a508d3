//! Who wants to be told, and whether that may be.

use super::mail;
use crate::model::{Actor, PluginId, Timestamp};
use crate::secrets::{Secrets, SecretsError, draw};
use crate::store::{Store, StoreError, Subscription};

/// What there is to be told.
const EVENTS: [&str; 4] = ["succeeded", "failed", "recovered", "halted"];

/// Somebody who wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    /// Whose builds.
    pub partner: Actor,
    /// Only this plugin's.
    pub plugin: Option<PluginId>,
    /// A web address, a mail address, or `bus`.
    pub address: String,
    /// `succeeded`, `failed`, `recovered`, `halted`; none named means failed and recovered.
    pub events: Vec<String>,
}

/// Nobody is told.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The farm's state.
    #[error(transparent)]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The secret could not be kept.
    #[error(transparent)]
    Secrets {
        /// Why.
        #[from]
        source: SecretsError,
    },
    /// The address is none.
    #[error(
        "nobody can be told there: it must be a mail address, an https address without credentials, or bus"
    )]
    Address,
    /// The event is none.
    #[error("there is no such event: it must be succeeded, failed, recovered or halted")]
    Event,
}

/// Adds a subscription, and gives the secret that signs what is sent to a web address, which is known to nobody again.
///
/// # Errors
///
/// [`SubscribeError`].
pub async fn subscribe(
    (store, secrets): (&Store, &Secrets),
    new: NewSubscription,
    plain: bool,
    actor: &str,
    now: Timestamp,
) -> Result<(Subscription, Option<String>), SubscribeError> {
    let kind = kind(&new.address, plain).ok_or(SubscribeError::Address)?;
    let mut events = new.events;
    if events.is_empty() {
        events = ["failed", "recovered"].map(str::to_owned).to_vec();
    }
    if !events.iter().all(|event| EVENTS.contains(&event.as_str())) {
        return Err(SubscribeError::Event);
    }
    let id = uuid::Uuid::now_v7().to_string();
    let secret = (kind == "webhook").then(|| draw("notify"));
    let sealed = secret.as_ref().map(|secret| secrets.seal(&id, secret));
    let subscription = Subscription {
        id,
        partner: new.partner,
        plugin: new.plugin,
        kind: kind.to_owned(),
        address: new.address,
        events,
        sealed: sealed.transpose()?,
        created_at: now,
    };
    store.subscribe(&subscription, actor).await?;
    Ok((subscription, secret))
}

/// Which kind of address it is, if it is one.
fn kind(address: &str, plain: bool) -> Option<&'static str> {
    if address == "bus" {
        return Some("bus");
    }
    if mail::is_address(address) {
        return Some("mail");
    }
    let url = url::Url::parse(address).ok()?;
    let open = url.scheme() == "https" || (plain && url.scheme() == "http");
    let good = open
        && address.len() <= 2048
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    good.then_some("webhook")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_mail_or_https() {
        assert_eq!(kind("ops@example.org", false), Some("mail"));
        assert_eq!(kind("bus", false), Some("bus"));
        assert_eq!(kind("https://example.org/x?y", false), Some("webhook"));
        assert_eq!(kind("http://ci.internal/x", true), Some("webhook"));
        for bad in [
            "http://example.org/",
            "https://u:p@example.org/",
            "file:///etc/passwd",
            "gopher://x/",
            "x",
            "",
        ] {
            assert_eq!(kind(bad, false), None, "{bad}");
        }
    }
}
