//! `plugfarm key`.

mod adopt;
mod rotation;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use crate::app::{App, AppError};
use crate::cli::answer::Answer;
use crate::cli::args::KeyCommand;
use crate::cli::output;
use crate::cli::usage::WrongUsage;
use crate::model::FailureCode;
use crate::pipeline::now;
use crate::sign::{Forecast, Keys, Passphrase, PublicKeys, Vault, forecast};

pub(in crate::cli) fn run(app: &App, command: &KeyCommand) -> anyhow::Result<Answer> {
    match command {
        KeyCommand::Show => show(app),
        KeyCommand::Adopt => adopt::adopt(app),
        KeyCommand::Doctor => doctor(app, &app.public_keys()?),
        KeyCommand::Protect { new, remove } => protect(app, new.as_deref(), *remove),
        KeyCommand::Rotate { status } => rotation::rotate(app, *status),
        KeyCommand::Import {
            file,
            passphrase_file,
        } => rotation::import(app, file, passphrase_file.as_deref()),
        KeyCommand::Export { folder } => {
            let paths = export(app, &app.public_keys()?, folder)?;
            Ok(Answer::done("the public keys are written")
                .with(json!({ "files": paths }))
                .saying(paths.iter().map(|path| path.display().to_string())))
        }
    }
}

/// What is said of keys that whoever reads the disk, or a backup of it, can use.
pub(super) const UNPROTECTED: &str = "the secret keys are not encrypted on disk";
/// What mends that.
pub(super) const PROTECT: &str =
    "name a file with a passphrase (`signer: {passphrase_file: …}`), and run: plugfarm key protect";

fn show(app: &App) -> anyhow::Result<Answer> {
    let public = app.public_keys()?;
    let (archive, statement) = (&public.archive_fingerprint, &public.statement_key_id);
    let protected = app.keys_are_protected()?;
    let mut lines = vec![format!("archive key    {archive}")];
    let next = public.next_fingerprint.as_ref();
    lines.extend(next.map(|next| format!("  and next     {next}")));
    lines.push(format!("statement key  {statement}"));
    let mut warnings = Vec::new();
    if protected == Some(false) {
        warnings.push(UNPROTECTED);
        lines.push(output::warning(&format!("{UNPROTECTED}; {PROTECT}")));
    }
    Ok(Answer::done("these are the farm's keys")
        .with(json!({
            "archive_fingerprint": archive,
            "next_fingerprint": next,
            "statement_key_id": statement,
            "protected": protected,
            "warnings": warnings,
        }))
        .saying(lines))
}

fn protect(app: &App, new: Option<&Path>, remove: bool) -> anyhow::Result<Answer> {
    let configured = app.passphrase_file();
    let file = new.or(configured.as_deref());
    let passphrase = match (file, remove) {
        (_, true) => None,
        (Some(file), false) => Some(Passphrase::read(file).map_err(AppError::from)?),
        (None, false) => {
            let message = "there is no passphrase to encrypt the keys with; name its file with --new, and then with \
                           `signer: {passphrase_file: …}` in the configuration";
            return Err(WrongUsage(message.to_owned()).into());
        }
    };
    let keys = keys_here(app)?;
    let old = configured.as_deref().map(Passphrase::read).transpose();
    let old = old.map_err(AppError::from)?;
    Vault::protect(&app.secrets_folder(), old.as_ref(), passphrase.as_ref())
        .map_err(AppError::from)?;
    keys.protect(passphrase.as_ref()).map_err(AppError::from)?;
    let mut said = match passphrase {
        Some(_) => "the secret keys are encrypted".to_owned(),
        None => format!("{UNPROTECTED} any more; take `passphrase_file` out of the configuration"),
    };
    if let (Some(new), false) = (new, new == configured.as_deref()) {
        let new = new.display();
        said = format!(
            "{said}; from now on `signer.passphrase_file` must be {new}, or a file that says the same"
        );
    }
    Ok(Answer::done(&said)
        .with(json!({ "protected": passphrase.is_some() }))
        .saying([said]))
}

