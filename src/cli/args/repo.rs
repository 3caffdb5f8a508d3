//! The arguments of what is done to the repository as a whole.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use crate::import::Pattern;
use crate::model::{Actor, Channel, InvalidValue, Target};

/// Where imported packages go: `TARGET` or `TARGET/CHANNEL`.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Destination {
    pub(in crate::cli) target: Target,
    pub(in crate::cli) channel: Option<Channel>,
}

impl FromStr for Destination {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (target, channel) = match text.split_once('/') {
            Some((target, channel)) => (target, Some(Channel::new(channel)?)),
            None => (text, None),
        };
        let target = target.parse()?;
        Ok(Self { target, channel })
    }
}

/// Arguments of `repo import`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The other repository: a folder, or an http or https URL, as in sources.list
    #[arg(value_name = "DIR|URL")]
    pub(in crate::cli) origin: String,
    /// Its suite
    #[arg(long, value_name = "SUITE")]
    pub(in crate::cli) suite: String,
    /// Its component; without it, all
    #[arg(long, value_name = "COMPONENT")]
    pub(in crate::cli) component: Option<String>,
    /// The OpenPGP keys that its hosts trust, binary or armored: one of them must have signed the suite
    #[arg(long, value_name = "KEYRING")]
    pub(in crate::cli) key: PathBuf,
    /// The Debian release, and perhaps the channel, that the packages enter; without a channel, the first
    #[arg(long, value_name = "TARGET[/CHANNEL]")]
    pub(in crate::cli) to: Destination,
    /// Only packages of this name, with * and ? as in a shell; may be given again
    #[arg(long = "package", value_name = "GLOB")]
    pub(in crate::cli) packages: Vec<Pattern>,
    /// Say what would be imported, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Who does it; without it, whoever called sudo, or is logged in
    #[arg(long, value_name = "WHO")]
    pub(in crate::cli) by: Option<Actor>,
}

/// Commands about the repository.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RepoCommand {
    /// Show what is published, and what a host needs to trust it
    Show,
    /// Verify every published byte against the repository's state and its signatures
    Check,
    /// Make indices that are missing or damaged again, byte for byte, from the repository's state
    Rebuild,
    /// Keep what is published now as a dated publication, which hosts can install from later
    Snapshot {
        /// Only these suites; without it, all but previews
        #[arg(long = "suite", value_name = "SUITE")]
        suites: Vec<String>,
        /// Keep nothing, and list what was kept
        #[arg(long, conflicts_with = "suites")]
        list: bool,
    },
    /// Take the packages of another signed apt repository, with their versions; they stay marked as imported
    Import(ImportArgs),
    /// Sign what is published again, with a new date, and remove what interrupted publications left
    Refresh {
        /// Only these suites; without it, all of them
        #[arg(long = "suite", value_name = "SUITE")]
        suites: Vec<String>,
        /// Only suites of whose validity (`valid_for`) a third is over, or that got packages since the last time
        #[arg(long)]
        if_due: bool,
        /// Do nothing, and say what would be removed by `repository.keep`
        #[arg(long, conflicts_with_all = ["suites", "if_due"])]
        dry_run: bool,
    },
}
