//! The first page, and the lists: what happened lately, the plugins, what a search finds.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use maud::{Markup, html};

use super::fault::Fault;
use super::layout::{Frame, nothing, page};
use super::serve::see_other;
use super::session::{Form, Visit};
use super::words::{ago, build_state, count, short};
use super::{State, Web};
use crate::model::{BuildId, BuildState, PluginId, Timestamp};
use crate::pipeline::now;
use crate::store::{BoundSource, Build, Filter, PublishedRow};

/// How many builds the first page has.
const LATELY: u32 = 12;
/// How many builds one page of the list has.
const LIST: u32 = 50;
/// How many plugins are listed.
const PLUGINS: u32 = 500;

fn read(query: RawQuery) -> Form {
    Form::read(&Bytes::from(query.0.unwrap_or_default()))
}

/// The first page.
pub(super) async fn home(web: State, visit: Visit, query: RawQuery) -> Result<Response, Fault> {
    let asked = read(query);
    let word = asked.field("q").trim();
    if !word.is_empty() {
        return search(&web, &visit, word).await;
    }
    let now = now();
    let filter = Filter {
        reader: visit.reader(),
        limit: LATELY,
        ..Filter::default()
    };
    let builds = web.store.builds(&filter).await?;
    let published = web.store.publications(None, 6, &visit.reader()).await?;
    let counts: HashMap<_, _> = web.store.count_builds().await?.into_iter().collect();
    let of = |state: BuildState| counts.get(&state).copied().unwrap_or(0);
    let body = html! {
        section.hero {
            h1 { "Plugins for Wazo, built in the open" }
            p.lede {
                "A plugin's repository goes in, a signed Debian package comes out. "
                "Every build tells what it did, from which commit, and whose fault it is when it fails."
            }
            (search_form(""))
            p.pulse #pulse data-refresh="5" {
                a href="/queue" { (count(of(BuildState::Running), "build runs", "builds run")) }
                " · " a href="/queue" { (count(of(BuildState::Queued), "waits", "wait")) }
                " · " (of(BuildState::Succeeded)) " published so far"
            }
        }
        div.columns {
            section aria-labelledby="lately" {
                h2 #lately { "Lately" }
                div #lately-builds data-refresh="5" { (build_list(&builds, now)) }
                p.more { a href="/builds" { "All builds" } }
            }
            section aria-labelledby="new" {
                h2 #new { "New for hosts" }
                (published_list(&published, now))
                p.more { a href="/plugins" { "All plugins" } }
            }
        }
    };
    let frame = Frame {
        title: "Plugins for Wazo",
        changes: false,
    };
    Ok(page(&web, &visit, frame, &body))
}

fn search_form(word: &str) -> Markup {
    html! {
        form.search method="get" action="/" role="search" {
            label.unseen for="q" { "Search for a plugin, a build or a commit" }
            input #q type="search" name="q" value=(word) placeholder="Plugin, build or commit" autocomplete="off" spellcheck="false";
            button type="submit" { "Search" }
        }
    }
}

async fn search(web: &Web, visit: &Visit, word: &str) -> Result<Response, Fault> {
    let reader = visit.reader();
    if let Ok(id) = BuildId::new(word)
        && web.store.shows(&id, &reader).await?
    {
        return Ok(see_other(&format!("/builds/{id}")));
    }
    let plugins = web.store.plugins(word, 50, &reader).await?;
    let others = unbound(web, word, 50).await?;
    let builds = web.store.builds_of_commit(word, 20, &reader).await?;
    let found = plugins.iter().map(|one| &one.source.plugin).chain(&others);
    let found: Vec<_> = found.collect();
    if let ([one], []) = (found.as_slice(), builds.as_slice()) {
        return Ok(see_other(&format!("/plugins/{one}")));
    }
    let body = html! {
        h1 { "Search" }
        (search_form(word))
        @if found.is_empty() && builds.is_empty() {
            (nothing("Nothing has that name. A plugin is found by a part of its name or namespace, a build by its id, a commit by its first digits."))
        }
        @if !found.is_empty() { h2 { "Plugins" } (plugin_list(&plugins, &others)) }
        @if !builds.is_empty() { h2 { "Builds of that commit" } (build_list(&builds, now())) }
    };
    let frame = Frame {
        title: "Search",
        changes: false,
    };
    Ok(page(web, visit, frame, &body))
}

