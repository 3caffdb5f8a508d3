//! What became of packages on hosts: told by hosts that were set up to, and counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of one installation. This is all that a host tells: not its name, its address, its Wazo, nor what was printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    /// A random UUID, drawn for this report alone: sent again, it counts once.
    pub id: String,
    /// The plugin, as `namespace/name`.
    pub plugin: String,
    /// The package's version.
    pub version: String,
    /// The host's Debian release.
    pub target: String,
    /// The host's architecture: amd64, arm64, armhf, i386 or other.
    pub architecture: String,
    /// What was asked for: install, update or uninstall.
    pub verb: String,
    /// Whose fault it is that it failed: plugin, apt, farm, service or unknown; nobody's, if it went well.
    pub blame: Option<String>,
    /// The step of the plugin's rules that failed, if one did: install, uninstall or postrm.
    pub step: Option<String>,
    /// Its exit status, 0 to 255.
    pub exit_status: Option<i32>,
}

/// What hosts have told of a version.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Installations {
    /// The package's version.
    pub version: String,
    /// How often it was installed, or updated to.
    pub installed: u64,
    /// How often it was removed.
    pub removed: u64,
    /// How often one of these failed, by whose fault it was.
    pub failed: BTreeMap<String, u64>,
    /// What of the plugin's own failed, the most frequent first.
    pub failures: Vec<ScriptFailure>,
    /// Where hosts get it, and how many of them.
    pub places: Vec<RollOut>,
}

/// A way in which a plugin's script failed on hosts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScriptFailure {
    /// The step of the plugin's rules: install, uninstall or postrm; none, where it was no step of theirs.
    pub step: Option<String>,
    /// Its exit status, where it has one.
    pub exit_status: Option<i32>,
    /// How often.
    pub count: u64,
}

/// A version in one suite.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RollOut {
    /// The apt suite.
    pub suite: String,
    /// The share of the hosts that upgrade to it by themselves, in percent; all, if there is none.
    pub phased: Option<u8>,
    /// Since when the farm has halted it, if it has.
    pub halted: Option<Halt>,
}

/// Why the farm has halted a roll-out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Halt {
    /// When.
    pub at: String,
    /// On how many hosts the plugin's own script had failed, as far as the farm can tell hosts apart.
    pub failures: u64,
    /// How many hosts had tried.
    pub hosts: u64,
}
