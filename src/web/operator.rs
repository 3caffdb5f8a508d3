//! The operator's page: is the farm well, and what can be done about it.

use axum::response::Response;
use maud::{Markup, html};
use rustix::fs::statvfs;

use super::fault::{Fault, sentence};
use super::layout::{Frame, nothing, page};
use super::session::{Viewer, Visit};
use super::words::{ago, size};
use super::{State, Web};
use crate::model::Timestamp;
use crate::pipeline::{Measure, now};
use crate::store::FailureCount;

/// How far back failures are counted, in seconds.
const WEEK: i64 = 7 * 86_400;

/// Shows how the farm is.
pub(super) async fn show(web: State, visit: Visit) -> Result<Response, Fault> {
    let viewer = visit.operator()?;
    let counts = web.store.count_builds().await?;
    let since = Timestamp::from_seconds(now().seconds() - WEEK);
    let failures = web.store.failures(since).await?;
    let body = html! {
        h1 { "Operator" }
        (notices(&web))
        section aria-labelledby="lock" { h2 #lock { "Queue" } (lock(viewer, visit.banner.as_deref())) }
        div.columns {
            section aria-labelledby="builds" {
                h2 #builds { "Builds" }
                dl.facts { @for (state, count) in counts { div { dt { a href={ "/builds?state=" (state) } { (state) } } dd { (count) } } } }
            }
            section aria-labelledby="failures" { h2 #failures { "Failures of the last 7 days" } (blames(&failures)) }
        }
        div.columns {
            section aria-labelledby="disk" { h2 #disk { "Disk" } (disk(&web)) }
            section aria-labelledby="engine" { h2 #engine { "Engine" } (engine(&web)) }
        }
    };
    let frame = Frame {
        title: "Operator",
        changes: false,
    };
    Ok(page(&web, &visit, frame, &body))
}

fn notices(web: &Web) -> Markup {
    let all = web.notices.all();
    html! {
        @if !all.is_empty() {
            section.own aria-labelledby="notices" {
                h2 #notices { "To be looked at" }
                ul { @for one in &all { li { b { (one.about) } ": " (sentence(&one.words)) " Since " (ago(one.since, now())) "." } } }
            }
        }
    }
}

fn lock(viewer: &Viewer, locked: Option<&str>) -> Markup {
    html! {
        @match locked {
            Some(reason) => {
                p { "It is locked: " b { (reason) } }
                form method="post" action="/operator/unlock" { (viewer.proof()) button type="submit" { "Let builds begin again" } }
            }
            None => {
                p { "It is open: builds begin as soon as it is their turn." }
                form.stacked method="post" action="/operator/lock" {
                    (viewer.proof())
                    label for="reason" { "Lock it, and tell everybody why" }
                    input #reason type="text" name="reason" required maxlength="500" placeholder="The mirror is being moved until 14:00" autocomplete="off";
                    button.danger type="submit" { "Lock the queue" }
                }
            }
        }
    }
}

fn blames(failures: &[FailureCount]) -> Markup {
    if failures.is_empty() {
        return nothing("There was none.");
    }
    html! {
        table {
            thead { tr { th scope="col" { "Fault of" } th scope="col" { "Code" } th scope="col" { "Attempts" } } }
            tbody { @for one in failures { tr { th scope="row" { (one.blame) } td { code { (one.code) } } td { (one.count) } } } }
        }
    }
}

fn disk(web: &Web) -> Markup {
    let root = &web.engine.facts().data_root;
    let mut places = vec![("Builds and state", Some(web.builds.as_path()))];
    places.push(("Repository", web.repository.folder()));
    places.push((
        "Engine",
        Some(root.as_path()).filter(|_| web.engine.facts().local),
    ));
    html! {
        dl.meters {
            @for (name, place) in places {
                @if let Some(Measure { used, limit }) = place.and_then(room) {
                    div {
                        dt { (name) }
                        dd {
                            (size(limit - used)) " free" span.dim { " of " (size(limit)) }
                            meter min="0" max=(limit) value=(used) high=(limit / 10 * 9) aria-label={ (name) ", used" } {}
                        }
                    }
                }
            }
        }
    }
}

/// How much of a file system is in use.
fn room(place: &std::path::Path) -> Option<Measure> {
    let stat = statvfs(place).ok()?;
    let limit = stat.f_blocks.saturating_mul(stat.f_frsize);
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    Some(Measure {
        used: limit.saturating_sub(free),
        limit,
    })
}

fn engine(web: &Web) -> Markup {
    let facts = web.engine.facts();
    let warnings = web.engine.facts().warnings();
    html! {
        dl.facts {
            div { dt { "Version" } dd { (facts.version) } }
            div { dt { "Runtime" } dd { (facts.runtime) @if let Some(runc) = &facts.runc { " " (runc) } } }
            div { dt { "Kernel" } dd { (facts.kernel) } }
            div { dt { "Storage" } dd { (facts.storage_driver) } }
            div { dt { "Builds at once" } dd { (web.workers) } }
        }
        @if !warnings.is_empty() {
            h3 { "Weaker than it could be" }
            ul { @for warning in &warnings { li { (warning) } } }
        }
    }
}
