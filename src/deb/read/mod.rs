//! Looks into a .deb that exists: its control paragraph, its control files, and what it installs. The bytes may be
//! anybody's: every stream is bounded before and after decompression, and odd archives are refused.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use super::control::{ControlError, Paragraph};
use super::package::{ArError, ArReader};
use super::tarball::{EntryKind, Header, TarReader};
use crate::model::{Sha256, Sha256Writer, printable};

/// How much of a package is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLimits {
    /// `control.tar`, decompressed, in bytes.
    pub control_bytes: u64,
    /// `data.tar`, decompressed, in bytes.
    pub data_bytes: u64,
    /// Entries of `data.tar`.
    pub entries: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            control_bytes: 32 << 20,
            data_bytes: 4 << 30,
            entries: 200_000,
        }
    }
}

/// The memory that a decompressor may take, in bytes; zstd's largest window that is not asked for expressly fits.
const DECODER_MEMORY: u64 = 192 << 20;

/// The binary logarithm of zstd's largest window: 128 MiB.
const ZSTD_WINDOW: u32 = 27;

/// A package that cannot be read, or should not be believed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The outer archive.
    #[error(transparent)]
    Archive {
        /// What is wrong.
        #[from]
        source: ArError,
    },
    /// What is inside a member.
    #[error("{member} of the package cannot be read: {reason}")]
    Member {
        /// The member's name.
        member: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The parts are not those of a package, or not in their order.
    #[error("the package does not have the parts that deb(5) asks for: {reason}")]
    Parts {
        /// What is wrong.
        reason: String,
    },
    /// The control paragraph.
    #[error("the package's control paragraph cannot be read")]
    Control {
        /// What is wrong.
        #[from]
        source: ControlError,
    },
}

/// What a package says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The control paragraph, unknown fields included.
    pub control: Paragraph,
    /// The files of `control.tar`, by name, `control` included.
    pub control_files: BTreeMap<String, Vec<u8>>,
}

/// What an entry of a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstalledKind {
    /// A regular file, with the digest of its bytes.
    File(Sha256),
    /// A directory.
    Directory,
    /// A symbolic link, with its target.
    Symlink(String),
    /// Another name of the entry at this path.
    Hardlink(String),
}

/// An entry of a package, as dpkg would install it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The path, without `./` before and `/` after it; empty for the root.
    pub path: String,
    /// What it is.
    pub kind: InstalledKind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Seconds since the epoch.
    pub mtime: u64,
    /// Bytes.
    pub size: u64,
}

/// Reads what a package says about itself; `data.tar` is not decompressed.
///
/// # Errors
/// See [`ReadError`].
pub fn read_summary(reader: impl Read, limits: &ReadLimits) -> Result<Summary, ReadError> {
    walk(reader, limits, |_, _| Ok(()))
}

/// Reads what a package says about itself and everything that it installs, in the package's order.
///
/// # Errors
/// See [`ReadError`].
pub fn read_files(
    reader: impl Read,
    limits: &ReadLimits,
) -> Result<(Summary, Vec<Installed>), ReadError> {
    let mut files = Vec::new();
    let summary = walk(reader, limits, |name, data| {
        let mut tar = open(name, data, limits.data_bytes)?;
        while let Some(header) = tar.next().map_err(|error| unreadable(name, &error))? {
            if files.len() == limits.entries {
                return Err(ReadError::Member {
                    member: name.to_owned(),
                    reason: format!("it has more than {} entries", limits.entries),
                });
            }
            files.push(installed(name, header, &mut tar)?);
        }
        Ok(())
    })?;
    Ok((summary, files))
}

/// Reads the members in their order and hands `data.tar` to `data`.
fn walk<R: Read>(
    reader: R,
    limits: &ReadLimits,
    mut data: impl FnMut(&str, &mut dyn Read) -> Result<(), ReadError>,
) -> Result<Summary, ReadError> {
    let mut archive = ArReader::new(BufReader::new(reader));
    expect_version(&mut archive)?;
    let control = expect_member(&mut archive, "control.tar")?;
    let control_files = control_files(&control, &mut archive, limits)?;
    let content = expect_member(&mut archive, "data.tar")?;
    data(&content, &mut archive)?;
    while let Some(member) = archive.next()? {
        if !member.name.starts_with('_') {
            return Err(parts(format!("`{}` comes after data.tar", member.name)));
        }
    }
    let text = control_files
        .get("control")
        .ok_or_else(|| parts("control.tar has no `control`".to_owned()))?;
    let text = std::str::from_utf8(text)
        .map_err(|_| parts("the control paragraph is not UTF-8".to_owned()))?;
    Ok(Summary {
        control: Paragraph::parse(text)?,
        control_files,
    })
}

fn parts(reason: String) -> ReadError {
    ReadError::Parts { reason }
}

pub(in crate::deb) fn expect_version<R: Read>(archive: &mut ArReader<R>) -> Result<(), ReadError> {
    let member = archive.next()?;
    if member.is_none_or(|member| member.name != "debian-binary" || member.size > 64) {
        return Err(parts("`debian-binary` does not come first".to_owned()));
    }
    let mut text = String::new();
    archive
        .read_to_string(&mut text)
        .map_err(|error| unreadable("debian-binary", &error))?;
    if text.starts_with("2.") && text.lines().next().is_some_and(|line| line.len() < 8) {
        Ok(())
    } else {
        Err(parts("its format is not 2.x".to_owned()))
    }
}

