//! Requests to web addresses, signed. An address is a stranger's word: only those are connected to that were looked up and
//! checked, and nobody is followed elsewhere.

use super::{Notifier, Untold, described};
use crate::forge::sign;
use crate::http::{HttpError, Request, Trouble};
use crate::store::{Build, Letter};

impl Notifier {
    pub(super) async fn send(&self, letter: &Letter, build: &Build) -> Result<(), Untold> {
        let subscription = &letter.subscription;
        let never = |reason: String| Untold {
            reason,
            passes: false,
        };
        let url: url::Url = subscription
            .address
            .parse()
            .map_err(|_| never("its address is none of the web".to_owned()))?;
        if url.scheme() != "https" && !self.plain {
            return Err(never("its address is not https".to_owned()));
        }
        let sealed = subscription.sealed.as_deref().unwrap_or_default();
        let secret = self.secrets.open(&subscription.id, sealed);
        let secret = secret.map_err(|error| never(error.to_string()))?;
        let body = described(&self.farm, letter, build).to_string();
        let signature = sign(&secret, body.as_bytes());
        let request = Request::post(url, "application/json", body)
            .with("x-plugfarm-event", letter.event.as_str())
            .with("x-plugfarm-delivery", letter.id.as_str())
            .with("x-hub-signature-256", signature);
        // What it says beside its status does not matter, and is not read.
        let answer = self.client.send(request).await.map_err(untold)?;
        if answer.is_success() {
            return Ok(());
        }
        let status = answer.status();
        Err(Untold {
            reason: format!("it answered {status}"),
            // Gone is gone.
            passes: status != 410,
        })
    }
}

fn untold(error: HttpError) -> Untold {
    let passes = !matches!(error.trouble, Trouble::Forbidden | Trouble::Setup);
    Untold {
        reason: error.reason,
        passes,
    }
}