/// The keys, where this is the data folder that they are in.
fn keys_here(app: &App) -> anyhow::Result<Keys> {
    let elsewhere = app.config.signer.socket.as_ref();
    if let (Some(socket), None) = (elsewhere, app.keys_are_protected()?) {
        let socket = socket.display();
        return Err(WrongUsage(format!(
            "the keys are with the signer at {socket}, not in this data folder: run this as the signer's user, with its \
             --data-dir"
        ))
        .into());
    }
    Ok(app.keys()?)
}

/// What to do when hosts refuse, now or later.
const REPLACE: &str = "publish again (`plugfarm repo refresh`), so that all keys sign anew; a key that has expired or is too weak must be \
                       replaced (`plugfarm key rotate`) long before the day that is named, for hosts get the next one with an upgrade";

/// What one verifier says of one suite's `InRelease` on one day, on hosts that trust one of the keys.
#[derive(Debug, Serialize)]
struct Verdict {
    suite: String,
    /// The fingerprint of the one key that the hosts have.
    key: String,
    #[serde(flatten)]
    forecast: Forecast,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, days) = (self.forecast.verifier.name(), self.forecast.days);
        let problem = self.forecast.problem.as_ref();
        let said = problem.map_or("accepts".to_owned(), |why| format!("REFUSES: {why}"));
        let key: String = self.key.chars().take(8).collect();
        let suite = &self.suite;
        write!(f, "{suite:<20} {key}  {name:<17} in {days:>3} days  {said}")
    }
}

/// The first time that hosts refuse what is published, within a year, in words; and what to do.
pub(super) fn refusal(app: &App) -> anyhow::Result<Option<(String, &'static str)>> {
    let verdicts = verdicts(app, &app.public_keys()?)?;
    let refused = verdicts.iter().filter(|one| one.forecast.problem.is_some());
    let first = refused.min_by_key(|one| one.forecast.days);
    Ok(first.map(|one| (one.to_string(), REPLACE)))
}

/// What hosts will make of what they find now.
fn verdicts(app: &App, public: &PublicKeys) -> anyhow::Result<Vec<Verdict>> {
    let repository = app.repository()?;
    let mut verdicts = Vec::new();
    for state in repository.suites()? {
        let Some(in_release) = repository.in_release(&state.suite)? else {
            continue;
        };
        for (key, keyring) in public.keyrings()? {
            for forecast in forecast(&in_release, &keyring, now())? {
                let (suite, key) = (state.suite.to_string(), key.clone());
                verdicts.push(Verdict {
                    suite,
                    key,
                    forecast,
                });
            }
        }
    }
    Ok(verdicts)
}

fn doctor(app: &App, public: &PublicKeys) -> anyhow::Result<Answer> {
    let verdicts = verdicts(app, public)?;
    let good = verdicts.iter().all(|one| one.forecast.problem.is_none());
    let answer = match (verdicts.is_empty(), good) {
        (true, _) => Answer::done("nothing is published yet"),
        (false, true) => Answer::done("hosts accept what is published, for a year at least"),
        (false, false) => Answer::failed(
            FailureCode::SignUnavailable,
            "hosts refuse what is published, or will within a year",
            REPLACE,
        ),
    };
    let lines: Vec<_> = verdicts.iter().map(ToString::to_string).collect();
    Ok(answer.with(json!({ "verdicts": verdicts })).saying(lines))
}

fn export(app: &App, public: &PublicKeys, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    fs_err::create_dir_all(folder)?;
    let farm = &app.config.farm;
    let files: [(String, &[u8]); 3] = [
        (format!("plugfarm-{farm}.gpg"), &public.archive_keyring),
        (
            format!("plugfarm-{farm}.asc"),
            public.archive_armored.as_bytes(),
        ),
        (
            format!("plugfarm-{farm}-statement.pem"),
            public.statement_pem.as_bytes(),
        ),
    ];
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        fs_err::write(&path, bytes)?;
        written.push(path);
    }
    Ok(written)
}
