//! Reads a tar stream header by header. Nothing is believed: sums are checked, extension headers are bounded, and what
//! two readers could understand in two ways is refused.

use std::io::{self, Read};

use super::extension::{Extension, check_global};
use super::padding;
use crate::model::printable;

/// The largest extension header (pax records, GNU long name) that is read, in bytes.
const EXTENSION_LIMIT: u64 = 16 << 10;

/// What an entry of a tar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier entry.
    Hardlink,
    /// A thing that no package of ours may hold: its name.
    Other(&'static str),
}

/// An entry's header, with the names that its extension headers gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The name, as it was written.
    pub(crate) path: Vec<u8>,
    /// The target of a link, as it was written; empty for others.
    pub(crate) link: Vec<u8>,
    pub(crate) kind: EntryKind,
    /// Permission bits, with setuid, setgid and sticky.
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds since the epoch.
    pub(crate) mtime: u64,
    /// Bytes of data that follow.
    pub(crate) size: u64,
}

/// A tar stream that cannot be read, or that two readers could understand in two ways.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TarError {
    #[error("the archive could not be read")]
    Read {
        #[source]
        source: io::Error,
    },
    #[error("the archive ends in the middle")]
    Truncated,
    #[error("the archive has a malformed header after `{after}`: {reason}")]
    Malformed { after: String, reason: &'static str },
    /// The entry is well written and yet not acceptable.
    #[error("`{entry}` is refused: {reason}")]
    Refused { entry: String, reason: String },
}

/// A tar stream. [`TarReader::next`] gives the next header; reading gives the data of the entry that it described.
pub(crate) struct TarReader<R> {
    inner: R,
    /// Bytes of the current entry's data that were not read yet.
    remaining: u64,
    /// Bytes of padding after them.
    padding: u64,
    /// The name of the last entry, for messages.
    last: String,
}

impl<R: Read> TarReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            remaining: 0,
            padding: 0,
            last: "the start".to_owned(),
        }
    }

    /// The next entry, or nothing at the end; skips what was left of the entry before.
    pub(crate) fn next(&mut self) -> Result<Option<Header>, TarError> {
        let mut extension = Extension::default();
        loop {
            self.skip_rest()?;
            let Some(block) = self.next_block()? else {
                return if extension.is_empty() {
                    Ok(None)
                } else {
                    Err(TarError::Truncated)
                };
            };
            let size = self.field(block.entry_size(), "its size is no number")?;
            self.remaining = size;
            self.padding = padding(size);
            let taken = match block.entry_type().as_byte() {
                b'L' => extension.set_long_path(self.extension()?),
                b'K' => extension.set_long_link(self.extension()?),
                b'x' => extension.set_records(&self.extension()?),
                b'g' => check_global(&self.extension()?),
                _ => return self.entry(&block, extension).map(Some),
            };
            taken.map_err(|reason| self.refuse(&block.path_bytes(), reason))?;
        }
    }

    fn entry(&mut self, block: &tar::Header, extension: Extension) -> Result<Header, TarError> {
        let path = extension
            .path
            .unwrap_or_else(|| block.path_bytes().into_owned());
        self.last = printable(&String::from_utf8_lossy(&path), 200);
        if extension.size.is_some_and(|size| size != self.remaining) {
            return Err(self.refuse(&path, "its pax size differs from its ustar size".to_owned()));
        }
        let link = extension
            .link
            .or_else(|| block.link_name_bytes().map(|name| name.into_owned()))
            .unwrap_or_default();
        let kind = kind(block.entry_type().as_byte());
        if kind != EntryKind::File && self.remaining != 0 {
            return Err(self.refuse(&path, "it has data and is no regular file".to_owned()));
        }
        Ok(Header {
            link,
            kind,
            mode: self.field(block.mode(), "its mode is no number")? & 0o7777,
            uid: self.field(block.uid(), "its owner is no number")?,
            gid: self.field(block.gid(), "its group is no number")?,
            mtime: self.field(block.mtime(), "its time is no number")?,
            size: self.remaining,
            path,
        })
    }

    fn field<T>(&self, value: io::Result<T>, reason: &'static str) -> Result<T, TarError> {
        value.map_err(|_| self.malformed(reason))
    }

    fn malformed(&self, reason: &'static str) -> TarError {
        TarError::Malformed {
            after: self.last.clone(),
            reason,
        }
    }

    fn refuse(&self, path: &[u8], reason: String) -> TarError {
        TarError::Refused {
            entry: printable(&String::from_utf8_lossy(path), 200),
            reason,
        }
    }

    /// The data of an extension header.
    fn extension(&mut self) -> Result<Vec<u8>, TarError> {
        if self.remaining > EXTENSION_LIMIT {
            return Err(self.malformed("its extension header is larger than 16 KiB"));
        }
        let expected = self.remaining;
        let mut bytes = Vec::new();
        let mut data = self.inner.by_ref().take(expected);
        data.read_to_end(&mut bytes)
            .map_err(|source| TarError::Read { source })?;
        self.remaining = 0;
        if bytes.len() as u64 == expected {
            Ok(bytes)
        } else {
            Err(TarError::Truncated)
        }
    }

    /// The next header block; nothing at the first block of zeros, which ends an archive.
    fn next_block(&mut self) -> Result<Option<tar::Header>, TarError> {
        let mut block = tar::Header::new_old();
        match self.inner.read_exact(block.as_mut_bytes()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(TarError::Truncated);
            }
            Err(source) => return Err(TarError::Read { source }),
        }
        if block.as_bytes().iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let stated = self.field(block.cksum(), "its sum is no number")?;
        let mut blank = block.clone();
        blank.as_old_mut().cksum = [b' '; 8];
        let actual: u32 = blank.as_bytes().iter().map(|b| u32::from(*b)).sum();
        if stated == actual {
            Ok(Some(block))
        } else {
            Err(self.malformed("its sum is wrong"))
        }
    }

    fn skip_rest(&mut self) -> Result<(), TarError> {
        let expected = self.remaining.saturating_add(self.padding);
        let mut rest = self.inner.by_ref().take(expected);
        let skipped =
            io::copy(&mut rest, &mut io::sink()).map_err(|source| TarError::Read { source })?;
        self.remaining = 0;
        self.padding = 0;
        if skipped == expected {
            Ok(())
        } else {
            Err(TarError::Truncated)
        }
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.by_ref().take(self.remaining).read(buffer)?;
        if read == 0 && self.remaining > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.remaining -= read as u64;
        Ok(read)
    }
}

