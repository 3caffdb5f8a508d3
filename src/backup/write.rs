//! Makes a backup.

use std::cmp::Reverse;
use std::io::{self, ErrorKind, Seek as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{BackupError, DATA, DIGESTS, FIRST, LAST, LEFT_OUT, STATE};
use crate::model::{Sha256, Sha256Writer, Timestamp};
use crate::store::Store;

/// How hard it is compressed: most of it is compressed already.
const LEVEL: i32 = 3;

/// What a backup has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Rows of the state.
    pub rows: u64,
    /// Files of the data folder.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A backup that is being made.
struct Backup<'a, W: Write> {
    tar: tar::Builder<W>,
    /// The data folder.
    data: &'a Path,
    now: Timestamp,
    /// A line for each member.
    digests: String,
    contents: Contents,
}

/// Writes the farm whose data folder is `data` to the file `to`, whole or not at all. The farm may go on meanwhile.
///
/// # Errors
///
/// [`BackupError::Io`], [`BackupError::Store`]; nothing is at `to` then that was not there before.
pub async fn backup(
    store: &Store,
    data: &Path,
    to: &Path,
    now: Timestamp,
) -> Result<Contents, BackupError> {
    let failed = || BackupError::io("write", to);
    let to = std::path::absolute(to).map_err(failed())?;
    let folder = to.parent().unwrap_or(Path::new("/"));
    // It is its owner's alone from the beginning.
    let file = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
    let mut state = tempfile::tempfile_in(folder).map_err(failed())?;
    let mut buffered = io::BufWriter::new(&state);
    let rows = store.dump(&mut buffered).await?;
    buffered.flush().map_err(failed())?;
    drop(buffered);

    let zstd = zstd::Encoder::new(file, LEVEL).map_err(failed())?;
    let mut backup = Backup {
        tar: tar::Builder::new(zstd),
        data,
        now,
        digests: String::new(),
        contents: Contents {
            rows,
            files: 0,
            bytes: 0,
        },
    };
    let size = state.seek(io::SeekFrom::End(0)).map_err(failed())?;
    state.rewind().map_err(failed())?;
    let added = backup.add(STATE, 0o600, now, size, &mut state);
    added.map_err(failed())?;
    for name in order(data)? {
        backup.tree(&data.join(name))?;
    }
    let digests = std::mem::take(&mut backup.digests);
    let added = backup.add(
        DIGESTS,
        0o600,
        now,
        digests.len() as u64,
        digests.as_bytes(),
    );
    added.map_err(failed())?;
    let contents = backup.contents;
    let file = backup
        .tar
        .into_inner()
        .and_then(zstd::Encoder::finish)
        .map_err(failed())?;
    file.as_file().sync_all().map_err(failed())?;
    file.persist(&to).map_err(|error| failed()(error.error))?;
    Ok(contents)
}

/// What of the data folder is kept, in the order in which it is.
fn order(data: &Path) -> Result<Vec<String>, BackupError> {
    let entries = fs::read_dir(data).map_err(BackupError::io("read", data))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(BackupError::io("read", data))?;
        // A name that is no text is none of the farm's; what begins with a dot is on its way to its place.
        if let Ok(name) = entry.file_name().into_string()
            && !LEFT_OUT.contains(&name.as_str())
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort_by_key(|name| (name == LAST, name != FIRST, name.clone()));
    Ok(names)
}

impl<W: Write> Backup<'_, W> {
    /// Adds what is at `path`, at any depth. What goes away meanwhile is left out.
    fn tree(&mut self, path: &Path) -> Result<(), BackupError> {
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            let about = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                about => about.map_err(BackupError::io("read", &path))?,
            };
            if about.is_file() {
                self.file(&path)?;
            } else if about.is_dir() {
                self.folder(&path, &about)?;
                open.extend(below(&path)?);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), BackupError> {
        let failed = || BackupError::io("read", path);
        let file = match fs::File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            file => file.map_err(failed())?,
        };
        let about = file.metadata().map_err(failed())?;
        // What grows meanwhile is kept as it was.
        let (size, modified) = (about.len(), Timestamp::from_seconds(about.mtime()));
        let added = self.add(&self.name(path), about.mode() & 0o777, modified, size, file);
        added.map_err(failed())?;
        self.contents.files += 1;
        self.contents.bytes += size;
        Ok(())
    }

    /// Adds a folder, for its rights.
    fn folder(&mut self, path: &Path, about: &std::fs::Metadata) -> Result<(), BackupError> {
        let mut header = header(about.mode() & 0o777, self.now, 0);
        header.set_entry_type(tar::EntryType::Directory);
        let name = format!("{}/", self.name(path));
        let added = self.tar.append_data(&mut header, name, io::empty());
        added.map_err(BackupError::io("read", path))
    }

    /// A member's name.
    fn name(&self, path: &Path) -> String {
        let path = path.strip_prefix(self.data).unwrap_or(path);
        format!("{DATA}/{}", path.display())
    }

    /// Adds a member, and notes its digest.
    fn add(
        &mut self,
        name: &str,
        mode: u32,
        modified: Timestamp,
        size: u64,
        from: impl io::Read,
    ) -> io::Result<()> {
        let mut header = header(mode, modified, size);
        let mut digested = Digested {
            from: from.take(size),
            writer: Sha256Writer::new(io::sink()),
        };
        self.tar.append_data(&mut header, name, &mut digested)?;
        let (_, sha256, found) = digested.writer.finish();
        if found != size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.digests.push_str(&line(sha256, name));
        Ok(())
    }
}

fn line(sha256: Sha256, name: &str) -> String {
    format!("{sha256}  {name}\n")
}

fn header(mode: u32, modified: Timestamp, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(modified.unsigned());
    header
}

/// What is in a folder, the first last: files before folders, by name. In the repository, the commit's root is read before what
/// it names.
fn below(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(BackupError::io("read", folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(BackupError::io("read", folder))?.path();
        let temporary = path.file_name().is_some_and(|name| name == ".tmp");
        if path.to_str().is_some() && !temporary {
            found.push(path);
        }
    }
    found.sort_by_key(|path| (path.is_file(), Reverse(path.clone())));
    Ok(found)
}

/// Reads, and digests what is read.
struct Digested<R> {
    from: R,
    writer: Sha256Writer<io::Sink>,
}

impl<R: io::Read> io::Read for &mut Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.writer
            .write_all(buffer.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}
