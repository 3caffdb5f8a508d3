//! The arguments of the farm as a service.

use std::net::SocketAddr;

use clap::{Args, Subcommand};

use super::{DecisionArgs, FarmArgs};
use crate::model::{Actor, Namespace, Scope};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArgs {
    /// The address and port to listen at; without it, the configured one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(in crate::cli) listen: Option<SocketAddr>,
}

/// Commands about partners.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PartnerCommand {
    /// Add a partner
    Add {
        /// The partner's name
        name: Actor,
        /// The partner's share of the farm, relative to others'
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
        weight: u32,
        /// How many of the partner's builds run at once, at most
        #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
        running: u32,
    },
    /// List the partners
    List,
}

/// Arguments of `namespace`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NamespaceArgs {
    /// What about them.
    #[command(subcommand)]
    pub(in crate::cli) command: NamespaceCommand,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Commands about namespaces.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NamespaceCommand {
    /// Give a namespace to a partner, for good
    Add {
        /// The namespace
        namespace: Namespace,
        /// Whose it is
        #[arg(long)]
        partner: Actor,
    },
    /// List the namespaces
    List,
}

/// Arguments of `token`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TokensArgs {
    /// What about them.
    #[command(subcommand)]
    pub(in crate::cli) command: TokenCommand,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Commands about tokens.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenCommand {
    /// Create a token, and show it this once
    Create(TokenArgs),
    /// List the tokens
    List,
    /// End a token now
    Revoke {
        /// Its id
        id: String,
    },
}

/// Arguments of `token create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TokenArgs {
    /// Whose it is; without it, the operator's
    #[arg(long, value_name = "PARTNER")]
    pub(in crate::cli) partner: Option<Actor>,
    /// Who holds it: what they decide carries this name, and approvals that several people must give count by it
    #[arg(long, value_name = "WHO")]
    pub(in crate::cli) person: Option<Actor>,
    /// What it allows (submit, manage, release, report, audit, operate); may be given again; a partner's allows submit and manage unless named
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(in crate::cli) scopes: Vec<Scope>,
    /// Only for plugins of this namespace; may be given again
    #[arg(long = "namespace", value_name = "NAMESPACE")]
    pub(in crate::cli) namespaces: Vec<Namespace>,
    /// After how many days it ends
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(in crate::cli) days: u16,
}

/// Arguments of `queue`.
#[derive(Debug, Args)]
pub(in crate::cli) struct QueueArgs {
    /// What about it.
    #[command(subcommand)]
    pub(in crate::cli) command: QueueCommand,
    /// Which farm; without it, the one in the data folder.
    #[command(flatten)]
    pub(in crate::cli) farm: FarmArgs,
}

/// Commands about the queue.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum QueueCommand {
    /// Show what waits and what runs
    Show,
    /// Let no build begin
    Lock(DecisionArgs),
    /// Let builds begin again
    Unlock {
        /// Who does it; without it, whoever called sudo, or is logged in
        #[arg(long, value_name = "WHO")]
        by: Option<Actor>,
    },
}
