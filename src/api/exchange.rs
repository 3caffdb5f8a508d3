//! What the farm hears from forges, and whom it tells.

pub(super) mod hooks;
pub(super) mod incoming;
mod shapes;
pub(super) mod sources;
pub(super) mod subscriptions;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

use super::Api;
use super::auth::Caller;
use super::problem::Problem;
use crate::model::{PluginId, Scope};
use crate::store::{BoundSource, Reader};

/// A plugin in a path.
pub(super) type Named = Result<Path<(String, String)>, PathRejection>;

/// The source that a path names, which the caller may manage. A private one of somebody else's is not there.
async fn managed(
    api: &Api,
    caller: &Caller,
    namespace: &str,
    name: &str,
) -> Result<BoundSource, Problem> {
    let plugin: Result<PluginId, _> = format!("{namespace}/{name}").parse();
    let found = match plugin {
        Ok(plugin) => api.store.bound_source(&plugin).await?,
        Err(_) => None,
    };
    let bound = found.ok_or_else(|| Problem::missing("source"))?;
    let plugin = &bound.source.plugin;
    let allowed = caller.may(Scope::Manage, &plugin.namespace, &bound.partner);
    let hidden = api.store.hidden_plugins(&caller.reader()).await?;
    match allowed {
        Err(_) if hidden.contains(plugin) => Err(Problem::missing("source")),
        allowed => allowed.map(|()| bound),
    }
}

/// Likewise, from a path with nothing else in it.
async fn named(api: &Api, caller: &Caller, path: Named) -> Result<BoundSource, Problem> {
    let Path((namespace, name)) = path.map_err(|_| Problem::missing("source"))?;
    managed(api, caller, &namespace, &name).await
}

impl From<crate::watch::WatchError> for Problem {
    fn from(error: crate::watch::WatchError) -> Self {
        match error {
            crate::watch::WatchError::Store { source } => source.into(),
            crate::watch::WatchError::Secrets { source } => source.into(),
        }
    }
}

impl From<crate::secrets::SecretsError> for Problem {
    fn from(error: crate::secrets::SecretsError) -> Self {
        if let crate::secrets::SecretsError::Store { source } = error {
            return source.into();
        }
        tracing::error!(%error, "a secret could not be kept, or not be had");
        Self::broken()
    }
}

/// What an auditor, too, may read of a source: all but secrets, which nobody may.
async fn readable(
    api: &Api,
    caller: &Caller,
    namespace: &str,
    name: &str,
) -> Result<BoundSource, Problem> {
    if caller.reader() == Reader::Everything
        && let Ok(plugin) = format!("{namespace}/{name}").parse::<PluginId>()
        && let Some(bound) = api.store.bound_source(&plugin).await?
    {
        return Ok(bound);
    }
    managed(api, caller, namespace, name).await
}
