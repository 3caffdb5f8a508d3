//! A source's files on their way from a stranger to the source tar: checked, counted, sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::error::TreeError;
use super::names::is_plain_path;
use super::spool::{CHUNK, Content, Spool};
use crate::config::SourceLimits;
use crate::model::Timestamp;

/// The longest target of a symbolic link, in bytes, as Linux has it.
pub(super) const MAX_LINK: u64 = 4095;
/// How many links a path may lead through, as Linux has it.
const MAX_LINKS: usize = 40;

/// The files of a source. Their content waits in a nameless file, so that it costs disk and no memory.
#[derive(Debug)]
pub(super) struct Tree {
    entries: BTreeMap<String, Entry>,
    limits: SourceLimits,
    size: u64,
    spool: Spool,
}

/// One entry: what git knows of it, and no more.
#[derive(Debug, Clone)]
enum Entry {
    Folder,
    File { executable: bool, content: Content },
    Link { target: String },
}

impl Tree {
    /// An empty tree, whose files' content waits in `folder`.
    pub(super) fn new(limits: &SourceLimits, folder: &Path) -> Result<Self, TreeError> {
        Ok(Self {
            entries: BTreeMap::new(),
            limits: limits.clone(),
            size: 0,
            spool: Spool::new(folder)?,
        })
    }

    /// Adds a folder. Folders that files lie in need not be added.
    pub(super) fn add_folder(&mut self, path: &str) -> Result<(), TreeError> {
        match self.entries.get(path) {
            Some(Entry::Folder) => Ok(()),
            _ => self.add(path, Entry::Folder),
        }
    }

    /// Adds a symbolic link.
    pub(super) fn add_link(&mut self, path: &str, target: &[u8]) -> Result<(), TreeError> {
        let target = std::str::from_utf8(target)
            .ok()
            .filter(|target| !target.is_empty() && !target.chars().any(char::is_control))
            .ok_or_else(|| TreeError::name(path, "its link's target is empty or no plain text"))?;
        let target = target.to_owned();
        self.add(path, Entry::Link { target })
    }

    /// Adds a file of exactly `size` bytes.
    pub(super) fn add_file(
        &mut self,
        path: &str,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), TreeError> {
        self.count_bytes(size)?;
        let content = self.spool.append(size, content)?;
        if content.size() != size {
            return Err(TreeError::Broken {
                reason: format!("`{path}` ends before its {size} bytes"),
            });
        }
        self.add(
            path,
            Entry::File {
                executable,
                content,
            },
        )
    }

    /// Puts another tree in the folder `prefix`: a submodule.
    pub(super) fn graft(&mut self, prefix: &str, other: Self) -> Result<(), TreeError> {
        self.count_bytes(other.size)?;
        self.add_folder(prefix)?;
        for (path, entry) in other.entries {
            self.add(&format!("{prefix}/{path}"), entry)?;
        }
        Ok(())
    }

    fn count_bytes(&mut self, size: u64) -> Result<(), TreeError> {
        self.size = self.size.saturating_add(size);
        if self.size > self.limits.size {
            return Err(TreeError::TooLarge {
                limit: self.limits.size,
            });
        }
        Ok(())
    }

    fn add(&mut self, path: &str, entry: Entry) -> Result<(), TreeError> {
        const RULE: &str = "a path has no control characters, no `.`, `..` and `.git`, at most 64 parts, and 255 bytes \
                            in each";
        if !is_plain_path(path) {
            return Err(TreeError::name(path, RULE));
        }
        if self.entries.len() as u64 >= self.limits.entries {
            return Err(TreeError::TooManyEntries {
                limit: self.limits.entries,
            });
        }
        match self.entries.insert(path.to_owned(), entry) {
            None => Ok(()),
            Some(_) => Err(TreeError::name(path, "it appears twice")),
        }
    }

