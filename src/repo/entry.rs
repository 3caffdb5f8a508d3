//! What the ledger says of a package: what was published, and the suites that it is, or was, in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::storage::Expected;
use crate::evidence::{APPROVALS_FIELD, Artifact};
use crate::model::{
    Architecture, CommitId, DebianVersion, PluginVersion, Reason, Sha256, Suite, Target, Timestamp,
};

/// One package as it was published. Nothing of this ever changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// Its architecture.
    pub architecture: Architecture,
    /// The version in the plugin's manifest; the farm's own packages have none.
    pub plugin_version: Option<PluginVersion>,
    /// Whether it is the preview of a branch, which is no release of its plugin's version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
    /// Whether it came from another repository: no build of the farm made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
    /// The commit that it was built from, where there is one.
    pub commit: Option<CommitId>,
    /// The source tar that it was built from; the farm's own packages have none.
    pub source: Option<Sha256>,
    /// What it holds, whatever its version.
    pub content: Sha256,
    /// The digest of its signed statement's file; only a keyring package of the first version has none.
    pub statement: Option<Sha256>,
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
    /// Its place, relative to the repository's root.
    pub filename: String,
    /// When it was published.
    pub published: Timestamp,
    /// Its paragraph in `Packages`, without the empty line after it.
    pub stanza: String,
}

impl Published {
    /// The .deb, named as statements name it.
    pub(super) fn artifact(&self) -> Artifact {
        let version = self.version.without_epoch();
        Artifact {
            name: format!("{}_{version}_{}.deb", self.package, self.architecture),
            sha256: self.sha256,
            size: self.size,
        }
    }

    /// What its bytes must be.
    pub(super) fn expected(&self) -> Expected {
        Expected {
            sha256: self.sha256,
            size: self.size,
        }
    }
}

/// A package in one suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Counts what entered the suite: its indices have their paragraphs in this order.
    pub(super) serial: u64,
    /// Since when the suite has it.
    pub since: Timestamp,
    /// Since when the suite does not have it any more, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Timestamp>,
    /// The share of hosts that upgrade to it, in percent (`Phased-Update-Percentage`); all, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phased: Option<u8>,
    /// Why it was withdrawn from the suite, if it was. It never enters again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Reason>,
    /// The digests of the approvals that let it in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) approvals: Vec<Sha256>,
    /// Whether its paragraph names those. What entered before paragraphs did has one that does not, and keeps it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) names_approvals: bool,
}

/// A package and every suite that it is, or was, in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The package.
    pub published: Published,
    /// Where it is, by suite.
    pub(super) listings: BTreeMap<String, Listing>,
    /// Since when its file is not there any more, if so. It never enters a suite again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) erased: Option<Timestamp>,
}

impl Listing {
    /// A package that enters now.
    pub(super) fn new(serial: u64, since: Timestamp) -> Self {
        Self {
            serial,
            since,
            removed: None,
            phased: None,
            withdrawn: None,
            approvals: Vec::new(),
            names_approvals: false,
        }
    }
}

impl Entry {
    /// A package that is in no suite yet.
    pub(super) fn new(published: Published) -> Self {
        Self {
            published,
            listings: BTreeMap::new(),
            erased: None,
        }
    }

    /// How it is in `suite`, if it is there now.
    #[must_use]
    pub fn listing(&self, suite: &Suite) -> Option<&Listing> {
        self.listed(suite)
            .filter(|listing| listing.removed.is_none())
    }

    /// How it is in `suite`, or was.
    pub(super) fn listed(&self, suite: &Suite) -> Option<&Listing> {
        self.listings.get(&suite.to_string())
    }

    /// Its paragraph in the indices of a suite that has it as `listing` says, without the empty line after it.
    pub(super) fn stanza(&self, listing: &Listing) -> String {
        let mut stanza = self.published.stanza.clone();
        if listing.names_approvals {
            let digests: Vec<_> = listing.approvals.iter().map(Sha256::to_string).collect();
            stanza.push_str(&format!("{APPROVALS_FIELD}: {}\n", digests.join(" ")));
        }
        if let Some(percent) = listing.phased {
            stanza.push_str(&format!("Phased-Update-Percentage: {percent}\n"));
        }
        stanza
    }

    /// The suites that have it now, of those in `suites`.
    pub(super) fn present_in<'a>(&self, suites: &'a [Suite]) -> Vec<&'a Suite> {
        let suites = suites.iter();
        suites
            .filter(|suite| self.listing(suite).is_some())
            .collect()
    }

    /// Whether it is, or was, in a suite of `target`.
    pub(super) fn is_for(&self, target: Target) -> bool {
        let suites = self.listings.keys();
        let name = target.codename();
        let mut own = suites.filter_map(|suite| suite.strip_prefix(name));
        own.any(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// When the last suite that had it lost it; nothing, if one has it now.
    pub(super) fn left(&self) -> Option<Timestamp> {
        let mut left = None;
        for listing in self.listings.values() {
            left = left.max(Some(listing.removed?));
        }
        left
    }

    /// Whether any suite has withdrawn it.
    pub(super) fn was_withdrawn(&self) -> bool {
        self.listings.values().any(|own| own.withdrawn.is_some())
    }

    /// Why `suite` never takes it again, if so: it was withdrawn from there, or from everywhere.
    pub(super) fn withdrawn(&self, suite: &Suite) -> Option<&Reason> {
        let here = self.listed(suite).and_then(|own| own.withdrawn.as_ref());
        let present = self.listings.values().any(|own| own.removed.is_none());
        let mut withdrawn = self
            .listings
            .values()
            .filter_map(|own| own.withdrawn.as_ref());
        here.or_else(|| withdrawn.next().filter(|_| !present))
    }

    pub(super) fn key(&self) -> Key {
        Key {
            package: self.published.package.clone(),
            version: self.published.version.clone(),
        }
    }
}

/// What the ledger is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) package: String,
    pub(super) version: DebianVersion,
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::published;
    use super::*;

    #[test]
    fn approvals_are_named_unless_the_paragraph_is_older() {
        let entry = Entry::new(published("a", "1.0", "Package: a\n".to_owned()));
        let mut listing = Listing::new(0, Timestamp::from_seconds(1));
        listing.approvals = vec![Sha256::of(b"1"), Sha256::of(b"2")];
        assert_eq!(entry.stanza(&listing), "Package: a\n");
        (listing.names_approvals, listing.phased) = (true, Some(20));
        let [one, two] = [Sha256::of(b"1"), Sha256::of(b"2")];
        let named =
            format!("Package: a\nPlugfarm-Approvals: {one} {two}\nPhased-Update-Percentage: 20\n");
        assert_eq!(entry.stanza(&listing), named);
    }
}
