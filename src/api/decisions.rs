//! What hosts get of a published version, decided by its partner or the operator: the repository's own rules hold, and its
//! audit log says who.

use axum::Json;
use axum::extract::rejection::JsonRejection;

use super::auth::Caller;
use super::plugins::{Id, find};
use super::problem::Problem;
use super::{Api, State};
use crate::model::{Channel, PluginId, Reason, Scope};
use crate::repo::{Pending, Phasing, Promoted, Promotion, RollbackRequest, RolledBack, Standing};
use crate::repo::{Withdrawal, Withdrawn};
use crate::wire;

/// Let a version into the next channel: the same bytes, with a signed approval
#[utoipa::path(post, path = "/plugins/{namespace}/{name}/promote", request_body = wire::Promotion,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "it is there, or waits for more approvals", body = Vec<wire::Promoted>),
        (status = 409, description = "it is not the time for it", body = Problem)
    ))]
pub(super) async fn promote(
    api: State,
    caller: Caller,
    id: Id,
    body: Result<Json<wire::Promotion>, JsonRejection>,
) -> Result<Json<Vec<wire::Promoted>>, Problem> {
    let plugin = may(&api, &caller, id).await?;
    let Json(asked) = body?;
    let (from, to) = step(&api, asked.from.as_deref(), asked.to.as_deref())?;
    let targets = asked.targets.iter().map(|target| target.parse());
    let promotion = Promotion {
        package: plugin.package(),
        version: asked.version.as_deref().map(str::parse).transpose()?,
        targets: targets.collect::<Result<_, _>>()?,
        from,
        to,
        phased: asked
            .phase
            .map(percent)
            .transpose()?
            .filter(|percent| *percent < 100),
        by: caller.approver(api.approvals)?,
        reason: Reason::new(&asked.reason)?,
    };
    let promoted = api.writer.promote(promotion).await?;
    Ok(Json(promoted.into_iter().map(Into::into).collect()))
}

/// Only let a share of the hosts upgrade to a version by itself
#[utoipa::path(post, path = "/plugins/{namespace}/{name}/phase", request_body = wire::Phasing,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "this is it", body = wire::Phased),
        (status = 409, description = "it is not the time for it", body = Problem)
    ))]
pub(super) async fn phase(
    api: State,
    caller: Caller,
    id: Id,
    body: Result<Json<wire::Phasing>, JsonRejection>,
) -> Result<Json<wire::Phased>, Problem> {
    let plugin = may(&api, &caller, id).await?;
    let Json(asked) = body?;
    let phasing = Phasing {
        package: plugin.package(),
        version: asked.version.parse()?,
        percent: percent(asked.percent)?,
        channel: asked
            .channel
            .as_deref()
            .map(|one| known(&api, one))
            .transpose()?,
        by: caller.decider(),
    };
    let suite = api.writer.phase(phasing.clone()).await?;
    Ok(Json(wire::Phased {
        package: phasing.package,
        version: phasing.version.to_string(),
        suite: suite.to_string(),
        percent: phasing.percent,
    }))
}

/// Take a version away from hosts, for ever
#[utoipa::path(post, path = "/plugins/{namespace}/{name}/withdraw", request_body = wire::Withdrawal,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "hosts get it no more", body = wire::Withdrawn),
        (status = 409, description = "it is not the time for it", body = Problem)
    ))]
pub(super) async fn withdraw(
    api: State,
    caller: Caller,
    id: Id,
    body: Result<Json<wire::Withdrawal>, JsonRejection>,
) -> Result<Json<wire::Withdrawn>, Problem> {
    let plugin = may(&api, &caller, id).await?;
    let Json(asked) = body?;
    let channels = asked.channels.iter().map(|channel| known(&api, channel));
    let withdrawal = Withdrawal {
        package: plugin.package(),
        version: asked.version.parse()?,
        channels: channels.collect::<Result<_, _>>()?,
        by: caller.decider(),
        reason: Reason::new(&asked.reason)?,
    };
    let withdrawn = api.writer.withdraw(withdrawal.clone()).await?;
    Ok(Json((withdrawal, withdrawn).into()))
}

