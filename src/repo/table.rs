//! The indices of a suite: what a change of the suite does to them, the files that follow, and what the signer reads of them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::files::{Files, edit, read};
use super::index::{Change, History, IndexState, Patches};
use super::ledger::Stanzas;
use super::root::Placed;
use super::storage::{Content, Expected, Storage, Write};
use super::{RepoError, layout};
use crate::model::{Architecture, Timestamp};

/// The object that a suite's root names: the state of its indices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// The serial number of the package that enters next.
    pub(super) next: u64,
    /// Packages for all architectures.
    all: IndexState,
    /// Those and the ones for amd64: with `No-Support-for-Architecture-all` apt reads this index alone, and older tools that
    /// know no `binary-all` miss nothing.
    amd64: IndexState,
    /// Past states of the index for amd64, from which hosts may fetch the difference.
    history: History,
    /// What `Packages.diff/Index` is, if there is one, and the patches that it names.
    diff: Option<Expected>,
    pub(super) patches: Vec<Placed>,
}

/// Changes of a suite's indices.
#[derive(Debug, Clone, Default)]
pub(super) struct Edits {
    all: Vec<Change>,
    amd64: Vec<Change>,
}

impl Edits {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.amd64.is_empty()
    }

    /// How many changes there are.
    pub(super) fn len(&self) -> usize {
        self.amd64.len()
    }

    fn of(&self, architecture: Architecture) -> &[Change] {
        match architecture {
            Architecture::All => &self.all,
            Architecture::Amd64 => &self.amd64,
        }
    }

    /// Adds a change of a package of this architecture.
    pub(super) fn push(&mut self, architecture: Architecture, change: Change) {
        if architecture == Architecture::All {
            self.all.push(change.clone());
        }
        self.amd64.push(change);
    }
}

/// A plain index, as far as the signer has not read it before.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    pub(super) path: String,
    pub(super) from: u64,
    pub(super) text: Bytes,
    pub(super) keep: u64,
}

/// The indices of a suite after a change.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) table: Table,
    /// What the Release lists, relative to the suite's folder.
    pub(super) listed: Vec<(String, Expected)>,
    /// The new files at their places by content, and the new patches.
    pub(super) wave: Vec<Write>,
    /// Copies of those, for when they are there.
    pub(super) copies: Vec<Write>,
    pub(super) tails: Vec<Tail>,
    files: [Files; 2],
}

impl Table {
    /// The indices of a suite without any package.
    pub(super) fn empty() -> Result<Self, RepoError> {
        let empty = IndexState::empty()?.state;
        Ok(Self {
            next: 0,
            all: empty.clone(),
            amd64: empty,
            history: History::default(),
            diff: None,
            patches: Vec::new(),
        })
    }

    /// The indices after `edits`, in the suite's folder `folder`. The present ones are of `since`.
    pub(super) fn apply(
        &self,
        storage: &dyn Storage,
        folder: &str,
        edits: &Edits,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Indexed, RepoError> {
        // Most plugins are for every machine, and compressing is what takes time.
        let same = self.all == self.amd64 && edits.all == edits.amd64;
        let mut indexed = self.changed(folder, same, |architecture| {
            let changes = edits.of(architecture);
            edit(
                storage,
                folder,
                architecture,
                self.index(architecture),
                changes,
            )
        })?;
        if !edits.is_empty() {
            indexed.renew_patches(folder, self, since.unwrap_or(now), now)?;
        }
        indexed.list_patches();
        Ok(indexed)
    }

    /// The same indices, compressed better where that gains much.
    pub(super) fn compact(
        &self,
        storage: &dyn Storage,
        folder: &str,
    ) -> Result<Indexed, RepoError> {
        let mut indexed = self.changed(folder, self.all == self.amd64, |architecture| {
            let state = self.index(architecture);
            let mut files = edit(storage, folder, architecture, state, &[])?;
            if let Some(edited) = state.compact(files.present())? {
                files = Files::new(architecture, edited, &files.gz, &files.xz)?;
            }
            Ok(files)
        })?;
        indexed.list_patches();
        Ok(indexed)
    }

    fn changed(
        &self,
        folder: &str,
        same: bool,
        files: impl Fn(Architecture) -> Result<Files, RepoError>,
    ) -> Result<Indexed, RepoError> {
        let amd64 = files(Architecture::Amd64)?;
        let all = if same {
            let architecture = Architecture::All;
            Files {
                architecture,
                ..amd64.clone()
            }
        } else {
            files(Architecture::All)?
        };
        let mut indexed = Indexed::new(self.clone(), all, amd64);
        indexed.write(folder)?;
        Ok(indexed)
    }
}

impl Table {
    /// The index of one architecture.
    pub(super) fn index(&self, architecture: Architecture) -> &IndexState {
        match architecture {
            Architecture::All => &self.all,
            Architecture::Amd64 => &self.amd64,
        }
    }

