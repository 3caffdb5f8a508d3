//! Which channels are meant, and who asks, where the arguments leave it open.

use super::usage::WrongUsage;
use crate::app::{App, operator};
use crate::config;
use crate::model::{Actor, Channel};

/// The channel that packages are published in.
pub(super) fn entered(app: &App, named: Option<&Channel>) -> anyhow::Result<Channel> {
    let channels = &app.config.repository.channels;
    match named {
        Some(named) => known(app, named).cloned(),
        None => Ok(channels.first().cloned().unwrap_or_else(Channel::stable)),
    }
}

/// The channels that a package is promoted from and to.
pub(super) fn step(
    app: &App,
    from: Option<&Channel>,
    to: Option<&Channel>,
) -> anyhow::Result<(Channel, Channel)> {
    let channels = &app.config.repository.channels;
    for named in [from, to].into_iter().flatten() {
        known(app, named)?;
    }
    config::step(channels, from, to).ok_or_else(|| {
        let message = "there is no channel to promote to; name several in `repository.channels`, such as [testing, stable]";
        WrongUsage(message.to_owned()).into()
    })
}

/// A channel that the farm has, or the preview of a branch.
pub(super) fn known<'a>(app: &App, named: &'a Channel) -> anyhow::Result<&'a Channel> {
    let channels = &app.config.repository.channels;
    if named.is_preview() || channels.contains(named) {
        return Ok(named);
    }
    let names: Vec<_> = channels.iter().map(Channel::as_str).collect();
    let names = names.join(", ");
    let message = format!(
        "there is no channel `{named}`; `repository.channels` in the configuration has these: {names}"
    );
    Err(WrongUsage(message).into())
}

/// Who does it: who is named, or called sudo, or is logged in.
pub(super) fn actor(named: Option<&Actor>) -> anyhow::Result<Actor> {
    let nobody = || WrongUsage("nobody is logged in; say who does it, with --by".to_owned());
    Ok(named.cloned().or_else(operator).ok_or_else(nobody)?)
}
