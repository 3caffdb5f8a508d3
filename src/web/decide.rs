//! What its partner decides about a published version by hand: whom it goes to, that it goes away, that hosts go back.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};

use super::fault::{Fault, sentence};
use super::plugin::{find, named};
use super::serve::see_other;
use super::session::{Form, Viewer, Visit, allow};
use super::{State, Web};
use crate::model::{Blame, Channel, DebianVersion, PluginId, Reason, Scope, Stage, Target};
use crate::repo::{Entry, Phasing, RepoError, RollbackRequest, Withdrawal};

type Name = Path<(String, String)>;

/// Whoever sent a form, if they release this plugin.
pub(super) async fn releases<'a>(
    web: &Web,
    visit: &'a Visit,
    headers: &HeaderMap,
    form: &Form,
    name: Name,
) -> Result<(&'a Viewer, PluginId), Fault> {
    let viewer = allow(visit, headers, form)?;
    let plugin = named(name)?;
    let bound = find(web, visit, &plugin).await?;
    if viewer.may(Scope::Release, &plugin.namespace, &bound.partner) {
        return Ok((viewer, plugin));
    }
    let words = format!("You may not release plugins of {}.", plugin.namespace);
    Err(Fault::forbidden(words))
}

/// Lets a share of the hosts have a version.
pub(super) async fn phase(
    web: State,
    visit: Visit,
    name: Name,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let form = Form::read(&body);
    let (viewer, plugin) = releases(&web, &visit, &headers, &form, name).await?;
    let (version, channel) = form.field("what").split_once(' ').ok_or_else(unclear)?;
    let percent = form
        .field("percent")
        .trim()
        .parse()
        .map_err(|_| unclear())?;
    if percent > 100 {
        return Err(unclear());
    }
    let phasing = Phasing {
        package: plugin.package(),
        version: version.parse()?,
        percent,
        channel: Some(Channel::new(channel)?),
        by: viewer.token.decider(),
    };
    web.writer.phase(phasing).await.map_err(refused)?;
    Ok(decided(&plugin))
}

/// Takes a version away from hosts.
pub(super) async fn withdraw(
    web: State,
    visit: Visit,
    name: Name,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let form = Form::read(&body);
    let (viewer, plugin) = releases(&web, &visit, &headers, &form, name).await?;
    confirmed(&form)?;
    let withdrawal = Withdrawal {
        package: plugin.package(),
        version: form.field("version").parse()?,
        channels: Vec::new(),
        by: viewer.token.decider(),
        reason: Reason::new(form.field("reason"))?,
    };
    web.writer.withdraw(withdrawal).await.map_err(refused)?;
    Ok(decided(&plugin))
}

/// Takes hosts back to an older version.
pub(super) async fn roll_back(
    web: State,
    visit: Visit,
    name: Name,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let form = Form::read(&body);
    let (viewer, plugin) = releases(&web, &visit, &headers, &form, name).await?;
    confirmed(&form)?;
    let to = Some(form.field("to")).filter(|to| !to.is_empty());
    let request = RollbackRequest {
        package: plugin.package(),
        to: to.map(str::parse).transpose()?,
        channel: Some(Channel::new(form.field("channel"))?),
        by: viewer.token.decider(),
        reason: Reason::new(form.field("reason"))?,
    };
    web.writer.roll_back(request).await.map_err(refused)?;
    Ok(decided(&plugin))
}

fn decided(plugin: &PluginId) -> Response {
    see_other(&format!("/plugins/{plugin}#versions"))
}

fn unclear() -> Fault {
    let hint = "Choose a version, and a share from 0 to 100 percent.";
    Fault::new(StatusCode::BAD_REQUEST, "The form is not filled in.", hint)
}

/// What cannot be undone is done only by whoever said that they know it.
fn confirmed(form: &Form) -> Result<(), Fault> {
    if form.field("confirm") == "yes" {
        return Ok(());
    }
    let hint = "Tick the box beneath the reason, if you mean it.";
    let words = "This cannot be undone, and nobody has confirmed it.";
    Err(Fault::new(StatusCode::BAD_REQUEST, words, hint))
}

