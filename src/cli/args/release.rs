//! The arguments of what is decided about published versions.

use std::str::FromStr;

use clap::Args;

use super::farm::FarmArgs;
use crate::model::{Actor, Channel, DebianVersion, InvalidValue, Reason, Target};

/// A package, perhaps with a version: `PACKAGE` or `PACKAGE=VERSION`, as apt has it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Named {
    pub(in crate::cli) package: String,
    pub(in crate::cli) version: Option<DebianVersion>,
}

impl FromStr for Named {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it must be a package's name, as `plugfarm repo show` has it";
        let (package, version) = match text.split_once('=') {
            Some((package, version)) => (package, Some(DebianVersion::new(version)?)),
            None => (text, None),
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
        if package.is_empty() || package.len() > 200 || !package.bytes().all(plain) {
            return Err(InvalidValue::new("package", package, RULE));
        }
        Ok(Self {
            package: package.to_owned(),
            version,
        })
    }
}

/// Who does it, and why.
#[derive(Debug, Args)]
pub(in crate::cli) struct DecisionArgs {
    /// Why, in one line
    #[arg(long, value_name = "WORDS")]
    pub(in crate::cli) reason: Reason,
    /// Who does it; without it, whoever called sudo, or is logged in
    #[arg(long, value_name = "WHO")]
    pub(in crate::cli) by: Option<Actor>,
}

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PromoteArgs {
    /// The package; without a version, the highest that the channel has
    #[arg(value_name = "PACKAGE[=VERSION]")]
    pub(in crate::cli) package: Named,
    /// Only for this Debian release; may be given again
    #[arg(long = "target", value_name = "RELEASE")]
    pub(in crate::cli) targets: Vec<Target>,
    /// The channel that has it; without it, the first
    #[arg(long, value_name = "CHANNEL")]
    pub(in crate::cli) from: Option<Channel>,
    /// The channel that it enters; without it, the next
    #[arg(long, value_name = "CHANNEL")]
    pub(in crate::cli) to: Option<Channel>,
    /// Let only this share of the hosts upgrade to it by itself
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(in crate::cli) phase: Option<u8>,
    /// Who, and why.
    #[command(flatten)]
    pub(in crate::cli) decision: DecisionArgs,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Arguments of `phase`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PhaseArgs {
    /// The package and its version
    #[arg(value_name = "PACKAGE=VERSION")]
    pub(in crate::cli) package: Named,
    /// The share of the hosts that upgrade to it by itself: 0 to 100, which is all
    #[arg(value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(in crate::cli) percent: u8,
    /// In this channel; without it, in the last that has it
    #[arg(long, value_name = "CHANNEL")]
    pub(in crate::cli) channel: Option<Channel>,
    /// Who does it; without it, whoever called sudo, or is logged in
    #[arg(long, value_name = "WHO")]
    pub(in crate::cli) by: Option<Actor>,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Arguments of `withdraw`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WithdrawArgs {
    /// The package and its version
    #[arg(value_name = "PACKAGE=VERSION")]
    pub(in crate::cli) package: Named,
    /// Only from this channel; may be given again
    #[arg(long = "channel", value_name = "CHANNEL")]
    pub(in crate::cli) channels: Vec<Channel>,
    /// Who, and why.
    #[command(flatten)]
    pub(in crate::cli) decision: DecisionArgs,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RollbackArgs {
    /// The package
    #[arg(value_name = "PACKAGE")]
    pub(in crate::cli) package: Named,
    /// The version to go back to; without it, the one before
    #[arg(long, value_name = "VERSION")]
    pub(in crate::cli) to: Option<DebianVersion>,
    /// Only in this channel; without it, what the last channel has goes from every channel
    #[arg(long, value_name = "CHANNEL")]
    pub(in crate::cli) channel: Option<Channel>,
    /// Who, and why.
    #[command(flatten)]
    pub(in crate::cli) decision: DecisionArgs,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}