fn kind(flag: u8) -> EntryKind {
    match flag {
        b'0' | 0 => EntryKind::File,
        b'1' => EntryKind::Hardlink,
        b'2' => EntryKind::Symlink,
        b'3' => EntryKind::Other("a character device"),
        b'4' => EntryKind::Other("a block device"),
        b'5' => EntryKind::Directory,
        b'6' => EntryKind::Other("a fifo"),
        b'S' => EntryKind::Other("a sparse file"),
        _ => EntryKind::Other("of an unknown type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(change: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.set_path("name").unwrap();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(3);
        change(&mut header);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(b"abc");
        bytes.resize(512 * 4, 0);
        bytes
    }

    #[test]
    fn an_entry_and_its_data_are_read() {
        let bytes = archive(|_| {});
        let mut reader = TarReader::new(bytes.as_slice());
        let header = reader.next().unwrap().unwrap();
        assert_eq!(
            (header.path.as_slice(), header.size),
            (b"name".as_slice(), 3)
        );
        let mut data = String::new();
        reader.read_to_string(&mut data).unwrap();
        assert_eq!(data, "abc");
        assert_eq!(reader.next().unwrap(), None);
    }

    #[test]
    fn a_truncated_archive_is_told_from_a_finished_one() {
        let bytes = archive(|_| {});
        for length in [0, 100, 512, 514, 1023] {
            let mut reader = TarReader::new(bytes.get(..length).unwrap());
            let outcome = reader.next().and_then(|_| reader.next());
            assert!(matches!(outcome, Err(TarError::Truncated)), "{length}");
        }
    }

    #[test]
    fn a_wrong_sum_is_refused() {
        let mut bytes = archive(|_| {});
        bytes[0] = b'N';
        let error = TarReader::new(bytes.as_slice()).next().unwrap_err();
        assert!(error.to_string().contains("sum is wrong"), "{error}");
    }

    #[test]
    fn a_link_with_data_is_refused() {
        let bytes = archive(|header| header.set_entry_type(tar::EntryType::Symlink));
        let error = TarReader::new(bytes.as_slice()).next().unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
    }

    #[test]
    fn a_large_extension_header_is_refused() {
        let bytes = archive(|header| {
            header.set_entry_type(tar::EntryType::XHeader);
            header.set_size(1 << 20);
        });
        let error = TarReader::new(bytes.as_slice()).next().unwrap_err();
        assert!(error.to_string().contains("larger than 16 KiB"), "{error}");
    }

    #[test]
    fn a_size_near_the_end_of_all_numbers_is_no_panic() {
        let bytes = archive(|header| header.set_size(u64::MAX));
        let mut reader = TarReader::new(bytes.as_slice());
        assert!(reader.next().and_then(|_| reader.next()).is_err());
    }
}
