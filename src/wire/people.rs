//! Partners, what is theirs, and the tokens by which the farm knows who asks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A namespace, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// The namespace.
    pub namespace: String,
    /// The partner.
    pub partner: String,
}

/// A plugin, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The plugin, as `namespace/name`.
    pub plugin: String,
    /// The repository.
    pub url: String,
    /// The plugin's folder in it, unless it is the root.
    pub subdirectory: Option<String>,
    /// Whether it is shown to its partner and to auditors alone.
    pub private: bool,
}

/// Where a plugin is to come from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The repository's URL, without a credential: https, ssh or git.
    pub url: String,
    /// The plugin's folder in it, unless it is the root.
    pub subdirectory: Option<String>,
}

/// A token that is to be.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose it is; without it, the asking token's partner, or the operator.
    pub partner: Option<String>,
    /// Who holds it; what they decide carries their name. Only the operator says so: a token that a partner makes has the name
    /// of the one that it was made with.
    pub person: Option<String>,
    /// What it allows: submit, manage, release, report, audit, operate. A partner's allows submit and manage unless named.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// For which of the partner's namespaces; for all, if none is named.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// After how many days it ends, 1 to 3650; without it, 365.
    pub days: Option<u16>,
}

/// A token that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    /// Its id, which is no secret.
    pub id: String,
    /// The token. It is shown this once.
    pub token: String,
    /// When it ends.
    pub expires_at: String,
}

/// A token, without what is secret of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Whose it is; nobody's is the operator's.
    pub partner: Option<String>,
    /// Who holds it.
    pub person: Option<String>,
    /// What it allows.
    pub scopes: Vec<String>,
    /// For which of the partner's namespaces; for all, if none is named.
    pub namespaces: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
    /// When somebody ended it before.
    pub revoked_at: Option<String>,
}
