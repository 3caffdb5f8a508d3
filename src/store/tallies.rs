//! What became of versions on hosts, summed up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::model::{DebianVersion, HostStep, InstallBlame, InstallVerb};

/// A kind of outcome of a version, and how often it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The package's version.
    pub version: String,
    /// What was asked for.
    pub verb: InstallVerb,
    /// Whose fault it is that it failed; nobody's, if it went well.
    pub blame: Option<InstallBlame>,
    /// The step of the plugin's rules that failed.
    pub step: Option<HostStep>,
    /// Its exit status.
    pub exit_status: Option<i32>,
    /// How often.
    pub count: u64,
}

/// What became of a version on hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// How often it was installed, or updated to.
    pub installed: u64,
    /// How often it was removed.
    pub removed: u64,
    /// How often one of these failed, by whose fault it was.
    pub failed: BTreeMap<InstallBlame, u64>,
    /// In which ways the plugin's own script failed, the most frequent first.
    pub scripts: Vec<ScriptFailures>,
}

/// A way in which a plugin's script failed, and how often it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptFailures {
    /// The step of the plugin's rules.
    pub step: Option<HostStep>,
    /// Its exit status.
    pub exit_status: Option<i32>,
    /// How often.
    pub count: u64,
}

impl Totals {
    /// What `tallies` say of `version`.
    #[must_use]
    pub fn of(version: &DebianVersion, tallies: &[Tally]) -> Self {
        let version = version.to_string();
        let (mut totals, mut scripts) = (Self::default(), BTreeMap::<_, u64>::new());
        for tally in tallies.iter().filter(|one| one.version == version) {
            match tally.blame {
                None if tally.verb == InstallVerb::Uninstall => totals.removed += tally.count,
                None => totals.installed += tally.count,
                Some(blame) => *totals.failed.entry(blame).or_default() += tally.count,
            }
            if tally.blame == Some(InstallBlame::Plugin) {
                let way = (tally.step, tally.exit_status);
                *scripts.entry(way).or_default() += tally.count;
            }
        }
        let ways = scripts.into_iter();
        let ways = ways.map(|((step, exit_status), count)| ScriptFailures {
            step,
            exit_status,
            count,
        });
        totals.scripts = ways.collect();
        totals.scripts.sort_by_key(|way| Reverse(way.count));
        totals
    }

    /// How often anything of it failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}
