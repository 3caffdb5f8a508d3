//! Git's own output: the listing of a tree, the blobs that it names, a commit object, the refs of a remote. It comes from
//! a container that spoke with a stranger, so everything is checked and bounded.

use std::io::{BufRead, Read as _};

use super::error::TreeError;
use super::tree::{MAX_LINK, Tree};
use crate::model::{CommitId, Timestamp, printable};

/// A submodule's place in a tree: its path there, and the commit that it is pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gitlink {
    pub(super) path: String,
    pub(super) commit: CommitId,
}

/// A blob of a listing, whose content is still to come.
#[derive(Debug, PartialEq, Eq)]
struct Blob {
    id: String,
    path: String,
    kind: BlobKind,
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlobKind {
    File,
    Executable,
    Link,
}

/// What `git ls-tree -r -t -z -l` says.
#[derive(Debug, Default)]
pub(super) struct Listing {
    blobs: Vec<Blob>,
    folders: Vec<String>,
    pub(super) gitlinks: Vec<Gitlink>,
}

impl Listing {
    /// Reads `<mode> <type> <id> <padded size>\t<path>\0` for each entry.
    pub(super) fn parse(text: &[u8]) -> Result<Self, TreeError> {
        let mut listing = Self::default();
        for line in text
            .split(|byte| *byte == 0)
            .filter(|line| !line.is_empty())
        {
            let line = std::str::from_utf8(line).map_err(|error| {
                let valid = line.get(..error.valid_up_to()).unwrap_or_default();
                let valid = String::from_utf8_lossy(valid);
                let path = valid.split_once('\t').map_or("", |(_, path)| path);
                TreeError::name(&format!("{path}…"), "a path must be UTF-8")
            })?;
            listing.take(line).ok_or_else(|| {
                TreeError::broken(format!("`{}` is no entry of a tree", printable(line, 200)))
            })?;
        }
        Ok(listing)
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (head, path) = line.split_once('\t')?;
        let mut words = head.split_ascii_whitespace();
        let (mode, id, size) = match (words.next()?, words.next()?, words.next()?, words.next()?) {
            (mode, "blob", id, size) => (mode, id, size),
            ("040000", "tree", _, _) => {
                self.folders.push(path.to_owned());
                return Some(());
            }
            ("160000", "commit", id, _) => {
                self.gitlinks.push(Gitlink {
                    path: path.to_owned(),
                    commit: CommitId::new(id).ok()?,
                });
                return Some(());
            }
            _ => return None,
        };
        let kind = match mode {
            // The second is what git wrote before 2005.
            "100644" | "100664" => BlobKind::File,
            "100755" => BlobKind::Executable,
            "120000" => BlobKind::Link,
            _ => return None,
        };
        self.blobs.push(Blob {
            id: id.to_owned(),
            path: path.to_owned(),
            kind,
            size: size.parse().ok()?,
        });
        Some(())
    }

    /// The ids of the blobs, one a line: what `git cat-file --batch` is asked for.
    pub(super) fn blob_ids(&self) -> String {
        self.blobs
            .iter()
            .flat_map(|blob| [blob.id.as_str(), "\n"])
            .collect()
    }

    /// Fills `tree` from `git cat-file --batch`, which has the listing's blobs in its order. A submodule is an empty folder
    /// until somebody puts it there.
    pub(super) fn fill(
        &self,
        tree: &mut Tree,
        contents: &mut dyn BufRead,
    ) -> Result<(), TreeError> {
        let folders = self.folders.iter();
        for path in folders.chain(self.gitlinks.iter().map(|link| &link.path)) {
            tree.add_folder(path)?;
        }
        for blob in &self.blobs {
            expect(
                contents,
                &format!("{} blob {}\n", blob.id, blob.size),
                &blob.path,
            )?;
            match blob.kind {
                BlobKind::Link if blob.size > MAX_LINK => {
                    return Err(TreeError::name(&blob.path, "its link's target is too long"));
                }
                BlobKind::Link => {
                    let mut target = Vec::new();
                    contents
                        .take(blob.size)
                        .read_to_end(&mut target)
                        .map_err(TreeError::storage("read a link of the source"))?;
                    tree.add_link(&blob.path, &target)?;
                }
                BlobKind::File | BlobKind::Executable => {
                    let executable = blob.kind == BlobKind::Executable;
                    tree.add_file(&blob.path, executable, blob.size, &mut *contents)?;
                }
            }
            expect(contents, "\n", &blob.path)?;
        }
        Ok(())
    }
}

/// Reads exactly `text`.
fn expect(contents: &mut dyn BufRead, text: &str, path: &str) -> Result<(), TreeError> {
    let mut found = Vec::new();
    contents
        .take(text.len() as u64)
        .read_to_end(&mut found)
        .map_err(TreeError::storage("read the source's content"))?;
    if found == text.as_bytes() {
        Ok(())
    } else {
        let path = printable(path, 200);
        Err(TreeError::broken(format!(
            "the content of `{path}` is not where it should be"
        )))
    }
}

/// The committer's time in a commit object.
pub(super) fn commit_time(object: &str) -> Option<Timestamp> {
    let head = object.split("\n\n").next()?;
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("committer "))?;
    let (_, after) = line.rsplit_once('>')?;
    let seconds = after.split_ascii_whitespace().next()?;
    seconds.parse().ok().map(Timestamp::from_seconds)
}

