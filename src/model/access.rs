//! What whoever has a token may do.

use super::text::word_type;

/// One thing that a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Submit builds.
    Submit,
    /// Cancel builds, and try them again.
    Manage,
    /// Read what is private, of every partner.
    Audit,
    /// Everything, for every partner.
    Operate,
}

word_type!(
    Scope,
    "scope",
    "it must be submit, manage, audit or operate",
    Submit = "submit",
    Manage = "manage",
    Audit = "audit",
    Operate = "operate"
);
