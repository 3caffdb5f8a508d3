//! What happened to the repository, and who wanted it: one value for each change, made where the change is.

use super::ledger::Published;
use crate::model::{Actor, DebianVersion, Reason, Sha256, Suite};

/// What was done to a package in a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Approve,
    Promote,
    Withdraw,
    Phase,
    Rollback,
    Expire,
}

/// One change, for whoever asks later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) action: Action,
    /// Who wanted it; none, if the farm itself did.
    pub(super) by: Option<Actor>,
    pub(super) suite: Suite,
    pub(super) package: String,
    pub(super) version: DebianVersion,
    pub(super) sha256: Sha256,
    pub(super) reason: Option<Reason>,
    /// The digests of the approvals that it rests on.
    pub(super) approvals: Vec<Sha256>,
}

impl Event {
    /// What `by` did to a package in `suite`, without the reason.
    pub(super) fn of(action: Action, published: &Published, suite: &Suite, by: &Actor) -> Self {
        Self {
            action,
            by: Some(by.clone()),
            suite: suite.clone(),
            package: published.package.clone(),
            version: published.version.clone(),
            sha256: published.sha256,
            reason: None,
            approvals: Vec::new(),
        }
    }
}