/// The next member whose name does not start with `_`, which must be `part` with a compressor's ending.
pub(in crate::deb) fn expect_member<R: Read>(
    archive: &mut ArReader<R>,
    part: &str,
) -> Result<String, ReadError> {
    loop {
        let Some(member) = archive.next()? else {
            return Err(parts(format!("{part} is missing")));
        };
        if member.name.starts_with('_') {
            continue;
        }
        if member
            .name
            .strip_prefix(part)
            .is_some_and(|end| end.is_empty() || end.starts_with('.'))
        {
            return Ok(member.name);
        }
        return Err(parts(format!(
            "`{}` stands where {part} should",
            member.name
        )));
    }
}

/// Limits what comes out of a decompressor; reaching the limit is an error, not an end.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)? as u64;
        self.left = self
            .left
            .checked_sub(read)
            .ok_or_else(|| io::Error::other("it is larger than allowed"))?;
        Ok(usize::try_from(read).unwrap_or(0))
    }
}

/// Opens the tar in the member `name` by the compressor that its ending names.
fn open<'a>(
    name: &str,
    data: &'a mut dyn Read,
    allowed: u64,
) -> Result<TarReader<Capped<Box<dyn Read + 'a>>>, ReadError> {
    let ending = name.split_once(".tar").map_or("", |(_, ending)| ending);
    let plain: Box<dyn Read + 'a> = match ending {
        "" => Box::new(data),
        ".gz" => Box::new(flate2::read::MultiGzDecoder::new(data)),
        ".xz" => {
            let flags = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(DECODER_MEMORY, flags)
                .map_err(|error| unreadable(name, &error))?;
            Box::new(liblzma::read::XzDecoder::new_stream(data, stream))
        }
        ".zst" => {
            let mut decoder = zstd::Decoder::new(data).map_err(|error| unreadable(name, &error))?;
            decoder
                .window_log_max(ZSTD_WINDOW)
                .map_err(|error| unreadable(name, &error))?;
            Box::new(decoder)
        }
        _ => return Err(parts(format!("`{name}` has an unknown compressor"))),
    };
    Ok(TarReader::new(Capped {
        inner: plain,
        left: allowed,
    }))
}

/// The words of an error and of its causes.
fn unreadable(member: &str, error: &dyn std::error::Error) -> ReadError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    ReadError::Member {
        member: member.to_owned(),
        reason,
    }
}

pub(in crate::deb) fn control_files(
    name: &str,
    data: &mut dyn Read,
    limits: &ReadLimits,
) -> Result<BTreeMap<String, Vec<u8>>, ReadError> {
    let mut files = BTreeMap::new();
    let mut tar = open(name, data, limits.control_bytes)?;
    let refused = |reason: String| ReadError::Member {
        member: name.to_owned(),
        reason,
    };
    while let Some(header) = tar.next().map_err(|error| unreadable(name, &error))? {
        let path = plain_path(&header.path);
        match header.kind {
            EntryKind::Directory if path.is_empty() => continue,
            EntryKind::File if !path.is_empty() && !path.contains('/') => {}
            _ => {
                return Err(refused(format!(
                    "`{}` is no plain file",
                    printable(&path, 80)
                )));
            }
        }
        let mut bytes = Vec::new();
        tar.read_to_end(&mut bytes)
            .map_err(|error| unreadable(name, &error))?;
        if files.insert(path.clone(), bytes).is_some() {
            return Err(refused(format!("`{}` comes twice", printable(&path, 80))));
        }
    }
    Ok(files)
}

fn plain_path(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix("./").unwrap_or(&text);
    text.strip_suffix('/').unwrap_or(text).to_owned()
}

fn installed(
    member: &str,
    header: Header,
    data: &mut TarReader<impl Read>,
) -> Result<Installed, ReadError> {
    let link = String::from_utf8_lossy(&header.link).into_owned();
    let kind = match header.kind {
        EntryKind::File => {
            let mut writer = Sha256Writer::new(io::sink());
            io::copy(data, &mut writer).map_err(|error| unreadable(member, &error))?;
            InstalledKind::File(writer.finish().1)
        }
        EntryKind::Directory => InstalledKind::Directory,
        EntryKind::Symlink => InstalledKind::Symlink(link),
        EntryKind::Hardlink => InstalledKind::Hardlink(plain_path(&header.link)),
        EntryKind::Other(what) => {
            let path = printable(&plain_path(&header.path), 200);
            return Err(ReadError::Member {
                member: member.to_owned(),
                reason: format!("`{path}` is {what}"),
            });
        }
    };
    Ok(Installed {
        path: plain_path(&header.path),
        kind,
        mode: header.mode,
        uid: header.uid,
        gid: header.gid,
        mtime: header.mtime,
        size: header.size,
    })
}

#[cfg(test)]
mod tests;
