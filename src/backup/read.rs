//! Reads a backup.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;

use super::{BackupError, DATA, DIGESTS, STATE, is_inside};
use crate::model::{Sha256, Sha256Writer};
use crate::store::{DATABASE, Store};

/// Where a farm is put together before it is at its place.
const STAGING: &str = ".restore";
/// The most bytes of the list of digests.
const MAX_DIGESTS: u64 = 1 << 30;

/// A backup that was read, and is at no place yet.
#[derive(Debug)]
pub struct Restored {
    data: PathBuf,
    staging: PathBuf,
}

/// Reads the backup in the file `from`, and verifies that it is whole. Nothing of it is at its place in the folder `data` before
/// [`Restored::settle`].
///
/// # Errors
///
/// [`BackupError::Occupied`] when the folder has a farm; [`BackupError::Damaged`]; [`BackupError::Io`].
pub fn restore(from: &Path, data: &Path) -> Result<Restored, BackupError> {
    fs::create_dir_all(data).map_err(BackupError::io("make", data))?;
    let staging = data.join(STAGING);
    // What is there of an attempt that was killed is nothing.
    remove(&staging)?;
    let mut entries = fs::read_dir(data).map_err(BackupError::io("read", data))?;
    if let Some(entry) = entries.next() {
        let path = entry.map_err(BackupError::io("read", data))?.path();
        return Err(BackupError::Occupied { path });
    }
    let restored = Restored {
        data: data.to_owned(),
        staging,
    };
    let unpacked = restored.unpack(from);
    if unpacked.is_err() {
        remove(&restored.staging)?;
    }
    unpacked.map(|()| restored)
}

impl Restored {
    /// Puts everything to its place, the state last. That is read into `elsewhere`, a database that has nothing yet; without
    /// one, into SQLite's `farm.sqlite`. Gives how many rows it has. Where it cannot be read, nothing stays in the folder.
    ///
    /// # Errors
    ///
    /// [`BackupError::Store`], [`BackupError::Io`].
    pub async fn settle(self, elsewhere: Option<&Store>) -> Result<u64, BackupError> {
        let settled = match self.load(elsewhere).await {
            Ok(rows) => self.place(elsewhere.is_none()).map(|()| rows),
            Err(error) => Err(error),
        };
        remove(&self.staging)?;
        settled
    }

    async fn load(&self, elsewhere: Option<&Store>) -> Result<u64, BackupError> {
        let path = self.staging.join(STATE);
        let file = fs::File::open(&path).map_err(BackupError::io("read", &path))?;
        let mut file = BufReader::new(file);
        if let Some(store) = elsewhere {
            return Ok(store.load(&mut file).await?);
        }
        let store = Store::sqlite(&self.staging.join(DATABASE)).await?;
        let loaded = store.load(&mut file).await;
        // Closed, it is one file.
        store.close().await;
        Ok(loaded?)
    }

    fn place(&self, database: bool) -> Result<(), BackupError> {
        let files = self.staging.join(DATA);
        let entries = match fs::read_dir(&files) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            entries => Some(entries.map_err(BackupError::io("read", &files))?),
        };
        let mut all = Vec::new();
        for entry in entries.into_iter().flatten() {
            all.push(entry.map_err(BackupError::io("read", &files))?.path());
        }
        all.extend(database.then(|| self.staging.join(DATABASE)));
        for from in all {
            let to = self.data.join(from.file_name().unwrap_or_default());
            fs::rename(&from, &to).map_err(BackupError::io("write", &to))?;
        }
        Ok(())
    }

    fn unpack(&self, from: &Path) -> Result<(), BackupError> {
        let damaged = |reason: String| BackupError::Damaged {
            path: from.to_owned(),
            reason,
        };
        let owner_alone = Permissions::from_mode(0o700);
        fs::create_dir(&self.staging)
            .and_then(|()| fs::set_permissions(&self.staging, owner_alone))
            .map_err(BackupError::io("make", &self.staging))?;
        let file = fs::File::open(from).map_err(BackupError::io("read", from))?;
        let decoder = zstd::Decoder::new(file).map_err(|error| damaged(error.to_string()))?;
        let mut tar = tar::Archive::new(Source(decoder));
        let (mut found, mut listed, mut folders) = (BTreeMap::new(), None, Vec::new());
        for member in tar.entries().map_err(|error| damaged(error.to_string()))? {
            let mut member = member.map_err(|error| damaged(error.to_string()))?;
            let path = member.path().map_err(|error| damaged(error.to_string()))?;
            let path = path.into_owned();
            let name = path.display().to_string();
            if !is_inside(&path) {
                return Err(damaged(format!(
                    "it has a member `{}`",
                    name.escape_debug()
                )));
            }
            let to = self.staging.join(&path);
            let header = member.header();
            let mode = header.mode().unwrap_or(0o600) & 0o777;
            if header.entry_type().is_dir() {
                fs::create_dir_all(&to).map_err(BackupError::io("make", &to))?;
                folders.push((to, mode));
            } else if name == DIGESTS {
                let mut text = String::new();
                let read = member.take(MAX_DIGESTS).read_to_string(&mut text);
                read.map_err(|error| damaged(error.to_string()))?;
                listed = Some(text);
            } else if header.entry_type().is_file() {
                let modified = header.mtime().unwrap_or(0);
                let digest = write(&mut member, &to, mode, modified).map_err(|error| {
                    if is_the_sources(&error) {
                        damaged(error.to_string())
                    } else {
                        BackupError::io("write", &to)(error)
                    }
                });
                found.insert(name, digest?);
            } else {
                return Err(damaged(format!("`{name}` is neither a file nor a folder")));
            }
        }
        let listed = listed.ok_or_else(|| damaged("its end is missing".to_owned()))?;
        compare(&found, &listed).map_err(damaged)?;
        // The deepest first: whoever may not enter a folder cannot change what is below.
        for (folder, mode) in folders.into_iter().rev() {
            let settled = fs::set_permissions(&folder, Permissions::from_mode(mode));
            settled.map_err(BackupError::io("write", &folder))?;
        }
        Ok(())
    }
}

