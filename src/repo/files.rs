//! The files of one index: read from where they are published, changed, and given out by their names.

use bytes::Bytes;

use super::index::{Change, Edited, IndexState, Present};
use super::storage::{Expected, Storage};
use super::table::Tail;
use super::{RepoError, layout};
use crate::model::Architecture;

/// The most bytes that an index may have.
const MAX_INDEX: u64 = 4 << 30;

/// The compressed files of one index.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) architecture: Architecture,
    pub(super) edited: Edited,
    pub(super) gz: Bytes,
    pub(super) xz: Bytes,
}

impl Files {
    /// The files of an index that was changed from what `gz` and `xz` hold.
    pub(super) fn new(
        architecture: Architecture,
        edited: Edited,
        gz: &[u8],
        xz: &[u8],
    ) -> Result<Self, RepoError> {
        Ok(Self {
            architecture,
            gz: edited.gz.whole(gz)?.into(),
            xz: edited.xz.whole(xz)?.into(),
            edited,
        })
    }

    pub(super) fn present(&self) -> Present<'_> {
        Present {
            gz: &self.gz,
            xz: &self.xz,
        }
    }

    /// What the signer has not read yet.
    pub(super) fn tail(&self) -> Tail {
        Tail {
            path: layout::packages(self.architecture),
            from: self.edited.plain.kept,
            text: self.edited.plain.rest.clone().into(),
            keep: self.edited.state.sealed_plain(),
        }
    }

    /// Each file's path, what it is, and its bytes; the plain one without them where it is not stored.
    pub(super) fn named(&self) -> Result<Vec<(String, Expected, Bytes)>, RepoError> {
        let path = layout::packages(self.architecture);
        let digests = self.edited.state.files();
        let plain = if layout::is_stored(&path, digests.plain.size) {
            self.edited.state.text(self.present())?.into()
        } else {
            Bytes::new()
        };
        Ok(vec![
            (path.clone(), digests.plain, plain),
            (format!("{path}.gz"), digests.gz, self.gz.clone()),
            (format!("{path}.xz"), digests.xz, self.xz.clone()),
        ])
    }
}

/// The files of an index after `changes`. The present ones are at their places by content in the suite's folder.
pub(super) fn edit(
    storage: &dyn Storage,
    folder: &str,
    architecture: Architecture,
    state: &IndexState,
    changes: &[Change],
) -> Result<Files, RepoError> {
    let empty = IndexState::empty()?;
    let (gz, xz) = if *state == empty.state {
        (empty.gz.rest.into(), empty.xz.rest.into())
    } else {
        let path = layout::packages(architecture);
        let files = state.files();
        (
            read(storage, folder, &format!("{path}.gz"), files.gz)?,
            read(storage, folder, &format!("{path}.xz"), files.xz)?,
        )
    };
    let edited = state.edit(changes, Present { gz: &gz, xz: &xz })?;
    Files::new(architecture, edited, &gz, &xz)
}

/// The bytes of an index that is published: they must be what they were.
pub(super) fn read(
    storage: &dyn Storage,
    folder: &str,
    path: &str,
    expected: Expected,
) -> Result<Bytes, RepoError> {
    let key = format!("{folder}/{}", layout::by_hash(path, expected.sha256));
    let found = storage.get(&key, MAX_INDEX)?;
    found
        .filter(|bytes| Expected::of(bytes) == expected)
        .ok_or_else(|| RepoError::Damaged {
            place: storage.place(&key),
        })
}
