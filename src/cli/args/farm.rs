//! The arguments of what is asked of a farm elsewhere.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::exchange::ExchangeCommand;
use super::package::PackageArgs;
use crate::config::environment;
use crate::model::{BuildId, Channel, InvalidValue, Namespace, PluginId, Priority, Target};

const OUTCOMES: &str = "Exit codes with --follow: 0 published, 1 the plugin's fault, 3 no fault of the plugin: cancelled, \
                        superseded by a newer build, the farm's or somebody else's fault. Else: 0 submitted, 2 refused.";

/// The commands that need nothing of this machine.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Elsewhere {
    /// Have a farm build a plugin, and publish it
    #[command(after_help = OUTCOMES)]
    Submit(SubmitArgs),
    /// List and show a farm's builds, read their logs, stop them or try them again
    Builds(BuildsArgs),
    /// List and show a farm's plugins
    Plugins(PluginsArgs),
    /// List a farm's channels, in the order that packages go through them
    Channels(FarmArgs),
    /// Print what makes a shell complete plugfarm's commands
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Make the Debian packages of plugfarm itself
    Package(PackageArgs),
    /// Write a manual page for every command
    Man {
        /// The folder to write to
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
}

/// Which farm is asked, and by whom.
#[derive(Debug, Args)]
pub(in crate::cli) struct FarmArgs {
    /// The farm's address; the token is the one in PLUGFARM_TOKEN, or in the file
    #[arg(long, global = true, env = environment::FARM, value_name = "URL")]
    pub(in crate::cli) farm: Option<String>,
    /// The file of the token, which only its owner may read
    #[arg(long, global = true, env = environment::TOKEN_FILE, value_name = "FILE")]
    pub(in crate::cli) token_file: Option<PathBuf>,
}

impl FarmArgs {
    /// Whether a farm elsewhere is named.
    pub(in crate::cli) fn is_named(&self) -> bool {
        self.farm.as_ref().is_some_and(|farm| !farm.is_empty())
    }
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SubmitArgs {
    /// The URL of the plugin's git repository (https, ssh, git), without a credential
    #[arg(value_name = "URL")]
    pub(in crate::cli) url: String,
    /// Branch, tag or commit; without it, the repository's default branch
    #[arg(long = "ref", value_name = "REF")]
    pub(in crate::cli) reference: Option<String>,
    /// The plugin's folder inside the repository
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) subdirectory: Option<String>,
    /// The plugin, which must be named the first time that it is submitted
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(in crate::cli) plugin: Option<PluginId>,
    /// The Debian release to build for; without it, bookworm
    #[arg(long, value_name = "RELEASE")]
    pub(in crate::cli) target: Option<Target>,
    /// Publish in this channel; without it, in the farm's first
    #[arg(long, value_name = "CHANNEL")]
    pub(in crate::cli) channel: Option<Channel>,
    /// Build the preview of this branch, with a version below the release's; it is published in a channel of its own
    #[arg(long, value_name = "BRANCH", conflicts_with = "channel")]
    pub(in crate::cli) preview: Option<String>,
    /// low may wait; urgent is the operator's alone
    #[arg(long, value_name = "PRIORITY")]
    pub(in crate::cli) priority: Option<Priority>,
    /// Show the log as it grows, and end with the build, and with its exit code
    #[arg(long)]
    pub(in crate::cli) follow: bool,
    /// What makes submitting twice the same as submitting once, such as the id of a pipeline; without it, drawn
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) idempotency_key: Option<String>,
    /// Which farm.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Arguments of `builds`.
