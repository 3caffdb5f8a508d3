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
    /// How many builds are in each state.
    pub builds: BTreeMap<String, u64>,
}
