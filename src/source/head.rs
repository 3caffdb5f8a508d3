//! Which commit a folder of this machine is at, and whether it holds exactly that.
//!
//! Git is asked here, on the host, and only with commands that read objects: a `.git` folder that came from elsewhere may
//! name programs (`core.fsmonitor`, filters, hooks, helpers), and those commands run none. Where git is missing or
//! declines, the folder is no repository.

use std::io::{BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use super::objects::{Listing, commit_time};
use super::store::Store;
use super::tree::Tree;
use crate::config::SourceLimits;
use crate::model::{CommitId, Sha256, Sha256Writer, Timestamp};

/// The most bytes of output that git's answers about one folder may have.
const MAX_ANSWER: u64 = 64 << 20;

/// The commit that a folder is at.
pub(super) struct Head {
    pub(super) commit: CommitId,
    pub(super) time: Timestamp,
    /// The folder's path in its repository, with a slash at its end unless it is the root.
    prefix: String,
}

impl Head {
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let commit = answer(
            folder,
            &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"],
        )?;
        let commit = CommitId::new(commit.trim_end()).ok()?;
        let object = answer(folder, &["cat-file", "commit", commit.as_str()])?;
        let prefix = answer(folder, &["rev-parse", "--show-prefix"])?;
        Some(Self {
            time: commit_time(&object)?,
            prefix: prefix.trim_end_matches('\n').to_owned(),
            commit,
        })
    }

    /// The digest of the tar that the commit itself gives for this folder.
    pub(super) fn tar(
        &self,
        folder: &Path,
        limits: &SourceLimits,
        store: &Store,
    ) -> Option<Sha256> {
        let place = format!("{}:{}", self.commit, self.prefix.trim_end_matches('/'));
        let listing = answer(
            folder,
            &["ls-tree", "-r", "-t", "-z", "-l", "--full-tree", &place],
        )?;
        let listing = Listing::parse(listing.as_bytes()).ok()?;
        let mut tree = Tree::new(limits, store.scratch()).ok()?;
        let mut contents = Contents::of(folder, &listing)?;
        listing.fill(&mut tree, &mut contents.output).ok()?;
        contents.end()?;
        tree.complete().ok()?;
        let mut digest = Sha256Writer::new(std::io::sink());
        tree.write(self.time, &mut digest).ok()?;
        Some(digest.finish().1)
    }
}

/// Git, so that it reads objects here and does nothing else: no configuration but the repository's own, and of that nothing
/// that names a program.
fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_ALLOW_PROTOCOL", "")
        .args([
            "--no-pager",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .arg("-C")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    git
}

/// What git prints, if it succeeds and the answer is UTF-8 of a sane size.
fn answer(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut child = git(folder).args(arguments).spawn().ok()?;
    let mut text = String::new();
    let read = child
        .stdout
        .take()?
        .take(MAX_ANSWER)
        .read_to_string(&mut text);
    let ended = child.wait().ok()?;
    (read.is_ok() && ended.success()).then_some(text)
}

/// The content of a listing's blobs, from `git cat-file`.
struct Contents {
    child: Child,
    asking: JoinHandle<()>,
    output: BufReader<ChildStdout>,
}

impl Contents {
    fn of(folder: &Path, listing: &Listing) -> Option<Self> {
        let mut child = git(folder)
            .args(["cat-file", "--batch", "--buffer"])
            .stdin(Stdio::piped())
            .spawn()
            .ok()?;
        let mut input = child.stdin.take()?;
        let ids = listing.blob_ids();
        let asking = std::thread::spawn(move || {
            if input.write_all(ids.as_bytes()).is_err() {
                tracing::debug!("git ended before it was asked for everything");
            }
        });
        let output = BufReader::new(child.stdout.take()?);
        Some(Self {
            child,
            asking,
            output,
        })
    }

    fn end(mut self) -> Option<()> {
        drop(self.output);
        self.asking.join().ok()?;
        self.child.wait().ok()?.success().then_some(())
    }
}
