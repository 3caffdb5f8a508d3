//! Signing again what is published, before hosts refuse it as too old.

use super::event::{Action, Event};
use super::publish::{Publication, publication};
use super::{RepoError, RepoLock, Repository};
use crate::model::{Signer, Suite, Timestamp};

/// A suite is due when this part of its validity is over.
const DUE: u64 = 3;

impl Repository {
    /// The suites that should be signed again, sorted by name: those of whose validity a third is over.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn due(&self, now: Timestamp) -> Result<Vec<Suite>, RepoError> {
        let Some(valid_for) = self.settings().valid_for else {
            return Ok(Vec::new());
        };
        let third = i64::try_from(valid_for.as_secs() / DUE).unwrap_or(i64::MAX);
        let due = |date: Timestamp| date.seconds().saturating_add(third) <= now.seconds();
        let suites = self.suites()?.into_iter();
        Ok(suites
            .filter(|suite| due(suite.date))
            .map(|suite| suite.suite)
            .collect())
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
