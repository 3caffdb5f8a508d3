//! The signer's own journal: what it signed, when. One JSON object a line, only ever appended to, on disk before the
//! signature leaves the signer.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

use super::KeyError;
use crate::model::{Sha256, Timestamp};

/// One signature that the signer made, or was about to make when it was stopped.
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

/// What kind of thing was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum JournalKind {
    /// A Release file.
    Release {
        /// Its suite.
        suite: String,
        /// Its own date.
        release_date: Timestamp,
    },
    /// A statement.
    Statement {
        /// The digests of what it is about.
        subjects: Vec<Sha256>,
    },
}

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
}

impl Journal {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Appends an entry; it is on disk when this returns.
    pub(super) fn append(&self, entry: &JournalEntry) -> Result<(), KeyError> {
        let failed = |action| KeyError::io(action, &self.path);
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(failed("open"))?;
        file.lock().map_err(failed("lock"))?;
        let mut line = serde_json::to_vec(entry).map_err(|error| failed("write")(error.into()))?;
        line.push(b'\n');
        if !ends_with_line_feed(&mut file).map_err(failed("read"))? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)
            .and_then(|()| file.sync_all())
            .map_err(failed("write"))
    }

    /// Every entry, oldest first. A line that was cut short by a crash stood for no signature and is left out.
    pub(super) fn entries(&self) -> Result<Vec<JournalEntry>, KeyError> {
        let text = match fs_err::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(KeyError::io("read", &self.path)(error)),
        };
        let lines = text.lines();
        Ok(lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seconds: i64) -> JournalEntry {
        JournalEntry {
            date: Timestamp::from_seconds(seconds),
            kind: JournalKind::Release {
                suite: "bookworm".to_owned(),
                release_date: Timestamp::from_seconds(seconds),
            },
            sha256: Sha256::of(b"abc"),
        }
    }

    #[test]
    fn an_entry_is_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path().join("journal"));
        journal.append(&entry(1)).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&journal.path).unwrap(), @r#"{"date":1,"kind":"release","suite":"bookworm","release_date":1,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#);
        assert_eq!(journal.entries().unwrap(), vec![entry(1)]);
    }

    #[test]
    fn a_line_that_a_crash_cut_short_does_not_hide_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path().join("journal"));
        assert_eq!(journal.entries().unwrap(), vec![]);
        journal.append(&entry(1)).unwrap();
        let whole = std::fs::read(&journal.path).unwrap();
        let torn = [whole.as_slice(), whole.split_at(30).0].concat();
        std::fs::write(&journal.path, torn).unwrap();
        journal.append(&entry(2)).unwrap();
        assert_eq!(journal.entries().unwrap(), vec![entry(1), entry(2)]);
    }
}
