//! A change of several files of the keys at once. What will be there is put aside first; then the journal says that it
//! counts; then each file goes to its place. A process that is killed leaves the keys as they were, or what [`settle`] completes.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::KeyError;
use super::folder::{CreationLock, KeyFolder, Secrecy};
use super::journal::{Journal, JournalEntry, JournalKind};
use crate::model::{Sha256, Timestamp};

/// The folder of what is put aside.
const ASIDE: &str = "change";

/// The list of it, written last.
const LIST: &str = "change/list.json";

/// The most bytes that the list may have.
const MAX_LIST: u64 = 64 * 1024;

/// Files that are written and removed together.
#[derive(Default)]
pub(super) struct Change {
    written: Vec<(String, Vec<u8>, Secrecy)>,
    removed: Vec<String>,
}

/// A change that is put aside: the place that file `0`, `1`, … goes to, and what goes away.
#[derive(Serialize, Deserialize)]
struct List {
    written: Vec<(String, Sha256)>,
    removed: Vec<String>,
}

impl Change {
    /// The file `name` will have these bytes.
    pub(super) fn write(&mut self, name: &str, bytes: Vec<u8>, secrecy: Secrecy) {
        self.written.push((name.to_owned(), bytes, secrecy));
    }

    /// The file `name` will be gone.
    pub(super) fn remove(&mut self, name: &str) {
        self.removed.push(name.to_owned());
    }

    /// Makes the change, which is `kind` in the journal.
    pub(super) fn make(
        self,
        folder: &KeyFolder,
        lock: &CreationLock,
        journal: &Journal,
        date: Timestamp,
        kind: JournalKind,
    ) -> Result<(), KeyError> {
        let mut list = List {
            written: Vec::new(),
            removed: self.removed,
        };
        for (place, (name, bytes, secrecy)) in self.written.into_iter().enumerate() {
            folder.write(lock, &aside(place), &bytes, secrecy)?;
            list.written.push((name, Sha256::of(&bytes)));
        }
        let text = serde_json::to_vec(&list)
            .map_err(|error| KeyError::io("write", &folder.path(LIST))(error.into()))?;
        folder.write(lock, LIST, &text, Secrecy::Secret)?;
        let sha256 = Sha256::of(&text);
        journal.append(|_| Ok::<_, KeyError>(JournalEntry { date, kind, sha256 }))?;
        settle(folder, lock, journal)
    }
}

/// Whether a change is under way, or was when its process was killed.
pub(super) fn is_under_way(folder: &KeyFolder) -> Result<bool, KeyError> {
    folder.holds(ASIDE)
}

/// Completes a change that the journal says counts, and drops one that never came so far.
pub(super) fn settle(
    folder: &KeyFolder,
    lock: &CreationLock,
    journal: &Journal,
) -> Result<(), KeyError> {
    if !is_under_way(folder)? {
        return Ok(());
    }
    if let Some(text) = folder.read_secret(LIST, MAX_LIST)?
        && journal.known()?.change() == Some(Sha256::of(&text))
    {
        let list: List = serde_json::from_slice(&text).map_err(|error| KeyError::Unreadable {
            path: folder.path(LIST),
            expected: "a list of changes",
            reason: error.to_string(),
        })?;
        for (place, (name, _)) in list.written.iter().enumerate() {
            if folder.holds(&aside(place))? {
                folder.rename(lock, &aside(place), name)?;
            }
        }
        for name in &list.removed {
            folder.remove(lock, name)?;
        }
    }
    // The list goes first: without it, nothing of the rest counts.
    folder.remove(lock, LIST)?;
    let path = folder.path(ASIDE);
    remove_folder(path)
}

fn remove_folder(path: PathBuf) -> Result<(), KeyError> {
    match fs_err::remove_dir_all(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(KeyError::io("remove", &path)(error))
        }
        _ => Ok(()),
    }
}

fn aside(place: usize) -> String {
    format!("{ASIDE}/{place}")
}
