//! Where source tars are kept: `<data>/sources/<sha256>.tar`, and beside them which commit of which repository each one is,
//! so that a commit is exported once.
//!
//! Nothing here is ever changed in place: files are written under another name, synced, and renamed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::error::TreeError;
use super::location::RepositoryUrl;
use super::names::Subdirectory;
use super::tree::Tree;
use crate::model::{CommitId, Sha256, Sha256Writer, Timestamp};

/// The most commits of one repository that a fetch is told about.
const MAX_KNOWN: usize = 1000;
/// The most bytes of one note.
const MAX_NOTE: u64 = 4096;

/// The folder of source tars.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// A source tar in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

/// What is noted of a commit.
#[derive(Serialize, Deserialize)]
struct Note {
    tar: Sha256,
    size: u64,
    commit_time: Timestamp,
}

impl Store {
    /// The store in the farm's data folder, made if it is not there.
    ///
    /// # Errors
    ///
    /// What the system says when the folder cannot be made.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        let folder = data.join("sources");
        fs::create_dir_all(folder.join("commits"))?;
        Ok(Self { folder })
    }

    /// The folder for what is not finished yet; on the same file system as the tars.
    pub(super) fn scratch(&self) -> &Path {
        &self.folder
    }

    /// Writes a tree's tar and keeps it under its digest.
    pub(super) fn keep(&self, tree: &Tree, time: Timestamp) -> Result<Kept, TreeError> {
        let keeping = TreeError::storage("keep the source tar");
        self.write_tar(tree, time).map_err(keeping)
    }

    fn write_tar(&self, tree: &Tree, time: Timestamp) -> std::io::Result<Kept> {
        let file = NamedTempFile::new_in(&self.folder)?;
        let mut writer = Sha256Writer::new(file);
        tree.write(time, &mut writer)?;
        let (file, sha256, size) = writer.finish();
        let path = self.tar_path(sha256);
        file.as_file().sync_all()?;
        file.persist(&path)?;
        fs::File::open(&self.folder)?.sync_all()?;
        Ok(Kept { path, sha256, size })
    }

    fn tar_path(&self, sha256: Sha256) -> PathBuf {
        self.folder.join(format!("{sha256}.tar"))
    }

    /// The tar with this digest and its size, if it is there and whole.
    #[must_use]
    pub fn find(&self, sha256: Sha256) -> Option<(PathBuf, u64)> {
        let kept = self.read(sha256)?;
        Some((kept.path, kept.size))
    }

    /// The tar that is kept under this digest, if it has it.
    fn read(&self, sha256: Sha256) -> Option<Kept> {
        let path = self.tar_path(sha256);
        let mut digest = Sha256Writer::new(std::io::sink());
        std::io::copy(&mut fs::File::open(&path).ok()?, &mut digest).ok()?;
        let (_, found, size) = digest.finish();
        (found == sha256).then_some(Kept { path, sha256, size })
    }

    /// The commits of a repository's folder that need not be fetched again.
    pub(super) fn known(
        &self,
        url: &RepositoryUrl,
        subdirectory: Option<&Subdirectory>,
    ) -> Vec<CommitId> {
        let Ok(entries) = fs::read_dir(self.notes(url, subdirectory)) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| CommitId::new(entry.ok()?.file_name().to_str()?).ok())
            .take(MAX_KNOWN)
            .collect()
    }

    /// The tar of a known commit and the commit's time, if it is there and whole.
    pub(super) fn recall(
        &self,
        url: &RepositoryUrl,
        subdirectory: Option<&Subdirectory>,
        commit: &CommitId,
    ) -> Option<(Kept, Timestamp)> {
        let path = self.notes(url, subdirectory).join(commit.as_str());
        let size = fs::metadata(&path).ok()?.len();
        let note: Note = (size <= MAX_NOTE)
            .then(|| serde_json::from_slice(&fs::read(&path).ok()?).ok())
            .flatten()?;
        let kept = self.read(note.tar)?;
        (kept.size == note.size).then_some((kept, note.commit_time))
    }

    /// Notes that a tar is a commit's.
    pub(super) fn note(
        &self,
        url: &RepositoryUrl,
        subdirectory: Option<&Subdirectory>,
        commit: &CommitId,
        kept: &Kept,
        commit_time: Timestamp,
    ) -> Result<(), TreeError> {
        let note = Note {
            tar: kept.sha256,
            size: kept.size,
            commit_time,
        };
        let write = || {
            let folder = self.notes(url, subdirectory);
            fs::create_dir_all(&folder)?;
            let mut file = NamedTempFile::new_in(&self.folder)?;
            file.write_all(&serde_json::to_vec(&note)?)?;
            file.persist(folder.join(commit.as_str()))?;
            Ok(())
        };
        write().map_err(TreeError::storage("note which commit a source tar is"))
    }

    /// Forgets a commit whose tar is gone or damaged, so that it is fetched again.
    pub(super) fn forget(
        &self,
        url: &RepositoryUrl,
        subdirectory: Option<&Subdirectory>,
        commit: &CommitId,
    ) -> Result<(), TreeError> {
        fs::remove_file(self.notes(url, subdirectory).join(commit.as_str()))
            .map_err(TreeError::storage("forget a damaged source tar"))
    }

    /// The folder of the notes of one folder of one repository. A URL is no file name, so its digest is.
    fn notes(&self, url: &RepositoryUrl, subdirectory: Option<&Subdirectory>) -> PathBuf {
        let subdirectory = subdirectory.map_or("", Subdirectory::as_str);
        let key = Sha256::of(format!("{url}\n{subdirectory}").as_bytes());
        self.folder.join("commits").join(key.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::location::{Asker, Location};
    use super::*;
    use crate::config::SourceLimits;

    fn url(text: &str) -> RepositoryUrl {
        match Location::parse(text, Asker::Stranger) {
            Ok(Location::Repository(url)) => url,
            other => panic!("{other:?}"),
        }
    }

    fn kept(store: &Store, content: &str) -> Kept {
        let mut tree = Tree::new(&SourceLimits::default(), store.scratch()).unwrap();
        tree.add_file("x", false, content.len() as u64, &mut content.as_bytes())
            .unwrap();
        tree.complete().unwrap();
        store.keep(&tree, Timestamp::from_seconds(5)).unwrap()
    }

    #[test]
    fn a_tar_is_kept_under_its_digest() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let one = kept(&store, "a");
        assert_eq!(one, kept(&store, "a"));
        let bytes = fs::read(&one.path).unwrap();
        assert_eq!(Sha256::of(&bytes), one.sha256);
        assert_eq!(bytes.len() as u64, one.size);
        assert!(one.path.ends_with(format!("sources/{}.tar", one.sha256)));
    }

    #[test]
    fn a_commit_is_known_by_repository_and_folder() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let (here, there) = (url("https://h/x"), url("https://h/y"));
        let folder = Subdirectory::new("a").unwrap();
        let commit = CommitId::new(&"a".repeat(40)).unwrap();
        let tar = kept(&store, "a");
        let time = Timestamp::from_seconds(7);
        store
            .note(&here, Some(&folder), &commit, &tar, time)
            .unwrap();
        assert_eq!(
            store.known(&here, Some(&folder)),
            std::slice::from_ref(&commit)
        );
        assert_eq!(store.known(&here, None), []);
        assert_eq!(store.known(&there, Some(&folder)), []);
        assert_eq!(
            store.recall(&here, Some(&folder), &commit),
            Some((tar, time))
        );
        assert_eq!(store.recall(&there, Some(&folder), &commit), None);
        store.forget(&here, Some(&folder), &commit).unwrap();
        assert_eq!(store.known(&here, Some(&folder)), []);
    }

    #[test]
    fn a_damaged_tar_is_not_reused() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let here = url("https://h/x");
        let commit = CommitId::new(&"a".repeat(40)).unwrap();
        let tar = kept(&store, "a");
        store
            .note(&here, None, &commit, &tar, Timestamp::from_seconds(7))
            .unwrap();
        let mut bytes = fs::read(&tar.path).unwrap();
        bytes[512] ^= 1;
        fs::write(&tar.path, bytes).unwrap();
        assert_eq!(store.recall(&here, None, &commit), None);
        fs::remove_file(&tar.path).unwrap();
        assert_eq!(store.recall(&here, None, &commit), None);
    }
}
