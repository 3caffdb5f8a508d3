//! The outer archive of a .deb: the common `ar` format, as deb(5) narrows it. Written by hand, read with suspicion.

use std::io::{self, Read};

use crate::model::{Timestamp, printable};

/// What every archive starts with.
pub(super) const MAGIC: &[u8; 8] = b"!<arch>\n";

/// The size of a member's header, in bytes.
pub(super) const HEADER: u64 = 60;

/// A member's header. Members start at even offsets.
pub(super) fn header(name: &str, time: Timestamp, size: u64) -> String {
    format!(
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
        time.unsigned(),
        0,
        0,
        "100644"
    )
}

/// An archive that is none, or not of the kind that packages are.
#[derive(Debug, thiserror::Error)]
pub enum ArError {
    /// The bytes did not come.
    #[error("the package could not be read")]
    Read {
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The bytes are no such archive.
    #[error("the package is no plain ar archive: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

/// A member: its name and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::deb) struct Member {
    pub(in crate::deb) name: String,
    pub(in crate::deb) size: u64,
}

/// Reads an archive member by member; reading gives the bytes of the member that [`ArReader::next`] described.
pub(in crate::deb) struct ArReader<R> {
    inner: R,
    remaining: u64,
    pad: u64,
    started: bool,
}

impl<R: Read> ArReader<R> {
    pub(in crate::deb) fn new(inner: R) -> Self {
        Self {
            inner,
            remaining: 0,
            pad: 0,
            started: false,
        }
    }

    /// The next member, or nothing at the end; skips what was left of the one before.
    pub(in crate::deb) fn next(&mut self) -> Result<Option<Member>, ArError> {
        if !self.started {
            let mut magic = [0; MAGIC.len()];
            self.exact(&mut magic)?;
            if magic != *MAGIC {
                return Err(malformed("it does not start with `!<arch>`"));
            }
            self.started = true;
        }
        self.skip_rest()?;
        let mut header = [0; HEADER as usize];
        let mut first = [0; 1];
        let read = self
            .inner
            .read(&mut first)
            .map_err(|source| ArError::Read { source })?;
        if read == 0 {
            return Ok(None);
        }
        header[0] = first[0];
        self.exact(header.split_at_mut(1).1)?;
        let member = parse(&header)?;
        self.remaining = member.size;
        self.pad = member.size % 2;
        Ok(Some(member))
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), ArError> {
        self.inner
            .read_exact(bytes)
            .map_err(|source| match source.kind() {
                io::ErrorKind::UnexpectedEof => malformed("it ends in the middle"),
                _ => ArError::Read { source },
            })
    }

    fn skip_rest(&mut self) -> Result<(), ArError> {
        let expected = self.remaining + self.pad;
        let mut rest = self.inner.by_ref().take(expected);
        let skipped =
            io::copy(&mut rest, &mut io::sink()).map_err(|source| ArError::Read { source })?;
        self.remaining = 0;
        self.pad = 0;
        if skipped == expected {
            Ok(())
        } else {
            Err(malformed("it ends in the middle"))
        }
    }
}

impl<R: Read> Read for ArReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.by_ref().take(self.remaining).read(buffer)?;
        if read == 0 && self.remaining > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.remaining -= read as u64;
        Ok(read)
    }
}

fn malformed(reason: &str) -> ArError {
    ArError::Malformed {
        reason: reason.to_owned(),
    }
}

/// Names are plain text without BSD's and System V's ways to write long ones; sizes are decimal digits.
fn parse(header: &[u8; HEADER as usize]) -> Result<Member, ArError> {
    let text = std::str::from_utf8(header).map_err(|_| malformed("a header is no text"))?;
    let field = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    if field(58, 60) != "`\n" {
        return Err(malformed("a header does not end as it should"));
    }
    let name = field(0, 16).trim_end_matches(' ');
    let name = name.strip_suffix('/').unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(malformed(&format!(
            "a member is called `{}`",
            printable(name, 20)
        )));
    }
    let digits = field(48, 58).trim_end_matches(' ');
    let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse() {
        Ok(size) if decimal => Ok(Member {
            name: name.to_owned(),
            size,
        }),
        _ => Err(malformed("a member's size is no number")),
    }
}
