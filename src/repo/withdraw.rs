//! Withdrawal: a version leaves the indices for ever, and the keyring package keeps it away from hosts.

use super::catalog::Banned;
use super::draft::Draft;
use super::entry::Entry;
use super::event::{Action, Event};
use super::suite_draft::Change;
use super::{RepoError, RepoLock, Repository};
use crate::model::{Actor, Channel, DebianVersion, Reason, Signer, Suite, Target, Timestamp};

/// A version that hosts are to get no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The package's name.
    pub package: String,
    /// The version.
    pub version: DebianVersion,
    /// From which channels; from all, if none is named.
    pub channels: Vec<Channel>,
    /// Who wants it.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
}

/// What a withdrawal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// The suites that the version left.
    pub suites: Vec<Suite>,
    /// Whether the keyring package keeps it away from hosts: no suite has it any more.
    pub pinned: bool,
}

impl Repository {
    /// Takes a version out of the indices. Where no suite has it any more, the keyring package pins it away. Its file stays:
    /// evidence names it.
    ///
    /// # Errors
    ///
    /// [`RepoError::NotThere`], [`RepoError::OwnPackage`]; else as [`Repository::publish`].
    pub fn withdraw(
        &self,
        lock: &RepoLock,
        withdrawal: &Withdrawal,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Withdrawn, RepoError> {
        let (withdrawn, _) = self.transact(lock, now, signer, &|draft| {
            self.draft_withdrawal(draft, withdrawal, signer)
        })?;
        Ok(withdrawn)
    }

    /// What a withdrawal changes.
    pub(super) fn draft_withdrawal(
        &self,
        draft: &mut Draft<'_>,
        withdrawal: &Withdrawal,
        signer: &dyn Signer,
    ) -> Result<Withdrawn, RepoError> {
        self.check_foreign(&withdrawal.package)?;
        let Withdrawal {
            package, version, ..
        } = withdrawal;
        let suites = draft.known_suites();
        let entry = draft.find(package, version)?;
        let not_there = || RepoError::not_there(package, Some(version), &suites);
        let entry = entry.ok_or_else(not_there)?;
        let wanted = |suite: &&Suite| {
            withdrawal.channels.is_empty() || withdrawal.channels.contains(&suite.channel)
        };
        let left = entry.present_in(&suites).into_iter().filter(wanted);
        let left: Vec<_> = left.cloned().collect();
        if left.is_empty() {
            let mut before = suites.iter().filter(wanted);
            return match before.find(|suite| entry.withdrawn(suite).is_some()) {
                Some(_) => Ok(Withdrawn {
                    suites: left,
                    pinned: draft.is_banned(&entry),
                }),
                None => Err(not_there()),
            };
        }
        self.withdraw_from(draft, &entry, &left, withdrawal, signer)?;
        Ok(Withdrawn {
            suites: left,
            pinned: draft.is_banned(&entry),
        })
    }

    /// Takes a version out of `suites`, which have it.
    pub(super) fn withdraw_from(
        &self,
        draft: &mut Draft<'_>,
        entry: &Entry,
        suites: &[Suite],
        withdrawal: &Withdrawal,
        signer: &dyn Signer,
    ) -> Result<(), RepoError> {
        let published = &entry.published;
        for suite in suites {
            let change = Change::Remove {
                package: published.package.clone(),
                version: published.version.clone(),
                withdrawn: Some(withdrawal.reason.clone()),
            };
            draft.change(suite, change)?;
            draft.events.push(Event {
                reason: Some(withdrawal.reason.clone()),
                ..Event::of(Action::Withdraw, published, suite, Some(&withdrawal.by))
            });
        }
        let Some(target) = suites.first().map(|suite| suite.target) else {
            return Ok(());
        };
        draft.ban(entry, target)?;
        for suite in draft.known_suites() {
            if suite.target == target {
                self.renew_keyring(draft, &suite, signer)?;
            }
        }
        Ok(())
    }
}

impl Draft<'_> {
    /// Keeps the version away from hosts, unless some suite still has it.
    fn ban(&mut self, entry: &Entry, target: Target) -> Result<(), RepoError> {
        let published = &entry.published;
        self.catalog
            .pending
            .retain(|one| one.sha256 != published.sha256);
        let suites = self.known_suites();
        let now = self.find(&published.package, &published.version)?;
        let gone = now.is_none_or(|entry| entry.present_in(&suites).is_empty());
        if gone && !self.is_banned(entry) {
            self.catalog.withdrawn.push(Banned {
                target,
                package: published.package.clone(),
                version: published.version.clone(),
            });
        }
        Ok(())
    }

    fn is_banned(&self, entry: &Entry) -> bool {
        let published = &entry.published;
        let mut banned = self.catalog.withdrawn.iter();
        banned.any(|one| one.package == published.package && one.version == published.version)
    }
}

/// What apt of a host of `target` is told never to install (apt_preferences(5)); none, if nothing was withdrawn.
pub(super) fn pins(banned: &[Banned], target: Target) -> Option<String> {
    let mut own = banned.iter().filter(|one| one.target == target).peekable();
    own.peek()?;
    let mut text = "# Versions that the farm has withdrawn.\n".to_owned();
    for Banned {
        package, version, ..
    } in own
    {
        text.push_str(&format!(
            "Package: {package}\nPin: version {version}\nPin-Priority: -1\n\n"
        ));
    }
    Some(text)
}
