//! Plugins and their versions, as the repository has them; and the channels that these go through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::Viewer;
use super::problem::Problem;
use super::{Api, State};
use crate::model::{DebianVersion, PluginId, Suite, Timestamp};
use crate::repo::{Known, Listing, RepoError, Repository};
use crate::store::{BoundSource, Reader, Shipped};
use crate::wire::{self, DetailedPlugin, Highest, Place, Plugin, Version};

/// The most plugins that one list has.
const MAX_LIST: u32 = 200;

/// Which plugins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this namespace.
    namespace: Option<String>,
    /// Only those after this one: the last of the list before.
    after: Option<String>,
    /// At most so many; at most 200.
    #[param(format = "int64", maximum = 4_294_967_295_u32)]
    limit: Option<u32>,
}

/// List plugins, by name
#[utoipa::path(get, path = "/plugins", params(Asked),
    responses((status = 200, description = "this is it", body = Vec<Plugin>)))]
pub(super) async fn list(
    api: State,
    viewer: Viewer,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Vec<Plugin>>, Problem> {
    let Query(asked) = asked?;
    let namespace = asked.namespace.as_deref().map(str::parse).transpose()?;
    let after: Option<PluginId> = asked.after.as_deref().map(str::parse).transpose()?;
    let limit = asked.limit.unwrap_or(50).min(MAX_LIST);
    let (namespace, after) = (namespace.as_ref(), after.as_ref());
    let sources = api
        .store
        .sources(namespace, after, limit, &viewer.0)
        .await?;
    let shelf = Arc::clone(&api.shelf);
    let highest = read(&api, move |repository| repository.highest(&shelf)).await?;
    // Bound sources come in pieces: what belongs behind the last one of a piece comes with the next.
    let full = sources.len() == limit as usize;
    let last = sources.last().filter(|_| full);
    let last = last.map(|last| last.source.plugin.to_string());
    let ids = highest
        .keys()
        .filter_map(|package| PluginId::of_package(package));
    let here: BTreeSet<_> = sources
        .iter()
        .map(|one| one.source.plugin.to_string())
        .collect();
    let among = |plugin: &PluginId| {
        let name = plugin.to_string();
        let bound = here.contains(&name);
        namespace.is_none_or(|namespace| plugin.namespace == *namespace)
            && after.is_none_or(|after| name > after.to_string())
            && last.as_ref().is_none_or(|last| name < *last)
            && !bound
    };
    let unbound = api.store.unbound(ids.filter(among), limit as usize).await?;
    let unbound = unbound.into_iter().map(|plugin| (plugin, None));
    let bound = sources
        .into_iter()
        .map(|bound| (bound.source.plugin.clone(), Some(bound)));
    let plugins = bound.chain(unbound).map(|(plugin, bound)| {
        let suites = highest.get(&plugin.package());
        describe(
            &plugin,
            bound,
            suites.into_iter().flat_map(BTreeMap::values),
        )
    });
    let mut plugins: Vec<_> = plugins.collect();
    plugins.sort_by(|a, b| a.plugin.cmp(&b.plugin));
    plugins.truncate(limit as usize);
    Ok(Json(plugins))
}

/// Show a plugin, with every version that was published of it
#[utoipa::path(get, path = "/plugins/{namespace}/{name}",
    params(("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, description = "this is it", body = DetailedPlugin)))]
pub(super) async fn show(
    api: State,
    viewer: Viewer,
    id: Id,
) -> Result<Json<DetailedPlugin>, Problem> {
    let plugin = named(id)?;
    let bound = api.store.shown_source(&plugin, &viewer.0).await?;
    let package = plugin.package();
    let names = vec![package.clone()];
    let (mut known, pending) = read(&api, move |repository| repository.known(&names)).await?;
    // What is published and bound to nothing is everybody's to see; what is bound and not shown is not.
    let unbound = bound.is_none() && api.store.bound_source(&plugin).await?.is_none();
    if bound.is_none() && (known.is_empty() || !unbound) {
        return Err(Problem::missing("plugin"));
    }
    let shipped = api.store.shipped(&package).await?;
    let highest = highest(&known);
    let plugin = describe(&plugin, bound, highest.values());
    known.reverse();
    Ok(Json(DetailedPlugin {
        plugin,
        versions: known.iter().map(|one| version(one, &shipped)).collect(),
        pending: pending.iter().map(Into::into).collect(),
    }))
}

/// A plugin's namespace and name in a path.
pub(super) type Id = Result<Path<(String, String)>, PathRejection>;

/// The plugin that a path names, if `reader` may know of it.
pub(super) async fn find(api: &Api, id: Id, reader: &Reader) -> Result<BoundSource, Problem> {
    let found = api.store.shown_source(&named(id)?, reader).await?;
    found.ok_or_else(|| Problem::missing("plugin"))
}

pub(super) fn named(id: Id) -> Result<PluginId, Problem> {
    let missing = || Problem::missing("plugin");
    let Path((namespace, name)) = id.map_err(|_| missing())?;
    format!("{namespace}/{name}").parse().map_err(|_| missing())
}

/// Asks the repository, whose files may be slow.
pub(super) async fn read<T: Send + 'static>(
    api: &Api,
    ask: impl FnOnce(&Repository) -> Result<T, RepoError> + Send + 'static,
) -> Result<T, Problem> {
    let repository = api.repository.clone();
    let asked = tokio::task::spawn_blocking(move || ask(&repository)).await;
    match asked {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Problem::broken()),
    }
}

/// The highest version in each suite.
fn highest(known: &[Known]) -> BTreeMap<String, (Suite, DebianVersion)> {
    let mut highest = BTreeMap::new();
    // They come in the order of their versions: the last one of a suite stays.
    for one in known {
        for (suite, listing) in &one.places {
            if listing.removed.is_none() {
                let version = one.published.version.clone();
                highest.insert(suite.to_string(), (suite.clone(), version));
            }
        }
    }
    highest
}

fn describe<'a>(
    plugin: &PluginId,
    bound: Option<BoundSource>,
    highest: impl Iterator<Item = &'a (Suite, DebianVersion)>,
) -> Plugin {
    let highest = highest.map(|(suite, version)| Highest {
        suite: suite.to_string(),
        target: suite.target.to_string(),
        channel: suite.channel.to_string(),
        version: version.to_string(),
    });
    let source = bound.as_ref().map(|bound| &bound.source);
    let folder = source.map(|source| source.subdirectory.clone());
    Plugin {
        plugin: plugin.to_string(),
        package: plugin.package(),
        url: source.map(|source| source.url.clone()),
        subdirectory: folder.filter(|folder| !folder.is_empty()),
        private: bound.as_ref().is_some_and(|bound| bound.private),
        partner: bound.map(|bound| bound.partner.to_string()),
        highest: highest.collect(),
    }
}

