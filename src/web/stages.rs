//! The stages of an attempt, and what it used: how long, how much, beside what it may.

use std::time::Duration;

use maud::{Markup, html};

use super::words::{ago, count, exact, size, state, took};
use crate::model::{Stage, Timestamp};
use crate::pipeline::{Measure, Resources};
use crate::store::{Attempt, StageRow};

/// Every stage, in order, and what it does.
const STAGES: [(Stage, &str); 8] = [
    (Stage::Fetch, "the repository becomes a source"),
    (Stage::Check, "manifest and rules are read"),
    (Stage::Build, "rules build, in the sandbox"),
    (Stage::Package, "rules package, in the sandbox"),
    (Stage::Inspect, "what came out is judged"),
    (Stage::Assemble, "the .deb is written"),
    (Stage::Sign, "the evidence is signed"),
    (Stage::Publish, "hosts can install it"),
];

/// One attempt, stage by stage.
pub(super) fn timeline(attempt: &Attempt, rows: &[StageRow], now: Timestamp) -> Markup {
    let runs = attempt.ended_at.is_none();
    let lengths = rows.iter().map(|row| row.took_ms.unwrap_or(0));
    let whole = lengths.clone().sum::<u64>().max(1);
    html! {
        ol.stages {
            @for (stage, about) in STAGES {
                @let at = rows.iter().position(|row| row.stage == stage.word());
                @let row = at.and_then(|at| rows.get(at));
                @let standing = standing(row, runs);
                li data-stage=(standing) {
                    span.name { (stage) span.unseen { ": " (standing) } }
                    span.about { (row.and_then(|row| row.summary.as_deref()).unwrap_or(about)) }
                    @let before = lengths.clone().take(at.unwrap_or(0)).sum();
                    (bar(before, row.and_then(|row| row.took_ms).unwrap_or(0), whole))
                    span.took {
                        @match row {
                            Some(StageRow { took_ms: Some(ms), .. }) => (took(Duration::from_millis(*ms))),
                            Some(row) if runs => { (took(since(row.started_at, now))) " so far" }
                            Some(_) => "broke off",
                            None => "",
                        }
                    }
                }
            }
        }
    }
}

/// What happened when, each as long after the first as it was.
pub(super) fn moments(moments: &[(&'static str, Timestamp)]) -> Markup {
    let first = moments.first().map(|(_, at)| *at);
    html! {
        ol.moments {
            @for (name, at) in moments {
                li {
                    b { (name) }
                    " "
                    time datetime=(at.rfc3339()) title=(exact(*at)) {
                        @match first.filter(|first| first != at) {
                            Some(first) => { "+" (took(since(first, *at))) },
                            None => (exact(*at)),
                        }
                    }
                }
            }
        }
    }
}

/// How long ago something was.
fn since(then: Timestamp, now: Timestamp) -> Duration {
    let seconds = now.seconds().saturating_sub(then.seconds());
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn standing(row: Option<&StageRow>, runs: bool) -> &'static str {
    match row {
        Some(row) if row.took_ms.is_some() => "done",
        Some(_) if runs => "running",
        Some(_) => "failed",
        None => "not reached",
    }
}

/// A bar from where the stage began to where it ended. Attributes, since the policy allows no style in a page.
fn bar(before: u64, length: u64, whole: u64) -> Markup {
    let thousandth = |part: u64| part.saturating_mul(1000) / whole;
    let (from, wide) = (thousandth(before), thousandth(length));
    let wide = if length > 0 { wide.max(4) } else { 0 };
    html! {
        svg.bar viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.track width="1000" height="6" {}
            rect.part x=(from.min(1000 - wide.min(1000))) width=(wide) height="6" {}
        }
    }
}

/// The attempts before the last one.
pub(super) fn earlier(build: &str, attempts: &[Attempt], now: Timestamp) -> Markup {
    let Some((_, earlier)) = attempts.split_last() else {
        return html! {};
    };
    html! {
        @if !earlier.is_empty() {
            h3 { "Earlier attempts" }
            ul.plain {
                @for one in earlier {
                    li {
                        (state(&one.state)) " attempt " (one.number) ", " (ago(one.started_at, now))
                        @if let (Some(code), Some(blame)) = (&one.code, &one.blame) { " · " code { (code) } " (" (blame) ")" }
                        " · " a href={ "/builds/" (build) "?attempt=" (one.number) "#log" } { "its log" }
                    }
                }
            }
        }
    }
}

/// What it used at most, beside the limits.
pub(super) fn used(resources: &Resources) -> Markup {
    let millis = |millis| took(Duration::from_millis(millis));
    let files = |number| count(number, "file", "files");
    html! {
        dl.meters {
            (meter("Time", Some(resources.time), millis))
            (meter("Memory", resources.memory, size))
            (meter("Disk", resources.disk, size))
            (meter("Files", resources.inodes, files))
            @if let Some(ms) = resources.processor {
                div { dt { "Processor" } dd { (millis(ms)) } }
            }
        }
    }
}

fn meter(name: &str, measure: Option<Measure>, words: impl Fn(u64) -> String) -> Markup {
    html! {
        @if let Some(Measure { used, limit }) = measure {
            div {
                dt { (name) }
                dd {
                    (words(used)) span.dim { " of " (words(limit)) }
                    meter min="0" max=(limit) value=(used.min(limit)) high=(limit / 10 * 9) aria-label={ (name) " used" } {}
                }
            }
        }
    }
}
