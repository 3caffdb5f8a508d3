//! Gives a .deb another version, and leaves its payload what it is: `data.tar` is copied, byte for byte.

use std::borrow::Cow;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use super::ar::ArReader;
use super::assemble::{ControlFile, digest, member, write_head};
use super::compression::Compression;
use super::{ArError, Method};
use crate::deb::control::{ControlError, Paragraph};
use crate::deb::read::{ReadError, ReadLimits, control_files, expect_member, expect_version};
use crate::model::{DebianVersion, Sha256, Sha256Writer, Timestamp};

/// A package that was written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repacked {
    /// What it says about itself now.
    pub control: Paragraph,
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
    /// The digest of the member `data.tar`, which is the old one's.
    pub data: Sha256,
}

/// A package that was not written again.
#[derive(Debug, thiserror::Error)]
pub enum RepackError {
    /// The old one cannot be read.
    #[error(transparent)]
    Read {
        /// Why.
        #[from]
        source: ReadError,
    },
    /// A control field cannot be written.
    #[error("the control paragraph of the package cannot be written")]
    Control {
        /// Which, and why.
        #[from]
        source: ControlError,
    },
    /// The new one cannot be written.
    #[error("the package could not be written")]
    Io {
        /// The cause.
        #[from]
        source: io::Error,
    },
}

impl From<ArError> for RepackError {
    fn from(source: ArError) -> Self {
        ReadError::from(source).into()
    }
}

/// Writes the package in `deb` to `out` again, as `version`, with `time` in its new parts. The same package and version give
/// the same bytes.
///
/// # Errors
///
/// See [`RepackError`]. `out` holds a part of a package then.
pub fn repack<O: Read + Write + Seek>(
    deb: impl Read,
    version: &DebianVersion,
    time: Timestamp,
    out: &mut O,
) -> Result<Repacked, RepackError> {
    let mut archive = ArReader::new(BufReader::new(deb));
    expect_version(&mut archive)?;
    let name = expect_member(&mut archive, "control.tar")?;
    let files = control_files(&name, &mut archive, &ReadLimits::default())?;
    let mut texts = Vec::new();
    for (name, bytes) in &files {
        let text = std::str::from_utf8(bytes).map_err(|_| ReadError::Parts {
            reason: format!("`{name}` is not UTF-8"),
        })?;
        texts.push((name.as_str(), text));
    }
    let old = texts.iter().find(|(name, _)| *name == "control");
    let (_, old) = old.ok_or_else(|| ReadError::Parts {
        reason: "control.tar has no `control`".to_owned(),
    })?;
    let control = reversioned(&Paragraph::parse(old)?, version)?;
    let written = texts.into_iter().map(|(name, text)| -> ControlFile<'_> {
        match name {
            "control" => (name, 0o644, Cow::Owned(control.to_string())),
            "md5sums" | "conffiles" => (name, 0o644, Cow::Borrowed(text)),
            _ => (name, 0o755, Cow::Borrowed(text)),
        }
    });
    let compression = Compression {
        method: Method::Xz,
        level: 6,
        threads: std::num::NonZeroU32::MIN,
    };
    out.seek(SeekFrom::Start(0))?;
    write_head(&written.collect::<Vec<_>>(), time, compression, out)?;
    let name = expect_member(&mut archive, "data.tar")?;
    let mut data = Sha256::of(b"");
    member(out, &name, time, |out| {
        let mut writer = Sha256Writer::new(out);
        io::copy(&mut archive, &mut writer)?;
        data = writer.finish().1;
        Ok(())
    })?;
    while let Some(member) = archive.next()? {
        if !member.name.starts_with('_') {
            let reason = format!("`{}` comes after data.tar", member.name);
            return Err(ReadError::Parts { reason }.into());
        }
    }
    let (sha256, size) = digest(out)?;
    Ok(Repacked {
        control,
        sha256,
        size,
        data,
    })
}

fn reversioned(old: &Paragraph, version: &DebianVersion) -> Result<Paragraph, ControlError> {
    let mut control = Paragraph::default();
    for (name, value) in old.fields() {
        let is_version = name.eq_ignore_ascii_case("Version");
        control.push(name, if is_version { version.as_str() } else { value })?;
    }
    Ok(control)
}
