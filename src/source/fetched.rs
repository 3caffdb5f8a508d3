//! What comes back from a fetch container: a tar of the script's few files, read as a bounded stream.

use std::io::{BufReader, Read};
use std::path::Path;

use super::error::TreeError;
use super::objects::{Listing, commit_time};
use super::tree::Tree;
use crate::config::SourceLimits;
use crate::model::{CommitId, Timestamp};

/// The most bytes of the remote's refs, and of each smaller file.
const MAX_REFS: u64 = 16 << 20;
const MAX_SMALL: u64 = 2 << 20;
/// The most bytes of listing for one entry; the script has the same number.
const LISTING_ENTRY: u64 = 512;

/// Everything that the script left.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// What `git ls-remote` printed.
    pub(super) refs: String,
    /// The full name of the ref that was found, and the commit.
    pub(super) resolved: Option<(Option<String>, CommitId)>,
    /// The commit's time.
    pub(super) time: Option<Timestamp>,
    /// The text of `.gitmodules`.
    pub(super) modules: String,
    /// Where the remote points.
    pub(super) redirect: String,
    /// The files, unless the commit was known.
    pub(super) exported: Option<(Listing, Tree)>,
}

/// Reads the tar of the script's output folder; content waits in `scratch`.
pub(super) fn read(
    tar: &mut dyn Read,
    limits: &SourceLimits,
    scratch: &Path,
) -> Result<Fetched, TreeError> {
    let mut fetched = Fetched::default();
    let mut listing = None;
    let mut archive = tar::Archive::new(tar);
    // Raw: the script's names are short, so that no entry need speak for another.
    for entry in archive.entries().map_err(reading())?.raw(true) {
        let mut entry = entry.map_err(reading())?;
        let name = entry.path_bytes().into_owned();
        if entry.header().entry_type() != tar::EntryType::Regular {
            continue;
        }
        match name.as_slice() {
            b"out/1-refs" => fetched.refs = text(&mut entry, MAX_REFS)?,
            b"out/2-resolved" => fetched.resolved = Some(resolved(&text(&mut entry, MAX_SMALL)?)?),
            b"out/3-commit" => {
                let object = text(&mut entry, MAX_SMALL)?;
                let time = commit_time(&object)
                    .ok_or_else(|| TreeError::broken("its commit has no time"))?;
                fetched.time = Some(time);
            }
            b"out/4-modules" => fetched.modules = text(&mut entry, MAX_SMALL)?,
            b"out/redirect" => fetched.redirect = text(&mut entry, MAX_SMALL)?,
            b"out/5-listing" => {
                let most = limits.entries.saturating_mul(LISTING_ENTRY);
                listing = Some(Listing::parse(&bytes(&mut entry, most)?)?);
            }
            b"out/6-contents" => {
                let listing = listing
                    .take()
                    .ok_or_else(|| TreeError::broken("its content came before its listing"))?;
                let mut tree = Tree::new(limits, scratch)?;
                listing.fill(
                    &mut tree,
                    &mut BufReader::with_capacity(1 << 18, &mut entry),
                )?;
                fetched.exported = Some((listing, tree));
            }
            _ => {}
        }
    }
    Ok(fetched)
}

fn reading() -> impl FnOnce(std::io::Error) -> TreeError {
    TreeError::storage("read the fetch container's result")
}

fn bytes(entry: &mut dyn Read, limit: u64) -> Result<Vec<u8>, TreeError> {
    let mut bytes = Vec::new();
    entry
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(reading())?;
    if bytes.len() as u64 > limit {
        return Err(TreeError::TooLarge { limit });
    }
    Ok(bytes)
}

/// Names and messages in old commits may have any encoding; what is no UTF-8 is replaced, and matches nothing.
fn text(entry: &mut dyn Read, limit: u64) -> Result<String, TreeError> {
    Ok(String::from_utf8_lossy(&bytes(entry, limit)?).into_owned())
}

fn resolved(text: &str) -> Result<(Option<String>, CommitId), TreeError> {
    let (name, commit) = text
        .trim_end()
        .split_once('\n')
        .ok_or_else(|| TreeError::broken("the ref was not resolved"))?;
    let commit = CommitId::new(commit).map_err(|error| TreeError::broken(error.to_string()))?;
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    Ok((name, commit))
}
