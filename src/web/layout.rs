//! The frame of every page: where one is, who one is, what the farm has to say.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use super::session::Visit;
use super::{Web, assets};

/// How a page is to be shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame<'a> {
    /// What it is about, for the window's title.
    pub(super) title: &'a str,
    /// Whether it changes by itself: without a script, the browser asks for it again.
    pub(super) changes: bool,
}

/// A page for whoever visits.
pub(super) fn page(web: &Web, visit: &Visit, frame: Frame<'_>, body: &Markup) -> Response {
    html_response(document(web, frame, Some(visit), body))
}

/// A page that says what went wrong, whoever visits.
pub(super) fn bare(web: &Web, title: &str, body: &Markup) -> Response {
    let frame = Frame {
        title,
        changes: false,
    };
    html_response(document(web, frame, None, body))
}

fn html_response(markup: Markup) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], markup.into_string()).into_response()
}

fn document(web: &Web, frame: Frame<'_>, visit: Option<&Visit>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · " (web.farm) }
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
                @if frame.changes { noscript { meta http-equiv="refresh" content="5"; } }
            }
            body {
                a.skip href="#main" { "To the content" }
                (header_of(web, visit))
                @if let Some(reason) = visit.and_then(|visit| visit.banner.as_deref()) { (banner(reason)) }
                main #main tabindex="-1" { (body) }
                footer {
                    p {
                        "plugfarm " (env!("CARGO_PKG_VERSION")) " · farm " b { (web.farm) } " · "
                        a href="/openapi.json" { "API" } " · " a href="/audit" { "Audit" }
                    }
                }
            }
        }
    }
}

fn header_of(web: &Web, visit: Option<&Visit>) -> Markup {
    html! {
        header.top {
            a.brand href="/" { span.mark aria-hidden="true" {} span { "plugfarm" } " " b { (web.farm) } }
            nav aria-label="Pages" {
                @for (place, name) in [("/plugins", "Plugins"), ("/builds", "Builds"), ("/queue", "Queue")] {
                    (link(visit, place, name))
                }
                @if visit.is_some_and(Visit::operates) { (link(visit, "/operator", "Operator")) }
            }
            @if let Some(visit) = visit { (account(visit)) }
        }
    }
}

fn link(visit: Option<&Visit>, place: &str, name: &str) -> Markup {
    let here = visit.is_some_and(|visit| visit.path.starts_with(place));
    html! { a href=(place) aria-current=[here.then_some("page")] { (name) } }
}

fn account(visit: &Visit) -> Markup {
    html! {
        div.account {
            @match &visit.viewer {
                Some(viewer) => {
                    span.who { (viewer.name()) }
                    form method="post" action="/logout" { (viewer.proof()) button.quiet type="submit" { "Sign out" } }
                }
                None => { a href={ "/login?next=" (visit.encoded_path()) } { "Sign in" } }
            }
        }
    }
}

fn banner(reason: &str) -> Markup {
    html! {
        aside.banner aria-label="What the farm has to say" {
            p {
                b { "No build begins at the moment. " } (super::fault::sentence(reason)) " "
                "What was submitted is not lost: it waits."
            }
        }
    }
}

/// Something that a person copies: the script adds a button.
pub(super) fn copyable(label: &str, text: &str) -> Markup {
    html! { div.copy { pre tabindex="0" role="group" aria-label=(label) { code { (text) } } } }
}

/// What is said where a list would be empty.
pub(super) fn nothing(words: &str) -> Markup {
    html! { p.nothing { (words) } }
}
