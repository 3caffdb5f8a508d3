//! The folder of the keys: private to its owner, with files that appear whole or not at all.

use std::io::{self, Read as _, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::KeyError;

/// Who may read a file of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Its owner alone.
    Secret,
    /// Everybody who reaches the folder.
    Public,
}

impl Secrecy {
    fn mode(self) -> u32 {
        match self {
            Self::Secret => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// A folder that only its owner can enter.
#[derive(Debug, Clone)]
pub(super) struct KeyFolder {
    path: PathBuf,
}

/// Proof that nobody else makes keys in the folder. It ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct CreationLock {
    _file: fs_err::File,
}

impl KeyFolder {
    /// Makes the folder if there is none, and refuses one that others can enter.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent).map_err(KeyError::io("make", parent))?;
        }
        let made = rustix::fs::mkdir(path, rustix::fs::Mode::RWXU);
        if let Err(error) = made
            && error != rustix::io::Errno::EXIST
        {
            return Err(KeyError::io("make", path)(error.into()));
        }
        let folder = Self {
            path: path.to_owned(),
        };
        let found = fs_err::symlink_metadata(path).map_err(KeyError::io("look at", path))?;
        if !found.is_dir() {
            return Err(KeyError::WrongKind {
                path: path.to_owned(),
                expected: "a folder",
            });
        }
        refuse_others(path, &found, 0o700)?;
        Ok(folder)
    }

    /// The path of `name` in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Waits until nobody else makes keys here.
    pub(super) fn lock(&self) -> Result<CreationLock, KeyError> {
        let path = self.path("lock");
        let file = fs_err::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(KeyError::io("open", &path))?;
        file.lock().map_err(KeyError::io("lock", &path))?;
        Ok(CreationLock { _file: file })
    }

    /// Reads a secret file of at most `limit` bytes; `None` when there is none. Refuses one that others may read.
    pub(super) fn read_secret(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, KeyError> {
        let path = self.path(name);
        let found = match fs_err::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeyError::io("look at", &path)(error)),
        };
        if !found.is_file() {
            return Err(KeyError::WrongKind {
                path,
                expected: "a plain file",
            });
        }
        refuse_others(&path, &found, 0o600)?;
        if found.len() > limit {
            return Err(KeyError::Unreadable {
                path,
                expected: "a key",
                reason: format!("it has more than {limit} bytes"),
            });
        }
        fs_err::read(&path)
            .map(Some)
            .map_err(KeyError::io("read", &path))
    }

    /// Reads a file of at most `limit` bytes that everybody may read.
    pub(super) fn read_public(&self, name: &str, limit: u64) -> Result<Vec<u8>, KeyError> {
        let path = self.path(name);
        let failed = || KeyError::io("read", &path);
        let mut bytes = Vec::new();
        let file = fs_err::File::open(&path).map_err(failed())?;
        file.take(limit).read_to_end(&mut bytes).map_err(failed())?;
        Ok(bytes)
    }

    /// Whether there is a file of this name.
    pub(super) fn holds(&self, name: &str) -> Result<bool, KeyError> {
        let path = self.path(name);
        fs_err::exists(&path).map_err(KeyError::io("look at", &path))
    }

    /// Puts `bytes` under `name`, all at once and durably. Only for whoever holds the lock.
    pub(super) fn write(
        &self,
        _lock: &CreationLock,
        name: &str,
        bytes: &[u8],
        secrecy: Secrecy,
    ) -> Result<(), KeyError> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.path);
        if folder != self.path {
            fs_err::create_dir_all(folder).map_err(KeyError::io("make", folder))?;
        }
        write_whole(&path, bytes, secrecy.mode())
            .and_then(|()| sync_folder(folder))
            .map_err(KeyError::io("write", &path))
    }

    /// Gives a file another name, durably.
    pub(super) fn rename(&self, _: &CreationLock, from: &str, to: &str) -> Result<(), KeyError> {
        let (from, path) = (self.path(from), self.path(to));
        let folder = path.parent().unwrap_or(&self.path);
        fs_err::create_dir_all(folder)
            .and_then(|()| fs_err::rename(from, &path))
            .and_then(|()| sync_folder(folder))
            .map_err(KeyError::io("write", &path))
    }

    /// Removes a file, durably, if it is there.
    pub(super) fn remove(&self, _: &CreationLock, name: &str) -> Result<(), KeyError> {
        let path = self.path(name);
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed
                .and_then(|()| sync_folder(path.parent().unwrap_or(&self.path)))
                .map_err(KeyError::io("remove", &path)),
        }
    }
}

/// A file that is there has all of `bytes`: they are written beside it, synced, and renamed.
pub(super) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    let mut file = fs_err::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(&beside)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs_err::rename(&beside, path)
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

fn refuse_others(path: &Path, found: &std::fs::Metadata, allowed: u32) -> Result<(), KeyError> {
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Permissions {
            path: path.to_owned(),
            mode,
            allowed,
        });
    }
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user {
        return Err(KeyError::Owner {
            path: path.to_owned(),
            owner: found.uid(),
            user,
        });
    }
    Ok(())
}
