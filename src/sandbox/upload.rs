//! What goes into a container before it starts: trees and files, in one uncompressed tar that the farm writes itself.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

use super::SandboxError;

/// How much is handed to the engine at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// One thing that goes into a container, below `/work`.
pub(super) enum Item {
    /// A tar, unpacked there. Its owners are replaced.
    Tree {
        to: String,
        tar: Box<dyn Read + Send>,
    },
    /// A file.
    File {
        to: String,
        mode: u32,
        content: Vec<u8>,
    },
}

/// The user and the group that everything belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ownership {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// Writes the tar of all `items` into `out`, with `/work` and the home folder first.
pub(super) fn write(items: Vec<Item>, owner: Ownership, out: impl Write) -> io::Result<()> {
    let mut tar = Builder::new(out);
    for folder in ["work", "work/home", "work/out"] {
        folder_entry(&mut tar, owner, folder, 0o755)?;
    }
    for item in items {
        match item {
            Item::File { to, mode, content } => {
                let mut header = header(owner, EntryType::Regular, mode);
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, to.trim_start_matches('/'), content.as_slice())?;
            }
            Item::Tree { to, tar: tree } => {
                let to = to.trim_start_matches('/').to_owned();
                folder_entry(&mut tar, owner, &to, 0o755)?;
                copy_tree(&mut tar, owner, Path::new(&to), tree)?;
            }
        }
    }
    tar.into_inner()?.flush()
}

fn folder_entry(
    tar: &mut Builder<impl Write>,
    owner: Ownership,
    path: &str,
    mode: u32,
) -> io::Result<()> {
    let mut header = header(owner, EntryType::Directory, mode);
    tar.append_data(&mut header, path, io::empty())
}

fn header(owner: Ownership, kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(u64::from(owner.user));
    header.set_gid(u64::from(owner.group));
    header.set_mtime(0);
    header.set_size(0);
    header
}

fn copy_tree(
    out: &mut Builder<impl Write>,
    owner: Ownership,
    below: &Path,
    tree: impl Read,
) -> io::Result<()> {
    // The engine would follow a link that the tar brought itself, as root, to anywhere in the container.
    let mut taken: HashSet<PathBuf> = HashSet::new();
    let mut archive = tar::Archive::new(tree);
    for entry in archive.entries()? {
        let entry = entry?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let inside = inside(&entry.path()?)?;
        if inside.as_os_str().is_empty() {
            // The folder itself, which is there already.
            continue;
        }
        if inside.ancestors().any(|part| taken.contains(part)) {
            return Err(refusal(
                &inside,
                "has the name of another entry, or is below one that is no folder",
            ));
        }
        if kind != EntryType::Directory {
            taken.insert(inside.clone());
        }
        let path = below.join(inside);
        let mut header = header(owner, kind, entry.header().mode()? & 0o777);
        header.set_mtime(entry.header().mtime()?);
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(entry.size());
                out.append_data(&mut header, path, entry)?;
            }
            EntryType::Directory => out.append_data(&mut header, path, io::empty())?,
            EntryType::Symlink => match entry.link_name()? {
                Some(target) => out.append_link(&mut header, path, target)?,
                None => return Err(refusal(&path, "is a symbolic link to nothing")),
            },
            _ => return Err(refusal(&path, "is no file, folder or symbolic link")),
        }
    }
    Ok(())
}

/// The path, if it stays where it is unpacked.
fn inside(path: &Path) -> io::Result<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(refusal(path, "leaves the folder that it is unpacked in")),
        })
        .collect()
}

fn refusal(path: &Path, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("`{}` {what}", path.display()),
    )
}

/// A body for the engine's API that a blocking task writes while it is sent.
pub(super) struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Pipe {
    pub(super) fn new() -> (Self, mpsc::Receiver<io::Result<Bytes>>) {
        let (sender, receiver) = mpsc::channel(4);
        let buffer = Vec::with_capacity(CHUNK);
        (Self { sender, buffer }, receiver)
    }

    /// Tells the engine that the body is broken, so that it does not take it for complete.
    pub(super) fn fail(self) {
        let broken = io::Error::other("the archive could not be written");
        if self.sender.blocking_send(Err(broken)).is_err() {
            tracing::debug!("the engine has stopped listening already");
        }
    }
}