#[derive(Debug, Args)]
pub(in crate::cli) struct BuildsArgs {
    /// What about them.
    #[command(subcommand)]
    pub(in crate::cli) command: BuildsCommand,
    /// Which farm.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Commands about a farm's builds.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BuildsCommand {
    /// List builds, newest first
    List {
        /// Only this plugin's
        #[arg(long, value_name = "NAMESPACE/NAME")]
        plugin: Option<PluginId>,
        /// Only in this state: queued, parked, running, succeeded, failed, cancelled, superseded or quarantined
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Show a build: what it came to, its attempts, what it left
    Show {
        /// The build
        id: BuildId,
    },
    /// Print a build's log
    Logs {
        /// The build
        id: BuildId,
        /// Print what it grows by, over all attempts, and end with the build, and with its exit code
        #[arg(long, conflicts_with_all = ["lines", "attempt"])]
        follow: bool,
        /// Only these lines: A..B, A.., ..B or A
        #[arg(long, value_name = "A..B")]
        lines: Option<LineRange>,
        /// This attempt's, from 1; without it, the last one's
        #[arg(long, value_name = "NUMBER")]
        attempt: Option<u32>,
    },
    /// Say why a build waits
    Why {
        /// The build
        id: BuildId,
    },
    /// Stop a build
    Cancel {
        /// The build
        id: BuildId,
    },
    /// Try a build again that failed, was cancelled or is in quarantine
    Retry {
        /// The build
        id: BuildId,
    },
}

/// Arguments of `plugins`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PluginsArgs {
    /// What about them; without it, the list.
    #[command(subcommand)]
    pub(in crate::cli) command: Option<PluginsCommand>,
    /// Which farm.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Commands about a farm's plugins.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PluginsCommand {
    /// List plugins, with the highest version in each suite
    List {
        /// Only those of this namespace
        #[arg(long, value_name = "NAMESPACE")]
        namespace: Option<Namespace>,
    },
    /// Show a plugin, with every version that was published of it
    Show {
        /// The plugin
        #[arg(value_name = "NAMESPACE/NAME")]
        plugin: PluginId,
    },
    /// Show how often each version was installed on hosts, how often it failed, and which roll-outs the farm has halted
    Installations {
        /// The plugin
        #[arg(value_name = "NAMESPACE/NAME")]
        plugin: PluginId,
    },
}

/// Arguments of `source`.
#[derive(Debug, Args)]
pub(in crate::cli) struct FarmSourceArgs {
    /// What about them.
    #[command(subcommand)]
    pub(in crate::cli) command: SourceCommand,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Commands about where plugins come from.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SourceCommand {
    /// List where plugins come from
    List {
        /// Only those of this namespace
        #[arg(long, value_name = "NAMESPACE")]
        namespace: Option<Namespace>,
    },
    /// Bind a plugin to the repository that it comes from; only the operator moves one that is bound
    Bind {
        /// The plugin
        #[arg(value_name = "NAMESPACE/NAME")]
        plugin: PluginId,
        /// The URL of its git repository (https, ssh, git), without a credential
        #[arg(value_name = "URL")]
        url: String,
        /// The plugin's folder inside the repository
        #[arg(long, value_name = "DIR")]
        subdirectory: Option<String>,
    },
    /// What is built by itself, what opens the repository, and to whom it is shown.
    #[command(flatten)]
    Exchange(ExchangeCommand),
}

/// Lines of a log: `A..B`, `A..`, `..B` or `A`, from 1, both ends with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct LineRange {
    pub(in crate::cli) from: Option<u64>,
    pub(in crate::cli) to: Option<u64>,
}

impl FromStr for LineRange {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it must be A..B, A.., ..B or A, from 1, and not backwards";
        let wrong = || InvalidValue::new("range of lines", text, RULE);
        let number = |text: &str| match text {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number @ 1..) => Ok(Some(number)),
                _ => Err(wrong()),
            },
        };
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let (from, to) = (number(from)?, number(to)?);
        match (from, to) {
            (None, None) => Err(wrong()),
            (Some(from), Some(to)) if from > to => Err(wrong()),
            (from, to) => Ok(Self { from, to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_lines_has_both_its_ends() {
        let read = |text: &str| {
            text.parse::<LineRange>()
                .map(|range| (range.from, range.to))
        };
        assert_eq!(read("3..5").unwrap(), (Some(3), Some(5)));
        assert_eq!(read("3..").unwrap(), (Some(3), None));
        assert_eq!(read("..5").unwrap(), (None, Some(5)));
        assert_eq!(read("7").unwrap(), (Some(7), Some(7)));
        for bad in ["", "..", "0", "0..3", "5..3", "a..b", "1...2", "-1", "1-2"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
