//! The arguments of what the farm hears from forges, of what opens private repositories, and of whom it tells.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::farm::FarmArgs;
use crate::forge::Forge;
use crate::model::{Actor, Channel, PluginId, Target};

/// Commands about sources.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ExchangeCommand {
    /// Say what of a source is built by itself, or show it
    Watch(WatchArgs),
    /// Let nothing of a source be built by itself any more
    Unwatch {
        /// The plugin
        plugin: PluginId,
    },
    /// Hooks, by which forges say that somebody has pushed
    #[command(subcommand)]
    Hook(HookCommand),
    /// Set what opens a private repository, or forget it; it is never shown
    Credential(CredentialArgs),
    /// Show a source and all its builds to its partner and to auditors alone
    Private {
        /// The plugin
        plugin: PluginId,
    },
    /// Show a source and all its builds to everybody
    Public {
        /// The plugin
        plugin: PluginId,
    },
}

/// Arguments of `source watch`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArgs {
    /// The plugin
    pub(in crate::cli) plugin: PluginId,
    /// Build branches of this name, with * and ? as in a shell; may be given again
    #[arg(long = "branch", value_name = "PATTERN")]
    pub(in crate::cli) branches: Vec<String>,
    /// Build tags of this name; may be given again
    #[arg(long = "tag", value_name = "PATTERN")]
    pub(in crate::cli) tags: Vec<String>,
    /// The Debian release to build for
    #[arg(long, value_name = "RELEASE", default_value = "bookworm")]
    pub(in crate::cli) target: Target,
    /// Publish in this channel; without it, in the farm's first
    #[arg(long, value_name = "CHANNEL")]
    pub(in crate::cli) channel: Option<Channel>,
    /// Ask the repository what it has every so many seconds, for when a hook gets lost; 0 is never
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::cli) every: Option<u32>,
}

/// Commands about hooks.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum HookCommand {
    /// Add a hook, and show its secret this once
    Add {
        /// The plugin
        plugin: PluginId,
        /// Who sends: github, gitlab, gitea (Forgejo, too) or plain
        #[arg(long)]
        forge: Forge,
    },
    /// List the hooks of a source
    List {
        /// The plugin
        plugin: PluginId,
    },
    /// Remove a hook
    Remove {
        /// The plugin
        plugin: PluginId,
        /// The hook's id
        id: String,
    },
    /// List what came in by a hook, newest first
    Deliveries {
        /// The plugin
        plugin: PluginId,
        /// The hook's id
        id: String,
    },
    /// Decide once more about a delivery that led to no build
    Replay {
        /// The plugin
        plugin: PluginId,
        /// The hook's id
        id: String,
        /// The delivery's id here
        delivery: String,
    },
}

/// Arguments of `source credential`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["token_file", "key_file", "remove"])))]
pub(in crate::cli) struct CredentialArgs {
    /// The plugin
    pub(in crate::cli) plugin: PluginId,
    /// The file of a token, for https
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) token_file: Option<PathBuf>,
    /// The user's name that goes with the token; forges that only look at the token take any
    #[arg(long, value_name = "NAME", default_value = "git")]
    pub(in crate::cli) user: String,
    /// The file of a deploy key, for ssh: a private key without a passphrase
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key_file: Option<PathBuf>,
    /// Forget what opens the repository
    #[arg(long)]
    pub(in crate::cli) remove: bool,
}

/// Arguments of `notify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NotifyArgs {
    /// What about them.
    #[command(subcommand)]
    pub(in crate::cli) command: NotifyCommand,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Commands about who is told of outcomes.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NotifyCommand {
    /// Have somebody told; a web address gets signed requests, whose secret is shown this once
    Add {
        /// A mail address, an https address, or `bus` for the bus in the farm's settings
        address: String,
        /// Whose builds; a farm elsewhere knows by the token
        #[arg(long)]
        partner: Option<Actor>,
        /// Only about this plugin
        #[arg(long, value_name = "NAMESPACE/NAME")]
        plugin: Option<PluginId>,
        /// succeeded, failed, recovered or halted (a roll-out); may be given again; without it, failed and recovered; who hears of
        /// failures hears of halted roll-outs, too
        #[arg(long = "event", value_name = "EVENT")]
        events: Vec<String>,
    },
    /// List who is told
    List,
    /// Have somebody told no more
    Remove {
        /// The id
        id: String,
    },
    /// List what somebody was, or is to be, told
    Letters {
        /// The id
        id: String,
    },
}
