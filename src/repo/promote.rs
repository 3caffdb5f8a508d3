//! Promotion: the same bytes in the next channel, once enough people have approved it.

use super::approvals::{Pending, Standing};
use super::draft::Draft;
use super::entry::{Entry, Published};
use super::event::{Action, Event};
use super::suite_draft::Change;
use super::{RepoError, RepoLock, Repository};
use crate::model::{
    Actor, Channel, DebianVersion, Reason, Sha256, Signer, Suite, Target, Timestamp,
};

/// A package that somebody wants in the next channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The package's name.
    pub package: String,
    /// Its version; without it, the highest that the channel has.
    pub version: Option<DebianVersion>,
    /// For which Debian releases; for all that the channel has it for, if none is named.
    pub targets: Vec<Target>,
    /// Where it is.
    pub from: Channel,
    /// Where it goes.
    pub to: Channel,
    /// The share of hosts that are to upgrade to it at first, in percent; all, if there is none.
    pub phased: Option<u8>,
    /// Who wants it.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
}

/// What a promotion came to in one suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// The suite.
    pub suite: Suite,
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// Who has approved it so far; nobody, if the suite had it already.
    pub approvals: Vec<Standing>,
    /// How many more people must approve it before it enters.
    pub missing: usize,
}

impl Promotion {
    /// The suite that a package of `target` comes from.
    fn source(&self, target: Target) -> Suite {
        Suite {
            target,
            channel: self.from.clone(),
        }
    }
}

impl Repository {
    /// Lets a package into the next channel, or notes that one more person has approved it. Its bytes stay where they are.
    ///
    /// # Errors
    ///
    /// [`RepoError::NotThere`], [`RepoError::Withdrawn`], [`RepoError::VersionNotHigher`], [`RepoError::SamePerson`],
    /// [`RepoError::Evidence`] and [`RepoError::Mismatch`] for what is not, or no more, what the farm has signed; else as
    /// [`Repository::publish`].
    pub fn promote(
        &self,
        lock: &RepoLock,
        promotion: &Promotion,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Vec<Promoted>, RepoError> {
        let (promoted, _) = self.transact(lock, now, signer, &|draft| {
            self.draft_promotion(draft, promotion, signer)
        })?;
        Ok(promoted)
    }

    /// What a promotion changes.
    pub(super) fn draft_promotion(
        &self,
        draft: &mut Draft<'_>,
        promotion: &Promotion,
        signer: &dyn Signer,
    ) -> Result<Vec<Promoted>, RepoError> {
        self.check_order(&promotion.from, &promotion.to)?;
        self.check_foreign(&promotion.package)?;
        let mut promoted = Vec::new();
        for (target, entry) in candidates(draft, promotion)? {
            let suite = Suite {
                target,
                channel: promotion.to.clone(),
            };
            promoted.push(self.promote_one(draft, promotion, &entry, &suite, signer)?);
        }
        Ok(promoted)
    }

    fn promote_one(
        &self,
        draft: &mut Draft<'_>,
        promotion: &Promotion,
        entry: &Entry,
        suite: &Suite,
        signer: &dyn Signer,
    ) -> Result<Promoted, RepoError> {
        let published = &entry.published;
        let mut promoted = Promoted {
            package: published.package.clone(),
            version: published.version.clone(),
            suite: suite.clone(),
            sha256: published.sha256,
            approvals: Vec::new(),
            missing: 0,
        };
        if entry.listing(suite).is_some() {
            return Ok(promoted);
        }
        check_enters(draft, entry, suite)?;
        self.prove_published(published, &self.statement_keys()?)?;
        let approvals = self.approve(draft, published, promotion, suite, signer)?;
        promoted.missing = self.settings().approvals.saturating_sub(approvals.len());
        promoted.approvals.clone_from(&approvals);
        let digests: Vec<_> = approvals.iter().map(|one| one.digest).collect();
        draft.noted = true;
        draft
            .catalog
            .pending
            .retain(|one| !one.is_of(published, suite));
        let action = if promoted.missing > 0 {
            draft.catalog.pending.push(Pending {
                package: published.package.clone(),
                version: published.version.clone(),
                suite: suite.clone(),
                phased: promotion.phased,
                sha256: published.sha256,
                approvals,
            });
            Action::Approve
        } else {
            self.renew_keyring(draft, suite, signer)?;
            let change = Change::Add {
                published: Box::new(published.clone()),
                phased: promotion.phased,
                approvals: digests.clone(),
            };
            draft.change(suite, change)?;
            Action::Promote
        };
        draft.events.push(Event {
            reason: Some(promotion.reason.clone()),
            approvals: digests,
            phased: promotion.phased,
            ..Event::of(action, published, suite, Some(&promotion.by))
        });
        Ok(promoted)
    }

    /// Packages go through the channels in their order.
    fn check_order(&self, from: &Channel, to: &Channel) -> Result<(), RepoError> {
        let channels = &self.settings().channels;
        let place = |channel| channels.iter().position(|one| one == channel);
        match (place(from), place(to)) {
            (Some(from), Some(to)) if from < to => Ok(()),
            _ => Err(RepoError::ChannelOrder {
                from: from.to_string(),
                to: to.to_string(),
                channels: channels
                    .iter()
                    .map(Channel::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// The farm's own package follows the farm alone.
    pub(super) fn check_foreign(&self, package: &str) -> Result<(), RepoError> {
        if package == self.settings().farm.keyring_package() {
            return Err(RepoError::OwnPackage {
                package: package.to_owned(),
            });
        }
        Ok(())
    }
}

/// The packages that are meant, and their releases.
fn candidates(draft: &Draft<'_>, promotion: &Promotion) -> Result<Vec<(Target, Entry)>, RepoError> {
    let history = draft.history(&promotion.package)?;
    let mut found = Vec::new();
    let mut looked = Vec::new();
    for target in Target::ALL {
        let named = promotion.targets.contains(&target);
        if !named && !promotion.targets.is_empty() {
            continue;
        }
        let suite = promotion.source(target);
        let mut entries = history.iter().rev();
        let wanted = |entry: &Published| match &promotion.version {
            Some(version) => entry.version == *version,
            None => true,
        };
        match entries.find(|one| one.listing(&suite).is_some() && wanted(&one.published)) {
            Some(entry) => found.push((target, entry.clone())),
            None if named => return Err(not_there(promotion, &[suite])),
            None => looked.push(suite),
        }
    }
    if found.is_empty() {
        return Err(not_there(promotion, &looked));
    }
    Ok(found)
}

fn not_there(promotion: &Promotion, suites: &[Suite]) -> RepoError {
    RepoError::not_there(&promotion.package, promotion.version.as_ref(), suites)
}

/// Refuses what was withdrawn, and what would be no upgrade for any host of the suite.
pub(super) fn check_enters(
    draft: &Draft<'_>,
    entry: &Entry,
    suite: &Suite,
) -> Result<(), RepoError> {
    let published = &entry.published;
    if let Some(reason) = entry.withdrawn(suite) {
        return Err(RepoError::withdrawn(published, reason));
    }
    let history = draft.history(&published.package)?;
    let highest = history.iter().rev().find(|one| one.listed(suite).is_some());
    match highest.map(|one| &one.published.version) {
        Some(highest) if *highest > published.version => Err(RepoError::VersionNotHigher {
            package: published.package.clone(),
            version: published.version.to_string(),
            published: highest.to_string(),
            suite: suite.to_string(),
        }),
        _ => Ok(()),
    }
}
