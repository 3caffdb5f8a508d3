//! A folder of this machine as storage.
//!
//! A file is whole or not there: it is written below `.tmp`, synced, renamed, and its folder synced once per wave ([`fs_sync`]).
//! What is left in `.tmp` belongs to a writer that was killed, and goes when the next one takes the lock.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use fs_err as fs;

use super::fs_folder::{make_folder, make_root};
use super::fs_lock;
use super::fs_sync::{self, Ready};
use super::fs_written::Written;
use super::{Content, Expected, Kind, Lease, Listed, Object, Storage, StorageError, Tag, Write};
use crate::model::{Sha256, Sha256Writer, Timestamp};

/// How many files of one wave are open at once.
const OPEN: usize = 64;

/// From this size on, in bytes, files are made at the same time, each by a thread of its own.
const LARGE: u64 = 1 << 20;

/// Files on their way to their places.
const TEMPORARY: &str = ".tmp";
/// Held while a writer publishes.
const WRITER: &str = ".lock";
/// Held while one file is compared and replaced.
const SWAP: &str = ".swap";

/// A folder on this machine as the repository's storage.
#[derive(Debug, Clone)]
pub(in crate::repo) struct FsStorage {
    root: PathBuf,
    written: Arc<Written>,
}

impl Storage for FsStorage {
    fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StorageError> {
        let path = self.path(key);
        let failed = || StorageError::io("read", &path);
        let Some(file) = open(&path)? else {
            return Ok(None);
        };
        let size = file.metadata().map_err(failed())?.len().min(limit);
        // One byte more than there is shows the end.
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed())?;
        if bytes.len() as u64 > limit {
            let place = self.place(key);
            return Err(StorageError::TooLarge { place, limit });
        }
        Ok(Some(bytes.into()))
    }

    fn tagged(&self, key: &str, limit: u64) -> Result<Option<Object>, StorageError> {
        let found = self.get(key, limit)?;
        Ok(found.map(|bytes| Object {
            tag: tag(Sha256::of(&bytes)),
            bytes,
        }))
    }

    fn head(&self, key: &str) -> Result<Option<Listed>, StorageError> {
        let path = self.path(key);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Some(listed(key.to_owned(), &found))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("read", &path)(error)),
        }
    }

    fn digest(&self, key: &str) -> Result<Option<Expected>, StorageError> {
        self.copy(key, io::sink())
    }

    fn download(
        &self,
        key: &str,
        file: &File,
        _path: &Path,
    ) -> Result<Option<Expected>, StorageError> {
        self.copy(key, file)
    }

    fn write(&self, wave: Vec<Write>) -> Result<(), StorageError> {
        let mut folders = BTreeSet::new();
        for part in wave.chunks(OPEN) {
            for write in part {
                let path = self.path(&write.key);
                let folder = path.parent().unwrap_or(&self.root);
                make_folder(folder, &mut folders)?;
                // Whoever put it there may have been killed before the folder was on the disk.
                folders.insert(folder.to_owned());
            }
            make_folder(&self.path(TEMPORARY), &mut folders)?;
            let (large, small): (Vec<_>, Vec<_>) =
                part.iter().partition(|write| write.expected.size >= LARGE);
            let mut made = fs_sync::each(&large, |write| self.make(write))?;
            for write in small {
                made.push(self.make(write)?);
            }
            let ready: Vec<_> = made.into_iter().flatten().collect();
            fs_sync::files(&ready)?;
            ready.into_iter().try_for_each(Ready::place)?;
        }
        fs_sync::folders(folders)
    }

    fn swap(
        &self,
        key: &str,
        bytes: &[u8],
        seen: Option<&Tag>,
        date: Timestamp,
    ) -> Result<Option<Tag>, StorageError> {
        make_root(&self.root)?;
        let _only = fs_lock::exclusive(&self.path(SWAP))?;
        let found = self.digest(key)?.map(|found| tag(found.sha256));
        if found.as_ref() != seen {
            return Ok(None);
        }
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        let write = Write::replaced(key.to_owned(), bytes, date);
        let tag = tag(write.expected.sha256);
        self.write(vec![write])?;
        Ok(Some(tag))
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            let path = self.path(&folder);
            let failed = || StorageError::io("list", &path);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed()(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed())?;
                // A name that is no text is none of the repository's.
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                    continue;
                };
                let (key, about) = (format!("{folder}/{name}"), entry.metadata());
                match about {
                    Ok(about) if about.is_dir() => folders.push(key),
                    Ok(about) if about.is_file() => found.push(listed(key, &about)),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(failed()(error)),
                }
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    fn delete(&self, keys: &[String]) -> Result<(), StorageError> {
        keys.iter().try_for_each(|key| remove(&self.path(key)))
    }

    fn acquire(&self, patience: Duration) -> Result<Box<dyn Lease>, StorageError> {
        make_root(&self.root)?;
        let lease = fs_lock::acquire(&self.path(WRITER), patience)?;
        for left in self.list(TEMPORARY)? {
            remove(&self.path(&left.key))?;
        }
        Ok(Box::new(lease))
    }

    fn place(&self, key: &str) -> String {
        self.path(key).display().to_string()
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.root)
    }
}

