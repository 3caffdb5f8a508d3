//! How the farm is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the farm is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The farm's name.
    pub farm: String,
    /// The program's version.
    pub version: String,
    /// Why nothing begins, if the queue is locked.
    pub banner: Option<String>,
    /// What the operator has to know.
    pub notices: Vec<Notice>,
    /// How many builds are in each state.
    pub builds: BTreeMap<String, u64>,
}

/// Something that the farm's operator has to know.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// repository, publication, keys or retention.
    pub about: String,
    /// What is wrong, and what to do.
    pub words: String,
    /// Since when it is so.
    pub since: String,
}
