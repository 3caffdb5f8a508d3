//! The page of one plugin: what hosts get, and how.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::fault::Fault;
use super::home::build_list;
use super::layout::{Frame, copyable, nothing, page};
use super::session::Visit;
use super::words::{ago, exact, short, size};
use super::{State, Web, decide, installations, promote};
use crate::model::{Namespace, PluginId, PluginName, Scope, Suite, Target, Timestamp};
use crate::pipeline::now;
use crate::repo::{Entry, Pending, RepoError};
use crate::store::{BoundSource, Filter};

/// The plugin that an address names.
pub(super) fn named(Path((namespace, name)): Path<(String, String)>) -> Result<PluginId, Fault> {
    let unknown = |_| Fault::missing("plugin");
    Ok(PluginId {
        namespace: Namespace::new(&namespace).map_err(unknown)?,
        name: PluginName::new(&name).map_err(unknown)?,
    })
}

/// Where it comes from, if whoever visits may know.
pub(super) async fn find(
    web: &Web,
    visit: &Visit,
    plugin: &PluginId,
) -> Result<BoundSource, Fault> {
    let found = web.store.shown_source(plugin, &visit.reader()).await?;
    found.ok_or_else(|| Fault::missing("plugin"))
}

/// Shows a plugin.
pub(super) async fn show(
    web: State,
    visit: Visit,
    name: Path<(String, String)>,
) -> Result<Response, Fault> {
    let plugin = named(name)?;
    let row = web.store.shown_source(&plugin, &visit.reader()).await?;
    let filter = Filter {
        plugin: Some(plugin.clone()),
        reader: visit.reader(),
        limit: 10,
        ..Filter::default()
    };
    let builds = web.store.builds(&filter).await?;
    let (entries, pending) = published(&web, plugin.package()).await?;
    // What is published and bound to nothing is everybody's to see; what is bound and not shown is not.
    let unbound = row.is_none() && web.store.bound_source(&plugin).await?.is_none();
    if row.is_none() && (entries.is_empty() || !unbound) {
        return Err(Fault::missing("plugin"));
    }
    let releases = visit.viewer.as_ref().filter(|viewer| {
        let partner = row.as_ref().map(|row| &row.partner);
        partner.is_some_and(|partner| viewer.may(Scope::Release, &plugin.namespace, partner))
    });
    let owner = row.as_ref().map(|row| &row.partner);
    let reader = visit.reader();
    let told = match reader.answers_for(&plugin.namespace, owner) {
        true => Some(installations::section(&web, &plugin, &entries).await?),
        false => None,
    };
    let newest = entries.last();
    let description = newest.and_then(|entry| description(&entry.published.stanza));
    let body = html! {
        div.title {
            p.eyebrow { a href={ "/namespaces/" (plugin.namespace) } { (plugin.namespace) } }
            h1 { (plugin.name) }
            @if let Some(description) = description { p.lede { (description) } }
            p { img src={ "/badges/" (plugin) ".svg" } alt={ "Badge of " (plugin) } height="20"; }
        }
        section aria-labelledby="install" {
            h2 #install { "Install it" }
            (install(&web, &plugin, newest).await?)
        }
        section aria-labelledby="versions" { h2 #versions { "Versions" } (versions(&web, &entries, now())) }
        @if let Some(told) = told { (told) }
        @if let Some(viewer) = releases {
            (promote::section(&web, viewer, &plugin, (&entries, &pending)))
            (decide::section(&web, viewer, &plugin, &entries))
        }
        div.columns {
            section aria-labelledby="builds" { h2 #builds { "Builds" } (build_list(&builds, now())) }
            section aria-labelledby="source" { h2 #source { "Source" } (source(row.as_ref())) }
        }
        section aria-labelledby="badge" {
            h2 #badge { "Badge" }
            p { "For the plugin's own page:" }
            (copyable("Markdown of the badge", &markdown(&web, &plugin)))
        }
    };
    let title = plugin.to_string();
    let frame = Frame {
        title: &title,
        changes: false,
    };
    Ok(page(&web, &visit, frame, &body))
}

/// Every version of a package that any suite has, or had, oldest first; and what of it waits for one more approval.
async fn published(web: &Web, package: String) -> Result<(Vec<Entry>, Vec<Pending>), Fault> {
    let repository = web.repository.clone();
    let permit = web.readers.acquire().await;
    let read = tokio::task::spawn_blocking(move || {
        let mut pending = repository.pending()?;
        pending.retain(|one| one.package == package);
        Ok::<_, RepoError>((repository.versions(&package)?, pending))
    });
    let read = read.await;
    drop(permit);
    Ok(read.map_err(|_| Fault::slow())??)
}

/// The one line of a package's paragraph that says what it is.
fn description(stanza: &str) -> Option<&str> {
    let mut lines = stanza.lines();
    lines.find_map(|line| line.strip_prefix("Description: "))
}

async fn install(web: &Web, plugin: &PluginId, newest: Option<&Entry>) -> Result<Markup, Fault> {
    if newest.is_none() {
        return Ok(nothing("Nothing of it has been published yet."));
    }
    let mut keyrings = Vec::new();
    for target in Target::ALL {
        let (repository, target) = (web.repository.clone(), target);
        let found = tokio::task::spawn_blocking(move || repository.keyring(target)).await;
        if let Some((name, digest)) = found.map_err(|_| Fault::slow())?? {
            keyrings.push((target, name, digest));
        }
    }
    let url = web.repository.url();
    let apt = format!("apt update\napt install {}", plugin.package());
    Ok(html! {
        p { "On a Wazo host that knows this farm:" }
        (copyable("Commands that install the plugin", &apt))
        details {
            summary { "A host that does not know the farm yet" }
            p { "Once per host: the keyring package holds the farm's keys and its source. Compare the digest with what the farm's operator told you." }
            @for (target, name, digest) in keyrings {
                h3 { "Debian " (target) }
                @let file = name.rsplit_once('/').map_or(name.as_str(), |(_, file)| file);
                @let words = format!("wget {url}/{name}\necho '{digest}  {file}' | sha256sum --check\napt install ./{file}");
                (copyable("Commands that make a host trust the farm", &words))
            }
        }
    })
}

fn versions(web: &Web, entries: &[Entry], now: Timestamp) -> Markup {
    if entries.is_empty() {
        return nothing("There is none yet.");
    }
    html! {
        div.scroll role="group" tabindex="0" aria-label="Table: versions" {
            table {
                thead { tr { th scope="col" { "Version" } th scope="col" { "Channels" } th scope="col" { "Commit" } th scope="col" { "Published" } th scope="col" { "Size" } } }
                tbody {
                    @for entry in entries.iter().rev() {
                        @let one = &entry.published;
                        tr {
                            th scope="row" { code { (one.version) } }
                            td { (channels(web, entry)) }
                            td { @if let Some(commit) = &one.commit { code title=(commit) { (short(commit.as_str())) } } @else if one.imported { "imported" } }
                            td title=(exact(one.published)) { (ago(one.published, now)) }
                            td { (size(one.size)) }
                        }
                    }
                }
            }
        }
    }
}

/// The suites that have a version, and the share of their hosts that upgrade to it; all, if there is none.
pub(super) fn listed(web: &Web, entry: &Entry) -> Vec<(Suite, Option<u8>)> {
    let suites = web.channels.iter().flat_map(|channel| {
        Target::ALL.iter().map(|target| Suite {
            target: *target,
            channel: channel.clone(),
        })
    });
    suites
        .filter_map(|suite| entry.listing(&suite).map(|listing| (suite, listing.phased)))
        .collect()
}

/// Where hosts find a version now.
fn channels(web: &Web, entry: &Entry) -> Markup {
    let present = listed(web, entry);
    html! {
        @if present.is_empty() { span.dim { "not offered any more" } }
        @for (suite, phased) in &present {
            span.tag {
                (suite.target) " " b { (suite.channel) }
                @if let Some(percent) = phased { " for " (percent) " % of hosts" }
            }
            " "
        }
    }
}

fn source(row: Option<&BoundSource>) -> Markup {
    let Some(row) = row else {
        return nothing("It was imported, or published by hand: no repository is bound to it.");
    };
    html! {
        dl.facts {
            div { dt { "Repository" } dd { code.wide { (row.source.url) } } }
            @if !row.source.subdirectory.is_empty() { div { dt { "Folder" } dd { code { (row.source.subdirectory) } } } }
            div { dt { "Partner" } dd { (row.partner) } }
            @if row.private { div { dt { "Private" } dd { "shown to the partner and to auditors alone" } } }
        }
        p.small { "It comes from this repository, and from no other." }
    }
}

fn markdown(web: &Web, plugin: &PluginId) -> String {
    let url = web.repository.url();
    let farm = url.strip_suffix("/apt").unwrap_or(&url);
    format!("[![{plugin}]({farm}/badges/{plugin}.svg)]({farm}/plugins/{plugin})")
}