/// The short names of branches and tags in the output of `git ls-remote`.
pub(super) fn branches_and_tags(refs: &str) -> Vec<&str> {
    let names = refs.lines().filter_map(|line| line.split_once('\t'));
    names
        .filter(|(id, name)| !id.starts_with("ref:") && !name.ends_with("^{}"))
        .filter_map(|(_, name)| {
            name.strip_prefix("refs/heads/")
                .or_else(|| name.strip_prefix("refs/tags/"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::SourceLimits;

    const ID: &str = "0123456789012345678901234567890123456789";

    fn tree() -> Tree {
        Tree::new(&SourceLimits::default(), &std::env::temp_dir()).unwrap()
    }

    fn listing(lines: &[&str]) -> Result<Listing, TreeError> {
        let text: String = lines.iter().map(|line| format!("{line}\0")).collect();
        Listing::parse(text.replace("ID", ID).as_bytes())
    }

    fn fill(listing: &Listing, contents: &str) -> Result<(), TreeError> {
        listing.fill(&mut tree(), &mut contents.replace("ID", ID).as_bytes())
    }

    #[test]
    fn a_listing_is_read() {
        let listing = listing(&[
            "100644 blob ID       3\ta",
            "100755 blob ID       0\tr",
            "120000 blob ID       1\tl",
            "040000 tree ID       -\té 🎉",
            "160000 commit ID       -\tsub",
        ])
        .unwrap();
        assert_eq!(listing.gitlinks[0].path, "sub");
        assert_eq!(listing.folders, ["é 🎉"]);
        fill(&listing, "ID blob 3\nabc\nID blob 0\n\nID blob 1\na\n").unwrap();
    }

    #[test]
    fn a_listing_that_git_never_writes_is_refused() {
        for line in [
            "x",
            "100644 blob ID 3",
            "100644 blob ID x\ta",
            "060000 blob ID 3\ta",
            "100644 tree ID -\ta",
            "160000 commit 0 -\ta",
        ] {
            assert!(listing(&[line]).is_err(), "{line}");
        }
        let error = Listing::parse(b"100644 blob 0 1\tdir/\xff\0").unwrap_err();
        insta::assert_snapshot!(error, @"`dir/…` cannot be in a source: a path must be UTF-8");
    }

    #[test]
    fn content_must_be_the_listings() {
        let listing = listing(&["100644 blob ID 3\ta"]).unwrap();
        for contents in [
            "",
            "ID missing\n",
            "ID blob 4\nabcd\n",
            "ID blob 3\nab",
            "ID blob 3\nabcd",
            "ID blob 3\nabc",
        ] {
            assert!(fill(&listing, contents).is_err(), "{contents}");
        }
    }

    #[test]
    fn a_links_target_is_small() {
        let listing = listing(&["120000 blob ID 999999999999\tl"]).unwrap();
        let error = fill(&listing, "ID blob 999999999999\n").unwrap_err();
        insta::assert_snapshot!(error, @"`l` cannot be in a source: its link's target is too long");
    }

    #[test]
    fn a_commit_has_the_committers_time() {
        let time = |object| commit_time(object).map(Timestamp::seconds);
        assert_eq!(
            time("tree x\nauthor a <a> 1 +0000\ncommitter b <b> 2 +0100\n\ncommitter c <c> 3 +0\n"),
            Some(2)
        );
        assert_eq!(time("committer > <> 7 +0000\n"), Some(7));
        assert_eq!(time("committer b <b> -5 +0000\n"), Some(0));
        assert_eq!(time("tree x\n\ncommitter b <b> 2 +0100\n"), None);
        assert_eq!(time("committer b"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>, words in "(100644|120000|blob|tree| |\t|\0|[0-9a-f]{40}|-|é){0,30}") {
            for mut text in [text.as_slice(), words.as_bytes()] {
                if let Ok(listing) = Listing::parse(text) {
                    prop_assert!(listing.fill(&mut tree(), &mut text).is_err() || listing.blobs.is_empty());
                }
            }
        }
    }
}
