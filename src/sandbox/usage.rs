//! How much a container has on disk, by walking its layer without ever following what it put there.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

/// How deep folders may nest. Each level costs a descriptor while the walk is in it; no plugin comes near.
const DEPTH: usize = 200;

/// Space and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    /// Bytes of allocated blocks: a hole takes none.
    pub(super) bytes: u64,
    /// Files, folders and everything else that has a name.
    pub(super) inodes: u64,
}

impl Usage {
    /// What is left of it without `other`; nothing, rather than less.
    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            inodes: self.inodes.saturating_sub(other.inodes),
        }
    }

    fn exceeds(self, limit: Self) -> bool {
        self.bytes > limit.bytes || self.inodes > limit.inodes
    }
}

/// What is below `folder`. The walk ends as soon as `limit` is exceeded; nesting deeper than any plugin counts as that.
/// What vanishes while it is looked at is not counted.
pub(super) fn of(folder: &Path, limit: Usage) -> Usage {
    let mut found = Usage::default();
    let mut linked = HashSet::new();
    let mut levels: Vec<Level> = Level::open(CWD, folder).into_iter().collect();
    while let Some(level) = levels.last_mut() {
        let Some(entry) = level.entries.next() else {
            levels.pop();
            continue;
        };
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Ok(stat) = statat(&level.folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        // A file with several names takes space once.
        if stat.st_nlink < 2 || linked.insert(stat.st_ino) {
            found.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
            found.inodes += 1;
        }
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            let below = Level::open(&level.folder, name);
            levels.extend(below);
        }
        if levels.len() > DEPTH {
            found.inodes = limit.inodes.saturating_add(1);
        }
        if found.exceeds(limit) {
            break;
        }
    }
    found
}

/// A folder that the walk is in.
struct Level {
    folder: OwnedFd,
    entries: Dir,
}

impl Level {
    fn open(at: impl AsFd, name: impl rustix::path::Arg) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(at, name, flags, Mode::empty()).ok()?;
        let entries = Dir::read_from(&folder).ok()?;
        Some(Self { folder, entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const ENOUGH: Usage = Usage {
        bytes: 1 << 30,
        inodes: 1000,
    };

    #[test]
    fn blocks_and_names_are_counted_and_holes_are_not() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("full"), vec![1; 1 << 20]).unwrap();
        let sparse = fs_err::File::create(folder.path().join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        fs_err::hard_link(folder.path().join("full"), folder.path().join("again")).unwrap();
        let found = of(folder.path(), ENOUGH);
        assert_eq!(found.inodes, 2);
        assert!((1 << 20..2 << 20).contains(&found.bytes), "{found:?}");
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        symlink("/", folder.path().join("root")).unwrap();
        symlink(".", folder.path().join("loop")).unwrap();
        assert_eq!(of(folder.path(), ENOUGH).inodes, 2);
        assert_eq!(of(&folder.path().join("root"), ENOUGH).inodes, 0);
    }

    #[test]
    fn the_walk_ends_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..50 {
            fs_err::write(folder.path().join(n.to_string()), "").unwrap();
        }
        let limit = Usage {
            inodes: 10,
            ..ENOUGH
        };
        assert_eq!(of(folder.path(), limit).inodes, 11);
    }

    #[test]
    fn nesting_without_end_is_as_bad_as_too_many_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut path = folder.path().to_owned();
        for _ in 0..DEPTH + 5 {
            path.push("d");
            fs_err::create_dir(&path).unwrap();
        }
        assert!(of(folder.path(), ENOUGH).inodes > ENOUGH.inodes);
    }
}
