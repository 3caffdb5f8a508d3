//! The arguments of every command. What a command does is in `commands`; nothing here does anything.

mod exchange;
mod farm;
mod package;
mod release;
mod repo;
mod service;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::environment;
use crate::model::{Channel, Namespace, Target, Timestamp};

pub(super) use exchange::{
    CredentialArgs, ExchangeCommand, HookCommand, NotifyArgs, NotifyCommand, WatchArgs,
};
pub(super) use farm::{
    BuildsArgs, BuildsCommand, Elsewhere, FarmArgs, FarmSourceArgs, PluginsArgs, PluginsCommand,
    SourceCommand, SubmitArgs,
};
pub(super) use package::PackageArgs;
pub(super) use release::{DecisionArgs, Named, PhaseArgs, PromoteArgs, RollbackArgs, WithdrawArgs};
pub(super) use repo::{ImportArgs, RepoCommand};
pub(super) use service::{
    NamespaceArgs, NamespaceCommand, PartnerCommand, QueueArgs, QueueCommand, ServeArgs, TokenArgs,
    TokenCommand, TokensArgs,
};

/// A sandboxed build farm for Wazo plugins: a git repository goes in, a signed .deb in an apt repository comes out.
#[derive(Debug, Parser)]
#[command(name = "plugfarm", version, propagate_version = true, after_help = EXIT_CODES)]
pub(super) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(super) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 the plugin's fault, 2 wrong usage, 3 the farm's or somebody \
                          else's fault (try again).";

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// The folder of the farm's state: keys, sources, builds, repository
    #[arg(long, global = true, env = environment::DATA_DIR, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// The configuration file; without it, every setting has its default
    #[arg(long, global = true, env = environment::CONFIG, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print one JSON object for machines, in place of words for people
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// What the farm itself logs on standard error, in tracing's filter syntax
    #[arg(long, global = true, env = environment::LOG, default_value = "warn", value_name = "FILTER")]
    pub(super) log: String,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what is missing on this machine, with the command that mends it
    Doctor,
    /// Make and list the container images that builds run in
    #[command(subcommand)]
    Images(ImagesCommand),
    /// Check a plugin without building it; a folder needs no Docker
    Check(CheckArgs),
    /// Build a plugin in the sandbox
    Build(BuildArgs),
    /// Publish built packages, with their evidence, in the apt repository
    Publish(PublishArgs),
    /// Let a published package into the next channel: the same bytes, with a signed approval
    Promote(PromoteArgs),
    /// Only let a share of the hosts upgrade to a version by itself
    Phase(PhaseArgs),
    /// Take a version away from hosts, for ever
    Withdraw(WithdrawArgs),
    /// Withdraw a package's highest version, and bring the one before back above it
    Rollback(RollbackArgs),
    /// Walk from a package's bytes back to the commit it was built from
    Verify(VerifyArgs),
    /// Build a package again from its evidence, and say whether it gives the same bytes
    Rebuild(RebuildArgs),
    /// Say what was shipped: when, from which commit, by whom, built by what
    Audit(AuditArgs),
    /// Show and export the farm's keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign for other processes, as the one that holds the keys
    Signer(SignerArgs),
    /// Be the farm: take builds from partners, run them, publish, and serve the repository
    Serve(ServeArgs),
    /// What needs nothing of this machine.
    #[command(flatten)]
    Elsewhere(Elsewhere),
    /// List and bind the repositories that plugins come from
    Source(FarmSourceArgs),
    /// Add and list partners
    #[command(subcommand)]
    Partner(PartnerCommand),
    /// Give namespaces to partners, and list them
    Namespace(NamespaceArgs),
    /// Create, list and revoke the tokens by which the farm knows who asks
    Token(TokensArgs),
    /// Say who is told of outcomes
    Notify(NotifyArgs),
    /// Show what waits and runs, stop builds from beginning, and let them begin again
    Queue(QueueArgs),
    /// Write the whole farm to one file, keys included
    Backup {
        /// The file
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a farm that was backed up into an empty data folder
    Restore {
        /// The file
        #[arg(value_name = "FILE")]
        from: PathBuf,
    },
    /// Show and check the apt repository
    #[command(subcommand)]
    Repo(RepoCommand),
}

impl Command {
    /// Which farm it acts on, if that may be one elsewhere.
    pub(super) fn farm(&self) -> Option<&FarmArgs> {
        match self {
            Self::Promote(arguments) => Some(&arguments.farm),
            Self::Phase(arguments) => Some(&arguments.farm),
            Self::Withdraw(arguments) => Some(&arguments.farm),
            Self::Rollback(arguments) => Some(&arguments.farm),
            Self::Source(arguments) => Some(&arguments.farm),
            Self::Namespace(arguments) => Some(&arguments.farm),
            Self::Token(arguments) => Some(&arguments.farm),
            Self::Notify(arguments) => Some(&arguments.farm),
            Self::Queue(arguments) => Some(&arguments.farm),
            _ => None,
        }
    }
}

/// Commands about images.
#[derive(Debug, Subcommand)]
pub(super) enum ImagesCommand {
    /// Make the images that are missing, from Debian packages
    Build {
        /// Only for this Debian release; may be given again
        #[arg(long = "target", value_name = "RELEASE")]
        targets: Vec<Target>,
    },
    /// List the images that exist
    List,
}