impl Write for &mut Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender
            .blocking_send(Ok(full.into()))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// The body's chunks as the stream that the engine's client sends.
pub(super) fn stream(
    receiver: mpsc::Receiver<io::Result<Bytes>>,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    futures_util::stream::unfold(receiver, |mut receiver| async {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    })
}

/// Names a tar that was refused, as against a farm's disk that fails.
pub(super) fn explain(error: io::Error) -> SandboxError {
    if error.raw_os_error().is_none() {
        SandboxError::Upload {
            reason: error.to_string(),
        }
    } else {
        SandboxError::Storage {
            action: "the source cannot be read",
            source: error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Ownership = Ownership {
        user: 59_001,
        group: 59_000,
    };

    fn tree(entries: &[(&str, EntryType, &str)]) -> Box<dyn Read + Send> {
        let mut tar = Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o4755);
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            if *kind == EntryType::Symlink || *kind == EntryType::Link {
                header.set_link_name(content).unwrap();
                header.set_size(0);
                header.set_cksum();
                tar.append(&header, io::empty()).unwrap();
            } else {
                let content = if kind.is_file() { content } else { "" };
                header.set_size(content.len() as u64);
                header.set_cksum();
                tar.append(&header, content.as_bytes()).unwrap();
            }
        }
        Box::new(io::Cursor::new(tar.into_inner().unwrap()))
    }

    fn written(entries: &[(&str, EntryType, &str)]) -> io::Result<Vec<String>> {
        let mut out = Vec::new();
        let item = Item::Tree {
            to: "/work/src".to_owned(),
            tar: tree(entries),
        };
        write(vec![item], OWNER, &mut out)?;
        let mut archive = tar::Archive::new(out.as_slice());
        let entries = archive.entries()?.map(|entry| {
            let entry = entry?;
            let header = entry.header();
            assert_eq!((header.uid()?, header.gid()?), (59_001, 59_000));
            Ok(format!("{:o} {}", header.mode()?, entry.path()?.display()))
        });
        entries.collect()
    }

    #[test]
    fn everything_belongs_to_the_build_and_nothing_is_setuid() {
        let entries = [
            ("./", EntryType::Directory, ""),
            ("./wazo/rules", EntryType::Regular, "#!/bin/sh\n"),
            ("link", EntryType::Symlink, "wazo"),
        ];
        assert_eq!(
            written(&entries).unwrap(),
            [
                "755 work",
                "755 work/home",
                "755 work/out",
                "755 work/src",
                "755 work/src/wazo/rules",
                "755 work/src/link"
            ]
        );
    }

    #[test]
    fn a_tree_that_leaves_its_folder_is_refused() {
        for path in ["../etc/passwd", "/etc/passwd", "a/../../b"] {
            let error = written(&[(path, EntryType::Regular, "x")]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{path}: {error}");
        }
    }

    #[test]
    fn a_tree_that_writes_through_its_own_link_is_refused() {
        let link = ("d", EntryType::Symlink, "/etc");
        for second in [
            ("d/passwd", EntryType::Regular, "x"),
            ("d", EntryType::Regular, "x"),
            ("d", EntryType::Directory, ""),
        ] {
            assert!(written(&[link, second]).is_err(), "{second:?}");
        }
        assert!(
            written(&[
                ("d", EntryType::Directory, ""),
                ("d", EntryType::Directory, "")
            ])
            .is_ok()
        );
    }

    #[test]
    fn devices_pipes_and_hard_links_are_refused() {
        for kind in [
            EntryType::Fifo,
            EntryType::Char,
            EntryType::Block,
            EntryType::Link,
        ] {
            let error = written(&[("x", kind, "y")]).unwrap_err();
            assert!(matches!(explain(error), SandboxError::Upload { .. }));
        }
    }
}
