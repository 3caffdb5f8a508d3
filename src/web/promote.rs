//! Promotion by hand: what a version's partner can let into the next channel, and what waits for one more person.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};

use super::decide::{refused, releases};
use super::fault::Fault;
use super::serve::see_other;
use super::session::{Form, Viewer, Visit};
use super::words::ago;
use super::{State, Web};
use crate::config::step;
use crate::model::{Channel, PluginId, Reason, Suite, Target, Timestamp};
use crate::pipeline::now;
use crate::repo::{Entry, Pending, Promotion};

/// Lets a version into the next channel, or notes that one more person wants it there.
pub(super) async fn promote(
    web: State,
    visit: Visit,
    name: Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let form = Form::read(&body);
    let (viewer, plugin) = releases(&web, &visit, &headers, &form, name).await?;
    let from = Channel::new(form.field("from"))?;
    let (from, to) = step(&web.channels, Some(&from), None)
        .filter(|(from, _)| web.channels.contains(from))
        .ok_or_else(|| Fault::missing("next channel"))?;
    let by = viewer.token.approver(web.approvals).ok_or_else(|| {
        let words = "Several people must approve, and your token does not say who holds it.";
        let hint = "Ask the farm's operator for a token of your own.";
        Fault::new(StatusCode::FORBIDDEN, words, hint)
    })?;
    let promotion = Promotion {
        package: plugin.package(),
        version: Some(form.field("version").parse()?),
        targets: vec![form.field("target").parse()?],
        from,
        to,
        phased: None,
        by,
        reason: Reason::new(form.field("reason"))?,
    };
    web.writer.promote(promotion).await.map_err(refused)?;
    Ok(see_other(&format!("/plugins/{plugin}#promotion")))
}

/// A version that a channel has, and the next one has not.
struct Candidate<'a> {
    entry: &'a Entry,
    from: Suite,
    to: Suite,
}

/// The versions that may go to the next channel, the newest of each suite alone.
fn candidates<'a>(channels: &[Channel], entries: &'a [Entry]) -> Vec<Candidate<'a>> {
    let steps = channels.windows(2).flat_map(|pair| {
        let suite = |target, channel: Option<&Channel>| {
            let channel = channel.cloned()?;
            Some(Suite { target, channel })
        };
        Target::ALL.into_iter().filter_map(move |target| {
            Some((suite(target, pair.first())?, suite(target, pair.last())?))
        })
    });
    steps
        .filter_map(|(from, to)| {
            let mut newest = entries.iter().rev();
            let entry = newest.find(|entry| entry.listing(&from).is_some())?;
            let new = entry.listing(&to).is_none();
            new.then_some(Candidate { entry, from, to })
        })
        .collect()
}

/// The forms of whoever may promote, and what waits for one more person.
pub(super) fn section(
    web: &Web,
    viewer: &Viewer,
    plugin: &PluginId,
    (entries, pending): (&[Entry], &[Pending]),
) -> Markup {
    let candidates = candidates(&web.channels, entries);
    html! {
        @if !candidates.is_empty() {
            section.own aria-labelledby="promotion" {
                h2 #promotion { "Promotion" }
                p { "The same bytes go to the next channel. Your name and your reason stay in the audit log." }
                @for one in &candidates { (one.form(viewer, plugin, pending, now())) }
            }
        }
    }
}

impl Candidate<'_> {
    fn form(
        &self,
        viewer: &Viewer,
        plugin: &PluginId,
        pending: &[Pending],
        now: Timestamp,
    ) -> Markup {
        let version = &self.entry.published.version;
        let mut pending = pending.iter();
        let pending = pending.find(|one| one.suite == self.to && one.version == *version);
        let field = format!("reason-{}", self.to);
        html! {
            form.stacked method="post" action={ "/plugins/" (plugin) "/promote" } {
                (viewer.proof())
                input type="hidden" name="version" value=(version);
                input type="hidden" name="target" value=(self.from.target);
                input type="hidden" name="from" value=(self.from.channel);
                label for=(field) { code { (version) } " from " b { (self.from) } " to " b { (self.to) } ": why?" }
                @for standing in pending.map(|one| one.approvals.as_slice()).unwrap_or_default() {
                    p.small { (standing.by) " approved it " (ago(standing.at, now)) "; one more person has to." }
                }
                input id=(field) type="text" name="reason" required maxlength="500" placeholder="Ran for a week" autocomplete="off";
                button type="submit" { "Promote" }
            }
        }
    }
}