/// Where a plugin comes from.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// The plugin: a folder, or the URL of a git repository (https, ssh, git)
    #[arg(value_name = "PATH|URL")]
    pub(super) location: String,
    /// Branch, tag or commit; without it, the repository's default branch
    #[arg(long = "ref", value_name = "REF")]
    pub(super) reference: Option<String>,
    /// The plugin's folder inside the repository
    #[arg(long, value_name = "DIR")]
    pub(super) subdirectory: Option<String>,
    /// The namespace of a plugin in the old layout (package.yml), which has none of its own
    #[arg(long, value_name = "NAMESPACE")]
    pub(super) namespace: Option<Namespace>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The plugin.
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The plugin.
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// The Debian release to build for
    #[arg(long, value_name = "RELEASE", default_value = "bookworm")]
    pub(super) target: Target,
    /// Where the package and its evidence go; without it, into the farm's state
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Publish the package when it is built
    #[arg(long)]
    pub(super) publish: bool,
    /// Publish in this channel; without it, in the first
    #[arg(long, value_name = "CHANNEL", requires = "publish")]
    pub(super) channel: Option<Channel>,
    /// Build the preview of this branch, with a version below the release's; it is published in a channel of its own
    #[arg(long, value_name = "BRANCH", conflicts_with = "channel")]
    pub(super) preview: Option<String>,
    /// Let this held finding pass, by its code; may be given again
    #[arg(long = "allow", value_name = "CODE")]
    pub(super) allow: Vec<String>,
    /// Publish although the source is a folder with changes that no commit holds
    #[arg(long, requires = "publish")]
    pub(super) unpinned: bool,
}

/// Arguments of `publish`.
#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// Packages that this farm built; their evidence lies beside them
    #[arg(value_name = "DEB", required = true)]
    pub(super) packages: Vec<PathBuf>,
    /// Publish in this channel; without it, in the first
    #[arg(long, value_name = "CHANNEL")]
    pub(super) channel: Option<Channel>,
    /// Publish in the channel with the previews of this branch
    #[arg(long, value_name = "BRANCH", conflicts_with = "channel")]
    pub(super) preview: Option<String>,
    /// Publish although the source was a folder with changes that no commit holds
    #[arg(long)]
    pub(super) unpinned: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The package's file; its evidence lies beside it, or in the repository
    #[arg(value_name = "DEB")]
    pub(super) package: PathBuf,
    /// A public statement key to trust, as a PEM file; without it, this farm's own and those that apt's keyrings installed
    #[arg(long = "key", value_name = "FILE")]
    pub(super) keys: Vec<PathBuf>,
}

/// Arguments of `rebuild`.
#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    /// The package: its file, or the name under which it is published, in its highest version or in the one named
    #[arg(value_name = "DEB|PACKAGE[=VERSION]")]
    pub(super) package: String,
    /// The Debian release that the published package is for
    #[arg(long, value_name = "RELEASE")]
    pub(super) target: Option<Target>,
    /// Where the source is now; without it, what the farm has kept, or what is where the evidence says
    #[arg(long, value_name = "PATH|URL")]
    pub(super) source: Option<String>,
    /// A public statement key to trust, as a PEM file; without it, those that `verify` trusts
    #[arg(long = "key", value_name = "FILE")]
    pub(super) keys: Vec<PathBuf>,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Only what is about this package; without it, everything
    #[arg(value_name = "PACKAGE")]
    pub(super) package: Option<String>,
    /// Only what happened since this time (such as 2026-03-01T12:00:00Z) or day (2026-03-01)
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Timestamp>,
    /// Only what was built from this commit; its first digits are enough
    #[arg(long, value_name = "COMMIT")]
    pub(super) commit: Option<String>,
}

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Show the fingerprints
    Show,
    /// Say what hosts will make of the published signatures, today and in 30, 90 and 365 days
    Doctor,
    /// Let keys that were restored from an older backup take note of what they signed since
    Adopt,
    /// Encrypt the secret keys with the configured passphrase (`signer.passphrase_file`)
    Protect {
        /// Encrypt them with the passphrase in this file, which is to be the configured one from then on
        #[arg(long, value_name = "FILE", conflicts_with = "remove")]
        new: Option<PathBuf>,
        /// Leave them without a passphrase
        #[arg(long)]
        remove: bool,
    },
    /// Exchange the archive key for a new one, step by step: run it again for the next step, which it refuses to do too early
    Rotate {
        /// Only say how far it is, and what is next
        #[arg(long)]
        status: bool,
    },
    /// Take an archive key that GnuPG has exported; once something is published, as the next key of a rotation
    Import {
        /// What `gpg --export-secret-keys` wrote, armored or binary
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The file of the passphrase that opens it
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Write the public keys: the archive keyring (binary and armored) and the statement key
    Export {
        /// The folder to write to
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Arguments of `signer`.
#[derive(Debug, Args)]
pub(super) struct SignerArgs {
    /// The unix socket to listen at; without it, the configured one
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// Sign for the user with this id too, beside the configured ones; may be given again
    #[arg(long = "user", value_name = "UID")]
    pub(super) users: Vec<u32>,
}
