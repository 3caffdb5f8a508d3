//! Wazo's own services, as a host's agent finds them: wazo-auth says who may do what ([`Auth`]), wazo-confd what version of
//! Wazo this is ([`Versions`]). What is done with the answers is known above.

mod acl;
mod auth;
mod cache;
mod local;
mod service;
#[cfg(test)]
mod tests;
mod version;

pub use auth::{Auth, Denied, Grant};
pub use service::{Service, ServiceError};
pub use version::{NoVersion, Versions};

use std::time::Duration;

/// How long a service may take to answer: whoever asks the agent waits ten seconds for it.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most bytes that a service's answer may have.
const MAX_ANSWER: u64 = 4 << 20;
