//! Reads trees out of hostile tars: what a build leaves behind, and one folder of a source. Every byte is counted before
//! it is stored, and nothing is ever unpacked under a stranger's name.

use std::collections::BTreeSet;
use std::io::{Read, Seek, Write};

use super::error::{PayloadError, Rule};
use super::limits::{Budget, PayloadLimits};
use super::path::{check_path, link_target};
use super::{Entry, File, Payload, directory_mode, file_mode};
use crate::deb::spool::Spool;
use crate::deb::tarball::{EntryKind, Header, TarReader};
use crate::model::printable;

/// What a build left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOutput {
    /// The tree.
    pub payload: Payload,
    /// What the runner noted beside it.
    pub notes: Notes,
}

/// The small files beside the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The runner's notes about the build; see [`Facts`](crate::deb::inspect::Facts).
    pub facts: Option<Vec<u8>>,
    /// The record of the service commands that a plugin of the old layout called when it was installed.
    pub install_commands: Option<Vec<u8>>,
    /// Likewise, when it was uninstalled.
    pub uninstall_commands: Option<Vec<u8>>,
}

/// Reads what a build left behind: a tar whose entries lie below `folder` (such as `out`), with the tree in
/// `folder/tree` and the notes `folder/facts`, `folder/commands/install` and `folder/commands/uninstall` beside it. Contents
/// go to `spool`.
///
/// # Errors
/// The first entry that breaks a rule or a limit; an archive that cannot be read.
pub fn read_output<S: Read + Write + Seek>(
    reader: impl Read,
    folder: &str,
    spool: &mut Spool<S>,
    limits: &PayloadLimits,
) -> Result<BuildOutput, PayloadError> {
    let tree = format!("{folder}/tree");
    let mut intake = Intake::new(Payload::default(), spool, limits);
    let mut notes = Notes::default();
    let mut found = false;
    let mut archive = TarReader::new(reader);
    while let Some(header) = archive.next()? {
        let path = name(&header.path)?;
        if path == folder && header.kind == EntryKind::Directory {
            continue;
        }
        if path == tree && header.kind == EntryKind::Directory {
            found = true;
            continue;
        }
        match inside(&path, &tree) {
            Some(inner) => {
                let inner = inner.to_owned();
                intake.take(&header, &inner, &tree, &mut archive)?;
            }
            None => notes.take(&header, &path, folder, &mut archive, limits)?,
        }
    }
    if !found {
        return Err(PayloadError::Missing { folder: tree });
    }
    Ok(BuildOutput {
        payload: intake.payload,
        notes,
    })
}

/// Which folder of a source tar goes where in a payload.
#[derive(Debug, Clone, Copy)]
pub struct FolderCopy<'a> {
    /// The folder in the tar, such as `wazo`; without slashes at its ends.
    pub from: &'a str,
    /// Its place in the payload, such as `usr/lib/wazo-plugind/plugins/foo/bar/wazo`.
    pub to: &'a str,
}

/// Adds one folder of a source tar to `payload`, by the same rules as the rest of it. Entries outside the folder are
/// skipped; their bytes count.
///
/// # Errors
/// As [`read_output`]; [`PayloadError::Missing`] if the tar has no such folder.
pub fn add_folder<S: Read + Write + Seek>(
    payload: Payload,
    reader: impl Read,
    copy: FolderCopy<'_>,
    spool: &mut Spool<S>,
    limits: &PayloadLimits,
) -> Result<Payload, PayloadError> {
    let mut intake = Intake::new(payload, spool, limits);
    let mut found = false;
    let mut archive = TarReader::new(reader);
    while let Some(header) = archive.next()? {
        let path = name(&header.path)?;
        if path == copy.from && header.kind == EntryKind::Directory {
            found = true;
        } else if let Some(inner) = inside(&path, copy.from) {
            found = true;
            let place = format!("{}/{inner}", copy.to);
            intake.take(&header, &place, copy.from, &mut archive)?;
        } else {
            intake.count(&path, header.size)?;
        }
    }
    if found {
        Ok(intake.payload)
    } else {
        Err(PayloadError::Missing {
            folder: copy.from.to_owned(),
        })
    }
}

/// A name as UTF-8, without `./` before it and `/` after it.
fn name(bytes: &[u8]) -> Result<String, PayloadError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix("./").unwrap_or(text);
            Ok(text.strip_suffix('/').unwrap_or(text).to_owned())
        }
        Err(_) => {
            let lossy = String::from_utf8_lossy(bytes);
            Err(PayloadError::refused(&lossy, Rule::NotUtf8))
        }
    }
}

fn inside<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// A payload that grows, and what it may still grow by.
struct Intake<'a, S> {
    payload: Payload,
    spool: &'a mut Spool<S>,
    limits: &'a PayloadLimits,
    /// Directories that only their entries have named so far.
    implied: BTreeSet<String>,
    entries: u64,
    names: u64,
    bytes: u64,
}

impl<'a, S: Read + Write + Seek> Intake<'a, S> {
    fn new(payload: Payload, spool: &'a mut Spool<S>, limits: &'a PayloadLimits) -> Self {
        Self {
            entries: payload.entries.len() as u64,
            names: payload.entries.keys().map(|path| path.len() as u64).sum(),
            bytes: payload.bytes,
            payload,
            spool,
            limits,
            implied: BTreeSet::new(),
        }
    }

