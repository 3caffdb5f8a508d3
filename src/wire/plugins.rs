//! Plugins, their versions, and the channels that these go through.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// The plugin, as `namespace/name`.
    pub plugin: String,
    /// The Debian package that hosts install.
    pub package: String,
    /// Whose it is.
    pub partner: Option<String>,
    /// The repository that it comes from; none for one that was imported, or published by hand.
    pub url: Option<String>,
    /// Its folder in it, unless it is the root.
    pub subdirectory: Option<String>,
    /// Whether it is shown to its partner and to auditors alone.
    pub private: bool,
    /// The highest version of each suite that has one.
    pub highest: Vec<Highest>,
}

/// The highest version that a suite has.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Highest {
    /// The apt suite.
    pub suite: String,
    /// The Debian release.
    pub target: String,
    /// The channel.
    pub channel: String,
    /// The package's version.
    pub version: String,
}

/// A plugin, with everything that was ever published of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DetailedPlugin {
    /// The plugin.
    #[serde(flatten)]
    pub plugin: Plugin,
    /// Its versions, the highest first.
    pub versions: Vec<Version>,
    /// What not enough people have approved yet.
    pub pending: Vec<Pending>,
}

/// A published version. It never changes; where it is does.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The package's version.
    pub version: String,
    /// The version in the plugin's manifest.
    pub plugin_version: Option<String>,
    /// The Debian architecture.
    pub architecture: String,
    /// The commit that it was built from; none where no build of this farm made it.
    pub commit: Option<String>,
    /// The build that published it, if the farm's queue knows of it.
    pub build: Option<String>,
    /// Whether it came from another repository.
    pub imported: bool,
    /// Whether it is the preview of a branch.
    pub preview: bool,
    /// The digest of the .deb.
    pub sha256: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Where it is, relative to the repository.
    pub filename: String,
    /// When it was published first.
    pub published_at: String,
    /// The suites that have it, or had it.
    pub places: Vec<Place>,
}

/// A version in one suite.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// The apt suite.
    pub suite: String,
    /// The Debian release.
    pub target: String,
    /// The channel.
    pub channel: String,
    /// Since when the suite has it.
    pub since: String,
    /// Since when the suite does not have it any more.
    pub removed: Option<String>,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<String>,
    /// The share of the hosts that upgrade to it by themselves, in percent; all, if there is none.
    pub phased: Option<u8>,
}

/// A version that waits for somebody else to approve it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Pending {
    /// The package's version.
    pub version: String,
    /// The suite that it is to enter.
    pub suite: String,
    /// Who has approved it.
    pub approvals: Vec<Approval>,
}

/// One person's approval.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Whose.
    pub by: String,
    /// Since when.
    pub at: String,
}

/// A channel. Packages go through them in their order; hosts follow the last.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its name.
    pub channel: String,
    /// How many people must approve what enters it; none for the first, which builds enter.
    pub approvals: Option<usize>,
    /// Its suites, one for each Debian release that anything was published for.
    pub suites: Vec<Suite>,
}

/// A suite.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Suite {
    /// Its name, as in a host's sources.
    pub suite: String,
    /// The Debian release.
    pub target: String,
    /// Counts its publications, from 1.
    pub generation: u64,
    /// When it was signed last.
    pub date: String,
    /// How many packages it has.
    pub packages: u64,
}
