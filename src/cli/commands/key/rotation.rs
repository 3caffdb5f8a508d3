//! `plugfarm key rotate` and `key import`: another archive key, step by step, so that no host is locked out.

use std::io::Read as _;
use std::path::Path;

use serde_json::json;

use super::keys_here;
use crate::app::{App, AppError};
use crate::cli::answer::Answer;
use crate::model::FailureCode;
use crate::pipeline::now;
use crate::sign::{ImportError, KeyError, Passphrase, Rotation};

/// The most bytes that a file with a key may have.
const MAX_FILE: u64 = 1 << 20;

/// What to do when a step is refused.
const LATER: &str = "run it again then; `plugfarm key rotate --status` says how far it is";

/// Goes on with the exchange of the archive key, as far as it may go now.
pub(super) fn rotate(app: &App, status: bool) -> anyhow::Result<Answer> {
    let overlap = app.config.signer.overlap;
    let keys = keys_here(app)?;
    let state = keys.rotation(overlap).map_err(AppError::from)?;
    if status {
        return described(app, &state, Vec::new());
    }
    let done = match &state {
        Rotation::Idle => {
            keys.rotate().map_err(AppError::from)?;
            "the next archive key is made, and both sign"
        }
        Rotation::Ready { .. } => {
            keys.retire(overlap).map_err(AppError::from)?;
            "the old archive key is retired; its secret half is in `keys/retired`: move it to a place apart, or destroy it"
        }
        Rotation::Shipping { .. } => "what is published has to have the present keys",
        Rotation::Waiting { until, .. } => {
            let message = format!("it is too early: the old key may retire on {until}");
            return Ok(Answer::failed(FailureCode::Usage, message, LATER)
                .with(json!({ "rotation": state })));
        }
    };
    drop(keys);
    ship(app)?;
    let state = app.keys()?.rotation(overlap).map_err(AppError::from)?;
    described(app, &state, vec![done.to_owned()])
}

/// Takes a key that was made elsewhere.
pub(super) fn import(app: &App, file: &Path, passphrase: Option<&Path>) -> anyhow::Result<Answer> {
    let mut export = Vec::new();
    fs_err::File::open(file)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut export)?;
    let passphrase = passphrase.map(Passphrase::read);
    let passphrase = passphrase.transpose().map_err(AppError::from)?;
    let fingerprint = match keys_here(app)?.import(&export, passphrase.as_ref()) {
        Ok(fingerprint) => fingerprint,
        Err(ImportError::Keys { source }) if !matches!(source, KeyError::Early { .. }) => {
            return Err(AppError::from(source).into());
        }
        Err(error) => {
            let message = format!("{} cannot be the archive key: {error}", file.display());
            let hint = "nothing was changed";
            return Ok(Answer::failed(FailureCode::Usage, message, hint));
        }
    };
    ship(app)?;
    let overlap = app.config.signer.overlap;
    let state = app.keys()?.rotation(overlap).map_err(AppError::from)?;
    described(
        app,
        &state,
        vec![format!("the key {fingerprint} is the farm's")],
    )
}

/// Publishes what is published again, signed by the present keys and with the present keyring package. Where the keys are
/// with a signer, the farm's user does it.
fn ship(app: &App) -> anyhow::Result<()> {
    if app.config.signer.socket.is_some() {
        return Ok(());
    }
    let publisher = app.publisher()?;
    let repository = &publisher.repository;
    let suites = repository.suites()?.into_iter().map(|one| one.suite);
    let suites: Vec<_> = suites.filter(|suite| !suite.channel.is_preview()).collect();
    if !suites.is_empty() {
        let lock = repository.lock()?;
        repository.refresh(&lock, &suites, now(), publisher.signer.as_ref())?;
    }
    Ok(())
}

/// How far the exchange is, and what comes next.
fn described(app: &App, state: &Rotation, mut lines: Vec<String>) -> anyhow::Result<Answer> {
    let public = app.keys()?.public().clone();
    lines.push(format!("archive key  {}", public.archive_fingerprint));
    let next = public.next_fingerprint.as_ref();
    lines.extend(next.map(|next| format!("  and next   {next}")));
    lines.push(match state {
        Rotation::Idle => "no exchange of keys is under way; `plugfarm key rotate` begins one".to_owned(),
        Rotation::Shipping { suites } if suites.is_empty() => {
            "nothing is published yet: hosts get these keys with the first publication".to_owned()
        }
        Rotation::Shipping { suites } => format!(
            "hosts do not get these keys yet in {}: run `plugfarm repo refresh`, as the farm's user",
            suites.join(", ")
        ),
        Rotation::Waiting { since, until } => format!(
            "hosts get both keys since {since}; on {until} `plugfarm key rotate` may retire the old one"
        ),
        Rotation::Ready { since } => format!(
            "hosts get both keys since {since}; `plugfarm key rotate` retires the old one"
        ),
    });
    let message = lines.last().cloned().unwrap_or_default();
    Ok(Answer::done(message)
        .with(json!({
            "archive_fingerprint": public.archive_fingerprint,
            "next_fingerprint": next,
            "rotation": state,
        }))
        .saying(lines))
}
