//! The vocabulary of the farm: names, versions, targets, digests, stages, failures, and the traits that lower layers speak.
//!
//! Everything here is a value that has been checked once, when it was made. There is no I/O, no async, no clock and no
//! environment here, and nothing in this module imports another one.

mod access;
mod build;
mod check_list;
pub mod colours;
mod decision;
mod digest;
mod failure;
mod installation;
mod midstate;
mod names;
mod signing;
mod target;
mod text;
mod version;

pub use access::Scope;
pub use build::{BuildState, Priority};
pub(crate) use check_list::checks;
pub use decision::{Actor, Reason};
pub use digest::{CommitId, Sha256, Sha256Writer};
pub use failure::{Blame, Failure, FailureCode, Finding, LogLine, Outcome, Severity, Stage};
pub use installation::{HostArchitecture, HostStep, InstallBlame, InstallVerb};
pub use midstate::Sha256Midstate;
pub use names::{BuildId, Channel, FarmName, Namespace, PluginId, PluginName, Suite};
pub use signing::{
    IndexTail, ReleaseToSign, SignedRelease, Signer, SigningError, StatementSignature,
};
pub use target::{Architecture, Target};
pub use text::{InvalidValue, Timestamp, printable};
pub use version::{DebianVersion, PluginVersion};
