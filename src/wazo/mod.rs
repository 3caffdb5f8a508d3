//! Wazo's own services. wazo-auth says who may do what: to a host's agent, which has a token of its own ([`Auth`]), and to a
//! farm that takes tokens of it ([`Tokens`]). wazo-confd says what version of Wazo a host has ([`Versions`]). What is done with
//! the answers is known above.

mod acl;
mod auth;
mod cache;
mod local;
mod service;
#[cfg(test)]
mod tests;
mod tokens;
mod version;

pub use auth::{Auth, Grant};
pub use service::{Service, ServiceError};
pub use tokens::{Denied, Holder, Tokens};
pub use version::{NoVersion, Versions};

use std::time::Duration;

/// How long a service may take to answer: whoever asks the agent waits ten seconds for it.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most bytes that a service's answer may have.
const MAX_ANSWER: u64 = 4 << 20;
