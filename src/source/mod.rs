//! From a place that somebody names to a pinned source: one plain tar with a known digest, and the commit that it is.
//!
//! - [`Location`] says where: a folder of this machine, or a git repository's URL;
//! - [`from_folder`] takes a folder as it is, with no container;
//! - [`Fetcher`] fetches a repository in a container of its own (`images/fetcher/fetch`), whose network knows only the
//!   addresses that were checked here;
//! - [`Store`] keeps the tars by their digest, and knows which commit each is.
//!
//! Nothing of a plugin runs here, nothing is shared between two repositories but the store, and what a remote, a
//! repository or the container says is checked before it is used. How a source is built is not known here.

mod container;
mod credential;
mod elsewhere;
mod error;
mod failures;
mod fetch;
mod fetched;
mod folder;
mod head;
mod location;
mod modules;
mod names;
mod objects;
mod refs;
mod resolve;
mod spool;
mod store;
mod tree;
mod url_parts;

use std::path::PathBuf;

use crate::model::{CommitId, Sha256, Timestamp};

pub use credential::{Access, Credential, CredentialError};
pub use elsewhere::same_repository;
pub use fetch::{Fetcher, Request};
pub use folder::from_folder;
pub use location::{Asker, Location, LocationError, RepositoryUrl, Scheme};
pub use names::{RequestedRef, Subdirectory};
pub use refs::RemoteRef;
pub use store::Store;

/// A source: a plain, uncompressed tar of the plugin's own folder, and where it came from.
///
/// The tar is sorted by path, belongs to root, has the modes 0644, 0755 and 0777 alone, and is as old as the commit; the
/// same files give the same bytes. It holds no `.git` and no link that leads out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The tar, in the store.
    pub tar: PathBuf,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
    /// The commit; of a folder, the one that it is at, if it is a repository's.
    pub commit: Option<CommitId>,
    /// The commit's time; of a folder outside of any repository, the newest file's.
    pub commit_time: Timestamp,
    /// The repository's URL without credentials, or `file:` and the name of a folder.
    pub url_display: String,
    /// The ref that was asked for; none means the default branch.
    pub requested_ref: Option<RequestedRef>,
    /// The full name under which it was found, such as `refs/tags/v1`; none for a bare commit and for a folder.
    pub resolved_ref: Option<String>,
    /// The plugin's folder in the repository, unless it is the root.
    pub subdirectory: Option<Subdirectory>,
    /// Whether the tar holds exactly what the commit holds.
    pub pinned: bool,
}
