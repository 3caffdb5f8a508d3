//! What hosts tell of installations: what was done, and whose fault it is that it could not be. Nothing in it says which host.

use super::text::word_type;

/// What a host was asked to do with a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstallVerb {
    /// To have it, or another version of it.
    Install,
    /// To follow what is published.
    Update,
    /// To have it no more.
    Uninstall,
}

word_type!(
    InstallVerb,
    "verb of an installation",
    "it must be install, update or uninstall",
    Install = "install",
    Update = "update",
    Uninstall = "uninstall"
);

/// Whose fault a failed installation is, as far as the host can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstallBlame {
    /// The plugin's own script.
    Plugin,
    /// apt, dpkg or the host.
    Apt,
    /// The farm.
    Farm,
    /// A service of Wazo that the script needs.
    Service,
    /// It cannot be told.
    Unknown,
}

word_type!(
    InstallBlame,
    "blame of an installation",
    "it must be plugin, apt, farm, service or unknown",
    Plugin = "plugin",
    Apt = "apt",
    Farm = "farm",
    Service = "service",
    Unknown = "unknown"
);

/// The steps of a plugin's `rules` that run on hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostStep {
    /// By the `postinst`.
    Install,
    /// By the `prerm`.
    Uninstall,
    /// By the `postrm`.
    Postrm,
}

word_type!(
    HostStep,
    "step of the rules",
    "it must be install, uninstall or postrm",
    Install = "install",
    Uninstall = "uninstall",
    Postrm = "postrm"
);

/// A machine architecture of Debian that a host may have; one that no package of the farm is for, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostArchitecture {
    /// 64-bit PC.
    Amd64,
    /// 64-bit ARM.
    Arm64,
    /// 32-bit ARM.
    Armhf,
    /// 32-bit PC.
    I386,
    /// Any other.
    Other,
}

word_type!(
    HostArchitecture,
    "architecture of a host",
    "it must be amd64, arm64, armhf, i386 or other",
    Amd64 = "amd64",
    Arm64 = "arm64",
    Armhf = "armhf",
    I386 = "i386",
    Other = "other"
);
