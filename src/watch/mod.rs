//! What is built by itself: whoever pushes to a watched repository has it built, told by a hook or found by asking.
//!
//! A push is one thing, however often it is heard of: a ref at a commit is submitted under a key of its own, so that a hook,
//! its second delivery and the next asking all lead to one build.

mod hooks;
mod listing;
mod submit;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::model::BuildId;
use crate::secrets::{Secrets, SecretsError};
use crate::store::{Store, StoreError};

pub use hooks::Received;
pub use listing::Lister;

/// Why a push was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The farm's state.
    #[error(transparent)]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The hook's secret cannot be had.
    #[error(transparent)]
    Secrets {
        /// Why.
        #[from]
        source: SecretsError,
    },
}

/// Takes pushes, and submits builds. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watching {
    /// The farm's state.
    pub store: Store,
    /// What hooks are signed with.
    pub secrets: Secrets,
    /// Is told when there is something new in the queue.
    pub changed: Arc<Notify>,
    /// Draws the id of a new build.
    pub new_id: fn() -> BuildId,
    /// How many builds of a partner may wait.
    pub most_waiting: u32,
}
