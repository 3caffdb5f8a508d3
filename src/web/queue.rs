//! The queue, explained: what runs, what is next, and why the rest waits.

use std::collections::HashSet;

use axum::response::Response;
use maud::{Markup, html};

use super::fault::{Fault, sentence};
use super::layout::{Frame, nothing, page};
use super::session::Visit;
use super::words::{ago, count, state, took};
use super::{State, Web};
use crate::model::{Actor, BuildId, PluginId, Timestamp};
use crate::pipeline::now;
use crate::queue::Forecast;
use crate::store::{QueueView, Running, Waiting};

/// How many builds that wait are explained one by one.
const EXPLAINED: usize = 50;

/// Shows the queue.
pub(super) async fn show(web: State, visit: Visit) -> Result<Response, Fault> {
    let now = now();
    let all = web.forecast.all(&web.store, now).await?;
    let hidden = web.store.hidden_plugins(&visit.reader()).await?;
    let seen = Seen {
        view: &all.view,
        forecast: &all.forecast,
        hidden: hidden.into_iter().collect(),
        now,
    };
    let body = html! {
        h1 { "Queue" }
        p.lede {
            "The farm has containers for " (count(web.workers as u64, "build", "builds")) " at once; while one is published, the next one begins. "
            "Whoever has used least of their share is next; so nobody waits for ever, however much somebody else submits."
        }
        div #queue data-refresh="5" {
            section aria-labelledby="runs" { h2 #runs { "Runs" } (seen.running()) }
            section aria-labelledby="waits" { h2 #waits { "Waits" } (seen.waiting()) }
            section aria-labelledby="shares" { h2 #shares { "Shares" } (shares(&all.view)) }
        }
    };
    let frame = Frame {
        title: "Queue",
        changes: true,
    };
    Ok(page(&web, &visit, frame, &body))
}

/// The queue, as far as whoever visits may see it.
struct Seen<'a> {
    view: &'a QueueView,
    forecast: &'a Forecast,
    hidden: HashSet<PluginId>,
    now: Timestamp,
}

impl Seen<'_> {
    fn running(&self) -> Markup {
        if self.view.running.is_empty() {
            return nothing("Nothing runs.");
        }
        html! {
            ul.rows { @for one in &self.view.running { li { (self.runs(one)) } } }
        }
    }

    fn runs(&self, one: &Running) -> Markup {
        let inside = html! {
            (state("running"))
            span.what { b { (self.name(&one.plugin)) } " " span.dim { "by " (one.partner) } }
            span.when { (ago(one.started_at, self.now)) }
        };
        self.row(&one.build, &one.plugin, &inside)
    }

    /// What waits, in the order in which it is expected to begin.
    fn waiting(&self) -> Markup {
        let waiting = &self.view.waiting;
        if waiting.is_empty() {
            return nothing("Nothing waits: what is submitted now begins at once.");
        }
        let place = |one: &&Waiting| {
            let wait = self.forecast.of(&one.build);
            wait.and_then(|wait| wait.ahead).unwrap_or(usize::MAX)
        };
        let mut first: Vec<_> = waiting.iter().collect();
        first.sort_by_key(place);
        let rest = first.len().saturating_sub(EXPLAINED);
        html! {
            ol.rows { @for one in first.into_iter().take(EXPLAINED) { li { (self.waits(one)) } } }
            @if rest > 0 { p.small { "And " (rest) " more." } }
        }
    }

    fn waits(&self, one: &Waiting) -> Markup {
        let hidden = self.hidden.contains(&one.plugin);
        let wait = self.forecast.of(&one.build).filter(|_| !hidden);
        let inside = html! {
            (state("queued"))
            span.what {
                b { (self.name(&one.plugin)) } " "
                span.dim { (one.target) " · by " (one.partner) " · " (one.priority) }
                @if let Some(wait) = wait { span.reason { (sentence(&wait.to_string())) } }
            }
        };
        self.row(&one.build, &one.plugin, &inside)
    }

    fn name(&self, plugin: &PluginId) -> String {
        if self.hidden.contains(plugin) {
            "a private plugin".to_owned()
        } else {
            plugin.to_string()
        }
    }

    fn row(&self, build: &BuildId, plugin: &PluginId, inside: &Markup) -> Markup {
        html! {
            @if self.hidden.contains(plugin) { div.row { (inside) } }
            @else { a.row href={ "/builds/" (build) } { (inside) } }
        }
    }
}

fn shares(view: &QueueView) -> Markup {
    let whole: u32 = view.partners.iter().map(|one| one.weight).sum();
    html! {
        div.scroll role="group" tabindex="0" aria-label="Table: shares" {
            table {
                thead { tr {
                    th scope="col" { "Partner" } th scope="col" { "Share" } th scope="col" { "Runs, of at most" }
                    th scope="col" { "Waits" } th scope="col" { "Used in two days" }
                } }
                tbody {
                    @for one in &view.partners {
                        tr {
                            th scope="row" { (one.name) }
                            td { (one.weight) " of " (whole) }
                            td { (runs(view, &one.name)) " of " (one.running_cap) }
                            td { (waits(view, &one.name)) }
                            td { (used(view, &one.name)) }
                        }
                    }
                }
            }
        }
    }
}

fn runs(view: &QueueView, partner: &Actor) -> usize {
    view.running
        .iter()
        .filter(|one| one.partner == *partner)
        .count()
}

fn waits(view: &QueueView, partner: &Actor) -> usize {
    view.waiting
        .iter()
        .filter(|one| one.partner == *partner)
        .count()
}

fn used(view: &QueueView, partner: &Actor) -> String {
    let own = view.used.iter().filter(|one| one.partner == *partner);
    took(std::time::Duration::from_secs(
        own.map(|one| one.seconds).sum(),
    ))
}

/// What one partner has of the farm.
pub(super) async fn share(web: &Web, partner: &Actor) -> Result<Markup, Fault> {
    let all = web.forecast.all(&web.store, now()).await?;
    let view = &all.view;
    let whole: u32 = view.partners.iter().map(|one| one.weight).sum();
    let found = view.partners.iter().find(|one| one.name == *partner);
    Ok(html! {
        @if let Some(one) = found {
            p {
                "Your share is " b { (one.weight) " of " (whole) } ". "
                (runs(view, partner)) " of at most " (one.running_cap) " builds run, " (waits(view, partner)) " wait. "
                "In the last two days you used " (used(view, partner)) "."
            }
        }
    })
}
