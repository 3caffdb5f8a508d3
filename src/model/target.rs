//! The Debian releases that the farm builds for, and the machine architectures of packages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// A Debian release that packages are built for. A package belongs to exactly one, since Python plugins differ per release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Debian 12, the base of Wazo since 25.15.
    Bookworm,
    /// Debian 13.
    Trixie,
}

impl Target {
    /// Every target, oldest first.
    pub const ALL: [Self; 2] = [Self::Bookworm, Self::Trixie];

    /// The release's code name, which is also the apt suite of its stable channel.
    #[must_use]
    pub fn codename(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// The release's number, as in the `deb12u1` of a package's version.
    #[must_use]
    pub fn release(self) -> u8 {
        match self {
            Self::Bookworm => 12,
            Self::Trixie => 13,
        }
    }

    /// The architecture of the machines that the farm builds on, and of the packages that are not for all.
    #[must_use]
    pub fn architecture(self) -> Architecture {
        match self {
            Self::Bookworm | Self::Trixie => Architecture::Amd64,
        }
    }

    /// The minor version of the release's own Python 3, whose folder names appear in payloads.
    #[must_use]
    pub fn python(self) -> &'static str {
        match self {
            Self::Bookworm => "3.11",
            Self::Trixie => "3.13",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codename())
    }
}

impl FromStr for Target {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|target| target.codename() == text)
            .ok_or_else(|| InvalidValue::new("target", text, "it must be bookworm or trixie"))
    }
}

/// A Debian machine architecture (Debian Policy 11.1), as far as Wazo hosts have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// The same bytes on every machine.
    All,
    /// 64-bit PC.
    Amd64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Amd64 => "amd64",
        })
    }
}

impl FromStr for Architecture {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "amd64" => Ok(Self::Amd64),
            _ => Err(InvalidValue::new(
                "architecture",
                text,
                "it must be all or amd64",
            )),
        }
    }
}