    /// Adds the folders that files lie in, and checks that everything lies in folders and no link leads out.
    pub(super) fn complete(&mut self) -> Result<(), TreeError> {
        let mut folders: BTreeSet<String> = BTreeSet::new();
        for path in self.entries.keys() {
            let mut rest = path.as_str();
            while let Some((parent, _)) = rest.rsplit_once('/')
                && folders.insert(parent.to_owned())
            {
                rest = parent;
            }
        }
        for folder in &folders {
            match self.entries.get(folder) {
                Some(Entry::Folder) => {}
                None => self.add(folder, Entry::Folder)?,
                Some(_) => {
                    return Err(TreeError::name(folder, "it is a folder and something else"));
                }
            }
        }
        for (path, entry) in &self.entries {
            if let Entry::Link { target } = entry
                && !self.stays_inside(path, target)
            {
                return Err(TreeError::LinkOutside {
                    path: path.clone(),
                    target: target.clone(),
                });
            }
        }
        Ok(())
    }

    /// Whether the link at `path` leads to a place inside the tree (whether or not something is there), through whatever
    /// other links.
    fn stays_inside(&self, path: &str, target: &str) -> bool {
        let mut place: Vec<&str> = path.split('/').collect();
        place.pop();
        let mut ahead: Vec<&str> = target.split('/').rev().collect();
        let mut links = 0;
        if target.starts_with('/') {
            return false;
        }
        while let Some(part) = ahead.pop() {
            match part {
                "" | "." => {}
                ".." => {
                    if place.pop().is_none() {
                        return false;
                    }
                }
                name => {
                    place.push(name);
                    if let Some(Entry::Link { target }) = self.entries.get(&place.join("/")) {
                        links += 1;
                        // Longer chains fail on every system, wherever they lead.
                        if links > MAX_LINKS || target.starts_with('/') {
                            return false;
                        }
                        place.pop();
                        ahead.extend(target.split('/').rev());
                    }
                }
            }
        }
        true
    }

