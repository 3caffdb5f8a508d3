//! Where the contents of a payload's files wait: one append-only file of ours, never a tree of a stranger's names.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use md5::Digest as _;

use crate::model::{Sha256, Sha256Writer};

/// How many bytes of a file's beginning are kept to tell what it is: as far as the machine of an ELF header.
const HEAD: usize = 20;

/// The buffer between the spool and whoever reads it, in bytes.
const BUFFER: usize = 256 << 10;

/// The MD5 of some bytes. dpkg's `md5sums` and conffile records want it (deb-md5sums(5)); it protects nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Md5([u8; 16]);

impl std::fmt::Display for Md5 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Md5 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Md5({self})")
    }
}

/// Bytes in a spool: where they are, and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    offset: u64,
    /// The number of bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: Sha256,
    /// Their MD5.
    pub md5: Md5,
    /// The first of them; zeros after the end.
    pub head: [u8; HEAD],
}

/// Appending to a spool failed: at the source of the bytes, or at the spool.
#[derive(Debug)]
pub(super) enum AppendError {
    Source(io::Error),
    Spool(io::Error),
    /// The source had another number of bytes than it said.
    Length,
}

/// An append-only store of file contents in `S`, usually a temporary file.
#[derive(Debug)]
pub struct Spool<S> {
    inner: S,
    end: u64,
}

impl<S: Read + Write + Seek> Spool<S> {
    /// Uses `inner` from its beginning.
    pub fn new(inner: S) -> Self {
        Self { inner, end: 0 }
    }

    /// The number of bytes in the spool.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.end
    }

    /// Appends the `size` bytes that `source` gives, and digests them on the way.
    pub(super) fn append(
        &mut self,
        source: &mut dyn Read,
        size: u64,
    ) -> Result<Content, AppendError> {
        let offset = self.end;
        self.inner
            .seek(SeekFrom::Start(offset))
            .map_err(AppendError::Spool)?;
        let mut writer = Sha256Writer::new(&mut self.inner);
        let mut md5 = md5::Md5::new();
        let mut head = [0; HEAD];
        let mut buffer = vec![0; BUFFER.min(usize::try_from(size).unwrap_or(BUFFER)).max(1)];
        let mut rest = source.take(size);
        let mut done = 0;
        loop {
            let read = match rest.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(AppendError::Source(error)),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            writer.write_all(bytes).map_err(AppendError::Spool)?;
            md5.update(bytes);
            for (to, from) in head.iter_mut().skip(done).zip(bytes) {
                *to = *from;
            }
            done += read;
        }
        let (_, sha256, written) = writer.finish();
        self.end += written;
        if written != size {
            return Err(AppendError::Length);
        }
        Ok(Content {
            offset,
            size,
            sha256,
            md5: Md5(md5.finalize().into()),
            head,
        })
    }

    /// A reader of `content`'s bytes.
    pub(super) fn open<'a>(&'a mut self, content: &Content) -> io::Result<impl Read + use<'a, S>> {
        self.inner.seek(SeekFrom::Start(content.offset))?;
        let capacity = BUFFER.min(usize::try_from(content.size).unwrap_or(BUFFER));
        Ok(BufReader::with_capacity(
            capacity,
            (&mut self.inner).take(content.size),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn contents_come_back_with_their_digests() {
        let mut spool = Spool::new(Cursor::new(Vec::new()));
        let first = spool.append(&mut b"abc".as_slice(), 3).unwrap();
        let second = spool.append(&mut b"".as_slice(), 0).unwrap();
        let third = spool.append(&mut b"defg".as_slice(), 4).unwrap();
        assert_eq!(first.md5.to_string(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(first.sha256, Sha256::of(b"abc"));
        for (content, expected) in [(third, "defg"), (first, "abc"), (second, "")] {
            let mut text = String::new();
            spool
                .open(&content)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_source_that_ends_early_is_an_error() {
        let mut spool = Spool::new(Cursor::new(Vec::new()));
        let outcome = spool.append(&mut b"abc".as_slice(), 4);
        assert!(matches!(outcome, Err(AppendError::Length)));
    }
}
