//! Previews: a channel for a branch, which goes away when nothing was published in it for a while.

use super::draft::Draft;
use super::event::{Action, Event};
use super::{RepoError, RepoLock, Repository};
use crate::model::{Signer, Suite, Timestamp};

impl Repository {
    /// Notes that something is published in `suite` now, should it be a preview.
    pub(super) fn renew_preview(&self, draft: &mut Draft<'_>, suite: &Suite) {
        if suite.channel.is_preview() {
            let time = i64::try_from(self.settings().preview_time.as_secs()).unwrap_or(i64::MAX);
            let until = Timestamp::from_seconds(draft.now.seconds().saturating_add(time));
            draft.catalog.previews.insert(suite.to_string(), until);
        }
    }

    /// Removes the previews that are over at `now`, and gives them. Their packages' files stay: evidence names them.
    ///
    /// # Errors
    ///
    /// As [`Repository::publish`].
    pub fn expire_previews(
        &self,
        lock: &RepoLock,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Vec<Suite>, RepoError> {
        let (expired, _) = self.transact(lock, now, signer, &|draft| {
            let previews = draft.catalog.previews.iter();
            let over = previews.filter(|(_, until)| **until <= now);
            let over: Vec<_> = over.map(|(name, _)| name.clone()).collect();
            let suites = draft.known_suites().into_iter();
            let suites: Vec<_> = suites
                .filter(|one| over.contains(&one.to_string()))
                .collect();
            for suite in &suites {
                for published in draft.drop_suite(suite)? {
                    let event = Event::of(Action::Expire, &published, suite, None);
                    draft.events.push(event);
                }
            }
            Ok(suites)
        })?;
        Ok(expired)
    }
}
