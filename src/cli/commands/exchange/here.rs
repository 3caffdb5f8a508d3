//! The same, of the farm in this machine's data folder, in the shapes that a farm elsewhere answers in.

use crate::app::App;
use crate::cli::args::WatchArgs;
use crate::cli::commands::people::OPERATOR;
use crate::cli::usage::WrongUsage;
use crate::forge::{Forge, RefPattern};
use crate::model::PluginId;
use crate::pipeline::now;
use crate::source::{Asker, Credential, Location};
use crate::store;
use crate::watch::Watching;
use crate::wire::{Delivery, Hook, NewCredential, Watch};

pub(super) async fn watch(app: &App, arguments: &WatchArgs) -> anyhow::Result<Watch> {
    let (plugin, store) = (&arguments.plugin, app.store().await?);
    for pattern in arguments.branches.iter().chain(&arguments.tags) {
        pattern.parse::<RefPattern>()?;
    }
    if !arguments.branches.is_empty() || !arguments.tags.is_empty() {
        let channels = &app.config.repository.channels;
        let named = arguments.channel.as_ref().or(channels.first());
        let channel = named.filter(|one| channels.contains(one));
        let channel =
            channel.ok_or_else(|| WrongUsage("the farm has no such channel".to_owned()))?;
        let every = u32::try_from(app.config.watch.every.as_secs())?;
        let watch = store::Watch {
            plugin: plugin.clone(),
            branches: arguments.branches.clone(),
            tags: arguments.tags.clone(),
            target: arguments.target,
            channel: channel.clone(),
            lists: arguments.every.unwrap_or(every),
        };
        store.set_watch(&watch, OPERATOR, now()).await?;
    }
    let found = store.watch(plugin).await?.ok_or_else(|| {
        WrongUsage(format!(
            "nothing of {plugin} is built by itself; name what is with --branch and --tag"
        ))
    })?;
    Ok(found.into())
}

pub(super) async fn unwatch(app: &App, plugin: &PluginId) -> anyhow::Result<()> {
    let store = app.store().await?;
    Ok(store.remove_watch(plugin, OPERATOR, now()).await?)
}

pub(super) async fn add_hook(app: &App, plugin: &PluginId, forge: Forge) -> anyhow::Result<Hook> {
    let watching = app.watching().await?;
    let (hook, secret) = watching.add_hook(plugin, forge, OPERATOR, now()).await?;
    Ok(Hook {
        secret: Some(secret),
        ..hook.into()
    })
}

pub(super) async fn hooks(app: &App, plugin: &PluginId) -> anyhow::Result<Vec<Hook>> {
    let hooks = app.store().await?.hooks(plugin).await?;
    Ok(hooks.into_iter().map(Into::into).collect())
}

pub(super) async fn remove_hook(app: &App, plugin: &PluginId, id: &str) -> anyhow::Result<()> {
    let watching = app.watching().await?;
    let hook = find(&watching, plugin, id).await?;
    let removed = watching.store.remove_hook(&hook.id, OPERATOR, now());
    Ok(removed.await?)
}

pub(super) async fn deliveries(
    app: &App,
    plugin: &PluginId,
    id: &str,
) -> anyhow::Result<Vec<Delivery>> {
    let watching = app.watching().await?;
    let hook = find(&watching, plugin, id).await?;
    let all = watching.store.deliveries(&hook.id).await?;
    Ok(all.into_iter().map(Into::into).collect())
}

pub(super) async fn replay(
    app: &App,
    plugin: &PluginId,
    id: &str,
    delivery: &str,
) -> anyhow::Result<Delivery> {
    let watching = app.watching().await?;
    let hook = find(&watching, plugin, id).await?;
    let found = watching.replay(&hook, delivery, now()).await?;
    Ok(found.ok_or_else(|| missing("delivery"))?.into())
}

async fn find(watching: &Watching, plugin: &PluginId, id: &str) -> anyhow::Result<store::Hook> {
    let hook = watching.store.hook(id).await?;
    let hook = hook.filter(|hook| hook.plugin == *plugin);
    Ok(hook.ok_or_else(|| missing("hook"))?)
}

fn missing(what: &str) -> WrongUsage {
    WrongUsage(format!("there is no such {what}"))
}

pub(super) async fn set_private(app: &App, plugin: &PluginId, private: bool) -> anyhow::Result<()> {
    let store = app.store().await?;
    Ok(store.set_private(plugin, private, OPERATOR, now()).await?)
}

pub(super) async fn remove_credential(app: &App, plugin: &PluginId) -> anyhow::Result<()> {
    let store = app.store().await?;
    Ok(store.remove_credential(plugin, OPERATOR, now()).await?)
}

pub(super) async fn set_credential(
    app: &App,
    plugin: &PluginId,
    new: &NewCredential,
) -> anyhow::Result<()> {
    let watching = app.watching().await?;
    let credential = match (&new.token, &new.key) {
        (Some(token), _) => Credential::token(new.user.as_deref().unwrap_or_default(), token)?,
        (None, Some(key)) => Credential::key(key)?,
        (None, None) => return Err(WrongUsage("name a token or a key".to_owned()).into()),
    };
    if !fits(&watching, plugin, &credential).await? {
        let words = "a token opens https repositories, and a key opens ssh ones: this source is none of that kind";
        return Err(WrongUsage(words.to_owned()).into());
    }
    let secrets = &watching.secrets;
    let kept = secrets.set_credential(plugin, &credential, OPERATOR, now());
    Ok(kept.await?)
}

async fn fits(
    watching: &Watching,
    plugin: &PluginId,
    credential: &Credential,
) -> anyhow::Result<bool> {
    let bound = watching.store.bound_source(plugin).await?;
    let bound = bound.ok_or_else(|| WrongUsage(format!("{plugin} comes from nowhere yet")))?;
    Ok(match Location::parse(&bound.source.url, Asker::Stranger)? {
        Location::Repository(url) => credential.fits(url.scheme()),
        Location::Folder(_) => false,
    })
}
