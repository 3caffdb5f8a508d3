//! A folder of this machine as a source, taken as it is but for `.git`. It is pinned only when it holds exactly what the
//! commit that it is at holds, byte for byte: what is ignored, not committed or changed would be built too.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{Mode, OFlags};

use super::error::TreeError;
use super::head::Head;
use super::names::{RequestedRef, Subdirectory};
use super::store::Store;
use super::tree::Tree;
use super::{Source, failures};
use crate::config::SourceLimits;
use crate::model::{Failure, Timestamp};

/// Takes the folder `root`, or the folder `subdirectory` in it, as a source. Blocks; needs no container. A folder has no
/// refs: it is an error to ask for one, and not to be overlooked.
///
/// # Errors
///
/// The failure of the fetch: a ref, no such folder, a file that no source may have, too many or too large ones, storage.
pub fn from_folder(
    root: &Path,
    reference: Option<&RequestedRef>,
    subdirectory: Option<&Subdirectory>,
    limits: &SourceLimits,
    store: &Store,
) -> Result<Source, Failure> {
    if let Some(reference) = reference {
        return Err(failures::ref_of_folder(reference));
    }
    let folder = enter(root, subdirectory)?;
    let (tree, newest) = read_folder(&folder, limits, store).map_err(|error| error.failure())?;
    let head = Head::of(&folder);
    let time = head.as_ref().map_or(newest, |head| head.time);
    let kept = store.keep(&tree, time).map_err(|error| error.failure())?;
    let pinned = head
        .as_ref()
        .is_some_and(|head| head.tar(&folder, limits, store) == Some(kept.sha256));
    let name = root
        .canonicalize()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    Ok(Source {
        tar: kept.path,
        sha256: kept.sha256,
        size: kept.size,
        commit: head.map(|head| head.commit),
        commit_time: time,
        url_display: format!("file:{}", name.unwrap_or_default()),
        requested_ref: None,
        resolved_ref: None,
        subdirectory: subdirectory.cloned(),
        pinned,
    })
}

/// Walks down to the folder; no part of `subdirectory` may be a link.
fn enter(root: &Path, subdirectory: Option<&Subdirectory>) -> Result<PathBuf, Failure> {
    let mut folder = root.to_owned();
    if !folder.is_dir() {
        return Err(failures::no_folder(&folder));
    }
    for part in subdirectory.into_iter().flat_map(Subdirectory::parts) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => {}
            _ => return Err(failures::no_folder(&folder)),
        }
    }
    Ok(folder)
}

/// The files of a folder, and the time of the newest.
pub(super) fn read_folder(
    folder: &Path,
    limits: &SourceLimits,
    store: &Store,
) -> Result<(Tree, Timestamp), TreeError> {
    let mut tree = Tree::new(limits, store.scratch())?;
    let mut newest = 0;
    let mut ahead = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = ahead.pop() {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&folder).map_err(reading())? {
            let entry = entry.map_err(reading())?;
            entries.push((entry.file_name(), entry.path()));
        }
        entries.sort_unstable();
        for (name, path) in entries {
            let Some(name) = name.to_str() else {
                let shown = path.to_string_lossy();
                return Err(TreeError::name(&shown, "a path must be UTF-8"));
            };
            if name == ".git" {
                continue;
            }
            let inner = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}/{name}")
            };
            let metadata = fs::symlink_metadata(&path).map_err(reading())?;
            let kind = metadata.file_type();
            if kind.is_dir() {
                tree.add_folder(&inner)?;
                ahead.push((path, inner));
                continue;
            }
            newest = metadata.mtime().max(newest);
            if kind.is_symlink() {
                let target = fs::read_link(&path).map_err(reading())?;
                tree.add_link(&inner, target.as_os_str().as_encoded_bytes())?;
            } else if kind.is_file() {
                add_file(&mut tree, &inner, &path)?;
            } else {
                return Err(TreeError::name(
                    &inner,
                    "it is no file, folder or symbolic link",
                ));
            }
        }
    }
    tree.complete()?;
    Ok((tree, Timestamp::from_seconds(newest)))
}

fn reading() -> impl FnOnce(std::io::Error) -> TreeError {
    TreeError::storage("read the source folder")
}

/// Adds a file as it is when it is opened: without following a link that took its place, and without waiting for a pipe.
fn add_file(tree: &mut Tree, inner: &str, path: &Path) -> Result<(), TreeError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| reading()(std::io::Error::from(error)))?;
    let mut file = std::fs::File::from(file);
    let metadata = file.metadata().map_err(reading())?;
    let executable = metadata.permissions().mode() & 0o111 != 0;
    tree.add_file(inner, executable, metadata.len(), &mut file)
}

#[cfg(test)]
mod tests;
