//! Takes the entries of a source tar one by one, with the extension headers that name them.

use std::io::Read;

use super::{EntryKind, Tree, TreeEntry, TreeError, TreeLimits};
use crate::model::printable;

/// Bytes of one kept text; the rest of a longer file is not kept.
const TEXT: u64 = 256 << 10;
/// Bytes of all kept texts.
const TEXTS: u64 = 8 << 20;
/// Bytes of all paths and link targets.
const NAMES: usize = 16 << 20;
/// Bytes of one path, as Linux has it.
const PATH: usize = 4096;
/// Bytes of one extension header.
const EXTENSION: u64 = 64 << 10;

/// Files at the root whose text is kept, beside everything directly in `wazo/`.
const ROOT_TEXTS: &[&str] = &[
    "package.yml",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "setup.py",
    "setup.cfg",
    ".gitmodules",
];

/// Takes entry after entry into a tree, and counts.
pub(super) struct Indexer {
    pub(super) tree: Tree,
    limits: TreeLimits,
    size: u64,
    count: u64,
    names: usize,
    texts: u64,
    /// What the last extension headers said about the next entry.
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Indexer {
    pub(super) fn new(limits: TreeLimits) -> Self {
        Self {
            tree: Tree::default(),
            limits,
            size: 0,
            count: 0,
            names: 0,
            texts: 0,
            long_path: None,
            long_link: None,
        }
    }

    pub(super) fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), TreeError> {
        self.count += 1;
        // An extension header counts, too, so a tar of nothing else ends as well.
        if self.count > self.limits.entries.saturating_mul(3) {
            return Err(TreeError::TooMany {
                limit: self.limits.entries,
            });
        }
        let size = entry.header().entry_size()?;
        self.size = self.size.saturating_add(size);
        if self.size > self.limits.size {
            return Err(TreeError::TooLarge {
                limit: self.limits.size,
            });
        }
        match entry.header().entry_type() {
            tar::EntryType::GNULongName => self.long_path = Some(extension(entry)?),
            tar::EntryType::GNULongLink => self.long_link = Some(extension(entry)?),
            tar::EntryType::XHeader => self.extended_header(&extension(entry)?)?,
            tar::EntryType::XGlobalHeader => refuse_global_names(&extension(entry)?)?,
            kind => self.file(entry, kind, size)?,
        }
        Ok(())
    }

    fn extended_header(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        for record in tar::PaxExtensions::new(bytes) {
            let record = record?;
            match record.key_bytes() {
                b"path" => self.long_path = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.long_link = Some(record.value_bytes().to_vec()),
                b"size" => {
                    return Err(unsupported(
                        self.long_path.as_deref(),
                        "a file with two sizes",
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        entry: &mut tar::Entry<'_, impl Read>,
        kind: tar::EntryType,
        size: u64,
    ) -> Result<(), TreeError> {
        let header = entry.header();
        let path = self
            .long_path
            .take()
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let link = self
            .long_link
            .take()
            .or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        let link = link.unwrap_or_default();
        let mode = header.mode()? & 0o7777;
        self.names = self
            .names
            .saturating_add(path.len())
            .saturating_add(link.len());
        if self.names > NAMES || self.tree.entries.len() as u64 >= self.limits.entries {
            return Err(TreeError::TooMany {
                limit: self.limits.entries,
            });
        }
        let Ok(path_text) = std::str::from_utf8(&path) else {
            self.tree.unreadable += 1;
            return Ok(());
        };
        let path = relative(path_text)?;
        if path.is_empty() {
            return Ok(());
        }
        let link = String::from_utf8_lossy(&link).into_owned();
        if size > 0
            && !matches!(
                kind,
                tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse
            )
        {
            return Err(unsupported(
                Some(path.as_bytes()),
                "a link, a folder or a device with content",
            ));
        }
        let kind = match kind {
            tar::EntryType::Regular if path_text.ends_with('/') => EntryKind::Folder,
            tar::EntryType::Regular | tar::EntryType::Continuous => EntryKind::File,
            tar::EntryType::Directory => EntryKind::Folder,
            tar::EntryType::Symlink => EntryKind::Link(link),
            tar::EntryType::Link => return self.hard_link(path, &link),
            tar::EntryType::GNUSparse => {
                return Err(unsupported(Some(path.as_bytes()), "a sparse file"));
            }
            _ => EntryKind::Other,
        };
        self.tree.texts.remove(&path);
        if kind == EntryKind::File && is_kept(&path) && self.texts < TEXTS {
            let mut text = Vec::new();
            entry.take(TEXT).read_to_end(&mut text)?;
            self.texts += text.len() as u64;
            self.tree.texts.insert(path.clone(), text);
        }
        self.tree
            .entries
            .insert(path, TreeEntry { kind, mode, size });
        Ok(())
    }

    /// A second name of a file that came before.
    fn hard_link(&mut self, path: String, target: &str) -> Result<(), TreeError> {
        let target = relative(target)?;
        let Some(entry) = self.tree.entries.get(&target).cloned() else {
            return Err(unsupported(Some(path.as_bytes()), "a hard link to nothing"));
        };
        self.tree.texts.remove(&path);
        if let Some(text) = self
            .tree
            .texts
            .get(&target)
            .filter(|_| is_kept(&path))
            .cloned()
        {
            self.tree.texts.insert(path.clone(), text);
        }
        self.tree.entries.insert(path, entry);
        Ok(())
    }
}

fn unsupported(path: Option<&[u8]>, feature: &'static str) -> TreeError {
    let path = String::from_utf8_lossy(path.unwrap_or_default());
    TreeError::Unsupported {
        path: printable(&path, 200),
        feature,
    }
}

/// The content of an extension header, without the NUL that ends a GNU one.
fn extension(entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>, TreeError> {
    if entry.header().entry_size()? > EXTENSION {
        return Err(unsupported(None, "an extension header of more than 64 KiB"));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

/// git writes a global header with the commit id; one that renames or resizes every entry is nobody's.
fn refuse_global_names(bytes: &[u8]) -> Result<(), TreeError> {
    for record in tar::PaxExtensions::new(bytes) {
        if matches!(record?.key_bytes(), b"path" | b"linkpath" | b"size") {
            return Err(unsupported(None, "a global header that names files"));
        }
    }
    Ok(())
}

/// `path` without `.` parts and slashes at its end.
fn relative(path: &str) -> Result<String, TreeError> {
    let parts: Vec<_> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if path.starts_with('/') || path.len() > PATH || parts.contains(&"..") {
        return Err(TreeError::UnsafePath {
            path: printable(path, 200),
        });
    }
    Ok(parts.join("/"))
}

fn is_kept(path: &str) -> bool {
    match path.split_once('/') {
        None => ROOT_TEXTS.contains(&path),
        Some((folder, name)) => folder == "wazo" && !name.contains('/'),
    }
}