/// What the repository's own rules do not let happen is the caller's to hear.
pub(super) fn refused(error: RepoError) -> Fault {
    let failure = error.failure(Stage::Publish);
    match failure.blame() {
        Blame::Partner | Blame::Caller => Fault::new(
            StatusCode::CONFLICT,
            sentence(&failure.message),
            &sentence(&failure.hint),
        ),
        Blame::Farm | Blame::Upstream => error.into(),
    }
}

/// The versions that hosts of a channel get, the newest first.
fn offered<'a>(
    channels: &'a [Channel],
    entries: &'a [Entry],
) -> Vec<(&'a DebianVersion, &'a Channel)> {
    let each = entries.iter().rev().flat_map(|entry| {
        let offers = |channel: &&Channel| {
            Target::ALL.into_iter().any(|target| {
                let channel = (*channel).clone();
                entry
                    .listing(&crate::model::Suite { target, channel })
                    .is_some()
            })
        };
        let version = &entry.published.version;
        channels
            .iter()
            .filter(offers)
            .map(move |channel| (version, channel))
    });
    each.collect()
}

/// The forms of whoever may decide.
pub(super) fn section(web: &Web, viewer: &Viewer, plugin: &PluginId, entries: &[Entry]) -> Markup {
    let offered = offered(&web.channels, entries);
    let mut versions: Vec<_> = offered.iter().map(|(version, _)| *version).collect();
    versions.dedup();
    let channels = web.channels.iter();
    let channels = channels.filter(|channel| offered.iter().any(|(_, one)| one == channel));
    let form = |verb: &str, fields: &Markup| {
        html! {
            form.stacked method="post" action={ "/plugins/" (plugin) "/" (verb) } { (viewer.proof()) (fields) }
        }
    };
    html! {
        @if !offered.is_empty() {
            section.own aria-labelledby="decisions" {
                h2 #decisions { "What hosts get" }
                p { "Your name and your reason stay in the audit log." }
                details {
                    summary { "Let a share of the hosts upgrade" }
                    (form("phase", &phase_fields(&offered)))
                }
                details {
                    summary { "Withdraw a version" }
                    p { "Hosts that have it keep it; no other gets it. A version that was withdrawn never comes back." }
                    (form("withdraw", &withdraw_fields(&versions)))
                }
                details {
                    summary { "Roll back" }
                    p { "The highest version of a channel is withdrawn, and an older one is published again above it: hosts go back with their next upgrade." }
                    (form("rollback", &rollback_fields(&channels.collect::<Vec<_>>(), &versions)))
                }
            }
        }
    }
}

fn phase_fields(offered: &[(&DebianVersion, &Channel)]) -> Markup {
    html! {
        label for="phase-what" { "Version" }
        select #phase-what name="what" {
            @for (version, channel) in offered { option value={ (version) " " (channel) } { (version) " in " (channel) } }
        }
        label for="phase-percent" { "Percent of the hosts: 100 are all, 0 are none" }
        input #phase-percent type="number" name="percent" required min="0" max="100" value="10" inputmode="numeric";
        button type="submit" { "Change the share" }
    }
}

fn withdraw_fields(versions: &[&DebianVersion]) -> Markup {
    html! {
        label for="withdraw-version" { "Version" }
        select #withdraw-version name="version" { @for version in versions { option { (version) } } }
        (why("withdraw", "Hosts lose it for ever, in every channel."))
        button.danger type="submit" { "Withdraw" }
    }
}

fn rollback_fields(channels: &[&Channel], versions: &[&DebianVersion]) -> Markup {
    html! {
        label for="rollback-channel" { "Channel" }
        select #rollback-channel name="channel" { @for channel in channels { option { (channel) } } }
        label for="rollback-to" { "Back to" }
        select #rollback-to name="to" {
            option value="" { "the version before" }
            @for version in versions.iter().skip(1) { option { (version) } }
        }
        (why("rollback", "The highest version goes away for ever."))
        button.danger type="submit" { "Roll back" }
    }
}

/// The reason, and the box that whoever means it ticks.
fn why(verb: &str, warning: &str) -> Markup {
    let (reason, confirm) = (format!("{verb}-reason"), format!("{verb}-confirm"));
    html! {
        label for=(reason) { "Why?" }
        input id=(reason) type="text" name="reason" required maxlength="500" autocomplete="off";
        label.tick for=(confirm) {
            input id=(confirm) type="checkbox" name="confirm" value="yes" required;
            span { (warning) " I mean it." }
        }
    }
}
