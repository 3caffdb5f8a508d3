//! What a build came to, first of all: whose fault it is, the lines that show it, and what to do.

use maud::{Markup, html};
use serde::Deserialize;

use super::fault::sentence;
use super::words::{ago, build_state, count, marked};
use crate::model::{Blame, BuildState, Finding, LogLine, Severity, Timestamp};
use crate::pipeline::Resources;
use crate::queue::Wait;
use crate::store::{Attempt, Awaited, Build, Publication};

/// How the last attempt ended, as it is stored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Verdict {
    pub(super) stage: Option<String>,
    pub(super) code: Option<String>,
    pub(super) blame: Option<Blame>,
    message: String,
    hint: Option<String>,
    lines: Vec<LogLine>,
    findings: Vec<Finding>,
    pub(super) resources: Option<Resources>,
}

impl Verdict {
    /// The verdict of a build; an empty one, if it has none.
    pub(super) fn of(build: &Build) -> Self {
        let text = build.result.as_deref().unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Whose fault it is, in words.
fn fault_of(blame: Option<Blame>) -> &'static str {
    match blame {
        Some(Blame::Partner) => "The plugin's fault",
        Some(Blame::Farm) => "The farm's fault",
        Some(Blame::Upstream) => "Somebody else's fault",
        Some(Blame::Caller) => "Asked for wrongly",
        None => "Failed",
    }
}

/// What is known about where a build is.
pub(super) struct Standing<'a> {
    pub(super) build: &'a Build,
    pub(super) verdict: &'a Verdict,
    pub(super) attempts: &'a [Attempt],
    pub(super) publication: Option<&'a Publication>,
    pub(super) wait: Option<&'a Wait>,
    /// What a parked build waits for.
    pub(super) awaited: &'a [Awaited],
    pub(super) now: Timestamp,
}

impl Standing<'_> {
    /// The verdict, or what is awaited.
    pub(super) fn markup(&self) -> Markup {
        html! {
            div.verdict data-state=(self.build.state) {
                p.eyebrow { (build_state(self.build.state)) }
                @match self.build.state {
                    BuildState::Succeeded => (self.published()),
                    BuildState::Queued => (self.waits()),
                    BuildState::Parked => (self.parked()),
                    BuildState::Running => (self.runs()),
                    BuildState::Failed => (self.failed()),
                    BuildState::Quarantined => {
                        h2 { "The farm has died too often while it ran this" }
                        p { "It is left alone so that other builds can go on. The farm's operator has to look at it, and can try it again." }
                    }
                    BuildState::Cancelled => {
                        h2 { "Somebody stopped it" }
                        p { "Nothing was published. It can be tried again." }
                    }
                    BuildState::Superseded => {
                        h2 { "A newer build took its place" }
                        p { "A newer build of the same plugin was submitted for the same target and channel before this one began." }
                    }
                }
                (self.findings())
            }
        }
    }

    fn published(&self) -> Markup {
        html! {
            @match self.publication {
                Some(one) => {
                    h2 { "Published: " (one.version) }
                    p {
                        "Hosts on " code { (one.suite) } " get it with their next " code { "apt update" } ". See "
                        a href={ "/plugins/" (self.build.plugin) } { "how to install it" } "."
                    }
                    @if let Some(seen) = one.visible_at {
                        p.small { "The farm has fetched it itself as hosts do, " (ago(seen, self.now)) "." }
                    }
                }
                None => {
                    h2 { "Built" }
                    p { "Nothing new was published: the repository had the same content already." }
                }
            }
        }
    }

    fn waits(&self) -> Markup {
        let again = !self.attempts.is_empty();
        html! {
            h2 { @if again { "It waits for another try" } @else { "It waits for its turn" } }
            @if let Some(wait) = self.wait { p { (marked(&sentence(&wait.to_string()))) } }
            @if again && !self.verdict.message.is_empty() {
                p { "The last attempt: " (marked(&sentence(&self.verdict.message))) " It costs you nothing, and the farm tries again by itself." }
                (self.lines())
            }
            p { a href="/queue" { "See the whole queue" } }
        }
    }

    fn parked(&self) -> Markup {
        html! {
            h2 { "It waits for plugins that it depends on" }
            p { "These are not published yet in its channel, for its target. It goes on by itself once they are." }
            ul.plain {
                @for one in self.awaited {
                    li {
                        @match &one.last {
                            Some((build, state)) => { b { (one.plugin) } ": its last " a href={ "/builds/" (build) } { "build" } " is " (state) }
                            None => { b { (one.plugin) } ": nobody has submitted it yet" }
                        }
                    }
                }
            }
        }
    }

    fn runs(&self) -> Markup {
        let began = self.attempts.last().map(|attempt| attempt.started_at);
        html! {
            h2 { "It is being built" }
            @if let Some(began) = began {
                p {
                    "Attempt " (self.attempts.len()) ", begun " (ago(began, self.now)) ". The log below grows as the build goes on."
                }
            }
        }
    }

    fn failed(&self) -> Markup {
        let verdict = self.verdict;
        html! {
            h2 {
                (fault_of(verdict.blame))
                @if let Some(stage) = &verdict.stage { ", in stage " (stage) }
            }
            p.said { (marked(&sentence(&verdict.message))) }
            @if let Some(code) = &verdict.code { p.small { "Code " code { (code) } } }
            @if let Some(hint) = verdict.hint.as_deref().filter(|hint| !hint.is_empty()) {
                p.next { b { "Next step: " } (marked(&sentence(hint))) }
            }
            @if verdict.blame.is_some_and(|blame| matches!(blame, Blame::Farm | Blame::Upstream)) {
                p { "It was tried " (count(self.attempts.len() as u64, "time", "times")) ". It is not counted against the plugin." }
            }
            (self.lines())
        }
    }

    fn lines(&self) -> Markup {
        html! {
            @if !self.verdict.lines.is_empty() {
                div.log.telling role="region" tabindex="0" aria-label="The log lines that show it" {
                    @for line in &self.verdict.lines { (telling(line)) }
                }
            }
        }
    }

    fn findings(&self) -> Markup {
        html! {
            @if !self.verdict.findings.is_empty() {
                h3 { "What the checks found" }
                ul.findings {
                    @for finding in &self.verdict.findings { li { (found(finding)) } }
                }
            }
        }
    }
}

fn telling(line: &LogLine) -> Markup {
    let place = format!("?from={0}#L{0}", line.number);
    html! { div.l { a href=(place) { (line.number) } span { (line.text) } } }
}

fn found(finding: &Finding) -> Markup {
    let weight = match finding.severity {
        Severity::Warn => "worth knowing",
        Severity::Hold => "stops the build unless allowed",
        Severity::Refuse => "stops the build",
    };
    html! {
        p { b { (marked(&sentence(&finding.message))) } " " span.dim { "(" (weight) ")" } }
        p {
            (marked(&sentence(&finding.fix)))
            @if let Some(file) = &finding.file {
                " " code { (file) @if let Some(line) = finding.line { ":" (line) } }
            }
        }
        p.small { code { (finding.code) } }
    }
}
