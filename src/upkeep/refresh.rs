//! What a repository needs every hour, whether anybody publishes or not.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::time::Duration;

use crate::config::KeepConfig;
use crate::model::{Signer, Suite, Timestamp};
use crate::repo::{Publication, RepoError, Repository, Retention, Retired, Snapshot, downloads};

/// Why a repository is not kept fresh.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The repository says why.
    #[error(transparent)]
    Repository(#[from] RepoError),
    /// Without the log nobody knows what hosts need: then nothing goes.
    #[error("cannot read the access log that `repository.keep.downloads` names: {source}")]
    Downloads {
        /// What went wrong.
        source: std::io::Error,
    },
}

/// What was done.
#[derive(Debug)]
pub struct Refreshed {
    /// Previews that are over.
    pub expired: Vec<Suite>,
    /// What was signed again.
    pub refreshed: Vec<Publication>,
    /// The dated publications that were kept.
    pub snapshots: Vec<Snapshot>,
    /// What is kept no longer.
    pub retired: Retired,
    /// How many files that nothing needs were removed.
    pub removed: u64,
}

/// Ends previews, signs again the suites `named` (or else those that are due), keeps dated publications every `snapshots`,
/// removes what the policy `keep` does not keep.
///
/// # Errors
///
/// [`RefreshError`]. What was done until then is done.
pub fn refresh(
    repository: &Repository,
    signer: &dyn Signer,
    keep: Option<&KeepConfig>,
    snapshots: Option<Duration>,
    named: Option<Vec<Suite>>,
    now: Timestamp,
) -> Result<Refreshed, RefreshError> {
    let mut suites = match named {
        Some(named) => named,
        None => repository.due(now)?,
    };
    let lock = repository.lock()?;
    let expired = repository.expire_previews(&lock, now, signer)?;
    suites.retain(|suite| !expired.contains(suite));
    let refreshed = repository.refresh(&lock, &suites, now, signer)?;
    let unkept = match snapshots {
        Some(every) => repository.without_snapshot(every, now)?,
        None => Vec::new(),
    };
    let snapshots = repository.snapshot(&lock, &unkept, now, signer)?;
    let retired = match policy(keep, now)? {
        Some(policy) => repository.retire(&lock, &policy, now, signer)?,
        None => Retired::default(),
    };
    let removed = repository.collect(&lock, now)?;
    Ok(Refreshed {
        expired,
        refreshed,
        snapshots,
        retired,
        removed,
    })
}

/// What the repository keeps as of `now`; none, if that is everything.
///
/// # Errors
///
/// [`RefreshError::Downloads`].
pub fn policy(
    keep: Option<&KeepConfig>,
    now: Timestamp,
) -> Result<Option<Retention>, RefreshError> {
    let Some(keep) = keep else {
        return Ok(None);
    };
    let time = i64::try_from(keep.time.as_secs()).unwrap_or(i64::MAX);
    let since = Timestamp::from_seconds(now.seconds().saturating_sub(time));
    let mut downloaded = BTreeSet::new();
    for path in &keep.downloads {
        fs_err::File::open(path)
            .and_then(|file| downloads(BufReader::new(file), since, &mut downloaded))
            .map_err(|source| RefreshError::Downloads { source })?;
    }
    Ok(Some(Retention {
        versions: keep.versions,
        time: keep.time,
        snapshots: keep.snapshots,
        downloaded,
    }))
}
