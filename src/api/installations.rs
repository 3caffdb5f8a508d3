//! What became of packages on hosts: told by hosts, read by whoever answers for the plugin.
//!
//! A host tells what its token's scope `report` allows, and that lets it do nothing else. Nobody is known again by what is kept:
//! see the store.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use uuid::Uuid;

use super::State;
use super::auth::Caller;
use super::plugins::{Id, named, read};
use super::problem::Problem;
use crate::model::{DebianVersion, PluginId};
use crate::pipeline::now;
use crate::repo::Known;
use crate::store::{Counted, Halt, Report, Tally, Totals};
use crate::wire;

/// When whoever told too much about one version may go on.
const LATER: Duration = Duration::from_secs(900);

/// Tell what became of an installation on a host
#[utoipa::path(post, path = "/installations", request_body = wire::Installation, security(("token" = [])),
    responses(
        (status = 204, description = "it is counted; one that was counted before is not counted again"),
        (status = 404, description = "the farm has not published that version", body = Problem)
    ))]
pub(super) async fn tell(
    api: State,
    caller: Caller,
    body: Result<Json<wire::Installation>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let reporter = caller.reporter()?;
    let Json(told) = body?;
    api.load.report(&reporter)?;
    let plugin: PluginId = told.plugin.parse()?;
    let mut report = checked(&told, &plugin)?;
    let (package, version) = (plugin.package(), report.version.clone());
    let secrets = &api.watching.secrets;
    report.reporter = secrets.reporter(&package, &version, &reporter);
    let names = vec![package];
    let (known, _) = read(&api, move |repository| repository.known(&names)).await?;
    let of = |one: &Known| {
        let mut places = one.places.iter();
        one.published.version == version && places.any(|(suite, _)| suite.target == report.target)
    };
    if !known.iter().any(of) {
        return Err(Problem::missing("version for that Debian release"));
    }
    match api.store.report(&report, now()).await? {
        Counted::Now | Counted::Before => Ok(StatusCode::NO_CONTENT),
        Counted::TooMany => {
            let words = "more was told about this version within the hour than the farm counts";
            Err(Problem::later(StatusCode::TOO_MANY_REQUESTS, words, LATER))
        }
    }
}

/// What a host says, if it can be so. Who it is, is not filled in.
fn checked(told: &wire::Installation, plugin: &PluginId) -> Result<Report, Problem> {
    let id = Uuid::try_parse(&told.id);
    let id = id.map_err(|_| Problem::wrong("the id of a report is a random UUID"))?;
    let exit_status = told.exit_status.map(u8::try_from).transpose();
    let exit_status = exit_status.map_err(|_| Problem::wrong("an exit status is 0 to 255"))?;
    let report = Report {
        id: id.to_string(),
        package: plugin.package(),
        version: told.version.parse()?,
        target: told.target.parse()?,
        architecture: told.architecture.parse()?,
        verb: told.verb.parse()?,
        blame: told.blame.as_deref().map(str::parse).transpose()?,
        step: told.step.as_deref().map(str::parse).transpose()?,
        exit_status,
        reporter: String::new(),
    };
    if report.blame.is_none() && (report.step.is_some() || report.exit_status.is_some()) {
        return Err(Problem::wrong("what went well has no step that failed"));
    }
    Ok(report)
}

/// Show what hosts have told of a plugin's versions, the highest first: its partner, auditors and the operator may know
#[utoipa::path(get, path = "/plugins/{namespace}/{name}/installations", security(("token" = [])),
    params(("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, description = "this is it", body = Vec<wire::Installations>)))]
pub(super) async fn show(
    api: State,
    caller: Caller,
    id: Id,
) -> Result<Json<Vec<wire::Installations>>, Problem> {
    let plugin = named(id)?;
    let reader = caller.reader();
    let bound = api.store.shown_source(&plugin, &reader).await?;
    let names = vec![plugin.package()];
    let (known, _) = read(&api, move |repository| repository.known(&names)).await?;
    // What is bound and not shown is not there.
    let unbound = bound.is_none() && api.store.bound_source(&plugin).await?.is_none();
    if bound.is_none() && (known.is_empty() || !unbound) {
        return Err(Problem::missing("plugin"));
    }
    let owner = bound.map(|bound| bound.partner);
    if !reader.answers_for(&plugin.namespace, owner.as_ref()) {
        let words = "what hosts tell of a plugin is for its partner, auditors and the operator";
        let hint = "use a token of the plugin's partner";
        return Err(Problem::new(StatusCode::FORBIDDEN, words, hint));
    }
    let tallies = api.store.installations(&plugin.package()).await?;
    let halts = api.store.halted(Some(&plugin.package())).await?;
    let versions = known.iter().rev();
    let versions = versions.map(|one| installations(one, &tallies, &halts));
    Ok(Json(versions.collect()))
}

/// What is known of a version.
fn installations(known: &Known, tallies: &[Tally], halts: &[Halt]) -> wire::Installations {
    let version = &known.published.version;
    let totals = Totals::of(version, tallies);
    let failed = totals.failed.into_iter();
    let scripts = totals.scripts.into_iter();
    let places = known
        .places
        .iter()
        .filter(|(_, listing)| listing.removed.is_none());
    wire::Installations {
        version: version.to_string(),
        installed: totals.installed,
        removed: totals.removed,
        failed: failed
            .map(|(blame, count)| (blame.to_string(), count))
            .collect(),
        failures: scripts
            .map(|way| wire::ScriptFailure {
                step: way.step.map(|step| step.to_string()),
                exit_status: way.exit_status,
                count: way.count,
            })
            .collect(),
        places: places
            .map(|(suite, listing)| wire::RollOut {
                suite: suite.to_string(),
                phased: listing.phased,
                halted: halted(halts, version, &suite.to_string()),
            })
            .collect(),
    }
}

fn halted(halts: &[Halt], version: &DebianVersion, suite: &str) -> Option<wire::Halt> {
    let mut halts = halts.iter();
    let halt = halts.find(|one| one.version == *version && one.suite == suite)?;
    Some(wire::Halt {
        at: halt.at.rfc3339(),
        failures: halt.failures,
        hosts: halt.hosts,
    })
}
