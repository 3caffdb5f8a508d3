//! Tars as hostile as need be, and what the payload reader says to them.

mod entries;
mod limits;
mod links;

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::model::{FailureCode, Sha256};

/// Builds tars as hostile as need be.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn tree() -> Self {
        Self::default().directory("out/").directory("out/tree/")
    }

    fn header(mut self, name: &str, change: impl FnOnce(&mut tar::Header), data: &[u8]) -> Self {
        let mut header = tar::Header::new_ustar();
        for (to, from) in header.as_old_mut().name.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        header.set_mode(0o644);
        header.set_uid(1000);
        header.set_gid(1000);
        header.set_mtime(1);
        header.set_size(data.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn directory(self, name: &str) -> Self {
        self.header(
            name,
            |header| {
                header.set_mode(0o755);
                header.set_entry_type(tar::EntryType::Directory);
            },
            b"",
        )
    }

    fn file(self, name: &str, data: &[u8]) -> Self {
        self.header(name, |_| {}, data)
    }

    fn mode(self, name: &str, mode: u32) -> Self {
        self.header(name, |header| header.set_mode(mode), b"x")
    }

    fn kind(self, name: &str, kind: tar::EntryType) -> Self {
        self.header(name, |header| header.set_entry_type(kind), b"")
    }

    fn link(self, name: &str, kind: tar::EntryType, target: &str) -> Self {
        self.header(
            name,
            |header| {
                header.set_entry_type(kind);
                header.set_link_name_literal(target).unwrap();
            },
            b"",
        )
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.link(name, tar::EntryType::Symlink, target)
    }

    fn pax(self, records: &str) -> Self {
        self.header(
            "pax",
            |header| header.set_entry_type(tar::EntryType::XHeader),
            records.as_bytes(),
        )
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    fn read(self) -> Result<BuildOutput, PayloadError> {
        self.read_within(&PayloadLimits::default())
    }

    fn read_within(self, limits: &PayloadLimits) -> Result<BuildOutput, PayloadError> {
        read_output(self.end().as_slice(), "out", &mut spool(), limits)
    }

    /// The rule that is broken, and the entry that breaks it.
    fn refusal(self) -> (String, Rule) {
        match self.read() {
            Err(PayloadError::Refused { entry, rule }) => (entry, rule),
            other => panic!("{other:?}"),
        }
    }
}

fn spool() -> Spool<Cursor<Vec<u8>>> {
    Spool::new(Cursor::new(Vec::new()))
}

fn refused(entry: &str, rule: Rule) -> (String, Rule) {
    (entry.to_owned(), rule)
}

fn modes(payload: &Payload) -> Vec<(&str, u32)> {
    let mode = |entry: &Entry| match entry {
        Entry::Directory { mode } => *mode,
        Entry::File(file) => file.mode,
        Entry::Symlink { .. } => 0o777,
    };
    payload
        .entries()
        .iter()
        .map(|(path, entry)| (path.as_str(), mode(entry)))
        .collect()
}
