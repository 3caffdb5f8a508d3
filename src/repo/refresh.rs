//! Signing again what is published, before hosts refuse it as too old.

use super::event::{Action, Event};
use super::publish::{Publication, publication};
use super::suite_draft::SuiteDraft;
use super::{RepoError, RepoLock, Repository};
use crate::model::{Signer, Suite, Timestamp};

/// A suite is due when this part of its validity is over.
const DUE: u64 = 3;

impl Repository {
    /// The suites that should be signed again, sorted by name: those of whose validity a third is over, and those whose
    /// Contents indices are outdated.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn due(&self, now: Timestamp) -> Result<Vec<Suite>, RepoError> {
        let Some(root) = self.root()? else {
            let old = self.suites()?.into_iter();
            return Ok(old.map(|suite| suite.suite).collect());
        };
        let valid_for = self.settings().valid_for;
        let third = valid_for.map(|time| i64::try_from(time.as_secs() / DUE).unwrap_or(i64::MAX));
        let mut due = Vec::new();
        for suite in root.suites.into_values() {
            let until = third.map(|third| suite.date.seconds().saturating_add(third));
            let outdated = || -> Result<bool, RepoError> {
                let made = SuiteDraft::open(self.storage(), &suite)?.made();
                let contents = suite.contents.as_ref();
                Ok(contents.is_none_or(|contents| !contents.is_of(made)))
            };
            if until.is_some_and(|until| until <= now.seconds()) || outdated()? {
                due.push(suite.suite);
            }
        }
        Ok(due)
    }

    /// Publishes what is in `suites` again, with a new date: before their `Valid-Until` passes.
    ///
    /// # Errors
    ///
    /// As [`Repository::publish`].
    pub fn refresh(
        &self,
        lock: &RepoLock,
        suites: &[Suite],
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Vec<Publication>, RepoError> {
        let ((), root) = self.transact(lock, now, signer, &|draft| {
            for suite in suites {
                self.renew_keyring(draft, suite, signer)?;
                if let Err(error) = self.renew_contents(draft, suite) {
                    // A package that cannot be read must not keep a suite from being signed in time.
                    tracing::warn!(%suite, %error, "the Contents indices stay as they are");
                }
                // Nobody waits for it.
                draft.suite(suite)?.compact = true;
                let event = Event::of_suite(Action::Refresh, suite, self.operator());
                draft.events.push(event);
            }
            Ok(())
        })?;
        let refreshed = suites.iter();
        Ok(refreshed
            .map(|suite| publication(&root, suite, true))
            .collect())
    }
}