fn version(known: &Known, shipped: &[Shipped]) -> Version {
    let published = &known.published;
    let version = published.version.to_string();
    let build = shipped.iter().find(|one| one.version == version);
    Version {
        build: build.map(|one| one.build.to_string()),
        plugin_version: published.plugin_version.as_ref().map(ToString::to_string),
        architecture: published.architecture.to_string(),
        commit: published.commit.as_ref().map(ToString::to_string),
        imported: published.imported,
        preview: published.preview,
        sha256: published.sha256.to_string(),
        size: published.size,
        filename: published.filename.clone(),
        published_at: published.published.rfc3339(),
        places: known.places.iter().map(place).collect(),
        version,
    }
}

fn place((suite, listing): &(Suite, Listing)) -> Place {
    Place {
        suite: suite.to_string(),
        target: suite.target.to_string(),
        channel: suite.channel.to_string(),
        since: listing.since.rfc3339(),
        removed: listing.removed.map(Timestamp::rfc3339),
        withdrawn: listing.withdrawn.as_ref().map(ToString::to_string),
        phased: listing.phased,
    }
}

/// List the channels, in the order that packages go through them; previews come last
#[utoipa::path(get, path = "/channels",
    responses((status = 200, description = "this is it", body = Vec<wire::Channel>)))]
pub(super) async fn channels(api: State) -> Result<Json<Vec<wire::Channel>>, Problem> {
    let suites = read(&api, Repository::suites).await?;
    let mut channels: Vec<_> = api.channels.clone();
    for one in &suites {
        if one.suite.channel.is_preview() && !channels.contains(&one.suite.channel) {
            channels.push(one.suite.channel.clone());
        }
    }
    let channel = |(at, channel): (usize, crate::model::Channel)| {
        let own = suites.iter().filter(|one| one.suite.channel == channel);
        let own = own.map(|one| wire::Suite {
            suite: one.suite.to_string(),
            target: one.suite.target.to_string(),
            generation: one.generation,
            date: one.date.rfc3339(),
            packages: one.packages,
        });
        wire::Channel {
            approvals: (at > 0 && !channel.is_preview()).then_some(api.approvals),
            channel: channel.to_string(),
            suites: own.collect(),
        }
    };
    let found = channels.into_iter().enumerate().map(channel);
    Ok(Json(found.collect()))
}
