//! How files and folders get onto the disk: all of a wave at once, for a file system writes its journal once for all that ask
//! together, and large files are hashed on all processors.

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use fs_err as fs;

use super::{Kind, StorageError};

/// Everybody may read what is published.
const FILE_MODE: u32 = 0o644;

/// How many ask at once.
const AT_ONCE: usize = 8;

/// A file that is written, and not at its place yet.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) file: tempfile::NamedTempFile<File>,
    pub(super) path: PathBuf,
    /// It is one more name of a file that is on the disk.
    pub(super) linked: bool,
}

impl Ready {
    /// Gives the file its rights, whatever the process' umask took away, and its date.
    pub(super) fn settle(&self, kind: Kind) -> Result<(), StorageError> {
        let file = self.file.as_file();
        let dated = match kind {
            Kind::Immutable => Ok(()),
            Kind::Replaced { date } => {
                file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(date.unsigned()))
            }
        };
        dated
            .and_then(|()| file.set_permissions(Permissions::from_mode(FILE_MODE)))
            .map_err(StorageError::io("write", &self.path))
    }

    /// Renames the file to its place.
    pub(super) fn place(self) -> Result<(), StorageError> {
        let failed = || StorageError::io("write", &self.path);
        let temporary = self.file.path().to_owned();
        let placed = self.file.persist(&self.path);
        placed.map_err(|error| failed()(error.error))?;
        if !self.linked {
            return Ok(());
        }
        // A file is not renamed to another name of itself.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed()(error)),
            _ => Ok(()),
        }
    }
}

/// Returns when the files are on the disk.
pub(super) fn files(ready: &[Ready]) -> Result<(), StorageError> {
    let new: Vec<_> = ready.iter().filter(|ready| !ready.linked).collect();
    each(&new, |ready| {
        let synced = ready.file.as_file().sync_all();
        synced.map_err(StorageError::io("write", &ready.path))
    })
    .map(drop)
}

/// Returns when the names in the folders are on the disk.
pub(super) fn folders(folders: BTreeSet<PathBuf>) -> Result<(), StorageError> {
    let folders: Vec<_> = folders.into_iter().collect();
    each(&folders, |path| {
        let synced = fs::File::open(path).and_then(|folder| folder.sync_all());
        synced.map_err(StorageError::io("sync", path))
    })
    .map(drop)
}

/// Does `work` with each of `items`, several at once, and gives what comes of it in their order.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, StorageError> + Sync,
) -> Result<Vec<R>, StorageError> {
    if items.len() < 2 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(AT_ONCE));
        let workers: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut done = Vec::with_capacity(items.len());
        for worker in workers {
            let ended = worker.join();
            done.extend(ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(done)
    })
}
