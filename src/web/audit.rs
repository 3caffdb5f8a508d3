//! The audit page: what changed for hosts, and for the operator who did what on the farm.

use std::collections::HashSet;

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use maud::{Markup, html};

use super::fault::Fault;
use super::layout::{Frame, nothing, page};
use super::session::{Form, Visit};
use super::words::{ago, short};
use super::{READERS, State, Web};
use crate::model::{PluginId, Timestamp};
use crate::pipeline::now;
use crate::repo::{AuditQuery, Audited};
use crate::store::Event;

/// How many records are shown.
const RECORDS: usize = 200;

/// Shows the audit.
pub(super) async fn show(
    web: State,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    visit.signed_in()?;
    let asked = Form::read(&Bytes::from(query.unwrap_or_default()));
    let package = asked.field("package").trim();
    let records = records(&web, &visit, package).await?;
    let events = if visit.operates() {
        web.store.events(100).await?
    } else {
        Vec::new()
    };
    let now = now();
    let body = html! {
        h1 { "Audit" }
        p.lede { "Every change of what hosts can install. Each record is bound to the one before, and every signed Release to the last." }
        form.search method="get" action="/audit" {
            label.unseen for="package" { "Only this package" }
            input #package type="search" name="package" value=(package) placeholder="wazo-plugind-…" autocomplete="off" spellcheck="false";
            button type="submit" { "Show" }
        }
        section aria-labelledby="shipped" { h2 #shipped { "What was shipped" } (shipped(&records, now)) }
        @if visit.operates() {
            section aria-labelledby="events" { h2 #events { "What was done on the farm" } (done(&events, now)) }
        }
    };
    let frame = Frame {
        title: "Audit",
        changes: false,
    };
    Ok(page(&web, &visit, frame, &body))
}

/// The log, which is verified as a whole each time it is read; without what is private to others.
async fn records(web: &Web, visit: &Visit, package: &str) -> Result<Vec<Audited>, Fault> {
    let repository = web.repository.clone();
    let query = AuditQuery {
        package: Some(package.to_owned()).filter(|name| !name.is_empty()),
        ..AuditQuery::default()
    };
    // It costs more than any other page: at most two at once.
    let permit = web.readers.acquire_many(READERS / 2).await;
    let read = tokio::task::spawn_blocking(move || repository.audit(&query)).await;
    drop(permit);
    let mut records = read.map_err(|_| Fault::slow())??;
    let hidden = web.store.hidden_plugins(&visit.reader()).await?;
    let hidden: HashSet<_> = hidden.iter().map(PluginId::package).collect();
    records.retain(|one| {
        let about = one.event.about.as_ref();
        about.is_none_or(|about| !hidden.contains(&about.package))
    });
    records.truncate(RECORDS);
    Ok(records)
}

fn shipped(records: &[Audited], now: Timestamp) -> Markup {
    if records.is_empty() {
        return nothing("Nothing has changed yet.");
    }
    html! { ol.rows { @for one in records { li { (record(one, now)) } } } }
}

fn record(one: &Audited, now: Timestamp) -> Markup {
    let event = &one.event;
    html! {
        div.row {
            b.did { (event.action.word()) }
            span.what {
                @match &event.about {
                    Some(about) => {
                        (about.package) " " code { (about.version) }
                        @if let Some(commit) = &about.commit { " " span.aside { "from " (short(commit.as_str())) } }
                    }
                    None => "the repository",
                }
                @if let Some(suite) = &event.suite { " in " b { (suite) } }
                span.reason {
                    @match &event.by { Some(by) => (by), None => "the farm" }
                    @if let Some(reason) = &event.reason { ": " (reason) }
                }
            }
            span.when { "record " (one.record) " · " (ago(one.time, now)) }
        }
    }
}

fn done(events: &[Event], now: Timestamp) -> Markup {
    html! {
        ol.rows {
            @for one in events {
                li {
                    div.row {
                        b.did { (one.action) }
                        span.what { (one.subject) span.reason { (one.actor) } }
                        span.when { (ago(one.at, now)) }
                    }
                }
            }
        }
    }
}
