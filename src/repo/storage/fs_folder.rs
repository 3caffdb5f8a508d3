//! The folders of a storage that is a folder of this machine.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{StorageError, fs_sync};

/// Everybody may enter.
const FOLDER_MODE: u32 = 0o755;

/// Makes a folder that everybody may enter, and those above it. What changes in `folders` is not on the disk yet.
pub(super) fn make_folder(
    path: &Path,
    folders: &mut BTreeSet<PathBuf>,
) -> Result<(), StorageError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent, folders)?;
        folders.insert(parent.to_owned());
    }
    let made = match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))),
    };
    made.map_err(StorageError::io("make", path))
}

/// Makes the repository's own folder, which is on the disk then.
pub(super) fn make_root(path: &Path) -> Result<(), StorageError> {
    let mut folders = BTreeSet::new();
    make_folder(path, &mut folders)?;
    fs_sync::folders(folders)
}
