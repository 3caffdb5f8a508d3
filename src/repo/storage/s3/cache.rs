//! What was fetched or written and never changes, kept on this machine: the next publication needs it again.
//!
//! Nothing is lost with it, and nothing in it is believed: each file is verified by its name when it is read.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use fs_err as fs;

use crate::model::Sha256;

/// The most bytes that are kept; what was not used for longest goes first.
const MOST: u64 = 256 << 20;

/// A folder of files that are named by their SHA-256.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    most: u64,
}

impl Cache {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, most: MOST }
    }

    /// The bytes with this digest, if they are here.
    pub(super) fn get(&self, sha256: Sha256) -> Option<Bytes> {
        let path = self.path(sha256);
        let bytes = fs::read(&path).ok()?;
        if Sha256::of(&bytes) != sha256 {
            fs::remove_file(&path).ok();
            return None;
        }
        // When it was used last. Without it the file only goes earlier.
        std::fs::File::open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .ok();
        Some(bytes.into())
    }

    /// Keeps `bytes`. A cache that cannot be written is none.
    pub(super) fn keep(&self, sha256: Sha256, bytes: &[u8]) {
        let kept = self.place(sha256, bytes).and_then(|()| self.shrink());
        if let Err(error) = kept {
            tracing::debug!(%error, "the object store's cache cannot be written");
        }
    }

    fn path(&self, sha256: Sha256) -> PathBuf {
        self.folder.join(sha256.to_string())
    }

    fn place(&self, sha256: Sha256, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        io::Write::write_all(&mut file, bytes)?;
        file.persist(self.path(sha256))
            .map(drop)
            .map_err(|error| error.error)
    }

    /// Removes what was not used for longest, until the rest is small enough.
    fn shrink(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            files.push((about.modified()?, about.len(), entry.path()));
        }
        let mut size: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort();
        for (_, own, path) in files {
            if size <= self.most {
                break;
            }
            remove(&path)?;
            size -= own;
        }
        Ok(())
    }
}

/// Another process may have been faster.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(most: u64) -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache {
            folder: folder.path().join("cache"),
            most,
        };
        (folder, cache)
    }

    #[test]
    fn what_is_kept_is_found_unless_it_was_changed() {
        let (_folder, cache) = cache(100);
        let sha256 = Sha256::of(b"one");
        assert_eq!(cache.get(sha256), None);
        cache.keep(sha256, b"one");
        assert_eq!(cache.get(sha256).unwrap(), "one");
        fs::write(cache.path(sha256), "two").unwrap();
        assert_eq!(cache.get(sha256), None);
        assert!(!cache.path(sha256).exists());
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let (_folder, cache) = cache(10);
        let kept: Vec<_> = [b"aaaa", b"bbbb", b"cccc"]
            .into_iter()
            .enumerate()
            .map(|(n, bytes)| {
                let sha256 = Sha256::of(bytes);
                cache.keep(sha256, bytes);
                let used = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n as u64);
                if n < 2 {
                    let file = std::fs::File::open(cache.path(sha256)).unwrap();
                    file.set_modified(used).unwrap();
                }
                cache.get(sha256).is_some()
            })
            .collect();
        assert_eq!(kept, [true; 3]);
        let found = [b"aaaa", b"bbbb", b"cccc"].map(|bytes| cache.get(Sha256::of(bytes)).is_some());
        assert_eq!(found, [false, true, true]);
    }
}
