//! Locks on files, which the system takes back when their holder ends, however that happens.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Lease, StorageError};

/// How long whoever waits sleeps in between.
const PAUSE: Duration = Duration::from_millis(20);

/// A lock that is held.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl Lease for FileLock {
    fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Takes the lock at `path`, and leaves the process' number for whoever waits in vain.
pub(super) fn acquire(path: &Path, patience: Duration) -> Result<FileLock, StorageError> {
    let failed = || StorageError::io("lock", path);
    let mut file = open(path)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::Held {
                    holder: holder(&mut file),
                    place: path.display().to_string(),
                    seconds: patience.as_secs(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
    }
    sign_in(&mut file).map_err(failed())?;
    Ok(FileLock { _file: file })
}

/// Takes a lock that nobody holds for long.
pub(super) fn exclusive(path: &Path) -> Result<FileLock, StorageError> {
    let file = open(path)?;
    file.lock().map_err(StorageError::io("lock", path))?;
    Ok(FileLock { _file: file })
}

/// Opens the file for its owner alone: whoever can open it can hold everybody up.
fn open(path: &Path) -> Result<File, StorageError> {
    File::options()
        .create(true)
        .mode(0o600)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(StorageError::io("lock", path))
}

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

    #[test]
    fn whoever_waits_in_vain_is_told_for_whom() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let held = acquire(&path, Duration::ZERO).unwrap();
        let error = acquire(&path, Duration::from_millis(50)).unwrap_err();
        let message = error.to_string();
        let holder = format!("process {} has held", std::process::id());
        assert!(message.starts_with(&holder), "{message}");
        drop(held);
        acquire(&path, Duration::ZERO).unwrap();
    }
}
