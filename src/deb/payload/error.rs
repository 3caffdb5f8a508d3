//! Why a tree is no payload: the rules that an entry can break, and the errors that name the entry.

use std::fmt;
use std::io;

use super::limits::Budget;
use crate::deb::spool::AppendError;
use crate::deb::tarball::TarError;
use crate::model::{Failure, FailureCode, Stage, printable};

/// A rule that every entry of a payload obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A name that is not UTF-8.
    NotUtf8,
    /// A name or a link target with a control character, such as a line break.
    ControlCharacter,
    /// An absolute name.
    Absolute,
    /// A name with an empty, `.` or `..` component.
    DotComponent,
    /// A component that starts with `-` or `..`, which a command would take for an option or a parent.
    LeadingDash,
    /// A component that ends with a space, which dpkg's lists lose.
    TrailingSpace,
    /// A component of more than 255 bytes, which no file system takes.
    LongComponent,
    /// A fifo, socket, device, or another thing that is no file, directory or link.
    Kind,
    /// A setuid, setgid or sticky bit.
    SpecialBits,
    /// A name that comes twice.
    Duplicate,
    /// An entry below something that is no directory.
    ParentIsNoDirectory,
    /// A symbolic link out of the root.
    LinkEscapes,
    /// A symbolic link into the folder in which the plugin was built, or another place that a host does not keep.
    LinkIntoBuild,
    /// A symbolic link without a target.
    LinkEmpty,
    /// A hardlink to something that is no earlier regular file of the tree.
    HardlinkTarget,
    /// An entry beside the tree that nobody asked for.
    Unexpected,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "its name is not UTF-8",
            Self::ControlCharacter => "its name or target has a control character",
            Self::Absolute => "its name is absolute",
            Self::DotComponent => "its name has an empty, `.` or `..` component",
            Self::LeadingDash => "a component of its name starts with `-` or `..`",
            Self::TrailingSpace => "a component of its name ends with a space",
            Self::LongComponent => "a component of its name has more than 255 bytes",
            Self::Kind => "it is no regular file, directory or link",
            Self::SpecialBits => "it has a setuid, setgid or sticky bit",
            Self::Duplicate => "its name comes twice",
            Self::ParentIsNoDirectory => "what is above it is no directory",
            Self::LinkEscapes => "it is a symbolic link that leaves the root",
            Self::LinkIntoBuild => {
                "it is a symbolic link to a place that exists only during the build"
            }
            Self::LinkEmpty => "it is a symbolic link without a target",
            Self::HardlinkTarget => {
                "it is a hardlink to something that is no earlier regular file of the tree"
            }
            Self::Unexpected => "nothing but the tree and its notes may come back from a build",
        })
    }
}

/// Why a tree is no payload.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// An entry that no package may have.
    #[error("`{entry}` is refused: {rule}")]
    Refused {
        /// The entry's path, made printable.
        entry: String,
        /// The rule that it breaks.
        rule: Rule,
    },
    /// An entry with an archive feature that no package may have, such as capabilities.
    #[error("{reason}")]
    Unsafe {
        /// The entry and what it has.
        reason: String,
    },
    /// The tree is too large.
    #[error("`{entry}` is over the limit of {allowed} {budget}")]
    TooLarge {
        /// The entry that reached the limit, made printable.
        entry: String,
        /// Which limit.
        budget: Budget,
        /// How much is allowed.
        allowed: u64,
    },
    /// The archive has no tree.
    #[error("the build left no `{folder}` folder")]
    Missing {
        /// The folder that was looked for.
        folder: String,
    },
    /// The archive itself could not be read.
    #[error("the archive of the tree could not be read: {reason}")]
    Unreadable {
        /// What was wrong.
        reason: String,
        /// The cause, if the bytes did not come.
        #[source]
        source: Option<io::Error>,
    },
    /// The farm's own temporary file could not be written or read.
    #[error("the contents of `{entry}` could not be stored")]
    Spool {
        /// The entry, made printable.
        entry: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl PayloadError {
    pub(super) fn refused(entry: &str, rule: Rule) -> Self {
        Self::Refused {
            entry: printable(entry, 200),
            rule,
        }
    }

    pub(super) fn too_large(entry: &str, budget: Budget, allowed: u64) -> Self {
        Self::TooLarge {
            entry: printable(entry, 200),
            budget,
            allowed,
        }
    }

    pub(super) fn of_append(entry: &str, error: AppendError) -> Self {
        match error {
            AppendError::Source(source) => Self::unreadable(source),
            AppendError::Length => Self::unreadable(io::ErrorKind::UnexpectedEof.into()),
            AppendError::Spool(source) => Self::Spool {
                entry: printable(entry, 200),
                source,
            },
        }
    }

    pub(super) fn unreadable(source: io::Error) -> Self {
        Self::Unreadable {
            reason: "its bytes did not come".to_owned(),
            source: Some(source),
        }
    }

    /// The failure of the inspect stage that this error is, for the person who must act on it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let (code, hint) = match self {
            Self::Refused { .. } | Self::Unsafe { .. } => (
                FailureCode::OutputUnsafe,
                "let `rules package` put only plain files, directories and links inside the package into $pkgdir",
            ),
            Self::TooLarge { .. } => (
                FailureCode::OutputLimit,
                "put less into $pkgdir, or ask the farm's operator for a higher limit",
            ),
            Self::Missing { .. } => (
                FailureCode::OutputMissing,
                "`rules package` must leave the folder $pkgdir in place",
            ),
            Self::Unreadable { .. } => (
                FailureCode::ExtractError,
                "build again; the plugin is not to blame",
            ),
            Self::Spool { .. } => (
                FailureCode::StorageError,
                "make room on the farm's disk and build again; the plugin is not to blame",
            ),
        };
        Failure::new(Stage::Inspect, code, self.to_string(), hint)
    }
}

impl From<TarError> for PayloadError {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Refused { .. } => Self::Unsafe {
                reason: error.to_string(),
            },
            TarError::Read { source } => Self::unreadable(source),
            TarError::Truncated | TarError::Malformed { .. } => Self::Unreadable {
                reason: error.to_string(),
                source: None,
            },
        }
    }
}
