//! `plugfarm repo import`.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::publish;
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::ImportArgs;
use crate::cli::channels;
use crate::cli::output;
use crate::cli::usage::WrongUsage;
use crate::evidence::ImportOrigin;
use crate::import::{Found, Origin, Outcome, Request, Wanted, import};
use crate::model::Suite;
use crate::pipeline::now;

/// The most bytes that a keyring may have.
const MAX_KEYRING: u64 = 4 << 20;

pub(in crate::cli) async fn run(app: &App, arguments: &ImportArgs) -> anyhow::Result<Answer> {
    let to = Suite {
        target: arguments.to.target,
        channel: channels::entered(app, arguments.to.channel.as_ref())?,
    };
    let keyring = read_keyring(&arguments.key)?;
    let origin = Origin::parse(&arguments.origin)?;
    let publisher = app.publisher()?;
    let request = Request {
        origin: &origin,
        wanted: Wanted {
            suite: &arguments.suite,
            component: arguments.component.as_deref(),
            keyring: &keyring,
            packages: &arguments.packages,
        },
        to: to.clone(),
        by: channels::actor(arguments.by.as_ref())?,
        dry_run: arguments.dry_run,
    };
    let (repository, writer) = (&publisher.repository, &publisher.writer);
    let outcome = import(repository, writer, &app.imports()?, request, now()).await?;
    Ok(answer(&outcome, &to, arguments.dry_run))
}

fn read_keyring(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read =
        fs_err::File::open(path).and_then(|file| file.take(MAX_KEYRING).read_to_end(&mut bytes));
    read.map_err(|error| WrongUsage(format!("there is no keyring to verify by: {error}")))?;
    Ok(bytes)
}

fn answer(outcome: &Outcome, to: &Suite, dry_run: bool) -> Answer {
    let (new, present) = (outcome.new.len(), outcome.present.len());
    let mut lines = vec![format!("signed by   {}", outcome.origin.fingerprint)];
    let listed = outcome.new.iter();
    lines.extend(listed.map(|one| format!("  {} {}", one.package, one.version)));
    if !outcome.left_out.is_empty() {
        let names = outcome.left_out.join(", ");
        lines.push(output::warning(&format!(
            "left out, for hosts take only plugins (wazo-plugind-*) for all or amd64 from a farm: {names}"
        )));
    }
    lines.extend(outcome.publication.as_ref().map(publish::words));
    let message = match (new, dry_run) {
        (0, _) => format!("{to} has all of it already ({present} packages)"),
        (new, true) => {
            format!("{new} packages would be imported into {to}, which has {present} already")
        }
        (new, false) => {
            format!("{new} packages are imported into {to}, which had {present} already")
        }
    };
    lines.push(message.clone());
    Answer::done(message)
        .with(json!({
            "suite": to.to_string(),
            "origin": describe_origin(&outcome.origin),
            "dry_run": dry_run,
            "imported": outcome.new.iter().map(describe).collect::<Vec<_>>(),
            "present": outcome.present.iter().map(describe).collect::<Vec<_>>(),
            "left_out": outcome.left_out,
            "published": outcome.publication.as_ref().map(publish::describe),
        }))
        .saying(lines)
}

pub(super) fn describe_origin(origin: &ImportOrigin) -> Value {
    json!({
        "uri": origin.uri,
        "suite": origin.suite,
        "release_sha256": origin.release_sha256,
        "fingerprint": origin.fingerprint,
    })
}

fn describe(found: &Found) -> Value {
    json!({
        "package": found.package,
        "version": found.version,
        "architecture": found.architecture,
        "sha256": found.sha256,
        "size": found.size,
    })
}
