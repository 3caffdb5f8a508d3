//! Writes tars of one kind only: GNU format, owned by root, one time for all entries, names as dpkg-deb writes them
//! (`./usr/`). The same entries give the same bytes.

use std::io::{self, Read, Write};

use super::{BLOCK, padding};
use crate::model::Timestamp;

/// The longest name that fits into a header; longer ones get a GNU long name header.
const NAME: usize = 100;

/// What an entry that is written is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attributes<'a> {
    /// A regular file of so many bytes.
    File { mode: u32, size: u64 },
    /// A directory.
    Directory { mode: u32 },
    /// A symbolic link.
    Symlink { target: &'a str },
}

/// tar writes whole records of 20 blocks; dpkg-deb's archives show it.
const RECORD: u64 = 20 * BLOCK;

/// A tar that is being written to `W`.
pub(crate) struct TarWriter<W> {
    inner: W,
    time: Timestamp,
    /// Bytes so far.
    written: u64,
}

impl<W: Write> TarWriter<W> {
    /// Every entry gets `time`.
    pub(crate) fn new(inner: W, time: Timestamp) -> Self {
        Self {
            inner,
            time,
            written: 0,
        }
    }

    /// Writes one entry; `path` has no leading slash and is empty for the root. `data` gives exactly the file's bytes.
    pub(crate) fn entry(
        &mut self,
        path: &str,
        attributes: Attributes<'_>,
        data: &mut dyn Read,
    ) -> io::Result<()> {
        let name = stored_name(path, attributes);
        let link = match attributes {
            Attributes::Symlink { target } => target,
            _ => "",
        };
        self.long_name(tar::EntryType::GNULongLink, link)?;
        self.long_name(tar::EntryType::GNULongName, &name)?;
        let mut header = self.header(attributes);
        copy_name(&mut header.as_old_mut().name, &name);
        copy_name(&mut header.as_old_mut().linkname, link);
        set_sum(&mut header);
        self.write(header.as_bytes())?;
        match attributes {
            Attributes::File { size, .. } => self.data(data, size),
            _ => Ok(()),
        }
    }

    /// Ends the archive and gives the inner writer back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let end = padded(self.written) - self.written;
        io::copy(&mut io::repeat(0).take(end), &mut self.inner)?;
        Ok(self.inner)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.inner.write_all(bytes)
    }

    fn header(&self, attributes: Attributes<'_>) -> tar::Header {
        let (kind, mode, size) = match attributes {
            Attributes::File { mode, size } => (tar::EntryType::Regular, mode, size),
            Attributes::Directory { mode } => (tar::EntryType::Directory, mode, 0),
            Attributes::Symlink { .. } => (tar::EntryType::Symlink, 0o777, 0),
        };
        let mut header = root_header(kind, size);
        header.set_mode(mode);
        header.set_mtime(self.time.unsigned());
        header
    }

    fn long_name(&mut self, kind: tar::EntryType, name: &str) -> io::Result<()> {
        if name.len() <= NAME {
            return Ok(());
        }
        let size = name.len() as u64 + 1;
        let mut header = root_header(kind, size);
        header.set_mode(0o644);
        header.set_mtime(0);
        copy_name(&mut header.as_old_mut().name, "././@LongLink");
        set_sum(&mut header);
        self.write(header.as_bytes())?;
        self.data(&mut name.as_bytes().chain(&[0_u8][..]), size)
    }

    fn data(&mut self, data: &mut dyn Read, size: u64) -> io::Result<()> {
        if io::copy(&mut data.take(size), &mut self.inner)? != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.written += size;
        let zeros = [0; BLOCK as usize];
        let padding = usize::try_from(padding(size)).unwrap_or(0);
        self.write(zeros.get(..padding).unwrap_or_default())
    }
}

/// The length of an archive with `written` bytes of entries: two blocks of zeros end it, in whole records.
fn padded(written: u64) -> u64 {
    (written + 2 * BLOCK).next_multiple_of(RECORD)
}

fn root_header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    if let Some(gnu) = header.as_gnu_mut() {
        copy_name(&mut gnu.uname, "root");
        copy_name(&mut gnu.gname, "root");
    }
    header
}

/// The sum as GNU tar writes it, six digits, so that a tar is to the byte the one that dpkg-deb would make.
fn set_sum(header: &mut tar::Header) {
    header.as_old_mut().cksum = [b' '; 8];
    let sum: u32 = header.as_bytes().iter().map(|b| u32::from(*b)).sum();
    copy_name(&mut header.as_old_mut().cksum, &format!("{sum:06o}\0 "));
}

fn copy_name(field: &mut [u8], name: &str) {
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = from;
    }
}

fn stored_name(path: &str, attributes: Attributes<'_>) -> String {
    match attributes {
        Attributes::Directory { .. } if path.is_empty() => "./".to_owned(),
        Attributes::Directory { .. } => format!("./{path}/"),
        _ => format!("./{path}"),
    }
}

/// The exact length of the tar that holds `entries`, in bytes.
pub(crate) fn stream_size<'a>(entries: impl Iterator<Item = (&'a str, Attributes<'a>)>) -> u64 {
    let long = |length: usize| match length {
        0..=NAME => 0,
        _ => BLOCK + length as u64 + 1 + padding(length as u64 + 1),
    };
    let sizes = entries.map(|(path, attributes)| {
        let names = long(stored_name(path, attributes).len());
        BLOCK
            + names
            + match attributes {
                Attributes::File { size, .. } => size + padding(size),
                Attributes::Directory { .. } => 0,
                Attributes::Symlink { target } => long(target.len()),
            }
    });
    padded(sizes.sum())
}

#[cfg(test)]
mod tests {
    use super::super::{EntryKind, TarReader};
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_has_the_computed_size() {
        let long = format!("usr/{}", "é".repeat(120));
        let entries = [
            ("", Attributes::Directory { mode: 0o755 }),
            ("usr", Attributes::Directory { mode: 0o755 }),
            (
                long.as_str(),
                Attributes::File {
                    mode: 0o644,
                    size: 3,
                },
            ),
            ("usr/link", Attributes::Symlink { target: &long }),
        ];
        let mut writer = TarWriter::new(Vec::new(), Timestamp::from_seconds(77));
        for (path, attributes) in entries {
            writer
                .entry(path, attributes, &mut b"abc".as_slice())
                .unwrap();
        }
        let bytes = writer.finish().unwrap();
        assert_eq!(bytes.len() as u64, stream_size(entries.into_iter()));

        let mut reader = TarReader::new(bytes.as_slice());
        let mut seen = Vec::new();
        while let Some(header) = reader.next().unwrap() {
            assert_eq!((header.uid, header.gid, header.mtime), (0, 0, 77));
            seen.push((
                String::from_utf8(header.path).unwrap(),
                header.kind,
                String::from_utf8(header.link).unwrap(),
            ));
        }
        assert_eq!(
            seen[0],
            ("./".to_owned(), EntryKind::Directory, String::new())
        );
        assert_eq!(seen[2].0, format!("./{long}"));
        assert_eq!(seen[3].2, long);
    }

    #[test]
    fn data_that_ends_early_is_an_error() {
        let mut writer = TarWriter::new(Vec::new(), Timestamp::from_seconds(0));
        let attributes = Attributes::File {
            mode: 0o644,
            size: 9,
        };
        assert!(
            writer
                .entry("a", attributes, &mut b"abc".as_slice())
                .is_err()
        );
    }
}
