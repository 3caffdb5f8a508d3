//! What people decide about published versions, and what became of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Approval;

/// The next channel for a version.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The package's version; without it, the highest that the channel has.
    pub version: Option<String>,
    /// Only for these Debian releases; for all, if none is named.
    #[serde(default)]
    pub targets: Vec<String>,
    /// The channel that has it; without it, the one before.
    pub from: Option<String>,
    /// The channel that it enters; without it, the next.
    pub to: Option<String>,
    /// Only this share of the hosts upgrades to it by itself, in percent; all, if there is none.
    #[schema(maximum = 100)]
    pub phase: Option<u8>,
    /// Why, in one line.
    pub reason: String,
}

/// What a promotion came to in one suite.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Promoted {
    /// The Debian package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The suite.
    pub suite: String,
    /// The digest of the .deb.
    pub sha256: String,
    /// Who has approved it so far; nobody, if the suite had it already.
    pub approvals: Vec<Approval>,
    /// How many more people must approve it before it enters.
    pub missing: usize,
}

/// A share of the hosts for a version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Phasing {
    /// The package's version.
    pub version: String,
    /// The share of the hosts that upgrade to it by themselves: 0 to 100, which is all.
    #[schema(maximum = 100)]
    pub percent: u8,
    /// In this channel; without it, in the last that has it.
    pub channel: Option<String>,
}

/// What a phasing came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Phased {
    /// The Debian package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The suite.
    pub suite: String,
    /// The share of the hosts, in percent.
    pub percent: u8,
}

/// A version that hosts are to get no more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The package's version.
    pub version: String,
    /// Only from these channels; from all, if none is named.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Why, in one line.
    pub reason: String,
}

/// What a withdrawal came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Withdrawn {
    /// The Debian package.
    pub package: String,
    /// The version.
    pub version: String,
    /// The suites that it left now.
    pub suites: Vec<String>,
    /// Whether the farm's keyring package keeps it away from hosts: no suite has it any more.
    pub pinned: bool,
}

/// A package that is to be what it was.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The version to go back to; without it, the one before.
    pub to: Option<String>,
    /// Only in this channel; without it, what the last channel has goes from every channel.
    pub channel: Option<String>,
    /// Why, in one line.
    pub reason: String,
}

/// What a rollback came to for one Debian release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RolledBack {
    /// The Debian package.
    pub package: String,
    /// The version that was withdrawn.
    pub bad: String,
    /// The version whose content is back.
    pub to: String,
    /// The version that it has now.
    pub version: String,
    /// The digest of the .deb.
    pub sha256: String,
    /// The suites that have it.
    pub suites: Vec<String>,
}
