//! Why an answer did not come, or did not end.

use url::Url;

/// Something that was asked of a server, and not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot reach {url}: {reason}")]
pub struct HttpError {
    /// What was asked for, without credentials.
    pub url: String,
    /// Of what kind it is.
    pub trouble: Trouble,
    /// What happened, in words that follow a colon.
    pub reason: String,
}

/// Of what kind an [`HttpError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// This machine cannot ask anybody, or not for that.
    Setup,
    /// The server's address is one that is not connected to.
    Forbidden,
    /// No connection came about, or it broke.
    Unreachable,
    /// The server could not prove who it is, or does not speak TLS.
    Tls,
    /// The server said nothing for too long.
    Silent,
    /// The server answered that it cannot; the HTTP status.
    Refused(u16),
    /// The server sends on to where it should not.
    Redirect,
    /// The answer is larger than it may be; the limit in bytes.
    TooLarge(u64),
}

impl HttpError {
    pub(super) fn new(url: &Url, trouble: Trouble, reason: impl Into<String>) -> Self {
        Self {
            url: shown(url),
            trouble,
            reason: reason.into(),
        }
    }

    /// Whether an answer may come when it is asked for again.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self.trouble {
            Trouble::Unreachable | Trouble::Silent => true,
            Trouble::Refused(status) => status >= 500 || status == 429,
            Trouble::Setup
            | Trouble::Forbidden
            | Trouble::Tls
            | Trouble::Redirect
            | Trouble::TooLarge(_) => false,
        }
    }

    /// What broke a connection, or kept it from coming about.
    pub(super) fn broken(url: &Url, error: &(dyn std::error::Error + 'static)) -> Self {
        let (mut said, mut trouble) = (String::new(), Trouble::Unreachable);
        let mut cause = Some(error);
        while let Some(next) = cause {
            let words = next.to_string();
            // What only says that there is a cause is left out.
            if said.is_empty() || said.starts_with("client error") {
                said = words;
            } else if !said.contains(&words) {
                said = format!("{said}: {words}");
            }
            if next.is::<rustls::Error>() {
                trouble = Trouble::Tls;
            }
            if next.is::<Refused>() {
                trouble = Trouble::Forbidden;
            }
            cause = inner(next).or_else(|| next.source());
        }
        Self::new(url, trouble, said)
    }
}

/// What an error of the system was made of, which is not its source.
fn inner<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn std::error::Error + 'static)> {
    let error = error.downcast_ref::<std::io::Error>()?;
    error.get_ref().map(|inner| inner as _)
}

/// A name whose addresses are not connected to.
#[derive(Debug, thiserror::Error)]
#[error("its address {address} is {kind}")]
pub(super) struct Refused {
    pub(super) address: std::net::IpAddr,
    pub(super) kind: &'static str,
}

/// A URL as messages have it: without what only the server should see.
fn shown(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.to_string();
    }
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
