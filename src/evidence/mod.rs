//! Evidence: what a build leaves behind so that anybody can walk from a package's bytes back to its commit, offline.
//!
//! - [`statement`] writes an in-toto v1 statement with a SLSA provenance v1 predicate from [`BuildFacts`];
//! - [`envelope`] wraps a signed statement in a DSSE envelope, one line of `S.intoto.jsonl`;
//! - [`verify`] is the way back, and the only way to get a [`VerifiedStatement`];
//! - [`approval_statement`] and [`rollback_statement`] write what is said of a package later: who let it into a channel, and
//!   that it brings an older one back; [`verify_approval`] and [`prove`] are their ways back;
//! - [`import_statement`] writes what is said of a package that was made elsewhere, and [`trace`] reads any package's evidence;
//! - [`buildinfo`] writes Debian's `.buildinfo`, [`sbom`] a CycloneDX bill of materials.
//!
//! Pure: values and bytes in, bytes and values out, and the same facts give the same bytes. No key that signs is known
//! here (`sign` has them), nothing is read from a disk, and nothing unverified is ever parsed as a statement.
//!
//! # The build type
//!
//! [`BUILD_TYPE`] names a build that ran a plugin's `build` and `package` rules in one container, after which the farm
//! wrote the package from the file tree that came back. Its external parameters, all that a requester chooses, are:
//! `source` (`uri`, `ref`, `subdirectory`), `target`, `namespace` (only for plugins of the old layout), `preview` (the
//! channel, only for the preview of a branch), `buildDepends` and `allow` (the checks that were waived by name). Its internal parameters, all that the farm decides or finds, are:
//! `package`, `version`, `plugin`, `pluginVersion`, `architecture`, `limits`, `sandbox` and `assurance`. Its resolved
//! dependencies are the repository (`gitCommit`), the source tar, the manifest and the image's root file system.
//!
//! # What is claimed
//!
//! `assurance.slsaBuildLevel` is the level of SLSA v1 that holds as a whole: 2 for a farm, 1 for a laptop, which is no
//! dedicated build platform. `assurance.controls` names the controls of level 3 that hold as well ([`Control`]). Level 3
//! itself is never claimed: the isolation of a runtime such as runc is one kernel bug deep.

mod approval;
mod buildinfo;
mod cyclonedx;
mod dsse;
mod facts;
mod import;
mod key;
mod keyring;
mod package_url;
mod rollback;
mod sbom;
mod shape;
mod statement;
mod verified;
mod verify;

pub use approval::{
    APPROVAL_PREDICATE, APPROVALS_FIELD, Approval, VerifiedApproval, approval_statement,
    check_approval, verify_approval,
};
pub use buildinfo::buildinfo;
pub use dsse::{PAYLOAD_TYPE, envelope, pre_authentication_encoding};
pub use facts::{
    Artifact, BuildFacts, Builder, Control, EngineFacts, FarmFacts, ImageFacts, ImagePackage,
    LimitFacts, SandboxFacts, SourceFacts,
};
pub use import::{
    IMPORT_PREDICATE, Import, ImportOrigin, Provenance, check_import, import_statement, trace,
};
pub use key::StatementKey;
pub use keyring::{KEYRING_PREDICATE, KeyringFacts, keyring_statement, verify_keyring};
pub use rollback::{
    Proof, ROLLBACK_PREDICATE, Rollback, check_rollback, prove, rollback_statement,
};
pub use sbom::{PayloadFile, sbom};
pub use shape::BUILD_TYPE;
pub use statement::statement;
pub use verified::VerifiedStatement;
pub use verify::{EvidenceError, signed_payloads, verify};

#[cfg(test)]
mod sample;
#[cfg(test)]
pub(crate) mod signed;