/// Builds, newest first.
pub(super) async fn builds(web: State, visit: Visit, query: RawQuery) -> Result<Response, Fault> {
    let asked = read(query);
    let given = |name| Some(asked.field(name)).filter(|text| !text.is_empty());
    let before = given("before").map(BuildId::new).transpose()?;
    let state = given("state").map(str::parse::<BuildState>).transpose()?;
    let filter = Filter {
        state,
        before,
        reader: visit.reader(),
        limit: LIST,
        ..Filter::default()
    };
    let builds = web.store.builds(&filter).await?;
    let full = builds.len() == LIST as usize;
    let older = builds.last().filter(|_| full).map(|last| {
        let state = state
            .map(|state| format!("&state={state}"))
            .unwrap_or_default();
        format!("/builds?before={}{state}", last.id)
    });
    let body = html! {
        h1 { "Builds" }
        nav.tabs aria-label="By state" {
            a href="/builds" aria-current=[state.is_none().then_some("true")] { "All" }
            @for one in BuildState::ALL {
                a href={ "/builds?state=" (one) } aria-current=[(state == Some(*one)).then_some("true")] { (one) }
            }
        }
        (build_list(&builds, now()))
        @if let Some(older) = older { p.more { a rel="next" href=(older) { "Older builds" } } }
    };
    let frame = Frame {
        title: "Builds",
        changes: false,
    };
    Ok(page(&web, &visit, frame, &body))
}

/// Every plugin.
pub(super) async fn plugins(web: State, visit: Visit) -> Result<Response, Fault> {
    let plugins = web.store.plugins("", PLUGINS, &visit.reader()).await?;
    let others = unbound(&web, "", PLUGINS).await?;
    let body = html! {
        h1 { "Plugins" }
        (search_form(""))
        (plugin_list(&plugins, &others))
        @if plugins.len() == PLUGINS as usize { p.small { "These are the first " (PLUGINS) ". Search for others." } }
    };
    let frame = Frame {
        title: "Plugins",
        changes: false,
    };
    Ok(page(&web, &visit, frame, &body))
}

/// A list of builds.
pub(super) fn build_list(builds: &[Build], now: Timestamp) -> Markup {
    if builds.is_empty() {
        return nothing("There is no build here yet.");
    }
    html! {
        ul.rows {
            @for build in builds {
                li {
                    a.row href={ "/builds/" (build.id) } {
                        (build_state(build.state))
                        span.what { b { (build.plugin) } " " span.dim { (build.target) " · " (named(build)) } }
                        span.when { (ago(build.created_at, now)) }
                    }
                }
            }
        }
    }
}

/// What of the repository a build is of.
pub(super) fn named(build: &Build) -> String {
    match (&build.reference, &build.commit) {
        (Some(reference), _) => crate::model::printable(reference, 40),
        (None, Some(commit)) => short(commit),
        (None, None) => "default branch".to_owned(),
    }
}

/// At most `limit` plugins whose name has `word` in it, which hosts get and which no repository is bound to.
async fn unbound(web: &Web, word: &str, limit: u32) -> Result<Vec<PluginId>, Fault> {
    let (repository, shelf) = (web.repository.clone(), Arc::clone(&web.shelf));
    let permit = web.readers.acquire().await;
    let read = tokio::task::spawn_blocking(move || repository.highest(&shelf)).await;
    drop(permit);
    let highest = read.map_err(|_| Fault::slow())??;
    let word = word.to_lowercase();
    let ids = highest
        .keys()
        .filter_map(|package| PluginId::of_package(package));
    let ids = ids.filter(|plugin| plugin.to_string().contains(&word));
    Ok(web.store.unbound(ids, limit as usize).await?)
}

/// A list of plugins: those with a repository, and others.
pub(super) fn plugin_list(plugins: &[BoundSource], others: &[PluginId]) -> Markup {
    if plugins.is_empty() && others.is_empty() {
        return nothing("There is no plugin here yet.");
    }
    html! {
        ul.rows {
            @for one in plugins {
                li {
                    a.row href={ "/plugins/" (one.source.plugin) } {
                        span.what { b { (one.source.plugin) } " " span.dim { "by " (one.partner) @if one.private { " · private" } } }
                        span.when { (one.source.url) }
                    }
                }
            }
            @for one in others {
                li {
                    a.row href={ "/plugins/" (one) } {
                        span.what { b { (one) } }
                        span.when { "imported, or published by hand" }
                    }
                }
            }
        }
    }
}

fn published_list(published: &[PublishedRow], now: Timestamp) -> Markup {
    if published.is_empty() {
        return nothing("Nothing has been published yet.");
    }
    html! {
        ul.rows {
            @for one in published {
                li {
                    a.row href={ "/plugins/" (one.plugin) } {
                        span.what { b { (one.plugin) } " " span.dim { (one.publication.version) " · " (one.publication.suite) } }
                        span.when { (ago(one.publication.published_at, now)) }
                    }
                }
            }
        }
    }
}
