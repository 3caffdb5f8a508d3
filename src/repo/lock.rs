//! One writer per repository: publishing takes a [`RepoLock`], and only this module gives one out.

use std::time::Duration;

use super::storage::{Lease, StorageError};
use super::{RepoError, Repository};

/// How long a publication waits for another one.
const PATIENCE: Duration = Duration::from_secs(30);

/// The right to change one repository. It lapses when its holder ends, however that happens.
#[derive(Debug)]
pub struct RepoLock {
    lease: Box<dyn Lease>,
    /// The generation that everything follows from already.
    completed: Option<u64>,
}

impl RepoLock {
    /// Fails when the right was lost meanwhile.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        self.lease.check()
    }

    /// The generation of the repository that was complete when the lock was taken.
    pub(super) fn completed(&self) -> Option<u64> {
        self.completed
    }
}

impl Repository {
    /// Waits at most 30 seconds for the right to change the repository, and completes what an interrupted publication left.
    ///
    /// # Errors
    ///
    /// [`StorageError::Held`] when another publication does not end in time; [`RepoError::Storage`], [`RepoError::State`].
    pub fn lock(&self) -> Result<RepoLock, RepoError> {
        let mut lock = self.acquire()?;
        let root = self.root()?;
        if let Some(root) = &root {
            self.complete(root)?;
        }
        lock.completed = root.map(|root| root.generation);
        Ok(lock)
    }

    /// Likewise, but completes nothing: what a publication would build on may be damaged.
    pub(super) fn acquire(&self) -> Result<RepoLock, RepoError> {
        let lease = self.storage().acquire(PATIENCE)?;
        let completed = None;
        Ok(RepoLock { lease, completed })
    }
}
