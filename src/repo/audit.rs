//! What was shipped: the audit log, verified, with what the evidence says of each package.

use std::collections::BTreeMap;

use super::check::readable;
use super::event::Event;
use super::log::{Link, Log};
use super::release::LOG_FIELD;
use super::root::{Root, SuiteRoot};
use super::{RepoError, Repository, layout};
use crate::evidence::{Approval, EvidenceError, Proof, prove, verify_approval};
use crate::model::{Sha256, Timestamp};

/// The most bytes that a package's evidence may have.
const MAX_EVIDENCE: u64 = 4 << 20;

/// What somebody asks the log for. Without anything, everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only what is about the package of this name.
    pub package: Option<String>,
    /// Only what happened then and later.
    pub since: Option<Timestamp>,
    /// Only what is about packages of the commit that begins with these digits.
    pub commit: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The number of its record.
    pub record: u64,
    /// The digest of its record and everything before it.
    pub chain: Sha256,
    /// The commit of the repository that it was part of.
    pub generation: u64,
    /// When.
    pub time: Timestamp,
    /// The version of the program that did it.
    pub program: String,
    /// What.
    pub event: Event,
}

impl AuditQuery {
    fn asks_for(&self, time: Timestamp, event: &Event) -> bool {
        let about = event.about.as_ref();
        let package = about.map(|about| about.package.as_str());
        let commit = about.and_then(|about| about.commit.as_ref());
        let begins = |digits: &String| {
            commit.is_some_and(|commit| commit.as_str().starts_with(&digits.to_ascii_lowercase()))
        };
        self.package
            .as_ref()
            .is_none_or(|named| package == Some(named.as_str()))
            && self.since.is_none_or(|since| time >= since)
            && self.commit.as_ref().is_none_or(begins)
    }
}

impl Repository {
    /// What happened, newest first. The whole log is verified, whatever is asked for: against itself, against the root, and
    /// against every Release, which were signed over it.
    ///
    /// # Errors
    ///
    /// [`RepoError::State`] when the log is not what was written, [`RepoError::Storage`].
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<Audited>, RepoError> {
        let mut found = Vec::new();
        let Some(root) = self.root()? else {
            return Ok(found);
        };
        self.read_log(&root, &mut |link| {
            let Link { record, chain } = link;
            let events = record.events.into_iter().rev();
            let events = events.filter(|event| query.asks_for(record.time, event));
            found.extend(events.map(|event| Audited {
                record: record.number,
                chain,
                generation: record.generation,
                time: record.time,
                program: record.program.clone(),
                event,
            }));
        })?;
        Ok(found)
    }

    /// What the evidence of a published package proves; nothing, if it is not there. What the farm makes itself, such as its
    /// keyring package, no build has made: its evidence is another.
    ///
    /// # Errors
    ///
    /// [`RepoError::Evidence`], [`RepoError::Storage`].
    pub fn proof(&self, deb: Sha256) -> Result<Option<Proof>, RepoError> {
        let found = self
            .storage()
            .get(&layout::attestation(deb), MAX_EVIDENCE)?;
        let Some(found) = found else {
            return Ok(None);
        };
        match prove(&found, &self.statement_keys()?) {
            Ok(proof) => Ok(Some(proof).filter(|own| own.deb().sha256 == deb)),
            Err(EvidenceError::NotAStatement { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Who approved that the package with the digest `deb` enters a suite; nothing, if the statement of this digest is not
    /// there, or is not about that package.
    ///
    /// # Errors
    ///
    /// [`RepoError::Evidence`], [`RepoError::Storage`].
    pub fn approval(&self, deb: Sha256, statement: Sha256) -> Result<Option<Approval>, RepoError> {
        let key = layout::approval(deb, statement);
        let Some(found) = self.storage().get(&key, MAX_EVIDENCE)? else {
            return Ok(None);
        };
        let verified = verify_approval(&found, &self.statement_keys()?)?;
        let own = verified.deb().sha256 == deb;
        Ok(own.then(|| verified.approval().clone()))
    }

    /// Whether the log is what was written; what is not is noted.
    pub(super) fn check_log(
        &self,
        root: &Root,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        readable(self.read_log(root, &mut |_| {}), problems).map(drop)
    }

    /// Reads the whole log, newest first.
    fn read_log(&self, root: &Root, take: &mut dyn FnMut(Link)) -> Result<(), RepoError> {
        let mut signed: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for suite in root.suites.values() {
            if let Some((records, head)) = signed_log(suite) {
                signed
                    .entry(records)
                    .or_default()
                    .push((head, &suite.suite));
            }
        }
        let mut generation = root.generation;
        for segment in Log::segments(root.log.as_ref(), self.storage()) {
            for link in segment?.links.into_iter().rev() {
                let record = &link.record;
                if record.generation > generation {
                    return Err(self.broken("it has a commit that the repository never had"));
                }
                generation = record.generation.saturating_sub(1);
                let own = signed.remove(&record.number).unwrap_or_default();
                if let Some((_, suite)) = own.iter().find(|(head, _)| *head != link.chain) {
                    let reason = format!("the Release of {suite} was signed over another");
                    return Err(self.broken(&reason));
                }
                take(link);
            }
        }
        match signed.into_values().flatten().next() {
            Some((_, suite)) => {
                let reason = format!("it is shorter than when the Release of {suite} was signed");
                Err(self.broken(&reason))
            }
            None => Ok(()),
        }
    }

    fn broken(&self, reason: &str) -> RepoError {
        RepoError::State {
            place: self.storage().place(layout::ROOT),
            reason: format!("the audit log is not whole: {reason}"),
        }
    }
}

/// The log that a suite's Release was signed over: how many records it had, and the last one's digest.
fn signed_log(suite: &SuiteRoot) -> Option<(u64, Sha256)> {
    let mut fields = suite
        .release
        .lines()
        .filter_map(|line| line.split_once(": "));
    let (_, value) = fields.find(|(name, _)| *name == LOG_FIELD)?;
    let (records, head) = value.split_once(' ')?;
    Some((records.parse().ok()?, head.parse().ok()?))
}