/// The backup itself: what cannot be read of it is told from what cannot be written elsewhere.
struct Source<R>(R);

/// A part of the backup cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("it cannot be read to its end: {0}")]
struct Unreadable(io::Error);

impl<R: io::Read> io::Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer);
        read.map_err(|error| io::Error::new(ErrorKind::InvalidData, Unreadable(error)))
    }
}

fn is_the_sources(error: &io::Error) -> bool {
    let mut inner = error
        .get_ref()
        .map(|error| error as &(dyn std::error::Error + 'static));
    while let Some(error) = inner {
        if error.is::<Unreadable>() {
            return true;
        }
        inner = error.source();
    }
    error.kind() == ErrorKind::UnexpectedEof
}

/// Writes one file, which is not there yet; gives its digest.
fn write(from: &mut impl io::Read, to: &Path, mode: u32, modified: u64) -> io::Result<Sha256> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    let mut writer = Sha256Writer::new(file);
    io::copy(from, &mut writer)?;
    let (file, sha256, _) = writer.finish();
    file.set_permissions(Permissions::from_mode(mode))?;
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(modified))?;
    file.sync_all()?;
    Ok(sha256)
}

/// Everything that is listed is there, and nothing else.
fn compare(found: &BTreeMap<String, Sha256>, listed: &str) -> Result<(), String> {
    let mut expected = BTreeMap::new();
    for line in listed.lines() {
        let parts = line.split_once("  ");
        let parsed = parts.and_then(|(sha256, name)| Some((name.to_owned(), sha256.parse().ok()?)));
        let (name, sha256): (String, Sha256) =
            parsed.ok_or_else(|| "its list of digests has a line that is none".to_owned())?;
        expected.insert(name, sha256);
    }
    match expected
        .iter()
        .find(|(name, sha256)| found.get(*name) != Some(*sha256))
    {
        Some((name, _)) => Err(format!("`{name}` is not what it was")),
        None if found.len() != expected.len() => Err("it has more than it lists".to_owned()),
        None if !expected.contains_key(STATE) => Err("it has no state".to_owned()),
        None => Ok(()),
    }
}

fn remove(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(BackupError::io("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_state_that_cannot_be_read_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let restored = |state: &str| {
            let data = folder.path().to_owned();
            let staging = data.join(STAGING);
            fs::create_dir_all(staging.join(DATA)).unwrap();
            fs::write(staging.join(DATA).join("kept"), "x").unwrap();
            fs::write(staging.join(STATE), state).unwrap();
            Restored { data, staging }
        };
        let partner = r#"{"table":"partners","row":{"name":"acme"}}"#;
        for broken in ["{\n".to_owned(), format!("{partner}\n{{\n")] {
            restored(&broken).settle(None).await.unwrap_err();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        assert_eq!(restored("").settle(None).await.unwrap(), 0);
        let all = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = all.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(
            names,
            [DATABASE, "kept"],
            "and no log of a database beside it"
        );
    }
}
