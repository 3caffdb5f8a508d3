//! What the sandbox could not do. How a run of strangers' code ended is no error: that is [`Ending`](super::Ending).

use std::io;

use crate::model::{Failure, FailureCode, Stage, printable};

/// A job that the sandbox could not finish, for a reason that is not in the plugin's own code.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine's address is malformed, or nothing answers there.
    #[error("no Docker engine answers at {address}: {source}")]
    Unreachable {
        /// The address that was tried.
        address: String,
        /// Why it failed.
        #[source]
        source: bollard::errors::Error,
    },
    /// The engine refused, broke off or did not answer in time.
    #[error("the engine could not {action}: {source}")]
    Engine {
        /// What it was asked for, in words that follow "could not".
        action: &'static str,
        /// What it said.
        #[source]
        source: bollard::errors::Error,
    },
    /// The engine gave an answer without a field that every engine gives.
    #[error("the engine's answer to `{action}` has no {field}")]
    Answer {
        /// What it was asked for.
        action: &'static str,
        /// What is missing.
        field: &'static str,
    },
    /// The engine has no such runtime.
    #[error("the engine has no runtime `{runtime}`; it has {known}")]
    RuntimeMissing {
        /// The name in the settings.
        runtime: String,
        /// The names of those that it has.
        known: String,
    },
    /// A container was killed, and yet its end was never reported.
    #[error("container {container} does not end, {seconds} seconds after it was killed")]
    Undead {
        /// The container's id.
        container: String,
        /// How long the farm waited, in seconds.
        seconds: u64,
    },
    /// An image of the farm is not on the engine.
    #[error("the image {image} has not been made yet")]
    ImageMissing {
        /// The image's tag.
        image: String,
    },
    /// Every slot of the engine has a container.
    #[error("all {slots} slots of the engine are in use")]
    NoSlot {
        /// How many there are.
        slots: u32,
    },
    /// Too little space is left for builds; what is left is kept for publishing and the farm's state.
    #[error(
        "{free} bytes are free where the engine keeps its containers, and {reserve} are kept in reserve"
    )]
    FarmDiskFull {
        /// Free space, in bytes.
        free: u64,
        /// What builds may not touch, in bytes.
        reserve: u64,
    },
    /// A tar that was to go into a container holds something that no source has.
    #[error("the source cannot be handed to the container: {reason}")]
    Upload {
        /// What is wrong with it.
        reason: String,
    },
    /// A program that makes images is missing on this machine or failed.
    #[error("{program} failed: {reason}")]
    Tool {
        /// The program's name.
        program: &'static str,
        /// Its last words.
        reason: String,
    },
    /// The packages for an image could not be fetched.
    #[error("the package mirror did not deliver: {reason}")]
    Mirror {
        /// What apt said.
        reason: String,
    },
    /// The target's packages do not satisfy a build dependency.
    #[error("`build_depends` cannot be satisfied: {reason}")]
    BuildDependsUnknown {
        /// What apt said.
        reason: String,
    },
    /// A file of the farm could not be read or written.
    #[error("{action}: {source}")]
    Storage {
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl SandboxError {
    /// Names what the engine was asked for when it failed.
    pub(super) fn engine(action: &'static str) -> impl FnOnce(bollard::errors::Error) -> Self {
        move |source| Self::Engine { action, source }
    }

    /// Names what the farm did when the system failed.
    pub(super) fn storage(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Storage { action, source }
    }

    /// The code that programs compare, and with it the blame.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self {
            Self::Unreachable { .. }
            | Self::Engine { .. }
            | Self::Answer { .. }
            | Self::RuntimeMissing { .. }
            | Self::Undead { .. }
            | Self::NoSlot { .. } => FailureCode::EngineError,
            Self::ImageMissing { .. } | Self::Tool { .. } => FailureCode::ImageMissing,
            Self::FarmDiskFull { .. } => FailureCode::FarmDiskFull,
            Self::Upload { .. } => FailureCode::SourceInvalid,
            Self::Mirror { .. } => FailureCode::MirrorError,
            Self::BuildDependsUnknown { .. } => FailureCode::BuildDependsUnknown,
            Self::Storage { .. } => FailureCode::StorageError,
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "start Docker, let this user talk to it, and see `plugfarm doctor`"
            }
            Self::Engine { .. } | Self::Answer { .. } => {
                "try again; if it stays, `plugfarm doctor` and the engine's own log say more"
            }
            Self::RuntimeMissing { .. } => {
                "install the runtime and name it in the engine's daemon.json, or correct `sandbox.runtime`"
            }
            Self::Undead { .. } => {
                "restart the engine: it has lost control of one of its containers"
            }
            Self::ImageMissing { .. } => "run `plugfarm images build`",
            Self::NoSlot { .. } => "wait until another build has ended, and try again",
            Self::FarmDiskFull { .. } => {
                "free some space on the file system of the engine's data folder"
            }
            Self::Upload { .. } => "take the offending file out of the repository",
            Self::Tool { .. } => "see `plugfarm doctor` for what is missing on this machine",
            Self::Mirror { .. } => {
                "try again later, or set `images.mirror` to a mirror that answers"
            }
            Self::BuildDependsUnknown { .. } => {
                "correct `build_depends` in wazo/plugin.yml: each must be a package of the target's Debian release"
            }
            Self::Storage { .. } => "check the free space and the rights of the farm's data folder",
        }
    }

    /// The failure of the stage that this happened in.
    #[must_use]
    pub fn failure(&self, stage: Stage) -> Failure {
        Failure::new(
            stage,
            self.code(),
            printable(&self.to_string(), 2000),
            self.hint(),
        )
    }
}
