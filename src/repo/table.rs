//! What a suite has beside its signed files: the state of its indices.

use serde::{Deserialize, Serialize};

/// The object that a suite's root names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// The serial number of the package that enters next.
    pub(super) next: u64,
}