    /// Counts an entry, before any of its bytes is stored.
    fn count(&mut self, path: &str, size: u64) -> Result<(), PayloadError> {
        let limits = self.limits;
        self.entries += 1;
        self.names += path.len() as u64;
        self.bytes = self.bytes.saturating_add(size);
        let over = [
            (
                self.entries > limits.entries,
                Budget::Entries,
                limits.entries,
            ),
            (
                self.names > limits.names_bytes,
                Budget::NamesBytes,
                limits.names_bytes,
            ),
            (
                size > limits.file_bytes,
                Budget::FileBytes,
                limits.file_bytes,
            ),
            (self.bytes > limits.bytes, Budget::Bytes, limits.bytes),
        ];
        match over.into_iter().find(|(over, ..)| *over) {
            None => Ok(()),
            Some((_, budget, allowed)) => Err(PayloadError::too_large(path, budget, allowed)),
        }
    }

    /// Counts the bytes of an entry that was counted as empty.
    fn recount(&mut self, path: &str, size: u64) -> Result<(), PayloadError> {
        self.entries -= 1;
        self.names -= path.len() as u64;
        self.count(path, size)
    }

    /// Takes one entry to `path`; `root` is the folder of the archive that hardlinks name.
    fn take(
        &mut self,
        header: &Header,
        path: &str,
        root: &str,
        data: &mut dyn Read,
    ) -> Result<(), PayloadError> {
        check_path(path, self.limits)?;
        self.count(path, header.size)?;
        let refused = |rule| Err(PayloadError::refused(path, rule));
        if header.mode & 0o7000 != 0 {
            return refused(Rule::SpecialBits);
        }
        for parent in self.payload.missing_parents(path)? {
            self.count(&parent, 0)?;
            let directory = Entry::Directory { mode: 0o755 };
            self.payload.insert(&parent, directory)?;
            self.implied.insert(parent);
        }
        if header.mode & 0o002 != 0 && header.kind != EntryKind::Symlink {
            self.payload.world_writable.push(path.to_owned());
        }
        let entry = match header.kind {
            EntryKind::Directory => return self.directory(path, header.mode),
            EntryKind::File => self.file(header, path, data)?,
            EntryKind::Symlink => Self::symlink(header, path)?,
            EntryKind::Hardlink => self.hardlink(header, path, root)?,
            EntryKind::Other(_) => return refused(Rule::Kind),
        };
        self.payload.insert(path, entry)
    }

    /// A directory may come after its entries, which have made it with a usual mode then.
    fn directory(&mut self, path: &str, mode: u32) -> Result<(), PayloadError> {
        let mode = directory_mode(mode);
        if self.implied.remove(path) {
            self.payload.entries.remove(path);
        }
        self.payload.insert(path, Entry::Directory { mode })
    }

    fn file(
        &mut self,
        header: &Header,
        path: &str,
        data: &mut dyn Read,
    ) -> Result<Entry, PayloadError> {
        if header.path.ends_with(b"/") {
            return Err(PayloadError::refused(path, Rule::DotComponent));
        }
        let content = self
            .spool
            .append(data, header.size)
            .map_err(|error| PayloadError::of_append(path, error))?;
        let mode = file_mode(header.mode);
        Ok(Entry::File(File { mode, content }))
    }

    fn symlink(header: &Header, path: &str) -> Result<Entry, PayloadError> {
        let target = std::str::from_utf8(&header.link).map_err(|_| Rule::NotUtf8);
        target
            .and_then(|target| link_target(path, target))
            .map(|target| Entry::Symlink { target })
            .map_err(|rule| PayloadError::refused(path, rule))
    }

    /// Another name of an earlier file becomes a file of its own; its size counts again, its bytes are shared.
    fn hardlink(&mut self, header: &Header, path: &str, root: &str) -> Result<Entry, PayloadError> {
        let refused = PayloadError::refused(path, Rule::HardlinkTarget);
        let target = name(&header.link)?;
        let Some(inner) = inside(&target, root) else {
            return Err(refused);
        };
        // Entries of the same folder share the part of `path` that is not their own name in the archive.
        let own = name(&header.path)?;
        let place = inside(&own, root)
            .and_then(|own| path.strip_suffix(own))
            .unwrap_or_default();
        let file = match self.payload.file(&format!("{place}{inner}")) {
            Some(file) => file.clone(),
            None => return Err(refused),
        };
        self.recount(path, file.content.size)?;
        Ok(Entry::File(file))
    }
}

impl Notes {
    fn take(
        &mut self,
        header: &Header,
        path: &str,
        folder: &str,
        data: &mut dyn Read,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        let slot = match inside(path, folder) {
            Some("commands") if header.kind == EntryKind::Directory => return Ok(()),
            Some("facts") => &mut self.facts,
            Some("commands/install") => &mut self.install_commands,
            Some("commands/uninstall") => &mut self.uninstall_commands,
            _ => return Err(PayloadError::refused(path, Rule::Unexpected)),
        };
        if header.kind != EntryKind::File {
            return Err(PayloadError::refused(path, Rule::Kind));
        }
        if header.size > limits.note_bytes {
            let allowed = limits.note_bytes;
            return Err(PayloadError::too_large(path, Budget::NoteBytes, allowed));
        }
        let mut bytes = Vec::new();
        data.take(header.size)
            .read_to_end(&mut bytes)
            .map_err(PayloadError::unreadable)?;
        match slot.replace(bytes) {
            None => Ok(()),
            Some(_) => Err(PayloadError::refused(
                &printable(path, 200),
                Rule::Duplicate,
            )),
        }
    }
}