impl FsStorage {
    pub(in crate::repo) fn new(root: PathBuf) -> Self {
        Self {
            root,
            written: Arc::default(),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Whether this is what is at `key`: it is read, unless it was written here and nobody touched it since.
    fn holds(&self, key: &str, expected: Expected) -> Result<bool, StorageError> {
        let path = self.path(key);
        match fs::metadata(&path) {
            Ok(found) if self.written.is(&found, expected) => Ok(true),
            Ok(_) => Ok(self.digest(key)? == Some(expected)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StorageError::io("read", &path)(error)),
        }
    }

    /// Copies what is at `key`, and says what it was.
    fn copy(&self, key: &str, out: impl io::Write) -> Result<Option<Expected>, StorageError> {
        let path = self.path(key);
        let Some(mut file) = open(&path)? else {
            return Ok(None);
        };
        let mut writer = Sha256Writer::new(out);
        io::copy(&mut file, &mut writer).map_err(StorageError::io("copy", &path))?;
        let (_, sha256, size) = writer.finish();
        Ok(Some(Expected { sha256, size }))
    }

    /// Makes the file, unless it is there already. What is there and is not that is damaged, for its place is named by its
    /// content.
    fn make(&self, write: &Write) -> Result<Option<Ready>, StorageError> {
        let there = write.kind == Kind::Immutable && self.holds(&write.key, write.expected)?;
        (!there).then(|| self.ready(write)).transpose()
    }

    /// Makes the file, which is neither at its place nor on the disk yet.
    fn ready(&self, write: &Write) -> Result<Ready, StorageError> {
        let path = self.path(&write.key);
        let file = match &write.content {
            Content::Bytes(bytes) => self.fill(write, &mut bytes.as_ref())?,
            Content::File(from) => {
                let mut file = fs::File::open(from).map_err(StorageError::io("read", from))?;
                self.fill(write, &mut file)?
            }
            Content::Copy(from) if self.holds(from, write.expected)? => {
                self.link(&self.path(from), &path)?
            }
            Content::Copy(from) => {
                let place = self.place(from);
                return Err(StorageError::Damaged { place });
            }
        };
        let linked = matches!(write.content, Content::Copy(_));
        let ready = Ready { file, path, linked };
        ready.settle(write.kind)?;
        let about = ready.file.as_file().metadata();
        let about = about.map_err(StorageError::io("read", &ready.path))?;
        self.written.note(&about, write.expected);
        Ok(ready)
    }

    fn fill(
        &self,
        write: &Write,
        reader: &mut dyn Read,
    ) -> Result<tempfile::NamedTempFile<File>, StorageError> {
        let path = self.path(&write.key);
        let failed = || StorageError::io("write", &path);
        let file = tempfile::NamedTempFile::new_in(self.path(TEMPORARY)).map_err(failed())?;
        let mut writer = Sha256Writer::new(file);
        // One byte more than expected is enough to see that there is more.
        let most = write.expected.size.saturating_add(1);
        io::copy(&mut reader.take(most), &mut writer)
            .and_then(|_| writer.flush())
            .map_err(failed())?;
        let (file, found, size) = writer.finish();
        if (found, size) == (write.expected.sha256, write.expected.size) {
            Ok(file)
        } else {
            let place = self.place(&write.key);
            Err(StorageError::Mismatch { place, found })
        }
    }

    /// Gives a file, which is on the disk already, one more name.
    fn link(
        &self,
        from: &Path,
        path: &Path,
    ) -> Result<tempfile::NamedTempFile<File>, StorageError> {
        let linked = tempfile::Builder::new().make_in(self.path(TEMPORARY), |name| {
            fs::hard_link(from, name)?;
            File::open(name)
        });
        linked.map_err(StorageError::io("write", path))
    }
}

fn tag(sha256: Sha256) -> Tag {
    Tag(sha256.to_string())
}

fn listed(key: String, about: &std::fs::Metadata) -> Listed {
    let modified = about.modified().unwrap_or(UNIX_EPOCH);
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Listed {
        key,
        size: about.len(),
        modified: Timestamp::from_seconds(modified.as_secs().cast_signed()),
    }
}

/// The file at `path`, if there is one.
fn open(path: &Path) -> Result<Option<fs::File>, StorageError> {
    match fs::File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("read", path)(error)),
    }
}

fn remove(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StorageError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
