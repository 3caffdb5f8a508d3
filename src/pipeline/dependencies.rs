//! What a plugin depends on has to be published before it: no host could install it.

use super::attempt::{Attempt, Publisher};
use super::check::Checked;
use super::request::Request;
use crate::model::{Channel, Failure, FailureCode, PluginId, Stage, Suite, Target};
use crate::repo::RepoError;

/// How many plugins a build waits for at once.
const MOST: usize = 16;

/// Whether hosts that follow `channel` can install a plugin.
///
/// # Errors
///
/// What keeps the repository's state from being read.
pub fn is_published(
    publisher: &Publisher,
    plugin: &PluginId,
    channel: &Channel,
    target: Target,
) -> Result<bool, RepoError> {
    let suite = Suite {
        channel: channel.clone(),
        target,
    };
    publisher.repository.offers(&suite, &plugin.package())
}

/// Refuses, for now, a plugin of which hosts could not get what it depends on. The report says what that is.
pub(super) fn are_published(
    attempt: &mut Attempt<'_>,
    request: &Request,
    checked: &Checked,
) -> Result<(), Failure> {
    let publish = request.publish.as_ref();
    let Some(publish) = publish.filter(|publish| publish.after_dependencies) else {
        return Ok(());
    };
    let target = attempt.report.target;
    for plugin in &checked.plugin.manifest.depends {
        if attempt.report.awaits.len() == MOST {
            // The others are looked for when these are there.
            break;
        }
        let found = is_published(&attempt.farm.publisher, plugin, &publish.channel, target);
        if !found.map_err(|error| error.failure(Stage::Check))? {
            attempt.report.awaits.push(plugin.clone());
        }
    }
    let awaits: Vec<_> = attempt
        .report
        .awaits
        .iter()
        .map(ToString::to_string)
        .collect();
    if awaits.is_empty() {
        return Ok(());
    }
    let message = format!(
        "it depends on {}, not published in {} for {target} yet",
        awaits.join(" and "),
        publish.channel
    );
    let hint = "submit what it depends on: once that is published, this build goes on by itself";
    let code = FailureCode::DependencyMissing;
    Err(Failure::new(Stage::Check, code, message, hint))
}
