//! Plugins and their versions, as the repository has them; and the channels that these go through.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::Viewer;
use super::problem::Problem;
use super::{Api, State};
use crate::model::{PluginId, Timestamp};
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
    let names: Vec<_> = sources
        .iter()
        .map(|one| one.source.plugin.package())
        .collect();
    let (known, _) = read(&api, move |repository| repository.known(&names)).await?;
    let mut by_package: BTreeMap<_, Vec<Known>> = BTreeMap::new();
    for one in known {
        let package = one.published.package.clone();
        by_package.entry(package).or_default().push(one);
    }
    let plugin = |bound: BoundSource| {
        let known = by_package.get(&bound.source.plugin.package());
        describe(bound, known.map_or(&[], Vec::as_slice))
    };
    Ok(Json(sources.into_iter().map(plugin).collect()))
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
    let bound = find(&api, id, &viewer.0).await?;
    let package = bound.source.plugin.package();
    let names = vec![package.clone()];
    let (mut known, pending) = read(&api, move |repository| repository.known(&names)).await?;
    let shipped = api.store.shipped(&package).await?;
    let plugin = describe(bound, &known);
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
    let missing = || Problem::missing("plugin");
    let Path((namespace, name)) = id.map_err(|_| missing())?;
    let plugin = format!("{namespace}/{name}")
        .parse()
        .map_err(|_| missing())?;
    let found = api.store.shown_source(&plugin, reader).await?;
    found.ok_or_else(missing)
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

fn describe(bound: BoundSource, known: &[Known]) -> Plugin {
    let BoundSource {
        source,
        partner,
        private,
    } = bound;
    let mut highest = BTreeMap::new();
    // They come in the order of their versions: the last one of a suite stays.
    for one in known {
        for (suite, listing) in &one.places {
            if listing.removed.is_none() {
                highest.insert(suite.to_string(), (suite, &one.published.version));
            }
        }
    }
    let highest = highest.into_iter().map(|(name, (suite, version))| Highest {
        suite: name,
        target: suite.target.to_string(),
        channel: suite.channel.to_string(),
        version: version.to_string(),
    });
    Plugin {
        plugin: source.plugin.to_string(),
        package: source.plugin.package(),
        partner: Some(partner.to_string()),
        url: source.url,
        subdirectory: Some(source.subdirectory).filter(|folder| !folder.is_empty()),
        private,
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

fn place((suite, listing): &(crate::model::Suite, Listing)) -> Place {
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
