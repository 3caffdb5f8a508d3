//! The tar format as far as packages need it (POSIX ustar and pax, GNU long names): a strict reader and a small writer.
//!
//! The reader is the only tar parser of the farm that meets a stranger's bytes. It yields headers and a bounded stream of
//! data; it never touches a file system, and it refuses every extension that could change what an entry is.

mod extension;
mod reader;
mod writer;

pub(crate) use reader::{EntryKind, Header, TarError, TarReader};
pub(crate) use writer::{Attributes, TarWriter, stream_size};

/// The unit of the tar format, in bytes.
const BLOCK: u64 = 512;

/// The bytes that pad `size` to whole blocks.
fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}
