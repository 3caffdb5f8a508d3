//! What happened to the repository, and who wanted it: one value for each change, made where the change is.

use serde::{Deserialize, Serialize};

use super::entry::Published;
use crate::model::{Actor, CommitId, DebianVersion, Reason, Sha256, Suite};

/// What was done to a suite, or to a package in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A package entered the suite.
    Publish,
    /// A package of a branch entered the suite of its preview.
    Preview,
    /// The farm's own package entered the suite: its keys, its sources, or what it keeps away from hosts changed.
    Keyring,
    /// Somebody approved that a package enters the suite, and somebody else has yet to.
    Approve,
    /// A package entered the suite from the channel before it.
    Promote,
    /// A package of another repository entered the suite.
    Import,
    /// The share of hosts that upgrade to a package by themselves changed.
    Phase,
    /// A package left the suite for ever.
    Withdraw,
    /// An older package entered the suite again, under a higher version.
    Rollback,
    /// A package went with the preview that it was in, or a dated publication was over.
    Expire,
    /// A package left the suite: there are enough newer ones.
    Retire,
    /// The files of a package went, which no suite had for long.
    Erase,
    /// What the suite was is kept.
    Snapshot,
    /// The suite was signed again, with what it had.
    Refresh,
}

impl Action {
    /// The action's word, as in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Preview => "preview",
            Self::Keyring => "keyring",
            Self::Approve => "approve",
            Self::Promote => "promote",
            Self::Import => "import",
            Self::Phase => "phase",
            Self::Withdraw => "withdraw",
            Self::Rollback => "rollback",
            Self::Expire => "expire",
            Self::Retire => "retire",
            Self::Erase => "erase",
            Self::Snapshot => "snapshot",
            Self::Refresh => "refresh",
        }
    }
}

/// Which package a change is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// The commit that it was built from, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
}

impl About {
    fn of(published: &Published) -> Self {
        Self {
            package: published.package.clone(),
            version: published.version.clone(),
            sha256: published.sha256,
            commit: published.commit.clone(),
        }
    }
}

/// One change, for whoever asks later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// Who wanted it; none, if the farm itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// In which suite; none, if it was in none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<Suite>,
    /// To which package; none, if it is about the whole suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// The share of hosts that upgrade to it by themselves since, in percent; none, if nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phased: Option<u8>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The digests of the approvals that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Sha256>,
}

impl Event {
    /// What `by` did to a package in `suite`.
    pub(super) fn of(
        action: Action,
        published: &Published,
        suite: &Suite,
        by: Option<&Actor>,
    ) -> Self {
        Self {
            about: Some(About::of(published)),
            ..Self::of_suite(action, suite, by)
        }
    }

    /// What `by` did to a package that is in no suite.
    pub(super) fn of_package(action: Action, published: &Published, by: Option<&Actor>) -> Self {
        Self {
            action,
            by: by.cloned(),
            suite: None,
            about: Some(About::of(published)),
            phased: None,
            reason: None,
            approvals: Vec::new(),
        }
    }

    /// What `by` did to the whole of `suite`.
    pub(super) fn of_suite(action: Action, suite: &Suite, by: Option<&Actor>) -> Self {
        Self {
            action,
            by: by.cloned(),
            suite: Some(suite.clone()),
            about: None,
            phased: None,
            reason: None,
            approvals: Vec::new(),
        }
    }
}
