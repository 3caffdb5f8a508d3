//! The page of one build.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use maud::{Markup, html};

use super::fault::Fault;
use super::layout::{Frame, copyable, page};
use super::session::{Form, Visit};
use super::stages::{earlier, moments, timeline, used};
use super::verdict::{Standing, Verdict};
use super::words::{ago, quoted, size};
use super::{State, Web, log};
use crate::model::{BuildId, BuildState, Scope};
use crate::pipeline::now;
use crate::store::{Artifact, Attempt, Build};

/// The build that an address names. One that is not shown to whoever visits is not there.
pub(super) async fn find(web: &Web, visit: &Visit, Path(id): Path<String>) -> Result<Build, Fault> {
    let id = BuildId::new(&id).map_err(|_| Fault::missing("build"))?;
    let found = match web.store.shows(&id, &visit.reader()).await? {
        true => web.store.build(&id).await?,
        false => None,
    };
    found.ok_or_else(|| Fault::missing("build"))
}

/// Shows a build.
pub(super) async fn show(
    web: State,
    visit: Visit,
    id: Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let build = find(&web, &visit, id).await?;
    let asked = Form::read(&Bytes::from(query.unwrap_or_default()));
    let attempts = web.store.attempts(&build.id).await?;
    let number = asked.field("attempt").parse::<u32>().ok();
    let shown = match number {
        Some(number) => attempts.iter().find(|one| one.number == number),
        None => attempts.last(),
    };
    let from = asked
        .field("from")
        .parse::<usize>()
        .ok()
        .filter(|from| *from > 0);
    let status = status(&web, &visit, &build, &attempts).await?;
    let artifacts = web.store.artifacts(&build.id).await?;
    let body = html! {
        div.title {
            p.eyebrow { a href={ "/plugins/" (build.plugin) } { (build.plugin) } " for " (build.target) }
            h1 { "Build of " (build.plugin.name) }
            p.dim { "Submitted " (ago(build.created_at, now())) " by " a href={ "/namespaces/" (build.plugin.namespace) } { (build.partner) } }
        }
        div #status data-refresh=[(!build.state.is_final()).then_some("2")] data-final=(build.state.is_final()) { (status) }
        (actions(&visit, &build))
        section #output aria-labelledby="log" data-refresh=[shown.is_none().then_some("2")] {
            h2 #log { "Log" }
            @match shown {
                Some(attempt) => (log_of(&web, &build, attempt, from).await?),
                None => p.nothing { "There is no log before the first attempt." }
            }
        }
        div.columns #facts data-refresh=[(!build.state.is_final()).then_some("2")] {
            section aria-labelledby="inputs" { h2 #inputs { "Inputs" } (inputs(&build)) }
            section aria-labelledby="evidence" { h2 #evidence { "Package and evidence" } (evidence(&build, &artifacts)) }
        }
        section aria-labelledby="again" {
            h2 #again { "The same build on a laptop" }
            p { "The same source, in the same sandbox. It needs plugfarm and a Docker engine." }
            (copyable("Command that repeats the build", &command(&build)))
        }
    };
    let title = format!("{} · build of {}", build.state, build.plugin);
    let frame = Frame {
        title: &title,
        changes: !build.state.is_final(),
    };
    Ok(page(&web, &visit, frame, &body))
}

/// What changes while it runs: the verdict, the stages, what was used.
async fn status(
    web: &Web,
    visit: &Visit,
    build: &Build,
    attempts: &[Attempt],
) -> Result<Markup, Fault> {
    let now = now();
    let verdict = Verdict::of(build);
    let publication = web.store.publication(&build.id).await?;
    let wait = match build.state {
        BuildState::Queued => web.forecast.of(&web.store, &build.id, now).await?,
        _ => None,
    };
    let awaited = match build.state {
        BuildState::Parked => web.store.awaited(&build.id, &visit.reader()).await?,
        _ => Vec::new(),
    };
    let standing = Standing {
        build,
        verdict: &verdict,
        attempts,
        publication: publication.as_ref(),
        wait: wait.as_ref(),
        awaited: &awaited,
        now,
    };
    let rows = match attempts.last() {
        Some(attempt) => web.store.stages(&attempt.id).await?,
        None => Vec::new(),
    };
    Ok(html! {
        section aria-label="Verdict" { (standing.markup()) }
        section aria-labelledby="moments" {
            h2 #moments { "Timeline" }
            @let last = attempts.last().map(|attempt| (attempt, rows.as_slice()));
            (moments(&build.moments(last, publication.as_ref())))
        }
        @if let Some(attempt) = attempts.last() {
            section aria-labelledby="stages" {
                h2 #stages { "Stages" }
                (timeline(attempt, &rows, now))
                @if let Some(resources) = &verdict.resources {
                    h3 { "What it used of what it may" }
                    (used(resources))
                }
                (earlier(build.id.as_str(), attempts, now))
            }
        }
    })
}

