//! Files that are whole or not there: written under another name, synced, renamed, and the folder synced.

use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fs_err as fs;

use super::RepoError;
use crate::model::{Sha256, Sha256Writer};

/// Everybody may read what is published.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// Replaces `path` by `bytes`, durably.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), RepoError> {
    write(path, &mut &*bytes, None).map(drop)
}

/// Makes `path` with what `reader` gives unless it is there; its content is `sha256` in either case.
pub(super) fn create(path: &Path, reader: &mut dyn Read, sha256: Sha256) -> Result<(), RepoError> {
    // What is there was renamed into place whole, under a name that says its content.
    if path.exists() {
        Ok(())
    } else {
        write(path, reader, Some(sha256)).map(drop)
    }
}

fn write(
    path: &Path,
    reader: &mut dyn Read,
    expected: Option<Sha256>,
) -> Result<Sha256, RepoError> {
    let failed = || RepoError::io("write", path);
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(std::fs::Permissions::from_mode(FILE_MODE))
        .tempfile_in(folder)
        .map_err(failed())?;
    let mut writer = Sha256Writer::new(file);
    io::copy(reader, &mut writer)
        .and_then(|_| writer.flush())
        .map_err(failed())?;
    let (file, sha256, _) = writer.finish();
    if expected.is_some_and(|expected| expected != sha256) {
        let reason = format!("its SHA-256 is {sha256}, not the signed one");
        return Err(RepoError::Mismatch { reason });
    }
    // The process' umask may have taken rights away that readers need.
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(FILE_MODE))
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed())?;
    file.persist(path)
        .map_err(|error| error.error)
        .map_err(failed())?;
    sync_folder(folder)?;
    Ok(sha256)
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

/// The content of a file of at most `limit` bytes; `None` when there is none.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, RepoError> {
    let failed = || RepoError::io("read", path);
    let file = match fs::File::open(path) {
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

/// The digest and the size of a file.
pub(super) fn digest(path: &Path) -> Result<(Sha256, u64), RepoError> {
    let mut writer = Sha256Writer::new(io::sink());
    let copied = fs::File::open(path).and_then(|mut file| io::copy(&mut file, &mut writer));
    copied.map_err(RepoError::io("read", path))?;
    let (_, sha256, size) = writer.finish();
    Ok((sha256, size))
}

/// The names in a folder; none when there is no folder.
pub(super) fn names(path: &Path) -> Result<Vec<String>, RepoError> {
    let failed = || RepoError::io("list", path);
    let entries = match fs::read_dir(path) {
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

/// Removes a file; it is no error that there is none.
pub(super) fn remove(path: &Path) -> Result<(), RepoError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(RepoError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
