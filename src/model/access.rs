//! What whoever has a token may do.

use super::text::word_type;

/// One thing that a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Submit builds.
    Submit,
    /// Cancel builds, and try them again; make narrower tokens, and end them.
    Manage,
    /// Decide what of it hosts get: promote, phase, withdraw, roll back.
    Release,
    /// Tell what became of installations on a host, and nothing else.
    Report,
    /// Read what is private, of every partner.
    Audit,
    /// Everything, for every partner.
    Operate,
}

word_type!(
    Scope,
    "scope",
    "it must be submit, manage, release, report, audit or operate",
    Submit = "submit",
    Manage = "manage",
    Release = "release",
    Report = "report",
    Audit = "audit",
    Operate = "operate"
);