async fn log_of(
    web: &Web,
    build: &Build,
    attempt: &Attempt,
    from: Option<usize>,
) -> Result<Markup, Fault> {
    let part = log::part(web, build, attempt, from).await?;
    Ok(html! {
        p.small.spread {
            span { "Attempt " (attempt.number) }
            a href={ "/builds/" (build.id) "/log?attempt=" (attempt.number) } { "The whole log as text" }
        }
        (part.markup(build, attempt))
    })
}

/// What whoever visits may do about it.
fn actions(visit: &Visit, build: &Build) -> Markup {
    let may = visit
        .viewer
        .as_ref()
        .filter(|viewer| viewer.may(Scope::Manage, &build.plugin.namespace, &build.partner));
    let Some(viewer) = may else {
        return html! {};
    };
    let button = |verb: &str, words: &str, class: &str| {
        html! {
            form method="post" action={ "/builds/" (build.id) "/" (verb) } {
                (viewer.proof()) button class=(class) type="submit" { (words) }
            }
        }
    };
    html! {
        div.actions {
            @if !build.state.is_final() { (button("cancel", "Stop this build", "danger")) }
            @let quarantined = build.state == BuildState::Quarantined;
            @if build.state.can_become(BuildState::Queued) && (!quarantined || viewer.token.operates()) {
                (button("retry", "Try it again", ""))
            }
        }
    }
}

fn inputs(build: &Build) -> Markup {
    html! {
        dl.facts {
            div { dt { "Repository" } dd { code.wide { (build.url) } } }
            @if !build.subdirectory.is_empty() { div { dt { "Folder" } dd { code { (build.subdirectory) } } } }
            div { dt { "Asked for" } dd {
                @match &build.reference { Some(reference) => code.wide { (reference) }, None => "the default branch" }
            } }
            div { dt { "Commit" } dd {
                @match &build.commit { Some(commit) => code.wide { (commit) }, None => "not fetched yet" }
            } }
            div { dt { "Target" } dd { (build.target) } }
            div { dt { "Channel" } dd { (build.channel) } }
            div { dt { "Priority" } dd { (build.priority) } }
            div { dt { "Build" } dd { code.wide { (build.id) } } }
        }
    }
}

fn evidence(build: &Build, artifacts: &[Artifact]) -> Markup {
    html! {
        @if artifacts.is_empty() {
            p.nothing { "There is nothing to download: only a build that succeeds leaves a package." }
        } @else {
            ul.files {
                @for one in artifacts {
                    li {
                        a href={ "/builds/" (build.id) "/artifacts/" (one.name) } download { (one.name) }
                        span.dim { (about(&one.name)) " · " (size(one.size)) }
                        code.digest { "sha256:" (one.sha256) }
                    }
                }
            }
        }
    }
}

/// What a file is for.
fn about(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("deb") => "the package",
        Some("jsonl") => "the signed statement of where it comes from",
        Some("buildinfo") => "what it was built in",
        Some("json") => "what it holds",
        Some("log") => "the whole log",
        _ => "evidence",
    }
}

/// The command that builds the same again.
fn command(build: &Build) -> String {
    let mut words = vec![
        "plugfarm".to_owned(),
        "build".to_owned(),
        quoted(&build.url),
    ];
    if let Some(reference) = build.commit.as_ref().or(build.reference.as_ref()) {
        words.push(quoted(&format!("--ref={reference}")));
    }
    if !build.subdirectory.is_empty() {
        words.push(quoted(&format!("--subdirectory={}", build.subdirectory)));
    }
    words.push(format!("--target={}", build.target));
    words.join(" ")
}
