//! Writes a .deb: `debian-binary`, `control.tar`, `data.tar`, each a stream, all sorted, owned by root, of one time.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::ar::{HEADER, MAGIC, header};
use super::compression::{Compression, Encoder};
use super::documents::changelog;
use super::{PackageSpec, content_digest};
use crate::deb::control::ControlError;
use crate::deb::payload::{Entry, Payload, PayloadError};
use crate::deb::spool::Spool;
use crate::deb::tarball::{Attributes, TarWriter, stream_size};
use crate::model::{Sha256, Sha256Writer, Timestamp};

/// A package that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
    /// What it takes once installed, in KiB (Debian Policy 5.6.20).
    pub installed_size: u64,
    /// See [`content_digest`](super::content_digest()).
    pub content_digest: Sha256,
}

/// A package that was not written.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A field that no control paragraph may have.
    #[error("the control paragraph of the package cannot be written")]
    Control {
        /// Which field, and why.
        #[from]
        source: ControlError,
    },
    /// The payload holds something at a place that the farm fills.
    #[error("the farm's own files cannot be added to the package")]
    Payload {
        /// Which file, and why.
        #[from]
        source: PayloadError,
    },
    /// A conffile that is no regular file of the payload.
    #[error("`{path}` is to be a conffile and is no file of the package")]
    Conffile {
        /// The path.
        path: String,
    },
    /// The package or the spool could not be written or read.
    #[error("the package could not be written")]
    Io {
        /// The cause.
        #[from]
        source: io::Error,
    },
}

/// Writes the package of `spec` and `payload`, whose contents are in `spool`, to `out` from its start.
///
/// The farm's own documents (changelog, copyright) are added. Memory does not depend on the payload's bytes; the digest is
/// taken in a second pass over `out`, since the size of `data.tar` is known only at its end and stands before it.
///
/// # Errors
/// See [`AssembleError`]. `out` holds a part of a package then.
pub fn assemble<S, O>(
    spec: &PackageSpec,
    mut payload: Payload,
    spool: &mut Spool<S>,
    compression: Compression,
    out: &mut O,
) -> Result<Assembled, AssembleError>
where
    S: Read + Write + Seek,
    O: Read + Write + Seek,
{
    let content_digest = content_digest(spec, &payload)?;
    add_documents(spec, &mut payload, spool)?;
    let installed_size = installed_size(&payload);
    let control = control_files(spec, &payload, installed_size)?;

    out.seek(SeekFrom::Start(0))?;
    write_head(&control, spec.time, compression, out)?;
    let data = format!("data.tar.{}", compression.extension());
    member(out, &data, spec.time, |out| {
        let size = stream_size(data_entries(&payload));
        let encoder = compression.encoder(out, size)?;
        data_tar(spec, &payload, spool, encoder)
    })?;
    let (sha256, size) = digest(out)?;
    Ok(Assembled {
        sha256,
        size,
        installed_size,
        content_digest,
    })
}

/// Everything before `data.tar`.
pub(super) fn write_head<O: Write + Seek>(
    control: &[ControlFile<'_>],
    time: Timestamp,
    compression: Compression,
    out: &mut O,
) -> io::Result<()> {
    out.write_all(MAGIC)?;
    member(out, "debian-binary", time, |out| out.write_all(b"2.0\n"))?;
    let name = format!("control.tar.{}", compression.extension());
    member(out, &name, time, |out| {
        let size = stream_size(control_entries(control));
        let encoder = compression.encoder(out, size)?;
        control_tar(time, control, encoder)
    })
}

fn add_documents<S: Read + Write + Seek>(
    spec: &PackageSpec,
    payload: &mut Payload,
    spool: &mut Spool<S>,
) -> Result<(), AssembleError> {
    let folder = format!("usr/share/doc/{}", spec.package);
    let (name, bytes) = changelog(spec)?;
    payload.insert_file(&format!("{folder}/{name}"), 0o644, &bytes, spool)?;
    let copyright = spec.copyright.as_bytes();
    payload.insert_file(&format!("{folder}/copyright"), 0o644, copyright, spool)?;
    Ok(())
}

/// As dpkg-gencontrol counts: files in whole KiB, one for everything else.
fn installed_size(payload: &Payload) -> u64 {
    let sizes = payload.entries().values().map(|entry| match entry {
        Entry::File(file) => file.content.size.div_ceil(1024),
        _ => 1,
    });
    sizes.sum()
}

/// One member of the archive, whose size is filled in after it was written.
pub(super) fn member<O: Write + Seek>(
    out: &mut O,
    name: &str,
    time: Timestamp,
    write: impl FnOnce(&mut O) -> io::Result<()>,
) -> io::Result<()> {
    let start = out.stream_position()?;
    out.write_all(header(name, time, 0).as_bytes())?;
    write(out)?;
    let end = out.stream_position()?;
    let size = end - start - HEADER;
    if size % 2 == 1 {
        out.write_all(b"\n")?;
    }
    let next = out.stream_position()?;
    out.seek(SeekFrom::Start(start))?;
    out.write_all(header(name, time, size).as_bytes())?;
    out.seek(SeekFrom::Start(next)).map(drop)
}

/// A file of `control.tar`: its name, mode and text.
pub(super) type ControlFile<'a> = (&'a str, u32, Cow<'a, str>);

/// The files of `control.tar`, in their order.
fn control_files<'a>(
    spec: &'a PackageSpec,
    payload: &Payload,
    installed_size: u64,
) -> Result<Vec<ControlFile<'a>>, AssembleError> {
    for path in &spec.conffiles {
        let known = path.strip_prefix('/').and_then(|path| payload.file(path));
        known.ok_or_else(|| AssembleError::Conffile { path: path.clone() })?;
    }
    let control = spec
        .control(Some((&spec.version, installed_size)))?
        .to_string();
    let mut files = vec![
        ("control", 0o644, Cow::Owned(control)),
        ("md5sums", 0o644, Cow::Owned(md5sums(spec, payload))),
    ];
    if !spec.conffiles.is_empty() {
        files.push((
            "conffiles",
            0o644,
            Cow::Owned(spec.conffiles.join("\n") + "\n"),
        ));
    }
    files.extend(
        spec.scripts
            .iter()
            .map(|(name, text)| (name, 0o755, Cow::Borrowed(text))),
    );
    files.sort_unstable();
    Ok(files)
}

