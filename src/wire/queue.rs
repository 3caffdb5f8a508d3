//! What waits and what runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The queue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Why nothing begins, if it is locked.
    pub locked: Option<String>,
    /// What runs, in the order in which it began.
    pub running: Vec<Running>,
    /// How many builds wait.
    pub waits: usize,
    /// The first of them, in the order in which they came; their partners' shares decide which is next.
    pub waiting: Vec<Waiting>,
}

/// An attempt that runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Running {
    /// Its build.
    pub build: String,
    /// Whose it is.
    pub partner: String,
    /// The plugin, as `namespace/name`.
    pub plugin: String,
    /// urgent, normal or low.
    pub priority: String,
    /// When it began.
    pub started_at: String,
}

/// A build that waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// The build.
    pub build: String,
    /// Whose it is.
    pub partner: String,
    /// The plugin, as `namespace/name`.
    pub plugin: String,
    /// The Debian release.
    pub target: String,
    /// The channel.
    pub channel: String,
    /// urgent, normal or low.
    pub priority: String,
    /// The earliest time of its next attempt.
    pub not_before: String,
    /// Why it waits, in a sentence.
    pub reason: String,
}

/// Why no build is to begin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Why, in one line; everybody reads it.
    pub reason: String,
}
