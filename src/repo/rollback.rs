//! Rollback: an older payload under a higher version, so that plain `apt upgrade` takes every host back; and the bad version
//! is withdrawn in the same commit.

use std::sync::Arc;

use tempfile::{NamedTempFile, TempPath};

use super::admit::stanza;
use super::draft::Draft;
use super::entry::{Entry, Published};
use super::event::{Action, Event};
use super::storage::{Content, Expected, Write};
use super::suite_draft::Change;
use super::withdraw::Withdrawal;
use super::{RepoError, RepoLock, Repository, layout};
use crate::deb::package::{Repacked, repack};
use crate::evidence::{
    Artifact, PAYLOAD_TYPE, Provenance, Rollback, envelope, prove, rollback_statement,
};
use crate::model::{
    Actor, Channel, DebianVersion, Reason, Sha256, Signer, Suite, Target, Timestamp,
};

/// The most bytes that a file of signed statements may have.
const MAX_EVIDENCE: u64 = 4 << 20;

/// A package that somebody wants to be what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackRequest {
    /// The package's name.
    pub package: String,
    /// The version to go back to; without it, the one before.
    pub to: Option<DebianVersion>,
    /// In which channel. Without it, the version that the last channel has is taken back from every channel.
    pub channel: Option<Channel>,
    /// Who wants it.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
}

/// What a rollback came to for one Debian release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The package's name.
    pub package: String,
    /// The version that was withdrawn.
    pub bad: DebianVersion,
    /// The version whose payload is back.
    pub to: DebianVersion,
    /// The version that it has now.
    pub version: DebianVersion,
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// The suites that have it.
    pub suites: Vec<Suite>,
}

