//! One writer per repository: publishing takes a [`RepoLock`], and only this module gives one out.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use super::{RepoError, Repository, files};

/// How long a publication waits for another one.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it sleeps in between.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to change one repository. The system takes it back when its holder ends, however that happens.
#[derive(Debug)]
pub struct RepoLock {
    _file: File,
}

impl Repository {
    /// Waits for the right to change the repository.
    ///
    /// # Errors
    ///
    /// [`RepoError::Locked`] when another publication does not end in 30 seconds; [`RepoError::Io`].
    pub fn lock(&self) -> Result<RepoLock, RepoError> {
        files::make_folder(&self.root)?;
        let path = self.root.join(".lock");
        let failed = || RepoError::io("lock", &path);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.map_err(failed())?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(RepoLock { _file: file }),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(RepoError::Locked {
                        path,
                        seconds: PATIENCE.as_secs(),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed()(error)),
            }
        }
    }
}
