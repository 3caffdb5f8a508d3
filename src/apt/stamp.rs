//! Whether apt's settings and lists are as they were: then it has the same indices as before, and need not be asked.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What says which sources and architectures apt has, and how it reads them (apt.conf(5), sources.list(5)): folders with their
/// files, and a file.
const SETTINGS: [&str; 4] = [
    "/etc/apt",
    "/etc/apt/apt.conf.d",
    "/etc/apt/sources.list.d",
    "/var/lib/dpkg/arch",
];
/// Where apt has its lists. Each is put there by another name first, which changes the folder.
const LISTS: &str = "/var/lib/apt/lists";
/// The most files that are looked at; with more, apt is asked each time.
const MAX_FILES: usize = 1000;

/// When each of these files was last changed, and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, SystemTime, u64)>);

impl Stamp {
    /// As they are now; none, if that cannot be told.
    pub(super) fn take() -> Option<Self> {
        Self::of(&SETTINGS.map(Path::new), Path::new(LISTS))
    }

    fn of(settings: &[&Path], lists: &Path) -> Option<Self> {
        let mut files = vec![lists.to_owned()];
        for path in settings.iter().filter(|path| path.exists()) {
            files.push((*path).to_owned());
            if path.is_dir() {
                let entries = fs_err::read_dir(path).ok()?.take(MAX_FILES);
                files.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
            }
        }
        files.sort();
        files.dedup();
        if files.len() > MAX_FILES {
            return None;
        }
        let seen = files.into_iter().map(|path| {
            let found = fs_err::metadata(&path).ok()?;
            Some((path, found.modified().ok()?, found.len()))
        });
        seen.collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_with_every_setting_and_every_list() {
        let folder = tempfile::tempdir().unwrap();
        let (etc, lists) = (folder.path().join("etc"), folder.path().join("lists"));
        fs_err::create_dir(&etc).unwrap();
        let take = || Stamp::of(&[&etc, &folder.path().join("missing")], &lists);
        assert_eq!(take(), None, "there are no lists yet");
        fs_err::create_dir(&lists).unwrap();
        let mut seen = vec![take().unwrap()];
        assert_eq!(take().as_ref(), seen.last());
        let mut differs = || {
            let now = take().unwrap();
            assert!(!seen.contains(&now), "{now:?}");
            seen.push(now);
        };
        let source = etc.join("a.sources");
        fs_err::write(&source, "one").unwrap();
        differs();
        fs_err::write(&source, "more").unwrap();
        differs();
        fs_err::write(lists.join("x"), "").unwrap();
        differs();
        fs_err::remove_file(source).unwrap();
        differs();
    }
}
