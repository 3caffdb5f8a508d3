//! The signer's own journal: what it signed, when. One JSON object a line, only ever appended to, on disk before the
//! signature leaves the signer. Each line holds the digest of the line before, so that none can be changed or taken out
//! without a trace; [`Known`] is what follows from them.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

use super::KeyError;
use super::folder::sync_folder;
use super::known::Known;
use crate::model::{Sha256, Sha256Midstate, Timestamp};

/// The most bytes that a line may have.
const MAX_LINE: u64 = 1 << 20;

/// How much of the journal may lie behind the file of what is known, in bytes: as much is read again by each process.
const CHECKPOINT: u64 = 64 * 1024;

/// One signature that the signer made, or was about to make when it was stopped; or a change of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When it was asked for, by the signer's own clock.
    pub date: Timestamp,
    /// What was signed.
    #[serde(flatten)]
    pub kind: JournalKind,
    /// The SHA-256 of the bytes that were handed in: the Release file, or the statement.
    pub sha256: Sha256,
}

/// What kind of thing was signed, or what was done to the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum JournalKind {
    /// A Release file.
    Release {
        /// Its suite.
        suite: String,
        /// Its own date.
        release_date: Timestamp,
        /// Its generation.
        #[serde(default)]
        generation: u64,
        /// For each index, the digest's state from where on a later tail may come.
        #[serde(default)]
        kept: Vec<KeptIndex>,
        /// The keys in the newest keyring package, where one was in what was read of the indices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shipped: Vec<String>,
    },
    /// A statement.
    Statement {
        /// The digests of what it is about.
        subjects: Vec<Sha256>,
        /// The packages among them, which may enter a Release.
        #[serde(default)]
        packages: Vec<SignedPackage>,
        /// The keys in the package, if it is the farm's keyring package.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
    },
    /// A change of the keys themselves; the digest is that of the list of changed files.
    Key {
        /// What was done.
        step: KeyStep,
        /// The fingerprints of the archive keys that sign from then on, the oldest first.
        archive: Vec<String>,
    },
}

/// How the keys are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStep {
    /// The secret keys are encrypted with another passphrase than before.
    Protected,
    /// The secret keys are not encrypted any more.
    Unprotected,
    /// A next archive key was made, and signs beside the present one.
    Rotated,
    /// An archive key from elsewhere signs: beside the present one, or in its place when nothing was published yet.
    Imported,
    /// The old archive key does not sign any more.
    Retired,
}

/// The digest of an index up to some byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptIndex {
    /// The index's path, as the Release lists it.
    pub path: String,
    /// The digest's state.
    pub state: Sha256Midstate,
}

/// A package that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SignedPackage {
    /// Its file's name, `<package>_<version without epoch>_<architecture>.deb`: what it may be called in an index.
    pub name: String,
    /// Its digest.
    pub sha256: Sha256,
}

/// An entry as it is written. The journals of the first version had no chain.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Sha256>,
    #[serde(flatten)]
    entry: JournalEntry,
}

/// The file, and what follows from it.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    known: Mutex<Known>,
}

impl Journal {
    /// The journal at `path`, which its first entry makes. Reads what came after the last checkpoint, and checks the chain of that.
    pub(super) fn open(path: PathBuf) -> Result<Self, KeyError> {
        let known = Known::load(&path)?;
        let journal = Self {
            known: Mutex::new(known),
            path,
        };
        drop(journal.known()?);
        Ok(journal)
    }

    /// What is known now, other processes' entries included.
    pub(super) fn known(&self) -> Result<MutexGuard<'_, Known>, KeyError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open_to_read(&self.path)? {
            read_on(&self.path, file, &mut known, &mut |_| ())?;
        } else {
            known.check_length(&self.path, 0)?;
        }
        Ok(known)
    }

    /// Appends the entry that `decide` makes of what is known, which no other process changes meanwhile. It is on disk when
    /// this returns. Gives the digest of its line, which stands for the whole journal up to it.
    pub(super) fn append<E: From<KeyError>>(
        &self,
        decide: impl FnOnce(&Known) -> Result<JournalEntry, E>,
    ) -> Result<Sha256, E> {
        let failed = |action| KeyError::io(action, &self.path);
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(failed("open"))?;
        file.lock().map_err(failed("lock"))?;
        let mut known = self.known()?;
        let entry = decide(&known)?;
        let line = Line {
            previous: Some(known.head()),
            entry,
        };
        let mut bytes = serde_json::to_vec(&line).map_err(|error| failed("write")(error.into()))?;
        let head = Sha256::of(&bytes);
        bytes.push(b'\n');
        if !ends_with_line_feed(&mut file).map_err(failed("read"))? {
            bytes.insert(0, b'\n');
        }
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .map_err(failed("write"))?;
        if known.position() == 0
            && let Some(folder) = self.path.parent()
        {
            sync_folder(folder).map_err(failed("write"))?;
        }
        drop(known);
        known = self.known()?;
        if known.behind() > CHECKPOINT {
            known.save(&self.path)?;
        }
        Ok(head)
    }

    /// Every entry, oldest first, and every link of the chain. A line that was cut short by a crash stood for no signature and
    /// is left out.
    pub(super) fn entries(&self) -> Result<Vec<JournalEntry>, KeyError> {
        let (mut entries, mut known) = (Vec::new(), Known::default());
        if let Some(file) = open_to_read(&self.path)? {
            let mut keep = |entry: &JournalEntry| entries.push(entry.clone());
            read_on(&self.path, file, &mut known, &mut keep)?;
        }
        let now = self.known()?;
        if known.position() < now.position() {
            return Err(changed(&self.path, "its end is gone"));
        }
        Ok(entries)
    }
}

pub(super) fn changed(path: &Path, reason: &str) -> KeyError {
    KeyError::JournalChanged {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

pub(super) fn open_to_read(path: &Path) -> Result<Option<fs_err::File>, KeyError> {
    match fs_err::File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(KeyError::io("open", path)(error)),
    }
}

/// Reads the lines after what is known, and adds them to it.
fn read_on(
    path: &Path,
    mut file: fs_err::File,
    known: &mut Known,
    visit: &mut dyn FnMut(&JournalEntry),
) -> Result<(), KeyError> {
    let failed = || KeyError::io("read", path);
    let length = file.metadata().map_err(failed())?.len();
    known.check_length(path, length)?;
    if length == known.position() {
        return Ok(());
    }
    file.seek(SeekFrom::Start(known.position()))
        .map_err(failed())?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(MAX_LINE + 1)
            .read_until(b'\n', &mut line);
        let size = read.map_err(failed())? as u64;
        if size > MAX_LINE {
            return Err(changed(path, "it has a line that no signer wrote"));
        }
        // The last line may be in the making, or a crash has cut it short.
        let Some(text) = line.strip_suffix(b"\n") else {
            return Ok(());
        };
        match serde_json::from_slice::<Line>(text) {
            Ok(Line { previous, entry }) => {
                known.follow(path, previous, text, size)?;
                known.add(&entry, previous.is_some());
                visit(&entry);
            }
            Err(_) => known.skip(size),
        }
    }
}

/// Whether the last writer got to the end of its line.
fn ends_with_line_feed(file: &mut fs_err::File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