    /// Writes the plain source tar: sorted by path, root:root, git's two modes, everything as old as the commit.
    pub(super) fn write(&self, time: Timestamp, out: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(BufWriter::with_capacity(CHUNK, out));
        for (path, entry) in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(time.unsigned());
            header.set_size(0);
            match entry {
                Entry::Folder => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(0o755);
                    tar.append_data(&mut header, format!("{path}/"), io::empty())?;
                }
                Entry::Link { target } => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_mode(0o777);
                    tar.append_link(&mut header, path, target)?;
                }
                Entry::File {
                    executable,
                    content,
                } => {
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_mode(if *executable { 0o755 } else { 0o644 });
                    header.set_size(content.size());
                    tar.append_data(&mut header, path, content.reader())?;
                }
            }
        }
        tar.into_inner()?.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let limits = SourceLimits {
            size: 1000,
            entries: 20,
            ..SourceLimits::default()
        };
        Tree::new(&limits, &std::env::temp_dir()).unwrap()
    }

    fn file(tree: &mut Tree, path: &str) -> Result<(), TreeError> {
        tree.add_file(path, false, 1, &mut b"x".as_slice())
    }

    fn names(tree: &Tree) -> Vec<String> {
        let mut bytes = Vec::new();
        tree.write(Timestamp::from_seconds(9), &mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| String::from_utf8(entry.unwrap().path_bytes().into_owned()).unwrap())
            .collect()
    }

    #[test]
    fn entries_are_sorted_and_folders_come_first() {
        let mut tree = tree();
        for path in ["b", "a/z", "a-b", "é 🎉/x/y", "a/b/c"] {
            file(&mut tree, path).unwrap();
        }
        tree.complete().unwrap();
        assert_eq!(
            names(&tree),
            [
                "a/",
                "a-b",
                "a/b/",
                "a/b/c",
                "a/z",
                "b",
                "é 🎉/",
                "é 🎉/x/",
                "é 🎉/x/y"
            ]
        );
    }

    #[test]
    fn a_long_name_survives() {
        let long = format!("{}/{}", "d".repeat(200), "f".repeat(250));
        let mut tree = tree();
        file(&mut tree, &long).unwrap();
        tree.complete().unwrap();
        assert_eq!(names(&tree).last().unwrap(), &long);
    }

    #[test]
    fn what_no_source_holds_is_refused() {
        for path in [
            "",
            "/a",
            "a//b",
            "..",
            "a/../b",
            "./a",
            ".git/config",
            "a/.GIT/x",
            "a\nb",
        ] {
            assert!(file(&mut tree(), path).is_err(), "{path:?}");
        }
        let mut twice = tree();
        file(&mut twice, "a").unwrap();
        assert!(file(&mut twice, "a").is_err());
        let mut both = tree();
        file(&mut both, "a").unwrap();
        file(&mut both, "a/b").unwrap();
        insta::assert_snapshot!(both.complete().unwrap_err(), @"`a` cannot be in a source: it is a folder and something else");
        let mut link = tree();
        link.add_link("a", b"b").unwrap();
        file(&mut link, "a/b").unwrap();
        assert!(
            link.complete().is_err(),
            "nothing is written through a link"
        );
    }

    #[test]
    fn links_that_stay_inside_are_kept() {
        let mut tree = tree();
        file(&mut tree, "a/b/c").unwrap();
        for (path, target) in [
            ("one", "a/b/c"),
            ("a/two", "../one"),
            ("a/b/three", "./../../missing/../x"),
            ("loop", "loop2/x"),
            ("four", "a/b/../../a"),
        ] {
            tree.add_link(path, target.as_bytes()).unwrap();
        }
        tree.complete().unwrap();
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for (path, target) in [
            ("x", "/etc/passwd"),
            ("x", ".."),
            ("a/x", "../../etc"),
            ("x", "a/../../etc"),
            // `up` is inside, and what goes through it is not.
            ("a/b/x", "up/../../z"),
            ("x", "x"),
        ] {
            let mut tree = tree();
            file(&mut tree, "a/b/c").unwrap();
            tree.add_link("a/b/up", b"..").unwrap();
            tree.add_link(path, target.as_bytes()).unwrap();
            let error = tree.complete().unwrap_err();
            assert!(
                matches!(error, TreeError::LinkOutside { .. }),
                "{path} -> {target}: {error}"
            );
        }
        for target in ["", "a\nb"] {
            assert!(tree().add_link("x", target.as_bytes()).is_err());
        }
        assert!(tree().add_link("x", b"\xff").is_err());
    }

    #[test]
    fn too_much_is_refused_before_it_is_written() {
        let mut full = tree();
        for number in 0..20 {
            file(&mut full, &number.to_string()).unwrap();
        }
        insta::assert_snapshot!(file(&mut full, "x").unwrap_err(), @"the source has more than 20 files and folders");
        let endless = tree().add_file("x", false, u64::MAX, &mut io::repeat(0));
        insta::assert_snapshot!(endless.unwrap_err(), @"the files of the source have more than 1000 bytes together");
        let short = tree().add_file("x", false, 5, &mut b"abc".as_slice());
        insta::assert_snapshot!(short.unwrap_err(), @"the repository's data is broken: `x` ends before its 5 bytes");
    }

    #[test]
    fn a_submodule_lies_in_its_folder_and_counts() {
        let mut outer = tree();
        outer.add_folder("lib").unwrap();
        file(&mut outer, "a").unwrap();
        let mut inner = tree();
        file(&mut inner, "x/y").unwrap();
        inner.add_link("x/z", b"y").unwrap();
        inner.complete().unwrap();
        outer.graft("lib", inner).unwrap();
        outer.complete().unwrap();
        assert_eq!(names(&outer), ["a", "lib/", "lib/x/", "lib/x/y", "lib/x/z"]);
        let mut large = tree();
        large.add_file("l", false, 999, &mut io::repeat(0)).unwrap();
        assert!(matches!(
            outer.graft("other", large),
            Err(TreeError::TooLarge { .. })
        ));
    }
}
