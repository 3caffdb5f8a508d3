//! One suite of a publication that is being prepared, and what can be changed in it.

use std::collections::BTreeMap;

use super::contents::{Contents, Made};
use super::entry::Published;
use super::root::SuiteRoot;
use super::storage::Storage;
use super::table::{Edits, Table};
use super::{RepoError, layout, object};
use crate::model::{DebianVersion, Reason, Sha256, Suite, Timestamp};

/// One change to what a suite has.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// The package enters, unless it is there.
    Add {
        published: Box<Published>,
        /// See [`Listing::phased`].
        phased: Option<u8>,
        /// See [`Listing::approvals`].
        approvals: Vec<Sha256>,
    },
    /// The package leaves the indices. The ledger remembers it.
    Remove {
        package: String,
        version: DebianVersion,
        /// Why it must never come back, if so.
        withdrawn: Option<Reason>,
    },
    /// Only this share of the hosts upgrades to the package by itself, in percent; all, if there is none.
    Phase {
        package: String,
        version: DebianVersion,
        percent: Option<u8>,
    },
}

impl Change {
    /// The package enters, for all hosts, without anybody's approval.
    pub(super) fn add(published: Published) -> Self {
        Self::Add {
            published: Box::new(published),
            phased: None,
            approvals: Vec::new(),
        }
    }
}

/// A suite that changes.
#[derive(Debug, Clone)]
pub(super) struct SuiteDraft {
    pub(super) suite: Suite,
    /// Its last generation; 0, if it is new.
    pub(super) generation: u64,
    /// The `Date` of its last Release.
    pub(super) date: Option<Timestamp>,
    /// What of it is in use no more, unless it turns out to be so still.
    pub(super) retired: BTreeMap<String, Sha256>,
    pub(super) table: Table,
    /// Its Contents indices, which may be outdated.
    pub(super) contents: Option<Contents>,
    /// What changes in its indices.
    pub(super) edits: Edits,
    /// Whether there is time to compress its indices better.
    pub(super) compact: bool,
    /// How many packages it has.
    pub(super) packages: u64,
}

impl SuiteDraft {
    /// A suite that nothing was published in yet.
    pub(super) fn new(suite: Suite) -> Result<Self, RepoError> {
        Ok(Self {
            suite,
            generation: 0,
            date: None,
            retired: BTreeMap::new(),
            table: Table::empty()?,
            contents: None,
            edits: Edits::default(),
            compact: false,
            packages: 0,
        })
    }

    /// The suite as it was last committed.
    pub(super) fn open(storage: &dyn Storage, root: &SuiteRoot) -> Result<Self, RepoError> {
        let mut retired = root.keys();
        retired.insert(layout::object(root.table), root.table);
        Ok(Self {
            suite: root.suite.clone(),
            generation: root.generation,
            date: Some(root.date),
            retired,
            table: object::load(storage, root.table)?,
            contents: root.contents.clone(),
            edits: Edits::default(),
            compact: false,
            packages: root.packages,
        })
    }

    /// How far it is.
    pub(super) fn made(&self) -> Made {
        Made {
            entered: self.table.next,
            packages: self.packages,
        }
    }
}
