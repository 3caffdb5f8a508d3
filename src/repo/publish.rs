//! Publishing packages.

use super::admit::Publishable;
use super::draft::Draft;
use super::event::Action;
use super::root::Root;
use super::{RepoError, RepoLock, Repository};
use crate::model::{Signer, Suite, Timestamp};

/// What a publication came to in one suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The suite.
    pub suite: Suite,
    /// Its generation afterwards.
    pub generation: u64,
    /// Whether anything changed. The same content again changes nothing.
    pub changed: bool,
}

/// Packages that are to be published in one suite.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The packages. With none the suite is still made, with the farm's keyring package.
    pub packages: &'a [Publishable],
}

impl Repository {
    /// Publishes every package of every batch, all or none.
    ///
    /// `now` dates it; a suite's dates rise by a second at least, for apt sees no change within one, and a publication
    /// waits where that would take it ahead of the clock. Interrupted at any point, it has happened or it has not, and
    /// whoever takes the lock next completes it.
    ///
    /// # Errors
    ///
    /// See [`RepoError`]. All but [`RepoError::Unfinished`] mean that nothing was published.
    pub fn publish(
        &self,
        lock: &RepoLock,
        batches: &[Batch<'_>],
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Vec<Publication>, RepoError> {
        let (changed, root) = self.transact(lock, now, signer, &|draft| {
            self.draft_publication(draft, batches, signer)
        })?;
        Ok(publications(&root, changed))
    }

    /// What a publication changes: for each batch its suite, and whether anything changes there.
    pub(super) fn draft_publication(
        &self,
        draft: &mut Draft<'_>,
        batches: &[Batch<'_>],
        signer: &dyn Signer,
    ) -> Result<Vec<(Suite, bool)>, RepoError> {
        let keys = self.statement_keys()?;
        for batch in batches {
            for package in batch.packages {
                package.check_target(batch.suite)?;
                package.check_evidence(&keys)?;
            }
        }
        let mut changed = Vec::new();
        for batch in batches {
            let before = draft.changes(batch.suite);
            self.add_batch(draft, batch, signer)?;
            let after = draft.changes(batch.suite);
            changed.push((batch.suite.clone(), before != after));
        }
        Ok(changed)
    }

    fn add_batch(
        &self,
        draft: &mut Draft<'_>,
        batch: &Batch<'_>,
        signer: &dyn Signer,
    ) -> Result<(), RepoError> {
        self.check_approvals(batch.suite)?;
        self.renew_keyring(draft, batch.suite, signer)?;
        self.renew_preview(draft, batch.suite);
        let preview = batch.suite.channel.is_preview();
        let action = if preview {
            Action::Preview
        } else {
            Action::Publish
        };
        for package in batch.packages {
            let published = match package.judge(draft, batch.suite)? {
                Some(published) => published,
                None => {
                    let published = package.published(draft.now);
                    draft.wave.extend(package.writes(&published));
                    published
                }
            };
            draft.publish(action, batch.suite, published, self.operator())?;
        }
        Ok(())
    }
}

impl Repository {
    /// Where more than one person must approve, nothing enters a channel but by the one before it.
    pub(super) fn check_approvals(&self, suite: &Suite) -> Result<(), RepoError> {
        let (channels, approvals) = (&self.settings().channels, self.settings().approvals);
        let later = channels.iter().skip(1).any(|one| *one == suite.channel);
        if approvals > 1 && later {
            return Err(RepoError::ApprovalNeeded {
                suite: suite.to_string(),
                approvals,
            });
        }
        Ok(())
    }
}

/// What a publication came to, once it is committed.
pub(super) fn publications(root: &Root, changed: Vec<(Suite, bool)>) -> Vec<Publication> {
    let changed = changed.into_iter();
    changed
        .map(|(suite, changed)| publication(root, &suite, changed))
        .collect()
}

pub(super) fn publication(root: &Root, suite: &Suite, changed: bool) -> Publication {
    let found = root.suites.get(&suite.to_string());
    Publication {
        suite: suite.clone(),
        generation: found.map_or(0, |found| found.generation),
        changed,
    }
}
