//! Where the repository's files are kept: five verbs over keys, which are paths relative to the repository's root.
//!
//! A file is whole or not there: it is written below `.tmp`, synced, renamed, and its folder synced. What is left in `.tmp`
//! belongs to a writer that was killed, and goes when the next one takes the lock. Nothing here knows what is published.

use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;

use super::RepoError;
use crate::model::{Sha256, Sha256Writer, Timestamp};

/// Everybody may read what is published.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// Files on their way to their places.
const TEMPORARY: &str = ".tmp";

/// What bytes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

impl Expected {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::of(bytes),
            size: bytes.len() as u64,
        }
    }
}

/// A folder on this machine as the repository's storage.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    root: PathBuf,
}

impl Storage {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Replaces what is at `key` by `bytes`, dated `date`: a web server tells clients the date, and they come back for what
    /// is later.
    pub(super) fn put(&self, key: &str, bytes: &[u8], date: Timestamp) -> Result<(), RepoError> {
        self.write(key, &mut &*bytes, Expected::of(bytes), Some(date))
    }

    /// Puts what `reader` gives at `key` for ever. It must be what is expected; what is there already stays if it is that.
    pub(super) fn create(
        &self,
        key: &str,
        reader: &mut dyn Read,
        expected: Expected,
    ) -> Result<(), RepoError> {
        match self.head(key)? {
            Some(found) if found == expected => Ok(()),
            // Damaged, for its place is named by its content.
            _ => self.write(key, reader, expected, None),
        }
    }

    /// What is at `key`, of at most `limit` bytes; `None` when there is nothing.
    pub(super) fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, RepoError> {
        let path = self.path(key);
        let failed = || RepoError::io("read", &path);
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed()(error)),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(failed())?;
        if bytes.len() as u64 > limit {
            return Err(failed()(io::Error::new(
                ErrorKind::FileTooLarge,
                "it is larger than any real one",
            )));
        }
        Ok(Some(bytes))
    }

    /// What the bytes at `key` are; `None` when there are none.
    pub(super) fn head(&self, key: &str) -> Result<Option<Expected>, RepoError> {
        let path = self.path(key);
        let mut file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RepoError::io("read", &path)(error)),
        };
        let mut writer = Sha256Writer::new(io::sink());
        io::copy(&mut file, &mut writer).map_err(RepoError::io("read", &path))?;
        let (_, sha256, size) = writer.finish();
        Ok(Some(Expected { sha256, size }))
    }

    /// The names in a folder, sorted; none when there is no folder.
    pub(super) fn list(&self, key: &str) -> Result<Vec<String>, RepoError> {
        let path = self.path(key);
        let failed = || RepoError::io("list", &path);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed()(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed())?.file_name();
            names.extend(name.to_str().map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Removes what is at `key`; it is no error that there is nothing.
    pub(super) fn delete(&self, key: &str) -> Result<(), RepoError> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(RepoError::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes what killed writers left. Only for whoever holds the lock.
    pub(super) fn clean(&self) -> Result<(), RepoError> {
        for name in self.list(TEMPORARY)? {
            self.delete(&format!("{TEMPORARY}/{name}"))?;
        }
        Ok(())
    }

    fn write(
        &self,
        key: &str,
        reader: &mut dyn Read,
        expected: Expected,
        date: Option<Timestamp>,
    ) -> Result<(), RepoError> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        let temporary = self.path(TEMPORARY);
        make_folder(&temporary)?;
        let failed = || RepoError::io("write", &path);
        let file = tempfile::NamedTempFile::new_in(&temporary).map_err(failed())?;
        let mut writer = Sha256Writer::new(file);
        // One byte more than expected is enough to see that there is more.
        io::copy(&mut reader.take(expected.size + 1), &mut writer)
            .and_then(|_| writer.flush())
            .map_err(failed())?;
        let (file, sha256, size) = writer.finish();
        if (Expected { sha256, size }) != expected {
            return Err(RepoError::Mismatch {
                reason: format!("{key} would not be what was signed, but {sha256}"),
            });
        }
        settle(file.as_file(), date).map_err(failed())?;
        file.persist(&path)
            .map_err(|error| error.error)
            .map_err(failed())?;
        sync_folder(folder)
    }
}

/// Gives a file its rights, whatever the process' umask took away, and its date; then it is on the disk.
fn settle(file: &std::fs::File, date: Option<Timestamp>) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(FILE_MODE))?;
    if let Some(date) = date {
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(date.unsigned()))?;
    }
    file.sync_all()
}

/// Makes a folder that everybody may enter, and those above it.
pub(super) fn make_folder(path: &Path) -> Result<(), RepoError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let made = match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made
            .and_then(|()| fs::set_permissions(path, std::fs::Permissions::from_mode(FOLDER_MODE))),
    };
    made.map_err(RepoError::io("make", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(path: &Path) -> Result<(), RepoError> {
    let synced = fs::File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(RepoError::io("sync", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(folder.path().join("repository"));
        (folder, storage)
    }

    #[test]
    fn what_is_put_is_there_with_its_date_for_everybody() {
        let (_folder, storage) = storage();
        let date = Timestamp::from_seconds(1_769_860_800);
        storage.put("a/b", b"one", date).unwrap();
        storage.put("a/b", b"two", date).unwrap();
        assert_eq!(storage.get("a/b", 3).unwrap().unwrap(), b"two");
        let found = fs::metadata(storage.path("a/b")).unwrap();
        assert_eq!(
            (found.mode() & 0o777, found.mtime()),
            (0o644, date.seconds())
        );
        let folder = fs::metadata(storage.path("a")).unwrap();
        assert_eq!(folder.mode() & 0o777, 0o755);
        assert_eq!(storage.list(TEMPORARY).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn bytes_that_are_not_what_was_expected_never_appear() {
        let (_folder, storage) = storage();
        let expected = Expected::of(b"abc");
        for bytes in ["ab", "abd", "abcd"] {
            let outcome = storage.create("x", &mut bytes.as_bytes(), expected);
            assert!(matches!(outcome, Err(RepoError::Mismatch { .. })));
        }
        assert_eq!(storage.head("x").unwrap(), None);
        assert_eq!(storage.list(TEMPORARY).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_immutable_file_stays_and_a_damaged_one_is_healed() {
        let (_folder, storage) = storage();
        let expected = Expected::of(b"abc");
        storage
            .create("x", &mut b"abc".as_slice(), expected)
            .unwrap();
        let before = fs::metadata(storage.path("x")).unwrap().ino();
        storage
            .create("x", &mut b"abc".as_slice(), expected)
            .unwrap();
        assert_eq!(fs::metadata(storage.path("x")).unwrap().ino(), before);
        fs::write(storage.path("x"), "abX").unwrap();
        storage
            .create("x", &mut b"abc".as_slice(), expected)
            .unwrap();
        assert_eq!(storage.head("x").unwrap(), Some(expected));
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let (_folder, storage) = storage();
        storage
            .put("x", b"abc", Timestamp::from_seconds(0))
            .unwrap();
        assert!(storage.get("x", 2).is_err());
        assert_eq!(storage.get("y", 2).unwrap(), None);
    }
}
