//! A nameless file where the content of a source's files waits, so that it costs disk and no memory.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use super::error::TreeError;

/// How much is copied at a time, in bytes.
pub(super) const CHUNK: usize = 256 << 10;

/// The file, and how much is in it.
#[derive(Debug)]
pub(super) struct Spool {
    file: Arc<File>,
    length: u64,
}

/// The bytes of one file, in a spool. It outlives the spool.
#[derive(Debug, Clone)]
pub(super) struct Content {
    file: Arc<File>,
    offset: u64,
    size: u64,
}

impl Spool {
    /// An empty spool on the file system of `folder`.
    pub(super) fn new(folder: &Path) -> Result<Self, TreeError> {
        let file =
            tempfile::tempfile_in(folder).map_err(TreeError::storage("make a temporary file"))?;
        Ok(Self {
            file: Arc::new(file),
            length: 0,
        })
    }

    /// Copies `size` bytes, or as many as there are.
    pub(super) fn append(
        &mut self,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<Content, TreeError> {
        let offset = self.length;
        let mut rest = content.take(size);
        let mut buffer = vec![0; CHUNK.min(usize::try_from(size).unwrap_or(CHUNK))];
        loop {
            let count = rest
                .read(&mut buffer)
                .map_err(TreeError::storage("read a file of the source"))?;
            let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            self.file
                .write_all_at(chunk, self.length)
                .map_err(TreeError::storage("write a temporary file"))?;
            self.length += chunk.len() as u64;
        }
        Ok(Content {
            file: Arc::clone(&self.file),
            offset,
            size: self.length - offset,
        })
    }
}

impl Content {
    /// How many bytes there are.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The bytes.
    pub(super) fn reader(&self) -> impl Read {
        ContentReader {
            file: Arc::clone(&self.file),
            offset: self.offset,
            rest: self.size,
        }
    }
}

struct ContentReader {
    file: Arc<File>,
    offset: u64,
    rest: u64,
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.rest).unwrap_or(usize::MAX);
        let length = buffer.len().min(room);
        let (buffer, _) = buffer.split_at_mut(length);
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        self.rest -= count as u64;
        Ok(count)
    }
}
