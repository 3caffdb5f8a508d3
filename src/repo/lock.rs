//! One writer per repository: publishing takes a [`RepoLock`], and only this module gives one out.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::time::{Duration, Instant};

use super::storage::make_folder;
use super::{RepoError, Repository};

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
    /// Waits at most 30 seconds for the right to change the repository, and completes what an interrupted publication left.
    ///
    /// # Errors
    ///
    /// [`RepoError::Locked`] when another publication does not end in time; [`RepoError::Io`], [`RepoError::State`].
    pub fn lock(&self) -> Result<RepoLock, RepoError> {
        self.lock_within(PATIENCE)
    }

    fn lock_within(&self, patience: Duration) -> Result<RepoLock, RepoError> {
        make_folder(self.root())?;
        let path = self.root().join(".lock");
        let failed = || RepoError::io("lock", &path);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed())?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(RepoError::Locked {
                        holder: holder(&mut file),
                        path,
                        seconds: patience.as_secs(),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed()(error)),
            }
        }
        sign_in(&mut file).map_err(failed())?;
        let lock = RepoLock { _file: file };
        self.storage().clean()?;
        self.complete(&lock)?;
        Ok(lock)
    }
}

/// Leaves the process' number for whoever waits in vain.
fn sign_in(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// Who holds the lock, as far as the file says.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(20).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(number)) => format!("process {number}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::tests::repository;

    #[test]
    fn whoever_waits_in_vain_is_told_for_whom() {
        let (_folder, repository) = repository();
        let held = repository.lock().unwrap();
        let error = repository
            .lock_within(Duration::from_millis(50))
            .unwrap_err();
        let message = error.to_string();
        let holder = format!("process {} has held", std::process::id());
        assert!(message.starts_with(&holder), "{message}");
        drop(held);
        repository.lock_within(Duration::ZERO).unwrap();
    }
}