impl Repository {
    /// Withdraws the highest version of a package, and brings an older one back above it.
    ///
    /// # Errors
    ///
    /// [`RepoError::NotThere`], [`RepoError::NothingOlder`], [`RepoError::Repack`], [`RepoError::OwnPackage`],
    /// [`RepoError::Evidence`] and [`RepoError::Mismatch`] for an older one that is not, or no more, what the farm has
    /// signed; else as [`Repository::publish`].
    pub fn roll_back(
        &self,
        lock: &RepoLock,
        request: &RollbackRequest,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Vec<RolledBack>, RepoError> {
        let (rolled_back, _) = self.transact(lock, now, signer, &|draft| {
            self.draft_rollback(draft, request, signer)
        })?;
        Ok(rolled_back)
    }

    /// What a rollback changes.
    pub(super) fn draft_rollback(
        &self,
        draft: &mut Draft<'_>,
        request: &RollbackRequest,
        signer: &dyn Signer,
    ) -> Result<Vec<RolledBack>, RepoError> {
        self.check_foreign(&request.package)?;
        let history = draft.history(&request.package)?;
        let mut rolled_back = Vec::new();
        let mut looked = Vec::new();
        for target in Target::ALL {
            let suite = self.followed(target, request);
            match highest(&history, &suite) {
                Some(bad) if is_meant(request, &history, target) => {
                    rolled_back.push(self.roll_back_one(draft, request, bad, &suite, signer)?);
                }
                _ => looked.push(suite),
            }
        }
        match (&request.to, rolled_back.is_empty()) {
            (Some(to), true) if !history.is_empty() => Err(RepoError::NothingOlder {
                reason: format!("{} {to} was never published there", request.package),
            }),
            (_, true) => Err(RepoError::not_there(&request.package, None, &looked)),
            _ => Ok(rolled_back),
        }
    }

    /// The suite whose highest version is the bad one.
    fn followed(&self, target: Target, request: &RollbackRequest) -> Suite {
        let last = self.settings().channels.last();
        let channel = request.channel.clone().or_else(|| last.cloned());
        Suite {
            target,
            channel: channel.unwrap_or_else(Channel::stable),
        }
    }

    fn roll_back_one(
        &self,
        draft: &mut Draft<'_>,
        request: &RollbackRequest,
        bad: &Entry,
        suite: &Suite,
        signer: &dyn Signer,
    ) -> Result<RolledBack, RepoError> {
        let history = draft.history(&request.package)?;
        let older = older(&history, bad, suite, request)?;
        let suites = draft.known_suites();
        let left: Vec<_> = match &request.channel {
            Some(_) => vec![suite.clone()],
            None => bad.present_in(&suites).into_iter().cloned().collect(),
        };
        // A channel that has something higher goes on with that.
        let is_highest =
            |suite: &&Suite| highest(&history, suite).map(Entry::key) == Some(bad.key());
        let entered: Vec<_> = left.iter().filter(is_highest).cloned().collect();
        let published = self.bring_back(draft, request, bad, older, signer)?;
        let withdrawal = Withdrawal {
            package: request.package.clone(),
            version: bad.published.version.clone(),
            channels: Vec::new(),
            by: request.by.clone(),
            reason: request.reason.clone(),
        };
        self.withdraw_from(draft, bad, &left, &withdrawal, signer)?;
        for suite in &entered {
            draft.change(suite, Change::add(published.clone()))?;
            draft.events.push(Event {
                reason: Some(request.reason.clone()),
                ..Event::of(Action::Rollback, &published, suite, Some(&request.by))
            });
        }
        Ok(RolledBack {
            package: published.package,
            bad: bad.published.version.clone(),
            to: older.published.version.clone(),
            version: published.version,
            sha256: published.sha256,
            suites: entered,
        })
    }

    /// The older package under its new version, which is written with its evidence before the commit.
    fn bring_back(
        &self,
        draft: &mut Draft<'_>,
        request: &RollbackRequest,
        bad: &Entry,
        older: &Entry,
        signer: &dyn Signer,
    ) -> Result<Published, RepoError> {
        let keys = self.statement_keys()?;
        let (bad, older) = (&bad.published, &older.published);
        let proof = match self.prove_published(older, &keys)? {
            Provenance::Built(proof) => proof,
            Provenance::Imported(import) => {
                let (version, uri) = (&older.version, &import.origin.uri);
                return Err(RepoError::NothingOlder {
                    reason: format!("{version} was imported from {uri}, not built by the farm"),
                });
            }
        };
        let statement = proof.statement();
        let version = bad.version.bringing_back(statement.plugin_version())?;
        if let Some(known) = draft.find(&older.package, &version)? {
            return again(known, older);
        }
        let (repacked, deb) = self.repack(older, &version, statement.commit_time())?;
        let expected = Expected {
            sha256: repacked.sha256,
            size: repacked.size,
        };
        let filename = layout::pool(
            &older.package,
            &version,
            older.architecture,
            expected.sha256,
        );
        let mut published = Published {
            version,
            statement: None,
            sha256: expected.sha256,
            size: expected.size,
            stanza: stanza(&repacked.control, &filename, expected),
            filename,
            published: draft.now,
            ..older.clone()
        };
        let said = rollback_statement(&Rollback {
            version: published.version.clone(),
            deb: published.artifact(),
            replaces: bad.version.clone(),
            original: statement.deb().clone(),
            data: repacked.data,
            by: request.by.clone(),
            reason: request.reason.clone(),
            at: draft.now,
        });
        let signatures = signer.sign_statement(PAYLOAD_TYPE, &said)?;
        let mut evidence = envelope(&said, &signatures);
        evidence.extend(self.evidence_of(statement.deb())?);
        prove(&evidence, &keys)?;
        published.statement = Some(Sha256::of(&evidence));
        let content = Content::File(deb.to_path_buf());
        draft.files.push(Arc::new(deb));
        let attestation = layout::attestation(published.sha256);
        let said = Expected::of(&evidence);
        draft.wave.extend([
            Write::immutable(published.filename.clone(), content, expected),
            Write::immutable(attestation, Content::Bytes(evidence.into()), said),
        ]);
        Ok(published)
    }

    fn repack(
        &self,
        older: &Published,
        version: &DebianVersion,
        time: Timestamp,
    ) -> Result<(Repacked, TempPath), RepoError> {
        let failed = |reason: String| RepoError::Repack { reason };
        let old = self.fetch(older)?;
        let mut new = NamedTempFile::new().map_err(|error| failed(error.to_string()))?;
        let opened = fs_err::File::open(old.path());
        let opened = opened.map_err(|error| failed(error.to_string()))?;
        let repacked = repack(opened, version, time, new.as_file_mut());
        let repacked = repacked.map_err(|error| failed(error.to_string()))?;
        Ok((repacked, new.into_temp_path()))
    }

    /// The evidence of a package that was built.
    fn evidence_of(&self, deb: &Artifact) -> Result<Vec<u8>, RepoError> {
        let key = layout::attestation(deb.sha256);
        let found = self.storage().get(&key, MAX_EVIDENCE)?;
        let found = found.ok_or_else(|| RepoError::Repack {
            reason: format!("{key} is gone"),
        })?;
        Ok(found.to_vec())
    }
}

/// What another channel went back to before, if it is the same.
fn again(known: Entry, older: &Published) -> Result<Published, RepoError> {
    let there = known.erased.is_none();
    let known = known.published;
    if there && known.content == older.content {
        return Ok(known);
    }
    Err(RepoError::VersionUsed {
        package: known.package,
        version: known.version.to_string(),
        reason: if there {
            "with other content".to_owned()
        } else {
            "and its file is kept no more".to_owned()
        },
    })
}

/// The highest version that `suite` has.
fn highest<'a>(history: &'a [Entry], suite: &Suite) -> Option<&'a Entry> {
    let mut entries = history.iter().rev();
    entries.find(|entry| entry.listing(suite).is_some())
}

/// Whether the release is meant: a version that was named belongs to one.
fn is_meant(request: &RollbackRequest, history: &[Entry], target: Target) -> bool {
    let Some(to) = &request.to else {
        return true;
    };
    let mut named = history.iter().filter(|one| one.published.version == *to);
    named.any(|one| one.is_for(target))
}

/// The version to go back to.
fn older<'a>(
    history: &'a [Entry],
    bad: &Entry,
    suite: &Suite,
    request: &RollbackRequest,
) -> Result<&'a Entry, RepoError> {
    let (package, bad) = (&request.package, &bad.published);
    let nothing = |reason: String| RepoError::NothingOlder { reason };
    // What the suite never had, nobody has approved for it.
    let mut below = history
        .iter()
        .rev()
        .filter(|one| one.published.version < bad.version && one.listed(suite).is_some())
        .filter(|one| one.erased.is_none());
    let found = match &request.to {
        Some(to) => below.find(|one| one.published.version == *to),
        None => below.find(|one| one.published.content != bad.content && !one.was_withdrawn()),
    };
    match (found, &request.to) {
        (Some(found), Some(to)) if found.was_withdrawn() => {
            Err(nothing(format!("{package} {to} was withdrawn itself")))
        }
        (Some(found), _) => Ok(found),
        (None, Some(to)) => Err(nothing(format!(
            "{suite} never had {package} {to}, its file is kept no more, or it is not below {}",
            bad.version
        ))),
        (None, None) => Err(nothing(format!(
            "{suite} never had a good version of {package} below {}",
            bad.version
        ))),
    }
}
