//! What this process wrote: a file that was hashed on its way, and that nobody touched since, need not be read again before it
//! gets one more name. An index of a large repository gets four.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Expected;

/// How many files are remembered: those of some publications. Who is forgotten is read.
const MOST: usize = 1_024;

/// The files that this process wrote, by what stays the same when they are renamed and linked.
#[derive(Debug, Default)]
pub(super) struct Written(Mutex<HashMap<Inode, Noted>>);

/// A device and an inode of it.
type Inode = (u64, u64);

#[derive(Debug, PartialEq, Eq)]
struct Noted {
    expected: Expected,
    /// When it was changed last, in seconds and nanoseconds.
    modified: (i64, i64),
}

impl Written {
    /// Notes that this is what the file holds.
    pub(super) fn note(&self, about: &Metadata, expected: Expected) {
        let mut noted = self.noted();
        if noted.len() >= MOST {
            noted.clear();
        }
        noted.insert(inode(about), now(about, expected));
    }

    /// Whether this is known to be what the file holds.
    pub(super) fn is(&self, about: &Metadata, expected: Expected) -> bool {
        let same = about.len() == expected.size;
        same && self.noted().get(&inode(about)) == Some(&now(about, expected))
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<Inode, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn inode(about: &Metadata) -> Inode {
    (about.dev(), about.ino())
}

fn now(about: &Metadata, expected: Expected) -> Noted {
    Noted {
        expected,
        modified: (about.mtime(), about.mtime_nsec()),
    }
}