fn control_entries<'a>(
    files: &'a [ControlFile<'_>],
) -> impl Iterator<Item = (&'a str, Attributes<'a>)> {
    let root = ("", Attributes::Directory { mode: 0o755 });
    let attributes = |(name, mode, text): &'a ControlFile<'_>| {
        let size = text.len() as u64;
        (*name, Attributes::File { mode: *mode, size })
    };
    std::iter::once(root).chain(files.iter().map(attributes))
}

fn control_tar<W: Write>(
    time: Timestamp,
    files: &[ControlFile<'_>],
    encoder: Encoder<'_, W>,
) -> io::Result<()> {
    let mut tar = TarWriter::new(encoder, time);
    let texts = std::iter::once("").chain(files.iter().map(|(_, _, text)| &**text));
    for ((name, attributes), text) in control_entries(files).zip(texts) {
        tar.entry(name, attributes, &mut text.as_bytes())?;
    }
    tar.finish()?.finish().map(drop)
}

/// The sums of all files but the conffiles, which dpkg keeps itself (deb-md5sums(5)).
fn md5sums(spec: &PackageSpec, payload: &Payload) -> String {
    let conffiles = spec
        .conffiles
        .iter()
        .filter_map(|path| path.strip_prefix('/'));
    let conffiles: BTreeSet<&str> = conffiles.collect();
    // A list of a hundred thousand files is large enough not to let it grow by doubling.
    let line = |path: &str| path.len() + "d41d8cd98f00b204e9800998ecf8427e  \n".len();
    let mut text = String::with_capacity(payload.files().map(|(path, _)| line(path)).sum());
    for (path, file) in payload
        .files()
        .filter(|(path, _)| !conffiles.contains(path))
    {
        text.extend([&file.content.md5.to_string(), "  ", path, "\n"]);
    }
    text
}

/// The entries of `data.tar` in the order of dpkg-deb: folder by folder, each sorted, and links last, so that none comes
/// before its target.
fn data_entries(payload: &Payload) -> impl Iterator<Item = (&str, Attributes<'_>)> {
    let is_link = |entry: &Entry| matches!(entry, Entry::Symlink { .. });
    let mut entries: Vec<(&String, &Entry)> = payload.entries().iter().collect();
    entries.sort_unstable_by(|(a, one), (b, other)| {
        let links = is_link(one).cmp(&is_link(other));
        links.then_with(|| a.split('/').cmp(b.split('/')))
    });
    let root = ("", Attributes::Directory { mode: 0o755 });
    let rest = entries
        .into_iter()
        .map(|(path, entry)| (path.as_str(), attributes(entry)));
    std::iter::once(root).chain(rest)
}

fn attributes(entry: &Entry) -> Attributes<'_> {
    match entry {
        &Entry::Directory { mode } => Attributes::Directory { mode },
        Entry::File(file) => Attributes::File {
            mode: file.mode,
            size: file.content.size,
        },
        Entry::Symlink { target } => Attributes::Symlink { target },
    }
}

fn data_tar<S, W>(
    spec: &PackageSpec,
    payload: &Payload,
    spool: &mut Spool<S>,
    encoder: Encoder<'_, W>,
) -> io::Result<()>
where
    S: Read + Write + Seek,
    W: Write,
{
    let mut tar = TarWriter::new(encoder, spec.time);
    for (path, attributes) in data_entries(payload) {
        match payload.file(path) {
            Some(file) => tar.entry(path, attributes, &mut spool.open(&file.content)?)?,
            None => tar.entry(path, attributes, &mut io::empty())?,
        }
    }
    tar.finish()?.finish().map(drop)
}

pub(super) fn digest<O: Read + Seek>(out: &mut O) -> io::Result<(Sha256, u64)> {
    let end = out.stream_position()?;
    out.seek(SeekFrom::Start(0))?;
    let mut writer = Sha256Writer::new(io::sink());
    let mut buffered = io::BufReader::with_capacity(256 << 10, out.by_ref().take(end));
    io::copy(&mut buffered, &mut writer)?;
    let (_, sha256, size) = writer.finish();
    Ok((sha256, size))
}
