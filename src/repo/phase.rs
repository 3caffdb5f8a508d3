//! Phasing: only a share of the hosts upgrades to a version by itself. apt of each host decides by its machine id
//! (`Phased-Update-Percentage`).

use super::draft::Draft;
use super::event::{Action, Event};
use super::suite_draft::Change;
use super::{RepoError, RepoLock, Repository};
use crate::model::{Actor, Channel, DebianVersion, Reason, Signer, Suite, Timestamp};

/// A version that only some hosts are to upgrade to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phasing {
    /// The package's name.
    pub package: String,
    /// The version.
    pub version: DebianVersion,
    /// The share of hosts, in percent: 0 to 100, which is all.
    pub percent: u8,
    /// In which channel; without it, the last that has the version.
    pub channel: Option<Channel>,
    /// Who wants it.
    pub by: Actor,
}

/// A roll-out that goes no further: no other host upgrades to the version by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halting {
    /// The package's name.
    pub package: String,
    /// The version.
    pub version: DebianVersion,
    /// The suite.
    pub suite: Suite,
    /// Who wants it.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
}

impl Repository {
    /// Changes the share of hosts that upgrade to a version. Gives the suite, which is signed again if anything changed.
    ///
    /// # Errors
    ///
    /// [`RepoError::NotThere`], [`RepoError::OwnPackage`]; else as [`Repository::publish`].
    pub fn phase(
        &self,
        lock: &RepoLock,
        phasing: &Phasing,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Suite, RepoError> {
        let (suite, _) = self.transact(lock, now, signer, &|draft| {
            self.draft_phasing(draft, phasing)
        })?;
        Ok(suite)
    }

    /// What a phasing changes.
    pub(super) fn draft_phasing(
        &self,
        draft: &mut Draft<'_>,
        phasing: &Phasing,
    ) -> Result<Suite, RepoError> {
        self.check_foreign(&phasing.package)?;
        let Phasing {
            package, version, ..
        } = phasing;
        let suites = draft.known_suites();
        let not_there = || RepoError::not_there(package, Some(version), &suites);
        let entry = draft.find(package, version)?.ok_or_else(not_there)?;
        let present = entry.present_in(&suites);
        let has = |channel: &Channel| {
            let mut own = present.iter().copied();
            own.find(|suite| suite.channel == *channel)
        };
        let suite = match &phasing.channel {
            Some(channel) => has(channel),
            None => self.settings().channels.iter().rev().find_map(has),
        };
        let suite = suite.ok_or_else(not_there)?;
        let percent = Some(phasing.percent).filter(|percent| *percent < 100);
        if entry
            .listing(suite)
            .is_some_and(|own| own.phased != percent)
        {
            let change = Change::Phase {
                package: package.clone(),
                version: version.clone(),
                percent,
            };
            draft.change(suite, change)?;
            let (by, published) = (Some(&phasing.by), &entry.published);
            draft.events.push(Event {
                phased: Some(phasing.percent),
                ..Event::of(Action::Phase, published, suite, by)
            });
        }
        Ok(suite.clone())
    }

    /// What a halt changes: nothing, where all hosts upgrade already, or none. Gives whether none does.
    pub(super) fn draft_halt(
        &self,
        draft: &mut Draft<'_>,
        halting: &Halting,
    ) -> Result<bool, RepoError> {
        let Halting {
            package,
            version,
            suite,
            ..
        } = halting;
        let entry = draft.find(package, version)?;
        let listing = entry.as_ref().and_then(|entry| entry.listing(suite));
        let phased = listing.and_then(|listing| listing.phased);
        let Some((entry, share)) = entry.as_ref().zip(phased) else {
            return Ok(false);
        };
        if share > 0 {
            let change = Change::Phase {
                package: package.clone(),
                version: version.clone(),
                percent: Some(0),
            };
            draft.change(suite, change)?;
            let by = Some(&halting.by);
            draft.events.push(Event {
                phased: Some(0),
                reason: Some(halting.reason.clone()),
                ..Event::of(Action::Phase, &entry.published, suite, by)
            });
        }
        Ok(true)
    }
}