/// Withdraw the highest version, and bring an older one back above it
#[utoipa::path(post, path = "/plugins/{namespace}/{name}/rollback", request_body = wire::Rollback,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "`apt upgrade` takes hosts back", body = Vec<wire::RolledBack>),
        (status = 409, description = "it is not the time for it", body = Problem)
    ))]
pub(super) async fn rollback(
    api: State,
    caller: Caller,
    id: Id,
    body: Result<Json<wire::Rollback>, JsonRejection>,
) -> Result<Json<Vec<wire::RolledBack>>, Problem> {
    let plugin = may(&api, &caller, id).await?;
    let Json(asked) = body?;
    let request = RollbackRequest {
        package: plugin.package(),
        to: asked.to.as_deref().map(str::parse).transpose()?,
        channel: asked
            .channel
            .as_deref()
            .map(|one| known(&api, one))
            .transpose()?,
        by: caller.decider(),
        reason: Reason::new(&asked.reason)?,
    };
    let rolled_back = api.writer.roll_back(request).await?;
    Ok(Json(rolled_back.into_iter().map(Into::into).collect()))
}

/// The plugin, if the caller decides about it.
async fn may(api: &Api, caller: &Caller, id: Id) -> Result<PluginId, Problem> {
    let bound = find(api, id, &caller.reader()).await?;
    let plugin = bound.source.plugin;
    caller.may(Scope::Release, &plugin.namespace, &bound.partner)?;
    Ok(plugin)
}

fn percent(percent: u8) -> Result<u8, Problem> {
    match percent {
        0..=100 => Ok(percent),
        _ => Err(Problem::wrong("a share of hosts has 0 to 100 percent")),
    }
}

/// A channel that the farm has, or the preview of a branch.
fn known(api: &Api, named: &str) -> Result<Channel, Problem> {
    let channel = Channel::new(named)?;
    if channel.is_preview() || api.channels.contains(&channel) {
        return Ok(channel);
    }
    Err(Problem::wrong(
        "the farm has no such channel; /channels names them",
    ))
}

/// The channels that a version is promoted from and to.
fn step(api: &Api, from: Option<&str>, to: Option<&str>) -> Result<(Channel, Channel), Problem> {
    let (from, to) = (
        from.map(|named| known(api, named)).transpose()?,
        to.map(|named| known(api, named)).transpose()?,
    );
    let found = crate::config::step(&api.channels, from.as_ref(), to.as_ref());
    found.ok_or_else(|| Problem::wrong("there is no channel to promote to; /channels names them"))
}

impl From<Promoted> for wire::Promoted {
    fn from(promoted: Promoted) -> Self {
        Self {
            package: promoted.package,
            version: promoted.version.to_string(),
            suite: promoted.suite.to_string(),
            sha256: promoted.sha256.to_string(),
            approvals: promoted.approvals.iter().map(Into::into).collect(),
            missing: promoted.missing,
        }
    }
}

impl From<&Standing> for wire::Approval {
    fn from(standing: &Standing) -> Self {
        Self {
            by: standing.by.to_string(),
            at: standing.at.rfc3339(),
        }
    }
}

impl From<&Pending> for wire::Pending {
    fn from(pending: &Pending) -> Self {
        Self {
            version: pending.version.to_string(),
            suite: pending.suite.to_string(),
            approvals: pending.approvals.iter().map(Into::into).collect(),
        }
    }
}

impl From<(Withdrawal, Withdrawn)> for wire::Withdrawn {
    fn from((withdrawal, withdrawn): (Withdrawal, Withdrawn)) -> Self {
        Self {
            package: withdrawal.package,
            version: withdrawal.version.to_string(),
            suites: withdrawn.suites.iter().map(ToString::to_string).collect(),
            pinned: withdrawn.pinned,
        }
    }
}

impl From<RolledBack> for wire::RolledBack {
    fn from(rolled_back: RolledBack) -> Self {
        Self {
            package: rolled_back.package,
            bad: rolled_back.bad.to_string(),
            to: rolled_back.to.to_string(),
            version: rolled_back.version.to_string(),
            sha256: rolled_back.sha256.to_string(),
            suites: rolled_back.suites.iter().map(ToString::to_string).collect(),
        }
    }
}
