//! Outgoing HTTP and TLS, with limits on time, bytes and redirects. What is asked for is known above; nothing here is about
//! plugins, repositories or farms.
//!
//! Certificates are checked against what the system trusts, or against the file or folder that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name, as with OpenSSL.

mod address;
mod client;
mod error;
mod names;
mod proxy;
mod request;
mod response;
#[cfg(test)]
pub(crate) mod stub;

pub use address::refusal;
pub use client::{Client, Reach};
pub use error::{HttpError, Trouble};
pub use proxy::Proxies;
pub use request::Request;
pub use response::Response;

use std::time::Duration;

/// How long a server may take to begin an answer, or to go on with one.
const SILENCE: Duration = Duration::from_secs(30);