    /// The same indices, from their paragraphs alone.
    pub(super) fn rebuild(&self, folder: &str, stanzas: &Stanzas) -> Result<Indexed, RepoError> {
        let files = |architecture: Architecture| -> Result<Files, RepoError> {
            let fits = |own: Architecture| own == architecture || own == Architecture::All;
            let own = stanzas.iter().filter(|(_, (own, _))| fits(*own));
            let own = own.map(|(serial, (_, stanza))| (*serial, stanza.clone()));
            let edited = self.index(architecture).rebuild(own)?;
            Files::new(architecture, edited, &[], &[])
        };
        let (all, amd64) = (files(Architecture::All)?, files(Architecture::Amd64)?);
        let mut indexed = Indexed::new(self.clone(), all, amd64);
        indexed.write(folder)?;
        let [_, amd64] = &indexed.files;
        let patches = self.history.rebuild(&self.amd64, &amd64.gz)?;
        indexed.write_patches(folder, patches);
        indexed.list_patches();
        Ok(indexed)
    }

    /// Whether the patches that were published are those that the history gives.
    pub(super) fn patches_are_right(
        &self,
        storage: &dyn Storage,
        folder: &str,
    ) -> Result<bool, RepoError> {
        let path = format!("{}.gz", layout::packages(Architecture::Amd64));
        let gz = match read(storage, folder, &path, self.amd64.files().gz) {
            // It is told already.
            Err(RepoError::Damaged { .. }) => return Ok(true),
            read => read?,
        };
        let found = self.history.rebuild(&self.amd64, &gz)?;
        let index = found
            .as_ref()
            .map(|found| Expected::of(found.index.as_bytes()));
        let patches = found.into_iter().flat_map(|found| found.patches);
        let patches = patches.map(|patch| Expected::of(&patch.bytes));
        let published = self.patches.iter().map(|patch| patch.content);
        Ok(index == self.diff && patches.eq(published))
    }
}

impl Indexed {
    fn new(table: Table, all: Files, amd64: Files) -> Self {
        Self {
            table: Table {
                all: all.edited.state.clone(),
                amd64: amd64.edited.state.clone(),
                ..table
            },
            listed: Vec::new(),
            wave: Vec::new(),
            copies: Vec::new(),
            tails: vec![all.tail(), amd64.tail()],
            files: [all, amd64],
        }
    }

    /// The plain indices whole, for a signer that has not read them yet.
    pub(super) fn whole(&self) -> Result<Vec<Tail>, RepoError> {
        let whole = |files: &Files| {
            let state = &files.edited.state;
            let text = state.text(files.present())?;
            Ok(Tail {
                path: layout::packages(files.architecture),
                from: 0,
                text: text.into(),
                keep: state.sealed_plain(),
            })
        };
        self.files.iter().map(whole).collect()
    }

    fn write(&mut self, folder: &str) -> Result<(), RepoError> {
        let [all, amd64] = &self.files;
        let same = all.edited == amd64.edited;
        for files in [all, amd64] {
            for (path, content, bytes) in files.named()? {
                self.listed.push((path.clone(), content));
                if !layout::is_stored(&path, content.size) {
                    continue;
                }
                let key = format!("{folder}/{}", layout::by_hash(&path, content.sha256));
                if same && files.architecture == Architecture::All {
                    let twin = path.replacen("binary-all", "binary-amd64", 1);
                    let twin = layout::by_hash(&twin, content.sha256);
                    let copy = Content::Copy(format!("{folder}/{twin}"));
                    self.copies.push(Write::immutable(key, copy, content));
                } else {
                    self.wave
                        .push(Write::immutable(key, Content::Bytes(bytes), content));
                }
            }
        }
        Ok(())
    }

    /// The patches from past states of the index for amd64 to the present one.
    fn renew_patches(
        &mut self,
        folder: &str,
        before: &Table,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), RepoError> {
        let [_, amd64] = &self.files;
        let (edited, gz) = (&amd64.edited, &amd64.gz);
        let (history, patches) = before
            .history
            .advance(&before.amd64, since, edited, now, gz)?;
        self.table.history = history;
        self.write_patches(folder, patches);
        Ok(())
    }

    fn write_patches(&mut self, folder: &str, patches: Option<Patches>) {
        (self.table.diff, self.table.patches) = (None, Vec::new());
        let Some(Patches { index, patches }) = patches else {
            return;
        };
        let path = layout::packages(Architecture::Amd64);
        for patch in patches {
            let key = format!("{folder}/{}", layout::patch(&path, &patch.name));
            let content = Expected::of(&patch.bytes);
            let bytes = Content::Bytes(patch.bytes.into());
            self.wave
                .push(Write::immutable(key.clone(), bytes, content));
            self.table.patches.push(Placed { key, content });
        }
        let index = Bytes::from(index);
        let content = Expected::of(&index);
        let place = layout::by_hash(&layout::diff_index(&path), content.sha256);
        let key = format!("{folder}/{place}");
        self.wave
            .push(Write::immutable(key, Content::Bytes(index), content));
        self.table.diff = Some(content);
    }

    fn list_patches(&mut self) {
        let index = layout::diff_index(&layout::packages(Architecture::Amd64));
        self.listed
            .extend(self.table.diff.map(|content| (index, content)));
    }
}
