//! What apt would upgrade a plugin to by itself, of what the farms offer: phasing, pins and holds in mind, and never a lower
//! version.

use std::fmt;

use super::{Available, Installed};
use crate::model::DebianVersion;

/// What an upgrade of an installed plugin comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade<'a> {
    /// This version is installed; or configured, if its files are there already.
    To(&'a Available),
    /// It is there as it should be.
    Newest,
    /// It stays as it is, for a reason.
    Kept(Kept<'a>),
}

/// Why a plugin stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept<'a> {
    /// The administrator holds it.
    Held(&'a DebianVersion),
    /// The administrator's pins keep this version away.
    Pinned(&'a DebianVersion),
    /// This version is for other machines first.
    NotYet(&'a DebianVersion),
    /// No farm has it.
    NotOffered,
    /// What is installed is higher than the farms'.
    Higher,
}

impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(version) => {
                write!(
                    f,
                    "it is held (`apt-mark hold`), so that {version} is not installed"
                )
            }
            Self::Pinned(version) => write!(
                f,
                "a pin of apt keeps {version} away; `apt-cache policy` says what is pinned"
            ),
            Self::NotYet(version) => {
                write!(f, "{version} is there, and it is not this host's turn yet")
            }
            Self::NotOffered => f.write_str("no farm offers it"),
            Self::Higher => f.write_str("a higher version than the farm's is installed"),
        }
    }
}

/// What `installed` is to become. `offers` are the farms' of this plugin, the highest first; `lets` says what the pins let apt
/// do, `is_due` whose turn it is.
pub fn upgrade<'a>(
    installed: &Installed,
    offers: &'a [Available],
    lets: impl Fn(&Available) -> bool,
    is_due: impl Fn(&Available) -> bool,
) -> Upgrade<'a> {
    let higher = || offers.iter().filter(|one| one.version > installed.version);
    let mut allowed = higher().filter(|one| lets(one)).peekable();
    let next = allowed.peek().copied();
    match (allowed.find(|one| is_due(one)), next, higher().next()) {
        (Some(due), ..) if installed.held => Upgrade::Kept(Kept::Held(&due.version)),
        (Some(due), ..) => Upgrade::To(due),
        (None, Some(next), _) => Upgrade::Kept(Kept::NotYet(&next.version)),
        (None, None, Some(next)) => Upgrade::Kept(Kept::Pinned(&next.version)),
        (None, None, None) => match offers.first() {
            None => Upgrade::Kept(Kept::NotOffered),
            Some(newest) if newest.version < installed.version => Upgrade::Kept(Kept::Higher),
            Some(newest) if !installed.state.is_whole() => Upgrade::To(newest),
            Some(_) => Upgrade::Newest,
        },
    }
}
