//! What the farm hears from forges, and what it tells.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A hook that is to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    /// Who sends: github, gitlab, gitea (Forgejo, too) or plain.
    pub forge: String,
}

/// A hook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Hook {
    /// Its id.
    pub id: String,
    /// The plugin that it builds.
    pub plugin: String,
    /// Who sends.
    pub forge: String,
    /// Where to send, below the farm's address.
    pub path: String,
    /// When it was made.
    pub created_at: String,
    /// The secret to sign with; shown once, when the hook is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What came in by a hook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id here.
    pub id: String,
    /// The forge's id of it.
    pub delivery: String,
    /// When it came.
    pub received_at: String,
    /// The event, in the forge's word.
    pub event: String,
    /// The ref that was pushed.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// built, ignored, failed or refused.
    pub verdict: String,
    /// Why, in a sentence.
    pub reason: String,
    /// The build that it led to.
    pub build: Option<String>,
}

/// What of a source is to be built by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewWatch {
    /// Patterns of branches, with * and ? as in a shell.
    pub branches: Vec<String>,
    /// Patterns of tags.
    pub tags: Vec<String>,
    /// The Debian release; without it, bookworm.
    pub target: Option<String>,
    /// The channel; without it, the farm's first.
    pub channel: Option<String>,
    /// How often the repository is asked what it has, in seconds, for when a hook gets lost; 0 is never; without it, as the
    /// farm's settings say.
    pub every: Option<u32>,
}

/// What of a source is built by itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Watch {
    /// The plugin.
    pub plugin: String,
    /// Patterns of branches.
    pub branches: Vec<String>,
    /// Patterns of tags.
    pub tags: Vec<String>,
    /// The Debian release.
    pub target: String,
    /// The channel.
    pub channel: String,
    /// How often the repository is asked what it has, in seconds; 0 is never.
    pub every: u32,
    /// When it is asked next.
    pub next_at: Option<String>,
    /// Whether it is known what the repository has; what is new after that is built.
    pub known: bool,
    /// How often in a row it could not be asked.
    pub failures: u32,
    /// Why not, the last time.
    pub problem: Option<String>,
}

/// What opens a private repository: a token for https, or a key for ssh. It is never shown again.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    /// The user's name, for a token; any, for forges that only look at the token.
    pub user: Option<String>,
    /// A token.
    pub token: Option<String>,
    /// A deploy key: a private key in OpenSSH's format, without a passphrase.
    pub key: Option<String>,
}

/// Whether something opens a repository.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Privacy {
    /// Whether the source is shown to its partner and to auditors alone.
    pub private: bool,
    /// The kind of credential that it has: token or key.
    pub credential: Option<String>,
    /// Since when.
    pub since: Option<String>,
}

/// Whether a source is to be shown to its partner and to auditors alone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrivacy {
    /// Whether it is.
    pub private: bool,
}

/// Somebody who is to be told of outcomes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// A mail address, or an https address.
    pub address: String,
    /// Only about this plugin.
    pub plugin: Option<String>,
    /// succeeded, failed, recovered, halted (a roll-out of theirs); without any, failed and recovered. Whoever hears of failures
    /// hears of halted roll-outs, too.
    #[serde(default)]
    pub events: Vec<String>,
}

/// Somebody who is told of outcomes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Whose builds it is about.
    pub partner: String,
    /// Only about this plugin.
    pub plugin: Option<String>,
    /// webhook or mail.
    pub kind: String,
    /// Where.
    pub address: String,
    /// What about.
    pub events: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// The secret that signs what is sent to a web address; shown once, when the subscription is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What was, or is to be, told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Letter {
    /// Its id, the same each time that it is sent.
    pub id: String,
    /// The build.
    pub build: String,
    /// succeeded, failed or recovered; halted for a roll-out.
    pub event: String,
    /// waiting, sent or given-up.
    pub state: String,
    /// How often it was sent.
    pub tries: u32,
    /// What went wrong the last time.
    pub problem: Option<String>,
    /// When it happened.
    pub created_at: String,
}
